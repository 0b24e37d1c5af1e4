//! The store on a real directory.

use super::*;
use std::sync::atomic::{AtomicU32, Ordering};

static NEXT: AtomicU32 = AtomicU32::new(0);

fn directory() -> PathBuf {
    let n = NEXT.fetch_add(1, Ordering::Relaxed);
    let dir = std::env::temp_dir().join(format!("mingluo-clips-{}-{n}", std::process::id()));
    drop(fs::remove_dir_all(&dir));
    dir
}

fn store(bytes_max: u64) -> (ClipStore, PathBuf) {
    let dir = directory();
    (ClipStore::open(&dir, bytes_max).expect("temporary directory"), dir)
}

#[test]
fn a_clip_comes_back_and_twice_is_once() {
    let (clips, dir) = store(1_000);
    let one = clips.put(Codec::Opus, b"abc", 20).expect("room");
    let again = clips.put(Codec::Opus, b"abc", 20).expect("room");
    assert_eq!((one.clone(), clips.bytes()), (again, 3));
    assert_eq!(clips.read(one.sha256).expect("there"), b"abc");
    let reopened = ClipStore::open(&dir, 1_000).expect("opens");
    assert_eq!(reopened.read(one.sha256).expect("there"), b"abc");
    assert!(dir.join("ba").join(format!("{}.opus", one.sha256)).exists());
}

#[test]
fn damage_and_absence_are_told_and_healed() {
    let (clips, _) = store(1_000);
    let one = clips.put(Codec::Wav, b"abc", 20).expect("room");
    fs::write(clips.path(one.sha256).expect("there"), b"abX").expect("writable");
    assert!(matches!(clips.read(one.sha256), Err(ClipFault::Damaged(_))));
    assert!(matches!(clips.read(one.sha256), Err(ClipFault::Absent(_))));
    let healed = clips.put(Codec::Wav, b"abc", 20).expect("room");
    fs::remove_file(clips.path(healed.sha256).expect("there")).expect("removable");
    assert!(clips.path(healed.sha256).is_none());
    assert_eq!(clips.bytes(), 0);
}

#[test]
fn the_oldest_unpinned_goes_first_and_pinned_never() {
    let (clips, _) = store(10);
    let a = clips.put(Codec::Mp3, b"aaaa", 1).expect("room").sha256;
    let b = clips.put(Codec::Mp3, b"bbbb", 1).expect("room").sha256;
    assert!(clips.pin(a));
    let c = clips.put(Codec::Mp3, b"cccc", 1).expect("b makes room").sha256;
    assert!(clips.read(a).is_ok() && clips.read(b).is_err() && clips.read(c).is_ok());
    assert!(clips.pin(c));
    let full = clips.put(Codec::Mp3, b"dddd", 1);
    assert!(matches!(full, Err(ClipFault::Full { wanted: 4, free: 2 })), "{full:?}");
    clips.unpin(a);
    assert!(clips.put(Codec::Mp3, b"dddd", 1).is_ok() && clips.read(a).is_err());
}

#[test]
fn a_pin_is_counted_and_waits_for_a_clip_that_comes_back() {
    let (clips, _) = store(10);
    let a = clips.put(Codec::Mp3, b"aaaa", 1).expect("room").sha256;
    assert!(clips.pin(a) && clips.pin(a));
    clips.unpin(a);
    fs::remove_file(clips.path(a).expect("there")).expect("removable");
    assert!(!clips.pin(a), "it is not there");
    clips.unpin(a);
    assert_eq!(clips.put(Codec::Mp3, b"aaaa", 1).expect("room").sha256, a);
    for bytes in [b"bbbb", b"cccc", b"dddd"] {
        let _one = clips.put(Codec::Mp3, bytes, 1).expect("the others make room");
    }
    assert!(clips.read(a).is_ok(), "pinned all the time");
    clips.unpin(a);
    clips.unpin(a);
    let _one = clips.put(Codec::Mp3, b"eeee", 1).expect("room");
    let _two = clips.put(Codec::Mp3, b"ffff", 1).expect("room");
    assert!(clips.read(a).is_err());
}

#[test]
fn wrong_sizes_are_refused_and_leftovers_removed() {
    let (clips, dir) = store(100);
    assert!(matches!(clips.put(Codec::Opus, b"", 0), Err(ClipFault::Size(0))));
    let huge = vec![0; usize::try_from(CLIP_BYTES_MAX).expect("fits") + 1];
    assert!(matches!(clips.put(Codec::Opus, &huge, 0), Err(ClipFault::Size(_))));
    fs::create_dir_all(dir.join("aa")).expect("writable");
    fs::write(dir.join("aa/x.part"), b"half").expect("writable");
    drop(ClipStore::open(&dir, 100).expect("opens"));
    assert!(!dir.join("aa/x.part").exists());
}

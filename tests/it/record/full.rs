//! A full disk: nothing is half written, the ballast is given up, an alarm rises. And the speed.

use super::{Folder, PLAIN, check_holds, open, rows};
use mingluo::clock::Monotonic;
use mingluo::model::UtcMs;
use mingluo::record::{Journal, JournalError, NewRow, SqliteJournal, SqliteOptions};
use std::io::Write;

/// Small ballast of the tests.
const BALLAST: u64 = 256 * 1024;

#[test]
fn a_full_store_refuses_whole_groups_and_gives_up_the_ballast() {
    let folder = Folder::new("full");
    let ballast = folder.0.join("record.db-ballast");
    let options = SqliteOptions { ballast_bytes: BALLAST, pages_max: Some(40) };
    let mut journal = SqliteJournal::open(&folder.db(), &options).unwrap();
    assert_eq!(std::fs::metadata(&ballast).unwrap().len(), BALLAST);
    assert!(!journal.space_low());
    let fault = loop {
        let first = journal.head().0 + 1;
        if let Err(fault) = journal.append(&rows(first..first + 50), &[]) {
            break fault;
        }
    };
    assert!(matches!(fault, JournalError::Full { .. }), "{fault}");
    assert!(!ballast.exists() && journal.space_low());
    let kept = journal.head().0;
    assert!(kept >= 50 && kept.is_multiple_of(50), "{kept}");
    assert!(journal.append(&rows(kept + 1..kept + 51), &[]).is_err(), "full a second time");
    check_holds(&mut journal, kept);
    drop(journal);

    // Somebody made room: the same rows go in, and the next start has its ballast again.
    let options = SqliteOptions { pages_max: None, ..options };
    let mut journal = SqliteJournal::open(&folder.db(), &options).unwrap();
    assert!(ballast.exists() && !journal.space_low());
    journal.append(&rows(kept + 1..kept + 51), &[]).unwrap();
    check_holds(&mut journal, kept + 50);
}

#[test]
fn a_ballast_of_another_size_is_made_anew() {
    let folder = Folder::new("ballast");
    let ballast = folder.0.join("record.db-ballast");
    for bytes in [BALLAST, BALLAST / 2 + 1] {
        // As a kill in the middle of reserving leaves it.
        std::fs::write(&ballast, b"half").unwrap();
        let options = SqliteOptions { ballast_bytes: bytes, pages_max: None };
        drop(SqliteJournal::open(&folder.db(), &options).unwrap());
        assert_eq!(std::fs::metadata(&ballast).unwrap().len(), bytes);
    }
    assert!(!SqliteJournal::open(&folder.db(), &PLAIN).unwrap().space_low());
}

/// Fills a real small file system: the append that meets the end of the disk succeeds on the
/// ballast, so that the warning goes on.
#[test]
#[ignore = "needs MINGLUO_TEST_SMALL_DISK, the folder of a file system of about 4 MiB"]
fn the_ballast_carries_the_append_that_meets_the_end_of_the_disk() {
    let disk = std::path::PathBuf::from(std::env::var("MINGLUO_TEST_SMALL_DISK").unwrap());
    let path = disk.join("record.db");
    let options = SqliteOptions { ballast_bytes: 1024 * 1024, pages_max: None };
    let mut journal = SqliteJournal::open(&path, &options).unwrap();
    journal.append(&rows(1..101), &[]).unwrap();
    // Somebody else fills the disk.
    let mut other = std::fs::File::create(disk.join("other")).unwrap();
    while other.write_all(&[1; 4096]).is_ok() {}
    let mut n_appended_on_ballast = 0;
    let fault = loop {
        let first = journal.head().0 + 1;
        match journal.append(&rows(first..first + 100), &[]) {
            Ok(_) if journal.space_low() => n_appended_on_ballast += 1,
            Ok(_) => {}
            Err(fault) => break fault,
        }
    };
    assert!(n_appended_on_ballast > 0);
    assert!(matches!(fault, JournalError::Full { .. }), "{fault}");
    let kept = journal.head().0;
    check_holds(&mut journal, kept);
    drop(journal);
    // A start on a full disk: readable, alarmed, and writing again as soon as there is room.
    drop(other);
    std::fs::remove_file(disk.join("other")).unwrap();
    let mut journal = SqliteJournal::open(&path, &options).unwrap();
    journal.append(&rows(kept + 1..kept + 101), &[]).unwrap();
    assert!(!journal.space_low());
    check_holds(&mut journal, kept + 100);
}

/// Prints rows a second; wanted: 50,000 in groups of 1,000 with bodies of 250 bytes.
#[test]
#[ignore = "measures; run alone with --nocapture"]
fn speed() {
    let folder = Folder::new("speed");
    let mut journal = open(&folder.db());
    let body = vec![b'x'; 250];
    let row = NewRow { at: UtcMs(1), kind: "acknowledged".to_owned(), body };
    let group = vec![row; 1_000];
    let watch = Monotonic::start();
    for _ in 0..200 {
        journal.append(&group, &[]).unwrap();
    }
    let append_ms = watch.elapsed_ms().max(1);
    let watch = Monotonic::start();
    let found = journal.verify(&mingluo::record::Trust::default()).unwrap();
    let verify_ms = watch.elapsed_ms().max(1);
    assert!(found.is_good());
    let (append, verify) = (200_000_000 / append_ms, 200_000_000 / verify_ms);
    writeln!(std::io::stdout(), "append {append} rows/s, verify {verify} rows/s").unwrap();
}

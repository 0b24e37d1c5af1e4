//! One contract on every store.

use super::{Folder, SECRET, alert, check_holds, open, row, rows, url};
use mingluo::model::{Sha256, UtcMs};
use mingluo::record::{
    self, BODY_BYTES_MAX, CHECKPOINT_ROWS, Journal, JournalError, KIND_BYTES_MAX, MemoryJournal,
    NewRow, RAW_BYTES_MAX, ROWS_PER_APPEND_MAX, SqliteJournal, SqliteOptions, Trust, genesis,
    row_hash,
};

/// Runs a check on every store. `reopen` ends the first journal and begins the next.
fn check(check: impl Fn(Box<dyn Journal>, &dyn Fn(Box<dyn Journal>) -> Box<dyn Journal>)) {
    check(Box::new(MemoryJournal::default()), &|journal| journal);
    let folder = Folder::new("contract");
    check(Box::new(open(&folder.db())), &|journal| {
        drop(journal);
        Box::new(open(&folder.db()))
    });
}

#[test]
fn appends_are_read_back_also_after_a_restart() {
    check(|mut journal, reopen| {
        check_holds(&mut *journal, 0);
        assert_eq!(journal.append(&rows(1..4), &[]).unwrap(), 1..4);
        assert_eq!(journal.append(&[], &[]).unwrap(), 4..4);
        assert_eq!(journal.append(&rows(4..5), &[]).unwrap(), 4..5);
        check_holds(&mut *journal, 4);
        let head = journal.head();
        let mut journal = reopen(journal);
        assert_eq!(journal.head(), head);
        check_holds(&mut *journal, 4);
        journal.append(&rows(5..9), &[]).unwrap();
        check_holds(&mut *journal, 8);
        let page = journal.read(3, 2).unwrap();
        assert_eq!(page.iter().map(|row| row.seq).collect::<Vec<_>>(), [3, 4]);
        assert!(journal.read(9, 10).unwrap().is_empty());
        assert!(journal.read(u64::MAX, 10).unwrap().is_empty());
        assert!(journal.read(1, 0).unwrap().is_empty());
    });
}

#[test]
fn extreme_times_and_bodies_come_back_as_they_were() {
    check(|mut journal, reopen| {
        let new = |at, body: &[u8]| NewRow {
            at: UtcMs(at),
            kind: "k".repeat(KIND_BYTES_MAX),
            body: body.to_vec(),
        };
        let all = [
            new(i64::MIN, b""),
            new(i64::MAX, b"\0\xff\xfe"),
            new(0, "鸣锣".as_bytes()),
            new(-1, &vec![b'x'; BODY_BYTES_MAX]),
        ];
        journal.append(&all, &[]).unwrap();
        let mut journal = reopen(journal);
        for (read, new) in journal.read(1, 9).unwrap().iter().zip(&all) {
            assert_eq!((read.at, &read.kind), (new.at, &new.kind));
            assert!(read.body == new.body);
        }
        assert!(journal.verify(&Trust::default()).unwrap().is_good());
    });
}

#[test]
fn raw_bytes_come_back_and_twice_is_once() {
    check(|mut journal, reopen| {
        let (row, raw) = alert(b"<alert/>\xff");
        journal.append(std::slice::from_ref(&row), std::slice::from_ref(&raw)).unwrap();
        journal.append(std::slice::from_ref(&row), std::slice::from_ref(&raw)).unwrap();
        let mut journal = reopen(journal);
        assert_eq!(journal.raw(raw.0).unwrap(), Some(raw.1));
        assert_eq!(journal.raw(Sha256([9; 32])).unwrap(), None);
        let found = journal.verify(&Trust::default()).unwrap();
        assert!(found.is_good(), "{found:?}");
        assert_eq!(found.n_raws, 1);
    });
}

/// A name, and what is to be appended.
type Append = (&'static str, Vec<NewRow>, Vec<(Sha256, Vec<u8>)>);

#[test]
fn what_is_over_a_limit_leaves_nothing_behind() {
    let with = |change: &dyn Fn(&mut NewRow)| {
        let mut group = rows(3..6);
        change(&mut group[2]);
        group
    };
    let bad: [Append; 7] = [
        ("body", with(&|row| row.body = vec![b'x'; BODY_BYTES_MAX + 1]), vec![]),
        ("long kind", with(&|row| row.kind = "k".repeat(KIND_BYTES_MAX + 1)), vec![]),
        ("no kind", with(&|row| row.kind.clear()), vec![]),
        ("kind", with(&|row| row.kind = "回执".to_owned()), vec![]),
        ("rows", vec![row(3); ROWS_PER_APPEND_MAX + 1], vec![]),
        ("digest", rows(3..4), vec![(Sha256([1; 32]), b"other".to_vec())]),
        ("raw", rows(3..4), {
            let bytes = vec![0; RAW_BYTES_MAX + 1];
            vec![alert(b"ok").1, (Sha256::of(&bytes), bytes)]
        }),
    ];
    check(|mut journal, reopen| {
        journal.append(&rows(1..3), &[]).unwrap();
        for (name, rows, raws) in &bad {
            let fault = journal.append(rows, raws).unwrap_err();
            let known = matches!(
                fault,
                JournalError::Limit { .. } | JournalError::Kind(_) | JournalError::Digest { .. }
            );
            assert!(known, "{name}: {fault}");
        }
        assert_eq!(journal.raw(alert(b"ok").1.0).unwrap(), None);
        let mut journal = reopen(journal);
        check_holds(&mut *journal, 2);
        journal.append(&rows(3..4), &[]).unwrap();
        check_holds(&mut *journal, 3);
    });
}

#[test]
fn snapshot_is_the_latest_and_bound_to_a_row() {
    check(|mut journal, reopen| {
        assert_eq!(journal.snapshot_latest().unwrap(), None);
        let fault = journal.snapshot_save(1, b"too early").unwrap_err();
        assert!(matches!(fault, JournalError::Snapshot { seq: 1, head: 0 }), "{fault}");
        journal.append(&rows(1..6), &[]).unwrap();
        journal.snapshot_save(3, b"at three").unwrap();
        journal.snapshot_save(5, b"at five").unwrap();
        assert!(journal.snapshot_save(6, b"not yet").is_err());
        let mut journal = reopen(journal);
        assert_eq!(journal.snapshot_latest().unwrap(), Some((5, b"at five".to_vec())));
    });
}

#[test]
fn checkpoints_are_signed_on_demand_and_by_count() {
    let public = ed25519_dalek::SigningKey::from_bytes(&SECRET).verifying_key().to_bytes();
    let trust = Trust { keys: vec![public], head: None };
    let other = ed25519_dalek::SigningKey::from_bytes(&[8; 32]).verifying_key().to_bytes();
    check(|mut journal, reopen| {
        assert!(matches!(journal.checkpoint(UtcMs(1)), Err(JournalError::NoKey)));
        journal.append(&rows(1..4), &[]).unwrap();
        let found = journal.verify(&trust).unwrap();
        assert!(!found.is_good(), "a key was given, but nothing is signed");
        journal.sign_with(&SECRET);
        journal.checkpoint(UtcMs(1)).unwrap();
        let found = journal.verify(&trust).unwrap();
        assert!(found.is_good(), "{found:?}");
        assert_eq!((found.n_checkpoints, found.signed_seq), (1, 3));
        assert!(!journal.verify(&Trust { keys: vec![other], head: None }).unwrap().is_good());
        let both = Trust { keys: vec![other, public], head: None };
        assert!(journal.verify(&both).unwrap().is_good());

        journal.append(&rows(4..CHECKPOINT_ROWS), &[]).unwrap();
        assert_eq!(journal.verify(&trust).unwrap().n_checkpoints, 1);
        journal.append(&rows(CHECKPOINT_ROWS..CHECKPOINT_ROWS + 5), &[]).unwrap();
        let mut journal = reopen(journal);
        let found = journal.verify(&trust).unwrap();
        assert!(found.is_good(), "{found:?}");
        assert_eq!((found.n_checkpoints, found.signed_seq), (2, CHECKPOINT_ROWS + 4));
    });
}

#[test]
fn expected_head_proves_a_tail() {
    check(|mut journal, _| {
        journal.append(&rows(1..6), &[]).unwrap();
        let (seq, hash) = journal.head();
        let expect = |head| Trust { keys: vec![], head: Some(head) };
        assert!(journal.verify(&expect((seq, hash))).unwrap().is_good());
        journal.append(&rows(6..8), &[]).unwrap();
        assert!(journal.verify(&expect((seq, hash))).unwrap().is_good(), "an older head");
        for wrong in [(seq, Sha256([0; 32])), (seq + 1, hash), (9, hash), (0, hash)] {
            let found = journal.verify(&expect(wrong)).unwrap();
            assert_eq!(found.n_faults, 1, "{wrong:?}: {found:?}");
        }
    });
}

#[test]
fn a_planted_fault_leaves_nothing_behind() {
    let mut journal = MemoryJournal::default();
    journal.rows_max = Some(4);
    journal.append(&rows(1..3), &[]).unwrap();
    journal.fail_appends = 1;
    let (row, raw) = alert(b"lost");
    assert!(journal.append(&[row], std::slice::from_ref(&raw)).is_err());
    assert_eq!(journal.raw(raw.0).unwrap(), None);
    let full = journal.append(&rows(3..6), &[]).unwrap_err();
    assert!(matches!(full, JournalError::Full { .. }), "{full}");
    journal.append(&rows(3..5), &[]).unwrap();
    check_holds(&mut journal, 4);
}

/// Frozen: whoever wrote a verifier of his own relies on these bytes.
#[test]
fn chain_bytes_are_frozen() {
    let before = genesis(&[1; 16]);
    let hash = row_hash(before, 1, UtcMs(1_782_000_000_000), "acknowledged", b"{}");
    assert_eq!(before.to_string(), GENESIS);
    assert_eq!(hash.to_string(), ROW);
}
const GENESIS: &str = "e673581aa5c6fa0e14c4ec27252a285e156abc81132a5cdbaaf2d987143710c1";
const ROW: &str = "def91a336c636f546e25bcd11e13cab9ceeeb65cd4505ac1f8b9374cd8b34a1a";

#[test]
fn second_writer_is_refused_under_every_name() {
    let folder = Folder::new("second");
    let first = open(&folder.db());
    let link = folder.0.join("link.db");
    std::os::unix::fs::symlink(folder.db(), &link).unwrap();
    let dotted = folder.0.join(".").join("record.db");
    for path in [folder.db(), link, dotted] {
        let fault = record::open(&url(&path)).map(|_| ()).unwrap_err();
        assert!(fault.to_string().contains("in use by another gateway"), "{fault}");
    }
    drop(first);
    drop(open(&folder.db()));
}

#[test]
fn readers_see_a_record_that_is_being_written() {
    let folder = Folder::new("live");
    let mut journal = open(&folder.db());
    for n in 0..20 {
        journal.append(&rows(n * 10 + 1..n * 10 + 11), &[]).unwrap();
        let reader = record::open_read_only(&url(&folder.db())).unwrap();
        assert_eq!(reader.head().unwrap(), journal.head());
        let found = reader.verify(&Trust::default()).unwrap();
        assert!(found.is_good(), "{found:?}");
        assert_eq!(found.n_rows, n * 10 + 10);
    }
    assert!(record::open_read_only(&url(&folder.0.join("absent.db"))).is_err());
    assert!(!folder.0.join("absent.db").exists(), "reading makes no record");
}

#[test]
fn a_file_of_somebody_else_is_not_touched() {
    let folder = Folder::new("foreign");
    let path = folder.db();
    rusqlite::Connection::open(&path).unwrap().execute_batch("CREATE TABLE theirs (a)").unwrap();
    let before = std::fs::read(&path).unwrap();
    let options = SqliteOptions { ballast_bytes: 4096, pages_max: None };
    let fault = SqliteJournal::open(&path, &options).unwrap_err();
    assert!(matches!(fault, JournalError::Foreign { .. }), "{fault}");
    assert!(std::fs::read(&path).unwrap() == before);
    assert!(!folder.0.join("record.db-ballast").exists());
    std::fs::write(&path, b"these bytes are no database at all, not even nearly").unwrap();
    assert!(SqliteJournal::open(&path, &options).is_err());
    assert!(record::open_read_only(&url(&path)).is_err());
}

#[test]
fn url_names_a_store_or_says_what_works() {
    let folder = Folder::new("url");
    let mut journal = record::open("memory:").unwrap();
    journal.append(&rows(1..2), &[]).unwrap();
    let absolute = format!("sqlite://{}", folder.0.join("deep/er/record.db").display());
    record::open_with_ballast(&absolute, 4096).unwrap().append(&rows(1..2), &[]).unwrap();
    assert_eq!(record::open_read_only(&absolute).unwrap().head().unwrap().0, 1);
    for bad in ["", "sqlite:", "sqlite://var/record.db", "var/record.db", "mysql://x", "memory:x"] {
        let fault = record::open(bad).map(|_| ()).unwrap_err().to_string();
        assert!(fault.contains("expected `sqlite:<path>`"), "{bad}: {fault}");
    }
    for bad in ["postgres://u:secret@h/db", "postgresql://u:secret@h/db"] {
        let fault = record::open(bad).map(|_| ()).unwrap_err().to_string();
        assert!(fault.contains("no PostgreSQL store yet; use `sqlite:<path>`"), "{fault}");
        assert!(!fault.contains("secret"), "{fault}");
    }
    assert!(record::open_read_only("memory:").is_err());
}

//! The journal: one contract on every store, tampering, kills and full disks.

mod cli;
mod contract;
mod full;
mod kill;
mod tamper;

use mingluo::model::{Sha256, UtcMs};
use mingluo::record::{Journal, NewRow, SqliteJournal, SqliteOptions, Trust};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

/// Options without ballast, so that the tests are quick.
const PLAIN: SqliteOptions = SqliteOptions { ballast_bytes: 0, pages_max: None };
/// Secret key of the tests.
const SECRET: [u8; 32] = [7; 32];

/// A folder of its own that goes away with the test.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        static N_FOLDERS: AtomicU32 = AtomicU32::new(0);
        let n = N_FOLDERS.fetch_add(1, Ordering::Relaxed);
        let name = format!("mingluo-record-{name}-{}-{n}", std::process::id());
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn db(&self) -> PathBuf {
        self.0.join("record.db")
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _left_behind = std::fs::remove_dir_all(&self.0);
    }
}

fn open(path: &Path) -> SqliteJournal {
    SqliteJournal::open(path, &PLAIN).unwrap()
}

fn url(path: &Path) -> String {
    format!("sqlite:{}", path.display())
}

/// Row `n`, told apart from every other by its body.
fn row(n: u64) -> NewRow {
    let body = format!(r#"{{"entry":"acknowledged","terminal":"t-{n}","step":"played"}}"#);
    let at = UtcMs(1_782_000_000_000 + i64::try_from(n).unwrap());
    NewRow { at, kind: "acknowledged".to_owned(), body: body.into_bytes() }
}

fn rows(numbers: std::ops::Range<u64>) -> Vec<NewRow> {
    numbers.map(row).collect()
}

/// An alert that names its raw bytes.
fn alert(raw: &[u8]) -> (NewRow, (Sha256, Vec<u8>)) {
    let digest = Sha256::of(raw);
    let body = format!(r#"{{"entry":"alert_rejected","raw":"{digest}"}}"#).into_bytes();
    let row = NewRow { at: UtcMs(1_782_000_000_000), kind: "alert_rejected".to_owned(), body };
    (row, (digest, raw.to_vec()))
}

/// Everything read back and verified: the rows are exactly rows 1 to `n` of [`row`].
fn check_holds(journal: &mut dyn Journal, n: u64) {
    let read = journal.read(1, 1_000_000).unwrap();
    let wanted = rows(1..n + 1);
    assert_eq!(read.len(), wanted.len());
    for (read, (wanted, seq)) in read.iter().zip(wanted.iter().zip(1..)) {
        assert_eq!(
            (read.seq, read.at, &read.kind, &read.body),
            (seq, wanted.at, &wanted.kind, &wanted.body)
        );
    }
    assert_eq!(journal.head().0, n);
    let found = journal.verify(&Trust::default()).unwrap();
    assert!(found.is_good(), "{found:?}");
    assert_eq!((found.n_rows, found.n_rows_fit, found.head_seq), (n, n, n));
}

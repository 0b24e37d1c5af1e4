//! Every byte of a small record flipped, rows missing, swapped, forged, cut off: all is found.

use super::{Folder, SECRET, alert, open, rows, url};
use mingluo::model::{Sha256, UtcMs};
use mingluo::record::{Journal, MemoryJournal, Trust, Verification, open_read_only, row_hash};
use rusqlite::{Connection, params};
use std::path::Path;

/// Rows of the small record; row 4 names raw bytes.
const N_ROWS: u64 = 7;

fn trust() -> Trust {
    let key = ed25519_dalek::SigningKey::from_bytes(&SECRET);
    Trust { keys: vec![key.verifying_key().to_bytes()], head: None }
}

/// A record of seven rows with a checkpoint at 5 and one at 7, and a snapshot.
fn small(folder: &Folder) -> Connection {
    let mut journal = open(&folder.db());
    journal.sign_with(&SECRET);
    journal.append(&rows(1..4), &[]).unwrap();
    let (row, raw) = alert(b"<alert>raw</alert>");
    journal.append(&[row], &[raw]).unwrap();
    journal.append(&rows(5..6), &[]).unwrap();
    journal.checkpoint(UtcMs(5)).unwrap();
    journal.append(&rows(6..N_ROWS + 1), &[]).unwrap();
    journal.checkpoint(UtcMs(7)).unwrap();
    journal.snapshot_save(6, b"state").unwrap();
    drop(journal);
    let connection = Connection::open(folder.db()).unwrap();
    connection.pragma_update(None, "ignore_check_constraints", true).unwrap();
    connection
}

fn verify(path: &Path, trust: &Trust) -> Verification {
    open_read_only(&url(path)).unwrap().verify(trust).unwrap()
}

/// Tampers inside a transaction that is committed, verifies, and puts the record back.
fn check(what: &str, tamper: impl Fn(&Connection)) -> Verification {
    let folder = Folder::new("tamper");
    let connection = small(&folder);
    assert!(verify(&folder.db(), &trust()).is_good());
    tamper(&connection);
    let found = verify(&folder.db(), &trust());
    assert!(!found.is_good(), "{what} was not found");
    found
}

/// Flips every bit position `1 << (i % 8)` of every byte of a column and expects a fault each time.
fn check_flips(table: &str, column: &str, text: bool) {
    let folder = Folder::new("flip");
    let connection = small(&folder);
    let query = format!("SELECT rowid, CAST({column} AS BLOB) FROM {table}");
    let cells: Vec<(i64, Vec<u8>)> = connection
        .prepare(&query)
        .unwrap()
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))
        .unwrap()
        .collect::<Result<_, _>>()
        .unwrap();
    let cast = if text { "CAST(?1 AS TEXT)" } else { "?1" };
    let update = format!("UPDATE {table} SET {column} = {cast} WHERE rowid = ?2");
    let reader = open_read_only(&url(&folder.db())).unwrap();
    for (rowid, cell) in cells {
        for at in 0..cell.len() {
            let mut changed = cell.clone();
            changed[at] ^= 1 << (at % 8);
            connection.execute(&update, params![changed, rowid]).unwrap();
            let found = reader.verify(&trust()).unwrap();
            assert!(!found.is_good(), "{table}.{column} row {rowid} byte {at} was not found");
            if table == "row" {
                let bad = u64::try_from(rowid).unwrap();
                assert_eq!(found.first_bad(), Some(bad), "{column} byte {at}: {found:?}");
                let n_bad = found.n_rows - found.n_rows_fit;
                // A changed hash of a row that can be read leaves the next row provable.
                assert_eq!((found.n_rows, n_bad), (N_ROWS, 1), "{column} byte {at}: {found:?}");
            }
            connection.execute(&update, params![cell, rowid]).unwrap();
        }
    }
    assert!(reader.verify(&trust()).unwrap().is_good(), "put back");
}

#[test]
fn every_flipped_byte_of_a_row_is_found() {
    check_flips("row", "kind", true);
    check_flips("row", "body", false);
    check_flips("row", "hash", false);
}

#[test]
fn every_flipped_byte_beside_the_rows_is_found() {
    check_flips("raw", "sha256", false);
    check_flips("raw", "bytes", false);
    check_flips("checkpoint", "hash", false);
    check_flips("checkpoint", "public_key", false);
    check_flips("checkpoint", "signature", false);
    check_flips("record", "id", false);
}

#[test]
fn every_flipped_bit_of_a_number_is_found() {
    for (table, column) in
        [("row", "at_ms"), ("row", "seq"), ("checkpoint", "seq"), ("checkpoint", "at_ms")]
    {
        let folder = Folder::new("number");
        let connection = small(&folder);
        let reader = open_read_only(&url(&folder.db())).unwrap();
        let mut n_flips = 0;
        // SQLite has no `^`: a xor b = (a | b) - (a & b).
        let flip = format!(
            "UPDATE {table} SET {column} = ({column} | ?1) - ({column} & ?1) WHERE rowid = ?2"
        );
        let last = if table == "row" { 7 } else { 2 };
        for (bit, rowid) in (0..64).flat_map(|bit| (1..=last).map(move |rowid| (bit, rowid))) {
            let mask = if bit == 63 { i64::MIN } else { 1_i64 << bit };
            // A number that is taken can't be given to a second row.
            if connection.execute(&flip, params![mask, rowid]).is_err() {
                continue;
            }
            n_flips += 1;
            let found = reader.verify(&trust()).unwrap();
            assert!(!found.is_good(), "{table}.{column} row {rowid} bit {bit} was not found");
            let moved = if column == "seq" && table == "row" { rowid ^ mask } else { rowid };
            connection.execute(&flip, params![mask, moved]).unwrap();
        }
        assert!(n_flips > 100, "{table}.{column}: {n_flips}");
        assert!(reader.verify(&trust()).unwrap().is_good(), "put back");
    }
}

#[test]
fn a_column_of_the_wrong_size_does_not_hide_the_rest() {
    let found = check("short hash", |connection| {
        connection.execute("UPDATE row SET hash = x'00' WHERE seq = 2", []).unwrap();
        connection.execute("UPDATE row SET body = x'00' WHERE seq = 6", []).unwrap();
    });
    let seqs: Vec<u64> = found.faults.iter().map(|fault| fault.seq).collect();
    assert_eq!((found.n_rows, seqs), (N_ROWS, vec![2, 6]), "{found:?}");
    for column in ["hash", "public_key", "signature"] {
        check(column, |connection| {
            let cut = format!("UPDATE checkpoint SET {column} = x'00' WHERE seq = 5");
            connection.execute(&cut, []).unwrap();
        });
    }
    check("short id", |connection| {
        connection.execute("UPDATE record SET id = x'00'", []).unwrap();
    });
    check("no id", |connection| {
        connection.execute("DELETE FROM record", []).unwrap();
    });
}

#[test]
fn missing_rows_are_named() {
    for (gone, missing) in [(1_i64, "row 1 is missing"), (3, "row 3 is missing")] {
        let found = check(missing, |connection| {
            connection.execute("DELETE FROM row WHERE seq = ?1", [gone]).unwrap();
        });
        assert_eq!((found.first_bad(), found.n_faults), (u64::try_from(gone).ok(), 1), "{found:?}");
        assert!(found.faults[0].what.contains(missing), "{found:?}");
    }
    let found = check("two rows", |connection| {
        connection.execute("DELETE FROM row WHERE seq IN (2, 3)", []).unwrap();
    });
    assert!(found.faults[0].what.contains("rows 2 to 3 are missing"), "{found:?}");
}

#[test]
fn swapped_and_renumbered_rows_are_found() {
    let found = check("swapped", |connection| {
        connection
            .execute_batch(
                "UPDATE row SET seq = -3 WHERE seq = 3; UPDATE row SET seq = 3 WHERE seq = 2;
                 UPDATE row SET seq = 2 WHERE seq = -3;",
            )
            .unwrap();
    });
    assert_eq!(found.first_bad(), Some(2), "{found:?}");
    // A row taken out and the gap closed.
    let found = check("renumbered", |connection| {
        connection.execute("DELETE FROM row WHERE seq = 3", []).unwrap();
        for seq in 4..=7 {
            connection.execute("UPDATE row SET seq = ?1 - 1 WHERE seq = ?1", [seq]).unwrap();
        }
    });
    assert_eq!(found.first_bad(), Some(3), "{found:?}");
}

#[test]
fn forged_rows_are_found() {
    let insert = "INSERT INTO row (seq, at_ms, kind, body, hash) VALUES (?1, 1, 'k', x'7B7D', ?2)";
    for seq in [8, -1, 0] {
        check("appended with any hash", |connection| {
            connection.execute(insert, params![seq, [1_u8; 32]]).unwrap();
        });
    }
    // Somebody who knows the chain rewrites row 6 and all that follows: the checkpoint at 7 tells.
    let found = check("rewritten to the end", |connection| {
        connection.execute("UPDATE row SET body = '{}' WHERE seq = 6", []).unwrap_err();
        connection.execute("UPDATE row SET body = x'7B7D' WHERE seq = 6", []).unwrap();
        rechain(connection, 6);
    });
    assert_eq!((found.first_bad(), found.n_faults), (Some(7), 1), "{found:?}");
    assert_eq!(found.signed_seq, 5);
}

/// Computes the hashes from a row on as the gateway would.
fn rechain(connection: &Connection, from: i64) {
    let mut before: [u8; 32] = connection
        .query_row("SELECT hash FROM row WHERE seq = ?1 - 1", [from], |row| row.get(0))
        .unwrap();
    let query = "SELECT seq, at_ms, kind, body FROM row WHERE seq >= ?1 ORDER BY seq";
    let all: Vec<(i64, i64, String, Vec<u8>)> = connection
        .prepare(query)
        .unwrap()
        .query_map([from], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)))
        .unwrap()
        .collect::<Result<_, _>>()
        .unwrap();
    for (seq, at, kind, body) in all {
        let number = u64::try_from(seq).unwrap();
        before = row_hash(Sha256(before), number, UtcMs(at), &kind, &body).0;
        let update = "UPDATE row SET hash = ?1 WHERE seq = ?2";
        connection.execute(update, params![before, seq]).unwrap();
    }
}

#[test]
fn a_tail_cut_off_is_found() {
    let found = check("tail", |connection| {
        connection.execute("DELETE FROM row WHERE seq >= 6", []).unwrap();
    });
    assert_eq!((found.first_bad(), found.head_seq), (Some(7), 5), "{found:?}");
    check("everything", |connection| {
        connection.execute("DELETE FROM row", []).unwrap();
    });
    // With its checkpoints gone too, the key tells that nothing is signed, and a noted head tells
    // what is missing.
    let folder = Folder::new("tail");
    let connection = small(&folder);
    let head = open_read_only(&url(&folder.db())).unwrap().head().unwrap();
    connection.execute("DELETE FROM row WHERE seq >= 6", []).unwrap();
    connection.execute("DELETE FROM checkpoint WHERE seq >= 6", []).unwrap();
    assert!(!verify(&folder.db(), &Trust { keys: vec![], head: Some(head) }).is_good());
    connection.execute("DELETE FROM checkpoint", []).unwrap();
    assert!(!verify(&folder.db(), &trust()).is_good());
}

#[test]
fn a_missing_raw_attachment_is_found_at_its_row() {
    let found = check("raw", |connection| {
        connection.execute("DELETE FROM raw", []).unwrap();
    });
    assert_eq!((found.first_bad(), found.n_faults), (Some(4), 1), "{found:?}");
}

#[test]
fn a_checkpoint_signed_by_another_key_is_found() {
    let folder = Folder::new("key");
    drop(small(&folder));
    let mut journal = open(&folder.db());
    journal.sign_with(&[9; 32]);
    journal.checkpoint(UtcMs(9)).unwrap();
    assert_eq!(journal.verify(&trust()).unwrap().n_faults, 1);
    assert!(journal.verify(&Trust::default()).unwrap().is_good(), "without a key it fits itself");
}

#[test]
fn a_damaged_snapshot_is_not_used() {
    let folder = Folder::new("snapshot");
    let connection = small(&folder);
    assert_eq!(open(&folder.db()).snapshot_latest().unwrap(), Some((6, b"state".to_vec())));
    for (change, back) in [
        ("bytes = x'00'", "bytes = CAST('state' AS BLOB)"),
        ("seq = 5", "seq = 6"),
        ("seq = 99", "seq = 6"),
        ("hash = zeroblob(32)", "hash = (SELECT hash FROM row WHERE seq = 6)"),
        ("sha256 = x'00'", "sha256 = x'00'"),
    ] {
        connection.execute(&format!("UPDATE snapshot SET {change}"), []).unwrap();
        assert_eq!(open(&folder.db()).snapshot_latest().unwrap(), None, "{change}");
        connection.execute(&format!("UPDATE snapshot SET {back}"), []).unwrap();
    }
}

#[test]
fn the_memory_twin_finds_the_same() {
    let fresh = || {
        let mut journal = MemoryJournal::default();
        journal.append(&rows(1..8), &[]).unwrap();
        journal
    };
    let check = |tamper: &dyn Fn(&mut MemoryJournal), first: u64| {
        let mut journal = fresh();
        tamper(&mut journal);
        assert_eq!(journal.verify(&Trust::default()).unwrap().first_bad(), Some(first));
    };
    check(&|journal| journal.rows_mut()[2].body[0] ^= 1, 3);
    check(&|journal| journal.rows_mut()[2].at.0 += 1, 3);
    check(&|journal| drop(journal.rows_mut().remove(2)), 3);
    check(&|journal| journal.rows_mut().swap(2, 3), 3);
}

#[test]
fn a_damaged_page_does_not_hide_the_rows_behind_it() {
    let folder = Folder::new("page");
    let mut journal = open(&folder.db());
    journal.append(&rows(1..2_001), &[]).unwrap();
    drop(journal);
    let connection = Connection::open(folder.db()).unwrap();
    connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).unwrap();
    drop(connection);
    let mut file = std::fs::read(folder.db()).unwrap();
    // The page that holds the body of row 1000, its header overwritten.
    let needle = b"\"t-1000\"";
    let at = file.windows(needle.len()).position(|part| part == needle).unwrap();
    let page = at / 4096 * 4096;
    file[page..page + 8].fill(0xFF);
    std::fs::write(folder.db(), &file).unwrap();
    let found = verify(&folder.db(), &Trust::default());
    assert!(!found.is_good());
    assert!((900..=1000).contains(&found.first_bad().unwrap()), "{:?}", found.first_bad());
    assert_eq!(found.head_seq, 2_000);
    assert!(found.n_rows_fit > 1_900, "{}", found.n_rows_fit);
}

//! The projection follows its journal, and is made anew whenever it could be wrong.

use super::{Folder, NIGHT, ended, history, report, terminal, write};
use mingluo::model::{LinkKind, Step};
use mingluo::record::audit::{Audit, Filter, Projector, Summary};
use mingluo::record::{Journal, JournalError, Trust};
use std::ops::ControlFlow;
use std::path::PathBuf;

fn index(folder: &Folder) -> PathBuf {
    folder.0.join("record.db-audit")
}

/// Brings the projection up to date and gives what it counts.
fn counts(folder: &Folder) -> Summary {
    let mut projector = Projector::open(&folder.url()).unwrap();
    projector.catch_up().unwrap();
    Audit::open(&folder.url()).unwrap().summary(&Filter::default()).unwrap()
}

#[test]
fn it_goes_on_where_it_was() {
    let folder = Folder::new("goes-on");
    let rows = history(5, 6);
    let mut journal = folder.journal();
    let mut before = 0;
    for part in rows.chunks(rows.len() / 5 + 1) {
        write(&mut journal, part);
        let mut projector = Projector::open(&folder.url()).unwrap();
        assert_eq!(projector.seq(), before, "nothing is read twice");
        projector.catch_up().unwrap();
        before = projector.seq();
        assert_eq!(before, journal.head().0);
    }
    let at_once = Folder::new("at-once");
    write(&mut at_once.journal(), &rows);
    assert_eq!(counts(&folder), counts(&at_once));
}

/// A name, and how the projection is spoiled.
type Case<'a> = (&'static str, Box<dyn Fn() + 'a>);

#[test]
fn whatever_could_be_wrong_is_made_anew() {
    let folder = Folder::new("anew");
    write(&mut folder.journal(), &history(6, 6));
    let good = counts(&folder);
    let change = |sql: &str| {
        rusqlite::Connection::open(index(&folder)).unwrap().execute_batch(sql).unwrap();
    };
    let cases: [Case<'_>; 6] = [
        ("gone", Box::new(|| std::fs::remove_file(index(&folder)).unwrap())),
        ("damaged", Box::new(|| std::fs::write(index(&folder), b"no database at all").unwrap())),
        ("empty", Box::new(|| std::fs::write(index(&folder), b"").unwrap())),
        ("older layout", Box::new(|| change("DELETE FROM ladder; PRAGMA user_version = 0"))),
        (
            "other record",
            Box::new(|| change("DELETE FROM ladder; UPDATE made_from SET record = zeroblob(16)")),
        ),
        (
            "other history",
            Box::new(|| change("DELETE FROM ladder; UPDATE made_from SET hash = zeroblob(32)")),
        ),
    ];
    for (name, spoil) in cases {
        spoil();
        assert_eq!(counts(&folder), good, "{name}");
    }
    // An older copy of the record was put in place: the projection knows rows that are gone.
    std::fs::remove_file(folder.0.join("record.db")).unwrap();
    let _none = std::fs::remove_file(folder.0.join("record.db-wal"));
    write(&mut folder.journal(), &history(6, 2));
    let fresh = Folder::new("fresh");
    write(&mut fresh.journal(), &history(6, 2));
    assert_eq!(counts(&folder), counts(&fresh));
}

#[test]
fn one_writer_and_many_readers() {
    let folder = Folder::new("readers");
    let mut journal = folder.journal();
    write(&mut journal, &history(7, 6));
    let mut projector = Projector::open(&folder.url()).unwrap();
    projector.catch_up().unwrap();
    let second = Projector::open(&folder.url()).map(|_| ()).unwrap_err();
    assert!(matches!(second, JournalError::Busy { .. }), "{second}");
    // In the middle of a long answer commits go on, and the answer stays that of one moment.
    let audit = Audit::open(&folder.url()).unwrap();
    let n_all = audit.summary(&Filter::default()).unwrap().totals.all();
    let mut n_seen = 0;
    audit
        .visit(&Filter::default(), |_| {
            let id = u64::try_from(NIGHT).unwrap() - 1_000_000 - n_seen;
            let more = [
                report(id, NIGHT, terminal(100, 1, 1), Step::Played, LinkKind::Mqtt),
                ended(id, NIGHT),
            ];
            journal.append(&more, &[]).unwrap();
            projector.catch_up().unwrap();
            n_seen += 1;
            ControlFlow::Continue(())
        })
        .unwrap();
    assert_eq!(n_seen, n_all);
    let after = Audit::open(&folder.url()).unwrap().summary(&Filter::default()).unwrap();
    assert_eq!(after.totals.all(), n_all * 2);
}

#[test]
fn the_verifier_never_looks_at_it() {
    let folder = Folder::new("verifier");
    let mut journal = folder.journal();
    write(&mut journal, &history(8, 3));
    counts(&folder);
    let spoiled = rusqlite::Connection::open(index(&folder)).unwrap();
    spoiled.execute_batch("UPDATE ladder SET outcome = 4; DELETE FROM tally").unwrap();
    assert!(journal.verify(&Trust::default()).unwrap().is_good());
}

#[test]
fn a_command_makes_its_own_where_none_can_lie_beside() {
    let folder = Folder::new("offline");
    write(&mut folder.journal(), &history(9, 3));
    let made = Audit::open_offline(&folder.url()).unwrap();
    let good = made.summary(&Filter::default()).unwrap();
    drop(made);
    assert!(index(&folder).exists(), "kept for the next time");
    // A folder stands where the lock should: nothing can be written beside this record.
    let blocked = Folder::new("blocked");
    write(&mut blocked.journal(), &history(9, 3));
    std::fs::create_dir(blocked.0.join("record.db-audit-lock")).unwrap();
    let made = Audit::open_offline(&blocked.url()).unwrap();
    assert_eq!(made.summary(&Filter::default()).unwrap(), good);
    assert!(!index(&blocked).exists());
    assert!(Audit::open(&blocked.url()).is_err());
    assert!(Audit::open_offline("memory:").is_err());
}

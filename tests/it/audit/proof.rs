//! One terminal in one broadcast, row by row, and the chain they stand in.

use super::{Folder, NIGHT, area, cancelled, ended, report, row, sent, started, terminal, write};
use mingluo::model::{
    Address, BroadcastId, Class, ClipRef, Codec, LinkKind, OrderKind, Sha256, Step, TerminalId,
    UtcMs,
};
use mingluo::record::audit::{Audit, Fact, Projector, Proof};
use mingluo::record::entry::Entry;
use mingluo::record::{Journal, Trust};

const ID: u64 = 1_782_846_720_000;
const SECRET: [u8; 32] = [7; 32];

fn me() -> TerminalId {
    terminal(100, 1, 1)
}

/// A broadcast to two townships with everything that can be on record about it.
fn ledger() -> Folder {
    let folder = Folder::new("proof");
    let mut journal = folder.journal();
    journal.sign_with(&SECRET);
    let other = terminal(101, 1, 1);
    let county = Address::Area(area("430621"));
    let rows = [
        started(ID, NIGHT, None, Class::Live, &[area("430621")], &[me(), other]),
        sent(ID, NIGHT + 1, vec![county], LinkKind::Mqtt, OrderKind::Play),
        report(ID, NIGHT + 5_000, other, Step::Played, LinkKind::Mqtt),
        report(ID, NIGHT + 5_001, me(), Step::Received, LinkKind::Mqtt),
        sent(ID, NIGHT + 6_000, vec![Address::Terminal(other)], LinkKind::Serial, OrderKind::Play),
        sent(ID, NIGHT + 6_001, vec![Address::Terminal(me())], LinkKind::Serial, OrderKind::Play),
        report(ID, NIGHT + 9_000, me(), Step::Played, LinkKind::Serial),
        sent(
            ID,
            NIGHT + 9_500,
            vec![Address::Area(area("430621101"))],
            LinkKind::Mqtt,
            OrderKind::Cancel,
        ),
        cancelled(ID, NIGHT + 9_600),
        ended(ID, NIGHT + 10_000),
    ];
    write(&mut journal, &rows);
    journal.checkpoint(UtcMs(NIGHT + 11_000)).unwrap();
    write(&mut journal, &[report(ID + 9, NIGHT + 12_000, other, Step::Played, LinkKind::Mqtt)]);
    Projector::open(&folder.url()).unwrap().catch_up().unwrap();
    folder
}

fn proof(folder: &Folder, trust: &Trust) -> Proof {
    let audit = Audit::open(&folder.url()).unwrap();
    audit.proof(BroadcastId(ID), me(), trust).unwrap().unwrap()
}

#[test]
fn every_row_about_a_terminal_is_there_and_no_other() {
    let proof = proof(&ledger(), &Trust::default());
    let seqs: Vec<u64> = proof.rows.iter().map(|row| row.seq).collect();
    assert_eq!(seqs, [1, 2, 4, 6, 7, 9, 10]);
    assert!(proof.rows.iter().all(|row| row.fits));
    let facts: Vec<&Fact> = proof.rows.iter().map(|row| &row.fact).collect();
    assert!(matches!(facts[0], Fact::Targeted { class: Class::Live, .. }), "{facts:?}");
    assert!(matches!(facts[1], Fact::Ordered { to: Address::Area(_), .. }), "{facts:?}");
    let Fact::Reported { step: Step::Played, link: LinkKind::Serial, counter: 1, .. } = facts[4]
    else {
        panic!("{facts:?}")
    };
    assert!(matches!(facts[5], Fact::Cancelled { .. }), "{facts:?}");
    assert_eq!(proof.ladder.rows, [4, 6, 7]);
    assert_eq!(proof.ladder.link, Some(LinkKind::Serial));
    let chain = &proof.chain;
    assert_eq!((chain.head_seq, chain.first_seq, chain.last_seq), (11, 1, 10));
    assert_eq!((chain.n_rows_checked, chain.whole_span, chain.fits), (10, true, true));
    let signed = chain.signed.as_ref().unwrap();
    assert_eq!((signed.seq, signed.fits, signed.chained), (10, true, true));
    assert_eq!(signed.key_trusted, None);
    let json = serde_json::to_value(&proof).unwrap();
    assert_eq!(json["rows"][4]["fact"]["fact"], "reported");
    assert_eq!(json["rows"][4]["fact"]["authenticated"], true);
}

#[test]
fn a_key_is_trusted_only_when_it_was_given() {
    let folder = ledger();
    let public = ed25519_dalek::SigningKey::from_bytes(&SECRET).verifying_key().to_bytes();
    let trusted = |key| {
        let proof = proof(&folder, &Trust { keys: vec![key], head: None });
        proof.chain.signed.unwrap().key_trusted
    };
    assert_eq!(trusted(public), Some(true));
    assert_eq!(trusted([9; 32]), Some(false));
}

#[test]
fn what_was_changed_since_does_not_fit() {
    // Each with the rows of the proof that no longer fit.
    let cases: [(&str, &[u64]); 4] = [
        ("UPDATE row SET at_ms = at_ms + 1 WHERE seq = 4", &[4]),
        (
            "UPDATE row SET body = CAST(replace(CAST(body AS TEXT), 'received', 'playing') AS BLOB) WHERE seq = 4",
            &[4],
        ),
        ("UPDATE row SET hash = zeroblob(32) WHERE seq = 3", &[4]),
        ("UPDATE row SET at_ms = 0 WHERE seq = 5", &[]),
    ];
    for (sql, wrong) in cases {
        let folder = ledger();
        rusqlite::Connection::open(folder.0.join("record.db")).unwrap().execute_batch(sql).unwrap();
        let proof = proof(&folder, &Trust::default());
        let bad: Vec<u64> = proof.rows.iter().filter(|row| !row.fits).map(|row| row.seq).collect();
        assert_eq!(bad, wrong, "{sql}");
        assert!(!proof.chain.fits && !proof.chain.faults.is_empty(), "{sql}: {:?}", proof.chain);
        assert!(!proof.chain.signed.unwrap().chained, "{sql}");
    }
    let folder = ledger();
    let spoiled = rusqlite::Connection::open(folder.0.join("record.db")).unwrap();
    spoiled.execute_batch("UPDATE checkpoint SET signature = zeroblob(64)").unwrap();
    let chain = proof(&folder, &Trust::default()).chain;
    assert!(!chain.signed.unwrap().fits && !chain.fits);
}

#[test]
fn whom_a_broadcast_never_meant_has_no_proof() {
    let audit = Audit::open(&ledger().url());
    let audit = audit.unwrap();
    let stranger = audit.proof(BroadcastId(ID), terminal(102, 1, 1), &Trust::default()).unwrap();
    assert_eq!(stranger, None);
    assert_eq!(audit.proof(BroadcastId(5), me(), &Trust::default()).unwrap(), None);
}

/// What was spoken live stands in the proof: who spoke, whether this terminal was there, and the digest of
/// everything that was said.
#[test]
fn what_was_spoken_live_stands_in_the_proof() {
    let folder = Folder::new("proof-live");
    let mut journal = folder.journal();
    let (broadcast, other) = (BroadcastId(ID), terminal(101, 1, 1));
    let sha256 = Sha256([9; 32]);
    let clip = ClipRef { sha256, codec: Codec::Opus, clip_bytes: 9_000, duration_ms: 4_000 };
    let live = [
        Entry::LiveBegun { broadcast, by: "张三".into(), connected: vec![other] },
        Entry::LiveEnded { broadcast, by: "张三".into(), reason: "讲完".into() },
        Entry::LiveKept { broadcast, clip: clip.clone() },
    ];
    let mut rows = vec![started(ID, NIGHT, None, Class::Live, &[area("430621")], &[me(), other])];
    rows.extend(live.iter().map(|entry| row(NIGHT + 1_000, entry)));
    write(&mut journal, &rows);
    Projector::open(&folder.url()).unwrap().catch_up().unwrap();
    let proof = proof(&folder, &Trust::default());
    let facts: Vec<&Fact> = proof.rows.iter().skip(1).map(|row| &row.fact).collect();
    let (by, reason) = ("张三".to_owned(), "讲完".to_owned());
    let begun = Fact::LiveBegun { by: by.clone(), connected: false };
    assert_eq!(facts, [&begun, &Fact::LiveEnded { by, reason }, &Fact::LiveKept { clip }]);
}

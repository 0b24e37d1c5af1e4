use super::*;
use crate::decide::{LINEAGE_ALERTS_MAX, Lineage, Verdict};
use crate::model::{Reference, Sha256};

fn named(identifier: &str, msg_type: MsgType, refers: &[&str], sent_s: i64) -> Alert {
    let mut alert = alert(Level::Red);
    alert.id.identifier = identifier.into();
    alert.id.sent = NOON.plus_s(sent_s);
    alert.msg_type = msg_type;
    alert.references = refers
        .iter()
        // The time is wrong on purpose: the CMA feed writes the new message's time.
        .map(|of| Reference { sender: None, identifier: (*of).into(), sent: Some(alert.id.sent) })
        .collect();
    alert
}

fn hash(text: &str) -> Sha256 {
    Sha256::of(text.as_bytes())
}

/// Inserts all but the last; checks what the last one supersedes and what cancelled it.
fn check(arrivals: &[Alert], supersedes: &[&str], cancelled_by: Option<&str>) {
    let mut lineage = Lineage::default();
    let (last, earlier) = arrivals.split_last().expect("alerts");
    for alert in earlier {
        let content = hash(&alert.id.identifier);
        lineage.insert(&alert.id, content, alert.msg_type, alert.status, &alert.references);
    }
    let kept: Lineage =
        serde_json::from_str(&serde_json::to_string(&lineage).expect("write")).expect("read");
    assert_eq!(kept, lineage);
    let Verdict::New { supersedes: found, already_cancelled, .. } =
        kept.verdict(last, hash("last"))
    else {
        panic!("{} is new", last.id.identifier)
    };
    let found: Vec<&str> = found.iter().map(|id| id.identifier.as_str()).collect();
    assert_eq!(found, supersedes);
    assert_eq!(already_cancelled.map(|id| id.identifier).as_deref(), cancelled_by);
}

#[test]
fn duplicates_and_conflicts() {
    let mut lineage = Lineage::default();
    let one = named("A", MsgType::Alert, &[], 0);
    lineage.insert(&one.id, hash("x"), one.msg_type, one.status, &[]);
    lineage.insert(&one.id, hash("y"), one.msg_type, one.status, &[]);
    assert_eq!(lineage.verdict(&one, hash("x")), Verdict::Duplicate);
    assert_eq!(lineage.verdict(&one, hash("y")), Verdict::Conflict { first: hash("x") });
    let later = named("A", MsgType::Alert, &[], 1);
    assert!(matches!(lineage.verdict(&later, hash("x")), Verdict::New { .. }));
}

#[test]
fn chains() {
    use MsgType::{Alert as New, Cancel, Update};
    let a = || named("A", New, &[], 0);
    check(&[a(), named("U1", Update, &["A"], 1)], &["A"], None);
    // National form: every Update refers to the first message.
    let u1 = || named("U1", Update, &["A"], 1);
    check(&[a(), u1(), named("U2", Update, &["A"], 2)], &["A", "U1"], None);
    check(&[a(), u1(), named("C", Cancel, &["A"], 3)], &["A", "U1"], None);
    // Update of an update.
    check(&[a(), u1(), named("C", Cancel, &["U1"], 3)], &["A", "U1"], None);
    // The first message never came.
    check(&[u1(), named("C", Cancel, &["A"], 3)], &["U1"], None);
    check(&[named("C", Cancel, &["nobody"], 3)], &[], None);
    // Out of order.
    check(&[named("C", Cancel, &["A"], 3), a()], &[], Some("C"));
    check(&[u1(), a()], &[], Some("U1"));
    check(&[a(), named("U2", Update, &["A"], 2), u1()], &["A"], Some("U2"));
    // Raised again after the end: news.
    check(&[a(), named("C", Cancel, &["A"], 3), named("U3", Update, &["A"], 4)], &["A", "C"], None);
    // An exercise ends nothing.
    let drill = |mut alert: Alert| {
        alert.status = Status::Exercise;
        alert
    };
    check(&[drill(named("C", Cancel, &["A"], 3)), a()], &[], None);
    check(&[a(), drill(named("C", Cancel, &["A"], 3))], &[], None);
    // Another sender's message of the same name is not meant.
    let mut other = named("C", Cancel, &["A"], 3);
    other.references[0].sender = Some("somebody else".into());
    check(&[a(), other], &[], None);
}

#[test]
fn the_oldest_is_forgotten() {
    let mut lineage = Lineage::default();
    let first = named("first", MsgType::Alert, &[], 0);
    lineage.insert(&first.id, hash("first"), first.msg_type, first.status, &[]);
    for number in 0..LINEAGE_ALERTS_MAX {
        let alert = named(&number.to_string(), MsgType::Update, &["first"], 1);
        lineage.insert(&alert.id, hash("x"), alert.msg_type, alert.status, &alert.references);
    }
    assert!(matches!(lineage.verdict(&first, hash("first")), Verdict::New { .. }));
    let last = named(&(LINEAGE_ALERTS_MAX - 1).to_string(), MsgType::Update, &[], 1);
    assert_eq!(lineage.verdict(&last, hash("x")), Verdict::Duplicate);
}

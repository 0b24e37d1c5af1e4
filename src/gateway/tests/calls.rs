use super::*;
use crate::decide::tests::{TOWN, VILLAGE_C, alert, area_of};
use crate::gateway::{Answering, Arrival, CallKey};
use crate::model::{CallId, CallOrder, CallRule, Contact, Level, Origin};

fn contact(name: &str, area: &str) -> Contact {
    Contact {
        name: name.into(),
        role: "责任人".into(),
        telephone: format!("1380000{}", name.len()),
        area: code(area),
    }
}

/// Village A has two persons, village B none, the town one, the county one.
fn calling() -> Rules {
    let mut rules = rules();
    rules.network.contacts = vec![
        contact("村支书", VILLAGE_A),
        contact("村主任", VILLAGE_A),
        contact("镇长", TOWN),
        contact("县长", COUNTY),
    ];
    for plan in &mut rules.policy.plans {
        plan.call = Some(CallRule { answer_within_s: 300 });
    }
    rules
}

fn county() -> County {
    let mut county = County::new(calling());
    county.gateway = county.gateway.with_call_key(Some(CallKey::new([7; 32])));
    county
}

/// A red warning for these villages; gives the calls' messages.
fn warn(county: &mut County, villages: &[&str]) -> Vec<CallOrder> {
    let mut alert = alert(Level::Red);
    alert.id.sent = county.now;
    alert.infos[0].areas = vec![area_of(villages)];
    let n = county.entries.len().to_string();
    alert.id.identifier = n.clone();
    let arrival = Arrival {
        read: Ok(Box::new(alert)),
        content: Sha256::of(n.as_bytes()),
        raw: Sha256::of(n.as_bytes()),
        origin: Origin { via: "test".into(), by: "test".into() },
        areas: vec![code(COUNTY)],
    };
    county.input(Input::Arrived(RequestId(1), Box::new(arrival)));
    messages(county)
}

fn messages(county: &County) -> Vec<CallOrder> {
    let mut orders = Vec::new();
    for action in &county.actions {
        if let Action::Call(order) = action {
            orders.push(order.as_ref().clone());
        }
    }
    orders
}

fn names(orders: &[CallOrder]) -> Vec<&str> {
    orders.iter().map(|order| order.person.name.as_str()).collect()
}

fn answer(county: &mut County, call: CallId, how: Answering) -> Answer {
    county.input(Input::CallAnswered(RequestId(1), call, how)).expect("an answer")
}

fn digest(order: &CallOrder) -> Sha256 {
    Sha256::of(order.token.as_deref().expect("a link").as_bytes())
}

#[test]
fn every_area_is_called_at_its_lowest_level_and_an_answer_ends_it() {
    let mut county = county();
    let orders = warn(&mut county, &[VILLAGE_A, VILLAGE_B]);
    assert_eq!(names(&orders), ["村支书", "村主任", "镇长"]);
    assert_eq!(orders[0].area_name, "荣家湾镇老街居民委员会");
    assert_eq!(orders[0].call, orders[1].call);
    // Only the digest is on record, never the token.
    let record: String = county
        .entries
        .iter()
        .map(|(_, entry)| String::from_utf8(entry.to_body().unwrap()).unwrap())
        .collect();
    let debug = format!("{:?} {:?}", county.actions, county.gateway);
    for order in &orders {
        let token = order.token.as_deref().expect("a link");
        assert!(!record.contains(token) && !debug.contains(token));
        assert!(record.contains(&digest(order).to_string()));
    }
    assert_ne!(orders[0].token, orders[1].token);

    let by_link = digest(&orders[1]);
    let (call, person) = county.gateway.state().call_by_digest(by_link).expect("known");
    assert_eq!((call.id, person.name.as_str()), (orders[1].call, "村主任"));
    assert_eq!(county.gateway.state().call_by_digest(Sha256::of(b"guess")), None);
    let id = orders[0].call;
    assert!(matches!(answer(&mut county, id, Answering::Link(by_link)), Answer::Done(_)));
    let n = county.entries.len();
    assert!(matches!(answer(&mut county, id, Answering::Link(by_link)), Answer::Done(_)));
    assert_eq!(county.entries.len(), n, "a second press is no second row");
    county.wake_at(NOON.plus_s(300));
    assert_eq!(names(&messages(&county)), ["县长"], "for village B alone");
}

#[test]
fn the_unanswered_go_up_level_by_level_and_end_in_an_alarm() {
    let mut county = county();
    let orders = warn(&mut county, &[VILLAGE_A]);
    let mut levels = vec![(0, names(&orders).join(" "))];
    for second in 1..1_000 {
        county.wake_at(NOON.plus_s(second));
        let orders = messages(&county);
        if !orders.is_empty() {
            levels.push((second, names(&orders).join(" ")));
        }
        if county.alarms().contains(&"call_unanswered") {
            levels.push((second, "nobody".into()));
        }
    }
    let expect = [(0, "村支书 村主任"), (300, "镇长"), (600, "县长"), (900, "nobody")];
    assert_eq!(levels, expect.map(|(second, who)| (second, who.to_owned())));
    // A late answer still counts.
    let late = answer(&mut county, orders[0].call, Answering::Link(digest(&orders[0])));
    assert!(matches!(late, Answer::Done(_)));
    assert!(county.gateway.state().calls[&orders[0].call].answer.is_some());
}

#[test]
fn who_may_answer() {
    let mut county = county();
    let orders = warn(&mut county, &[VILLAGE_A, VILLAGE_B]);
    let (a, b) = (orders[0].call, orders[2].call);
    let others_link = Answering::Link(digest(&orders[2]));
    assert!(matches!(answer(&mut county, a, others_link), Answer::Denied(_)));
    let far = Answering::TerminalButton(crate::decide::tests::terminal(VILLAGE_C, 1));
    assert!(matches!(answer(&mut county, a, far), Answer::Denied(_)));
    let outsider = Actor { areas: vec![code(VILLAGE_B)], ..officer("村官") };
    assert!(matches!(answer(&mut county, a, Answering::Officer(outsider)), Answer::Denied(_)));
    let auditor = actor("审计", Role::Auditor);
    assert!(matches!(answer(&mut county, a, Answering::Officer(auditor)), Answer::Denied(_)));
    assert!(county.gateway.state().calls[&a].is_open());
    let near = Answering::TerminalButton(crate::decide::tests::terminal(VILLAGE_A, 1));
    assert!(matches!(answer(&mut county, a, near), Answer::Done(_)));
    assert!(matches!(answer(&mut county, b, Answering::Officer(officer("张三"))), Answer::Done(_)));
    let none = answer(&mut county, CallId(1), Answering::Officer(officer("张三")));
    assert!(matches!(none, Answer::NotFound(_)));
}

#[test]
fn what_was_not_sent_is_sent_after_a_restart_with_the_same_link() {
    let mut county = county();
    let orders = warn(&mut county, &[VILLAGE_A]);
    county.input(Input::CallTook(orders[0].call, 0));
    county.input(Input::CallTook(orders[0].call, 0));
    assert_eq!(county.kinds(0).iter().filter(|kind| **kind == "call_sent").count(), 1);
    // The key comes with the process, not with the record.
    let state = county.gateway.state().clone();
    let mut gateway =
        Gateway::open(calling(), Pace::default(), state).with_call_key(Some(CallKey::new([7; 32])));
    county.actions = gateway.resume(NOON.plus_s(1));
    assert_eq!(messages(&county), orders[1..]);
}

#[test]
fn calls_end_with_a_cancel_and_are_not_repeated_for_a_resend() {
    let mut county = county();
    let orders = warn(&mut county, &[VILLAGE_A]);
    let broadcast = orders[0].broadcast;
    county.rendered(broadcast);
    let id = crate::decide::tests::terminal(VILLAGE_A, 1);
    county.report(broadcast, id, Step::Refused(crate::model::RefusalCode::Content));
    started(&county.ask(&officer("张三"), Ask::Resend(broadcast)));
    assert!(messages(&county).is_empty());
    county.input(Input::Cancel(RequestId(1), officer("张三"), broadcast, "误报".into()));
    county.wake_at(NOON.plus_s(300));
    assert!(messages(&county).is_empty());
    assert!(!county.gateway.state().calls[&orders[0].call].is_open());
}

#[test]
fn without_contacts_an_alarm_says_so() {
    let mut rules = calling();
    rules.network.contacts.clear();
    let mut county = County::new(rules);
    assert!(warn(&mut county, &[VILLAGE_A]).is_empty());
    assert!(county.alarms().contains(&"call_nobody"));
}

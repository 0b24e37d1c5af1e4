//! Both stores answer every question the same, and say what the core says.

use super::{Dice, Folder, NIGHT, area, history, terminal, write};
use mingluo::gateway::State;
use mingluo::model::{BroadcastId, Class, LinkKind, UtcMs};
use mingluo::record::audit::{Audit, Filter, MemoryAudit, OutcomeKind, Projector};
use mingluo::record::entry::Entry;
use mingluo::record::{Journal, MemoryJournal};

/// A history in both stores.
fn both(seed: u64) -> (Folder, Audit, MemoryAudit, MemoryJournal) {
    let rows = history(seed, 12);
    let folder = Folder::new("contract");
    let mut journal = folder.journal();
    write(&mut journal, &rows);
    let mut projector = Projector::open(&folder.url()).unwrap();
    projector.catch_up().unwrap();
    assert_eq!(projector.seq(), journal.head().0);
    let mut memory = MemoryJournal::default();
    write(&mut memory, &rows);
    let mut twin = MemoryAudit::default();
    twin.take(memory.rows());
    let audit = Audit::open(&folder.url()).unwrap();
    (folder, audit, twin, memory)
}

fn question(dice: &mut Dice) -> Filter {
    let mut filter = Filter::default();
    let moment = |dice: &mut Dice| {
        Some(UtcMs(NIGHT + i64::try_from(dice.roll(14 * 86_400_000)).unwrap() - 86_400_000))
    };
    if dice.roll(4) == 0 {
        filter.since = moment(dice);
    }
    if dice.roll(4) == 0 {
        filter.until = moment(dice);
    }
    if dice.roll(6) == 0 {
        filter.alert = Some(format!("alert-{}", dice.roll(7)));
    }
    if dice.roll(6) == 0 {
        let number = u64::try_from(NIGHT).unwrap() + dice.roll(12) * 86_400_000;
        filter.broadcast = Some(BroadcastId(number));
    }
    if dice.roll(6) == 0 {
        filter.class = Some(if dice.roll(2) == 0 { Class::Live } else { Class::Drill });
    }
    let places = ["43", "430621", "430621100", "430621101002", "430621102001", "430622"];
    for _ in 0..dice.roll(3) {
        let place = places[usize::try_from(dice.roll(6)).unwrap()];
        filter.areas.push(area(place));
    }
    if dice.roll(6) == 0 {
        filter.terminal = Some(terminal(100 + dice.roll(3), dice.roll(4), 1 + dice.roll(3)));
    }
    for _ in 0..dice.roll(3) {
        filter.outcomes.push(OutcomeKind::ALL[usize::try_from(dice.roll(11)).unwrap()]);
    }
    if dice.roll(4) == 0 {
        filter.link = Some(if dice.roll(2) == 0 { LinkKind::Mqtt } else { LinkKind::Serial });
    }
    filter
}

fn check(audit: &Audit, twin: &MemoryAudit, filter: &Filter) -> usize {
    let summary = audit.summary(filter).unwrap();
    assert_eq!(summary, twin.summary(filter), "{filter:?}");
    let (mut after, mut n, limit) = (None, 0, 7);
    loop {
        let page = audit.page(filter, after, limit).unwrap();
        assert_eq!(page, twin.page(filter, after, limit), "{filter:?} behind {after:?}");
        n += page.ladders.len();
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    assert_eq!(u64::try_from(n).unwrap(), summary.totals.all(), "{filter:?}");
    n
}

#[test]
fn both_stores_answer_the_same() {
    let mut n_found = 0;
    for seed in 0..4 {
        let (_folder, audit, twin, _) = both(seed);
        let mut dice = Dice::new(seed + 100);
        check(&audit, &twin, &Filter::default());
        for _ in 0..80 {
            n_found += usize::from(check(&audit, &twin, &question(&mut dice)) > 0);
        }
    }
    assert!(n_found > 80, "only {n_found} questions found anything: do they still ask?");
}

#[test]
fn the_audit_says_what_the_core_says() {
    for seed in 10..14 {
        let (_folder, audit, twin, memory) = both(seed);
        let mut state = State::default();
        for row in memory.rows() {
            state.apply(row.at, &Entry::from_body(&row.body).unwrap());
        }
        let mut n_compared = 0;
        for (id, broadcast) in &state.broadcasts {
            let line = audit.broadcast(*id).unwrap().unwrap();
            assert_eq!(twin.broadcast(*id).as_ref(), Some(&line));
            assert_eq!(
                (line.started_at, line.ended_at),
                (broadcast.started_at, broadcast.ended_at)
            );
            for (terminal, delivery) in &broadcast.deliveries {
                let ladder = audit.ladder(*id, *terminal).unwrap().unwrap();
                assert_eq!(ladder.outcome, delivery.outcome, "{id} {terminal}");
                assert_eq!(ladder.evidence, delivery.evidence, "{id} {terminal}");
                n_compared += 1;
            }
            let counts = broadcast.counts();
            let filter = Filter { broadcast: Some(*id), ..Filter::default() };
            let totals = audit.summary(&filter).unwrap().totals;
            assert_eq!(totals.all(), u64::from(counts.targeted));
            assert_eq!(totals.of(OutcomeKind::Played), u64::from(counts.played));
        }
        assert!(n_compared > 200, "{n_compared}");
    }
}

#[test]
fn numbered_alerts_and_unread_rows_are_told() {
    let folder = Folder::new("unread");
    let mut journal = folder.journal();
    write(&mut journal, &history(3, 2));
    let mut broken = history(3, 1).remove(0);
    broken.body = b"{\"entry\":\"broadcast_started\",\"broadcast\":{}}".to_vec();
    journal.append(&[broken], &[]).unwrap();
    Projector::open(&folder.url()).unwrap().catch_up().unwrap();
    let audit = Audit::open(&folder.url()).unwrap();
    let as_of = audit.as_of().unwrap();
    assert_eq!((as_of.seq, as_of.hash, as_of.n_unread), (journal.head().0, journal.head().1, 1));
    let of_number = Filter { alert: Some("#1".into()), ..Filter::default() };
    assert_eq!(audit.summary(&of_number).unwrap().totals.all(), 0, "no alert is on record here");
}

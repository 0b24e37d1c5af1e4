//! The audit: one contract on both stores, what the core says, replaced histories, proofs, reports.

mod contract;
mod follow;
mod proof;
mod reports;

use mingluo::model::{
    Acknowledgement, Address, AlertId, AreaCode, BroadcastId, Cancellation, Class, LinkKind,
    OrderKind, RefusalCode, Step, TerminalId, UtcMs,
};
use mingluo::record::entry::Entry;
use mingluo::record::{Journal, NewRow, SqliteJournal, SqliteOptions};
use serde_json::json;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};

/// A folder of its own that goes away with the test.
pub(crate) struct Folder(pub(crate) PathBuf);

impl Folder {
    pub(crate) fn new(name: &str) -> Self {
        static N_FOLDERS: AtomicU32 = AtomicU32::new(0);
        let n = N_FOLDERS.fetch_add(1, Ordering::Relaxed);
        let name = format!("mingluo-audit-{name}-{}-{n}", std::process::id());
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    pub(crate) fn url(&self) -> String {
        format!("sqlite:{}", self.0.join("record.db").display())
    }

    pub(crate) fn journal(&self) -> SqliteJournal {
        let options = SqliteOptions { ballast_bytes: 0, pages_max: None };
        SqliteJournal::open(&self.0.join("record.db"), &options).unwrap()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _left_behind = std::fs::remove_dir_all(&self.0);
    }
}

/// 2026-07-01 03:12:00 China Standard Time.
pub(crate) const NIGHT: i64 = 1_782_846_720_000;

pub(crate) fn terminal(township: u64, village: u64, number: u64) -> TerminalId {
    let area = 430_621_000_000 + township * 1000 + village;
    TerminalId::from_number(area * 1000 + number).unwrap()
}

pub(crate) fn area(code: &str) -> AreaCode {
    AreaCode::parse(code).unwrap()
}

pub(crate) fn alert_id(name: &str) -> AlertId {
    AlertId { sender: "sender".into(), identifier: name.into(), sent: UtcMs(NIGHT) }
}

/// A row as the core writes it.
pub(crate) fn row(at: i64, entry: &Entry) -> NewRow {
    NewRow { at: UtcMs(at), kind: entry.kind().to_owned(), body: entry.to_body().unwrap() }
}

/// Every fifth terminal stands in another township than its name says.
fn moved(terminals: &[TerminalId]) -> Vec<(TerminalId, AreaCode)> {
    let some = terminals.iter().filter(|id| id.number() % 5 == 0);
    some.map(|id| (*id, area("430621102001"))).collect()
}

/// A broadcast to terminals; with areas, group orders reach them.
pub(crate) fn started(
    id: u64,
    at: i64,
    alert: Option<&str>,
    class: Class,
    areas: &[AreaCode],
    terminals: &[TerminalId],
) -> NewRow {
    let body = json!({ "entry": "broadcast_started", "broadcast": {
        "id": id, "plan": id, "approval": { "officers": { "by": ["张三", "李四"], "at": at } },
        "alert": alert.map(alert_id), "response_plan": "rainstorm-red", "class": class,
        "priority": 200, "message": { "text": "请立即转移", "voice": "default",
            "recording": null, "fallback_recording": "rainstorm-red" },
        "chime": "red", "playback": "simultaneous", "volume_percent": null, "repeats": 2,
        "interval_s": 5, "areas": areas, "terminals": terminals, "not_before": at,
        "expires": at + 1_800_000,
    }, "moved": moved(terminals) });
    let entry: Entry = serde_json::from_value(body).unwrap();
    row(at, &entry)
}

pub(crate) fn sent(id: u64, at: i64, to: Vec<Address>, link: LinkKind, kind: OrderKind) -> NewRow {
    row(at, &Entry::Sent { broadcast: BroadcastId(id), to, link, kind })
}

/// A report that tells times up to its step.
pub(crate) fn report(id: u64, at: i64, terminal: TerminalId, step: Step, link: LinkKind) -> NewRow {
    let reached = match &step {
        Step::Received => 1,
        Step::Playing => 2,
        Step::Played | Step::Failed(_) | Step::Preempted(_) | Step::Cancelled => 3,
        Step::Refused(_) | Step::Expired => 0,
    };
    let told = |rung: i64| (reached >= rung).then_some(UtcMs(at - 4_000 + rung * 1_000));
    let report = Acknowledgement {
        terminal,
        broadcast: BroadcastId(id),
        received_at: told(1),
        playing_at: told(2),
        ended_at: told(3),
        plays: u8::from(step == Step::Played) * 2,
        heard: step == Step::Played && terminal.number().is_multiple_of(2),
        step,
        sequence: 1,
        link,
        content: None,
    };
    row(at, &Entry::Acknowledged { report })
}

pub(crate) fn cancelled(id: u64, at: i64) -> NewRow {
    let cancellation = Cancellation {
        counter: BroadcastId(id + 1),
        at: UtcMs(at),
        by: "张三".into(),
        reason: "误发".into(),
    };
    row(at, &Entry::BroadcastCancelled { broadcast: BroadcastId(id), cancellation })
}

pub(crate) fn ended(id: u64, at: i64) -> NewRow {
    row(at, &Entry::BroadcastEnded { broadcast: BroadcastId(id) })
}

/// Numbers that repeat with their seed.
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    /// 0 to `below` − 1.
    pub(crate) fn roll(&mut self, below: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 20) % below
    }
}

/// A county's history: broadcasts with every kind of ending, reports late, twice and out of order.
pub(crate) fn history(seed: u64, n_broadcasts: u64) -> Vec<NewRow> {
    let mut dice = Dice::new(seed);
    let mut rows = Vec::new();
    for number in 0..n_broadcasts {
        let id = u64::try_from(NIGHT).unwrap() + number * 86_400_000;
        let at = i64::try_from(id).unwrap();
        let group = dice.roll(2) == 0;
        let mut terminals = Vec::new();
        for township in [100, 101, 102] {
            for village in 0..4 {
                terminals.extend((1..4).map(|n| terminal(township, village, n)));
            }
        }
        terminals.retain(|_| group || dice.roll(3) > 0);
        let areas = if group { vec![area("430621")] } else { Vec::new() };
        let alert = (dice.roll(3) > 0).then(|| format!("alert-{}", number / 2));
        let class = if dice.roll(4) == 0 { Class::Drill } else { Class::Live };
        rows.push(started(id, at, alert.as_deref(), class, &areas, &terminals));
        for link in [LinkKind::Mqtt, LinkKind::Serial] {
            let to = match group {
                true => vec![Address::Area(area("430621"))],
                false => terminals.iter().map(|one| Address::Terminal(*one)).collect(),
            };
            if dice.roll(5) > 0 {
                rows.push(sent(id, at + 500, to, link, OrderKind::Play));
            }
        }
        let mut reports = Vec::new();
        for terminal in &terminals {
            for _ in 0..dice.roll(5) {
                let link = if dice.roll(3) == 0 { LinkKind::Serial } else { LinkKind::Mqtt };
                let step = match dice.roll(12) {
                    0..=2 => Step::Received,
                    3..=4 => Step::Playing,
                    5..=7 => Step::Played,
                    8 => Step::Refused(RefusalCode::Busy),
                    9 => Step::Failed("功放".into()),
                    10 => Step::Preempted(BroadcastId(7)),
                    _ => Step::Refused(RefusalCode::Content),
                };
                let late = i64::try_from(dice.roll(4_000_000)).unwrap();
                reports.push((late, report(id, at + late, *terminal, step, link)));
            }
        }
        if dice.roll(4) == 0 {
            reports.push((700_000, cancelled(id, at + 700_000)));
            let to = vec![Address::Area(area("430621100")), Address::Terminal(terminals[0])];
            let order = sent(id, at + 700_100, to, LinkKind::Mqtt, OrderKind::Cancel);
            reports.push((700_100, order));
        }
        if dice.roll(5) > 0 {
            reports.push((1_900_000, ended(id, at + 1_900_000)));
        }
        reports.sort_by_key(|(late, _)| *late);
        rows.extend(reports.into_iter().map(|(_, row)| row));
    }
    // Reports of a broadcast whose beginning is in no record any more.
    for n in 1..4 {
        rows.push(report(
            1_700_000_000_000,
            NIGHT,
            terminal(101, 1, n),
            Step::Played,
            LinkKind::Mqtt,
        ));
    }
    rows
}

/// Writes rows in groups as a core does.
pub(crate) fn write(journal: &mut dyn Journal, rows: &[NewRow]) {
    rows.chunks(97).for_each(|group| {
        journal.append(group, &[]).unwrap();
    });
}

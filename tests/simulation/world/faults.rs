//! What goes wrong, by seed; and the bugs planted on purpose.

use super::{Event, RUN_S, START, World};
use mingluo::model::UtcMs;

/// Bugs planted on purpose, each in the wiring that the product does by hand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Bug {
    /// Effects go out although the record could not be written.
    ActsBeforeRecord,
    /// A restart forgets the last rows.
    ReplayForgetsTail,
    /// A terminal loses its memory at every boot.
    TerminalForgets,
    /// A horn goes on sounding although its terminal says stop.
    StopIgnored,
    /// Somebody writes `played` on a terminal's behalf.
    ForgedPlayed,
    /// Cancel orders never leave the gateway.
    CancelLost,
    /// A row of the ledger is changed later.
    LedgerEdited,
    /// Receipts go out for reports that were never recorded.
    ReceiptWithoutRecord,
    /// Orders by terminal address never leave the gateway.
    RepairLost,
    /// A finished play is started again by the terminal's driver.
    DriverRepeats,
    /// A resend goes to everybody, those that played too.
    ResendsToAll,
    /// A terminal's driver sounds parts of what is spoken when it has fetched them.
    PartsAtOnce,
    /// A restart forgets which programmes have started.
    RestartForgetsProgrammes,
    /// A restart forgets which STOP latches hold.
    LatchForgotten,
}

impl Bug {
    pub(crate) const ALL: [Self; 14] = [
        Self::ActsBeforeRecord,
        Self::ReplayForgetsTail,
        Self::TerminalForgets,
        Self::StopIgnored,
        Self::ForgedPlayed,
        Self::CancelLost,
        Self::LedgerEdited,
        Self::ReceiptWithoutRecord,
        Self::RepairLost,
        Self::DriverRepeats,
        Self::ResendsToAll,
        Self::PartsAtOnce,
        Self::RestartForgetsProgrammes,
        Self::LatchForgotten,
    ];
}

/// Chance that repeats by its seed (`SplitMix64`).
#[derive(Debug, Clone)]
pub(crate) struct Dice(pub(super) u64);

impl Dice {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }
    pub(crate) fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit.max(1)
    }
    pub(crate) fn percent(&mut self, chance: u64) -> bool {
        self.below(100) < chance
    }
}

fn alert(number: usize, kind: &str, severity: &str, sent: UtcMs, refers: &str) -> String {
    let time = |at: UtcMs| {
        let local = jiff::Timestamp::from_millisecond(at.plus_s(8 * 3600).0).unwrap();
        local.strftime("%Y-%m-%d %H:%M:%S").to_string()
    };
    format!(
        "<alert><identifier>sim-{number}</identifier><sender>岳阳县气象台</sender>\
         <senderCode>43062141600000</senderCode><sendTime>{}+08:00</sendTime>\
         <status>Actual</status><msgType>{kind}</msgType><scope>Public</scope>\
         <references>{refers}</references><info><language>zh-CN</language>\
         <eventType>11B03</eventType><severity>{severity}</severity>\
         <expires>{}+08:00</expires><headline>岳阳县气象台发布暴雨预警</headline>\
         <description>第{number}号：请立即转移到安全地带。</description>\
         <area><areaDesc>岳阳县</areaDesc><geocode>430621000000</geocode></area></info></alert>",
        time(sent),
        time(sent.plus_s(1_800))
    )
}

impl World {
    pub(super) fn plan_faults(&mut self) {
        let mut at = 1_000;
        for number in 0..=usize::try_from(self.dice.below(3)).unwrap() {
            let severity = ["Red", "Orange"][usize::try_from(self.dice.below(2)).unwrap()];
            let kind = match number {
                0 => "Alert",
                _ if self.mild => "Alert",
                _ => ["Alert", "Update", "Cancel"][usize::try_from(self.dice.below(3)).unwrap()],
            };
            let refers =
                if kind == "Alert" { String::new() } else { format!("sim-{}", number - 1) };
            self.alerts.push(alert(number, kind, severity, START.plus_ms(at), &refers));
            self.at(at, Event::Alert(number));
            if self.dice.percent(30) {
                self.at(at + 500, Event::Alert(number));
            }
            at += 5_000 + i64::try_from(self.dice.below(90_000)).unwrap();
        }
        for tick in 0..RUN_S {
            self.at(tick * 1_000 + 3, Event::Wake);
        }
        self.plan_officers();
        for horn in 0..self.horns.len() {
            for tick in 0..RUN_S / 5 {
                self.at(tick * 5_000 + 7, Event::Tick(horn));
            }
        }
        if self.mild {
            if self.dice.percent(50) {
                let stop = 5_000 + i64::try_from(self.dice.below(60_000)).unwrap();
                self.at(stop, Event::Stop);
            }
            return;
        }
        for horn in 0..self.horns.len() {
            if self.dice.percent(15) {
                let down = i64::try_from(self.dice.below(120_000)).unwrap();
                self.at(down, Event::TerminalDown(horn));
                let up = down + 1_000 + i64::try_from(self.dice.below(300_000)).unwrap();
                self.at(up, Event::TerminalUp(horn));
            }
            if self.dice.percent(15) {
                let down = i64::try_from(self.dice.below(120_000)).unwrap();
                self.at(down, Event::LinkDown(horn));
                let up = down + 1_000 + i64::try_from(self.dice.below(1_200_000)).unwrap();
                self.at(up, Event::LinkUp(horn));
            }
        }
        for _ in 0..self.dice.below(4) {
            let down = i64::try_from(self.dice.below(100_000)).unwrap();
            self.at(down, Event::GatewayDown);
            let up = down + 500 + i64::try_from(self.dice.below(10_000)).unwrap();
            self.at(up, Event::GatewayUp);
        }
        if self.dice.percent(30) {
            let full = i64::try_from(self.dice.below(60_000)).unwrap();
            self.at(full, Event::DiskFull);
            let free = full + i64::try_from(self.dice.below(20_000)).unwrap();
            self.at(free, Event::DiskFree);
        }
        if self.dice.percent(20) {
            let stop = i64::try_from(self.dice.below(120_000)).unwrap();
            self.at(stop, Event::Stop);
        }
    }
}

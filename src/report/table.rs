//! The columns of the table, the same in every form.

use super::Directory;
use crate::model::{Class, LinkKind, Outcome, RefusalCode, UtcMs};
use crate::record::audit::{BroadcastLine, Ladder, OutcomeKind};

/// One cell.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Cell {
    /// Nothing.
    Empty,
    /// Words.
    Text(String),
    /// A count.
    Number(u32),
    /// A moment.
    Time(UtcMs),
}

impl From<Option<UtcMs>> for Cell {
    fn from(at: Option<UtcMs>) -> Self {
        at.map_or(Self::Empty, Self::Time)
    }
}

impl From<String> for Cell {
    fn from(text: String) -> Self {
        if text.is_empty() { Self::Empty } else { Self::Text(text) }
    }
}

/// What a row is made of.
pub(super) struct Line<'a> {
    pub(super) ladder: &'a Ladder,
    pub(super) broadcast: &'a BroadcastLine,
    pub(super) directory: &'a Directory,
}

/// A column: its heading, its width in characters, and its cell.
pub(super) type Column = (&'static str, u8, fn(&Line<'_>) -> Cell);

/// All columns, in their order.
pub(super) const COLUMNS: [Column; 27] = [
    ("播发编号", 15, |line| Cell::Text(line.ladder.broadcast.to_string())),
    ("播发开始", 22, |line| Cell::Time(line.broadcast.started_at)),
    ("类别", 6, |line| Cell::Text(class(line.broadcast.class).to_owned())),
    ("预案", 14, |line| line.broadcast.plan_title.clone().into()),
    ("预警标题", 30, |line| line.broadcast.headline.clone().unwrap_or_default().into()),
    ("预警标识", 24, |line| {
        let alert = line.broadcast.alert.as_ref();
        alert.map(|alert| alert.identifier.clone()).unwrap_or_default().into()
    }),
    ("终端编号", 18, |line| Cell::Text(line.ladder.terminal.to_string())),
    ("终端名称", 26, |line| line.directory.terminal(line.ladder.terminal).to_owned().into()),
    ("乡镇", 12, |line| places(line).0.into()),
    ("村（社区）", 14, |line| places(line).1.into()),
    ("区划代码", 14, |line| {
        line.ladder.area().map(|area| area.to_string()).unwrap_or_default().into()
    }),
    ("结果", 8, |line| Cell::Text(OutcomeKind::of(&line.ladder.outcome).chinese().to_owned())),
    ("结果说明", 16, |line| detail(&line.ladder.outcome).into()),
    ("链路", 8, |line| Cell::Text(link(line.ladder.link).to_owned())),
    ("指令发出（网关）", 22, |line| line.ladder.evidence.sent_at.into()),
    ("接收（终端）", 22, |line| line.ladder.evidence.received_at.into()),
    ("接收回执到达（网关）", 22, |line| line.ladder.received_reported_at.into()),
    ("开播（终端）", 22, |line| line.ladder.evidence.playing_at.into()),
    ("开播回执到达（网关）", 22, |line| line.ladder.playing_reported_at.into()),
    ("结束（终端）", 22, |line| line.ladder.evidence.ended_at.into()),
    ("结束回执到达（网关）", 22, |line| line.ladder.ended_reported_at.into()),
    ("首次回执（网关）", 22, |line| line.ladder.evidence.first_report_at.into()),
    ("末次回执（网关）", 22, |line| line.ladder.evidence.last_report_at.into()),
    ("完整播放次数", 10, |line| Cell::Number(line.ladder.plays.into())),
    ("传感器听到", 10, |line| {
        Cell::Text(if line.ladder.evidence.heard { "是" } else { "" }.to_owned())
    }),
    ("指令次数", 8, |line| Cell::Number(line.ladder.evidence.attempts.into())),
    ("账本行号", 24, |line| {
        let rows: Vec<String> = line.ladder.rows.iter().map(ToString::to_string).collect();
        rows.join(" ").into()
    }),
];

fn places(line: &Line<'_>) -> (String, String) {
    line.ladder.area().map(|area| line.directory.places(area)).unwrap_or_default()
}

/// Live or drill, for people.
pub(super) fn class(class: Option<Class>) -> &'static str {
    match class {
        Some(Class::Live) => "实播",
        Some(Class::Drill) => "演练",
        None => "",
    }
}

pub(super) fn link(link: Option<LinkKind>) -> &'static str {
    match link {
        Some(LinkKind::Mqtt) => "网络",
        Some(LinkKind::Serial) => "串口",
        Some(LinkKind::National) => "国标",
        None => "",
    }
}

/// What an outcome says beyond its name.
pub(super) fn detail(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Refused(code) => refusal(*code).to_owned(),
        Outcome::Failed(why) => why.clone(),
        Outcome::Preempted(by) => format!("被播发 {by} 抢占"),
        Outcome::Targeted
        | Outcome::Sent
        | Outcome::Received
        | Outcome::Playing
        | Outcome::Played
        | Outcome::Cancelled
        | Outcome::Expired
        | Outcome::Unreachable => String::new(),
    }
}

fn refusal(code: RefusalCode) -> &'static str {
    match code {
        RefusalCode::Signature => "签名不符",
        RefusalCode::Replay => "指令重放",
        RefusalCode::Target => "不是播给该终端",
        RefusalCode::Window => "不在有效时间内",
        RefusalCode::Drill => "终端不接受演练",
        RefusalCode::Content => "音频无法取得或解码",
        RefusalCode::Busy => "终端队列已满",
    }
}

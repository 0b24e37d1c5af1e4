//! The words of the pages: Chinese first, English by a switch. Both stand side by side where they are
//! used, so that neither can be forgotten.

use crate::model::{
    Approval, Chime, Class, Disposition, Level, LinkKind, Outcome, Post, Role, UtcMs,
};
use jiff::tz::Offset;

/// The language of a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Tongue {
    /// 中文
    Zh,
    /// English
    En,
}

impl Tongue {
    /// The words in this language.
    pub(super) fn say<'a>(self, zh: &'a str, en: &'a str) -> &'a str {
        match self {
            Self::Zh => zh,
            Self::En => en,
        }
    }

    /// The tag of BCP 47.
    pub(super) fn tag(self) -> &'static str {
        match self {
            Self::Zh => "zh-CN",
            Self::En => "en",
        }
    }
}

/// A role.
pub(super) fn role(tongue: Tongue, role: Role) -> &'static str {
    match role {
        Role::Source => tongue.say("信息源", "source"),
        Role::Officer => tongue.say("值班员", "duty officer"),
        Role::Leader => tongue.say("带班领导", "duty leader"),
        Role::Auditor => tongue.say("审计员", "auditor"),
        Role::Technician => tongue.say("技术员", "technician"),
        Role::Administrator => tongue.say("系统管理员", "administrator"),
    }
}

/// A post of the duty roster.
pub(super) fn post(tongue: Tongue, post: Post) -> &'static str {
    match post {
        Post::Leader => tongue.say("带班领导", "leader"),
        Post::Deputy => tongue.say("副班", "deputy"),
        Post::Officer => tongue.say("值班员", "officer"),
        Post::Standby => tongue.say("备勤", "standby"),
    }
}

/// A level.
pub(super) fn level(tongue: Tongue, level: Option<Level>) -> &'static str {
    match level {
        Some(Level::Red) => tongue.say("红色", "red"),
        Some(Level::Orange) => tongue.say("橙色", "orange"),
        Some(Level::Yellow) => tongue.say("黄色", "yellow"),
        Some(Level::Blue) => tongue.say("蓝色", "blue"),
        None => tongue.say("未定级", "no level"),
    }
}

/// The class of CSS of a level.
pub(super) fn level_class(level: Option<Level>) -> &'static str {
    match level {
        Some(Level::Red) => "level-red",
        Some(Level::Orange) => "level-orange",
        Some(Level::Yellow) => "level-yellow",
        Some(Level::Blue) => "level-blue",
        None => "level-none",
    }
}

/// For real or for practice.
pub(super) fn class(tongue: Tongue, class: Class) -> &'static str {
    match class {
        Class::Live => tongue.say("实播", "live"),
        Class::Drill => tongue.say("演练", "drill"),
    }
}

/// A chime.
pub(super) fn chime(tongue: Tongue, chime: Chime) -> &'static str {
    match chime {
        Chime::None => tongue.say("无提示音", "no chime"),
        Chime::Notice => tongue.say("通知提示音", "notice chime"),
        Chime::Blue => tongue.say("蓝色提示音", "blue chime"),
        Chime::Yellow => tongue.say("黄色提示音", "yellow chime"),
        Chime::Orange => tongue.say("橙色提示音", "orange chime"),
        Chime::Red => tongue.say("红色警报音", "red siren"),
    }
}

/// What became of an alert.
pub(super) fn disposition(tongue: Tongue, disposition: Disposition) -> &'static str {
    match disposition {
        Disposition::Planned => tongue.say("已播发", "broadcast"),
        Disposition::AwaitingApproval => tongue.say("待审批", "awaiting approval"),
        Disposition::Refused => tongue.say("不予播发", "not broadcast"),
        Disposition::Duplicate => tongue.say("重复", "duplicate"),
        Disposition::Conflict => tongue.say("冲突，待人工处理", "conflict, for a person"),
        Disposition::Recorded => tongue.say("仅记录", "recorded"),
    }
}

/// How far a terminal came.
pub(super) fn outcome(tongue: Tongue, outcome: &Outcome) -> &'static str {
    match outcome {
        Outcome::Targeted => tongue.say("待发", "waiting"),
        Outcome::Sent => tongue.say("已发出", "sent"),
        Outcome::Received => tongue.say("已收到", "received"),
        Outcome::Playing => tongue.say("播放中", "playing"),
        Outcome::Played => tongue.say("已播完", "played"),
        Outcome::Refused(_) => tongue.say("拒绝", "refused"),
        Outcome::Failed(_) => tongue.say("失败", "failed"),
        Outcome::Preempted(_) => tongue.say("被抢占", "pre-empted"),
        Outcome::Cancelled => tongue.say("已取消", "cancelled"),
        Outcome::Expired => tongue.say("过期未完", "expired"),
        Outcome::Unreachable => tongue.say("未到达", "unreachable"),
    }
}

/// Who or what allowed a broadcast of the response plan of this title.
pub(super) fn approval(tongue: Tongue, approval: &Approval, title: &str) -> String {
    match approval {
        Approval::Rule { .. } => {
            format!("{}{title}", tongue.say("预案自动：", "by response plan: "))
        }
        Approval::Officers { by, .. } => {
            format!("{}{}", tongue.say("人工：", "by officers: "), by.join("、"))
        }
        Approval::BreakGlass { by, reason, .. } => {
            format!("{}{by}（{reason}）", tongue.say("紧急直发：", "break-glass by "))
        }
        Approval::Clock { .. } => {
            format!("{}{title}", tongue.say("审批超时放行：", "by the clock: "))
        }
    }
}

/// A kind of link.
pub(super) fn link(link: LinkKind) -> &'static str {
    match link {
        LinkKind::Mqtt => "MQTT",
        LinkKind::Serial => "RS-485",
        LinkKind::National => "GD/J 089",
    }
}

/// A moment in local time, to the second.
pub(super) fn moment(at: UtcMs, offset_minutes: i16) -> String {
    local(at, offset_minutes, "%Y-%m-%d %H:%M:%S")
}

/// The time of day of a moment, to the second.
pub(super) fn time_of_day(at: UtcMs, offset_minutes: i16) -> String {
    local(at, offset_minutes, "%H:%M:%S")
}

fn local(at: UtcMs, offset_minutes: i16, form: &str) -> String {
    let offset = Offset::from_seconds(i32::from(offset_minutes) * 60).unwrap_or(Offset::UTC);
    jiff::Timestamp::from_millisecond(at.0).map_or_else(
        |_| format!("{} ms", at.0),
        |at| offset.to_datetime(at).strftime(form).to_string(),
    )
}

/// A span for people: 42 秒, 3 分 05 秒, 2 小时 10 分.
pub(super) fn span(tongue: Tongue, seconds: i64) -> String {
    let seconds = seconds.max(0);
    let (hours, minutes, rest) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    match (tongue, hours, minutes) {
        (Tongue::Zh, 0, 1..) if rest == 0 => format!("{minutes} 分钟"),
        (Tongue::Zh, 1.., 0) => format!("{hours} 小时"),
        (Tongue::En, 0, 1..) if rest == 0 => format!("{minutes} min"),
        (Tongue::En, 1.., 0) => format!("{hours} h"),
        (Tongue::Zh, 0, 0) => format!("{rest} 秒"),
        (Tongue::Zh, 0, _) => format!("{minutes} 分 {rest:02} 秒"),
        (Tongue::Zh, ..) => format!("{hours} 小时 {minutes:02} 分"),
        (Tongue::En, 0, 0) => format!("{rest} s"),
        (Tongue::En, 0, _) => format!("{minutes} min {rest:02} s"),
        (Tongue::En, ..) => format!("{hours} h {minutes:02} min"),
    }
}

/// By which way something came in.
pub(super) fn via(tongue: Tongue, via: &str) -> &str {
    match via {
        "api" => tongue.say("接口", "API"),
        "folder" => tongue.say("文件夹", "folder"),
        "source" => tongue.say("预警来源", "source"),
        "station" => tongue.say("测站", "station"),
        "platform" => tongue.say("上级平台", "upper platform"),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(at_ms: i64, offset_minutes: i16, expect: &str) {
        assert_eq!(moment(UtcMs(at_ms), offset_minutes), expect);
    }

    #[test]
    fn moments_are_local() {
        check(0, 0, "1970-01-01 00:00:00");
        check(1_795_796_712_345, 480, "2026-11-28 00:25:12");
        check(i64::MAX, 480, &format!("{} ms", i64::MAX));
    }

    #[test]
    fn spans_read_naturally() {
        for (seconds, zh, en) in [
            (-5, "0 秒", "0 s"),
            (42, "42 秒", "42 s"),
            (185, "3 分 05 秒", "3 min 05 s"),
            (1_800, "30 分钟", "30 min"),
            (7_200, "2 小时", "2 h"),
            (7_800, "2 小时 10 分", "2 h 10 min"),
        ] {
            assert_eq!(
                (span(Tongue::Zh, seconds), span(Tongue::En, seconds)),
                (zh.into(), en.into())
            );
        }
    }
}

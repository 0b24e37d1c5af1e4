//! What a dry run says, for people: Chinese first, the word of the form beside it.

use crate::model::{
    AfterDeadline, Alert, AlertForm, Chime, Class, Level, MsgType, Need, Status, UtcMs,
};
use jiff::tz::Offset;

pub(super) fn status(status: Status) -> &'static str {
    match status {
        Status::Actual => "实际发布 Actual",
        Status::Exercise => "演练 Exercise",
        Status::System => "系统间消息 System",
        Status::Test => "测试 Test",
        Status::Draft => "草稿 Draft",
    }
}

pub(super) fn msg_type(kind: MsgType) -> &'static str {
    match kind {
        MsgType::Alert => "发布 Alert",
        MsgType::Update => "更新 Update",
        MsgType::Cancel => "解除 Cancel",
        MsgType::Ack => "接收确认 Ack",
        MsgType::Error => "退回 Error",
    }
}

pub(super) fn level(level: Option<Level>) -> &'static str {
    match level {
        Some(Level::Red) => "红色",
        Some(Level::Orange) => "橙色",
        Some(Level::Yellow) => "黄色",
        Some(Level::Blue) => "蓝色",
        None => "级别不明",
    }
}

pub(super) fn form(alert: &Alert) -> &'static str {
    match alert.form {
        AlertForm::Cap10 => "CAP 1.0",
        AlertForm::Cap11 => "CAP 1.1",
        AlertForm::Cap12 => "CAP 1.2",
        AlertForm::National12379 => "国家预警 12379",
        AlertForm::Json => "JSON",
        AlertForm::EarthquakeWarning => "地震预警",
        AlertForm::Station => "监测站",
        AlertForm::Ebm => "应急广播消息 EBM",
    }
}

pub(super) fn decision(word: &str) -> &str {
    match word {
        "plan" => "拟播发 plan",
        "recorded" => "只存档，不播发 recorded",
        "refused" => "不予播发 refused",
        "cancel" => "结束此前的播发 cancel",
        other => other,
    }
}

pub(super) fn need(need: &Need) -> String {
    match need {
        Need::Nothing => "自动播发，无需审批".to_owned(),
        Need::Officers { officers, after, .. } => {
            let after = match after {
                AfterDeadline::Release => "逾期自动播发",
                AfterDeadline::Expire => "逾期作废",
            };
            format!("需 {officers} 人审批，{after}")
        }
    }
}

pub(super) fn class(class: Class) -> &'static str {
    match class {
        Class::Live => "实播",
        Class::Drill => "演练",
    }
}

pub(super) fn chime(chime: Chime) -> &'static str {
    match chime {
        Chime::None => "无",
        Chime::Notice => "通知",
        Chime::Blue => "蓝色",
        Chime::Yellow => "黄色",
        Chime::Orange => "橙色",
        Chime::Red => "红色",
    }
}

/// Local time to the minute.
pub(super) fn time(at: UtcMs, offset_minutes: i16) -> String {
    let offset = Offset::from_seconds(i32::from(offset_minutes) * 60).unwrap_or(Offset::UTC);
    jiff::Timestamp::from_millisecond(at.0).map_or_else(
        |_| at.0.to_string(),
        |at| offset.to_datetime(at).strftime("%Y-%m-%d %H:%M").to_string(),
    )
}

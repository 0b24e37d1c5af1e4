//! 预警来源: a table of the sources on the page 系统.

use super::chinese;
use super::visitor::Visitor;
use super::words;
use crate::clock;
use crate::console::Console;
use crate::model::UtcMs;
use maud::{Markup, html};

/// How long ago, in the unit that fits.
pub(super) fn ago(visitor: &Visitor, at: UtcMs) -> String {
    let seconds = clock::now_utc().since_ms(at).max(0) / 1000;
    match seconds {
        0..=119 => format!("{seconds} {}", visitor.say("秒前", "s ago")),
        120..=7_199 => format!("{} {}", seconds / 60, visitor.say("分钟前", "min ago")),
        _ => format!("{} {}", seconds / 3_600, visitor.say("小时前", "h ago")),
    }
}

fn kind<'a>(visitor: &Visitor, kind: &'a str) -> &'a str {
    match kind {
        "atom" => visitor.tongue().say("订阅（Atom）", "Atom feed"),
        "http_json" => visitor.tongue().say("定时读取（JSON）", "JSON, polled"),
        "mqtt" => visitor.tongue().say("订阅（MQTT）", "MQTT"),
        "push" => visitor.tongue().say("对方推送", "pushed"),
        "mqtt_embedded" => visitor.tongue().say("对方推送（MQTT）", "pushed over MQTT"),
        other => other,
    }
}

/// The table; nothing when there is no source.
pub(super) fn table(console: &Console, visitor: &Visitor) -> Markup {
    let views = console.sources.views();
    let say = |zh, en| visitor.say(zh, en);
    html! {
        @if !views.is_empty() {
            section.card id="sources" {
                h2 { (say("预警来源", "Sources of alerts")) }
                table.wide {
                    thead { tr {
                        th { (say("名称", "Name")) } th { (say("方式", "Kind")) } th { (say("状态", "State")) }
                        th { (say("最近消息", "Last heard")) } th { (say("预警", "Alerts")) } th { (say("退回", "Rejected")) }
                    } }
                    tbody { @for view in &views { tr {
                        td { (view.name) }
                        td { (kind(visitor, view.kind)) @if !view.trusted { " · " (say("人工确认", "to a person")) } }
                        td {
                            @if view.silent { span.bad { (say("无消息", "silent")) } }
                            @else { (say("正常", "fine")) }
                            @if !view.why.is_empty() { " · " (chinese::said(visitor.tongue(), &view.why)) }
                        }
                        td { @match view.heard_at { Some(at) => { (ago(visitor, at)) }, None => { (say("尚无", "not yet")) } }
                            " " span.hint { (say("限 ", "within ")) (words::span(visitor.tongue(), i64::from(view.stale_after_s))) } }
                        td { (view.n_alerts) } td { (view.n_rejected) }
                    } } }
                }
            }
        }
    }
}

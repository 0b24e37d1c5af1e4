//! 未播出的方案: what was refused, withdrawn or ran out, with who did it and why; the own ones are marked.

use super::visitor::Visitor;
use super::words::{self, Tongue};
use crate::console::Console;
use crate::daemon::CoreFault;
use crate::decide::same_person;
use crate::gateway::EndedPlan;
use maud::{Markup, html};

/// Rows shown.
const SHOWN_MAX: usize = 10;

/// The newest of them; nothing when there is none.
pub(super) async fn list(console: &Console, visitor: &Visitor) -> Result<Markup, CoreFault> {
    let look = console.core.look(|gateway| {
        let ended = gateway.state().ended_plans.iter().rev().take(SHOWN_MAX);
        ended.cloned().collect::<Vec<EndedPlan>>()
    });
    let ended = look.await?;
    let offset = console.county.local_offset_minutes;
    Ok(html! {
        @if !ended.is_empty() {
            h2 { (visitor.say("最近未播出的方案", "Plans that were not broadcast")) }
            @for one in &ended { (card(visitor, one, offset)) }
        }
    })
}

fn card(visitor: &Visitor, one: &EndedPlan, offset: i16) -> Markup {
    let say = |zh, en| visitor.say(zh, en);
    let tongue = visitor.tongue();
    let own = same_person(&one.requested_by, &visitor.actor().name);
    html! {
        article.card.ended {
            header {
                @if own { span.tag.bad { (say("我提出的", "mine")) } " " }
                span.tag { (words::class(tongue, one.class)) } " " strong { (one.title) }
                " · " (asker(tongue, &one.requested_by))
            }
            p { (one.words) }
            p.reason { (say("未播出：", "Not broadcast: ")) strong { (one.reason) } " · "
                (ender(tongue, &one.by)) " · " (words::moment(one.at, offset)) }
        }
    }
}

fn asker(tongue: Tongue, name: &str) -> &str {
    if name == "alert" { tongue.say("预警触发", "by an alert") } else { name }
}

fn ender(tongue: Tongue, by: &str) -> &str {
    match by {
        "clock" => tongue.say("审批时限", "the clock"),
        "latch" => tongue.say("停播锁", "a latch"),
        by if by.starts_with("alert ") => tongue.say("后续预警", "a later alert"),
        by => by,
    }
}

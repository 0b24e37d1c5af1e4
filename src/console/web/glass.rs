//! 紧急直发: released alone, loudly, with the reason typed in; and the signatures that must follow.

use super::fault::PageFault;
use super::layout::token;
use super::visitor::{Posted, Visitor, done};
use super::words::{self, Tongue};
use crate::console::Console;
use crate::console::extract::At;
use crate::daemon::CoreFault;
use crate::decide::{BrokenGlass, REASON_CHARS_MAX, REASON_CHARS_MIN};
use crate::gateway::{Answer, Ask, Gateway, Input, Release};
use crate::model::{BroadcastId, PlanId, Right};
use axum::extract::State;
use axum::response::Response;
use maud::{Markup, html};

/// Whether the county lets this person release alone at all.
pub(super) async fn may_break(console: &Console, visitor: &Visitor) -> Result<bool, CoreFault> {
    let role = visitor.actor().role;
    let look = console.core.look(move |gateway: &Gateway| {
        let rules = &gateway.rules().policy.break_glass;
        rules.enabled && rules.roles.contains(&role)
    });
    Ok(look.await? && visitor.may(Right::Broadcast) && visitor.may(Right::Approve))
}

/// The field for the reason, with what it means. `required` where it is a form of its own. Of several lines,
/// so that Enter in it starts another line and never sends anything.
pub(super) fn reason_field(visitor: &Visitor, required: bool) -> Markup {
    html! {
        p { (visitor.say(
            "不等其他人批准，立即播发。您的姓名和原因会醒目记录，并须由另外两人（含一位带班领导）事后补签。",
            "Goes out at once without the others. Your name and reason stand in the record, and two others, \
             a duty leader among them, must sign afterwards.",
        )) }
        label { (visitor.say("紧急直发原因（至少 4 个字）", "Reason (at least 4 characters)"))
            textarea name="glass_reason" rows="2" required[required] minlength=(REASON_CHARS_MIN)
                maxlength=(REASON_CHARS_MAX) autocomplete="off" {} }
    }
}

/// The way out for one waiting plan, apart from the approval.
pub(super) fn plan_form(visitor: &Visitor, plan: PlanId, revision: u32) -> Markup {
    html! {
        details.glass {
            summary { (visitor.say("紧急直发…", "Break-glass…")) }
            form method="post" action={ "/console/approvals/" (plan) "/break-glass" } {
                (token(visitor))
                input type="hidden" name="revision" value=(revision);
                (reason_field(visitor, true))
                button.danger type="submit" { (visitor.say("确认紧急直发", "Release it now, alone")) }
            }
        }
    }
}

/// Why a reason is not enough; `None` = it is.
pub(super) fn bad_reason(tongue: Tongue, reason: &str) -> Option<String> {
    crate::decide::bad_reason(reason).map(|bad| match tongue {
        Tongue::Zh => bad.text,
        Tongue::En => format!(
            "Nothing went out: give a reason of {REASON_CHARS_MIN} to {REASON_CHARS_MAX} characters."
        ),
    })
}

/// Releases a waiting plan alone.
pub(super) async fn release(
    State(console): State<Console>,
    At(plan): At<u64>,
    Posted { visitor, fields }: Posted,
) -> Result<Response, PageFault> {
    visitor.need(Right::Broadcast)?;
    visitor.need(Right::Approve)?;
    let tongue = visitor.tongue();
    let reason = fields.one("glass_reason").to_owned();
    if let Some(why) = bad_reason(tongue, &reason) {
        return Ok(done(&console, &visitor, false, &why, "/console/approvals"));
    }
    let seen = fields.parsed::<u32>("revision")?.unwrap_or_default();
    let ask = Ask::BreakGlass(Release::Plan(PlanId(plan), seen), reason);
    let actor = visitor.actor().clone();
    let answer = console.core.ask(None, move |id| Input::Ask(id, actor, Box::new(ask))).await?;
    let (good, text, to) = if let Answer::Started(broadcast) = answer {
        (true, released(tongue).to_owned(), format!("/console/broadcasts/{broadcast}"))
    } else {
        (false, super::refusal(tongue, &answer), "/console/approvals".to_owned())
    };
    Ok(done(&console, &visitor, good, &text, &to))
}

/// The line after it went out.
pub(super) fn released(tongue: Tongue) -> &'static str {
    tongue.say(
        "已紧急直发，正在播发。请尽快联系两位人员补签。",
        "It goes out. Get the two later signatures soon.",
    )
}

/// All that still lack signatures, oldest first.
pub(super) async fn open(console: &Console) -> Result<Vec<BrokenGlass>, CoreFault> {
    console.core.look(|gateway| gateway.state().open_glass().cloned().collect()).await
}

/// One release that asks for signatures; `back` is where the form leads afterwards.
pub(super) fn card(visitor: &Visitor, glass: &BrokenGlass, offset: i16, back: &str) -> Markup {
    let say = |zh, en| visitor.say(zh, en);
    let tongue = visitor.tongue();
    html! {
        article.card.glass-open {
            p {
                strong { (say("紧急直发待补签", "Released alone: signatures are missing")) } " · "
                a href={ "/console/broadcasts/" (glass.broadcast) } { (say("播发 ", "broadcast ")) (glass.broadcast) }
            }
            dl.facts {
                dt { (say("直发人", "By")) } dd { (glass.by) " · " (words::moment(glass.at, offset)) }
                dt { (say("原因", "Reason")) } dd { (glass.reason) }
                dt { (say("已补签", "Signed")) } dd {
                    @if glass.signed.is_empty() { "—" }
                    @for signed in &glass.signed {
                        (signed.by) "（" (words::role(tongue, signed.role)) "）"
                    }
                    " · " (say("还需 ", "missing ")) (glass.more()) (say(" 人", ""))
                    @if glass.lacks_leader() { (say("，其中须有一位带班领导", ", a duty leader among them")) }
                }
                dt { (say("补签时限", "Due")) } dd {
                    @if glass.overdue { strong.bad { (say("已超时，请立即补签 ", "overdue ")) } }
                    @else { span.countdown data-until=(glass.countersign_by.0) {} " " }
                    (words::moment(glass.countersign_by, offset))
                }
            }
            @if visitor.may(Right::Approve) {
                form method="post" action={ "/console/broadcasts/" (glass.broadcast) "/countersign" } {
                    (token(visitor))
                    input type="hidden" name="back" value=(back);
                    button.primary type="submit" { (say("补签", "Countersign")) }
                }
            }
        }
    }
}

/// Signs afterwards.
pub(super) async fn countersign(
    State(console): State<Console>,
    At(broadcast): At<u64>,
    Posted { visitor, fields }: Posted,
) -> Result<Response, PageFault> {
    visitor.need(Right::Approve)?;
    let actor = visitor.actor().clone();
    let ask = Ask::Countersign(BroadcastId(broadcast));
    let answer = console.core.ask(None, move |id| Input::Ask(id, actor, Box::new(ask))).await?;
    let tongue = visitor.tongue();
    let (good, text) = match (&answer, tongue) {
        (Answer::Waiting { more, .. }, Tongue::Zh) => {
            (true, format!("您的补签已记录，还需要 {more} 人补签。"))
        }
        (Answer::Waiting { more, .. }, Tongue::En) => {
            (true, format!("Your signature is on record; {more} more needed."))
        }
        (_, tongue) => super::told(
            tongue,
            &answer,
            tongue.say("补签已完成并记录。", "All signatures are on record."),
        ),
    };
    let back = super::visitor::inside(fields.one("back"));
    let back = if back == "/console/" { "/console/approvals" } else { back };
    Ok(done(&console, &visitor, good, &text, back))
}

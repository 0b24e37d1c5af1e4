//! 审批: the plans that wait for people, each with its clock.

use super::edit::History;
use super::fault::PageFault;
use super::layout::{self, page, token};
use super::visitor::{Posted, Visitor, done};
use super::words::{self, Tongue};
use super::{asked, edit, glass};
use crate::clock;
use crate::console::Console;
use crate::console::extract::At;
use crate::daemon::CoreFault;
use crate::decide::{REASON_CHARS_MIN, bad_reason};
use crate::gateway::{Answer, Gateway, Input, Whom};
use crate::model::{AfterDeadline, AreaCode, Class, Need, PlanId, Reason, Right, UtcMs};
use axum::extract::State;
use axum::response::Response;
use maud::{Markup, html};

/// Areas named in a line; the rest is counted.
const AREAS_NAMED_MAX: usize = 6;

/// A plan that waits, as people see it.
struct Waiting {
    id: PlanId,
    class: Class,
    response_plan: String,
    requested_by: String,
    text: String,
    recording: Option<String>,
    places: String,
    terminals: usize,
    repeats: u8,
    officers: u8,
    signed: Vec<String>,
    revision: u32,
    decide_by: Option<UtcMs>,
    after: Option<AfterDeadline>,
    expires: UtcMs,
    reasons: Vec<Reason>,
    whom: Whom,
    history: History,
}

/// The page.
pub(super) async fn get(
    State(console): State<Console>,
    visitor: Visitor,
) -> Result<Markup, PageFault> {
    visitor.need(Right::Approve)?;
    let waiting = waiting(&console).await?;
    let may_break = glass::may_break(&console, &visitor).await?;
    let unsigned = glass::open(&console).await?;
    let offset = console.county.local_offset_minutes;
    let look = console.core.look(|gateway| gateway.state().policy.n_proposed());
    let n_changes = if visitor.may(Right::Policy) { look.await? } else { 0 };
    let body = html! {
        p.hint { (visitor.say(
            "两人审批按姓名计数；申请人不能批准自己的播发。每一次批准、退回都会记入台账。",
            "Two-person approval counts names; nobody approves their own request. Each decision is on record.",
        )) }
        div data-live="approvals" data-notice=(visitor.say(
            "待审批内容有变化，请刷新页面。", "What waits has changed; reload the page.")) hidden {}
        @if n_changes > 0 {
            p.flash.warn { a href="/console/plans" { (n_changes) (visitor.say(
                " 处预案修改等待另一人批准", " changes of response plans wait for another person")) } }
        }
        @if waiting.is_empty() {
            p.empty { (visitor.say("当前没有待审批的方案。", "Nothing waits for approval.")) }
        }
        @for broken in &unsigned { (glass::card(&visitor, broken, offset, "/console/approvals")) }
        @for plan in &waiting { (card(&visitor, plan, offset, may_break)) }
        (super::ended::list(&console, &visitor).await?)
    };
    let title = visitor.say("审批", "Approvals").to_owned();
    Ok(page(&console, &visitor, layout::APPROVALS, &title, &body))
}

/// What of the page follows by itself: which plans wait. The forms stay still under the hand.
pub(super) async fn part(console: &Console, _: Tongue) -> Result<Markup, CoreFault> {
    let look = console.core.look(|gateway| {
        let state = gateway.state();
        let plans = state.pending.iter().map(|(id, pending)| {
            let (n_signed, revision) = (pending.signatures().len(), pending.revision());
            format!("{id}.{n_signed}.{revision}.{} ", pending.escalated())
        });
        let glass =
            state.open_glass().map(|glass| format!("{}!{} ", glass.broadcast, glass.more()));
        plans.chain(glass).collect::<String>()
    });
    let ids = look.await?;
    Ok(html! { (ids) })
}

async fn waiting(console: &Console) -> Result<Vec<Waiting>, CoreFault> {
    let now = clock::now_utc();
    console
        .core
        .look(move |gateway| {
            let pending = gateway.state().pending.values();
            pending.map(|pending| waiting_of(gateway, pending, now)).collect()
        })
        .await
}

fn waiting_of(gateway: &Gateway, pending: &crate::decide::Pending, now: UtcMs) -> Waiting {
    let plan = pending.plan();
    let (officers, decide_by, after) = match plan.need {
        Need::Nothing => (0, None, None),
        Need::Officers { officers, decide_by, after } => (officers, Some(decide_by), Some(after)),
    };
    Waiting {
        id: plan.id,
        class: plan.class,
        response_plan: plan.title().to_owned(),
        requested_by: plan.requested_by.clone(),
        text: plan.message.text.clone(),
        recording: plan.message.recording.clone(),
        places: places(gateway, &plan.areas),
        terminals: plan.terminals.len(),
        repeats: plan.repeats,
        officers,
        signed: pending.signatures().iter().map(|signature| signature.person.clone()).collect(),
        revision: pending.revision(),
        decide_by,
        after,
        expires: plan.expires,
        reasons: plan.reasons.clone(),
        whom: gateway.whom(plan.id, now).unwrap_or_default(),
        history: History::of(gateway, pending),
    }
}

/// Names of areas for people: 荣家湾镇、新墙镇 等 15 处.
pub(super) fn places(gateway: &Gateway, areas: &[AreaCode]) -> String {
    let known = &gateway.rules().network.areas;
    let name = |code: &AreaCode| {
        known.get(code).map_or_else(|| code.to_string(), |area| area.name.clone())
    };
    let names: Vec<String> = areas.iter().take(AREAS_NAMED_MAX).map(name).collect();
    match areas.len() {
        0 => "—".to_owned(),
        n if n > AREAS_NAMED_MAX => format!("{} 等 {n} 处", names.join("、")),
        _ => names.join("、"),
    }
}

fn card(visitor: &Visitor, plan: &Waiting, offset: i16, may_break: bool) -> Markup {
    let say = |zh, en| visitor.say(zh, en);
    html! {
        article.card.plan.drill[plan.class == Class::Drill].live[plan.class == Class::Live] id=(plan.id) {
            header {
                span.tag { (words::class(visitor.tongue(), plan.class)) }
                strong { (plan.response_plan) }
                @if plan.revision > 0 { " · " (say("第 ", "revision ")) (plan.revision) (say(" 版", "")) }
                @if let Some(by) = plan.decide_by {
                    span.countdown data-until=(by.0) title=(words::moment(by, offset)) {
                        (words::time_of_day(by, offset))
                    }
                }
            }
            @if let Some(recording) = &plan.recording {
                p { (say("录音：", "Recording: ")) (recording) }
            }
            blockquote.words { (plan.text) }
            (facts(visitor, plan, offset))
            (edit::history(visitor.tongue(), &plan.history, offset))
            ul.reasons { @for reason in &plan.reasons { li { (reason.text) } } }
            (actions(visitor, plan))
            @if may_break { (glass::plan_form(visitor, plan.id, plan.revision)) }
        }
    }
}

fn facts(visitor: &Visitor, plan: &Waiting, offset: i16) -> Markup {
    let say = |zh, en| visitor.say(zh, en);
    html! {
        dl.facts {
            dt { (say("范围", "Areas")) } dd { (plan.places) " · " (plan.terminals) (say(" 个终端", " terminals")) }
            dt { (say("播放", "Plays")) } dd { (plan.repeats) (say(" 遍，有效至 ", " times, valid until ")) (words::moment(plan.expires, offset)) }
            @if !plan.requested_by.is_empty() {
                dt { (say("申请人", "Asked by")) } dd { (plan.requested_by) }
            }
            dt { (say("需要", "Needs")) } dd {
                (plan.officers) (say(" 人批准，已有 ", " signatures, has ")) (plan.signed.len())
                @if !plan.signed.is_empty() { " (" (plan.signed.join("、")) ")" }
            }
            @if let Some(after) = plan.after {
                dt { (say("到时未决", "If nobody decides")) } dd { (after_deadline(visitor, after)) }
            }
            (asked::rows(visitor.tongue(), &plan.whom, offset))
        }
    }
}

fn actions(visitor: &Visitor, plan: &Waiting) -> Markup {
    let say = |zh, en| visitor.say(zh, en);
    html! {
        div.actions {
            form method="post" action={ "/console/approvals/" (plan.id) "/approve" } {
                (token(visitor))
                input type="hidden" name="revision" value=(plan.revision);
                button.primary type="submit" { (say("批准播发", "Approve")) }
            }
            a.button href={ "/console/approvals/" (plan.id) "/edit" } { (say("修改方案", "Change it")) }
            form.inline method="post" action={ "/console/approvals/" (plan.id) "/refuse" } {
                (token(visitor))
                input name="reason" required minlength=(REASON_CHARS_MIN) maxlength="200"
                    placeholder=(say("退回原因（必填）", "Reason (required)"))
                    aria-label=(say("退回原因", "Reason"));
                button type="submit" { (say("退回", "Refuse")) }
            }
        }
    }
}

fn after_deadline(visitor: &Visitor, after: AfterDeadline) -> &str {
    match after {
        AfterDeadline::Release => visitor.say("按预案自动放行", "goes out by the response plan"),
        AfterDeadline::Expire => visitor.say("作废并记录", "ends, on record"),
    }
}

/// Approves.
pub(super) async fn approve(
    State(console): State<Console>,
    At(plan): At<u64>,
    Posted { visitor, fields }: Posted,
) -> Result<Response, PageFault> {
    visitor.need(Right::Approve)?;
    let actor = visitor.actor().clone();
    // What was seen is what is approved: a plan that was edited meanwhile is refused.
    let seen = fields.parsed::<u32>("revision")?.unwrap_or_default();
    let ask = console.core.ask(None, move |id| Input::Approve(id, actor, PlanId(plan), seen));
    let tongue = visitor.tongue();
    let answer = ask.await?;
    if let Answer::Started(broadcast) = answer {
        let text = tongue.say("已批准，开始播发。", "Approved; it goes out.");
        let to = format!("/console/broadcasts/{broadcast}");
        return Ok(done(&console, &visitor, true, text, &to));
    }
    let (good, text) = match (&answer, tongue) {
        (Answer::Waiting { more, .. }, Tongue::Zh) => {
            (true, format!("您的批准已记录，还需要 {more} 人批准。"))
        }
        (Answer::Waiting { more, .. }, Tongue::En) => {
            (true, format!("Your signature is on record; {more} more needed."))
        }
        (_, tongue) => (false, super::refusal(tongue, &answer)),
    };
    Ok(done(&console, &visitor, good, &text, "/console/approvals"))
}

/// Refuses, with a reason.
pub(super) async fn refuse(
    State(console): State<Console>,
    At(plan): At<u64>,
    Posted { visitor, fields }: Posted,
) -> Result<Response, PageFault> {
    visitor.need(Right::Approve)?;
    let reason = fields.one("reason").to_owned();
    let tongue = visitor.tongue();
    if bad_reason(&reason).is_some() {
        let text = match tongue {
            Tongue::Zh => format!("请写明退回原因，至少 {REASON_CHARS_MIN} 个字。"),
            Tongue::En => format!("Give a reason of at least {REASON_CHARS_MIN} characters."),
        };
        return Ok(done(&console, &visitor, false, &text, "/console/approvals"));
    }
    let actor = visitor.actor().clone();
    let ask = console.core.ask(None, move |id| Input::Refuse(id, actor, PlanId(plan), reason));
    let text = tongue.say("已退回，原因已记录。", "Refused; the reason is on record.");
    let (good, text) = super::told(tongue, &ask.await?, text);
    Ok(done(&console, &visitor, good, &text, "/console/approvals"))
}

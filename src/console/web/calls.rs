//! 叫应 on the page of a broadcast: who was called, who answered, and whom to telephone now.

use super::asked::telephone;
use super::fault::PageFault;
use super::layout::token;
use super::visitor::{Posted, Visitor, done};
use super::words::{self, Tongue};
use crate::console::Console;
use crate::console::extract::At;
use crate::decide::area_name;
use crate::gateway::{Answering, Call, Gateway, Input};
use crate::model::{BroadcastId, CallAnswer, CallId, CallStage, CalledPerson, Right, UtcMs};
use axum::extract::State;
use axum::response::Response;
use maud::{Markup, html};

/// Calls listed.
const SHOWN_MAX: usize = 300;
/// The form that the buttons of the list belong to. It stands outside of the part that follows by
/// itself, because it carries the token of one session.
const FORM: &str = "call-answered";

/// The calls about one broadcast.
#[derive(Default)]
pub(super) struct Calls {
    all: Vec<Row>,
    n_open: usize,
    n_answered: usize,
}

struct Row {
    id: CallId,
    area: String,
    persons: Vec<(CalledPerson, bool)>,
    answer_by: Option<UtcMs>,
    answer: Option<(CallAnswer, UtcMs)>,
    gave_up: Option<String>,
}

impl Calls {
    /// As they stand now.
    pub(super) fn of(gateway: &Gateway, broadcast: BroadcastId) -> Self {
        let network = &gateway.rules().network;
        let row = |call: &Call| Row {
            id: call.id,
            area: area_name(network, call.area),
            persons: call.persons.clone(),
            answer_by: call.is_open().then_some(call.answer_by),
            answer: call.answer.clone(),
            gave_up: call.gave_up.clone(),
        };
        let mut all: Vec<Row> = gateway.state().calls_of(broadcast).map(row).collect();
        // Whoever must be telephoned now stands first, then those who may still answer.
        all.sort_by_key(|row| match (&row.answer, row.answer_by, row.gave_up.as_deref()) {
            (None, None, Some("cancelled")) => 3,
            (None, None, _) => 0,
            (None, Some(_), _) => 1,
            (Some(_), _, _) => 2,
        });
        let n_open = all.iter().filter(|row| row.answer_by.is_some()).count();
        let n_answered = all.iter().filter(|row| row.answer.is_some()).count();
        Self { all, n_open, n_answered }
    }
}

/// What the buttons of the list need, for those who may press them.
pub(super) fn form(visitor: &Visitor, broadcast: u64) -> Markup {
    html! {
        form id=(FORM) method="post" action={ "/console/broadcasts/" (broadcast) "/called" } { (token(visitor)) }
    }
}

/// The list, the same for everybody.
pub(super) fn part(tongue: Tongue, calls: &Calls, offset: i16) -> Markup {
    let say = |zh, en| tongue.say(zh, en);
    if calls.all.is_empty() {
        return html! {};
    }
    html! {
        section.calls {
            h2 { (say("叫应", "Call and answer")) }
            p.outcomes {
                span { (say("已叫 ", "called ")) b { (calls.all.len()) } (say(" 处", "")) }
                span { (say("已应答 ", "answered ")) b { (calls.n_answered) } }
                span { (say("等待应答 ", "waiting ")) b { (calls.n_open) } }
                span { (say("无人应答 ", "nobody answered ")) b { (calls.all.len() - calls.n_open - calls.n_answered) } }
            }
            table.wide {
                thead { tr {
                    th { (say("地方", "Place")) } th { (say("责任人", "Responsible")) }
                    th { (say("状态", "State")) } th { }
                } }
                tbody { @for row in calls.all.iter().take(SHOWN_MAX) { (row_of(tongue, row, offset)) } }
            }
            @if calls.all.len() > SHOWN_MAX {
                p.hint { (say("其余未列出。", "The rest is not listed.")) }
            }
        }
    }
}

fn row_of(tongue: Tongue, row: &Row, offset: i16) -> Markup {
    html! {
        tr {
            td { (row.area) }
            td {
                @for (person, sent) in &row.persons {
                    div {
                        span.hint { (stage(tongue, person.stage)) } " " (person.name) "（" (person.role) "） " (telephone(&person.telephone)) " "
                        @if *sent { span.hint { (tongue.say("已发送", "sent")) } }
                        @else { span.bad { (tongue.say("未送出", "not sent")) } }
                    }
                }
            }
            td { (state(tongue, row, offset)) }
            td.act {
                @if row.answer.is_none() {
                    button type="submit" form=(FORM) name="call" value=(row.id) {
                        (tongue.say("已电话叫应", "Reached by telephone"))
                    }
                }
            }
        }
    }
}

fn state(tongue: Tongue, row: &Row, offset: i16) -> Markup {
    let say = |zh, en| tongue.say(zh, en);
    if let Some((how, at)) = &row.answer {
        let who = match how {
            CallAnswer::Link { person } => {
                format!("{}{person}", say("短信链接：", "by the link: "))
            }
            CallAnswer::TerminalButton { terminal } => {
                format!("{}{terminal}", say("终端按键：", "at the terminal: "))
            }
            CallAnswer::Officer { by } => {
                format!("{}{by}", say("电话，登记人：", "by telephone, entered by "))
            }
        };
        return html! { strong.answered { (say("已应答", "answered")) } " " (words::time_of_day(*at, offset)) " · " (who) };
    }
    match (row.answer_by, row.gave_up.as_deref()) {
        (Some(by), _) => html! {
            (say("等待应答，", "waiting, ")) span.countdown data-until=(by.0) { (words::time_of_day(by, offset)) }
        },
        (None, Some("cancelled")) => {
            html! { (say("播发已取消，不再叫应", "not called any more: cancelled")) }
        }
        (None, _) => {
            html! { strong.bad { (say("无人应答，请立即电话联系", "nobody answered: telephone now")) } }
        }
    }
}

fn stage(tongue: Tongue, stage: CallStage) -> &'static str {
    match stage {
        CallStage::Village => tongue.say("村级", "village"),
        CallStage::Township => tongue.say("乡镇级", "township"),
        CallStage::County => tongue.say("县级", "county"),
    }
}

/// Notes that an officer reached the person by telephone.
pub(super) async fn post(
    State(console): State<Console>,
    At(broadcast): At<u64>,
    Posted { visitor, fields }: Posted,
) -> Result<Response, PageFault> {
    visitor.need(Right::Approve)?;
    let Some(call) = fields.parsed::<u64>("call")? else {
        return Err(PageFault::malformed("no `call`"));
    };
    let actor = visitor.actor().clone();
    let input = move |id| Input::CallAnswered(id, CallId(call), Answering::Officer(actor));
    let answer = console.core.ask(None, input).await?;
    let text = visitor.say("已登记电话叫应。", "The answer by telephone is on record.");
    let (good, text) = super::told(visitor.tongue(), &answer, text);
    Ok(done(&console, &visitor, good, &text, &format!("/console/broadcasts/{broadcast}")))
}

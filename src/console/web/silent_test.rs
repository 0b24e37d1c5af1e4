//! 静默测试: terminals say whether they could play, and nothing sounds; and their volume, which is told
//! the same way. The report follows live.

use super::fault::PageFault;
use super::layout::{self, page, token};
use super::terminals::{Filter, chosen};
use super::visitor::{Posted, Visitor, done};
use super::words::{self, Tongue};
use crate::console::Console;
use crate::console::extract::At;
use crate::daemon::CoreFault;
use crate::gateway::{Answer, Answered, Ask, Findings, Gateway, Input, SilentRequest, SilentTest};
use crate::model::{
    Actor, Finding, RefusalCode, RegistryChange, Right, SilentTestId, Terminal, UtcMs,
};
use axum::extract::State;
use axum::response::{IntoResponse, Redirect, Response};
use maud::{Markup, html};

/// Terminals listed that could not play or said nothing; the rest is counted.
const SHOWN_MAX: usize = 200;
const HERE: &str = "/console/terminals";

/// A test in the list of tests.
#[derive(Debug, Clone)]
pub(super) struct Line {
    id: SilentTestId,
    at: UtcMs,
    by: String,
    what: String,
    ended: bool,
    findings: Findings,
}

/// The tests that are remembered, the newest first.
pub(super) fn lines(gateway: &Gateway) -> Vec<Line> {
    let line = |(id, test): (&SilentTestId, &SilentTest)| Line {
        id: *id,
        at: test.at,
        by: test.by.clone(),
        what: test.what.clone(),
        ended: test.ended,
        findings: test.findings(),
    };
    gateway.state().tests.iter().rev().map(line).collect()
}

/// The form below the list of terminals: for those that the filter finds.
pub(super) fn form(visitor: &Visitor, filter: &Filter, n: usize) -> Markup {
    let say = |zh, en| visitor.say(zh, en);
    html! {
        h2 { (say("静默测试与音量", "Silent test and volume")) }
        form.card.silent method="post" action="/console/terminals/tests" {
            (token(visitor))
            (filter.hidden())
            p { (say("对上面筛选出的 ", "For the ")) b { (n) } (say(" 个终端（限本人辖区）：", " terminals found above, as far as your areas go:")) }
            p.hint { (say(
                "终端核对签名、时钟、存储和播放器后回答能否播放，全程不发声；约一分钟内出报告。",
                "Each terminal checks signature, clock, memory and player and answers whether it could play. Nothing sounds; the report takes about a minute.",
            )) }
            p { button.primary type="submit" name="act" value="test" disabled[n == 0] { (say("开始静默测试", "Begin the silent test")) } }
            details {
                summary { (say("设置音量", "Set the volume")) }
                div.filters {
                    label { (say("音量（1 至 100）", "Volume (1 to 100)")) input type="number" name="volume" min="1" max="100"; }
                    label { (say("原因", "Reason")) input name="reason" maxlength="200"; }
                    p { button type="submit" name="act" value="volume" disabled[n == 0] { (say("设置并静默确认", "Set it, and have it confirmed in silence")) } }
                }
            }
        }
    }
}

/// The tests below it.
pub(super) fn list(visitor: &Visitor, tests: &[Line], offset: i16) -> Markup {
    let say = |zh, en| visitor.say(zh, en);
    html! {
        @if !tests.is_empty() {
            ul { @for test in tests {
                li {
                    a href={ "/console/terminals/tests/" (test.id) } { (words::moment(test.at, offset)) }
                    " · " (test.by) " · " (test.what) " · "
                    @if !test.ended { strong { (say("进行中 ", "under way ")) } }
                    (figures(visitor.tongue(), test.findings))
                }
            } }
        }
    }
}

fn figures(tongue: Tongue, found: Findings) -> Markup {
    html! {
        (tongue.say("能播放 ", "able ")) b { (found.able) } " · "
        (tongue.say("不能 ", "not able ")) b { (found.unable) } " · "
        (tongue.say("未回答 ", "silent ")) b { (found.silent) }
    }
}

/// Begins a test, or sets a volume and has it confirmed.
pub(super) async fn post(
    State(console): State<Console>,
    Posted { visitor, fields }: Posted,
) -> Result<Response, PageFault> {
    visitor.need(Right::Maintain)?;
    let sets = fields.one("act") == "volume";
    let volume = if sets { fields.parsed::<u8>("volume")? } else { None };
    let volume = volume.filter(|percent| (1..=100).contains(percent));
    if sets && volume.is_none() {
        let text = visitor.say("音量应为 1 至 100。", "The volume is 1 to 100.").to_owned();
        return Ok(done(&console, &visitor, false, &text, HERE));
    }
    let (filter, actor) = (Filter::of(&fields), visitor.actor().clone());
    let what = filter.told();
    let look = console.core.look(move |gateway| {
        let mine = |terminal: &&Terminal| actor.covers([terminal.area]);
        let found: Vec<Terminal> =
            chosen(gateway, &filter).into_iter().filter(mine).cloned().collect();
        (found, gateway.state().registry.revision)
    });
    let (found, seen) = look.await?;
    let terminals = found.iter().map(|terminal| terminal.id).collect();
    if let Some(percent) = volume {
        let set = found.into_iter().filter(|terminal| terminal.volume_percent != percent);
        let set: Vec<Terminal> =
            set.map(|terminal| Terminal { volume_percent: percent, ..terminal }).collect();
        let reason = fields.one("reason").to_owned();
        let change = RegistryChange { set, retired: Vec::new(), reason, seen };
        // Terminals that have it in the registry already may still say another one.
        if !change.set.is_empty() {
            let ask = Ask::ChangeRegistry(change);
            let answer = asked(&console, visitor.actor(), ask).await?;
            if !matches!(answer, Answer::Done(_)) {
                let text = super::refusal(visitor.tongue(), &answer);
                return Ok(done(&console, &visitor, false, &text, HERE));
            }
        }
    }
    let ask = Ask::TestSilently(SilentRequest { terminals, volume_percent: volume, what });
    let answer = asked(&console, visitor.actor(), ask).await?;
    if let Answer::TestStarted(test) = answer {
        return Ok(Redirect::to(&format!("/console/terminals/tests/{test}")).into_response());
    }
    let text = super::refusal(visitor.tongue(), &answer);
    Ok(done(&console, &visitor, false, &text, HERE))
}

async fn asked(console: &Console, actor: &Actor, ask: Ask) -> Result<Answer, CoreFault> {
    let actor = actor.clone();
    console.core.ask(None, move |id| Input::Ask(id, actor, Box::new(ask))).await
}

/// The report of a test.
pub(super) async fn get(
    State(console): State<Console>,
    visitor: Visitor,
    At(test): At<u64>,
) -> Result<Markup, PageFault> {
    visitor.need(Right::Read)?;
    let known = move |gateway: &Gateway| gateway.state().tests.contains_key(&SilentTestId(test));
    if !console.core.look(known).await? {
        let zh = "这个静默测试不存在，或已只在台账中。";
        let fault = PageFault::new(axum::http::StatusCode::NOT_FOUND, zh, "No such silent test.");
        return Err(fault.next(HERE, "回到终端", "back to the terminals"));
    }
    let body = html! {
        div data-live={ "test-" (test) } { (part(&console, visitor.tongue(), test).await?) }
        p { a.button href=(HERE) { (visitor.say("回到终端", "Back to the terminals")) } }
    };
    let title = visitor.say("静默测试", "Silent test").to_owned();
    Ok(page(&console, &visitor, layout::TERMINALS, &title, &body))
}

/// One that could not play, or said nothing: terminal, place, and its answer.
type Odd = (Terminal, Option<Answered>);

/// The part that follows.
pub(super) async fn part(console: &Console, tongue: Tongue, id: u64) -> Result<Markup, CoreFault> {
    let look = console.core.look(move |gateway| {
        let test = gateway.state().tests.get(&SilentTestId(id))?;
        let able = |answer: &Option<Answered>| {
            answer.as_ref().is_some_and(|answer| answer.finding == Finding::Able)
        };
        let known = &gateway.rules().network.terminals;
        let odd = test.answers.iter().filter(|(_, answer)| !able(answer));
        let odd = odd.filter_map(|(id, answer)| Some((known.get(id)?.clone(), answer.clone())));
        let odd: Vec<Odd> = odd.take(SHOWN_MAX).collect();
        let head = (test.by.clone(), test.what.clone(), test.at, test.until, test.ended);
        Some((head, test.volume_percent, test.findings(), odd))
    });
    let Some((head, volume, found, odd)) = look.await? else { return Ok(html! {}) };
    let (by, what, at, until, ended) = head;
    let (offset, say) = (console.county.local_offset_minutes, |zh, en| tongue.say(zh, en));
    Ok(html! {
        p.state { strong { @if ended { (say("已结束", "over")) } @else { (say("进行中，不发声", "under way, nothing sounds")) } }
            @if !ended { " · " span.countdown data-until=(until.0) { (words::time_of_day(until, offset)) } }
            " · " (words::moment(at, offset)) " · " (by) " · " (what)
            @if let Some(percent) = volume { " · " (say("音量设为 ", "volume set to ")) (percent) "%" }
        }
        div.three {
            div.reached { b { (found.able) } span { (say("能播放（终端回答）", "able, said the terminal")) } }
            div.lost { b { (found.unable) } span { (say("不能播放", "not able")) } }
            div.trying { b { (found.silent) } span { (say("未回答", "did not answer")) } }
        }
        @if !odd.is_empty() { (odd_table(tongue, &odd, ended)) }
    })
}

fn odd_table(tongue: Tongue, odd: &[Odd], ended: bool) -> Markup {
    let say = |zh, en| tongue.say(zh, en);
    html! {
        table.wide {
            thead { tr { th { (say("终端", "Terminal")) } th { (say("名称", "Name")) } th { (say("结果", "Finding")) } } }
            tbody { @for (terminal, answer) in odd {
                tr { td { (terminal.id) } td { (terminal.name) }
                    td { @match answer {
                        Some(answer) => span.bad { (finding(tongue, &answer.finding)) },
                        None if ended => span.bad { (say("没有回答", "did not answer")) },
                        None => span.hint { (say("等待回答", "waiting")) },
                    } }
                }
            } }
        }
    }
}

fn finding(tongue: Tongue, finding: &Finding) -> String {
    let say = |zh, en| tongue.say(zh, en);
    match finding {
        Finding::Able => say("能播放", "able").to_owned(),
        Finding::Refused(RefusalCode::Window) => say("时钟不对", "its clock is wrong").to_owned(),
        Finding::Refused(RefusalCode::Content) => say("没有可用的编码", "no codec").to_owned(),
        Finding::Refused(code) => format!("{} {code:?}", say("会拒绝", "would refuse")),
        Finding::Failed(why) => format!("{}：{why}", say("会失败", "would fail")),
    }
}

//! On 水雨情测站: the serial lines of stations, and whom the gateway asked last (召测, mode M4) with what was
//! answered.

use super::chinese;
use super::sources::ago;
use super::stations::measured;
use super::visitor::Visitor;
use super::words;
use crate::clock;
use crate::daemon::{LineSeen, LineState, Question, QuestionEnd, StationDesk};
use maud::{Markup, html};

/// Questions shown, the newest first.
const QUESTIONS_MAX: usize = 50;

/// Both, as far as there are any.
pub(super) fn part(visitor: &Visitor, desk: &StationDesk, offset: i16) -> Markup {
    let say = |zh, en| visitor.say(zh, en);
    let lines = desk.telemetry().lines();
    let (questions, n_all) = desk.telemetry().questions(QUESTIONS_MAX);
    html! {
        @if !lines.is_empty() {
            h2 #lines { (say("测站串口线路", "Serial lines of stations")) }
            table.wide {
                thead { tr {
                    th { (say("串口", "Port")) } th { (say("状态", "State")) } th { (say("最近报文", "Last telegram")) }
                    th.number { (say("收到", "Taken")) } th.number { (say("无法识别", "Unreadable")) }
                    th { (say("召测的测站", "Stations that are asked")) }
                } }
                tbody { @for line in &lines { (line_row(visitor, line, offset)) } }
            }
        }
        @if !questions.is_empty() {
            h2 #questions { (say("最近召测", "Questions to stations")) }
            p.hint {
                (say("每个测站只列最近一次；次数自本次启动起。", "The newest of each station; counted since the start."))
                @if n_all > questions.len() {
                    " " (say("共 ", "")) (n_all) (say(" 个测站，只列最近的 ", " stations, the newest ")) (questions.len())
                    (say(" 个。", " are listed."))
                }
            }
            table.wide {
                thead { tr {
                    th { (say("时间", "Time")) } th { (say("测站", "Station")) } th { (say("经由", "By")) }
                    th { (say("结果", "Result")) } th { (say("应答的数值", "What it answered")) }
                    th.number { (say("召测次数", "Asked")) } th.number { (say("无应答", "Silent")) }
                } }
                tbody { @for one in &questions { (question_row(visitor, one, offset)) } }
            }
        }
    }
}

fn line_row(visitor: &Visitor, line: &LineSeen, offset: i16) -> Markup {
    let say = |zh, en| visitor.say(zh, en);
    let since = line.since.map(|at| words::moment(at, offset)).unwrap_or_default();
    let asked: Vec<String> = line.asked.iter().map(ToString::to_string).collect();
    html! {
        tr {
            td { (line.port) " " span.hint { (line.baud) " baud" } }
            td { @match &line.state {
                LineState::Waiting => (say("尚未打开", "not opened yet")),
                LineState::Open => { (say("正常，自 ", "open since ")) (since) }
                LineState::Down(why) => {
                    span.bad { (say("中断，自 ", "down since ")) (since) } " · " (chinese::said(visitor.tongue(), why)) }
            } }
            td { @match line.heard_at { Some(at) => (ago(visitor, at)), None => (say("启动以来没有", "not since the start")) } }
            td.number { (line.n_taken) } td.number.bad[line.n_wrong > line.n_taken] { (line.n_wrong) }
            td { @if asked.is_empty() { (say("无", "none")) } @else { (asked.join("、")) } }
        }
    }
}

fn question_row(visitor: &Visitor, one: &Question, offset: i16) -> Markup {
    let say = |zh, en| visitor.say(zh, en);
    html! {
        tr {
            td { (words::moment(one.at, offset)) }
            td { (one.station) } td { (one.via) }
            td { (end(visitor, one, offset)) }
            td { @for value in &one.values { div { (measured(value.quantity, value.value, &value.point)) } } }
            td.number { (one.n_asked) } td.number.bad[one.n_silent > 0] { (one.n_silent) }
        }
        // Why there is nothing to read, when an answer says nothing.
        @if matches!(one.end, QuestionEnd::Answered(_)) && one.values.is_empty() {
            tr { td {} td.hint colspan="6" { (say("应答里没有可用的数值。", "The answer holds no value.")) } }
        }
    }
}

fn end(visitor: &Visitor, one: &Question, offset: i16) -> Markup {
    let say = |zh, en| visitor.say(zh, en);
    let silent = |at| {
        html! { span.bad { (say("没有应答", "no answer")) } " · "
        (say("问了 ", "asked ")) (one.tries) (say(" 遍，至 ", "×, until ")) (words::time_of_day(at, offset)) }
    };
    match one.end {
        QuestionEnd::Answered(at) => html! {
            (say("已应答", "answered")) " · " (words::time_of_day(at, offset))
            @if one.tries > 1 { " · " (say("第 ", "at the ")) (one.tries) (say(" 遍", ". time")) }
        },
        // The connection or line went away meanwhile.
        QuestionEnd::Waiting(until) if until < clock::now_utc() => silent(until),
        QuestionEnd::Waiting(until) => html! {
            (say("等待应答，至 ", "waiting until ")) (words::time_of_day(until, offset))
        },
        QuestionEnd::Silent(at) => silent(at),
    }
}

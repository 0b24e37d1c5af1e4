//! Who is asked about a plan that waits, who is next and when, each with the telephone.

use super::words::{self, Tongue};
use crate::gateway::Whom;
use crate::model::Shift;
use maud::{Markup, html};

/// The rows of a list of facts.
pub(super) fn rows(tongue: Tongue, whom: &Whom, offset: i16) -> Markup {
    let say = |zh, en| tongue.say(zh, en);
    html! {
        dt { (say("现在请", "Asked now")) }
        dd {
            @if whom.now.is_empty() {
                strong.bad { (say("值班表上此刻无人可批，请电话联系带班领导", "nobody on the roster can approve now; telephone the duty leader")) }
            } @else { (people(tongue, &whom.now)) }
        }
        @if !whom.next.is_empty() {
            dt { (say("下一位", "Next")) }
            dd {
                (people(tongue, &whom.next))
                @if let Some(at) = whom.escalates_at {
                    " · " (say("将于 ", "asked at ")) (words::time_of_day(at, offset)) (say(" 请其审批", ""))
                }
            }
        }
    }
}

/// People on duty in one line.
pub(super) fn people(tongue: Tongue, shifts: &[Shift]) -> Markup {
    html! {
        @for (at, shift) in shifts.iter().enumerate() {
            @if at > 0 { (tongue.say("、", ", ")) }
            span.person { (words::post(tongue, shift.post)) " " (shift.person) " " (telephone(&shift.telephone)) }
        }
    }
}

/// A number that a telephone dials at a touch.
pub(super) fn telephone(number: &str) -> Markup {
    let digits: String = number.chars().filter(|c| c.is_ascii_digit() || *c == '+').collect();
    html! { a href={ "tel:" (digits) } { (number) } }
}

//! What a terminal's answers to a silent test 静默测试 prove: pure. It is asked how it is (annex D, 11),
//! which makes no sound; it has no word for "I could play", so one that is idle or at work and names no
//! fault is able.

use super::control::OK;
use super::ledger::step_of;
use super::returned::parameter;
use crate::model::{Finding, Step};

/// It says that it is broken.
const STATE_FAULT: u8 = 3;

/// What it returned by annex E.
pub(super) fn finding(result: u8, values: &[(u8, Vec<u8>)]) -> Finding {
    match result {
        OK => {}
        13 => return Finding::Failed("13 bad request".to_owned()),
        60 => return Finding::Failed("60 terminal error".to_owned()),
        code => return Finding::Failed(format!("{code} unknown")),
    }
    let byte = |id| {
        let value = values.iter().find(|(known, _)| *known == id).map(|(_, value)| value);
        value.and_then(|value| value.last().copied())
    };
    match (byte(parameter::STATE), byte(parameter::FAULT).unwrap_or(0)) {
        (None, _) => Finding::Failed("it did not say its state".to_owned()),
        (Some(STATE_FAULT), code) => Finding::Failed(format!("it is broken, fault code {code}")),
        (Some(1 | 2), 0) => Finding::Able,
        (Some(1 | 2), code) => Finding::Failed(format!("fault code {code}")),
        (Some(state), _) => Finding::Failed(format!("unknown state {state}")),
    }
}

/// It refused what it was asked, by an error code with its words.
pub(super) fn refused((code, text): (u8, &str)) -> Finding {
    match step_of(code, text) {
        Step::Refused(why) => Finding::Refused(why),
        Step::Failed(why) => Finding::Failed(why),
        // No error code means one of these.
        Step::Received
        | Step::Playing
        | Step::Played
        | Step::Preempted(_)
        | Step::Cancelled
        | Step::Expired => Finding::Failed(format!("code {code}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::RefusalCode;

    fn check(result: u8, values: &[(u8, u8)], expect: &Finding) {
        let values: Vec<_> = values.iter().map(|(id, value)| (*id, vec![*value])).collect();
        assert_eq!(finding(result, &values), *expect, "{result} {values:?}");
    }

    #[test]
    fn only_a_state_without_a_fault_is_able() {
        let failed = |text: &str| Finding::Failed(text.to_owned());
        check(0, &[(1, 80), (6, 1), (7, 0)], &Finding::Able);
        check(0, &[(6, 2)], &Finding::Able);
        check(0, &[(6, 1), (7, 4)], &failed("fault code 4"));
        check(0, &[(6, 3), (7, 2)], &failed("it is broken, fault code 2"));
        check(0, &[(1, 80)], &failed("it did not say its state"));
        check(0, &[(6, 9)], &failed("unknown state 9"));
        check(60, &[(6, 1)], &failed("60 terminal error"));
        assert_eq!(refused((31, "")), Finding::Refused(RefusalCode::Busy));
        assert_eq!(refused((34, "卡")), failed("34 system 卡"));
    }
}

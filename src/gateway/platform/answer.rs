//! What the upper platform is answered: the core's answer as code and words of a receipt.

use crate::gateway::Answer;
use crate::model::{Disposition, ResultCode};

/// Code and words.
pub(crate) fn said(answer: &Answer) -> (ResultCode, String) {
    let other = |desc: &str| (ResultCode::Other, desc.to_owned());
    match answer {
        Answer::Platform { code, desc } => (*code, desc.clone()),
        Answer::Alert { disposition: Disposition::Conflict, .. } => {
            other("消息编号已被使用，内容不同，已转人工核实")
        }
        Answer::Alert { disposition, reasons, .. } => {
            let word = word(*disposition);
            // Some reasons say by themselves what became of it: once is enough.
            let bare = |text: &str| {
                let rest = text.strip_prefix(word).and_then(|rest| rest.strip_prefix('：'));
                rest.unwrap_or(text).to_owned()
            };
            let why: Vec<String> = reasons.iter().map(|reason| bare(&reason.text)).collect();
            (ResultCode::Good, format!("{word}：{}", why.join("；")))
        }
        Answer::Rejected(_)
        | Answer::Waiting { .. }
        | Answer::Edited { .. }
        | Answer::Saved { .. }
        | Answer::Started(_)
        | Answer::TestStarted(_)
        | Answer::Done(_)
        | Answer::Refused(_)
        | Answer::Denied(_)
        | Answer::NotFound(_) => (ResultCode::Other, format!("{answer:?}")),
    }
}

fn word(disposition: Disposition) -> &'static str {
    match disposition {
        Disposition::Planned => "已自动播发",
        Disposition::AwaitingApproval => "等待审批",
        Disposition::Refused => "不予播发",
        Disposition::Duplicate => "重复消息",
        Disposition::Conflict => "编号冲突",
        Disposition::Recorded => "已存档",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{AlertId, Reason, UtcMs};

    #[test]
    fn what_became_of_it_is_said_once() {
        let check = |disposition, text: &str, expect: &str| {
            let (code, text) = ("interlock_refused".to_owned(), text.to_owned());
            let (sender, identifier) = ("upper".to_owned(), "1".to_owned());
            let id = AlertId { sender, identifier, sent: UtcMs(0) };
            let (plans, broadcasts) = (Vec::new(), Vec::new());
            let reasons = vec![Reason { code, text }];
            let answer = Answer::Alert { id, disposition, reasons, plans, broadcasts };
            assert_eq!(said(&answer), (ResultCode::Good, expect.to_owned()));
        };
        check(Disposition::Refused, "不予播发：夜间不播", "不予播发：夜间不播");
        check(Disposition::Refused, "预警到达时已过有效期", "不予播发：预警到达时已过有效期");
        check(Disposition::Planned, "3 个终端不予播发：夜间", "已自动播发：3 个终端不予播发：夜间");
    }
}

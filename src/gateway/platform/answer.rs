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
            let why: Vec<&str> = reasons.iter().map(|reason| reason.text.as_str()).collect();
            (ResultCode::Good, format!("{}：{}", word(*disposition), why.join("；")))
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

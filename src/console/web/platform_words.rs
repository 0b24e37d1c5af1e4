//! Words of the exchange with the upper platform, for people.

use super::visitor::Visitor;
use crate::model::{BrdState, EbdKind, PackageSignature, ResultCode};
use maud::{Markup, html};

/// What a package is.
pub(super) fn kind(visitor: &Visitor, kind: EbdKind) -> &'static str {
    match kind {
        EbdKind::Ebm => visitor.say("播发消息", "message"),
        EbdKind::EbmStateRequest => visitor.say("播发状态查询", "asks for a state"),
        EbdKind::EbmStateResponse => visitor.say("播发状态反馈", "state of a message"),
        EbdKind::OmdRequest => visitor.say("运维数据请求", "asks for data"),
        EbdKind::EbrpsInfo => visitor.say("平台信息", "platforms"),
        EbdKind::EbrstInfo => visitor.say("台站信息", "front ends"),
        EbdKind::EbrasInfo => visitor.say("适配器信息", "adapters"),
        EbdKind::EbrbsInfo => visitor.say("传输覆盖设备信息", "transmission devices"),
        EbdKind::EbrdtInfo => visitor.say("终端信息", "terminals"),
        EbdKind::EbmBrdLog => visitor.say("播发记录", "log of broadcasts"),
        EbdKind::EbrpsState => visitor.say("平台状态", "state of platforms"),
        EbdKind::EbrasState => visitor.say("适配器状态", "state of adapters"),
        EbdKind::EbrbsState => visitor.say("传输覆盖设备状态", "state of transmission devices"),
        EbdKind::EbrdtState => visitor.say("终端状态", "state of terminals"),
        EbdKind::ConnectionCheck => visitor.say("心跳", "heartbeat"),
        EbdKind::EbdNotify => visitor.say("处理结果通知", "result"),
        EbdKind::EbdResponse => visitor.say("接收回执", "receipt"),
    }
}

/// A result code, marked when it is a refusal.
pub(super) fn code(visitor: &Visitor, code: ResultCode) -> Markup {
    let words = match code {
        ResultCode::Received => visitor.say("已收到", "received"),
        ResultCode::Good => visitor.say("正常", "good"),
        ResultCode::ParseFailed => visitor.say("解析失败", "unreadable"),
        ResultCode::Missing => visitor.say("内容缺失", "content missing"),
        ResultCode::Signature => visitor.say("签名验证失败", "signature failed"),
        ResultCode::Other => visitor.say("其他错误", "other"),
    };
    html! { span.bad[!code.is_taken()] { (code.number()) " " (words) } }
}

/// How far a message is.
pub(super) fn state(visitor: &Visitor, state: BrdState) -> &'static str {
    match state {
        BrdState::Unhandled => visitor.say("0 未处理", "0 not handled"),
        BrdState::Waiting => visitor.say("1 等待播发", "1 waiting"),
        BrdState::Playing => visitor.say("2 播发中", "2 playing"),
        BrdState::Done => visitor.say("3 播发成功", "3 done"),
        BrdState::Failed => visitor.say("4 播发失败", "4 failed"),
        BrdState::Cancelled => visitor.say("5 播发取消", "5 cancelled"),
    }
}

/// What became of a signature.
pub(super) fn signature(visitor: &Visitor, signature: &PackageSignature) -> Markup {
    html! {
        @match signature {
            PackageSignature::Verified { certificate } => {
                (visitor.say("有效，证书 ", "valid, certificate ")) code { (certificate) } }
            PackageSignature::Unsigned => span.bad { (visitor.say("没有签名", "none")) },
            PackageSignature::Bad { why } => span.bad { (visitor.say("无效：", "invalid: ")) (why) },
        }
    }
}

//! 凭据: everything on record about one terminal in one broadcast, and the proof that nobody has changed
//! it since.

use super::fault::PageFault;
use super::layout::{self, page};
use super::visitor::Visitor;
use super::words::{self, Tongue};
use crate::console::Console;
use crate::console::audit;
use crate::model::{Address, OrderKind, Outcome, Right, Step, UtcMs};
use crate::record::audit::{ChainProof, Fact, OutcomeKind, Proof};
use crate::report::Asked;
use axum::extract::{Query, State};
use maud::{Markup, html};

/// The page.
pub(super) async fn get(
    State(console): State<Console>,
    visitor: Visitor,
    Query(asked): Query<Asked>,
) -> Result<Markup, PageFault> {
    visitor.need(Right::Audit)?;
    let filter = asked.filter().map_err(|why| PageFault::malformed(&why))?;
    let (Some(broadcast), Some(terminal)) = (filter.broadcast, filter.terminal) else {
        return Err(PageFault::malformed("`broadcast`, `terminal`"));
    };
    let (proof, names) = audit::proof(&console, visitor.actor(), broadcast, terminal).await?;
    let offset = console.county.local_offset_minutes;
    let say = |zh, en| visitor.say(zh, en);
    let body = html! {
        p { a href={ "/console/audit?broadcast=" (broadcast) } { "← " (say("这次播发的全部回执", "all of this broadcast")) } }
        (verdict(&visitor, &proof, names.terminal(terminal), offset))
        h2 { (say("逐条记录", "Row by row")) }
        (rows(&visitor, &proof, offset))
        h2 { (say("台账链证明", "Proof of the chain")) }
        (chain(&visitor, &proof.chain, offset))
    };
    let title = format!("{} {terminal}", say("凭据", "Proof"));
    Ok(page(&console, &visitor, layout::AUDIT, &title, &body))
}

fn verdict(visitor: &Visitor, proof: &Proof, name: &str, offset: i16) -> Markup {
    let say = |zh, en| visitor.say(zh, en);
    let evidence = &proof.ladder.evidence;
    let kind = OutcomeKind::of(&proof.ladder.outcome);
    let time = |at: Option<UtcMs>| at.map_or("—".to_owned(), |at| words::moment(at, offset));
    let rungs = [
        (say("发出（网关时间）", "sent (our clock)"), evidence.sent_at, None),
        (
            say("收到并验签", "received and verified"),
            evidence.received_at,
            proof.ladder.received_reported_at,
        ),
        (say("开始播放", "sounding"), evidence.playing_at, proof.ladder.playing_reported_at),
        (say("结束", "ended"), evidence.ended_at, proof.ladder.ended_reported_at),
    ];
    html! {
        section.card {
            p.big {
                (name) " " strong.bad[!kind.is_reached()] { (visitor.tongue().say(kind.chinese(), kind.name())) }
                @if evidence.heard { " · " (say("现场拾音证实响过", "a sensor heard it")) }
            }
            @if let Outcome::Failed(why) = &proof.ladder.outcome { p { (say("终端自述：", "The terminal says: ")) (why) } }
            table.wide {
                thead { tr { th { (say("阶梯", "Rung")) } th { (say("终端时钟", "Terminal's clock")) }
                    th { (say("我方首次得知", "We first knew")) } } }
                tbody {
                    @for (rung, at, known) in rungs {
                        tr { td { (rung) } td { (time(at)) } td { (time(known)) } }
                    }
                }
            }
            p { (say("播放遍数 ", "Complete plays ")) (proof.ladder.plays) }
        }
    }
}

fn rows(visitor: &Visitor, proof: &Proof, offset: i16) -> Markup {
    let say = |zh, en| visitor.say(zh, en);
    html! {
        table.wide {
            thead { tr {
                th.number { (say("行号", "Row")) } th { (say("记录时间", "Recorded")) }
                th { (say("内容", "What it says")) } th { (say("链哈希", "Chain hash")) } th { (say("校验", "Fits")) }
            } }
            tbody {
                @for row in &proof.rows {
                    tr {
                        td.number { (row.seq) } td { (words::moment(row.at, offset)) }
                        td { (fact(visitor.tongue(), &row.fact, offset)) }
                        td { code { (row.hash) } }
                        td { @if row.fits { "✓" } @else { strong.bad { "✗" } } }
                    }
                }
            }
        }
    }
}

/// One row in words.
fn fact(tongue: Tongue, fact: &Fact, offset: i16) -> Markup {
    let say = |zh, en| tongue.say(zh, en);
    html! {
        @match fact {
            Fact::Targeted { class, approval, plan_title, .. } => {
                (say("列为目标", "chosen")) " · " (words::class(tongue, *class)) " · " (plan_title) " · " (words::approval(tongue, approval, plan_title))
            }
            Fact::ClipReady { spoken, .. } => { (say("音频就绪", "audio ready")) " · " (spoken.voice) }
            Fact::Ordered { kind, to, link } => {
                (order(tongue, *kind)) " → " (address(to)) " · " (words::link(*link))
            }
            Fact::Reported { step: said, received_at, playing_at, ended_at, plays, heard, counter, link, content, authenticated } => {
                strong { (step(tongue, said)) } " · " (words::link(*link)) " · " (say("报告序号 ", "report ")) (counter)
                " · " (say("遍数 ", "plays ")) (plays)
                @for at in [received_at, playing_at, ended_at].into_iter().flatten() { " · " (words::time_of_day(*at, offset)) }
                @if let Some(place) = content { " · " (say("所播内容：第 ", "content ")) (place.saturating_add(1)) (say(" 项", "")) }
                @if *heard { " · " (say("拾音证实", "heard")) }
                " · " @if *authenticated { (say("报文经该终端密钥验证", "frame opened with this terminal's key")) }
                @else { span.bad { (say("未验证", "not verified")) } }
            }
            Fact::Cancelled { cancellation } => { (say("取消：", "cancelled by ")) (cancellation.by) "（" (cancellation.reason) "）" }
            Fact::LiveBegun { by, connected } => {
                (say("现场喊话开始：", "spoken live by ")) (by) " · "
                @if *connected { (say("当时终端在线", "its session was up")) } @else { span.bad { (say("当时终端不在线", "its session was down")) } }
            }
            Fact::LiveEnded { by, reason } => { (say("现场喊话结束：", "live speech ended by ")) (by) "（" (reason) "）" }
            Fact::LiveKept { clip } => { (say("喊话录音存档 SHA-256 ", "kept as a clip, SHA-256 ")) code { (clip.sha256) } }
            Fact::Ended => (say("播发结束", "the broadcast ended")),
            Fact::Unreadable => span.bad { (say("本版本无法读取此行", "this version can't read the row")) },
        }
    }
}

fn order(tongue: Tongue, kind: OrderKind) -> &'static str {
    match kind {
        OrderKind::Play => tongue.say("播放指令", "order to play"),
        OrderKind::Cancel => tongue.say("取消指令", "order to cancel"),
        OrderKind::Query => tongue.say("查询指令", "question"),
    }
}

fn address(to: &Address) -> String {
    match to {
        Address::Area(area) => area.to_string(),
        Address::Terminal(terminal) => terminal.to_string(),
    }
}

fn step(tongue: Tongue, step: &Step) -> String {
    match step {
        Step::Received => tongue.say("收到并验签", "received").to_owned(),
        Step::Playing => tongue.say("开始播放", "sounding").to_owned(),
        Step::Played => tongue.say("播完", "played").to_owned(),
        Step::Refused(code) => format!("{} {code:?}", tongue.say("拒绝", "refused")),
        Step::Failed(why) => format!("{} {why}", tongue.say("故障", "failed")),
        Step::Preempted(by) => format!("{} {by}", tongue.say("被抢占", "pre-empted by")),
        Step::Cancelled => tongue.say("已取消", "cancelled").to_owned(),
        Step::Expired => tongue.say("已过期", "expired").to_owned(),
    }
}

fn chain(visitor: &Visitor, chain: &ChainProof, offset: i16) -> Markup {
    let say = |zh, en| visitor.say(zh, en);
    html! {
        section.card {
            p.flash.good[chain.fits].bad[!chain.fits] {
                @if chain.fits { (say("校验通过：以上各行与链一致，没有改动。", "It fits: these rows stand in the chain as they were written.")) }
                @else { (say("校验不通过！请立即保全现场并运行 mingluo record verify。", "It does NOT fit. Secure the machine and run `mingluo record verify`.")) }
            }
            dl.facts {
                dt { (say("校验范围", "Verified")) } dd {
                    (chain.first_seq) " — " (chain.last_seq) " · " (chain.n_rows_checked) (say(" 行", " rows"))
                    @if !chain.whole_span { " · " (say("跨度过大，只校验了这些行本身", "the span is long: only the rows themselves")) }
                }
                dt { (say("当前链头", "Head")) } dd { (chain.head_seq) ":" code { (chain.head_hash) } }
                @match &chain.signed {
                    Some(head) => {
                        dt { (say("其后最近的签名链头", "Next signed head")) } dd {
                            (head.seq) " · " (words::moment(head.at, offset)) " · "
                            @if head.fits { (say("签名有效", "signature fits")) } @else { strong.bad { (say("签名无效", "signature does not fit")) } }
                            @if head.key_trusted == Some(true) { " · " (say("本网关密钥", "by this gateway's key")) }
                            br; code { (head.public_key) }
                        }
                    }
                    None => { dt { (say("签名链头", "Signed head")) } dd { (say("尚未签名（每 10000 行或停机时签名）", "not yet (every 10,000 rows, and at a stop)")) } }
                }
            }
            @if !chain.faults.is_empty() {
                ul.reasons { @for fault in &chain.faults { li { (format!("{fault:?}")) } } }
            }
        }
    }
}

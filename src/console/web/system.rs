//! 系统: how the gateway is, what it hangs on, and where its settings are looked after.

use super::chinese;
use super::fault::PageFault;
use super::layout::{self, page};
use super::plan_words;
use super::visitor::Visitor;
use super::words::{self, Tongue};
use crate::clock;
use crate::console::Console;
use crate::daemon::Life;
use crate::decide::PolicyNotice;
use crate::deliver::Presence;
use crate::gateway::Gateway;
use crate::model::{LinkKind, PolicyPart, Right};
use axum::extract::State;
use maud::{Markup, html};
use std::collections::BTreeMap;

/// Terminals of each link: online, all.
fn links(gateway: &Gateway) -> BTreeMap<LinkKind, (usize, usize)> {
    let mut links: BTreeMap<LinkKind, (usize, usize)> = BTreeMap::new();
    for terminal in gateway.rules().network.terminals.values() {
        let online = gateway.presence(terminal.id) == Presence::Online;
        for link in &terminal.links {
            let (n_online, n_all) = links.entry(*link).or_default();
            *n_online += usize::from(online);
            *n_all += 1;
        }
    }
    links
}

/// Where policy file and changes on screen do not agree, with what people call the part.
fn notices(gateway: &Gateway) -> Vec<(String, PolicyNotice)> {
    let policy = &gateway.rules().policy;
    let title = |part: &PolicyPart| plan_words::title(Tongue::Zh, policy, part);
    gateway.policy_notices().into_iter().map(|notice| (title(&notice.part), notice)).collect()
}

/// What is the matter, for people.
pub(super) fn told(tongue: Tongue, notice: &PolicyNotice) -> String {
    match tongue {
        Tongue::Zh => notice.zh(),
        Tongue::En => {
            let (what, remedy) = notice.en();
            format!("{what}; {remedy}")
        }
    }
}

/// The page.
pub(super) async fn get(
    State(console): State<Console>,
    visitor: Visitor,
) -> Result<Markup, PageFault> {
    visitor.need(Right::Read)?;
    let look = console.core.look(|gateway| {
        let network = &gateway.rules().network;
        (
            gateway.n_online(),
            (network.terminals.len(), links(gateway)),
            network.areas.len(),
            gateway.state().n_rejected,
            notices(gateway),
        )
    });
    let (online, (terminals, links), areas, rejected, notices) = look.await?;
    let health = &console.metrics.health;
    let say = |zh, en| visitor.say(zh, en);
    let life = match health.life() {
        Life::Starting => say("正在启动", "starting"),
        Life::Replaying => say("正在重放台账", "replaying the record"),
        Life::Running => say("正常运行", "running"),
        Life::Stopping => say("正在停止", "stopping"),
    };
    let link = health.link_why();
    let warnings = console.metrics.link_warnings();
    let body = html! {
        section.card {
            dl.facts {
                dt { (say("状态", "State")) } dd { (life) }
                dt { (say("版本", "Version")) } dd { (env!("CARGO_PKG_VERSION")) }
                dt { (say("决策核心", "Core")) } dd {
                    @if health.core_stuck() { span.bad { (say("停滞 ", "silent for ")) (health.core_silent_ms() / 1000) " s" } }
                    @else { (say("运转正常", "turning")) " · " (console.core.n_waiting()) (say(" 条待处理", " inputs waiting")) }
                }
                dt { (say("链路", "Link")) } dd { @if link.is_empty() { (say("已连接", "up")) } @else { span.bad { (chinese::said(visitor.tongue(), &link)) } } }
                dt { (say("终端", "Terminals")) } dd { (online) " / " (terminals) (say(" 在线", " online"))
                    @for (link, (n_online, n_all)) in &links {
                        " · " (words::link(*link)) " " span.bad[n_online < n_all] { (n_online) " / " (n_all) }
                    }
                }
                dt { (say("HTTPS 证书", "HTTPS certificate")) } dd { (certificate(&console, &visitor)) }
                dt { (say("区域", "Areas")) } dd { (areas) }
                dt { (say("无法识别的报文", "Unreadable messages")) } dd { (rejected) }
                dt { (say("磁盘", "Disk")) } dd {
                    @if health.space_low() { span.bad { (say("空间不足，已动用备用空间", "full: living on the reserve")) } }
                    @else { (say("正常", "fine")) }
                }
                dt { (say("台账", "Record")) } dd { (console.record_url) }
            }
            @for warning in &warnings { p.flash.bad { (chinese::said(visitor.tongue(), warning)) } }
            (keys_ending(&console, &visitor))
            @for (title, notice) in &notices {
                div.flash.bad { p { (title) (say("：", ": ")) (told(visitor.tongue(), notice)) }
                    a href={ (super::plan_form::history_of(&notice.part)) } { (say("查看并决定", "Look and decide")) } }
            }
        }
        (super::sources::table(&console, &visitor))
        @if console.platform.is_some() { p { a.button href="/console/platform" { (say("上级平台往来", "Upper platform")) } } }
        (super::stations::section(&console, &visitor).await?)
        (ways_on(&visitor))
    };
    let title = say("系统", "System").to_owned();
    Ok(page(&console, &visitor, layout::SYSTEM, &title, &body))
}

/// The end of our certificate, marked when it is near.
fn certificate(console: &Console, visitor: &Visitor) -> Markup {
    let say = |zh, en| visitor.say(zh, en);
    let until = console.metrics.certificate_until();
    let near = console.metrics.certificate_ends_soon(clock::now_utc());
    html! {
        @match until {
            Some(until) => span.bad[near] { (say("有效至 ", "good until ")) (words::moment(until, console.county.local_offset_minutes))
                @if near { (say("，请用 mingluo keys tls 换新后重启", "; make another with `mingluo keys tls` and restart")) } },
            None => (say("未启用 HTTPS", "HTTPS is off")),
        }
    }
}

/// API keys that end soon.
fn keys_ending(console: &Console, visitor: &Visitor) -> Markup {
    let say = |zh, en| visitor.say(zh, en);
    let offset = console.county.local_offset_minutes;
    let ending = console.keys.ending(clock::now_utc());
    html! {
        @for (name, end, stage) in &ending {
            div.flash.bad[*stage <= 1].warn[*stage > 1] { p {
                (say("接口密钥“", "API key `")) (name)
                @if *stage == 0 { (say("”已到期：", "` ended: ")) } @else { (say("”即将到期：", "` ends soon: ")) }
                (words::moment(*end, offset))
                (say("。请新建密钥交给使用方，再吊销旧的。", ". Make another for its user, then revoke it."))
            } }
        }
    }
}

/// Where settings are looked after.
fn ways_on(visitor: &Visitor) -> Markup {
    let say = |zh, en| visitor.say(zh, en);
    html! {
        @if visitor.may(Right::Audit) || visitor.may(Right::Maintain) {
            div.actions { a.button href="/console/settings" { (say("设置变更", "Changes of settings")) } }
        }
        @if visitor.may(Right::Administer) {
            div.actions {
                a.button href="/console/accounts" { (say("人员账号", "Accounts")) }
                a.button href="/console/keys" { (say("接口密钥", "API keys")) }
            }
        }
    }
}

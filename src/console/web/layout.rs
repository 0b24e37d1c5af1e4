//! The frame around every page: the head with the county's name, where one can go, who one is, and the
//! button that stops everything.

use super::assets;
use super::visitor::{Look, TOKEN_FIELD, Visitor};
use super::words;
use crate::console::Console;
use crate::model::Right;
use maud::{DOCTYPE, Markup, html};

/// Where a page stands in the menu.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    /// Its address.
    pub(super) path: &'static str,
    zh: &'static str,
    en: &'static str,
    right: Right,
}

/// The pages of the menu, in their order. A page with a right that the visitor lacks is not shown.
pub(super) const PLACES: [Place; 13] = [
    OVERVIEW, ALERTS, COMPOSE, APPROVALS, BROADCASTS, AUDIT, TERMINALS, PLANS, ROSTER, PROGRAMMES,
    DRILLS, LATCHES, SYSTEM,
];

/// 总览
pub(super) const OVERVIEW: Place = place("/console/", "总览", "Overview", Right::Read);
/// 预警
pub(super) const ALERTS: Place = place("/console/alerts", "预警", "Alerts", Right::Read);
/// 手动广播
pub(super) const COMPOSE: Place =
    place("/console/compose", "手动广播", "Broadcast", Right::Broadcast);
/// 审批
pub(super) const APPROVALS: Place =
    place("/console/approvals", "审批", "Approvals", Right::Approve);
/// 播发
pub(super) const BROADCASTS: Place =
    place("/console/broadcasts", "播发", "Broadcasts", Right::Read);
/// 回执审计
pub(super) const AUDIT: Place = place("/console/audit", "回执审计", "Audit", Right::Audit);
/// 终端
pub(super) const TERMINALS: Place = place("/console/terminals", "终端", "Terminals", Right::Read);
/// 预案
pub(super) const PLANS: Place = place("/console/plans", "预案", "Response plans", Right::Read);
/// 值班
pub(super) const ROSTER: Place = place("/console/roster", "值班", "Duty roster", Right::Read);
/// 节目单
pub(super) const PROGRAMMES: Place =
    place("/console/programmes", "节目单", "Programmes", Right::Read);
/// 演练
pub(super) const DRILLS: Place = place("/console/drills", "演练", "Drills", Right::Drill);
/// 停播锁
pub(super) const LATCHES: Place = place("/console/latches", "停播锁", "STOP latch", Right::Read);
/// 系统
pub(super) const SYSTEM: Place = place("/console/system", "系统", "System", Right::Read);

const fn place(path: &'static str, zh: &'static str, en: &'static str, right: Right) -> Place {
    Place { path, zh, en, right }
}

/// A whole page: `here` marks the entry of the menu, `title` is its heading.
pub(super) fn page(
    console: &Console,
    visitor: &Visitor,
    here: Place,
    title: &str,
    body: &Markup,
) -> Markup {
    let content = html! {
        (banner(console, visitor))
        (super::latches::strip(visitor, console.county.local_offset_minutes))
        (menu(visitor, here))
        main id="main" {
            @for flash in &visitor.flashes {
                p.flash.good[flash.good].bad[!flash.good] role="status" { (flash.text) }
            }
            h1 { (title) }
            (body)
        }
    };
    document(&visitor.look, title, &content)
}

/// The document around a page, for those who are not signed in as well.
pub(super) fn document(look: &Look, title: &str, content: &Markup) -> Markup {
    html! {
        (DOCTYPE)
        html lang=(look.tongue.tag()) data-theme=(look.theme) {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (title) " · 鸣锣" }
                link rel="icon" href=(assets::path("gong.svg")) type="image/svg+xml";
                link rel="stylesheet" href=(assets::path("console.css"));
                script type="module" nonce=(look.nonce) src=(assets::path("console.js")) {}
            }
            body { (content) }
        }
    }
}

fn banner(console: &Console, visitor: &Visitor) -> Markup {
    let actor = visitor.actor();
    html! {
        a.skip href="#main" { (visitor.say("跳到正文", "Skip to content")) }
        header.banner {
            a.brand href="/console/" {
                img src=(assets::path("gong.svg")) alt="" width="28" height="28";
                span { "鸣锣" }
                span.county { (console.county.name) }
            }
            div.pulse data-live="pulse" aria-live="polite" {}
            div.who {
                @if visitor.may(Right::Stop) { (stop_button(visitor)) }
                details.me {
                    summary { (actor.name) " · " (words::role(visitor.tongue(), actor.role)) }
                    div.menu-box {
                        a href="/console/me" { (visitor.say("我的账号", "My account")) }
                        (look_form(visitor))
                        form method="post" action="/console/sign-out" {
                            (token(visitor))
                            button type="submit" { (visitor.say("退出登录", "Sign out")) }
                        }
                    }
                }
            }
        }
    }
}

/// 一键停播: two presses from every page, also without scripts.
fn stop_button(visitor: &Visitor) -> Markup {
    html! {
        details.stop {
            summary { (visitor.say("一键停播", "Stop all")) }
            form.menu-box method="post" action="/console/stop" {
                (token(visitor))
                p { (visitor.say(
                    "立即停止您管辖范围内的全部播发，并撤下待审批的方案。",
                    "Stops every broadcast in your area at once and withdraws waiting plans.",
                )) }
                label {
                    (visitor.say("原因（可不填）", "Reason (optional)"))
                    input name="reason" maxlength="200" autocomplete="off";
                }
                button.danger type="submit" { (visitor.say("确认停播", "Stop now")) }
            }
        }
    }
}

/// Language and light.
fn look_form(visitor: &Visitor) -> Markup {
    let choice = |name: &'static str, value: &'static str, text: &str, on: bool| {
        html! { button type="submit" name=(name) value=(value) aria-pressed=(on) { (text) } }
    };
    let look = &visitor.look;
    let zh = look.tongue == words::Tongue::Zh;
    html! {
        form.look method="post" action="/console/look" {
            (token(visitor))
            input type="hidden" name="back" value=(look.path);
            div {
                (choice("tongue", "zh", "中文", zh))
                (choice("tongue", "en", "English", !zh))
            }
            div {
                (choice("theme", "auto", visitor.say("随系统", "Auto"), look.theme == "auto"))
                (choice("theme", "light", visitor.say("浅色", "Light"), look.theme == "light"))
                (choice("theme", "dark", visitor.say("深色", "Dark"), look.theme == "dark"))
            }
        }
    }
}

fn menu(visitor: &Visitor, here: Place) -> Markup {
    html! {
        nav.menu aria-label=(visitor.say("主菜单", "Main menu")) {
            @for place in PLACES.iter().filter(|place| visitor.may(place.right)) {
                a href=(place.path) aria-current=[(*place == here).then_some("page")] {
                    (visitor.say(place.zh, place.en))
                }
            }
        }
    }
}

/// The hidden field that shows that a form is ours.
pub(super) fn token(visitor: &Visitor) -> Markup {
    html! { input type="hidden" name=(TOKEN_FIELD) value=(visitor.session.form_token()); }
}

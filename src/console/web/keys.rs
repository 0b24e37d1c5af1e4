//! 接口密钥: which programs may ask the gateway, as what, where and until when. Made here they are shown
//! once, stand in the record by their digest, and let in and out at once; those of the file go on working.

use super::accounts::{Places, names, places};
use super::fault::PageFault;
use super::layout::{self, page, token};
use super::visitor::{Posted, Visitor, done};
use super::words;
use crate::clock;
use crate::console::{ApiKey, Console, session};
use crate::decide::{REASON_CHARS_MAX, REASON_CHARS_MIN};
use crate::gateway::{Answer, Ask, Input, KeyState};
use crate::model::{ApiKeyLine, AreaCode, Right, Role, Sha256, UtcMs};
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use maud::{Markup, html};

/// Roles of keys, with the names forms use.
const ROLES: [(&str, Role); 6] = [
    ("source", Role::Source),
    ("officer", Role::Officer),
    ("leader", Role::Leader),
    ("auditor", Role::Auditor),
    ("technician", Role::Technician),
    ("administrator", Role::Administrator),
];
/// Spans of validity to choose from, days; 0 = without an end.
const VALID_DAYS: [i64; 5] = [365, 90, 30, 7, 0];
/// The one that is chosen beforehand.
const VALID_DAYS_DEFAULT: i64 = 365;
/// Days before its end at which a key is marked.
const WARN_DAYS: i64 = 30;
/// Milliseconds of a day.
const DAY_MS: i64 = 86_400_000;
const HERE: &str = "/console/keys";

/// The page.
pub(super) async fn get(
    State(console): State<Console>,
    visitor: Visitor,
) -> Result<Markup, PageFault> {
    visitor.need(Right::Administer)?;
    shown(&console, &visitor, &html! {}).await
}

async fn shown(console: &Console, visitor: &Visitor, news: &Markup) -> Result<Markup, PageFault> {
    let places = places(console).await?;
    let look = console.core.look(|gateway| {
        let mut made: Vec<KeyState> = gateway.state().api_keys.values().cloned().collect();
        made.sort_by_key(|known| (known.revoked.is_some(), -known.at.0));
        made
    });
    let made = look.await?;
    let say = |zh, en| visitor.say(zh, en);
    let now = clock::now_utc();
    let offset = console.county.local_offset_minutes;
    let body = html! {
        p { a href="/console/system" { "← " (say("系统", "System")) } }
        (news)
        p.hint { (say(
            "密钥只在新建时显示一次，系统只保存它的摘要。吊销立即生效，每一步都记入台账。",
            "A key is shown once, when it is made; its digest alone is kept. Revoking works at once, and each step is on record.",
        )) }
        table.wide {
            thead { tr {
                th { (say("名称", "Name")) } th { (say("角色", "Role")) } th { (say("区域", "Areas")) }
                th { (say("来源", "From")) } th { (say("有效期", "Until")) } th { (say("状态", "State")) } th { }
            } }
            tbody {
                @for known in &made { (made_row(visitor, &places, known, (now, offset))) }
                @for key in console.keys.of_file() { (file_row(visitor, &places, key)) }
            }
        }
        h2 { (say("新建密钥", "New key")) }
        (new_form(visitor, &places))
    };
    let title = say("接口密钥", "API keys").to_owned();
    Ok(page(console, visitor, layout::SYSTEM, &title, &body))
}

/// The first digits of a digest: enough to tell keys of one name apart.
fn mark(sha256: Sha256) -> String {
    sha256.to_string().chars().take(8).collect()
}

fn made_row(
    visitor: &Visitor,
    places: &Places,
    known: &KeyState,
    (now, offset): (UtcMs, i16),
) -> Markup {
    let say = |zh, en| visitor.say(zh, en);
    let key = &known.key;
    let soon = |end: UtcMs| end.since_ms(now) < WARN_DAYS * DAY_MS;
    html! {
        tr {
            td { (key.name) " " span.hint { (mark(key.sha256)) } }
            td { (words::role(visitor.tongue(), key.role)) }
            td { (names(places, &key.areas)) }
            td { (say("新建：", "made by ")) (known.by) " " (words::moment(known.at, offset)) }
            td { @match key.expires {
                Some(end) => span.bad[soon(end)] { (words::moment(end, offset)) },
                None => (say("长期", "no end")),
            } }
            td { @match &known.revoked {
                Some((by, at, why)) => { (say("已吊销：", "revoked by ")) (by) " " (words::moment(*at, offset)) " （" (why) "）" }
                None if known.is_good(now) => (say("有效", "good")),
                None => span.bad { (say("已过期", "expired")) },
            } }
            td { @if known.revoked.is_none() { (revoke_form(visitor, key)) } }
        }
    }
}

fn file_row(visitor: &Visitor, places: &Places, key: &ApiKey) -> Markup {
    let say = |zh, en| visitor.say(zh, en);
    html! {
        tr {
            td { (key.name) " " span.hint { (mark(key.sha256)) } }
            td { (words::role(visitor.tongue(), key.role)) }
            td { (names(places, &key.areas)) }
            td { (say("配置文件（keys.api_keys_file）", "file (keys.api_keys_file)")) }
            td { (say("长期", "no end")) }
            td { (say("有效", "good")) }
            td { span.hint { (say("用 mingluo keys revoke 吊销，重启生效", "`mingluo keys revoke`, then restart")) } }
        }
    }
}

fn revoke_form(visitor: &Visitor, key: &ApiKeyLine) -> Markup {
    let say = |zh, en| visitor.say(zh, en);
    html! {
        details {
            summary { (say("吊销", "Revoke")) }
            form method="post" action="/console/keys/revoke" {
                (token(visitor))
                input type="hidden" name="sha256" value=(key.sha256);
                label { (say("原因（至少 4 个字）", "Reason (at least 4 characters)"))
                    input name="reason" required minlength=(REASON_CHARS_MIN) maxlength=(REASON_CHARS_MAX) autocomplete="off"; }
                button.danger type="submit" { (say("吊销，立即生效", "Revoke at once")) }
            }
        }
    }
}

fn new_form(visitor: &Visitor, places: &Places) -> Markup {
    let say = |zh, en| visitor.say(zh, en);
    let span = |days: i64| match days {
        0 => say("长期（不建议）", "no end (not advised)").to_owned(),
        days => format!("{days}{}", say(" 天", " days")),
    };
    html! {
        form.card method="post" action=(HERE) {
            (token(visitor))
            div.filters {
                label { (say("使用者（单位或程序）", "Whose (office or program)")) input name="name" required maxlength="32" autocomplete="off"; }
                label { (say("角色", "Role"))
                    select name="role" { @for (value, role) in ROLES { option value=(value) { (words::role(visitor.tongue(), role)) } } }
                }
                label { (say("有效期", "Valid"))
                    select name="days" { @for days in VALID_DAYS {
                        option value=(days) selected[days == VALID_DAYS_DEFAULT] { (span(days)) }
                    } }
                }
            }
            fieldset.areas {
                legend { (say("可用区域", "Areas")) }
                div.villages { @for (code, name) in places { label { input type="checkbox" name="area" value=(code); (name) } } }
            }
            button.primary type="submit" { (say("新建密钥", "Make the key")) }
        }
    }
}

/// Makes a key, and shows its text once.
pub(super) async fn post(
    State(console): State<Console>,
    Posted { visitor, fields }: Posted,
) -> Result<Response, PageFault> {
    visitor.need(Right::Administer)?;
    let role = ROLES.iter().find(|(name, _)| *name == fields.one("role"));
    let (_, role) = role.ok_or_else(|| PageFault::malformed("`role`"))?;
    let days: i64 = fields.parsed("days")?.unwrap_or(VALID_DAYS_DEFAULT);
    if !VALID_DAYS.contains(&days) {
        return Err(PageFault::malformed("`days`"));
    }
    let (text, sha256) = session::new_key().map_err(|fault| {
        tracing::error!(%fault, "no API key was made");
        PageFault::from(crate::daemon::CoreFault::Unanswered)
    })?;
    let key = ApiKeyLine {
        name: fields.one("name").to_owned(),
        role: *role,
        areas: fields.all("area").filter_map(AreaCode::parse).collect(),
        sha256,
        expires: (days > 0).then(|| clock::now_utc().plus_s(days.saturating_mul(86_400))),
    };
    let answer = ask(&console, &visitor, Ask::MakeKey(Box::new(key))).await?;
    let news = if matches!(answer, Answer::Done(_)) {
        html! {
            div.flash.good role="status" {
                p { (visitor.say("密钥已新建，请立即抄存，离开本页后不再显示：", "The key is made. Keep it now, it is not shown again:")) }
                p { code id="new-key" { (text) } }
                p.hint { (visitor.say("请求时放在 Authorization: Bearer 之后。", "Send it after `Authorization: Bearer`.")) }
            }
        }
    } else {
        html! { p.flash.bad role="alert" { (refusal(&visitor, &answer)) } }
    };
    Ok(shown(&console, &visitor, &news).await?.into_response())
}

/// Revokes a key.
pub(super) async fn revoke(
    State(console): State<Console>,
    Posted { visitor, fields }: Posted,
) -> Result<Response, PageFault> {
    visitor.need(Right::Administer)?;
    let sha256 = Sha256::parse(fields.one("sha256"));
    let sha256 = sha256.ok_or_else(|| PageFault::malformed("`sha256`"))?;
    let ask_for = Ask::RevokeKey(sha256, fields.one("reason").to_owned());
    let answer = ask(&console, &visitor, ask_for).await?;
    let good = matches!(answer, Answer::Done(_));
    let text = if good {
        visitor.say("密钥已吊销，立即生效。", "The key is revoked, at once.").to_owned()
    } else {
        refusal(&visitor, &answer)
    };
    Ok(done(&console, &visitor, good, &text, HERE))
}

async fn ask(console: &Console, visitor: &Visitor, ask: Ask) -> Result<Answer, PageFault> {
    let actor = visitor.actor().clone();
    Ok(console.core.ask(None, move |id| Input::Ask(id, actor, Box::new(ask))).await?)
}

fn refusal(visitor: &Visitor, answer: &Answer) -> String {
    super::plan_form::refusal(visitor.tongue(), answer)
}

//! The pages for people: rendered here, in Chinese or English, for browsers from Chromium 78 on. One file
//! a page. Everything a page does goes to the core as an input, as from the API.

mod accounts;
mod alerts;
mod answer;
mod approvals;
mod asked;
mod assets;
mod audit;
mod broadcast;
mod broadcasts;
mod calls;
pub(crate) mod chinese;
mod compose;
mod compose_form;
mod diff;
mod drills;
mod edit;
mod ended;
mod evidence;
mod fault;
mod glass;
mod groups;
mod guard;
mod keys;
mod latches;
mod layout;
mod list;
mod live;
mod map;
mod me;
mod needy;
mod overview;
mod plan_fields;
mod plan_form;
mod plan_history;
mod plan_new;
mod plan_preview;
mod plan_remove;
mod plan_words;
mod plans;
mod platform;
mod platform_words;
mod programme_check;
mod programme_form;
mod programme_ready;
mod programmes;
mod pulse;
mod read_back;
mod recordings;
mod registry;
mod rejections;
mod resend;
mod roster;
mod settings;
mod sign_in;
mod silent_test;
mod sources;
mod speak;
mod station_lines;
mod stations;
mod stop;
mod system;
mod terminals;
mod tiles;
mod visitor;
mod words;

pub(super) use chinese::chinese as in_chinese;
pub(crate) use guard::known_host;
pub use live::Board;
pub use map::Outline;
pub use tiles::Tiles;

use super::Console;
use super::extract::ROSTER_BYTES_MAX;
use super::people::AccountFault;
use crate::daemon::CoreFault;
use crate::gateway::{Answer, Input};
use crate::model::{Act, Actor, AreaCode, Network, Policy};
use axum::Router;
use axum::extract::{DefaultBodyLimit, Request};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{Redirect, Response};
use axum::routing::{get, post};
use std::path::PathBuf;
use words::Tongue;

/// What pages tell of the county.
#[derive(Debug, Clone)]
pub struct County {
    /// Its name.
    pub name: String,
    /// Areas served.
    pub served: Vec<AreaCode>,
    /// Offset of local time from UTC in minutes.
    pub local_offset_minutes: i16,
    /// Names by which the console is reached.
    pub hosts: Vec<String>,
    /// Its outline on the map.
    pub outline: Outline,
    /// Folders in which recordings lie.
    pub audio_dirs: [PathBuf; 2],
}

/// All pages.
pub(super) fn router(console: &Console) -> Router {
    let clips = console.clips.clone();
    let clips = clips.layer(from_fn_with_state(console.clone(), signed_in));
    let pages = Router::new()
        .merge(duty())
        .route("/", get(overview::get))
        .route("/sign-in", get(sign_in::get).post(sign_in::post))
        .route("/sign-out", post(sign_in::out))
        .route("/setup", get(sign_in::setup).post(sign_in::set_up))
        .route("/look", post(sign_in::set_look))
        .route("/live", get(live::stream))
        .route("/assets/{edition}/{name}", get(assets::file))
        .route("/stop", post(stop::post))
        .route("/approvals", get(approvals::get))
        .route("/approvals/{plan}/approve", post(approvals::approve))
        .route("/approvals/{plan}/refuse", post(approvals::refuse))
        .route("/approvals/{plan}/edit", get(edit::get).post(edit::post))
        .route("/approvals/{plan}/break-glass", post(glass::release))
        .route("/broadcasts", get(broadcasts::get))
        .route("/broadcasts/{id}/countersign", post(glass::countersign))
        .route("/broadcasts/{id}/resend", post(resend::post))
        .route("/broadcasts/{id}/called", post(calls::post))
        .merge(speaking())
        .route("/broadcasts/{id}", get(broadcast::get))
        .route("/broadcasts/{id}/cancel", post(broadcast::cancel))
        .route("/compose", get(compose::get).post(compose::post))
        .route("/compose/audience", post(compose::audience))
        .route("/compose/preview", post(compose::preview))
        .route(
            "/recordings",
            get(recordings::get)
                .post(recordings::post)
                .layer(DefaultBodyLimit::max(recordings::BODY_BYTES_MAX)),
        )
        .route("/recordings/{name}", get(recordings::listen))
        .route("/recordings/{name}/delete", post(recordings::delete))
        .route("/alerts", get(alerts::get))
        .route("/alerts/{number}", get(alerts::one))
        .route("/raw/{sha256}", get(alerts::raw))
        .merge(guarded())
        .route("/audit", get(audit::get))
        .route("/audit/export", get(audit::export))
        .route("/audit/evidence", get(evidence::get))
        .merge(registry())
        .route("/drills", get(drills::get))
        .route("/drills/arm", post(drills::arm))
        .route("/drills/end", post(drills::end))
        .route("/system", get(system::get))
        .route("/accounts", get(accounts::get).post(accounts::post))
        .route("/accounts/change", post(accounts::change))
        .route("/me", get(me::get))
        .route("/me/password", post(me::password))
        .route("/me/code", post(me::code))
        .route("/me/code/new", post(me::new_code))
        .fallback(visitor::nowhere)
        .with_state(console.clone())
        .merge(clips)
        .layer(from_fn_with_state(console.clone(), guard::pages));
    let calls = Router::new()
        .route("/call/{token}", get(answer::get).post(answer::post))
        .with_state(console.clone())
        .layer(from_fn_with_state(console.clone(), guard::pages));
    Router::new()
        .merge(calls)
        .route("/", get(async || Redirect::to("/console/")))
        .route("/console", get(async || Redirect::to("/console/")))
        .nest("/console/", pages)
}

/// The microphone.
fn speaking() -> Router<Console> {
    let pieces = DefaultBodyLimit::max(speak::BODY_BYTES_MAX);
    Router::new()
        .route("/broadcasts/{id}/speak", get(speak::get).post(speak::say).layer(pieces))
        .route("/broadcasts/{id}/speak/begin", post(speak::begin))
        .route("/broadcasts/{id}/speak/end", post(speak::end))
}

/// What could not be read, and the STOP latch.
fn guarded() -> Router<Console> {
    Router::new()
        .route("/rejections", get(rejections::get))
        .route("/rejections/{number}", get(rejections::one))
        .route("/rejections/{number}/replay", post(rejections::replay))
        .route("/latches", get(latches::get).post(latches::set))
        .route("/latches/lift", post(latches::lift))
}

/// What people look after: roster, groups, programmes, response plans, API keys; the upper platform.
fn duty() -> Router<Console> {
    // A file that was checked comes back in text form, a third longer.
    let uploads = DefaultBodyLimit::max(ROSTER_BYTES_MAX * 3 / 2);
    Router::new()
        .route("/roster", get(roster::get).post(roster::post))
        .route("/roster/remove", post(roster::remove))
        .route("/roster/import", post(roster::import).layer(uploads))
        .route("/groups", get(groups::get))
        .route("/groups/remove", post(groups::remove))
        .route("/programmes", get(programmes::get))
        .route("/programmes/edit", get(programme_form::get).post(programme_form::post))
        .route("/programmes/add", post(programme_ready::post))
        .route("/programmes/approve", post(programmes::approve))
        .route("/programmes/remove", post(programmes::remove))
        .route("/plans", get(plans::get))
        .route("/plans/edit", get(plan_form::get).post(plan_form::post))
        .route("/plans/history", get(plan_history::get))
        .route("/plans/approve", post(plan_history::approve))
        .route("/plans/withdraw", post(plan_history::withdraw))
        .route("/plans/refuse", post(plan_history::refuse))
        .route("/plans/remove", get(plan_remove::get).post(plan_remove::post))
        .route("/stations", get(stations::get))
        .route("/settings", get(settings::get))
        .route("/keys", get(keys::get).post(keys::post))
        .route("/keys/revoke", post(keys::revoke))
        .route("/platform", get(platform::get))
        .route("/platform/{number}", get(platform::one))
}

/// The registry of terminals, and their tests.
fn registry() -> Router<Console> {
    let uploads = DefaultBodyLimit::max(registry::BYTES_MAX * 3 / 2);
    Router::new()
        .route("/terminals", get(terminals::get))
        .route("/terminals/export", get(terminals::export))
        .route("/terminals/import", post(registry::import).layer(uploads))
        .route("/terminals/tests", post(silent_test::post))
        .route("/terminals/tests/{test}", get(silent_test::get))
}

/// Puts what a person did on record.
///
/// # Errors
/// When the core can't be reached: then it is not done either.
async fn note(console: &Console, actor: Actor, act: Act) -> Result<(), fault::PageFault> {
    let answer = console.core.ask(None, move |request| Input::Act(request, actor, act)).await?;
    if matches!(answer, Answer::Done(_)) { Ok(()) } else { Err(CoreFault::Unanswered.into()) }
}

/// Why an account was not made or changed, for people.
fn account_fault(tongue: Tongue, fault: &AccountFault) -> String {
    use super::people::PasswordFault;
    let zh = match fault {
        AccountFault::Login(_) => "账号须为 1 至 32 位小写字母、数字、点、下划线或连字符。",
        AccountFault::Taken(_) => "这个账号已经存在。",
        AccountFault::Name => "姓名须为 1 至 32 个字。",
        AccountFault::NoArea => "请至少选择一个区域。",
        AccountFault::Password(PasswordFault::Short) => "密码至少 10 个字符。",
        AccountFault::Password(PasswordFault::Long) => "密码最多 128 个字符。",
        AccountFault::Password(PasswordFault::Guessable) => {
            "这个密码太容易猜到（过于常见、重复，或含有账号、姓名），请换一个。"
        }
        AccountFault::Password(PasswordFault::Broken(_)) => "密码处理失败，没有任何改动。",
        AccountFault::Unknown(_) => "没有这个账号。",
        AccountFault::LastAdministrator => "这是最后一位系统管理员，请先添加另一位。",
        AccountFault::Full => "账号数量已达上限。",
        AccountFault::SetUpDone => "一次性链接已失效。",
        AccountFault::File(_) => "账号文件无法读写，没有任何改动。",
    };
    match tongue {
        Tongue::Zh => zh.to_owned(),
        Tongue::En => fault.to_string(),
    }
}

/// What an answer comes to for people: `done` when it was done, else why not.
fn told(tongue: Tongue, answer: &Answer, done: &str) -> (bool, String) {
    let is_done = matches!(answer, Answer::Done(_));
    (is_done, if is_done { done.to_owned() } else { refusal(tongue, answer) })
}

/// A negative answer, for people.
fn refusal(tongue: Tongue, answer: &Answer) -> String {
    match answer {
        Answer::Refused(refusal) => {
            let why: Vec<&str> = refusal.reasons.iter().map(|r| r.text.as_str()).collect();
            format!(
                "{}{}",
                tongue.say("按规定不予执行：", "Refused by the rules: "),
                why.join("；")
            )
        }
        Answer::Denied(why) => {
            format!("{}{}", tongue.say("没有执行：", "Not done: "), chinese::said(tongue, why))
        }
        Answer::NotFound(_) => tongue
            .say("没有执行：它已经结束或不存在。", "Not done: it has ended or does not exist.")
            .to_owned(),
        Answer::Alert { .. }
        | Answer::Rejected(_)
        | Answer::Waiting { .. }
        | Answer::Started(_)
        | Answer::Edited { .. }
        | Answer::Saved { .. }
        | Answer::TestStarted(_)
        | Answer::Platform { .. }
        | Answer::Done(_) => tongue.say("没有执行。", "Not done.").to_owned(),
    }
}

impl County {
    /// From the registry and the rules in force.
    #[must_use]
    pub fn of(
        network: &Network,
        policy: &Policy,
        hosts: Vec<String>,
        outline: Outline,
        audio_dirs: [PathBuf; 2],
    ) -> Self {
        let first = network.served.first().and_then(|served| network.areas.get(served));
        Self {
            name: first.map(|area| area.name.clone()).unwrap_or_default(),
            served: network.served.clone(),
            local_offset_minutes: policy.local_offset_minutes,
            hosts,
            outline,
            audio_dirs,
        }
    }
}

/// Lets clips through to those who are signed in.
async fn signed_in(_: visitor::Visitor, request: Request, next: Next) -> Response {
    next.run(request).await
}

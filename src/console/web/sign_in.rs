//! 登录: in and out, the first start, language and light.

use super::fault::PageFault;
use super::layout::document;
use super::visitor::{
    BROWSER_COOKIE, Fields, Look, Posted, SESSION_COOKIE, THEME_COOKIE, TONGUE_COOKIE, cookie,
    inside, set_cookie,
};
use crate::console::Console;
use crate::console::extract::take;
use crate::console::people::{Account, Refused, SignIn};
use crate::daemon::Peer;
use crate::model::{Act, Role};
use axum::extract::{Extension, Query, Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Redirect, Response};
use maud::{Markup, html};
use serde::Deserialize;

/// Longest form before anybody is known, bytes.
const FORM_BYTES_MAX: usize = 16 * 1024;
/// How long a browser is known after a sign-in, and how long it keeps language and light, seconds.
const KNOWN_S: u64 = 365 * 86_400;

/// Where to go after the sign-in; the token of the first start.
#[derive(Debug, Deserialize)]
pub(super) struct Asked {
    #[serde(default)]
    next: String,
    #[serde(default)]
    token: String,
}

/// The form.
pub(super) async fn get(look: Look, Query(asked): Query<Asked>) -> Markup {
    form(&look, inside(&asked.next), "", None)
}

fn form(look: &Look, next: &str, login: &str, refused: Option<&Refused>) -> Markup {
    let say = |zh, en| look.tongue.say(zh, en);
    let asks_code = matches!(refused, Some(Refused::CodeNeeded));
    let content = html! {
        main.card.narrow id="main" {
            h1 { (say("登录鸣锣", "Sign in to Mingluo")) }
            @if let Some(refused) = refused {
                p.flash.bad role="alert" { (why(look, refused)) }
            }
            form method="post" action="/console/sign-in" {
                input type="hidden" name="next" value=(next);
                label { (say("账号", "Account"))
                    input name="login" value=(login) required autocomplete="username" maxlength="64"
                        autofocus[!asks_code]; }
                label { (say("密码", "Password"))
                    input type="password" name="password" required autocomplete="current-password"
                        maxlength="256"; }
                label { (say("动态验证码（启用后才需要）", "Authenticator code (when set up)"))
                    input name="code" inputmode="numeric" autocomplete="one-time-code" maxlength="12"
                        autofocus[asks_code]; }
                button.primary type="submit" { (say("登录", "Sign in")) }
            }
        }
    };
    document(look, say("登录", "Sign in"), &content)
}

fn why(look: &Look, refused: &Refused) -> String {
    let say = |zh: &str, en: &str| look.tongue.say(zh, en).to_owned();
    match refused {
        Refused::Wrong => say("账号、密码或验证码不正确。", "Account, password or code is wrong."),
        Refused::CodeNeeded => say(
            "请再次输入密码，并输入动态验证码。",
            "Type the password again, and the code of your authenticator.",
        ),
        Refused::Wait { wait_s } => match look.tongue {
            super::words::Tongue::Zh => format!("错误次数过多，请 {wait_s} 秒后再试。"),
            super::words::Tongue::En => format!("Too many wrong tries; wait {wait_s} s."),
        },
        Refused::Busy => {
            say("登录请求过多，请稍后再试。", "Too many sign-ins; try again in a moment.")
        }
        Refused::Broken(why) => format!("{}{why}", say("账号文件有误：", "The accounts: ")),
    }
}

/// Signs in.
pub(super) async fn post(
    State(console): State<Console>,
    look: Look,
    peer: Extension<Peer>,
    request: Request,
) -> Response {
    let headers = request.headers().clone();
    let fields = match fields(request).await {
        Ok(fields) => fields,
        Err(fault) => return fault.into_response(),
    };
    let login = fields.one("login");
    let typed = SignIn {
        login: login.to_owned(),
        password: fields.all("password").next().unwrap_or_default().to_owned(),
        code: Some(fields.one("code").to_owned()).filter(|code| !code.is_empty()),
        from: peer.0.address,
        browser: cookie(&headers, BROWSER_COOKIE),
    };
    match console.people.sign_in(typed).await {
        Ok(account) => {
            let next = inside(fields.one("next")).to_owned();
            enter(&console, &headers, &peer.0, &account, &next).await
        }
        Err(refused) => {
            tracing::info!(from = %peer.0.address, why = ?refused, "a sign-in was refused");
            let status = match refused {
                Refused::Wait { .. } => StatusCode::TOO_MANY_REQUESTS,
                Refused::Busy | Refused::Broken(_) => StatusCode::SERVICE_UNAVAILABLE,
                Refused::Wrong | Refused::CodeNeeded => StatusCode::UNAUTHORIZED,
            };
            let shown: String = login.chars().take(64).collect();
            (status, form(&look, inside(fields.one("next")), &shown, Some(&refused)))
                .into_response()
        }
    }
}

async fn fields(request: Request) -> Result<Fields, PageFault> {
    let taken = take(request, FORM_BYTES_MAX).await?;
    if taken.too_large {
        return Err(PageFault::malformed("too long"));
    }
    Fields::read(&taken.bytes)
}

/// Opens a session, on record.
async fn enter(
    console: &Console,
    headers: &HeaderMap,
    peer: &Peer,
    account: &Account,
    next: &str,
) -> Response {
    let act = Act::SignedIn { login: account.login.clone(), from: peer.address.to_string() };
    if let Err(fault) = super::note(console, account.actor(), act).await {
        return fault.into_response();
    }
    // The old session of this browser, if any, ends: nobody keeps a cookie from before.
    if let Some(old) = cookie(headers, SESSION_COOKIE) {
        console.people.sessions.close(&old);
    }
    let people = &console.people;
    let opened = people.sessions.open(people.now_ms(), &account.login, account.actor());
    let Ok(session) = opened else {
        return PageFault::from(crate::daemon::CoreFault::Unanswered).into_response();
    };
    let mut response = Redirect::to(next).into_response();
    set_cookie(response.headers_mut(), peer.secure, SESSION_COOKIE, &session, None);
    if let Some(browser) = people.browser_cookie(&account.login) {
        let age = Some(KNOWN_S);
        set_cookie(response.headers_mut(), peer.secure, BROWSER_COOKIE, &browser, age);
    }
    response
}

/// Signs out.
pub(super) async fn out(
    State(console): State<Console>,
    peer: Extension<Peer>,
    Posted { visitor, .. }: Posted,
) -> Result<Response, PageFault> {
    console.people.sessions.close(&visitor.cookie);
    let act = Act::SignedOut { login: visitor.session.login().to_owned() };
    super::note(&console, visitor.actor().clone(), act).await?;
    let mut response = Redirect::to("/console/sign-in").into_response();
    set_cookie(response.headers_mut(), peer.0.secure, SESSION_COOKIE, "", Some(0));
    // Nothing of what was on the screen stays behind.
    let clear = HeaderValue::from_static("\"cache\"");
    response.headers_mut().insert("clear-site-data", clear);
    Ok(response)
}

/// Language and light.
pub(super) async fn set_look(peer: Extension<Peer>, Posted { fields, .. }: Posted) -> Response {
    let mut response = Redirect::to(inside(fields.one("back"))).into_response();
    for (field, name, known) in [
        ("tongue", TONGUE_COOKIE, ["zh", "en", ""]),
        ("theme", THEME_COOKIE, ["auto", "light", "dark"]),
    ] {
        let wanted = fields.one(field);
        if !wanted.is_empty() && known.contains(&wanted) {
            set_cookie(response.headers_mut(), peer.0.secure, name, wanted, Some(KNOWN_S));
        }
    }
    response
}

/// The form of the first start.
pub(super) async fn setup(
    State(console): State<Console>,
    look: Look,
    Query(asked): Query<Asked>,
) -> Response {
    if !console.people.may_set_up(&asked.token) {
        return used_up().into_response();
    }
    setup_form(&look, &asked.token, &Fields::default(), None).into_response()
}

fn used_up() -> PageFault {
    PageFault::new(
        StatusCode::GONE,
        "这个一次性链接已失效。已有账号请直接登录；否则请在服务器上运行 mingluo user add，或重启网关取得新链接。",
        "This one-time link is used up. Sign in, or run `mingluo user add` on the machine; a restart prints a \
         new link while there is no account.",
    )
    .next("/console/sign-in", "去登录", "sign in")
}

fn setup_form(look: &Look, setup: &str, typed: &Fields, fault: Option<&str>) -> Markup {
    let say = |zh, en| look.tongue.say(zh, en);
    let content = html! {
        main.card.narrow id="main" {
            h1 { (say("首次启动：建立系统管理员", "First start: the system administrator")) }
            p { (say(
                "请为自己建立账号。其他人员之后在“系统 → 人员账号”中添加。没有默认密码。",
                "Make an account for yourself. Others are added later under System. There is no default password.",
            )) }
            @if let Some(fault) = fault { p.flash.bad role="alert" { (fault) } }
            form method="post" action="/console/setup" {
                input type="hidden" name="setup" value=(setup);
                label { (say("账号（小写字母或数字）", "Account (small letters, digits)"))
                    input name="login" value=(typed.one("login")) required maxlength="32"
                        autocomplete="username"; }
                label { (say("姓名", "Name"))
                    input name="name" value=(typed.one("name")) required maxlength="32"
                        autocomplete="name"; }
                label { (say("密码（至少 10 个字符）", "Password (at least 10 characters)"))
                    input type="password" name="password" required minlength="10" maxlength="128"
                        autocomplete="new-password"; }
                label { (say("再次输入密码", "Password again"))
                    input type="password" name="again" required minlength="10" maxlength="128"
                        autocomplete="new-password"; }
                button.primary type="submit" { (say("建立账号", "Make the account")) }
            }
        }
    };
    document(look, say("首次启动", "First start"), &content)
}

/// Makes the first account and signs it in.
pub(super) async fn set_up(
    State(console): State<Console>,
    look: Look,
    peer: Extension<Peer>,
    request: Request,
) -> Response {
    let headers = request.headers().clone();
    let fields = match fields(request).await {
        Ok(fields) => fields,
        Err(fault) => return fault.into_response(),
    };
    let setup = fields.one("setup").to_owned();
    if !console.people.may_set_up(&setup) {
        return used_up().into_response();
    }
    let password = fields.all("password").next().unwrap_or_default();
    if fields.all("again").next() != Some(password) {
        let why = look.tongue.say("两次输入的密码不一致。", "The two passwords differ.");
        return setup_form(&look, &setup, &fields, Some(why)).into_response();
    }
    let served = console.county.served.clone();
    let role = Role::Administrator;
    let made = Account::new(fields.one("login"), fields.one("name"), role, served, password)
        .and_then(|first| console.people.set_up(&setup, first.clone()).map(|()| first));
    match made {
        Err(fault) => {
            let why = super::account_fault(look.tongue, &fault);
            setup_form(&look, &setup, &fields, Some(&why)).into_response()
        }
        Ok(first) => {
            let act =
                Act::AccountMade { login: first.login.clone(), name: first.name.clone(), role };
            if let Err(fault) = super::note(&console, first.actor(), act).await {
                return fault.into_response();
            }
            enter(&console, &headers, &peer.0, &first, "/console/").await
        }
    }
}

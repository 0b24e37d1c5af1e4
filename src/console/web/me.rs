//! 我的账号: own password and authenticator.

use super::accounts::finish;
use super::fault::PageFault;
use super::layout::{self, page, token};
use super::visitor::{Posted, Visitor, done};
use super::words;
use crate::clock;
use crate::console::Console;
use crate::console::people::SecondFactor;
use crate::model::Act;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use maud::{Markup, html};

/// The page.
pub(super) async fn get(State(console): State<Console>, visitor: Visitor) -> Markup {
    body(&console, &visitor, None)
}

fn body(console: &Console, visitor: &Visitor, secret: Option<&str>) -> Markup {
    let say = |zh, en| visitor.say(zh, en);
    let login = visitor.session.login();
    let accounts = console.people.accounts();
    let has_code = accounts.iter().any(|a| a.login == login && a.second_factor.is_some());
    let body = html! {
        p { (login) " · " (visitor.actor().name) " · " (words::role(visitor.tongue(), visitor.actor().role)) }
        section.card {
            h2 { (say("修改密码", "Change the password")) }
            form method="post" action="/console/me/password" {
                (token(visitor))
                label { (say("现在的密码", "Present password"))
                    input type="password" name="present" required autocomplete="current-password" maxlength="128"; }
                label { (say("新密码（至少 10 个字符）", "New password (at least 10 characters)"))
                    input type="password" name="password" required minlength="10" maxlength="128" autocomplete="new-password"; }
                label { (say("再次输入新密码", "New password again"))
                    input type="password" name="again" required minlength="10" maxlength="128" autocomplete="new-password"; }
                button.primary type="submit" { (say("修改密码", "Change it")) }
            }
        }
        section.card {
            h2 { (say("动态验证码", "Authenticator")) }
            @if let Some(secret) = secret {
                p { (say("在验证器应用中添加以下密钥，然后输入它显示的 6 位数字：",
                    "Add this key to your authenticator, then type the six digits it shows:")) }
                p.big { code { (secret) } }
                @if let Some(link) = SecondFactor::link(secret, login) { p { a href=(link) { (say("在本机打开验证器", "Open the authenticator here")) } } }
                form.inline method="post" action="/console/me/code" {
                    (token(visitor))
                    input type="hidden" name="secret" value=(secret);
                    input name="code" required inputmode="numeric" maxlength="8" autocomplete="one-time-code"
                        aria-label=(say("6 位数字", "six digits"));
                    button.primary type="submit" { (say("启用", "Set up")) }
                }
            } @else {
                p { @if has_code { (say("已启用。丢失时请系统管理员取消。", "Set up. If it is lost, an administrator removes it.")) }
                    @else { (say("未启用。", "Not set up.")) } }
                form method="post" action="/console/me/code/new" {
                    (token(visitor))
                    button type="submit" { @if has_code { (say("换一个验证器", "Take another one")) } @else { (say("启用动态验证码", "Set one up")) } }
                }
            }
        }
    };
    let title = say("我的账号", "My account").to_owned();
    page(console, visitor, layout::OVERVIEW, &title, &body)
}

/// Sets another password.
pub(super) async fn password(
    State(console): State<Console>,
    Posted { visitor, fields }: Posted,
) -> Result<Response, PageFault> {
    let login = visitor.session.login().to_owned();
    let field = |name| fields.all(name).next().unwrap_or_default().to_owned();
    let (typed, again) = (field("password"), field("again"));
    let right = console.people.is_password(&login, field("present")).await.unwrap_or(false);
    if !right || typed != again {
        let text = if right {
            visitor.say("两次输入的新密码不一致。", "The two new passwords differ.")
        } else {
            visitor.say("现在的密码不正确。", "The present password is wrong.")
        };
        return Ok(done(&console, &visitor, false, text, "/console/me"));
    }
    let changed = console.people.change(|accounts| {
        let mut weak = Ok(());
        accounts.edit(&login, |account| weak = account.set_password(&typed))?;
        weak
    });
    if changed.is_ok() {
        console.people.end_others(&login, visitor.session.form_token());
    }
    let made = changed.map(|()| Act::AccountChanged { login, what: "own password".to_owned() });
    finish(&console, &visitor, made, "/console/me").await
}

/// Shows a new secret.
pub(super) async fn new_code(
    State(console): State<Console>,
    Posted { visitor, .. }: Posted,
) -> Result<Response, PageFault> {
    let secret = SecondFactor::new_secret().map_err(|_| PageFault::malformed("no randomness"))?;
    Ok(body(&console, &visitor, Some(&secret)).into_response())
}

/// Sets it up, when the code fits.
pub(super) async fn code(
    State(console): State<Console>,
    Posted { visitor, fields }: Posted,
) -> Result<Response, PageFault> {
    let login = visitor.session.login().to_owned();
    let secret = fields.one("secret").to_owned();
    let unix_s = u64::try_from(clock::now_utc().0 / 1000).unwrap_or_default();
    let fits = SecondFactor::of(&secret).and_then(|f| f.check(fields.one("code"), unix_s));
    if fits.is_none() {
        let text = visitor.say(
            "验证码不正确，没有启用。请检查手机时间后重新开始。",
            "The code is wrong, nothing was set up. Check the clock of the telephone and begin again.",
        );
        return Ok(done(&console, &visitor, false, text, "/console/me"));
    }
    let changed = console.people.change(|accounts| {
        accounts.edit(&login, |account| {
            account.second_factor = Some(secret);
            account.code_step = fits;
        })
    });
    if changed.is_ok() {
        console.people.end_others(&login, visitor.session.form_token());
    }
    let made =
        changed.map(|()| Act::AccountChanged { login, what: "own authenticator".to_owned() });
    finish(&console, &visitor, made, "/console/me").await
}

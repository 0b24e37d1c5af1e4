//! 人员账号: who may sign in, as what and where. Only for system administrators; every change is on record.

use super::fault::PageFault;
use super::layout::{self, page, token};
use super::visitor::{Fields, Posted, Visitor, done};
use super::words;
use crate::console::Console;
use crate::console::people::{Account, AccountFault};
use crate::model::{Act, AreaCode, AreaLevel, Right, Role};
use axum::extract::State;
use axum::response::Response;
use maud::{Markup, html};

/// Roles of people, with the names forms use.
const ROLES: [(&str, Role); 5] = [
    ("officer", Role::Officer),
    ("leader", Role::Leader),
    ("auditor", Role::Auditor),
    ("technician", Role::Technician),
    ("administrator", Role::Administrator),
];
/// Areas to choose from: the county and its townships.
pub(super) type Places = Vec<(AreaCode, String)>;

/// The page.
pub(super) async fn get(
    State(console): State<Console>,
    visitor: Visitor,
) -> Result<Markup, PageFault> {
    visitor.need(Right::Administer)?;
    let places = places(&console).await?;
    let accounts = console.people.accounts();
    let here = console.people.sessions.logins(console.people.now_ms());
    let say = |zh, en| visitor.say(zh, en);
    let body = html! {
        p { a href="/console/system" { "← " (say("系统", "System")) } }
        table.wide {
            thead { tr {
                th { (say("账号", "Account")) } th { (say("姓名", "Name")) } th { (say("角色", "Role")) }
                th { (say("管辖区域", "Areas")) } th { (say("电话", "Telephone")) } th { (say("动态码", "Code")) }
                th { (say("状态", "State")) } th { }
            } }
            tbody {
                @for account in &accounts {
                    tr {
                        td { (account.login) } td { (account.name) } td { (words::role(visitor.tongue(), account.role)) }
                        td { (names(&places, &account.areas)) } td { (account.telephone) }
                        td { @if account.second_factor.is_some() { "✓" } @else { "—" } }
                        td {
                            @if account.disabled { (say("停用", "disabled")) }
                            @else if here.contains_key(&account.login) { (say("在线", "signed in")) }
                            @else { (say("正常", "active")) }
                        }
                        td { (edit_form(&visitor, account)) }
                    }
                }
            }
        }
        h2 { (say("新建账号", "New account")) }
        (new_form(&visitor, &places))
    };
    let title = say("人员账号", "Accounts").to_owned();
    Ok(page(&console, &visitor, layout::SYSTEM, &title, &body))
}

pub(super) async fn places(console: &Console) -> Result<Places, PageFault> {
    let look = console.core.look(|gateway| {
        let network = &gateway.rules().network;
        let served = |code: AreaCode| network.served.iter().any(|served| served.contains(code));
        network
            .areas
            .values()
            .filter(|area| served(area.code) && area.code.level() <= AreaLevel::Township)
            .map(|area| (area.code, area.name.clone()))
            .collect()
    });
    Ok(look.await?)
}

pub(super) fn names(places: &Places, areas: &[AreaCode]) -> String {
    let name = |code: &AreaCode| {
        let known = places.iter().find(|(known, _)| known == code);
        known.map_or_else(|| code.to_string(), |(_, name)| name.clone())
    };
    areas.iter().map(name).collect::<Vec<_>>().join("、")
}

fn edit_form(visitor: &Visitor, account: &Account) -> Markup {
    let say = |zh, en| visitor.say(zh, en);
    html! {
        details {
            summary { (say("修改", "Change")) }
            form method="post" action="/console/accounts/change" {
                (token(visitor))
                input type="hidden" name="login" value=(account.login);
                label { (say("角色", "Role"))
                    select name="role" {
                        @for (value, role) in ROLES {
                            option value=(value) selected[role == account.role] { (words::role(visitor.tongue(), role)) }
                        }
                    }
                }
                label { (say("电话", "Telephone")) input name="telephone" value=(account.telephone) maxlength="32"; }
                label { (say("新密码（空 = 不变）", "New password (empty = as it is)"))
                    input type="password" name="password" maxlength="128" autocomplete="new-password"; }
                label { input type="checkbox" name="reset_code" value="yes"; (say("取消动态验证码", "Remove the authenticator")) }
                label { input type="checkbox" name="disabled" value="yes" checked[account.disabled]; (say("停用", "Disabled")) }
                button type="submit" { (say("保存", "Save")) }
            }
        }
    }
}

fn new_form(visitor: &Visitor, places: &Places) -> Markup {
    let say = |zh, en| visitor.say(zh, en);
    html! {
        form.card method="post" action="/console/accounts" {
            (token(visitor))
            div.filters {
                label { (say("账号（小写字母、数字）", "Account (small letters, digits)")) input name="login" required maxlength="32" autocomplete="off"; }
                label { (say("姓名", "Name")) input name="name" required maxlength="32"; }
                label { (say("电话", "Telephone")) input name="telephone" maxlength="32"; }
                label { (say("角色", "Role"))
                    select name="role" { @for (value, role) in ROLES { option value=(value) { (words::role(visitor.tongue(), role)) } } }
                }
                label { (say("初始密码（至少 10 个字符）", "First password (at least 10 characters)"))
                    input type="password" name="password" required minlength="10" maxlength="128" autocomplete="new-password"; }
            }
            fieldset.areas {
                legend { (say("管辖区域", "Areas")) }
                div.villages { @for (code, name) in places { label { input type="checkbox" name="area" value=(code); (name) } } }
            }
            button.primary type="submit" { (say("新建账号", "Make the account")) }
        }
    }
}

fn role(fields: &Fields) -> Result<Role, PageFault> {
    let named = ROLES.iter().find(|(name, _)| *name == fields.one("role"));
    named.map(|(_, role)| *role).ok_or_else(|| PageFault::malformed("`role`"))
}

/// Makes an account.
pub(super) async fn post(
    State(console): State<Console>,
    Posted { visitor, fields }: Posted,
) -> Result<Response, PageFault> {
    visitor.need(Right::Administer)?;
    let role = role(&fields)?;
    let areas = fields.all("area").filter_map(AreaCode::parse).collect();
    let password = fields.all("password").next().unwrap_or_default();
    let made = Account::new(fields.one("login"), fields.one("name"), role, areas, password)
        .and_then(|mut account| {
            fields.one("telephone").clone_into(&mut account.telephone);
            let (login, name) = (account.login.clone(), account.name.clone());
            console.people.change(|accounts| accounts.add(account))?;
            Ok(Act::AccountMade { login, name, role })
        });
    finish(&console, &visitor, made, "/console/accounts").await
}

/// Changes one.
pub(super) async fn change(
    State(console): State<Console>,
    Posted { visitor, fields }: Posted,
) -> Result<Response, PageFault> {
    visitor.need(Right::Administer)?;
    let (login, role) = (fields.one("login").to_owned(), role(&fields)?);
    let password = fields.all("password").next().unwrap_or_default().to_owned();
    let disabled = fields.one("disabled") == "yes";
    let reset = fields.one("reset_code") == "yes";
    let telephone = fields.one("telephone").to_owned();
    let mut what = Vec::new();
    let changed = console.people.change(|accounts| {
        let mut weak = Ok(());
        accounts.edit(&login, |account| {
            if account.role != role {
                what.push(format!("role {:?} -> {role:?}", account.role));
                account.role = role;
            }
            if account.disabled != disabled {
                what.push(format!("disabled {} -> {disabled}", account.disabled));
                account.disabled = disabled;
            }
            if account.telephone != telephone {
                what.push("telephone".to_owned());
                account.telephone = telephone;
            }
            if reset && account.second_factor.take().is_some() {
                what.push("authenticator removed".to_owned());
            }
            if !password.is_empty() {
                what.push("password set".to_owned());
                weak = account.set_password(&password);
            }
        })?;
        weak
    });
    if changed.is_ok() && (reset || !password.is_empty()) {
        console.people.end_others(&login, visitor.session.form_token());
    }
    let act = changed.map(|()| Act::AccountChanged { login, what: what.join(", ") });
    finish(&console, &visitor, act, "/console/accounts").await
}

/// Puts the change on record and tells what came of it.
pub(super) async fn finish(
    console: &Console,
    visitor: &Visitor,
    made: Result<Act, AccountFault>,
    to: &str,
) -> Result<Response, PageFault> {
    match made {
        Ok(act) => {
            super::note(console, visitor.actor().clone(), act).await?;
            let text = visitor.say("已保存并记入台账。", "Saved, and on record.").to_owned();
            Ok(done(console, visitor, true, &text, to))
        }
        Err(fault) => {
            let text = super::account_fault(visitor.tongue(), &fault);
            Ok(done(console, visitor, false, &text, to))
        }
    }
}

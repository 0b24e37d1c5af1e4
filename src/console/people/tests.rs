use super::*;
use crate::model::{AreaCode, Role};

const PASSWORD: &str = "correct horse 7";

fn account(login: &str, role: Role) -> Account {
    let county = AreaCode::parse("430621").unwrap();
    Account::new(login, "张三", role, vec![county], PASSWORD).unwrap()
}

/// People over a new file, set up with one administrator `zhang`.
fn people(name: &str) -> People {
    let file = std::env::temp_dir().join(format!("mingluo-people-{}-{name}", std::process::id()));
    let _absent = std::fs::remove_file(&file);
    let (people, token) = People::open(file).unwrap();
    people.set_up(&token.unwrap(), account("zhang", Role::Administrator)).unwrap();
    people
}

fn typed(login: &str, password: &str) -> SignIn {
    SignIn {
        login: login.into(),
        password: password.into(),
        code: None,
        from: [192, 0, 2, 1].into(),
        browser: None,
    }
}

#[tokio::test]
async fn only_the_right_password_of_an_active_account_gets_in() {
    let people = people("sign-in");
    people.change(|all| all.add(account("gone", Role::Officer))).unwrap();
    people.change(|all| all.edit("gone", |account| account.disabled = true)).unwrap();
    for (login, password, expect) in [
        ("zhang", PASSWORD, Ok("zhang".to_owned())),
        (" ZHANG ", PASSWORD, Ok("zhang".to_owned())),
        ("zhang", "wrong horse 7", Err(Refused::Wrong)),
        ("li", PASSWORD, Err(Refused::Wrong)),
        ("gone", PASSWORD, Err(Refused::Wrong)),
    ] {
        let got = people.sign_in(typed(login, password)).await;
        assert_eq!(got.map(|account| account.login), expect, "{login} {password}");
    }
}

#[tokio::test]
async fn guessing_waits_and_a_known_browser_does_not() {
    let people = people("guessing");
    let browser = people.browser_cookie("zhang");
    assert!(browser.is_some());
    for _ in 0..5 {
        assert_eq!(people.sign_in(typed("zhang", "x")).await.unwrap_err(), Refused::Wrong);
    }
    let waits = people.sign_in(typed("zhang", PASSWORD)).await.unwrap_err();
    assert!(matches!(waits, Refused::Wait { wait_s: 1..=15 }), "{waits:?}");
    let from_known = SignIn { browser, ..typed("zhang", PASSWORD) };
    assert!(people.sign_in(from_known).await.is_ok());
    let forged = SignIn { browser: Some("f".repeat(64)), ..typed("zhang", PASSWORD) };
    assert!(people.sign_in(forged).await.is_err());
}

#[tokio::test]
async fn a_code_is_asked_for_and_good_once() {
    let people = people("code");
    let secret = SecondFactor::new_secret().unwrap();
    let kept = secret.clone();
    people.change(|all| all.edit("zhang", |a| a.second_factor = Some(kept))).unwrap();
    let needed = people.sign_in(typed("zhang", PASSWORD)).await;
    assert_eq!(needed.unwrap_err(), Refused::CodeNeeded);
    let code = SecondFactor::of(&secret).unwrap().code(people.unix_s());
    let with = |code: &str| SignIn { code: Some(code.to_owned()), ..typed("zhang", PASSWORD) };
    assert_eq!(people.sign_in(with("000 00x")).await.unwrap_err(), Refused::Wrong);
    assert!(people.sign_in(with(&code)).await.is_ok());
    assert_eq!(people.sign_in(with(&code)).await.unwrap_err(), Refused::Wrong, "used before");
}

#[test]
fn the_first_start_is_set_up_once() {
    let people = people("set-up");
    let again = people.set_up("anything", account("eve", Role::Administrator));
    assert_eq!(again.unwrap_err(), AccountFault::SetUpDone);
    let (reopened, token) = People::open(people.file.clone()).unwrap();
    assert!(token.is_none() && reopened.find_all() == ["zhang"]);
}

#[test]
fn the_last_administrator_stays() {
    let people = people("last");
    let last = people.change(|all| all.edit("zhang", |a| a.role = Role::Officer));
    assert_eq!(last.unwrap_err(), AccountFault::LastAdministrator);
    people.change(|all| all.add(account("li", Role::Administrator))).unwrap();
    people.change(|all| all.edit("zhang", |a| a.disabled = true)).unwrap();
    let last = people.change(|all| all.edit("li", |a| a.disabled = true));
    assert_eq!(last.unwrap_err(), AccountFault::LastAdministrator);
}

#[test]
fn a_session_falls_with_its_account() {
    let people = people("falls");
    people.change(|all| all.add(account("li", Role::Leader))).unwrap();
    let cookie = people.sessions.open(0, "li", account("li", Role::Leader).actor()).unwrap();
    people.change(|all| all.edit("zhang", |a| a.telephone = "1".into())).unwrap();
    assert!(people.sessions.find(1, &cookie, Live::Acted).is_some());
    people.change(|all| all.edit("li", |a| a.role = Role::Auditor)).unwrap();
    assert!(people.sessions.find(1, &cookie, Live::Acted).is_none());
}

#[test]
fn the_file_is_private_and_holds_no_password() {
    use std::os::unix::fs::PermissionsExt;
    let people = people("file");
    let mode = std::fs::metadata(&people.file).unwrap().permissions().mode();
    assert_eq!(mode & 0o077, 0);
    let text = std::fs::read_to_string(&people.file).unwrap();
    assert!(!text.contains(PASSWORD) && text.contains("$argon2id$"), "{text}");
    assert!(!format!("{:?}", people.accounts()).contains("argon2id"));
}

impl People {
    fn find_all(&self) -> Vec<String> {
        self.accounts().into_iter().map(|account| account.login).collect()
    }
}

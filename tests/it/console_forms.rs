//! Every page and every form of the console, found in its own table of routes: a new one can't be left out
//! here. What each must do before anything else: know who asks, whether the form is ours, whether the role
//! and the areas reach so far.

use crate::process::Gateway;
use crate::visitor::{Page, Visitor, add};
use serde_json::Value;

const ROUTES: &str = include_str!("../../src/console/web/mod.rs");
const COUNTY: &str = "430621000000";
const TOWNSHIP: &str = "430621104000";
const HISTORY: &str = "/console/plans/history?part=plan/rainstorm-red";
const FORGED: &str = "不是从本系统的页面发出的";
const NO_RIGHT: &str = "您的角色没有这项权限";
/// For those who are not signed in; each has tests of its own.
const OPEN: [&str; 6] =
    ["/sign-in", "/setup", "/call/{token}", "/assets/{edition}/{name}", "/console", "/"];
/// Files come in parts.
const UPLOADS: [&str; 3] = ["/recordings", "/roster/import", "/terminals/import"];
/// The microphone says in its head whose page it is on.
const SPOKEN: [&str; 3] =
    ["/broadcasts/{id}/speak", "/broadcasts/{id}/speak/begin", "/broadcasts/{id}/speak/end"];

/// Paths of the table that answer such a request.
fn routes(method: &str) -> Vec<String> {
    let call = format!("{method}(");
    let rows = ROUTES.split(".route(").skip(1).map(|row| row.split("\n}").next().unwrap());
    let asked = rows.filter(|row| row.contains(&call));
    asked.map(|row| row.split('"').nth(1).unwrap().to_owned()).collect()
}

fn filled(path: &str) -> String {
    let numbers = ["{plan}", "{id}", "{number}", "{test}"];
    let path = numbers.iter().fold(path.to_owned(), |path, name| path.replace(name, "1"));
    format!("/console{}", path.replace("{name}", "x").replace("{sha256}", &"0".repeat(64)))
}

fn gateway(name: &str) -> Gateway {
    let mut gateway = Gateway::prepare(name);
    for (login, name, role, area) in [
        ("zhang", "张值班", "officer", COUNTY),
        ("li", "李带班", "leader", COUNTY),
        ("shen", "沈审计", "auditor", COUNTY),
        ("ji", "季技术", "technician", COUNTY),
        ("guan", "管系统", "administrator", COUNTY),
        ("wan", "万镇长", "leader", TOWNSHIP),
        ("shi", "石镇管", "administrator", TOWNSHIP),
    ] {
        add(&gateway, login, name, role, area);
    }
    gateway.restart();
    gateway
}

/// A form with that token, from that origin, as the page would send it.
fn form(who: &mut Visitor, path: &str, origin: &str, token: &str) -> Page {
    let at = filled(path);
    let head = format!("POST {at} HTTP/1.1\r\nHost: {}\r\nOrigin: {origin}\r\n", who.http);
    if UPLOADS.contains(&path) {
        let part = |name: &str, value: &str| {
            format!("--edge\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n")
        };
        let field = if path == "/recordings" { "recording" } else { "file" };
        let body = format!("{}{}--edge--\r\n", part("token", token), part(field, "x"));
        let kind = "Content-Type: multipart/form-data; boundary=edge";
        return who.send(&format!("{head}{kind}\r\nContent-Length: {}\r\n", body.len()), &body);
    }
    if SPOKEN.contains(&path) {
        let head = format!("{head}X-Form-Token: {token}\r\nX-Piece: 0\r\nContent-Length: 1\r\n");
        return who.send(&head, "x");
    }
    who.post_from(origin, &at, &[("token", token), ("reason", "不该做的事")])
}

#[test]
fn no_form_does_anything_without_its_token_or_from_another_page() {
    let mut gateway = gateway("forms-forged");
    let mut leader = Visitor::signed_in(&gateway, "li");
    let mut administrator = Visitor::signed_in(&gateway, "guan");
    let paths: Vec<String> = routes("post");
    assert!(paths.len() >= 48, "the table of routes is not read any more: {paths:?}");
    for path in paths.iter().filter(|path| !OPEN.contains(&path.as_str())) {
        let by_administrator = ["/accounts", "/keys", "/terminals/"];
        let is_his = by_administrator.iter().any(|start| path.starts_with(start));
        let who = if is_his { &mut administrator } else { &mut leader };
        let (own, token) = (format!("http://{}", who.http), who.token.clone());
        for (origin, token) in
            [(own.as_str(), ""), (&own, "0000"), ("http://evil.example", &token), ("null", &token)]
        {
            let page = form(who, path, origin, token);
            let told = page.status == 403 && page.whole.contains(FORGED);
            assert!(told, "{path} from {origin} with `{token}`: {}", page.whole);
        }
    }
    // With both it would have worked: the sign-out ends the session.
    let token = leader.token.clone();
    let own = format!("http://{}", leader.http);
    assert_eq!(form(&mut leader, "/sign-out", &own, &token).status, 303);
    assert!(leader.get("/console/").location.contains("sign-in"));
    gateway.stop();
}

#[test]
fn nothing_is_shown_to_those_who_are_not_signed_in() {
    let mut gateway = gateway("forms-strangers");
    let mut stranger = Visitor::new(&gateway);
    let mut paths = routes("get");
    assert!(paths.len() >= 40, "the table of routes is not read any more: {paths:?}");
    paths.extend(["/clips/{sha256}".to_owned()]);
    for path in paths.iter().filter(|path| !OPEN.contains(&path.as_str())) {
        let page = stranger.get(&filled(path));
        let sent_on = page.status == 303 && page.location.starts_with("/console/sign-in");
        assert!(sent_on, "{path}: {}", page.whole);
    }
    assert!(stranger.get("/console/").location.starts_with("/console/sign-in"));
    gateway.stop();
}

#[test]
fn a_role_opens_what_is_its_own() {
    let mut gateway = gateway("forms-roles");
    let everybody = ["zhang", "li", "shen", "ji", "guan"];
    let mut all = everybody.map(|login| (login, Visitor::signed_in(&gateway, login)));
    let mut check = |path: &str, may: &[&str]| {
        for (login, who) in &mut all {
            let page = who.get(path);
            let expect = if may.contains(login) { 200 } else { 403 };
            assert_eq!(page.status, expect, "{login} at {path}: {}", page.whole);
            assert_eq!(page.whole.contains(NO_RIGHT), expect == 403, "{login} at {path}");
        }
    };
    for path in ["", "alerts", "stations", "platform", "system", "plans", "latches", "rejections"] {
        check(&format!("/console/{path}"), &everybody);
    }
    check("/console/settings", &["li", "shen", "ji", "guan"]);
    check("/console/audit", &["li", "shen"]);
    check("/console/drills", &["li"]);
    for path in ["compose", "approvals"] {
        check(&format!("/console/{path}"), &["zhang", "li"]);
    }
    for path in ["accounts", "keys"] {
        check(&format!("/console/{path}"), &["guan"]);
    }
    let part = "part=plan/rainstorm-red";
    for path in [format!("edit?{part}"), "edit?new=plan".into(), format!("remove?{part}")] {
        check(&format!("/console/plans/{path}"), &["li", "guan"]);
    }
    gateway.stop();
}

fn says(page: &Page, words: &str) {
    assert!(page.whole.contains(words), "`{words}` is not in {}", page.whole);
}

fn history(gateway: &Gateway) -> Value {
    gateway.get("/policy/history?part=plan/rainstorm-red")
}

/// Who leads or administers a township does not do so in the county.
#[test]
fn a_township_changes_nothing_of_the_county() {
    let mut gateway = gateway("forms-areas");
    let outside = "超出您的管辖区域";
    let part = ("part", "plan/rainstorm-red");
    let remove = [part, ("seen", "0"), ("reason", "并入别的预案")];
    let seen = [part, ("version", "1"), ("reason", "不同意这样改")];
    for login in ["wan", "shi"] {
        let mut who = Visitor::signed_in(&gateway, login);
        says(&who.post("/console/plans/remove", &remove), outside);
    }
    assert!(history(&gateway)["waits"].is_null(), "{}", history(&gateway));
    let mut li = Visitor::signed_in(&gateway, "li");
    assert_eq!(li.post("/console/plans/remove", &remove).status, 303);
    for login in ["wan", "shi"] {
        let mut who = Visitor::signed_in(&gateway, login);
        for deed in ["approve", "refuse", "withdraw"] {
            assert_eq!(who.post(&format!("/console/plans/{deed}"), &seen).status, 303);
            says(&who.get(HISTORY), outside);
        }
    }
    let known = history(&gateway);
    assert_eq!(known["waits"]["by"], "李带班", "{known}");
    assert_eq!(known["refused"].as_array().map_or(0, Vec::len), 0, "{known}");
    // Keys, and latches that would silence the county.
    let key = [("name", "水文站"), ("role", "source"), ("days", "30"), ("area", COUNTY)];
    let mut shi = Visitor::signed_in(&gateway, "shi");
    let made = shi.post("/console/keys", &key);
    says(&made, outside);
    assert!(!made.whole.contains("mlk_"), "{}", made.whole);
    let own = [("name", "镇水文站"), ("role", "source"), ("days", "30"), ("area", TOWNSHIP)];
    says(&shi.post("/console/keys", &own), "mlk_");
    let mut wan = Visitor::signed_in(&gateway, "wan");
    let latch = [("area", COUNTY), ("hold", "wait"), ("reason", "停播全县试试")];
    wan.post("/console/latches", &latch);
    let latches = gateway.fetch("/latches", &gateway.leader()).json();
    assert!(!latches.to_string().contains(COUNTY), "{latches}");
    gateway.stop();
}

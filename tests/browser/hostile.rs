//! What strangers try through the browser of somebody who is signed in.

use crate::fixture::Server;
use crate::flows::post;
use crate::office::{LEADER, OFFICER, Office, PASSWORD, in_current, sign_in};
use crate::page::Page;
use crate::process::{alert, wire};
use crate::seen::PWNED;
use serde_json::json;

/// Texts that become code where a page is careless.
pub(crate) fn corpus() -> Vec<String> {
    let call = format!("{PWNED}(1)");
    [
        "<script>CALL</script>",
        "<img src=x onerror=CALL>",
        "\"><svg onload=CALL>",
        "' autofocus onfocus=CALL x='",
        "\" autofocus onfocus=CALL x=\"",
        "</textarea><script>CALL</script>",
        "</title><script>CALL</script>",
        "<a href=javascript:CALL>x</a>",
        "javascript:CALL",
        "<iframe srcdoc='<script>parent.CALL</script>'>",
        "<math><mtext></form><form><mglyph><style></math><img src onerror=CALL>",
        "{{constructor.constructor('CALL')()}}",
        "${CALL}",
        "\u{202e}<b onmouseover=CALL>翻转</b>",
        "<!--<img src=\"--><img src=x onerror=CALL>\">",
        "&lt;script&gt;CALL&lt;/script&gt;",
        "<details open ontoggle=CALL>",
        "\u{0}<x\u{0}>",
    ]
    .map(|text| text.replace("CALL", &call))
    .into()
}

/// Opens pages that show it; the page's own watch tells what became code.
fn look_everywhere(page: &Page, paths: &[&str]) {
    for path in paths {
        page.go(path);
        page.pause(200);
        page.check();
    }
}

#[test]
fn no_text_of_a_person_becomes_code() {
    in_current("texts", |browser| {
        let office = Office::open("texts");
        let officer = office.signed_in(browser, &OFFICER);
        for text in corpus() {
            let typed = text.replace('\u{0}', "");
            officer.go("/console/compose");
            officer.click("[name=class][value=live]");
            officer.fill("[name=text]", &format!("水 {typed}"));
            officer.click("[name=area][value=\"430621104000\"]");
            officer.set("[name=urgency]", "emergency");
            officer.and_load(|page| page.click("form.compose button.primary[type=submit]"));
            officer.and_load(|page| page.click("[name=step][value=send]"));
            officer.click("details.cancel summary");
            officer.fill("details.cancel [name=reason]", &format!("原因 {typed}"));
            officer.and_load(|page| page.click("details.cancel [type=submit]"));
            let recording = json!(format!("recording={}", typed.replace('&', "%26")));
            officer.go("/console/compose");
            let preview = "async body => { const form = new FormData(document.querySelector('form.compose'));
                const data = new URLSearchParams(form); data.set('recording', body);
                data.set('text', body);
                const into = document.querySelector('[data-preview-result]');
                into.innerHTML = await (await fetch('/console/compose/audience',
                    { method: 'POST', body: data, headers: { 'x-requested-with': 'fetch' } })).text();
                return 1; }";
            officer.apply(preview, &[recording]);
            officer.pause(100);
            officer.seen(|seen| seen.faults.retain(|fault| !fault.contains("status of 4")));
            look_everywhere(&officer, &["/console/broadcasts", "/console/"]);
            let stranger = browser.person(&office.origin());
            stranger.go("/console/sign-in");
            stranger.fill("[name=login]", &typed);
            stranger.fill("[name=password]", &typed);
            stranger.and_load(|page| page.click("main [type=submit]"));
            stranger.expect_fault("status of 4");
            let next: String = typed.bytes().map(|byte| format!("%{byte:02x}")).collect();
            stranger.go(&format!("/console/sign-in?next={next}"));
            stranger.pause(50);
        }
    });
}

#[test]
fn no_field_of_an_alert_becomes_code() {
    in_current("alerts", |browser| {
        let office = Office::open("alert-texts");
        let gateway = &office.gateway;
        let escape =
            |text: &str| text.replace('&', "&amp;").replace('<', "&lt;").replace('\u{0}', "");
        for (number, text) in corpus().iter().enumerate() {
            let text = escape(text);
            let body = alert(&format!("x-{number}"), "Red", "Alert", "")
                .replace("岳阳县气象台发布暴雨红色预警", &format!("暴雨 {text}"))
                .replace("请立即转移到安全地带。", &format!("转移 {text}"))
                .replace("<areaDesc>岳阳县", &format!("<areaDesc>{text}"))
                .replace("<sender>岳阳县气象台", &format!("<sender>{text}"));
            let (status, told) = gateway.post("/alerts", &gateway.source(), body);
            assert!(status == 202 || status == 422, "{status} {told}");
        }
        let leader = office.signed_in(browser, &LEADER);
        look_everywhere(
            &leader,
            &["/console/", "/console/approvals", "/console/broadcasts", "/console/alerts"],
        );
        leader.shot("overview");
        leader.go("/console/alerts");
        let all = leader.eval(
            "Array.from(document.querySelectorAll('main a[href*=\"/console/broadcasts/\"], main a[href*=\"/console/alerts/\"]')).map(a => a.getAttribute('href'))",
        );
        let all: Vec<&str> = all.as_array().unwrap().iter().filter_map(|a| a.as_str()).collect();
        assert!(!all.is_empty(), "alerts are listed");
        look_everywhere(&leader, &all);
    });
}

/// A page of another origin with a form that posts to the console, and sends itself.
fn trap(target: &str, fields: &str) -> Server {
    let page = format!(
        "<!doctype html><html lang=en><title>win</title><h1>win</h1>\
         <form method=post action='{target}'>{fields}<button>go</button></form>\
         <script>document.forms[0].submit()</script>"
    );
    let open = "form-action *; script-src 'unsafe-inline'";
    Server::start(open, &[("/", "text/html", &page)])
}

#[test]
fn a_strangers_page_sends_nothing_in_ones_name() {
    in_current("forgery", |browser| {
        let office = Office::open("forgery");
        let leader = office.signed_in(browser, &LEADER);
        // Even with the right token, which no stranger has, it must come from a page of ours.
        let token = leader.eval("document.querySelector('[name=token]').value");
        let token = format!("<input name=token value='{}'>", token.as_str().unwrap());
        let target = format!("{}/console/stop", office.origin());
        for fields in ["", &token] {
            let server = trap(&target, fields);
            // The same site on another port, where cookies go along; and another site, where not.
            for origin in [server.origin(), server.other_site()] {
                let page = browser.page(&leader.context, &origin);
                page.call("Page.navigate", json!({ "url": origin }));
                page.wait_until("the form was sent", || page.path().contains("/console/"));
                page.wait_for("h1");
                assert!(
                    page.reads("不是从本系统的页面发出") || page.path().contains("sign-in"),
                    "{} let it through",
                    page.path()
                );
                // It went to another origin, as it had to: what that page still loads is no fault.
                page.go("about:blank");
                page.seen(|seen| {
                    seen.faults.clear();
                    seen.forget_requests();
                });
            }
        }
        // From a page of ours, but without its token, or with another session's.
        let other = office.signed_in(browser, &OFFICER);
        let others = other.eval("document.querySelector('[name=token]').value");
        for token in ["", "x", others.as_str().unwrap()] {
            let send = "async token => (await fetch('/console/stop', { method: 'POST',
                body: new URLSearchParams({ token }) })).status";
            assert_eq!(leader.apply(send, &[json!(token)]), 403, "`{token}`");
            leader.expect_fault("403");
        }
        assert_eq!(post(&leader, "/console/stop", ""), 200, "with it, it works");
    });
}

#[test]
fn a_session_from_before_the_sign_in_is_worth_nothing() {
    in_current("fixation", |browser| {
        let office = Office::open("fixation");
        let page = browser.person(&office.origin());
        page.set_cookie("mingluo_session", "planted-by-somebody-else");
        sign_in(&page, &LEADER, PASSWORD);
        page.wait_for("nav");
        let session = |page: &Page| {
            let all = page.cookies();
            let known = all.iter().filter(|cookie| cookie["name"] == "mingluo_session");
            let ours: Vec<_> = known.filter(|cookie| cookie["path"] == "/console").collect();
            assert_eq!(ours.len(), 1, "{all:?}");
            assert_eq!((&ours[0]["httpOnly"], &ours[0]["sameSite"]), (&json!(true), &json!("Lax")));
            ours[0]["value"].as_str().unwrap().to_owned()
        };
        let first = session(&page);
        assert_ne!(first, "planted-by-somebody-else");
        assert_eq!(page.eval("document.cookie.includes('planted') || document.cookie"), true);
        // Another sign-in ends the session before it, and a sign-out ends its own.
        sign_in(&page, &LEADER, PASSWORD);
        page.wait_for("nav");
        let second = session(&page);
        assert_ne!(first, second);
        page.click(".me summary");
        page.and_load(|page| page.click("form[action$=sign-out] button"));
        for old in [first, second] {
            let thief = browser.person(&office.origin());
            thief.set_cookie("mingluo_session", &old);
            thief.go("/console/");
            assert!(thief.path().contains("sign-in"), "an ended session opens {}", thief.path());
        }
    });
}

#[test]
fn under_a_strangers_name_nothing_is_served() {
    let office = Office::open("host");
    let (_, http) = office.gateway.listeners()[1];
    let get = |head: &str| {
        let request = format!("GET /console/sign-in HTTP/1.1\r\n{head}Connection: close\r\n\r\n");
        wire(http, request.as_bytes()).0
    };
    let port = http.port();
    assert_eq!(get(&format!("Host: 127.0.0.1:{port}\r\n")), 200);
    assert_eq!(get(&format!("Host: localhost:{port}\r\n")), 200);
    for head in [
        "Host: evil.example\r\n",
        "Host: 127.0.0.1.evil.example\r\n",
        "Host: 127.0.0.1@evil.example\r\n",
        "Host: evil.example\r\nX-Forwarded-Host: 127.0.0.1\r\n",
        "Host: 127.0.0.1\r\nHost: evil.example\r\n",
        "",
    ] {
        let status = get(head);
        assert!(status == 421 || status == 400, "{head:?}: {status}");
    }
}

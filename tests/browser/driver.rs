//! The driver itself, on pages that are known: in every browser, and that it does see what is wrong.

use crate::browser::{Browser, Program, all, current};
use crate::fixture::{STRICT, Server};
use crate::page::{DESKTOP, PHONE, Page, WALL};
use crate::sight;
use std::panic::{AssertUnwindSafe, catch_unwind};

const HTML: &str = "text/html";
const FORM: &str = r#"<!doctype html><html lang="zh"><title>form</title><meta name="viewport" content="width=device-width">
<link rel="stylesheet" href="/style.css"><h1>手动广播</h1>
<form method="post" action="/sent" enctype="multipart/form-data">
<label>文字 <textarea name="words">old words</textarea></label>
<label>级别 <select name="level"><option value="red">红</option><option value="blue">蓝</option></select></label>
<label>时间 <input name="at" type="datetime-local"></label>
<label><input name="drill" type="checkbox"> 演练</label>
<label>录音 <input name="recording" type="file"></label>
<p id="tall"></p><button>发送</button></form><p id="count">none</p>
<button id="ask" type="button">ask</button><script src="/script.js"></script>"#;
const STYLE: &str = "#tall { height: 1500px } @media (prefers-color-scheme: dark) { \
    html { background: #000; color: #fff } } button { display: block }";
const SCRIPT: &str = "new EventSource('/events').addEventListener('count', e => { \
    document.getElementById('count').textContent = 'count ' + e.data; });\
    document.getElementById('ask').addEventListener('click', e => { \
    e.target.textContent = 'said ' + prompt('really?'); });";

fn server() -> Server {
    let files = [
        ("/", HTML, FORM),
        ("/style.css", "text/css", STYLE),
        ("/script.js", "text/javascript", SCRIPT),
    ];
    Server::start(STRICT, &files)
}

fn each(test: &str, check: impl Fn(&Browser)) {
    for program in all(test) {
        check(&Browser::start(&program));
    }
}

#[test]
fn a_form_is_filled_and_sent_by_mouse_and_keyboard() {
    let recording = std::env::temp_dir().join(format!("mingluo-upload-{}", std::process::id()));
    std::fs::write(&recording, "the recording's bytes").unwrap();
    each("form", |browser| {
        let server = server();
        let page = browser.person(&server.origin());
        page.go("/");
        page.fill("[name=words]", "立即转移 <b>塅 & 堧");
        page.set("[name=level]", "blue");
        page.set("[name=at]", "2026-11-28T03:12");
        page.click("[name=drill]");
        page.upload("[name=recording]", &recording);
        page.and_load(|page| page.click_text("button", "发送"));
        page.wait_for_text("posted");
        assert_eq!(page.path(), "/sent");
        let body = String::from_utf8(server.posted().pop().unwrap()).unwrap();
        for part in
            ["立即转移 <b>塅 & 堧", "blue", "2026-11-28T03:12", "drill", "recording's bytes"]
        {
            assert!(body.contains(part), "{}: `{part}` is not in {body}", browser.name);
        }
    });
    std::fs::remove_file(recording).unwrap();
}

#[test]
fn streams_dialogs_sizes_colours_and_pictures() {
    each("streams", |browser| {
        let server = server();
        let mut page = browser.person(&server.origin());
        page.go("/");
        page.wait_for_text("count 3");
        page.answer_dialog(true, "yes");
        page.click("#ask");
        page.wait_for_text("said yes");
        assert_eq!(page.seen(|seen| seen.dialogs.clone()), ["really?"]);
        for (screen, width) in [(PHONE, 390), (WALL, 1920), (DESKTOP, 1366)] {
            page.screen(screen);
            assert_eq!(page.eval("innerWidth"), width, "{}", browser.name);
        }
        let light = std::fs::read(page.shot("light")).unwrap();
        assert!(light.starts_with(b"\x89PNG"));
        let height = u32::from_be_bytes(light[20..24].try_into().unwrap());
        assert!(height > 1_500, "{}: the whole page, got {height}", browser.name);
        let dark = page.prefers("dark");
        assert!(dark || browser.version < 80, "Chromium {} can be dark", browser.version);
        if dark {
            assert_eq!(
                page.eval("getComputedStyle(document.documentElement).color"),
                "rgb(255, 255, 255)"
            );
            assert_ne!(std::fs::read(page.shot("dark")).unwrap(), light);
        }
        let requests = page.requests();
        let kinds: Vec<&str> = requests.iter().map(|request| request.kind.as_str()).collect();
        for kind in ["Document", "Stylesheet", "Script", "EventSource"] {
            assert!(kinds.contains(&kind), "{}: {kind} is not in {kinds:?}", browser.name);
        }
        assert!(requests.iter().all(|request| request.status == 200));
        assert!(requests[0].headers["content-security-policy"].contains("script-src"));
        let least = u64::try_from(FORM.len() + STYLE.len() + SCRIPT.len()).unwrap();
        let bytes = page.bytes();
        assert!((least..least + 4_096).contains(&bytes), "{}: {bytes}, {least}", browser.name);
        page.forget_requests();
        page.and_load(|page| page.click("button:not([type])"));
        assert_eq!(
            (page.requests()[0].method.as_str(), page.requests()[0].kind.as_str()),
            ("POST", "Document")
        );
    });
}

#[test]
fn a_file_is_downloaded_and_what_is_hidden_is_not_pressed() {
    let page = "<!doctype html><html lang=en><title>x</title><h1>回执审计</h1>\
        <a href=/export.csv download=export.csv>export</a><a href=/ hidden>export</a><p>one<p>two";
    let files = [("/", HTML, page), ("/export.csv", "text/csv", "terminal,outcome\n")];
    each("download", |browser| {
        let server = Server::start(STRICT, &files);
        let page = browser.person(&server.origin());
        page.go("/");
        page.wait_for("h1");
        assert_eq!((page.text("h1").as_str(), page.count("p")), ("回执审计", 2));
        let folder = browser.folder().join("downloads");
        page.download_to(&folder);
        page.click_text("a", "export");
        let file = page.downloaded(&folder);
        assert_eq!(std::fs::read_to_string(&file).unwrap(), "terminal,outcome\n");
        page.eval("fetch('/nowhere').then(() => 1)");
        page.expect_fault("404");
    });
}

#[test]
fn persons_do_not_share_cookies() {
    each("cookies", |browser| {
        let server = server();
        let (first, second) = (browser.person(&server.origin()), browser.person(&server.origin()));
        first.set_cookie("session", "of the first");
        first.go("/");
        second.go("/");
        assert_eq!(first.eval("document.cookie"), "session=of the first");
        assert_eq!(second.eval("document.cookie"), "", "{}", browser.name);
        let beside = browser.page(&first.context, &server.origin());
        beside.go("/");
        assert_eq!(beside.cookies().len(), 1);
    });
}

/// A page, what it does wrong, and the word by which the driver tells it.
fn wrong_pages(stranger: &str) -> Vec<(&'static str, String, &'static str)> {
    let html =
        |body: &str| format!("<!doctype html><html lang=en><title>x</title><h1>x</h1>{body}");
    vec![
        ("script", html("<script src=/throws.js></script>"), "script: "),
        ("console", html("<script src=/complains.js></script>"), "console: "),
        ("inline", html("<script>mingluoPwned('ran')</script>"), "policy: script-src"),
        ("handler", html("<img src=x onerror=mingluoPwned(1)>"), "policy: script-src"),
        ("missing", html("<script src=/nowhere.js></script>"), "404"),
        ("dialog", html("<script src=/alerts.js></script>"), "dialog: nobody expected"),
        ("pwned", html("<script src=/pwned.js></script>"), "a text became code"),
        ("stranger", html(&format!("<a href='{stranger}/'>x</a>")), "request to another"),
    ]
}

#[test]
fn whatever_a_page_does_wrong_is_seen() {
    let stranger = server();
    let pages = wrong_pages(&stranger.other_site());
    let mut files = vec![
        ("/throws.js".to_owned(), "text/javascript", "null.throws".to_owned()),
        ("/complains.js".to_owned(), "text/javascript", "console.error('complains')".to_owned()),
        ("/alerts.js".to_owned(), "text/javascript", "alert(1)".to_owned()),
        ("/pwned.js".to_owned(), "text/javascript", "mingluoPwned('by a text')".to_owned()),
    ];
    files.extend(pages.iter().map(|(name, body, _)| (format!("/{name}"), HTML, body.clone())));
    let files = files.iter().map(|(path, kind, body)| (path.as_str(), *kind, body.as_str()));
    let server = Server::start(STRICT, &files.collect::<Vec<_>>());
    each("wrong pages", |browser| {
        for (name, _, expect) in &pages {
            let page = browser.person(&server.origin());
            page.go(&format!("/{name}"));
            if *name == "stranger" {
                page.and_load(|page| page.click("a"));
            }
            page.pause(100);
            let wrongs = page.wrongs();
            let said = wrongs.iter().any(|wrong| wrong.contains(expect));
            assert!(said, "{}: /{name}: `{expect}` is not in {wrongs:?}", browser.name);
            let ran = wrongs.iter().any(|wrong| wrong.contains("became code"));
            assert_eq!(ran, *name == "pwned", "{}: /{name}: {wrongs:?}", browser.name);
            // And a test that forgets to look fails all the same.
            let forgotten = catch_unwind(AssertUnwindSafe(move || drop(page)));
            assert!(forgotten.is_err(), "{}: /{name} went unseen", browser.name);
        }
    });
}

#[test]
fn weak_contrast_and_missing_labels_are_seen() {
    let good = "<!doctype html><html lang=en><title>x</title><h1>x</h1><p>good</p>\
        <label>name <input placeholder=who></label><button>go</button>";
    let bad = "<!doctype html><html><title></title><p class=pale>pale</p><p class=half>half</p>\
        <p class=large>large enough</p><input><button></button><a href=/>x</a><img src=/x.png>\
        <p id=twice></p><p id=twice></p>";
    let style = "body { background: #fff; color: #111 } .pale { color: #999 } \
        .half { opacity: .4 } .large { color: #888; font-size: 30px } .half, .pale { width: 9em } \
        ::placeholder { color: #555 }";
    let with = |html: &str| html.replace("<title>", "<link rel=stylesheet href=/s.css><title>");
    let (good, bad) = (with(good), with(bad));
    let files = [
        ("/good", HTML, &*good),
        ("/bad", HTML, &*bad),
        ("/s.css", "text/css", style),
        ("/x.png", "image/png", ""),
    ];
    let server = Server::start(STRICT, &files);
    each("contrast", |browser| {
        let page = browser.person(&server.origin());
        page.go("/good");
        assert_eq!(sight::weak_contrasts(&page), [""; 0]);
        assert_eq!(sight::unlabelled(&page), [""; 0]);
        page.go("/bad");
        let weak = sight::weak_contrasts(&page);
        assert_eq!(weak.len(), 2, "{}: {weak:?}", browser.name);
        assert!(weak[0].contains("\"pale\"") && weak[0].contains("2.85"), "{weak:?}");
        assert!(weak[1].contains("\"half\""), "{weak:?}");
        let unlabelled = sight::unlabelled(&page).join("\n");
        let expect = [
            "no language",
            "no title",
            "0 visible headings",
            "no label: <input",
            "no name",
            "no alt",
            "twice",
        ];
        for expect in expect {
            assert!(unlabelled.contains(expect), "{}: `{expect}`: {unlabelled}", browser.name);
        }
    });
}

fn is_running(process: u32) -> bool {
    std::path::Path::new(&format!("/proc/{process}")).exists()
}

#[test]
fn a_browser_ends_with_its_test_even_a_failing_one() {
    let Some(program) = current("the end of a browser") else { return };
    let fail = |program: &Program| {
        let browser = Browser::start(program);
        let seen = (browser.process(), browser.folder().to_path_buf());
        let fails = catch_unwind(AssertUnwindSafe(move || {
            let page: Page = browser.person("http://127.0.0.1:9");
            page.eval("null.x")
        }));
        assert!(fails.is_err());
        seen
    };
    let (process, folder) = fail(&program);
    assert!(!is_running(process) && !folder.exists(), "{process} {}", folder.display());
    let nobody = Program::at("nobody", "/bin/false");
    let refused = catch_unwind(|| Browser::start(&nobody).version);
    assert!(refused.is_err(), "what is no browser is told at once");
}

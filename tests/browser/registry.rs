//! Terminals, as technicians look after them: a registry with a fault, corrected, taken; a silent test; and
//! the wall, on which everything stands on one screen.

use crate::fixture::Server;
use crate::office::{LEADER, OFFICER, Office, TECHNICIAN, in_current};
use crate::page::WALL;
use serde_json::Value;

#[test]
fn a_registry_with_a_fault_is_corrected_and_taken() {
    in_current("registry", |browser| {
        let office = Office::open("registry-page");
        let page = office.signed_in(browser, &TECHNICIAN);
        page.go("/console/terminals");
        let folder = browser.folder().join("registry");
        page.download_to(&folder);
        page.click("a[href*=\"/terminals/export\"]");
        let file = page.downloaded(&folder);
        let text = std::fs::read_to_string(&file).unwrap();
        let import = |text: &str| {
            let file = folder.join("changed.txt");
            std::fs::write(&file, text).unwrap();
            page.upload("[action$=import] [name=file]", &file);
            page.and_load(|page| page.click("[action$=import] button[type=submit]"));
        };
        import(&format!("{text}430621104000-901,新装,430621999000,,,opus,mqtt,45\n"));
        page.wait_for("section.flash.bad");
        page.wait_for_text(&format!("第 {} 行", text.lines().count() + 1));
        page.wait_for_text("430621999000");
        page.shot("fault");
        import(&format!("{text}430621104000-901,新装,430621104000,,,opus,mqtt,45\n"));
        page.wait_for("section.dry-run");
        assert_eq!(page.text("b.added"), "1");
        assert_eq!(page.text("b.changed"), "0");
        page.shot("dry-run");
        page.fill(".dry-run [name=reason]", "新村通电");
        page.and_load(|page| page.click(".dry-run button.primary"));
        page.wait_for_text("名册已更新");
        page.wait_for_text("mingluo keys terminal 430621104000-901");
        page.go("/console/terminals?name=430621104000-901");
        page.wait_for_text("新村通电");
        page.shot("taken");
    });
}

#[test]
fn a_silent_test_is_followed_to_its_end() {
    in_current("silent test", |browser| {
        let office = Office::open("silent-test");
        let page = office.signed_in(browser, &TECHNICIAN);
        page.go("/console/terminals");
        page.and_load(|page| page.click("form.silent button.primary"));
        page.wait_for_text("不发声");
        page.forget_requests();
        let n = office.fleet.n_connecting.to_string();
        page.wait_until("every terminal answered", || page.text(".three .reached b") == n);
        page.wait_for_text("已结束");
        let polled = page.requests().into_iter().filter(|r| r.kind == "Document").count();
        assert_eq!(polled, 0, "it followed without loading itself again");
        page.shot("report");
        let all = office.gateway.get("/broadcasts");
        assert_eq!(all["broadcasts"].as_array().map_or(0, Vec::len), 0, "no broadcast, no sound");
    });
}

/// Nothing of the wall is below its screen or behind its edge, also while something is on air.
#[test]
fn the_wall_fits_one_screen_with_the_map_beside_the_numbers() {
    in_current("wall", |browser| {
        let office = Office::open("wall");
        office.gateway.post_alert("RED");
        let mut page = office.signed_in(browser, &LEADER);
        page.screen(WALL);
        page.go("/console/?wall=1");
        page.wait_for("svg.map");
        page.wait_for_text("最近预警");
        assert_eq!(page.count("svg.map image"), 0, "no tiles unless a server is named");
        let cut = page.apply(
            "() => Array.from(document.querySelectorAll('.board p, .board h2, .board tr, .board .card, .board svg'))
                .filter(e => { const r = e.getBoundingClientRect(); const box = e.closest('.board > div').getBoundingClientRect();
                    return r.height > 0 && (r.bottom > Math.min(1080, box.bottom) + 1 || r.right > box.right + 1); })
                .map(e => e.outerHTML.slice(0, 120))",
            &[],
        );
        page.shot("wall");
        assert_eq!(cut, Value::Array(Vec::new()), "cut off");
        let higher = page.eval("document.documentElement.scrollHeight > window.innerHeight");
        assert_eq!(higher, false, "it scrolls");
        let beside = page.eval(
            "document.querySelector('.board svg.map').getBoundingClientRect().left
                >= document.querySelector('.board .headline').getBoundingClientRect().right",
        );
        assert_eq!(beside, true, "the map stands beside the numbers");
    });
}

/// Who cancelled a broadcast elsewhere takes the button away from everybody who looks at it.
#[test]
fn what_is_over_can_not_be_cancelled_on_any_open_page() {
    in_current("cancelled elsewhere", |browser| {
        let office = Office::open("cancelled-elsewhere");
        let answer = office.gateway.post_alert("RED");
        let id = answer["broadcasts"][0].as_str().expect("it goes out by itself").to_owned();
        let (watching, other) =
            (office.signed_in(browser, &LEADER), office.signed_in(browser, &OFFICER));
        watching.go(&format!("/console/broadcasts/{id}"));
        watching.wait_for("details.cancel summary");
        other.go(&format!("/console/broadcasts/{id}"));
        other.click("details.cancel summary");
        other.fill("details.cancel [name=reason]", "误报");
        other.and_load(|page| page.click("details.cancel button.danger"));
        let gone = || watching.count("details.cancel") == 0;
        watching.wait_until("the button is gone without a reload", gone);
        // Nor does the head say that anything is on air when it is not.
        let silent = || watching.count(".pulse .lamp.live") == 0;
        watching.wait_until("the lamp goes out", silent);
        watching.shot("gone");
    });
}

/// The tile server is the one stranger that pages may ask, for pictures alone; without it they work.
#[test]
fn tiles_come_from_the_named_server_alone_and_may_be_missing() {
    in_current("tiles", |browser| {
        let mut office = Office::open("tiles");
        let tiles = Server::start("", &[]);
        let url = format!("{}/tile?x={{x}}&y={{y}}&z={{z}}", tiles.origin());
        office.gateway.stop();
        office.gateway.set("http.map_tiles_url", &url);
        office.gateway.restart();
        // The server of the tests has no tile: as if it were broken.
        let page = office.signed_in(browser, &LEADER);
        page.go("/console/");
        page.wait_for("svg.map image.tile");
        page.wait_for("svg.map circle, svg.map path");
        let asked = || page.requests().iter().any(|r| r.url.starts_with(&tiles.origin()));
        page.wait_until("it asks for tiles", asked);
        page.shot("tiles-missing");
        // Nothing asks for more; what was asked of the named server is fine, all else still counts.
        page.go("/console/plans");
        page.expect_fault("404");
        let ours = tiles.origin();
        page.seen(|seen| {
            seen.requests.retain(|request| !request.url.starts_with(&ours));
            seen.faults.retain(|fault| !fault.contains("404") && !fault.contains(&ours));
        });
    });
}

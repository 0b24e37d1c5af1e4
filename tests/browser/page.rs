//! One page of one person: what he does with mouse and keyboard, and what he sees.

use crate::seen::{PWNED, Request, Seen, VIOLATION};
use crate::shot;
use crate::wire::Wire;
use mingluo::clock::Monotonic;
use serde_json::{Value, json};
use std::cell::RefCell;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::Duration;

/// Longest wait for something to appear, milliseconds.
const WAIT_MS_MAX: u64 = 90_000;
/// How often one looks whether it is there, milliseconds.
const LOOK_EVERY_MS: u64 = 50;

/// What a browser says when a document was replaced while a script ran in it.
const WENT_AWAY: [&str; 4] =
    ["context was destroyed", "find context", "navigated or closed", "Promise was collected"];

/// Sizes of screens: width, height, and whether it is a phone.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Screen(u32, u32, bool);

/// In a hand.
pub(crate) const PHONE: Screen = Screen(390, 844, true);
/// On a table.
pub(crate) const DESKTOP: Screen = Screen(1366, 768, false);
/// On a wall.
pub(crate) const WALL: Screen = Screen(1920, 1080, false);

/// An open page. When it goes, it must not have done what no good page does, see [`Seen::faults`].
pub(crate) struct Page {
    wire: Rc<RefCell<Wire>>,
    browser: String,
    session: String,
    /// Whose cookies it has.
    pub(crate) context: Value,
    origin: String,
    screen: Screen,
}

impl Page {
    pub(crate) fn new(
        wire: Rc<RefCell<Wire>>,
        browser: String,
        session: String,
        context: Value,
        origin: &str,
    ) -> Self {
        let origin = origin.trim_end_matches('/').to_owned();
        let mut page = Self { wire, browser, session, context, origin, screen: DESKTOP };
        for domain in ["Page", "Runtime", "Network", "Log", "DOM", "Inspector"] {
            page.call(&format!("{domain}.enable"), json!({}));
        }
        for name in [VIOLATION, PWNED] {
            page.call("Runtime.addBinding", json!({ "name": name }));
        }
        let source = format!(
            "addEventListener('securitypolicyviolation', e => {VIOLATION}(\
             e.violatedDirective + ' ' + e.blockedURI + ' ' + e.sourceFile + ':' + e.lineNumber));"
        );
        page.call("Page.addScriptToEvaluateOnNewDocument", json!({ "source": source }));
        // Certificates that a test made itself.
        page.call("Security.setIgnoreCertificateErrors", json!({ "ignore": true }));
        page.screen(DESKTOP);
        page
    }

    /// A command; what the browser says against it ends the test.
    pub(crate) fn call(&self, method: &str, parameters: Value) -> Value {
        self.try_call(method, parameters).unwrap_or_else(|why| self.fail(&why))
    }

    fn try_call(&self, method: &str, parameters: Value) -> Result<Value, String> {
        self.wire.borrow_mut().call(Some(&self.session), method, parameters)
    }

    /// Ends the test with what is on the screen.
    pub(crate) fn fail(&self, why: &str) -> ! {
        let shot = self.try_shot("failed").map(|path| path.display().to_string());
        let text = self.try_eval("location.href + '\\n' + document.body.innerText");
        let faults = self.seen(|seen| seen.faults.join("\n"));
        let text = text.map_or_else(|why| why, |text| text.as_str().unwrap_or("").to_owned());
        panic!("{}: {why}\nscreenshot: {shot:?}\nfaults: {faults}\npage: {text}", self.browser);
    }

    /// What it was seen doing until now.
    pub(crate) fn seen<T>(&self, look: impl FnOnce(&mut Seen) -> T) -> T {
        let mut wire = self.wire.borrow_mut();
        let _gone = wire.turn(Duration::ZERO);
        look(wire.pages.get_mut(&self.session).expect("an open page"))
    }

    /// Waits while things happen.
    pub(crate) fn pause(&self, ms: u64) {
        let waited = Monotonic::start();
        while waited.elapsed_ms() < ms {
            let _gone = self.wire.borrow_mut().turn(Duration::from_millis(LOOK_EVERY_MS.min(ms)));
        }
    }

    /// Waits until `good`, or ends the test.
    pub(crate) fn wait_until(&self, what: &str, mut good: impl FnMut() -> bool) {
        let waited = Monotonic::start();
        while !good() {
            if waited.elapsed_ms() > WAIT_MS_MAX {
                self.fail(&format!("waited {WAIT_MS_MAX} ms in vain: {what}"));
            }
            self.pause(LOOK_EVERY_MS);
        }
    }

    fn n_loads(&self) -> u64 {
        self.seen(|seen| seen.n_loads)
    }

    fn url(&self, path: &str) -> String {
        let whole = path.contains("://") || path.starts_with("about:");
        if whole { path.to_owned() } else { format!("{}{path}", self.origin) }
    }

    /// Goes to a path of its origin (or a whole address) and waits until everything is loaded.
    pub(crate) fn go(&self, path: &str) {
        let before = self.n_loads();
        let url = self.url(path);
        let answer = self.call("Page.navigate", json!({ "url": url }));
        if let Some(why) = answer["errorText"].as_str() {
            self.fail(&format!("{url}: {why}"));
        }
        self.wait_until(&format!("{url} is loaded"), || self.n_loads() > before);
    }

    /// Does what leads to another document and waits until that is loaded.
    pub(crate) fn and_load(&self, act: impl FnOnce(&Self)) {
        let before = self.n_loads();
        act(self);
        self.wait_until("another page is loaded", || self.n_loads() > before);
    }

    /// Where it is, without the origin.
    pub(crate) fn path(&self) -> String {
        let at = self.eval("location.href");
        let at = at.as_str().unwrap_or_default();
        at.strip_prefix(&self.origin).unwrap_or(at).to_owned()
    }

    fn try_eval(&self, script: &str) -> Result<Value, String> {
        let parameters =
            json!({ "expression": script, "returnByValue": true, "awaitPromise": true });
        let mut told = self.try_call("Runtime.evaluate", parameters.clone());
        // The document went away under the question: the next one is asked.
        if told.as_ref().is_err_and(|why| WENT_AWAY.iter().any(|words| why.contains(words))) {
            self.pause(LOOK_EVERY_MS);
            told = self.try_call("Runtime.evaluate", parameters);
        }
        let mut answer = told?;
        match answer.get("exceptionDetails") {
            Some(details) => Err(format!("`{script}`: {details}")),
            None => Ok(answer["result"]["value"].take()),
        }
    }

    /// The value of an expression in the page.
    pub(crate) fn eval(&self, script: &str) -> Value {
        self.try_eval(script).unwrap_or_else(|why| self.fail(&why))
    }

    /// The value of a function with these arguments.
    pub(crate) fn apply(&self, function: &str, arguments: &[Value]) -> Value {
        let arguments: Vec<String> = arguments.iter().map(ToString::to_string).collect();
        self.eval(&format!("({function})({})", arguments.join(",")))
    }

    /// How many elements a selector finds.
    pub(crate) fn count(&self, selector: &str) -> u64 {
        let count = self.apply("s => document.querySelectorAll(s).length", &[json!(selector)]);
        count.as_u64().unwrap_or(0)
    }

    /// Waits until something that a selector finds can be seen.
    pub(crate) fn wait_for(&self, selector: &str) {
        let visible = "s => Array.from(document.querySelectorAll(s)).some(e => {
            const style = getComputedStyle(e);
            const folded = e.tagName !== 'SUMMARY' && e.closest('details:not([open])');
            return e.getClientRects().length > 0 && style.visibility === 'visible' && !folded; })";
        self.wait_until(&format!("`{selector}` is visible"), || {
            self.apply(visible, &[json!(selector)]) == true
        });
    }

    /// Waits until a text can be read on the page.
    pub(crate) fn wait_for_text(&self, text: &str) {
        self.wait_until(&format!("`{text}` can be read"), || self.reads(text));
    }

    /// Whether a text can be read on the page now.
    pub(crate) fn reads(&self, text: &str) -> bool {
        let reads = "t => !!document.body && document.body.innerText.includes(t)";
        self.apply(reads, &[json!(text)]) == true
    }

    /// The visible text of the first element that a selector finds.
    pub(crate) fn text(&self, selector: &str) -> String {
        let text = "s => { const e = document.querySelector(s); return e && e.innerText; }";
        match self.apply(text, &[json!(selector)]).as_str() {
            Some(text) => text.trim().to_owned(),
            None => self.fail(&format!("`{selector}` is not there")),
        }
    }

    /// Presses and releases the left button in the middle of the first element that a selector finds.
    /// It must be visible there: what lies under something else cannot be pressed.
    pub(crate) fn click(&self, selector: &str) {
        self.click_at(selector, "");
    }

    /// The same for the first element that also shows this text.
    pub(crate) fn click_text(&self, selector: &str, text: &str) {
        self.click_at(selector, text);
    }

    fn click_at(&self, selector: &str, text: &str) {
        let find = "(s, t) => {
            const all = Array.from(document.querySelectorAll(s));
            const e = all.find(e => (e.innerText || e.value || '').includes(t)
                && e.getClientRects().length > 0);
            if (!e) return null;
            e.scrollIntoView({ block: 'center', inline: 'center' });
            const box = e.getBoundingClientRect();
            const at = { x: box.left + box.width / 2, y: box.top + box.height / 2 };
            const top = document.elementFromPoint(at.x, at.y);
            const own = top && (e.contains(top) || top.contains(e)
                || (top.closest('label') && top.closest('label').control === e));
            at.under = own ? '' : top ? top.outerHTML.slice(0, 200) : 'nothing';
            return at; }";
        let what = format!("`{selector}` {text} is there and free to be pressed");
        let mut at = Value::Null;
        self.wait_until(&what, || {
            at = self.apply(find, &[json!(selector), json!(text)]);
            at["under"] == ""
        });
        for kind in ["mouseMoved", "mousePressed", "mouseReleased"] {
            let button = if kind == "mouseMoved" { "none" } else { "left" };
            let event = json!({
                "type": kind, "x": at["x"], "y": at["y"], "button": button, "clickCount": 1
            });
            self.call("Input.dispatchMouseEvent", event);
        }
    }

    /// Presses on a field and types over what stands in it.
    pub(crate) fn fill(&self, selector: &str, text: &str) {
        self.click(selector);
        let select = "s => { const e = document.querySelector(s); e.focus(); e.select(); }";
        self.apply(select, &[json!(selector)]);
        if text.is_empty() {
            self.press("Delete");
        } else {
            self.call("Input.insertText", json!({ "text": text }));
        }
    }

    /// Puts a value where nobody types letters (dates, colours, sliders), with the events of a person.
    pub(crate) fn set(&self, selector: &str, value: &str) {
        let set =
            "(s, v) => { const e = document.querySelector(s); if (!e) return false; e.value = v;
            e.dispatchEvent(new Event('input', { bubbles: true }));
            e.dispatchEvent(new Event('change', { bubbles: true }));
            return e.value === v; }";
        if self.apply(set, &[json!(selector), json!(value)]) != true {
            self.fail(&format!("`{selector}` does not take `{value}`"));
        }
    }

    /// Presses a key such as `Enter`, `Tab`, `Escape`, `Delete`.
    pub(crate) fn press(&self, key: &str) {
        let (code, text) = match key {
            "Enter" => (13, "\r"),
            "Tab" => (9, ""),
            "Escape" => (27, ""),
            "Delete" => (46, ""),
            " " => (32, " "),
            _ => panic!("no code for the key `{key}`"),
        };
        for kind in ["keyDown", "keyUp"] {
            let mut event = json!({
                "type": kind, "key": key, "code": key, "windowsVirtualKeyCode": code
            });
            if kind == "keyDown" && !text.is_empty() {
                event["text"] = text.into();
            }
            self.call("Input.dispatchKeyEvent", event);
        }
    }

    /// Chooses a file for an upload.
    pub(crate) fn upload(&self, selector: &str, file: &Path) {
        let root = self.call("DOM.getDocument", json!({}))["root"]["nodeId"].clone();
        let found = self.call("DOM.querySelector", json!({ "nodeId": root, "selector": selector }));
        if found["nodeId"] == 0 {
            self.fail(&format!("`{selector}` is not there"));
        }
        let files = json!({ "nodeId": found["nodeId"], "files": [file] });
        self.call("DOM.setFileInputFiles", files);
    }

    /// Where downloads go from now on.
    pub(crate) fn download_to(&self, folder: &Path) {
        std::fs::create_dir_all(folder).unwrap();
        let allow = json!({ "behavior": "allow", "downloadPath": folder });
        self.call("Page.setDownloadBehavior", allow);
    }

    /// The next file that is whole in that folder.
    pub(crate) fn downloaded(&self, folder: &Path) -> PathBuf {
        let whole = || {
            let files = std::fs::read_dir(folder).unwrap().map(|file| file.unwrap().path());
            files.into_iter().find(|file| {
                let partly = file.extension().is_some_and(|end| end == "crdownload");
                let hidden =
                    file.file_name().is_some_and(|name| name.as_encoded_bytes()[0] == b'.');
                !partly && !hidden
            })
        };
        self.wait_until("a file is downloaded", || whole().is_some());
        whole().expect("it was there")
    }

    /// The next dialog gets this answer.
    pub(crate) fn answer_dialog(&self, accept: bool, typed: &str) {
        self.seen(|seen| seen.dialog_answers.push_back((accept, typed.to_owned())));
    }

    /// Changes the screen.
    pub(crate) fn screen(&mut self, screen: Screen) {
        self.screen = screen;
        self.sized(screen.1);
    }

    fn sized(&self, height: u32) {
        let Screen(width, _, phone) = self.screen;
        let size = json!({
            "width": width, "height": height, "deviceScaleFactor": 1, "mobile": phone
        });
        self.call("Emulation.setDeviceMetricsOverride", size);
        self.call("Emulation.setTouchEmulationEnabled", json!({ "enabled": phone }));
    }

    /// Prefers dark or light colours; false when this browser can't be told.
    pub(crate) fn prefers(&self, scheme: &str) -> bool {
        let media = json!({ "features": [{ "name": "prefers-color-scheme", "value": scheme }] });
        let told = self.try_call("Emulation.setEmulatedMedia", media).is_ok();
        let ask = "s => matchMedia('(prefers-color-scheme: ' + s + ')').matches";
        told && self.apply(ask, &[json!(scheme)]) == true
    }

    /// A cookie that somebody else put there.
    pub(crate) fn set_cookie(&self, name: &str, value: &str) {
        let cookie = json!({ "name": name, "value": value, "url": self.origin });
        self.call("Network.setCookie", cookie);
    }

    /// Its cookies.
    pub(crate) fn cookies(&self) -> Vec<Value> {
        let urls = json!({ "urls": [format!("{}/console/", self.origin)] });
        self.call("Network.getCookies", urls)["cookies"].as_array().cloned().unwrap_or_default()
    }

    /// All requests until now.
    pub(crate) fn requests(&self) -> Vec<Request> {
        self.seen(|seen| seen.requests.clone())
    }

    /// Bytes over the wire until now.
    pub(crate) fn bytes(&self) -> u64 {
        self.requests().iter().map(|request| request.bytes).sum()
    }

    /// Forgets requests until now.
    pub(crate) fn forget_requests(&self) {
        self.seen(Seen::forget_requests);
    }

    /// A picture of the whole page, however long; gives the file.
    pub(crate) fn shot(&self, name: &str) -> PathBuf {
        let tall = "Math.max(document.documentElement.scrollHeight, innerHeight)";
        let tall = self.eval(tall).as_u64().unwrap_or(0).min(8_000);
        self.sized(u32::try_from(tall).unwrap_or(0).max(self.screen.1));
        let shot = self.try_shot(name).unwrap_or_else(|why| self.fail(&why));
        self.sized(self.screen.1);
        shot
    }

    fn try_shot(&self, name: &str) -> Result<PathBuf, String> {
        let picture = self.try_call("Page.captureScreenshot", json!({ "format": "png" }))?;
        shot::keep(&self.browser, name, picture["data"].as_str().unwrap_or_default())
    }

    /// Takes the faults that contain a text, and fails when there is none.
    pub(crate) fn expect_fault(&self, containing: &str) {
        self.wait_until(&format!("a fault says `{containing}`"), || {
            self.seen(|seen| {
                let before = seen.faults.len();
                seen.faults.retain(|fault| !fault.contains(containing));
                seen.faults.len() < before
            })
        });
    }

    /// Faults and requests to others than its origin, one line each.
    pub(crate) fn wrongs(&self) -> Vec<String> {
        let within = |url: &str| {
            let inside = ["data:", "blob:", "about:", "chrome-error:"];
            let rest = url.strip_prefix(&self.origin);
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['/', '?', '#']))
                || inside.iter().any(|scheme| url.starts_with(scheme))
        };
        self.seen(|seen| {
            let outside = seen.requests.iter().filter(|request| !within(&request.url));
            let outside = outside.map(|request| format!("request to another: {}", request.url));
            seen.faults.iter().cloned().chain(outside).collect()
        })
    }

    /// Fails when the page has done what no good page does.
    pub(crate) fn check(&self) {
        // What the browser is about to tell.
        self.pause(LOOK_EVERY_MS);
        let wrongs = self.wrongs();
        if !wrongs.is_empty() {
            self.fail(&format!("{} faults:\n{}", wrongs.len(), wrongs.join("\n")));
        }
    }
}

impl Drop for Page {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            self.check();
            // What it holds open ends, such as a stream of events.
            let _gone = self.try_call("Page.close", json!({}));
        }
        self.wire.borrow_mut().pages.remove(&self.session);
    }
}

//! A rejection for people (the page beside a rejected file) and for machines (RFC 9457 problem).

use crate::model::{Fault, Rejection};
use core::fmt::Write;
use serde::Serialize;

/// Chinese names of elements, for the page.
const NAMES: &[(&str, &str)] = &[
    ("identifier", "预警标识"),
    ("sender", "发布单位"),
    ("senderCode", "发布单位编码"),
    ("sent", "发布时间"),
    ("sendTime", "发布时间"),
    ("status", "状态"),
    ("msgType", "信息类型"),
    ("scope", "发布范围"),
    ("code", "发布手段"),
    ("secClassification", "密级"),
    ("references", "引用"),
    ("info", "信息内容"),
    ("event", "事件"),
    ("eventType", "事件类型"),
    ("eventCode", "事件编码"),
    ("severity", "预警级别"),
    ("effective", "生效时间"),
    ("onset", "开始时间"),
    ("expires", "失效时间"),
    ("headline", "标题"),
    ("description", "正文"),
    ("area", "影响区域"),
    ("areaDesc", "区域描述"),
    ("polygon", "多边形"),
    ("circle", "圆形区域"),
    ("geocode", "区域编码"),
    ("resource", "附件"),
];

/// Says a sentence of a reader in Chinese; `None` = it knows no words for it.
pub type Chinese<'a> = &'a dyn Fn(&str) -> Option<String>;

/// The page, Chinese first; every fault with its line and element.
#[must_use]
pub fn report(rejection: &Rejection, chinese: Chinese<'_>) -> String {
    let n = rejection.faults.len();
    let mut page = String::from("预警报文无法识别，已退回，未播发任何内容。\n");
    page.push_str("This message could not be read as an alert. Nothing was broadcast.\n\n");
    if rejection.too_large {
        page.push_str("原因：报文过大或嵌套过深。\n\n");
    }
    // Writing to a String can't fail.
    let _ok = writeln!(page, "共 {n} 处问题 ({n} faults):");
    for (number, fault) in rejection.faults.iter().enumerate() {
        let _ok = writeln!(page, "{:>3}. {}", number + 1, said(fault, chinese));
        let _ok = writeln!(page, "     {}", english(fault));
    }
    page.push_str("\n请发布单位改正以上全部问题后重新发送；原始报文已保存。\n");
    page.push_str("Mend every fault above and send again; the raw bytes are kept.\n");
    page
}

/// A fault or an oddity in one line: `第 12 行 发布时间：…`, in English where Chinese has no words for it.
#[must_use]
pub fn said(fault: &Fault, chinese: Chinese<'_>) -> String {
    let mut text = String::new();
    if let Some(line) = fault.line {
        let _ok = write!(text, "第 {line} 行 ");
    }
    let last = fault.element.rsplit('/').next().unwrap_or_default();
    let bare = last.split('[').next().unwrap_or_default();
    let name = NAMES.iter().find(|(known, _)| *known == bare).map(|(_, name)| *name);
    text.push_str(match name {
        Some(name) => name,
        None if bare.is_empty() => "整个报文",
        None => bare,
    });
    let what = chinese(&fault.what).unwrap_or_else(|| fault.what.clone());
    let _ok = write!(text, "：{what}");
    text
}

fn english(fault: &Fault) -> String {
    let line = fault.line.map(|line| format!("line {line} ")).unwrap_or_default();
    let element =
        if fault.element.is_empty() { String::new() } else { format!("<{}> ", fault.element) };
    format!("{line}{element}{}", fault.what)
}

/// The body of an `application/problem+json` answer (RFC 9457 §3) for a rejection.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// `urn:mingluo:problem:rejected` or `…:too-large`.
    #[serde(rename = "type")]
    pub kind: &'static str,
    /// The same in words.
    pub title: &'static str,
    /// HTTP status: 422, or 413 when only size or depth is wrong.
    pub status: u16,
    /// The first fault in one sentence.
    pub detail: String,
    /// Every fault.
    pub faults: Vec<Fault>,
}

/// The problem that tells a rejection to machines.
#[must_use]
pub fn problem(rejection: &Rejection) -> Problem {
    let (kind, title, status) = if rejection.too_large {
        ("urn:mingluo:problem:too-large", "the message is too large", 413)
    } else {
        ("urn:mingluo:problem:rejected", "the message can't be read as an alert", 422)
    };
    let detail = rejection.faults.first().map(english).unwrap_or_default();
    Problem { kind, title, status, detail, faults: rejection.faults.clone() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rejection(line: Option<u32>, element: &str, what: &str) -> Rejection {
        let fault = Fault { line, element: element.into(), what: what.into() };
        Rejection { faults: vec![fault], too_large: false }
    }

    fn check(line: Option<u32>, element: &str, what: &str, expect: &[&str]) {
        let chinese = |text: &str| (text == "it is odd").then(|| "有点奇怪".to_owned());
        let page = report(&rejection(line, element, what), &chinese);
        for expect in expect {
            assert!(page.contains(expect), "{page}");
        }
    }

    #[test]
    fn the_page_says_place_and_fault_in_both_languages() {
        let both = ["第 12 行 状态：有点奇怪", "line 12 <alert/status> it is odd"];
        check(Some(12), "alert/status", "it is odd", &both);
        check(Some(3), "alert/info[1]/area[2]/polygon[1]", "new", &["第 3 行 多边形：new"]);
        check(None, "", "it is odd", &["整个报文：有点奇怪"]);
        check(None, "alert/info[1]/web", "it is odd", &["web：有点奇怪"]);
    }

    #[test]
    fn the_problem_has_every_fault_and_the_right_status() {
        let mut wrong = rejection(Some(1), "alert/sent", "expected a time; it is missing");
        let json = serde_json::to_value(problem(&wrong)).unwrap();
        assert_eq!(json["status"], 422);
        assert_eq!(json["type"], "urn:mingluo:problem:rejected");
        assert_eq!(json["faults"][0]["element"], "alert/sent");
        wrong.too_large = true;
        assert_eq!(problem(&wrong).status, 413);
    }
}

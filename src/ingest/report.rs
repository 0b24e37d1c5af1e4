//! A rejection as a page for people: what lies beside a rejected file.

use crate::model::Rejection;
use core::fmt::Write;

/// The report, Chinese first; every fault with line and element.
#[must_use]
pub fn report(rejection: &Rejection) -> String {
    let mut text = String::from("报文无法识别，已退回，未播发任何内容。\n");
    text.push_str("This message could not be read as an alert. Nothing was broadcast.\n\n");
    // Writing to a String can't fail.
    let _ok = writeln!(text, "共 {} 处问题 / faults:", rejection.faults.len());
    for (number, fault) in rejection.faults.iter().enumerate() {
        let line =
            fault.line.map(|line| format!("第 {line} 行 (line {line}) ")).unwrap_or_default();
        let element =
            if fault.element.is_empty() { String::new() } else { format!("<{}> ", fault.element) };
        let _ok = writeln!(text, "{:>3}. {line}{element}{}", number + 1, fault.what);
    }
    text.push_str("\n请发送单位改正以上问题后重新发送；原始报文已保存。\n");
    text.push_str("Mend every fault above and send again; the raw bytes are kept.\n");
    text
}

//! Web and e-mail addresses: nobody can note them down from a loudspeaker, so only their kind is said.

use super::super::cursor::{Cursor, Said};

/// Ends of host names that are taken for addresses without `http`.
const DOMAINS: &[&str] = &["com", "cn", "net", "org", "gov", "edu"];
/// Longest address, characters.
const ADDRESS_CHARS_MAX: usize = 500;

fn address_chars(at: &Cursor<'_>) -> usize {
    (0..ADDRESS_CHARS_MAX)
        .take_while(|n| {
            at.char(*n).is_some_and(|c| c.is_ascii_graphic() && !"<>\"()[]{}".contains(c))
        })
        .count()
}

/// The kind, unless the words before already say it.
fn kind(at: &Cursor<'_>, name: &str, words: &[&str]) -> String {
    let before = at.before(6);
    let before = before.trim_end_matches(|c: char| "：:是为 (".contains(c));
    let told = words.iter().any(|word| before.ends_with(word));
    if told { String::new() } else { name.to_owned() }
}

/// A web address.
pub(super) fn address(at: &Cursor<'_>) -> Option<Said> {
    let is_start = !at.back(1).is_some_and(|c| c.is_ascii_alphanumeric());
    let lower = at.ahead(8).to_ascii_lowercase();
    let is_link = ["http://", "https://", "www."].iter().any(|start| lower.starts_with(start));
    if !is_start || !(is_link || is_host(at)) {
        return None;
    }
    let mut chars = address_chars(at);
    // A full stop or comma at the end is the sentence's own.
    while chars > 1 && at.is_one_of(chars - 1, &['.', ',', ';', '!', '?', ':']) {
        chars -= 1;
    }
    Said::words(chars, kind(at, "网址", &["网址", "网站", "链接", "官网", "网页"]))
}

/// weather.com.cn and its like.
fn is_host(at: &Cursor<'_>) -> bool {
    let host: String = at
        .ahead(64)
        .chars()
        .take_while(|c| c.is_ascii_alphanumeric() || ".-".contains(*c))
        .collect();
    let labels: Vec<&str> = host.trim_end_matches('.').split('.').collect();
    labels.len() >= 2
        && labels.iter().all(|label| !label.is_empty())
        && labels.last().is_some_and(|last| DOMAINS.contains(last))
}

/// An e-mail address.
pub(super) fn mail(at: &Cursor<'_>) -> Option<Said> {
    if at.back(1).is_some_and(|c| c.is_ascii_alphanumeric()) {
        return None;
    }
    let chars = address_chars(at);
    let text: String = at.ahead(chars);
    let (name, host) = text.split_once('@')?;
    let is_name = |s: &str| s.chars().all(|c| c.is_ascii_alphanumeric() || "._-+".contains(c));
    if name.is_empty() || !is_name(name) || !is_name(host) || !host.contains('.') {
        return None;
    }
    let chars = text.trim_end_matches(['.', ',']).chars().count();
    Said::words(chars, kind(at, "邮箱", &["邮箱", "邮件", "信箱"]))
}

//! What in a flood must not wait behind everything else, told from the bytes alone: cheap, before they are
//! read. It may say yes of what is not urgent; it says no only when no word of a red warning or of a Cancel
//! stands there in any of the writings that senders use.

/// Words, in any case and not as parts of longer ones.
const WORDS: [&[u8]; 4] = [b"red", b"extreme", b"cancel", b"allclear"];
/// 红 in UTF-8 and in GB18030; as it is escaped in JSON and XML.
const RED: [&[u8]; 4] = [&[0xE7, 0xBA, 0xA2], &[0xBA, 0xEC], b"7ea2", b"32418"];

/// Whether a message may be a red warning or a Cancel.
#[must_use]
pub fn looks_urgent(bytes: &[u8]) -> bool {
    // UTF-16 and whatever else is not built on ASCII.
    if bytes.contains(&0) {
        return true;
    }
    let mut before = None;
    for at in 0..bytes.len() {
        let rest = bytes.get(at..).unwrap_or_default();
        let word = |word: &&[u8]| {
            let end = rest.get(word.len()).is_none_or(|after| !after.is_ascii_alphabetic());
            end && starts(rest, word)
        };
        let begins = before.is_none_or(|before: u8| !before.is_ascii_alphabetic());
        if begins && WORDS.iter().any(word) || RED.iter().any(|red| starts(rest, red)) {
            return true;
        }
        before = rest.first().copied();
    }
    false
}

fn starts(bytes: &[u8], word: &[u8]) -> bool {
    bytes.get(..word.len()).is_some_and(|start| start.eq_ignore_ascii_case(word))
}

#[cfg(test)]
mod tests {
    use super::looks_urgent;

    fn check(text: &str, expect: bool) {
        assert_eq!(looks_urgent(text.as_bytes()), expect, "{text}");
    }

    #[test]
    fn red_and_cancel_in_every_writing() {
        check("<severity>Extreme</severity>", true);
        check("<severity>RED</severity>", true);
        check(r#"{"level":"red"}"#, true);
        check("<msgType>Cancel</msgType>", true);
        check("<responseType>AllClear</responseType>", true);
        check("暴雨红色预警", true);
        check(r#"{"headline":"\u7EA2\u8272"}"#, true);
        check("&#x7ea2;&#32418;", true);
        check("<severity>Minor</severity><sender>Fred, credit, redder</sender>", false);
        check("暴雨蓝色预警<references/>", false);
        check("", false);
        let gbk = encoding_rs::GB18030.encode("暴雨红色预警").0.into_owned();
        assert!(looks_urgent(&gbk));
        let wide: Vec<u8> = "蓝".encode_utf16().flat_map(u16::to_be_bytes).collect();
        assert!(!looks_urgent(&wide), "no byte of it is zero, nor red");
        let wide: Vec<u8> = "<a>蓝".encode_utf16().flat_map(u16::to_be_bytes).collect();
        assert!(looks_urgent(&wide), "what can't be told is urgent");
    }
}

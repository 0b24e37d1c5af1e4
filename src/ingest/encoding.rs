//! Bytes to text: byte order marks, declared encodings, and senders that declare the wrong one.
//!
//! Never decodes with replacement characters: a warning with holes in it must not be spoken.

use super::notes::{Notes, quoted};
use encoding_rs::{BIG5, Encoding, GB18030, GBK, UTF_8, UTF_16BE, UTF_16LE};

/// Bytes in which the XML declaration must lie.
const DECLARATION_BYTES_MAX: usize = 256;
/// Least share of double bytes within GB 2312 rows, in percent, for bytes to count as Chinese.
const GB2312_PERCENT_MIN: usize = 80;

/// Decodes a message; `None` when no known encoding fits (the fault is noted). `hint` may be a
/// content type with a `charset`, used when the message itself declares nothing.
pub(super) fn decode(bytes: &[u8], hint: Option<&str>, notes: &mut Notes) -> Option<String> {
    if bytes.starts_with(&[0, 0, 0xFE, 0xFF]) || bytes.starts_with(&[0xFF, 0xFE, 0, 0]) {
        notes.fault(None, "", "expected UTF-8, UTF-16, GB18030 or Big5; got UTF-32, send UTF-8");
        return None;
    }
    if let Some((encoding, mark_bytes)) = Encoding::for_bom(bytes) {
        let rest = bytes.get(mark_bytes..).unwrap_or_default();
        return strict(encoding, rest, notes);
    }
    match bytes {
        [0, b'<' | b'{', ..] => return strict(UTF_16BE, bytes, notes),
        [b'<' | b'{', 0, ..] => return strict(UTF_16LE, bytes, notes),
        _ => {}
    }
    let declared = declared(bytes).or_else(|| hint.and_then(charset));
    let encoding = declared.as_deref().and_then(|name| known(name, notes));
    if let Ok(text) = core::str::from_utf8(bytes) {
        return Some(by_utf8(text, bytes, encoding, notes));
    }
    match encoding {
        Some(encoding) if encoding != UTF_8 && encoding != UTF_16LE && encoding != UTF_16BE => {
            strict(encoding, bytes, notes)
        }
        _ => mislabelled(bytes, declared.as_deref().unwrap_or("nothing"), notes),
    }
}

/// The encoding of that name. GB 2312 and GBK are subsets of GB18030 and are read as that.
fn known(name: &str, notes: &mut Notes) -> Option<&'static Encoding> {
    let found = Encoding::for_label(name.trim().as_bytes());
    match found {
        Some(encoding) if encoding == GBK => Some(GB18030),
        Some(encoding) => Some(encoding),
        None => {
            let what = format!("unknown encoding {}; the bytes decide", quoted(name));
            notes.oddity(Some(1), "", what);
            None
        }
    }
}

/// The bytes are valid UTF-8, whatever is declared.
fn by_utf8(
    text: &str,
    bytes: &[u8],
    declared: Option<&'static Encoding>,
    notes: &mut Notes,
) -> String {
    let other = declared.filter(|encoding| *encoding != UTF_8 && !text.is_ascii());
    let Some(other) = other else { return text.to_owned() };
    // A few double bytes of GB18030 or Big5 can look like two-byte UTF-8 by chance, hanzi of UTF-8
    // take three bytes: without any of those the declaration is believed.
    let is_double_byte = other == GB18030 || other == BIG5;
    if is_double_byte && !text.chars().any(|letter| u32::from(letter) >= 0x800) {
        let decoded = other.decode_without_bom_handling_and_without_replacement(bytes);
        if let Some(decoded) = decoded {
            return decoded.into_owned();
        }
    }
    let what = format!("declared as {}, but the bytes are UTF-8; read as UTF-8", other.name());
    notes.oddity(Some(1), "", what);
    text.to_owned()
}

/// Declared as UTF-8 (or as nothing), but it isn't.
fn mislabelled(bytes: &[u8], declared: &str, notes: &mut Notes) -> Option<String> {
    if looks_chinese(bytes)
        && let Some(text) = GB18030.decode_without_bom_handling_and_without_replacement(bytes)
    {
        let what = format!("declared as {declared}, but the bytes are GB18030; read as GB18030");
        notes.oddity(Some(1), "", what);
        return Some(text.into_owned());
    }
    let at = core::str::from_utf8(bytes).err().map_or(0, |fault| fault.valid_up_to());
    let before = bytes.get(..at).unwrap_or_default();
    let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
    let what = format!(
        "expected UTF-8 (declared: {declared}), got other bytes from byte {at} on, and they are \
         not GB18030 either; send UTF-8 or declare the true encoding"
    );
    notes.fault(u32::try_from(line).ok(), "", what);
    None
}

/// Whether the high bytes pair up within the rows of GB 2312, as Chinese text does. Accented Latin
/// text and broken UTF-8 also decode as GB18030, but into rare characters outside these rows.
fn looks_chinese(bytes: &[u8]) -> bool {
    let (mut n_pairs, mut n_common) = (0_usize, 0_usize);
    let mut rest = bytes;
    while let [first, tail @ ..] = rest {
        rest = tail;
        if *first < 0x80 {
            continue;
        }
        n_pairs += 1;
        if let [second, tail @ ..] = rest {
            if (0xA1..=0xF7).contains(first) && (0xA1..=0xFE).contains(second) {
                n_common += 1;
            }
            rest = tail;
        }
    }
    n_common > 0 && n_common * 100 >= n_pairs * GB2312_PERCENT_MIN
}

fn strict(encoding: &'static Encoding, bytes: &[u8], notes: &mut Notes) -> Option<String> {
    let text = encoding.decode_without_bom_handling_and_without_replacement(bytes);
    if text.is_none() {
        let what = format!(
            "expected {}, got bytes that are not valid in it; the message is damaged or cut off",
            encoding.name()
        );
        notes.fault(None, "", what);
    }
    text.map(std::borrow::Cow::into_owned)
}

/// The encoding that the XML declaration names.
fn declared(bytes: &[u8]) -> Option<String> {
    let head = bytes.get(..bytes.len().min(DECLARATION_BYTES_MAX))?;
    let head = String::from_utf8_lossy(head);
    let declaration = head.trim_start().strip_prefix("<?xml")?.split("?>").next()?.to_owned();
    let value = declaration.split("encoding").nth(1)?.trim_start().strip_prefix('=')?.trim_start();
    let quote = value.chars().next().filter(|letter| matches!(letter, '"' | '\''))?;
    value.split(quote).nth(1).map(str::to_owned)
}

/// The `charset` of a content type.
fn charset(content_type: &str) -> Option<String> {
    let lower = content_type.to_ascii_lowercase();
    let value = lower.split("charset").nth(1)?.trim_start().strip_prefix('=')?;
    let value = value.split(';').next()?.trim().trim_matches('"');
    (!value.is_empty()).then(|| value.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str =
        "<?xml version=\"1.0\" encoding=\"$\"?>\n<a>岳阳县气象台发布暴雨红色预警</a>";

    fn bytes(encoding: &'static Encoding, declared: &str) -> Vec<u8> {
        encoding.encode(&TEXT.replace('$', declared)).0.into_owned()
    }

    fn utf16(big: bool, mark: bool) -> Vec<u8> {
        let text = if mark { format!("\u{FEFF}{TEXT}") } else { TEXT.to_owned() };
        text.encode_utf16()
            .flat_map(|unit| if big { unit.to_be_bytes() } else { unit.to_le_bytes() })
            .collect()
    }

    fn check(bytes: &[u8], hint: Option<&str>, read: bool, odd: Option<&str>) {
        let mut notes = Notes::default();
        let text = decode(bytes, hint, &mut notes);
        assert_eq!(text.is_some_and(|text| text.contains("暴雨红色预警")), read, "{notes:?}");
        assert_eq!(notes.has_faults(), !read, "{notes:?}");
        let oddities = notes.into_oddities();
        match odd {
            Some(odd) => assert!(oddities.iter().any(|o| o.what.contains(odd)), "{oddities:?}"),
            None => assert!(oddities.is_empty(), "{oddities:?}"),
        }
    }

    #[test]
    fn encodings_of_real_senders() {
        check(&bytes(UTF_8, "UTF-8"), None, true, None);
        check(&[&[0xEF, 0xBB, 0xBF][..], &bytes(UTF_8, "UTF-8")].concat(), None, true, None);
        for name in ["GBK", "gb2312", "GB18030"] {
            check(&bytes(GB18030, name), None, true, None);
        }
        check(&bytes(BIG5, "UTF-8"), None, false, None);
        for (big, mark) in [(true, true), (true, false), (false, true), (false, false)] {
            check(&utf16(big, mark), None, true, None);
        }
        check(&bytes(GB18030, "UTF-8"), None, true, Some("the bytes are GB18030"));
        check(&bytes(UTF_8, "GB2312"), None, true, Some("the bytes are UTF-8"));
        check(&bytes(UTF_8, "klingon"), None, true, Some("unknown encoding"));
        let bare = GB18030.encode("<a>暴雨红色预警</a>").0.into_owned();
        check(&bare, Some("text/xml; charset=gb2312"), true, None);
        check(&bare, None, true, Some("declared as nothing"));
    }

    #[test]
    fn traditional_chinese_and_latin() {
        let read = |bytes: &[u8]| decode(bytes, None, &mut Notes::default());
        let text = "<?xml version='1.0' encoding='Big5'?><a>豪雨特報</a>";
        assert_eq!(read(&BIG5.encode(text).0).as_deref(), Some(text));
        let text = "<?xml version='1.0' encoding='ISO-8859-1'?><a>Gävle é</a>";
        assert_eq!(read(&encoding_rs::WINDOWS_1252.encode(text).0).as_deref(), Some(text));
    }

    #[test]
    fn damaged_bytes_are_faults() {
        let mut notes = Notes::default();
        let mut broken = bytes(UTF_8, "UTF-8");
        let at = broken.len() - 8;
        broken[at] = 0xFF;
        assert_eq!(decode(&broken, None, &mut notes), None);
        assert_eq!(notes.into_rejection().faults[0].line, Some(2));
        let odd = utf16(false, true);
        check(&odd[..odd.len() - 1], None, false, None);
        let latin = b"<?xml version='1.0' encoding='UTF-8'?><a>G\xE4vle, K\xF6ln</a>";
        check(latin, None, false, None);
        check(&[0, 0, 0xFE, 0xFF, 0, 0, 0, b'<'], None, false, None);
    }
}

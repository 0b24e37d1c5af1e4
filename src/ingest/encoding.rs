//! Bytes to text: byte order marks, declared encodings, and senders that declare the wrong one.

use super::notes::Notes;
use encoding_rs::{Encoding, GB18030, UTF_8, UTF_16BE, UTF_16LE, WINDOWS_1252};

/// Bytes in which the XML declaration must lie.
const DECLARATION_BYTES: usize = 256;

/// Decodes a message; `None` when no known encoding fits (the fault is noted).
pub(super) fn decode(bytes: &[u8], notes: &mut Notes) -> Option<String> {
    if let Some((encoding, mark_bytes)) = Encoding::for_bom(bytes) {
        return strict(encoding, bytes.get(mark_bytes..).unwrap_or_default(), notes);
    }
    match bytes {
        [0, b'<' | b'{', ..] => return strict(UTF_16BE, bytes, notes),
        [b'<' | b'{', 0, ..] => return strict(UTF_16LE, bytes, notes),
        _ => {}
    }
    let declared = declared(bytes);
    if let Ok(text) = core::str::from_utf8(bytes) {
        if let Some(name) = &declared
            && Encoding::for_label(name.as_bytes()).is_none_or(|encoding| encoding != UTF_8)
            && !text.is_ascii()
        {
            let what = format!("declared as {name}, read as UTF-8 because it is valid UTF-8");
            notes.oddity(Some(1), "", what);
        }
        return Some(text.to_owned());
    }
    let encoding = declared.as_deref().and_then(|name| Encoding::for_label(name.as_bytes()));
    match encoding {
        Some(encoding) if encoding != UTF_8 && encoding != UTF_16LE && encoding != UTF_16BE => {
            // GB2312 and GBK are subsets of GB18030 (GB 18030-2022).
            let wide = if encoding == encoding_rs::GBK { GB18030 } else { encoding };
            strict(wide, bytes, notes)
        }
        _ => mislabelled(bytes, declared.as_deref(), notes),
    }
}

/// Declared as UTF-8 (or not at all), but it isn't.
fn mislabelled(bytes: &[u8], declared: Option<&str>, notes: &mut Notes) -> Option<String> {
    let declared = declared.unwrap_or("UTF-8 by default");
    if let Some(text) = GB18030.decode_without_bom_handling_and_without_replacement(bytes) {
        let text = text.into_owned();
        // In Chinese text most such pairs are hanzi; in Latin-1 text they are stray accents.
        let hanzi = text.chars().filter(|c| ('\u{4E00}'..='\u{9FFF}').contains(c)).count();
        let latin = WINDOWS_1252.decode(bytes).0;
        let n_accents = latin.chars().filter(|c| c.is_alphabetic() && !c.is_ascii()).count();
        if hanzi * 3 >= n_accents && hanzi >= 4 {
            notes.oddity(Some(1), "", format!("declared as {declared}, read as GB18030"));
            return Some(text);
        }
    }
    let at = core::str::from_utf8(bytes).err().map_or(0, |fault| fault.valid_up_to());
    let line = bytes.iter().take(at).filter(|byte| **byte == b'\n').count() + 1;
    let what = format!(
        "declared as {declared}, but byte {at} is not valid in it, and the message is not GB18030; \
         send UTF-8 or declare the true encoding"
    );
    notes.fault(u32::try_from(line).ok(), "", what);
    None
}

fn strict(encoding: &'static Encoding, bytes: &[u8], notes: &mut Notes) -> Option<String> {
    match encoding.decode_without_bom_handling_and_without_replacement(bytes) {
        Some(text) => Some(text.into_owned()),
        None => {
            let what = format!("the bytes are not valid {}", encoding.name());
            notes.fault(None, "", what);
            None
        }
    }
}

/// The encoding of the XML declaration.
fn declared(bytes: &[u8]) -> Option<String> {
    let head = bytes.get(..bytes.len().min(DECLARATION_BYTES))?;
    let head = String::from_utf8_lossy(head);
    let head = head.trim_start();
    let declaration = head.strip_prefix("<?xml")?.split("?>").next()?;
    let value = declaration.split("encoding").nth(1)?.trim_start().strip_prefix('=')?.trim_start();
    let quote = value.chars().next().filter(|c| matches!(c, '"' | '\''))?;
    value.split(quote).nth(1).map(str::to_owned)
}

//! Values at even intervals (functions 31H and 38H): behind a step, an element holds one value, or as many
//! as there are steps. No telegram that we have holds several, and no text that we could read says how
//! many: the number is the one by which the body ends where it ends.

use super::super::octets::Octets;
use super::elements;

/// Widest number, bytes.
const WIDTH_MAX: usize = 8;
/// Most values of an element: more than five minutes apart for a day.
const VALUES_MAX: usize = 512;
/// Longest body that is looked through for it, bytes; in a longer one each element has one value.
const BODY_BYTES_MAX: usize = 16 * 1_024;

/// How many values each element has, at least one.
pub(super) fn values_each(octets: &Octets<'_>) -> usize {
    let n_bytes = octets.rest().len();
    let most = if n_bytes > BODY_BYTES_MAX { 1 } else { n_bytes.clamp(1, VALUES_MAX) };
    (1..=most).find(|n| ends(octets.clone(), *n)).unwrap_or(1)
}

/// Whether a body is wholly elements that we know, of so many numbers each.
fn ends(mut octets: Octets<'_>, n: usize) -> bool {
    loop {
        match octets.rest() {
            [] | [0xF1, 0xF1, ..] | [0xF2, 0xF2, ..] | [0xF3, 0xF3, ..] => return true,
            [0xF0, 0xF0, ..] => {
                if octets.take(7).is_none() {
                    return false;
                }
            }
            _ => {
                let Some((id, width, _)) = elements::heading(&mut octets) else {
                    return false;
                };
                let n = if is_single(id) { 1 } else { n };
                let known = u8::try_from(id).map_or(true, |id| elements::known(id).is_some());
                let fits = is_single(id) || (1..=WIDTH_MAX).contains(&width);
                let numbers = (0..n)
                    .all(|_| octets.take(width).is_some_and(|b| is_single(id) || is_number(b)));
                if !(known && fits && numbers) {
                    return false;
                }
            }
        }
    }
}

/// Packed decimals with or without a sign, or what stands for none.
fn is_number(bytes: &[u8]) -> bool {
    let digits = |bytes: &[u8]| bytes.iter().all(|byte| byte >> 4 <= 9 && byte & 0x0F <= 9);
    let all = |what: u8| bytes.iter().all(|byte| *byte == what);
    all(0xFF) || all(0xAA) || digits(bytes.strip_prefix(&[0xFF]).unwrap_or(bytes))
}

/// Steps, status words and series of their own stand alone.
pub(super) fn is_single(id: u16) -> bool {
    matches!(id, 0x04 | 0x45 | 0xF4..=0xFC)
}

/// The step in minutes that a word of ASCII mode means: `DRN05`, `DRH01`, `DRD01`.
pub(super) fn step_minutes(word: &str) -> Option<u64> {
    let (unit, number) = word.strip_prefix("DR")?.split_at_checked(1)?;
    let minutes = match unit {
        "N" => 1,
        "H" => 60,
        "D" => 1_440,
        _ => return None,
    };
    let digits = number.len() == 2 && number.bytes().all(|byte| byte.is_ascii_digit());
    number.parse::<u64>().ok().filter(|_| digits).map(|number| number * minutes)
}

/// Whether a word of ASCII mode is a value: names begin with a letter.
pub(super) fn is_value(word: &str) -> bool {
    let number = word.starts_with(|c: char| c.is_ascii_digit() || matches!(c, '-' | '+' | '.'));
    number || word.bytes().all(|byte| matches!(byte, b'M' | b'N' | b'F' | b'f' | b'/'))
}

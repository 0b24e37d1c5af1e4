//! Names of resources in the national emergency broadcast system (GD/J 080-2018): 23 digits.

use core::fmt;
use serde::{Deserialize, Serialize};

/// Digits of a resource code.
const DIGITS: usize = 23;
/// What stands before the first digit, so that 23 digits fill 12 bytes.
const PADDING: u8 = 0xF0;

/// A resource code, 23 digits: level 1 to 6, area 12, kind 4 (`0314` = loudspeakers) and its number
/// 2, part 2 (`04` = terminal) and its number 2. Kept as it goes on the wire: one nibble `F`, then
/// the digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct NationalCode([u8; 12]);

impl NationalCode {
    /// Reads 23 digits of which the first is a level.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim().as_bytes();
        if text.len() != DIGITS || !text.iter().all(u8::is_ascii_digit) {
            return None;
        }
        let mut bytes = [0; 12];
        let nibbles = core::iter::once(PADDING >> 4).chain(text.iter().map(|digit| digit - b'0'));
        for (at, nibble) in nibbles.enumerate() {
            let shift = if at % 2 == 0 { 4 } else { 0 };
            if let Some(byte) = bytes.get_mut(at / 2) {
                *byte |= nibble << shift;
            }
        }
        Self::from_bcd(bytes)
    }

    /// From the wire; `None` when a nibble is no digit, the padding is not `F`, or there is no such
    /// level.
    #[must_use]
    pub fn from_bcd(bytes: [u8; 12]) -> Option<Self> {
        let [first, rest @ ..] = bytes;
        let digits = rest.iter().all(|byte| byte >> 4 <= 9 && byte & 15 <= 9);
        let level = (1..=6).contains(&(first & 15));
        (first & PADDING == PADDING && digits && level).then_some(Self(bytes))
    }

    /// As it goes on the wire.
    #[must_use]
    pub fn bcd(self) -> [u8; 12] {
        self.0
    }
}

impl fmt::Display for NationalCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, byte) in self.0.iter().enumerate() {
            if at > 0 {
                write!(f, "{}", byte >> 4)?;
            }
            write!(f, "{}", byte & 15)?;
        }
        Ok(())
    }
}

impl fmt::Debug for NationalCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl From<NationalCode> for String {
    fn from(code: NationalCode) -> Self {
        code.to_string()
    }
}

impl TryFrom<String> for NationalCode {
    type Error = String;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::parse(&text).ok_or_else(|| {
            format!("expected a resource code of 23 digits that begins with 1 to 6, got `{text}`")
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expect: Option<&[u8; 12]>) {
        let code = NationalCode::parse(text);
        assert_eq!(code.map(NationalCode::bcd).as_ref(), expect, "{text}");
        if let Some(code) = code {
            assert_eq!(code.to_string(), text.trim());
            let stored = serde_json::to_string(&code).unwrap();
            assert_eq!(serde_json::from_str::<NationalCode>(&stored).unwrap(), code);
        }
    }

    #[test]
    fn codes_of_the_standard_are_read_and_written() {
        let village = b"\xf6\x34\x15\x23\x10\x02\x00\x03\x14\x01\x04\x01";
        check("63415231002000314010401", Some(village));
        check(
            " 23400000000000101010101 ",
            Some(b"\xf2\x34\x00\x00\x00\x00\x00\x01\x01\x01\x01\x01"),
        );
        for bad in
            ["", "6341523100200031401040", "634152310020003140104011", "03415231002000314010401"]
        {
            check(bad, None);
        }
        check("7341523100200031401040x", None);
        assert_eq!(NationalCode::from_bcd([0xF6, 0x3A, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]), None);
        assert_eq!(NationalCode::from_bcd([0x06, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]), None);
    }
}

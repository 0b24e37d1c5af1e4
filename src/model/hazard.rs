//! Kinds of hazards as the national emergency broadcast system writes them (GD/J 082, 089).

use core::fmt;
use serde::{Deserialize, Serialize};

/// A kind of hazard: five characters, such as `11B03` of the national information resource codes (as
/// 12379 and EBM have them), or five digits of GB/T 35561 where these have no letters for it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct HazardCode([u8; 5]);

impl HazardCode {
    /// Reads five digits or capital letters.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let bytes: [u8; 5] = text.as_bytes().try_into().ok()?;
        let known = |byte: &u8| byte.is_ascii_digit() || byte.is_ascii_uppercase();
        bytes.iter().all(known).then_some(Self(bytes))
    }

    /// As it goes on the wire.
    #[must_use]
    pub fn bytes(self) -> [u8; 5] {
        self.0
    }
}

impl fmt::Display for HazardCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{}", char::from(*byte)))
    }
}

impl fmt::Debug for HazardCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl From<HazardCode> for String {
    fn from(code: HazardCode) -> Self {
        code.to_string()
    }
}

impl TryFrom<String> for HazardCode {
    type Error = String;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::parse(&text)
            .ok_or_else(|| format!("expected a kind of hazard such as 11B03, got `{text}`"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expect: Option<[u8; 5]>) {
        let code = HazardCode::parse(text);
        assert_eq!(code.map(HazardCode::bytes), expect, "{text}");
        if let Some(code) = code {
            let stored = serde_json::to_string(&code).unwrap();
            assert_eq!(stored, format!("\"{text}\""));
            assert_eq!(serde_json::from_str::<HazardCode>(&stored).unwrap(), code);
        }
    }

    #[test]
    fn codes_are_five_digits_or_capitals() {
        check("11B03", Some(*b"11B03"));
        check("90000", Some(*b"90000"));
        for bad in ["", "11D", "11b03", "11B033", "暴雨"] {
            check(bad, None);
        }
    }
}

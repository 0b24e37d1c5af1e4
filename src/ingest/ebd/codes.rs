//! Codes and names (GD/J 080-2018, 082 §7, 083 §5.3.2), of the profile of 2018 and of the drafts before
//! it, which many platforms still speak.

use crate::model::{AreaCode, AreaLevel, TerminalId};

/// Which generation of codes a platform speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Profile {
    /// Resource codes of 23 digits (GD/J 080-2018).
    Y2018,
    /// Resource codes of 18 digits (drafts of 2014 to 2016).
    Y2016,
}

impl Profile {
    /// Digits of a resource code.
    #[must_use]
    pub fn code_digits(self) -> usize {
        match self {
            Self::Y2018 => 23,
            Self::Y2016 => 18,
        }
    }

    /// `EBDVersion` as it is written.
    #[must_use]
    pub fn version(self) -> &'static str {
        match self {
            Self::Y2018 => "1",
            Self::Y2016 => "1.0",
        }
    }

    /// Whether `text` is a resource code of this generation.
    #[must_use]
    pub fn is_code(self, text: &str) -> bool {
        text.len() == self.code_digits() && is_digits(text)
    }

    /// Resource codes that one of our terminals may have (大喇叭 0314, sub-type 04), the first by its own
    /// number, the others for when that is given to another; none in the older generation, which has no
    /// such number.
    pub fn terminal_codes(
        self,
        terminal: TerminalId,
        area: AreaCode,
    ) -> impl Iterator<Item = String> {
        let sequence = terminal.number() % 1_000;
        let own = ((sequence.max(1) - 1) / 99 + 1, (sequence.max(1) - 1) % 99 + 1);
        let level = match area.level() {
            AreaLevel::Province => 2,
            AreaLevel::City => 3,
            AreaLevel::County => 4,
            AreaLevel::Township => 5,
            AreaLevel::Village => 6,
        };
        // Own numbers end in group 11.
        let others = (12..=99).flat_map(|group| (1..=99).map(move |number| (group, number)));
        let all = core::iter::once(own).chain(others).filter(move |_| self == Self::Y2018);
        all.map(move |(group, number)| format!("{level}{area}0314{group:02}04{number:02}"))
    }
}

/// Digits of the number at the end of an `EBDID`.
const SEQUENCE_DIGITS: usize = 16;
/// Digits of date and number at the end of an `EBMID`.
const EBM_TAIL_DIGITS: usize = 12;

/// The `EBDID` of a package that `code` sends; `0` as its number = a heartbeat.
#[must_use]
pub fn ebd_id(code: &str, number: u64) -> String {
    let kind = if number == 0 { "01" } else { "10" };
    format!("{kind}{code}{number:016}")
}

/// Whether it is made as an `EBDID` of either generation.
#[must_use]
pub fn is_ebd_id(text: &str) -> bool {
    let digits = [Profile::Y2018, Profile::Y2016].map(|p| 2 + p.code_digits() + SEQUENCE_DIGITS);
    digits.contains(&text.len()) && is_digits(text)
}

/// The code of the platform that made a message, when the `EBMID` is one of either generation.
#[must_use]
pub fn ebm_platform(id: &str) -> Option<&str> {
    let digits = [Profile::Y2018, Profile::Y2016].map(|p| p.code_digits() + EBM_TAIL_DIGITS);
    let well_made = digits.contains(&id.len()) && is_digits(id);
    well_made.then(|| id.get(..id.len() - EBM_TAIL_DIGITS)).flatten()
}

/// Whether a receiver may leave this message alone: its number is 0000.
#[must_use]
pub(super) fn is_voluntary(id: &str) -> bool {
    id.ends_with("0000")
}

/// File name of a package.
#[must_use]
pub fn package_name(id: &str) -> String {
    format!("EBDT_{id}.tar")
}

/// File name of the business data.
#[must_use]
pub fn data_name(id: &str) -> String {
    format!("EBDB_{id}.xml")
}

/// File name of the signature of the business data.
#[must_use]
pub fn signature_name(id: &str) -> String {
    format!("EBDS_EBDB_{id}.xml")
}

/// What a file is, by its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FileKind {
    Data,
    DataSignature,
    Information,
    Programme,
    Unknown,
}

/// What a file of a package is.
pub(super) fn file_kind(name: &str) -> FileKind {
    let upper = name.to_ascii_uppercase();
    let begins = |mark: &str| upper.starts_with(mark);
    if begins("EBDS_EBDB_") {
        FileKind::DataSignature
    } else if begins("EBDB_") {
        FileKind::Data
    } else if begins("EBDI_") || begins("EBDS_EBDI_") {
        FileKind::Information
    } else if begins("EBDR_") {
        FileKind::Programme
    } else {
        FileKind::Unknown
    }
}

/// Whether all are digits, and there is one.
pub(super) fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_made_as_the_examples() {
        let village = AreaCode::parse("341523100200").unwrap();
        let check = |number: u16, expect: &str| {
            let terminal = TerminalId::new(village, number).unwrap();
            let mut codes = Profile::Y2018.terminal_codes(terminal, village);
            let code = codes.next().unwrap();
            assert_eq!(code, expect);
            assert!(Profile::Y2018.is_code(&code));
            assert_eq!(
                codes.next().as_deref(),
                Some("63415231002000314120401"),
                "when it is taken"
            );
            assert_eq!(Profile::Y2016.terminal_codes(terminal, village).next(), None);
        };
        check(1, "63415231002000314010401");
        check(99, "63415231002000314010499");
        check(100, "63415231002000314020401");
        check(999, "63415231002000314110409");
        let platform = "23400000000000101010101";
        assert_eq!(ebd_id(platform, 0), format!("01{platform}0000000000000000"));
        assert_eq!(ebd_id(platform, 7), format!("10{platform}0000000000000007"));
        assert!(is_ebd_id(&ebd_id(platform, 7)) && !is_ebd_id("10"));
        let ebm = format!("{platform}201810120001");
        assert_eq!(ebm_platform(&ebm), Some(platform));
        assert_eq!(ebm_platform("x"), None);
        assert!(!is_voluntary(&ebm) && is_voluntary("201810120000"));
    }

    #[test]
    fn files_are_told_by_their_names() {
        for (name, kind) in [
            ("EBDB_1.xml", FileKind::Data),
            ("ebdb_1.XML", FileKind::Data),
            ("EBDS_EBDB_1.xml", FileKind::DataSignature),
            ("EBDS_EBDI_1.xml", FileKind::Information),
            ("EBDI_1.xml", FileKind::Information),
            ("EBDR_x.mp3", FileKind::Programme),
            ("x.exe", FileKind::Unknown),
        ] {
            assert_eq!(file_kind(name), kind, "{name}");
        }
    }
}

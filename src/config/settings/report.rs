//! `[report]`: what the audit's reports show.

use super::path_opt;
use crate::config::reader::Keys;
use std::path::{Path, PathBuf};

/// Longest name at the top of a report, characters.
const COUNTY_CHARS_MAX: usize = 60;

/// `[report]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReportSettings {
    /// Name at the top; `None` = that of the first served area.
    pub county: Option<String>,
    /// Font with Chinese characters for PDF; `None` = one that is found.
    pub font_file: Option<PathBuf>,
}

pub(super) fn report(dir: &Path, mut keys: Keys<'_>) -> ReportSettings {
    let county = keys.text_opt("county").filter(|county| !county.is_empty());
    if county.as_ref().is_some_and(|county| county.chars().count() > COUNTY_CHARS_MAX) {
        let what = format!("is longer than {COUNTY_CHARS_MAX} characters");
        keys.fault("county", &what, "write the name of the county");
    }
    let font_file = path_opt(dir, &mut keys, "font_file");
    if let Some(font) = font_file.as_ref().filter(|font| !font.is_file()) {
        let what = format!("no file {}", font.display());
        keys.fault("font_file", &what, "install fonts-noto-cjk and leave it empty, or correct it");
    }
    keys.finish();
    ReportSettings { county, font_file }
}

//! A font with Chinese characters, from the machine: none is shipped, a whole one has 20 MB.

use super::ReportFault;
use std::path::{Path, PathBuf};
use ttf_parser::Face;

/// Where Debian, Ubuntu, Fedora and openEuler put such fonts.
pub const FONT_PLACES: [&str; 8] = [
    "/usr/share/fonts/opentype/noto/NotoSansCJK-Regular.ttc",
    "/usr/share/fonts/noto-cjk/NotoSansCJK-Regular.ttc",
    "/usr/share/fonts/google-noto-cjk/NotoSansCJK-Regular.ttc",
    "/usr/share/fonts/google-noto-sans-cjk-fonts/NotoSansCJK-Regular.ttc",
    "/usr/share/fonts/opentype/source-han-sans/SourceHanSansSC-Regular.otf",
    "/usr/share/fonts/truetype/wqy/wqy-microhei.ttc",
    "/usr/share/fonts/truetype/wqy/wqy-zenhei.ttc",
    "/usr/share/fonts/truetype/droid/DroidSansFallbackFull.ttf",
];
/// Longest font file, bytes.
const FONT_BYTES_MAX: u64 = 128 * 1024 * 1024;
/// Noto's collections hold the Chinese forms of characters at this place, Japanese ones first.
const NOTO_CHINESE: u32 = 2;

/// The font file of a report: the one that was set, or the first that is there.
///
/// # Errors
/// When there is none; says what to install.
pub fn find_font(set: Option<&Path>) -> Result<PathBuf, ReportFault> {
    let remedy = "install one (`apt-get install fonts-noto-cjk`) or set `[report] font_file` in \
                  gateway.toml; CSV and XLSX need none";
    match set {
        Some(path) if path.is_file() => Ok(path.to_owned()),
        Some(path) => Err(ReportFault::Font(format!("no font at {}: {remedy}", path.display()))),
        None => {
            let found = FONT_PLACES.iter().map(Path::new).find(|path| path.is_file());
            let none = || format!("no font with Chinese characters on this machine: {remedy}");
            found.map(Path::to_owned).ok_or_else(|| ReportFault::Font(none()))
        }
    }
}

/// A font as it was read.
pub(super) struct FontFile {
    /// The whole file.
    pub(super) bytes: Vec<u8>,
    /// Which font of a collection.
    pub(super) index: u32,
}

impl FontFile {
    /// Reads a file, and whether it holds Chinese characters.
    pub(super) fn read(path: &Path) -> Result<Self, ReportFault> {
        let wrong =
            |what: String| ReportFault::Font(format!("the font {}: {what}", path.display()));
        let length = std::fs::metadata(path).map_err(|fault| wrong(fault.to_string()))?.len();
        if length > FONT_BYTES_MAX {
            return Err(wrong(format!("expected at most {FONT_BYTES_MAX} bytes, got {length}")));
        }
        let bytes = std::fs::read(path).map_err(|fault| wrong(fault.to_string()))?;
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned());
        let noto = name.is_some_and(|name| name.starts_with("Noto") && name.ends_with(".ttc"));
        let chinese = |index: &u32| {
            let face = Face::parse(&bytes, *index);
            face.is_ok_and(|face| face.glyph_index('村').is_some())
        };
        let indices = if noto { [NOTO_CHINESE, 0] } else { [0, 0] };
        let index = indices.into_iter().find(chinese);
        let expected = "expected a TrueType or OpenType font with Chinese characters";
        let index = index.ok_or_else(|| wrong(expected.to_owned()))?;
        Ok(Self { bytes, index })
    }

    /// Its tables.
    pub(super) fn face(&self) -> Result<Face<'_>, ReportFault> {
        let broken = |fault: ttf_parser::FaceParsingError| ReportFault::Font(fault.to_string());
        Face::parse(&self.bytes, self.index).map_err(broken)
    }
}

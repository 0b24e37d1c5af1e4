//! TAR (POSIX ustar, with GNU long names and pax paths) of packages, read and written in memory: only
//! plain files with plain names that are there once, nothing is ever unpacked to a disk.

use crate::ingest::notes::{Notes, quoted};
use encoding_rs::GB18030;
use std::collections::BTreeSet;

/// Bytes of a header and of a unit of content.
const BLOCK: usize = 512;
/// Largest package, bytes; as long as what the record keeps of one input.
pub const PACKAGE_BYTES_MAX: usize = 8 * 1024 * 1024;
/// Files in a package; real ones have three or four.
const FILES_MAX: usize = 64;
/// Longest file name, bytes.
const NAME_BYTES_MAX: usize = 255;
/// Longest extended header, bytes.
const EXTENDED_BYTES_MAX: usize = 64 * 1024;

/// A file of a package.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Member<'a> {
    /// Its content.
    pub(super) bytes: &'a [u8],
}

/// Reads all files in their order; faults are noted, and what could be read is given back.
pub(super) fn members<'a>(bytes: &'a [u8], notes: &mut Notes) -> Vec<(String, Member<'a>)> {
    if bytes.len() > PACKAGE_BYTES_MAX {
        let got = bytes.len();
        notes.too_large(None, "", format!("expected at most {PACKAGE_BYTES_MAX} bytes, got {got}"));
        return Vec::new();
    }
    if bytes.starts_with(b"\x1F\x8B") || bytes.starts_with(b"PK") {
        notes.fault(None, "", "expected a plain TAR, got a compressed file; send it uncompressed");
        return Vec::new();
    }
    let mut reader = Reader { bytes, at: 0, notes, long_name: None, n_headers: 0 };
    let mut found: Vec<(String, Member<'a>)> = Vec::new();
    let mut names = BTreeSet::new();
    while let Some((name, content)) = reader.next() {
        let Some(name) = plain(&name, reader.notes) else { continue };
        // Receivers on other systems do not tell capitals apart.
        if !names.insert(name.to_lowercase()) {
            let what = format!("expected every file name once, got {} again", quoted(&name));
            reader.notes.fault(None, &name, what);
            continue;
        }
        found.push((name, Member { bytes: content }));
    }
    found
}

struct Reader<'a, 'n> {
    bytes: &'a [u8],
    at: usize,
    notes: &'n mut Notes,
    /// Name for the next file, from an extended header.
    long_name: Option<Vec<u8>>,
    n_headers: usize,
}

impl<'a> Reader<'a, '_> {
    /// Name and content of the next plain file.
    fn next(&mut self) -> Option<(Vec<u8>, &'a [u8])> {
        loop {
            let header = self.header()?;
            let size = self.size(header)?;
            let content = self.content(size)?;
            let kind = header.get(156).copied().unwrap_or(0);
            match kind {
                b'0' | 0 => {
                    let name = self.long_name.take().unwrap_or_else(|| name_of(header));
                    return Some((name, content));
                }
                b'L' => self.long_name = Some(until_zero(content).to_vec()),
                b'x' => self.pax(content),
                // Global settings and folders say nothing about files.
                b'g' | b'5' => {}
                kind => {
                    let name = String::from_utf8_lossy(&name_of(header)).into_owned();
                    let kind = char::from(kind).escape_default();
                    let what = format!(
                        "expected plain files, got an entry of kind `{kind}` (link or device)"
                    );
                    self.notes.fault(None, &name, what);
                    self.long_name = None;
                }
            }
        }
    }

    /// The next header; `None` at the end or where nothing more can be read.
    fn header(&mut self) -> Option<&'a [u8]> {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        let Some(header) = rest.get(..BLOCK) else {
            if rest.is_empty() && self.n_headers > 0 {
                self.notes.oddity(None, "", "the TAR ends without its two empty blocks");
            } else {
                let what = format!("expected a TAR header of {BLOCK} bytes, got {}", rest.len());
                self.notes.fault(None, "", what);
            }
            return None;
        };
        if header.iter().all(|byte| *byte == 0) {
            return None;
        }
        self.n_headers += 1;
        if self.n_headers > FILES_MAX {
            self.notes.too_large(None, "", format!("expected at most {FILES_MAX} entries"));
            return None;
        }
        let told = header.get(148..156).and_then(octal);
        let sum = checksum(header);
        if told != Some(sum) {
            let told = told.map_or("no number".to_owned(), |told| told.to_string());
            let what = format!("expected a TAR header with checksum {sum}, got {told}");
            self.notes.fault(None, "", what);
            return None;
        }
        self.at += BLOCK;
        Some(header)
    }

    fn size(&mut self, header: &[u8]) -> Option<usize> {
        let size = header.get(124..136).and_then(octal).and_then(|size| usize::try_from(size).ok());
        if size.is_none() {
            self.notes.fault(None, "", "expected the size of a file in octal, got no number");
        }
        size
    }

    fn content(&mut self, size: usize) -> Option<&'a [u8]> {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        let Some(content) = rest.get(..size) else {
            let what = format!("expected {size} bytes of a file, got {}; cut off", rest.len());
            self.notes.fault(None, "", what);
            return None;
        };
        // Some writers leave the padding of the last file out.
        let padded = size.div_ceil(BLOCK).checked_mul(BLOCK)?;
        self.at = self.at.checked_add(padded)?.min(self.bytes.len());
        Some(content)
    }

    /// Takes the path out of a pax header: lines `length key=value`.
    fn pax(&mut self, content: &[u8]) {
        if content.len() > EXTENDED_BYTES_MAX {
            let what = format!("expected an extended header of at most {EXTENDED_BYTES_MAX} bytes");
            self.notes.too_large(None, "", what);
            return;
        }
        let mut rest = content;
        while let Some(space) = rest.iter().position(|byte| *byte == b' ') {
            let length = rest.get(..space).and_then(|text| core::str::from_utf8(text).ok());
            let length = length.and_then(|text| text.parse::<usize>().ok());
            let line = length.and_then(|length| rest.get(space + 1..length.saturating_sub(1)));
            let (Some(length), Some(line)) = (length, line) else {
                self.notes.fault(None, "", "expected `length key=value` in a pax header");
                return;
            };
            if let Some(path) = line.strip_prefix(b"path=") {
                self.long_name = Some(path.to_vec());
            } else if line.starts_with(b"size=") || line.starts_with(b"linkpath=") {
                let what = "expected sizes and names in plain headers, got them in a pax header";
                self.notes.fault(None, "", what);
            }
            rest = rest.get(length..).unwrap_or_default();
        }
    }
}

/// A file's own name when it can't lead anywhere; folders before it are left out.
fn plain(raw: &[u8], notes: &mut Notes) -> Option<String> {
    let name = match core::str::from_utf8(raw) {
        Ok(name) => name.to_owned(),
        Err(_) => GB18030.decode_without_bom_handling(raw).0.into_owned(),
    };
    let bad = if raw.is_empty() {
        Some("no name")
    } else if raw.len() > NAME_BYTES_MAX {
        Some("a name that is too long")
    } else if name.starts_with(['/', '\\']) || name.contains(':') {
        Some("an absolute name")
    } else if name.split(['/', '\\']).any(|part| part == "..") {
        Some("a name that leads out of the package")
    } else if name.chars().any(char::is_control) || name.contains('\\') {
        Some("a name with control characters or backslashes")
    } else {
        None
    };
    if let Some(bad) = bad {
        notes.fault(None, "", format!("expected plain file names, got {bad}: {}", quoted(&name)));
        return None;
    }
    let bare = name.rsplit('/').next().unwrap_or_default();
    if bare.is_empty() || bare == "." {
        notes.fault(None, "", format!("expected a file name, got {}", quoted(&name)));
        return None;
    }
    if bare.len() < name.len() && !name.starts_with("./") {
        notes.oddity(None, bare, format!("it lies in a folder: {}", quoted(&name)));
    }
    Some(bare.to_owned())
}

fn until_zero(bytes: &[u8]) -> &[u8] {
    let end = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
    bytes.get(..end).unwrap_or_default()
}

fn name_of(header: &[u8]) -> Vec<u8> {
    let field =
        |range: core::ops::Range<usize>| until_zero(header.get(range).unwrap_or_default()).to_vec();
    let name = field(0..100);
    // Only POSIX headers have a prefix; GNU keeps times there.
    let is_posix = header.get(257..263) == Some(b"ustar\0".as_slice());
    let prefix = if is_posix { field(345..500) } else { Vec::new() };
    if prefix.is_empty() { name } else { [prefix.as_slice(), b"/", name.as_slice()].concat() }
}

/// Octal digits with spaces or zeros around them.
fn octal(field: &[u8]) -> Option<u64> {
    let text = core::str::from_utf8(field).ok()?;
    let digits = text.trim_matches([' ', '\0']);
    if digits.is_empty() || !digits.bytes().all(|digit| (b'0'..=b'7').contains(&digit)) {
        return None;
    }
    u64::from_str_radix(digits, 8).ok()
}

/// Sum of the header's bytes, those of the sum itself counted as spaces.
fn checksum(header: &[u8]) -> u64 {
    let at = |(at, byte): (usize, &u8)| {
        if (148..156).contains(&at) { u64::from(b' ') } else { u64::from(*byte) }
    };
    header.iter().enumerate().map(at).sum()
}

/// Writes a TAR of plain files; names are ASCII and shorter than 100 bytes, as those of packages are.
#[must_use]
pub fn tar(files: &[(String, &[u8])], at_s: i64) -> Vec<u8> {
    let mut out = Vec::new();
    for (name, bytes) in files {
        let mut header = [0_u8; BLOCK];
        let mut put = |from: usize, text: &[u8]| {
            if let Some(field) = header.get_mut(from..from + text.len()) {
                field.copy_from_slice(text);
            }
        };
        put(0, name.as_bytes().get(..name.len().min(100)).unwrap_or_default());
        put(100, b"0000644\0");
        put(108, b"0000000\0");
        put(116, b"0000000\0");
        put(124, format!("{:011o}\0", bytes.len()).as_bytes());
        put(136, format!("{:011o}\0", at_s.max(0)).as_bytes());
        put(156, b"0");
        put(257, b"ustar\x0000");
        let sum = checksum(&header);
        if let Some(field) = header.get_mut(148..156) {
            field.copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
        }
        out.extend_from_slice(&header);
        out.extend_from_slice(bytes);
        out.resize(out.len().div_ceil(BLOCK) * BLOCK, 0);
    }
    out.resize(out.len() + 2 * BLOCK, 0);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The names read, and a word of the first fault ("" = none).
    fn check(bytes: &[u8], names: &[&str], fault: &str) {
        let mut notes = Notes::default();
        let found = members(bytes, &mut notes);
        let got: Vec<&str> = found.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(got, names);
        assert_eq!(notes.has_faults(), !fault.is_empty());
        if !fault.is_empty() {
            let faults = notes.into_rejection().faults;
            assert!(faults.iter().any(|told| told.what.contains(fault)), "{fault}: {faults:?}");
        }
    }

    fn named(name: &str) -> Vec<u8> {
        tar(&[(name.to_owned(), b"x")], 0)
    }

    /// With another byte in the header, and the sum made good.
    fn with(at: usize, bytes: &[u8]) -> Vec<u8> {
        let mut made = named("a");
        made[at..at + bytes.len()].copy_from_slice(bytes);
        let sum = checksum(&made[..BLOCK]);
        made[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
        made
    }

    #[test]
    fn plain_files_are_read_and_everything_else_is_told() {
        let two = tar(&[("a.xml".into(), b"1"), ("b.mp3".into(), &[7; 1_000])], 1);
        check(&two, &["a.xml", "b.mp3"], "");
        check(&two[..BLOCK * 2], &["a.xml"], "");
        check(&two[..BLOCK * 4], &["a.xml"], "cut off");
        check(&two[..BLOCK + 100], &["a.xml"], "");
        check(&two[..BLOCK * 2 + 100], &["a.xml"], "header of 512");
        check(&tar(&[("a".into(), b"1"), ("A".into(), b"2")], 1), &["a"], "once");
        for name in ["../a", "x/../../a", "/etc/a", "\\a", "c:a", "a\\b", "a\u{7}"] {
            check(&named(name), &[], "expected plain file names");
        }
        check(&named("EBDT/a.xml"), &["a.xml"], "");
        check(&with(156, b"2"), &[], "link");
        check(&with(156, b"1"), &[], "link");
        check(&with(124, b"77777777777\0"), &[], "cut off");
        check(&with(124, &[0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]), &[], "octal");
        check(&with(0, b"\0"), &[], "no name");
        let mut broken = named("a");
        broken[0] = b'b';
        check(&broken, &[], "checksum");
        check(b"\x1F\x8B\x08", &[], "compressed");
        check(b"", &[], "header of 512");
        check(&vec![0; PACKAGE_BYTES_MAX + 1], &[], "at most");
        let many: Vec<(String, &[u8])> = (0..100).map(|n| (format!("{n}"), &b"x"[..])).collect();
        let mut notes = Notes::default();
        assert_eq!(members(&tar(&many, 0), &mut notes).len(), FILES_MAX);
        assert!(notes.into_rejection().too_large);
    }

    #[test]
    fn long_names_are_read_from_extended_headers() {
        let long = format!("EBDR_{}.mp3", "长".repeat(60));
        let path = format!(" path={long}\n");
        let length = path.len() + 3;
        for (kind, content) in [(b'L', format!("{long}\0")), (b'x', format!("{length}{path}"))] {
            let mut made = tar(&[("head".into(), content.as_bytes())], 0);
            made.truncate(made.len() - 2 * BLOCK);
            made[156] = kind;
            let sum = checksum(&made[..BLOCK]);
            made[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
            made.extend(named("short"));
            check(&made, &[long.as_str()], "");
        }
    }
}

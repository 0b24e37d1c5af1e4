//! What a file is that no decoder takes, in words of people: they must know what to convert.

use std::ops::Range;

/// A mark, where it stands, and what a file with it is.
type Mark = (usize, &'static [u8], &'static str);

const MARKS: [Mark; 24] = [
    (0, b"\x30\x26\xb2\x75", "a WMA or WMV file"),
    (0, b"#!AMR", "an AMR recording"),
    (0, b"#!SILK", "a SILK recording"),
    (1, b"#!SILK", "a SILK recording"),
    (0, b"\x0b\x77", "an AC-3 file"),
    (0, b"caff", "a CAF file"),
    (0, b".snd", "an AU file"),
    (0, b"wvpk", "a WavPack file"),
    (0, b"MAC ", "a Monkey's Audio file"),
    (0, b"TTA1", "a TTA file"),
    (0, b"MThd", "a MIDI file, which holds notes and no sound"),
    (0, b"RF64", "an RF64 file"),
    (0, b"riff", "a Wave64 file"),
    (0, b"FLV", "a Flash video"),
    (0, b"PK\x03\x04", "a ZIP archive"),
    (0, b"Rar!", "a RAR archive"),
    (0, b"\x1f\x8b", "a gzip file"),
    (0, b"%PDF", "a PDF document"),
    (0, b"\xff\xd8\xff", "a picture"),
    (0, b"\x89PNG", "a picture"),
    (8, b"AVI ", "an AVI video"),
    (28, b"Speex ", "a Speex recording"),
    (0, b"<", "a text"),
    (0, b"{", "a text"),
];
/// Codecs of sample entries in MP4 that are not decoded.
const MP4_CODECS: [(&[u8; 4], &str); 5] = [
    (b"alac", "Apple Lossless (ALAC) sound"),
    (b"Opus", "Opus sound in MP4"),
    (b"ac-3", "AC-3 sound"),
    (b"ec-3", "E-AC-3 sound"),
    (b"samr", "AMR sound"),
];
/// Bytes that are looked at to tell text from other files.
const TEXT_BYTES: Range<usize> = 0..512;

/// What the bytes are by their own marks; `None` = nothing that we know.
pub(super) fn named(bytes: &[u8]) -> Option<&'static str> {
    let has = |(at, mark, _): &&Mark| bytes.get(*at..).is_some_and(|rest| rest.starts_with(mark));
    if let Some((_, _, name)) = MARKS.iter().find(has) {
        return Some(name);
    }
    if bytes.get(4..8) == Some(b"ftyp") {
        let holds = |codec: &[u8; 4]| bytes.windows(4).any(|four| four == codec);
        return MP4_CODECS.iter().find(|(codec, _)| holds(codec)).map(|(_, name)| *name);
    }
    let head = bytes.get(TEXT_BYTES).unwrap_or(bytes);
    let is_text = head.iter().all(|byte| matches!(byte, b'\t' | b'\n' | b'\r' | b' '..=b'~'));
    is_text.then_some("a text")
}

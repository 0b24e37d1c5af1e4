//! What can be seen of a file before a decoder takes memory for it.

use super::RecordingFault;
use ogg::reading::PacketReader;
use std::io::Cursor;

/// Largest Vorbis set-up in bytes; real ones have 4 to 20 kB. The decoder makes tables of up to 16 MB
/// out of every 16 kB of it.
const VORBIS_SETUP_BYTES_MAX: usize = 100_000;
/// Head of an Ogg page without its segment table, in bytes (RFC 3533 section 6).
const OGG_HEAD_BYTES: usize = 27;
/// Flag of a stream's last page.
const OGG_LAST_PAGE: u8 = 4;
/// Distance in bytes within which the two marks of a protected track stand.
const PROTECTED_WITHIN_BYTES: usize = 4_096;

/// Refuses what would harm or can't be whole.
pub(super) fn check(bytes: &[u8]) -> Result<(), RecordingFault> {
    if !bytes.starts_with(b"OggS") {
        return Ok(());
    }
    if bytes.get(28..35) == Some(b"\x01vorbis") {
        let mut reader = PacketReader::new(Cursor::new(bytes));
        for _ in 0..3 {
            let packet = reader.read_packet().ok().flatten().map(|packet| packet.data);
            let is_setup = packet.as_ref().is_some_and(|data| data.starts_with(b"\x05vorbis"));
            if is_setup && packet.is_some_and(|data| data.len() > VORBIS_SETUP_BYTES_MAX) {
                let what = "a vorbis set-up of absurd size".to_owned();
                return Err(RecordingFault::Damaged(what));
            }
        }
    }
    if !ogg_has_end(bytes) {
        return Err(RecordingFault::NoEnd);
    }
    if ogg_has_hole(bytes) {
        return Err(RecordingFault::Damaged("a hole in the middle".to_owned()));
    }
    Ok(())
}

/// Whether pages of the first stream are missing between its first and its last: readers go on behind a hole
/// as if nothing were lost.
fn ogg_has_hole(bytes: &[u8]) -> bool {
    let mut at = 0;
    let mut first: Option<([u8; 4], u32)> = None;
    while let Some(page) = bytes.get(at..).filter(|rest| rest.starts_with(b"OggS")) {
        let Some(&[_, _, _, _, _, flags, _, _, _, _, _, _, _, _, s0, s1, s2, s3, n0, n1, n2, n3]) =
            page.first_chunk::<22>()
        else {
            return false;
        };
        let (serial, number) = ([s0, s1, s2, s3], u32::from_le_bytes([n0, n1, n2, n3]));
        let due = match first {
            Some((own, last)) if own == serial => Some(last.wrapping_add(1)),
            Some(_) => None,
            None => Some(number),
        };
        if let Some(due) = due {
            if due != number {
                return true;
            }
            first = Some((serial, number));
            if flags & OGG_LAST_PAGE != 0 {
                return false;
            }
        }
        let n_segments = page.get(OGG_HEAD_BYTES - 1).copied().map_or(0, usize::from);
        let table = page.get(OGG_HEAD_BYTES..OGG_HEAD_BYTES + n_segments).unwrap_or_default();
        let body: usize = table.iter().copied().map(usize::from).sum();
        at += OGG_HEAD_BYTES + n_segments + body;
    }
    // No page where one must begin, and the last was not seen.
    true
}

/// Whether the last page of an Ogg file says that it is the last, and is whole.
fn ogg_has_end(bytes: &[u8]) -> bool {
    let mut at = bytes.len();
    while let Some(found) =
        bytes.get(..at).and_then(|part| part.windows(4).rposition(|four| four == b"OggS"))
    {
        let page = bytes.get(found..).unwrap_or_default();
        if let Some(flags) = page.get(5)
            && let Some(n_segments) = page.get(OGG_HEAD_BYTES - 1).copied().map(usize::from)
            && let Some(table) = page.get(OGG_HEAD_BYTES..OGG_HEAD_BYTES + n_segments)
        {
            let body: usize = table.iter().copied().map(usize::from).sum();
            let whole = page.len() >= OGG_HEAD_BYTES + n_segments + body;
            return whole && flags & OGG_LAST_PAGE != 0;
        }
        at = found;
    }
    false
}

/// Whether an MP4 file holds a protected track (ISO/IEC 14496-12 section 8.12: sample entry `enca` or
/// Apple's `drms`, with `sinf` inside), or says so by its brand.
pub(super) fn is_protected(bytes: &[u8]) -> bool {
    if bytes.get(4..8) != Some(b"ftyp") {
        return false;
    }
    if matches!(bytes.get(8..12), Some(b"aax " | b"aaxc" | b"M4P ")) {
        return true;
    }
    let find = |name: &[u8; 4], within: &[u8]| within.windows(4).position(|four| four == name);
    [b"drms", b"enca"].into_iter().any(|name| {
        find(name, bytes).is_some_and(|at| {
            let end = at.saturating_add(PROTECTED_WITHIN_BYTES).min(bytes.len());
            bytes.get(at..end).is_some_and(|after| find(b"sinf", after).is_some())
        })
    })
}

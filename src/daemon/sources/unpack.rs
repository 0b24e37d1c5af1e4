//! Documents that a server sends packed (RFC 1952) though nobody asked for it.

use miniz_oxide::inflate::{TINFLStatus, decompress_to_vec_with_limit};

/// First bytes: the mark, and the only method there is.
const MARK: [u8; 3] = [0x1F, 0x8B, 8];
/// Bytes of the head without its optional fields.
const HEAD_BYTES: usize = 10;
/// Bytes behind the packed data: check and length.
const TAIL_BYTES: usize = 8;
/// Flags of the head.
const HAS_CHECK: u8 = 2;
const HAS_EXTRA: u8 = 4;
const HAS_NAME: u8 = 8;
const HAS_COMMENT: u8 = 16;
/// The check of RFC 1952.
const CRC: crc::Crc<u32> = crc::Crc::<u32>::new(&crc::CRC_32_ISO_HDLC);

/// The document itself, at most one byte more than `bytes_max`; what is not packed stays as it is.
///
/// # Errors
/// When it is packed and damaged, or cut off.
pub(super) fn unpacked(bytes: Vec<u8>, bytes_max: usize) -> Result<Vec<u8>, String> {
    if !bytes.starts_with(&MARK) {
        return Ok(bytes);
    }
    let damaged = || "the document is packed (gzip) and damaged or cut off".to_owned();
    let packed = behind_head(&bytes).ok_or_else(damaged)?;
    let (packed, tail) =
        packed.split_at_checked(packed.len().saturating_sub(TAIL_BYTES)).ok_or_else(damaged)?;
    match decompress_to_vec_with_limit(packed, bytes_max.saturating_add(1)) {
        Ok(plain) => {
            let told = tail.first_chunk::<4>().map(|check| u32::from_le_bytes(*check));
            if told == Some(CRC.checksum(&plain)) { Ok(plain) } else { Err(damaged()) }
        }
        // Too long: as much as tells so.
        Err(fault) if fault.status == TINFLStatus::HasMoreOutput => Ok(fault.output),
        Err(_) => Err(damaged()),
    }
}

/// What follows the head.
fn behind_head(bytes: &[u8]) -> Option<&[u8]> {
    let flags = *bytes.get(3)?;
    let mut rest = bytes.get(HEAD_BYTES..)?;
    if flags & HAS_EXTRA != 0 {
        let (length, after) = rest.split_first_chunk::<2>()?;
        rest = after.get(usize::from(u16::from_le_bytes(*length))..)?;
    }
    for flag in [HAS_NAME, HAS_COMMENT] {
        if flags & flag != 0 {
            let end = rest.iter().position(|byte| *byte == 0)?;
            rest = rest.get(end + 1..)?;
        }
    }
    if flags & HAS_CHECK != 0 {
        rest = rest.get(2..)?;
    }
    Some(rest)
}

#[cfg(test)]
mod tests {
    use super::*;
    use miniz_oxide::deflate::compress_to_vec;

    fn packed(plain: &[u8], flags: u8, fields: &[u8]) -> Vec<u8> {
        let head = [&MARK[..], &[flags, 0, 0, 0, 0, 0, 3], fields].concat();
        let tail = [CRC.checksum(plain), u32::try_from(plain.len()).unwrap()];
        let tail: Vec<u8> = tail.iter().flat_map(|word| word.to_le_bytes()).collect();
        [head, compress_to_vec(plain, 6), tail].concat()
    }

    #[test]
    fn what_is_packed_is_unpacked_within_its_limit() {
        let plain = "预警".repeat(1_000).into_bytes();
        for (flags, fields) in [
            (0, &b""[..]),
            (HAS_NAME, b"feed.xml\0"),
            (HAS_EXTRA | HAS_COMMENT | HAS_CHECK, b"\x02\0abc\0\x01\x02"),
        ] {
            let made = packed(&plain, flags, fields);
            assert_eq!(unpacked(made.clone(), 10_000).as_deref(), Ok(&plain[..]), "{flags}");
            assert_eq!(unpacked(made.clone(), 100).unwrap().len(), 101, "too long");
            for end in [3, 9, 12, made.len() / 2, made.len() - 1] {
                assert!(unpacked(made[..end].to_vec(), 10_000).is_err(), "{flags} {end}");
            }
            let mut wrong = made.clone();
            let at = made.len() - 6;
            wrong[at] ^= 1;
            assert!(unpacked(wrong, 10_000).is_err());
        }
        let as_it_is = b"<feed/>".to_vec();
        assert_eq!(unpacked(as_it_is.clone(), 1), Ok(as_it_is));
    }
}

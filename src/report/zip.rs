//! A ZIP archive written in one go to a receiver that can't be wound back: sizes and checksums come
//! behind the data (PKWARE APPNOTE 6.3.3, general purpose bit 3). Without ZIP64, so that every
//! spreadsheet reads it; what would be larger is refused.

use crc::{CRC_32_ISO_HDLC, Crc, Digest};
use miniz_oxide::deflate::core::{CompressorOxide, create_comp_flags_from_zip_params};
use miniz_oxide::deflate::stream::deflate;
use miniz_oxide::{MZError, MZFlush, MZStatus};
use std::io::{Error, Result, Write};

/// Bytes packed at a time.
const BLOCK_BYTES: usize = 32 * 1024;
/// How hard it is packed, 1 to 10: tables of repeating words shrink well with little effort.
const LEVEL: i32 = 3;
/// Raw deflate with the largest window.
const WINDOW_BITS: i32 = -15;
/// Version 2.0 is needed: deflate.
const VERSION: u16 = 20;
/// Sizes come behind the data; names are UTF-8.
const FLAGS: u16 = 0x0808;
/// Deflate.
const METHOD: u16 = 8;
/// 1980-01-01, the first day that the format knows: archives of the same content are the same.
const DAY: u16 = 0x0021;

static CRC: Crc<u32> = Crc::<u32>::new(&CRC_32_ISO_HDLC);

/// One file of an archive, when it is finished.
struct Entry {
    name: String,
    offset: u32,
    crc: u32,
    packed: u32,
    length: u32,
}

/// An archive that grows, one file after the other; what is written goes into the open file.
pub(super) struct Zip<'a> {
    out: &'a mut dyn Write,
    offset: u64,
    entries: Vec<Entry>,
    open: Option<Open>,
}

/// The file that is being written.
struct Open {
    name: String,
    offset: u64,
    digest: Digest<'static, u32>,
    packer: Box<CompressorOxide>,
    kept: Vec<u8>,
    length: u64,
    packed: u64,
}

fn small(number: u64) -> Result<u32> {
    u32::try_from(number)
        .map_err(|_| Error::other("the workbook is larger than 4 GB; export CSV, or less time"))
}

impl<'a> Zip<'a> {
    pub(super) fn new(out: &'a mut dyn Write) -> Self {
        Self { out, offset: 0, entries: Vec::new(), open: None }
    }

    fn put(&mut self, bytes: &[u8]) -> Result<()> {
        self.out.write_all(bytes)?;
        self.offset += bytes.len() as u64;
        Ok(())
    }

    /// Begins a file.
    pub(super) fn begin(&mut self, name: &str) -> Result<()> {
        let offset = self.offset;
        let mut head = b"PK\x03\x04".to_vec();
        for part in [VERSION, FLAGS, METHOD, 0, DAY] {
            head.extend(part.to_le_bytes());
        }
        head.extend([0; 12]);
        head.extend(u16::try_from(name.len()).unwrap_or(u16::MAX).to_le_bytes());
        head.extend([0; 2]);
        head.extend(name.as_bytes());
        self.put(&head)?;
        let flags = create_comp_flags_from_zip_params(LEVEL, WINDOW_BITS, 0);
        self.open = Some(Open {
            name: name.to_owned(),
            offset,
            digest: CRC.digest(),
            packer: Box::new(CompressorOxide::new(flags)),
            kept: Vec::with_capacity(BLOCK_BYTES),
            length: 0,
            packed: 0,
        });
        Ok(())
    }

    /// Writes a whole file.
    pub(super) fn whole(&mut self, name: &str, text: &str) -> Result<()> {
        self.begin(name)?;
        self.write_all(text.as_bytes())?;
        self.end()
    }

    /// Ends the open file.
    pub(super) fn end(&mut self) -> Result<()> {
        self.pack(MZFlush::Finish)?;
        let Some(open) = self.open.take() else { return Ok(()) };
        let Open { name, offset, digest, packed, length, .. } = open;
        let (offset, packed, length) = (small(offset)?, small(packed)?, small(length)?);
        let entry = Entry { name, offset, crc: digest.finalize(), packed, length };
        let mut behind = b"PK\x07\x08".to_vec();
        for part in [entry.crc, entry.packed, entry.length] {
            behind.extend(part.to_le_bytes());
        }
        self.put(&behind)?;
        self.entries.push(entry);
        Ok(())
    }

    fn pack(&mut self, flush: MZFlush) -> Result<()> {
        let Some(open) = &mut self.open else { return Ok(()) };
        let kept = std::mem::replace(&mut open.kept, Vec::with_capacity(BLOCK_BYTES));
        open.digest.update(&kept);
        open.length += kept.len() as u64;
        let mut rest = kept.as_slice();
        let mut packed = [0_u8; BLOCK_BYTES];
        loop {
            let done = deflate(&mut open.packer, rest, &mut packed, flush);
            rest = rest.get(done.bytes_consumed..).unwrap_or_default();
            open.packed += done.bytes_written as u64;
            self.offset += done.bytes_written as u64;
            self.out.write_all(packed.get(..done.bytes_written).unwrap_or_default())?;
            match done.status {
                Ok(MZStatus::StreamEnd) => return Ok(()),
                // Nothing more to do for now.
                Ok(_) | Err(MZError::Buf) if rest.is_empty() && flush == MZFlush::None => {
                    return Ok(());
                }
                Ok(_) => {}
                Err(fault) => return Err(Error::other(format!("packing failed: {fault:?}"))),
            }
        }
    }

    /// Writes the directory.
    pub(super) fn finish(mut self) -> Result<()> {
        let begin = self.offset;
        for entry in std::mem::take(&mut self.entries) {
            let mut line = b"PK\x01\x02".to_vec();
            for part in [VERSION, VERSION, FLAGS, METHOD, 0, DAY] {
                line.extend(part.to_le_bytes());
            }
            for part in [entry.crc, entry.packed, entry.length] {
                line.extend(part.to_le_bytes());
            }
            line.extend(u16::try_from(entry.name.len()).unwrap_or(u16::MAX).to_le_bytes());
            line.extend([0; 12]);
            line.extend(entry.offset.to_le_bytes());
            line.extend(entry.name.as_bytes());
            self.put(&line)?;
            self.entries.push(entry);
        }
        let count = u16::try_from(self.entries.len()).unwrap_or(u16::MAX).to_le_bytes();
        let mut end = b"PK\x05\x06\0\0\0\0".to_vec();
        end.extend(count);
        end.extend(count);
        end.extend(small(self.offset - begin)?.to_le_bytes());
        end.extend(small(begin)?.to_le_bytes());
        end.extend([0; 2]);
        self.put(&end)?;
        self.out.flush()
    }
}

impl Write for Zip<'_> {
    fn write(&mut self, bytes: &[u8]) -> Result<usize> {
        let Some(open) = &mut self.open else { return Err(Error::other("no file is open")) };
        let room = BLOCK_BYTES.saturating_sub(open.kept.len());
        let taken = bytes.get(..room).unwrap_or(bytes);
        open.kept.extend_from_slice(taken);
        if open.kept.len() >= BLOCK_BYTES {
            self.pack(MZFlush::None)?;
        }
        Ok(taken.len())
    }

    fn flush(&mut self) -> Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use miniz_oxide::inflate::decompress_to_vec;

    /// What lies in an archive, read by its directory.
    fn read(bytes: &[u8]) -> Vec<(String, Vec<u8>)> {
        let number = |at: usize, n: usize| {
            bytes[at..at + n].iter().rev().fold(0_usize, |all, byte| all << 8 | usize::from(*byte))
        };
        let end = bytes.len() - 22;
        assert_eq!(&bytes[end..end + 4], b"PK\x05\x06");
        let (count, mut at) = (number(end + 10, 2), number(end + 16, 4));
        let mut files = Vec::new();
        for _ in 0..count {
            assert_eq!(&bytes[at..at + 4], b"PK\x01\x02");
            let (packed, length, name) =
                (number(at + 20, 4), number(at + 24, 4), number(at + 28, 2));
            let data = number(at + 42, 4) + 30 + name;
            let content = decompress_to_vec(&bytes[data..data + packed]).unwrap();
            assert_eq!(content.len(), length);
            assert_eq!(number(at + 16, 4), usize::try_from(CRC.checksum(&content)).unwrap());
            let name = String::from_utf8(bytes[at + 46..at + 46 + name].to_vec()).unwrap();
            at += 46 + name.len();
            files.push((name, content));
        }
        files
    }

    #[test]
    fn what_went_in_comes_out() {
        let long: Vec<u8> = (0..300_000_u32).flat_map(|n| (n / 7 * 31).to_le_bytes()).collect();
        let mut out = Vec::new();
        let mut zip = Zip::new(&mut out);
        zip.whole("空.txt", "").unwrap();
        zip.begin("long.bin").unwrap();
        long.chunks(10_001).for_each(|part| zip.write_all(part).unwrap());
        zip.end().unwrap();
        zip.whole("last", "回执").unwrap();
        zip.finish().unwrap();
        let files = read(&out);
        assert_eq!(files[0], ("空.txt".to_owned(), Vec::new()));
        assert!(files[1].1 == long);
        assert_eq!(files[2], ("last".to_owned(), "回执".into()));
    }
}

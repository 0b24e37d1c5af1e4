//! `mingluo bench audio`: what a recording costs on its way to a clip, as a ratio to the bare encoder.

use crate::clock::thread_cpu;
use crate::model::Codec;
use crate::render::encode::{encode, encode_levelled};
use crate::render::loudness::measure;
use crate::render::mix::{Mix, Parts, program};
use crate::render::recording;
use crate::render::samples::{MIX_RATE_HZ, Samples};
use anyhow::Context;
use clap::Args;
use serde_json::json;
use std::io::Write;
use std::path::PathBuf;
use std::time::Duration;

/// Length of the benchmark's recording in seconds.
const SOUND_S: usize = 30;

/// Arguments of `mingluo bench audio`.
#[derive(Debug, Args)]
pub(super) struct AudioArgs {
    /// Folder of the shipped recordings
    #[arg(long, value_name = "DIR", default_value = "audio-samples")]
    audio: PathBuf,
    /// Times each step runs; the fastest counts, because other work on the machine only slows
    #[arg(long, default_value_t = 3)]
    rounds: u32,
    /// Print one JSON object for machines
    #[arg(long)]
    json: bool,
}

/// Runs it.
pub(super) fn run(args: &AudioArgs, out: &mut impl Write) -> anyhow::Result<u8> {
    let sound = speech(&args.audio)?;
    let mp3 = encode(&sound, Codec::Mp3)?;
    let level = program(&Mix::default(), &parts(sound.clone()))?;
    let mix = |words: Samples| program(&Mix::default(), &parts(words));
    let rounds = args.rounds;
    let bare = fastest(rounds, || Ok(encode(&level, Codec::Opus)?))?;
    let decoding = fastest(rounds, || Ok(recording::decode(&mp3)?))?;
    let mixing = fastest(rounds, || Ok(mix(sound.clone())?))?;
    let encoding = fastest(rounds, || Ok(encode_levelled(&level, Codec::Opus)?))?;
    let whole = fastest(rounds, || {
        let words = recording::decode(&mp3)?;
        Ok(encode_levelled(&mix(words)?, Codec::Opus)?)
    })?;
    let clip = recording::decode(&encode_levelled(&level, Codec::Opus)?)?;
    let heard = measure(&clip)?;
    let seconds = f64::from(sound.duration_ms()) / 1_000.0;
    let ms_per_s = |cpu: Duration| cpu.as_secs_f64() * 1_000.0 / seconds;
    let ratio = whole.as_secs_f64() / bare.as_secs_f64().max(1e-9);
    if args.json {
        let told = json!({
            "audio_s": seconds,
            "bare_opus_ms_per_s": ms_per_s(bare),
            "decode_mp3_ms_per_s": ms_per_s(decoding),
            "mix_ms_per_s": ms_per_s(mixing),
            "opus_levelled_ms_per_s": ms_per_s(encoding),
            "whole_ms_per_s": ms_per_s(whole),
            "ratio_to_bare": ratio,
            "loudness_lufs": heard.loudness_lufs,
            "true_peak_dbtp": heard.true_peak_dbtp,
        });
        writeln!(out, "{told}")?;
        return Ok(0);
    }
    writeln!(out, "{seconds:.0} s of speech, processor time on one core for one second of sound:")?;
    for (name, cpu) in [
        ("the bare Opus encoder", bare),
        ("mp3 to 16 kHz samples", decoding),
        ("mix: loudness, limiter, chime", mixing),
        ("Opus, level after decoding", encoding),
        ("the whole chain", whole),
    ] {
        writeln!(out, "  {name:<30} {:6.2} ms", ms_per_s(cpu))?;
    }
    writeln!(
        out,
        "  the chain costs {ratio:.2} times the bare encoder; decoded again: {:.1} LUFS, {:.1} dBTP",
        heard.loudness_lufs, heard.true_peak_dbtp
    )?;
    Ok(0)
}

fn parts(words: Samples) -> Parts {
    Parts { words: Some(words), ..Parts::default() }
}

/// Shipped recordings, one after the other.
fn speech(dir: &std::path::Path) -> anyhow::Result<Samples> {
    let mut mono = Vec::new();
    for name in ["rainstorm-red", "flood-orange", "thunder-blue", "typhoon-yellow"] {
        let path = dir.join(format!("{name}.opus"));
        let bytes = std::fs::read(&path).with_context(|| {
            format!(
                "can't read {}; run it in the folder of the program, or use --audio",
                path.display()
            )
        })?;
        mono.extend(recording::decode(&bytes)?.mono);
    }
    mono.truncate(SOUND_S * usize::try_from(MIX_RATE_HZ)?);
    Ok(Samples { rate_hz: MIX_RATE_HZ, mono })
}

fn fastest<T>(
    rounds: u32,
    mut work: impl FnMut() -> anyhow::Result<T>,
) -> anyhow::Result<Duration> {
    let mut best = Duration::MAX;
    for _ in 0..rounds.max(1) {
        let before = thread_cpu();
        drop(work()?);
        best = best.min(thread_cpu().saturating_sub(before));
    }
    Ok(best)
}

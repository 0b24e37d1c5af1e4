//! `mingluo voice bank`: makes the bank of sounds of the built-in voice with the installed neural one.
//!
//! Sounds are spoken as lists, a dozen in one breath, and cut apart by the model's own times. Every take is
//! kept in the work folder, so that a broken-off run goes on where it stopped. The neural voice gives the
//! same samples every time, and so the same units make the same bank.

mod cut;
mod units;

use crate::model::Sha256;
use crate::render::bank::pack;
use crate::render::kokoro::{Kokoro, Take, VOICE_RATE_HZ};
use crate::render::samples::Samples;
use anyhow::{Context, Result, anyhow};
use clap::Args;
use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use units::{Breath, breaths};

/// Arguments of `mingluo voice bank`.
#[derive(Debug, Args)]
pub(super) struct BankArgs {
    /// File to write.
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
    /// Make a bank of the words of this file only, one a line: a county's own places.
    #[arg(long, value_name = "FILE")]
    words: Option<PathBuf>,
    /// Configuration whose areas, phrases and templates the whole bank knows.
    #[arg(long, value_name = "DIR", default_value = "configs")]
    configs: PathBuf,
    /// General words and recorded messages of the whole bank.
    #[arg(long, value_name = "DIR", default_value = "audio-samples")]
    samples: PathBuf,
    /// Where takes are kept between runs.
    #[arg(long, value_name = "DIR", default_value = "configs/var/bank")]
    work: PathBuf,
    /// Which voice speaks.
    #[arg(long, default_value = "zm_yunjian")]
    voice: String,
    /// Sentences spoken at a time; each needs a core and 0.3 GB.
    #[arg(long, default_value_t = 1)]
    threads: usize,
    /// Speak nothing new: make the bank of the takes that are there.
    #[arg(long)]
    as_is: bool,
    /// Where voices are installed.
    #[arg(long, value_name = "VOICES_DIR", env = "MINGLUO_VOICES", default_value = super::VOICES_DIR)]
    dir: PathBuf,
}

/// Runs `mingluo voice bank`.
///
/// # Errors
/// When a file can't be read or written, or the neural voice is not installed or fails.
pub(super) fn run(args: &BankArgs, out: &mut impl Write) -> Result<u8> {
    let breaths = match &args.words {
        Some(words) => breaths(&units::local(words, &args.configs)?),
        None => breaths(&units::all(&args.configs, &args.samples)?),
    };
    fs::create_dir_all(&args.work)
        .with_context(|| format!("can't make {}", args.work.display()))?;
    if !args.as_is {
        speak_all(args, &breaths, out)?;
    }
    let mut sounds = BTreeMap::new();
    let mut absent = 0;
    for breath in &breaths {
        let Some(take) = read_take(&take_path(args, breath)) else {
            absent += breath.units.len();
            continue;
        };
        for (key, sound) in cut::sounds(breath, &take)? {
            sounds.entry(key).or_insert(sound);
        }
    }
    let seconds: u32 = sounds.values().map(Samples::duration_ms).sum::<u32>() / 1000;
    let bytes = pack(&sounds)?;
    fs::write(&args.output, &bytes)
        .with_context(|| format!("can't write {}", args.output.display()))?;
    let (name, count) = (args.output.display(), sounds.len());
    writeln!(out, "{name}: {count} sounds, {seconds} s, {} bytes, {absent} absent", bytes.len())?;
    Ok(0)
}

/// Speaks every breath that has no take yet.
fn speak_all(args: &BankArgs, breaths: &[Breath], out: &mut impl Write) -> Result<()> {
    let wanted: Vec<&Breath> =
        breaths.iter().filter(|b| read_take(&take_path(args, b)).is_none()).collect();
    writeln!(out, "{} of {} breaths to speak", wanted.len(), breaths.len())?;
    if wanted.is_empty() {
        return Ok(());
    }
    let next = AtomicUsize::new(0);
    let work = || -> Result<()> {
        let kokoro = Kokoro::load(&args.dir, 1)?;
        while let Some(breath) = wanted.get(next.fetch_add(1, Ordering::Relaxed)) {
            let take = kokoro.speak_timed(&breath.symbols, &args.voice, breath.speed)?;
            write_take(&take_path(args, breath), &take)?;
        }
        Ok(())
    };
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..args.threads.clamp(1, 64)).map(|_| scope.spawn(work)).collect();
        workers.into_iter().try_for_each(|worker| {
            worker.join().map_err(|_| anyhow!("a synthesis thread panicked"))?
        })
    })
}

/// The file of a take: named by all that decides how it sounds.
fn take_path(args: &BankArgs, breath: &Breath) -> PathBuf {
    let said = format!("{} {} {:?}", args.voice, breath.speed, breath.symbols);
    args.work.join(format!("{}.take", Sha256::of(said.as_bytes())))
}

/// Count of times u32, the times u32, then 16-bit samples, all little-endian; appears in one rename.
fn write_take(path: &Path, take: &Take) -> Result<()> {
    let mut bytes = u32::try_from(take.frames.len())?.to_le_bytes().to_vec();
    bytes.extend(take.frames.iter().flat_map(|n| n.to_le_bytes()));
    bytes.extend(take.sound.to_i16().iter().flat_map(|s| s.to_le_bytes()));
    let partial = path.with_extension("partial");
    fs::write(&partial, bytes).with_context(|| format!("can't write {}", partial.display()))?;
    fs::rename(&partial, path).with_context(|| format!("can't write {}", path.display()))
}

fn read_take(path: &Path) -> Option<Take> {
    let bytes = fs::read(path).ok()?;
    let (count, rest) = bytes.split_first_chunk::<4>()?;
    let count = usize::try_from(u32::from_le_bytes(*count)).ok()?;
    let (frames, samples) = rest.split_at_checked(count.checked_mul(4)?)?;
    let (frames, _) = frames.as_chunks::<4>();
    let (samples, _) = samples.as_chunks::<2>();
    let mono = samples.iter().map(|s| f32::from(i16::from_le_bytes(*s)) / 32_767.0).collect();
    Some(Take {
        sound: Samples { rate_hz: VOICE_RATE_HZ, mono },
        frames: frames.iter().map(|n| u32::from_le_bytes(*n)).collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::bank::Bank;
    use crate::render::text::{FrontEnd, Lexicon};

    #[test]
    fn takes_come_back_as_written_and_cut_ones_are_made_again() {
        let dir = std::env::temp_dir().join(format!("mingluo-takes-{}", std::process::id()));
        fs::create_dir_all(&dir).expect("a folder");
        let path = dir.join("one.take");
        let sound = Samples { rate_hz: VOICE_RATE_HZ, mono: vec![0.0, 0.5, -0.5] };
        let take = Take { sound, frames: vec![3, 1, 4] };
        write_take(&path, &take).expect("written");
        let back = read_take(&path).expect("read");
        assert_eq!(back.frames, take.frames);
        assert_eq!(back.sound.to_i16(), take.sound.to_i16());
        fs::write(&path, [200, 0, 0, 0, 1]).expect("cut");
        assert_eq!(read_take(&path), None);
        fs::remove_dir_all(&dir).expect("removed");
    }

    /// 20 s of speech in 100 ms of processor. Run alone with `--ignored`.
    #[test]
    #[ignore = "a measurement"]
    fn twenty_seconds_take_a_tenth_of_one() {
        let bank = Bank::embedded().expect("our own");
        let front_end = FrontEnd::new(Lexicon::default());
        let text = "各位村民请注意，岳阳县气象台发布暴雨红色预警，三小时降雨量将达一百毫米以上。";
        let script = front_end.script(&text.repeat(3)).expect("speakable");
        let watch = crate::clock::Monotonic::start();
        let sound = bank.speak(&script, 1.0).expect("speech");
        let (took, length) = (watch.elapsed_ms(), u64::from(sound.duration_ms()));
        assert!(length > 15_000 && took * 200 < length, "{length} ms of speech in {took} ms");
    }
}

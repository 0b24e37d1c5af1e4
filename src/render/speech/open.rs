//! The chain of voices as configured; each loads in the background, so that the start is not delayed.

use super::cache::{DISK_BYTES_MAX, MEMORY_BYTES_MAX, SentenceCache};
use super::priority::behind_the_gateway;
use super::{
    Chain, CommandConfig, CommandVoice, Engine, Lazy, LazyFrontEnd, Neural, Speech, SpeechFault,
};
use crate::render::bank::{Bank, BankVoice};
use crate::render::kokoro::Kokoro;
use std::path::PathBuf;
use std::sync::Arc;

/// Names of engines that may be configured.
pub const ENGINES: [&str; 3] = ["kokoro", "bank", "command"];

/// Which voices, and how they speak.
#[derive(Debug, Clone)]
pub struct SpeechConfig {
    /// Names out of [`ENGINES`], best first.
    pub engines: Vec<String>,
    /// Wanted voice of `default`: `kokoro:zm_yunjian`.
    pub default_voice: String,
    /// Where the neural voice is installed; `None` = nowhere.
    pub voices_dir: Option<PathBuf>,
    /// Processor threads of the neural voice. They run behind the gateway's own, which so always have
    /// a core when they want one.
    pub threads: usize,
    /// Speed of speech, 0.5 to 2, 1 = normal.
    pub speed: f32,
    /// The county's own program; `None` = none.
    pub command: Option<CommandConfig>,
    /// Where spoken sentences are kept beyond a restart; `None` = in memory only.
    pub cache_dir: Option<PathBuf>,
}

impl Default for SpeechConfig {
    /// The neural voice where it is installed, else the built-in one.
    fn default() -> Self {
        Self {
            engines: vec!["kokoro".to_owned(), "bank".to_owned()],
            default_voice: "kokoro:zm_yunjian".to_owned(),
            voices_dir: None,
            threads: 1,
            speed: 1.0,
            command: None,
            cache_dir: None,
        }
    }
}

/// Whether an engine takes a fraction of a second for any text.
fn is_instant(name: &str) -> bool {
    name == "bank"
}

/// Opens the chain at once; a thread of its own loads the voices, instant ones first. A voice that
/// can't be loaded says why whenever it is asked.
#[must_use]
pub fn open(config: &SpeechConfig, front_end: &Arc<LazyFrontEnd>) -> Chain {
    let mut loading: Vec<Lazy> = config.engines.iter().map(|name| Lazy::new(name)).collect();
    let engines = loading
        .iter()
        .map(|lazy| Engine { speech: Arc::new(lazy.clone()), instant: is_instant(&lazy.name()) });
    let chain = Chain::new(engines.collect(), &config.default_voice);
    loading.sort_by_key(|lazy| !is_instant(&lazy.name()));
    let (config, front_end) = (config.clone(), Arc::clone(front_end));
    let failing = loading.clone();
    let loader = std::thread::Builder::new().name("voices".to_owned()).spawn(move || {
        for lazy in &loading {
            let voice = load(&lazy.name(), &config, &front_end);
            if let Err(fault) = &voice {
                tracing::warn!(voice = lazy.name(), %fault, "this voice does not speak");
            }
            lazy.ready(voice);
        }
    });
    if let Err(fault) = loader {
        for lazy in failing {
            lazy.ready(Err(SpeechFault::Broken(fault.to_string())));
        }
    }
    chain
}

fn load(
    name: &str,
    config: &SpeechConfig,
    front_end: &LazyFrontEnd,
) -> Result<Box<dyn Speech>, SpeechFault> {
    match name {
        "bank" => {
            let bank = Bank::embedded().map_err(|e| SpeechFault::Absent(e.to_string()))?;
            Ok(Box::new(BankVoice::new(bank, front_end.get()).at_speed(config.speed)))
        }
        "kokoro" => {
            let absent = || SpeechFault::Absent("no folder is configured".to_owned());
            let dir = config.voices_dir.as_ref().ok_or_else(absent)?;
            // The model's threads are started by this one.
            behind_the_gateway();
            let kokoro = Kokoro::load(dir, threads(config.threads))?;
            let cache = match &config.cache_dir {
                Some(dir) => SentenceCache::with_disk(MEMORY_BYTES_MAX, dir, DISK_BYTES_MAX),
                None => SentenceCache::in_memory(MEMORY_BYTES_MAX),
            };
            Ok(Box::new(Neural::new(kokoro, front_end.get(), config.speed, cache)?))
        }
        "command" => {
            let absent = || SpeechFault::Absent("no program is configured".to_owned());
            let command = config.command.clone().ok_or_else(absent)?;
            Ok(Box::new(CommandVoice::new(command, config.speed)))
        }
        other => {
            let known = ENGINES.join(", ");
            Err(SpeechFault::Absent(format!("expected an engine out of {known}, got `{other}`")))
        }
    }
}

/// No more threads than cores.
fn threads(wanted: usize) -> usize {
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    wanted.clamp(1, cores)
}

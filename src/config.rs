//! Loading and checking of the configuration directory: every fault at once, each with file, line
//! and remedy. Nothing starts on a configuration that has one.
//!
//! Relative paths are relative to the configuration directory. Secrets stand in files that keys
//! ending in `_file` name, never in the configuration itself. Any key of `gateway.toml` can be set
//! from the environment: `MINGLUO__HTTP__LISTEN` is `listen` of `[http]`.

mod areas;
mod contacts;
mod cross;
mod files;
mod interlock;
mod national;
mod phrases;
mod policy;
mod reader;
mod receivers;
mod recordings;
mod serial;
mod settings;
mod source_broker;
mod sources;
mod stations;
mod table;
mod terminals;
#[cfg(test)]
mod tests;

pub use national::NationalSettings;
pub use receivers::{Receiver, ReceiverSettings};
pub(crate) use recordings::recording_names;
pub use serial::{LineSettings, SHOWN_S, SerialSettings};
pub use settings::{
    CallSettings, DeliverSettings, HttpSettings, IngestSettings, KeySettings, LogFormat,
    LogSettings, MixSettings, MqttMode, MqttSettings, OrderAlgorithm, PlatformSettings,
    RecordSettings, RenderSettings, ReportSettings, Settings, SpeechSettings, StationLine,
    StationSettings, StatusSettings,
};

pub use source_broker::SOURCE_TOPICS;
pub use sources::{SignatureNeed, SourceKind, SourceSettings, signing_key};

use crate::model::{Network, Policy, Station};
use reader::{Document, Faults};
use serde::Serialize;
use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;

/// Largest configuration file that is read, bytes.
const FILE_BYTES_MAX: u64 = 64 * 1024 * 1024;
/// Prefix of environment variables.
const ENVIRONMENT_PREFIX: &str = "MINGLUO";

/// One thing wrong, or only odd, in the configuration.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct ConfigFault {
    /// File within the directory, or `environment`.
    pub file: String,
    /// Line, from 1; `None` = the file as a whole.
    pub line: Option<u32>,
    /// What is wrong: expected and got, lower case, no full stop.
    pub what: String,
    /// What to do.
    pub remedy: String,
}

impl fmt::Display for ConfigFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.file)?;
        if let Some(line) = self.line {
            write!(f, ":{line}")?;
        }
        write!(f, ": {}; {}", self.what, self.remedy)
    }
}

/// A configuration without faults.
#[derive(Debug, Clone)]
pub struct Loaded {
    /// `gateway.toml` with the environment over it.
    pub config: Settings,
    /// `areas.toml`, `terminals.csv` and `contacts.csv`.
    pub network: Network,
    /// `policy.toml`.
    pub policy: Policy,
    /// `sources.toml`.
    pub sources: Vec<SourceSettings>,
    /// `receivers.toml`.
    pub receivers: ReceiverSettings,
    /// `stations.csv`; empty while `[stations]` is off.
    pub stations: Vec<Station>,
    /// What is allowed but probably not meant.
    pub warnings: Vec<ConfigFault>,
}

/// The way in.
#[derive(Debug, Clone, Copy)]
pub struct Config;

impl Config {
    /// Loads a directory with the environment of this process over it.
    ///
    /// # Errors
    /// Every fault found, in order of file and line.
    pub fn load(dir: &Path) -> Result<Loaded, Vec<ConfigFault>> {
        let faults = Faults::default();
        let overrides = environment(&faults);
        load(dir, &overrides, faults)
    }

    /// Loads a directory with these values over `gateway.toml`, keyed `section.key`.
    ///
    /// # Errors
    /// Every fault found, in order of file and line.
    pub fn load_with(
        dir: &Path,
        overrides: &BTreeMap<String, String>,
    ) -> Result<Loaded, Vec<ConfigFault>> {
        load(dir, overrides, Faults::default())
    }
}

fn environment(faults: &Faults) -> BTreeMap<String, String> {
    use ::config::Source;
    let source = ::config::Environment::with_prefix(ENVIRONMENT_PREFIX)
        .prefix_separator("__")
        .separator("__");
    match source.collect() {
        Ok(found) => found.into_iter().map(|(key, value)| (key, value.to_string())).collect(),
        Err(error) => {
            faults.push("environment", None, error.to_string(), "set the variable in UTF-8");
            BTreeMap::new()
        }
    }
}

fn load(
    dir: &Path,
    overrides: &BTreeMap<String, String>,
    faults: Faults,
) -> Result<Loaded, Vec<ConfigFault>> {
    if !dir.is_dir() {
        let what = "there is no such directory".to_owned();
        let remedy = "name the configuration directory with --config or MINGLUO_CONFIG".to_owned();
        return Err(vec![ConfigFault {
            file: dir.display().to_string(),
            line: None,
            what,
            remedy,
        }]);
    }
    let gateway = Document::open(dir, "gateway.toml", &faults);
    let config = settings::read(dir, &gateway, overrides, &faults);
    files::check(&config, &gateway, overrides, &faults);
    let areas = Document::open(dir, "areas.toml", &faults);
    let (mut network, area_lines) = areas::read(&areas, &faults);
    let terminal_lines = terminals::read(dir, &mut network, &faults);
    let rules = Document::open(dir, "policy.toml", &faults);
    let (policy, plan_lines) = policy::read(&rules, &faults);
    contacts::read(dir, &mut network, &policy, &faults);
    let stations = stations::read(dir, &network, config.stations.enabled, &faults);
    stations::cross(&config, &stations, &gateway, &faults);
    serial::cross(&config.serial, &mut network, &gateway, &faults);
    let (key, told) = (&config.keys.sm2_key_file, (&gateway, &faults));
    national::cross(&config.national, key, &mut network, &terminal_lines, told);
    cross::network(&network, &area_lines, &terminal_lines, &faults);
    cross::policy(&policy, &network, &plan_lines, &faults);
    let render = &config.render;
    recordings::check(&policy, &plan_lines, &render.recordings_dir, &render.audio_dir, &faults);
    phrases::check(dir, &network, &area_lines, &faults);
    let sources = sources::read(dir, &network, &faults);
    source_broker::cross(&config, &sources, &faults);
    let receivers = receivers::read(dir, &faults);
    let (faults, warnings) = faults.into_lists();
    if !faults.is_empty() {
        return Err(faults);
    }
    Ok(Loaded { config, network, policy, sources, receivers, stations, warnings })
}

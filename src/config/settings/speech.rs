//! `[speech]` and `[mix]`: who speaks, and how programs sound.

use super::path_opt;
use crate::config::reader::Keys;
use std::path::{Path, PathBuf};

/// Engines that may be configured.
const ENGINES: [&str; 3] = ["kokoro", "bank", "command"];
/// Engines when none are configured: the neural voice where it is installed, else the built-in one.
const ENGINES_DEFAULT: [&str; 2] = ["kokoro", "bank"];

/// `[speech]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SpeechSettings {
    /// Engines that are tried, best first, each within what is left of the deadline.
    pub engines: Vec<String>,
    /// Speed of speech, percent of normal.
    pub speed_percent: u16,
    /// Where spoken sentences are kept beyond a restart; `None` = in memory only.
    pub cache_dir: Option<PathBuf>,
    /// Program and arguments of the engine `command`; empty = none.
    pub command: Vec<String>,
    /// Longest run of that program, seconds.
    pub command_s_max: u32,
    /// Largest sound file it may give, bytes.
    pub command_wav_bytes_max: u32,
}

/// `[mix]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MixSettings {
    /// Silence before everything, milliseconds.
    pub pre_roll_ms: u32,
    /// How often the words are said within one clip.
    pub words_times: u8,
    /// Silence between the words and the words again, milliseconds.
    pub words_pause_ms: u32,
    /// Whether clips are shaped for horn loudspeakers.
    pub horn: bool,
}

pub(super) fn speech(dir: &Path, mut keys: Keys<'_>) -> SpeechSettings {
    let mut engines = keys.texts("engines");
    if engines.is_empty() {
        engines = ENGINES_DEFAULT.map(str::to_owned).into();
    }
    let settings = SpeechSettings {
        speed_percent: keys.number("speed_percent", Some(100), 50..=200),
        cache_dir: path_opt(dir, &mut keys, "cache_dir"),
        command: keys.texts("command"),
        command_s_max: keys.number("command_s_max", Some(20), 1..=600),
        command_wav_bytes_max: keys.number(
            "command_wav_bytes_max",
            Some(20_000_000),
            10_000..=100_000_000,
        ),
        engines,
    };
    for (place, engine) in settings.engines.iter().enumerate() {
        if !ENGINES.contains(&engine.as_str()) {
            let what = format!("expected engines out of {}, got `{engine}`", ENGINES.join(", "));
            keys.fault("engines", &what, "correct the name");
        }
        if settings.engines.iter().skip(place + 1).any(|other| other == engine) {
            let what = format!("`{engine}` stands twice");
            keys.fault("engines", &what, "name it once");
        }
    }
    let program = settings.command.first();
    if program.is_some_and(|program| !Path::new(program).is_absolute()) {
        let what = "expected an absolute path of the program";
        keys.fault("command", what, "write it like `command = [\"/opt/voice/say\"]`");
    }
    if settings.engines.iter().any(|engine| engine == "command") && program.is_none() {
        let what = "`command` is named, but no program";
        keys.fault("engines", what, "set `command = [\"/opt/voice/say\"]`, or leave it out");
    }
    keys.finish();
    settings
}

pub(super) fn mix(mut keys: Keys<'_>) -> MixSettings {
    let settings = MixSettings {
        pre_roll_ms: keys.number("pre_roll_ms", Some(300), 0..=5_000),
        words_times: keys.number("words_times", Some(1), 1..=5),
        words_pause_ms: keys.number("words_pause_ms", Some(1_500), 0..=10_000),
        horn: keys.flag("horn", false),
    };
    keys.finish();
    settings
}

#[cfg(test)]
mod tests {
    use crate::config::Config;
    use std::collections::BTreeMap;
    use std::path::Path;

    /// Faults of the shipped small configuration with these keys changed.
    fn check(changes: &[(&str, &str)], faults: &[&str]) -> Option<crate::config::Settings> {
        let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("configs/dev");
        let changes: BTreeMap<String, String> =
            changes.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        match Config::load_with(&dir, &changes) {
            Ok(loaded) => {
                assert!(faults.is_empty(), "no fault, expected {faults:?}");
                Some(loaded.config)
            }
            Err(found) => {
                let told: Vec<String> = found.iter().map(ToString::to_string).collect();
                assert_eq!(told.len(), faults.len(), "{told:?}");
                for part in faults {
                    assert!(told.iter().any(|told| told.contains(part)), "no {part} in {told:?}");
                }
                None
            }
        }
    }

    #[test]
    fn defaults_and_changes_are_read() {
        let settings = check(&[], &[]).unwrap();
        assert_eq!(settings.speech.engines, ["kokoro", "bank"]);
        assert_eq!((settings.mix.words_times, settings.mix.horn), (1, false));
        let changed = [
            ("speech.engines", "command, bank"),
            ("speech.command", "/opt/say,--voice,{voice}"),
            ("speech.speed_percent", "90"),
            ("mix.horn", "true"),
        ];
        let settings = check(&changed, &[]).unwrap();
        assert_eq!(settings.speech.command, ["/opt/say", "--voice", "{voice}"]);
        assert!(settings.mix.horn);
    }

    #[test]
    fn unknown_engines_relative_programs_and_wild_numbers_are_faults() {
        check(&[("speech.engines", "espeak")], &["got `espeak`"]);
        check(&[("speech.engines", "bank,bank")], &["`bank` stands twice"]);
        check(&[("speech.engines", "command")], &["but no program"]);
        check(&[("speech.command", "say")], &["expected an absolute path"]);
        check(
            &[("speech.speed_percent", "300"), ("mix.words_times", "0"), ("mix.loud", "true")],
            &["speed_percent", "words_times", "mix.loud"],
        );
    }
}

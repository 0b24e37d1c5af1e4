//! Whether the recordings that the policy names exist.

use super::policy::PolicyLines;
use super::reader::Faults;
use crate::model::Policy;
use std::collections::BTreeSet;
use std::path::Path;

/// Forms of audio file a recording may have.
const EXTENSIONS: [&str; 7] = ["opus", "ogg", "wav", "flac", "mp3", "m4a", "webm"];
/// Folders below the audio folder that are searched, levels.
const DEPTH_MAX: u8 = 3;
/// Missing recordings that are named before "…".
const NAMED_MAX: usize = 8;
/// Recordings that the built-in plans use.
const BUILT_IN: [&str; 5] =
    ["general-red", "general-orange", "general-yellow", "general-blue", "all-clear"];

/// A recording that a plan plays instead of speech must exist. A missing fallback is a warning: a
/// gateway that speaks without it is better than one that does not start.
pub(super) fn check(
    policy: &Policy,
    lines: &PolicyLines,
    recordings_dir: &Path,
    audio_dir: &Path,
    faults: &Faults,
) {
    let names = recording_names(&[recordings_dir, audio_dir]);
    for plan in &policy.plans {
        let Some(name) = plan.recording.as_ref().filter(|name| !names.contains(*name)) else {
            continue;
        };
        let what = format!(
            "recording `{name}` of response plan `{}` is not in {}",
            plan.name,
            audio_dir.display()
        );
        let line = lines.plan(&plan.name);
        faults.push("policy.toml", line, what, "record it or name another one");
    }
    let missing: BTreeSet<&str> = policy
        .plans
        .iter()
        .map(|plan| plan.fallback_recording.as_str())
        .chain(BUILT_IN)
        .filter(|name| !names.contains(*name))
        .collect();
    if !missing.is_empty() {
        let named: Vec<&str> = missing.iter().copied().take(NAMED_MAX).collect();
        let what = format!(
            "{} fallback recordings are not in {}: {} …",
            missing.len(),
            audio_dir.display(),
            named.join(", ")
        );
        faults.warn(
            "policy.toml",
            None,
            what,
            "when no voice speaks, these warnings are not heard",
        );
    }
}

/// Names of all recordings below these folders.
pub(crate) fn recording_names(dirs: &[&Path]) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    dirs.iter().for_each(|dir| collect(dir, DEPTH_MAX, &mut names));
    names
}

fn collect(dir: &Path, depth: u8, names: &mut BTreeSet<String>) {
    let Ok(entries) = std::fs::read_dir(dir) else { return };
    for path in entries.flatten().map(|entry| entry.path()) {
        if path.is_dir() {
            if depth > 1 {
                collect(&path, depth - 1, names);
            }
            continue;
        }
        let extension = path.extension().and_then(|part| part.to_str()).unwrap_or_default();
        if EXTENSIONS.contains(&extension.to_ascii_lowercase().as_str())
            && let Some(stem) = path.file_stem().and_then(|part| part.to_str())
        {
            names.insert(stem.to_owned());
        }
    }
}

//! Whether the recordings that the policy names exist.

use super::policy::PlanLines;
use super::reader::Faults;
use crate::model::Policy;
use std::collections::BTreeSet;
use std::path::Path;

/// Forms of audio file a recording may have.
const EXTENSIONS: [&str; 6] = ["opus", "ogg", "wav", "flac", "mp3", "m4a"];
/// Folders below the audio folder that are searched, levels.
const DEPTH_MAX: u8 = 3;
/// Recordings that the built-in plans use.
const BUILT_IN: [&str; 5] =
    ["general-red", "general-orange", "general-yellow", "general-blue", "all-clear"];

pub(super) fn check(policy: &Policy, lines: &PlanLines, audio_dir: &Path, faults: &Faults) {
    let mut names = BTreeSet::new();
    collect(audio_dir, DEPTH_MAX, &mut names);
    let any_wanted = policy.plans.iter().any(|plan| names.contains(&plan.fallback_recording));
    if names.is_empty() || !any_wanted {
        let what = format!("no recorded warning in {}", audio_dir.display());
        faults.warn("policy.toml", None, what, "without them nothing sounds when no voice speaks");
        return;
    }
    for plan in &policy.plans {
        for name in plan.recording.iter().chain([&plan.fallback_recording]) {
            if !names.contains(name) {
                let what = format!(
                    "recording `{name}` of response plan `{}` is not in {}",
                    plan.name,
                    audio_dir.display()
                );
                let line = lines.get(&plan.name).copied();
                faults.push("policy.toml", line, what, "record it or name another one");
            }
        }
    }
    for name in BUILT_IN.into_iter().filter(|name| !names.contains(*name)) {
        let what = format!("built-in recording `{name}` is not in {}", audio_dir.display());
        faults.warn("policy.toml", None, what, "record it");
    }
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

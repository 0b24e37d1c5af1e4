//! `mingluo voice list` and `remove`.

use super::fetch::downloads_of;
use super::installed::{LIST_FILE, State, files, state};
use crate::render::speech::{LazyFrontEnd, SpeechConfig, open};
use crate::render::text::Lexicon;
use anyhow::{Context, Result};
use serde_json::json;
use std::fs;
use std::io::Write;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// Time the built-in voice has to show that it speaks.
const TRY_WAIT: Duration = Duration::from_secs(10);

/// Shows engines and voices, with sizes and whether their digests fit.
pub(super) fn list(dir: &Path, as_json: bool, out: &mut impl Write) -> Result<()> {
    let rows: Vec<(String, State, u64)> = files()
        .iter()
        .map(|file| {
            let (state, bytes) = state(dir, file);
            (file.name.clone(), state, bytes)
        })
        .collect();
    let good = rows.iter().all(|(_, state, _)| *state == State::Good);
    let absent = rows.iter().all(|(_, state, _)| *state == State::Absent);
    let bank = built_in();
    if as_json {
        let files: Vec<_> = rows
            .iter()
            .map(|(name, state, bytes)| {
                json!({ "file": name, "state": state.word(), "bytes": bytes })
            })
            .collect();
        let told = json!({
            "kokoro": { "dir": dir, "installed": good, "files": files },
            "bank": { "speaks": bank.is_ok(), "fault": bank.err() },
        });
        writeln!(out, "{told}")?;
        return Ok(());
    }
    let total: u64 = rows.iter().map(|(_, _, bytes)| bytes).sum();
    let (mb, dir) = (total / 1_000_000, dir.display());
    let verdict = match (good, absent) {
        (true, _) => format!("installed in {dir}, {mb} MB, every digest fits"),
        (_, true) => format!("not installed in {dir}; run `mingluo voice install`"),
        _ => format!("damaged in {dir}; run `mingluo voice install` again"),
    };
    writeln!(out, "kokoro   {verdict}")?;
    for (name, state, bytes) in rows.iter().filter(|_| !absent) {
        let kind = match name.get(..3) {
            Some("zf_") => "female",
            Some("zm_") => "male",
            _ => "",
        };
        let name = match name.strip_suffix(".bin") {
            Some(voice) => format!("kokoro:{voice}"),
            None => name.clone(),
        };
        writeln!(out, "  {name:<20} {kind:<6} {bytes:>10} bytes  {}", state.word())?;
    }
    match bank {
        Ok(()) => writeln!(out, "bank     built in, speaks any text")?,
        Err(fault) => writeln!(out, "bank     {fault}")?,
    }
    writeln!(out, "command  a program of your own, `command` of [speech] in gateway.toml")?;
    Ok(())
}

/// Whether the built-in voice speaks.
fn built_in() -> Result<(), String> {
    let config = SpeechConfig { engines: vec!["bank".to_owned()], ..SpeechConfig::default() };
    let chain = open(&config, &Arc::new(LazyFrontEnd::new(Lexicon::default())));
    let voice = chain.engines().first().map(|engine| Arc::clone(&engine.speech));
    let spoken = voice.map(|voice| voice.speak("一", "", TRY_WAIT));
    match spoken {
        Some(Ok(_)) => Ok(()),
        Some(Err(fault)) => Err(fault.to_string()),
        None => Err("not configured".to_owned()),
    }
}

/// Removes what was installed and what was downloaded for it; files of the county's own stay.
pub(super) fn remove(dir: &Path, out: &mut impl Write) -> Result<()> {
    let names = files().into_iter().map(|file| file.name).chain([LIST_FILE.to_owned()]);
    let mut n_removed = 0;
    for path in names.map(|name| dir.join(name)).filter(|path| path.exists()) {
        fs::remove_file(&path).with_context(|| format!("can't remove {}", path.display()))?;
        n_removed += 1;
    }
    drop(fs::remove_dir_all(downloads_of(dir)?));
    // Only an empty folder goes.
    drop(fs::remove_dir(dir));
    let dir = dir.display();
    if n_removed == 0 {
        writeln!(out, "nothing installed in {dir}")?;
    } else {
        writeln!(
            out,
            "removed {n_removed} files from {dir}; a running gateway keeps its voice until it ends"
        )?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(dir: &Path, as_json: bool) -> String {
        let mut out = Vec::new();
        list(dir, as_json, &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn absent_and_damaged_voices_are_told_and_removing_leaves_other_files() {
        let dir = std::env::temp_dir().join(format!("mingluo-list-{}", std::process::id()));
        drop(fs::remove_dir_all(&dir));
        assert!(text(&dir, false).contains("not installed"));
        fs::create_dir_all(&dir).unwrap();
        fs::write(dir.join("kokoro.onnx"), b"half").unwrap();
        fs::write(dir.join("zx_county.bin"), b"ours").unwrap();
        assert!(text(&dir, false).contains("damaged in"));
        let told: serde_json::Value = serde_json::from_str(&text(&dir, true)).unwrap();
        assert_eq!(told["kokoro"]["files"][0]["state"], "damaged");
        assert_eq!(told["kokoro"]["installed"], false);
        let mut out = Vec::new();
        remove(&dir, &mut out).unwrap();
        assert!(!dir.join("kokoro.onnx").exists() && dir.join("zx_county.bin").exists());
        fs::remove_dir_all(&dir).unwrap();
    }
}

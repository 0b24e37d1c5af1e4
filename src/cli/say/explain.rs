//! `mingluo say --explain`: how a text would be read.

use crate::render::text::Script;
use anyhow::Result;
use std::io::Write;

/// Prints words, readings and phonemes.
pub(super) fn explain(script: &Script, out: &mut impl Write) -> Result<()> {
    writeln!(out, "said:     {}", script.said)?;
    for chunk in &script.chunks {
        writeln!(out, "reading:  {}", chunk.reading)?;
        writeln!(out, "phonemes: {}", chunk.phonemes)?;
    }
    if !script.unknown.is_empty() {
        let unknown: String = script.unknown.iter().collect();
        writeln!(out, "unknown:  {unknown} (silent; add a reading to phrases.toml)")?;
    }
    Ok(())
}

//! The renderer as the settings want it.

use super::render::Deadlines;
use crate::config::Settings;
use crate::render::mix::Mix;
use crate::render::speech::{CommandConfig, SpeechConfig};
use crate::render::{RenderConfig, Renderer};
use anyhow::Context;
use std::sync::Arc;
use std::time::Duration;

pub(super) fn renderer(settings: &Settings) -> anyhow::Result<Arc<Renderer>> {
    let config = render_config(settings);
    Ok(Arc::new(Renderer::new(config).context("the renderer")?))
}

/// How this configuration renders.
pub(crate) fn render_config(settings: &Settings) -> RenderConfig {
    let (render, speech, mix) = (&settings.render, &settings.speech, &settings.mix);
    let command = (!speech.command.is_empty()).then(|| CommandConfig {
        argv: speech.command.clone(),
        time_max: Duration::from_secs(speech.command_s_max.into()),
        wav_bytes_max: usize::try_from(speech.command_wav_bytes_max).unwrap_or(usize::MAX),
    });
    RenderConfig {
        recordings_dir: Some(render.recordings_dir.clone()),
        phrases: Some(settings.dir.join("phrases.toml")).filter(|file| file.exists()),
        speech: SpeechConfig {
            engines: speech.engines.clone(),
            default_voice: render.default_voice.clone(),
            voices_dir: Some(render.voices_dir.clone()),
            threads: usize::from(render.threads),
            speed: f32::from(speech.speed_percent) / 100.0,
            command,
            cache_dir: speech.cache_dir.clone(),
        },
        mix: Mix {
            pre_roll_ms: mix.pre_roll_ms,
            words_times: mix.words_times,
            words_pause_ms: mix.words_pause_ms,
            horn: mix.horn,
        },
        ..RenderConfig::new(render.audio_dir.clone(), render.clip_dir.clone())
    }
}

pub(super) fn deadlines(settings: &Settings) -> Deadlines {
    Deadlines {
        ms_max: u64::from(settings.render.deadline_s_max) * 1000,
        red_ms_max: u64::from(settings.render.red_deadline_s_max) * 1000,
    }
}

//! Previews: what a broadcast would sound like and how long it would be on the lines, before anybody
//! sends it. One thread of the lowest priority, so that no warning waits for a preview.

use crate::model::{Chime, ClipRef, Codec, Spoken};
use crate::render::speech::lowest_priority;
use crate::render::{RenderRequest, Renderer};
use mingluo_bridge::serial::LINE_BYTES_MAX;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};

/// Previews that may wait for the thread; with more, the caller is told to come back.
const PREVIEWS_WAITING_MAX: usize = 4;
/// Longest time a preview may take, waiting included.
const PREVIEW_WAIT_MAX: Duration = Duration::from_secs(90);
/// Most milliseconds the voices have for a preview.
const VOICES_MS_MAX: u64 = 40_000;
/// Bytes of a clip in one frame on a serial line: what head, seal and place in the clip leave of it.
const SERIAL_PAYLOAD_BYTES: u64 = 960;
/// Bits on the line for one byte: start, eight, stop.
const SERIAL_BITS_PER_BYTE: u64 = 10;
/// Speeds of serial lines in baud for which airtime is told.
const SERIAL_BAUD: [(&str, u64); 2] = [("serial_9600", 9_600), ("serial_115200", 115_200)];

/// What to listen to.
#[derive(Debug, Clone)]
pub struct PreviewOrder {
    /// The words.
    pub text: String,
    /// `default`, `bank`, `kokoro:zm_yunjian` …
    pub voice: String,
    /// Recorded message instead of speech.
    pub recording: Option<String>,
    /// Recorded message when no voice speaks.
    pub fallback_recording: String,
    /// Chime before the words.
    pub chime: Chime,
    /// Whether it is framed as a drill.
    pub drill: bool,
    /// How often the words are said within the clip; `None` = as configured.
    pub words_times: Option<u8>,
}

/// A finished preview.
#[derive(Debug, Clone)]
pub struct Preview {
    /// One clip for each codec.
    pub clips: Vec<ClipRef>,
    /// Who spoke and why nobody better.
    pub spoken: Spoken,
    /// The text as said; empty for a recording.
    pub said: String,
    /// Words with their readings, sentence by sentence.
    pub readings: Vec<String>,
    /// Characters that nobody can read.
    pub unknown: Vec<String>,
}

/// Why there is no preview.
#[derive(Debug, thiserror::Error)]
pub enum PreviewFault {
    /// Too many wait.
    #[error("{PREVIEWS_WAITING_MAX} previews are waiting already; try again in a few seconds")]
    Busy,
    /// The text can't be spoken.
    #[error("{0}")]
    Words(String),
    /// The clip could not be made.
    #[error("{0}")]
    Render(String),
    /// It took too long, or the gateway stops.
    #[error("the preview was not ready in time; warnings go first, try again later")]
    Late,
}

struct Job {
    order: PreviewOrder,
    reply: oneshot::Sender<Result<Preview, PreviewFault>>,
}

/// The way to the preview thread, and what it takes to tell airtimes.
#[derive(Clone)]
pub struct PreviewDesk {
    jobs: mpsc::Sender<Job>,
    clip_url: Arc<str>,
    line_bit_per_s: u32,
}

impl PreviewDesk {
    /// Starts the thread. Clips will be at `clip_url/<sha256>`; terminals fetch them at
    /// `line_bit_per_s`.
    ///
    /// # Errors
    /// When the thread can't be started.
    pub(crate) fn start(
        renderer: Arc<Renderer>,
        clip_url: &str,
        line_bit_per_s: u32,
    ) -> std::io::Result<Self> {
        let (jobs, waiting) = mpsc::channel(PREVIEWS_WAITING_MAX);
        std::thread::Builder::new()
            .name("preview".to_owned())
            .spawn(move || work(&renderer, waiting))?;
        Ok(Self { jobs, clip_url: clip_url.into(), line_bit_per_s })
    }

    /// Renders a preview.
    ///
    /// # Errors
    /// [`PreviewFault`].
    pub async fn preview(&self, order: PreviewOrder) -> Result<Preview, PreviewFault> {
        let (reply, answer) = oneshot::channel();
        self.jobs.try_send(Job { order, reply }).map_err(|_| PreviewFault::Busy)?;
        match tokio::time::timeout(PREVIEW_WAIT_MAX, answer).await {
            Ok(Ok(result)) => result,
            Ok(Err(_)) | Err(_) => Err(PreviewFault::Late),
        }
    }

    /// Where a clip can be heard.
    #[must_use]
    pub fn url(&self, clip: &ClipRef) -> String {
        format!("{}/{}", self.clip_url, clip.sha256)
    }

    /// Milliseconds a clip of `bytes` is on the line to one terminal, by kind of line, rounded up.
    #[must_use]
    pub fn airtime_ms(&self, bytes: u64) -> Vec<(&'static str, u64)> {
        let ip = (bytes * 8 * 1_000).div_ceil(u64::from(self.line_bit_per_s.max(1)));
        let on_line = serial_bytes(bytes) * SERIAL_BITS_PER_BYTE * 1_000;
        let serial = SERIAL_BAUD.map(|(name, baud)| (name, on_line.div_ceil(baud)));
        [("mqtt", ip)].into_iter().chain(serial).collect()
    }

    /// How [`Self::airtime_ms`] counts, for people.
    #[must_use]
    pub fn airtime_formula(&self) -> String {
        format!(
            "mqtt: bytes * 8 / {} bit/s; serial: (bytes + ceil(bytes / {SERIAL_PAYLOAD_BYTES}) * {}) * \
             {SERIAL_BITS_PER_BYTE} / baud; for one terminal, once",
            self.line_bit_per_s,
            frame_overhead()
        )
    }
}

/// Bytes of a full line that are not the clip's.
fn frame_overhead() -> u64 {
    u64::try_from(LINE_BYTES_MAX).unwrap_or(u64::MAX) - SERIAL_PAYLOAD_BYTES
}

/// Bytes on the line for a clip in full frames.
fn serial_bytes(bytes: u64) -> u64 {
    bytes + bytes.div_ceil(SERIAL_PAYLOAD_BYTES) * frame_overhead()
}

fn work(renderer: &Renderer, mut waiting: mpsc::Receiver<Job>) {
    lowest_priority();
    while let Some(Job { order, reply }) = waiting.blocking_recv() {
        // Who asked may have gone away meanwhile.
        if reply.is_closed() {
            continue;
        }
        let result = rendered(renderer, &order);
        match &result {
            Ok(preview) => tracing::info!(
                voice = preview.spoken.voice,
                render_ms = preview.spoken.render_ms,
                chars = order.text.chars().count(),
                "preview"
            ),
            Err(fault) => tracing::info!(%fault, "no preview"),
        }
        let _gone = reply.send(result);
    }
}

fn rendered(renderer: &Renderer, order: &PreviewOrder) -> Result<Preview, PreviewFault> {
    let script = match order.recording {
        Some(_) => None,
        None => {
            let script = renderer.script(&order.text);
            Some(script.map_err(|fault| PreviewFault::Words(fault.to_string()))?)
        }
    };
    let request = RenderRequest {
        text: order.text.clone(),
        voice: order.voice.clone(),
        recording: order.recording.clone(),
        fallback_recording: order.fallback_recording.clone(),
        chime: order.chime,
        drill: order.drill,
        words_times: order.words_times,
        codecs: BTreeSet::from([Codec::Opus, Codec::Mp3, Codec::Adpcm, Codec::Wav]),
        deadline_ms: Some(VOICES_MS_MAX),
        background: true,
    };
    let done =
        renderer.render(&request).map_err(|fault| PreviewFault::Render(fault.to_string()))?;
    let (said, readings, unknown) = script.map_or_else(Default::default, |script| {
        let readings = script.chunks.iter().map(|chunk| chunk.reading.clone()).collect();
        (script.said, readings, script.unknown.iter().map(ToString::to_string).collect())
    });
    Ok(Preview { clips: done.clips, spoken: done.spoken, said, readings, unknown })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn airtime_is_as_the_formula_says() {
        let (jobs, _) = mpsc::channel(1);
        let desk = PreviewDesk { jobs, clip_url: "http://h/clips".into(), line_bit_per_s: 100_000 };
        // 40,000 bytes: 3.2 s at 100 kbit/s; 42 frames of 74 bytes more on a serial line.
        let got = desk.airtime_ms(40_000);
        assert_eq!(frame_overhead(), 74);
        let on_line = 40_000 + 42 * 74;
        assert_eq!(got[0], ("mqtt", 3_200));
        assert_eq!(got[1], ("serial_9600", (on_line * 10_000_u64).div_ceil(9_600)));
        assert_eq!(got[2], ("serial_115200", (on_line * 10_000_u64).div_ceil(115_200)));
        assert!(desk.airtime_formula().contains("100000 bit/s"));
    }
}

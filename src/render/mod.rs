//! Broadcast → clips: text to speech, recordings, chimes, mixing, codecs, the clip store.
//!
//! `text` says what to say, the voices of `speech` say it (`kokoro` is the neural one), `recording` reads what people recorded, `mix` makes a
//! program of chime and speech at one loudness, `encode` gives each terminal its codec and `clip`
//! keeps the result by its digest. `renderer` puts them together against a deadline.

pub mod bank;
pub mod chime;
pub mod clip;
pub mod encode;
pub mod kokoro;
pub mod loudness;
pub mod mix;
pub mod onnxpatch;
pub mod recording;
mod renderer;
pub mod samples;
pub mod shelf;
pub mod speech;
pub mod text;

pub use clip::{ClipFault, ClipStore};
pub use renderer::{EngineState, RenderConfig, RenderFault, RenderRequest, Rendered, Renderer};

#[cfg(test)]
mod golden_tests;
#[cfg(test)]
mod recording_mutation_tests;
#[cfg(test)]
mod recordings_tests;

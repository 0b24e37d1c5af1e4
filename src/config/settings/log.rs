//! `[log]`: how the log is written.

use crate::config::reader::Keys;

/// Form of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// Lines for people.
    Text,
    /// Lines of JSON.
    Json,
}

/// `[log]`
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LogSettings {
    /// Form.
    pub format: LogFormat,
}

pub(super) fn log(mut keys: Keys<'_>) -> LogSettings {
    let formats = [("text", LogFormat::Text), ("json", LogFormat::Json)];
    let format = keys.choice("format", Some(LogFormat::Text), &formats, LogFormat::Text);
    keys.finish();
    LogSettings { format }
}

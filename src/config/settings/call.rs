//! `[call]`: where messages to responsible persons go.

use super::path_opt;
use crate::config::reader::Keys;
use std::path::{Path, PathBuf};

/// `[call]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallSettings {
    /// Where a message is posted; `None` = nowhere, calls stand in the record and escalate.
    pub webhook_url: Option<String>,
    /// Key by which the receiver knows that a message is ours.
    pub webhook_key_file: Option<PathBuf>,
    /// Base of the one-time links, as a telephone reaches the console.
    pub public_url: String,
}

pub(super) fn call(dir: &Path, mut keys: Keys<'_>, console: &str) -> CallSettings {
    let settings = CallSettings {
        webhook_url: keys.text_opt("webhook_url").filter(|url| !url.is_empty()),
        webhook_key_file: path_opt(dir, &mut keys, "webhook_key_file"),
        public_url: keys.text("public_url", Some(console)).trim_end_matches('/').to_owned(),
    };
    if settings.webhook_url.is_some() != settings.webhook_key_file.is_some() {
        let what = "needs `webhook_key_file` and the other way round";
        keys.fault("webhook_url", what, "set both or neither");
    }
    if let Some(url) = settings.webhook_url.as_deref().filter(|url| !url.starts_with("http://")) {
        let what = format!("expected an address that begins with http://, got `{url}`");
        let remedy = "name the gateway of messages, or a relay on this machine that speaks TLS";
        keys.fault("webhook_url", &what, remedy);
    }
    if !["http://", "https://"].iter().any(|scheme| settings.public_url.starts_with(scheme)) {
        let what = format!("expected an http or https address, got `{}`", settings.public_url);
        keys.fault("public_url", &what, "write the address by which telephones reach the console");
    }
    keys.finish();
    settings
}

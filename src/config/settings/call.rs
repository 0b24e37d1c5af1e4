//! `[call]`: where messages to responsible persons go.

use super::path_opt;
use crate::config::reader::Keys;
use crate::console::known_host;
use std::path::{Path, PathBuf};

/// `[call]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallSettings {
    /// Where a message is posted; `None` = nowhere, calls stand in the record and escalate.
    pub webhook_url: Option<String>,
    /// Key by which the receiver knows that a message is ours.
    pub webhook_key_file: Option<PathBuf>,
    /// PEM file of the authorities that may vouch for an `https://` receiver; `None` = the system's.
    pub webhook_ca_file: Option<PathBuf>,
    /// Base of the one-time links, as a telephone reaches the console.
    pub public_url: String,
}

/// Reads it. `console` is where the console listens, `hosts` are the names by which it is reached.
pub(super) fn call(
    dir: &Path,
    mut keys: Keys<'_>,
    console: &str,
    hosts: &[String],
) -> CallSettings {
    let settings = CallSettings {
        webhook_url: keys.text_opt("webhook_url").filter(|url| !url.is_empty()),
        webhook_key_file: path_opt(dir, &mut keys, "webhook_key_file"),
        webhook_ca_file: path_opt(dir, &mut keys, "webhook_ca_file"),
        public_url: keys.text("public_url", Some(console)).trim_end_matches('/').to_owned(),
    };
    if settings.webhook_url.is_some() != settings.webhook_key_file.is_some() {
        let what = "needs `webhook_key_file` and the other way round";
        keys.fault("webhook_url", what, "set both or neither");
    }
    let url = settings.webhook_url.as_deref().unwrap_or("https://");
    if !is_http(url) {
        let what = format!("expected an address that begins with http:// or https://, got `{url}`");
        keys.fault("webhook_url", &what, "name the gateway of messages");
    } else if settings.webhook_ca_file.is_some() && !url.starts_with("https://") {
        let what = "is for https:// alone, and `webhook_url` has http://";
        keys.fault("webhook_ca_file", what, "leave it out, or call the receiver over https://");
    }
    if !is_http(&settings.public_url) {
        let what = format!("expected an http or https address, got `{}`", settings.public_url);
        keys.fault("public_url", &what, "write the address by which telephones reach the console");
    }
    if keys.is_present("public_url") {
        reached(&settings.public_url, hosts, &keys);
    }
    keys.finish();
    settings
}

fn is_http(url: &str) -> bool {
    ["http://", "https://"].iter().any(|scheme| url.starts_with(scheme))
}

/// A link that leads to a name the console does not answer to, or to no place at all, answers no call.
fn reached(url: &str, hosts: &[String], keys: &Keys<'_>) {
    let Some((_, rest)) = url.split_once("://") else { return };
    let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let address = host.rsplit_once(':').map_or(host, |(name, _)| name);
    if matches!(address, "0.0.0.0" | "[::]") {
        let what = format!("no telephone reaches `{host}`");
        keys.warn("public_url", &what, "write the address of this machine in the network");
    } else if !known_host(host, hosts) {
        let what = format!("leads to `{host}`, which is not in `hosts` of [http]");
        let remedy = "add the name there; a proxy in front must keep or set a Host that is known";
        keys.warn("public_url", &what, remedy);
    }
}

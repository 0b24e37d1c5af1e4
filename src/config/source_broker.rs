//! Sources that publish to the embedded broker: `sources_listen` of `[mqtt]`, and rows of `sources.toml` with
//! `kind = "mqtt"` and `broker = "embedded"`.

use super::reader::{Faults, Keys};
use super::settings::{MqttMode, Settings};
use super::sources::{FILE, SourceKind, SourceSettings};
use crate::console::ApiKeys;
use crate::model::Right;
use std::collections::BTreeSet;
use std::net::SocketAddr;

const GATEWAY: &str = "gateway.toml";
/// First level of the topics of sources; the name of the API key follows.
pub const SOURCE_TOPICS: &str = "sources";
/// Bytes of the name of the API key, which is user, topic level and the beginning of client ids.
const NAME_BYTES_MAX: usize = 48;

/// Reads where sources publish.
pub(super) fn listen(keys: &mut Keys<'_>) -> Option<SocketAddr> {
    let text = keys.text_opt("sources_listen").filter(|text| !text.is_empty())?;
    let address = text.parse().ok();
    if address.is_none() {
        let what = format!("expected an address with port, got `{text}`");
        let remedy = "write it like `sources_listen = \"0.0.0.0:1884\"`, or leave it empty";
        keys.fault("sources_listen", &what, remedy);
    }
    address
}

/// The kind of a row, which `broker` narrows.
pub(super) fn kind(kind: SourceKind, keys: &mut Keys<'_>) -> SourceKind {
    let brokers = [("external", false), ("embedded", true)];
    let embedded = keys.choice("broker", Some(false), &brokers, false);
    if kind == SourceKind::Mqtt && embedded {
        return SourceKind::Embedded;
    }
    if kind != SourceKind::Mqtt && keys.has("broker") {
        keys.fault("broker", "is for `kind = \"mqtt\"` alone", "remove it");
    }
    kind
}

/// What a row of this kind may hold besides.
pub(super) fn row(source: &SourceSettings, keys: &Keys<'_>) {
    for key in ["url", "user", "password_file", "token_file", "ca_file"] {
        if keys.has(key) {
            let what = "is not for a source that publishes to our own broker";
            let remedy = "remove it; the source signs in with the name and text of `api_key`";
            keys.fault(key, what, remedy);
        }
    }
    let name = &source.api_key;
    let bad = |c: char| c.is_control() || c.is_whitespace() || "/+#$".contains(c);
    if name.len() > NAME_BYTES_MAX || name.contains(bad) {
        let what = format!(
            "expected a name of at most {NAME_BYTES_MAX} bytes without spaces and / + # $, got `{name}`: it is part \
             of topics"
        );
        keys.fault("api_key", &what, "make a key with another name, and write that");
    }
}

/// What no file alone can know.
pub(super) fn cross(config: &Settings, sources: &[SourceSettings], faults: &Faults) {
    let mqtt = &config.mqtt;
    let publishing = || sources.iter().filter(|source| source.kind == SourceKind::Embedded);
    let mut names = BTreeSet::new();
    for source in publishing() {
        let (name, key) = (&source.name, &source.api_key);
        if mqtt.sources_listen.is_none() {
            let what =
                format!("source `{name}` publishes to our own broker, which has no address for it");
            let remedy = "set `sources_listen` of [mqtt] in gateway.toml, such as \"0.0.0.0:1884\"";
            faults.push(FILE, None, what, remedy);
        }
        if key.is_empty() {
            // Told with its row.
            continue;
        }
        names.insert(key);
        if sources.iter().filter(|other| other.api_key == *key).count() > 1 {
            let what =
                format!("`api_key` {key} of source `{name}` stands in another source as well");
            let remedy =
                "give each a key of its own: a source that publishes may also post with its key";
            faults.push(FILE, None, what, remedy);
        }
    }
    let Some(listen) = mqtt.sources_listen else { return };
    if mqtt.mode == MqttMode::External {
        let what =
            "`mqtt.sources_listen` is for `mode = \"embedded\"`, got \"external\"".to_owned();
        let remedy = "empty it, and name the external broker by `url` and `topic` in sources.toml";
        faults.push(GATEWAY, None, what, remedy);
    }
    if names.is_empty() {
        let what = "`mqtt.sources_listen` is set, and no source of sources.toml publishes there";
        let remedy = "add one with `kind = \"mqtt\"` and `broker = \"embedded\"`, or empty it";
        faults.warn(GATEWAY, None, what.to_owned(), remedy);
    }
    if !listen.ip().is_loopback() && mqtt.tls_certificate_file.is_none() {
        let what = "`mqtt.sources_listen`: keys and alerts of sources go over it in the clear";
        let remedy =
            "set `tls_certificate_file` and `tls_key_file` of [mqtt], or use a closed network";
        faults.warn(GATEWAY, None, what.to_owned(), remedy);
    }
    keys(config, names, faults);
}

/// Their keys. A file that can't be read is at fault already; those made on screen stand in the record.
fn keys(config: &Settings, mut names: BTreeSet<&String>, faults: &Faults) {
    let file = &config.keys.api_keys_file;
    let Ok(known) = ApiKeys::load(file) else { return };
    for key in known.keys.iter().filter(|key| key.role.may(Right::PostAlert)) {
        names.remove(&key.name);
    }
    for name in names {
        let what = format!("no key `{name}` for a source stands in {}", file.display());
        let remedy = format!(
            "make it: `mingluo keys create --name {name} --role source`, unless it was made on screen"
        );
        faults.warn(FILE, None, what, remedy);
    }
}

//! `receivers.toml`: who is told what was broadcast, and under which name our own CAP goes out. The file
//! may be absent.

use super::reader::{Document, Faults, Keys};
use crate::{secrets, tls};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

const FILE: &str = "receivers.toml";
/// Receivers of one county.
const RECEIVERS_MAX: usize = 20;
/// Our name in CAP when the file gives none.
const CAP_SENDER: &str = "mingluo";

/// One `[[receivers]]`: a program that is told of broadcasts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receiver {
    /// Its name, unique.
    pub name: String,
    /// Where it is told, `http://` or `https://`.
    pub url: String,
    /// Key by which it knows that a message is ours.
    pub key_file: PathBuf,
    /// PEM file of the authorities that may vouch for it; `None` = the system's.
    pub ca_file: Option<PathBuf>,
}

/// `receivers.toml`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReceiverSettings {
    /// `sender` of our own CAP messages.
    pub cap_sender: String,
    /// Base of the addresses in our own feed, as its readers reach the API.
    pub cap_url: Option<String>,
    /// Who is told.
    pub receivers: Vec<Receiver>,
}

/// Reads it.
pub(super) fn read(dir: &Path, faults: &Faults) -> ReceiverSettings {
    let mut settings =
        ReceiverSettings { cap_sender: CAP_SENDER.into(), cap_url: None, receivers: Vec::new() };
    if !dir.join(FILE).exists() {
        return settings;
    }
    let document = Document::open(dir, FILE, faults);
    let root = document.parse(faults);
    let mut keys = document.keys(&root, None, faults);
    settings.cap_sender = keys.text("cap_sender", Some(CAP_SENDER));
    // CAP 1.2 §3.2.1: no spaces, commas, `<` or `&`.
    let forbidden = |c: char| c.is_whitespace() || c.is_control() || matches!(c, ',' | '<' | '&');
    if settings.cap_sender.is_empty() || settings.cap_sender.contains(forbidden) {
        let what = "expected a name without spaces, commas, < and &";
        keys.fault("cap_sender", what, "write a domain name or code, such as `water.example.cn`");
    }
    settings.cap_url = keys.text_opt("cap_url").map(|url| url.trim_end_matches('/').to_owned());
    if settings.cap_url.as_deref().is_some_and(|url| !is_http(url)) {
        let what = "expected an address with http:// or https://";
        keys.fault("cap_url", what, "write the address by which readers reach the API");
    }
    let mut names = BTreeSet::new();
    for table in keys.tables("receivers") {
        let receiver = receiver(dir, table, &mut names);
        settings.receivers.push(receiver);
    }
    if settings.receivers.len() > RECEIVERS_MAX {
        let n = settings.receivers.len();
        let what = format!("expected at most {RECEIVERS_MAX} receivers, got {n}");
        keys.fault("receivers", &what, "remove what nobody needs");
    }
    keys.finish();
    settings
}

fn is_http(url: &str) -> bool {
    ["http://", "https://"]
        .iter()
        .any(|scheme| url.strip_prefix(scheme).is_some_and(|r| !r.is_empty()))
}

fn receiver(dir: &Path, mut keys: Keys<'_>, names: &mut BTreeSet<String>) -> Receiver {
    let receiver = Receiver {
        name: keys.text("name", None),
        url: keys.text("url", None),
        key_file: dir.join(keys.text("key_file", None)),
        ca_file: keys.text_opt("ca_file").map(|file| dir.join(file)),
    };
    if !names.insert(receiver.name.clone()) {
        let what = format!("receiver `{}` stands twice", receiver.name);
        keys.fault("name", &what, "give each its own name");
    }
    if keys.has("url") && !is_http(&receiver.url) {
        let what = format!("expected an address with http:// or https://, got `{}`", receiver.url);
        keys.fault("url", &what, "write where it listens");
    }
    if keys.has("key_file")
        && let Err(fault) = secrets::read_key(&receiver.key_file)
    {
        let remedy = "put the file there: 64 hexadecimal digits, readable by the service only";
        keys.fault("key_file", &format!("{fault:#}"), remedy);
    }
    if let Some(file) = &receiver.ca_file
        && let Err(fault) = tls::trusting_client(file)
    {
        keys.fault("ca_file", &format!("{fault:#}"), "name a PEM file of certificates");
    }
    keys.finish();
    receiver
}

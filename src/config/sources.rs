//! `sources.toml`: who may bring alerts, and what each may say without a person. The file may be absent.

use super::policy::{areas, levels};
use super::reader::{Document, Faults, Keys};
use super::source_broker;
use crate::ingest::VerifyingKey;
use crate::model::{AreaCode, Level, Network, SourceRules};
use crate::tls;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

pub(super) const FILE: &str = "sources.toml";
/// Sources of one county.
const SOURCES_MAX: usize = 100;
/// Characters of a name.
const NAME_CHARS_MAX: usize = 60;

/// How alerts come from a source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SourceKind {
    /// Atom or RSS of CAP at `url`, asked again and again.
    Atom,
    /// JSON alerts at `url`, asked again and again.
    HttpJson,
    /// Messages of `topic` at the broker `url`.
    Mqtt,
    /// `POST /api/v1/alerts` with the API key of that name.
    Push,
    /// Published to the embedded broker with the API key of that name: `kind = "mqtt"` with
    /// `broker = "embedded"`.
    Embedded,
}

/// What is asked of the signature inside an alert.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SignatureNeed {
    /// It is checked where there is one, and the result kept.
    Noted,
    /// An alert without a valid one is rejected.
    Required,
}

/// One `[[sources]]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceSettings {
    /// Its name, unique.
    pub name: String,
    /// How alerts come.
    pub kind: SourceKind,
    /// Where; empty for `push` and for the embedded broker.
    pub url: String,
    /// Topic filter, for `mqtt` at another broker.
    pub topic: String,
    /// Name of the API key, for `push` and for the embedded broker.
    pub api_key: String,
    /// Whether its alerts may sound without a person where the response plan says so.
    pub trusted: bool,
    /// Hazard codes or their beginnings; empty = all.
    pub hazards: Vec<String>,
    /// Levels; empty = all.
    pub levels: Vec<Level>,
    /// Areas for which it may act.
    pub areas: Vec<AreaCode>,
    /// Seconds between two polls.
    pub poll_every_s: u32,
    /// It counts as silent after so many seconds without a word.
    pub stale_after_s: u32,
    /// What is asked of signatures.
    pub signature: SignatureNeed,
    /// Certificates or public keys in PEM whose signatures count.
    pub certificate_files: Vec<PathBuf>,
    /// PEM file of the authorities that may vouch for an `https://` or `mqtts://` server.
    pub ca_file: Option<PathBuf>,
    /// User, with `password_file`.
    pub user: Option<String>,
    /// File that holds the password.
    pub password_file: Option<PathBuf>,
    /// File that holds a bearer token.
    pub token_file: Option<PathBuf>,
    /// Whether links of its feed may lead into networks that are not public.
    pub private_addresses: bool,
}

impl SourceSettings {
    /// What it may say without a person.
    #[must_use]
    pub fn rules(&self) -> SourceRules {
        let person = (!self.trusted).then(|| crate::model::Reason {
            code: "source_not_trusted".into(),
            text: format!("来源“{}”的预警一律由人工确认", self.name),
        });
        SourceRules {
            hazards: self.hazards.clone(),
            levels: self.levels.clone(),
            areas: Some(self.areas.clone()),
            person,
            notes: Vec::new(),
        }
    }
}

/// Reads it.
pub(super) fn read(dir: &Path, network: &Network, faults: &Faults) -> Vec<SourceSettings> {
    if !dir.join(FILE).exists() {
        return Vec::new();
    }
    let document = Document::open(dir, FILE, faults);
    let root = document.parse(faults);
    let mut keys = document.keys(&root, None, faults);
    let mut sources: Vec<SourceSettings> = Vec::new();
    let mut names = BTreeSet::new();
    for mut table in keys.tables("sources") {
        let source = source(dir, &mut table, network);
        if !names.insert(source.name.clone()) {
            let what = format!("source `{}` stands twice", source.name);
            table.fault("name", &what, "give each its own name");
        }
        table.finish();
        sources.push(source);
    }
    if sources.len() > SOURCES_MAX {
        let what = format!("expected at most {SOURCES_MAX} sources, got {}", sources.len());
        keys.fault("sources", &what, "remove what nobody needs");
    }
    keys.finish();
    sources
}

fn source(dir: &Path, keys: &mut Keys<'_>, network: &Network) -> SourceSettings {
    let kinds = [
        ("atom", SourceKind::Atom),
        ("http_json", SourceKind::HttpJson),
        ("mqtt", SourceKind::Mqtt),
        ("push", SourceKind::Push),
    ];
    let needs = [("noted", SignatureNeed::Noted), ("required", SignatureNeed::Required)];
    let path = |text: String| dir.join(text);
    let source = SourceSettings {
        name: keys.text("name", None),
        kind: source_broker::kind(keys.choice("kind", None, &kinds, SourceKind::Push), keys),
        url: keys.text("url", Some("")),
        topic: keys.text("topic", Some("")),
        api_key: keys.text("api_key", Some("")),
        trusted: keys.choice("trust", None, &[("full", true), ("person", false)], false),
        hazards: keys.texts("hazards"),
        levels: levels(keys),
        areas: areas(keys),
        poll_every_s: keys.number("poll_every_s", Some(60), 5..=86_400),
        stale_after_s: keys.number("stale_after_s", Some(3_600), 30..=2_592_000),
        signature: keys.choice(
            "signature",
            Some(SignatureNeed::Noted),
            &needs,
            SignatureNeed::Noted,
        ),
        certificate_files: keys.texts("certificate_files").into_iter().map(path).collect(),
        ca_file: keys.text_opt("ca_file").map(path),
        user: keys.text_opt("user"),
        password_file: keys.text_opt("password_file").map(path),
        token_file: keys.text_opt("token_file").map(path),
        private_addresses: keys.flag("private_addresses", false),
    };
    named(&source, keys);
    reached(&source, keys);
    within(&source, keys, network);
    secrets(&source, keys);
    source
}

fn named(source: &SourceSettings, keys: &Keys<'_>) {
    let n_chars = source.name.chars().count();
    if keys.has("name") && !(1..=NAME_CHARS_MAX).contains(&n_chars) {
        let what = format!("expected 1 to {NAME_CHARS_MAX} characters, got {n_chars}");
        keys.fault("name", &what, "say shortly who it is");
    }
}

/// Where alerts of this kind come from is said, and nothing that another kind needs.
fn reached(source: &SourceSettings, keys: &Keys<'_>) {
    let (schemes, needs): (&[&str], &str) = match source.kind {
        SourceKind::Atom | SourceKind::HttpJson => (&["https://", "http://"], "url"),
        SourceKind::Mqtt => (&["mqtts://", "mqtt://"], "topic"),
        SourceKind::Push | SourceKind::Embedded => (&[], "api_key"),
    };
    let url = source.url.as_str();
    let good = schemes.iter().any(|scheme| url.strip_prefix(scheme).is_some_and(|r| !r.is_empty()));
    if source.kind == SourceKind::Embedded {
        source_broker::row(source, keys);
    } else if schemes.is_empty() && !url.is_empty() {
        keys.fault("url", "is not for `push`, which waits for posts", "remove it");
    } else if !schemes.is_empty() && !good {
        let what = format!("expected an address with {}, got `{url}`", schemes.join(" or "));
        keys.fault("url", &what, "write where the source is");
    }
    if url.split_once("://").is_some_and(|(_, rest)| {
        rest.split(['/', '?', '#']).next().unwrap_or_default().contains('@')
    }) {
        let remedy = "write them as `user` and `password_file`";
        keys.fault("url", "holds a user or password", remedy);
    }
    for (key, value) in [("topic", &source.topic), ("api_key", &source.api_key)] {
        if key == needs && value.is_empty() {
            keys.fault(key, "is missing for this kind", format!("add `{key} = …`"));
        } else if key != needs && !value.is_empty() {
            keys.fault(key, "is not for this kind", "remove it");
        }
    }
    let secure = url.starts_with("https://") || url.starts_with("mqtts://");
    if source.kind == SourceKind::Mqtt && url.starts_with("mqtts://") && source.ca_file.is_none() {
        keys.fault("ca_file", "is missing for mqtts://", "name the broker's CA certificate");
    }
    if (source.password_file.is_some() || source.token_file.is_some()) && !secure {
        keys.warn("url", "credentials go over it in the clear", "use https:// or mqtts://");
    }
}

/// What it may say is known here.
fn within(source: &SourceSettings, keys: &Keys<'_>, network: &Network) {
    if source.areas.is_empty() && !keys.has("areas") {
        keys.fault("areas", "is missing", "name the areas for which it may act");
    }
    for area in &source.areas {
        let known = network.served.iter().any(|own| own.contains(*area) || area.contains(*own));
        if !known && !network.served.is_empty() {
            keys.fault("areas", &format!("{area} is not served here"), "correct the code");
        }
    }
    for hazard in &source.hazards {
        let good = hazard.starts_with("11") || hazard.starts_with("12");
        let good = good || hazard.starts_with("13") || hazard.starts_with("14");
        if !good || hazard.len() > 5 || !hazard.bytes().all(|b| b.is_ascii_alphanumeric()) {
            let what = format!("expected hazard codes such as 11B or 11B03, got `{hazard}`");
            keys.fault("hazards", &what, "correct the code, or leave it out for all");
        }
    }
    if source.stale_after_s < source.poll_every_s.saturating_mul(2)
        && matches!(source.kind, SourceKind::Atom | SourceKind::HttpJson)
    {
        let what = "is less than two polls: one late answer would raise the alarm";
        keys.warn("stale_after_s", what, "make it longer, or `poll_every_s` shorter");
    }
}

/// Files are there and are what they should be.
fn secrets(source: &SourceSettings, keys: &Keys<'_>) {
    let is_there = |file: &Path| std::fs::metadata(file).is_ok_and(|meta| meta.is_file());
    for (key, file) in
        [("password_file", &source.password_file), ("token_file", &source.token_file)]
    {
        if let Some(file) = file.as_deref().filter(|file| !is_there(file)) {
            let what = format!("{} is no file that can be read", file.display());
            keys.fault(key, &what, "put the file there, or correct the path");
        }
    }
    if source.user.is_some() != source.password_file.is_some() {
        keys.fault("user", "needs `password_file` and the other way round", "set both or neither");
    }
    if source.user.is_some() && source.token_file.is_some() {
        keys.fault("token_file", "stands beside `user`", "keep one way to sign in");
    }
    if let Some(file) = &source.ca_file
        && let Err(fault) = tls::trusting_client(file)
    {
        keys.fault("ca_file", &format!("{fault:#}"), "name a PEM file of certificates");
    }
    for file in &source.certificate_files {
        if let Err(fault) = signing_key(file) {
            let remedy = "name a PEM file of a certificate or public key (RSA or P-256)";
            keys.fault("certificate_files", &fault, remedy);
        }
    }
    if source.signature == SignatureNeed::Required && source.certificate_files.is_empty() {
        let remedy = "name the certificates whose signatures count";
        keys.fault("certificate_files", "is missing where signatures are required", remedy);
    }
}

/// Reads the key of a certificate or public key file.
///
/// # Errors
/// What was expected and got.
pub fn signing_key(file: &Path) -> Result<VerifyingKey, String> {
    let read = std::fs::read(file).map_err(|fault| format!("{}: {fault}", file.display()))?;
    VerifyingKey::from_pem(&read).map_err(|fault| format!("{}: {fault}", file.display()))
}

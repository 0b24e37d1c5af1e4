//! Files that `gateway.toml` names: what must be there is, and is what it should be.

use super::reader::{Document, Faults, Keys};
use super::{OrderAlgorithm, PlatformSettings, Settings};
use crate::console::{Accounts, ApiKeys, Outline, Tiles};
use crate::daemon::Trust;
use crate::{clock, secrets, tls};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

impl Settings {
    /// Files of the gateway's own keys that do not exist yet.
    #[must_use]
    pub fn absent_keys(&self) -> Vec<&PathBuf> {
        let sm2 = self.keys.order_algorithm == OrderAlgorithm::Sm2;
        let sm2 = sm2.then_some(&self.keys.sm2_key_file);
        let files = [&self.keys.signing_key_file, &self.keys.terminal_master_key_file];
        files.into_iter().chain(sm2).filter(|file| !file.exists()).collect()
    }

    /// The file of the certificate for HTTPS, when it is configured and does not exist yet.
    #[must_use]
    pub fn absent_certificate(&self) -> Option<&Path> {
        let (certificate, key) = self.http.tls()?;
        (!certificate.exists() && !key.exists()).then_some(certificate)
    }
}

/// The key of orders signed with SM2.
fn sm2_key(settings: &Settings, own: &Keys<'_>) {
    let file = &settings.keys.sm2_key_file;
    if settings.keys.order_algorithm == OrderAlgorithm::Sm2
        && may_read(file)
        && let Err(fault) = secrets::read_sm2_key(file)
    {
        let remedy = "restore it, or move it away and make one with `mingluo keys init --sm2`";
        own.fault("sm2_key_file", &format!("{fault:#}"), remedy);
    }
}

/// Key and certificates towards the gateway of messages.
fn call(settings: &Settings, keys: &Keys<'_>) {
    if let Some(why) = settings.call.webhook_key_file.as_deref().and_then(unreadable) {
        let remedy = "put the file there: 64 hexadecimal digits, readable by the service only";
        keys.fault("webhook_key_file", &why, remedy);
    }
    if let Some(file) = settings.call.webhook_ca_file.as_deref()
        && let Err(fault) = tls::trusting_client(file)
    {
        let remedy = "name a PEM file of certificates, or leave it out to trust the system's";
        keys.fault("webhook_ca_file", &format!("{fault:#}"), remedy);
    }
}

/// Key and certificates towards the upper platform. That they are not made yet is told at the start.
fn platform(settings: &Settings, keys: &Keys<'_>) {
    let platform = &settings.platform;
    if !platform.is_on() {
        return;
    }
    if let Some(why) = platform.trusted_file.as_deref().and_then(unreadable) {
        keys.fault("trusted_file", &why, "put the certificates of the upper platform there");
        return;
    }
    if let Some((key, fault)) = platform_tls(platform) {
        keys.fault(key, &format!("{fault:#}"), "name PEM files that are there and belong together");
    }
    if may_read(&platform.sm2_key_file)
        && may_read(&platform.certificate_file)
        && let Err(fault) = Trust::read(platform)
    {
        let remedy = "correct the files; `mingluo platform keys` makes a pair for a rehearsal";
        keys.fault("certificate_file", &format!("{fault:#}"), remedy);
    }
}

/// The first fault of the files of HTTPS towards the upper platform.
fn platform_tls(platform: &PlatformSettings) -> Option<(&'static str, anyhow::Error)> {
    if let Some(file) = &platform.ca_file
        && let Err(fault) = tls::trusting_client(file)
    {
        return Some(("ca_file", fault));
    }
    // A key that only the service may read is looked at by the service alone.
    let readable = |key: &Path| !key.exists() || may_read(key);
    if let (Some(own), Some(url)) = (platform.client(), &platform.url)
        && readable(own.1)
    {
        let trusted = platform.ca_file.as_deref().or(Some(own.0));
        let client = tls::posting_client_as(url, trusted, Some(own), Duration::from_secs(1));
        if let Err(fault) = client {
            return Some(("client_certificate_file", fault));
        }
    }
    let (certificate, key) = platform.tls().filter(|(_, key)| readable(key))?;
    let server = tls::server_for(certificate, key, platform.tls_client_ca_file.as_deref());
    server.err().map(|fault| ("tls_certificate_file", fault))
}

/// Checks them. Keys that are not made yet are no fault, because a configuration is checked before.
pub(super) fn check(
    settings: &Settings,
    document: &Document,
    overrides: &BTreeMap<String, String>,
    faults: &Faults,
) {
    // What is wrong with the file itself has been told when the settings were read.
    let told = Faults::default();
    let root = document.parse(&told);
    let mut keys = document.keys(&root, Some(overrides), faults);
    let mqtt = keys.table("mqtt");
    for (key, file) in [
        ("tls_ca_file", &settings.mqtt.tls_ca_file),
        ("tls_certificate_file", &settings.mqtt.tls_certificate_file),
        ("tls_key_file", &settings.mqtt.tls_key_file),
        ("password_file", &settings.mqtt.password_file),
    ] {
        if let Some(why) = file.as_deref().and_then(unreadable) {
            mqtt.fault(key, &why, "put the file there, or correct the path");
        }
    }
    call(settings, &keys.table("call"));
    if let Some(pair) = settings.http.tls() {
        https(pair, &keys.table("http"), faults);
    }
    let own = keys.table("keys");
    for (key, file) in [
        ("signing_key_file", &settings.keys.signing_key_file),
        ("terminal_master_key_file", &settings.keys.terminal_master_key_file),
    ] {
        if may_read(file)
            && let Err(fault) = secrets::read_key(file)
        {
            own.fault(key, &format!("{fault:#}"), "restore it, or name another file");
        }
    }
    sm2_key(settings, &own);
    platform(settings, &keys.table("platform"));
    if may_read(&settings.keys.api_keys_file)
        && let Err(fault) = ApiKeys::load(&settings.keys.api_keys_file)
    {
        let told = format!("{fault:#}");
        let what = told.split_whitespace().collect::<Vec<_>>().join(" ");
        own.fault("api_keys_file", &what, "correct it, or name the file of the API keys");
    }
    if may_read(&settings.keys.accounts_file)
        && let Err(fault) = Accounts::load(&settings.keys.accounts_file)
    {
        // The text of the fault may quote the file, which holds digests.
        let first = fault.to_string();
        own.fault("accounts_file", &first, "restore it; `mingluo user list` tells more");
    }
    if let Some(file) = &settings.http.map_file
        && let Err(fault) = Outline::read(file)
    {
        let remedy = "name a GeoJSON file with outlines, or leave `map_file` empty";
        keys.table("http").fault("map_file", &format!("{fault:#}"), remedy);
    }
    if let Some(url) = &settings.http.map_tiles_url
        && let Err(fault) = Tiles::parse(url, &settings.http.map_tiles_grid)
    {
        let remedy = "write https://host/path with {x}, {y} and {z}, or leave it empty";
        keys.table("http").fault("map_tiles_url", &format!("{fault:#}"), remedy);
    }
    if let Some(folder) = settings.ingest.folder.as_deref().filter(|folder| folder.exists())
        && !folder.is_dir()
    {
        let what = format!("{} is no directory", folder.display());
        keys.table("ingest").fault("folder", &what, "name a directory; it is made when absent");
    }
}

/// Certificate and key of console and API. That neither is made yet is no fault, as with our keys.
fn https((certificate, key): (&Path, &Path), keys: &Keys<'_>, faults: &Faults) {
    if !certificate.exists() && !key.exists() {
        return;
    }
    let readable = |file: &Path| !file.exists() || may_read(file);
    if readable(certificate)
        && readable(key)
        && let Err(fault) = tls::server(certificate, key)
    {
        let remedy = "correct the files, or make both with `mingluo keys tls`";
        keys.fault("tls_certificate_file", &format!("{fault:#}"), remedy);
        return;
    }
    if let Ok((_, until)) = tls::valid(certificate)
        && let Some(told) = tls::warning(clock::now_utc(), until)
    {
        let (what, remedy) = told.split_once(": ").unwrap_or((&told, "make another"));
        faults.warn("gateway.toml", keys.line_of("tls_certificate_file"), what, remedy);
    }
}

/// Whether a key file is there for us: who only explains an alert has no right to it, and a start
/// without the right says so by itself.
fn may_read(file: &Path) -> bool {
    file.is_file() && std::fs::File::open(file).is_ok()
}

/// Why a file can't be read.
fn unreadable(file: &Path) -> Option<String> {
    let fault = std::fs::File::open(file).and_then(|opened| opened.metadata());
    match fault {
        Ok(meta) if meta.is_file() => None,
        Ok(_) => Some(format!("{} is no file", file.display())),
        Err(fault) => Some(format!("{} cannot be read: {fault}", file.display())),
    }
}

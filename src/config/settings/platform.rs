//! `[platform]`: the upper emergency-broadcast platform (GD/J 083).

use super::{path, path_opt};
use crate::config::reader::Keys;
use crate::ingest::ebd::Profile;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

/// `[platform]`; it is off until `own_code` is set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlatformSettings {
    /// Which generation of codes and signatures it speaks.
    pub profile: Profile,
    /// Our resource code; empty = there is no upper platform.
    pub own_code: String,
    /// The resource code of the upper platform.
    pub upper_code: String,
    /// Where our packages are posted; `None` = nothing is told upstream.
    pub url: Option<String>,
    /// Where its packages are taken; `None` = nowhere.
    pub listen: Option<SocketAddr>,
    /// Our name, for the report of platforms.
    pub name: String,
    /// Our address.
    pub address: String,
    /// Who answers for it.
    pub contact: String,
    /// The telephone.
    pub telephone: String,
    /// SM2 key with which our packages are signed.
    pub sm2_key_file: PathBuf,
    /// Certificate of that key.
    pub certificate_file: PathBuf,
    /// Certificates of the upper platform.
    pub trusted_file: Option<PathBuf>,
    /// Whether drills without a signature are taken, for a rehearsal.
    pub allow_unsigned: bool,
    /// Whether sound is played only when the signed part has its digest.
    pub sound_needs_digest: bool,
    /// PEM file of the authorities that may vouch for its `https://` server; `None` = the system's.
    pub ca_file: Option<PathBuf>,
    /// Our certificate for a server that asks for one, PEM, with `client_key_file`.
    pub client_certificate_file: Option<PathBuf>,
    /// Its key.
    pub client_key_file: Option<PathBuf>,
    /// Certificate with which packages are taken by HTTPS, PEM, with `tls_key_file`.
    pub tls_certificate_file: Option<PathBuf>,
    /// Its key.
    pub tls_key_file: Option<PathBuf>,
    /// Authorities one of which must vouch for who brings packages; `None` = no certificate is asked.
    pub tls_client_ca_file: Option<PathBuf>,
    /// Longest wait for sound at an address of a message, seconds; 0 = it is not fetched.
    pub sound_wait_s: u32,
    /// Whether such an address may lead into networks that are not public.
    pub sound_private_addresses: bool,
    /// How far the time of a package may be from ours, seconds.
    pub window_s: u32,
    /// Time between two heartbeats, seconds.
    pub heartbeat_s: u32,
    /// Time between two reports of our state, seconds.
    pub state_s: u32,
    /// Time between two reports of what there is, seconds.
    pub info_s: u32,
}

impl PlatformSettings {
    /// Whether there is an upper platform.
    #[must_use]
    pub fn is_on(&self) -> bool {
        !self.own_code.is_empty()
    }

    /// Certificate and key for a server that asks who we are.
    #[must_use]
    pub fn client(&self) -> Option<(&Path, &Path)> {
        self.client_certificate_file.as_deref().zip(self.client_key_file.as_deref())
    }

    /// Certificate and key with which packages are taken.
    #[must_use]
    pub fn tls(&self) -> Option<(&Path, &Path)> {
        self.tls_certificate_file.as_deref().zip(self.tls_key_file.as_deref())
    }
}

/// Reads it.
pub(super) fn platform(dir: &Path, mut keys: Keys<'_>) -> PlatformSettings {
    let profiles = [("2018", Profile::Y2018), ("2016", Profile::Y2016)];
    let usual = Profile::Y2018;
    let listen = keys.text_opt("listen").filter(|text| !text.is_empty());
    let mut text = |key| keys.text(key, Some(""));
    let (own_code, upper_code) = (text("own_code"), text("upper_code"));
    let (name, address) = (text("name"), text("address"));
    let (contact, telephone) = (text("contact"), text("telephone"));
    let settings = PlatformSettings {
        profile: keys.choice("profile", Some(usual), &profiles, usual),
        own_code,
        upper_code,
        url: keys.text_opt("url").filter(|url| !url.is_empty()),
        listen: listen.as_deref().and_then(|text| text.parse().ok()),
        name,
        address,
        contact,
        telephone,
        sm2_key_file: path(dir, &mut keys, "sm2_key_file", "keys/platform.key"),
        certificate_file: path(dir, &mut keys, "certificate_file", "keys/platform.cert"),
        trusted_file: path_opt(dir, &mut keys, "trusted_file"),
        allow_unsigned: keys.flag("allow_unsigned", false),
        sound_needs_digest: keys.flag("sound_needs_digest", true),
        ca_file: path_opt(dir, &mut keys, "ca_file"),
        client_certificate_file: path_opt(dir, &mut keys, "client_certificate_file"),
        client_key_file: path_opt(dir, &mut keys, "client_key_file"),
        tls_certificate_file: path_opt(dir, &mut keys, "tls_certificate_file"),
        tls_key_file: path_opt(dir, &mut keys, "tls_key_file"),
        tls_client_ca_file: path_opt(dir, &mut keys, "tls_client_ca_file"),
        sound_wait_s: keys.number("sound_wait_s", Some(3), 0..=10),
        sound_private_addresses: keys.flag("sound_private_addresses", false),
        window_s: keys.number("window_s", Some(3_600), 30..=86_400),
        heartbeat_s: keys.number("heartbeat_s", Some(30), 1..=3_600),
        state_s: keys.number("state_s", Some(1_800), 10..=86_400),
        info_s: keys.number("info_s", Some(86_400), 60..=604_800),
    };
    if let Some(text) = listen.filter(|_| settings.listen.is_none()) {
        let what = format!("expected an address with port, got `{text}`");
        keys.fault("listen", &what, "write it like `listen = \"0.0.0.0:8760\"`");
    }
    if settings.is_on() {
        complete(&settings, &keys);
    } else if settings.url.is_some() || settings.listen.is_some() {
        let what = "is empty, and `url` or `listen` is set";
        keys.fault("own_code", what, "write our resource code, or empty the others");
    }
    keys.finish();
    settings
}

/// What an upper platform needs.
fn complete(settings: &PlatformSettings, keys: &Keys<'_>) {
    let digits = settings.profile.code_digits();
    for (key, code) in [("own_code", &settings.own_code), ("upper_code", &settings.upper_code)] {
        if !settings.profile.is_code(code) {
            let what = format!("expected a resource code of {digits} digits, got `{code}`");
            keys.fault(key, &what, "write the code that the province assigned, or check `profile`");
        }
    }
    if settings.own_code == settings.upper_code {
        keys.fault("upper_code", "is the same as `own_code`", "write that of the upper platform");
    }
    if settings.url.is_none() && settings.listen.is_none() {
        keys.fault("url", "and `listen` are both empty", "set one of them, or empty `own_code`");
    }
    let url = settings.url.as_deref().unwrap_or("http://");
    if !["http://", "https://"].iter().any(|scheme| url.starts_with(scheme)) {
        let what = format!("expected an http or https address, got `{url}`");
        keys.fault("url", &what, "write the address at which the upper platform takes packages");
    }
    secured(settings, keys);
    if settings.trusted_file.is_none() {
        let what = "is empty, so that no signature of the upper platform can be checked";
        keys.fault("trusted_file", what, "name the file with its certificates");
    }
    if settings.allow_unsigned {
        let what = "drills without a signature are taken";
        keys.warn("allow_unsigned", what, "set it to false when the rehearsal is over");
    }
    if !settings.sound_needs_digest {
        let what = "sound is played that no signature vouches for";
        keys.warn(
            "sound_needs_digest",
            what,
            "set it to true when the upper platform sends digests",
        );
    }
    if settings.name.is_empty() {
        let what = "is empty; the upper platform shows us without a name";
        keys.warn("name", what, "write the name of the county's platform");
    }
}

/// What HTTPS needs, either way.
fn secured(settings: &PlatformSettings, keys: &Keys<'_>) {
    let pairs = [
        ("client_certificate_file", &settings.client_certificate_file, &settings.client_key_file),
        ("tls_certificate_file", &settings.tls_certificate_file, &settings.tls_key_file),
    ];
    for (key, certificate, private) in pairs {
        if certificate.is_some() != private.is_some() {
            keys.fault(key, "needs its key file and the other way round", "set both or neither");
        }
    }
    let secure = settings.url.as_deref().is_some_and(|url| url.starts_with("https://"));
    if settings.client_certificate_file.is_some() && !secure {
        let what = "is never shown, because `url` is no https address";
        keys.fault("client_certificate_file", what, "write https:// in `url`, or remove it");
    }
    if settings.tls_client_ca_file.is_some() && settings.tls_certificate_file.is_none() {
        let what = "asks for certificates where there is no HTTPS";
        keys.fault("tls_client_ca_file", what, "set `tls_certificate_file` and `tls_key_file`");
    }
    if settings.tls_certificate_file.is_some() && settings.listen.is_none() {
        keys.fault("tls_certificate_file", "needs `listen`", "set `listen`, or remove it");
    }
}

#[cfg(test)]
mod tests {
    use crate::config::Config;
    use std::collections::BTreeMap;
    use std::path::Path;

    const UPPER: &str = "24300000000000101010101";
    const OWN: &str = "44306210000000101010101";

    /// The fault that these settings bring; "" = none.
    fn check(settings: &[(&str, &str)], fault: &str) {
        let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("configs/dev");
        let named = |(key, value): &(&str, &str)| (format!("platform.{key}"), (*value).to_owned());
        let overrides: BTreeMap<String, String> = settings.iter().map(named).collect();
        let told = match Config::load_with(&dir, &overrides) {
            Ok(_) => String::new(),
            Err(faults) => faults.iter().map(|fault| format!("{fault}\n")).collect(),
        };
        assert_eq!(told.is_empty(), fault.is_empty(), "{settings:?}: {told}");
        assert!(told.contains(fault), "{settings:?}: `{fault}` is not in {told}");
    }

    #[test]
    fn every_fault_of_the_upper_platform_is_told() {
        let trusted = concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml");
        let good = [
            ("own_code", OWN),
            ("upper_code", UPPER),
            ("url", "http://10.0.0.1:7000/"),
            ("trusted_file", trusted),
        ];
        let with = |key, value, fault| check(&[&good[..], &[(key, value)]].concat(), fault);
        check(&[], "");
        check(&good, "");
        with("own_code", "123", "23 digits");
        with("profile", "2016", "18 digits");
        with("upper_code", OWN, "the same as `own_code`");
        with("url", "ftp://x", "http or https");
        with("url", "", "both empty");
        with("trusted_file", "", "no signature");
        with("trusted_file", "/nowhere", "/nowhere");
        with("listen", "8760", "address with port");
        with("client_key_file", trusted, "needs its key file");
        with("tls_key_file", trusted, "needs its key file");
        with("tls_client_ca_file", trusted, "there is no HTTPS");
        with("sound_wait_s", "11", "to 10");
        with("ca_file", trusted, "`platform.ca_file`");
        with("ca_file", "/nowhere", "/nowhere");
        let both = [("client_certificate_file", trusted), ("client_key_file", trusted)];
        check(&[&good[..], &both].concat(), "is no https address");
        let both = [("tls_certificate_file", trusted), ("tls_key_file", trusted)];
        check(&[&good[..], &both].concat(), "needs `listen`");
        let taken = [both[0], both[1], ("listen", "127.0.0.1:1")];
        check(&[&good[..], &taken].concat(), "expected a certificate in PEM");
        with("window_s", "1", "from 30");
        with("heartbeat_s", "0", "from 1");
        check(&[("listen", "127.0.0.1:1")], "`url` or `listen` is set");
    }
}

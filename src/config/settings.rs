//! `gateway.toml`: how the process itself is set up.

mod call;
mod log;
mod platform;
mod report;
mod speech;
mod stations;

pub use call::CallSettings;
pub use log::{LogFormat, LogSettings};
pub use platform::PlatformSettings;
pub use report::ReportSettings;
pub use speech::{MixSettings, SpeechSettings};
pub use stations::{StationLine, StationSettings};

use super::national::{self, NationalSettings};
use super::reader::{Document, Faults, Keys};
use super::serial::{self, SerialSettings};
use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};

/// Sections of `gateway.toml`, for environment variables that name none of them.
const SECTIONS: [&str; 17] = [
    "http", "status", "mqtt", "serial", "national", "record", "ingest", "render", "speech", "mix",
    "keys", "deliver", "call", "platform", "report", "stations", "log",
];

/// `[http]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpSettings {
    /// Where console and API listen.
    pub listen: SocketAddr,
    /// Where terminals fetch clips.
    pub terminal_listen: SocketAddr,
    /// Base of the clip addresses put into orders, as terminals reach it.
    pub public_clip_url: String,
    /// PEM file of the certificate by which console and API are served over HTTPS; `None` = plain HTTP.
    pub tls_certificate_file: Option<PathBuf>,
    /// PEM file of its key; both or none.
    pub tls_key_file: Option<PathBuf>,
    /// Names by which people reach the console, besides addresses and `localhost`.
    pub hosts: Vec<String>,
    /// Outlines on the console's map, GeoJSON; `None` = no outlines.
    pub map_file: Option<PathBuf>,
    /// Address of a tile server behind the outlines, with `{x}`, `{y}`, `{z}`; `None` = no tiles.
    pub map_tiles_url: Option<String>,
    /// How it cuts the earth: `mercator` or `degrees`.
    pub map_tiles_grid: String,
}

impl HttpSettings {
    /// Certificate and key, when console and API are served over HTTPS.
    #[must_use]
    pub fn tls(&self) -> Option<(&Path, &Path)> {
        self.tls_certificate_file.as_deref().zip(self.tls_key_file.as_deref())
    }
}

/// `[status]`
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StatusSettings {
    /// Where health and metrics answer, on a thread of their own.
    pub listen: SocketAddr,
}

/// Own broker inside the process, or one that exists.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MqttMode {
    /// Inside the process.
    Embedded,
    /// At `url`.
    External,
}

/// `[mqtt]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MqttSettings {
    /// Embedded or external.
    pub mode: MqttMode,
    /// Where the embedded broker listens.
    pub listen: SocketAddr,
    /// Where sources publish to the embedded broker; `None` = nowhere.
    pub sources_listen: Option<SocketAddr>,
    /// Address of the external broker, `mqtt://host:1883` or `mqtts://host:8883`.
    pub url: String,
    /// Topic prefix, without a slash at the end.
    pub prefix: String,
    /// PEM file of the authority that signs the broker's certificate.
    pub tls_ca_file: Option<PathBuf>,
    /// PEM file of the certificate (server's when embedded, ours when external).
    pub tls_certificate_file: Option<PathBuf>,
    /// PEM file of its key.
    pub tls_key_file: Option<PathBuf>,
    /// User at the external broker.
    pub user: Option<String>,
    /// File that holds the password.
    pub password_file: Option<PathBuf>,
}

/// `[record]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordSettings {
    /// `sqlite:<path>`, `postgres://…` or `memory:`.
    pub url: String,
    /// Space kept free for the last entries when the disk is full, mebibytes.
    pub ballast_mib: u32,
    /// Rows between snapshots.
    pub snapshot_every_rows: u32,
}

/// `[ingest]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IngestSettings {
    /// Folder where alert files are dropped; `None` = not watched.
    pub folder: Option<PathBuf>,
    /// Seconds a file must not have grown before it is read.
    pub folder_settle_s: u32,
    /// Longest alert, bytes.
    pub bytes_max: u32,
}

/// `[render]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RenderSettings {
    /// Where voices lie.
    pub voices_dir: PathBuf,
    /// Where chimes and recordings lie.
    pub audio_dir: PathBuf,
    /// Where the county's own recordings lie, which go before those of the same name.
    pub recordings_dir: PathBuf,
    /// Where rendered clips are kept by content hash.
    pub clip_dir: PathBuf,
    /// Voice of `default`.
    pub default_voice: String,
    /// Processor threads of the neural voice; they run behind the gateway's own.
    pub threads: u16,
    /// Most seconds the voices have before the recorded warning speaks; they never have more than
    /// 3 s and the expected length of the speech.
    pub deadline_s_max: u32,
    /// The same for red warnings.
    pub red_deadline_s_max: u32,
    /// Speed of the line to a terminal, bits per second, for the airtime that previews tell.
    pub line_bit_per_s: u32,
}

/// With what orders are signed; terminals that hold a key of the other refuse them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OrderAlgorithm {
    /// Ed25519.
    Ed25519,
    /// SM2 with SM3.
    Sm2,
}

/// `[keys]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeySettings {
    /// With what orders are signed.
    pub order_algorithm: OrderAlgorithm,
    /// Ed25519 private key: it signs the record, and orders unless another does.
    pub signing_key_file: PathBuf,
    /// SM2 private key, needed where orders are signed with SM2.
    pub sm2_key_file: PathBuf,
    /// Master key from which terminals' keys are derived.
    pub terminal_master_key_file: PathBuf,
    /// API keys with roles and areas.
    pub api_keys_file: PathBuf,
    /// Accounts of people, with digests of their passwords.
    pub accounts_file: PathBuf,
}

/// `[deliver]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeliverSettings {
    /// Seconds to wait for an acknowledgement before the order is repeated.
    pub acknowledge_wait_s: u32,
    /// Shortest wait between repeats, seconds.
    pub retry_wait_s_min: u32,
    /// Longest wait between repeats, seconds.
    pub retry_wait_s_max: u32,
    /// Repeated orders by terminal address per second, all broadcasts together.
    pub repair_orders_per_s_max: u32,
}

/// `gateway.toml`; every path is absolute or relative to the working directory, ready for use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// The configuration directory.
    pub dir: PathBuf,
    /// `[http]`
    pub http: HttpSettings,
    /// `[status]`
    pub status: StatusSettings,
    /// `[mqtt]`
    pub mqtt: MqttSettings,
    /// `[serial]`
    pub serial: SerialSettings,
    /// `[national]`
    pub national: NationalSettings,
    /// `[record]`
    pub record: RecordSettings,
    /// `[ingest]`
    pub ingest: IngestSettings,
    /// `[render]`
    pub render: RenderSettings,
    /// `[speech]`
    pub speech: SpeechSettings,
    /// `[mix]`
    pub mix: MixSettings,
    /// `[keys]`
    pub keys: KeySettings,
    /// `[deliver]`
    pub deliver: DeliverSettings,
    /// `[call]`
    pub call: CallSettings,
    /// `[platform]`
    pub platform: PlatformSettings,
    /// `[report]`
    pub report: ReportSettings,
    /// `[stations]`
    pub stations: StationSettings,
    /// `[log]`
    pub log: LogSettings,
}

pub(super) fn read(
    dir: &Path,
    document: &Document,
    overrides: &BTreeMap<String, String>,
    faults: &Faults,
) -> Settings {
    for key in overrides.keys() {
        let section = key.split('.').next().unwrap_or_default();
        if !SECTIONS.contains(&section) || !key.contains('.') {
            let what = format!("`{key}` names no section of gateway.toml");
            faults.push("environment", None, what, format!("use one of {}", SECTIONS.join(", ")));
        }
    }
    let root = document.parse(faults);
    let mut keys = document.keys(&root, Some(overrides), faults);
    let http = http(dir, keys.table("http"));
    let console = format!("http://{}", http.listen);
    let hosts = http.hosts.clone();
    let settings = Settings {
        dir: dir.to_path_buf(),
        http,
        status: status(keys.table("status")),
        mqtt: mqtt(dir, keys.table("mqtt")),
        serial: serial::read(keys.table("serial")),
        national: national::read(keys.table("national")),
        record: record(dir, keys.table("record")),
        ingest: ingest(dir, keys.table("ingest")),
        render: render(dir, keys.table("render")),
        speech: speech::speech(dir, keys.table("speech")),
        mix: speech::mix(keys.table("mix")),
        keys: key_files(dir, keys.table("keys")),
        deliver: deliver(keys.table("deliver")),
        call: call::call(dir, keys.table("call"), &console, &hosts),
        platform: platform::platform(dir, keys.table("platform")),
        report: report::report(dir, keys.table("report")),
        stations: stations::stations(dir, keys.table("stations")),
        log: log::log(keys.table("log")),
    };
    addresses_differ(&settings, &mut keys);
    keys.finish();
    settings
}

/// Two listeners can't share an address; the later one is at fault.
fn addresses_differ(settings: &Settings, keys: &mut Keys<'_>) {
    let mut listeners = vec![
        ("http", "listen", settings.http.listen),
        ("http", "terminal_listen", settings.http.terminal_listen),
        ("status", "listen", settings.status.listen),
    ];
    if settings.mqtt.mode == MqttMode::Embedded {
        listeners.push(("mqtt", "listen", settings.mqtt.listen));
    }
    let sources_listen = settings.mqtt.sources_listen;
    listeners.extend(sources_listen.map(|listen| ("mqtt", "sources_listen", listen)));
    listeners.extend(settings.national.listen.map(|listen| ("national", "listen", listen)));
    listeners.extend(settings.stations.listen.map(|listen| ("stations", "listen", listen)));
    listeners.extend(settings.platform.listen.map(|listen| ("platform", "listen", listen)));
    for (at, (section, key, listen)) in listeners.iter().enumerate() {
        let mut earlier = listeners.iter().take(at);
        let same = earlier.find(|(_, _, other)| other == listen && listen.port() != 0);
        if let Some((other_section, other, _)) = same {
            let what = format!("{listen} is the same as `{other_section}.{other}`");
            keys.table(section).fault(key, &what, "give each listener a port of its own");
        }
    }
}

fn address(keys: &mut Keys<'_>, key: &'static str, default: &str) -> SocketAddr {
    let text = keys.text(key, Some(default));
    text.parse().unwrap_or_else(|_| {
        let what = format!("expected an address with port, got `{text}`");
        keys.fault(key, &what, format!("write it like `{key} = \"{default}\"`"));
        SocketAddr::from((Ipv4Addr::LOCALHOST, 0))
    })
}

fn path(dir: &Path, keys: &mut Keys<'_>, key: &'static str, default: &str) -> PathBuf {
    let text = keys.text(key, Some(default));
    if text.is_empty() {
        keys.fault(key, "is empty", format!("write it like `{key} = \"{default}\"`"));
    }
    dir.join(text)
}

fn path_opt(dir: &Path, keys: &mut Keys<'_>, key: &'static str) -> Option<PathBuf> {
    keys.text_opt(key).filter(|text| !text.is_empty()).map(|text| dir.join(text))
}

fn http(dir: &Path, mut keys: Keys<'_>) -> HttpSettings {
    let listen = address(&mut keys, "listen", "127.0.0.1:8721");
    let terminal_listen = address(&mut keys, "terminal_listen", "127.0.0.1:8722");
    let default = format!("http://{terminal_listen}/clips");
    let public_clip_url = keys.text("public_clip_url", Some(&default));
    if !["http://", "https://"].iter().any(|scheme| public_clip_url.starts_with(scheme)) {
        let what = format!("expected an http or https address, got `{public_clip_url}`");
        keys.fault("public_clip_url", &what, "write the address by which terminals reach it");
    }
    let tls_certificate_file = path_opt(dir, &mut keys, "tls_certificate_file");
    let tls_key_file = path_opt(dir, &mut keys, "tls_key_file");
    both_or_none(&keys, tls_certificate_file.as_ref(), tls_key_file.as_ref());
    let hosts = keys.texts("hosts");
    let map_file = path_opt(dir, &mut keys, "map_file");
    let map_tiles_url = keys.text_opt("map_tiles_url").filter(|url| !url.is_empty());
    let map_tiles_grid = keys.text("map_tiles_grid", Some("mercator"));
    keys.finish();
    HttpSettings {
        listen,
        terminal_listen,
        hosts,
        map_file,
        map_tiles_url,
        map_tiles_grid,
        public_clip_url: public_clip_url.trim_end_matches('/').to_owned(),
        tls_certificate_file,
        tls_key_file,
    }
}

fn both_or_none(keys: &Keys<'_>, certificate: Option<&PathBuf>, key: Option<&PathBuf>) {
    if certificate.is_some() != key.is_some() {
        let what = "needs `tls_key_file` and the other way round";
        keys.fault("tls_certificate_file", what, "set both or neither");
    }
}

fn status(mut keys: Keys<'_>) -> StatusSettings {
    let listen = address(&mut keys, "listen", "127.0.0.1:8723");
    keys.finish();
    StatusSettings { listen }
}

fn mqtt(dir: &Path, mut keys: Keys<'_>) -> MqttSettings {
    let modes = [("embedded", MqttMode::Embedded), ("external", MqttMode::External)];
    let settings = MqttSettings {
        mode: keys.choice("mode", Some(MqttMode::Embedded), &modes, MqttMode::Embedded),
        listen: address(&mut keys, "listen", "127.0.0.1:1883"),
        sources_listen: super::source_broker::listen(&mut keys),
        url: keys.text("url", Some("mqtt://127.0.0.1:1883")),
        prefix: keys.text("prefix", Some("mingluo/v1")),
        tls_ca_file: path_opt(dir, &mut keys, "tls_ca_file"),
        tls_certificate_file: path_opt(dir, &mut keys, "tls_certificate_file"),
        tls_key_file: path_opt(dir, &mut keys, "tls_key_file"),
        user: keys.text_opt("user").filter(|user| !user.is_empty()),
        password_file: path_opt(dir, &mut keys, "password_file"),
    };
    let prefix = &settings.prefix;
    let bad_prefix = prefix.is_empty()
        || prefix.starts_with('/')
        || prefix.ends_with('/')
        || prefix.contains(['+', '#', '$', ' ']);
    if bad_prefix {
        let what = format!("expected a topic without wildcard, got `{prefix}`");
        keys.fault("prefix", &what, "write it like `prefix = \"mingluo/v1\"`");
    }
    if !["mqtt://", "mqtts://"].iter().any(|scheme| settings.url.starts_with(scheme)) {
        let what = format!("expected mqtt:// or mqtts://, got `{}`", settings.url);
        keys.fault("url", &what, "write it like `url = \"mqtts://broker:8883\"`");
    }
    if settings.mode == MqttMode::External {
        external(&settings, &keys);
    }
    if settings.user.is_some() != settings.password_file.is_some() {
        keys.fault("user", "needs `password_file` and the other way round", "set both or neither");
    }
    both_or_none(&keys, settings.tls_certificate_file.as_ref(), settings.tls_key_file.as_ref());
    keys.finish();
    settings
}

/// What an external broker needs besides.
fn external(settings: &MqttSettings, keys: &Keys<'_>) {
    let (scheme, rest) = settings.url.split_once("://").unwrap_or(("", &settings.url));
    let rest = rest.trim_end_matches('/');
    let (host, port) =
        rest.rsplit_once(':').map_or((rest, None), |(host, port)| (host, Some(port)));
    let good_port = port.is_none_or(|port| port.parse::<u16>().is_ok_and(|port| port != 0));
    if host.is_empty() || host.contains(['/', '@']) || !good_port {
        let what = format!("expected a host and a port of 1 to 65535, got `{}`", settings.url);
        keys.fault("url", &what, "write it like `url = \"mqtts://broker:8883\"`");
    }
    if scheme == "mqtts" && settings.tls_ca_file.is_none() {
        let what = "is missing, and mqtts:// needs it";
        keys.fault("tls_ca_file", what, "name the PEM file of the CA that signed the broker");
    }
}

fn record(dir: &Path, mut keys: Keys<'_>) -> RecordSettings {
    let written = keys.text("url", Some("sqlite:var/record.db"));
    let url = match written.strip_prefix("sqlite:") {
        Some(file) if !file.is_empty() => format!("sqlite:{}", dir.join(file).display()),
        _ if written == "memory:" => written,
        _ => {
            let what = format!("expected sqlite: or memory:, got `{written}`");
            keys.fault("url", &what, "write it like `url = \"sqlite:var/record.db\"`");
            written
        }
    };
    let settings = RecordSettings {
        url,
        ballast_mib: keys.number("ballast_mib", Some(64), 0..=65_536),
        snapshot_every_rows: keys.number("snapshot_every_rows", Some(50_000), 1_000..=10_000_000),
    };
    keys.finish();
    settings
}

fn ingest(dir: &Path, mut keys: Keys<'_>) -> IngestSettings {
    let settings = IngestSettings {
        folder: path_opt(dir, &mut keys, "folder"),
        folder_settle_s: keys.number("folder_settle_s", Some(2), 0..=600),
        bytes_max: keys.number("bytes_max", Some(4_194_304), 4_096..=8_388_608),
    };
    keys.finish();
    settings
}

fn render(dir: &Path, mut keys: Keys<'_>) -> RenderSettings {
    let settings = RenderSettings {
        voices_dir: path(dir, &mut keys, "voices_dir", "var/voices"),
        audio_dir: path(dir, &mut keys, "audio_dir", "../audio-samples"),
        recordings_dir: path(dir, &mut keys, "recordings_dir", "recordings"),
        clip_dir: path(dir, &mut keys, "clip_dir", "var/clips"),
        default_voice: keys.text("default_voice", Some("kokoro:zm_yunjian")),
        threads: keys.number("threads", Some(2), 1..=256),
        deadline_s_max: keys.number("deadline_s_max", Some(25), 1..=600),
        red_deadline_s_max: keys.number("red_deadline_s_max", Some(8), 1..=600),
        line_bit_per_s: keys.number("line_bit_per_s", Some(2_000_000), 1_000..=10_000_000_000),
    };
    keys.finish();
    settings
}

fn key_files(dir: &Path, mut keys: Keys<'_>) -> KeySettings {
    let algorithms = [("ed25519", OrderAlgorithm::Ed25519), ("sm2", OrderAlgorithm::Sm2)];
    let usual = OrderAlgorithm::Ed25519;
    let settings = KeySettings {
        order_algorithm: keys.choice("order_algorithm", Some(usual), &algorithms, usual),
        sm2_key_file: path(dir, &mut keys, "sm2_key_file", "keys/sm2.key"),
        signing_key_file: path(dir, &mut keys, "signing_key_file", "keys/signing.key"),
        terminal_master_key_file: path(
            dir,
            &mut keys,
            "terminal_master_key_file",
            "keys/terminal-master.key",
        ),
        api_keys_file: path(dir, &mut keys, "api_keys_file", "keys/api-keys.toml"),
        accounts_file: path(dir, &mut keys, "accounts_file", "keys/accounts.toml"),
    };
    keys.finish();
    settings
}

fn deliver(mut keys: Keys<'_>) -> DeliverSettings {
    let settings = DeliverSettings {
        acknowledge_wait_s: keys.number("acknowledge_wait_s", Some(8), 1..=600),
        retry_wait_s_min: keys.number("retry_wait_s_min", Some(5), 1..=3_600),
        retry_wait_s_max: keys.number("retry_wait_s_max", Some(120), 1..=86_400),
        repair_orders_per_s_max: keys.number("repair_orders_per_s_max", Some(200), 1..=100_000),
    };
    if settings.retry_wait_s_max < settings.retry_wait_s_min {
        keys.fault("retry_wait_s_max", "is shorter than `retry_wait_s_min`", "make it longer");
    }
    keys.finish();
    settings
}

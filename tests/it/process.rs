//! The real daemon as a process in a folder of its own, with keys made by its own command line.

#[path = "asking.rs"]
mod asking;
#[path = "contract.rs"]
mod contract;

pub(crate) use contract::Contract;
use mingluo::config::{Config, Loaded};
use mingluo::deliver::{KeyRing, key_id};
use mingluo::secrets::read_key;
use mingluo::simulate::{ClipSource, Fetching, Fleet, FleetConfig, FleetTerminal, Misbehaviour};
use serde_json::Value;
use std::collections::BTreeMap;
use std::io::Write as _;
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;
use tokio::runtime::Runtime;

/// Sound runs this many times faster than real time.
const TIME_SCALE: u32 = 20;

/// A gateway of `configs/dev` and its folder, which goes away with it.
pub(crate) struct Gateway {
    dir: PathBuf,
    runtime: Runtime,
    child: Option<Child>,
    http: SocketAddr,
    clips: SocketAddr,
    status: SocketAddr,
    broker: SocketAddr,
    source_key: String,
    leader_key: String,
    external: Option<Child>,
    /// How the interface describes itself, once it was asked.
    contract: OnceLock<Contract>,
    /// Settings beyond those of every test, by `section.key`.
    settings: BTreeMap<String, String>,
}

/// How `configs/dev/policy.toml` says when it is to be quiet.
pub(crate) const QUIET_HOURS: &str = "[quiet_hours]\nfrom = \"22:00\"\nuntil = \"06:00\"\n\n";

/// Where Debian and others put mosquitto.
const MOSQUITTO: [&str; 3] =
    ["/usr/sbin/mosquitto", "/usr/local/sbin/mosquitto", "/usr/bin/mosquitto"];

/// Waits until `good`, at most `s_max` seconds.
pub(crate) fn wait_until(s_max: u64, mut good: impl FnMut() -> bool, what: &str) {
    for _ in 0..s_max * 10 {
        if good() {
            return;
        }
        pause(100);
    }
    panic!("waited {s_max} s in vain: {what}");
}

fn pause(ms: u64) {
    let (_keep, never) = std::sync::mpsc::channel::<()>();
    let _elapsed = never.recv_timeout(Duration::from_millis(ms));
}

/// Sends bytes as they are and reads what comes back until the end: status and whole answer.
pub(crate) fn wire(to: SocketAddr, bytes: &[u8]) -> (u16, String) {
    let mut stream = std::net::TcpStream::connect(to).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(40))).unwrap();
    // A server that has answered already may close before everything is sent.
    let _refused = stream.write_all(bytes);
    let mut answer = Vec::new();
    let _cut_off = std::io::Read::read_to_end(&mut stream, &mut answer);
    let answer = String::from_utf8_lossy(&answer).into_owned();
    let status = answer.split(' ').nth(1).and_then(|code| code.parse().ok());
    (status.unwrap_or(0), answer)
}

/// A plain GET.
pub(crate) fn wire_get(to: SocketAddr, path: &str) -> (u16, String) {
    wire(to, format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").as_bytes())
}

/// A port that is free now.
pub(crate) fn free() -> SocketAddr {
    /// Below the ports that the system gives to outgoing connections: the fleets of other tests make
    /// hundreds of them between this look and the gateway's own bind.
    const PORTS: (u16, u16) = (20_000, 12_000);
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let first = u16::try_from(std::process::id() % u32::from(PORTS.1)).unwrap();
    loop {
        let offset = (first + NEXT.fetch_add(1, Ordering::Relaxed)) % PORTS.1;
        let address = SocketAddr::from(([127, 0, 0, 1], PORTS.0 + offset));
        if TcpListener::bind(address).is_ok() {
            return address;
        }
    }
}

impl Gateway {
    /// Makes folder and keys, starts the daemon, waits until it is ready.
    pub(crate) fn start(name: &str) -> Self {
        let mut gateway = Self::prepare(name);
        gateway.restart();
        gateway
    }

    /// The same on a mosquitto of its own; `None` when it is not installed.
    pub(crate) fn start_on_mosquitto(name: &str) -> Option<Self> {
        let program = MOSQUITTO.iter().find(|path| Path::new(path).exists())?;
        let mut gateway = Self::prepare(name);
        let file = gateway.dir.join("mosquitto.conf");
        let text = format!(
            "listener {} 127.0.0.1\nallow_anonymous true\nmax_queued_messages 10000\n\
             max_inflight_messages 1000\n",
            gateway.broker.port()
        );
        std::fs::write(&file, text).unwrap();
        let mut command = Command::new(program);
        let command = command.arg("-c").arg(&file).stdout(Stdio::null()).stderr(Stdio::null());
        gateway.external = Some(command.spawn().unwrap());
        let broker = gateway.broker;
        wait_until(20, || std::net::TcpStream::connect(broker).is_ok(), "mosquitto listens");
        gateway.restart();
        Some(gateway)
    }

    /// Kills mosquitto and starts it again on the same port.
    pub(crate) fn restart_mosquitto(&mut self) {
        let mut old = self.external.take().expect("mosquitto runs");
        old.kill().unwrap();
        old.wait().unwrap();
        let program = MOSQUITTO.iter().find(|path| Path::new(path).exists()).unwrap();
        let mut command = Command::new(program);
        let command = command.arg("-c").arg(self.dir.join("mosquitto.conf"));
        let command = command.stdout(Stdio::null()).stderr(Stdio::null());
        self.external = Some(command.spawn().unwrap());
    }

    /// Folder, configuration and keys, nothing started.
    pub(crate) fn prepare(name: &str) -> Self {
        let dir = std::env::temp_dir().join(format!("mingluo-{name}-{}", std::process::id()));
        let configs = dir.join("configs");
        std::fs::create_dir_all(&configs).unwrap();
        let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("configs/dev");
        for file in std::fs::read_dir(shipped).unwrap() {
            let file = file.unwrap().path();
            if file.is_file() {
                std::fs::copy(&file, configs.join(file.file_name().unwrap())).unwrap();
            }
        }
        let runtime = Runtime::new().unwrap();
        let mut gateway = Self {
            dir,
            runtime,
            child: None,
            http: free(),
            clips: free(),
            status: free(),
            broker: free(),
            source_key: String::new(),
            leader_key: String::new(),
            external: None,
            contract: OnceLock::new(),
            settings: BTreeMap::new(),
        };
        // What a test sees must not hang on the hour it is run at.
        gateway.edit_policy(QUIET_HOURS, "");
        assert_eq!(gateway.cli(&["keys", "init"]).0, 0);
        let create = |role: &str| {
            let (code, out) = gateway.cli(&["keys", "create", "--name", role, "--role", role]);
            assert_eq!(code, 0, "{out}");
            out.trim().to_owned()
        };
        (gateway.source_key, gateway.leader_key) = (create("source"), create("leader"));
        gateway
    }

    fn overrides(&self) -> BTreeMap<String, String> {
        let audio = Path::new(env!("CARGO_MANIFEST_DIR")).join("audio-samples");
        let ours = [
            ("http.listen", self.http.to_string()),
            ("http.terminal_listen", self.clips.to_string()),
            ("status.listen", self.status.to_string()),
            ("http.public_clip_url", format!("http://{}/clips", self.clips)),
            ("mqtt.mode", self.external.as_ref().map_or("embedded", |_| "external").to_owned()),
            ("mqtt.url", format!("mqtt://{}", self.broker)),
            ("mqtt.listen", self.broker.to_string()),
            ("record.url", "sqlite:var/record.db".to_owned()),
            ("record.ballast_mib", "0".to_owned()),
            ("render.audio_dir", audio.display().to_string()),
            ("render.clip_dir", "var/clips".to_owned()),
            ("render.voices_dir", "var/voices".to_owned()),
            ("ingest.folder", "var/alerts".to_owned()),
            ("keys.signing_key_file", "keys/signing.key".to_owned()),
            ("keys.terminal_master_key_file", "keys/master.key".to_owned()),
            ("keys.api_keys_file", "keys/api.toml".to_owned()),
        ]
        .map(|(key, value)| (key.to_owned(), value));
        ours.into_iter().chain(self.settings.clone()).collect()
    }

    /// Another setting, from the next start on.
    pub(crate) fn set(&mut self, key: &str, value: &str) {
        self.settings.insert(key.to_owned(), value.to_owned());
    }

    /// Other words in its policy.
    pub(crate) fn edit_policy(&self, from: &str, to: &str) {
        let file = self.configs().join("policy.toml");
        let text = std::fs::read_to_string(&file).unwrap();
        assert!(text.contains(from), "{} says {from}", file.display());
        std::fs::write(file, text.replacen(from, to, 1)).unwrap();
    }

    /// Its configuration directory.
    pub(crate) fn configs(&self) -> PathBuf {
        self.dir.join("configs")
    }

    /// The configuration, for a daemon inside this process.
    pub(crate) fn loaded(&self) -> Loaded {
        Config::load_with(&self.configs(), &self.overrides()).expect("a good configuration")
    }

    /// Where it listens: key of the configuration and address.
    pub(crate) fn listeners(&self) -> [(&'static str, SocketAddr); 4] {
        [
            ("status.listen", self.status),
            ("http.listen", self.http),
            ("http.terminal_listen", self.clips),
            ("mqtt.listen", self.broker),
        ]
    }

    /// Its record's file.
    pub(crate) fn record(&self) -> PathBuf {
        self.configs().join("var/record.db")
    }

    fn command(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_mingluo"));
        for (key, value) in self.overrides() {
            command.env(format!("MINGLUO__{}", key.to_uppercase().replace('.', "__")), value);
        }
        let record = format!("sqlite:{}", self.record().display());
        command.env("MINGLUO_CONFIG", self.configs()).env("MINGLUO_RECORD", record);
        command
    }

    /// Runs another command of the program; gives exit code and what it wrote.
    pub(crate) fn cli(&self, arguments: &[&str]) -> (i32, String) {
        Self::output(self.command().args(arguments))
    }

    /// The same as leader.
    pub(crate) fn cli_with_key(&self, arguments: &[&str]) -> (i32, String) {
        Self::output(self.command().env("MINGLUO_KEY", &self.leader_key).args(arguments))
    }

    fn output(command: &mut Command) -> (i32, String) {
        let done = command.output().unwrap();
        let text = String::from_utf8_lossy(&done.stdout).into_owned()
            + &String::from_utf8_lossy(&done.stderr);
        (done.status.code().unwrap_or(-1), text)
    }

    /// The same with something on standard input.
    pub(crate) fn cli_with(&self, arguments: &[&str], input: &str) -> (i32, String) {
        let mut command = self.command();
        command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        // Its standard input is closed when this is dropped.
        writeln!(child.stdin.take().unwrap(), "{input}").unwrap();
        let done = child.wait_with_output().unwrap();
        let text = String::from_utf8_lossy(&done.stdout).into_owned()
            + &String::from_utf8_lossy(&done.stderr);
        (done.status.code().unwrap_or(-1), text)
    }

    /// Path and query of the link that a first start prints.
    pub(crate) fn setup_link(&self) -> Option<String> {
        let text = std::fs::read_to_string(self.dir.join("out.txt")).unwrap();
        let at = text.find("/console/setup?token=")?;
        text[at..].split_whitespace().next().map(str::to_owned)
    }

    /// Starts the daemon (again).
    pub(crate) fn restart(&mut self) {
        let mut options = std::fs::OpenOptions::new();
        let log = options.create(true).append(true).open(self.dir.join("log.txt")).unwrap();
        let out = std::fs::File::create(self.dir.join("out.txt")).unwrap();
        let child = self.command().arg("run").stdout(out).stderr(log).spawn().unwrap();
        self.child = Some(child);
        wait_until(60, || self.ready(), "the gateway is ready");
    }

    fn ready(&self) -> bool {
        // Not at the API's address, which may speak HTTPS.
        let status = self.status;
        std::net::TcpStream::connect(status).is_ok() && wire_get(status, "/readyz").0 == 200
    }

    /// `kill -9`.
    pub(crate) fn kill(&mut self) {
        let mut child = self.child.take().expect("it runs");
        child.kill().unwrap();
        child.wait().unwrap();
    }

    /// SIGTERM; the daemon must end by itself with 0.
    pub(crate) fn stop(&mut self) {
        self.stop_within(30);
    }

    /// The same within a time.
    pub(crate) fn stop_within(&mut self, s_max: u64) {
        let mut child = self.child.take().expect("it runs");
        let pid = child.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
        let mut code = None;
        wait_until(
            s_max,
            || {
                code = child.try_wait().unwrap();
                code.is_some()
            },
            "the gateway ends after SIGTERM",
        );
        assert_eq!(code.and_then(|code| code.code()), Some(0));
    }

    /// Its configuration with the seed of its signing key and its terminals' master key.
    fn keyed(&self) -> (Loaded, [u8; 32], [u8; 32]) {
        let loaded = self.loaded();
        let seed = read_key(&loaded.config.keys.signing_key_file).unwrap();
        let master = read_key(&loaded.config.keys.terminal_master_key_file).unwrap();
        (loaded, seed, master)
    }

    /// Where terminals connect, and the keys they are known by.
    pub(crate) fn broker(&self) -> (SocketAddr, KeyRing) {
        let (_, seed, master) = self.keyed();
        (self.broker, KeyRing::new(&seed, master))
    }

    /// Runs what waits for sockets.
    pub(crate) fn wait_for<T>(&self, work: impl Future<Output = T>) -> T {
        self.runtime.block_on(work)
    }

    /// All registered terminals, on real sessions.
    pub(crate) fn fleet(&self, misbehaviour: Misbehaviour) -> Fleet {
        let (loaded, ..) = self.keyed();
        let terminals = loaded.network.terminals.values().map(FleetTerminal::of).collect();
        self.fleet_of(misbehaviour, terminals)
    }

    /// These terminals, on real sessions.
    pub(crate) fn fleet_of(
        &self,
        misbehaviour: Misbehaviour,
        terminals: Vec<FleetTerminal>,
    ) -> Fleet {
        let (loaded, seed, master) = self.keyed();
        let gateway_key = KeyRing::new(&seed, master).gateway_key();
        let config = FleetConfig {
            broker: self.broker,
            prefix: loaded.config.mqtt.prefix.clone(),
            master,
            gateway_key,
            key_id: key_id(&gateway_key),
            clips: ClipSource::new(format!("http://{}/clips", self.clips), Fetching::Each),
            time_scale: TIME_SCALE,
            connects_per_s: 500,
            misbehaviour,
        };
        let _entered = self.runtime.enter();
        Fleet::start(config, terminals).expect("the public key is one")
    }

    /// Waits.
    pub(crate) fn sleep_ms(&self, ms: u64) {
        pause(ms);
    }

    /// The most memory the daemon has had so far, KiB.
    pub(crate) fn memory_peak_kib(&self) -> u64 {
        let pid = self.child.as_ref().expect("it runs").id();
        let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
        line.trim().trim_end_matches(" kB").parse().unwrap()
    }

    /// The leader's key.
    pub(crate) fn leader(&self) -> String {
        self.leader_key.clone()
    }

    /// The source's key.
    pub(crate) fn source(&self) -> String {
        self.source_key.clone()
    }

    /// Where a watched folder's file goes.
    pub(crate) fn folder(&self) -> PathBuf {
        self.configs().join("var/alerts")
    }

    /// Posts a rainstorm alert for the county, as of now.
    pub(crate) fn post_alert(&self, severity: &str) -> Value {
        let (status, answer) =
            self.post("/alerts", &self.source(), alert("kill-1", severity, "Alert", ""));
        assert_eq!(status, 202, "{answer}");
        answer
    }
}

/// A rainstorm alert for the county in the national form, as of now.
pub(crate) fn alert(identifier: &str, severity: &str, kind: &str, refers: &str) -> String {
    let now = mingluo::clock::now_utc();
    let time = |at: mingluo::model::UtcMs| {
        let local = jiff::Timestamp::from_millisecond(at.plus_s(8 * 3600).0).unwrap();
        local.strftime("%Y-%m-%d %H:%M:%S+08:00").to_string()
    };
    let colours = [("Red", "红色"), ("Orange", "橙色"), ("Yellow", "黄色"), ("Blue", "蓝色")];
    let colour = colours.iter().find(|(word, _)| *word == severity).map_or("", |(_, zh)| zh);
    format!(
        "<alert><identifier>{identifier}</identifier><sender>岳阳县气象台</sender>\
         <senderCode>43062141600000</senderCode><sendTime>{}</sendTime>\
         <status>Actual</status><msgType>{kind}</msgType><scope>Public</scope>\
         <references>{refers}</references><info><language>zh-CN</language>\
         <eventType>11B03</eventType><severity>{severity}</severity><expires>{}</expires>\
         <headline>岳阳县气象台发布暴雨{colour}预警</headline>\
         <description>请立即转移到安全地带。</description>\
         <area><areaDesc>岳阳县</areaDesc><geocode>430621000000</geocode></area></info></alert>",
        time(now),
        time(now.plus_s(3_600))
    )
}

impl Drop for Gateway {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ended = child.kill();
            let _ended = child.wait();
        }
        if let Some(mut external) = self.external.take() {
            let _ended = external.kill();
            let _ended = external.wait();
        }
        if std::thread::panicking() {
            let log = std::fs::read_to_string(self.dir.join("log.txt")).unwrap_or_default();
            let _closed = writeln!(std::io::stderr(), "the gateway's log:\n{log}");
        }
        let _left = std::fs::remove_dir_all(&self.dir);
    }
}

//! What both sides of the comparison stand on: the same areas, keys, terminals and broker.

use super::brokers::Brokers;
use crate::config::{Config, Loaded};
use crate::model::NationalCode;
use crate::secrets;
use anyhow::Context;
use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};

/// Resource code of the platform of national terminals.
const PLATFORM: &str = "44306210000000101010101";

/// How many terminals, by link.
#[derive(Debug, Clone, Copy)]
pub(super) struct Counts {
    pub(super) mqtt: usize,
    /// Of the national protocol; 0 = the link is off.
    pub(super) national: usize,
    /// Whether their orders are signed.
    pub(super) sign: bool,
}

/// A configuration of many terminals in a folder of its own, with its keys.
pub(super) struct Stage {
    /// As loaded.
    pub(super) loaded: Loaded,
    configs: PathBuf,
    overrides: BTreeMap<String, String>,
    /// Where each share of the terminals connects.
    shares: Vec<SocketAddr>,
}

impl Stage {
    /// `n` MQTT terminals in the villages of `config`, files below `dir`; `external` = those brokers.
    ///
    /// # Errors
    /// When a file can't be copied or the configuration is faulty.
    pub(super) fn set(
        config: &Path,
        dir: &Path,
        n: usize,
        external: Option<&Brokers>,
    ) -> anyhow::Result<Self> {
        Self::of(config, dir, Counts { mqtt: n, national: 0, sign: false }, external)
    }

    /// The same with terminals of either link.
    ///
    /// # Errors
    /// As [`Self::set`].
    pub(super) fn of(
        config: &Path,
        dir: &Path,
        counts: Counts,
        external: Option<&Brokers>,
    ) -> anyhow::Result<Self> {
        let configs = dir.join("configs");
        std::fs::create_dir_all(&configs)?;
        for name in ["areas.toml", "policy.toml", "gateway.toml"] {
            std::fs::copy(config.join(name), configs.join(name))
                .with_context(|| format!("copying {name}"))?;
        }
        // Only a policy that calls people has them.
        if config.join("contacts.csv").exists() {
            std::fs::copy(config.join("contacts.csv"), configs.join("contacts.csv"))
                .context("copying contacts.csv")?;
        }
        let given = load(config, &BTreeMap::new())?;
        std::fs::write(configs.join("terminals.csv"), registry(&given, counts)?)?;
        let mut overrides = overrides(&given, external.map(|brokers| brokers.hub))?;
        if counts.national > 0 {
            overrides.insert("national.listen".into(), free_address()?.to_string());
            overrides.insert("national.platform".into(), PLATFORM.into());
            overrides.insert("national.sign".into(), counts.sign.to_string());
            overrides.insert("keys.sm2_key_file".into(), "sm2.key".into());
            secrets::create_sm2_key(&configs.join("sm2.key"))?;
        }
        let loaded = load(&configs, &overrides)?;
        secrets::create_key(&loaded.config.keys.signing_key_file)?;
        secrets::create_key(&loaded.config.keys.terminal_master_key_file)?;
        let listen = loaded.config.mqtt.listen;
        let shares = external.map_or_else(|| vec![listen], |brokers| brokers.shares.clone());
        Ok(Self { loaded, configs, overrides, shares })
    }

    /// The terminals, in processes of their own, so that memory and CPU of ours are the gateway's
    /// alone. They play in real time.
    ///
    /// # Errors
    /// When a process can't be started.
    pub(super) fn terminals(&self) -> anyhow::Result<Vec<Process>> {
        let per_share = self.loaded.network.terminals.len().div_ceil(self.shares.len());
        let shares = self.shares.iter().enumerate();
        shares
            .map(|(number, broker)| {
                let mut terminals = self.simulated("mqtt", *broker)?;
                let skip = number * per_share;
                terminals.args(["--skip", &skip.to_string(), "--count", &per_share.to_string()]);
                let started = terminals.stdout(Stdio::null()).spawn();
                Ok(Process(started.context("starting the terminals")?))
            })
            .collect()
    }

    /// Those of one link in one process, and what they say every second.
    ///
    /// # Errors
    /// When the process can't be started.
    pub(super) fn fleet(&self, link: &str) -> anyhow::Result<(Process, ChildStdout)> {
        let mut terminals = self.simulated(link, self.broker()?)?;
        let started = terminals.stdout(Stdio::piped()).spawn();
        let mut child = started.context("starting the terminals")?;
        let said = child.stdout.take();
        let process = Process(child);
        Ok((process, said.context("what the terminals say")?))
    }

    fn simulated(&self, link: &str, broker: SocketAddr) -> anyhow::Result<Command> {
        let mut terminals = Command::new(std::env::current_exe()?);
        terminals.args(["terminals", "simulate", "--fetch", "shared", "--link", link]);
        terminals.arg("--broker").arg(broker.to_string());
        terminals.arg("--config").arg(&self.configs);
        for (key, value) in &self.overrides {
            terminals.env(format!("MINGLUO__{}", key.to_uppercase().replace('.', "__")), value);
        }
        Ok(terminals)
    }

    /// The broker of both sides.
    ///
    /// # Errors
    /// When the address is none.
    pub(super) fn broker(&self) -> anyhow::Result<SocketAddr> {
        self.overrides.get("mqtt.listen").context("mqtt.listen")?.parse().context("mqtt.listen")
    }
}

pub(super) fn load(dir: &Path, overrides: &BTreeMap<String, String>) -> anyhow::Result<Loaded> {
    Config::load_with(dir, overrides).map_err(|faults| {
        let first = faults.first().map(ToString::to_string).unwrap_or_default();
        anyhow::anyhow!("{} faults; see `mingluo check`; the first: {first}", faults.len())
    })
}

fn registry(given: &Loaded, counts: Counts) -> anyhow::Result<String> {
    let mut areas: Vec<_> = given.network.terminals.values().map(|known| known.area).collect();
    areas.sort_unstable();
    areas.dedup();
    let mut text =
        String::from("id,name,area,lat_deg,lon_deg,codecs,links,volume_percent,national\n");
    for number in 0..counts.mqtt + counts.national {
        let area = areas.get(number % areas.len()).context("the configuration has no terminals")?;
        let sequence = number / areas.len() + 1;
        text += &format!("{area}-{sequence:03},T{number},{area},,,");
        if number < counts.mqtt {
            text += "opus,mqtt,80,\n";
        } else {
            // Its kind and its part have two digits each.
            let code = format!("6{area}0314{:02}04{:02}", sequence / 99 + 1, sequence % 99 + 1);
            let code = NationalCode::parse(&code).context("a resource code")?;
            text += &format!("mp3,national,80,{code}\n");
        }
    }
    Ok(text)
}

fn overrides(
    given: &Loaded,
    external: Option<SocketAddr>,
) -> anyhow::Result<BTreeMap<String, String>> {
    let (broker, clips) = (external.map_or_else(free_address, Ok)?, free_address()?);
    let mode = if external.is_some() { "external" } else { "embedded" };
    let audio = std::path::absolute(&given.config.render.audio_dir)?;
    let overrides = [
        ("http.listen", "127.0.0.1:0".to_owned()),
        ("status.listen", "127.0.0.1:0".to_owned()),
        // Only the three files above are copied.
        ("http.map_file", String::new()),
        ("http.terminal_listen", clips.to_string()),
        ("http.public_clip_url", format!("http://{clips}/clips")),
        ("mqtt.mode", mode.to_owned()),
        ("mqtt.url", format!("mqtt://{broker}")),
        ("mqtt.listen", broker.to_string()),
        ("record.url", "sqlite:record.db".to_owned()),
        ("render.audio_dir", audio.display().to_string()),
        ("render.voices_dir", "none".to_owned()),
        ("render.clip_dir", "clips".to_owned()),
        ("keys.signing_key_file", "signing.key".to_owned()),
        ("keys.terminal_master_key_file", "terminals.key".to_owned()),
        ("keys.api_keys_file", "api.toml".to_owned()),
        ("ingest.folder", String::new()),
    ];
    Ok(overrides.map(|(key, value)| (key.to_owned(), value)).into())
}

/// A local address that is free now, for a process that is started later.
///
/// It lies below the ports that the system gives to outgoing connections (32,768 and up on Linux): the
/// thousands that other programs make until then can't take it.
pub(super) fn free_address() -> anyhow::Result<SocketAddr> {
    const PORTS: Range<u16> = 10_000..20_000;
    static N_TRIED: AtomicU16 = AtomicU16::new(0);
    let first = u16::try_from(std::process::id() % u32::from(PORTS.end - PORTS.start))?;
    let found = std::iter::repeat_with(|| N_TRIED.fetch_add(1, Ordering::Relaxed))
        .take(PORTS.len())
        .map(|n| PORTS.start + first.wrapping_add(n) % (PORTS.end - PORTS.start))
        .map(|port| SocketAddr::from((Ipv4Addr::LOCALHOST, port)))
        .find(|address| TcpListener::bind(address).is_ok());
    found.with_context(|| format!("every port of {PORTS:?} is taken; stop what listens there"))
}

/// A process that ends with the value.
pub(super) struct Process(pub(super) Child);

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ended = self.0.kill();
        let _ended = self.0.wait();
    }
}

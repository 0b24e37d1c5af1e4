//! What both sides of the comparison stand on: the same areas, keys, terminals and broker.

use super::brokers::Brokers;
use crate::config::{Config, Loaded};
use crate::secrets;
use anyhow::Context;
use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};

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
    /// `n` terminals in the villages of `config`, files below `dir`; `external` = those brokers.
    ///
    /// # Errors
    /// When a file can't be copied or the configuration is faulty.
    pub(super) fn set(
        config: &Path,
        dir: &Path,
        n: usize,
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
        std::fs::write(configs.join("terminals.csv"), registry(&given, n)?)?;
        let overrides = overrides(&given, external.map(|brokers| brokers.hub))?;
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
            .map(|(number, broker)| self.simulator(*broker, number * per_share, per_share))
            .collect()
    }

    fn simulator(&self, broker: SocketAddr, skip: usize, count: usize) -> anyhow::Result<Process> {
        let mut terminals = Command::new(std::env::current_exe()?);
        terminals.args(["terminals", "simulate", "--fetch", "shared"]);
        terminals.args(["--skip", &skip.to_string(), "--count", &count.to_string()]);
        terminals.arg("--broker").arg(broker.to_string());
        terminals.arg("--config").arg(&self.configs).stdout(Stdio::null());
        for (key, value) in &self.overrides {
            terminals.env(format!("MINGLUO__{}", key.to_uppercase().replace('.', "__")), value);
        }
        Ok(Process(terminals.spawn().context("starting the terminals")?))
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

fn registry(given: &Loaded, n: usize) -> anyhow::Result<String> {
    let mut areas: Vec<_> = given.network.terminals.values().map(|known| known.area).collect();
    areas.sort_unstable();
    areas.dedup();
    let mut text = String::from("id,name,area,lat_deg,lon_deg,codecs,links,volume_percent\n");
    for number in 0..n {
        let area = areas.get(number % areas.len()).context("the configuration has no terminals")?;
        let sequence = number / areas.len() + 1;
        text += &format!("{area}-{sequence:03},T{number},{area},,,opus,mqtt,80\n");
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

//! Simulated national terminals of a configuration.

use crate::config::Loaded;
use crate::simulate::{NationalFaults, NationalFleet, NationalFleetConfig};
use anyhow::Context;
use clap::Args;
use mingluo_bridge::frame::Sm2Verifier;
use mingluo_bridge::gateway_key::GatewayKey;
use std::io::Write;
use std::sync::atomic::{AtomicU64, Ordering};

/// Misbehaviour of national terminals.
#[derive(Debug, Clone, Copy, Default, Args)]
pub(super) struct NationalFaultArgs {
    /// National link: percent of terminals that never answer a start 国标终端不应答的百分比
    #[arg(long, default_value_t = 0, value_parser = clap::value_parser!(u8).range(0..=100))]
    silent: u8,
    /// National link: percent that answer every start with --error-code 以错误码应答的百分比
    #[arg(long, default_value_t = 0, value_parser = clap::value_parser!(u8).range(0..=100))]
    error: u8,
    /// The code, such as 34 write fault, 73 busy 错误码
    #[arg(long, default_value_t = 34)]
    error_code: u8,
    /// National link: percent that lose their connection once when they begin to play, and play on 播放时断线的百分比
    #[arg(long, default_value_t = 0, value_parser = clap::value_parser!(u8).range(0..=100))]
    drop: u8,
    /// National link: percent that go on beyond the end of their start, until they are stopped 到时不自停的百分比
    #[arg(long, default_value_t = 0, value_parser = clap::value_parser!(u8).range(0..=100))]
    endless: u8,
}

/// What the command line says of the fleet.
pub(super) struct Asked {
    pub(super) faults: NationalFaultArgs,
    pub(super) offline: u8,
    pub(super) restart: u8,
    pub(super) seed: u64,
    pub(super) count: usize,
    pub(super) time_scale: u32,
    pub(super) seconds: Option<u64>,
}

/// Runs them until the time is over or the command is interrupted.
///
/// # Errors
/// When the link is off, or the key can't be read.
pub(super) async fn simulate(
    loaded: &Loaded,
    asked: &Asked,
    out: &mut impl Write,
) -> anyhow::Result<u8> {
    let national = &loaded.config.national;
    let gateway = national.listen.context("`listen` of [national] is empty: the link is off")?;
    let verifier = if national.sign {
        let key = crate::secrets::read_sm2_key(&loaded.config.keys.sm2_key_file)?;
        match key.public() {
            GatewayKey::Sm2 { x, y } => Sm2Verifier::new(0, &x, &y),
            GatewayKey::Ed25519(_) => None,
        }
    } else {
        None
    };
    let faults = NationalFaults {
        offline_percent: asked.offline,
        silent_percent: asked.faults.silent,
        error_percent: asked.faults.error,
        error_code: asked.faults.error_code,
        drop_percent: asked.faults.drop,
        restart_percent: asked.restart,
        endless_percent: asked.faults.endless,
        seed: asked.seed,
    };
    let config = NationalFleetConfig { gateway, time_scale: asked.time_scale, verifier, faults };
    let codes = loaded.network.terminals.values().filter_map(|terminal| terminal.national);
    let codes: Vec<_> = codes.take(asked.count).collect();
    let fleet = NationalFleet::start(&config, &codes);
    let mut left_s = asked.seconds.unwrap_or(u64::MAX);
    while super::terminals::another_second(&mut left_s).await {
        let stats = &fleet.stats;
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        writeln!(
            out,
            "connected {}/{}  orders {}  refused signatures {}  cut off {}  {}",
            read(&stats.connected),
            fleet.n_connecting,
            read(&stats.orders),
            read(&stats.refused_signatures),
            read(&stats.cut),
            stats.came,
        )?;
    }
    fleet.stop();
    Ok(0)
}

//! `mingluo run`: the daemon.

use crate::config::{Config, LogFormat};
use crate::daemon::{Daemon, StartFault};
use clap::Args;
use std::io::Write;
use std::path::PathBuf;
use std::time::Duration;
use tokio::signal::unix::{SignalKind, signal};

/// Arguments of `mingluo run`.
#[derive(Debug, Args)]
pub struct RunArgs {
    /// Configuration directory
    #[arg(long, value_name = "DIR", default_value = "configs", env = "MINGLUO_CONFIG")]
    pub config: PathBuf,
}

/// Runs until SIGTERM or SIGINT.
///
/// # Errors
/// Configuration (exit 78), keys (77), address (69), record (75).
pub(crate) fn run(args: &RunArgs) -> anyhow::Result<u8> {
    let loaded = Config::load(&args.config).map_err(|faults| {
        let lines: Vec<String> = faults.iter().map(ToString::to_string).collect();
        let n = lines.len();
        StartFault {
            exit: super::check::EXIT_CONFIGURATION,
            fault: anyhow::anyhow!(
                "{n} {} in {}; nothing was started:\n{}",
                if n == 1 { "fault" } else { "faults" },
                args.config.display(),
                lines.join("\n")
            ),
        }
    })?;
    super::start_log(loaded.config.log.format == LogFormat::Json, "info");
    for warning in &loaded.warnings {
        tracing::warn!("{warning}");
    }
    let runtime = super::runtime()?;
    let done = runtime.block_on(Box::pin(serve(loaded)));
    // A thread that is stuck may not keep the process.
    runtime.shutdown_timeout(Duration::from_secs(1));
    done
}

async fn serve(loaded: crate::config::Loaded) -> anyhow::Result<u8> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let scheme = if loaded.config.http.tls().is_some() { "https" } else { "http" };
    let daemon = tokio::select! {
        started = Daemon::start(loaded) => started?,
        _ = terminate.recv() => return Ok(stopped_early()),
        _ = interrupt.recv() => return Ok(stopped_early()),
    };
    tracing::info!(
        http = %daemon.http,
        clips = %daemon.clips,
        status = %daemon.status,
        broker = ?daemon.broker,
        "ready"
    );
    if let Some(setup) = &daemon.setup {
        // Not into the log: it opens the door, once.
        let mut out = std::io::stdout();
        writeln!(
            out,
            "首次启动，请在 24 小时内用浏览器打开一次性链接建立管理员账号 First start, open once:"
        )?;
        writeln!(out, "{scheme}://{}{setup}", daemon.http)?;
        out.flush()?;
    }
    notify(sd_notify::NotifyState::Ready);
    let mut beats = tokio::time::interval(Duration::from_secs(2));
    loop {
        tokio::select! {
            _ = terminate.recv() => break,
            _ = interrupt.recv() => break,
            _ = beats.tick() => {
                if daemon.core_ended() {
                    anyhow::bail!("the core ended; a restart replays the record");
                }
                // The watchdog is fed by a core that answers, not by a process that exists.
                let look = daemon.core.look(|_| ());
                if tokio::time::timeout(Duration::from_secs(5), look).await.is_ok() {
                    notify(sd_notify::NotifyState::Watchdog);
                }
            }
        }
    }
    notify(sd_notify::NotifyState::Stopping);
    tracing::info!("stopping");
    daemon.stop().await?;
    Ok(0)
}

/// A signal came before anything had begun, such as in a long replay.
fn stopped_early() -> u8 {
    tracing::info!("stopped before the start was done; nothing was changed");
    0
}

/// Tells systemd, when it started us.
fn notify(state: sd_notify::NotifyState<'_>) {
    if let Err(fault) = sd_notify::notify(&[state]) {
        tracing::warn!(%fault, "systemd was not told");
    }
}

//! Subcommands of `mingluo`, one file each.

mod alert;
mod bench;
mod broadcast;
pub mod check;
mod client;
mod configured;
mod demo;
mod exit;
mod explain;
mod keys;
mod latch;
mod national;
mod platform;
pub mod record;
mod run;
pub mod say;
mod serial;
mod stations;
mod stop;
mod terminals;
mod user;
pub mod voice;

use clap::Subcommand;
use std::io::Write;
use std::process::ExitCode;

/// Wrong use of the command (`EX_USAGE`).
pub const EXIT_USAGE: u8 = 64;
/// It failed.
pub const EXIT_FAILED: u8 = 1;
/// Sent, but not everyone acknowledged.
pub const EXIT_NOT_ALL: u8 = 2;

/// All subcommands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Show the whole chain on this machine 演示: alert, plan, voice, terminals, ledger
    Demo(demo::DemoArgs),
    /// Run the gateway 运行网关
    Run(run::RunArgs),
    /// Check a configuration 检查配置: every fault with file, line and remedy
    Check(check::CheckArgs),
    /// Dry run of one alert file 预演: what would be said, where, and why; touches nothing
    Explain(explain::ExplainArgs),
    /// Send an alert file to a running gateway 提交预警
    Alert(alert::AlertArgs),
    /// Manual broadcasts and approvals 手动广播与审批
    Broadcast(broadcast::BroadcastArgs),
    /// Stop everything at once 一键停播
    Stop(stop::StopArgs),
    /// Keep everything from starting until a leader lifts it 停播锁
    Latch(latch::LatchArgs),
    /// List or simulate terminals 终端
    Terminals(terminals::TerminalsArgs),
    /// Read telegrams of monitoring stations 监测站报文
    Stations(stations::StationsArgs),
    /// Verify, export or show the record 记录与审计
    Record(record::RecordArgs),
    /// Speak a text into a file 试听: with --explain, show how it would be read
    Say(say::SayArgs),
    /// Install or list the neural voice 语音
    Voice(voice::VoiceArgs),
    /// Make keys: gateway keys and API keys 密钥
    Keys(keys::KeysArgs),
    /// The upper emergency-broadcast platform: keys and a simulated one 上级应急广播平台
    Platform(platform::PlatformArgs),
    /// Accounts of people who sign in at the console 人员账号
    User(user::UserArgs),
    /// Measure fan-out and record on this machine 性能测试
    Bench(bench::BenchArgs),
}

/// Runs a subcommand and gives the exit code.
#[must_use]
pub fn run(command: Command) -> ExitCode {
    let mut out = std::io::stdout().lock();
    let done = match command {
        Command::Demo(args) => demo::run(&args),
        Command::Run(args) => run::run(&args),
        Command::Check(args) => check::run(&args, &mut out).map_err(anyhow::Error::from),
        Command::Explain(args) => explain::run(&args, &mut out),
        Command::Alert(args) => alert::run(&args, &mut out),
        Command::Broadcast(args) => broadcast::run(&args, &mut out),
        Command::Stop(args) => stop::run(&args, &mut out),
        Command::Latch(args) => latch::run(&args, &mut out),
        Command::Terminals(args) => terminals::run(&args, &mut out),
        Command::Stations(args) => stations::run(&args, &mut out),
        Command::Record(args) => record::run(&args, &mut out),
        Command::Say(args) => say::run(&args, &mut out),
        Command::Voice(args) => voice::run(&args, &mut out),
        Command::Keys(args) => keys::run(&args, &mut out),
        Command::Platform(args) => platform::run(&args, &mut out),
        Command::User(args) => user::run(&args, &mut out),
        Command::Bench(args) => bench::run(&args, &mut out),
    };
    match done {
        Ok(code) => ExitCode::from(code),
        Err(fault) => {
            let code = fault.downcast_ref::<crate::daemon::StartFault>().map(|fault| fault.exit);
            let code = code.or(fault.downcast_ref::<exit::Exit>().map(|fault| fault.code));
            // Standard error may be closed; the exit code still tells.
            let _closed = writeln!(std::io::stderr(), "mingluo: {fault:#}");
            ExitCode::from(code.unwrap_or(EXIT_FAILED))
        }
    }
}

/// Starts the log: to standard error, level by `RUST_LOG` (default `info`).
fn start_log(json: bool, default: &str) {
    use tracing_subscriber::EnvFilter;
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(default));
    let log = tracing_subscriber::fmt()
        .with_env_filter(filter.add_directive("rmqtt::server=error".parse().unwrap_or_default()))
        .with_writer(std::io::stderr);
    let log = log.with_ansi(std::io::IsTerminal::is_terminal(&std::io::stderr()));
    // A log that was started already (tests) goes on.
    let _started = if json { log.json().try_init() } else { log.try_init() };
}

/// A runtime for asynchronous subcommands.
fn runtime() -> anyhow::Result<tokio::runtime::Runtime> {
    Ok(tokio::runtime::Builder::new_multi_thread().enable_all().build()?)
}

//! The `mingluo` command: parses, dispatches, gives the exit code.

use clap::Parser;
use mingluo::cli::{self, Command};
use std::process::ExitCode;

/// 鸣锣 Mingluo: early-warning broadcast gateway for village loudspeakers 应急广播网关
#[derive(Debug, Parser)]
#[command(name = "mingluo", version, about)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

fn main() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(fault) => {
            // Clap's own text for help, version and usage faults; 64 is EX_USAGE.
            let shown = fault.print();
            let good = !fault.use_stderr() && shown.is_ok();
            return ExitCode::from(if good { 0 } else { cli::EXIT_USAGE });
        }
    };
    cli::run(arguments.command)
}

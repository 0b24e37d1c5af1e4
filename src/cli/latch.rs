//! `mingluo latch`: the STOP latch 停播锁.

use super::client::{ClientArgs, print};
use clap::{Args, Subcommand};
use serde_json::{Map, Value, json};

/// Arguments of `mingluo latch`.
#[derive(Debug, Args)]
pub struct LatchArgs {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Show latches that hold 查看
    Show {
        #[command(flatten)]
        client: ClientArgs,
        /// Print JSON for machines
        #[arg(long)]
        json: bool,
    },
    /// Let nothing start from above, from sources or by programmes 设置
    Set {
        /// Only inside these areas (12-digit codes); none = the whole county
        #[arg(long = "area", value_name = "CODE")]
        areas: Vec<String>,
        /// Refuse what comes instead of letting it wait for people
        #[arg(long)]
        refuse: bool,
        /// Stop what sounds there now as well
        #[arg(long)]
        stop: bool,
        /// Why; at least a few words
        #[arg(long)]
        reason: String,
        #[command(flatten)]
        client: ClientArgs,
        /// Print JSON for machines
        #[arg(long)]
        json: bool,
    },
    /// Lift latches 解除
    Lift {
        /// Only of these areas (12-digit codes); none = all that hold
        #[arg(long = "area", value_name = "CODE")]
        areas: Vec<String>,
        /// Why; at least a few words
        #[arg(long)]
        reason: String,
        #[command(flatten)]
        client: ClientArgs,
        /// Print JSON for machines
        #[arg(long)]
        json: bool,
    },
}

/// Shows, sets or lifts.
///
/// # Errors
/// When the gateway is not there or says no.
pub(crate) fn run(args: &LatchArgs, out: &mut impl std::io::Write) -> anyhow::Result<u8> {
    let runtime = super::runtime()?;
    let (answer, as_json) = match &args.what {
        What::Show { client, json } => (runtime.block_on(client.client()?.get("/latches"))?, json),
        What::Set { areas, refuse, stop, reason, client, json: as_json } => {
            let hold = if *refuse { "refuse" } else { "wait" };
            let mut body = body(areas, reason);
            body.insert("hold".to_owned(), json!(hold));
            body.insert("stop".to_owned(), json!(stop));
            let post = client.client()?;
            (runtime.block_on(post.post("/latches", &Value::Object(body)))?, as_json)
        }
        What::Lift { areas, reason, client, json } => {
            let body = Value::Object(body(areas, reason));
            (runtime.block_on(client.client()?.post("/latches/lift", &body))?, json)
        }
    };
    print(&answer, *as_json, out)?;
    Ok(0)
}

/// Without areas all are meant.
fn body(areas: &[String], reason: &str) -> Map<String, Value> {
    let mut body = Map::from_iter([("reason".to_owned(), json!(reason))]);
    if !areas.is_empty() {
        body.insert("areas".to_owned(), json!(areas));
    }
    body
}

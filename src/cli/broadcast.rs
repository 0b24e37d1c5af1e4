//! `mingluo broadcast`: manual broadcasts, approvals, cancels, outcomes, drills.

use super::client::{Client, ClientArgs, print};
use clap::{Args, Subcommand};
use serde_json::{Value, json};

/// Arguments of `mingluo broadcast`.
#[derive(Debug, Args)]
pub struct BroadcastArgs {
    #[command(subcommand)]
    what: What,
    #[command(flatten)]
    client: ClientArgs,
    /// Print JSON for machines
    #[arg(long, global = true)]
    pub json: bool,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Send a message 手动广播
    Send(SendArgs),
    /// Broadcasts, newest first 播发列表
    List,
    /// One broadcast with its counts 播发详情
    Show {
        /// Its number
        id: String,
    },
    /// Plans that wait for people 待审批
    Waiting,
    /// Approve a plan 批准
    Approve {
        /// Its number
        plan: String,
        /// Its revision as you saw it: `waiting` shows it, and it rises with every edit 版次
        #[arg(long, default_value_t = 0)]
        revision: u32,
    },
    /// Refuse a plan 不予播发
    Refuse {
        /// Its number
        plan: String,
        /// Why, four characters at least
        #[arg(long)]
        reason: String,
    },
    /// Cancel a broadcast 取消播发
    Cancel {
        /// Its number
        id: String,
        /// Why
        #[arg(long)]
        reason: String,
    },
    /// Arm drills for some minutes, 0 = disarm 演练
    Drill {
        /// Minutes, 1 to 240; 0 disarms
        minutes: u32,
    },
}

#[derive(Debug, Args)]
struct SendArgs {
    /// Words to speak
    #[arg(long, required_unless_present = "recording")]
    text: Option<String>,
    /// Recorded message to play instead
    #[arg(long)]
    recording: Option<String>,
    /// Area code (12 digits), repeatable
    #[arg(long = "area", value_name = "CODE")]
    areas: Vec<String>,
    /// Terminal, repeatable
    #[arg(long = "terminal", value_name = "ID")]
    terminals: Vec<String>,
    /// For real or for practice: must be said
    #[arg(long, value_parser = ["live", "drill"])]
    class: String,
    /// Plays per terminal
    #[arg(long, default_value_t = 1)]
    repeats: u8,
    /// Seconds between plays
    #[arg(long, default_value_t = 0)]
    interval_s: u16,
    /// Seconds it stays valid
    #[arg(long, default_value_t = 1_800)]
    valid_s: u32,
    /// An emergency, not a daily notice
    #[arg(long)]
    emergency: bool,
    /// Say what would be sent, send nothing
    #[arg(long)]
    dry_run: bool,
}

/// Runs the subcommand.
///
/// # Errors
/// When the gateway is not there or says no.
pub(crate) fn run(args: &BroadcastArgs, out: &mut impl std::io::Write) -> anyhow::Result<u8> {
    if let What::Send(send) = &args.what
        && send.dry_run
    {
        print(&body(send), args.json, out)?;
        return Ok(0);
    }
    let client = args.client.client()?;
    let answer = super::runtime()?.block_on(call(&client, &args.what))?;
    print(&answer, args.json, out)?;
    Ok(0)
}

async fn call(client: &Client, what: &What) -> anyhow::Result<Value> {
    match what {
        What::Send(send) => client.post("/broadcasts", &body(send)).await,
        What::List => client.get("/broadcasts").await,
        What::Show { id } => client.get(&format!("/broadcasts/{id}")).await,
        What::Waiting => client.get("/plans").await,
        What::Approve { plan, revision } => {
            let body = json!({ "revision": revision });
            client.post(&format!("/broadcasts/{plan}/approve"), &body).await
        }
        What::Refuse { plan, reason } => {
            let body = json!({ "reason": reason });
            client.post(&format!("/broadcasts/{plan}/refuse"), &body).await
        }
        What::Cancel { id, reason } => {
            client.post(&format!("/broadcasts/{id}/cancel"), &json!({ "reason": reason })).await
        }
        What::Drill { minutes } => {
            client.post("/drill", &json!({ "armed": *minutes > 0, "minutes": minutes })).await
        }
    }
}

fn body(send: &SendArgs) -> Value {
    json!({
        "text": send.text,
        "recording": send.recording,
        "areas": send.areas,
        "terminals": send.terminals,
        "class": send.class,
        "repeats": send.repeats,
        "interval_s": send.interval_s,
        "valid_s": send.valid_s,
        "emergency": send.emergency,
    })
}

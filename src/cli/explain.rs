//! `mingluo explain FILE`: a dry run that touches nothing.

mod words;

use super::configured::configured;
use super::exit::read_input;
use crate::clock;
use crate::console::said_in_chinese;
use crate::daemon::policy_edits;
use crate::decide::{Explanation, Memory, PolicyEdits, Rules, explain};
use crate::ingest;
use crate::model::{Plan, UtcMs};
use clap::Args;
use std::io::Write;
use std::path::PathBuf;

/// Spoken Chinese, syllables per second, for the airtime estimate before rendering.
const SYLLABLES_PER_S: usize = 4;

/// Arguments of `mingluo explain`.
#[derive(Debug, Args)]
pub struct ExplainArgs {
    /// CAP XML, 12379 XML or JSON
    pub file: PathBuf,
    /// Configuration directory
    #[arg(long, value_name = "DIR", default_value = "configs", env = "MINGLUO_CONFIG")]
    pub config: PathBuf,
    /// As if it were this time (milliseconds since 1970); default: now
    #[arg(long, value_name = "MS")]
    pub at: Option<i64>,
    /// Print JSON for machines
    #[arg(long)]
    pub json: bool,
}

/// Explains. Exit 1 = the file is no readable alert, 66 = there is no such file, 78 = faults of the configuration.
///
/// # Errors
/// When the file or the configuration can't be read.
pub(crate) fn run(args: &ExplainArgs, out: &mut impl Write) -> anyhow::Result<u8> {
    let bytes = read_input(&args.file, "an alert file")?;
    let loaded = configured(&args.config)?;
    let name = args.file.file_name().map(|name| name.to_string_lossy().into_owned());
    let alert = match ingest::read(&bytes, name.as_deref()) {
        Ok(alert) => alert,
        Err(rejection) => {
            if args.json {
                writeln!(out, "{}", serde_json::json!({ "rejected": rejection }))?;
            } else {
                write!(out, "{}", ingest::report(&rejection, &said_in_chinese))?;
            }
            return Ok(super::EXIT_FAILED);
        }
    };
    let now = args.at.map_or_else(clock::now_utc, UtcMs);
    let edits = policy_edits(&loaded.config.record.url).or_else(|fault| {
        let remedy = "run this as the user of the gateway; the file alone is explained";
        writeln!(std::io::stderr(), "what was changed on screen can't be read: {fault}; {remedy}")
            .map(|()| PolicyEdits::default())
    })?;
    let policy = edits.over(&loaded.policy, &loaded.network).policy;
    let rules = Rules::new(loaded.network, policy);
    let mut explanation = explain(&rules, now, &alert, &Memory::default());
    explanation.airtime_ms = explanation.plan.as_ref().map(|plan| {
        let seconds = plan.message.text.chars().count() / SYLLABLES_PER_S;
        u32::try_from(seconds * 1000).unwrap_or(u32::MAX)
    });
    if args.json {
        let text = serde_json::json!({ "alert": alert, "explanation": explanation });
        writeln!(out, "{text}")?;
    } else {
        text(&rules, &alert, &explanation, out)?;
    }
    Ok(0)
}

fn text(
    rules: &Rules,
    alert: &crate::model::Alert,
    explanation: &Explanation,
    out: &mut impl Write,
) -> anyhow::Result<()> {
    let e = explanation;
    writeln!(out, "预警  {} 来自 {}（{}）", e.id.identifier, e.id.sender, words::form(alert))?;
    let (status, kind) = (words::status(e.status), words::msg_type(e.msg_type));
    writeln!(out, "      {status} / {kind} / {} / {}", e.hazard, words::level(e.level))?;
    writeln!(out, "标题  {}", e.headline)?;
    for oddity in &alert.oddities {
        writeln!(out, "容错  {}", ingest::said(oddity, &said_in_chinese))?;
    }
    writeln!(out, "决定  {}", words::decision(e.decision))?;
    for reason in &e.reasons {
        writeln!(out, "  - {} [{}]", reason.text, reason.code)?;
    }
    if let Some(plan) = &e.plan {
        planned(rules, e, plan, out)?;
    }
    for unknown in &e.unknown {
        writeln!(out, "未知区域  {unknown}")?;
    }
    for outside in &e.outside {
        writeln!(out, "辖区以外  {outside}")?;
    }
    for (name, reason) in &e.misses {
        let known = rules.policy.plans.iter().find(|plan| plan.name == *name);
        let title = known.map_or("", |plan| plan.title.as_str());
        writeln!(out, "未匹配预案  {title} [{name}]：{}", reason.text)?;
    }
    Ok(())
}

/// What would sound, where and when.
fn planned(
    rules: &Rules,
    e: &Explanation,
    plan: &Plan,
    out: &mut impl Write,
) -> anyhow::Result<()> {
    let need = words::need(&plan.need);
    writeln!(out, "预案  {} [{}]（{need}）", plan.title(), plan.response_plan)?;
    let (class, chime) = (words::class(plan.class), words::chime(plan.chime));
    writeln!(out, "级别  {class} 优先级 {} 提示音 {chime}", plan.priority.0)?;
    let local = |at| words::time(at, rules.policy.local_offset_minutes);
    writeln!(out, "时间  {} 起，{} 止", local(plan.not_before), local(plan.expires))?;
    writeln!(out, "播放  {} 遍，间隔 {} 秒", plan.repeats, plan.interval_s)?;
    writeln!(out, "终端  {} 个", plan.terminals.len())?;
    for township in &e.townships {
        writeln!(out, "  {:<8}{:>5}", township.name, township.n_terminals)?;
    }
    if let Some(ms) = e.airtime_ms {
        writeln!(out, "时长  每遍约 {} 秒", ms / 1000)?;
    }
    writeln!(out, "内容  {}", plan.message.text)?;
    Ok(())
}

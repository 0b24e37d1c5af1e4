//! What the demo prints: a line of live progress, a table at the end.

use super::Finding;
use crate::config::Settings;
use crate::gateway::{Counts, Phase};
use serde_json::Value;
use std::io::{IsTerminal, Write};
use std::time::Duration;

/// Prints to standard output; silent but for the last object with `--json`.
pub(super) struct Show {
    json: bool,
    live: bool,
    last: String,
}

impl Show {
    pub(super) fn new(json: bool) -> Self {
        Self { json, live: std::io::stdout().is_terminal(), last: String::new() }
    }

    fn write(&self, text: &str) {
        // A closed pipe ends nothing: the demo still finishes its ledger.
        let _closed = std::io::stdout().lock().write_all(text.as_bytes());
        let _closed = std::io::stdout().lock().flush();
    }

    /// One line.
    pub(super) fn line(&mut self, text: &str) {
        if !self.json {
            self.write(&format!("{text}\n"));
        }
    }

    /// What the gateway answered to the alert.
    pub(super) fn answer(&mut self, answer: &Value) {
        let say = |name: &str| answer.get(name).and_then(Value::as_str).unwrap_or("").to_owned();
        self.line(&format!("预警已受理：{}", say("disposition")));
        for reason in answer.get("reasons").and_then(Value::as_array).into_iter().flatten() {
            let text = reason.get("text").and_then(Value::as_str).unwrap_or("");
            self.line(&format!("  - {text}"));
        }
    }

    /// Live progress: in place on a terminal, else a line when something changed.
    pub(super) fn progress(&mut self, elapsed: Duration, counts: &Counts, phase: Phase) {
        let text = format!(
            "目标 {} 已发 {} 收到 {} 播放中 {} 已播完 {} 失败 {} 拒绝 {} [{phase:?}]",
            counts.targeted,
            counts.sent,
            counts.received,
            counts.playing,
            counts.played,
            counts.failed,
            counts.refused
        );
        if self.json || text == self.last {
            return;
        }
        let tenths = elapsed.as_millis() / 100;
        let line = format!("{:>4}.{} s  {text}", tenths / 10, tenths % 10);
        if self.live {
            self.write(&format!("\r\x1b[K{line}"));
        } else {
            self.write(&format!("{line}\n"));
        }
        self.last = text;
    }

    /// Ends the live line.
    pub(super) fn progress_end(&mut self) {
        if self.live && !self.json {
            self.write("\n");
        }
    }

    /// The table at the end.
    pub(super) fn finish(&mut self, finding: &Finding, settings: &Settings) {
        let clip = finding.clip.as_ref().map(|path| path.display().to_string());
        if self.json {
            let object = serde_json::json!({
                "broadcast": finding.broadcast.to_string(),
                "counts": finding.counts,
                "connected": finding.n_connected,
                "offline": finding.n_offline,
                "slowest_received_ms": finding.slowest,
                "played_more_than_ordered": finding.double,
                "played_on_record_but_silent": finding.unproven,
                "record": { "url": settings.record.url, "verification": finding.verified },
                "clip": clip,
                "view": finding.view,
            });
            self.write(&format!("{object}\n"));
            return;
        }
        self.line(&format!("\n播发 {} 结果", finding.broadcast));
        self.line("乡镇            目标  播完  播放  收到  未达  其他");
        for township in
            finding.view.get("townships").and_then(Value::as_array).into_iter().flatten()
        {
            self.line(&row(township));
        }
        let c = finding.counts;
        self.line(&format!(
            "合计 {}：播完 {}，播放中 {}，收到 {}，已发未回 {}，拒绝 {}，失败 {}（离线终端 {}）",
            c.targeted,
            c.played,
            c.playing,
            c.received,
            c.sent + c.waiting,
            c.refused,
            c.failed,
            finding.n_offline
        ));
        for (terminal, ms) in &finding.slowest {
            self.line(&format!("最慢收到  {terminal}  {ms} ms"));
        }
        if let Some(spoken) = finding.view.get("spoken") {
            let say = |name: &str| spoken.get(name).and_then(Value::as_str).unwrap_or("");
            self.line(&format!("语音  {}", say("voice")));
            if !say("fallback_reason").is_empty() {
                self.line(&format!("      未用神经语音：{}", say("fallback_reason")));
            }
        }
        self.line(&format!("音频  {}", clip.unwrap_or_default()));
        self.line(&format!("账本  {}", settings.record.url));
        let v = &finding.verified;
        let proven = if v.n_faults == 0 { "校验通过" } else { "校验不通过" };
        self.line(&format!("      {proven}：{} 行，头 {}:{}", v.n_rows, v.head_seq, v.head_hash));
        let extra = (finding.double.len(), finding.unproven.len());
        self.line(&format!("重复播放的终端 {}，无声却记为播完的终端 {}", extra.0, extra.1));
        for fault in &v.faults {
            self.line(&format!("      行 {}: {}", fault.seq, fault.what));
        }
    }
}

fn row(township: &Value) -> String {
    let name = township.get("name").and_then(Value::as_str).unwrap_or("?");
    let count = |key: &str| {
        township
            .get("counts")
            .and_then(|counts| counts.get(key))
            .and_then(Value::as_u64)
            .unwrap_or(0)
    };
    let silent = count("sent") + count("waiting") + count("unreachable");
    let known = count("played") + count("playing") + count("received") + silent;
    let pad = 16_usize.saturating_sub(name.chars().count() * 2);
    format!(
        "{name}{}{:>4}{:>6}{:>6}{:>6}{:>6}{:>6}",
        " ".repeat(pad),
        count("targeted"),
        count("played"),
        count("playing"),
        count("received"),
        silent,
        count("targeted").saturating_sub(known)
    )
}

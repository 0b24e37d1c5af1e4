//! Looks after the end of our certificate and of API keys: an alarm and a line of the log at 90 (the
//! certificate), 30, 7 and 1 days before it, and when it has come.

use super::metrics::Metrics;
use crate::{clock, tls};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// How often one looks.
const LOOK_EVERY: Duration = Duration::from_secs(3_600);

/// Watches until the runtime ends; ends at once when there is no certificate.
pub(super) async fn watch(metrics: Arc<Metrics>) {
    let Some(until) = metrics.certificate_until() else { return };
    let mut told = None;
    let mut ticks = tokio::time::interval(LOOK_EVERY);
    loop {
        ticks.tick().await;
        let now = clock::now_utc();
        let stage = tls::stage(now, until);
        if stage != told
            && let Some(warning) = tls::warning(now, until)
        {
            metrics.alarm("certificate_expires");
            tracing::warn!("{warning}");
        }
        told = stage;
    }
}

/// Watches the keys until the runtime ends.
pub(super) async fn watch_keys(metrics: Arc<Metrics>) {
    let mut told: BTreeMap<(String, i64), i64> = BTreeMap::new();
    let mut ticks = tokio::time::interval(LOOK_EVERY);
    loop {
        ticks.tick().await;
        let Some(keys) = metrics.watched_keys() else { continue };
        let ending = keys.ending(clock::now_utc());
        for (name, end, stage) in &ending {
            if told.get(&(name.clone(), end.0)) != Some(stage) {
                metrics.alarm("api_key_expires");
                tracing::warn!(%name, ends_ms = end.0, days = stage, "接口密钥即将到期或已到期，请换新并吊销旧密钥");
            }
        }
        told = ending.into_iter().map(|(name, end, stage)| ((name, end.0), stage)).collect();
    }
}

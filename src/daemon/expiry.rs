//! Looks after the end of our certificate: an alarm and a line of the log at 90, 30, 7 and 1 days
//! before it, and when it has come.

use super::metrics::Metrics;
use crate::{clock, tls};
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

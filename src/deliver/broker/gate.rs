//! Orders before reports: while an order to an area goes out to thousands of sessions, the reports
//! that come back wait at the publish hook. Otherwise each report is handled before the sessions that
//! have not sent the order yet, and the last village hears it later (README, fan-out).

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;
use tokio::sync::{oneshot, watch};

/// Longest wait of reports for one order, and shortest time that they are let through until the next
/// order holds them again: someone who speaks live sends an order every few hundred milliseconds.
const HELD_MAX: Duration = Duration::from_millis(500);
/// How often is looked whether the order still goes out.
const LOOK_EVERY: Duration = Duration::from_millis(10);

/// The gate that reports pass.
pub(super) struct Gate {
    n_sent: AtomicU64,
    open: watch::Sender<bool>,
    may_close: AtomicBool,
}

impl Gate {
    /// An open gate.
    pub(super) fn new() -> Self {
        let (n_sent, may_close) = (AtomicU64::new(0), AtomicBool::new(true));
        Self { n_sent, open: watch::Sender::new(true), may_close }
    }

    /// A session sends an order to its terminal.
    pub(super) fn sent(&self) {
        self.n_sent.fetch_add(1, Ordering::Relaxed);
    }

    /// Waits until no order goes out, at most [`HELD_MAX`].
    pub(super) async fn passed(&self) {
        let mut open = self.open.subscribe();
        // The sender lives as long as this value.
        let _gone = open.wait_for(|open| *open).await;
    }

    /// Holds reports from now on, unless they are or were held just before; `true` when it does: then
    /// [`Gate::open_when_sent`] must run.
    pub(super) fn close(&self) -> bool {
        let closes = self.may_close.swap(false, Ordering::Relaxed);
        if closes {
            self.open.send_replace(false);
        }
        closes
    }

    /// Opens it as soon as the order has been `queued` at every session (or given up: its other end is
    /// gone) and no session sends any more, or after [`HELD_MAX`]. It may close again as much later.
    pub(super) async fn open_when_sent(self: Arc<Self>, queued: oneshot::Receiver<()>) {
        let sent = async {
            // Either way nothing more is queued.
            let _queued_or_given_up = queued.await;
            let mut n_before = None;
            loop {
                let n_now = self.n_sent.load(Ordering::Relaxed);
                if n_before.replace(n_now) == Some(n_now) {
                    break;
                }
                tokio::time::sleep(LOOK_EVERY).await;
            }
        };
        let _sent_or_late = tokio::time::timeout(HELD_MAX, sent).await;
        self.open.send_replace(true);
        tokio::time::sleep(HELD_MAX).await;
        self.may_close.store(true, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Monotonic;

    /// An order that `n` sessions send, one every 5 ms; gives when a report that came at once passed.
    async fn passed_ms(n: u32) -> u64 {
        let gate = Arc::new(Gate::new());
        assert!(gate.close());
        assert!(!gate.close(), "it is closed already, and opened once");
        let (queued, all_queued) = oneshot::channel();
        let opening = tokio::spawn(Arc::clone(&gate).open_when_sent(all_queued));
        let sending = Arc::clone(&gate);
        let sending = tokio::spawn(async move {
            tokio::time::sleep(3 * LOOK_EVERY).await;
            drop(queued);
            for _ in 0..n {
                sending.sent();
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        });
        let since = Monotonic::start();
        gate.passed().await;
        let passed_ms = since.elapsed_ms();
        // The next order right behind it must not hold the reports again; one after a rest does.
        assert!(!gate.close());
        gate.passed().await;
        sending.abort();
        opening.await.unwrap();
        assert!(gate.close());
        passed_ms
    }

    #[tokio::test]
    async fn reports_wait_for_the_orders_but_not_for_ever() {
        let (few, endless) = (passed_ms(20).await, passed_ms(100_000).await);
        assert!(few >= 80, "they passed before the orders were out: {few}");
        assert!(endless >= u64::try_from(HELD_MAX.as_millis()).unwrap(), "{endless}");
    }
}

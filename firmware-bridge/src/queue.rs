//! Reports that wait for the gateway's receipt: repeated with back-off until it comes.

use crate::message::{Receipt, Report};
use heapless::Vec;

/// Reports that wait at the same time. When it is full the oldest broadcast's report that is no
/// end makes room, or else the oldest end: the gateway asks again for what it misses, and an end
/// is the evidence that matters.
pub const REPORTS_MAX: usize = 16;
/// First wait before a report is repeated, milliseconds.
pub const REPORT_WAIT_MS_MIN: i64 = 4_000;
/// Longest wait before a report is repeated, milliseconds.
pub const REPORT_WAIT_MS_MAX: i64 = 60_000;

/// A report with the time of its next repeat.
#[derive(Debug, Clone)]
struct Waiting {
    report: Report,
    next_at_ms: i64,
    wait_ms: i64,
}

/// The latest unreceipted report of each broadcast.
#[derive(Debug, Default)]
pub struct Reports {
    waiting: Vec<Waiting, REPORTS_MAX>,
    spread: i64,
}

impl Reports {
    /// For a terminal of that name: its repeats are spread by up to a second, so that terminals
    /// don't speak in step.
    #[must_use]
    pub fn new(terminal: u64) -> Self {
        let mixed = terminal.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 33;
        Self { waiting: Vec::new(), spread: i64::try_from(mixed % 1000).unwrap_or(0) }
    }

    /// Keeps `report` in place of the broadcast's earlier one.
    pub fn put(&mut self, now_ms: i64, report: Report) {
        self.waiting.retain(|old| old.report.broadcast != report.broadcast);
        if self.waiting.is_full() {
            let oldest = self
                .waiting
                .iter()
                .enumerate()
                .min_by_key(|(_, waiting)| (waiting.report.step.is_end(), waiting.report.broadcast))
                .map(|(place, _)| place);
            if let Some(place) = oldest {
                self.waiting.swap_remove(place);
            }
        }
        let wait_ms = REPORT_WAIT_MS_MIN;
        let next_at_ms = now_ms.saturating_add(wait_ms + self.spread);
        // Room was made above.
        let _fits = self.waiting.push(Waiting { report, next_at_ms, wait_ms });
    }

    /// The waiting report of a broadcast.
    #[must_use]
    pub fn of(&self, broadcast: u64) -> Option<&Report> {
        self.waiting.iter().map(|waiting| &waiting.report).find(|r| r.broadcast == broadcast)
    }

    /// Drops what a receipt covers.
    pub fn receipted(&mut self, terminal: u64, receipt: &Receipt) {
        self.waiting.retain(|waiting| {
            !receipt.items.iter().any(|item| {
                item.terminal == terminal
                    && item.broadcast == waiting.report.broadcast
                    && item.sequence >= waiting.report.sequence
            })
        });
    }

    /// Gives one report that is due for a repeat, and sets its next time.
    pub fn due(&mut self, now_ms: i64) -> Option<Report> {
        let due = self.waiting.iter_mut().find(|waiting| waiting.next_at_ms <= now_ms)?;
        due.wait_ms = (due.wait_ms * 2).min(REPORT_WAIT_MS_MAX);
        due.next_at_ms = now_ms.saturating_add(due.wait_ms + self.spread);
        Some(due.report.clone())
    }

    /// When the next repeat is due.
    #[must_use]
    pub fn next_at_ms(&self) -> Option<i64> {
        self.waiting.iter().map(|waiting| waiting.next_at_ms).min()
    }

    /// Makes everything due now: the link came back.
    pub fn all_due(&mut self, now_ms: i64) {
        for waiting in &mut self.waiting {
            waiting.next_at_ms = now_ms.saturating_add(self.spread);
            waiting.wait_ms = REPORT_WAIT_MS_MIN;
        }
    }
}

//! How many stations may be connected, and who goes when all seats are taken.

use crate::model::UtcMs;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::Notify;

/// All seats.
#[derive(Debug)]
pub(super) struct Seats {
    n_max: usize,
    taken: Mutex<Taken>,
}

#[derive(Debug, Default)]
struct Taken {
    number: u64,
    seats: BTreeMap<u64, Arc<Heard>>,
}

#[derive(Debug)]
struct Heard {
    at_ms: AtomicI64,
    leave: Notify,
}

/// One seat; it is free again when this is dropped.
#[derive(Debug)]
pub(super) struct Seat {
    seats: Arc<Seats>,
    number: u64,
    heard: Arc<Heard>,
}

impl Seats {
    pub(super) fn new(n_max: usize) -> Self {
        Self { n_max, taken: Mutex::default() }
    }

    /// Takes a seat. `true` = all were taken: who was silent longest is told to leave.
    pub(super) fn take(self: &Arc<Self>, now: UtcMs) -> (Seat, bool) {
        let heard = Arc::new(Heard { at_ms: AtomicI64::new(now.0), leave: Notify::new() });
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let full = taken.seats.len() >= self.n_max;
        if full {
            let silent = |heard: &Arc<Heard>| heard.at_ms.load(Ordering::Relaxed);
            let most = taken.seats.iter().min_by_key(|(_, heard)| silent(heard));
            if let Some((number, heard)) = most.map(|(number, heard)| (*number, Arc::clone(heard)))
            {
                heard.leave.notify_one();
                taken.seats.remove(&number);
            }
        }
        taken.number += 1;
        let number = taken.number;
        taken.seats.insert(number, Arc::clone(&heard));
        (Seat { seats: Arc::clone(self), number, heard }, full)
    }
}

impl Seat {
    /// The seat of a line, which nobody else wants.
    pub(super) fn of_line(now: UtcMs) -> Self {
        Arc::new(Seats::new(1)).take(now).0
    }

    /// A telegram came.
    pub(super) fn heard(&self, now: UtcMs) {
        self.heard.at_ms.store(now.0, Ordering::Relaxed);
    }

    /// Waits until it must be left.
    pub(super) async fn must_leave(&self) {
        self.heard.leave.notified().await;
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut taken = self.seats.taken.lock().unwrap_or_else(PoisonError::into_inner);
        taken.seats.remove(&self.number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::FutureExt;

    #[test]
    fn who_was_silent_longest_makes_room() {
        let seats = Arc::new(Seats::new(2));
        let (first, full) = seats.take(UtcMs(1));
        let (second, also) = seats.take(UtcMs(2));
        assert!(!full && !also);
        first.heard(UtcMs(9));
        let (third, full) = seats.take(UtcMs(3));
        assert!(full);
        let leaves = |seat: &Seat| seat.must_leave().now_or_never().is_some();
        assert_eq!([&first, &second, &third].map(leaves), [false, true, false]);
        // Leaving late does not free the seat of another.
        drop(second);
        assert!(seats.take(UtcMs(4)).1);
        drop((first, third));
        assert!(!seats.take(UtcMs(5)).1);
    }
}

//! The facts behind `/healthz` and `/readyz`: plain numbers that anybody can read without asking
//! the core or waiting for the HTTP runtime.

use crate::clock::Monotonic;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Core and HTTP runtime turn at least this often, milliseconds; slower means stuck.
pub(crate) const STUCK_MS: u64 = 10_000;
/// Longest reason of a broken link that is kept, characters.
const WHY_CHARS_MAX: usize = 300;

/// How far the process is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Life {
    /// Keys and addresses are being taken.
    Starting,
    /// The record is being replayed.
    Replaying,
    /// Alerts are taken.
    Running,
    /// Nothing more is taken; the last commits are under way.
    Stopping,
}

/// What is known about the process.
#[derive(Debug)]
pub struct Health {
    since: Monotonic,
    life: AtomicU8,
    core_turned_ms: AtomicU64,
    runtime_turned_ms: AtomicU64,
    space_low: AtomicBool,
    link_why: Mutex<String>,
}

impl Default for Health {
    fn default() -> Self {
        Self {
            since: Monotonic::start(),
            life: AtomicU8::new(0),
            core_turned_ms: AtomicU64::new(0),
            runtime_turned_ms: AtomicU64::new(0),
            space_low: AtomicBool::new(false),
            link_why: Mutex::new("it has not come up yet".to_owned()),
        }
    }
}

impl Health {
    /// The process is this far now.
    pub fn enter(&self, life: Life) {
        if life == Life::Running {
            // The first turns are counted from here, not from the start of a long replay.
            self.core_turned();
            self.runtime_turned();
        }
        let number = match life {
            Life::Starting => 0,
            Life::Replaying => 1,
            Life::Running => 2,
            Life::Stopping => 3,
        };
        self.life.store(number, Ordering::Relaxed);
    }

    /// How far the process is.
    #[must_use]
    pub fn life(&self) -> Life {
        match self.life.load(Ordering::Relaxed) {
            0 => Life::Starting,
            1 => Life::Replaying,
            2 => Life::Running,
            _ => Life::Stopping,
        }
    }

    /// The core's thread turned.
    pub fn core_turned(&self) {
        self.core_turned_ms.store(self.since.elapsed_ms(), Ordering::Relaxed);
    }

    /// The runtime of the API turned.
    pub fn runtime_turned(&self) {
        self.runtime_turned_ms.store(self.since.elapsed_ms(), Ordering::Relaxed);
    }

    /// Milliseconds since the core's thread last turned.
    #[must_use]
    pub fn core_silent_ms(&self) -> u64 {
        self.since.elapsed_ms().saturating_sub(self.core_turned_ms.load(Ordering::Relaxed))
    }

    /// Milliseconds since the runtime of the API last turned.
    #[must_use]
    pub fn runtime_silent_ms(&self) -> u64 {
        self.since.elapsed_ms().saturating_sub(self.runtime_turned_ms.load(Ordering::Relaxed))
    }

    /// Whether a running core has been silent too long.
    #[must_use]
    pub fn core_stuck(&self) -> bool {
        self.life() == Life::Running && self.core_silent_ms() >= STUCK_MS
    }

    /// The record lives on its last reserve.
    pub fn set_space_low(&self) {
        self.space_low.store(true, Ordering::Relaxed);
    }

    /// Whether the record lives on its last reserve.
    #[must_use]
    pub fn space_low(&self) -> bool {
        self.space_low.load(Ordering::Relaxed)
    }

    /// Keeps why the link went down.
    pub fn set_link_why(&self, why: &str) {
        *self.why() = why.chars().take(WHY_CHARS_MAX).collect();
    }

    /// Why the link went down last.
    #[must_use]
    pub fn link_why(&self) -> String {
        self.why().clone()
    }

    fn why(&self) -> MutexGuard<'_, String> {
        // A text is whole at any time.
        self.link_why.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

//! How fast a source may publish what is not urgent. Whoever is faster waits, and so does its connection:
//! nothing that came is dropped.

/// Messages a second and source, on average, all its sessions together; the same as over HTTP.
pub(super) const PER_S_MAX: u64 = 50;
/// How many of them at once after a silence.
const BURST_MAX: u64 = 500;
/// Thousandths of a message: what a pace is counted in.
const MILLI: u64 = 1_000;

/// What a source has left.
#[derive(Debug)]
pub(super) struct Pace {
    left: u64,
    at_ms: u64,
}

impl Default for Pace {
    fn default() -> Self {
        Self { left: BURST_MAX * MILLI, at_ms: 0 }
    }
}

impl Pace {
    /// Lets one message through now, `None`, or tells after how many milliseconds to ask again.
    pub(super) fn wait_ms(&mut self, now_ms: u64) -> Option<u64> {
        let gained = now_ms.saturating_sub(self.at_ms).saturating_mul(PER_S_MAX);
        self.left = self.left.saturating_add(gained).min(BURST_MAX * MILLI);
        self.at_ms = self.at_ms.max(now_ms);
        let Some(left) = self.left.checked_sub(MILLI) else {
            return Some((MILLI - self.left).div_ceil(PER_S_MAX));
        };
        self.left = left;
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How many of `n` messages at `now_ms` pass.
    fn passed(pace: &mut Pace, n: usize, now_ms: u64) -> u64 {
        let passed = (0..n).filter(|_| pace.wait_ms(now_ms).is_none()).count();
        u64::try_from(passed).unwrap()
    }

    #[test]
    fn a_burst_passes_and_then_so_many_a_second() {
        let mut pace = Pace::default();
        assert_eq!(passed(&mut pace, 2_000, 5), BURST_MAX);
        assert_eq!(pace.wait_ms(5), Some(1_000 / PER_S_MAX));
        assert_eq!(pace.wait_ms(15), Some(10), "half of it is over");
        assert_eq!(passed(&mut pace, 2_000, 1_005), PER_S_MAX);
        assert_eq!(passed(&mut pace, 2_000, 1_000), 0, "a clock that goes back gives nothing");
        assert_eq!(passed(&mut pace, 2_000, u64::MAX), BURST_MAX);
    }
}

//! When a terminal gets its next order: pure, from its delivery, its presence and the pace.

use super::Delivery;
use crate::model::{LinkKind, TerminalId, UtcMs};

/// How patiently orders are repeated. All waits in seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pace {
    /// From a group order to the first order by terminal address.
    pub acknowledge_wait_s: u32,
    /// First wait between orders to one terminal.
    pub retry_wait_s_min: u32,
    /// Longest wait between orders to one terminal.
    pub retry_wait_s_max: u32,
    /// Orders by terminal address per second, over all broadcasts; the rest waits its turn.
    pub repair_orders_per_s_max: u32,
    /// Silence of a terminal with two links after which the other link is tried.
    pub failover_wait_s: u32,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            acknowledge_wait_s: 5,
            retry_wait_s_min: 5,
            retry_wait_s_max: 60,
            repair_orders_per_s_max: 500,
            failover_wait_s: 15,
        }
    }
}

/// What the links say about a terminal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Presence {
    /// Its session is up.
    Online,
    /// Its session is known to be down: an order waits until it comes back.
    Offline,
    /// Nothing heard since start: treated as online.
    Unknown,
}

/// What is due for one terminal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Due {
    /// Nothing yet.
    Nothing,
    /// The order itself (play, or cancel when the broadcast was cancelled).
    Order,
    /// A question for its state: it has the order and fell silent.
    Query,
}

/// Patience beyond the computed end of play before a silent terminal is asked, seconds.
const SILENCE_S: i64 = 20;

/// Decides what is due at `now`. `play_ms` is how long all repeats take from the first sound.
#[must_use]
pub fn due(
    delivery: &Delivery,
    now: UtcMs,
    presence: Presence,
    play_ms: i64,
    cancelled: bool,
) -> Due {
    if delivery.is_ended() || presence == Presence::Offline || now < delivery.next_at {
        return Due::Nothing;
    }
    if delivery.is_held() && !cancelled {
        let heard_last = delivery.evidence.last_report_at.unwrap_or(now);
        let silent_after = heard_last.plus_ms(play_ms).plus_s(SILENCE_S);
        return if now >= silent_after { Due::Query } else { Due::Nothing };
    }
    Due::Order
}

/// By which link the next order to a terminal goes: the preferred one that is not known to be down;
/// after each `failover_wait_s` of silence the next. Pure in time, so that a replay goes the same way.
#[must_use]
pub fn way(
    links: &[LinkKind],
    presence: impl Fn(LinkKind) -> Presence,
    delivery: Option<&Delivery>,
    now: UtcMs,
    pace: &Pace,
) -> LinkKind {
    let up: Vec<LinkKind> =
        links.iter().copied().filter(|link| presence(*link) != Presence::Offline).collect();
    let usable = if up.is_empty() { links } else { &up };
    let evidence = delivery.map(|delivery| &delivery.evidence);
    let since = evidence.and_then(|known| known.last_report_at.max(known.sent_at));
    let silent_ms = since.map_or(0, |at| now.since_ms(at).max(0));
    let turns = silent_ms / (i64::from(pace.failover_wait_s.max(1)) * 1_000);
    let turn = usize::try_from(turns).unwrap_or(0).checked_rem(usable.len()).unwrap_or(0);
    usable.get(turn).copied().unwrap_or(LinkKind::Mqtt)
}

/// What is known of a terminal by all its links: up when one is, down when all are.
#[must_use]
pub fn presence_of(links: &[LinkKind], presence: impl Fn(LinkKind) -> Presence) -> Presence {
    let known = || links.iter().map(|link| presence(*link));
    if known().any(|there| there == Presence::Online) {
        Presence::Online
    } else if !links.is_empty() && known().all(|there| there == Presence::Offline) {
        Presence::Offline
    } else {
        Presence::Unknown
    }
}

/// Books one more order to the terminal and sets the time of the next.
pub fn tried(delivery: &mut Delivery, terminal: TerminalId, now: UtcMs, pace: &Pace) {
    delivery.next_at = now.plus_ms(wait_ms(delivery.tries, terminal, pace));
    delivery.tries = delivery.tries.saturating_add(1);
}

/// Wait after try number `tries` (from 0): doubling from min to max, less up to a quarter that
/// differs by terminal, so that terminals don't answer in step.
#[must_use]
pub fn wait_ms(tries: u16, terminal: TerminalId, pace: &Pace) -> i64 {
    let doubled = u64::from(pace.retry_wait_s_min) << u32::from(tries.min(16));
    let wait_ms = doubled.min(u64::from(pace.retry_wait_s_max)) * 1000;
    let spread = terminal.number().wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 32;
    let jitter = wait_ms / 4 * (spread % 1000) / 1000;
    i64::try_from(wait_ms - jitter).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Outcome, RefusalCode};

    fn delivery(outcome: Outcome, next_at: i64, last_report_at: Option<i64>) -> Delivery {
        let mut delivery = Delivery::targeted(UtcMs(next_at));
        delivery.outcome = outcome;
        delivery.evidence.last_report_at = last_report_at.map(UtcMs);
        delivery
    }

    fn check(delivery: &Delivery, presence: Presence, now: i64, cancelled: bool, expect: Due) {
        assert_eq!(due(delivery, UtcMs(now), presence, 10_000, cancelled), expect, "{delivery:?}");
    }

    #[test]
    fn orders_are_due_until_answered() {
        let sent = delivery(Outcome::Sent, 5_000, None);
        check(&sent, Presence::Online, 4_999, false, Due::Nothing);
        check(&sent, Presence::Online, 5_000, false, Due::Order);
        check(&sent, Presence::Unknown, 5_000, false, Due::Order);
        check(&sent, Presence::Offline, 5_000, false, Due::Nothing);
        let busy = delivery(Outcome::Refused(RefusalCode::Busy), 0, Some(0));
        check(&busy, Presence::Online, 1, false, Due::Order);
        let refused = delivery(Outcome::Refused(RefusalCode::Target), 0, Some(0));
        check(&refused, Presence::Online, 1, false, Due::Nothing);
    }

    #[test]
    fn the_silent_are_asked_after_the_end_of_play() {
        let held = delivery(Outcome::Playing, 0, Some(1_000));
        check(&held, Presence::Online, 30_999, false, Due::Nothing);
        check(&held, Presence::Online, 31_000, false, Due::Query);
        check(&held, Presence::Online, 2_000, true, Due::Order);
    }

    #[test]
    fn the_preferred_link_is_used_until_it_is_down_or_silent() {
        let both = [LinkKind::Mqtt, LinkKind::Serial];
        let pace = Pace::default();
        let unknown = |_| Presence::Unknown;
        let mut sent = delivery(Outcome::Sent, 0, None);
        sent.evidence.sent_at = Some(UtcMs(1_000));
        let check = |links: &[LinkKind], now: i64, delivery: &Delivery, expect| {
            assert_eq!(way(links, unknown, Some(delivery), UtcMs(now), &pace), expect, "{now}");
        };
        check(&both, 15_999, &sent, LinkKind::Mqtt);
        check(&both, 16_000, &sent, LinkKind::Serial);
        check(&both, 31_000, &sent, LinkKind::Mqtt);
        check(&[LinkKind::Serial], 16_000, &sent, LinkKind::Serial);
        // A word by either link begins the wait anew.
        sent.evidence.last_report_at = Some(UtcMs(20_000));
        check(&both, 31_000, &sent, LinkKind::Mqtt);
        let no_mqtt =
            |link| if link == LinkKind::Mqtt { Presence::Offline } else { Presence::Unknown };
        assert_eq!(way(&both, no_mqtt, None, UtcMs(0), &pace), LinkKind::Serial);
        assert_eq!(presence_of(&both, no_mqtt), Presence::Unknown);
        assert_eq!(presence_of(&both[..1], no_mqtt), Presence::Offline);
        assert_eq!(way(&both, |_| Presence::Offline, None, UtcMs(0), &pace), LinkKind::Mqtt);
    }

    #[test]
    fn waits_double_up_to_the_limit_and_differ_by_terminal() {
        let pace = Pace::default();
        let id = |n: u64| TerminalId::from_number(430_621_100_001_000 + n).unwrap();
        for (tries, longest_ms) in [(0, 5_000), (1, 10_000), (3, 40_000), (4, 60_000), (9, 60_000)]
        {
            let wait = wait_ms(tries, id(1), &pace);
            assert!(wait <= longest_ms && wait * 4 >= longest_ms * 3, "try {tries}: {wait} ms");
        }
        assert_ne!(wait_ms(3, id(1), &pace), wait_ms(3, id(2), &pace));
    }
}

//! Whose turn it is: what ends, what starts, what is pre-empted.

use super::{Action, HELD_MAX, PLAY_SLACK_MS, State, TIME_LOST, Terminal, failed};
use crate::clock::is_time;
use crate::message::{Clip, Step};
use crate::replay::{Phase, Store};
use heapless::Vec;

impl<S: Store> Terminal<S> {
    /// Ends what is over, starts what is due, pre-empts what ranks lower, and switches the
    /// amplifier off when nothing sounds.
    pub(super) fn turn(&mut self, now_ms: i64) {
        if is_time(now_ms) {
            self.end_expired(now_ms);
            self.end_stuck(now_ms);
            self.fetch_again(now_ms);
            self.start_next(now_ms);
            self.speak_on(now_ms);
        } else if let Some(counter) = self.has_the_turn().map(|(counter, _)| counter) {
            // Nobody could say any more when it must end.
            self.end(now_ms, counter, Phase::Failed, failed(TIME_LOST));
        }
        if self.amplifier_on && self.has_the_turn().is_none() {
            self.amplifier_on = false;
            self.act(Action::AmplifierOff);
        }
    }

    fn end_expired(&mut self, now_ms: i64) {
        while let Some((counter, by)) = self
            .held
            .iter()
            .find(|held| now_ms >= held.expires_ms)
            .map(|held| (held.counter, held.preempted_by))
        {
            match by {
                Some(by) => self.end(now_ms, counter, Phase::Preempted, Step::Preempted(by)),
                None => self.end(now_ms, counter, Phase::Expired, Step::Expired),
            }
        }
    }

    /// A driver that neither ends nor fails must not leave the amplifier on.
    fn end_stuck(&mut self, now_ms: i64) {
        let stuck = self
            .held
            .iter()
            .find(|held| held.state == State::Sounding && now_ms >= held.sounds_until_ms)
            .map(|held| held.counter);
        if let Some(counter) = stuck {
            self.end(now_ms, counter, Phase::Failed, failed("playback did not end"));
        }
    }

    fn fetch_again(&mut self, now_ms: i64) {
        let retry: Vec<Clip, HELD_MAX> = self
            .held
            .iter_mut()
            .filter_map(|held| match &mut held.state {
                State::Fetching { next_try_at_ms } if *next_try_at_ms <= now_ms => {
                    *next_try_at_ms = i64::MAX;
                    Some(held.clip)
                }
                State::Fetching { .. }
                | State::Ready { .. }
                | State::Sounding
                | State::Listening => None,
            })
            .collect();
        for clip in retry {
            self.act(Action::Fetch(clip));
        }
    }

    /// Starts the next broadcast. It is written down as playing first; one that can't be written
    /// fails in silence, and whatever sounds goes on.
    fn start_next(&mut self, now_ms: i64) {
        while let Some((counter, priority)) = self.next_to_sound(now_ms) {
            let sounding = self.has_the_turn();
            if sounding.is_some_and(|(_, ranks)| ranks >= priority) {
                return;
            }
            let counters = self.counters();
            if !self.memory.remember(counter, [0; 8], Phase::Playing, &counters) {
                self.end(now_ms, counter, Phase::Failed, failed("memory can't be written"));
                continue;
            }
            if let Some((broadcast, _)) = sounding {
                if self.live.as_ref().is_some_and(|live| live.counter == broadcast) {
                    // What was spoken meanwhile is gone: it does not resume.
                    let step = Step::Preempted(counter);
                    self.end(now_ms, broadcast, Phase::Preempted, step);
                } else {
                    self.act(Action::Stop { broadcast });
                }
            }
            for held in &mut self.held {
                if held.state == State::Sounding {
                    held.state = State::Ready { not_before_ms: now_ms };
                    held.preempted_by = Some(counter);
                }
            }
            if let Some(held) = self.held.iter_mut().find(|held| held.counter == counter) {
                held.state = State::Sounding;
                held.preempted_by = None;
                held.sounds_until_ms =
                    now_ms.saturating_add(i64::from(held.clip.duration_ms) + PLAY_SLACK_MS);
                let (clip, volume_percent) = (held.clip, held.volume_percent);
                self.amplifier_on = true;
                self.act(Action::Start { broadcast: counter, clip, volume_percent });
            }
            return;
        }
    }

    /// The ready broadcast that ranks highest. One that pauses between its plays keeps lower ones
    /// silent.
    fn next_to_sound(&self, now_ms: i64) -> Option<(u64, u8)> {
        let best = self
            .held
            .iter()
            .filter(|held| match held.state {
                State::Ready { not_before_ms } => not_before_ms <= now_ms || held.plays > 0,
                State::Fetching { .. } | State::Sounding | State::Listening => false,
            })
            .min_by_key(|held| (u8::MAX - held.priority, held.counter))?;
        match best.state {
            State::Ready { not_before_ms } if not_before_ms <= now_ms => {
                Some((best.counter, best.priority))
            }
            State::Ready { .. } | State::Fetching { .. } | State::Sounding | State::Listening => {
                None
            }
        }
    }
}

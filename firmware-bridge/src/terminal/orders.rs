//! What a terminal does with an order it has verified.

use super::live::Live;
use super::{
    Action, CLOCK_SKEW_MS_MAX, HELD_MAX, Held, POWER_LOST, State, Terminal, failed, stamp,
};
use crate::clock::is_time;
use crate::message::{Cancel, Check, Class, Keep, Manifest, Query, RefusalCode, Step};
use crate::replay::{self, Known, Phase, Store};
use heapless::Vec;

impl<S: Store> Terminal<S> {
    pub(super) fn play(&mut self, now_ms: i64, manifest: &Manifest, live: bool) {
        let counter = manifest.counter;
        let digest = if live { replay::digest_live(manifest) } else { replay::digest(manifest) };
        let known = self.memory.known(counter, digest);
        if self.is_answered(now_ms, counter, known) {
            return;
        }
        if !is_time(now_ms) {
            // Any word would be taken as the end. The gateway sends the time, and the order again.
            self.dropped.timeless = self.dropped.timeless.saturating_add(1);
            return;
        }
        if known != Known::New && now_ms >= manifest.expires_ms {
            let ended = Some(now_ms);
            return self.end_unheld(ended, now_ms, counter, Phase::Expired, Step::Expired);
        }
        if let Some(code) = self.refusal(now_ms, manifest) {
            return self.refuse(now_ms, counter, code);
        }
        let codecs = self.profile.codecs;
        let placed = (0_u8..).zip(manifest.clips.iter().copied());
        let mut playable = placed.filter(|(_, clip)| clip.codec.bit() & codecs != 0);
        let Some((place, clip)) = playable.next() else {
            return self.refuse(now_ms, counter, RefusalCode::Content);
        };
        if live && !self.takes_the_word(now_ms, manifest.priority, counter) {
            return self.refuse(now_ms, counter, RefusalCode::Busy);
        }
        if !self.make_room(now_ms, manifest.priority, counter) {
            return self.refuse(now_ms, counter, RefusalCode::Busy);
        }
        let counters = self.counters();
        if !self.memory.remember(counter, digest, Phase::Accepted, &counters) {
            return self.report_bare(
                Some(now_ms),
                now_ms,
                counter,
                failed("memory can't be written"),
            );
        }
        let odd = self.profile.id % 2 == 1;
        let stagger_ms = if odd { i64::from(manifest.stagger_ms) } else { 0 };
        let held = Held {
            counter,
            priority: manifest.priority,
            expires_ms: manifest.expires_ms,
            repeats: manifest.repeats.clamp(1, 20),
            interval_ms: i64::from(manifest.interval_s) * 1000,
            volume_percent: manifest.volume_percent.unwrap_or(self.profile.volume_percent).min(100),
            clip,
            place,
            others: playable.collect(),
            state: State::Fetching { next_try_at_ms: i64::MAX },
            start_at_ms: manifest.not_before_ms.max(now_ms).saturating_add(stagger_ms),
            plays: 0,
            received_at_ms: None,
            playing_at_ms: None,
            sounds_until_ms: i64::MAX,
            heard: false,
            preempted_by: None,
        };
        if live {
            self.live = Some(Live::new(counter));
        }
        let others = held.others.clone();
        // Room was made above.
        let _fits = self.held.push(held);
        self.act(Action::Fetch(clip));
        for (_, other) in others {
            self.act(Action::Offer(other));
        }
    }

    /// Answers an order that needs no judgement any more: used up, held, or ended before.
    fn is_answered(&mut self, now_ms: i64, counter: u64, known: Known) -> bool {
        let held = self.held.iter().any(|held| held.counter == counter);
        match known {
            Known::New => return false,
            Known::Replay => self.refuse(now_ms, counter, RefusalCode::Replay),
            Known::Same(phase) if held || phase.is_end() => self.tell(now_ms, counter),
            Known::Same(Phase::Playing) => {
                let step = failed(POWER_LOST);
                self.end_unheld(None, now_ms, counter, Phase::Failed, step);
            }
            Known::Same(_) => return false,
        }
        true
    }

    fn refusal(&self, now_ms: i64, manifest: &Manifest) -> Option<RefusalCode> {
        let window = manifest.issued_at_ms > now_ms.saturating_add(CLOCK_SKEW_MS_MAX)
            || now_ms >= manifest.expires_ms;
        let drill =
            manifest.class == Class::Drill && !(manifest.drill_armed && self.profile.drills);
        match (window, drill) {
            (true, _) => Some(RefusalCode::Window),
            (false, true) => Some(RefusalCode::Drill),
            (false, false) => None,
        }
    }

    /// Makes room for one of `priority`, pushing out the lowest that ranks lower; among equals a
    /// silent one, and the newest.
    fn make_room(&mut self, now_ms: i64, priority: u8, by: u64) -> bool {
        if !self.held.is_full() {
            return true;
        }
        let lowest = self
            .held
            .iter()
            .filter(|held| held.priority < priority)
            .min_by_key(|h| (h.priority, h.state.has_the_turn(), u64::MAX - h.counter))
            .map(|held| held.counter);
        if let Some(counter) = lowest {
            self.end(now_ms, counter, Phase::Preempted, Step::Preempted(by));
        }
        !self.held.is_full()
    }

    pub(super) fn cancel(&mut self, now_ms: i64, cancel: &Cancel) {
        // An issue time ahead of our clock is no reason to go on sounding, nor is having no time.
        if now_ms >= cancel.expires_ms {
            return self.refuse(now_ms, cancel.counter, RefusalCode::Window);
        }
        // One write for all of them, so that a power cut can't leave half of a stop-all.
        let written = cancel.broadcast.is_some() || self.memory.stop_all(cancel.counter);
        let hit: Vec<u64, HELD_MAX> = self
            .held
            .iter()
            .map(|held| held.counter)
            .filter(|counter| match cancel.broadcast {
                Some(broadcast) => *counter == broadcast,
                None => *counter < cancel.counter,
            })
            .collect();
        for counter in &hit {
            self.end(now_ms, *counter, Phase::Cancelled, Step::Cancelled);
        }
        match cancel.broadcast {
            None if written => {}
            None => {
                let step = failed("memory can't be written");
                self.report_bare(stamp(now_ms), now_ms, cancel.counter, step);
            }
            Some(broadcast) if hit.is_empty() => {
                if self.memory.phase(broadcast).is_some_and(Phase::is_end) {
                    self.tell(now_ms, broadcast);
                } else {
                    let ended = stamp(now_ms);
                    let (phase, step) = (Phase::Cancelled, Step::Cancelled);
                    self.end_unheld(ended, now_ms, broadcast, phase, step);
                }
            }
            Some(_) => {}
        }
    }

    pub(super) fn keep(&mut self, now_ms: i64, keep: &Keep) {
        let early = keep.issued_at_ms > now_ms.saturating_add(CLOCK_SKEW_MS_MAX);
        if early || now_ms >= keep.expires_ms || keep.clip.codec.bit() & self.profile.codecs == 0 {
            self.dropped.keeps = self.dropped.keeps.saturating_add(1);
        } else {
            self.act(Action::Keep { clip: keep.clip, phrase: keep.phrase });
        }
    }

    /// Answers whether a play order would sound now. Nothing is written down: it makes no sound, so
    /// that an answer given twice does no harm.
    pub(super) fn check(&mut self, now_ms: i64, check: &Check) {
        if !is_time(now_ms) {
            // A play order would find the terminal without a time, and so would its end.
            return self.report_bare(None, now_ms, check.check, failed("no time"));
        }
        let early = check.issued_at_ms > now_ms.saturating_add(CLOCK_SKEW_MS_MAX);
        if early || now_ms >= check.expires_ms {
            return self.refuse(now_ms, check.check, RefusalCode::Window);
        }
        if let Some(percent) = check.volume_percent
            && check.check > self.volume_by
        {
            self.volume_by = check.check;
            self.profile.volume_percent = percent.clamp(1, 100);
        }
        if self.profile.codecs == 0 {
            return self.refuse(now_ms, check.check, RefusalCode::Content);
        }
        let step = if !self.memory.settle() {
            failed("memory can't be written")
        } else if self.player_failed {
            failed("the last play failed")
        } else {
            Step::Able
        };
        self.report_bare(stamp(now_ms), now_ms, check.check, step);
    }

    pub(super) fn query(&mut self, now_ms: i64, query: &Query) {
        let early = query.issued_at_ms > now_ms.saturating_add(CLOCK_SKEW_MS_MAX);
        if early || now_ms >= query.expires_ms {
            // Nothing is queued for a question: it is asked again. It was counted, though.
            self.dropped.queries = self.dropped.queries.saturating_add(1);
        } else {
            self.tell(now_ms, query.broadcast);
        }
    }
}

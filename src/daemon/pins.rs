//! Clips of broadcasts that have not ended stay in the clip store, whatever else is rendered.

use crate::gateway::State;
use crate::model::{BroadcastId, Sha256};
use crate::record::entry::Entry;
use crate::render::ClipStore;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The pins set for running broadcasts: a fold of the record like the state itself, so a restart
/// sets the same ones. At most one entry per running broadcast.
pub(crate) struct Pins {
    clips: Arc<ClipStore>,
    held: Mutex<BTreeMap<BroadcastId, Vec<Sha256>>>,
}

impl Pins {
    /// Pins the clips of all broadcasts in `state` that have not ended. Gives the broadcasts whose
    /// clips are no longer in the store as well: their terminals can't fetch them.
    #[must_use]
    pub(crate) fn of(state: &State, clips: Arc<ClipStore>) -> (Self, Vec<BroadcastId>) {
        let pins = Self { clips, held: Mutex::new(BTreeMap::new()) };
        let mut missing = Vec::new();
        for (id, running) in state.running() {
            let clips = running.clips.iter().map(|clip| clip.sha256).collect();
            if !pins.hold(*id, clips) {
                missing.push(*id);
            }
        }
        (pins, missing)
    }

    /// Follows one entry of the record.
    pub(crate) fn follow(&self, entry: &Entry) {
        if let Entry::ClipReady { broadcast, clips, .. } = entry {
            let clips = clips.iter().map(|clip| clip.sha256).collect();
            if !self.hold(*broadcast, clips) {
                tracing::error!(%broadcast, "its clip is not in the store; terminals can't fetch it");
            }
        } else if let Entry::BroadcastEnded { broadcast } = entry {
            let ended = self.held().remove(broadcast).unwrap_or_default();
            ended.into_iter().for_each(|sha256| self.clips.unpin(sha256));
        }
    }

    /// Pins these clips for a broadcast instead of those it had. False when one is not there.
    fn hold(&self, broadcast: BroadcastId, clips: Vec<Sha256>) -> bool {
        // New ones first, so that a clip that stays is pinned all the time.
        let there = clips.iter().filter(|sha256| self.clips.pin(**sha256)).count();
        let all_there = there == clips.len();
        let before = self.held().insert(broadcast, clips).unwrap_or_default();
        before.into_iter().for_each(|sha256| self.clips.unpin(sha256));
        all_there
    }

    fn held(&self) -> MutexGuard<'_, BTreeMap<BroadcastId, Vec<Sha256>>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{
        Approval, Broadcast, Chime, Class, ClipRef, Codec, Message, Need, Plan, PlanId, Playback,
        Priority, Spoken, UtcMs,
    };

    /// A store with room for three clips of four bytes.
    fn store(name: &str) -> Arc<ClipStore> {
        let dir = std::env::temp_dir().join(format!("mingluo-pins-{name}-{}", std::process::id()));
        drop(std::fs::remove_dir_all(&dir));
        Arc::new(ClipStore::open(&dir, 12).unwrap())
    }

    fn put(clips: &ClipStore, letter: &str) -> ClipRef {
        clips.put(Codec::Opus, letter.repeat(4).as_bytes(), 20).unwrap()
    }

    fn started(id: u64) -> Entry {
        let message = Message {
            text: "水".into(),
            voice: "default".into(),
            recording: None,
            fallback_recording: "general-yellow".into(),
        };
        let plan = Plan {
            id: PlanId(id),
            alert: None,
            response_plan: "manual".into(),
            basis: None,
            requested_by: "张三".into(),
            class: Class::Live,
            priority: Priority(1),
            message,
            chime: Chime::Notice,
            playback: Playback::Simultaneous,
            volume_percent: None,
            repeats: 1,
            interval_s: 0,
            areas: Vec::new(),
            terminals: std::collections::BTreeSet::new(),
            not_before: UtcMs(0),
            expires: UtcMs(i64::MAX),
            need: Need::Nothing,
            supersedes: Vec::new(),
            reasons: Vec::new(),
            hazard: None,
        };
        let approval = Approval::Rule { plan: "manual".into(), at: UtcMs(0) };
        let broadcast = Broadcast::authorise(BroadcastId(id), plan, approval);
        Entry::BroadcastStarted { broadcast: Box::new(broadcast), moved: Vec::new() }
    }

    fn ready(id: u64, clip: &ClipRef) -> Entry {
        let spoken = Spoken { voice: "recorded".into(), fallback_reason: None, render_ms: 1 };
        Entry::ClipReady { broadcast: BroadcastId(id), clips: vec![clip.clone()], spoken }
    }

    fn ended(id: u64) -> Entry {
        Entry::BroadcastEnded { broadcast: BroadcastId(id) }
    }

    /// Renders so many other clips that everything loose goes; which of `clips` are still there.
    fn crowd(store: &ClipStore, clips: &[&ClipRef]) -> Vec<bool> {
        for letter in ["u", "v", "w", "x", "y"] {
            put(store, letter);
        }
        clips.iter().map(|clip| store.read(clip.sha256).is_ok()).collect()
    }

    #[test]
    fn the_clip_of_a_running_broadcast_stays_until_its_end() {
        let store = store("running");
        let (pins, missing) = Pins::of(&State::default(), Arc::clone(&store));
        assert!(missing.is_empty());
        let (one, other) = (put(&store, "a"), put(&store, "b"));
        pins.follow(&ready(1, &one));
        pins.follow(&ready(2, &one));
        assert_eq!(crowd(&store, &[&one, &other]), [true, false]);
        pins.follow(&ended(1));
        assert_eq!(crowd(&store, &[&one]), [true], "another broadcast still plays it");
        pins.follow(&ended(2));
        pins.follow(&ended(2));
        assert_eq!(crowd(&store, &[&one]), [false]);
    }

    #[test]
    fn a_restart_pins_the_same_and_tells_what_is_gone() {
        let store = store("restart");
        let (one, old) = (put(&store, "a"), put(&store, "b"));
        let gone = ClipRef { sha256: Sha256([7; 32]), ..one.clone() };
        let mut state = State::default();
        let past = [started(1), ready(1, &one), started(2), ready(2, &old), ended(2)];
        for entry in past.iter().chain(&[started(3), ready(3, &gone), started(4)]) {
            state.apply(UtcMs(0), entry);
        }
        let (pins, missing) = Pins::of(&state, Arc::clone(&store));
        assert_eq!(missing, [BroadcastId(3)]);
        assert_eq!(crowd(&store, &[&one, &old]), [true, false]);
        pins.follow(&ended(1));
        assert_eq!(crowd(&store, &[&one]), [false]);
    }
}

//! Renderings done before.

use super::Rendered;
use crate::model::Sha256;
use crate::render::clip::ClipStore;
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Finished renderings remembered; when full, the oldest is forgotten (its clips stay).
const REMEMBERED_MAX: usize = 256;

#[derive(Default)]
struct Remembered {
    done: BTreeMap<Sha256, Rendered>,
    order: VecDeque<Sha256>,
}

/// Renderings by everything that decides how they sound.
#[derive(Default)]
pub(super) struct Memory(Mutex<Remembered>);

impl Memory {
    fn lock(&self) -> MutexGuard<'_, Remembered> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A rendering whose clips are all still there.
    pub(super) fn recall(&self, key: Sha256, clips: &ClipStore) -> Option<Rendered> {
        let known = self.lock().done.get(&key)?.clone();
        // A clip may have been evicted meanwhile.
        known.clips.iter().all(|clip| clips.path(clip.sha256).is_some()).then_some(known)
    }

    pub(super) fn remember(&self, key: Sha256, rendered: Rendered) {
        let mut remembered = self.lock();
        if remembered.done.insert(key, rendered).is_none() {
            remembered.order.push_back(key);
        }
        if remembered.order.len() > REMEMBERED_MAX
            && let Some(oldest) = remembered.order.pop_front()
        {
            remembered.done.remove(&oldest);
        }
    }
}

//! Sources: how far each was read, and whether it is silent. The drivers watch the time; what changed
//! goes on record, so that a restart neither reads a feed again nor forgets a silence.

use super::{Action, Gateway, State};
use crate::model::{Reason, SourceNote, UtcMs};
use crate::record::entry::Entry;
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;

/// Marks of entries kept for one source; the oldest go. An alert that comes again after that is known
/// by its identity all the same.
pub const MARKS_KEPT_MAX: usize = 4_000;
/// Sources kept in memory, those of earlier configurations included.
const SOURCES_KEPT_MAX: usize = 500;

/// What is known of a source across restarts.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceState {
    /// `ETag` of the last answer that was dealt with whole.
    pub etag: Option<String>,
    /// Its `Last-Modified`.
    pub modified: Option<String>,
    /// Marks of entries that were dealt with, the newest last.
    pub seen: VecDeque<String>,
    /// Since when it is silent; `None` = it is heard.
    pub silent_since: Option<UtcMs>,
}

impl State {
    pub(super) fn apply_source(&mut self, source: &str, note: &SourceNote) {
        if self.sources.len() >= SOURCES_KEPT_MAX && !self.sources.contains_key(source) {
            return;
        }
        let state = self.sources.entry(source.to_owned()).or_default();
        match note {
            SourceNote::Read { etag, modified, seen } => {
                state.etag.clone_from(etag);
                state.modified.clone_from(modified);
                state.seen.extend(seen.iter().cloned());
                let over = state.seen.len().saturating_sub(MARKS_KEPT_MAX);
                state.seen.drain(..over);
            }
            SourceNote::Silent { since, .. } => state.silent_since = Some(*since),
            SourceNote::Heard => state.silent_since = None,
        }
    }
}

impl Gateway {
    /// Records what changed about a source; a silence raises an alarm.
    pub(super) fn source_noted(
        &mut self,
        now: UtcMs,
        source: String,
        note: SourceNote,
    ) -> Vec<Action> {
        let silent = self.state.sources.get(&source).is_some_and(|s| s.silent_since.is_some());
        self.outbox(now, |_, out| {
            let alarm = match &note {
                SourceNote::Read { .. } => None,
                SourceNote::Silent { .. } if silent => return,
                SourceNote::Heard if !silent => return,
                SourceNote::Heard => None,
                SourceNote::Silent { since, why } => {
                    let minutes = now.since_ms(*since).max(0) / 60_000;
                    Some(Reason {
                        code: "source_silent".into(),
                        text: format!("预警来源“{source}”已 {minutes} 分钟没有消息：{why}"),
                    })
                }
            };
            out.record(Entry::SourceNoted { source, note });
            if let Some(alarm) = alarm {
                out.effect(Action::Alarm(alarm));
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(seen: &[&str]) -> SourceNote {
        let seen = seen.iter().map(|mark| (*mark).to_owned()).collect();
        SourceNote::Read { etag: Some("a".into()), modified: None, seen }
    }

    #[test]
    fn marks_stay_within_their_limit_and_the_newest_stay() {
        let mut state = State::default();
        for at in 0..MARKS_KEPT_MAX + 10 {
            state.apply_source("s", &read(&[&format!("{at:016x}")]));
        }
        let kept = &state.sources["s"];
        assert_eq!(kept.seen.len(), MARKS_KEPT_MAX);
        assert_eq!(kept.seen.back().unwrap(), &format!("{:016x}", MARKS_KEPT_MAX + 9));
        state.apply_source("s", &SourceNote::Silent { since: UtcMs(5), why: String::new() });
        assert_eq!(state.sources["s"].silent_since, Some(UtcMs(5)));
        state.apply_source("s", &SourceNote::Heard);
        assert_eq!(state.sources["s"].silent_since, None);
    }
}

//! Places the recorded warnings of the response plans, and the phrases of the configuration, in
//! terminals on serial lines, so that they sound there at once when spoken words would take too long.

use super::link::Links;
use super::phrases::PhraseBook;
use crate::clock;
use crate::deliver::serial::{KEPT_MAX, Kept, PHRASES_KEPT_MAX};
use crate::deliver::{self, KeyRing};
use crate::model::{
    Address, AreaCode, Chime, ClipRef, Codec, Policy, QuietHours, ResponsePlan, UtcMs,
};
use crate::render::{RenderRequest, Renderer};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

/// How often a line is looked at.
const LOOK_EVERY: Duration = Duration::from_secs(5);
/// How often the warnings are rendered again: a county may have recorded new ones.
const RENDER_EVERY_S: i64 = 3_600;
/// The same while a phrase can't be had: its voice may still load.
const RENDER_AGAIN_S: i64 = 60;
/// Rounds in which phrases wait for the best voice to load; then another one says them.
const STRICT_ROUNDS: u32 = 5;
const MS_PER_MINUTE: i64 = 60_000;
const MINUTES_PER_DAY: i64 = 1_440;

/// What the placing needs.
pub(super) struct Keeper {
    pub(super) links: Arc<Links>,
    pub(super) keys: Arc<KeyRing>,
    pub(super) renderer: Arc<Renderer>,
    pub(super) served: Vec<AreaCode>,
    pub(super) warnings: Vec<(Chime, String)>,
    pub(super) phrases: Arc<PhraseBook>,
    /// Local hours in which content may be sent; `None` = never.
    pub(super) hours: Option<QuietHours>,
    pub(super) offset_minutes: i32,
}

impl Keeper {
    /// Runs until the gateway stops; ends at once without lines.
    pub(super) async fn run(self) {
        let mut ticks = tokio::time::interval(LOOK_EVERY);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut kept: Vec<Kept> = Vec::new();
        let mut rendered_at = None::<UtcMs>;
        let (mut is_whole, mut n_rounds) = (true, 0_u32);
        while !self.links.lines.is_empty() && !self.warnings.is_empty() {
            ticks.tick().await;
            let now = clock::now_utc();
            let every_s = if is_whole { RENDER_EVERY_S } else { RENDER_AGAIN_S };
            if rendered_at.is_none_or(|at| now.since_ms(at) >= every_s * 1_000) {
                rendered_at = Some(now);
                n_rounds += 1;
                (kept, is_whole) = self.render(n_rounds <= STRICT_ROUNDS).await;
            }
            let send = self.hours.is_some_and(|hours| within(hours, self.offset_minutes, now));
            for area in &self.served {
                let seal = |kept: &Kept, valid_ms| {
                    let order = deliver::keep_order(kept.clip, kept.phrase, now, valid_ms);
                    let aimed = deliver::aimed(&order, Address::Area(*area), &[], None);
                    self.keys.seal_order(&aimed).ok()
                };
                let n_orders = self.links.lines.keep(&kept, *area, send, now, &seal);
                tracing::debug!(n_orders, send, "warnings asked for on serial lines");
            }
        }
    }

    /// The warnings as they sound in a broadcast, and the phrases, without a thread of the runtime;
    /// and whether no phrase is missing.
    async fn render(&self, strict: bool) -> (Vec<Kept>, bool) {
        let (renderer, warnings) = (Arc::clone(&self.renderer), self.warnings.clone());
        let phrases = Arc::clone(&self.phrases);
        let all = move || {
            let one = |(chime, name): &(Chime, String)| {
                let (clip, bytes) = stored(&renderer, *chime, name, true)?;
                let (clip, bytes) = (deliver::wire_clip(&clip), bytes.into());
                Some(Kept { clip, bytes, phrase: None, areas: Vec::new() })
            };
            // What terminals have room for beside the phrases, the most urgent first.
            let room = if phrases.is_empty() { KEPT_MAX } else { KEPT_MAX - PHRASES_KEPT_MAX };
            let mut kept: Vec<Kept> = warnings.iter().filter_map(one).take(room).collect();
            let (pieces, is_whole) = phrases.render(&renderer, strict);
            kept.extend(pieces);
            (kept, is_whole)
        };
        tokio::task::spawn_blocking(all).await.unwrap_or_default()
    }
}

/// A recorded warning as it sounds in a broadcast with this chime, and its bytes.
pub(super) fn stored(
    renderer: &Renderer,
    chime: Chime,
    name: &str,
    background: bool,
) -> Option<(ClipRef, Vec<u8>)> {
    let request = RenderRequest {
        text: String::new(),
        voice: "recorded".into(),
        recording: Some(name.to_owned()),
        fallback_recording: name.to_owned(),
        chime,
        drill: false,
        words_times: None,
        codecs: BTreeSet::from([Codec::Adpcm]),
        deadline_ms: None,
        background,
    };
    let clip = match renderer.render(&request) {
        // A fault means that something else than this recording would sound.
        Ok(done) if done.spoken.fallback_reason.is_none() => done.clips.into_iter().next()?,
        Ok(done) => {
            tracing::warn!(name, why = ?done.spoken.fallback_reason, "warning not kept in terminals");
            return None;
        }
        Err(fault) => {
            tracing::warn!(name, %fault, "warning not kept in terminals");
            return None;
        }
    };
    let bytes = renderer.clips().read(clip.sha256).ok()?;
    Some((clip, bytes))
}

/// The recorded warnings that response plans may fall back to, the most urgent first.
pub(super) fn warnings(policy: &Policy) -> Vec<(Chime, String)> {
    let named = |plan: &ResponsePlan| {
        let name = plan.recording.clone().unwrap_or_else(|| plan.fallback_recording.clone());
        (plan.chime, name)
    };
    let built_in = [
        (Chime::Red, "general-red"),
        (Chime::Orange, "general-orange"),
        (Chime::Yellow, "general-yellow"),
        (Chime::Blue, "general-blue"),
    ];
    let built_in = built_in.map(|(chime, name)| (chime, name.to_owned()));
    let mut all: Vec<(Chime, String)> = policy.plans.iter().map(named).collect();
    // Those of no plan go first among their level: they fit every hazard.
    all.splice(0..0, built_in);
    let mut seen = BTreeSet::new();
    all.retain(|warning| seen.insert(warning.clone()));
    all.sort_by_key(|(chime, _)| std::cmp::Reverse(*chime));
    all.truncate(KEPT_MAX);
    all
}

/// Whether a time lies in the hours.
fn within(hours: QuietHours, offset_minutes: i32, now: UtcMs) -> bool {
    let minute =
        (now.0.div_euclid(MS_PER_MINUTE) + i64::from(offset_minutes)).rem_euclid(MINUTES_PER_DAY);
    let (from, until) = (i64::from(hours.from_minute), i64::from(hours.until_minute));
    if from <= until { (from..until).contains(&minute) } else { minute >= from || minute < until }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_most_urgent_warnings_of_the_plans_are_placed_each_once_with_its_chime() {
        let dir = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("configs");
        let loaded = crate::config::Config::load(&dir).expect("shipped");
        let all = warnings(&loaded.policy);
        assert!(all.len() > 40 && all.len() <= KEPT_MAX, "{}", all.len());
        assert_eq!(all.first(), Some(&(Chime::Red, "general-red".to_owned())));
        assert!(all.is_sorted_by_key(|(chime, _)| std::cmp::Reverse(*chime)), "{all:?}");
        let distinct: BTreeSet<&(Chime, String)> = all.iter().collect();
        assert_eq!(distinct.len(), all.len());
        for plan in loaded.policy.plans.iter().filter(|plan| plan.chime == Chime::Red) {
            let name = plan.recording.as_ref().unwrap_or(&plan.fallback_recording);
            assert!(all.contains(&(plan.chime, name.clone())), "{name}");
        }
        // With phrases the least urgent make room.
        assert!(
            all[..KEPT_MAX - PHRASES_KEPT_MAX].iter().all(|(chime, _)| *chime >= Chime::Orange)
        );
    }

    #[test]
    fn a_warning_is_kept_as_it_sounds_and_what_would_sound_otherwise_is_not() {
        let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
        let dir = std::env::temp_dir().join(format!("mingluo-keep-{}", std::process::id()));
        let config =
            crate::render::RenderConfig::new(root.join("audio-samples"), dir.join("clips"));
        let renderer = Renderer::new(config).expect("opens");
        let (clip, bytes) = stored(&renderer, Chime::Red, "flood-red", true).expect("a recording");
        assert_eq!((clip.codec, clip.sha256), (Codec::Adpcm, crate::model::Sha256::of(&bytes)));
        let again = stored(&renderer, Chime::Red, "flood-red", false).expect("a recording");
        assert_eq!(again.0, clip, "the broadcast's own is what terminals keep");
        assert!(stored(&renderer, Chime::Red, "no-such-warning", true).is_none());
        std::fs::remove_dir_all(&dir).expect("removed");
    }

    #[test]
    fn hours_are_local_and_may_span_midnight() {
        let check = |from: u16, until: u16, utc_hour: i64, expect: bool| {
            let hours = QuietHours { from_minute: from * 60, until_minute: until * 60 };
            assert_eq!(within(hours, 480, UtcMs(utc_hour * 3_600_000)), expect, "{utc_hour} UTC");
        };
        check(1, 5, 17, true);
        check(1, 5, 16, false);
        check(1, 5, 21, false);
        check(23, 5, 15, true);
        check(23, 5, 20, true);
        check(23, 5, 4, false);
    }
}

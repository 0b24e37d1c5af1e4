//! What a simulated national terminal plays: one broadcast at a time, by class and level, never
//! after its end. No I/O.

use crate::deliver::national::EbmId;
use crate::deliver::national::control::{Class, OK, Start};
use crate::deliver::national::returned::{Played, Returned};
use crate::model::{NationalCode, UtcMs};
use std::collections::BTreeSet;

/// Broadcasts that are remembered, so that a repeated start begins nothing anew.
const KNOWN_MAX: usize = 256;
/// Error codes.
const PARAMETER: u8 = 54;
const CONTENT: u8 = 58;
const BUSY: u8 = 73;

/// What becomes of a start.
pub(super) enum Told {
    /// The answer.
    Code(u8),
    /// It is taken; this audio is needed.
    Fetch(EbmId, String),
}

/// What a terminal has to say of itself.
#[derive(Debug)]
pub(super) enum Said {
    /// Sound begins.
    Begins { platform: NationalCode, ebm: EbmId, at_s: u32 },
    /// It ended.
    Ends { platform: NationalCode, result: Returned, is_late: bool },
}

impl Said {
    /// To whom, and as it goes on the wire.
    pub(super) fn returned(self) -> (NationalCode, Returned) {
        match self {
            Self::Begins { platform, ebm, at_s } => {
                (platform, Returned::Switch { begins: true, source: 1, ebm, at_s })
            }
            Self::Ends { platform, result, .. } => (platform, result),
        }
    }
}

#[derive(Debug)]
struct Playing {
    platform: NationalCode,
    start: Start,
    /// Length of one play, milliseconds, once it is fetched.
    clip_ms: Option<u64>,
    /// Since when it sounds.
    since: Option<UtcMs>,
    /// Why it ends before its end.
    cut: Option<String>,
}

pub(super) struct Horn {
    time_scale: u32,
    /// Whether it goes on beyond the end of a start.
    endless: bool,
    playing: Option<Playing>,
    /// What was cut off and not yet told.
    cut: Vec<Playing>,
    known: BTreeSet<EbmId>,
}

fn seconds(at: UtcMs) -> u32 {
    u32::try_from(at.as_s()).unwrap_or(0)
}

/// Higher goes first: emergency over daily, then level.
fn rank(start: &Start) -> (u8, u8) {
    let class = match start.class {
        Class::Emergency => 3,
        Class::RealDrill => 2,
        Class::Daily => 1,
        Class::SystemDrill | Class::Simulated => 0,
    };
    (class, 5_u8.saturating_sub(start.level))
}

impl Horn {
    pub(super) fn new(time_scale: u32, endless: bool) -> Self {
        let (playing, cut, known) = (None, Vec::new(), BTreeSet::new());
        Self { time_scale: time_scale.max(1), endless, playing, cut, known }
    }

    pub(super) fn is_working(&self) -> bool {
        self.playing.as_ref().is_some_and(|playing| playing.since.is_some())
    }

    pub(super) fn start(&mut self, platform: NationalCode, start: Start, now: UtcMs) -> Told {
        if self.known.contains(&start.ebm) {
            return Told::Code(OK);
        }
        if start.end_s <= start.start_s || seconds(now) >= start.end_s {
            return Told::Code(PARAMETER);
        }
        let url =
            start.audio.first().map(|audio| String::from_utf8_lossy(&audio.data).into_owned());
        let Some(url) = url else { return Told::Code(CONTENT) };
        if let Some(current) = &self.playing
            && rank(&current.start) >= rank(&start)
        {
            return Told::Code(BUSY);
        }
        if let Some(mut lower) = self.playing.take() {
            lower.cut = Some("a higher one came".to_owned());
            self.cut.push(lower);
        }
        if self.known.len() >= KNOWN_MAX {
            self.known.pop_first();
        }
        self.known.insert(start.ebm);
        let ebm = start.ebm;
        self.playing = Some(Playing { platform, start, clip_ms: None, since: None, cut: None });
        Told::Fetch(ebm, url)
    }

    /// Stops; true when that cut off sound.
    pub(super) fn stop(&mut self, ebm: EbmId) -> bool {
        // A stop that overtakes its start holds as well.
        self.known.insert(ebm);
        let Some(mut playing) = self.playing.take_if(|playing| playing.start.ebm == ebm) else {
            return false;
        };
        let sounded = playing.since.is_some();
        playing.cut = Some("stopped".to_owned());
        self.cut.push(playing);
        sounded
    }

    pub(super) fn fetched(&mut self, ebm: EbmId, clip: Result<u64, String>) {
        if let Some(playing) = self.playing.as_mut().filter(|playing| playing.start.ebm == ebm) {
            match clip {
                Ok(clip_ms) => playing.clip_ms = Some(clip_ms),
                Err(why) => playing.cut = Some(why),
            }
        }
    }

    /// Goes on until `now`.
    pub(super) fn tick(&mut self, now: UtcMs) -> Vec<Said> {
        let mut said: Vec<Said> =
            core::mem::take(&mut self.cut).into_iter().map(|cut| self.end(cut, now)).collect();
        let Some(mut playing) = self.playing.take() else { return said };
        let is_over = seconds(now) >= playing.start.end_s && !self.endless;
        if playing.cut.is_some() || is_over {
            said.push(self.end(playing, now));
            return said;
        }
        if playing.since.is_none()
            && playing.clip_ms.is_some()
            && seconds(now) >= playing.start.start_s
        {
            playing.since = Some(now);
            let (platform, ebm, at_s) = (playing.platform, playing.start.ebm, seconds(now));
            said.push(Said::Begins { platform, ebm, at_s });
        }
        if self.plays(&playing, now) >= playing.start.audio.len() {
            said.push(self.end(playing, now));
        } else {
            self.playing = Some(playing);
        }
        said
    }

    /// Complete plays.
    fn plays(&self, playing: &Playing, now: UtcMs) -> usize {
        let Some((since, clip_ms)) = playing.since.zip(playing.clip_ms) else { return 0 };
        let elapsed_ms = u64::try_from(now.since_ms(since)).unwrap_or(0);
        let plays = elapsed_ms.saturating_mul(u64::from(self.time_scale)) / clip_ms.max(1);
        usize::try_from(plays).unwrap_or(usize::MAX).min(playing.start.audio.len())
    }

    fn end(&self, playing: Playing, now: UtcMs) -> Said {
        let plays = self.plays(&playing, now);
        let whole = plays >= playing.start.audio.len();
        let is_late = playing.since.is_some() && seconds(now) > playing.start.end_s + 1;
        let result = Returned::Result {
            ebm: playing.start.ebm,
            played: if whole { Played::Well } else { Played::Failed },
            text: if whole { String::new() } else { playing.cut.unwrap_or("its end came".into()) },
            from_s: playing.since.map_or(0, seconds),
            until_s: seconds(now),
            plays: u8::try_from(plays).unwrap_or(u8::MAX),
            at_s: seconds(now),
        };
        Said::Ends { platform: playing.platform, result, is_late }
    }
}

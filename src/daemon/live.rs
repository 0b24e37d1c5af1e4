//! What an officer speaks live: sound comes in as it is spoken, is cut into parts, each part encoded,
//! stored and given to the core, which records it and orders it. One task for each who speaks; it ends
//! what the page does not end, and keeps the whole as one clip.

use super::core::{CoreFault, CoreHandle};
use crate::clock;
use crate::gateway::{Answer, Ask, Gateway, Input, LIVE_S_MAX, LiveAct};
use crate::model::{Actor, BroadcastId, Chime, Class, ClipRef, Codec, UtcMs};
use crate::render::encode::{encode, encode_levelled};
use crate::render::samples::Samples;
use crate::render::{RenderRequest, Renderer};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};

/// Samples per second of what comes: 16 bits, mono, little endian.
const RATE_HZ: u32 = 16_000;
/// The same for counting milliseconds.
const SAMPLES_PER_MS: usize = 16;
/// Most bytes that come at once: 5 s.
pub const PCM_BYTES_MAX: usize = 160_000;
/// Officers who speak at the same time, in different places; a further one waits.
const SPEAKERS_MAX: usize = 4;
/// Pieces of one speaker that wait; the page sends one after the other.
const PIECES_MAX: usize = 8;
/// Length of a part in milliseconds, and for many terminals: half as many fetches.
const PART_MS: (usize, usize) = (1_000, 2_000);
/// From so many terminals on parts are long.
const MANY_TERMINALS: usize = 1_000;
/// Shortest rest that is still said at the end, milliseconds.
const REST_MS_MIN: usize = 100;
/// Silence of the page after which the speech is over; while the opening sounds it has longer.
const STALL: Duration = Duration::from_secs(5);
/// Silence of the microphone after which the speech is over, milliseconds.
const QUIET_MS_MAX: usize = 60_000;
/// What counts as silence: 0.2 % of full scale.
const QUIET_BELOW: u16 = 65;
/// The recorded words after a live drill.
const DRILL_AFTER: &str = "drill-after";

/// Why nothing was taken.
#[derive(Debug, thiserror::Error)]
pub enum LiveFault {
    /// Too many speak.
    #[error("{SPEAKERS_MAX} officers are speaking already; wait until one ends")]
    Busy,
    /// Nobody speaks in this broadcast, or no more.
    #[error("nobody speaks in this broadcast (any more)")]
    Over,
    /// Somebody else speaks.
    #[error("another officer speaks in this broadcast")]
    NotYours,
    /// A piece was lost on the way.
    #[error("expected piece {expected}, got {got}; the sound was interrupted")]
    OutOfTurn {
        /// Its number.
        expected: u32,
        /// The number that came.
        got: u32,
    },
    /// The core says no.
    #[error("the gateway refuses it")]
    Refused(Box<Answer>),
    /// The core does not answer.
    #[error(transparent)]
    Core(#[from] CoreFault),
    /// The sound can't be encoded or stored.
    #[error("{0}")]
    Sound(String),
}

/// The opening goes out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Opened {
    /// How long it sounds, milliseconds: nobody speaks meanwhile.
    pub opening_ms: u32,
}

/// How far it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Spoke {
    /// Parts that went out.
    pub n_parts: u32,
    /// Milliseconds from the first sound of the last part to its order; 0 = none went out yet.
    pub out_ms: u32,
}

enum Piece {
    Sound(u32, Vec<i16>, Actor, oneshot::Sender<Result<Spoke, LiveFault>>),
    End(Actor, oneshot::Sender<Result<Spoke, LiveFault>>),
}

/// By broadcast: the officer's name and the way to the task.
type Speakers = Arc<Mutex<BTreeMap<BroadcastId, (String, mpsc::Sender<Piece>)>>>;

/// The way to those who speak.
#[derive(Clone)]
pub struct LiveDesk {
    core: CoreHandle,
    renderer: Arc<Renderer>,
    speakers: Speakers,
}

/// What a speech needs to know of its broadcast.
struct Course {
    opening_ms: u32,
    part_samples: usize,
    codecs: BTreeSet<Codec>,
    drill: bool,
}

impl Course {
    fn of(gateway: &Gateway, id: BroadcastId) -> Option<Self> {
        let state = gateway.state().broadcasts.get(&id)?;
        let n_terminals = state.broadcast.terminals().len();
        let part_ms = if n_terminals >= MANY_TERMINALS { PART_MS.1 } else { PART_MS.0 };
        Some(Self {
            opening_ms: state.clips.iter().map(|clip| clip.duration_ms).max().unwrap_or(0),
            part_samples: part_ms * SAMPLES_PER_MS,
            codecs: state.clips.iter().map(|clip| clip.codec).collect(),
            drill: state.broadcast.class() == Class::Drill,
        })
    }
}

impl LiveDesk {
    /// A desk over these.
    #[must_use]
    pub fn new(core: CoreHandle, renderer: Arc<Renderer>) -> Self {
        Self { core, renderer, speakers: Arc::default() }
    }

    /// Begins: the opening goes out.
    ///
    /// # Errors
    /// [`LiveFault`]; then nothing went out.
    pub async fn begin(&self, actor: Actor, id: BroadcastId) -> Result<Opened, LiveFault> {
        let (sender, pieces) = mpsc::channel(PIECES_MAX);
        {
            let mut speakers = lock(&self.speakers);
            if speakers.len() >= SPEAKERS_MAX || speakers.contains_key(&id) {
                return Err(LiveFault::Busy);
            }
            speakers.insert(id, (actor.name.clone(), sender));
        }
        let begun = self.begun(&actor, id).await;
        match begun {
            Ok(course) => {
                let opened = Opened { opening_ms: course.opening_ms };
                let speech = Speech::new(self, actor, id, course);
                let speakers = Arc::clone(&self.speakers);
                tokio::spawn(async move {
                    speech.run(pieces).await;
                    lock(&speakers).remove(&id);
                });
                Ok(opened)
            }
            Err(fault) => {
                lock(&self.speakers).remove(&id);
                Err(fault)
            }
        }
    }

    async fn begun(&self, actor: &Actor, id: BroadcastId) -> Result<Course, LiveFault> {
        told(&self.core, actor, id, LiveAct::Begin).await?;
        let course = self.core.look(move |gateway| Course::of(gateway, id)).await?;
        course.ok_or(LiveFault::Over)
    }

    /// Takes what was spoken: piece `seq` from 0, 16-bit little-endian samples at 16 kHz.
    ///
    /// # Errors
    /// [`LiveFault`]; then the speech is over or was not begun.
    pub async fn say(
        &self,
        actor: Actor,
        id: BroadcastId,
        seq: u32,
        pcm: &[u8],
    ) -> Result<Spoke, LiveFault> {
        let samples = pcm.chunks_exact(2).filter_map(|two| <[u8; 2]>::try_from(two).ok());
        let samples = samples.map(i16::from_le_bytes).collect();
        let name = actor.name.clone();
        self.pass(&name, id, |reply| Piece::Sound(seq, samples, actor, reply)).await
    }

    /// Ends.
    ///
    /// # Errors
    /// [`LiveFault`].
    pub async fn end(&self, actor: Actor, id: BroadcastId) -> Result<Spoke, LiveFault> {
        let name = actor.name.clone();
        self.pass(&name, id, |reply| Piece::End(actor, reply)).await
    }

    async fn pass(
        &self,
        by: &str,
        id: BroadcastId,
        piece: impl FnOnce(oneshot::Sender<Result<Spoke, LiveFault>>) -> Piece,
    ) -> Result<Spoke, LiveFault> {
        let known = lock(&self.speakers).get(&id).cloned();
        let (speaker, sender) = known.ok_or(LiveFault::Over)?;
        if speaker != by {
            // Nobody ends another's speech by talking into it.
            return Err(LiveFault::NotYours);
        }
        let (reply, answer) = oneshot::channel();
        sender.send(piece(reply)).await.map_err(|_| LiveFault::Over)?;
        answer.await.map_err(|_| LiveFault::Over)?
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Whole between statements, so a panic elsewhere does not spoil it.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn told(
    core: &CoreHandle,
    actor: &Actor,
    id: BroadcastId,
    act: LiveAct,
) -> Result<(), LiveFault> {
    let actor = actor.clone();
    let ask =
        core.ask(None, move |request| Input::Ask(request, actor, Box::new(Ask::Live(id, act))));
    let answer = ask.await?;
    if matches!(answer, Answer::Done(_)) {
        Ok(())
    } else {
        Err(LiveFault::Refused(Box::new(answer)))
    }
}

struct Speech {
    core: CoreHandle,
    renderer: Arc<Renderer>,
    actor: Actor,
    id: BroadcastId,
    course: Course,
    /// Spoken and not yet cut.
    rest: Vec<i16>,
    /// When the first sample of the rest was spoken.
    rest_at: UtcMs,
    whole: Vec<i16>,
    next_seq: u32,
    n_parts: u32,
    out_ms: u32,
    quiet_samples: usize,
}

impl Speech {
    fn new(desk: &LiveDesk, actor: Actor, id: BroadcastId, course: Course) -> Self {
        Self {
            core: desk.core.clone(),
            renderer: Arc::clone(&desk.renderer),
            actor,
            id,
            course,
            rest: Vec::new(),
            rest_at: UtcMs(0),
            whole: Vec::new(),
            next_seq: 0,
            n_parts: 0,
            out_ms: 0,
            quiet_samples: 0,
        }
    }

    async fn run(mut self, mut pieces: mpsc::Receiver<Piece>) {
        let mut patience = STALL + Duration::from_millis(u64::from(self.course.opening_ms));
        let reason = loop {
            match tokio::time::timeout(patience, pieces.recv()).await {
                Ok(Some(Piece::Sound(seq, samples, actor, reply))) => {
                    self.actor = actor;
                    let took = self.take(seq, samples).await;
                    let over = took.is_err();
                    // Who spoke may have gone away.
                    let _gone = reply.send(took);
                    if over {
                        break "声音中断或已停播";
                    }
                    if self.quiet_samples >= QUIET_MS_MAX * SAMPLES_PER_MS {
                        break "话筒长时间没有声音";
                    }
                }
                Ok(Some(Piece::End(actor, reply))) => {
                    self.actor = actor;
                    let ended = self.finish("喊话结束").await;
                    let _gone = reply.send(ended.map(|()| self.spoke()));
                    return self.keep().await;
                }
                Ok(None) | Err(_) => break "没有收到声音（页面关闭或网络中断）",
            }
            patience = STALL;
        };
        if let Err(fault) = self.finish(reason).await {
            tracing::info!(broadcast = %self.id, %fault, "a live speech had ended before");
        }
        self.keep().await;
    }

    fn spoke(&self) -> Spoke {
        Spoke { n_parts: self.n_parts, out_ms: self.out_ms }
    }

    async fn take(&mut self, seq: u32, samples: Vec<i16>) -> Result<Spoke, LiveFault> {
        if seq != self.next_seq {
            return Err(LiveFault::OutOfTurn { expected: self.next_seq, got: seq });
        }
        self.next_seq = self.next_seq.saturating_add(1);
        let spoken_ms = i64::try_from(samples.len() / SAMPLES_PER_MS).unwrap_or(0);
        if self.rest.is_empty() {
            self.rest_at = clock::now_utc().plus_ms(-spoken_ms);
        }
        let is_quiet = samples.iter().all(|sample| sample.unsigned_abs() < QUIET_BELOW);
        self.quiet_samples = if is_quiet { self.quiet_samples + samples.len() } else { 0 };
        self.rest.extend_from_slice(&samples);
        while self.rest.len() >= self.course.part_samples {
            let later = self.rest.split_off(self.course.part_samples);
            let part = std::mem::replace(&mut self.rest, later);
            self.say(part).await?;
        }
        Ok(self.spoke())
    }

    /// One part goes out, or nothing.
    async fn say(&mut self, part: Vec<i16>) -> Result<(), LiveFault> {
        let part_ms = i64::try_from(part.len() / SAMPLES_PER_MS).unwrap_or(0);
        let spoken_at = self.rest_at;
        self.rest_at = spoken_at.plus_ms(part_ms);
        let clips = self.encoded(part.clone()).await?;
        self.give(spoken_at, clips).await?;
        // What was spoken and did not go out is no part of the record.
        self.whole.extend(part);
        let out_ms = clock::now_utc().since_ms(spoken_at);
        self.out_ms = u32::try_from(out_ms).unwrap_or(0);
        Ok(())
    }

    async fn give(&mut self, spoken_at: UtcMs, clips: Vec<ClipRef>) -> Result<(), LiveFault> {
        let act = LiveAct::Part { number: self.n_parts, spoken_at, clips };
        told(&self.core, &self.actor, self.id, act).await?;
        self.n_parts = self.n_parts.saturating_add(1);
        Ok(())
    }

    async fn encoded(&self, part: Vec<i16>) -> Result<Vec<ClipRef>, LiveFault> {
        let (renderer, codecs) = (Arc::clone(&self.renderer), self.course.codecs.clone());
        beside(move || {
            let sound = Samples::from_i16(RATE_HZ, &part);
            let clip = |codec: Codec| {
                let bytes = encode(&sound, codec).map_err(|fault| fault.to_string())?;
                let put = renderer.clips().put(codec, &bytes, sound.duration_ms());
                put.map_err(|fault| fault.to_string())
            };
            codecs.into_iter().map(clip).collect()
        })
        .await
    }

    /// Says the rest, in a drill that it was one, and ends it.
    async fn finish(&mut self, reason: &str) -> Result<(), LiveFault> {
        let rest = std::mem::take(&mut self.rest);
        let said = if rest.len() >= REST_MS_MIN * SAMPLES_PER_MS && !is_over_long(&self.whole) {
            self.say(rest).await
        } else {
            Ok(())
        };
        if said.is_ok() && self.course.drill && self.n_parts > 0 {
            match self.after().await {
                Ok(clips) => self.give(clock::now_utc(), clips).await?,
                Err(fault) => {
                    tracing::error!(broadcast = %self.id, %fault, "no words after a live drill");
                }
            }
        }
        told(&self.core, &self.actor, self.id, LiveAct::End(reason.to_owned())).await?;
        said
    }

    async fn after(&self) -> Result<Vec<ClipRef>, LiveFault> {
        let (renderer, codecs) = (Arc::clone(&self.renderer), self.course.codecs.clone());
        beside(move || {
            let request = RenderRequest {
                text: String::new(),
                voice: "chime".to_owned(),
                recording: Some(DRILL_AFTER.to_owned()),
                fallback_recording: String::new(),
                chime: Chime::None,
                drill: false,
                words_times: Some(1),
                codecs,
                deadline_ms: None,
                background: false,
            };
            let done = renderer.render(&request).map_err(|fault| fault.to_string())?;
            match done.spoken.fallback_reason {
                None => Ok(done.clips),
                Some(why) => Err(why),
            }
        })
        .await
    }

    /// Everything that was said, into the store and the record.
    async fn keep(self) {
        if self.whole.is_empty() {
            return;
        }
        let (renderer, whole) = (Arc::clone(&self.renderer), self.whole);
        let clip = beside(move || {
            let sound = Samples::from_i16(RATE_HZ, &whole);
            let bytes = encode_levelled(&sound, Codec::Opus).map_err(|fault| fault.to_string())?;
            let put = renderer.clips().put(Codec::Opus, &bytes, sound.duration_ms());
            put.map_err(|fault| fault.to_string())
        })
        .await;
        let kept = match clip {
            Ok(clip) => told(&self.core, &self.actor, self.id, LiveAct::Keep(clip)).await,
            Err(fault) => Err(fault),
        };
        if let Err(fault) = kept {
            tracing::error!(broadcast = %self.id, %fault, "a live speech is kept in parts only");
        }
    }
}

fn is_over_long(whole: &[i16]) -> bool {
    let ms_max = usize::try_from(LIVE_S_MAX * 1_000).unwrap_or(usize::MAX);
    whole.len() / SAMPLES_PER_MS >= ms_max
}

/// Work for a thread that may take its time.
async fn beside<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, String> + Send + 'static,
) -> Result<T, LiveFault> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|fault| LiveFault::Sound(fault.to_string()))?.map_err(LiveFault::Sound)
}

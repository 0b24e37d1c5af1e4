//! One connection or line of stations: bytes are cut into telegrams, read, taken, and answered after
//! that; and questions are put (mode M4).

use super::seats::Seat;
use super::{Asking, Telemetry};
use crate::clock;
use crate::daemon::serve::stopped;
use crate::daemon::stations::reject;
use crate::ingest::sl651::{self, Assembled, Assembler, Confirm, Frame};
use crate::ingest::stream::{self, Cut};
use crate::ingest::szy206;
use crate::model::{Fault, Rejection};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

/// Longest wait for the rest of a telegram, seconds.
const REST_S_MAX: u64 = 20;
/// Longest wait until an answer is taken, seconds.
const ANSWER_S_MAX: u64 = 20;
/// Bytes that wait to be read of one connection.
const WAITING_BYTES_MAX: usize = 16 * 1024;
/// Telegrams and stretches of other bytes that are wrong before the connection ends; on a line, one
/// after the other.
const WRONG_MAX: u32 = 20;
/// Bytes of other kinds that are kept of one stretch.
const JUNK_KEPT_BYTES: usize = 1_024;
/// Longest wait for anything on a line, seconds; then it is looked at again.
const LOOK_S: u64 = 3_600;

/// What a connection may do.
#[derive(Debug, Clone, Copy)]
pub(super) struct Terms {
    /// Longest silence, seconds; `None` = it is a line and may be silent.
    pub(super) silence_s_max: Option<u64>,
}

/// One connection or line, until its end. Gives how many telegrams were taken.
pub(super) async fn converse<S: AsyncRead + AsyncWrite + Unpin>(
    stream: S,
    telemetry: &Telemetry,
    by: &str,
    (terms, asking, seat): (Terms, Asking, Seat),
    stop: watch::Receiver<bool>,
) -> u64 {
    let mut talk = Talk {
        stream,
        telemetry,
        by,
        terms,
        asking,
        seat,
        buffer: Vec::new(),
        packets: Assembler::default(),
        n_wrong: 0,
        n_taken: 0,
    };
    if let Err(why) = talk.run(stop).await {
        tracing::debug!(by, "a station's connection ends: {why:#}");
    }
    talk.n_taken
}

struct Talk<'a, S> {
    stream: S,
    telemetry: &'a Telemetry,
    by: &'a str,
    terms: Terms,
    asking: Asking,
    seat: Seat,
    buffer: Vec<u8>,
    packets: Assembler,
    n_wrong: u32,
    n_taken: u64,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Talk<'_, S> {
    async fn run(&mut self, mut stop: watch::Receiver<bool>) -> anyhow::Result<()> {
        let mut piece = [0; 2_048];
        let mut heard = Instant::now();
        loop {
            self.read_all().await?;
            if self.n_wrong > WRONG_MAX {
                anyhow::bail!("more than {WRONG_MAX} telegrams were wrong");
            }
            if self.buffer.len() > WAITING_BYTES_MAX {
                self.give_up().await?;
                continue;
            }
            let (ask_at, limit_s) = if self.buffer.is_empty() {
                let wait_ms = self.ask().await?;
                let ask_at = Instant::now() + Duration::from_millis(wait_ms);
                (ask_at, self.terms.silence_s_max.unwrap_or(LOOK_S))
            } else {
                (Instant::now() + Duration::from_secs(LOOK_S), REST_S_MAX)
            };
            let read = tokio::select! {
                () = stopped(&mut stop) => return Ok(()),
                () = self.seat.must_leave() => anyhow::bail!("another station needs the room"),
                () = sleep_until(ask_at) => continue,
                () = sleep_until(heard + Duration::from_secs(limit_s)) => None,
                read = self.stream.read(&mut piece) => Some(read?),
            };
            heard = Instant::now();
            match read {
                Some(0) if self.buffer.is_empty() => return Ok(()),
                // The rest will never come; what is whole inside is still read.
                Some(0) => self.give_up().await?,
                Some(n) => self.buffer.extend(piece.iter().take(n)),
                None if !self.buffer.is_empty() => self.give_up().await?,
                None => {
                    if let Some(limit_s) = self.terms.silence_s_max {
                        anyhow::bail!("silent for {limit_s} s");
                    }
                }
            }
        }
    }

    /// Puts a question when it is time for one; gives the milliseconds until the next may be.
    async fn ask(&mut self) -> anyhow::Result<u64> {
        let now = clock::now_utc();
        let question = self.asking.next(now);
        self.tell_news();
        if let Some(question) = question {
            self.write(&question).await?;
        }
        Ok(self.asking.wait_ms(now))
    }

    /// Reads what is whole at the front.
    async fn read_all(&mut self) -> anyhow::Result<()> {
        loop {
            if self.n_wrong > WRONG_MAX {
                return Ok(());
            }
            match stream::cut(&self.buffer) {
                Cut::More => return Ok(()),
                Cut::Junk(n) => {
                    let junk: Vec<u8> = self.buffer.drain(..n.min(self.buffer.len())).collect();
                    // A maker's marks and line ends between telegrams are nothing to tell of.
                    if junk.iter().any(|byte| !matches!(byte, 0x7E | 0x0D | 0x0A | 0x00)) {
                        let kept: Vec<u8> = junk.into_iter().take(JUNK_KEPT_BYTES).collect();
                        let what = "expected a telegram of SL 651 or SZY 206";
                        self.wrong(kept, rejection(what)).await?;
                    }
                }
                Cut::Sl651(n) => {
                    let bytes = self.buffer.get(..n).unwrap_or_default().to_vec();
                    match sl651::frame(&bytes) {
                        Ok(frame) => {
                            self.buffer.drain(..n);
                            self.sl651(frame, bytes).await?;
                        }
                        Err(rejection) => {
                            self.buffer.drain(..stream::after_wrong(&bytes));
                            self.wrong(bytes, rejection).await?;
                        }
                    }
                }
                Cut::Szy206(n) => {
                    let bytes: Vec<u8> = self.buffer.drain(..n.min(self.buffer.len())).collect();
                    let now = clock::now_utc();
                    match szy206::read(&bytes, now) {
                        Ok(read) => {
                            if let Some(report) = szy206::readings(&read, now) {
                                self.telemetry.desk.take(report, None).await?;
                            }
                            self.taken();
                        }
                        Err(rejection) => self.wrong(bytes, rejection).await?,
                    }
                }
            }
        }
    }

    async fn sl651(&mut self, frame: Frame, bytes: Vec<u8>) -> anyhow::Result<()> {
        let now = clock::now_utc();
        if !frame.upward {
            // An echo of the line, or a station that plays the centre.
            return self
                .wrong(bytes, rejection("expected a telegram upwards, got one downwards"))
                .await;
        }
        let head = frame.clone();
        let answers = self.asking.heard(now, &head);
        self.tell_news();
        let whole = match self.packets.take(now, frame) {
            Assembled::Whole(whole) => whole,
            Assembled::Waiting => return Ok(()),
            Assembled::Missing(numbers, serial) => {
                let again = sl651::answer(&head, serial, now, Confirm::Again, &numbers);
                return self.answer(&again).await;
            }
            Assembled::Known(serial) => {
                let known = sl651::answer(&head, serial, now, Confirm::StayOnline, &[]);
                return self.answer(&known).await;
            }
            Assembled::Refused(rejection) => return self.wrong(bytes, rejection).await,
        };
        let telegram = match sl651::telegram(&whole) {
            Ok(telegram) => telegram,
            Err(rejection) => return self.wrong(bytes, rejection).await,
        };
        for oddity in &telegram.oddities {
            tracing::info!(station = telegram.station, "{}: {}", oddity.element, oddity.what);
        }
        self.taken();
        if telegram.function == sl651::KEEP_ALIVE {
            return Ok(());
        }
        if let Some(report) = sl651::readings(&telegram, now) {
            self.telemetry.desk.telemetry().said(&report);
            self.telemetry.desk.take(report, None).await?;
        }
        if answers {
            return Ok(());
        }
        let serial = telegram.serial.unwrap_or_default();
        // Only now: what is not taken must come again.
        let taken = sl651::answer(&whole, serial, clock::now_utc(), Confirm::StayOnline, &[]);
        self.answer(&taken).await
    }

    /// A telegram was right. On a line what was wrong before it was noise; on a connection it counts.
    fn taken(&mut self) {
        self.n_taken += 1;
        let now = clock::now_utc();
        self.seat.heard(now);
        self.telemetry.desk.telemetry().heard(self.by, true, now);
        if self.terms.silence_s_max.is_none() {
            self.n_wrong = 0;
        }
    }

    /// What happened with the questions, for people.
    fn tell_news(&mut self) {
        for news in self.asking.news() {
            self.telemetry.desk.telemetry().note(self.by, news, clock::now_utc());
        }
    }

    async fn answer(&mut self, bytes: &[u8]) -> anyhow::Result<()> {
        if self.telemetry.answer { self.write(bytes).await } else { Ok(()) }
    }

    async fn write(&mut self, bytes: &[u8]) -> anyhow::Result<()> {
        let limit = Duration::from_secs(ANSWER_S_MAX);
        tokio::time::timeout(limit, self.stream.write_all(bytes)).await??;
        Ok(())
    }

    /// The front is no telegram and will be none: it is told, and the search goes on behind it.
    async fn give_up(&mut self) -> anyhow::Result<()> {
        let n = stream::after_wrong(&self.buffer).min(self.buffer.len());
        let bytes: Vec<u8> = self.buffer.drain(..n).collect();
        let told = sl651::frame(&bytes).err();
        let told =
            told.unwrap_or_else(|| rejection("expected the rest of a telegram; it did not come"));
        self.wrong(bytes, told).await
    }

    async fn wrong(&mut self, bytes: Vec<u8>, rejection: Rejection) -> anyhow::Result<()> {
        self.n_wrong += 1;
        self.telemetry.desk.telemetry().heard(self.by, false, clock::now_utc());
        reject(&self.telemetry.core, bytes, rejection, self.by.to_owned()).await?;
        Ok(())
    }
}

fn rejection(what: &str) -> Rejection {
    let fault = Fault { line: None, element: "offset 0".into(), what: what.into() };
    Rejection { faults: vec![fault], too_large: false }
}

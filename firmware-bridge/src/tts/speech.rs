//! One text through a speech chip, without I/O: piece by piece, each when the one before has ended.
//!
//! ```text
//! wake ─▶ send piece ─▶ understood? ─▶ speaking ─▶ idle ─▶ next piece … ─▶ done
//!            ▲              │ no, or nothing: ask; idle = send again (three times)
//!            └──────────────┘
//! ```

use super::text::{Letters, speakable, split};
use super::{Answer, Command, FRAME_BYTES_MAX, SpeechChip, frame};
use heapless::Vec;

/// Pause between frames; within it a chip takes bytes as the same frame. Milliseconds.
const GAP_MS: i64 = 20;
/// Speed of the line to a chip as it starts, bit/s: a long frame takes half a second.
const BAUD: i64 = 9_600;
/// An answer that takes longer is lost, milliseconds after the frame has left.
const ANSWER_MS: i64 = 250;
/// How often a chip that speaks is asked, milliseconds.
const ASK_MS: i64 = 1_000;
/// How often one piece is sent, and how often in a row a chip may be silent.
const TRIES_MAX: u8 = 3;
/// Longest time of a letter, milliseconds; numbers and Latin abbreviations are slow.
const LETTER_MS_MAX: i64 = 1_500;
/// Longest time of a piece beside its letters, milliseconds.
const PIECE_MS_MAX: i64 = 10_000;
/// `[v10]` and the like.
const MARK_LETTERS: usize = 5;

/// What to do now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Act<'a> {
    /// Nothing; come again within 20 ms, or with a byte from the chip.
    Wait,
    /// Put these bytes on the line without a pause between them.
    Send(&'a [u8]),
    /// The whole text was spoken.
    Done,
    /// It can't be spoken.
    Failed(&'static str),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Begin,
    /// Take the next piece.
    Next,
    /// Send the piece.
    Piece,
    /// Sent, not yet understood.
    Sent,
    /// Asked whether the piece was understood, because no answer came.
    Doubt,
    /// It speaks.
    Speaking,
    /// Asked whether it still speaks.
    Asked,
    Done,
    Failed(&'static str),
}

/// One text. Whoever runs it keeps the text, and gives the same with every call of [`Self::act`].
#[derive(Debug)]
pub struct Speech<L> {
    chip: SpeechChip,
    letters: L,
    /// Where the piece begins in the text, and where the rest.
    piece: usize,
    rest: usize,
    volume: u8,
    state: State,
    /// When the state's wait ends.
    until_ms: i64,
    /// When the piece must have ended.
    ends_ms: i64,
    tries: u8,
    silent: u8,
    heard: bool,
    frame: [u8; FRAME_BYTES_MAX],
    /// Letters that the encoding does not have.
    pub unsayable: u32,
}

impl<L: Letters> Speech<L> {
    /// Begins. The volume is set with every piece, so that a chip that started anew has it too.
    #[must_use]
    pub fn new(chip: SpeechChip, letters: L, volume_percent: u8, now_ms: i64) -> Self {
        let scaled = u16::from(volume_percent.min(100)) * u16::from(chip.volume_max()) / 100;
        Self {
            chip,
            letters,
            piece: 0,
            rest: 0,
            volume: u8::try_from(scaled).unwrap_or(0),
            state: State::Begin,
            until_ms: now_ms,
            ends_ms: i64::MAX,
            tries: 0,
            silent: 0,
            heard: false,
            frame: [0; FRAME_BYTES_MAX],
            unsayable: 0,
        }
    }

    /// A byte from the chip.
    pub fn hear(&mut self, now_ms: i64, byte: u8) {
        let Some(answer) = Answer::read(byte) else { return };
        self.silent = 0;
        match (self.state, answer) {
            (State::Sent, Answer::Good) | (State::Sent | State::Doubt, Answer::Speaking) => {
                self.heard = true;
                (self.state, self.until_ms) = (State::Speaking, now_ms.saturating_add(ASK_MS));
            }
            // It started anew, or did not understand, or never got it: the piece again.
            (State::Sent | State::Doubt | State::Speaking | State::Asked, Answer::Started)
            | (State::Sent, Answer::Bad)
            | (State::Doubt, Answer::Idle) => {
                (self.state, self.until_ms) = (State::Piece, now_ms.saturating_add(GAP_MS));
            }
            // The question was not understood; what it speaks goes on.
            (State::Doubt | State::Asked, Answer::Bad) => {
                self.until_ms = now_ms.saturating_add(GAP_MS);
            }
            (State::Asked, Answer::Speaking) => {
                (self.state, self.until_ms) = (State::Speaking, now_ms.saturating_add(ASK_MS));
            }
            (State::Speaking | State::Asked, Answer::Idle) => {
                (self.state, self.until_ms) = (State::Next, now_ms);
            }
            // `Good` answers a question too; an old `Idle` may come before the piece is understood.
            (State::Sent, Answer::Idle)
            | (State::Doubt | State::Speaking | State::Asked, Answer::Good)
            | (State::Speaking, Answer::Speaking | Answer::Bad)
            | (State::Begin | State::Next | State::Piece | State::Done | State::Failed(_), _) => {}
        }
    }

    /// Whether the chip has begun to speak.
    #[must_use]
    pub fn is_heard(&self) -> bool {
        self.heard
    }

    /// What to do now. After `Done` or `Failed` it stays so.
    pub fn act(&mut self, now_ms: i64, text: &str) -> Act<'_> {
        if now_ms >= self.ends_ms && !matches!(self.state, State::Done | State::Failed(_)) {
            self.state = State::Failed("the speech chip does not end");
        }
        if now_ms < self.until_ms {
            return Act::Wait;
        }
        let used = match self.state {
            State::Begin => self.begin(now_ms, text),
            State::Next => {
                self.next_piece(now_ms, text);
                None
            }
            State::Piece => self.send_piece(now_ms, text),
            State::Sent | State::Doubt => self.ask(now_ms, State::Doubt),
            State::Speaking | State::Asked => self.ask(now_ms, State::Asked),
            State::Done => return Act::Done,
            State::Failed(why) => return Act::Failed(why),
        };
        match (used, self.state) {
            (Some(used), _) => self.frame.get(..used).map_or(Act::Wait, Act::Send),
            (None, State::Done) => Act::Done,
            (None, State::Failed(why)) => Act::Failed(why),
            (None, _) => Act::Wait,
        }
    }

    /// The frame that stops the chip; for a cancelled broadcast.
    pub fn stop(&mut self) -> &[u8] {
        self.state = State::Done;
        let used = frame(self.chip, Command::Stop, &[], &mut self.frame).unwrap_or(0);
        self.frame.get(..used).unwrap_or_default()
    }

    fn begin(&mut self, now_ms: i64, text: &str) -> Option<usize> {
        self.next_piece(now_ms, text);
        // A chip without a wake command wakes at any frame and needs the same time.
        let wake = match self.chip {
            SpeechChip::Syn6288 => Command::State,
            SpeechChip::Syn6658 | SpeechChip::Xfs5152ce => Command::Wake,
        };
        frame(self.chip, wake, &[], &mut self.frame)
    }

    fn next_piece(&mut self, now_ms: i64, text: &str) {
        (self.tries, self.silent) = (0, 0);
        self.until_ms = now_ms.saturating_add(GAP_MS);
        loop {
            let room = self.chip.text_bytes_max().saturating_sub(4 * MARK_LETTERS);
            let left = text.get(self.rest..).unwrap_or_default();
            let (piece, _) = split(left, room, &self.letters);
            if piece.is_empty() {
                self.state = State::Done;
                self.ends_ms = i64::MAX;
                return;
            }
            (self.piece, self.rest) = (self.rest, self.rest + piece.len());
            let mut bytes = [0; 4];
            let mut said = 0_i64;
            for letter in piece.chars().filter(|letter| speakable(*letter)) {
                if self.letters.encode(letter, &mut bytes) == 0 {
                    self.unsayable = self.unsayable.saturating_add(1);
                } else {
                    said += 1;
                }
            }
            if said > 0 {
                self.state = State::Piece;
                let longest_ms = PIECE_MS_MAX + said * LETTER_MS_MAX;
                self.ends_ms = now_ms.saturating_add(longest_ms);
                return;
            }
        }
    }

    fn send_piece(&mut self, now_ms: i64, text: &str) -> Option<usize> {
        if self.tries >= TRIES_MAX {
            self.state = State::Failed("the speech chip does not understand");
            return None;
        }
        self.tries += 1;
        let mut parameters: Vec<u8, FRAME_BYTES_MAX> = Vec::new();
        parameters.push(self.letters.encoding().byte()).ok()?;
        let tens = (self.volume >= 10).then_some(char::from(b'0' + self.volume / 10));
        let mark = ['[', 'v'].into_iter().chain(tens);
        for letter in mark.chain([char::from(b'0' + self.volume % 10), ']']) {
            self.put(letter, &mut parameters);
        }
        let piece = text.get(self.piece..self.rest).unwrap_or_default();
        for letter in piece.chars().filter(|letter| speakable(*letter)) {
            self.put(letter, &mut parameters);
        }
        let used = frame(self.chip, Command::Speak, &parameters, &mut self.frame);
        let wait_ms = line_ms(used.unwrap_or(0)) + ANSWER_MS;
        (self.state, self.until_ms) = (State::Sent, now_ms.saturating_add(wait_ms));
        if used.is_none() {
            self.state = State::Failed("the speech chip has no such encoding");
        }
        used
    }

    fn put(&self, letter: char, parameters: &mut Vec<u8, FRAME_BYTES_MAX>) {
        let mut bytes = [0; 4];
        let used = self.letters.encode(letter, &mut bytes).min(4);
        // Room was reckoned by `split`.
        let _fits = parameters.extend_from_slice(bytes.get(..used).unwrap_or_default());
    }

    fn ask(&mut self, now_ms: i64, then: State) -> Option<usize> {
        if self.silent >= TRIES_MAX {
            self.state = State::Failed("the speech chip is silent");
            return None;
        }
        self.silent += 1;
        (self.state, self.until_ms) = (then, now_ms.saturating_add(ANSWER_MS));
        frame(self.chip, Command::State, &[], &mut self.frame)
    }
}

/// How long so many bytes take to the chip, milliseconds.
fn line_ms(bytes: usize) -> i64 {
    i64::try_from(bytes).unwrap_or(0) * 10_000 / BAUD + 1
}

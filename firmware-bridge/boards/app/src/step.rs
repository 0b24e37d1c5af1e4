//! One round of the main loop.

use crate::eeprom::{Eeprom, Slots, TimeFloor};
use crate::player::{Event, Player, TextSpace};
use crate::shelf::{Blocks, Shelf};
use crate::{Board, CODECS};
use mingluo_bridge::clock::Clock;
use mingluo_bridge::line::ANSWER_AFTER_MS;
use mingluo_bridge::message::Codec;
use mingluo_bridge::provision::Provision;
use mingluo_bridge::serial::LINE_BYTES_MAX;
use mingluo_bridge::station::{LineProfile, Station};
use mingluo_bridge::terminal::{Action, Terminal};
use mingluo_bridge::tts::SpeechChip;

/// Bytes taken from the line in one round; the board queues the rest.
const BYTES_A_ROUND: usize = 64;
/// How often the terminal core looks at its times, milliseconds.
const TICK_MS: i64 = 100;
/// Silence between a poll and its answer, milliseconds.
const ANSWER_AFTER_MS_MIN: i64 = 1 + ANSWER_AFTER_MS.0 as i64;
/// A later answer could meet the gateway's next words, milliseconds.
const ANSWER_AFTER_MS_MAX: i64 = ANSWER_AFTER_MS.1 as i64;

/// What a board hands over at boot.
pub struct Parts<E, B> {
    /// Persistent memory by bytes; copies of it are the same chip.
    pub eeprom: E,
    /// The SD card.
    pub blocks: B,
}

/// The terminal core over a board's memory.
pub type Core<E> = Terminal<Slots<E>>;
/// The line over a board's card.
pub type Line<B> = Station<Shelf<B>>;

/// Boots the terminal core.
pub fn core<E: Eeprom>(provision: &Provision, eeprom: E, tick_ms: i64) -> Core<E> {
    let text = if provision.speech.is_some() { Codec::Text.bit() } else { 0 };
    Terminal::boot(provision.profile(CODECS | text), Slots(eeprom), tick_ms)
}

/// Opens the line and the card; both wait for the first [`App::step`].
pub fn line<B: Blocks>(line: LineProfile, blocks: B) -> Line<B> {
    Station::new(line, Shelf::open(blocks))
}

/// An answer on its way out.
struct Answer {
    bytes: [u8; LINE_BYTES_MAX],
    used: usize,
    at: usize,
    talking: bool,
}

/// The terminal. Its large parts stay where the board put them, because a processor with little
/// memory can't move them over its stack.
pub struct App<'a, E, B> {
    terminal: &'a mut Core<E>,
    station: &'a mut Line<B>,
    player: Player<'a>,
    clock: Clock,
    eeprom: E,
    floor: TimeFloor,
    answer: Answer,
    ticked_ms: i64,
}

impl<'a, E: Eeprom, B: Blocks> App<'a, E, B> {
    /// Puts the parts together; `text` is where a text is while the speech chip speaks it.
    pub fn new(
        terminal: &'a mut Core<E>,
        station: &'a mut Line<B>,
        mut eeprom: E,
        chip: Option<SpeechChip>,
        text: &'a mut TextSpace,
    ) -> Self {
        let floor = TimeFloor::load(&mut eeprom);
        Self {
            terminal,
            station,
            player: Player::new(chip, text),
            clock: Clock::default(),
            eeprom,
            floor,
            answer: Answer { bytes: [0; LINE_BYTES_MAX], used: 0, at: 0, talking: false },
            ticked_ms: 0,
        }
    }

    /// The time. Without a signal it is the time since boot, in 1970: no time, by which the
    /// terminal core judges and plays nothing.
    fn now_ms(&self, tick_ms: i64) -> i64 {
        self.clock.now_ms(tick_ms).map_or(tick_ms, |(now_ms, _)| now_ms)
    }

    /// One round; call it for ever. It rests in the board when there was nothing to do.
    pub fn step(&mut self, board: &mut impl Board) {
        let tick_ms = board.tick_ms();
        let mut busy = self.listen(tick_ms, board);
        busy |= self.talk(tick_ms, board);
        busy |= self.sound(tick_ms, board);
        let now_ms = self.now_ms(tick_ms);
        busy |= self.station.work(now_ms, self.terminal);
        if tick_ms.saturating_sub(self.ticked_ms) >= TICK_MS {
            self.ticked_ms = tick_ms;
            self.terminal.on_tick(now_ms);
        }
        self.act(tick_ms, board);
        board.feed();
        if !busy {
            board.rest();
        }
    }

    fn listen(&mut self, tick_ms: i64, board: &mut impl Board) -> bool {
        for taken in 0..BYTES_A_ROUND {
            let Some(byte) = board.line_read() else { return taken > 0 };
            let now_ms = self.now_ms(tick_ms);
            self.station.on_byte(now_ms, byte, self.terminal);
            self.act(tick_ms, board);
            if let Some(bytes) = self.station.answer() {
                if let Some(to) = self.answer.bytes.get_mut(..bytes.len()) {
                    to.copy_from_slice(bytes);
                    (self.answer.used, self.answer.at) = (bytes.len(), 0);
                }
            } else if !self.answer.talking {
                // Somebody speaks already: the answer would come too late.
                self.answer.used = 0;
            }
        }
        true
    }

    fn talk(&mut self, tick_ms: i64, board: &mut impl Board) -> bool {
        let Answer { bytes, used, at, talking } = &mut self.answer;
        if *used == 0 {
            return false;
        }
        if !*talking {
            let waited_ms = tick_ms.saturating_sub(board.line_heard_ms());
            if waited_ms < ANSWER_AFTER_MS_MIN {
                return false;
            }
            if waited_ms > ANSWER_AFTER_MS_MAX {
                *used = 0;
                return false;
            }
            board.line_talk(true);
            *talking = true;
        }
        while let Some(byte) = bytes.get(..*used).and_then(|all| all.get(*at)) {
            if !board.line_write(*byte) {
                // No room until the next millisecond.
                return false;
            }
            *at += 1;
        }
        if board.line_sent() {
            board.line_talk(false);
            (*used, *talking) = (0, false);
        }
        false
    }

    fn sound(&mut self, tick_ms: i64, board: &mut impl Board) -> bool {
        self.player.hush(tick_ms, board);
        if !self.player.is_playing() {
            return false;
        }
        if board.heard() {
            self.terminal.on_heard();
        }
        let now_ms = self.now_ms(tick_ms);
        match self.player.pump(tick_ms, &mut self.station.intake.clips, board) {
            Some(Event::Started(broadcast)) => {
                self.terminal.on_playback_started(now_ms, broadcast);
            }
            Some(Event::Ended(broadcast)) => {
                self.terminal.on_playback_finished(now_ms, broadcast, false);
            }
            Some(Event::Failed(broadcast, why)) => {
                self.terminal.on_playback_failed(now_ms, broadcast, why);
            }
            None => return false,
        }
        true
    }

    fn act(&mut self, tick_ms: i64, board: &mut impl Board) {
        loop {
            let now_ms = self.now_ms(tick_ms);
            let Some(action) = self.station.next_action(now_ms, self.terminal) else { return };
            match action {
                Action::Start { broadcast, clip, volume_percent } => {
                    let shelf = &mut self.station.intake.clips;
                    if self.player.start(broadcast, &clip.sha256, volume_percent, tick_ms, shelf) {
                        board.relay(true);
                    } else {
                        let why = "the content is gone";
                        self.terminal.on_playback_failed(now_ms, broadcast, why);
                    }
                }
                Action::Stop { .. } => {
                    board.sound_stop();
                    self.player.stop(tick_ms, &mut self.station.intake.clips);
                }
                Action::AmplifierOff => board.relay(false),
                Action::SetClock { issued_at_ms } => {
                    if self.floor.passes(&mut self.eeprom, issued_at_ms) {
                        // An old signal is refused there.
                        let _taken = self.clock.set(tick_ms, issued_at_ms);
                    }
                }
                // Taken care of by the station.
                Action::Fetch(_) | Action::Offer(_) | Action::Send(_) | Action::Keep { .. } => {}
            }
        }
    }
}

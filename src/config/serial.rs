//! `[serial]` of `gateway.toml`: lines, who is on them, and what fits.

use super::OrderAlgorithm;
use super::reader::{Document, Faults, Keys};
use crate::deliver::serial::airtime::{bytes_us, clip_ms, polls_us, units_for};
use crate::deliver::serial::{CHIMES_KEPT, PHRASES_KEPT_MAX};
use crate::deliver::serial::{Direction, LineConfig, LineMember, LineSetup};
use crate::model::{AreaCode, Codec, LinkKind, Network, Phrase, QuietHours, TerminalId};
use mingluo_bridge::line::{ADDRESS_MAX, ANSWER_AFTER_MS, CHUNK_BYTES_MAX, CHUNK_UNIT_BYTES};
use std::collections::BTreeSet;

const TERMINALS: &str = "terminals.csv";
/// Length of the message that airtimes are shown for, seconds.
pub const SHOWN_S: u32 = 20;
/// Bytes of a play order with four contents, and of the word which of them is meant.
const STORED_ORDER_BYTES: usize = 360;
/// Delays of a line that the kernel turns.
const DELAYS: [&str; 2] = ["direction_before_ms", "direction_after_ms"];
/// Longest such delay that Linux takes, milliseconds.
const DELAY_MS_MAX: i64 = 100;
/// Phrases of one terminal.
const PHRASES_PER_TERMINAL_MAX: usize = PHRASES_KEPT_MAX - CHIMES_KEPT;
/// Lines of one gateway.
const LINES_MAX: usize = 256;

/// `[serial]`
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SerialSettings {
    /// Silence of a terminal with two links after which the other link is tried, seconds.
    pub failover_wait_s: u32,
    /// Local hours in which recorded warnings are sent to terminals beforehand; `None` = never.
    pub keep_hours: Option<QuietHours>,
    /// Phrases kept in terminals, `[[serial.phrases]]`.
    pub phrases: Vec<Phrase>,
    /// The lines, `[[serial.lines]]`.
    pub lines: Vec<LineSettings>,
}

/// `[[serial.lines]]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LineSettings {
    /// The port.
    pub port: String,
    /// Speed and waits.
    pub setup: LineSetup,
    /// Who turns the line.
    pub direction: Direction,
    /// Longest time a clip may take, seconds.
    pub clip_s_max: u32,
    /// A clip that takes longer gives way to a text or a stored warning, seconds.
    pub clip_soon_s: u32,
    /// Address and name of its terminals.
    pub terminals: Vec<(u8, TerminalId)>,
    /// Line of the file, for faults.
    pub line: Option<u32>,
}

pub(super) fn read(mut keys: Keys<'_>) -> SerialSettings {
    let failover_wait_s = keys.number("failover_wait_s", Some(15), 1..=3_600);
    let keep_hours = keep_hours(&mut keys);
    let mut lines = Vec::new();
    for table in keys.tables("lines") {
        lines.push(line(table));
    }
    if lines.len() > LINES_MAX {
        keys.fault("lines", &format!("are more than {LINES_MAX}"), "use a second gateway");
    }
    let mut phrases = Vec::<Phrase>::new();
    for table in keys.tables("phrases") {
        phrases.extend(phrase(table, &phrases));
    }
    keys.finish();
    SerialSettings { failover_wait_s, keep_hours, phrases, lines }
}

/// `[[serial.phrases]]`
fn phrase(mut keys: Keys<'_>, before: &[Phrase]) -> Option<Phrase> {
    let number: u16 = keys.number("number", None, 1..=i64::from(Phrase::NUMBER_MAX));
    let words = keys.text("words", None);
    let recording = keys.text_opt("recording").filter(|name| !name.is_empty());
    let mut areas = Vec::new();
    for text in keys.texts("areas") {
        match AreaCode::parse(&text) {
            Some(area) => areas.push(area),
            None => {
                let what = format!("expected an area code, got `{text}`");
                keys.fault("areas", &what, "twelve digits, such as 430621100000");
            }
        }
    }
    if before.iter().any(|other| other.number == number) {
        keys.fault("number", &format!("{number} stands twice"), "give each its own number");
    }
    if before.iter().any(|other| other.words == words) {
        keys.fault("words", "stand twice", "leave one of them");
    }
    keys.finish();
    (number > 0 && !words.is_empty()).then_some(Phrase { number, words, recording, areas })
}

fn line(mut keys: Keys<'_>) -> LineSettings {
    let at = keys.line();
    let port = keys.text("port", None);
    let baud = keys.number("baud", Some(9_600), 300..=4_000_000);
    let usual = LineSetup::of(baud);
    let usual_bytes = u16::from(usual.units) * CHUNK_UNIT_BYTES;
    let largest = i64::try_from(CHUNK_BYTES_MAX).unwrap_or(0);
    let chunk_bytes: u16 = keys.number("chunk_bytes", Some(usual_bytes), 8..=largest);
    let answer_wait_ms: u32 = keys.number("answer_wait_ms", Some(60), 5..=10_000);
    let idle_poll_s: u32 = keys.number("idle_poll_s", Some(10), 1..=3_600);
    let direction = direction(&mut keys);
    let clip_s_max = keys.number("clip_s_max", Some(120), 1..=3_600);
    let clip_soon_s = keys.number("clip_soon_s", Some(30), 0..=3_600);
    let terminals = terminals(&mut keys);
    keys.finish();
    LineSettings {
        port,
        setup: LineSetup {
            units: u8::try_from(chunk_bytes / CHUNK_UNIT_BYTES).unwrap_or(usual.units).max(1),
            answer_wait_us: i64::from(answer_wait_ms) * 1_000,
            idle_poll_us: i64::from(idle_poll_s) * 1_000_000,
            ..usual
        },
        direction,
        clip_s_max,
        clip_soon_s,
        terminals,
        line: at,
    }
}

/// `"automatic"`, `"rts"`, or `"kernel"` with its delays.
fn direction(keys: &mut Keys<'_>) -> Direction {
    let kernel = Direction::Kernel { before_ms: 0, after_ms: 0 };
    let options =
        [("automatic", Direction::Automatic), ("rts", Direction::Rts), ("kernel", kernel)];
    let automatic = Direction::Automatic;
    let chosen = keys.choice("direction", Some(automatic), &options, automatic);
    let given = DELAYS.into_iter().find(|key| keys.is_present(key));
    let [before_ms, after_ms] = DELAYS.map(|key| keys.number(key, Some(0), 0..=DELAY_MS_MAX));
    match (chosen, given) {
        (Direction::Kernel { .. }, _) => {
            if after_ms > ANSWER_AFTER_MS.0 {
                let what =
                    format!("terminals may answer {} ms after a question", ANSWER_AFTER_MS.0);
                let remedy = "1 at most, or the line is turned after an answer has begun";
                keys.fault("direction_after_ms", &what, remedy);
            }
            Direction::Kernel { before_ms, after_ms }
        }
        (Direction::Automatic | Direction::Rts, Some(key)) => {
            keys.fault(key, "holds for direction = \"kernel\" alone", "set that, or remove it");
            chosen
        }
        (Direction::Automatic | Direction::Rts, None) => chosen,
    }
}

/// `01:00-05:00`, local time; empty = never.
fn keep_hours(keys: &mut Keys<'_>) -> Option<QuietHours> {
    let text = keys.text("keep_hours", Some("01:00-05:00"));
    if text.is_empty() {
        return None;
    }
    let minute = |text: &str| {
        let (hour, minute) = text.trim().split_once(':')?;
        let (hour, minute) = (hour.parse::<u16>().ok()?, minute.parse::<u16>().ok()?);
        (hour < 24 && minute < 60).then_some(hour * 60 + minute)
    };
    let read = text.split_once('-').and_then(|(from, until)| {
        Some(QuietHours { from_minute: minute(from)?, until_minute: minute(until)? })
    });
    if read.is_none_or(|hours| hours.from_minute == hours.until_minute) {
        let what = format!("expected local hours, got `{text}`");
        keys.fault("keep_hours", &what, "write it like \"01:00-05:00\", or \"\" for never");
    }
    read
}

/// `430621100001-001@7`: the terminal and its address.
fn terminals(keys: &mut Keys<'_>) -> Vec<(u8, TerminalId)> {
    let mut found: Vec<(u8, TerminalId)> = Vec::new();
    for text in keys.texts("terminals") {
        let read = text.split_once('@').and_then(|(id, address)| {
            let address = address.parse::<u8>().ok().filter(|a| (1..=ADDRESS_MAX).contains(a))?;
            Some((address, TerminalId::parse(id)?))
        });
        let Some((address, id)) = read else {
            let what = format!("expected a terminal and its address, got `{text}`");
            keys.fault("terminals", &what, "write it like \"430621100001-001@7\", 1 to 247");
            continue;
        };
        if found.iter().any(|(known, _)| *known == address) {
            let what = format!("address {address} stands twice");
            keys.fault("terminals", &what, "give every terminal of a line its own address");
        }
        found.push((address, id));
    }
    if found.is_empty() {
        keys.fault("terminals", "is empty", "name the terminals of this line");
    }
    found
}

/// Checks lines against the registry, and takes the serial link from terminals that are on none.
pub(super) fn cross(
    settings: &SerialSettings,
    network: &mut Network,
    document: &Document,
    faults: &Faults,
) {
    let mut placed: BTreeSet<TerminalId> = BTreeSet::new();
    let mut ports: BTreeSet<&str> = BTreeSet::new();
    for line in &settings.lines {
        if !ports.insert(&line.port) {
            let what = format!("port {} stands twice", line.port);
            faults.push(document.file, line.line, what, "one table a port");
        }
        for (address, id) in &line.terminals {
            let remedy = match network.terminals.get(id) {
                None => Some("is not in terminals.csv; correct the id"),
                Some(known) if !known.links.contains(&LinkKind::Serial) => {
                    Some("has no serial link in terminals.csv; add it there")
                }
                Some(_) if !placed.insert(*id) => Some("is on two lines; leave it on one"),
                Some(_) => None,
            };
            if let Some(remedy) = remedy {
                let what = format!("{id} at address {address} of {}", line.port);
                faults.push(document.file, line.line, what, remedy);
            }
        }
        fits(line, network, document, faults);
        phrases_fit(&settings.phrases, line, network, document, faults);
    }
    for terminal in network.terminals.values_mut().filter(|known| !placed.contains(&known.id)) {
        if terminal.links == [LinkKind::Serial] {
            let what = format!("{} has only a serial link and is on no line", terminal.id);
            faults.push(TERMINALS, None, what, "add it to a [[serial.lines]] of gateway.toml");
        } else {
            terminal.links.retain(|link| *link != LinkKind::Serial);
        }
    }
}

/// Phrases need room in a terminal, and are put beside sounds.
fn phrases_fit(
    phrases: &[Phrase],
    line: &LineSettings,
    network: &Network,
    document: &Document,
    faults: &Faults,
) {
    for (_, id) in &line.terminals {
        let known = network.terminals.get(id);
        let Some(terminal) = known.filter(|known| known.codecs.contains(&Codec::Phrases)) else {
            continue;
        };
        let n_phrases = phrases.iter().filter(|phrase| phrase.is_for(terminal.area)).count();
        if n_phrases > PHRASES_PER_TERMINAL_MAX {
            let what =
                format!("{id}: {n_phrases} phrases, {PHRASES_PER_TERMINAL_MAX} fit a terminal");
            let remedy = "name `areas` in phrases that only some need, or leave some out";
            faults.push(document.file, line.line, what, remedy);
        }
    }
}

/// Warns of terminals that no rendered clip can reach in time.
fn fits(line: &LineSettings, network: &Network, document: &Document, faults: &Faults) {
    for (_, id) in &line.terminals {
        let Some(terminal) = network.terminals.get(id) else { continue };
        // Phrases say some messages only.
        let codecs = terminal.codecs.iter().filter(|codec| **codec != Codec::Phrases);
        let shortest = codecs.filter_map(|codec| line.clip_s(*codec)).min();
        if shortest.is_none_or(|s| s > u64::from(line.clip_s_max)) {
            let what = format!(
                "{id} on {}: {SHOWN_S} s of speech take {} s at {} baud, more than clip_s_max {}",
                line.port,
                shortest.unwrap_or(u64::MAX),
                line.setup.baud,
                line.clip_s_max
            );
            let remedy = "keep warnings in the terminal, or give it a lower codec or a faster line";
            faults.warn(document.file, line.line, what, remedy);
        }
    }
}

impl LineSettings {
    /// How long [`SHOWN_S`] of speech take to all terminals of the line, seconds rounded up; `None`
    /// when they are too many bytes for a line.
    #[must_use]
    pub fn clip_s(&self, codec: Codec) -> Option<u64> {
        let bytes = bytes_per_s(codec) * SHOWN_S;
        let units = units_for(bytes, self.setup.units)?;
        let ms = clip_ms(self.setup.baud, bytes, units, self.terminals.len())?;
        u64::try_from(ms).ok().map(|ms| ms.div_ceil(1_000))
    }

    /// How long a warning that all of the line keep takes to its sound, milliseconds: the order, and
    /// which content is meant.
    #[must_use]
    pub fn stored_ms(&self) -> i64 {
        bytes_us(self.setup.baud, STORED_ORDER_BYTES) / 1_000
    }

    /// How long it takes to hear from everyone, milliseconds.
    #[must_use]
    pub fn round_ms(&self) -> i64 {
        polls_us(self.setup.baud, self.terminals.len()) / 1_000
    }

    /// Waits with what the line's direction and the check of a signature add.
    fn setup_for(&self, orders: OrderAlgorithm) -> LineSetup {
        let talks_after_us = match self.direction {
            Direction::Kernel { before_ms, .. } => i64::from(before_ms) * 1_000,
            Direction::Automatic | Direction::Rts => 0,
        };
        let answer_wait_us = self.setup.answer_wait_us + talks_after_us;
        LineSetup { answer_wait_us, check_us: check_us(orders), ..self.setup }
    }

    /// For the driver.
    #[must_use]
    pub fn driver(&self, network: &Network, orders: OrderAlgorithm) -> LineConfig {
        let member = |(address, id): &(u8, TerminalId)| {
            let terminal = network.terminals.get(id)?;
            Some(LineMember {
                address: *address,
                terminal: *id,
                area: terminal.area,
                codecs: terminal.codecs.clone(),
                preferred: terminal.links.first() == Some(&LinkKind::Serial),
            })
        };
        LineConfig {
            path: self.port.clone(),
            setup: self.setup_for(orders),
            direction: self.direction,
            clip_s_max: self.clip_s_max,
            clip_soon_s: self.clip_soon_s,
            members: self.terminals.iter().filter_map(member).collect(),
        }
    }
}

/// How long a terminal may take to check a signature, beyond what it receives meanwhile,
/// microseconds.
fn check_us(orders: OrderAlgorithm) -> i64 {
    match orders {
        OrderAlgorithm::Ed25519 => 0,
        // 15 to 25 million instructions on a Cortex-M3.
        OrderAlgorithm::Sm2 => 400_000,
    }
}

/// Bytes of a second of speech as we encode it.
fn bytes_per_s(codec: Codec) -> u32 {
    match codec {
        Codec::Opus => 2_000,
        Codec::Mp3 => 4_000,
        Codec::Adpcm => 4_100,
        Codec::Wav => 32_000,
        // Five characters.
        Codec::Text => 15,
        // A number for each second or two, and the proof.
        Codec::Phrases => 6,
    }
}

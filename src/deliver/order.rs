//! Orders and reports between the model and the wire (`firmware-bridge`): pure translation.
//!
//! A play order is the same, byte for byte, every time it is sent to the same target: the
//! terminal's replay store tells a repeat from a forgery by that.

use crate::model::Address;
use crate::model::{
    Acknowledgement, AreaCode, Broadcast, BroadcastId, Class, ClipRef, Codec, Finding, Health,
    LinkKind, Playback, RefusalCode, SilentAnswer, SilentTestId, Step, Terminal, TerminalId, UtcMs,
    named_area,
};
use mingluo_bridge::message as wire;
use mingluo_bridge::topics::{self, Leaf};

/// Extra delay of odd-numbered terminals in staggered playback, beyond the length of one play.
const STAGGER_GAP_MS: u32 = 1_000;

/// The order to play `broadcast`. The target is set by [`aimed`].
#[must_use]
pub fn play_order(broadcast: &Broadcast, clips: &[ClipRef], started_at: UtcMs) -> wire::Order {
    let longest_ms = clips.iter().map(|clip| clip.duration_ms).max().unwrap_or(0);
    let stagger_ms = match broadcast.playback() {
        Playback::Simultaneous => 0,
        Playback::Staggered => longest_ms.saturating_add(STAGGER_GAP_MS),
    };
    let class = match broadcast.class() {
        Class::Drill => wire::Class::Drill,
        Class::Live => wire::Class::Live,
    };
    wire::Order::Play(wire::Manifest {
        counter: broadcast.id().0,
        class,
        drill_armed: broadcast.class() == Class::Drill,
        priority: broadcast.priority().0,
        target: NOBODY,
        issued_at_ms: started_at.0,
        not_before_ms: broadcast.not_before().0,
        expires_ms: broadcast.expires().0,
        volume_percent: broadcast.volume_percent(),
        repeats: broadcast.repeats(),
        interval_s: broadcast.interval_s(),
        stagger_ms,
        clips: clips.iter().take(wire::CLIPS_MAX).map(wire_clip).collect(),
    })
}

/// The order to play the opening of `broadcast`, and then what is spoken.
#[must_use]
pub fn live_order(broadcast: &Broadcast, clips: &[ClipRef], started_at: UtcMs) -> wire::Order {
    match play_order(broadcast, clips, started_at) {
        wire::Order::Play(manifest) => {
            wire::Order::Live(wire::Manifest { repeats: 1, stagger_ms: 0, ..manifest })
        }
        other @ (wire::Order::Cancel(_)
        | wire::Order::Query(_)
        | wire::Order::Keep(_)
        | wire::Order::Time(_)
        | wire::Order::Live(_)
        | wire::Order::Part(_)
        | wire::Order::Check(_)) => other,
    }
}

/// Part `number` of what is spoken in `broadcast`, or (without clips) its end after so many parts.
#[must_use]
pub fn part_order(
    broadcast: &Broadcast,
    number: u32,
    clips: &[ClipRef],
    now: UtcMs,
    valid_s: i64,
) -> wire::Order {
    wire::Order::Part(wire::Part {
        broadcast: broadcast.id().0,
        number,
        target: NOBODY,
        issued_at_ms: now.0,
        expires_ms: now.plus_s(valid_s).min(broadcast.expires()).0,
        ends: clips.is_empty(),
        clips: clips.iter().take(wire::CLIPS_MAX).map(wire_clip).collect(),
    })
}

/// The order to stop `broadcast` and never begin it again.
#[must_use]
pub fn cancel_order(broadcast: &Broadcast, counter: BroadcastId, now: UtcMs) -> wire::Order {
    wire::Order::Cancel(wire::Cancel {
        counter: counter.0,
        broadcast: Some(broadcast.id().0),
        target: NOBODY,
        issued_at_ms: now.0,
        expires_ms: broadcast.expires().0,
    })
}

/// The order to stop everything older than `counter`.
#[must_use]
pub fn stop_all_order(counter: BroadcastId, now: UtcMs, expires: UtcMs) -> wire::Order {
    wire::Order::Cancel(wire::Cancel {
        counter: counter.0,
        broadcast: None,
        target: NOBODY,
        issued_at_ms: now.0,
        expires_ms: expires.0,
    })
}

/// The question how far a terminal is with `broadcast`.
#[must_use]
pub fn query_order(broadcast: &Broadcast, now: UtcMs) -> wire::Order {
    wire::Order::Query(wire::Query {
        counter: broadcast.id().0,
        broadcast: broadcast.id().0,
        target: NOBODY,
        issued_at_ms: now.0,
        expires_ms: broadcast.expires().0,
    })
}

/// The order to keep a clip for later, under a number if it is a phrase, valid for so long.
#[must_use]
pub fn keep_order(clip: wire::Clip, phrase: Option<u16>, now: UtcMs, valid_ms: i64) -> wire::Order {
    wire::Order::Keep(wire::Keep {
        target: NOBODY,
        issued_at_ms: now.0,
        expires_ms: now.0.saturating_add(valid_ms),
        clip,
        phrase,
    })
}

/// The gateway's time, for terminals without a clock of their own.
#[must_use]
pub fn time_order(now: UtcMs) -> wire::Order {
    wire::Order::Time(wire::TimeSignal { target: NOBODY, issued_at_ms: now.0 })
}

/// The question whether terminals could play, which may set their volume.
#[must_use]
pub fn check_order(
    test: SilentTestId,
    volume_percent: Option<u8>,
    issued: UtcMs,
    expires: UtcMs,
) -> wire::Order {
    wire::Order::Check(wire::Check {
        check: test.0,
        target: NOBODY,
        issued_at_ms: issued.0,
        expires_ms: expires.0,
        volume_percent,
    })
}

/// Nobody: an order that was not aimed reaches no terminal.
const NOBODY: wire::Target = wire::Target::Terminal(0);

/// `order` with its target for `address`. A terminal that one of `cover` contains gets the area's
/// own order again, so that a repeat is the same order. One that was moved is aimed at by its name:
/// it may not know yet where it stands.
#[must_use]
pub fn aimed(
    order: &wire::Order,
    address: Address,
    cover: &[AreaCode],
    terminal: Option<&Terminal>,
) -> wire::Order {
    let target = match address {
        Address::Area(area) => wire::Target::Area(area.number()),
        Address::Terminal(id) => terminal
            .filter(|terminal| named_area(terminal.id) == Some(terminal.area))
            .and_then(|terminal| cover.iter().find(|area| area.contains(terminal.area)))
            .map_or(wire::Target::Terminal(id.number()), |area| wire::Target::Area(area.number())),
    };
    let mut order = order.clone();
    match &mut order {
        wire::Order::Play(manifest) | wire::Order::Live(manifest) => manifest.target = target,
        wire::Order::Part(part) => part.target = target,
        wire::Order::Cancel(cancel) => cancel.target = target,
        wire::Order::Query(query) => query.target = target,
        wire::Order::Keep(keep) => keep.target = target,
        wire::Order::Time(time) => time.target = target,
        wire::Order::Check(check) => check.target = target,
    }
    order
}

/// A terminal's report as an acknowledgement; `None` when it names no terminal or says only that
/// it knows nothing of the broadcast.
#[must_use]
pub fn acknowledgement(report: &wire::Report, link: LinkKind) -> Option<Acknowledgement> {
    let step = match &report.step {
        // The one is no news, the other is no word about a broadcast: see [`test_answer`].
        wire::Step::Unknown | wire::Step::Able => return None,
        wire::Step::Received => Step::Received,
        wire::Step::Playing => Step::Playing,
        wire::Step::Played => Step::Played,
        wire::Step::Refused(code) => Step::Refused(refusal(*code)),
        wire::Step::Failed(why) => Step::Failed(why.as_str().to_owned()),
        wire::Step::Preempted(by) => Step::Preempted(BroadcastId(*by)),
        wire::Step::Cancelled => Step::Cancelled,
        wire::Step::Expired => Step::Expired,
    };
    Some(Acknowledgement {
        terminal: TerminalId::from_number(report.terminal)?,
        broadcast: BroadcastId(report.broadcast),
        step,
        received_at: report.received_at_ms.map(UtcMs),
        playing_at: report.playing_at_ms.map(UtcMs),
        ended_at: report.ended_at_ms.map(UtcMs),
        plays: report.plays,
        heard: report.heard,
        sequence: report.sequence,
        link,
        content: report.taken.0,
    })
}

/// A terminal's word that it could play; `None` when the report is about a broadcast.
#[must_use]
pub fn test_answer(report: &wire::Report, link: LinkKind) -> Option<SilentAnswer> {
    let terminal = TerminalId::from_number(report.terminal)?;
    (report.step == wire::Step::Able).then(|| SilentAnswer {
        terminal,
        test: SilentTestId(report.broadcast),
        finding: Finding::Able,
        clock: report.ended_at_ms.map(UtcMs),
        link,
        sequence: report.sequence,
    })
}

/// What a terminal says of itself.
#[must_use]
pub fn health(status: &wire::Status) -> Health {
    let codecs = [Codec::Opus, Codec::Mp3, Codec::Adpcm, Codec::Wav, Codec::Text];
    let knows = |codec: &Codec| status.codecs & wire_codec(*codec).bit() != 0;
    Health {
        fault: status.activity == wire::Activity::Fault,
        clock: UtcMs(status.clock_ms),
        boot_count: status.boot_count,
        software: status.software.as_str().to_owned(),
        codecs: codecs.into_iter().filter(knows).collect(),
        volume_percent: status.volume_percent,
        drills: status.armed_for_drill,
    }
}

fn refusal(code: wire::RefusalCode) -> RefusalCode {
    match code {
        wire::RefusalCode::Signature => RefusalCode::Signature,
        wire::RefusalCode::Replay => RefusalCode::Replay,
        wire::RefusalCode::Target => RefusalCode::Target,
        wire::RefusalCode::Window => RefusalCode::Window,
        wire::RefusalCode::Drill => RefusalCode::Drill,
        wire::RefusalCode::Content => RefusalCode::Content,
        wire::RefusalCode::Busy => RefusalCode::Busy,
    }
}

/// A codec as the wire names it.
#[must_use]
pub(crate) fn wire_codec(codec: Codec) -> wire::Codec {
    match codec {
        Codec::Opus => wire::Codec::Opus,
        Codec::Mp3 => wire::Codec::Mp3,
        Codec::Adpcm => wire::Codec::Adpcm,
        Codec::Wav => wire::Codec::Wav,
        Codec::Text => wire::Codec::Text,
        Codec::Phrases => wire::Codec::Phrases,
    }
}

/// A clip as the wire names it.
#[must_use]
pub fn wire_clip(clip: &ClipRef) -> wire::Clip {
    wire::Clip {
        codec: wire_codec(clip.codec),
        sha256: clip.sha256.0,
        clip_bytes: clip.clip_bytes,
        duration_ms: clip.duration_ms,
    }
}

/// Topic of an order for `address`.
#[must_use]
pub fn order_topic(prefix: &str, address: Address) -> String {
    let topic = match address {
        Address::Area(area) => topics::area_order(prefix, area.number()),
        Address::Terminal(id) => topics::terminal(prefix, id.number(), Leaf::Order),
    };
    topic.map(|topic| topic.as_str().to_owned()).unwrap_or_default()
}

/// Whether this topic is that of orders to an area.
pub(super) fn goes_to_an_area(topic: &str) -> bool {
    let mut levels = topic.rsplit('/');
    levels.next() == Some("order") && levels.nth(1) == Some("area")
}

/// Topic of receipts for a terminal.
#[must_use]
pub fn receipt_topic(prefix: &str, terminal: TerminalId) -> String {
    topics::terminal(prefix, terminal.number(), Leaf::Receipt)
        .map(|topic| topic.as_str().to_owned())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn orders_to_areas_are_told_by_their_topic() {
        let area = AreaCode::parse("430621101000").unwrap();
        let terminal = TerminalId::parse("430621101000-001").unwrap();
        for (topic, expect) in [
            (order_topic("county/area", Address::Area(area)), true),
            (order_topic("county", Address::Terminal(terminal)), false),
            (receipt_topic("county", terminal), false),
            ("county/area/430621101000/receipt".to_owned(), false),
            ("order".to_owned(), false),
        ] {
            assert_eq!(goes_to_an_area(&topic), expect, "{topic}");
        }
    }
}

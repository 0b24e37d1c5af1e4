//! How values lie in the columns of the projection.

use super::{Ladder, OutcomeKind};
use crate::model::{AreaCode, BroadcastId, Class, Evidence, LinkKind, Outcome, TerminalId, UtcMs};
use rusqlite::types::Type;
use rusqlite::{Row, params};

/// Columns of a ladder, in the order of [`read`] and [`write`].
pub(super) const COLUMNS: &str = "broadcast, terminal, outcome, link, detail, sent_ms, first_ms, \
    last_ms, received_ms, playing_ms, ended_ms, received_by_ms, playing_by_ms, ended_by_ms, heard, \
    plays, attempts, n_rows, rows, moved";

/// SQLite's integers are signed; our numbers stay far below that.
pub(super) fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

pub(super) fn unsigned(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}

/// The number of a link; 0 = none.
pub(super) fn link_code(link: Option<LinkKind>) -> i64 {
    match link {
        None => 0,
        Some(LinkKind::Mqtt) => 1,
        Some(LinkKind::Serial) => 2,
        Some(LinkKind::National) => 3,
    }
}

fn link(code: i64) -> Option<LinkKind> {
    match code {
        1 => Some(LinkKind::Mqtt),
        2 => Some(LinkKind::Serial),
        3 => Some(LinkKind::National),
        _ => None,
    }
}

/// The number of a class; 0 = not known.
pub(super) fn class_code(class: Option<Class>) -> i64 {
    match class {
        None => 0,
        Some(Class::Live) => 1,
        Some(Class::Drill) => 2,
    }
}

pub(super) fn class(code: i64) -> Option<Class> {
    match code {
        1 => Some(Class::Live),
        2 => Some(Class::Drill),
        _ => None,
    }
}

/// What an outcome says beyond its kind.
fn detail(outcome: &Outcome) -> Option<String> {
    match outcome {
        Outcome::Refused(_) | Outcome::Failed(_) | Outcome::Preempted(_) => {
            serde_json::to_string(outcome).ok()
        }
        Outcome::Targeted
        | Outcome::Sent
        | Outcome::Received
        | Outcome::Playing
        | Outcome::Played
        | Outcome::Cancelled
        | Outcome::Expired
        | Outcome::Unreachable => None,
    }
}

fn outcome(code: i64, detail: Option<&str>) -> Option<Outcome> {
    Some(match OutcomeKind::from_code(code)? {
        OutcomeKind::Targeted => Outcome::Targeted,
        OutcomeKind::Sent => Outcome::Sent,
        OutcomeKind::Received => Outcome::Received,
        OutcomeKind::Playing => Outcome::Playing,
        OutcomeKind::Played => Outcome::Played,
        OutcomeKind::Cancelled => Outcome::Cancelled,
        OutcomeKind::Expired => Outcome::Expired,
        OutcomeKind::Unreachable => Outcome::Unreachable,
        OutcomeKind::Refused | OutcomeKind::Failed | OutcomeKind::Preempted => {
            serde_json::from_str(detail?).ok()?
        }
    })
}

/// Row numbers as differences, seven bits a byte, the last with its high bit clear.
pub(super) fn pack_rows(rows: &[u64]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(rows.len() * 4);
    let mut before = 0;
    for row in rows {
        let mut rest = row.saturating_sub(before);
        before = *row;
        loop {
            let low = u8::try_from(rest & 0x7f).unwrap_or(0);
            rest >>= 7;
            if rest == 0 {
                bytes.push(low);
                break;
            }
            bytes.push(low | 0x80);
        }
    }
    bytes
}

/// Reads them back; what is no such list ends it.
pub(super) fn unpack_rows(bytes: &[u8]) -> Vec<u64> {
    let (mut rows, mut before, mut number, mut shift) = (Vec::new(), 0_u64, 0_u64, 0_u32);
    for byte in bytes {
        number |= u64::from(byte & 0x7f).checked_shl(shift).unwrap_or(0);
        shift += 7;
        if byte & 0x80 == 0 {
            before = before.saturating_add(number);
            rows.push(before);
            (number, shift) = (0, 0);
        }
    }
    rows
}

/// Writes a ladder with a statement that takes [`COLUMNS`].
pub(super) fn write(
    statement: &mut rusqlite::CachedStatement<'_>,
    ladder: &Ladder,
) -> Result<(), rusqlite::Error> {
    let Evidence {
        sent_at,
        first_report_at,
        last_report_at,
        received_at,
        playing_at,
        ended_at,
        heard,
        attempts,
    } = &ladder.evidence;
    let ms = |at: &Option<UtcMs>| at.map(|at| at.0);
    let detail = detail(&ladder.outcome);
    let rows = pack_rows(&ladder.rows);
    statement.execute(params![
        signed(ladder.broadcast.0),
        signed(ladder.terminal.number()),
        OutcomeKind::of(&ladder.outcome).code(),
        link_code(ladder.link),
        detail,
        ms(sent_at),
        ms(first_report_at),
        ms(last_report_at),
        ms(received_at),
        ms(playing_at),
        ms(ended_at),
        ms(&ladder.received_reported_at),
        ms(&ladder.playing_reported_at),
        ms(&ladder.ended_reported_at),
        heard,
        ladder.plays,
        attempts,
        ladder.n_rows,
        rows,
        ladder.moved.map(|area| signed(area.number())),
    ])?;
    Ok(())
}

/// Reads a ladder from [`COLUMNS`].
pub(super) fn read(row: &Row<'_>) -> Result<Ladder, rusqlite::Error> {
    let ms = |at: usize| row.get::<_, Option<i64>>(at).map(|at| at.map(UtcMs));
    let terminal = unsigned(row.get(1)?);
    let wrong = |at, what: &str| {
        rusqlite::Error::FromSqlConversionFailure(at, Type::Integer, what.to_owned().into())
    };
    let detail: Option<String> = row.get(4)?;
    Ok(Ladder {
        broadcast: BroadcastId(unsigned(row.get(0)?)),
        terminal: TerminalId::from_number(terminal)
            .ok_or_else(|| wrong(1, "expected the number of a terminal"))?,
        outcome: outcome(row.get(2)?, detail.as_deref())
            .ok_or_else(|| wrong(2, "expected an outcome"))?,
        link: link(row.get(3)?),
        evidence: Evidence {
            sent_at: ms(5)?,
            first_report_at: ms(6)?,
            last_report_at: ms(7)?,
            received_at: ms(8)?,
            playing_at: ms(9)?,
            ended_at: ms(10)?,
            heard: row.get(14)?,
            attempts: row.get(16)?,
        },
        received_reported_at: ms(11)?,
        playing_reported_at: ms(12)?,
        ended_reported_at: ms(13)?,
        plays: row.get(15)?,
        n_rows: row.get(17)?,
        rows: unpack_rows(&row.get::<_, Vec<u8>>(18)?),
        moved: row
            .get::<_, Option<i64>>(19)?
            .and_then(|area| AreaCode::from_number(unsigned(area))),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn row_numbers_come_back() {
        let lists: [&[u64]; 5] =
            [&[], &[1], &[1, 2, 130, 16_600], &[u64::MAX >> 1], &[127, 128, 255, 256]];
        for rows in lists {
            assert_eq!(unpack_rows(&pack_rows(rows)), rows);
        }
        let _any_bytes_are_safe = unpack_rows(&[0xff; 64]);
    }
}

//! The projection in SQLite, as its one writer sees it. All changes of a batch of journal rows are
//! one transaction, with the number and hash of the last of them.

use super::fold::{Change, Extent, Store, fold};
use super::pack::{self, COLUMNS, class_code, link_code, signed};
use super::{BroadcastLine, Ladder, OutcomeKind};
use crate::model::{AlertId, AreaCode, BroadcastId, Sha256, TerminalId, UtcMs};
use crate::record::{RecordId, Row};
use rusqlite::{Connection, OptionalExtension, TransactionBehavior, params};
use std::collections::BTreeMap;
use std::path::Path;

/// Marks the file as ours: "MLAU".
const APPLICATION_ID: i64 = 0x4D4C_4155;
/// Layout of the tables and which rows are in them; a file of another layout is made again from the journal.
const LAYOUT: i64 = 3;
/// Memory for pages, KiB: the ladders of the broadcasts under way.
const CACHE_KIB: i64 = 32 * 1024;
/// Broadcasts whose areas are kept in memory; then all are forgotten and read again.
const EXTENTS_MAX: usize = 1_000;
/// Ladders read at a time when all of a broadcast change.
const EACH_LADDERS: i64 = 1_000;

/// Writes a ladder: `pack::COLUMNS` in their order.
const LADDER_WRITE: &str = "INSERT OR REPLACE INTO ladder (broadcast, terminal, outcome, link, \
    detail, sent_ms, first_ms, last_ms, received_ms, playing_ms, ended_ms, received_by_ms, \
    playing_by_ms, ended_by_ms, heard, plays, attempts, n_rows, rows, moved) VALUES (?1, ?2, ?3, \
    ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20)";

/// Outcome and link of counted ladders, by broadcast and township.
type TallyKey = (i64, i64, i64, i64);

/// Which journal rows a projection was made from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct MadeFrom {
    /// Name of the record.
    pub(super) record: RecordId,
    /// The last row in it.
    pub(super) seq: u64,
    /// That row's chain hash.
    pub(super) hash: Sha256,
    /// Rows that could not be read.
    pub(super) n_unread: u64,
}

/// The writer.
#[derive(Debug)]
pub(super) struct Index {
    connection: Connection,
    made_from: MadeFrom,
    extents: BTreeMap<BroadcastId, Extent>,
}

/// Whether a file holds a projection of this layout.
pub(super) fn is_ours(connection: &Connection) -> Result<bool, rusqlite::Error> {
    let pragma = |name: &str| connection.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
    Ok((pragma("application_id")?, pragma("user_version")?) == (APPLICATION_ID, LAYOUT))
}

/// What a projection was made from.
pub(super) fn made_from(connection: &Connection) -> Result<MadeFrom, rusqlite::Error> {
    connection.query_row("SELECT record, seq, hash, n_unread FROM made_from", [], |row| {
        Ok(MadeFrom {
            record: row.get(0)?,
            seq: pack::unsigned(row.get(1)?),
            hash: Sha256(row.get(2)?),
            n_unread: pack::unsigned(row.get(3)?),
        })
    })
}

impl Index {
    /// Opens the file if it holds a projection of this record and layout.
    pub(super) fn open(path: &Path, record: &RecordId) -> Result<Option<Self>, rusqlite::Error> {
        if !path.is_file() {
            return Ok(None);
        }
        let connection = Connection::open(path)?;
        set_up(&connection)?;
        if !is_ours(&connection)? {
            return Ok(None);
        }
        let made_from = made_from(&connection)?;
        let ours = made_from.record == *record;
        Ok(ours.then(|| Self { connection, made_from, extents: BTreeMap::new() }))
    }

    /// Makes an empty one.
    pub(super) fn create(
        path: &Path,
        record: &RecordId,
        genesis: Sha256,
    ) -> Result<Self, rusqlite::Error> {
        let mut connection = Connection::open(path)?;
        set_up(&connection)?;
        let made_from = MadeFrom { record: *record, seq: 0, hash: genesis, n_unread: 0 };
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        transaction.execute_batch(include_str!("schema.sql"))?;
        transaction.execute(
            "INSERT INTO made_from (one, record, seq, hash, n_unread) VALUES (1, ?1, 0, ?2, 0)",
            params![record, genesis.0],
        )?;
        transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
        transaction.pragma_update(None, "user_version", LAYOUT)?;
        transaction.commit()?;
        Ok(Self { connection, made_from, extents: BTreeMap::new() })
    }

    /// What it was made from.
    pub(super) fn made_from(&self) -> MadeFrom {
        self.made_from
    }

    /// Folds rows in, all or none of them.
    pub(super) fn take(&mut self, rows: &[Row]) -> Result<(), rusqlite::Error> {
        let Some(last) = rows.last() else { return Ok(()) };
        let transaction =
            self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let mut batch =
            Batch { connection: &transaction, extents: &mut self.extents, tally: BTreeMap::new() };
        let mut after = self.made_from;
        let mut done = Ok(());
        for row in rows {
            match fold(&mut batch, row) {
                Ok(read) => after.n_unread += u64::from(!read),
                Err(fault) => {
                    done = Err(fault);
                    break;
                }
            }
        }
        let done = done.and_then(|()| batch.count());
        (after.seq, after.hash) = (last.seq, last.hash);
        let done = done.and_then(|()| {
            let update = "UPDATE made_from SET seq = ?1, hash = ?2, n_unread = ?3";
            let given = params![signed(after.seq), after.hash.0, signed(after.n_unread)];
            transaction.prepare_cached(update)?.execute(given)?;
            transaction.commit()
        });
        if done.is_err() {
            // What was rolled back may be in there.
            self.extents.clear();
        } else {
            self.made_from = after;
        }
        done
    }
}

fn set_up(connection: &Connection) -> Result<(), rusqlite::Error> {
    connection.busy_timeout(std::time::Duration::from_secs(2))?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    // A power cut may take the last batches, which are then made again; it breaks nothing.
    connection.pragma_update(None, "synchronous", "NORMAL")?;
    connection.pragma_update(None, "cache_size", -CACHE_KIB)?;
    connection.set_prepared_statement_cache_capacity(32);
    Ok(())
}

/// One batch of journal rows on its way in.
struct Batch<'a> {
    connection: &'a Connection,
    extents: &'a mut BTreeMap<BroadcastId, Extent>,
    tally: BTreeMap<TallyKey, i64>,
}

fn tally_key(ladder: &Ladder) -> TallyKey {
    (
        signed(ladder.broadcast.0),
        signed(ladder.township()),
        OutcomeKind::of(&ladder.outcome).code(),
        link_code(ladder.link),
    )
}

impl Batch<'_> {
    fn put(&mut self, before: Option<TallyKey>, ladder: &Ladder) -> Result<(), rusqlite::Error> {
        pack::write(&mut self.connection.prepare_cached(LADDER_WRITE)?, ladder)?;
        let after = tally_key(ladder);
        if before != Some(after) {
            *self.tally.entry(after).or_default() += 1;
            if let Some(before) = before {
                *self.tally.entry(before).or_default() -= 1;
            }
        }
        Ok(())
    }

    fn get(
        &self,
        id: BroadcastId,
        terminal: TerminalId,
    ) -> Result<Option<Ladder>, rusqlite::Error> {
        let query = format!("SELECT {COLUMNS} FROM ladder WHERE broadcast = ?1 AND terminal = ?2");
        let given = params![signed(id.0), signed(terminal.number())];
        self.connection.prepare_cached(&query)?.query_row(given, pack::read).optional()
    }

    /// Adds what changed to the counts.
    fn count(&mut self) -> Result<(), rusqlite::Error> {
        let add = "INSERT INTO tally (broadcast, township, outcome, link, n) \
                   VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT DO UPDATE SET n = n + excluded.n";
        let drop = "DELETE FROM tally WHERE broadcast = ?1 AND township = ?2 AND outcome = ?3 \
                    AND link = ?4 AND n = 0";
        for ((broadcast, township, outcome, link), n) in std::mem::take(&mut self.tally) {
            if n != 0 {
                let given = params![broadcast, township, outcome, link, n];
                self.connection.prepare_cached(add)?.execute(given)?;
                if n < 0 {
                    let given = params![broadcast, township, outcome, link];
                    self.connection.prepare_cached(drop)?.execute(given)?;
                }
            }
        }
        Ok(())
    }
}

impl Store for Batch<'_> {
    type Fault = rusqlite::Error;

    fn alert(&mut self, id: &AlertId, headline: &str, seq: u64) -> Result<(), rusqlite::Error> {
        let insert = "INSERT INTO alert (number, sender, identifier, sent_ms, headline, seq) \
                      SELECT coalesce(max(number), 0) + 1, ?1, ?2, ?3, ?4, ?5 FROM alert";
        let given = params![id.sender, id.identifier, id.sent.0, headline, signed(seq)];
        self.connection.prepare_cached(insert)?.execute(given).map(|_| ())
    }

    fn broadcast(&mut self, line: &BroadcastLine) -> Result<(), rusqlite::Error> {
        let insert = "INSERT OR REPLACE INTO broadcast (id, started_ms, ended_ms, class, \
                      response_plan, plan_title, alert_sender, alert_name, alert_sent_ms, words, areas) \
                      VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)";
        let areas: Vec<String> = line.areas.iter().map(ToString::to_string).collect();
        let alert = line.alert.as_ref();
        self.connection.prepare_cached(insert)?.execute(params![
            signed(line.id.0),
            line.started_at.0,
            line.ended_at.map(|at| at.0),
            class_code(line.class),
            line.response_plan,
            line.plan_title,
            alert.map(|alert| &alert.sender),
            alert.map(|alert| &alert.identifier),
            alert.map(|alert| alert.sent.0),
            line.text,
            areas.join(" "),
        ])?;
        self.extents.remove(&line.id);
        Ok(())
    }

    fn extent(&mut self, id: BroadcastId) -> Result<Option<Extent>, rusqlite::Error> {
        if let Some(known) = self.extents.get(&id) {
            return Ok(Some(known.clone()));
        }
        let query = "SELECT areas, ended_ms IS NOT NULL FROM broadcast WHERE id = ?1";
        let found = self.connection.prepare_cached(query)?.query_row([signed(id.0)], |row| {
            Ok(Extent { areas: areas(&row.get::<_, String>(0)?), ended: row.get(1)? })
        });
        let found = found.optional()?;
        if let Some(extent) = &found {
            if self.extents.len() >= EXTENTS_MAX {
                self.extents.clear();
            }
            self.extents.insert(id, extent.clone());
        }
        Ok(found)
    }

    fn broadcast_row(&mut self, id: BroadcastId, seq: u64) -> Result<(), rusqlite::Error> {
        let insert = "INSERT OR IGNORE INTO broadcast_row (broadcast, seq) VALUES (?1, ?2)";
        let given = params![signed(id.0), signed(seq)];
        self.connection.prepare_cached(insert)?.execute(given).map(|_| ())
    }

    fn ended(&mut self, id: BroadcastId, at: UtcMs) -> Result<(), rusqlite::Error> {
        self.extents.remove(&id);
        let update = "UPDATE broadcast SET ended_ms = ?2 WHERE id = ?1";
        self.connection.prepare_cached(update)?.execute(params![signed(id.0), at.0]).map(|_| ())
    }

    fn targeted(
        &mut self,
        id: BroadcastId,
        terminals: &mut dyn Iterator<Item = (TerminalId, Option<AreaCode>)>,
    ) -> Result<(), rusqlite::Error> {
        for (terminal, moved) in terminals {
            // A report that overtook its broadcast can't be, but would be counted twice.
            let before = self.get(id, terminal)?.map(|ladder| tally_key(&ladder));
            let ladder = Ladder { moved, ..Ladder::targeted(id, terminal) };
            self.put(before, &ladder)?;
        }
        Ok(())
    }

    fn one(
        &mut self,
        id: BroadcastId,
        terminal: TerminalId,
        make: bool,
        change: Change<'_>,
    ) -> Result<(), rusqlite::Error> {
        let found = self.get(id, terminal)?;
        let before = found.as_ref().map(tally_key);
        let made = if make { Some(Ladder::targeted(id, terminal)) } else { None };
        let Some(mut ladder) = found.or(made) else { return Ok(()) };
        change(&mut ladder);
        self.put(before, &ladder)
    }

    fn each(&mut self, id: BroadcastId, change: Change<'_>) -> Result<(), rusqlite::Error> {
        let query = format!(
            "SELECT {COLUMNS} FROM ladder WHERE broadcast = ?1 AND terminal > ?2 \
             ORDER BY terminal LIMIT ?3"
        );
        let mut after = 0;
        loop {
            let mut query = self.connection.prepare_cached(&query)?;
            let rows = query.query_map(params![signed(id.0), after, EACH_LADDERS], pack::read)?;
            let some: Vec<Ladder> = rows.collect::<Result<_, _>>()?;
            drop(query);
            let Some(last) = some.last() else { return Ok(()) };
            after = signed(last.terminal.number());
            for mut ladder in some {
                let (old, before) = (ladder.clone(), tally_key(&ladder));
                change(&mut ladder);
                if ladder != old {
                    self.put(Some(before), &ladder)?;
                }
            }
        }
    }
}

/// Area codes as they lie in a column.
pub(super) fn areas(text: &str) -> Vec<AreaCode> {
    text.split(' ').filter_map(AreaCode::parse).collect()
}

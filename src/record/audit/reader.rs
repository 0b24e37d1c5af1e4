//! The audit opened for questions: the projection and the journal, both read-only, so that no
//! question ever holds up a commit. Blocking: call it on a thread for such work.

use super::index::{self, MadeFrom};
use super::pack::{self, signed, unsigned};
use super::proof::{self, Proof};
use super::{AsOf, BroadcastLine, Cursor, Filter, Ladder, Page, Projector, Summary, place, query};
use crate::model::{AlertId, BroadcastId, TerminalId, UtcMs};
use crate::record::sqlite::failed;
use crate::record::{JournalError, ReadOnly, Trust};
use rusqlite::{Connection, OpenFlags, OptionalExtension, params};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

/// How long a lock is waited for, milliseconds.
const BUSY_WAIT_MS: u64 = 2_000;
/// Memory for pages, KiB.
const CACHE_KIB: i64 = 16 * 1024;

/// Record and projection, opened for reading.
#[derive(Debug)]
pub struct Audit {
    journal: ReadOnly,
    connection: Connection,
    path: PathBuf,
    /// A projection of our own, that goes away with us.
    _private: Option<PrivateFolder>,
}

/// Ends a question from another thread; it then fails.
pub struct Interrupt(rusqlite::InterruptHandle);

impl Interrupt {
    /// Ends what runs now.
    pub fn now(&self) {
        self.0.interrupt();
    }
}

impl Audit {
    /// Opens both as they are, also while a gateway writes them.
    ///
    /// # Errors
    /// When the record or its projection is absent or not ours.
    pub fn open(url: &str) -> Result<Self, JournalError> {
        let (record, path) = place::places(url)?;
        Self::open_at(&record, path, None)
    }

    /// Opens both for a command without a running gateway: brings the projection up to date, and
    /// where that can't be (a running gateway does it itself; a medium that can't be written)
    /// takes it as it is, or makes one in the temporary folder.
    ///
    /// # Errors
    /// When the record is absent or not ours, or no projection can be made.
    pub fn open_offline(url: &str) -> Result<Self, JournalError> {
        let (record, path) = place::places(url)?;
        match Projector::open(url) {
            Ok(mut projector) => {
                projector.catch_up()?;
                drop(projector);
                Self::open_at(&record, path, None)
            }
            Err(JournalError::Busy { .. }) => Self::open_at(&record, path, None),
            Err(fault) => {
                tracing::warn!(%fault, "no projection beside the record; one is made for this once");
                let folder = PrivateFolder::make(&path)?;
                let path = folder.0.join("audit.db");
                Projector::open_at(&record, path.clone())?.catch_up()?;
                Self::open_at(&record, path, Some(folder))
            }
        }
    }

    fn open_at(
        record: &Path,
        path: PathBuf,
        private: Option<PrivateFolder>,
    ) -> Result<Self, JournalError> {
        let journal = ReadOnly::open(record)?;
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let opened = || -> Result<(Connection, bool), rusqlite::Error> {
            let connection = Connection::open_with_flags(&path, flags)?;
            connection.busy_timeout(std::time::Duration::from_millis(BUSY_WAIT_MS))?;
            connection.pragma_update(None, "cache_size", -CACHE_KIB)?;
            let ours = index::is_ours(&connection)?;
            Ok((connection, ours))
        };
        let (connection, ours) = opened().map_err(|fault| failed(&path, fault))?;
        if !ours {
            let what = "expected the audit's projection of this version; it is made anew by a \
                        running gateway, or by `mingluo record export`";
            let path = path.display().to_string();
            return Err(JournalError::Foreign { path, what: what.to_owned() });
        }
        Ok(Self { journal, connection, path, _private: private })
    }

    /// A handle that ends a question from another thread.
    #[must_use]
    pub fn interrupt(&self) -> Interrupt {
        Interrupt(self.connection.get_interrupt_handle())
    }

    /// The last journal row, in the projection or not.
    ///
    /// # Errors
    /// When the record can't be read.
    pub fn head(&self) -> Result<u64, JournalError> {
        Ok(self.journal.head()?.0)
    }

    /// How far answers reach.
    ///
    /// # Errors
    /// When the projection can't be read.
    pub fn as_of(&self) -> Result<AsOf, JournalError> {
        let MadeFrom { seq, hash, n_unread, .. } =
            self.asked(index::made_from(&self.connection))?;
        Ok(AsOf { seq, hash, n_unread })
    }

    /// A page of ladders behind `after`, newest broadcast first, within it by terminal.
    ///
    /// # Errors
    /// When the projection can't be read.
    pub fn page(
        &self,
        filter: &Filter,
        after: Option<Cursor>,
        limit: usize,
    ) -> Result<Page, JournalError> {
        let mut page = Page { ladders: Vec::new(), next: None };
        let asked = query::visit(&self.connection, filter, after, |ladder| {
            if page.ladders.len() >= limit {
                page.next = page.ladders.last().map(Ladder::cursor);
                return ControlFlow::Break(());
            }
            page.ladders.push(ladder);
            ControlFlow::Continue(())
        });
        self.asked(asked)?;
        Ok(page)
    }

    /// Counts of everything a filter lets through.
    ///
    /// # Errors
    /// When the projection can't be read.
    pub fn summary(&self, filter: &Filter) -> Result<Summary, JournalError> {
        self.asked(query::summary(&self.connection, filter))
    }

    /// Shows every ladder, one at a time, in the order of pages, from one moment's state.
    ///
    /// # Errors
    /// When the projection can't be read.
    pub fn visit(
        &self,
        filter: &Filter,
        show: impl FnMut(Ladder) -> ControlFlow<()>,
    ) -> Result<(), JournalError> {
        // The statement that is open all the while keeps the moment.
        self.asked(query::visit(&self.connection, filter, None, show))
    }

    /// Answers several questions from one moment's state.
    ///
    /// # Errors
    /// When the projection can't be read, or `ask` fails.
    pub fn at_once<T, E: From<JournalError>>(
        &self,
        ask: impl FnOnce(&Self) -> Result<T, E>,
    ) -> Result<T, E> {
        let held = self.asked(self.connection.unchecked_transaction())?;
        let answer = ask(self);
        self.asked(held.finish())?;
        answer
    }

    /// A broadcast.
    ///
    /// # Errors
    /// When the projection can't be read.
    pub fn broadcast(&self, id: BroadcastId) -> Result<Option<BroadcastLine>, JournalError> {
        self.asked(broadcast(&self.connection, id))
    }

    /// One terminal's ladder in one broadcast.
    ///
    /// # Errors
    /// When the projection can't be read.
    pub fn ladder(
        &self,
        id: BroadcastId,
        terminal: TerminalId,
    ) -> Result<Option<Ladder>, JournalError> {
        self.asked(query::ladder(&self.connection, id, terminal))
    }

    /// Everything on record about one terminal in one broadcast, with proof of the chain. `None`
    /// when the broadcast never meant it and it never reported.
    ///
    /// # Errors
    /// When projection or journal can't be read.
    pub fn proof(
        &self,
        id: BroadcastId,
        terminal: TerminalId,
        trust: &Trust,
    ) -> Result<Option<Proof>, JournalError> {
        let Some(ladder) = self.ladder(id, terminal)? else { return Ok(None) };
        let broadcast = self.broadcast(id)?;
        proof::of(&self.journal, broadcast, ladder, trust).map(Some)
    }

    fn asked<T>(&self, answer: Result<T, rusqlite::Error>) -> Result<T, JournalError> {
        answer.map_err(|fault| failed(&self.path, fault))
    }
}

fn broadcast(
    connection: &Connection,
    id: BroadcastId,
) -> Result<Option<BroadcastLine>, rusqlite::Error> {
    let query = "SELECT b.started_ms, b.ended_ms, b.class, b.response_plan, b.alert_sender, \
                 b.alert_name, b.alert_sent_ms, b.words, b.areas, b.plan_title, (SELECT headline FROM alert a \
                 WHERE a.identifier = b.alert_name AND a.sender = b.alert_sender AND a.sent_ms = \
                 b.alert_sent_ms ORDER BY number DESC LIMIT 1) FROM broadcast b WHERE b.id = ?1";
    let found =
        connection.query_row(query, [signed(id.0)], |row| {
            let (sender, identifier): (Option<String>, Option<String>) = (row.get(4)?, row.get(5)?);
            let sent: Option<i64> = row.get(6)?;
            let alert = sender.zip(identifier).zip(sent).map(|((sender, identifier), sent)| {
                AlertId { sender, identifier, sent: UtcMs(sent) }
            });
            Ok(BroadcastLine {
                id,
                started_at: UtcMs(row.get(0)?),
                ended_at: row.get::<_, Option<i64>>(1)?.map(UtcMs),
                class: pack::class(row.get(2)?),
                response_plan: row.get(3)?,
                alert,
                plan_title: row.get(9)?,
                headline: row.get(10)?,
                text: row.get(7)?,
                areas: index::areas(&row.get::<_, String>(8)?),
                rows: Vec::new(),
            })
        });
    let Some(mut line) = found.optional()? else { return Ok(None) };
    let query = "SELECT seq FROM broadcast_row WHERE broadcast = ?1 ORDER BY seq";
    let mut query = connection.prepare(query)?;
    let rows = query.query_map(params![signed(id.0)], |row| row.get(0).map(unsigned))?;
    line.rows = rows.collect::<Result<_, _>>()?;
    Ok(Some(line))
}

/// A folder for one projection, made new and removed with the value.
#[derive(Debug)]
struct PrivateFolder(PathBuf);

impl PrivateFolder {
    fn make(beside: &Path) -> Result<Self, JournalError> {
        let mut random = [0_u8; 8];
        let name = match getrandom::fill(&mut random) {
            Ok(()) => random.iter().map(|byte| format!("{byte:02x}")).collect::<String>(),
            Err(_) => std::process::id().to_string(),
        };
        let path = std::env::temp_dir().join(format!("mingluo-audit-{name}"));
        // Fails when somebody was there first.
        std::fs::create_dir(&path).map_err(|source| JournalError::Io {
            path: format!("{} (for {})", path.display(), beside.display()),
            source,
        })?;
        Ok(Self(path))
    }
}

impl Drop for PrivateFolder {
    fn drop(&mut self) {
        let _left_behind = std::fs::remove_dir_all(&self.0);
    }
}

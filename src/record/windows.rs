//! The windows of stations 监测窗口, kept beside the record: what sums and changes over hours look back
//! at, so that a restart goes on as if nothing had happened.
//!
//! They lie in a file of their own (`record.db-windows`) and not in the journal: thousands of readings
//! a minute would bury the warnings there for ever, and stand between a red one and its orders. What
//! led to a warning goes with its alert into the journal as evidence. The file holds what the windows
//! hold, no more: it does not grow with the years. It may be deleted; then sums begin anew.

use super::audit::place;
use super::sqlite::{failed, guard};
use super::{JournalError, sqlite_path};
use crate::model::{Quantity, Sample, Sensor, StationId, UtcMs, WindowChange, WindowKept};
use rusqlite::{Connection, Transaction, TransactionBehavior, params};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Ending of the file, after the record's own name.
const ENDING: &str = "-windows";
/// Marks the file as ours: "MLWI".
const APPLICATION_ID: i64 = 0x4D4C_5749;
/// Layout of the tables; a file of another layout is made anew.
const LAYOUT: i64 = 1;
const SCHEMA: &str = "
CREATE TABLE sensor (
    id INTEGER PRIMARY KEY,
    station TEXT NOT NULL,
    point TEXT NOT NULL,
    quantity TEXT NOT NULL,
    suspect_ms INTEGER,
    suspect REAL,
    UNIQUE (station, point, quantity)
) STRICT;
CREATE TABLE sample (
    sensor INTEGER NOT NULL,
    at_ms INTEGER NOT NULL,
    value REAL NOT NULL,
    PRIMARY KEY (sensor, at_ms)
) STRICT, WITHOUT ROWID;
";

/// The store, as its one writer has it.
#[derive(Debug)]
pub struct WindowStore {
    connection: Connection,
    path: PathBuf,
}

impl WindowStore {
    /// Opens the store beside the record of this URL, with what it holds. One that is damaged or of
    /// another layout is made anew, which the log tells.
    ///
    /// # Errors
    /// When the URL names no record, or the disk fails.
    pub fn open(url: &str) -> Result<(Self, Vec<WindowKept>), JournalError> {
        if url == "memory:" {
            return Self::of(PathBuf::new(), Connection::open_in_memory());
        }
        let record = sqlite_path(url).ok_or_else(|| JournalError::Url(url.to_owned()))?;
        Self::open_at(&place::with_ending(&guard::real_path(&record)?, ENDING))
    }

    fn open_at(path: &Path) -> Result<(Self, Vec<WindowKept>), JournalError> {
        match Self::of(path.to_owned(), Connection::open(path)) {
            Err(JournalError::Store { source, .. }) if is_damaged(&source) => {
                let path_said = path.display();
                tracing::error!(%source, path = %path_said, "the windows of stations are damaged: made anew, sums of rain begin anew");
                place::remove(path)?;
                Self::of(path.to_owned(), Connection::open(path))
            }
            opened => opened,
        }
    }

    fn of(
        path: PathBuf,
        connection: Result<Connection, rusqlite::Error>,
    ) -> Result<(Self, Vec<WindowKept>), JournalError> {
        let opened = connection.and_then(|mut connection| {
            set_up(&mut connection)?;
            let kept = load(&connection)?;
            Ok((connection, kept))
        });
        match opened {
            Ok((connection, kept)) => Ok((Self { connection, path }, kept)),
            Err(source) => Err(failed(&path, source)),
        }
    }

    /// Keeps changes, all or none of them; durable when it returns.
    ///
    /// # Errors
    /// When the disk fails; the same may be tried again.
    pub fn append(&mut self, changes: &[WindowChange]) -> Result<(), JournalError> {
        let kept = self.transaction(|transaction| {
            changes.iter().try_for_each(|change| put(transaction, change))
        });
        kept.map_err(|source| failed(&self.path, source))
    }

    /// Removes sensors that nobody looks at any more.
    ///
    /// # Errors
    /// When the disk fails.
    pub fn forget(&mut self, sensors: &[Sensor]) -> Result<(), JournalError> {
        let gone = self.transaction(|transaction| {
            for sensor in sensors {
                let given = params![sensor.station.as_str(), sensor.point, text(sensor.quantity)];
                let named = "station = ?1 AND point = ?2 AND quantity = ?3";
                let samples = format!(
                    "DELETE FROM sample WHERE sensor IN (SELECT id FROM sensor WHERE {named})"
                );
                transaction.prepare_cached(&samples)?.execute(given)?;
                let sensor = format!("DELETE FROM sensor WHERE {named}");
                transaction.prepare_cached(&sensor)?.execute(given)?;
            }
            Ok(())
        });
        gone.map_err(|source| failed(&self.path, source))
    }

    fn transaction(
        &mut self,
        work: impl FnOnce(&Transaction<'_>) -> Result<(), rusqlite::Error>,
    ) -> Result<(), rusqlite::Error> {
        let transaction =
            self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        work(&transaction)?;
        transaction.commit()
    }
}

fn is_damaged(source: &rusqlite::Error) -> bool {
    let code = source.sqlite_error_code();
    let broken = [rusqlite::ErrorCode::DatabaseCorrupt, rusqlite::ErrorCode::NotADatabase];
    code.is_some_and(|code| broken.contains(&code))
        // A file of another layout, or not of ours.
        || matches!(source, rusqlite::Error::InvalidQuery)
}

fn set_up(connection: &mut Connection) -> Result<(), rusqlite::Error> {
    connection.busy_timeout(std::time::Duration::from_secs(2))?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    // A station is told that its report is taken: then a power cut must not take it.
    connection.pragma_update(None, "synchronous", "FULL")?;
    let pragma = |name: &str| connection.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
    match (pragma("application_id")?, pragma("user_version")?) {
        (APPLICATION_ID, LAYOUT) => Ok(()),
        (0, 0) => {
            let transaction =
                connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            transaction.execute_batch(SCHEMA)?;
            transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
            transaction.pragma_update(None, "user_version", LAYOUT)?;
            transaction.commit()
        }
        _ => Err(rusqlite::Error::InvalidQuery),
    }
}

/// A quantity as text that only grows.
fn text(quantity: Quantity) -> String {
    // Its JSON form can't fail.
    serde_json::to_string(&quantity).unwrap_or_default()
}

fn put(transaction: &Transaction<'_>, change: &WindowChange) -> Result<(), rusqlite::Error> {
    let Sensor { station, point, quantity } = &change.sensor;
    let (suspect_ms, suspect) = change.suspect.map(|first| (first.at.0, first.value)).unzip();
    let insert = "INSERT INTO sensor (station, point, quantity, suspect_ms, suspect) \
                  VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT (station, point, quantity) DO UPDATE \
                  SET suspect_ms = excluded.suspect_ms, suspect = excluded.suspect RETURNING id";
    let given = params![station.as_str(), point, text(*quantity), suspect_ms, suspect];
    let id: i64 = transaction.prepare_cached(insert)?.query_row(given, |row| row.get(0))?;
    if let Some(sample) = change.put {
        let insert = "INSERT OR REPLACE INTO sample (sensor, at_ms, value) VALUES (?1, ?2, ?3)";
        transaction.prepare_cached(insert)?.execute(params![id, sample.at.0, sample.value])?;
    }
    let delete = "DELETE FROM sample WHERE sensor = ?1 AND at_ms < ?2";
    transaction.prepare_cached(delete)?.execute(params![id, change.oldest_at.0])?;
    Ok(())
}

fn load(connection: &Connection) -> Result<Vec<WindowKept>, rusqlite::Error> {
    let query = "SELECT id, station, point, quantity, suspect_ms, suspect FROM sensor";
    let mut query = connection.prepare(query)?;
    let sensors = query.query_map([], |row| {
        let (id, station): (i64, String) = (row.get(0)?, row.get(1)?);
        let (point, quantity): (String, String) = (row.get(2)?, row.get(3)?);
        let suspect: Option<(i64, f64)> = row.get::<_, Option<i64>>(4)?.zip(row.get(5)?);
        let suspect = suspect.map(|(at, value)| Sample { at: UtcMs(at), value });
        // What a later version measured is nothing to this one.
        let known = StationId::parse(&station).zip(serde_json::from_str(&quantity).ok());
        let kept = known.map(|(station, quantity)| {
            let sensor = Sensor { station, point, quantity };
            WindowKept { sensor, samples: Vec::new(), suspect }
        });
        Ok((id, kept))
    })?;
    let mut windows = BTreeMap::new();
    for sensor in sensors {
        let (id, kept) = sensor?;
        windows.extend(kept.map(|kept| (id, kept)));
    }
    let mut query =
        connection.prepare("SELECT sensor, at_ms, value FROM sample ORDER BY sensor, at_ms")?;
    let mut rows = query.query([])?;
    while let Some(row) = rows.next()? {
        if let Some(window) = windows.get_mut(&row.get::<_, i64>(0)?) {
            window.samples.push(Sample { at: UtcMs(row.get(1)?), value: row.get(2)? });
        }
    }
    Ok(windows.into_values().collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sensor(station: &str, quantity: Quantity) -> Sensor {
        let station = StationId::parse(station).unwrap();
        Sensor { station, point: "Z".into(), quantity }
    }

    fn sample(at: i64, value: f64) -> Sample {
        Sample { at: UtcMs(at), value }
    }

    /// What a store holds after these changes and a reopening.
    fn check(path: &Path, changes: &[WindowChange], expect: &[WindowKept]) {
        let (mut store, _) = WindowStore::open_at(path).unwrap();
        store.append(changes).unwrap();
        drop(store);
        assert_eq!(WindowStore::open_at(path).unwrap().1, expect);
    }

    #[test]
    fn what_is_kept_comes_back_to_the_last_bit() {
        let folder = std::env::temp_dir().join(format!("mingluo-windows-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let path = folder.join("record.db-windows");
        let stage = sensor("61234567", Quantity::Stage);
        let change = |put: Option<Sample>, oldest: i64, suspect: Option<Sample>| WindowChange {
            sensor: stage.clone(),
            put,
            oldest_at: UtcMs(oldest),
            suspect,
        };
        let odd = 0.1 + 0.2;
        let kept =
            |samples: Vec<Sample>, suspect| WindowKept { sensor: stage.clone(), samples, suspect };
        check(&path, &[], &[]);
        let two = [change(Some(sample(5, odd)), 5, None), change(Some(sample(2, 1.5)), 2, None)];
        check(&path, &two, &[kept(vec![sample(2, 1.5), sample(5, odd)], None)]);
        let leap = Some(sample(9, 40.0));
        let next = [change(None, 2, leap), change(Some(sample(5, 3.0)), 5, leap)];
        check(&path, &next, &[kept(vec![sample(5, 3.0)], leap)]);
        let (mut store, _) = WindowStore::open_at(&path).unwrap();
        let rain = sensor("R-1", Quantity::Rain { minutes: 5 });
        let other = WindowChange { sensor: rain.clone(), ..change(Some(sample(7, 2.0)), 7, None) };
        store.append(&[other]).unwrap();
        store.forget(std::slice::from_ref(&stage)).unwrap();
        drop(store);
        let left = WindowStore::open_at(&path).unwrap().1;
        assert_eq!(
            left,
            [WindowKept { sensor: rain, samples: vec![sample(7, 2.0)], suspect: None }]
        );
        std::fs::write(&path, b"this is no database at all, whatever it is called").unwrap();
        check(&path, &[], &[]);
        std::fs::remove_dir_all(&folder).unwrap();
    }

    /// A file that a failing disk spoiled is made anew or refused, and never ends the process.
    #[test]
    fn spoiled_files_never_panic() {
        let folder = std::env::temp_dir().join(format!("mingluo-spoiled-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let path = folder.join("record.db-windows");
        let (mut store, _) = WindowStore::open_at(&path).unwrap();
        let changes = (0..200).map(|n| WindowChange {
            sensor: sensor(&format!("S-{}", n % 9), Quantity::Rain { minutes: 5 }),
            put: Some(sample(n, 1.0)),
            oldest_at: UtcMs(0),
            suspect: None,
        });
        store.append(&changes.collect::<Vec<_>>()).unwrap();
        drop(store);
        let good = std::fs::read(&path).unwrap();
        let mut seed = 7_usize;
        let mut n_opened = 0;
        for _ in 0..60 {
            let mut bytes = good.clone();
            for _ in 0..8 {
                seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                let at = (seed >> 20) % bytes.len();
                bytes[at] ^= 0x5A;
            }
            place::remove(&path).unwrap();
            std::fs::write(&path, bytes).unwrap();
            n_opened += usize::from(WindowStore::open_at(&path).is_ok());
        }
        assert!(n_opened > 0);
        std::fs::remove_dir_all(&folder).unwrap();
    }
}

-- The audit's projection of a record, layout 2. Made from the journal; may be deleted at any time.
CREATE TABLE made_from (
  one       INTEGER PRIMARY KEY CHECK (one = 1),
  record    BLOB NOT NULL,
  seq       INTEGER NOT NULL,
  hash      BLOB NOT NULL,
  n_unread  INTEGER NOT NULL
) STRICT;
CREATE TABLE alert (
  number      INTEGER PRIMARY KEY,
  sender      TEXT NOT NULL,
  identifier  TEXT NOT NULL,
  sent_ms     INTEGER NOT NULL,
  headline    TEXT NOT NULL,
  seq         INTEGER NOT NULL
) STRICT;
CREATE INDEX alert_by_identifier ON alert (identifier);
CREATE TABLE broadcast (
  id             INTEGER PRIMARY KEY,
  started_ms     INTEGER NOT NULL,
  ended_ms       INTEGER,
  class          INTEGER NOT NULL,
  response_plan  TEXT NOT NULL,
  plan_title     TEXT NOT NULL,
  alert_sender   TEXT,
  alert_name     TEXT,
  alert_sent_ms  INTEGER,
  words          TEXT NOT NULL,
  areas          TEXT NOT NULL
) STRICT;
CREATE INDEX broadcast_by_start ON broadcast (started_ms);
CREATE INDEX broadcast_by_alert ON broadcast (alert_name) WHERE alert_name IS NOT NULL;
CREATE TABLE broadcast_row (
  broadcast  INTEGER NOT NULL,
  seq        INTEGER NOT NULL,
  PRIMARY KEY (broadcast, seq)
) STRICT, WITHOUT ROWID;
-- One terminal × one broadcast. Terminals are named after their area, so an area is a range; for those that
-- stood elsewhere when the broadcast began, `moved` is that area.
CREATE TABLE ladder (
  broadcast       INTEGER NOT NULL,
  terminal        INTEGER NOT NULL,
  moved           INTEGER,
  outcome         INTEGER NOT NULL,
  link            INTEGER NOT NULL,
  detail          TEXT,
  sent_ms         INTEGER,
  first_ms        INTEGER,
  last_ms         INTEGER,
  received_ms     INTEGER,
  playing_ms      INTEGER,
  ended_ms        INTEGER,
  received_by_ms  INTEGER,
  playing_by_ms   INTEGER,
  ended_by_ms     INTEGER,
  heard           INTEGER NOT NULL,
  plays           INTEGER NOT NULL,
  attempts        INTEGER NOT NULL,
  n_rows          INTEGER NOT NULL,
  rows            BLOB NOT NULL,
  PRIMARY KEY (broadcast, terminal)
) STRICT, WITHOUT ROWID;
CREATE INDEX ladder_moved ON ladder (broadcast, moved) WHERE moved IS NOT NULL;
-- Ladders counted, so that no question reads millions of them.
CREATE TABLE tally (
  broadcast  INTEGER NOT NULL,
  township   INTEGER NOT NULL,
  outcome    INTEGER NOT NULL,
  link       INTEGER NOT NULL,
  n          INTEGER NOT NULL,
  PRIMARY KEY (broadcast, township, outcome, link)
) STRICT, WITHOUT ROWID;

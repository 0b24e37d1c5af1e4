-- The record of one gateway. Rows are only ever appended; see chain.rs for the hashes.
CREATE TABLE IF NOT EXISTS record (
  one     INTEGER PRIMARY KEY CHECK (one = 1),
  id      BLOB NOT NULL CHECK (length(id) = 16)
) STRICT;
CREATE TABLE IF NOT EXISTS row (
  seq     INTEGER PRIMARY KEY,
  at_ms   INTEGER NOT NULL,
  kind    TEXT NOT NULL,
  body    BLOB NOT NULL,
  hash    BLOB NOT NULL CHECK (length(hash) = 32)
) STRICT;
CREATE TABLE IF NOT EXISTS raw (
  sha256  BLOB PRIMARY KEY CHECK (length(sha256) = 32),
  bytes   BLOB NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS checkpoint (
  seq        INTEGER NOT NULL,
  hash       BLOB NOT NULL,
  public_key BLOB NOT NULL,
  signature  BLOB NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS snapshot (
  one     INTEGER PRIMARY KEY CHECK (one = 1),
  seq     INTEGER NOT NULL,
  hash    BLOB NOT NULL,
  sha256  BLOB NOT NULL,
  bytes   BLOB NOT NULL
) STRICT;

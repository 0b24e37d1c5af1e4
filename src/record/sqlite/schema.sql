-- The record of one gateway, layout 1. Rows are only ever appended; chain.rs defines the hashes.
CREATE TABLE record (
  one     INTEGER PRIMARY KEY CHECK (one = 1),
  id      BLOB NOT NULL CHECK (length(id) = 16)
) STRICT;
CREATE TABLE row (
  seq     INTEGER PRIMARY KEY,
  at_ms   INTEGER NOT NULL,
  kind    TEXT NOT NULL,
  body    BLOB NOT NULL,
  hash    BLOB NOT NULL CHECK (length(hash) = 32)
) STRICT;
CREATE TABLE raw (
  sha256  BLOB PRIMARY KEY CHECK (length(sha256) = 32),
  bytes   BLOB NOT NULL
) STRICT;
CREATE TABLE checkpoint (
  seq        INTEGER NOT NULL,
  hash       BLOB NOT NULL,
  at_ms      INTEGER NOT NULL,
  public_key BLOB NOT NULL,
  signature  BLOB NOT NULL
) STRICT;
CREATE TABLE snapshot (
  one     INTEGER PRIMARY KEY CHECK (one = 1),
  seq     INTEGER NOT NULL,
  hash    BLOB NOT NULL,
  sha256  BLOB NOT NULL,
  bytes   BLOB NOT NULL
) STRICT;

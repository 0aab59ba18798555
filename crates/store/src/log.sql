-- The log of a desk: facts as received, own batches as sealed, blobs. Released migrations are never edited.
CREATE TABLE meta (key TEXT NOT NULL PRIMARY KEY, value BLOB NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE journal (
  id BLOB NOT NULL PRIMARY KEY,
  device BLOB NOT NULL,
  key BLOB NOT NULL,
  own INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;
-- position: place in the county log, null while only on this laptop. held: the county keeps it and lets nobody see it.
CREATE TABLE fact (
  n INTEGER PRIMARY KEY,
  journal BLOB NOT NULL,
  seq INTEGER NOT NULL,
  file BLOB NOT NULL,
  section TEXT NOT NULL,
  kind TEXT NOT NULL,
  author TEXT NOT NULL,
  wall INTEGER NOT NULL,
  at INTEGER NOT NULL,
  position INTEGER,
  held INTEGER NOT NULL DEFAULT 0,
  known INTEGER NOT NULL DEFAULT 1,
  leaf BLOB,
  bytes BLOB NOT NULL,
  UNIQUE (journal, seq)
) STRICT;
CREATE INDEX fact_file ON fact (file);
CREATE INDEX fact_only_here ON fact (journal, seq) WHERE position IS NULL;
-- Which facts are replaced, and by which; a fact may be replaced before it arrives.
CREATE TABLE replaced (
  journal BLOB NOT NULL,
  seq INTEGER NOT NULL,
  n INTEGER NOT NULL,
  PRIMARY KEY (journal, seq, n)
) STRICT, WITHOUT ROWID;
CREATE INDEX replaced_by ON replaced (n);
CREATE TABLE batch (
  journal BLOB NOT NULL,
  number INTEGER NOT NULL,
  first INTEGER NOT NULL,
  count INTEGER NOT NULL,
  position INTEGER,
  bytes BLOB NOT NULL,
  PRIMARY KEY (journal, number)
) STRICT;
CREATE TABLE blob (
  sha BLOB NOT NULL PRIMARY KEY,
  file BLOB NOT NULL,
  section TEXT NOT NULL,
  media TEXT NOT NULL,
  size INTEGER NOT NULL,
  sent INTEGER NOT NULL DEFAULT 0,
  bytes BLOB NOT NULL
) STRICT;
-- Blobs on their way here, piece by piece: `at` is the offset of a piece's first byte.
CREATE TABLE arriving (
  sha BLOB NOT NULL,
  at INTEGER NOT NULL,
  bytes BLOB NOT NULL,
  PRIMARY KEY (sha, at)
) STRICT;
CREATE TABLE contact_log (
  n INTEGER PRIMARY KEY,
  at INTEGER NOT NULL,
  ok INTEGER NOT NULL,
  what TEXT NOT NULL
) STRICT;
-- The highest number used of a block, for families that left this desk: no number is ever used twice.
CREATE TABLE spent (
  kind TEXT NOT NULL,
  year INTEGER NOT NULL,
  block INTEGER NOT NULL,
  serial INTEGER NOT NULL,
  PRIMARY KEY (kind, year, block)
) STRICT;

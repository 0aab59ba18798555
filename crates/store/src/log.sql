-- The log of a desk: sealed batches as far as they are open here, what is not sealed yet, one row for each fact, blobs.
-- Released migrations are never edited. A fact is named by one number: n = journal.no * 2^32 + seq.
CREATE TABLE meta (key TEXT NOT NULL PRIMARY KEY, value BLOB NOT NULL) STRICT, WITHOUT ROWID;
-- key is null for a journal that is only named by others so far.
CREATE TABLE journal (
  no INTEGER PRIMARY KEY,
  id BLOB NOT NULL UNIQUE,
  device BLOB,
  key BLOB,
  own INTEGER NOT NULL DEFAULT 0
) STRICT;
-- Files in order of arrival: a list comes village by village, so that rows of one village stand together on disk.
CREATE TABLE file (no INTEGER PRIMARY KEY, id BLOB NOT NULL UNIQUE) STRICT;
-- position: place in the county log, null while only on this laptop. held: the county keeps it and lets nobody see it.
-- batch: null until sealed. leaf: its first eight bytes, null until sealed and once erased.
-- slot, over, body: what views know of it, written anew with them: where it is found in its file, the numbers of what it
-- replaces (one, or several of eight bytes each), and what it says if it has effect.
CREATE TABLE entry (
  n INTEGER PRIMARY KEY,
  file INTEGER NOT NULL,
  section INTEGER NOT NULL,
  kind INTEGER NOT NULL,
  author INTEGER NOT NULL,
  at INTEGER NOT NULL,
  position INTEGER,
  held INTEGER NOT NULL DEFAULT 0,
  known INTEGER NOT NULL DEFAULT 1,
  batch INTEGER,
  leaf INTEGER,
  slot INTEGER NOT NULL DEFAULT 0,
  over ANY,
  body BLOB
) STRICT;
-- The few words that every row repeats: sections, kinds, accounts.
CREATE TABLE word (no INTEGER PRIMARY KEY, text TEXT NOT NULL UNIQUE) STRICT;
-- Rows as they are read, with names for numbers.
CREATE VIEW fact AS
  SELECT e.n, (SELECT j.id FROM journal j WHERE j.no = e.n >> 32) AS journal, e.n & 4294967295 AS seq, e.file,
    (SELECT w.text FROM word w WHERE w.no = e.section) AS section,
    (SELECT w.text FROM word w WHERE w.no = e.kind) AS kind,
    (SELECT w.text FROM word w WHERE w.no = e.author) AS author,
    e.at, e.position, e.held, e.known, e.batch, e.leaf, e.slot, e.over, e.body
  FROM entry e;
CREATE INDEX fact_file ON entry (file, slot);
CREATE INDEX fact_only_here ON entry (n) WHERE position IS NULL;
CREATE INDEX fact_held ON entry (n) WHERE held = 1;
CREATE INDEX fact_unknown ON entry (n) WHERE known = 0;
-- Facts that are not sealed yet, on their own.
CREATE TABLE open_fact (n INTEGER PRIMARY KEY, bytes BLOB NOT NULL) STRICT;
-- n = journal.no * 2^32 + number. Other journals' batches hold what this desk may see, with the proof.
CREATE TABLE batch (
  n INTEGER PRIMARY KEY,
  first INTEGER NOT NULL,
  count INTEGER NOT NULL,
  position INTEGER,
  bytes BLOB NOT NULL
) STRICT;
CREATE INDEX batch_only_here ON batch (n) WHERE position IS NULL;
-- Erased for ever: never taken again, from whatever old page or stick. file, section: those of the erasure; a fact that
-- turns out to stand elsewhere, or is of a kind that is not erased, is not erased by it.
CREATE TABLE erased (n INTEGER PRIMARY KEY, file INTEGER NOT NULL, section TEXT NOT NULL) STRICT;
-- What a county that was restored has not named again yet.
CREATE TABLE stale (n INTEGER PRIMARY KEY) STRICT;
-- Own facts that left with a right to see them, without a row in the log any more: their sealed bytes (batch.n) and the
-- paper they name are kept for a county that may be restored, until they are in a verified backup. paper_at: how long the
-- log was when the county was known to have the paper, which has no place in the log: a longer one's backup has it.
CREATE TABLE leaving (n INTEGER PRIMARY KEY, batch INTEGER, sha BLOB, paper_at INTEGER) STRICT;
CREATE INDEX leaving_batch ON leaving (batch);
-- What the county log was at positions this desk has seen.
CREATE TABLE mark (position INTEGER PRIMARY KEY, chain BLOB NOT NULL) STRICT;
-- sent: 0 not yet, 1 the county has it, 2 it had it, and may have lost it since.
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

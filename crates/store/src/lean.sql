-- What schema 7 changed. A row of the log says who wrote it in which section and of what kind by one number; rows by file
-- lie by slot, so that what stands beside a new value is read without the rest of the family's; and a batch's bytes lie in
-- the order in which they came: among those of its journal every new one would push others into other pages.
DROP VIEW IF EXISTS slot;
-- Each once: a store knows all of them by heart and gives numbers itself, so no index is kept.
CREATE TABLE manner (no INTEGER PRIMARY KEY, section TEXT NOT NULL, kind TEXT NOT NULL, author TEXT NOT NULL) STRICT;
INSERT INTO manner (section, kind, author) SELECT DISTINCT section, kind, author FROM fact ORDER BY author, kind, section;
CREATE TABLE leaner (
  n INTEGER PRIMARY KEY,
  file INTEGER NOT NULL,
  manner INTEGER NOT NULL,
  at INTEGER NOT NULL,
  position INTEGER,
  held INTEGER NOT NULL DEFAULT 0,
  known INTEGER NOT NULL DEFAULT 1,
  batch INTEGER,
  leaf INTEGER
) STRICT;
INSERT INTO leaner SELECT f.n, f.file, m.no, f.at, f.position, f.held, f.known, f.batch, f.leaf
  FROM fact f JOIN manner m ON m.section = f.section AND m.kind = f.kind AND m.author = f.author ORDER BY f.n;
DROP VIEW fact;
DROP TABLE entry;
DROP TABLE word;
ALTER TABLE leaner RENAME TO entry;
-- The few that are asked for without a name: only here, held, of a newer version. One index: each row asks once.
CREATE INDEX fact_apart ON entry (n) WHERE position IS NULL OR held = 1 OR known = 0;
-- Rows as they are read, with names for numbers.
CREATE VIEW fact AS
  SELECT e.n, (SELECT j.id FROM journal j WHERE j.no = e.n >> 32) AS journal, e.n & 4294967295 AS seq, e.file,
    (SELECT m.section FROM manner m WHERE m.no = e.manner) AS section,
    (SELECT m.kind FROM manner m WHERE m.no = e.manner) AS kind,
    (SELECT m.author FROM manner m WHERE m.no = e.manner) AS author,
    e.at, e.position, e.held, e.known, e.batch, e.leaf
  FROM entry e;
-- packed: where its bytes lie.
CREATE TABLE packed (no INTEGER PRIMARY KEY, bytes BLOB NOT NULL) STRICT;
INSERT INTO packed (bytes) SELECT bytes FROM batch ORDER BY n;
CREATE TABLE leaner (
  n INTEGER PRIMARY KEY,
  first INTEGER NOT NULL,
  count INTEGER NOT NULL,
  position INTEGER,
  packed INTEGER NOT NULL
) STRICT;
INSERT INTO leaner SELECT n, first, count, position, row_number() OVER (ORDER BY n) FROM batch ORDER BY n;
DROP TABLE batch;
ALTER TABLE leaner RENAME TO batch;
CREATE INDEX batch_only_here ON batch (n) WHERE position IS NULL;
CREATE TRIGGER batch_gone AFTER DELETE ON batch BEGIN DELETE FROM packed WHERE no = OLD.packed; END;
-- Batches as they came, as far as they are open here.
CREATE VIEW sealed AS
  SELECT b.n, b.first, b.count, b.position, (SELECT p.bytes FROM packed p WHERE p.no = b.packed) AS bytes FROM batch b;
-- As in schema 6, the slot before the number; the views' version makes it anew.
DROP TABLE filed;
CREATE TABLE filed (
  file INTEGER NOT NULL,
  slot INTEGER NOT NULL DEFAULT 0,
  n INTEGER NOT NULL,
  over ANY,
  said INTEGER,
  PRIMARY KEY (file, slot, n)
) STRICT, WITHOUT ROWID;
CREATE TRIGGER entry_gone AFTER DELETE ON entry BEGIN
  DELETE FROM said WHERE no = (SELECT said FROM filed WHERE file = OLD.file AND n = OLD.n);
  DELETE FROM filed WHERE file = OLD.file AND n = OLD.n;
END;

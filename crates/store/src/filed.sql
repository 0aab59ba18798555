-- What schema 6 changed. What views know of a fact no longer lies in its row of the log but by file: a page goes into the
-- log at the ends of its journals alone, and into the views family by family. A body lies once, in its batch.
DROP VIEW IF EXISTS slot;
DROP VIEW fact;
DROP INDEX fact_file;
ALTER TABLE entry DROP COLUMN slot;
ALTER TABLE entry DROP COLUMN over;
ALTER TABLE entry DROP COLUMN body;
-- Rows as they are read, with names for numbers.
CREATE VIEW fact AS
  SELECT e.n, (SELECT j.id FROM journal j WHERE j.no = e.n >> 32) AS journal, e.n & 4294967295 AS seq, e.file,
    (SELECT w.text FROM word w WHERE w.no = e.section) AS section,
    (SELECT w.text FROM word w WHERE w.no = e.kind) AS kind,
    (SELECT w.text FROM word w WHERE w.no = e.author) AS author,
    e.at, e.position, e.held, e.known, e.batch, e.leaf
  FROM entry e;
-- Every fact by its file. slot: where it is found there. over: the numbers of what it replaces (one, or several of eight
-- bytes each). said: where lies what it says, if lists read that. Slim, for a day's work of others touches every page of
-- it. Written anew with the views.
CREATE TABLE filed (
  file INTEGER NOT NULL,
  n INTEGER NOT NULL,
  slot INTEGER NOT NULL DEFAULT 0,
  over ANY,
  said INTEGER,
  PRIMARY KEY (file, n)
) STRICT, WITHOUT ROWID;
INSERT INTO filed (file, n) SELECT file, n FROM entry ORDER BY file, n;
-- What facts of the few kinds say that lists read: of a field its text, of others the body. In the order in which they were
-- filed: new ones stand at the end, whose journal ever they are of.
CREATE TABLE said (no INTEGER PRIMARY KEY, body BLOB NOT NULL) STRICT;
CREATE TRIGGER entry_gone AFTER DELETE ON entry BEGIN
  DELETE FROM said WHERE no = (SELECT said FROM filed WHERE file = OLD.file AND n = OLD.n);
  DELETE FROM filed WHERE file = OLD.file AND n = OLD.n;
END;
-- Batches (batch.n) whose facts are in the log and may not all be filed yet.
CREATE TABLE unfiled (n INTEGER PRIMARY KEY) STRICT;

-- For tests alone: a file of schema 10 as schema 9 had it.
ALTER TABLE leaving ADD COLUMN sha BLOB;
UPDATE leaving SET sha = (SELECT p.sha FROM left_paper p WHERE p.n = leaving.n LIMIT 1);
DROP TABLE left_paper;
ALTER TABLE blob DROP COLUMN preview;
DROP TABLE paper;
DROP TABLE receipt_photo;
CREATE TABLE receipt_photo (fact INTEGER NOT NULL PRIMARY KEY, file INTEGER NOT NULL, doc_no TEXT NOT NULL,
  sha BLOB NOT NULL, media TEXT NOT NULL, size INTEGER NOT NULL) STRICT;
UPDATE meta SET value = CAST('9' AS BLOB) WHERE key = 'views';
PRAGMA user_version = 9;

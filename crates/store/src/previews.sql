-- Schema 10: a photo has a preview, so a fact names more than one paper. What is kept of one that left stood in its row.
ALTER TABLE blob ADD COLUMN preview INTEGER NOT NULL DEFAULT 0;
CREATE TABLE left_paper (n INTEGER NOT NULL, sha BLOB NOT NULL, PRIMARY KEY (n, sha)) STRICT, WITHOUT ROWID;
INSERT INTO left_paper (n, sha) SELECT n, sha FROM leaving WHERE sha IS NOT NULL;
ALTER TABLE leaving DROP COLUMN sha;

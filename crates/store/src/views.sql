-- Views: what screens read. All of it can be dropped and made again from the log. `fact` is fact.n, `file` is file.no.
CREATE TABLE household (
  file INTEGER NOT NULL PRIMARY KEY,
  borrower TEXT NOT NULL,
  borrower_as_bank TEXT,
  co_borrower TEXT,
  relation TEXT,
  id_tail TEXT NOT NULL,
  address TEXT NOT NULL,
  grad_year INTEGER,
  place TEXT NOT NULL,
  as_of TEXT,
  due_on TEXT,
  account_hint TEXT,
  batch TEXT,
  contracts INTEGER NOT NULL,
  principal_due INTEGER NOT NULL,
  interest_due INTEGER NOT NULL,
  penalty_due INTEGER NOT NULL,
  total_due INTEGER NOT NULL,
  conflicts INTEGER NOT NULL,
  -- By the bank's feeds; heard_on: the newest day of a batch that names one of its contracts.
  booked INTEGER NOT NULL,
  pending INTEGER NOT NULL,
  over INTEGER NOT NULL,
  overdue INTEGER NOT NULL,
  written_off INTEGER NOT NULL,
  doubtful INTEGER NOT NULL,
  heard_on TEXT
) STRICT;
CREATE INDEX household_place ON household (place);
-- Which facts are replaced, and by which of which file; a fact may be replaced before it arrives. Within its own file only:
-- under the same name the twin of a copied laptop may have written of another family.
CREATE TABLE replaced (
  target INTEGER NOT NULL,
  by INTEGER NOT NULL,
  file INTEGER NOT NULL,
  PRIMARY KEY (target, by)
) STRICT, WITHOUT ROWID;
-- Registers of a file: every fact; those are live that nothing replaces. More than one is a conflict unless equal. That one
-- value took the place of one other of its slot is told by the slot's own rows.
CREATE VIEW slot AS
  SELECT x.n AS fact, x.file, x.slot, (SELECT s.body FROM said s WHERE s.no = x.said) AS body,
    NOT EXISTS (SELECT 1 FROM replaced r WHERE r.target = x.n AND r.file = x.file)
      AND NOT EXISTS (SELECT 1 FROM filed y WHERE y.file = x.file AND y.slot = x.slot AND y.over = x.n) AS live
  FROM filed x WHERE x.slot > 0;
CREATE TABLE phone (
  file INTEGER NOT NULL,
  number TEXT NOT NULL,
  PRIMARY KEY (file, number)
) STRICT, WITHOUT ROWID;
CREATE TABLE contact_stated (
  fact INTEGER NOT NULL PRIMARY KEY,
  file INTEGER NOT NULL,
  number TEXT NOT NULL,
  state TEXT NOT NULL,
  on_day TEXT NOT NULL
) STRICT;
CREATE INDEX contact_stated_file ON contact_stated (file);
-- By family first: a village's visits stand together. What a line noted of a visit is found by its slot in the log.
-- on_day, pledged_on: days since 31 December of the year before the first; arrived: seconds since midnight; result: its
-- place in the list of words. Tens of thousands a day at the county: numbers take half of what words take.
CREATE TABLE visit (
  file INTEGER NOT NULL,
  on_day INTEGER NOT NULL,
  arrived INTEGER NOT NULL,
  fact INTEGER NOT NULL,
  result INTEGER NOT NULL,
  met INTEGER NOT NULL,
  pledged_on INTEGER,
  PRIMARY KEY (file, on_day, arrived, fact)
) STRICT, WITHOUT ROWID;
-- Of one day by family, as they are filed.
CREATE INDEX visit_day ON visit (on_day);
CREATE TABLE handed_over (
  fact INTEGER NOT NULL,
  doc_no TEXT NOT NULL,
  PRIMARY KEY (doc_no, fact)
) STRICT, WITHOUT ROWID;
CREATE INDEX handed_over_fact ON handed_over (fact);
CREATE TABLE letter (
  fact INTEGER NOT NULL PRIMARY KEY,
  file INTEGER NOT NULL,
  doc_no TEXT NOT NULL,
  kind TEXT NOT NULL,
  year INTEGER NOT NULL,
  serial INTEGER NOT NULL,
  total INTEGER NOT NULL,
  pair TEXT
) STRICT;
CREATE INDEX letter_file ON letter (file);
CREATE INDEX letter_no ON letter (doc_no);
CREATE INDEX letter_serial ON letter (kind, year, serial);
CREATE TABLE letter_void (
  fact INTEGER NOT NULL PRIMARY KEY,
  file INTEGER NOT NULL,
  doc_no TEXT NOT NULL,
  reason TEXT NOT NULL
) STRICT;
CREATE INDEX letter_void_no ON letter_void (doc_no);
CREATE TABLE receipt_photo (
  fact INTEGER NOT NULL PRIMARY KEY,
  file INTEGER NOT NULL,
  doc_no TEXT NOT NULL
) STRICT;
CREATE INDEX receipt_photo_no ON receipt_photo (doc_no);
-- What a fact names by its hash: a photo, and the photo in small.
CREATE TABLE paper (
  fact INTEGER NOT NULL,
  sha BLOB NOT NULL,
  file INTEGER NOT NULL,
  media TEXT NOT NULL,
  size INTEGER NOT NULL,
  preview INTEGER NOT NULL,
  PRIMARY KEY (fact, sha)
) STRICT, WITHOUT ROWID;
CREATE TABLE receipt_done (
  fact INTEGER NOT NULL PRIMARY KEY,
  file INTEGER NOT NULL,
  doc_no TEXT NOT NULL,
  mode TEXT NOT NULL,
  served_on TEXT NOT NULL
) STRICT;
CREATE INDEX receipt_done_file ON receipt_done (file);
CREATE INDEX receipt_done_no ON receipt_done (doc_no);
CREATE TABLE payment (
  fact INTEGER NOT NULL PRIMARY KEY,
  file INTEGER NOT NULL,
  amount INTEGER NOT NULL,
  on_day TEXT NOT NULL
) STRICT;
CREATE INDEX payment_file ON payment (file);
CREATE TABLE text_listed (
  fact INTEGER NOT NULL PRIMARY KEY,
  file INTEGER NOT NULL,
  topic TEXT NOT NULL,
  on_day TEXT NOT NULL
) STRICT;
CREATE INDEX text_listed_file ON text_listed (file);
CREATE TABLE person (
  fact INTEGER NOT NULL PRIMARY KEY,
  person TEXT NOT NULL
) STRICT;
CREATE TABLE assignment (
  fact INTEGER NOT NULL PRIMARY KEY,
  village TEXT NOT NULL,
  line TEXT NOT NULL,
  person TEXT NOT NULL
) STRICT;
CREATE INDEX assignment_village ON assignment (village, line);
CREATE TABLE number_block (
  fact INTEGER NOT NULL PRIMARY KEY,
  kind TEXT NOT NULL,
  year INTEGER NOT NULL,
  block INTEGER NOT NULL,
  file INTEGER NOT NULL,
  journal BLOB
) STRICT;
-- Facts of the county's own file that are few: profile, places, registries, imports, bulletins.
CREATE TABLE county_fact (
  fact INTEGER NOT NULL PRIMARY KEY,
  kind TEXT NOT NULL
) STRICT;
CREATE INDEX county_fact_kind ON county_fact (kind);

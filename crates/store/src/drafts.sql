-- What schema 5 added.
-- Forms begun and not kept, as they stood at the last key; file is 0 where no family is meant. No facts: they never leave.
CREATE TABLE draft (
  form TEXT NOT NULL,
  file INTEGER NOT NULL,
  at INTEGER NOT NULL,
  text TEXT NOT NULL,
  PRIMARY KEY (form, file)
) STRICT, WITHOUT ROWID;

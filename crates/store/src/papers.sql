-- What schema 8 added. Own papers that the county has: how long its log was, as far as known, when it last said so, and how
-- often it said so again at a longer one. A county put back to the very place that it had lacks what came to it there and
-- does not know: see `Store::blob_sent`.
CREATE TABLE IF NOT EXISTS paper_known (
  sha BLOB PRIMARY KEY,
  head INTEGER NOT NULL,
  again INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;

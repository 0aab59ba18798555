-- The county ledger, version 1. One county to a file; the position of an entry comes from `meta.head`, a row that is
-- locked in the transaction that appends. Bodies stand in `entry.bytes` only, as they were sealed.
CREATE TABLE meta (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    version INTEGER NOT NULL,
    county TEXT NOT NULL,
    practice INTEGER NOT NULL,
    log BLOB NOT NULL,
    master_journal BLOB NOT NULL,
    head INTEGER NOT NULL DEFAULT 0,
    safe INTEGER NOT NULL DEFAULT 0
) STRICT;

-- A person as last enrolled: so that an unchanged role is not given twice.
CREATE TABLE person (
    account TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    role TEXT NOT NULL,
    areas TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE device (
    id BLOB PRIMARY KEY,
    person TEXT NOT NULL REFERENCES person (account),
    key BLOB NOT NULL,
    certificate BLOB NOT NULL UNIQUE,
    enrolled INTEGER NOT NULL,
    revoked INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;

-- `device` is NULL for the master's own journal.
CREATE TABLE journal (
    id BLOB PRIMARY KEY,
    device BLOB REFERENCES device (id),
    next_batch INTEGER NOT NULL DEFAULT 1,
    next_seq INTEGER NOT NULL DEFAULT 1,
    last_seal BLOB NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE entry (
    position INTEGER PRIMARY KEY,
    journal BLOB NOT NULL REFERENCES journal (id),
    batch INTEGER NOT NULL,
    received INTEGER NOT NULL,
    clock_offset INTEGER NOT NULL,
    seen_at INTEGER NOT NULL,
    runs INTEGER NOT NULL,
    bytes BLOB NOT NULL,
    UNIQUE (journal, batch)
) STRICT;

-- One row for each run: what paging and the closing sums need. `leaves` is the wrapping sum of its leaves.
CREATE TABLE run (
    position INTEGER NOT NULL REFERENCES entry (position),
    seq INTEGER NOT NULL,
    journal BLOB NOT NULL,
    file BLOB NOT NULL,
    section TEXT NOT NULL,
    held INTEGER NOT NULL,
    facts INTEGER NOT NULL,
    leaves INTEGER NOT NULL,
    PRIMARY KEY (position, seq)
) STRICT, WITHOUT ROWID;
CREATE INDEX run_by_section ON run (file, section, position, seq, journal, held, facts, leaves);

-- Facts that say who may do what, in log order: rights are rebuilt from these.
CREATE TABLE rights_fact (
    position INTEGER NOT NULL REFERENCES entry (position),
    seq INTEGER NOT NULL,
    bytes BLOB NOT NULL,
    PRIMARY KEY (position, seq)
) STRICT, WITHOUT ROWID;

-- Verified batches that came before their predecessor.
CREATE TABLE waiting (
    journal BLOB NOT NULL REFERENCES journal (id),
    batch INTEGER NOT NULL,
    received INTEGER NOT NULL,
    clock_offset INTEGER NOT NULL,
    bytes BLOB NOT NULL,
    PRIMARY KEY (journal, batch)
) STRICT;

CREATE TABLE invitation (
    token_hash BLOB PRIMARY KEY,
    account TEXT NOT NULL,
    name TEXT NOT NULL,
    role TEXT NOT NULL,
    areas TEXT NOT NULL,
    expires INTEGER NOT NULL,
    used_at INTEGER,
    used_by BLOB
) STRICT, WITHOUT ROWID;

CREATE TABLE lease (
    kind TEXT NOT NULL,
    year INTEGER NOT NULL,
    block INTEGER NOT NULL,
    device BLOB NOT NULL REFERENCES device (id),
    PRIMARY KEY (kind, year, block)
) STRICT, WITHOUT ROWID;

CREATE TABLE blob (
    sha BLOB PRIMARY KEY,
    received INTEGER NOT NULL,
    bytes BLOB NOT NULL
) STRICT;

-- Whose paper it is: the same bytes may belong to several families.
CREATE TABLE blob_in (
    sha BLOB NOT NULL REFERENCES blob (sha),
    file BLOB NOT NULL,
    section TEXT NOT NULL,
    device BLOB NOT NULL REFERENCES device (id),
    PRIMARY KEY (sha, file, section)
) STRICT, WITHOUT ROWID;

-- Blobs on their way, by who sends them: kept piece by piece, shown to nobody before they are whole and have their hash.
CREATE TABLE part (
    device BLOB NOT NULL REFERENCES device (id),
    sha BLOB NOT NULL,
    size INTEGER NOT NULL,
    have INTEGER NOT NULL,
    touched INTEGER NOT NULL,
    PRIMARY KEY (device, sha)
) STRICT, WITHOUT ROWID;

-- A part's bytes: `at` is the offset of a piece's first.
CREATE TABLE part_piece (
    device BLOB NOT NULL,
    sha BLOB NOT NULL,
    at INTEGER NOT NULL,
    bytes BLOB NOT NULL,
    PRIMARY KEY (device, sha, at),
    FOREIGN KEY (device, sha) REFERENCES part (device, sha)
) STRICT;

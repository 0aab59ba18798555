-- The county ledger, version 2. One county to a file; the position of an entry comes from `meta.head`, a row that is
-- locked in the transaction that appends. Bodies stand in `entry.bytes` only, as they were sealed.
CREATE TABLE meta (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    version INTEGER NOT NULL,
    county TEXT NOT NULL,
    practice INTEGER NOT NULL,
    log BLOB NOT NULL,
    master_journal BLOB NOT NULL,
    head INTEGER NOT NULL DEFAULT 0,
    safe INTEGER NOT NULL DEFAULT 0,
    -- Of the last time this county turned out to be restored: the position at which it says so; 0 if never.
    forked INTEGER NOT NULL DEFAULT 0,
    -- The lowest position above which history was ever lost.
    lost INTEGER
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
    person TEXT NOT NULL,
    key BLOB NOT NULL,
    -- NULL for a device enrolled in a history that was lost, until it presents itself.
    certificate BLOB UNIQUE,
    enrolled INTEGER NOT NULL,
    -- 0 until the head lets an enrolment through that comes from a lost history.
    confirmed INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Kept apart from devices and journals: after a restore these may come first.
CREATE TABLE revoked (device BLOB PRIMARY KEY) STRICT, WITHOUT ROWID;
CREATE TABLE closed (journal BLOB PRIMARY KEY) STRICT, WITHOUT ROWID;

-- What bundles to a device are sealed to; `print` is the first eight bytes of the key's SHA-256, no two devices' the same.
CREATE TABLE bundle_key (
    device BLOB PRIMARY KEY,
    key BLOB NOT NULL,
    print BLOB NOT NULL UNIQUE
) STRICT, WITHOUT ROWID;

-- The last greeting that was given blocks of numbers: said again, it is given none.
CREATE TABLE greeting (device BLOB PRIMARY KEY, said BLOB NOT NULL) STRICT, WITHOUT ROWID;

-- What a device last asked in a bundle, from which place of the log and when by its clock: an answer follows from it.
CREATE TABLE asked (
    device BLOB PRIMARY KEY,
    bundle BLOB NOT NULL,
    visible INTEGER NOT NULL,
    wall INTEGER NOT NULL,
    bytes BLOB NOT NULL
) STRICT, WITHOUT ROWID;

-- `device` is NULL for the master's own journals: the present one and those of lost histories.
CREATE TABLE journal (
    id BLOB PRIMARY KEY,
    device BLOB REFERENCES device (id),
    next_batch INTEGER NOT NULL DEFAULT 1,
    next_seq INTEGER NOT NULL DEFAULT 1,
    last_seal BLOB NOT NULL
) STRICT, WITHOUT ROWID;

-- A batch, or what came of it by others' hands after a restore: then several entries hold parts of one batch, and no
-- fact stands in two. `chain` is the running hash after it; `bytes` as the ledger packs them.
CREATE TABLE entry (
    position INTEGER PRIMARY KEY,
    journal BLOB NOT NULL REFERENCES journal (id),
    batch INTEGER NOT NULL,
    received INTEGER NOT NULL,
    clock_offset INTEGER NOT NULL,
    seen_at INTEGER NOT NULL,
    chain BLOB NOT NULL,
    runs INTEGER NOT NULL,
    bytes BLOB NOT NULL
) STRICT;
CREATE INDEX entry_by_batch ON entry (journal, batch);
CREATE INDEX entry_by_journal ON entry (journal, position);

-- One row for each run of facts of one section that were let through together, one for each fact that is not: what
-- paging and the closing sums need. `shown`: the position since which it is let through (its own, or that of a decision;
-- while it is held its own, or since when the head has let in the device that wrote it). `held`: 1 undecided, 2 decided
-- against. `back`: also sent to the journal's own device.
-- `leaves` is the wrapping sum of its leaves; what was erased since is still in it (see `erased`).
CREATE TABLE run (
    position INTEGER NOT NULL REFERENCES entry (position),
    seq INTEGER NOT NULL,
    shown INTEGER NOT NULL,
    journal BLOB NOT NULL,
    file BLOB NOT NULL,
    section TEXT NOT NULL,
    held INTEGER NOT NULL,
    back INTEGER NOT NULL,
    facts INTEGER NOT NULL,
    leaves INTEGER NOT NULL,
    PRIMARY KEY (position, seq)
) STRICT, WITHOUT ROWID;
CREATE INDEX run_by_section ON run (file, section, shown, position, seq, journal, held, back, facts, leaves);
CREATE INDEX run_by_journal ON run (journal, seq, facts, position);
CREATE INDEX run_released ON run (shown, position, seq) WHERE shown > position;

-- Facts that say who may do what, in the order in which they took effect: rights are rebuilt from these.
CREATE TABLE rights_fact (
    id INTEGER PRIMARY KEY,
    position INTEGER NOT NULL REFERENCES entry (position),
    bytes BLOB NOT NULL
) STRICT;
CREATE INDEX rights_by_position ON rights_fact (position, id);

-- Decisions on held facts, also on those that have not come yet; the latest counts.
CREATE TABLE decision (
    journal BLOB NOT NULL,
    seq INTEGER NOT NULL,
    accept INTEGER NOT NULL,
    PRIMARY KEY (journal, seq)
) STRICT, WITHOUT ROWID;

-- Erased facts, also those that have not come yet. `at`: the erasure's position. `shown` and `leaf` of a fact that was
-- there and let through: from `at` on it is no longer counted.
CREATE TABLE erased (
    journal BLOB NOT NULL,
    seq INTEGER NOT NULL,
    file BLOB NOT NULL,
    section TEXT NOT NULL,
    at INTEGER NOT NULL,
    shown INTEGER,
    leaf INTEGER,
    PRIMARY KEY (journal, seq)
) STRICT, WITHOUT ROWID;
CREATE INDEX erased_by_section ON erased (file, section, at, shown, leaf);

-- Papers that were erased from a section: not taken there again.
CREATE TABLE erased_paper (
    sha BLOB NOT NULL,
    file BLOB NOT NULL,
    section TEXT NOT NULL,
    PRIMARY KEY (sha, file, section)
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

-- Blocks of numbers: `file` is the device's own, `master` the county journal that gave it. After a restore one block may
-- have been given twice: both stand.
CREATE TABLE lease (
    kind TEXT NOT NULL,
    year INTEGER NOT NULL,
    block INTEGER NOT NULL,
    file BLOB NOT NULL,
    master BLOB NOT NULL,
    PRIMARY KEY (kind, year, block, file)
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
CREATE INDEX blob_in_by_section ON blob_in (file, section);

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

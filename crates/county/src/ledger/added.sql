-- What came after ledgers were in use; made at every opening where it is not there.
-- How an invitation is guarded: whether six words are compared before its device comes in, how often it was tried in vain.
CREATE TABLE IF NOT EXISTS guard (
    token_hash BLOB PRIMARY KEY,
    words INTEGER NOT NULL,
    tries INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;
-- Devices that presented an invitation and have no right at all yet.
CREATE TABLE IF NOT EXISTS candidate (
    token_hash BLOB PRIMARY KEY,
    key BLOB NOT NULL,
    certificate BLOB NOT NULL,
    asked INTEGER NOT NULL,
    confirmed INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
-- Days on which a person was trained and signed the undertaking of confidentiality.
CREATE TABLE IF NOT EXISTS undertaking (
    account TEXT PRIMARY KEY,
    trained TEXT NOT NULL,
    signed TEXT NOT NULL
) STRICT, WITHOUT ROWID;
-- When a device was last spoken to, and how long the log was then.
CREATE TABLE IF NOT EXISTS contact (
    device BLOB PRIMARY KEY,
    at INTEGER NOT NULL,
    head INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
-- Who said of a device that it is lost, and since when; and those of which two persons did.
CREATE TABLE IF NOT EXISTS lost (
    device BLOB NOT NULL,
    person TEXT NOT NULL,
    since INTEGER NOT NULL,
    said INTEGER NOT NULL,
    PRIMARY KEY (device, person)
) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS burnt (
    device BLOB PRIMARY KEY,
    since INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
-- Bundles of such devices, sealed as they came. Nothing of them counts before somebody takes them in, held.
CREATE TABLE IF NOT EXISTS quarantine (
    bundle BLOB PRIMARY KEY,
    device BLOB NOT NULL,
    at INTEGER NOT NULL,
    taken INTEGER NOT NULL DEFAULT 0,
    bytes BLOB NOT NULL
) STRICT;

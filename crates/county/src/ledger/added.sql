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

//! The embedded ledger: one encrypted SQLite file, one writer, a few readers. All SQL of the county stands here.
//! A write is committed with synchronous=FULL before anything is answered. No row is read without its key.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use domain::clock::{Millis, Received};
use domain::exchange::{Cursor, Sum};
use domain::ids::{DeviceId, FileId, JournalId, LogId, PersonId, Sha};
use domain::place::PlaceCode;
use domain::rights::{Entitled, Position};
use domain::words::{DocKind, Role, Section};
use rusqlite::{Connection, OptionalExtension as _, Row, TransactionBehavior, params};
use store::file::FileKey;

use super::{
    Account, Counts, Device, Entry, Invitation, Journal, Kept, LedgerFault, Meta, Part, Run, Transaction, Waiting,
};

const SCHEMA: &str = include_str!("schema.sql");
const VERSION: i64 = 1;
/// Readers kept open between requests.
const MOST_READERS: usize = 4;

/// What a reader looks sections up in: filled for each question, in memory only.
const ENTITLED: &str = "CREATE TEMP TABLE entitled (
    file BLOB NOT NULL, section TEXT NOT NULL, since INTEGER NOT NULL, PRIMARY KEY (file, section)
) STRICT, WITHOUT ROWID";

/// One encrypted file.
pub(crate) struct SqliteLedger {
    path: PathBuf,
    key: FileKey,
    writer: Mutex<Connection>,
    readers: Mutex<Vec<Connection>>,
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // A panic elsewhere left no half-written state: the transaction it held was rolled back.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl SqliteLedger {
    pub(crate) fn found(path: &Path, key: &FileKey, meta: &Meta) -> Kept<Self> {
        let mut conn = store::file::open(path, key)?;
        let tx = conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
        tx.execute_batch(SCHEMA)?;
        tx.execute(
            "INSERT INTO meta (one, version, county, practice, log, master_journal) VALUES (1, ?1, ?2, ?3, ?4, ?5)",
            params![VERSION, meta.county, meta.practice, meta.log.0, meta.master_journal.0],
        )?;
        tx.execute(
            "INSERT INTO journal (id, device, last_seal) VALUES (?1, NULL, ?2)",
            params![meta.master_journal.0, [0_u8; 32]],
        )?;
        tx.commit()?;
        Self::with(path, key, conn)
    }

    pub(crate) fn open(path: &Path, key: &FileKey) -> Kept<Self> {
        let conn = store::file::open(path, key)?;
        let version: i64 = conn.query_row("SELECT version FROM meta WHERE one = 1", [], |row| row.get(0))?;
        if version != VERSION {
            return Err(LedgerFault::Damaged("its version is not this program's"));
        }
        Self::with(path, key, conn)
    }

    fn with(path: &Path, key: &FileKey, conn: Connection) -> Kept<Self> {
        conn.execute_batch(ENTITLED)?;
        Ok(Self { path: path.to_owned(), key: key.clone(), writer: Mutex::new(conn), readers: Mutex::new(Vec::new()) })
    }

    pub(crate) fn read<T, E: From<LedgerFault>>(
        &self,
        work: impl FnOnce(&dyn Transaction) -> Result<T, E>,
    ) -> Result<T, E> {
        let spare = locked(&self.readers).pop();
        let mut conn = match spare {
            Some(conn) => conn,
            None => {
                let conn = store::file::open(&self.path, &self.key).map_err(LedgerFault::from)?;
                conn.execute_batch(ENTITLED).map_err(LedgerFault::from)?;
                conn
            }
        };
        let tx = conn.transaction().map_err(LedgerFault::from)?;
        let result = work(&Tx(&tx));
        tx.finish().map_err(LedgerFault::from)?;
        let mut readers = locked(&self.readers);
        if readers.len() < MOST_READERS {
            readers.push(conn);
        }
        result
    }

    pub(crate) fn write<T, E: From<LedgerFault>>(
        &self,
        work: impl FnOnce(&dyn Transaction) -> Result<T, E>,
    ) -> Result<T, E> {
        let mut conn = locked(&self.writer);
        let tx = conn.transaction_with_behavior(TransactionBehavior::Immediate).map_err(LedgerFault::from)?;
        let done = work(&Tx(&tx))?;
        tx.commit().map_err(LedgerFault::from)?;
        Ok(done)
    }
}

/// A transaction on one connection.
struct Tx<'a>(&'a Connection);

/// SQLite counts to 2^63 only; a number beyond is beyond every position.
fn int(n: u64) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}

fn uint(row: &Row<'_>, at: usize) -> rusqlite::Result<u64> {
    let n: i64 = row.get(at)?;
    u64::try_from(n).or(Err(rusqlite::Error::IntegralValueOutOfRange(at, n)))
}

/// A wrapping sum as SQLite's signed integer and back.
fn bits(n: u64) -> i64 {
    i64::from_be_bytes(n.to_be_bytes())
}

fn unbits(n: i64) -> u64 {
    u64::from_be_bytes(n.to_be_bytes())
}

fn section_at(row: &Row<'_>, at: usize) -> rusqlite::Result<Section> {
    let code: String = row.get(at)?;
    Section::of_code(&code).ok_or(rusqlite::Error::InvalidQuery)
}

fn person_of(text: &str) -> Kept<PersonId> {
    text.parse().ok().ok_or(LedgerFault::Damaged("an account name"))
}

fn account_of((person, name, role, areas): (String, String, String, String)) -> Kept<Account> {
    Ok(Account {
        person: person_of(&person)?,
        name,
        role: Role::of_code(&role).ok_or(LedgerFault::Damaged("a role"))?,
        areas: serde_json::from_str::<Vec<PlaceCode>>(&areas)?,
    })
}

const DEVICE: &str = "SELECT id, person, key, certificate, enrolled, revoked FROM device";

fn device_of(row: &Row<'_>) -> rusqlite::Result<(Device, String)> {
    let device = Device {
        id: DeviceId(row.get(0)?),
        person: PersonId::county_master(),
        key: row.get(2)?,
        certificate: Sha(row.get(3)?),
        enrolled: uint(row, 4)?,
        revoked: row.get(5)?,
    };
    Ok((device, row.get(1)?))
}

const ENTRY: &str = "SELECT position, journal, batch, received, clock_offset, seen_at, runs, bytes FROM entry";

fn entry_of(row: &Row<'_>) -> rusqlite::Result<Entry> {
    Ok(Entry {
        position: uint(row, 0)?,
        journal: JournalId(row.get(1)?),
        batch: uint(row, 2)?,
        received: Received { at: Millis(row.get(3)?), offset: row.get(4)?, seen: Millis(row.get(5)?) },
        runs: row.get(6)?,
        bytes: row.get(7)?,
    })
}

const RUN: &str = "r.position, r.seq, r.journal, r.file, r.section, r.held, r.facts, r.leaves";

fn run_of(row: &Row<'_>) -> rusqlite::Result<Run> {
    Ok(Run {
        position: uint(row, 0)?,
        seq: uint(row, 1)?,
        journal: JournalId(row.get(2)?),
        file: FileId(row.get(3)?),
        section: section_at(row, 4)?,
        held: row.get(5)?,
        sum: Sum { count: uint(row, 6)?, leaves: unbits(row.get(7)?) },
    })
}

impl Tx<'_> {
    /// Fills `temp.entitled` with the sections whose own date counts: all of them, or those before `all`.
    fn entitle(&self, see: &Entitled) -> Kept<()> {
        self.0.execute("DELETE FROM temp.entitled", [])?;
        let mut insert =
            self.0.prepare_cached("INSERT INTO temp.entitled (file, section, since) VALUES (?1, ?2, ?3)")?;
        for ((file, section), since) in &see.sections {
            if see.all.is_none_or(|all| *since < all) {
                insert.execute(params![file.0, section.code(), int(*since)])?;
            }
        }
        Ok(())
    }
}

impl Transaction for Tx<'_> {
    fn meta(&self) -> Kept<Meta> {
        let mut read =
            self.0.prepare_cached("SELECT county, practice, log, master_journal, safe FROM meta WHERE one = 1")?;
        Ok(read.query_row([], |row| {
            Ok(Meta {
                county: row.get(0)?,
                practice: row.get(1)?,
                log: LogId(row.get(2)?),
                master_journal: JournalId(row.get(3)?),
                safe: uint(row, 4)?,
            })
        })?)
    }

    fn head(&self) -> Kept<Position> {
        Ok(self.0.prepare_cached("SELECT head FROM meta WHERE one = 1")?.query_row([], |row| uint(row, 0))?)
    }

    fn take_position(&self) -> Kept<Position> {
        let mut take = self.0.prepare_cached("UPDATE meta SET head = head + 1 WHERE one = 1 RETURNING head")?;
        Ok(take.query_row([], |row| uint(row, 0))?)
    }

    fn time_at(&self, position: Position) -> Kept<Millis> {
        let mut read = self.0.prepare_cached("SELECT received FROM entry WHERE position = ?1")?;
        let found: Option<i64> = read.query_row([int(position)], |row| row.get(0)).optional()?;
        Ok(Millis(found.unwrap_or_default()))
    }

    fn account(&self, person: &PersonId) -> Kept<Option<Account>> {
        let mut read = self.0.prepare_cached("SELECT account, name, role, areas FROM person WHERE account = ?1")?;
        let found = read
            .query_row([person.as_str()], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)))
            .optional()?;
        found.map(account_of).transpose()
    }

    fn put_account(&self, account: &Account) -> Kept<()> {
        self.0.execute(
            "INSERT INTO person (account, name, role, areas) VALUES (?1, ?2, ?3, ?4)
             ON CONFLICT (account) DO UPDATE SET name = excluded.name, role = excluded.role, areas = excluded.areas",
            params![account.person.as_str(), account.name, account.role.code(), serde_json::to_string(&account.areas)?],
        )?;
        Ok(())
    }

    fn device(&self, id: DeviceId) -> Kept<Option<Device>> {
        let mut read = self.0.prepare_cached(&format!("{DEVICE} WHERE id = ?1"))?;
        let found = read.query_row([id.0], device_of).optional()?;
        found.map(|(device, person)| Ok(Device { person: person_of(&person)?, ..device })).transpose()
    }

    fn device_by_certificate(&self, certificate: Sha) -> Kept<Option<Device>> {
        let mut read = self.0.prepare_cached(&format!("{DEVICE} WHERE certificate = ?1"))?;
        let found = read.query_row([certificate.0], device_of).optional()?;
        found.map(|(device, person)| Ok(Device { person: person_of(&person)?, ..device })).transpose()
    }

    fn add_device(&self, device: &Device) -> Kept<()> {
        self.0.execute(
            "INSERT INTO device (id, person, key, certificate, enrolled, revoked) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            params![
                device.id.0,
                device.person.as_str(),
                device.key,
                device.certificate.0,
                int(device.enrolled),
                device.revoked
            ],
        )?;
        Ok(())
    }

    fn invitation(&self, token_hash: Sha) -> Kept<Option<Invitation>> {
        let mut read = self.0.prepare_cached(
            "SELECT account, name, role, areas, expires, used_by FROM invitation WHERE token_hash = ?1",
        )?;
        let found = read
            .query_row([token_hash.0], |row| {
                let account = (row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?);
                Ok((account, Millis(row.get(4)?), row.get::<_, Option<[u8; 8]>>(5)?))
            })
            .optional()?;
        let Some((account, expires, used_by)) = found else { return Ok(None) };
        Ok(Some(Invitation { token_hash, account: account_of(account)?, expires, used_by: used_by.map(DeviceId) }))
    }

    fn add_invitation(&self, invitation: &Invitation) -> Kept<()> {
        let account = &invitation.account;
        self.0.execute(
            "INSERT INTO invitation (token_hash, account, name, role, areas, expires) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            params![
                invitation.token_hash.0,
                account.person.as_str(),
                account.name,
                account.role.code(),
                serde_json::to_string(&account.areas)?,
                invitation.expires.0
            ],
        )?;
        Ok(())
    }

    fn use_invitation(&self, token_hash: Sha, at: Millis, by: DeviceId) -> Kept<()> {
        self.0.execute(
            "UPDATE invitation SET used_at = ?2, used_by = ?3 WHERE token_hash = ?1",
            params![token_hash.0, at.0, by.0],
        )?;
        Ok(())
    }

    fn last_block(&self, kind: DocKind, year: i32) -> Kept<Option<u32>> {
        let mut read = self.0.prepare_cached("SELECT max(block) FROM lease WHERE kind = ?1 AND year = ?2")?;
        Ok(read.query_row(params![kind.code(), year], |row| row.get(0))?)
    }

    fn add_lease(&self, kind: DocKind, year: i32, block: u32, device: DeviceId) -> Kept<()> {
        self.0.execute(
            "INSERT INTO lease (kind, year, block, device) VALUES (?1, ?2, ?3, ?4)",
            params![kind.code(), year, block, device.0],
        )?;
        Ok(())
    }

    fn journal(&self, id: JournalId) -> Kept<Option<Journal>> {
        let mut read =
            self.0.prepare_cached("SELECT device, next_batch, next_seq, last_seal FROM journal WHERE id = ?1")?;
        let found = read.query_row([id.0], |row| {
            Ok(Journal {
                id,
                device: row.get::<_, Option<[u8; 8]>>(0)?.map(DeviceId),
                next_batch: uint(row, 1)?,
                next_seq: uint(row, 2)?,
                last_seal: Sha(row.get(3)?),
            })
        });
        Ok(found.optional()?)
    }

    fn put_journal(&self, journal: &Journal) -> Kept<()> {
        let mut put = self.0.prepare_cached(
            "INSERT INTO journal (id, device, next_batch, next_seq, last_seal) VALUES (?1, ?2, ?3, ?4, ?5)
             ON CONFLICT (id) DO UPDATE SET next_batch = excluded.next_batch, next_seq = excluded.next_seq,
                 last_seal = excluded.last_seal",
        )?;
        put.execute(params![
            journal.id.0,
            journal.device.map(|device| device.0),
            int(journal.next_batch),
            int(journal.next_seq),
            journal.last_seal.0
        ])?;
        Ok(())
    }

    fn entry(&self, position: Position) -> Kept<Option<Entry>> {
        let mut read = self.0.prepare_cached(&format!("{ENTRY} WHERE position = ?1"))?;
        Ok(read.query_row([int(position)], entry_of).optional()?)
    }

    fn entry_of(&self, journal: JournalId, batch: u64) -> Kept<Option<Entry>> {
        let mut read = self.0.prepare_cached(&format!("{ENTRY} WHERE journal = ?1 AND batch = ?2"))?;
        Ok(read.query_row(params![journal.0, int(batch)], entry_of).optional()?)
    }

    fn add_entry(&self, entry: &Entry) -> Kept<()> {
        let mut insert = self.0.prepare_cached(
            "INSERT INTO entry (position, journal, batch, received, clock_offset, seen_at, runs, bytes)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        )?;
        insert.execute(params![
            int(entry.position),
            entry.journal.0,
            int(entry.batch),
            entry.received.at.0,
            entry.received.offset,
            entry.received.seen.0,
            entry.runs,
            entry.bytes
        ])?;
        Ok(())
    }

    fn add_run(&self, run: &Run) -> Kept<()> {
        let mut insert = self.0.prepare_cached(
            "INSERT INTO run (position, seq, journal, file, section, held, facts, leaves)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        )?;
        insert.execute(params![
            int(run.position),
            int(run.seq),
            run.journal.0,
            run.file.0,
            run.section.code(),
            run.held,
            int(run.sum.count),
            bits(run.sum.leaves)
        ])?;
        Ok(())
    }

    fn held_in(&self, position: Position) -> Kept<Vec<u64>> {
        let mut read =
            self.0.prepare_cached("SELECT seq, facts FROM run WHERE position = ?1 AND held = 1 ORDER BY seq")?;
        let mut rows = read.query([int(position)])?;
        let mut out = Vec::new();
        while let Some(row) = rows.next()? {
            let (seq, facts) = (uint(row, 0)?, uint(row, 1)?);
            out.extend(seq..seq.saturating_add(facts));
        }
        Ok(out)
    }

    fn add_rights_fact(&self, position: Position, seq: u64, bytes: &[u8]) -> Kept<()> {
        let mut insert = self.0.prepare_cached("INSERT INTO rights_fact (position, seq, bytes) VALUES (?1, ?2, ?3)")?;
        insert.execute(params![int(position), int(seq), bytes])?;
        Ok(())
    }

    fn rights_facts(&self, after: Position, upto: Position) -> Kept<Vec<(Position, Vec<u8>)>> {
        let mut read = self.0.prepare_cached(
            "SELECT position, bytes FROM rights_fact WHERE position > ?1 AND position <= ?2 ORDER BY position, seq",
        )?;
        let rows = read.query_map([int(after), int(upto)], |row| Ok((uint(row, 0)?, row.get(1)?)))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    fn waiting(&self, journal: JournalId, batch: u64) -> Kept<Option<Waiting>> {
        let mut read = self
            .0
            .prepare_cached("SELECT received, clock_offset, bytes FROM waiting WHERE journal = ?1 AND batch = ?2")?;
        let found = read.query_row(params![journal.0, int(batch)], |row| {
            Ok(Waiting { journal, batch, at: Millis(row.get(0)?), offset: row.get(1)?, bytes: row.get(2)? })
        });
        Ok(found.optional()?)
    }

    fn waiting_numbers(&self, journal: JournalId) -> Kept<Vec<u64>> {
        let mut read = self.0.prepare_cached("SELECT batch FROM waiting WHERE journal = ?1 ORDER BY batch")?;
        let rows = read.query_map([journal.0], |row| uint(row, 0))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    fn add_waiting(&self, waiting: &Waiting) -> Kept<()> {
        self.0.execute(
            "INSERT INTO waiting (journal, batch, received, clock_offset, bytes) VALUES (?1, ?2, ?3, ?4, ?5)",
            params![waiting.journal.0, int(waiting.batch), waiting.at.0, waiting.offset, waiting.bytes],
        )?;
        Ok(())
    }

    fn drop_waiting(&self, journal: JournalId, batch: u64) -> Kept<()> {
        self.0.execute("DELETE FROM waiting WHERE journal = ?1 AND batch = ?2", params![journal.0, int(batch)])?;
        Ok(())
    }

    fn runs_after(&self, see: &Entitled, own: JournalId, cursor: Cursor, most: usize) -> Kept<Vec<(Cursor, Run)>> {
        self.entitle(see)?;
        let limit = i64::try_from(most).unwrap_or(i64::MAX);
        let (visible, position, seq) = (int(cursor.visible), int(cursor.position), int(cursor.seq));
        // A section that was open before the cursor can only follow with what came at or after it: one index seek.
        let mut read = self.0.prepare_cached(&format!(
            "SELECT {RUN}, max(r.position, e.since) AS visible
             FROM temp.entitled e CROSS JOIN run r INDEXED BY run_by_section
               ON r.file = e.file AND r.section = e.section AND r.position >= iif(e.since < ?1, ?1, 0)
             WHERE r.held = 0 AND (r.journal <> ?4 OR r.position < e.since)
               AND (max(r.position, e.since), r.position, r.seq) > (?1, ?2, ?3)
             ORDER BY max(r.position, e.since), r.position, r.seq LIMIT ?5"
        ))?;
        let rows = read.query_map(params![visible, position, seq, own.0, limit], |row| {
            let run = run_of(row)?;
            Ok((Cursor { visible: uint(row, 8)?, position: run.position, seq: run.seq }, run))
        })?;
        let mut out: Vec<(Cursor, Run)> = rows.collect::<Result<_, _>>()?;
        if let Some(all) = see.all {
            // Under one date, page order is log order: before it (all, position, seq), from it on (position, position, seq).
            let (from, after) = if cursor.visible < all {
                (0, 0)
            } else if cursor.visible == all || cursor.position == cursor.visible {
                (cursor.position, cursor.seq)
            } else {
                (cursor.visible, 0)
            };
            let mut read = self.0.prepare_cached(&format!(
                "SELECT {RUN} FROM run r
                 WHERE (r.position, r.seq) > (?1, ?2) AND r.held = 0 AND (r.journal <> ?3 OR r.position < ?5)
                   AND NOT EXISTS (SELECT 1 FROM temp.entitled e WHERE e.file = r.file AND e.section = r.section)
                 ORDER BY r.position, r.seq LIMIT ?4"
            ))?;
            let rows = read.query_map(params![int(from), int(after), own.0, limit, int(all)], run_of)?;
            for run in rows {
                let run = run?;
                out.push((Cursor { visible: run.position.max(all), position: run.position, seq: run.seq }, run));
            }
            out.sort_by_key(|(at, _)| *at);
            out.truncate(most);
        }
        Ok(out)
    }

    fn sum(&self, see: &Entitled, upto: Position) -> Kept<Sum> {
        self.entitle(see)?;
        let mut sum = Sum::default();
        let mut add = |row: &Row<'_>| -> rusqlite::Result<()> {
            sum.count = sum.count.saturating_add(uint(row, 0)?);
            sum.leaves = sum.leaves.wrapping_add(unbits(row.get(1)?));
            Ok(())
        };
        let mut read = self.0.prepare_cached(
            "SELECT r.facts, r.leaves
             FROM temp.entitled e CROSS JOIN run r INDEXED BY run_by_section ON r.file = e.file AND r.section = e.section
             WHERE r.held = 0 AND r.position <= ?1",
        )?;
        let mut rows = read.query(params![int(upto)])?;
        while let Some(row) = rows.next()? {
            add(row)?;
        }
        if see.all.is_some() {
            let mut read = self.0.prepare_cached(
                "SELECT r.facts, r.leaves FROM run r
                 WHERE r.position <= ?1 AND r.held = 0
                   AND NOT EXISTS (SELECT 1 FROM temp.entitled e WHERE e.file = r.file AND e.section = r.section)",
            )?;
            let mut rows = read.query(params![int(upto)])?;
            while let Some(row) = rows.next()? {
                add(row)?;
            }
        }
        Ok(sum)
    }

    fn written_after(&self, journal: JournalId, position: Position) -> Kept<Vec<(FileId, Section)>> {
        let mut read = self.0.prepare_cached(
            "SELECT DISTINCT file, section FROM run WHERE position > ?1 AND journal = ?2 AND held = 0",
        )?;
        let rows =
            read.query_map(params![int(position), journal.0], |row| Ok((FileId(row.get(0)?), section_at(row, 1)?)))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    fn sections(&self) -> Kept<Vec<(FileId, Section)>> {
        let mut read = self.0.prepare_cached("SELECT DISTINCT file, section FROM run")?;
        let rows = read.query_map([], |row| Ok((FileId(row.get(0)?), section_at(row, 1)?)))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    fn wrote_in(&self, device: DeviceId, file: FileId, section: Section) -> Kept<bool> {
        let mut read = self.0.prepare_cached(
            "SELECT EXISTS (
                 SELECT 1 FROM run r JOIN journal j ON j.id = r.journal
                 WHERE r.file = ?2 AND r.section = ?3 AND r.held = 0 AND j.device = ?1)",
        )?;
        Ok(read.query_row(params![device.0, file.0, section.code()], |row| row.get(0))?)
    }

    fn blob_size(&self, sha: Sha) -> Kept<Option<u64>> {
        let mut read = self.0.prepare_cached("SELECT length(bytes) FROM blob WHERE sha = ?1")?;
        Ok(read.query_row([sha.0], |row| uint(row, 0)).optional()?)
    }

    fn blob_bytes(&self, sha: Sha, from: u64, count: u64) -> Kept<Vec<u8>> {
        let mut read = self.0.prepare_cached("SELECT substr(bytes, ?2, ?3) FROM blob WHERE sha = ?1")?;
        let first = int(from.saturating_add(1));
        Ok(read.query_row(params![sha.0, first, int(count)], |row| row.get(0))?)
    }

    fn blob_places(&self, sha: Sha) -> Kept<Vec<(FileId, Section)>> {
        let mut read = self.0.prepare_cached("SELECT file, section FROM blob_in WHERE sha = ?1")?;
        let rows = read.query_map([sha.0], |row| Ok((FileId(row.get(0)?), section_at(row, 1)?)))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    fn add_blob(&self, sha: Sha, at: Millis, bytes: &[u8]) -> Kept<()> {
        self.0.execute(
            "INSERT INTO blob (sha, received, bytes) VALUES (?1, ?2, ?3) ON CONFLICT (sha) DO NOTHING",
            params![sha.0, at.0, bytes],
        )?;
        Ok(())
    }

    fn add_blob_place(&self, sha: Sha, file: FileId, section: Section, device: DeviceId) -> Kept<()> {
        self.0.execute(
            "INSERT INTO blob_in (sha, file, section, device) VALUES (?1, ?2, ?3, ?4)
             ON CONFLICT (sha, file, section) DO NOTHING",
            params![sha.0, file.0, section.code(), device.0],
        )?;
        Ok(())
    }

    fn parts(&self, device: DeviceId) -> Kept<Vec<Part>> {
        let mut read =
            self.0.prepare_cached("SELECT sha, size, have FROM part WHERE device = ?1 ORDER BY touched, sha")?;
        let rows = read.query_map([device.0], |row| {
            Ok(Part { sha: Sha(row.get(0)?), size: uint(row, 1)?, have: uint(row, 2)? })
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    fn begin_part(&self, device: DeviceId, sha: Sha, size: u64, now: Millis) -> Kept<()> {
        let mut insert =
            self.0.prepare_cached("INSERT INTO part (device, sha, size, have, touched) VALUES (?1, ?2, ?3, 0, ?4)")?;
        insert.execute(params![device.0, sha.0, int(size), now.0])?;
        Ok(())
    }

    fn add_to_part(&self, device: DeviceId, part: &Part, bytes: &[u8], now: Millis) -> Kept<()> {
        let have = part.have.saturating_add(u64::try_from(bytes.len()).unwrap_or(u64::MAX));
        let mut insert =
            self.0.prepare_cached("INSERT INTO part_piece (device, sha, at, bytes) VALUES (?1, ?2, ?3, ?4)")?;
        insert.execute(params![device.0, part.sha.0, int(part.have), bytes])?;
        let mut update =
            self.0.prepare_cached("UPDATE part SET have = ?3, touched = ?4 WHERE device = ?1 AND sha = ?2")?;
        update.execute(params![device.0, part.sha.0, int(have), now.0])?;
        Ok(())
    }

    fn part_bytes(&self, device: DeviceId, sha: Sha) -> Kept<Vec<u8>> {
        let mut read =
            self.0.prepare_cached("SELECT bytes FROM part_piece WHERE device = ?1 AND sha = ?2 ORDER BY at")?;
        let mut rows = read.query(params![device.0, sha.0])?;
        let mut out = Vec::new();
        while let Some(row) = rows.next()? {
            let piece = row.get_ref(0)?.as_blob().map_err(rusqlite::Error::from)?;
            out.extend_from_slice(piece);
        }
        Ok(out)
    }

    fn drop_part(&self, device: DeviceId, sha: Sha) -> Kept<()> {
        for table in ["part_piece", "part"] {
            let mut delete = self.0.prepare_cached(&format!("DELETE FROM {table} WHERE device = ?1 AND sha = ?2"))?;
            delete.execute(params![device.0, sha.0])?;
        }
        Ok(())
    }

    fn sweep_parts(&self, moment: Millis) -> Kept<()> {
        let mut pieces = self.0.prepare_cached(
            "DELETE FROM part_piece WHERE (device, sha) IN (SELECT device, sha FROM part WHERE touched < ?1)",
        )?;
        pieces.execute([moment.0])?;
        self.0.prepare_cached("DELETE FROM part WHERE touched < ?1")?.execute([moment.0])?;
        Ok(())
    }

    fn counts(&self, now: Millis) -> Kept<Counts> {
        let mut read = self.0.prepare(
            "SELECT (SELECT count(*) FROM entry),
                    (SELECT coalesce(sum(facts), 0) FROM run),
                    (SELECT coalesce(sum(facts), 0) FROM run WHERE held = 1),
                    (SELECT count(*) FROM waiting),
                    (SELECT count(*) FROM person),
                    (SELECT count(*) FROM device WHERE revoked = 0),
                    (SELECT count(*) FROM invitation WHERE used_at IS NULL AND expires > ?1),
                    (SELECT count(*) FROM blob)",
        )?;
        Ok(read.query_row([now.0], |row| {
            Ok(Counts {
                entries: uint(row, 0)?,
                facts: uint(row, 1)?,
                held: uint(row, 2)?,
                waiting: uint(row, 3)?,
                people: uint(row, 4)?,
                devices: uint(row, 5)?,
                invitations_open: uint(row, 6)?,
                blobs: uint(row, 7)?,
            })
        })?)
    }
}

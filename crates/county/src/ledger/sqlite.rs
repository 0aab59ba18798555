//! The embedded ledger: one encrypted SQLite file, one writer, a few readers. All SQL of the county stands here.
//! A write is committed with synchronous=FULL before anything is answered. No row is read without its key.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use chrono::NaiveDate;
use domain::clock::{Millis, Received};
use domain::exchange::{Cursor, Sum};
use domain::fact::MOST_FACTS;
use domain::ids::{BundleId, BundleKey, DeviceId, FactId, FileId, JournalId, KeyPrint, LogId, PersonId, Sha};
use domain::place::PlaceCode;
use domain::rights::{Entitled, Position};
use domain::words::{DocKind, Role, Section};
use rusqlite::{Connection, OptionalExtension as _, Row, TransactionBehavior, params};
use store::file::FileKey;

use super::{
    Account, Candidate, Counts, Device, Entry, Erasure, Invitation, Journal, Kept, LedgerFault, Meta, Part, Run,
    Transaction, Waiting, pack,
};
use crate::lost::Quarantined;

const SCHEMA: &str = include_str!("schema.sql");
const VERSION: i64 = 2;
/// Statements kept prepared on a connection: more than there are here, or each step would prepare its own anew.
const STATEMENTS: usize = 128;
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
        // What ledgers of before lack.
        conn.execute_batch(include_str!("added.sql"))?;
        conn.execute_batch(ENTITLED)?;
        conn.set_prepared_statement_cache_capacity(STATEMENTS);
        Ok(Self { path: path.to_owned(), key: key.clone(), writer: Mutex::new(conn), readers: Mutex::new(Vec::new()) })
    }

    /// Copies the whole ledger, as it stands at one moment, into a new file under the same key, while others write.
    pub(crate) fn copy(&self, to: &Path) -> Kept<()> {
        let source = store::file::open(&self.path, &self.key)?;
        let mut target = store::file::open(to, &self.key)?;
        // In one step: then it is one state, and writers are not held up by a reader of the write-ahead log.
        let copied = rusqlite::backup::Backup::new(&source, &mut target)?.step(-1)?;
        if copied != rusqlite::backup::StepResult::Done {
            return Err(LedgerFault::Damaged("it was busy while it was copied"));
        }
        target.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?;
        Ok(())
    }

    /// Checks the seal of every page, and every index against its table.
    pub(crate) fn sound(&self) -> Kept<()> {
        let conn = locked(&self.writer);
        if conn.prepare("PRAGMA cipher_integrity_check")?.exists([])? {
            return Err(LedgerFault::Damaged("a page is not as it was written"));
        }
        let said: String = conn.query_row("PRAGMA integrity_check(1)", [], |row| row.get(0))?;
        if said == "ok" { Ok(()) } else { Err(LedgerFault::Damaged("its tables and indexes disagree")) }
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
                conn.set_prepared_statement_cache_capacity(STATEMENTS);
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

const CANDIDATE: &str = "SELECT token_hash, key, certificate, asked, confirmed FROM candidate";

fn candidate_of(row: &rusqlite::Row<'_>) -> rusqlite::Result<Candidate> {
    Ok(Candidate {
        token_hash: Sha(row.get(0)?),
        key: row.get(1)?,
        certificate: Sha(row.get(2)?),
        asked: Millis(row.get(3)?),
        confirmed: row.get(4)?,
    })
}

const DEVICE: &str = "SELECT id, person, key, certificate, enrolled, confirmed,
    EXISTS (SELECT 1 FROM revoked WHERE revoked.device = device.id) FROM device";

fn device_of(row: &Row<'_>) -> rusqlite::Result<(Device, String)> {
    let device = Device {
        id: DeviceId(row.get(0)?),
        person: PersonId::county_master(),
        key: row.get(2)?,
        certificate: Sha(row.get::<_, Option<[u8; 32]>>(3)?.unwrap_or_default()),
        enrolled: uint(row, 4)?,
        confirmed: row.get(5)?,
        revoked: row.get(6)?,
    };
    Ok((device, row.get(1)?))
}

const ENTRY: &str = "SELECT position, journal, batch, received, clock_offset, seen_at, chain, runs, bytes FROM entry";

fn entry_of(row: &Row<'_>) -> rusqlite::Result<Entry> {
    Ok(Entry {
        position: uint(row, 0)?,
        journal: JournalId(row.get(1)?),
        batch: uint(row, 2)?,
        received: Received { at: Millis(row.get(3)?), offset: row.get(4)?, seen: Millis(row.get(5)?) },
        chain: Sha(row.get(6)?),
        runs: row.get(7)?,
        bytes: row.get(8)?,
    })
}

fn unpacked(entry: Entry) -> Kept<Entry> {
    Ok(Entry { bytes: pack::unpack(&entry.bytes)?, ..entry })
}

const RUN: &str = "r.position, r.seq, r.shown, r.journal, r.file, r.section, r.held, r.back, r.facts, r.leaves";
/// Columns of [`RUN`].
const RUN_COLUMNS: usize = 10;

fn run_of(row: &Row<'_>) -> rusqlite::Result<Run> {
    let held: i64 = row.get(6)?;
    Ok(Run {
        position: uint(row, 0)?,
        seq: uint(row, 1)?,
        shown: uint(row, 2)?,
        journal: JournalId(row.get(3)?),
        file: FileId(row.get(4)?),
        section: section_at(row, 5)?,
        held: held != 0,
        back: row.get(7)?,
        sum: Sum { count: uint(row, 8)?, leaves: unbits(row.get(9)?) },
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
        let mut read = self.0.prepare_cached(
            "SELECT county, practice, log, master_journal, safe, forked, lost FROM meta WHERE one = 1",
        )?;
        Ok(read.query_row([], |row| {
            Ok(Meta {
                county: row.get(0)?,
                practice: row.get(1)?,
                log: LogId(row.get(2)?),
                master_journal: JournalId(row.get(3)?),
                safe: uint(row, 4)?,
                forked: uint(row, 5)?,
                lost: row.get::<_, Option<i64>>(6)?.map(|lost| u64::try_from(lost).unwrap_or_default()),
            })
        })?)
    }

    fn set_fork(&self, master_journal: JournalId, forked: Position, lost: Position) -> Kept<()> {
        self.0.execute(
            "UPDATE meta SET master_journal = ?1, forked = ?2, lost = min(coalesce(lost, ?3), ?3) WHERE one = 1",
            params![master_journal.0, int(forked), int(lost)],
        )?;
        Ok(())
    }

    fn lose(&self, above: Position) -> Kept<()> {
        self.0.execute("UPDATE meta SET lost = min(coalesce(lost, ?1), ?1) WHERE one = 1", [int(above)])?;
        Ok(())
    }

    fn set_safe(&self, safe: Position) -> Kept<()> {
        self.0.execute("UPDATE meta SET safe = max(safe, ?1) WHERE one = 1", [int(safe)])?;
        Ok(())
    }

    fn facts_upto(&self, position: Position) -> Kept<u64> {
        let mut read = self.0.prepare("SELECT coalesce(sum(facts), 0) FROM run WHERE position <= ?1")?;
        Ok(read.query_row([int(position)], |row| uint(row, 0))?)
    }

    fn head(&self) -> Kept<Position> {
        Ok(self.0.prepare_cached("SELECT head FROM meta WHERE one = 1")?.query_row([], |row| uint(row, 0))?)
    }

    fn take_position(&self) -> Kept<Position> {
        let mut take = self.0.prepare_cached("UPDATE meta SET head = head + 1 WHERE one = 1 RETURNING head")?;
        Ok(take.query_row([], |row| uint(row, 0))?)
    }

    fn chain_at(&self, position: Position) -> Kept<Sha> {
        if position == 0 {
            return Ok(Sha([0; 32]));
        }
        let mut read = self.0.prepare_cached("SELECT chain FROM entry WHERE position = ?1")?;
        Ok(Sha(read.query_row([int(position)], |row| row.get(0))?))
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
            "INSERT INTO device (id, person, key, certificate, enrolled, confirmed) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            params![
                device.id.0,
                device.person.as_str(),
                device.key,
                Some(device.certificate.0).filter(|certificate| *certificate != [0; 32]),
                int(device.enrolled),
                device.confirmed
            ],
        )?;
        Ok(())
    }

    fn confirm_device(&self, id: DeviceId) -> Kept<()> {
        self.0.execute("UPDATE device SET confirmed = 1 WHERE id = ?1", [id.0])?;
        Ok(())
    }

    fn set_certificate(&self, id: DeviceId, certificate: Sha) -> Kept<()> {
        self.0.execute("UPDATE device SET certificate = ?2 WHERE id = ?1", params![id.0, certificate.0])?;
        Ok(())
    }

    fn revoke(&self, id: DeviceId) -> Kept<()> {
        self.0.execute("INSERT INTO revoked (device) VALUES (?1) ON CONFLICT DO NOTHING", [id.0])?;
        Ok(())
    }

    fn contact(&self, device: DeviceId) -> Kept<Option<(Millis, Position)>> {
        let mut read = self.0.prepare_cached("SELECT at, head FROM contact WHERE device = ?1")?;
        Ok(read.query_row([device.0], |row| Ok((Millis(row.get(0)?), uint(row, 1)?))).optional()?)
    }

    fn put_contact(&self, device: DeviceId, at: Millis, head: Position) -> Kept<()> {
        let mut write = self.0.prepare_cached(
            "INSERT INTO contact (device, at, head) VALUES (?1, ?2, ?3)
             ON CONFLICT DO UPDATE SET at = excluded.at, head = excluded.head",
        )?;
        write.execute(params![device.0, at.0, int(head)])?;
        Ok(())
    }

    fn lost(&self, device: DeviceId, said: Millis) -> Kept<Vec<(PersonId, Millis)>> {
        let mut read =
            self.0.prepare_cached("SELECT person, since FROM lost WHERE device = ?1 AND said >= ?2 ORDER BY person")?;
        let rows =
            read.query_map(params![device.0, said.0], |row| Ok((row.get::<_, String>(0)?, Millis(row.get(1)?))))?;
        let rows: Vec<(String, Millis)> = rows.collect::<Result<_, _>>()?;
        rows.into_iter().map(|(person, since)| Ok((person_of(&person)?, since))).collect()
    }

    fn add_lost(&self, device: DeviceId, person: &PersonId, since: Millis, said: Millis) -> Kept<()> {
        self.0.execute(
            "INSERT INTO lost (device, person, since, said) VALUES (?1, ?2, ?3, ?4)
             ON CONFLICT DO UPDATE SET since = excluded.since, said = excluded.said",
            params![device.0, person.as_str(), since.0, said.0],
        )?;
        Ok(())
    }

    fn burnt(&self, device: DeviceId) -> Kept<Option<Millis>> {
        let mut read = self.0.prepare_cached("SELECT since FROM burnt WHERE device = ?1")?;
        Ok(read.query_row([device.0], |row| Ok(Millis(row.get(0)?))).optional()?)
    }

    fn burn(&self, device: DeviceId, since: Millis) -> Kept<()> {
        self.0.execute(
            "INSERT INTO burnt (device, since) VALUES (?1, ?2) ON CONFLICT DO NOTHING",
            params![device.0, since.0],
        )?;
        Ok(())
    }

    fn quarantined(&self) -> Kept<Vec<Quarantined>> {
        let mut read = self.0.prepare_cached(
            "SELECT bundle, quarantine.device, person, at, length(bytes), taken
             FROM quarantine JOIN device ON device.id = quarantine.device ORDER BY at, bundle",
        )?;
        let rows = read.query_map([], |row| {
            let (bundle, device) = (BundleId(row.get(0)?), DeviceId(row.get(1)?));
            Ok((bundle, device, row.get::<_, String>(2)?, Millis(row.get(3)?), uint(row, 4)?, row.get(5)?))
        })?;
        let rows: Vec<_> = rows.collect::<Result<_, _>>()?;
        let one = |(bundle, device, person, at, bytes, taken): (_, _, String, Millis, _, _)| {
            Ok(Quarantined { bundle, device, person: person_of(&person)?, came: at.rfc3339(), bytes, taken })
        };
        rows.into_iter().map(one).collect()
    }

    fn quarantined_bytes(&self, bundle: BundleId) -> Kept<Option<(DeviceId, Vec<u8>)>> {
        let mut read = self.0.prepare_cached("SELECT device, bytes FROM quarantine WHERE bundle = ?1")?;
        Ok(read.query_row([bundle.0], |row| Ok((DeviceId(row.get(0)?), row.get(1)?))).optional()?)
    }

    fn add_quarantined(&self, bundle: BundleId, device: DeviceId, at: Millis, bytes: &[u8]) -> Kept<()> {
        self.0.execute(
            "INSERT INTO quarantine (bundle, device, at, bytes) VALUES (?1, ?2, ?3, ?4) ON CONFLICT DO NOTHING",
            params![bundle.0, device.0, at.0, bytes],
        )?;
        Ok(())
    }

    fn set_quarantined_taken(&self, bundle: BundleId) -> Kept<()> {
        self.0.execute("UPDATE quarantine SET taken = 1 WHERE bundle = ?1", [bundle.0])?;
        Ok(())
    }

    fn bundle_key(&self, device: DeviceId) -> Kept<Option<BundleKey>> {
        let mut read = self.0.prepare_cached("SELECT key FROM bundle_key WHERE device = ?1")?;
        Ok(read.query_row([device.0], |row| Ok(BundleKey(row.get(0)?))).optional()?)
    }

    fn bundle_sender(&self, print: KeyPrint) -> Kept<Option<(DeviceId, BundleKey)>> {
        let mut read = self.0.prepare_cached("SELECT device, key FROM bundle_key WHERE print = ?1")?;
        Ok(read.query_row([print.0], |row| Ok((DeviceId(row.get(0)?), BundleKey(row.get(1)?)))).optional()?)
    }

    fn put_bundle_key(&self, device: DeviceId, key: &BundleKey) -> Kept<()> {
        self.0.execute(
            "INSERT INTO bundle_key (device, key, print) VALUES (?1, ?2, ?3)
             ON CONFLICT (device) DO UPDATE SET key = excluded.key, print = excluded.print",
            params![device.0, key.0, key.print().0],
        )?;
        Ok(())
    }

    fn greeting(&self, device: DeviceId) -> Kept<Option<Sha>> {
        let mut read = self.0.prepare_cached("SELECT said FROM greeting WHERE device = ?1")?;
        Ok(read.query_row([device.0], |row| Ok(Sha(row.get(0)?))).optional()?)
    }

    fn put_greeting(&self, device: DeviceId, said: Sha) -> Kept<()> {
        self.0.execute(
            "INSERT INTO greeting (device, said) VALUES (?1, ?2) ON CONFLICT (device) DO UPDATE SET said = excluded.said",
            params![device.0, said.0],
        )?;
        Ok(())
    }

    fn asked(&self, device: DeviceId) -> Kept<Option<(BundleId, Vec<u8>)>> {
        let mut read = self.0.prepare_cached("SELECT bundle, bytes FROM asked WHERE device = ?1")?;
        Ok(read.query_row([device.0], |row| Ok((BundleId(row.get(0)?), row.get(1)?))).optional()?)
    }

    fn put_asked(&self, device: DeviceId, bundle: &BundleId, at: (Position, Millis), bytes: &[u8]) -> Kept<()> {
        self.0.execute(
            "INSERT INTO asked (device, bundle, visible, wall, bytes) VALUES (?1, ?2, ?3, ?4, ?5)
             ON CONFLICT (device) DO UPDATE
             SET bundle = excluded.bundle, visible = excluded.visible, wall = excluded.wall, bytes = excluded.bytes
             WHERE excluded.visible >= visible OR excluded.wall > wall",
            params![device.0, bundle.0, int(at.0), at.1.0, bytes],
        )?;
        Ok(())
    }

    fn invitation(&self, token_hash: Sha) -> Kept<Option<Invitation>> {
        let mut read = self.0.prepare_cached(
            "SELECT account, name, role, areas, expires, used_by, ifnull(words, 0), ifnull(tries, 0)
             FROM invitation LEFT JOIN guard USING (token_hash) WHERE token_hash = ?1",
        )?;
        let found = read
            .query_row([token_hash.0], |row| {
                let account = (row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?);
                let guard = (row.get::<_, bool>(6)?, row.get::<_, u32>(7)?);
                Ok((account, Millis(row.get(4)?), row.get::<_, Option<[u8; 8]>>(5)?, guard))
            })
            .optional()?;
        let Some((account, expires, used_by, (words, tries))) = found else { return Ok(None) };
        let (account, used_by) = (account_of(account)?, used_by.map(DeviceId));
        Ok(Some(Invitation { token_hash, account, expires, used_by, words, tries }))
    }

    fn tried_in_vain(&self, token_hash: Sha) -> Kept<()> {
        self.0.execute(
            "INSERT INTO guard (token_hash, words, tries) VALUES (?1, 0, 1)
             ON CONFLICT (token_hash) DO UPDATE SET tries = tries + 1",
            [token_hash.0],
        )?;
        Ok(())
    }

    fn void_invitation(&self, token_hash: Sha, at: Millis) -> Kept<()> {
        self.0.execute("DELETE FROM candidate WHERE token_hash = ?1", [token_hash.0])?;
        // Used by a device that nobody can be: an id is never empty.
        self.0.execute(
            "UPDATE invitation SET used_at = ?2, used_by = zeroblob(8) WHERE token_hash = ?1",
            params![token_hash.0, at.0],
        )?;
        Ok(())
    }

    fn void_invitations_of(&self, person: &PersonId, at: Millis) -> Kept<usize> {
        self.0.execute(
            "DELETE FROM candidate WHERE token_hash IN
               (SELECT token_hash FROM invitation WHERE account = ?1 AND used_by IS NULL)",
            [person.as_str()],
        )?;
        Ok(self.0.execute(
            "UPDATE invitation SET used_at = ?2, used_by = zeroblob(8) WHERE account = ?1 AND used_by IS NULL",
            params![person.as_str(), at.0],
        )?)
    }

    fn candidate(&self, token_hash: Sha) -> Kept<Option<Candidate>> {
        let mut read = self.0.prepare_cached(&format!("{CANDIDATE} WHERE token_hash = ?1"))?;
        Ok(read.query_row([token_hash.0], candidate_of).optional()?)
    }

    fn add_candidate(&self, candidate: &Candidate) -> Kept<()> {
        self.0.execute(
            "INSERT INTO candidate (token_hash, key, certificate, asked, confirmed) VALUES (?1, ?2, ?3, ?4, ?5)",
            params![
                candidate.token_hash.0,
                candidate.key,
                candidate.certificate.0,
                candidate.asked.0,
                candidate.confirmed
            ],
        )?;
        Ok(())
    }

    fn candidates(&self) -> Kept<Vec<Candidate>> {
        let mut read = self.0.prepare_cached(&format!(
            "{CANDIDATE} WHERE token_hash IN (SELECT token_hash FROM invitation WHERE used_by IS NULL) ORDER BY asked"
        ))?;
        Ok(read.query_map([], candidate_of)?.collect::<Result<_, _>>()?)
    }

    fn confirm_candidate(&self, token_hash: Sha) -> Kept<()> {
        self.0.execute("UPDATE candidate SET confirmed = 1 WHERE token_hash = ?1", [token_hash.0])?;
        Ok(())
    }

    fn devices_of(&self, person: &PersonId) -> Kept<Vec<DeviceId>> {
        let mut read = self.0.prepare_cached(
            "SELECT id FROM device WHERE person = ?1 AND id NOT IN (SELECT device FROM revoked) ORDER BY enrolled",
        )?;
        let ids = read.query_map([person.as_str()], |row| Ok(DeviceId(row.get(0)?)))?;
        Ok(ids.collect::<Result<_, _>>()?)
    }

    fn undertaking(&self, person: &PersonId) -> Kept<Option<(NaiveDate, NaiveDate)>> {
        let mut read = self.0.prepare_cached("SELECT trained, signed FROM undertaking WHERE account = ?1")?;
        let found: Option<(String, String)> =
            read.query_row([person.as_str()], |row| Ok((row.get(0)?, row.get(1)?))).optional()?;
        let Some((trained, signed)) = found else { return Ok(None) };
        let day = |text: String| text.parse().or(Err(LedgerFault::Damaged("a day of an undertaking")));
        Ok(Some((day(trained)?, day(signed)?)))
    }

    fn set_undertaking(&self, person: &PersonId, trained: NaiveDate, signed: NaiveDate) -> Kept<()> {
        self.0.execute(
            "INSERT INTO undertaking (account, trained, signed) VALUES (?1, ?2, ?3)
             ON CONFLICT (account) DO UPDATE SET trained = excluded.trained, signed = excluded.signed",
            params![person.as_str(), trained.to_string(), signed.to_string()],
        )?;
        Ok(())
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
        if invitation.words {
            self.0.execute("INSERT INTO guard (token_hash, words) VALUES (?1, 1)", [invitation.token_hash.0])?;
        }
        Ok(())
    }

    fn use_invitation(&self, token_hash: Sha, at: Millis, by: DeviceId) -> Kept<()> {
        self.0.execute(
            "UPDATE invitation SET used_at = ?2, used_by = ?3 WHERE token_hash = ?1",
            params![token_hash.0, at.0, by.0],
        )?;
        Ok(())
    }

    fn last_blocks(&self, kind: DocKind, year: i32, master: JournalId) -> Kept<(Option<u32>, Option<u32>)> {
        let mut read = self.0.prepare_cached(
            "SELECT max(block) FILTER (WHERE master = ?3), max(block) FILTER (WHERE master <> ?3)
             FROM lease WHERE kind = ?1 AND year = ?2",
        )?;
        Ok(read.query_row(params![kind.code(), year, master.0], |row| Ok((row.get(0)?, row.get(1)?)))?)
    }

    fn add_lease(&self, kind: DocKind, year: i32, block: u32, file: FileId, master: JournalId) -> Kept<()> {
        self.0.execute(
            "INSERT INTO lease (kind, year, block, file, master) VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT DO NOTHING",
            params![kind.code(), year, block, file.0, master.0],
        )?;
        Ok(())
    }

    fn journal(&self, id: JournalId) -> Kept<Option<Journal>> {
        let mut read = self.0.prepare_cached(
            "SELECT device, next_batch, next_seq, last_seal,
                 EXISTS (SELECT 1 FROM closed WHERE closed.journal = journal.id)
             FROM journal WHERE id = ?1",
        )?;
        let found = read.query_row([id.0], |row| {
            Ok(Journal {
                id,
                device: row.get::<_, Option<[u8; 8]>>(0)?.map(DeviceId),
                next_batch: uint(row, 1)?,
                next_seq: uint(row, 2)?,
                last_seal: Sha(row.get(3)?),
                closed: row.get(4)?,
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

    fn close_journal(&self, id: JournalId) -> Kept<()> {
        self.0.execute("INSERT INTO closed (journal) VALUES (?1) ON CONFLICT DO NOTHING", [id.0])?;
        Ok(())
    }

    fn entry(&self, position: Position) -> Kept<Option<Entry>> {
        let mut read = self.0.prepare_cached(&format!("{ENTRY} WHERE position = ?1"))?;
        read.query_row([int(position)], entry_of).optional()?.map(unpacked).transpose()
    }

    fn entries_of(&self, journal: JournalId, batch: u64) -> Kept<Vec<Entry>> {
        let mut read =
            self.0.prepare_cached(&format!("{ENTRY} WHERE journal = ?1 AND batch = ?2 ORDER BY position"))?;
        let rows = read.query_map(params![journal.0, int(batch)], entry_of)?;
        rows.map(|entry| unpacked(entry?)).collect()
    }

    fn last_offset(&self, journal: JournalId) -> Kept<Option<i64>> {
        let mut read = self.0.prepare_cached(
            "SELECT clock_offset FROM entry INDEXED BY entry_by_journal WHERE journal = ?1 ORDER BY position DESC LIMIT 1",
        )?;
        Ok(read.query_row([journal.0], |row| row.get(0)).optional()?)
    }

    fn add_entry(&self, entry: &Entry) -> Kept<()> {
        let mut insert = self.0.prepare_cached(
            "INSERT INTO entry (position, journal, batch, received, clock_offset, seen_at, chain, runs, bytes)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
        )?;
        insert.execute(params![
            int(entry.position),
            entry.journal.0,
            int(entry.batch),
            entry.received.at.0,
            entry.received.offset,
            entry.received.seen.0,
            entry.chain.0,
            entry.runs,
            pack::pack(&entry.bytes)?
        ])?;
        Ok(())
    }

    fn close_facts(&self, position: Position, bytes: &[u8]) -> Kept<()> {
        let mut update = self.0.prepare_cached("UPDATE entry SET bytes = ?2 WHERE position = ?1")?;
        update.execute(params![int(position), pack::pack(bytes)?])?;
        Ok(())
    }

    fn add_run(&self, run: &Run) -> Kept<()> {
        let mut insert = self.0.prepare_cached(
            "INSERT INTO run (position, seq, shown, journal, file, section, held, back, facts, leaves)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
        )?;
        insert.execute(params![
            int(run.position),
            int(run.seq),
            int(run.shown),
            run.journal.0,
            run.file.0,
            run.section.code(),
            run.held,
            run.back,
            int(run.sum.count),
            bits(run.sum.leaves)
        ])?;
        Ok(())
    }

    fn runs_of(&self, position: Position) -> Kept<Vec<Run>> {
        let mut read =
            self.0.prepare_cached(&format!("SELECT {RUN} FROM run r WHERE r.position = ?1 ORDER BY r.seq"))?;
        Ok(read.query_map([int(position)], run_of)?.collect::<Result<_, _>>()?)
    }

    fn runs_among(&self, journal: JournalId, first: u64, end: u64) -> Kept<Vec<(Run, u64)>> {
        // No run is longer than a batch: one that reaches into the range begins less than a batch before it.
        let most = u64::try_from(MOST_FACTS).unwrap_or(u64::MAX);
        let mut read = self.0.prepare_cached(&format!(
            "SELECT {RUN}, e.batch FROM run r INDEXED BY run_by_journal JOIN entry e ON e.position = r.position
             WHERE r.journal = ?1 AND r.seq > ?2 AND r.seq < ?3 AND r.seq + r.facts > ?4 ORDER BY r.seq"
        ))?;
        // Seqs begin at 1.
        let from = first.saturating_sub(most);
        let rows = read.query_map(params![journal.0, int(from), int(end), int(first)], |row| {
            Ok((run_of(row)?, uint(row, RUN_COLUMNS)?))
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    fn release(&self, position: Position, seq: u64, shown: Position) -> Kept<()> {
        let mut update =
            self.0.prepare_cached("UPDATE run SET held = 0, shown = ?3, back = 1 WHERE position = ?1 AND seq = ?2")?;
        update.execute(params![int(position), int(seq), int(shown)])?;
        Ok(())
    }

    fn held_in(&self, file: FileId, section: Section) -> Kept<Vec<Run>> {
        let mut read = self.0.prepare_cached(&format!(
            "SELECT {RUN} FROM run r INDEXED BY run_by_section WHERE r.file = ?1 AND r.section = ?2 AND r.held <> 0
             ORDER BY r.position, r.seq"
        ))?;
        let rows = read.query_map(params![file.0, section.code()], run_of)?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    fn held_of(&self, journal: JournalId) -> Kept<Vec<Run>> {
        let mut read = self.0.prepare_cached(&format!(
            "SELECT {RUN} FROM run r INDEXED BY run_by_journal WHERE r.journal = ?1 AND r.held <> 0 ORDER BY r.seq"
        ))?;
        let rows = read.query_map([journal.0], run_of)?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    fn put_off(&self, position: Position, seq: u64, shown: Position) -> Kept<()> {
        let mut update = self.0.prepare_cached(
            "UPDATE run SET shown = ?3 WHERE position = ?1 AND seq = ?2 AND held <> 0 AND shown < ?3",
        )?;
        update.execute(params![int(position), int(seq), int(shown)])?;
        Ok(())
    }

    fn reject(&self, position: Position, seq: u64) -> Kept<()> {
        let mut update =
            self.0.prepare_cached("UPDATE run SET held = 2 WHERE position = ?1 AND seq = ?2 AND held = 1")?;
        update.execute(params![int(position), int(seq)])?;
        Ok(())
    }

    fn decision(&self, fact: FactId) -> Kept<Option<bool>> {
        let mut read = self.0.prepare_cached("SELECT accept FROM decision WHERE journal = ?1 AND seq = ?2")?;
        Ok(read.query_row(params![fact.journal.0, int(fact.seq)], |row| row.get(0)).optional()?)
    }

    fn put_decision(&self, fact: FactId, accept: bool) -> Kept<()> {
        let mut put = self.0.prepare_cached(
            "INSERT INTO decision (journal, seq, accept) VALUES (?1, ?2, ?3)
             ON CONFLICT (journal, seq) DO UPDATE SET accept = excluded.accept",
        )?;
        put.execute(params![fact.journal.0, int(fact.seq), accept])?;
        Ok(())
    }

    fn erasure(&self, fact: FactId) -> Kept<Option<Erasure>> {
        let mut read = self
            .0
            .prepare_cached("SELECT file, section, at, shown, leaf FROM erased WHERE journal = ?1 AND seq = ?2")?;
        let found = read.query_row(params![fact.journal.0, int(fact.seq)], |row| {
            let counted = match (row.get::<_, Option<i64>>(3)?, row.get::<_, Option<i64>>(4)?) {
                (Some(shown), Some(leaf)) => Some((u64::try_from(shown).unwrap_or_default(), unbits(leaf))),
                _ => None,
            };
            Ok(Erasure { fact, file: FileId(row.get(0)?), section: section_at(row, 1)?, at: uint(row, 2)?, counted })
        });
        Ok(found.optional()?)
    }

    fn add_erasure(&self, erasure: &Erasure) -> Kept<()> {
        let mut insert = self.0.prepare_cached(
            "INSERT INTO erased (journal, seq, file, section, at, shown, leaf) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
             ON CONFLICT (journal, seq) DO NOTHING",
        )?;
        insert.execute(params![
            erasure.fact.journal.0,
            int(erasure.fact.seq),
            erasure.file.0,
            erasure.section.code(),
            int(erasure.at),
            erasure.counted.map(|(shown, _)| int(shown)),
            erasure.counted.map(|(_, leaf)| bits(leaf))
        ])?;
        Ok(())
    }

    fn add_rights_fact(&self, position: Position, bytes: &[u8]) -> Kept<()> {
        let mut insert = self.0.prepare_cached("INSERT INTO rights_fact (position, bytes) VALUES (?1, ?2)")?;
        insert.execute(params![int(position), bytes])?;
        Ok(())
    }

    fn rights_facts(&self, after: Position, upto: Position) -> Kept<Vec<(Position, Vec<u8>)>> {
        let mut read = self.0.prepare_cached(
            "SELECT position, bytes FROM rights_fact WHERE position > ?1 AND position <= ?2 ORDER BY position, id",
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
        let placed = |row: &Row<'_>| -> rusqlite::Result<(Cursor, Run)> {
            let run = run_of(row)?;
            Ok((Cursor { visible: uint(row, RUN_COLUMNS)?, position: run.position, seq: run.seq }, run))
        };
        // A section that was open before the cursor can only follow with what is shown from the cursor on: one index seek.
        let mut read = self.0.prepare_cached(&format!(
            "SELECT {RUN}, max(r.shown, e.since) AS visible
             FROM temp.entitled e CROSS JOIN run r INDEXED BY run_by_section
               ON r.file = e.file AND r.section = e.section AND r.shown >= iif(e.since < ?1, ?1, 0)
             WHERE (r.held = 0 OR ?6) AND (r.journal <> ?4 OR r.back = 1 AND r.held = 0 OR r.position < e.since)
               AND (max(r.shown, e.since), r.position, r.seq) > (?1, ?2, ?3)
             ORDER BY max(r.shown, e.since), r.position, r.seq LIMIT ?5"
        ))?;
        let rows = read.query_map(params![visible, position, seq, own.0, limit, see.held], placed)?;
        let mut out: Vec<(Cursor, Run)> = rows.collect::<Result<_, _>>()?;
        let Some(all) = see.all else { return Ok(out) };
        // Under one date, page order is log order: before it (all, position, seq), from it on (position, position, seq).
        let (from, after) = if cursor.visible < all {
            (0, 0)
        } else if cursor.visible == all || cursor.position == cursor.visible {
            (cursor.position, cursor.seq)
        } else {
            (cursor.visible, 0)
        };
        let rest = "NOT EXISTS (SELECT 1 FROM temp.entitled e WHERE e.file = r.file AND e.section = r.section)";
        let mut read = self.0.prepare_cached(&format!(
            "SELECT {RUN}, max(r.position, ?5) FROM run r
             WHERE (r.position, r.seq) > (?1, ?2) AND r.shown = r.position AND (r.held = 0 OR ?6)
               AND (r.journal <> ?3 OR r.back = 1 AND r.held = 0 OR r.position < ?5) AND {rest}
             ORDER BY r.position, r.seq LIMIT ?4"
        ))?;
        let rows = read.query_map(params![int(from), int(after), own.0, limit, int(all), see.held], placed)?;
        out.extend(rows.collect::<Result<Vec<_>, _>>()?);
        // What was let through later stands where it was let through, and what is held of a journal where that was.
        let least = if cursor.visible <= all { 0 } else { cursor.visible };
        let mut read = self.0.prepare_cached(&format!(
            "SELECT {RUN}, max(r.shown, ?5) FROM run r INDEXED BY run_released
             WHERE r.shown > r.position AND r.shown >= ?6 AND {rest}
               AND (r.held = 0 OR ?7 AND (r.journal <> ?8 OR r.position < ?5))
               AND (max(r.shown, ?5), r.position, r.seq) > (?1, ?2, ?3)
             ORDER BY max(r.shown, ?5), r.position, r.seq LIMIT ?4"
        ))?;
        let rows =
            read.query_map(params![visible, position, seq, limit, int(all), int(least), see.held, own.0], placed)?;
        out.extend(rows.collect::<Result<Vec<_>, _>>()?);
        out.sort_by_key(|(at, _)| *at);
        out.truncate(most);
        Ok(out)
    }

    fn sum(&self, see: &Entitled, upto: Position) -> Kept<Sum> {
        self.entitle(see)?;
        let mut sum = Sum::default();
        let open =
            ["", " AND NOT EXISTS (SELECT 1 FROM temp.entitled e WHERE e.file = r.file AND e.section = r.section)"];
        let sections = "temp.entitled e CROSS JOIN";
        let on = "ON r.file = e.file AND r.section = e.section";
        let mut ask = |from: &str, rest: &str| -> Kept<()> {
            let mut read = self.0.prepare_cached(&from.replace("{rest}", rest))?;
            let mut rows = read.query(params![int(upto)])?;
            while let Some(row) = rows.next()? {
                let (facts, leaves): (i64, u64) = (row.get(0)?, unbits(row.get(1)?));
                if let Ok(facts) = u64::try_from(facts) {
                    sum.count = sum.count.saturating_add(facts);
                    sum.leaves = sum.leaves.wrapping_add(leaves);
                } else {
                    sum.count = sum.count.saturating_sub(1);
                    sum.leaves = sum.leaves.wrapping_sub(leaves);
                }
            }
            Ok(())
        };
        let runs = "WHERE r.held = 0 AND r.shown <= ?1{rest}";
        let erased = "WHERE r.shown <= ?1 AND r.at <= ?1{rest}";
        let [none, others] = open;
        let by_section = "INDEXED BY run_by_section";
        ask(&format!("SELECT r.facts, r.leaves FROM {sections} run r {by_section} {on} {runs}"), none)?;
        ask(&format!("SELECT -1, r.leaf FROM {sections} erased r INDEXED BY erased_by_section {on} {erased}"), none)?;
        if see.all.is_some() {
            ask(&format!("SELECT r.facts, r.leaves FROM run r {runs}"), others)?;
            ask(&format!("SELECT -1, r.leaf FROM erased r {erased}"), others)?;
        }
        Ok(sum)
    }

    fn erased_after(&self, device: DeviceId, position: Position) -> Kept<Vec<(FileId, Section, FactId)>> {
        let mut read = self.0.prepare_cached(
            "SELECT r.file, r.section, r.journal, r.seq FROM erased r
             WHERE r.at > ?1 AND r.journal IN (SELECT j.id FROM journal j WHERE j.device = ?2)",
        )?;
        let rows = read.query_map(params![int(position), device.0], |row| {
            let id = FactId { journal: JournalId(row.get(2)?), seq: uint(row, 3)? };
            Ok((FileId(row.get(0)?), section_at(row, 1)?, id))
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    fn written_after(&self, device: DeviceId, position: Position) -> Kept<Vec<(FileId, Section)>> {
        let mut read = self.0.prepare_cached(
            "SELECT DISTINCT r.file, r.section
             FROM journal j
               CROSS JOIN entry e INDEXED BY entry_by_journal ON e.journal = j.id AND e.position > ?1
               CROSS JOIN run r ON r.position = e.position
             WHERE j.device = ?2 AND r.held = 0
             UNION
             -- What was held and is let through since.
             SELECT r.file, r.section FROM run r
             WHERE r.shown > ?1 AND r.shown > r.position AND r.held = 0
               AND r.journal IN (SELECT j.id FROM journal j WHERE j.device = ?2)",
        )?;
        let rows =
            read.query_map(params![int(position), device.0], |row| Ok((FileId(row.get(0)?), section_at(row, 1)?)))?;
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

    fn papers_of_others(&self, file: FileId, section: Section, device: DeviceId) -> Kept<Vec<(Sha, u64)>> {
        let mut read = self.0.prepare_cached(
            "SELECT b.sha, length(b.bytes) FROM blob_in i JOIN blob b ON b.sha = i.sha
             WHERE i.file = ?1 AND i.section = ?2 AND i.device <> ?3",
        )?;
        let rows =
            read.query_map(params![file.0, section.code(), device.0], |row| Ok((Sha(row.get(0)?), uint(row, 1)?)))?;
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

    fn erase_paper(&self, sha: Sha, file: FileId, section: Section) -> Kept<()> {
        let place = params![sha.0, file.0, section.code()];
        self.0.execute(
            "INSERT INTO erased_paper (sha, file, section) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING",
            place,
        )?;
        self.0.execute("DELETE FROM blob_in WHERE sha = ?1 AND file = ?2 AND section = ?3", place)?;
        self.0.execute(
            "DELETE FROM blob WHERE sha = ?1 AND NOT EXISTS (SELECT 1 FROM blob_in WHERE blob_in.sha = ?1)",
            [sha.0],
        )?;
        Ok(())
    }

    fn paper_erased(&self, sha: Sha, file: FileId, section: Section) -> Kept<bool> {
        let mut read = self.0.prepare_cached(
            "SELECT EXISTS (SELECT 1 FROM erased_paper WHERE sha = ?1 AND file = ?2 AND section = ?3)",
        )?;
        Ok(read.query_row(params![sha.0, file.0, section.code()], |row| row.get(0))?)
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
                    (SELECT count(*) FROM erased),
                    (SELECT count(*) FROM waiting),
                    (SELECT count(*) FROM closed),
                    (SELECT count(*) FROM (SELECT 1 FROM lease GROUP BY kind, year, block HAVING count(*) > 1)),
                    (SELECT count(*) FROM person),
                    (SELECT count(*) FROM device WHERE NOT EXISTS (SELECT 1 FROM revoked WHERE revoked.device = device.id)),
                    (SELECT count(*) FROM invitation WHERE used_at IS NULL AND expires > ?1),
                    (SELECT count(*) FROM blob)",
        )?;
        Ok(read.query_row([now.0], |row| {
            Ok(Counts {
                entries: uint(row, 0)?,
                facts: uint(row, 1)?,
                held: uint(row, 2)?,
                erased: uint(row, 3)?,
                waiting: uint(row, 4)?,
                closed: uint(row, 5)?,
                blocks_twice: uint(row, 6)?,
                people: uint(row, 7)?,
                devices: uint(row, 8)?,
                invitations_open: uint(row, 9)?,
                blobs: uint(row, 10)?,
            })
        })?)
    }
}

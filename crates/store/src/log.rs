//! The log: opening, the own journal, sealing, taking in pages, losing rights. Local and remote facts go one road into
//! log and views. A fact once written is never edited here; only what the county says of its time and place is added.
//!
//! What came sealed is kept as it came, as far as this desk may see it, with its proof: a restored county gets it back,
//! and a page can be checked again. What is not sealed yet stands alone in `open_fact`.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use domain::VerifyingKey;
use domain::clock::{Millis, Received, corrected, tick};
use domain::decision::{Erased, HeldDecided};
use domain::event::{Event, erasable};
use domain::exchange::{Ack, Cursor, Gone, Mark, Page, Sum};
use domain::fact::{Batch, Fact, Row, Salt, Seal, Told, Verified, seal};
use domain::ids::{DeviceId, FactId, FileId, JournalId, PersonId, Sha};
use domain::org::DeviceEnrolled;
use domain::words::Section;
use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension, Transaction, TransactionBehavior, params};
use zeroize::Zeroizing;

use crate::anchor::{Anchor, Head};
use crate::drafts;
use crate::fault::StoreFault;
use crate::file::{self, FileKey};
use crate::filing::{Unfiled, Waiting};
use crate::leaving;
use crate::names::{self, Names};
use crate::restored;
use crate::views::{self, Bulk, Change, Gist, Hot, Numbered, Place};

/// Schema of the log; views carry a version of their own.
const SCHEMA: i64 = 7;
/// The oldest that is read, and brought up to date at opening; those before it were never given to anybody.
const OLDEST: i64 = 4;
/// Facts sealed together at most. A batch is taken in whole, and a save at the desk that takes it waits as long: so fewer
/// than a batch may hold. Bytes differ by a hundredth.
pub const SEALED_AT_ONCE: usize = 128;
/// Largest batch before it is cut, bytes of facts.
const BATCH_BYTES: usize = 1024 * 1024;
/// Facts that wait to be filed at most: a few megabytes. The more of them, the fewer times each family is visited, and a
/// county's day is one visit.
pub const MOST_UNFILED: usize = 40_000;
/// Marks kept of the county log: all of the last contacts, fewer and fewer before.
const MOST_MARKS: usize = 32;

/// A desk's encrypted file.
#[derive(Debug)]
pub struct Store {
    pub(crate) conn: Connection,
    pub(crate) names: Names,
    /// What is in the log and not in the views yet.
    pub(crate) waiting: Waiting,
    /// The facts that parts of the page at hand have named so far.
    named: Vec<i64>,
    anchor: Anchor,
    /// The journal that the anchor named and this file lacked something of when it was opened.
    behind: Option<JournalId>,
    /// Always, but in a measurement of what it costs.
    verifies: bool,
}

/// Why a journal follows another.
#[derive(Clone, Copy)]
enum Why<'a> {
    /// The first one, or this file was put back to before: what the old one has here may be at the county.
    Lost,
    /// The old one was written on elsewhere; what the county has under its names, as far as that is known, by hash.
    Twin(&'a BTreeMap<FactId, Sha>),
    /// The county has these facts (by their present names) under these earlier ones.
    Double(&'a BTreeMap<FactId, FactId>),
}

/// Whether the file is where the anchor says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// As it should be.
    Sound,
    /// The database lacks facts that had been confirmed: restored, rolled back or damaged. A new journal must be opened.
    Behind {
        /// What the anchor remembers.
        anchor: Head,
        /// What the database has of that journal.
        seq: u64,
    },
}

/// Writes facts within one transaction.
pub struct Pen<'a> {
    tx: &'a Transaction<'a>,
    names: &'a mut Names,
    waiting: &'a mut Waiting,
    journal: JournalId,
    no: i64,
    next: u64,
    author: PersonId,
    wall: Millis,
    at: Millis,
    written: Vec<FactId>,
    touched: BTreeSet<i64>,
    last_hash: Option<Sha>,
}

/// What a page did.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Absorbed {
    /// Facts that were new.
    pub facts: u32,
    /// Sections that left.
    pub gone: u32,
    /// Kinds seen that this version does not know.
    pub unknown: u32,
    /// Facts that the county keeps and nobody may see, shown to who decides.
    pub held: u32,
}

impl Absorbed {
    fn add(&mut self, other: &Self) {
        self.facts = self.facts.saturating_add(other.facts);
        self.gone = self.gone.saturating_add(other.gone);
        self.unknown = self.unknown.saturating_add(other.unknown);
        self.held = self.held.saturating_add(other.held);
    }
}

/// SQLite's integers are signed; no count here comes near the edge.
pub(crate) fn int(n: u64) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}

pub(crate) fn uint(n: i64) -> u64 {
    u64::try_from(n).unwrap_or(0)
}

/// The first eight bytes of a leaf, as a column holds them.
fn leaf_bits(leaf: &Sha) -> i64 {
    let mut sum = Sum::default();
    sum.add(leaf);
    i64::from_be_bytes(sum.leaves.to_be_bytes())
}

impl Store {
    /// Opens or makes the file at `path` with its anchor beside it.
    ///
    /// # Errors
    /// [`StoreFault`]; a file of another schema is refused unchanged.
    pub fn open(path: &Path, key: &FileKey, anchor_key: Zeroizing<[u8; 32]>) -> Result<(Self, Standing), StoreFault> {
        Self::with(file::open(path, key)?, path, anchor_key, true)
    }

    /// A store without encryption that believes every seal, to measure what these cost. No product code calls this.
    ///
    /// # Errors
    /// As [`Store::open`].
    #[cfg(feature = "measure")]
    pub fn open_unprotected(path: &Path, anchor_key: Zeroizing<[u8; 32]>) -> Result<(Self, Standing), StoreFault> {
        Self::with(file::open_unprotected(path)?, path, anchor_key, false)
    }

    fn with(
        mut conn: Connection,
        path: &Path,
        anchor_key: Zeroizing<[u8; 32]>,
        verifies: bool,
    ) -> Result<(Self, Standing), StoreFault> {
        let found: i64 = conn.query_row("PRAGMA user_version", [], |row| row.get(0))?;
        if found != 0 && !(OLDEST..=SCHEMA).contains(&found) {
            return Err(StoreFault::Newer { found, known: SCHEMA });
        }
        if found < SCHEMA {
            let tx = conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
            if found == 0 {
                tx.execute_batch(include_str!("log.sql"))?;
            }
            if found < 5 {
                tx.execute_batch(include_str!("drafts.sql"))?;
            }
            if found < 6 {
                tx.execute_batch(include_str!("filed.sql"))?;
            }
            tx.execute_batch(include_str!("lean.sql"))?;
            tx.pragma_update(None, "user_version", SCHEMA)?;
            tx.commit()?;
        }
        conn.set_prepared_statement_cache_capacity(128);
        let (anchor, head) = Anchor::open(&path.with_extension("anchor"), anchor_key)?;
        let mut names = Names::load(&conn)?;
        let waiting = Waiting::load(&conn, &mut names)?;
        let mut store = Self { conn, names, waiting, named: Vec::new(), anchor, behind: None, verifies };
        if store.meta::<i64>("views")?.is_none_or(|version| version != views::VERSION) {
            store.rebuild()?;
        }
        store.file_all()?;
        let standing = match head {
            None => Standing::Sound,
            Some(head) => {
                let no = store.journal_no(head.journal)?;
                let last = no.map_or(Ok(0), |no| last_seq(&store.conn, no))?;
                match store.fact_hash(FactId { journal: head.journal, seq: head.seq })? {
                    Some(hash) if hash == head.hash => Standing::Sound,
                    Some(_) | None if store.sealed_with(head.journal, head.seq)? == Some(head.hash) => Standing::Sound,
                    // Erased after the county had it, with the right to see it.
                    None if no.map_or(Ok(0), |no| sealed_upto(&store.conn, no, true))? >= head.seq => Standing::Sound,
                    // What it names has gone over into a later journal of this very file, and the anchor was not yet
                    // told, or its newer slot is torn. Under that name a twin's work may have come since.
                    Some(_) | None if store.began_later(head.journal)? => Standing::Sound,
                    Some(_) | None => Standing::Behind { anchor: head, seq: last },
                }
            }
        };
        if let Standing::Behind { anchor, .. } = standing {
            store.behind = Some(anchor.journal);
        }
        Ok((store, standing))
    }

    pub(crate) fn journal_no(&self, journal: JournalId) -> Result<Option<i64>, StoreFault> {
        Ok(self
            .conn
            .prepare_cached("SELECT no FROM journal WHERE id = ?1")?
            .query_row(params![journal.0], |row| row.get(0))
            .optional()?)
    }

    /// Whether this desk wrote that journal once and has begun another since.
    fn began_later(&self, journal: JournalId) -> Result<bool, StoreFault> {
        let Some(now) = self.meta::<JournalId>("journal")? else { return Ok(false) };
        let mut later = self.conn.prepare_cached(
            "SELECT 1 FROM journal a JOIN journal b ON b.id = ?2 AND b.no > a.no WHERE a.id = ?1 AND a.own = 1 AND b.own = 1",
        )?;
        Ok(later.exists(params![journal.0, now.0])?)
    }

    /// The hash of the seal that a fact of a journal stands under, if it is sealed.
    fn sealed_with(&self, journal: JournalId, seq: u64) -> Result<Option<Sha>, StoreFault> {
        let Some(no) = self.journal_no(journal)? else { return Ok(None) };
        let (first, last) = names::span(no);
        let bytes: Option<Vec<u8>> = self
            .conn
            .prepare_cached(
                "SELECT bytes FROM sealed WHERE n BETWEEN ?1 AND ?2 AND first <= ?3 AND ?3 < first + count
                 ORDER BY n DESC LIMIT 1",
            )?
            .query_row([first, last, int(seq)], |row| row.get(0))
            .optional()?;
        Ok(bytes.map(|bytes| Batch::parse(&bytes)).transpose()?.map(|batch| batch.seal.hash()))
    }

    /// The hash of a fact's bytes on its own, if it is open here.
    fn fact_hash(&self, id: FactId) -> Result<Option<Sha>, StoreFault> {
        let Some(n) = self.names.known_fact(id) else { return Ok(None) };
        Ok(bodies_by(&self.conn, &[n], leaving::HERE_OR_LEFT)?.pop().map(|fact| Sha::of(&fact.bytes())))
    }

    /// Lets the file grow by so many pages at most until it is opened again, as on a disk that is nearly full: what would
    /// need more fails as it does there, and nothing of it is kept.
    ///
    /// # Errors
    /// [`StoreFault`].
    pub fn keep_to(&self, pages: u32) -> Result<(), StoreFault> {
        let now: i64 = self.conn.query_row("PRAGMA page_count", [], |row| row.get(0))?;
        let most = now.saturating_add(i64::from(pages));
        self.conn.query_row(&format!("PRAGMA max_page_count = {most}"), [], |_| Ok(()))?;
        Ok(())
    }

    /// A small value kept beside the log.
    ///
    /// # Errors
    /// [`StoreFault`].
    pub fn meta<T: serde::de::DeserializeOwned>(&self, key: &str) -> Result<Option<T>, StoreFault> {
        meta(&self.conn, key)
    }

    /// Keeps a small value.
    ///
    /// # Errors
    /// [`StoreFault`].
    pub fn set_meta<T: serde::Serialize>(&mut self, key: &str, value: &T) -> Result<(), StoreFault> {
        set_meta(&self.conn, key, value)
    }

    /// Makes `journal` the one this desk writes from now on. What the desk wrote and the county does not have yet goes
    /// over into it, under new names: under the old one another desk may have written. What went over is remembered
    /// until [`Store::double`] has looked at it.
    ///
    /// # Errors
    /// [`StoreFault`].
    pub fn open_journal(&mut self, journal: JournalId, device: DeviceId, key: &VerifyingKey) -> Result<(), StoreFault> {
        self.go_over(journal, device, key, Why::Lost)
    }

    /// As [`Store::open_journal`], where the county has other work under this desk's journal: its disk was copied, or put back
    /// to before. What was erased here before it was known to be sent stays behind. If `there`, what the county has under
    /// the old names, holds it byte for byte, the erasure goes on naming it. Else that name is a copy's now, or will be: no
    /// erasure names it any more, for the other's work is not to go.
    ///
    /// # Errors
    /// [`StoreFault`].
    pub fn leave_twin(
        &mut self,
        journal: JournalId,
        device: DeviceId,
        key: &VerifyingKey,
        there: &[Fact],
    ) -> Result<(), StoreFault> {
        self.go_over(journal, device, key, Why::Twin(&hashes(there)))
    }

    /// As [`Store::open_journal`], but for the facts (by their present names) that the county has under these earlier
    /// ones: of those nothing goes over. Nothing is remembered.
    ///
    /// # Errors
    /// [`StoreFault`].
    pub fn leave_double(
        &mut self,
        journal: JournalId,
        device: DeviceId,
        key: &VerifyingKey,
        double: &BTreeMap<FactId, FactId>,
    ) -> Result<(), StoreFault> {
        self.go_over(journal, device, key, Why::Double(double))
    }

    fn go_over(
        &mut self,
        journal: JournalId,
        device: DeviceId,
        key: &VerifyingKey,
        why: Why<'_>,
    ) -> Result<(), StoreFault> {
        let old: Option<JournalId> = self.meta("journal")?;
        let behind = self.behind;
        let head = self.within(|tx, names| {
            // Begun here too, after what this file was put back to. Remembered as earlier than the new one: the anchor names
            // it once more if its newer slot is torn, and a file that is as it should be would be found behind again.
            if let Some(behind) = behind {
                let earlier = names.journal(tx, behind)?;
                tx.execute("UPDATE journal SET own = 1 WHERE no = ?1", [earlier])?;
            }
            let no = names.journal(tx, journal)?;
            tx.execute(
                "UPDATE journal SET device = ?2, key = ?3, own = 1 WHERE no = ?1",
                params![no, device.0, key.to_bytes()],
            )?;
            set_meta(tx, "journal", &journal)?;
            match old {
                Some(old) if old != journal => carry_over(tx, names, old, journal, why),
                Some(_) | None => Ok(None),
            }
        })?;
        self.behind = None;
        // Also with nothing in it yet: else the anchor went on naming the old journal, and a file that was found behind
        // once would be found so, and begin another journal, at every opening until something is written.
        if old != Some(journal) {
            let (seq, hash) = head.unwrap_or((0, Sha([0; 32])));
            self.anchor.set(journal, seq, hash)?;
        }
        Ok(())
    }

    /// One transaction over log and views, in which nothing waits to be filed.
    pub(crate) fn within<T>(
        &mut self,
        work: impl FnOnce(&Transaction<'_>, &mut Names) -> Result<T, StoreFault>,
    ) -> Result<T, StoreFault> {
        self.file_all()?;
        self.plainly(|tx, names, _| work(tx, names))
    }

    /// One transaction. Names given in a failed one are forgotten, and what it filed waits as before.
    pub(crate) fn plainly<T>(
        &mut self,
        work: impl FnOnce(&Transaction<'_>, &mut Names, &mut Waiting) -> Result<T, StoreFault>,
    ) -> Result<T, StoreFault> {
        self.remember()?;
        let tx = self.conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let done = work(&tx, &mut self.names, &mut self.waiting).and_then(|done| Ok(tx.commit().map(|()| done)?));
        if done.is_err() {
            self.recall()?;
        }
        done
    }

    /// What waits is read from the file again where it is not known to be what memory says.
    pub(crate) fn remember(&mut self) -> Result<(), StoreFault> {
        if self.waiting.in_doubt() { self.recall() } else { Ok(()) }
    }

    /// What a failed transaction said of names and of what waits is forgotten.
    fn recall(&mut self) -> Result<(), StoreFault> {
        self.waiting.doubt();
        self.names = Names::load(&self.conn)?;
        self.waiting = Waiting::load(&self.conn, &mut self.names)?;
        Ok(())
    }

    /// Trusts `key` for `journal`: the county master's own, told at enrolment.
    ///
    /// # Errors
    /// [`StoreFault`].
    pub fn trust_master(&mut self, journal: JournalId, key: &VerifyingKey) -> Result<(), StoreFault> {
        self.within(|tx, names| {
            let no = names.journal(tx, journal)?;
            tx.execute(
                "UPDATE journal SET device = ?2, key = ?3 WHERE no = ?1 AND key IS NULL",
                params![no, MASTER, key.to_bytes()],
            )?;
            set_meta(tx, "master", &journal)
        })
    }

    /// The journal this desk writes.
    ///
    /// # Errors
    /// [`StoreFault`]; `Corrupt` before the first one was opened.
    pub fn journal(&self) -> Result<JournalId, StoreFault> {
        self.meta("journal")?.ok_or(StoreFault::Corrupt { what: "meta.journal" })
    }

    /// First and last number of the facts of the journal this desk writes.
    pub(crate) fn own(&self) -> Result<(i64, i64), StoreFault> {
        let journal = self.journal()?;
        Ok(names::span(self.journal_no(journal)?.ok_or(StoreFault::Corrupt { what: "meta.journal" })?))
    }

    /// Writes facts in one transaction, then the anchor; when this returns they are on the disk.
    ///
    /// # Errors
    /// What `work` says, or [`StoreFault`]; then nothing was written.
    pub fn write<T, E: From<StoreFault>>(
        &mut self,
        author: &PersonId,
        wall: Millis,
        work: impl FnOnce(&mut Pen<'_>) -> Result<T, E>,
    ) -> Result<(T, Vec<FactId>), E> {
        let result = self.write_inner(author, wall, work);
        if result.is_err() {
            self.recall().map_err(E::from)?;
        }
        let (value, written, head) = result?;
        if let (Some(id), Some(hash)) = (written.last(), head) {
            self.anchor.set(id.journal, id.seq, hash).map_err(|error| E::from(StoreFault::Anchor(error)))?;
        }
        Ok((value, written))
    }

    fn write_inner<T, E: From<StoreFault>>(
        &mut self,
        author: &PersonId,
        wall: Millis,
        work: impl FnOnce(&mut Pen<'_>) -> Result<T, E>,
    ) -> Result<(T, Vec<FactId>, Option<Sha>), E> {
        let sql = |error: rusqlite::Error| E::from(StoreFault::Sqlite(error));
        self.remember().map_err(E::from)?;
        let journal = self.journal().map_err(E::from)?;
        let tx = self.conn.transaction_with_behavior(TransactionBehavior::Immediate).map_err(sql)?;
        let no = self.names.journal(&tx, journal).map_err(E::from)?;
        let last = last_seq(&tx, no).map_err(E::from)?;
        let last_n = names::fact_no(no, last).map_err(E::from)?;
        let last_at: Option<i64> =
            tx.query_row("SELECT at FROM fact WHERE n = ?1", [last_n], |row| row.get(0)).optional().map_err(sql)?;
        let offset = meta::<i64>(&tx, "offset").map_err(E::from)?.unwrap_or(0);
        let seen = meta::<Millis>(&tx, "seen").map_err(E::from)?;
        // Below a second nothing happens at a door, and the log is a third smaller without.
        let wall = Millis(wall.0.div_euclid(1000).saturating_mul(1000));
        let at = tick(wall, offset, seen, last_at.map(Millis));
        let mut pen = Pen {
            tx: &tx,
            names: &mut self.names,
            waiting: &mut self.waiting,
            journal,
            no,
            next: last.saturating_add(1),
            author: author.clone(),
            wall,
            at,
            written: Vec::new(),
            touched: BTreeSet::new(),
            last_hash: None,
        };
        let value = work(&mut pen)?;
        let Pen { written, touched, last_hash, .. } = pen;
        for file in touched {
            views::line(&tx, file).map_err(E::from)?;
        }
        tx.commit().map_err(sql)?;
        Ok((value, written, last_hash))
    }

    /// Seals what is not sealed yet into one batch, signed with `key`; `seed` is fresh randomness. True if there is more than
    /// one batch holds.
    ///
    /// # Errors
    /// [`StoreFault`].
    pub fn seal_open(&mut self, key: &domain::SigningKey, seen: u64, seed: &Salt) -> Result<bool, StoreFault> {
        let journal = self.journal()?;
        let sealed = self.within(|tx, names| {
            let no = names.journal(tx, journal)?;
            let (first, last) = names::span(no);
            let previous: Option<Seal> = tx
                .query_row(
                    "SELECT bytes FROM sealed WHERE n BETWEEN ?1 AND ?2 ORDER BY n DESC LIMIT 1",
                    [first, last],
                    |row| row.get::<_, Vec<u8>>(0),
                )
                .optional()?
                .map(|bytes| Batch::parse(&bytes).map(|batch| batch.seal))
                .transpose()?;
            let mut facts: Vec<Fact> = Vec::new();
            let mut bytes = 0_usize;
            let mut more = false;
            {
                let mut find =
                    tx.prepare_cached("SELECT bytes FROM open_fact WHERE n BETWEEN ?1 AND ?2 ORDER BY n LIMIT ?3")?;
                let most = i64::try_from(SEALED_AT_ONCE).unwrap_or(i64::MAX);
                let mut rows = find.query(params![first, last, most.saturating_add(1)])?;
                while let Some(row) = rows.next()? {
                    let raw: Vec<u8> = row.get(0)?;
                    bytes = bytes.saturating_add(raw.len());
                    if facts.len() == SEALED_AT_ONCE || (bytes > BATCH_BYTES && !facts.is_empty()) {
                        more = true;
                        break;
                    }
                    facts.push(Fact::parse(&raw)?);
                }
            }
            if facts.is_empty() {
                return Ok(None);
            }
            let batch = seal(&facts, previous.as_ref(), seen, seed, key)?;
            put_batch(tx, no, &batch, None)?;
            for (seq, row) in batch.rows() {
                // What was erased before it was sent is sealed with the rest and no longer counted.
                tx.prepare_cached(
                    "UPDATE entry SET batch = ?2,
                       leaf = CASE WHEN EXISTS (SELECT 1 FROM erased WHERE n = ?1) THEN NULL ELSE ?3 END
                     WHERE n = ?1",
                )?
                .execute(params![
                    names::fact_no(no, seq)?,
                    int(batch.seal.batch),
                    leaf_bits(&row.leaf())
                ])?;
            }
            let end = names::fact_no(no, batch.seal.end())?;
            tx.prepare_cached("DELETE FROM open_fact WHERE n BETWEEN ?1 AND ?2 AND n < ?3")?
                .execute([first, last, end])?;
            leaving::sealed(tx, (first, end), names::fact_no(no, batch.seal.batch)?)?;
            Ok(Some((batch.seal, more)))
        })?;
        let Some((seal, more)) = sealed else { return Ok(false) };
        if !more {
            // A database put back to before would seal the same facts once more, under the same number.
            self.anchor.set(journal, seal.end().saturating_sub(1), seal.hash())?;
        }
        Ok(more)
    }

    /// How many batches the own journal has.
    ///
    /// # Errors
    /// [`StoreFault`].
    pub fn batches(&self) -> Result<u64, StoreFault> {
        let own = self.own()?;
        let n: Option<i64> = self
            .conn
            .prepare_cached("SELECT max(n) FROM batch WHERE n BETWEEN ?1 AND ?2")?
            .query_row(own, |row| row.get(0))?;
        Ok(n.map_or(0, names::seq_of))
    }

    /// The hash of the seal of an own batch.
    ///
    /// # Errors
    /// [`StoreFault`].
    pub fn last_seal(&self, number: u64) -> Result<Option<Sha>, StoreFault> {
        let (first, _) = self.own()?;
        let bytes: Option<Vec<u8>> = self
            .conn
            .prepare_cached("SELECT bytes FROM sealed WHERE n = ?1")?
            .query_row([first.saturating_add(int(number))], |row| row.get(0))
            .optional()?;
        Ok(bytes.map(|bytes| Batch::parse(&bytes)).transpose()?.map(|batch| batch.seal.hash()))
    }

    /// Own batches that the county has not acknowledged, each with its number, from `number` on, up to about `most` bytes
    /// but at least one. The county may have them all the same: its answer was lost, or they came to it by hand.
    ///
    /// # Errors
    /// [`StoreFault`].
    pub fn unacknowledged(&self, number: u64, most: usize) -> Result<Vec<(u64, Vec<u8>)>, StoreFault> {
        let (first, last) = self.own()?;
        let mut find = self
            .conn
            .prepare_cached("SELECT n, bytes FROM sealed WHERE n BETWEEN ?1 AND ?2 AND position IS NULL ORDER BY n")?;
        let mut rows = find.query([first.saturating_add(int(number)), last])?;
        let mut out: Vec<(u64, Vec<u8>)> = Vec::new();
        let mut bytes = 0_usize;
        while let Some(row) = rows.next()? {
            let (n, raw): (i64, Vec<u8>) = (row.get(0)?, row.get(1)?);
            bytes = bytes.saturating_add(raw.len());
            if bytes > most && !out.is_empty() {
                break;
            }
            out.push((names::seq_of(n), raw));
        }
        Ok(out)
    }

    /// Notes what the county says of own batches, and the log as of their places (`head`). Corrected times may move, and
    /// what the county does not let through has no effect: views that depend on either are made anew.
    ///
    /// # Errors
    /// [`StoreFault`].
    pub fn acknowledged(&mut self, acks: &[Ack], head: Mark) -> Result<u32, StoreFault> {
        let journal = self.journal()?;
        let anew = self.anew()?;
        self.within(|tx, names| {
            let no = names.journal(tx, journal)?;
            let mut held = 0_u32;
            let mut again = BTreeSet::new();
            let mut lines = BTreeSet::new();
            for ack in acks {
                let n = names::fact_no(no, ack.batch)?;
                let bytes: Option<Vec<u8>> = tx
                    .prepare_cached("SELECT bytes FROM sealed WHERE n = ?1")?
                    .query_row([n], |row| row.get(0))
                    .optional()?;
                let Some(bytes) = bytes else { continue };
                tx.prepare_cached("UPDATE batch SET position = max(?2, coalesce(position, 0)) WHERE n = ?1")?
                    .execute(params![n, int(ack.position)])?;
                // A batch travels whole or not at all: what was erased before the county had it goes now.
                let erased = erased_among(tx, no, &bytes)?;
                if !erased.is_empty() {
                    prune_batch(tx, n, |seq, _| !erased.contains(&seq))?;
                }
                for verified in Batch::stored(&bytes)?.facts()? {
                    let fact = &verified.fact;
                    let n = names::fact_no(no, fact.id.seq)?;
                    let is_held = ack.held.contains(&fact.id.seq);
                    held = held.saturating_add(u32::from(is_held));
                    let at = corrected(fact.wall, ack.received);
                    let before: Option<(bool, i64, bool)> = tx
                        .prepare_cached("SELECT held, at, position IS NULL FROM fact WHERE n = ?1")?
                        .query_row([n], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
                        .optional()?;
                    let Some((was_held, was_at, only_here)) = before else { continue };
                    if anew {
                        restored::named_by_ack(tx, n, only_here && !is_held)?;
                    }
                    // Parts of a batch may have come in others' hands before: a page has told their own place and time.
                    let at = if only_here { at } else { Millis(was_at) };
                    tx.prepare_cached(
                        "UPDATE entry SET position = coalesce(position, ?2), held = ?3, at = ?4 WHERE n = ?1",
                    )?
                    .execute(params![n, int(ack.position), is_held, at.0])?;
                    let file = names.file(tx, fact.file)?;
                    if was_held != is_held {
                        again.insert(file);
                    } else if was_at != at.0 {
                        lines.insert(file);
                    }
                }
            }
            for file in &again {
                refold(tx, names, *file)?;
            }
            for file in lines.difference(&again) {
                views::line(tx, *file)?;
            }
            keep_mark(tx, head)?;
            Ok(held)
        })
    }

    /// Takes in a page: erases what is gone, verifies every batch, stores what is new, moves the cursor. One transaction,
    /// but where a batch says something of what came before it: that is filed first. What came is in the log then; it is in the views once [`Store::file_some`] has filed it, which this does for the last
    /// page of a reading and whenever much of it waits.
    ///
    /// # Errors
    /// [`StoreFault`]; then nothing of the page was taken. `OtherPage` for one that does not begin where this desk stands:
    /// what lies between would be skipped for ever.
    pub fn absorb(&mut self, page: &Page) -> Result<Absorbed, StoreFault> {
        let (mut out, mut from) = (Absorbed::default(), Some(0));
        while let Some(at) = from {
            let (absorbed, next) = self.absorb_part(page, at, usize::MAX)?;
            out.add(&absorbed);
            if next == from {
                self.file_all()?;
            }
            from = next;
        }
        if !page.more || self.unfiled() >= MOST_UNFILED {
            self.file_all()?;
        }
        Ok(out)
    }

    /// As [`Store::absorb`], of the page's deliveries from one on until so many facts came, and which is the next; none
    /// once the page is whole. A part is one transaction: a save in between waits for a part and not for a page. The cursor
    /// moves with the last one, so a page that is broken off comes again, and what is here of it is met as known. What does
    /// not come again, for the right to it went meanwhile, is told by nobody: what is gone is told as of the cursor. So what
    /// a part brought is `stale` until a whole page names it, and goes at the end of a reading if none did. When to
    /// file is the caller's to say, but where the next delivery is the first again: what waits must be filed before it.
    ///
    /// # Errors
    /// [`StoreFault`]; then nothing of this part was taken.
    pub fn absorb_part(
        &mut self,
        page: &Page,
        from: usize,
        facts: usize,
    ) -> Result<(Absorbed, Option<usize>), StoreFault> {
        let master: JournalId = self.meta("master")?.ok_or(StoreFault::Corrupt { what: "meta.master" })?;
        let own = self.journal()?;
        let verifies = self.verifies;
        if page.from != self.cursor()? {
            return Err(StoreFault::OtherPage);
        }
        let anew = self.anew()?;
        if anew || !page.gone.is_empty() || !page.erased.is_empty() {
            self.file_all()?;
        }
        let mut named = if from == 0 { Vec::new() } else { std::mem::take(&mut self.named) };
        let earlier = named.len();
        let done = self.plainly(|tx, names, waiting| {
            let mut taking = Taking {
                tx,
                hot: Hot::new(tx)?,
                entries: Bulk::new(tx, views::INTO_ENTRY),
                unknown: Vec::new(),
                named: &mut named,
                fresh: Vec::new(),
                names,
                waiting,
                verifies,
                anew,
                master,
                out: Absorbed::default(),
                replaced: BTreeSet::new(),
                lines: BTreeSet::new(),
                again: BTreeSet::new(),
            };
            // First what is gone: a section lost and regained comes again whole in this or a later page.
            for gone in page.gone.iter().filter(|_| from == 0) {
                let left = leaving::forget(tx, taking.names, gone, own)?;
                taking.out.gone = taking.out.gone.saturating_add(left);
            }
            leaving::erased(tx, taking.names, if from == 0 { &page.erased } else { &[] })?;
            let (mut taken, mut came) = (from, 0_usize);
            for delivery in page.deliveries.iter().skip(from) {
                if came >= facts {
                    break;
                }
                let took = taking.delivery(&delivery.batch, delivery.position, delivery.received, &delivery.held)?;
                let Some(count) = took else { break };
                (taken, came) = (taken.saturating_add(1), came.saturating_add(count));
            }
            taking.logged()?;
            let next = Some(taken).filter(|taken| *taken < page.deliveries.len());
            if next.is_some() {
                leaving::begun(tx, &taking.fresh)?;
            } else {
                leaving::named(tx, taking.named)?;
            }
            let unnamed = next.is_none() && !page.more && leaving::any_unnamed(tx)?;
            // Own work that a decision of this very page let through, in a section that is lost, goes with it.
            let lost: Vec<&Gone> = page.gone.iter().filter(|gone| next.is_none() && gone.regained.is_none()).collect();
            if unnamed || !lost.is_empty() {
                taking.waiting.file(tx, usize::MAX)?;
            }
            let Taking { names, mut out, lines, again, .. } = taking;
            for gone in lost {
                out.gone = out.gone.saturating_add(leaving::forget(tx, names, gone, own)?);
            }
            for file in &again {
                refold(tx, names, *file)?;
            }
            for file in lines.difference(&again) {
                views::line(tx, *file)?;
            }
            // Of every part, not of the last alone: whatever a desk has of the log is below its newest mark.
            keep_mark(tx, page.head)?;
            if next.is_none() {
                set_meta(tx, "cursor", &page.next.bytes())?;
                set_meta(tx, "head", &page.head.position)?;
                if anew && !page.more {
                    out.gone = out.gone.saturating_add(restored::settle(tx, names)?);
                } else if unnamed {
                    out.gone = out.gone.saturating_add(leaving::unnamed(tx, names)?);
                }
            }
            if out.gone > 0 {
                drafts::leave(tx)?;
            }
            Ok((out, next))
        });
        match &done {
            Ok((_, Some(_))) => self.named = named,
            Ok((_, None)) => {}
            // Of this part nothing was taken: it may be tried again.
            Err(_) => {
                named.truncate(earlier);
                self.named = named;
            }
        }
        done
    }

    /// What the desk knows of the county log, newest first.
    ///
    /// # Errors
    /// [`StoreFault`].
    pub fn marks(&self) -> Result<Vec<Mark>, StoreFault> {
        let mut find = self.conn.prepare_cached("SELECT position, chain FROM mark ORDER BY position DESC")?;
        let marks = find
            .query_map([], |row| Ok(Mark { position: uint(row.get(0)?), chain: row.get(1)? }))?
            .collect::<Result<_, _>>()?;
        Ok(marks)
    }

    /// How far this desk has read what it may see.
    ///
    /// # Errors
    /// [`StoreFault`].
    pub fn cursor(&self) -> Result<Cursor, StoreFault> {
        match self.meta::<Vec<u8>>("cursor")? {
            Some(bytes) => Ok(Cursor::parse(&bytes)?),
            None => Ok(Cursor::default()),
        }
    }

    /// Starts reading from the beginning again: what is already here is met as known.
    ///
    /// # Errors
    /// [`StoreFault`].
    pub fn reset_cursor(&mut self) -> Result<(), StoreFault> {
        self.set_meta("cursor", &Cursor::default().bytes())
    }

    /// Adds facts that the county let through, own ones included, to the sum for the close of an exchange: so many rows
    /// after a number. Returns the number to go on after, none at the end. It reads the whole file, so it goes in steps, and
    /// a save need not wait for all of them; what is saved meanwhile is not in the county and does not count.
    ///
    /// # Errors
    /// [`StoreFault`].
    pub fn add_to_sum(&self, sum: &mut Sum, after: i64, rows: u32) -> Result<Option<i64>, StoreFault> {
        let mut find = self.conn.prepare_cached(
            "SELECT n, iif(position IS NULL OR held = 1, NULL, leaf) FROM entry WHERE n > ?1 ORDER BY n LIMIT ?2",
        )?;
        let mut found = find.query([after, i64::from(rows)])?;
        let (mut count, mut last) = (0_u32, after);
        while let Some(row) = found.next()? {
            (count, last) = (count.saturating_add(1), row.get(0)?);
            if let Some(bits) = row.get::<_, Option<i64>>(1)? {
                sum.count = sum.count.saturating_add(1);
                sum.leaves = sum.leaves.wrapping_add(u64::from_be_bytes(bits.to_be_bytes()));
            }
        }
        Ok(Some(last).filter(|_| count == rows))
    }

    /// All of it at once.
    ///
    /// # Errors
    /// [`StoreFault`].
    pub fn sum(&self) -> Result<Sum, StoreFault> {
        let (mut sum, mut after) = (Sum::default(), Some(i64::MIN));
        while let Some(number) = after {
            after = self.add_to_sum(&mut sum, number, u32::MAX)?;
        }
        Ok(sum)
    }

    /// Makes all views anew from the log.
    ///
    /// # Errors
    /// [`StoreFault`]; then the old views stand.
    pub fn rebuild(&mut self) -> Result<(), StoreFault> {
        self.plainly(|tx, names, waiting| {
            *waiting = Waiting::default();
            views::empty(tx)?;
            let mut hot = Hot::new(tx)?;
            let mut lay = |no: i64, fact: &Fact| -> Result<(), StoreFault> {
                let n = names::fact_no(no, fact.id.seq)?;
                let event = Event::read(&fact.kind, &fact.body).ok().flatten();
                tx.prepare_cached("UPDATE entry SET known = ?2 WHERE n = ?1 AND known <> ?2")?
                    .execute(params![n, event.is_some()])?;
                let effective = tx
                    .prepare_cached(
                        "SELECT 1 FROM fact WHERE n = ?1 AND held = 0 AND NOT EXISTS (SELECT 1 FROM erased WHERE n = ?1)",
                    )?
                    .exists([n])?;
                if effective {
                    let file = names.file(tx, fact.file)?;
                    views::lay(&mut hot, names, &Numbered { n, file, event: event.as_ref() }, fact)?;
                }
                Ok(())
            };
            let mut find = tx.prepare("SELECT n, bytes FROM sealed ORDER BY n")?;
            let mut rows = find.query([])?;
            while let Some(row) = rows.next()? {
                let (n, bytes): (i64, Vec<u8>) = (row.get(0)?, row.get(1)?);
                for verified in Batch::stored(&bytes)?.facts()? {
                    lay(names::journal_of(n), &verified.fact)?;
                }
            }
            let mut find = tx.prepare("SELECT n, bytes FROM open_fact ORDER BY n")?;
            let mut rows = find.query([])?;
            while let Some(row) = rows.next()? {
                let (n, bytes): (i64, Vec<u8>) = (row.get(0)?, row.get(1)?);
                lay(names::journal_of(n), &Fact::parse(&bytes)?)?;
            }
            let files: Vec<i64> = tx
                .prepare("SELECT DISTINCT file FROM fact ORDER BY file")?
                .query_map([], |row| row.get(0))?
                .collect::<Result<_, _>>()?;
            for file in files {
                views::fold(tx, file)?;
            }
            set_meta(tx, "views", &views::VERSION)
        })
    }

    /// All views as text, in an order of their own: equal before and after a rebuild.
    ///
    /// # Errors
    /// [`StoreFault`].
    pub fn dump_views(&self) -> Result<String, StoreFault> {
        views::dump(&self.conn)
    }

    /// Checks the whole file: pages, and every fact against what was sealed. Returns how many facts there are.
    ///
    /// # Errors
    /// [`StoreFault`]; `Corrupt` names what is wrong.
    pub fn check(&self) -> Result<u64, StoreFault> {
        let ok: String = self.conn.query_row("PRAGMA integrity_check", [], |row| row.get(0))?;
        if ok != "ok" {
            return Err(StoreFault::Corrupt { what: "the file's pages" });
        }
        let keys: BTreeMap<i64, Option<[u8; 32]>> = self
            .conn
            .prepare("SELECT no, key FROM journal")?
            .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?
            .collect::<Result<_, _>>()?;
        let mut count = 0_u64;
        let mut find = self.conn.prepare("SELECT n, bytes FROM sealed")?;
        let mut rows = find.query([])?;
        let mut row_of = self.conn.prepare("SELECT leaf FROM fact WHERE n = ?1 AND batch = ?2")?;
        // Erased, and whole until the county has its batch; or left, and kept for a county that may be restored.
        let mut waits = self.conn.prepare(
            "SELECT 1 FROM erased e JOIN fact f ON f.n = e.n WHERE e.n = ?1 AND f.position IS NULL AND f.leaf IS NULL
             UNION ALL SELECT 1 FROM leaving WHERE n = ?1",
        )?;
        while let Some(row) = rows.next()? {
            let (n, bytes): (i64, Vec<u8>) = (row.get(0)?, row.get(1)?);
            let no = names::journal_of(n);
            let key = keys.get(&no).copied().flatten().and_then(|key| VerifyingKey::from_bytes(&key).ok());
            let key = key.ok_or(StoreFault::Corrupt { what: "a journal's key" })?;
            let batch = Batch::parse(&bytes)?;
            for verified in batch.verify(&key)? {
                let n = names::fact_no(no, verified.fact.id.seq)?;
                if waits.exists([n])? {
                    continue;
                }
                let leaf: Option<i64> =
                    row_of.query_row(params![n, int(batch.seal.batch)], |row| row.get(0)).optional()?.flatten();
                if leaf != Some(leaf_bits(&verified.leaf)) {
                    return Err(StoreFault::Corrupt { what: "a fact's row" });
                }
                count = count.saturating_add(1);
            }
        }
        let mut find = self.conn.prepare("SELECT n, bytes FROM open_fact")?;
        let mut rows = find.query([])?;
        while let Some(row) = rows.next()? {
            let (n, bytes): (i64, Vec<u8>) = (row.get(0)?, row.get(1)?);
            if Fact::parse(&bytes)?.id.seq != names::seq_of(n) {
                return Err(StoreFault::Corrupt { what: "a fact's name" });
            }
            if !waits.exists([n])? {
                count = count.saturating_add(1);
            }
        }
        let rows: i64 =
            self.conn
                .query_row("SELECT count(*) FROM fact WHERE n NOT IN (SELECT n FROM erased)", [], |row| row.get(0))?;
        // Each once, and each where the log has it.
        let astray = "SELECT 1 WHERE (SELECT count(*) FROM entry) <> (SELECT count(DISTINCT n) FROM filed)
             OR (SELECT count(*) FROM entry) <> (SELECT count(*) FROM filed)
             UNION ALL SELECT 1 FROM filed x WHERE NOT EXISTS (SELECT 1 FROM entry e WHERE e.n = x.n AND e.file = x.file)";
        if self.waiting.len() == 0 && self.conn.prepare(astray)?.exists([])? {
            return Err(StoreFault::Corrupt { what: "a fact that is not filed" });
        }
        if uint(rows) == count { Ok(count) } else { Err(StoreFault::Corrupt { what: "a fact without its bytes" }) }
    }
}

impl Pen<'_> {
    /// Writes one fact; `replaces` names the live facts that the form showed.
    ///
    /// # Errors
    /// [`StoreFault`].
    pub fn record(
        &mut self,
        file: FileId,
        section: Section,
        event: &Event,
        replaces: Vec<FactId>,
    ) -> Result<FactId, StoreFault> {
        let id = FactId { journal: self.journal, seq: self.next };
        let fact = Fact {
            id,
            file,
            section,
            wall: self.wall,
            author: self.author.clone(),
            kind: event.kind().to_owned(),
            replaces,
            body: event.body()?,
        };
        let bytes = fact.bytes();
        self.last_hash = Some(Sha::of(&bytes));
        let n = names::fact_no(self.no, id.seq)?;
        let no = self.names.file(self.tx, file)?;
        self.tx.prepare_cached("INSERT INTO open_fact (n, bytes) VALUES (?1, ?2)")?.execute(params![n, bytes])?;
        let row = Numbered { n, file: no, event: Some(event) };
        let mut hot = Hot::new(self.tx)?;
        let targets = views::targets(self.tx, self.names, &fact.replaces)?;
        let place = Place { at: self.at, position: None, held: false, sealed: None };
        hot.log(self.names, &row, (section, &fact.kind, &fact.author), place)?;
        hot.file(&row, false, &targets, Some(&fact.body))?;
        self.waiting.replace(&targets);
        if views::take(&mut hot, (n, no), &Gist::of(Told::of(Some(event.clone()))), &targets, false)? != Change::None {
            self.touched.insert(no);
        }
        if decides(&fact.kind) {
            // What it decides on may have come just now.
            self.waiting.file(self.tx, usize::MAX)?;
        }
        let mut again = BTreeSet::new();
        decide(self.tx, self.names, &row, section, &mut again)?;
        for file in again {
            refold(self.tx, self.names, file)?;
        }
        self.next = self.next.saturating_add(1);
        self.written.push(id);
        Ok(id)
    }

    /// Keeps bytes by their hash, to be sent with the file's section.
    ///
    /// # Errors
    /// [`StoreFault`].
    pub fn keep_blob(&mut self, file: FileId, section: Section, media: &str, bytes: &[u8]) -> Result<Sha, StoreFault> {
        let sha = Sha::of(bytes);
        crate::blobs::keep(self.tx, sha, file, section, media, bytes, false)?;
        Ok(sha)
    }

    /// Keeps a print run's PDF for this laptop alone, together with the facts of its sheets.
    ///
    /// # Errors
    /// [`StoreFault`].
    pub fn keep_run(&mut self, media: &str, bytes: &[u8]) -> Result<Sha, StoreFault> {
        let sha = Sha::of(bytes);
        crate::blobs::keep(self.tx, sha, FileId([0; 8]), Section::Core, media, bytes, true)?;
        Ok(sha)
    }

    /// The transaction, for reads that belong to the write.
    pub(crate) fn tx(&self) -> &Transaction<'_> {
        self.tx
    }

    /// A file's number here.
    pub(crate) fn file_no(&self, file: FileId) -> Option<i64> {
        self.names.known_file(file)
    }

    /// The corrected moment of what is being written.
    pub fn at(&self) -> Millis {
        self.at
    }
}

pub(crate) fn meta<T: serde::de::DeserializeOwned>(conn: &Connection, key: &str) -> Result<Option<T>, StoreFault> {
    let bytes: Option<Vec<u8>> = conn
        .prepare_cached("SELECT value FROM meta WHERE key = ?1")?
        .query_row(params![key], |row| row.get(0))
        .optional()?;
    match bytes {
        Some(bytes) => Ok(Some(serde_json::from_slice(&bytes)?)),
        None => Ok(None),
    }
}

pub(crate) fn set_meta<T: serde::Serialize>(conn: &Connection, key: &str, value: &T) -> Result<(), StoreFault> {
    conn.prepare_cached(
        "INSERT INTO meta (key, value) VALUES (?1, ?2) ON CONFLICT (key) DO UPDATE SET value = excluded.value",
    )?
    .execute(params![key, serde_json::to_vec(value)?])?;
    Ok(())
}

/// Keeps a mark, and of the old ones fewer and fewer: a county is restored from yesterday, seldom from last month.
pub(crate) fn keep_mark(tx: &Transaction<'_>, mark: Mark) -> Result<(), StoreFault> {
    if mark.position == 0 {
        return Ok(());
    }
    tx.prepare_cached("INSERT OR REPLACE INTO mark (position, chain) VALUES (?1, ?2)")?
        .execute(params![int(mark.position), mark.chain])?;
    let kept: Vec<i64> = tx
        .prepare_cached("SELECT position FROM mark ORDER BY position DESC")?
        .query_map([], |row| row.get(0))?
        .collect::<Result<_, _>>()?;
    // The older half is thinned by every second one.
    if kept.len() > MOST_MARKS {
        for position in kept.iter().skip(MOST_MARKS / 2).step_by(2) {
            tx.prepare_cached("DELETE FROM mark WHERE position = ?1")?.execute([position])?;
        }
    }
    Ok(())
}

/// The journal's last fact, erased ones included: a number is never used twice.
fn last_seq(conn: &Connection, no: i64) -> Result<u64, StoreFault> {
    let (first, last) = names::span(no);
    let n: Option<i64> = conn
        .prepare_cached("SELECT max(n) FROM fact WHERE n BETWEEN ?1 AND ?2")?
        .query_row([first, last], |row| row.get(0))?;
    Ok(n.map_or(0, names::seq_of).max(sealed_upto(conn, no, false)?))
}

/// The last fact of the journal that stands in a sealed (and acknowledged) batch.
fn sealed_upto(conn: &Connection, no: i64, acknowledged: bool) -> Result<u64, StoreFault> {
    let (first, last) = names::span(no);
    let seq: Option<i64> = conn
        .prepare_cached(
            "SELECT max(first + count - 1) FROM batch WHERE n BETWEEN ?1 AND ?2 AND (?3 = 0 OR position IS NOT NULL)",
        )?
        .query_row(params![first, last, acknowledged], |row| row.get(0))?;
    Ok(seq.map_or(0, uint))
}

fn put_batch(tx: &Transaction<'_>, no: i64, batch: &Batch, position: Option<u64>) -> Result<(), StoreFault> {
    put_batch_bytes(tx, no, (batch.seal.batch, batch.seal.first, batch.seal.count), position, &batch.bytes())
}

/// `seal` is the batch's number, the seq of its first fact and how many it has. Parts of it may have come to the county in
/// several hands, each with a place of its own: the batch has the last of them.
fn put_batch_bytes(
    tx: &Transaction<'_>,
    no: i64,
    (number, first, count): (u64, u64, u32),
    position: Option<u64>,
    bytes: &[u8],
) -> Result<(), StoreFault> {
    let n = names::fact_no(no, number)?;
    let here: Option<i64> = tx
        .prepare_cached(
            "UPDATE batch SET position = coalesce(max(?2, position), ?2, position) WHERE n = ?1 RETURNING packed",
        )?
        .query_row(params![n, position.map(int)], |row| row.get(0))
        .optional()?;
    match here {
        Some(packed) => {
            tx.prepare_cached("UPDATE packed SET bytes = ?2 WHERE no = ?1")?.execute(params![packed, bytes])?;
        }
        None => {
            tx.prepare_cached("INSERT INTO packed (bytes) VALUES (?1)")?.execute(params![bytes])?;
            let packed = tx.last_insert_rowid();
            tx.prepare_cached("INSERT INTO batch (n, first, count, position, packed) VALUES (?1, ?2, ?3, ?4, ?5)")?
                .execute(params![n, int(first), count, position.map(int), packed])?;
        }
    }
    Ok(())
}

/// What is known of a journal: `key` and `device` once it is introduced.
struct Known {
    no: i64,
    key: Option<[u8; 32]>,
    device: Option<[u8; 8]>,
    own: bool,
}

/// The device of the county's own journals.
pub(crate) const MASTER: [u8; 8] = [0; 8];

/// A page on its way into log and views.
struct Taking<'a, 't> {
    tx: &'a Transaction<'t>,
    hot: Hot<'a>,
    /// Rows for the log, and which of them are of newer kinds: written by [`Taking::logged`].
    entries: Bulk<'a>,
    unknown: Vec<i64>,
    /// The facts that the page named, this part's among them, and those of this part that were not here.
    named: &'a mut Vec<i64>,
    fresh: Vec<i64>,
    names: &'a mut Names,
    waiting: &'a mut Waiting,
    verifies: bool,
    /// Everything is read again, from a county that was restored.
    anew: bool,
    master: JournalId,
    out: Absorbed,
    /// Facts of the batch at hand that were replaced before they came.
    replaced: BTreeSet<i64>,
    /// Families whose line is written anew.
    lines: BTreeSet<i64>,
    /// Files that are folded anew.
    again: BTreeSet<i64>,
}

impl Taking<'_, '_> {
    /// Takes in a batch; returns how many of its facts are open. `None`, and nothing was taken, if what waits must be filed
    /// first.
    fn delivery(
        &mut self,
        bytes: &[u8],
        position: u64,
        received: Received,
        held: &[u64],
    ) -> Result<Option<usize>, StoreFault> {
        let tx = self.tx;
        let batch = if self.verifies { Batch::parse(bytes)? } else { Batch::stored(bytes)? };
        let journal = batch.seal.journal;
        let known: Option<Known> = tx
            .prepare_cached("SELECT no, key, device, own FROM journal WHERE id = ?1")?
            .query_row(params![journal.0], |row| {
                Ok(Known { no: row.get(0)?, key: row.get(1)?, device: row.get(2)?, own: row.get(3)? })
            })
            .optional()?;
        let known = match known.filter(|known| known.key.is_some()) {
            Some(known) => known,
            None => self.of_master(&batch)?,
        };
        let Known { no, .. } = known;
        let key = known.key.and_then(|key| VerifyingKey::from_bytes(&key).ok());
        let key = key.ok_or(StoreFault::UnknownJournal { journal })?;
        if self.verifies {
            batch.sealed_by(&key)?;
        }
        let mut before: Option<Vec<u8>> = tx
            .prepare_cached("SELECT bytes FROM sealed WHERE n = ?1")?
            .query_row([names::fact_no(no, batch.seal.batch)?], |row| row.get(0))
            .optional()?;
        if self.anew && restored::other_branch(tx, self.names, no, &batch, before.as_deref(), self.named)? {
            before = None;
        }
        let seal = (batch.seal.batch, batch.seal.first, batch.seal.count);
        let fresh = before.is_none();
        if known.own && fresh {
            // Somebody else's work under the names of work that is only here: the next greeting finds it out.
            let (first, last) = (names::fact_no(no, seal.1)?, names::fact_no(no, batch.seal.end())?);
            let mut taken = tx.prepare_cached("SELECT 1 FROM fact WHERE n >= ?1 AND n < ?2 AND position IS NULL")?;
            if taken.exists([first, last])? {
                return Err(StoreFault::Forked { journal, seq: seal.1 });
            }
        }
        let (first, end) = (names::fact_no(no, batch.seal.first)?, names::fact_no(no, batch.seal.end())?);
        self.replaced = tx
            .prepare_cached("SELECT DISTINCT target FROM replaced WHERE target >= ?1 AND target < ?2")?
            .query_map([first, end], |row| row.get(0))?
            .collect::<Result<_, _>>()?;
        // Files that are folded anew at the end of this part may replace what would wait and not be told of it.
        let plain = fresh && held.is_empty() && !known.own && !self.anew && self.again.is_empty();
        if plain && !tx.prepare_cached("SELECT 1 FROM erased WHERE n >= ?1 AND n < ?2")?.exists([first, end])? {
            let rows = batch.rows();
            if !rows.iter().any(|(_, row)| decides(row.kind())) {
                put_batch_bytes(tx, no, seal, Some(position), bytes)?;
                return self.log_alone(no, &batch.seal, &rows, position, received).map(Some);
            }
        }
        // What this batch decides on, or has other parts of, may have come just now. All that waits takes its time.
        if self.waiting.len() > 0 {
            return Ok(None);
        }
        let facts = batch.facts()?;
        let erased = self.erased_of(no, &facts)?;
        if fresh && erased.is_empty() {
            // As received.
            put_batch_bytes(tx, no, seal, Some(position), bytes)?;
        } else {
            let keep = batch.only(|seq, _| !erased.contains(&seq));
            let keep = match before {
                None => keep,
                Some(bytes) => {
                    let here = Batch::parse(&bytes)?;
                    here.with(keep).ok_or(StoreFault::Forked { journal, seq: seal.1 })?
                }
            };
            put_batch_bytes(tx, no, seal, Some(position), &keep.bytes())?;
        }
        for verified in facts.iter().filter(|verified| !erased.contains(&verified.fact.id.seq)) {
            let is_held = held.contains(&verified.fact.id.seq);
            self.take_in(no, seal.0, verified, position, received, is_held, fresh)?;
            if known.own && !fresh {
                leaving::back(tx, names::fact_no(no, verified.fact.id.seq)?)?;
            }
            if known.device == Some(MASTER) && verified.fact.kind == "DeviceEnrolled" {
                enrol(tx, self.names, &verified.fact)?;
            }
        }
        Ok(Some(facts.len()))
    }

    /// Writes the rows of the log that batches left so far. Nothing asks for one of them before.
    fn logged(&mut self) -> Result<(), StoreFault> {
        self.entries.flush()?;
        for n in self.unknown.drain(..) {
            self.tx.prepare_cached("UPDATE entry SET known = 0 WHERE n = ?1")?.execute([n])?;
            self.out.unknown = self.out.unknown.saturating_add(1);
        }
        Ok(())
    }

    /// Takes rows of a batch that is new here into the log; they wait to be filed. Returns how many there are.
    fn log_alone(
        &mut self,
        no: i64,
        seal: &Seal,
        rows: &[(u64, &Row)],
        position: u64,
        received: Received,
    ) -> Result<usize, StoreFault> {
        let tx = self.tx;
        let (position, batch) = (int(position), int(seal.batch));
        for (seq, row) in rows {
            let n = names::fact_no(no, *seq)?;
            let id = FactId { journal: seal.journal, seq: *seq };
            let file = self.names.file(tx, row.file)?;
            let replaced = self.replaced.contains(&n);
            let unfiled = Unfiled::of(tx, self.names, (n, file), row, (id, seal.base), replaced)?;
            if matches!(unfiled.gist, Gist::Unknown) {
                self.unknown.push(n);
            }
            let manner = self.names.manner(tx, row.section, row.kind(), &row.author)?;
            let at = corrected(row.wall(seal.base), received);
            let row_of = [position, batch, n, file, manner, at.0, leaf_bits(&row.leaf())];
            self.entries.row(row_of.into_iter().map(Value::Integer))?;
            self.named.push(n);
            self.fresh.push(n);
            self.out.facts = self.out.facts.saturating_add(1);
            self.waiting.push(unfiled);
        }
        tx.prepare_cached("INSERT INTO unfiled (n) VALUES (?1)")?.execute([names::fact_no(no, seal.batch)?])?;
        Ok(rows.len())
    }

    /// The county begins another journal when it was restored from a copy; all are sealed with its one key.
    fn of_master(&mut self, batch: &Batch) -> Result<Known, StoreFault> {
        let journal = batch.seal.journal;
        let key: [u8; 32] = self
            .tx
            .prepare_cached("SELECT key FROM journal WHERE id = ?1")?
            .query_row(params![self.master.0], |row| row.get(0))?;
        let unknown = || StoreFault::UnknownJournal { journal };
        let master = VerifyingKey::from_bytes(&key).ok().ok_or_else(unknown)?;
        batch.verify(&master).ok().ok_or_else(unknown)?;
        let no = self.names.journal(self.tx, journal)?;
        self.tx
            .prepare_cached("UPDATE journal SET device = ?2, key = ?3 WHERE no = ?1")?
            .execute(params![no, MASTER, key])?;
        Ok(Known { no, key: Some(key), device: Some(MASTER), own: false })
    }

    /// Which of these facts were erased: never taken again, from whatever old page or stick. An erasure that came first
    /// and named what it could not erase is forgotten.
    fn erased_of(&self, no: i64, facts: &[Verified]) -> Result<BTreeSet<u64>, StoreFault> {
        let mut out = BTreeSet::new();
        if self.tx.prepare_cached("SELECT 1 FROM erased LIMIT 1")?.exists([])? {
            let mut find = self.tx.prepare_cached("SELECT file, section FROM erased WHERE n = ?1")?;
            for Verified { fact, .. } in facts {
                let n = names::fact_no(no, fact.id.seq)?;
                let by: Option<(i64, String)> = find.query_row([n], |row| Ok((row.get(0)?, row.get(1)?))).optional()?;
                let Some((file, section)) = by else { continue };
                let place = (self.names.known_file(fact.file), fact.section.code());
                if place == (Some(file), section.as_str()) && erasable(&fact.kind) {
                    out.insert(fact.id.seq);
                } else {
                    self.tx.prepare_cached("DELETE FROM erased WHERE n = ?1")?.execute([n])?;
                }
            }
        }
        Ok(out)
    }

    /// Takes a received fact in, unless it is here; then its place and whether it is held may have changed.
    #[expect(clippy::too_many_arguments, reason = "what the log says of one fact, each once")]
    fn take_in(
        &mut self,
        no: i64,
        batch: u64,
        verified: &Verified,
        position: u64,
        received: Received,
        held: bool,
        fresh: bool,
    ) -> Result<(), StoreFault> {
        let tx = self.tx;
        let fact = &verified.fact;
        let n = names::fact_no(no, fact.id.seq)?;
        self.named.push(n);
        if !fresh {
            let here: Option<(bool, i64, i64)> = tx
                .prepare_cached("SELECT held, file, at FROM fact WHERE n = ?1")?
                .query_row([n], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
                .optional()?;
            if let Some((was_held, file, was_at)) = here {
                let at = corrected(fact.wall, received);
                tx.prepare_cached("UPDATE entry SET position = ?2, held = ?3, at = ?4 WHERE n = ?1")?
                    .execute(params![n, int(position), held, at.0])?;
                if was_held != held {
                    self.again.insert(file);
                    if !held {
                        let event = Event::read(&fact.kind, &fact.body).ok().flatten();
                        let row = Numbered { n, file, event: event.as_ref() };
                        decide(tx, self.names, &row, fact.section, &mut self.again)?;
                    }
                } else if was_at != at.0 {
                    self.lines.insert(file);
                }
                return Ok(());
            }
        }
        self.fresh.push(n);
        let event = Event::read(&fact.kind, &fact.body).ok().flatten();
        let file = self.names.file(tx, fact.file)?;
        let row = Numbered { n, file, event: event.as_ref() };
        let at = corrected(fact.wall, received);
        let sealed = Some((batch, leaf_bits(&verified.leaf)));
        let targets = views::targets(tx, self.names, &fact.replaces)?;
        let place = Place { at, position: Some(position), held, sealed };
        self.hot.log(self.names, &row, (fact.section, &fact.kind, &fact.author), place)?;
        self.hot.file(&row, held, &targets, Some(&fact.body))?;
        self.out.facts = self.out.facts.saturating_add(1);
        self.out.held = self.out.held.saturating_add(u32::from(held));
        self.out.unknown = self.out.unknown.saturating_add(u32::from(event.is_none()));
        if held {
            return Ok(());
        }
        let gist = Gist::of(Told::of(event.clone()));
        if views::take(&mut self.hot, (n, file), &gist, &targets, self.replaced.contains(&n))? != Change::None {
            self.lines.insert(file);
        }
        if fact.kind == "LogForked" {
            restored::offer_papers(tx)?;
        }
        decide(tx, self.names, &row, fact.section, &mut self.again)
    }
}

/// Whether facts of a kind say something of other facts in the log, or of who writes it: they are taken in one by one, with
/// nothing waiting beside them.
fn decides(kind: &str) -> bool {
    matches!(kind, "HeldDecided" | "Erased" | "LogForked" | "DeviceEnrolled")
}

/// What a decision or an erasure does to facts that are here, and what a decision lets through to others. `again` gets the
/// files to fold anew.
pub(crate) fn decide(
    tx: &Transaction<'_>,
    names: &mut Names,
    by: &Numbered<'_>,
    section: Section,
    again: &mut BTreeSet<i64>,
) -> Result<(), StoreFault> {
    let mut next = match by.event {
        Some(Event::HeldDecided(decided)) => let_through(tx, names, decided, again)?,
        Some(Event::Erased(erased)) => {
            erase(tx, names, erased, (by.file, section), again)?;
            Vec::new()
        }
        Some(_) | None => return Ok(()),
    };
    while let Some(n) = next.pop() {
        for fact in bodies(tx, &[n])? {
            let file = names.file(tx, fact.file)?;
            match Event::read(&fact.kind, &fact.body) {
                Ok(Some(Event::HeldDecided(decided))) => next.extend(let_through(tx, names, &decided, again)?),
                Ok(Some(Event::Erased(erased))) => erase(tx, names, &erased, (file, fact.section), again)?,
                Ok(_) | Err(_) => {}
            }
        }
    }
    Ok(())
}

/// Lets held facts through; returns which.
fn let_through(
    tx: &Transaction<'_>,
    names: &mut Names,
    decided: &HeldDecided,
    again: &mut BTreeSet<i64>,
) -> Result<Vec<i64>, StoreFault> {
    let mut out = Vec::new();
    for id in decided.facts.iter().filter(|_| decided.accept) {
        let n = names.fact(tx, *id)?;
        let file: Option<i64> = tx
            .prepare_cached("UPDATE entry SET held = 0 WHERE n = ?1 AND held = 1 RETURNING file")?
            .query_row([n], |row| row.get(0))
            .optional()?;
        out.extend(file.map(|_| n));
        again.extend(file);
    }
    Ok(out)
}

/// Erases facts of a file's section that may be erased; what is not here yet, when it comes.
fn erase(
    tx: &Transaction<'_>,
    names: &mut Names,
    erased: &Erased,
    (file, section): (i64, Section),
    again: &mut BTreeSet<i64>,
) -> Result<(), StoreFault> {
    for id in &erased.facts {
        let n = names.fact(tx, *id)?;
        let here: Option<(i64, String, String)> = tx
            .prepare_cached("SELECT file, section, kind FROM fact WHERE n = ?1")?
            .query_row([n], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
            .optional()?;
        if here.as_ref().is_some_and(|(at, of, kind)| (*at, of.as_str()) != (file, section.code()) || !erasable(kind)) {
            continue;
        }
        leaving::erase(tx, names, n, (file, section))?;
        tx.prepare_cached("INSERT OR IGNORE INTO erased (n, file, section) VALUES (?1, ?2, ?3)")?.execute(params![
            n,
            file,
            section.code()
        ])?;
        // What the county does not have yet is closed once it has: see `acknowledged`.
        let batch: Option<Option<i64>> = tx
            .prepare_cached("UPDATE entry SET leaf = NULL WHERE n = ?1 RETURNING iif(position IS NULL, NULL, batch)")?
            .query_row([n], |row| row.get(0))
            .optional()?;
        let Some(batch) = batch else { continue };
        again.insert(file);
        drop_papers(tx, n)?;
        views::drop_fact(tx, file, n)?;
        if let Some(batch) = batch {
            let at = names::batch_of(n, batch);
            prune_batch(tx, at, |seq, _| seq != id.seq)?;
        }
    }
    Ok(())
}

/// Forgets the papers that only this fact names.
fn drop_papers(tx: &Transaction<'_>, n: i64) -> Result<(), StoreFault> {
    tx.prepare_cached(
        "DELETE FROM blob WHERE sha IN (SELECT sha FROM receipt_photo WHERE fact = ?1)
           AND sha NOT IN (SELECT sha FROM receipt_photo WHERE fact <> ?1)",
    )?
    .execute([n])?;
    Ok(())
}

/// Which facts of a batch were erased.
fn erased_among(tx: &Transaction<'_>, no: i64, bytes: &[u8]) -> Result<BTreeSet<u64>, StoreFault> {
    let mut out = BTreeSet::new();
    if tx.prepare_cached("SELECT 1 FROM erased LIMIT 1")?.exists([])? {
        let mut find = tx.prepare_cached("SELECT 1 FROM erased WHERE n = ?1")?;
        for (seq, _) in Batch::stored(bytes)?.rows() {
            if find.exists([names::fact_no(no, seq)?])? {
                out.insert(seq);
            }
        }
    }
    Ok(out)
}

/// Closes facts of a kept batch.
pub(crate) fn prune_batch(
    tx: &Transaction<'_>,
    n: i64,
    open: impl FnMut(u64, &domain::fact::Row) -> bool,
) -> Result<(), StoreFault> {
    let bytes: Option<Vec<u8>> =
        tx.prepare_cached("SELECT bytes FROM sealed WHERE n = ?1")?.query_row([n], |row| row.get(0)).optional()?;
    if let Some(bytes) = bytes {
        let pruned = Batch::parse(&bytes)?.only(open);
        tx.prepare_cached("UPDATE packed SET bytes = ?2 WHERE no = (SELECT packed FROM batch WHERE n = ?1)")?
            .execute(params![n, pruned.bytes()])?;
    }
    Ok(())
}

/// The facts of these numbers that are open here, in their order.
pub(crate) fn bodies(conn: &Connection, numbers: &[i64]) -> Result<Vec<Fact>, StoreFault> {
    bodies_by(conn, numbers, "SELECT batch FROM entry WHERE n = ?1")
}

/// As [`bodies`]; `batch_of` tells where a fact stands: in which of its journal's batches, or alone.
pub(crate) fn bodies_by(conn: &Connection, numbers: &[i64], batch_of: &str) -> Result<Vec<Fact>, StoreFault> {
    let mut out = Vec::new();
    let mut parsed: Option<(i64, BTreeMap<u64, Fact>)> = None;
    for n in numbers {
        let batch: Option<Option<i64>> = conn.prepare_cached(batch_of)?.query_row([n], |row| row.get(0)).optional()?;
        match batch {
            None => {}
            Some(None) => {
                let bytes: Option<Vec<u8>> = conn
                    .prepare_cached("SELECT bytes FROM open_fact WHERE n = ?1")?
                    .query_row([n], |row| row.get(0))
                    .optional()?;
                if let Some(bytes) = bytes {
                    out.push(Fact::parse(&bytes)?);
                }
            }
            Some(Some(batch)) => {
                let at = names::batch_of(*n, batch);
                if parsed.as_ref().is_none_or(|(known, _)| *known != at) {
                    let bytes: Vec<u8> = conn
                        .prepare_cached("SELECT bytes FROM sealed WHERE n = ?1")?
                        .query_row([at], |row| row.get(0))?;
                    let facts = Batch::stored(&bytes)?.facts()?;
                    parsed = Some((at, facts.into_iter().map(|v| (v.fact.id.seq, v.fact)).collect()));
                }
                out.extend(parsed.as_ref().and_then(|(_, facts)| facts.get(&names::seq_of(*n))).cloned());
            }
        }
    }
    Ok(out)
}

/// Makes the views of one file anew from its facts.
pub(crate) fn refold(tx: &Transaction<'_>, names: &mut Names, file: i64) -> Result<(), StoreFault> {
    views::clear(tx, file)?;
    let numbers: Vec<i64> = tx
        .prepare_cached(
            "SELECT e.n FROM filed x JOIN entry e ON e.n = x.n
             WHERE x.file = ?1 AND e.held = 0 AND e.n NOT IN (SELECT n FROM erased) ORDER BY e.n",
        )?
        .query_map([file], |row| row.get(0))?
        .collect::<Result<_, _>>()?;
    let mut hot = Hot::new(tx)?;
    for fact in bodies(tx, &numbers)? {
        let n = names.fact(tx, fact.id)?;
        let event = Event::read(&fact.kind, &fact.body).ok().flatten();
        views::lay(&mut hot, names, &Numbered { n, file, event: event.as_ref() }, &fact)?;
    }
    views::fold(tx, file)
}

/// Learns a journal's key from the master's word.
fn enrol(tx: &Transaction<'_>, names: &mut Names, fact: &Fact) -> Result<(), StoreFault> {
    let enrolled: DeviceEnrolled = serde_json::from_slice(&fact.body)?;
    let key: [u8; 32] = domain::ids::unhex(&enrolled.key).ok_or(StoreFault::Corrupt { what: "a device's key" })?;
    let no = names.journal(tx, enrolled.journal)?;
    tx.prepare_cached("UPDATE journal SET device = ?2, key = ?3 WHERE no = ?1 AND key IS NULL")?.execute(params![
        no,
        enrolled.device.0,
        key
    ])?;
    Ok(())
}

/// What the county does not have goes over into a fresh journal, under new names; what it replaces among itself with it.
/// What is `double` does not go over: the county has it under an earlier name, which stands for it from now on.
fn carry_over(
    tx: &Transaction<'_>,
    names: &mut Names,
    old: JournalId,
    fresh: JournalId,
    why: Why<'_>,
) -> Result<Option<(u64, Sha)>, StoreFault> {
    let double = if let Why::Double(double) = why { Some(double) } else { None };
    let (first, last) = names::span(names.journal(tx, old)?);
    let no = names.journal(tx, fresh)?;
    // What left and is kept goes over too, and stays out of sight there.
    let left = leaving::only_here(tx, (first, last))?;
    let mut numbers: Vec<i64> = tx
        .prepare("SELECT n FROM fact WHERE n BETWEEN ?1 AND ?2 AND position IS NULL ORDER BY n")?
        .query_map([first, last], |row| row.get(0))?
        .collect::<Result<_, _>>()?;
    numbers.extend(left.keys());
    numbers.sort_unstable();
    let mut renamed: BTreeMap<FactId, FactId> = BTreeMap::new();
    // What stays behind under a name that is another's.
    let mut others: BTreeSet<FactId> = BTreeSet::new();
    let mut again = BTreeSet::new();
    let mut head = None;
    let before = carried(tx)?;
    let mut remembered: Vec<Carried> = Vec::new();
    let mut seq = 0_u64;
    for fact in bodies_by(tx, &numbers, leaving::HERE_OR_LEFT)? {
        let was = names.fact(tx, fact.id)?;
        let file = names.file(tx, fact.file)?;
        let at: Option<i64> = tx.query_row("SELECT at FROM fact WHERE n = ?1", [was], |row| row.get(0)).optional()?;
        views::drop_fact(tx, file, was)?;
        tx.execute("DELETE FROM entry WHERE n = ?1", [was])?;
        tx.execute("DELETE FROM open_fact WHERE n = ?1", [was])?;
        leaving::back(tx, was)?;
        again.insert(file);
        if let Some(there) = double.and_then(|double| double.get(&fact.id)) {
            renamed.insert(fact.id, *there);
            let n = names.fact(tx, *there)?;
            tx.execute("UPDATE OR REPLACE erased SET n = ?2 WHERE n = ?1", [was, n])?;
            continue;
        }
        if tx.prepare_cached("SELECT 1 FROM erased WHERE n = ?1")?.exists([was])? {
            // Erased stays behind: the county may have it under this name, erased, and under another it would come back.
            if let Why::Twin(there) = why
                && there.get(&fact.id) != Some(&Sha::of(&fact.bytes()))
            {
                others.insert(fact.id);
                tx.execute("DELETE FROM erased WHERE n = ?1", [was])?;
            }
            continue;
        }
        seq = seq.saturating_add(1);
        let id = FactId { journal: fresh, seq };
        renamed.insert(fact.id, id);
        if double.is_none() {
            remembered.push(Carried { now: id, was: fact.id, hash: Sha::of(&fact.bytes()) });
            let earlier = before.iter().filter(|carried| carried.now == fact.id);
            remembered.extend(earlier.map(|carried| Carried { now: id, ..*carried }));
        }
        let replaces = fact.replaces.iter().map(|known| renamed.get(known).copied().unwrap_or(*known)).collect();
        // What only a body names (a visit by its notes) is renamed in the body's own words.
        let mut body = String::from_utf8_lossy(&fact.body).into_owned();
        for (from, to) in &renamed {
            body = body.replace(&format!("\"{from}\""), &format!("\"{to}\""));
        }
        let mut fact = Fact { id, replaces, body: body.into_bytes(), ..fact };
        if !others.is_empty()
            && let Ok(Some(Event::Erased(mut erased))) = Event::read(&fact.kind, &fact.body)
        {
            erased.facts.retain(|named| !others.contains(named));
            fact.body = Event::Erased(erased).body()?;
        }
        let n = names::fact_no(no, seq)?;
        let bytes = fact.bytes();
        head = Some((seq, Sha::of(&bytes)));
        tx.execute("INSERT INTO open_fact (n, bytes) VALUES (?1, ?2)", params![n, bytes])?;
        let Some(at) = at else {
            leaving::keep(tx, n, None, left.get(&was).copied().flatten())?;
            continue;
        };
        let event = Event::read(&fact.kind, &fact.body).ok().flatten();
        let row = Numbered { n, file, event: event.as_ref() };
        let mut hot = Hot::new(tx)?;
        let place = Place { at: Millis(at), position: None, held: false, sealed: None };
        hot.log(names, &row, (fact.section, &fact.kind, &fact.author), place)?;
        // Without effect until its file is folded below.
        hot.file(&row, true, &[], None)?;
    }
    tx.execute("DELETE FROM batch WHERE n BETWEEN ?1 AND ?2 AND position IS NULL", [first, last])?;
    set_meta(tx, "carried", &remembered)?;
    for file in again {
        refold(tx, names, file)?;
    }
    Ok(head)
}

/// Facts by name, each with the hash of its bytes.
pub(crate) fn hashes(facts: &[Fact]) -> BTreeMap<FactId, Sha> {
    facts.iter().map(|fact| (fact.id, Sha::of(&fact.bytes()))).collect()
}

/// A fact that went over into a later journal: its name there, an earlier one, and the hash of its bytes under that.
#[derive(Debug, Clone, Copy, serde::Serialize, serde::Deserialize)]
pub(crate) struct Carried {
    pub(crate) now: FactId,
    pub(crate) was: FactId,
    pub(crate) hash: Sha,
}

/// What went over and was not looked at since.
pub(crate) fn carried(conn: &Connection) -> Result<Vec<Carried>, StoreFault> {
    Ok(meta(conn, "carried")?.unwrap_or_default())
}

#[cfg(test)]
mod tests;

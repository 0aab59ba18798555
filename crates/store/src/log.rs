//! The log: opening, the own journal, sealing, taking in pages, losing rights. Local and remote facts go one road into
//! log and views. A fact once written is never edited here; only what the county says of its time and place is added.

use std::collections::BTreeSet;
use std::path::Path;

use domain::VerifyingKey;
use domain::clock::{Millis, Received, corrected, tick};
use domain::event::Event;
use domain::exchange::{Ack, Cursor, Gone, Page, Sum};
use domain::fact::{Batch, Fact, MOST_FACTS, Seal, Verified, seal};
use domain::ids::{DeviceId, FactId, FileId, JournalId, PersonId, Sha};
use domain::org::DeviceEnrolled;
use domain::words::Section;
use rusqlite::{Connection, OptionalExtension, Transaction, TransactionBehavior, params};
use zeroize::Zeroizing;

use crate::anchor::{Anchor, Head};
use crate::fault::StoreFault;
use crate::file::{self, FileKey};
use crate::views;

/// Schema of the log; views carry a version of their own.
const SCHEMA: i64 = 1;
/// Largest batch before it is cut, bytes of facts.
const BATCH_BYTES: usize = 1024 * 1024;

/// A desk's encrypted file.
#[derive(Debug)]
pub struct Store {
    pub(crate) conn: Connection,
    anchor: Anchor,
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
    journal: JournalId,
    next: u64,
    author: PersonId,
    wall: Millis,
    at: Millis,
    written: Vec<FactId>,
    touched: BTreeSet<FileId>,
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
}

/// SQLite's integers are signed; no count here comes near the edge.
pub(crate) fn int(n: u64) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}

pub(crate) fn uint(n: i64) -> u64 {
    u64::try_from(n).unwrap_or(0)
}

impl Store {
    /// Opens or makes the file at `path` with its anchor beside it.
    ///
    /// # Errors
    /// [`StoreFault`]; a file of a newer schema is refused unchanged.
    pub fn open(path: &Path, key: &FileKey, anchor_key: Zeroizing<[u8; 32]>) -> Result<(Self, Standing), StoreFault> {
        let mut conn = file::open(path, key)?;
        let found: i64 = conn.query_row("PRAGMA user_version", [], |row| row.get(0))?;
        if found > SCHEMA {
            return Err(StoreFault::Newer { found, known: SCHEMA });
        }
        if found == 0 {
            let tx = conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
            tx.execute_batch(include_str!("log.sql"))?;
            tx.pragma_update(None, "user_version", SCHEMA)?;
            tx.commit()?;
        }
        let (anchor, head) = Anchor::open(&path.with_extension("anchor"), anchor_key)?;
        let mut store = Self { conn, anchor };
        if store.meta::<i64>("views")?.is_none_or(|version| version != views::VERSION) {
            store.rebuild()?;
        }
        let standing = match head {
            None => Standing::Sound,
            Some(head) => {
                let has: Option<(i64, Vec<u8>)> = store
                    .conn
                    .query_row(
                        "SELECT seq, bytes FROM fact WHERE journal = ?1 AND seq = ?2",
                        params![head.journal.0, int(head.seq)],
                        |row| Ok((row.get(0)?, row.get(1)?)),
                    )
                    .optional()?;
                let last = last_seq(&store.conn, head.journal)?;
                match has {
                    Some((_, bytes)) if Sha::of(&bytes) == head.hash => Standing::Sound,
                    // Erased after the county had it, with the right to see it.
                    None if sealed_upto(&store.conn, head.journal, true)? >= head.seq => Standing::Sound,
                    Some(_) | None => Standing::Behind { anchor: head, seq: last },
                }
            }
        };
        Ok((store, standing))
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

    /// Makes `journal` the one this desk writes from now on.
    ///
    /// # Errors
    /// [`StoreFault`].
    pub fn open_journal(&mut self, journal: JournalId, device: DeviceId, key: &VerifyingKey) -> Result<(), StoreFault> {
        let tx = self.conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
        tx.execute(
            "INSERT INTO journal (id, device, key, own) VALUES (?1, ?2, ?3, 1) ON CONFLICT (id) DO UPDATE SET own = 1",
            params![journal.0, device.0, key.to_bytes()],
        )?;
        set_meta(&tx, "journal", &journal)?;
        tx.commit()?;
        Ok(())
    }

    /// Trusts `key` for `journal`: the county master's own, told at enrolment.
    ///
    /// # Errors
    /// [`StoreFault`].
    pub fn trust_master(&mut self, journal: JournalId, key: &VerifyingKey) -> Result<(), StoreFault> {
        self.conn.execute(
            "INSERT INTO journal (id, device, key, own) VALUES (?1, ?2, ?3, 0) ON CONFLICT (id) DO NOTHING",
            params![journal.0, [0_u8; 8], key.to_bytes()],
        )?;
        set_meta(&self.conn, "master", &journal)
    }

    /// The journal this desk writes.
    ///
    /// # Errors
    /// [`StoreFault`]; `Corrupt` before the first one was opened.
    pub fn journal(&self) -> Result<JournalId, StoreFault> {
        self.meta("journal")?.ok_or(StoreFault::Corrupt { what: "meta.journal" })
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
        let result = self.write_inner(author, wall, work)?;
        let (value, written, head) = result;
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
        let journal = self.journal().map_err(E::from)?;
        let tx = self.conn.transaction_with_behavior(TransactionBehavior::Immediate).map_err(sql)?;
        let last = last_seq(&tx, journal).map_err(E::from)?;
        let last_at: Option<i64> = tx
            .query_row("SELECT at FROM fact WHERE journal = ?1 AND seq = ?2", params![journal.0, int(last)], |row| {
                row.get(0)
            })
            .optional()
            .map_err(sql)?;
        let offset = meta::<i64>(&tx, "offset").map_err(E::from)?.unwrap_or(0);
        let seen = meta::<Millis>(&tx, "seen").map_err(E::from)?;
        let at = tick(wall, offset, seen, last_at.map(Millis));
        let mut pen = Pen {
            tx: &tx,
            journal,
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
            views::settle(&tx, file).map_err(E::from)?;
        }
        tx.commit().map_err(sql)?;
        Ok((value, written, last_hash))
    }

    /// Seals what is not sealed yet into batches, signed with `key`. `seed` gives fresh randomness for each batch.
    ///
    /// # Errors
    /// [`StoreFault`].
    pub fn seal_open(
        &mut self,
        key: &domain::SigningKey,
        seen: u64,
        mut seed: impl FnMut() -> [u8; 32],
    ) -> Result<(), StoreFault> {
        let journal = self.journal()?;
        let tx = self.conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let mut previous: Option<Seal> = tx
            .query_row(
                "SELECT bytes FROM batch WHERE journal = ?1 ORDER BY number DESC LIMIT 1",
                params![journal.0],
                |row| row.get::<_, Vec<u8>>(0),
            )
            .optional()?
            .map(|bytes| Batch::parse(&bytes).map(|batch| batch.seal))
            .transpose()?;
        loop {
            let first = previous.as_ref().map_or(1, |seal| seal.first.saturating_add(u64::from(seal.count)));
            let mut facts: Vec<Fact> = Vec::new();
            let mut bytes = 0_usize;
            {
                let mut find =
                    tx.prepare_cached("SELECT bytes FROM fact WHERE journal = ?1 AND seq >= ?2 ORDER BY seq LIMIT ?3")?;
                let mut rows = find.query(params![journal.0, int(first), i64::try_from(MOST_FACTS).unwrap_or(500)])?;
                while let Some(row) = rows.next()? {
                    let raw: Vec<u8> = row.get(0)?;
                    bytes = bytes.saturating_add(raw.len());
                    if bytes > BATCH_BYTES && !facts.is_empty() {
                        break;
                    }
                    facts.push(Fact::parse(&raw)?);
                }
            }
            if facts.is_empty() {
                break;
            }
            let batch = seal(&facts, previous.as_ref(), seen, &seed(), key)?;
            tx.prepare_cached("INSERT INTO batch (journal, number, first, count, bytes) VALUES (?1, ?2, ?3, ?4, ?5)")?
                .execute(params![
                    journal.0,
                    int(batch.seal.batch),
                    int(batch.seal.first),
                    batch.seal.count,
                    batch.bytes()
                ])?;
            for verified in batch.verify(&key.verifying_key())? {
                tx.prepare_cached("UPDATE fact SET leaf = ?3 WHERE journal = ?1 AND seq = ?2")?.execute(params![
                    journal.0,
                    int(verified.fact.id.seq),
                    verified.leaf.0
                ])?;
            }
            previous = Some(batch.seal);
        }
        tx.commit()?;
        Ok(())
    }

    /// Own batches from `number` on that the county has not acknowledged, up to about `most` bytes but at least one.
    ///
    /// # Errors
    /// [`StoreFault`].
    pub fn unacknowledged(&self, from: u64, most: usize) -> Result<Vec<Vec<u8>>, StoreFault> {
        let journal = self.journal()?;
        let mut find =
            self.conn.prepare_cached("SELECT bytes FROM batch WHERE journal = ?1 AND number >= ?2 ORDER BY number")?;
        let mut rows = find.query(params![journal.0, int(from)])?;
        let mut out: Vec<Vec<u8>> = Vec::new();
        let mut bytes = 0_usize;
        while let Some(row) = rows.next()? {
            let raw: Vec<u8> = row.get(0)?;
            bytes = bytes.saturating_add(raw.len());
            if bytes > most && !out.is_empty() {
                break;
            }
            out.push(raw);
        }
        Ok(out)
    }

    /// Notes what the county says of own batches. Corrected times may move; views that depend on them are made anew.
    ///
    /// # Errors
    /// [`StoreFault`].
    pub fn acknowledged(&mut self, acks: &[Ack]) -> Result<u32, StoreFault> {
        let journal = self.journal()?;
        let tx = self.conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let mut held = 0_u32;
        let mut touched = BTreeSet::new();
        for ack in acks {
            let span: Option<(i64, i64)> = tx
                .query_row(
                    "SELECT first, count FROM batch WHERE journal = ?1 AND number = ?2",
                    params![journal.0, int(ack.batch)],
                    |row| Ok((row.get(0)?, row.get(1)?)),
                )
                .optional()?;
            let Some((first, count)) = span else { continue };
            tx.execute(
                "UPDATE batch SET position = ?3 WHERE journal = ?1 AND number = ?2",
                params![journal.0, int(ack.batch), int(ack.position)],
            )?;
            let mut find =
                tx.prepare_cached("SELECT n, seq, wall, file FROM fact WHERE journal = ?1 AND seq >= ?2 AND seq < ?3")?;
            let rows: Vec<(i64, i64, i64, [u8; 8])> = find
                .query_map(params![journal.0, first, first.saturating_add(count)], |row| {
                    Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?))
                })?
                .collect::<Result<_, _>>()?;
            for (n, seq, wall, file) in rows {
                let is_held = ack.held.contains(&uint(seq));
                held = held.saturating_add(u32::from(is_held));
                let at = corrected(Millis(wall), ack.received);
                tx.prepare_cached("UPDATE fact SET position = ?2, held = ?3, at = ?4 WHERE n = ?1")?
                    .execute(params![n, int(ack.position), is_held, at.0])?;
                touched.insert(FileId(file));
            }
        }
        for file in touched {
            views::settle(&tx, file)?;
        }
        tx.commit()?;
        Ok(held)
    }

    /// Takes in a page: erases what is gone, verifies every batch, stores what is new, moves the cursor. One transaction.
    ///
    /// # Errors
    /// [`StoreFault`]; then nothing of the page was taken.
    pub fn absorb(&mut self, page: &Page) -> Result<Absorbed, StoreFault> {
        let master: JournalId = self.meta("master")?.ok_or(StoreFault::Corrupt { what: "meta.master" })?;
        let own = self.journal()?;
        let tx = self.conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let mut out = Absorbed::default();
        let mut touched = BTreeSet::new();
        // First what is gone: a section lost and regained comes again whole in this or a later page.
        for gone in &page.gone {
            out.gone = out.gone.saturating_add(forget(&tx, gone, own)?);
            touched.insert(gone.file);
        }
        for delivery in &page.deliveries {
            let batch = Batch::parse(&delivery.batch)?;
            let journal = batch.seal.journal;
            let key: Option<[u8; 32]> = tx
                .prepare_cached("SELECT key FROM journal WHERE id = ?1")?
                .query_row(params![journal.0], |row| row.get(0))
                .optional()?;
            let key = key
                .and_then(|key| VerifyingKey::from_bytes(&key).ok())
                .ok_or(StoreFault::UnknownJournal { journal })?;
            for verified in batch.verify(&key)? {
                let new = take_in(&tx, &verified, delivery.position, delivery.received)?;
                let Some(known) = new else { continue };
                out.facts = out.facts.saturating_add(1);
                out.unknown = out.unknown.saturating_add(u32::from(!known));
                touched.insert(verified.fact.file);
                if journal == master && verified.fact.kind == "DeviceEnrolled" {
                    enrol(&tx, &verified.fact)?;
                }
            }
        }
        for file in touched {
            views::settle(&tx, file)?;
        }
        set_meta(&tx, "cursor", &page.next.bytes())?;
        set_meta(&tx, "head", &page.head)?;
        tx.commit()?;
        Ok(out)
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

    /// Count and sum over what the county let through, own facts included, for the close of an exchange.
    ///
    /// # Errors
    /// [`StoreFault`].
    pub fn sum(&self) -> Result<Sum, StoreFault> {
        let mut find = self
            .conn
            .prepare_cached("SELECT leaf FROM fact WHERE leaf IS NOT NULL AND position IS NOT NULL AND held = 0")?;
        let mut rows = find.query([])?;
        let mut sum = Sum::default();
        while let Some(row) = rows.next()? {
            sum.add(&Sha(row.get(0)?));
        }
        Ok(sum)
    }

    /// Makes all views anew from the log.
    ///
    /// # Errors
    /// [`StoreFault`]; then the old views stand.
    pub fn rebuild(&mut self) -> Result<(), StoreFault> {
        let tx = self.conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
        views::rebuild(&tx)?;
        set_meta(&tx, "views", &views::VERSION)?;
        tx.commit()?;
        Ok(())
    }

    /// All views as text, in an order of their own: equal before and after a rebuild.
    ///
    /// # Errors
    /// [`StoreFault`].
    pub fn dump_views(&self) -> Result<String, StoreFault> {
        views::dump(&self.conn)
    }

    /// Checks the whole file: pages, and every fact against its own bytes.
    ///
    /// # Errors
    /// [`StoreFault`]; `Corrupt` names what is wrong.
    pub fn check(&self) -> Result<u64, StoreFault> {
        let ok: String = self.conn.query_row("PRAGMA integrity_check", [], |row| row.get(0))?;
        if ok != "ok" {
            return Err(StoreFault::Corrupt { what: "the file's pages" });
        }
        let mut find = self.conn.prepare("SELECT journal, seq, bytes FROM fact")?;
        let mut rows = find.query([])?;
        let mut count = 0_u64;
        while let Some(row) = rows.next()? {
            let (journal, seq, bytes): ([u8; 8], i64, Vec<u8>) = (row.get(0)?, row.get(1)?, row.get(2)?);
            let fact = Fact::parse(&bytes)?;
            if fact.id != (FactId { journal: JournalId(journal), seq: uint(seq) }) {
                return Err(StoreFault::Corrupt { what: "a fact's name" });
            }
            count = count.saturating_add(1);
        }
        Ok(count)
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
        insert(self.tx, &fact, &bytes, self.at, None, None)?;
        self.next = self.next.saturating_add(1);
        self.written.push(id);
        self.touched.insert(file);
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

fn set_meta<T: serde::Serialize>(conn: &Connection, key: &str, value: &T) -> Result<(), StoreFault> {
    conn.prepare_cached(
        "INSERT INTO meta (key, value) VALUES (?1, ?2) ON CONFLICT (key) DO UPDATE SET value = excluded.value",
    )?
    .execute(params![key, serde_json::to_vec(value)?])?;
    Ok(())
}

/// The journal's last fact, erased ones included: a number is never used twice.
fn last_seq(conn: &Connection, journal: JournalId) -> Result<u64, StoreFault> {
    let seq: Option<i64> = conn
        .prepare_cached("SELECT max(seq) FROM fact WHERE journal = ?1")?
        .query_row(params![journal.0], |row| row.get(0))?;
    Ok(seq.map_or(0, uint).max(sealed_upto(conn, journal, false)?))
}

/// The last fact of the journal that stands in a sealed (and acknowledged) batch.
fn sealed_upto(conn: &Connection, journal: JournalId, acknowledged: bool) -> Result<u64, StoreFault> {
    let seq: Option<i64> = conn
        .prepare_cached(
            "SELECT max(first + count - 1) FROM batch WHERE journal = ?1 AND (?2 = 0 OR position IS NOT NULL)",
        )?
        .query_row(params![journal.0, acknowledged], |row| row.get(0))?;
    Ok(seq.map_or(0, uint))
}

/// Puts a fact into log and views. Returns whether its kind is known.
fn insert(
    tx: &Transaction<'_>,
    fact: &Fact,
    bytes: &[u8],
    at: Millis,
    position: Option<u64>,
    leaf: Option<Sha>,
) -> Result<bool, StoreFault> {
    let event = Event::read(&fact.kind, &fact.body).ok().flatten();
    tx.prepare_cached(
        "INSERT INTO fact (journal, seq, file, section, kind, author, wall, at, position, known, leaf, bytes)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)",
    )?
    .execute(params![
        fact.id.journal.0,
        int(fact.id.seq),
        fact.file.0,
        fact.section.code(),
        fact.kind,
        fact.author.as_str(),
        fact.wall.0,
        at.0,
        position.map(int),
        event.is_some(),
        leaf.map(|leaf| leaf.0),
        bytes
    ])?;
    let n = tx.last_insert_rowid();
    views::take(tx, n, fact, event.as_ref())?;
    Ok(event.is_some())
}

/// Takes a received fact in, unless it is here. `Some(known)` if it was new.
fn take_in(
    tx: &Transaction<'_>,
    verified: &Verified,
    position: u64,
    received: Received,
) -> Result<Option<bool>, StoreFault> {
    let fact = &verified.fact;
    let here: Option<Vec<u8>> = tx
        .prepare_cached("SELECT bytes FROM fact WHERE journal = ?1 AND seq = ?2")?
        .query_row(params![fact.id.journal.0, int(fact.id.seq)], |row| row.get(0))
        .optional()?;
    match here {
        Some(bytes) if bytes == verified.bytes => Ok(None),
        Some(_) => Err(StoreFault::Forked { journal: fact.id.journal, seq: fact.id.seq }),
        None => {
            let at = corrected(fact.wall, received);
            insert(tx, fact, &verified.bytes, at, Some(position), Some(verified.leaf)).map(Some)
        }
    }
}

/// Learns a journal's key from the master's word.
fn enrol(tx: &Transaction<'_>, fact: &Fact) -> Result<(), StoreFault> {
    let enrolled: DeviceEnrolled = serde_json::from_slice(&fact.body)?;
    let key: [u8; 32] = domain::ids::unhex(&enrolled.key).ok_or(StoreFault::Corrupt { what: "a device's key" })?;
    tx.execute(
        "INSERT INTO journal (id, device, key, own) VALUES (?1, ?2, ?3, 0) ON CONFLICT (id) DO NOTHING",
        params![enrolled.journal.0, enrolled.device.0, key],
    )?;
    Ok(())
}

/// Erases a section that this desk may no longer see, own facts included once the county has them. Own facts that the
/// county does not have yet, or keeps without letting them through, stay.
fn forget(tx: &Transaction<'_>, gone: &Gone, own: JournalId) -> Result<u32, StoreFault> {
    let (file, section) = (gone.file, gone.section);
    let before = gone.regained.map_or(i64::MAX, int);
    let mut find = tx.prepare_cached(
        "SELECT n, journal FROM fact WHERE file = ?1 AND section = ?2 AND position < ?3 AND held = 0",
    )?;
    let facts: Vec<(i64, [u8; 8])> = find
        .query_map(params![file.0, section.code(), before], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect::<Result<_, _>>()?;
    // Numbers printed for a family that goes stay used.
    let spent: Vec<(String, i64, i64)> = tx
        .prepare_cached("SELECT kind, year, max(serial) FROM letter WHERE file = ?1 GROUP BY kind, year, serial / 100")?
        .query_map(params![file.0], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?
        .collect::<Result<_, _>>()?;
    for (kind, year, serial) in spent {
        tx.prepare_cached(
            "INSERT INTO spent (kind, year, block, serial) VALUES (?1, ?2, ?3 / 100, ?3)
             ON CONFLICT DO UPDATE SET serial = max(serial, excluded.serial)",
        )?
        .execute(params![kind, year, serial])?;
    }
    for (n, _) in &facts {
        tx.prepare_cached("DELETE FROM replaced WHERE n = ?1")?.execute(params![n])?;
        tx.prepare_cached("DELETE FROM fact WHERE n = ?1")?.execute(params![n])?;
        views::drop_fact(tx, *n)?;
    }
    if facts.iter().any(|(_, journal)| *journal == own.0) {
        let mut find = tx.prepare_cached("SELECT number, bytes FROM batch WHERE journal = ?1 AND position < ?2")?;
        let batches: Vec<(i64, Vec<u8>)> =
            find.query_map(params![own.0, before], |row| Ok((row.get(0)?, row.get(1)?)))?.collect::<Result<_, _>>()?;
        for (number, bytes) in batches {
            let pruned = Batch::parse(&bytes)?.only(|run| (run.file, run.section) != (file, section));
            tx.prepare_cached("UPDATE batch SET bytes = ?3 WHERE journal = ?1 AND number = ?2")?.execute(params![
                own.0,
                number,
                pruned.bytes()
            ])?;
        }
    }
    tx.prepare_cached("DELETE FROM blob WHERE file = ?1 AND section = ?2 AND sent = 1")?
        .execute(params![file.0, section.code()])?;
    Ok(u32::from(!facts.is_empty()))
}

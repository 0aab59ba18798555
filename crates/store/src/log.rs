//! The log: opening, writing, rebuilding and checking. Own facts are sealed and acknowledged in `sealing.rs`, one own journal
//! follows another in `journals.rs`, what others wrote comes in by `taking.rs`, and `deciding.rs` does what the log says of
//! itself. A fact once written is never edited; only what the county says of its time and place is added.
//!
//! What came sealed is kept as it came, as far as this desk may see it, with its proof: a restored county gets it back,
//! and a page can be checked again. What is not sealed yet stands alone in `open_fact`.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use domain::VerifyingKey;
use domain::clock::{Millis, tick};
use domain::event::Event;
use domain::exchange::{Cursor, Sum};
use domain::fact::{Batch, Fact, Told};
use domain::ids::{FactId, FileId, JournalId, PersonId, Sha};
use domain::words::Section;
use rusqlite::{Connection, OptionalExtension, Transaction, TransactionBehavior, params};
use zeroize::Zeroizing;

use crate::anchor::{Anchor, Head};
use crate::blobs::Keeping;
use crate::copies::Copier;
use crate::deciding::{decide, decides};
use crate::fault::StoreFault;
use crate::file::{self, FileKey};
use crate::filing::Waiting;
use crate::leaving;
use crate::names::{self, Names};
use crate::search::Index;
use crate::views::{self, Change, Gist, Hot, Numbered, Place};

/// Schema of the log; views carry a version of their own.
const SCHEMA: i64 = 10;
/// The oldest that is read, and brought up to date at opening; those before it were never given to anybody.
const OLDEST: i64 = 4;

/// A desk's encrypted file.
#[derive(Debug)]
pub struct Store {
    pub(crate) conn: Connection,
    pub(crate) names: Names,
    /// What is in the log and not in the views yet.
    pub(crate) waiting: Waiting,
    /// The facts that parts of the page at hand have named so far.
    pub(crate) named: Vec<i64>,
    pub(crate) anchor: Anchor,
    /// What the anchor named and this file lacked when it was opened.
    pub(crate) behind: Option<Head>,
    /// What searches look through, once there was one.
    pub(crate) index: Option<Index>,
    /// What copies it; none of a file without encryption.
    pub(crate) copier: Option<Copier>,
    /// Always, but in a measurement of what it costs.
    pub(crate) verifies: bool,
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
    pub(crate) names: &'a mut Names,
    pub(crate) waiting: &'a mut Waiting,
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

/// SQLite's integers are signed; no count here comes near the edge.
pub(crate) fn int(n: u64) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}

pub(crate) fn uint(n: i64) -> u64 {
    u64::try_from(n).unwrap_or(0)
}

/// The first eight bytes of a leaf, as a column holds them.
pub(crate) fn leaf_bits(leaf: &Sha) -> i64 {
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
        let copier = Copier::new(path.to_owned(), key.clone(), anchor_key.clone());
        Self::with(file::open(path, key)?, path, anchor_key, Some(copier))
    }

    /// A store without encryption that believes every seal, to measure what these cost. No product code calls this.
    ///
    /// # Errors
    /// As [`Store::open`].
    #[cfg(feature = "measure")]
    pub fn open_unprotected(path: &Path, anchor_key: Zeroizing<[u8; 32]>) -> Result<(Self, Standing), StoreFault> {
        Self::with(file::open_unprotected(path)?, path, anchor_key, None)
    }

    fn with(
        mut conn: Connection,
        path: &Path,
        anchor_key: Zeroizing<[u8; 32]>,
        copier: Option<Copier>,
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
            if found < 7 {
                tx.execute_batch(include_str!("lean.sql"))?;
            }
            if found < 8 {
                tx.execute_batch(include_str!("papers.sql"))?;
            }
            if found < 9 {
                tx.execute_batch(include_str!("leased.sql"))?;
            }
            tx.execute_batch(include_str!("previews.sql"))?;
            tx.pragma_update(None, "user_version", SCHEMA)?;
            tx.commit()?;
        }
        conn.set_prepared_statement_cache_capacity(128);
        let (anchor, head) = Anchor::open(&path.with_extension("anchor"), anchor_key)?;
        let mut names = Names::load(&conn)?;
        let current = meta::<i64>(&conn, "views")?.is_some_and(|version| version == views::VERSION);
        let waiting = if current { Waiting::load(&conn, &mut names)? } else { Waiting::default() };
        let mut store = Self {
            conn,
            names,
            waiting,
            named: Vec::new(),
            anchor,
            behind: None,
            verifies: copier.is_some(),
            index: None,
            copier,
        };
        if !current {
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
                    // Erased after the county had it, with the right to see it; or a journal in which nothing was written yet.
                    // One that is not known here at all was begun by a later state of this file.
                    None if no
                        .map_or(Ok(false), |no| sealed_upto(&store.conn, no, true).map(|upto| upto >= head.seq))? =>
                    {
                        Standing::Sound
                    }
                    // What it names has gone over into a later journal of this very file, and the anchor was not yet
                    // told, or its newer slot is torn. Under that name a twin's work may have come since.
                    Some(_) | None if store.began_later(head.journal)? => Standing::Sound,
                    Some(_) | None => Standing::Behind { anchor: head, seq: last },
                }
            }
        };
        if let Standing::Behind { anchor, .. } = standing {
            store.behind = Some(anchor);
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
            self.anchor.set(id.journal, id.seq, hash).map_err(|error| E::from(StoreFault::Unguarded(error)))?;
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

    /// Starts reading from the beginning again, of a county that lost nothing: what is already here is met as known, and
    /// what is not named by the end is not this desk's to see. Own facts of the present journal are not sent back, and
    /// what is held is named by nothing but its acknowledgement: they stay.
    ///
    /// # Errors
    /// [`StoreFault`].
    pub fn reset_cursor(&mut self) -> Result<(), StoreFault> {
        let own = self.own()?;
        self.within(|tx, _| {
            tx.execute(
                "INSERT OR IGNORE INTO stale (n)
                 SELECT n FROM entry WHERE position IS NOT NULL AND held = 0 AND n NOT BETWEEN ?1 AND ?2",
                own,
            )?;
            set_meta(tx, "cursor", &Cursor::default().bytes())
        })
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
        self.waiting.replace(no, &targets);
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

    /// The facts of one journal from one to another, as far as they are open here.
    ///
    /// # Errors
    /// [`StoreFault`].
    pub fn facts_between(&self, first: FactId, last: FactId) -> Result<Vec<Fact>, StoreFault> {
        let seqs = first.seq..=last.seq;
        self.facts(&seqs.map(|seq| FactId { journal: first.journal, seq }).collect::<Vec<_>>())
    }

    /// These facts, as far as they are open here.
    ///
    /// # Errors
    /// [`StoreFault`].
    pub fn facts(&self, ids: &[FactId]) -> Result<Vec<Fact>, StoreFault> {
        let numbers: Vec<i64> = ids.iter().filter_map(|id| self.names.known_fact(*id)).collect();
        bodies(self.tx, &numbers)
    }

    /// Keeps bytes by their hash, to be sent with the file's section.
    ///
    /// # Errors
    /// [`StoreFault`].
    pub fn keep_blob(&mut self, file: FileId, section: Section, media: &str, bytes: &[u8]) -> Result<Sha, StoreFault> {
        let sha = Sha::of(bytes);
        Keeping { file, section, media, preview: false, sent: false }.keep(self.tx, sha, bytes)?;
        Ok(sha)
    }

    /// Keeps a photo in small, in the same way.
    ///
    /// # Errors
    /// [`StoreFault`].
    pub fn keep_preview(
        &mut self,
        file: FileId,
        section: Section,
        media: &str,
        bytes: &[u8],
    ) -> Result<Sha, StoreFault> {
        let sha = Sha::of(bytes);
        Keeping { file, section, media, preview: true, sent: false }.keep(self.tx, sha, bytes)?;
        Ok(sha)
    }

    /// Keeps a print run's PDF for this laptop alone, together with the facts of its sheets.
    ///
    /// # Errors
    /// [`StoreFault`].
    pub fn keep_run(&mut self, media: &str, bytes: &[u8]) -> Result<Sha, StoreFault> {
        let sha = Sha::of(bytes);
        Keeping::local(media).keep(self.tx, sha, bytes)?;
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

/// The journal's last fact, erased ones included: a number is never used twice.
pub(crate) fn last_seq(conn: &Connection, no: i64) -> Result<u64, StoreFault> {
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

/// The device of the county's own journals.
pub(crate) const MASTER: [u8; 8] = [0; 8];

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

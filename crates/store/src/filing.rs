//! From the log into the views. A page of a contact goes into the log at once, at the ends of its journals; the views are
//! written afterwards, family by family, so that each page of the disk is written once and not once for every journal.
//! Until then it is as if the facts had not come yet: no read sees a part of one. Whatever changes the log otherwise files
//! first; a laptop that dies in between files when it is opened again.
//! Nothing here decides what a fact means.

use std::collections::BTreeMap;

use domain::clock::Millis;
use domain::fact::{Batch, Row, Told};
use domain::ids::FactId;
use rusqlite::types::Value;
use rusqlite::{Connection, Transaction};

use crate::fault::StoreFault;
use crate::log::Store;
use crate::names::{self, Names};
use crate::views::{self, Bulk, Change, Gist, Hot};

/// Facts that are filed in one transaction: a save waits for so many.
const FILED_AT_ONCE: usize = 400;

/// As many where nobody waits with a save: families are visited less often, and memory stays small.
const FILED_IN_ONE: usize = 4_000;

/// A fact that is in the log and not in the views yet. Many wait: it is small.
pub(crate) struct Unfiled {
    pub(crate) n: i64,
    pub(crate) file: i64,
    /// What it replaces.
    pub(crate) targets: Vec<i64>,
    /// What views need of what it says.
    pub(crate) gist: Gist,
    /// What lists read of it.
    pub(crate) said: Option<Box<[u8]>>,
    /// Whether it was replaced before it came.
    pub(crate) replaced: bool,
}

impl Unfiled {
    /// Where it goes in order: its file, then its number. Both are above zero, and one comparison costs less than two.
    fn rank(&self) -> u128 {
        u128::from(self.file.cast_unsigned()) << 64 | u128::from(self.n.cast_unsigned())
    }

    /// A row of a batch, numbered `n` in a file, with its name and its seal's clock; `replaced` before it came.
    pub(crate) fn of(
        conn: &Connection,
        names: &mut Names,
        (n, file): (i64, i64),
        row: &Row,
        (id, base): (FactId, Millis),
        replaced: bool,
    ) -> Result<Self, StoreFault> {
        let targets = views::targets(conn, names, row.replaces())?;
        // The longest of all, of which views need nothing but that it is there.
        if row.is_plain_note() {
            return Ok(Self { n, file, targets, gist: Gist::Noted, said: None, replaced });
        }
        let told = row.told(id, base)?;
        let said = match &told {
            Told::Event(event) if views::listed(event) => Some(row.body(id, base)?.into_boxed_slice()),
            Told::Field(_, text) => Some(text.as_bytes().into()),
            Told::Unknown | Told::Number(_) | Told::Visit(..) | Told::Event(_) => None,
        };
        Ok(Self { n, file, targets, gist: Gist::of(told), said, replaced })
    }
}

/// What waits to be filed.
#[derive(Default)]
pub(crate) struct Waiting {
    facts: Vec<Unfiled>,
    /// What any of them replaces, or what was written here meanwhile; each with the file of what replaces it.
    replaced: Vec<(i64, i64)>,
    /// Both in order: the facts by file, last first.
    sorted: bool,
    /// A step was begun and not ended, or could not be taken back: only the file tells what waits.
    doubt: bool,
}

impl std::fmt::Debug for Waiting {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // How many, never what they say.
        write!(f, "Waiting({})", self.facts.len())
    }
}

impl Waiting {
    /// How many.
    pub(crate) fn len(&self) -> usize {
        self.facts.len()
    }

    /// Whether only the file tells what waits.
    pub(crate) fn in_doubt(&self) -> bool {
        self.doubt
    }

    /// From now on only the file tells what waits.
    pub(crate) fn doubt(&mut self) {
        self.doubt = true;
    }

    /// What is written here meanwhile in a file takes the place of these.
    pub(crate) fn replace(&mut self, file: i64, targets: &[i64]) {
        if !self.facts.is_empty() && !targets.is_empty() {
            self.replaced.extend(targets.iter().map(|target| (*target, file)));
            self.sorted = false;
        }
    }

    /// One more.
    pub(crate) fn push(&mut self, fact: Unfiled) {
        self.replaced.extend(fact.targets.iter().map(|target| (*target, fact.file)));
        self.sorted = false;
        self.facts.push(fact);
    }

    /// What waits in a file that was not closed in order, or in which a transaction failed: nothing but what stands there.
    pub(crate) fn load(conn: &Connection, names: &mut Names) -> Result<Self, StoreFault> {
        let mut out = Self::default();
        let batches: Vec<(i64, Vec<u8>)> = conn
            .prepare_cached("SELECT u.n, b.bytes FROM unfiled u JOIN sealed b ON b.n = u.n ORDER BY u.n")?
            .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?
            .collect::<Result<_, _>>()?;
        for (at, bytes) in batches {
            let batch = Batch::stored(&bytes)?;
            for (seq, row) in batch.rows() {
                let n = names::fact_no(names::journal_of(at), seq)?;
                let file = names.file(conn, row.file)?;
                let mut waits = conn.prepare_cached(
                    "SELECT 1 FROM entry WHERE n = ?2 AND NOT EXISTS (SELECT 1 FROM filed WHERE file = ?1 AND n = ?2)",
                )?;
                if waits.exists([file, n])? {
                    let id = FactId { journal: batch.seal.journal, seq };
                    let mut ended = conn.prepare_cached("SELECT 1 FROM replaced WHERE target = ?1 AND file = ?2")?;
                    let replaced = ended.exists([n, file])?;
                    out.push(Unfiled::of(conn, names, (n, file), row, (id, batch.seal.base), replaced)?);
                }
            }
        }
        Ok(out)
    }

    /// Files so many of them, all if there are no more, and notes in the database when none waits any longer.
    pub(crate) fn file(&mut self, tx: &Transaction<'_>, most: usize) -> Result<(), StoreFault> {
        if self.facts.is_empty() {
            return Ok(());
        }
        if !self.sorted {
            self.facts.sort_unstable_by_key(|fact| std::cmp::Reverse(fact.rank()));
            self.replaced.sort_unstable();
            self.sorted = true;
        }
        self.doubt = true;
        let mut step: Vec<Unfiled> = self.facts.drain(self.facts.len().saturating_sub(most)..).rev().collect();
        // All rows by file and all ends first: each fact then meets what the others leave.
        let mut filed = Bulk::new(tx, views::INTO_FILED);
        let mut ends = Bulk::new(tx, views::INTO_REPLACED);
        let mut texts = Bulk::new(tx, views::INTO_SAID);
        let mut last: i64 =
            tx.prepare_cached("SELECT coalesce(max(no), 0) FROM said")?.query_row([], |row| row.get(0))?;
        for fact in &mut step {
            let mut place = Value::Null;
            if let Some(said) = fact.said.take() {
                last = last.saturating_add(1);
                place = Value::Integer(last);
                texts.row([Value::Blob(said.into_vec())])?;
            }
            let (n, file, slot) = (fact.n, fact.file, fact.gist.place());
            let over = views::over(&fact.targets);
            filed.row([Value::Integer(file), Value::Integer(slot), Value::Integer(n), over, place])?;
            if !fact.gist.takes_one_place(&fact.targets) {
                for target in &fact.targets {
                    ends.row([*target, n, file].map(Value::Integer))?;
                }
            }
        }
        filed.end()?;
        ends.end()?;
        texts.end()?;
        let (mut hot, mut visits) = (Hot::new(tx)?, Bulk::new(tx, views::INTO_VISIT));
        let mut changes: BTreeMap<i64, Change> = BTreeMap::new();
        for Unfiled { n, file, targets, gist, replaced, .. } in &step {
            let replaced = *replaced || self.replaced.binary_search(&(*n, *file)).is_ok();
            let change = views::show(&mut hot, (*n, *file), gist, targets, replaced, &mut visits)?;
            if change > Change::None {
                let known = changes.entry(*file).or_insert(change);
                *known = change.max(*known);
            }
        }
        visits.end()?;
        for (file, change) in changes {
            match change {
                Change::None => {}
                Change::Conflicts => views::count_conflicts(tx, file)?,
                Change::Line => views::line(tx, file)?,
            }
        }
        if self.facts.is_empty() {
            self.replaced.clear();
            tx.prepare_cached("DELETE FROM unfiled")?.execute([])?;
        }
        self.doubt = false;
        Ok(())
    }
}

impl Store {
    /// How many facts are in the log and not in the views yet.
    pub fn unfiled(&self) -> usize {
        self.waiting.len()
    }

    /// Files some of what came, in a transaction of its own. True if more waits.
    ///
    /// # Errors
    /// [`StoreFault`]; then nothing of this step was filed, and it waits.
    pub fn file_some(&mut self) -> Result<bool, StoreFault> {
        self.file_up_to(FILED_AT_ONCE)
    }

    /// Files all of it, in large steps: where nobody waits with a save.
    ///
    /// # Errors
    /// [`StoreFault`]; what was not filed waits.
    pub fn file_all(&mut self) -> Result<(), StoreFault> {
        while self.file_up_to(FILED_IN_ONE)? {}
        Ok(())
    }

    fn file_up_to(&mut self, most: usize) -> Result<bool, StoreFault> {
        if self.waiting.len() == 0 && !self.waiting.in_doubt() {
            return Ok(false);
        }
        self.plainly(|tx, _, waiting| waiting.file(tx, most))?;
        Ok(self.waiting.len() > 0)
    }
}

//! Sealing own facts into batches, sending them until the county has them, and what its acknowledgements and marks say.
//! A batch is never sealed twice, nor sent again otherwise than it went before.

use std::collections::BTreeSet;

use domain::clock::{Millis, corrected};
use domain::exchange::{Ack, Mark};
use domain::fact::{Batch, Fact, Salt, Seal, seal};
use domain::ids::Sha;
use rusqlite::{OptionalExtension, Transaction, params};

use crate::copies;
use crate::deciding::erased_among;
use crate::fault::StoreFault;
use crate::leaving;
use crate::log::{Store, int, leaf_bits, refold, uint};
use crate::names;
use crate::restored;
use crate::views;

/// Facts sealed together at most. A batch is taken in whole, and a save at the desk that takes it waits as long: so fewer
/// than a batch may hold. Bytes differ by a hundredth.
pub const SEALED_AT_ONCE: usize = 128;
/// Largest batch before it is cut, bytes of facts.
const BATCH_BYTES: usize = 1024 * 1024;
/// Marks kept of the county log: all of the last contacts, fewer and fewer before.
const MOST_MARKS: usize = 32;

impl Store {
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
                    copies::purge(tx)?;
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

fn put_batch(tx: &Transaction<'_>, no: i64, batch: &Batch, position: Option<u64>) -> Result<(), StoreFault> {
    put_batch_bytes(tx, no, (batch.seal.batch, batch.seal.first, batch.seal.count), position, &batch.bytes())
}

/// `seal` is the batch's number, the seq of its first fact and how many it has. Parts of it may have come to the county in
/// several hands, each with a place of its own: the batch has the last of them.
pub(crate) fn put_batch_bytes(
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

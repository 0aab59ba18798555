//! Leaving: what a desk may no longer see goes from log, views and papers. Its own work goes out of sight at once, and its
//! sealed bytes only once they are in a backup that was verified: until then this desk may be the only one that can give
//! it back to a county restored from yesterday. It must never show again what left, nor keep what was erased.

use std::collections::{BTreeMap, BTreeSet};

use domain::event::{Event, erasable};
use domain::exchange::Gone;
use domain::fact::Fact;
use domain::ids::{JournalId, Sha};
use domain::words::Section;
use rusqlite::types::Value;
use rusqlite::{Connection, Transaction, params};

use crate::blobs::UNNAMED;
use crate::copies;
use crate::fault::StoreFault;
use crate::log::{Store, bodies, bodies_by, int, meta, refold, set_meta};
use crate::names::{self, Names};
use crate::sealing::prune_batch;
use crate::views::{self, Bulk};

/// Where a fact stands that is in the log or left it: see [`bodies_by`].
pub(crate) const HERE_OR_LEFT: &str =
    "SELECT batch FROM entry WHERE n = ?1 UNION ALL SELECT batch & 4294967295 FROM leaving WHERE n = ?1";

impl Store {
    /// The last position of the county log that is in a verified backup, told with the log's `head`. Own work up to there
    /// that left this desk is no longer kept; the paper of it no longer once a longer log was backed up than the one at
    /// which the county was known to have it, and this desk has read beyond that one: a county that was put back to before
    /// it had the paper has the same log up to there, and says what it lost in what follows.
    ///
    /// # Errors
    /// [`StoreFault`].
    pub fn set_safe(&mut self, safe: u64, head: u64) -> Result<(), StoreFault> {
        let read = self.cursor()?.visible;
        self.within(|tx, _| {
            set_meta(tx, "safe", &safe)?;
            tx.prepare_cached(
                "UPDATE leaving SET paper_at = ?1 WHERE paper_at IS NULL
                   AND EXISTS (SELECT 1 FROM left_paper p WHERE p.n = leaving.n)
                   AND NOT EXISTS (SELECT 1 FROM left_paper p JOIN blob b ON b.sha = p.sha
                     WHERE p.n = leaving.n AND b.sent <> 1)",
            )?
            .execute([int(head)])?;
            let safe = shared(tx, safe)?;
            let which = "JOIN batch b ON b.n = l.batch WHERE b.position <= ?1
              AND (l.paper_at < ?2 OR NOT EXISTS (SELECT 1 FROM left_paper p WHERE p.n = l.n))";
            let kept = kept(tx, which, &[int(safe), int(safe.min(read))])?;
            release(tx, &kept)
        })
    }
}

/// How far of what is safe the places known here tell. While everything is read anew, those above what both share are of the
/// history that the county lost: by its present count other facts stand there.
fn shared(conn: &Connection, safe: u64) -> Result<u64, StoreFault> {
    Ok(meta::<Option<u64>>(conn, "anew")?.flatten().map_or(safe, |lost| safe.min(lost)))
}

/// A fact that left: its number, its batch's, and the papers it names.
struct Left {
    n: i64,
    batch: Option<i64>,
    papers: Vec<Sha>,
}

fn kept(conn: &Connection, which: &str, with: &[i64]) -> Result<Vec<Left>, StoreFault> {
    let mut find = conn.prepare_cached(&format!("SELECT l.n, l.batch FROM leaving l {which}"))?;
    let mut papers = conn.prepare_cached("SELECT sha FROM left_paper WHERE n = ?1 ORDER BY sha")?;
    let mut rows = find.query(rusqlite::params_from_iter(with))?;
    let mut out = Vec::new();
    while let Some(row) = rows.next()? {
        let (n, batch) = (row.get(0)?, row.get(1)?);
        let papers = papers.query_map([n], |row| Ok(Sha(row.get(0)?)))?.collect::<Result<_, _>>()?;
        out.push(Left { n, batch, papers });
    }
    Ok(out)
}

/// Keeps a fact that left, with the batch it stands in (none: not sealed yet) and the papers it names.
pub(crate) fn keep(tx: &Connection, n: i64, batch: Option<i64>, papers: &[Sha]) -> Result<(), StoreFault> {
    tx.prepare_cached("INSERT OR IGNORE INTO leaving (n, batch) VALUES (?1, ?2)")?.execute(params![n, batch])?;
    for sha in papers {
        tx.prepare_cached("INSERT OR IGNORE INTO left_paper (n, sha) VALUES (?1, ?2)")?.execute(params![n, sha.0])?;
    }
    Ok(())
}

/// A fact that had left is here again, or is under another name.
pub(crate) fn back(tx: &Connection, n: i64) -> Result<(), StoreFault> {
    back_between(tx, (n, n))
}

/// The same of all between two numbers.
pub(crate) fn back_between(tx: &Connection, (first, last): (i64, i64)) -> Result<(), StoreFault> {
    tx.prepare_cached("DELETE FROM leaving WHERE n BETWEEN ?1 AND ?2")?.execute([first, last])?;
    tx.prepare_cached("DELETE FROM left_paper WHERE n BETWEEN ?1 AND ?2")?.execute([first, last])?;
    Ok(())
}

/// A restored county has given a new place to what it lacked from above `lost`: own batches have the last one of what of
/// them is here. What left is named by nobody: it is known only to stand no later than the log's present end.
pub(crate) fn placed_anew(tx: &Connection, lost: u64) -> Result<(), StoreFault> {
    let head: u64 = meta(tx, "head")?.unwrap_or(0);
    tx.prepare_cached(
        "UPDATE batch SET position = coalesce(
           (SELECT max(e.position) FROM entry e WHERE e.batch = batch.n & 4294967295
              AND e.n BETWEEN batch.n & ~4294967295 AND batch.n | 4294967295), position)
         WHERE position > ?1 AND n >> 32 IN (SELECT no FROM journal WHERE own = 1)
           AND n NOT IN (SELECT batch FROM leaving WHERE batch IS NOT NULL)",
    )?
    .execute([int(lost)])?;
    tx.prepare_cached("UPDATE batch SET position = ?2 WHERE position > ?1 AND n IN (SELECT batch FROM leaving)")?
        .execute([int(lost), int(head)])?;
    Ok(())
}

/// What left and was not sealed, from one number up to another, now stands in this batch.
pub(crate) fn sealed(tx: &Connection, (first, end): (i64, i64), batch: i64) -> Result<(), StoreFault> {
    tx.prepare_cached("UPDATE leaving SET batch = ?3 WHERE n >= ?1 AND n < ?2 AND batch IS NULL")?
        .execute([first, end, batch])?;
    Ok(())
}

/// What left of a journal and the county does not have.
pub(crate) fn only_here(tx: &Connection, (first, last): (i64, i64)) -> Result<BTreeSet<i64>, StoreFault> {
    let which = "LEFT JOIN batch b ON b.n = l.batch WHERE l.n BETWEEN ?1 AND ?2 AND b.position IS NULL";
    Ok(kept(tx, which, &[first, last])?.into_iter().map(|left| left.n).collect())
}

/// What left of a journal between two numbers.
pub(crate) fn among(tx: &Connection, (first, last): (i64, i64)) -> Result<BTreeSet<i64>, StoreFault> {
    let kept = kept(tx, "WHERE l.n BETWEEN ?1 AND ?2", &[first, last])?;
    Ok(kept.into_iter().map(|left| left.n).collect())
}

/// Forgets what was kept, as far as the county has it: a paper that is still to be sent goes once it was.
fn release(tx: &Transaction<'_>, which: &[Left]) -> Result<(), StoreFault> {
    let mut batches: BTreeMap<i64, BTreeSet<u64>> = BTreeMap::new();
    if !which.is_empty() {
        copies::purge(tx)?;
    }
    for left in which {
        back(tx, left.n)?;
        for sha in &left.papers {
            tx.prepare_cached(&format!("DELETE FROM blob WHERE sha = ?1 AND sent <> 0 AND {UNNAMED}"))?
                .execute([sha.0])?;
        }
        if let Some(batch) = left.batch {
            batches.entry(batch).or_default().insert(names::seq_of(left.n));
        }
    }
    for (batch, seqs) in batches {
        prune_batch(tx, batch, |seq, _| !seqs.contains(&seq))?;
    }
    Ok(())
}

/// What left and was kept is erased by an erasure of its own file and section. What the county does not have yet is closed
/// once it has, as everywhere.
pub(crate) fn erase(
    tx: &Transaction<'_>,
    names: &mut Names,
    n: i64,
    (file, section): (i64, Section),
) -> Result<(), StoreFault> {
    for left in kept(tx, "WHERE l.n = ?1", &[n])? {
        for fact in bodies_by(tx, &[n], HERE_OR_LEFT)? {
            if (names.file(tx, fact.file)?, fact.section) == (file, section) && erasable(&fact.kind) {
                let sent = "SELECT 1 FROM batch WHERE n = ?1 AND position IS NOT NULL";
                let batch = match left.batch {
                    Some(batch) if tx.prepare_cached(sent)?.exists([batch])? => Some(batch),
                    Some(_) | None => None,
                };
                let papers = left.papers.clone();
                release(tx, &[Left { n, batch, papers }])?;
                for sha in &left.papers {
                    tx.prepare_cached("DELETE FROM blob WHERE sha = ?1 AND sha NOT IN (SELECT sha FROM paper)")?
                        .execute([sha.0])?;
                }
            }
        }
    }
    Ok(())
}

/// What left, is kept and was erased where this desk no longer sees it goes.
pub(crate) fn erased(tx: &Transaction<'_>, n: i64) -> Result<(), StoreFault> {
    let left = kept(tx, "WHERE l.n = ?1", &[n])?;
    release(tx, &left)
}

/// Erases a section that this desk may no longer see, own facts included once the county has them. Own facts that the
/// county does not have yet, or keeps without letting them through, stay; what it keeps of others' was shown to a head.
pub(crate) fn forget(tx: &Transaction<'_>, names: &mut Names, gone: &Gone, own: JournalId) -> Result<u32, StoreFault> {
    let Some(file) = names.known_file(gone.file) else { return Ok(0) };
    let before = gone.regained.map_or(i64::MAX, int);
    let facts: Vec<(i64, Option<i64>)> = tx
        .prepare_cached(
            "SELECT f.n, f.batch FROM filed x JOIN fact f ON f.n = x.n JOIN journal j ON j.no = f.n >> 32
             WHERE x.file = ?1 AND f.section = ?2 AND f.position < ?3 AND (f.held = 0 OR j.own = 0)",
        )?
        .query_map(params![file, gone.section.code(), before], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect::<Result<_, _>>()?;
    leave(tx, names, file, &facts, own, true)?;
    let papers = tx
        .prepare_cached(&format!("DELETE FROM blob WHERE file = ?1 AND section = ?2 AND sent = 1 AND {UNNAMED}"))?
        .execute(params![gone.file.0, gone.section.code()])?;
    if papers > 0 {
        copies::purge(tx)?;
    }
    Ok(u32::from(!facts.is_empty()))
}

/// A part of a page brought these, and the cursor has not moved past them yet: until a whole page names them, nobody would
/// tell that the right to see them went.
pub(crate) fn begun(tx: &Transaction<'_>, fresh: &[i64]) -> Result<(), StoreFault> {
    let mut rows = Bulk::new(tx, "INSERT OR IGNORE INTO stale (n)");
    for n in fresh {
        rows.row([Value::Integer(*n)])?;
    }
    rows.flush()
}

/// A whole page named these: from here on the county tells when they are gone.
pub(crate) fn named(tx: &Transaction<'_>, named: &[i64]) -> Result<(), StoreFault> {
    if any_unnamed(tx)? {
        let mut clear = tx.prepare_cached("DELETE FROM stale WHERE n = ?1")?;
        for n in named {
            clear.execute([n])?;
        }
    }
    Ok(())
}

/// Whether anything is here, or was, that must be named by a whole page to stay.
pub(crate) fn any_unnamed(tx: &Transaction<'_>) -> Result<bool, StoreFault> {
    Ok(tx.prepare_cached("SELECT 1 FROM stale LIMIT 1")?.exists([])?)
}

/// The end of a reading: what had to be named and was not goes, with its papers. Returns how many files lost something.
pub(crate) fn unnamed(tx: &Transaction<'_>, names: &mut Names) -> Result<u32, StoreFault> {
    let own: JournalId = meta(tx, "journal")?.ok_or(StoreFault::Corrupt { what: "meta.journal" })?;
    let mut files: BTreeMap<i64, Vec<(i64, Option<i64>)>> = BTreeMap::new();
    {
        let mut find = tx.prepare_cached(
            "SELECT f.file, f.n, f.batch FROM stale s JOIN fact f ON f.n = s.n WHERE f.position IS NOT NULL",
        )?;
        let mut rows = find.query([])?;
        while let Some(row) = rows.next()? {
            files.entry(row.get(0)?).or_default().push((row.get(1)?, row.get(2)?));
        }
    }
    for (file, facts) in &files {
        leave(tx, names, *file, facts, own, true)?;
    }
    tx.execute("DELETE FROM stale", [])?;
    let papers = tx.execute(&format!("DELETE FROM blob WHERE sent = 1 AND file <> ?1 AND {UNNAMED}"), [[0_u8; 8]])?;
    if papers > 0 {
        copies::purge(tx)?;
    }
    Ok(u32::try_from(files.len()).unwrap_or(u32::MAX))
}

/// Takes facts of a file (each with its batch's number) out of log and views. Own ones that no verified backup holds, or
/// whose paper none may hold, are kept out of sight, if `keeps`.
pub(crate) fn leave(
    tx: &Transaction<'_>,
    names: &mut Names,
    file: i64,
    facts: &[(i64, Option<i64>)],
    own: JournalId,
    keeps: bool,
) -> Result<(), StoreFault> {
    let kept = if keeps { to_keep(tx, names, facts)? } else { BTreeMap::new() };
    let mut batches: BTreeMap<i64, BTreeSet<u64>> = BTreeMap::new();
    for (n, batch) in facts {
        let at = batch.map(|batch| names::batch_of(*n, batch));
        if let Some(papers) = kept.get(n) {
            keep(tx, *n, at, papers)?;
        }
        views::drop_fact(tx, file, *n)?;
        tx.prepare_cached("DELETE FROM entry WHERE n = ?1")?.execute([n])?;
        if let Some(at) = at.filter(|_| !kept.contains_key(n)) {
            batches.entry(at).or_default().insert(names::seq_of(*n));
        }
    }
    let own = names.journal(tx, own)?;
    for (at, seqs) in batches {
        prune_batch(tx, at, |seq, _| !seqs.contains(&seq))?;
        let left =
            tx.prepare_cached("SELECT 1 FROM fact WHERE n BETWEEN ?1 AND ?2 AND batch = ?3")?.exists(params![
                names::span(names::journal_of(at)).0,
                names::span(names::journal_of(at)).1,
                at & i64::from(u32::MAX)
            ])?;
        // A batch of another journal of which nothing is open any more is of no use. One that this desk wrote before it
        // began a new journal may hold what is kept out of sight.
        if !left && names::journal_of(at) != own {
            tx.prepare_cached(
                "DELETE FROM batch WHERE n = ?1 AND n NOT IN (SELECT batch FROM leaving WHERE batch IS NOT NULL)",
            )?
            .execute([at])?;
        }
    }
    if !facts.is_empty() {
        copies::purge(tx)?;
        refold(tx, names, file)?;
    }
    Ok(())
}

/// Which of these facts (each with its batch's number) are own ones that no verified backup holds and that were not erased,
/// each with the papers it names. A paper that is here may be in none, although its fact is: it came to the county after it.
fn to_keep(
    tx: &Transaction<'_>,
    names: &mut Names,
    facts: &[(i64, Option<i64>)],
) -> Result<BTreeMap<i64, Vec<Sha>>, StoreFault> {
    let safe = shared(tx, meta(tx, "safe")?.unwrap_or(0))?;
    let mut numbers = Vec::new();
    for (n, batch) in facts {
        let Some(at) = batch.map(|batch| names::batch_of(*n, batch)) else { continue };
        // What was erased is a row without a body.
        let erased = tx.prepare_cached("SELECT 1 FROM erased WHERE n = ?1")?.exists([n])?;
        let paper =
            tx.prepare_cached("SELECT 1 FROM paper p JOIN blob b ON b.sha = p.sha WHERE p.fact = ?1")?.exists([n])?;
        if !erased && unsafe_own(tx, at, if paper { 0 } else { safe })? {
            numbers.push(*n);
        }
    }
    // In order a batch is read once for all its facts.
    numbers.sort_unstable();
    bodies(tx, &numbers)?.iter().map(|fact| Ok((names.fact(tx, fact.id)?, papers(fact)))).collect()
}

/// Whether a batch is this desk's own and in no verified backup.
fn unsafe_own(tx: &Connection, batch: i64, safe: u64) -> Result<bool, StoreFault> {
    Ok(tx
        .prepare_cached(
            "SELECT 1 FROM batch b JOIN journal j ON j.no = b.n >> 32
             WHERE b.n = ?1 AND j.own = 1 AND (b.position IS NULL OR b.position > ?2)",
        )?
        .exists([batch, int(safe)])?)
}

/// The papers that a fact names.
pub(crate) fn papers(fact: &Fact) -> Vec<Sha> {
    match Event::read(&fact.kind, &fact.body) {
        Ok(Some(Event::ReceiptFiled(filed))) => filed.papers(),
        Ok(_) | Err(_) => Vec::new(),
    }
}

#[cfg(test)]
mod tests;

//! What the log says of itself: the head's word on what is held, and erasures, of facts that are here or yet to come.
//! It must never erase what an erasure may not name, nor let through what the county does not.

use std::collections::BTreeSet;

use domain::decision::{Erased, HeldDecided};
use domain::event::{Event, erasable};
use domain::fact::{Batch, Fact};
use domain::ids::{FactId, JournalId};
use domain::words::Section;
use rusqlite::{Connection, OptionalExtension, Transaction, params};

use crate::copies;
use crate::fault::StoreFault;
use crate::leaving;
use crate::log::{MASTER, bodies};
use crate::names::{self, Names};
use crate::sealing::prune_batch;
use crate::views::{self, Numbered};

/// Whether facts of a kind say something of other facts in the log, or of who writes it: they are taken in one by one, with
/// nothing waiting beside them.
pub(crate) fn decides(kind: &str) -> bool {
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
    let outside = if decided.accept { not_let_in(tx)? } else { BTreeSet::new() };
    for id in decided.facts.iter().filter(|id| decided.accept && !outside.contains(&id.journal)) {
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

/// The journals whose enrolment is held. The county lets nothing of them through before that is: the head's word on it is
/// kept, and what waited for it comes in the pages.
pub(crate) fn not_let_in(conn: &Connection) -> Result<BTreeSet<JournalId>, StoreFault> {
    let mut read = conn.prepare_cached(
        "SELECT f.n FROM fact f JOIN journal j ON j.no = f.n >> 32
         WHERE f.held = 1 AND f.kind = 'DeviceEnrolled' AND j.device = ?1",
    )?;
    let held: Vec<i64> = read.query_map([MASTER], |row| row.get(0))?.collect::<Result<_, _>>()?;
    let of = |fact: Fact| match Event::read(&fact.kind, &fact.body) {
        Ok(Some(Event::DeviceEnrolled(enrolled))) => Some(enrolled.journal),
        Ok(_) | Err(_) => None,
    };
    Ok(bodies(conn, &held)?.into_iter().filter_map(of).collect())
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
        close(tx, n, (file, section.code()), again)?;
    }
    Ok(())
}

/// Closes what the county says it erased of this desk's own work in sections that the desk does not see, where no erasure
/// reaches it: what left and is kept, and what the county keeps without letting it through.
pub(crate) fn erased_unseen(
    tx: &Transaction<'_>,
    names: &Names,
    ids: &[FactId],
    again: &mut BTreeSet<i64>,
) -> Result<(), StoreFault> {
    for n in ids.iter().filter_map(|id| names.known_fact(*id)) {
        leaving::erased(tx, n)?;
        let here: Option<(i64, String)> = tx
            .prepare_cached("SELECT file, section FROM fact WHERE n = ?1 AND position IS NOT NULL")?
            .query_row([n], |row| Ok((row.get(0)?, row.get(1)?)))
            .optional()?;
        if let Some((file, section)) = here {
            close(tx, n, (file, &section), again)?;
        }
    }
    Ok(())
}

/// Takes an erased fact, here or yet to come, out of log, batch, papers and views of a file, for ever.
pub(crate) fn close(
    tx: &Transaction<'_>,
    n: i64,
    (file, section): (i64, &str),
    again: &mut BTreeSet<i64>,
) -> Result<(), StoreFault> {
    tx.prepare_cached("INSERT OR IGNORE INTO erased (n, file, section) VALUES (?1, ?2, ?3)")?
        .execute(params![n, file, section])?;
    // What the county does not have yet is closed once it has: see `acknowledged`.
    let batch: Option<Option<i64>> = tx
        .prepare_cached("UPDATE entry SET leaf = NULL WHERE n = ?1 RETURNING iif(position IS NULL, NULL, batch)")?
        .query_row([n], |row| row.get(0))
        .optional()?;
    let Some(batch) = batch else { return Ok(()) };
    again.insert(file);
    copies::purge(tx)?;
    drop_papers(tx, n)?;
    views::drop_fact(tx, file, n)?;
    if let Some(batch) = batch {
        let at = names::batch_of(n, batch);
        prune_batch(tx, at, |seq, _| seq != names::seq_of(n))?;
    }
    Ok(())
}

/// Forgets the papers that only this fact names. Of what is held nothing but the fact itself says which.
fn drop_papers(tx: &Transaction<'_>, n: i64) -> Result<(), StoreFault> {
    for sha in bodies(tx, &[n])?.iter().flat_map(leaving::papers) {
        tx.prepare_cached("DELETE FROM blob WHERE sha = ?1 AND sha NOT IN (SELECT sha FROM paper WHERE fact <> ?2)")?
            .execute(params![sha.0, n])?;
    }
    Ok(())
}

/// Which facts of a batch were erased.
pub(crate) fn erased_among(tx: &Transaction<'_>, no: i64, bytes: &[u8]) -> Result<BTreeSet<u64>, StoreFault> {
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

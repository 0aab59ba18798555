//! A desk whose county was restored from a copy: what it holds from above the history that both share is offered again, and
//! everything is read anew; what the county does not name again goes. Also a desk that was itself copied or put back: what
//! went over into a later journal and is at the county under an earlier name does not go there twice.
//! Nothing leaves this file here that the county was not offered first.

use std::collections::{BTreeMap, BTreeSet};

use domain::event::Event;
use domain::exchange::{Cursor, Mark};
use domain::fact::{Batch, Fact};
use domain::ids::{DeviceId, FactId, JournalId, Sha};
use rusqlite::{OptionalExtension, Transaction, params};

use crate::deciding::decide;
use crate::fault::StoreFault;
use crate::journals::{GoingOver, carried, hashes};
use crate::leaving;
use crate::log::{MASTER, Store, bodies, bodies_by, int, last_seq, meta, refold, set_meta};
use crate::names::{self, Names};
use crate::sealing::keep_mark;
use crate::views::Numbered;

/// Numbers and places of the batches that a restored county may lack. The county's own come first: they introduce the
/// others. Of others' batches the facts tell from where they are; own ones count also if nothing of them is open any more,
/// for what follows them needs their place.
const OFFERED: &str = "
    SELECT p.n FROM (
      SELECT (f.n & ~4294967295) | f.batch AS n, min(f.position) AS position
        FROM fact f JOIN journal o ON o.no = f.n >> 32
        WHERE f.position > ?1 AND f.batch IS NOT NULL AND o.own = 0 GROUP BY 1
      UNION ALL
      SELECT b.n, b.position FROM batch b JOIN journal o ON o.no = b.n >> 32 WHERE b.position > ?1 AND o.own = 1
    ) p JOIN journal j ON j.no = p.n >> 32
    ORDER BY coalesce(j.device, x'') <> ?2, p.position, p.n LIMIT -1 OFFSET ?3";

/// How long the longest log was that this desk knew and that is lost.
const LOST_HEAD: &str = "lost_head";

impl Store {
    /// Whether everything is being read anew, own facts too, since the county was found restored.
    ///
    /// # Errors
    /// [`StoreFault`].
    pub fn anew(&self) -> Result<bool, StoreFault> {
        Ok(self.meta::<Option<u64>>("anew")?.flatten().is_some())
    }

    /// The county knows nothing above `agreed`: what this desk has from above it has no place any more and is offered
    /// again. Then everything is read from the beginning: rights that were given or gone in the lost history are not so
    /// in this one, and nothing but a whole reading names what that changes.
    ///
    /// # Errors
    /// [`StoreFault`].
    pub fn county_restored(&mut self, agreed: u64) -> Result<(), StoreFault> {
        let journal = self.journal()?;
        self.within(|tx, names| {
            // A reading that was not finished met places of two histories: the lower one tells them apart.
            let lowest = meta::<Option<u64>>(tx, "anew")?.flatten().map_or(agreed, |before| before.min(agreed));
            lose_own(tx, names, journal, lowest)?;
            // Erasures are offered with the rest, and the county says anew what they erased. What only this desk has
            // stays erased here.
            tx.execute("DELETE FROM entry WHERE position IS NOT NULL AND n IN (SELECT n FROM erased)", [])?;
            tx.execute("DELETE FROM erased WHERE n NOT IN (SELECT n FROM fact)", [])?;
            // Before anything is read: what goes with a right goes before the county's own word of what it lost.
            offer_papers(tx)?;
            tx.execute("DELETE FROM stale", [])?;
            tx.execute("INSERT INTO stale (n) SELECT n FROM fact WHERE position IS NOT NULL", [])?;
            tx.execute("DELETE FROM mark WHERE position > ?1", [int(agreed)])?;
            let head: u64 = meta(tx, "head")?.unwrap_or(0);
            set_meta(tx, "head", &head.min(agreed))?;
            let lost: u64 = meta(tx, LOST_HEAD)?.unwrap_or(0);
            set_meta(tx, LOST_HEAD, &lost.max(head))?;
            set_meta(tx, "cursor", &Cursor::default().bytes())?;
            set_meta(tx, "anew", &Some(lowest))?;
            offer_above(tx, lowest)
        })
    }

    /// What own sealed work that the county does not have may say of the past: it was written when a log that is lost was so
    /// long. A county that was put back once more, to before it heard of that, would take the place for one of its own.
    ///
    /// # Errors
    /// [`StoreFault`].
    pub fn lost_mark(&self) -> Result<Option<Mark>, StoreFault> {
        let lost: u64 = self.meta(LOST_HEAD)?.unwrap_or(0);
        let known = self.marks()?.first().map_or(0, |mark| mark.position);
        if lost <= known {
            return Ok(None);
        }
        let waits = self.conn.prepare_cached("SELECT 1 FROM batch WHERE position IS NULL")?.exists([])?;
        // Of that log nobody has the running hash any more: no county shares this one.
        Ok(waits.then_some(Mark::of_lost(lost)))
    }

    /// The county shares this desk's newest mark. A mark comes with every acknowledgement; work that was acknowledged
    /// without one, by an older county, may be lost all the same, or stand elsewhere in a county that was restored and got
    /// it again by others' hands: it waits to be sent again. The county's present mark is kept.
    ///
    /// # Errors
    /// [`StoreFault`].
    pub fn greeted(&mut self, head: Mark) -> Result<(), StoreFault> {
        let journal = self.journal()?;
        let top = self.marks()?.first().map_or(0, |mark| mark.position);
        self.within(|tx, names| {
            lose_own(tx, names, journal, top)?;
            // Other than whole batches of the present journal: these cannot be sent as own work.
            let known = tx
                .prepare_cached(
                    "SELECT 1 FROM batch b JOIN journal j ON j.no = b.n >> 32 WHERE b.position > ?1 AND j.own = 1",
                )?
                .exists([int(top)])?;
            if known {
                offer_above(tx, top)?;
            }
            keep_mark(tx, head)
        })
    }

    /// Batches that a restored county may lack and that are not the present journal's whole ones, from the `from`-th on,
    /// up to about `most` bytes. Empty once all are offered or nothing has to be.
    ///
    /// # Errors
    /// [`StoreFault`].
    pub fn fragments(&self, from: usize, most: usize) -> Result<Vec<Vec<u8>>, StoreFault> {
        let Some(above) = self.meta::<Option<u64>>("offer_above")?.flatten() else { return Ok(Vec::new()) };
        let mut find = self.conn.prepare_cached(OFFERED)?;
        let from = i64::try_from(from).unwrap_or(i64::MAX);
        let mut rows = find.query(params![int(above), MASTER, from])?;
        let mut out: Vec<Vec<u8>> = Vec::new();
        let mut bytes = 0_usize;
        while let Some(row) = rows.next()? {
            let n: i64 = row.get(0)?;
            let raw: Vec<u8> =
                self.conn.prepare_cached("SELECT bytes FROM sealed WHERE n = ?1")?.query_row([n], |row| row.get(0))?;
            bytes = bytes.saturating_add(raw.len());
            if bytes > most && !out.is_empty() {
                break;
            }
            out.push(raw);
        }
        Ok(out)
    }

    /// Earlier journals of this desk that fragments are of: the county may have lost that they are this desk's.
    ///
    /// # Errors
    /// [`StoreFault`].
    pub fn earlier_journals(&self) -> Result<Vec<JournalId>, StoreFault> {
        let Some(above) = self.meta::<Option<u64>>("offer_above")?.flatten() else { return Ok(Vec::new()) };
        let mut find = self.conn.prepare_cached(
            "SELECT DISTINCT j.id FROM batch b JOIN journal j ON j.no = b.n >> 32
             WHERE b.position > ?1 AND j.own = 1 AND j.id <> ?2 ORDER BY j.no",
        )?;
        let rows = find.query_map(params![int(above), self.journal()?.0], |row| row.get(0))?;
        Ok(rows.map(|id| Ok(JournalId(id?))).collect::<Result<_, rusqlite::Error>>()?)
    }

    /// All fragments have been offered.
    ///
    /// # Errors
    /// [`StoreFault`].
    pub fn offered(&mut self) -> Result<(), StoreFault> {
        self.set_meta("offer_above", &None::<u64>)
    }

    /// The county's own batches in which a device was enrolled, as far as they are here: what it shows a county that
    /// does not know it.
    ///
    /// # Errors
    /// [`StoreFault`].
    pub fn enrolments_of(&self, device: DeviceId) -> Result<Vec<Vec<u8>>, StoreFault> {
        let mut find = self.conn.prepare(
            "SELECT f.n, f.batch FROM fact f JOIN journal j ON j.no = f.n >> 32
             WHERE f.kind = 'DeviceEnrolled' AND f.batch IS NOT NULL AND j.device = ?1 ORDER BY f.position, f.n",
        )?;

        let rows: Vec<(i64, i64)> =
            find.query_map([MASTER], |row| Ok((row.get(0)?, row.get(1)?)))?.collect::<Result<_, _>>()?;
        let mut batches = BTreeSet::new();
        let mut out = Vec::new();
        for (n, batch) in rows {
            for fact in bodies(&self.conn, &[n])? {
                let Ok(Some(Event::DeviceEnrolled(enrolled))) = Event::read(&fact.kind, &fact.body) else { continue };
                let at = names::batch_of(n, batch);
                if enrolled.device == device && batches.insert(at) {
                    out.push(self.conn.query_row("SELECT bytes FROM sealed WHERE n = ?1", [at], |row| row.get(0))?);
                }
            }
        }
        Ok(out)
    }

    /// The journals that work went over from and that the county may have that work of.
    ///
    /// # Errors
    /// [`StoreFault`].
    pub fn went_over(&self) -> Result<BTreeSet<JournalId>, StoreFault> {
        Ok(carried(&self.conn)?.into_iter().map(|carried| carried.was.journal).collect())
    }

    /// Of what went over from earlier journals and is not sealed since, what `there` has, byte for byte: each by its
    /// present name with its name there. What went over is no longer remembered.
    ///
    /// # Errors
    /// [`StoreFault`].
    pub fn double(&mut self, there: &[Fact]) -> Result<BTreeMap<FactId, FactId>, StoreFault> {
        let known = hashes(there);
        self.within(|tx, names| {
            let mut out = BTreeMap::new();
            for one in carried(tx)? {
                if known.get(&one.was) != Some(&one.hash) {
                    continue;
                }
                let n = names.fact(tx, one.now)?;
                if tx.prepare_cached("SELECT 1 FROM open_fact WHERE n = ?1")?.exists([n])? {
                    out.insert(one.now, one.was);
                }
            }
            set_meta(tx, "carried", &Vec::<u8>::new())?;
            Ok(out)
        })
    }
}

/// Own whole batches above a place have none any more and are sent again. Those that are not whole, because something of
/// them was erased or is no longer this desk's to see, keep theirs and go as fragments.
fn lose_own(tx: &Transaction<'_>, names: &mut Names, journal: JournalId, above: u64) -> Result<(), StoreFault> {
    let no = names.journal(tx, journal)?;
    let (first, last) = names::span(no);
    let lost: Vec<(i64, Vec<u8>)> = tx
        .prepare_cached("SELECT n, bytes FROM sealed WHERE n > ?1 AND n <= ?2 AND position > ?3")?
        .query_map(params![first, last, int(above)], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect::<Result<_, _>>()?;
    for (n, bytes) in lost {
        let batch = Batch::parse(&bytes)?;
        if !batch.whole() {
            continue;
        }
        tx.prepare_cached("UPDATE batch SET position = NULL WHERE n = ?1")?.execute([n])?;
        let (from, end) = (names::fact_no(no, batch.seal.first)?, names::fact_no(no, batch.seal.end())?);
        // A part of it that came in others' hands has a place of its own.
        tx.prepare_cached("UPDATE entry SET position = NULL WHERE n >= ?1 AND n < ?2 AND position > ?3")?.execute([
            from,
            end,
            int(above),
        ])?;
    }
    Ok(())
}

/// What this desk has from above a place is to be offered, and what was to be offered before.
fn offer_above(tx: &Transaction<'_>, above: u64) -> Result<(), StoreFault> {
    let before: Option<u64> = meta(tx, "offer_above")?.flatten();
    set_meta(tx, "offer_above", &Some(before.map_or(above, |before| before.min(above))))
}

/// A county that was restored may lack the papers that came to it since: each is offered again, and known to be there only
/// after that.
pub(crate) fn offer_papers(tx: &Transaction<'_>) -> Result<(), StoreFault> {
    tx.execute("UPDATE leaving SET paper_at = NULL", [])?;
    tx.execute("UPDATE blob SET sent = 2 WHERE sent = 1 AND file <> ?1", [[0_u8; 8]])?;
    Ok(())
}

/// While all is read anew: what is acknowledged now must be named too, if it is let through, for its section may be lost.
/// What is held is named by nothing else than its acknowledgement.
pub(crate) fn named_by_ack(tx: &Transaction<'_>, n: i64, to_be_named: bool) -> Result<(), StoreFault> {
    let sql =
        if to_be_named { "INSERT OR IGNORE INTO stale (n) VALUES (?1)" } else { "DELETE FROM stale WHERE n = ?1" };
    tx.prepare_cached(sql)?.execute([n])?;
    Ok(())
}

/// The end of reading anew: what the county did not name again goes, erasures are told anew by what stands, and what was
/// set aside is written again. Returns how many files lost something, and the new head of the present journal if it grew.
pub(crate) fn settle(tx: &Transaction<'_>, names: &mut Names) -> Result<(u32, Option<(u64, Sha)>), StoreFault> {
    let left = leaving::unnamed(tx, names)?;
    leaving::placed_anew(tx, meta::<Option<u64>>(tx, "anew")?.flatten().unwrap_or(0))?;
    let erasures: Vec<i64> = tx
        .prepare_cached("SELECT n FROM fact WHERE kind = 'Erased' AND held = 0 ORDER BY position IS NULL, position, n")?
        .query_map([], |row| row.get(0))?
        .collect::<Result<_, _>>()?;
    let mut again = BTreeSet::new();
    for fact in bodies(tx, &erasures)? {
        let (n, file) = (names.fact(tx, fact.id)?, names.file(tx, fact.file)?);
        let event = Event::read(&fact.kind, &fact.body).ok().flatten();
        decide(tx, names, &Numbered { n, file, event: event.as_ref() }, fact.section, &mut again)?;
    }
    for file in again {
        refold(tx, names, file)?;
    }
    set_meta(tx, "anew", &None::<u64>)?;
    Ok((left, write_again(tx, names)?))
}

/// Own work of an earlier journal whose names are another's at the county.
#[derive(serde::Serialize, serde::Deserialize)]
struct Aside {
    /// The first name of that journal that is another's.
    from: FactId,
    fact: Vec<u8>,
    /// None: it had left, and stays out of sight.
    at: Option<i64>,
}

fn aside(tx: &Transaction<'_>) -> Result<Vec<Aside>, StoreFault> {
    Ok(meta(tx, "aside")?.unwrap_or_default())
}

/// Keeps own work for the end of the reading: a part of it may be named yet, offered by another.
fn set_aside(
    tx: &Transaction<'_>,
    names: &mut Names,
    from: FactId,
    here: impl Iterator<Item = i64>,
    left: &BTreeSet<i64>,
) -> Result<(), StoreFault> {
    let numbers: BTreeSet<i64> = here.chain(left.iter().copied()).collect();
    let numbers: Vec<i64> = numbers.into_iter().collect();
    let mut all = aside(tx)?;
    for fact in bodies_by(tx, &numbers, leaving::HERE_OR_LEFT)? {
        let n = names.fact(tx, fact.id)?;
        let at = tx.query_row("SELECT at FROM fact WHERE n = ?1", [n], |row| row.get(0)).optional()?;
        let bytes = fact.bytes();
        // A reading that broke off, and the county was restored once more, may have set it aside before.
        if all.iter().all(|one| one.fact != bytes) {
            all.push(Aside { from, fact: bytes, at });
        }
    }
    set_meta(tx, "aside", &all)
}

/// What was set aside and not named since goes into the present journal, under new names.
fn write_again(tx: &Transaction<'_>, names: &mut Names) -> Result<Option<(u64, Sha)>, StoreFault> {
    let all = aside(tx)?;
    if all.is_empty() {
        return Ok(None);
    }
    let journal: JournalId = meta(tx, "journal")?.ok_or(StoreFault::Corrupt { what: "meta.journal" })?;
    let no = names.journal(tx, journal)?;
    let mut over = GoingOver::into(tx, journal, no, last_seq(tx, no)?);
    let facts: Vec<Fact> = all.iter().map(|one| Fact::parse(&one.fact)).collect::<Result<_, _>>()?;
    let going: BTreeSet<FactId> = facts.iter().map(|fact| fact.id).collect();
    let mut files = BTreeSet::new();
    for (one, fact) in all.into_iter().zip(facts) {
        let n = names.fact(tx, fact.id)?;
        if bodies(tx, &[n])?.first() == Some(&fact) {
            continue;
        }
        if let Ok(Some(Event::Erased(erased))) = Event::read(&fact.kind, &fact.body) {
            let other = |id: &FactId| id.journal == one.from.journal && id.seq >= one.from.seq && !going.contains(id);
            over.others.extend(erased.facts.into_iter().filter(other));
        }
        let file = names.file(tx, fact.file)?;
        files.insert(file);
        // What had left comes in sight again if this reading named its section: the county does not send it back.
        let sees = tx
            .prepare_cached(
                "SELECT 1 FROM filed x JOIN fact f ON f.n = x.n
                 WHERE x.file = ?1 AND f.section = ?2 AND f.position IS NOT NULL AND f.held = 0 LIMIT 1",
            )?
            .exists(params![file, fact.section.code()])?;
        let at = one.at.or_else(|| sees.then_some(fact.wall.0));
        over.fact(names, fact, at)?;
    }
    set_meta(tx, "aside", &Vec::<Aside>::new())?;
    for file in files {
        refold(tx, names, file)?;
    }
    Ok(over.head)
}

/// While all is read anew: of a journal that two laptops wrote, the county may have the one's branch where this desk has
/// the other's from the lost history. It was offered and could not be taken; its laptop goes on under another journal and
/// brings its work there, and if that is this very desk, it is set aside for that. From the batch on where they part, what
/// is here goes. `named` are the facts that the page at hand named before. Returns whether anything went.
pub(crate) fn other_branch(
    tx: &Transaction<'_>,
    names: &mut Names,
    no: i64,
    batch: &Batch,
    here: Option<&[u8]>,
    named: &[i64],
) -> Result<bool, StoreFault> {
    let same = match here {
        Some(bytes) => Batch::parse(bytes)?.seal == batch.seal,
        None => false,
    };
    let (from, end) = (names::fact_no(no, batch.seal.first)?, names::fact_no(no, batch.seal.end())?);
    let taken = || tx.prepare_cached("SELECT 1 FROM fact WHERE n >= ?1 AND n < ?2")?.exists([from, end]);
    if same || (here.is_none() && !taken()?) {
        return Ok(false);
    }
    let (_, last) = names::span(no);
    let mut files: BTreeMap<i64, Vec<(i64, Option<i64>)>> = BTreeMap::new();
    // What this very reading named beyond this batch stays: a county that lost several histories may have a later part of
    // one of its own branches, offered by a desk, beside this one.
    let mut stay: BTreeSet<i64> = BTreeSet::new();
    {
        let mut find = tx.prepare_cached(
            "SELECT f.file, f.n, f.batch, EXISTS (SELECT 1 FROM stale s WHERE s.n = f.n) FROM fact f
             WHERE f.n BETWEEN ?1 AND ?2",
        )?;
        let mut rows = find.query([from, last])?;
        while let Some(row) = rows.next()? {
            let (file, n, of): (i64, i64, Option<i64>) = (row.get(0)?, row.get(1)?, row.get(2)?);
            if row.get(3)? && !named.contains(&n) {
                files.entry(file).or_default().push((n, of));
            } else if n < end || of == Some(int(batch.seal.batch)) {
                return Err(StoreFault::Forked { journal: batch.seal.journal, seq: batch.seal.first });
            } else {
                stay.extend(of.map(|of| names::batch_of(n, of)));
            }
        }
    }
    let own: JournalId = meta(tx, "journal")?.ok_or(StoreFault::Corrupt { what: "meta.journal" })?;
    if tx.prepare_cached("SELECT 1 FROM journal WHERE no = ?1 AND own = 1")?.exists([no])? {
        let first = FactId { journal: batch.seal.journal, seq: batch.seal.first };
        let left = leaving::among(tx, (from, last))?;
        set_aside(tx, names, first, files.values().flatten().map(|(n, _)| *n), &left)?;
    }
    for (file, facts) in &files {
        leaving::leave(tx, names, *file, facts, own, false)?;
    }
    tx.prepare_cached("DELETE FROM stale WHERE n BETWEEN ?1 AND ?2")?.execute([from, last])?;
    leaving::back_between(tx, (from, last))?;
    let number = names::fact_no(no, batch.seal.batch)?;
    let parted: Vec<i64> = tx
        .prepare_cached("SELECT n FROM batch WHERE n BETWEEN ?1 AND ?2")?
        .query_map([number, last], |row| row.get(0))?
        .collect::<Result<_, _>>()?;
    for n in parted.iter().filter(|n| !stay.contains(n)) {
        tx.prepare_cached("DELETE FROM batch WHERE n = ?1")?.execute([n])?;
    }
    Ok(true)
}

#[cfg(test)]
mod tests;

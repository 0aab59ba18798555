//! What comes over from a file that a copy was put in the place of: facts that only it held, under new names; their papers;
//! what was erased there; forms half filled.
//! It must never bring the same work twice, nor bring back what was to be gone.

use std::collections::{BTreeMap, BTreeSet};

use domain::event::Event;
use domain::fact::Fact;
use domain::ids::{FactId, FileId, JournalId, Sha};
use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension, Transaction, params};

use crate::deciding::{close, decide, decides};
use crate::fault::StoreFault;
use crate::journals::{Carried, GoingOver, carried};
use crate::leaving;
use crate::log::{Store, bodies, bodies_by, int, last_seq, refold, set_meta, uint};
use crate::names::{self, Names};
use crate::views::Numbered;

impl Store {
    /// This file was put in the place of `from`, an earlier state in place of a later one: what this desk wrote since, and
    /// the county was not known to have, goes over from there under new names, with its papers; forms stand as they stood
    /// there. Returns how many facts went over.
    ///
    /// # Errors
    /// [`StoreFault`]; then nothing went over.
    pub fn take_over(&mut self, from: &Self) -> Result<u32, StoreFault> {
        let (journal, (_, last)) = (self.journal()?, self.own()?);
        let (taken, head) = self.within(|tx, names| take_over(tx, names, &from.conn, journal, last))?;
        if let Some((seq, hash)) = head {
            self.anchor.set(journal, seq, hash)?;
        }
        Ok(taken)
    }
}

/// What came over: how many facts, and the last one's number and hash.
type Taken = (u32, Option<(u64, Sha)>);

fn take_over(
    tx: &Transaction<'_>,
    names: &mut Names,
    from: &Connection,
    journal: JournalId,
    last: i64,
) -> Result<Taken, StoreFault> {
    let no = names::journal_of(last);
    let mut over = GoingOver::into(tx, journal, no, last_seq(tx, no)?);
    let mut again = BTreeSet::new();
    let written = facts(tx, names, from, &mut over, no)?;
    papers(tx, from)?;
    // What was erased or decided there is so here, too.
    for fact in bodies(tx, &written)? {
        let (n, file) = (names.fact(tx, fact.id)?, names.file(tx, fact.file)?);
        again.insert(file);
        if decides(&fact.kind) {
            let event = Event::read(&fact.kind, &fact.body).ok().flatten();
            decide(tx, names, &Numbered { n, file, event: event.as_ref() }, fact.section, &mut again)?;
        }
    }
    erased(tx, names, from, &over, &mut again)?;
    for file in again {
        refold(tx, names, file)?;
    }
    drafts(tx, names, from)?;
    Ok((u32::try_from(written.len()).unwrap_or(u32::MAX), over.head))
}

/// Own facts that the county was not known to have and that are not here; their numbers here.
fn facts(
    tx: &Transaction<'_>,
    names: &mut Names,
    from: &Connection,
    over: &mut GoingOver<'_, '_>,
    no: i64,
) -> Result<Vec<i64>, StoreFault> {
    let numbers: Vec<i64> = from
        .prepare(
            "SELECT f.n FROM fact f JOIN journal j ON j.no = f.n >> 32 AND j.own = 1
             WHERE f.position IS NULL AND f.n NOT IN (SELECT n FROM erased)
             UNION SELECT l.n FROM leaving l JOIN journal j ON j.no = l.n >> 32 AND j.own = 1
             LEFT JOIN batch b ON b.n = l.batch WHERE b.position IS NULL ORDER BY 1",
        )?
        .query_map([], |row| row.get(0))?
        .collect::<Result<_, _>>()?;
    let mut remembered = carried(tx)?;
    // What there went over itself may here have gone over from the same earlier name, and may be at the county under it.
    let earlier = carried(from)?;
    over.renamed.extend(remembered.iter().map(|one| (one.was, one.now)));
    let here: Vec<i64> = tx
        .prepare("SELECT n FROM fact WHERE n >> 32 = ?1")?
        .query_map([no], |row| row.get(0))?
        .collect::<Result<_, _>>()?;
    let said: BTreeMap<Sha, FactId> =
        bodies_by(tx, &here, leaving::HERE_OR_LEFT)?.iter().map(|fact| (saying(fact), fact.id)).collect();
    let mut written = Vec::new();
    for fact in bodies_by(from, &numbers, leaving::HERE_OR_LEFT)? {
        let id = fact.id;
        let stands = "SELECT 1 FROM entry WHERE n = ?1 UNION ALL SELECT 1 FROM erased WHERE n = ?1
             UNION ALL SELECT 1 FROM leaving WHERE n = ?1";
        let known = match names.known_fact(id) {
            Some(n) => tx.prepare_cached(stands)?.exists([n])?,
            None => false,
        };
        let chain = || earlier.iter().filter(|one| one.now == id);
        let under = over.renamed.get(&id).or_else(|| chain().find_map(|one| over.renamed.get(&one.was))).copied();
        if let Some(now) = under.or_else(|| said.get(&saying(&fact)).copied()) {
            over.renamed.insert(id, now);
            continue;
        }
        if known {
            continue;
        }
        let find =
            "SELECT e.at FROM entry e JOIN journal j ON j.no = e.n >> 32 WHERE j.id = ?1 AND e.n & 4294967295 = ?2";
        let at: Option<i64> =
            from.prepare_cached(find)?.query_row(params![id.journal.0, int(id.seq)], |row| row.get(0)).optional()?;
        let hash = Sha::of(&fact.bytes());
        let now = over.fact(names, fact, at)?;
        remembered.push(Carried { now, was: id, hash });
        remembered.extend(chain().map(|one| Carried { now, ..*one }));
        written.push(names::fact_no(no, now.seq)?);
    }
    set_meta(tx, "carried", &remembered)?;
    Ok(written)
}

/// Papers that the county was not known to have, and those of printed runs, which never leave.
fn papers(tx: &Transaction<'_>, from: &Connection) -> Result<(), StoreFault> {
    let mut find = from.prepare("SELECT sha FROM blob WHERE sent <> 1 OR file = zeroblob(8)")?;
    let mut rows = find.query([])?;
    while let Some(row) = rows.next()? {
        let sha: [u8; 32] = row.get(0)?;
        if tx.prepare_cached("SELECT 1 FROM blob WHERE sha = ?1")?.exists([sha])? {
            continue;
        }
        let paper = "SELECT file, section, media, size, sent, preview, bytes FROM blob WHERE sha = ?1";
        from.prepare_cached(paper)?.query_row([sha], |row| {
            tx.prepare_cached(
                "INSERT INTO blob (sha, file, section, media, size, sent, preview, bytes)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
            )?
            .execute(params![
                sha,
                row.get::<_, Value>(0)?,
                row.get::<_, Value>(1)?,
                row.get::<_, Value>(2)?,
                row.get::<_, Value>(3)?,
                row.get::<_, Value>(4)?,
                row.get::<_, Value>(5)?,
                row.get::<_, Value>(6)?
            ])
        })?;
    }
    Ok(())
}

/// What was erased there by a word that the county has already: under its present name nobody else would close it.
fn erased(
    tx: &Transaction<'_>,
    names: &mut Names,
    from: &Connection,
    over: &GoingOver<'_, '_>,
    again: &mut BTreeSet<i64>,
) -> Result<(), StoreFault> {
    let mut find = from.prepare(
        "SELECT j.id, e.n & 4294967295, (SELECT f.id FROM file f WHERE f.no = e.file), e.section
         FROM erased e JOIN journal j ON j.no = e.n >> 32 AND j.own = 1",
    )?;
    let mut rows = find.query([])?;
    while let Some(row) = rows.next()? {
        let id = FactId { journal: JournalId(row.get(0)?), seq: uint(row.get(1)?) };
        let Some(file) = row.get::<_, Option<[u8; 8]>>(2)? else { continue };
        let Some(now) = over.renamed.get(&id).copied().or(names.known_fact(id).map(|_| id)) else { continue };
        let (n, file, section) = (names.fact(tx, now)?, names.file(tx, FileId(file))?, row.get::<_, String>(3)?);
        if tx.prepare_cached("SELECT 1 FROM entry WHERE n = ?1 AND file = ?2")?.exists([n, file])? {
            close(tx, n, (file, &section), again)?;
        }
    }
    Ok(())
}

/// Forms as they stood there, also about families that are still to come back.
fn drafts(tx: &Transaction<'_>, names: &mut Names, from: &Connection) -> Result<(), StoreFault> {
    tx.execute("DELETE FROM draft", [])?;
    let mut find =
        from.prepare("SELECT d.form, (SELECT f.id FROM file f WHERE f.no = d.file), d.at, d.text FROM draft d")?;
    let mut rows = find.query([])?;
    while let Some(row) = rows.next()? {
        let file = match row.get::<_, Option<[u8; 8]>>(1)? {
            Some(id) => names.file(tx, FileId(id))?,
            None => 0,
        };
        let (form, at, text): (String, i64, String) = (row.get(0)?, row.get(2)?, row.get(3)?);
        tx.execute(
            "INSERT OR REPLACE INTO draft (form, file, at, text) VALUES (?1, ?2, ?3, ?4)",
            params![form, file, at, text],
        )?;
    }
    Ok(())
}

/// What a fact says, whatever its name.
fn saying(fact: &Fact) -> Sha {
    let nameless = Fact { id: FactId { journal: JournalId([0; 8]), seq: 0 }, replaces: Vec::new(), ..fact.clone() };
    Sha::of(&nameless.bytes())
}

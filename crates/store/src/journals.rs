//! One journal after another: the first one, one after the file was put back or copied, one after what went over was found at
//! the county already. What the county does not have goes over under new names, each fact once.
//! It must never write under a name that another may have used, nor leave work behind that is only here.

use std::collections::{BTreeMap, BTreeSet};

use domain::VerifyingKey;
use domain::clock::Millis;
use domain::event::Event;
use domain::fact::Fact;
use domain::ids::{DeviceId, FactId, FileId, JournalId, Sha};
use rusqlite::{Connection, OptionalExtension, Transaction, params};

use crate::fault::StoreFault;
use crate::leaving;
use crate::log::{Store, bodies_by, last_seq, meta, refold, set_meta};
use crate::names::{self, Names};
use crate::numbers;
use crate::views::{self, Hot, Numbered, Place};

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

impl Store {
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
            let earlier = behind.map(|behind| names.journal(tx, behind.journal)).transpose()?;
            let no = names.journal(tx, journal)?;
            // Begun here too, after what this file was put back to. Remembered as earlier than the new one: the anchor names
            // it once more if its newer slot is torn, and a file that is as it should be would be found behind again.
            if let (Some(behind), Some(earlier)) = (behind, earlier) {
                // It may have printed, and a sheet is at least one fact. What a journal that is not known here holds, nobody
                // can count.
                let here = if old == Some(behind.journal) { Some(last_seq(tx, earlier)?) } else { None };
                let lost = here.and_then(|here| behind.seq.checked_sub(here)).filter(|lost| *lost > 0);
                numbers::give_up(tx, FileId::device(device), no, lost)?;
                tx.execute("UPDATE journal SET own = 1 WHERE no = ?1", [earlier])?;
            }
            if let Why::Twin(_) = why {
                // The other goes on in the same blocks, or went on in them until it was put back.
                numbers::give_up(tx, FileId::device(device), no, None)?;
            }
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

    /// Whether this desk wrote that journal once and has begun another since.
    pub(crate) fn began_later(&self, journal: JournalId) -> Result<bool, StoreFault> {
        let Some(now) = self.meta::<JournalId>("journal")? else { return Ok(false) };
        let mut later = self.conn.prepare_cached(
            "SELECT 1 FROM journal a JOIN journal b ON b.id = ?2 AND b.no > a.no WHERE a.id = ?1 AND a.own = 1 AND b.own = 1",
        )?;
        Ok(later.exists(params![journal.0, now.0])?)
    }
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
    numbers.extend(&left);
    numbers.sort_unstable();
    let mut again = BTreeSet::new();
    let before = carried(tx)?;
    let mut remembered: Vec<Carried> = Vec::new();
    let mut over = GoingOver::into(tx, fresh, no, 0);
    for fact in bodies_by(tx, &numbers, leaving::HERE_OR_LEFT)? {
        let (was, id) = (names.fact(tx, fact.id)?, fact.id);
        let file = names.file(tx, fact.file)?;
        let at: Option<i64> = tx.query_row("SELECT at FROM fact WHERE n = ?1", [was], |row| row.get(0)).optional()?;
        views::drop_fact(tx, file, was)?;
        tx.execute("DELETE FROM entry WHERE n = ?1", [was])?;
        tx.execute("DELETE FROM open_fact WHERE n = ?1", [was])?;
        leaving::back(tx, was)?;
        again.insert(file);
        if let Some(there) = double.and_then(|double| double.get(&id)) {
            over.renamed.insert(id, *there);
            let n = names.fact(tx, *there)?;
            tx.execute("UPDATE OR REPLACE erased SET n = ?2 WHERE n = ?1", [was, n])?;
            continue;
        }
        if tx.prepare_cached("SELECT 1 FROM erased WHERE n = ?1")?.exists([was])? {
            // Erased stays behind: the county may have it under this name, erased, and under another it would come back.
            if let Why::Twin(there) = why
                && there.get(&id) != Some(&Sha::of(&fact.bytes()))
            {
                over.others.insert(id);
                tx.execute("DELETE FROM erased WHERE n = ?1", [was])?;
            }
            continue;
        }
        let hash = Sha::of(&fact.bytes());
        let now = over.fact(names, fact, at)?;
        if double.is_none() {
            remembered.push(Carried { now, was: id, hash });
            let earlier = before.iter().filter(|carried| carried.now == id);
            remembered.extend(earlier.map(|carried| Carried { now, ..*carried }));
        }
    }
    let head = over.head;
    tx.execute("DELETE FROM batch WHERE n BETWEEN ?1 AND ?2 AND position IS NULL", [first, last])?;
    set_meta(tx, "carried", &remembered)?;
    for file in again {
        refold(tx, names, file)?;
    }
    Ok(head)
}

/// Facts that are written once more, under new names of a journal, and what they name of each other with them.
pub(crate) struct GoingOver<'a, 't> {
    tx: &'a Transaction<'t>,
    journal: JournalId,
    no: i64,
    /// The last one written, and the hash of its bytes.
    pub(crate) head: Option<(u64, Sha)>,
    seq: u64,
    /// New names of what went over.
    pub(crate) renamed: BTreeMap<FactId, FactId>,
    /// What stays behind under a name that is another's.
    pub(crate) others: BTreeSet<FactId>,
}

impl<'a, 't> GoingOver<'a, 't> {
    /// Into a journal, behind its fact `seq`.
    pub(crate) fn into(tx: &'a Transaction<'t>, journal: JournalId, no: i64, seq: u64) -> Self {
        Self { tx, journal, no, head: None, seq, renamed: BTreeMap::new(), others: BTreeSet::new() }
    }

    /// Writes a fact under the next name, which it returns. Without a time it stays out of sight, with the papers it
    /// names.
    pub(crate) fn fact(&mut self, names: &mut Names, fact: Fact, at: Option<i64>) -> Result<FactId, StoreFault> {
        let tx = self.tx;
        self.seq = self.seq.saturating_add(1);
        let id = FactId { journal: self.journal, seq: self.seq };
        self.renamed.insert(fact.id, id);
        // What stays behind and has another's name now was another fact: that one was never shown to who wrote this.
        let named = fact.replaces.iter().filter(|known| !self.others.contains(known));
        let replaces = named.map(|known| self.renamed.get(known).copied().unwrap_or(*known)).collect();
        // What only a body names (a visit by its notes) is renamed in the body's own words.
        let mut body = String::from_utf8_lossy(&fact.body).into_owned();
        for (from, to) in &self.renamed {
            body = body.replace(&format!("\"{from}\""), &format!("\"{to}\""));
        }
        let mut fact = Fact { id, replaces, body: body.into_bytes(), ..fact };
        if !self.others.is_empty()
            && let Ok(Some(Event::Erased(mut erased))) = Event::read(&fact.kind, &fact.body)
        {
            erased.facts.retain(|named| !self.others.contains(named));
            fact.body = Event::Erased(erased).body()?;
        }
        let n = names::fact_no(self.no, self.seq)?;
        let bytes = fact.bytes();
        self.head = Some((self.seq, Sha::of(&bytes)));
        tx.execute("INSERT INTO open_fact (n, bytes) VALUES (?1, ?2)", params![n, bytes])?;
        let Some(at) = at else {
            leaving::keep(tx, n, None, &leaving::papers(&fact))?;
            return Ok(id);
        };
        let file = names.file(tx, fact.file)?;
        let event = Event::read(&fact.kind, &fact.body).ok().flatten();
        let row = Numbered { n, file, event: event.as_ref() };
        let mut hot = Hot::new(tx)?;
        let place = Place { at: Millis(at), position: None, held: false, sealed: None };
        hot.log(names, &row, (fact.section, &fact.kind, &fact.author), place)?;
        // Without effect until its file is folded by who calls.
        hot.file(&row, true, &[], None)?;
        Ok(id)
    }
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

//! Taking in pages of a contact: what is gone goes, every batch is verified, what is new goes into the log and waits to be
//! filed. A part of a page is one transaction; the cursor moves with a page's last part.
//! It must never skip a batch, nor take what does not verify.

use std::collections::BTreeSet;

use domain::VerifyingKey;
use domain::clock::{Received, corrected};
use domain::event::{Event, erasable};
use domain::exchange::{Gone, Page};
use domain::fact::{Batch, Fact, Row, Seal, Told, Verified};
use domain::ids::{FactId, JournalId};
use domain::org::DeviceEnrolled;
use rusqlite::types::Value;
use rusqlite::{OptionalExtension, Transaction, params};

use crate::deciding::{decide, decides, erased_unseen};
use crate::drafts;
use crate::fault::StoreFault;
use crate::filing::{Unfiled, Waiting};
use crate::leaving;
use crate::log::{MASTER, Store, int, last_seq, leaf_bits, refold, set_meta};
use crate::names::{self, Names};
use crate::restored;
use crate::sealing::{keep_mark, put_batch_bytes};
use crate::views::{self, Bulk, Change, Gist, Hot, Numbered, Place};

/// Facts that wait to be filed at most: a few megabytes. The more of them, the fewer times each family is visited, and a
/// county's day is one visit.
pub const MOST_UNFILED: usize = 40_000;

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

impl Store {
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
                present: own,
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
            erased_unseen(tx, taking.names, if from == 0 { &page.erased } else { &[] }, &mut taking.again)?;
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
            let mut grown = None;
            if next.is_none() {
                set_meta(tx, "cursor", &page.next.bytes())?;
                set_meta(tx, "head", &page.head.position)?;
                if anew && !page.more {
                    let (left, head) = restored::settle(tx, names)?;
                    out.gone = out.gone.saturating_add(left);
                    grown = head;
                } else if unnamed {
                    out.gone = out.gone.saturating_add(leaving::unnamed(tx, names)?);
                }
            }
            if out.gone > 0 {
                drafts::leave(tx)?;
            }
            Ok((out, next, grown))
        });
        match done {
            Ok((out, next, grown)) => {
                if next.is_some() {
                    self.named = named;
                }
                if let Some((seq, hash)) = grown {
                    self.anchor.set(own, seq, hash)?;
                }
                Ok((out, next))
            }
            // Of this part nothing was taken: it may be tried again.
            Err(fault) => {
                named.truncate(earlier);
                self.named = named;
                Err(fault)
            }
        }
    }
}

/// What is known of a journal: `key` and `device` once it is introduced.
struct Known {
    no: i64,
    key: Option<[u8; 32]>,
    device: Option<[u8; 8]>,
    own: bool,
}

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
    /// The journal that this desk writes now.
    present: JournalId,
    master: JournalId,
    out: Absorbed,
    /// Facts of the batch at hand that were replaced before they came, each with the file in which it was.
    replaced: BTreeSet<(i64, i64)>,
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
            // So is work under numbers that this desk has not come to, though its journal is not there from its beginning: others
            // may have brought the rest of it to a county that was put back, before the one who wrote it came.
            let beyond = journal == self.present && seal.1 > last_seq(tx, no)?;
            if beyond || taken.exists([first, last])? {
                return Err(StoreFault::Forked { journal, seq: seal.1 });
            }
        }
        let (first, end) = (names::fact_no(no, batch.seal.first)?, names::fact_no(no, batch.seal.end())?);
        self.replaced = tx
            .prepare_cached("SELECT DISTINCT target, file FROM replaced WHERE target >= ?1 AND target < ?2")?
            .query_map([first, end], |row| Ok((row.get(0)?, row.get(1)?)))?
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
            let replaced = self.replaced.contains(&(n, file));
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
        if views::take(&mut self.hot, (n, file), &gist, &targets, self.replaced.contains(&(n, file)))? != Change::None {
            self.lines.insert(file);
        }
        if fact.kind == "LogForked" {
            restored::offer_papers(tx)?;
        }
        decide(tx, self.names, &row, fact.section, &mut self.again)
    }
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

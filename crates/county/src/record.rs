//! Giving batches their place in the log, and what their facts change at once: the county's own facts, decisions on held
//! ones, erasures, revocations, closed journals. Everything here happens within the transaction of whoever calls.
//! It must never let through what only the county may say unless the county's own key sealed it.

use std::collections::{BTreeMap, BTreeSet};

use domain::clock::{Millis, Received};
use domain::decision::{Erased, HeldDecided};
use domain::event::{Event, Writer, erasable, writer};
use domain::exchange::{Mark, Sum};
use domain::fact::{Batch, Fact, Seal, Verified, seal};
use domain::ids::{DeviceId, FactId, FileId, JournalId, PersonId, Sha, hex};
use domain::org::DeviceEnrolled;
use domain::rights::{Position, Rights};
use domain::words::Section;

use crate::county::{County, No};
use crate::ledger::{Account, Device, Entry, Erasure, Journal, LedgerFault, Run, Transaction};

/// A batch that verified, as far as it is there.
pub(crate) struct Part {
    pub(crate) batch: Batch,
    pub(crate) facts: Vec<Verified>,
}

/// Why a part of a batch cannot stand beside what is there.
pub(crate) struct Clash;

/// How a part comes into the log.
#[derive(Clone, Copy)]
pub(crate) struct Arrival {
    pub(crate) received: Received,
    /// Brought by somebody else than its author, who is to learn its place by being sent it back.
    pub(crate) back: bool,
    /// Sealed by the county.
    pub(crate) master: bool,
}

impl County {
    /// The county's own facts, sealed into one batch of its journal and appended. Returns the batch's position.
    pub(crate) fn state(
        &self,
        tx: &dyn Transaction,
        now: Millis,
        events: Vec<(FileId, Event)>,
    ) -> Result<Position, No> {
        self.say(tx, now, events, false)
    }

    /// The same of what waits for the head.
    pub(crate) fn ask(&self, tx: &dyn Transaction, now: Millis, events: Vec<(FileId, Event)>) -> Result<Position, No> {
        self.say(tx, now, events, true)
    }

    fn say(
        &self,
        tx: &dyn Transaction,
        now: Millis,
        events: Vec<(FileId, Event)>,
        waits: bool,
    ) -> Result<Position, No> {
        let master = tx.meta()?.master_journal;
        let journal = tx.journal(master)?.ok_or(LedgerFault::Damaged("the master's journal"))?;
        let mut facts = Vec::new();
        for (seq, (file, event)) in (journal.next_seq..).zip(events) {
            facts.push(Fact {
                id: FactId { journal: journal.id, seq },
                file,
                section: Section::Core,
                wall: now,
                author: PersonId::county_master(),
                kind: event.kind().to_owned(),
                replaces: Vec::new(),
                body: event.body().map_err(LedgerFault::from)?,
            });
        }
        let previous = match tx.entries_of(journal.id, journal.next_batch.saturating_sub(1))?.first() {
            Some(entry) => Some(Batch::parse(&entry.bytes).map_err(LedgerFault::from)?.seal),
            None => None,
        };
        let seen = tx.head()?;
        let seed = self.chance.fresh().map_err(LedgerFault::from)?;
        let batch = seal(&facts, previous.as_ref(), seen, &seed, &self.master).map_err(LedgerFault::from)?;
        let facts = batch.verify(&self.master.verifying_key()).map_err(LedgerFault::from)?;
        let received = Received { at: now, offset: 0, seen: tx.time_at(seen)? };
        let arrival = Arrival { received, back: false, master: true };
        let held = facts.iter().filter(|_| waits).map(|verified| verified.fact.id.seq).collect();
        let position = self.append(tx, &Part { batch: batch.clone(), facts }, arrival, &held)?;
        move_on(tx, &journal, &batch.seal)?;
        Ok(position)
    }

    /// Gives a part its place. `held` are the facts (by seq) that are kept back.
    pub(crate) fn append(
        &self,
        tx: &dyn Transaction,
        part: &Part,
        arrival: Arrival,
        held: &BTreeSet<u64>,
    ) -> Result<Position, No> {
        let seal = &part.batch.seal;
        let position = tx.take_position()?;
        let chain = Mark::then(&tx.chain_at(position.saturating_sub(1))?, &seal.hash(), &arrival.received);
        let runs = runs(part, position, arrival.back, held);
        tx.add_entry(&Entry {
            position,
            journal: seal.journal,
            batch: seal.batch,
            received: arrival.received,
            chain,
            runs: u32::try_from(runs.len()).unwrap_or(u32::MAX),
            bytes: part.batch.bytes(),
        })?;
        for run in &runs {
            tx.add_run(run)?;
        }
        for verified in part.facts.iter().filter(|verified| !held.contains(&verified.fact.id.seq)) {
            self.takes_effect(tx, position, &verified.fact, arrival.master)?;
        }
        Ok(position)
    }

    /// Puts a part into the log: what of it is new and not erased. `None` if everything is there already.
    ///
    /// `held` are the facts that are kept back, unless the head has decided otherwise before they came.
    pub(crate) fn take_in(
        &self,
        tx: &dyn Transaction,
        part: Part,
        arrival: Arrival,
        mut held: BTreeSet<u64>,
    ) -> Result<Result<Option<Position>, Clash>, No> {
        let Some(there) = there(tx, &part.batch.seal)? else { return Ok(Err(Clash)) };
        let mut fresh = BTreeSet::new();
        for verified in &part.facts {
            let fact = &verified.fact;
            let erased = tx.erasure(fact.id)?.is_some_and(|it| (it.file, it.section) == (fact.file, fact.section));
            if !there.has(fact.id.seq) && (!erased || !erasable(&fact.kind)) {
                fresh.insert(fact.id.seq);
            }
        }
        if fresh.is_empty() && there.entries > 0 {
            return Ok(Ok(None));
        }
        let Part { batch, facts } = part;
        let part = Part {
            batch: batch.only(|seq, _| fresh.contains(&seq)),
            facts: facts.into_iter().filter(|verified| fresh.contains(&verified.fact.id.seq)).collect(),
        };
        let mut rejected = Vec::new();
        for Verified { fact, .. } in &part.facts {
            let decided = if held.contains(&fact.id.seq) { tx.decision(fact.id)? } else { None };
            if decided == Some(true)
                && decidable(&fact.kind, arrival.master)
                && (arrival.master || !waits_for_its_device(tx, fact.id.journal)?)
            {
                held.remove(&fact.id.seq);
            } else if decided == Some(false) {
                rejected.push(fact.id.seq);
            }
        }
        let position = self.append(tx, &part, arrival, &held)?;
        for seq in rejected {
            tx.reject(position, seq)?;
        }
        Ok(Ok(Some(position)))
    }

    /// What a fact changes when it is let through, at the position since which it is.
    fn takes_effect(&self, tx: &dyn Transaction, position: Position, fact: &Fact, master: bool) -> Result<(), No> {
        self.take_effect(tx, position, vec![(fact.clone(), master, false)])
    }

    /// The same of several, the last first: facts, whether the county's own, whether by the head's word.
    pub(crate) fn take_effect(
        &self,
        tx: &dyn Transaction,
        position: Position,
        mut next: Vec<(Fact, bool, bool)>,
    ) -> Result<(), No> {
        // One decision may let another through: one after the other, not one within the other.
        while let Some((fact, master, decided)) = next.pop() {
            if Rights::reads(&fact.kind) {
                tx.add_rights_fact(position, &fact.bytes())?;
            }
            if !speaks(&fact.kind) {
                continue;
            }
            // A body that cannot be read changes nothing.
            let Ok(Some(event)) = Event::read(&fact.kind, &fact.body) else { continue };
            if let Event::HeldDecided(decided) = event {
                next.extend(self.decide(tx, position, &decided)?);
            } else if let Event::Erased(erased) = event {
                erase(tx, position, &fact, &erased)?;
            } else if let Event::LaptopLost(lost) = event {
                self.hear_of_loss(tx, &fact, &lost)?;
            } else if master {
                if let Event::DeviceEnrolled(enrolled) = &event
                    && decided
                {
                    next.extend(self.admit(tx, position, enrolled)?);
                }
                heed(tx, &fact, event)?;
            }
        }
        Ok(())
    }

    /// The head lets a device in that comes from a lost history: its person's rights count on it from now on, and all its
    /// journals are let in with it. What waited for that is let through, and returned; what is still held comes after the
    /// enrolment, or who reads from the beginning would meet it before they could check its seal.
    pub(crate) fn admit(
        &self,
        tx: &dyn Transaction,
        position: Position,
        enrolled: &DeviceEnrolled,
    ) -> Result<Vec<(Fact, bool, bool)>, No> {
        tx.confirm_device(enrolled.device)?;
        let mut out = Vec::new();
        for (run, fact, other) in held_enrolments(tx)? {
            if (other.device, &other.person) == (enrolled.device, &enrolled.person) {
                tx.release(run.position, run.seq, position)?;
                out.push((fact, true, true));
            }
        }
        for run in tx.held_of(enrolled.journal)? {
            let Some(verified) = fact_of(tx, run.position, FactId { journal: run.journal, seq: run.seq })? else {
                // Erased; its seal stands in the pages all the same.
                tx.put_off(run.position, run.seq, position)?;
                continue;
            };
            let fact = verified.fact;
            if tx.decision(fact.id)? == Some(true) && decidable(&fact.kind, false) {
                tx.release(run.position, run.seq, position)?;
                out.push((fact, false, true));
            } else {
                tx.put_off(run.position, run.seq, position)?;
            }
        }
        out.reverse();
        Ok(out)
    }

    /// Decides on held facts; those that come later are decided on when they do, and those of a journal whose enrolment is
    /// held when that is let through. Returns what is let through now.
    fn decide(
        &self,
        tx: &dyn Transaction,
        position: Position,
        decided: &HeldDecided,
    ) -> Result<Vec<(Fact, bool, bool)>, No> {
        let mut out = Vec::new();
        for target in &decided.facts {
            tx.put_decision(*target, decided.accept)?;
            let Some(run) = run_of(tx, *target)?.filter(|run| run.held) else { continue };
            if !decided.accept {
                tx.reject(run.position, run.seq)?;
                continue;
            }
            let Some(verified) = fact_of(tx, run.position, *target)? else { continue };
            let master = tx.journal(target.journal)?.is_some_and(|journal| journal.device.is_none());
            if !master && waits_for_its_device(tx, target.journal)? {
                continue;
            }
            if decidable(&verified.fact.kind, master) {
                tx.release(run.position, run.seq, position)?;
                out.push((verified.fact, master, true));
            }
        }
        // They take effect in the order in which they are named.
        out.reverse();
        Ok(out)
    }
}

/// The runs of a part: consecutive facts of one section, each held fact alone so that it can be decided on alone.
fn runs(part: &Part, position: Position, back: bool, held: &BTreeSet<u64>) -> Vec<Run> {
    let mut out: Vec<Run> = Vec::new();
    for Verified { fact, leaf } in &part.facts {
        let held = held.contains(&fact.id.seq);
        if let Some(run) = out.last_mut()
            && !held
            && !run.held
            && run.end() == fact.id.seq
            && (run.file, run.section) == (fact.file, fact.section)
        {
            run.sum.add(leaf);
            continue;
        }
        let mut sum = Sum::default();
        sum.add(leaf);
        out.push(Run {
            position,
            seq: fact.id.seq,
            shown: position,
            journal: fact.id.journal,
            file: fact.file,
            section: fact.section,
            held,
            back,
            sum,
        });
    }
    out
}

/// What is there of a batch.
pub(crate) struct There {
    runs: Vec<Run>,
    pub(crate) entries: usize,
}

impl There {
    /// Whether the fact of this number is there.
    fn has(&self, seq: u64) -> bool {
        self.runs.iter().any(|run| (run.seq..run.end()).contains(&seq))
    }
}

/// What is there of the batch with this seal; `None` if something else is there in its place: another batch of its
/// number, or facts of its numbers in another batch.
pub(crate) fn there(tx: &dyn Transaction, seal: &Seal) -> Result<Option<There>, No> {
    let entries = tx.entries_of(seal.journal, seal.batch)?;
    for entry in &entries {
        if Batch::parse(&entry.bytes).map_err(LedgerFault::from)?.seal != *seal {
            return Ok(None);
        }
    }
    let among = tx.runs_among(seal.journal, seal.first, seal.end())?;
    if among.iter().any(|(_, batch)| *batch != seal.batch) {
        return Ok(None);
    }
    Ok(Some(There { runs: among.into_iter().map(|(run, _)| run).collect(), entries: entries.len() }))
}

/// Moves a journal on behind a batch.
pub(crate) fn move_on(tx: &dyn Transaction, journal: &Journal, seal: &Seal) -> Result<(), No> {
    tx.put_journal(&Journal {
        next_batch: seal.batch.saturating_add(1),
        next_seq: seal.end(),
        last_seal: seal.hash(),
        ..journal.clone()
    })?;
    Ok(())
}

/// Facts of an entry (by seq) that are held.
pub(crate) fn held_in(tx: &dyn Transaction, position: Position) -> Result<Vec<u64>, LedgerFault> {
    Ok(tx.runs_of(position)?.into_iter().filter(|run| run.held).map(|run| run.seq).collect())
}

fn run_of(tx: &dyn Transaction, fact: FactId) -> Result<Option<Run>, No> {
    let among = tx.runs_among(fact.journal, fact.seq, fact.seq.saturating_add(1))?;
    Ok(among.into_iter().next().map(|(run, _)| run))
}

fn fact_of(tx: &dyn Transaction, position: Position, fact: FactId) -> Result<Option<Verified>, No> {
    let entry = tx.entry(position)?.ok_or(LedgerFault::Damaged("a run without its batch"))?;
    let facts = Batch::parse(&entry.bytes).map_err(LedgerFault::from)?.facts().map_err(LedgerFault::from)?;
    Ok(facts.into_iter().find(|verified| verified.fact.id == fact))
}

/// The enrolments that wait for the head, or that the head decided against.
fn held_enrolments(tx: &dyn Transaction) -> Result<Vec<(Run, Fact, DeviceEnrolled)>, No> {
    let mut out = Vec::new();
    for run in tx.held_in(FileId::county(), Section::Core)? {
        let Some(verified) = fact_of(tx, run.position, FactId { journal: run.journal, seq: run.seq })? else {
            continue;
        };
        let fact = verified.fact;
        let master = tx.journal(run.journal)?.is_some_and(|journal| journal.device.is_none());
        if master && let Ok(Some(Event::DeviceEnrolled(enrolled))) = Event::read(&fact.kind, &fact.body) {
            out.push((run, fact, enrolled));
        }
    }
    Ok(out)
}

/// Whether the enrolment of a journal is held: then nobody but the head could check its seals.
fn waits_for_its_device(tx: &dyn Transaction, journal: JournalId) -> Result<bool, No> {
    Ok(held_enrolments(tx)?.iter().any(|(_, _, enrolled)| enrolled.journal == journal))
}

/// Kinds by which the log speaks of itself and which are read here.
fn speaks(kind: &str) -> bool {
    matches!(
        kind,
        "HeldDecided"
            | "Erased"
            | "RoleGiven"
            | "DeviceEnrolled"
            | "BlockLeased"
            | "DeviceRevoked"
            | "JournalClosed"
            | "LaptopLost"
            | "LogForked"
    )
}

/// Whether the head may let a held fact of this kind through: not what only the county says, unless the county said it.
fn decidable(kind: &str, master: bool) -> bool {
    master || writer(kind) != Some(Writer::Master)
}

/// Closes the named facts of the erasure's own section and drops its papers. Those that come later are closed then.
fn erase(tx: &dyn Transaction, position: Position, by: &Fact, erased: &Erased) -> Result<(), No> {
    let mut closed: BTreeMap<Position, BTreeSet<u64>> = BTreeMap::new();
    for target in &erased.facts {
        if tx.erasure(*target)?.is_some() {
            continue;
        }
        let mut erasure = Erasure { fact: *target, file: by.file, section: by.section, at: position, counted: None };
        if let Some(run) = run_of(tx, *target)? {
            let there = fact_of(tx, run.position, *target)?.filter(|verified| erasable(&verified.fact.kind));
            let Some(verified) = there.filter(|_| (run.file, run.section) == (by.file, by.section)) else { continue };
            let mut sum = Sum::default();
            sum.add(&verified.leaf);
            erasure.counted = (!run.held).then_some((run.shown, sum.leaves));
            closed.entry(run.position).or_default().insert(target.seq);
        }
        tx.add_erasure(&erasure)?;
    }
    for (position, seqs) in closed {
        let entry = tx.entry(position)?.ok_or(LedgerFault::Damaged("a run without its batch"))?;
        let batch = Batch::parse(&entry.bytes).map_err(LedgerFault::from)?;
        tx.close_facts(position, &batch.only(|seq, _| !seqs.contains(&seq)).bytes())?;
    }
    for paper in &erased.papers {
        tx.erase_paper(*paper, by.file, by.section)?;
    }
    Ok(())
}

/// What the county's own word changes, now or from a history that was lost. All of it may be heard again.
fn heed(tx: &dyn Transaction, fact: &Fact, event: Event) -> Result<(), No> {
    if let Event::RoleGiven(given) = event {
        tx.put_account(&Account { person: given.person, name: given.name, role: given.role, areas: given.areas })?;
    } else if let Event::BlockLeased(leased) = event {
        tx.add_lease(leased.kind, leased.year, leased.block, fact.file, fact.id.journal)?;
    } else if let Event::DeviceRevoked(revoked) = event {
        tx.revoke(revoked.device)?;
        if let Some(lost) = revoked.lost {
            tx.burn(revoked.device, lost.since)?;
        }
    } else if let Event::JournalClosed(closed) = event {
        tx.close_journal(closed.journal)?;
    } else if let Event::LogForked(forked) = event {
        // Also of a lost history: what came into it from one that it had lost before comes on into this one, and what its
        // author had seen is of no later state than both of them share.
        tx.lose(forked.position)?;
    }
    Ok(())
}

/// What the log says of a device's journal.
pub(crate) fn enrolment(device: &Device, journal: JournalId) -> DeviceEnrolled {
    DeviceEnrolled { device: device.id, person: device.person.clone(), key: hex(&device.key), journal }
}

/// A journal before its first batch.
pub(crate) fn fresh_journal(id: JournalId, device: Option<DeviceId>) -> Journal {
    Journal { id, device, closed: false, next_batch: 1, next_seq: 1, last_seal: Sha([0; 32]) }
}

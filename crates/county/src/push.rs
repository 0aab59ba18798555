//! Taking in what a desk has sealed. Verification comes before the ledger is locked; then one transaction for the whole
//! push, durable before it is answered. Everything well sealed is kept, allowed or not: nobody's work is lost here.
//! It must never give one number of a journal to two batches, nor pass on what its author had no right to write.

use std::collections::BTreeSet;

use domain::VerifyingKey;
use domain::clock::{Millis, Received};
use domain::enrol::Refusal;
use domain::event::Event;
use domain::exchange::{Ack, Acks, MOST_BATCH, Push};
use domain::fact::{Batch, Fact, SealFault, Verified};
use domain::ids::{DeviceId, FileId, JournalId};
use domain::rights::{Position, Rights};

use crate::county::{County, No, Whole};
use crate::ledger::{Device, Entry, Journal, LedgerFault, Transaction, Waiting};

/// Most batches that may wait for a predecessor, of one journal.
const MOST_WAITING: usize = 1_000;

/// Who pushes, and the log's head when they began.
struct Contact<'a> {
    head: Position,
    device: &'a Device,
    key: &'a VerifyingKey,
}

impl County {
    /// Takes batches of the device's own journals. All of the push is kept, or none of it.
    ///
    /// A batch that is already here is acknowledged again; one before its predecessor waits on disk and is taken, with
    /// its own time of arrival, as soon as the predecessor comes.
    ///
    /// # Errors
    /// `DeviceUnknown`; `NotAllowed` for a journal that is not this device's (a new one is announced by a greeting);
    /// `Malformed`, `Unsealed`, `Forked`, `TooLarge`.
    pub fn push(&self, device: DeviceId, push: &Push) -> Result<Acks, Refusal> {
        self.settle(self.take(device, push))
    }

    fn take(&self, device: DeviceId, push: &Push) -> Result<Acks, No> {
        let device = self.ledger.read(|tx| self.known(tx, device))?;
        let key =
            VerifyingKey::from_bytes(&device.key).ok().ok_or(No::Trouble(LedgerFault::Damaged("a device's key")))?;
        let mut wholes = Vec::new();
        for bytes in &push.batches {
            wholes.push(verified(bytes, &key)?);
        }
        self.ledger.write(|tx| {
            let now = self.clock.now();
            let device = self.known(tx, device.id)?;
            let contact = Contact { head: tx.head()?, device: &device, key: &key };
            let offset = now.0.saturating_sub(push.wall.0);
            let mut acks = Acks::default();
            let mut journals = BTreeSet::new();
            for whole in &wholes {
                let seal = &whole.batch.seal;
                let journal = tx.journal(seal.journal)?.filter(|journal| journal.device == Some(device.id));
                let journal = journal.ok_or(Refusal::NotAllowed)?;
                journals.insert(journal.id);
                if seal.batch < journal.next_batch {
                    let kept = tx.entry_of(journal.id, seal.batch)?.filter(|kept| kept.bytes == whole.bytes);
                    let kept = kept.ok_or(Refusal::Forked)?;
                    acks.acks.push(acknowledged(tx, &kept)?);
                } else if seal.batch > journal.next_batch {
                    wait(tx, &journal, whole, now, offset)?;
                } else {
                    acks.acks.push(self.chain(tx, &contact, &journal, whole, now, offset)?);
                    tx.drop_waiting(journal.id, seal.batch)?;
                    self.take_waiting(tx, &contact, journal.id, &mut acks.acks)?;
                }
            }
            for journal in journals {
                acks.waiting.extend(tx.waiting_numbers(journal)?);
            }
            Ok(acks)
        })
    }

    /// Takes what was waiting for the batch that just came.
    fn take_waiting(
        &self,
        tx: &dyn Transaction,
        contact: &Contact<'_>,
        journal: JournalId,
        acks: &mut Vec<Ack>,
    ) -> Result<(), No> {
        loop {
            let journal = tx.journal(journal)?.ok_or(LedgerFault::Damaged("a journal is missing"))?;
            let Some(waiting) = tx.waiting(journal.id, journal.next_batch)? else { return Ok(()) };
            tx.drop_waiting(journal.id, waiting.batch)?;
            let whole = verified(&waiting.bytes, contact.key)?;
            match self.chain(tx, contact, &journal, &whole, waiting.at, waiting.offset) {
                Ok(ack) => acks.push(ack),
                // It does not continue what came before it. It is not acknowledged; its desk offers it again and is told.
                Err(No::Refused(_)) => return Ok(()),
                Err(No::Trouble(fault)) => return Err(No::Trouble(fault)),
            }
        }
    }

    /// Appends the next batch of a journal, if it continues it.
    fn chain(
        &self,
        tx: &dyn Transaction,
        contact: &Contact<'_>,
        journal: &Journal,
        whole: &Whole,
        at: Millis,
        offset: i64,
    ) -> Result<Ack, No> {
        let seal = &whole.batch.seal;
        if seal.previous != journal.last_seal {
            return Err(Refusal::Forked.into());
        }
        if seal.first != journal.next_seq {
            return Err(Refusal::Unsealed.into());
        }
        // Nobody has seen more than there was; and a device's rights begin with its enrolment.
        let Contact { head, device, .. } = *contact;
        let seen = seal.seen.min(head);
        let as_of = seen.max(device.enrolled);
        let received = Received { at, offset, seen: tx.time_at(seen)? };
        let held: BTreeSet<u64> = self.with_rights(tx, head, |rights| {
            let facts = whole.facts.iter().map(|verified| &verified.fact);
            facts.filter(|fact| !allowed(rights, device, fact, as_of)).map(|fact| fact.id.seq).collect()
        })?;
        let hold = |facts: &[Verified]| facts.iter().any(|verified| held.contains(&verified.fact.id.seq));
        let position = self.append(tx, journal, whole, received, hold)?;
        Ok(Ack { batch: seal.batch, position, received, held: tx.held_in(position)? })
    }
}

/// Whether the device's person may write this fact. A run that holds one fact of another kind is held as a whole: it is
/// the smallest thing that can be withheld.
fn allowed(rights: &Rights, device: &Device, fact: &Fact, as_of: Position) -> bool {
    fact.author == device.person
        && !misfiled(fact)
        && rights.may_write(&device.person, &fact.kind, fact.file, fact.section, as_of)
}

/// An assignment in the file of another village than it names: the right to write is judged by the file, so the two
/// must agree, or a director of one village could give himself any other.
fn misfiled(fact: &Fact) -> bool {
    if fact.kind != "VillageAssigned" {
        return false;
    }
    match Event::read(&fact.kind, &fact.body) {
        Ok(Some(Event::VillageAssigned(assigned))) => fact.file != FileId::village(&assigned.village),
        Ok(_) | Err(_) => true,
    }
}

/// The whole batch in these bytes, verified with the device's key.
fn verified(bytes: &[u8], key: &VerifyingKey) -> Result<Whole, No> {
    if bytes.len() > MOST_BATCH {
        return Err(Refusal::TooLarge.into());
    }
    let batch = Batch::parse(bytes).ok().filter(Batch::whole).ok_or(Refusal::Malformed)?;
    match batch.verify(key) {
        Ok(facts) => Ok(Whole { batch, facts, bytes: bytes.to_vec() }),
        Err(SealFault::Wire(_) | SealFault::Size) => Err(Refusal::Malformed.into()),
        Err(SealFault::Suite | SealFault::Signature | SealFault::Root | SealFault::Place) => {
            Err(Refusal::Unsealed.into())
        }
    }
}

/// What was answered when this entry came.
fn acknowledged(tx: &dyn Transaction, entry: &Entry) -> Result<Ack, No> {
    Ok(Ack {
        batch: entry.batch,
        position: entry.position,
        received: entry.received,
        held: tx.held_in(entry.position)?,
    })
}

/// Keeps a batch until its predecessor comes.
fn wait(tx: &dyn Transaction, journal: &Journal, whole: &Whole, at: Millis, offset: i64) -> Result<(), No> {
    let batch = whole.batch.seal.batch;
    match tx.waiting(journal.id, batch)? {
        Some(kept) if kept.bytes == whole.bytes => Ok(()),
        Some(_) => Err(Refusal::Forked.into()),
        None => {
            if tx.waiting_numbers(journal.id)?.len() >= MOST_WAITING {
                return Err(Refusal::TooLarge.into());
            }
            tx.add_waiting(&Waiting { journal: journal.id, batch, at, offset, bytes: whole.bytes.clone() })?;
            Ok(())
        }
    }
}

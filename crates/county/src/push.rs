//! Taking in what a desk has sealed. Verification comes before the ledger is locked; then one transaction for the whole
//! push, durable before it is answered. Everything well sealed is kept, allowed or not: nobody's work is lost here.
//! It must never give one number of a journal to two batches, nor pass on what its author had no right to write.

use std::collections::BTreeSet;

use domain::VerifyingKey;
use domain::bundle::Asking;
use domain::clock::{Millis, Received};
use domain::decision::JournalClosed;
use domain::enrol::Refusal;
use domain::event::Event;
use domain::exchange::{Ack, Acks, MOST_BATCH, Mark, Push};
use domain::fact::{Batch, Fact, Seal, SealFault, Verified};
use domain::ids::{DeviceId, FileId, JournalId};
use domain::rights::{Position, Rights};

use crate::county::{County, No, agreed};
use crate::ledger::{Device, Journal, LedgerFault, Transaction, Waiting};
use crate::record::{Arrival, Part, held_in, move_on, there};

/// Most batches that may wait for a predecessor, of one journal.
const MOST_WAITING: usize = 1_000;

/// How far the pushing desk's clock is off, at this moment of the county's; and up to where its author shares this log's past,
/// where that came with the push.
type Measure<'a> = dyn Fn(&dyn Transaction, Millis) -> Result<(i64, Position), LedgerFault> + 'a;

/// Whether a device may still speak for its person.
#[derive(Clone, Copy)]
enum Standing {
    /// It may.
    Enrolled,
    /// Two persons said that it is lost.
    Lost,
}

/// Who pushes, and the log's head when they began.
struct Contact<'a> {
    head: Position,
    /// Above this, what a seal says of what its author had seen may be of a history that was lost.
    lost: Option<Position>,
    /// The same of what this push brings alone: its desk knows nothing above it of this history.
    shared: Position,
    /// With what fragments of this very push add; else those of the head.
    rights: Option<Rights>,
    device: &'a Device,
    key: &'a VerifyingKey,
}

/// A whole batch that verified, and its bytes as received.
#[derive(Clone)]
struct Whole {
    batch: Batch,
    facts: Vec<Verified>,
    bytes: Vec<u8>,
}

/// Why a push is not taken.
enum Stop {
    No(No),
    /// Two desks write under this journal.
    Twins(JournalId),
}

impl<T: Into<No>> From<T> for Stop {
    fn from(no: T) -> Self {
        Self::No(no.into())
    }
}

impl County {
    /// Takes batches of the device's own journals. All of the push is kept, or none of it.
    ///
    /// A batch that is already here is acknowledged again; one before its predecessor waits on disk and is taken, with
    /// its own time of arrival, as soon as the predecessor comes. Two batches under one number prove that two desks write
    /// under one journal: it is closed, and from then on only what is already here is acknowledged.
    ///
    /// Fragments, other journals' batches as far as the desk holds them, count in a county that was restored (see
    /// `restore`); they are to be offered in log order, and are taken before the batches.
    ///
    /// # Errors
    /// `DeviceUnknown`; `NotAllowed` for a journal that is not this device's (a new one is announced by a greeting);
    /// `Malformed`, `Unsealed`, `Forked`, `TooLarge`.
    pub fn push(&self, device: DeviceId, push: &Push) -> Result<Acks, Refusal> {
        self.push_by(device, push, Standing::Enrolled, &|_, now| {
            // No push is on its way for less than no time: what it took can only make the difference larger.
            let apart = now.0.saturating_sub(push.wall.0);
            Ok((push.offset.map_or(apart, |measured| measured.min(apart)), Position::MAX))
        })
    }

    /// The same for a push that lay in a bundle for an unknown while: the clock is off by what was last measured, within
    /// what is possible, for it was written before now and after what its desk had read by then.
    ///
    /// # Errors
    /// As [`County::push`].
    pub(crate) fn push_carried(&self, device: DeviceId, push: &Push, asking: &Asking) -> Result<Acks, Refusal> {
        self.push_by(device, push, Standing::Enrolled, &carried(asking, push))
    }

    /// The same of a bundle in quarantine: nothing of it counts before the head has decided on it.
    ///
    /// # Errors
    /// As [`County::push`].
    pub(crate) fn push_of_lost(&self, device: DeviceId, push: &Push, asking: &Asking) -> Result<Acks, Refusal> {
        self.push_by(device, push, Standing::Lost, &carried(asking, push))
    }

    fn push_by(
        &self,
        device: DeviceId,
        push: &Push,
        standing: Standing,
        offset: &Measure<'_>,
    ) -> Result<Acks, Refusal> {
        self.settle(match self.take(device, push, standing, offset) {
            Ok(acks) => Ok(acks),
            Err(Stop::No(no)) => Err(no),
            Err(Stop::Twins(journal)) => self.close_twins(device, journal),
        })
    }

    fn take(&self, device: DeviceId, push: &Push, standing: Standing, offset: &Measure<'_>) -> Result<Acks, Stop> {
        let author = |tx: &dyn Transaction, id: DeviceId| match standing {
            Standing::Enrolled => self.greeted(tx, id),
            // Whatever rights its person has, they are not this laptop's.
            Standing::Lost => {
                let device = tx.device(id)?.ok_or(Refusal::DeviceUnknown)?;
                Ok(Device { confirmed: false, ..device })
            }
        };
        let device = self.ledger.read(|tx| author(tx, device))?;
        let key =
            VerifyingKey::from_bytes(&device.key).ok().ok_or(No::Trouble(LedgerFault::Damaged("a device's key")))?;
        let mut wholes = Vec::new();
        for bytes in &push.batches {
            wholes.push(verified(bytes, &key)?);
        }
        let offered = self.sift(&push.fragments)?;
        self.write(|tx| {
            let now = self.clock.now();
            let device = author(tx, device.id)?;
            let rights = self.take_offered(tx, offered, tx.head()?)?;
            let (head, lost) = (tx.head()?, tx.meta()?.lost);
            let (offset, shared) = offset(tx, now)?;
            let contact = Contact { head, lost, shared, rights, device: &device, key: &key };
            let mut acks = Acks::default();
            let mut journals = BTreeSet::new();
            for whole in wholes {
                let journal = tx.journal(whole.batch.seal.journal)?.filter(|journal| journal.device == Some(device.id));
                let journal = journal.ok_or(Refusal::NotAllowed)?;
                let (id, batch) = (journal.id, whole.batch.seal.batch);
                journals.insert(id);
                if batch > journal.next_batch && !follows(tx, &whole.batch.seal)? {
                    if journal.closed && contact.lost.is_none() {
                        return Err(Refusal::Forked.into());
                    }
                    wait(tx, &journal, &whole, now, offset)?;
                } else {
                    let next = batch >= journal.next_batch;
                    acks.acks.push(self.chain(tx, &contact, &journal, whole, now, offset)?);
                    if next {
                        tx.drop_waiting(id, batch)?;
                        self.take_waiting(tx, &contact, id, &mut acks.acks)?;
                    }
                }
            }
            for journal in journals {
                acks.waiting.extend(tx.waiting_numbers(journal)?);
            }
            let head = tx.head()?;
            acks.head = Mark::of(head, &tx.chain_at(head)?);
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
    ) -> Result<(), Stop> {
        loop {
            let journal = tx.journal(journal)?.ok_or(LedgerFault::Damaged("a journal is missing"))?;
            // Also one that was passed by, when what followed it came in others' hands.
            let numbers = tx.waiting_numbers(journal.id)?;
            let Some(number) = numbers.into_iter().find(|number| *number <= journal.next_batch) else { return Ok(()) };
            let waiting = tx.waiting(journal.id, number)?.ok_or(LedgerFault::Damaged("a waiting batch"))?;
            tx.drop_waiting(journal.id, waiting.batch)?;
            let whole = verified(&waiting.bytes, contact.key)?;
            match self.chain(tx, contact, &journal, whole, waiting.at, waiting.offset) {
                Ok(ack) => acks.push(ack),
                // It does not continue what came before it. It is not acknowledged; its desk offers it again and is told.
                Err(Stop::No(No::Refused(_)) | Stop::Twins(_)) => return Ok(()),
                Err(Stop::No(No::Trouble(fault))) => return Err(fault.into()),
            }
        }
    }

    /// Appends what is new of a batch that is there already or comes next, if it continues its journal.
    fn chain(
        &self,
        tx: &dyn Transaction,
        contact: &Contact<'_>,
        journal: &Journal,
        whole: Whole,
        at: Millis,
        offset: i64,
    ) -> Result<Ack, Stop> {
        let Contact { head, device, lost, shared, .. } = *contact;
        let Whole { batch, facts, .. } = whole;
        let seal = batch.seal.clone();
        let next = seal.batch >= journal.next_batch;
        if seal.batch == journal.next_batch {
            if seal.previous != journal.last_seal {
                return Err(Stop::Twins(journal.id));
            }
            if seal.first != journal.next_seq {
                return Err(Refusal::Unsealed.into());
            }
        }
        // What was acknowledged before it was closed in a lost history comes again; a clash is still a clash.
        if journal.closed && lost.is_none() && (next || there(tx, &seal)?.is_none_or(|there| there.entries == 0)) {
            return Err(Refusal::Forked.into());
        }
        // Nobody has seen more than there was; and a device's rights begin with its enrolment.
        let seen = seal.seen.min(head);
        let as_of = seen.max(device.enrolled);
        // Work of a lost history is judged by what is known now too, and its clock not bounded by positions given again.
        let past = lost.unwrap_or(Position::MAX).min(shared);
        let stale = seal.seen > past;
        let bound = seen.min(past);
        let received = Received { at, offset, seen: tx.time_at(bound)? };
        let may = |rights: &Rights, fact: &Fact| {
            allowed(rights, device, fact, as_of) || (stale && allowed(rights, device, fact, head))
        };
        let judge = |rights: &Rights| -> BTreeSet<u64> {
            let facts = facts.iter().map(|verified| &verified.fact);
            facts.filter(|fact| !may(rights, fact)).map(|fact| fact.id.seq).collect()
        };
        let held = match &contact.rights {
            Some(rights) => judge(rights),
            None => self.with_rights(tx, head, judge)?,
        };
        let arrival = Arrival { received, back: false, master: false };
        let taken = self.take_in(tx, Part { batch, facts }, arrival, held)?;
        if taken.is_err() {
            return Err(Stop::Twins(journal.id));
        }
        if next {
            move_on(tx, journal, &seal)?;
        }
        Ok(acknowledged(tx, journal.id, seal.batch)?)
    }

    /// Closes a journal under which two desks have written, once, and says so.
    fn close_twins(&self, device: DeviceId, journal: JournalId) -> Result<Acks, No> {
        self.write(|tx| {
            if tx.journal(journal)?.is_some_and(|journal| !journal.closed) {
                let closed = Event::JournalClosed(JournalClosed { journal, device });
                self.state(tx, self.clock.now(), vec![(FileId::device(device), closed)])?;
            }
            Ok::<_, No>(())
        })?;
        Err(Refusal::Forked.into())
    }
}

/// How far the clock of a desk is off whose push came by hand.
fn carried<'a>(
    asking: &'a Asking,
    push: &'a Push,
) -> impl Fn(&dyn Transaction, Millis) -> Result<(i64, Position), LedgerFault> + 'a {
    |tx, now| {
        // Only of the history that both share: what the desk read in one that was lost has other positions here.
        let shared = agreed(tx, tx.head()?, &asking.hello.marks)?;
        let read = tx.time_at(asking.hello.cursor.visible.min(shared))?;
        let earliest = read.0.saturating_sub(push.wall.0);
        Ok((asking.offset.max(earliest).min(now.0.saturating_sub(push.wall.0)), shared))
    }
}

/// Whether the device's person may write this fact.
pub(crate) fn allowed(rights: &Rights, device: &Device, fact: &Fact, as_of: Position) -> bool {
    device.confirmed
        && fact.author == device.person
        && !misfiled(fact)
        && rights.may_write(&device.person, &fact.kind, fact.file, fact.section, as_of)
}

/// An assignment in the file of another village than it names: the right to write is judged by the file, so the two
/// must agree, or a director of one village could give himself any other. So it is of a laptop that is lost or opened and
/// its device's file, and of officers, whom every laptop must hear of.
fn misfiled(fact: &Fact) -> bool {
    let ours = ["VillageAssigned", "LaptopLost", "OfficerOffered", "OfficersNamed", "RecoveryHelped"]
        .contains(&fact.kind.as_str());
    if !ours {
        return false;
    }
    match Event::read(&fact.kind, &fact.body) {
        Ok(Some(Event::VillageAssigned(assigned))) => fact.file != FileId::village(&assigned.village),
        Ok(Some(Event::LaptopLost(lost))) => fact.file != FileId::device(lost.device),
        Ok(Some(Event::OfficerOffered(offered))) => fact.file != FileId::device(offered.device),
        Ok(Some(Event::RecoveryHelped(helped))) => fact.file != FileId::device(helped.device),
        Ok(Some(Event::OfficersNamed(named))) => fact.file != FileId::county() || !named.sound(),
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
        Err(SealFault::Suite | SealFault::Signature | SealFault::Place) => Err(Refusal::Unsealed.into()),
    }
}

/// What the log says of a batch that is there: of several entries with parts of it, the last one's place and time.
pub(crate) fn acknowledged(tx: &dyn Transaction, journal: JournalId, batch: u64) -> Result<Ack, No> {
    let entries = tx.entries_of(journal, batch)?;
    let last = entries.last().ok_or(LedgerFault::Damaged("a batch without an entry"))?;
    let mut held = Vec::new();
    for entry in &entries {
        held.extend(held_in(tx, entry.position)?);
    }
    held.sort_unstable();
    Ok(Ack { batch, position: last.position, received: last.received, held })
}

/// Whether a batch that is not the next of its journal follows one that others brought, whole or in part, after a restore.
/// Its author may hold no more of that one than they do.
fn follows(tx: &dyn Transaction, seal: &Seal) -> Result<bool, Stop> {
    let before = tx.entries_of(seal.journal, seal.batch.saturating_sub(1))?;
    let Some(entry) = before.first() else { return Ok(false) };
    let before = Batch::parse(&entry.bytes).map_err(LedgerFault::from)?.seal;
    if before.hash() != seal.previous {
        return Err(Stop::Twins(seal.journal));
    }
    if before.end() != seal.first {
        return Err(Refusal::Unsealed.into());
    }
    Ok(true)
}

/// Keeps a batch until its predecessor comes.
fn wait(tx: &dyn Transaction, journal: &Journal, whole: &Whole, at: Millis, offset: i64) -> Result<(), Stop> {
    let seal = &whole.batch.seal;
    let batch = seal.batch;
    match tx.waiting(journal.id, batch)? {
        Some(kept) if Batch::parse(&kept.bytes).is_ok_and(|kept| kept.seal == *seal) => Ok(()),
        Some(_) => Err(Stop::Twins(journal.id)),
        None => {
            if tx.waiting_numbers(journal.id)?.len() >= MOST_WAITING {
                return Err(Refusal::TooLarge.into());
            }
            tx.add_waiting(&Waiting { journal: journal.id, batch, at, offset, bytes: whole.bytes.clone() })?;
            Ok(())
        }
    }
}

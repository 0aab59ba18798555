//! A county that was restored from a copy: how it finds out, goes on under a new journal of its own, and gets back what
//! the desks still hold. The log keeps its id; its lost positions are given again, to whatever comes first.
//! What only the county says is heard again by its own seal; rights from a lost history wait for the head. It must never
//! re-use a number of its own journal, nor let a device in that the lost history may have turned out.

use std::collections::{BTreeMap, BTreeSet};

use domain::VerifyingKey;
use domain::clock::{Millis, Received};
use domain::decision::{JournalClosed, LogForked};
use domain::enrol::{Refusal, offer_bytes};
use domain::event::Event;
use domain::exchange::{MOST_BATCH, Push};
use domain::fact::{Batch, Fact, Seal, Verified};
use domain::ids::{DeviceId, FileId, JournalId, Sha, unhex};
use domain::org::DeviceEnrolled;
use domain::rights::{Position, Rights};
use ed25519_dalek::Signature;

use crate::county::{County, No};
use crate::ledger::{Account, Device, LedgerFault, Meta, Transaction};
use crate::push::allowed;
use crate::record::{Arrival, Part, fresh_journal, there};

/// What a device that this county does not know shows to be known again.
#[derive(Debug, Clone)]
pub struct Proof {
    /// The device.
    pub device: DeviceId,
    /// Signature of its key over [`domain::enrol::offer_bytes`].
    pub signature: [u8; 64],
}

/// A fragment that verified.
pub(crate) struct Offered {
    part: Part,
    /// Sealed by the county, in whatever history.
    master: bool,
}

impl County {
    /// Goes on under a new county journal, and says that the history above `lost` was lost.
    pub(crate) fn fork(&self, tx: &dyn Transaction, lost: Position) -> Result<(), No> {
        let journal = JournalId(self.chance.fresh().map_err(LedgerFault::from)?);
        let at = tx.head()?.saturating_add(1);
        tx.put_journal(&fresh_journal(journal, None))?;
        tx.set_fork(journal, at, lost)?;
        let now = self.clock.now();
        let forked = LogForked { log: self.meta.log, position: lost, at: now };
        if self.state(tx, now, vec![(FileId::county(), Event::LogForked(forked))])? == at {
            Ok(())
        } else {
            Err(LedgerFault::Damaged("a position was skipped").into())
        }
    }

    /// Lets a device speak again that was enrolled in a history that this county lost. Its enrolment, sealed by the county,
    /// must be among the fragments or have come before; its work is taken from then on, its rights wait for the head.
    ///
    /// # Errors
    /// `DeviceUnknown` if no enrolment names it, or it was revoked; `BadProof`; `NotAllowed` if device or certificate are
    /// already known otherwise; `Malformed`, `Unsealed`, `TooLarge`.
    pub fn offer(&self, certificate: Sha, proof: &Proof, push: &Push) -> Result<(), Refusal> {
        self.settle(self.offered(certificate, proof, push))
    }

    fn offered(&self, certificate: Sha, proof: &Proof, push: &Push) -> Result<(), No> {
        // Kept with the transaction, and told after it: by this certificate it hands in what it has.
        if self.presented(certificate, proof, push)? { Err(Refusal::DeviceLost.into()) } else { Ok(()) }
    }

    /// Whether the device that presents itself is lost.
    fn presented(&self, certificate: Sha, proof: &Proof, push: &Push) -> Result<bool, No> {
        let offered = self.sift(&push.fragments)?;
        let known = self.ledger.read(|tx| tx.device(proof.device))?.map(|device| device.key);
        let introduced = offered.iter().filter(|it| it.master).flat_map(|it| &it.part.facts);
        let named = introduced.filter_map(|verified| enrolled(&verified.fact));
        let key = named.filter(|(it, _)| it.device == proof.device).map(|(_, key)| key).next();
        let key = known.or(key).ok_or(Refusal::DeviceUnknown)?;
        let proven = VerifyingKey::from_bytes(&key).is_ok_and(|key| {
            let bytes = offer_bytes(self.meta.log, certificate);
            key.verify_strict(&bytes, &Signature::from_bytes(&proof.signature)).is_ok()
        });
        if !proven {
            return Err(Refusal::BadProof.into());
        }
        self.write(|tx| {
            let head = tx.head()?;
            if tx.device(proof.device)?.is_none() && tx.meta()?.forked == 0 {
                // The county's own seal, which it does not know of: that is a history it lost.
                self.fork(tx, last_shared(tx, &offered)?)?;
            }
            self.take_offered(tx, offered, head)?;
            let lost = tx.burnt(proof.device)?.is_some();
            let device = tx.device(proof.device)?.filter(|device| lost || !device.revoked);
            let device = device.ok_or(Refusal::DeviceUnknown)?;
            if device.certificate == certificate {
                return Ok(lost);
            }
            if device.certificate != Sha([0; 32]) || tx.device_by_certificate(certificate)?.is_some() {
                return Err(Refusal::NotAllowed.into());
            }
            tx.set_certificate(device.id, certificate)?;
            Ok(lost)
        })
    }

    /// The fragments that verify, the county's own first. One whose journal nobody introduces is left out: enrolments are
    /// in a file that every desk has, and are to be offered no later than what they introduce.
    pub(crate) fn sift(&self, fragments: &[Vec<u8>]) -> Result<Vec<Offered>, No> {
        let mut batches = Vec::new();
        for bytes in fragments {
            if bytes.len() > MOST_BATCH {
                return Err(Refusal::TooLarge.into());
            }
            batches.push(Batch::parse(bytes).ok().ok_or(Refusal::Malformed)?);
        }
        let mut keys: BTreeMap<JournalId, Option<[u8; 32]>> = BTreeMap::new();
        self.ledger.read(|tx| {
            for journal in batches.iter().map(|batch| batch.seal.journal).collect::<BTreeSet<_>>() {
                if let Some(known) = tx.journal(journal)? {
                    let device = match known.device {
                        Some(device) => Some(tx.device(device)?.ok_or(LedgerFault::Damaged("a journal's device"))?.key),
                        None => None,
                    };
                    keys.insert(journal, device);
                }
            }
            Ok::<_, LedgerFault>(())
        })?;
        let mut masters = Vec::new();
        let mut others = Vec::new();
        for batch in batches {
            match keys.get(&batch.seal.journal) {
                Some(Some(_)) => others.push(batch),
                Some(None) => {
                    let facts = batch.verify(&self.master.verifying_key()).ok().ok_or(Refusal::Unsealed)?;
                    masters.push(Offered { part: Part { batch, facts }, master: true });
                }
                None => match batch.verify(&self.master.verifying_key()) {
                    Ok(facts) => masters.push(Offered { part: Part { batch, facts }, master: true }),
                    Err(_) => others.push(batch),
                },
            }
        }
        for (enrolled, key) in masters.iter().flat_map(|it| &it.part.facts).filter_map(|it| enrolled(&it.fact)) {
            keys.entry(enrolled.journal).or_insert(Some(key));
        }
        for batch in others {
            let Some(Some(key)) = keys.get(&batch.seal.journal) else { continue };
            let key = VerifyingKey::from_bytes(key).ok().ok_or(Refusal::Malformed)?;
            let facts = batch.verify(&key).ok().ok_or(Refusal::Unsealed)?;
            masters.push(Offered { part: Part { batch, facts }, master: false });
        }
        Ok(masters)
    }

    /// Gives what is new of fragments a place now. `head` is where the transaction began. Returns the rights as known with
    /// what the fragments add, if there are any.
    ///
    /// A fragment is judged by what its author may do as known now: what its seal says of what the author had seen is of
    /// a history that is gone. Places and assignments take effect at once, or the families of a restored county would
    /// vanish from the desks of those who work them until the head had decided on each, on the last day of all days.
    pub(crate) fn take_offered(
        &self,
        tx: &dyn Transaction,
        offered: Vec<Offered>,
        head: Position,
    ) -> Result<Option<Rights>, No> {
        let meta = tx.meta()?;
        if offered.is_empty() || meta.forked == 0 {
            // A county that lost nothing has everything.
            return Ok(None);
        }
        if self.forgotten(tx, &offered, &meta)? {
            self.fork(tx, meta.forked)?;
        }
        let now = self.clock.now();
        let mut known = self.with_rights(tx, head, Rights::clone)?;
        let mut twins = BTreeSet::new();
        for Offered { part, master } in offered {
            let journal = part.batch.seal.journal;
            let device = match tx.journal(journal)? {
                Some(row) if master == row.device.is_none() => row.device,
                // Known as somebody else's.
                Some(_) => continue,
                None if master => {
                    tx.put_journal(&fresh_journal(journal, None))?;
                    None
                }
                None => continue,
            };
            let device = match device {
                Some(device) => tx.device(device)?,
                None => None,
            };
            // The county's own may have told that more is lost.
            let arrival = self.arrival(tx, &part, now, tx.meta()?.lost, master)?;
            let as_of = tx.head()?;
            let enrolments: Vec<_> =
                part.facts.iter().filter_map(|it| Some((it.fact.id, enrolled(&it.fact)?))).collect();
            let mut held = BTreeSet::new();
            for Verified { fact, .. } in &part.facts {
                let keeps = match &device {
                    Some(device) => !allowed(&known, device, fact, as_of),
                    None => waits(tx, fact)?,
                };
                if keeps {
                    held.insert(fact.id.seq);
                }
            }
            let said: Vec<Fact> = part.facts.iter().map(|verified| verified.fact.clone()).collect();
            let mut came = None;
            match self.take_in(tx, part, arrival, held)? {
                Ok(position) => came = position,
                Err(_) if master => self.say_again(tx, now, &said)?,
                Err(_) => {
                    twins.extend(device.as_ref().map(|device| (journal, device.id)));
                }
            }
            if master {
                for (fact, (enrolled, key)) in enrolments {
                    introduce(tx, &enrolled, key)?;
                    // The head's word on it may have come first.
                    if let Some(position) = came
                        && tx.decision(fact)? == Some(true)
                    {
                        let more = self.admit(tx, position, &enrolled)?;
                        self.take_effect(tx, position, more)?;
                    }
                }
            }
            if let Some(position) = came {
                for (_, bytes) in tx.rights_facts(position.saturating_sub(1), position)? {
                    known.learn(position, &Fact::parse(&bytes).map_err(LedgerFault::from)?);
                }
            }
        }
        for (journal, device) in twins {
            if tx.journal(journal)?.is_some_and(|journal| !journal.closed) {
                let closed = Event::JournalClosed(JournalClosed { journal, device });
                self.state(tx, now, vec![(FileId::device(device), closed)])?;
            }
        }
        Ok(Some(known))
    }

    /// Whether a fragment is of the journal that the county writes now, and is not there: then the county was restored
    /// again, to a time after it had begun this journal, and its numbers are taken. A greeting tells that only of a desk
    /// that has a mark from between the two.
    fn forgotten(&self, tx: &dyn Transaction, offered: &[Offered], meta: &Meta) -> Result<bool, No> {
        for Offered { part, .. } in offered.iter().filter(|it| it.part.batch.seal.journal == meta.master_journal) {
            if there(tx, &part.batch.seal)?.is_none_or(|there| there.entries == 0) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// What the county said in a history that it lost, under a number that it has given again since: what nobody may miss
    /// of it is said once more under a new one, or nobody could check the seals of a device, and nobody would be asked
    /// about it.
    fn say_again(&self, tx: &dyn Transaction, now: Millis, said: &[Fact]) -> Result<(), No> {
        let (mut asked, mut plain, mut roles) = (Vec::new(), Vec::new(), Vec::new());
        for fact in said {
            let Ok(Some(event)) = Event::read(&fact.kind, &fact.body) else { continue };
            if let Event::DeviceEnrolled(it) = &event {
                if tx.journal(it.journal)?.is_none() {
                    let known = tx.device(it.device)?.is_some_and(|device| device.confirmed);
                    let list = if known { &mut plain } else { &mut asked };
                    list.push((fact.file, event));
                }
            } else if let Event::RoleGiven(it) = &event {
                if tx.account(&it.person)?.is_none() {
                    roles.push((fact.file, event));
                }
            } else if let Event::DeviceRevoked(it) = &event {
                if tx.device(it.device)?.is_some_and(|device| !device.revoked) {
                    plain.push((fact.file, event));
                }
            } else if let Event::JournalClosed(it) = &event
                && tx.journal(it.journal)?.is_some_and(|journal| !journal.closed)
            {
                plain.push((fact.file, event));
            } else if let Event::LogForked(it) = &event {
                tx.lose(it.position)?;
            }
        }
        if !asked.is_empty() {
            // A person's first role comes with the first device: alone it would be said again by every desk.
            asked.extend(roles);
        }
        if !plain.is_empty() {
            self.state(tx, now, plain)?;
        }
        if !asked.is_empty() {
            self.ask(tx, now, asked)?;
        }
        Ok(())
    }

    /// How a fragment comes: its author's clock is known from whatever came of that journal last.
    fn arrival(
        &self,
        tx: &dyn Transaction,
        part: &Part,
        now: Millis,
        lost: Option<Position>,
        master: bool,
    ) -> Result<Arrival, No> {
        let seal = &part.batch.seal;
        let offset = tx.last_offset(seal.journal)?.unwrap_or(0);
        let seen = tx.time_at(seal.seen.min(lost.unwrap_or(0)))?;
        Ok(Arrival { received: Received { at: now, offset, seen }, back: true, master })
    }
}

/// Whether a county's fact from a lost history waits for the head: a role, or a device that is not known to be that
/// person's. What takes something away, and blocks of numbers, count at once.
fn waits(tx: &dyn Transaction, fact: &Fact) -> Result<bool, No> {
    if let Some((enrolled, key)) = enrolled(fact) {
        let device = tx.device(enrolled.device)?;
        let same = |device: &Device| device.confirmed && device.key == key && device.person == enrolled.person;
        return Ok(!device.as_ref().is_some_and(same));
    }
    if fact.kind != "RoleGiven" {
        return Ok(false);
    }
    let Ok(Some(Event::RoleGiven(given))) = Event::read(&fact.kind, &fact.body) else { return Ok(true) };
    // A role that the person has changes nothing.
    let has = tx.account(&given.person)?;
    let gives = Account { person: given.person, name: given.name, role: given.role, areas: given.areas };
    Ok(has.as_ref() != Some(&gives))
}

/// The enrolment that a fact of the county states, with the device's key.
fn enrolled(fact: &Fact) -> Option<(DeviceEnrolled, [u8; 32])> {
    if fact.kind != "DeviceEnrolled" {
        return None;
    }
    let Ok(Some(Event::DeviceEnrolled(enrolled))) = Event::read(&fact.kind, &fact.body) else { return None };
    let key = unhex(&enrolled.key)?;
    (DeviceId::of_key(&key) == enrolled.device).then_some((enrolled, key))
}

/// Adds a device and its journal of a lost history, so that its seals can be checked: without any right yet.
fn introduce(tx: &dyn Transaction, enrolled: &DeviceEnrolled, key: [u8; 32]) -> Result<(), No> {
    if tx.device(enrolled.device)?.is_none() {
        tx.add_device(&Device {
            id: enrolled.device,
            person: enrolled.person.clone(),
            key,
            certificate: Sha([0; 32]),
            enrolled: tx.head()?,
            revoked: false,
            confirmed: false,
        })?;
    }
    if tx.journal(enrolled.journal)?.is_none() {
        tx.put_journal(&fresh_journal(enrolled.journal, Some(enrolled.device)))?;
    }
    Ok(())
}

/// Up to where this log certainly is the one in which the county sealed what is offered: the place of the county's own
/// batch before it. The head would be too late: a county that was put back with its anchor goes on, and gives positions
/// again, until somebody who knows better comes.
fn last_shared(tx: &dyn Transaction, offered: &[Offered]) -> Result<Position, LedgerFault> {
    let known = |seal: &Seal, batch: u64| -> Result<Option<(Position, Seal)>, LedgerFault> {
        let Some(entry) = tx.entries_of(seal.journal, batch)?.into_iter().next() else { return Ok(None) };
        Ok(Some((entry.position, Batch::parse(&entry.bytes)?.seal)))
    };
    let mut shared = tx.head()?;
    for seal in offered.iter().filter(|it| it.master).map(|it| &it.part.batch.seal) {
        if known(seal, seal.batch)?.is_some_and(|(_, here)| here == *seal) {
            continue;
        }
        let before = known(seal, seal.batch.saturating_sub(1))?.filter(|(_, here)| here.hash() == seal.previous);
        shared = shared.min(before.map_or(0, |(position, _)| position));
    }
    Ok(shared)
}

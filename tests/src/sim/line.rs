//! The line between desks and the county: every message goes through its bytes, and on the way it may be lost, cut,
//! spoiled, repeated or overtaken. It knows no rule of the exchange and repairs nothing. What goes by hand is in `stick`.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use county::{County, Proof};
use desk::courier::{Courier, CourierFault, Keeping, Prove};
use domain::blob::{Piece, Stand};
use domain::enrol::{EnrolAsk, EnrolReply, Refusal};
use domain::exchange::{Acks, Hello, Message, Page, Pull, Push, Sum, Welcome};
use domain::fact::Batch;
use domain::ids::{DeviceId, JournalId, Sha};

use super::clock::Clocks;
use super::faults::{Counts, Fault, Swarm};
use super::heard::Heard;
use crate::chance::Chance;

/// Messages kept to be said again.
const KEPT: usize = 60;

/// More messages than any world needs, some hundred times over: a contact that never ends is a breach like any other.
const MOST_MESSAGES: u64 = 60_000;

/// The desk's program died at a message: thrown through it, so that it does nothing more.
pub struct Killed;

/// A push of some time ago.
#[derive(Debug, Clone)]
pub struct Said {
    /// Who said it.
    pub device: DeviceId,
    /// Its bytes.
    pub bytes: Vec<u8>,
}

/// What all lines of a world share: the county at the other end, the clocks, and what is on its way.
pub struct Wire {
    /// The county, unless it is just being opened again.
    pub county: Option<County>,
    /// Where it lives.
    pub home: PathBuf,
    /// How its program is started.
    pub start: Arc<dyn Fn(&std::path::Path) -> County + Send + Sync>,
    /// The clocks.
    pub clocks: Clocks,
    /// Draws of the line alone.
    pub chance: Chance,
    /// What may go wrong.
    pub swarm: Swarm,
    /// What did.
    pub counts: Counts,
    /// Pushes that were said.
    pub said: Vec<Said>,
    /// What the county acknowledged: the batch's seal and its place.
    pub acked: BTreeMap<(JournalId, u64), (Sha, u64)>,
    /// What the lines heard.
    pub heard: Heard,
    /// Messages so far.
    pub messages: u64,
    /// Whatever happened to messages so far.
    pub troubles: u64,
}

impl Wire {
    /// The county.
    pub fn county(&self) -> &County {
        self.county.as_ref().expect("the county is open between messages")
    }

    /// The county's program dies and is started again.
    pub fn restart(&mut self) {
        self.county = None;
        self.county = Some((self.start)(&self.home));
    }

    /// Whether this kind of fault strikes now; counted if so.
    pub fn strikes(&mut self, fault: Fault) -> bool {
        let struck = self.swarm.strikes(fault, &mut self.chance);
        if struck {
            self.counts.note(fault);
            self.troubles += 1;
        }
        struck
    }

    /// A push in its bytes arrives from a device. What is acknowledged is noted before anybody is told.
    pub fn arrive(&mut self, device: DeviceId, bytes: &[u8]) -> Result<Acks, Refusal> {
        let push = Push::parse(bytes).map_err(|_| Refusal::Malformed)?;
        let acks = self.county().push(device, &push)?;
        let mut seals = BTreeMap::new();
        for batch in push.batches.iter().filter_map(|bytes| Batch::parse(bytes).ok()) {
            seals.insert(batch.seal.batch, (batch.seal.journal, batch.seal.hash()));
        }
        for ack in &acks.acks {
            if let Some((journal, seal)) = seals.get(&ack.batch) {
                self.acked.insert((*journal, ack.batch), (*seal, ack.position));
            }
        }
        Ok(acks)
    }
}

/// One desk's line, for one contact.
pub struct Line {
    wire: Arc<Mutex<Wire>>,
    device: DeviceId,
    /// What stands for the certificate that the line speaks with.
    certificate: Sha,
    dead: Mutex<bool>,
}

fn broken() -> CourierFault {
    CourierFault::Broken("the line broke".into())
}

fn unreachable() -> CourierFault {
    CourierFault::Unreachable("nobody answers".into())
}

impl Line {
    /// The line of a desk.
    pub fn of(wire: Arc<Mutex<Wire>>, device: DeviceId, certificate: Sha) -> Self {
        Self { wire, device, certificate, dead: Mutex::new(false) }
    }

    fn wire(&self) -> MutexGuard<'_, Wire> {
        self.wire.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What happens to every message alike, before it arrives.
    fn before(&self, wire: &mut Wire) -> Result<(), CourierFault> {
        wire.messages += 1;
        assert!(wire.messages < MOST_MESSAGES, "I9 messages without end");
        let took = i64::try_from(wire.chance.below(900)).expect("small");
        wire.clocks.pass(20 + took);
        if *self.dead.lock().expect("one thread") {
            return Err(broken());
        }
        if wire.strikes(Fault::DeskKilled) {
            std::panic::resume_unwind(Box::new(Killed));
        }
        if wire.strikes(Fault::LostBefore) {
            return Err(unreachable());
        }
        if wire.strikes(Fault::CountyKilled) {
            wire.restart();
        }
        Ok(())
    }

    /// What happens to every answer alike.
    fn after(&self, wire: &mut Wire) -> Result<(), CourierFault> {
        let took = i64::try_from(wire.chance.below(900)).expect("small");
        wire.clocks.pass(20 + took);
        if wire.strikes(Fault::CountyKilled) {
            wire.restart();
            return Err(broken());
        }
        if wire.strikes(Fault::OneWay) {
            *self.dead.lock().expect("one thread") = true;
            return Err(broken());
        }
        if wire.strikes(Fault::LostAfter) {
            return Err(broken());
        }
        if wire.strikes(Fault::DeskKilled) {
            std::panic::resume_unwind(Box::new(Killed));
        }
        Ok(())
    }

    /// A message's bytes as they arrive: cut or spoiled where the line does that. TLS notices both, so the message is
    /// then no message; what only a seal would notice is spoiled in `push` and `pull`.
    fn through(wire: &mut Wire, bytes: &mut Vec<u8>) -> Result<(), CourierFault> {
        if wire.strikes(Fault::Truncated) {
            bytes.truncate(wire.chance.below(bytes.len().max(1)));
            return Err(broken());
        }
        Ok(())
    }

    fn ask<M: Message, A: Message>(
        &self,
        message: &M,
        work: impl Fn(&County, &M) -> Result<A, Refusal>,
    ) -> Result<A, CourierFault> {
        let mut wire = self.wire();
        self.before(&mut wire)?;
        let mut bytes = message.bytes();
        Self::through(&mut wire, &mut bytes)?;
        let message = M::parse(&bytes)?;
        let repeated = wire.strikes(Fault::Repeated);
        let mut answer = work(wire.county(), &message);
        if repeated {
            answer = work(wire.county(), &message);
        }
        self.after(&mut wire)?;
        let answer = answer.map_err(CourierFault::Refused)?;
        let mut bytes = answer.bytes();
        Self::through(&mut wire, &mut bytes)?;
        Ok(A::parse(&bytes)?)
    }
}

/// Another byte somewhere in one of these batches.
fn spoil(batches: &mut [Vec<u8>], chance: &mut Chance) -> bool {
    if batches.is_empty() {
        return false;
    }
    let which = chance.below(batches.len());
    let batch = &mut batches[which];
    if batch.is_empty() {
        return false;
    }
    let at = chance.below(batch.len());
    let before = Batch::parse(batch);
    let bit = 1 << chance.below(8);
    batch[at] ^= bit;
    // A bit that unpacking does not look at spoils nothing.
    let same = matches!((before, Batch::parse(batch)), (Ok(before), Ok(after)) if before == after);
    if same {
        batch[at] ^= bit;
    }
    !same
}

impl Courier for Line {
    fn enrol(&self, _: &EnrolAsk) -> Result<EnrolReply, CourierFault> {
        Err(unreachable())
    }

    fn offer(&self, device: DeviceId, prove: &Prove<'_>, push: &Push) -> Result<(), CourierFault> {
        let mut wire = self.wire();
        self.before(&mut wire)?;
        let proof = Proof { device, signature: prove(self.certificate) };
        let answer = wire.county().offer(self.certificate, &proof, push);
        self.after(&mut wire)?;
        answer.map_err(CourierFault::Refused)
    }

    fn bundle(&self, sealed: &[u8]) -> Result<Vec<u8>, CourierFault> {
        let mut wire = self.wire();
        self.before(&mut wire)?;
        let answer = wire.county().carried(self.device, sealed);
        self.after(&mut wire)?;
        answer.map_err(CourierFault::Refused)
    }

    fn hello(&self, hello: &Hello) -> Result<Welcome, CourierFault> {
        self.ask(hello, |county, hello| county.hello(self.device, hello))
    }

    fn push(&self, push: &Push) -> Result<Acks, CourierFault> {
        let mut wire = self.wire();
        self.before(&mut wire)?;
        wire.heard.push(self.device, &push.batches);
        let mut bytes = push.bytes();
        if wire.strikes(Fault::Reordered) {
            let older: Vec<usize> = (0..wire.said.len()).filter(|at| wire.said[*at].device == self.device).collect();
            if !older.is_empty() {
                let which = *wire.chance.one(&older);
                let older = wire.said[which].bytes.clone();
                // What becomes of it is nobody's answer.
                drop(wire.arrive(self.device, &older));
            }
        }
        if wire.said.len() < KEPT {
            wire.said.push(Said { device: self.device, bytes: bytes.clone() });
        } else {
            let at = wire.chance.below(KEPT);
            wire.said[at] = Said { device: self.device, bytes: bytes.clone() };
        }
        if wire.strikes(Fault::Corrupted) {
            let mut push = push.clone();
            if spoil(&mut push.batches, &mut wire.chance) {
                let answer = wire.arrive(self.device, &push.bytes());
                assert!(answer.is_err(), "I6 a spoiled batch was taken");
                return Err(CourierFault::Refused(Refusal::Unsealed));
            }
        }
        Self::through(&mut wire, &mut bytes)?;
        if wire.strikes(Fault::Repeated) {
            drop(wire.arrive(self.device, &bytes));
        }
        let answer = wire.arrive(self.device, &bytes);
        self.after(&mut wire)?;
        Ok(Acks::parse(&answer.map_err(CourierFault::Refused)?.bytes())?)
    }

    fn pull(&self, pull: &Pull) -> Result<Page, CourierFault> {
        let mut wire = self.wire();
        self.before(&mut wire)?;
        let page = wire.county().pull(self.device, pull).map_err(CourierFault::Refused)?;
        wire.heard.page(self.device, page.head.position);
        if wire.strikes(Fault::Corrupted) {
            let mut batches: Vec<Vec<u8>> = page.deliveries.iter().map(|one| one.batch.clone()).collect();
            if spoil(&mut batches, &mut wire.chance) {
                let mut page = page;
                for (delivery, batch) in page.deliveries.iter_mut().zip(batches) {
                    delivery.batch = batch;
                }
                return Ok(Page::parse(&page.bytes())?);
            }
        }
        if page.more && wire.strikes(Fault::CutBetweenPages) {
            *self.dead.lock().expect("one thread") = true;
        } else {
            self.after(&mut wire)?;
        }
        let mut bytes = page.bytes();
        Self::through(&mut wire, &mut bytes)?;
        Ok(Page::parse(&bytes)?)
    }

    fn close(&self, pull: &Pull) -> Result<Sum, CourierFault> {
        self.ask(pull, |county, pull| county.close(self.device, pull))
    }

    fn blob_stand(&self, piece: &Piece) -> Result<Stand, CourierFault> {
        let mut wire = self.wire();
        self.before(&mut wire)?;
        let answer = wire.county().blob_stand(self.device, piece);
        self.after(&mut wire)?;
        answer.map_err(CourierFault::Refused)
    }

    fn put_blob(&self, piece: &Piece, whole: &[u8], told: &mut dyn FnMut(u64)) -> Result<Stand, CourierFault> {
        let mut wire = self.wire();
        self.before(&mut wire)?;
        let from = usize::try_from(piece.from).expect("small");
        let rest = &whole[from..];
        if wire.strikes(Fault::Corrupted) {
            let mut spoiled = vec![rest.to_vec()];
            if spoil(&mut spoiled, &mut wire.chance) {
                // A small paper is sent without asking: what the county has of it already is passed over, spoiled or not.
                let had = wire.county().blob_stand(self.device, piece).map_or(0, |stand| stand.have);
                let had = usize::try_from(had).expect("small");
                let stand = wire.county().take_blob(self.device, piece, &spoiled[0]).map_err(CourierFault::Refused)?;
                let whole = had >= from && spoiled[0].get(had - from..) == whole.get(had..);
                assert!(whole || !stand.kept, "I13 a spoiled blob was taken");
                return Err(broken());
            }
        }
        // Half of it arrives in any case; a line that breaks then is gone on from there.
        let (first, second) = rest.split_at(rest.len() / 2);
        let stand = wire.county().take_blob(self.device, piece, first).map_err(CourierFault::Refused)?;
        told(stand.have);
        self.after(&mut wire)?;
        if stand.kept || stand.refused.is_some() {
            return Ok(stand);
        }
        let piece = Piece { from: piece.from + u64::try_from(first.len()).expect("small"), ..*piece };
        wire.county().take_blob(self.device, &piece, second).map_err(CourierFault::Refused)
    }

    fn get_blob(&self, sha: Sha, from: u64, keep: &mut Keeping<'_>) -> Result<(), CourierFault> {
        let mut wire = self.wire();
        self.before(&mut wire)?;
        let mut part = wire.county().blob(self.device, sha, from, None).map_err(CourierFault::Refused)?;
        if wire.strikes(Fault::Corrupted) {
            let mut spoiled = vec![part.bytes];
            spoil(&mut spoiled, &mut wire.chance);
            part.bytes = spoiled.remove(0);
        }
        let (first, second) = part.bytes.split_at(part.bytes.len() / 2);
        if !keep(first) {
            return Ok(());
        }
        self.after(&mut wire)?;
        keep(second);
        Ok(())
    }

    fn traffic(&self) -> (u64, u64) {
        (0, 0)
    }
}

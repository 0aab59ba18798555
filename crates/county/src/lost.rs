//! Laptops that are lost (domain.md SC5): two persons say so, the device's keys count no more, and whatever comes under them
//! afterwards lies in quarantine, sealed as it came. It must never act on one person's word alone, nor let anything out of
//! quarantine count before the head has decided on it, fact by fact.

use std::path::Path;

use domain::bundle::{Asking, Kind, Paper};
use domain::clock::Millis;
use domain::decision::DeviceRevoked;
use domain::enrol::Refusal;
use domain::event::Event;
use domain::exchange::Push;
use domain::fact::Fact;
use domain::ids::{BundleId, DeviceId, FileId, PersonId, Sha};
use domain::lost::{Burnt, LaptopLost, LastContact, TOGETHER};
use domain::rights::Position;
use domain::words::Role;
use store::bundle::{Direction, Header, Reader};
use store::stick::StickFault;

use crate::carried::{MOST_CARRIED, paper, read};
use crate::county::{County, CountyFault, No};
use crate::ledger::{LedgerFault, Transaction};
use crate::record::enrolment;

/// A contact within so many milliseconds of the last that finds the same log is not noted again.
const LATELY: i64 = 10 * 60 * 1_000;
/// Bytes in quarantine of one device, at most; and of one bundle.
const MOST_KEPT: u64 = 1 << 30;
const MOST_BUNDLE: u64 = 512 << 20;

/// A bundle in quarantine.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Quarantined {
    /// Its id.
    pub bundle: BundleId,
    /// Whose keys sealed it.
    pub device: DeviceId,
    /// Whose laptop that was.
    pub person: PersonId,
    /// When it came, RFC 3339.
    pub came: String,
    /// Its size, bytes.
    pub bytes: u64,
    /// Whether it was taken in, held; it can be again, for photos whose records were let through since.
    pub taken: bool,
}

/// What was taken in of a bundle in quarantine.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct TakenHeld {
    /// Which.
    pub bundle: BundleId,
    /// Records in it; those that the county did not have wait for the head.
    pub records: u64,
    /// Photos that are kept now: those of records that were let through.
    pub photos: u32,
    /// Photos whose records still wait.
    pub photos_wait: u32,
    /// Parts that cannot stand beside what is here.
    pub refused: u32,
}

fn malformed<E>(_: E) -> CountyFault {
    CountyFault::Refused(Refusal::Malformed)
}

impl County {
    /// One person says that a laptop is lost. With the second one it is given up: its keys count no more, and the county
    /// says since when, and when it last spoke to it.
    pub(crate) fn hear_of_loss(&self, tx: &dyn Transaction, fact: &Fact, lost: &LaptopLost) -> Result<(), No> {
        let device = lost.device;
        if fact.file != FileId::device(device) || !self.is_of_its_author(tx, fact)? {
            return Ok(());
        }
        let now = self.clock.now();
        tx.add_lost(device, &fact.author, lost.since, now)?;
        let said = tx.lost(device, now.plus(TOGETHER.saturating_neg()))?;
        let Some(since) = said.iter().map(|(_, since)| *since).min().filter(|_| said.len() > 1) else { return Ok(()) };
        if tx.burnt(device)?.is_some() || tx.device(device)?.is_none() {
            return Ok(());
        }
        tx.revoke(device)?;
        tx.burn(device, since)?;
        // Of a contact before it was put back the county cannot tell how long that log was.
        let forked = tx.meta()?.forked;
        let contact = tx.contact(device)?.filter(|(_, head)| *head >= forked);
        let contact = contact.map(|(at, head)| LastContact { at, head });
        let revoked = DeviceRevoked { device, lost: Some(Burnt { since, contact }) };
        self.state(tx, self.clock.now(), vec![(FileId::county(), Event::DeviceRevoked(revoked))])?;
        Ok(())
    }

    /// Whether a fact was sealed by a laptop of the person whom it names, who is head or auditor now: what the head lets through
    /// of others' is nobody's second word.
    fn is_of_its_author(&self, tx: &dyn Transaction, fact: &Fact) -> Result<bool, No> {
        let Some(sealed_by) = tx.journal(fact.id.journal)?.and_then(|journal| journal.device) else { return Ok(false) };
        let Some(device) = tx.device(sealed_by)? else { return Ok(false) };
        let role = tx.account(&fact.author)?.map(|account| account.role);
        Ok(device.person == fact.author && tx.burnt(sealed_by)?.is_none() && role.is_some_and(Role::guards))
    }

    /// Remembers that a device was spoken to while the log was so long.
    pub(crate) fn note_contact(
        &self,
        tx: &dyn Transaction,
        device: DeviceId,
        head: Position,
    ) -> Result<(), LedgerFault> {
        if self.contact_is_noted(tx, device, head)? { Ok(()) } else { tx.put_contact(device, self.clock.now(), head) }
    }

    /// Whether that is remembered already.
    pub(crate) fn contact_is_noted(
        &self,
        tx: &dyn Transaction,
        device: DeviceId,
        head: Position,
    ) -> Result<bool, LedgerFault> {
        let now = self.clock.now();
        let lately = |at: Millis| (0..LATELY).contains(&now.0.saturating_sub(at.0));
        Ok(tx.contact(device)?.is_some_and(|(at, before)| before >= head && lately(at)))
    }

    /// Takes what a lost laptop hands in before it forgets everything: a bundle for the county, which goes into quarantine.
    /// On disk when this returns.
    ///
    /// # Errors
    /// `DeviceUnknown` for a certificate of nobody, `NotAllowed` for a device that is not lost; `Malformed` for a bundle that
    /// is not whole, not from it or not for the county; `TooLarge`.
    pub fn rescue(&self, certificate: Sha, sealed: &[u8]) -> Result<(), Refusal> {
        let device = self.settle(self.ledger.read(|tx| {
            let device = tx.device_by_certificate(certificate)?.ok_or(Refusal::DeviceUnknown)?.id;
            tx.burnt(device)?.ok_or(Refusal::NotAllowed)?;
            Ok(device)
        }))?;
        if sealed.len() > MOST_CARRIED {
            return Err(Refusal::TooLarge);
        }
        match self.isolate(device, sealed) {
            Ok(()) => Ok(()),
            Err(CountyFault::Refused(refusal)) => Err(refusal),
            Err(CountyFault::Ledger(fault)) => self.settle(Err(No::Trouble(fault))),
            Err(_) => Err(Refusal::Malformed),
        }
    }

    /// The lost device that sealed the bundle with this header, if one did.
    pub(crate) fn of_lost(&self, header: &Header) -> Result<Option<DeviceId>, LedgerFault> {
        self.ledger.read(|tx| {
            let Some((device, _)) = tx.bundle_sender(header.sender)? else { return Ok(None) };
            Ok(tx.burnt(device)?.map(|_| device))
        })
    }

    /// If the bundle at `path` is of a lost device, it goes into quarantine, and this says of which.
    pub(crate) fn isolated(&self, path: &Path) -> Result<Option<DeviceId>, CountyFault> {
        let mut file = std::fs::File::open(path).map_err(StickFault::Io)?;
        // What is no bundle at all is told by whoever opens it.
        let Ok(header) = Header::read(&mut file) else { return Ok(None) };
        let Some(device) = self.of_lost(&header)? else { return Ok(None) };
        let too_large = || CountyFault::Refused(Refusal::TooLarge);
        if file.metadata().map_err(StickFault::Io)?.len() > MOST_BUNDLE {
            return Err(too_large());
        }
        self.isolate(device, &std::fs::read(path).map_err(StickFault::Io)?)?;
        Ok(Some(device))
    }

    /// Keeps a bundle of a lost device, as it came, if it is whole.
    pub(crate) fn isolate(&self, device: DeviceId, sealed: &[u8]) -> Result<(), CountyFault> {
        let header = Header::read(&mut &*sealed).map_err(malformed)?;
        let mut items = 0_usize;
        for item in self.quarantine_reader(device, sealed)? {
            drop(item.map_err(malformed)?);
            items = items.saturating_add(1);
        }
        if header.direction != Direction::Up || items == 0 {
            return Err(CountyFault::Refused(Refusal::Malformed));
        }
        self.write(|tx| {
            let kept = tx.quarantined()?;
            if kept.iter().any(|one| one.bundle == header.id) {
                return Ok(());
            }
            let of_device = kept.iter().filter(|one| one.device == device);
            let bytes = of_device
                .fold(u64::try_from(sealed.len()).unwrap_or(u64::MAX), |sum, one| sum.saturating_add(one.bytes));
            if bytes > MOST_KEPT {
                return Err(CountyFault::Refused(Refusal::TooLarge));
            }
            Ok(tx.add_quarantined(header.id, device, self.clock.now(), sealed)?)
        })
    }

    fn quarantine_reader<'a>(&self, device: DeviceId, sealed: &'a [u8]) -> Result<Reader<&'a [u8]>, CountyFault> {
        let key = self.ledger.read(|tx| tx.bundle_key(device))?.ok_or(CountyFault::NoBundleKey(device))?;
        let reader = Reader::new(sealed, &self.bundle, |print| Some(key).filter(|key| key.print() == print));
        reader.map_err(malformed)
    }

    /// What lies in quarantine, the oldest first.
    ///
    /// # Errors
    /// What the ledger says.
    pub fn quarantine(&self) -> Result<Vec<Quarantined>, CountyFault> {
        Ok(self.ledger.read(|tx| tx.quarantined())?)
    }

    /// Takes a bundle of quarantine in: every record of it is kept and waits for the head, whatever its author's rights are;
    /// photos come with what the head let through. It stays where it is.
    ///
    /// # Errors
    /// `NotQuarantined`, or what the ledger says.
    pub fn take_quarantined(&self, bundle: BundleId) -> Result<TakenHeld, CountyFault> {
        let found = self.ledger.read(|tx| tx.quarantined_bytes(bundle))?;
        let (device, sealed) = found.ok_or(CountyFault::NotQuarantined(bundle))?;
        let mut taken = TakenHeld { bundle, records: 0, photos: 0, photos_wait: 0, refused: 0 };
        let mut asking: Option<Asking> = None;
        for item in self.quarantine_reader(device, &sealed)? {
            let item = item.map_err(malformed)?;
            match (Kind::of_code(item.kind), &asking) {
                (Some(Kind::Asking), None) => {
                    let asked: Asking = read(&item)?;
                    self.open_lost_journal(device, &asked)?;
                    asking = Some(asked);
                }
                (Some(Kind::Push), Some(asking)) => self.take_held(device, asking, &read(&item)?, &mut taken)?,
                (Some(Kind::Paper), Some(_)) => {
                    self.take_held_paper(device, &paper(&item)?, &mut taken)?;
                }
                _ => {}
            }
        }
        self.write(|tx| tx.set_quarantined_taken(bundle))?;
        Ok(taken)
    }

    /// The journal under which the laptop wrote last, if it never came to greet with it.
    fn open_lost_journal(&self, device: DeviceId, asking: &Asking) -> Result<(), CountyFault> {
        let journal = asking.hello.journal;
        let opened = self.write(|tx| {
            let known = tx.device(device)?.ok_or(Refusal::DeviceUnknown)?;
            if self.opens(tx, journal, device)? {
                let enrolled = Event::DeviceEnrolled(enrolment(&known, journal));
                self.state(tx, self.clock.now(), vec![(FileId::county(), enrolled)])?;
            }
            Ok::<_, No>(())
        });
        match opened {
            Ok(()) | Err(No::Refused(_)) => Ok(()),
            Err(No::Trouble(fault)) => Err(fault.into()),
        }
    }

    fn take_held(
        &self,
        device: DeviceId,
        asking: &Asking,
        push: &Push,
        taken: &mut TakenHeld,
    ) -> Result<(), CountyFault> {
        let Push { wall, offset, ref batches, ref fragments } = *push;
        for batch in batches.iter().chain(fragments) {
            let one = Push { wall, offset, batches: vec![batch.clone()], fragments: Vec::new() };
            match self.push_of_lost(device, &one, asking) {
                Ok(_) => {
                    let count = domain::fact::Batch::parse(batch).map_or(0, |batch| u64::from(batch.seal.count));
                    taken.records = taken.records.saturating_add(count);
                }
                Err(Refusal::CountyTrouble) => return Err(CountyFault::Refused(Refusal::CountyTrouble)),
                Err(_) => taken.refused = taken.refused.saturating_add(1),
            }
        }
        Ok(())
    }

    fn take_held_paper(&self, device: DeviceId, paper: &Paper, taken: &mut TakenHeld) -> Result<(), CountyFault> {
        let Paper { sha, file, section, bytes } = paper;
        if Sha::of(bytes) != *sha {
            taken.refused = taken.refused.saturating_add(1);
            return Ok(());
        }
        if self.ledger.read(|tx| Ok::<_, LedgerFault>(tx.blob_places(*sha)?.contains(&(*file, *section))))? {
            return Ok(());
        }
        let kept = self.ledger.write(|tx| {
            if tx.paper_erased(*sha, *file, *section)? || !tx.wrote_in(device, *file, *section)? {
                return Ok::<_, LedgerFault>(false);
            }
            tx.add_blob(*sha, self.clock.now(), bytes)?;
            tx.add_blob_place(*sha, *file, *section, device)?;
            Ok(true)
        })?;
        let count = if kept { &mut taken.photos } else { &mut taken.photos_wait };
        *count = count.saturating_add(1);
        Ok(())
    }
}

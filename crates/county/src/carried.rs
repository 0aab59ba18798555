//! Bundles taken in and answered: the same greeting, pushes, pages and papers as over HTTPS, come by hand and maybe months
//! late. The whole bundle is proven before anything of it is taken; each part of it may come again and changes nothing.
//! It must never take the journey for a fault of the desk's clock, nor lease numbers twice to one wish.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use chrono::NaiveDate;
use domain::blob::Piece;
use domain::bundle::{Answer, Asking, Kind, Paper};
use domain::enrol::Refusal;
use domain::exchange::{Ack, Acks, Cursor, EVERY_JOURNAL, Hello, Mark, Message, Page, Pull, Push};
use domain::fact::Batch;
use domain::ids::{BundleId, DeviceId, FileId, JournalId, KeyPrint, PersonId, Sha};
use domain::pack::{PackFault, pack, unpack};
use domain::rights::Entitled;
use domain::words::Section;
use store::bundle::{BundleFault, CHANCE, Direction, Envelope, Header, Item, Reader, Writer};
use store::stick::{self, Filler, StickFault};

use crate::county::{County, CountyFault, No};
use crate::ledger::LedgerFault;
use crate::push::acknowledged;

/// Most bytes of a bundle that comes over HTTPS in the hands of another desk.
pub const MOST_CARRIED: usize = 64 * 1024 * 1024;
/// Bytes of an answer that leaves over HTTPS: beyond it no paper is put in.
const ANSWER_BYTES: u64 = 24 * 1024 * 1024;
/// Bytes of an answer over HTTPS: beyond it no page is put in, for a desk takes no larger answers.
const LINE_BYTES: u64 = 40 * 1024 * 1024;
/// Bytes of an answer on a stick: beyond it no paper is put in.
const STICK_BYTES: u64 = 512 * 1024 * 1024;
/// Acknowledgements in one item.
const MOST_ACKS: usize = 2_000;

/// What became of a bundle that was taken in.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Taken {
    /// Its id.
    pub bundle: BundleId,
    /// Who sealed it.
    pub device: DeviceId,
    /// Whose device that is.
    pub person: PersonId,
    /// The day it was made, by the device's clock.
    pub made_on: NaiveDate,
    /// Records in it.
    pub records: u64,
    /// Photos in it that are kept here now, and photos in small.
    pub photos: u32,
    /// Parts that were not taken: not allowed, or of a journal that was continued elsewhere.
    pub refused: u32,
}

/// What an answer holds.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Answered {
    /// Where it is.
    pub file: PathBuf,
    /// For which device.
    pub device: DeviceId,
    /// Its size, bytes.
    pub bytes: u64,
    /// Own batches that it acknowledges.
    pub acknowledged: usize,
    /// Batches on its pages.
    pub batches: usize,
    /// Photos, and photos in small.
    pub photos: usize,
    /// There is more than fitted: it comes with the next one.
    pub more: bool,
}

/// A bundle that was not taken in.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Left {
    /// Where it is.
    pub file: PathBuf,
    /// Why.
    pub why: String,
}

/// What was done with the bundles of a stick.
#[derive(Debug, Clone, PartialEq, Eq, Default, serde::Serialize)]
pub struct Report {
    /// Bundles that were taken in.
    pub taken: Vec<Taken>,
    /// Answers that were written, one to a device.
    pub answers: Vec<Answered>,
    /// Bundles that were not, with the reason.
    pub left: Vec<Left>,
}

#[derive(Default)]
struct Counted {
    acknowledged: usize,
    batches: usize,
    photos: usize,
    more: bool,
}

/// Where the items of an answer go.
trait Basket {
    fn put(&mut self, kind: Kind, bytes: &[u8]) -> Result<(), CountyFault>;
    /// Whether one more item of so many bytes may be put in at all.
    fn fits(&self, bytes: u64) -> bool;
    /// Whether one more paper of so many bytes should.
    fn has_room(&self, bytes: u64) -> bool;
}

impl Basket for Filler<'_> {
    fn put(&mut self, kind: Kind, bytes: &[u8]) -> Result<(), CountyFault> {
        Ok(Filler::put(self, kind.code(), bytes)?)
    }
    fn fits(&self, bytes: u64) -> bool {
        Filler::fits(self, bytes)
    }
    fn has_room(&self, bytes: u64) -> bool {
        self.size_with(bytes) <= STICK_BYTES
    }
}

impl Basket for Writer<Vec<u8>> {
    fn put(&mut self, kind: Kind, bytes: &[u8]) -> Result<(), CountyFault> {
        Ok(Writer::put(self, kind.code(), bytes).map_err(StickFault::Bundle)?)
    }
    fn fits(&self, bytes: u64) -> bool {
        Writer::fits(self, bytes) && self.size_with(bytes) <= LINE_BYTES
    }
    fn has_room(&self, bytes: u64) -> bool {
        self.size_with(bytes) <= ANSWER_BYTES
    }
}

/// A message that cannot be read although it was sealed whole: of a newer version, or made to harm.
fn unreadable<T>(_: PackFault) -> Result<T, CountyFault> {
    Err(CountyFault::Refused(Refusal::Malformed))
}

pub(crate) fn read<M: Message>(item: &Item) -> Result<M, CountyFault> {
    unpack(&item.bytes).or_else(unreadable)
}

pub(crate) fn paper(item: &Item) -> Result<Paper, CountyFault> {
    Paper::parse(&item.bytes).ok().ok_or(CountyFault::Refused(Refusal::Malformed))
}

fn packed<M: Message>(message: &M) -> Result<Vec<u8>, CountyFault> {
    pack(message).map_err(|error| CountyFault::Stick(StickFault::Io(error)))
}

type Items<'a> = Box<dyn Iterator<Item = Result<Item, StickFault>> + 'a>;

impl County {
    /// Takes a bundle in that lies at `path`: all of it that the county takes, once it is proven to be whole.
    ///
    /// # Errors
    /// `OfLost` for one that went into quarantine; `Stick` for a bundle that is not whole, not for the county, or of nobody it knows; `Refused` for a greeting that it
    /// does not take; what the ledger says.
    pub fn bundle_in(&self, path: &Path) -> Result<Taken, CountyFault> {
        if let Some(device) = self.isolated(path)? {
            return Err(CountyFault::OfLost(device));
        }
        let (device, opened) = self.open_bundle(path)?;
        let (id, made_on) = (opened.header().id, opened.header().made_on);
        let mut first = Some(opened);
        self.take_bundle(device, id, made_on, &mut || {
            let opened = match first.take() {
                Some(opened) => opened,
                None => self.open_bundle(path)?.1,
            };
            Ok(Box::new(opened))
        })
    }

    /// Takes in the bundle at `path`, or all of that folder that are for the county, and writes an answer to each device
    /// into `answers`. What cannot be taken stays where it is, with its reason in the report; the others are taken.
    ///
    /// # Errors
    /// `Stick` for a folder that cannot be read, or an answer that cannot be written.
    pub fn bundles_in(&self, path: &Path, answers: &Path) -> Result<Report, CountyFault> {
        let mut report = Report::default();
        let own = self.bundle.key().print();
        let mut found = Vec::new();
        if path.is_dir() {
            for listed in stick::list(path)? {
                match listed.header {
                    Ok(header) if (header.direction, header.receiver) == (Direction::Up, own) => {
                        found.push(listed.path)
                    }
                    // Answers, and what other counties' people have on their sticks.
                    Ok(_) => {}
                    Err(fault) => report.left.push(Left { file: listed.path, why: in_words(&fault.into()) }),
                }
            }
        } else {
            found.push(path.to_owned());
        }
        for file in found {
            match self.bundle_in(&file) {
                Ok(taken) => report.taken.push(taken),
                Err(fault) => report.left.push(Left { file, why: in_words(&fault) }),
            }
        }
        let devices: BTreeSet<DeviceId> = report.taken.iter().map(|taken| taken.device).collect();
        for device in devices {
            match self.bundle_out(answers, device) {
                Ok(answered) => report.answers.push(answered),
                // Given up by a bundle that came after its own: the others are answered all the same.
                Err(CountyFault::Refused(_) | CountyFault::NoDevice(_)) => {}
                Err(fault) => return Err(fault),
            }
        }
        Ok(report)
    }

    /// Takes in a bundle that another enrolled device brings unread, and gives back the sealed answer to it.
    ///
    /// # Errors
    /// `DeviceUnknown` for a bundle of nobody who is known here, `NotFound` for one that is not for the county,
    /// `Malformed`, `TooLarge`; what the greeting in it is refused with.
    pub fn carried(&self, bearer: DeviceId, sealed: &[u8]) -> Result<Vec<u8>, Refusal> {
        self.settle(self.ledger.read(|tx| self.greeted(tx, bearer).map(|_| ())))?;
        match self.carry(sealed) {
            Ok(answer) => Ok(answer),
            Err(fault) => self.settle(Err(no(fault))),
        }
    }

    fn carry(&self, sealed: &[u8]) -> Result<Vec<u8>, CountyFault> {
        if let Ok(header) = Header::read(&mut &*sealed)
            && let Some(device) = self.of_lost(&header)?
        {
            self.isolate(device, sealed)?;
            return Err(CountyFault::Refused(Refusal::DeviceLost));
        }
        let (device, reader) = self.unseal(sealed)?;
        let (id, made_on) = (reader.header().id, reader.header().made_on);
        self.take_bundle(device, id, made_on, &mut || {
            let (_, reader) = self.unseal(sealed)?;
            Ok(Box::new(reader.map(|item| item.map_err(StickFault::Bundle))))
        })?;
        let envelope = Envelope {
            from: &self.bundle,
            to: self.receiver(device)?,
            direction: Direction::Down,
            made_on: self.clock.now().civil().date_naive(),
        };
        let chance = self.chance.fresh::<CHANCE>()?;
        let mut writer = Writer::new(Vec::new(), &envelope, &chance).map_err(StickFault::Bundle)?;
        self.answer(device, &mut writer)?;
        Ok(writer.finish().map_err(StickFault::Bundle)?.0)
    }

    fn unseal<'a>(&self, sealed: &'a [u8]) -> Result<(DeviceId, Reader<&'a [u8]>), CountyFault> {
        let mut sender = Ok(None);
        let reader = Reader::new(sealed, &self.bundle, |print: KeyPrint| {
            sender = self.sender(print);
            sender.as_ref().ok().copied().flatten().map(|(_, key)| key)
        });
        let (sender, reader) = (sender?, reader.map_err(StickFault::Bundle)?);
        Ok((sender.ok_or(LedgerFault::Damaged("a bundle key"))?.0, reader))
    }

    /// Writes the answer to what a device last asked into a folder on a stick.
    ///
    /// # Errors
    /// `NothingAsked` for a device of which no bundle came yet; as [`County::write_bundle`].
    pub fn bundle_out(&self, folder: &Path, device: DeviceId) -> Result<Answered, CountyFault> {
        let mut counted = Counted::default();
        let written = self.write_bundle(folder, device, |filler| {
            counted = self.answer(device, filler)?;
            Ok(())
        })?;
        let Counted { acknowledged, batches, photos, more } = counted;
        self.drop_older_answers(folder, device, &written.path)?;
        Ok(Answered { file: written.path, device, bytes: written.bytes, acknowledged, batches, photos, more })
    }

    /// An answer that lies beside a newer one to the same device is of no more use, and the stick is small.
    fn drop_older_answers(&self, folder: &Path, device: DeviceId, newest: &Path) -> Result<(), CountyFault> {
        let (receiver, sender) = (self.receiver(device)?.print(), self.bundle.key().print());
        for listed in stick::list(folder)? {
            let ours = listed.header.as_ref().is_ok_and(|header| {
                (header.direction, header.receiver, header.sender) == (Direction::Down, receiver, sender)
            });
            if ours && listed.path != newest {
                // One that cannot be removed does no harm.
                std::fs::remove_file(&listed.path).ok();
            }
        }
        Ok(())
    }

    /// Reads everything once before anything is taken, then takes it.
    fn take_bundle<'a>(
        &'a self,
        device: DeviceId,
        bundle: BundleId,
        made_on: NaiveDate,
        open: &mut dyn FnMut() -> Result<Items<'a>, CountyFault>,
    ) -> Result<Taken, CountyFault> {
        let mut asking: Option<Asking> = None;
        for item in open()? {
            let item = item?;
            match Kind::of_code(item.kind) {
                Some(Kind::Asking) if asking.is_none() => asking = Some(read(&item)?),
                Some(Kind::Push) if asking.is_some() => drop(read::<Push>(&item)?),
                Some(Kind::Paper) if asking.is_some() => drop(paper(&item)?),
                Some(Kind::Asking | Kind::Push | Kind::Paper | Kind::Answer | Kind::Acks | Kind::Page | Kind::Sum) => {
                    return Err(CountyFault::Refused(Refusal::Malformed));
                }
                // Of a newer version: its desk sends it until it is acknowledged.
                None => {}
            }
        }
        let asking = asking.ok_or(CountyFault::Refused(Refusal::Malformed))?;
        let person = self.ledger.read(|tx| {
            let device = tx.device(device)?.ok_or(CountyFault::NoDevice(device))?;
            Ok::<_, CountyFault>(device.person)
        })?;
        let hello = Hello { wants: self.wants_left(device, &asking)?, ..asking.hello.clone() };
        self.hello(device, &hello).map_err(CountyFault::Refused)?;
        let mut taken = Taken { bundle, device, person, made_on, records: 0, photos: 0, refused: 0 };
        for item in open()? {
            let item = item?;
            match Kind::of_code(item.kind) {
                Some(Kind::Push) => self.take_push(device, &asking, &read(&item)?, &mut taken)?,
                Some(Kind::Paper) => self.take_paper(device, &paper(&item)?, &mut taken)?,
                Some(Kind::Asking | Kind::Answer | Kind::Acks | Kind::Page | Kind::Sum) | None => {}
            }
        }
        let at = (asking.hello.cursor.visible, asking.hello.wall);
        self.ledger.write(|tx| tx.put_asked(device, &bundle, at, &asking.bytes()))?;
        Ok(taken)
    }

    /// The blocks of numbers to lease: none to a desk that has not read yet what it was leased before. So a bundle that
    /// comes again, or two that were written one after the other, are given numbers once.
    fn wants_left(
        &self,
        device: DeviceId,
        asking: &Asking,
    ) -> Result<Vec<(domain::words::DocKind, i32, u32)>, CountyFault> {
        let own = FileId::device(device);
        let see = Entitled { sections: [((own, Section::Core), 0)].into(), ..Entitled::default() };
        let Hello { journal, cursor, .. } = asking.hello;
        let unread = self.ledger.read(|tx| {
            let cursor = cursor.min(Cursor { visible: tx.head()?, position: u64::MAX, seq: u64::MAX });
            Ok::<_, LedgerFault>(!tx.runs_after(&see, journal, cursor, 1)?.is_empty())
        })?;
        Ok(if unread { Vec::new() } else { asking.hello.wants.clone() })
    }

    fn take_push(&self, device: DeviceId, asking: &Asking, push: &Push, taken: &mut Taken) -> Result<(), CountyFault> {
        let count = |batch: &Vec<u8>| Batch::parse(batch).map_or(0, |batch| u64::from(batch.seal.count));
        let records = push.batches.iter().fold(0_u64, |sum, batch| sum.saturating_add(count(batch)));
        taken.records = taken.records.saturating_add(records);
        let Err(refusal) = self.push_carried(device, push, asking) else { return Ok(()) };
        if refusal == Refusal::CountyTrouble {
            return Err(CountyFault::Refused(refusal));
        }
        // All of a push is kept, or none of it: what is sound of this one is found one by one.
        let alone = push.batches.iter().map(|batch| (vec![batch.clone()], Vec::new()));
        let offered = push.fragments.iter().map(|batch| (Vec::new(), vec![batch.clone()]));
        for (batches, fragments) in offered.chain(alone) {
            let one = Push { wall: push.wall, offset: push.offset, batches, fragments };
            match self.push_carried(device, &one, asking) {
                Ok(_) => {}
                Err(Refusal::CountyTrouble) => return Err(CountyFault::Refused(Refusal::CountyTrouble)),
                Err(_) => taken.refused = taken.refused.saturating_add(1),
            }
        }
        Ok(())
    }

    fn take_paper(&self, device: DeviceId, paper: &Paper, taken: &mut Taken) -> Result<(), CountyFault> {
        let Paper { sha, file, section, bytes } = paper;
        let size = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        let piece = Piece { sha: *sha, file: *file, section: *section, size, from: 0 };
        match self.take_blob(device, &piece, bytes) {
            Ok(stand) if stand.kept => taken.photos = taken.photos.saturating_add(1),
            Err(Refusal::CountyTrouble) => return Err(CountyFault::Refused(Refusal::CountyTrouble)),
            Ok(_) | Err(_) => taken.refused = taken.refused.saturating_add(1),
        }
        Ok(())
    }

    /// Puts the answer to what a device last asked in.
    fn answer(&self, device: DeviceId, into: &mut dyn Basket) -> Result<Counted, CountyFault> {
        let asked = self.ledger.read(|tx| tx.asked(device))?;
        let (to, bytes) = asked.ok_or(CountyFault::NothingAsked(device))?;
        let asking = Asking::parse(&bytes).map_err(LedgerFault::from)?;
        let hello = Hello { wants: Vec::new(), ..asking.hello.clone() };
        let welcome = self.hello(device, &hello).map_err(CountyFault::Refused)?;
        let (journal, cursor) = (hello.journal, hello.cursor);
        let (acks, seals, kept, head) = self.ledger.read(|tx| {
            let mut kept = Vec::new();
            for unsent in &asking.unsent {
                if tx.blob_places(unsent.sha)?.contains(&(unsent.file, unsent.section)) {
                    kept.push(unsent.sha);
                }
            }
            let (mut acks, mut seals): (Vec<Ack>, Vec<Sha>) = Default::default();
            for number in asking.first..=welcome.batches {
                let entry = tx.entries_of(journal, number)?.into_iter().next();
                let entry = entry.ok_or(LedgerFault::Damaged("a batch without an entry"))?;
                seals.push(Batch::parse(&entry.bytes).map_err(LedgerFault::from)?.seal.hash());
                acks.push(acknowledged(tx, journal, number).map_err(fault)?);
            }
            let head = tx.head()?;
            let head = Mark::of(head, &tx.chain_at(head)?);
            Ok::<_, CountyFault>((acks, seals, kept, head))
        })?;
        let mut counted = Counted { acknowledged: acks.len(), ..Counted::default() };
        // Who knows a history that was lost here offers it first, in its next bundle, and then reads from the beginning.
        let shared = welcome.agreed >= asking.top().position;
        let answer = Answer { to, journal, cursor, top: asking.top(), welcome, seals, first: asking.first, kept };
        into.put(Kind::Answer, &packed(&answer)?)?;
        for part in acks.chunks(MOST_ACKS) {
            into.put(Kind::Acks, &packed(&Acks { acks: part.to_vec(), waiting: Vec::new(), head })?)?;
        }
        let journal = if asking.anew { EVERY_JOURNAL } else { journal };
        let near = if shared { self.pages(device, journal, cursor, into, &mut counted)? } else { BTreeSet::new() };
        self.papers(device, &asking.missing, &near, into, &mut counted)?;
        Ok(counted)
    }

    /// As many pages as fit, and the sum behind the last one. Returns the sections that something on them is of.
    fn pages(
        &self,
        device: DeviceId,
        journal: JournalId,
        mut cursor: Cursor,
        into: &mut dyn Basket,
        counted: &mut Counted,
    ) -> Result<BTreeSet<(FileId, Section)>, CountyFault> {
        let mut near = BTreeSet::new();
        loop {
            let pull = Pull { log: self.log(), journal, cursor, most: 0 };
            let page: Page = self.pull(device, &pull).map_err(CountyFault::Refused)?;
            let bytes = packed(&page)?;
            if !into.fits(u64::try_from(bytes.len()).unwrap_or(u64::MAX)) {
                counted.more = true;
                return Ok(near);
            }
            into.put(Kind::Page, &bytes)?;
            counted.batches = counted.batches.saturating_add(page.deliveries.len());
            for delivery in &page.deliveries {
                let batch = Batch::parse(&delivery.batch).map_err(LedgerFault::from)?;
                near.extend(batch.rows().into_iter().map(|(_, row)| (row.file, row.section)));
            }
            if !page.more {
                let pull = Pull { cursor: page.next, ..pull };
                let sum = self.close(device, &pull).map_err(CountyFault::Refused)?;
                into.put(Kind::Sum, &packed(&sum)?)?;
                return Ok(near);
            }
            cursor = page.next;
        }
    }

    /// The papers that the desk misses, then those of sections that the pages speak of, small first, while there is room.
    fn papers(
        &self,
        device: DeviceId,
        missing: &[Sha],
        near: &BTreeSet<(FileId, Section)>,
        into: &mut dyn Basket,
        counted: &mut Counted,
    ) -> Result<(), CountyFault> {
        let (mut wanted, mut rest) = self.ledger.read(|tx| {
            let mut wanted: Vec<(u64, Sha, FileId, Section)> = Vec::new();
            for sha in missing {
                if let (Some(size), Some((file, section))) = (tx.blob_size(*sha)?, tx.blob_places(*sha)?.first()) {
                    wanted.push((size, *sha, *file, *section));
                }
            }
            let mut rest = Vec::new();
            for (file, section) in near {
                let papers = tx.papers_of_others(*file, *section, device)?;
                rest.extend(papers.into_iter().map(|(sha, size)| (size, sha, *file, *section)));
            }
            Ok::<_, LedgerFault>((wanted, rest))
        })?;
        wanted.sort_unstable();
        rest.sort_unstable();
        let mut put = BTreeSet::new();
        for (size, sha, file, section) in wanted.into_iter().chain(rest) {
            if !put.insert(sha) {
                continue;
            }
            if !into.has_room(size) {
                counted.more = true;
                return Ok(());
            }
            let part = match self.blob(device, sha, 0, None) {
                Ok(part) => part,
                Err(Refusal::CountyTrouble) => return Err(CountyFault::Refused(Refusal::CountyTrouble)),
                // Not for this device, or gone meanwhile.
                Err(_) => continue,
            };
            into.put(Kind::Paper, &Paper { sha, file, section, bytes: part.bytes }.bytes())?;
            counted.photos = counted.photos.saturating_add(1);
        }
        Ok(())
    }
}

/// A fault with its causes, in a sentence.
fn in_words(fault: &CountyFault) -> String {
    let mut out = fault.to_string();
    let mut cause = std::error::Error::source(fault);
    while let Some(error) = cause {
        out.push_str(": ");
        out.push_str(&error.to_string());
        cause = error.source();
    }
    out
}

fn fault(no: No) -> CountyFault {
    match no {
        No::Refused(refusal) => CountyFault::Refused(refusal),
        No::Trouble(fault) => CountyFault::Ledger(fault),
    }
}

/// What whoever brings a bundle is told.
fn no(fault: CountyFault) -> No {
    match fault {
        CountyFault::Refused(refusal) => No::Refused(refusal),
        CountyFault::Ledger(fault) => No::Trouble(fault),
        CountyFault::NoDevice(_) | CountyFault::NoBundleKey(_) => No::Refused(Refusal::DeviceUnknown),
        CountyFault::OfLost(_) => No::Refused(Refusal::DeviceLost),
        CountyFault::NotQuarantined(_) => No::Refused(Refusal::NotFound),
        CountyFault::Stick(StickFault::Bundle(fault)) => No::Refused(match fault {
            BundleFault::UnknownSender { .. } => Refusal::DeviceUnknown,
            BundleFault::ForAnother { .. } => Refusal::NotFound,
            BundleFault::TooLarge(_) => Refusal::TooLarge,
            BundleFault::NotABundle
            | BundleFault::Newer { .. }
            | BundleFault::Cut { .. }
            | BundleFault::Damaged { .. }
            | BundleFault::NotSealed
            | BundleFault::GivenUp
            | BundleFault::Io(_) => Refusal::Malformed,
        }),
        CountyFault::Stick(_)
        | CountyFault::AlreadyThere(_)
        | CountyFault::NotThere(_)
        | CountyFault::Home { .. }
        | CountyFault::Keys(_)
        | CountyFault::Anchor(_)
        | CountyFault::Unsound(_)
        | CountyFault::ClockOfRealCounty
        | CountyFault::ReservedAccount
        | CountyFault::Address
        | CountyFault::Days
        | CountyFault::Chance(_)
        | CountyFault::NothingAsked(_)
        | CountyFault::Undertaking(_)
        | CountyFault::NotWaiting(_)
        | CountyFault::WordsDiffer
        | CountyFault::NoAccount(_) => No::Refused(Refusal::CountyTrouble),
    }
}

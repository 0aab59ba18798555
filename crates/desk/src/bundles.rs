//! What people do with a stick: write what is to go to the county, read what came from there, look what lies on it.
//! An answer counts only while this desk stands where it stood when it asked (see `domain::bundle`); the whole of it is
//! proven and read before anything of it is taken, and each step of the taking is one transaction that leads on.
//! Reading a stick never changes it; writing removes only what this desk itself wrote there before, or has read.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::PoisonError;

use domain::bundle::{Answer, Asking, Kind, MOST_NAMED, Paper, Unsent};
use domain::clock::Millis;
use domain::exchange::{Acks, Cursor, Mark, Message, PAGE_BYTES, Page, Sum};
use domain::ids::{BundleId, Sha};
use domain::pack::{pack, unpack};
use serde::{Deserialize, Serialize};
use store::bundle::{Direction, Header, Item};
use store::stick::{self, Filler, Listed};
use store::{Outgoing, Store};

use crate::Desk;
use crate::api::{
    BundleIn, BundleOut, BundleRow, BundleSent, BundleState, BundleTaken, Nothing, StickAsked, StickNote, StickPlace,
    StickView, SticksView, SyncReport,
};
use crate::failure::{Code, Failure};
use crate::sync::{Told, no_report, restored};
use crate::visits::remark;

/// Bundles remembered that asked while everything was read anew.
const MOST_ASKED_ANEW: usize = 32;
/// Bytes of a bundle, unless told otherwise: beyond it no photo is put in.
const MOST_MEGABYTES: u32 = 1024;
/// Left free on a stick when photos are put in.
const SPARE: u64 = 256 * 1024;
/// Ids of answers that are remembered as read.
const MOST_READ: usize = 64;

/// What is remembered of the last time, for people.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Noted {
    at: Millis,
    records: u32,
    photos: u32,
}

/// An answer that was read whole, before anything of it is taken.
struct Proven {
    path: PathBuf,
    header: Header,
    answer: Answer,
    /// Where each page follows.
    follows: Vec<Cursor>,
    /// What taking it tells of the log: a desk that died on the way stands there.
    heads: Vec<Mark>,
}

/// How far an answer goes on from where the desk stands.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Fits {
    /// From its beginning.
    Whole,
    /// Its first pages were taken before a power cut.
    Rest,
    /// Not at all: the desk has gone on since.
    Old,
}

impl Desk {
    /// Writes everything that the county does not have, as far as it fits, and asks for what it has for this desk.
    pub(crate) fn bundle_out(&self, with: BundleOut) -> Result<BundleSent, Failure> {
        let _one_at_a_time = self.syncing.lock().unwrap_or_else(PoisonError::into_inner);
        let folder = PathBuf::from(with.folder.trim());
        self.county_bundle_key()?;
        self.seal()?;
        let asking = {
            let store = self.store();
            let wants = self.wants(&store)?;
            let first = match store.unacknowledged(0, 0)?.first() {
                Some((number, _)) => *number,
                None => store.batches()?.saturating_add(1),
            };
            let mut unsent = store.only_here_blobs()?;
            unsent.truncate(MOST_NAMED);
            let mut missing: Vec<Sha> = store.missing_blobs()?.into_iter().map(|missing| missing.sha).collect();
            missing.truncate(MOST_NAMED);
            let offset = store.meta("offset")?.unwrap_or(0);
            let anew = store.anew()?;
            drop(store);
            let unsent =
                unsent.into_iter().map(|Outgoing { sha, file, section, .. }| Unsent { sha, file, section }).collect();
            Asking { hello: self.hello(wants, true)?, offset, first, unsent, missing, anew }
        };
        let records = self.store().only_here()?;
        let most = u64::from(with.most_mb.unwrap_or(MOST_MEGABYTES)).saturating_mul(1 << 20);
        let room = stick::room(&folder).map_or(most, |room| room.saturating_sub(SPARE)).min(most);
        let (mut photos, mut photos_left, mut fragments) = (0_u32, 0_u32, false);
        let written = self.write_bundle(&folder, |filler| {
            put(filler, Kind::Asking, &packed(&asking)?)?;
            fragments = self.put_pushes(filler)?;
            // Records first: they are small and worth more.
            for unsent in &asking.unsent {
                let Some(blob) = self.store().blob(unsent.sha)? else { continue };
                if filler.size_with(u64::try_from(blob.bytes.len()).unwrap_or(u64::MAX)) > room {
                    photos_left = photos_left.saturating_add(u32::from(!blob.preview));
                    continue;
                }
                let paper = Paper { sha: blob.sha, file: blob.file, section: blob.section, bytes: blob.bytes };
                put(filler, Kind::Paper, &paper.bytes())?;
                photos = photos.saturating_add(u32::from(!blob.preview));
            }
            Ok(())
        })?;
        if asking.anew {
            let mut store = self.store();
            let mut asked: Vec<BundleId> = store.meta("stick_anew")?.unwrap_or_default();
            asked.push(written.id);
            let older = asked.len().saturating_sub(MOST_ASKED_ANEW);
            asked.drain(..older);
            store.set_meta("stick_anew", &asked)?;
        }
        let removed = self.tidy_stick(&folder, &written.path)?;
        let carried = if with.carry { self.put_carried(&folder)? } else { 0 };
        let mut store = self.store();
        self.asked(&mut store, written.id)?;
        let at = self.present_of(&store)?.now;
        store.set_meta("stick_offered", &fragments.then_some(written.id))?;
        store.set_meta("stick_out", &Noted { at, records, photos })?;
        let what = Told::of(
            format!("写到U盘：记录{records}条，照片{photos}张"),
            format!("written to a stick: {records} records, {photos} photos"),
        );
        store.note_contact(at, true, &what.kept())?;
        drop(store);
        Ok(BundleSent {
            file: name_of(&written.path),
            bytes: written.bytes,
            records,
            photos,
            photos_left,
            carried,
            removed,
        })
    }

    /// For a county that was restored what others wrote; then own batches. Returns whether there was any of the former.
    pub(crate) fn put_pushes(&self, filler: &mut Filler<'_>) -> Result<bool, Failure> {
        let mut offered = 0_usize;
        loop {
            let push = self.next_offer(offered, PAGE_BYTES)?;
            if push.fragments.is_empty() {
                break;
            }
            put(filler, Kind::Push, &packed(&push)?)?;
            offered = offered.saturating_add(push.fragments.len());
        }
        let mut from = 1;
        while let Some((push, numbers)) = self.next_push(from, PAGE_BYTES)? {
            put(filler, Kind::Push, &packed(&push)?)?;
            from = numbers.last().map_or(u64::MAX, |last| last.saturating_add(1));
        }
        Ok(offered > 0)
    }

    /// Removes this desk's own earlier bundles from the stick, which the new one holds too, and answers that were read.
    fn tidy_stick(&self, folder: &Path, newest: &Path) -> Result<u32, Failure> {
        let own = self.own_print();
        let read: Vec<BundleId> = self.store().meta("stick_read")?.unwrap_or_default();
        let mut removed = 0_u32;
        for Listed { path, header, .. } in stick::list(folder)? {
            let Ok(header) = header else { continue };
            let superseded = match header.direction {
                Direction::Up => header.sender == own && path != newest,
                Direction::Down => header.receiver == own && read.contains(&header.id),
            };
            // One that cannot be removed does no harm.
            if superseded && std::fs::remove_file(&path).is_ok() {
                removed = removed.saturating_add(1);
            }
        }
        Ok(removed)
    }

    /// Reads what came from the county for this desk.
    pub(crate) fn bundle_in(&self, with: BundleIn) -> Result<BundleTaken, Failure> {
        let _one_at_a_time = self.syncing.lock().unwrap_or_else(PoisonError::into_inner);
        let from = PathBuf::from(with.from.trim());
        self.county_bundle_key()?;
        let mut report = no_report();
        let (mut rows, mut proven, mut carried) = (Vec::new(), Vec::new(), 0_u32);
        let single = from.is_file();
        let listed = if single { vec![self.looked_at(&from)?] } else { stick::list(&from)? };
        for one in listed {
            let mut row = self.row(&one);
            if row.state == BundleState::ForMe || (single && row.state != BundleState::FromMe) {
                match self.prove(&one.path) {
                    Ok(found) => proven.push((rows.len(), found)),
                    // The only one that was meant: the person is told at once.
                    Err(failure) if single => return Err(failure),
                    Err(failure) => (row.state, row.problem) = (BundleState::Unreadable, Some(failure)),
                }
            } else if row.state == BundleState::Others && with.carry {
                match self.take_along(&one.path) {
                    Ok(()) => {
                        row.state = BundleState::Carried;
                        carried = carried.saturating_add(1);
                    }
                    Err(failure) => row.problem = Some(failure),
                }
            }
            rows.push(row);
        }
        let mut made_on = None;
        // The newest that fits is taken first; it may make another fit.
        proven.sort_by_key(|(_, one)| std::cmp::Reverse((one.answer.welcome.head.position, one.answer.welcome.now)));
        while let Some(at) = self.first_that_fits(&proven)? {
            let (row, one) = proven.remove(at);
            self.take_answer(&one, &mut report)?;
            made_on = made_on.max(Some(one.header.made_on));
            self.mark(&mut rows, row, BundleState::Taken, &one.header)?;
        }
        for (row, one) in proven {
            // Gone on since: only its photos are of use.
            self.take_papers(&one, &mut report)?;
            self.mark(&mut rows, row, BundleState::Old, &one.header)?;
        }
        let any = rows.iter().any(|row| matches!(row.state, BundleState::Taken | BundleState::Old));
        if !any && carried == 0 && !rows.iter().any(|row| row.state == BundleState::Unreadable) {
            return Err(Failure::new(Code::NoBundleHere, &[]));
        }
        if any {
            let mut store = self.store();
            let at = self.present_of(&store)?.now;
            store.set_meta("stick_in", &Noted { at, records: report.received, photos: report.blobs_received })?;
            let (records, photos) = (report.received, report.blobs_received);
            let what = Told::of(
                format!("从U盘收取：记录{records}条，照片{photos}张"),
                format!("read from a stick: {records} records, {photos} photos"),
            );
            store.note_contact(at, true, &what.kept())?;
            store.sweep_arriving()?;
        }
        let waiting = self.store().only_here()?;
        Ok(BundleTaken {
            rows,
            acknowledged: report.sent,
            received: report.received,
            photos: report.blobs_received,
            photos_kept: report.blobs_sent,
            files_gone: report.files_gone,
            held: report.held,
            agreed: report.agreed,
            made_on,
            carried,
            waiting,
            remarks: report.remarks,
        })
    }

    fn mark(&self, rows: &mut [BundleRow], at: usize, state: BundleState, header: &Header) -> Result<(), Failure> {
        if let Some(row) = rows.get_mut(at) {
            row.state = state;
        }
        let mut store = self.store();
        let mut read: Vec<BundleId> = store.meta("stick_read")?.unwrap_or_default();
        read.retain(|id| *id != header.id);
        read.push(header.id);
        let surplus = read.len().saturating_sub(MOST_READ);
        read.drain(..surplus);
        Ok(store.set_meta("stick_read", &read)?)
    }

    fn looked_at(&self, path: &Path) -> Result<Listed, Failure> {
        let folder = path.parent().unwrap_or(path);
        let known = stick::list(folder)?.into_iter().find(|listed| listed.path == path);
        known.ok_or_else(|| Failure::new(Code::NotABundle, &[]))
    }

    /// A bundle as it looks from outside, from this desk's place.
    fn row(&self, listed: &Listed) -> BundleRow {
        let own = self.own_print();
        let (state, made_on, problem) = match &listed.header {
            Ok(header) => {
                let state = match header.direction {
                    Direction::Down if header.receiver == own => BundleState::ForMe,
                    Direction::Up if header.sender == own => BundleState::FromMe,
                    Direction::Down | Direction::Up => BundleState::Others,
                };
                (state, Some(header.made_on), None)
            }
            Err(fault) => (BundleState::Unreadable, None, Some(seen_from_outside(fault))),
        };
        BundleRow { file: name_of(&listed.path), state, made_on, bytes: listed.bytes, problem }
    }

    /// Reads an answer to its end and keeps what tells where it belongs. Nothing is taken.
    fn prove(&self, path: &Path) -> Result<Proven, Failure> {
        let opened = self.open_bundle(path)?;
        let header = *opened.header();
        let mut answer: Option<Answer> = None;
        let (mut follows, mut heads) = (Vec::new(), Vec::new());
        let mut next = Cursor::default();
        for item in opened {
            let item = item?;
            match (Kind::of_code(item.kind), &answer) {
                (Some(Kind::Answer), None) => {
                    let found: Answer = read(&item)?;
                    next = found.cursor;
                    answer = Some(found);
                }
                (Some(Kind::Acks), Some(_)) => heads.push(read::<Acks>(&item)?.head),
                (Some(Kind::Page), Some(_)) => {
                    let page: Page = read(&item)?;
                    follows.push(next);
                    heads.push(page.head);
                    next = page.next;
                }
                (Some(Kind::Sum), Some(_)) => drop(read::<Sum>(&item)?),
                (Some(Kind::Paper), Some(_)) => drop(paper(&item)?),
                (Some(_), _) => return Err(Failure::new(Code::NotABundle, &[])),
                (None, _) => {}
            }
        }
        let answer = answer.ok_or_else(|| Failure::new(Code::NotABundle, &[]))?;
        if answer.welcome.log != self.identity.log {
            return Err(Failure::new(Code::CountyRestored, &[]));
        }
        Ok(Proven { path: path.to_owned(), header, answer, follows, heads })
    }

    fn first_that_fits(&self, proven: &[(usize, Proven)]) -> Result<Option<usize>, Failure> {
        for (at, (_, one)) in proven.iter().enumerate() {
            if self.fits(one)? != Fits::Old {
                return Ok(Some(at));
            }
        }
        Ok(None)
    }

    fn fits(&self, one: &Proven) -> Result<Fits, Failure> {
        let store = self.store();
        let (journal, cursor) = (store.journal()?, store.cursor()?);
        let top = store.marks()?.first().copied().unwrap_or_default();
        let answer = &one.answer;
        // Where it asked, or where a part of this very answer has led it; never to what comes before a county's past that is
        // no longer shared.
        let read: Vec<BundleId> = store.meta("stick_read")?.unwrap_or_default();
        let stopped =
            one.heads.contains(&top) && !read.contains(&one.header.id) && answer.welcome.agreed >= answer.top.position;
        Ok(if journal != answer.journal || (top != answer.top && !stopped) || lacks_own(&store, answer)? {
            Fits::Old
        } else if cursor == answer.cursor {
            Fits::Whole
        } else if one.follows.contains(&cursor) {
            Fits::Rest
        } else {
            Fits::Old
        })
    }

    /// The pages of an answer, as far as they follow where this desk stands. Returns the sum that is told at the end, and
    /// whether any page was taken.
    fn read_pages(&self, one: &Proven, report: &mut SyncReport) -> Result<(Option<Sum>, bool), Failure> {
        let (mut sum, mut gone_on) = (None, false);
        let mut follows = one.follows.iter();
        let lacks_own = lacks_own(&self.store(), &one.answer)?;
        for item in self.open_bundle(&one.path)? {
            let item = item?;
            match Kind::of_code(item.kind) {
                Some(Kind::Page) => {
                    let page: Page = read(&item)?;
                    let fits = {
                        let store = self.store();
                        // What a restored county may lack goes there before anything is read from it anew. And pages made
                        // for a journal that was just left lack what another wrote under it.
                        let offers = store.anew()? && !store.fragments(0, 0)?.is_empty();
                        let left = store.journal()? != one.answer.journal;
                        follows.next().copied() == Some(store.cursor()?) && !offers && !left && !lacks_own
                    };
                    if fits {
                        if self.take_page(&page, report)?.is_none() {
                            // Another writes under this journal: both go their own ways, and the next answer fits again.
                            self.begin_journal(&mut self.store(), &[], report)?;
                            break;
                        }
                        gone_on = true;
                    }
                }
                Some(Kind::Sum) => sum = Some(read::<Sum>(&item)?),
                Some(Kind::Asking | Kind::Push | Kind::Paper | Kind::Answer | Kind::Acks) | None => {}
            }
        }
        Ok((sum, gone_on))
    }

    /// Takes an answer that fits: what the county says of own work, then the pages in their order, then photos.
    fn take_answer(&self, one: &Proven, report: &mut SyncReport) -> Result<(), Failure> {
        let fits = self.fits(one)?;
        let answer = &one.answer;
        let before = self.store().only_here()?;
        if fits == Fits::Whole {
            self.take_word(one, report)?;
        }
        // Before pages are read, as at every contact: a batch says what its author had seen, and what was written before
        // must not be dated by it.
        self.seal()?;
        let read = self.read_pages(one, report);
        // What came is to be seen also of an answer that breaks off.
        self.file()?;
        let (sum, gone_on) = read?;
        if fits == Fits::Whole && answer.welcome.agreed >= answer.top.position {
            let left = self.store().only_here()?;
            report.sent = report.sent.saturating_add(before.saturating_sub(left));
        }
        // Papers follow, which lock the store for themselves: nothing of it may be held here any more.
        if let Some(sum) = sum.filter(|_| gone_on) {
            report.agreed = sum == self.sum()?;
        }
        self.take_papers(one, report)
    }

    /// What the county says of the past, of own work, of the journal and of the time.
    fn take_word(&self, one: &Proven, report: &mut SyncReport) -> Result<(), Failure> {
        let answer = &one.answer;
        let welcome = &answer.welcome;
        let mut store = self.store();
        if welcome.agreed < answer.top.position {
            restored(&mut store, welcome.agreed, report)?;
            store.set_safe(welcome.safe, welcome.head.position)?;
        } else {
            let safe: u64 = store.meta("safe")?.unwrap_or(0);
            store.set_safe(safe.max(welcome.safe), welcome.head.position)?;
            if store.meta::<Option<BundleId>>("stick_offered")?.flatten() == Some(answer.to) {
                // All that a restored county may have lacked was in the bundle that this answers.
                store.offered()?;
            }
        }
        // Up to which number both have the same seals; beyond it a twin of this desk wrote.
        let mut shared = answer.first.saturating_sub(1);
        for (number, seal) in (answer.first..).zip(&answer.seals) {
            if store.last_seal(number)? != Some(*seal) {
                break;
            }
            shared = number;
        }
        let twin = shared < answer.first.saturating_sub(1).saturating_add(seals_of(answer));
        drop(store);
        for item in self.open_bundle(&one.path)? {
            let item = item?;
            if Kind::of_code(item.kind) == Some(Kind::Acks) {
                let mut acks: Acks = read(&item)?;
                acks.acks.retain(|ack| ack.batch <= shared);
                let held = self.store().acknowledged(&acks.acks, acks.head)?;
                report.held = report.held.saturating_add(held);
            }
        }
        let mut store = self.store();
        for sha in &answer.kept {
            report.blobs_sent = report.blobs_sent.saturating_add(u32::from(!store.is_preview(*sha)?));
            store.blob_sent(*sha, false)?;
        }
        // Now only what the county does not have goes over into a new journal.
        if welcome.closed || twin || store.batches()? < welcome.batches {
            self.begin_journal(&mut store, &[], report)?;
        }
        // It was this late when the answer was written, and is later now. By how much, nobody knows: the journey must not
        // be taken for a fault of this clock. But a clock that shows less is wrong by that much at least.
        let seen: Option<Millis> = store.meta("seen")?;
        store.set_meta("seen", &seen.max(Some(welcome.now)))?;
        let offset: i64 = store.meta("offset")?.unwrap_or(0);
        let least = welcome.now.0.saturating_sub(self.clock.wall().0);
        if offset < least {
            store.set_meta("offset", &least)?;
        }
        let contact: Option<Millis> = store.meta("last_contact")?;
        store.set_meta("last_contact", &contact.max(Some(welcome.now)))?;
        self.heard(&mut store, answer.to)
    }

    /// The photos of an answer that records here name and that are not here: by their hash, however old the answer is.
    fn take_papers(&self, one: &Proven, report: &mut SyncReport) -> Result<(), Failure> {
        let mut wrong = BTreeSet::new();
        for item in self.open_bundle(&one.path)? {
            let item = item?;
            if Kind::of_code(item.kind) != Some(Kind::Paper) {
                continue;
            }
            let paper = paper(&item)?;
            let mut store = self.store();
            let Some(missing) = store.missing_blobs()?.into_iter().find(|missing| missing.sha == paper.sha) else {
                continue;
            };
            let have = store.arriving(paper.sha)?;
            let rest = usize::try_from(have).ok().and_then(|have| paper.bytes.get(have..)).unwrap_or_default();
            if !rest.is_empty() {
                store.arrived(paper.sha, have, rest)?;
            }
            if store.arrived_whole(&missing)? {
                report.blobs_received = report.blobs_received.saturating_add(u32::from(!missing.preview));
            } else {
                wrong.insert(paper.sha);
            }
        }
        if !wrong.is_empty() {
            report.remarks.push(remark(
                "BLOB_WRONG",
                "有照片收到后核对不上，已丢弃，下次重新收",
                "Pictures did not match their hashes; they were dropped and come again next time",
            ));
        }
        Ok(())
    }

    /// What lies on a stick, and what of it is for whom.
    pub(crate) fn stick(&self, with: StickAsked) -> Result<StickView, Failure> {
        let folder = PathBuf::from(with.folder.trim());
        let rows = stick::list(&folder)?.iter().map(|listed| self.row(listed)).collect();
        Ok(StickView { folder: with.folder, rows, free: stick::room(&folder) })
    }

    /// The sticks that are plugged in, what would be written, and when a stick was last used.
    pub(crate) fn sticks(&self, _: Nothing) -> Result<SticksView, Failure> {
        let store = self.store();
        let records = store.only_here()?;
        let photos =
            u32::try_from(store.only_here_blobs()?.iter().filter(|one| !one.preview).count()).unwrap_or(u32::MAX);
        let note = |key: &str| -> Result<Option<StickNote>, Failure> {
            let noted: Option<Noted> = store.meta(key)?;
            Ok(noted.map(|Noted { at, records, photos }| StickNote { at: at.rfc3339(), records, photos }))
        };
        let (last_out, last_in) = (note("stick_out")?, note("stick_in")?);
        drop(store);
        let sticks = mounted()
            .into_iter()
            .map(|folder| {
                let rows: Vec<BundleRow> = stick::list(&folder)
                    .map_or_else(|_| Vec::new(), |all| all.iter().map(|one| self.row(one)).collect());
                let count = |state| u32::try_from(rows.iter().filter(|row| row.state == state).count()).unwrap_or(0);
                StickPlace {
                    name: name_of(&folder),
                    free: stick::room(&folder),
                    for_me: count(BundleState::ForMe),
                    others: count(BundleState::Others),
                    folder: folder.to_string_lossy().into_owned(),
                }
            })
            .collect();
        let carried = |direction| -> Result<u32, Failure> {
            Ok(u32::try_from(self.carried(direction)?.len()).unwrap_or(u32::MAX))
        };
        Ok(SticksView {
            sticks,
            records,
            photos,
            last_out,
            last_in,
            carried_up: carried(Direction::Up)?,
            carried_down: carried(Direction::Down)?,
        })
    }
}

fn seals_of(answer: &Answer) -> u64 {
    u64::try_from(answer.seals.len()).unwrap_or(u64::MAX)
}

/// Whether an answer leaves out what this desk wrote, while everything is read anew: it was asked before that. Own work
/// that no page names would count as what the county lost.
fn lacks_own(store: &Store, answer: &Answer) -> Result<bool, Failure> {
    let asked: Vec<BundleId> = store.meta("stick_anew")?.unwrap_or_default();
    Ok(store.anew()? && !asked.contains(&answer.to))
}

/// A fault of a bundle that was only looked at: without a key, nothing is said of whose it is.
fn seen_from_outside(fault: &stick::StickFault) -> Failure {
    use store::bundle::BundleFault;
    match fault {
        stick::StickFault::Bundle(BundleFault::Newer { .. }) => Failure::new(Code::BundleNewer, &[]),
        stick::StickFault::Bundle(BundleFault::Cut { .. }) => Failure::new(Code::BundleCut, &[]),
        stick::StickFault::Bundle(BundleFault::Damaged { at }) => {
            Failure::new(Code::BundleDamaged, &[("at", &at.to_string())])
        }
        stick::StickFault::Bundle(BundleFault::TooLarge(_)) => Failure::new(Code::BundleTooLarge, &[]),
        stick::StickFault::Bundle(
            BundleFault::NotABundle
            | BundleFault::ForAnother { .. }
            | BundleFault::UnknownSender { .. }
            | BundleFault::NotSealed
            | BundleFault::GivenUp
            | BundleFault::Io(_),
        ) => Failure::new(Code::NotABundle, &[]),
        stick::StickFault::Gone => Failure::new(Code::StickGone, &[]),
        stick::StickFault::Full { .. }
        | stick::StickFault::ReadOnly
        | stick::StickFault::NotAFolder
        | stick::StickFault::ReadBack
        | stick::StickFault::Io(_) => Failure::new(Code::StickBad, &[]),
    }
}

/// Where the system mounts what people plug in.
#[cfg(target_os = "linux")]
pub(crate) fn mounted() -> Vec<PathBuf> {
    let mounts = std::fs::read_to_string("/proc/self/mounts").unwrap_or_default();
    let places = mounts.lines().filter_map(|line| line.split(' ').nth(1)).map(unescaped).map(PathBuf::from);
    let plugged = |place: &PathBuf| ["/media/", "/run/media/"].iter().any(|root| place.starts_with(root));
    let found: BTreeSet<PathBuf> = places.filter(plugged).collect();
    found.into_iter().collect()
}

/// Elsewhere the person names the folder.
#[cfg(not(target_os = "linux"))]
pub(crate) fn mounted() -> Vec<PathBuf> {
    Vec::new()
}

/// A mount point as it is: blanks and backslashes stand as octal numbers in the table.
#[cfg(target_os = "linux")]
fn unescaped(text: &str) -> String {
    text.replace("\\040", " ").replace("\\011", "\t").replace("\\012", "\n").replace("\\134", "\\")
}

fn name_of(path: &Path) -> String {
    path.file_name().map_or_else(|| path.to_string_lossy().into_owned(), |name| name.to_string_lossy().into_owned())
}

pub(crate) fn packed<M: Message>(message: &M) -> Result<Vec<u8>, Failure> {
    pack(message).map_err(|error| Failure::internal(&error))
}

/// A part that cannot be read although it was sealed whole is of a newer version: it waits for the upgrade.
fn read<M: Message>(item: &Item) -> Result<M, Failure> {
    unpack(&item.bytes).map_err(|error| {
        let noted = Failure::internal(&error);
        Failure { incident: noted.incident, ..Failure::new(Code::BundleNewer, &[]) }
    })
}

fn paper(item: &Item) -> Result<Paper, Failure> {
    Paper::parse(&item.bytes).map_err(|error| {
        let noted = Failure::internal(&error);
        Failure { incident: noted.incident, ..Failure::new(Code::BundleNewer, &[]) }
    })
}

pub(crate) fn put(filler: &mut Filler<'_>, kind: Kind, bytes: &[u8]) -> Result<(), Failure> {
    Ok(filler.put(kind.code(), bytes)?)
}

//! One contact with the county: greet, send, receive, compare, then photos. The store is locked for one step at a time, never
//! across the network, so that a save waits for a part of a page at most. Cut anywhere, the next contact goes on from there.

use std::collections::BTreeSet;
use std::sync::atomic::Ordering;
use std::sync::{MutexGuard, PoisonError};

use domain::Signer as _;
use domain::blob::{MOST_PREVIEW, Piece};
use domain::clock::Millis;
use domain::enrol::{Refusal, offer_bytes};
use domain::exchange::{Acks, EVERY_JOURNAL, Hello, PAGE_BYTES, Page, Pull, Push, Sum};
use domain::fact::{Batch, Fact};
use domain::ids::{FileId, JournalId};
use domain::words::DocKind;
use serde::{Deserialize, Serialize};
use store::{MOST_UNFILED, Outgoing, StoreFault};

use crate::api::{
    AwayState, ClocksView, ContactLogRow, HouseholdAsked, HouseholdUpdated, Nothing, SyncReport, SyncStage,
    SyncStateView, SyncStep, WaitingRow,
};
use crate::background::WhileOpen;
use crate::carry::{Carrier, Progress, Stage};
use crate::courier::{Courier, CourierFault};
use crate::failure::{Code, Failure};
use crate::visits::remark;
use crate::{Desk, home, voices};

/// Fewer free numbers than this, and blocks are asked for (domain.md §4.0.2: two unused blocks a kind before going out).
const ENOUGH_NUMBERS: u32 = 200;

/// Milliseconds until everything is read again once more, where the last time did not make the two sides equal.
const READ_AGAIN: i64 = 24 * 60 * 60 * 1_000;

/// Facts that are taken in at once: a save waits for so many at most. More of them are a little faster in all.
const FACTS_AT_ONCE: usize = 100;
/// Rows of the log that are summed at once, for the same reason.
const ROWS_AT_ONCE: u32 = 2_000;

/// Why a photo did not come.
#[derive(Debug, thiserror::Error)]
enum Fetching {
    #[error(transparent)]
    Line(#[from] CourierFault),
    #[error(transparent)]
    Store(#[from] StoreFault),
}

/// When a photo's turn comes: those of the family that somebody asked for, then previews and other small ones both ways,
/// then the rest.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Turn {
    Asked,
    Small,
    Rest,
}

impl Turn {
    fn of(file: FileId, size: u64, first: Option<FileId>) -> Self {
        if first == Some(file) {
            Self::Asked
        } else if size <= MOST_PREVIEW {
            Self::Small
        } else {
            Self::Rest
        }
    }
}

impl Desk {
    /// Exchanges with the county over `courier`. How far it is stands in [`Desk::progress`] meanwhile.
    ///
    /// # Errors
    /// A [`Failure`] that says what the line or the county did; what was saved here is untouched.
    pub fn sync_over(&self, courier: &dyn Courier) -> Result<SyncReport, Failure> {
        self.sync_first(courier, None)
    }

    /// The same with the photos of one file before all others.
    pub(crate) fn sync_first(&self, courier: &dyn Courier, first: Option<FileId>) -> Result<SyncReport, Failure> {
        let _one_at_a_time = self.syncing.lock().unwrap_or_else(PoisonError::into_inner);
        let watch = |progress| *self.running() = Some(progress);
        let courier = WhileOpen { courier, closed: &self.closed };
        let result = self.exchange(&mut Carrier::new(&courier, &watch), first);
        *self.running() = None;
        if result.is_err() && self.closed.load(Ordering::Relaxed) {
            // Broken off because the home was locked: no failure of the line or the county, and not told as one.
            return result;
        }
        let present = self.present()?;
        let mut store = self.store();
        match &result {
            Ok(report) => {
                let (sent, received) = (report.sent, report.received);
                let what =
                    Told::of(format!("送出{sent}条，收到{received}条"), format!("sent {sent}, received {received}"));
                store.note_contact(present.now, true, &what.kept())?;
                store.set_meta("last_failure", &None::<Failure>)?;
            }
            Err(failure) => {
                let what = Told::of(failure.zh.clone(), failure.en.clone());
                store.note_contact(present.now, false, &what.kept())?;
                store.set_meta("last_failure", &Some(failure))?;
            }
        }
        result
    }

    /// How far the contact is that runs now, if one does.
    pub fn progress(&self) -> Option<Progress> {
        *self.running()
    }

    fn running(&self) -> MutexGuard<'_, Option<Progress>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn exchange(&self, carrier: &mut Carrier<'_>, first: Option<FileId>) -> Result<SyncReport, Failure> {
        let mut report = no_report();
        // Records first, both ways, and all of them, before the first photo: they are small and worth more.
        let mut turns = 0_u8;
        while !self.records(carrier, &mut report)? {
            // A page brought another's work under names of ours, which no greeting had told: both go their own ways.
            turns = turns.saturating_add(1);
            if turns > 2 {
                return Err(worded(CourierFault::Refused(Refusal::Forked), &self.identity.address));
            }
            self.part_ways(carrier, &mut report)?;
        }
        {
            let mut store = self.store();
            let present = self.present_of(&store)?;
            store.set_meta("last_contact", &present.now)?;
            // What arrived of photos of families that left must not stay.
            store.sweep_arriving()?;
        }
        for turn in [Turn::Asked, Turn::Small, Turn::Rest] {
            self.photos_out(carrier, (first, turn), &mut report)?;
            self.photos_in(carrier, (first, turn), &mut report)?;
        }
        self.deliver_carried(carrier, &mut report)?;
        (report.bytes_out, report.bytes_in) = carrier.traffic();
        Ok(report)
    }

    /// Records both ways. False if a page showed that another desk writes under this one's journal.
    fn records(&self, carrier: &mut Carrier<'_>, report: &mut SyncReport) -> Result<bool, Failure> {
        let refused = |fault: CourierFault| self.worded(fault);
        let log = self.identity.log;
        carrier.stage(Stage::Greeting, 0);
        let again = self.greet(carrier, report)?;
        self.met(&mut self.store())?;
        let journal = self.store().journal()?;
        // What a restored county may lack comes first: what others wrote gives and takes the rights that own work needs.
        self.offer(carrier)?;
        self.send(carrier, report)?;
        let anew = self.store().anew()?;
        carrier.stage(Stage::Receiving, 0);
        if !self.receive(carrier, journal, report)? {
            return Ok(false);
        }
        if anew && self.store().only_here()? > 0 {
            // Own work that a restored county lacks, and has another's under the names of.
            self.seal()?;
            self.send(carrier, report)?;
            if !self.receive(carrier, journal, report)? {
                return Ok(false);
            }
        }
        if again {
            // The answer that was lost may have leased some blocks already: they are here now, and only the rest is asked for.
            let wants = self.wants(&self.store())?;
            if !wants.is_empty() {
                let hello = self.hello(wants, false)?;
                carrier.again(|courier, _| courier.hello(&hello)).map_err(refused)?;
                if !self.receive(carrier, journal, report)? {
                    return Ok(false);
                }
            }
        }
        // Compare; once unequal, read everything again, which changes nothing that is right. What that did not mend is not
        // fetched at every contact: the line is for what is new.
        let now = self.present()?.now;
        let lately = self.store().meta::<Option<Millis>>("read_again")?.flatten();
        let lately = lately.is_some_and(|at| (0..READ_AGAIN).contains(&now.0.saturating_sub(at.0)));
        for turn in 0..2_u8 {
            let cursor = self.store().cursor()?;
            let pull = Pull { log, journal, cursor, most: 0 };
            let theirs = carrier.again(|courier, _| courier.close(&pull)).map_err(refused)?;
            if theirs == self.sum()? {
                report.agreed = true;
                if turn > 0 {
                    report.remarks.push(remark(
                        "READ_AGAIN",
                        "两边的数目曾对不上，已从头核对一遍，现在一致",
                        "Both sides had counted differently; everything was read again and now they agree",
                    ));
                }
                if self.store().meta::<Option<Millis>>("read_again")?.flatten().is_some() {
                    self.store().set_meta("read_again", &None::<Millis>)?;
                }
                return Ok(true);
            }
            if lately {
                break;
            }
            if turn == 0 {
                self.store().set_meta("read_again", &Some(now))?;
                self.store().reset_cursor()?;
                // Own work too: it may be just that which is missing.
                if !self.receive(carrier, EVERY_JOURNAL, report)? {
                    return Ok(false);
                }
            }
        }
        Err(Failure::new(Code::SumsDiffer, &[]))
    }

    /// Sends what the county has not acknowledged, in order: also what it has if the answer was lost, or a stick brought it,
    /// for else nobody would ever be told where it stands.
    fn send(&self, carrier: &mut Carrier<'_>, report: &mut SyncReport) -> Result<(), Failure> {
        carrier.stage(Stage::Sending, u64::from(self.store().only_here()?));
        let mut from = 1;
        loop {
            // Formed anew for each try: after a break the page is smaller.
            let pushed = carrier.again(|courier, _| {
                let (push, numbers) = match self.next_push(from, courier.page()) {
                    Ok(Some(next)) => next,
                    Ok(None) => return Ok(Ok(None)),
                    Err(failure) => return Ok(Err(failure)),
                };
                courier.push(&push).map(|acks| Ok(Some((acks, numbers))))
            });
            let Some((mut acks, numbers)) = pushed.map_err(|fault| self.worded(fault))?? else { break };
            only_of(&mut acks, &numbers);
            let mut store = self.store();
            let mut sent = 0_u32;
            for ack in acks.acks.chunks(1) {
                let before = store.only_here()?;
                report.held = report.held.saturating_add(store.acknowledged(ack, acks.head)?);
                sent = sent.saturating_add(before.saturating_sub(store.only_here()?));
                parking_lot::MutexGuard::bump(&mut store);
            }
            drop(store);
            report.sent = report.sent.saturating_add(sent);
            carrier.done(u64::from(sent));
            if acks.acks.is_empty() {
                return Err(Failure::new(Code::CountyRefused, &[("why", "送去的记录在县里排队，等前面的先到")]));
            }
            from = numbers.last().map_or(u64::MAX, |last| last.saturating_add(1));
        }
        Ok(())
    }

    /// The blocks of numbers this desk should ask for.
    pub(crate) fn wants(&self, store: &store::Store) -> Result<Vec<(DocKind, i32, u32)>, Failure> {
        let present = self.present_of(store)?;
        let year = chrono::Datelike::year(&present.today);
        let device = FileId::device(self.identity.device);
        let mut wants = Vec::new();
        if self.role(store)?.works_cases() {
            for kind in DocKind::ALL {
                let left = store.numbers(device, *kind, year)?.left;
                if left < ENOUGH_NUMBERS {
                    wants.push((*kind, year, (ENOUGH_NUMBERS.saturating_sub(left)).div_ceil(domain::letter::BLOCK)));
                }
            }
        }
        Ok(wants)
    }

    fn photos_out(
        &self,
        carrier: &mut Carrier<'_>,
        (first, turn): (Option<FileId>, Turn),
        report: &mut SyncReport,
    ) -> Result<(), Failure> {
        let mut unsent = self.store().unsent_blobs()?;
        unsent.retain(|one| Turn::of(one.file, one.size, first) == turn);
        if unsent.is_empty() {
            return Ok(());
        }
        carrier.stage(Stage::PhotosOut, unsent.iter().fold(0_u64, |sum, one| sum.saturating_add(one.size)));
        for Outgoing { sha, file, section, size, preview, fresh } in unsent {
            let Some(blob) = self.store().blob(sha)? else { continue };
            let piece = Piece { sha, file, section, size, from: 0 };
            let sent = if fresh && size <= MOST_PREVIEW {
                carrier.send_small(&piece, &blob.bytes)
            } else {
                carrier.send_blob(&piece, &blob.bytes)
            };
            match sent {
                Ok(had) => {
                    self.store().blob_sent(sha, had)?;
                    report.blobs_sent = report.blobs_sent.saturating_add(u32::from(!had && !preview));
                }
                // Held with its record: the county does not take it, and the rest must not wait for it.
                Err(CourierFault::Refused(Refusal::NotAllowed)) => {
                    // What is said of a photo goes for its preview too.
                    if self.store().blob_not_taken(sha)? || preview {
                        continue;
                    }
                    report.remarks.push(remark(
                        "BLOB_HELD",
                        "有照片随记录一起被县里留置",
                        "A picture is held with its record",
                    ));
                }
                Err(CourierFault::Refused(Refusal::WrongBytes)) => {
                    report.remarks.push(remark(
                        "BLOB_DAMAGED",
                        "有一张照片在本机已损坏，县里没有收；请重新拍照归档",
                        "A picture is damaged on this computer and the county did not take it: file it again",
                    ));
                }
                Err(fault) => return Err(self.worded(fault)),
            }
        }
        Ok(())
    }

    fn photos_in(
        &self,
        carrier: &mut Carrier<'_>,
        (first, turn): (Option<FileId>, Turn),
        report: &mut SyncReport,
    ) -> Result<(), Failure> {
        let mut missing = self.store().missing_blobs()?;
        missing.retain(|one| Turn::of(one.file, one.size, first) == turn);
        if missing.is_empty() {
            return Ok(());
        }
        carrier.stage(Stage::PhotosIn, missing.iter().fold(0_u64, |sum, one| sum.saturating_add(one.size)));
        for one in missing {
            let fetched = carrier.fetch_blob(
                one.sha,
                || Ok(self.store().arriving(one.sha)?),
                |at, bytes| Ok::<(), Fetching>(self.store().arrived(one.sha, at, bytes)?),
            );
            match fetched {
                Ok(()) => {
                    if self.store().arrived_whole(&one)? {
                        report.blobs_received = report.blobs_received.saturating_add(u32::from(!one.preview));
                    } else {
                        report.remarks.push(remark(
                            "BLOB_WRONG",
                            "有一张照片收到后核对不上，已丢弃，下次重新收",
                            "A picture did not match its hash; it was dropped and is fetched again next time",
                        ));
                    }
                }
                // Its author has not sent it yet: it comes with a later contact.
                Err(Fetching::Line(CourierFault::Refused(Refusal::NotFound | Refusal::NotAllowed))) => {}
                Err(Fetching::Line(fault)) => return Err(self.worded(fault)),
                Err(Fetching::Store(fault)) => return Err(fault.into()),
            }
        }
        Ok(())
    }

    /// Greets until both sides agree on the log's past and on the journal to go on with.
    ///
    /// A county that knows less than this desk was restored from a copy: what it lacks is offered again, unasked. A
    /// county that knows more of this desk's journal, or saw it written by another, makes the desk open a new one. One
    /// that does not know this device at all is shown its enrolment.
    ///
    /// Returns also whether an answer was lost on the way: then blocks of numbers may be leased that were not heard of.
    fn greet(&self, carrier: &mut Carrier<'_>, report: &mut SyncReport) -> Result<bool, Failure> {
        let mut all_marks = false;
        let mut presented = false;
        let mut wants = self.wants(&self.store())?;
        let mut again = false;
        for _ in 0..10_u8 {
            let top = self.store().marks()?.first().map_or(0, |mark| mark.position);
            // Own work may say of a lost log how much of it its author had seen: the county is told of that log first.
            let lost = self.store().lost_mark()?;
            let all = all_marks || lost.is_some();
            let mut hello = self.hello(std::mem::take(&mut wants), all)?;
            hello.marks.extend(lost);
            let greeted = carrier.again(|courier, tried| {
                // Blocks of numbers are asked for once: an answer that was lost may have leased some already.
                let wants = if tried == 0 { hello.wants.clone() } else { Vec::new() };
                // The offset is measured against the middle of the round trip.
                let before = self.clock.wall();
                let welcome = courier.hello(&Hello { wall: before, wants, ..hello.clone() })?;
                Ok((offset_of(welcome.now.0, before, self.clock.wall()), welcome, tried > 0))
            });
            let (offset, welcome, repeated) = match greeted {
                Err(CourierFault::Refused(Refusal::DeviceUnknown)) if !presented && self.present_to(carrier)? => {
                    presented = true;
                    wants = hello.wants;
                    continue;
                }
                greeted => greeted.map_err(|fault| self.worded(fault))?,
            };
            again |= repeated && !hello.wants.is_empty();
            report.clock_offset_ms = offset;
            let mut store = self.store();
            store.set_meta("offset", &offset)?;
            store.set_meta("seen", &welcome.now)?;
            if welcome.agreed < top {
                if all {
                    restored(&mut store, welcome.agreed, report)?;
                }
                all_marks = !all;
                continue;
            }
            all_marks = false;
            store.greeted(welcome.head)?;
            store.set_safe(welcome.safe, welcome.head.position)?;
            store.ask_of_papers_again(welcome.head.position)?;
            let mine = store.last_seal(welcome.batches)?;
            // A seal of ours that went away with its file's rights still counts; one that differs never was ours.
            if welcome.closed
                || mine.is_some_and(|hash| hash != welcome.last_seal)
                || store.batches()? < welcome.batches
            {
                drop(store);
                self.part_ways(carrier, report)?;
                // What was leased just now went to the journal of before.
                again = true;
                continue;
            }
            let went_over = store.went_over()?;
            drop(store);
            if !went_over.is_empty() {
                let there = self.peek(carrier, &went_over)?;
                let mut store = self.store();
                let double = store.double(&there)?;
                if !double.is_empty() {
                    let fresh = self.fresh_journal()?;
                    store.leave_double(fresh, self.identity.device, &self.signing.verifying_key(), &double)?;
                    again = true;
                    continue;
                }
            }
            self.seal()?;
            return Ok(again);
        }
        Err(Failure::new(Code::CountyRefused, &[("why", "和县里的记录对不上，请联系县资助中心")]))
    }

    /// Goes on under a fresh journal; what the county has under this desk's own seals stays under its names.
    fn part_ways(&self, carrier: &mut Carrier<'_>, report: &mut SyncReport) -> Result<(), Failure> {
        self.offer(carrier)?;
        self.claim(carrier, report)?;
        let old = self.store().journal()?;
        let there = self.peek(carrier, &BTreeSet::from([old]))?;
        self.begin_journal(&mut self.store(), &there, report)
    }

    fn fresh_journal(&self) -> Result<JournalId, Failure> {
        Ok(JournalId(self.chance.fresh().map_err(|error| Failure::internal(&error))?))
    }

    /// Seals what is open, batch by batch.
    pub(crate) fn seal(&self) -> Result<(), Failure> {
        let mut store = self.store();
        loop {
            let seen: u64 = store.meta("head")?.unwrap_or(0);
            // Drawn before sealing begins: a batch without a fresh seed must not exist.
            let seed = self.chance.fresh().map_err(|error| Failure::internal(&error))?;
            if !store.seal_open(&self.signing, seen, &seed)? {
                return Ok(());
            }
            parking_lot::MutexGuard::bump(&mut store);
        }
    }

    /// Shows a county that does not know this device the county's own word that it was enrolled: it may have been restored
    /// from before. False where there is nothing to show, or the county stands by its no: then it was turned out.
    fn present_to(&self, carrier: &mut Carrier<'_>) -> Result<bool, Failure> {
        let mut fragments = self.store().enrolments_of(self.identity.device)?;
        if fragments.is_empty() {
            // It never read what the county wrote of it, but was told when it joined.
            fragments.extend(self.identity.enrolment.as_deref().and_then(home::unhex_all));
        }
        if fragments.is_empty() {
            return Ok(false);
        }
        let push = Push { fragments, ..self.push()? };
        let prove = |certificate| self.signing.sign(&offer_bytes(self.identity.log, certificate)).to_bytes();
        match carrier.again(|courier, _| courier.offer(self.identity.device, &prove, &push)) {
            Ok(()) => Ok(true),
            Err(CourierFault::Refused(Refusal::DeviceUnknown | Refusal::NotAllowed | Refusal::BadProof)) => Ok(false),
            Err(fault) => Err(self.worded(fault)),
        }
    }

    /// Offers what a restored county may lack and what is not whole own work: others' batches as far as they are here,
    /// and own ones of earlier journals.
    fn offer(&self, carrier: &mut Carrier<'_>) -> Result<(), Failure> {
        let earlier = self.store().earlier_journals()?;
        for journal in earlier {
            let hello = Hello { journal, ..self.hello(Vec::new(), false)? };
            match carrier.again(|courier, _| courier.hello(&hello)) {
                // Somebody else's by now: what is known of it stays as it is.
                Ok(_) | Err(CourierFault::Refused(Refusal::NotAllowed)) => {}
                Err(fault) => return Err(self.worded(fault)),
            }
        }
        let mut offered = 0_usize;
        loop {
            let pushed = carrier.again(|courier, _| {
                let push = match self.next_offer(offered, courier.page()) {
                    Ok(push) if push.fragments.is_empty() => return Ok(Ok(0)),
                    Ok(push) => push,
                    Err(failure) => return Ok(Err(failure)),
                };
                courier.push(&push).map(|_| Ok(push.fragments.len()))
            });
            let count = pushed.map_err(|fault| self.worded(fault))??;
            if count == 0 {
                return Ok(self.store().offered()?);
            }
            offered = offered.saturating_add(count);
        }
    }

    /// What the county lets this desk see, from where it stands, of what its own key sealed in these journals: looked at,
    /// not taken in.
    fn peek(&self, carrier: &mut Carrier<'_>, journals: &BTreeSet<JournalId>) -> Result<Vec<Fact>, Failure> {
        let mut out = Vec::new();
        let mut cursor = self.store().cursor()?;
        let key = self.signing.verifying_key();
        loop {
            let pulled = carrier.again(|courier, _| {
                let most = u32::try_from(courier.page()).unwrap_or(u32::MAX);
                courier.pull(&Pull { log: self.identity.log, journal: EVERY_JOURNAL, cursor, most })
            });
            let page = pulled.map_err(|fault| self.worded(fault))?;
            if page.from != cursor || (page.more && page.next <= cursor) {
                return Err(StoreFault::OtherPage.into());
            }
            for delivery in &page.deliveries {
                let batch = Batch::parse(&delivery.batch).map_err(StoreFault::from)?;
                if journals.contains(&batch.seal.journal) {
                    let facts = batch.verify(&key).map_err(StoreFault::from)?;
                    out.extend(facts.into_iter().map(|verified| verified.fact));
                }
            }
            if !page.more {
                return Ok(out);
            }
            cursor = page.next;
        }
    }

    /// Begins a new journal: this one was continued elsewhere. `there` is what the county has of it, where it could be asked.
    pub(crate) fn begin_journal(
        &self,
        store: &mut store::Store,
        there: &[Fact],
        report: &mut SyncReport,
    ) -> Result<(), Failure> {
        let fresh = self.fresh_journal()?;
        store.leave_twin(fresh, self.identity.device, &self.signing.verifying_key(), there)?;
        // What the other wrote under this journal was left out of every page so far, as own work is.
        store.reset_cursor()?;
        report.remarks.push(remark(
            "NEW_JOURNAL",
            "这台电脑的记录在别处续写过（复制过硬盘或恢复过备份），本机已另起一本，没有丢失",
            "This desk's journal was continued elsewhere (a cloned disk or a restored copy); a new one was begun, nothing is lost",
        ));
        Ok(())
    }

    /// The greeting of this moment. One mark is enough unless the county does not share it.
    pub(crate) fn hello(&self, wants: Vec<(DocKind, i32, u32)>, all_marks: bool) -> Result<Hello, Failure> {
        let store = self.store();
        let mut marks = store.marks()?;
        if !all_marks {
            marks.truncate(1);
        }
        let (journal, cursor) = (store.journal()?, store.cursor()?);
        Ok(Hello { log: self.identity.log, journal, wall: self.clock.wall(), cursor, marks, wants })
    }

    /// A push of nothing yet, now: with how far the clock is off, as it was measured last.
    pub(crate) fn push(&self) -> Result<Push, Failure> {
        Ok(Push { wall: self.clock.wall(), offset: self.store().meta("offset")?, ..Push::default() })
    }

    /// What of others' work, and of earlier journals, to offer next to a county that was restored.
    pub(crate) fn next_offer(&self, from: usize, most: usize) -> Result<Push, Failure> {
        let fragments = self.store().fragments(from, most)?;
        Ok(Push { fragments, ..self.push()? })
    }

    /// What to send next: own batches from a number on, with their numbers, of which there is at least one.
    pub(crate) fn next_push(&self, from: u64, most: usize) -> Result<Option<(Push, Vec<u64>)>, Failure> {
        let own = self.store().unacknowledged(from, most)?;
        let (numbers, batches): (Vec<u64>, Vec<Vec<u8>>) = own.into_iter().unzip();
        if numbers.is_empty() {
            return Ok(None);
        }
        Ok(Some((Push { batches, ..self.push()? }, numbers)))
    }

    /// What the county has of the journal under the very seals of this desk stays under its names: it must be known as
    /// there before the rest goes over into a new journal, or it would be written a second time.
    fn claim(&self, carrier: &mut Carrier<'_>, report: &mut SyncReport) -> Result<(), Failure> {
        let mut from = 1;
        loop {
            // One by one: all of a push is kept, or none of it.
            let Some((number, batch)) = self.store().unacknowledged(from, 0)?.into_iter().next() else { return Ok(()) };
            let push = Push { batches: vec![batch], ..self.push()? };
            match carrier.again(|courier, _| courier.push(&push)) {
                Ok(mut acks) => {
                    only_of(&mut acks, &[number]);
                    let held = self.store().acknowledged(&acks.acks, acks.head)?;
                    report.held = report.held.saturating_add(held);
                }
                // From here on the two have gone their own ways.
                Err(CourierFault::Refused(Refusal::Forked | Refusal::Unsealed | Refusal::Malformed)) => return Ok(()),
                Err(fault) => return Err(self.worded(fault)),
            }
            from = number.saturating_add(1);
        }
    }

    /// Takes in page after page, and what came into what screens read, also of a contact that breaks off. False if one
    /// brought another's work under names of this desk's present journal.
    fn receive(&self, carrier: &mut Carrier<'_>, journal: JournalId, report: &mut SyncReport) -> Result<bool, Failure> {
        let received = self.receive_pages(carrier, journal, report);
        self.file()?;
        received
    }

    /// Files what is in the log and not in the views yet, step by step: whoever waits with a save goes first.
    pub(crate) fn file(&self) -> Result<(), Failure> {
        let mut store = self.store();
        while store.file_some()? {
            parking_lot::MutexGuard::bump(&mut store);
        }
        Ok(())
    }

    fn receive_pages(
        &self,
        carrier: &mut Carrier<'_>,
        journal: JournalId,
        report: &mut SyncReport,
    ) -> Result<bool, Failure> {
        loop {
            let (cursor, anew) = {
                let store = self.store();
                (store.cursor()?, store.anew()?)
            };
            // A county that was restored names own work too: what it does not name, it has not let through.
            let journal = if anew { EVERY_JOURNAL } else { journal };
            let pulled = carrier.again(|courier, _| {
                let most = u32::try_from(courier.page()).unwrap_or(u32::MAX);
                courier.pull(&Pull { log: self.identity.log, journal, cursor, most })
            });
            let page = pulled.map_err(|fault| self.worded(fault))?;
            let more = page.more;
            let Some(facts) = self.take_page(&page, report)? else { return Ok(false) };
            carrier.done(u64::from(facts));
            // On a quick line the next page is soon here, and families are visited once for many of them. On a slow one
            // people see what has come.
            if carrier.page() < PAGE_BYTES {
                self.file()?;
            }
            if !more {
                return Ok(true);
            }
            if page.next <= cursor {
                // A page that does not move would be asked for for ever.
                return Err(Failure::new(Code::CountyRefused, &[("why", "县里送来的页码没有前进")]));
            }
        }
    }

    /// Takes a page that follows the cursor, part by part; returns how many facts were new. `None` if it brings another's
    /// work under names of this desk's present journal: then the cursor has not moved.
    pub(crate) fn take_page(&self, page: &Page, report: &mut SyncReport) -> Result<Option<u32>, Failure> {
        let mut store = self.store();
        let own = store.journal()?;
        let (mut facts, mut unknown, mut from) = (0_u32, false, Some(0));
        while let Some(at) = from {
            if at > 0 {
                // Whoever waits with a save goes first.
                parking_lot::MutexGuard::bump(&mut store);
            }
            let (absorbed, next) = match store.absorb_part(page, at, FACTS_AT_ONCE) {
                Err(StoreFault::Forked { journal, .. }) if journal == own => return Ok(None),
                absorbed => absorbed?,
            };
            facts = facts.saturating_add(absorbed.facts);
            unknown |= absorbed.unknown > 0;
            report.files_gone = report.files_gone.saturating_add(absorbed.gone);
            if next == from {
                // The next delivery says something of what came before it.
                drop(store);
                self.file()?;
                store = self.store();
            }
            from = next;
        }
        let many = store.unfiled() >= MOST_UNFILED;
        drop(store);
        if many {
            self.file()?;
        }
        report.received = report.received.saturating_add(facts);
        if unknown {
            report.remarks.push(remark(
                "NEWER_KINDS",
                "收到了新版本写的记录，已原样保存，升级后可见",
                "Records of a newer version arrived; kept as they are, visible after an upgrade",
            ));
        }
        Ok(Some(facts))
    }

    /// Count and sum over what the county let through, step by step.
    pub(crate) fn sum(&self) -> Result<Sum, Failure> {
        let mut store = self.store();
        let (mut sum, mut after) = (Sum::default(), Some(i64::MIN));
        while let Some(number) = after {
            after = store.add_to_sum(&mut sum, number, ROWS_AT_ONCE)?;
            parking_lot::MutexGuard::bump(&mut store);
        }
        Ok(sum)
    }

    /// A courier's fault in words.
    pub(crate) fn worded(&self, fault: CourierFault) -> Failure {
        let address = self.identity.address.as_str();
        worded(fault, address)
    }

    /// A contact for one family's sake, and how far the family is then.
    pub(crate) fn update_household(&self, with: HouseholdAsked) -> Result<HouseholdUpdated, Failure> {
        let file = with.household;
        if self.store().family(file)?.is_none() {
            return Err(Failure::new(Code::NoHousehold, &[]).at("household"));
        }
        let report = self.sync(Some(file))?;
        let store = self.store();
        let of_file: Vec<bool> =
            store.waiting(u32::MAX)?.into_iter().filter(|row| row.0 == file).map(|(_, _, said)| said.held).collect();
        let count = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
        Ok(HouseholdUpdated {
            report,
            here: store.family(file)?.is_some(),
            waiting: count(of_file.iter().filter(|held| !**held).count()),
            held: count(of_file.iter().filter(|held| **held).count()),
            photos_missing: count(store.missing_blobs()?.iter().filter(|one| one.file == file && !one.preview).count()),
            photos_unsent: count(
                store.only_here_blobs()?.iter().filter(|one| one.file == file && !one.preview).count(),
            ),
        })
    }

    /// The sync page.
    pub(crate) fn sync_state(&self, _: Nothing) -> Result<SyncStateView, Failure> {
        let status = self.status(Nothing {})?;
        let store = self.store();
        let mut waiting = Vec::new();
        // Of a laptop that is shut no family is named.
        let most = if status.away.state == AwayState::Shut { 0 } else { 200 };
        for (file, kind, said) in store.waiting(most)? {
            let family = store.family(file)?;
            waiting.push(WaitingRow {
                household: family.as_ref().map(|family| family.file),
                borrower: family.map(|family| family.borrower),
                what: kind_zh(&kind).to_owned(),
                kind,
                held: said.held,
                since: said.at.rfc3339(),
                why: if said.held {
                    "县里已收下，但没有放行：当时您没有这一户的权限"
                } else {
                    "等待下次同步送出"
                }
                .to_owned(),
            });
        }
        let contacts = store
            .contacts_with_county()?
            .into_iter()
            .map(|(at, ok, kept)| {
                let Told { zh, en } = Told::read(kept);
                ContactLogRow { at: at.rfc3339(), what: zh, what_en: en, ok }
            })
            .collect();
        let running = self.progress().map(|progress| {
            let (step, what) = match progress.stage {
                Stage::Greeting => (SyncStep::Greeting, "正在连接县里"),
                Stage::Sending => (SyncStep::Sending, "正在送出记录"),
                Stage::Receiving => (SyncStep::Receiving, "正在接收记录"),
                Stage::PhotosOut => (SyncStep::PhotosOut, "正在送出照片"),
                Stage::PhotosIn => (SyncStep::PhotosIn, "正在接收照片"),
            };
            SyncStage { step, what: what.to_owned(), done: progress.done, total: progress.total }
        });
        let off_ms = store.meta::<i64>("offset")?.unwrap_or(0);
        let here = self.clock.wall();
        let clocks = (off_ms.unsigned_abs() >= voices::OFF_MS).then(|| ClocksView {
            here: here.rfc3339(),
            county: here.plus(off_ms).rfc3339(),
            off_ms,
        });
        Ok(SyncStateView { status, waiting, contacts, running, clocks })
    }
}

/// What a contact did, as the list of contacts keeps it: the sentence in both languages.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Told {
    zh: String,
    en: String,
}

impl Told {
    pub(crate) fn of(zh: String, en: String) -> Self {
        Self { zh, en }
    }

    /// As it is kept.
    pub(crate) fn kept(&self) -> String {
        serde_json::json!(self).to_string()
    }

    /// As it was kept; an older version kept the Chinese sentence alone.
    fn read(kept: String) -> Self {
        serde_json::from_str(&kept).unwrap_or_else(|_| Self { zh: kept.clone(), en: kept })
    }
}

/// A report of nothing.
pub(crate) fn no_report() -> SyncReport {
    SyncReport {
        sent: 0,
        received: 0,
        blobs_sent: 0,
        blobs_received: 0,
        files_gone: 0,
        held: 0,
        bytes_out: 0,
        bytes_in: 0,
        clock_offset_ms: 0,
        agreed: false,
        remarks: Vec::new(),
    }
}

/// The county knows nothing above `agreed`: what it lacks is offered again.
pub(crate) fn restored(store: &mut store::Store, agreed: u64, report: &mut SyncReport) -> Result<(), Failure> {
    store.county_restored(agreed)?;
    report.remarks.push(remark(
        "COUNTY_RESTORED",
        "县里的服务器恢复过备份，本机已自动补送",
        "The county server was restored from a copy; this desk sent again what it lacked",
    ));
    Ok(())
}

/// A courier's fault in words.
pub(crate) fn worded(fault: CourierFault, address: &str) -> Failure {
    let refused = |why: &str| Failure::new(Code::CountyRefused, &[("why", why)]);
    match fault {
        CourierFault::Unreachable(_) => Failure::new(Code::CountyUnreachable, &[("address", address)]),
        CourierFault::NotTrusted => Failure::new(Code::CountyNotTrusted, &[]),
        CourierFault::Broken(_) => Failure::new(Code::LineBroken, &[]),
        CourierFault::Wire(_) => refused("送来的数据读不了"),
        CourierFault::Tls(error) => Failure::internal(&error),
        CourierFault::Refused(refusal) => match refusal {
            Refusal::InvitationUnknown => Failure::new(Code::InvitationUnknown, &[]).at("invitation"),
            Refusal::InvitationUsed => Failure::new(Code::InvitationUsed, &[]).at("invitation"),
            // Whoever joins is told the words: see `Door::join`.
            Refusal::NotConfirmed => refused("县里还没有核对这台电脑"),
            Refusal::InvitationExpired => Failure::new(Code::InvitationExpired, &[]).at("invitation"),
            Refusal::PracticeMismatch => Failure::new(Code::PracticeMismatch, &[]),
            Refusal::OtherLog => Failure::new(Code::CountyRestored, &[]),
            Refusal::BadProof => refused("这台电脑的身份没有通过核对"),
            Refusal::DeviceLost => Failure::new(Code::LaptopLost, &[]),
            Refusal::DeviceUnknown => refused("这台电脑没有登记，或者已经停用"),
            Refusal::Malformed => refused("送去的数据读不了"),
            Refusal::Unsealed => refused("送去的数据核对不上"),
            Refusal::Forked => refused("这台电脑的记录和县里已有的冲突，可能是复制过的硬盘"),
            Refusal::TooLarge => refused("一次送得太多"),
            Refusal::Gap => refused("照片没有接上，下次重新接"),
            Refusal::WrongBytes => refused("照片核对不上"),
            Refusal::NotAllowed => refused("没有权限"),
            Refusal::NotFound => refused("县里没有这一项"),
            Refusal::CountyTrouble => refused("县里的服务器出了故障"),
        },
    }
}

/// A fact's kind in words, for lists of what waits.
pub(crate) fn kind_zh(kind: &str) -> &'static str {
    match kind {
        "VisitMade" => "走访记录",
        "VisitNoted" => "走访说明",
        "ContactAdded" => "新电话",
        "ContactStated" => "电话核对",
        "FieldFilled" => "住址等信息",
        "LetterPrinted" => "打印的文书",
        "LetterVoided" => "作废的文书",
        "ReceiptFiled" => "回证照片",
        "ReceiptCompleted" => "回证登记",
        "PaymentReported" => "已报还款",
        "PaymentVoided" => "撤回的还款",
        "HouseholdListed" | "Identified" | "Placed" | "DueListed" => "名单",
        "DueListImported" => "名单导入",
        "BankTold" | "FeedImported" => "银行还款明细",
        "TextListed" => "短信名单",
        "ImportProposed" | "ImportDecided" | "ImportLoaded" => "导入的确认",
        "SamePersonDecided" => "是不是同一个人的认定",
        "RulesLoaded" => "政策表",
        "HistoryLoaded" => "历年情况",
        "SeasonClosed" => "年度结账",
        "ExportApproved" => "导出的批准",
        "Exported" => "导出的记录",
        "VillageAssigned" => "分工",
        "BulletinIssued" => "通报",
        "ProfileSaved" => "单位资料",
        "PlacesLoaded" => "行政区划",
        "RegistryLoaded" => "登记表",
        "DeviceEnrolled" => "一台电脑",
        "RoleGiven" => "一个人的职务",
        "HeldDecided" => "放行的决定",
        "Erased" => "删掉内容的决定",
        _ => "新版本的记录",
    }
}

/// Leaves the acknowledgements of what was pushed. The county may take in, and acknowledge with it, what waited there for
/// just this batch: of a laptop that was copied or put back, that may be a twin's work under the same numbers.
fn only_of(acks: &mut Acks, numbers: &[u64]) {
    acks.acks.retain(|ack| numbers.contains(&ack.batch));
}

/// The county's clock at an enrolment, for the first offset.
pub(crate) fn offset_of(county: i64, before: Millis, after: Millis) -> i64 {
    let middle = before.0.saturating_add(after.0.saturating_sub(before.0) / 2);
    county.saturating_sub(middle)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_contact_did_is_told_in_both_languages_and_an_older_versions_as_it_was() {
        let told = Told::of("送出1条，收到2条".to_owned(), "sent 1, received 2".to_owned());
        assert_eq!(Told::read(told.kept()), told);
        let old = "送出1条，收到2条".to_owned();
        assert_eq!(Told::read(old.clone()), Told::of(old.clone(), old));
    }
}

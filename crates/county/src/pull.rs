//! Handing out pages and the closing sums. A page is made from one state of the ledger, with rights as of its head, in
//! the page order of `domain::exchange`; it is the exchange's `following`, done by the database.
//! It must never hand out a run that the person may not see, nor leave a cursor behind which one could appear.

use std::collections::{BTreeMap, BTreeSet};

use domain::enrol::Refusal;
use domain::exchange::{Cursor, Delivery, EVERY_JOURNAL, Gone, Hello, Mark, Page, Pull, Sum, prune};
use domain::fact::Batch;
use domain::ids::{DeviceId, FactId, FileId, JournalId};
use domain::rights::{Entitled, Position, Rights};
use domain::words::Section;

use crate::county::{County, No};
use crate::ledger::{Device, Entry, LedgerFault, Run, Transaction};

/// Runs fetched at a time. More than a batch can hold, so that no batch is cut by it.
const CHUNK: usize = 2_000;
/// Bytes of batches kept parsed while a page is made.
const KEPT_PARSED: usize = 16 * 1024 * 1024;

impl County {
    /// The next page for a device, which must drop what is `gone` before it takes in the deliveries.
    ///
    /// `gone` stands on every page and names what the person could see at the cursor and has not been able to see ever
    /// since: what was lost, and what was lost and regained, which comes again. So a desk holds nothing but what was open
    /// at its cursor, however its pulls were cut and whatever was given and taken in between.
    ///
    /// A cursor beyond the head, which only a restored county can meet, is as good as one at the head.
    ///
    /// # Errors
    /// `DeviceUnknown`, `OtherLog`.
    pub fn pull(&self, device: DeviceId, pull: &Pull) -> Result<Page, Refusal> {
        let (page, noted) = self.page(device, pull)?;
        if !noted {
            // What is on a laptop, should it ever be lost, is what was open to it by then.
            self.settle(self.ledger.write(|tx| Ok(self.note_contact(tx, device, page.head.position)?)))?;
        }
        Ok(page)
    }

    /// The page, and whether nothing need be remembered of it: who only reads waits for no writer.
    fn page(&self, device: DeviceId, pull: &Pull) -> Result<(Page, bool), Refusal> {
        self.settle(self.ledger.read(|tx| {
            let page = self.page_of(tx, device, pull)?;
            let noted = page.deliveries.is_empty() || self.contact_is_noted(tx, device, page.head.position)?;
            Ok((page, noted))
        }))
    }

    fn page_of(&self, tx: &dyn Transaction, device: DeviceId, pull: &Pull) -> Result<Page, No> {
        let device = self.greeted(tx, device)?;
        if pull.log != self.meta.log {
            return Err(Refusal::OtherLog.into());
        }
        let head = tx.head()?;
        let end = end_of(head);
        let cursor = pull.cursor.min(end);
        let page =
            Page { head: Mark::of(head, &tx.chain_at(head)?), from: pull.cursor, next: cursor, ..Page::default() };
        if cursor == end {
            // Whatever is visible is so since the head at the latest: all of it is before this cursor.
            return Ok(page);
        }
        if !device.confirmed {
            // It sees nothing before the head has let its enrolment through, and then what is older than that too:
            // so it stays where it is. What was erased of its own work it must hear all the same.
            let erased = erased(tx, &Entitled::default(), device.id, cursor)?;
            return Ok(Page { next: pull.cursor, erased, ..page });
        }
        let (now, before) = self.entitled(tx, head, &device, cursor)?;
        let gone = gone(tx, &now, &before, (device.id, pull.journal), cursor)?;
        let erased = erased(tx, &now, device.id, cursor)?;
        let most = match usize::try_from(pull.most) {
            Ok(most @ 1..) => most.min(self.limits.bytes),
            Ok(0) | Err(_) => self.limits.bytes,
        };
        self.fill(tx, Page { gone, erased, ..page }, pull.journal, &now, most)
    }

    /// Whether a pull at the greeting's cursor would bring nothing and name nothing that is gone; `false` too where the
    /// desk knows another history than this one.
    pub(crate) fn quiet(
        &self,
        tx: &dyn Transaction,
        head: Position,
        device: &Device,
        hello: &Hello,
    ) -> Result<bool, No> {
        let (cursor, end) = (hello.cursor, end_of(head));
        if cursor >= end {
            return Ok(cursor == end);
        }
        let (now, before) = self.entitled(tx, head, device, cursor)?;
        Ok(tx.runs_after(&now, hello.journal, cursor, 1)?.is_empty()
            && gone(tx, &now, &before, (device.id, hello.journal), cursor)?.is_empty()
            && erased(tx, &now, device.id, cursor)?.is_empty())
    }

    /// Count and leaves of what the device holds if it has read up to `pull.cursor`, a last page's `next`, and applied
    /// what was gone: all it could see as of `cursor.visible`, its own included. What came later is not in it,
    /// so that two sums differ only if something is wrong.
    ///
    /// # Errors
    /// As [`County::pull`].
    pub fn close(&self, device: DeviceId, pull: &Pull) -> Result<Sum, Refusal> {
        self.settle(self.ledger.read(|tx| {
            let device = self.greeted(tx, device)?;
            if pull.log != self.meta.log {
                return Err(Refusal::OtherLog.into());
            }
            let head = tx.head()?;
            let upto = pull.cursor.visible.min(head);
            let then = self.with_rights(tx, head, |rights| sees(rights, &device, upto))?;
            Ok(tx.sum(&then, upto)?)
        }))
    }

    /// What the person may see now, and what as of the cursor.
    fn entitled(
        &self,
        tx: &dyn Transaction,
        head: Position,
        device: &Device,
        cursor: Cursor,
    ) -> Result<(Entitled, Entitled), No> {
        self.with_rights(tx, head, |rights| (sees(rights, device, head), sees(rights, device, cursor.visible)))
    }

    /// Fills a page with what follows its `next`.
    fn fill(
        &self,
        tx: &dyn Transaction,
        mut page: Page,
        own: JournalId,
        now: &Entitled,
        most: usize,
    ) -> Result<Page, No> {
        let mut batches = Batches::default();
        let mut bytes = 0_usize;
        loop {
            let runs = tx.runs_after(now, own, page.next, CHUNK)?;
            let last = runs.len() < CHUNK;
            let together =
                |a: &(Cursor, Run), b: &(Cursor, Run)| (a.0.visible, a.0.position) == (b.0.visible, b.0.position);
            let mut groups: Vec<&[(Cursor, Run)]> = runs.chunk_by(together).collect();
            if !last && groups.len() > 1 {
                // The rest of this batch is in the next chunk: it travels in one piece.
                groups.pop();
            }
            for group in groups {
                let Some((at, first)) = group.last() else { continue };
                let delivery = batches.deliver(tx, first.position, group)?;
                let full =
                    bytes.saturating_add(delivery.batch.len()) > most || page.deliveries.len() >= self.limits.batches;
                if full && !page.deliveries.is_empty() {
                    page.more = true;
                    return Ok(page);
                }
                bytes = bytes.saturating_add(delivery.batch.len());
                page.deliveries.push(delivery);
                page.next = *at;
            }
            if last {
                // Whatever becomes visible later does so after this head.
                page.next = page.next.max(end_of(page.head.position));
                return Ok(page);
            }
        }
    }
}

/// What the device's person may see on it: nothing before the head has let its enrolment through.
fn sees(rights: &Rights, device: &Device, as_of: Position) -> Entitled {
    if device.confirmed { rights.entitled(&device.person, device.id, as_of) } else { Entitled::default() }
}

/// The cursor of who has read everything up to a position.
fn end_of(position: Position) -> Cursor {
    Cursor { visible: position, position, seq: u64::MAX / 2 }
}

/// What the person could see at the cursor and has not been able to see ever since.
fn gone(
    tx: &dyn Transaction,
    now: &Entitled,
    before: &Entitled,
    (device, own): (DeviceId, JournalId),
    cursor: Cursor,
) -> Result<Vec<Gone>, No> {
    let broken = |since: Option<Position>| since.is_none_or(|since| since > cursor.visible);
    let mut held: BTreeSet<(FileId, Section)> = before.sections.keys().copied().collect();
    // Who saw everything and has not done so ever since is told by what there is.
    if before.all.is_some() && broken(now.all) {
        held.extend(tx.sections()?);
    }
    // What the desk wrote with a right that it had when it last looked and lost before it sent. A page may have ended
    // between what a decision lets through and the decision: then the desk hears of the latter only now.
    let heard = if cursor < end_of(cursor.visible) { cursor.visible.saturating_sub(1) } else { cursor.visible };
    let wrote = tx.written_after(device, heard)?.into_iter();
    // Who reads its own too is sent again whatever it may see.
    held.extend(wrote.filter(|(file, section)| own != EVERY_JOURNAL || now.since(*file, *section).is_none()));
    let gone = held.into_iter().map(|(file, section)| Gone { file, section, regained: now.since(file, section) });
    Ok(gone.filter(|gone| broken(gone.regained)).collect())
}

/// What was erased since the cursor of the device's own work, in sections that it no longer sees. It keeps sealed, until a
/// backup is verified, what it wrote there: not what was erased, of which it hears nothing else.
fn erased(tx: &dyn Transaction, now: &Entitled, device: DeviceId, cursor: Cursor) -> Result<Vec<FactId>, No> {
    let erased = tx.erased_after(device, cursor.visible)?.into_iter();
    Ok(erased.filter(|(file, section, _)| now.since(*file, *section).is_none()).map(|(_, _, id)| id).collect())
}

/// Batches parsed for a page: one that is shown in several parts is parsed once.
#[derive(Default)]
struct Batches {
    parsed: BTreeMap<Position, (Entry, Option<Batch>)>,
    bytes: usize,
}

impl Batches {
    fn deliver(&mut self, tx: &dyn Transaction, position: Position, group: &[(Cursor, Run)]) -> Result<Delivery, No> {
        if !self.parsed.contains_key(&position) {
            let entry = tx.entry(position)?.ok_or(LedgerFault::Damaged("a run without its batch"))?;
            if self.bytes > KEPT_PARSED {
                self.parsed.clear();
                self.bytes = 0;
            }
            self.bytes = self.bytes.saturating_add(entry.bytes.len());
            self.parsed.insert(position, (entry, None));
        }
        let Some((entry, batch)) = self.parsed.get_mut(&position) else {
            return Err(LedgerFault::Damaged("a run without its batch").into());
        };
        let whole = usize::try_from(entry.runs).is_ok_and(|runs| runs == group.len());
        let bytes = if whole {
            entry.bytes.clone()
        } else {
            let open: Vec<(u64, u64)> = group.iter().map(|(_, run)| (run.seq, run.sum.count)).collect();
            let batch = match batch {
                Some(batch) => batch,
                None => batch.insert(Batch::parse(&entry.bytes).map_err(LedgerFault::from)?),
            };
            prune(batch.clone(), &open).bytes()
        };
        let held = group.iter().filter(|(_, run)| run.held).map(|(_, run)| run.seq).collect();
        Ok(Delivery { position, received: entry.received, held, batch: bytes })
    }
}

//! Handing out pages and the closing sums. A page is made from one state of the ledger, with rights as of its head, in
//! the page order of `domain::exchange`; it is the exchange's `following`, done by the database.
//! It must never hand out a run that the person may not see, nor leave a cursor behind which one could appear.

use std::collections::{BTreeMap, BTreeSet};

use domain::enrol::Refusal;
use domain::exchange::{Cursor, Delivery, Gone, Page, Pull, Sum, prune};
use domain::fact::Batch;
use domain::ids::{DeviceId, FileId};
use domain::rights::{Entitled, Position};
use domain::words::Section;

use crate::county::{County, No};
use crate::ledger::{Entry, LedgerFault, Run, Transaction};

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
    /// # Errors
    /// `DeviceUnknown`; `OtherLog` also for a cursor beyond the head, which only a restored county can cause.
    pub fn pull(&self, device: DeviceId, pull: &Pull) -> Result<Page, Refusal> {
        self.settle(self.ledger.read(|tx| {
            let (head, now, before) = self.seen_by(tx, device, pull)?;
            let mut page = self.page(tx, pull, &now, head)?;
            let mut held: BTreeSet<(FileId, Section)> = if before.all.is_some() {
                // Who saw everything is told by what there is.
                tx.sections()?.into_iter().collect()
            } else {
                before.sections.keys().copied().collect()
            };
            // What the desk wrote with a right that it had when it last looked and lost before it sent.
            held.extend(tx.written_after(pull.journal, pull.cursor.visible)?);
            let broken = |since: Option<Position>| since.is_none_or(|since| since > pull.cursor.visible);
            page.gone = held
                .into_iter()
                .map(|(file, section)| Gone { file, section, regained: now.since(file, section) })
                .filter(|gone| broken(gone.regained))
                .collect();
            Ok(page)
        }))
    }

    /// Count and leaves of what the device holds if it has read up to `pull.cursor`, a last page's `next`, and applied
    /// what was gone: all it could see as of `cursor.visible`, its own included. What came later is not in it,
    /// so that two sums differ only if something is wrong.
    ///
    /// # Errors
    /// As [`County::pull`].
    pub fn close(&self, device: DeviceId, pull: &Pull) -> Result<Sum, Refusal> {
        self.settle(self.ledger.read(|tx| {
            let (_, _, then) = self.seen_by(tx, device, pull)?;
            Ok(tx.sum(&then, pull.cursor.visible)?)
        }))
    }

    /// The head, what the person may see now, and what as of the cursor.
    fn seen_by(
        &self,
        tx: &dyn Transaction,
        device: DeviceId,
        pull: &Pull,
    ) -> Result<(Position, Entitled, Entitled), No> {
        let device = self.known(tx, device)?;
        let head = tx.head()?;
        if pull.log != self.meta.log || pull.cursor.visible > head {
            return Err(Refusal::OtherLog.into());
        }
        self.with_rights(tx, head, |rights| {
            let of = |as_of| rights.entitled(&device.person, device.id, as_of);
            (head, of(head), of(pull.cursor.visible))
        })
    }

    fn page(&self, tx: &dyn Transaction, pull: &Pull, now: &Entitled, head: Position) -> Result<Page, No> {
        let mut page = Page { head, next: pull.cursor, ..Page::default() };
        let mut batches = Batches::default();
        let mut bytes = 0_usize;
        // A desk on a thin line wishes for less, so that a page gets through before the line breaks.
        let wished = usize::try_from(pull.most).ok().filter(|most| *most > 0);
        let most = wished.map_or(self.limits.bytes, |most| most.min(self.limits.bytes));
        loop {
            let runs = tx.runs_after(now, pull.journal, page.next, CHUNK)?;
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
                let end = Cursor { visible: head, position: head, seq: u64::MAX / 2 };
                page.next = page.next.max(end);
                return Ok(page);
            }
        }
    }
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
            let open: BTreeSet<u64> = group.iter().map(|(at, _)| at.seq).collect();
            let batch = match batch {
                Some(batch) => batch,
                None => batch.insert(Batch::parse(&entry.bytes).map_err(LedgerFault::from)?),
            };
            prune(batch, &open).bytes()
        };
        Ok(Delivery { position, received: entry.received, batch: bytes })
    }
}

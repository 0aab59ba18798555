//! Both halves of the sync, without sockets: what is said, in bytes, and the rules of who gets which page.
//! Every step may be repeated, cut anywhere, delivered twice or months late. Nothing here waits or retries.
//!
//! `visible(fact, device) = max(its position, position of the right that shows it)`; pages go in the order
//! (visible, position, seq of the run), which is the cursor. Back-fill after a new right is the same order.

use crate::clock::{Millis, Received};
use crate::fact::Batch;
use crate::ids::{FileId, JournalId, LogId, Sha};
use crate::rights::{Entitled, Position};
use crate::wire::{Reader, WireFault, Writer};
use crate::words::{DocKind, Section};

/// Most bytes of batches in one push or page, before compression. A single larger batch travels alone.
pub const PAGE_BYTES: usize = 512 * 1024;
/// Most batches in one push or page.
pub const PAGE_BATCHES: usize = 2_000;
/// Most bytes of one batch.
pub const MOST_BATCH: usize = 40 * 1024 * 1024;

/// How far a desk has read what it may see: the page order, in 24 bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Cursor {
    /// Since when the last run was visible.
    pub visible: Position,
    /// Its position.
    pub position: Position,
    /// Seq of its first fact.
    pub seq: u64,
}

impl Cursor {
    fn put(self, w: &mut Writer) {
        w.u64(self.visible).u64(self.position).u64(self.seq);
    }

    fn get(r: &mut Reader<'_>) -> Result<Self, WireFault> {
        Ok(Self { visible: r.u64()?, position: r.u64()?, seq: r.u64()? })
    }

    /// The cursor's bytes.
    pub fn bytes(self) -> Vec<u8> {
        let mut w = Writer::new();
        self.put(&mut w);
        w.done()
    }

    /// The cursor of these bytes.
    ///
    /// # Errors
    /// Any [`WireFault`].
    pub fn parse(bytes: &[u8]) -> Result<Self, WireFault> {
        let mut r = Reader::new(bytes);
        let cursor = Self::get(&mut r)?;
        r.end()?;
        Ok(cursor)
    }
}

/// What can be said over the exchange. Each message is a tagged byte string.
pub trait Message: Sized {
    /// The tag before the message's bytes.
    const TAG: u8;
    /// Appends the message's fields.
    fn put(&self, w: &mut Writer);
    /// Reads the message's fields.
    ///
    /// # Errors
    /// Any [`WireFault`].
    fn get(r: &mut Reader<'_>) -> Result<Self, WireFault>;

    /// The message's bytes.
    fn bytes(&self) -> Vec<u8> {
        let mut w = Writer::new();
        w.u8(Self::TAG);
        self.put(&mut w);
        w.done()
    }

    /// The message of these bytes.
    ///
    /// # Errors
    /// Any [`WireFault`]; a message of another kind is out of range.
    fn parse(bytes: &[u8]) -> Result<Self, WireFault> {
        let mut r = Reader::new(bytes);
        if r.u8()? != Self::TAG {
            return Err(WireFault::Range("message"));
        }
        let message = Self::get(&mut r)?;
        r.end()?;
        Ok(message)
    }
}

/// A desk's greeting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hello {
    /// The log this desk knows.
    pub log: LogId,
    /// Its present journal.
    pub journal: JournalId,
    /// Its clock.
    pub wall: Millis,
    /// Wanted: fresh blocks of numbers, kind and year and how many.
    pub wants: Vec<(DocKind, i32, u32)>,
}

/// The county's answer to a greeting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Welcome {
    /// The log.
    pub log: LogId,
    /// Its last position.
    pub head: Position,
    /// The last position that is in a verified backup.
    pub safe: Position,
    /// County clock.
    pub now: Millis,
    /// Batches held of the desk's journal.
    pub batches: u64,
    /// Hash of the last of them, zero if none.
    pub last_seal: Sha,
}

/// Sealed batches for the county.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Push {
    /// The desk's clock now.
    pub wall: Millis,
    /// Batches in order.
    pub batches: Vec<Vec<u8>>,
}

/// What became of one pushed batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ack {
    /// Number of the batch in its journal.
    pub batch: u64,
    /// Its place in the log.
    pub position: Position,
    /// What the log says of its time.
    pub received: Received,
    /// Facts (by seq) that are kept but not let through, for want of a right.
    pub held: Vec<u64>,
}

/// The county's answer to a push.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Acks {
    /// One for each batch that is now on the county's disk.
    pub acks: Vec<Ack>,
    /// Batches that wait durably for a predecessor, by number.
    pub waiting: Vec<u64>,
}

/// Ask for the next page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pull {
    /// The log this desk knows.
    pub log: LogId,
    /// The desk's own journal, which is not sent back.
    pub journal: JournalId,
    /// How far it has read.
    pub cursor: Cursor,
    /// Most bytes of batches wished for, before compression; 0 leaves it to the county. One batch is always sent.
    pub most: u32,
}

/// A batch on its way to a desk, pruned to what the desk may see.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// Place in the log.
    pub position: Position,
    /// What the log says of its time.
    pub received: Received,
    /// The batch.
    pub batch: Vec<u8>,
}

/// A section that a desk may no longer see as it did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Gone {
    /// The file.
    pub file: FileId,
    /// The section.
    pub section: Section,
    /// Regained since this position: only what came before it is erased, and comes again. Else all of it.
    pub regained: Option<Position>,
}

/// A page.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Page {
    /// Batches in page order.
    pub deliveries: Vec<Delivery>,
    /// What to erase before the deliveries are taken in.
    pub gone: Vec<Gone>,
    /// Where to go on.
    pub next: Cursor,
    /// Whether there is more.
    pub more: bool,
    /// The log's last position when the page was made.
    pub head: Position,
}

/// Both sides count what the desk may see, other than its own journal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Sum {
    /// Facts.
    pub count: u64,
    /// Wrapping sum of the first eight bytes of their leaves.
    pub leaves: u64,
}

impl Sum {
    /// Adds one leaf.
    pub fn add(&mut self, leaf: &Sha) {
        let mut head = [0; 8];
        for (slot, byte) in head.iter_mut().zip(leaf.0) {
            *slot = byte;
        }
        self.count = self.count.saturating_add(1);
        self.leaves = self.leaves.wrapping_add(u64::from_be_bytes(head));
    }
}

fn put_section(w: &mut Writer, section: Section) {
    let at = Section::ALL.iter().position(|known| *known == section).and_then(|n| u8::try_from(n).ok());
    w.u8(at.unwrap_or(u8::MAX));
}

fn get_section(r: &mut Reader<'_>) -> Result<Section, WireFault> {
    Section::ALL.get(usize::from(r.u8()?)).copied().ok_or(WireFault::Range("section"))
}

fn put_count(w: &mut Writer, n: usize) {
    w.u32(u32::try_from(n).unwrap_or(u32::MAX));
}

fn get_count(r: &mut Reader<'_>) -> Result<usize, WireFault> {
    // No item is shorter than a byte: a count beyond the bytes left is a lie and allocates nothing.
    let n = usize::try_from(r.u32()?).unwrap_or(usize::MAX);
    if n > r.left() { Err(WireFault::Range("count")) } else { Ok(n) }
}

fn put_received(w: &mut Writer, received: Received) {
    w.i64(received.at.0).i64(received.offset).i64(received.seen.0);
}

fn get_received(r: &mut Reader<'_>) -> Result<Received, WireFault> {
    Ok(Received { at: Millis(r.i64()?), offset: r.i64()?, seen: Millis(r.i64()?) })
}

impl Message for Hello {
    const TAG: u8 = 1;
    fn put(&self, w: &mut Writer) {
        w.raw(&self.log.0).raw(&self.journal.0).i64(self.wall.0);
        put_count(w, self.wants.len());
        for (kind, year, blocks) in &self.wants {
            w.bytes(kind.code().as_bytes()).i64(i64::from(*year)).u32(*blocks);
        }
    }
    fn get(r: &mut Reader<'_>) -> Result<Self, WireFault> {
        let (log, journal, wall) = (LogId(r.array()?), JournalId(r.array()?), Millis(r.i64()?));
        let mut wants = Vec::new();
        for _ in 0..get_count(r)? {
            let kind = DocKind::of_code(r.text(64)?).ok_or(WireFault::Range("document kind"))?;
            let year = i32::try_from(r.i64()?).unwrap_or_default();
            wants.push((kind, year, r.u32()?));
        }
        Ok(Self { log, journal, wall, wants })
    }
}

impl Message for Welcome {
    const TAG: u8 = 2;
    fn put(&self, w: &mut Writer) {
        w.raw(&self.log.0).u64(self.head).u64(self.safe).i64(self.now.0).u64(self.batches).raw(&self.last_seal.0);
    }
    fn get(r: &mut Reader<'_>) -> Result<Self, WireFault> {
        Ok(Self {
            log: LogId(r.array()?),
            head: r.u64()?,
            safe: r.u64()?,
            now: Millis(r.i64()?),
            batches: r.u64()?,
            last_seal: Sha(r.array()?),
        })
    }
}

impl Message for Push {
    const TAG: u8 = 3;
    fn put(&self, w: &mut Writer) {
        w.i64(self.wall.0);
        put_count(w, self.batches.len());
        for batch in &self.batches {
            w.bytes(batch);
        }
    }
    fn get(r: &mut Reader<'_>) -> Result<Self, WireFault> {
        let wall = Millis(r.i64()?);
        let mut batches = Vec::new();
        for _ in 0..get_count(r)? {
            batches.push(r.bytes(MOST_BATCH)?.to_vec());
        }
        Ok(Self { wall, batches })
    }
}

impl Message for Acks {
    const TAG: u8 = 4;
    fn put(&self, w: &mut Writer) {
        put_count(w, self.acks.len());
        for ack in &self.acks {
            w.u64(ack.batch).u64(ack.position);
            put_received(w, ack.received);
            put_count(w, ack.held.len());
            for seq in &ack.held {
                w.u64(*seq);
            }
        }
        put_count(w, self.waiting.len());
        for batch in &self.waiting {
            w.u64(*batch);
        }
    }
    fn get(r: &mut Reader<'_>) -> Result<Self, WireFault> {
        let mut acks = Vec::new();
        for _ in 0..get_count(r)? {
            let (batch, position, received) = (r.u64()?, r.u64()?, get_received(r)?);
            let mut held = Vec::new();
            for _ in 0..get_count(r)? {
                held.push(r.u64()?);
            }
            acks.push(Ack { batch, position, received, held });
        }
        let mut waiting = Vec::new();
        for _ in 0..get_count(r)? {
            waiting.push(r.u64()?);
        }
        Ok(Self { acks, waiting })
    }
}

impl Message for Pull {
    const TAG: u8 = 5;
    fn put(&self, w: &mut Writer) {
        w.raw(&self.log.0).raw(&self.journal.0);
        self.cursor.put(w);
        w.u32(self.most);
    }
    fn get(r: &mut Reader<'_>) -> Result<Self, WireFault> {
        let (log, journal, cursor) = (LogId(r.array()?), JournalId(r.array()?), Cursor::get(r)?);
        Ok(Self { log, journal, cursor, most: r.u32()? })
    }
}

impl Message for Page {
    const TAG: u8 = 6;
    fn put(&self, w: &mut Writer) {
        put_count(w, self.deliveries.len());
        for delivery in &self.deliveries {
            w.u64(delivery.position);
            put_received(w, delivery.received);
            w.bytes(&delivery.batch);
        }
        put_count(w, self.gone.len());
        for gone in &self.gone {
            w.raw(&gone.file.0);
            put_section(w, gone.section);
            // Position 0 is before every entry of a log.
            w.u64(gone.regained.unwrap_or(0));
        }
        self.next.put(w);
        w.u8(u8::from(self.more)).u64(self.head);
    }
    fn get(r: &mut Reader<'_>) -> Result<Self, WireFault> {
        let mut deliveries = Vec::new();
        for _ in 0..get_count(r)? {
            let (position, received) = (r.u64()?, get_received(r)?);
            deliveries.push(Delivery { position, received, batch: r.bytes(MOST_BATCH)?.to_vec() });
        }
        let mut gone = Vec::new();
        for _ in 0..get_count(r)? {
            let (file, section, regained) = (FileId(r.array()?), get_section(r)?, r.u64()?);
            gone.push(Gone { file, section, regained: (regained > 0).then_some(regained) });
        }
        let next = Cursor::get(r)?;
        let more = r.u8()? != 0;
        Ok(Self { deliveries, gone, next, more, head: r.u64()? })
    }
}

impl Message for Sum {
    const TAG: u8 = 7;
    fn put(&self, w: &mut Writer) {
        w.u64(self.count).u64(self.leaves);
    }
    fn get(r: &mut Reader<'_>) -> Result<Self, WireFault> {
        Ok(Self { count: r.u64()?, leaves: r.u64()? })
    }
}

/// One run in the county log, as the page order sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// Position of its batch.
    pub position: Position,
    /// Seq of its first fact.
    pub seq: u64,
    /// File.
    pub file: FileId,
    /// Section.
    pub section: Section,
}

/// Where a run stands in the pages of somebody entitled so, if they may see it.
pub fn visible(run: &Place, entitled: &Entitled) -> Option<Cursor> {
    let since = entitled.since(run.file, run.section)?;
    Some(Cursor { visible: since.max(run.position), position: run.position, seq: run.seq })
}

/// The runs that follow `cursor`, in page order.
pub fn following(runs: impl IntoIterator<Item = Place>, entitled: &Entitled, cursor: Cursor) -> Vec<(Cursor, Place)> {
    let mut out: Vec<(Cursor, Place)> = runs
        .into_iter()
        .filter_map(|run| visible(&run, entitled).map(|at| (at, run)))
        .filter(|(at, _)| *at > cursor)
        .collect();
    out.sort_by_key(|(at, _)| *at);
    out
}

/// The batch with only the runs whose first seq is in `open`.
pub fn prune(batch: &Batch, open: &std::collections::BTreeSet<u64>) -> Batch {
    batch.only(|run| {
        run.facts
            .first()
            .and_then(|bytes| crate::fact::Fact::parse(bytes).ok())
            .is_some_and(|fact| open.contains(&fact.id.seq))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    #[test]
    fn messages_are_their_bytes_and_never_less() {
        let page = Page {
            deliveries: vec![Delivery {
                position: 9,
                received: Received { at: Millis(5), offset: -3, seen: Millis(1) },
                batch: vec![1, 2, 3],
            }],
            gone: vec![Gone { file: FileId([4; 8]), section: Section::Edu, regained: Some(3) }],
            next: Cursor { visible: 1, position: 2, seq: 3 },
            more: true,
            head: 77,
        };
        let bytes = page.bytes();
        assert_eq!(Page::parse(&bytes), Ok(page));
        for cut in 0..bytes.len() {
            assert!(Page::parse(&bytes[..cut]).is_err());
        }
        let hello = Hello {
            log: LogId([1; 8]),
            journal: JournalId([2; 8]),
            wall: Millis(-1),
            wants: vec![(DocKind::RepaymentNotice, 2026, 2)],
        };
        assert_eq!(Hello::parse(&hello.bytes()), Ok(hello));
        assert!(Pull::parse(&bytes).is_err());
    }

    #[test]
    fn a_new_right_shows_old_runs_after_the_cursor() {
        let (a, b) = (FileId([1; 8]), FileId([2; 8]));
        let run = |position, seq, file| Place { position, seq, file, section: Section::Core };
        let runs = [run(3, 1, a), run(4, 1, b), run(6, 9, a), run(8, 2, b)];
        let sees = |since_a: u64, since_b: Option<u64>| {
            let mut sections = BTreeMap::from([((a, Section::Core), since_a)]);
            if let Some(since) = since_b {
                sections.insert((b, Section::Core), since);
            }
            Entitled { all: None, sections }
        };
        let first = following(runs, &sees(0, None), Cursor::default());
        assert_eq!(first.iter().map(|(_, run)| run.position).collect::<Vec<_>>(), [3, 6]);
        let cursor = first.last().expect("two").0;
        // At position 7 the right to `b` comes: its old run at 4 follows although 4 < 6.
        let then = following(runs, &sees(0, Some(7)), cursor);
        assert_eq!(then.iter().map(|(_, run)| run.position).collect::<Vec<_>>(), [4, 8]);
    }
}

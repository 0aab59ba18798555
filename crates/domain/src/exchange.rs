//! Both halves of the sync, without sockets: what is said, in bytes, and the rules of who gets which page.
//! Every step may be repeated, cut anywhere, delivered twice or months late. Nothing here waits or retries.
//!
//! `visible(fact, device) = max(its position, position of the right that shows it, that of the decision that let it
//! through)`; pages go in the order
//! (visible, position, seq of the run), which is the cursor. Back-fill after a new right is the same order.

use crate::clock::{Millis, Received};
use crate::fact::{Batch, get_fact_id, put_fact_id, section_code, section_of};
use crate::ids::{FactId, FileId, JournalId, LogId, Sha};
use crate::rights::{Entitled, Position};
use crate::wire::{Reader, WireFault, Writer};
use crate::words::{DocKind, Section};

/// Most bytes of batches in one push or page, before compression. A single larger batch travels alone.
pub const PAGE_BYTES: usize = 512 * 1024;
/// Most batches in one push or page.
pub const PAGE_BATCHES: usize = 2_000;
/// Most bytes of one batch.
pub const MOST_BATCH: usize = 40 * 1024 * 1024;

/// What the county log was at a position: the first bytes of its running hash. Two logs that agree here agree on all
/// that came before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Mark {
    /// The position.
    pub position: Position,
    /// The running hash there.
    pub chain: [u8; 8],
}

impl Mark {
    /// The running hash after an entry: of the one before, the seal, and what the log says of its time.
    #[must_use]
    pub fn then(chain: &Sha, seal: &Sha, received: &Received) -> Sha {
        let mut w = Writer::new();
        w.raw(&chain.0).raw(&seal.0).i64(received.at.0).i64(received.offset).i64(received.seen.0);
        Sha::of(&w.done())
    }

    /// The mark of a log that nobody has any more, of which only its length is known.
    pub fn of_lost(position: Position) -> Self {
        Self { position, chain: [0; 8] }
    }

    /// Whether this tells of a lost log's length alone: no log agrees with it.
    pub fn is_of_lost(&self) -> bool {
        self.chain == [0; 8]
    }

    /// The mark of a running hash.
    pub fn of(position: Position, chain: &Sha) -> Self {
        let mut head = [0; 8];
        for (slot, byte) in head.iter_mut().zip(chain.0) {
            *slot = byte;
        }
        Self { position, chain: head }
    }

    fn put(self, w: &mut Writer) {
        w.varint(self.position).raw(&self.chain);
    }

    fn get(r: &mut Reader<'_>) -> Result<Self, WireFault> {
        Ok(Self { position: r.varint()?, chain: r.array()? })
    }
}

/// How far a desk has read what it may see: the page order.
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
        w.varint(self.visible).varint(self.position).varint(self.seq);
    }

    fn get(r: &mut Reader<'_>) -> Result<Self, WireFault> {
        Ok(Self { visible: r.varint()?, position: r.varint()?, seq: r.varint()? })
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

    /// The message's bytes, and the texts in it beside them.
    fn both(&self) -> (Vec<u8>, Vec<u8>) {
        let mut w = Writer::new();
        w.u8(Self::TAG);
        self.put(&mut w);
        w.both()
    }

    /// The message of what [`Message::both`] gave.
    ///
    /// # Errors
    /// Any [`WireFault`]; a message of another kind is out of range.
    fn of(main: &[u8], side: &[u8]) -> Result<Self, WireFault> {
        let mut r = Reader::of(main, side);
        if r.u8()? != Self::TAG {
            return Err(WireFault::Range("message"));
        }
        let message = Self::get(&mut r)?;
        r.end()?;
        Ok(message)
    }

    /// The message's bytes in one piece.
    fn bytes(&self) -> Vec<u8> {
        let (main, side) = self.both();
        let mut w = Writer::new();
        w.bytes(&main).raw(&side);
        w.done()
    }

    /// The message of these bytes.
    ///
    /// # Errors
    /// Any [`WireFault`]; a message of another kind is out of range.
    fn parse(bytes: &[u8]) -> Result<Self, WireFault> {
        let mut r = Reader::new(bytes);
        let main = r.bytes(usize::MAX)?;
        Self::of(main, r.raw(r.left())?)
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
    /// How far it has read.
    pub cursor: Cursor,
    /// What it knows of the log, newest first: one mark at most greetings, all it has when the county does not agree.
    pub marks: Vec<Mark>,
    /// Wanted: fresh blocks of numbers, kind and year and how many.
    pub wants: Vec<(DocKind, i32, u32)>,
}

/// The county's answer to a greeting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Welcome {
    /// The log.
    pub log: LogId,
    /// Its last position, and the log there.
    pub head: Mark,
    /// The highest of the greeting's marks that this log shares; 0 if it shares none. Below the desk's highest, the
    /// county was restored: what the desk has from above it is offered again.
    pub agreed: Position,
    /// The last position that is in a verified backup.
    pub safe: Position,
    /// County clock.
    pub now: Millis,
    /// Batches held of the desk's journal.
    pub batches: u64,
    /// Hash of the last of them, zero if none.
    pub last_seal: Sha,
    /// Another desk has written under this journal: it takes no more, and the desk opens a new one.
    pub closed: bool,
    /// Nothing has come or gone for this desk since its cursor.
    pub quiet: bool,
}

/// Sealed batches for the county.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Push {
    /// The desk's clock now.
    pub wall: Millis,
    /// The county's clock minus the desk's, as the desk measured it when it last met the county, milliseconds. A push may
    /// be carried for a month: what it took must not be taken for a clock that is wrong.
    pub offset: Option<i64>,
    /// Own batches in order.
    pub batches: Vec<Vec<u8>>,
    /// Other journals' batches, as far as the desk holds them: offered to a restored county.
    pub fragments: Vec<Vec<u8>>,
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
    /// The log as of these places. Who was told a place and not this could not tell a county that was restored since, and
    /// has the batch elsewhere, from one that has it there. Position 0 where an older county did not say it.
    pub head: Mark,
}

/// Nobody's journal: named in a [`Pull`], own facts come too.
pub const EVERY_JOURNAL: JournalId = JournalId([0; 8]);

/// Ask for the next page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pull {
    /// The log this desk knows.
    pub log: LogId,
    /// The desk's own journal, which is not sent back; [`EVERY_JOURNAL`] leaves none out.
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
    /// Facts (by seq) that are kept but not let through; sent only to who may decide on them.
    pub held: Vec<u64>,
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
    /// Work of this desk that was erased in sections it no longer sees. What it still keeps of those, out of sight, for a
    /// county that may be restored, it keeps, but for these.
    pub erased: Vec<FactId>,
    /// The cursor that it was asked for: a desk that stands elsewhere must not take it in.
    pub from: Cursor,
    /// Where to go on.
    pub next: Cursor,
    /// Whether there is more.
    pub more: bool,
    /// The log's last position when the page was made.
    pub head: Mark,
}

/// Both sides count what is let through in the sections that the desk may see, its own work included, as of its cursor.
/// Facts that are held are not counted, whoever has a copy; erased ones no longer, from their erasure on.
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

fn put_received(w: &mut Writer, received: Received) {
    w.span(received.at.0).near(received.offset).span(received.seen.0.saturating_sub(received.at.0));
}

fn get_received(r: &mut Reader<'_>) -> Result<Received, WireFault> {
    let at = Millis(r.span()?);
    Ok(Received { at, offset: r.near()?, seen: at.plus(r.span()?) })
}

fn put_seqs(w: &mut Writer, seqs: &[u64]) {
    w.count(seqs.len());
    for seq in seqs {
        w.varint(*seq);
    }
}

fn get_seqs(r: &mut Reader<'_>) -> Result<Vec<u64>, WireFault> {
    let mut out = Vec::new();
    for _ in 0..r.count()? {
        out.push(r.varint()?);
    }
    Ok(out)
}

fn put_batches(w: &mut Writer, batches: &[Vec<u8>]) {
    w.count(batches.len());
    for batch in batches {
        put_batch(w, batch);
    }
}

/// A batch with its texts beside it. What is no batch travels too: whoever reads it refuses it.
fn put_batch(w: &mut Writer, batch: &[u8]) {
    let mut r = Reader::new(batch);
    let texts = if r.bytes(MOST_BATCH).is_ok() { r.left() } else { 0 };
    let (main, side) = batch.split_at(batch.len().saturating_sub(texts));
    w.bytes(main).count(side.len()).side(side);
}

fn get_batch(r: &mut Reader<'_>) -> Result<Vec<u8>, WireFault> {
    let mut batch = r.bytes(MOST_BATCH)?.to_vec();
    let texts = usize::try_from(r.varint()?).unwrap_or(usize::MAX);
    if texts > MOST_BATCH.saturating_sub(batch.len()) {
        return Err(WireFault::Range("length"));
    }
    batch.extend_from_slice(r.side(texts)?);
    Ok(batch)
}

fn get_batches(r: &mut Reader<'_>) -> Result<Vec<Vec<u8>>, WireFault> {
    let mut out = Vec::new();
    for _ in 0..r.count()? {
        out.push(get_batch(r)?);
    }
    Ok(out)
}

fn get_flag(r: &mut Reader<'_>) -> Result<bool, WireFault> {
    match r.u8()? {
        0 => Ok(false),
        1 => Ok(true),
        _ => Err(WireFault::Range("flag")),
    }
}

impl Message for Hello {
    const TAG: u8 = 1;
    fn put(&self, w: &mut Writer) {
        w.raw(&self.log.0).raw(&self.journal.0).span(self.wall.0);
        self.cursor.put(w);
        w.count(self.marks.len());
        for mark in &self.marks {
            mark.put(w);
        }
        w.count(self.wants.len());
        for (kind, year, blocks) in &self.wants {
            w.bytes(kind.code().as_bytes()).near(i64::from(*year)).varint(u64::from(*blocks));
        }
    }
    fn get(r: &mut Reader<'_>) -> Result<Self, WireFault> {
        let (log, journal, wall) = (LogId(r.array()?), JournalId(r.array()?), Millis(r.span()?));
        let cursor = Cursor::get(r)?;
        let mut marks = Vec::new();
        for _ in 0..r.count()? {
            marks.push(Mark::get(r)?);
        }
        let mut wants = Vec::new();
        for _ in 0..r.count()? {
            let kind = DocKind::of_code(r.text(64)?).ok_or(WireFault::Range("document kind"))?;
            let year = i32::try_from(r.near()?).or(Err(WireFault::Range("year")))?;
            wants.push((kind, year, r.small()?));
        }
        Ok(Self { log, journal, wall, cursor, marks, wants })
    }
}

impl Message for Welcome {
    const TAG: u8 = 2;
    fn put(&self, w: &mut Writer) {
        w.raw(&self.log.0);
        self.head.put(w);
        w.varint(self.agreed).varint(self.safe).span(self.now.0).varint(self.batches).raw(&self.last_seal.0);
        w.u8(u8::from(self.closed)).u8(u8::from(self.quiet));
    }
    fn get(r: &mut Reader<'_>) -> Result<Self, WireFault> {
        Ok(Self {
            log: LogId(r.array()?),
            head: Mark::get(r)?,
            agreed: r.varint()?,
            safe: r.varint()?,
            now: Millis(r.span()?),
            batches: r.varint()?,
            last_seal: Sha(r.array()?),
            closed: get_flag(r)?,
            quiet: get_flag(r)?,
        })
    }
}

impl Message for Push {
    const TAG: u8 = 3;
    fn put(&self, w: &mut Writer) {
        w.span(self.wall.0).u8(u8::from(self.offset.is_some()));
        if let Some(offset) = self.offset {
            w.near(offset);
        }
        put_batches(w, &self.batches);
        put_batches(w, &self.fragments);
    }
    fn get(r: &mut Reader<'_>) -> Result<Self, WireFault> {
        let wall = Millis(r.span()?);
        let offset = if get_flag(r)? { Some(r.near()?) } else { None };
        Ok(Self { wall, offset, batches: get_batches(r)?, fragments: get_batches(r)? })
    }
}

impl Message for Acks {
    const TAG: u8 = 4;
    fn put(&self, w: &mut Writer) {
        w.count(self.acks.len());
        for ack in &self.acks {
            w.varint(ack.batch).varint(ack.position);
            put_received(w, ack.received);
            put_seqs(w, &ack.held);
        }
        put_seqs(w, &self.waiting);
        self.head.put(w);
    }
    fn get(r: &mut Reader<'_>) -> Result<Self, WireFault> {
        let mut acks = Vec::new();
        for _ in 0..r.count()? {
            let (batch, position, received) = (r.varint()?, r.varint()?, get_received(r)?);
            acks.push(Ack { batch, position, received, held: get_seqs(r)? });
        }
        let waiting = get_seqs(r)?;
        let head = if r.left() == 0 { Mark::default() } else { Mark::get(r)? };
        Ok(Self { acks, waiting, head })
    }
}

impl Message for Pull {
    const TAG: u8 = 5;
    fn put(&self, w: &mut Writer) {
        w.raw(&self.log.0).raw(&self.journal.0);
        self.cursor.put(w);
        w.varint(u64::from(self.most));
    }
    fn get(r: &mut Reader<'_>) -> Result<Self, WireFault> {
        Ok(Self { log: LogId(r.array()?), journal: JournalId(r.array()?), cursor: Cursor::get(r)?, most: r.small()? })
    }
}

/// What the last byte but the head says of a page.
mod flags {
    /// There is more.
    pub(super) const MORE: u8 = 1;
    /// Names of what was erased follow.
    pub(super) const ERASED: u8 = 2;
}

impl Message for Page {
    const TAG: u8 = 6;
    fn put(&self, w: &mut Writer) {
        w.count(self.deliveries.len());
        for delivery in &self.deliveries {
            w.varint(delivery.position);
            put_received(w, delivery.received);
            put_seqs(w, &delivery.held);
            put_batch(w, &delivery.batch);
        }
        w.count(self.gone.len());
        for gone in &self.gone {
            w.raw(&gone.file.0).u8(section_code(gone.section));
            // Position 0 is before every entry of a log.
            w.varint(gone.regained.unwrap_or(0));
        }
        self.from.put(w);
        self.next.put(w);
        let flag = |set: bool, bit: u8| if set { bit } else { 0 };
        w.u8(flag(self.more, flags::MORE) | flag(!self.erased.is_empty(), flags::ERASED));
        if !self.erased.is_empty() {
            w.count(self.erased.len());
            for id in &self.erased {
                put_fact_id(w, *id);
            }
        }
        self.head.put(w);
    }
    fn get(r: &mut Reader<'_>) -> Result<Self, WireFault> {
        let mut deliveries = Vec::new();
        for _ in 0..r.count()? {
            let (position, received, held) = (r.varint()?, get_received(r)?, get_seqs(r)?);
            deliveries.push(Delivery { position, received, held, batch: get_batch(r)? });
        }
        let mut gone = Vec::new();
        for _ in 0..r.count()? {
            let (file, section, regained) = (FileId(r.array()?), section_of(r.u8()?)?, r.varint()?);
            gone.push(Gone { file, section, regained: (regained > 0).then_some(regained) });
        }
        let (from, next) = (Cursor::get(r)?, Cursor::get(r)?);
        let flags = r.u8()?;
        if flags & !(flags::MORE | flags::ERASED) != 0 {
            return Err(WireFault::Range("flag"));
        }
        let mut erased = Vec::new();
        if flags & flags::ERASED != 0 {
            for _ in 0..r.count()? {
                erased.push(get_fact_id(r)?);
            }
            if erased.is_empty() {
                return Err(WireFault::Range("count"));
            }
        }
        let more = flags & flags::MORE != 0;
        Ok(Self { deliveries, gone, erased, from, next, more, head: Mark::get(r)? })
    }
}

impl Message for Sum {
    const TAG: u8 = 7;
    fn put(&self, w: &mut Writer) {
        w.varint(self.count).u64(self.leaves);
    }
    fn get(r: &mut Reader<'_>) -> Result<Self, WireFault> {
        Ok(Self { count: r.varint()?, leaves: r.u64()? })
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
    /// Since when it is let through: its own position, or that of a decision; while it is held, since when who is shown what
    /// is held can check its seal.
    pub shown: Position,
    /// Whether it is held.
    pub held: bool,
}

/// Where a run stands in the pages of somebody entitled so, if they may see it.
pub fn visible(run: &Place, entitled: &Entitled) -> Option<Cursor> {
    let since = entitled.since(run.file, run.section)?;
    if run.held && !entitled.held {
        return None;
    }
    let shown = run.shown.max(run.position);
    Some(Cursor { visible: since.max(shown), position: run.position, seq: run.seq })
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

/// The batch with only the facts whose seq is in one of the `open` ranges (first seq, count).
pub fn prune(batch: Batch, open: &[(u64, u64)]) -> Batch {
    batch.only(|seq, _| open.iter().any(|(first, count)| (*first..first.saturating_add(*count)).contains(&seq)))
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
                held: vec![7],
                batch: vec![1, 2, 3],
            }],
            gone: vec![Gone { file: FileId([4; 8]), section: Section::Edu, regained: Some(3) }],
            erased: vec![FactId { journal: JournalId([5; 8]), seq: 300 }],
            from: Cursor { visible: 1, position: 1, seq: 9 },
            next: Cursor { visible: 1, position: 2, seq: 3 },
            more: true,
            head: Mark { position: 77, chain: [7; 8] },
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
            cursor: Cursor::default(),
            marks: vec![Mark::default()],
            wants: vec![(DocKind::RepaymentNotice, 2026, 2)],
        };
        assert_eq!(Hello::parse(&hello.bytes()), Ok(hello));
        for offset in [None, Some(0), Some(-315_360_000_000)] {
            let push = Push { wall: Millis(5), offset, batches: vec![vec![1]], fragments: vec![vec![2, 3]] };
            assert_eq!(Push::parse(&push.bytes()), Ok(push));
        }
        let received = Received { at: Millis(9_000), offset: -3, seen: Millis(4_000) };
        let ack = Ack { batch: 4, position: 70, received, held: vec![6] };
        let acks = Acks { acks: vec![ack], waiting: vec![8], head: Mark { position: 77, chain: [7; 8] } };
        assert_eq!(Acks::parse(&acks.bytes()), Ok(acks.clone()));
        // As a county said it that told no mark with it.
        let (main, side) = acks.both();
        let older = Acks::of(&main[..main.len() - 9], &side);
        assert_eq!(older, Ok(Acks { head: Mark::default(), ..acks }));
        assert!(Pull::parse(&bytes).is_err());
    }

    #[test]
    fn a_new_right_shows_old_runs_after_the_cursor() {
        let (a, b) = (FileId([1; 8]), FileId([2; 8]));
        let run =
            |position, seq, file| Place { position, seq, file, section: Section::Core, shown: position, held: false };
        let runs = [run(3, 1, a), run(4, 1, b), run(6, 9, a), run(8, 2, b)];
        let sees = |since_a: u64, since_b: Option<u64>| {
            let mut sections = BTreeMap::from([((a, Section::Core), since_a)]);
            if let Some(since) = since_b {
                sections.insert((b, Section::Core), since);
            }
            Entitled { sections, ..Entitled::default() }
        };
        let first = following(runs, &sees(0, None), Cursor::default());
        assert_eq!(first.iter().map(|(_, run)| run.position).collect::<Vec<_>>(), [3, 6]);
        let cursor = first.last().expect("two").0;
        // At position 7 the right to `b` comes: its old run at 4 follows although 4 < 6.
        let then = following(runs, &sees(0, Some(7)), cursor);
        assert_eq!(then.iter().map(|(_, run)| run.position).collect::<Vec<_>>(), [4, 8]);
    }

    #[test]
    fn what_is_held_is_seen_by_who_decides_and_by_all_once_it_is_let_through() {
        let file = FileId([1; 8]);
        let run = |shown, held| Place { position: 3, seq: 1, file, section: Section::Core, shown, held };
        let sees = |held| Entitled { sections: BTreeMap::from([((file, Section::Core), 2)]), held, all: None };
        assert_eq!(visible(&run(3, true), &sees(false)), None);
        assert_eq!(visible(&run(3, true), &sees(true)).map(|at| at.visible), Some(3));
        assert_eq!(visible(&run(7, true), &sees(true)).map(|at| at.visible), Some(7), "once its device was let in");
        assert_eq!(visible(&run(9, false), &sees(false)).map(|at| (at.visible, at.position)), Some((9, 3)));
    }
}

//! One fact, its batch and its seal. A fact is written once and never edited; a seal binds a batch of a journal's facts
//! so that any of them can be withheld or erased and the rest still verifies.
//! Bytes are hashed as received, never re-encoded. Nothing here decides who may write or what a fact means.
//!
//! A batch is a binary tree over its facts in seq order, split like RFC 6962. The salts of the leaves grow from one
//! seed down the same tree, so an open subtree costs one seed of 16 bytes and a closed one its hash of 32: salts
//! of single runs (the loser) cost 16 bytes each. Rows say only what differs from the open rows before them; what is
//! hashed names all of it. Encoding v1; ARCHITECTURE.md §5 shows it byte by byte, tests/verifier.py reads it.

use ed25519_dalek::{Signature, Signer, SigningKey, VerifyingKey};
use sha2::{Digest, Sha256};

pub use crate::body::Told;
use crate::body::{self, Form, Owner, Squashed};
use crate::clock::Millis;
use crate::event::Event;
use crate::ids::{FactId, FileId, JournalId, PersonId, Sha, hex};
use crate::text;
use crate::wire::{MOST_SPAN, Reader, WireFault, Writer};
use crate::words::Section;

/// Largest body of a fact, bytes.
pub const MOST_BODY: usize = 64 * 1024;
/// Most facts in a batch.
pub const MOST_FACTS: usize = 500;
/// Most facts that one fact may replace.
pub const MOST_REPLACED: usize = 1_000;
/// Suite 1: SHA-256 and Ed25519. Suite 2 is reserved for SM3 and SM2.
pub const SUITE: u8 = 1;

/// Longest name of a kind or an author, bytes.
const MOST_KIND: usize = 64;

/// What happened, once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fact {
    /// Its name.
    pub id: FactId,
    /// The case file it belongs to.
    pub file: FileId,
    /// The section of that file.
    pub section: Section,
    /// The device's own clock, uncorrected. The county log adds the offset it measured (see [`crate::clock`]).
    pub wall: Millis,
    /// Who.
    pub author: PersonId,
    /// What kind; unknown kinds are kept.
    pub kind: String,
    /// The live facts that the author was shown and that this one takes the place of.
    pub replaces: Vec<FactId>,
    /// JSON of the kind's own shape, verbatim.
    pub body: Vec<u8>,
}

/// A section's number in bytes. FROZEN.
pub fn section_code(section: Section) -> u8 {
    match section {
        Section::Core => 0,
        Section::Id => 1,
        Section::Care => 2,
        Section::Gov => 3,
        Section::Edu => 4,
    }
}

/// The section of a number in bytes.
///
/// # Errors
/// `Range`.
pub fn section_of(code: u8) -> Result<Section, WireFault> {
    match code {
        0 => Ok(Section::Core),
        1 => Ok(Section::Id),
        2 => Ok(Section::Care),
        3 => Ok(Section::Gov),
        4 => Ok(Section::Edu),
        _ => Err(WireFault::Range("section")),
    }
}

/// Appends a fact's name.
pub fn put_fact_id(w: &mut Writer, id: FactId) {
    w.raw(&id.journal.0).varint(id.seq);
}

/// Reads a fact's name.
///
/// # Errors
/// `Short`, `Range`.
pub fn get_fact_id(r: &mut Reader<'_>) -> Result<FactId, WireFault> {
    Ok(FactId { journal: JournalId(r.array()?), seq: r.varint()? })
}

fn get_author(r: &mut Reader<'_>) -> Result<PersonId, WireFault> {
    r.text(MOST_KIND)?.parse().or(Err(WireFault::Range("author")))
}

impl Fact {
    /// The fact's bytes on its own, outside a batch.
    pub fn bytes(&self) -> Vec<u8> {
        let mut w = Writer::new();
        put_fact_id(&mut w, self.id);
        w.bytes(self.author.as_str().as_bytes()).u8(section_code(self.section)).raw(&self.file.0);
        w.span(self.wall.0).count(self.body.len()).bytes(self.kind.as_bytes()).count(self.replaces.len());
        for id in &self.replaces {
            put_fact_id(&mut w, *id);
        }
        w.raw(&self.body);
        w.done()
    }

    /// The fact of these bytes.
    ///
    /// # Errors
    /// Any [`WireFault`].
    pub fn parse(bytes: &[u8]) -> Result<Self, WireFault> {
        let mut r = Reader::new(bytes);
        let id = get_fact_id(&mut r)?;
        let (author, section, file) = (get_author(&mut r)?, section_of(r.u8()?)?, FileId(r.array()?));
        let wall = Millis(r.span()?);
        let length = usize::try_from(r.varint()?).unwrap_or(usize::MAX);
        let kind = r.text(MOST_KIND)?.to_owned();
        let count = r.count()?;
        if id.seq == 0 || length > MOST_BODY || count > MOST_REPLACED {
            return Err(WireFault::Range("length"));
        }
        let mut replaces = Vec::with_capacity(count);
        for _ in 0..count {
            replaces.push(get_fact_id(&mut r)?);
        }
        let body = r.raw(length)?.to_vec();
        r.end()?;
        Ok(Self { id, file, section, wall, author, kind, replaces, body })
    }
}

/// The salt that keeps a withheld fact from being guessed, and the seed of the salts below it.
pub type Salt = [u8; 16];

/// The seeds of the two halves of a subtree. FROZEN.
fn halves(seed: &Salt) -> (Salt, Salt) {
    let grown: [u8; 32] = Sha256::new_with_prefix([2]).chain_update(seed).finalize().into();
    let (mut left, mut right) = ([0; 16], [0; 16]);
    for ((l, r), pair) in left.iter_mut().zip(right.iter_mut()).zip(grown.iter().zip(grown.iter().skip(16))) {
        (*l, *r) = (*pair.0, *pair.1);
    }
    (left, right)
}

/// The hash of two halves. FROZEN.
fn join(left: &Sha, right: &Sha) -> Sha {
    Sha(Sha256::new_with_prefix([1]).chain_update(left.0).chain_update(right.0).finalize().into())
}

/// Where a tree of `n` > 1 leaves splits: the largest power of two below `n` (RFC 6962).
fn split(n: usize) -> usize {
    n.next_power_of_two() / 2
}

/// A fact as it stands in a batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// Its author.
    pub author: PersonId,
    /// Its section.
    pub section: Section,
    /// Its file.
    pub file: FileId,
    kind: Kind,
    /// Milliseconds since the batch's base.
    since: i64,
    replaces: Vec<FactId>,
    body: Squashed,
    leaf: Sha,
}

/// A kind by its number, or by its name if it has none.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Kind {
    Numbered(u8, &'static str),
    Named(String),
}

impl Kind {
    fn of(name: &str) -> Self {
        let number = body::number_of(name);
        body::kind_of(number).map_or_else(|| Self::Named(name.to_owned()), |name| Self::Numbered(number, name))
    }

    fn name(&self) -> &str {
        match self {
            Self::Numbered(_, name) => name,
            Self::Named(name) => name,
        }
    }

    fn number(&self) -> u8 {
        match self {
            Self::Numbered(number, _) => *number,
            Self::Named(_) => 0,
        }
    }

    /// What follows the number.
    fn put_name(&self, w: &mut Writer) {
        match self {
            Self::Numbered(..) => {}
            Self::Named(name) => {
                w.bytes(name.as_bytes());
            }
        }
    }

    fn get(number: u64, r: &mut Reader<'_>) -> Result<Self, WireFault> {
        if number == 0 {
            let name = r.text(MOST_KIND)?;
            // A kind has one way to be said.
            return if body::number_of(name) == 0 {
                Ok(Self::Named(name.to_owned()))
            } else {
                Err(WireFault::Range("kind"))
            };
        }
        let number = u8::try_from(number).or(Err(WireFault::Range("kind")))?;
        body::kind_of(number).map(|name| Self::Numbered(number, name)).ok_or(WireFault::Range("kind"))
    }
}

impl Row {
    fn of(fact: &Fact, base: Millis, salt: &Salt) -> Self {
        let mut row = Self {
            author: fact.author.clone(),
            section: fact.section,
            file: fact.file,
            kind: Kind::of(&fact.kind),
            since: fact.wall.0.saturating_sub(base.0),
            replaces: fact.replaces.clone(),
            body: body::squash(&fact.kind, &fact.body, Owner { id: fact.id, wall: fact.wall }),
            leaf: Sha([0; 32]),
        };
        row.leaf = row.hash(salt);
        row
    }

    fn fact(&self, id: FactId, base: Millis) -> Result<Fact, WireFault> {
        let wall = base.plus(self.since);
        Ok(Fact {
            id,
            file: self.file,
            section: self.section,
            wall,
            author: self.author.clone(),
            kind: self.kind.name().to_owned(),
            replaces: self.replaces.clone(),
            body: self.body(id, base)?,
        })
    }

    /// The name of its kind.
    pub fn kind(&self) -> &str {
        self.kind.name()
    }

    /// Whether it is what a line noted of a visit, said with the keys of its kind alone, one of which is the visit: whoever
    /// asks no more need not read it.
    pub fn is_plain_note(&self) -> bool {
        self.kind.name() == "VisitNoted" && self.body.form == Form::Keys
    }

    /// What it replaces.
    pub fn replaces(&self) -> &[FactId] {
        &self.replaces
    }

    /// Its device's clock; `base` is its seal's.
    pub fn wall(&self, base: Millis) -> Millis {
        base.plus(self.since)
    }

    /// Its body, byte for byte; `id` is its name and `base` its seal's.
    ///
    /// # Errors
    /// Bytes that no body of the kind is written as.
    pub fn body(&self, id: FactId, base: Millis) -> Result<Vec<u8>, WireFault> {
        body::unsquash(self.kind.name(), &self.body, Owner { id, wall: self.wall(base) })
    }

    /// What it tells whoever files it; `Unknown` for a kind of a newer version, and for a body that its kind cannot read.
    ///
    /// # Errors
    /// As [`Row::body`].
    pub fn told(&self, id: FactId, base: Millis) -> Result<Told, WireFault> {
        let owner = Owner { id, wall: self.wall(base) };
        match body::told(self.kind.name(), &self.body, owner)? {
            Some(told) => Ok(told),
            None => Ok(Told::of(Event::read(self.kind.name(), &self.body(id, base)?).ok().flatten())),
        }
    }

    /// FROZEN: 0, salt, author with its length, section, file, time, kind, what it replaces, form, frame and texts.
    fn hash(&self, salt: &Salt) -> Sha {
        let mut w = Writer::sized(self.body.frame.len().saturating_add(self.body.texts.len()).saturating_add(128));
        w.u8(0).raw(salt).bytes(self.author.as_str().as_bytes()).u8(section_code(self.section)).raw(&self.file.0);
        w.span(self.since).u8(self.kind.number());
        self.kind.put_name(&mut w);
        w.count(self.replaces.len());
        for id in &self.replaces {
            put_fact_id(&mut w, *id);
        }
        w.u8(self.body.form.code()).bytes(&self.body.frame).bytes(&self.body.texts);
        Sha::of(&w.done())
    }

    /// Its leaf.
    pub fn leaf(&self) -> Sha {
        self.leaf
    }

    /// Kind and body as they stand in the row, for who checks the encoding from outside: number, name, form, frame, texts.
    pub fn written(&self) -> String {
        let name = if let Kind::Named(name) = &self.kind { hex(name.as_bytes()) } else { String::new() };
        let Squashed { form, frame, texts } = &self.body;
        format!("{}:{name}:{}:{}:{}", self.kind.number(), form.code(), hex(frame), hex(texts))
    }
}

/// A device's signature under a batch of its journal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seal {
    /// Which algorithms.
    pub suite: u8,
    /// The journal.
    pub journal: JournalId,
    /// Number of the batch in the journal, from 1.
    pub batch: u64,
    /// Hash of the previous seal, zero for the first.
    pub previous: Sha,
    /// Seq of the first fact.
    pub first: u64,
    /// Facts.
    pub count: u32,
    /// The position of the county log that the author had seen.
    pub seen: u64,
    /// The device's clock that the rows' times are counted from.
    pub base: Millis,
    /// Root over the facts. Not sent: it is what the parts hash to.
    pub root: Sha,
    /// Signature over all of the above.
    pub signature: [u8; 64],
}

impl Seal {
    /// What is signed. FROZEN.
    fn head(&self) -> Vec<u8> {
        let mut w = Writer::new();
        w.raw(b"ruhu.seal.1\0").u8(self.suite).raw(&self.journal.0).u64(self.batch).raw(&self.previous.0);
        w.u64(self.first).u32(self.count).u64(self.seen).i64(self.base.0).raw(&self.root.0);
        w.done()
    }

    /// What the next seal names as its predecessor.
    pub fn hash(&self) -> Sha {
        let mut w = Writer::new();
        w.raw(&self.head()).raw(&self.signature);
        Sha::of(&w.done())
    }

    /// One past the seq of the last fact.
    pub fn end(&self) -> u64 {
        self.first.saturating_add(u64::from(self.count))
    }

    fn facts(&self) -> usize {
        usize::try_from(self.count).unwrap_or(usize::MAX)
    }

    fn put(&self, w: &mut Writer) {
        w.u8(self.suite).raw(&self.journal.0).varint(self.batch);
        if self.batch > 1 {
            w.raw(&self.previous.0);
        }
        w.varint(self.first).varint(u64::from(self.count)).varint(self.seen).span(self.base.0).raw(&self.signature);
    }

    fn get(r: &mut Reader<'_>) -> Result<Self, WireFault> {
        let suite = r.u8()?;
        let (journal, batch) = (JournalId(r.array()?), r.varint()?);
        let previous = Sha(if batch > 1 { r.array()? } else { [0; 32] });
        let seal = Self {
            suite,
            journal,
            batch,
            previous,
            first: r.varint()?,
            count: r.small()?,
            seen: r.varint()?,
            base: Millis(r.span()?),
            root: Sha([0; 32]),
            signature: r.array()?,
        };
        if seal.batch == 0 || seal.first == 0 || seal.count == 0 || seal.facts() > MOST_FACTS {
            return Err(WireFault::Range("batch"));
        }
        Ok(seal)
    }
}

/// A batch's facts as a tree; a subtree without an open fact is one hash, one without a closed fact one seed.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Tree {
    Closed(Sha),
    Open(Salt, Vec<Row>),
    Fork(Box<Tree>, Box<Tree>),
}

/// A sealed batch, whole or in part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Batch {
    /// Its seal.
    pub seal: Seal,
    tree: Tree,
}

/// Why a batch is not to be believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SealFault {
    /// A suite of a newer version.
    #[error("the seal uses a suite this version does not know")]
    Suite,
    /// Not signed by the journal's key, or not over these facts.
    #[error("the signature is not the journal's, or not over these contents")]
    Signature,
    /// Facts that are not one journal's or not in order.
    #[error("a fact stands where it does not belong")]
    Place,
    /// Too many facts or none, or a time beyond all calendars.
    #[error("the batch's size is out of range")]
    Size,
    /// Bytes that cannot be read.
    #[error("unreadable bytes")]
    Wire(#[from] WireFault),
}

/// Seals `facts`, which must be consecutive facts of one journal, at most [`MOST_FACTS`].
///
/// `seed` is fresh randomness; the salts are drawn from it.
///
/// # Errors
/// `Size` for none or too many, `Place` for facts that are not consecutive in one journal.
pub fn seal(
    facts: &[Fact],
    previous: Option<&Seal>,
    seen: u64,
    seed: &Salt,
    key: &SigningKey,
) -> Result<Batch, SealFault> {
    let first = facts.first().ok_or(SealFault::Size)?;
    let near = |wall: Millis| (-MOST_SPAN / 2..=MOST_SPAN / 2).contains(&wall.0);
    if facts.len() > MOST_FACTS || !facts.iter().all(|fact| near(fact.wall)) {
        return Err(SealFault::Size);
    }
    let in_order = facts.iter().zip(first.id.seq..).all(|(fact, seq)| fact.id == FactId { seq, ..first.id });
    if !in_order || first.id.seq == 0 {
        return Err(SealFault::Place);
    }
    let mut rows = Vec::with_capacity(facts.len());
    let base = first.wall;
    salts(seed, facts.len(), &mut |salt, at| rows.extend(facts.get(at).map(|fact| Row::of(fact, base, salt))));
    let tree = Tree::Open(*seed, rows);
    let mut seal = Seal {
        suite: SUITE,
        journal: first.id.journal,
        batch: previous.map_or(1, |seal| seal.batch.saturating_add(1)),
        previous: previous.map_or(Sha([0; 32]), Seal::hash),
        first: first.id.seq,
        count: u32::try_from(facts.len()).unwrap_or(u32::MAX),
        seen,
        base,
        root: tree.node(),
        signature: [0; 64],
    };
    seal.signature = key.sign(&seal.head()).to_bytes();
    Ok(Batch { seal, tree })
}

/// Calls `each` with the salt of every leaf of a subtree of `n`, in order.
fn salts(seed: &Salt, n: usize, each: &mut impl FnMut(&Salt, usize)) {
    fn walk(seed: &Salt, from: usize, n: usize, each: &mut impl FnMut(&Salt, usize)) {
        if n == 1 {
            each(seed, from);
        } else if n > 1 {
            let (left, right) = halves(seed);
            let at = split(n);
            walk(&left, from, at, each);
            walk(&right, from.saturating_add(at), n.saturating_sub(at), each);
        }
    }
    walk(seed, 0, n, each);
}

/// The root over leaves; of none, the hash of nothing.
fn root(rows: &[Row]) -> Sha {
    match rows {
        [] => Sha::of(&[]),
        [one] => one.leaf,
        more => {
            let (left, right) = more.split_at(split(more.len()).min(more.len()));
            join(&root(left), &root(right))
        }
    }
}

/// A fact with its leaf, as a verified batch yields it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified {
    /// The fact.
    pub fact: Fact,
    /// Its leaf.
    pub leaf: Sha,
}

/// Bits of a row's first number; above them stands the kind's.
mod first {
    /// Another file than the row before.
    pub(super) const FILE: u64 = 1;
    /// It replaces facts.
    pub(super) const REPLACES: u64 = 2;
    /// Another length, or texts where the last row of the kind had none, or the other way round.
    pub(super) const LENGTH: u64 = 4;
    /// The bits of `more` follow.
    pub(super) const MORE: u64 = 8;
    /// Where the kind's number begins.
    pub(super) const KIND: u32 = 4;
}

/// Bits of a row's second byte; above them stands the form.
mod more {
    /// Another author than the row before.
    pub(super) const AUTHOR: u8 = 1;
    /// Another section than the last row of the kind.
    pub(super) const SECTION: u8 = 2;
    /// The time is before the row before, or finer than the base.
    pub(super) const TIME: u8 = 4;
    /// Where the form's number begins.
    pub(super) const FORM: u32 = 3;
}

/// What the last row of a kind was like.
#[derive(Clone, Copy)]
struct Like {
    section: Section,
    length: usize,
    texts: bool,
}

/// What was said in the open rows before: only what changes is said again, and nothing of rows that are withheld.
struct Said {
    journal: JournalId,
    /// Milliseconds that the batch's times count in: whole seconds if its base is one.
    unit: i64,
    author: Option<PersonId>,
    file: Option<FileId>,
    since: i64,
    kinds: [Like; body::NUMBERED + 1],
    /// Other journals in the order in which they were first named, each with the seq last named.
    journals: Vec<(JournalId, u64)>,
}

/// The distance between two numbers, however large.
fn apart(to: u64, from: u64) -> i64 {
    i64::from_be_bytes(to.wrapping_sub(from).to_be_bytes())
}

fn beyond(from: u64, by: i64) -> u64 {
    from.wrapping_add(u64::from_be_bytes(by.to_be_bytes()))
}

impl Said {
    fn before(seal: &Seal) -> Self {
        Self {
            journal: seal.journal,
            unit: if seal.base.0 % 1000 == 0 { 1000 } else { 1 },
            author: None,
            file: None,
            since: 0,
            kinds: [Like { section: Section::Core, length: 0, texts: false }; body::NUMBERED + 1],
            journals: Vec::new(),
        }
    }

    fn like(&mut self, number: u8) -> Result<&mut Like, WireFault> {
        self.kinds.get_mut(usize::from(number)).ok_or(WireFault::Range("kind"))
    }

    fn put(&mut self, row: &Row, seq: u64, w: &mut Writer) {
        let number = row.kind.number();
        let like = Like { section: row.section, length: row.body.frame.len(), texts: !row.body.texts.is_empty() };
        // Every number of a kind has its place.
        let last = self.like(number).map_or(like, |slot| std::mem::replace(slot, like));
        let later = row.since.saturating_sub(self.since);
        let plain = later >= 0 && later % self.unit == 0;
        let (other_author, other_file) = (self.author.as_ref() != Some(&row.author), self.file != Some(row.file));
        let other_length = last.length != like.length || last.texts != like.texts;
        let flag = |set: bool, bit: u8| if set { bit } else { 0 };
        let more = flag(other_author, more::AUTHOR)
            | flag(last.section != like.section, more::SECTION)
            | flag(!plain, more::TIME)
            | row.body.form.code() << more::FORM;
        let flag = |set: bool, bit: u64| if set { bit } else { 0 };
        w.varint(
            u64::from(number) << first::KIND
                | flag(other_file, first::FILE)
                | flag(!row.replaces.is_empty(), first::REPLACES)
                | flag(other_length, first::LENGTH)
                | flag(more != 0, first::MORE),
        );
        if more != 0 {
            w.u8(more);
        }
        row.kind.put_name(w);
        if other_author {
            w.bytes(row.author.as_str().as_bytes());
        }
        if last.section != like.section {
            w.u8(section_code(row.section));
        }
        if other_file {
            w.raw(&row.file.0);
        }
        if plain {
            w.varint(u64::try_from(later.checked_div(self.unit).unwrap_or(0)).unwrap_or(0));
        } else {
            w.span(later);
        }
        if other_length {
            w.count(like.length.saturating_mul(2).saturating_add(usize::from(like.texts)));
        }
        for (left, id) in (0..row.replaces.len()).rev().zip(&row.replaces) {
            self.put_replaced(*id, left > 0, seq, w);
        }
        w.raw(&row.body.frame).side(&row.body.texts);
        (self.author, self.file, self.since) = (Some(row.author.clone()), Some(row.file), row.since);
    }

    fn put_replaced(&mut self, id: FactId, more: bool, seq: u64, w: &mut Writer) {
        let more = usize::from(more);
        if id.journal == self.journal {
            w.count(more).near(apart(seq, id.seq));
            return;
        }
        let known = self.journals.iter().position(|(journal, _)| *journal == id.journal);
        let place = known.unwrap_or(self.journals.len());
        w.count(place.saturating_add(1).saturating_mul(2).saturating_add(more));
        if known.is_none() {
            w.raw(&id.journal.0);
            self.journals.push((id.journal, 0));
        }
        if let Some((_, last)) = self.journals.get_mut(place) {
            w.near(apart(id.seq, *last));
            *last = id.seq;
        }
    }

    /// The next row, its leaf not counted yet.
    fn row(&mut self, seq: u64, r: &mut Reader<'_>) -> Result<Row, WireFault> {
        let head = r.varint()?;
        let has = |bit: u64| head & bit != 0;
        let more = if has(first::MORE) { r.u8()? } else { 0 };
        if has(first::MORE) && more == 0 {
            return Err(WireFault::Range("row"));
        }
        let form = Form::of(more >> more::FORM)?;
        let kind = Kind::get(head >> first::KIND, r)?;
        if more & more::AUTHOR != 0 {
            self.author = Some(get_author(r)?);
        }
        let mut like = *self.like(kind.number())?;
        if more & more::SECTION != 0 {
            like.section = section_of(r.u8()?)?;
        }
        if has(first::FILE) {
            self.file = Some(FileId(r.array()?));
        }
        let later = if more & more::TIME != 0 {
            r.span()?
        } else {
            i64::try_from(r.varint()?).ok().and_then(|n| n.checked_mul(self.unit)).ok_or(WireFault::Range("time"))?
        };
        let since = self.since.checked_add(later).filter(|since| (-MOST_SPAN..=MOST_SPAN).contains(since));
        self.since = since.ok_or(WireFault::Range("time"))?;
        if has(first::LENGTH) {
            let n = usize::try_from(r.varint()?).unwrap_or(usize::MAX);
            (like.length, like.texts) = (n / 2, n % 2 == 1);
        }
        let mut replaces = Vec::new();
        let mut again = has(first::REPLACES);
        while again {
            let id;
            (id, again) = self.get_replaced(seq, r)?;
            replaces.push(id);
            if replaces.len() > MOST_REPLACED {
                return Err(WireFault::Range("count"));
            }
        }
        if like.length > MOST_BODY {
            return Err(WireFault::Range("length"));
        }
        let frame = r.raw(like.length)?.to_vec();
        let texts = if like.texts { r.side_until(text::LAST, MOST_BODY)?.to_vec() } else { Vec::new() };
        *self.like(kind.number())? = like;
        let (Some(author), Some(file)) = (self.author.clone(), self.file) else {
            return Err(WireFault::Range("row"));
        };
        let body = Squashed { form, frame, texts };
        let (section, since) = (like.section, self.since);
        Ok(Row { author, section, file, kind, since, replaces, body, leaf: Sha([0; 32]) })
    }

    /// A replaced fact, and whether another follows.
    fn get_replaced(&mut self, seq: u64, r: &mut Reader<'_>) -> Result<(FactId, bool), WireFault> {
        let n = usize::try_from(r.varint()?).or(Err(WireFault::Range("journal")))?;
        let again = n % 2 == 1;
        let Some(place) = (n / 2).checked_sub(1) else {
            let id = FactId { journal: self.journal, seq: beyond(seq, r.near()?.wrapping_neg()) };
            return Ok((id, again));
        };
        if place == self.journals.len() {
            let journal = JournalId(r.array()?);
            if journal == self.journal || self.journals.iter().any(|(known, _)| *known == journal) {
                return Err(WireFault::Range("journal"));
            }
            self.journals.push((journal, 0));
        }
        let (journal, last) = self.journals.get_mut(place).ok_or(WireFault::Range("journal"))?;
        *last = beyond(*last, r.near()?);
        Ok((FactId { journal: *journal, seq: *last }, again))
    }
}

impl Tree {
    fn node(&self) -> Sha {
        match self {
            Self::Closed(node) => *node,
            Self::Open(_, rows) => root(rows),
            Self::Fork(left, right) => join(&left.node(), &right.node()),
        }
    }

    fn fork(left: Self, right: Self) -> Self {
        match (left, right) {
            (Self::Closed(left), Self::Closed(right)) => Self::Closed(join(&left, &right)),
            (left, right) => Self::Fork(Box::new(left), Box::new(right)),
        }
    }

    /// The halves of an open subtree of more than one fact.
    fn parted(seed: &Salt, mut rows: Vec<Row>) -> (Self, Self) {
        let (left, right) = halves(seed);
        let rest = rows.split_off(split(rows.len()).min(rows.len()));
        (Self::Open(left, rows), Self::Open(right, rest))
    }

    fn each<'a>(&'a self, from: usize, n: usize, see: &mut impl FnMut(usize, &'a Row)) {
        match self {
            Self::Closed(_) => {}
            Self::Open(_, rows) => {
                for (at, row) in (from..).zip(rows) {
                    see(at, row);
                }
            }
            Self::Fork(left, right) => {
                let at = split(n);
                left.each(from, at, see);
                right.each(from.saturating_add(at), n.saturating_sub(at), see);
            }
        }
    }

    fn only(self, from: usize, n: usize, open: &mut impl FnMut(usize, &Row) -> bool) -> Self {
        match self {
            Self::Closed(node) => Self::Closed(node),
            Self::Open(seed, rows) => {
                let kept = rows.iter().zip(from..).filter(|(row, at)| open(*at, row)).count();
                if kept == rows.len() {
                    return Self::Open(seed, rows);
                }
                if kept == 0 || rows.len() < 2 {
                    return Self::Closed(root(&rows));
                }
                let at = split(rows.len());
                let (left, right) = Self::parted(&seed, rows);
                Self::fork(left.only(from, at, open), right.only(from.saturating_add(at), n.saturating_sub(at), open))
            }
            Self::Fork(left, right) => {
                let at = split(n);
                Self::fork(left.only(from, at, open), right.only(from.saturating_add(at), n.saturating_sub(at), open))
            }
        }
    }

    /// What is open in either of two trees with one root.
    fn with(self, other: Self) -> Self {
        match (self, other) {
            (open @ Self::Open(..), _) | (_, open @ Self::Open(..)) => open,
            (Self::Closed(_), other) => other,
            (fork, Self::Closed(_)) => fork,
            (Self::Fork(left, right), Self::Fork(others_left, others_right)) => {
                Self::Fork(Box::new(left.with(*others_left)), Box::new(right.with(*others_right)))
            }
        }
    }

    fn whole(&self) -> bool {
        match self {
            Self::Closed(_) => false,
            Self::Open(..) => true,
            Self::Fork(left, right) => left.whole() && right.whole(),
        }
    }

    /// Appends the subtree of `n` facts from seq `from`.
    fn put(&self, from: u64, n: usize, said: &mut Said, w: &mut Writer) {
        match self {
            Self::Closed(node) => {
                w.u8(0).raw(&node.0);
            }
            Self::Open(seed, rows) => {
                w.u8(1).raw(seed);
                for (seq, row) in (from..).zip(rows) {
                    said.put(row, seq, w);
                }
            }
            Self::Fork(left, right) => {
                w.u8(2);
                let at = split(n);
                left.put(from, at, said, w);
                right.put(further(from, at), n.saturating_sub(at), said, w);
            }
        }
    }

    /// The subtree of `n` facts from seq `from`; leaves are counted only if `counts`.
    fn get(r: &mut Reader<'_>, from: u64, n: usize, said: &mut Said, counts: bool) -> Result<Self, WireFault> {
        match r.u8()? {
            0 => Ok(Self::Closed(Sha(r.array()?))),
            1 => {
                let seed: Salt = r.array()?;
                // What a seal says of itself is believed this far and no further.
                let mut rows = Vec::with_capacity(n.min(1024));
                for at in 0..n {
                    rows.push(said.row(further(from, at), r)?);
                }
                if counts {
                    salts(&seed, n, &mut |salt, at| {
                        if let Some(row) = rows.get_mut(at) {
                            row.leaf = row.hash(salt);
                        }
                    });
                }
                Ok(Self::Open(seed, rows))
            }
            2 if n > 1 => {
                let left = split(n);
                let right = n.saturating_sub(left);
                let one = Self::get(r, from, left, said, counts)?;
                let other = Self::get(r, further(from, left), right, said, counts)?;
                Ok(Self::Fork(Box::new(one), Box::new(other)))
            }
            _ => Err(WireFault::Range("tree")),
        }
    }

    /// The row of one fact of a subtree of `n` facts from seq `from`, if it is open; nothing is hashed, and what comes
    /// after it is not read.
    fn find(r: &mut Reader<'_>, (from, n): (u64, usize), said: &mut Said, seq: u64) -> Result<Option<Row>, WireFault> {
        match r.u8()? {
            0 => {
                r.raw(32)?;
                Ok(None)
            }
            1 => {
                r.raw(16)?;
                for at in 0..n {
                    let row = said.row(further(from, at), r)?;
                    if further(from, at) == seq {
                        return Ok(Some(row));
                    }
                }
                Ok(None)
            }
            2 if n > 1 => {
                let left = split(n);
                match Self::find(r, (from, left), said, seq)? {
                    Some(row) => Ok(Some(row)),
                    None => Self::find(r, (further(from, left), n.saturating_sub(left)), said, seq),
                }
            }
            _ => Err(WireFault::Range("tree")),
        }
    }
}

/// The seq of the fact `at` places on.
fn further(from: u64, at: usize) -> u64 {
    from.saturating_add(u64::try_from(at).unwrap_or(u64::MAX))
}

impl Batch {
    /// The open facts' rows with their seq, in order.
    pub fn rows(&self) -> Vec<(u64, &Row)> {
        let mut out = Vec::new();
        let first = self.seal.first;
        self.tree.each(0, self.seal.facts(), &mut |at, row| {
            out.push((further(first, at), row));
        });
        out
    }

    /// Whether every fact is there.
    pub fn whole(&self) -> bool {
        self.tree.whole()
    }

    /// The same batch with only the facts (by seq) that `open` allows; the rest as hashes.
    #[must_use]
    pub fn only(self, mut open: impl FnMut(u64, &Row) -> bool) -> Self {
        let (first, n) = (self.seal.first, self.seal.facts());
        Self { tree: self.tree.only(0, n, &mut |at, row| open(further(first, at), row)), seal: self.seal }
    }

    /// What is open in either of two parts of one batch; `None` if they are not parts of one.
    #[must_use]
    pub fn with(self, other: Self) -> Option<Self> {
        if self.seal != other.seal {
            return None;
        }
        Some(Self { tree: self.tree.with(other.tree), seal: self.seal })
    }

    /// Checks the signature, and yields the facts that are open, in seq order.
    ///
    /// # Errors
    /// The first [`SealFault`] found; then nothing of the batch is to be used.
    pub fn verify(&self, key: &VerifyingKey) -> Result<Vec<Verified>, SealFault> {
        self.sealed_by(key)?;
        self.facts()
    }

    /// Checks the signature alone: what the rows say can then be believed.
    ///
    /// # Errors
    /// `Suite`, `Signature`.
    pub fn sealed_by(&self, key: &VerifyingKey) -> Result<(), SealFault> {
        let seal = &self.seal;
        if seal.suite != SUITE {
            return Err(SealFault::Suite);
        }
        if key.verify_strict(&seal.head(), &Signature::from_bytes(&seal.signature)).is_err() {
            return Err(SealFault::Signature);
        }
        Ok(())
    }

    /// The open facts of a batch that was verified before it was stored.
    ///
    /// # Errors
    /// `Wire` for a row that cannot be read.
    pub fn facts(&self) -> Result<Vec<Verified>, SealFault> {
        let mut out = Vec::new();
        for (seq, row) in self.rows() {
            let id = FactId { journal: self.seal.journal, seq };
            out.push(Verified { fact: row.fact(id, self.seal.base)?, leaf: row.leaf });
        }
        Ok(out)
    }

    /// The batch's bytes: how long seal and tree are, seal, tree, and then the rows' texts. FROZEN.
    pub fn bytes(&self) -> Vec<u8> {
        let mut w = Writer::new();
        self.seal.put(&mut w);
        self.tree.put(self.seal.first, self.seal.facts(), &mut Said::before(&self.seal), &mut w);
        w.joined()
    }

    /// The batch of these bytes; nothing of it is verified yet.
    ///
    /// # Errors
    /// Any [`WireFault`].
    pub fn parse(bytes: &[u8]) -> Result<Self, WireFault> {
        let mut batch = Self::get(bytes, true)?;
        // The root is what the received parts hash to: a wrong part makes the signature wrong.
        batch.seal.root = batch.tree.node();
        Ok(batch)
    }

    /// The batch of bytes that were verified before they were stored, to read its facts: no leaf and no root is counted,
    /// and the seal's hash is not to be asked for.
    ///
    /// # Errors
    /// Any [`WireFault`].
    pub fn stored(bytes: &[u8]) -> Result<Self, WireFault> {
        Self::get(bytes, false)
    }

    fn get(bytes: &[u8], counts: bool) -> Result<Self, WireFault> {
        let mut r = Reader::joined(bytes)?;
        let seal = Seal::get(&mut r)?;
        let tree = Tree::get(&mut r, seal.first, seal.facts(), &mut Said::before(&seal), counts)?;
        r.end()?;
        Ok(Self { seal, tree })
    }
}

/// The body of one fact of a batch that was verified before it was stored; `None` if it is not open there. Pages read so:
/// nothing is hashed.
///
/// # Errors
/// Any [`WireFault`].
pub fn body_in(batch: &[u8], seq: u64) -> Result<Option<Vec<u8>>, WireFault> {
    let mut r = Reader::joined(batch)?;
    let seal = Seal::get(&mut r)?;
    let row = Tree::find(&mut r, (seal.first, seal.facts()), &mut Said::before(&seal), seq)?;
    row.map(|row| row.body(FactId { journal: seal.journal, seq }, seal.base)).transpose()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts(n: u64) -> Vec<Fact> {
        (1..=n)
            .map(|seq| Fact {
                id: FactId { journal: JournalId([7; 8]), seq },
                file: FileId([u8::try_from(seq / 2).expect("few"); 8]),
                section: if seq % 5 == 0 { Section::Id } else { Section::Core },
                wall: Millis(900),
                author: "zhou".parse().expect("an account"),
                kind: "VisitMade".to_owned(),
                replaces: vec![FactId { journal: JournalId([9; 8]), seq }],
                body: format!("{{\"n\":{seq}}}").into_bytes(),
            })
            .collect()
    }

    #[test]
    fn a_fact_is_its_bytes() {
        for fact in facts(3) {
            assert_eq!(Fact::parse(&fact.bytes()), Ok(fact.clone()));
            let bytes = fact.bytes();
            assert!(Fact::parse(&bytes[..bytes.len() - 1]).is_err());
        }
    }

    #[test]
    fn any_part_can_be_withheld_and_the_rest_verifies() {
        let key = SigningKey::from_bytes(&[3; 32]);
        for n in 1..40 {
            let whole = seal(&facts(n), None, 5, &[1; 16], &key).expect("sealed");
            assert_eq!(whole.verify(&key.verifying_key()).expect("verifies").len(), usize::try_from(n).expect("few"));
            let part = whole.clone().only(|_, row| row.file.0[0] % 3 == 0);
            let back = Batch::parse(&part.bytes()).expect("parses");
            assert_eq!(back, part);
            let open = back.verify(&key.verifying_key()).expect("verifies");
            assert!(open.iter().all(|v| v.fact.file.0[0] % 3 == 0));
            let again = Batch::parse(&whole.bytes()).expect("parses");
            assert_eq!(again, whole);
            // Parts come together again, in whatever order, and one fact alone can be taken out.
            let rest = whole.clone().only(|_, row| row.file.0[0] % 3 != 0);
            let joined = part.clone().with(rest).expect("of one batch");
            assert!(joined.whole());
            assert_eq!(joined.verify(&key.verifying_key()), whole.verify(&key.verifying_key()));
            let erased = whole.clone().only(|seq, _| seq != n / 2 + 1);
            let open = Batch::parse(&erased.bytes()).expect("parses").verify(&key.verifying_key()).expect("verifies");
            assert_eq!(open.len() + 1, usize::try_from(n).expect("few"));
        }
    }

    #[test]
    fn one_body_is_read_without_the_others() {
        let key = SigningKey::from_bytes(&[3; 32]);
        for n in 1..20 {
            let part = seal(&facts(n), None, 5, &[1; 16], &key).expect("sealed").only(|seq, _| seq % 4 != 1);
            let bytes = part.bytes();
            for fact in facts(n) {
                let open = fact.id.seq % 4 != 1;
                assert_eq!(body_in(&bytes, fact.id.seq), Ok(Some(fact.body).filter(|_| open)));
            }
            assert_eq!(body_in(&bytes, n + 1), Ok(None));
        }
    }

    #[test]
    fn every_flipped_byte_is_found() {
        let key = SigningKey::from_bytes(&[3; 32]);
        let bytes = seal(&facts(7), None, 5, &[1; 16], &key).expect("sealed").bytes();
        for at in 0..bytes.len() {
            let mut bad = bytes.clone();
            bad[at] ^= 1;
            let believed = Batch::parse(&bad).is_ok_and(|batch| batch.verify(&key.verifying_key()).is_ok());
            assert!(!believed, "byte {at} flipped unseen");
        }
    }
}

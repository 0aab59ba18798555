//! One fact, its batch and its seal. A fact is written once and never edited; a seal binds a batch of a journal's facts
//! so that any of them can be withheld or erased and the rest still verifies.
//! Bytes are hashed as received, never re-encoded. Nothing here decides who may write or what a fact means.
//!
//! A batch is a binary tree over its facts in seq order, split like RFC 6962. The salts of the leaves grow from one
//! seed down the same tree, so an open subtree costs one seed of 16 bytes and a closed one its hash of 32: salts
//! of single runs (the loser) cost 16 bytes each. Rows name their author and file only where these change, and all of
//! it is hashed with the row. Encoding v1; ARCHITECTURE.md §4 shows it byte by byte, tests/verifier.py reads it.

use ed25519_dalek::{Signature, Signer, SigningKey, VerifyingKey};
use sha2::{Digest, Sha256};

use crate::clock::Millis;
use crate::ids::{FactId, FileId, JournalId, PersonId, Sha};
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
    /// What stands after author, file and section: time, kind, what it replaces, body. FROZEN: leaves hash these bytes.
    fn row(&self, base: Millis) -> Vec<u8> {
        let mut w = Writer::new();
        w.span(self.wall.0.saturating_sub(base.0)).count(self.body.len());
        w.bytes(self.kind.as_bytes()).count(self.replaces.len());
        for id in &self.replaces {
            put_fact_id(&mut w, *id);
        }
        w.raw(&self.body);
        w.done()
    }

    fn of_row(
        id: FactId,
        (author, section, file): (PersonId, Section, FileId),
        base: Millis,
        row: &[u8],
    ) -> Result<Self, WireFault> {
        let mut r = Reader::new(row);
        let wall = base.plus(r.span()?);
        let length = usize::try_from(r.varint()?).unwrap_or(usize::MAX);
        let kind = r.text(MOST_KIND)?.to_owned();
        let count = r.count()?;
        if length > MOST_BODY || count > MOST_REPLACED {
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

    /// The fact's bytes on its own, outside a batch.
    pub fn bytes(&self) -> Vec<u8> {
        let mut w = Writer::new();
        put_fact_id(&mut w, self.id);
        w.bytes(self.author.as_str().as_bytes()).u8(section_code(self.section)).raw(&self.file.0);
        w.raw(&self.row(Millis(0)));
        w.done()
    }

    /// The fact of these bytes.
    ///
    /// # Errors
    /// Any [`WireFault`].
    pub fn parse(bytes: &[u8]) -> Result<Self, WireFault> {
        let mut r = Reader::new(bytes);
        let id = get_fact_id(&mut r)?;
        let head = (get_author(&mut r)?, section_of(r.u8()?)?, FileId(r.array()?));
        let row = r.raw(r.left())?;
        if id.seq == 0 {
            return Err(WireFault::Range("seq"));
        }
        Self::of_row(id, head, Millis(0), row)
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
    bytes: Vec<u8>,
    leaf: Sha,
}

impl Row {
    fn new(salt: &Salt, author: PersonId, section: Section, file: FileId, bytes: Vec<u8>) -> Self {
        let mut row = Self { author, section, file, bytes, leaf: Sha([0; 32]) };
        row.leaf = row.hash(salt);
        row
    }

    /// FROZEN: 0, salt, author with its length, section, file, the row as received.
    fn hash(&self, salt: &Salt) -> Sha {
        let author = self.author.as_str().as_bytes();
        let mut hash = Sha256::new_with_prefix([0]);
        hash.update(salt);
        hash.update([u8::try_from(author.len()).unwrap_or(u8::MAX)]);
        hash.update(author);
        hash.update([section_code(self.section)]);
        hash.update(self.file.0);
        hash.update(&self.bytes);
        Sha(hash.finalize().into())
    }

    /// Its leaf.
    pub fn leaf(&self) -> Sha {
        self.leaf
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
    salts(seed, facts.len(), &mut |salt, at| {
        if let Some(fact) = facts.get(at) {
            rows.push(Row::new(salt, fact.author.clone(), fact.section, fact.file, fact.row(base)));
        }
    });
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

/// The bytes of the next row, which says itself where it ends.
fn whole_row<'a>(r: &mut Reader<'a>) -> Result<&'a [u8], WireFault> {
    let mut row = r.clone();
    r.span()?;
    let length = usize::try_from(r.varint()?).unwrap_or(usize::MAX);
    r.bytes(MOST_KIND)?;
    let count = r.count()?;
    if length > MOST_BODY || count > MOST_REPLACED {
        return Err(WireFault::Range("length"));
    }
    for _ in 0..count {
        get_fact_id(r)?;
    }
    r.raw(length)?;
    row.raw(row.left().saturating_sub(r.left()))
}

/// What changes from row to row is said, the rest stays as it was.
#[derive(Default)]
struct Said(Option<(PersonId, Section, FileId)>);

const SAME: u8 = 0;
const OTHER_FILE: u8 = 1;
const OTHER_HEAD: u8 = 2;

impl Said {
    fn put(&mut self, row: &Row, w: &mut Writer) {
        match &self.0 {
            Some((author, section, file)) if *author == row.author && *section == row.section => {
                if *file == row.file {
                    w.u8(SAME);
                } else {
                    w.u8(OTHER_FILE).raw(&row.file.0);
                }
            }
            Some(_) | None => {
                w.u8(OTHER_HEAD).bytes(row.author.as_str().as_bytes()).u8(section_code(row.section)).raw(&row.file.0);
            }
        }
        self.0 = Some((row.author.clone(), row.section, row.file));
        w.raw(&row.bytes);
    }

    fn get(&mut self, salt: &Salt, r: &mut Reader<'_>) -> Result<Row, WireFault> {
        let code = r.u8()?;
        let head = match (code, self.0.take()) {
            (SAME, Some(head)) => head,
            (OTHER_FILE, Some((author, section, _))) => (author, section, FileId(r.array()?)),
            (OTHER_HEAD, _) => (get_author(r)?, section_of(r.u8()?)?, FileId(r.array()?)),
            _ => return Err(WireFault::Range("row")),
        };
        self.0 = Some(head.clone());
        Ok(Row::new(salt, head.0, head.1, head.2, whole_row(r)?.to_vec()))
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

    fn put(&self, said: &mut Said, w: &mut Writer) {
        match self {
            Self::Closed(node) => {
                w.u8(0).raw(&node.0);
            }
            Self::Open(seed, rows) => {
                w.u8(1).raw(seed);
                for row in rows {
                    said.put(row, w);
                }
            }
            Self::Fork(left, right) => {
                w.u8(2);
                left.put(said, w);
                right.put(said, w);
            }
        }
    }

    fn get(r: &mut Reader<'_>, n: usize, said: &mut Said) -> Result<Self, WireFault> {
        match r.u8()? {
            0 => Ok(Self::Closed(Sha(r.array()?))),
            1 => {
                let seed: Salt = r.array()?;
                let mut rows = Vec::new();
                let mut fault = None;
                salts(&seed, n, &mut |salt, _| {
                    if fault.is_none() {
                        match said.get(salt, r) {
                            Ok(row) => rows.push(row),
                            Err(found) => fault = Some(found),
                        }
                    }
                });
                fault.map_or(Ok(Self::Open(seed, rows)), Err)
            }
            2 if n > 1 => {
                let left = split(n);
                let right = n.saturating_sub(left);
                Ok(Self::Fork(Box::new(Self::get(r, left, said)?), Box::new(Self::get(r, right, said)?)))
            }
            _ => Err(WireFault::Range("tree")),
        }
    }
}

impl Batch {
    /// The open facts' rows with their seq, in order.
    pub fn rows(&self) -> Vec<(u64, &Row)> {
        let mut out = Vec::new();
        let first = self.seal.first;
        self.tree.each(0, self.seal.facts(), &mut |at, row| {
            out.push((first.saturating_add(u64::try_from(at).unwrap_or(u64::MAX)), row));
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
        let seq = |at| first.saturating_add(u64::try_from(at).unwrap_or(u64::MAX));
        Self { tree: self.tree.only(0, n, &mut |at, row| open(seq(at), row)), seal: self.seal }
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
        let seal = &self.seal;
        if seal.suite != SUITE {
            return Err(SealFault::Suite);
        }
        if key.verify_strict(&seal.head(), &Signature::from_bytes(&seal.signature)).is_err() {
            return Err(SealFault::Signature);
        }
        self.facts()
    }

    /// The open facts of a batch that was verified before it was stored.
    ///
    /// # Errors
    /// `Wire` for a row that cannot be read.
    pub fn facts(&self) -> Result<Vec<Verified>, SealFault> {
        let mut out = Vec::new();
        for (seq, row) in self.rows() {
            let id = FactId { journal: self.seal.journal, seq };
            let head = (row.author.clone(), row.section, row.file);
            out.push(Verified { fact: Fact::of_row(id, head, self.seal.base, &row.bytes)?, leaf: row.leaf });
        }
        Ok(out)
    }

    /// The batch's bytes: the seal, then the tree from its root. FROZEN.
    pub fn bytes(&self) -> Vec<u8> {
        let mut w = Writer::new();
        self.seal.put(&mut w);
        self.tree.put(&mut Said::default(), &mut w);
        w.done()
    }

    /// The batch of these bytes; nothing of it is verified yet.
    ///
    /// # Errors
    /// Any [`WireFault`].
    pub fn parse(bytes: &[u8]) -> Result<Self, WireFault> {
        let mut r = Reader::new(bytes);
        let mut seal = Seal::get(&mut r)?;
        let tree = Tree::get(&mut r, seal.facts(), &mut Said::default())?;
        r.end()?;
        // The root is what the received parts hash to: a wrong part makes the signature wrong.
        seal.root = tree.node();
        Ok(Self { seal, tree })
    }
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

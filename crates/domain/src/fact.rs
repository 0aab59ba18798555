//! One fact, its batch and its seal. A fact is written once and never edited; a seal binds a run of a journal's facts
//! so that any part can be withheld and the rest still verifies.
//! Bytes are hashed as received, never re-encoded. Nothing here decides who may write or what a fact means.

use ed25519_dalek::{Signature, Signer, SigningKey, VerifyingKey};
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};

use crate::clock::Millis;
use crate::ids::{FactId, FileId, JournalId, PersonId, Sha};
use crate::wire::{Reader, WireFault, Writer};
use crate::words::Section;

/// Largest body of a fact, bytes.
pub const MOST_BODY: usize = 64 * 1024;
/// Most facts in a batch.
pub const MOST_FACTS: usize = 500;
/// Suite 1: SHA-256 and Ed25519. Suite 2 is reserved for SM3 and SM2.
pub const SUITE: u8 = 1;

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

fn section_code(section: Section) -> u8 {
    match section {
        Section::Core => 0,
        Section::Id => 1,
        Section::Care => 2,
        Section::Gov => 3,
        Section::Edu => 4,
    }
}

fn section_of(code: u8) -> Result<Section, WireFault> {
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
    w.raw(&id.journal.0).u64(id.seq);
}

/// Reads a fact's name.
///
/// # Errors
/// `Short`.
pub fn get_fact_id(r: &mut Reader<'_>) -> Result<FactId, WireFault> {
    Ok(FactId { journal: JournalId(r.array()?), seq: r.u64()? })
}

impl Fact {
    /// The fact's bytes: what its leaf hashes and what every replica stores.
    pub fn bytes(&self) -> Vec<u8> {
        let mut w = Writer::new();
        put_fact_id(&mut w, self.id);
        w.raw(&self.file.0).u8(section_code(self.section)).i64(self.wall.0);
        w.bytes(self.author.as_str().as_bytes()).bytes(self.kind.as_bytes());
        w.u32(u32::try_from(self.replaces.len()).unwrap_or(u32::MAX));
        for id in &self.replaces {
            put_fact_id(&mut w, *id);
        }
        w.bytes(&self.body);
        w.done()
    }

    /// The fact of these bytes.
    ///
    /// # Errors
    /// Any [`WireFault`].
    pub fn parse(bytes: &[u8]) -> Result<Self, WireFault> {
        let mut r = Reader::new(bytes);
        let id = get_fact_id(&mut r)?;
        let file = FileId(r.array()?);
        let section = section_of(r.u8()?)?;
        let wall = Millis(r.i64()?);
        let author = match r.text(64)?.parse() {
            Ok(author) => author,
            Err(_) => return Err(WireFault::Range("author")),
        };
        let kind = r.text(64)?.to_owned();
        let count = r.u32()?;
        let mut replaces = Vec::new();
        for _ in 0..count {
            replaces.push(get_fact_id(&mut r)?);
        }
        let body = r.bytes(MOST_BODY)?.to_vec();
        r.end()?;
        if id.seq == 0 {
            return Err(WireFault::Range("seq"));
        }
        Ok(Self { id, file, section, wall, author, kind, replaces, body })
    }
}

/// The salt that keeps a withheld run from being guessed.
pub type Salt = [u8; 16];

/// The hash of one fact under its run's salt.
pub fn leaf(salt: &Salt, fact_bytes: &[u8]) -> Sha {
    let mut hash = Sha256::new();
    hash.update([0]);
    hash.update(salt);
    hash.update(fact_bytes);
    Sha(hash.finalize().into())
}

fn join(left: &Sha, right: &Sha) -> Sha {
    let mut hash = Sha256::new();
    hash.update([1]);
    hash.update(left.0);
    hash.update(right.0);
    Sha(hash.finalize().into())
}

/// Where a tree of `n` > 1 leaves splits: the largest power of two below `n` (RFC 6962).
fn split(n: usize) -> usize {
    n.next_power_of_two() / 2
}

/// The root over `nodes`; of none, the hash of nothing.
fn root(nodes: &[Sha]) -> Sha {
    match nodes {
        [] => Sha::of(&[]),
        [one] => *one,
        more => {
            let (left, right) = more.split_at(split(more.len()).min(more.len()));
            join(&root(left), &root(right))
        }
    }
}

/// Consecutive facts of one section of one file: the smallest thing that can be withheld.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Run {
    /// The file.
    pub file: FileId,
    /// The section.
    pub section: Section,
    /// Its salt.
    pub salt: Salt,
    /// The bytes of its facts, in seq order.
    pub facts: Vec<Vec<u8>>,
}

impl Run {
    /// The run's node in its batch's tree.
    pub fn node(&self) -> Sha {
        let leaves: Vec<Sha> = self.facts.iter().map(|fact| leaf(&self.salt, fact)).collect();
        root(&leaves)
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
    /// Runs.
    pub runs: u32,
    /// The position of the county log that the author had seen.
    pub seen: u64,
    /// Root over the runs' nodes.
    pub root: Sha,
    /// Signature over all of the above.
    pub signature: [u8; 64],
}

impl Seal {
    fn head(&self) -> Vec<u8> {
        let mut w = Writer::new();
        w.raw(b"ruhu.seal.1\0").u8(self.suite).raw(&self.journal.0).u64(self.batch).raw(&self.previous.0);
        w.u64(self.first).u32(self.count).u32(self.runs).u64(self.seen).raw(&self.root.0);
        w.done()
    }

    /// The seal's bytes.
    pub fn bytes(&self) -> Vec<u8> {
        let mut w = Writer::new();
        w.raw(&self.head()).raw(&self.signature);
        w.done()
    }

    /// The seal of these bytes.
    ///
    /// # Errors
    /// Any [`WireFault`].
    pub fn parse(r: &mut Reader<'_>) -> Result<Self, WireFault> {
        if r.raw(12)? != b"ruhu.seal.1\0" {
            return Err(WireFault::Range("seal"));
        }
        Ok(Self {
            suite: r.u8()?,
            journal: JournalId(r.array()?),
            batch: r.u64()?,
            previous: Sha(r.array()?),
            first: r.u64()?,
            count: r.u32()?,
            runs: r.u32()?,
            seen: r.u64()?,
            root: Sha(r.array()?),
            signature: r.array()?,
        })
    }

    /// What the next seal names as its predecessor.
    pub fn hash(&self) -> Sha {
        Sha::of(&self.bytes())
    }
}

/// A batch's runs as a tree; a subtree without an open run is one hash.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Tree {
    Closed(Sha),
    Open(Run),
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
    /// Not signed by the journal's key.
    #[error("the signature is not the journal's")]
    Signature,
    /// The parts do not hash to the root.
    #[error("the contents do not match the seal")]
    Root,
    /// Facts that are not the journal's, not in order, or not of their run.
    #[error("a fact stands where it does not belong")]
    Place,
    /// Too many facts or none.
    #[error("the batch's size is out of range")]
    Size,
    /// Bytes that cannot be read.
    #[error("unreadable bytes")]
    Wire(#[from] WireFault),
}

/// Seals `facts`, which must be consecutive facts of one journal, at most [`MOST_FACTS`].
///
/// `seed` is fresh randomness; the runs' salts are drawn from it, and it is not kept.
///
/// # Errors
/// `Size` for none or too many, `Place` for facts that are not consecutive in `journal`.
pub fn seal(
    facts: &[Fact],
    previous: Option<&Seal>,
    seen: u64,
    seed: &[u8; 32],
    key: &SigningKey,
) -> Result<Batch, SealFault> {
    let first = facts.first().ok_or(SealFault::Size)?;
    if facts.len() > MOST_FACTS {
        return Err(SealFault::Size);
    }
    let mut parts: Vec<Run> = Vec::new();
    let mut expected = first.id.seq;
    for fact in facts {
        if fact.id.journal != first.id.journal || fact.id.seq != expected {
            return Err(SealFault::Place);
        }
        expected = expected.saturating_add(1);
        match parts.last_mut() {
            Some(run) if run.file == fact.file && run.section == fact.section => run.facts.push(fact.bytes()),
            Some(_) | None => parts.push(Run {
                file: fact.file,
                section: fact.section,
                salt: salt_of(seed, fact.id.seq),
                facts: vec![fact.bytes()],
            }),
        }
    }
    let runs = parts.len();
    let tree = Tree::of(&parts).ok_or(SealFault::Size)?;
    let mut seal = Seal {
        suite: SUITE,
        journal: first.id.journal,
        batch: previous.map_or(1, |seal| seal.batch.saturating_add(1)),
        previous: previous.map_or(Sha([0; 32]), Seal::hash),
        first: first.id.seq,
        count: u32::try_from(facts.len()).unwrap_or(u32::MAX),
        runs: u32::try_from(runs).unwrap_or(u32::MAX),
        seen,
        root: tree.node(),
        signature: [0; 64],
    };
    seal.signature = key.sign(&seal.head()).to_bytes();
    Ok(Batch { seal, tree })
}

fn salt_of(seed: &[u8; 32], seq: u64) -> Salt {
    let mut salt = [0; 16];
    // An HMAC takes a key of any length.
    if let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(seed) {
        mac.update(&seq.to_be_bytes());
        for (slot, byte) in salt.iter_mut().zip(mac.finalize().into_bytes()) {
            *slot = byte;
        }
    }
    salt
}

/// A fact with its leaf, as a verified batch yields it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified {
    /// The fact.
    pub fact: Fact,
    /// Its bytes as received.
    pub bytes: Vec<u8>,
    /// Its leaf.
    pub leaf: Sha,
}

impl Tree {
    /// The tree over `runs`; of none, nothing.
    fn of(runs: &[Run]) -> Option<Self> {
        match runs {
            [] => None,
            [one] => Some(Self::Open(one.clone())),
            more => {
                let (left, right) = more.split_at_checked(split(more.len()))?;
                Some(Self::Fork(Box::new(Self::of(left)?), Box::new(Self::of(right)?)))
            }
        }
    }

    fn node(&self) -> Sha {
        match self {
            Self::Closed(node) => *node,
            Self::Open(run) => run.node(),
            Self::Fork(left, right) => join(&left.node(), &right.node()),
        }
    }

    fn open_runs<'a>(&'a self, out: &mut Vec<&'a Run>) {
        match self {
            Self::Closed(_) => {}
            Self::Open(run) => out.push(run),
            Self::Fork(left, right) => {
                left.open_runs(out);
                right.open_runs(out);
            }
        }
    }

    fn only(&self, open: &mut impl FnMut(&Run) -> bool) -> Self {
        match self {
            Self::Closed(node) => Self::Closed(*node),
            Self::Open(run) if open(run) => self.clone(),
            Self::Open(run) => Self::Closed(run.node()),
            Self::Fork(left, right) => match (left.only(open), right.only(open)) {
                (Self::Closed(left), Self::Closed(right)) => Self::Closed(join(&left, &right)),
                (left, right) => Self::Fork(Box::new(left), Box::new(right)),
            },
        }
    }

    fn put(&self, w: &mut Writer) {
        match self {
            Self::Closed(node) => {
                w.u8(0).raw(&node.0);
            }
            Self::Open(run) => {
                w.u8(1).raw(&run.file.0).u8(section_code(run.section)).raw(&run.salt);
                w.u32(u32::try_from(run.facts.len()).unwrap_or(u32::MAX));
                for fact in &run.facts {
                    w.bytes(fact);
                }
            }
            Self::Fork(left, right) => {
                w.u8(2);
                left.put(w);
                right.put(w);
            }
        }
    }

    fn get(r: &mut Reader<'_>, runs: usize) -> Result<Self, WireFault> {
        match r.u8()? {
            0 => Ok(Self::Closed(Sha(r.array()?))),
            1 if runs == 1 => {
                let file = FileId(r.array()?);
                let section = section_of(r.u8()?)?;
                let salt = r.array()?;
                let count = usize::try_from(r.u32()?).unwrap_or(usize::MAX);
                if count == 0 || count > MOST_FACTS {
                    return Err(WireFault::Range("facts"));
                }
                let mut facts = Vec::new();
                for _ in 0..count {
                    facts.push(r.bytes(MOST_BODY.saturating_mul(2))?.to_vec());
                }
                Ok(Self::Open(Run { file, section, salt, facts }))
            }
            2 if runs > 1 => {
                let left = split(runs);
                let right = runs.saturating_sub(left);
                Ok(Self::Fork(Box::new(Self::get(r, left)?), Box::new(Self::get(r, right)?)))
            }
            _ => Err(WireFault::Range("tree")),
        }
    }
}

impl Batch {
    /// The runs that are open, in order.
    pub fn runs(&self) -> Vec<&Run> {
        let mut out = Vec::new();
        self.tree.open_runs(&mut out);
        out
    }

    /// Whether every run is there.
    pub fn whole(&self) -> bool {
        usize::try_from(self.seal.runs) == Ok(self.runs().len())
    }

    /// The same batch with only the runs that `open` allows; the rest as hashes.
    #[must_use]
    pub fn only(&self, mut open: impl FnMut(&Run) -> bool) -> Self {
        Self { seal: self.seal.clone(), tree: self.tree.only(&mut open) }
    }

    /// Checks signature, tree and places, and yields the facts that are open, in seq order.
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
        if self.tree.node() != seal.root {
            return Err(SealFault::Root);
        }
        let count = usize::try_from(seal.count).unwrap_or(usize::MAX);
        if count == 0 || count > MOST_FACTS {
            return Err(SealFault::Size);
        }
        let end = seal.first.saturating_add(u64::from(seal.count));
        let mut out = Vec::new();
        let mut least = seal.first;
        for run in self.runs() {
            let mut within: Option<u64> = None;
            for bytes in &run.facts {
                let fact = Fact::parse(bytes)?;
                let in_order = within.map_or(fact.id.seq >= least, |seq| fact.id.seq == seq.saturating_add(1));
                let at_home = fact.id.journal == seal.journal
                    && fact.id.seq < end
                    && fact.file == run.file
                    && fact.section == run.section;
                if !(in_order && at_home) {
                    return Err(SealFault::Place);
                }
                within = Some(fact.id.seq);
                out.push(Verified { leaf: leaf(&run.salt, bytes), fact, bytes: bytes.clone() });
            }
            least = within.map_or(least, |seq| seq.saturating_add(1));
        }
        if self.whole() && out.len() != count {
            return Err(SealFault::Place);
        }
        Ok(out)
    }

    /// The batch's bytes: the seal, then the tree from its root.
    pub fn bytes(&self) -> Vec<u8> {
        let mut w = Writer::new();
        w.raw(&self.seal.bytes());
        self.tree.put(&mut w);
        w.done()
    }

    /// The batch of these bytes; nothing of it is verified yet.
    ///
    /// # Errors
    /// Any [`WireFault`].
    pub fn parse(bytes: &[u8]) -> Result<Self, WireFault> {
        let mut r = Reader::new(bytes);
        let seal = Seal::parse(&mut r)?;
        let runs = usize::try_from(seal.runs).unwrap_or(usize::MAX);
        if runs == 0 || runs > MOST_FACTS {
            return Err(WireFault::Range("runs"));
        }
        let tree = Tree::get(&mut r, runs)?;
        r.end()?;
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
            let whole = seal(&facts(n), None, 5, &[1; 32], &key).expect("sealed");
            assert_eq!(whole.verify(&key.verifying_key()).expect("verifies").len(), usize::try_from(n).expect("few"));
            let part = whole.only(|run| run.file.0[0] % 3 == 0);
            let back = Batch::parse(&part.bytes()).expect("parses");
            assert_eq!(back, part);
            let open = back.verify(&key.verifying_key()).expect("verifies");
            assert!(open.iter().all(|v| v.fact.file.0[0] % 3 == 0));
            let again = Batch::parse(&whole.bytes()).expect("parses");
            assert_eq!(again, whole);
        }
    }

    #[test]
    fn every_flipped_byte_is_found() {
        let key = SigningKey::from_bytes(&[3; 32]);
        let bytes = seal(&facts(7), None, 5, &[1; 32], &key).expect("sealed").bytes();
        for at in 0..bytes.len() {
            let mut bad = bytes.clone();
            bad[at] ^= 1;
            let believed = Batch::parse(&bad).is_ok_and(|batch| batch.verify(&key.verifying_key()).is_ok());
            assert!(!believed, "byte {at} flipped unseen");
        }
    }
}

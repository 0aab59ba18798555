//! What lies in a bundle: the exchange of `exchange`, said in one breath each way, because nobody can ask back.
//! Up: one [`Asking`], then pushes, then papers. Down: one [`Answer`], then acknowledgements, pages that follow each
//! other, a closing sum if they reach the end, then papers. Items are packed messages, papers bare ones.
//!
//! An answer may come months late, twice, or after another one. It counts only while the desk stands where it stood
//! when it asked: the same journal, the same cursor, the same newest mark. That is the whole rule, and it is this strict
//! on purpose: a page from before the cursor does not name what was gained and lost since, so that taking it would keep
//! what must be erased; and an acknowledgement by a log that was restored meanwhile is worth nothing. Papers alone count
//! always, by their hash. What an old answer would have brought, the next one brings.

use std::num::NonZeroU8;

use crate::blob::MOST_BLOB;
use crate::exchange::{Cursor, Hello, Mark, Message, Welcome};
use crate::fact::{section_code, section_of};
use crate::ids::{BundleId, FileId, JournalId, Sha};
use crate::wire::{Reader, WireFault, Writer};
use crate::words::Section;

/// Most papers that one asking names of a kind.
pub const MOST_NAMED: usize = 5_000;

/// What an item of a bundle is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// An [`Asking`], first in a bundle to the county.
    Asking,
    /// A push.
    Push,
    /// A [`Paper`], either way.
    Paper,
    /// An [`Answer`], first in a bundle to a desk.
    Answer,
    /// Acknowledgements.
    Acks,
    /// A page; the first follows the answer's cursor, each other the one before it.
    Page,
    /// The closing sum at the cursor behind the last page.
    Sum,
}

impl Kind {
    /// Every kind with its code. FROZEN.
    const CODES: [(Self, u8); 7] = [
        (Self::Asking, 1),
        (Self::Push, 2),
        (Self::Paper, 3),
        (Self::Answer, 17),
        (Self::Acks, 18),
        (Self::Page, 19),
        (Self::Sum, 20),
    ];

    /// The kind as an item carries it.
    pub fn code(self) -> NonZeroU8 {
        let code = Self::CODES.iter().find(|(kind, _)| *kind == self).map_or(1, |(_, code)| *code);
        NonZeroU8::new(code).unwrap_or(NonZeroU8::MIN)
    }

    /// The kind of this code; a newer one has none.
    pub fn of_code(code: NonZeroU8) -> Option<Self> {
        Self::CODES.iter().find(|(_, known)| *known == code.get()).map(|(kind, _)| *kind)
    }
}

/// A paper that a desk has not sent yet, and where it belongs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unsent {
    /// Its hash.
    pub sha: Sha,
    /// The file it belongs to.
    pub file: FileId,
    /// The section.
    pub section: Section,
}

/// What a desk says and wants to know. An answer follows from it and from the county's log alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asking {
    /// The greeting, with all marks: nobody can ask for more of them.
    pub hello: Hello,
    /// How far the desk's clock was off when that was last measured. The journey must not be taken for it.
    pub offset: i64,
    /// The number of the first own batch that the county has not acknowledged: from here on it is to say where they stand.
    pub first: u64,
    /// Own papers not known to be at the county, in this bundle or not.
    pub unsent: Vec<Unsent>,
    /// Papers that records here name and that are not here.
    pub missing: Vec<Sha>,
    /// Everything is read again, own records too, since the county was found restored.
    pub anew: bool,
}

impl Asking {
    /// The newest mark of the log that the desk knows.
    pub fn top(&self) -> Mark {
        self.hello.marks.iter().copied().max().unwrap_or_default()
    }
}

/// What the county answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The bundle that it answers.
    pub to: BundleId,
    /// The journal of the desk that the acknowledgements and the welcome speak of.
    pub journal: JournalId,
    /// Where the desk stood.
    pub cursor: Cursor,
    /// What it knew of the log.
    pub top: Mark,
    /// The county's welcome, of after it took what was in the bundle.
    pub welcome: Welcome,
    /// The hashes of the seals that the county has of that journal from number `first` on. Only a batch under the very same
    /// seal is acknowledged: a twin of the desk may have given the number to another.
    pub seals: Vec<Sha>,
    /// As the desk asked.
    pub first: u64,
    /// Of the desk's unsent papers, those that are at the county.
    pub kept: Vec<Sha>,
}

/// A photo or scan with its bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Paper {
    /// Its hash.
    pub sha: Sha,
    /// The file it belongs to.
    pub file: FileId,
    /// The section.
    pub section: Section,
    /// Its bytes.
    pub bytes: Vec<u8>,
}

fn put_shas(w: &mut Writer, shas: &[Sha]) {
    w.count(shas.len());
    for sha in shas {
        w.raw(&sha.0);
    }
}

fn get_shas(r: &mut Reader<'_>) -> Result<Vec<Sha>, WireFault> {
    let mut out = Vec::new();
    for _ in 0..named(r)? {
        out.push(Sha(r.array()?));
    }
    Ok(out)
}

fn named(r: &mut Reader<'_>) -> Result<usize, WireFault> {
    let count = r.count()?;
    if count <= MOST_NAMED { Ok(count) } else { Err(WireFault::Range("papers")) }
}

impl Message for Asking {
    const TAG: u8 = 33;
    fn put(&self, w: &mut Writer) {
        self.hello.put(w);
        w.near(self.offset).varint(self.first).count(self.unsent.len());
        for unsent in &self.unsent {
            w.raw(&unsent.sha.0).raw(&unsent.file.0).u8(section_code(unsent.section));
        }
        put_shas(w, &self.missing);
        w.u8(u8::from(self.anew));
    }
    fn get(r: &mut Reader<'_>) -> Result<Self, WireFault> {
        let (hello, offset, first) = (Hello::get(r)?, r.near()?, r.varint()?);
        let mut unsent = Vec::new();
        for _ in 0..named(r)? {
            unsent.push(Unsent { sha: Sha(r.array()?), file: FileId(r.array()?), section: section_of(r.u8()?)? });
        }
        let missing = get_shas(r)?;
        let anew = match r.u8()? {
            0 => false,
            1 => true,
            _ => return Err(WireFault::Range("flag")),
        };
        Ok(Self { hello, offset, first, unsent, missing, anew })
    }
}

impl Message for Answer {
    const TAG: u8 = 34;
    fn put(&self, w: &mut Writer) {
        w.raw(&self.to.0).raw(&self.journal.0).bytes(&self.cursor.bytes());
        w.varint(self.top.position).raw(&self.top.chain);
        self.welcome.put(w);
        w.varint(self.first).count(self.seals.len());
        for seal in &self.seals {
            w.raw(&seal.0);
        }
        put_shas(w, &self.kept);
    }
    fn get(r: &mut Reader<'_>) -> Result<Self, WireFault> {
        let (to, journal) = (BundleId(r.array()?), JournalId(r.array()?));
        let cursor = Cursor::parse(r.bytes(64)?)?;
        let top = Mark { position: r.varint()?, chain: r.array()? };
        let (welcome, first) = (Welcome::get(r)?, r.varint()?);
        let mut seals = Vec::new();
        for _ in 0..r.count()? {
            seals.push(Sha(r.array()?));
        }
        Ok(Self { to, journal, cursor, top, welcome, seals, first, kept: get_shas(r)? })
    }
}

impl Message for Paper {
    const TAG: u8 = 35;
    fn put(&self, w: &mut Writer) {
        w.raw(&self.sha.0).raw(&self.file.0).u8(section_code(self.section)).bytes(&self.bytes);
    }
    fn get(r: &mut Reader<'_>) -> Result<Self, WireFault> {
        let most = usize::try_from(MOST_BLOB).unwrap_or(usize::MAX);
        Ok(Self {
            sha: Sha(r.array()?),
            file: FileId(r.array()?),
            section: section_of(r.u8()?)?,
            bytes: r.bytes(most)?.to_vec(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Millis;
    use crate::ids::LogId;

    fn asking(cursor: Cursor, marks: Vec<Mark>) -> Asking {
        let (log, journal) = (LogId([1; 8]), JournalId([2; 8]));
        let hello = Hello { log, journal, wall: Millis(9), cursor, marks, wants: Vec::new() };
        let unsent = vec![Unsent { sha: Sha([3; 32]), file: FileId([4; 8]), section: Section::Core }];
        Asking { hello, offset: -7, first: 12, unsent, missing: vec![Sha([5; 32])], anew: true }
    }

    #[test]
    fn messages_are_their_bytes_and_never_less() {
        let asking = asking(Cursor { visible: 3, position: 2, seq: 1 }, vec![Mark { position: 3, chain: [8; 8] }]);
        let welcome = Welcome {
            log: LogId([1; 8]),
            head: Mark::default(),
            agreed: 3,
            safe: 2,
            now: Millis(5),
            batches: 4,
            last_seal: Sha([6; 32]),
            closed: true,
            quiet: false,
        };
        let answer = Answer {
            to: BundleId([1; 16]),
            journal: JournalId([2; 8]),
            cursor: asking.hello.cursor,
            top: asking.top(),
            welcome,
            seals: vec![Sha([9; 32])],
            first: 4,
            kept: vec![Sha([3; 32])],
        };
        let paper = Paper { sha: Sha([1; 32]), file: FileId([2; 8]), section: Section::Edu, bytes: vec![1, 2, 3] };
        assert_eq!(Asking::parse(&asking.bytes()), Ok(asking.clone()));
        assert_eq!(Answer::parse(&answer.bytes()), Ok(answer.clone()));
        assert_eq!(Paper::parse(&paper.bytes()), Ok(paper.clone()));
        for cut in 0..answer.bytes().len() {
            assert!(Answer::parse(&answer.bytes()[..cut]).is_err());
        }
        for cut in 0..asking.bytes().len() {
            assert!(Asking::parse(&asking.bytes()[..cut]).is_err());
        }
        for (kind, _) in Kind::CODES {
            assert_eq!(Kind::of_code(kind.code()), Some(kind));
        }
        assert_eq!(Kind::of_code(NonZeroU8::MAX), None);
    }
}

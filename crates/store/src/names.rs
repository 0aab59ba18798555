//! Small numbers for long names: journals and files get one at first sight, facts one of both. Rows of one village then
//! stand together on disk, and a fact is found by one integer. The numbers are this file's own and never leave it.

#[allow(clippy::disallowed_types, reason = "names are looked up and never walked: no order leaks")]
use std::collections::HashMap;

use domain::ids::{FactId, FileId, JournalId, PersonId};
use domain::words::Section;
use rusqlite::{Connection, params};

use crate::fault::StoreFault;
use crate::log::uint;

/// Bits of a seq in a fact's number.
const SEQ_BITS: u32 = 32;

/// The number of a fact.
pub(crate) fn fact_no(journal: i64, seq: u64) -> Result<i64, StoreFault> {
    match u32::try_from(seq) {
        Ok(seq) => Ok((journal << SEQ_BITS) | i64::from(seq)),
        Err(_) => Err(StoreFault::Corrupt { what: "a seq beyond all journals" }),
    }
}

/// First and last number that facts of a journal can have.
pub(crate) fn span(journal: i64) -> (i64, i64) {
    (journal << SEQ_BITS, (journal << SEQ_BITS) | i64::from(u32::MAX))
}

/// The seq in a fact's number.
pub(crate) fn seq_of(n: i64) -> u64 {
    uint(n & i64::from(u32::MAX))
}

/// The number of the batch in which a fact stands: the fact's journal, and the batch's number within it.
pub(crate) fn batch_of(n: i64, batch: i64) -> i64 {
    (n & !i64::from(u32::MAX)) | batch
}

/// The journal's number in a fact's or a batch's number.
pub(crate) fn journal_of(n: i64) -> i64 {
    n >> SEQ_BITS
}

/// Names come from others: the hash is seeded, so that nobody chooses which of them meet.
#[allow(clippy::disallowed_types, reason = "names are looked up and never walked: no order leaks")]
type Numbers<T, N> = HashMap<T, N, foldhash::fast::RandomState>;

/// The names met so far. What a failed transaction added is read anew by [`Names::load`]. Tens of thousands of files, each
/// looked up for every fact of a day: hashed.
#[allow(clippy::disallowed_types, reason = "names are looked up and never walked: no order leaks")]
#[derive(Debug, Default)]
pub(crate) struct Names {
    journals: Numbers<JournalId, i64>,
    files: Numbers<FileId, i64>,
    /// By author: section, kind and number.
    manners: Numbers<PersonId, Vec<(Section, String, i64)>>,
}

impl Names {
    /// All names of the file.
    pub(crate) fn load(conn: &Connection) -> Result<Self, StoreFault> {
        let mut out = Self::default();
        let mut find = conn.prepare("SELECT id, no FROM journal")?;
        for row in find.query_map([], |row| Ok((JournalId(row.get(0)?), row.get(1)?)))? {
            let (id, no) = row?;
            out.journals.insert(id, no);
        }
        let mut find = conn.prepare("SELECT id, no FROM file")?;
        for row in find.query_map([], |row| Ok((FileId(row.get(0)?), row.get(1)?)))? {
            let (id, no) = row?;
            out.files.insert(id, no);
        }
        let mut find = conn.prepare("SELECT section, kind, author, no FROM manner")?;
        let mut rows = find.query([])?;
        while let Some(row) = rows.next()? {
            let (section, author): (String, String) = (row.get(0)?, row.get(2)?);
            let section = Section::of_code(&section).ok_or(StoreFault::Corrupt { what: "manner.section" })?;
            let author: PersonId = author.parse().or(Err(StoreFault::Corrupt { what: "manner.author" }))?;
            out.manners.entry(author).or_default().push((section, row.get(1)?, row.get(3)?));
        }
        Ok(out)
    }

    /// The number of who writes what kind of fact in which section, given now if it is new.
    pub(crate) fn manner(
        &mut self,
        conn: &Connection,
        section: Section,
        kind: &str,
        author: &PersonId,
    ) -> Result<i64, StoreFault> {
        let known = self.manners.get(author).into_iter().flatten().find(|of| of.0 == section && of.1 == kind);
        if let Some((_, _, no)) = known {
            return Ok(*no);
        }
        conn.prepare_cached("INSERT INTO manner (section, kind, author) VALUES (?1, ?2, ?3)")?.execute(params![
            section.code(),
            kind,
            author.as_str()
        ])?;
        let no = conn.last_insert_rowid();
        self.manners.entry(author.clone()).or_default().push((section, kind.to_owned(), no));
        Ok(no)
    }

    /// A journal's number, given now if it is new.
    pub(crate) fn journal(&mut self, conn: &Connection, id: JournalId) -> Result<i64, StoreFault> {
        if let Some(no) = self.journals.get(&id) {
            return Ok(*no);
        }
        conn.prepare_cached("INSERT INTO journal (id) VALUES (?1)")?.execute(params![id.0])?;
        let no = conn.last_insert_rowid();
        self.journals.insert(id, no);
        Ok(no)
    }

    /// A file's number, given now if it is new.
    pub(crate) fn file(&mut self, conn: &Connection, id: FileId) -> Result<i64, StoreFault> {
        if let Some(no) = self.files.get(&id) {
            return Ok(*no);
        }
        conn.prepare_cached("INSERT INTO file (id) VALUES (?1)")?.execute(params![id.0])?;
        let no = conn.last_insert_rowid();
        self.files.insert(id, no);
        Ok(no)
    }

    /// A file's number, if it was ever met.
    pub(crate) fn known_file(&self, id: FileId) -> Option<i64> {
        self.files.get(&id).copied()
    }

    /// A fact's number; its journal may be one that is only named so far.
    pub(crate) fn fact(&mut self, conn: &Connection, id: FactId) -> Result<i64, StoreFault> {
        fact_no(self.journal(conn, id.journal)?, id.seq)
    }

    /// A fact's number, if its journal was ever met.
    pub(crate) fn known_fact(&self, id: FactId) -> Option<i64> {
        self.journals.get(&id.journal).and_then(|journal| fact_no(*journal, id.seq).ok())
    }
}

/// The journal of a number.
pub(crate) fn journal_id(conn: &Connection, no: i64) -> Result<JournalId, StoreFault> {
    Ok(conn
        .prepare_cached("SELECT id FROM journal WHERE no = ?1")?
        .query_row(params![no], |row| row.get(0))
        .map(JournalId)?)
}

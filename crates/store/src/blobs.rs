//! Photos, scans and printed sheets, by their hash, inside the encrypted file: a fact and its picture are saved together.
//! What comes over a bad line is kept piece by piece, so that many short contacts make one photo. It is a blob only when
//! it is whole and has its hash.

use domain::ids::{FileId, Sha};
use domain::words::Section;
use rusqlite::{Connection, OptionalExtension, TransactionBehavior, params};

use crate::fault::StoreFault;
use crate::log::{Store, int, uint};

/// A kept blob.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Blob {
    /// Its hash.
    pub sha: Sha,
    /// Media type.
    pub media: String,
    /// The file it belongs to.
    pub file: FileId,
    /// The section.
    pub section: Section,
    /// Its bytes.
    pub bytes: Vec<u8>,
}

/// A blob that a fact here names and that is not here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Missing {
    /// Its hash.
    pub sha: Sha,
    /// The file it belongs to.
    pub file: FileId,
    /// Media type.
    pub media: String,
    /// Its size as the fact says, bytes.
    pub size: u64,
}

const MISSING: &str = "SELECT DISTINCT p.sha, (SELECT i.id FROM file i WHERE i.no = p.file), p.media, p.size
     FROM receipt_photo p JOIN fact f ON f.n = p.fact
     WHERE f.position IS NOT NULL AND NOT EXISTS (SELECT 1 FROM blob b WHERE b.sha = p.sha)";

/// Of a row of `blob`: nothing here names it, neither what stands nor what left and is kept nor, as far as can be told without
/// reading what is held, a receipt that the county holds.
pub(crate) const UNNAMED: &str = "blob.sha NOT IN (SELECT sha FROM receipt_photo)
     AND blob.sha NOT IN (SELECT sha FROM leaving WHERE sha IS NOT NULL)
     AND NOT EXISTS (SELECT 1 FROM file i JOIN filed x ON x.file = i.no JOIN entry e ON e.n = x.n
       JOIN manner m ON m.no = e.manner
       WHERE i.id = blob.file AND e.held = 1 AND m.kind = 'ReceiptFiled' AND m.section = blob.section)";

/// Nothing more is to be done with a blob for now.
fn settled(tx: &Connection, sha: Sha) -> Result<(), StoreFault> {
    // What it belongs to is no longer here, and it was still to be sent, or offered again to a restored county: not kept any
    // longer.
    let gone = tx
        .prepare_cached(&format!("DELETE FROM blob WHERE sha = ?1 AND sent <> 1 AND {UNNAMED}"))?
        .execute(params![sha.0])?;
    if gone > 0 {
        crate::copies::purge(tx)?;
    }
    tx.prepare_cached("UPDATE blob SET sent = 1 WHERE sha = ?1")?.execute(params![sha.0])?;
    Ok(())
}

pub(crate) fn keep(
    conn: &Connection,
    sha: Sha,
    file: FileId,
    section: Section,
    media: &str,
    bytes: &[u8],
    sent: bool,
) -> Result<(), StoreFault> {
    let size = int(u64::try_from(bytes.len()).unwrap_or(u64::MAX));
    conn.prepare_cached(
        "INSERT INTO blob (sha, file, section, media, size, sent, bytes) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
         ON CONFLICT (sha) DO NOTHING",
    )?
    .execute(params![sha.0, file.0, section.code(), media, size, sent, bytes])?;
    Ok(())
}

/// Rows of hash, file and section.
fn places(mut rows: rusqlite::Rows<'_>) -> Result<Vec<(Sha, FileId, Section)>, StoreFault> {
    let mut out = Vec::new();
    while let Some(row) = rows.next()? {
        let section: String = row.get(2)?;
        let section = Section::of_code(&section).ok_or(StoreFault::Corrupt { what: "blob.section" })?;
        out.push((Sha(row.get(0)?), FileId(row.get(1)?), section));
    }
    Ok(out)
}

impl Store {
    /// The blob of this hash, if it is here.
    ///
    /// # Errors
    /// [`StoreFault`].
    pub fn blob(&self, sha: Sha) -> Result<Option<Blob>, StoreFault> {
        let mut find = self.conn.prepare_cached("SELECT media, file, section, bytes FROM blob WHERE sha = ?1")?;
        let row: Option<(String, [u8; 8], String, Vec<u8>)> = find
            .query_row(params![sha.0], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)))
            .optional()?;
        let Some((media, file, section, bytes)) = row else { return Ok(None) };
        let section = Section::of_code(&section).ok_or(StoreFault::Corrupt { what: "blob.section" })?;
        Ok(Some(Blob { sha, media, file: FileId(file), section, bytes }))
    }

    /// Keeps bytes for this laptop alone (a preview, a run's PDF): never sent.
    ///
    /// # Errors
    /// [`StoreFault`].
    pub fn keep_local(&mut self, media: &str, bytes: &[u8]) -> Result<Sha, StoreFault> {
        let sha = Sha::of(bytes);
        keep(&self.conn, sha, FileId([0; 8]), Section::Core, media, bytes, true)?;
        Ok(sha)
    }

    /// Blobs that the county does not have, or may have lost, with their sizes, small first.
    ///
    /// # Errors
    /// [`StoreFault`].
    pub fn unsent_blobs(&self) -> Result<Vec<(Sha, u64)>, StoreFault> {
        let mut find = self.conn.prepare_cached("SELECT sha, size FROM blob WHERE sent <> 1 ORDER BY size, sha")?;
        Ok(find.query_map([], |row| Ok((Sha(row.get(0)?), uint(row.get(1)?))))?.collect::<Result<_, _>>()?)
    }

    /// Own blobs of one file that the county does not have.
    ///
    /// # Errors
    /// [`StoreFault`].
    pub fn unsent_of(&self, file: FileId) -> Result<Vec<Sha>, StoreFault> {
        let mut find =
            self.conn.prepare_cached("SELECT sha FROM blob WHERE sent = 0 AND file = ?1 ORDER BY size, sha")?;
        Ok(find.query_map(params![file.0], |row| Ok(Sha(row.get(0)?)))?.collect::<Result<_, _>>()?)
    }

    /// Own blobs that the county does not have, small first, each with the file and section it belongs to; at most `most`.
    ///
    /// # Errors
    /// [`StoreFault`].
    pub fn unsent_places(&self, most: usize) -> Result<Vec<(Sha, FileId, Section)>, StoreFault> {
        let mut find = self
            .conn
            .prepare_cached("SELECT sha, file, section FROM blob WHERE sent = 0 ORDER BY size, sha LIMIT ?1")?;
        places(find.query([i64::try_from(most).unwrap_or(i64::MAX)])?)
    }

    /// Blobs of own work that are in no verified backup of the county yet, in the same way.
    ///
    /// # Errors
    /// [`StoreFault`].
    pub fn own_unsafe_papers(&self) -> Result<Vec<(Sha, FileId, Section)>, StoreFault> {
        let safe: u64 = self.meta("safe")?.unwrap_or(0);
        let mut find = self.conn.prepare_cached(
            "SELECT b.sha, b.file, b.section FROM blob b
             WHERE b.sent = 0 OR EXISTS (SELECT 1 FROM receipt_photo p JOIN journal j ON j.no = p.fact >> 32
               WHERE p.sha = b.sha AND j.own = 1
                 AND coalesce((SELECT e.position FROM entry e WHERE e.n = p.fact), 9223372036854775807) > ?1)
             ORDER BY b.size, b.sha",
        )?;
        places(find.query([int(safe)])?)
    }

    /// The folder in which this file stands, where it stands in one.
    pub fn folder(&self) -> Option<std::path::PathBuf> {
        self.conn.path().and_then(|path| std::path::Path::new(path).parent()).map(std::path::Path::to_owned)
    }

    /// The county has this blob; `had`: it had it before it was asked.
    ///
    /// Papers do not make its log longer. One that was put back to a copy without this paper, and with a log as long as the
    /// one it lost, is not known to be so by anything that this desk remembers of the log. So a paper is offered again at
    /// the next contact at which the log is longer, and once more at a longer one still: it came no later than the first,
    /// and a copy without it is from before. By the second this desk knows a place beyond any such copy.
    ///
    /// # Errors
    /// [`StoreFault`].
    pub fn blob_sent(&mut self, sha: Sha, had: bool) -> Result<(), StoreFault> {
        self.within(|tx, _| {
            settled(tx, sha)?;
            let again: Option<bool> = tx
                .prepare_cached("SELECT again FROM paper_known WHERE sha = ?1")?
                .query_row(params![sha.0], |row| row.get(0))
                .optional()?;
            if had && again == Some(true) {
                tx.prepare_cached("DELETE FROM paper_known WHERE sha = ?1")?.execute(params![sha.0])?;
            } else {
                tx.prepare_cached(
                    "INSERT OR REPLACE INTO paper_known (sha, head, again)
                     SELECT ?1, (SELECT coalesce(max(position), 0) FROM mark), ?2
                     WHERE EXISTS (SELECT 1 FROM blob WHERE sha = ?1)",
                )?
                .execute(params![sha.0, had && again.is_some()])?;
            }
            Ok(())
        })
    }

    /// Papers that the county had when its log was shorter than `head` are to be offered again, over the line: see
    /// [`Store::blob_sent`].
    ///
    /// # Errors
    /// [`StoreFault`].
    pub fn ask_of_papers_again(&mut self, head: u64) -> Result<(), StoreFault> {
        self.within(|tx, _| {
            tx.execute("DELETE FROM paper_known WHERE sha NOT IN (SELECT sha FROM blob)", [])?;
            tx.prepare_cached(
                "UPDATE blob SET sent = 2 WHERE sent = 1 AND sha IN (SELECT sha FROM paper_known WHERE head < ?1)",
            )?
            .execute([int(head)])?;
            Ok(())
        })
    }

    /// The county does not take this blob. One that it had before is settled by that; false for one that waits on.
    ///
    /// # Errors
    /// [`StoreFault`].
    pub fn blob_not_taken(&mut self, sha: Sha) -> Result<bool, StoreFault> {
        self.within(|tx, _| {
            let again: bool = tx
                .prepare_cached("SELECT EXISTS (SELECT 1 FROM blob WHERE sha = ?1 AND sent = 2)")?
                .query_row(params![sha.0], |row| row.get(0))?;
            if again {
                tx.prepare_cached("DELETE FROM paper_known WHERE sha = ?1")?.execute(params![sha.0])?;
                settled(tx, sha)?;
            }
            Ok(again)
        })
    }

    /// Pictures that facts here name and that are not here, small first.
    ///
    /// # Errors
    /// [`StoreFault`].
    pub fn missing_blobs(&self) -> Result<Vec<Missing>, StoreFault> {
        let mut find = self.conn.prepare_cached(&format!("{MISSING} ORDER BY p.size, p.sha"))?;
        let rows = find.query_map([], |row| {
            Ok(Missing {
                sha: Sha(row.get(0)?),
                file: FileId(row.get(1)?),
                media: row.get(2)?,
                size: uint(row.get(3)?),
            })
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Bytes of a missing blob that have arrived, from its first on: where to go on.
    ///
    /// # Errors
    /// [`StoreFault`].
    pub fn arriving(&self, sha: Sha) -> Result<u64, StoreFault> {
        let mut find =
            self.conn.prepare_cached("SELECT coalesce(max(at + length(bytes)), 0) FROM arriving WHERE sha = ?1")?;
        Ok(uint(find.query_row(params![sha.0], |row| row.get(0))?))
    }

    /// Keeps bytes of a missing blob that follow what has arrived of it; `at` is the offset of the first.
    ///
    /// # Errors
    /// [`StoreFault`]; `Corrupt` for bytes that do not follow.
    pub fn arrived(&mut self, sha: Sha, at: u64, bytes: &[u8]) -> Result<(), StoreFault> {
        if self.arriving(sha)? != at {
            return Err(StoreFault::Corrupt { what: "the offset of a blob's bytes" });
        }
        let mut insert = self.conn.prepare_cached("INSERT INTO arriving (sha, at, bytes) VALUES (?1, ?2, ?3)")?;
        insert.execute(params![sha.0, int(at), bytes])?;
        Ok(())
    }

    /// Makes a blob of what has arrived; false if the whole has another hash: then all of it is dropped.
    ///
    /// # Errors
    /// [`StoreFault`]; then nothing has changed.
    pub fn arrived_whole(&mut self, missing: &Missing) -> Result<bool, StoreFault> {
        let tx = self.conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let mut bytes = Vec::new();
        {
            let mut find = tx.prepare_cached("SELECT bytes FROM arriving WHERE sha = ?1 ORDER BY at")?;
            let mut rows = find.query(params![missing.sha.0])?;
            while let Some(row) = rows.next()? {
                bytes.extend_from_slice(row.get_ref(0)?.as_blob().map_err(rusqlite::Error::from)?);
            }
        }
        let right = Sha::of(&bytes) == missing.sha;
        if right {
            keep(&tx, missing.sha, missing.file, Section::Core, &missing.media, &bytes, true)?;
        }
        tx.prepare_cached("DELETE FROM arriving WHERE sha = ?1")?.execute(params![missing.sha.0])?;
        tx.commit()?;
        Ok(right)
    }

    /// Drops what arrived of blobs that no fact here names any more.
    ///
    /// # Errors
    /// [`StoreFault`].
    pub fn sweep_arriving(&mut self) -> Result<(), StoreFault> {
        self.conn.execute(&format!("DELETE FROM arriving WHERE sha NOT IN (SELECT sha FROM ({MISSING}))"), [])?;
        Ok(())
    }
}

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
    /// A photo in small: nobody counts it.
    pub preview: bool,
    /// Its bytes.
    pub bytes: Vec<u8>,
}

/// A blob that is to go to the county.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Outgoing {
    /// Its hash.
    pub sha: Sha,
    /// The file it belongs to.
    pub file: FileId,
    /// The section.
    pub section: Section,
    /// Its size, bytes.
    pub size: u64,
    /// A photo in small: nobody counts it.
    pub preview: bool,
    /// The county never had it, as far as this desk knows.
    pub fresh: bool,
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
    /// A photo in small: nobody counts it.
    pub preview: bool,
}

/// A blob to be kept, under its hash.
pub(crate) struct Keeping<'a> {
    pub(crate) file: FileId,
    pub(crate) section: Section,
    pub(crate) media: &'a str,
    pub(crate) preview: bool,
    /// The county has it, or shall not have it.
    pub(crate) sent: bool,
}

impl<'a> Keeping<'a> {
    /// Of this laptop alone.
    pub(crate) fn local(media: &'a str) -> Self {
        Self { file: FileId([0; 8]), section: Section::Core, media, preview: false, sent: true }
    }

    pub(crate) fn keep(&self, conn: &Connection, sha: Sha, bytes: &[u8]) -> Result<(), StoreFault> {
        let size = int(u64::try_from(bytes.len()).unwrap_or(u64::MAX));
        conn.prepare_cached(
            "INSERT INTO blob (sha, file, section, media, size, sent, preview, bytes) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
             ON CONFLICT (sha) DO NOTHING",
        )?
        .execute(params![
            sha.0,
            self.file.0,
            self.section.code(),
            self.media,
            size,
            self.sent,
            self.preview,
            bytes
        ])?;
        Ok(())
    }
}

const MISSING: &str = "SELECT DISTINCT p.sha, (SELECT i.id FROM file i WHERE i.no = p.file), p.media, p.size, p.preview
     FROM paper p JOIN fact f ON f.n = p.fact
     WHERE f.position IS NOT NULL AND NOT EXISTS (SELECT 1 FROM blob b WHERE b.sha = p.sha)";

/// Of a row of `blob`: nothing here names it, neither what stands nor what left and is kept nor, as far as can be told without
/// reading what is held, a receipt that the county holds.
pub(crate) const UNNAMED: &str = "blob.sha NOT IN (SELECT sha FROM paper)
     AND blob.sha NOT IN (SELECT sha FROM left_paper)
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

/// Rows of a blob's hash, file, section, size, whether it is a preview, and whether the county has it.
fn outgoing(mut rows: rusqlite::Rows<'_>) -> Result<Vec<Outgoing>, StoreFault> {
    let mut out = Vec::new();
    while let Some(row) = rows.next()? {
        let section: String = row.get(2)?;
        let section = Section::of_code(&section).ok_or(StoreFault::Corrupt { what: "blob.section" })?;
        let (sha, file) = (Sha(row.get(0)?), FileId(row.get(1)?));
        let fresh = row.get::<_, i64>(5)? == 0;
        out.push(Outgoing { sha, file, section, size: uint(row.get(3)?), preview: row.get(4)?, fresh });
    }
    Ok(out)
}

impl Store {
    /// The blob of this hash, if it is here.
    ///
    /// # Errors
    /// [`StoreFault`].
    pub fn blob(&self, sha: Sha) -> Result<Option<Blob>, StoreFault> {
        let mut find =
            self.conn.prepare_cached("SELECT section, media, file, preview, bytes FROM blob WHERE sha = ?1")?;
        let mut rows = find.query([sha.0])?;
        let Some(row) = rows.next()? else { return Ok(None) };
        let section: String = row.get(0)?;
        let section = Section::of_code(&section).ok_or(StoreFault::Corrupt { what: "blob.section" })?;
        let (media, file) = (row.get(1)?, FileId(row.get(2)?));
        Ok(Some(Blob { sha, media, file, section, preview: row.get(3)?, bytes: row.get(4)? }))
    }

    /// Keeps bytes for this laptop alone (a preview, a run's PDF): never sent.
    ///
    /// # Errors
    /// [`StoreFault`].
    pub fn keep_local(&mut self, media: &str, bytes: &[u8]) -> Result<Sha, StoreFault> {
        let sha = Sha::of(bytes);
        Keeping::local(media).keep(&self.conn, sha, bytes)?;
        Ok(sha)
    }

    /// Forgets bytes that were kept for this laptop alone.
    ///
    /// # Errors
    /// [`StoreFault`].
    pub fn drop_local(&mut self, sha: Sha) -> Result<(), StoreFault> {
        self.conn.execute("DELETE FROM blob WHERE sha = ?1 AND file = zeroblob(8)", params![sha.0])?;
        Ok(())
    }

    /// Whether a blob is here.
    ///
    /// # Errors
    /// [`StoreFault`].
    pub fn has_blob(&self, sha: Sha) -> Result<bool, StoreFault> {
        Ok(self.conn.prepare_cached("SELECT 1 FROM blob WHERE sha = ?1")?.exists([sha.0])?)
    }

    /// Whether a blob that is here is a photo in small.
    ///
    /// # Errors
    /// [`StoreFault`].
    pub fn is_preview(&self, sha: Sha) -> Result<bool, StoreFault> {
        Ok(self.conn.prepare_cached("SELECT 1 FROM blob WHERE sha = ?1 AND preview = 1")?.exists([sha.0])?)
    }

    /// Blobs that the county does not have, or may have lost, small first.
    ///
    /// # Errors
    /// [`StoreFault`].
    pub fn unsent_blobs(&self) -> Result<Vec<Outgoing>, StoreFault> {
        let all = "SELECT sha, file, section, size, preview, sent FROM blob WHERE sent <> 1 ORDER BY size, sha";
        outgoing(self.conn.prepare_cached(all)?.query([])?)
    }

    /// Own blobs that the county does not have, small first.
    ///
    /// # Errors
    /// [`StoreFault`].
    pub fn only_here_blobs(&self) -> Result<Vec<Outgoing>, StoreFault> {
        let all = "SELECT sha, file, section, size, preview, sent FROM blob WHERE sent = 0 ORDER BY size, sha";
        outgoing(self.conn.prepare_cached(all)?.query([])?)
    }

    /// Blobs of own work that are in no verified backup of the county yet, small first.
    ///
    /// # Errors
    /// [`StoreFault`].
    pub fn own_unsafe_papers(&self) -> Result<Vec<Outgoing>, StoreFault> {
        let safe: u64 = self.meta("safe")?.unwrap_or(0);
        let mut find = self.conn.prepare_cached(
            "SELECT b.sha, b.file, b.section, b.size, b.preview, b.sent FROM blob b
             WHERE b.sent = 0 OR EXISTS (SELECT 1 FROM paper p JOIN journal j ON j.no = p.fact >> 32
               WHERE p.sha = b.sha AND j.own = 1
                 AND coalesce((SELECT e.position FROM entry e WHERE e.n = p.fact), 9223372036854775807) > ?1)
             ORDER BY b.size, b.sha",
        )?;
        outgoing(find.query([int(safe)])?)
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
                preview: row.get(4)?,
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
            let (file, section) = (missing.file, Section::Core);
            Keeping { file, section, media: &missing.media, preview: missing.preview, sent: true }.keep(
                &tx,
                missing.sha,
                &bytes,
            )?;
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

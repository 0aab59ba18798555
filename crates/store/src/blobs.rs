//! Photos, scans and printed sheets, by their hash, inside the encrypted file: a fact and its picture are saved together.

use domain::ids::{FileId, Sha};
use domain::words::Section;
use rusqlite::{Connection, OptionalExtension, params};

use crate::fault::StoreFault;
use crate::log::{Store, int};

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

    /// Keeps a blob that came from the county.
    ///
    /// # Errors
    /// [`StoreFault`].
    pub fn keep_received(&mut self, blob: &Blob) -> Result<(), StoreFault> {
        keep(&self.conn, blob.sha, blob.file, blob.section, &blob.media, &blob.bytes, true)
    }

    /// Own blobs that the county does not have, small first.
    ///
    /// # Errors
    /// [`StoreFault`].
    pub fn unsent_blobs(&self) -> Result<Vec<Sha>, StoreFault> {
        let mut find = self.conn.prepare_cached("SELECT sha FROM blob WHERE sent = 0 ORDER BY size, sha")?;
        Ok(find.query_map([], |row| Ok(Sha(row.get(0)?)))?.collect::<Result<_, _>>()?)
    }

    /// The county has this blob.
    ///
    /// # Errors
    /// [`StoreFault`].
    pub fn blob_sent(&mut self, sha: Sha) -> Result<(), StoreFault> {
        self.conn.prepare_cached("UPDATE blob SET sent = 1 WHERE sha = ?1")?.execute(params![sha.0])?;
        Ok(())
    }

    /// Pictures that facts here name and that are not here: hash, file, media type; small first.
    ///
    /// # Errors
    /// [`StoreFault`].
    pub fn missing_blobs(&self) -> Result<Vec<(Sha, FileId, String)>, StoreFault> {
        let mut find = self.conn.prepare_cached(
            "SELECT DISTINCT p.sha, (SELECT i.id FROM file i WHERE i.no = p.file), p.media, p.size FROM receipt_photo p JOIN fact f ON f.n = p.fact
             WHERE f.position IS NOT NULL AND NOT EXISTS (SELECT 1 FROM blob b WHERE b.sha = p.sha) ORDER BY p.size, p.sha",
        )?;
        let rows = find
            .query_map([], |row| Ok((Sha(row.get(0)?), FileId(row.get(1)?), row.get(2)?)))?
            .collect::<Result<_, _>>()?;
        Ok(rows)
    }
}

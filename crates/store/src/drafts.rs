//! Forms that were begun and not kept: what stood in them at the last key, so that a crash costs no word. A draft is no
//! fact: it never leaves this laptop, nobody else may read it, and it goes with the family it is about.

use domain::clock::Millis;
use domain::ids::FileId;
use rusqlite::{Transaction, params};

use crate::fault::StoreFault;
use crate::log::Store;

/// Drafts kept at once; the oldest goes first. Nobody has so many forms open: it bounds what a mistake can fill.
const MOST: u32 = 50;

/// One form as it stood at the last key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Draft {
    /// Which form, in the words of the ui.
    pub form: String,
    /// The family it is about.
    pub file: Option<FileId>,
    /// When the last key fell, by this machine's clock.
    pub at: Millis,
    /// What stands in it, in the ui's own writing.
    pub text: String,
}

impl Store {
    /// Keeps a form as it stands, in place of how it stood before. On the disk when this returns.
    ///
    /// # Errors
    /// [`StoreFault`]. A family that is not on this laptop keeps nothing: `false`.
    pub fn keep_draft(&mut self, draft: &Draft) -> Result<bool, StoreFault> {
        let file = match draft.file {
            Some(file) if self.family(file)?.is_none() => return Ok(false),
            Some(file) => self.names.known_file(file).unwrap_or(0),
            None => 0,
        };
        self.plainly(|tx, _, _| {
            tx.prepare_cached(
                "INSERT INTO draft (form, file, at, text) VALUES (?1, ?2, ?3, ?4)
                 ON CONFLICT (form, file) DO UPDATE SET at = excluded.at, text = excluded.text",
            )?
            .execute(params![draft.form, file, draft.at.0, draft.text])?;
            tx.prepare_cached(
                "DELETE FROM draft WHERE (form, file) IN (SELECT form, file FROM draft ORDER BY at DESC LIMIT -1 OFFSET ?1)",
            )?
            .execute([MOST])?;
            Ok(true)
        })
    }

    /// The forms that were begun and not kept, latest first.
    ///
    /// # Errors
    /// [`StoreFault`].
    pub fn drafts(&self) -> Result<Vec<Draft>, StoreFault> {
        let mut find = self.conn.prepare_cached(
            "SELECT d.form, (SELECT f.id FROM file f WHERE f.no = d.file), d.at, d.text FROM draft d ORDER BY d.at DESC, d.form",
        )?;
        let rows = find.query_map([], |row| {
            let file: Option<[u8; 8]> = row.get(1)?;
            Ok(Draft { form: row.get(0)?, file: file.map(FileId), at: Millis(row.get(2)?), text: row.get(3)? })
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Forgets a form: it was kept, or nobody wants it any more.
    ///
    /// # Errors
    /// [`StoreFault`].
    pub fn drop_draft(&mut self, form: &str, file: Option<FileId>) -> Result<(), StoreFault> {
        let file = file.map_or(Some(0), |file| self.names.known_file(file));
        self.plainly(|tx, _, _| {
            tx.prepare_cached("DELETE FROM draft WHERE form = ?1 AND file = ?2")?.execute(params![form, file])?;
            Ok(())
        })
    }
}

/// Drafts about families that are not on this laptop any more go with them.
pub(crate) fn leave(tx: &Transaction<'_>) -> Result<(), StoreFault> {
    tx.prepare_cached("DELETE FROM draft WHERE file > 0 AND file NOT IN (SELECT file FROM household)")?.execute([])?;
    Ok(())
}

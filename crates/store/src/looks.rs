//! Who looked at what is masked: read back for whoever watches over it.

use domain::audit::Looked;
use domain::clock::Millis;
use domain::event::Event;
use domain::ids::{FactId, FileId, PersonId};
use rusqlite::OptionalExtension;

use crate::fault::StoreFault;
use crate::log::{Store, bodies};

/// One look.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Look {
    /// The fact.
    pub id: FactId,
    /// The family.
    pub file: FileId,
    /// Who.
    pub person: PersonId,
    /// When, corrected.
    pub at: Millis,
    /// At what, and why.
    pub looked: Looked,
}

impl Store {
    /// The kind of a fact that is here.
    ///
    /// # Errors
    /// [`StoreFault`].
    pub fn kind_of(&self, id: FactId) -> Result<Option<String>, StoreFault> {
        let Some(n) = self.names.known_fact(id) else { return Ok(None) };
        let mut find = self.conn.prepare_cached("SELECT kind FROM fact WHERE n = ?1")?;
        Ok(find.query_row([n], |row| row.get(0)).optional()?)
    }

    /// The latest looks that this desk may see, newest first, at most so many.
    ///
    /// # Errors
    /// [`StoreFault`].
    pub fn looks(&self, most: u32) -> Result<Vec<Look>, StoreFault> {
        let mut find = self.conn.prepare_cached(
            "SELECT n, at FROM entry WHERE manner IN (SELECT no FROM manner WHERE kind = 'Looked')
             ORDER BY at DESC, n DESC LIMIT ?1",
        )?;
        let rows: Vec<(i64, i64)> =
            find.query_map([most], |row| Ok((row.get(0)?, row.get(1)?)))?.collect::<Result<_, _>>()?;
        let mut out = Vec::new();
        for (n, at) in rows {
            for fact in bodies(&self.conn, &[n])? {
                if let Some(Event::Looked(looked)) = Event::read(&fact.kind, &fact.body)? {
                    out.push(Look { id: fact.id, file: fact.file, person: fact.author, at: Millis(at), looked });
                }
            }
        }
        Ok(out)
    }
}

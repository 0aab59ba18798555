//! What pages tell of single facts beyond the views: what a held one says, what the device's own clock showed, which values
//! of a field a person's decision put aside, and the head's words on what is held. Reads only; nothing here words anything.

use std::collections::{BTreeMap, BTreeSet};

use domain::decision::HeldDecided;
use domain::event::Event;
use domain::fact::Fact;
use domain::ids::{FactId, FileId, JournalId};
use domain::words::HouseholdField;
use rusqlite::params;

use crate::deciding::not_let_in;
use crate::fault::StoreFault;
use crate::log::{Store, bodies};
use crate::reads::{SAID, Said, said};
use crate::views::{self, slot};

/// One value that a field ever had here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Filled {
    /// Who and when.
    pub said: Said,
    /// The value.
    pub text: String,
    /// The values in whose place it was put, as far as they are here.
    pub over: Vec<FactId>,
}

impl Store {
    /// A fact as its device wrote it, its own clock and its body included; `None` if it is not open here.
    ///
    /// # Errors
    /// [`StoreFault`].
    pub fn as_written(&self, id: FactId) -> Result<Option<Fact>, StoreFault> {
        match self.names.known_fact(id) {
            Some(n) => Ok(bodies(&self.conn, &[n])?.pop()),
            None => Ok(None),
        }
    }

    /// The head's words on held facts that stand in a device's file, in the order of the county's log, own new ones last.
    ///
    /// # Errors
    /// [`StoreFault`].
    pub fn held_decisions(&self, file: FileId) -> Result<Vec<(Said, HeldDecided)>, StoreFault> {
        let Some(file) = self.names.known_file(file) else { return Ok(Vec::new()) };
        let mut find = self.conn.prepare_cached(&format!(
            "SELECT {SAID}, f.n FROM filed x JOIN fact f ON f.n = x.n
             WHERE x.file = ?1 AND f.kind = 'HeldDecided' AND f.held = 0 ORDER BY f.position IS NULL, f.position, f.n"
        ))?;
        let mut rows = find.query([file])?;
        let mut out = Vec::new();
        while let Some(row) = rows.next()? {
            let said = said(row, 0)?;
            for fact in bodies(&self.conn, &[row.get(6)?])? {
                if let Ok(Some(Event::HeldDecided(decided))) = Event::read(&fact.kind, &fact.body) {
                    out.push((said.clone(), decided));
                }
            }
        }
        Ok(out)
    }

    /// The journals whose enrolment waits for the head: nothing of them is let through before it is.
    ///
    /// # Errors
    /// [`StoreFault`].
    pub fn not_let_in(&self) -> Result<BTreeSet<JournalId>, StoreFault> {
        not_let_in(&self.conn)
    }

    /// Fields in which somebody put one value in the place of several: family and field, latest first.
    ///
    /// # Errors
    /// [`StoreFault`].
    pub fn decided_fields(&self, most: u32) -> Result<Vec<(FileId, HouseholdField)>, StoreFault> {
        let first = HouseholdField::ALL.first().map_or(i64::MAX, |field| slot::field(*field));
        let mut find = self.conn.prepare_cached(
            "SELECT (SELECT i.id FROM file i WHERE i.no = x.file), x.slot FROM filed x JOIN entry e ON e.n = x.n
             WHERE x.slot >= ?1 AND typeof(x.over) = 'blob' AND e.held = 0
             GROUP BY x.file, x.slot ORDER BY max(e.at) DESC, x.file, x.slot LIMIT ?2",
        )?;
        let mut rows = find.query(params![first, most])?;
        let mut out = Vec::new();
        while let Some(row) = rows.next()? {
            if let Some(field) = slot::field_of(row.get(1)?) {
                out.push((FileId(row.get(0)?), field));
            }
        }
        Ok(out)
    }

    /// Every value that a field ever had here, oldest first, with what each was put in the place of.
    ///
    /// # Errors
    /// [`StoreFault`].
    pub fn field_history(&self, file: FileId, field: HouseholdField) -> Result<Vec<Filled>, StoreFault> {
        let Some(file) = self.names.known_file(file) else { return Ok(Vec::new()) };
        let mut find = self.conn.prepare_cached(&format!(
            "SELECT {SAID}, f.n, x.over, s.body FROM filed x JOIN fact f ON f.n = x.n JOIN said s ON s.no = x.said
             WHERE x.file = ?1 AND x.slot = ?2 AND f.held = 0 ORDER BY f.at, f.journal, f.seq"
        ))?;
        let mut rows = find.query(params![file, slot::field(field)])?;
        let mut ids: BTreeMap<i64, FactId> = BTreeMap::new();
        let mut read = Vec::new();
        while let Some(row) = rows.next()? {
            let said = said(row, 0)?;
            let text = String::from_utf8_lossy(&row.get::<_, Vec<u8>>(8)?).into_owned();
            ids.insert(row.get(6)?, said.id);
            read.push((said, text, views::targets_of(&row.get(7)?)));
        }
        Ok(read
            .into_iter()
            .map(|(said, text, over)| {
                let over = over.iter().filter_map(|n| ids.get(n).copied()).collect();
                Filled { said, text, over }
            })
            .collect())
    }
}

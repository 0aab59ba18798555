//! The laptops of the county as the log tells of them: whose they are, who gave one up, what lay on it. It must never guess:
//! what a lost laptop held is what its person could see when the county last spoke to it.

use std::collections::BTreeMap;

use domain::clock::Millis;
use domain::decision::DeviceRevoked;
use domain::event::Event;
use domain::ids::{DeviceId, FactId, PersonId};
use domain::lost::LaptopLost;
use domain::org::DeviceEnrolled;
use domain::rights::{Entitled, Position, Rights};
use rusqlite::OptionalExtension;

use crate::fault::StoreFault;
use crate::log::{Store, bodies, int};

/// A laptop.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Laptop {
    /// Its enrolment.
    pub enrolled: DeviceEnrolled,
    /// When that was.
    pub at: Millis,
    /// Who said that it is lost, when, and what.
    pub lost: Vec<(PersonId, Millis, LaptopLost)>,
    /// When it was turned out, and why.
    pub revoked: Option<(Millis, DeviceRevoked)>,
}

impl Store {
    /// All laptops that were ever enrolled, in that order.
    ///
    /// # Errors
    /// [`StoreFault`].
    pub fn laptops(&self) -> Result<Vec<Laptop>, StoreFault> {
        let mut all: Vec<Laptop> = Vec::new();
        let mut said = Vec::new();
        for (_, fact) in self.facts_of(&["DeviceEnrolled", "DeviceRevoked", "LaptopLost"])? {
            let Some(event) = Event::read(&fact.kind, &fact.body)? else { continue };
            if let Event::DeviceEnrolled(enrolled) = event {
                // A device that opens another journal is told of again.
                if !all.iter().any(|one| one.enrolled.device == enrolled.device) {
                    all.push(Laptop { enrolled, at: fact.wall, lost: Vec::new(), revoked: None });
                }
            } else {
                said.push((fact.wall, event, fact.author));
            }
        }
        let mut by_device: BTreeMap<DeviceId, &mut Laptop> =
            all.iter_mut().map(|one| (one.enrolled.device, one)).collect();
        for (at, event, author) in said {
            if let Event::LaptopLost(lost) = event {
                if let Some(laptop) = by_device.get_mut(&lost.device) {
                    // Whoever says it again means the later time.
                    laptop.lost.retain(|(person, ..)| *person != author);
                    laptop.lost.push((author, at, lost));
                }
            } else if let Event::DeviceRevoked(revoked) = event
                && let Some(laptop) = by_device.get_mut(&revoked.device)
                && laptop.revoked.as_ref().is_none_or(|(_, before)| before.lost.is_none())
            {
                laptop.revoked = Some((at, revoked));
            }
        }
        Ok(all)
    }

    /// What the person of a laptop could see of the log when it was so long.
    ///
    /// # Errors
    /// [`StoreFault`].
    pub fn seen_by(&self, person: &PersonId, device: DeviceId, head: Position) -> Result<Entitled, StoreFault> {
        let mut rights = Rights::new();
        for (position, fact) in self.facts_of(&["RoleGiven", "DeviceEnrolled", "VillageAssigned", "Placed"])? {
            if let Some(position) = position.filter(|position| *position <= head) {
                rights.learn(position, &fact);
            }
        }
        Ok(rights.entitled(person, device, head))
    }

    /// Own sealed batches, of all journals that this desk wrote, that are in no verified backup of the county yet, in order.
    ///
    /// # Errors
    /// [`StoreFault`].
    pub fn own_unsafe_batches(&self) -> Result<Vec<Vec<u8>>, StoreFault> {
        let safe: u64 = self.meta("safe")?.unwrap_or(0);
        let mut find = self.conn.prepare_cached(
            "SELECT s.bytes FROM batch b JOIN sealed s ON s.n = b.n JOIN journal j ON j.no = b.n >> 32
             WHERE j.own = 1 AND (b.position IS NULL OR b.position > ?1) ORDER BY b.n",
        )?;
        Ok(find.query_map([int(safe)], |row| row.get(0))?.collect::<Result<_, _>>()?)
    }

    /// A fact's place in the log, if it has one.
    ///
    /// # Errors
    /// [`StoreFault`].
    pub fn position_of(&self, id: FactId) -> Result<Option<Position>, StoreFault> {
        let Some(n) = self.names.known_fact(id) else { return Ok(None) };
        let mut find = self.conn.prepare_cached("SELECT position FROM entry WHERE n = ?1")?;
        let position: Option<Option<i64>> = find.query_row([n], |row| row.get(0)).optional()?;
        Ok(position.flatten().and_then(|position| Position::try_from(position).ok()))
    }

    /// The facts of these kinds that count, in the order of the log, those that are only here last.
    pub(crate) fn facts_of(&self, kinds: &[&str]) -> Result<Vec<(Option<Position>, domain::fact::Fact)>, StoreFault> {
        let mut rows: Vec<(Option<i64>, i64)> = Vec::new();
        for kind in kinds {
            let mut find = self.conn.prepare_cached(
                "SELECT position, n FROM entry
                 WHERE held = 0 AND manner IN (SELECT no FROM manner WHERE kind = ?1)",
            )?;
            let found = find.query_map([kind], |row| Ok((row.get(0)?, row.get(1)?)))?;
            rows.extend(found.collect::<Result<Vec<_>, _>>()?);
        }
        rows.sort_by_key(|(position, n)| (position.is_none(), *position, *n));
        let positions: BTreeMap<i64, Option<i64>> = rows.iter().map(|(position, n)| (*n, *position)).collect();
        let numbers: Vec<i64> = rows.into_iter().map(|(_, n)| n).collect();
        // All at once: those of one batch stand together, and it is read once.
        let facts = bodies(&self.conn, &numbers)?.into_iter().map(|fact| {
            let position = self.names.known_fact(fact.id).and_then(|n| positions.get(&n).copied().flatten());
            (position.and_then(|position| Position::try_from(position).ok()), fact)
        });
        Ok(facts.collect())
    }
}

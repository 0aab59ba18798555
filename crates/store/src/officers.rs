//! Who may help to open a laptop whose passphrase is forgotten, as the log tells. It must never take the word of somebody for
//! another's: what counts was sealed by a laptop of the person whom it names, who was head or auditor when the county got it.

use std::collections::BTreeMap;

use domain::clock::Millis;
use domain::event::Event;
use domain::fact::Fact;
use domain::ids::{BundleKey, DeviceId, FileId, PersonId};
use domain::recovery::{Officer, OfficersNamed, in_force};
use domain::rights::{Position, Rights};
use domain::words::Role;

use crate::fault::StoreFault;
use crate::log::Store;

/// What the log says of officers.
#[derive(Debug, Clone, Default)]
pub struct Officers {
    /// Laptops whose person offered to help, with the key that they told last.
    pub offered: BTreeMap<DeviceId, (PersonId, BundleKey)>,
    /// What each of head and auditor said last, in the order in which they said it.
    pub said: Vec<(PersonId, Millis, OfficersNamed)>,
    /// Who they are; `None` where nobody was ever named.
    pub in_force: Option<Vec<Officer>>,
    /// Who helped to open which laptop, when, and why, in the order of the log.
    pub helped: Vec<(PersonId, Millis, DeviceId, String)>,
}

impl Store {
    /// Who offered to be an officer, and who is.
    ///
    /// # Errors
    /// [`StoreFault`].
    pub fn officers(&self) -> Result<Officers, StoreFault> {
        let mut rights = Rights::new();
        for (position, fact) in self.facts_of(&["RoleGiven", "DeviceEnrolled"])? {
            if let Some(position) = position {
                rights.learn(position, &fact);
            }
        }
        let sealed_by = |fact: &Fact| {
            rights.device_of(fact.id.journal).filter(|device| device.person == fact.author).map(|device| device.device)
        };
        let role = |fact: &Fact, position: Position| rights.role(&fact.author, position);
        let mut out = Officers::default();
        let mut all = Vec::new();
        for (position, fact) in self.facts_of(&["OfficerOffered", "OfficersNamed", "RecoveryHelped"])? {
            // What the county has not let through yet counts for nobody.
            let (Some(position), Some(device)) = (position, sealed_by(&fact)) else { continue };
            let Some(role) = role(&fact, position) else { continue };
            match Event::read(&fact.kind, &fact.body)? {
                Some(Event::OfficerOffered(offered)) if offered.device == device && role.sees_all() => {
                    out.offered.insert(device, (fact.author, offered.key));
                }
                Some(Event::OfficersNamed(named))
                    if Role::guards(role) && fact.file == FileId::county() && named.sound() =>
                {
                    all.push((fact.author, fact.wall, named));
                }
                Some(Event::RecoveryHelped(helped)) => {
                    out.helped.push((fact.author, fact.wall, helped.device, helped.reason));
                }
                Some(_) | None => {}
            }
        }
        out.in_force = in_force(all.iter().map(|(person, at, named)| (person, *at, named)));
        for said in all {
            out.said.retain(|(before, ..)| *before != said.0);
            out.said.push(said);
        }
        Ok(out)
    }
}

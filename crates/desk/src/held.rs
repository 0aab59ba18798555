//! What the county keeps without letting it through, and the head's word on it; and the head's word that something is
//! erased. Both are facts of their own: nothing is edited here, and nothing that was kept is dropped without one.

use std::collections::{BTreeMap, BTreeSet};

use domain::decision::{Erased, HeldDecided};
use domain::event::Event;
use domain::ids::{DeviceId, FactId, FileId};
use domain::words::{Role, Section};

use crate::Desk;
use crate::api::{DecideHeld, EraseFacts, HeldRow, HeldView, Nothing, Saved};
use crate::contacts::tidy;
use crate::failure::{Code, Failure};
use crate::sync::kind_zh;

/// Most facts in one word of the head.
const MOST: usize = 500;

impl Desk {
    /// Facts that are held, as far as they are here: on the author's desk and on the head's.
    pub(crate) fn held_facts(&self, _: Nothing) -> Result<HeldView, Failure> {
        let store = self.store();
        let people = store.people()?;
        let mut rows = Vec::new();
        for (file, kind, said) in store.held(500)? {
            let family = store.family(file)?;
            rows.push(HeldRow {
                fact: said.id,
                household: family.as_ref().map(|family| family.file),
                borrower: family.map(|family| family.borrower),
                what: kind_zh(&kind).to_owned(),
                who: Self::name_of(&people, &said.author),
                at: said.at.rfc3339(),
                mine: said.author == self.identity.person,
            });
        }
        Ok(HeldView { rows })
    }

    pub(crate) fn decide_held(&self, with: DecideHeld) -> Result<Saved, Failure> {
        let mut store = self.store();
        self.may(&store, |role| role == Role::CentreHead, "决定留置的记录")?;
        let reason = tidy(Some(&with.reason), 100, "reason")?.unwrap_or_default();
        let known: BTreeSet<FactId> = store.held(u32::MAX)?.into_iter().map(|(_, _, said)| said.id).collect();
        if with.facts.is_empty() || with.facts.len() > MOST || !with.facts.iter().all(|fact| known.contains(fact)) {
            return Err(Failure::new(Code::NotFound, &[("what", "这条留置的记录")]).at("facts"));
        }
        // In the file of the author's device: who wrote it learns of it, and nobody else.
        let mut by_device: BTreeMap<DeviceId, Vec<FactId>> = BTreeMap::new();
        for fact in with.facts {
            by_device.entry(store.device_of(fact.journal)?.unwrap_or(self.identity.device)).or_default().push(fact);
        }
        let ((), facts) = self.write(&mut store, |pen| {
            for (device, facts) in by_device {
                let decided = HeldDecided { facts, accept: with.accept, reason: reason.clone() };
                pen.record(FileId::device(device), Section::Core, &Event::HeldDecided(decided), Vec::new())?;
            }
            Ok(())
        })?;
        Ok(Saved { facts, remarks: Vec::new() })
    }

    pub(crate) fn erase_facts(&self, with: EraseFacts) -> Result<Saved, Failure> {
        let mut store = self.store();
        self.may(&store, |role| role == Role::CentreHead, "删除记录内容")?;
        let reason =
            tidy(Some(&with.reason), 100, "reason")?.ok_or_else(|| Failure::new(Code::EmptyText, &[]).at("reason"))?;
        let not_found = || Failure::new(Code::NotFound, &[("what", "这条记录")]).at("facts");
        let mut places = BTreeSet::new();
        for fact in &with.facts {
            places.insert(store.place_of(*fact)?.ok_or_else(not_found)?);
        }
        let mut places = places.into_iter();
        match (places.next(), places.next()) {
            (Some((file, section)), None) if with.facts.len() <= MOST => {
                let papers = store.papers_of(&with.facts)?;
                let event = Event::Erased(Erased { facts: with.facts, papers, reason });
                let ((), facts) = self.write(&mut store, |pen| {
                    pen.record(file, section, &event, Vec::new())?;
                    Ok(())
                })?;
                Ok(Saved { facts, remarks: Vec::new() })
            }
            _ => Err(Failure::new(Code::BadInput, &[("problem", "facts: 一次只能删同一户同一栏的记录")]).at("facts")),
        }
    }
}

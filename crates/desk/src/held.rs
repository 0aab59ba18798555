//! What the county keeps without letting it through, and the head's word on it; and the head's word that something is
//! erased. Both are facts of their own: nothing is edited here, and nothing that was kept is dropped without one.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};

use domain::decision::{Erased, HeldDecided};
use domain::event::{Event, erasable};
use domain::ids::{DeviceId, FactId, FileId};
use domain::visit::sentence;
use domain::words::{Role, Section};
use store::Store;

use crate::Desk;
use crate::api::{DecideHeld, EraseFacts, HeldRow, HeldView, HeldWord, Nothing, Saved};
use crate::contacts::tidy;
use crate::failure::{Code, Failure};
use crate::sync::kind_zh;
use crate::voices::Voices;

/// Most facts in one word of the head.
const MOST: usize = 500;

impl Desk {
    /// Facts that are held, as far as they are here: on the author's desk and on the head's.
    pub(crate) fn held_facts(&self, _: Nothing) -> Result<HeldView, Failure> {
        let store = self.store();
        let names = self.place_names(&store)?;
        let voices = Voices::of(&store, &names)?;
        let mut words: BTreeMap<DeviceId, BTreeMap<FactId, HeldWord>> = BTreeMap::new();
        let mut rows = Vec::new();
        for (file, kind, said) in store.held(500)? {
            let family = store.family(file)?;
            let device = store.device_of(said.id.journal)?.unwrap_or(self.identity.device);
            let words = match words.entry(device) {
                Entry::Occupied(known) => known.into_mut(),
                Entry::Vacant(free) => free.insert(last_words(&store, device, &voices)?),
            };
            let written = store.as_written(said.id)?;
            let event = written.and_then(|fact| Event::read(&fact.kind, &fact.body).ok().flatten());
            rows.push(HeldRow {
                fact: said.id,
                household: family.as_ref().map(|family| family.file),
                village: family.as_ref().and_then(|family| names.get(family.place.as_str()).cloned()),
                borrower: family.map(|family| family.borrower),
                what: kind_zh(&kind).to_owned(),
                erasable: erasable(&kind),
                kind,
                says: event.and_then(gist),
                who: voices.name(&said.author),
                role: voices.role(&said.author),
                places: voices.places(&said.author),
                at: said.at.rfc3339(),
                mine: said.author == self.identity.person,
                word: words.get(&said.id).cloned(),
            });
        }
        let may_decide = self.role(&store)? == Role::CentreHead;
        Ok(HeldView { rows, may_decide })
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

/// The head's latest word on each fact of a device that is not let through.
fn last_words(store: &Store, device: DeviceId, voices: &Voices) -> Result<BTreeMap<FactId, HeldWord>, Failure> {
    let mut out = BTreeMap::new();
    for (said, decided) in store.held_decisions(FileId::device(device))? {
        let word = HeldWord {
            who: voices.name(&said.author),
            at: said.at.rfc3339(),
            reason: decided.reason,
            only_here: said.only_here,
        };
        for fact in decided.facts {
            if decided.accept {
                out.remove(&fact);
            } else {
                out.insert(fact, word.clone());
            }
        }
    }
    Ok(out)
}

/// What a record says, in a line, so that the head knows what is decided on and the author which one is meant.
fn gist(event: Event) -> Option<String> {
    match event {
        Event::VisitMade(made) => Some(sentence(&made, None)),
        Event::VisitNoted(noted) => noted.note,
        Event::ContactAdded(added) => Some(match added.relation {
            Some(relation) => format!("{}（{relation}）", added.number),
            None => added.number.to_string(),
        }),
        Event::ContactStated(stated) => Some(format!("{} {}", stated.number, stated.state.zh())),
        Event::FieldFilled(filled) => Some(format!("{}：{}", filled.field.zh(), filled.text)),
        Event::PaymentReported(paid) => Some(format!("{} {}", paid.channel.zh(), paid.amount.grouped())),
        Event::LetterPrinted(letter) => Some(letter.doc.to_string()),
        _ => None,
    }
}

//! What the county keeps without letting it through, and the head's word on it; and the head's word that something is
//! erased. Both are facts of their own: nothing is edited here, and nothing that was kept is dropped without one.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};

use domain::clock::Millis;
use domain::decision::{Erased, HeldDecided};
use domain::event::{Event, erasable};
use domain::ids::{DeviceId, FactId, FileId};
use domain::visit::sentence;
use domain::words::{Role, Section};
use store::{Said, Store};

use crate::Desk;
use crate::api::{DecideHeld, EraseFacts, HeldRow, HeldView, HeldWord, LetThrough, Nothing, Saved};
use crate::contacts::tidy;
use crate::failure::{Code, Failure};
use crate::sync::kind_zh;
use crate::visits::remark;
use crate::voices::{Voices, wrong_clock};

/// Most facts in one word of the head.
const MOST: usize = 500;
/// Most facts that were let through and are told of.
const MOST_TOLD: usize = 10;
const WEEK_MS: i64 = 7 * 86_400_000;
/// So long their author is told, milliseconds.
const LATELY_MS: i64 = 30 * 86_400_000;

impl Desk {
    /// Facts that are held, as far as they are here: on the author's desk and on the head's; and what became of the author's.
    pub(crate) fn held_facts(&self, _: Nothing) -> Result<HeldView, Failure> {
        let store = self.store();
        let names = self.place_names(&store)?;
        let voices = Voices::of(&store, &names)?;
        let row =
            |fact: (FileId, String, Said), word: Option<HeldWord>| self.held_row(&store, &names, &voices, fact, word);
        let mut words: BTreeMap<DeviceId, BTreeMap<FactId, HeldWord>> = BTreeMap::new();
        let mut rows = Vec::new();
        let outside = store.not_let_in()?;
        for held in store.held(500)? {
            let device = store.device_of(held.2.id.journal)?.unwrap_or(self.identity.device);
            let words = match words.entry(device) {
                Entry::Occupied(known) => known.into_mut(),
                Entry::Vacant(free) => free.insert(words_of(&last_words(&store, device)?, &voices)),
            };
            let id = held.2.id;
            let word = words.get(&id).cloned();
            rows.push(HeldRow { laptop_waits: outside.contains(&id.journal), ..row(held, word)? });
        }
        let present = self.present_of(&store)?;
        let lately = |said: &Said| present.now.0.saturating_sub(said.at.0) < LATELY_MS;
        let mut accepted: Vec<(FactId, Said, HeldDecided)> = last_words(&store, self.identity.device)?
            .into_iter()
            .map(|(fact, (said, decided))| (fact, said, decided))
            .filter(|(_, said, decided)| decided.accept && lately(said))
            .collect();
        accepted.sort_by_key(|(fact, said, _)| (std::cmp::Reverse(said.at), *fact));
        let mut let_through = Vec::new();
        for (fact, said, decided) in accepted.into_iter().take(MOST_TOLD) {
            let here = store.fact(fact)?;
            if here.as_ref().is_some_and(|(written, ..)| written.held) {
                continue;
            }
            let row = here.map(|(written, file, kind)| row((file, kind, written), None)).transpose()?;
            let word = word_of(&said, &decided, &voices);
            let_through.push(match row {
                Some(HeldRow { household, borrower, kind, says, .. }) => {
                    LetThrough { fact, household, borrower, kind: Some(kind), says, word }
                }
                // Of what has left this laptop with its family, only that it was let through.
                None => LetThrough { fact, household: None, borrower: None, kind: None, says: None, word },
            });
        }
        let may_decide = self.role(&store)? == Role::CentreHead;
        Ok(HeldView { rows, let_through, may_decide })
    }

    fn held_row(
        &self,
        store: &Store,
        names: &BTreeMap<String, String>,
        voices: &Voices,
        (file, kind, said): (FileId, String, Said),
        word: Option<HeldWord>,
    ) -> Result<HeldRow, Failure> {
        let family = store.family(file)?;
        let written = store.as_written(said.id)?;
        let event = written.as_ref().and_then(|fact| Event::read(&fact.kind, &fact.body).ok().flatten());
        Ok(HeldRow {
            fact: said.id,
            household: family.as_ref().map(|family| family.file),
            village: family.as_ref().and_then(|family| names.get(family.place.as_str()).cloned()),
            borrower: family.map(|family| family.borrower),
            what: kind_zh(&kind).to_owned(),
            erasable: erasable(&kind),
            kind,
            says: event.and_then(|event| gist(event, names, voices)),
            who: voices.name(&said.author),
            role: voices.role(&said.author),
            places: voices.places(&said.author),
            at: said.at.rfc3339(),
            clock: written.and_then(|fact| wrong_clock(&fact, &said)),
            mine: said.author == self.identity.person,
            word,
            laptop_waits: false,
        })
    }

    /// How many held facts wait for the head's word here, and on how many of this laptop's it came within a week.
    pub(crate) fn held_counts(&self, store: &Store, now: Millis) -> Result<(u32, u32), Failure> {
        let mut words: BTreeMap<DeviceId, BTreeMap<FactId, (Said, HeldDecided)>> = BTreeMap::new();
        let own = self.identity.device;
        words.insert(own, last_words(store, own)?);
        let mut open = 0_u32;
        for (_, _, said) in store.held(500)? {
            let device = store.device_of(said.id.journal)?.unwrap_or(own);
            let words = match words.entry(device) {
                Entry::Occupied(known) => known.into_mut(),
                Entry::Vacant(free) => free.insert(last_words(store, device)?),
            };
            open = open.saturating_add(u32::from(!words.contains_key(&said.id)));
        }
        let week = |said: &Said| now.0.saturating_sub(said.at.0) < WEEK_MS && said.author != self.identity.person;
        let told = words.get(&own).into_iter().flatten().filter(|(_, (said, _))| week(said)).count();
        Ok((open, u32::try_from(told).unwrap_or(u32::MAX)))
    }

    pub(crate) fn decide_held(&self, with: DecideHeld) -> Result<Saved, Failure> {
        let mut store = self.store();
        self.may(&store, |role| role == Role::CentreHead, "决定留置的记录")?;
        let reason = tidy(Some(&with.reason), 100, "reason")?.unwrap_or_default();
        let known: BTreeSet<FactId> = store.held(u32::MAX)?.into_iter().map(|(_, _, said)| said.id).collect();
        if with.facts.is_empty() || with.facts.len() > MOST || !with.facts.iter().all(|fact| known.contains(fact)) {
            return Err(Failure::new(Code::NotFound, &[("what", "这条留置的记录")]).at("facts"));
        }
        let mut remarks = Vec::new();
        let outside = store.not_let_in()?;
        if with.accept && with.facts.iter().any(|fact| outside.contains(&fact.journal)) {
            remarks.push(remark(
                "LAPTOP_WAITS",
                "写这条记录的电脑自己还没有放行。放行了那台电脑，这条记录才算数，不用再决定一次。",
                "The computer that wrote it is not let in itself. The record counts once that computer is; there is no need to decide again.",
            ));
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
        Ok(Saved { facts, remarks })
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
            // What the log says of itself and who looked at what stays, whoever would like it gone.
            if store.kind_of(*fact)?.is_some_and(|kind| !domain::event::erasable(&kind)) {
                let facts = [("role", Role::CentreHead.zh()), ("what", "删除县里的登记和谁看过身份证号的记录")];
                return Err(Failure::new(Code::NotAllowed, &facts).at("facts"));
            }
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

/// The head's latest word on each fact of a device.
fn last_words(store: &Store, device: DeviceId) -> Result<BTreeMap<FactId, (Said, HeldDecided)>, Failure> {
    let mut out = BTreeMap::new();
    for (said, decided) in store.held_decisions(FileId::device(device))? {
        for fact in &decided.facts {
            out.insert(*fact, (said.clone(), decided.clone()));
        }
    }
    Ok(out)
}

fn words_of(words: &BTreeMap<FactId, (Said, HeldDecided)>, voices: &Voices) -> BTreeMap<FactId, HeldWord> {
    words.iter().map(|(fact, (said, decided))| (*fact, word_of(said, decided, voices))).collect()
}

fn word_of(said: &Said, decided: &HeldDecided, voices: &Voices) -> HeldWord {
    HeldWord {
        accept: decided.accept,
        who: voices.name(&said.author),
        at: said.at.rfc3339(),
        reason: decided.reason.clone(),
        only_here: said.only_here,
    }
}

/// What a record says, in a line, so that the head knows what is decided on and the author which one is meant.
#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "a kind that comes later is told by its name alone until it has words"
)]
fn gist(event: Event, names: &BTreeMap<String, String>, voices: &Voices) -> Option<String> {
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
        Event::VillageAssigned(assigned) => {
            let village = names.get(assigned.village.as_str()).map_or(assigned.village.as_str(), String::as_str);
            Some(format!("{village} → {}", voices.name(&assigned.person)))
        }
        Event::DeviceEnrolled(enrolled) => Some(format!("{}的电脑", voices.name(&enrolled.person))),
        Event::RoleGiven(given) => {
            let areas = given.areas.iter().map(|area| names.get(area.as_str()).map_or(area.as_str(), String::as_str));
            let areas: Vec<&str> = areas.collect();
            let of = if areas.is_empty() { String::new() } else { format!("（{}）", areas.join("、")) };
            Some(format!("{}：{}{of}", given.name, given.role.zh()))
        }
        _ => None,
    }
}

//! What the line hears and what people remember, for promises that no file shows when all is over: that a number is
//! sealed once, that a seal claims to have seen no more than was read, that a form takes the place of what it showed and
//! of nothing else, that papers are for those who may see them. It hears bytes and asks nobody.

use std::collections::{BTreeMap, BTreeSet};

use domain::enrol::Refusal;
use domain::event::Event;
use domain::fact::Batch;
use domain::ids::{DeviceId, FactId, JournalId, Sha};

use super::truth::{Act, DeskFile, Ledger, Sight, What};
use super::world::Sim;

/// What went over the lines of a world.
#[derive(Debug, Default)]
pub struct Heard {
    /// The seal under each number of each journal, whether or not it arrived.
    sealed: BTreeMap<(JournalId, u64), Sha>,
    /// How far each device was ever told of the log, page by page.
    read: BTreeMap<DeviceId, u64>,
    /// The longest that the log ever was, in whatever history.
    longest: u64,
    /// Devices whose folder was copied, or put back in a way that nothing beside it can notice.
    excused: BTreeSet<DeviceId>,
}

impl Heard {
    /// A device was given a page of the log as it stood at `head`.
    pub fn page(&mut self, device: DeviceId, head: u64) {
        let read = self.read.entry(device).or_default();
        *read = head.max(*read);
    }

    /// The log is this long now.
    pub fn length(&mut self, head: u64) {
        self.longest = head.max(self.longest);
    }

    /// A device was handed answers on a stick, whether or not it could keep them all: of no later state than the log ever
    /// had.
    pub fn stick(&mut self, device: DeviceId) {
        self.page(device, self.longest);
    }

    /// Nobody can know which numbers this device has used.
    pub fn excuse(&mut self, device: DeviceId) {
        self.excused.insert(device);
    }

    /// A device pushes these batches. I5: never two under one number, for whatever a laptop sealed once may be on a stick
    /// or in a broken line's last packet. I7: what its author had seen is what was read, or rights are judged wrongly.
    pub fn push(&mut self, device: DeviceId, batches: &[Vec<u8>]) {
        for seal in batches.iter().filter_map(|bytes| Batch::parse(bytes).ok()).map(|batch| batch.seal) {
            let known = self.sealed.insert((seal.journal, seal.batch), seal.hash());
            assert!(
                known.is_none_or(|known| known == seal.hash()) || self.excused.contains(&device),
                "I5 batch {} of {} was sealed twice",
                seal.batch,
                seal.journal
            );
            let read = self.read.get(&device).copied().unwrap_or(0);
            assert!(
                seal.seen <= read,
                "I7 {} is sealed as if its author had seen {} and was given no more than {read}",
                seal.journal,
                seal.seen
            );
        }
    }
}

impl Sim {
    /// What else must hold at rest.
    pub fn as_people_remember(&self, ledger: &Ledger, files: &[DeskFile]) {
        self.forms_replace_what_they_showed(ledger);
        self.held_work_stays_with_its_author(ledger, files);
        self.papers_are_for_those_who_may_see_them(ledger);
        self.journals_are_chains(ledger);
        self.nobody_is_taken_for_two(ledger);
    }

    /// I4: a save from a form that stood open takes the place of what the form showed and of nothing else.
    fn forms_replace_what_they_showed(&self, ledger: &Ledger) {
        let mut acts: BTreeMap<&What, Vec<&Act>> = BTreeMap::new();
        for act in &self.acts {
            acts.entry(&act.what).or_default().push(act);
        }
        for logged in ledger.facts.values().filter(|logged| logged.fact.kind == "FieldFilled") {
            let Some([act]) = acts.get(&What::of(&logged.fact)).map(Vec::as_slice) else { continue };
            // A copied laptop's work may have another name by now.
            let Some(shown) = act.shown.as_ref().filter(|_| !self.seats[act.seat].twisted) else { continue };
            for replaced in &logged.fact.replaces {
                assert!(
                    shown.contains(replaced),
                    "I4 {} of laptop {} takes the place of {replaced}, which its form did not show",
                    logged.fact.id,
                    act.seat
                );
            }
        }
    }

    /// I1: what the county keeps and lets nobody see stays on the laptop that wrote it, whatever rights were lost since.
    fn held_work_stays_with_its_author(&self, ledger: &Ledger, files: &[DeskFile]) {
        if self.county_restored {
            return;
        }
        let mut writers: BTreeMap<JournalId, DeviceId> = BTreeMap::new();
        for logged in ledger.facts.values().filter(|one| ledger.masters.contains(&one.fact.id.journal)) {
            if let Ok(Some(Event::DeviceEnrolled(it))) = Event::read(&logged.fact.kind, &logged.fact.body) {
                writers.insert(it.journal, it.device);
            }
        }
        for (number, (seat, file)) in self.seats.iter().zip(files).enumerate().filter(|(_, (seat, _))| !seat.twisted) {
            for logged in ledger.facts.values().filter(|one| one.shown.is_none()) {
                let id = logged.fact.id;
                assert!(
                    writers.get(&id.journal) != Some(&seat.device) || file.facts.contains_key(&id),
                    "I1 laptop {number} threw {} {id} away, which the county keeps and nobody sees",
                    logged.fact.kind
                );
            }
        }
    }

    /// I7: the county hands out a paper to those who may see where it belongs, and to nobody else.
    fn papers_are_for_those_who_may_see_them(&self, ledger: &Ledger) {
        let sight = Sight::of(ledger);
        let wire = self.wire();
        for (number, seat) in self.seats.iter().enumerate() {
            for (sha, places) in &ledger.places {
                let sees = |(file, section): &(_, _)| sight.sees(&seat.person, seat.device, *file, *section);
                let may = places.iter().any(sees);
                let answer = wire.county().blob(seat.device, *sha, 0, Some(1));
                assert!(
                    (answer.is_ok() && may) || matches!(&answer, Err(Refusal::NotAllowed) if !may),
                    "I7 laptop {number} ({}) asks for paper {sha} of {places:?}: may {may}, {}",
                    seat.person,
                    answer.map_or_else(|refusal| format!("{refusal:?}"), |_| "given".to_owned())
                );
            }
        }
    }

    /// I5: a journal is closed where a laptop was copied, or put back in a way that it cannot notice, and nowhere else.
    fn nobody_is_taken_for_two(&self, ledger: &Ledger) {
        if self.county_restored {
            return;
        }
        for logged in ledger.facts.values().filter(|one| ledger.masters.contains(&one.fact.id.journal)) {
            if let Ok(Some(Event::JournalClosed(closed))) = Event::read(&logged.fact.kind, &logged.fact.body) {
                assert!(
                    self.wire().heard.excused.contains(&closed.device),
                    "I5 two wrote under {}, though its laptop could have known",
                    closed.journal
                );
            }
        }
    }

    /// I6: each batch of the log names the seal of the one before it in its journal.
    fn journals_are_chains(&self, ledger: &Ledger) {
        if self.county_restored {
            // What nobody had any more leaves holes.
            return;
        }
        let mut last: BTreeMap<JournalId, Sha> = BTreeMap::new();
        for one in &ledger.entries {
            let seal = &one.batch.seal;
            let before = last.insert(seal.journal, seal.hash()).unwrap_or(Sha([0; 32]));
            assert_eq!(seal.previous, before, "I6 batch {} of {} follows another", seal.batch, seal.journal);
        }
    }
}

/// What a form showed, for an act.
pub fn showed(shown: Option<&Vec<FactId>>) -> Option<BTreeSet<FactId>> {
    shown.map(|shown| shown.iter().copied().collect())
}

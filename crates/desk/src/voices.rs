//! Who said something, from where and when, in the words of a page: name, role, places, the corrected time and, where a
//! laptop's clock was wrong, what it showed. Reads only; it decides nothing about which value counts.

use std::collections::{BTreeMap, BTreeSet};

use domain::fact::Fact;
use domain::ids::PersonId;
use domain::org::RoleGiven;
use domain::words::Role;
use store::{Said, Store};

use crate::Desk;
use crate::api::ValueView;
use crate::failure::Failure;

/// A clock this many milliseconds off is worth a word.
pub(crate) const OFF_MS: u64 = 5 * 60_000;
/// Most places named for one person.
const MOST_PLACES: usize = 3;

/// The people of this desk with where they work.
pub(crate) struct Voices {
    people: BTreeMap<PersonId, RoleGiven>,
    places: BTreeMap<PersonId, BTreeSet<String>>,
}

impl Voices {
    /// The people known here; `names` are places' short names by code.
    pub(crate) fn of(store: &Store, names: &BTreeMap<String, String>) -> Result<Self, Failure> {
        let people = store.people()?;
        let mut places: BTreeMap<PersonId, BTreeSet<String>> = BTreeMap::new();
        for given in people.values() {
            let areas: BTreeSet<String> =
                given.areas.iter().filter_map(|area| names.get(area.as_str()).cloned()).collect();
            if !areas.is_empty() {
                places.insert(given.person.clone(), areas);
            }
        }
        let named: BTreeSet<PersonId> = places.keys().cloned().collect();
        for ((village, _), (_, person)) in store.assignments()? {
            let township = village.township().and_then(|code| names.get(code.as_str()).cloned());
            if let Some(township) = township.filter(|_| !named.contains(&person)) {
                places.entry(person).or_default().insert(township);
            }
        }
        Ok(Self { people, places })
    }

    /// A person's name, or the account where the name is not known.
    pub(crate) fn name(&self, person: &PersonId) -> String {
        Desk::name_of(&self.people, person)
    }

    /// A person's role, if it is known here.
    pub(crate) fn role(&self, person: &PersonId) -> Option<Role> {
        self.people.get(person).map(|given| given.role)
    }

    /// Where a person works, by name; empty where that is not known here.
    pub(crate) fn places(&self, person: &PersonId) -> Vec<String> {
        self.places.get(person).into_iter().flatten().take(MOST_PLACES).cloned().collect()
    }

    /// One value with who said it. `told`: whether the device's own clock is looked up, which reads the sealed fact.
    pub(crate) fn value(&self, store: &Store, said: &Said, text: &str, told: bool) -> Result<ValueView, Failure> {
        let written = if told { store.as_written(said.id)? } else { None };
        Ok(ValueView {
            facts: vec![said.id],
            text: text.to_owned(),
            person: said.author.clone(),
            name: self.name(&said.author),
            role: self.role(&said.author),
            places: self.places(&said.author),
            at: said.at.rfc3339(),
            clock: written.and_then(|fact| wrong_clock(&fact, said)),
            only_here: said.only_here,
        })
    }

    /// The values of a field, equal ones as one. Clocks are looked up where there are several: there they matter.
    pub(crate) fn values(&self, store: &Store, values: &[(Said, String)]) -> Result<Vec<ValueView>, Failure> {
        let told = values.iter().any(|(_, text)| values.first().is_some_and(|(_, first)| first != text));
        let mut out: Vec<ValueView> = Vec::new();
        for (said, text) in values {
            match out.iter_mut().find(|view| view.text == *text) {
                Some(same) => same.facts.push(said.id),
                None => out.push(self.value(store, said, text, told)?),
            }
        }
        Ok(out)
    }
}

/// What the device's own clock showed when a fact was written, RFC 3339, where that is minutes away from its corrected time.
pub(crate) fn wrong_clock(written: &Fact, said: &Said) -> Option<String> {
    (written.wall.0.abs_diff(said.at.0) >= OFF_MS).then(|| written.wall.rfc3339())
}

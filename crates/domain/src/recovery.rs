//! A laptop whose passphrase is forgotten. Three officers are named by two persons of the centre; any two of the three open
//! the laptop's keys, one after the other, and no one of them alone. It must never carry a key that opens anything by itself.

use serde::{Deserialize, Serialize};

use crate::clock::Millis;
use crate::ids::{BundleKey, DeviceId, PersonId};
use crate::lost::TOGETHER;

/// So many officers are named.
pub const OFFICERS: usize = 3;

/// Somebody of the centre would be an officer, with the key of this laptop. In the laptop's own file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OfficerOffered {
    /// Which laptop.
    pub device: DeviceId,
    /// What is sealed to it.
    pub key: BundleKey,
}

/// An officer.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Officer {
    /// Who.
    pub person: PersonId,
    /// Their name, for a screen that knows no accounts.
    pub name: String,
    /// The laptop with which they help.
    pub device: DeviceId,
    /// Its key.
    pub key: BundleKey,
}

/// One of two persons says who the officers are; nobody: there are to be none. In the county's file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OfficersNamed {
    /// Three, of three persons with three laptops, or none; in order.
    pub officers: Vec<Officer>,
}

impl OfficersNamed {
    /// Whether these can be officers: of one person alone, or of one key, two of three would be one.
    pub fn sound(&self) -> bool {
        let Self { officers } = self;
        let ordered = officers.windows(2).all(|pair| matches!(pair, [a, b] if a.person < b.person));
        let differ = |a: &Officer, b: &Officer| a.device != b.device && a.key != b.key;
        let apart = officers
            .iter()
            .enumerate()
            .all(|(at, one)| officers.iter().skip(at.saturating_add(1)).all(|other| differ(one, other)));
        (officers.is_empty() || officers.len() == OFFICERS) && ordered && apart
    }
}

/// An officer helped to open a laptop. Told before anything is opened; in the laptop's own file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecoveryHelped {
    /// Which laptop.
    pub device: DeviceId,
    /// Why, in the officer's words.
    pub reason: String,
}

/// Who the officers are: what two persons said alike within a week of each other, the later of the two counting; `said` in
/// the order of the log. `None` where nobody was ever named.
pub fn in_force<'a>(said: impl IntoIterator<Item = (&'a PersonId, Millis, &'a OfficersNamed)>) -> Option<Vec<Officer>> {
    let mut lately: Vec<(&PersonId, Millis, &OfficersNamed)> = Vec::new();
    let mut now = None;
    for (person, at, named) in said {
        if !named.sound() {
            continue;
        }
        lately.retain(|(before, ..)| *before != person);
        let together = |(_, before, other): &(&PersonId, Millis, &OfficersNamed)| {
            *other == named && at.0.saturating_sub(before.0).saturating_abs() <= TOGETHER
        };
        if lately.iter().any(together) {
            now = Some(named.officers.clone());
        }
        lately.push((person, at, named));
    }
    now
}

#[cfg(test)]
mod tests {
    use super::*;

    fn person(name: &str) -> PersonId {
        name.parse().expect("an account")
    }

    fn officer(name: &str, number: u8) -> Officer {
        Officer {
            person: person(name),
            name: name.to_owned(),
            device: DeviceId([number; 8]),
            key: BundleKey([number; 32]),
        }
    }

    fn named(numbers: [u8; 3]) -> OfficersNamed {
        let names = ["a", "b", "c"];
        OfficersNamed { officers: names.iter().zip(numbers).map(|(name, number)| officer(name, number)).collect() }
    }

    #[test]
    fn three_officers_are_three_persons_with_three_keys() {
        assert!(named([1, 2, 3]).sound());
        assert!(OfficersNamed { officers: Vec::new() }.sound());
        assert!(!named([1, 2, 1]).sound(), "two with one laptop");
        let twice = OfficersNamed { officers: vec![officer("a", 1), officer("a", 2), officer("b", 3)] };
        assert!(!twice.sound(), "one person twice");
        assert!(!OfficersNamed { officers: vec![officer("a", 1), officer("b", 2)] }.sound());
        let unordered = OfficersNamed { officers: vec![officer("b", 1), officer("a", 2), officer("c", 3)] };
        assert!(!unordered.sound());
    }

    #[test]
    fn only_what_two_say_alike_within_a_week_is_in_force() {
        let (han, bai) = (person("han"), person("bai"));
        let (one, other, nobody) = (named([1, 2, 3]), named([1, 2, 4]), OfficersNamed { officers: Vec::new() });
        let officers = |said: &[(&PersonId, i64, &OfficersNamed)]| {
            in_force(said.iter().map(|(person, day, named)| (*person, Millis(day * 86_400_000), *named)))
        };
        assert_eq!(officers(&[]), None);
        assert_eq!(officers(&[(&han, 0, &one), (&han, 1, &one)]), None, "one person, twice");
        assert_eq!(officers(&[(&han, 0, &one), (&bai, 8, &one)]), None, "too far apart");
        assert_eq!(officers(&[(&han, 0, &one), (&bai, 7, &one)]), Some(one.officers.clone()));
        assert_eq!(officers(&[(&han, 0, &one), (&bai, 1, &other)]), None, "they differ");
        let changed = [(&han, 0, &one), (&bai, 1, &one), (&bai, 2, &other)];
        assert_eq!(officers(&changed), Some(one.officers.clone()), "until both say so");
        let withdrawn = [(&han, 0, &one), (&han, 1, &other), (&bai, 2, &one)];
        assert_eq!(officers(&withdrawn), None, "what was taken back counts for nothing");
        let ended = [(&han, 0, &one), (&bai, 1, &one), (&han, 2, &nobody), (&bai, 3, &nobody)];
        assert_eq!(officers(&ended), Some(Vec::new()));
    }
}

//! How two truths meet. The only file that names the `crdts` library.
//!
//! Causality is `replaces` alone: a fact names the live facts its author was shown, and live = all − replaced in any
//! order of arrival. Each fact therefore is an actor of its own (counter 1) and its clock is itself and everything it
//! replaces, directly or through others. The loser on purpose is a clock per journal: a later fact of the same laptop
//! would then silently overrule an earlier one that its form never showed.

use std::collections::{BTreeMap, BTreeSet};

use crdts::{CmRDT, Dot, MVReg, Orswot, VClock};

use crate::clock::Millis;
use crate::ids::FactId;

/// A fact as a slot sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry<V> {
    /// The fact.
    pub id: FactId,
    /// What it replaces.
    pub replaces: Vec<FactId>,
    /// When, corrected.
    pub at: Millis,
    /// What it says.
    pub value: V,
}

fn clocks<V>(entries: &[Entry<V>]) -> BTreeMap<FactId, VClock<FactId>> {
    let known: BTreeMap<FactId, &Entry<V>> = entries.iter().map(|entry| (entry.id, entry)).collect();
    let mut out = BTreeMap::new();
    for entry in entries {
        let mut clock = VClock::new();
        let mut open = vec![entry.id];
        let mut met = BTreeSet::new();
        while let Some(id) = open.pop() {
            // A ring of replacements cannot come from honest authors; it must not hang the reader either.
            if met.insert(id) {
                clock.apply(Dot::new(id, 1));
                if let Some(found) = known.get(&id) {
                    open.extend(found.replaces.iter().copied());
                }
            }
        }
        out.insert(entry.id, clock);
    }
    out
}

/// A register: the values that nobody has replaced, oldest first. More than one is a conflict unless they are equal.
/// Order of `entries` does not matter; the same fact twice is once.
pub fn register<V: Clone>(entries: &[Entry<V>]) -> Vec<Entry<V>> {
    if entries.len() < 2 {
        return entries.to_vec();
    }
    let clocks = clocks(entries);
    let mut register: MVReg<FactId, FactId> = MVReg::new();
    for (id, clock) in &clocks {
        let put = crdts::mvreg::Op::Put { clock: clock.clone(), val: *id };
        if register.validate_op(&put).is_ok() {
            register.apply(put);
        }
    }
    let live: BTreeSet<FactId> = register.read().val.into_iter().collect();
    let mut out: Vec<Entry<V>> = Vec::new();
    for entry in entries {
        if live.contains(&entry.id) && out.iter().all(|seen| seen.id != entry.id) {
            out.push(entry.clone());
        }
    }
    out.sort_by_key(|entry| (entry.at, entry.id));
    out
}

/// A set: the members that some live fact adds. A fact with value `None` only takes away what it replaces.
pub fn members<V: Clone + Ord + std::hash::Hash>(entries: &[Entry<Option<V>>]) -> BTreeSet<V> {
    let clocks = clocks(entries);
    let mut set: Orswot<V, FactId> = Orswot::new();
    for entry in entries {
        if let Some(value) = &entry.value {
            let add = crdts::orswot::Op::Add { dot: Dot::new(entry.id, 1), members: vec![value.clone()] };
            if set.validate_op(&add).is_ok() {
                set.apply(add);
            }
        }
    }
    for entry in entries {
        let Some(clock) = clocks.get(&entry.id) else { continue };
        let mut gone = clock.clone();
        // Only what it replaces, not itself.
        gone = gone.into_iter().filter(|dot| dot.actor != entry.id).collect();
        let members: Vec<V> =
            entries.iter().filter(|other| gone.get(&other.id) > 0).filter_map(|other| other.value.clone()).collect();
        let remove = crdts::orswot::Op::Rm { clock: gone, members };
        if set.validate_op(&remove).is_ok() {
            set.apply(remove);
        }
    }
    set.read().val.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::JournalId;

    fn id(journal: u8, seq: u64) -> FactId {
        FactId { journal: JournalId([journal; 8]), seq }
    }

    fn entry(of: FactId, replaces: &[FactId], at: i64, value: &str) -> Entry<String> {
        Entry { id: of, replaces: replaces.to_vec(), at: Millis(at), value: value.to_owned() }
    }

    fn values(entries: &[Entry<String>]) -> Vec<String> {
        register(entries).into_iter().map(|entry| entry.value).collect()
    }

    #[test]
    fn concurrent_values_stand_side_by_side_until_decided() {
        let a = entry(id(1, 1), &[], 10, "老村部");
        let b = entry(id(2, 1), &[id(1, 1)], 20, "新村东头");
        let c = entry(id(3, 1), &[id(1, 1)], 30, "县城");
        assert_eq!(values(&[a.clone(), b.clone(), c.clone()]), ["新村东头", "县城"]);
        let settled = entry(id(1, 2), &[id(2, 1), id(3, 1)], 40, "县城");
        assert_eq!(values(&[settled, c, a, b]), ["县城"]);
    }

    #[test]
    fn any_order_of_arrival_and_any_repeat_gives_the_same() {
        let all = [
            entry(id(1, 1), &[], 1, "a"),
            entry(id(1, 2), &[id(1, 1)], 2, "b"),
            entry(id(2, 5), &[id(1, 2)], 3, "c"),
            entry(id(3, 1), &[id(1, 1)], 4, "d"),
        ];
        let expected = values(&all);
        assert_eq!(expected, ["c", "d"]);
        let mut order = all.to_vec();
        for turn in 0..24_usize {
            order.swap(turn % 4, (turn / 4) % 4);
            let mut twice = order.clone();
            twice.extend(order.clone());
            assert_eq!(values(&twice), expected);
        }
    }

    #[test]
    fn a_stale_form_never_erases_what_it_did_not_show() {
        // The same laptop saved twice; the second form was opened before the first save and shows nothing of it.
        let first = entry(id(1, 1), &[], 1, "甲");
        let second = entry(id(1, 2), &[], 2, "乙");
        assert_eq!(values(&[first, second]), ["甲", "乙"]);
    }

    #[test]
    fn a_set_keeps_what_was_added_at_the_same_time_as_a_removal() {
        let add = |of, value: &str| Entry { id: of, replaces: vec![], at: Millis(0), value: Some(value.to_owned()) };
        let remove = |of, what: &[FactId]| Entry { id: of, replaces: what.to_vec(), at: Millis(0), value: None };
        let entries = [
            add(id(1, 1), "13900001111"),
            add(id(2, 1), "13900001111"),
            remove(id(1, 2), &[id(1, 1)]),
            add(id(3, 1), "x"),
        ];
        let set = members(&entries);
        assert_eq!(set.into_iter().collect::<Vec<_>>(), ["13900001111", "x"]);
        let gone = [add(id(1, 1), "x"), remove(id(2, 1), &[id(1, 1)])];
        assert!(members(&gone).is_empty());
    }
}

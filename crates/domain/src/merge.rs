//! How two truths meet. The only file that names the `crdts` library.
//!
//! Causality is `replaces` alone: a fact names the live facts that its author was shown, and live = all − replaced over
//! the facts that are here, in any order of arrival. Nothing in this file may look at a clock, an author or a journal to
//! decide what stands; time only orders what does.
//!
//! Replaced directly or through others is the same thing: a way down from one fact to another leads through facts that
//! are here, and the last of them names it. It differs on rings alone, where facts replace each other. Only a forger can
//! write one, for each would have been shown the other; then every fact of the ring is named and none stands. Where the
//! middle of a chain is not here (held, or still to come), its ends stand side by side until it comes. An erased fact
//! must still be handed in, without a value: what it replaced does not come back.
//!
//! Each fact is an actor of its own with the one dot 1. So all facts are one `VClock`, all that is replaced another, and
//! their difference is what stands: two clocks a slot, O(n log n). Equal values that stand are one member of an `Orswot`
//! with several witnesses, which is how they settle themselves; sets are an `Orswot` too.
//!
//! The losers on purpose. A clock per journal: a later fact of a laptop would silently overrule an earlier one that its
//! form never showed. A clock per fact, of all that is beneath it: a chain of n facts costs n² dots. `MVReg` itself: it
//! compares every value with every other, so that one author's thousands of forms stall every desk; `tests/tests/merge.rs`
//! drives it by its own API and holds this file to the same answers.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::Hash;

use crdts::{CmRDT, Dot, Orswot, ResetRemove, VClock};

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

impl<V> Entry<V> {
    fn names(&self, other: &Self) -> bool {
        self.replaces.contains(&other.id)
    }
}

/// The clock of facts, each once.
fn clock(facts: impl IntoIterator<Item = FactId>) -> VClock<FactId> {
    facts.into_iter().map(|id| Dot::new(id, 1)).collect()
}

/// The definition: the facts that are here and that none of them names. `None` stands for all, where none names any.
fn live<V>(entries: &[Entry<V>]) -> Option<VClock<FactId>> {
    if entries.iter().all(|entry| entry.replaces.is_empty()) {
        return None;
    }
    let mut live = clock(entries.iter().map(|entry| entry.id));
    live.reset_remove(&clock(entries.iter().flat_map(|entry| entry.replaces.iter().copied())));
    Some(live)
}

/// A register: the values that nobody has replaced, oldest first. More than one is a conflict unless they are equal.
///
/// Order of `entries` does not matter; the same fact twice is once. Two facts of one name (a cloned laptop's) that say
/// different things are both kept. O(n log n); one fact, or one in the place of the only other, costs no clocks.
pub fn register<V: Clone + Ord>(entries: &[Entry<V>]) -> Vec<Entry<V>> {
    match entries {
        [] => return Vec::new(),
        [only] if !only.names(only) => return vec![only.clone()],
        [old, new] | [new, old] if new.names(old) && !old.names(new) && !new.names(new) => return vec![new.clone()],
        _ => {}
    }
    let live = live(entries);
    let stands = |entry: &&Entry<V>| live.as_ref().is_none_or(|live| live.get(&entry.id) > 0);
    let mut out: Vec<&Entry<V>> = entries.iter().filter(stands).collect();
    out.sort_by(|a, b| (a.id, &a.value, a.at).cmp(&(b.id, &b.value, b.at)));
    out.dedup_by(|next, kept| next.id == kept.id && next.value == kept.value);
    out.sort_by_key(|entry| (entry.at, entry.id));
    out.into_iter().cloned().collect()
}

/// The values that stand, each with the facts that say it. Every fact adds its value and takes away what it names.
fn said<V: Clone + Ord + Hash>(entries: &[Entry<Option<V>>]) -> Orswot<V, FactId> {
    // Two facts of one name are one witness: a dot is spent once.
    let mut values: BTreeMap<FactId, BTreeSet<&V>> = BTreeMap::new();
    for entry in entries {
        if let Some(value) = &entry.value {
            values.entry(entry.id).or_default().insert(value);
        }
    }
    let of = |values: &BTreeSet<&V>| values.iter().map(|value| (*value).clone()).collect::<Vec<V>>();
    let mut set = Orswot::new();
    for (id, values) in &values {
        let add = crdts::orswot::Op::Add { dot: Dot::new(*id, 1), members: of(values) };
        // The first dot of a new actor is always valid.
        if set.validate_op(&add).is_ok() {
            set.apply(add);
        }
    }
    // After every addition, and dot by dot: so none is put off, and one fact that names thousands costs each once.
    let named: BTreeSet<FactId> = entries.iter().flat_map(|entry| entry.replaces.iter().copied()).collect();
    for id in named {
        let Some(values) = values.get(&id) else { continue };
        let remove = crdts::orswot::Op::Rm { clock: clock([id]), members: of(values) };
        if set.validate_op(&remove).is_ok() {
            set.apply(remove);
        }
    }
    set
}

/// A set: the members that some live fact adds. A fact with value `None` only takes away what it replaces.
pub fn members<V: Clone + Ord + Hash>(entries: &[Entry<Option<V>>]) -> BTreeSet<V> {
    if entries.iter().all(|entry| entry.replaces.is_empty()) {
        return entries.iter().filter_map(|entry| entry.value.clone()).collect();
    }
    said(entries).read().val.into_iter().collect()
}

/// One value that stands, and who says it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Said<V> {
    /// The value.
    pub value: V,
    /// The live facts that say it, by name: equal values need nobody to decide between them.
    pub by: Vec<FactId>,
    /// When it was last said, corrected.
    pub at: Millis,
}

/// A register as a person meets it: what a form shows, and what a save of that form takes the place of.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Reading<V> {
    /// The different values that stand; the one said last is last.
    pub values: Vec<Said<V>>,
}

impl<V> Reading<V> {
    /// The value that a line has room for: the one said last, none where nothing stands.
    pub fn shown(&self) -> Option<&V> {
        self.values.last().map(|said| &said.value)
    }

    /// Whether a person has to decide: different values stand.
    pub fn conflict(&self) -> bool {
        self.values.len() > 1
    }

    /// What a fact written from this reading replaces, a decision among the values included.
    pub fn names(&self) -> Vec<FactId> {
        let mut names: Vec<FactId> = self.values.iter().flat_map(|said| said.by.iter().copied()).collect();
        names.sort_unstable();
        names.dedup();
        names
    }
}

/// Reads a register: as [`register`], with equal values as one. A fact with value `None` (a removal, an erased fact)
/// only takes away what it replaces.
pub fn reading<V: Clone + Ord + Hash>(entries: &[Entry<Option<V>>]) -> Reading<V> {
    let mut times: BTreeMap<(FactId, &V), Millis> = BTreeMap::new();
    for entry in entries {
        if let Some(value) = &entry.value {
            let time = times.entry((entry.id, value)).or_insert(entry.at);
            *time = entry.at.min(*time);
        }
    }
    let mut values = Vec::new();
    for witnessed in said(entries).iter() {
        let by: Vec<FactId> = witnessed.rm_clock.iter().map(|dot| *dot.actor).collect();
        let last = by.iter().filter_map(|id| times.get(&(*id, witnessed.val)).map(|at| (*at, *id))).max();
        if let Some((at, last)) = last {
            values.push((last, Said { value: witnessed.val.clone(), by, at }));
        }
    }
    values.sort_by(|(a, one), (b, other)| (one.at, a, &one.value).cmp(&(other.at, b, &other.value)));
    Reading { values: values.into_iter().map(|(_, said)| said).collect() }
}

/// What one more fact does to a slot whose live facts are known: no other fact has to be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Nothing else stands: the fact's value is the slot's, and there was none.
    Only,
    /// It takes the place of all that stood: its value is the slot's, and there is no conflict.
    Replaces(Vec<FactId>),
    /// It stands, without these, beside others: the slot is to be read again for a conflict.
    Beside(Vec<FactId>),
    /// It was replaced before it came and never stands; these go all the same.
    Late(Vec<FactId>),
}

impl Step {
    /// The facts that stood and no longer do, by name.
    pub fn gone(&self) -> &[FactId] {
        match self {
            Self::Only => &[],
            Self::Replaces(gone) | Self::Beside(gone) | Self::Late(gone) => gone,
        }
    }
}

/// Takes in the fact `id` that names `replaces`, where `standing` are the slot's live facts and `replaced` says whether
/// any fact that came before names `id`. Facts may come in any order, and the same one again.
///
/// This is [`register`] by steps, and exact, because live = all − replaced looks at nothing but who is named. What it
/// cannot do is take a fact back (held again, lost with a right): then the slot is folded anew from its facts.
pub fn step(id: FactId, replaces: &[FactId], standing: &[FactId], replaced: bool) -> Step {
    let named: BTreeSet<FactId> = replaces.iter().copied().collect();
    let gone: BTreeSet<FactId> = standing.iter().filter(|stood| named.contains(stood)).copied().collect();
    let beside = standing.iter().any(|stood| *stood != id && !named.contains(stood));
    let none = gone.is_empty();
    let gone = gone.into_iter().collect();
    if replaced || named.contains(&id) {
        Step::Late(gone)
    } else if beside {
        Step::Beside(gone)
    } else if none {
        Step::Only
    } else {
        Step::Replaces(gone)
    }
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

    fn fact(of: FactId, replaces: &[FactId], at: i64, value: Option<&str>) -> Entry<Option<String>> {
        Entry { id: of, replaces: replaces.to_vec(), at: Millis(at), value: value.map(str::to_owned) }
    }

    fn shown(entries: &[Entry<Option<String>>]) -> Vec<String> {
        reading(entries).values.into_iter().map(|said| said.value).collect()
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

    #[test]
    fn a_removal_never_takes_the_same_value_added_again_beside_it() {
        let first = fact(id(1, 1), &[], 1, Some("13900001111"));
        let removal = fact(id(2, 1), &[id(1, 1)], 2, None);
        let again = fact(id(3, 1), &[], 3, Some("13900001111"));
        assert!(members(&[removal.clone(), first.clone()]).is_empty());
        assert_eq!(members(&[removal.clone(), first.clone(), again.clone()]).len(), 1);
        // Added again by who saw the removal, and by the one who had said it first.
        let by_author = fact(id(1, 2), &[], 4, Some("13900001111"));
        assert_eq!(members(&[by_author.clone(), removal.clone(), first.clone()]).len(), 1);
        // A removal that saw both leaves none; it names facts, not a value.
        let both = fact(id(2, 2), &[id(3, 1), id(1, 2)], 5, None);
        assert!(members(&[both, by_author, again, removal, first]).is_empty());
    }

    #[test]
    fn equal_values_settle_themselves_and_are_replaced_together() {
        let one = fact(id(1, 1), &[], 10, Some("县城"));
        let other = fact(id(2, 1), &[], 20, Some("县城"));
        let read = reading(&[other.clone(), one.clone()]);
        assert!(!read.conflict());
        assert_eq!(read.shown(), Some(&"县城".to_owned()));
        assert_eq!(read.names(), [id(1, 1), id(2, 1)]);
        assert_eq!(read.values.len(), 1);
        assert_eq!(read.values[0].at, Millis(20));
        // Both assertions stay in the register: saying it again leaves a trace.
        let bare = [entry(id(1, 1), &[], 10, "县城"), entry(id(2, 1), &[], 20, "县城")];
        assert_eq!(register(&bare).len(), 2);
        let next = fact(id(3, 1), &read.names(), 30, Some("新村"));
        assert_eq!(shown(&[one.clone(), other.clone(), next]), ["新村"]);
        // Who was shown one of them takes that one: the value still stands by the other.
        let partial = fact(id(3, 1), &[id(1, 1)], 30, Some("新村"));
        assert_eq!(shown(&[one, other, partial]), ["县城", "新村"]);
    }

    #[test]
    fn a_decision_is_a_fact_like_others_and_can_be_revised() {
        let a = fact(id(1, 1), &[], 10, Some("老村部"));
        let b = fact(id(2, 1), &[], 20, Some("县城"));
        let card = reading(&[a.clone(), b.clone()]);
        assert!(card.conflict());
        let decision = fact(id(3, 1), &card.names(), 30, Some("老村部"));
        let decided = [a.clone(), b.clone(), decision.clone()];
        assert_eq!(shown(&decided), ["老村部"]);
        assert!(!reading(&decided).conflict());
        assert_eq!(reading(&decided).names(), [id(3, 1)]);
        // Revised by who saw it, with a value of his own.
        let revision = fact(id(1, 2), &[id(3, 1)], 40, Some("省城"));
        assert_eq!(shown(&[revision.clone(), decision.clone(), b.clone(), a.clone()]), ["省城"]);
        // Somebody else decided on the same card meanwhile: two decisions are a conflict again, with neither old value.
        let rival = fact(id(4, 1), &card.names(), 35, Some("县城"));
        let mut all = vec![rival.clone(), a, b, decision];
        assert_eq!(shown(&all), ["老村部", "县城"]);
        // One of them is revised: the other decision still stands beside it.
        all.push(revision);
        assert_eq!(shown(&all), ["县城", "省城"]);
        let last = fact(id(5, 1), &reading(&all).names(), 50, Some("省城"));
        all.push(last);
        assert_eq!(shown(&all), ["省城"]);
    }

    #[test]
    fn a_form_opened_before_others_arrived_replaces_what_it_showed_only() {
        let old = fact(id(1, 1), &[], 1, Some("甲"));
        let form = reading(std::slice::from_ref(&old));
        // While it was open two others came, one of them from the same laptop.
        let mine = fact(id(1, 2), &[id(1, 1)], 2, Some("乙"));
        let theirs = fact(id(2, 9), &[id(1, 1)], 3, Some("丙"));
        let saved = fact(id(1, 3), &form.names(), 4, Some("丁"));
        assert_eq!(shown(&[saved, theirs, old, mine]), ["乙", "丙", "丁"]);
    }

    #[test]
    fn a_forgers_ring_hangs_nobody_and_stands_for_nothing() {
        let ring = [
            entry(id(1, 1), &[id(3, 1)], 1, "a"),
            entry(id(2, 1), &[id(1, 1)], 2, "b"),
            entry(id(3, 1), &[id(2, 1)], 3, "c"),
        ];
        for turn in 0..3 {
            let mut order = ring.to_vec();
            order.rotate_left(turn);
            assert_eq!(values(&order), [""; 0]);
        }
        // What it replaced besides is replaced; an honest value beside it stands; a later one may name it.
        let mut all = ring.to_vec();
        all.push(entry(id(4, 1), &[], 4, "d"));
        all.push(entry(id(5, 1), &[id(2, 1)], 5, "e"));
        assert_eq!(values(&all), ["d", "e"]);
        assert_eq!(values(&[entry(id(1, 1), &[id(1, 1)], 1, "a")]), [""; 0]);
        let pair = [entry(id(1, 1), &[id(2, 1)], 1, "a"), entry(id(2, 1), &[id(1, 1)], 2, "b")];
        assert_eq!(values(&pair), [""; 0]);
    }

    #[test]
    fn the_middle_of_a_chain_may_be_missing_or_erased() {
        let a = fact(id(1, 1), &[], 1, Some("a"));
        let b = fact(id(2, 1), &[id(1, 1)], 2, Some("b"));
        let c = fact(id(3, 1), &[id(2, 1)], 3, Some("c"));
        assert_eq!(shown(&[a.clone(), c.clone()]), ["a", "c"]);
        assert_eq!(shown(&[c.clone(), b, a.clone()]), ["c"]);
        let erased = fact(id(2, 1), &[id(1, 1)], 2, None);
        assert_eq!(shown(&[c, erased.clone(), a.clone()]), ["c"]);
        assert_eq!(shown(&[erased, a]), [""; 0]);
    }

    #[test]
    fn two_facts_of_one_name_are_both_kept_in_any_order() {
        let twins = [entry(id(1, 1), &[], 5, "乙"), entry(id(1, 1), &[id(2, 1)], 5, "甲")];
        let base = entry(id(2, 1), &[], 1, "老");
        let [one, other] = twins;
        assert_eq!(values(&[one.clone(), other.clone(), base.clone()]), ["乙", "甲"]);
        assert_eq!(values(&[base.clone(), other.clone(), one.clone()]), ["乙", "甲"]);
        let some = |entry: &Entry<String>| fact(entry.id, &entry.replaces, entry.at.0, Some(&entry.value));
        assert_eq!(shown(&[some(&one), some(&base), some(&other)]), ["乙", "甲"]);
        let last = entry(id(3, 1), &[id(1, 1)], 9, "丙");
        assert_eq!(values(&[last, one, base, other]), ["丙"]);
    }

    #[test]
    fn steps_say_what_a_writer_of_rows_has_to_do() {
        let (a, b, c) = (id(1, 1), id(2, 1), id(3, 1));
        assert_eq!(step(a, &[], &[], false), Step::Only);
        assert_eq!(step(a, &[], &[a], false), Step::Only);
        assert_eq!(step(b, &[a], &[a], false), Step::Replaces(vec![a]));
        assert_eq!(step(b, &[], &[a], false), Step::Beside(vec![]));
        assert_eq!(step(c, &[a], &[a, b], false), Step::Beside(vec![a]));
        assert_eq!(step(c, &[a, b], &[b, a], false), Step::Replaces(vec![a, b]));
        // Replaced before it came: it never stands, and still takes away what it names.
        assert_eq!(step(b, &[a], &[a, c], true), Step::Late(vec![a]));
        assert_eq!(step(a, &[a, b], &[b], false), Step::Late(vec![b]));
        assert_eq!(step(b, &[a], &[a], true).gone(), [a]);
    }

    /// The least of five times, so that a busy machine does not fail it.
    #[allow(clippy::disallowed_methods, reason = "the time is what is tested")]
    fn quickest<T>(mut run: impl FnMut() -> T) -> std::time::Duration {
        let time = |_| {
            let begun = std::time::Instant::now();
            std::hint::black_box(run());
            begun.elapsed()
        };
        (0..5).map(time).min().unwrap_or_default()
    }

    #[test]
    fn thousands_of_facts_in_one_slot_cost_milliseconds() {
        let name = |n: u64| FactId { journal: JournalId([u8::try_from(n % 7).expect("few"); 8]), seq: n };
        let value = |n: u64| Some(format!("{}", n % 50));
        let of = |n: u64, replaces: Vec<FactId>| Entry {
            id: name(n),
            replaces,
            at: Millis(i64::try_from(n).expect("few")),
            value: value(n),
        };
        let chain: Vec<_> = (1..=5_000).map(|n| of(n, (1..n).next_back().map(name).into_iter().collect())).collect();
        let wide: Vec<_> = (1..=5_000).map(|n| of(n, vec![])).collect();
        let mut decided = wide.clone();
        decided.push(of(5_001, (1..=4_990).map(name).collect()));
        for (shape, mut entries, stand) in [("chain", chain, 1), ("wide", wide, 5_000), ("decided", decided, 11)] {
            // Neither the best order nor the worst.
            entries.sort_by_key(|entry| entry.id.seq * 2_654_435_761 % 5_003);
            assert_eq!(register(&entries).len(), stand);
            let took = quickest(|| register(&entries));
            assert!(took.as_millis() < 50, "a register of 5,000, {shape}: {took:?}");
            assert_eq!(reading(&entries).names().len(), stand);
            let took = quickest(|| reading(&entries));
            assert!(took.as_millis() < 250, "a reading of 5,000, {shape}: {took:?}");
            let took = quickest(|| members(&entries));
            assert!(took.as_millis() < 250, "a set of 5,000, {shape}: {took:?}");
            eprintln!("{shape} {took:?} {:?} {:?}", quickest(|| register(&entries)), quickest(|| reading(&entries)));
        }
    }
}

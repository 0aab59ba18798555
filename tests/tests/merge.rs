//! Random histories of one slot, merged four ways: by `domain::merge`, by its definition taken at its word, step by step
//! as facts arrive, and by `crdts` driven over its own API. It must never take an expected answer from `domain::merge`.
//!
//! Where the libraries mean something else by themselves, they are compared where they mean the same, and only there:
//! * `MVReg`, an actor a fact: its clocks hold what is beneath a value through others too, so a replica that lacks the
//!   middle of a chain already drops its start. Compared wherever a replica has all that its facts name.
//! * `Orswot`, an actor a fact: a removal names dots, as a fact does. Compared everywhere.
//! * Both, an actor a journal: a later dot of a journal covers its earlier ones, and `Orswot` drops an addition that
//!   comes after a later one of its journal. Compared at the end of tidy histories: each journal's facts arrive in their
//!   order, and each write is made from all that its laptop has, its own earlier ones included.
//! * Forged histories, which name what they cannot have seen (the future, each other, themselves, two facts under one
//!   number), have no meaning over the libraries' API: they are compared with the definition alone.
#![allow(clippy::expect_used, clippy::indexing_slicing, clippy::panic, reason = "a test that cannot go on stops")]

use std::collections::{BTreeMap, BTreeSet};

use crdts::ctx::{ReadCtx, RmCtx};
use crdts::{CmRDT, MVReg, Orswot, VClock, mvreg, orswot};
use domain::clock::Millis;
use domain::ids::{FactId, JournalId};
use domain::merge::{Entry, Reading, members, reading, register, step};
use tests::{Chance, campaign};

type Said = Entry<Option<u8>>;

/// What stands, by the definition: the facts here that no fact here names. Nothing is indexed, nothing is skipped.
struct Truth {
    /// As a register has it: when, who, what; each once.
    register: Vec<(Millis, FactId, Option<u8>)>,
    /// Each value with the facts that say it, by name.
    values: BTreeMap<u8, Vec<FactId>>,
    /// The value said last.
    shown: Option<u8>,
    /// The facts that stand, by name, values or not.
    live: Vec<FactId>,
}

impl Truth {
    fn of<'a>(here: impl Iterator<Item = &'a Said> + Clone) -> Self {
        let mut register = Vec::new();
        let mut values: BTreeMap<u8, Vec<FactId>> = BTreeMap::new();
        for fact in here.clone() {
            let replaced = here.clone().any(|other| other.replaces.contains(&fact.id));
            let row = (fact.at, fact.id, fact.value);
            if !replaced && !register.contains(&row) {
                register.push(row);
                if let Some(value) = fact.value {
                    values.entry(value).or_default().push(fact.id);
                }
            }
        }
        register.sort_unstable();
        values.values_mut().for_each(|by| by.sort_unstable());
        let shown = register.iter().rev().find_map(|(_, _, value)| *value);
        let mut live: Vec<FactId> = register.iter().map(|(_, id, _)| *id).collect();
        live.sort_unstable();
        live.dedup();
        Self { register, values, shown, live }
    }

    fn read(&self, read: &Reading<u8>) {
        let by: BTreeMap<u8, Vec<FactId>> = read.values.iter().map(|said| (said.value, said.by.clone())).collect();
        assert_eq!(by, self.values);
        assert_eq!(read.values.len(), by.len());
        assert_eq!(read.shown().copied(), self.shown);
        assert_eq!(read.conflict(), self.values.len() > 1);
    }

    /// `domain::merge` says the same of these facts, in this order and with these repeats.
    fn holds(&self, here: &[Said]) {
        let stands: Vec<_> = register(here).into_iter().map(|entry| (entry.at, entry.id, entry.value)).collect();
        assert_eq!(stands, self.register);
        assert!(members(here).iter().eq(self.values.keys()));
        self.read(&reading(here));
    }
}

/// How a history's authors behave.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Manners {
    /// Journals arrive in order, forms are fresh and show everything.
    Tidy,
    /// Forms may be stale, empty, partial or saved twice; facts arrive in any order.
    Honest,
    /// Anything may be named.
    Forged,
}

/// The library's replica of the slot, under one choice of actors.
#[derive(Default)]
struct Library<A: Ord + std::hash::Hash> {
    register: MVReg<u32, A>,
    set: Orswot<u8, A>,
}

/// What one write is to the library.
struct Ops<A: Ord> {
    put: Option<mvreg::Op<u32, A>>,
    set: Vec<orswot::Op<u8, A>>,
}

impl<A: Ord + std::hash::Hash + Clone + std::fmt::Debug> Library<A> {
    fn apply(&mut self, ops: &Ops<A>) {
        if let Some(put) = &ops.put {
            self.register.validate_op(put).expect("a register takes any write");
            self.register.apply(put.clone());
        }
        for op in &ops.set {
            self.set.validate_op(op).expect("an actor's dots come without a gap");
            self.set.apply(op.clone());
        }
    }

    fn set_is(&self, truth: &Truth) {
        let members: BTreeSet<u8> = self.set.read().val.into_iter().collect();
        assert!(members.iter().eq(truth.values.keys()), "Orswot {members:?}, truth {:?}", truth.values);
    }

    fn register_is(&self, truth: &Truth, facts: &[Said]) {
        let mut live: Vec<FactId> =
            self.register.read().val.into_iter().map(|at| facts[usize::try_from(at).expect("an index")].id).collect();
        live.sort_unstable();
        assert_eq!(live, truth.live, "MVReg");
    }
}

/// What a form was opened on: the contexts as the library gave them then, and what a fact would name.
struct Form<A: Ord> {
    names: Vec<FactId>,
    by_value: BTreeMap<u8, Vec<FactId>>,
    register: VClock<A>,
    set: BTreeMap<u8, VClock<A>>,
}

/// One laptop.
struct Replica {
    journal: u8,
    /// Places in the history, in order of arrival.
    known: Vec<usize>,
    has: Vec<bool>,
    /// All that its facts name.
    named: BTreeSet<FactId>,
    /// What stands, kept up by `step` alone.
    standing: Vec<FactId>,
    by_fact: Library<u32>,
    by_journal: Library<u8>,
    forms: Vec<Form<u32>>,
    seq: u64,
}

/// One slot, everything ever written to it, and who has what.
struct History {
    dice: Chance,
    manners: Manners,
    set: bool,
    values: usize,
    facts: Vec<Said>,
    by_fact: Vec<Ops<u32>>,
    by_journal: Vec<Ops<u8>>,
    replicas: Vec<Replica>,
    /// Something was compared with MVReg before all had arrived.
    midway: bool,
}

fn small(n: usize) -> u8 {
    u8::try_from(n).expect("a small number")
}

fn context<A>(clock: VClock<A>) -> ReadCtx<(), A>
where
    A: Ord + Clone,
{
    ReadCtx { add_clock: clock.clone(), rm_clock: clock, val: () }
}

impl History {
    fn new(seed: u64) -> (Self, usize) {
        let mut dice = Chance::of(seed);
        // Most are small: that is where every order can be met. A few are as large as a slot ever gets.
        let (replicas, ops) = match dice.below(100) {
            0..70 => (2 + dice.below(2), 2 + dice.below(6)),
            70..92 => (2 + dice.below(4), 4 + dice.below(14)),
            92..99 => (4 + dice.below(9), 10 + dice.below(40)),
            _ => (6 + dice.below(7), 50 + dice.below(151)),
        };
        let manners = match dice.below(100) {
            0..25 => Manners::Tidy,
            25..80 => Manners::Honest,
            _ => Manners::Forged,
        };
        let set = dice.percent(50);
        let values = 1 + dice.below(4);
        let replica = |at| Replica {
            journal: small(at),
            known: Vec::new(),
            has: Vec::new(),
            named: BTreeSet::new(),
            standing: Vec::new(),
            by_fact: Library::default(),
            by_journal: Library::default(),
            forms: Vec::new(),
            seq: 0,
        };
        let replicas = (1..=replicas).map(replica).collect();
        let of = Self {
            dice,
            manners,
            set,
            values,
            facts: Vec::new(),
            by_fact: Vec::new(),
            by_journal: Vec::new(),
            replicas,
            midway: false,
        };
        (of, ops)
    }

    /// A fact reaches a replica, perhaps again.
    fn arrive(&mut self, to: usize, at: usize) {
        let fact = &self.facts[at];
        let tidy = self.manners == Manners::Tidy;
        let replica = &mut self.replicas[to];
        replica.has.resize(self.facts.len(), false);
        let earlier = |(before, _): &(&Said, &bool)| before.id.journal == fact.id.journal;
        if tidy && self.facts[..at].iter().zip(&replica.has).filter(earlier).any(|(_, has)| !has) {
            return;
        }
        let taken = step(fact.id, &fact.replaces, &replica.standing, replica.named.contains(&fact.id));
        replica.standing.retain(|id| !taken.gone().contains(id) && *id != fact.id);
        let late = matches!(taken, domain::merge::Step::Late(_));
        if !late {
            replica.standing.push(fact.id);
        }
        let alone = matches!(taken, domain::merge::Step::Only | domain::merge::Step::Replaces(_));
        assert!(late || alone == (replica.standing.len() == 1), "{taken:?} leaves {:?}", replica.standing);
        replica.named.extend(&fact.replaces);
        replica.by_fact.apply(&self.by_fact[at]);
        if tidy {
            replica.by_journal.apply(&self.by_journal[at]);
        }
        if !replica.has[at] {
            replica.has[at] = true;
            replica.known.push(at);
        }
    }

    /// Some of what one replica has reaches another, in no order.
    fn meet(&mut self, to: usize) {
        let from = self.dice.below(self.replicas.len());
        let share = *self.dice.one(&[20, 50, 100]);
        let mut some = self.replicas[from].known.clone();
        some.retain(|_| self.dice.percent(share));
        if self.manners != Manners::Tidy {
            shuffle(&mut self.dice, &mut some);
        }
        for at in some {
            self.arrive(to, at);
        }
    }

    /// Opens a form: the names by the definition, the contexts as the library has them.
    fn open(&self, at: usize) -> Form<u32> {
        let replica = &self.replicas[at];
        let live = replica.known.iter().map(|at| &self.facts[*at]).filter(|fact| !replica.named.contains(&fact.id));
        let mut by_value: BTreeMap<u8, Vec<FactId>> = BTreeMap::new();
        let mut names = Vec::new();
        for fact in live {
            names.push(fact.id);
            if let Some(value) = fact.value {
                by_value.entry(value).or_default().push(fact.id);
            }
        }
        let set = by_value.keys().map(|v| (*v, replica.by_fact.set.contains(v).derive_rm_ctx().clock)).collect();
        Form { names, by_value, register: replica.by_fact.register.read_ctx().add_clock, set }
    }

    /// A replica writes.
    fn write(&mut self, at: usize) {
        if self.dice.percent(25) {
            let form = self.open(at);
            self.replicas[at].forms.push(form);
        }
        let kept = self.replicas[at].forms.len();
        let (mut form, fresh) = match self.dice.below(100) {
            // A form that has been open for a while; sometimes saved twice.
            0..25 if kept > 0 && self.manners != Manners::Tidy => {
                let chosen = self.dice.below(kept);
                let again = self.dice.percent(20);
                let forms = &mut self.replicas[at].forms;
                (if again { forms[chosen].again() } else { forms.swap_remove(chosen) }, false)
            }
            // A form that shows nothing, or a part of what there is.
            25..35 if self.manners != Manners::Tidy => (Form::empty(), false),
            35..45 if self.manners != Manners::Tidy => (self.part(at), false),
            _ => (self.open(at), true),
        };
        if self.manners == Manners::Forged {
            self.forge(at, &mut form);
        }
        let actor = u32::try_from(self.facts.len()).expect("few");
        let journal = self.replicas[at].journal;
        // A cloned laptop writes under a number that is taken.
        let twin = self.manners == Manners::Forged && self.replicas[at].seq > 0 && self.dice.percent(8);
        self.replicas[at].seq += u64::from(!twin);
        let id = FactId { journal: JournalId([journal; 8]), seq: self.replicas[at].seq };
        // Times meet and run backwards; a number's two facts have one.
        let time = i64::try_from((u64::from(journal) * 5 + id.seq * 7) % 12).expect("few");
        let fact = Said { id, replaces: Vec::new(), at: Millis(time), value: None };
        let value = small(self.dice.below(self.values));
        let (fact, by_fact, by_journal) = if self.set {
            self.write_set(at, fact, value, &form, actor)
        } else {
            self.write_register(at, fact, value, &form, fresh, actor)
        };
        self.facts.push(fact);
        self.by_fact.push(by_fact);
        self.by_journal.push(by_journal);
        let last = self.facts.len() - 1;
        self.arrive(at, last);
    }

    fn write_register(
        &self,
        at: usize,
        mut fact: Said,
        value: u8,
        form: &Form<u32>,
        fresh: bool,
        actor: u32,
    ) -> (Said, Ops<u32>, Ops<u8>) {
        fact.value = Some(value);
        fact.replaces.clone_from(&form.names);
        let forged = self.manners == Manners::Forged;
        let mine = &self.replicas[at];
        let put =
            (!forged).then(|| mine.by_fact.register.write(actor, context(form.register.clone()).derive_add_ctx(actor)));
        let by_journal = (self.manners == Manners::Tidy && fresh).then(|| {
            let register = &mine.by_journal.register;
            register.write(actor, register.read_ctx().derive_add_ctx(mine.journal))
        });
        (fact, Ops { put, set: vec![] }, Ops { put: by_journal, set: vec![] })
    }

    /// Adds, takes away, or puts one value in the place of another.
    fn write_set(
        &mut self,
        at: usize,
        mut fact: Said,
        value: u8,
        form: &Form<u32>,
        actor: u32,
    ) -> (Said, Ops<u32>, Ops<u8>) {
        let shown: Vec<u8> = form.by_value.keys().copied().collect();
        let doing = self.dice.below(100);
        let gone: Vec<u8> = match doing {
            _ if shown.is_empty() => vec![],
            0..45 => vec![],
            45..90 => vec![*self.dice.one(&shown)],
            _ => shown,
        };
        fact.value = (gone.is_empty() || self.dice.percent(40)).then_some(value);
        fact.replaces = gone.iter().flat_map(|value| form.by_value[value].iter().copied()).collect();
        let mine = &self.replicas[at];
        let (mut by_fact, mut by_journal) = (Vec::new(), Vec::new());
        if self.manners == Manners::Forged {
            fact.replaces.extend(&form.names);
        } else {
            for value in &gone {
                let clock = form.set.get(value).cloned().unwrap_or_default();
                by_fact.push(mine.by_fact.set.rm(*value, RmCtx { clock }));
                by_journal.push(mine.by_journal.set.rm(*value, mine.by_journal.set.contains(value).derive_rm_ctx()));
            }
            if let Some(value) = fact.value {
                by_fact.push(mine.by_fact.set.add(value, mine.by_fact.set.read_ctx().derive_add_ctx(actor)));
                let context = mine.by_journal.set.read_ctx().derive_add_ctx(mine.journal);
                by_journal.push(mine.by_journal.set.add(value, context));
            }
        }
        (fact, Ops { put: None, set: by_fact }, Ops { put: None, set: by_journal })
    }

    /// A form on a screen that had only some of the live facts: the library reads a replica that has only those.
    fn part(&mut self, at: usize) -> Form<u32> {
        let mut form = self.open(at);
        let share = *self.dice.one(&[30, 60]);
        form.names.retain(|_| self.dice.percent(share));
        let shown: BTreeSet<FactId> = form.names.iter().copied().collect();
        let mut library = Library::default();
        for (at, fact) in self.facts.iter().enumerate() {
            if shown.contains(&fact.id) {
                let ops = &self.by_fact[at];
                let adds = ops.set.iter().filter(|op| matches!(op, orswot::Op::Add { .. })).cloned().collect();
                library.apply(&Ops { put: ops.put.clone(), set: adds });
            }
        }
        form.by_value.values_mut().for_each(|by| by.retain(|id| shown.contains(id)));
        form.by_value.retain(|_, by| !by.is_empty());
        form.set = form.by_value.keys().map(|v| (*v, library.set.contains(v).derive_rm_ctx().clock)).collect();
        form.register = library.register.read_ctx().add_clock;
        form
    }

    /// Names what cannot have been seen: the future, the neighbour's next, itself, nobody.
    fn forge(&mut self, at: usize, form: &mut Form<u32>) {
        for _ in 0..self.dice.below(3) {
            let whose = if self.dice.percent(30) { at } else { self.dice.below(self.replicas.len() + 1) };
            let seq = self.replicas.get(whose).map_or(0, |replica| replica.seq);
            let near = i64::try_from(seq).expect("few") - 2 + i64::try_from(self.dice.below(5)).expect("few");
            let journal = JournalId([small(whose + 1); 8]);
            form.names.push(FactId { journal, seq: u64::try_from(near.max(0)).expect("not below zero") });
        }
        // The same name twice is once.
        if self.dice.percent(10) {
            form.names.extend_from_within(..);
        }
    }

    /// Compares one replica with the definition over what it has.
    fn compare(&mut self, at: usize, end: bool) {
        let replica = &self.replicas[at];
        let truth = Truth::of(replica.known.iter().map(|at| &self.facts[*at]));
        let here: Vec<Said> = replica.known.iter().map(|at| self.facts[*at].clone()).collect();
        truth.holds(&here);
        let mut standing = replica.standing.clone();
        standing.sort_unstable();
        assert_eq!(standing, truth.live, "step by step");
        if self.manners == Manners::Forged {
            return;
        }
        if self.set {
            replica.by_fact.set_is(&truth);
            for said in replica.by_fact.set.iter() {
                let by: Vec<FactId> = said
                    .rm_clock
                    .iter()
                    .map(|dot| self.facts[usize::try_from(*dot.actor).expect("an index")].id)
                    .collect::<BTreeSet<_>>()
                    .into_iter()
                    .collect();
                assert_eq!(&by, &truth.values[said.val], "who says {}", said.val);
            }
        } else {
            let known: BTreeSet<FactId> = here.iter().map(|fact| fact.id).collect();
            if replica.named.is_subset(&known) {
                replica.by_fact.register_is(&truth, &self.facts);
                self.midway |= !end && !replica.named.is_empty();
            }
        }
        if end && self.manners == Manners::Tidy {
            if self.set {
                replica.by_journal.set_is(&truth);
            } else {
                replica.by_journal.register_is(&truth, &self.facts);
            }
        }
    }
}

impl Form<u32> {
    fn empty() -> Self {
        Self { names: vec![], by_value: BTreeMap::new(), register: VClock::new(), set: BTreeMap::new() }
    }

    fn again(&self) -> Self {
        Self {
            names: self.names.clone(),
            by_value: self.by_value.clone(),
            register: self.register.clone(),
            set: self.set.clone(),
        }
    }
}

fn shuffle<T>(dice: &mut Chance, items: &mut [T]) {
    for at in (1..items.len()).rev() {
        items.swap(at, dice.below(at + 1));
    }
}

fn history(seed: u64) -> [bool; 8] {
    let (mut of, ops) = History::new(seed);
    for _ in 0..ops {
        let at = of.dice.below(of.replicas.len());
        if of.dice.percent(45) {
            of.meet(at);
        }
        of.write(at);
        if of.dice.percent(10) {
            let at = of.dice.below(of.replicas.len());
            of.compare(at, false);
        }
    }
    // Everybody gets everything, in whatever order, some of it twice.
    let mut all: Vec<usize> = (0..of.facts.len()).collect();
    for at in 0..of.replicas.len() {
        if of.manners != Manners::Tidy {
            shuffle(&mut of.dice, &mut all);
        }
        for &fact in &all {
            if !of.replicas[at].has.get(fact).is_some_and(|has| *has) || of.dice.percent(10) {
                of.arrive(at, fact);
            }
        }
        assert_eq!(of.replicas[at].known.len(), of.facts.len(), "everything arrived");
    }
    // The definition once, over facts in the order of writing; every replica in the order in which they came to it.
    let truth = Truth::of(of.facts.iter());
    for at in 0..of.replicas.len() {
        if at < 2 {
            of.compare(at, true);
        }
        let here: Vec<Said> = of.replicas[at].known.iter().map(|at| of.facts[*at].clone()).collect();
        truth.holds(&here);
        let mut standing = of.replicas[at].standing.clone();
        standing.sort_unstable();
        assert_eq!(standing, truth.live);
    }
    // Any order, any repeat.
    let mut order = of.facts.clone();
    shuffle(&mut of.dice, &mut order);
    let more = of.dice.below(order.len() + 1);
    order.extend_from_within(..more);
    shuffle(&mut of.dice, &mut order);
    truth.holds(&order);
    // Three sets of facts that overlap and together are all: united in any way, they say the same.
    let mut parts: [Vec<Said>; 3] = Default::default();
    for fact in &of.facts {
        let home = of.dice.below(3);
        for (at, part) in parts.iter_mut().enumerate() {
            if at == home || of.dice.percent(25) {
                part.push(fact.clone());
            }
        }
    }
    let [a, b, c] = parts;
    truth.holds(&[a.clone(), b.clone(), c.clone()].concat());
    truth.holds(&[c, a, b].concat());
    let named: BTreeSet<FactId> = of.facts.iter().flat_map(|fact| fact.replaces.iter().copied()).collect();
    let rings = of.manners == Manners::Forged && of.facts.iter().all(|fact| named.contains(&fact.id));
    [
        of.set,
        of.manners == Manners::Tidy,
        of.manners == Manners::Forged,
        truth.values.len() > 1,
        truth.live.len() > truth.values.len(),
        of.replicas.len() >= 6,
        of.midway,
        rings,
    ]
}

#[test]
fn merge_is_its_definition_and_what_the_library_says() {
    let shapes = [
        "sets",
        "tidy",
        "forged",
        "conflicts",
        "equal values or bare removals",
        "six laptops or more",
        "MVReg midway",
        "rings in which nothing stands",
    ];
    campaign("merge", (300_000, 1_000_000), shapes, history);
}

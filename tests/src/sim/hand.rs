//! The hand that does what no program does: it kills, copies, restores and clones folders, turns clocks, carries sticks,
//! says old pushes again. It keeps the oracle honest: what it took away from a laptop is marked as lost.

use chrono::Datelike as _;
use std::collections::{BTreeMap, BTreeSet};

use domain::clock::Millis;
use domain::fact::Fact;
use domain::ids::PersonId;
use domain::words::Role;

use super::disk;
use super::faults::{Fault, Swarm};
use super::truth::{DeskFile, Ledger, What};
use super::world::{Copy, Full, Sim};
use crate::chance::Chance;

const DAY: i64 = 86_400_000;
/// Ten years, in milliseconds.
const TEN_YEARS: usize = 3_652 * 86_400_000;

fn either_way(chance: &mut Chance, most: usize) -> i64 {
    let by = i64::try_from(chance.below(most)).expect("small");
    if chance.percent(50) { by } else { -by }
}

impl Sim {
    /// Between two acts, whatever strikes.
    pub fn hand(&mut self, seat: usize) {
        self.clocks(seat);
        self.disks(seat);
        self.sticks();
        if self.strikes(Fault::StickByOthers) {
            self.two_meet(seat);
        }
        if self.strikes(Fault::DeskReopened) {
            self.open(seat, true);
        }
        if self.strikes(Fault::AnchorTorn) {
            self.seats[seat].desk = None;
            disk::tear_anchor(&self.seats[seat].home, self.chance.below(2));
            self.seats[seat].torn = true;
            self.open(seat, true);
        }
        if self.strikes(Fault::Replayed) {
            let mut wire = self.wire();
            if !wire.said.is_empty() {
                let kept = wire.said.len();
                let which = wire.chance.below(kept);
                let said = wire.said[which].clone();
                // What becomes of it is nobody's answer.
                drop(wire.arrive(said.device, &said.bytes));
            }
        }
        // Now and then a copy is made that nobody needs yet.
        let needed = self.swarm.has(Fault::DeskRestored) || self.swarm.has(Fault::DeskRolledBack);
        if self.chance.percent(6) && needed {
            let path = self.folder("copy");
            disk::copy(&self.seats[seat].home, &path);
            let step = self.step;
            let copies = &mut self.seats[seat].copies;
            copies.push(Copy { path, step });
            if copies.len() > 2 {
                copies.remove(0);
            }
        }
        if self.strikes(Fault::DeskRestored) {
            self.put_back(seat, true);
        }
        if self.strikes(Fault::DeskRolledBack) {
            self.put_back(seat, false);
        }
        if self.strikes(Fault::DeskCloned) && self.seats.len() < 60 {
            self.clone_seat(seat);
        }
        self.county_hand();
    }

    fn clocks(&mut self, seat: usize) {
        let off = self.strikes(Fault::ClockOff);
        let jumped = self.strikes(Fault::ClockJumped);
        let frozen = self.strikes(Fault::ClockFrozen);
        let drifted = self.strikes(Fault::ClockDrifted);
        if off {
            let by = either_way(&mut self.chance, TEN_YEARS);
            self.wire().clocks.set(seat, by);
        }
        if jumped {
            let by = either_way(&mut self.chance, 86_400_000);
            self.wire().clocks.jump(seat, by);
        }
        if frozen {
            self.wire().clocks.freeze(seat);
        }
        if drifted {
            let by = either_way(&mut self.chance, 20_000);
            let mut wire = self.wire();
            let beside = wire.clocks.beside(seat);
            wire.clocks.drift(seat, beside, by);
        }
    }

    /// Disks fill up, and somebody makes room.
    fn disks(&mut self, seat: usize) {
        let step = self.step;
        for number in 0..self.seats.len() {
            if self.seats[number].full.is_some_and(|full| full.until <= step) {
                self.seats[number].full = None;
                self.open(number, true);
                self.say(|| format!("laptop {number} has room again"));
            }
        }
        // Counted when somebody is told.
        let fills = self.swarm.strikes(Fault::DiskFull, &mut self.chance);
        let (pages, steps) = (self.chance.below(4), 30 + self.chance.below(120));
        if fills && self.seats[seat].full.is_none() {
            let pages = u32::try_from(pages).expect("small");
            self.seats[seat].full = Some(Full { pages, until: step + steps, told: false });
            self.open(seat, true);
            self.say(|| format!("laptop {seat} has room for {pages} pages"));
        }
    }

    /// A laptop is put back to an older copy: its folder whole, or its database alone.
    fn put_back(&mut self, seat: usize, whole: bool) {
        let Some(copy) = self.seats[seat].copies.last().cloned() else { return };
        self.seats[seat].desk = None;
        if whole {
            disk::copy(&copy.path, &self.seats[seat].home);
        } else {
            disk::copy_without_anchor(&copy.path, &self.seats[seat].home);
        }
        self.say(|| {
            format!("laptop {seat} is put back to step {}{}", copy.step, if whole { "" } else { ", its anchor is not" })
        });
        for act in self.acts.iter_mut().filter(|act| act.seat == seat && act.step >= copy.step) {
            act.lost = true;
        }
        if whole || self.seats[seat].torn {
            let device = self.seats[seat].device;
            self.wire().heard.excuse(device);
            self.seats[seat].unaware = true;
        }
        self.seats[seat].twisted = true;
        self.seats[seat].forms.clear();
        self.open(seat, whole);
    }

    /// A laptop's folder is copied to another machine; both go on as one device.
    fn clone_seat(&mut self, seat: usize) {
        let home = self.folder("clone");
        disk::copy(&self.seats[seat].home, &home);
        let (number, cell) = self.wire().clocks.add();
        self.seats[seat].twisted = true;
        self.seats[seat].unaware = true;
        let device = self.seats[seat].device;
        self.wire().heard.excuse(device);
        let one = &self.seats[seat];
        let twin = super::world::Seat {
            person: one.person.clone(),
            role: one.role,
            device: one.device,
            home,
            signing: one.signing,
            key: one.key.clone(),
            anchor: one.anchor,
            cell,
            desk: None,
            files: one.files.clone(),
            forms: Vec::new(),
            copies: Vec::new(),
            twisted: true,
            unaware: true,
            torn: one.torn,
            only_here: None,
            full: None,
        };
        self.seats.push(twin);
        assert_eq!(number + 1, self.seats.len());
        self.say(|| format!("laptop {number} is a copy of laptop {seat}"));
        self.open(number, true);
    }

    fn county_hand(&mut self) {
        if self.chance.percent(2) && self.swarm.has(Fault::CountyRestored) {
            let path = self.folder("county-copy");
            let step = self.step;
            // A backup that is verified, or a copy that nobody knows of.
            let verified = self.chance.percent(50);
            {
                let wire = self.wire();
                if verified {
                    wire.county().backup(&wire.home, &path).expect("a backup");
                } else {
                    disk::copy(&wire.home, &path);
                }
            }
            self.county_copies.push(Copy { path, step });
            if self.county_copies.len() > 2 {
                self.county_copies.remove(0);
            }
        }
        if self.strikes(Fault::CountyRestored) {
            let Some(copy) = self.county_copies.last().cloned() else { return };
            let head = Ledger::head(&copy.path);
            // With its anchor or without.
            let whole = self.chance.percent(50);
            {
                let mut wire = self.wire();
                wire.county = None;
                let lost = Ledger::head(&wire.home);
                wire.heard.length(lost);
                if whole {
                    disk::copy(&copy.path, &wire.home);
                } else {
                    disk::copy_without_anchor(&copy.path, &wire.home);
                }
                wire.acked.retain(|_, (_, position)| *position <= head);
                wire.restart();
            }
            self.county_restored = true;
            self.held_by_nobody();
            // What only the county had, because its laptop was put back, is gone with it.
            for act in self.acts.iter_mut().filter(|act| act.lost && act.safe.is_some_and(|safe| safe >= copy.step)) {
                act.safe = None;
            }
            self.say(|| format!("the county is put back to step {}, position {}", copy.step, head));
        }
    }

    /// What neither the county nor any laptop has any more is lost with the county. That happens to the work of laptops alone
    /// that were copied or put back: every other keeps its own, out of sight or not, until a verified backup has it.
    fn held_by_nobody(&mut self) {
        // The same may have been said more than once: each has its author and moment, whatever journal it went over into.
        let mut there: BTreeMap<What, BTreeMap<(PersonId, Millis), BTreeSet<Option<usize>>>> = BTreeMap::new();
        let mut note = |holder: Option<usize>, fact: &Fact| {
            let said = there.entry(What::of(fact)).or_default();
            said.entry((fact.author.clone(), fact.wall)).or_default().insert(holder);
        };
        for logged in Ledger::read(&self.wire().home).facts.values() {
            note(None, &logged.fact);
        }
        for number in 0..self.seats.len() {
            // What the program has written is on the disk, in the log beside the database at the latest.
            let seat = &self.seats[number];
            let file = DeskFile::read(&seat.home, &seat.key);
            for fact in file.facts.values().map(|here| &here.fact).chain(file.kept.values().map(|(fact, _)| fact)) {
                note(Some(number), fact);
            }
        }
        // Said twice within a second it may be one and the same.
        let known: BTreeSet<What> = there.keys().cloned().collect();
        for act in self.acts.iter_mut().filter(|act| !act.lost || act.safe.is_some()).rev() {
            // Of a laptop that was copied or put back, others may hold what cannot come back by them: its twin, or itself,
            // may have used the number since, and it has forgotten the work that it would bring under another.
            let twisted = self.seats[act.seat].twisted;
            let counts = |holder: &Option<usize>| !twisted || holder.is_none_or(|holder| holder == act.seat);
            let said = there.get_mut(&act.what);
            let key = said.as_ref().and_then(|said| said.iter().find(|(_, by)| by.iter().any(counts)));
            let key = key.map(|(key, _)| key.clone());
            match key.and_then(|key| said.and_then(|said| said.remove(&key))) {
                Some(_) => {}
                None => {
                    let gone = twisted || known.contains(&act.what) || self.erased.contains(&act.what);
                    assert!(gone, "I1 nobody has {:?} of laptop {} any more", act.what, act.seat);
                    (act.lost, act.safe) = (true, None);
                }
            }
        }
    }

    /// Whether the county's log grew, by nothing but blocks of numbers.
    fn only_leased_since(&self, head: u64) -> bool {
        let ledger = Ledger::read(&self.wire().home);
        let mut since = ledger.facts.values().filter(|logged| logged.position > head).peekable();
        since.peek().is_some() && since.all(|logged| logged.fact.kind == "BlockLeased")
    }

    /// Days go by, or minutes.
    pub fn time_passes(&mut self) {
        let minutes = match self.chance.below(40) {
            0 => 60 * 12 + self.chance.below(60 * 24),
            _ => 1 + self.chance.below(90),
        };
        let passed = i64::try_from(minutes).expect("small") * 60_000;
        self.wire().clocks.pass(passed.min(3 * DAY));
    }

    /// An account gets another laptop, and sometimes another role with it.
    pub fn newcomer(&mut self) {
        let field: Vec<usize> = (0..self.seats.len()).filter(|at| self.seats[*at].role.line().is_some()).collect();
        if field.is_empty() || self.chance.percent(30) {
            let number = self.seats.len();
            self.enrol_field(number + 1_000);
            return;
        }
        let one = *self.chance.one(&field);
        let name = self.seats[one].person.to_string();
        let role = if self.chance.percent(50) {
            self.seats[one].role
        } else {
            *self.chance.one(&[Role::SchoolDirector, Role::TownshipClerk, Role::CentralDirector])
        };
        self.enrol(&name, role, Vec::new());
        for seat in self.seats.iter_mut().filter(|seat| seat.person.as_str() == name) {
            seat.role = role;
        }
    }

    /// Faults stop, clocks are right, everybody meets the county three times; what was carried by hand arrives late.
    pub fn calm(&mut self) {
        self.say(|| "all is calm".to_owned());
        {
            let mut wire = self.wire();
            wire.swarm = Swarm::calm();
            wire.clocks.right();
        }
        self.swarm = Swarm::calm();
        for seat in 0..self.seats.len() {
            if self.seats[seat].full.take().is_some() {
                self.open(seat, true);
            }
        }
        let year = |sim: &Self| domain::clock::Millis(sim.wire().clocks.now()).day().year();
        let begun = year(self);
        let mut rounds = 3;
        let mut round = 0;
        let mut head = 0;
        while round < rounds {
            if round == 2 {
                head = Ledger::head(&self.wire().home);
            }
            for seat in 0..self.seats.len() {
                self.wire().clocks.pass(60_000);
                let whole = self.sync(seat);
                assert!(whole || round < 2, "I9 laptop {seat} cannot sync though all is calm");
            }
            if round == 0 {
                self.all_sticks();
            }
            round += 1;
            // At new year everybody is leased numbers of the new year, and everybody hears of it. So it is where a laptop hears
            // only now that its twin used up the numbers that both had.
            if round == 3 && (year(self) != begun || self.only_leased_since(head)) {
                rounds = 5;
            }
        }
    }
}

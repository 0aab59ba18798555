//! The invariants, by their numbers. Each reads what the files hold and what the oracle knows; a breach stops the run
//! with the invariant's name first.

use std::collections::{BTreeMap, BTreeSet};

use desk::api::Call;
use domain::VerifyingKey;
use domain::event::Event;
use domain::fact::Fact;
use domain::ids::{FactId, FileId, JournalId, PersonId};
use domain::words::{HouseholdField, Role};

use super::faults::Fault;
use super::stranger::Stranger;
use super::truth::{DeskFile, Ledger, Sight, What};
use super::world::{Sim, open_store};

/// What a county's log was when it was last looked at.
pub type Past = Vec<(u64, JournalId, u64)>;

impl Sim {
    /// I8, I5, I6 of the county, at any moment. Returns what the log is now.
    pub fn log_only_grows(&self, before: &Past) -> Past {
        let ledger = Ledger::read(&self.wire().home);
        let now: Past =
            ledger.entries.iter().map(|one| (one.position, one.batch.seal.journal, one.batch.seal.batch)).collect();
        assert!(now.starts_with(before), "I8 the county's log is not what it was");
        for (at, (position, _, _)) in now.iter().enumerate() {
            assert_eq!(usize::try_from(*position).ok(), Some(at + 1), "I8 a position is missing");
        }
        for ((journal, batch), (seal, position)) in &self.wire().acked {
            let there = ledger
                .entries
                .iter()
                .any(|one| one.batch.seal.hash() == *seal && (one.position == *position || self.county_restored));
            assert!(there, "I8 batch {batch} of {journal}, acknowledged at {position}, is not in the log");
        }
        for one in &ledger.entries {
            let journal = one.batch.seal.journal;
            let key = ledger.keys.get(&journal).and_then(|key| VerifyingKey::from_bytes(key).ok());
            match key {
                Some(key) => {
                    one.batch.verify(&key).unwrap_or_else(|fault| panic!("I6 the batch at {}: {fault}", one.position));
                }
                None => assert!(ledger.masters.contains(&journal), "I6 a journal without a key: {journal}"),
            }
        }
        now
    }

    /// Tells who has the facts that are followed, where that changed.
    pub fn follow(&mut self) {
        let Some(mark) = self.watch.clone() else { return };
        let mut said = Vec::new();
        for logged in Ledger::read(&self.wire().home).facts.values() {
            if logged.fact.id.to_string() == mark || What::of(&logged.fact).mark == mark {
                said.push(format!("county {} at {} shown {:?}", logged.fact.id, logged.position, logged.shown));
            }
        }
        for (number, seat) in self.seats.iter().enumerate() {
            for here in DeskFile::read(&seat.home, &seat.key).facts.values() {
                if here.fact.id.to_string() == mark || What::of(&here.fact).mark == mark {
                    said.push(format!("{number} {} at {:?}", here.fact.id, here.position));
                }
            }
            for (fact, _) in DeskFile::read(&seat.home, &seat.key).kept.values() {
                if fact.id.to_string() == mark || What::of(fact).mark == mark {
                    said.push(format!("{number} keeps {}", fact.id));
                }
            }
        }
        let said = said.join(", ");
        if said != self.watched {
            self.say(|| format!("** {said}"));
            self.watched = said;
        }
    }

    /// What a laptop has beside what is its to have, told from the files: for a breach that nobody would understand else.
    pub fn apart(&self, number: usize) -> String {
        let (ledger, seat) = (Ledger::read(&self.wire().home), &self.seats[number]);
        let (sight, file) = (Sight::of(&ledger), DeskFile::read(&seat.home, &seat.key));
        let mut out = Vec::new();
        for logged in ledger.facts.values().filter(|logged| logged.shown.is_some()) {
            let fact = &logged.fact;
            let sees = sight.sees(&seat.person, seat.device, fact.file, fact.section);
            let here = file.facts.get(&fact.id);
            if sees && here.is_none_or(|here| here.held || here.position.is_none() || here.leaf != Some(logged.leaf)) {
                out.push(format!("lacks {} {} at {}: {here:?}", fact.kind, fact.id, logged.position));
            }
            if !sees && here.is_some_and(|here| !here.held && here.position.is_some()) {
                out.push(format!("has {} {} at {}", fact.kind, fact.id, logged.position));
            }
        }
        for (id, here) in file.facts.iter().filter(|(_, here)| !here.held && here.position.is_some()) {
            if ledger.facts.get(id).is_none_or(|logged| logged.shown.is_none()) {
                out.push(format!("has {} {id} that is not let through", here.fact.kind));
            }
        }
        out.truncate(6);
        out.join("; ")
    }

    /// Everything, once all is calm and everybody has met the county.
    pub fn at_rest(&mut self) {
        for seat in &mut self.seats {
            seat.desk = None;
        }
        let ledger = Ledger::read(&self.wire().home);
        let files: Vec<DeskFile> = self.seats.iter().map(|seat| DeskFile::read(&seat.home, &seat.key)).collect();
        self.nothing_lost(&ledger);
        self.erased_stays_erased(&ledger, &files);
        self.held_is_what_had_no_right(&ledger);
        self.everybody_has_what_is_theirs(&ledger, &files);
        self.names_are_used_once(&ledger, &files);
        self.time_goes_forward(&ledger, &files);
        self.papers_are_whole(&ledger, &files);
        self.as_people_remember(&ledger, &files);
        self.stranger_is_heard(&ledger);
        self.numbers_are_used_once(&ledger);
        self.views_are_one(&ledger, &files);
    }

    /// I1: what was confirmed is at the county, by content.
    fn nothing_lost(&self, ledger: &Ledger) {
        let mut there: BTreeMap<What, usize> = BTreeMap::new();
        for logged in ledger.facts.values() {
            *there.entry(What::of(&logged.fact)).or_default() += 1;
        }
        let mut wanted: BTreeMap<&What, (usize, usize)> = BTreeMap::new();
        for act in &self.acts {
            let entry = wanted.entry(&act.what).or_default();
            entry.1 += 1;
            if !act.lost || act.safe.is_some() && !self.county_restored {
                entry.0 += 1;
            }
        }
        for (what, (least, _)) in &wanted {
            let erased = self.erased.iter().filter(|one| one == what).count();
            let have = there.get(what).copied().unwrap_or(0);
            assert!(
                have + erased >= *least,
                "I1 confirmed and lost: {what:?}, {have} of {least} at the county: {:?}",
                self.acts.iter().filter(|act| act.what == **what).collect::<Vec<_>>()
            );
        }
        for fact in self.stranger.iter().flat_map(Stranger::said) {
            if let Some((_, most)) = wanted.get_mut(&What::of(fact)) {
                *most += 1;
            }
        }
        // Nothing is doubled by the machine: what one person did once stands once. A laptop that was copied or put back
        // cannot know of work that it had not sealed and that its twin, or its own past, has sent meanwhile.
        let twisted: BTreeSet<&What> =
            self.acts.iter().filter(|act| self.seats[act.seat].twisted).map(|act| &act.what).collect();
        for (what, (_, most)) in wanted.iter().filter(|(what, _)| !twisted.contains(**what)) {
            let have = there.get(what).copied().unwrap_or(0);
            assert!(have <= *most, "I1 doubled: {what:?}, {have} at the county, {most} confirmed");
        }
    }

    /// I3: no body of an erased fact is anywhere.
    fn erased_stays_erased(&self, ledger: &Ledger, files: &[DeskFile]) {
        for id in ledger.erased() {
            assert!(!ledger.facts.contains_key(&id), "I3 erased fact {id} is at the county");
            for (seat, file) in files.iter().enumerate() {
                let there = file.facts.contains_key(&id) || file.kept.contains_key(&id);
                assert!(!there, "I3 erased fact {id} is on laptop {seat}");
            }
        }
    }

    /// I7: held is exactly what its author had no right to write when it was sealed, unless the head let it through.
    fn held_is_what_had_no_right(&self, ledger: &Ledger) {
        if self.county_restored {
            // What comes back by others' hands is judged anew.
            return;
        }
        let mut enrolled: BTreeMap<JournalId, u64> = BTreeMap::new();
        let mut first: BTreeMap<domain::ids::DeviceId, u64> = BTreeMap::new();
        let mut accepted: BTreeSet<FactId> = BTreeSet::new();
        let mut entries: Vec<_> = ledger.facts.values().filter(|one| one.shown.is_some()).collect();
        entries.sort_by_key(|one| one.position);
        for one in entries {
            match Event::read(&one.fact.kind, &one.fact.body) {
                Ok(Some(Event::DeviceEnrolled(it))) => {
                    let since = *first.entry(it.device).or_insert(one.position);
                    enrolled.insert(it.journal, since);
                }
                Ok(Some(Event::HeldDecided(decided))) if decided.accept => accepted.extend(decided.facts),
                _ => {}
            }
        }
        let mut as_of: BTreeMap<FactId, u64> = BTreeMap::new();
        for entry in &ledger.entries {
            let Some(since) = enrolled.get(&entry.batch.seal.journal) else { continue };
            for (seq, _) in entry.batch.rows() {
                as_of.insert(FactId { journal: entry.batch.seal.journal, seq }, entry.batch.seal.seen.max(*since));
            }
        }
        let sights = Sight::at_each(ledger, &as_of.values().copied().collect());
        for (id, position) in &as_of {
            let Some(logged) = ledger.facts.get(id) else { continue };
            let fact = &logged.fact;
            let sight = &sights[position];
            let right = sight.writes(&fact.author, &fact.kind, fact.file, fact.section) || accepted.contains(id);
            assert_eq!(
                logged.shown.is_some(),
                right,
                "I7 {} {id} by {} as of {position}: let through, and should it be",
                fact.kind,
                fact.author
            );
        }
    }

    /// I1 on every desk, and I7: a desk holds exactly what is let through and may be seen, besides own work that is held.
    fn everybody_has_what_is_theirs(&self, ledger: &Ledger, files: &[DeskFile]) {
        let sight = Sight::of(ledger);
        for (number, (seat, file)) in self.seats.iter().zip(files).enumerate() {
            let head = sight.role(&seat.person) == Some(Role::CentreHead);
            for logged in ledger.facts.values() {
                let fact = &logged.fact;
                let sees = sight.sees(&seat.person, seat.device, fact.file, fact.section);
                let here = file.facts.get(&fact.id);
                if sees && (logged.shown.is_some() || head) {
                    assert!(
                        here.is_some(),
                        "I1 laptop {number} ({}) lacks {} {} of {} ({:?})",
                        seat.person,
                        fact.kind,
                        fact.id,
                        fact.file,
                        fact.section
                    );
                } else if here.is_some() {
                    let own_held = logged.shown.is_none() && fact.author == seat.person;
                    assert!(
                        own_held,
                        "I7 laptop {number} ({}) holds {} {} of {} ({:?})",
                        seat.person, fact.kind, fact.id, fact.file, fact.section
                    );
                }
            }
            for (id, (fact, place)) in &file.kept {
                // A paper has no place in the log: it may be kept longer, and its fact with it. Where a county was restored
                // the laptop knows no more than where its batch stands at the latest.
                let there = ledger.facts.get(id).map(|logged| logged.position);
                assert!(
                    there.is_some() && place >= &there && (place > &Some(file.safe) || fact.kind == "ReceiptFiled"),
                    "I7 laptop {number} keeps {} {id} at {place:?}, safe up to {}, and the county has it at {there:?}",
                    fact.kind,
                    file.safe
                );
            }
            for (id, here) in &file.facts {
                assert!(here.position.is_some(), "I9 laptop {number}: {} {id} is only here", here.fact.kind);
                assert!(
                    ledger.facts.contains_key(id),
                    "I7 laptop {number}: {} {id} is not at the county",
                    here.fact.kind
                );
            }
        }
    }

    /// I5: a name means one content everywhere, and a journal has no holes at the county.
    fn names_are_used_once(&self, ledger: &Ledger, files: &[DeskFile]) {
        for (number, file) in files.iter().enumerate() {
            for (id, here) in &file.facts {
                if let Some(logged) = ledger.facts.get(id) {
                    assert_eq!(
                        here.fact, logged.fact,
                        "I5 {id} is one thing on laptop {number} and another at the county"
                    );
                    assert_eq!(here.leaf, Some(logged.leaf), "I5 {id} has two leaves");
                    assert_eq!(
                        here.held,
                        logged.shown.is_none(),
                        "I5 {id} is held on one side alone (laptop {number})"
                    );
                }
            }
        }
        let mut upto: BTreeMap<JournalId, (u64, u64)> = BTreeMap::new();
        for one in &ledger.entries {
            let seal = &one.batch.seal;
            let next = upto.entry(seal.journal).or_insert((1, 1));
            if !self.county_restored {
                assert_eq!(
                    (seal.batch, seal.first),
                    *next,
                    "I5 journal {} has a hole at {}",
                    seal.journal,
                    one.position
                );
            }
            *next = (seal.batch + 1, seal.end());
        }
    }

    /// I10: corrected time never runs backwards within a journal, and is the same for all.
    fn time_goes_forward(&self, ledger: &Ledger, files: &[DeskFile]) {
        for (number, file) in files.iter().enumerate() {
            for (id, here) in &file.facts {
                // The place of what is held, and came in others' hands to a county that was restored, is told to nobody.
                if let Some(logged) = ledger.facts.get(id)
                    && !(here.held && self.county_restored)
                {
                    assert_eq!(
                        (here.at, here.position),
                        (logged.at.0, Some(logged.position)),
                        "I10 laptop {number} has another time or place for {id} than the county"
                    );
                }
            }
        }
        let arrived: BTreeMap<u64, i64> = ledger.entries.iter().map(|one| (one.position, one.received.0)).collect();
        for logged in ledger.facts.values() {
            let arrived = arrived[&logged.position];
            assert!(logged.at.0 <= arrived, "I10 {} happened after it arrived", logged.fact.id);
        }
        self.right_clocks_tell_the_time(ledger);
        let clocks = [Fault::ClockOff, Fault::ClockJumped, Fault::ClockFrozen, Fault::ClockDrifted];
        let honest = clocks.iter().all(|fault| self.wire().counts.of(*fault) == 0);
        // In a county that was restored, what an author had seen has the time of a position that was given again, if the
        // push comes (again) before any greeting has told of the loss: it bounds nothing then.
        if (honest && !self.county_restored) || self.strict_time {
            let mut last: BTreeMap<JournalId, (i64, FactId)> = BTreeMap::new();
            for (id, logged) in &ledger.facts {
                if let Some((before, earlier)) = last.insert(id.journal, (logged.at.0, *id)) {
                    let back = before - logged.at.0;
                    assert!(back <= 0, "I10 time runs backwards from {earlier} to {id}, by {back} ms");
                }
            }
        }
    }

    /// I10: what was done at a laptop whose clock was never wrong has the true time, however long it was on its way.
    fn right_clocks_tell_the_time(&self, ledger: &Ledger) {
        let mut done: BTreeMap<&What, Vec<&super::truth::Act>> = BTreeMap::new();
        for act in &self.acts {
            done.entry(&act.what).or_default().push(act);
        }
        // The stranger may say what a person said too, at a time of its own.
        let strange: BTreeSet<FactId> = self.stranger.iter().flat_map(Stranger::said).map(|fact| fact.id).collect();
        for logged in ledger.facts.values().filter(|logged| !strange.contains(&logged.fact.id)) {
            let what = What::of(&logged.fact);
            let Some([act]) = done.get(&what).map(Vec::as_slice) else { continue };
            if self.seats[act.seat].twisted || self.wire().clocks.was_wrong(act.seat) {
                continue;
            }
            let apart = logged.at.0 - act.at;
            // Facts tell whole seconds, and an offset is measured over a line.
            assert!(
                apart.abs() <= 5_000,
                "I10 {} of laptop {} was done at {} and tells {apart} ms else",
                logged.fact.id,
                act.seat,
                act.at
            );
        }
    }

    /// I13: bytes are those of their hash, and pictures are where their facts are.
    fn papers_are_whole(&self, ledger: &Ledger, files: &[DeskFile]) {
        let whole = |papers: &BTreeMap<_, bool>| papers.values().all(|whole| *whole);
        assert!(whole(&ledger.papers), "I13 a paper at the county has other bytes");
        for (number, file) in files.iter().enumerate() {
            assert!(whole(&file.blobs), "I13 a paper on laptop {number} has other bytes");
            for here in file.facts.values().filter(|here| !here.held) {
                let Ok(Some(Event::ReceiptFiled(filed))) = Event::read(&here.fact.kind, &here.fact.body) else {
                    continue;
                };
                let lost = self.acts.iter().any(|act| act.what.mark == filed.sha256.to_string() && act.lost);
                for sha in filed.papers() {
                    assert!(
                        ledger.papers.contains_key(&sha) || lost,
                        "I13 a picture of {} is not at the county",
                        here.fact.id
                    );
                    assert!(
                        file.blobs.contains_key(&sha) || lost,
                        "I13 a picture of {} is not on laptop {number}",
                        here.fact.id
                    );
                }
            }
        }
    }

    /// I12: a document's number belongs to one sheet, unless a laptop was copied or put back with its anchor and cannot know;
    /// then all who see see both. One that was put back tells of a sheet twice where it could not ask what the county had
    /// of it; that is one sheet all the same.
    fn numbers_are_used_once(&self, ledger: &Ledger) {
        let unaware: BTreeSet<&PersonId> =
            self.seats.iter().filter(|seat| seat.unaware).map(|seat| &seat.person).collect();
        let twisted: BTreeSet<&PersonId> =
            self.seats.iter().filter(|seat| seat.twisted).map(|seat| &seat.person).collect();
        let mut sheets: BTreeMap<String, &Fact> = BTreeMap::new();
        for logged in ledger.facts.values() {
            if let Ok(Some(Event::LetterPrinted(letter))) = Event::read(&logged.fact.kind, &logged.fact.body)
                && !unaware.contains(&logged.fact.author)
                && let Some(other) = sheets.insert(letter.doc.to_string(), &logged.fact)
            {
                let told_twice = twisted.contains(&logged.fact.author)
                    && (other.file, other.wall, &other.body) == (logged.fact.file, logged.fact.wall, &logged.fact.body);
                assert!(told_twice, "I12 {} is on two sheets: {} and {}", letter.doc, other.id, logged.fact.id);
            }
        }
    }

    /// I2, I4, I6, I14: files are sound, views are what the facts say, and those who see the same see the same.
    fn views_are_one(&self, ledger: &Ledger, files: &[DeskFile]) {
        let mut all: Vec<(usize, String)> = Vec::new();
        let sight = Sight::of(ledger);
        for (number, seat) in self.seats.iter().enumerate() {
            let (mut store, standing) = open_store(seat);
            assert_eq!(standing, store::Standing::Sound, "I14 laptop {number}");
            store.check().unwrap_or_else(|fault| panic!("I6 laptop {number}: {fault} {fault:?}"));
            let live = store.dump_views().expect("views");
            store.rebuild().expect("a rebuild");
            let rebuilt = store.dump_views().expect("views");
            assert!(
                live == rebuilt,
                "I2 laptop {number}: views differ from a rebuild:\n{}",
                differing(&live, &rebuilt)
            );
            for (file, field, texts) in values(&files[number]) {
                let shown = store.registers(file).expect("registers").fields.remove(&field).unwrap_or_default();
                let shown: BTreeSet<(FactId, String)> = shown.into_iter().map(|(said, text)| (said.id, text)).collect();
                assert_eq!(shown, texts, "I4 laptop {number}: {field:?} of {file}");
            }
            if sight.role(&seat.person).is_some_and(Role::sees_all) && sight.knows(seat.device) {
                all.push((number, live));
            }
        }
        for pair in all.windows(2) {
            assert!(
                pair[0].1 == pair[1].1,
                "I2 laptops {} and {} see everything, and not the same:\n{}",
                pair[0].0,
                pair[1].0,
                differing(&pair[0].1, &pair[1].1)
            );
        }
    }

    /// A whole check of one laptop while it runs.
    pub fn spot_check(&mut self, seat: usize) {
        let desk = self.seats[seat].desk.as_ref().expect("an open desk");
        let checked = desk.check().unwrap_or_else(|failure| panic!("I6 laptop {seat}: {:?}", failure.code));
        assert!(checked.views_equal, "I2 laptop {seat}: views differ from a rebuild");
        drop(self.ask(seat, Call::Status(desk::api::Nothing {})));
    }
}

/// The values of every field that nobody replaced, told from the facts alone.
fn values(file: &DeskFile) -> Vec<(FileId, HouseholdField, BTreeSet<(FactId, String)>)> {
    let effective: Vec<_> = file.facts.values().filter(|here| !here.held).collect();
    // Within its own file: what a copied laptop's twin wrote under the same name in another stands.
    let replaced: BTreeSet<(FileId, FactId)> =
        effective.iter().flat_map(|here| here.fact.replaces.iter().map(|id| (here.fact.file, *id))).collect();
    let mut out: BTreeMap<(FileId, HouseholdField), BTreeSet<(FactId, String)>> = BTreeMap::new();
    for here in &effective {
        let fact = &here.fact;
        if let Ok(Some(Event::FieldFilled(filled))) = Event::read(&fact.kind, &fact.body) {
            let slot = (fact.file, filled.field);
            let values = out.entry(slot).or_default();
            if !replaced.contains(&(fact.file, fact.id)) {
                values.insert((fact.id, filled.text));
            }
        }
    }
    out.into_iter().map(|((file, field), values)| (file, field, values)).collect()
}

/// The lines that stand on one side alone, a few of them.
fn differing(a: &str, b: &str) -> String {
    let (left, right): (BTreeSet<&str>, BTreeSet<&str>) = (a.lines().collect(), b.lines().collect());
    let cut = |line: &&str| {
        line.chars()
            .take(120)
            .chain(" … ".chars())
            .chain(line.chars().skip(line.chars().count().saturating_sub(180)))
            .collect::<String>()
    };
    let only = |one: &BTreeSet<&str>, other: &BTreeSet<&str>| -> Vec<String> {
        one.difference(other).take(4).map(cut).collect()
    };
    format!("< {}\n> {}", only(&left, &right).join("\n< "), only(&right, &left).join("\n> "))
}

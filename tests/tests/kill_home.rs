//! A desk is killed as it enters each system call of a save, of copying its home, of putting a copy back, and of an erasure.
//! It is the real program, killed from outside (strace); nothing in it knows of it. Whatever was confirmed is there afterwards,
//! once; what was erased stays erased; every copy that is listed can be read; and the home opens without help.
#![cfg(target_os = "linux")]
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a test that cannot go on stops, and this one tells how far it came"
)]

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use serde_json::{Value, json};
use tests::{NOON, PASSPHRASE, Seat, Session, Tracer, World, items, kill_at, reply, text};

/// How long each kind of work is killed for in an ordinary run.
const TIME: Duration = Duration::from_secs(15);
/// An answer comes within.
const PATIENCE: Duration = Duration::from_secs(100);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Work {
    Save,
    Copy,
    Restore,
    Erase,
}

/// What became of a visit that was confirmed, by its note.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Kept,
    Erased,
    /// Its erasure was never answered: either is right, and stays as it was first seen.
    Open,
}

struct Home {
    work: Work,
    home: PathBuf,
    session: Session,
    files: Vec<Value>,
    visits: BTreeMap<String, Fate>,
    number: u32,
    /// A copy of an early state.
    copy: String,
    world: World,
}

impl Home {
    fn begin(work: Work) -> Self {
        let world = World::at(NOON);
        let (op, zhou, files, _) = world.village(2);
        zhou.sync();
        let home = if work == Work::Erase {
            let head = world.join("head", "CENTRE_HEAD");
            head.sync();
            head.home().to_owned()
        } else {
            zhou.home().to_owned()
        };
        drop((op, zhou));
        let session = Session::begin(&home, NOON);
        let mut home =
            Self { work, home, session, files, visits: BTreeMap::new(), number: 0, copy: String::new(), world };
        home.save();
        let view = home.session.ask("BackUp", &json!({}));
        text(&view["copies"][0]["name"]).clone_into(&mut home.copy);
        home
    }

    /// Another visit than all before.
    fn visit(&mut self) -> (String, Value) {
        self.number += 1;
        let (day, minutes) = (8 - self.number / 200 % 8, self.number % 200);
        let note = format!("第{}次", self.number);
        let form = json!({ "on": format!("2026-12-{day:02}"), "arrived": format!("{:02}:{:02}:00", 8 + minutes / 60, minutes % 60),
            "purpose": "SERVE", "result": "NOT_MET", "note": note });
        let file = &self.files[usize::try_from(self.number).expect("small") % self.files.len()];
        (note, json!({ "household": file, "visit": form }))
    }

    /// A visit that is confirmed; its name.
    fn save(&mut self) -> (String, Value) {
        let (note, with) = self.visit();
        let saved = self.session.ask("RecordVisit", &with);
        self.visits.insert(note.clone(), Fate::Kept);
        (note, saved["visit"].clone())
    }

    /// The call of a round, and what is known once it was answered, or only sent.
    fn call(&mut self) -> (&'static str, Value, String) {
        let (saved, visit) = self.save();
        match self.work {
            Work::Save => {
                let (note, with) = self.visit();
                ("RecordVisit", with, note)
            }
            Work::Copy => ("BackUp", json!({}), saved),
            Work::Restore => ("RestoreBackup", json!({ "name": self.copy, "passphrase": PASSPHRASE }), saved),
            Work::Erase => ("EraseFacts", json!({ "facts": [visit], "reason": "当事人要求删除" }), saved),
        }
    }

    fn learn(&mut self, note: &str, answered: bool) {
        match (self.work, answered) {
            (Work::Save, true) => drop(self.visits.insert(note.to_owned(), Fate::Kept)),
            (Work::Erase, true) => drop(self.visits.insert(note.to_owned(), Fate::Erased)),
            (Work::Save | Work::Erase, false) => drop(self.visits.insert(note.to_owned(), Fate::Open)),
            (Work::Copy | Work::Restore, _) => {}
        }
    }

    /// One round: new work, then the call at which the desk dies there, and all that must hold afterwards. Whether it died.
    fn killed(&mut self, call: &str, number: u32) -> bool {
        let at = format!("{:?} killed at {call} {number}", self.work);
        let (name, with, note) = self.call();
        let tracer = Tracer::killing(self.session.id(), call, number);
        self.session.send(name, &with);
        let answer = self.session.hear(PATIENCE).ok();
        drop(tracer);
        if let Some(line) = &answer {
            assert!(reply(line).is_some(), "{at}: {line}");
        }
        self.learn(&note, answer.is_some());
        self.session.kill();
        self.session = Session::begin(&self.home, NOON);
        self.all_there(&at);
        answer.is_none()
    }

    fn all_there(&mut self, at: &str) {
        let mut there: BTreeMap<String, u32> = BTreeMap::new();
        for file in &self.files {
            let page = self.session.ask("Household", &json!({ "household": file }));
            for row in items(&page["visits"]) {
                *there.entry(text(&row["form"]["note"]).to_owned()).or_default() += 1;
            }
        }
        for (note, fate) in &mut self.visits {
            let found = there.get(note).copied().unwrap_or(0);
            match fate {
                Fate::Kept => assert_eq!(found, 1, "{at}: {note} was confirmed"),
                Fate::Erased => assert_eq!(found, 0, "{at}: {note} was erased"),
                Fate::Open => {
                    assert!(found <= 1, "{at}: {note}");
                    *fate = if found == 1 { Fate::Kept } else { Fate::Erased };
                }
            }
        }
        assert!(there.keys().all(|note| self.visits.contains_key(note)), "{at}: {there:?}");
        if self.work == Work::Copy {
            let view = self.session.ask("Backups", &json!({}));
            let newest = text(&view["copies"][0]["name"]);
            let with = json!({ "name": newest, "passphrase": PASSPHRASE });
            let seen = self.session.ask("LookAtBackup", &with);
            assert!(seen["own_visits"].as_u64().is_some_and(|n| n > 0), "{at}: {seen}");
        }
    }

    /// The calls of a quiet round: names with the most that one thread makes.
    fn calls(&mut self) -> BTreeMap<String, u32> {
        let told = self.world.folder().join("calls");
        let (name, with, note) = self.call();
        let calls = Tracer::calls(self.session.id(), &told, || drop(self.session.ask(name, &with)));
        self.learn(&note, true);
        self.all_there("a quiet round");
        calls
    }

    fn end(mut self) {
        self.session.kill();
        let seat = Seat::before(&self.home, NOON);
        seat.ask("Unlock", json!({ "passphrase": PASSPHRASE }));
        seat.check();
        seat.sync();
        let report = seat.sync();
        assert_eq!((&report["sent"], &report["received"]), (&json!(0), &json!(0)), "{report}");
        seat.check();
        let lying: Vec<String> = std::fs::read_dir(&self.home)
            .expect("the home")
            .map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned())
            .filter(|name| name.starts_with("replaced-"))
            .collect();
        assert!(lying.len() <= 2, "{lying:?}");
    }
}

fn kill_everywhere(work: Work) {
    if !Tracer::possible() {
        println!("skipped: needs strace and the right to trace a process");
        return;
    }
    let mut home = Home::begin(work);
    let calls = home.calls();
    kill_at(&format!("{work:?}"), &calls, TIME, |call, number| home.killed(call, number));
    home.end();
}

#[test]
fn a_desk_killed_at_any_system_call_of_a_save_loses_nothing() {
    kill_everywhere(Work::Save);
}

#[test]
fn a_desk_killed_at_any_system_call_of_copying_its_home_loses_nothing() {
    kill_everywhere(Work::Copy);
}

#[test]
fn a_desk_killed_at_any_system_call_of_putting_a_copy_back_loses_nothing() {
    kill_everywhere(Work::Restore);
}

#[test]
fn a_desk_killed_at_any_system_call_of_an_erasure_loses_nothing_and_keeps_nothing() {
    kill_everywhere(Work::Erase);
}

//! The disk fails under a running desk: at each system call of a save and of a contact that touches it, once or from then on,
//! with no room left or with a fault. The person is told; what was confirmed is there; and once the disk is well again the same
//! program goes on, after it has read its file through where that was in doubt. The errors are given by strace.
#![cfg(target_os = "linux")]
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test that cannot go on stops, and this one tells how far it came"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde_json::{Value, json};
use tests::{Moments, NOON, PASSPHRASE, Seat, Session, Story, Tracer, World, items, reply, text};

/// How long each kind of work fails for in an ordinary run.
const TIME: Duration = Duration::from_secs(20);
/// An answer comes within.
const PATIENCE: Duration = Duration::from_secs(100);
/// What touches the disk. What goes over the line fails elsewhere.
/// (`read` is also how a session hears what is asked.)
const TOUCHES: [&str; 9] =
    ["pwrite64", "pread64", "fsync", "fdatasync", "ftruncate", "openat", "unlink", "rename", "fallocate"];
/// No room, a fault; that once, from then on.
const WAYS: [(&str, bool); 4] = [("ENOSPC", true), ("ENOSPC", false), ("EIO", true), ("EIO", false)];

fn disk(calls: BTreeMap<String, u32>) -> BTreeMap<String, u32> {
    calls.into_iter().filter(|(call, _)| TOUCHES.contains(&call.as_str())).collect()
}

/// The code of a failure that was answered.
fn code(line: &str) -> String {
    let answer: Value = serde_json::from_str(line).expect("an answer");
    text(&answer["fail"]["code"]).to_owned()
}

/// The program is asked until it is open again: it may have locked itself to read its file through.
fn open(session: &mut Session) {
    session.send("Status", &json!({}));
    let line = session.hear(PATIENCE).expect("an answer");
    if reply(&line).is_none() {
        assert_eq!(code(&line), "LOCKED", "{line}");
        session.ask("Unlock", &json!({ "passphrase": PASSPHRASE }));
    }
}

struct Desk {
    session: Session,
    file: Value,
    /// Notes of visits that were confirmed, and of those that were refused.
    confirmed: BTreeSet<String>,
    refused: BTreeSet<String>,
    number: u32,
}

impl Desk {
    fn visit(&mut self) -> (String, Value) {
        self.number += 1;
        let (day, minutes) = (8 - self.number / 200 % 8, self.number % 200);
        let note = format!("第{}次", self.number);
        let form = json!({ "on": format!("2026-12-{day:02}"), "arrived": format!("{:02}:{:02}:00", 8 + minutes / 60, minutes % 60),
            "purpose": "SERVE", "result": "NOT_MET", "note": note });
        (note, json!({ "household": self.file, "visit": form }))
    }

    fn save(&mut self) {
        let (note, with) = self.visit();
        self.session.ask("RecordVisit", &with);
        self.confirmed.insert(note);
    }

    /// How many of the refused are there all the same.
    fn all_there(&mut self, at: &str) -> usize {
        let page = self.session.ask("Household", &json!({ "household": self.file }));
        let notes: Vec<&str> = items(&page["visits"]).iter().map(|row| text(&row["form"]["note"])).collect();
        let there: BTreeSet<String> = notes.iter().map(|note| (*note).to_owned()).collect();
        assert_eq!(notes.len(), there.len(), "{at}: one is there twice");
        let lost: Vec<_> = self.confirmed.difference(&there).collect();
        assert!(lost.is_empty(), "{at}: {lost:?} were confirmed");
        there.intersection(&self.refused).count()
    }
}

#[test]
fn a_disk_that_fails_at_any_call_of_a_save_costs_nothing_that_was_confirmed() {
    if !Tracer::possible() {
        println!("skipped: needs strace and the right to trace a process");
        return;
    }
    let world = World::at(NOON);
    let (op, zhou, files, _) = world.village(1);
    let home = zhou.home().to_owned();
    drop((op, zhou));
    let session = Session::begin(&home, NOON);
    let mut desk =
        Desk { session, file: files[0].clone(), confirmed: BTreeSet::new(), refused: BTreeSet::new(), number: 0 };
    desk.save();
    let told = world.folder().join("calls");
    let calls = disk(Tracer::calls(desk.session.id(), &told, || desk.save()));
    assert!(calls.contains_key("pwrite64") && calls.contains_key("fdatasync"), "{calls:?}");
    let mut moments = Moments::of(&calls, TIME);
    let (mut said, mut kept) = (BTreeMap::<String, u32>::new(), 0);
    for (call, number) in moments.by_ref() {
        for (error, once) in WAYS {
            let at = format!("{error} at {call} {number}, {}", if once { "once" } else { "from then on" });
            let (note, with) = desk.visit();
            let tracer = Tracer::failing(desk.session.id(), &call, number, error, once);
            desk.session.send("RecordVisit", &with);
            let answer = desk.session.hear(PATIENCE).ok();
            drop(tracer);
            match answer {
                Some(line) if reply(&line).is_some() => {
                    desk.confirmed.insert(note);
                    *said.entry("saved".to_owned()).or_default() += 1;
                }
                Some(line) => {
                    let code = code(&line);
                    assert!(code.starts_with("DISK_"), "{at}: {line}");
                    *said.entry(code).or_default() += 1;
                    desk.refused.insert(note);
                }
                None => {
                    // What it answers with failed.
                    desk.refused.insert(note);
                    *said.entry("ended".to_owned()).or_default() += 1;
                    desk.session = Session::begin(&home, NOON);
                }
            }
            open(&mut desk.session);
            desk.save();
            kept = desk.all_there(&at);
        }
    }
    desk.session.kill();
    desk.session = Session::begin(&home, NOON);
    desk.all_there("at the end");
    println!(
        "saves under {} faults of {} calls of the disk: {said:?}; 0 confirmed lost, {kept} of {} refused are there all the same",
        moments.tried() * WAYS.len(),
        moments.all(),
        desk.refused.len()
    );
    assert!(said.keys().any(|code| code.starts_with("DISK_")), "{said:?}");
    desk.session.kill();
    let seat = Seat::before(&home, NOON);
    seat.ask("Unlock", json!({ "passphrase": PASSPHRASE }));
    seat.check();
    seat.sync();
}

#[test]
fn a_disk_that_fails_at_any_call_of_a_contact_costs_nothing_and_the_next_completes() {
    if !Tracer::possible() {
        println!("skipped: needs strace and the right to trace a process");
        return;
    }
    let mut story = Story::begin();
    let counts = story.work();
    let told = story.folder("told").join("calls");
    let calls = disk(Tracer::calls(story.zhou.id(), &told, || drop(story.zhou.ask("Sync", &json!({})))));
    story.all_arrived(counts, "a quiet contact");
    let mut moments = Moments::of(&calls, TIME);
    let mut refused = 0_u32;
    for (round, (call, number)) in moments.by_ref().enumerate() {
        let (error, once) = WAYS[round % WAYS.len()];
        let at = format!("{error} at {call} {number}, {}", if once { "once" } else { "from then on" });
        let counts = story.work();
        let tracer = Tracer::failing(story.zhou.id(), &call, number, error, once);
        story.zhou.send("Sync", &json!({}));
        let answer = story.zhou.hear(PATIENCE).ok();
        drop(tracer);
        match answer {
            Some(line) if reply(&line).is_some() => {}
            Some(_) => refused += 1,
            None => story.open_again(),
        }
        open(&mut story.zhou);
        story.nothing_lost(counts, &at);
        let report = story.zhou.ask("Sync", &json!({}));
        assert_eq!(report["agreed"], true, "{at}: {report}");
        story.all_arrived(counts, &at);
    }
    println!(
        "contacts under {} faults of {} calls of the disk: {refused} told so, 0 lost",
        moments.tried(),
        moments.all()
    );
    story.end();
}

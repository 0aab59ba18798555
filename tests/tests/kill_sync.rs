//! Desk and county are killed as they enter each system call of a contact: greeting, push, pull, comparing, photos. Both
//! are the real programs. Whatever was acknowledged is there afterwards, and the next contact completes without help.
//! The programs are killed from outside (strace); nothing in them knows of it.
#![cfg(target_os = "linux")]
#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a test that cannot go on stops, and this one works for a time and tells how far it came"
)]

use std::collections::BTreeMap;
use std::sync::mpsc::RecvTimeoutError;
use std::time::{Duration, Instant};

use serde_json::json;
use tests::{Story, Tracer, items, kill_at, reply};

/// How long each of the two is killed for in an ordinary run.
const TIME: Duration = Duration::from_secs(40);

/// Who is killed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Victim {
    Desk,
    County,
}

impl Victim {
    fn process(self, story: &Story) -> u32 {
        match self {
            Self::Desk => story.zhou.id(),
            Self::County => story.master.id(),
        }
    }
}

/// One round: new work, a contact during which the victim dies at this call, and all that must hold afterwards. Whether it
/// did die there.
fn killed(story: &mut Story, victim: Victim, call: &str, number: u32) -> bool {
    let counts = story.work();
    let tracer = Tracer::killing(victim.process(story), call, number);
    story.zhou.send("Sync", &json!({}));
    let begun = Instant::now();
    let mut struck = false;
    let answer = loop {
        match story.zhou.hear(Duration::from_millis(2)) {
            Ok(line) => break Some(line),
            Err(RecvTimeoutError::Disconnected) => break None,
            Err(RecvTimeoutError::Timeout) => {
                if victim == Victim::County && !struck && story.master.dead() {
                    // It comes back at once, and the desk, which still tries, goes on with it.
                    struck = true;
                    story.master.again();
                }
                assert!(begun.elapsed() < Duration::from_secs(100), "no answer: {victim:?} at {call} {number}");
            }
        }
    };
    struck |= match victim {
        Victim::Desk => answer.is_none(),
        Victim::County => story.master.dead(),
    };
    drop(tracer);
    let at = format!("{victim:?} killed at {call} {number}");
    if let Some(line) = &answer {
        assert!(reply(line).is_some() || victim == Victim::County, "{at}: {line}");
    }
    // Both begin anew, but a county that is well may go on serving.
    if story.master.dead() || victim == Victim::County {
        story.master.again();
    }
    if victim == Victim::Desk {
        story.open_again();
    }
    story.nothing_lost(counts, &at);
    let report = story.zhou.ask("Sync", &json!({}));
    assert_eq!(report.get("agreed"), Some(&json!(true)), "{at}: {report}");
    assert!(report.get("remarks").is_some_and(|all| items(all).is_empty()), "{at}: a kill needs no remark: {report}");
    story.all_arrived(counts, &at);
    struck
}

/// The calls that the victim makes during a quiet contact: names with the most that one thread makes.
fn calls(story: &mut Story, victim: Victim) -> BTreeMap<String, u32> {
    let counts = story.work();
    let file = story.folder("told").join("calls");
    let calls = Tracer::calls(victim.process(story), &file, || drop(story.zhou.ask("Sync", &json!({}))));
    story.all_arrived(counts, "a quiet contact");
    calls
}

fn kill_everywhere(victim: Victim) {
    if !Tracer::possible() {
        println!("skipped: needs strace and the right to trace a process");
        return;
    }
    let mut story = Story::begin();
    let calls = calls(&mut story, victim);
    kill_at(&format!("Sync, {victim:?}"), &calls, TIME, |call, number| killed(&mut story, victim, call, number));
    story.end();
}

#[test]
fn a_desk_killed_at_any_system_call_of_a_contact_loses_nothing() {
    kill_everywhere(Victim::Desk);
}

#[test]
fn a_county_killed_at_any_system_call_of_a_contact_loses_nothing() {
    kill_everywhere(Victim::County);
}

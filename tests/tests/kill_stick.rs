//! Desk and county are killed as they enter each system call of what they do with a stick: the desk writes its bundle, the
//! county takes it in and writes the answer beside it, the desk reads that. All are the real programs. Nothing that was
//! acknowledged is lost, no bundle is half written under its name, and the step is done again by whoever carries the stick.
//! The programs are killed from outside (strace); nothing in them knows of it.
#![cfg(target_os = "linux")]
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test that cannot go on stops, and this one tells how far it came"
)]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::mpsc::RecvTimeoutError;
use std::time::Duration;

use serde_json::json;
use tests::{NOON, Story, Tracer, items, kill_at, program, reply, run};

/// How long each step is killed for in an ordinary run.
const TIME: Duration = Duration::from_secs(25);

/// What is done with a stick, in the order of a journey.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    /// The desk writes what the county does not have, and asks what there is for it.
    Out,
    /// The county takes that in and writes the answer.
    County,
    /// The desk reads the answer.
    In,
}

const JOURNEY: [Step; 3] = [Step::Out, Step::County, Step::In];

/// How a step is watched.
enum Watch<'a> {
    Not,
    Listening(&'a Path),
    Killing(&'a str, u32),
}

/// A story and the stick that goes to and fro in it.
struct Journeys {
    story: Story,
    stick: PathBuf,
}

impl Journeys {
    fn begin() -> Self {
        let story = Story::begin();
        let stick = story.folder("stick");
        Self { story, stick }
    }

    /// Does a step. `false` when it died on the way; then whoever did it is up again.
    fn step(&mut self, step: Step, watch: &Watch<'_>) -> bool {
        match step {
            Step::Out => self.desk("BundleOut", "folder", watch),
            Step::In => self.desk("BundleIn", "from", watch),
            Step::County => self.county(watch),
        }
    }

    fn desk(&mut self, call: &str, name: &str, watch: &Watch<'_>) -> bool {
        let process = self.story.zhou.id();
        let tracer = match watch {
            Watch::Not => None,
            Watch::Listening(file) => Some(Tracer::listening(process, file)),
            Watch::Killing(call, number) => Some(Tracer::killing(process, call, *number)),
        };
        self.story.zhou.send(call, &json!({ name: self.stick }));
        let answer = self.story.zhou.hear(Duration::from_secs(100));
        drop(tracer);
        if let Watch::Killing(..) = watch {
            // It can have died after it answered, too.
            self.story.open_again();
        }
        match answer {
            Ok(line) => {
                assert!(reply(&line).is_some(), "{call}: {line}");
                true
            }
            Err(RecvTimeoutError::Disconnected) => false,
            Err(RecvTimeoutError::Timeout) => panic!("no answer to {call}"),
        }
    }

    fn county(&self, watch: &Watch<'_>) -> bool {
        let mut command = Command::new(program("county"));
        command.args(["bundle", "in", "--clock", NOON, "--home"]).arg(self.story.master.home()).arg(&self.stick);
        let ended = match watch {
            Watch::Not => run(&mut command, ""),
            Watch::Listening(file) => Tracer::listen(&command, file),
            Watch::Killing(call, number) => Tracer::kill(&command, call, *number),
        };
        assert!(matches!(ended.code, Some(0) | None), "county bundle in: {ended:?}");
        ended.code.is_some()
    }

    /// One round: new work on both sides, a journey in which one step dies at this call and is done again, and all that must
    /// hold afterwards. Whether it did die.
    fn killed(&mut self, at: Step, call: &str, number: u32) -> bool {
        let counts = self.story.work();
        let said = format!("{at:?} killed at {call} {number}");
        let mut died = false;
        for step in JOURNEY {
            if step == at {
                died = !self.step(step, &Watch::Killing(call, number));
                self.whole(&said);
                self.story.nothing_lost(counts, &said);
                if !died {
                    continue;
                }
            }
            assert!(self.step(step, &Watch::Not), "{said}: {step:?} ended by itself");
        }
        // Of an answer that was half read the rest is read the next time: nobody has to go to the county once more.
        self.story.all_arrived(counts, &said);
        died
    }

    /// No bundle on the stick is half written.
    fn whole(&mut self, said: &str) {
        let view = self.story.zhou.ask("Stick", &json!({ "folder": self.stick }));
        for row in items(&view["rows"]) {
            assert_ne!(row["state"], "UNREADABLE", "{said}: {view}");
        }
    }

    /// The calls that a step makes on a quiet journey: names with the most that one thread makes.
    fn calls(&mut self, of: Step) -> BTreeMap<String, u32> {
        let counts = self.story.work();
        let file = self.story.folder("told").join("calls");
        for step in JOURNEY {
            let watch = if step == of { Watch::Listening(&file) } else { Watch::Not };
            assert!(self.step(step, &watch), "a quiet journey");
        }
        self.story.all_arrived(counts, "a quiet journey");
        Tracer::counts(&file)
    }
}

fn kill_everywhere(step: Step) {
    if !Tracer::possible() {
        println!("skipped: needs strace and the right to trace a process");
        return;
    }
    let mut journeys = Journeys::begin();
    let calls = journeys.calls(step);
    kill_at(&format!("a stick, {step:?}"), &calls, TIME, |call, number| journeys.killed(step, call, number));
    // What kills left behind is cleared away by the next bundle, and does not fill the stick.
    let left: Vec<_> =
        std::fs::read_dir(&journeys.stick).expect("the stick").flatten().map(|file| file.path()).collect();
    assert!(left.len() <= 4, "on the stick lie {left:?}");
    journeys.story.end();
}

#[test]
fn a_desk_killed_at_any_system_call_of_writing_a_bundle_loses_nothing() {
    kill_everywhere(Step::Out);
}

#[test]
fn a_county_killed_at_any_system_call_of_taking_a_bundle_in_loses_nothing() {
    kill_everywhere(Step::County);
}

#[test]
fn a_desk_killed_at_any_system_call_of_reading_the_answer_loses_nothing() {
    kill_everywhere(Step::In);
}

//! The simulator: the real desk and the real county on a simulated line, disk, clock and randomness, in one thread, so
//! that a seed and a commit tell a run whole. First people work while everything goes wrong, then all is calm and what
//! was promised must hold. It must never use a door that people do not have, nor ask the program what it did.
//!
//! Not simulated here: power cuts that keep part of what was written, failing or rotten disks, system calls as moments to
//! die (`tests/kill.rs`, `tests/kill_sync.rs`); sticks that lie or are pulled out (`tests/stick.rs`); TLS and HTTP
//! (`tests/restored.rs`, `tests/line.rs`); a county's full disk; turned-out devices; two versions side by side. A disk
//! is full by SQLite's own bound on a file's pages, not by a file system. An endless loop that says nothing on the line
//! is not noticed: a world ends by its steps and by a bound on its messages.

mod check;
mod clock;
mod disk;
mod faults;
mod hand;
mod heard;
mod line;
mod person;
mod stick;
mod stranger;
mod truth;
mod world;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

pub use faults::{Counts, Fault, KINDS};
pub use world::Asked;
use world::{STEP, Sim};

/// Steps of a run.
const STEPS: usize = 380;

/// What a run was.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// Its seed.
    pub seed: u64,
    /// Laptops at the end.
    pub devices: usize,
    /// Acts that were tried.
    pub ops: u32,
    /// Acts that were confirmed.
    pub confirmed: usize,
    /// Messages over the line.
    pub messages: u64,
    /// Faults that struck.
    pub faults: Counts,
    /// What went wrong, if anything.
    pub failure: Option<Breach>,
}

/// A promise that did not hold.
#[derive(Debug, Clone)]
pub struct Breach {
    /// At which step.
    pub step: usize,
    /// Its number and in words.
    pub what: String,
}

/// Runs the world of a seed.
pub fn run(seed: u64, asked: &Asked) -> Outcome {
    let mut outcome =
        Outcome { seed, devices: 0, ops: 0, confirmed: 0, messages: 0, faults: Counts::default(), failure: None };
    STEP.set(0);
    let result = catch_unwind(AssertUnwindSafe(|| {
        let mut sim = Sim::of(seed, asked);
        let told = catch_unwind(AssertUnwindSafe(|| live(&mut sim)));
        outcome.devices = sim.seats.len();
        outcome.ops = sim.ops;
        outcome.confirmed = sim.acts.len();
        outcome.messages = sim.wire().messages;
        outcome.faults = sim.wire().counts;
        told
    }));
    if let Err(thrown) = result.and_then(|told| told) {
        let words = thrown.downcast_ref::<String>().cloned();
        let words = words.or_else(|| thrown.downcast_ref::<&str>().map(|text| (*text).to_owned()));
        let what = words.unwrap_or_else(|| "I0 a panic without words".to_owned());
        outcome.failure = Some(Breach { step: STEP.get(), what });
    }
    outcome
}

/// Runs the worlds of these seeds on so many threads and tells each outcome as it comes; what comes back is in their order.
pub fn run_all(
    seeds: std::ops::Range<u64>,
    asked: &Asked,
    threads: usize,
    told: impl Fn(&Outcome) + Sync,
) -> Vec<Outcome> {
    let next = AtomicU64::new(seeds.start);
    let outcomes = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..threads.max(1) {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= seeds.end {
                        return;
                    }
                    let outcome = run(seed, asked);
                    told(&outcome);
                    outcomes.lock().expect("a thread that panics is caught").push(outcome);
                }
            });
        }
    });
    let mut outcomes = outcomes.into_inner().expect("no thread is left");
    outcomes.sort_by_key(|outcome| outcome.seed);
    outcomes
}

/// The life of a world: people work while everything goes wrong, then all is calm.
fn live(sim: &mut Sim) {
    let mut past = Vec::new();
    for step in 1..=STEPS {
        sim.step = step;
        STEP.set(step);
        sim.time_passes();
        let seat = sim.chance.below(sim.seats.len());
        sim.hand(seat);
        match sim.chance.below(100) {
            0..=80 => sim.turn(seat),
            81..=96 => {
                // The line will not do today: it goes on a stick instead.
                if sim.strikes(Fault::StickCarried) {
                    sim.stick_out(seat);
                } else {
                    sim.sync(seat);
                }
            }
            97 => sim.later_list(0),
            98 if sim.seats.len() < 60 => sim.newcomer(),
            _ => {
                sim.queue(seat);
                if sim.chance.percent(10) {
                    sim.spot_check(seat);
                }
            }
        }
        if sim.chance.percent(3) {
            sim.stranger_speaks();
        }
        sim.follow();
        if step % 126 == 0 {
            if sim.county_restored {
                past.clear();
            }
            past = sim.log_only_grows(&past);
        }
    }
    sim.step = STEPS + 1;
    STEP.set(STEPS + 1);
    sim.calm();
    sim.follow();
    sim.at_rest();
}

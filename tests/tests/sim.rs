//! Worlds of the simulator as a test, with every fault on: SEEDS of them (1,500 if nothing is said, 50,000 in the long run),
//! from FIRST on. A breach is told with its seed and step; `sim --seed N -v` tells the story that led to it.
#![allow(clippy::expect_used, clippy::indexing_slicing, clippy::panic, reason = "a test that cannot go on stops")]

use tests::sim::{Asked, Counts, Fault, Outcome, run, run_all};
use tests::{Begun, slow};

/// Worlds of a run of the tests; so many are enough to speak of their middle, and of each fault.
const ORDINARY: u64 = 1_500;

fn number(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(otherwise)
}

fn median(outcomes: &[Outcome], of: impl Fn(&Outcome) -> usize) -> usize {
    let mut all: Vec<usize> = outcomes.iter().map(of).collect();
    all.sort_unstable();
    all[all.len() / 2]
}

#[test]
fn whatever_goes_wrong_what_was_promised_holds() {
    let begun = Begun::now();
    let (first, seeds) = (number("FIRST", 1), number("SEEDS", if slow() { 50_000 } else { ORDINARY }));
    let outcomes = run_all(first..first + seeds, &Asked::default(), 2, |outcome| {
        // As it comes: a long run that is broken off has told what it met.
        if let Some(breach) = &outcome.failure {
            eprintln!("seed {} step {}: {}", outcome.seed, breach.step, breach.what);
        }
    });
    let mut struck = Counts::default();
    let mut breaches = Vec::new();
    for outcome in &outcomes {
        for (sum, count) in struck.0.iter_mut().zip(outcome.faults.0) {
            *sum += count;
        }
        if let Some(breach) = &outcome.failure {
            breaches.push(format!("seed {} step {}: {}", outcome.seed, breach.step, breach.what));
        }
    }
    let devices = median(&outcomes, |one| one.devices);
    let ops = median(&outcomes, |one| usize::try_from(one.ops).expect("small"));
    let faults = median(&outcomes, |one| usize::try_from(one.faults.sum()).expect("small"));
    let middle = format!("median {devices} laptops, {ops} acts, {faults} faults");
    if slow() {
        let bound = if breaches.is_empty() { format!(", 95 % bound 3/{seeds}") } else { String::new() };
        let result = format!("{} failures{bound}", breaches.len());
        let counts: Vec<String> =
            Fault::ALL.iter().zip(struck.0).map(|(fault, count)| format!("{} {count}", fault.name())).collect();
        let note = format!("{middle}; {}", counts.join(", "));
        begun.record("simulator: all faults", &format!("{first}-{}", first + seeds - 1), &result, &note);
    }
    assert!(breaches.is_empty(), "{} of {seeds} worlds went wrong:\n{}", breaches.len(), breaches.join("\n"));
    let least = if seeds >= ORDINARY { 100 } else { u32::from(seeds >= 60) };
    for (fault, count) in Fault::ALL.iter().zip(struck.0) {
        assert!(count >= least, "{} struck {count} times in {seeds} worlds", fault.name());
    }
    if seeds >= ORDINARY {
        assert!(devices >= 6 && ops >= 300 && faults >= 5, "small worlds: {middle}");
    }
    eprintln!("0 in {seeds}, 95 % bound 3/{seeds}; {middle}");
}

#[test]
fn a_seed_tells_the_same_world_again() {
    let (one, other) = (run(7, &Asked::default()), run(7, &Asked::default()));
    assert_eq!(
        (one.devices, one.ops, one.messages, one.confirmed),
        (other.devices, other.ops, other.messages, other.confirmed)
    );
    assert_eq!(one.faults, other.faults);
}

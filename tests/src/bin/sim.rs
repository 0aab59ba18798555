//! Runs worlds of the simulator: `sim --seeds A..B` prints one line of JSON, `sim --seed N -v` tells the story of one;
//! `--without kind,kind` leaves faults out and changes no other draw, to find what a breach needs; `--threads N` runs N worlds at a time;
//! `-v --watch MARK` says who has the facts of that text, number or name whenever that changes.
//! It ends with 1 if any promise did not hold; every breach is printed with its seed, step and number.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a program whose answer is its output")]

use std::process::ExitCode;

use tests::commit;
use tests::sim::{Asked, Counts, Fault, KINDS, Outcome, run_all};

/// The seeds, and how they are to be run.
fn asked() -> Option<(std::ops::Range<u64>, Asked, usize)> {
    let mut seeds = 0..0;
    let mut asked = Asked::default();
    let mut threads = 1;
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        match word.as_str() {
            "--seeds" => {
                let text = words.next()?;
                let (from, to) = text.split_once("..")?;
                seeds = from.parse().ok()?..to.parse().ok()?;
            }
            "--seed" => {
                let seed: u64 = words.next()?.parse().ok()?;
                seeds = seed..seed.checked_add(1)?;
            }
            "--without" => {
                let names = words.next()?;
                for name in names.split(',') {
                    asked.without.push(*Fault::ALL.iter().find(|fault| fault.name() == name)?);
                }
            }
            "--threads" => threads = words.next()?.parse().ok()?,
            "--strict-time" => asked.strict_time = true,
            "-v" => asked.aloud = true,
            "--watch" => asked.watch = Some(words.next()?),
            _ => return None,
        }
    }
    (!seeds.is_empty()).then_some((seeds, asked, threads))
}

/// CPU seconds of this process and its threads, as the kernel counts them; 0 where it does not say.
fn cpu_seconds() -> f64 {
    let text = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields: Vec<&str> = text.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    let ticks = |at: usize| fields.get(at).and_then(|field| field.parse::<f64>().ok()).unwrap_or(0.0);
    // User and system time, in ticks of a hundredth of a second on every Linux there is.
    (ticks(11) + ticks(12)) / 100.0
}

fn median(mut numbers: Vec<u64>) -> u64 {
    numbers.sort_unstable();
    numbers.get(numbers.len() / 2).copied().unwrap_or(0)
}

fn main() -> ExitCode {
    let Some((seeds, asked, threads)) = asked() else {
        eprintln!(
            "sim --seeds A..B | --seed N [--without kind,kind] [--threads N] [--strict-time] [-v [--watch MARK]]"
        );
        return ExitCode::from(2);
    };
    if !asked.aloud {
        // A breach is printed below, once, with its seed.
        std::panic::set_hook(Box::new(|_| {}));
    }
    let outcomes = run_all(seeds.clone(), &asked, threads, |outcome| {
        if let Some(breach) = &outcome.failure {
            eprintln!("seed {} step {}: {}", outcome.seed, breach.step, breach.what);
        }
    });
    let runs = outcomes.len();
    let failures = outcomes.iter().filter(|outcome| outcome.failure.is_some()).count();
    let mut sums = [0_u64; KINDS];
    for outcome in &outcomes {
        let Counts(counts) = outcome.faults;
        for (sum, count) in sums.iter_mut().zip(counts) {
            *sum += u64::from(count);
        }
    }
    let faults: serde_json::Map<String, serde_json::Value> =
        Fault::ALL.iter().zip(sums).map(|(fault, sum)| (fault.name().to_owned(), sum.into())).collect();
    let of = |pick: fn(&Outcome) -> u64| median(outcomes.iter().map(pick).collect());
    let bound = if failures == 0 { 3.0 / f64::from(u32::try_from(runs).unwrap_or(u32::MAX)) } else { 1.0 };
    println!(
        "{}",
        serde_json::json!({
            "seeds": format!("{}..{}", seeds.start, seeds.end),
            "runs": runs,
            "failures": failures,
            "bound_95": bound,
            "median_devices": of(|one| u64::try_from(one.devices).unwrap_or(0)),
            "median_ops": of(|one| u64::from(one.ops)),
            "median_confirmed": of(|one| u64::try_from(one.confirmed).unwrap_or(0)),
            "median_messages": of(|one| one.messages),
            "median_faults": of(|one| u64::from(one.faults.sum())),
            "faults": faults,
            "cpu_seconds": cpu_seconds(),
            "commit": commit(),
        })
    );
    if failures == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

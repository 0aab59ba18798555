//! Runs worlds of the simulator: `sim --seeds A..B` prints one line of JSON, `sim --seed N -v` tells the story of one;
//! `--without kind,kind` leaves faults out and changes no other draw, to find what a breach needs; `--threads N` runs N
//! worlds at a time; `--first-breach` ends with the first one, and `--cpu S` after so many CPU seconds; `-v --watch MARK`
//! says who has the facts of that text, number or name whenever that changes.
//! It ends with 1 if any promise did not hold; every breach is printed with its seed, step and number.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a program whose answer is its output")]

use std::process::ExitCode;

use tests::commit;
use tests::sim::{Asked, Counts, Fault, KINDS, Outcome, run_all};

/// What is to be run.
struct Wish {
    seeds: std::ops::Range<u64>,
    asked: Asked,
    threads: usize,
    /// End with the first breach.
    first_breach: bool,
    /// End after so many CPU seconds.
    cpu: f64,
}

/// What the words on the command line ask for.
fn wish() -> Option<Wish> {
    let mut seeds = 0..0;
    let (mut first_breach, mut cpu) = (false, f64::INFINITY);
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
            "--first-breach" => first_breach = true,
            "--cpu" => cpu = words.next()?.parse().ok()?,
            "-v" => asked.aloud = true,
            "--watch" => asked.watch = Some(words.next()?),
            _ => return None,
        }
    }
    (!seeds.is_empty()).then_some(Wish { seeds, asked, threads, first_breach, cpu })
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
    let Some(Wish { seeds, asked, threads, first_breach, cpu }) = wish() else {
        eprintln!(
            "sim --seeds A..B | --seed N [--without kind,kind] [--threads N] [--first-breach] [--cpu S] [--strict-time] [-v [--watch MARK]]"
        );
        return ExitCode::from(2);
    };
    if !asked.aloud {
        // A breach is printed below, once, with its seed.
        std::panic::set_hook(Box::new(|_| {}));
    }
    let bounded = first_breach || cpu.is_finite();
    let mut outcomes: Vec<Outcome> = Vec::new();
    let mut next = seeds.start;
    while next < seeds.end && cpu_seconds() < cpu {
        // A few at a time where there may be an end before the last one.
        let few = next.saturating_add(2 * u64::try_from(threads).unwrap_or(1)).min(seeds.end);
        let end = if bounded { few } else { seeds.end };
        outcomes.extend(run_all(next..end, &asked, threads, |outcome| {
            if let Some(breach) = &outcome.failure {
                eprintln!("seed {} step {}: {}", outcome.seed, breach.step, breach.what);
            }
        }));
        if first_breach && outcomes.iter().any(|outcome| outcome.failure.is_some()) {
            break;
        }
        next = end;
    }
    // Seeds after the first breach were run beside it and are not counted.
    if let Some(at) = outcomes.iter().position(|outcome| first_breach && outcome.failure.is_some()) {
        outcomes.truncate(at + 1);
    }
    let breach = outcomes.iter().find_map(|outcome| {
        let breach = outcome.failure.as_ref()?;
        Some(serde_json::json!({ "seed": outcome.seed, "step": breach.step, "what": breach.what }))
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
            "breach": breach,
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

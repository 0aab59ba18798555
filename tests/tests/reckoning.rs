//! Our arithmetic against another's: a million random contracts, reckoned by a script in another language that shares no line
//! with ours, agree to the fen.
#![allow(
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a test that cannot go on stops, and says how far it came"
)]

use std::fmt::Write as _;
use std::path::PathBuf;
use std::process::Command;

use chrono::NaiveDate;
use domain::estimate::{Terms, is_waived, usual_subsidy_end, waivers};
use domain::money::Fen;
use tests::{Chance, assets, run};

const CONTRACTS: usize = 1_000_000;

fn below(chance: &mut Chance, end: u32) -> u32 {
    u32::try_from(chance.below(usize::try_from(end).expect("small"))).expect("small")
}

#[test]
fn a_million_contracts_are_reckoned_alike_in_another_language() {
    let table = assets().join("rules/waivers.csv");
    let known = waivers(&std::fs::read_to_string(&table).expect("the table")).expect("waivers");
    let mut chance = Chance::of(20_261_220);
    let (mut asked, mut ours) = (String::new(), Vec::new());
    for _ in 0..CONTRACTS {
        let principal = i64::from(below(&mut chance, 2_500_001)) * if chance.percent(1) { 1_000_000 } else { 1 };
        let rate_ppm = below(&mut chance, 1_001) * if chance.percent(90) { 100 } else { 1 };
        let year = 2016 + i32::try_from(below(&mut chance, 20)).expect("small");
        let grad_year = year - 15 + i32::try_from(below(&mut chance, 18)).expect("small");
        let subsidy_end = if chance.percent(80) {
            usual_subsidy_end(grad_year).expect("a day")
        } else {
            NaiveDate::from_yo_opt(grad_year, 1 + below(&mut chance, 365)).expect("a day")
        };
        let (month, day) = [(12, 20), (12, 20), (12, 20), (9, 20), (8, 31), (12, 21)][chance.below(6)];
        let due_on = NaiveDate::from_ymd_opt(year, month, day).expect("a day");
        writeln!(asked, "{principal} {rate_ppm} {grad_year} {subsidy_end} {due_on}").expect("text");
        let terms = Terms { principal: Fen::new(principal), rate_ppm, subsidy_end, due_on };
        let waived = is_waived(&known, due_on, grad_year);
        ours.push(if waived { 0 } else { terms.interest().expect("an amount").get() });
    }
    let script = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("reference/estimate.py");
    let told = run(Command::new("python3").arg(script).arg(table), &asked);
    assert_eq!(told.code, Some(0), "{}", told.err);
    let text = String::from_utf8(told.out).expect("numbers");
    let theirs: Vec<i64> = text.lines().map(|line| line.parse().expect("a number")).collect();
    assert_eq!(theirs.len(), CONTRACTS);
    let apart = ours.iter().zip(&theirs).zip(asked.lines()).find(|((ours, theirs), _)| ours != theirs);
    assert_eq!(apart, None, "ours, theirs, and the contract");
    assert!(ours.iter().filter(|fen| **fen > 0).count() > CONTRACTS / 2, "most contracts cost something");
    println!("{CONTRACTS} contracts agree to the fen");
}

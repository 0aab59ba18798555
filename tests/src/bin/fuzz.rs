//! `fuzz NAME|all --inputs N [--seed S] [--record]` reads N turned inputs with a decoder of ours (T10) and prints a line each,
//! which `--record` puts into the ledger of campaigns;
//! `fuzz NAME|all --keep N` writes up to N accepted inputs of different lengths into its file of kept ones.
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::expect_used,
    reason = "a program whose answer is its output"
)]

use std::process::ExitCode;

use tests::decoders::{DECODERS, Decoder, Until, deep, try_out};
use tests::{Begun, fixtures};

fn number(words: &[String], name: &str) -> Option<u64> {
    let at = words.iter().position(|word| word == name)?;
    words.get(at.checked_add(1)?)?.parse().ok()
}

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let chosen: Vec<&Decoder> = match words.first() {
        Some(name) => DECODERS.iter().filter(|decoder| name == "all" || name == decoder.name).collect(),
        None => Vec::new(),
    };
    if chosen.is_empty() {
        eprintln!("fuzz NAME|all --inputs N [--seed S] [--record] | --keep N");
        return ExitCode::FAILURE;
    }
    for decoder in chosen {
        if let Some(most) = number(&words, "--keep") {
            let folder = fixtures().join("corpus");
            std::fs::create_dir_all(&folder).expect("a folder");
            let text = deep(decoder, 60_000, 1, usize::try_from(most).expect("small"));
            std::fs::write(folder.join(format!("{}.hex", decoder.name)), text).expect("written");
            continue;
        }
        let inputs = number(&words, "--inputs").unwrap_or(1_000_000);
        let begun = Begun::now();
        let tried = try_out(decoder, Until::Inputs(inputs), number(&words, "--seed").unwrap_or(1));
        let what = format!("decoder {}: turned and torn inputs", decoder.name);
        let said = format!("{} inputs, {} accepted, longest {} us", tried.inputs, tried.accepted, tried.longest_us);
        println!("{what}: {said}");
        if words.iter().any(|word| word == "--record") {
            begun.record(&what, &format!("{inputs} inputs"), "0 failures", &said);
        }
    }
    ExitCode::SUCCESS
}

//! Encoding v1 from outside: frozen bytes, and a verifier in Python that shares no code with the product.
//! It must never be taught what the product does wrong: it follows ARCHITECTURE.md alone.
#![allow(clippy::expect_used, clippy::indexing_slicing, reason = "a test that cannot go on stops")]

use std::io::Write as _;
use std::process::{Command, Stdio};

use domain::SigningKey;
use domain::clock::Millis;
use domain::fact::{Batch, Fact, seal};
use domain::ids::{FactId, FileId, JournalId, hex, unhex};
use domain::words::Section;
use tests::Chance;

/// Whole numbers below a bound, as the fields of a fact want them.
struct Dice(Chance);

impl Dice {
    fn of(seed: u64) -> Self {
        Self(Chance::of(seed))
    }

    fn below(&mut self, end: u64) -> u64 {
        let end = usize::try_from(end).expect("a length");
        u64::try_from(self.0.below(end)).expect("a number")
    }
}

fn fact(seq: u64, dice: &mut Dice) -> Fact {
    let journal = JournalId([7; 8]);
    let mut replaces = Vec::new();
    for _ in 0..dice.below(3) {
        replaces.push(FactId { journal: JournalId([9; 8]), seq: 1 + dice.below(1 << 20) });
    }
    Fact {
        id: FactId { journal, seq },
        file: FileId([u8::try_from(dice.below(4)).expect("few"); 8]),
        section: if dice.below(4) == 0 { Section::Edu } else { Section::Core },
        wall: Millis(1_796_000_000_000 + i64::try_from(dice.below(86_400)).expect("a day") * 1000),
        author: if dice.below(9) == 0 { "lin" } else { "zhou" }.parse().expect("an account"),
        kind: "FieldFilled".to_owned(),
        replaces,
        body: format!("{{\"field\":\"WHEREABOUTS\",\"text\":\"村东第{}家\"}}", dice.below(1 << 16)).into_bytes(),
    }
}

/// A chain of three batches: of one fact, of many, of an odd number.
fn chain(seed: u64) -> Vec<Batch> {
    let key = SigningKey::from_bytes(&[3; 32]);
    let mut dice = Dice::of(seed);
    let mut out: Vec<Batch> = Vec::new();
    let mut seq = 1;
    for count in [1, 2 + dice.below(60), 3 + 2 * dice.below(20)] {
        let facts: Vec<Fact> = (seq..seq + count).map(|seq| fact(seq, &mut dice)).collect();
        seq += count;
        let salt = [u8::try_from(dice.below(256)).expect("a byte"); 16];
        let previous = out.last().map(|batch| batch.seal.clone());
        out.push(seal(&facts, previous.as_ref(), dice.below(1000), &salt, &key).expect("sealed"));
    }
    out
}

/// One answer of the verifier a line.
fn verified(batches: &[Vec<u8>]) -> Vec<String> {
    let key = hex(&SigningKey::from_bytes(&[3; 32]).verifying_key().to_bytes());
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/verifier.py");
    let mut python = Command::new("python3")
        .arg(script)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("python3 (cargo xtask test installs it)");
    let asked: String = batches.iter().map(|batch| format!("{key} {}\n", hex(batch))).collect();
    let mut stdin = python.stdin.take().expect("a pipe");
    let writing = std::thread::spawn(move || stdin.write_all(asked.as_bytes()));
    let out = python.wait_with_output().expect("an answer");
    writing.join().expect("written").expect("written");
    assert!(out.status.success(), "{out:?}");
    String::from_utf8(out.stdout).expect("text").lines().map(str::to_owned).collect()
}

#[test]
fn python_agrees_on_whole_pruned_and_erased_batches() {
    let key = SigningKey::from_bytes(&[3; 32]).verifying_key();
    let (mut asked, mut expected) = (Vec::new(), Vec::new());
    for seed in 0..6 {
        let mut dice = Dice::of(seed + 100);
        for batch in chain(seed) {
            let gone = batch.seal.first + dice.below(u64::from(batch.seal.count));
            let parts = [
                batch.clone(),
                batch.clone().only(|_, row| row.file.0[0] % 2 == 0),
                batch.clone().only(|seq, _| seq != gone),
                batch.clone().only(|_, _| false),
            ];
            for part in parts {
                let open = part.verify(&key).expect("verifies");
                let mut line = format!("ok {} {} {}", open.len(), batch.seal.count, batch.seal.hash());
                for (seq, row) in part.rows() {
                    line.push_str(&format!(" {seq}:{}", row.written()));
                }
                expected.push(line);
                asked.push(part.bytes());
            }
        }
    }
    assert_eq!(verified(&asked), expected);
}

#[test]
fn python_finds_every_flipped_bit_that_the_product_finds() {
    let bytes = chain(1)[1].clone().only(|_, row| row.file.0[0] != 1).bytes();
    let mut asked = Vec::new();
    for at in (0..bytes.len()).step_by(7) {
        let mut bad = bytes.clone();
        bad[at] ^= 1 << (at % 8);
        asked.push(bad);
    }
    for (line, bad) in verified(&asked).iter().zip(&asked) {
        assert!(line.starts_with("bad "), "{line}: {}", hex(bad));
    }
}

/// FROZEN: a batch of version 1, whole and pruned. If this fails, the encoding has changed: make it version 2 beside it.
#[test]
fn version_1_is_frozen() {
    let batch = chain(7)[2].clone();
    let whole = include_str!("../fixtures/batch-v1-whole.hex").trim();
    let pruned = include_str!("../fixtures/batch-v1-pruned.hex").trim();
    assert_eq!(hex(&batch.bytes()), whole);
    let part = batch.only(|seq, _| seq % 5 == 0);
    assert_eq!(hex(&part.bytes()), pruned);
    let key = SigningKey::from_bytes(&[3; 32]).verifying_key();
    for text in [whole, pruned] {
        let bytes: Vec<u8> = text
            .as_bytes()
            .chunks(2)
            .map(|two| unhex::<1>(std::str::from_utf8(two).expect("hex")).expect("hex")[0])
            .collect();
        let batch = Batch::parse(&bytes).expect("parses");
        assert!(!batch.verify(&key).expect("verifies").is_empty());
        assert_eq!(batch.bytes(), bytes);
    }
}

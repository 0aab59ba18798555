//! Tests of the tests: each patch in `tests/planted` plants one bug, and somebody must find it.
//!
//! A patch opens with lines in words and one `Found-by: `: `sim` and words for it, where the simulator runs worlds on
//! until one breaks its promises, or the arguments of a `cargo test` that must fail. The bug is planted in a copy under
//! `target/planted`, never in the checkout; a bug that does not compile or does not apply proves nothing and counts as a
//! failure, and a seed that breaks without the bug counts for nothing.

use std::path::{Path, PathBuf};
use std::time::Instant;

use serde_json::{Value, json};

use crate::counts::Counts;
use crate::halt::Halt;
use crate::place::Place;
use crate::process::{answer, cargo, command, must, must_answer, status};
use crate::test::result_lines;

/// CPU seconds that the simulator gets for one bug.
const CPU_SECONDS: u32 = 600;
/// Of so many bugs …
const OF: u64 = 20;
/// … so many must be found.
const LEAST: u64 = 18;
/// Bugs that every run of the tests plants.
const SAMPLE: usize = 4;

/// How many bugs are planted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Which {
    /// All, and the ledger of campaigns is told.
    All,
    /// A few, other ones at another commit.
    Sample,
}

/// The patches to try; without any there is nothing to show, which is said before the long work begins.
pub(crate) fn planted(place: &Place) -> Result<Vec<PathBuf>, Halt> {
    let patches = patches(&place.root().join("tests/planted"))?;
    if patches.is_empty() {
        return Err(Halt::say(
            "there is no planted bug in tests/planted, so there is nothing to show",
            "还没有植入的错误",
        ));
    }
    Ok(patches)
}

/// One passed for each bug that was found. One that was not counts as failed in a sample; of all, a tenth may be missed.
pub(crate) fn caught(place: &Place, which: Which) -> Result<Counts, Halt> {
    let mut patches = planted(place)?;
    let all = patches.len();
    let commit = answer(command("git", place.root()).args(["rev-parse", "HEAD"])).unwrap_or_default();
    if which == Which::Sample {
        patches = sample(frequent(patches)?, commit.trim());
    }
    let tree = place.target().join("planted/tree");
    copy_tracked(place, &tree)?;
    must(
        cargo(place.root()).args(["build", "--package", "tests", "--bin", "sim"]),
        "building the simulator without a bug",
    )?;
    let clean = place.target().join("planted/sim-clean");
    copy_file(&place.debug_binary("sim"), &clean)?;
    let mut rows = Vec::new();
    for patch in &patches {
        let name = patch.file_stem().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let begun = Instant::now();
        let verdict = try_one(place, &tree, &clean, patch)?;
        println!("  planted {name}: {} ({:.0} s in all)", verdict.words(), begun.elapsed().as_secs_f64());
        rows.push((name, verdict));
    }
    let found = rows.iter().filter(|(_, verdict)| verdict.caught()).count();
    println!("  {found} of {} planted bugs found  植入的错误发现了 {found} 个", rows.len());
    let counts = counts(&rows, which);
    if which == Which::All {
        record(place, commit.trim(), all, &rows)?;
    }
    Ok(counts)
}

/// Found bugs as passed, the others as failed, unless enough of all were found.
fn counts(rows: &[(String, Verdict)], which: Which) -> Counts {
    let number = |n: usize| u64::try_from(n).unwrap_or(u64::MAX);
    let passed = number(rows.iter().filter(|(_, verdict)| verdict.caught()).count());
    let useless = number(rows.iter().filter(|(_, verdict)| *verdict == Verdict::Useless).count());
    let all = number(rows.len());
    let enough = passed.saturating_mul(OF) >= all.saturating_mul(LEAST);
    let missed = all.saturating_sub(passed).saturating_sub(useless);
    let failed = if which == Which::All && enough { useless } else { useless.saturating_add(missed) };
    Counts { passed, failed }
}

#[derive(Debug, Clone, PartialEq)]
enum Verdict {
    /// A world broke that holds without the bug: after so many seeds and CPU seconds, with this breach.
    Found { seeds: u64, cpu: f64, breach: String },
    /// A test failed that passes without the bug.
    Caught,
    /// Everything passed with the bug in place, in so many seeds and CPU seconds.
    Missed { seeds: u64, cpu: f64 },
    /// The patch does not apply, name who finds it or compile.
    Useless,
}

impl Verdict {
    fn caught(&self) -> bool {
        matches!(self, Self::Found { .. } | Self::Caught)
    }

    fn words(&self) -> String {
        match self {
            Self::Found { seeds, cpu, breach } => {
                format!("found in {seeds} seeds and {cpu:.0} CPU seconds: {breach}  已发现")
            }
            Self::Caught => "caught  已发现".to_owned(),
            Self::Missed { seeds, cpu } => format!("NOT found in {seeds} seeds and {cpu:.0} CPU seconds  未发现"),
            Self::Useless => "does not apply or compile  补丁无效".to_owned(),
        }
    }

    /// From the counts of the result lines alone: a build that failed has none.
    fn of(counts: Counts, success: bool) -> Self {
        match (counts.failed, counts.passed, success) {
            (0, 0, _) | (0, _, false) => Self::Useless,
            (0, _, true) => Self::Missed { seeds: 0, cpu: 0.0 },
            _ => Self::Caught,
        }
    }
}

fn try_one(place: &Place, tree: &Path, clean: &Path, patch: &Path) -> Result<Verdict, Halt> {
    let text = std::fs::read_to_string(patch).map_err(Halt::disk(patch))?;
    let Some(finder) = found_by(&text) else {
        return Ok(Verdict::Useless);
    };
    if !apply(tree, patch, &[])? {
        return Ok(Verdict::Useless);
    }
    // Built alone, and so with other features than a run of the tests: under the same ones the packages of the copy would
    // take the place of the checkout's in the target folder, bug and all.
    let in_tree = |words: &[&str]| {
        let mut cargo = cargo(tree);
        cargo.args(words).env("CARGO_TARGET_DIR", place.target());
        cargo
    };
    let verdict = if finder.first().is_some_and(|word| word == "sim") {
        if status(&mut in_tree(&["build", "--quiet", "--package", "tests", "--bin", "sim"]))?.success() {
            let sim = place.target().join("planted/sim-planted");
            copy_file(&place.debug_binary("sim"), &sim)?;
            simulate(place, &sim, clean, finder.get(1..).unwrap_or_default())?
        } else {
            Verdict::Useless
        }
    } else {
        let (counts, success) = result_lines(in_tree(&["test"]).args(&finder))?;
        Verdict::of(counts, success)
    };
    if !apply(tree, patch, &["--reverse"])? {
        return Err(Halt::say(
            "a planted bug could not be taken out of its copy again; remove target/planted and try again",
            "请删除 target/planted 后重试",
        ));
    }
    Ok(verdict)
}

/// Runs worlds on until one breaks that holds without the bug, or the time is over.
fn simulate(place: &Place, sim: &Path, clean: &Path, words: &[String]) -> Result<Verdict, Halt> {
    let (mut seeds, mut cpu) = (0_u64, 0.0_f64);
    loop {
        let first = seeds.saturating_add(1);
        let left = f64::from(CPU_SECONDS) - cpu;
        if left <= 0.0 {
            return Ok(Verdict::Missed { seeds, cpu });
        }
        let said = heard(
            command(sim, place.root())
                .args(["--seeds", &format!("{first}..{}", u64::MAX), "--threads", "2", "--first-breach"])
                .args(["--cpu", &format!("{left:.0}")])
                .args(words),
        )?;
        let number = |key: &str| said.get(key).and_then(Value::as_u64).unwrap_or(0);
        cpu += said.get("cpu_seconds").and_then(Value::as_f64).unwrap_or(left).max(0.01);
        seeds = seeds.saturating_add(number("runs").max(1));
        let Some(breach) = said.get("breach").filter(|breach| !breach.is_null()) else { continue };
        let seed = breach.get("seed").and_then(Value::as_u64).unwrap_or(0);
        let what: String = breach.get("what").and_then(Value::as_str).unwrap_or("").chars().take(90).collect();
        let without = heard(command(clean, place.root()).args(["--seed", &seed.to_string()]).args(words))?;
        if without.get("failures").and_then(Value::as_u64) == Some(0) {
            let breach = what.lines().next().unwrap_or("").to_owned();
            return Ok(Verdict::Found { seeds, cpu, breach });
        }
        println!("  seed {seed} breaks without the bug too, and counts for nothing: {what}");
    }
}

/// The line of JSON that the simulator ends with, whatever it ends as.
fn heard(command: &mut std::process::Command) -> Result<Value, Halt> {
    let program = command.get_program().to_string_lossy().into_owned();
    // What desks say of broken lines is not for here.
    let output = command
        .stderr(std::process::Stdio::null())
        .output()
        .map_err(|source| Halt::Start { program: program.clone(), source })?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let line = text.lines().last().unwrap_or_default();
    serde_json::from_str(line).map_err(|source| Halt::Json { what: "what the simulator said".to_owned(), source })
}

/// One line in the ledger of campaigns.
fn record(place: &Place, commit: &str, all: usize, rows: &[(String, Verdict)]) -> Result<(), Halt> {
    let date = answer(command("date", place.root()).args(["-u", "+%Y-%m-%d"])).unwrap_or_default();
    let bugs: serde_json::Map<String, Value> = rows
        .iter()
        .map(|(name, verdict)| {
            let told = match verdict {
                Verdict::Found { seeds, cpu, breach } => {
                    json!({ "seeds": seeds, "cpu_s": cpu.round(), "breach": breach })
                }
                Verdict::Caught => json!("a test"),
                Verdict::Missed { seeds, cpu } => json!({ "missed": true, "seeds": seeds, "cpu_s": cpu.round() }),
                Verdict::Useless => json!("does not apply or compile"),
            };
            (name.clone(), told)
        })
        .collect();
    let found = rows.iter().filter(|(_, verdict)| verdict.caught()).count();
    let line = json!({
        "date": date.trim(),
        "commit": commit.get(..12).unwrap_or(commit),
        "target": "planted bugs found by the simulator, 600 CPU seconds each",
        "result": format!("{found} of {all} found"),
        "bugs": bugs,
    });
    let path = place.root().join("tests/campaigns.jsonl");
    let mut text = std::fs::read_to_string(&path).map_err(Halt::disk(&path))?;
    text.push_str(&format!("{line}\n"));
    std::fs::write(&path, text).map_err(Halt::disk(&path))
}

/// Without those of which it is known that the time is not enough: in a sample such a one would say nothing of the commit.
fn frequent(patches: Vec<PathBuf>) -> Result<Vec<PathBuf>, Halt> {
    let mut kept = Vec::new();
    for patch in patches {
        let text = std::fs::read_to_string(&patch).map_err(Halt::disk(&patch))?;
        if headed(&text, "Not in samples: ").is_none() {
            kept.push(patch);
        }
    }
    Ok(kept)
}

/// Four of the patches, as the commit has it: each has its turn, and nobody chooses.
fn sample(patches: Vec<PathBuf>, commit: &str) -> Vec<PathBuf> {
    let draw = commit.get(..8).and_then(|digits| usize::from_str_radix(digits, 16).ok()).unwrap_or(0);
    let all = patches.len();
    let step = all.div_ceil(SAMPLE).max(1);
    let taken: Vec<usize> = (0..SAMPLE.min(all)).map(|turn| (draw % all.max(1) + turn * step) % all.max(1)).collect();
    patches.into_iter().enumerate().filter(|(at, _)| taken.contains(at)).map(|(_, patch)| patch).collect()
}

fn copy_file(from: &Path, to: &Path) -> Result<(), Halt> {
    // Over a program that may still be mapped: a new file in its place.
    std::fs::remove_file(to).ok();
    std::fs::copy(from, to).map(|_| ()).map_err(Halt::disk(from))
}

fn apply(tree: &Path, patch: &Path, more: &[&str]) -> Result<bool, Halt> {
    Ok(status(command("patch", tree).args(["--strip=1", "--batch", "--silent", "--input"]).arg(patch).args(more))?
        .success())
}

/// The words after `Found-by: ` on one of the lines before the diff.
fn found_by(text: &str) -> Option<Vec<String>> {
    headed(text, "Found-by: ").map(|words| words.split_whitespace().map(str::to_owned).collect())
}

/// What follows some words on one of the lines before the diff.
fn headed<'t>(text: &'t str, words: &str) -> Option<&'t str> {
    text.lines()
        .take_while(|line| !line.starts_with("--- ") && !line.starts_with("diff "))
        .find_map(|line| line.strip_prefix(words))
}

fn patches(folder: &Path) -> Result<Vec<PathBuf>, Halt> {
    if !folder.is_dir() {
        return Ok(Vec::new());
    }
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(Halt::disk(folder))? {
        let path = entry.map_err(Halt::disk(folder))?.path();
        if path.extension().is_some_and(|extension| extension == "patch") {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

/// Brings the copy up to date; a file that is the same keeps its time, so that cargo compiles little.
fn copy_tracked(place: &Place, tree: &Path) -> Result<(), Halt> {
    let words = must_answer(
        command("git", place.root()).args(["ls-files", "-z"]),
        "listing the files of the repository (git ls-files)",
    )?;
    for name in words.split('\0').filter(|name| !name.is_empty()) {
        let from = place.root().join(name);
        let to = tree.join(name);
        let Ok(bytes) = std::fs::read(&from) else {
            continue;
        };
        if std::fs::read(&to).is_ok_and(|old| old == bytes) {
            continue;
        }
        if let Some(folder) = to.parent() {
            std::fs::create_dir_all(folder).map_err(Halt::disk(folder))?;
        }
        std::fs::write(&to, bytes).map_err(Halt::disk(&to))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_finder_is_named_before_the_diff() {
        let patch = "Ack before the disk has it.\nFound-by: sim --without county_restored\n\n--- a/x\n+++ b/x\n";
        assert_eq!(found_by(patch).unwrap(), ["sim", "--without", "county_restored"]);
        assert_eq!(found_by("--- a/x\nFound-by: -p store\n"), None);
    }

    #[test]
    fn a_bug_that_is_known_to_take_longer_is_in_no_sample() {
        let folder = std::env::temp_dir().join(format!("ruhu-planted-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let write = |name: &str, head: &str| {
            let path = folder.join(name);
            std::fs::write(&path, format!("A bug.\n{head}Found-by: sim\n\n--- a/x\nNot in samples: no\n")).unwrap();
            path
        };
        let (quick, slow) = (write("a", ""), write("b", "Not in samples: missed once\n"));
        assert_eq!(frequent(vec![quick.clone(), slow]).unwrap(), [quick]);
        std::fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn only_a_failing_test_catches() {
        let counts = |passed, failed| Counts { passed, failed };
        assert_eq!(Verdict::of(counts(3, 1), false), Verdict::Caught);
        assert_eq!(Verdict::of(counts(0, 2), false), Verdict::Caught);
        assert_eq!(Verdict::of(counts(4, 0), true), Verdict::Missed { seeds: 0, cpu: 0.0 });
        assert_eq!(Verdict::of(counts(0, 0), false), Verdict::Useless);
        assert_eq!(Verdict::of(counts(0, 0), true), Verdict::Useless);
    }

    #[test]
    fn a_tenth_of_all_may_be_missed_and_none_of_a_sample() {
        let rows = |found: usize, missed: usize, useless: usize| {
            let mut rows = vec![(String::new(), Verdict::Caught); found];
            rows.extend(vec![(String::new(), Verdict::Missed { seeds: 9, cpu: 600.0 }); missed]);
            rows.extend(vec![(String::new(), Verdict::Useless); useless]);
            rows
        };
        assert_eq!(counts(&rows(18, 2, 0), Which::All), Counts { passed: 18, failed: 0 });
        assert_eq!(counts(&rows(17, 3, 0), Which::All), Counts { passed: 17, failed: 3 });
        assert_eq!(counts(&rows(19, 0, 1), Which::All), Counts { passed: 19, failed: 1 });
        assert_eq!(counts(&rows(3, 1, 0), Which::Sample), Counts { passed: 3, failed: 1 });
    }

    #[test]
    fn a_sample_is_four_of_them_and_every_one_has_its_turn() {
        let all: Vec<PathBuf> = (0..20).map(|n| PathBuf::from(format!("{n:02}"))).collect();
        let mut met = std::collections::BTreeSet::new();
        for draw in 0..20 {
            let some = sample(all.clone(), &format!("{draw:08x}0123"));
            assert_eq!(some.len(), 4);
            met.extend(some);
        }
        assert_eq!(met.len(), 20);
    }
}

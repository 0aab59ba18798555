//! Tests of the tests: each patch in `tests/planted` plants one bug that a named test must catch.
//!
//! A patch opens with a line `Found-by: ` and the arguments of the `cargo test` that must fail. The bug
//! is planted in a copy under `target/planted`, never in the checkout; a bug that does not compile or
//! does not apply proves nothing and counts as a failure.

use std::path::{Path, PathBuf};
use std::time::Instant;

use crate::counts::Counts;
use crate::halt::Halt;
use crate::place::Place;
use crate::process::{cargo, command, must_answer, status};
use crate::test::result_lines;

/// The patches to try; without any there is nothing to show, which is said before the long work begins.
pub(crate) fn planted(place: &Place) -> Result<Vec<PathBuf>, Halt> {
    let patches = patches(&place.root().join("tests/planted"))?;
    if patches.is_empty() {
        return Err(Halt::say(
            "there is no planted bug in tests/planted, so --planted has nothing to show",
            "还没有植入的错误",
        ));
    }
    Ok(patches)
}

/// One passed for each bug that was caught, one failed for each that was not.
pub(crate) fn caught(place: &Place) -> Result<Counts, Halt> {
    let patches = planted(place)?;
    let tree = place.target().join("planted/tree");
    copy_tracked(place, &tree)?;
    let mut counts = Counts::default();
    for patch in &patches {
        let name = patch.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let begun = Instant::now();
        let verdict = try_one(place, &tree, patch)?;
        println!("  planted {name}: {} ({:.0} s)", verdict.words(), begun.elapsed().as_secs_f64());
        counts.add(match verdict {
            Verdict::Caught => Counts { passed: 1, failed: 0 },
            Verdict::Missed | Verdict::Useless => Counts { passed: 0, failed: 1 },
        });
    }
    Ok(counts)
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    /// A test failed that passes without the bug.
    Caught,
    /// Every test passed with the bug in place.
    Missed,
    /// The patch does not apply, name its test or compile.
    Useless,
}

impl Verdict {
    fn words(self) -> &'static str {
        match self {
            Self::Caught => "caught  已发现",
            Self::Missed => "NOT caught  未发现",
            Self::Useless => "does not apply or compile  补丁无效",
        }
    }

    /// From the counts of the result lines alone: a build that failed has none.
    fn of(counts: Counts, success: bool) -> Self {
        match (counts.failed, counts.passed, success) {
            (0, 0, _) | (0, _, false) => Self::Useless,
            (0, _, true) => Self::Missed,
            _ => Self::Caught,
        }
    }
}

fn try_one(place: &Place, tree: &Path, patch: &Path) -> Result<Verdict, Halt> {
    let text = std::fs::read_to_string(patch).map_err(Halt::disk(patch))?;
    let Some(arguments) = found_by(&text) else {
        return Ok(Verdict::Useless);
    };
    if !apply(tree, patch, &[])? {
        return Ok(Verdict::Useless);
    }
    let (counts, success) = result_lines(
        cargo(tree).arg("test").args(&arguments).env("CARGO_TARGET_DIR", place.target().join("planted/build")),
    )?;
    if !apply(tree, patch, &["--reverse"])? {
        return Err(Halt::say(
            "a planted bug could not be taken out of its copy again; remove target/planted and try again",
            "请删除 target/planted 后重试",
        ));
    }
    Ok(Verdict::of(counts, success))
}

fn apply(tree: &Path, patch: &Path, more: &[&str]) -> Result<bool, Halt> {
    Ok(status(command("patch", tree).args(["--strip=1", "--batch", "--silent", "--input"]).arg(patch).args(more))?
        .success())
}

/// The arguments after `Found-by: ` on one of the lines before the diff.
fn found_by(text: &str) -> Option<Vec<String>> {
    text.lines()
        .take_while(|line| !line.starts_with("--- ") && !line.starts_with("diff "))
        .find_map(|line| line.strip_prefix("Found-by: "))
        .map(|words| words.split_whitespace().map(str::to_owned).collect())
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
    fn the_test_is_named_before_the_diff() {
        let patch = "Ack before the disk has it.\nFound-by: -p store --lib durable\n\n--- a/x\n+++ b/x\n";
        assert_eq!(found_by(patch).unwrap(), ["-p", "store", "--lib", "durable"]);
        assert_eq!(found_by("--- a/x\nFound-by: -p store\n"), None);
    }

    #[test]
    fn only_a_failing_test_catches() {
        let counts = |passed, failed| Counts { passed, failed };
        assert_eq!(Verdict::of(counts(3, 1), false), Verdict::Caught);
        assert_eq!(Verdict::of(counts(0, 2), false), Verdict::Caught);
        assert_eq!(Verdict::of(counts(4, 0), true), Verdict::Missed);
        assert_eq!(Verdict::of(counts(0, 0), false), Verdict::Useless);
        assert_eq!(Verdict::of(counts(0, 0), true), Verdict::Useless);
    }
}

//! How many tests passed and failed, read from what the runners say of themselves.
//!
//! It must never make a failure smaller: a runner that failed without a count counts as one failure.

use serde_json::Value;

/// Tests by outcome.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) passed: u64,
    pub(crate) failed: u64,
}

impl Counts {
    /// Adds another runner's counts.
    pub(crate) fn add(&mut self, other: Self) {
        self.passed = self.passed.saturating_add(other.passed);
        self.failed = self.failed.saturating_add(other.failed);
    }

    /// The counts of a runner that ended so: a failed run without a failed test counts one failure.
    pub(crate) fn ended(self, success: bool) -> Self {
        if !success && self.failed == 0 { Self { failed: 1, ..self } } else { self }
    }

    /// Whether something ran and nothing failed.
    pub(crate) fn good(self) -> bool {
        self.failed == 0 && self.passed > 0
    }

    /// The closing line, alone on its line, that build machines read.
    pub(crate) fn closing(self) -> String {
        format!("{} passed, {} failed", self.passed, self.failed)
    }

    /// The counts of one line of `cargo test`, if it is a result line:
    /// `test result: ok. 12 passed; 0 failed; 0 ignored; …`.
    pub(crate) fn of_cargo_line(line: &str) -> Option<Self> {
        let (_, counts) = line.trim().strip_prefix("test result: ")?.split_once(". ")?;
        let mut parts = counts.split("; ");
        let passed = parts.next()?.strip_suffix(" passed")?.parse().ok()?;
        let failed = parts.next()?.strip_suffix(" failed")?.parse().ok()?;
        Some(Self { passed, failed })
    }

    /// The counts of vitest's JSON report.
    pub(crate) fn of_vitest(report: &Value) -> Option<Self> {
        Some(Self { passed: report.get("numPassedTests")?.as_u64()?, failed: report.get("numFailedTests")?.as_u64()? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cargo_lines() {
        let good = "test result: ok. 12 passed; 0 failed; 1 ignored; 0 measured; 3 filtered out; finished in 0.01s";
        assert_eq!(Counts::of_cargo_line(good), Some(Counts { passed: 12, failed: 0 }));
        let bad = "test result: FAILED. 3 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out; finished in 1.20s";
        assert_eq!(Counts::of_cargo_line(bad), Some(Counts { passed: 3, failed: 2 }));
        assert_eq!(Counts::of_cargo_line("test result: ok"), None);
        assert_eq!(Counts::of_cargo_line("test a::b ... ok"), None);
        assert_eq!(Counts::of_cargo_line("test result: ok. many passed; 0 failed; x"), None);
    }

    #[test]
    fn vitest_report() {
        let report: Value = serde_json::from_str(r#"{"numPassedTests":7,"numFailedTests":1,"success":false}"#).unwrap();
        assert_eq!(Counts::of_vitest(&report), Some(Counts { passed: 7, failed: 1 }));
        assert_eq!(Counts::of_vitest(&Value::Null), None);
    }

    #[test]
    fn a_silent_failure_counts() {
        let none = Counts::default();
        assert_eq!(none.ended(false).failed, 1);
        assert_eq!(none.ended(true).failed, 0);
        let two = Counts { passed: 1, failed: 2 };
        assert_eq!(two.ended(false), two);
        assert!(!none.good(), "nothing ran is not good");
        assert!(!two.good());
    }

    #[test]
    fn the_closing_line_is_what_machines_read() {
        let counts = Counts { passed: 210, failed: 0 };
        assert_eq!(counts.closing(), "210 passed, 0 failed");
    }
}

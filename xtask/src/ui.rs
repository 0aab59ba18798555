//! The ui's own scripts, by the names of `ui/package.json`: check, lint, test, build.
//!
//! It must never know what they do, only how they are called and how their outcome is read.

use serde_json::Value;

use crate::counts::Counts;
use crate::halt::Halt;
use crate::place::Place;
use crate::process::{command, must, status};

/// One npm script; `true` when it passed.
pub(crate) fn script(place: &Place, name: &str) -> Result<bool, Halt> {
    let status = status(command("npm", &place.ui()).args(["run", "--silent", name]))?;
    Ok(status.success())
}

/// Builds `ui/dist`, which the window and the browser's server carry.
pub(crate) fn build(place: &Place) -> Result<(), Halt> {
    must(command("npm", &place.ui()).args(["run", "--silent", "build"]), "building the ui")
}

/// Builds `ui/dist` only where there is none: enough to compile the window for the lints.
pub(crate) fn build_if_absent(place: &Place) -> Result<(), Halt> {
    if place.ui().join("dist/index.html").is_file() {
        println!("  ui/dist is there  已有");
        Ok(())
    } else {
        build(place)
    }
}

/// The unit tests, counted from vitest's own report.
pub(crate) fn test(place: &Place) -> Result<Counts, Halt> {
    let report = place.target().join("vitest.json");
    // A report of an earlier run must not speak for this one.
    if report.exists() {
        std::fs::remove_file(&report).map_err(Halt::disk(&report))?;
    }
    let status = status(
        command("npm", &place.ui())
            .args(["run", "--silent", "test", "--", "--reporter=default", "--reporter=json"])
            .arg(format!("--outputFile.json={}", report.display())),
    )?;
    let counts = std::fs::read(&report)
        .ok()
        .and_then(|bytes| serde_json::from_slice::<Value>(&bytes).ok())
        .and_then(|report| Counts::of_vitest(&report))
        .unwrap_or_default();
    Ok(counts.ended(status.success()))
}

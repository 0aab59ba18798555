//! `peers [FIELDS]`: the county's day (package `workload`) merged by automerge, loro and yrs, beside which the product
//! is measured. Prints one flat JSON object and nothing else on standard output.
//!
//! Each library makes and merges in processes of its own, so that time and memory are its own. What is favourable to a
//! library is granted: all updates of a document are merged at one go, nothing is encrypted, signed or checked, and no
//! row is written that a screen could read. It must never print a figure of a merge that lost an edit.

mod automerge_docs;
mod disk;
mod library;
mod loro_docs;
mod measure;
mod yrs_docs;

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

use serde_json::{Map, Value};
use workload::{Size, Workload};

use crate::automerge_docs::Automerge;
use crate::library::{Failure, failure};
use crate::loro_docs::Loro;
use crate::yrs_docs::Yrs;

/// The same day for everybody.
const SEED: u64 = 1;
const LIBRARIES: [&str; 3] = ["automerge", "loro", "yrs"];
/// Merges of the same uploads, of which the middle one counts.
const ROUNDS: usize = 5;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match run(&words) {
        Ok(figures) => {
            println!("{}", Value::Object(figures));
            ExitCode::SUCCESS
        }
        Err(failure) => {
            eprintln!("{failure}");
            ExitCode::FAILURE
        }
    }
}

fn run(words: &[&str]) -> Result<Map<String, Value>, Failure> {
    match words {
        [] => whole(Size::COUNTY.fields),
        [fields] => whole(fields.parse()?),
        ["make", library, fields, folder] => make(library, &day(fields.parse()?)?, Path::new(folder)),
        ["merge", library, fields, folder] => merge(library, &day(fields.parse()?)?, Path::new(folder)),
        _ => Err(failure("usage: peers [FIELDS], 3 to 25")),
    }
}

fn day(fields: u8) -> Result<Workload, Failure> {
    Ok(Workload::new(SEED, Size { fields, ..Size::COUNTY })?)
}

fn make(library: &str, day: &Workload, folder: &Path) -> Result<Map<String, Value>, Failure> {
    match library {
        "automerge" => measure::make::<Automerge>(day, folder),
        "loro" => measure::make::<Loro>(day, folder),
        "yrs" => measure::make::<Yrs>(day, folder),
        _ => Err(failure("no such library")),
    }
}

fn merge(library: &str, day: &Workload, folder: &Path) -> Result<Map<String, Value>, Failure> {
    match library {
        "automerge" => measure::merge::<Automerge>(day, folder),
        "loro" => measure::merge::<Loro>(day, folder),
        "yrs" => measure::merge::<Yrs>(day, folder),
        _ => Err(failure("no such library")),
    }
}

/// A folder that goes when the measurement ends, however it ends.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Result<Self, Failure> {
        let path = std::env::temp_dir().join(format!("ruhu-peers-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&path)?;
        Ok(Self(path))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // A folder that cannot be removed spoils no figure.
        std::fs::remove_dir_all(&self.0).ok();
    }
}

/// All libraries, one after the other.
fn whole(fields: u8) -> Result<Map<String, Value>, Failure> {
    let day = day(fields)?;
    let mut figures = Map::new();
    let edits = f64::from(day.size().edits());
    figures.insert("edits".to_owned(), day.size().edits().into());
    figures.insert("fields".to_owned(), fields.into());
    figures.insert("entropy_bytes_per_edit".to_owned(), rounded(day.entropy_bits() / 8.0 / edits, 100.0));
    for library in LIBRARIES {
        let folder = Folder::new(library)?;
        let made = child("make", library, fields, &folder.0)?;
        let mut rounds = Vec::new();
        for _ in 0..ROUNDS {
            rounds.push(child("merge", library, fields, &folder.0)?);
        }
        let series = |name: &str| -> Result<Vec<f64>, Failure> {
            let mut values: Vec<f64> = rounds.iter().map(|round| number(round, name)).collect::<Result<_, _>>()?;
            values.sort_by(f64::total_cmp);
            Ok(values)
        };
        let cpu = series("cpu_s")?.get(ROUNDS / 2).copied().ok_or_else(|| failure("no round"))?;
        let peak = series("peak_mb")?.last().copied().ok_or_else(|| failure("no round"))?;
        // The same of every round: merging decides nothing by chance.
        let readable = rounds.first().and_then(|round| round.get("conflicts_readable")).cloned();
        let mut put = |name: &str, value: Value| figures.insert(format!("{library}_{name}"), value);
        put("edits_per_cpu_s", rounded(edits / cpu, 1.0));
        put("upload_bytes_per_edit", rounded(number(&made, "upload_bytes")? / edits, 10.0));
        put("conflicts_readable", readable.ok_or_else(|| failure("the figure conflicts_readable is missing"))?);
        put("peak_mb", rounded(peak, 10.0));
        figures.insert(format!("_{library}_version"), version(library).into());
    }
    Ok(figures)
}

/// Runs one step in a process of its own and reads what it printed.
fn child(step: &str, library: &str, fields: u8, folder: &Path) -> Result<Map<String, Value>, Failure> {
    let output = Command::new(std::env::current_exe()?)
        .args([step, library, &fields.to_string()])
        .arg(folder)
        .stderr(Stdio::inherit())
        .output()?;
    if !output.status.success() {
        return Err(failure(&format!("{library}: the step {step} failed")));
    }
    Ok(serde_json::from_slice(&output.stdout)?)
}

fn number(figures: &Map<String, Value>, name: &str) -> Result<f64, Failure> {
    figures.get(name).and_then(Value::as_f64).ok_or_else(|| failure(&format!("the figure {name} is missing")))
}

/// Rounded to so many parts of one.
fn rounded(value: f64, parts: f64) -> Value {
    ((value * parts).round() / parts).into()
}

/// The version that the lock file names, which is the one that was built.
fn version(library: &str) -> &'static str {
    let name = format!("name = \"{library}\"");
    include_str!("../Cargo.lock")
        .lines()
        .skip_while(|line| *line != name)
        .find_map(|line| line.strip_prefix("version = \""))
        .map_or("unknown", |version| version.trim_end_matches('"'))
}

#[cfg(test)]
mod tests;

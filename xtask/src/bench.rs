//! `bench NAME`: one measurement of the release build, kept as `target/bench/NAME.json`.
//!
//! The file is one flat object: figure → number, and beside them, under names that begin with `_`, the
//! commit and how busy the machine was. It must never change a figure, nor keep one of a failed run.

use std::path::Path;

use serde_json::{Map, Value};

use crate::halt::Halt;
use crate::place::Place;
use crate::process::{answer, cargo, command, must, must_answer};
use crate::toolset;

/// Runs the measurement and writes its file.
pub(crate) fn bench(place: &Place, name: &str) -> Result<(), Halt> {
    println!("[1/3] installing build packages …  安装构建所需的系统软件");
    // Its reader of workbooks stands beside ours.
    let beside_ours: &[&str] = if name == "import" { &["python3-openpyxl"] } else { &[] };
    toolset::debian(place, &[toolset::BUILD, beside_ours])?;
    println!("[2/3] building and measuring {name} …  编译并测量");
    let load_before = load();
    let mut build = cargo(place.root());
    // Some measurements run the programs as they are.
    build.args(["build", "--release", "--package", "desk", "--package", "county", "--package", "tests", "--bins"]);
    if matches!(name, "sync" | "wire" | "dictionary") {
        build.args(["--features", "tests/measure"]);
    }
    must(&mut build, "building the measurement")?;
    let mut run = command(place.target().join("release/bench"), place.root());
    let mut figures = figures(&must_answer(run.arg(name), "the measurement")?)?;
    if name == "sync" {
        println!("      automerge, loro and yrs on the same day …  同一天的数据，其他三个库");
        let mut others = cargo(&place.root().join("bench/peers"));
        let fields = figures.get("fields").map_or_else(|| "3".to_owned(), Value::to_string);
        let words = must_answer(others.args(["run", "--release", "--", &fields]), "the other libraries")?;
        compare(&mut figures, &self::figures(&words)?);
    }
    println!("[3/3] keeping the figures …  保存结果");
    beside(&mut figures, place, load_before);

    let folder = place.root().join("target/bench");
    std::fs::create_dir_all(&folder).map_err(Halt::disk(&folder))?;
    let file = folder.join(format!("{name}.json"));
    let text = serde_json::to_string_pretty(&figures)
        .map_err(|source| Halt::Json { what: "the figures".to_owned(), source })?;
    std::fs::write(&file, format!("{text}\n")).map_err(Halt::disk(&file))?;
    println!("{text}\ntarget/bench/{name}.json is written  已保存");
    Ok(())
}

/// The one flat object that the measurement printed: numbers, and words only under `_` names.
fn figures(words: &str) -> Result<Map<String, Value>, Halt> {
    let figures: Map<String, Value> = serde_json::from_str(words)
        .map_err(|source| Halt::Json { what: "what the measurement printed".to_owned(), source })?;
    for (name, value) in &figures {
        let fits = value.is_number() || (name.starts_with('_') && value.is_string());
        if !fits {
            return Err(Halt::say(format!("the figure {name} of the measurement is not a number"), "测量结果不是数字"));
        }
    }
    if !figures.values().any(Value::is_number) {
        return Err(Halt::say("the measurement printed no figure", "没有测量结果"));
    }
    Ok(figures)
}

/// Puts the other libraries' speeds beside the product's, and how many times faster it is than each.
fn compare(figures: &mut Map<String, Value>, others: &Map<String, Value>) {
    let ours = figures.get("merge_edits_per_cpu_s").and_then(Value::as_f64);
    for name in ["automerge", "loro", "yrs"] {
        let speed = format!("{name}_edits_per_cpu_s");
        let Some(theirs) = others.get(&speed).and_then(Value::as_f64).filter(|speed| *speed > 0.0) else { continue };
        if let Some(ours) = ours {
            figures.insert(format!("ratio_{name}"), ((ours / theirs * 100.0).round() / 100.0).into());
        }
        figures.insert(speed, theirs.into());
    }
}

/// Puts commit and machine beside the figures.
fn beside(figures: &mut Map<String, Value>, place: &Place, load_before: Option<f64>) {
    let git = |arguments: &[&str]| answer(command("git", place.root()).args(arguments));
    let mut put = |name: &str, value: Option<Value>| {
        figures.insert(name.to_owned(), value.unwrap_or_else(|| "unknown".into()));
    };
    put("_commit", git(&["rev-parse", "HEAD"]).map(|words| words.trim().into()));
    put("_uncommitted_files", git(&["status", "--porcelain"]).map(|words| words.lines().count().into()));
    put("_load_1m_before", load_before.map(Value::from));
    put("_load_1m_after", load().map(Value::from));
    put("_cores", std::thread::available_parallelism().ok().map(|cores| cores.get().into()));
    put(
        "_processor",
        std::fs::read_to_string(Path::new("/proc/cpuinfo")).ok().and_then(|words| processor(&words).map(Value::from)),
    );
}

/// Runnable processes over the last minute.
fn load() -> Option<f64> {
    let words = std::fs::read_to_string(Path::new("/proc/loadavg")).ok()?;
    words.split_whitespace().next()?.parse().ok()
}

/// The first `model name` of the kernel's list.
fn processor(words: &str) -> Option<&str> {
    words
        .lines()
        .find(|line| line.starts_with("model name"))
        .and_then(|line| line.split_once(':'))
        .map(|(_, name)| name.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_flat_numbers() {
        assert_eq!(figures(r#"{"cpu_s": 0.12, "rows": 9405, "_input": "roster"}"#).unwrap().len(), 3);
        for bad in [r#"{"cpu_s": "fast"}"#, r#"{"cpu": {"s": 1}}"#, r#"{"_input": "roster"}"#, "{}", "[1]", "done"] {
            assert!(figures(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn others_stand_beside_as_ratios() {
        let mut ours = figures(r#"{"merge_edits_per_cpu_s": 90000}"#).unwrap();
        compare(&mut ours, &figures(r#"{"yrs_edits_per_cpu_s": 60000, "loro_peak_mb": 3}"#).unwrap());
        assert_eq!(
            (ours.get("ratio_yrs"), ours.get("yrs_edits_per_cpu_s")),
            (Some(&1.5.into()), Some(&60000.0.into()))
        );
        assert_eq!(ours.get("ratio_loro"), None);
    }

    #[test]
    fn the_machine_stands_beside() {
        let mut figures = figures(r#"{"cpu_s": 1}"#).unwrap();
        beside(&mut figures, &Place::find().unwrap(), Some(0.5));
        assert_eq!(figures.get("_load_1m_before"), Some(&Value::from(0.5)));
        for name in ["_commit", "_load_1m_after", "_cores", "_processor"] {
            assert!(figures.contains_key(name), "{name}");
        }
        assert_eq!(processor("vendor_id : x\nmodel name\t: Fast One\n"), Some("Fast One"));
    }
}

//! What a due list costs on its way in: reading it in the child, checking every row, the commit with all views, and the seal. Each
//! measurement is a process of its own, so that its memory is its own. It judges nothing; what is too slow, a person says.

use std::path::Path;
use std::process::Command;

use serde_json::{Map, Value, json};

use crate::folder::Folder;
use crate::list::{List, places_in};
use crate::program::{assets, run};
use crate::world::World;

const MORNING: &str = "2026-12-08T09:00:00+08:00";
/// Measured so often; the median counts.
const TIMES: usize = 3;

/// CPU seconds of this process and of all children that have ended.
fn cpu() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").expect("Linux");
    let after = stat.rsplit_once(')').expect("a name").1;
    let ticks = after.split_whitespace().skip(11).take(4).map(|n| n.parse::<f64>().expect("ticks"));
    ticks.sum::<f64>() / 100.0
}

/// The most memory this process held since it was last reset, in MB.
fn peak() -> f64 {
    let text = std::fs::read_to_string("/proc/self/status").expect("Linux");
    let line = text.lines().find(|line| line.starts_with("VmHWM:")).expect("VmHWM");
    let kilobytes: f64 = line.split_whitespace().nth(1).and_then(|n| n.parse().ok()).expect("kB");
    kilobytes / 1024.0
}

/// Imports one list in a county of its own and tells what it cost. The answer to `import-once`.
///
/// # Panics
/// When the list is refused.
pub fn once(list: &Path) -> Value {
    let world = World::at(MORNING);
    let op = world.join("op1", "CENTRE_OPERATOR");
    world.furnish(&op);
    // The derivation of the key took its memory before.
    std::fs::write("/proc/self/clear_refs", "5").expect("Linux");
    let begun = cpu();
    let report = op.ask("ImportDueList", json!({ "file": { "path": list } }));
    let proposed = cpu();
    let memory = peak();
    world.agree(&op, &report["proposal"]);
    std::fs::write("/proc/self/clear_refs", "5").expect("Linux");
    let loading = cpu();
    let loaded = op.ask("LoadImport", json!({ "proposal": report["proposal"] }));
    assert_eq!(loaded["list"]["written"], true, "{loaded}");
    let imported = cpu();
    let memory = memory.max(peak());
    let stick = Folder::fresh();
    op.ask("BundleOut", json!({ "folder": stick.path() }));
    let sealed = cpu();
    json!({
        "contracts": report["figures"]["contracts"], "propose_s": proposed - begun, "import_s": imported - loading, "seal_s": sealed - imported, "peak_mb": memory,
    })
}

fn number(value: &Value) -> f64 {
    value.as_f64().expect("a number")
}

fn measured(list: &Path) -> (Value, f64, f64, f64) {
    let own = std::env::current_exe().expect("this program");
    let mut told: Vec<Value> = (0..TIMES)
        .map(|_| {
            let spoken = run(Command::new(&own).arg("import-once").arg(list), "");
            assert_eq!(spoken.code, Some(0), "{}", spoken.err);
            spoken.json()
        })
        .collect();
    let sum = |one: &Value| number(&one["import_s"]) + number(&one["seal_s"]);
    told.sort_by(|a, b| sum(a).total_cmp(&sum(b)));
    let middle = &told[TIMES / 2];
    (middle["contracts"].clone(), number(&middle["import_s"]), number(&middle["seal_s"]), number(&middle["peak_mb"]))
}

/// CPU seconds that another reader of workbooks takes for the same file, cells alone. It comes as a package of the system's, and only
/// the system's Python knows it.
fn openpyxl(list: &Path) -> f64 {
    const SCRIPT: &str = "import sys, time, openpyxl\nbegun = time.process_time()\nbook = openpyxl.load_workbook(sys.argv[1], read_only=True)\nn = sum(1 for row in book.worksheets[0].iter_rows(values_only=True))\nprint(time.process_time() - begun)";
    let mut times: Vec<f64> = (0..TIMES)
        .map(|_| {
            let spoken = run(Command::new("/usr/bin/python3").args(["-c", SCRIPT]).arg(list), "");
            assert_eq!(spoken.code, Some(0), "{}", spoken.err);
            String::from_utf8(spoken.out).expect("a number").trim().parse().expect("seconds")
        })
        .collect();
    times.sort_by(f64::total_cmp);
    times[TIMES / 2]
}

/// The season's list and one ten times as long.
///
/// # Panics
/// When a list is refused.
pub fn measure() -> Map<String, Value> {
    let folder = Folder::fresh();
    let townships: Vec<String> = places_in("410423").into_iter().map(|(code, _)| code).collect();
    let villages: Vec<String> = townships.iter().flat_map(|code| places_in(code)).map(|(code, _)| code).collect();
    // Families have as many contracts as in the season's list, two or three: 100,000 in all.
    let mut large = List::of(&villages, 41_667_usize.div_ceil(villages.len()));
    large.families.truncate(41_667);
    for family in large.families.iter_mut().take(100_000 - 2 * 41_667) {
        family.contracts.push((77_016, 12_105));
    }
    let large_list = folder.path().join("large.xlsx");
    std::fs::write(&large_list, large.workbook()).expect("a list");
    drop(large);
    let season = assets().join("demo/roster-2026-12-05.xlsx");
    let (contracts, import, seal, peak) = measured(&season);
    let theirs = openpyxl(&season);
    let (large_contracts, large_import, large_seal, large_peak) = measured(&large_list);
    let rounded = |value: f64| json!((value * 1_000.0).round() / 1_000.0);
    let figures = [
        ("contracts", contracts),
        ("import_cpu_s", rounded(import)),
        ("seal_and_bundle_cpu_s", rounded(seal)),
        ("cpu_s", rounded(import + seal)),
        ("peak_mb", rounded(peak)),
        ("openpyxl_reading_cpu_s", rounded(theirs)),
        ("ratio_openpyxl_reading", rounded((import + seal) / theirs)),
        ("large_contracts", large_contracts),
        ("large_cpu_s", rounded(large_import + large_seal)),
        ("large_peak_mb", rounded(large_peak)),
        ("large_over_season", rounded((large_import + large_seal) / (import + seal))),
    ];
    figures.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

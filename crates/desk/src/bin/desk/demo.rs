//! The demo: a practice county on loopback with invented people in real places, a county desk that imported the list,
//! a clerk and a school director who worked a little. Everything is done through the same calls as in the field.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use desk::Reader;
use desk::api::Answer;
use desk::door::{Door, DoorOptions};
use domain::clock::Millis;
use serde_json::{Value, json};

/// When the demo plays: three days after the list, twelve before the due date.
pub(crate) const MOMENT: &str = "2026-12-08T09:00:00+08:00";
/// The passphrase of every demo home. It protects invented people only.
pub(crate) const PASSPHRASE: &str = "demo-home-2026";
/// The township whose three largest villages the director works.
const TOWNSHIP: &str = "410423105";

/// What the demo is made of.
pub(crate) struct Plan {
    pub(crate) home: PathBuf,
    pub(crate) county: PathBuf,
    pub(crate) assets: PathBuf,
    pub(crate) port: u16,
    pub(crate) clock: String,
}

/// The county's process; ended when the demo is made.
struct Serving(Child);

impl Drop for Serving {
    fn drop(&mut self) {
        // It may have ended by itself; then there is nothing to end.
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

fn say(step: u32, zh: &str, en: &str) {
    eprintln!("  [{step}/7] {zh} / {en}");
}

/// Makes the demo in its folder. Sentences of what went wrong are for the person at the terminal.
pub(crate) fn make(plan: &Plan) -> Result<(), String> {
    let county_home = plan.home.join("county");
    if plan.home.join("ready").is_file() {
        eprintln!("  {} is ready.", plan.home.display());
        return Ok(());
    }
    if plan.home.exists() {
        // A half-made demo holds nothing of worth; a home that is no demo is never touched.
        if !plan.home.join("demo").is_file() {
            return Err(format!("{} exists and is no demo: choose another folder", plan.home.display()));
        }
        std::fs::remove_dir_all(&plan.home).map_err(|error| format!("{}: {error}", plan.home.display()))?;
    }
    std::fs::create_dir_all(&plan.home).map_err(|error| format!("{}: {error}", plan.home.display()))?;
    std::fs::write(plan.home.join("demo"), "invented people only\n").map_err(|error| error.to_string())?;

    say(1, "建立演练县", "making the practice county");
    let address = format!("https://127.0.0.1:{}", plan.port);
    county(plan, &["init", "--home", &text(&county_home), "--name", "鲁山县", "--practice"])?;
    let _serving = serve(plan, &county_home)?;
    let invite = |account: &str, name: &str, role: &str, area: Option<&str>| -> Result<String, String> {
        let home = text(&county_home);
        let mut words = vec!["invite", "--home", &home, "--account", account, "--name", name, "--role", role];
        words.extend(["--address", &address, "--clock", &plan.clock]);
        if let Some(area) = area {
            words.extend(["--area", area]);
        }
        let told = county(plan, &words)?;
        told.get("invitation")
            .and_then(Value::as_str)
            .map(str::to_owned)
            .ok_or_else(|| format!("no invitation in {told}"))
    };

    say(2, "县资助中心的电脑加入", "the county desk joins");
    let desk = join(plan, "county-desk", &invite("op1", "李文静", "CENTRE_OPERATOR", None)?)?;
    let head = join(plan, "head-desk", &invite("head", "赵国强", "CENTRE_HEAD", None)?)?;

    say(3, "载入乡镇、村和登记表", "loading places and registries");
    let file = |name: &str| json!({ "path": text(&plan.assets.join(name)) });
    ask(
        &desk,
        "ImportPlaces",
        json!({
            "places": file("places/lushan-410423.csv"), "old_names": file("places/lushan-410423-old-names.csv")
        }),
    )?;
    ask(
        &desk,
        "SaveProfile",
        json!({
            "organ_name": "鲁山县学生资助管理中心", "organ_short": "县资助中心", "organ_code": "鲁资助", "credit_code": "",
            "hotline": "0375-1234567", "complaint_line": "0375-7654321", "address": "鲁山县教体局服务大厅",
            "bank_name": "国家开发银行", "settlement_bank": "代理结算银行", "county_name": "鲁山县"
        }),
    )?;
    for (sheet, name) in [
        ("SCHOOL_CENTRES", "demo/school-centres.xlsx"),
        ("DIRECTORS", "demo/directors.xlsx"),
        ("LIAISONS", "demo/liaisons.xlsx"),
        ("AGENCY_POINTS", "demo/agency-points.xlsx"),
    ] {
        ask(&desk, "ImportRegistry", json!({ "sheet": sheet, "file": file(name) }))?;
    }

    say(4, "导入银行的应还款名单", "importing the bank's due list");
    let report = ask(&desk, "ImportDueList", json!({ "file": file("demo/roster-2026-12-05.xlsx") }))?;
    // Nothing is loaded without the head's word.
    let proposal = report.get("proposal").cloned().unwrap_or_default();
    for door in [&desk, &head] {
        ask(door, "Sync", json!({}))?;
    }
    ask(&head, "DecideImport", json!({ "proposal": proposal, "accept": true }))?;
    for door in [&head, &desk] {
        ask(door, "Sync", json!({}))?;
    }
    ask(&desk, "LoadImport", json!({ "proposal": proposal }))?;
    let figure = |name: &str| report.pointer(&format!("/figures/{name}")).cloned().unwrap_or_default();
    eprintln!("        {} 户 households, {} 份合同 contracts", figure("borrowers"), figure("contracts"));

    say(5, "学校主任和乡镇经办加入，领到三个村", "a school director and a clerk join, with three villages");
    let director_code = invite("zhou", "周启明", "SCHOOL_DIRECTOR", None)?;
    let clerk_code = invite("lin", "林秀", "TOWNSHIP_CLERK", None)?;
    let director = join(plan, "director", &director_code)?;
    let clerk = join(plan, "clerk", &clerk_code)?;
    ask(&desk, "Sync", json!({}))?;
    let villages = largest_villages(&desk)?;
    for person in ["zhou", "lin"] {
        ask(&desk, "AssignVillages", json!({ "villages": villages, "person": person }))?;
    }
    ask(&desk, "Sync", json!({}))?;

    say(6, "过一个上午：走访、文书、新住址", "a morning's work: visits, letters, new addresses");
    ask(&director, "Sync", json!({}))?;
    ask(&clerk, "Sync", json!({}))?;
    morning(&director, &clerk, villages.first())?;

    say(7, "同步", "syncing");
    for door in [&director, &clerk, &desk, &head, &director] {
        ask(door, "Sync", json!({}))?;
    }
    ask(&head, "IssueBulletin", json!({}))?;
    ask(&head, "Sync", json!({}))?;
    ask(&director, "Sync", json!({}))?;
    std::fs::write(plan.home.join("ready"), &plan.clock).map_err(|error| error.to_string())
}

/// The three villages of the demo's township with most families.
fn largest_villages(desk: &Door) -> Result<Vec<Value>, String> {
    let view = ask(desk, "Assignments", json!({ "township": TOWNSHIP }))?;
    let mut rows: Vec<(u64, Value)> = view
        .get("rows")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(|row| Some((row.get("households")?.as_u64()?, row.get("village")?.clone())))
        .filter(|(_, code)| code.as_str().is_some_and(|code| code.len() == 12))
        .collect();
    rows.sort_by_key(|(households, code)| (std::cmp::Reverse(*households), code.to_string()));
    let villages: Vec<Value> = rows.into_iter().take(3).map(|(_, code)| code).collect();
    if villages.len() == 3 {
        Ok(villages)
    } else {
        Err(format!("township {TOWNSHIP} has too few villages with families"))
    }
}

/// A few visits and papers, so that every page has something to show.
fn morning(director: &Door, clerk: &Door, village: Option<&Value>) -> Result<(), String> {
    let village = village.ok_or("no village")?;
    ask(director, "PrintLetters", json!({ "which": { "village": village } }))?;
    let households = ask(director, "Households", json!({ "place": village }))?;
    let files: Vec<Value> = households
        .get("rows")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(|row| row.get("file").cloned())
        .collect();
    let visit = |result: &str, arrived: &str, more: Value| {
        let mut form = json!({ "on": "2026-12-08", "arrived": arrived, "purpose": "SERVE", "result": result });
        if let (Some(form), Some(more)) = (form.as_object_mut(), more.as_object()) {
            form.extend(more.clone());
        }
        form
    };
    let record = |file: Option<&Value>, form: Value| match file {
        Some(file) => ask(director, "RecordVisit", json!({ "household": file, "visit": form })).map(drop),
        None => Ok(()),
    };
    let first = files.first().ok_or("no family")?;
    let letters = ask(director, "Letters", json!({ "household": first }))?;
    let numbers: Vec<Value> = letters
        .get("rows")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter(|row| row.get("kind").and_then(Value::as_str) == Some("REPAYMENT_NOTICE"))
        .filter_map(|row| row.get("doc_no").cloned())
        .collect();
    record(Some(first), visit("MET_CO_BORROWER", "08:20:00", json!({ "met_relation": "父", "letters": numbers })))?;
    record(files.get(1), visit("NOT_MET", "08:40:00", json!({ "next_step": "傍晚再去", "next_on": "2026-12-09" })))?;
    record(files.get(2), visit("MOVED", "08:50:00", json!({ "note": "邻居说搬到县城三年了" })))?;
    if let Some(third) = files.get(2) {
        ask(
            director,
            "EditField",
            json!({ "household": third, "field": "ADDRESS_FOUND", "text": "县城老城大街，具体门牌不详" }),
        )?;
        ask(
            clerk,
            "EditField",
            json!({ "household": third, "field": "ADDRESS_FOUND", "text": "县城花园路，跟儿子住" }),
        )?;
        ask(
            clerk,
            "AddContact",
            json!({
                "household": third, "number": "15800002222(姨)", "source": "VILLAGE", "note": "村干部给的"
            }),
        )?;
    }
    Ok(())
}

fn text(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}

/// Runs the county program and reads its one line of JSON.
fn county(plan: &Plan, words: &[&str]) -> Result<Value, String> {
    let done = Command::new(&plan.county)
        .args(words)
        .output()
        .map_err(|error| format!("{} does not start: {error}", plan.county.display()))?;
    if !done.status.success() {
        return Err(String::from_utf8_lossy(&done.stderr).trim().to_owned());
    }
    serde_json::from_slice(&done.stdout).map_err(|error| format!("the county's answer: {error}"))
}

fn serve(plan: &Plan, home: &Path) -> Result<Serving, String> {
    let mut child = Command::new(&plan.county)
        .args(["serve", "--home", &text(home), "--listen", &format!("127.0.0.1:{}", plan.port), "--clock", &plan.clock])
        .stdout(Stdio::piped())
        .spawn()
        .map_err(|error| format!("{} does not start: {error}", plan.county.display()))?;
    let stdout = child.stdout.take().ok_or("the county has no output")?;
    let serving = Serving(child);
    let mut line = String::new();
    BufReader::new(stdout).read_line(&mut line).map_err(|error| error.to_string())?;
    if line.contains("listening") {
        Ok(serving)
    } else {
        Err(format!("the county does not listen on port {}: is another demo running?", plan.port))
    }
}

fn join(plan: &Plan, folder: &str, invitation: &str) -> Result<Door, String> {
    let clock = chrono::DateTime::parse_from_rfc3339(&plan.clock).map_err(|error| error.to_string())?;
    let door = Door::new(DoorOptions {
        home: plan.home.join(folder),
        clock: Some(Millis(clock.timestamp_millis())),
        practice: true,
        reader: Reader::own(),
        keyring: None,
    });
    ask(&door, "Join", json!({ "invitation": invitation, "passphrase": PASSPHRASE }))?;
    ask(&door, "Sync", json!({}))?;
    Ok(door)
}

/// One call; a refusal becomes its sentence.
fn ask(door: &Door, name: &str, with: Value) -> Result<Value, String> {
    match door.call(name, with) {
        Answer::Ok { reply, .. } => reply.body().map_err(|error| error.to_string()),
        Answer::Fail(failure) => Err(format!("{name}: {} ({:?})", failure.zh, failure.field)),
    }
}

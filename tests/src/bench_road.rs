//! The road between desk and county measured with the full due list: the first contact of a laptop on a thin line, and how
//! long a save waits while a big contact runs. It judges nothing; what is too slow, a person says.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use county::Clock;
use serde_json::{Value, json};

use crate::Folder;
use crate::line::{Carried, Line, Weather};
use crate::list::List;
use crate::program::assets;
use crate::seat::{Seat, items, text};
use crate::world::{World, moment};

const MORNING: &str = "2026-12-08T09:00:00+08:00";

/// 256 kbit/s, 100 ms there and back, nothing lost: the line of a township office.
const THIN: Weather = Weather {
    rate: 32_000,
    round: Duration::from_millis(100),
    loss: 0,
    up: Duration::from_secs(86_400),
    gap: Duration::from_secs(1),
};

/// Figures by name.
pub type Figures = Vec<(String, Value)>;

/// A county with the full list, all of it sent by its operator's desk.
fn furnished(world: &World) -> Seat {
    let op = world.join("op1", "CENTRE_OPERATOR");
    world.furnish(&op);
    world.import(&op, "ImportDueList", json!({ "file": { "path": assets().join("demo/roster-2026-12-05.xlsx") } }));
    op.sync();
    op
}

fn thousandths(value: f64) -> Value {
    json!((value * 1_000.0).round() / 1_000.0)
}

/// First contacts at 256 kbit/s: seconds and bytes of a director's desk with three villages and of a desk of the centre; and
/// another desk's of the centre by stick.
///
/// # Panics
/// When one does not come to its end.
pub fn first() -> Figures {
    let mut line = None;
    let world = World::behind(MORNING, Clock::practice(moment(MORNING)), "127.0.0.1", |at| {
        line.insert(Line::to(at, 256)).address()
    });
    let line = line.expect("a line");
    line.weather(None);
    let op = furnished(&world);
    let villages = op.ask("Villages", json!({}));
    let mut rows: Vec<&Value> = items(&villages["villages"]).iter().collect();
    rows.sort_by_key(|row| std::cmp::Reverse(row["households"].as_u64()));
    // Neither the largest nor the smallest three.
    let middle = rows.len() / 4;
    let three: Vec<&str> = rows[middle..middle + 3].iter().map(|row| text(&row["code"])).collect();
    let zhou = world.enrol("zhou", "zhou", "SCHOOL_DIRECTOR");
    // His enrolment is let through before the villages can be his.
    op.sync();
    op.ask("AssignVillages", json!({ "villages": three, "person": "zhou" }));
    op.sync();
    let head = world.enrol("head", "head", "CENTRE_HEAD");
    let mut figures = Figures::new();
    for (name, seat) in [("director", &zhou), ("county", &head)] {
        line.weather(Some(THIN));
        let (before, begun) = (line.carried(), Instant::now());
        let report = seat.sync();
        let took = begun.elapsed();
        let Carried { up, down, flows, .. } = line.carried();
        line.weather(None);
        figures.push((format!("{name}_s"), thousandths(took.as_secs_f64())));
        figures.push((format!("{name}_bytes_up"), json!(up - before.up)));
        figures.push((format!("{name}_bytes_down"), json!(down - before.down)));
        figures.push((format!("{name}_flows"), json!(flows - before.flows)));
        figures.push((format!("{name}_facts"), report["received"].clone()));
        figures.push((format!("{name}_families"), json!(seat.families())));
    }
    // The same list for another desk of the centre, by hand: asked for on a stick, answered by the county, read back.
    let by_hand = world.enrol("head2", "head2", "CENTRE_HEAD");
    let stick = Folder::fresh();
    let mut step = |name: &str, work: &mut dyn FnMut() -> Value| {
        let begun = Instant::now();
        let said = work();
        figures.push((format!("stick_{name}_s"), thousandths(begun.elapsed().as_secs_f64())));
        said
    };
    step("out", &mut || by_hand.ask("BundleOut", json!({ "folder": stick.path() })));
    step("county", &mut || {
        let report = world.county().bundles_in(stick.path(), stick.path()).expect("taken");
        json!(report.answers.len())
    });
    let taken = step("in", &mut || by_hand.ask("BundleIn", json!({ "from": stick.path() })));
    figures.push(("stick_facts".to_owned(), taken["received"].clone()));
    figures.push(("stick_families".to_owned(), json!(by_hand.families())));
    figures
}

/// Visits saved one after the other while `going` says so; how long each took.
fn saves(seat: &Seat, file: &Value, first: u32, going: impl Fn(u32) -> bool) -> Vec<Duration> {
    let mut times = Vec::new();
    while going(u32::try_from(times.len()).expect("a count")) {
        let n = first + u32::try_from(times.len()).expect("a count");
        let form = json!({ "on": format!("2026-12-{:02}", 1 + n / 14_400), "purpose": "SERVE", "result": "NOT_MET",
            "arrived": format!("{:02}:{:02}:{:02}", 8 + n / 3_600 % 4, n / 60 % 60, n % 60), "note": "门锁着" });
        let begun = Instant::now();
        seat.ask("RecordVisit", json!({ "household": file, "visit": form }));
        times.push(begun.elapsed());
    }
    times
}

fn series(figures: &mut Figures, name: &str, times: &mut [Duration]) -> f64 {
    times.sort();
    let ms = |hundredths: usize| times[(times.len() - 1) * hundredths / 100].as_secs_f64() * 1_000.0;
    for (part, hundredths) in [("median", 50), ("p99", 99), ("longest", 100)] {
        figures.push((format!("{name}_{part}_ms"), thousandths(ms(hundredths))));
    }
    figures.push((format!("{name}_count"), json!(times.len())));
    ms(99)
}

/// How long a save takes while 30,000 facts come in, beside the same save when nothing does.
///
/// # Panics
/// When a save or the contact is refused.
pub fn wait() -> Figures {
    let world = World::at(MORNING);
    let op = world.join("op1", "CENTRE_OPERATOR");
    world.furnish(&op);
    let table = std::fs::read_to_string(assets().join("places/lushan-410423.csv")).expect("the place table");
    let villages: Vec<String> = table
        .lines()
        .filter_map(|line| line.split(',').next())
        .filter(|code| code.len() == 12)
        .map(str::to_owned)
        .collect();
    let folder = Folder::fresh();
    let path = folder.join("list.xlsx");
    std::fs::write(&path, List::of(&villages, 14).workbook()).expect("a list");
    world.import(&op, "ImportDueList", json!({ "file": { "path": path } }));
    op.sync();
    let desk = world.enrol("op2", "op2", "CENTRE_OPERATOR");
    let over = AtomicBool::new(false);
    let mut figures = Figures::new();
    let (mut beside, file, took, report) = std::thread::scope(|scope| {
        let syncing = scope.spawn(|| {
            let begun = Instant::now();
            let report = desk.sync();
            let took = begun.elapsed();
            over.store(true, Ordering::Relaxed);
            (took, report)
        });
        // A family must be there before it can be visited.
        let file = loop {
            let rows = desk.ask("Households", json!({ "limit": 1 }));
            match items(&rows["rows"]).first() {
                Some(row) => break row["file"].clone(),
                None => assert!(!over.load(Ordering::Relaxed), "all came and there is no family"),
            }
        };
        let times = saves(&desk, &file, 0, |_| !over.load(Ordering::Relaxed));
        let (took, report) = syncing.join().expect("a contact");
        (times, file, took, report)
    });
    let mut bare = saves(&desk, &file, 7_200, |n| n < 400);
    figures.push(("facts".to_owned(), report["received"].clone()));
    figures.push(("contact_s".to_owned(), thousandths(took.as_secs_f64())));
    let with = series(&mut figures, "save_beside", &mut beside);
    let without = series(&mut figures, "save_bare", &mut bare);
    figures.push(("save_p99_ratio".to_owned(), thousandths(with / without)));
    figures
}

//! Measurements of the whole road with the full due list: `bench NAME` prints one flat JSON object of figures and
//! nothing else on standard output. It builds its own world in a temporary folder, through the doors that people use,
//! and judges nothing: what is too slow, a person says.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::disallowed_methods,
    reason = "a measurement: it reads the clock, prints its figures, and one that cannot be made stops"
)]

use std::fs::File;
use std::io::Write as _;
#[cfg(feature = "measure")]
use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use serde_json::{Map, Value, json};
use tests::{List, PASSPHRASE, Seat, World, assets, items, places_in, text};

const MORNING: &str = "2026-12-08T09:00:00+08:00";
const NAMES: [&str; 13] = [
    "open",
    "import",
    "search",
    "save",
    "print",
    "absorb",
    "line",
    "first",
    "wait",
    "crowd",
    "sync",
    "wire",
    "dictionary",
];

/// Figures by name.
struct Figures(Map<String, Value>);

impl Figures {
    fn put(&mut self, name: &str, value: f64) {
        // Three digits behind the point are below what the clock can tell.
        self.0.insert(name.to_owned(), json!((value * 1_000.0).round() / 1_000.0));
    }

    fn count(&mut self, name: &str, value: &Value) {
        self.0.insert(name.to_owned(), value.clone());
    }

    /// Median, 95th percentile and longest of a series, in milliseconds. Returns the median.
    fn series(&mut self, name: &str, mut times: Vec<Duration>) -> f64 {
        times.sort();
        let at = |hundredths: usize| ms(times[(times.len() - 1) * hundredths / 100]);
        self.put(&format!("{name}_median_ms"), at(50));
        self.put(&format!("{name}_p95_ms"), at(95));
        self.put(&format!("{name}_longest_ms"), at(100));
        at(50)
    }
}

fn ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1_000.0
}

fn timed<T>(work: impl FnOnce() -> T) -> (T, Duration) {
    let begun = Instant::now();
    let done = work();
    (done, begun.elapsed())
}

/// A county with the full list at its operator's desk, all of it sent.
fn county(figures: &mut Figures) -> (World, Seat) {
    let world = World::at(MORNING);
    let op = world.join("op1", "CENTRE_OPERATOR");
    world.furnish(&op);
    let list = json!({ "file": { "path": assets().join("demo/roster-2026-12-05.xlsx") } });
    let (report, import) = timed(|| world.import(&op, "ImportDueList", list));
    figures.count("households", &report["figures"]["borrowers"]);
    figures.count("contracts", &report["figures"]["contracts"]);
    figures.put("import_ms", ms(import));
    let (report, sync) = timed(|| op.sync());
    figures.count("first_send_facts", &report["sent"]);
    figures.put("first_send_ms", ms(sync));
    (world, op)
}

fn open(figures: &mut Figures) {
    let (_world, op) = county(figures);
    let mut opening = Vec::new();
    let mut day = Vec::new();
    for _ in 0..9 {
        op.ask("Lock", json!({}));
        opening.push(timed(|| op.ask("Unlock", json!({ "passphrase": PASSPHRASE }))).1);
        day.push(timed(|| op.ask("Today", json!({}))).1);
    }
    figures.series("open", opening);
    figures.series("first_today", day);
    let file = items(&op.ask("Households", json!({ "limit": 1 }))["rows"])[0]["file"].clone();
    let pages = |name: &str, with: Value| (0..20).map(|_| timed(|| op.ask(name, with.clone())).1).collect::<Vec<_>>();
    figures.series("status", pages("Status", json!({})));
    figures.series("villages", pages("Villages", json!({})));
    figures.series("households_page", pages("Households", json!({ "limit": 200 })));
    figures.series("household", pages("Household", json!({ "household": file })));
    figures.series("bulletin", pages("Bulletin", json!({})));
    open_large(figures);
}

/// A home of 35,000 households. A wrong passphrase costs the derivation of the key and nothing else.
fn open_large(figures: &mut Figures) {
    let townships: Vec<String> = places_in("410423").into_iter().map(|(code, _)| code).collect();
    let villages: Vec<String> = townships.iter().flat_map(|code| places_in(code)).map(|(code, _)| code).collect();
    let mut list = List::of(&villages, 35_000_usize.div_ceil(villages.len()));
    for family in &mut list.families {
        family.contracts.truncate(1);
    }
    let world = World::at(MORNING);
    let op = world.operator_unsynced(&list);
    figures.count("large_households", &json!(op.families()));
    let (mut wrong, mut right) = (Vec::new(), Vec::new());
    for _ in 0..9 {
        op.ask("Lock", json!({}));
        wrong.push(timed(|| op.refused("Unlock", json!({ "passphrase": format!("{PASSPHRASE}？") }))).1);
        right.push(timed(|| op.ask("Unlock", json!({ "passphrase": PASSPHRASE }))).1);
    }
    let derivation = figures.series("large_wrong_passphrase", wrong);
    let opening = figures.series("large_open", right);
    figures.put("large_derivation_share", derivation / opening);
}

fn search(figures: &mut Figures) {
    let (_world, op) = county(figures);
    let asked = [
        ("name", "王"),
        ("full_name", "张鹏"),
        ("pinyin", "zhangpeng"),
        ("initials", "zp"),
        ("village", "友谊社区"),
        ("township", "尧山镇"),
        ("phone", "15800005459"),
        ("phone_tail", "5459"),
        ("id_tail", "1890"),
        ("id", "410490200010171890"),
        ("nobody", "欧阳不在册"),
    ];
    let mut all = Vec::new();
    for (name, words) in asked {
        let mut times = Vec::new();
        for _ in 0..15 {
            let (view, time) = timed(|| op.ask("Search", json!({ "text": words })));
            figures.count(&format!("{name}_hits"), &view["total"]);
            times.push(time);
        }
        all.extend(times.iter().copied());
        figures.series(name, times);
    }
    let median = figures.series("search", all);
    figures.put("searches_per_s", 1_000.0 / median);
    search_large(figures);
}

/// A list of a hundred thousand borrowers: what a search costs in the store's own process, and what it costs right after something
/// of the families changed.
fn search_large(figures: &mut Figures) {
    let townships: Vec<String> = places_in("410423").into_iter().map(|(code, _)| code).collect();
    let villages: Vec<String> = townships.iter().flat_map(|code| places_in(code)).map(|(code, _)| code).collect();
    let names = borrowers();
    let world = World::at(MORNING);
    let op = world.join("op1", "CENTRE_OPERATOR");
    world.furnish(&op);
    let mut list = List::of(&villages, 100_000_usize.div_ceil(villages.len()));
    list.families.truncate(100_000);
    for (family, name) in list.families.iter_mut().zip(names) {
        family.contracts.truncate(1);
        family.borrower = name;
    }
    let (report, _) =
        timed(|| world.import(&op, "ImportDueList", json!({ "file": tests::bytes("list.xlsx", &list.workbook()) })));
    figures.count("large_borrowers", &report["figures"]["borrowers"]);
    figures.put("large_first_ms", ms(timed(|| op.ask("Search", json!({ "text": "" }))).1));
    let asked = [
        "王",
        "张",
        "w",
        "z",
        "li",
        "zhang",
        "wangxf",
        "王x",
        "shan",
        "xie",
        "zha",
        "qiu",
        "欧阳",
        "oy",
        "禾",
        "晓",
        "秋",
        "zhangxiaofeng",
        "友谊社区",
        "尧山镇",
        "13900010",
        "0459",
        "890",
        "1890",
        "9组21号",
        "不在册",
        "王?",
        "zxf",
        "lwm",
        "买买提",
    ];
    let (mut all, mut after) = (Vec::new(), Vec::new());
    for round in 0..10 {
        for text in asked {
            let (view, time) = timed(|| op.ask("Search", json!({ "text": text, "limit": 8 })));
            if round == 0 {
                figures.count(&format!("large_hits_{}", all.len()), &view["total"]);
            }
            all.push(time);
        }
        let file = items(&op.ask("Search", json!({ "text": "王", "limit": 8 }))["hits"])[0]["file"].clone();
        let number = format!("1385927{round:04}");
        op.ask("AddContact", json!({ "household": file, "number": number, "source": "VILLAGE" }));
        after.push(timed(|| op.ask("Search", json!({ "text": number, "limit": 8 }))).1);
    }
    all.sort();
    figures.put("large_p99_ms", ms(all[(all.len() - 1) * 99 / 100]));
    figures.series("large_search", all);
    figures.series("large_after_a_change", after);
}

/// Names as they are given: common and rare surnames, surnames of several readings, one to three characters behind them.
fn borrowers() -> impl Iterator<Item = String> {
    const SURNAMES: [&str; 40] = [
        "王",
        "李",
        "张",
        "刘",
        "陈",
        "杨",
        "赵",
        "黄",
        "周",
        "吴",
        "徐",
        "孙",
        "胡",
        "朱",
        "高",
        "林",
        "何",
        "郭",
        "马",
        "罗",
        "梁",
        "宋",
        "郑",
        "谢",
        "韩",
        "唐",
        "冯",
        "于",
        "董",
        "萧",
        "单",
        "解",
        "查",
        "仇",
        "曾",
        "翟",
        "欧阳",
        "尉迟",
        "阿依古丽·",
        "吕",
    ];
    const GIVEN: [&str; 30] = [
        "秋",
        "禾",
        "晓",
        "峰",
        "春",
        "生",
        "玉",
        "兰",
        "志",
        "远",
        "小",
        "满",
        "守",
        "田",
        "建",
        "国",
        "文",
        "明",
        "海",
        "燕",
        "丽",
        "娜",
        "强",
        "军",
        "平",
        "买买提",
        "朝",
        "重",
        "行",
        "乐",
    ];
    let mut chance = tests::Chance::of(100_000);
    std::iter::repeat_with(move || {
        // The first ten surnames are half of all.
        let surname = if chance.percent(50) { SURNAMES[chance.below(10)] } else { SURNAMES[chance.below(40)] };
        let given: String = (0..=chance.below(2)).map(|_| GIVEN[chance.below(30)]).collect();
        format!("{surname}{given}")
    })
}

fn save(figures: &mut Figures) {
    let (_world, op) = county(figures);
    let rows = op.ask("Households", json!({ "limit": 300 }));
    let files: Vec<Value> = items(&rows["rows"]).iter().map(|row| row["file"].clone()).collect();
    // Beside every save, on the same disk: what two forced writes of a page cost bare.
    let mut bare = File::create(op.home().join("bare")).expect("a file beside the database");
    let page = [0x5a_u8; 4096];
    let mut two = || {
        timed(|| {
            for _ in 0..2 {
                bare.write_all(&page).expect("written");
                bare.sync_data().expect("on the disk");
            }
        })
        .1
    };
    let (mut visits, mut phones, mut twice) = (Vec::new(), Vec::new(), Vec::new());
    for (n, file) in (0_u32..).zip(&files) {
        let form = json!({ "on": "2026-12-07", "arrived": format!("{:02}:{:02}:00", 8 + n / 60, n % 60), "purpose": "SERVE",
            "result": "MET_FAMILY", "met_relation": "祖母", "note": "信在桌上，等孙女周末回来办" });
        visits.push(timed(|| op.ask("RecordVisit", json!({ "household": file, "visit": form }))).1);
        twice.push(two());
        let with = json!({ "household": file, "number": format!("137{:08}", 10_000 + n), "relation": "姨", "source": "VILLAGE" });
        phones.push(timed(|| op.ask("AddContact", with)).1);
        twice.push(two());
    }
    let visit = figures.series("visit", visits);
    let phone = figures.series("phone", phones);
    let two = figures.series("two_fdatasync", twice);
    figures.put("visits_per_s", 1_000.0 / visit);
    figures.put("visit_over_two_fdatasync", visit / two);
    figures.put("phone_over_two_fdatasync", phone / two);
}

fn print(figures: &mut Figures) {
    let (_world, op) = county(figures);
    let villages = op.ask("Villages", json!({}));
    let largest = items(&villages["villages"]).iter().max_by_key(|row| row["households"].as_u64()).expect("a village");
    let rows = op.ask("Households", json!({ "limit": 400 }));
    let others: Vec<&Value> = items(&rows["rows"])
        .iter()
        .filter(|row| row["place"] != largest["code"])
        .map(|row| &row["file"])
        .take(20)
        .collect();
    let one = |file: &Value| json!({ "which": { "households": [file] } });
    let drafts = others.iter().map(|file| timed(|| op.ask("DraftLetters", one(file))).1).collect();
    figures.series("draft_pair", drafts);
    let mut pairs = Vec::new();
    let mut numbers = Vec::new();
    for file in &others {
        let (run, time) = timed(|| op.ask("PrintLetters", one(file)));
        numbers.push(run["letters"][0]["doc_no"].clone());
        figures.count("pair_bytes", &run["pdf"]["bytes"]);
        pairs.push(time);
    }
    figures.series("print_pair", pairs);
    let reads = numbers.iter().map(|number| timed(|| op.ask("ReadLetter", json!({ "doc_no": number }))).1).collect();
    figures.series("read_letter", reads);
    let (run, time) = timed(|| op.ask("PrintLetters", json!({ "which": { "village": largest["code"] } })));
    let pages = run["pages"].as_f64().expect("a number");
    figures.count("village_pages", &run["pages"]);
    figures.count("village_bytes", &run["pdf"]["bytes"]);
    figures.put("village_ms", ms(time));
    figures.put("village_pages_per_s", pages / time.as_secs_f64());
}

fn absorb(figures: &mut Figures) {
    let (world, _op) = county(figures);
    let head = world.enrol("head", "head", "CENTRE_HEAD");
    let (report, time) = timed(|| head.sync());
    let received = report["received"].as_f64().expect("a number");
    figures.count("received_facts", &report["received"]);
    figures.count("received_bytes", &report["bytes_in"]);
    figures.put("absorb_ms", ms(time));
    figures.put("absorb_facts_per_s", received / time.as_secs_f64());
    assert_eq!(head.ask("Season", json!({}))["figures"]["total_due"], 649_028_686, "all of it arrived");
    let again = (0..9).map(|_| timed(|| head.sync()).1).collect();
    figures.series("empty_sync", again);
    let (facts, time) = timed(|| head.check());
    figures.0.insert("checked_facts".to_owned(), json!(facts));
    figures.put("check_and_rebuild_ms", ms(time));
    let about = head.ask("About", json!({}));
    figures.0.insert("_desk".to_owned(), json!(text(&about["role"])));
}

fn main() -> ExitCode {
    let name = std::env::args().nth(1).unwrap_or_default();
    let mut figures = Figures(Map::new());
    let begun = Instant::now();
    match name.as_str() {
        "open" => open(&mut figures),
        "search" => search(&mut figures),
        "save" => save(&mut figures),
        "print" => print(&mut figures),
        "absorb" => absorb(&mut figures),
        "import" => figures.0.extend(tests::bench_import::measure()),
        "line" => figures.0.extend(tests::bench_line::measure()),
        "first" => figures.0.extend(tests::bench_road::first()),
        "wait" => figures.0.extend(tests::bench_road::wait()),
        "crowd" => figures.0.extend(tests::crowd::bench_crowd()),
        #[cfg(feature = "measure")]
        "sync" => tests::bench_sync::run(&mut figures.0),
        #[cfg(feature = "measure")]
        "wire" => tests::bench_sync::wire(&mut figures.0),
        #[cfg(feature = "measure")]
        "dictionary" => tests::dictionary::train(&mut figures.0),
        "import-once" => {
            let list = std::env::args().nth(2).expect("a list");
            println!("{}", tests::bench_import::once(std::path::Path::new(&list)));
            return ExitCode::SUCCESS;
        }
        #[cfg(feature = "measure")]
        "sync-merge" => {
            let words: Vec<String> = std::env::args().skip(2).collect();
            let [store, pages, kind] = words.as_slice() else { panic!("sync-merge STORE PAGES sealed|plain") };
            println!("{}", tests::bench_sync::merge(Path::new(store), Path::new(pages), kind == "plain"));
            return ExitCode::SUCCESS;
        }
        other => {
            eprintln!("there is no bench {other:?}; there are: {}", NAMES.join(", "));
            return ExitCode::from(2);
        }
    }
    figures.put("whole_run_s", begun.elapsed().as_secs_f64());
    println!("{}", Value::Object(figures.0));
    ExitCode::SUCCESS
}

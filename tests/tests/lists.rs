//! Lists of the bank's that were cut, turned, counted up or are not what they say: each gets an answer, none a crash or a wait, and
//! none is half imported.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::string_slice,
    clippy::disallowed_methods,
    reason = "a test that cannot go on stops, and says how long the slowest took"
)]

use std::io::{Cursor, Read as _, Write as _};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tests::{Chance, List, Seat, World, bytes, fixtures, items, places_in};
use zip::write::SimpleFileOptions;

const NOON: &str = "2026-12-08T12:00:00+08:00";
const FILES: usize = 500;
/// The longest that a small list may keep a person.
const PATIENCE: Duration = Duration::from_secs(10);

/// The list's rows as text, comma by comma.
fn text_of(list: &List) -> String {
    let mut out = "借款学生姓名,身份证号,乡镇,村,家庭住址,联系电话,毕业年份,合同编号,剩余本金,执行利率,本期应还本金,本期应还利息,本期应还合计,还款日,数据日期\n".to_owned();
    let places: std::collections::BTreeMap<String, String> =
        places_in("410423").into_iter().chain(places_in("410423105")).collect();
    let name = |code: &str| places.get(code).cloned().unwrap_or_default();
    let yuan = |fen: i64| format!("\"{},{:03}.{:02}\"", fen / 100_000, fen / 100 % 1_000, fen % 100);
    let plain = |fen: i64| format!("{}.{:02}", fen / 100, fen % 100);
    let mut row = 0_u64;
    for family in &list.families {
        for (principal, interest) in &family.contracts {
            row += 1;
            let total = principal + interest;
            let total = if total >= 100_000 { yuan(total) } else { plain(total) };
            out.push_str(&format!(
                "{},{},{},{},{},{},2024,410420{:09},6568.94,2.80%,{},{},{total},{},{}\n",
                family.borrower,
                family.id,
                name(&family.village[..9]),
                name(&family.village),
                family.address,
                family.phone,
                220_000_000 + row,
                plain(*principal),
                plain(*interest),
                list.due_on,
                list.as_of
            ));
        }
    }
    out
}

fn page_of(text: &str) -> String {
    let row = |line: &str| {
        let cells = line.replace(['"'], "").split(',').map(|cell| format!("<td>{cell}</td>")).collect::<String>();
        format!("<tr>{cells}</tr>")
    };
    format!("<html><meta charset=utf-8><table>{}</table></html>", text.lines().map(row).collect::<String>())
}

/// The same workbook with one of its parts changed.
fn rezipped(workbook: &[u8], change: impl Fn(&str, Vec<u8>) -> Vec<u8>) -> Vec<u8> {
    let mut archive = zip::ZipArchive::new(Cursor::new(workbook)).expect("a workbook");
    let mut out = zip::ZipWriter::new(Cursor::new(Vec::new()));
    let options = SimpleFileOptions::default().compression_method(zip::CompressionMethod::Deflated);
    for at in 0..archive.len() {
        let mut part = archive.by_index(at).expect("a part");
        let mut body = Vec::new();
        part.read_to_end(&mut body).expect("its bytes");
        let name = part.name().expect("a name").into_owned();
        out.start_file(&name, options).expect("a part");
        out.write_all(&change(&name, body)).expect("its bytes");
    }
    out.finish().expect("a workbook").into_inner()
}

/// Some bytes of it are others.
fn turned(mut bytes: Vec<u8>, chance: &mut Chance, most: usize) -> Vec<u8> {
    for _ in 0..=chance.below(most) {
        let (at, bit) = (chance.below(bytes.len()), chance.below(8));
        bytes[at] ^= 1 << bit;
    }
    bytes
}

fn cut(mut bytes: Vec<u8>, chance: &mut Chance) -> Vec<u8> {
    bytes.truncate(chance.below(bytes.len()));
    bytes
}

/// Numbers in the sheet's own words become huge.
fn counted_up(text: &str, chance: &mut Chance) -> String {
    const HUGE: [&str; 6] = ["4294967295", "18446744073709551615", "-1", "99999999999999999999", "1048577", "0"];
    let marks = ["r=\"", "s=\"", "<v>", "count=\"", "ref=\"A1:", "spans=\"", "uniqueCount=\""];
    let mark = marks[chance.below(marks.len())];
    let places: Vec<usize> = text.match_indices(mark).map(|(at, _)| at + mark.len()).collect();
    if places.is_empty() {
        return text.to_owned();
    }
    let at = places[chance.below(places.len())];
    let end = text[at..].find(['"', '<']).map_or(text.len(), |end| at + end);
    format!("{}{}{}", &text[..at], HUGE[chance.below(HUGE.len())], &text[end..])
}

fn encoded(text: &str, chance: &mut Chance) -> Vec<u8> {
    match chance.below(4) {
        0 => text.as_bytes().to_vec(),
        1 => encoding_rs::GB18030.encode(text).0.into_owned(),
        2 => [0xff, 0xfe].into_iter().chain(text.encode_utf16().flat_map(u16::to_le_bytes)).collect(),
        _ => [0xef, 0xbb, 0xbf].into_iter().chain(text.bytes()).collect(),
    }
}

/// One spoilt list, and how it is said to be written.
fn spoilt(whole: &[u8], text: &str, old: &[u8], chance: &mut Chance) -> (Vec<u8>, Option<&'static str>) {
    let claims = [None, Some("UTF8"), Some("GB18030"), Some("UTF16_LE"), Some("UTF16_BE")];
    let file = match chance.below(10) {
        0 => cut(whole.to_vec(), chance),
        1 => turned(whole.to_vec(), chance, 30),
        2 => rezipped(whole, |name, body| {
            if name.ends_with("sheet1.xml") {
                let mut chance = Chance::of(u64::try_from(body.len()).expect("small"));
                counted_up(&String::from_utf8_lossy(&body), &mut chance).into_bytes()
            } else {
                body
            }
        }),
        3 => {
            let seed = chance.draw();
            rezipped(
                whole,
                |name, body| {
                    if name.ends_with("sheet1.xml") { turned(body, &mut Chance::of(seed), 60) } else { body }
                },
            )
        }
        4 => {
            let seed = chance.draw();
            rezipped(whole, |_, body| counted_up(&String::from_utf8_lossy(&body), &mut Chance::of(seed)).into_bytes())
        }
        5 => cut(encoded(text, chance), chance),
        6 => turned(encoded(text, chance), chance, 40),
        7 => encoded(&page_of(text), chance),
        8 => {
            let file = turned(page_of(text).into_bytes(), chance, 40);
            if chance.percent(50) { cut(file, chance) } else { file }
        }
        _ => {
            let file = turned(old.to_vec(), chance, 60);
            if chance.percent(50) { cut(file, chance) } else { file }
        }
    };
    let claim = if chance.percent(50) { None } else { claims[chance.below(claims.len())] };
    (file, claim)
}

/// What stands, for comparison.
fn state(op: &Seat) -> Value {
    let rows = op.ask("Households", json!({ "limit": 500 }));
    json!({ "season": op.ask("Season", json!({})), "rows": rows["rows"], "waits": op.ask("Status", json!({}))["only_here"] })
}

#[test]
fn spoilt_lists_get_an_answer_and_none_is_half_imported() {
    let mut chance = Chance::of(20_261_205);
    let world = World::at(NOON);
    let villages: Vec<String> = places_in("410423105").into_iter().take(2).map(|(code, _)| code).collect();
    let list = List::of(&villages, 5);
    let op = world.operator_unsynced(&list);
    let (whole, text) = (list.workbook(), text_of(&list));
    let old = std::fs::read(fixtures().join("roster-old.xls")).expect("the old list");
    let trial = op.ask("ImportDueList", json!({ "file": bytes("好.csv", text.as_bytes()), "dry_run": true }));
    assert_eq!((items(&trial["rejected"]).len(), &trial["figures"]["contracts"]), (0, &json!(20)), "{trial}");
    let (mut taken, mut refused, mut slowest) = (0, 0, Duration::ZERO);
    for n in 0..FILES {
        let (file, encoding) = spoilt(&whole, &text, &old, &mut chance);
        let before = state(&op);
        let begun = Instant::now();
        let feed = chance.percent(20);
        let mut with = json!({ "file": bytes(&format!("{n}.xlsx"), &file), "encoding": encoding });
        if feed {
            with["whole"] = json!(false);
        } else {
            with["as_of"] = json!("2026-12-05");
        }
        let answer = op.call(if feed { "ImportFeed" } else { "ImportDueList" }, with);
        let took = begun.elapsed();
        let answer = answer.map(|report| {
            let proposal = &report["proposal"];
            if proposal.is_null() {
                return report;
            }
            let mut proposed = state(&op);
            proposed["waits"] = before["waits"].clone();
            assert!(proposed == before, "file {n} was only proposed");
            world.agree(&op, proposal);
            let loaded = op.ask("LoadImport", json!({ "proposal": proposal }));
            if feed { loaded["feed"].clone() } else { loaded["list"].clone() }
        });
        slowest = slowest.max(took);
        assert!(took < PATIENCE, "file {n} took {took:?}");
        match answer {
            Ok(report) => {
                taken += 1;
                if !feed && report["written"] == true {
                    // All of it: the figures that it told are those that stand.
                    let season = op.ask("Season", json!({}));
                    assert_eq!(season["figures"], report["figures"], "file {n}");
                }
            }
            Err(failure) => {
                refused += 1;
                assert!(!failure.zh.is_empty() && failure.incident.is_none(), "file {n}: {failure:?}");
                assert!(state(&op) == before, "file {n} was refused and changed something: {failure:?}");
            }
        }
    }
    op.check();
    println!(
        "{FILES} spoilt lists: {refused} refused, {taken} taken as far as they could be read, slowest {slowest:?}"
    );
    assert!(refused > FILES / 4 && taken > 20);
}

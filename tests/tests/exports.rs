//! Lists that leave the bureau: what is on them and what is not, under whose word, and that every character of a name is the same
//! on its way in, through search, and out again. And SC2 of domain.md: a name that the bank could not write.
#![allow(clippy::expect_used, clippy::indexing_slicing, reason = "a test that cannot go on stops")]

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use foreign::{Cell, Reader};
use serde_json::{Value, json};
use tests::{List, Seat, World, bytes, failure_code, items, places_in, program, run, text};

const NOON: &str = "2026-12-08T12:00:00+08:00";

fn villages(count: usize) -> Vec<String> {
    places_in("410423105").into_iter().take(count).map(|(code, _)| code).collect()
}

/// A head's desk whose word on every kind of list has reached the operator's.
fn approved(world: &World, op: &Seat) -> Seat {
    let head = world.join("head", "CENTRE_HEAD");
    for what in ["DUE_LIST", "CALLS", "TEXTS_ANNUAL", "TEXTS_INTEREST"] {
        head.ask("ApproveExport", json!({ "what": what, "reason": "年度提醒" }));
    }
    head.sync();
    op.sync();
    head
}

fn export(op: &Seat, what: &str, format: &str, folder: &Path) -> Value {
    std::fs::create_dir_all(folder).expect("a folder");
    op.ask("Export", json!({ "what": what, "format": format, "folder": folder }))
}

/// The rows of a list that was written as UTF-8.
fn rows(done: &Value) -> Vec<String> {
    let file = std::fs::read(text(&done["file"])).expect("the list");
    assert_eq!(file[..3], [0xef, 0xbb, 0xbf]);
    String::from_utf8(file[3..].to_vec()).expect("UTF-8").lines().map(str::to_owned).collect()
}

fn names(op: &Seat) -> BTreeSet<String> {
    let mut out = BTreeSet::new();
    for page in 0.. {
        let view = op.ask("Households", json!({ "limit": 500, "offset": page * 500 }));
        let rows = items(&view["rows"]);
        out.extend(rows.iter().map(|row| text(&row["borrower"]).to_owned()));
        if rows.len() < 500 {
            break;
        }
    }
    out
}

/// The 87,887 ideographs of GB 18030-2022, and the syllables of Yi.
fn characters() -> Vec<char> {
    let blocks = [
        ('\u{3007}', '\u{3007}'),
        ('\u{3400}', '\u{4dbf}'),
        ('\u{4e00}', '\u{9fff}'),
        ('\u{a000}', '\u{a48c}'),
        ('\u{f92c}', '\u{f92c}'),
        ('\u{f979}', '\u{f979}'),
        ('\u{f995}', '\u{f995}'),
        ('\u{f9e7}', '\u{f9e7}'),
        ('\u{f9f1}', '\u{f9f1}'),
        ('\u{fa0c}', '\u{fa29}'),
        ('\u{20000}', '\u{2a6df}'),
        ('\u{2a700}', '\u{2b739}'),
        ('\u{2b740}', '\u{2b81d}'),
        ('\u{2b820}', '\u{2cea1}'),
        ('\u{2ceb0}', '\u{2ebe0}'),
        ('\u{30000}', '\u{3134a}'),
    ];
    blocks.into_iter().flat_map(|(first, last)| first..=last).collect()
}

#[test]
fn every_character_of_the_standard_goes_in_is_found_and_comes_out_unchanged() {
    let all = characters();
    assert!(all.len() > 87_887);
    let parts: Vec<String> = all.chunks(45).map(|part| part.iter().collect()).collect();
    let codes = villages(10);
    let mut list = List::of(&codes, parts.len().div_ceil(codes.len()));
    list.families.truncate(parts.len());
    for (family, name) in list.families.iter_mut().zip(&parts) {
        family.contracts.truncate(1);
        family.borrower.clone_from(name);
    }
    let world = World::at(NOON);
    let op = world.operator(&list);
    let wanted: BTreeSet<String> = parts.iter().cloned().collect();
    assert!(names(&op) == wanted, "the store has other names");
    for name in parts.iter().step_by(7) {
        // Three characters from within, so that other names do not have them.
        let some: String = name.chars().skip(name.chars().count() / 2).take(3).collect();
        let found = op.ask("Search", json!({ "text": some }));
        assert_eq!((&found["total"], &found["hits"][0]["borrower"]), (&json!(1), &json!(name)), "{some}");
    }
    approved(&world, &op);
    let folder = world.folder().join("out");
    let gbk = op.refused("Export", json!({ "what": "DUE_LIST", "format": "CSV_GBK", "folder": world.folder() }));
    assert_eq!(failure_code(&gbk), "NOT_IN_ENCODING");
    for format in ["XLSX", "CSV_GB18030", "CSV_UTF8"] {
        let done = export(&op, "DUE_LIST", format, &folder);
        assert_eq!(done["rows"], json!(parts.len()));
        let file = std::fs::read(text(&done["file"])).expect("the list");
        // Read back as any list is.
        let mut book = Reader::of(program("desk")).workbook(&file, None).expect("a list");
        assert!(book.next_sheet().expect("a sheet"));
        let mut there = BTreeSet::new();
        while let Some(row) = book.next_row().expect("a row") {
            let cell = |at: u32| match row.cells.get(&at) {
                Some(Cell::Text(words)) => words.clone(),
                _ => String::new(),
            };
            if row.number > 1 {
                there.insert(cell(0));
                assert!(cell(1).contains("********"), "no ID number leaves in clear: {}", cell(1));
            }
        }
        assert!(there == wanted, "{format} has other names");
    }
}

#[test]
fn only_under_the_heads_word_and_without_those_whom_nobody_may_call() {
    let world = World::at(NOON);
    let codes = villages(1);
    let mut list = List::of(&codes, 8);
    // A name that a spreadsheet would calculate.
    list.families[7].borrower = "=1+1".to_owned();
    let op = world.operator(&list);
    let folder = world.folder().join("out");
    let early = op.refused("Export", json!({ "what": "TEXTS_ANNUAL", "format": "XLSX", "folder": world.folder() }));
    assert_eq!(failure_code(&early), "EXPORT_NOT_APPROVED");
    let own = op.refused("ApproveExport", json!({ "what": "CALLS", "reason": "自己批" }));
    assert_eq!(failure_code(&own), "NOT_ALLOWED");
    let head = approved(&world, &op);

    let family = |at: usize| {
        let hits = op.ask("Search", json!({ "text": list.families[at].phone }))["hits"].clone();
        hits[0]["file"].clone()
    };
    let state = |at: usize, number: &str, state: &str| {
        op.ask(
            "StateContact",
            json!({ "household": family(at), "number": number, "state": state, "on": "2026-12-08" }),
        );
    };
    let (own, of_parent) =
        (|at: usize| list.families[at].phone.clone(), |at: usize| list.families[at].co_phone.clone());
    state(0, &own(0), "CONFIRMED");
    state(1, &own(1), "WRONG_PERSON");
    state(2, &own(2), "DO_NOT_CALL");
    state(2, &of_parent(2), "CONFIRMED");
    op.ask("ReportPayment", json!({ "household": family(3), "channel": "POS", "amount": list.families[3].contracts.iter().map(|(a, b)| a + b).sum::<i64>(),
        "on": "2026-12-08", "reference": "123456789012" }));

    let done = export(&op, "TEXTS_ANNUAL", "CSV_UTF8", &folder);
    let sent = rows(&done);
    assert_eq!(sent[0], "手机号,短信内容,条数");
    let to = |number: &str| sent.iter().find(|row| row.starts_with(number));
    assert!(to(&own(0)).expect("confirmed").contains("您今年有款项将于12月20日到期"));
    assert_eq!(to(&own(1)), None, "not this person's, and nobody confirmed the parent's");
    assert!(to(&of_parent(2)).expect("the parent's").contains("同学与我中心联系"));
    assert_eq!((to(&own(2)), to(&own(3))), (None, None));
    assert!(to(&own(4)).expect("from the list").contains("同学与我中心联系"), "nobody confirmed whose it is");
    for row in &sent[1..] {
        for word in ["逾期", "贷款", "元", "http", "4104"] {
            assert!(!row.contains(word), "{word} in {row}");
        }
    }
    assert_eq!((&done["rows"], &done["segments"]), (&json!(6), &json!(6)));
    let why: BTreeSet<(String, i64)> = items(&done["excluded"])
        .iter()
        .map(|row| (text(&row["why"]).to_owned(), row["households"].as_i64().expect("a number")))
        .collect();
    assert_eq!(why, [("PAID".to_owned(), 1), ("BLOCKED".to_owned(), 1)].into_iter().collect());

    // The same topic once a week; another topic at once.
    let again = op.refused("Export", json!({ "what": "TEXTS_ANNUAL", "format": "XLSX", "folder": folder }));
    assert_eq!(failure_code(&again), "NOTHING_TO_EXPORT");
    // They graduated years ago: their interest does not begin now.
    let untrue = op.refused("Export", json!({ "what": "TEXTS_INTEREST", "format": "XLSX", "folder": folder }));
    assert_eq!(failure_code(&untrue), "NOTHING_TO_EXPORT");

    let calls = rows(&export(&op, "CALLS", "CSV_UTF8", &folder));
    assert!(calls.iter().all(|row| !row.contains(&own(1)) && !row.contains(&own(2))));
    assert!(calls.iter().any(|row| row.contains("'=1+1")), "a formula is text: {calls:?}");

    // All of it is on record, at the head's desk too.
    op.sync();
    head.sync();
    let record = head.ask("Exports", json!({}));
    assert_eq!(items(&record["exported"]).len(), 2);
    assert_eq!(record["exported"][0]["what"], "CALLS");
    op.check();
    head.check();
}

#[test]
fn sc2_a_rare_name_that_the_bank_could_not_write() {
    let codes = villages(1);
    let mut list = List::of(&codes, 3);
    "王?".clone_into(&mut list.families[0].borrower);
    list.families[0].id = "410490199807160114".to_owned();
    let world = World::at(NOON);
    let op = world.operator(&list);
    let zhou = world.join("zhou", "SCHOOL_DIRECTOR");
    op.sync();
    op.ask("AssignVillages", json!({ "villages": codes, "person": "zhou" }));
    op.sync();
    zhou.sync();

    // Last year somebody saw the ID card.
    let before = op.ask("Search", json!({ "text": "王?" }))["hits"][0]["file"].clone();
    op.ask("EditField", json!({ "household": before, "field": "NAME_TRUE", "text": "王\u{2cd02}" }));

    // This year's list has another makeshift; it is the same family by its ID number.
    "王LIN".clone_into(&mut list.families[0].borrower);
    "2026-12-06".clone_into(&mut list.as_of);
    let report = world.import(&op, "ImportDueList", json!({ "file": bytes("list.xlsx", &list.workbook()) }));
    assert_eq!((&report["rejected"], &report["new_households"]), (&json!([]), &json!(0)));
    let warned = items(&report["warnings"]).iter().any(|row| text(&row["reason"]).contains("对照身份证补正"));
    assert!(warned, "{}", report["warnings"]);
    op.sync();
    zhou.sync();
    for typed in ["王f", "wang", "王\u{2cd02}", "wangfei", "王?", "0114", "410490199807160114", "王LIN"] {
        let found = op.ask("Search", json!({ "text": typed }));
        let there = items(&found["hits"]).iter().any(|hit| hit["file"] == before);
        assert!(there, "{typed}");
    }
    let page = op.ask("Household", json!({ "household": before }));
    assert_eq!((&page["borrower"], &page["borrower_as_bank"]), (&json!("王\u{2cd02}"), &json!(null)));

    // The letter has the character itself.
    let run_ = zhou.ask("PrintLetters", json!({ "which": { "households": [before] } }));
    let pdf = world.folder().join("letter.pdf");
    std::fs::write(&pdf, zhou.blob(&run_["pdf"])).expect("a file");
    let told = run(Command::new("pdftotext").args(["-enc", "UTF-8"]).arg(&pdf).arg("-"), "");
    let told: String = String::from_utf8_lossy(&told.out).chars().filter(|c| !c.is_whitespace()).collect();
    assert!(told.contains("王\u{2cd02}"), "{told}");
    assert!(!told.contains("王?") && !told.contains("LIN"));

    // Lists that leave: whole in GB 18030, refused in GBK, and a message calls by the surname.
    approved(&world, &op);
    let folder = world.folder().join("out");
    let done = export(&op, "DUE_LIST", "CSV_GB18030", &folder);
    let file = std::fs::read(text(&done["file"])).expect("the list");
    assert!(file.windows(6).any(|part| part == [0xcd, 0xf5, 0x99, 0x33, 0xd4, 0x38]), "王 and 9933D438");
    let refused = op.refused("Export", json!({ "what": "DUE_LIST", "format": "CSV_GBK", "folder": folder }));
    assert_eq!(failure_code(&refused), "NOT_IN_ENCODING");
    assert!(refused.zh.contains("王\u{2cd02}"), "{}", refused.zh);
    let sent = rows(&export(&op, "TEXTS_ANNUAL", "CSV_UTF8", &folder));
    assert!(sent.iter().any(|row| row.contains("请王同学与我中心联系")), "{sent:?}");
    op.check();
    zhou.check();
}

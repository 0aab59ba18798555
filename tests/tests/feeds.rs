//! The bank's feeds: what they come to is what the county's figures say and what a second reckoning in another language says,
//! in whatever order the files come and however often; and what is told of a family is what its page shows.
#![allow(clippy::expect_used, clippy::indexing_slicing, reason = "a test that cannot go on stops")]

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};
use tests::{Chance, List, Seat, World, assets, bytes, failure_code, field, fixtures, items, places_in, run};

const NOON: &str = "2027-01-05T12:00:00+08:00";
const COMPARED: [&str; 8] = [
    "due",
    "booked",
    "pending",
    "over",
    "contracts_booked",
    "contracts_part",
    "contracts_pending",
    "contracts_reversed",
];

/// A feed on the disk, and whether it names every contract.
#[derive(Clone)]
struct File {
    path: PathBuf,
    whole: bool,
}

fn import(world: &World, op: &Seat, file: &File) -> Value {
    world.import(op, "ImportFeed", json!({ "file": { "path": file.path }, "whole": file.whole }))
}

/// What a second reckoning says of a list and feeds.
fn reference(list: &Path, files: &[File]) -> Value {
    let script = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("reference/feeds.py");
    let mut command = Command::new("python3");
    command.arg(script).arg(list);
    for file in files {
        command.arg(format!("{}{}", if file.whole { "=" } else { "+" }, file.path.display()));
    }
    let told = run(&mut command, "");
    assert_eq!(told.code, Some(0), "{}", told.err);
    serde_json::from_slice(&told.out).expect("figures")
}

/// Compares what a desk says with the second reckoning.
fn agrees(op: &Seat, list: &Path, files: &[File], at: &str) -> Value {
    let ours = op.ask("Repayments", json!({}));
    let theirs = reference(list, files);
    for name in COMPARED {
        assert_eq!(ours[name], theirs[name], "{at}: {name}");
    }
    ours
}

fn list_text(rows: impl Iterator<Item = (String, i64)>) -> String {
    let mut out = "合同编号,本期应还合计\n".to_owned();
    for (number, fen) in rows {
        writeln!(out, "{number},{}.{:02}", fen / 100, fen % 100).expect("text");
    }
    out
}

#[test]
fn the_samples_come_to_the_countys_figures_in_any_order_and_twice() {
    let world = World::at(NOON);
    let op = world.enrol("op1", "op1", "CENTRE_OPERATOR");
    world.furnish(&op);
    let roster = assets().join("demo/roster-2026-12-05.xlsx");
    let feed = |name: &str, whole| File { path: fixtures().join("feeds").join(name), whole };
    let first = feed("repayments-2026-12-08.csv", false);
    let second = feed("repayments-2027-01-04.csv", false);
    let snapshot = feed("status-2027-01-04-full.csv", true);

    let early = op.refused("ImportFeed", json!({ "file": { "path": first.path }, "whole": false }));
    assert_eq!(failure_code(&early), "NO_DUE_LIST");
    world.import(&op, "ImportDueList", json!({ "file": { "path": roster } }));
    let expected = std::fs::read_to_string(fixtures().join("feeds/repayments.expected.csv")).expect("figures");
    let figure = |name: &str| -> i64 {
        let line = expected.lines().find_map(|line| line.strip_prefix(&format!("{name},"))).expect(name);
        line.parse().expect("a number")
    };

    let unsaid = op.refused("ImportFeed", json!({ "file": { "path": first.path } }));
    assert_eq!((failure_code(&unsaid).as_str(), field(&unsaid)), ("BAD_INPUT", "whole"));
    let tried = op.ask("ImportFeed", json!({ "file": { "path": snapshot.path }, "dry_run": true }));
    assert_eq!(
        (&tried["names_all"], &tried["written"], &tried["encoding"]),
        (&json!(true), &json!(false), &json!("GB18030"))
    );

    let told = import(&world, &op, &first);
    assert_eq!((&told["written"], &told["rejected"], &told["unmatched"]), (&json!(true), &json!([]), &json!([])));
    let after = op.ask("Repayments", json!({}));
    assert_eq!(after["due"], figure("due_total"));
    assert_eq!(after["pending"], figure("pending_after_2026-12-08"));
    assert_eq!(after["contracts_pending"], figure("contracts_pending"));
    assert_eq!(after["booked"], 0);

    import(&world, &op, &second);
    import(&world, &op, &snapshot);
    let mut all = op.ask("Repayments", json!({}));
    assert_eq!(all["booked"], figure("booked_after_2027-01-04_capped_at_due"));
    assert_eq!(all["over"], figure("overpaid"));
    assert_eq!(all["contracts_booked"], figure("contracts_fully_booked"));
    assert_eq!(all["contracts_part"], figure("contracts_partly_booked"));
    assert_eq!(all["contracts_reversed"], figure("contracts_reversed"));
    assert_eq!(all["pending"], 0, "all that was pending is booked, or was taken back");
    assert_eq!(all["contracts_overdue"], 6_311);
    assert_eq!(all["as_of"], "2027-01-04");

    // The bulletin counts the same money, and nobody's status was set by arithmetic.
    let county = op.ask("Bulletin", json!({}))["county"].clone();
    assert_eq!(county["amount_paid"], all["booked"]);

    // Each again: nothing is written.
    let waiting = op.ask("Status", json!({}))["only_here"].clone();
    for file in [&snapshot, &first, &second] {
        let again = import(&world, &op, file);
        assert_eq!((&again["written"], &again["already_imported"]), (&json!(false), &json!(true)));
    }
    assert_eq!(op.ask("Status", json!({}))["only_here"], waiting);
    assert_eq!(op.ask("Repayments", json!({})), all);

    // Another operator takes them in the other way round, and twice; then both have told the county.
    op.sync();
    let other = world.join("op2", "CENTRE_OPERATOR");
    assert_eq!(other.ask("Repayments", json!({})), all, "what was synced says the same");
    op.check();
    other.check();
    let world = World::at(NOON);
    let op = world.enrol("op1", "op1", "CENTRE_OPERATOR");
    world.furnish(&op);
    world.import(&op, "ImportDueList", json!({ "file": { "path": roster } }));
    for file in [&snapshot, &second, &first, &second] {
        import(&world, &op, file);
    }
    // Another county names its files otherwise.
    let mut other = op.ask("Repayments", json!({}));
    for row in [&mut other, &mut all].into_iter().flat_map(|view| view["doubts"].as_array_mut().expect("rows")) {
        row["household"] = Value::Null;
    }
    assert_eq!(other, all, "the other way round");
    op.check();
}

/// Random feeds of small villages: what is booked, pending and over after each file is what a clerk's ledger says.
#[test]
fn random_feeds_in_any_order_come_to_what_a_second_reckoning_says() {
    let mut chance = Chance::of(20_270_104);
    let world = World::at(NOON);
    let villages: Vec<String> = places_in("410423105").into_iter().take(2).map(|(code, _)| code).collect();
    let list = List::of(&villages, 6);
    let op = world.operator_unsynced(&list);
    let folder = world.folder().to_owned();
    let amounts =
        list.families.iter().flat_map(|family| &family.contracts).map(|(principal, interest)| principal + interest);
    let contracts: Vec<(String, i64)> =
        (1_u64..).zip(amounts).map(|(row, due)| (format!("410420{:09}", 210_000_000 + row), due)).collect();
    let listed = folder.join("list.csv");
    std::fs::write(&listed, list_text(contracts.iter().cloned())).expect("a list");
    let mut files: Vec<File> = Vec::new();
    for n in 0..25 {
        let whole = chance.percent(20);
        let day = |back: usize| {
            let on = chrono::NaiveDate::from_ymd_opt(2026, 12, 6).expect("a day")
                + chrono::Days::new(u64::try_from(back).expect("small"));
            on.to_string()
        };
        let back = chance.below(12);
        let mut text = "合同编号,状态,入账日期,金额,流水号,批次日期\n".to_owned();
        for (number, due) in &contracts {
            if !whole && chance.percent(60) || whole && chance.percent(15) {
                continue;
            }
            for _ in 0..=chance.below(3) {
                let reference = ["", "000000000001", "000000000002", "000000000003"][chance.below(4)];
                let amount = [*due, due / 2, 5_000, due + 100][chance.below(4)];
                let amount = format!("{}.{:02}", amount / 100, amount % 100);
                let batch = day(back);
                let line = match chance.below(8) {
                    0 | 1 => format!("{number},扣款审批中,,{amount},{reference},{batch}\n"),
                    2..=4 if !reference.is_empty() => format!("{number},已还款,{batch},{amount},{reference},{batch}\n"),
                    5 if !reference.is_empty() => format!("{number},已还款,{batch},-{amount},{reference}R,{batch}\n"),
                    6 => format!("{number},逾期,,0.00,{reference},{batch}\n"),
                    _ => format!("{number},未还款,,,,{batch}\n"),
                };
                // Without a reference two payments of one amount are one: the reckoning beside us knows references alone.
                if !line.contains(",,20") || line.contains("未还款") || line.contains("逾期") {
                    text.push_str(&line);
                }
            }
        }
        let file = File { path: folder.join(format!("{n}.csv")), whole };
        std::fs::write(&file.path, text).expect("a feed");
        let empty = std::fs::read_to_string(&file.path).expect("it").lines().count() < 2;
        if empty {
            continue;
        }
        files.push(file);
        import(&world, &op, files.last().expect("a file"));
        if chance.percent(30) {
            let again = import(&world, &op, chance.one(&files.clone()));
            assert_eq!(again["written"], false);
        }
        let ours = agrees(&op, &listed, &files, &format!("after file {n}"));
        let families = op.ask("Households", json!({ "limit": 500 }));
        for row in items(&families["rows"]) {
            let page = op.ask("Household", json!({ "household": row["file"] }));
            let sum: i64 = items(&page["due"]["contracts"])
                .iter()
                .map(|contract| {
                    contract["booked"].as_i64().expect("fen").clamp(0, contract["total_due"].as_i64().expect("fen"))
                })
                .sum();
            assert_eq!(page["due"]["booked"], sum);
        }
        assert!(ours["due"].as_i64().expect("fen") > 0);
    }
    assert!(files.len() > 20);
    op.check();
}

#[test]
fn what_no_list_has_is_kept_apart_and_found_again_and_a_wrong_total_stops_the_file() {
    let world = World::at("2026-12-13T12:00:00+08:00");
    let villages: Vec<String> = places_in("410423105").into_iter().take(1).map(|(code, _)| code).collect();
    let list = List::of(&villages, 3);
    let op = world.operator(&list);
    let text = "合同编号,姓名,状态,入账日期,金额,流水号,批次日期\n\
                410420210000001,王秋禾,已还款,2026-12-11,100.00,1,2026-12-12\n\
                410420219999999,生人,已还款,2026-12-11,5.00,2,2026-12-12\n\
                410420210000002,别人,已还款,2026-12-11,6.00,3,2026-12-12\n\
                410420210000003,李晓峰,还了点,2026-12-11,6.00,4,2026-12-12\n";
    let feed = |text: &str| json!({ "file": bytes("明细.csv", text.as_bytes()), "whole": false });
    let wrong = op.refused("ImportFeed", feed(&format!("{text}合计,,,,118.00,,\n")));
    assert_eq!(failure_code(&wrong), "TOTALS_DIFFER");
    assert_eq!(op.ask("Status", json!({}))["only_here"], 0);

    let report = world.import(&op, "ImportFeed", feed(&format!("{text}合计,,,,117.00,,\n")));
    assert_eq!((&report["footer_agrees"], &report["lines"]), (&json!(true), &json!(3)));
    let rows = |name: &str| items(&report[name]).iter().map(|row| row["sheet_row"].clone()).collect::<Vec<_>>();
    assert_eq!(
        (rows("unmatched"), rows("warnings"), rows("rejected")),
        (vec![json!(3)], vec![json!(4)], vec![json!(5)])
    );
    let view = op.ask("Repayments", json!({}));
    assert_eq!(view["unmatched"][0]["contract_no"], "410420219999999");
    assert_eq!(view["booked"], 10_600);
    let kinds: Vec<&Value> = items(&view["doubts"]).iter().map(|row| &row["doubt"]).collect();
    assert_eq!(kinds, [&json!("PART"), &json!("PART")]);

    // Once a list has the contract, the money is the family's.
    let mut late = list.clone();
    let mut family = late.families[0].clone();
    "后来补上".clone_into(&mut family.borrower);
    family.id = tests::id_number("20010203", 77);
    family.contracts.truncate(1);
    late.families = vec![family];
    let book = late.workbook_from(19_999_998);
    world.import(&op, "ImportDueList", json!({ "file": bytes("补充.xlsx", &book), "supplement": true }));
    let found = op.ask("Repayments", json!({}));
    assert_eq!((items(&found["unmatched"]).len(), &found["booked"]), (0, &json!(11_100)));

    // A laptop of a village sees its families' accounts, and no line of a stranger's contract.
    op.sync();
    let zhou = world.join("zhou", "SCHOOL_DIRECTOR");
    op.sync();
    op.ask("AssignVillages", json!({ "villages": villages, "person": "zhou" }));
    op.sync();
    zhou.sync();
    let rows = zhou.ask("Households", json!({}))["rows"].clone();
    let family = items(&rows).iter().find(|row| row["borrower"] == "王秋禾").expect("the first of the list").clone();
    assert_eq!(family["status"], "PARTIALLY_PAID");
    let page = zhou.ask("Household", json!({ "household": family["file"] }));
    assert!(page["due"]["booked"].as_i64().expect("fen") > 0);
    assert_eq!(failure_code(&zhou.refused("Repayments", json!({}))), "NOT_ALLOWED");
    // A letter would print an amount that the bank no longer asks for.
    let files: Vec<Value> =
        items(&zhou.ask("Households", json!({}))["rows"]).iter().map(|row| row["file"].clone()).collect();
    let letters = zhou.ask("PrintLetters", json!({ "which": { "households": files } }));
    let skipped: Vec<&Value> = items(&letters["skipped"]).iter().map(|row| &row["why"]["code"]).collect();
    assert_eq!(skipped, [&json!("BANK_MOVED"), &json!("BANK_MOVED")], "two families were paid in part");
    zhou.check();
    op.check();
}

//! What the county says of a season and of the years: the close from booked money alone, sealed; the years' figures; the tables of
//! rules and what is reckoned by them; files that may be one person's; a payment's acknowledgement, and cash, which is refused.
#![allow(clippy::expect_used, clippy::indexing_slicing, clippy::panic, reason = "a test that cannot go on stops")]

use std::fmt::Write as _;
use std::process::Command;

use serde_json::{Value, json};
use tests::{List, NOON, Seat, World, bytes, failure_code, field, items, places_in, run, text};

const JANUARY: &str = "2027-01-05T10:00:00+08:00";

fn villages(township: &str, count: usize) -> Vec<String> {
    places_in(township).into_iter().take(count).map(|(code, _)| code).collect()
}

fn fen(value: &Value) -> i64 {
    value.as_i64().expect("a number")
}

fn csv(name: &str, text: &str) -> Value {
    bytes(name, text.as_bytes())
}

/// A feed in which the first `paid` contracts of a list are booked in full, and the others are what `others` says.
fn feed(list: &List, paid: usize, others: &str, reference: u32) -> String {
    let mut out = "合同编号,状态,入账日期,金额,流水号,批次日期\n".to_owned();
    let amounts = list.families.iter().flat_map(|family| &family.contracts);
    for (at, (principal, interest)) in amounts.enumerate() {
        let number = 210_000_001 + at;
        let fen = principal + interest;
        if at < paid {
            let yuan = format!("{}.{:02}", fen / 100, fen % 100);
            let reference = u64::from(reference) * 1_000 + u64::try_from(at).expect("small");
            writeln!(out, "410420{number:09},已还款,2026-12-20,{yuan},{reference},2027-01-04").expect("text");
        } else if !others.is_empty() {
            writeln!(out, "410420{number:09},{others},,,,2027-01-04").expect("text");
        }
    }
    out
}

#[test]
fn a_season_is_closed_from_booked_money_alone_and_sealed() {
    let list = List::of(&[villages("410423105", 1), villages("410423104", 1)].concat(), 3);
    let early = World::at(NOON);
    let op = early.operator(&list);
    op.sync();
    let head = early.join("head", "CENTRE_HEAD");
    assert_eq!(failure_code(&head.refused("CloseSeason", json!({}))), "SEASON_NOT_OVER");

    let world = World::at(JANUARY);
    let op = world.operator(&list);
    let head = world.join("head", "CENTRE_HEAD");
    assert_eq!(failure_code(&op.refused("CloseSeason", json!({}))), "NOT_ALLOWED");
    assert_eq!(failure_code(&head.refused("CloseSeason", json!({}))), "NO_FEED_AFTER_DUE");
    let with = |text: String| json!({ "file": csv("一月明细.csv", &text), "whole": true });
    world.import(&op, "ImportFeed", with(feed(&list, 7, "逾期", 1)));
    op.sync();
    head.sync();
    let tried = head.ask("CloseSeason", json!({ "dry_run": true }));
    assert_eq!((&tried["written"], &head.ask("SeasonCloses", json!({}))["closes"]), (&json!(false), &json!([])));
    let close = head.ask("CloseSeason", json!({}));
    let county = &close["county"];
    assert_eq!(
        [&county["households"], &county["households_paid"], &county["contracts"], &county["contracts_paid"]],
        [&json!(6), &json!(3), &json!(12), &json!(7)]
    );
    let sum = |contracts: usize| -> i64 {
        let all = list.families.iter().flat_map(|family| &family.contracts);
        all.take(contracts).map(|(principal, interest)| principal + interest).sum()
    };
    assert_eq!((&county["due"], &county["booked"]), (&json!(sum(12)), &json!(sum(7))));
    assert_eq!((&county["contracts_overdue"], &close["clear"], &close["issue"]), (&json!(5), &json!(false), &json!(1)));
    let parts: i64 = items(&close["townships"]).iter().map(|row| fen(&row["booked"])).sum();
    assert_eq!((items(&close["townships"]).len(), json!(parts)), (2, county["booked"].clone()));
    assert_eq!(failure_code(&head.refused("CloseSeason", json!({}))), "CLOSED_ALREADY");

    // An import that waits is no part of a close; what the bank books later is another issue, and the first stays.
    let proposed = op.ask("ImportFeed", with(feed(&list, 12, "", 2)));
    op.sync();
    head.sync();
    assert_eq!(failure_code(&head.refused("CloseSeason", json!({}))), "IMPORTS_WAIT");
    head.ask("DecideImport", json!({ "proposal": proposed["proposal"], "accept": true }));
    head.sync();
    op.sync();
    op.ask("LoadImport", json!({ "proposal": proposed["proposal"] }));
    op.sync();
    head.sync();
    let again = head.ask("CloseSeason", json!({}));
    assert_eq!((&again["issue"], &again["clear"]), (&json!(2), &json!(true)), "{again}");
    let view = head.ask("SeasonCloses", json!({}));
    assert_eq!((&view["streak"], items(&view["closes"]).len()), (&json!(1), 2));
    assert_eq!(view["closes"][1]["seal"], close["seal"]);
    assert!(items(&view["closes"]).iter().all(|close| close["seal_holds"] == true));
    head.sync();
    op.sync();
    assert_eq!(op.ask("SeasonCloses", json!({}))["closes"], view["closes"], "the same at every desk of the centre");
    op.check();
    head.check();
}

#[test]
fn the_years_are_told_in_persons_and_person_times_and_few_leave_the_bureau_unnamed() {
    // Of one township three families, of the others more.
    let mut list =
        List::of(&[villages("410423105", 1), villages("410423104", 1), villages("410423103", 1)].concat(), 6);
    list.families.drain(0..3);
    let world = World::at(JANUARY);
    let op = world.operator(&list);
    let head = world.join("head", "CENTRE_HEAD");
    world.import(&op, "ImportFeed", json!({ "file": csv("明细.csv", &feed(&list, 9, "未还款", 1)), "whole": true }));
    let table = "历年国家助学贷款情况,,,,\n年度,发放金额（万元）,发放人次,借款人数,回收金额（元）,回收人次\n\
                 2013年,1520.5,2100,1900,1200000.00,330\n2014,1600,2200,2000,2000000,600\n";
    let wrong = format!("{table}2014,1,3,4,1,1\n2031,1,1,1,1,1\n2012,1,5,9,1,1\n");
    let refused = op.ask("ImportHistory", json!({ "file": csv("历年.csv", &wrong) }));
    let rows: Vec<&Value> = items(&refused["rejected"]).iter().map(|row| &row["sheet_row"]).collect();
    assert_eq!((&refused["written"], rows), (&json!(false), vec![&json!(5), &json!(6), &json!(7)]));
    assert_eq!(op.ask("Statistics", json!({}))["years"].as_array().map(Vec::len), Some(1), "whole or not at all");
    let loaded = op.ask("ImportHistory", json!({ "file": csv("历年.csv", table) }));
    assert_eq!((&loaded["written"], &loaded["years"]), (&json!(true), &json!(2)));
    assert_eq!(op.ask("ImportHistory", json!({ "file": csv("历年.csv", table) }))["already_imported"], true);

    let view = op.ask("Statistics", json!({}));
    assert_eq!((&view["lent"], &view["loans"]), (&json!(3_120_500_000_i64), &json!(4_300)));
    assert_eq!(view["mean_loan"], 3_120_500_000_i64 / 4_300);
    let current = items(&view["years"]).iter().find(|year| year["current"] == true).expect("the season");
    assert_eq!((&current["year"], &current["recoveries"]), (&json!(2026), &json!(9)));
    assert_eq!(view["recoveries"], 330 + 600 + 9);
    assert_eq!(items(&view["townships"]).iter().map(|row| fen(&row["households"])).sum::<i64>(), 15);

    // What leaves: under the head's word, and nothing about one to four persons, nor what tells of them.
    let folder = world.folder().join("out");
    std::fs::create_dir_all(&folder).expect("a folder");
    let asked = json!({ "what": "STATISTICS", "format": "CSV_UTF8", "folder": folder });
    assert_eq!(failure_code(&op.refused("Export", asked.clone())), "EXPORT_NOT_APPROVED");
    head.ask("ApproveExport", json!({ "what": "STATISTICS", "reason": "向领导小组汇报" }));
    head.sync();
    op.sync();
    let done = op.ask("Export", asked);
    let file = std::fs::read_to_string(text(&done["file"])).expect("the table");
    let few: Vec<&str> = file.lines().filter(|line| line.contains("少于5人")).collect();
    assert_eq!(few.len(), 2, "{file}");
    assert!(few.iter().all(|line| !line.contains(".")), "no amount beside it: {few:?}");
    assert!(file.contains("15205000.00") && file.contains("2100"), "{file}");
    op.check();
}

#[test]
fn rules_are_tables_with_a_source_and_estimates_follow_them() {
    let world = World::at(NOON);
    let codes = villages("410423105", 1);
    let op = world.operator(&List::of(&codes, 2));
    let zhou = world.join("zhou", "SCHOOL_DIRECTOR");
    op.sync();
    op.ask("AssignVillages", json!({ "villages": codes, "person": "zhou" }));
    op.sync();
    zhou.sync();
    let family = op.files(&codes[0])[0].clone();
    let view = op.ask("Rules", json!({}));
    assert_eq!(items(&view["tables"]).len(), 6);
    assert!(items(&view["tables"]).iter().all(|table| table["name"].is_null() && !items(&table["rows"]).is_empty()));
    let estimate = op.ask("Estimate", json!({ "household": family, "prepay": 50_000 }));
    assert!(text(&estimate["label"]).contains("试算"), "{estimate}");
    let first = &estimate["contracts"][0];
    assert_eq!((&first["expected_rate_ppm"], &first["penalty"]), (&json!(28_000), &json!(0)));
    assert_eq!(
        (&estimate["prepayment"]["apply_by"], &estimate["prepayment"]["deducted_on"]),
        (&json!("2026-12-15"), &json!("2026-12-20"))
    );
    assert!(first["interest"].as_i64().is_some_and(|fen| fen > 0), "{first}");
    let odd = op.refused("Estimate", json!({ "household": family, "prepay": 50_001 }));
    assert_eq!((failure_code(&odd).as_str(), field(&odd)), ("BAD_INPUT", "prepay"));

    let header = "year,graduates_through,interest,principal_deferrable,notice,source\n";
    let table = |row: &str| json!({ "table": "WAIVERS", "file": csv("免息.csv", &format!("{header}{row}")) });
    let wrong = op.refused("ImportRules", table("2025,2025,yes,yes,一号,甲\n2026,也许,yes,yes,二号,乙\n"));
    assert_eq!(failure_code(&wrong), "RULES_UNREADABLE");
    assert!(wrong.zh.contains("第3行"), "{}", wrong.zh);
    assert_eq!(failure_code(&zhou.refused("ImportRules", table("2026,2026,yes,no,二号,乙\n"))), "NOT_ALLOWED");
    let loaded = op.ask("ImportRules", table("2026,2026,yes,no,二号,乙\n"));
    assert_eq!((&loaded["written"], &loaded["rows"]), (&json!(true), &json!(1)));
    assert_eq!(op.ask("ImportRules", table("2026,2026,yes,no,二号,乙\n"))["already_in_use"], true);
    op.sync();
    zhou.sync();
    let waived = zhou.ask("Estimate", json!({ "household": family }));
    assert_eq!(waived["contracts"][0]["interest"], 0, "the rule reached the laptop: {waived}");
    let shown = zhou.ask("Rules", json!({}));
    let own = items(&shown["tables"]).iter().find(|table| table["table"] == "WAIVERS").expect("the table").clone();
    assert_eq!((&own["name"], items(&own["rows"]).len()), (&json!("免息.csv"), 1));
    // The letter prints what the bank says all the same.
    let page = op.household(&family);
    assert!(page["due"]["contracts"][0]["interest_due"].as_i64().expect("fen") > 0);
    op.check();
    zhou.check();
}

/// Which pairs are shown, and what was said of them.
fn pairs(seat: &Seat) -> Vec<(String, Value)> {
    let view = seat.ask("SamePairs", json!({}));
    items(&view["pairs"]).iter().map(|pair| (text(&pair["why"]).to_owned(), pair["same"].clone())).collect()
}

#[test]
fn two_files_of_one_person_are_proposed_and_never_merged_by_themselves() {
    let world = World::at(NOON);
    let codes = villages("410423105", 2);
    let mut list = List::of(&codes, 2);
    let op = world.operator(&list);
    assert_eq!(pairs(&op), []);
    let old = op.ask("Search", json!({ "text": list.families[0].id }))["hits"][0]["file"].clone();
    op.ask("EditField", json!({ "household": old, "field": "WHEREABOUTS", "text": "磨坊后面" }));
    // Next list: the same borrower under a corrected ID number, and somebody of the same name who is somebody else.
    list.as_of = "2026-12-07".to_owned();
    list.families[0].id = tests::id_number("20020315", 7);
    list.families[3].borrower = list.families[1].borrower.clone();
    list.families[3].co_borrower = list.families[1].co_borrower.clone();
    let report = world.import(&op, "ImportDueList", json!({ "file": bytes("list.xlsx", &list.workbook()) }));
    assert_eq!((&report["new_households"], &report["gone_households"]), (&json!(1), &json!(1)), "nothing is merged");
    let view = op.ask("SamePairs", json!({}));
    assert_eq!(view["open"], 2, "{view} {report}");
    let mut whys = pairs(&op);
    whys.sort_by_key(|(why, _)| why.clone());
    assert_eq!(whys.iter().map(|(why, _)| why.as_str()).collect::<Vec<_>>(), ["CO_BORROWER", "PHONE"]);
    let moved = items(&view["pairs"]).iter().find(|pair| pair["why"] == "PHONE").expect("the pair").clone();
    let (one, other) = (moved["one"].clone(), moved["other"].clone());
    assert_ne!(one["on_list"], other["on_list"]);
    let decide = |same: bool, pair: &Value| {
        let (one, other) = (&pair["one"]["household"], &pair["other"]["household"]);
        json!({ "household": one, "other": other, "same": same, "reason": "身份证号更正过" })
    };
    op.ask("DecideSame", decide(true, &moved));
    let namesake = items(&view["pairs"]).iter().find(|pair| pair["why"] == "CO_BORROWER").expect("the pair").clone();
    op.ask("DecideSame", decide(false, &namesake));
    assert_eq!(op.ask("SamePairs", json!({}))["open"], 0);
    let fresh = if one["on_list"] == true { &one } else { &other };
    let page = op.household(&fresh["household"]);
    assert_eq!(page["other_files"][0]["household"], old, "{page}");
    assert_eq!(op.household(&old)["other_files"][0]["household"], fresh["household"]);
    assert_eq!(op.household(&namesake["one"]["household"])["other_files"], json!([]));
    // The word can be changed, and reaches the others.
    op.ask("DecideSame", decide(false, &moved));
    assert_eq!(op.household(&old)["other_files"], json!([]));
    op.sync();
    let head = world.join("head", "CENTRE_HEAD");
    assert_eq!(pairs(&head), pairs(&op));
    op.check();
}

#[test]
fn cash_is_refused_with_its_reason_and_a_slip_is_acknowledged_on_paper() {
    let world = World::at(NOON);
    let (_op, zhou, files, _) = world.village(2);
    let paid = |channel: &str| {
        json!({
            "household": files[0], "channel": channel, "amount": 36_337, "on": "2026-12-08", "at": "10:41:00",
            "reference": "123456789012", "terminal": "10203040", "card_tail": "7788", "payer": "王建国"
        })
    };
    let waits = zhou.ask("Status", json!({}))["only_here"].clone();
    let cash = zhou.refused("ReportPayment", paid("CASH"));
    assert_eq!((failure_code(&cash).as_str(), field(&cash)), ("CASH_REFUSED", "channel"));
    assert!(cash.zh.contains("不收现金") && cash.zh.contains("POS"), "{}", cash.zh);
    assert_eq!(zhou.ask("Status", json!({}))["only_here"], waits, "nothing was kept");
    let saved = zhou.ask("ReportPayment", paid("POS"));
    assert_eq!(saved["status"], "REPORTED_PAID");
    let asked = json!({ "household": files[0], "payment": saved["payment"], "black": true });
    let slip = zhou.ask("PaymentSlip", asked.clone());
    assert_eq!(slip["pages"], 1);
    assert_eq!(zhou.ask("PaymentSlip", asked.clone())["pdf"], slip["pdf"], "the same bytes");
    let pdf = world.folder().join("slip.pdf");
    std::fs::write(&pdf, zhou.blob(&slip["pdf"])).expect("a file");
    let told = run(Command::new("pdftotext").args(["-enc", "UTF-8"]).arg(&pdf).arg("-"), "");
    let told: String = String::from_utf8_lossy(&told.out).chars().filter(|c| !c.is_whitespace()).collect();
    for part in ["还款登记回执", "363.37", "叁佰陆拾叁元叁角柒分", "123456789012", "7788", "以银行入账为准", "王建国"]
    {
        assert!(told.contains(part), "{part} in {told}");
    }
    assert!(!told.contains("410490"), "no ID number");
    zhou.ask("VoidPayment", json!({ "payment": saved["payment"], "reason": "刷错了" }));
    assert_eq!(
        failure_code(&zhou.refused("PaymentSlip", asked)),
        "NOT_FOUND",
        "what was taken back is acknowledged no more"
    );
    zhou.check();
}

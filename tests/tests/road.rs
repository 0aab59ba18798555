//! The road of the season's figures: one due list in, the same sums in every desk that may see every file and in the
//! bulletin. Figures are those of the list's own total row; nothing here recomputes them from the program.
#![allow(clippy::expect_used, clippy::indexing_slicing, reason = "a test that cannot go on stops")]

use serde_json::{Value, json};
use tests::{List, Seat, World, assets, bytes, failure_code, field, fixtures, items, places_in, without};

const NOON: &str = "2026-12-08T12:00:00+08:00";
const BORROWERS: i64 = 3_917;
const CONTRACTS: i64 = 9_405;
const PRINCIPAL: i64 = 445_601_809;
const INTEREST: i64 = 203_426_877;
const TOTAL: i64 = 649_028_686;

fn number(value: &Value) -> i64 {
    value.as_i64().expect("a number")
}

fn figures(value: &Value) -> [i64; 5] {
    ["borrowers", "contracts", "principal_due", "interest_due", "total_due"].map(|name| number(&value[name]))
}

const EXPECTED: [i64; 5] = [BORROWERS, CONTRACTS, PRINCIPAL, INTEREST, TOTAL];

/// Season and bulletin of a desk that sees every file.
fn count(seat: &Seat) {
    let season = seat.ask("Season", json!({}));
    assert_eq!(figures(&season["figures"]), EXPECTED);
    assert_eq!((&season["as_of"], &season["due_on"]), (&json!("2026-12-05"), &json!("2026-12-20")));
    let townships = items(&season["townships"]);
    assert_eq!(townships.len(), 24);
    let sums = townships.iter().map(|row| figures(&row["figures"])).fold([0; 5], add);
    assert_eq!(sums, EXPECTED, "the townships of the season");

    let bulletin = seat.ask("Bulletin", json!({}));
    let line = |row: &Value| {
        ["households_due", "contracts_due", "principal_due", "interest_due", "amount_due"]
            .map(|name| number(&row[name]))
    };
    assert_eq!(items(&bulletin["rows"]).len(), 24, "one row for each township");
    assert_eq!(line(&bulletin["county"]), EXPECTED, "the county's line");
    assert_eq!(items(&bulletin["rows"]).iter().map(line).fold([0; 5], add), EXPECTED, "the sum of the rows");
    assert_eq!(bulletin["county"]["amount_rate"], "0.00", "the bank has booked nothing yet");
    assert_eq!(seat.families(), BORROWERS.unsigned_abs());
}

fn add(a: [i64; 5], b: [i64; 5]) -> [i64; 5] {
    std::array::from_fn(|at| a[at] + b[at])
}

/// Everything that a list of families and the season say, for comparison.
fn whole(seat: &Seat) -> Value {
    let page = |offset: usize| seat.ask("Households", json!({ "limit": 500, "offset": offset }))["rows"].clone();
    let pages: Vec<Value> = (0..8).map(|page_no| page(page_no * 500)).collect();
    without(json!({ "season": seat.ask("Season", json!({})), "pages": pages }), &["only_here"])
}

/// Compared without printing four thousand families where they differ.
fn same(a: &Value, b: &Value, what: &str) {
    assert!(a == b, "{what}");
}

#[test]
fn the_season_counts_exactly_at_the_county_desk_in_the_bulletin_and_at_a_second_desk_filled_by_sync() {
    let world = World::at(NOON);
    let op = world.join("op1", "CENTRE_OPERATOR");
    let file = |name: &str| json!({ "path": assets().join(name) });
    let places = op.ask(
        "ImportPlaces",
        json!({ "places": file("places/lushan-410423.csv"), "old_names": file("places/lushan-410423-old-names.csv") }),
    );
    assert_eq!((&places["townships"], &places["villages"]), (&json!(24), &json!(556)));
    let list = json!({ "file": file("demo/roster-2026-12-05.xlsx") });

    let dry = op.ask("ImportDueList", json!({ "file": list["file"], "dry_run": true }));
    assert_eq!((&dry["written"], &dry["new_households"]), (&json!(false), &json!(BORROWERS)));
    assert_eq!(op.families(), 0, "a dry run writes nothing");

    let report = world.import(&op, "ImportDueList", list.clone());
    assert_eq!(figures(&report["figures"]), EXPECTED);
    assert_eq!((&report["written"], &report["new_households"]), (&json!(true), &json!(BORROWERS)));
    assert_eq!((&report["rejected"], &report["footer_agrees"]), (&json!([]), &json!(true)));
    assert_eq!(report["footer_total"], json!(TOTAL));
    count(&op);

    // The same file twice changes nothing.
    let (before, waiting) = (whole(&op), op.ask("Status", json!({}))["only_here"].clone());
    let again = op.ask("ImportDueList", list);
    assert_eq!((&again["written"], &again["already_imported"]), (&json!(false), &json!(true)));
    same(&whole(&op), &before, "the same file twice");
    assert_eq!(op.ask("Status", json!({}))["only_here"], waiting);

    let sent = op.sync();
    assert_eq!(op.ask("Status", json!({}))["only_here"], 0);
    assert!(number(&sent["sent"]) > BORROWERS, "{sent}");
    let head = world.join("head", "CENTRE_HEAD");
    count(&head);
    same(&whole(&head), &before, "both desks show the same");
    let nothing = head.sync();
    assert_eq!((&nothing["sent"], &nothing["received"]), (&json!(0), &json!(0)));

    op.check();
    head.check();
}

#[test]
fn only_the_operator_imports() {
    let world = World::at(NOON);
    let villages: Vec<String> = places_in("410423105").into_iter().take(1).map(|(code, _)| code).collect();
    let list = List::of(&villages, 2);
    let op = world.operator(&list);
    let workbook = json!({ "file": bytes("list.xlsx", &list.workbook()) });
    for (account, role) in [("head", "CENTRE_HEAD"), ("zhou", "SCHOOL_DIRECTOR"), ("audit", "CENTRE_AUDITOR")] {
        let seat = world.join(account, role);
        let refused = seat.refused("ImportDueList", workbook.clone());
        assert_eq!(failure_code(&refused), "NOT_ALLOWED", "{role}");
        assert_eq!(seat.ask("Status", json!({}))["only_here"], 0, "{role}");
    }
    assert_eq!(op.families(), 2);
}

#[test]
fn a_list_with_bad_rows_takes_the_good_ones_and_names_the_rest() {
    let world = World::at(NOON);
    let op = world.operator(&List::of(&[places_in("410423105")[0].0.clone()], 1));
    let expected = std::fs::read_to_string(fixtures().join("roster-dirty.expected.csv")).expect("expectations");
    let expected: Vec<(i64, bool)> = expected
        .lines()
        .skip(1)
        .map(|line| {
            let row = line.split(',').next().and_then(|cell| cell.parse().ok()).expect("a row number");
            (row, line.contains(",rejected"))
        })
        .collect();
    let path = fixtures().join("roster-dirty.xlsx");
    let report = op.ask("ImportDueList", json!({ "file": { "path": path }, "dry_run": true }));
    let rejected: Vec<i64> = items(&report["rejected"]).iter().map(|row| number(&row["sheet_row"])).collect();
    let must: Vec<i64> = expected.iter().filter(|(_, refused)| *refused).map(|(row, _)| *row).collect();
    assert_eq!(rejected, must, "{}", report["rejected"]);
    refused_rows_come_back(&op, &path, &rejected);
    for row in items(&report["rejected"]) {
        let reason = tests::text(&row["reason"]);
        assert!(reason.contains(&format!("第{}行", row["sheet_row"])) && !reason.contains("410490"), "{reason}");
    }
}

#[test]
fn a_newer_list_replaces_the_older_one_and_an_older_one_is_refused() {
    let world = World::at(NOON);
    let villages: Vec<String> = places_in("410423105").into_iter().take(2).map(|(code, _)| code).collect();
    let first = List::of(&villages, 3);
    let op = world.operator(&first);
    let mut newer = first.clone();
    newer.as_of = "2026-12-07".to_owned();
    let gone = newer.families.pop().expect("a family");
    newer.families[0].contracts[0].0 += 1_000;
    let import = |list: &List| json!({ "file": bytes("list.xlsx", &list.workbook()) });
    let report = world.import(&op, "ImportDueList", import(&newer));
    assert_eq!(
        (&report["new_households"], &report["changed_households"], &report["gone_households"]),
        (&json!(0), &json!(1), &json!(1)),
        "{report}"
    );
    let missing = op.ask("Search", json!({ "text": gone.id }));
    assert_eq!(missing["total"], 1, "who is not on the list stays findable");
    let page = op.household(&missing["hits"][0]["file"]);
    assert_eq!(page["due"], Value::Null, "and owes nothing by the bank's word");
    let older = op.refused("ImportDueList", import(&List { as_of: "2026-12-04".to_owned(), ..first }));
    assert_eq!((failure_code(&older).as_str(), field(&older)), ("OLDER_LIST", "file"));
    op.sync();
    op.check();
}

/// What was refused is written down in its own columns with its reason, is refused again for the same reasons as it stands, and
/// comes in beside all others once it is put right.
fn refused_rows_come_back(op: &Seat, path: &std::path::Path, rejected: &[i64]) {
    let folder = std::env::temp_dir().join(format!("ruhu-refused-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a folder");
    let done = op.ask("ExportRefused", json!({ "file": { "path": path }, "folder": folder }));
    assert_eq!(done["rows"], rejected.len());
    let again = json!({ "file": { "path": done["file"] }, "supplement": true, "dry_run": true });
    match op.call("ImportDueList", again) {
        // A row of which only a contract that stood twice was wrong is right alone.
        Ok(report) => assert!(items(&report["rejected"]).len() + 2 >= rejected.len(), "{report}"),
        Err(failure) => assert_eq!(failure_code(&failure), "NOTHING_TO_IMPORT"),
    }
    std::fs::remove_dir_all(&folder).expect("it goes");
}

#[test]
fn a_supplement_adds_to_the_list_in_use_and_nobody_is_gone() {
    let world = World::at(NOON);
    let villages: Vec<String> = places_in("410423105").into_iter().take(1).map(|(code, _)| code).collect();
    let all = List::of(&villages, 3);
    // The first list lacks the last family, and a contract of the second.
    let text = |list: &List, rows: &[usize]| {
        let mut out =
            "借款学生姓名,身份证号,乡镇,村,合同编号,本期应还本金,本期应还利息,本期应还合计,还款日,数据日期,还款账号\n"
                .to_owned();
        for at in rows {
            let family = &list.families[at / 2];
            let (principal, interest) = family.contracts[at % 2];
            let yuan = |fen: i64| format!("{}.{:02}", fen / 100, fen % 100);
            out.push_str(&format!(
                "{},{},磙子营乡,,4104202200000{at:02},{},{},{},2026-12-20,2026-12-05,9000010{}.cdb@sina.cn\n",
                family.borrower,
                family.id,
                yuan(principal),
                yuan(interest),
                yuan(principal + interest),
                at / 2
            ));
        }
        json!({ "file": bytes("名单.csv", out.as_bytes()) })
    };
    let op = world.enrol("op1", "op1", "CENTRE_OPERATOR");
    world.furnish(&op);
    world.import(&op, "ImportDueList", text(&all, &[0, 1, 2]));
    let mut more = text(&all, &[3, 4, 5]);
    more["supplement"] = json!(true);
    let report = world.import(&op, "ImportDueList", more);
    assert_eq!(
        (&report["new_households"], &report["changed_households"], &report["gone_households"]),
        (&json!(1), &json!(1), &json!(0))
    );
    let season = op.ask("Season", json!({}));
    assert_eq!((&season["figures"]["borrowers"], &season["figures"]["contracts"]), (&json!(3), &json!(6)));
    let other = World::at(NOON);
    let whole = other.enrol("op1", "op1", "CENTRE_OPERATOR");
    other.furnish(&whole);
    other.import(&whole, "ImportDueList", text(&all, &[0, 1, 2, 3, 4, 5]));
    assert_eq!(season["figures"], whole.ask("Season", json!({}))["figures"]);
    // Without that word it is the whole list, and who is not on it is gone.
    let report = world.import(&op, "ImportDueList", text(&all, &[0, 1]));
    assert_eq!(report["gone_households"], 2);
    op.check();
}

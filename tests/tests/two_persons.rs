//! Imports by two persons: nothing is loaded without the word of somebody else, on another laptop, and a whole import can be taken
//! back so that everything says again what it said before.
#![allow(clippy::expect_used, clippy::indexing_slicing, clippy::panic, reason = "a test that cannot go on stops")]

use serde_json::{Value, json};
use tests::{List, NOON, Seat, World, bytes, failure_code, items, places_in, text, without};

fn villages(count: usize) -> Vec<String> {
    places_in("410423105").into_iter().take(count).map(|(code, _)| code).collect()
}

fn file(list: &List) -> Value {
    json!({ "file": bytes("十二月名单.xlsx", &list.workbook()) })
}

/// All that a desk says of its families, apart from where it is kept and under which import's name.
fn said(seat: &Seat) -> Value {
    let rows = seat.ask("Households", json!({ "limit": 500 }))["rows"].clone();
    let pages: Vec<Value> = items(&rows).iter().map(|row| seat.household(&row["file"])).collect();
    let season = seat.ask("Season", json!({}));
    let all = json!({ "season": season, "rows": rows, "pages": pages, "money": seat.ask("Repayments", json!({})) });
    without(all, &["only_here", "batch", "at", "said_at", "fact", "id", "facts", "place_held", "written"])
}

fn state(seat: &Seat, proposal: &Value) -> Value {
    let view = seat.ask("Proposals", json!({}));
    let row = items(&view["rows"]).iter().find(|row| row["proposal"] == *proposal).expect("the proposal").clone();
    row["state"].clone()
}

#[test]
fn nothing_is_loaded_without_the_word_of_another() {
    let world = World::at(NOON);
    let op = world.join("op1", "CENTRE_OPERATOR");
    world.furnish(&op);
    op.sync();
    let head = world.join("head", "CENTRE_HEAD");
    let list = file(&List::of(&villages(2), 3));

    let asked = op.ask("ImportDueList", list.clone());
    assert_eq!((&asked["written"], &asked["state"]), (&json!(false), &json!("WAITING")));
    assert_eq!((&asked["new_households"], items(&asked["changes"]).len()), (&json!(6), 6));
    let proposal = asked["proposal"].clone();
    assert_eq!(op.families(), 0);
    // Asked once more it is the same proposal, and nothing is written.
    let waits = op.ask("Status", json!({}))["only_here"].clone();
    let again = op.ask("ImportDueList", list.clone());
    assert_eq!(again["proposal"], proposal);
    assert_eq!(op.ask("Status", json!({}))["only_here"], waits);
    let early = op.refused("LoadImport", json!({ "proposal": proposal }));
    assert_eq!(failure_code(&early), "PROPOSAL_NOT_ACCEPTED");
    // The operator does not agree to it, nor does anybody who does not know of it yet.
    assert_eq!(
        failure_code(&op.refused("DecideImport", json!({ "proposal": proposal, "accept": true }))),
        "NOT_ALLOWED"
    );
    let unheard = head.refused("DecideImport", json!({ "proposal": proposal, "accept": true }));
    assert_eq!(failure_code(&unheard), "NO_SUCH_PROPOSAL");
    op.sync();
    head.sync();
    let row = head.ask("Proposals", json!({}))["rows"][0].clone();
    assert_eq!(
        (&row["words"], &row["new_households"], &row["before"]),
        (&json!("十二月名单.xlsx"), &json!(6), &json!(0))
    );
    assert_eq!((&row["after"], &row["total"]), (&asked["figures"]["total_due"], &asked["figures"]["total_due"]));
    assert_eq!(row["townships"][0]["families_after"], 6);

    // First no, with a reason; then, for it is not loaded yet, yes.
    let why = head.refused("DecideImport", json!({ "proposal": proposal, "accept": false }));
    assert_eq!(why.field.as_deref(), Some("reason"));
    head.ask("DecideImport", json!({ "proposal": proposal, "accept": false, "reason": "合计和银行电话里说的不一样" }));
    head.sync();
    op.sync();
    assert_eq!(state(&op, &proposal), "REFUSED");
    let refused = op.refused("LoadImport", json!({ "proposal": proposal }));
    assert_eq!(failure_code(&refused), "PROPOSAL_NOT_ACCEPTED");
    assert_eq!(op.ask("Proposals", json!({}))["rows"][0]["reason"], "合计和银行电话里说的不一样");
    head.ask("DecideImport", json!({ "proposal": proposal, "accept": true }));
    head.sync();
    op.sync();
    assert_eq!((state(&op, &proposal), op.families()), (json!("ACCEPTED"), 0));

    let loaded = op.ask("LoadImport", json!({ "proposal": proposal }));
    assert_eq!((&loaded["list"]["written"], op.families()), (&json!(true), 6));
    assert_eq!(state(&op, &proposal), "LOADED");
    let twice = op.refused("LoadImport", json!({ "proposal": proposal }));
    assert_eq!(failure_code(&twice), "PROPOSAL_NOT_ACCEPTED");
    assert_eq!(op.ask("ImportDueList", list)["already_imported"], true);
    op.sync();
    head.sync();
    assert_eq!((state(&head, &proposal), head.families()), (json!("LOADED"), 6));
    let late = head.refused("DecideImport", json!({ "proposal": proposal, "accept": false, "reason": "晚了" }));
    assert_eq!(failure_code(&late), "PROPOSAL_SETTLED");
    for seat in [&op, &head] {
        seat.check();
    }
}

#[test]
fn what_another_laptop_proposed_is_loaded_from_the_same_file() {
    let world = World::at(NOON);
    let op = world.join("op1", "CENTRE_OPERATOR");
    world.furnish(&op);
    op.sync();
    let list = List::of(&villages(1), 2);
    // Each workbook carries the moment at which it was made: one file it is only as the same bytes.
    let same = file(&list);
    let proposal = op.ask("ImportDueList", same.clone())["proposal"].clone();
    world.agree(&op, &proposal);
    let other = world.join("op2", "CENTRE_OPERATOR");
    assert_eq!(other.ask("Proposals", json!({}))["rows"][0]["file_here"], false);
    let lacking = other.refused("LoadImport", json!({ "proposal": proposal }));
    assert_eq!(failure_code(&lacking), "IMPORT_NOT_KEPT");
    assert!(lacking.zh.contains("十二月名单.xlsx"), "{}", lacking.zh);
    // The head agreed to this file and to no other.
    let mut forged = list.clone();
    forged.families[0].contracts[0].0 += 1;
    let else_ = other.ask("ImportDueList", file(&forged));
    assert_eq!((&else_["state"], &else_["written"]), (&json!("WAITING"), &json!(false)));
    let loaded = other.ask("ImportDueList", same);
    assert_eq!((&loaded["state"], &loaded["written"], other.families()), (&json!("LOADED"), &json!(true), 2));
    other.sync();
    op.sync();
    assert_eq!((state(&op, &proposal), op.families()), (json!("LOADED"), 2));
    op.check();
}

/// Takes an import back, with the deputy's word.
fn take_back(world: &World, op: &Seat, proposal: &Value) -> Value {
    let asked = op.ask("UndoImport", json!({ "proposal": proposal, "reason": "发错了文件" }));
    let undo = asked["facts"][0].clone();
    let before = said(op);
    let waiting = op.refused("LoadImport", json!({ "proposal": undo }));
    assert_eq!(failure_code(&waiting), "PROPOSAL_NOT_ACCEPTED");
    assert!(said(op) == before, "nothing is taken back before the head's word");
    world.agree(op, &undo);
    let done = op.ask("LoadImport", json!({ "proposal": undo }));
    assert_eq!(state(op, proposal), "UNDONE");
    done["undone_households"].clone()
}

#[test]
fn a_whole_import_is_taken_back_and_everything_says_what_it_said_before() {
    let world = World::at(NOON);
    let codes = villages(2);
    let first = List::of(&codes, 4);
    let op = world.operator(&first);
    let file_of = |text: &str| json!({ "file": bytes("明细.csv", text.as_bytes()), "whole": false });
    let feed = "合同编号,状态,入账日期,金额,流水号,批次日期\n\
                410420210000001,已还款,2026-12-06,100.00,1,2026-12-07\n\
                410420219999999,已还款,2026-12-06,5.00,2,2026-12-07\n";
    world.import(&op, "ImportFeed", file_of(feed));
    // Somebody found a family meanwhile: what people saw is no part of a list.
    let someone = op.files(&codes[0])[0].clone();
    op.ask("EditField", json!({ "household": someone, "field": "ADDRESS_FOUND", "text": "村东头" }));
    let before = said(&op);
    assert_eq!(before["money"]["booked"], 10_000);

    // Another list: one gone, one new, whom the stray money belongs to, one with more, one who moved, one with another name.
    let mut second = first.clone();
    second.as_of = "2026-12-07".to_owned();
    second.families.remove(7);
    second.families[1].contracts[0].0 += 12_345;
    second.families[2].village = codes[1].clone();
    "改了名".clone_into(&mut second.families[3].borrower);
    let loaded = world.import(&op, "ImportDueList", file(&second));
    assert_eq!((&loaded["gone_households"], &loaded["changed_households"]), (&json!(1), &json!(3)), "{loaded}");
    let rows = op.ask("Proposals", json!({}))["rows"].clone();
    let (newest, oldest) = (rows[0].clone(), rows[2].clone());
    assert_eq!((&newest["can_undo"], &oldest["can_undo"]), (&json!(true), &json!(false)));
    let refused = op.refused("UndoImport", json!({ "proposal": oldest["proposal"], "reason": "不要了" }));
    assert_eq!(failure_code(&refused), "UNDO_NEWEST_FIRST");
    assert!(said(&op) != before);

    assert!(take_back(&world, &op, &newest["proposal"]).as_u64().expect("a count") >= 7);
    let after = said(&op);
    assert_eq!(after["season"], before["season"]);
    assert_eq!(after, before, "all as before");
    op.sync();
    let other = world.join("head", "CENTRE_HEAD");
    assert_eq!(said(&other)["season"], before["season"], "everywhere");
    // It can be proposed anew, and loaded; then the feed goes, then nothing of it is left.
    let again = world.import(&op, "ImportDueList", file(&second));
    assert_eq!(again["written"], true);
    let view = op.ask("Proposals", json!({}));
    let fed = items(&view["rows"]).iter().find(|row| row["kind"] == "FEED").expect("the feed").clone();
    take_back(&world, &op, &fed["proposal"]);
    let money = op.ask("Repayments", json!({}));
    assert_eq!((&money["booked"], &money["unmatched"]), (&json!(0), &json!([])));
    assert_eq!(world.import(&op, "ImportFeed", file_of(feed))["written"], true, "and comes again");
    assert_eq!(op.ask("Repayments", json!({}))["booked"], 10_000);
    assert!(text(&view["rows"][0]["who"]).chars().count() > 0);
    op.check();
    other.sync();
    other.check();
}

//! A laptop without a word from its county: it tells, then only shows, then is shut, and a contact or an answer on a stick
//! opens it again. Clocks that are set back or cannot be right change nothing of that, and copies of a home do not either.
#![allow(clippy::expect_used, clippy::indexing_slicing, clippy::panic, reason = "a test that cannot go on stops")]

use serde_json::{Value, json};
use tests::{Folder, PASSPHRASE, Seat, World, bytes, failure_code, items, picture, text};

const NOON: &str = "2026-12-08T12:00:00+08:00";

/// A little later each day, for a test takes its time, too.
fn days_later(days: i64) -> String {
    let noon = chrono::DateTime::parse_from_rfc3339(NOON).expect("a moment");
    (noon + chrono::TimeDelta::days(days) + chrono::TimeDelta::minutes(10 * days)).to_rfc3339()
}

fn state(seat: &Seat) -> (String, u64) {
    let away = seat.ask("Status", json!({}))["away"].clone();
    (text(&away["state"]).to_owned(), away["days"].as_u64().expect("a number"))
}

fn stands(seat: &Seat, what: &str, days: u64) {
    assert_eq!(state(seat), (what.to_owned(), days), "{}", seat.home().display());
}

fn contact(file: &Value, number: u64) -> Value {
    json!({ "household": file, "number": format!("1370000{number:04}"), "source": "VILLAGE" })
}

fn refuses(seat: &Seat, name: &str, with: Value, code: &str, days: u64) {
    let failure = seat.refused(name, with);
    assert_eq!(failure_code(&failure), code, "{name}");
    assert!(failure.zh.contains(&format!("{days}天")) && failure.en.contains(&format!("{days} days")), "{failure:?}");
}

#[test]
fn it_tells_then_only_shows_then_is_shut_and_one_contact_opens_it() {
    let world = World::at(NOON);
    let (_, mut zhou, files, _) = world.village(2);
    stands(&zhou, "NEAR", 0);
    let run = zhou.ask("PrintLetters", json!({ "which": { "households": [files[0]] } }));
    let receipt =
        items(&run["letters"]).iter().find(|row| row["kind"] == "SERVICE_RECEIPT").expect("a receipt")["doc_no"]
            .clone();
    let photo = bytes("photo.jpg", &picture(1, image::ImageFormat::Jpeg));
    zhou.ask("FileReceipt", json!({ "receipt_no": receipt, "file": photo }));
    let shown = zhou.ask("Receipts", json!({ "household": files[0] }))["rows"][0]["pictures"][0]["sha256"].clone();

    zhou.reopen(&days_later(12));
    stands(&zhou, "TOLD", 12);
    zhou.ask("AddContact", contact(&files[0], 1));

    zhou.reopen(&days_later(16));
    stands(&zhou, "SHOWS", 16);
    assert_eq!(items(&zhou.household(&files[0])["letters"]).len(), 2, "it shows what it has");
    let notice = items(&run["letters"]).iter().find(|row| row["kind"] == "REPAYMENT_NOTICE").expect("a notice");
    let spoiled = json!({ "doc_no": notice["doc_no"], "reason": "印坏了" });
    for (name, with) in [("AddContact", contact(&files[0], 2)), ("VoidLetter", spoiled.clone())] {
        refuses(&zhou, name, with, "AWAY_SHOWS", 16);
    }
    // A form in hand is kept, and a clock that is set back opens nothing.
    zhou.ask("KeepDraft", json!({ "form": "visit", "household": files[0], "text": "写了一半" }));
    zhou.reopen("2025-12-01T12:00:00+08:00");
    stands(&zhou, "SHOWS", 16);
    refuses(&zhou, "AddContact", contact(&files[0], 2), "AWAY_SHOWS", 16);

    zhou.reopen(&days_later(31));
    stands(&zhou, "SHUT", 31);
    for (name, with) in [
        ("Household", json!({ "household": files[0] })),
        ("Today", json!({})),
        ("Search", json!({ "text": "张" })),
        ("Drafts", json!({})),
        ("AddContact", contact(&files[0], 2)),
        ("VoidLetter", spoiled),
    ] {
        refuses(&zhou, name, with, "AWAY_SHUT", 31);
    }
    let blob = zhou.door().blob(text(&shown)).expect_err("nothing is shown");
    assert_eq!(failure_code(&blob), "AWAY_SHUT");
    let waits = zhou.ask("SyncState", json!({}));
    assert_eq!(waits["waiting"], json!([]), "no family is named");
    assert!(waits["status"]["only_here"].as_u64() > Some(0), "what waits is counted");

    let report = zhou.sync();
    assert_eq!(report["sent"], waits["status"]["only_here"], "what was written in time goes");
    stands(&zhou, "NEAR", 0);
    zhou.ask("AddContact", contact(&files[0], 2));
    assert!(zhou.door().blob(text(&shown)).is_ok());
    assert_eq!(items(&zhou.ask("Drafts", json!({}))["drafts"]).len(), 1, "the form in hand is there");
    zhou.check();
}

#[test]
fn an_answer_on_a_stick_opens_it_from_when_it_was_asked() {
    let world = World::at(NOON);
    let (_, mut zhou, files, _) = world.village(2);
    let stick = Folder::fresh();
    zhou.reopen(&days_later(10));
    zhou.ask("AddContact", contact(&files[0], 1));
    zhou.ask("BundleOut", json!({ "folder": stick.path() }));
    zhou.reopen(&days_later(16));
    stands(&zhou, "SHOWS", 16);
    // What it writes itself is nobody's word.
    assert_eq!(failure_code(&zhou.refused("BundleIn", json!({ "from": stick.path() }))), "NO_BUNDLE_HERE");
    stands(&zhou, "SHOWS", 16);
    world.county().bundles_in(stick.path(), stick.path()).expect("taken");
    let taken = zhou.ask("BundleIn", json!({ "from": stick.path() }));
    assert_eq!(taken["waiting"], json!(0), "{taken}");
    stands(&zhou, "NEAR", 6);
    zhou.ask("AddContact", contact(&files[0], 2));
    // The same answer once more is no news.
    zhou.reopen(&days_later(26));
    zhou.ask("BundleIn", json!({ "from": stick.path() }));
    stands(&zhou, "SHOWS", 16);
    // Nor does a laptop that is shut need a line.
    zhou.reopen(&days_later(45));
    stands(&zhou, "SHUT", 35);
    zhou.ask("BundleOut", json!({ "folder": stick.path() }));
    world.county().bundles_in(stick.path(), stick.path()).expect("taken");
    zhou.ask("BundleIn", json!({ "from": stick.path() }));
    stands(&zhou, "NEAR", 0);
    zhou.ask("AddContact", contact(&files[0], 3));
}

#[test]
fn a_clock_that_cannot_be_right_shuts_nobody_out() {
    let world = World::at(NOON);
    let (_, mut zhou, files, _) = world.village(1);
    let mut number = 10;
    for clock in ["1980-01-01T08:00:00+08:00", "2099-12-31T08:00:00+08:00", NOON, "2027-06-01T08:00:00+08:00"].repeat(3)
    {
        zhou.reopen(clock);
        number += 1;
        zhou.ask("AddContact", contact(&files[0], number));
        stands(&zhou, "NEAR", 0);
    }
    zhou.sync();
    zhou.check();
}

#[test]
fn a_copy_put_back_gains_nothing_and_costs_nothing() {
    let world = World::at(NOON);
    let (_, mut zhou, files, _) = world.village(1);
    let copied = zhou.ask("BackUp", json!({}));
    let copy = json!({ "name": copied["copies"][0]["name"], "passphrase": PASSPHRASE });
    // Four days later it met the county; the day after, the copy of the first day is put back.
    zhou.reopen(&days_later(14));
    zhou.sync();
    zhou.reopen(&days_later(16));
    stands(&zhou, "NEAR", 2);
    zhou.ask("RestoreBackup", copy.clone());
    stands(&zhou, "NEAR", 2);
    zhou.ask("AddContact", contact(&files[0], 1));
    // One that only shows goes on doing so, whatever is put back.
    zhou.reopen(&days_later(30));
    stands(&zhou, "SHOWS", 16);
    zhou.ask("RestoreBackup", copy.clone());
    stands(&zhou, "SHOWS", 16);
    refuses(&zhou, "AddContact", contact(&files[0], 2), "AWAY_SHOWS", 16);
    // One that is shut does not show by its copies what it does not show itself.
    zhou.reopen(&days_later(45));
    stands(&zhou, "SHUT", 31);
    zhou.sync();
    stands(&zhou, "NEAR", 0);
}

//! Copies of a home on its own laptop, through the door: made, looked at, put back, also when the home opens no more. What was
//! confirmed is there afterwards, goes to the county once, and no number of a document stands on two sheets.
#![allow(clippy::expect_used, clippy::indexing_slicing, reason = "a test that cannot go on stops")]

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use serde_json::{Value, json};
use tests::{NOON, PASSPHRASE, Seat, World, failure_code, items, text};

fn visit(seat: &Seat, file: &Value, minute: u32) -> String {
    let form = json!({ "on": "2026-12-08", "arrived": format!("10:{minute:02}:00"), "purpose": "SERVE", "result": "NOT_MET",
        "note": format!("第{minute}次") });
    text(&seat.ask("RecordVisit", json!({ "household": file, "visit": form }))["visit"]).to_owned()
}

/// What the visits of these families say, by their minute: names of facts change when they go over.
fn visits(seat: &Seat, files: &[Value]) -> BTreeSet<String> {
    files
        .iter()
        .flat_map(|file| items(&seat.household(file)["visits"]).clone())
        .map(|row| text(&row["arrived"]).to_owned())
        .collect()
}

fn print(seat: &Seat, file: &Value) -> Vec<String> {
    let run = seat.ask("PrintLetters", json!({ "which": { "households": [file] } }));
    items(&run["letters"]).iter().map(|row| text(&row["doc_no"]).to_owned()).collect()
}

fn newest(seat: &Seat) -> String {
    text(&seat.ask("Backups", json!({}))["copies"][0]["name"]).to_owned()
}

fn with(name: &str) -> Value {
    json!({ "name": name, "passphrase": PASSPHRASE })
}

/// Writes noise over the pages from one on.
fn break_pages(path: &Path, from: usize, count: usize) {
    let mut bytes = fs::read(path).expect("the file");
    let from = from * 4096;
    bytes.iter_mut().skip(from).take(count * 4096).for_each(|byte| *byte ^= 0x5a);
    fs::write(path, bytes).expect("written");
}

#[test]
fn a_copy_shows_what_it_holds_and_restoring_it_loses_nothing_that_came_later() {
    let world = World::at(NOON);
    let (op, zhou, files, _list) = world.village(4);
    visit(&zhou, &files[0], 1);
    let first = print(&zhou, &files[0]);
    zhou.sync();
    visit(&zhou, &files[1], 2);
    let view = zhou.ask("BackUp", json!({}));
    assert_eq!(items(&view["copies"]).len(), 1);
    assert!(view["last_failure"].is_null());
    let copy = newest(&zhou);
    // Later: some of it is sent, some is only here.
    visit(&zhou, &files[2], 3);
    zhou.sync();
    visit(&zhou, &files[3], 4);
    let second = print(&zhou, &files[1]);
    let seen = zhou.ask("LookAtBackup", with(&copy));
    assert_eq!((&seen["own_visits"], &seen["only_here"]), (&json!(2), &json!(2)));
    assert_eq!(visits(&zhou, &files).len(), 4, "looking changes nothing");

    let restored = zhou.ask("RestoreBackup", with(&copy));
    assert_eq!(restored["read"], true, "{restored}");
    assert!(
        restored["taken_over"].as_u64().expect("a number") >= 4,
        "a visit with its note, and two sheets: {restored}"
    );
    assert!(Path::new(text(&restored["kept_in"])).join("ruhu.db").exists());
    assert_eq!(visits(&zhou, &files).len(), 3, "what only the county has comes by syncing");
    zhou.sync();
    zhou.sync();
    assert_eq!(visits(&zhou, &files).len(), 4);
    zhou.check();
    let third = print(&zhou, &files[2]);
    let numbers: BTreeSet<&String> = first.iter().chain(&second).chain(&third).collect();
    assert_eq!(
        numbers.len(),
        first.len() + second.len() + third.len(),
        "each number once: {first:?} {second:?} {third:?}"
    );
    zhou.sync();
    op.sync();
    let seen: Vec<_> = files.iter().map(|file| items(&op.household(file)["visits"]).len()).collect();
    assert_eq!(seen, [1, 1, 1, 1], "each visit once at the county");
}

#[test]
fn a_home_whose_file_is_damaged_goes_on_from_its_copy() {
    let world = World::at(NOON);
    let (_op, zhou, files, _list) = world.village(3);
    visit(&zhou, &files[0], 1);
    zhou.ask("BackUp", json!({}));
    visit(&zhou, &files[1], 2);
    zhou.sync();
    let home = zhou.home().to_owned();
    // The first page, pages in its middle, a file cut to nothing, none at all.
    for (number, harm) in ["first", "middle", "nothing", "none"].into_iter().enumerate() {
        zhou.ask("Lock", json!({}));
        let file = home.join("ruhu.db");
        match harm {
            "first" => break_pages(&file, 0, 1),
            "middle" => break_pages(&file, 1, 60),
            "nothing" => fs::write(&file, b"").expect("written"),
            _ => fs::remove_file(&file).expect("removed"),
        }
        let failure = zhou.refused("Unlock", json!({ "passphrase": PASSPHRASE }));
        assert!(["HOME_DAMAGED", "DISK_BROKEN"].contains(&failure_code(&failure).as_str()), "{harm}: {failure:?}");
        let copy = text(&zhou.ask("Backups", json!({}))["copies"][0]["name"]).to_owned();
        // The first copy knew one of the two; the later ones were made after all had come back.
        let seen = if number == 0 { 1 } else { number + 2 };
        assert_eq!(zhou.ask("LookAtBackup", with(&copy))["own_visits"], seen, "{harm}");
        let restored = zhou.ask("RestoreBackup", with(&copy));
        assert_eq!((&restored["read"], &restored["taken_over"]), (&json!(false), &json!(0)), "{harm}");
        zhou.sync();
        zhou.sync();
        let there = visits(&zhou, &files);
        assert_eq!(there.len(), number + 2, "{harm}: {there:?}");
        zhou.check();
        visit(&zhou, &files[2], u32::try_from(10 + number).expect("small"));
        zhou.ask("BackUp", json!({}));
        zhou.sync();
    }
}

#[test]
fn who_asks_for_a_copy_shows_the_passphrase_and_names_one_of_the_list() {
    let world = World::at(NOON);
    let (_op, zhou, files, _list) = world.village(1);
    visit(&zhou, &files[0], 1);
    zhou.ask("BackUp", json!({}));
    let copy = newest(&zhou);
    for call in ["LookAtBackup", "RestoreBackup"] {
        let failure = zhou.refused(call, json!({ "name": copy, "passphrase": "not the one" }));
        assert_eq!(failure_code(&failure), "WRONG_PASSPHRASE");
        for name in ["../ruhu.db", "trial.tmp", "", "/etc/passwd", "000099-20261208T120000-0.db"] {
            let failure = zhou.refused(call, with(name));
            assert_eq!(
                (failure_code(&failure).as_str(), failure.field.as_deref()),
                ("NOT_FOUND", Some("name")),
                "{name}"
            );
        }
    }
    assert_eq!(visits(&zhou, &files).len(), 1, "the home stayed open");
    // Another passphrase opens the copies of before, and the old one does not.
    let fresh = "hills behind the old mill";
    zhou.ask("ChangePassphrase", json!({ "passphrase": PASSPHRASE, "fresh": fresh }));
    assert_eq!(failure_code(&zhou.refused("LookAtBackup", with(&copy))), "WRONG_PASSPHRASE");
    zhou.ask("RestoreBackup", json!({ "name": copy, "passphrase": fresh }));
    assert_eq!(visits(&zhou, &files).len(), 1);
    // A copy that is damaged is not used.
    let path = zhou.home().join("backups").join(&copy);
    break_pages(&path, 20, 1);
    for call in ["LookAtBackup", "RestoreBackup"] {
        let failure = zhou.refused(call, json!({ "name": copy, "passphrase": fresh }));
        assert_eq!(failure_code(&failure), "BACKUP_UNUSABLE");
    }
    zhou.ask("Unlock", json!({ "passphrase": fresh }));
    assert_eq!(visits(&zhou, &files).len(), 1);
}

#[test]
fn what_was_erased_is_in_no_copy() {
    let world = World::at(NOON);
    let (_op, zhou, files, _list) = world.village(2);
    visit(&zhou, &files[0], 1);
    zhou.sync();
    zhou.ask("BackUp", json!({}));
    let head = world.join("head", "CENTRE_HEAD");
    head.sync();
    let made = items(&head.household(&files[0])["visits"])[0]["visit"].clone();
    head.ask("EraseFacts", json!({ "facts": [made], "reason": "当事人要求删除" }));
    head.sync();
    zhou.sync();
    assert!(visits(&zhou, &files).is_empty());
    let view = zhou.ask("BackUp", json!({}));
    assert_eq!(items(&view["copies"]).len(), 1, "the copy that held it is gone: {view}");
    let seen = zhou.ask("LookAtBackup", with(&newest(&zhou)));
    assert_eq!(seen["own_visits"], 0);
}

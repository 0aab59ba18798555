//! Masks: a full ID number is shown to who says why, and a record of that stands in the log before; so does one of a search by a
//! full number. The record reaches the head, is nobody else's, holds no number, and cannot be erased.
#![allow(clippy::expect_used, clippy::indexing_slicing, reason = "a test that cannot go on stops")]

use serde_json::{Value, json};
use tests::{NOON, Seat, World, failure_code, field, items, text};

fn looks(seat: &Seat) -> Vec<Value> {
    items(&seat.ask("Looks", json!({}))["rows"]).clone()
}

#[test]
fn a_number_is_shown_for_a_reason_and_whoever_saw_it_is_on_record() {
    let world = World::at(NOON);
    let (op, zhou, files, list) = world.village(2);
    let head = world.join("head", "CENTRE_HEAD");
    assert!(text(&op.household(&files[0])["id_masked"]).contains('*'));
    for reason in ["", "  "] {
        let refused = op.refused("RevealIdentity", json!({ "household": files[0], "reason": reason }));
        assert_eq!((failure_code(&refused).as_str(), field(&refused)), ("EMPTY_TEXT", "reason"));
    }
    let long = op.refused("RevealIdentity", json!({ "household": files[0], "reason": "长".repeat(201) }));
    assert_eq!((failure_code(&long).as_str(), field(&long)), ("TEXT_TOO_LONG", "reason"));
    let shown = op.ask("RevealIdentity", json!({ "household": files[0], "reason": "核对同名的两户" }));
    let full = text(&shown["borrower_id"]).to_owned();
    assert_eq!(full.len(), 18);
    assert!(full.starts_with("410490"), "an invented number");
    let tail = text(&op.household(&files[0])["id_tail"]).to_owned();
    assert!(full.ends_with(&tail), "of this family");

    // A search by the full number is a look; one by its end is not.
    let found = op.ask("Search", json!({ "text": tail }));
    assert!(!items(&found["hits"]).is_empty());
    assert_eq!(op.ask("Search", json!({ "text": full }))["hits"][0]["file"], files[0]);
    // Who has no numbers is shown none, and leaves no record that the county would have to hold.
    let refused = zhou.refused("RevealIdentity", json!({ "household": files[0], "reason": "想看看" }));
    assert_eq!(failure_code(&refused), "NOT_FOUND");
    zhou.ask("Search", json!({ "text": full }));
    assert_eq!(zhou.ask("Status", json!({}))["only_here"], 0);

    assert_eq!(failure_code(&op.refused("Looks", json!({}))), "NOT_ALLOWED");
    op.sync();
    head.sync();
    let rows = looks(&head);
    let what: Vec<(&str, &str)> = rows.iter().map(|row| (text(&row["what"]), text(&row["person"]))).collect();
    assert_eq!(what, [("SEARCH_BY_ID", "op1"), ("IDENTITY", "op1")]);
    assert_eq!((&rows[1]["reason"], &rows[1]["household"]), (&json!("核对同名的两户"), &files[0]));
    assert!(!json!(rows).to_string().contains(&full), "the record does not tell the number");
    // Not even the head takes it away.
    let refused = head.refused("EraseFacts", json!({ "facts": [rows[1]["look"]], "reason": "没有看过" }));
    assert!(!refused.zh.is_empty());
    assert_eq!(looks(&head).len(), 2);
    zhou.sync();
    for seat in [&op, &zhou, &head] {
        seat.check();
    }
    drop(list);
}

#[test]
fn nobody_reads_a_list_by_lifting_masks() {
    let world = World::at(NOON);
    let (op, _zhou, files, _list) = world.village(3);
    let mut shown = 0;
    let refused = loop {
        match op.call("RevealIdentity", json!({ "household": files[shown % 3], "reason": "逐户核对" })) {
            Ok(_) => shown += 1,
            Err(failure) => break failure,
        }
    };
    assert_eq!((shown, failure_code(&refused).as_str()), (20, "TOO_MANY_LOOKS"));
    op.sync();
    let head = world.join("head", "CENTRE_HEAD");
    assert_eq!(looks(&head).len(), 20, "each one that was shown, and none that was not");
}

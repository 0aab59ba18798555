//! Named after an accident elsewhere (medic/cht-core #8093): a master was restored from a backup, and desks whose
//! checkpoints were ahead of it never sent again what it had lost. Here yesterday's copy of the county goes on, fifty desks
//! return over HTTPS, and nobody does anything but sync: every fact that was acknowledged since the copy is there again.
#![allow(clippy::expect_used, clippy::indexing_slicing, reason = "a test that cannot go on stops")]

use std::collections::BTreeSet;

use serde_json::{Value, json};
use tests::{List, Seat, World, bytes, items, picture, places_in, text};

const NOON: &str = "2026-12-08T12:00:00+08:00";
/// Villages, each with somebody of either line.
const VILLAGES: usize = 24;

fn visit(seat: &Seat, file: &Value, arrived: &str) -> String {
    let form = json!({ "on": "2026-12-08", "arrived": arrived, "purpose": "CHECK_DETAILS", "result": "NOT_MET" });
    text(&seat.ask("RecordVisit", json!({ "household": file, "visit": form }))["visit"]).to_owned()
}

fn assign(op: &Seat, person: &str, village: &str) {
    op.ask("AssignVillages", json!({ "villages": [village], "person": person }));
}

/// The visits of every family on the list, as a desk that sees all has them.
fn visits(op: &Seat, villages: &[String]) -> BTreeSet<String> {
    let files = villages.iter().flat_map(|village| op.files(village));
    let pages: Vec<Value> = files.map(|file| op.household(&file)).collect();
    pages.iter().flat_map(|page| items(&page["visits"])).map(|row| text(&row["visit"]).to_owned()).collect()
}

#[test]
fn yesterdays_copy_goes_on_and_fifty_desks_bring_back_what_was_acknowledged() {
    let mut world = World::at(NOON);
    let townships = ["410423105", "410423106", "410423107"];
    let villages: Vec<String> =
        townships.iter().flat_map(|town| places_in(town)).map(|(code, _)| code).take(VILLAGES).collect();
    assert_eq!(villages.len(), VILLAGES);
    let op = world.operator(&List::of(&villages, 1));
    let han = world.join("han", "CENTRE_HEAD");
    let mut desks: Vec<(Seat, Value)> = Vec::new();
    for (at, village) in villages.iter().enumerate() {
        for (line, role) in [("school", "SCHOOL_DIRECTOR"), ("town", "TOWNSHIP_CLERK")] {
            let account = format!("{line}{at}");
            let seat = world.enrol(&account, &account, role);
            // The roles of new people are read before villages are given out.
            desks.push((seat, json!(village)));
        }
    }
    op.sync();
    for (at, village) in villages.iter().enumerate() {
        assign(&op, &format!("school{at}"), village);
        assign(&op, &format!("town{at}"), village);
    }
    op.sync();
    let mut acknowledged: BTreeSet<String> = BTreeSet::new();
    for (seat, village) in &desks {
        seat.sync();
        let files = seat.files(text(village));
        acknowledged.insert(visit(seat, &files[0], "08:00:00"));
        assert_eq!(seat.sync()["agreed"], true);
    }
    let copy = world.folder().join("yesterday");
    let home = world.folder().join("county");
    world.county().backup(&home, &copy).expect("a backup");

    // A day's work, all of it acknowledged, then lost: visits, a village that changes hands, a photo.
    for (seat, village) in &desks {
        let files = seat.files(text(village));
        acknowledged.insert(visit(seat, &files[0], "09:00:00"));
        assert_eq!(seat.sync()["agreed"], true);
    }
    op.sync();
    assign(&op, "school1", &villages[0]);
    op.sync();
    let (new, old) = (&desks[2].0, &desks[0].0);
    for seat in [new, old] {
        seat.sync();
    }
    let given = new.files(&villages[0])[0].clone();
    acknowledged.insert(visit(new, &given, "10:00:00"));
    let run = new.ask("PrintLetters", json!({ "which": { "households": [given] } }));
    let receipt = items(&run["letters"]).iter().find(|row| row["kind"] == "SERVICE_RECEIPT").expect("a receipt");
    let photo = bytes("photo.jpg", &picture(7, image::ImageFormat::Jpeg));
    new.ask("FileReceipt", json!({ "receipt_no": receipt["doc_no"], "file": photo }));
    assert_eq!(new.sync()["blobs_sent"], 1);

    world.go_on_from(&copy);
    let mut noticed = 0;
    let mut again = Vec::new();
    for (seat, _) in &desks {
        let report = seat.sync();
        assert_eq!(report["agreed"], true);
        noticed += usize::from(items(&report["remarks"]).iter().any(|remark| remark["code"] == "COUNTY_RESTORED"));
        again.push(report["blobs_sent"].as_u64().expect("a count"));
    }
    assert_eq!(noticed, desks.len(), "each of them knew more than the county");
    assert!(again.iter().sum::<u64>() >= 1, "the photo was offered again");
    for seat in [&op, &han] {
        assert_eq!(seat.sync()["agreed"], true);
    }
    // What the operator alone could bring back, the village that changed hands, is known to all after one more contact.
    for seat in desks.iter().map(|(seat, _)| seat).chain([&op, &han]) {
        assert_eq!(seat.sync()["agreed"], true);
        assert_eq!(seat.ask("Status", json!({}))["only_here"], 0);
        seat.check();
    }
    for seat in [&op, &han] {
        seat.sync();
        let there = visits(seat, &villages);
        let missing: Vec<&String> = acknowledged.difference(&there).collect();
        assert!(
            missing.is_empty(),
            "{} of {} acknowledged facts are missing: {missing:?}",
            missing.len(),
            acknowledged.len()
        );
        assert_eq!(there.len(), acknowledged.len(), "none twice");
    }
    assert_eq!(new.files(&villages[0]).len(), 1, "a right of the lost day holds");
    assert_eq!(old.files(&villages[0]).len(), 0, "and so does its end");
    assert_eq!(desks.len() + 2, 50);
}

/// Who loses a village keeps what they wrote there, sealed and out of sight, until a verified backup has it.
#[test]
fn what_was_written_before_a_village_changed_hands_comes_back_from_who_wrote_it() {
    let mut world = World::at(NOON);
    let (op, zhou, files, list) = world.village(2);
    let village = list.families[0].village.clone();
    let han = world.join("han", "CENTRE_HEAD");
    let wu = world.join("wu", "SCHOOL_DIRECTOR");
    op.sync();
    let copy = world.folder().join("yesterday");
    world.county().backup(&world.folder().join("county"), &copy).expect("a backup");

    let made = visit(&zhou, &files[0], "09:00:00");
    let run = zhou.ask("PrintLetters", json!({ "which": { "households": [files[0]] } }));
    let receipt = items(&run["letters"]).iter().find(|row| row["kind"] == "SERVICE_RECEIPT").expect("a receipt");
    let photo = bytes("photo.jpg", &picture(7, image::ImageFormat::Jpeg));
    zhou.ask("FileReceipt", json!({ "receipt_no": receipt["doc_no"], "file": photo }));
    zhou.sync();
    assign(&op, "wu", &village);
    op.sync();
    let report = zhou.sync();
    assert_eq!(report["files_gone"].as_u64().map(|gone| gone > 0), Some(true), "{report}");
    assert_eq!(zhou.files(&village).len(), 0, "out of sight");
    zhou.check();

    // Nobody but zhou was told of it before the county's disk was lost.
    world.go_on_from(&copy);
    assert_eq!(zhou.sync()["blobs_sent"], 1, "its picture is offered again");
    for seat in [&op, &zhou, &han, &wu] {
        assert_eq!(seat.sync()["agreed"], true);
    }
    for seat in [&op, &han] {
        assert!(visits(seat, std::slice::from_ref(&village)).contains(&made), "{}", seat.home().display());
    }
    let page = han.household(&files[0]);
    assert!(page.to_string().contains(text(&receipt["doc_no"])), "its papers too: {page}");
    let view = han.ask("Receipts", json!({}));
    let pictures: Vec<&Value> = items(&view["rows"]).iter().flat_map(|row| items(&row["pictures"])).collect();
    assert_eq!(pictures.len(), 1, "{view}");
    zhou.check();
}

/// A laptop that came after the copy waits for the head; a word on its work that comes first is kept, and counts with it.
#[test]
fn what_a_laptop_enrolled_after_the_copy_wrote_counts_once_the_head_lets_the_laptop_in() {
    let mut world = World::at(NOON);
    let (op, zhou, files, list) = world.village(1);
    let village = list.families[0].village.clone();
    let han = world.join("han", "CENTRE_HEAD");
    op.sync();
    let copy = world.folder().join("yesterday");
    world.county().backup(&world.folder().join("county"), &copy).expect("a backup");
    let second = world.enrol("second", "zhou", "SCHOOL_DIRECTOR");
    second.sync();
    let made = [visit(&second, &files[0], "09:00:00"), visit(&second, &files[0], "10:00:00")];
    second.sync();

    world.go_on_from(&copy);
    second.sync();
    han.sync();
    let held = || items(&han.ask("HeldFacts", json!({}))["rows"]).to_vec();
    let of = |kind: &str| -> Vec<Value> { held().into_iter().filter(|row| row["kind"] == kind).collect() };
    let computers = of("DeviceEnrolled");
    assert_eq!(computers.len(), 1, "{:?}", held());
    assert_eq!((&computers[0]["what"], &computers[0]["laptop_waits"]), (&json!("一台电脑"), &json!(false)));
    assert!(text(&computers[0]["says"]).ends_with("的电脑"), "{}", computers[0]);
    let works = of("VisitMade");
    assert_eq!(works.len(), 2);
    assert!(works.iter().all(|row| row["laptop_waits"] == true));
    let decide = |fact: &Value| {
        let saved = han.ask("DecideHeld", json!({ "facts": [fact], "accept": true, "reason": "" }));
        items(&saved["remarks"]).iter().map(|remark| remark["code"].clone()).collect::<Vec<_>>()
    };
    assert_eq!(decide(&works[0]["fact"]), [json!("LAPTOP_WAITS")]);
    let kept = |when: &str| {
        let row = of("VisitMade").into_iter().find(|row| row["fact"] == works[0]["fact"]);
        assert_eq!(row.map(|row| row["word"]["accept"].clone()), Some(json!(true)), "{when}");
    };
    kept("before it went");
    for seat in [&han, &op, &zhou, &second, &han] {
        assert_eq!(seat.sync()["agreed"], true);
        seat.check();
    }
    kept("at the county");
    let there = |seat: &Seat| visits(seat, std::slice::from_ref(&village));
    assert!(there(&op).is_empty() && there(&zhou).is_empty(), "nobody could check its seal");

    // The rest of its work is decided on after the laptop.
    assert_eq!(decide(&computers[0]["fact"]), [json!(null); 0]);
    for seat in [&han, &op, &zhou, &second] {
        assert_eq!(seat.sync()["agreed"], true);
        seat.check();
        assert_eq!(there(seat).into_iter().collect::<Vec<_>>(), [text(&works[0]["fact"])]);
    }
    assert_eq!(decide(&works[1]["fact"]), [json!(null); 0]);
    for seat in [&han, &op, &zhou, &second] {
        assert_eq!(seat.sync()["agreed"], true);
        seat.check();
        assert_eq!(there(seat), made.iter().cloned().collect());
    }
}

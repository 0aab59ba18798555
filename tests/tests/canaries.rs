//! What people type and photograph is nowhere to be read once a laptop is locked, dead or was never asked: not in its home, not
//! in copies and drafts, not among temporary files, not on a stick, not in what is noted of a fault.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a test that cannot go on stops, and says what it looked for"
)]

use std::time::Duration;

use serde_json::{Value, json};
use tests::canary::Canaries;
use tests::{Chance, Folder, List, Session, World, bytes, items, picture, places_in, text};

const NOON: &str = "2026-12-08T12:00:00+08:00";
const FAMILIES: usize = 50;
const PHOTOS: usize = 20;

/// A word that stands nowhere else.
fn word(what: &str, number: usize) -> String {
    const SIGNS: [char; 10] = ['槐', '桐', '榆', '柏', '桑', '柿', '枣', '杏', '梨', '桃'];
    let digits: String = [number / 100, number / 10, number].map(|digit| SIGNS[digit % 10]).iter().collect();
    format!("{what}{digits}湾")
}

#[test]
fn two_hundred_words_and_twenty_photos_are_nowhere_to_be_read() {
    let codes: Vec<String> = places_in("410423105").into_iter().take(1).map(|(code, _)| code).collect();
    let mut list = List::of(&codes, FAMILIES);
    let mut canaries = Canaries::default();
    for (number, family) in list.families.iter_mut().enumerate() {
        family.borrower = word("王", number);
        family.address = word("老槐树往北第几家", number);
        family.phone = format!("139{:08}", 42_000_000 + number * 7_919);
        for told in [&family.borrower, &family.address, &family.phone, &family.id] {
            canaries.text(told);
        }
    }
    let world = World::at(NOON);
    let op = world.operator(&list);
    let zhou = world.join("zhou", "SCHOOL_DIRECTOR");
    op.sync();
    op.ask("AssignVillages", json!({ "villages": codes, "person": "zhou" }));
    op.sync();
    zhou.sync();
    let files = zhou.files(&codes[0]);
    assert_eq!(files.len(), FAMILIES);
    let home = zhou.home().to_owned();
    drop(zhou);

    // A day in a process of its own, with temporary files where they can be looked at.
    let temporary = Folder::fresh();
    let stick = Folder::fresh();
    let mut desk = Session::with_temporary(&home, NOON, temporary.path());
    desk.ask("Home", &json!({}));
    let run = desk.ask("PrintLetters", &json!({ "which": { "households": files[..PHOTOS] } }));
    let receipts = items(&run["letters"]).iter().filter(|row| row["kind"] == "SERVICE_RECEIPT");
    let mut chance = Chance::of(9);
    for (number, row) in receipts.enumerate() {
        let mut photo = picture(u8::try_from(number).expect("small"), image::ImageFormat::Jpeg);
        // As large as one that has a preview.
        photo.extend((0..6_000).flat_map(|_| chance.draw().to_be_bytes()));
        canaries.bytes(&format!("photo {number}"), &photo[20_000..20_048]);
        let small = foreign::Reader::unconfined().preview(&photo).expect("a preview");
        canaries.bytes(&format!("preview {number}"), small.get(small.len() / 2..).expect("its second half"));
        let filed = desk.ask("FileReceipt", &json!({ "receipt_no": row["doc_no"], "file": bytes("回证.jpg", &photo) }));
        assert!(filed["picture"]["preview"].is_string(), "{filed}");
    }
    let visit = |number: usize, file: &Value| {
        let form = json!({ "on": "2026-12-08", "arrived": format!("09:{:02}:00", number % 60), "purpose": "SERVE",
            "result": "NOT_MET", "note": word("门锁着邻居说去了", number) });
        json!({ "household": file, "visit": form })
    };
    for (number, file) in files.iter().enumerate() {
        canaries.text(&word("门锁着邻居说去了", number));
        desk.ask("RecordVisit", &visit(number, file));
        desk.ask("Household", &json!({ "household": file }));
    }
    let draft = word("填了一半的话", 1);
    canaries.text(&draft);
    desk.ask("KeepDraft", &json!({ "form": "visit", "household": files[0], "text": draft }));
    desk.ask("Search", &json!({ "text": list.families[3].borrower }));
    desk.ask("Search", &json!({ "text": list.families[4].id }));
    desk.ask("BackUp", &json!({}));
    desk.ask("BundleOut", &json!({ "folder": stick.path() }));
    // Refused, with the words in hand.
    let wrong = json!({ "household": files[0], "number": "12", "source": list.families[0].address });
    desk.send("AddContact", &wrong);
    desk.hear(Duration::from_secs(60)).expect("an answer");
    assert!(canaries.count() >= 200 + PHOTOS, "{}", canaries.count());

    let nowhere = |when: &str| {
        for folder in [home.as_path(), temporary.path(), stick.path()] {
            assert_eq!(canaries.below(folder), Vec::<String>::new(), "{when}");
        }
    };
    nowhere("at work");
    desk.ask("Lock", &json!({}));
    nowhere("locked");
    drop(desk);
    let mut desk = Session::with_temporary(&home, NOON, temporary.path());
    desk.ask("Status", &json!({}));
    for (number, file) in files.iter().take(20).enumerate() {
        desk.send("RecordVisit", &visit(number, file));
    }
    desk.hear(Duration::from_secs(60)).expect("an answer");
    desk.kill();
    nowhere("killed");
    // The centre's own desk knows all of them, too.
    let centre = op.home().to_owned();
    drop(op);
    assert_eq!(canaries.below(&centre), Vec::<String>::new(), "the centre's desk");
    // And they would be found: an answer holds them.
    let mut desk = Session::with_temporary(&home, NOON, temporary.path());
    let page = desk.ask("Household", &json!({ "household": files[0] })).to_string();
    assert!(canaries.within(page.as_bytes()).len() >= 3, "{}", text(&files[0]));
    println!("{} words and photos, in every writing, 0 found", canaries.count());
}

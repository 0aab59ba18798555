//! A laptop is stolen (domain.md SC5): from the theft to the spare laptop, with lists that are compared with what was really on
//! it. And what must not happen: that one person alone turns a colleague out, that work which was not sent is lost or counts
//! of itself, that anything of it can be read afterwards.
#![allow(clippy::expect_used, clippy::indexing_slicing, reason = "a test that cannot go on stops")]

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::{Value, json};
use tests::{Folder, List, PASSPHRASE, Seat, World, bytes, failure_code, field, items, picture, places_in, text};

const EVENING: &str = "2026-12-16T19:00:00+08:00";
const HOW: &str = "停在乡政府门口的车被撬，电脑包不见了";

fn laptops(seat: &Seat) -> Vec<Value> {
    items(&seat.ask("Laptops", json!({}))["rows"]).clone()
}

fn of(seat: &Seat, person: &str) -> Value {
    laptops(seat).into_iter().find(|row| row["person"] == person).expect("a laptop")
}

fn report(seat: &Seat, device: &Value) -> Value {
    seat.ask("ReportLost", json!({ "device": device, "on": "2026-12-16", "at": "18:30:00", "how": HOW }))
}

fn visit(seat: &Seat, file: &Value, minute: usize, result: &str) {
    let mut form = json!({ "on": "2026-12-16", "arrived": format!("09:{minute:02}:00"), "purpose": "CHECK_DETAILS",
        "result": result, "note": format!("第{minute}户") });
    if result == "MET_FAMILY" {
        form["met_name"] = json!("李桂兰");
        form["met_relation"] = json!("母亲");
    }
    seat.ask("RecordVisit", json!({ "household": file, "visit": form }));
}

/// Prints a pair; returns the numbers of notice and receipt.
fn print(seat: &Seat, file: &Value) -> [String; 2] {
    let run = seat.ask("PrintLetters", json!({ "which": { "households": [file] }, "reason": "银行还没有给新数据" }));
    ["REPAYMENT_NOTICE", "SERVICE_RECEIPT"].map(|kind| {
        let row = items(&run["letters"]).iter().find(|row| row["kind"] == kind).expect("a sheet");
        text(&row["doc_no"]).to_owned()
    })
}

fn void(seat: &Seat, pair: &[String; 2]) {
    for doc_no in pair {
        seat.ask("VoidLetter", json!({ "doc_no": doc_no, "reason": "写错了" }));
    }
}

fn serials(view: &Value, kind: &str) -> Vec<(u64, u64)> {
    let of_kind = items(&view["void"]).iter().filter(|range| range["kind"] == kind);
    of_kind
        .map(|range| (range["first"].as_u64().expect("a number"), range["last"].as_u64().expect("a number")))
        .collect()
}

fn named(rows: &Value, field: &str) -> BTreeSet<String> {
    items(rows).iter().map(|row| text(&row[field]).to_owned()).collect()
}

/// Everything below a folder, as bytes.
fn everything(folder: &Path) -> Vec<u8> {
    let mut out = Vec::new();
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            out.extend(everything(&path));
        } else {
            out.extend(std::fs::read(&path).expect("a file"));
        }
    }
    out
}

fn holds(bytes: &[u8], needle: &str) -> bool {
    bytes.windows(needle.len()).any(|window| window == needle.as_bytes())
}

#[test]
fn a_stolen_laptop_from_the_theft_to_the_spare_one() {
    let codes: Vec<String> = places_in("410423105").into_iter().take(2).map(|(code, _)| code).collect();
    // Of the second village, which he is given only after the last contact, nothing ever lay on his laptop.
    let mut list = List::of(&codes, 46);
    list.families.truncate(48);
    let world = World::at(EVENING);
    // The first who asks for numbers: his begin with 10100.
    let zhou = world.join("zhou", "SCHOOL_DIRECTOR");
    let op = world.operator(&list);
    let (head, auditor) = (world.join("head", "CENTRE_HEAD"), world.join("shen", "CENTRE_AUDITOR"));
    op.sync();
    op.ask("AssignVillages", json!({ "villages": codes[..1], "person": "zhou" }));
    op.sync();
    zhou.sync();
    let files = zhou.files(&codes[0]);
    assert_eq!(files.len(), 46);

    // The day: 37 pairs, two of them printed anew; 31 receipts signed, of which the photos of 24 went home.
    let mut pairs: Vec<[String; 2]> = files[..37].iter().map(|file| print(&zhou, file)).collect();
    for at in [3, 20] {
        void(&zhou, &pairs[at]);
        pairs[at] = print(&zhou, &files[at]);
    }
    // Four families paid meanwhile, their sheets are void; two receipts lie in the bag.
    for pair in &pairs[33..] {
        void(&zhou, pair);
    }
    for (at, pair) in pairs[..24].iter().enumerate() {
        let photo = bytes("photo.jpg", &picture(u8::try_from(at).expect("small"), image::ImageFormat::Jpeg));
        zhou.ask("FileReceipt", json!({ "receipt_no": pair[1], "file": photo }));
        visit(&zhou, &files[at], at, "MET_FAMILY");
    }
    zhou.sync();
    for (at, pair) in pairs[24..31].iter().enumerate() {
        let photo = bytes("photo.jpg", &picture(u8::try_from(100 + at).expect("small"), image::ImageFormat::Jpeg));
        zhou.ask("FileReceipt", json!({ "receipt_no": pair[1], "file": photo }));
    }
    // The records of these seven came by a stick, their photos did not fit.
    let stick = Folder::fresh();
    zhou.ask("BundleOut", json!({ "folder": stick.path(), "most_mb": 0 }));
    assert_eq!(world.county().bundles_in(stick.path(), stick.path()).expect("taken").taken.len(), 1);
    // And this never came: three visits.
    for (at, file) in files.iter().enumerate().skip(40).take(3) {
        visit(&zhou, file, at, "MET_FAMILY");
    }
    // A bundle that is still in a colleague's pocket when the laptop is stolen.
    let pocket = Folder::fresh();
    zhou.ask("BundleOut", json!({ "folder": pocket.path(), "most_mb": 0 }));
    op.ask("AssignVillages", json!({ "villages": codes[1..], "person": "zhou" }));
    op.sync();
    let own = zhou.ask("Letters", json!({}));
    let open = |kind: &str| own[kind].as_u64().expect("a number");
    let truth = [("REPAYMENT_NOTICE", open("notices_left")), ("SERVICE_RECEIPT", open("receipts_left"))];
    let thief = zhou;

    // 18:40: one of the two says so. That alone has no effect.
    head.sync();
    let device = of(&head, "zhou")["device"].clone();
    assert_eq!(failure_code(&op.refused("Laptops", json!({}))), "NOT_ALLOWED");
    report(&head, &device);
    head.sync();
    assert_eq!(
        (of(&head, "zhou")["state"].clone(), of(&head, "head")["this_one"].clone()),
        (json!("REPORTED"), json!(true))
    );
    let before = head.ask("LostLaptop", json!({ "device": device }));
    assert!(
        !text(&items(&before["report"]).iter().find(|line| line["label"] == "已采取的措施").expect("a line")["text"])
            .contains("已停用"),
        "nothing is said to be done that is not"
    );
    assert_eq!(world.county().quarantine().expect("read"), []);
    let again =
        head.refused("ReportLost", json!({ "device": device, "on": "2026-12-16", "at": "18:30:00", "how": HOW }));
    assert_eq!(failure_code(&again), "SAID_LOST");
    // 18:50: the other one does.
    auditor.sync();
    assert_eq!(of(&auditor, "zhou")["said"][0]["how"], json!(HOW));
    report(&auditor, &device);
    auditor.sync();
    head.sync();
    assert_eq!(of(&head, "zhou")["state"], json!("LOST"));

    // The lists, and the truth.
    let view = head.ask("LostLaptop", json!({ "device": device }));
    assert_eq!((view["burnt"].clone(), view["households_count"].clone()), (json!(true), json!(46)), "{view}");
    let on_it: BTreeSet<String> = files.iter().map(|file| text(file).to_owned()).collect();
    assert_eq!(named(&view["households"], "household"), on_it, "what came after the last contact is not on it");
    assert_eq!(view["photos"], json!(31));
    for (kind, open) in truth {
        let ranges = serials(&view, kind);
        assert_eq!(ranges[..2], [(10_139, 10_199), (10_200, 10_299)], "used to 10138");
        assert_eq!(ranges.iter().map(|(first, last)| last - first + 1).sum::<u64>(), open, "all that he had left");
    }
    let receipts = |range: std::ops::Range<usize>| -> BTreeSet<String> {
        pairs[range].iter().map(|pair| pair[1].clone()).collect()
    };
    assert_eq!(named(&view["rescan"], "doc_no"), receipts(24..31));
    assert_eq!(named(&view["reserve"], "doc_no"), receipts(31..33));
    let met: BTreeSet<String> = files[..24].iter().map(|file| text(file).to_owned()).collect();
    assert_eq!(named(&view["revisit"], "household"), on_it.difference(&met).cloned().collect());
    let lines: Vec<&str> = items(&view["report"]).iter().map(|line| text(&line["text"])).collect();
    assert!(lines.iter().any(|line| line.contains("46户") && line.contains("回证照片31张")), "{lines:?}");
    assert!(lines.iter().any(|line| line.contains("2026年12月16日 18:30")), "{lines:?}");

    // What comes under its keys from now on lies apart, by whatever road.
    let report = world.county().bundles_in(pocket.path(), pocket.path()).expect("looked at");
    assert_eq!((report.taken.len(), report.left.len()), (0, 1), "{report:?}");
    assert_eq!(world.county().quarantine().expect("read").len(), 1);

    // Whoever has the laptop and its passphrase comes to the county once more.
    assert!(!everything(thief.home()).is_empty());
    let told = thief.refused("Sync", json!({}));
    assert_eq!(failure_code(&told), "LAPTOP_LOST");
    assert_eq!(thief.ask("Home", json!({}))["state"], json!("ERASED"));
    for call in ["Households", "Status", "Today"] {
        assert_eq!(failure_code(&thief.refused(call, json!({}))), "LAPTOP_LOST", "{call}");
    }
    assert!(
        thief.call("Unlock", json!({ "passphrase": PASSPHRASE })).is_err(),
        "its passphrase opens nothing any more"
    );
    let left: Vec<String> = std::fs::read_dir(thief.home())
        .expect("a folder")
        .map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned())
        .collect();
    assert!(left.iter().all(|name| ["lock", "forgotten", "rescue"].contains(&name.as_str())), "{left:?}");
    let sealed =
        std::fs::read_dir(thief.home().join("rescue")).expect("a folder").map(|entry| entry.expect("an entry").path());
    assert!(
        sealed.into_iter().all(|path| path.extension().is_some_and(|end| end == "handed-in")),
        "only the county opens these"
    );
    let rest = everything(thief.home());
    for family in &list.families {
        assert!(!holds(&rest, &family.borrower) && !holds(&rest, &family.id));
    }
    let kept = world.county().quarantine().expect("read");
    assert!(kept.len() > 2, "records and photos were handed in: {kept:?}");

    // The spare one: what was sent is back, what was not is not there of itself.
    let spare = world.join_as("spare", "zhou", "SCHOOL_DIRECTOR");
    assert_eq!(spare.files(&codes[0]), files);
    assert_eq!(spare.families(), 48);
    let visits = |seat: &Seat| -> usize { files.iter().map(|file| items(&seat.household(file)["visits"]).len()).sum() };
    assert_eq!(visits(&spare), 24);
    let letters = spare.ask("Letters", json!({}));
    assert_eq!((letters["printed"].clone(), letters["void"].clone()), (json!(78), json!(12)), "their numbers stay");
    let fresh = print(&spare, &files[40]);
    for (doc_no, (kind, _)) in fresh.iter().zip(truth) {
        let serial: String = doc_no.chars().skip_while(|c| *c != '〕').filter(char::is_ascii_digit).collect();
        let serial: u64 = serial.parse().expect("a serial");
        assert!(serials(&view, kind).iter().all(|(first, last)| !(*first..=*last).contains(&serial)), "void: {doc_no}");
    }

    // The head looks at what was handed in, and decides.
    let mut photos = 0;
    for one in &kept {
        let taken = world.county().take_quarantined(one.bundle).expect("taken in");
        assert_eq!((taken.refused, taken.photos_wait), (0, 0), "{taken:?}");
        photos += taken.photos;
    }
    assert_eq!(photos, 7, "of records that had come before");
    head.sync();
    let held = items(&head.ask("HeldFacts", json!({}))["rows"]).clone();
    let facts: Vec<Value> = held.iter().map(|row| row["fact"].clone()).collect();
    assert_eq!(facts.len(), 6, "three visits with their notes: {held:?}");
    spare.sync();
    assert_eq!(visits(&spare), 24, "nothing counts of itself");
    head.ask("DecideHeld", json!({ "facts": facts, "accept": true, "reason": "对过纸面，属实" }));
    head.sync();
    spare.sync();
    op.sync();
    assert_eq!((visits(&spare), visits(&op)), (27, 27), "and nothing was lost");
    head.sync();
    assert_eq!(items(&head.ask("LostLaptop", json!({ "device": device }))["rescan"]).len(), 0);
    for seat in [&op, &head, &auditor, &spare] {
        seat.sync();
        seat.check();
    }
}

#[test]
fn one_person_alone_turns_nobody_out() {
    let world = World::at(EVENING);
    let (op, zhou, files, _list) = world.village(2);
    let (head, auditor) = (world.join("head", "CENTRE_HEAD"), world.join("shen", "CENTRE_AUDITOR"));
    let device = of(&head, "zhou")["device"].clone();
    let ask = |device: &Value, on: &str, how: &str| json!({ "device": device, "on": on, "at": "18:30:00", "how": how });
    for (with, code, at) in [
        (ask(&device, "2026-12-16", " "), "EMPTY_TEXT", "how"),
        (ask(&device, "2026-12-16", &"长".repeat(201)), "TEXT_TOO_LONG", "how"),
        (ask(&device, "2026-12-17", HOW), "NOT_YET", "at"),
        (ask(&json!("00000000000000ff"), "2026-12-16", HOW), "NO_LAPTOP", "device"),
        (ask(&of(&head, "head")["device"], "2026-12-16", HOW), "OWN_LAPTOP", "device"),
    ] {
        let refused = head.refused("ReportLost", with);
        assert_eq!((failure_code(&refused).as_str(), field(&refused)), (code, at));
    }
    for seat in [&op, &zhou] {
        assert_eq!(failure_code(&seat.refused("ReportLost", ask(&device, "2026-12-16", HOW))), "NOT_ALLOWED");
    }
    report(&head, &device);
    // A second laptop of the same person is no second person.
    let second = world.join_as("head2", "head", "CENTRE_HEAD");
    head.sync();
    second.sync();
    assert_eq!(failure_code(&second.refused("ReportLost", ask(&device, "2026-12-16", HOW))), "SAID_LOST");
    visit(&zhou, &files[0], 1, "NOT_MET");
    zhou.sync();
    assert_eq!(of(&head, "zhou")["state"], json!("REPORTED"));
    // Both at once, before either has heard of the other.
    report(&auditor, &device);
    auditor.sync();
    assert_eq!(failure_code(&zhou.refused("Sync", json!({}))), "LAPTOP_LOST");
    // What no verified backup has was handed in, though the county has it: nothing of it is there twice.
    for one in world.county().quarantine().expect("read") {
        world.county().take_quarantined(one.bundle).expect("taken in");
    }
    head.sync();
    assert_eq!(items(&head.ask("HeldFacts", json!({}))["rows"]).len(), 0);
    let page = op.ask("Household", json!({ "household": files[0] }));
    op.sync();
    assert_eq!(op.household(&files[0])["visits"].as_array().map(Vec::len), Some(1), "{page}");
}

#[test]
fn what_cannot_be_handed_in_at_once_stays_sealed_and_goes_in_later() {
    let mut world = World::at(EVENING);
    let (_op, zhou, files, list) = world.village(2);
    let (head, auditor) = (world.join("head", "CENTRE_HEAD"), world.join("shen", "CENTRE_AUDITOR"));
    visit(&zhou, &files[0], 1, "NOT_MET");
    let device = of(&head, "zhou")["device"].clone();
    for seat in [&head, &auditor] {
        report(seat, &device);
        seat.sync();
    }
    // A disk that cannot take the sealed bundle: then nothing is forgotten, and the next contact tries again.
    let rescue = zhou.home().join("rescue");
    std::fs::write(&rescue, b"in the way").expect("a file");
    assert!(zhou.call("Sync", json!({})).is_err());
    std::fs::remove_file(&rescue).expect("gone");
    zhou.ask("Unlock", json!({ "passphrase": PASSPHRASE }));
    assert_eq!(zhou.ask("Status", json!({}))["only_here"], json!(2), "nothing was lost meanwhile");

    // Killed while it forgets: whoever looks next finishes that.
    assert_eq!(failure_code(&zhou.refused("Sync", json!({}))), "LAPTOP_LOST");
    let home = zhou.home().to_owned();
    drop(zhou);
    std::fs::rename(home.join("forgotten"), home.join("forgetting")).expect("put back");
    std::fs::write(home.join("ruhu.db"), b"not gone yet").expect("a file");
    let zhou = Seat::before(&home, EVENING);
    assert_eq!(zhou.ask("Home", json!({}))["state"], json!("ERASED"));
    assert!(!home.join("ruhu.db").exists());
    assert_eq!(world.county().quarantine().expect("read").len(), 1);
    drop(list);
    world.restart();
    assert_eq!(world.county().quarantine().expect("read").len(), 1, "it lies on the disk");
}

//! Accidents that other programs' users had, by their names, told again over the real doors: a real county over TLS, real
//! desks, a line that breaks where it is told to. Each must end with nothing lost, nothing doubled and nobody called.
#![allow(clippy::expect_used, clippy::indexing_slicing, reason = "a test that cannot go on stops")]

use std::path::Path;

use county::Clock;
use serde_json::{Value, json};
use tests::line::{Cut, Line};
use tests::{PASSPHRASE, Seat, World, bytes, failure_code, items, moment, picture, spoil_sum, text};

const NOON: &str = "2026-12-08T12:00:00+08:00";

/// A county behind a line, its operator, a director with one village of this many families, and their files.
fn village(seed: u64, families: usize) -> (World, Line, Seat, Seat, Vec<Value>) {
    let mut line = None;
    let world =
        World::behind(NOON, Clock::practice(moment(NOON)), "127.0.0.1", |at| line.insert(Line::to(at, seed)).address());
    let line = line.expect("a line");
    line.weather(None);
    let (op, zhou, files, _list) = world.village(families);
    (world, line, op, zhou, files)
}

fn phone(seat: &Seat, file: &Value, number: &str) {
    seat.ask("AddContact", json!({ "household": file, "number": number, "source": "VILLAGE" }));
}

/// The numbers of one family, sorted.
fn phones(seat: &Seat, file: &Value) -> Vec<String> {
    let page = seat.household(file);
    let mut numbers: Vec<String> = items(&page["contacts"]).iter().map(|row| text(&row["number"]).to_owned()).collect();
    numbers.sort();
    numbers
}

/// Own facts of a desk: here alone, at the county.
fn own(seat: &Seat) -> (u64, u64) {
    let status = seat.ask("Status", json!({}));
    (status["only_here"].as_u64().expect("a count"), status["county_has"].as_u64().expect("a count"))
}

fn copied(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("a folder");
    for entry in std::fs::read_dir(from).expect("a home") {
        let entry = entry.expect("an entry");
        std::fs::copy(entry.path(), to.join(entry.file_name())).expect("a copy");
    }
}

/// The disk of a laptop is copied to another; both are open.
fn cloned(world: &World, seat: &mut Seat) -> Seat {
    seat.ask("Lock", json!({}));
    let other = world.folder().join("clone");
    copied(seat.home(), &other);
    let clone = Seat::before(&other, NOON);
    clone.ask("Unlock", json!({ "passphrase": PASSPHRASE }));
    seat.reopen(NOON);
    clone
}

fn remarked(report: &Value, code: &str) -> bool {
    items(&report["remarks"]).iter().any(|remark| remark["code"] == code)
}

/// A laptop's disk is copied to another, and both go on under one name.
#[test]
fn cloned_device() {
    let (world, _line, op, mut zhou, files) = village(1, 2);
    let before = phones(&op, &files[0]);
    let clone = cloned(&world, &mut zhou);
    // Both write under the same numbers without knowing of each other.
    for (seat, numbers) in [(&zhou, ["13700000001", "13700000002"]), (&clone, ["13700000003", "13700000004"])] {
        for number in numbers {
            phone(seat, &files[0], number);
        }
    }
    zhou.sync();
    let report = clone.sync();
    assert!(remarked(&report, "NEW_JOURNAL"), "the person is told: {report}");
    // Who was there first goes on, and is told as soon as the twin is known.
    phone(&zhou, &files[0], "13700000005");
    for seat in [&zhou, &clone, &op, &zhou, &clone] {
        seat.sync();
    }
    phone(&clone, &files[0], "13700000006");
    for seat in [&clone, &zhou, &op] {
        seat.sync();
    }
    let mut all = before;
    all.extend((1..=6).map(|n| format!("1370000000{n}")));
    all.sort();
    for seat in [&zhou, &clone, &op] {
        assert_eq!(phones(seat, &files[0]), all, "{}", seat.home().display());
        assert_eq!(own(seat).0, 0);
        seat.check();
    }
}

/// A copied laptop has the same numbers left, and two families get papers of one number: what is said of the one must not
/// be written down for the other.
#[test]
fn a_number_on_the_papers_of_two_families_belongs_to_the_one_that_is_named() {
    let (world, _line, op, mut zhou, files) = village(1, 2);
    let clone = cloned(&world, &mut zhou);
    let print = |seat: &Seat, file: &Value| {
        let run = seat.ask("PrintLetters", json!({ "which": { "households": [file] } }));
        let receipt = items(&run["letters"]).iter().find(|row| row["kind"] == "SERVICE_RECEIPT").expect("a receipt");
        receipt["doc_no"].clone()
    };
    let number = print(&zhou, &files[0]);
    assert_eq!(print(&clone, &files[1]), number, "both had the same numbers left");
    for seat in [&zhou, &clone, &op, &zhou] {
        seat.sync();
    }
    let photo = bytes("photo.jpg", &picture(1, image::ImageFormat::Jpeg));
    let refused = zhou.refused("FileReceipt", json!({ "receipt_no": number, "file": photo }));
    assert_eq!(failure_code(&refused), "NUMBER_TWICE", "{refused:?}");
    let names: Vec<String> = files.iter().map(|file| text(&op.household(file)["borrower"]).to_owned()).collect();
    assert!(names.iter().all(|name| refused.zh.contains(name)), "{refused:?}");
    zhou.ask("FileReceipt", json!({ "receipt_no": number, "household": files[1], "file": photo }));
    let rows = |state: &str| -> Vec<bool> {
        let view = zhou.ask("Receipts", json!({}));
        let of = |file: &&Value| {
            let row = items(&view["rows"]).iter().find(|row| &row["letter"]["household"] == *file).expect("a receipt");
            row[state] == json!(true) || row[state].as_array().is_some_and(|all| all.len() == 1)
        };
        files.iter().collect::<Vec<_>>().iter().map(of).collect()
    };
    assert_eq!(rows("pictures"), [false, true]);
    let done = json!({
        "receipt_no": number, "household": files[1], "mode": "DIRECT", "served_on": "2026-12-08",
        "servers": ["周老师"], "signed": true, "dated_by_hand": true, "home_confirmed": true, "date_confirmed": true
    });
    zhou.ask("CompleteReceipt", done);
    assert_eq!(rows("complete"), [false, true]);
    zhou.ask("VoidLetter", json!({ "doc_no": number, "household": files[0], "reason": "文号重了" }));
    let view = zhou.ask("Receipts", json!({}));
    assert_eq!(items(&view["rows"]).len(), 1, "the other family's is not void: {view}");
}

/// Actual #3786: a device whose clock is wrong can no longer sync, or makes all others unable to.
#[test]
fn bad_clock_actual_3786() {
    let (world, _line, op, mut zhou, files) = village(2, 2);
    let lin = world.join_as("head", "head", "CENTRE_HEAD");
    let before = phones(&op, &files[0]);
    let moments = ["2099-12-31T23:59:00+08:00", "1980-01-01T00:01:00+08:00", "2026-12-08T11:00:00+08:00", NOON];
    for (n, clock) in moments.iter().enumerate() {
        zhou.reopen(clock);
        phone(&zhou, &files[0], &format!("1360100000{n}"));
        let report = zhou.sync();
        assert_eq!(report["sent"].as_u64().map(|sent| sent > 0), Some(true), "{clock}: {report}");
        // Not refused, and nobody else is.
        for seat in [&op, &lin] {
            seat.sync();
            assert!(phones(seat, &files[0]).contains(&format!("1360100000{n}")), "{clock}");
        }
        phone(&lin, &files[0], &format!("1350100000{n}"));
        lin.sync();
        zhou.sync();
        assert!(phones(&zhou, &files[0]).contains(&format!("1350100000{n}")), "{clock}");
    }
    assert_eq!(phones(&op, &files[0]).len(), before.len() + 7, "the last of the eight has not come");
    op.sync();
    assert_eq!(phones(&op, &files[0]).len(), before.len() + 8);
    // What it wrote in 2099 is shown as of the day on which it came.
    let people = op.household(&files[0]).to_string();
    assert!(!people.contains("2099-") && !people.contains("1980-"), "{people}");
    for seat in [&op, &lin, &zhou] {
        seat.check();
    }
}

/// Automerge #1284: one message is lost, and the two ends wait for each other for ever or never become equal.
#[test]
fn lost_message_automerge_1284() {
    let (_world, line, op, zhou, files) = village(3, 1);
    let before = phones(&op, &files[0]).len();
    let mut added = 0;
    // The flow dies after so many bytes of one way: in the greeting of TLS, in a question, in an answer, between two.
    for step in 0..14_u64 {
        for cut in [Cut::Up(300 * step + 1), Cut::Down(250 * step + 1)] {
            phone(&op, &files[0], &format!("13801{added:06}"));
            phone(&zhou, &files[0], &format!("13901{added:06}"));
            added += 1;
            op.sync();
            // Each contact begins on a new flow.
            line.cut([cut]);
            zhou.sync();
            line.cut_no_more();
            assert_eq!(own(&zhou).0, 0, "{cut:?}");
            assert_eq!(phones(&zhou, &files[0]).len(), before + 2 * added, "{cut:?}");
        }
    }
    op.sync();
    assert_eq!(phones(&op, &files[0]), phones(&zhou, &files[0]));
    let report = zhou.sync();
    assert_eq!((&report["sent"], &report["received"]), (&json!(0), &json!(0)));
    zhou.check();
    op.check();
}

/// PowerSync-js #954: a checksum that does not fit makes the client download everything again, and again, and again.
#[test]
fn checksum_redownload_loop_powersync_954() {
    let (_world, line, op, mut zhou, files) = village(4, 6);
    zhou.ask("Lock", json!({}));
    spoil_sum(zhou.home(), PASSPHRASE);
    zhou.reopen(NOON);
    let contact = |seat: &Seat| {
        let before = line.carried().down;
        let failure = seat.refused("Sync", json!({}));
        assert_eq!(failure_code(&failure), "SUMS_DIFFER");
        line.carried().down - before
    };
    phone(&zhou, &files[0], "13400000001");
    let (here, there) = own(&zhou);
    let whole = contact(&zhou);
    // It is told, work goes through all the same, and what cannot be mended is not fetched at each contact.
    assert_eq!(own(&zhou), (0, here + there), "own work is at the county");
    op.sync();
    assert!(phones(&op, &files[0]).contains(&"13400000001".to_owned()));
    let again: Vec<u64> = (0..3).map(|_| contact(&zhou)).collect();
    assert!(again.iter().all(|bytes| bytes * 2 < whole), "{again:?} after {whole}");
    phone(&op, &files[0], "13400000002");
    op.sync();
    contact(&zhou);
    assert!(phones(&zhou, &files[0]).contains(&"13400000002".to_owned()), "what is new comes");
    // A day later it is worth another try.
    zhou.reopen("2026-12-09T13:00:00+08:00");
    let later = contact(&zhou);
    assert!(later * 2 > whole, "{later} a day after {whole}");
}

/// Anki-Android #6361: a contact breaks after the other side took the work and before it was noted here; from then on the
/// two disagree on what was sent.
#[test]
fn half_marked_sync_anki_6361() {
    let (_world, line, op, mut zhou, files) = village(5, 1);
    let before = phones(&op, &files[0]).len();
    let mut added = 0;
    let mut taken_unnoted = 0;
    // Later and later within TLS and the answers to hello and push, until a cut falls between the two; then no flow lives.
    for cut in (1_000..2_400).step_by(70) {
        phone(&zhou, &files[0], &format!("13301{added:06}"));
        added += 1;
        let (here, there) = own(&zhou);
        assert!(here > 0);
        line.cut([Cut::Down(cut)]);
        line.cut([Cut::Down(1); 40]);
        let failed = zhou.call("Sync", json!({})).is_err();
        line.cut_no_more();
        let after = own(&zhou);
        assert_eq!(after.0 + after.1, here + there, "cut at {cut}: neither lost nor doubled");
        op.sync();
        let arrived = phones(&op, &files[0]).len() == before + added;
        if failed && arrived && after.0 > 0 {
            taken_unnoted += 1;
        }
        // The program ends in that state and begins anew.
        zhou.reopen(NOON);
        let report = zhou.sync();
        assert!(items(&report["remarks"]).is_empty(), "{report}");
        assert_eq!(own(&zhou), (0, here + there), "cut at {cut}");
        op.sync();
        assert_eq!(phones(&op, &files[0]).len(), before + added, "cut at {cut}");
        if taken_unnoted > 0 {
            break;
        }
    }
    assert!(taken_unnoted > 0, "no cut fell between the county's commit and this desk's note");
    zhou.check();
    op.check();
}

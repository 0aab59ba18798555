//! Bundles between real desks and a real county: what goes out and comes in by hand leaves everybody where a line would
//! have, however the files are cut, repeated, mixed up, late, or carried by others who cannot read them.
//! Every story ends with a sync over the line that has nothing left to say: both sides then count and sum alike.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stderr,
    clippy::disallowed_methods,
    reason = "a test that cannot go on stops, and says how long it took"
)]

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use county::{Clock, CountyFault};
use serde_json::{Value, json};
use store::stick::StickFault;
use tests::{
    Chance, Folder, List, PASSPHRASE, Seat, World, bytes, difference, failure_code, items, moment, picture, places_in,
    program, spawn, text, without,
};

const NOON: &str = "2026-12-08T12:00:00+08:00";
/// Cuts, turned bytes, repeats and shuffles of one run.
const TURNS: u32 = 10_000;

fn village() -> Vec<String> {
    places_in("410423105").into_iter().take(1).map(|(code, _)| code).collect()
}

fn visit(seat: &Seat, file: &Value, number: u64) -> Value {
    let arrived = format!("{:02}:{:02}:00", 8 + number / 60 % 4, number % 60);
    let form = json!({ "on": "2026-12-08", "arrived": arrived, "purpose": "CHECK_DETAILS", "result": "NOT_MET",
        "note": format!("第{number}次，门锁着") });
    seat.ask("RecordVisit", json!({ "household": file, "visit": form }))["visit"].clone()
}

fn receipt(seat: &Seat, file: &Value, number: u8) {
    let run = seat.ask("PrintLetters", json!({ "which": { "households": [file] } }));
    let receipt = items(&run["letters"]).iter().find(|row| row["kind"] == "SERVICE_RECEIPT").expect("a receipt");
    let photo = bytes("photo.jpg", &picture(number, image::ImageFormat::Jpeg));
    seat.ask("FileReceipt", json!({ "receipt_no": receipt["doc_no"], "file": photo }));
}

fn out(seat: &Seat, stick: &Path) -> Value {
    seat.ask("BundleOut", json!({ "folder": stick }))
}

fn take(seat: &Seat, from: &Path) -> Value {
    seat.ask("BundleIn", json!({ "from": from }))
}

fn states(taken: &Value) -> Vec<&str> {
    items(&taken["rows"]).iter().map(|row| text(&row["state"])).collect()
}

/// The files on a stick whose name has this word.
fn on(stick: &Path, word: &str) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(stick).expect("a stick").map(|entry| entry.expect("an entry").path());
    let mut found: Vec<PathBuf> = entries.filter(|path| path.to_string_lossy().contains(word)).collect();
    found.sort();
    found
}

/// A sync over the line has nothing left to say, and both desks show every family alike.
fn in_step(op: &Seat, zhou: &Seat, files: &[Value]) {
    op.sync();
    let quiet = zhou.sync();
    let moved = ["sent", "received", "blobs_sent", "blobs_received", "files_gone"].map(|name| quiet[name].clone());
    assert_eq!(moved, [json!(0), json!(0), json!(0), json!(0), json!(0)], "{quiet}");
    zhou.check();
    op.check();
    for file in files {
        let page =
            |seat: &Seat| without(seat.household(file), &["only_here", "age_days", "id_masked", "form", "sentence"]);
        assert_eq!(difference(&page(op), &page(zhou)), None);
    }
}

#[test]
fn out_in_out_in_by_stick_leaves_both_sides_where_a_line_would_have() {
    let world = World::at(NOON);
    let (op, zhou, files, _) = world.village(4);
    let stick = Folder::fresh();
    let made = visit(&zhou, &files[0], 1);
    receipt(&zhou, &files[1], 7);
    op.ask("AddContact", json!({ "household": files[2], "number": "13700003333", "source": "VILLAGE" }));
    op.sync();

    let waiting = zhou.ask("Sticks", json!({}));
    let sent = out(&zhou, stick.path());
    assert_eq!((&sent["records"], &sent["photos"], &sent["photos_left"]), (&waiting["records"], &json!(1), &json!(0)));
    assert!(text(&sent["file"]).starts_with("入户-上报-"), "{sent}");
    let report = world.county().bundles_in(stick.path(), stick.path()).expect("taken");
    assert_eq!((report.taken.len(), report.answers.len(), report.left.len()), (1, 1, 0));
    assert_eq!((report.taken[0].photos, report.taken[0].refused), (1, 0));
    let taken = take(&zhou, stick.path());
    assert_eq!(states(&taken), ["FROM_ME", "TAKEN"]);
    assert_eq!(
        (&taken["acknowledged"], &taken["waiting"], &taken["agreed"]),
        (&sent["records"], &json!(0), &json!(true))
    );
    assert_eq!((&taken["photos_kept"], taken["received"].as_u64() > Some(0)), (&json!(1), true), "{taken}");
    // Read once more, it is known as read, and nothing changes.
    let again = take(&zhou, stick.path());
    assert_eq!((states(&again), &again["received"]), (vec!["FROM_ME", "OLD"], &json!(0)));

    // The second round finds the way by itself: what was read is tidied away, and the operator's photo comes along.
    receipt(&op, &files[3], 9);
    op.sync();
    visit(&zhou, &files[3], 2);
    let sent = out(&zhou, stick.path());
    assert_eq!((&sent["removed"], on(stick.path(), "上报").len(), on(stick.path(), "下发").len()), (&json!(2), 1, 0));
    world.county().bundles_in(stick.path(), stick.path()).expect("taken");
    let taken = take(&zhou, stick.path());
    assert_eq!((&taken["photos"], &taken["agreed"]), (&json!(1), &json!(true)), "{taken}");
    in_step(&op, &zhou, &files);
    let rows = zhou.household(&files[0])["visits"].clone();
    assert!(items(&rows).iter().any(|row| row["visit"] == made && row["only_here"] == false));
    assert!(zhou.ask("Sticks", json!({}))["last_in"]["at"].is_string());
}

#[test]
fn an_answer_of_a_county_that_was_restored_brings_photos_though_no_page() {
    let mut world = World::at(NOON);
    let (op, zhou, files, _) = world.village(2);
    let copy = world.folder().join("backup");
    world.county().backup(&world.folder().join("county"), &copy).expect("a backup");
    // The record goes by hand without its photo, and the operator reads of it.
    receipt(&zhou, &files[0], 7);
    let stick = Folder::fresh();
    let sent = zhou.ask("BundleOut", json!({ "folder": stick.path(), "most_mb": 0 }));
    assert_eq!((&sent["photos"], &sent["photos_left"]), (&json!(0), &json!(1)));
    world.county().bundles_in(stick.path(), stick.path()).expect("taken");
    op.sync();
    // Restored from before that, the county has the photo from its author, and the operator asks for it by hand: of a
    // history that it has not offered again yet it is given no page.
    world.go_on_from(&copy);
    assert_eq!(zhou.sync()["blobs_sent"], 1);
    let stick = Folder::fresh();
    out(&op, stick.path());
    world.county().bundles_in(stick.path(), stick.path()).expect("taken");
    let taken = take(&op, stick.path());
    assert_eq!(
        (states(&taken), &taken["photos"], &taken["received"]),
        (vec!["FROM_ME", "TAKEN"], &json!(1), &json!(0))
    );
    op.sync();
    zhou.sync();
    in_step(&op, &zhou, &files);
}

#[test]
fn a_bundle_a_month_late_is_no_clock_fault_and_an_old_answer_changes_nothing() {
    let cell = Arc::new(AtomicI64::new(moment(NOON).0));
    let world = World::with(NOON, Clock::by_hand(Arc::clone(&cell)));
    let (op, zhou, files, _) = world.village(3);
    let (early, late) = (Folder::fresh(), Folder::fresh());
    let made = visit(&zhou, &files[0], 1);
    out(&zhou, early.path());
    visit(&zhou, &files[1], 2);
    out(&zhou, late.path());
    // The first lies in a drawer; the second comes after a month.
    cell.fetch_add(30 * 86_400_000, Ordering::SeqCst);
    world.county().bundles_in(late.path(), late.path()).expect("taken");
    op.sync();
    let rows = op.household(&files[0])["visits"].clone();
    let row = items(&rows).iter().find(|row| row["visit"] == made).expect("it is there");
    assert!(text(&row["recorded_at"]).starts_with("2026-12-08T12:"), "written then, not when it came: {row}");

    // Two more contacts over the line, then the drawer is opened: neither side is disturbed.
    zhou.sync();
    visit(&zhou, &files[2], 3);
    zhou.sync();
    let head = world.county().status().expect("a status");
    let head = serde_json::to_value(head).expect("JSON")["head"].clone();
    let report = world.county().bundles_in(early.path(), early.path()).expect("taken");
    assert_eq!(report.left, []);
    let after = serde_json::to_value(world.county().status().expect("a status")).expect("JSON")["head"].clone();
    assert_eq!(head, after, "nothing new was in it, and no number was leased twice");
    for stick in [&early, &late] {
        let taken = take(&zhou, stick.path());
        assert!(states(&taken).contains(&"OLD") && taken["received"] == 0, "{taken}");
    }
    in_step(&op, &zhou, &files);
}

#[test]
fn an_agency_point_carries_bundles_of_others_unread_and_brings_the_answers_back() {
    let world = World::at(NOON);
    let (op, zhou, files, list) = world.village(3);
    let agency = world.join("liang", "AGENCY_STAFF");
    visit(&zhou, &files[0], 1);
    receipt(&zhou, &files[1], 3);
    let stick = Folder::fresh();
    out(&zhou, stick.path());
    let looked = agency.ask("Stick", json!({ "folder": stick.path() }));
    assert_eq!(looked["rows"][0]["state"], "OTHERS", "{looked}");
    assert_eq!(failure_code(&agency.refused("BundleIn", json!({ "from": stick.path() }))), "NO_BUNDLE_HERE");
    let own = on(stick.path(), "上报").remove(0);
    assert_eq!(failure_code(&agency.refused("BundleIn", json!({ "from": own }))), "BUNDLE_NOT_OURS");

    let taken = agency.ask("BundleIn", json!({ "from": stick.path(), "carry": true }));
    assert_eq!((&taken["carried"], states(&taken)), (&json!(1), vec!["CARRIED"]));
    // What lies in its home tells nothing.
    let kept = on(&agency.home().join("carried"), "上报");
    assert_eq!((kept.len(), readable(&kept, &list)), (1, Vec::new()));
    // Carried on by stick, too, while there is no line.
    let onward = Folder::fresh();
    assert_eq!(agency.ask("BundleOut", json!({ "folder": onward.path(), "carry": true }))["carried"], json!(1));
    let report = world.county().bundles_in(onward.path(), onward.path()).expect("taken");
    assert_eq!((report.taken.len(), report.answers.len()), (2, 2));

    let report = agency.sync();
    assert!(items(&report["remarks"]).iter().any(|remark| remark["code"] == "CARRIED"), "{report}");
    let seen = agency.ask("Sticks", json!({}));
    assert_eq!((&seen["carried_up"], &seen["carried_down"]), (&json!(0), &json!(1)));
    agency.ask("BundleOut", json!({ "folder": stick.path(), "carry": true }));
    let taken = take(&zhou, stick.path());
    assert!(states(&taken).contains(&"TAKEN"), "{taken}");
    assert_eq!((&taken["waiting"], &taken["photos_kept"]), (&json!(0), &json!(1)), "{taken}");
    // The other answer, by the stick of the first road, is as good, and too late.
    assert!(states(&take(&zhou, onward.path())).contains(&"OLD"));
    in_step(&op, &zhou, &files);
}

/// The words of a list that stand in these files, in any of the encodings in use.
fn readable(files: &[PathBuf], list: &List) -> Vec<String> {
    let mut words = vec!["周启明".to_owned(), "zhou".to_owned(), "鲁山县".to_owned(), "门锁着".to_owned()];
    for family in &list.families {
        let known = [&family.borrower, &family.co_borrower, &family.id, &family.co_id, &family.phone, &family.co_phone];
        words.extend(known.into_iter().cloned());
    }
    let mut found = Vec::new();
    for file in files {
        let raw = std::fs::read(file).expect("a file");
        for word in &words {
            let wide: Vec<u16> = word.encode_utf16().collect();
            let forms = [
                word.as_bytes().to_vec(),
                wide.iter().flat_map(|unit| unit.to_le_bytes()).collect(),
                wide.iter().flat_map(|unit| unit.to_be_bytes()).collect(),
                encoding_rs::GB18030.encode(word).0.into_owned(),
            ];
            if forms.iter().any(|form| raw.windows(form.len()).any(|part| part == form.as_slice())) {
                found.push(word.clone());
            }
        }
    }
    found
}

#[test]
fn the_raw_bytes_of_bundles_name_nobody() {
    let world = World::at(NOON);
    let codes = village();
    let list = List::of(&codes, 6);
    let op = world.operator(&list);
    let stick = Folder::fresh();
    for file in op.files(&codes[0]) {
        op.ask("AddContact", json!({ "household": file, "number": "13700003333", "source": "VILLAGE" }));
    }
    out(&op, stick.path());
    world.county().bundles_in(stick.path(), stick.path()).expect("taken");
    // A desk that joined and never had a line since gets all it may see by hand, its numbers too.
    let head = world.enrol("head", "head", "CENTRE_HEAD");
    out(&head, stick.path());
    world.county().bundles_in(stick.path(), stick.path()).expect("taken");
    let taken = take(&head, stick.path());
    assert_eq!((head.families(), &taken["agreed"]), (6, &json!(true)), "{taken}");
    let files = on(stick.path(), "入户-");
    assert!(files.len() >= 4, "{files:?}");
    assert_eq!(readable(&files, &list), Vec::<String>::new());
    // The search itself finds what is there.
    let open = stick.join("open.txt");
    std::fs::write(&open, encoding_rs::GB18030.encode(&list.families[0].borrower).0).expect("written");
    assert_eq!(readable(&[open], &list)[0], list.families[0].borrower);
}

#[test]
fn a_cloned_desk_that_never_has_a_line_loses_nothing() {
    let world = World::at(NOON);
    let (op, mut zhou, files, _) = world.village(3);
    // The disk is copied, home and all, and both laptops go out.
    zhou.ask("Lock", json!({}));
    let copy = Folder::fresh();
    let clone = copy.join("zhou");
    std::fs::create_dir(&clone).expect("a folder");
    for name in ["keys.json", "ruhu.db", "ruhu.anchor"] {
        std::fs::copy(zhou.home().join(name), clone.join(name)).expect("a copy");
    }
    zhou.reopen(NOON);
    let twin = Seat::before(&clone, NOON);
    twin.ask("Unlock", json!({ "passphrase": PASSPHRASE }));
    let (mine, its) = (visit(&zhou, &files[0], 1), text(&visit(&twin, &files[1], 2)).to_owned());
    let (one, two) = (Folder::fresh(), Folder::fresh());
    out(&zhou, one.path());
    out(&twin, two.path());
    assert_eq!(world.county().bundles_in(one.path(), one.path()).expect("taken").taken[0].refused, 0);
    assert_eq!(world.county().bundles_in(two.path(), two.path()).expect("taken").taken[0].refused, 1);
    // The twin hears that its number is another's: what it wrote goes over into a new journal and is still to be sent.
    let taken = take(&twin, two.path());
    assert!(items(&taken["remarks"]).iter().any(|remark| remark["code"] == "NEW_JOURNAL"), "{taken}");
    assert_eq!(taken["waiting"], json!(2), "{its} was not lost: {taken}");
    assert!(states(&take(&zhou, one.path())).contains(&"TAKEN"));
    for stick in [&two, &one] {
        let seat = if std::ptr::eq(stick, &two) { &twin } else { &zhou };
        out(seat, stick.path());
        world.county().bundles_in(stick.path(), stick.path()).expect("taken");
        assert_eq!(take(seat, stick.path())["waiting"], json!(0));
    }
    op.sync();
    for seat in [&zhou, &twin, &zhou, &twin] {
        // Each is leased numbers anew, which the other sees.
        seat.sync();
    }
    op.sync();
    assert_eq!(items(&op.household(&files[1])["visits"]).len(), 1, "once, not twice");
    assert!(items(&op.household(&files[0])["visits"]).iter().any(|row| row["visit"] == mine));
    in_step(&op, &zhou, &files);
    in_step(&op, &twin, &files);
}

/// One bundle as it was written once, and whose turn it is to read it.
struct Kept {
    bytes: Vec<u8>,
    up: bool,
}

#[test]
fn ten_thousand_cuts_repeats_and_shuffles_end_in_equal_states() {
    let begun = std::time::Instant::now();
    let world = World::at(NOON);
    let (op, zhou, files, _) = world.village(3);
    let mut chance = Chance::of(20_261_208);
    let (stick, table) = (Folder::fresh(), Folder::fresh());
    let file = table.join("入户-上报-00000000.ruhu");
    let mut kept: Vec<Kept> = Vec::new();
    let (mut told, mut spoilt, mut whole, mut old, mut news) = (0_u64, 0_u32, 0_u32, 0_u32, 0_u32);
    for turn in 0..TURNS {
        if turn % 250 == 0 {
            // Life goes on: something is written on both sides, and a bundle more is on its way.
            told += 1;
            visit(&zhou, &files[chance.below(files.len())], told);
            if chance.percent(40) {
                let number = format!("137{told:08}");
                op.ask("AddContact", json!({ "household": files[0], "number": number, "source": "VILLAGE" }));
                op.sync();
            }
            if chance.percent(25) {
                zhou.sync();
            }
            out(&zhou, stick.path());
            let fresh = on(stick.path(), "上报").remove(0);
            kept.push(Kept { bytes: std::fs::read(&fresh).expect("a bundle"), up: true });
            if chance.percent(70) {
                // Whichever comes first: this one, or any before it.
                let up = kept.iter().filter(|one| one.up).nth_back(chance.below(2)).unwrap_or(&kept[0]);
                std::fs::write(&file, &up.bytes).expect("written");
                let taken = world.county().bundle_in(&file).expect("taken");
                let answer = world.county().bundle_out(stick.path(), taken.device).expect("answered");
                kept.push(Kept { bytes: std::fs::read(&answer.file).expect("a bundle"), up: false });
            }
        }
        let latest = kept.len().saturating_sub(6);
        let one =
            if chance.percent(60) { latest + chance.below(kept.len() - latest) } else { chance.below(kept.len()) };
        let Kept { bytes, up } = &kept[one];
        let mut bytes = bytes.clone();
        let harmed = chance.percent(88);
        if harmed && chance.percent(60) {
            // At any byte; half of them where frames and header meet.
            let most = if chance.percent(50) { 200 } else { bytes.len() };
            bytes.truncate(chance.below(most));
        } else if harmed {
            let at = chance.below(bytes.len());
            bytes[at] ^= 1 << chance.below(8);
        }
        std::fs::write(&file, &bytes).expect("written");
        let before = harmed.then(|| zhou.ask("SyncState", json!({}))["status"]["only_here"].clone());
        if *up {
            match world.county().bundle_in(&file) {
                Ok(_) => {
                    assert!(!harmed, "a harmed bundle was taken");
                    whole += 1;
                }
                Err(CountyFault::Stick(StickFault::Bundle(_))) if harmed => spoilt += 1,
                Err(fault) => panic!("turn {turn}: {fault:?}"),
            }
        } else {
            match zhou.call("BundleIn", json!({ "from": file })) {
                Ok(taken) => {
                    assert!(!harmed, "a harmed bundle was taken");
                    if states(&taken) == ["OLD"] { old += 1 } else { news += 1 }
                }
                Err(failure) => {
                    assert!(harmed, "turn {turn}: {failure:?}");
                    let known = ["NOT_A_BUNDLE", "BUNDLE_CUT", "BUNDLE_DAMAGED", "BUNDLE_NEWER", "BUNDLE_NOT_OURS"];
                    assert!(known.contains(&failure_code(&failure).as_str()), "turn {turn}: {failure:?}");
                    spoilt += 1;
                }
            }
        }
        if let Some(before) = before {
            assert_eq!(zhou.ask("SyncState", json!({}))["status"]["only_here"], before);
        }
    }
    out(&zhou, stick.path());
    world.county().bundles_in(stick.path(), stick.path()).expect("taken");
    assert_eq!(take(&zhou, stick.path())["agreed"], true);
    in_step(&op, &zhou, &files);
    assert!(spoilt > TURNS / 2 && whole > 100 && old > 100 && news > 5, "{spoilt} {whole} {old} {news}");
    eprintln!(
        "{TURNS} turns in {:.1} s: {spoilt} refused, {whole} taken again by the county, {old} old and {news} new answers; \
         95 % bound: fewer than {:.2} of 1,000 do harm",
        begun.elapsed().as_secs_f64(),
        3_000.0 / f64::from(TURNS)
    );
}

#[test]
fn killed_while_a_bundle_is_written_or_read_nothing_is_half_done() {
    let world = World::at(NOON);
    let (op, zhou, files, _) = world.village(3);
    for number in 0..20 {
        visit(&zhou, &files[0], number);
    }
    receipt(&zhou, &files[1], 5);
    let stick = Folder::fresh();
    let home = zhou.home().to_owned();
    let mut chance = Chance::of(7);
    drop(zhou);
    let session = |lines: &str, stop: Option<u64>| {
        use std::io::{BufRead as _, Write as _};
        let mut child = spawn(
            Command::new(program("desk"))
                .args(["session", "--clock", NOON, "--home"])
                .arg(&home)
                .env("RUHU_PASSPHRASE", PASSPHRASE)
                .stdin(Stdio::piped())
                .stdout(Stdio::piped())
                .stderr(Stdio::null()),
        );
        let mut stdin = child.stdin.take().expect("its input");
        // Answered once, it is open; what follows is under way when it dies.
        writeln!(stdin, "{{\"call\":\"Status\",\"with\":{{}}}}").expect("it listens");
        let mut answers = std::io::BufReader::new(child.stdout.take().expect("its output")).lines();
        answers.next().expect("an answer").expect("a line");
        write!(stdin, "{lines}").expect("it listens");
        stdin.flush().expect("it listens");
        if let Some(micros) = stop {
            std::thread::sleep(std::time::Duration::from_micros(micros));
            child.kill().expect("killed");
        }
        drop(stdin);
        let said: Vec<String> = answers.map_while(Result::ok).collect();
        child.wait().expect("ended");
        said
    };
    let order = |name: &str, key: &str| format!("{}\n", json!({ "call": name, "with": { key: stick.path() } }));
    for _ in 0..20 {
        session(&order("BundleOut", "folder"), Some(u64::try_from(chance.below(60_000)).expect("microseconds")));
        for whole in on(stick.path(), "上报").iter().filter(|path| path.extension().is_some_and(|end| end == "ruhu"))
        {
            world.county().bundle_in(whole).expect("whoever has the name is whole");
        }
    }
    session(&order("BundleOut", "folder"), None);
    assert_eq!(on(stick.path(), "part"), Vec::<PathBuf>::new(), "what was left half-way is swept");
    op.ask("AddContact", json!({ "household": files[2], "number": "13700003333", "source": "VILLAGE" }));
    op.sync();
    world.county().bundles_in(stick.path(), stick.path()).expect("taken");
    for _ in 0..20 {
        session(&order("BundleIn", "from"), Some(u64::try_from(chance.below(60_000)).expect("microseconds")));
    }
    let said = session(&order("BundleIn", "from"), None).concat();
    assert!(said.contains("\"TAKEN\"") || said.contains("\"OLD\""), "{said}");
    let zhou = Seat::before(&home, NOON);
    zhou.ask("Unlock", json!({ "passphrase": PASSPHRASE }));
    assert_eq!(zhou.ask("Status", json!({}))["only_here"], 0);
    in_step(&op, &zhou, &files);
}

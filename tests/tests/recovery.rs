//! A forgotten passphrase: from the three who are named to the fresh one, with the work of the day still there. And what must
//! not happen: that one officer alone opens a laptop, that a changed file is helped with, that a thief is, that an old answer
//! opens anything.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test that cannot go on stops, and says how far it came"
)]

use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};
use tests::{
    Folder, Moments, NOON, PASSPHRASE, Seat, Session, Team, Tracer, bytes, copy_tree, failure_code, field, items, text,
};

const FRESH: &str = "老井边上新修的石桥";
const WHY: &str = "本人在我面前，认得";

fn view(seat: &Seat) -> Value {
    seat.ask("Recovery", json!({}))
}

fn file(path: &Value) -> Value {
    json!({ "path": path })
}

fn ask(seat: &Seat, stick: &Folder, fresh: &str) -> Value {
    seat.ask("AskRecovery", json!({ "folder": stick.path(), "fresh": fresh }))
}

fn help(seat: &Seat, from: &Value, stick: &Folder, words: &Value) -> Value {
    let with = json!({ "file": file(from), "folder": stick.path(), "words": words, "reason": WHY });
    seat.ask("HelpRecovery", with)
}

fn helped_not(seat: &Seat, from: &Value, stick: &Folder, words: &Value) -> String {
    let with = json!({ "file": file(from), "folder": stick.path(), "words": words, "reason": WHY });
    failure_code(&seat.refused("HelpRecovery", with))
}

fn recovered_not(seat: &Seat, from: &Value, fresh: &str) -> String {
    failure_code(&seat.refused("Recover", json!({ "file": file(from), "fresh": fresh })))
}

#[test]
fn a_forgotten_passphrase_is_replaced_with_the_help_of_two_and_the_days_work_is_there() {
    let team = Team::gather();
    let Team { op, head, auditor, zhou, files, .. } = &team;
    let (stick, other) = (Folder::fresh(), Folder::fresh());
    // Before anybody is named nobody can help, and that is said.
    let refused = zhou.refused("AskRecovery", json!({ "folder": stick.path(), "fresh": FRESH }));
    assert_eq!((failure_code(&refused).as_str(), &view(zhou)["officers"]), ("NO_OFFICERS", &json!([])));
    team.name();
    let names = items(&view(zhou)["officers"]).clone();
    assert_eq!(names.len(), 3, "{names:?}");
    assert_eq!(head.ask("Officers", json!({}))["in_force"].as_array().map(Vec::len), Some(3));

    // The day's work, which nobody else has.
    let form =
        json!({ "on": "2026-12-08", "arrived": "09:10:00", "purpose": "SERVE", "result": "NOT_MET", "note": "门锁着" });
    zhou.ask("RecordVisit", json!({ "household": files[0], "visit": form }));
    zhou.ask("Lock", json!({}));

    let nowhere = json!({ "folder": stick.path().join("no such folder"), "fresh": FRESH });
    assert_eq!(failure_code(&zhou.refused("AskRecovery", nowhere)), "STICK_NO_FOLDER");
    let weak = zhou.refused("AskRecovery", json!({ "folder": stick.path(), "fresh": "12345678" }));
    assert_eq!((failure_code(&weak).as_str(), field(&weak)), ("WEAK_PASSPHRASE", "fresh"));
    let asked = ask(zhou, &stick, FRESH);
    let words = &asked["words"];
    assert_eq!((text(words).split(' ').count(), words), (6, &view(zhou)["words"]));
    assert_eq!(&ask(zhou, &stick, FRESH), &asked, "the same question");
    let kept = std::fs::read_to_string(zhou.home().join("recovering.json")).expect("what waits");
    let seed: Value = serde_json::from_str(&kept).expect("JSON");
    assert!(seed["seed"]["sealed"].is_string(), "nothing that opens the answer lies in clear: {kept}");

    // The first officer.
    let seen = op.ask("LookAtRecovery", json!({ "file": file(&asked["file"]) }));
    assert_eq!((&seen["turn"], &seen["person"]), (&json!("FIRST"), &json!("zhou")));
    assert!(!seen.to_string().contains(text(words)), "who helps hears the words, and reads them nowhere");
    let wrong = json!(text(words).replace(text(words).split(' ').next().expect("a word"), "红马"));
    assert_eq!(helped_not(op, &asked["file"], &stick, &wrong), "RECOVERY_WORDS");
    assert_eq!(recovered_not(zhou, &asked["file"], FRESH), "RECOVERY_NONE");
    let half = help(op, &asked["file"], &other, words);
    assert_eq!((&half["complete"], items(&half["next"]).len()), (&json!(false), 2), "{half}");
    // One alone gets no further: neither at the laptop nor with the same file at the same desk.
    assert_eq!(recovered_not(zhou, &half["file"], FRESH), "RECOVERY_HALF");
    assert_eq!(helped_not(op, &half["file"], &stick, words), "RECOVERY_TURN");

    // The second one.
    let seen = auditor.ask("LookAtRecovery", json!({ "file": file(&half["file"]) }));
    assert_eq!(&seen["turn"], &json!("SECOND"));
    let whole = help(auditor, &half["file"], &stick, words);
    assert_eq!((&whole["complete"], &whole["next"]), (&json!(true), &json!([])));
    assert_eq!(helped_not(head, &whole["file"], &other, words), "RECOVERY_TURN");

    // Back at the laptop.
    // Written once more, it does not take the place of the answer; and who has both has not got the passphrase.
    assert_eq!(&ask(zhou, &stick, FRESH)["file"], &asked["file"]);
    assert_eq!(recovered_not(zhou, &whole["file"], "床头那本旧书第九页"), "RECOVERY_FRESH");
    let mut spoilt: Value =
        serde_json::from_slice(&std::fs::read(text(&whole["file"])).expect("a file")).expect("JSON");
    spoilt["answer"] = json!(text(&spoilt["answer"]).replace('0', "1"));
    let spoilt = json!({ "file": bytes("x", spoilt.to_string().as_bytes()), "fresh": FRESH });
    assert_eq!(failure_code(&zhou.refused("Recover", spoilt)), "RECOVERY_OPEN");
    zhou.ask("Recover", json!({ "file": file(&whole["file"]), "fresh": FRESH }));
    assert_eq!(failure_code(&zhou.refused("Unlock", json!({ "passphrase": PASSPHRASE }))), "WRONG_PASSPHRASE");
    zhou.ask("Unlock", json!({ "passphrase": FRESH }));
    assert_eq!(zhou.household(&files[0])["visits"].as_array().map(Vec::len), Some(1));
    zhou.check();
    assert_eq!(zhou.sync()["agreed"], true);
    // What was sent opens nothing any more, and the laptop can be helped again.
    assert_eq!((&view(zhou)["asked"], items(&view(zhou)["officers"]).len()), (&json!(null), 3));
    zhou.ask("Lock", json!({}));
    assert_eq!(recovered_not(zhou, &whole["file"], "另外一句话不是原来的"), "RECOVERY_OPEN");
    ask(zhou, &other, "另外一句话不是原来的");
    assert_eq!(recovered_not(zhou, &whole["file"], "另外一句话不是原来的"), "RECOVERY_OPEN");

    // Both are on record.
    team.sync();
    let helped = head.ask("Officers", json!({}))["helped"].clone();
    assert_eq!(items(&helped).len(), 2, "{helped}");
    assert!(items(&helped).iter().all(|row| row["reason"] == WHY && row["whose"] == seen["name"]), "{helped}");
}

#[test]
fn any_two_of_the_three_help_in_either_order() {
    let team = Team::gather();
    team.name();
    let stick = Folder::fresh();
    let mut passphrase = PASSPHRASE.to_owned();
    for (first, second) in [(0, 1), (1, 0), (0, 2), (2, 0), (1, 2), (2, 1)] {
        team.zhou.ask("Lock", json!({}));
        passphrase = format!("第{first}和第{second}个人帮的忙");
        let asked = ask(&team.zhou, &stick, &passphrase);
        let half = help(team.centre()[first], &asked["file"], &stick, &asked["words"]);
        let whole = help(team.centre()[second], &half["file"], &stick, &asked["words"]);
        team.zhou.ask("Recover", json!({ "file": file(&whole["file"]), "fresh": passphrase }));
        team.zhou.ask("Unlock", json!({ "passphrase": passphrase }));
    }
    team.zhou.ask("Lock", json!({}));
    // Whoever remembers asks no longer: what two helped with before opens nothing.
    let asked = ask(&team.zhou, &stick, FRESH);
    let half = help(&team.op, &asked["file"], &stick, &asked["words"]);
    let whole = help(&team.head, &half["file"], &stick, &asked["words"]);
    team.zhou.ask("Unlock", json!({ "passphrase": passphrase }));
    assert_eq!(view(&team.zhou)["asked"], json!(null));
    assert_eq!(recovered_not(&team.zhou, &whole["file"], FRESH), "RECOVERY_OPEN");
    team.zhou.ask("Lock", json!({}));
    team.zhou.ask("Unlock", json!({ "passphrase": passphrase }));
}

#[test]
fn officers_are_who_two_persons_name_and_no_laptop_that_is_lost_is_opened() {
    let team = Team::gather();
    let Team { world, op, head, auditor, zhou, .. } = &team;
    let stick = Folder::fresh();
    assert_eq!(failure_code(&zhou.refused("OfferOfficer", json!({}))), "NOT_ALLOWED");
    for seat in team.centre() {
        seat.ask("OfferOfficer", json!({}));
    }
    team.sync();
    let devices: Vec<Value> = team.centre().map(Seat::device).to_vec();
    let name = |seat: &Seat, devices: &[Value]| seat.call("NameOfficers", json!({ "devices": devices }));
    let code = |seat: &Seat, devices: &[Value]| failure_code(&name(seat, devices).expect_err("refused"));
    assert_eq!(code(op, &devices), "NOT_ALLOWED");
    assert_eq!(code(head, &devices[..2]), "THREE_OFFICERS");
    assert_eq!(code(head, &[devices[0].clone(), devices[0].clone(), devices[1].clone()]), "THREE_OFFICERS");
    assert_eq!(code(head, &[devices[0].clone(), devices[1].clone(), zhou.device()]), "NO_LAPTOP", "who did not offer");
    // One alone names nobody, and not by saying it twice.
    for _ in 0..2 {
        name(head, &devices).expect("said");
    }
    team.sync();
    zhou.sync();
    zhou.reopen_now();
    assert_eq!((&view(zhou)["officers"], &op.ask("Officers", json!({}))["in_force"]), (&json!([]), &json!([])));
    name(auditor, &devices).expect("said");
    team.sync();
    zhou.sync();
    zhou.reopen_now();
    assert_eq!(items(&view(zhou)["officers"]).len(), 3);

    // A second head offers, too, and is none of the three.
    let deputy = world.join("fu", "CENTRE_HEAD");
    deputy.ask("OfferOfficer", json!({}));
    deputy.sync();
    zhou.ask("Lock", json!({}));
    let asked = ask(zhou, &stick, FRESH);
    let words = &asked["words"];
    deputy.sync();
    assert_eq!(deputy.ask("LookAtRecovery", json!({ "file": file(&asked["file"]) }))["turn"], "NOT_OFFICER");
    assert_eq!(helped_not(&deputy, &asked["file"], &stick, words), "NOT_OFFICER");
    // Files that are none, or were changed.
    let look = |bytes_of: &[u8]| {
        let refused = op.refused("LookAtRecovery", json!({ "file": bytes("找回口令.json", bytes_of) }));
        failure_code(&refused)
    };
    assert_eq!(look(b"{}"), "RECOVERY_FILE");
    assert_eq!(look(b""), "RECOVERY_FILE");
    assert_eq!(look(&vec![b' '; 70_000]), "TOO_LARGE");
    let good: Value = serde_json::from_slice(&std::fs::read(text(&asked["file"])).expect("a file")).expect("JSON");
    let changed = |member: &str, value: Value| {
        let mut other = good.clone();
        other[member] = value;
        look(other.to_string().as_bytes())
    };
    assert_eq!(changed("log", json!("0909090909090909")), "RECOVERY_OTHER");
    assert_eq!(changed("practice", json!(false)), "RECOVERY_OTHER");
    assert_eq!(changed("person", json!("head")), "NO_LAPTOP", "another's laptop");
    assert_eq!(changed("device", json!("0909090909090909")), "NO_LAPTOP");
    assert_eq!(changed("version", json!(2)), "MADE_BY_NEWER");
    // An answer to another key has other words.
    let mut other = good.clone();
    other["reply"] = items(&good["officers"])[0]["key"].clone();
    let with = json!({ "file": bytes("x", other.to_string().as_bytes()), "folder": stick.path(), "words": words, "reason": WHY });
    assert_eq!(failure_code(&op.refused("HelpRecovery", with)), "RECOVERY_WORDS");
    // A link on somebody's stick is not followed.
    let treasure = stick.path().join("treasure");
    std::fs::write(&treasure, b"a day's work").expect("a file");
    #[cfg(unix)]
    for stage in 1..4 {
        let name = format!("找回口令-{stage}-zhou-{}.json.part", text(&device_of(head, "zhou")));
        std::os::unix::fs::symlink(&treasure, stick.path().join(name)).expect("a link");
    }
    ask(zhou, &stick, FRESH);
    assert_eq!(std::fs::read(&treasure).expect("a file"), b"a day's work");

    // A change of the three: the question goes on with those whom it asked, the next one asks the new ones.
    let changed: Vec<Value> = [&deputy, head, auditor].map(Seat::device).to_vec();
    team.sync();
    for seat in [head, auditor] {
        name(seat, &changed).expect("said");
    }
    team.sync();
    assert_eq!(op.ask("LookAtRecovery", json!({ "file": file(&asked["file"]) }))["turn"], "FIRST");
    zhou.ask("Unlock", json!({ "passphrase": PASSPHRASE }));
    zhou.sync();
    zhou.reopen_now();
    zhou.ask("Lock", json!({}));
    let asked = ask(zhou, &stick, FRESH);
    deputy.sync();
    assert_eq!(op.ask("LookAtRecovery", json!({ "file": file(&asked["file"]) }))["turn"], "NOT_OFFICER");
    assert_eq!(deputy.ask("LookAtRecovery", json!({ "file": file(&asked["file"]) }))["turn"], "FIRST");

    // It is stolen: from the first word on nobody opens it, and what could help goes with its keys.
    let lost = json!({ "device": device_of(head, "zhou"), "on": "2026-12-08", "at": "11:00:00", "how": "包被偷了" });
    head.ask("ReportLost", lost.clone());
    head.sync();
    deputy.sync();
    assert_eq!(helped_not(&deputy, &asked["file"], &stick, &asked["words"]), "RECOVERY_LOST");
    auditor.ask("ReportLost", lost);
    auditor.sync();
    zhou.ask("Unlock", json!({ "passphrase": PASSPHRASE }));
    assert_eq!(failure_code(&zhou.refused("Sync", json!({}))), "LAPTOP_LOST");
    for name in ["keys.json", "recovery.json", "recovering.json"] {
        assert!(!zhou.home().join(name).exists(), "{name}");
    }

    // Nobody is to help any longer.
    for seat in [head, auditor] {
        name(seat, &[]).expect("said");
    }
    team.sync();
    let view = op.ask("Officers", json!({}));
    assert_eq!(view["in_force"], json!([]), "{view}");
}

fn device_of(seat: &Seat, person: &str) -> Value {
    let rows = seat.ask("Laptops", json!({}))["rows"].clone();
    items(&rows).iter().find(|row| row["person"] == person).expect("a laptop")["device"].clone()
}

/// How long the desk is killed for in an ordinary run.
const BUDGET: Duration = Duration::from_secs(30);

#[test]
fn killed_while_it_is_recovered_one_of_the_two_opens_and_the_old_answer_opens_nothing_afterwards() {
    if !Tracer::possible() {
        println!("skipped: needs strace and the right to trace a process");
        return;
    }
    let team = Team::gather();
    team.name();
    let stick = Folder::fresh();
    let zhou = &team.zhou;
    let facts = zhou.check();
    zhou.ask("Lock", json!({}));
    let pristine = team.world.folder().join("pristine");
    copy_tree(zhou.home(), &pristine);
    let asked = ask(zhou, &stick, FRESH);
    let half = help(&team.op, &asked["file"], &stick, &asked["words"]);
    let whole = help(&team.head, &half["file"], &stick, &asked["words"]);
    let waits = std::fs::read(zhou.home().join("recovering.json")).expect("what waits");
    let with = json!({ "file": file(&whole["file"]), "fresh": FRESH });

    // A home that was locked and asked, in a program that waits.
    let ready = |name: &str| {
        let home = team.world.folder().join(name);
        copy_tree(&pristine, &home);
        let mut session = Session::begin(&home, NOON);
        session.ask("Lock", &json!({}));
        std::fs::write(home.join("recovering.json"), &waits).expect("what waits");
        (home, session)
    };
    let after = |home: &Path, at: &str, done: bool| {
        let (seat, by) = Seat::opened_by(home, NOON, [PASSPHRASE, FRESH], at);
        assert_eq!(seat.check(), facts, "{at}");
        assert!(!done || by == FRESH, "{at}: what was said to be done is done");
        // Whoever kept question and answer has nothing of them.
        seat.ask("Lock", json!({}));
        std::fs::write(home.join("recovering.json"), &waits).expect("what waits");
        assert_eq!(failure_code(&seat.refused("Recover", with.clone())), "RECOVERY_OPEN", "{at}");
        by == FRESH
    };
    let (home, mut session) = ready("quiet");
    let told = team.world.folder().join("calls");
    let calls = Tracer::calls(session.id(), &told, || drop(session.ask("Recover", &with)));
    session.kill();
    assert!(after(&home, "quiet", true));

    assert!(calls.contains_key("fsync") && calls.keys().any(|name| name.starts_with("rename")), "{calls:?}");
    let mut moments = Moments::of(&calls, BUDGET);
    let mut changed = 0_usize;
    for (call, number) in moments.by_ref() {
        let at = format!("killed at {call} {number}");
        let (home, mut session) = ready(&at);
        let tracer = Tracer::killing(session.id(), &call, number);
        session.send("Recover", &with);
        let done = session.hear(Duration::from_secs(30)).is_ok();
        drop(tracer);
        session.kill();
        changed += usize::from(after(&home, &at, done));
        std::fs::remove_dir_all(&home).expect("a copy less");
    }
    let (tried, all) = (moments.tried(), moments.all());
    println!("Recover killed at {tried} of {all} system calls: {changed} times the new one opens, 0 homes lost");
    assert!(tried > 5 && changed < tried, "{tried} tried, {changed} changed");
}

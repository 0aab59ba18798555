//! A forgotten passphrase: from the three who are named to the fresh one, with the work of the day still there. And what must
//! not happen: that one officer alone opens a laptop, that a changed file is helped with, that a thief is, that an old answer
//! opens anything.
#![allow(clippy::expect_used, clippy::indexing_slicing, reason = "a test that cannot go on stops")]

use serde_json::{Value, json};
use tests::{Folder, PASSPHRASE, Seat, World, bytes, failure_code, field, items, text};

const NOON: &str = "2026-12-08T12:00:00+08:00";
const FRESH: &str = "老井边上新修的石桥";
const WHY: &str = "本人在我面前，认得";

struct Team {
    world: World,
    op: Seat,
    head: Seat,
    auditor: Seat,
    zhou: Seat,
    files: Vec<Value>,
}

fn device(seat: &Seat) -> Value {
    seat.ask("About", json!({}))["device"].clone()
}

fn view(seat: &Seat) -> Value {
    seat.ask("Recovery", json!({}))
}

fn reopen(seat: &Seat) {
    seat.ask("Lock", json!({}));
    seat.ask("Unlock", json!({ "passphrase": PASSPHRASE }));
}

fn file(path: &Value) -> Value {
    json!({ "path": path })
}

impl Team {
    fn gather() -> Self {
        let world = World::at(NOON);
        let (op, zhou, files, _) = world.village(2);
        let (head, auditor) = (world.join("head", "CENTRE_HEAD"), world.join("shen", "CENTRE_AUDITOR"));
        Self { world, op, head, auditor, zhou, files }
    }

    fn centre(&self) -> [&Seat; 3] {
        [&self.op, &self.head, &self.auditor]
    }

    fn sync(&self) {
        for seat in self.centre().into_iter().chain(self.centre()) {
            seat.sync();
        }
    }

    /// Three offer, two name them, and the director's laptop hears of it.
    fn name(&self) {
        for seat in self.centre() {
            seat.ask("OfferOfficer", json!({}));
        }
        self.sync();
        let devices: Vec<Value> = self.centre().map(device).to_vec();
        for seat in [&self.head, &self.auditor] {
            seat.ask("NameOfficers", json!({ "devices": devices }));
        }
        self.sync();
        self.zhou.sync();
        reopen(&self.zhou);
    }
}

fn ask(seat: &Seat, stick: &Folder) -> Value {
    seat.ask("AskRecovery", json!({ "folder": stick.path() }))
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
    let refused = zhou.refused("AskRecovery", json!({ "folder": stick.path() }));
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

    let nowhere = json!({ "folder": stick.path().join("no such folder") });
    assert_eq!(failure_code(&zhou.refused("AskRecovery", nowhere)), "STICK_NO_FOLDER");
    let asked = ask(zhou, &stick);
    let words = &asked["words"];
    assert_eq!((text(words).split(' ').count(), words), (6, &view(zhou)["words"]));
    assert_eq!(&ask(zhou, &stick), &asked, "the same question");

    // The first officer.
    let seen = op.ask("LookAtRecovery", json!({ "file": file(&asked["file"]) }));
    assert_eq!((&seen["turn"], &seen["words"], &seen["person"]), (&json!("FIRST"), words, &json!("zhou")));
    let wrong = json!(text(words).replace(text(words).split(' ').next().expect("a word"), "红马"));
    assert_eq!(helped_not(op, &asked["file"], &stick, &wrong), "RECOVERY_WORDS");
    assert_eq!(recovered_not(zhou, &asked["file"], FRESH), "RECOVERY_HALF", "nobody has helped");
    let half = help(op, &asked["file"], &other, words);
    assert_eq!((&half["complete"], items(&half["next"]).len()), (&json!(false), 2), "{half}");
    // One alone gets no further: neither at the laptop nor with the same file at the same desk.
    assert_eq!(recovered_not(zhou, &half["file"], FRESH), "RECOVERY_HALF");
    assert_eq!(helped_not(op, &half["file"], &stick, words), "RECOVERY_TURN");

    // The second one.
    let seen = auditor.ask("LookAtRecovery", json!({ "file": file(&half["file"]) }));
    assert_eq!((&seen["turn"], &seen["words"]), (&json!("SECOND"), words));
    let whole = help(auditor, &half["file"], &stick, words);
    assert_eq!((&whole["complete"], &whole["next"]), (&json!(true), &json!([])));
    assert_eq!(helped_not(head, &whole["file"], &other, words), "RECOVERY_TURN");

    // Back at the laptop.
    let weak = zhou.refused("Recover", json!({ "file": file(&whole["file"]), "fresh": "12345678" }));
    assert_eq!((failure_code(&weak).as_str(), field(&weak)), ("WEAK_PASSPHRASE", "fresh"));
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
    ask(zhou, &other);
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
        let asked = ask(&team.zhou, &stick);
        let half = help(team.centre()[first], &asked["file"], &stick, &asked["words"]);
        let whole = help(team.centre()[second], &half["file"], &stick, &asked["words"]);
        passphrase = format!("第{first}和第{second}个人帮的忙");
        team.zhou.ask("Recover", json!({ "file": file(&whole["file"]), "fresh": passphrase }));
        team.zhou.ask("Unlock", json!({ "passphrase": passphrase }));
    }
    team.zhou.ask("Lock", json!({}));
    // Whoever remembers asks no longer: what two helped with before opens nothing.
    let asked = ask(&team.zhou, &stick);
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
    let devices: Vec<Value> = team.centre().map(device).to_vec();
    let name = |seat: &Seat, devices: &[Value]| seat.call("NameOfficers", json!({ "devices": devices }));
    let code = |seat: &Seat, devices: &[Value]| failure_code(&name(seat, devices).expect_err("refused"));
    assert_eq!(code(op, &devices), "NOT_ALLOWED");
    assert_eq!(code(head, &devices[..2]), "THREE_OFFICERS");
    assert_eq!(code(head, &[devices[0].clone(), devices[0].clone(), devices[1].clone()]), "THREE_OFFICERS");
    assert_eq!(code(head, &[devices[0].clone(), devices[1].clone(), device(zhou)]), "NO_LAPTOP", "who did not offer");
    // One alone names nobody, and not by saying it twice.
    for _ in 0..2 {
        name(head, &devices).expect("said");
    }
    team.sync();
    zhou.sync();
    reopen(zhou);
    assert_eq!((&view(zhou)["officers"], &op.ask("Officers", json!({}))["in_force"]), (&json!([]), &json!([])));
    name(auditor, &devices).expect("said");
    team.sync();
    zhou.sync();
    reopen(zhou);
    assert_eq!(items(&view(zhou)["officers"]).len(), 3);

    // A second head offers, too, and is none of the three.
    let deputy = world.join("fu", "CENTRE_HEAD");
    deputy.ask("OfferOfficer", json!({}));
    deputy.sync();
    zhou.ask("Lock", json!({}));
    let asked = ask(zhou, &stick);
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
    let seen = op.ask("LookAtRecovery", json!({ "file": bytes("x", other.to_string().as_bytes()) }));
    assert_ne!(&seen["words"], words);

    // A change of the three: the question goes on with those whom it asked, the next one asks the new ones.
    let changed: Vec<Value> = [&deputy, head, auditor].map(device).to_vec();
    team.sync();
    for seat in [head, auditor] {
        name(seat, &changed).expect("said");
    }
    team.sync();
    assert_eq!(op.ask("LookAtRecovery", json!({ "file": file(&asked["file"]) }))["turn"], "FIRST");
    zhou.ask("Unlock", json!({ "passphrase": PASSPHRASE }));
    zhou.sync();
    reopen(zhou);
    zhou.ask("Lock", json!({}));
    let asked = ask(zhou, &stick);
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

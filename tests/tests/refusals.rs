//! What is said when something cannot be done, with the real programs: an exit code to build on, the call or field to
//! blame, one sentence in each language, and nothing changed.
#![allow(clippy::expect_used, clippy::indexing_slicing, reason = "a test that cannot go on stops")]

use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};
use tests::{Chance, Folder, List, PASSPHRASE, Spoken, World, assets, items, places_in, program, run, text};

const NOON: &str = "2026-12-08T12:00:00+08:00";

fn desk(words: &[&str], home: &Path, passphrase: &str, input: &str) -> Spoken {
    let mut command = Command::new(program("desk"));
    command.args(words).args(["--clock", NOON, "--home"]).arg(home).env("RUHU_PASSPHRASE", passphrase);
    run(&mut command, input)
}

/// The failure on standard output; its two sentences stand on standard error too, without holes or exclamation marks.
fn failure(spoken: &Spoken, code: i32) -> Value {
    assert_eq!(spoken.code, Some(code), "{spoken:?}");
    let failure = spoken.json()["fail"].clone();
    for language in ["zh", "en"] {
        let sentence = text(&failure[language]);
        assert!(!sentence.is_empty() && !sentence.contains(['{', '}', '!', '！']), "{sentence}");
        assert!(spoken.err.contains(sentence), "{sentence} is not on standard error: {}", spoken.err);
    }
    let chinese = |sentence: &str| sentence.chars().any(|c| ('\u{4e00}'..='\u{9fff}').contains(&c));
    assert!(chinese(text(&failure["zh"])));
    failure
}

/// Every file of a home with its bytes, but for the lock and what SQLite keeps beside.
fn bytes_of(home: &Path) -> Vec<(String, Vec<u8>)> {
    let mut files: Vec<(String, Vec<u8>)> = std::fs::read_dir(home)
        .expect("the home")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.file_name().is_some_and(|name| name == "ruhu.db" || name == "keys.json"))
        .map(|path| (path.display().to_string(), std::fs::read(&path).expect("a file")))
        .collect();
    files.sort();
    files
}

#[test]
fn a_wrong_passphrase_a_used_invitation_and_an_absent_county_each_get_their_sentence() {
    let mut world = World::at(NOON);
    let codes = vec![places_in("410423105")[0].0.clone()];
    let op = world.operator(&List::of(&codes, 1));
    let invitation = world.invite("zhou", "SCHOOL_DIRECTOR");
    let folder = Folder::fresh();
    let (home, other) = (folder.join("zhou"), folder.join("other"));
    let join = |home: &Path, passphrase: &str, invitation: &str| {
        desk(&["join", "--practice", "--invitation", invitation], home, passphrase, "")
    };

    // Before there is a home.
    let none = failure(&desk(&["call", "Status"], &home, PASSPHRASE, ""), 3);
    assert_eq!(none["code"], "NO_HOME");
    let weak = failure(&join(&home, "12345678", &invitation), 1);
    assert_eq!((&weak["code"], &weak["field"]), (&json!("WEAK_PASSPHRASE"), &json!("passphrase")));
    let garbled = failure(&join(&home, PASSPHRASE, "RUHU1-not-an-invitation"), 1);
    assert_eq!((&garbled["code"], &garbled["field"]), (&json!("BAD_INVITATION"), &json!("invitation")));

    let joined = join(&home, PASSPHRASE, &invitation);
    assert_eq!(joined.code, Some(0), "{joined:?}");
    assert_eq!(joined.json()["ok"]["reply"]["reply"]["person"], "zhou");
    let used = failure(&join(&other, PASSPHRASE, &invitation), 1);
    assert_eq!((&used["code"], &used["field"]), (&json!("INVITATION_USED"), &json!("invitation")));
    let there = failure(&join(&home, PASSPHRASE, &world.invite("zhou", "SCHOOL_DIRECTOR")), 1);
    assert_eq!(there["code"], "HOME_EXISTS");

    let before = bytes_of(&home);
    let wrong = failure(&desk(&["call", "Status"], &home, "green river 8 stones", ""), 3);
    assert_eq!((&wrong["code"], &wrong["field"]), (&json!("WRONG_PASSPHRASE"), &json!("passphrase")));
    assert_eq!(bytes_of(&home), before, "a wrong passphrase changes nothing");

    let synced = desk(&["sync"], &home, PASSPHRASE, "");
    assert_eq!(synced.code, Some(0), "{synced:?}");
    op.sync();
    op.ask("AssignVillages", json!({ "villages": codes, "person": "zhou" }));
    op.sync();
    assert_eq!(desk(&["sync"], &home, PASSPHRASE, "").code, Some(0));

    // Nobody answers there any more: the work goes on, and it is said.
    world.silence();
    let file = op.files(&codes[0])[0].clone();
    let form = json!({ "on": "2026-12-08", "arrived": "09:00:00", "purpose": "SERVE", "result": "NOT_MET" });
    let saved =
        desk(&["call", "RecordVisit"], &home, PASSPHRASE, &json!({ "household": file, "visit": form }).to_string());
    assert_eq!(saved.code, Some(0), "{saved:?}");
    let gone = failure(&desk(&["sync"], &home, PASSPHRASE, ""), 1);
    assert_eq!(gone["code"], "COUNTY_UNREACHABLE");
    assert!(text(&gone["facts"]["address"]).contains("127.0.0.1"), "who is asked for help finds the address: {gone}");
    assert!(!text(&gone["zh"]).contains("127.0.0.1"), "a village need not read it: {gone}");
    let status = desk(&["call", "Status"], &home, PASSPHRASE, "").json()["ok"]["reply"]["reply"].clone();
    assert_eq!(status["only_here"], 2, "nothing is lost: {status}");
    assert_eq!(status["last_failure"]["code"], "COUNTY_UNREACHABLE");
}

#[test]
fn an_unreadable_workbook_is_named_and_changes_nothing() {
    let world = World::at(NOON);
    let codes = vec![places_in("410423105")[0].0.clone()];
    let op = world.operator(&List::of(&codes, 1));
    let home = op.home().to_owned();
    drop(op);
    let folder = Folder::fresh();
    let mut chance = Chance::of(7);
    let noise: Vec<u8> = (0..40_000).map(|_| u8::try_from(chance.below(256)).expect("a byte")).collect();
    let list = std::fs::read(assets().join("demo/roster-2026-12-05.xlsx")).expect("the list");
    let cut = list[..list.len() / 2].to_vec();
    for (name, content) in [
        ("noise.xlsx", noise),
        ("letter.xlsx", b"%PDF-1.7\n1 0 obj << /Type /Catalog >> endobj\n%%EOF\n".to_vec()),
        ("half.xlsx", cut),
        ("empty.xlsx", Vec::new()),
        ("liaisons.xlsx", std::fs::read(assets().join("demo/liaisons.xlsx")).expect("a registry")),
    ] {
        let path = folder.join(name);
        std::fs::write(&path, content).expect("a file");
        for call in ["ImportDueList", "ImportRegistry"] {
            if (call, name) == ("ImportRegistry", "liaisons.xlsx") {
                continue;
            }
            let mut with = json!({ "file": { "path": path } });
            if call == "ImportRegistry" {
                with["sheet"] = json!("LIAISONS");
            }
            let refused = failure(&desk(&["call", call], &home, PASSPHRASE, &with.to_string()), 1);
            assert_eq!(
                (&refused["code"], &refused["field"]),
                (&json!("WORKBOOK_UNREADABLE"), &json!("file")),
                "{call} {name}"
            );
        }
    }
    let with = json!({ "file": { "path": folder.join("nowhere.xlsx") } });
    let refused = failure(&desk(&["call", "ImportDueList"], &home, PASSPHRASE, &with.to_string()), 1);
    assert_eq!((&refused["code"], &refused["field"]), (&json!("FILE_UNREADABLE"), &json!("file")));
    assert!(text(&refused["zh"]).contains("nowhere.xlsx"));
    let status = desk(&["call", "Status"], &home, PASSPHRASE, "").json()["ok"]["reply"]["reply"].clone();
    assert_eq!(status["only_here"], 0, "nothing was written: {status}");
}

#[test]
fn a_misspelt_call_or_field_is_named_before_anything_is_opened() {
    // No home is needed for this: the words are judged first.
    let folder = Folder::fresh();
    let home = folder.join("none");
    let misspelt = failure(&desk(&["call", "RecordVist"], &home, PASSPHRASE, "{}"), 2);
    assert_eq!(misspelt["code"], "UNKNOWN_CALL");
    for language in ["zh", "en"] {
        let sentence = text(&misspelt[language]);
        assert!(sentence.contains("RecordVist") && sentence.contains("RecordVisit"), "{sentence}");
    }
    let with = json!({ "household": "0102030405060708", "visit": { "on": "2026-12-08", "arived": "09:00:00",
        "purpose": "SERVE", "result": "NOT_MET" } });
    let field = failure(&desk(&["call", "RecordVisit"], &home, PASSPHRASE, &with.to_string()), 2);
    assert_eq!(field["code"], "BAD_INPUT");
    assert!(text(&field["en"]).contains("arived"), "{field}");
    assert!(text(&field["field"]).starts_with("visit"), "where it stands: {field}");
    let word = json!({ "household": "0102030405060708", "visit": { "on": "2026-12-08", "arrived": "09:00:00",
        "purpose": "SERVE", "result": "NOT_MEET" } });
    let word = failure(&desk(&["call", "RecordVisit"], &home, PASSPHRASE, &word.to_string()), 2);
    assert_eq!((&word["code"], &word["field"]), (&json!("BAD_INPUT"), &json!("visit.result")));
    let broken = failure(&desk(&["call", "Status"], &home, PASSPHRASE, "{ \"a\": "), 2);
    assert_eq!(broken["code"], "BAD_INPUT");
    assert!(!home.exists(), "nothing was made");
}

#[test]
fn the_catalogue_documents_every_call() {
    let spoken = run(Command::new(program("desk")).arg("calls"), "");
    assert_eq!(spoken.code, Some(0), "{}", spoken.err);
    let catalogue = spoken.json();
    let names: Vec<&str> = items(&catalogue).iter().map(|call| text(&call["name"])).collect();
    assert_eq!(names, desk::api::Call::NAMES);
    for call in items(&catalogue) {
        assert!(text(&call["about"]).chars().count() > 10, "{call}");
        for side in ["with", "reply"] {
            let schema = &call[side];
            assert!(schema["type"] == "object" || schema["$ref"].is_string(), "{}: {side}", call["name"]);
            let Some(fields) = schema["properties"].as_object() else { continue };
            for (name, field) in fields {
                let said = field["description"].is_string();
                assert!(said, "{}.{side}.{name} has no words", call["name"]);
            }
        }
    }
}

#[test]
fn the_county_says_in_one_sentence_what_it_lacks() {
    let folder = Folder::fresh();
    let home = folder.join("county");
    let county = |words: &[&str]| run(Command::new(program("county")).args(words).arg("--home").arg(&home), "");
    let none = county(&["serve", "--listen", "127.0.0.1:0"]);
    assert_ne!(none.code, Some(0));
    assert!(none.err.contains("county init") && none.err.lines().count() == 1, "{}", none.err);
    let made = county(&["init", "--name", "鲁山县"]);
    assert_eq!(made.json()["practice"], false, "{}", made.err);
    let again = county(&["init", "--name", "鲁山县"]);
    assert_ne!(again.code, Some(0));
    let clock = county(&["serve", "--listen", "127.0.0.1:0", "--clock", NOON]);
    assert_ne!(clock.code, Some(0), "a real county takes no other clock");
    assert!(clock.err.contains("--practice"), "{}", clock.err);
    let role = county(&[
        "invite",
        "--account",
        "zhou",
        "--name",
        "周启明",
        "--role",
        "KING",
        "--address",
        "https://127.0.0.1:1",
    ]);
    assert_ne!(role.code, Some(0));
    assert!(role.err.contains("SCHOOL_DIRECTOR"), "the roles are listed: {}", role.err);
}

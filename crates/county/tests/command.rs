//! The command line: one JSON object for each command, one sentence for each failure, an orderly end on SIGTERM.
#![allow(clippy::expect_used, clippy::indexing_slicing, reason = "a test that cannot go on stops")]
#![cfg(unix)]

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use domain::enrol::Invitation;
use serde_json::Value;

fn county(order: &[&str], home: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_county"));
    command.args(order).arg("--home").arg(home).stdin(Stdio::null());
    command
}

fn object(output: &Output) -> Value {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(output.stderr, b"");
    let object = serde_json::from_slice(&output.stdout).unwrap_or_default();
    assert_ne!(object, Value::Null, "one JSON object");
    object
}

fn sentence(output: &Output) -> String {
    assert!(!output.status.success());
    assert_eq!(output.stdout, b"");
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn home(name: &str) -> PathBuf {
    let home = std::env::temp_dir().join(format!("ruhu-county-{}-{name}", std::process::id()));
    std::fs::remove_dir_all(&home).ok();
    home
}

#[test]
fn a_county_is_founded_invites_while_it_serves_and_ends_when_told() {
    let home = home("command");
    let init = ["init", "--name", "青石县", "--practice", "--host", "master.qingshi.example"];
    let founded = object(&county(&init, &home).output().expect("run"));
    assert_eq!((&founded["county"], &founded["practice"]), (&Value::from("青石县"), &Value::from(true)));
    assert!(sentence(&county(&init, &home).output().expect("run")).contains("already"));

    let serve = ["serve", "--listen", "127.0.0.1:0", "--clock", "2026-12-08T09:00:00+08:00"];
    let mut server = county(&serve, &home).stdout(Stdio::piped()).spawn().expect("served");
    let mut line = String::new();
    BufReader::new(server.stdout.as_mut().expect("its output")).read_line(&mut line).expect("a line");
    let ready: Value = serde_json::from_str(&line).expect("one JSON object");
    let address = ready["listening"].as_str().expect("an address").to_owned();
    assert!(address.starts_with("https://127.0.0.1:") && !address.ends_with(":0"));
    assert_eq!((&ready["log"], &ready["certificate"]), (&founded["log"], &founded["certificate"]));

    let whom = ["invite", "--account", "zhou", "--name", "周启明", "--address", &address];
    let invite = |more: &[&str]| county(&whom, &home).args(more).output().expect("run");
    let role = ["--role", "SCHOOL_DIRECTOR"];
    let more = ["--area", "410490101", "--clock", "2026-12-08T09:00:00+08:00"];
    let invited = object(&invite(&[&role[..], &more[..]].concat()));
    assert_eq!(invited["expires"], "2026-12-22T09:00:00+08:00");
    let code: Invitation = invited["invitation"].as_str().expect("a code").parse().expect("a code");
    assert_eq!(Value::from(code.certificate.to_string()), founded["certificate"]);
    assert_eq!(code.address, address);
    let unknown = sentence(&invite(&["--role", "KING"]));
    assert!(unknown.contains("SCHOOL_DIRECTOR (学校资助主任)"), "{unknown}");
    assert!(sentence(&invite(&["--role", "SCHOOL_DIRECTOR", "--days", "0"])).contains("1 to 365 days"));

    let status = object(&county(&["status"], &home).output().expect("run"));
    assert_eq!((&status["head"], &status["invitations_open"]), (&Value::from(0), &Value::from(1)));
    let told = Command::new("kill").args(["-TERM", &server.id().to_string()]).status().expect("told");
    assert!(told.success());
    assert!(server.wait().expect("ended").success());
    std::fs::remove_dir_all(&home).expect("removed");
}

#[test]
fn a_backup_is_verified_and_a_county_goes_on_from_it_and_from_no_other() {
    let home = home("backup");
    let (county_at, copy, next) = (home.join("county"), home.join("copy"), home.join("next"));
    let founded = object(&county(&["init", "--name", "青石县", "--practice"], &county_at).output().expect("run"));
    let to = copy.to_string_lossy().into_owned();
    let backed = object(&county(&["backup", "--to", &to], &county_at).output().expect("run"));
    assert_eq!((&backed["head"], &backed["facts"]), (&Value::from(0), &Value::from(0)));
    let mut files: Vec<_> =
        std::fs::read_dir(&copy).expect("a folder").map(|it| it.expect("a file").file_name()).collect();
    files.sort();
    assert_eq!(files, ["keys.json", "ledger.db"], "no anchor, and nothing of the trial is left");
    assert!(sentence(&county(&["backup", "--to", &to], &county_at).output().expect("run")).contains("already"));
    let restored = object(&county(&["restore", "--from", &to], &next).output().expect("run"));
    assert_eq!(
        (&restored["log"], &restored["head"]),
        (&founded["log"], &Value::from(1)),
        "it says that it was restored"
    );
    assert!(sentence(&county(&["restore", "--from", &to], &next).output().expect("run")).contains("already"));
    // One byte of the copy is turned: it is refused, with an exit code of its own, and nothing is made.
    let mut ledger = std::fs::read(copy.join("ledger.db")).expect("read");
    let at = ledger.len() / 2;
    ledger[at] ^= 1;
    std::fs::write(copy.join("ledger.db"), ledger).expect("written");
    let spoilt = county(&["restore", "--from", &to], &home.join("never")).output().expect("run");
    assert_eq!(spoilt.status.code(), Some(3));
    assert!(sentence(&spoilt).contains("备份未通过核验"));
    assert!(!home.join("never").join("keys.json").exists());
    std::fs::remove_dir_all(&home).expect("removed");
}

#[test]
fn a_stick_without_a_bundle_is_read_and_one_that_is_damaged_is_told_apart() {
    let home = home("bundles");
    let (county_at, stick) = (home.join("county"), home.join("stick"));
    object(&county(&["init", "--name", "青石县", "--practice"], &county_at).output().expect("run"));
    std::fs::create_dir_all(&stick).expect("a stick");
    let folder = stick.to_string_lossy().into_owned();
    let report = object(&county(&["bundle", "in", &folder], &county_at).output().expect("run"));
    assert_eq!(report, serde_json::json!({ "taken": [], "answers": [], "left": [] }));
    std::fs::write(stick.join("入户-上报-00000000.ruhu"), b"RUHU-BUNDLE-1\nand no more").expect("written");
    let left = county(&["bundle", "in", &folder], &county_at).output().expect("run");
    let report: Value = serde_json::from_slice(&left.stdout).expect("the report is printed all the same");
    let why = report["left"][0]["why"].as_str().expect("a reason");
    assert!(left.status.code() == Some(1) && why.contains("before its end"), "{why}");
    assert!(String::from_utf8_lossy(&left.stderr).contains("有 1 个数据包没有收下"));
    let nobody = county(&["bundle", "out", "0101010101010101", &folder], &county_at).output().expect("run");
    assert!(sentence(&nobody).contains("is not enrolled here"));
    std::fs::remove_dir_all(&home).expect("removed");
}

#[test]
fn what_cannot_be_done_is_said_in_one_sentence() {
    let home = home("sentences");
    let none = sentence(&county(&["status"], &home).output().expect("run"));
    assert_eq!(none.trim_end().lines().count(), 1);
    assert!(none.contains("there is no county in"), "{none}");
    object(&county(&["init", "--name", "青石县"], &home).output().expect("run"));
    let serve = ["serve", "--listen", "127.0.0.1:0", "--clock", "2026-12-08T09:00:00+08:00"];
    assert!(sentence(&county(&serve, &home).output().expect("run")).contains("--practice"));
    let busy = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let taken = busy.local_addr().expect("an address").to_string();
    let refused = sentence(&county(&["serve", "--listen", &taken], &home).output().expect("run"));
    assert!(refused.starts_with(&format!("cannot listen on {taken}")), "{refused}");
    std::fs::write(home.join("keys.json"), "{}").expect("written");
    let spoilt = sentence(&county(&["status"], &home).output().expect("run"));
    assert!(spoilt.contains("keys.json"), "{spoilt}");
    std::fs::remove_dir_all(&home).expect("removed");
}

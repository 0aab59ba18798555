//! A home that is bound to its machine: a secret in the desktop's own keyring (a real one, on a bus of its own) is half of what
//! opens it, and two officers are always another way in. A disk without its machine opens by no passphrase; no kill while it
//! is bound or let go of leaves a home that does not open.
#![cfg(target_os = "linux")]
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test that cannot go on stops, and says how far it came"
)]

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use serde_json::{Value, json};
use tests::{Folder, NOON, PASSPHRASE, Ring, Seat, Team, Tracer, copy_tree, kill_at, program, run};

const FRESH: &str = "老井边上新修的石桥";

/// One call of the headless desk, beside a keyring or none: its answer.
fn call(ring: Option<&Ring>, home: &Path, passphrase: &str, name: &str, with: &Value) -> Value {
    let mut command = Command::new(program("desk"));
    command.args(["call", "--clock", NOON, "--home"]).arg(home).arg(name).env("RUHU_PASSPHRASE", passphrase);
    match ring {
        Some(ring) => ring.envs(&mut command),
        None => command.env("RUHU_KEYRING", "off"),
    };
    run(&mut command, &with.to_string()).json()
}

fn bound(home: &Path) -> bool {
    let seen = call(None, home, PASSPHRASE, "Home", &json!({}));
    seen["ok"]["reply"]["reply"]["bound"].as_bool().expect("told without a passphrase")
}

/// Opens it, and says how that went: `OPEN`, or the failure's code.
fn opened(ring: Option<&Ring>, home: &Path, passphrase: &str) -> String {
    let answer = call(ring, home, passphrase, "About", &json!({}));
    answer["fail"]["code"].as_str().map_or_else(|| "OPEN".to_owned(), str::to_owned)
}

/// A director's home beside its three officers, and a copy of it from before they were named.
fn team() -> (Team, Folder) {
    let team = Team::gather();
    team.zhou.ask("Lock", json!({}));
    let before = Folder::fresh();
    copy_tree(team.zhou.home(), before.path());
    team.zhou.ask("Unlock", json!({ "passphrase": PASSPHRASE }));
    team.name();
    team.zhou.ask("Lock", json!({}));
    (team, before)
}

#[test]
fn a_disk_without_its_machine_opens_by_no_passphrase_and_by_two_officers() {
    let Some(mut ring) = Ring::started() else { return println!("{}", Ring::SKIPPED) };
    let (team, before) = team();
    let home = team.zhou.home();

    // While nobody could help a keyring is never needed.
    assert_eq!(opened(Some(&ring), before.path(), PASSPHRASE), "OPEN");
    assert!(!bound(before.path()));
    // Nor where there is none, or nobody wants one.
    assert_eq!(opened(None, home, PASSPHRASE), "OPEN");
    assert!(!bound(home));

    assert_eq!(opened(Some(&ring), home, PASSPHRASE), "OPEN");
    assert!(bound(home));
    for _ in 0..2 {
        assert_eq!(opened(Some(&ring), home, PASSPHRASE), "OPEN");
    }
    assert_eq!(opened(Some(&ring), home, "一句不对的话在这里"), "WRONG_PASSPHRASE");
    // The thief has the disk and the passphrase, and another machine.
    assert_eq!(opened(None, home, PASSPHRASE), "KEYRING_SILENT");
    let other = Ring::started().expect("a second machine");
    assert_eq!(opened(Some(&other), home, PASSPHRASE), "KEYRING_EMPTY");
    drop(other);
    // The secret is nowhere in the home, and survives a new start of the machine.
    assert!(ring.kept().is_dir());
    ring.stop();
    assert_eq!(opened(Some(&ring), home, PASSPHRASE), "KEYRING_SILENT");
    ring.start();
    assert_eq!(opened(Some(&ring), home, PASSPHRASE), "OPEN");

    // Another passphrase, the same machine.
    let with = json!({ "passphrase": PASSPHRASE, "fresh": FRESH });
    let changed = call(Some(&ring), home, PASSPHRASE, "ChangePassphrase", &with);
    assert_eq!(changed["ok"]["reply"]["reply"]["bound"], true, "{changed}");
    assert_eq!(opened(Some(&ring), home, PASSPHRASE), "WRONG_PASSPHRASE");
    assert_eq!(opened(None, home, FRESH), "KEYRING_SILENT");
    assert_eq!(opened(Some(&ring), home, FRESH), "OPEN");

    // The machine's system is installed anew.
    ring.start_empty();
    assert_eq!(opened(Some(&ring), home, FRESH), "KEYRING_EMPTY");
    let stick = Folder::fresh();
    let ask = json!({ "folder": stick.path(), "fresh": PASSPHRASE });
    let asked = call(Some(&ring), home, FRESH, "AskRecovery", &ask)["ok"]["reply"]["reply"].clone();
    let help = |seat: &Seat, from: &Value| {
        let file = json!({ "path": from });
        seat.ask(
            "HelpRecovery",
            json!({ "file": file, "folder": stick.path(), "words": asked["words"], "reason": "认得" }),
        )
    };
    let half = help(&team.op, &asked["file"]);
    let whole = help(&team.head, &half["file"]);
    let with = json!({ "file": { "path": whole["file"] }, "fresh": PASSPHRASE });
    let recovered = call(Some(&ring), home, FRESH, "Recover", &with);
    assert_eq!(recovered["ok"]["reply"]["reply"]["bound"], false, "{recovered}");
    assert_eq!(opened(Some(&ring), home, PASSPHRASE), "OPEN");
    assert!(bound(home), "to the machine as it is now");
    assert_eq!(opened(Some(&ring), home, PASSPHRASE), "OPEN");
    assert_eq!(opened(None, home, PASSPHRASE), "KEYRING_SILENT");

    // Nobody is to help any longer: then no home may depend on a keyring.
    for seat in [&team.head, &team.auditor] {
        seat.ask("NameOfficers", json!({ "devices": [] }));
    }
    team.sync();
    let synced = call(Some(&ring), home, PASSPHRASE, "Sync", &json!({}));
    assert_eq!(synced["ok"]["reply"]["reply"]["agreed"], true, "{synced}");
    assert_eq!(opened(Some(&ring), home, PASSPHRASE), "OPEN");
    assert!(!bound(home));
    assert_eq!(opened(None, home, PASSPHRASE), "OPEN");
}

/// How long the desk is killed for in an ordinary run.
const TIME: Duration = Duration::from_secs(20);

/// Openings by which a home that was killed is bound, on a machine that is busy with other tests. On a quiet one it is one.
const PATIENT: usize = 4;

#[test]
fn killed_while_it_is_bound_a_home_opens_on_its_machine() {
    let Some(ring) = Ring::started() else { return println!("{}", Ring::SKIPPED) };
    if !Tracer::possible() {
        return println!("skipped: needs strace and the right to trace a process");
    }
    let (team, _) = team();
    let pristine = Folder::fresh();
    copy_tree(team.zhou.home(), pristine.path());
    let opening = |home: &Path| {
        let mut command = Command::new(program("desk"));
        command.args(["call", "--clock", NOON, "--home"]).arg(home).arg("About").env("RUHU_PASSPHRASE", PASSPHRASE);
        ring.envs(&mut command);
        command
    };
    let quiet = Folder::fresh();
    copy_tree(pristine.path(), quiet.path());
    let told = team.world.folder().join("binding");
    assert_eq!(Tracer::listen(&opening(quiet.path()), &told).code, Some(0));
    assert!(bound(quiet.path()));
    let calls = Tracer::counts(&told);
    kill_at("an opening that binds the home to its machine", &calls, TIME, |call, number| {
        let at = format!("killed at {call} {number}");
        let home = Folder::fresh();
        copy_tree(pristine.path(), home.path());
        let struck = Tracer::kill(&opening(home.path()), call, number).code.is_none();
        // An opening does not wait long for a keyring that it does not need yet, and a busy machine's may take longer.
        let openings = (1..=PATIENT).find(|_| {
            assert_eq!(opened(Some(&ring), home.path(), PASSPHRASE), "OPEN", "{at}");
            bound(home.path())
        });
        assert!(openings.is_some(), "{at}: not bound by {PATIENT} openings");
        assert_eq!(opened(Some(&ring), home.path(), PASSPHRASE), "OPEN", "{at}");
        assert!(bound(home.path()), "{at}");
        struck
    });
}

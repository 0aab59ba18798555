//! A laptop is killed as it enters each system call of its first opening by this version, which brings the file of the
//! version before up to date. It opens afterwards without help, holds every record that it held, and syncs.
#![cfg(target_os = "linux")]
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a test that cannot go on stops, and this one tells how far it came"
)]

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::{Value, json};
use tests::{
    Folder, NOON, PASSPHRASE, Seat, Session, Tracer, World, bytes, copy_tree, items, kill_at, of_schema_before,
    picture, without,
};

/// How long it is killed for in an ordinary run.
const TIME: Duration = Duration::from_secs(25);
/// An answer comes within.
const PATIENCE: Duration = Duration::from_secs(100);

/// A laptop as the version before left it, what it holds, and what it shows.
struct Old {
    home: PathBuf,
    facts: u64,
    files: Vec<Value>,
    shown: Vec<Value>,
    folder: Folder,
    world: World,
}

fn open(home: &Path) -> Seat {
    let seat = Seat::before(home, NOON);
    seat.ask("Unlock", json!({ "passphrase": PASSPHRASE }));
    seat
}

/// Each family's page but for what the present moment says.
fn pages(seat: &Seat, files: &[Value]) -> Vec<Value> {
    files.iter().map(|file| without(seat.household(file), &["age_days", "sentence"])).collect()
}

impl Old {
    fn begin() -> Self {
        let world = World::at(NOON);
        let (_op, zhou, files, _) = world.village(3);
        let run = zhou.ask("PrintLetters", json!({ "which": { "households": [files[0]] } }));
        let receipt = items(&run["letters"]).iter().find(|row| row["kind"] == "SERVICE_RECEIPT").expect("a receipt");
        let photo = bytes("photo.jpg", &picture(3, image::ImageFormat::Jpeg));
        zhou.ask("FileReceipt", json!({ "receipt_no": receipt["doc_no"], "file": photo }));
        for file in &files {
            zhou.ask("EditField", json!({ "household": file, "field": "ADDRESS_FOUND", "text": "村东头，井边" }));
        }
        zhou.sync();
        // And some that the county does not have.
        zhou.ask("AddContact", json!({ "household": files[1], "number": "13700001111", "source": "VILLAGE" }));
        let (facts, shown, home) = (zhou.check(), pages(&zhou, &files), zhou.home().to_owned());
        drop(zhou);
        of_schema_before(&home, PASSPHRASE);
        Self { home, facts, files, shown, folder: Folder::fresh(), world }
    }

    /// A copy of it that nobody has opened yet.
    fn fresh(&self) -> PathBuf {
        let home = self.folder.join("home");
        std::fs::remove_dir_all(&home).ok();
        copy_tree(&self.home, &home);
        home
    }

    /// A desk before such a copy, which opens it with its next call but one.
    fn begun(&self) -> (PathBuf, Session) {
        let home = self.fresh();
        let mut session = Session::begin(&home, NOON);
        session.ask("Home", &json!({}));
        (home, session)
    }

    fn killed(&self, call: &str, number: u32) -> bool {
        let at = format!("killed at {call} {number}");
        let (home, mut session) = self.begun();
        let tracer = Tracer::killing(session.id(), call, number);
        session.send("Status", &json!({}));
        let answer = session.hear(PATIENCE).ok();
        drop(tracer);
        session.kill();
        self.whole(&open(&home), &at);
        answer.is_none()
    }

    fn whole(&self, seat: &Seat, at: &str) {
        assert_eq!(seat.check(), self.facts, "{at}");
        assert_eq!(pages(seat, &self.files), self.shown, "{at}");
    }
}

#[test]
fn a_desk_killed_at_any_system_call_of_an_upgrade_loses_nothing() {
    if !Tracer::possible() {
        println!("skipped: needs strace and the right to trace a process");
        return;
    }
    let old = Old::begin();
    let told = old.world.folder().join("calls");
    let (home, mut session) = old.begun();
    let calls = Tracer::calls(session.id(), &told, || drop(session.ask("Status", &json!({}))));
    session.kill();
    old.whole(&open(&home), "a quiet upgrade");
    kill_at("an upgrade", &calls, TIME, |call, number| old.killed(call, number));
    // The laptop itself, last of all: the county has the rest after its next contact.
    let seat = open(&old.home);
    old.whole(&seat, "the last");
    let report = seat.sync();
    assert_eq!(report["sent"], json!(1), "{report}");
    seat.check();
}

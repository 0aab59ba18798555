//! Desk and county are killed as they enter each system call of a contact: greeting, push, pull, comparing, photos. Both
//! are the real programs. Whatever was acknowledged is there afterwards, and the next contact completes without help.
//! The programs are killed from outside (strace); nothing in them knows of it.
#![cfg(target_os = "linux")]
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a test that cannot go on stops, and this one works for a time and tells how far it came"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::RecvTimeoutError;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tests::{
    Chance, Folder, List, PASSPHRASE, Seat, Session, Tracer, World, bytes, items, picture, places_in, program, reply,
    run, spawn, text,
};

const NOON: &str = "2026-12-08T12:00:00+08:00";
/// How long each of the two is killed for in an ordinary run; with `RUHU_SLOW=1` every call has its turn.
const BUDGET: Duration = Duration::from_secs(45);

/// Who is killed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Victim {
    Desk,
    County,
}

/// Work during which they are killed: a call of the desk, which must come to the same when it is done again after the kill.
struct Road {
    call: &'static str,
    with: fn() -> Value,
}

/// All of it; whatever else passes between desk and county gets its line here.
const ROADS: &[Road] = &[Road { call: "Sync", with: || json!({}) }];

/// The county program.
struct Master {
    child: Child,
    home: PathBuf,
    listen: String,
}

impl Master {
    fn begin(home: PathBuf, listen: String) -> Self {
        Self { child: serve(&home, &listen), home, listen }
    }

    fn dead(&mut self) -> bool {
        self.child.try_wait().expect("a child").is_some()
    }

    fn again(&mut self) {
        self.child.kill().ok();
        self.child.wait().expect("ended");
        self.child = serve(&self.home, &self.listen);
    }

    /// What `county status` says.
    fn status(&self) -> Value {
        let told = run(Command::new(program("county")).args(["status", "--home"]).arg(&self.home), "");
        assert_eq!(told.code, Some(0), "{}", told.err);
        told.json()
    }
}

impl Drop for Master {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// Starts the program and returns once it listens.
fn serve(home: &PathBuf, listen: &str) -> Child {
    let mut child = spawn(
        Command::new(program("county"))
            .args(["serve", "--clock", NOON, "--listen", listen, "--home"])
            .arg(home)
            .stdin(Stdio::null())
            .stdout(Stdio::piped()),
    );
    let mut line = String::new();
    BufReader::new(child.stdout.take().expect("its words")).read_line(&mut line).expect("a line");
    assert!(line.contains("listening"), "the county does not serve: {line}");
    child
}

/// The county, a director's desk as a program, the operator's desk in this process; and what the director was told is kept.
struct Story {
    op: Seat,
    zhou: Session,
    master: Master,
    home: PathBuf,
    files: Vec<Value>,
    receipts: Vec<String>,
    visits: BTreeSet<String>,
    round: u32,
    facts_at_county: u64,
    chance: Chance,
    // Last, so that its files go when nobody uses them any more.
    folder: Folder,
}

impl Story {
    fn begin() -> Self {
        let world = World::at(NOON);
        let codes: Vec<String> = places_in("410423105").into_iter().take(1).map(|(code, _)| code).collect();
        let op = world.operator(&List::of(&codes, 4));
        let zhou = world.join("zhou", "SCHOOL_DIRECTOR");
        op.sync();
        op.ask("AssignVillages", json!({ "villages": codes, "person": "zhou" }));
        let files = op.files(&codes[0]);
        let letters = op.ask("PrintLetters", json!({ "which": { "households": files } }));
        let receipts: Vec<String> = items(&letters["letters"])
            .iter()
            .filter(|row| row["kind"] == "SERVICE_RECEIPT")
            .map(|row| text(&row["doc_no"]).to_owned())
            .collect();
        op.sync();
        zhou.sync();
        let home = zhou.home().to_owned();
        drop(zhou);
        let (folder, address) = world.handed_over();
        let listen = text(&json!(address)).trim_start_matches("https://").to_owned();
        let master = Master::begin(folder.join("county"), listen);
        let zhou = Session::begin(&home, NOON);
        let mut story = Self {
            op,
            zhou,
            master,
            home,
            files,
            receipts,
            visits: BTreeSet::new(),
            round: 0,
            facts_at_county: 0,
            chance: Chance::of(20_261_124),
            folder,
        };
        story.facts_at_county = story.master.status()["facts"].as_u64().expect("a number");
        story
    }

    fn visit(&self, second: u32) -> Value {
        let file = &self.files[usize::try_from(self.round).expect("a number") % self.files.len()];
        // Two hundred minutes of a morning, then the day before.
        let (day, minutes) = (8 - self.round / 200 % 8, self.round % 200);
        let arrived = format!("{:02}:{:02}:{second:02}", 8 + minutes / 60, minutes % 60);
        let form = json!({ "on": format!("2026-12-{day:02}"), "arrived": arrived, "purpose": "SERVE", "result": "NOT_MET",
            "note": format!("第{}轮", self.round) });
        json!({ "household": file, "visit": form })
    }

    fn photo(&mut self) -> Value {
        let receipt = &self.receipts[usize::try_from(self.round).expect("a number") % self.receipts.len()];
        let mut photo = picture(7, image::ImageFormat::Jpeg);
        // No two alike, and longer than one packet.
        photo.extend((0..512).flat_map(|_| self.chance.draw().to_be_bytes()));
        json!({ "receipt_no": receipt, "file": bytes("photo.jpg", &photo) })
    }

    /// New work on both sides: the operator's is at the county, the director's waits for the contact. What the director's
    /// desk says of its own work before the contact: here alone, at the county.
    fn work(&mut self) -> (u64, u64) {
        self.round += 1;
        let visit = self.op.ask("RecordVisit", self.visit(10));
        self.visits.insert(text(&visit["visit"]).to_owned());
        let photo = self.photo();
        self.op.ask("FileReceipt", photo);
        self.op.sync();
        for second in [20, 40] {
            let with = self.visit(second);
            let visit = self.zhou.ask("RecordVisit", &with);
            self.visits.insert(text(&visit["visit"]).to_owned());
        }
        let photo = self.photo();
        self.zhou.ask("FileReceipt", &photo);
        let counts = self.counts();
        assert!(counts.0 > 0, "there is something to send");
        counts
    }

    fn counts(&mut self) -> (u64, u64) {
        let status = self.zhou.ask("Status", &json!({}));
        assert_eq!(status["held"], 0, "{status}");
        let count = |name: &str| status[name].as_u64().expect("a count");
        (count("only_here"), count("county_has"))
    }

    /// One round: new work, a contact during which the victim dies at this call, and all that must hold afterwards. Whether
    /// it did die there.
    fn killed(&mut self, victim: Victim, road: &Road, call: &str, number: u32) -> bool {
        let (here, there) = self.work();
        let process = match victim {
            Victim::Desk => self.zhou.id(),
            Victim::County => self.master.child.id(),
        };
        let tracer = Tracer::killing(process, call, number);
        self.zhou.send(road.call, &(road.with)());
        let begun = Instant::now();
        let mut struck = false;
        let answer = loop {
            match self.zhou.hear(Duration::from_millis(2)) {
                Ok(line) => break Some(line),
                Err(RecvTimeoutError::Disconnected) => break None,
                Err(RecvTimeoutError::Timeout) => {
                    if victim == Victim::County && !struck && self.master.dead() {
                        // It comes back at once, and the desk, which still tries, goes on with it.
                        struck = true;
                        self.master.again();
                    }
                    assert!(begun.elapsed() < Duration::from_secs(100), "no answer: {victim:?} at {call} {number}");
                }
            }
        };
        struck |= match victim {
            Victim::Desk => answer.is_none(),
            Victim::County => self.master.dead(),
        };
        drop(tracer);
        let at = format!("{victim:?} killed at {call} {number}");
        if let Some(line) = &answer {
            assert!(reply(line).is_some() || victim == Victim::County, "{at}: {line}");
        }
        // Both begin anew, but a county that is well may go on serving.
        if self.master.dead() || victim == Victim::County {
            self.master.again();
        }
        if victim == Victim::Desk {
            self.zhou.kill();
            self.zhou = Session::begin(&self.home, NOON);
        }
        let after = self.counts();
        assert_eq!(after.0 + after.1, here + there, "{at}: own work is neither lost nor doubled");
        assert!(after.1 >= there, "{at}: what the county had it has");
        let report = self.zhou.ask("Sync", &json!({}));
        assert_eq!(report["agreed"], true, "{at}: {report}");
        assert!(items(&report["remarks"]).is_empty(), "{at}: a kill needs no remark: {report}");
        assert_eq!(self.counts(), (0, here + there), "{at}");
        self.everywhere(&at);
        struck
    }

    /// What was confirmed anywhere is on both desks, and the county never counts less than it did.
    fn everywhere(&mut self, at: &str) {
        self.op.sync();
        let (mut mine, mut theirs): (BTreeSet<String>, BTreeSet<String>) = Default::default();
        for file in &self.files {
            let with = json!({ "household": file });
            let visits = |page: &Value| -> Vec<String> {
                items(&page["visits"]).iter().map(|row| text(&row["visit"]).to_owned()).collect()
            };
            mine.extend(visits(&self.zhou.ask("Household", &with)));
            theirs.extend(visits(&self.op.household(file)));
        }
        let lost = |there: &BTreeSet<String>| self.visits.difference(there).count();
        assert_eq!((lost(&mine), lost(&theirs)), (0, 0), "{at}: visits lost at the director's, at the operator's");
        let facts = self.master.status()["facts"].as_u64().expect("a number");
        // Of each round's three records and two photos each is a fact at least.
        assert!(facts >= self.facts_at_county + 5, "{at}: the county counts {facts} after {}", self.facts_at_county);
        self.facts_at_county = facts;
    }

    /// The calls that the victim makes during a quiet contact: names with the most that one thread makes.
    fn calls(&mut self, victim: Victim, road: &Road) -> BTreeMap<String, u32> {
        self.work();
        let process = match victim {
            Victim::Desk => self.zhou.id(),
            Victim::County => self.master.child.id(),
        };
        let file = self.folder.join("calls");
        let tracer = Tracer::listening(process, &file);
        self.zhou.ask(road.call, &(road.with)());
        drop(tracer);
        self.everywhere("a quiet contact");
        Tracer::counts(&file)
    }

    /// At the end: nothing waits, nothing is missing, all is as it reads.
    fn end(mut self) {
        self.zhou.ask("Sync", &json!({}));
        self.zhou.kill();
        let zhou = Seat::before(&self.home, NOON);
        zhou.ask("Unlock", json!({ "passphrase": PASSPHRASE }));
        zhou.sync();
        let report = zhou.sync();
        assert_eq!((&report["sent"], &report["received"]), (&json!(0), &json!(0)), "{report}");
        assert_eq!((&report["blobs_sent"], &report["blobs_received"]), (&json!(0), &json!(0)), "{report}");
        zhou.check();
        self.op.sync();
        self.op.check();
    }
}

fn kill_everywhere(victim: Victim) {
    if !Tracer::possible() {
        println!("skipped: needs strace and the right to trace a process");
        return;
    }
    let slow = std::env::var_os("RUHU_SLOW").is_some();
    let mut story = Story::begin();
    for road in ROADS {
        let calls = story.calls(victim, road);
        let mut points: Vec<(&str, u32)> =
            calls.iter().flat_map(|(call, count)| (1..=*count).map(|number| (call.as_str(), number))).collect();
        let all = points.len();
        assert!(all > 50, "a contact makes more calls than {all}: {calls:?}");
        let forces = calls.keys().any(|kind| kind == "fsync" || kind == "fdatasync");
        assert!(forces && calls.contains_key("pwrite64"), "a contact writes and forces: {calls:?}");
        // In an order in which every beginning is an even sample of all, rare calls as soon as frequent ones.
        let mut chance = Chance::of(20_261_125);
        for at in (1..points.len()).rev() {
            points.swap(at, chance.below(at + 1));
        }
        let begun = Instant::now();
        let (mut tried, mut struck) = (0_usize, 0_usize);
        let mut kinds: BTreeSet<&str> = BTreeSet::new();
        for (call, number) in points {
            if !slow && begun.elapsed() > BUDGET {
                break;
            }
            tried += 1;
            if story.killed(victim, road, call, number) {
                struck += 1;
                kinds.insert(call);
            }
        }
        println!(
            "{}: {victim:?} killed at {struck} of {all} system calls ({tried} tried in {:.0} s, of {} kinds {}): 0 lost",
            road.call,
            begun.elapsed().as_secs_f64(),
            calls.len(),
            kinds.len(),
        );
        // Some come in another number each time: whoever waits for a line waits once or thrice.
        assert!(struck * 2 > tried, "only {struck} of {tried} kills struck");
    }
    story.end();
}

#[test]
fn a_desk_killed_at_any_system_call_of_a_contact_loses_nothing() {
    kill_everywhere(Victim::Desk);
}

#[test]
fn a_county_killed_at_any_system_call_of_a_contact_loses_nothing() {
    kill_everywhere(Victim::County);
}

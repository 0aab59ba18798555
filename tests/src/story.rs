//! A season that goes on while programs die: the county as a program, a director's desk as a program, the operator's desk in
//! this process, and what each of them was told. It must never know what kills them, nor take their word for what it counts.

use std::collections::BTreeSet;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use serde_json::{Value, json};

use crate::chance::Chance;
use crate::folder::{Folder, copy_tree};
use crate::list::{List, places_in};
use crate::program::{program, run, spawn};
use crate::seat::{PASSPHRASE, Seat, bytes, items, picture, text};
use crate::session::Session;
use crate::world::World;

/// The moment at which all of it happens: the clocks of both programs begin here.
pub const NOON: &str = "2026-12-08T12:00:00+08:00";

/// The county, served by its program.
pub struct Master {
    child: Child,
    home: PathBuf,
    listen: String,
}

impl Master {
    fn begin(home: PathBuf, listen: String) -> Self {
        Self { child: serve(&home, &listen), home, listen }
    }

    /// The number of its process.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// The folder of the county.
    pub fn home(&self) -> &Path {
        &self.home
    }

    /// Whether its process has ended.
    ///
    /// # Panics
    /// When the system does not know.
    pub fn dead(&mut self) -> bool {
        self.child.try_wait().expect("a child").is_some()
    }

    /// Kills it if it lives.
    ///
    /// # Panics
    /// When it does not end.
    pub fn kill(&mut self) {
        self.child.kill().ok();
        self.child.wait().expect("ended");
    }

    /// Kills it if it lives, and serves the same county anew.
    ///
    /// # Panics
    /// When it does not serve.
    pub fn again(&mut self) {
        self.kill();
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

/// The county, the desk of a director and that of the operator, who share a village; what they were told is kept.
pub struct Story {
    op: Seat,
    /// The director's desk.
    pub zhou: Session,
    /// The county.
    pub master: Master,
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
    /// A county with a village of four families, letters for them, and both desks up to date.
    ///
    /// # Panics
    /// When a program does not start.
    pub fn begin() -> Self {
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

    /// County and director's laptop go on in these folders.
    ///
    /// # Panics
    /// When a folder cannot be copied, or a program does not start.
    pub fn move_to(&mut self, county: &Path, laptop: &Path) {
        self.zhou.kill();
        self.master.kill();
        for (home, to) in [(&mut self.master.home, county), (&mut self.home, laptop)] {
            copy_tree(home, to);
            to.clone_into(home);
        }
        self.master.again();
        self.open_again();
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

    /// A folder of the story, which goes with it.
    ///
    /// # Panics
    /// When it cannot be made.
    pub fn folder(&self, name: &str) -> PathBuf {
        let path = self.folder.join(name);
        std::fs::create_dir_all(&path).expect("a folder");
        path
    }

    /// New work on both sides: the operator's is at the county, the director's waits for the contact. What the director's
    /// desk says of its own work before the contact: here alone, at the county.
    ///
    /// # Panics
    /// When it is refused.
    pub fn work(&mut self) -> (u64, u64) {
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

    /// How many records of its own the director's desk has alone, and how many the county has.
    ///
    /// # Panics
    /// When any of them is held.
    pub fn counts(&mut self) -> (u64, u64) {
        let status = self.zhou.ask("Status", &json!({}));
        assert_eq!(status["held"], 0, "{status}");
        let count = |name: &str| status[name].as_u64().expect("a count");
        (count("only_here"), count("county_has"))
    }

    /// Since [`Story::work`] told these counts no own work of the director's was lost or doubled, and what the county had it has.
    ///
    /// # Panics
    /// When it is not so.
    pub fn nothing_lost(&mut self, (here, there): (u64, u64), at: &str) {
        let after = self.counts();
        assert_eq!(after.0 + after.1, here + there, "{at}: own work is neither lost nor doubled");
        assert!(after.1 >= there, "{at}: what the county had it has");
    }

    /// All that waited on the director's desk is at the county now, and everywhere.
    ///
    /// # Panics
    /// When it is not.
    pub fn all_arrived(&mut self, (here, there): (u64, u64), at: &str) {
        assert_eq!(self.counts(), (0, here + there), "{at}");
        self.everywhere(at);
    }

    /// Kills the director's desk if it lives, and opens it anew.
    ///
    /// # Panics
    /// When it does not open.
    pub fn open_again(&mut self) {
        self.zhou.kill();
        self.zhou = Session::begin(&self.home, NOON);
    }

    /// What was confirmed anywhere is on both desks, and the county never counts less than it did.
    fn everywhere(&mut self, at: &str) {
        self.op.sync();
        let here = visits(&self.files, |with| self.zhou.ask("Household", with));
        let there = visits(&self.files, |with| self.op.ask("Household", with.clone()));
        let lost = (self.visits.difference(&here).count(), self.visits.difference(&there).count());
        assert_eq!(lost, (0, 0), "{at}: visits lost at the director's, at the operator's");
        let facts = self.master.status()["facts"].as_u64().expect("a number");
        // Of each round's three records and two photos each is a fact at least.
        assert!(facts >= self.facts_at_county + 5, "{at}: the county counts {facts} after {}", self.facts_at_county);
        self.facts_at_county = facts;
    }

    /// At the end: nothing waits, nothing is missing, all is as it reads.
    ///
    /// # Panics
    /// When it is not.
    pub fn end(mut self) {
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

/// All visits of these families, as a desk tells them.
fn visits(files: &[Value], mut household: impl FnMut(&Value) -> Value) -> BTreeSet<String> {
    let pages = files.iter().map(|file| household(&json!({ "household": file })));
    pages
        .flat_map(|page| items(&page["visits"]).iter().map(|row| text(&row["visit"]).to_owned()).collect::<Vec<_>>())
        .collect()
}

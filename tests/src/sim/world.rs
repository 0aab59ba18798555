//! One world of the simulator: a county, laptops with people, time that passes, and the hand that does what no program
//! does: closes, copies, restores and clones folders, carries sticks, turns clocks. One thread; the seed tells it all.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use county::{County, Founding, Invite, PageLimits};
use desk::api::{Call, HouseholdsAsked, Nothing, Reply};
use desk::clock::Clock;
use desk::failure::{Code, Failure};
use desk::home::Identity;
use desk::{Desk, Parts};
use domain::enrol::{EnrolAsk, proof_bytes};
use domain::event::Event;
use domain::household::{Contract, DueListed, HouseholdListed, Identified, Placed};
use domain::ids::{DeviceId, FactId, FileId, JournalId, PersonId, Sha, hex};
use domain::money::Fen;
use domain::org::{PlacesLoaded, ProfileSaved};
use domain::place::PlaceCode;
use domain::words::{HouseholdField, Line as Branch, Role, Section};
use domain::{Signer, SigningKey};
use store::file::FileKey;
use store::{Standing, Store, StoreFault};
use zeroize::Zeroizing;

use super::clock::Clocks;
use super::disk::{self, Disk};
use super::faults::{Counts, Fault, Swarm};
use super::heard::Heard;
use super::line::{Killed, Line, Wire};
use super::stick::Stick;
use super::stranger::Stranger;
use super::truth::{Act, What};
use crate::chance::Chance;
use crate::world::moment;

/// How a world is to be run.
#[derive(Debug, Clone, Default)]
pub struct Asked {
    /// Kinds of faults that stay off; no other draw changes.
    pub without: Vec<Fault>,
    /// Corrected time must not run backwards within a journal even where clocks are wrong.
    pub strict_time: bool,
    /// The story is told.
    pub aloud: bool,
    /// Of facts with this mark the story says who has them, whenever that changes.
    pub watch: Option<String>,
}

thread_local! {
/// Where the run of this thread is, for whoever reports its failure.
pub static STEP: std::cell::Cell<usize> = const { std::cell::Cell::new(0) };
}

/// A form that stands open: what it showed when it was opened.
#[derive(Debug, Clone)]
pub struct Form {
    /// The family.
    pub file: FileId,
    /// The field.
    pub field: HouseholdField,
    /// The values it showed.
    pub shown: Vec<FactId>,
}

/// An older copy of a folder.
#[derive(Debug, Clone)]
pub struct Copy {
    /// Where.
    pub path: PathBuf,
    /// When.
    pub step: usize,
}

/// A laptop and who sits at it.
pub struct Seat {
    /// The account.
    pub person: PersonId,
    /// The role it was enrolled with.
    pub role: Role,
    /// The device.
    pub device: DeviceId,
    /// Its folder.
    pub home: PathBuf,
    /// Its key.
    pub signing: [u8; 32],
    /// The database's.
    pub key: FileKey,
    /// The anchor's.
    pub anchor: [u8; 32],
    /// Its clock.
    pub cell: Arc<AtomicI64>,
    /// Its program.
    pub desk: Option<Desk>,
    /// Families it saw last.
    pub files: Vec<FileId>,
    /// Forms that stand open.
    pub forms: Vec<Form>,
    /// Older copies of its folder.
    pub copies: Vec<Copy>,
    /// Whether its folder was ever cloned, restored or rolled back.
    pub twisted: bool,
    /// Whether it cannot know of that: its anchor went along, or was torn.
    pub unaware: bool,
    /// Whether a slot of its anchor was ever torn.
    pub torn: bool,
    /// Facts that were only here when it was last looked at, and acts since.
    pub only_here: Option<u32>,
    /// Its disk has room for so many pages more until that step; and whether somebody was told that it is full.
    pub full: Option<Full>,
}

/// A disk that is nearly full.
#[derive(Debug, Clone, Copy)]
pub struct Full {
    /// Pages that it still has room for whenever the program starts.
    pub pages: u32,
    /// Somebody makes room at this step.
    pub until: usize,
    /// Something could not be saved.
    pub told: bool,
}

/// A world.
pub struct Sim {
    /// What all lines share.
    pub wire: Arc<Mutex<Wire>>,
    /// Laptops.
    pub seats: Vec<Seat>,
    /// Draws of people and of the hand.
    pub chance: Chance,
    /// What may go wrong.
    pub swarm: Swarm,
    /// Steps so far.
    pub step: usize,
    /// Acts that were tried.
    pub ops: u32,
    /// What was confirmed.
    pub acts: Vec<Act>,
    /// What the head erased, by content: it may be gone.
    pub erased: Vec<What>,
    /// Villages.
    pub villages: Vec<PlaceCode>,
    /// Families.
    pub families: Vec<FileId>,
    /// Sticks on their way.
    pub sticks: Vec<Stick>,
    /// Copies of the county.
    pub county_copies: Vec<Copy>,
    /// Whether the county was ever restored.
    pub county_restored: bool,
    /// A laptop of another make, in most worlds.
    pub stranger: Option<Stranger>,
    /// Whether corrected time may never run backwards, whatever the clocks do.
    pub strict_time: bool,
    /// Tells the story.
    pub aloud: bool,
    /// A mark whose facts are followed.
    pub watch: Option<String>,
    /// Who had them last.
    pub watched: String,
    product: Arc<Mutex<Chance>>,
    serial: u64,
    folders: u32,
    pub(super) disk: Disk,
}

/// The series of numbers that desks and the county draw from, filled into a slice.
fn fill(series: &Mutex<Chance>, out: &mut [u8]) {
    let mut series = series.lock().unwrap_or_else(PoisonError::into_inner);
    for chunk in out.chunks_mut(8) {
        for (slot, byte) in chunk.iter_mut().zip(series.draw().to_le_bytes()) {
            *slot = byte;
        }
    }
}

fn bytes<const N: usize>(series: &Mutex<Chance>) -> [u8; N] {
    let mut out = [0; N];
    fill(series, &mut out);
    out
}

fn code(text: &str) -> PlaceCode {
    text.parse().expect("a code")
}

impl Sim {
    /// A world of a seed, with everybody enrolled and the list imported, before anything goes wrong.
    pub fn of(seed: u64, asked: &Asked) -> Self {
        let mut chance = Chance::of(seed);
        let product = Arc::new(Mutex::new(Chance::of(chance.draw())));
        let disk = Disk::fresh(&format!("{seed}"));
        let mut line_chance = Chance::of(chance.draw());
        let swarm = Swarm::drawn(&mut chance, &asked.without);
        let clocks = Clocks::at(moment("2026-12-01T08:00:00+08:00").0);
        let limits = PageLimits {
            bytes: *line_chance.one(&[1_500, 6_000, 60_000, 512 * 1024]),
            batches: *line_chance.one(&[1, 3, 20, 2_000]),
        };
        let clock = county::Clock::by_hand(Arc::clone(&clocks.truth));
        let series = Arc::clone(&product);
        let start = {
            let clock = clock.clone();
            let series = Arc::clone(&series);
            move |home: &Path| {
                let series = Arc::clone(&series);
                let chance = county::Chance::told(move |out| fill(&series, out));
                let county = County::open_by(home, clock.clone(), chance).expect("the county opens");
                county.with_limits(limits).telling(|fault| panic!("I0 the county is in trouble: {fault:?}"))
            }
        };
        let home = disk.folder("county");
        let founding = Founding { name: "青石县".to_owned(), practice: true, hosts: Vec::new() };
        let told = county::Chance::told(move |out| fill(&series, out));
        drop(County::init_by(&home, &founding, clock, told).expect("a county"));
        let county = start(&home);
        let wire = Wire {
            county: Some(county),
            home,
            start: Arc::new(start),
            clocks,
            chance: line_chance,
            swarm: Swarm::calm(),
            counts: Counts::default(),
            said: Vec::new(),
            acked: std::collections::BTreeMap::new(),
            heard: Heard::default(),
            messages: 0,
            troubles: 0,
        };
        let mut sim = Self {
            wire: Arc::new(Mutex::new(wire)),
            seats: Vec::new(),
            chance,
            swarm,
            step: 0,
            ops: 0,
            acts: Vec::new(),
            erased: Vec::new(),
            villages: Vec::new(),
            families: Vec::new(),
            sticks: Vec::new(),
            county_copies: Vec::new(),
            county_restored: false,
            stranger: None,
            strict_time: asked.strict_time,
            aloud: asked.aloud,
            watch: asked.watch.clone(),
            watched: String::new(),
            product,
            serial: 0,
            folders: 0,
            disk,
        };
        sim.populate();
        sim
    }

    /// The line's and the county's side.
    pub fn wire(&self) -> MutexGuard<'_, Wire> {
        self.wire.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Says a line of the story.
    pub fn say(&self, what: impl FnOnce() -> String) {
        if self.aloud {
            eprintln!("{:4} {}", self.step, what());
        }
    }

    /// Random bytes of the series that desks and the county draw from.
    pub fn fresh<const N: usize>(&self) -> [u8; N] {
        bytes(&self.product)
    }

    /// A number that comes once.
    pub fn next(&mut self) -> u64 {
        self.serial += 1;
        self.serial
    }

    /// Whether this kind of fault strikes now, outside the line; counted if so.
    pub fn strikes(&mut self, fault: Fault) -> bool {
        let struck = self.swarm.strikes(fault, &mut self.chance);
        if struck {
            self.wire().counts.note(fault);
            self.say(|| format!("-- {}", fault.name()));
        }
        struck
    }

    fn populate(&mut self) {
        let townships = ["410490101", "410490102"];
        for (at, township) in townships.iter().enumerate() {
            for village in 0..2 + self.chance.below(3) {
                self.villages.push(code(&format!("{township}2{:02}", at * 10 + village + 1)));
            }
        }
        let operator = self.enrol("op1", Role::CentreOperator, Vec::new());
        self.first_list(operator);
        self.enrol("han", Role::CentreHead, Vec::new());
        let most = match self.chance.below(100) {
            0 => 12 + self.chance.below(28),
            _ => 2 + self.chance.below(6).min(self.chance.below(6)),
        };
        for number in 0..most {
            self.enrol_field(number);
        }
        if self.chance.percent(70) {
            self.stranger = Some(Stranger::joins(self));
        }
        // Work is given out, and everybody looks once.
        for village in self.villages.clone() {
            for branch in [Branch::Government, Branch::Education] {
                if self.chance.percent(85) {
                    let person = self.somebody_of(branch);
                    self.assign(operator, village.clone(), person);
                }
            }
        }
        for seat in 0..self.seats.len() {
            self.sync(seat);
        }
        self.wire().swarm = self.swarm.clone();
    }

    /// A laptop for somebody in the field: of either line, some with an area of their own.
    pub fn enrol_field(&mut self, number: usize) -> usize {
        let (role, areas) = match self.chance.below(10) {
            0..=3 => (Role::SchoolDirector, Vec::new()),
            4..=6 => (Role::TownshipClerk, Vec::new()),
            7 => (Role::TownshipClerk, vec![code("410490101")]),
            8 => (Role::CentralDirector, vec![code("410490102")]),
            _ => (Role::CentralDirector, Vec::new()),
        };
        self.enrol(&format!("field{number}"), role, areas)
    }

    /// Somebody who works in a line.
    pub fn somebody_of(&mut self, branch: Branch) -> PersonId {
        let fits: Vec<PersonId> =
            self.seats.iter().filter(|seat| seat.role.line() == Some(branch)).map(|seat| seat.person.clone()).collect();
        if fits.is_empty() { self.seats[0].person.clone() } else { self.chance.one(&fits).clone() }
    }

    /// A folder of a name that comes once.
    pub fn folder(&mut self, name: &str) -> PathBuf {
        self.folders += 1;
        self.disk.folder(&format!("{name}-{}", self.folders))
    }

    /// Invites and enrols a device; the account takes this role from now on.
    pub fn enrol(&mut self, name: &str, role: Role, areas: Vec<PlaceCode>) -> usize {
        let person: PersonId = name.parse().expect("an account");
        let signing: [u8; 32] = bytes(&self.product);
        let key = SigningKey::from_bytes(&signing);
        let certificate = Sha::of(&signing);
        let journal = JournalId(bytes(&self.product));
        let home = self.folder(name);
        let (reply, number, cell) = {
            let mut wire = self.wire();
            let invite = Invite {
                account: person.clone(),
                name: name.to_owned(),
                role,
                areas,
                address: "https://county.test".to_owned(),
                days: 30,
                words: false,
                undertaking: None,
            };
            let invited = wire.county().invite(&invite).expect("an invitation");
            let ask = EnrolAsk {
                token: hex(&invited.code.token),
                key: hex(key.verifying_key().as_bytes()),
                journal,
                proof: hex(&key.sign(&proof_bytes(&invited.code.token, journal)).to_bytes()),
                practice: true,
                bundle_key: Some(desk::home::bundle_secret(&key).key()),
            };
            let reply = wire.county().enrol(certificate, &ask).expect("enrolled");
            let (number, cell) = wire.clocks.add();
            (reply, number, cell)
        };
        assert_eq!(number, self.seats.len());
        let device = DeviceId::of_key(key.verifying_key().as_bytes());
        let identity = Identity {
            person: person.clone(),
            name: reply.name,
            role: reply.role,
            device,
            log: reply.log,
            county: reply.county,
            address: "https://county.test".to_owned(),
            certificate: Sha([0; 32]),
            practice: true,
            bundle_key: reply.bundle_key,
            enrolment: reply.enrolment,
        };
        let seat = Seat {
            person,
            role,
            device,
            home,
            signing,
            key: FileKey(Zeroizing::new(bytes(&self.product))),
            anchor: bytes(&self.product),
            cell,
            desk: None,
            files: Vec::new(),
            forms: Vec::new(),
            copies: Vec::new(),
            twisted: false,
            unaware: false,
            torn: false,
            only_here: None,
            full: None,
        };
        let (mut store, _) = open_store(&seat);
        let master = domain::ids::unhex::<32>(&reply.master_key).expect("a key");
        let master = domain::VerifyingKey::from_bytes(&master).expect("a key");
        desk::home::begin(&mut store, journal, &identity, &key.verifying_key(), (reply.master_journal, &master), 0)
            .expect("begun");
        self.seats.push(seat);
        self.start(number, store, Standing::Sound);
        self.say(|| format!("{name} ({}) joins with laptop {number}", role.code()));
        number
    }

    /// Starts the program of a laptop. `sound`: its folder is as its program left it.
    pub fn open(&mut self, number: usize, sound: bool) {
        let seat = &mut self.seats[number];
        seat.desk = None;
        let (store, standing) = open_store(seat);
        assert!(!sound || standing == Standing::Sound, "I14 the store of laptop {number} is behind: {standing:?}");
        self.start(number, store, standing);
    }

    fn start(&mut self, number: usize, store: Store, standing: Standing) {
        let series = Arc::clone(&self.product);
        let seat = &mut self.seats[number];
        if let Some(full) = seat.full {
            store.keep_to(full.pages).expect("a bound");
        }
        let parts = Parts {
            store,
            standing,
            signing: SigningKey::from_bytes(&seat.signing),
            file_key: None,
            tls: None,
            reader: desk::Reader::unconfined(),
            clock: Clock::ByHand(Arc::clone(&seat.cell)),
            chance: desk::clock::Chance::told(move |out| fill(&series, out)),
            lock: None,
        };
        match Desk::of(parts) {
            Ok(desk) => seat.desk = Some(desk),
            Err(failure) if failure.code == Code::DiskFull => {
                // It does not start, and says why; whoever is told so makes room.
                self.disk_was_full(number);
                self.seats[number].full = None;
                return self.open(number, false);
            }
            Err(failure) => panic!("I0 laptop {number} does not start: {failure:?}"),
        }
        seat.only_here = None;
    }

    /// Closes the program of a laptop, lets `work` at its database, and starts it again.
    fn with_store<T>(&mut self, number: usize, work: impl FnOnce(&mut Store, &Seat, i64) -> T) -> T {
        self.seats[number].desk = None;
        let (done, store) = {
            let seat = &self.seats[number];
            let (mut store, standing) = open_store(seat);
            assert_eq!(standing, Standing::Sound, "I14 laptop {number}");
            (work(&mut store, seat, seat.cell.load(Ordering::SeqCst)), store)
        };
        self.start(number, store, Standing::Sound);
        done
    }

    /// The season's list, as an import writes it.
    fn first_list(&mut self, operator: usize) {
        let villages = self.villages.clone();
        let mut table = "code,name,level,parent_code\n410490,青石县,county,\n".to_owned();
        for township in ["410490101", "410490102"] {
            table.push_str(&format!("{township},乡{township},township,410490\n"));
        }
        for village in &villages {
            let parent = village.township().expect("a township");
            table.push_str(&format!("{village},村{village}村民委员会,village,{parent}\n"));
        }
        let families = 6 + self.chance.below(9);
        let mut listed = Vec::new();
        for number in 0..families {
            let file = FileId(bytes(&self.product));
            listed.push((file, number, self.chance.one(&villages).clone()));
            self.families.push(file);
        }
        let said = self.with_store(operator, |store, seat, wall| {
            let mut said = Vec::new();
            let place = listed.clone();
            let wrote = store.write::<(), StoreFault>(&seat.person, domain::clock::Millis(wall), |pen| {
                let profile = ProfileSaved {
                    organ_name: "青石县学生资助管理中心".to_owned(),
                    organ_short: "县资助中心".to_owned(),
                    organ_code: "青资助".to_owned(),
                    credit_code: String::new(),
                    hotline: "03750000000".to_owned(),
                    complaint_line: "03750000001".to_owned(),
                    address: "青石县人民路1号".to_owned(),
                    bank_name: "经办银行".to_owned(),
                    settlement_bank: "代理银行".to_owned(),
                    county_name: "青石县".to_owned(),
                };
                pen.record(FileId::county(), Section::Core, &Event::ProfileSaved(profile), Vec::new())?;
                let loaded = PlacesLoaded { places: table, old_names: "old_name,code,name,note\n".to_owned() };
                pen.record(FileId::county(), Section::Core, &Event::PlacesLoaded(loaded), Vec::new())?;
                for (file, number, village) in &place {
                    for event in family(*number, village, "2026-12-01") {
                        let section = event.section(Section::Core);
                        pen.record(*file, section, &event, Vec::new())?;
                        said.push((*file, event));
                    }
                }
                Ok(())
            });
            wrote.expect("the list");
            said
        });
        for (file, event) in said {
            self.confirm_event(operator, file, &event);
        }
    }

    /// Something of the list is another now: a family lives elsewhere, or owes something else.
    pub fn later_list(&mut self, operator: usize) {
        let file = *self.chance.one(&self.families);
        let village = self.chance.one(&self.villages).clone();
        let place = if self.chance.percent(10) { village.township().expect("a township") } else { village };
        let moves = self.chance.percent(70);
        let number = self.next();
        let day = domain::clock::Millis(self.wire().clocks.now()).day();
        let event = if moves {
            Event::Placed(Placed { place: place.clone() })
        } else {
            Event::DueListed(due(usize::try_from(number).expect("small"), &day.to_string(), number))
        };
        let wrote = self.with_store(operator, |store, seat, wall| {
            let wrote = store.write::<bool, StoreFault>(&seat.person, domain::clock::Millis(wall), |pen| {
                let standing = pen.standing(file)?;
                let before = if moves { standing.placed } else { standing.due };
                if before.is_empty() {
                    // Not here: it was never sent or is gone.
                    return Ok(false);
                }
                let replaces = before.into_iter().map(|(id, _)| id).collect();
                pen.record(file, Section::Core, &event, replaces)?;
                Ok(true)
            });
            wrote.expect("a later list").0
        });
        if wrote {
            self.confirm_event(operator, file, &event);
            self.say(|| {
                format!(
                    "laptop {operator}: family {file} is listed anew: {}",
                    if moves { place.as_str() } else { "due" }
                )
            });
        }
    }

    fn confirm_event(&mut self, seat: usize, file: FileId, event: &Event) {
        let fact = domain::fact::Fact {
            id: FactId { journal: JournalId([0; 8]), seq: 1 },
            file,
            section: Section::Core,
            wall: domain::clock::Millis(0),
            author: self.seats[seat].person.clone(),
            kind: event.kind().to_owned(),
            replaces: Vec::new(),
            body: event.body().expect("a body"),
        };
        self.confirm(seat, What::of(&fact));
    }

    /// A person was told that this is saved.
    pub fn confirm(&mut self, seat: usize, what: What) {
        self.confirm_shown(seat, what, None);
    }

    /// A person was told that this is saved, from a form that stood open and showed this.
    pub fn confirm_shown(&mut self, seat: usize, what: What, shown: Option<std::collections::BTreeSet<FactId>>) {
        let at = self.wire().clocks.now();
        let step = self.step;
        self.acts.push(Act { seat, step, at, what, lost: false, safe: None, shown });
        if let Some(only_here) = &mut self.seats[seat].only_here {
            *only_here += 2;
        }
    }

    /// A laptop meets the county. Returns whether the whole exchange went through.
    pub fn sync(&mut self, number: usize) -> bool {
        let Some(desk) = self.seats[number].desk.take() else { return false };
        let seat = &self.seats[number];
        let line = Line::of(Arc::clone(&self.wire), seat.device, Sha::of(&seat.signing));
        let before = self.wire().troubles;
        let result = catch_unwind(AssertUnwindSafe(|| desk.sync_over(&line)));
        match result {
            Ok(Ok(report)) => {
                self.seats[number].desk = Some(desk);
                self.say(|| {
                    let marks: Vec<&str> = report.remarks.iter().map(|remark| remark.code.as_str()).collect();
                    format!(
                        "laptop {number} syncs: sent {} received {} gone {} held {} {marks:?}",
                        report.sent, report.received, report.files_gone, report.held
                    )
                });
                assert!(
                    report.remarks.iter().all(|remark| remark.code != "READ_AGAIN"),
                    "I9 laptop {number} had to read everything again; {}",
                    self.apart(number)
                );
                let step = self.step;
                for act in self.acts.iter_mut().filter(|act| act.seat == number && act.safe.is_none() && !act.lost) {
                    act.safe = Some(step);
                }
                self.look(number);
                self.follow();
                self.date_what_is_carried(number);
                true
            }
            Ok(Err(failure)) => {
                self.seats[number].desk = Some(desk);
                self.say(|| format!("laptop {number} syncs: {}", failure.zh));
                if self.county_restored {
                    // It may just have learnt that what the county once had is only here again: a new epoch, and said.
                    self.seats[number].only_here = None;
                }
                if failure.code == Code::DiskFull {
                    self.disk_was_full(number);
                    return false;
                }
                self.fair(number, &failure, before);
                false
            }
            Err(thrown) if thrown.is::<Killed>() => {
                self.say(|| format!("laptop {number} dies in its sync"));
                // Its files as they stand, with a hot log, are all that is left of it.
                let home = self.folder("again");
                disk::copy(&self.seats[number].home, &home);
                drop(desk);
                self.seats[number].home = home;
                self.open(number, true);
                false
            }
            Err(thrown) => resume_unwind(thrown),
        }
    }

    /// Somebody was told that the disk is full, which must be so.
    pub fn disk_was_full(&mut self, number: usize) {
        let full = self.seats[number].full.as_mut();
        let full = full.unwrap_or_else(|| panic!("I0 laptop {number} has room and says it has none"));
        let first = !std::mem::replace(&mut full.told, true);
        if first {
            self.wire().counts.note(Fault::DiskFull);
            self.say(|| format!("-- {}", Fault::DiskFull.name()));
        }
    }

    /// Whether a sync may fail so.
    fn fair(&self, number: usize, failure: &Failure, before: u64) {
        let struck = self.wire().troubles != before;
        let fair = match failure.code {
            Code::CountyUnreachable | Code::LineBroken => struck,
            // A clone or a restored laptop is told so, and goes on at its next contact.
            Code::CountyRefused => struck || self.seats[number].twisted || self.county_restored,
            // A spoiled page does not verify.
            Code::Internal => struck,
            _ => false,
        };
        assert!(
            fair || struck && failure.code != Code::SumsDiffer,
            "I9 laptop {number} cannot sync: {:?} {}; {}",
            failure.code,
            failure.zh,
            self.apart(number)
        );
    }

    /// What a person looks at after a contact.
    fn look(&mut self, number: usize) {
        let asked = HouseholdsAsked { place: None, statuses: Vec::new(), offset: 0, limit: 100 };
        let desk = self.seats[number].desk.as_ref().expect("an open desk");
        if let Ok((Reply::Households(view), _)) = desk.handle(Call::Households(asked)) {
            self.seats[number].files = view.rows.into_iter().map(|row| row.file).collect();
        }
        let desk = self.seats[number].desk.as_ref().expect("an open desk");
        let Ok((Reply::Status(status), _)) = desk.handle(Call::Status(Nothing {})) else { panic!("I0 no status") };
        assert_eq!(status.only_here, 0, "I9 laptop {number}: something is only here after a whole exchange");
    }

    /// The state of a laptop's queue between contacts: without an act nothing that the county has is only here again.
    pub fn queue(&mut self, number: usize) {
        let Some(desk) = self.seats[number].desk.as_ref() else { return };
        let Ok((Reply::Status(status), _)) = desk.handle(Call::Status(Nothing {})) else { panic!("I0 no status") };
        let before = self.seats[number].only_here;
        if let Some(before) = before {
            assert!(status.only_here <= before, "I11 laptop {number}: acknowledged facts are only here again");
        }
        self.seats[number].only_here = Some(status.only_here);
    }
}

/// Opens a laptop's database.
pub fn open_store(seat: &Seat) -> (Store, Standing) {
    Store::open(&seat.home.join("ruhu.db"), &seat.key, Zeroizing::new(seat.anchor)).expect("the database opens")
}

/// What the list says of a family.
fn family(number: usize, village: &PlaceCode, as_of: &str) -> Vec<Event> {
    let id = format!("41049019750101{:04}", number % 10_000);
    vec![
        Event::HouseholdListed(HouseholdListed {
            borrower: format!("学生{number}"),
            borrower_as_bank: None,
            id_tail: "0001".to_owned(),
            co_borrower: Some(format!("家长{number}")),
            relation: Some("父".to_owned()),
            address: format!("青石县某村{number}号"),
            grad_year: Some(2024),
            phones: Vec::new(),
        }),
        Event::Identified(Identified { borrower_id: id, co_borrower_id: None, accounts: Vec::new() }),
        Event::Placed(Placed { place: village.clone() }),
        Event::DueListed(due(number, as_of, 0)),
    ]
}

fn due(number: usize, as_of: &str, batch: u64) -> DueListed {
    let owed = i64::try_from(number).expect("small") * 100 + 50_000;
    DueListed {
        batch: format!("batch{batch}-{number}"),
        as_of: as_of.parse().expect("a day"),
        contracts: vec![Contract {
            contract_no: format!("41049020190000{number:04}"),
            academic_year: "2018-2019".to_owned(),
            principal_due: Fen::new(owed),
            interest_due: Fen::new(1_234),
            penalty_due: Fen::new(0),
            total_due: Fen::new(owed + 1_234),
            principal_left: Fen::new(owed * 3),
            due_on: "2026-12-20".parse().expect("a day"),
            maturity_on: None,
            rate_ppm: 35_000,
            status: "正常".to_owned(),
        }],
        account_hint: None,
    }
}

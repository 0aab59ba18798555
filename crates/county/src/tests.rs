//! Desks and a county in one process: the courier is a function call. What a desk holds is compared with what a naive
//! reading of the whole log says it should hold. Nothing here sleeps, and every random history has its seed.

mod crowd;
mod enrolment;
mod exchange;
mod matrix;
mod paging;
mod papers;
mod restore;
mod stick;

use std::cell::{Ref, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use domain::SigningKey;
use domain::clock::Millis;
use domain::decision::{Erased, HeldDecided};
use domain::enrol::{EnrolAsk, EnrolReply, Refusal, offer_bytes, proof_bytes};
use domain::event::{Event, Writer, erasable, writer};
use domain::exchange::{Acks, Cursor, EVERY_JOURNAL, Hello, Mark, Page, Place, Pull, Push, Sum, Welcome};
use domain::fact::{Batch, Fact, Seal, Verified, seal};
use domain::household::Placed;
use domain::ids::{DeviceId, FactId, FileId, JournalId, PersonId, Sha, hex};
use domain::org::VillageAssigned;
use domain::place::PlaceCode;
use domain::rights::{Position, Rights};
use domain::words::{Line, Role, Section};
use ed25519_dalek::Signer as _;
use store::bundle::BundleSecret;

use crate::{Clock, County, Founding, Invite, LedgerFault, PageLimits};

/// 2026-12-08 09:00 in Asia/Shanghai.
const MORNING: i64 = 1_796_691_600_000;

/// Splitmix64: the same numbers for the same seed, everywhere.
struct Dice(u64);

impl Dice {
    fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, n: u64) -> u64 {
        self.roll() % n
    }

    fn one<T: Copy>(&mut self, of: &[T]) -> T {
        of[usize::try_from(self.below(u64::try_from(of.len()).expect("few"))).expect("few")]
    }
}

struct Home(PathBuf);

impl Home {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("ruhu-county-{}-{name}", std::process::id()));
        if path.exists() {
            std::fs::remove_dir_all(&path).expect("an old home removed");
        }
        Self(path)
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        std::fs::remove_dir_all(&self.0).ok();
    }
}

/// A run as the log has it.
struct Stretch {
    place: Place,
    journal: JournalId,
    /// Sent to its own author too.
    back: bool,
    facts: Vec<Known>,
}

/// The log as it was read.
struct Truth {
    runs: Vec<Stretch>,
    rights: Rights,
    head: Position,
    chain: Sha,
    /// Read anew up to here, since facts were decided on or erased.
    decided: Position,
    /// What the head wants to be let through.
    accepted: BTreeSet<FactId>,
}

impl Default for Truth {
    fn default() -> Self {
        let (runs, accepted) = (Vec::new(), BTreeSet::new());
        Self { runs, rights: Rights::new(), head: 0, chain: Sha([0; 32]), decided: 0, accepted }
    }
}

impl Truth {
    /// What a fact that is let through changes: rights, and what it decides on.
    fn heed(&mut self, position: Position, fact: &Fact) {
        self.rights.learn(position, fact);
        match Event::read(&fact.kind, &fact.body) {
            Ok(Some(Event::HeldDecided(decided))) => {
                for target in decided.facts {
                    self.accepted.remove(&target);
                    if decided.accept {
                        self.accepted.insert(target);
                    }
                    self.let_through(position, target);
                }
            }
            Ok(Some(Event::DeviceEnrolled(enrolled))) => {
                // What was held of its journal can be let through now, and comes after it.
                let late = |run: &&mut Stretch| run.journal == enrolled.journal && run.place.held;
                let late = self.runs.iter_mut().filter(late).map(|run| {
                    run.place.shown = position;
                    FactId { journal: run.journal, seq: run.place.seq }
                });
                for id in late.collect::<Vec<_>>() {
                    self.let_through(position, id);
                }
            }
            Ok(_) | Err(_) => {}
        }
    }

    /// Lets a fact through if the head wants it, and nothing stands against it.
    fn let_through(&mut self, position: Position, id: FactId) {
        let introduced = |run: &Stretch| {
            run.facts.iter().any(|known| match Event::read(&known.fact.kind, &known.fact.body) {
                Ok(Some(Event::DeviceEnrolled(enrolled))) => enrolled.journal == id.journal && run.place.held,
                _ => false,
            })
        };
        if !self.accepted.contains(&id) || self.runs.iter().any(introduced) {
            return;
        }
        let held = |run: &&mut Stretch| run.place.held && run.place.seq == id.seq && run.journal == id.journal;
        let Some(run) = self.runs.iter_mut().find(held) else { return };
        let Some(known) = run.facts.first().cloned() else { return };
        if known.fact.author != PersonId::county_master() && writer(&known.fact.kind) == Some(Writer::Master) {
            return;
        }
        (run.place.shown, run.place.held) = (position, false);
        self.heed(position, &known.fact);
    }
}

struct World {
    home: Home,
    county: County,
    time: Arc<AtomicI64>,
    /// Journals' keys, to verify what is delivered.
    keys: BTreeMap<JournalId, SigningKey>,
    devices: u8,
    journals: u8,
    limits: PageLimits,
    /// Homes of the counties that it was restored from.
    copies: Vec<Home>,
    truth: RefCell<Truth>,
}

impl World {
    fn new(name: &str) -> Self {
        let home = Home::new(name);
        let time = Arc::new(AtomicI64::new(MORNING));
        let founding = Founding { name: "青石县".to_owned(), practice: true, hosts: vec![] };
        let county = County::init(&home.0, &founding, Clock::by_hand(Arc::clone(&time))).expect("a county");
        let keys = BTreeMap::from([(county.meta.master_journal, county.master.clone())]);
        Self {
            home,
            county: county.telling(|fault| panic!("{fault:?}")),
            time,
            keys,
            devices: 0,
            journals: 100,
            limits: PageLimits::default(),
            copies: Vec::new(),
            truth: RefCell::default(),
        }
    }

    fn limits(mut self, bytes: usize, batches: usize) -> Self {
        self.limits = PageLimits { bytes, batches };
        self.county = self.county.with_limits(self.limits);
        self
    }

    fn path(&self) -> &Path {
        &self.home.0
    }

    /// A copy of the county, with its anchor or without.
    fn copy(&self, name: &str, anchored: bool) -> Home {
        let home = Home(self.home.0.with_extension(name));
        std::fs::create_dir_all(&home.0).expect("a folder");
        self.county.ledger.copy(&home.0.join("ledger.db")).expect("copied");
        let files: &[&str] = if anchored { &["keys.json", "anchor"] } else { &["keys.json"] };
        for file in files {
            std::fs::copy(self.home.0.join(file), home.0.join(file)).expect("copied");
        }
        home
    }

    /// The county is lost, and goes on from a copy.
    fn restore(&mut self, from: &Home) {
        let county = County::open(&from.0, Clock::by_hand(Arc::clone(&self.time))).expect("a county");
        self.county = county.with_limits(self.limits).telling(|fault| panic!("{fault:?}"));
        self.truth = RefCell::default();
    }

    /// The desk goes on under a new journal.
    fn reopen(&mut self, desk: &mut Desk) {
        self.journals += 1;
        desk.journal = JournalId([self.journals; 8]);
        desk.journals.insert(desk.journal);
        self.keys.insert(desk.journal, desk.key.clone());
        (desk.seq, desk.last) = (1, None);
        desk.sent.clear();
    }

    fn pass(&self, millis: i64) {
        self.time.fetch_add(millis, Ordering::SeqCst);
    }

    fn token(&self, who: &str, role: Role, areas: &[&str]) -> [u8; 16] {
        let invite = Invite {
            account: who.parse().expect("an account"),
            name: format!("{who} 某"),
            role,
            areas: areas.iter().map(|area| code(area)).collect(),
            address: "https://127.0.0.1:8443".to_owned(),
            days: 14,
            words: false,
            undertaking: None,
        };
        self.county.invite(&invite).expect("an invitation").code.token
    }

    /// A desk with fresh keys, not yet enrolled.
    fn stranger(&mut self, who: &str) -> Desk {
        self.devices += 1;
        let key = SigningKey::from_bytes(&[self.devices; 32]);
        let journal = JournalId([self.devices; 8]);
        self.keys.insert(journal, key.clone());
        Desk {
            device: DeviceId::of_key(key.verifying_key().as_bytes()),
            certificate: Sha::of(&[self.devices]),
            person: who.parse().expect("an account"),
            key,
            journal,
            seq: 1,
            last: None,
            seen: 0,
            cursor: Cursor::default(),
            journals: BTreeSet::from([journal]),
            marks: Vec::new(),
            batches: BTreeMap::new(),
            stale: BTreeSet::new(),
            anew: false,
            holds: BTreeMap::new(),
            aside: BTreeMap::new(),
            erased: BTreeSet::new(),
            sent: BTreeMap::new(),
            wall: 0,
        }
    }

    fn join(&mut self, who: &str, role: Role, areas: &[&str]) -> Desk {
        let desk = self.stranger(who);
        let token = self.token(who, role, areas);
        desk.enrol(&self.county, token).expect("enrolled");
        desk
    }

    /// The same device of the same person is given another role.
    fn promote(&self, desk: &Desk, role: Role, areas: &[&str]) {
        let token = self.token(desk.person.as_str(), role, areas);
        desk.enrol(&self.county, token).expect("enrolled again");
    }

    /// Everything in the log: its runs, and the rights that follow. Read batch by batch, with no help of an index: only
    /// what was held when it came is taken from the ledger, and what became of it is compared.
    fn truth(&self) -> Ref<'_, Truth> {
        let read = self.county.ledger.read(|tx| {
            let head = tx.head()?;
            let mut truth = self.truth.borrow_mut();
            let mut shown = Vec::new();
            let mut position = truth.head;
            while position < head {
                position += 1;
                let entry = tx.entry(position)?.expect("no gap in the log");
                let batch = Batch::parse(&entry.bytes)?;
                let facts = batch.facts().expect("facts");
                let decides = |v: &Verified| matches!(v.fact.kind.as_str(), "HeldDecided" | "Erased");
                if truth.decided < position && facts.iter().any(decides) {
                    // What was read before may be otherwise now.
                    (*truth, shown) = (Truth { decided: head, ..Truth::default() }, Vec::new());
                    position = 0;
                    continue;
                }
                truth.chain = Mark::then(&truth.chain, &batch.seal.hash(), &entry.received);
                assert_eq!(truth.chain, entry.chain, "the running hash at {position}");
                truth.head = position;
                let mut effective = Vec::new();
                for run in tx.runs_of(position)? {
                    let held = run.held || run.shown > position;
                    assert!(!held || run.sum.count == 1, "held facts stand alone");
                    let of_run = facts.iter().filter(|v| (run.seq..run.end()).contains(&v.fact.id.seq));
                    let facts: Vec<Known> =
                        of_run.map(|v| Known { fact: v.fact.clone(), leaf: v.leaf, position }).collect();
                    assert!(facts.iter().all(|known| (known.fact.file, known.fact.section) == (run.file, run.section)));
                    effective.extend(facts.iter().filter(|_| !held).map(|known| known.fact.clone()));
                    shown.push((run.shown, run.held));
                    let place =
                        Place { position, seq: run.seq, file: run.file, section: run.section, shown: position, held };
                    truth.runs.push(Stretch { place, journal: entry.journal, back: run.back, facts });
                }
                effective.iter().for_each(|fact| truth.heed(position, fact));
            }
            for (run, shown) in truth.runs.iter().rev().zip(shown.iter().rev()) {
                assert_eq!((run.place.shown, run.place.held), *shown, "{:?}", run.place);
            }
            Ok::<_, LedgerFault>(())
        });
        read.expect("a readable log");
        self.truth.borrow()
    }

    /// The facts that this desk should hold, and those that it should hold aside, to decide on them.
    fn should_hold(&self, desk: &Desk) -> (BTreeMap<FactId, Known>, BTreeMap<FactId, Known>) {
        let truth = self.truth();
        let see = truth.rights.entitled(&desk.person, desk.device, truth.head);
        let seen = truth.runs.iter().filter(|run| see.since(run.place.file, run.place.section).is_some());
        let of = |run: &Stretch| run.facts.iter().map(|known| (known.fact.id, known.clone())).collect::<Vec<_>>();
        let (through, held): (Vec<&Stretch>, Vec<&Stretch>) = seen.partition(|run| !run.place.held);
        let held = held.into_iter().filter(|run| see.held && !desk.journals.contains(&run.journal));
        (through.into_iter().flat_map(of).collect(), held.flat_map(of).collect())
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Known {
    fact: Fact,
    leaf: Sha,
    position: Position,
}

#[derive(Clone)]
struct Desk {
    key: SigningKey,
    certificate: Sha,
    device: DeviceId,
    person: PersonId,
    journal: JournalId,
    /// All that it ever had.
    journals: BTreeSet<JournalId>,
    seq: u64,
    last: Option<Seal>,
    seen: Position,
    cursor: Cursor,
    /// What it knows of the log, newest last.
    marks: Vec<Mark>,
    /// Batches as far as it was given them, its own whole.
    batches: BTreeMap<(JournalId, u64), Batch>,
    /// Reads everything anew, its own too, since the county lost a history: rights that were given or gone in it are not so
    /// in this one, and not named.
    anew: bool,
    /// What has not been named again since.
    stale: BTreeSet<FactId>,
    /// What was let through.
    holds: BTreeMap<FactId, Known>,
    /// What is held and was sent to be decided on.
    aside: BTreeMap<FactId, Known>,
    /// What is erased, and in which sections.
    erased: BTreeSet<(FactId, FileId, Section)>,
    /// Batches sent and not acknowledged yet.
    sent: BTreeMap<u64, Vec<Known>>,
    wall: i64,
}

impl Desk {
    fn bundle(&self) -> BundleSecret {
        BundleSecret::of_seed(self.key.as_bytes())
    }

    fn ask(&self, token: [u8; 16]) -> EnrolAsk {
        EnrolAsk {
            token: hex(&token),
            key: hex(self.key.verifying_key().as_bytes()),
            journal: self.journal,
            proof: hex(&self.key.sign(&proof_bytes(&token, self.journal)).to_bytes()),
            practice: true,
            bundle_key: Some(self.bundle().key()),
        }
    }

    fn enrol(&self, county: &County, token: [u8; 16]) -> Result<EnrolReply, Refusal> {
        county.enrol(self.certificate, &self.ask(token))
    }

    fn greeting(&self, county: &County) -> Hello {
        Hello {
            log: county.log(),
            journal: self.journal,
            wall: Millis(self.wall),
            cursor: self.cursor,
            marks: self.marks.last().copied().into_iter().collect(),
            wants: vec![],
        }
    }

    fn hello(&self, county: &County) -> Result<Welcome, Refusal> {
        county.hello(self.device, &self.greeting(county))
    }

    fn fact(&mut self, file: FileId, section: Section, kind: &str, body: &[u8]) -> Fact {
        let seq = self.seq;
        self.seq += 1;
        Fact {
            id: FactId { journal: self.journal, seq },
            file,
            section,
            wall: Millis(self.wall),
            author: self.person.clone(),
            kind: kind.to_owned(),
            replaces: vec![],
            body: body.to_vec(),
        }
    }

    fn visit(&mut self, file: FileId) -> Fact {
        self.fact(file, Section::Core, "VisitMade", b"{}")
    }

    fn place(&mut self, file: FileId, village: &str) -> Fact {
        let event = Event::Placed(Placed { place: code(village) });
        self.fact(file, Section::Core, event.kind(), &event.body().expect("a body"))
    }

    fn assign(&mut self, village: &str, line: Line, person: &str) -> Fact {
        let village = code(village);
        let file = FileId::village(&village);
        let person = person.parse().expect("an account");
        let event = Event::VillageAssigned(VillageAssigned { village, line, person });
        self.fact(file, Section::Core, event.kind(), &event.body().expect("a body"))
    }

    /// A decision in the file of the device whose facts it is about.
    fn decide(&mut self, facts: &[FactId], accept: bool, device: DeviceId) -> Fact {
        let event = Event::HeldDecided(HeldDecided { facts: facts.to_vec(), accept, reason: String::new() });
        self.fact(FileId::device(device), Section::Core, event.kind(), &event.body().expect("a body"))
    }

    fn erase(&mut self, facts: &[FactId], file: FileId, section: Section, papers: &[Sha]) -> Fact {
        let erased = Erased { facts: facts.to_vec(), reason: "到期".to_owned(), papers: papers.to_vec() };
        let event = Event::Erased(erased);
        self.fact(file, section, event.kind(), &event.body().expect("a body"))
    }

    fn seal(&mut self, facts: &[Fact]) -> Vec<u8> {
        let batch = seal(facts, self.last.as_ref(), self.seen, &[9; 16], &self.key).expect("sealed");
        self.last = Some(batch.seal.clone());
        self.batches.insert((self.journal, batch.seal.batch), batch.clone());
        batch.bytes()
    }

    fn push(&mut self, county: &County, facts: &[Fact]) -> Result<Acks, Refusal> {
        let batch = self.seal(facts);
        self.send(county, vec![batch])
    }

    /// Sends batches; what the county lets through counts as held from then on.
    fn send(&mut self, county: &County, batches: Vec<Vec<u8>>) -> Result<Acks, Refusal> {
        for bytes in &batches {
            let Ok(batch) = Batch::parse(bytes) else { continue };
            if let Ok(facts) = batch.verify(&self.key.verifying_key()) {
                let known = facts.into_iter().map(|v| Known { fact: v.fact, leaf: v.leaf, position: 0 }).collect();
                self.sent.insert(batch.seal.batch, known);
            }
        }
        let acks = county.push(self.device, &Push { wall: Millis(self.wall), batches, ..Push::default() })?;
        self.acknowledge(&acks);
        Ok(acks)
    }

    /// Takes in a fact that was let through; an erasure at once takes away what it names.
    fn hold(&mut self, known: Known) {
        if let Ok(Some(Event::Erased(erased))) = Event::read(&known.fact.kind, &known.fact.body) {
            for target in erased.facts {
                let of_section = |it: &Known| {
                    (it.fact.file, it.fact.section) == (known.fact.file, known.fact.section) && erasable(&it.fact.kind)
                };
                if self.holds.get(&target).or(self.aside.get(&target)).is_none_or(of_section) {
                    self.holds.remove(&target);
                    self.aside.remove(&target);
                    self.erased.insert((target, known.fact.file, known.fact.section));
                }
            }
        }
        self.stale.remove(&known.fact.id);
        self.aside.remove(&known.fact.id);
        self.holds.insert(known.fact.id, known);
    }

    /// Greets; if the county does not know what this desk knows of it, offers again what it lost. Own batches are offered
    /// whole, or `pruned` to what the desk still holds.
    fn greet(&mut self, county: &County, pruned: bool) {
        let greeting = self.greeting(county);
        let known = self.marks.last().map_or(0, |mark| mark.position);
        let mut welcome = county.hello(self.device, &greeting).expect("welcome");
        if welcome.agreed < known {
            let marks = self.marks.clone();
            welcome = county.hello(self.device, &Hello { marks, ..greeting }).expect("welcome");
        }
        let agreed = welcome.agreed;
        if agreed >= known {
            // Work that was acknowledged after the last greeting may be what is lost.
            let own = self.batches.values().filter(|batch| batch.seal.journal == self.journal);
            let own: Vec<_> = own.filter(|batch| batch.seal.batch > welcome.batches).map(Batch::bytes).collect();
            if welcome.head.position > known {
                self.marks.push(welcome.head);
            }
            if !own.is_empty() {
                self.send(county, own).expect("taken");
            }
            return;
        }
        self.marks.retain(|mark| mark.position <= agreed);
        (self.anew, self.cursor) = (true, Cursor::default());
        // Erasures are offered again with the rest, before anything is read.
        self.erased.clear();
        self.seen = self.seen.min(agreed);
        let lost = |known: &&Known| known.position > agreed;
        let has = self.holds.values().chain(self.aside.values());
        self.stale.extend(has.clone().map(|known| known.fact.id));
        let mut places: BTreeMap<(Position, JournalId, u64), Batch> = BTreeMap::new();
        for known in has.filter(lost) {
            let id = known.fact.id;
            let batch = self.batches.values().find(|batch| {
                batch.seal.journal == id.journal && (batch.seal.first..batch.seal.end()).contains(&id.seq)
            });
            let batch = batch.expect("its batch");
            places.insert((known.position, id.journal, batch.seal.batch), batch.clone());
        }
        let holds = |journal, seq| {
            let id = FactId { journal, seq };
            self.holds.contains_key(&id) || self.aside.contains_key(&id)
        };
        let offered = places.into_iter().filter(|((_, journal, _), _)| pruned || *journal != self.journal);
        let fragments: Vec<Vec<u8>> =
            offered.map(|((_, journal, _), batch)| batch.only(|seq, _| holds(journal, seq)).bytes()).collect();
        let own = self.batches.values().filter(|batch| !pruned && batch.seal.journal == self.journal);
        let own: Vec<Batch> = own.cloned().collect();
        for batch in &own {
            let facts = batch.facts().expect("facts").into_iter();
            let known = facts.map(|v| Known { fact: v.fact, leaf: v.leaf, position: 0 }).collect();
            self.sent.insert(batch.seal.batch, known);
        }
        let batches = own.iter().map(Batch::bytes).collect();
        let acks = county
            .push(self.device, &Push { wall: Millis(self.wall), batches, fragments, ..Push::default() })
            .expect("taken");
        self.acknowledge(&acks);
    }

    fn acknowledge(&mut self, acks: &Acks) {
        for ack in &acks.acks {
            for mut known in self.sent.remove(&ack.batch).into_iter().flatten() {
                known.position = ack.position;
                if ack.held.contains(&known.fact.id.seq) {
                    self.holds.remove(&known.fact.id);
                } else if !self.erased.contains(&(known.fact.id, known.fact.file, known.fact.section))
                    || !erasable(&known.fact.kind)
                {
                    let id = known.fact.id;
                    self.hold(known);
                    if self.anew {
                        self.stale.insert(id);
                    }
                }
            }
        }
    }

    fn ask_page(&self, county: &County) -> Pull {
        let journal = if self.anew { EVERY_JOURNAL } else { self.journal };
        Pull { log: county.log(), journal, cursor: self.cursor, most: 0 }
    }

    /// One page, verified and taken in. Nothing on it may be hidden from the person as of its head.
    fn page(&mut self, world: &World) -> Page {
        let page = world.county.pull(self.device, &self.ask_page(&world.county)).expect("a page");
        let truth = world.truth();
        assert_eq!(page.head.position, truth.head);
        let see = truth.rights.entitled(&self.person, self.device, truth.head);
        for gone in &page.gone {
            assert!(gone.regained.is_none_or(|since| since > self.cursor.visible), "gone but open");
            let stays = |known: &Known| {
                (known.fact.file, known.fact.section) != (gone.file, gone.section)
                    || gone.regained.is_some_and(|since| known.position >= since)
            };
            self.holds.retain(|_, known| stays(known));
            self.aside.retain(|_, known| stays(known));
        }
        for delivery in &page.deliveries {
            let batch = Batch::parse(&delivery.batch).expect("a batch");
            // The county has a new journal after each restore; all are sealed with its one key.
            let key = world.keys.get(&batch.seal.journal).unwrap_or(&world.county.master).verifying_key();
            let name = (batch.seal.journal, batch.seal.batch);
            let old = self.batches.remove(&name).unwrap_or_else(|| batch.clone());
            self.batches.insert(name, old.with(batch.clone()).expect("one batch"));
            for verified in batch.verify(&key).expect("verifies") {
                let fact = verified.fact;
                let since = see.since(fact.file, fact.section);
                assert!(since.is_some(), "{} leaked {fact:?}", self.person);
                let run = truth.runs.iter().find(|run| run.facts.iter().any(|known| known.fact.id == fact.id));
                let run = run.expect("in the log");
                let comes = self.anew || fact.id.journal != self.journal || run.back || since > Some(delivery.position);
                assert!(comes, "own facts are sent back only when there is news of them");
                let erased = self.erased.contains(&(fact.id, fact.file, fact.section)) && erasable(&fact.kind);
                assert!(!erased, "{}: erased facts do not come again: {fact:?}", self.person);
                let known = Known { fact, leaf: verified.leaf, position: delivery.position };
                if delivery.held.contains(&known.fact.id.seq) {
                    assert!(see.held, "{} is sent what is held: {known:?}", self.person);
                    self.stale.remove(&known.fact.id);
                    self.holds.remove(&known.fact.id);
                    self.aside.insert(known.fact.id, known);
                } else {
                    self.hold(known);
                }
            }
        }
        assert!(page.next > self.cursor || !page.more && page.next == self.cursor, "the cursor does not get on");
        self.cursor = page.next;
        if self.marks.last().is_none_or(|mark| *mark < page.head) {
            self.marks.push(page.head);
        }
        if !page.more {
            self.seen = page.head.position;
            self.anew = false;
            // What the county did not name again it has not let through in this history.
            for id in std::mem::take(&mut self.stale) {
                self.holds.remove(&id);
                self.aside.remove(&id);
            }
        }
        page
    }

    /// All pages; the number of them.
    fn pull(&mut self, world: &World) -> u64 {
        let mut pages = 1;
        while self.page(world).more {
            pages += 1;
        }
        pages
    }

    fn sum(&self) -> Sum {
        let mut sum = Sum::default();
        self.holds.values().for_each(|known| sum.add(&known.leaf));
        sum
    }

    /// Holds exactly what it should, and the closing sums agree.
    fn check(&self, world: &World, what: &str) {
        let (should, aside) = world.should_hold(self);
        let missing: Vec<_> = should.iter().filter(|(id, _)| !self.holds.contains_key(id)).collect();
        let surplus: Vec<_> = self.holds.iter().filter(|(id, _)| !should.contains_key(id)).collect();
        assert!(missing.is_empty(), "{what}: {} lacks {missing:#?}", self.person);
        assert!(surplus.is_empty(), "{what}: {} should not hold {surplus:#?}", self.person);
        let foreign: BTreeMap<_, _> =
            self.aside.iter().filter(|(id, _)| !self.journals.contains(&id.journal)).collect();
        assert!(
            foreign.keys().copied().eq(aside.keys()),
            "{what}: {} has aside {foreign:#?}, not {aside:#?}",
            self.person
        );
        let theirs = world.county.close(self.device, &self.ask_page(&world.county)).expect("a sum");
        assert_eq!(theirs, self.sum(), "{what}: the sums of {} differ", self.person);
    }
}

fn code(text: &str) -> PlaceCode {
    text.parse().expect("a code")
}

fn family(n: u8) -> FileId {
    FileId([n; 8])
}

//! The oracle: what people were told is saved, what the files really hold, and a naive model of who may see what.
//! It reads files with the key as a thief would and parses what is sealed; it never asks a desk or the county what it did.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use domain::clock::{Millis, Received, corrected};
use domain::event::{Event, Writer};
use domain::exchange::MOST_BATCH;
use domain::fact::{Batch, Fact};
use domain::ids::{DeviceId, FactId, FileId, JournalId, PersonId, Sha};
use domain::place::PlaceCode;
use domain::wire::Reader;
use domain::words::{Line, Role, Section};
use rusqlite::Connection;
use store::file::FileKey;

/// Something that a person was told is saved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Act {
    /// On which laptop.
    pub seat: usize,
    /// At which step.
    pub step: usize,
    /// The true moment, milliseconds.
    pub at: i64,
    /// What it says, by content: names change when a journal is begun anew.
    pub what: What,
    /// Its laptop was put back to before it, so it may be lost.
    pub lost: bool,
    /// A whole exchange went through after it: the county has it.
    pub safe: Option<usize>,
    /// What the form showed that it was saved from, if it stood open.
    pub shown: Option<BTreeSet<FactId>>,
}

/// A fact by what it says.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct What {
    /// Kind.
    pub kind: String,
    /// File.
    pub file: FileId,
    /// What tells it from others of its kind in its file.
    pub mark: String,
}

impl What {
    /// What a fact says.
    pub fn of(fact: &Fact) -> Self {
        Self { kind: fact.kind.clone(), file: fact.file, mark: mark(&fact.kind, &fact.body) }
    }
}

/// What tells a fact from others of its kind in its file.
fn mark(kind: &str, body: &[u8]) -> String {
    let whole = || String::from_utf8_lossy(body).into_owned();
    let Ok(Some(event)) = Event::read(kind, body) else { return whole() };
    match event {
        Event::FieldFilled(filled) => filled.text,
        Event::ContactAdded(added) => added.number.as_str().to_owned(),
        Event::ContactStated(stated) => format!("{} {} {}", stated.number.as_str(), stated.state.code(), stated.on),
        Event::VisitMade(made) => format!("{} {}", made.on, made.arrived),
        Event::VisitNoted(noted) => noted.note.unwrap_or_default(),
        Event::LetterPrinted(letter) => letter.doc.to_string(),
        Event::LetterVoided(voided) => voided.reason,
        Event::ReceiptFiled(filed) => filed.sha256.to_string(),
        Event::ReceiptCompleted(done) => done.servers.join(" "),
        Event::PaymentReported(paid) => paid.reference,
        Event::PaymentVoided(voided) => voided.reason,
        Event::VillageAssigned(given) => format!("{} {} {}", given.village, given.line.code(), given.person),
        Event::HeldDecided(decided) => decided.reason,
        Event::Erased(erased) => erased.reason,
        Event::HouseholdListed(listed) => listed.borrower,
        Event::Placed(placed) => placed.place.to_string(),
        Event::DueListed(due) => due.batch,
        Event::Identified(identified) => identified.borrower_id,
        _ => whole(),
    }
}

/// A desk's fact as its file holds it.
#[derive(Debug, Clone)]
pub struct HeldHere {
    /// The fact.
    pub fact: Fact,
    /// Its leaf, if it is sealed.
    pub leaf: Option<Sha>,
    /// Its place in the log, if the county has it.
    pub position: Option<u64>,
    /// Whether it is held.
    pub held: bool,
    /// When, corrected.
    pub at: i64,
}

/// What a desk's file holds.
#[derive(Debug, Default)]
pub struct DeskFile {
    /// Facts by name.
    pub facts: BTreeMap<FactId, HeldHere>,
    /// Own facts that left this laptop and are kept, out of sight, for a county that may be restored.
    /// Each with the place that the laptop knows of its batch.
    pub kept: BTreeMap<FactId, (Fact, Option<u64>)>,
    /// What the laptop was told is in a verified backup.
    pub safe: u64,
    /// Blobs by hash, each with whether its bytes are those of the hash.
    pub blobs: BTreeMap<Sha, bool>,
}

impl DeskFile {
    /// Reads the database in `home`.
    pub fn read(home: &Path, key: &FileKey) -> Self {
        let conn = store::file::open(&home.join("ruhu.db"), key).expect("the key opens the database");
        let mut out = Self::default();
        let mut bodies: BTreeMap<FactId, (Fact, Option<Sha>)> = BTreeMap::new();
        for bytes in blobs(&conn, "SELECT bytes FROM packed") {
            for verified in Batch::parse(&bytes).expect("a batch").facts().expect("facts") {
                let before = bodies.insert(verified.fact.id, (verified.fact, Some(verified.leaf)));
                assert!(before.is_none(), "I5 a fact stands in two batches of one desk");
            }
        }
        for bytes in blobs(&conn, "SELECT bytes FROM open_fact") {
            let fact = Fact::parse(&bytes).expect("a fact");
            let before = bodies.insert(fact.id, (fact, None));
            assert!(before.is_none(), "I5 a fact is sealed and open at once");
        }
        let mut find = conn.prepare("SELECT journal, seq, position, held, at FROM fact").expect("a query");
        let mut rows = find.query([]).expect("rows");
        while let Some(row) = rows.next().expect("a row") {
            let seq: i64 = row.get(1).expect("a seq");
            let id = FactId { journal: JournalId(row.get(0).expect("a journal")), seq: seq.unsigned_abs() };
            // A row without a body is an erased fact.
            if let Some((fact, leaf)) = bodies.remove(&id) {
                let position: Option<i64> = row.get(2).expect("a position");
                let position = position.map(i64::unsigned_abs);
                let (held, at) = (row.get(3).expect("held"), row.get(4).expect("at"));
                out.facts.insert(id, HeldHere { fact, leaf, position, held, at });
            }
        }
        let mut find = conn
            .prepare(
                "SELECT j.id, l.n & 4294967295, b.position FROM leaving l JOIN journal j ON j.no = l.n >> 32
                 LEFT JOIN batch b ON b.n = l.batch WHERE j.own = 1",
            )
            .expect("a query");
        let mut rows = find.query([]).expect("rows");
        while let Some(row) = rows.next().expect("a row") {
            let seq: i64 = row.get(1).expect("a seq");
            let id = FactId { journal: JournalId(row.get(0).expect("a journal")), seq: seq.unsigned_abs() };
            let (fact, _) = bodies.remove(&id).unwrap_or_else(|| panic!("I1 {id} is kept and has no body"));
            let place: Option<i64> = row.get(2).expect("a place");
            out.kept.insert(id, (fact, place.map(i64::unsigned_abs)));
        }
        assert!(bodies.is_empty(), "I3 bodies without a row: {:?}", bodies.keys().collect::<Vec<_>>());
        let mut find = conn.prepare("SELECT value FROM meta WHERE key = 'safe'").expect("a query");
        let safe: Option<Vec<u8>> = find.query_row([], |row| row.get(0)).ok();
        out.safe = safe.map_or(0, |json| serde_json::from_slice(&json).expect("a position"));
        let mut find = conn.prepare("SELECT sha, bytes FROM blob").expect("a query");
        let mut rows = find.query([]).expect("rows");
        while let Some(row) = rows.next().expect("a row") {
            let (sha, bytes): ([u8; 32], Vec<u8>) = (row.get(0).expect("a hash"), row.get(1).expect("bytes"));
            out.blobs.insert(Sha(sha), Sha::of(&bytes) == Sha(sha));
        }
        out
    }
}

fn blobs(conn: &Connection, query: &str) -> Vec<Vec<u8>> {
    let mut find = conn.prepare(query).expect("a query");
    let rows = find.query_map([], |row| row.get(0)).expect("rows");
    rows.map(|row| row.expect("bytes")).collect()
}

/// One fact as the county's ledger holds it.
#[derive(Debug, Clone)]
pub struct Logged {
    /// The fact.
    pub fact: Fact,
    /// Its leaf.
    pub leaf: Sha,
    /// Its place.
    pub position: u64,
    /// Since when it is let through; none while it is held.
    pub shown: Option<u64>,
    /// When, corrected.
    pub at: Millis,
}

/// An entry of the county's log.
#[derive(Debug, Clone)]
pub struct Entry {
    /// When it came, by the county's clock.
    pub received: Millis,
    /// Its place.
    pub position: u64,
    /// The batch, as far as it is there.
    pub batch: Batch,
}

/// What the county's ledger holds.
#[derive(Debug, Default)]
pub struct Ledger {
    /// Entries in order.
    pub entries: Vec<Entry>,
    /// Facts by name.
    pub facts: BTreeMap<FactId, Logged>,
    /// Papers, each with whether its bytes are those of the hash.
    pub papers: BTreeMap<Sha, bool>,
    /// Where papers belong.
    pub places: BTreeMap<Sha, Vec<(FileId, Section)>>,
    /// The county's own journals.
    pub masters: BTreeSet<JournalId>,
    /// Keys of journals, as enrolments say.
    pub keys: BTreeMap<JournalId, [u8; 32]>,
    /// Batches that wait for a predecessor.
    pub waiting: usize,
}

impl Ledger {
    /// Reads the ledger in `home`.
    pub fn read(home: &Path) -> Self {
        let conn = opened(home);
        let mut out = Self::default();
        // Which facts are let through, and since when.
        let mut shown: BTreeMap<FactId, Option<u64>> = BTreeMap::new();
        {
            let mut find = conn.prepare("SELECT journal, seq, facts, shown, held FROM run").expect("a query");
            let mut rows = find.query([]).expect("rows");
            while let Some(row) = rows.next().expect("a row") {
                let journal = JournalId(row.get(0).expect("a journal"));
                let numbers: Vec<i64> = (1..5).map(|at| row.get(at).expect("a number")).collect();
                for seq in numbers[0]..numbers[0] + numbers[1] {
                    let id = FactId { journal, seq: seq.unsigned_abs() };
                    shown.insert(id, (numbers[3] == 0).then_some(numbers[2].unsigned_abs()));
                }
            }
        }
        let mut find = conn
            .prepare("SELECT position, received, clock_offset, seen_at, bytes FROM entry ORDER BY position")
            .expect("a query");
        let mut rows = find.query([]).expect("rows");
        while let Some(row) = rows.next().expect("a row") {
            let number = |at| -> i64 { row.get(at).expect("a number") };
            let position = number(0).unsigned_abs();
            let received = Received { at: Millis(number(1)), offset: number(2), seen: Millis(number(3)) };
            let batch = Batch::parse(&unpacked(&row.get::<_, Vec<u8>>(4).expect("bytes"))).expect("a batch");
            for verified in batch.facts().expect("facts") {
                let fact = verified.fact;
                let at = corrected(fact.wall, received);
                let shown = *shown.get(&fact.id).expect("I8 a fact of the log is in no run");
                let logged = Logged { leaf: verified.leaf, position, shown, at, fact };
                let id = logged.fact.id;
                if let Some(before) = out.facts.insert(id, logged) {
                    let number = batch.seal.batch;
                    panic!("I5 {id} stands at {} and, in batch {number}, at {position}", before.position);
                }
            }
            out.entries.push(Entry { received: received.at, position, batch });
        }
        let mut find = conn.prepare("SELECT sha, bytes FROM blob").expect("a query");
        let mut rows = find.query([]).expect("rows");
        while let Some(row) = rows.next().expect("a row") {
            let (sha, bytes): ([u8; 32], Vec<u8>) = (row.get(0).expect("a hash"), row.get(1).expect("bytes"));
            out.papers.insert(Sha(sha), Sha::of(&bytes) == Sha(sha));
        }
        let mut find = conn.prepare("SELECT sha, file, section FROM blob_in").expect("a query");
        let mut rows = find.query([]).expect("rows");
        while let Some(row) = rows.next().expect("a row") {
            let section: String = row.get(2).expect("a section");
            let place = (FileId(row.get(1).expect("a file")), Section::of_code(&section).expect("a section"));
            out.places.entry(Sha(row.get(0).expect("a hash"))).or_default().push(place);
        }
        let mut find = conn.prepare("SELECT id FROM journal WHERE device IS NULL").expect("a query");
        let masters = find.query_map([], |row| row.get(0)).expect("rows");
        out.masters = masters.map(|id| JournalId(id.expect("a journal"))).collect();
        let waiting: i64 = conn.query_row("SELECT count(*) FROM waiting", [], |row| row.get(0)).expect("a count");
        out.waiting = usize::try_from(waiting).expect("a count");
        for logged in out.facts.values().filter(|logged| out.masters.contains(&logged.fact.id.journal)) {
            if let Ok(Some(Event::DeviceEnrolled(enrolled))) = Event::read(&logged.fact.kind, &logged.fact.body) {
                out.keys.insert(enrolled.journal, domain::ids::unhex(&enrolled.key).expect("a key"));
            }
        }
        out
    }

    /// The last position of the ledger in `home`.
    pub fn head(home: &Path) -> u64 {
        let head: i64 = opened(home).query_row("SELECT head FROM meta", [], |row| row.get(0)).expect("a head");
        head.unsigned_abs()
    }

    /// The facts of every erasure that is let through: what must be nowhere any more. An erasure counts in its own file and
    /// section: two laptops of one copy gave one name to two things, and what the one never sent it may erase.
    pub fn erased(&self) -> BTreeSet<FactId> {
        let mut out = BTreeSet::new();
        for logged in self.facts.values().filter(|logged| logged.shown.is_some()) {
            if let Ok(Some(Event::Erased(erased))) = Event::read(&logged.fact.kind, &logged.fact.body) {
                let place = (logged.fact.file, logged.fact.section);
                let here = |id: &FactId| self.facts.get(id).map(|there| (there.fact.file, there.fact.section));
                out.extend(erased.facts.into_iter().filter(|id| here(id).is_none_or(|at| at == place)));
            }
        }
        out
    }
}

/// The county's database, opened with its own key.
fn opened(home: &Path) -> Connection {
    let keys = std::fs::read_to_string(home.join("keys.json")).expect("the keys");
    let keys: serde_json::Value = serde_json::from_str(&keys).expect("JSON");
    let key = domain::ids::unhex::<32>(keys["ledger_key"].as_str().expect("a key")).expect("32 bytes");
    store::file::open(&home.join("ledger.db"), &FileKey(zeroize::Zeroizing::new(key))).expect("the ledger")
}

/// The ledger's own packing: a byte that says how, then the bytes.
fn unpacked(stored: &[u8]) -> Vec<u8> {
    let mut r = Reader::new(stored);
    match r.u8().expect("a byte") {
        0 => r.raw(r.left()).expect("bytes").to_vec(),
        1 => {
            let size = usize::try_from(r.varint().expect("a length")).expect("a length");
            assert!(size <= MOST_BATCH, "a batch's length");
            zstd::bulk::decompress(r.raw(r.left()).expect("bytes"), size).expect("zstd")
        }
        other => panic!("a packing of {other}"),
    }
}

/// The facts that speak of rights and are let through, in the order in which they were, each with since when.
fn rights_of(ledger: &Ledger) -> Vec<(u64, &Fact)> {
    let speaks = |kind: &str| matches!(kind, "RoleGiven" | "VillageAssigned" | "Placed");
    let mut facts: Vec<(u64, &Logged)> = ledger
        .facts
        .values()
        .filter(|one| speaks(&one.fact.kind))
        .filter_map(|one| one.shown.map(|shown| (shown, one)))
        .collect();
    // What a decision lets through takes effect where the decision stands, among the facts of its batch.
    let mut decided: BTreeMap<(u64, FactId), (u64, usize)> = BTreeMap::new();
    for one in ledger.facts.values() {
        if let (Some(shown), Ok(Some(Event::HeldDecided(with)))) =
            (one.shown, Event::read(&one.fact.kind, &one.fact.body))
            && with.accept
        {
            for (at, fact) in with.facts.into_iter().enumerate() {
                decided.entry((shown, fact)).or_insert((one.fact.id.seq, at));
            }
        }
    }
    facts.sort_by_key(|(shown, one)| {
        let own = (one.fact.id.seq, 0);
        let place =
            if *shown == one.position { own } else { decided.get(&(*shown, one.fact.id)).copied().unwrap_or(own) };
        (*shown, place)
    });
    facts.into_iter().map(|(shown, one)| (shown, &one.fact)).collect()
}

/// Who may see what at the end of a log, told from all its facts in a row. No positions, no cursors: naive on purpose.
#[derive(Debug, Clone, Default)]
pub struct Sight {
    roles: BTreeMap<PersonId, (Role, Vec<PlaceCode>)>,
    villages: BTreeMap<(PlaceCode, Line), PersonId>,
    placed: BTreeMap<FileId, PlaceCode>,
    known: BTreeSet<PlaceCode>,
    /// Of a lost history until the head lets its enrolment through, a device shows nothing to anybody.
    devices: BTreeSet<DeviceId>,
}

impl Sight {
    /// What the facts that are let through say, in the order in which they were.
    pub fn of(ledger: &Ledger) -> Self {
        let mut out = Self::default();
        for (_, fact) in rights_of(ledger) {
            out.learn(fact);
        }
        // A device that came with an invitation, or whose enrolment of a lost history the head let through.
        let mut enrolments: Vec<(&Logged, DeviceId)> = Vec::new();
        for logged in ledger.facts.values().filter(|one| ledger.masters.contains(&one.fact.id.journal)) {
            if let Ok(Some(Event::DeviceEnrolled(it))) = Event::read(&logged.fact.kind, &logged.fact.body) {
                enrolments.push((logged, it.device));
            }
        }
        enrolments.sort_by_key(|(logged, _)| (logged.position, logged.fact.id));
        let mut met = BTreeSet::new();
        for (logged, device) in enrolments {
            let first = met.insert(device);
            let let_through = logged.shown.is_some_and(|shown| first || shown > logged.position);
            if let_through {
                out.devices.insert(device);
            }
        }
        out
    }

    /// The same as of each of these positions.
    pub fn at_each(ledger: &Ledger, positions: &BTreeSet<u64>) -> BTreeMap<u64, Self> {
        let facts = rights_of(ledger);
        let mut next = 0;
        let mut now = Self::default();
        let mut out = BTreeMap::new();
        for position in positions {
            while let Some((_, fact)) = facts.get(next).filter(|(shown, _)| shown <= position) {
                now.learn(fact);
                next += 1;
            }
            out.insert(*position, now.clone());
        }
        out
    }

    fn learn(&mut self, fact: &Fact) {
        let Ok(Some(event)) = Event::read(&fact.kind, &fact.body) else { return };
        match event {
            Event::RoleGiven(given) => {
                self.roles.insert(given.person, (given.role, given.areas));
            }
            Event::VillageAssigned(given) if fact.file == FileId::village(&given.village) => {
                self.known.insert(given.village.clone());
                self.villages.insert((given.village, given.line), given.person);
            }
            Event::Placed(placed) => {
                self.known.insert(placed.place.clone());
                self.placed.insert(fact.file, placed.place);
            }
            _ => {}
        }
    }

    /// Whether a device shows its person anything.
    pub fn knows(&self, device: DeviceId) -> bool {
        self.devices.contains(&device)
    }

    /// A person's role.
    pub fn role(&self, person: &PersonId) -> Option<Role> {
        self.roles.get(person).map(|(role, _)| *role)
    }

    fn of_place(&self, person: &PersonId, place: &PlaceCode) -> bool {
        let area = self.roles.get(person).is_some_and(|(_, areas)| areas.iter().any(|area| area.contains(place)));
        let line = |line| self.villages.get(&(place.clone(), line)) == Some(person);
        self.known.contains(place) && (area || line(Line::Government) || line(Line::Education))
    }

    /// Whether a person may see a section of a file on this device.
    pub fn sees(&self, person: &PersonId, device: DeviceId, file: FileId, section: Section) -> bool {
        let Some(role) = self.role(person).filter(|_| self.devices.contains(&device)) else { return false };
        if section == Section::Core && (file == FileId::county() || file == FileId::device(device)) {
            return true;
        }
        if matches!(role, Role::CentreHead | Role::CentreOperator | Role::CentreAuditor) {
            return true;
        }
        let own = match role {
            Role::TownshipClerk => Section::Gov,
            Role::CentralDirector | Role::SchoolDirector => Section::Edu,
            _ => return false,
        };
        if file == FileId::county() {
            return section == own;
        }
        if self.known.iter().any(|place| FileId::village(place) == file && self.of_place(person, place)) {
            return section == Section::Core;
        }
        self.placed.get(&file).is_some_and(|place| self.of_place(person, place))
            && (section == Section::Core || section == own)
    }

    /// Whether a person may write a fact of this kind there.
    pub fn writes(&self, person: &PersonId, kind: &str, file: FileId, section: Section) -> bool {
        let Some(role) = self.role(person) else { return false };
        let centre = matches!(role, Role::CentreHead | Role::CentreOperator);
        match domain::event::writer(kind) {
            Some(Writer::Master) => false,
            None | Some(Writer::Centre) => centre,
            Some(Writer::Operator) => role == Role::CentreOperator,
            Some(Writer::Head) => role == Role::CentreHead,
            Some(Writer::Beholder) => centre || role == Role::CentreAuditor,
            Some(Writer::Guard) => matches!(role, Role::CentreHead | Role::CentreAuditor),
            Some(Writer::Assigner) => {
                let area = |place: &PlaceCode| {
                    self.roles.get(person).is_some_and(|(_, areas)| areas.iter().any(|area| area.contains(place)))
                };
                let own = self.known.iter().any(|place| FileId::village(place) == file && area(place));
                centre || role == Role::CentralDirector && own
            }
            Some(Writer::CaseWorker) => {
                let own = match role {
                    Role::TownshipClerk => Some(Section::Gov),
                    Role::CentralDirector | Role::SchoolDirector => Some(Section::Edu),
                    _ => None,
                };
                let here = self.placed.get(&file).is_some_and(|place| self.of_place(person, place));
                centre || own.is_some() && here && (section == Section::Core || Some(section) == own)
            }
        }
    }
}

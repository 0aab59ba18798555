//! The workload's day in the product's own words: who is enrolled, what was listed before, what each device wrote, sealed.
//! It only translates: what happens is the workload's to say, what a fact is the product's.

use std::collections::BTreeMap;

use chrono::{Days, NaiveDate, NaiveTime};
use domain::SigningKey;
use domain::clock::{Millis, Received};
use domain::event::Event;
use domain::exchange::{Cursor, Delivery, Mark, Page, Push};
use domain::fact::{Batch, Fact, Seal, seal};
use domain::household::{ContactAdded, Contract, DueListed, FieldFilled, HouseholdListed, Placed};
use domain::ids::{DeviceId, FactId, FileId, JournalId, PersonId, Sha, hex};
use domain::money::Fen;
use domain::org::DeviceEnrolled;
use domain::visit::{VisitMade, VisitNoted};
use domain::words::{HouseholdField, Section, Situation, Source, VisitPurpose, VisitResult};
use store::SEALED_AT_ONCE;
use workload::{Edit, What, Workload};

use crate::Chance;

/// Midnight of the day.
const MIDNIGHT: i64 = 1_796_659_200_000;

/// A journal's writer.
pub struct Writer {
    key: SigningKey,
    journal: JournalId,
    author: PersonId,
    next: u64,
    last: Option<Seal>,
    chance: Chance,
}

impl Writer {
    /// A writer whose key and journal are told by a number.
    pub fn new(number: u64, author: &str) -> Self {
        let mut chance = Chance::of(number.wrapping_mul(0x9e37) ^ 0x5eed);
        let mut key = [0; 32];
        for part in key.chunks_mut(8) {
            part.copy_from_slice(&chance.draw().to_be_bytes());
        }
        Self {
            key: SigningKey::from_bytes(&key),
            journal: JournalId(chance.draw().to_be_bytes()),
            author: author.parse().expect("an account"),
            next: 1,
            last: None,
            chance,
        }
    }

    /// Its journal.
    pub fn journal(&self) -> JournalId {
        self.journal
    }

    /// Its public key.
    pub fn key(&self) -> domain::VerifyingKey {
        self.key.verifying_key()
    }

    /// The next fact.
    pub fn fact(&mut self, file: FileId, section: Section, wall: Millis, event: &Event, replaces: Vec<FactId>) -> Fact {
        let id = FactId { journal: self.journal, seq: self.next };
        self.next += 1;
        let body = event.body().expect("a body");
        Fact { id, file, section, wall, author: self.author.clone(), kind: event.kind().to_owned(), replaces, body }
    }

    /// Facts sealed, in batches that are not too large.
    pub fn seal(&mut self, facts: &[Fact], seen: u64) -> Vec<Batch> {
        let mut out = Vec::new();
        for facts in facts.chunks(SEALED_AT_ONCE) {
            let mut salt = [0; 16];
            for part in salt.chunks_mut(8) {
                part.copy_from_slice(&self.chance.draw().to_be_bytes());
            }
            let batch = seal(facts, self.last.as_ref(), seen, &salt, &self.key).expect("sealed");
            self.last = Some(batch.seal.clone());
            out.push(batch);
        }
        out
    }
}

/// A county log that only counts.
#[derive(Default)]
pub struct Log {
    /// Its last position.
    pub head: u64,
    /// Days since the first.
    days: u8,
}

impl Log {
    /// The batch with the place that the log gives it.
    pub fn place(&mut self, batch: &Batch) -> Delivery {
        self.head += 1;
        let midnight = self.midnight();
        let at = Millis(midnight + 86_400_000 + i64::try_from(self.head).expect("few") * 40);
        let received = Received { at, offset: -300, seen: Millis(midnight) };
        Delivery { position: self.head, received, held: Vec::new(), batch: batch.bytes() }
    }

    fn midnight(&self) -> i64 {
        MIDNIGHT + i64::from(self.days) * 86_400_000
    }
}

/// A page of these deliveries.
pub fn page(deliveries: Vec<Delivery>) -> Page {
    let end = |position| match position {
        0 => Cursor::default(),
        _ => Cursor { visible: position, position, seq: 1 << 20 },
    };
    let first = deliveries.first().map_or(1, |delivery| delivery.position);
    let last = deliveries.last().map_or(0, |delivery| delivery.position);
    let head = Mark::of(last, &Sha::of(&last.to_be_bytes()));
    Page { deliveries, gone: Vec::new(), erased: Vec::new(), from: end(first - 1), next: end(last), more: false, head }
}

/// The file of a family: eight bytes that tell nothing.
pub fn file_of(record: u32) -> FileId {
    FileId(Chance::of(u64::from(record) ^ 0xf11e).draw().to_be_bytes())
}

/// The county before the day: devices enrolled, families listed.
pub struct Before {
    /// The master, whose word enrols.
    pub master: Writer,
    /// One writer a device.
    pub devices: Vec<Writer>,
    /// What came before, in pages.
    pub pages: Vec<Page>,
    /// The facts that stand in a family's field.
    stands: BTreeMap<(u32, u8), Vec<FactId>>,
    /// What was written since everybody last synced, by field and journal.
    today: BTreeMap<(u32, u8), BTreeMap<JournalId, FactId>>,
    /// The log.
    pub log: Log,
}

fn field_of(field: u8) -> HouseholdField {
    HouseholdField::ALL[usize::from(field) % HouseholdField::ALL.len()]
}

/// The day so many days after the first.
fn day(days: u8) -> NaiveDate {
    let first = NaiveDate::from_ymd_opt(2026, 12, 8).expect("a day");
    first.checked_add_days(Days::new(u64::from(days))).expect("a day")
}

impl Before {
    /// The county before the workload's day.
    pub fn of(work: &Workload) -> Self {
        let mut log = Log::default();
        let mut master = Writer::new(1, "master");
        let mut operator = Writer::new(2, "op1");
        let devices: Vec<Writer> =
            (0..work.size().devices).map(|n| Writer::new(100 + u64::from(n), &format!("zhou{n:03}"))).collect();
        let mut enrolled = Vec::new();
        for writer in devices.iter().chain([&operator]) {
            let word = Event::DeviceEnrolled(DeviceEnrolled {
                device: DeviceId(writer.journal.0),
                person: writer.author.clone(),
                key: hex(&writer.key().to_bytes()),
                journal: writer.journal,
            });
            enrolled.push(master.fact(FileId::county(), Section::Core, Millis(MIDNIGHT), &word, Vec::new()));
        }
        let mut pages = vec![page(master.seal(&enrolled, 0).iter().map(|batch| log.place(batch)).collect())];
        let mut stands = BTreeMap::new();
        let mut facts = Vec::new();
        for record in 0..work.size().records {
            let file = file_of(record);
            for event in listed(work, record) {
                facts.push(operator.fact(file, Section::Core, Millis(MIDNIGHT), &event, Vec::new()));
            }
            for (field, text) in (0..).zip(work.baseline(record)) {
                let Some(text) = text else { continue };
                let event = Event::FieldFilled(FieldFilled { field: field_of(field), text });
                let fact = operator.fact(file, Section::Core, Millis(MIDNIGHT), &event, Vec::new());
                stands.insert((record, field), vec![fact.id]);
                facts.push(fact);
            }
            if facts.len() > 20 * SEALED_AT_ONCE {
                pages.push(page(operator.seal(&facts, 1).iter().map(|batch| log.place(batch)).collect()));
                facts.clear();
            }
        }
        pages.push(page(operator.seal(&facts, 1).iter().map(|batch| log.place(batch)).collect()));
        Self { master, devices, pages, stands, today: BTreeMap::new(), log }
    }

    /// What a device wrote that day, sealed. Its forms showed what stood before and what it wrote itself.
    pub fn day(&mut self, work: &Workload, device: u32) -> Vec<Batch> {
        let mut shown: BTreeMap<(u32, u8), FactId> = BTreeMap::new();
        let (seen, midnight, on) = (self.log.head, self.log.midnight(), day(self.log.days));
        let writer = &mut self.devices[usize::try_from(device).expect("few")];
        let mut facts = Vec::new();
        for edit in work.edits_of(device) {
            let wall = Millis(midnight + i64::from(edit.at_s) * 1000);
            let file = file_of(edit.record);
            for event in events(&edit, facts.last(), on) {
                let slot =
                    if let What::FieldSet { field, .. } = &edit.what { Some((edit.record, *field)) } else { None };
                let replaces = slot.map_or_else(Vec::new, |slot| match shown.get(&slot) {
                    Some(own) => vec![*own],
                    None => self.stands.get(&slot).cloned().unwrap_or_default(),
                });
                let section = event.section(Section::Edu);
                let fact = writer.fact(file, section, wall, &event, replaces);
                if let Some(slot) = slot {
                    shown.insert(slot, fact.id);
                    self.today.entry(slot).or_default().insert(fact.id.journal, fact.id);
                }
                facts.push(fact);
            }
        }
        writer.seal(&facts, seen)
    }
}

impl Before {
    /// Everybody syncs: the next day's forms show what was written.
    pub fn evening(&mut self) {
        self.log.days += 1;
        for (slot, written) in std::mem::take(&mut self.today) {
            self.stands.insert(slot, written.into_values().collect());
        }
    }
}

/// What a device sends: its batches in one message.
pub fn push(batches: &[Batch]) -> Push {
    let batches = batches.iter().map(Batch::bytes).collect();
    Push { wall: Millis(MIDNIGHT + 72_000_000), batches, ..Push::default() }
}

fn listed(work: &Workload, record: u32) -> Vec<Event> {
    let village = work.village_of(record);
    let place = format!("410490{:03}{:03}", 100 + village / 24, 200 + village % 24).parse().expect("a place");
    let mut chance = Chance::of(u64::from(record) ^ 0x1157);
    let fen = |chance: &mut Chance| Fen::new(i64::try_from(chance.below(900_000)).expect("fen"));
    let (principal, interest) = (fen(&mut chance), fen(&mut chance));
    vec![
        Event::HouseholdListed(HouseholdListed {
            borrower: format!(
                "{}{}",
                ["张", "李", "王", "赵"][chance.below(4)],
                ["鹏", "静", "建国", "秀英"][chance.below(4)]
            ),
            borrower_as_bank: None,
            id_tail: format!("{:04}", chance.below(10_000)),
            co_borrower: Some("李桂兰".to_owned()),
            relation: Some("母亲".to_owned()),
            address: format!("第{village}村{}组", 1 + chance.below(12)),
            grad_year: Some(2019),
            phones: Vec::new(),
        }),
        Event::Placed(Placed { place }),
        Event::DueListed(DueListed {
            batch: "9f3c5a7b1d2e4f60".to_owned(),
            as_of: day(0),
            contracts: vec![Contract {
                contract_no: format!("4104902018{:08}", chance.below(100_000_000)),
                academic_year: "2018-2019".to_owned(),
                principal_due: principal,
                interest_due: interest,
                penalty_due: Fen::new(0),
                total_due: Fen::new(principal.get() + interest.get()),
                principal_left: principal,
                due_on: NaiveDate::from_ymd_opt(2026, 12, 20).expect("a day"),
                maturity_on: None,
                rate_ppm: 36_500,
                status: String::new(),
            }],
            account_hint: None,
        }),
    ]
}

fn events(edit: &Edit, before: Option<&Fact>, on: NaiveDate) -> Vec<Event> {
    match &edit.what {
        What::FieldSet { field, text } => {
            vec![Event::FieldFilled(FieldFilled { field: field_of(*field), text: text.clone() })]
        }
        What::PhoneAdded { number, relation } => vec![Event::ContactAdded(ContactAdded {
            number: number.parse().expect("a number"),
            relation: Some((*relation).to_owned()),
            source: Source::ALL[0],
            note: None,
        })],
        What::VisitEvent(visit) => {
            let minute = |minute: u32| NaiveTime::from_hms_opt(minute / 60 % 24, minute % 60, 0).expect("a time");
            let arrived = u32::from(visit.arrived_min);
            let after = |days: u8| on.checked_add_days(Days::new(u64::from(days))).expect("a day");
            let made = VisitMade {
                on,
                arrived: minute(arrived),
                left: Some(minute(arrived + u32::from(visit.stayed_min))),
                purpose: VisitPurpose::ALL[usize::from(visit.purpose) % VisitPurpose::ALL.len()],
                result: VisitResult::ALL[usize::from(visit.result) % VisitResult::ALL.len()],
                letters: Vec::new(),
                pledged_on: visit.pledged_in_days.map(after),
                correction: None,
            };
            // The visit's own name: the fact that follows the last one.
            let id = before.map(|fact| FactId { seq: fact.id.seq + 1, ..fact.id });
            let situations = Situation::ALL.iter().enumerate();
            let noted = VisitNoted {
                visit: id,
                met_name: visit.met.as_ref().map(|(_, name)| name.clone()),
                met_relation: visit.met.as_ref().map(|(relation, _)| (*relation).to_owned()),
                only_children: visit.only_children,
                situations: situations.filter(|(at, _)| visit.situations >> at & 1 == 1).map(|(_, it)| *it).collect(),
                team: Vec::new(),
                next_step: visit.next.as_ref().map(|(step, _)| step.clone()),
                next_on: visit.next.as_ref().map(|(_, days)| after(*days)),
                note: Some(visit.note.clone()),
                odd_hour_reason: None,
            };
            vec![Event::VisitMade(made), Event::VisitNoted(noted)]
        }
    }
}

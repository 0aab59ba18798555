//! Own work of an earlier journal whose names another took at a restored county: it goes over, once.

use chrono::NaiveDate;
use domain::SigningKey;
use domain::clock::{Millis, Received};
use domain::decision::Erased;
use domain::exchange::{Ack, Delivery, Page};
use domain::fact::seal;
use domain::household::ContactStated;
use domain::ids::{FileId, PersonId};
use domain::words::{ContactState, Section};

use super::*;
use crate::folder::{Folder, facts_where};
use crate::log::Standing;

const FILE: FileId = FileId([3; 8]);
const FIRST: JournalId = JournalId([1; 8]);
const SECOND: JournalId = JournalId([2; 8]);
const RECEIVED: Received = Received { at: Millis(1_796_700_100_000), offset: 0, seen: Millis(0) };

fn key() -> SigningKey {
    SigningKey::from_bytes(&[7; 32])
}

fn mark(position: u64) -> Mark {
    Mark { position, chain: [u8::try_from(position).expect("small"); 8] }
}

fn stated(number: &str) -> Event {
    Event::ContactStated(ContactStated {
        number: number.parse().expect("a number"),
        state: ContactState::Confirmed,
        on: NaiveDate::from_ymd_opt(2026, 12, 3).expect("a day"),
    })
}

/// Writes events into the present journal and has them acknowledged; returns the batch.
fn sent(store: &mut Store, batch: u64, position: u64, events: &[Event]) -> Vec<u8> {
    let author: PersonId = "field1".parse().expect("an account");
    store
        .write::<_, StoreFault>(&author, Millis(1_796_700_000_000), |pen| {
            events.iter().try_for_each(|event| pen.record(FILE, Section::Core, event, Vec::new()).map(drop))
        })
        .expect("written");
    store.seal_open(&key(), 0, &[1; 16]).expect("sealed");
    let (_, bytes) = store.unacknowledged(batch, usize::MAX).expect("a batch").pop().expect("one");
    let ack = Ack { batch, position, received: RECEIVED, held: Vec::new() };
    store.acknowledged(&[ack], mark(position)).expect("acknowledged");
    bytes
}

/// What another with the same key sealed as the first journal's first batch.
fn others() -> Vec<u8> {
    of_another(FILE)
}

fn of_another(file: FileId) -> Vec<u8> {
    let event = stated("13900000009");
    let fact = Fact {
        id: FactId { journal: FIRST, seq: 1 },
        file,
        section: Section::Core,
        wall: Millis(1_796_700_000_000),
        author: "field1".parse().expect("an account"),
        kind: event.kind().to_owned(),
        replaces: Vec::new(),
        body: event.body().expect("a body"),
    };
    seal(&[fact], None, 0, &[4; 16], &key()).expect("sealed").bytes()
}

/// The facts of `FILE` by name, each with what it says.
fn says(store: &Store) -> Vec<(FactId, Event)> {
    let facts = facts_where(store, "true");
    facts.into_iter().map(|it| (it.id, Event::read(&it.kind, &it.body).expect("read").expect("known"))).collect()
}

#[test]
fn what_a_restored_county_has_anothers_under_the_names_of_goes_over_once() {
    let folder = Folder::fresh();
    let (mut store, _) = folder.store();
    store.trust_master(JournalId([9; 8]), &SigningKey::from_bytes(&[6; 32]).verifying_key()).expect("trusted");
    store.open_journal(FIRST, DeviceId([5; 8]), &key().verifying_key()).expect("a journal");
    let gone = FactId { journal: FIRST, seq: 1 };
    let erased = Event::Erased(Erased { facts: vec![gone], papers: Vec::new(), reason: "写错了".to_owned() });
    sent(&mut store, 1, 40, &[stated("13900000001"), stated("13900000002"), erased]);
    let second = sent(&mut store, 2, 41, &[stated("13900000003")]);
    store.open_journal(SECOND, DeviceId([5; 8]), &key().verifying_key()).expect("another");
    let present = stated("13900000004");
    let here = sent(&mut store, 1, 42, std::slice::from_ref(&present));

    // The county is put back to 30, and gets another's first batch before this desk offers its own: of that only the
    // second one can stand there.
    store.county_restored(30).expect("restored");
    let ack = Ack { batch: 1, position: 35, received: RECEIVED, held: Vec::new() };
    store.acknowledged(&[ack], mark(35)).expect("acknowledged");
    let delivered = |position, batch| Delivery { position, received: RECEIVED, held: Vec::new(), batch };
    let place = |to| Cursor { visible: to, position: to, seq: 9 };
    let first = Page {
        deliveries: vec![delivered(33, others())],
        from: Cursor::default(),
        next: place(33),
        more: true,
        head: mark(33),
        ..Page::default()
    };
    store.absorb(&first).expect("absorbed");
    let last = Page {
        deliveries: vec![delivered(34, second), delivered(35, here)],
        from: place(33),
        next: place(36),
        more: false,
        head: mark(36),
        ..Page::default()
    };
    store.absorb(&last).expect("absorbed");

    let none = Event::Erased(Erased { facts: Vec::new(), papers: Vec::new(), reason: "写错了".to_owned() });
    let named = |journal, seq| FactId { journal, seq };
    let there = [
        (named(FIRST, 1), stated("13900000009")),
        (named(FIRST, 4), stated("13900000003")),
        (named(SECOND, 1), present),
        (named(SECOND, 2), stated("13900000002")),
        (named(SECOND, 3), none),
    ];
    assert_eq!(says(&store), there, "under its name is another's work, which the erasure must not name");
    assert_eq!(store.only_here().expect("a count"), 2);
    assert_eq!(store.check().expect("sound"), 5);
    drop(store);
    let (_, standing) = folder.store();
    assert_eq!(standing, Standing::Sound);
}

#[test]
fn what_took_the_place_of_lost_work_takes_nothing_of_the_twin_that_has_its_name_in_another_family() {
    let folder = Folder::fresh();
    let (mut store, _) = folder.store();
    store.trust_master(JournalId([9; 8]), &SigningKey::from_bytes(&[6; 32]).verifying_key()).expect("trusted");
    store.open_journal(FIRST, DeviceId([5; 8]), &key().verifying_key()).expect("a journal");
    let lost = FactId { journal: FIRST, seq: 1 };
    sent(&mut store, 1, 40, &[stated("13900000001")]);
    store.open_journal(SECOND, DeviceId([5; 8]), &key().verifying_key()).expect("another");
    let author: PersonId = "field1".parse().expect("an account");
    store
        .write::<_, StoreFault>(&author, Millis(1_796_700_000_000), |pen| {
            pen.record(FILE, Section::Core, &stated("13900000002"), vec![lost]).map(drop)
        })
        .expect("written");
    let rows = |store: &Store| -> Vec<String> {
        let dump = store.dump_views().expect("views");
        dump.lines().filter(|line| line.contains("number=")).map(str::to_owned).collect()
    };
    assert_eq!(rows(&store).len(), 1, "its own takes the place: {:?}", rows(&store));

    // The county was put back, and got the twin's first batch: of another family.
    store.county_restored(30).expect("restored");
    let end = Cursor { visible: 33, position: 33, seq: 9 };
    let there = Delivery { position: 33, received: RECEIVED, held: Vec::new(), batch: of_another(FileId([4; 8])) };
    let page = Page { deliveries: vec![there], next: end, head: mark(33), ..Page::default() };
    store.absorb(&page).expect("absorbed");
    let numbers = ["13900000001", "13900000002", "13900000009"];
    let shown = rows(&store);
    assert_eq!(numbers.map(|number| shown.iter().any(|line| line.contains(number))), [true; 3], "{shown:?}");
    assert!(!store.is_replaced(lost).expect("asked"));
    assert_eq!(store.check().expect("sound"), 3);
    store.rebuild().expect("rebuilt");
    assert_eq!(rows(&store), shown);
}

#[test]
fn a_lost_log_is_told_of_as_long_as_own_work_may_speak_of_it() {
    let folder = Folder::fresh();
    let (mut store, _) = folder.store();
    store.open_journal(FIRST, DeviceId([5; 8]), &key().verifying_key()).expect("a journal");
    sent(&mut store, 1, 40, &[stated("13900000001")]);
    store.set_meta("head", &40_u64).expect("set");
    assert_eq!(store.lost_mark().expect("read"), None, "nothing is lost");
    store.county_restored(25).expect("restored");
    let lost = store.lost_mark().expect("read").expect("its seal may say that 40 was seen");
    assert_eq!((lost.position, store.marks().expect("read").first().copied()), (40, None));
    // Put back once more, to before it heard: the desk knows no more of it, and tells of it again.
    store.county_restored(20).expect("restored");
    assert_eq!(store.lost_mark().expect("read").map(|mark| mark.position), Some(40));
    let ack = Ack { batch: 1, position: 31, received: RECEIVED, held: Vec::new() };
    store.acknowledged(&[ack], mark(31)).expect("acknowledged");
    assert_eq!(store.lost_mark().expect("read"), None, "nothing of its own waits any more");
}

#[test]
fn work_under_own_names_that_were_never_written_here_is_a_copys() {
    let folder = Folder::fresh();
    let (mut store, _) = folder.store();
    store.open_journal(FIRST, DeviceId([5; 8]), &key().verifying_key()).expect("a journal");
    store.trust_master(JournalId([9; 8]), &SigningKey::from_bytes(&[6; 32]).verifying_key()).expect("trusted");
    let page = |batch| Page {
        deliveries: vec![Delivery { position: 3, received: RECEIVED, held: Vec::new(), batch }],
        from: Cursor::default(),
        next: Cursor { visible: 3, position: 3, seq: 9 },
        head: mark(3),
        ..Page::default()
    };
    let told = store.absorb(&page(others())).expect_err("told");
    assert!(matches!(told, StoreFault::Forked { journal: FIRST, seq: 1 }), "{told}");
    assert!(says(&store).is_empty(), "and nothing of it was taken");
    // What this desk wrote itself comes back as its own.
    let own = sent(&mut store, 1, 2, &[stated("13900000001")]);
    store.absorb(&page(own)).expect("its own");
    assert_eq!(says(&store).len(), 1);
}

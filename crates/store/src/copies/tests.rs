//! Copies: what they hold, what is noticed of a bad one, and what goes on after one was put back.

use chrono::NaiveDate;
use domain::SigningKey;
use domain::clock::Millis;
use domain::event::Event;
use domain::household::ContactStated;
use domain::ids::{DeviceId, FileId, JournalId, PersonId};
use domain::words::{ContactState, Section};

use super::*;
use crate::drafts::Draft;
use crate::folder::Folder;
use crate::log::{Pen, Standing};

const FILE: FileId = FileId([3; 8]);
const DEVICE: DeviceId = DeviceId([5; 8]);

fn begin(store: &mut Store, journal: u8) {
    let key = SigningKey::from_bytes(&[7; 32]).verifying_key();
    store.open_journal(JournalId([journal; 8]), DEVICE, &key).expect("a journal");
}

/// One fact that tells from all others by its day.
fn work(store: &mut Store, day: u32) {
    let author: PersonId = "field1".parse().expect("an account");
    let event = Event::ContactStated(ContactStated {
        number: "13900000001".parse().expect("a number"),
        state: ContactState::Confirmed,
        on: NaiveDate::from_ymd_opt(2026, 12, day).expect("a day"),
    });
    let write = |pen: &mut Pen<'_>| {
        pen.keep_blob(FILE, Section::Core, "image/png", &[u8::try_from(day).expect("a day"); 40])?;
        pen.record(FILE, Section::Core, &event, Vec::new())
    };
    store.write::<_, StoreFault>(&author, Millis(1_796_700_000_000), write).expect("written");
}

/// The days of which facts are here.
fn days(store: &Store) -> Vec<u32> {
    let mut days: Vec<u32> = crate::folder::facts_where(store, "kind = 'ContactStated'")
        .iter()
        .map(|fact| match Event::read(&fact.kind, &fact.body) {
            Ok(Some(Event::ContactStated(stated))) => chrono::Datelike::day(&stated.on),
            other => panic!("{other:?}"),
        })
        .collect();
    days.sort_unstable();
    days
}

fn begun() -> (Store, Folder) {
    let folder = Folder::fresh();
    let (mut store, _) = folder.store();
    begin(&mut store, 1);
    (store, folder)
}

fn copy(store: &Store, name: &str) -> (PathBuf, Copied) {
    let copier = store.copier().expect("a copier");
    let copied = copier.copy(|_| name.to_owned(), &|| true).expect("copied").expect("to its end");
    (copier.folder().join(name), copied)
}

/// Puts a copy in place, opens what is there then, and takes over from what was there before.
fn back(folder: &Folder, store: Store, copy: &Path, journal: u8) -> (Store, u32) {
    let copier = store.copier().expect("a copier");
    drop(store);
    let aside = folder.0.join(format!("aside-{journal}"));
    copier.put_back(copy, &aside).expect("put back");
    let (mut store, _) = folder.store();
    begin(&mut store, journal);
    let taken = copier.open_put_aside(&aside).map_or(0, |from| store.take_over(&from).expect("taken over"));
    (store, taken)
}

fn names_in(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(folder)
        .expect("a folder")
        .map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    names
}

#[test]
fn a_copy_holds_what_was_there_and_nothing_lies_beside_it() {
    let (mut store, folder) = begun();
    (1..=5).for_each(|day| work(&mut store, day));
    let (path, copied) = copy(&store, "one.db");
    assert_eq!(copied.facts, 5);
    work(&mut store, 6);
    assert_eq!(names_in(path.parent().expect("a folder")), ["one.db"]);
    let before = fs::read(&path).expect("read");
    let seen =
        store.copier().expect("a copier").look(&path, |store| Ok::<_, StoreFault>(days(&store))).expect("looked");
    assert_eq!(seen, [1, 2, 3, 4, 5]);
    assert_eq!(fs::read(&path).expect("read"), before, "looking at it changes nothing");
    assert_eq!(names_in(path.parent().expect("a folder")), ["one.db"]);
    drop(store);
    let (store, standing) = folder.store();
    assert_eq!((standing, days(&store).len()), (Standing::Sound, 6), "the file and its anchor were left alone");
}

#[test]
fn a_copy_is_one_moment_however_much_is_saved_meanwhile() {
    let (mut store, _folder) = begun();
    (1..=3).for_each(|day| work(&mut store, day));
    let copier = store.copier().expect("a copier");
    let asked = std::cell::Cell::new(0_u32);
    let store = std::cell::RefCell::new(store);
    let copied = copier.copy(|_| "one.db".to_owned(), &|| {
        asked.set(asked.get() + 1);
        work(&mut store.borrow_mut(), 3 + asked.get());
        true
    });
    assert_eq!(copied.expect("copied").expect("to its end").facts, 3);
    assert!(asked.get() >= 2);
    let path = copier.folder().join("one.db");
    let seen = copier.look(&path, |store| Ok::<_, StoreFault>(days(&store))).expect("looked");
    assert_eq!(seen, [1, 2, 3]);
}

#[test]
fn a_copy_that_is_broken_off_is_not_there() {
    let (mut store, _folder) = begun();
    work(&mut store, 1);
    let copier = store.copier().expect("a copier");
    for steps in 0..3 {
        let left = std::cell::Cell::new(steps);
        let go_on = || left.replace(left.get() - 1) > 0;
        let copied = copier.copy(|_| "one.db".to_owned(), &go_on).expect("no fault");
        assert_eq!(copied.is_some(), steps >= 2, "{steps}");
        assert_eq!(names_in(copier.folder()).len(), usize::from(steps >= 2), "{steps}");
    }
}

#[test]
fn every_byte_of_a_copy_is_noticed() {
    let (mut store, folder) = begun();
    (1..=3).for_each(|day| work(&mut store, day));
    let (path, _) = copy(&store, "one.db");
    let copier = store.copier().expect("a copier");
    drop(store);
    let whole = fs::read(&path).expect("read");
    let aside = folder.0.join("aside");
    // Each page, and each byte of one; what lies between is the same to a MAC.
    let places = (0..whole.len()).step_by(4096).map(|at| at + (at / 4096) % 4096).chain(4096..4196);
    for place in places.chain((0..whole.len()).step_by(512)) {
        let mut broken = whole.clone();
        broken[place] ^= 1;
        fs::write(&path, &broken).expect("written");
        assert!(copier.put_back(&path, &aside).is_err(), "a bit at {place}");
        fs::write(&path, &whole[..place]).expect("written");
        assert!(copier.put_back(&path, &aside).is_err(), "cut at {place}");
    }
    assert!(!aside.exists());
    let (store, standing) = folder.store();
    assert_eq!((standing, days(&store)), (Standing::Sound, vec![1, 2, 3]), "a bad copy replaces nothing");
}

#[test]
fn what_was_saved_since_goes_over_from_the_file_that_was_replaced() {
    let (mut store, folder) = begun();
    (1..=2).for_each(|day| work(&mut store, day));
    let (path, _) = copy(&store, "one.db");
    (3..=5).for_each(|day| work(&mut store, day));
    let draft = Draft { form: "visit".to_owned(), file: None, at: Millis(5), text: "写到一半".to_owned() };
    assert!(store.keep_draft(&draft).expect("kept"));
    let (store, taken) = back(&folder, store, &path, 2);
    assert_eq!((taken, days(&store)), (3, vec![1, 2, 3, 4, 5]));
    assert_eq!(store.drafts().expect("drafts"), [draft]);
    assert_eq!(store.unsent_blobs().expect("papers").len(), 5);
    let journals: Vec<_> = crate::folder::facts_where(&store, "1").iter().map(|fact| fact.id.journal.0[0]).collect();
    assert_eq!(journals, [2; 5], "under names that nobody else may have used");
    drop(store);
    let (store, standing) = folder.store();
    assert_eq!(standing, Standing::Sound);
    assert_eq!(store.check().expect("sound"), 5);
    // The same copy once more, and nothing is there twice.
    let (store, taken) = back(&folder, store, &path, 3);
    assert_eq!((taken, days(&store)), (3, vec![1, 2, 3, 4, 5]));
    assert_eq!(store.check().expect("sound"), 5);
}

#[test]
fn a_file_that_opens_no_more_is_kept_aside_and_the_copy_goes_on() {
    let (mut store, folder) = begun();
    (1..=2).for_each(|day| work(&mut store, day));
    let (path, _) = copy(&store, "one.db");
    work(&mut store, 3);
    let copier = store.copier().expect("a copier");
    drop(store);
    let file = folder.0.join("ruhu.db");
    let mut broken = fs::read(&file).expect("read");
    broken.iter_mut().take(9_000).for_each(|byte| *byte ^= 0x55);
    fs::write(&file, &broken).expect("written");
    fs::write(folder.0.join("ruhu.db-wal"), b"of the file of before").expect("written");
    let aside = folder.0.join("aside");
    copier.put_back(&path, &aside).expect("put back");
    assert!(copier.open_put_aside(&aside).is_err());
    assert_eq!(fs::read(aside.join("ruhu.db")).expect("kept"), broken);
    let (mut store, standing) = folder.store();
    assert!(matches!(standing, Standing::Behind { .. }), "{standing:?}");
    begin(&mut store, 2);
    assert_eq!(days(&store), [1, 2]);
    assert_eq!(store.check().expect("sound"), 2);
}

#[test]
fn a_copy_tells_that_something_was_erased_since() {
    let (mut store, _folder) = begun();
    work(&mut store, 1);
    let (_, before) = copy(&store, "one.db");
    assert_eq!((before.purged, store.purged().expect("a count")), (0, 0));
    let named = crate::folder::facts_where(&store, "1")[0].id;
    let author: PersonId = "head".parse().expect("an account");
    let erased =
        domain::decision::Erased { facts: vec![named], papers: Vec::new(), reason: "当事人要求".to_owned() };
    let write = |pen: &mut Pen<'_>| pen.record(FILE, Section::Core, &Event::Erased(erased), Vec::new());
    store.write::<_, StoreFault>(&author, Millis(1_796_700_100_000), write).expect("written");
    let (_, after) = copy(&store, "two.db");
    assert!(after.purged > before.purged);
    assert_eq!(after.purged, store.purged().expect("a count"));
}

#[test]
fn what_was_erased_since_stays_erased() {
    let (mut store, folder) = begun();
    (1..=2).for_each(|day| work(&mut store, day));
    let (path, _) = copy(&store, "one.db");
    let named = crate::folder::facts_where(&store, "1")[0].id;
    let author: PersonId = "head".parse().expect("an account");
    let erased =
        domain::decision::Erased { facts: vec![named], papers: Vec::new(), reason: "当事人要求".to_owned() };
    let write = |pen: &mut Pen<'_>| pen.record(FILE, Section::Core, &Event::Erased(erased), Vec::new());
    store.write::<_, StoreFault>(&author, Millis(1_796_700_100_000), write).expect("written");
    let (store, taken) = back(&folder, store, &path, 2);
    assert_eq!(taken, 1, "the erasure");
    let effective = "kind = 'ContactStated' AND n NOT IN (SELECT n FROM erased)";
    assert_eq!(crate::folder::facts_where(&store, effective).len(), 1);
    store.check().expect("sound");
}

#[test]
fn one_copy_after_the_other_remembers_every_name_that_the_county_may_have() {
    let (mut store, folder) = begun();
    work(&mut store, 1);
    let (early, _) = copy(&store, "early.db");
    work(&mut store, 2);
    let (late, _) = copy(&store, "late.db");
    let (store, taken) = back(&folder, store, &late, 2);
    assert_eq!((taken, days(&store)), (0, vec![1, 2]));
    let (store, taken) = back(&folder, store, &early, 3);
    assert_eq!((taken, days(&store)), (1, vec![1, 2]));
    let went: Vec<u8> = store.went_over().expect("journals").iter().map(|journal| journal.0[0]).collect();
    assert_eq!(went, [1, 2], "under the first name it may have been sent before any copy was put back");
    drop(store);
    let (store, standing) = folder.store();
    assert_eq!((standing, store.check().expect("sound")), (Standing::Sound, 2));
}

/// The erasure is another's, or long at the county: nothing but the file of before knows of it here.
#[test]
fn what_was_closed_there_is_closed_here_under_its_new_name() {
    let (mut store, folder) = begun();
    (1..=2).for_each(|day| work(&mut store, day));
    let (path, _) = copy(&store, "one.db");
    let first = crate::folder::facts_where(&store, "1")[0].id;
    let n = store.names.known_fact(first).expect("known");
    let file = store.names.known_file(FILE).expect("known");
    let erase = "INSERT INTO erased (n, file, section) VALUES (?1, ?2, 'CORE')";
    store.conn.execute(erase, [n, file]).expect("erased");
    let (store, _) = back(&folder, store, &path, 2);
    let effective = "kind = 'ContactStated' AND n NOT IN (SELECT n FROM erased)";
    let left: Vec<u64> = crate::folder::facts_where(&store, effective).iter().map(|fact| fact.id.seq).collect();
    assert_eq!(left, [2]);
    store.check().expect("sound");
}

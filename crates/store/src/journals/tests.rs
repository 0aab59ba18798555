//! One journal after another: what goes over, what stays behind, and what the anchor may still name.

use chrono::NaiveDate;
use domain::SigningKey;
use domain::decision::Erased;
use domain::household::ContactStated;
use domain::ids::{FileId, PersonId};
use domain::words::{ContactState, Section};

use super::*;
use crate::folder::{Folder, facts_where};
use crate::log::{Pen, Standing};

const FILE: FileId = FileId([3; 8]);
const WALL: Millis = Millis(1_796_700_000_000);
const DEVICE: DeviceId = DeviceId([5; 8]);

fn journal(n: u8) -> JournalId {
    JournalId([n; 8])
}

fn key() -> SigningKey {
    SigningKey::from_bytes(&[7; 32])
}

fn record(store: &mut Store, event: &Event) -> FactId {
    record_over(store, event, Vec::new())
}

fn record_over(store: &mut Store, event: &Event, replaces: Vec<FactId>) -> FactId {
    let author: PersonId = "field1".parse().expect("an account");
    let write = |pen: &mut Pen<'_>| pen.record(FILE, Section::Core, event, replaces);
    store.write::<_, StoreFault>(&author, WALL, write).expect("written").0
}

fn stated() -> Event {
    Event::ContactStated(ContactStated {
        number: "13900000001".parse().expect("a number"),
        state: ContactState::Confirmed,
        on: NaiveDate::from_ymd_opt(2026, 12, 3).expect("a day"),
    })
}

/// The fact that [`erased`] records, as it was written.
fn written(id: FactId) -> Fact {
    Fact {
        id,
        file: FILE,
        section: Section::Core,
        wall: WALL,
        author: "field1".parse().expect("an account"),
        kind: stated().kind().to_owned(),
        replaces: Vec::new(),
        body: stated().body().expect("a body"),
    }
}

/// What the erasures of this store name, and how many names it takes no fact under.
fn named(store: &Store) -> (Vec<FactId>, u32) {
    let facts = facts_where(store, "kind = 'Erased'");
    let of = |fact: &Fact| match Event::read(&fact.kind, &fact.body) {
        Ok(Some(Event::Erased(erased))) => erased.facts,
        other => panic!("{other:?}"),
    };
    let kept = store.conn.query_row("SELECT count(*) FROM erased", [], |row| row.get(0)).expect("a count");
    (facts.iter().flat_map(of).collect(), kept)
}

/// A store of journal 1 in which one fact was erased before it was sent.
fn erased(folder: &Folder) -> (Store, FactId) {
    let (mut store, _) = folder.store();
    store.open_journal(journal(1), DEVICE, &key().verifying_key()).expect("a journal");
    let fact = record(&mut store, &stated());
    record(&mut store, &Event::Erased(Erased { facts: vec![fact], papers: Vec::new(), reason: "写错了".to_owned() }));
    assert_eq!(named(&store), (vec![fact], 1));
    (store, fact)
}

#[test]
fn an_erasure_names_nothing_under_a_journal_that_a_twin_writes() {
    let folder = Folder::fresh();
    let (mut store, fact) = erased(&folder);
    let other = Fact { author: "field2".parse().expect("an account"), ..written(fact) };
    store.leave_twin(journal(2), DEVICE, &key().verifying_key(), &[other]).expect("left");
    assert_eq!(named(&store), (Vec::new(), 0), "under that name is the twin's work now");
    assert_eq!(store.check().expect("sound"), 1);
}

#[test]
fn what_took_the_place_of_what_stays_behind_takes_nothing_of_a_twin() {
    let folder = Folder::fresh();
    let (mut store, _) = folder.store();
    store.open_journal(journal(1), DEVICE, &key().verifying_key()).expect("a journal");
    let first = record(&mut store, &stated());
    let second = record_over(&mut store, &stated(), vec![first]);
    record_over(&mut store, &stated(), vec![second]);
    record(&mut store, &Event::Erased(Erased { facts: vec![first], papers: Vec::new(), reason: "写错了".to_owned() }));
    let other = Fact { author: "field2".parse().expect("an account"), ..written(first) };
    store.leave_twin(journal(2), DEVICE, &key().verifying_key(), &[other]).expect("left");
    let replaces: Vec<Vec<FactId>> =
        facts_where(&store, "kind = 'ContactStated'").into_iter().map(|fact| fact.replaces).collect();
    assert_eq!(replaces, [vec![], vec![FactId { journal: journal(2), seq: 1 }]], "the first's name is the twin's now");
}

#[test]
fn an_erasure_goes_on_naming_what_the_county_has_byte_for_byte() {
    let folder = Folder::fresh();
    let (mut store, fact) = erased(&folder);
    store.leave_twin(journal(2), DEVICE, &key().verifying_key(), &[written(fact)]).expect("left");
    assert_eq!(named(&store), (vec![fact], 1), "this laptop sent it before it was put back");
}

#[test]
fn an_erasure_goes_on_naming_what_the_county_may_have() {
    let folder = Folder::fresh();
    let (mut store, fact) = erased(&folder);
    store.open_journal(journal(2), DEVICE, &key().verifying_key()).expect("a journal");
    assert_eq!(named(&store), (vec![fact], 1), "it may have been sent before this file was put back");
}

#[test]
fn a_file_put_back_is_found_behind_once_though_the_anchor_loses_its_last_word() {
    let folder = Folder::fresh();
    let (mut store, _) = folder.store();
    store.open_journal(journal(1), DEVICE, &key().verifying_key()).expect("a journal");
    record(&mut store, &stated());
    drop(store);
    let before = std::fs::read(folder.0.join("ruhu.db")).expect("read");
    let (mut store, _) = folder.store();
    store.open_journal(journal(2), DEVICE, &key().verifying_key()).expect("a journal");
    record(&mut store, &stated());
    record(&mut store, &stated());
    drop(store);
    // The database is put back, the anchor is not.
    std::fs::write(folder.0.join("ruhu.db"), before).expect("written");
    let (mut store, standing) = folder.store();
    assert!(matches!(standing, Standing::Behind { anchor, .. } if anchor.journal == journal(2)), "{standing:?}");
    store.open_journal(journal(3), DEVICE, &key().verifying_key()).expect("a journal");
    drop(store);
    let path = folder.0.join("ruhu.anchor");
    let mut anchor = std::fs::read(&path).expect("read");
    // The sixth word: it lies in the first slot.
    anchor[10] ^= 1;
    std::fs::write(&path, anchor).expect("written");
    let (_, standing) = folder.store();
    assert_eq!(standing, Standing::Sound);
}

/// The anchor names a journal with nothing in it, which the file that was put back never began.
#[test]
fn a_file_put_back_to_before_a_journal_is_found_behind_though_nothing_was_written_in_it() {
    let folder = Folder::fresh();
    let (mut store, _) = folder.store();
    store.open_journal(journal(1), DEVICE, &key().verifying_key()).expect("a journal");
    drop(store);
    let before = std::fs::read(folder.0.join("ruhu.db")).expect("read");
    let (mut store, standing) = folder.store();
    assert_eq!(standing, Standing::Sound, "nothing was written yet");
    store.open_journal(journal(2), DEVICE, &key().verifying_key()).expect("a journal");
    drop(store);
    std::fs::write(folder.0.join("ruhu.db"), before).expect("written");
    let (_, standing) = folder.store();
    assert!(matches!(standing, Standing::Behind { anchor, .. } if anchor.journal == journal(2)), "{standing:?}");
}

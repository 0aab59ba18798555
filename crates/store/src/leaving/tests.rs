//! Parts of one batch may stand in several places of the county log: what left is kept until the last of them is safe.

use chrono::NaiveDate;
use domain::SigningKey;
use domain::clock::{Millis, Received};
use domain::exchange::{Ack, Cursor, Delivery, Mark, Page};
use domain::fact::Batch;
use domain::household::ContactStated;
use domain::ids::{DeviceId, FileId, PersonId};
use domain::words::ContactState;
use zeroize::Zeroizing;

use super::*;
use crate::file::FileKey;

/// A folder of its own, gone with the test.
struct Folder(std::path::PathBuf);

impl Drop for Folder {
    fn drop(&mut self) {
        std::fs::remove_dir_all(&self.0).expect("the folder goes");
    }
}

fn stated() -> Event {
    Event::ContactStated(ContactStated {
        number: "13900000001".parse().expect("a number"),
        state: ContactState::Confirmed,
        on: NaiveDate::from_ymd_opt(2026, 12, 3).expect("a day"),
    })
}

fn mark(position: u64) -> Mark {
    Mark { position, chain: [u8::try_from(position).expect("small"); 8] }
}

#[test]
fn what_left_is_kept_until_the_last_place_of_its_batch_is_safe() {
    let folder = Folder(std::env::temp_dir().join(format!("ruhu-leaving-{}", std::process::id())));
    std::fs::create_dir_all(&folder.0).expect("a folder");
    let key = SigningKey::from_bytes(&[7; 32]);
    let (own, master) = (JournalId([1; 8]), JournalId([2; 8]));
    let (lost, other) = (FileId([3; 8]), FileId([4; 8]));
    let path = folder.0.join("ruhu.db");
    let (mut store, _) =
        Store::open(&path, &FileKey(Zeroizing::new([9; 32])), Zeroizing::new([8; 32])).expect("a store");
    store.trust_master(master, &SigningKey::from_bytes(&[6; 32]).verifying_key()).expect("trusted");
    store.open_journal(own, DeviceId([5; 8]), &key.verifying_key()).expect("a journal");
    let author: PersonId = "field1".parse().expect("an account");
    let ((), written) = store
        .write::<(), StoreFault>(&author, Millis(1_796_700_000_000), |pen| {
            pen.record(lost, Section::Core, &stated(), Vec::new())?;
            pen.record(other, Section::Core, &stated(), Vec::new())?;
            Ok(())
        })
        .expect("written");
    store.seal_open(&key, 0, &[1; 16]).expect("sealed");
    let (_, bytes) = store.unacknowledged(1, usize::MAX).expect("a batch").pop().expect("one");
    let received = Received { at: Millis(1_796_700_100_000), offset: 0, seen: Millis(0) };
    let ack = Ack { batch: 1, position: 40, received, held: Vec::new() };
    store.acknowledged(&[ack], mark(40)).expect("acknowledged");

    // The right goes, and with it what was written: out of sight, and kept.
    let mut page = |gone: Vec<Gone>, deliveries: Vec<Delivery>| {
        let from = store.cursor().expect("a cursor");
        let next = Cursor { visible: from.visible + 41, position: from.position + 41, seq: 1 };
        let page = Page { deliveries, gone, erased: Vec::new(), from, next, more: false, head: mark(41) };
        store.absorb(&page).expect("absorbed");
    };
    page(vec![Gone { file: lost, section: Section::Core, regained: None }], Vec::new());
    // The other part had come before, by another's hands.
    let seq = written.last().expect("two").seq;
    let part = Batch::parse(&bytes).expect("a batch").only(|at, _| at == seq).bytes();
    page(Vec::new(), vec![Delivery { position: 26, received, held: Vec::new(), batch: part }]);

    // The county is restored to what it was at 30 and gets the batch again: the part that is here stands where it stood,
    // and nobody names the other.
    store.county_restored(30).expect("restored");
    let ack = Ack { batch: 1, position: 38, received, held: Vec::new() };
    store.acknowledged(&[ack], mark(38)).expect("acknowledged");
    let part = Batch::parse(&bytes).expect("a batch").only(|at, _| at == seq).bytes();
    let delivery = Delivery { position: 26, received, held: Vec::new(), batch: part };
    let next = Cursor { visible: 40, position: 40, seq: 1 };
    let anew = Page {
        deliveries: vec![delivery],
        gone: Vec::new(),
        erased: Vec::new(),
        from: Cursor::default(),
        next,
        more: false,
        head: mark(40),
    };
    store.absorb(&anew).expect("absorbed");
    assert!(!store.anew().expect("told"), "all was read");

    let kept = |store: &Store| -> i64 {
        store.conn.query_row("SELECT count(*) FROM leaving", [], |row| row.get(0)).expect("a count")
    };
    store.set_safe(30, 41).expect("told");
    assert_eq!(kept(&store), 1, "a backup up to 30 lacks what stands at 40");
    store.set_safe(40, 41).expect("told");
    assert_eq!(kept(&store), 0);
}

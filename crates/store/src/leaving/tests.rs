//! What left is kept until all of its batch is safe, which may stand in several places of the county log, and goes alone
//! when it alone was erased. Its paper is kept until a backup has that too. What a page brought that was broken off goes if no
//! whole page names it.

use chrono::NaiveDate;
use domain::SigningKey;
use domain::clock::{Millis, Received};
use domain::decision::LogForked;
use domain::exchange::{Ack, Cursor, Delivery, Mark, Page};
use domain::fact::{Batch, seal};
use domain::household::ContactStated;
use domain::ids::{DeviceId, FactId, FileId, LogId, PersonId};
use domain::letter::{BlockLeased, DocNo, LetterPrinted};
use domain::money::Fen;
use domain::receipt::{Preview, ReceiptFiled};
use domain::words::{ContactState, DocKind};

use super::*;
use crate::folder::Folder;
use crate::log::Pen;

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

/// Two facts of one batch, acknowledged at 40: of `LOST`, then of `OTHER`.
struct Written {
    store: Store,
    lost: FactId,
    other: FactId,
    bytes: Vec<u8>,
    _folder: Folder,
}

const LOST: FileId = FileId([3; 8]);
const OTHER: FileId = FileId([4; 8]);
const RECEIVED: Received = Received { at: Millis(1_796_700_100_000), offset: 0, seen: Millis(0) };

/// What is written in a store of its own, acknowledged at 40; of the facts `held` the county lets nobody see anything.
fn acknowledged<T>(
    held: &[u64],
    work: impl FnOnce(&mut Pen<'_>) -> Result<T, StoreFault>,
) -> (Store, T, Vec<u8>, Folder) {
    let folder = Folder::fresh();
    let key = SigningKey::from_bytes(&[7; 32]);
    let (own, master) = (JournalId([1; 8]), JournalId([2; 8]));
    let (mut store, _) = folder.store();
    store.trust_master(master, &SigningKey::from_bytes(&[6; 32]).verifying_key()).expect("trusted");
    store.open_journal(own, DeviceId([5; 8]), &key.verifying_key()).expect("a journal");
    let author: PersonId = "field1".parse().expect("an account");
    let (done, _) = store.write(&author, Millis(1_796_700_000_000), work).expect("written");
    store.seal_open(&key, 0, &[1; 16]).expect("sealed");
    let (_, bytes) = store.unacknowledged(1, usize::MAX).expect("a batch").pop().expect("one");
    let ack = Ack { batch: 1, position: 40, received: RECEIVED, held: held.to_vec() };
    store.acknowledged(&[ack], mark(40)).expect("acknowledged");
    (store, done, bytes, folder)
}

fn written(held: &[u64]) -> Written {
    let (store, (lost, other), bytes, folder) = acknowledged(held, |pen| {
        let lost = pen.record(LOST, Section::Core, &stated(), Vec::new())?;
        Ok((lost, pen.record(OTHER, Section::Core, &stated(), Vec::new())?))
    });
    Written { store, lost, other, bytes, _folder: folder }
}

/// A receipt of `LOST` with its photo, which the county has too.
fn receipt() -> (Store, FactId, Sha, Folder) {
    receipt_with(&[])
}

fn receipt_with(held: &[u64]) -> (Store, FactId, Sha, Folder) {
    let photo = b"a photo of a signed receipt";
    let (mut store, (fact, sha), _, folder) = acknowledged(held, |pen| {
        let sha = pen.keep_blob(LOST, Section::Core, "image/jpeg", photo)?;
        let filed = ReceiptFiled {
            receipt: DocNo { organ: "青资助".to_owned(), kind: DocKind::ServiceReceipt, year: 2026, serial: 10_700 },
            sha256: sha,
            media: "image/jpeg".to_owned(),
            bytes: 27,
            preview: None,
        };
        Ok((pen.record(LOST, Section::Core, &Event::ReceiptFiled(filed), Vec::new())?, sha))
    });
    store.blob_sent(sha, false).expect("sent");
    (store, fact, sha, folder)
}

/// The county's own word that it was restored.
fn forked(position: u64) -> Delivery {
    let event = Event::LogForked(LogForked { log: LogId([5; 8]), position: position - 1, at: RECEIVED.at });
    let fact = Fact {
        id: FactId { journal: JournalId([2; 8]), seq: 1 },
        file: FileId::county(),
        section: Section::Core,
        wall: RECEIVED.at,
        author: "county".parse().expect("an account"),
        kind: event.kind().to_owned(),
        replaces: Vec::new(),
        body: event.body().expect("a body"),
    };
    let batch = seal(&[fact], None, 0, &[3; 16], &SigningKey::from_bytes(&[6; 32])).expect("sealed").bytes();
    Delivery { position, received: RECEIVED, held: Vec::new(), batch }
}

fn offered(store: &Store) -> Vec<Sha> {
    store.unsent_blobs().expect("blobs").into_iter().map(|one| one.sha).collect()
}

fn take(store: &mut Store, gone: Vec<Gone>, erased: Vec<FactId>, deliveries: Vec<Delivery>) {
    let from = store.cursor().expect("a cursor");
    let next = Cursor { visible: from.visible + 41, position: from.position + 41, seq: 1 };
    let page = Page { deliveries, gone, erased, from, next, more: false, head: mark(41) };
    store.absorb(&page).expect("absorbed");
}

fn kept(store: &Store) -> Vec<FactId> {
    let mut find = store.conn.prepare("SELECT n FROM leaving ORDER BY n").expect("a query");
    let numbers = find.query_map([], |row| row.get::<_, i64>(0)).expect("rows").map(|n| n.expect("a number"));
    numbers.map(|n| FactId { journal: JournalId([1; 8]), seq: names::seq_of(n) }).collect()
}

fn gone(file: FileId) -> Gone {
    Gone { file, section: Section::Core, regained: None }
}

#[test]
fn of_what_left_only_what_was_erased_is_no_longer_kept() {
    let Written { mut store, lost, other, .. } = written(&[]);
    take(&mut store, vec![gone(LOST), gone(OTHER)], Vec::new(), Vec::new());
    assert_eq!(kept(&store), [lost, other]);
    let stranger = FactId { journal: JournalId([9; 8]), seq: 1 };
    take(&mut store, Vec::new(), vec![lost, stranger], Vec::new());
    assert_eq!(kept(&store), [other], "a restored county gets back what was not erased");
    assert_eq!(store.check().expect("sound"), 0);
}

/// The sheet is in somebody's hands, whatever the county makes of what says so.
#[test]
fn the_number_of_a_letter_that_is_held_or_erased_is_not_printed_again() {
    let year = 2026;
    let device = FileId::device(DeviceId([5; 8]));
    let day = NaiveDate::from_ymd_opt(2026, 12, 3).expect("a day");
    let doc = |serial| DocNo { organ: "青资助".to_owned(), kind: DocKind::ServiceReceipt, year, serial };
    for held in [true, false] {
        let (mut store, (letter, next), _, _folder) = acknowledged(if held { &[2] } else { &[] }, |pen| {
            let block = BlockLeased { kind: DocKind::ServiceReceipt, year, block: 107, journal: None };
            pen.record(device, Section::Core, &Event::BlockLeased(block), Vec::new())?;
            let printed = LetterPrinted {
                doc: doc(10_700),
                template: "HZ-2026.1".to_owned(),
                printed_on: day,
                as_of: day,
                total: Fen::ZERO,
                hash8: "00112233".to_owned(),
                sheet: serde_json::json!({}),
                sha256: Sha([1; 32]),
                pair: None,
                reason: None,
                black: true,
            };
            let letter = pen.record(LOST, Section::Core, &Event::LetterPrinted(printed), Vec::new())?;
            Ok((letter, pen.numbers(device, DocKind::ServiceReceipt, year)?))
        });
        assert_eq!(next.next, Some(10_701));
        let free = |store: &Store| store.numbers(device, DocKind::ServiceReceipt, year).expect("numbers").next;
        assert_eq!(free(&store), Some(10_701));
        take(&mut store, Vec::new(), vec![letter], Vec::new());
        assert_eq!(free(&store), Some(10_701), "erased");
    }
}

/// Where its author does not see it the erasure itself never arrives: the county names the fact.
#[test]
fn what_the_county_holds_of_own_work_and_erased_goes_for_ever() {
    let Written { mut store, lost, other, bytes, .. } = written(&[1]);
    let live = |store: &Store| -> Vec<u64> {
        let mut find = store.conn.prepare("SELECT n FROM entry WHERE leaf IS NOT NULL ORDER BY n").expect("a query");
        let numbers = find.query_map([], |row| row.get::<_, i64>(0)).expect("rows");
        numbers.map(|n| names::seq_of(n.expect("a number"))).collect()
    };
    take(&mut store, vec![gone(LOST)], Vec::new(), Vec::new());
    assert_eq!(live(&store), [lost.seq, other.seq], "its author keeps what is held");
    take(&mut store, Vec::new(), vec![lost], Vec::new());
    assert_eq!(live(&store), [other.seq]);
    let sealed: Vec<u8> = store
        .conn
        .query_row("SELECT bytes FROM sealed WHERE n >> 32 = (SELECT no FROM journal WHERE own = 1)", [], |row| {
            row.get(0)
        })
        .expect("a batch");
    let open: Vec<u64> = Batch::stored(&sealed).expect("a batch").rows().into_iter().map(|(seq, _)| seq).collect();
    assert_eq!(open, [other.seq], "closed in its batch too");
    take(
        &mut store,
        Vec::new(),
        Vec::new(),
        vec![Delivery { position: 40, received: RECEIVED, held: vec![1], batch: bytes }],
    );
    assert_eq!(live(&store), [other.seq], "an old page does not bring it back");
    assert_eq!(store.check().expect("sound"), 1);
}

#[test]
fn what_left_is_kept_until_the_last_place_of_its_batch_is_safe() {
    let Written { mut store, lost, other, bytes, .. } = written(&[]);
    // The right goes, and with it what was written: out of sight, and kept.
    take(&mut store, vec![gone(LOST)], Vec::new(), Vec::new());
    // The other part had come before, by another's hands.
    let seq = other.seq;
    let part = Batch::parse(&bytes).expect("a batch").only(|at, _| at == seq).bytes();
    let delivery = Delivery { position: 26, received: RECEIVED, held: Vec::new(), batch: part };
    take(&mut store, Vec::new(), Vec::new(), vec![delivery]);

    // The county is restored to what it was at 30 and gets the batch again: the part that is here stands where it stood,
    // and nobody names the other.
    store.county_restored(30).expect("restored");
    let ack = Ack { batch: 1, position: 38, received: RECEIVED, held: Vec::new() };
    store.acknowledged(&[ack], mark(38)).expect("acknowledged");
    let part = Batch::parse(&bytes).expect("a batch").only(|at, _| at == seq).bytes();
    let delivery = Delivery { position: 26, received: RECEIVED, held: Vec::new(), batch: part };
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

    store.set_safe(30, 41).expect("told");
    assert_eq!(kept(&store), [lost], "a backup up to 30 lacks what stands at 40");
    store.set_safe(40, 41).expect("told");
    assert_eq!(kept(&store), []);
}

/// The places of a lost history say nothing of what the present one has in its backup.
#[test]
fn while_all_is_read_anew_nothing_from_above_what_both_share_counts_as_safe() {
    let Written { mut store, lost, other, .. } = written(&[]);
    let key = SigningKey::from_bytes(&[7; 32]);
    store.open_journal(JournalId([8; 8]), DeviceId([5; 8]), &key.verifying_key()).expect("another journal");
    store.county_restored(30).expect("restored");
    // It went on, past the place that this work had, and was backed up.
    store.set_safe(45, 46).expect("told");
    let from = store.cursor().expect("a cursor");
    let next = Cursor { visible: 20, position: 20, seq: 1 };
    let first = Page { gone: vec![gone(LOST)], from, next, more: true, head: mark(46), ..Page::default() };
    store.absorb(&first).expect("absorbed");
    assert_eq!(kept(&store), [lost]);
    store.set_safe(46, 47).expect("told at the next contact, the reading not ended");
    assert_eq!(kept(&store), [lost]);
    let next = Cursor { visible: 47, position: 47, seq: 1 };
    let from = store.cursor().expect("a cursor");
    store.absorb(&Page { from, next, head: mark(47), ..Page::default() }).expect("absorbed");
    assert_eq!(kept(&store), [lost, other], "nobody named the other either");
    store.set_safe(46, 47).expect("told");
    assert_eq!(kept(&store), [lost, other], "it may stand as late as the log's end");
    store.set_safe(47, 48).expect("told");
    assert_eq!(kept(&store), []);
}

/// A fact of each file, each in a batch of the county's own, as they stand at 41 and after it.
fn of_the_county(files: &[FileId]) -> Vec<Delivery> {
    let key = SigningKey::from_bytes(&[6; 32]);
    let mut last = None;
    let mut out = Vec::new();
    for (seq, file) in (1..).zip(files) {
        let fact = Fact {
            id: FactId { journal: JournalId([2; 8]), seq },
            file: *file,
            section: Section::Core,
            wall: Millis(1_796_700_000_000),
            author: PersonId::county_master(),
            kind: stated().kind().to_owned(),
            replaces: Vec::new(),
            body: stated().body().expect("a body"),
        };
        let batch = seal(&[fact], last.as_ref(), 0, &[1; 16], &key).expect("sealed");
        last = Some(batch.seal.clone());
        out.push(Delivery { position: 40 + seq, received: RECEIVED, held: Vec::new(), batch: batch.bytes() });
    }
    out
}

fn page(store: &Store, deliveries: &[Delivery], to: u64, more: bool) -> Page {
    let from = store.cursor().expect("a cursor");
    let next = Cursor { visible: to, position: to, seq: 9 };
    Page { deliveries: deliveries.to_vec(), from, next, more, head: mark(to), ..Page::default() }
}

/// The files of what the county let this desk see, own work aside.
fn holds(store: &Store) -> Vec<FileId> {
    let mut find = store
        .conn
        .prepare("SELECT i.id FROM entry e JOIN file i ON i.no = e.file JOIN journal j ON j.no = e.n >> 32 WHERE j.own = 0 ORDER BY e.n")
        .expect("a query");
    find.query_map([], |row| row.get(0)).expect("rows").map(|id| FileId(id.expect("an id"))).collect()
}

#[test]
fn what_a_page_brought_that_was_broken_off_goes_unless_a_whole_page_names_it() {
    const THIRD: FileId = FileId([5; 8]);
    let Written { mut store, .. } = written(&[]);
    let [one, two, three] = of_the_county(&[LOST, OTHER, THIRD]).try_into().expect("three");
    let whole = page(&store, &[one.clone(), two.clone(), three.clone()], 43, false);
    assert_eq!(store.absorb_part(&whole, 0, 1).expect("a part").1, Some(1));
    assert_eq!(store.absorb_part(&whole, 1, 1).expect("a part").1, Some(2));
    store.file_all().expect("filed");
    assert_eq!(holds(&store), [LOST, OTHER], "what came is seen at once");

    // Broken off twice; meanwhile the right to `LOST` went, of which the county tells nothing: it was not open at the
    // cursor.
    let again = page(&store, &[two.clone(), three.clone()], 44, false);
    assert_eq!(store.absorb_part(&again, 0, 1).expect("a part").1, Some(1));
    assert_eq!(holds(&store), [LOST, OTHER]);

    // Whole pages name what stays.
    let first = page(&store, &[two], 44, true);
    assert_eq!(store.absorb(&first).expect("absorbed").gone, 0);
    assert_eq!(holds(&store), [LOST, OTHER], "it may be on a page that is still to come");
    let last = page(&store, &[three], 45, false);
    assert_eq!(store.absorb(&last).expect("absorbed").gone, 1);
    assert_eq!(holds(&store), [OTHER, THIRD]);
    assert_eq!(store.check().expect("sound"), 4);

    // From then on the cursor is past them: nobody has to name them again.
    let nothing = page(&store, &[], 46, false);
    assert_eq!(store.absorb(&nothing).expect("absorbed").gone, 0);
    assert_eq!(holds(&store), [OTHER, THIRD]);
}

/// A head sees what is held of others, and is head no longer.
#[test]
fn what_is_held_of_others_goes_with_the_right_to_decide_on_it() {
    let Written { mut store, .. } = written(&[]);
    let [held] = of_the_county(&[LOST]).try_into().expect("one");
    take(&mut store, Vec::new(), Vec::new(), vec![Delivery { held: vec![1], ..held }]);
    assert_eq!(holds(&store), [LOST]);
    take(&mut store, vec![gone(LOST)], Vec::new(), Vec::new());
    assert_eq!(holds(&store), []);
    assert_eq!(store.check().expect("sound"), 1);
}

#[test]
fn a_paper_that_a_restored_county_lacks_stays_though_the_right_to_it_goes_before_the_county_tells() {
    let (mut store, fact, sha, _folder) = receipt();
    // The county is put back to 30, gets the record again, and is backed up before it gets the paper.
    store.county_restored(30).expect("restored");
    assert_eq!(offered(&store), [sha]);
    let ack = Ack { batch: 1, position: 38, received: RECEIVED, held: Vec::new() };
    store.acknowledged(&[ack], mark(38)).expect("acknowledged");
    store.set_safe(38, 38).expect("told");
    // What is gone stands before the county's word on the same page.
    take(&mut store, vec![gone(LOST)], Vec::new(), vec![forked(31)]);
    assert_eq!((kept(&store), offered(&store)), (vec![fact], vec![sha]));
    store.blob_sent(sha, false).expect("sent");
    assert!(store.blob(sha).expect("read").is_some(), "no backup has it yet");
    assert_eq!(store.check().expect("sound"), 1, "the county's own word");
}

#[test]
fn a_paper_is_kept_until_a_longer_log_was_backed_up_and_read() {
    let (mut store, fact, sha, _folder) = receipt();
    // The backup has the record, and is older than the paper.
    store.set_safe(40, 40).expect("told");
    take(&mut store, vec![gone(LOST)], Vec::new(), Vec::new());
    assert_eq!(kept(&store), [fact]);
    store.set_safe(40, 41).expect("told");
    assert_eq!(kept(&store), [fact]);
    // A county that was put back to just before it had the paper has the same log up to there, and a longer one since.
    store.set_safe(43, 43).expect("told");
    assert_eq!(kept(&store), [fact], "what follows was not read yet");
    take(&mut store, Vec::new(), Vec::new(), vec![forked(42)]);
    store.set_safe(43, 44).expect("told");
    assert_eq!((kept(&store), offered(&store)), (vec![fact], vec![sha]));
    store.blob_sent(sha, false).expect("sent");
    store.set_safe(43, 45).expect("told");
    assert_eq!(kept(&store), [fact]);
    store.set_safe(46, 46).expect("told");
    assert_eq!(kept(&store), []);
    assert_eq!(store.blob(sha).expect("read"), None);
}

#[test]
fn a_paper_stays_with_its_record_while_that_is_held_and_goes_with_it_when_it_is_erased() {
    let (mut store, fact, sha, _folder) = receipt_with(&[1]);
    let here = |store: &Store| store.blob(sha).expect("asked").is_some();
    take(&mut store, vec![gone(LOST)], Vec::new(), Vec::new());
    assert!(here(&store), "the record stays, and so does its paper");
    // Twice restored: the county takes it once more each time.
    for position in [30, 20] {
        store.county_restored(position).expect("restored");
        assert_eq!(offered(&store), [sha]);
        store.blob_sent(sha, false).expect("sent");
        assert!(here(&store), "a county restored once more lacks it again");
        let head = mark(44);
        let next = Cursor { visible: 44, position: 44, seq: 1 };
        let ack = Ack { batch: 1, position: 42, received: RECEIVED, held: vec![1] };
        store.acknowledged(&[ack], head).expect("acknowledged");
        store
            .absorb(&Page { from: store.cursor().expect("a cursor"), next, head, ..Page::default() })
            .expect("absorbed");
        assert!(here(&store), "held records are named by nothing but their acknowledgement");
    }
    let next = Cursor { visible: 45, position: 45, seq: 1 };
    let from = store.cursor().expect("a cursor");
    store.absorb(&Page { erased: vec![fact], from, next, head: mark(45), ..Page::default() }).expect("absorbed");
    assert!(!here(&store), "erased, it goes");
}

#[test]
fn a_paper_is_offered_again_while_a_copy_without_it_could_stand_in_for_the_county_unseen() {
    let (mut store, _, sha, _folder) = receipt();
    let offers = |store: &mut Store, head: u64| {
        store.greeted(mark(head)).expect("greeted");
        store.ask_of_papers_again(head).expect("told");
        offered(store)
    };
    assert_eq!(offers(&mut store, 40), [], "its log is as long as it was");
    assert_eq!(offers(&mut store, 41), [sha]);
    store.blob_sent(sha, true).expect("it has it");
    assert_eq!(offers(&mut store, 41), []);
    assert_eq!(offers(&mut store, 42), [sha], "it may have come when the log was longer than this laptop knew");
    // It lacks it: it was put back. Sent anew, it is asked twice more.
    store.blob_sent(sha, false).expect("sent");
    for head in [43, 44] {
        assert_eq!(offers(&mut store, head), [sha]);
        store.blob_sent(sha, true).expect("it has it");
    }
    assert_eq!(offers(&mut store, 50), [], "now a county that lacks it is behind what this laptop knows");
    store.county_restored(39).expect("restored");
    assert_eq!(offered(&store), [sha]);
}

/// A receipt of `LOST` with a photo and the photo in small.
fn with_preview() -> (Store, FactId, Sha, Sha, Folder) {
    let (store, (fact, photo, small), _, folder) = acknowledged(&[], |pen| {
        let photo = pen.keep_blob(LOST, Section::Core, "image/jpeg", b"a photo of a signed receipt")?;
        let small = pen.keep_preview(LOST, Section::Core, Preview::MEDIA, b"the same in small")?;
        let filed = ReceiptFiled {
            receipt: DocNo { organ: "青资助".to_owned(), kind: DocKind::ServiceReceipt, year: 2026, serial: 10_700 },
            sha256: photo,
            media: "image/jpeg".to_owned(),
            bytes: 27,
            preview: Some(Preview { sha256: small, bytes: 17 }),
        };
        Ok((pen.record(LOST, Section::Core, &Event::ReceiptFiled(filed), Vec::new())?, photo, small))
    });
    (store, fact, photo, small, folder)
}

#[test]
fn a_photo_and_its_preview_are_kept_offered_and_erased_together() {
    let (mut store, fact, photo, small, _folder) = with_preview();
    assert_eq!(offered(&store), [small, photo], "small before large");
    store.blob_sent(photo, false).expect("sent");
    take(&mut store, vec![gone(LOST)], Vec::new(), Vec::new());
    assert_eq!((kept(&store), offered(&store)), (vec![fact], vec![small]));
    store.set_safe(43, 43).expect("told");
    let known = "SELECT paper_at FROM leaving";
    let at = |store: &Store| store.conn.query_row(known, [], |row| row.get::<_, Option<i64>>(0)).expect("kept");
    assert_eq!(at(&store), None, "the county does not have both");
    store.blob_sent(small, false).expect("sent");
    store.set_safe(43, 44).expect("told");
    assert_eq!((at(&store), offered(&store)), (Some(44), vec![]));
    store.county_restored(39).expect("restored");
    assert_eq!((at(&store), offered(&store)), (None, vec![small, photo]));
    let (from, next) = (store.cursor().expect("a cursor"), Cursor { visible: 45, position: 45, seq: 1 });
    store.absorb(&Page { erased: vec![fact], from, next, head: mark(45), ..Page::default() }).expect("absorbed");
    assert_eq!(kept(&store), []);
    for sha in [photo, small] {
        assert_eq!(store.blob(sha).expect("read"), None);
    }
}

#[test]
fn a_paper_that_the_version_before_kept_is_kept() {
    let (mut store, fact, sha, folder) = receipt();
    take(&mut store, vec![gone(LOST)], Vec::new(), Vec::new());
    store.conn.execute_batch(crate::folder::BACK_TO_9).expect("as it was");
    drop(store);
    let (mut store, _) = folder.store();
    assert_eq!((kept(&store), offered(&store)), (vec![fact], vec![]));
    store.county_restored(39).expect("restored");
    assert_eq!(offered(&store), [sha], "no place lost it");
    let (from, next) = (store.cursor().expect("a cursor"), Cursor { visible: 45, position: 45, seq: 1 });
    store.absorb(&Page { erased: vec![fact], from, next, head: mark(45), ..Page::default() }).expect("absorbed");
    assert_eq!((kept(&store), store.blob(sha).expect("read")), (vec![], None));
}

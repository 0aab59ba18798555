//! Pushing: order, repetition, gaps, forks, and what is kept without being let through.

use domain::SigningKey;
use domain::clock::Millis;
use domain::enrol::Refusal;
use domain::exchange::{Cursor, Hello};
use domain::fact::seal;
use domain::ids::{FileId, JournalId, LogId, Sha};
use domain::words::{DocKind, Line, Role, Section};

use super::{MORNING, World, family};
use crate::{Clock, County};

const VILLAGE: &str = "410490101201";

#[test]
fn a_batch_before_its_predecessor_waits_on_disk_and_is_then_taken_with_its_own_time() {
    let mut world = World::new("gap");
    let mut op = world.join("op1", Role::CentreOperator, &[]);
    op.wall = MORNING - 5_000;
    let batches: Vec<Vec<u8>> = (1..=4)
        .map(|n| {
            let fact = op.place(family(n), VILLAGE);
            op.seal(&[fact])
        })
        .collect();
    let early = op.send(&world.county, vec![batches[2].clone(), batches[1].clone()]).expect("kept");
    assert_eq!((early.acks.len(), early.waiting), (0, vec![2, 3]));
    assert_eq!(op.send(&world.county, vec![batches[2].clone()]).expect("kept").waiting, [2, 3]);
    // Another process finds them on disk.
    world.pass(60_000);
    let again = County::open(world.path(), Clock::by_hand(std::sync::Arc::clone(&world.time))).expect("a county");
    let acks = op.send(&again, vec![batches[0].clone()]).expect("taken");
    assert_eq!(acks.acks.iter().map(|ack| ack.batch).collect::<Vec<_>>(), [1, 2, 3]);
    assert_eq!(acks.waiting, [0; 0]);
    let received: Vec<_> = acks.acks.iter().map(|ack| (ack.received.at.0, ack.received.offset)).collect();
    assert_eq!(received, [(MORNING + 60_000, 65_000), (MORNING, 5_000), (MORNING, 5_000)]);
    let last = op.send(&world.county, vec![batches[3].clone(), batches[0].clone()]).expect("taken");
    assert_eq!(last.acks.iter().map(|ack| ack.batch).collect::<Vec<_>>(), [4, 1]);
    assert_eq!(last.acks[1], acks.acks[0], "the same answer for the same batch");
}

#[test]
fn two_batches_under_one_number_close_the_journal_for_both_twins() {
    let mut world = World::new("twins");
    let mut op = world.join("op1", Role::CentreOperator, &[]);
    let first = op.place(family(1), VILLAGE);
    let first = op.seal(&[first]);
    let taken = op.send(&world.county, vec![first.clone()]).expect("taken");
    assert!(!op.hello(&world.county).expect("welcome").closed);
    // A right number and predecessor, but a fact is missing in between: no twin, nothing is closed.
    let key = op.key.clone();
    let third = [{
        op.seq = 3;
        op.place(family(3), VILLAGE)
    }];
    let gap = seal(&third, op.last.as_ref(), 0, &[1; 16], &key).expect("sealed");
    assert_eq!(op.send(&world.county, vec![gap.bytes()]), Err(Refusal::Unsealed));
    assert!(!op.hello(&world.county).expect("welcome").closed);
    // The same laptop from an old copy: number 1 once more, with good work beside it that is not taken either.
    op.seq = 2;
    let second = op.place(family(3), VILLAGE);
    let second = op.seal(&[second]);
    let other = [{
        op.seq = 1;
        op.place(family(2), VILLAGE)
    }];
    let one = seal(&other, None, 0, &[1; 16], &key).expect("sealed");
    assert_eq!(op.send(&world.county, vec![second.clone(), one.bytes()]), Err(Refusal::Forked));
    let welcome = op.hello(&world.county).expect("welcome");
    assert_eq!((welcome.closed, welcome.batches, welcome.head.position), (true, 1, taken.acks[0].position + 1));
    // From then on nothing new is taken of either, now or as something that waits; what is there is acknowledged again.
    let two = seal(&[op.place(family(4), VILLAGE)], Some(&one.seal), 0, &[1; 16], &key).expect("sealed");
    for batch in [second, one.bytes(), two.bytes()] {
        assert_eq!(op.send(&world.county, vec![batch]), Err(Refusal::Forked));
    }
    assert_eq!(op.send(&world.county, vec![first]).expect("there").acks, taken.acks);
    assert_eq!(op.hello(&world.county).expect("welcome").head, welcome.head, "closed once");
    op.pull(&world);
    let kinds: Vec<&str> = op.holds.values().map(|known| known.fact.kind.as_str()).collect();
    assert_eq!(kinds.iter().filter(|kind| **kind == "JournalClosed").count(), 1);
    assert_eq!(world.county.status().expect("a status").counts.closed, 1);
    // A new journal is open.
    op.journal = JournalId([201; 8]);
    op.seq = 1;
    op.last = None;
    assert!(!op.hello(&world.county).expect("welcome").closed);
    let again = [op.place(family(2), VILLAGE)];
    op.push(&world.county, &again).expect("taken");
}

#[test]
fn twins_are_found_by_what_waits_and_by_a_predecessor_that_is_not_there() {
    for other_waits in [true, false] {
        let mut world = World::new("late-twins");
        let mut op = world.join("op1", Role::CentreOperator, &[]);
        let facts = [op.place(family(1), VILLAGE), op.place(family(2), VILLAGE), op.place(family(3), VILLAGE)];
        let one = seal(&facts[..1], None, 0, &[1; 16], &op.key).expect("sealed");
        let twin = seal(&facts[..1], None, 0, &[2; 16], &op.key).expect("sealed");
        let two = seal(&facts[1..2], Some(&one.seal), 0, &[1; 16], &op.key).expect("sealed");
        let twins_two = seal(&facts[1..2], Some(&twin.seal), 0, &[1; 16], &op.key).expect("sealed");
        let first = if other_waits { &two } else { &one };
        op.send(&world.county, vec![first.bytes()]).expect("kept");
        assert_eq!(op.send(&world.county, vec![twins_two.bytes()]), Err(Refusal::Forked));
        assert!(op.hello(&world.county).expect("welcome").closed);
    }
}

#[test]
fn only_whole_batches_sealed_by_the_journals_own_key_are_taken() {
    let mut world = World::new("sealed");
    let mut op = world.join("op1", Role::CentreOperator, &[]);
    let mut zhou = world.join("zhou", Role::SchoolDirector, &[]);
    let facts = [op.place(family(1), VILLAGE), op.place(family(2), VILLAGE)];
    let foreign = seal(&facts, None, 0, &[1; 16], &SigningKey::from_bytes(&[77; 32])).expect("sealed");
    assert_eq!(op.send(&world.county, vec![foreign.bytes()]), Err(Refusal::Unsealed));
    let whole = seal(&facts, None, 0, &[1; 16], &op.key).expect("sealed");
    let part = whole.clone().only(|_, row| row.file == family(1));
    assert_eq!(op.send(&world.county, vec![part.bytes()]), Err(Refusal::Malformed));
    let mut cut = whole.bytes();
    cut.pop();
    assert_eq!(op.send(&world.county, vec![cut]), Err(Refusal::Malformed));
    // A good one before a bad one: none of the push is kept.
    let good = zhou.visit(family(1));
    let good = zhou.seal(&[good]);
    assert_eq!(zhou.send(&world.county, vec![good, foreign.bytes()]), Err(Refusal::Unsealed));
    assert_eq!(zhou.hello(&world.county).expect("welcome").batches, 0);
    // Somebody else's journal, sealed with one's own key.
    let stolen = seal(&facts, None, 0, &[1; 16], &zhou.key).expect("sealed");
    assert_eq!(zhou.send(&world.county, vec![stolen.bytes()]), Err(Refusal::NotAllowed));
    assert_eq!(op.send(&world.county, vec![whole.bytes()]).expect("taken").acks.len(), 1);
}

#[test]
fn what_its_author_may_not_write_is_kept_told_and_not_forwarded() {
    let mut world = World::new("held");
    let mut op = world.join("op1", Role::CentreOperator, &[]);
    let mut zhou = world.join("zhou", Role::SchoolDirector, &[]);
    let facts = [
        op.place(family(1), VILLAGE),
        op.place(family(2), "410490101202"),
        op.assign(VILLAGE, Line::Education, "zhou"),
    ];
    op.push(&world.county, &facts).expect("taken");
    zhou.pull(&world);
    let visit = zhou.visit(family(1));
    let elsewhere = zhou.visit(family(2));
    let due = zhou.fact(family(2), Section::Core, "DueListed", b"{}");
    let as_op = {
        let mut fact = zhou.visit(family(1));
        fact.author = "op1".parse().expect("an account");
        fact
    };
    let acks = zhou.push(&world.county, &[visit, elsewhere, due, as_op]).expect("taken");
    assert_eq!(acks.acks[0].held, [2, 3, 4]);
    op.pull(&world);
    op.check(&world, "held");
    let from_zhou: Vec<u64> = op.holds.keys().filter(|id| id.journal == zhou.journal).map(|id| id.seq).collect();
    assert_eq!(from_zhou, [1]);
    assert_eq!(world.county.status().expect("a status").counts.held, 3);
}

#[test]
fn rights_are_those_of_what_the_author_had_seen() {
    let mut world = World::new("as-seen");
    let mut op = world.join("op1", Role::CentreOperator, &[]);
    let mut zhou = world.join("zhou", Role::SchoolDirector, &[]);
    let facts = [op.place(family(1), VILLAGE), op.assign(VILLAGE, Line::Education, "zhou")];
    op.push(&world.county, &facts).expect("taken");
    zhou.pull(&world);
    let facts = [op.assign(VILLAGE, Line::Education, "hao")];
    op.push(&world.county, &facts).expect("taken");
    // Zhou was in the village without a network: the visit counts.
    let visit = [zhou.visit(family(1))];
    assert_eq!(zhou.push(&world.county, &visit).expect("taken").acks[0].held, [0; 0]);
    zhou.pull(&world);
    let visit = [zhou.visit(family(1))];
    assert_eq!(zhou.push(&world.county, &visit).expect("taken").acks[0].held, [2]);
    // Nobody has seen more than there is.
    zhou.seen = 1_000_000;
    let visit = [zhou.visit(family(1))];
    assert_eq!(zhou.push(&world.county, &visit).expect("taken").acks[0].held, [3]);
}

#[test]
fn an_assignment_counts_only_in_the_file_of_the_village_it_names() {
    let mut world = World::new("misfiled");
    let mut op = world.join("op1", Role::CentreOperator, &[]);
    let mut central = world.join("cao", Role::CentralDirector, &["410490101"]);
    let facts = [op.place(family(1), VILLAGE), op.place(family(2), "410490201201")];
    op.push(&world.county, &facts).expect("taken");
    central.pull(&world);
    let own = central.assign(VILLAGE, Line::Education, "cao");
    let mut other = central.assign("410490201201", Line::Education, "cao");
    other.file = FileId::village(&super::code(VILLAGE));
    let acks = central.push(&world.county, &[own]).expect("taken");
    assert_eq!(acks.acks[0].held, [0; 0]);
    let acks = central.push(&world.county, &[other]).expect("taken");
    assert_eq!(acks.acks[0].held, [2]);
    central.pull(&world);
    assert!(central.holds.values().all(|known| known.fact.file != family(2)));
}

#[test]
fn a_greeting_opens_a_journal_and_leases_blocks_that_nobody_else_has() {
    let mut world = World::new("hello");
    let mut zhou = world.join("zhou", Role::SchoolDirector, &[]);
    let mut lin = world.join("lin", Role::TownshipClerk, &[]);
    let admin = world.join("gu", Role::SysAdmin, &[]);
    let ask = |journal, wants: &[(DocKind, i32, u32)]| Hello {
        log: world.county.log(),
        journal,
        wall: Millis(0),
        cursor: Cursor::default(),
        marks: vec![],
        wants: wants.to_vec(),
    };
    let (notice, receipt) = (DocKind::RepaymentNotice, DocKind::ServiceReceipt);
    let welcome = world.county.hello(zhou.device, &ask(zhou.journal, &[])).expect("welcome");
    assert_eq!((welcome.head.position, welcome.batches, welcome.last_seal), (3, 0, Sha([0; 32])));
    assert_eq!(welcome.now, Millis(MORNING));
    let wants = [(notice, 2026, 2), (receipt, 2026, 1), (notice, 2027, 90)];
    world.county.hello(zhou.device, &ask(zhou.journal, &wants)).expect("welcome");
    world.county.hello(lin.device, &ask(lin.journal, &wants[..1])).expect("welcome");
    let nothing = world.county.hello(admin.device, &ask(admin.journal, &wants)).expect("welcome");
    assert_eq!(nothing.head.position, 5);
    let blocks = |desk: &super::Desk| -> Vec<String> {
        let leased = desk.holds.values().filter(|known| known.fact.kind == "BlockLeased");
        leased.map(|known| String::from_utf8(known.fact.body.clone()).expect("text")).collect()
    };
    // Each names the journal that asked.
    let told = |desk: &super::Desk, kind: &str, year, block| {
        format!("{{\"kind\":\"{kind}\",\"year\":{year},\"block\":{block},\"journal\":\"{}\"}}", desk.journal)
    };
    zhou.pull(&world);
    lin.pull(&world);
    let body = |kind: &str, year, block| told(&zhou, kind, year, block);
    let (n, r) = ("REPAYMENT_NOTICE", "SERVICE_RECEIPT");
    let expected = [
        body(n, 2026, 101),
        body(n, 2026, 102),
        body(r, 2026, 101),
        body(n, 2027, 101),
        body(n, 2027, 102),
        body(n, 2027, 103),
    ];
    assert_eq!(blocks(&zhou), expected);
    assert_eq!(blocks(&lin), [told(&lin, n, 2026, 103), told(&lin, n, 2026, 104)]);
    // A new journal is told to the county; another's is not to be had; another log is another county.
    let fresh = JournalId([200; 8]);
    assert_eq!(world.county.hello(zhou.device, &ask(fresh, &[])).expect("welcome").head.position, 6);
    assert_eq!(world.county.hello(zhou.device, &ask(fresh, &[])).expect("welcome").head.position, 6);
    assert_eq!(world.county.hello(lin.device, &ask(fresh, &[])), Err(Refusal::NotAllowed));
    let elsewhere = Hello { log: LogId([0; 8]), ..ask(zhou.journal, &[]) };
    assert_eq!(world.county.hello(zhou.device, &elsewhere), Err(Refusal::OtherLog));
    zhou.pull(&world);
    zhou.check(&world, "a new journal");
}

#[test]
fn a_days_uploads_are_absorbed() {
    let mut world = World::new("absorb");
    let mut op = world.join("op1", Role::CentreOperator, &[]);
    let mut auditor = world.join("shen", Role::CentreAuditor, &[]);
    for n in 0..24 {
        let facts: Vec<_> = (0..500_u16)
            .map(|k| op.fact(family(u8::try_from(k / 4).expect("few")), Section::Core, "DueListed", &[n; 200]))
            .collect();
        op.push(&world.county, &facts).expect("taken");
    }
    let mut facts = 0;
    let mut pages = 0;
    loop {
        let page = world.county.pull(auditor.device, &auditor.ask_page(&world.county)).expect("a page");
        facts += page.deliveries.len();
        pages += 1;
        auditor.cursor = page.next;
        if !page.more {
            break;
        }
    }
    assert_eq!(facts, 24 + 2);
    assert!(pages > 1);
}

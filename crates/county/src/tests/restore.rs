//! A county restored from yesterday's copy: it finds out by its anchor or by the first desk that knows more, and gets
//! back what the desks hold.

use domain::blob::Piece;
use domain::clock::Millis;
use domain::enrol::Refusal;
use domain::event::Event;
use domain::exchange::{EVERY_JOURNAL, Hello, Mark, Pull, Push};
use domain::fact::{Batch, Verified};
use domain::ids::{FactId, FileId, JournalId, Sha};
use domain::words::{DocKind, Line, Role, Section};
use ed25519_dalek::Signer as _;

use super::{Desk, World, family, offer_bytes};
use crate::{Clock, County, CountyFault, Proof};

const VILLAGE: &str = "410490101201";

fn kinds(world: &World, kind: &str) -> Vec<(u64, JournalId)> {
    let truth = world.truth();
    let facts = truth.runs.iter().flat_map(|run| &run.facts).filter(|known| known.fact.kind == kind);
    facts.map(|known| (known.position, known.fact.id.journal)).collect()
}

fn proof(world: &World, desk: &Desk) -> Proof {
    let bytes = offer_bytes(world.county.log(), desk.certificate);
    Proof { device: desk.device, signature: desk.key.sign(&bytes).to_bytes() }
}

#[test]
fn yesterdays_copy_gets_back_what_the_desks_hold_without_anybodys_help() {
    for anchored in [false, true] {
        let mut world = World::new(&format!("yesterday-{anchored}"));
        let mut op = world.join("op1", Role::CentreOperator, &[]);
        let mut zhou = world.join("zhou", Role::SchoolDirector, &[]);
        let mut lin = world.join("lin", Role::TownshipClerk, &["410490101"]);
        let facts = [op.place(family(1), VILLAGE)];
        op.push(&world.county, &facts).expect("taken");
        for desk in [&mut op, &mut zhou, &mut lin] {
            desk.pull(&world);
        }
        let copy = world.copy("copy", anchored);
        let shared = world.truth().head;
        // What is lost: a family, an assignment, visits on it, and a visit whose author never comes back.
        let facts = [op.place(family(2), VILLAGE), op.assign(VILLAGE, Line::Education, "zhou")];
        op.push(&world.county, &facts).expect("taken");
        zhou.pull(&world);
        let visits = [zhou.visit(family(1)), zhou.visit(family(2))];
        assert_eq!(zhou.push(&world.county, &visits).expect("taken").acks[0].held, [0; 0]);
        lin.pull(&world);
        let mine = [lin.visit(family(2))];
        lin.push(&world.county, &mine).expect("taken");
        zhou.pull(&world);
        let old_master = world.county.ledger.read(|tx| tx.meta()).expect("meta").master_journal;
        world.restore(&copy);
        let forks = usize::from(!anchored);
        assert_eq!(kinds(&world, "LogForked").len(), forks, "the anchor tells, or the first desk does");
        // Zhou returns first, with Lin's visit as far as Zhou may see it.
        zhou.greet(&world.county, false);
        assert_eq!(kinds(&world, "LogForked").len(), 1);
        let (forked, journal) = kinds(&world, "LogForked")[0];
        assert_eq!(forked, shared + 1);
        assert_ne!(journal, old_master);
        zhou.pull(&world);
        zhou.check(&world, "zhou returned");
        assert_eq!(kinds(&world, "VisitMade").len(), 3);
        op.greet(&world.county, false);
        op.pull(&world);
        op.check(&world, "op returned");
        // Lin's own push of what Zhou brought is acknowledged with its place, and is not there twice.
        lin.greet(&world.county, false);
        lin.pull(&world);
        lin.check(&world, "lin returned");
        assert_eq!(kinds(&world, "VisitMade").len(), 3);
        assert_eq!(kinds(&world, "LogForked").len(), 1, "said once");
        for desk in [&mut op, &mut zhou, &mut lin] {
            let head = world.truth().head;
            desk.greet(&world.county, false);
            assert_eq!(world.truth().head, head, "nothing is offered twice");
            desk.pull(&world);
            desk.check(&world, "settled");
            let visit = [desk.fact(family(1), Section::Core, "VisitMade", b"{}")];
            let held = desk.push(&world.county, &visit).expect("work goes on").acks[0].held.len();
            assert_eq!(held, 0);
        }
    }
}

#[test]
fn what_a_verified_backup_holds_is_safe_and_comes_back_from_it() {
    let mut world = World::new("backup");
    let mut op = world.join("op1", Role::CentreOperator, &[]);
    let mut zhou = world.join("zhou", Role::SchoolDirector, &["410490101"]);
    let facts = [op.place(family(1), VILLAGE)];
    op.push(&world.county, &facts).expect("taken");
    zhou.pull(&world);
    let visit = [zhou.visit(family(1))];
    zhou.push(&world.county, &visit).expect("taken");
    assert_eq!(zhou.hello(&world.county).expect("welcome").safe, 0);
    let to = world.path().join("backup");
    let backed = world.county.backup(world.path(), &to).expect("a backup");
    assert_eq!((backed.head, backed.facts), (world.truth().head, 6));
    let welcome = zhou.hello(&world.county).expect("welcome");
    assert_eq!(welcome.safe, backed.head);
    assert_eq!(welcome.head, domain::exchange::Mark::of(backed.head, &backed.chain));
    // Lost after the backup: a visit. The county goes on from it, and what was safe is still.
    zhou.pull(&world);
    let visit = [zhou.visit(family(1))];
    zhou.push(&world.county, &visit).expect("taken");
    zhou.pull(&world);
    let home = super::Home(world.path().with_extension("next"));
    drop(County::restore(&to, &home.0, Clock::by_hand(std::sync::Arc::clone(&world.time))).expect("a county"));
    world.restore(&home);
    assert_eq!(kinds(&world, "LogForked").len(), 1, "opened twice, forked once");
    zhou.greet(&world.county, false);
    assert_eq!(zhou.hello(&world.county).expect("welcome").safe, backed.head);
    zhou.pull(&world);
    zhou.check(&world, "after the restore");
    assert_eq!(kinds(&world, "VisitMade").len(), 2);
    // A copy whose history was changed is found by reading it, though every page of it is well sealed.
    let other = World::new("backup-other");
    let spoilt = world.path().join("spoilt");
    std::fs::create_dir_all(&spoilt).expect("a folder");
    std::fs::copy(to.join("ledger.db"), spoilt.join("ledger.db")).expect("copied");
    std::fs::copy(other.path().join("keys.json"), spoilt.join("keys.json")).expect("copied");
    let wrong = County::restore(&spoilt, &world.path().join("never"), Clock::by_hand(world.time.clone()));
    assert!(matches!(wrong, Err(CountyFault::Unsound(_))));
}

#[test]
fn a_device_enrolled_after_the_copy_presents_itself_and_waits_for_the_head() {
    let mut world = World::new("presents");
    let mut op = world.join("op1", Role::CentreOperator, &[]);
    let mut han = world.join("han", Role::CentreHead, &[]);
    let facts = [op.place(family(1), VILLAGE)];
    op.push(&world.county, &facts).expect("taken");
    han.pull(&world);
    op.pull(&world);
    let copy = world.copy("copy", false);
    let mut zhou = world.join("zhou", Role::SchoolDirector, &["410490101"]);
    let mut second = world.join("op1", Role::CentreOperator, &[]);
    zhou.pull(&world);
    second.pull(&world);
    let visit = [zhou.visit(family(1))];
    zhou.push(&world.county, &visit).expect("taken");
    han.pull(&world);
    world.restore(&copy);
    let county = &world.county;
    assert_eq!(zhou.hello(county), Err(Refusal::DeviceUnknown));
    assert_eq!(county.device_of(zhou.certificate), Err(Refusal::DeviceUnknown));
    let nothing = Push::default();
    assert_eq!(county.offer(zhou.certificate, &proof(&world, &zhou), &nothing), Err(Refusal::DeviceUnknown));
    let of_county = |desk: &Desk| -> Vec<Vec<u8>> {
        let own = desk.batches.values().filter(|batch| !desk.journals.contains(&batch.seal.journal));
        own.map(Batch::bytes).collect()
    };
    let offer = |desk: &Desk| Push { fragments: of_county(desk), ..nothing.clone() };
    let forged = Proof { signature: [7; 64], ..proof(&world, &zhou) };
    assert_eq!(county.offer(zhou.certificate, &forged, &offer(&zhou)), Err(Refusal::BadProof));
    let stolen = county.offer(second.certificate, &proof(&world, &zhou), &offer(&zhou));
    assert_eq!(stolen, Err(Refusal::BadProof), "the proof is over the certificate");
    assert_eq!(county.offer(zhou.certificate, &proof(&world, &zhou), &offer(&zhou)), Ok(()));
    assert_eq!(county.offer(zhou.certificate, &proof(&world, &zhou), &offer(&zhou)), Ok(()), "again");
    assert_eq!(county.device_of(zhou.certificate), Ok(zhou.device));
    // Its work is taken, and held; it sees nothing; and a new journal is no way around.
    zhou.greet(&world.county, false);
    assert_eq!(kinds(&world, "VisitMade").len(), 1);
    let page = world.county.pull(zhou.device, &zhou.ask_page(&world.county)).expect("a page");
    assert!(page.deliveries.is_empty());
    let elsewhere = Hello { journal: JournalId([222; 8]), ..zhou.greeting(&world.county) };
    assert!(world.county.hello(zhou.device, &elsewhere).is_ok());
    let page = world.county.pull(zhou.device, &zhou.ask_page(&world.county)).expect("a page");
    assert!(page.deliveries.is_empty());
    let paper = b"paper";
    let piece = Piece { sha: Sha::of(paper), file: family(1), section: Section::Core, size: 5, from: 0 };
    let put = world.county.take_blob(zhou.device, &piece, paper);
    assert_eq!(put, Err(Refusal::NotAllowed));
    // A second device of somebody who has a role waits just so.
    assert_eq!(world.county.offer(second.certificate, &proof(&world, &second), &offer(&second)), Ok(()));
    let page = world.county.pull(second.device, &second.ask_page(&world.county)).expect("a page");
    assert!(page.deliveries.is_empty());
    // The head is shown what waits, and lets it through.
    han.greet(&world.county, false);
    han.pull(&world);
    han.check(&world, "head");
    let waits: Vec<_> = han.aside.keys().copied().collect();
    assert_eq!(waits.len(), 4, "a role, two devices, a visit: {:?}", han.aside);
    let decision = [han.decide(&waits, true, zhou.device)];
    assert_eq!(han.push(&world.county, &decision).expect("taken").acks[0].held, [0; 0]);
    for desk in [&mut zhou, &mut second, &mut han] {
        desk.greet(&world.county, false);
        desk.pull(&world);
        desk.check(&world, "let through");
    }
    assert!(zhou.holds.values().any(|known| known.fact.kind == "VisitMade"));
    let visit = [zhou.visit(family(1))];
    assert_eq!(zhou.push(&world.county, &visit).expect("taken").acks[0].held, [0; 0]);
}

#[test]
fn work_of_a_device_that_waits_comes_after_its_enrolment_to_whoever_reads_from_the_beginning() {
    let mut world = World::new("waits");
    let mut op = world.join("op1", Role::CentreOperator, &[]);
    let mut han = world.join("han", Role::CentreHead, &[]);
    let mut lin = world.join("lin", Role::TownshipClerk, &["410490101"]);
    let facts = [op.place(family(1), VILLAGE)];
    op.push(&world.county, &facts).expect("taken");
    let fresh = [han.clone(), lin.clone()];
    han.pull(&world);
    lin.pull(&world);
    let copy = world.copy("copy", false);
    let mut zhou = world.join("zhou", Role::SchoolDirector, &["410490101"]);
    zhou.pull(&world);
    let visits = [(); 4].map(|()| zhou.visit(family(1)));
    zhou.push(&world.county, &visits).expect("taken");
    world.restore(&copy);
    let own = zhou.journal;
    let of_county = zhou.batches.values().filter(|batch| batch.seal.journal != own).map(Batch::bytes).collect();
    let offered = Push { fragments: of_county, ..Push::default() };
    assert_eq!(world.county.offer(zhou.certificate, &proof(&world, &zhou), &offered), Ok(()));
    zhou.greet(&world.county, false);
    han.greet(&world.county, false);
    han.pull(&world);
    let enrolment = |desk: &Desk| -> Vec<FactId> {
        desk.aside.values().filter(|known| known.fact.kind == "DeviceEnrolled").map(|known| known.fact.id).collect()
    };
    let [visit, other, third, erased] = visits.map(|fact| fact.id);
    let shown = |world: &World, id: FactId| {
        let runs = world.county.ledger.read(|tx| tx.runs_among(id.journal, id.seq, id.seq + 1)).expect("read");
        runs.first().map(|(run, _)| (run.held, run.shown)).expect("there")
    };
    // The head's word on a visit comes first: nobody could check its seal yet. It is kept.
    let before = shown(&world, visit);
    let decision = [
        han.decide(&[visit], true, zhou.device),
        han.decide(&[third], false, zhou.device),
        han.erase(&[erased], family(1), Section::Core, &[]),
    ];
    han.push(&world.county, &decision).expect("taken");
    han.pull(&world);
    han.check(&world, "waits");
    lin.greet(&world.county, false);
    lin.pull(&world);
    lin.check(&world, "waits");
    assert_eq!(shown(&world, visit), before);
    // With the device, what waited for it is let through; what is held, refused or not, comes after its enrolment.
    let decision = [han.decide(&enrolment(&han), true, zhou.device)];
    han.push(&world.county, &decision).expect("taken");
    let head = world.truth().head;
    assert_eq!(shown(&world, visit), (false, head));
    assert_eq!([other, third, erased].map(|id| shown(&world, id)), [(true, head); 3]);
    for mut desk in [han, lin] {
        desk.greet(&world.county, false);
        desk.pull(&world);
        desk.check(&world, "let in");
    }
    for desk in fresh {
        let (mut cursor, mut met) = (desk.cursor, false);
        loop {
            let pull = Pull { journal: EVERY_JOURNAL, cursor, most: 1, ..desk.ask_page(&world.county) };
            let page = world.county.pull(desk.device, &pull).expect("a page");
            for delivery in &page.deliveries {
                let batch = Batch::parse(&delivery.batch).expect("a batch");
                assert!(met || batch.seal.journal != own, "{}: before its enrolment", desk.person);
                for Verified { fact, .. } in batch.facts().expect("facts") {
                    let event = Event::read(&fact.kind, &fact.body);
                    met |= matches!(event, Ok(Some(Event::DeviceEnrolled(it))) if it.journal == own);
                }
            }
            cursor = page.next;
            if !page.more {
                break;
            }
        }
        assert!(met, "{} was not told of it", desk.person);
    }
}

#[test]
fn numbers_go_on_far_behind_and_what_took_away_counts_at_once() {
    let mut world = World::new("numbers");
    let mut zhou = world.join("zhou", Role::SchoolDirector, &["410490101"]);
    let mut lin = world.join("lin", Role::TownshipClerk, &["410490101"]);
    let wants = |desk: &Desk, world: &World, wall| Hello {
        wants: vec![(DocKind::RepaymentNotice, 2026, 1)],
        wall: Millis(wall),
        ..desk.greeting(&world.county)
    };
    let blocks = |desk: &Desk| -> Vec<u32> {
        let facts = desk.holds.values().map(|known| &known.fact);
        let read = facts.filter_map(|fact| Event::read(&fact.kind, &fact.body).expect("reads"));
        let leased = read.filter_map(|event| if let Event::BlockLeased(it) = event { Some(it.block) } else { None });
        let mut blocks: Vec<u32> = leased.collect();
        blocks.sort_unstable();
        blocks
    };
    let lease = |desk: &mut Desk, world: &World, wall| {
        world.county.hello(desk.device, &wants(desk, world, wall)).expect("welcome");
        desk.pull(world);
    };
    lease(&mut zhou, &world, 1);
    let copy = world.copy("copy", false);
    lease(&mut zhou, &world, 2);
    lease(&mut lin, &world, 3);
    assert_eq!((blocks(&zhou), blocks(&lin)), (vec![101, 102], vec![103]));
    // Said again to the letter, a greeting leases nothing new; said anew, it does.
    let before = world.truth().head;
    world.county.hello(lin.device, &wants(&lin, &world, 3)).expect("welcome");
    assert_eq!(world.truth().head, before);
    // A journal of Lin's is closed by a twin.
    let mut twin = lin.clone();
    let facts = [lin.visit(family(1))];
    lin.push(&world.county, &facts).expect("taken");
    let facts = [twin.fact(family(1), Section::Core, "VisitMade", b"{\"twin\":1}")];
    assert_eq!(twin.push(&world.county, &facts), Err(Refusal::Forked));
    lin.pull(&world);
    world.restore(&copy);
    zhou.greet(&world.county, false);
    zhou.pull(&world);
    lease(&mut zhou, &world, 4);
    assert_eq!(blocks(&zhou), [101, 102, 202], "far behind the highest that came back");
    lin.greet(&world.county, false);
    assert!(lin.hello(&world.county).expect("welcome").closed, "closed in the lost history, closed in this");
    lin.pull(&world);
    lease(&mut lin, &world, 5);
    assert_eq!(blocks(&lin), [103, 203]);
    assert_eq!(world.county.status().expect("a status").counts.blocks_twice, 0);
    // A block that came back too late was given to somebody else meanwhile: both keep it, and the county says so.
    let given = world
        .county
        .ledger
        .write(|tx| tx.add_lease(DocKind::RepaymentNotice, 2026, 202, FileId::device(lin.device), JournalId([250; 8])));
    given.expect("given");
    assert_eq!(world.county.status().expect("a status").counts.blocks_twice, 1);
}

#[test]
fn a_county_that_went_on_before_anybody_knew_better_learns_from_where_its_positions_were_given_again() {
    let mut world = World::new("went-on");
    let mut op = world.join("op1", Role::CentreOperator, &[]);
    let mut lin = world.join("lin", Role::TownshipClerk, &["410490101"]);
    for desk in [&mut op, &mut lin] {
        desk.pull(&world);
    }
    let copies = ["one", "other"].map(|name| world.copy(name, true));
    let shared = world.truth().head;
    let mut zhou = world.join("zhou", Role::SchoolDirector, &["410490101"]);
    for desk in [&mut zhou, &mut lin] {
        desk.pull(&world);
    }
    let lost = |world: &World| world.county.ledger.read(|tx| tx.meta()).expect("meta").lost;
    let went_on = |world: &mut World, copy: &super::Home, mut op: Desk| {
        world.restore(copy);
        let facts = [op.place(family(1), VILLAGE)];
        op.push(&world.county, &facts).expect("a position is given again");
        assert_eq!((world.truth().head, lost(world)), (shared + 1, None));
    };
    let of_county = |desk: &Desk| -> Push {
        let own = desk.batches.values().filter(|batch| !desk.journals.contains(&batch.seal.journal));
        Push { fragments: own.map(Batch::bytes).collect(), ..Push::default() }
    };
    // Whoever was enrolled in the lost history shows its enrolment: what it had seen is of no later state.
    went_on(&mut world, &copies[0], op.clone());
    assert_eq!(world.county.offer(zhou.certificate, &proof(&world, &zhou), &of_county(&zhou)), Ok(()));
    assert!(lost(&world).is_some_and(|lost| lost <= shared), "{:?} of {shared}", lost(&world));
    let mut told = op.clone();
    told.pull(&world);
    // Restored from a copy of just that time, a county takes all before it for its only past.
    went_on(&mut world, &copies[1], op);
    let again = ["again", "again-other"].map(|name| world.copy(name, false));
    world.restore(&again[0]);
    assert_eq!(lost(&world), Some(shared + 1));
    // Until one comes whose marks tell otherwise: all of them, for one alone tells no more than that it is not shared.
    lin.hello(&world.county).expect("welcome");
    assert_eq!(lost(&world), Some(shared + 1));
    let marks = lin.marks.clone();
    world.county.hello(lin.device, &Hello { marks, ..lin.greeting(&world.county) }).expect("welcome");
    assert_eq!(lost(&world), Some(shared));
    // Or what it said itself of that loss, in another history that is lost too.
    world.restore(&again[1]);
    assert_eq!(lost(&world), Some(shared + 1));
    world.county.push(told.device, &of_county(&told)).expect("taken");
    assert!(lost(&world).is_some_and(|lost| lost <= shared), "{:?} of {shared}", lost(&world));
}

#[test]
fn who_tells_of_a_lost_logs_length_alone_lets_nobody_begin_anew() {
    let mut world = World::new("length");
    let mut op = world.join("op", Role::CentreOperator, &[]);
    op.push(&world.county, &[op.clone().visit(family(1))]).expect("taken");
    let head = world.truth().head;
    let master = world.county.ledger.read(|tx| tx.meta()).expect("meta").master_journal;
    op.greet(&world.county, false);
    let shared = *op.marks.last().expect("a mark");
    let marks = vec![shared, Mark::of_lost(head + 40)];
    for _ in 0..3 {
        let welcome = world.county.hello(op.device, &Hello { marks: marks.clone(), ..op.greeting(&world.county) });
        assert_eq!(welcome.expect("welcome").agreed, shared.position);
    }
    let meta = world.county.ledger.read(|tx| tx.meta()).expect("meta");
    assert_eq!((meta.master_journal, meta.forked, meta.lost), (master, 0, Some(shared.position)));
}

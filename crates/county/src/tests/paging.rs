//! Random histories of rights, work and half-finished pulls: whatever happens in between, a desk that has pulled to the
//! end holds exactly what its person may see, and pages are the exchange's `following`.

use std::collections::BTreeSet;

use domain::enrol::Refusal;
use domain::exchange::{Cursor, EVERY_JOURNAL, Gone, Hello, Pull, following};
use domain::fact::{Batch, Fact};
use domain::ids::{FactId, FileId};
use domain::words::{Line, Role, Section};

use super::{Desk, Dice, Home, Known, Stretch, World, code, family};

const VILLAGES: [&str; 4] = ["410490101201", "410490101202", "410490201201", "410490201202"];
const AREAS: [&str; 4] = ["410490101", "410490201", "410490101201", "410490"];
const STAFF: [&str; 5] = ["cui", "zhou", "lin", "hao", "shen"];
const ROLES: [Role; 7] = [
    Role::SchoolDirector,
    Role::CentralDirector,
    Role::TownshipClerk,
    Role::SysAdmin,
    Role::CentreAuditor,
    Role::CentreHead,
    Role::SchoolDirector,
];

fn office(desk: &mut Desk, dice: &mut Dice) -> Fact {
    let file = family(u8::try_from(1 + dice.below(8)).expect("few"));
    match dice.below(9) {
        0 | 1 => desk.place(file, dice.one(&VILLAGES)),
        2 | 3 => {
            let line = dice.one(&[Line::Government, Line::Education]);
            desk.assign(dice.one(&VILLAGES), line, dice.one(&STAFF))
        }
        4 => desk.fact(file, Section::Id, "Identified", b"{}"),
        5 => {
            desk.fact(FileId::county(), dice.one(&[Section::Core, Section::Edu, Section::Gov]), "RegistryLoaded", b"{}")
        }
        6 => desk.fact(FileId::village(&code(dice.one(&VILLAGES))), Section::Core, "OfNewerVersion", b"?"),
        7 => desk.fact(file, dice.one(&[Section::Gov, Section::Edu]), "OfNewerVersion", b"?"),
        _ => desk.fact(file, Section::Core, "DueListed", b"{}"),
    }
}

fn field(desk: &mut Desk, dice: &mut Dice) -> Fact {
    let file = family(u8::try_from(1 + dice.below(8)).expect("few"));
    match dice.below(6) {
        0 => desk.fact(file, dice.one(&[Section::Gov, Section::Edu]), "VisitNoted", b"{}"),
        1 => desk.assign(dice.one(&VILLAGES), Line::Education, dice.one(&STAFF)),
        2 => desk.fact(file, Section::Core, "DueListed", b"{}"),
        _ => desk.visit(file),
    }
}

fn some(desk: &mut Desk, dice: &mut Dice, write: fn(&mut Desk, &mut Dice) -> Fact) -> Vec<Fact> {
    (0..=dice.below(7)).map(|_| write(desk, dice)).collect()
}

/// Pages from any cursor, laid end to end, are the runs that follow it, in their order, each once.
fn pages_are_following(world: &World, desk: &Desk, dice: &mut Dice) {
    let truth = world.truth();
    let head = truth.head;
    let see = truth.rights.entitled(&desk.person, desk.device, head);
    let visible = dice.below(head + 1);
    let position = dice.below(visible + 1);
    let mut cursor = Cursor { visible, position, seq: dice.below(20) };
    let comes = |run: &Stretch| {
        let (place, back) = (&run.place, run.back && !run.place.held);
        let before = see.since(place.file, place.section).is_some_and(|since| since > place.position);
        run.journal != desk.journal || back || before
    };
    let runs: Vec<&Stretch> = truth.runs.iter().filter(|run| comes(run)).collect();
    let mut wanted = Vec::new();
    for (_, place) in following(runs.iter().map(|run| run.place), &see, cursor) {
        let run = runs.iter().find(|run| run.place == place).expect("one of them");
        wanted.extend(run.facts.iter().map(|known| (place.position, known.fact.id.seq, place.held)));
    }
    let mut got = Vec::new();
    let most = u32::try_from(dice.below(3) * 500).expect("few");
    loop {
        let pull = Pull { log: world.county.log(), journal: desk.journal, cursor, most };
        let page = world.county.pull(desk.device, &pull).expect("a page");
        let quiet = world.county.hello(desk.device, &Hello { cursor, ..desk.greeting(&world.county) });
        let nothing = page.deliveries.is_empty() && page.gone.is_empty();
        assert_eq!(quiet.expect("welcome").quiet, nothing, "{} at {cursor:?} of {head}", desk.person);
        for delivery in &page.deliveries {
            let batch = Batch::parse(&delivery.batch).expect("a batch");
            got.extend(batch.rows().iter().map(|(seq, _)| (delivery.position, *seq, delivery.held.contains(seq))));
        }
        if !page.more {
            break;
        }
        assert!(page.next > cursor, "a page that does not get on");
        cursor = page.next;
    }
    assert_eq!(got, wanted, "{} from {visible}/{position} of {head}", desk.person);
}

/// What the head decides and erases, of what it has.
fn heading(desk: &mut Desk, dice: &mut Dice) -> Vec<Fact> {
    let aside: Vec<FactId> = desk.aside.keys().copied().collect();
    let holds: Vec<Known> = desk.holds.values().cloned().collect();
    let mut facts = Vec::new();
    if !aside.is_empty() {
        let some = [dice.one(&aside), dice.one(&aside), FactId { journal: desk.journal, seq: 1 + dice.below(30) }];
        facts.push(desk.decide(&some, dice.below(4) > 0, desk.device));
    }
    if !holds.is_empty() && dice.below(2) == 0 {
        let target =
            holds[usize::try_from(dice.below(holds.len().try_into().expect("few"))).expect("few")].fact.clone();
        facts.push(desk.erase(&[target.id, dice_id(&target, dice)], target.file, target.section, &[]));
    }
    facts.push(desk.fact(FileId::county(), Section::Core, "BulletinIssued", b"{}"));
    facts
}

/// Of the same journal: of any section, or not there yet.
fn dice_id(near: &Fact, dice: &mut Dice) -> FactId {
    FactId { journal: near.id.journal, seq: near.id.seq + dice.below(4) }
}

struct History {
    world: World,
    desks: Vec<Desk>,
    copy: Option<Home>,
    /// What was let through before the county was lost: whatever a desk holds is to be there in the end.
    acknowledged: BTreeSet<FactId>,
}

impl History {
    fn restore(&mut self) {
        let Some(copy) = self.copy.take() else { return };
        for desk in &self.desks {
            self.acknowledged.extend(desk.holds.keys());
        }
        self.world.restore(&copy);
        self.world.copies.push(copy);
    }
}

fn history(seed: u64) {
    let mut dice = Dice(seed);
    let (bytes, batches) = dice.one(&[(1, 1), (600, 50), (4_000, 3), (1_000_000, 1_000)]);
    let mut world = World::new(&format!("paging-{seed}")).limits(bytes, batches);
    // The last one is the office, the one before it the head of the centre, at first.
    let mut desks: Vec<Desk> = Vec::new();
    for who in STAFF {
        let role = dice.one(&ROLES);
        let area = dice.one(&AREAS);
        let areas: &[&str] = if dice.below(2) == 0 { &[] } else { &[area] };
        desks.push(world.join(who, role, areas));
    }
    desks.push(world.join("han", Role::CentreHead, &[]));
    desks.push(world.join("op1", Role::CentreOperator, &[]));
    let (head, office_at) = (desks.len() - 2, desks.len() - 1);
    let restores = dice.below(3) == 0;
    let mut it = History { world, desks, copy: None, acknowledged: BTreeSet::new() };
    for step in 0..60 {
        it.world.pass(60_000);
        let at = usize::try_from(dice.below(5)).expect("few");
        let what = dice.below(16);
        let at = match what {
            0..=3 => office_at,
            12 | 13 => head,
            _ => at,
        };
        it.desks[at].greet(&it.world.county, dice.below(4) == 0);
        let History { world, desks, copy, .. } = &mut it;
        let desk = &mut desks[at];
        match what {
            0..=3 => {
                let facts = some(desk, &mut dice, office);
                desk.push(&world.county, &facts).expect("taken");
            }
            4 | 5 => {
                let facts = some(desk, &mut dice, field);
                desk.push(&world.county, &facts).expect("taken");
            }
            6 => {
                let area = dice.one(&AREAS);
                let areas: &[&str] = if dice.below(2) == 0 { &[] } else { &[area] };
                world.promote(desk, dice.one(&ROLES), areas);
            }
            7 => pages_are_following(world, desk, &mut dice),
            8 | 9 => {
                for _ in 0..=dice.below(3) {
                    if !desk.page(world).more {
                        break;
                    }
                }
            }
            12 => {
                let facts = heading(desk, &mut dice);
                desk.push(&world.county, &facts).expect("taken");
            }
            14 if dice.below(3) == 0 => twins(world, desk, &mut dice),
            15 if restores && copy.is_none() => {
                *copy = Some(world.copy(&format!("copy-{step}"), dice.below(2) == 0));
            }
            15 if dice.below(2) == 0 => it.restore(),
            _ => {
                desk.pull(world);
                desk.check(world, &format!("seed {seed}, step {step}"));
            }
        }
    }
    let History { world, mut desks, acknowledged, .. } = it;
    for desk in &mut desks {
        desk.greet(&world.county, false);
    }
    for desk in &mut desks {
        desk.pull(&world);
        desk.check(&world, &format!("seed {seed}, end"));
        let before = desk.cursor;
        assert!(desk.page(&world).deliveries.is_empty(), "pulling again brings nothing");
        assert_eq!(desk.cursor, before);
        assert!(desk.hello(&world.county).expect("welcome").quiet, "and nothing is to be pulled");
    }
    let truth = world.truth();
    let there: BTreeSet<FactId> = truth.runs.iter().flat_map(|run| &run.facts).map(|known| known.fact.id).collect();
    let erased: BTreeSet<FactId> = desks.iter().flat_map(|desk| desk.erased.iter().map(|(id, _, _)| *id)).collect();
    let lost: Vec<_> = acknowledged.iter().filter(|id| !there.contains(id) && !erased.contains(id)).collect();
    assert!(lost.is_empty(), "seed {seed}: lost in the restore: {lost:?}");
}

/// A copy of the laptop writes too, and both find out; then each goes on under a journal of its own.
fn twins(world: &mut World, desk: &mut Desk, dice: &mut Dice) {
    let mut twin = desk.clone();
    let facts = some(desk, dice, field);
    desk.push(&world.county, &facts).expect("taken");
    let facts = some(&mut twin, dice, field);
    let other = twin.fact(FileId::county(), Section::Core, "OfATwin", b"{}");
    let facts: Vec<Fact> = facts.into_iter().chain([other]).collect();
    assert_eq!(twin.push(&world.county, &facts), Err(Refusal::Forked));
    assert!(desk.hello(&world.county).expect("welcome").closed);
    world.reopen(desk);
    desk.greet(&world.county, false);
    assert!(!desk.hello(&world.county).expect("welcome").closed);
}

#[test]
fn whatever_happens_a_desk_holds_what_it_may_see() {
    let last = std::env::var("SEEDS").map_or(24, |n| n.parse().expect("n"));
    std::thread::scope(|scope| {
        for half in [1, 2] {
            scope.spawn(move || (half..=last).step_by(2).for_each(history));
        }
    });
}

#[test]
fn a_lost_right_is_named_and_a_regained_one_filled_up() {
    let mut world = World::new("regained").limits(1, 1);
    let mut op = world.join("op1", Role::CentreOperator, &[]);
    let mut zhou = world.join("zhou", Role::SchoolDirector, &[]);
    let mut hao = world.join("hao", Role::SchoolDirector, &[]);
    let (a, village) = (family(1), "410490101201");
    let facts = [op.place(a, village), op.fact(a, Section::Core, "DueListed", b"{}")];
    op.push(&world.county, &facts).expect("taken");
    let facts = [op.assign(village, Line::Education, "zhou")];
    op.push(&world.county, &facts).expect("taken");
    assert!(zhou.pull(&world) > 1, "a page of one batch at most");
    zhou.check(&world, "assigned");
    assert_eq!(zhou.holds.values().filter(|known| known.fact.file == a).count(), 2);
    // A visit by Zhou, then the village goes to Hao, who sees what was done.
    let facts = [zhou.visit(a)];
    assert_eq!(zhou.push(&world.county, &facts).expect("taken").acks[0].held, [0; 0]);
    let facts = [op.assign(village, Line::Education, "hao")];
    op.push(&world.county, &facts).expect("taken");
    hao.pull(&world);
    hao.check(&world, "taken over");
    assert_eq!(hao.holds.values().filter(|known| known.fact.file == a).count(), 3);
    // More is entered while Zhou is away. The loss is named though later pages have passed it.
    let facts = [
        op.fact(a, Section::Core, "DueListed", b"{}"),
        op.fact(FileId::county(), Section::Core, "PlacesLoaded", b"{}"),
    ];
    op.push(&world.county, &facts).expect("taken");
    zhou.pull(&world);
    zhou.check(&world, "lost");
    assert_eq!(zhou.holds.values().filter(|known| known.fact.file == a).count(), 0);
    let facts = [op.assign(village, Line::Education, "zhou")];
    op.push(&world.county, &facts).expect("taken");
    zhou.pull(&world);
    zhou.check(&world, "regained");
    // Zhou's own visit comes back with the rest.
    assert_eq!(zhou.holds.values().filter(|known| known.fact.file == a).count(), 4);
}

/// Lost, regained and lost again, with a pull cut in the middle: by then the cursor stands where nothing was open.
#[test]
fn a_right_that_flickers_during_a_cut_pull_leaves_nothing_behind() {
    let mut world = World::new("flicker").limits(1, 1);
    let mut op = world.join("op1", Role::CentreOperator, &[]);
    let mut zhou = world.join("zhou", Role::SchoolDirector, &[]);
    let (a, village) = (family(1), "410490101201");
    let give = |op: &mut Desk, who| {
        let facts = [op.assign(village, Line::Education, who)];
        op.push(&world.county, &facts).expect("taken");
    };
    let facts = [op.place(a, village)];
    op.push(&world.county, &facts).expect("taken");
    give(&mut op, "zhou");
    zhou.pull(&world);
    zhou.check(&world, "given");
    give(&mut op, "hao");
    let facts = [op.fact(FileId::county(), Section::Core, "PlacesLoaded", b"{}")];
    op.push(&world.county, &facts).expect("taken");
    give(&mut op, "zhou");
    assert!(zhou.page(&world).more, "cut after one page");
    give(&mut op, "hao");
    zhou.pull(&world);
    zhou.check(&world, "taken away again");
    assert!(zhou.holds.values().all(|known| known.fact.file == FileId::county()));
}

#[test]
fn who_saw_everything_and_no_longer_does_is_told_by_what_there_is() {
    let mut world = World::new("demoted");
    let mut op = world.join("op1", Role::CentreOperator, &[]);
    let mut head = world.join("han", Role::CentreHead, &[]);
    let facts = [op.place(family(1), "410490101201"), op.fact(family(2), Section::Id, "Identified", b"{}")];
    op.push(&world.county, &facts).expect("taken");
    head.pull(&world);
    head.check(&world, "as head");
    world.promote(&head, Role::SchoolDirector, &[]);
    head.pull(&world);
    head.check(&world, "as director");
    assert!(head.holds.values().all(|known| known.fact.file == FileId::county()));
}

/// A decision lets through work of two people at once. The page that brings the one's to the other ends before the decision
/// itself, by which a desk lets its own through, in a family that it does not see.
#[test]
fn own_work_let_through_where_it_is_not_seen_is_told_as_gone_with_the_decision() {
    let mut world = World::new("between").limits(1, 1);
    let mut op = world.join("op1", Role::CentreOperator, &[]);
    let mut head = world.join("han", Role::CentreHead, &[]);
    let mut hao = world.join("hao", Role::SchoolDirector, &[]);
    let mut zhou = world.join("zhou", Role::SchoolDirector, &[]);
    let (his, village) = (family(1), "410490101201");
    let facts =
        [op.place(his, village), op.place(family(2), "410490101202"), op.assign(village, Line::Education, "zhou")];
    op.push(&world.county, &facts).expect("taken");
    let (other, own) = (hao.visit(his), zhou.visit(family(2)));
    let (others_id, own_id) = (other.id, own.id);
    for (desk, visit) in [(&mut hao, other), (&mut zhou, own)] {
        assert_eq!(desk.push(&world.county, &[visit]).expect("taken").acks[0].held, [1]);
    }
    zhou.pull(&world);
    head.pull(&world);
    let facts = [head.decide(&[others_id], true, hao.device), head.decide(&[own_id], true, zhou.device)];
    head.push(&world.county, &facts).expect("taken");
    let page = zhou.page(&world);
    assert!(page.more && page.next.position < page.next.visible, "between the two: {:?}", page.next);
    let page = zhou.page(&world);
    assert_eq!(page.deliveries.iter().map(|it| it.position).collect::<Vec<_>>(), [page.head.position], "the decision");
    assert_eq!(page.gone, [Gone { file: family(2), section: Section::Core, regained: None }]);
    zhou.check(&world, "let through");
    assert!(zhou.pull(&world) == 1 && zhou.page(&world).gone.is_empty(), "told once");
    // Who reads everything anew, its own too, has it from before.
    let anew = Pull { log: world.county.log(), journal: EVERY_JOURNAL, cursor: Cursor::default(), most: 0 };
    let page = world.county.pull(zhou.device, &anew).expect("a page");
    assert!(page.gone.iter().any(|gone| gone.file == family(2) && gone.regained.is_none()));
}

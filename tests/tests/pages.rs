//! Random logs of rights, work, held facts and decisions: who may see which run since when, and in which pages it comes,
//! against a reference that reads the whole log anew for each question, fact by fact. And a desk that pulls now and then,
//! cut anywhere: at the end of its pages it holds exactly what its person may see. Pure: no county, no database.
//! It must never ask `domain` for an answer that it then compares: ranks of roles stand here once more, as a list.
#![allow(clippy::expect_used, clippy::indexing_slicing, clippy::panic, reason = "a test that cannot go on stops")]

use std::collections::BTreeSet;

use domain::clock::Millis;
use domain::event::Event;
use domain::exchange::{Cursor, Place, following, visible};
use domain::fact::Fact;
use domain::household::Placed;
use domain::ids::{DeviceId, FactId, FileId, JournalId, PersonId};
use domain::org::{RoleGiven, VillageAssigned};
use domain::place::PlaceCode;
use domain::rights::{Entitled, Position, Rights};
use domain::words::{Line, Role, Section};
use tests::{Chance, campaign};

const STAFF: [&str; 4] = ["cui", "zhou", "lin", "hao"];
const AREAS: [&str; 4] = ["410490101", "410490201", "410490101201", "410490"];
/// Three villages, and a township in which unresolved families stand.
const PLACES: [&str; 4] = ["410490101201", "410490101202", "410490201201", "410490101"];
const SEE_ALL: [Role; 3] = [Role::CentreHead, Role::CentreOperator, Role::CentreAuditor];
const GOVERNMENT: [Role; 1] = [Role::TownshipClerk];
const EDUCATION: [Role; 2] = [Role::CentralDirector, Role::SchoolDirector];
const ANY: [Role; 7] = [
    Role::SchoolDirector,
    Role::TownshipClerk,
    Role::CentralDirector,
    Role::CentreHead,
    Role::CentreOperator,
    Role::CentreAuditor,
    Role::SysAdmin,
];

fn person(at: usize) -> PersonId {
    STAFF[at].parse().expect("an account")
}

fn device(at: usize) -> DeviceId {
    DeviceId([u8::try_from(at).expect("few"); 8])
}

fn code(text: &str) -> PlaceCode {
    text.parse().expect("a code")
}

fn family(at: usize) -> FileId {
    FileId([u8::try_from(100 + at).expect("few"); 8])
}

/// A right as the log says it, in plain words.
#[derive(Debug, Clone)]
enum Right {
    Role(usize, Role, Vec<&'static str>),
    Village(&'static str, Line, usize),
    Placed(FileId, &'static str),
}

/// A run of one file section, and what it says of rights, if anything.
#[derive(Debug, Clone)]
struct Run {
    position: Position,
    seq: u64,
    file: FileId,
    section: Section,
    /// Held when it came.
    held: bool,
    /// The position of the decision that let it through.
    decided: Option<Position>,
    right: Option<Right>,
}

/// A log, in its order.
struct Log {
    head: Position,
    runs: Vec<Run>,
    /// Rights in the order in which they took effect.
    rights: Vec<(Position, Right)>,
    /// The facts of the same, with some that mean nothing, for `Rights::learn`.
    facts: Vec<(Position, Fact)>,
}

fn fact(file: FileId, section: Section, kind: &str, body: Vec<u8>) -> Fact {
    Fact {
        id: FactId { journal: JournalId([1; 8]), seq: 1 },
        file,
        section,
        wall: Millis(0),
        author: PersonId::county_master(),
        kind: kind.to_owned(),
        replaces: vec![],
        body,
    }
}

fn of_event(file: FileId, event: &Event) -> Fact {
    fact(file, Section::Core, event.kind(), event.body().expect("a body"))
}

fn saying(right: &Right) -> Fact {
    match right {
        Right::Role(who, role, areas) => {
            let areas = areas.iter().map(|area| code(area)).collect();
            let given = RoleGiven { person: person(*who), name: STAFF[*who].to_owned(), role: *role, areas };
            of_event(FileId::county(), &Event::RoleGiven(given))
        }
        Right::Village(village, line, who) => {
            let assigned = VillageAssigned { village: code(village), line: *line, person: person(*who) };
            of_event(FileId::village(&code(village)), &Event::VillageAssigned(assigned))
        }
        Right::Placed(file, place) => of_event(*file, &Event::Placed(Placed { place: code(place) })),
    }
}

fn any_right(dice: &mut Chance) -> Right {
    match dice.below(10) {
        0..3 => {
            let areas = (0..dice.below(2)).map(|_| *dice.one(&AREAS)).collect();
            Right::Role(dice.below(STAFF.len()), *dice.one(&ANY), areas)
        }
        3..7 => {
            let line = *dice.one(&[Line::Government, Line::Education]);
            Right::Village(dice.one::<&str>(&PLACES), line, dice.below(STAFF.len()))
        }
        _ => Right::Placed(family(dice.below(3)), dice.one::<&str>(&PLACES)),
    }
}

fn any_file(dice: &mut Chance) -> FileId {
    match dice.below(10) {
        0 => FileId::county(),
        1 => FileId::device(device(dice.below(STAFF.len()))),
        2 => FileId::village(&code(dice.one::<&str>(&PLACES))),
        3 => family(9),
        _ => family(dice.below(3)),
    }
}

impl Log {
    /// A log of `head` batches, each of a few runs.
    fn any(dice: &mut Chance, head: Position) -> Self {
        let mut log = Self { head, runs: Vec::new(), rights: Vec::new(), facts: Vec::new() };
        for position in 1..=head {
            let mut seq = 1 + u64::try_from(dice.below(20)).expect("few");
            for _ in 0..=dice.below(3) {
                let right = dice.percent(55).then(|| any_right(dice));
                let said = right.as_ref().map(saying);
                let (file, section) = match &said {
                    Some(said) => (said.file, said.section),
                    None => (any_file(dice), *dice.one(Section::ALL)),
                };
                let held = dice.percent(15);
                log.runs.push(Run { position, seq, file, section, held, decided: None, right });
                seq += 1 + u64::try_from(dice.below(3)).expect("few");
                if !held {
                    log.takes_effect(position, log.runs.len() - 1);
                }
                log.noise(dice, position);
            }
            // The head of the centre lets something through that was held so far.
            let waiting: Vec<usize> = (0..log.runs.len()).filter(|at| log.runs[*at].waits(position)).collect();
            if !waiting.is_empty() && dice.percent(30) {
                let at = *dice.one(&waiting);
                log.runs[at].decided = Some(position);
                log.takes_effect(position, at);
            }
        }
        log
    }

    fn takes_effect(&mut self, position: Position, at: usize) {
        if let Some(right) = self.runs[at].right.clone() {
            self.facts.push((position, saying(&right)));
            self.rights.push((position, right));
        }
    }

    /// Facts that give nobody anything.
    fn noise(&mut self, dice: &mut Chance, position: Position) {
        let empty = match dice.below(20) {
            0 => fact(FileId::county(), Section::Core, "RoleGiven", b"{\"person\":\"zhou\"}".to_vec()),
            1 => fact(family(0), Section::Core, "PlacedAgain", b"{}".to_vec()),
            // Who may write into one village's file gives away another.
            2 => {
                let other = saying(&Right::Village(PLACES[0], Line::Education, 1));
                Fact { file: FileId::village(&code(PLACES[1])), ..other }
            }
            _ => return,
        };
        self.facts.push((position, empty));
    }

    fn learned(&self, upto: Position) -> Rights {
        let mut rights = Rights::new();
        for (position, fact) in self.facts.iter().filter(|(position, _)| *position <= upto) {
            rights.learn(*position, fact);
        }
        rights
    }

    /// The runs as they are known at a head.
    fn places(&self, head: Position) -> Vec<Place> {
        let known = self.runs.iter().filter(|run| run.position <= head);
        let place = |run: &Run| Place {
            position: run.position,
            seq: run.seq,
            file: run.file,
            section: run.section,
            shown: run.through(head).unwrap_or(run.position),
            held: run.through(head).is_none(),
        };
        known.map(place).collect()
    }

    fn files(&self) -> BTreeSet<FileId> {
        let mut files: BTreeSet<FileId> = self.runs.iter().map(|run| run.file).collect();
        files.extend(PLACES.iter().map(|place| FileId::village(&code(place))));
        files.extend((0..STAFF.len()).map(|at| FileId::device(device(at))));
        files
    }
}

impl Run {
    fn waits(&self, position: Position) -> bool {
        self.held && self.decided.is_none() && self.position < position
    }

    /// Since when it is let through, as of a head.
    fn through(&self, head: Position) -> Option<Position> {
        if self.held { self.decided.filter(|decided| *decided <= head) } else { Some(self.position) }
    }
}

/// The reference: the rights that had taken effect by a position, read anew for every question.
struct Reference<'a> {
    said: &'a [(Position, Right)],
}

impl<'a> Reference<'a> {
    fn at(log: &'a Log, as_of: Position) -> Self {
        let upto = log.rights.iter().take_while(|(position, _)| *position <= as_of).count();
        Self { said: &log.rights[..upto] }
    }

    /// The answer now, and the position since which it has been the same after every single fact.
    fn since<T: PartialEq>(&self, answer: impl Fn(&[(Position, Right)]) -> T) -> (Position, T) {
        let now = answer(self.said);
        let mut since = 0;
        for upto in (0..self.said.len()).rev() {
            if answer(&self.said[..upto]) != now {
                since = self.said[upto].0;
                break;
            }
        }
        (since, now)
    }

    fn role(said: &[(Position, Right)], who: usize) -> Option<(Role, Vec<&'static str>)> {
        said.iter().rev().find_map(|(_, right)| match right {
            Right::Role(whose, role, areas) if *whose == who => Some((*role, areas.clone())),
            Right::Role(..) | Right::Village(..) | Right::Placed(..) => None,
        })
    }

    fn holder(said: &[(Position, Right)], place: &str, line: Line) -> Option<usize> {
        said.iter().rev().find_map(|(_, right)| match right {
            Right::Village(village, of, who) if *village == place && *of == line => Some(*who),
            Right::Role(..) | Right::Village(..) | Right::Placed(..) => None,
        })
    }

    fn stands(said: &[(Position, Right)], file: FileId) -> Option<&'static str> {
        said.iter().rev().find_map(|(_, right)| match right {
            Right::Placed(whose, place) if *whose == file => Some(*place),
            Right::Role(..) | Right::Village(..) | Right::Placed(..) => None,
        })
    }

    fn named(said: &[(Position, Right)], place: &str) -> bool {
        said.iter().any(|(_, right)| match right {
            Right::Village(named, ..) | Right::Placed(_, named) => *named == place,
            Right::Role(..) => false,
        })
    }

    /// Since when somebody may go to the families of a place: the earliest of what gives it, but not before the role,
    /// nor before the place was named.
    fn works(&self, who: usize, place: &str) -> Option<Position> {
        let (role_since, role) = self.since(|said| Self::role(said, who));
        let (_, areas) = role?;
        let mut given = Vec::new();
        if areas.iter().any(|area| place.starts_with(area)) {
            given.push(role_since);
        }
        for line in [Line::Government, Line::Education] {
            let (since, holder) = self.since(|said| Self::holder(said, place, line));
            if holder == Some(who) {
                given.push(since);
            }
        }
        let (named_since, named) = self.since(|said| Self::named(said, place));
        let since = given.into_iter().min()?.max(role_since).max(named_since);
        named.then_some(since)
    }

    /// Since when somebody sees a section of a file, if they do.
    fn sees(&self, who: usize, file: FileId, section: Section) -> Option<Position> {
        let (role_since, role) = self.since(|said| Self::role(said, who));
        let (role, _) = role?;
        let mut given = Vec::new();
        if SEE_ALL.contains(&role) {
            given.push(role_since);
        }
        if section == Section::Core && (file == FileId::county() || file == FileId::device(device(who))) {
            let head = |said: &[_]| Self::role(said, who).is_some_and(|(role, _)| role == Role::CentreHead);
            given.push(self.since(head).0);
        }
        let own = GOVERNMENT.contains(&role) && section == Section::Gov
            || EDUCATION.contains(&role) && section == Section::Edu;
        if own && file == FileId::county() {
            given.push(role_since);
        }
        if GOVERNMENT.contains(&role) || EDUCATION.contains(&role) {
            for place in PLACES {
                if section == Section::Core && file == FileId::village(&code(place)) {
                    given.extend(self.works(who, place));
                }
            }
            let (placed_since, place) = self.since(|said| Self::stands(said, file));
            if let Some(place) = place.filter(|_| own || section == Section::Core) {
                given.extend(self.works(who, place).map(|since| since.max(placed_since)));
            }
        }
        given.into_iter().min()
    }

    /// Where a run stands in somebody's pages: the latest of its own position, what let it through, and the right.
    fn page(&self, who: usize, run: &Run, head: Position) -> Option<(Position, Position, u64)> {
        let since = self.sees(who, run.file, run.section)?;
        let decides = Self::role(self.said, who).is_some_and(|(role, _)| role == Role::CentreHead);
        let through = run.through(head).or(decides.then_some(run.position))?;
        let latest = [since, through, run.position].into_iter().max()?;
        Some((latest, run.position, run.seq))
    }
}

fn plain(cursor: Cursor) -> (Position, Position, u64) {
    (cursor.visible, cursor.position, cursor.seq)
}

/// Every section of every file, every run, and pages from any cursor, for one person as of one head.
fn compare(log: &Log, dice: &mut Chance, who: usize, head: Position) {
    let reference = Reference::at(log, head);
    // As the county has it: all that was ever said is known, and asked as of a position.
    let entitled = log.learned(log.head).entitled(&person(who), device(who), head);
    for file in log.files() {
        for section in Section::ALL {
            let wanted = reference.sees(who, file, *section);
            assert_eq!(entitled.since(file, *section), wanted, "{} {file:?} {section:?} at {head}", STAFF[who]);
        }
    }
    let mut wanted = Vec::new();
    let mut places = log.places(head);
    for (run, place) in log.runs.iter().zip(&places) {
        let page = reference.page(who, run, head);
        assert_eq!(visible(place, &entitled).map(plain), page, "{} {run:?} at {head}", STAFF[who]);
        wanted.extend(page);
    }
    wanted.sort_unstable();
    // The order in which a ledger finds its runs means nothing.
    let turn = dice.below(places.len().max(1));
    places.rotate_left(turn);
    for _ in 0..2 {
        let from = match dice.below(4) {
            0 => (0, 0, 0),
            1 if !wanted.is_empty() => *dice.one(&wanted),
            _ => {
                let any = |dice: &mut Chance| {
                    u64::try_from(dice.below(usize::try_from(head).expect("few") + 2)).expect("few")
                };
                (any(dice), any(dice), any(dice))
            }
        };
        let mut cursor = Cursor { visible: from.0, position: from.1, seq: from.2 };
        let mut got = Vec::new();
        loop {
            // A page is the first of what follows, however few.
            let page = following(places.iter().copied(), &entitled, cursor);
            let most = 1 + dice.below(5);
            let Some((last, _)) = page.iter().take(most).next_back() else { break };
            assert!(*last > cursor, "a page that does not get on");
            cursor = *last;
            got.extend(page.iter().take(most).map(|(at, place)| {
                assert_eq!((at.position, at.seq), (place.position, place.seq));
                plain(*at)
            }));
        }
        let after: Vec<_> = wanted.iter().copied().filter(|at| *at > from).collect();
        assert_eq!(got, after, "{} from {from:?} at {head}", STAFF[who]);
    }
}

/// A desk of somebody: what it holds, by position and seq, and how far it has read.
struct Desk {
    who: usize,
    holds: BTreeSet<(Position, u64)>,
    cursor: Cursor,
}

/// What happened to a desk.
#[derive(Default)]
struct Story {
    lost: bool,
    regained: bool,
    filled: bool,
    released: bool,
    cut: bool,
}

impl Desk {
    /// Pulls pages at a head: drops what was open at its cursor and has not been so ever since, then takes what follows;
    /// after `pages` pages the line is cut.
    fn pull(&mut self, log: &Log, head: Position, (pages, most): (usize, usize), story: &mut Story) {
        let rights = log.learned(head);
        let of = |as_of| rights.entitled(&person(self.who), device(self.who), as_of);
        let (now, before) = (of(head), of(self.cursor.visible));
        self.drop_gone(log, &now, &before, story);
        for _ in 0..pages {
            let page = following(log.places(head), &now, self.cursor);
            for (at, place) in page.iter().take(most) {
                let late = !place.held && place.shown > place.position;
                story.released |= late;
                story.filled |= at.visible > place.position && !late;
                self.holds.insert((place.position, place.seq));
                assert!(*at > self.cursor, "a page that does not get on");
                self.cursor = *at;
            }
            if page.len() <= most {
                self.cursor = self.cursor.max(Cursor { visible: head, position: head, seq: u64::MAX / 2 });
                return;
            }
        }
        story.cut = true;
    }

    fn drop_gone(&mut self, log: &Log, now: &Entitled, before: &Entitled, story: &mut Story) {
        for run in &log.runs {
            let since = now.since(run.file, run.section);
            let broken = since.is_none_or(|since| since > self.cursor.visible);
            if before.since(run.file, run.section).is_some()
                && broken
                && since.is_none_or(|since| run.position < since)
                && self.holds.remove(&(run.position, run.seq))
            {
                story.lost |= since.is_none();
                story.regained |= since.is_some();
            }
        }
    }

    /// At the end of its pages a desk holds what its person may see now, by the reference, and nothing else.
    fn holds_what_it_may(&self, log: &Log, head: Position) {
        let reference = Reference::at(log, head);
        let seen = log.runs.iter().filter(|run| run.position <= head && reference.page(self.who, run, head).is_some());
        let wanted: BTreeSet<_> = seen.map(|run| (run.position, run.seq)).collect();
        assert_eq!(self.holds, wanted, "{} at {head}", STAFF[self.who]);
    }
}

fn history(seed: u64) -> [bool; 6] {
    let mut dice = Chance::of(seed);
    let longest = *dice.one(&[6, 6, 12, 12, 24]);
    let head = u64::try_from(2 + dice.below(longest)).expect("few");
    let log = Log::any(&mut dice, head);
    let any_head = |dice: &mut Chance| u64::try_from(dice.below(usize::try_from(head).expect("few") + 1)).expect("few");
    for who in 0..STAFF.len() {
        compare(&log, &mut dice, who, head);
        let earlier = any_head(&mut dice);
        compare(&log, &mut dice, who, earlier);
    }
    let mut story = Story::default();
    for who in 0..STAFF.len() {
        let mut desk = Desk { who, holds: BTreeSet::new(), cursor: Cursor::default() };
        let mut at = 0;
        while at < head {
            at += 1 + any_head(&mut dice) / 3;
            at = at.min(head);
            // A laptop is enrolled with its person's first role, and does not pull before.
            if Reference::role(Reference::at(&log, at).said, who).is_none() {
                continue;
            }
            if dice.percent(40) {
                desk.pull(&log, at, (1 + dice.below(2), 1 + dice.below(3)), &mut story);
            } else {
                desk.pull(&log, at, (usize::MAX, 1 + dice.below(6)), &mut story);
                desk.holds_what_it_may(&log, at);
            }
        }
        desk.pull(&log, head, (usize::MAX, 4), &mut story);
        desk.holds_what_it_may(&log, head);
    }
    [
        story.lost,
        story.regained,
        story.filled,
        story.released,
        story.cut,
        log.runs.iter().any(|run| run.held && run.decided.is_none()),
    ]
}

#[test]
fn pages_hold_what_a_naive_reading_of_the_log_allows() {
    let shapes = ["a right lost", "regained", "back-filled", "let through by a decision", "pulls cut", "still held"];
    campaign("visible and pages", (20_000, 200_000), shapes, history);
}

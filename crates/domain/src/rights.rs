//! Who may see and write what: one function for both ends, a view over facts in the order of the county log.
//! Default is deny. A right carries the position from which it holds, so that "since when may this person see this"
//! is a number: back-fill and loss follow from it. Bodies of visits, letters or contacts are never looked at.

use std::collections::BTreeMap;

use crate::event::{Event, Writer, writer};
use crate::fact::Fact;
use crate::ids::{DeviceId, FileId, JournalId, PersonId};
use crate::org::{DeviceEnrolled, RoleGiven};
use crate::place::PlaceCode;
use crate::words::{Line, Role, Section};

/// A place in the county log.
pub type Position = u64;

/// Which sections of which files a person may see, and since when.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Entitled {
    /// Everything, since this position.
    pub all: Option<Position>,
    /// These, each since its position; also what `all` adds nothing to.
    pub sections: BTreeMap<(FileId, Section), Position>,
    /// Also what is kept without being let through: to decide on it.
    pub held: bool,
}

impl Entitled {
    /// Since when this section is visible, if it is.
    pub fn since(&self, file: FileId, section: Section) -> Option<Position> {
        let own = self.sections.get(&(file, section)).copied();
        match (self.all, own) {
            (Some(all), Some(own)) => Some(all.min(own)),
            (some, None) | (None, some) => some,
        }
    }
}

/// A series of values, each from a position on.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Since<T>(Vec<(Position, T)>);

impl<T> Default for Since<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T: PartialEq> Since<T> {
    /// Repeats change nothing: the earlier position stands.
    fn set(&mut self, position: Position, value: T) {
        if self.0.last().is_none_or(|(_, last)| *last != value) {
            self.0.push((position, value));
        }
    }

    fn at(&self, as_of: Position) -> Option<(Position, &T)> {
        self.0.iter().rev().find(|(position, _)| *position <= as_of).map(|(position, value)| (*position, value))
    }
}

/// All that is known of rights.
#[derive(Debug, Clone, Default)]
pub struct Rights {
    people: BTreeMap<PersonId, Since<(Role, Vec<PlaceCode>)>>,
    devices: BTreeMap<DeviceId, DeviceEnrolled>,
    journals: BTreeMap<JournalId, DeviceId>,
    villages: BTreeMap<(PlaceCode, Line), Since<PersonId>>,
    placed: BTreeMap<FileId, Since<PlaceCode>>,
    /// Since when a place is named by any right: before that its file is nobody's.
    known_places: BTreeMap<PlaceCode, Position>,
}

impl Rights {
    /// Knows nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// Whether facts of this kind are interpreted here at all.
    pub fn reads(kind: &str) -> bool {
        matches!(kind, "RoleGiven" | "DeviceEnrolled" | "VillageAssigned" | "Placed")
    }

    /// Takes in a fact at its position. Facts must come in log order; kinds that say nothing of rights pass by.
    pub fn learn(&mut self, position: Position, fact: &Fact) {
        if !Self::reads(&fact.kind) {
            return;
        }
        // A body that cannot be read gives nobody a right.
        let Ok(Some(event)) = Event::read(&fact.kind, &fact.body) else { return };
        if let Event::RoleGiven(RoleGiven { person, role, areas, .. }) = event {
            self.people.entry(person).or_default().set(position, (role, areas));
        } else if let Event::DeviceEnrolled(enrolled) = event {
            self.journals.insert(enrolled.journal, enrolled.device);
            self.devices.insert(enrolled.device, enrolled);
        } else if let Event::VillageAssigned(assigned) = event {
            // Whoever may write into one village's file must not give away another.
            if fact.file != FileId::village(&assigned.village) {
                return;
            }
            self.known_places.entry(assigned.village.clone()).or_insert(position);
            self.villages.entry((assigned.village, assigned.line)).or_default().set(position, assigned.person);
        } else if let Event::Placed(placed) = event {
            self.known_places.entry(placed.place.clone()).or_insert(position);
            self.placed.entry(fact.file).or_default().set(position, placed.place);
        }
    }

    /// The device that writes this journal.
    pub fn device_of(&self, journal: JournalId) -> Option<&DeviceEnrolled> {
        self.journals.get(&journal).and_then(|device| self.devices.get(device))
    }

    /// The enrolment of a device.
    pub fn device(&self, device: DeviceId) -> Option<&DeviceEnrolled> {
        self.devices.get(&device)
    }

    /// The role and areas of a person as of a position.
    pub fn role(&self, person: &PersonId, as_of: Position) -> Option<Role> {
        self.people.get(person)?.at(as_of).map(|(_, (role, _))| *role)
    }

    /// When a person last became or ceased to be the head of the centre; 0 for who never was.
    fn decides_since(&self, person: &PersonId, as_of: Position) -> Position {
        let mut since = 0;
        let mut head = false;
        let roles = self.people.get(person).map_or(&[][..], |roles| &roles.0);
        for (position, (role, _)) in roles.iter().filter(|(position, _)| *position <= as_of) {
            if (*role == Role::CentreHead) != head {
                head = !head;
                since = *position;
            }
        }
        since
    }

    /// Since when a person may see the families of a place, through an area or an assignment in either line.
    fn place_since(&self, person: &PersonId, place: &PlaceCode, as_of: Position) -> Option<Position> {
        let by_area = self
            .people
            .get(person)
            .and_then(|roles| roles.at(as_of))
            .and_then(|(position, (_, areas))| areas.iter().any(|area| area.contains(place)).then_some(position));
        let by_line = [Line::Government, Line::Education].into_iter().filter_map(|line| {
            let (position, holder) = self.villages.get(&(place.clone(), line))?.at(as_of)?;
            (holder == person).then_some(position)
        });
        by_area.into_iter().chain(by_line).min()
    }

    /// Everything a person may see as of a position. `device` adds the device's own file.
    pub fn entitled(&self, person: &PersonId, device: DeviceId, as_of: Position) -> Entitled {
        let mut out = Entitled::default();
        let Some((role_since, (role, _))) = self.people.get(person).and_then(|roles| roles.at(as_of)) else {
            return out;
        };
        // Open since ever, but for who decides on held facts: those come with that role and go with it.
        let decides = self.decides_since(person, as_of);
        out.sections.insert((FileId::county(), Section::Core), decides);
        out.sections.insert((FileId::device(device), Section::Core), decides);
        out.held = *role == Role::CentreHead;
        if role.sees_all() {
            out.all = Some(role_since);
            return out;
        }
        if let Some(line) = role.line() {
            out.sections.insert((FileId::county(), Section::of_line(line)), role_since);
        }
        if !role.works_cases() {
            return out;
        }
        let mut places: BTreeMap<&PlaceCode, Position> = BTreeMap::new();
        for (place, known) in self.known_places.iter().filter(|(_, known)| **known <= as_of) {
            if let Some(since) = self.place_since(person, place, as_of) {
                // An assignment may be older than the role that makes it count, an area older than the place.
                let since = since.max(role_since).max(*known);
                places.insert(place, since);
                out.sections.insert((FileId::village(place), Section::Core), since);
            }
        }
        for (file, placed) in &self.placed {
            let Some((placed_since, place)) = placed.at(as_of) else { continue };
            let Some(place_since) = places.get(place) else { continue };
            let since = placed_since.max(*place_since);
            out.sections.insert((*file, Section::Core), since);
            if let Some(line) = role.line() {
                out.sections.insert((*file, Section::of_line(line)), since);
            }
        }
        out
    }

    /// Whether a person may write a fact of this kind into this section, as of a position.
    ///
    /// A visit to a family is judged by where the family stands, not by what the visit says.
    pub fn may_write(&self, person: &PersonId, kind: &str, file: FileId, section: Section, as_of: Position) -> bool {
        let Some(role) = self.role(person, as_of) else { return false };
        match writer(kind) {
            // A newer version's kind: only those who may write everything else may bring it.
            None | Some(Writer::Centre) => matches!(role, Role::CentreHead | Role::CentreOperator),
            Some(Writer::Master) => false,
            Some(Writer::Operator) => role == Role::CentreOperator,
            Some(Writer::Head) => role == Role::CentreHead,
            Some(Writer::Beholder) => role.sees_all(),
            Some(Writer::Guard) => role.guards(),
            Some(Writer::Assigner) => {
                matches!(role, Role::CentreHead | Role::CentreOperator)
                    || (role == Role::CentralDirector && self.assigns(person, file, as_of))
            }
            Some(Writer::CaseWorker) => {
                role.works_cases() && (role.sees_all() || self.works(person, file, section, as_of))
            }
        }
    }

    fn assigns(&self, person: &PersonId, file: FileId, as_of: Position) -> bool {
        let Some((_, (_, areas))) = self.people.get(person).and_then(|roles| roles.at(as_of)) else { return false };
        self.known_places
            .iter()
            .filter(|(_, known)| **known <= as_of)
            .any(|(village, _)| FileId::village(village) == file && areas.iter().any(|area| area.contains(village)))
    }

    fn works(&self, person: &PersonId, file: FileId, section: Section, as_of: Position) -> bool {
        let Some((_, place)) = self.placed.get(&file).and_then(|placed| placed.at(as_of)) else { return false };
        let own = self.role(person, as_of).and_then(Role::line).map(Section::of_line);
        (section == Section::Core || Some(section) == own) && self.place_since(person, place, as_of).is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Millis;
    use crate::household::Placed;
    use crate::ids::FactId;
    use crate::org::VillageAssigned;

    fn fact(file: FileId, event: &Event) -> Fact {
        Fact {
            id: FactId { journal: JournalId([1; 8]), seq: 1 },
            file,
            section: Section::Core,
            wall: Millis(0),
            author: PersonId::county_master(),
            kind: event.kind().to_owned(),
            replaces: vec![],
            body: event.body().expect("a body"),
        }
    }

    fn person(name: &str) -> PersonId {
        name.parse().expect("an account")
    }

    fn code(text: &str) -> PlaceCode {
        text.parse().expect("a code")
    }

    fn role(rights: &mut Rights, position: Position, who: &str, role: Role, areas: &[&str]) {
        let event = Event::RoleGiven(RoleGiven {
            person: person(who),
            name: who.to_owned(),
            role,
            areas: areas.iter().map(|area| code(area)).collect(),
        });
        rights.learn(position, &fact(FileId::county(), &event));
    }

    fn assign(rights: &mut Rights, position: Position, village: &str, who: &str, line: Line) {
        let village = code(village);
        let file = FileId::village(&village);
        let event = Event::VillageAssigned(VillageAssigned { village, line, person: person(who) });
        rights.learn(position, &fact(file, &event));
    }

    fn place(rights: &mut Rights, position: Position, file: FileId, village: &str) {
        rights.learn(position, &fact(file, &Event::Placed(Placed { place: code(village) })));
    }

    #[test]
    fn a_family_is_seen_by_who_is_assigned_in_either_line_and_nobody_else() {
        let mut rights = Rights::new();
        let device = DeviceId([1; 8]);
        let family = FileId([8; 8]);
        role(&mut rights, 1, "zhou", Role::SchoolDirector, &[]);
        role(&mut rights, 2, "lin", Role::TownshipClerk, &["410490101"]);
        role(&mut rights, 3, "op1", Role::CentreOperator, &[]);
        place(&mut rights, 5, family, "410490101201");
        let sees = |rights: &Rights, who: &str, section, as_of| {
            rights.entitled(&person(who), device, as_of).since(family, section)
        };
        assert_eq!(sees(&rights, "zhou", Section::Core, 9), None);
        assert_eq!(sees(&rights, "lin", Section::Core, 9), Some(5));
        assert_eq!(sees(&rights, "lin", Section::Id, 9), None);
        assert_eq!(sees(&rights, "op1", Section::Id, 9), Some(3));
        assign(&mut rights, 7, "410490101201", "zhou", Line::Education);
        assert_eq!(sees(&rights, "zhou", Section::Core, 6), None);
        assert_eq!(sees(&rights, "zhou", Section::Core, 9), Some(7));
        assert_eq!(sees(&rights, "zhou", Section::Edu, 9), Some(7));
        assert_eq!(sees(&rights, "zhou", Section::Gov, 9), None);
        assert!(rights.may_write(&person("zhou"), "VisitMade", family, Section::Core, 9));
        assert!(!rights.may_write(&person("zhou"), "VisitMade", family, Section::Core, 6));
        assert!(!rights.may_write(&person("zhou"), "DueListed", family, Section::Core, 9));
        assert!(!rights.may_write(&person("zhou"), "VisitNoted", family, Section::Gov, 9));
        // Reassigned: lost from then on, regained later as of the new position.
        role(&mut rights, 8, "hao", Role::SchoolDirector, &[]);
        assign(&mut rights, 10, "410490101201", "hao", Line::Education);
        assert_eq!(sees(&rights, "zhou", Section::Core, 10), None);
        assign(&mut rights, 12, "410490101201", "zhou", Line::Education);
        assert_eq!(sees(&rights, "zhou", Section::Core, 12), Some(12));
        // The family moves away.
        place(&mut rights, 14, family, "410490201201");
        assert_eq!(sees(&rights, "zhou", Section::Core, 14), None);
        assert_eq!(sees(&rights, "lin", Section::Core, 14), None);
    }

    #[test]
    fn what_is_held_comes_with_the_heads_role_and_goes_with_it() {
        let mut rights = Rights::new();
        let device = DeviceId([1; 8]);
        role(&mut rights, 1, "han", Role::CentreAuditor, &[]);
        role(&mut rights, 5, "han", Role::CentreHead, &[]);
        role(&mut rights, 7, "han", Role::CentreHead, &["410490101"]);
        role(&mut rights, 9, "han", Role::CentreAuditor, &[]);
        let sees = |as_of| {
            let see = rights.entitled(&person("han"), device, as_of);
            (see.held, see.since(FileId::county(), Section::Core))
        };
        assert_eq!([2, 5, 8, 9].map(sees), [(false, Some(0)), (true, Some(5)), (true, Some(5)), (false, Some(9))]);
    }

    #[test]
    fn the_head_does_not_import_and_only_the_master_gives_rights() {
        let mut rights = Rights::new();
        role(&mut rights, 1, "head", Role::CentreHead, &[]);
        role(&mut rights, 2, "op1", Role::CentreOperator, &[]);
        let county = FileId::county();
        assert!(!rights.may_write(&person("head"), "DueListImported", county, Section::Core, 9));
        assert!(rights.may_write(&person("op1"), "DueListImported", county, Section::Core, 9));
        assert!(!rights.may_write(&person("op1"), "BulletinIssued", county, Section::Core, 9));
        assert!(!rights.may_write(&person("op1"), "RoleGiven", county, Section::Core, 9));
        assert!(!rights.may_write(&person("nobody"), "VisitMade", county, Section::Core, 9));
    }
}

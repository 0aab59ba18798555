//! The county as an organisation: profile, registries, places, people, and who works which village.

use std::collections::BTreeMap;

use domain::event::Event;
use domain::ids::{FactId, FileId, PersonId};
use domain::money::Fen;
use domain::org::{ProfileSaved, RegistryLoaded, VillageAssigned};
use domain::place::{PlaceCode, PlaceLevel};
use domain::words::{Line, RegistrySheet, Role, Section};
use store::Store;

use crate::api::{
    AssignVillages, Assigned, AssignmentRow, AssignmentsAsked, AssignmentsView, ImportRegistry, Nothing, PeopleView,
    PersonRow, PlaceRow, PlacesAsked, PlacesView, Profile, ProfileView, RegistryAsked, RegistryReport, RegistryView,
    RejectedRow, Saved,
};
use crate::failure::{Code, Failure};
use crate::households::short;
use crate::{Desk, bytes_of, roster};

/// Rows of a registry in one fact.
const ROWS_A_FACT: usize = 150;
/// Most bytes of a registry's workbook.
const MOST_BYTES: u64 = 10 * 1024 * 1024;

/// The columns that a registry's sheet must have; others are kept as they are.
fn needed(sheet: RegistrySheet) -> &'static [&'static str] {
    match sheet {
        RegistrySheet::SchoolCentres => &["学校名称", "中心校", "乡镇"],
        RegistrySheet::Directors => &["姓名", "学校名称", "任职日期"],
        RegistrySheet::Liaisons => &["乡镇", "村", "姓名", "电话"],
        RegistrySheet::AgencyPoints => &["名称", "乡镇", "地址", "开放日", "服务乡镇"],
    }
}

impl Desk {
    pub(crate) fn save_profile(&self, with: Profile) -> Result<Saved, Failure> {
        let mut store = self.store();
        self.may(&store, centre, "改单位资料")?;
        let filled = [
            ("organ_name", &with.organ_name),
            ("organ_code", &with.organ_code),
            ("hotline", &with.hotline),
            ("bank_name", &with.bank_name),
        ];
        for (field, text) in filled {
            if text.trim().is_empty() {
                return Err(Failure::new(Code::EmptyText, &[]).at(field));
            }
        }
        let saved = ProfileSaved {
            organ_name: with.organ_name,
            organ_short: with.organ_short,
            organ_code: with.organ_code,
            credit_code: with.credit_code,
            hotline: with.hotline,
            complaint_line: with.complaint_line,
            address: with.address,
            bank_name: with.bank_name,
            settlement_bank: with.settlement_bank,
            county_name: with.county_name,
        };
        let replaces =
            store.county_facts::<ProfileSaved>("ProfileSaved")?.into_iter().map(|(said, _)| said.id).collect();
        self.write_one(&mut store, FileId::county(), &Event::ProfileSaved(saved), replaces)
    }

    /// The profile in force, if there is one.
    pub(crate) fn profile(store: &Store) -> Result<Option<ProfileSaved>, Failure> {
        Ok(store.county_facts::<ProfileSaved>("ProfileSaved")?.pop().map(|(_, profile)| profile))
    }

    pub(crate) fn read_profile(&self, _: Nothing) -> Result<ProfileView, Failure> {
        let store = self.store();
        let profile = Self::profile(&store)?.map(|saved| Profile {
            organ_name: saved.organ_name,
            organ_short: saved.organ_short,
            organ_code: saved.organ_code,
            credit_code: saved.credit_code,
            hotline: saved.hotline,
            complaint_line: saved.complaint_line,
            address: saved.address,
            bank_name: saved.bank_name,
            settlement_bank: saved.settlement_bank,
            county_name: saved.county_name,
        });
        Ok(ProfileView { profile })
    }

    pub(crate) fn import_registry(&self, with: ImportRegistry) -> Result<RegistryReport, Failure> {
        self.may(&self.store(), centre, "载入登记表")?;
        let (_, bytes) = bytes_of(&with.file, MOST_BYTES, "file")?;
        let unreadable = |why: &str| Failure::new(Code::WorkbookUnreadable, &[("why", why)]).at("file");
        // The store is free while another process reads the workbook.
        let rows = roster::table(&self.reader, &bytes).map_err(|error| unreadable(&error.sentence_zh()))?;
        let mut store = self.store();
        let needed = needed(with.sheet);
        // A merged title may stand above: the headings are the first row that holds all needed columns.
        let head =
            rows.iter().position(|(_, cells)| needed.iter().all(|name| cells.iter().any(|cell| cell.trim() == *name)));
        let Some(head) = head else {
            return Err(unreadable(&format!("没有找到表头，需要这些列：{}。", needed.join("、"))));
        };
        let columns: Vec<String> = rows
            .get(head)
            .map(|(_, cells)| cells.iter().map(|cell| cell.trim().to_owned()).collect())
            .unwrap_or_default();
        let mut taken: Vec<Vec<String>> = Vec::new();
        let mut rejected = Vec::new();
        for (number, cells) in rows.iter().skip(head.saturating_add(1)) {
            let cells: Vec<String> =
                (0..columns.len()).map(|at| cells.get(at).map_or("", |cell| cell.trim()).to_owned()).collect();
            if cells.iter().all(String::is_empty) {
                continue;
            }
            let empty =
                columns.iter().zip(&cells).find(|(column, cell)| needed.contains(&column.as_str()) && cell.is_empty());
            match empty {
                Some((column, _)) => rejected.push(RejectedRow {
                    sheet_row: *number,
                    column: Some(column.clone()),
                    reason: format!("第{number}行没有载入：“{column}”是空的。"),
                }),
                None => taken.push(cells),
            }
        }
        if taken.is_empty() {
            return Err(Failure::new(Code::NothingToImport, &[]).at("file"));
        }
        let replaces: Vec<FactId> = store
            .county_facts::<RegistryLoaded>("RegistryLoaded")?
            .into_iter()
            .filter(|(_, loaded)| loaded.sheet == with.sheet)
            .map(|(said, _)| said.id)
            .collect();
        let count = u32::try_from(taken.len()).unwrap_or(u32::MAX);
        self.write(&mut store, |pen| {
            for (part, rows) in (0_u32..).zip(taken.chunks(ROWS_A_FACT)) {
                let event = Event::RegistryLoaded(RegistryLoaded {
                    sheet: with.sheet,
                    part,
                    columns: columns.clone(),
                    rows: rows.to_vec(),
                });
                // The first part takes the place of the whole former registry.
                let replaces = if part == 0 { replaces.clone() } else { Vec::new() };
                pen.record(FileId::county(), event.section(Section::Core), &event, replaces)?;
            }
            Ok(())
        })?;
        Ok(RegistryReport { sheet: with.sheet, rows: count, rejected })
    }

    /// The rows of a registry in order.
    pub(crate) fn registry_rows(
        store: &Store,
        sheet: RegistrySheet,
    ) -> Result<(Vec<String>, Vec<Vec<String>>), Failure> {
        let mut parts: BTreeMap<u32, RegistryLoaded> = BTreeMap::new();
        for (_, loaded) in store.county_facts::<RegistryLoaded>("RegistryLoaded")? {
            if loaded.sheet == sheet {
                parts.insert(loaded.part, loaded);
            }
        }
        let columns = parts.values().next().map(|loaded| loaded.columns.clone()).unwrap_or_default();
        Ok((columns, parts.into_values().flat_map(|loaded| loaded.rows).collect()))
    }

    pub(crate) fn registry(&self, with: RegistryAsked) -> Result<RegistryView, Failure> {
        let store = self.store();
        let (columns, rows) = Self::registry_rows(&store, with.sheet)?;
        Ok(RegistryView { columns, rows })
    }

    pub(crate) fn places_below(&self, with: PlacesAsked) -> Result<PlacesView, Failure> {
        let store = self.store();
        let Some(table) = self.place_table(&store)? else { return Ok(PlacesView { places: Vec::new() }) };
        let parent = with.parent.unwrap_or_else(|| table.county().clone());
        if table.get(&parent).is_none() {
            return Err(Failure::new(Code::NotFound, &[("what", parent.as_str())]).at("parent"));
        }
        let mut counts: BTreeMap<PlaceCode, (u32, i64)> = BTreeMap::new();
        for family in store.families(Some(&parent))? {
            let below =
                if parent.level() == PlaceLevel::County { family.place.township() } else { family.place.village() };
            if let Some(code) = below {
                let entry = counts.entry(code).or_default();
                *entry = (entry.0.saturating_add(1), entry.1.saturating_add(family.total_due.get()));
            }
        }
        let places = table
            .iter()
            .filter(|place| place.parent.as_ref() == Some(&parent))
            .map(|place| {
                let (households, due) = counts.get(&place.code).copied().unwrap_or_default();
                PlaceRow { code: place.code.clone(), name: short(&place.name), households, total_due: Fen::new(due) }
            })
            .collect();
        Ok(PlacesView { places })
    }

    pub(crate) fn people(&self, _: Nothing) -> Result<PeopleView, Failure> {
        let store = self.store();
        let mut villages: BTreeMap<PersonId, u32> = BTreeMap::new();
        for (_, person) in store.assignments()?.into_values() {
            let count = villages.entry(person).or_default();
            *count = count.saturating_add(1);
        }
        let people = store
            .people()?
            .into_values()
            .map(|given| PersonRow {
                villages: villages.get(&given.person).copied().unwrap_or(0),
                line: given.role.line(),
                person: given.person,
                name: given.name,
                role: given.role,
                areas: given.areas,
            })
            .collect();
        Ok(PeopleView { people })
    }

    pub(crate) fn assign_villages(&self, with: AssignVillages) -> Result<Assigned, Failure> {
        let mut store = self.store();
        self.may(&store, |role| centre(role) || role == Role::CentralDirector, "分工")?;
        let people = store.people()?;
        let given = people
            .get(&with.person)
            .ok_or_else(|| Failure::new(Code::NoPerson, &[("person", with.person.as_str())]).at("person"))?;
        let line = with
            .line
            .or(given.role.line())
            .ok_or_else(|| Failure::new(Code::NoLine, &[("person", with.person.as_str())]).at("line"))?;
        if !given.role.works_cases() {
            let what = format!("负责村（账号{}）", with.person);
            return Err(Failure::new(Code::NotAllowed, &[("role", given.role.zh()), ("what", &what)]).at("person"));
        }
        let table = self.place_table(&store)?.ok_or_else(|| Failure::new(Code::NoPlaces, &[]))?;
        let mut villages: Vec<PlaceCode> = Vec::new();
        for code in &with.villages {
            if table.get(code).is_none() {
                return Err(Failure::new(Code::NotFound, &[("what", code.as_str())]).at("villages"));
            }
            match code.level() {
                PlaceLevel::Village => villages.push(code.clone()),
                // The township itself stands for its families whose village is not resolved.
                PlaceLevel::Township => villages.extend(table.within(code).map(|place| place.code.clone())),
                PlaceLevel::County => {
                    return Err(Failure::new(Code::NotFound, &[("what", "村或乡镇")]).at("villages"));
                }
            }
        }
        let held = store.assignments()?;
        let mut assigned = Assigned { changed: 0, unchanged: 0 };
        self.write(&mut store, |pen| {
            for village in villages {
                let before = held.get(&(village.clone(), line));
                if before.is_some_and(|(_, person)| *person == with.person) {
                    assigned.unchanged = assigned.unchanged.saturating_add(1);
                    continue;
                }
                let replaces = before.map(|(id, _)| *id).into_iter().collect();
                let file = FileId::village(&village);
                let event = Event::VillageAssigned(VillageAssigned { village, line, person: with.person.clone() });
                pen.record(file, Section::Core, &event, replaces)?;
                assigned.changed = assigned.changed.saturating_add(1);
            }
            Ok(())
        })?;
        Ok(assigned)
    }

    pub(crate) fn assignments(&self, with: AssignmentsAsked) -> Result<AssignmentsView, Failure> {
        let store = self.store();
        let names = self.place_names(&store)?;
        let held = store.assignments()?;
        let mut households: BTreeMap<PlaceCode, u32> = BTreeMap::new();
        for family in store.families(with.township.as_ref())? {
            let count = households.entry(family.place).or_default();
            *count = count.saturating_add(1);
        }
        let holder = |village: &PlaceCode, line| held.get(&(village.clone(), line)).map(|(_, person)| person.clone());
        let rows = households
            .into_iter()
            .map(|(village, households)| AssignmentRow {
                name: names.get(village.as_str()).cloned().unwrap_or_else(|| village.to_string()),
                township: village.township().and_then(|code| names.get(code.as_str()).cloned()).unwrap_or_default(),
                households,
                government: holder(&village, Line::Government),
                education: holder(&village, Line::Education),
                village,
            })
            .collect();
        Ok(AssignmentsView { rows })
    }

    /// The agency point that serves a township, by the registry's own column.
    pub(crate) fn agency_for(store: &Store, township: &str) -> Result<Option<String>, Failure> {
        let (columns, rows) = Self::registry_rows(store, RegistrySheet::AgencyPoints)?;
        let at = |name: &str| columns.iter().position(|column| column == name);
        let (Some(name), Some(serves)) = (at("名称"), at("服务乡镇")) else { return Ok(None) };
        Ok(rows
            .into_iter()
            .find(|row| {
                row.get(serves).is_some_and(|cell| cell.split(['、', '，', ',', ' ']).any(|one| one == township))
            })
            .and_then(|row| row.get(name).cloned()))
    }
}

fn centre(role: Role) -> bool {
    matches!(role, Role::CentreHead | Role::CentreOperator)
}

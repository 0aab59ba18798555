//! Families: lists by village, one family's page in the order of the doorway, search, the season's figures, the day.
//! Statuses are derived by `domain::due` at reading; nothing here stores one.

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::NaiveDate;
use domain::calendar::weekday_zh;
use domain::due::{Known, status};
use domain::feed::{BankTold, account_of};
use domain::household::Contract;
use domain::ids::FileId;
use domain::money::Fen;
use domain::place::{PlaceCode, PlaceLevel, PlaceTable};
use domain::words::{ContactState, DueStatus, HouseholdField, Line, Source};
use store::{Family, Registers, Store};

use crate::Desk;
use crate::api::{
    ContactView, ContractView, DueView, FieldView, Figures, HouseholdAsked, HouseholdRow, HouseholdView,
    HouseholdsAsked, HouseholdsView, LedgerAsked, Nothing, OtherFile, PaymentRow, SearchAsked, SearchHit, SearchView,
    SeasonRow, SeasonView, TodayView, VillageRow, VillagesAsked, VillagesView,
};
use crate::failure::{Code, Failure};
use crate::same::same_as;
use crate::voices::Voices;

/// What the status of a family depends on.
pub(crate) fn known(family: &Family) -> Known {
    Known {
        due: family.total_due,
        due_on: family.due_on,
        notified: family.notified,
        served: family.served,
        pledged: family.pledged,
        reported: family.reported,
        booked: family.booked,
        pending: family.pending,
        overdue: family.overdue,
        written_off: family.written_off,
    }
}

/// Adds a family's amounts to figures.
pub(crate) fn add(figures: &mut Figures, family: &Family) {
    let plus = |a: Fen, b: Fen| Fen::new(a.get().saturating_add(b.get()));
    figures.borrowers = figures.borrowers.saturating_add(1);
    figures.contracts = figures.contracts.saturating_add(family.contracts);
    figures.principal_due = plus(figures.principal_due, family.principal_due);
    figures.interest_due = plus(figures.interest_due, family.interest_due);
    figures.penalty_due = plus(figures.penalty_due, family.penalty_due);
    figures.total_due = plus(figures.total_due, family.total_due);
}

/// Whether a family's status says that money is on its way or there.
pub(crate) fn is_paid(status: DueStatus) -> bool {
    match status {
        DueStatus::ReportedPaid | DueStatus::BankPending | DueStatus::BankConfirmed => true,
        DueStatus::Listed
        | DueStatus::Notified
        | DueStatus::Served
        | DueStatus::Pledged
        | DueStatus::PartiallyPaid
        | DueStatus::Exempt
        | DueStatus::Overdue
        | DueStatus::WrittenOff
        | DueStatus::NotSeen => false,
    }
}

fn count(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}

/// A phone number in groups, for the eye: 139 0000 1111.
fn grouped(number: &str) -> String {
    let digits: Vec<char> = number.chars().collect();
    if digits.len() == 11 && number.starts_with('1') {
        let (head, rest) = digits.split_at(3);
        let (middle, tail) = rest.split_at(4);
        let text = |part: &[char]| part.iter().collect::<String>();
        format!("{} {} {}", text(head), text(middle), text(tail))
    } else {
        number.to_owned()
    }
}

impl Desk {
    /// The place table, parsed once.
    pub(crate) fn place_table(&self, store: &Store) -> Result<Option<Arc<PlaceTable>>, Failure> {
        let mut kept = self.places.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if kept.is_none()
            && let Some((_, loaded)) = store.county_facts::<domain::org::PlacesLoaded>("PlacesLoaded")?.pop()
        {
            let table = PlaceTable::from_csv(&loaded.places, &loaded.old_names)
                .map_err(|error| Failure::new(Code::PlacesUnreadable, &[("why", &error.to_string())]))?;
            *kept = Some(Arc::new(table));
        }
        Ok(kept.clone())
    }

    /// Forgets the parsed table: a newer one was loaded or received.
    pub(crate) fn forget_places(&self) {
        *self.places.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = None;
    }

    /// Every place's short name by code: villages without their committee's suffix.
    pub(crate) fn place_names(&self, store: &Store) -> Result<BTreeMap<String, String>, Failure> {
        let Some(table) = self.place_table(store)? else { return Ok(BTreeMap::new()) };
        Ok(table.iter().map(|place| (place.code.as_str().to_owned(), short(&place.name))).collect())
    }

    pub(crate) fn today(&self, _: Nothing) -> Result<TodayView, Failure> {
        let store = self.store();
        let today = self.present_of(&store)?.today;
        let families = store.families(None)?;
        let mut villages = self.village_rows(&store, &families, today)?;
        villages.sort_by_key(|row| (row.served >= row.households, row.code.clone()));
        let served = families.iter().filter(|family| family.served).count();
        let paid = families.iter().filter(|family| is_paid(status(&known(family), today))).count();
        Ok(TodayView {
            to_serve: count(families.len().saturating_sub(served)),
            receipts_out: families.iter().map(|family| family.receipts_out).fold(0, u32::saturating_add),
            to_check: count(families.iter().filter(|family| family.conflicts > 0).count()),
            paid: count(paid),
            villages,
        })
    }

    pub(crate) fn villages(&self, with: VillagesAsked) -> Result<VillagesView, Failure> {
        let store = self.store();
        let today = self.present_of(&store)?.today;
        let families = store.families(with.township.as_ref())?;
        Ok(VillagesView { villages: self.village_rows(&store, &families, today)? })
    }

    fn village_rows(&self, store: &Store, families: &[Family], today: NaiveDate) -> Result<Vec<VillageRow>, Failure> {
        let names = self.place_names(store)?;
        let mut rows: BTreeMap<PlaceCode, VillageRow> = BTreeMap::new();
        for family in families {
            let row = rows.entry(family.place.clone()).or_insert_with(|| {
                let name = names.get(family.place.as_str()).cloned().unwrap_or_else(|| family.place.to_string());
                let unresolved = family.place.level() != PlaceLevel::Village;
                VillageRow {
                    code: family.place.clone(),
                    name: if unresolved { format!("{name}（村未查明）") } else { name },
                    township: family
                        .place
                        .township()
                        .and_then(|code| names.get(code.as_str()).cloned())
                        .unwrap_or_default(),
                    households: 0,
                    served: 0,
                    not_met: 0,
                    paid: 0,
                    receipts_out: 0,
                    last_visit: None,
                }
            });
            row.households = row.households.saturating_add(1);
            row.served = row.served.saturating_add(u32::from(family.served));
            row.not_met = row.not_met.saturating_add(u32::from(family.visits > 0 && family.met == 0));
            row.paid = row.paid.saturating_add(u32::from(is_paid(status(&known(family), today))));
            row.receipts_out = row.receipts_out.saturating_add(family.receipts_out);
            row.last_visit = row.last_visit.max(family.last_visit);
        }
        Ok(rows.into_values().collect())
    }

    pub(crate) fn households(&self, with: HouseholdsAsked) -> Result<HouseholdsView, Failure> {
        let store = self.store();
        let today = self.present_of(&store)?.today;
        let names = self.place_names(&store)?;
        let limit = match with.limit {
            0 => 200,
            some => some.min(500),
        };
        let mut figures = Figures::default();
        let mut rows = Vec::new();
        for family in store.families(with.place.as_ref())? {
            let status = status(&known(&family), today);
            if !with.statuses.is_empty() && !with.statuses.contains(&status) {
                continue;
            }
            add(&mut figures, &family);
            rows.push((family, status));
        }
        let total = count(rows.len());
        let page = rows
            .into_iter()
            .skip(usize::try_from(with.offset).unwrap_or(usize::MAX))
            .take(usize::try_from(limit).unwrap_or(500))
            .map(|(family, status)| HouseholdRow {
                file: family.file,
                village: names.get(family.place.as_str()).cloned().unwrap_or_default(),
                borrower: family.borrower,
                co_borrower: family.co_borrower,
                whereabouts: family
                    .whereabouts
                    .unwrap_or_else(|| within(&family.address, names.get(family.place.as_str()))),
                place: family.place,
                total_due: family.total_due,
                contracts: family.contracts,
                status,
                visits: family.visits,
                last_visit: family.last_visit,
                last_result: family.last_result,
                conflicts: family.conflicts,
                only_here: family.only_here,
            })
            .collect();
        Ok(HouseholdsView { total, figures, rows: page })
    }

    pub(crate) fn season(&self, _: Nothing) -> Result<SeasonView, Failure> {
        let store = self.store();
        let names = self.place_names(&store)?;
        let (as_of, due_on) = store.season_dates()?;
        let mut figures = Figures::default();
        let mut townships: BTreeMap<PlaceCode, Figures> = BTreeMap::new();
        for family in store.families(None)? {
            add(&mut figures, &family);
            let township = family.place.township().unwrap_or_else(|| family.place.clone());
            add(townships.entry(township).or_default(), &family);
        }
        let townships = townships
            .into_iter()
            .map(|(code, figures)| SeasonRow {
                name: names.get(code.as_str()).cloned().unwrap_or_else(|| code.to_string()),
                code,
                figures,
            })
            .collect();
        Ok(SeasonView { as_of, due_on, figures, townships })
    }

    pub(crate) fn household(&self, with: HouseholdAsked) -> Result<HouseholdView, Failure> {
        let letters = self.letters(LedgerAsked { place: None, household: Some(with.household) })?.rows;
        let store = self.store();
        let family =
            store.family(with.household)?.ok_or_else(|| Failure::new(Code::NoHousehold, &[]).at("household"))?;
        let present = self.present_of(&store)?;
        let names = self.place_names(&store)?;
        let voices = Voices::of(&store, &names)?;
        let registers = store.registers(with.household)?;
        let status = status(&known(&family), present.today);
        let place_resolved = family.place.level() == PlaceLevel::Village;
        let village = names.get(family.place.as_str()).cloned().unwrap_or_default();
        let township = family.place.township().and_then(|code| names.get(code.as_str()).cloned()).unwrap_or_default();
        let fields = registers
            .fields
            .iter()
            .map(|(field, values)| Ok(FieldView { field: *field, values: voices.values(&store, values)? }))
            .collect::<Result<_, Failure>>()?;
        let payments = store
            .payments(with.household)?
            .into_iter()
            .rev()
            .map(|(said, paid)| PaymentRow {
                payment: said.id,
                channel: paid.channel,
                amount: paid.amount,
                on: paid.on,
                reference: paid.reference,
                person: said.author,
                only_here: said.only_here,
            })
            .collect();
        let assignments = store.assignments()?;
        let holder = |line| assignments.get(&(family.place.clone(), line)).map(|(_, person)| person.clone());
        let visits = store.visits(Some(with.household), None)?;
        let visits = self.visit_rows(&store, visits)?;
        let listed = registers.listed.clone();
        let mut other_files = Vec::new();
        for other in same_as(&store, family.file)? {
            let village = names.get(other.place.as_str()).cloned().unwrap_or_default();
            other_files.push(OtherFile {
                household: other.file,
                village,
                visits: other.visits,
                on_list: other.contracts > 0,
            });
        }
        Ok(HouseholdView {
            file: family.file,
            other_files,
            borrower_as_bank: listed.as_ref().and_then(|listed| listed.borrower_as_bank.clone()),
            borrower: family.borrower.clone(),
            id_masked: registers.identified.as_ref().map(|numbers| mask(&numbers.borrower_id)),
            id_tail: family.id_tail.clone(),
            grad_year: listed.as_ref().and_then(|listed| listed.grad_year),
            co_borrower: family.co_borrower.clone(),
            relation: listed.as_ref().and_then(|listed| listed.relation.clone()),
            place_name: if place_resolved {
                format!("{township}{village}")
            } else {
                format!("{township}（村未查明）")
            },
            place: family.place.clone(),
            place_resolved,
            address_listed: family.address.clone(),
            fields,
            contacts: contact_views(&store, with.household, &registers)?,
            due: due_view(&registers, &family, present.today)?,
            status,
            say_first: say_first(status, &family),
            letters,
            visits,
            payments,
            government: holder(Line::Government),
            education: holder(Line::Education),
        })
    }

    pub(crate) fn search(&self, with: SearchAsked) -> Result<SearchView, Failure> {
        let mut store = self.store();
        let names = self.place_names(&store)?;
        let full: BTreeMap<String, String> = names
            .iter()
            .map(|(code, name)| {
                let township = code.get(..9).filter(|township| *township != code).and_then(|code| names.get(code));
                (code.clone(), format!("{}{name}", township.map_or("", String::as_str)))
            })
            .collect();
        let limit = match with.limit {
            0 => 20,
            some => some.min(100),
        };
        let store::Found { total, hits } = store.search(&with.text, &full, usize::try_from(limit).unwrap_or(100))?;
        let found: Vec<FileId> = hits.iter().map(|hit| hit.file).collect();
        self.searched(&mut store, &with.text, &found)?;
        let hits = hits
            .into_iter()
            .map(|hit| SearchHit {
                file: hit.file,
                why: match hit.why {
                    store::Why::Borrower => "姓名".to_owned(),
                    store::Why::CoBorrower => format!("共同借款人 {}", hit.what),
                    store::Why::IdTail => format!("身份证尾号 {}", hit.what),
                    store::Why::Phone => format!("电话 {}", grouped(&hit.what)),
                    store::Why::Document => hit.what,
                    store::Why::Place => "村名或地址".to_owned(),
                },
                place_name: full.get(&hit.place).cloned().unwrap_or_default(),
                borrower: hit.borrower,
                co_borrower: hit.co_borrower,
            })
            .collect();
        Ok(SearchView { total: count(total), hits })
    }
}

/// A village as people call it: without its committee.
pub(crate) fn short(name: &str) -> String {
    for suffix in ["村民委员会", "社区居民委员会", "居民委员会"] {
        if let Some(stem) = name.strip_suffix(suffix)
            && !stem.is_empty()
        {
            return match suffix {
                "村民委员会" => format!("{stem}村"),
                "社区居民委员会" => format!("{stem}社区"),
                _ => stem.to_owned(),
            };
        }
    }
    name.to_owned()
}

/// What an address says beyond the village that the list stands under: 9组21号.
fn within(address: &str, village: Option<&String>) -> String {
    village
        .and_then(|village| address.split_once(village.as_str()))
        .map(|(_, rest)| rest.trim())
        .filter(|rest| !rest.is_empty())
        .unwrap_or(address)
        .to_owned()
}

/// An ID number as anybody may see it.
pub(crate) fn mask(id: &str) -> String {
    id.parse::<domain::identity::IdNumber>().map_or_else(|_| "••••".to_owned(), |id| id.mask())
}

fn contact_views(store: &Store, file: FileId, registers: &Registers) -> Result<Vec<ContactView>, Failure> {
    fn put<T: PartialEq>(list: &mut Vec<T>, value: Option<T>) {
        if let Some(value) = value
            && !list.contains(&value)
        {
            list.push(value);
        }
    }
    let some = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
    let mut views: BTreeMap<String, ContactView> = BTreeMap::new();
    let mut view = |number: &str, change: &dyn Fn(&mut ContactView)| {
        let view = views.entry(number.to_owned()).or_insert_with(|| ContactView {
            number: number.to_owned(),
            grouped: grouped(number),
            relations: Vec::new(),
            state: ContactState::Unverified,
            state_on: None,
            sources: Vec::new(),
            notes: Vec::new(),
            only_here: false,
        });
        change(view);
    };
    for phone in registers.listed.iter().flat_map(|listed| &listed.phones) {
        view(phone.number.as_str(), &|view| {
            put(&mut view.relations, some(&phone.relation));
            put(&mut view.sources, Some(Source::Bank));
        });
    }
    for (said, added) in &registers.contacts {
        view(added.number.as_str(), &|view| {
            put(&mut view.relations, some(&added.relation));
            put(&mut view.sources, Some(added.source));
            put(&mut view.notes, some(&added.note));
            view.only_here |= said.only_here;
        });
    }
    // Oldest first by corrected time: the last one stands.
    for (said, stated) in store.contact_states(file)? {
        view(stated.number.as_str(), &|view| {
            view.state = stated.state;
            view.state_on = Some(stated.on);
            view.only_here |= said.only_here;
        });
    }
    let mut out: Vec<ContactView> = views.into_values().collect();
    out.sort_by_key(|view| match view.state {
        ContactState::Confirmed => 0_u8,
        ContactState::Unverified => 1,
        ContactState::NoAnswer => 2,
        ContactState::OutOfService | ContactState::DoNotCall | ContactState::WrongPerson => 3,
    });
    Ok(out)
}

fn due_view(registers: &Registers, family: &Family, today: NaiveDate) -> Result<Option<DueView>, Failure> {
    let Some(due) = &registers.due else { return Ok(None) };
    let Some(due_on) = due.due_on() else { return Ok(None) };
    let total = due.total().map_err(|error| Failure::internal(&error))?;
    let told: Vec<BankTold> = registers.told.iter().map(|(_, told)| told.clone()).collect();
    let account = |contract: &Contract| account_of(&contract.contract_no, contract.due_on, &told);
    Ok(Some(DueView {
        as_of: due.as_of,
        age_days: today.signed_duration_since(due.as_of).num_days(),
        due_on,
        weekday: weekday_zh(due_on).to_owned(),
        total,
        capitals: total.capitals().map_err(|error| Failure::internal(&error))?,
        contracts: due
            .contracts
            .iter()
            .map(|contract| ContractView {
                tail: contract.tail(),
                academic_year: contract.academic_year.clone(),
                principal_due: contract.principal_due,
                interest_due: contract.interest_due,
                penalty_due: contract.penalty_due,
                total_due: contract.total_due,
                principal_left: contract.principal_left,
                maturity_on: contract.maturity_on,
                booked: account(contract).booked,
                pending: account(contract).pending,
                state: account(contract).state.map(|(_, state)| state),
            })
            .collect(),
        account_hint: due.account_hint.clone(),
        booked: family.booked,
        pending: family.pending,
        over: family.over,
        told_on: family.told_on,
    }))
}

/// What to say first at the door: never the debt before it is clear who stands there.
fn say_first(status: DueStatus, family: &Family) -> Vec<String> {
    let mut out = vec!["“有一封信要交给您家。”".to_owned()];
    if is_paid(status) {
        out.push("“这笔款您已经还过了，等银行入账就好，谢谢您。”".to_owned());
    } else {
        out.push("“这笔款是不是已经还了？”".to_owned());
    }
    if family.visits > 0 && family.met == 0 {
        out.push("前几次没见到人，先问清什么时候在家。".to_owned());
    }
    out
}

/// Most characters of a field that people fill.
pub(crate) fn field_limit(field: HouseholdField) -> usize {
    match field {
        HouseholdField::AddressFound | HouseholdField::Whereabouts => 120,
        HouseholdField::NameTrue => 50,
    }
}

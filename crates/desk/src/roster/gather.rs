//! Rows gathered into households, and what they mean together: contracts that stand twice, people who may be one,
//! numbers under many families, a row that contradicts an earlier one. Earlier rows stand; nothing is merged on doubt.

use chrono::NaiveDate;
use domain::identity::{IdError, IdNumber};
use domain::money::{Fen, MoneyError};
use domain::phone::PhoneNumber;
use domain::place::{PlaceCode, PlaceTable};
use std::collections::{BTreeMap, BTreeSet};

use super::columns::{Column, Layout};
use super::faults::{Rejected, RosterError, RowFault, Warning, WarningKind};
use super::footer::{Tally, TotalsLine, totals_line};
use super::row::{Fault, RowParts, RowReader, add_phone};
use super::{CoBorrower, Roster, RosterHousehold, RosterTotals, Source};
use foreign::SheetRow;

/// From so many addresses on, a shared number is not a family's.
const SHARED_FROM: usize = 3;

/// Which columns of identity numbers a spreadsheet has damaged. A damaged number ends in zeros, and one in eleven such
/// still passes its check by chance; so does one in a thousand sound ones. Only the rest of the column can tell:
/// where it shows damage, no number that ends in zeros is trusted, and where it does not, all that check are.
struct Damage {
    borrowers: bool,
    co_borrowers: bool,
}

impl Damage {
    fn seen_in(read: &[(u32, Result<RowParts, Fault>)]) -> Self {
        let lost = |fault: &Fault| {
            matches!(fault, (RowFault::Id(IdError::ExcelDamaged) | RowFault::IdIsQuantity, Column::BorrowerId))
        };
        let co_lost = |parts: &RowParts| parts.warnings.contains(&CO_BORROWER_DAMAGED);
        Self {
            borrowers: read.iter().any(|(_, read)| read.as_ref().err().is_some_and(lost)),
            co_borrowers: read.iter().any(|(_, read)| read.as_ref().is_ok_and(co_lost)),
        }
    }

    fn judge(&self, mut parts: RowParts) -> Result<RowParts, Fault> {
        if self.borrowers && ends_in_zeros(&parts.id) {
            return Err((RowFault::Id(IdError::ExcelDamaged), Column::BorrowerId));
        }
        if let Some(co) = parts.co_borrower.as_mut().filter(|_| self.co_borrowers)
            && co.id.as_ref().is_some_and(ends_in_zeros)
        {
            co.id = None;
            parts.warnings.push(CO_BORROWER_DAMAGED);
        }
        Ok(parts)
    }
}

const CO_BORROWER_DAMAGED: WarningKind = WarningKind::CoBorrowerId(IdError::ExcelDamaged);

fn ends_in_zeros(id: &IdNumber) -> bool {
    id.expose().ends_with("000")
}

/// A list on its way to being understood.
pub(super) struct Gathering<'a> {
    places: &'a PlaceTable,
    date_elsewhere: Option<NaiveDate>,
    is_1904: bool,
    /// Every row as read; settled only when the whole column of identity numbers is known.
    read: Vec<(u32, Result<RowParts, Fault>)>,
    households: Vec<RosterHousehold>,
    by_id: BTreeMap<IdNumber, usize>,
    contract_rows: BTreeMap<String, u32>,
    data_dates: Vec<(u32, NaiveDate)>,
    rejected: Vec<Rejected>,
    warnings: Vec<Warning>,
    tally: Tally,
}

impl<'a> Gathering<'a> {
    /// Nothing gathered yet. `date_elsewhere` serves the rows that state no data date.
    pub(super) fn new(places: &'a PlaceTable, date_elsewhere: Option<NaiveDate>, is_1904: bool) -> Self {
        Self {
            places,
            date_elsewhere,
            is_1904,
            read: Vec::new(),
            households: Vec::new(),
            by_id: BTreeMap::new(),
            contract_rows: BTreeMap::new(),
            data_dates: Vec::new(),
            rejected: Vec::new(),
            warnings: Vec::new(),
            tally: Tally::default(),
        }
    }

    /// Takes one row below the header.
    pub(super) fn take(&mut self, row: &SheetRow, layout: &Layout) {
        match totals_line(row, layout) {
            Some(TotalsLine::Whole) => return self.tally.state(row, layout),
            Some(TotalsLine::Part) => return,
            None => {}
        }
        let reader =
            RowReader { row, layout, places: self.places, date_elsewhere: self.date_elsewhere, is_1904: self.is_1904 };
        if reader.is_beside_the_table() || layout.is_repeated_by(row) {
            return;
        }
        self.tally.add(row, layout);
        self.read.push((row.number, reader.read()));
    }

    /// Puts every row into a household or among the rejected.
    fn settle(&mut self) {
        let damage = Damage::seen_in(&self.read);
        for (sheet_row, read) in std::mem::take(&mut self.read) {
            let judged = read.and_then(|parts| damage.judge(parts)).and_then(|parts| {
                match self.contract_rows.get(&parts.contract.contract_no) {
                    Some(first_row) => Err((RowFault::ContractTwice { first_row: *first_row }, Column::ContractNo)),
                    None => Ok(parts),
                }
            });
            match judged {
                Ok(parts) => self.accept(sheet_row, parts),
                Err((reason, column)) => self.rejected.push(Rejected { sheet_row, reason, column }),
            }
        }
    }

    fn accept(&mut self, sheet_row: u32, parts: RowParts) {
        self.contract_rows.insert(parts.contract.contract_no.clone(), sheet_row);
        self.data_dates.push((sheet_row, parts.as_of));
        let known = self.by_id.get(&parts.id).and_then(|at| self.households.get_mut(*at));
        let mut kinds = parts.warnings.clone();
        match known {
            Some(household) => add_to_household(household, parts, &mut kinds),
            None => {
                self.by_id.insert(parts.id.clone(), self.households.len());
                self.households.push(RosterHousehold {
                    borrower: parts.borrower,
                    id: parts.id,
                    phones: parts.phones,
                    co_borrowers: parts.co_borrower.into_iter().collect(),
                    place: parts.place,
                    township_raw: parts.township_raw,
                    village_raw: parts.village_raw,
                    address_raw: parts.address_raw,
                    grad_year: parts.grad_year,
                    contracts: vec![parts.contract],
                });
            }
        }
        self.warnings.extend(kinds.into_iter().map(|kind| Warning { sheet_row, kind }));
    }

    /// The list as a whole.
    pub(super) fn finish(mut self, source: Source) -> Result<Roster, RosterError> {
        self.settle();
        let totals = totals(&self.households)?;
        let as_of = self.list_date()?;
        self.warn_of_data_dates(as_of);
        self.warn_of_shared_phones();
        self.warn_of_duplicates();
        self.warnings.sort_by_key(|warning| warning.sheet_row);
        let Source { format, encoding, sheet, other_sheets, columns, by_choice } = source;
        Ok(Roster {
            format,
            encoding,
            sheet,
            other_sheets,
            columns,
            by_choice,
            as_of,
            totals,
            footer: self.tally.check(),
            households: self.households,
            rejected: self.rejected,
            warnings: self.warnings,
        })
    }

    /// The date most rows state; of two equally common the earlier, which promises less.
    fn list_date(&self) -> Result<NaiveDate, RosterError> {
        if self.households.is_empty() && self.rejected.is_empty() {
            return Err(RosterError::Empty);
        }
        let mut counts: BTreeMap<NaiveDate, usize> = BTreeMap::new();
        for (_, day) in &self.data_dates {
            let count = counts.entry(*day).or_default();
            *count = count.saturating_add(1);
        }
        let most = counts.values().max().copied();
        let common = counts.into_iter().find(|(_, count)| Some(*count) == most).map(|(day, _)| day);
        common.or(self.date_elsewhere).ok_or(RosterError::NoDataDate)
    }

    fn warn_of_data_dates(&mut self, as_of: NaiveDate) {
        let kind = WarningKind::DataDateDiffers;
        let odd = self.data_dates.iter().filter(|(_, day)| *day != as_of);
        self.warnings.extend(odd.map(|(sheet_row, _)| Warning { sheet_row: *sheet_row, kind }));
    }

    fn warn_of_shared_phones(&mut self) {
        let mut under: BTreeMap<&PhoneNumber, (BTreeSet<&str>, BTreeSet<u32>)> = BTreeMap::new();
        for household in &self.households {
            let co = household.co_borrowers.iter().flat_map(|co| &co.phones);
            for number in household.phones.iter().chain(co).filter_map(|finding| finding.number.as_ref()) {
                let (addresses, rows) = under.entry(number).or_default();
                // Brothers and sisters live at one address and are one family.
                addresses.insert(&household.address_raw);
                rows.extend(household.contracts.first().map(|contract| contract.sheet_row));
            }
        }
        let shared = under.into_values().filter(|(addresses, _)| addresses.len() >= SHARED_FROM);
        let warnings: Vec<Warning> = shared
            .flat_map(|(addresses, rows)| {
                let kind = WarningKind::SharedPhone { addresses: addresses.len() };
                rows.into_iter().map(move |sheet_row| Warning { sheet_row, kind })
            })
            .collect();
        self.warnings.extend(warnings);
    }

    fn warn_of_duplicates(&mut self) {
        let mut first: BTreeMap<(&str, Option<&PlaceCode>, NaiveDate), u32> = BTreeMap::new();
        let mut warnings = Vec::new();
        for household in &self.households {
            let Some(sheet_row) = household.contracts.first().map(|contract| contract.sheet_row) else {
                continue;
            };
            let key = (household.borrower.name_true.as_str(), household.place.code(), household.id.birth());
            match first.get(&key) {
                Some(other_row) => {
                    warnings.push(Warning { sheet_row, kind: WarningKind::PossibleDuplicate { other_row: *other_row } })
                }
                None => {
                    first.insert(key, sheet_row);
                }
            }
        }
        self.warnings.extend(warnings);
    }
}

fn add_to_household(household: &mut RosterHousehold, parts: RowParts, kinds: &mut Vec<WarningKind>) {
    let mut differs = |column| kinds.push(WarningKind::DiffersFromEarlierRow(column));
    if household.borrower.name_true != parts.borrower.name_true {
        differs(Column::BorrowerName);
    }
    match (household.place.village(), parts.place.village()) {
        (None, Some(_)) => {
            household.place = parts.place;
            household.township_raw = parts.township_raw;
            household.village_raw = parts.village_raw;
        }
        (Some(earlier), Some(later)) if earlier != later => differs(Column::Village),
        (Some(_), Some(_)) | (_, None) => {}
    }
    if household.address_raw.is_empty() {
        household.address_raw = parts.address_raw;
    } else if !parts.address_raw.is_empty() && parts.address_raw != household.address_raw {
        differs(Column::Address);
    }
    match (household.grad_year, parts.grad_year) {
        (None, later) => household.grad_year = later,
        (Some(earlier), Some(later)) if earlier != later => differs(Column::GradYear),
        (Some(_), Some(_) | None) => {}
    }
    for finding in parts.phones {
        add_phone(&mut household.phones, finding);
    }
    if let Some(co) = parts.co_borrower {
        add_co_borrower(household, co, &mut differs);
    }
    household.contracts.push(parts.contract);
}

/// One person signs under one identity number, or, where a row has none, under one name.
fn add_co_borrower(household: &mut RosterHousehold, co: CoBorrower, differs: &mut impl FnMut(Column)) {
    let same = household.co_borrowers.iter_mut().find(|known| match (&known.id, &co.id) {
        (Some(known_id), Some(id)) => known_id == id,
        (None, _) | (_, None) => known.name.name_true == co.name.name_true,
    });
    match same {
        Some(known) => {
            if known.name.name_true != co.name.name_true {
                differs(Column::CoBorrowerName);
            }
            known.id = known.id.take().or(co.id);
            known.relation = known.relation.take().or(co.relation);
            for finding in co.phones {
                add_phone(&mut known.phones, finding);
            }
        }
        None => household.co_borrowers.push(co),
    }
}

fn totals(households: &[RosterHousehold]) -> Result<RosterTotals, RosterError> {
    let contracts = || households.iter().flat_map(|household| &household.contracts);
    let sum = |amounts: Result<Fen, MoneyError>| amounts.or(Err(RosterError::AmountsTooLarge));
    Ok(RosterTotals {
        borrowers: households.len(),
        contracts: contracts().count(),
        principal_due: sum(contracts().map(|c| c.principal_due).sum())?,
        interest_due: sum(contracts().map(|c| c.interest_due).sum())?,
        penalty_due: sum(contracts().map(|c| c.penalty_due).sum())?,
        total_due: sum(contracts().map(|c| c.total_due).sum())?,
    })
}

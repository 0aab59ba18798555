//! One row of the list made into its parts, or the first fault that forbids it.
//! Looks at nothing beyond the row: what rows mean together is the business of the gathering.

use chrono::{Datelike as _, NaiveDate};
use domain::identity::{IdError, IdNumber, is_scientific};
use domain::money::{Fen, MoneyError};
use domain::name::{self, CleanName, NameFlag};
use domain::phone::{self, PhoneFinding};
use domain::place::{PlaceMatch, PlaceTable};

use super::cells::{amount, day, folded, rate_ppm, text_of, year};
use super::columns::{Column, Layout};
use super::faults::{RowFault, WarningKind};
use super::{CoBorrower, RosterContract};
use foreign::{Cell, SheetRow, visible};

/// No contract of this kind comes near a million yuan; more is a column shifted or an identity number in its place.
pub(super) const MOST_PER_CONTRACT: Fen = Fen::new(100_000_000);

/// What one good row says.
pub(super) struct RowParts {
    pub(super) borrower: CleanName,
    pub(super) id: IdNumber,
    pub(super) phones: Vec<PhoneFinding>,
    pub(super) co_borrower: Option<CoBorrower>,
    pub(super) place: PlaceMatch,
    pub(super) township_raw: String,
    pub(super) village_raw: String,
    pub(super) address_raw: String,
    pub(super) grad_year: Option<i32>,
    pub(super) contract: RosterContract,
    pub(super) as_of: NaiveDate,
    pub(super) warnings: Vec<WarningKind>,
}

/// A fault and its column.
pub(super) type Fault = (RowFault, Column);

/// Reads one row under a layout.
pub(super) struct RowReader<'a> {
    pub(super) row: &'a SheetRow,
    pub(super) layout: &'a Layout,
    pub(super) places: &'a PlaceTable,
    /// The data date for rows that state none.
    pub(super) date_elsewhere: Option<NaiveDate>,
    pub(super) is_1904: bool,
}

impl RowReader<'_> {
    fn cell(&self, column: Column) -> Option<&Cell> {
        self.layout.positions(column).first().and_then(|at| self.row.cells.get(at))
    }

    fn text(&self, column: Column) -> String {
        self.cell(column).map(text_of).unwrap_or_default()
    }

    fn text_if_any(&self, column: Column) -> Option<String> {
        Some(self.text(column)).filter(|text| !text.is_empty())
    }

    /// Whether the row says nothing of a person, a contract or money: a signature line, a note.
    pub(super) fn is_beside_the_table(&self) -> bool {
        let telling = [
            Column::BorrowerName,
            Column::BorrowerId,
            Column::ContractNo,
            Column::PrincipalDue,
            Column::InterestDue,
            Column::TotalDue,
        ];
        telling.into_iter().all(|column| self.cell(column).is_none())
    }

    /// The row's parts, or its first fault.
    pub(super) fn read(&self) -> Result<RowParts, Fault> {
        let mut warnings = Vec::new();
        let borrower = self.borrower_name(&mut warnings)?;
        let id = self.borrower_id()?;
        let co_borrower = self.co_borrower(&mut warnings);
        if co_borrower.as_ref().is_some_and(|co| co.id.as_ref() == Some(&id)) {
            return Err((RowFault::SamePerson, Column::CoBorrowerId));
        }
        let contract_no = self.contract_no()?;
        let (principal_due, interest_due, penalty_due, total_due) = self.amounts_due()?;
        let principal_orig = self.optional_amount(Column::PrincipalOrig)?;
        let principal_left = self.optional_amount(Column::PrincipalLeft)?;
        let rate_ppm = self.rate()?;
        let due_on = self.optional_day(Column::DueOn)?.ok_or((RowFault::DateEmpty, Column::DueOn))?;
        let maturity_on = self.optional_day(Column::MaturityOn)?;
        let as_of =
            self.optional_day(Column::AsOf)?.or(self.date_elsewhere).ok_or((RowFault::DateEmpty, Column::AsOf))?;
        let contract = RosterContract {
            sheet_row: self.row.number,
            contract_no,
            academic_year: self.text_if_any(Column::AcademicYear),
            principal_orig,
            principal_left,
            rate_ppm,
            principal_due,
            interest_due,
            penalty_due,
            total_due,
            due_on,
            maturity_on,
            repay_account: self.text_if_any(Column::RepayAccount),
            status: self.text_if_any(Column::Status),
        };
        warn_of_contract(&contract, &mut warnings);
        warn_of_ages(&id, co_borrower.as_ref(), as_of, &mut warnings);
        let (township_raw, village_raw) = (self.text(Column::Township), self.text(Column::Village));
        let place = self.places.resolve(&township_raw, &village_raw);
        warn_of_place(&place, &mut warnings);
        let phones = self.phones(Column::Phone, &mut warnings);
        let grad_year = self.grad_year(as_of, &mut warnings);
        Ok(RowParts {
            borrower,
            id,
            phones,
            co_borrower,
            place,
            township_raw,
            village_raw,
            address_raw: self.text(Column::Address),
            grad_year,
            contract,
            as_of,
            warnings,
        })
    }

    fn borrower_name(&self, warnings: &mut Vec<WarningKind>) -> Result<CleanName, Fault> {
        let name = name::clean(&self.text(Column::BorrowerName));
        if name.is_empty() {
            return Err((RowFault::NameEmpty, Column::BorrowerName));
        }
        if name.flags.contains(&NameFlag::TooLong) {
            return Err((RowFault::NameTooLong, Column::BorrowerName));
        }
        warnings.extend(name.flags.iter().copied().map(WarningKind::BorrowerName));
        Ok(name)
    }

    fn borrower_id(&self) -> Result<IdNumber, Fault> {
        let column = Column::BorrowerId;
        match self.cell(column) {
            None => Err((RowFault::Id(IdError::Empty), column)),
            Some(Cell::Text(text)) => text.parse().map_err(|fault| (RowFault::Id(fault), column)),
            Some(Cell::Number(_) | Cell::Date(_) | Cell::Other) => Err((RowFault::IdIsQuantity, column)),
        }
    }

    fn co_borrower(&self, warnings: &mut Vec<WarningKind>) -> Option<CoBorrower> {
        let name = name::clean(&self.text(Column::CoBorrowerName));
        let id = match self.cell(Column::CoBorrowerId) {
            None => Err(IdError::Empty),
            Some(Cell::Text(text)) => text.parse(),
            Some(Cell::Number(_) | Cell::Date(_) | Cell::Other) => Err(IdError::ExcelDamaged),
        };
        let phones = self.phones(Column::CoBorrowerPhone, warnings);
        if name.is_empty() && id == Err(IdError::Empty) && phones.is_empty() {
            return None;
        }
        warnings.extend(name.flags.iter().copied().map(WarningKind::CoBorrowerName));
        let id = match id {
            Ok(id) => Some(id),
            Err(IdError::Empty) => None,
            Err(fault) => {
                warnings.push(WarningKind::CoBorrowerId(fault));
                None
            }
        };
        Some(CoBorrower { name, relation: self.text_if_any(Column::CoBorrowerRelation), id, phones })
    }

    fn phones(&self, column: Column, warnings: &mut Vec<WarningKind>) -> Vec<PhoneFinding> {
        let mut phones: Vec<PhoneFinding> = Vec::new();
        for cell in self.layout.positions(column).iter().filter_map(|at| self.row.cells.get(at)) {
            for finding in phone::split_cell(&text_of(cell)) {
                if let Some(fault) = finding.fault {
                    warnings.push(WarningKind::Phone { column, fault });
                }
                add_phone(&mut phones, finding);
            }
        }
        phones
    }

    fn contract_no(&self) -> Result<String, Fault> {
        contract_no(self.cell(Column::ContractNo)).map_err(|fault| (fault, Column::ContractNo))
    }

    fn amount(&self, column: Column) -> Result<Fen, Fault> {
        let read = self.cell(column).map_or(Err(MoneyError::Empty), amount);
        match read {
            Ok(fen) if fen.is_negative() => Err((RowFault::Amount(MoneyError::Negative), column)),
            Ok(fen) if fen > MOST_PER_CONTRACT => Err((RowFault::Amount(MoneyError::TooLarge), column)),
            Ok(fen) => Ok(fen),
            Err(fault) => Err((RowFault::Amount(fault), column)),
        }
    }

    fn optional_amount(&self, column: Column) -> Result<Option<Fen>, Fault> {
        if self.cell(column).is_none() { Ok(None) } else { self.amount(column).map(Some) }
    }

    fn amounts_due(&self) -> Result<(Fen, Fen, Fen, Fen), Fault> {
        let principal = self.amount(Column::PrincipalDue)?;
        let interest = self.amount(Column::InterestDue)?;
        let penalty = self.optional_amount(Column::PenaltyDue)?.unwrap_or_default();
        let total = self.amount(Column::TotalDue)?;
        let sum = [principal, interest, penalty].into_iter().sum::<Result<Fen, MoneyError>>();
        if sum == Ok(total) {
            Ok((principal, interest, penalty, total))
        } else {
            Err((RowFault::TotalDiffers, Column::TotalDue))
        }
    }

    fn rate(&self) -> Result<Option<u32>, Fault> {
        match self.cell(Column::Rate).map(rate_ppm) {
            None => Ok(None),
            Some(Ok(ppm)) if ppm <= 100_000 => Ok(Some(ppm)),
            Some(Ok(_) | Err(_)) => Err((RowFault::Rate, Column::Rate)),
        }
    }

    fn optional_day(&self, column: Column) -> Result<Option<NaiveDate>, Fault> {
        match self.cell(column).map(|cell| day(cell, self.is_1904)) {
            None => Ok(None),
            Some(Ok(day)) => Ok(Some(day)),
            Some(Err(_)) => Err((RowFault::NoSuchDay, column)),
        }
    }

    fn grad_year(&self, as_of: NaiveDate, warnings: &mut Vec<WarningKind>) -> Option<i32> {
        let cell = self.cell(Column::GradYear)?;
        let latest = as_of.year().saturating_add(8);
        let found = year(cell).filter(|year| (2007..=latest).contains(year));
        if found.is_none() {
            warnings.push(WarningKind::GradYear);
        }
        found
    }
}

/// A contract number: never what a spreadsheet took for a quantity.
pub(super) fn contract_no(cell: Option<&Cell>) -> Result<String, RowFault> {
    let text = match cell {
        None => return Err(RowFault::ContractEmpty),
        Some(Cell::Text(text)) => folded(text),
        Some(Cell::Number(_) | Cell::Date(_) | Cell::Other) => return Err(RowFault::ContractIsQuantity),
    };
    if is_scientific(&text) {
        return Err(RowFault::ContractIsQuantity);
    }
    let fits = (10..=40).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    if fits { Ok(text) } else { Err(RowFault::ContractShape) }
}

/// Adds a finding unless its number, or its unreadable text, is there already.
pub(super) fn add_phone(phones: &mut Vec<PhoneFinding>, finding: PhoneFinding) {
    let known = phones.iter().any(|other| match &finding.number {
        Some(number) => other.number.as_ref() == Some(number),
        None => other.number.is_none() && visible(&other.raw) == visible(&finding.raw),
    });
    if !known {
        phones.push(finding);
    }
}

fn warn_of_contract(contract: &RosterContract, warnings: &mut Vec<WarningKind>) {
    if let Some(orig) = contract.principal_orig {
        let usual = (100_000..=2_500_000).contains(&orig.get()) && orig.get() % 100 == 0;
        if !usual {
            warnings.push(WarningKind::PrincipalUnusual);
        }
        if contract.principal_left.is_some_and(|left| left > orig) {
            warnings.push(WarningKind::PrincipalAboveOriginal);
        }
    }
    if contract.maturity_on.is_some_and(|day| !matches!((day.month(), day.day()), (9, 20) | (8, 31))) {
        warnings.push(WarningKind::MaturityUnusual);
    }
}

fn warn_of_ages(id: &IdNumber, co: Option<&CoBorrower>, as_of: NaiveDate, warnings: &mut Vec<WarningKind>) {
    if !(15..=60).contains(&id.age_on(as_of)) {
        warnings.push(WarningKind::BorrowerAge);
    }
    let co_id = co.and_then(|co| co.id.as_ref());
    if co_id.is_some_and(|id| !(22..=85).contains(&id.age_on(as_of))) {
        warnings.push(WarningKind::CoBorrowerAge);
    }
}

fn warn_of_place(place: &PlaceMatch, warnings: &mut Vec<WarningKind>) {
    match place {
        PlaceMatch::Exact(_) => {}
        PlaceMatch::ByOldName(code) => {
            warnings.push(WarningKind::OldPlaceName);
            if code.village().is_none() {
                warnings.push(WarningKind::VillageUnknown);
            }
        }
        PlaceMatch::Township(_) => warnings.push(WarningKind::VillageUnknown),
        PlaceMatch::Nothing => warnings.push(WarningKind::TownshipUnknown),
    }
}

//! The bank's due list, a workbook, a web page or a text: read, checked row by row, gathered into one household per borrower.
//! Bytes in, a report out: it writes nothing, guesses nothing, repairs no amount, and keeps no sex, people or subject.
//! Every row ends in exactly one of two places, a household or the list of rejected rows, so that no money goes missing.

pub(crate) mod cells;
mod columns;
mod faults;
pub(crate) mod feed;
mod footer;
mod gather;
mod row;

pub(crate) use columns::Layout;
pub use columns::{Chosen, Column, Kind, Lacking, ReadColumn};
pub use faults::{Rejected, RosterError, RowFault, Warning, WarningKind};
pub use footer::{FooterCheck, FooterSums};

use std::collections::BTreeMap;

use chrono::NaiveDate;
use domain::identity::IdNumber;
use domain::money::Fen;
use domain::name::CleanName;
use domain::phone::PhoneFinding;
use domain::place::{PlaceMatch, PlaceTable};
use foreign::{Encoding, ListFormat, Reader, SheetRow};

/// A due list as it was understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Roster {
    /// What kind of file it came in.
    pub format: ListFormat,
    /// How a text's bytes were understood; none for a workbook.
    pub encoding: Option<Encoding>,
    /// The sheet that was read.
    pub sheet: String,
    /// Other visible sheets of the workbook, which were not read.
    pub other_sheets: Vec<String>,
    /// The headers of the sheet and what was taken from under them.
    pub columns: Vec<ReadColumn>,
    /// Some of them were taken for what they are because a person said so.
    pub by_choice: bool,
    /// The day up to which the bank's figures are true, printed as 数据截至.
    pub as_of: NaiveDate,
    /// One per borrower, in the order of the sheet.
    pub households: Vec<RosterHousehold>,
    /// The rows that are not in any household, in the order of the sheet.
    pub rejected: Vec<Rejected>,
    /// What somebody should look at; the rows are in all the same. In the order of the sheet.
    pub warnings: Vec<Warning>,
    /// What was taken in: the households' figures, without the rejected rows.
    pub totals: RosterTotals,
    /// The sheet's own totals beside ours; `None` when the sheet states none.
    pub footer: Option<FooterCheck>,
}

/// Where a list's rows come from.
pub(crate) struct Source {
    /// What kind of file it came in.
    pub(crate) format: ListFormat,
    /// How a text's bytes were understood; none for a workbook.
    pub(crate) encoding: Option<Encoding>,
    /// The sheet that was read.
    pub(crate) sheet: String,
    /// Other visible sheets.
    pub(crate) other_sheets: Vec<String>,
    /// The headers, and what was taken from under them.
    pub(crate) columns: Vec<ReadColumn>,
    /// Some of them were taken for what they are because a person said so.
    pub(crate) by_choice: bool,
}

/// Figures of what was taken in. Amounts in fen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RosterTotals {
    /// Borrowers, each counted once.
    pub borrowers: usize,
    /// Contracts.
    pub contracts: usize,
    /// Principal due in this period.
    pub principal_due: Fen,
    /// Interest due in this period.
    pub interest_due: Fen,
    /// Penalty interest due in this period.
    pub penalty_due: Fen,
    /// The sum of the three.
    pub total_due: Fen,
}

/// One borrower with everything the list says of the family.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RosterHousehold {
    /// The borrower's name, as in the borrower's first row.
    pub borrower: CleanName,
    /// The borrower's identity number, which makes the rows one household.
    pub id: IdNumber,
    /// The borrower's numbers, faulty ones included, over all rows.
    pub phones: Vec<PhoneFinding>,
    /// Those who signed with the borrower, usually one; more when contracts name different people.
    pub co_borrowers: Vec<CoBorrower>,
    /// What township and village of the list mean.
    pub place: PlaceMatch,
    /// The township as the list has it.
    pub township_raw: String,
    /// The village as the list has it.
    pub village_raw: String,
    /// The address as the list has it.
    pub address_raw: String,
    /// Year of graduation.
    pub grad_year: Option<i32>,
    /// The contracts in the order of the sheet; never empty.
    pub contracts: Vec<RosterContract>,
}

/// A parent or guardian who signed with the borrower.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CoBorrower {
    /// The name.
    pub name: CleanName,
    /// What they are to the student: `母`.
    pub relation: Option<String>,
    /// The identity number; `None` when the list has none or a broken one.
    pub id: Option<IdNumber>,
    /// Their numbers, faulty ones included.
    pub phones: Vec<PhoneFinding>,
}

/// One contract with what falls due on it. All of it is the bank's word.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RosterContract {
    /// The row of the sheet, counted from 1 with title and header.
    pub sheet_row: u32,
    /// The contract number.
    pub contract_no: String,
    /// The academic year borrowed for: `2018-2019`.
    pub academic_year: Option<String>,
    /// Principal when signed.
    pub principal_orig: Option<Fen>,
    /// Principal outstanding.
    pub principal_left: Option<Fen>,
    /// The rate in force, parts per million a year.
    pub rate_ppm: Option<u32>,
    /// Principal due in this period.
    pub principal_due: Fen,
    /// Interest due in this period.
    pub interest_due: Fen,
    /// Penalty interest due in this period; zero when the list has no such column.
    pub penalty_due: Fen,
    /// The sum of the three, as the list states it too.
    pub total_due: Fen,
    /// The day it falls due.
    pub due_on: NaiveDate,
    /// The day the contract ends.
    pub maturity_on: Option<NaiveDate>,
    /// The account to pay into, in full: for the `id` section only.
    pub repay_account: Option<String>,
    /// The contract's status in the bank's word: `正常`.
    pub status: Option<String>,
}

/// How a person wants a list to be read, where it does not say so itself.
#[derive(Debug, Clone, Default)]
pub struct Wish {
    /// The data date of rows that state none.
    pub as_of: Option<NaiveDate>,
    /// How a text's bytes mean characters.
    pub encoding: Option<Encoding>,
    /// What headers mean.
    pub columns: Vec<Chosen>,
}

/// Reads the bank's due list, whatever kind of file it is. A row's data date comes from its own cell, else from the title
/// above the table, else from the wish; what the file itself says is never overridden.
///
/// # Errors
/// Not a workbook or too large a one; no table with the needed columns in it; no row; no data date anywhere.
pub fn read(reader: &Reader, bytes: &[u8], places: &PlaceTable, wish: &Wish) -> Result<Roster, RosterError> {
    let begin = |title: &[SheetRow], is_1904: bool| {
        let date_elsewhere = title.iter().find_map(cells::date_in_title).or(wish.as_of);
        gather::Gathering::new(places, date_elsewhere, is_1904)
    };
    let take = |gathering: &mut gather::Gathering<'_>, row: &SheetRow, layout: &Layout| gathering.take(row, layout);
    let (gathering, source) = scan(reader, bytes, wish, Kind::DueList, begin, take)?;
    gathering.finish(source)
}

/// Looks for the one sheet that has the columns of a kind of list, and hands its rows on: first those above the header, with
/// whether the workbook counts days from 1904, then each below it.
///
/// # Errors
/// Not a workbook or too large a one; no table with the needed columns in it, or several.
pub(crate) fn scan<T>(
    reader: &Reader,
    bytes: &[u8],
    wish: &Wish,
    kind: Kind,
    begin: impl FnOnce(&[SheetRow], bool) -> T,
    mut take: impl FnMut(&mut T, &SheetRow, &Layout),
) -> Result<(T, Source), RosterError> {
    let folded = |one: &Chosen| Chosen { header: cells::folded(&one.header), ..one.clone() };
    let chosen: Vec<Chosen> = wish.columns.iter().map(folded).collect();
    let mut workbook = reader.workbook(bytes, wish.encoding)?;
    let (format, encoding) = (workbook.format(), workbook.encoding());
    let (names, is_1904) = (workbook.names().to_vec(), workbook.is_1904());
    let mut nearest: Option<Lacking> = None;
    for name in &names {
        if !workbook.next_sheet()? {
            break;
        }
        let head = head_of(&mut workbook)?;
        let layout = match Layout::find(&head, &chosen, kind) {
            Ok(layout) => layout,
            Err(lacking) => {
                if nearest.as_ref().is_none_or(|known| lacking.missing.len() < known.missing.len()) {
                    nearest = Some(lacking);
                }
                continue;
            }
        };
        let title = head.iter().take_while(|row| row.number < layout.first_header_row).count();
        let mut taken = begin(head.get(..title).unwrap_or_default(), is_1904);
        for row in head.iter().filter(|row| row.number > layout.header_row) {
            take(&mut taken, row, &layout);
        }
        while let Some(row) = workbook.next_row()? {
            take(&mut taken, &row, &layout);
        }
        let others: Vec<String> = names.iter().filter(|other| *other != name).cloned().collect();
        // Families who stand on another sheet only would be taken for gone. What is wrong with one that is no list does not matter.
        while workbook.next_sheet().unwrap_or(false) {
            if head_of(&mut workbook).is_ok_and(|head| Layout::find(&head, &chosen, kind).is_ok()) {
                return Err(RosterError::SeveralLists);
            }
        }
        let by_choice =
            !chosen.is_empty() && Layout::find(&head, &[], kind).ok().is_none_or(|usual| usual.read() != layout.read());
        let columns = layout.read();
        let source = Source { format, encoding, sheet: name.clone(), other_sheets: others, columns, by_choice };
        return Ok((taken, source));
    }
    let nothing = || Lacking { missing: kind.required().to_vec(), columns: Vec::new() };
    Err(RosterError::NoHeader(nearest.unwrap_or_else(nothing)))
}

/// Some rows of a list.
pub(crate) struct Picked {
    /// The titles of its columns.
    pub(crate) titles: Vec<String>,
    /// Each row with its number in the sheet and its cells.
    pub(crate) rows: Vec<(u32, Vec<String>)>,
}

/// Titles and cells of these rows of a list, as text in the order of its columns: a known column under its usual title, whatever the
/// list calls it.
///
/// # Errors
/// As [`scan`].
pub(crate) fn rows(
    reader: &Reader,
    bytes: &[u8],
    wish: &Wish,
    kind: Kind,
    of: &BTreeMap<u32, String>,
) -> Result<Picked, RosterError> {
    let begin = |_: &[SheetRow], _: bool| Vec::new();
    let take = |taken: &mut Vec<SheetRow>, row: &SheetRow, _: &Layout| {
        if of.contains_key(&row.number) {
            taken.push(row.clone());
        }
    };
    let (taken, source) = scan(reader, bytes, wish, kind, begin, take)?;
    let title =
        |read: &ReadColumn| read.column.map_or_else(|| read.header.clone(), |column| column.title_zh().to_owned());
    let cells = |row: &SheetRow| {
        // Digits that a spreadsheet lost do not come back as zeros.
        let damaged = |read: &ReadColumn, cell: &foreign::Cell| {
            let number = [Column::BorrowerId, Column::CoBorrowerId, Column::ContractNo, Column::Reference];
            read.column.is_some_and(|column| number.contains(&column)) && !matches!(cell, foreign::Cell::Text(_))
        };
        let shown = |read: &ReadColumn| row.cells.get(&read.at).filter(|cell| !damaged(read, cell));
        let text = |read: &ReadColumn| shown(read).map(cells::text_of).unwrap_or_default();
        (row.number, source.columns.iter().map(text).collect())
    };
    Ok(Picked { titles: source.columns.iter().map(title).collect(), rows: taken.iter().map(cells).collect() })
}

/// The rows of this sheet among which its header is looked for.
fn head_of(workbook: &mut foreign::Workbook) -> Result<Vec<SheetRow>, RosterError> {
    let mut head = Vec::new();
    while head.len() < columns::HEADER_WITHIN
        && let Some(row) = workbook.next_row()?
    {
        head.push(row);
    }
    Ok(head)
}

/// The first visible sheet of a workbook as text, row by row, within the same limits: for the registries' plain sheets.
/// A row is its number, counted from 1, and its cells from the first column on.
///
/// # Errors
/// As [`read`], of the file alone.
pub fn table(reader: &Reader, bytes: &[u8]) -> Result<Vec<(u32, Vec<String>)>, RosterError> {
    let mut workbook = reader.workbook(bytes, None)?;
    let mut out = Vec::new();
    if workbook.next_sheet()? {
        while let Some(row) = workbook.next_row()? {
            let width = row.cells.last_key_value().map_or(0, |(last, _)| last.saturating_add(1));
            let cells = (0..width).map(|at| row.cells.get(&at).map(cells::text_of).unwrap_or_default()).collect();
            out.push((row.number, cells));
        }
    }
    Ok(out)
}

#[cfg(test)]
mod tests;

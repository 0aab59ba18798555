//! A workbook's rows, one after another, within the limits: the only place that touches the container's bytes.
//! Never holds a whole sheet, and opens nothing whose unpacked size it has not measured itself.

use calamine::{DataRef, Reader as _, SheetType, SheetVisible, Xlsx, XlsxCellReader, open_workbook_from_rs};
use chrono::NaiveDate;
use std::collections::BTreeMap;
use std::io::{Cursor, Read as _};

use super::faults::{RosterError, TooLarge};
use super::{MAX_BYTES, MAX_COLUMNS, MAX_ROWS, MAX_UNPACKED_BYTES};

/// One value of a sheet.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Cell {
    /// Text as it stands.
    Text(String),
    /// A number that carries no date format.
    Number(f64),
    /// A cell with a date format; `None` when its number is no day.
    Date(Option<NaiveDate>),
    /// A truth value, an error such as `#REF!`, a duration.
    Other,
}

/// One row with at least one filled cell.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct SheetRow {
    /// Its number as the spreadsheet shows it, from 1.
    pub(super) number: u32,
    /// Filled cells by column, from 0.
    pub(super) cells: BTreeMap<u32, Cell>,
}

/// An open workbook.
pub(super) struct Workbook<'b> {
    xlsx: Xlsx<Cursor<&'b [u8]>>,
}

/// Opens a workbook after measuring it.
pub(super) fn open(bytes: &[u8]) -> Result<Workbook<'_>, RosterError> {
    // The container of .xls and of .xlsx with a password.
    if bytes.starts_with(&[0xd0, 0xcf, 0x11, 0xe0]) {
        return Err(RosterError::OldOrLocked);
    }
    if !bytes.starts_with(b"PK") {
        return Err(RosterError::NotAWorkbook);
    }
    if bytes.len() > MAX_BYTES {
        return Err(RosterError::TooLarge(TooLarge::File));
    }
    measure(bytes)?;
    let xlsx = open_workbook_from_rs(Cursor::new(bytes)).map_err(damaged)?;
    Ok(Workbook { xlsx })
}

/// Refuses what unpacks beyond the limit, by what the container declares and, since that may lie, by unpacking it.
fn measure(bytes: &[u8]) -> Result<(), RosterError> {
    let broken = |source: zip::result::ZipError| RosterError::Container { source: Box::new(source) };
    let mut archive = zip::ZipArchive::new(Cursor::new(bytes)).map_err(broken)?;
    let mut declared: u64 = 0;
    for at in 0..archive.len() {
        declared = declared.saturating_add(archive.by_index_raw(at).map_err(broken)?.size());
        if declared > MAX_UNPACKED_BYTES {
            return Err(RosterError::TooLarge(TooLarge::Unpacked));
        }
    }
    let mut left = MAX_UNPACKED_BYTES;
    for at in 0..archive.len() {
        let entry = archive.by_index(at).map_err(broken)?;
        let copied = std::io::copy(&mut entry.take(left.saturating_add(1)), &mut std::io::sink())
            .map_err(|source| RosterError::Container { source: Box::new(source) })?;
        left = left.checked_sub(copied).ok_or(RosterError::TooLarge(TooLarge::Unpacked))?;
    }
    Ok(())
}

fn damaged(source: calamine::XlsxError) -> RosterError {
    RosterError::Damaged { source: Box::new(source) }
}

impl<'b> Workbook<'b> {
    /// The names of the sheets a person sees, in order, and whether the workbook counts days from 1904.
    pub(super) fn visible_sheets(&self) -> Result<(Vec<String>, bool), RosterError> {
        let sheets = self.xlsx.sheets_metadata().iter();
        let names: Vec<String> = sheets
            .filter(|s| s.typ == SheetType::WorkSheet && s.visible == SheetVisible::Visible)
            .map(|s| s.name.clone())
            .collect();
        if names.is_empty() {
            return Err(RosterError::Empty);
        }
        Ok((names, self.xlsx.has_1904_epoch()))
    }

    /// The rows of one sheet.
    pub(super) fn rows(&mut self, sheet: &str) -> Result<Rows<'_, 'b>, RosterError> {
        let reader = self.xlsx.worksheet_cells_reader(sheet).map_err(damaged)?;
        Ok(Rows { reader, ahead: None, seen: 0, ended: false })
    }
}

/// The rows of one sheet in order.
pub(super) struct Rows<'w, 'b> {
    reader: XlsxCellReader<'w, Cursor<&'b [u8]>>,
    /// The first cell of the row after the one last given.
    ahead: Option<(u32, u32, Cell)>,
    seen: usize,
    /// The reader must not be asked again after its last cell: it would read on into the rest of the sheet.
    ended: bool,
}

impl Rows<'_, '_> {
    /// The next rows, at most `count`.
    pub(super) fn take_up_to(&mut self, count: usize) -> Result<Vec<SheetRow>, RosterError> {
        let mut rows = Vec::new();
        while rows.len() < count {
            match self.next_row()? {
                Some(row) => rows.push(row),
                None => break,
            }
        }
        Ok(rows)
    }

    /// The next row that has a filled cell, `None` at the end.
    pub(super) fn next_row(&mut self) -> Result<Option<SheetRow>, RosterError> {
        let (row, column, cell) = match self.ahead.take() {
            Some(first) => first,
            None => match self.next_filled()? {
                Some(first) => first,
                None => return Ok(None),
            },
        };
        self.seen = self.seen.saturating_add(1);
        if self.seen > MAX_ROWS {
            return Err(RosterError::TooLarge(TooLarge::Rows));
        }
        let mut cells = BTreeMap::from([(column, cell)]);
        while let Some((next_row, column, cell)) = self.next_filled()? {
            if next_row == row {
                cells.insert(column, cell);
                continue;
            }
            // Spreadsheets write rows in order; a file that does not is not worth trusting with money.
            if next_row < row {
                return Err(RosterError::RowsOutOfOrder);
            }
            self.ahead = Some((next_row, column, cell));
            break;
        }
        Ok(Some(SheetRow { number: row.saturating_add(1), cells }))
    }

    fn next_filled(&mut self) -> Result<Option<(u32, u32, Cell)>, RosterError> {
        while !self.ended {
            let Some(found) = self.reader.next_cell().map_err(damaged)? else {
                self.ended = true;
                break;
            };
            let (row, column) = found.get_position();
            let cell = match found.get_value() {
                DataRef::Empty => continue,
                DataRef::String(text) => Cell::Text(text.clone()),
                DataRef::SharedString(text) => Cell::Text((*text).to_owned()),
                DataRef::DateTimeIso(text) => Cell::Text(text.clone()),
                DataRef::Float(number) => Cell::Number(*number),
                // Counts and years of the file are small; a larger integer is text in disguise and stays unreadable.
                DataRef::Int(number) => match i32::try_from(*number) {
                    Ok(small) => Cell::Number(f64::from(small)),
                    Err(_) => Cell::Other,
                },
                DataRef::DateTime(moment) if moment.is_datetime() => {
                    let (year, month, day, ..) = moment.to_ymd_hms_milli();
                    Cell::Date(NaiveDate::from_ymd_opt(i32::from(year), u32::from(month), u32::from(day)))
                }
                DataRef::DateTime(_) | DataRef::DurationIso(_) | DataRef::Bool(_) | DataRef::Error(_) => Cell::Other,
            };
            if let Cell::Text(text) = &cell
                && super::cells::visible(text).is_empty()
            {
                continue;
            }
            if column >= MAX_COLUMNS {
                return Err(RosterError::TooLarge(TooLarge::Columns));
            }
            return Ok(Some((row, column, cell)));
        }
        Ok(None)
    }
}

//! A workbook's rows, one after another, within the limits: the only place that touches the container's bytes, in the child.
//! Never holds a whole sheet, and opens nothing whose unpacked size it has not measured itself.

use calamine::{DataRef, Reader as _, SheetType, SheetVisible, Xlsx, XlsxCellReader, open_workbook_from_rs};
use chrono::NaiveDate;
use std::collections::BTreeMap;
use std::io::{Cursor, Read as _};

use serde::{Deserialize, Serialize};

use crate::{MAX_BYTES, MAX_COLUMNS, MAX_ROWS, MAX_UNPACKED_BYTES};

/// Which limit a workbook breaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum TooLarge {
    /// More than 10 MiB on disk.
    File,
    /// More than 100 MiB once unpacked.
    Unpacked,
    /// More than 100 000 rows.
    Rows,
    /// Something right of the 64th column.
    Columns,
}

/// Why a workbook cannot be read. What its reader met is not told: it may repeat what stands in the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub enum SheetFault {
    /// No container of a workbook: text, a web page under another name, a picture.
    #[error("the file is not an .xlsx workbook")]
    NotAWorkbook,
    /// A workbook of the old kind, or one with a password.
    #[error("the file is an .xls workbook of the old kind, or has a password")]
    OldOrLocked,
    /// The container is broken, cut short, or of some other kind of file.
    #[error("the workbook's container cannot be read")]
    Container,
    /// The container is whole, what is in it is not.
    #[error("the workbook is damaged")]
    Damaged,
    /// The workbook's reader broke off on something forged, took too long or asked for too much.
    #[error("the workbook's reader broke off")]
    ReaderFailed,
    /// Rows that do not follow each other.
    #[error("the rows of the sheet are out of order")]
    RowsOutOfOrder,
    /// A limit is broken.
    #[error("the workbook is too large: {0:?}")]
    TooLarge(TooLarge),
    /// No sheet that a person sees.
    #[error("no visible sheet")]
    Empty,
    /// The reader could not be started.
    #[error("no reader could be started")]
    NoReader,
}

/// The text without outer blanks and zero-width marks.
pub fn visible(text: &str) -> &str {
    text.trim_matches(|c: char| {
        c.is_whitespace()
            || matches!(c, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{2060}' | '\u{feff}' | '\u{202a}'..='\u{202e}')
    })
}

/// One value of a sheet.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Cell {
    /// Text as it stands.
    Text(String),
    /// A number that carries no date format.
    Number(#[serde(with = "bits")] f64),
    /// A cell with a date format; `None` when its number is no day.
    Date(Option<NaiveDate>),
    /// A truth value, an error such as `#REF!`, a duration.
    Other,
}

/// A number goes through the pipe bit by bit: as a decimal it could come out as its neighbour.
mod bits {
    use serde::{Deserialize as _, Deserializer, Serializer};

    #[expect(clippy::trivially_copy_pass_by_ref, reason = "as serde calls it")]
    pub(super) fn serialize<S: Serializer>(number: &f64, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_u64(number.to_bits())
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<f64, D::Error> {
        u64::deserialize(from).map(f64::from_bits)
    }
}

/// One row with at least one filled cell.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SheetRow {
    /// Its number as the spreadsheet shows it, from 1.
    pub number: u32,
    /// Filled cells by column, from 0.
    pub cells: BTreeMap<u32, Cell>,
}

/// An open workbook.
pub(crate) struct Workbook<'b> {
    xlsx: Xlsx<Cursor<&'b [u8]>>,
}

/// Opens a workbook after measuring it.
pub(crate) fn open(bytes: &[u8]) -> Result<Workbook<'_>, SheetFault> {
    // The container of .xls and of .xlsx with a password.
    if bytes.starts_with(&[0xd0, 0xcf, 0x11, 0xe0]) {
        return Err(SheetFault::OldOrLocked);
    }
    if !bytes.starts_with(b"PK") {
        return Err(SheetFault::NotAWorkbook);
    }
    if bytes.len() > MAX_BYTES {
        return Err(SheetFault::TooLarge(TooLarge::File));
    }
    measure(bytes)?;
    let xlsx = open_workbook_from_rs(Cursor::new(bytes)).map_err(damaged)?;
    Ok(Workbook { xlsx })
}

/// Refuses what unpacks beyond the limit, by what the container declares and, since that may lie, by unpacking it.
fn measure(bytes: &[u8]) -> Result<(), SheetFault> {
    let broken = |_told_otherwise: zip::result::ZipError| SheetFault::Container;
    let mut archive = zip::ZipArchive::new(Cursor::new(bytes)).map_err(broken)?;
    let mut declared: u64 = 0;
    for at in 0..archive.len() {
        declared = declared.saturating_add(archive.by_index_raw(at).map_err(broken)?.size());
        if declared > MAX_UNPACKED_BYTES {
            return Err(SheetFault::TooLarge(TooLarge::Unpacked));
        }
    }
    let mut left = MAX_UNPACKED_BYTES;
    for at in 0..archive.len() {
        let entry = archive.by_index(at).map_err(broken)?;
        let copied = std::io::copy(&mut entry.take(left.saturating_add(1)), &mut std::io::sink())
            .map_err(|_told_otherwise| SheetFault::Container)?;
        left = left.checked_sub(copied).ok_or(SheetFault::TooLarge(TooLarge::Unpacked))?;
    }
    Ok(())
}

fn damaged(_told_otherwise: calamine::XlsxError) -> SheetFault {
    SheetFault::Damaged
}

impl<'b> Workbook<'b> {
    /// The names of the sheets a person sees, in order, and whether the workbook counts days from 1904.
    pub(crate) fn visible_sheets(&self) -> Result<(Vec<String>, bool), SheetFault> {
        let sheets = self.xlsx.sheets_metadata().iter();
        let names: Vec<String> = sheets
            .filter(|s| s.typ == SheetType::WorkSheet && s.visible == SheetVisible::Visible)
            .map(|s| s.name.clone())
            .collect();
        if names.is_empty() {
            return Err(SheetFault::Empty);
        }
        Ok((names, self.xlsx.has_1904_epoch()))
    }

    /// The rows of one sheet.
    pub(crate) fn rows(&mut self, sheet: &str) -> Result<Rows<'_, 'b>, SheetFault> {
        let reader = self.xlsx.worksheet_cells_reader(sheet).map_err(damaged)?;
        Ok(Rows { reader, ahead: None, seen: 0, ended: false })
    }
}

/// The rows of one sheet in order.
pub(crate) struct Rows<'w, 'b> {
    reader: XlsxCellReader<'w, Cursor<&'b [u8]>>,
    /// The first cell of the row after the one last given.
    ahead: Option<(u32, u32, Cell)>,
    seen: usize,
    /// The reader must not be asked again after its last cell: it would read on into the rest of the sheet.
    ended: bool,
}

impl Rows<'_, '_> {
    /// The next row that has a filled cell, `None` at the end.
    pub(crate) fn next_row(&mut self) -> Result<Option<SheetRow>, SheetFault> {
        let (row, column, cell) = match self.ahead.take() {
            Some(first) => first,
            None => match self.next_filled()? {
                Some(first) => first,
                None => return Ok(None),
            },
        };
        self.seen = self.seen.saturating_add(1);
        if self.seen > MAX_ROWS {
            return Err(SheetFault::TooLarge(TooLarge::Rows));
        }
        let mut cells = BTreeMap::from([(column, cell)]);
        while let Some((next_row, column, cell)) = self.next_filled()? {
            if next_row == row {
                cells.insert(column, cell);
                continue;
            }
            // Spreadsheets write rows in order; a file that does not is not worth trusting with money.
            if next_row < row {
                return Err(SheetFault::RowsOutOfOrder);
            }
            self.ahead = Some((next_row, column, cell));
            break;
        }
        Ok(Some(SheetRow { number: row.saturating_add(1), cells }))
    }

    fn next_filled(&mut self) -> Result<Option<(u32, u32, Cell)>, SheetFault> {
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
                && visible(text).is_empty()
            {
                continue;
            }
            if column >= MAX_COLUMNS {
                return Err(SheetFault::TooLarge(TooLarge::Columns));
            }
            return Ok(Some((row, column, cell)));
        }
        Ok(None)
    }
}

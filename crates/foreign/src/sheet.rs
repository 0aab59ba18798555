//! The rows of a list, one after another, within the limits, whatever kind of file it came in: the only place that touches a
//! workbook's bytes, in the child. Of a workbook of today it never holds a whole sheet, and opens nothing whose unpacked
//! size it has not measured itself.

use calamine::{
    Data, DataRef, ExcelDateTime, Reader as _, Sheet, SheetType, SheetVisible, Xls, XlsError, Xlsx, XlsxCellReader,
    open_workbook_from_rs,
};
use chrono::NaiveDate;
use std::collections::BTreeMap;
use std::io::{Cursor, Read as _};

use serde::{Deserialize, Serialize};

use crate::text::{self, Encoding, Format, Text};
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
    /// Neither a workbook nor a text: a picture, a program.
    #[error("the file is neither a workbook nor a text")]
    NotAWorkbook,
    /// A workbook with a password.
    #[error("the workbook has a password")]
    Locked,
    /// Bytes that are no character in the encoding.
    #[error("line {line} holds bytes that are no character in this encoding")]
    Undecodable {
        /// The line, from 1.
        line: u32,
    },
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
    /// A quotation mark that nothing closes: what follows it would be one value.
    #[error("row {row} opens a quotation mark that swallows the next rows")]
    OpenQuote {
        /// The row, from 1.
        row: u32,
    },
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

/// An open list.
pub(crate) enum Workbook<'b> {
    Xlsx(Box<Xlsx<Cursor<&'b [u8]>>>),
    Xls(Box<Xls<Cursor<&'b [u8]>>>),
    Text(Text),
}

/// What is said of a list before its rows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Told {
    /// The names of the sheets that a person sees, in order; at least one.
    pub(crate) names: Vec<String>,
    /// Whether the workbook counts days from 1904.
    pub(crate) is_1904: bool,
    pub(crate) format: Format,
    /// How a text's bytes were understood.
    pub(crate) encoding: Option<Encoding>,
}

/// Opens a list by what its bytes are, whatever its name says; a workbook after measuring it. A text is read in the encoding
/// that somebody `chose`, or in the one that it shows.
pub(crate) fn open(bytes: &[u8], chose: Option<Encoding>) -> Result<Workbook<'_>, SheetFault> {
    if bytes.len() > MAX_BYTES {
        return Err(SheetFault::TooLarge(TooLarge::File));
    }
    // The container of .xls, and of .xlsx with a password.
    if bytes.starts_with(&[0xd0, 0xcf, 0x11, 0xe0]) {
        return match Xls::new(Cursor::new(bytes)) {
            Ok(xls) => Ok(Workbook::Xls(Box::new(xls))),
            Err(XlsError::Password) => Err(SheetFault::Locked),
            Err(_) if locked(bytes) => Err(SheetFault::Locked),
            Err(_) => Err(SheetFault::Damaged),
        };
    }
    if bytes.starts_with(b"%PDF") {
        return Err(SheetFault::NotAWorkbook);
    }
    if !bytes.starts_with(b"PK") {
        return text::read(bytes, chose).map(Workbook::Text);
    }
    measure(bytes)?;
    let xlsx = open_workbook_from_rs(Cursor::new(bytes)).map_err(damaged)?;
    Ok(Workbook::Xlsx(Box::new(xlsx)))
}

/// Whether the container holds a workbook that is encrypted as a whole: a stream of this name.
fn locked(bytes: &[u8]) -> bool {
    let name: Vec<u8> = "EncryptedPackage".encode_utf16().flat_map(u16::to_le_bytes).collect();
    bytes.windows(name.len()).any(|part| part == name)
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
    /// What is said before the rows.
    pub(crate) fn told(&self) -> Result<Told, SheetFault> {
        let (names, is_1904, format, encoding) = match self {
            Self::Xlsx(xlsx) => (shown(xlsx.sheets_metadata()), xlsx.has_1904_epoch(), Format::Xlsx, None),
            Self::Xls(xls) => (shown(xls.sheets_metadata()), xls.has_1904_epoch(), Format::Xls, None),
            Self::Text(text) => {
                let names = text.sheets.iter().map(|(name, _)| name.clone()).collect();
                (names, false, text.format, Some(text.encoding))
            }
        };
        if names.is_empty() {
            return Err(SheetFault::Empty);
        }
        Ok(Told { names, is_1904, format, encoding })
    }

    /// The rows of one sheet that have a filled cell, until a fault ends them.
    pub(crate) fn rows<'w>(&'w mut self, sheet: &str) -> Result<Box<dyn Iterator<Item = Row> + 'w>, SheetFault>
    where
        'b: 'w,
    {
        Ok(match self {
            Self::Xlsx(xlsx) => {
                let reader = xlsx.worksheet_cells_reader(sheet).map_err(damaged)?;
                Box::new(Rows { reader, ahead: None, seen: 0, ended: false })
            }
            Self::Xls(xls) => {
                let range = xls.worksheet_range(sheet).map_err(|_told_otherwise| SheetFault::Damaged)?;
                Box::new(old_rows(&range)?.into_iter().map(Ok))
            }
            Self::Text(text) => {
                let rows = text.sheets.iter_mut().find(|(name, _)| name == sheet).map(|(_, rows)| std::mem::take(rows));
                Box::new(rows.unwrap_or_default().into_iter().map(Ok))
            }
        })
    }
}

/// A row, or why there is no further one.
pub(crate) type Row = Result<SheetRow, SheetFault>;

fn shown(sheets: &[Sheet]) -> Vec<String> {
    let shown = sheets.iter().filter(|s| s.typ == SheetType::WorkSheet && s.visible == SheetVisible::Visible);
    shown.map(|s| s.name.clone()).collect()
}

/// The rows of a sheet of the old kind, which is held whole: it has 65,536 rows at most.
fn old_rows(range: &calamine::Range<Data>) -> Result<Vec<SheetRow>, SheetFault> {
    let (first_row, first_column) = range.start().unwrap_or_default();
    let mut out = Vec::new();
    for (number, row) in (first_row..).zip(range.rows()) {
        let mut cells = BTreeMap::new();
        for (column, value) in (first_column..).zip(row) {
            let cell = match value {
                Data::Empty => continue,
                Data::String(text) | Data::DateTimeIso(text) => Cell::Text(text.clone()),
                Data::Float(number) => Cell::Number(*number),
                Data::Int(number) => whole(*number),
                Data::DateTime(moment) => day_of(moment),
                Data::DurationIso(_) | Data::Bool(_) | Data::Error(_) => Cell::Other,
            };
            if cell.says_something() {
                if column >= MAX_COLUMNS {
                    return Err(SheetFault::TooLarge(TooLarge::Columns));
                }
                cells.insert(column, cell);
            }
        }
        if !cells.is_empty() {
            out.push(SheetRow { number: number.saturating_add(1), cells });
        }
    }
    if out.len() > MAX_ROWS { Err(SheetFault::TooLarge(TooLarge::Rows)) } else { Ok(out) }
}

/// Counts and years of a file are small; a larger integer is text in disguise and stays unreadable.
fn whole(number: i64) -> Cell {
    i32::try_from(number).map_or(Cell::Other, |small| Cell::Number(f64::from(small)))
}

fn day_of(moment: &ExcelDateTime) -> Cell {
    if !moment.is_datetime() {
        return Cell::Other;
    }
    let (year, month, day, ..) = moment.to_ymd_hms_milli();
    Cell::Date(NaiveDate::from_ymd_opt(i32::from(year), u32::from(month), u32::from(day)))
}

impl Cell {
    fn says_something(&self) -> bool {
        !matches!(self, Self::Text(text) if visible(text).is_empty())
    }
}

/// The rows of one sheet in order.
struct Rows<'w, 'b> {
    reader: XlsxCellReader<'w, Cursor<&'b [u8]>>,
    /// The first cell of the row after the one last given.
    ahead: Option<(u32, u32, Cell)>,
    seen: usize,
    /// The reader must not be asked again after its last cell: it would read on into the rest of the sheet.
    ended: bool,
}

impl Iterator for Rows<'_, '_> {
    type Item = Row;

    fn next(&mut self) -> Option<Row> {
        self.next_row().transpose()
    }
}

impl Rows<'_, '_> {
    /// The next row that has a filled cell, `None` at the end.
    fn next_row(&mut self) -> Result<Option<SheetRow>, SheetFault> {
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
                DataRef::Int(number) => whole(*number),
                DataRef::DateTime(moment) => day_of(moment),
                DataRef::DurationIso(_) | DataRef::Bool(_) | DataRef::Error(_) => Cell::Other,
            };
            if !cell.says_something() {
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

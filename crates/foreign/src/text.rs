//! Lists that are text: values between commas or tabs, and web pages that banks' systems save under the name of a workbook.
//! Read in the child. A byte that the encoding does not know is told with its line, never replaced.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use encoding_rs::{GB18030, UTF_16BE, UTF_16LE};
use html5ever::tendril::StrTendril;
use html5ever::tokenizer::states::RawKind;
use html5ever::tokenizer::{BufferQueue, Tag, TagKind, Token, TokenSink, TokenSinkResult, Tokenizer, TokenizerOpts};
use serde::{Deserialize, Serialize};

use crate::sheet::{Cell, SheetFault, SheetRow, TooLarge, visible};
use crate::{MAX_COLUMNS, MAX_ROWS};

/// How a text's bytes mean characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Encoding {
    /// UTF-8, with or without its mark.
    Utf8,
    /// GB18030, of which GBK and GB2312 are parts.
    Gb18030,
    /// UTF-16, the lower byte first: what a spreadsheet calls Unicode text.
    Utf16Le,
    /// UTF-16, the higher byte first.
    Utf16Be,
}

impl Encoding {
    /// The one whose mark stands at the beginning, and the mark's length.
    fn marked(bytes: &[u8]) -> Option<(Self, usize)> {
        match bytes {
            [0xef, 0xbb, 0xbf, ..] => Some((Self::Utf8, 3)),
            [0xff, 0xfe, ..] => Some((Self::Utf16Le, 2)),
            [0xfe, 0xff, ..] => Some((Self::Utf16Be, 2)),
            _ => None,
        }
    }

    /// By the look of the bytes. Lists are full of digits and commas, whose higher byte in UTF-16 is zero.
    fn guessed(bytes: &[u8]) -> Self {
        let zeros = |odd: usize| bytes.iter().skip(odd).step_by(2).filter(|byte| **byte == 0).count();
        let (high_first, low_first) = (zeros(0), zeros(1));
        let many = bytes.len() / 10;
        if low_first > many && low_first > high_first {
            Self::Utf16Le
        } else if high_first > many {
            Self::Utf16Be
        } else if std::str::from_utf8(bytes).is_ok() {
            Self::Utf8
        } else {
            Self::Gb18030
        }
    }

    /// The text, or the line (from 1) of the first bytes that are no character.
    fn decode(self, bytes: &[u8]) -> Result<String, u32> {
        let line = |text: &str| u32::try_from(text.matches('\n').count()).unwrap_or(u32::MAX).saturating_add(1);
        let encoding = match self {
            Self::Utf8 => {
                return match std::str::from_utf8(bytes) {
                    Ok(text) => Ok(text.to_owned()),
                    Err(error) => {
                        let good = bytes.get(..error.valid_up_to()).unwrap_or_default();
                        Err(line(std::str::from_utf8(good).unwrap_or_default()))
                    }
                };
            }
            Self::Gb18030 => GB18030,
            Self::Utf16Le => UTF_16LE,
            Self::Utf16Be => UTF_16BE,
        };
        let mut decoder = encoding.new_decoder_without_bom_handling();
        let room = decoder.max_utf8_buffer_length_without_replacement(bytes.len()).unwrap_or(0);
        let mut text = String::with_capacity(room);
        let (result, _) = decoder.decode_to_string_without_replacement(bytes, &mut text, true);
        match result {
            encoding_rs::DecoderResult::InputEmpty => Ok(text),
            encoding_rs::DecoderResult::Malformed(..) | encoding_rs::DecoderResult::OutputFull => Err(line(&text)),
        }
    }
}

/// What kind of file a list came in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Format {
    /// A workbook of today.
    Xlsx,
    /// A workbook of the old kind.
    Xls,
    /// A web page with a table, often called a workbook.
    Html,
    /// Values between commas, tabs, semicolons or strokes.
    Text,
}

/// A text that was understood.
pub(crate) struct Text {
    pub(crate) format: Format,
    pub(crate) encoding: Encoding,
    /// Name and rows of each table.
    pub(crate) sheets: Vec<(String, Vec<SheetRow>)>,
}

/// Reads a text, in the encoding that somebody chose or that it shows.
pub(crate) fn read(bytes: &[u8], chosen: Option<Encoding>) -> Result<Text, SheetFault> {
    let marked = Encoding::marked(bytes);
    let said =
        marked.map(|(encoding, _)| encoding).or_else(|| declared(bytes).filter(|said| said.decode(bytes).is_ok()));
    let encoding = chosen.or(said).unwrap_or_else(|| Encoding::guessed(bytes));
    let mark = marked.filter(|(mark, _)| *mark == encoding).map_or(0, |(_, length)| length);
    let text = encoding.decode(bytes.get(mark..).unwrap_or_default());
    // A picture or a program is no text, whatever its bytes could mean.
    let wide = matches!(encoding, Encoding::Utf16Le | Encoding::Utf16Be);
    let control = |c: char| c.is_control() && !matches!(c, '\t' | '\r' | '\n' | '\u{c}' | '\u{1a}' | '\u{85}');
    if !wide && bytes.contains(&0) || text.as_ref().is_ok_and(|text| text.chars().any(control)) {
        return Err(SheetFault::NotAWorkbook);
    }
    let text = text.map_err(|line| SheetFault::Undecodable { line })?;
    if text.trim_start().starts_with('<') && text.to_ascii_lowercase().contains("<table") {
        let sheets = tables(&text)?;
        return Ok(Text { format: Format::Html, encoding, sheets });
    }
    Ok(Text { format: Format::Text, encoding, sheets: vec![("全文".to_owned(), values(&text)?)] })
}

/// What a web page says of its own bytes.
fn declared(bytes: &[u8]) -> Option<Encoding> {
    const WITHIN: usize = 2_048;
    let head: String = bytes.iter().take(WITHIN).map(|byte| char::from(byte.to_ascii_lowercase())).collect();
    if !head.trim_start().starts_with('<') {
        return None;
    }
    let (_, after) = head.split_once("charset=")?;
    let name = after.trim_start_matches(['"', '\'', ' ']);
    if name.starts_with("gb") {
        Some(Encoding::Gb18030)
    } else if name.starts_with("utf-8") || name.starts_with("utf8") {
        Some(Encoding::Utf8)
    } else {
        None
    }
}

/// What may stand between values; where two cut alike the first counts.
const BETWEEN: [u8; 4] = [b'\t', b',', b';', b'|'];
/// By so many filled lines it is judged what stands between values.
const JUDGED: usize = 40;

fn reader(text: &str, between: u8) -> csv::Reader<&[u8]> {
    csv::ReaderBuilder::new().has_headers(false).flexible(true).delimiter(between).from_reader(text.as_bytes())
}

/// The rows of a text with values between marks.
fn values(text: &str) -> Result<Vec<SheetRow>, SheetFault> {
    let widths = |between: u8| {
        let mut widths: Vec<usize> =
            reader(text, between).records().take(JUDGED).filter_map(Result::ok).map(|record| record.len()).collect();
        widths.sort_unstable();
        widths.get(widths.len() / 2).copied().unwrap_or(0)
    };
    let between = BETWEEN.into_iter().rev().max_by_key(|between| widths(*between)).unwrap_or(b',');
    let mut rows: Vec<SheetRow> = Vec::new();
    let mut number = 0_u32;
    for record in reader(text, between).records() {
        let record = record.map_err(|_told_otherwise| SheetFault::Damaged)?;
        // A blank line is a row of a spreadsheet, too. The reader passes over it after it has said where it stands.
        let begins = record.position().and_then(|at| usize::try_from(at.byte()).ok()).unwrap_or(0);
        let rest = text.get(begins..).unwrap_or_default();
        // The reader ends a row at the first of the two marks that end a line.
        let after_return = text.get(..begins).is_some_and(|before| before.ends_with('\r'));
        let rest = rest.strip_prefix('\n').filter(|_| after_return).unwrap_or(rest);
        number = number.saturating_add(blank_lines(rest)).saturating_add(1);
        let swallows = |value: &str| value.lines().skip(1).any(|line| line.contains(char::from(between)));
        if record.iter().any(swallows) {
            return Err(SheetFault::OpenQuote { row: number });
        }
        push(&mut rows, number, record.iter().map(unguarded).enumerate())?;
    }
    Ok(rows)
}

/// Empty lines at the beginning of a text, however they end.
fn blank_lines(text: &str) -> u32 {
    let rest = text.trim_start_matches(['\r', '\n']);
    let breaks = text.get(..text.len().saturating_sub(rest.len())).unwrap_or_default();
    let lines = breaks.matches("\r\n").count().max(breaks.matches('\n').count());
    let lone = breaks.matches('\r').count().saturating_sub(breaks.matches("\r\n").count());
    u32::try_from(lines.saturating_add(lone)).unwrap_or(u32::MAX)
}

/// A value that somebody kept from a spreadsheet's meddling as `="0123"`.
fn unguarded(value: &str) -> &str {
    value.strip_prefix("=\"").and_then(|rest| rest.strip_suffix('"')).unwrap_or(value)
}

/// Adds a row with its filled cells, if it has any.
fn push<'t>(
    rows: &mut Vec<SheetRow>,
    number: u32,
    values: impl Iterator<Item = (usize, &'t str)>,
) -> Result<(), SheetFault> {
    let mut cells = BTreeMap::new();
    for (column, value) in values.filter(|(_, value)| !visible(value).is_empty()) {
        let column = u32::try_from(column).ok().filter(|column| *column < MAX_COLUMNS);
        cells.insert(column.ok_or(SheetFault::TooLarge(TooLarge::Columns))?, Cell::Text(value.to_owned()));
    }
    if !cells.is_empty() {
        if rows.len() >= MAX_ROWS {
            return Err(SheetFault::TooLarge(TooLarge::Rows));
        }
        rows.push(SheetRow { number, cells });
    }
    Ok(())
}

/// The tables of a web page, one within another as a part of the outer one's cell.
fn tables(text: &str) -> Result<Vec<(String, Vec<SheetRow>)>, SheetFault> {
    let tokenizer = Tokenizer::new(Tables::default(), TokenizerOpts::default());
    let queue = BufferQueue::default();
    queue.push_back(StrTendril::from(text));
    // It stops early only for scripts that somebody wants to run, and nobody does.
    let _all_is_read = tokenizer.feed(&queue);
    tokenizer.end();
    let mut page = tokenizer.sink.0.into_inner();
    page.end_row();
    if let Some(fault) = page.fault {
        return Err(fault);
    }
    let filled = page.sheets.into_iter().filter(|rows| !rows.is_empty()).enumerate();
    let sheets: Vec<_> = filled.map(|(at, rows)| (format!("表{}", at.saturating_add(1)), rows)).collect();
    if sheets.is_empty() { Err(SheetFault::Empty) } else { Ok(sheets) }
}

#[derive(Default)]
struct Tables(RefCell<Page>);

/// A web page on its way to rows.
#[derive(Default)]
struct Page {
    sheets: Vec<Vec<SheetRow>>,
    /// How many tables are open, one within the other.
    depth: u32,
    /// The number of the row that is open or was last.
    number: u32,
    in_row: bool,
    /// Where the next cell stands.
    column: u32,
    /// The text of the open cell.
    cell: Option<String>,
    cells: BTreeMap<u32, String>,
    /// Places that a cell covers: its own, and those of other columns and rows.
    covered: BTreeSet<(u32, u32)>,
    fault: Option<SheetFault>,
}

/// No cell covers more than this, whatever it says.
const MOST_SPAN: u32 = 1_000;

impl Page {
    fn end_cell(&mut self) {
        if let Some(text) = self.cell.take() {
            let words: Vec<&str> = text.split_whitespace().collect();
            if !words.is_empty() && self.column < MAX_COLUMNS {
                self.cells.insert(self.column, words.join(" "));
            } else if !words.is_empty() {
                self.fault.get_or_insert(SheetFault::TooLarge(TooLarge::Columns));
            }
        }
    }

    /// What stands apart on the page stands apart in the cell.
    fn part_words(&mut self) {
        if let Some(text) = &mut self.cell {
            text.push(' ');
        }
    }

    fn end_row(&mut self) {
        self.end_cell();
        self.in_row = false;
        let cells = std::mem::take(&mut self.cells);
        let values = cells.iter().filter_map(|(column, text)| Some((usize::try_from(*column).ok()?, text.as_str())));
        if let Some(rows) = self.sheets.last_mut()
            && let Err(fault) = push(rows, self.number, values)
        {
            self.fault.get_or_insert(fault);
        }
    }

    fn begin_row(&mut self) {
        self.end_row();
        self.number = self.number.saturating_add(1);
        self.in_row = true;
        self.column = 0;
        let number = self.number;
        self.covered.retain(|(row, _)| *row >= number);
    }

    fn begin_cell(&mut self, tag: &Tag) {
        if !self.in_row {
            self.begin_row();
        }
        let span = |name: &str| {
            let said = tag.attrs.iter().find(|attr| &*attr.name.local == name);
            said.and_then(|attr| attr.value.trim().parse::<u32>().ok()).unwrap_or(1).clamp(1, MOST_SPAN)
        };
        self.end_cell();
        while self.covered.contains(&(self.number, self.column)) {
            self.column = self.column.saturating_add(1);
        }
        let (wide, high) = (span("colspan").min(MAX_COLUMNS), span("rowspan"));
        // The other places of a merged cell stay empty, as in a workbook.
        let columns = self.column..self.column.saturating_add(wide).min(MAX_COLUMNS);
        for row in 0..high {
            let row = self.number.saturating_add(row);
            self.covered.extend(columns.clone().map(|column| (row, column)));
        }
        self.cell = Some(String::new());
    }

    fn tag(&mut self, tag: &Tag) {
        if self.fault.is_some() {
            return;
        }
        let (name, opens) = (&*tag.name, tag.kind == TagKind::StartTag);
        match (name, opens) {
            ("table", true) => {
                if self.depth == 0 {
                    self.end_row();
                    self.sheets.push(Vec::new());
                    (self.number, self.covered) = (0, BTreeSet::new());
                }
                self.depth = self.depth.saturating_add(1);
            }
            ("table", false) => {
                self.depth = self.depth.saturating_sub(1);
                if self.depth == 0 {
                    self.end_row();
                }
            }
            ("br" | "p" | "div", _) => self.part_words(),
            ("td" | "th" | "tr", true) if self.depth > 1 => self.part_words(),
            _ if self.depth != 1 => {}
            ("tr", true) => self.begin_row(),
            ("tr", false) => self.end_row(),
            ("td" | "th", true) => self.begin_cell(tag),
            ("td" | "th", false) => self.end_cell(),
            _ => {}
        }
    }
}

impl TokenSink for Tables {
    type Handle = ();

    fn process_token(&self, token: Token, _line: u64) -> TokenSinkResult<()> {
        let mut page = self.0.borrow_mut();
        match token {
            Token::TagToken(tag) => {
                page.tag(&tag);
                let raw = tag.kind == TagKind::StartTag && !tag.self_closing;
                match &*tag.name {
                    "style" | "xml" if raw => return TokenSinkResult::RawData(RawKind::Rawtext),
                    "script" if raw => return TokenSinkResult::RawData(RawKind::ScriptData),
                    "title" | "textarea" if raw => return TokenSinkResult::RawData(RawKind::Rcdata),
                    _ => {}
                }
            }
            Token::CharacterTokens(text) => {
                if let Some(cell) = &mut page.cell {
                    cell.push_str(&text);
                }
            }
            Token::DoctypeToken(_)
            | Token::CommentToken(_)
            | Token::NullCharacterToken
            | Token::EOFToken
            | Token::ParseError(_) => {}
        }
        TokenSinkResult::Continue
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::expect_used, clippy::indexing_slicing, reason = "a test that cannot go on stops")]
    use super::*;

    fn rows_of(bytes: &[u8], chosen: Option<Encoding>) -> Vec<(u32, Vec<(u32, String)>)> {
        let read = read(bytes, chosen).expect("a text");
        let rows = read.sheets[0].1.clone();
        let cell = |(column, cell): (u32, Cell)| match cell {
            Cell::Text(text) => (column, text),
            Cell::Number(_) | Cell::Date(_) | Cell::Other => (column, String::new()),
        };
        rows.into_iter().map(|row| (row.number, row.cells.into_iter().map(cell).collect())).collect()
    }

    fn wide(text: &str, low_first: bool, mark: bool) -> Vec<u8> {
        let units = mark.then_some(0xfeff).into_iter().chain(text.encode_utf16());
        units.flat_map(|unit: u16| if low_first { unit.to_le_bytes() } else { unit.to_be_bytes() }).collect()
    }

    #[test]
    fn each_encoding_is_seen_with_its_mark_and_without() {
        let text = "合同编号,借款学生姓名\n410420150327903,䶮𬴂\n";
        let gb = GB18030.encode(text).0.into_owned();
        let utf8 = text.as_bytes().to_vec();
        let marked = [&[0xef, 0xbb, 0xbf], text.as_bytes()].concat();
        for (bytes, encoding) in [
            (gb, Encoding::Gb18030),
            (utf8, Encoding::Utf8),
            (marked, Encoding::Utf8),
            (wide(text, true, true), Encoding::Utf16Le),
            (wide(text, false, true), Encoding::Utf16Be),
            (wide(text, true, false), Encoding::Utf16Le),
            (wide(text, false, false), Encoding::Utf16Be),
        ] {
            let seen = read(&bytes, None).expect("a text");
            assert_eq!((seen.encoding, seen.format), (encoding, Format::Text));
            let rows = rows_of(&bytes, Some(encoding));
            assert_eq!(rows[1], (2, vec![(0, "410420150327903".to_owned()), (1, "䶮𬴂".to_owned())]), "{encoding:?}");
        }
    }

    #[test]
    fn what_is_no_character_is_told_with_its_line_and_nothing_is_replaced() {
        let mut bytes = "一,二\n三,四\n".as_bytes().to_vec();
        bytes.extend([0xff, b',', b'x', b'\n']);
        assert_eq!(read(&bytes, Some(Encoding::Utf8)).err(), Some(SheetFault::Undecodable { line: 3 }));
        assert_eq!(read(&[0x89, b'P', b'N', b'G', 13, 10, 26, 10, 0, 0], None).err(), Some(SheetFault::NotAWorkbook));
        assert_eq!(read(b"\x01\x02\x03", None).err(), Some(SheetFault::NotAWorkbook));
    }

    #[test]
    fn rows_have_the_numbers_that_a_spreadsheet_shows_and_marks_are_found() {
        let text = "标题\n\n甲;乙;丙\n1;\"a\nb\";3\n\n=\"007\";;'8\n";
        assert_eq!(
            rows_of(text.as_bytes(), None),
            [
                (1, vec![(0, "标题".to_owned())]),
                (3, vec![(0, "甲".to_owned()), (1, "乙".to_owned()), (2, "丙".to_owned())]),
                (4, vec![(0, "1".to_owned()), (1, "a\nb".to_owned()), (2, "3".to_owned())]),
                (6, vec![(0, "007".to_owned()), (2, "'8".to_owned())]),
            ]
        );
        let windows = "甲,乙\r\n1,2\r\n\r\n3,4\r\n\r\n\r\n5,6";
        let numbers: Vec<u32> = rows_of(windows.as_bytes(), None).into_iter().map(|(number, _)| number).collect();
        assert_eq!(numbers, [1, 2, 4, 7]);
        let old: Vec<u32> = rows_of(b"a,b\r1,2\r\r3,4\r", None).into_iter().map(|(number, _)| number).collect();
        assert_eq!(old, [1, 2, 4]);
        let tabs = "甲\t乙,丙\n1\t2,3\n";
        assert_eq!(rows_of(tabs.as_bytes(), None)[1].1, [(0, "1".to_owned()), (1, "2,3".to_owned())]);
    }

    #[test]
    fn a_web_page_is_its_tables_with_merged_cells_where_they_stand() {
        let page = "<html><head><meta charset=gb2312><style>td{x:'</td>'}</style><script>'<td>'</script></head><body>\
            <table><tr><td colspan=3>名单&nbsp;一</td></tr><TR><th rowspan=2>甲<th>乙<th>丙</TR>\
            <tr><td>二<td>三 &amp; 四</tr><tr></tr><tr><td>五<br>六<td><table><tr><td>里</table><td> </tr></table>\
            <p>x</p><table><tr><td>另</td></tr></table></body></html>";
        let bytes = GB18030.encode(page).0.into_owned();
        let read = read(&bytes, None).expect("a page");
        assert_eq!((read.format, read.encoding), (Format::Html, Encoding::Gb18030));
        assert_eq!(read.sheets.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(), ["表1", "表2"]);
        let text = |text: &str| text.to_owned();
        assert_eq!(
            rows_of(&bytes, None),
            [
                (1, vec![(0, text("名单 一"))]),
                (2, vec![(0, text("甲")), (1, text("乙")), (2, text("丙"))]),
                (3, vec![(1, text("二")), (2, text("三 & 四"))]),
                (5, vec![(0, text("五 六")), (1, text("里"))]),
            ]
        );
    }

    #[test]
    fn a_quotation_mark_that_nothing_closes_swallows_no_row() {
        let open = "甲|乙|备注\n1|2|\"已联系\n3|4|好\n合计|6|\n";
        assert_eq!(read(open.as_bytes(), None).err(), Some(SheetFault::OpenQuote { row: 2 }));
        let closed_late = "甲,乙\n\"1,2\n3,4\n5\",6\n";
        assert_eq!(read(closed_late.as_bytes(), None).err(), Some(SheetFault::OpenQuote { row: 2 }));
        assert!(read("甲,乙\n\"一\n二\",2\n".as_bytes(), None).is_ok(), "two lines in one cell");
    }

    #[test]
    fn what_breaks_a_limit_is_refused() {
        let wide = format!("{}x\n", "a,".repeat(64));
        assert_eq!(read(wide.as_bytes(), None).err(), Some(SheetFault::TooLarge(TooLarge::Columns)));
        let long = "a,b\n".repeat(MAX_ROWS + 1);
        assert_eq!(read(long.as_bytes(), None).err(), Some(SheetFault::TooLarge(TooLarge::Rows)));
        let page = format!("<table><tr>{}</tr></table>", "<td>x</td>".repeat(65));
        assert_eq!(read(page.as_bytes(), None).err(), Some(SheetFault::TooLarge(TooLarge::Columns)));
        let covering = "<table><tr><td colspan=4000000000 rowspan=4000000000>x</td></tr></table>";
        assert!(read(covering.as_bytes(), None).is_ok());
    }
}

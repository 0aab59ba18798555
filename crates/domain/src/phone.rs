//! Phone numbers as they stand in rosters: several in a cell, with prefixes, brackets and placeholders.
//! A number that cannot be read is kept as it was written and named as faulty; it is never guessed or completed.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

use crate::money::{half_width, is_blank};

/// A mainland number in one spelling: a mobile as eleven digits, a landline as `0375-1234567` with `-12` for an extension.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
#[cfg_attr(feature = "api", derive(schemars::JsonSchema, ts_rs::TS))]
#[cfg_attr(feature = "api", ts(type = "string"))]
pub struct PhoneNumber(String);

/// Why a piece of text is no number to call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, thiserror::Error)]
#[cfg_attr(feature = "api", derive(schemars::JsonSchema, ts_rs::TS))]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum PhoneFault {
    /// A number somebody typed because the form asked for one: `11111111111`, `13800000000`.
    #[error("a placeholder, not a number")]
    Placeholder,
    /// Digits, but too few or too many for a mobile or a landline with its area code.
    #[error("wrong number of digits")]
    Digits,
    /// No number at all.
    #[error("not a phone number")]
    NotANumber,
}

impl PhoneFault {
    /// The fault in words for the person at the desk.
    pub fn sentence_zh(self) -> &'static str {
        match self {
            Self::Placeholder => "是凑数的号码，打不通",
            Self::Digits => "位数不对",
            Self::NotANumber => "不是电话号码",
        }
    }
}

/// One number, or one piece of text that should have been one, found in a cell.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "api", derive(schemars::JsonSchema, ts_rs::TS))]
pub struct PhoneFinding {
    /// The piece as it was written, outer blanks removed.
    pub raw: String,
    /// The number, when it is one.
    pub number: Option<PhoneNumber>,
    /// Whose it is, when a note stands beside it: `姨`.
    pub relation: Option<String>,
    /// Why there is no number; `None` exactly when there is one.
    pub fault: Option<PhoneFault>,
}

impl PhoneNumber {
    /// The number in its one spelling.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it is a mobile, which can receive a message.
    pub fn is_mobile(&self) -> bool {
        self.0.starts_with('1')
    }

    /// Its last four digits, for search.
    pub fn tail(&self) -> String {
        let digits: Vec<char> = self.0.chars().filter(char::is_ascii_digit).collect();
        digits.iter().skip(digits.len().saturating_sub(4)).collect()
    }
}

impl FromStr for PhoneNumber {
    type Err = PhoneFault;

    /// Reads one number with blanks, dashes, full-width digits and the prefixes `+86`, `0086`, `86`, `0` and `17951`.
    fn from_str(text: &str) -> Result<Self, PhoneFault> {
        let folded: String = text
            .chars()
            .map(half_width)
            .map(|c| if matches!(c, '—' | '–' | '‐' | '‑') { '-' } else { c })
            .filter(|c| !is_blank(*c))
            .collect();
        let dialled = folded.strip_prefix('+').unwrap_or(&folded);
        if dialled.is_empty() || !dialled.chars().all(|c| c.is_ascii_digit() || c == '-') {
            return Err(PhoneFault::NotANumber);
        }
        let digits: String = dialled.chars().filter(char::is_ascii_digit).collect();
        if digits.is_empty() {
            return Err(PhoneFault::NotANumber);
        }
        if is_placeholder(&digits) {
            return Err(PhoneFault::Placeholder);
        }
        if let Some(mobile) = mobile_in(&digits) {
            return if is_placeholder(mobile) { Err(PhoneFault::Placeholder) } else { Ok(Self(mobile.to_owned())) };
        }
        landline_in(dialled).map(Self).ok_or(PhoneFault::Digits)
    }
}

impl TryFrom<String> for PhoneNumber {
    type Error = PhoneFault;
    fn try_from(text: String) -> Result<Self, PhoneFault> {
        text.parse()
    }
}

impl From<PhoneNumber> for String {
    fn from(number: PhoneNumber) -> Self {
        number.0
    }
}

impl fmt::Display for PhoneNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Every number in a cell, in order, without repetition. A cell that says in words that there is none (`无`, `-`)
/// yields nothing.
pub fn split_cell(cell: &str) -> Vec<PhoneFinding> {
    let mut findings: Vec<PhoneFinding> = Vec::new();
    for piece in pieces(cell) {
        for finding in findings_in(&piece) {
            let repeats = finding.number.is_some() && findings.iter().any(|f| f.number == finding.number);
            if !repeats {
                findings.push(finding);
            }
        }
    }
    findings
}

/// The cell cut at every mark that stands between two numbers, brackets kept whole when they are balanced.
fn pieces(cell: &str) -> Vec<String> {
    let opened = cell.chars().filter(|c| matches!(c, '(' | '（')).count();
    let closed = cell.chars().filter(|c| matches!(c, ')' | '）')).count();
    let balanced = opened == closed;
    let mut pieces = Vec::new();
    let mut piece = String::new();
    let mut inside = false;
    for c in cell.chars() {
        match c {
            '(' | '（' if balanced => inside = true,
            ')' | '）' if balanced => inside = false,
            _ => {}
        }
        if !inside && matches!(c, '/' | '、' | '，' | ',' | ';' | '；' | '\n' | '\r' | '|' | '／' | '\\') {
            pieces.push(std::mem::take(&mut piece));
        } else {
            piece.push(c);
        }
    }
    pieces.push(piece);
    pieces.retain(|p| !says_none(p));
    pieces
}

fn says_none(piece: &str) -> bool {
    let word: String = piece.chars().map(half_width).filter(|c| !is_blank(*c)).collect();
    matches!(word.as_str(), "" | "无" | "没有" | "暂无" | "空" | "不详" | "未知" | "-" | "--" | "—" | "——" | "0")
}

/// A piece holds one number with blanks in it, or several numbers with blanks between them.
fn findings_in(piece: &str) -> Vec<PhoneFinding> {
    let raw = piece.trim_matches(is_blank);
    let whole = finding_of(raw);
    if whole.number.is_some() {
        return vec![whole];
    }
    let joined = close_up_brackets(raw);
    let words: Vec<&str> = joined.split(is_blank).filter(|w| !w.is_empty()).collect();
    let mut found = Vec::new();
    let mut rest = words.as_slice();
    while let Some((first, after)) = rest.split_first() {
        let whole_number = (1..=rest.len()).find_map(|n| {
            let (taken, left) = rest.split_at_checked(n)?;
            let finding = finding_of(&taken.join(" "));
            finding.number.is_some().then_some((finding, left))
        });
        match whole_number {
            Some((finding, left)) => {
                found.push(finding);
                rest = left;
            }
            None => {
                found.push(finding_of(first));
                rest = after;
            }
        }
    }
    // Nothing in it can be called: one fault for the whole, not one for each word.
    if found.iter().any(|f| f.number.is_some()) { found } else { vec![whole] }
}

fn close_up_brackets(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if matches!(c, '(' | '（') {
            out.truncate(out.trim_end_matches(is_blank).len());
        }
        out.push(c);
    }
    out
}

/// Reads one number and the note beside it: in brackets, or Chinese words before or after the digits.
fn finding_of(raw: &str) -> PhoneFinding {
    let (outside, bracketed) = match raw.find(['(', '（']) {
        Some(open) => {
            // The first closing bracket: a second number behind it must stay a second number.
            let close = raw.get(open..).and_then(|from| from.find([')', '）'])).and_then(|at| at.checked_add(open));
            let before = raw.get(..open).unwrap_or_default();
            let from_bracket = raw.get(open..).unwrap_or_default();
            let after = close.and_then(|at| raw.get(at..)).unwrap_or_default();
            let inner = match close {
                Some(at) => raw.get(open..at).unwrap_or(from_bracket),
                None => from_bracket,
            };
            let strip =
                |t: &str| t.trim_matches(|c: char| matches!(c, '(' | '（' | ')' | '）') || is_blank(c)).to_owned();
            (format!("{before}{}", strip(after)), Some(strip(inner)))
        }
        None => (raw.to_owned(), None),
    };
    // `(0375)1234567`: the bracket holds the area code, not a note.
    let (outside, bracketed) = match bracketed {
        Some(inner)
            if !inner.is_empty() && inner.chars().all(|c| half_width(c).is_ascii_digit()) && !outside.is_empty() =>
        {
            (format!("{inner}-{}", outside.trim_start_matches('-')), None)
        }
        other => (outside, other),
    };
    let is_note = |c: char| !half_width(c).is_ascii();
    let is_edge = |c: char| is_note(c) || is_blank(c) || matches!(c, ':' | '：');
    let lead_end = outside.find(|c| !is_edge(c)).unwrap_or(0);
    let number_end = outside.trim_end_matches(is_edge).len();
    let number_text = outside.get(lead_end..number_end).unwrap_or_default();
    let beside: String = [outside.get(..lead_end), outside.get(number_end..)]
        .into_iter()
        .flatten()
        .flat_map(str::chars)
        .filter(|c| is_note(*c) && !is_blank(*c) && *c != '：')
        .collect();
    let relation = bracketed.filter(|note| !note.is_empty()).or((!beside.is_empty()).then_some(beside));
    match number_text.parse() {
        Ok(number) => PhoneFinding { raw: raw.to_owned(), number: Some(number), relation, fault: None },
        Err(fault) => PhoneFinding { raw: raw.to_owned(), number: None, relation: None, fault: Some(fault) },
    }
}

/// The mobile number in a run of digits, its prefixes stripped.
fn mobile_in(digits: &str) -> Option<&str> {
    ["", "86", "0086", "0", "17951", "1795186", "860"].into_iter().find_map(|prefix| {
        let rest = digits.strip_prefix(prefix)?;
        let mobile = rest.len() == 11
            && rest.starts_with('1')
            && rest.chars().nth(1).is_some_and(|second| matches!(second, '3'..='9'));
        mobile.then_some(rest)
    })
}

/// A landline with its area code, split as its dash says or, without a dash, as the area codes are built.
fn landline_in(dialled: &str) -> Option<String> {
    let national = match dialled.strip_prefix("0086").or_else(|| dialled.strip_prefix("86")) {
        Some(rest) => format!("0{}", rest.trim_start_matches(['-', '0'])),
        None => dialled.to_owned(),
    };
    if !national.starts_with('0') {
        return None;
    }
    // 010 and 02x have three digits, all others four.
    let area_len = match national.chars().nth(1)? {
        '1' | '2' => 3,
        _ => 4,
    };
    let (area, rest) = national.split_at_checked(area_len)?;
    let rest = rest.strip_prefix('-').unwrap_or(rest);
    let (local, extension) = match rest.split_once('-') {
        Some((local, extension)) => (local, Some(extension)),
        None => (rest, None),
    };
    let digits = |t: &str| t.bytes().all(|b| b.is_ascii_digit());
    let area_fits = digits(area) && !area.starts_with("00");
    let local_fits = (7..=8).contains(&local.len()) && digits(local) && !local.starts_with(['0', '1']);
    // The county's own example numbers begin with 1, which no exchange does; they are landlines all the same.
    let example_fits = local.len() == 7 && digits(local) && local.starts_with('1');
    let extension_fits = extension.is_none_or(|e| (1..=6).contains(&e.len()) && digits(e));
    if !area_fits || !(local_fits || example_fits) || !extension_fits {
        return None;
    }
    Some(match extension {
        Some(extension) => format!("{area}-{local}-{extension}"),
        None => format!("{area}-{local}"),
    })
}

fn is_placeholder(digits: &str) -> bool {
    let first = digits.chars().next();
    let all_alike = digits.len() >= 7 && digits.chars().all(|c| Some(c) == first);
    let round = digits.len() == 11 && digits.starts_with('1') && digits.ends_with("00000000");
    all_alike || round || matches!(digits, "12345678901" | "12345678900" | "01234567890")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(cell: &str) -> Vec<(Option<String>, Option<String>, Option<PhoneFault>)> {
        split_cell(cell).into_iter().map(|f| (f.number.map(String::from), f.relation, f.fault)).collect()
    }

    fn good(number: &str) -> (Option<String>, Option<String>, Option<PhoneFault>) {
        (Some(number.to_owned()), None, None)
    }

    fn of(number: &str, relation: &str) -> (Option<String>, Option<String>, Option<PhoneFault>) {
        (Some(number.to_owned()), Some(relation.to_owned()), None)
    }

    fn bad(fault: PhoneFault) -> (Option<String>, Option<String>, Option<PhoneFault>) {
        (None, None, Some(fault))
    }

    #[test]
    fn cells_are_split_as_people_fill_them() {
        for (cell, expected) in [
            ("139 0000 2222", vec![good("13900002222")]),
            ("+8613900001111", vec![good("13900001111")]),
            ("0086-139-0000-1111", vec![good("13900001111")]),
            ("8613900001111", vec![good("13900001111")]),
            ("013900001111", vec![good("13900001111")]),
            ("1795113900001111", vec![good("13900001111")]),
            ("１３９００００１１１１", vec![good("13900001111")]),
            ("15800002222(姨)", vec![of("15800002222", "姨")]),
            ("15800002222 （二 姨）", vec![of("15800002222", "二 姨")]),
            ("父亲：15800002222", vec![of("15800002222", "父亲")]),
            ("15800002222母", vec![of("15800002222", "母")]),
            ("0375-1234567", vec![good("0375-1234567")]),
            ("03751234567", vec![good("0375-1234567")]),
            ("(0375)5051234", vec![good("0375-5051234")]),
            ("0375 5051234-12", vec![good("0375-5051234-12")]),
            ("010-65551234", vec![good("010-65551234")]),
            ("+86 375 5051234", vec![good("0375-5051234")]),
            ("0375-1234567/13900001111", vec![good("0375-1234567"), good("13900001111")]),
            ("13911110001/15811110002(姨)", vec![good("13911110001"), of("15811110002", "姨")]),
            ("13911110001 15811110002", vec![good("13911110001"), good("15811110002")]),
            ("13911110001(父) 15811110002 (母)", vec![of("13911110001", "父"), of("15811110002", "母")]),
            ("13911110001、13911110001；无", vec![good("13911110001")]),
            ("13911110001\n15811110002", vec![good("13911110001"), good("15811110002")]),
            ("13911110001(父/母)", vec![of("13911110001", "父/母")]),
            ("1390000111", vec![bad(PhoneFault::Digits)]),
            ("139000011112", vec![bad(PhoneFault::Digits)]),
            ("1390 000 111", vec![bad(PhoneFault::Digits)]),
            ("1390000111 15811110002", vec![bad(PhoneFault::Digits), good("15811110002")]),
            ("11111111111", vec![bad(PhoneFault::Placeholder)]),
            ("13800000000", vec![bad(PhoneFault::Placeholder)]),
            ("+8613800000000", vec![bad(PhoneFault::Placeholder)]),
            ("见合同", vec![bad(PhoneFault::NotANumber)]),
            ("abc@sina.cn", vec![bad(PhoneFault::NotANumber)]),
            ("无", vec![]),
            ("-", vec![]),
            ("/", vec![]),
            ("", vec![]),
            ("\u{3000}\u{200b}", vec![]),
        ] {
            assert_eq!(numbers(cell), expected, "{cell}");
        }
    }

    #[test]
    fn an_unreadable_number_is_kept_as_written() {
        let findings = split_cell(" 1390000111 ");
        assert_eq!(findings.len(), 1);
        assert_eq!(findings[0].raw, "1390000111");
        assert_eq!(findings[0].fault, Some(PhoneFault::Digits));
    }

    #[test]
    fn a_number_reads_its_own_spelling() {
        for text in ["13900001111", "0375-1234567", "010-65551234", "0375-5051234-12"] {
            let number: PhoneNumber = text.parse().expect("a number");
            assert_eq!(number.as_str(), text);
        }
        let number: PhoneNumber = "0375-1234567".parse().expect("a number");
        assert_eq!((number.tail().as_str(), number.is_mobile()), ("4567", false));
        assert!(serde_json::from_str::<PhoneNumber>("\"1390000111\"").is_err());
    }

    #[test]
    fn no_cell_whatever_breaks_the_splitter() {
        let bits = ["139", "0000", "1111", "(", "）", "父", " ", "/", "-", "+86", "\u{200b}", "，", ":", "𬴂"];
        let mut seed: usize = 7;
        for _ in 0..20_000 {
            let mut cell = String::new();
            for _ in 0..8 {
                seed = (seed * 48_271) % 2_147_483_647;
                cell.push_str(bits[seed % bits.len()]);
            }
            for finding in split_cell(&cell) {
                assert_eq!(finding.number.is_none(), finding.fault.is_some(), "{cell}");
            }
        }
    }
}

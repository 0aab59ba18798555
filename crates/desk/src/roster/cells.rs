//! What one cell says: text, an amount, a rate, a date, a year. Numbers of the spreadsheet are taken at the fifteen
//! digits it can hold; nothing is rounded to fit.

use chrono::{Datelike as _, NaiveDate};
use domain::money::{Fen, MoneyError, parse_rate_ppm};

use foreign::{Cell, SheetRow, visible};

/// The text of a header or code: half-width, without any blanks, zero-width marks and leading apostrophes.
pub(crate) fn folded(text: &str) -> String {
    text.chars()
        .filter(|c| !visible(c.encode_utf8(&mut [0; 4])).is_empty())
        .map(|c| match c {
            '\u{ff01}'..='\u{ff5e}' => u32::from(c).checked_sub(0xfee0).and_then(char::from_u32).unwrap_or(c),
            other => other,
        })
        .skip_while(|c| matches!(c, '\'' | '’' | '‘'))
        .collect()
}

/// What the cell shows, near enough for names, phones and headers.
pub(crate) fn text_of(cell: &Cell) -> String {
    match cell {
        Cell::Text(text) => visible(text).to_owned(),
        Cell::Number(number) => decimal(*number).unwrap_or_default(),
        Cell::Date(Some(day)) => day.to_string(),
        Cell::Date(None) | Cell::Other => String::new(),
    }
}

/// A number as the spreadsheet would write it: fifteen significant digits, no exponent; `None` beyond sense.
pub(crate) fn decimal(number: f64) -> Option<String> {
    if !number.is_finite() {
        return None;
    }
    let text = format!("{:.14e}", number.abs());
    let (mantissa, exponent) = text.split_once('e')?;
    let exponent: i32 = exponent.parse().ok()?;
    if !(-20..=20).contains(&exponent) {
        return (number == 0.0).then(|| "0".to_owned());
    }
    let digits: String = mantissa.chars().filter(char::is_ascii_digit).collect();
    // The place of the point within the digits; before the first or behind the last there are zeros.
    let point = exponent.saturating_add(1);
    let mut out = String::new();
    if number < 0.0 {
        out.push('-');
    }
    match usize::try_from(point) {
        Ok(0) | Err(_) => {
            out.push_str("0.");
            out.extend(std::iter::repeat_n('0', usize::try_from(point.saturating_neg()).ok()?));
            out.push_str(&digits);
        }
        Ok(point) => {
            out.extend(digits.chars().chain(std::iter::repeat('0')).take(point));
            out.push('.');
            out.extend(digits.chars().skip(point));
        }
    }
    Some(out.trim_end_matches('0').trim_end_matches('.').to_owned())
}

/// An amount in yuan, negative ones too.
pub(crate) fn amount(cell: &Cell) -> Result<Fen, MoneyError> {
    match cell {
        Cell::Text(text) => Fen::parse_signed_yuan(&folded(text)),
        Cell::Number(number) => {
            decimal(*number).ok_or(MoneyError::Malformed).and_then(|text| Fen::parse_signed_yuan(&text))
        }
        Cell::Date(_) | Cell::Other => Err(MoneyError::Malformed),
    }
}

/// A yearly rate in parts per million: `2.80%`, `2.8` under a header that means per cent, or 0.028 in a cell that
/// only shows per cent. Loans of this kind never cost less than 0.2 % or more than 20 %, which tells the two apart.
pub(crate) fn rate_ppm(cell: &Cell) -> Result<u32, MoneyError> {
    let of_number = |number: f64| {
        let per_cent = if number < 0.2 { number * 100.0 } else { number };
        decimal(per_cent).ok_or(MoneyError::NotARate).and_then(|text| parse_rate_ppm(&format!("{text}%")))
    };
    match cell {
        Cell::Number(number) => of_number(*number),
        Cell::Text(text) => {
            let text = folded(text);
            parse_rate_ppm(&text).or_else(|fault| text.parse().map_or(Err(fault), of_number))
        }
        Cell::Date(_) | Cell::Other => Err(MoneyError::NotARate),
    }
}

/// A day that stands in a cell but is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct NoSuchDay;

/// A day: a date cell, a serial number, or text such as `2026-12-20`, `2026年12月20日`, `20261220`.
pub(crate) fn day(cell: &Cell, is_1904: bool) -> Result<NaiveDate, NoSuchDay> {
    match cell {
        Cell::Date(day) => day.ok_or(NoSuchDay),
        Cell::Number(number) => day_of_digits(&decimal(number.trunc()).unwrap_or_default(), is_1904),
        Cell::Text(text) => {
            let text = folded(text);
            if text.bytes().all(|b| b.is_ascii_digit()) {
                day_of_digits(&text, is_1904)
            } else {
                first_day_in(&text).ok_or(NoSuchDay)
            }
        }
        Cell::Other => Err(NoSuchDay),
    }
}

/// Eight digits are a date written without marks, five are a serial number of days.
fn day_of_digits(digits: &str, is_1904: bool) -> Result<NaiveDate, NoSuchDay> {
    let number: i64 = digits.parse().or(Err(NoSuchDay))?;
    let found = match digits.len() {
        8 => {
            let year = i32::try_from(number / 10_000).or(Err(NoSuchDay))?;
            let month = u32::try_from(number / 100 % 100).or(Err(NoSuchDay))?;
            let day = u32::try_from(number % 100).or(Err(NoSuchDay))?;
            NaiveDate::from_ymd_opt(year, month, day)
        }
        5 => {
            let epoch = if is_1904 { (1904, 1, 1) } else { (1899, 12, 30) };
            NaiveDate::from_ymd_opt(epoch.0, epoch.1, epoch.2)
                .and_then(|epoch| chrono::Duration::try_days(number).and_then(|d| epoch.checked_add_signed(d)))
        }
        _ => None,
    };
    found.ok_or(NoSuchDay)
}

/// The first three numbers of a text as year, month and day.
fn first_day_in(text: &str) -> Option<NaiveDate> {
    let mut numbers = text.split(|c: char| !c.is_ascii_digit()).filter(|part| !part.is_empty());
    let year = numbers.next().filter(|year| year.len() == 4)?.parse().ok()?;
    let month = numbers.next().filter(|month| month.len() <= 2)?.parse().ok()?;
    // A time may stand against the day: 2026-12-20T00:00:00.
    let day = numbers.next().filter(|day| day.len() <= 2)?.parse().ok()?;
    NaiveDate::from_ymd_opt(year, month, day)
}

/// A year of graduation out of `2022`, `2022-06`, `2022年6月` or a date.
pub(crate) fn year(cell: &Cell) -> Option<i32> {
    match cell {
        Cell::Date(day) => day.map(|day| day.year()),
        Cell::Number(_) | Cell::Text(_) => {
            let text = folded(&text_of(cell));
            let digits: String = text.chars().take_while(char::is_ascii_digit).collect();
            matches!(digits.len(), 4 | 6 | 8).then(|| digits.get(..4)?.parse().ok()).flatten()
        }
        Cell::Other => None,
    }
}

/// The data date in a title such as `…明细表（数据截至2026年12月5日）`.
pub(crate) fn date_in_title(row: &SheetRow) -> Option<NaiveDate> {
    row.cells.values().find_map(|cell| {
        let text = folded(&text_of(cell));
        let (_, after) =
            ["数据截至", "数据截止", "数据日期", "截至", "截止"].into_iter().find_map(|word| text.split_once(word))?;
        first_day_in(after)
    })
}

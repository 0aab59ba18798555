//! Resident identity numbers (GB 11643-1999): read, checked, masked.
//! The number itself never reaches a log or a screen by accident: printing one shows dots, and no error repeats it.

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

use crate::money::{half_width, is_blank};

/// A checked 18-character identity number with upper-case X.
///
/// Serialises as the real number, because a fact must hold it: only the `id` section of a case file may carry it.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct IdNumber(String);

/// Why a text is no identity number. Never repeats the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, thiserror::Error)]
pub enum IdError {
    /// Nothing but blanks stands there.
    #[error("the identity number is empty")]
    Empty,
    /// Neither 18 nor 15 characters.
    #[error("an identity number has 18 characters")]
    Length,
    /// Something other than digits with a last digit or X; a masked number too.
    #[error("an identity number has digits only, the last may be X")]
    Characters,
    /// A number of the kind issued before 2000: it is flagged, not converted, as the new card may say otherwise.
    #[error("a 15-digit identity number of the old kind")]
    FifteenDigits,
    /// A spreadsheet took the number for a quantity and its last digits are gone for good.
    #[error("the spreadsheet has lost the last digits of the identity number")]
    ExcelDamaged,
    /// The eight digits of the birth date are no date.
    #[error("the birth date in the identity number does not exist")]
    Date,
    /// The last character does not fit the others: a typing error somewhere.
    #[error("the check digit of the identity number is wrong")]
    CheckDigit,
}

impl IdError {
    /// The reason in words for the person at the desk.
    pub fn sentence_zh(self) -> &'static str {
        match self {
            Self::Empty => "没有填身份证号",
            Self::Length => "身份证号不是18位",
            Self::Characters => "身份证号里有不该有的字符",
            Self::FifteenDigits => "身份证号是15位的旧号，请换成18位的新号",
            Self::ExcelDamaged => {
                "身份证号被表格软件当成数字存了，末尾几位已经丢失，请向银行重新要这一行（该列设为文本）"
            }
            Self::Date => "身份证号里的出生日期不存在",
            Self::CheckDigit => "身份证号校验不通过，至少有一位写错了",
        }
    }
}

impl IdNumber {
    /// The number itself, for matching, for the store's `id` section and for the paper that needs it.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Area code and last four, the birth date hidden: `410490********0029`.
    pub fn mask(&self) -> String {
        self.0.chars().enumerate().map(|(at, c)| if (6..14).contains(&at) { '*' } else { c }).collect()
    }

    /// The last four characters, by which people at a door tell two of one name apart.
    pub fn tail(&self) -> String {
        self.0.chars().skip(14).collect()
    }

    /// The birth date the number states.
    pub fn birth(&self) -> NaiveDate {
        // Checked when the number was read, so the fallback is never taken.
        birth_in(&self.0).unwrap_or(NaiveDate::MIN)
    }

    /// Full years of age on `day`; negative before birth.
    pub fn age_on(&self, day: NaiveDate) -> i32 {
        use chrono::Datelike as _;
        let birth = self.birth();
        let before_birthday = (day.month(), day.day()) < (birth.month(), birth.day());
        day.year().saturating_sub(birth.year()).saturating_sub(i32::from(before_birthday))
    }
}

impl FromStr for IdNumber {
    type Err = IdError;

    /// Reads a number with full-width characters, blanks, a leading apostrophe or a small x, and checks it.
    fn from_str(text: &str) -> Result<Self, IdError> {
        let number: String = text
            .chars()
            .map(half_width)
            .filter(|c| !is_blank(*c) && !matches!(c, '\'' | '’' | '‘' | '`'))
            .map(|c| c.to_ascii_uppercase())
            .collect();
        if number.is_empty() {
            return Err(IdError::Empty);
        }
        if is_scientific(&number) {
            return Err(IdError::ExcelDamaged);
        }
        let all_digits = number.bytes().all(|b| b.is_ascii_digit());
        match number.chars().count() {
            15 if all_digits => return Err(IdError::FifteenDigits),
            18 => {}
            _ => return Err(IdError::Length),
        }
        let (body, last) = match number.split_at_checked(17) {
            Some((body, last)) if body.bytes().all(|b| b.is_ascii_digit()) => (body, last),
            Some(_) | None => return Err(IdError::Characters),
        };
        let last = match last.chars().next() {
            Some(c) if c.is_ascii_digit() || c == 'X' => c,
            Some(_) | None => return Err(IdError::Characters),
        };
        let fits = check_character(body) == Some(last);
        // A double holds 15 to 16 digits: what a spreadsheet took for a quantity ends in zeros and no longer checks.
        if !fits && number.ends_with("000") {
            return Err(IdError::ExcelDamaged);
        }
        birth_in(&number).ok_or(IdError::Date)?;
        if fits { Ok(Self(number)) } else { Err(IdError::CheckDigit) }
    }
}

impl TryFrom<String> for IdNumber {
    type Error = IdError;
    fn try_from(text: String) -> Result<Self, IdError> {
        text.parse()
    }
}

impl From<IdNumber> for String {
    fn from(id: IdNumber) -> Self {
        id.0
    }
}

impl fmt::Debug for IdNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("IdNumber(•••)")
    }
}

impl fmt::Display for IdNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("•••")
    }
}

/// Whether `text` is a number as a spreadsheet writes large ones: `4.10490E+17`.
pub fn is_scientific(text: &str) -> bool {
    let Some((mantissa, exponent)) = text.split_once(['E', 'e']) else {
        return false;
    };
    let exponent = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    match mantissa.split_once('.') {
        Some((whole, decimals)) => digits(whole) && digits(decimals) && digits(exponent),
        // Without a point the sign tells a damaged number from a contract number that happens to hold an E.
        None => digits(mantissa) && text.contains(['+', '-']) && digits(exponent),
    }
}

/// The check character of 17 digits, or `None` if they are not digits.
fn check_character(body: &str) -> Option<char> {
    const WEIGHTS: [u32; 17] = [7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2];
    let mut sum: u32 = 0;
    for (digit, weight) in body.chars().zip(WEIGHTS) {
        sum = sum.saturating_add(digit.to_digit(10)?.saturating_mul(weight));
    }
    "10X98765432".chars().nth(usize::try_from(sum % 11).ok()?)
}

fn birth_in(number: &str) -> Option<NaiveDate> {
    let year = number.get(6..10)?.parse().ok()?;
    let month = number.get(10..12)?.parse().ok()?;
    let day = number.get(12..14)?.parse().ok()?;
    // The standard's own example is of 1880; earlier years are typing errors.
    if year < 1800 { None } else { NaiveDate::from_ymd_opt(year, month, day) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<IdNumber, IdError> {
        text.parse()
    }

    #[test]
    fn valid_numbers_are_read() {
        for text in [
            "410490200203140011",
            "410490197408220029",
            "410490200109090038",
            "41049019780412010X",
            "410490199807160114",
            "11010519491231002X",
            "440524188001010014",
        ] {
            assert_eq!(read(text).as_ref().map(IdNumber::expose), Ok(text));
        }
        assert_eq!(read("41049019780412010x").as_ref().map(IdNumber::expose), Ok("41049019780412010X"));
        assert_eq!(
            read("'４１０４９０ 19780412 010ｘ\u{200b}").as_ref().map(IdNumber::expose),
            Ok("41049019780412010X")
        );
    }

    #[test]
    fn broken_numbers_say_why() {
        for (text, why) in [
            ("410490200203140012", IdError::CheckDigit),
            ("410490200213140011", IdError::Date),
            ("410490200202300014", IdError::Date),
            ("41049020020314001", IdError::Length),
            ("410490200203140000", IdError::ExcelDamaged),
            ("4.10490E+17", IdError::ExcelDamaged),
            ("4.1049e17", IdError::ExcelDamaged),
            ("410490020314001", IdError::FifteenDigits),
            ("410490********0011", IdError::Characters),
            ("41049020020314001A", IdError::Characters),
            ("四一〇四九〇二〇〇二〇三一四〇〇一一", IdError::Characters),
            ("\u{3000}", IdError::Empty),
        ] {
            assert_eq!(read(text), Err(why), "{text}");
        }
    }

    #[test]
    fn one_wrong_digit_is_always_noticed() {
        let good = "410490197408220029";
        for at in 0..18 {
            for digit in '0'..='9' {
                let bad: String = good.chars().enumerate().map(|(i, c)| if i == at { digit } else { c }).collect();
                assert_eq!(read(&bad).is_ok(), bad == good, "{bad}");
            }
        }
    }

    #[test]
    fn a_number_hides_itself() {
        let id = read("410490197408220029").expect("valid");
        assert_eq!(id.mask(), "410490********0029");
        assert_eq!(id.tail(), "0029");
        assert_eq!(format!("{id} {id:?} {:?}", Some(&id)), "••• IdNumber(•••) Some(IdNumber(•••))");
        assert_eq!(id.birth(), NaiveDate::from_ymd_opt(1974, 8, 22).expect("a date"));
        assert_eq!(id.age_on(NaiveDate::from_ymd_opt(2026, 8, 21).expect("a date")), 51);
        assert_eq!(id.age_on(NaiveDate::from_ymd_opt(2026, 8, 22).expect("a date")), 52);
    }

    #[test]
    fn a_stored_number_is_checked_again_when_read() {
        let id = read("410490197408220029").expect("valid");
        let json = serde_json::to_string(&id).expect("serialises");
        assert_eq!(json, "\"410490197408220029\"");
        assert_eq!(serde_json::from_str::<IdNumber>(&json).expect("reads"), id);
        assert!(serde_json::from_str::<IdNumber>("\"410490197408220028\"").is_err());
    }
}

//! Money in whole fen and the arithmetic the field does with it: reading yuan, writing them, capitals, one period's interest.
//! Never a float, never a rounded sum, never an amount beyond the type clipped in silence.

use serde::{Deserialize, Serialize};
use std::iter::Sum;

/// An amount in fen (1/100 yuan); negative only in reversals of the bank. Travels as a plain JSON number.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "api", derive(schemars::JsonSchema, ts_rs::TS))]
#[serde(transparent)]
pub struct Fen(#[cfg_attr(feature = "api", ts(type = "number"))] i64);

/// Why a text is no amount, or an amount cannot be written or reckoned. Carries no amount, so it may be logged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum MoneyError {
    /// Nothing but blanks stands there.
    #[error("the amount is empty")]
    Empty,
    /// Not digits with at most one point, thousands commas in threes, a yuan sign before or 元 after.
    #[error("not an amount in yuan")]
    Malformed,
    /// More than two digits after the point: the bank's amounts end at the fen.
    #[error("the amount has more than two decimals")]
    TooManyDecimals,
    /// Below zero where only a charge can stand.
    #[error("the amount is negative")]
    Negative,
    /// Beyond what fen in 64 bits hold, or, for capitals, one trillion yuan and more.
    #[error("the amount is too large")]
    TooLarge,
    /// Not a percentage such as `2.80%` with at most four decimals.
    #[error("not a rate in per cent")]
    NotARate,
}

impl Fen {
    /// No money.
    pub const ZERO: Self = Self(0);

    /// `fen` fen.
    pub const fn new(fen: i64) -> Self {
        Self(fen)
    }

    /// The amount in fen.
    pub const fn get(self) -> i64 {
        self.0
    }

    /// The sum, or `None` beyond 64 bits.
    pub fn checked_add(self, other: Self) -> Option<Self> {
        self.0.checked_add(other.0).map(Self)
    }

    /// The difference, or `None` beyond 64 bits.
    pub fn checked_sub(self, other: Self) -> Option<Self> {
        self.0.checked_sub(other.0).map(Self)
    }

    /// Whether the amount is below zero.
    pub const fn is_negative(self) -> bool {
        self.0 < 0
    }

    /// Reads an amount in yuan as people and banks write it: `1234.5`, `¥1,234.50`, full-width digits, a trailing 元.
    ///
    /// # Errors
    /// Empty, three decimals, negative, misplaced commas, anything else that is no amount.
    pub fn parse_yuan(text: &str) -> Result<Self, MoneyError> {
        let fen = Self::parse_signed_yuan(text)?;
        if fen.is_negative() { Err(MoneyError::Negative) } else { Ok(fen) }
    }

    /// Like [`Fen::parse_yuan`], but a leading minus is allowed: the bank's reversal lines.
    ///
    /// # Errors
    /// Empty, three decimals, misplaced commas, anything else that is no amount.
    pub fn parse_signed_yuan(text: &str) -> Result<Self, MoneyError> {
        let folded: String = text.chars().map(half_width).filter(|c| !is_blank(*c)).collect();
        if folded.is_empty() {
            return Err(MoneyError::Empty);
        }
        let (negative, rest) = match folded.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, folded.as_str()),
        };
        let rest = rest.strip_prefix('¥').unwrap_or(rest);
        // Some exports put the sign after the currency.
        let (negative, rest) = match rest.strip_prefix('-') {
            Some(rest) if !negative => (true, rest),
            Some(_) => return Err(MoneyError::Malformed),
            None => (negative, rest),
        };
        let rest = rest.strip_suffix('元').unwrap_or(rest);
        let (yuan, decimals) = rest.split_once('.').unwrap_or((rest, ""));
        let yuan = without_commas(yuan)?;
        if !decimals.bytes().all(|b| b.is_ascii_digit()) || (rest.contains('.') && decimals.is_empty()) {
            return Err(MoneyError::Malformed);
        }
        if decimals.len() > 2 {
            return Err(MoneyError::TooManyDecimals);
        }
        let mut fen: i64 = 0;
        let padding = std::iter::repeat_n(b'0', 2_usize.saturating_sub(decimals.len()));
        for digit in yuan.bytes().chain(decimals.bytes()).chain(padding) {
            let digit = i64::from(digit.saturating_sub(b'0'));
            let shifted = fen.checked_mul(10).ok_or(MoneyError::TooLarge)?;
            fen = shifted.checked_add(digit).ok_or(MoneyError::TooLarge)?;
        }
        Ok(Self(if negative { fen.saturating_neg() } else { fen }))
    }

    /// Yuan with two decimals and no grouping: `1234.50`, `-3.00`.
    pub fn yuan(self) -> String {
        let whole = self.0.unsigned_abs();
        let sign = if self.is_negative() { "-" } else { "" };
        format!("{sign}{}.{:02}", whole / 100, whole % 100)
    }

    /// Yuan with two decimals and commas between thousands: `1,234.50`. The ¥ sign is the printer's business.
    pub fn grouped(self) -> String {
        let whole = self.0.unsigned_abs();
        let digits = (whole / 100).to_string();
        let mut out = String::from(if self.is_negative() { "-" } else { "" });
        for (at, digit) in digits.chars().enumerate() {
            if at > 0 && digits.len().saturating_sub(at).is_multiple_of(3) {
                out.push(',');
            }
            out.push(digit);
        }
        format!("{out}.{:02}", whole % 100)
    }

    /// The amount in Chinese capitals with 人民币 before it, in the one form this county prints: no 整 after 角,
    /// 零 after 元 when the units of yuan are 0 and 角 is not, no 零 after 万 for a 0 there alone.
    ///
    /// # Errors
    /// Negative amounts and those of one trillion yuan and more, which no letter prints.
    pub fn capitals(self) -> Result<String, MoneyError> {
        if self.is_negative() {
            return Err(MoneyError::Negative);
        }
        let yuan = self.0 / 100;
        let jiao = self.0 / 10 % 10;
        let fen = self.0 % 10;
        if yuan >= 1_000_000_000_000 {
            return Err(MoneyError::TooLarge);
        }
        let mut out = String::from("人民币");
        if yuan > 0 {
            push_whole(&mut out, yuan);
            out.push('元');
        }
        match (jiao, fen) {
            (0, 0) if yuan == 0 => out.push_str("零元整"),
            (0, 0) => out.push('整'),
            (0, _) => {
                if yuan > 0 {
                    out.push('零');
                }
                out.push(capital_digit(fen));
                out.push('分');
            }
            (_, _) => {
                if yuan > 0 && yuan % 10 == 0 {
                    out.push('零');
                }
                out.push(capital_digit(jiao));
                out.push('角');
                if fen > 0 {
                    out.push(capital_digit(fen));
                    out.push('分');
                }
            }
        }
        Ok(out)
    }
}

/// A sum that leaves 64 bits is an error, never a clipped or wrapped amount: `amounts.sum::<Result<Fen, MoneyError>>()`.
impl Sum<Fen> for Result<Fen, MoneyError> {
    fn sum<I: Iterator<Item = Fen>>(iter: I) -> Self {
        // 2^64 summands of 64 bits fit 128 bits, so the running sum cannot leave them.
        let total = iter.fold(0_i128, |total, fen| total.saturating_add(i128::from(fen.0)));
        fen_of(total)
    }
}

/// As for owned amounts.
impl<'a> Sum<&'a Fen> for Result<Fen, MoneyError> {
    fn sum<I: Iterator<Item = &'a Fen>>(iter: I) -> Self {
        iter.copied().sum()
    }
}

/// The interest of `days` days on `principal` at `rate_ppm` parts per million a year: actual days over 360,
/// rounded half up to the fen. An estimate (试算): the bank's figure prevails. Sum rounded contracts, never round a sum.
///
/// # Errors
/// A negative principal, or a result beyond 64 bits.
pub fn interest(principal: Fen, rate_ppm: u32, days: u32) -> Result<Fen, MoneyError> {
    const PER_YEAR: i128 = 1_000_000 * 360;
    if principal.is_negative() {
        return Err(MoneyError::Negative);
    }
    let product = i128::from(principal.0)
        .checked_mul(i128::from(rate_ppm))
        .and_then(|n| n.checked_mul(i128::from(days)))
        .and_then(|n| n.checked_mul(2))
        .and_then(|n| n.checked_add(PER_YEAR))
        .ok_or(MoneyError::TooLarge)?;
    fen_of(product / (2 * PER_YEAR))
}

/// Reads a yearly rate with its per cent sign, `2.80%`, into parts per million (28 000).
///
/// # Errors
/// No per cent sign, more than four decimals, above 100 %, or no number.
pub fn parse_rate_ppm(text: &str) -> Result<u32, MoneyError> {
    let folded: String = text.chars().map(half_width).filter(|c| !is_blank(*c)).collect();
    let number = folded.strip_suffix('%').ok_or(MoneyError::NotARate)?;
    let (whole, decimals) = number.split_once('.').unwrap_or((number, ""));
    let all_digits = |part: &str| part.bytes().all(|b| b.is_ascii_digit());
    if whole.is_empty() || whole.len() > 3 || decimals.len() > 4 || !all_digits(whole) || !all_digits(decimals) {
        return Err(MoneyError::NotARate);
    }
    let mut ppm: u32 = 0;
    let padding = std::iter::repeat_n(b'0', 4_usize.saturating_sub(decimals.len()));
    for digit in whole.bytes().chain(decimals.bytes()).chain(padding) {
        // At most seven digits: within 32 bits.
        ppm = ppm.saturating_mul(10).saturating_add(u32::from(digit.saturating_sub(b'0')));
    }
    if ppm > 1_000_000 { Err(MoneyError::NotARate) } else { Ok(ppm) }
}

/// The half-width form of a full-width digit, sign, comma or letter; other characters as they are.
pub(crate) fn half_width(c: char) -> char {
    match c {
        '￥' => '¥',
        '−' => '-',
        '\u{ff01}'..='\u{ff5e}' => u32::from(c).checked_sub(0xfee0).and_then(char::from_u32).unwrap_or(c),
        other => other,
    }
}

/// Whether `c` takes no place a reader could see: white space of any width, and the zero-width and direction marks
/// that spreadsheets and chat programs leave behind.
pub(crate) fn is_blank(c: char) -> bool {
    c.is_whitespace()
        || matches!(c, '\u{00ad}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

fn fen_of(amount: i128) -> Result<Fen, MoneyError> {
    i64::try_from(amount).map(Fen).or(Err(MoneyError::TooLarge))
}

fn without_commas(yuan: &str) -> Result<String, MoneyError> {
    let mut groups = yuan.split(',');
    let first = groups.next().unwrap_or_default();
    let mut digits = first.to_owned();
    let mut grouped = false;
    for group in groups {
        grouped = true;
        if group.len() != 3 {
            return Err(MoneyError::Malformed);
        }
        digits.push_str(group);
    }
    let head_fits = if grouped { (1..=3).contains(&first.len()) } else { !first.is_empty() };
    if head_fits && digits.bytes().all(|b| b.is_ascii_digit()) { Ok(digits) } else { Err(MoneyError::Malformed) }
}

fn capital_digit(digit: i64) -> char {
    match digit {
        1 => '壹',
        2 => '贰',
        3 => '叁',
        4 => '肆',
        5 => '伍',
        6 => '陆',
        7 => '柒',
        8 => '捌',
        9 => '玖',
        _ => '零',
    }
}

/// Writes 1 ≤ `yuan` < 10^12 in sections of four digits; one 零 stands for any run of inner zeros.
fn push_whole(out: &mut String, yuan: i64) {
    let mut begun = false;
    let mut gap = false;
    for (scale, section_unit) in [(100_000_000, "亿"), (10_000, "万"), (1, "")] {
        let section = yuan / scale % 10_000;
        for (weight, unit) in [(1000, "仟"), (100, "佰"), (10, "拾"), (1, "")] {
            let digit = section / weight % 10;
            if digit == 0 {
                gap = true;
                continue;
            }
            if gap && begun {
                out.push('零');
            }
            gap = false;
            begun = true;
            out.push(capital_digit(digit));
            out.push_str(unit);
        }
        if section > 0 {
            out.push_str(section_unit);
            // A section that ends in zeros is closed by its unit: 壹拾万伍仟, not 壹拾万零伍仟.
            gap = false;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn capitals_are_the_canonical_ones() {
        let vectors = [
            (0, "人民币零元整"),
            (1, "人民币壹分"),
            (5, "人民币伍分"),
            (10, "人民币壹角"),
            (50, "人民币伍角"),
            (100, "人民币壹元整"),
            (105, "人民币壹元零伍分"),
            (1000, "人民币壹拾元整"),
            (1005, "人民币壹拾元零伍分"),
            (1050, "人民币壹拾元零伍角"),
            (10_000, "人民币壹佰元整"),
            (32_504, "人民币叁佰贰拾伍元零肆分"),
            (36_337, "人民币叁佰陆拾叁元叁角柒分"),
            (10_360, "人民币壹佰零叁元陆角"),
            (87_180, "人民币捌佰柒拾壹元捌角"),
            (87_453, "人民币捌佰柒拾肆元伍角叁分"),
            (140_950, "人民币壹仟肆佰零玖元伍角"),
            (168_032, "人民币壹仟陆佰捌拾元零叁角贰分"),
            (600_714, "人民币陆仟零柒元壹角肆分"),
            (1_000_000, "人民币壹万元整"),
            (1_000_100, "人民币壹万零壹元整"),
            (1_001_000, "人民币壹万零壹拾元整"),
            (1_010_000, "人民币壹万零壹佰元整"),
            (10_010_000, "人民币壹拾万零壹佰元整"),
            (10_005_000, "人民币壹拾万零伍拾元整"),
            (10_000_001, "人民币壹拾万元零壹分"),
            (1_640_902, "人民币壹万陆仟肆佰零玖元零贰分"),
            (10_700_053, "人民币壹拾万柒仟元零伍角叁分"),
            (2_000_000, "人民币贰万元整"),
            (100_000_010, "人民币壹佰万元零壹角"),
            (10_001_000_100, "人民币壹亿零壹万零壹元整"),
            // Beyond the list: the season's total, an empty 万 section, the largest amount.
            (649_028_686, "人民币陆佰肆拾玖万零贰佰捌拾陆元捌角陆分"),
            (10_000_000_100, "人民币壹亿零壹元整"),
            (10_000_500_000, "人民币壹亿零伍仟元整"),
            (99_999_999_999_999, "人民币玖仟玖佰玖拾玖亿玖仟玖佰玖拾玖万玖仟玖佰玖拾玖元玖角玖分"),
        ];
        for (fen, text) in vectors {
            assert_eq!(Fen::new(fen).capitals().as_deref(), Ok(text), "{fen}");
        }
        assert_eq!(Fen::new(-1).capitals(), Err(MoneyError::Negative));
        assert_eq!(Fen::new(100_000_000_000_000).capitals(), Err(MoneyError::TooLarge));
    }

    #[test]
    fn capitals_read_back_to_the_same_amount() {
        // An independent reader of capitals: whatever is printed must mean the amount it was printed for.
        fn read(text: &str) -> i64 {
            let mut total = 0;
            let mut section = 0;
            let mut digit = 0;
            for c in text.trim_start_matches("人民币").chars() {
                match c {
                    '零' | '整' => {}
                    '仟' => section += std::mem::take(&mut digit) * 1000,
                    '佰' => section += std::mem::take(&mut digit) * 100,
                    '拾' => section += std::mem::take(&mut digit) * 10,
                    '万' => total += (std::mem::take(&mut section) + std::mem::take(&mut digit)) * 10_000 * 100,
                    '亿' => total += (std::mem::take(&mut section) + std::mem::take(&mut digit)) * 100_000_000 * 100,
                    '元' => total += (std::mem::take(&mut section) + std::mem::take(&mut digit)) * 100,
                    '角' => total += std::mem::take(&mut digit) * 10,
                    '分' => total += std::mem::take(&mut digit),
                    other => digit = (1..=9).find(|d| capital_digit(*d) == other).expect("a capital digit"),
                }
            }
            total
        }
        let mut seed: i64 = 20_261_220;
        let scales = [100, 10_000, 1_000_000, 100_000_000_000_000];
        for (round, scale) in (0..20_000_i64).zip(scales.into_iter().cycle()) {
            seed = (seed * 48_271) % 2_147_483_647;
            let fen = seed * (1 + round) % scale;
            let text = Fen::new(fen).capitals().expect("in range");
            assert_eq!(read(&text), fen, "{text}");
            assert!(!text.contains("零零") && !text.contains("零元整") || fen == 0, "{text}");
        }
    }

    #[test]
    fn interest_is_half_up_over_360_days() {
        let vectors = [
            (1_200_000, 28_000, 111, 10_360),
            (600_000, 28_000, 365, 17_033),
            (680_000, 28_000, 365, 19_304),
            (1_280_000, 28_000, 365, 36_338),
            (509_092, 28_000, 365, 14_453),
            (72_730, 28_000, 275, 1_556),
            (87_180, 36_400, 31, 273),
            (300_000, 28_000, 151, 3_523),
            (500_000, 28_000, 365, 14_194),
            (800_000, 65_500, 365, 53_128),
            (800_000, 49_000, 111, 12_087),
            (1_200_000, 43_500, 365, 52_925),
            (1_600_000, 36_000, 366, 58_560),
            (2_000_000, 29_000, 365, 58_806),
            (1, 28_000, 365, 0),
            (9_000, 20_000, 1, 1),
            (27_000, 20_000, 1, 2),
        ];
        for (principal, ppm, days, fen) in vectors {
            assert_eq!(interest(Fen::new(principal), ppm, days), Ok(Fen::new(fen)), "{principal} {ppm} {days}");
        }
        assert_eq!(interest(Fen::new(-1), 28_000, 365), Err(MoneyError::Negative));
        assert_eq!(interest(Fen::new(i64::MAX), u32::MAX, u32::MAX), Err(MoneyError::TooLarge));
    }

    #[test]
    fn yuan_are_read_as_people_write_them() {
        for (text, fen) in [
            ("¥1,234.50", 123_450),
            ("￥１，２３４．５０", 123_450),
            ("1234.5", 123_450),
            (" 0 ", 0),
            ("0.00", 0),
            ("12元", 1_200),
            ("6,490,286.86", 649_028_686),
            ("1000000", 100_000_000),
        ] {
            assert_eq!(Fen::parse_yuan(text), Ok(Fen::new(fen)), "{text}");
        }
        for (text, why) in [
            ("", MoneyError::Empty),
            ("\u{3000}", MoneyError::Empty),
            ("3.005", MoneyError::TooManyDecimals),
            ("3.000", MoneyError::TooManyDecimals),
            ("-3.00", MoneyError::Negative),
            ("1,23.00", MoneyError::Malformed),
            (",123", MoneyError::Malformed),
            ("1.2.3", MoneyError::Malformed),
            ("1e3", MoneyError::Malformed),
            ("12.", MoneyError::Malformed),
            (".5", MoneyError::Malformed),
            ("无", MoneyError::Malformed),
            ("¥", MoneyError::Malformed),
            ("92233720368547758.08", MoneyError::TooLarge),
        ] {
            assert_eq!(Fen::parse_yuan(text), Err(why), "{text}");
        }
        assert_eq!(Fen::parse_signed_yuan("-3.00"), Ok(Fen::new(-300)));
        assert_eq!(Fen::parse_signed_yuan("¥-1,003.50"), Ok(Fen::new(-100_350)));
        assert_eq!(Fen::parse_signed_yuan("--3"), Err(MoneyError::Malformed));
    }

    #[test]
    fn yuan_are_written_with_two_decimals() {
        for (fen, plain, grouped) in [
            (0, "0.00", "0.00"),
            (5, "0.05", "0.05"),
            (123_450, "1234.50", "1,234.50"),
            (649_028_686, "6490286.86", "6,490,286.86"),
            (10_000, "100.00", "100.00"),
            (-100_350, "-1003.50", "-1,003.50"),
        ] {
            assert_eq!(Fen::new(fen).yuan(), plain);
            assert_eq!(Fen::new(fen).grouped(), grouped);
            assert_eq!(Fen::parse_signed_yuan(grouped), Ok(Fen::new(fen)));
        }
    }

    #[test]
    fn sums_refuse_to_leave_the_type() {
        let fine = [Fen::new(i64::MAX), Fen::new(1), Fen::new(-1)];
        assert_eq!(fine.iter().sum::<Result<Fen, _>>(), Ok(Fen::new(i64::MAX)));
        let beyond = [Fen::new(i64::MAX), Fen::new(1)];
        assert_eq!(beyond.into_iter().sum::<Result<Fen, _>>(), Err(MoneyError::TooLarge));
        assert_eq!(Fen::new(i64::MAX).checked_add(Fen::new(1)), None);
    }

    #[test]
    fn rates_are_per_cent() {
        assert_eq!(parse_rate_ppm("2.80%"), Ok(28_000));
        assert_eq!(parse_rate_ppm("６．５５％"), Ok(65_500));
        assert_eq!(parse_rate_ppm("3%"), Ok(30_000));
        assert_eq!(parse_rate_ppm("100%"), Ok(1_000_000));
        for text in ["2.80", "", "%", "-1%", "2.80001%", "100.0001%", "x%"] {
            assert_eq!(parse_rate_ppm(text), Err(MoneyError::NotARate), "{text}");
        }
    }

    #[test]
    fn an_amount_travels_as_a_number() {
        assert_eq!(serde_json::to_string(&Fen::new(36_337)).expect("serialises"), "36337");
        assert_eq!(serde_json::from_str::<Fen>("-300").expect("reads"), Fen::new(-300));
    }
}

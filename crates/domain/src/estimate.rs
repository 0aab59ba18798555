//! What should fall due on a contract by the rules of the field (试算), to be held against what the bank says. Never printed on a
//! letter, never taken for the bank's word: the day count and the rounding are the field's best knowledge of the bank's own
//! (domain rules: actual days over 360, half up to the fen, each contract by itself).

use chrono::{Datelike as _, NaiveDate};

use crate::calendar::days_between;
use crate::money::{Fen, MoneyError, interest};

/// A difference up to this is how the bank rounds and nothing else, fen a contract.
pub const TOLERANCE: i64 = 5;

/// What one contract's estimate follows from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Terms {
    /// Principal outstanding before this period's instalment.
    pub principal: Fen,
    /// The rate of this period, parts per million a year.
    pub rate_ppm: u32,
    /// The last day for which the treasury pays the interest.
    pub subsidy_end: NaiveDate,
    /// The day on which this period's money falls due.
    pub due_on: NaiveDate,
}

/// The last day for which the treasury pays: 31 August of the year of graduation, unless the feed says otherwise.
pub fn usual_subsidy_end(grad_year: i32) -> Option<NaiveDate> {
    NaiveDate::from_ymd_opt(grad_year, 8, 31)
}

/// The last 20 December before a day: there the period before ended.
fn december_before(day: NaiveDate) -> Option<NaiveDate> {
    let this_year = NaiveDate::from_ymd_opt(day.year(), 12, 20)?;
    if this_year < day { Some(this_year) } else { NaiveDate::from_ymd_opt(day.year().checked_sub(1)?, 12, 20) }
}

/// The days of interest that fall due on `due_on`: from the day after the period before, or after the treasury's last day, to
/// `due_on` itself. None for somebody who still studies then.
pub fn days_of_interest(subsidy_end: NaiveDate, due_on: NaiveDate) -> u32 {
    let from = december_before(due_on).map_or(subsidy_end, |before| before.max(subsidy_end));
    u32::try_from(days_between(from, due_on)).unwrap_or(0)
}

impl Terms {
    /// The interest of this period, before any waiver.
    ///
    /// # Errors
    /// As [`interest`].
    pub fn interest(&self) -> Result<Fen, MoneyError> {
        interest(self.principal, self.rate_ppm, days_of_interest(self.subsidy_end, self.due_on))
    }

    /// The same, where part of the principal was paid before it was due, on a day within the period: the interest of that part
    /// to that day, which was paid with it, and of the rest to the end.
    ///
    /// # Errors
    /// `Negative` where more was paid than is owed; as [`interest`].
    pub fn interest_with_prepayment(&self, paid: Fen, paid_on: NaiveDate) -> Result<(Fen, Fen), MoneyError> {
        let from = december_before(self.due_on).map_or(self.subsidy_end, |before| before.max(self.subsidy_end));
        let days = |to: NaiveDate| u32::try_from(days_between(from, to.min(self.due_on))).unwrap_or(0);
        let rest = self.principal.checked_sub(paid).ok_or(MoneyError::TooLarge)?;
        Ok((interest(paid, self.rate_ppm, days(paid_on))?, interest(rest, self.rate_ppm, days(self.due_on))?))
    }
}

/// The penalty on what was due and not paid, for so many days after the due date: 130 % of the contract's rate, on principal and
/// interest alike.
///
/// # Errors
/// As [`interest`].
pub fn penalty(overdue: Fen, rate_ppm: u32, days: u32) -> Result<Fen, MoneyError> {
    let raised = u64::from(rate_ppm).saturating_mul(13) / 10;
    interest(overdue, u32::try_from(raised).map_err(|_told_otherwise| MoneyError::TooLarge)?, days)
}

/// How a bank's figure stands to ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// Within [`TOLERANCE`].
    Agrees,
    /// Further apart: by so much more than ours, fen. A rate, a schedule or a waiver that we do not know.
    Differs(i64),
}

/// Holds a bank's interest against ours.
pub fn compare(bank: Fen, ours: Fen) -> Standing {
    let by = bank.get().saturating_sub(ours.get());
    if by.abs() <= TOLERANCE { Standing::Agrees } else { Standing::Differs(by) }
}

/// A year in which the state waived interest, for those who had graduated by then.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waiver {
    /// The calendar year of the interest.
    pub year: i32,
    /// Graduates of this year and of all before.
    pub graduates_through: i32,
    /// The interest of the year is waived.
    pub interest: bool,
    /// The principal may be put off for a year, for whoever applies.
    pub principal_deferrable: bool,
    /// The notice.
    pub notice: String,
}

/// Why a table of waivers cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line} of the table of waivers: {what}")]
pub struct WaiverSyntax {
    /// The line, from 1.
    pub line: usize,
    /// What is wrong.
    pub what: &'static str,
}

/// The waivers of a table: `year,graduates_through,interest,principal_deferrable,notice,source`, with a header.
///
/// # Errors
/// The line that is none.
pub fn waivers(csv: &str) -> Result<Vec<Waiver>, WaiverSyntax> {
    let mut out: Vec<Waiver> = Vec::new();
    for (at, text) in csv.lines().enumerate().skip(1).filter(|(_, text)| !text.trim().is_empty()) {
        let wrong = |what| WaiverSyntax { line: at.saturating_add(1), what };
        let mut cells = text.split(',').map(str::trim);
        let mut next = |what| cells.next().filter(|cell| !cell.is_empty()).ok_or_else(|| wrong(what));
        let year = next("no year")?.parse().map_err(|_told_otherwise| wrong("no year"))?;
        let through = next("no year of graduation")?.parse();
        let graduates_through = through.map_err(|_told_otherwise| wrong("no year of graduation"))?;
        let mut truth = |what| match next(what) {
            Ok("yes") => Ok(true),
            Ok("no") => Ok(false),
            Ok(_) | Err(_) => Err(wrong(what)),
        };
        let interest = truth("interest is yes or no")?;
        let principal_deferrable = truth("principal_deferrable is yes or no")?;
        let notice = next("no notice")?.to_owned();
        if out.iter().any(|waiver| waiver.year == year) {
            return Err(wrong("the year stands twice"));
        }
        out.push(Waiver { year, graduates_through, interest, principal_deferrable, notice });
    }
    Ok(out)
}

/// Whether the interest that falls due on a day is waived for somebody who graduated in this year.
pub fn is_waived(waivers: &[Waiver], due_on: NaiveDate, grad_year: i32) -> bool {
    let of_year = waivers.iter().find(|waiver| waiver.year == due_on.year());
    of_year.is_some_and(|waiver| waiver.interest && grad_year <= waiver.graduates_through)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::expect_used, reason = "a test that cannot go on stops")]
    use super::*;

    fn day(text: &str) -> NaiveDate {
        text.parse().expect("a day")
    }

    fn terms(principal: i64, rate_ppm: u32, subsidy_end: &str, due_on: &str) -> Terms {
        Terms { principal: Fen::new(principal), rate_ppm, subsidy_end: day(subsidy_end), due_on: day(due_on) }
    }

    #[test]
    fn the_examples_of_the_field_hold() {
        // A: the first half-period. B: two contracts by themselves. C: the last year of one, in a leap year.
        for (given, fen) in [
            (terms(1_200_000, 28_000, "2026-08-31", "2026-12-20"), 10_360),
            (terms(600_000, 28_000, "2023-08-31", "2026-12-20"), 17_033),
            (terms(680_000, 28_000, "2023-08-31", "2026-12-20"), 19_304),
            (terms(509_092, 28_000, "2019-08-31", "2026-12-20"), 14_453),
            (terms(72_730, 28_000, "2019-08-31", "2032-09-20"), 1_556),
            (terms(800_000, 49_000, "2018-08-31", "2018-12-20"), 12_087),
            (terms(1_600_000, 36_000, "2020-08-31", "2024-12-20"), 58_560),
            // Whoever still studies owes none; who graduates on the very day of the end neither.
            (terms(1_600_000, 36_000, "2027-08-31", "2026-12-20"), 0),
            (terms(1_600_000, 36_000, "2026-12-20", "2026-12-20"), 0),
            (terms(0, 36_000, "2020-08-31", "2026-12-20"), 0),
        ] {
            assert_eq!(given.interest(), Ok(Fen::new(fen)), "{given:?}");
        }
        // C, overdue: thirty-one days on principal and interest. D: a prepayment splits the period.
        assert_eq!(penalty(Fen::new(87_180), 28_000, 31), Ok(Fen::new(273)));
        let split = terms(800_000, 28_000, "2023-08-31", "2026-12-20");
        let paid = split.interest_with_prepayment(Fen::new(300_000), day("2026-05-20"));
        assert_eq!(paid, Ok((Fen::new(3_523), Fen::new(14_194))));
        assert_eq!(split.interest_with_prepayment(Fen::new(800_001), day("2026-05-20")), Err(MoneyError::Negative));
    }

    #[test]
    fn periods_end_on_the_twentieth_of_december_and_a_contract_may_end_within_one() {
        for (subsidy_end, due_on, days) in [
            ("2020-08-31", "2026-12-20", 365),
            ("2020-08-31", "2028-12-20", 366),
            ("2020-08-31", "2026-08-31", 254),
            ("2020-08-31", "2028-08-31", 255),
            ("2020-08-31", "2026-09-20", 274),
            ("2026-08-31", "2026-09-20", 20),
            ("2020-08-31", "2026-12-21", 1),
        ] {
            assert_eq!(days_of_interest(day(subsidy_end), day(due_on)), days, "{subsidy_end} {due_on}");
        }
    }

    #[test]
    fn five_fen_are_rounding_and_six_are_not() {
        let (bank, ours) = (Fen::new(1_000), |by: i64| Fen::new(1_000 - by));
        assert_eq!([compare(bank, ours(5)), compare(bank, ours(-5))], [Standing::Agrees, Standing::Agrees]);
        assert_eq!([compare(bank, ours(6)), compare(bank, ours(-6))], [Standing::Differs(6), Standing::Differs(-6)]);
    }

    #[test]
    fn waivers_are_data_and_a_spoilt_table_names_its_line() {
        let known = waivers(include_str!("../../../assets/rules/waivers.csv")).expect("the table");
        assert_eq!(known.iter().map(|waiver| waiver.year).collect::<Vec<_>>(), [2022, 2023, 2024, 2025]);
        assert!(is_waived(&known, day("2025-12-20"), 2025) && !is_waived(&known, day("2025-12-20"), 2026));
        assert!(!is_waived(&known, day("2026-12-20"), 2020), "no notice of that year is known");
        let head = "year,graduates_through,interest,principal_deferrable,notice,source\n";
        for (rows, line) in [
            ("x,2025,yes,yes,n,s\n", 2),
            ("2025,2025,yes,yes,n,s\n\n2026,2026,maybe,yes,n,s\n", 4),
            ("2025,2025,yes,yes,n,s\n2025,2025,yes,yes,n,s\n", 3),
            ("2025,2025,yes,yes,,s\n", 2),
        ] {
            assert_eq!(waivers(&format!("{head}{rows}")).expect_err("spoilt").line, line, "{rows}");
        }
    }
}

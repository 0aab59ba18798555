//! The end of a season and the years before it (M03, M04, M46): what the bank had booked when the season was closed, sealed, and
//! what was lent and recovered in each year. Nothing here is edited: a close is followed by another issue of it, and history is
//! loaded anew as a whole.

use std::collections::BTreeMap;

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};

use crate::ids::Sha;
use crate::money::Fen;
use crate::place::PlaceCode;

/// A season as the bank had booked it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SeasonClosed {
    /// The year of its due date.
    pub year: i32,
    /// Which issue of the year's close, from 1.
    pub issue: u32,
    /// Its due date.
    pub due_on: NaiveDate,
    /// The newest day of the bank's feeds.
    pub feed_as_of: NaiveDate,
    /// The imports it follows from: lists, then feeds.
    pub batches: Vec<String>,
    /// The county's line.
    pub county: CloseRow,
    /// The townships' lines.
    pub townships: Vec<CloseRow>,
    /// SHA-256 over all the above: see [`SeasonClosed::seal_of`].
    pub seal: Sha,
}

/// One line of a close, from booked money alone.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct CloseRow {
    /// The township; none for the county.
    pub place: Option<PlaceCode>,
    /// Families with something due.
    pub households: u32,
    /// Of these, all booked.
    pub households_paid: u32,
    /// Contracts with something due.
    pub contracts: u32,
    /// Of these, all booked.
    pub contracts_paid: u32,
    /// Of these, overdue by the bank's own word.
    pub contracts_overdue: u32,
    /// Due, fen.
    pub due: Fen,
    /// Booked, of each contract at most what is due, fen.
    pub booked: Fen,
    /// Booked beyond what is due, fen.
    pub over: Fen,
}

impl CloseRow {
    /// Adds another line's counts and sums.
    pub fn add(&mut self, other: &Self) {
        let plus = |a: &mut u32, b: u32| *a = a.saturating_add(b);
        plus(&mut self.households, other.households);
        plus(&mut self.households_paid, other.households_paid);
        plus(&mut self.contracts, other.contracts);
        plus(&mut self.contracts_paid, other.contracts_paid);
        plus(&mut self.contracts_overdue, other.contracts_overdue);
        let sum = |a: &mut Fen, b: Fen| *a = Fen::new(a.get().saturating_add(b.get()));
        sum(&mut self.due, other.due);
        sum(&mut self.booked, other.booked);
        sum(&mut self.over, other.over);
    }
}

impl SeasonClosed {
    /// The seal that belongs to what it says: SHA-256 of its JSON without the seal. Whoever holds a printed figure can hold it against
    /// the record.
    ///
    /// # Errors
    /// A body that JSON cannot hold.
    pub fn seal_of(&self) -> Result<Sha, serde_json::Error> {
        let bare = Self { seal: Sha([0; 32]), ..self.clone() };
        Ok(Sha::of(&serde_json::to_vec(&bare)?))
    }

    /// Nothing that was due is open by what the bank booked.
    pub fn is_clear(&self) -> bool {
        self.county.contracts > 0 && self.county.contracts_paid == self.county.contracts
    }
}

/// How many years in a row up to the newest ended with nothing open, by the last issue of each.
pub fn streak<'c>(closes: impl Iterator<Item = &'c SeasonClosed>) -> u32 {
    let mut last: BTreeMap<i32, &SeasonClosed> = BTreeMap::new();
    for close in closes {
        if last.get(&close.year).is_none_or(|known| known.issue < close.issue) {
            last.insert(close.year, close);
        }
    }
    let mut streak = 0_u32;
    let mut expected = last.keys().next_back().copied();
    for (year, close) in last.iter().rev() {
        if expected != Some(*year) || !close.is_clear() {
            break;
        }
        streak = streak.saturating_add(1);
        expected = year.checked_sub(1);
    }
    streak
}

/// The years before this program came, as a table that was loaded whole.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HistoryLoaded {
    /// The file's name.
    pub name: String,
    /// Its SHA-256.
    pub sha256: Sha,
    /// Year by year.
    pub years: Vec<YearFigures>,
}

/// A year's figures. A person who is lent two loans in a year is one borrower and two person-times (人次).
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct YearFigures {
    /// The calendar year.
    pub year: i32,
    /// Lent, fen.
    pub lent: Option<Fen>,
    /// Loans, person-times.
    pub loans: Option<u32>,
    /// Who were lent something, persons.
    pub borrowers: Option<u32>,
    /// Due, principal and interest, fen.
    pub due: Option<Fen>,
    /// Recovered, fen.
    pub recovered: Option<Fen>,
    /// Recoveries, person-times.
    pub recoveries: Option<u32>,
    /// Overdue at the end, contracts.
    pub overdue: Option<u32>,
}

/// Fewer than this are told of nobody outside the bureau.
pub const FEW: u32 = 5;

/// Which rows of a table may not leave as they are: those of one to four persons, and, where that is a single row, the smallest of
/// the others, for it could be reckoned from the sum.
pub fn suppressed(persons: &[u32]) -> Vec<bool> {
    let few = |count: u32| count > 0 && count < FEW;
    let mut out: Vec<bool> = persons.iter().map(|count| few(*count)).collect();
    if out.iter().filter(|hidden| **hidden).count() == 1 {
        let others = persons.iter().enumerate().filter(|(_, count)| **count >= FEW);
        let smallest = others.min_by_key(|(at, count)| (**count, *at)).map(|(at, _)| at);
        if let Some(hidden) = smallest.and_then(|at| out.get_mut(at)) {
            *hidden = true;
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(year: i32, issue: u32, paid: u32) -> SeasonClosed {
        let day = NaiveDate::from_ymd_opt(year, 12, 20).expect("a day");
        let county = CloseRow { contracts: 3, contracts_paid: paid, ..CloseRow::default() };
        let mut out = SeasonClosed {
            year,
            issue,
            due_on: day,
            feed_as_of: day,
            batches: Vec::new(),
            county,
            townships: Vec::new(),
            seal: Sha([0; 32]),
        };
        out.seal = out.seal_of().expect("JSON");
        out
    }

    #[test]
    fn a_seal_holds_only_over_what_was_sealed() {
        let mut one = close(2026, 1, 3);
        assert_eq!(one.seal_of().expect("JSON"), one.seal);
        one.county.booked = Fen::new(1);
        assert_ne!(one.seal_of().expect("JSON"), one.seal);
    }

    #[test]
    fn a_streak_ends_at_a_year_that_was_open_or_is_missing() {
        let all = [
            close(2022, 1, 3),
            close(2023, 1, 2),
            close(2024, 1, 3),
            close(2025, 1, 2),
            close(2025, 2, 3),
            close(2026, 1, 3),
        ];
        assert_eq!(streak(all.iter()), 3);
        assert_eq!(streak(all[..5].iter()), 2, "the last issue of a year counts");
        assert_eq!(streak([close(2024, 1, 3), close(2026, 1, 3)].iter()), 1);
        assert_eq!(streak([close(2026, 1, 2)].iter()), 0);
        assert_eq!(streak([].iter()), 0);
    }

    #[test]
    fn few_are_hidden_and_nobody_reckons_them_from_the_sum() {
        assert_eq!(suppressed(&[10, 4, 20, 7]), [false, true, false, true]);
        assert_eq!(suppressed(&[10, 4, 1, 7]), [false, true, true, false]);
        assert_eq!(suppressed(&[0, 5, 6]), [false, false, false]);
        assert_eq!(suppressed(&[3]), [true]);
    }
}

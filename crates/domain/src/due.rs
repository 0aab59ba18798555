//! The status of a due item (domain.md §3.11): what the bank says beats what staff saw, which beats what was printed.
//! Nobody is overdue by arithmetic: past the due date without the bank's word a family is "not seen", no more.

use chrono::NaiveDate;

use crate::money::Fen;
use crate::words::DueStatus;

/// Everything the status depends on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Known {
    /// Amount due, fen.
    pub due: Fen,
    /// Due date.
    pub due_on: Option<NaiveDate>,
    /// A notice was printed.
    pub notified: bool,
    /// A receipt is complete.
    pub served: bool,
    /// A promise stands.
    pub pledged: bool,
    /// Sum of reported payments, fen.
    pub reported: Fen,
    /// Sum booked by the bank, of each contract at most what is due, fen.
    pub booked: Fen,
    /// Sum pending at the bank, of each contract at most what is due, fen.
    pub pending: Fen,
    /// The bank says of a contract that is not fully booked that it is overdue.
    pub overdue: bool,
    /// The bank gave up all that is not booked.
    pub written_off: bool,
}

/// The status on `today`.
pub fn status(known: &Known, today: NaiveDate) -> DueStatus {
    let due = known.due.get();
    let (booked, pending) = (known.booked.get(), known.pending.get());
    if due > 0 && booked >= due {
        return DueStatus::BankConfirmed;
    }
    if due > 0 && booked.saturating_add(pending) >= due {
        return DueStatus::BankPending;
    }
    if known.written_off {
        return DueStatus::WrittenOff;
    }
    if known.overdue {
        return DueStatus::Overdue;
    }
    if booked.saturating_add(pending) > 0 {
        return DueStatus::PartiallyPaid;
    }
    if known.reported.get() > 0 {
        return DueStatus::ReportedPaid;
    }
    if known.due_on.is_some_and(|due_on| today > due_on) {
        return DueStatus::NotSeen;
    }
    match (known.pledged, known.served, known.notified) {
        (true, ..) => DueStatus::Pledged,
        (false, true, _) => DueStatus::Served,
        (false, false, true) => DueStatus::Notified,
        (false, false, false) => DueStatus::Listed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOTHING: Known = Known {
        due: Fen::new(36_337),
        due_on: NaiveDate::from_ymd_opt(2026, 12, 20),
        notified: false,
        served: false,
        pledged: false,
        reported: Fen::new(0),
        booked: Fen::new(0),
        pending: Fen::new(0),
        overdue: false,
        written_off: false,
    };

    #[test]
    fn the_bank_beats_the_field_and_nobody_is_overdue_by_arithmetic() {
        let on = |d| NaiveDate::from_ymd_opt(2026, 12, d).expect("a day");
        assert_eq!(status(&NOTHING, on(8)), DueStatus::Listed);
        assert_eq!(status(&Known { notified: true, ..NOTHING }, on(8)), DueStatus::Notified);
        assert_eq!(status(&Known { served: true, ..NOTHING }, on(8)), DueStatus::Served);
        let slip = Known { served: true, reported: Fen::new(36_337), ..NOTHING };
        assert_eq!(status(&slip, on(8)), DueStatus::ReportedPaid);
        assert_eq!(status(&Known { pending: Fen::new(36_337), ..slip }, on(8)), DueStatus::BankPending);
        assert_eq!(status(&Known { booked: Fen::new(100), ..slip }, on(8)), DueStatus::PartiallyPaid);
        assert_eq!(status(&Known { booked: Fen::new(36_337), ..slip }, on(8)), DueStatus::BankConfirmed);
        assert_eq!(status(&Known { booked: Fen::new(100), overdue: true, ..slip }, on(8)), DueStatus::Overdue);
        assert_eq!(status(&Known { booked: Fen::new(36_337), overdue: true, ..slip }, on(8)), DueStatus::BankConfirmed);
        assert_eq!(status(&Known { overdue: true, written_off: true, ..slip }, on(8)), DueStatus::WrittenOff);
        assert_eq!(status(&NOTHING, on(20)), DueStatus::Listed);
        assert_eq!(status(&NOTHING, on(21)), DueStatus::NotSeen);
    }
}

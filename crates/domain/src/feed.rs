//! What the bank's feeds say of payments (domain.md §3.11, §6.2, §6.5), and what they mean together. A feed's lines are kept
//! as they came, one fact a family and file; what is booked and pending follows from all of them at once, in whatever order
//! the files came and however often. Nothing here is reckoned by us: no amount is split, no line guessed, nobody made late.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{Datelike as _, NaiveDate};
use serde::{Deserialize, Serialize};

use crate::household::Contract;
use crate::money::Fen;
use crate::words::BankState;

/// What one file of the bank's says of one family: of its contracts, or in the county's own file of contracts that no list has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BankTold {
    /// The import that brought it: the first sixteen hex digits of the file's SHA-256.
    pub batch: String,
    /// The file names every contract: one that it does not name is unpaid.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub whole: bool,
    /// Its lines, in the order of the file.
    pub lines: Vec<FeedLine>,
}

/// A line of a feed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FeedLine {
    /// Contract number.
    #[serde(rename = "no")]
    pub contract_no: String,
    /// The day of the batch that says so: a later batch corrects an earlier one.
    pub on: NaiveDate,
    /// The bank's word.
    pub state: BankState,
    /// Amount, fen; below zero in a reversal.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub amount: Fen,
    /// Of this, principal.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub principal: Fen,
    /// Of this, interest.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub interest: Fen,
    /// Of this, penalty interest.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub penalty: Fen,
    /// Day of booking.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub booked_on: Option<NaiveDate>,
    /// Way of payment, in the bank's word.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub channel: String,
    /// Reference number.
    #[serde(default, rename = "ref", skip_serializing_if = "String::is_empty")]
    pub reference: String,
    /// Principal left afterwards, fen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub left: Option<Fen>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands a reference")]
fn is_zero(amount: &Fen) -> bool {
    *amount == Fen::ZERO
}

/// A feed was imported, whole.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FeedImported {
    /// Its name: the first sixteen hex digits of the file's SHA-256.
    pub batch: String,
    /// The file's SHA-256.
    pub sha256: crate::ids::Sha,
    /// The latest day of a batch in it.
    pub as_of: NaiveDate,
    /// It names every contract.
    pub whole: bool,
    /// Lines taken in.
    pub lines: u32,
    /// Sum of its booked lines, reversals taken off, fen.
    pub booked: Fen,
    /// Sum of its pending lines, fen.
    pub pending: Fen,
    /// Lines of contracts that no list has.
    pub unmatched: u32,
    /// Rows refused.
    pub rejected: u32,
}

/// Days before the due date from which a payment is one of this period, never before July. Bank and domain.md name no day: it lies
/// before the first deduction of a contract's last year (August) and after the late payments of the period before (January to June).
pub const DAYS_BEFORE_DUE: u64 = 120;

/// What the bank's lines on one contract come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Account {
    /// Booked, reversals taken off, fen.
    pub booked: Fen,
    /// Seen by the bank and not booked, fen.
    pub pending: Fen,
    /// A booking was reversed.
    pub reversed: bool,
    /// What the newest statement says of the contract itself, and when.
    pub state: Option<(NaiveDate, BankState)>,
    /// The newest day of a batch that says anything.
    pub heard_on: Option<NaiveDate>,
}

/// What somebody should look at in a contract's account. The bank's word stands meanwhile.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Doubt {
    /// More is booked than is due, by so much: the bank's to give back or to take as prepayment.
    Over(Fen),
    /// Less is booked than is due, and so much is missing.
    Part(Fen),
    /// A booking was reversed.
    Reversed,
    /// The newest statement says paid, and the lines come to less.
    PaidShort,
    /// The newest statement says unpaid, and the lines come to all that is due.
    UnpaidFull,
    /// Money on a contract on which nothing is due.
    NothingDue(Fen),
}

/// What stands in one group of lines: those of one payment, by its reference.
#[derive(Default)]
struct Payment {
    on: Option<NaiveDate>,
    booked: BTreeSet<i64>,
    pending: BTreeSet<i64>,
}

impl Payment {
    /// A later batch takes the place of an earlier one; of one day both count, the same amount once.
    fn take(&mut self, line: &FeedLine) {
        if self.on.is_some_and(|on| on > line.on) {
            return;
        }
        if self.on.is_some_and(|on| on < line.on) {
            *self = Self::default();
        }
        self.on = Some(line.on);
        let amounts = if line.state == BankState::Booked { &mut self.booked } else { &mut self.pending };
        amounts.insert(line.amount.get());
    }
}

fn sum(amounts: &BTreeSet<i64>) -> i64 {
    amounts.iter().copied().fold(0, i64::saturating_add)
}

/// Whether a line says something of the contract and nothing of a payment.
fn is_statement(line: &FeedLine) -> bool {
    line.amount == Fen::ZERO || !matches!(line.state, BankState::Booked | BankState::Pending)
}

/// What all lines on one contract come to. `lines` are the lines with whether their file names every contract.
fn account<'a>(lines: impl Iterator<Item = (bool, &'a FeedLine)>) -> Account {
    // By sign, reference and, where the bank gives none, amount.
    let mut payments: BTreeMap<(bool, &str, i64), Payment> = BTreeMap::new();
    let mut state: Option<(NaiveDate, bool, BankState)> = None;
    // The newest day on which the contract was said to be unpaid: what was pending before it fell through.
    let mut unpaid: Option<NaiveDate> = None;
    let mut out = Account::default();
    for (whole, line) in lines {
        out.heard_on = out.heard_on.max(Some(line.on));
        let statement = is_statement(line);
        if !statement {
            let amount = line.amount.get();
            let of = if line.reference.is_empty() { amount } else { 0 };
            payments.entry((amount < 0, line.reference.as_str(), of)).or_default().take(line);
        }
        if statement || whole {
            state = state.max(Some((line.on, whole, line.state)));
            if matches!(line.state, BankState::Unpaid | BankState::Overdue | BankState::WrittenOff) {
                unpaid = unpaid.max(Some(line.on));
            }
        }
    }
    // What once came without a reference and again with one is one payment.
    let told_twice = |negative: bool, amount: i64| {
        payments.iter().any(|((other, reference, _), payment)| {
            let amounts = payment.booked.iter().chain(&payment.pending);
            *other == negative && !reference.is_empty() && amounts.into_iter().any(|one| *one == amount)
        })
    };
    let (mut booked, mut pending) = (0_i64, 0_i64);
    for ((negative, reference, amount), payment) in &payments {
        if reference.is_empty() && told_twice(*negative, *amount) {
            continue;
        }
        if payment.booked.is_empty() {
            let fell_through = payment.on.zip(unpaid).is_some_and(|(on, unpaid)| on < unpaid);
            pending = pending.saturating_add(if fell_through { 0 } else { sum(&payment.pending) });
        } else {
            booked = booked.saturating_add(sum(&payment.booked));
            out.reversed |= *negative;
        }
    }
    out.booked = Fen::new(booked);
    out.pending = Fen::new(pending);
    out.state = state.map(|(on, _, state)| (on, state));
    out
}

/// The day of a line's money: of booking, else of the batch.
fn day_of(line: &FeedLine) -> NaiveDate {
    line.booked_on.unwrap_or(line.on)
}

/// The account of one contract: of the lines on it those of the period that ends with `due_on`.
pub fn account_of(contract_no: &str, due_on: NaiveDate, told: &[BankTold]) -> Account {
    let days_before = due_on.checked_sub_days(chrono::Days::new(DAYS_BEFORE_DUE)).unwrap_or(due_on);
    let from =
        NaiveDate::from_ymd_opt(due_on.year(), 7, 1).map_or(days_before, |july| july.max(days_before).min(due_on));
    let lines = told.iter().flat_map(|told| told.lines.iter().map(move |line| (told.whole, line)));
    account(lines.filter(|(_, line)| line.contract_no == contract_no && day_of(line) >= from))
}

/// What the bank's lines mean for a family.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct FamilyAccount {
    /// Booked, of each contract at most what is due, fen.
    pub booked: Fen,
    /// Pending, of each contract at most what is due beyond what is booked, fen.
    pub pending: Fen,
    /// Booked beyond what is due, fen.
    pub over: Fen,
    /// The bank says of a contract that is not fully booked that it is overdue.
    pub overdue: bool,
    /// The bank says of every contract that is not fully booked that it is written off.
    pub written_off: bool,
    /// Somebody should look at it.
    pub doubtful: bool,
    /// The newest day of a batch that says anything.
    pub heard_on: Option<NaiveDate>,
}

/// Of a family's contracts and all that was told of them.
pub fn family_account(contracts: &[Contract], told: &[BankTold]) -> FamilyAccount {
    let mut out = FamilyAccount::default();
    if told.is_empty() {
        return out;
    }
    let (mut booked, mut pending, mut over, mut open, mut written_off) = (0_i64, 0_i64, 0_i64, 0_u32, 0_u32);
    for contract in contracts {
        let account = account_of(&contract.contract_no, contract.due_on, told);
        let due = contract.total_due.get();
        let paid = account.booked.get().clamp(0, due.max(0));
        booked = booked.saturating_add(paid);
        pending = pending.saturating_add(account.pending.get().clamp(0, due.saturating_sub(paid).max(0)));
        over = over.saturating_add(account.booked.get().saturating_sub(due).max(0));
        if paid < due {
            open = open.saturating_add(1);
            let state = account.state.map(|(_, state)| state);
            out.overdue |= state == Some(BankState::Overdue);
            written_off = written_off.saturating_add(u32::from(state == Some(BankState::WrittenOff)));
        }
        out.heard_on = out.heard_on.max(account.heard_on);
    }
    out.booked = Fen::new(booked);
    out.pending = Fen::new(pending);
    out.over = Fen::new(over);
    out.written_off = open > 0 && open == written_off;
    out.doubtful = !doubts(contracts, told).is_empty();
    out
}

/// What somebody should look at, by contract number, in the order of the contracts.
pub fn doubts(contracts: &[Contract], told: &[BankTold]) -> Vec<(String, Doubt)> {
    let mut out = Vec::new();
    for contract in contracts {
        let account = account_of(&contract.contract_no, contract.due_on, told);
        let (booked, due) = (account.booked.get(), contract.total_due.get());
        let missing = due.saturating_sub(booked);
        let state = account.state.map(|(_, state)| state);
        let mut say = |doubt| out.push((contract.contract_no.clone(), doubt));
        if booked > due {
            say(Doubt::Over(Fen::new(booked.saturating_sub(due))));
        }
        if account.reversed {
            say(Doubt::Reversed);
        }
        if booked > 0 && missing > 0 {
            say(Doubt::Part(Fen::new(missing)));
        }
        match state {
            Some(BankState::Booked) if missing > 0 => say(Doubt::PaidShort),
            Some(BankState::Unpaid | BankState::Overdue) if due > 0 && missing <= 0 => say(Doubt::UnpaidFull),
            Some(_) | None => {}
        }
    }
    let listed: BTreeSet<&str> = contracts.iter().map(|contract| contract.contract_no.as_str()).collect();
    let mut others: BTreeMap<&str, Vec<(bool, &FeedLine)>> = BTreeMap::new();
    for told in told {
        for line in told.lines.iter().filter(|line| !listed.contains(line.contract_no.as_str())) {
            others.entry(&line.contract_no).or_default().push((told.whole, line));
        }
    }
    for (contract_no, lines) in others {
        let account = account(lines.into_iter());
        if account.booked != Fen::ZERO {
            out.push((contract_no.to_owned(), Doubt::NothingDue(account.booked)));
        }
    }
    out
}

/// Whether a payment that staff reported is one that the bank tells of (domain.md §6.5): the same family, the amount equal,
/// and within ten days after the slip's day.
pub fn meets(reported: Fen, on: NaiveDate, line: &FeedLine) -> bool {
    if is_statement(line) || line.amount != reported {
        return false;
    }
    (0..=10).contains(&day_of(line).signed_duration_since(on).num_days())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(month: u32, day: u32) -> NaiveDate {
        let year = if month < 7 { 2027 } else { 2026 };
        NaiveDate::from_ymd_opt(year, month, day).expect("a day")
    }

    fn line(on: NaiveDate, state: BankState, amount: i64, reference: &str) -> FeedLine {
        FeedLine {
            contract_no: "410420150327903".to_owned(),
            on,
            state,
            amount: Fen::new(amount),
            principal: Fen::ZERO,
            interest: Fen::new(amount),
            penalty: Fen::ZERO,
            booked_on: (state == BankState::Booked && amount != 0).then(|| day(12, 19)),
            channel: "POS".to_owned(),
            reference: reference.to_owned(),
            left: None,
        }
    }

    fn contract(due: i64) -> Contract {
        Contract {
            contract_no: "410420150327903".to_owned(),
            academic_year: String::new(),
            principal_due: Fen::ZERO,
            interest_due: Fen::new(due),
            penalty_due: Fen::ZERO,
            total_due: Fen::new(due),
            principal_left: Fen::ZERO,
            due_on: day(12, 20),
            maturity_on: None,
            rate_ppm: 0,
            status: String::new(),
        }
    }

    fn told(whole: bool, lines: &[FeedLine]) -> BankTold {
        BankTold { batch: String::new(), whole, lines: lines.to_vec() }
    }

    /// The account in every order of the files, each once and twice: always the same.
    fn always(files: &[BankTold]) -> FamilyAccount {
        fn orders(left: &[BankTold], done: &[BankTold], see: &mut impl FnMut(&[BankTold])) {
            if left.is_empty() {
                see(done);
            }
            for at in 0..left.len() {
                let mut rest = left.to_vec();
                let one = rest.remove(at);
                orders(&rest, &[done, &[one]].concat(), see);
            }
        }
        let first = family_account(&[contract(1_000)], files);
        let twice = [files, files].concat();
        orders(&twice[..files.len().saturating_add(1).min(twice.len())], &[], &mut |order| {
            assert_eq!(family_account(&[contract(1_000)], order), first, "{order:?}");
        });
        first
    }

    #[test]
    fn a_pending_payment_is_booked_reversed_and_booked_again_in_any_order_of_the_files() {
        let pending = told(false, &[line(day(12, 8), BankState::Pending, 1_000, "1")]);
        let booked = told(false, &[line(day(12, 25), BankState::Booked, 1_000, "1")]);
        let reversed = told(false, &[line(day(1, 4), BankState::Booked, -1_000, "1R")]);
        let overdue = told(true, &[line(day(1, 4), BankState::Overdue, 0, "1")]);
        let part = told(false, &[line(day(1, 9), BankState::Booked, 400, "2")]);
        let files = [pending, booked, reversed, overdue, part];
        let at = |files: &[BankTold]| {
            let found = always(files);
            (found.booked.get(), found.pending.get(), found.overdue)
        };
        assert_eq!(at(&files[..1]), (0, 1_000, false));
        assert_eq!(at(&files[..2]), (1_000, 0, false));
        assert_eq!(at(&files[..3]), (0, 0, false));
        assert_eq!(at(&files[..4]), (0, 0, true));
        assert_eq!(at(&files), (400, 0, true));
        // The pending line came last, long after the booking: it says nothing new.
        assert_eq!(at(&[files[1].clone(), files[0].clone()]), (1_000, 0, false));
    }

    #[test]
    fn a_statement_that_says_unpaid_ends_what_was_pending_before_it_and_takes_no_booking_back() {
        let pending = told(false, &[line(day(12, 8), BankState::Pending, 1_000, "1")]);
        let unpaid = told(true, &[line(day(12, 20), BankState::Unpaid, 0, "")]);
        let booked = told(false, &[line(day(12, 12), BankState::Booked, 1_000, "2")]);
        assert_eq!(always(&[pending.clone(), unpaid.clone()]).pending, Fen::ZERO);
        let both = always(&[pending, unpaid, booked]);
        assert_eq!((both.booked, both.doubtful), (Fen::new(1_000), true));
    }

    #[test]
    fn more_than_is_due_and_other_periods_and_other_contracts_never_count_as_paid() {
        let twice = told(
            false,
            &[line(day(12, 19), BankState::Booked, 1_000, "1"), line(day(12, 19), BankState::Booked, 50, "2")],
        );
        let found = always(std::slice::from_ref(&twice));
        assert_eq!((found.booked, found.over, found.doubtful), (Fen::new(1_000), Fen::new(50), true));
        let mut late = line(day(12, 19), BankState::Booked, 1_000, "1");
        late.booked_on = NaiveDate::from_ymd_opt(2026, 1, 20);
        assert_eq!(always(&[told(false, &[late])]).booked, Fen::ZERO);
        let mut other = line(day(12, 19), BankState::Booked, 1_000, "1");
        other.contract_no = "410420150327999".to_owned();
        let found = always(&[told(false, std::slice::from_ref(&other))]);
        assert_eq!((found.booked, found.doubtful), (Fen::ZERO, true));
        // Over on one contract pays nothing of another.
        let mut second = contract(500);
        second.contract_no = "410420150327902".to_owned();
        let found = family_account(&[contract(1_000), second], &[twice]);
        assert_eq!((found.booked, found.over), (Fen::new(1_000), Fen::new(50)));
    }

    #[test]
    fn a_slip_meets_its_line_by_amount_and_day() {
        let mut paid = line(day(12, 25), BankState::Booked, 1_000, "1");
        assert!(meets(Fen::new(1_000), day(12, 9), &paid));
        assert!(!meets(Fen::new(1_000), day(12, 8), &paid), "eleven days");
        assert!(!meets(Fen::new(1_000), day(12, 20), &paid), "booked before the slip");
        assert!(!meets(Fen::new(999), day(12, 9), &paid));
        paid.state = BankState::Overdue;
        assert!(!meets(Fen::new(1_000), day(12, 9), &paid));
    }
}

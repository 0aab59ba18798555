//! The bank's feed of payments, read: each row a line, or among the rejected with its reason. It looks at nothing beyond the
//! file, repairs no amount and takes no line for another's.

use std::collections::BTreeMap;

use chrono::NaiveDate;
use domain::feed::FeedLine;
use domain::money::{Fen, MoneyError};
use domain::words::BankState;
use foreign::{Cell, Reader, SheetRow};

use super::cells::{amount, date_in_title, day, folded, text_of};
use super::columns::{Column, Kind, Layout};
use super::faults::{Rejected, RosterError, RowFault, Warning, WarningKind};
use super::footer::{TotalsLine, totals_line};
use super::row::{MOST_PER_CONTRACT, contract_no};
use super::{Source, Wish, scan};

/// A feed as it was understood.
pub(crate) struct Feed {
    /// Where its rows come from.
    pub(crate) source: Source,
    /// The latest day of a batch in it.
    pub(crate) as_of: NaiveDate,
    /// Its lines, in the order of the sheet.
    pub(crate) lines: Vec<ReadLine>,
    /// Rows that are no line.
    pub(crate) rejected: Vec<Rejected>,
    /// The contracts that these are of, as far as their numbers can be read: nobody may take them for not named.
    pub(crate) refused_contracts: Vec<Option<String>>,
    /// Rows that are taken in and should be looked at.
    pub(crate) warnings: Vec<Warning>,
    /// The sheet's own total of all amounts.
    pub(crate) footer: Option<FooterAmount>,
}

/// A line and where it stands.
pub(crate) struct ReadLine {
    /// The row, counted from 1 with title and header.
    pub(crate) sheet_row: u32,
    /// The name in it, if any.
    pub(crate) name: String,
    /// The line.
    pub(crate) line: FeedLine,
}

/// A feed's own total beside the sum of its rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct FooterAmount {
    /// Its row.
    pub(crate) sheet_row: u32,
    /// What it states, fen.
    pub(crate) stated: Fen,
    /// What the rows add up to, fen; none where one of them cannot be read.
    pub(crate) listed: Option<Fen>,
}

impl FooterAmount {
    /// Whether they agree, as far as that can be told.
    pub(crate) fn agrees(self) -> Option<bool> {
        self.listed.map(|listed| listed == self.stated)
    }
}

struct Gathering {
    batch_elsewhere: Option<NaiveDate>,
    is_1904: bool,
    lines: Vec<ReadLine>,
    rejected: Vec<Rejected>,
    refused_contracts: Vec<Option<String>>,
    sum: i128,
    unreadable: bool,
    stated: Option<(u32, Fen)>,
}

/// Reads a feed, whatever kind of file it is. A row's batch day comes from its own cell, else from the title above the table, else
/// from the wish.
///
/// # Errors
/// As a due list's; no row; no batch day anywhere.
pub(crate) fn read(reader: &Reader, bytes: &[u8], wish: &Wish) -> Result<Feed, RosterError> {
    let begin = |title: &[SheetRow], is_1904: bool| Gathering {
        batch_elsewhere: title.iter().find_map(date_in_title).or(wish.as_of),
        is_1904,
        lines: Vec::new(),
        rejected: Vec::new(),
        refused_contracts: Vec::new(),
        sum: 0,
        unreadable: false,
        stated: None,
    };
    let (gathering, source) = scan(reader, bytes, wish, Kind::Feed, begin, Gathering::take)?;
    gathering.finish(source)
}

fn cell<'r>(row: &'r SheetRow, layout: &Layout, column: Column) -> Option<&'r Cell> {
    layout.positions(column).first().and_then(|at| row.cells.get(at))
}

/// The bank's word; exports write it with and without its small words.
fn state_of(text: &str) -> Option<BankState> {
    match text {
        "已还款" | "已还" | "已还清" | "已入账" | "还款成功" | "扣款成功" => Some(BankState::Booked),
        "扣款审批中" | "审批中" | "扣款中" | "待入账" => Some(BankState::Pending),
        "未还款" | "未还" | "待还款" => Some(BankState::Unpaid),
        "逾期" | "已逾期" | "逾期未还" => Some(BankState::Overdue),
        "核销" | "已核销" => Some(BankState::WrittenOff),
        _ => None,
    }
}

impl Gathering {
    fn take(&mut self, row: &SheetRow, layout: &Layout) {
        match totals_line(row, layout) {
            Some(TotalsLine::Whole) => {
                let stated = cell(row, layout, Column::Amount).and_then(|cell| amount(cell).ok());
                self.stated = stated.map(|stated| (row.number, stated)).or(self.stated);
                return;
            }
            Some(TotalsLine::Part) => return,
            None => {}
        }
        let telling = [Column::ContractNo, Column::State, Column::Amount, Column::Reference];
        if telling.into_iter().all(|column| cell(row, layout, column).is_none()) || layout.is_repeated_by(row) {
            return;
        }
        match cell(row, layout, Column::Amount).map(amount) {
            Some(Ok(fen)) => self.sum = self.sum.saturating_add(i128::from(fen.get())),
            Some(Err(_)) => self.unreadable = true,
            None => {}
        }
        match self.line(row, layout) {
            Ok(line) => {
                let name = cell(row, layout, Column::BorrowerName).map(text_of).unwrap_or_default();
                self.lines.push(ReadLine { sheet_row: row.number, name, line });
            }
            Err((reason, column)) => {
                self.rejected.push(Rejected { sheet_row: row.number, reason, column });
                self.refused_contracts.push(contract_no(cell(row, layout, Column::ContractNo)).ok());
            }
        }
    }

    fn line(&self, row: &SheetRow, layout: &Layout) -> Result<FeedLine, (RowFault, Column)> {
        let of = |column| cell(row, layout, column);
        let money = |column: Column| match of(column).map(amount) {
            None => Ok(None),
            Some(Ok(fen)) if fen.get().unsigned_abs() > MOST_PER_CONTRACT.get().unsigned_abs() => {
                Err((RowFault::Amount(MoneyError::TooLarge), column))
            }
            Some(Ok(fen)) => Ok(Some(fen)),
            Some(Err(fault)) => Err((RowFault::Amount(fault), column)),
        };
        let date = |column: Column| match of(column).map(|cell| day(cell, self.is_1904)) {
            None => Ok(None),
            Some(Ok(day)) => Ok(Some(day)),
            Some(Err(_)) => Err((RowFault::NoSuchDay, column)),
        };
        let text = |column: Column| of(column).map(text_of).unwrap_or_default();
        let contract_no = contract_no(of(Column::ContractNo)).map_err(|fault| (fault, Column::ContractNo))?;
        let state = state_of(&folded(&text(Column::State))).ok_or((RowFault::StateUnknown, Column::State))?;
        let pays = matches!(state, BankState::Booked | BankState::Pending);
        let amount = match money(Column::Amount)? {
            None if pays => return Err((RowFault::Amount(MoneyError::Empty), Column::Amount)),
            stated => stated.unwrap_or_default(),
        };
        let parts = [Column::Principal, Column::Interest, Column::Penalty].map(money);
        let [principal, interest, penalty] = parts;
        let (principal, interest, penalty) = (principal?, interest?, penalty?);
        if pays && [principal, interest, penalty].iter().any(Option::is_some) {
            let sum = [principal, interest, penalty].into_iter().flatten().sum::<Result<Fen, MoneyError>>();
            if sum != Ok(amount) {
                return Err((RowFault::TotalDiffers, Column::Amount));
            }
        }
        let on = date(Column::BatchOn)?.or(self.batch_elsewhere).ok_or((RowFault::DateEmpty, Column::BatchOn))?;
        // A reference that a spreadsheet took for a quantity names no payment any more, and the same one would count twice.
        let reference = match of(Column::Reference) {
            None => String::new(),
            Some(Cell::Text(text)) => folded(text),
            Some(Cell::Number(_) | Cell::Date(_) | Cell::Other) if !pays || amount == Fen::ZERO => String::new(),
            Some(Cell::Number(_) | Cell::Date(_) | Cell::Other) => {
                return Err((RowFault::ReferenceIsQuantity, Column::Reference));
            }
        };
        Ok(FeedLine {
            contract_no,
            on,
            state,
            amount,
            principal: principal.unwrap_or_default(),
            interest: interest.unwrap_or_default(),
            penalty: penalty.unwrap_or_default(),
            booked_on: date(Column::BookedOn)?,
            channel: text(Column::Channel),
            reference,
            left: money(Column::BalanceAfter)?,
        })
    }

    fn finish(self, source: Source) -> Result<Feed, RosterError> {
        if self.lines.is_empty() && self.rejected.is_empty() {
            return Err(RosterError::Empty);
        }
        let undated =
            |rejected: &Rejected| (rejected.reason, rejected.column) == (RowFault::DateEmpty, Column::BatchOn);
        if self.lines.is_empty() && self.rejected.iter().any(undated) {
            return Err(RosterError::NoDataDate);
        }
        let days = self.lines.iter().map(|read| read.line.on);
        let as_of = days.max().or(self.batch_elsewhere).unwrap_or_default();
        let mut seen: BTreeMap<(&str, &str, i64, NaiveDate), u32> = BTreeMap::new();
        let mut warnings = Vec::new();
        for ReadLine { sheet_row, line, .. } in &self.lines {
            if line.reference.is_empty() || line.amount == Fen::ZERO {
                continue;
            }
            let key = (line.contract_no.as_str(), line.reference.as_str(), line.amount.get(), line.on);
            if let Some(first_row) = seen.get(&key) {
                let kind = WarningKind::PaymentTwice { first_row: *first_row };
                warnings.push(Warning { sheet_row: *sheet_row, kind });
            } else {
                seen.insert(key, *sheet_row);
            }
        }
        let listed = if self.unreadable { None } else { i64::try_from(self.sum).ok().map(Fen::new) };
        let footer = self.stated.map(|(sheet_row, stated)| FooterAmount { sheet_row, stated, listed });
        let (rejected, refused_contracts) = (self.rejected, self.refused_contracts);
        Ok(Feed { source, as_of, lines: self.lines, rejected, refused_contracts, warnings, footer })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_text(text: &str) -> Result<Feed, RosterError> {
        read(&Reader::unconfined(), text.as_bytes(), &Wish::default())
    }

    const HEAD: &str = "合同编号,借款学生姓名,状态,入账日期,金额,本金,利息,罚息,渠道,流水号,批次日期\n";

    #[test]
    fn lines_are_taken_as_they_stand_and_what_is_none_says_why() {
        let feed = read_text(&format!(
            "{HEAD}410420150327903,孟,已还款,2026-12-19,1182.66,985.01,197.65,0.00,云闪付,056793449140,2027-01-04\n\
             410420150327903,孟,已还款,2026-12-19,-1182.66,-985.01,-197.65,0.00,云闪付,05679344914R,2027-01-04\n\
             410420150327904,李,逾期,,0.00,0.00,0.00,0.00,,,2027-01-03\n\
             410420150327905,李,还了,,1.00,,1.00,,,,2027-01-04\n\
             410420150327905,李,已还款,,1.00,,0.99,,,,2027-01-04\n\
             410420150327905,李,已还款,,,,,,,,2027-01-04\n\
             ,李,已还款,,1.00,,,,,,2027-01-04\n\
             410420150327905,李,已还款,2026-13-01,1.00,,,,,,2027-01-04\n\
             合计,,,,3.00\n"
        ))
        .expect("a feed");
        assert_eq!((feed.lines.len(), feed.as_of.to_string().as_str()), (3, "2027-01-04"));
        let first = feed.lines.first().expect("a line");
        assert_eq!((first.line.amount.get(), first.line.reference.as_str()), (118_266, "056793449140"));
        let faults: Vec<(u32, Column)> = feed.rejected.iter().map(|row| (row.sheet_row, row.column)).collect();
        let known = [Column::State, Column::Amount, Column::Amount, Column::ContractNo, Column::BookedOn];
        assert_eq!(faults, (5..).zip(known).collect::<Vec<_>>());
        assert_eq!(feed.footer.and_then(FooterAmount::agrees), Some(false), "four yuan are listed");
    }

    #[test]
    fn a_file_without_a_day_asks_for_one_and_an_empty_one_says_so() {
        let head = "合同编号,状态,金额\n";
        let undated = read_text(&format!("{head}410420150327903,已还款,1.00\n"));
        assert!(matches!(undated, Err(RosterError::NoDataDate)));
        assert!(matches!(read_text(head), Err(RosterError::Empty)));
        let titled = read_text(&format!("还款明细（数据截至2026年12月8日）\n{head}410420150327903,已还款,1.00\n"));
        assert_eq!(titled.expect("a feed").as_of.to_string(), "2026-12-08");
        assert!(matches!(read_text("姓名,电话\n王,1\n"), Err(RosterError::NoHeader(_))));
    }
}

//! The totals a list states below its rows, against what its rows add up to.
//! A difference is reported and nothing more: which of the two is right only the bank can say.

use domain::money::Fen;

use super::cells::{amount, folded, text_of};
use super::columns::{Column, Layout};
use foreign::SheetRow;

/// The four sums of a list; `None` where the list states none, or where ours leave 64 bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FooterSums {
    /// Principal due, fen.
    pub principal: Option<Fen>,
    /// Interest due, fen.
    pub interest: Option<Fen>,
    /// Penalty interest due, fen.
    pub penalty: Option<Fen>,
    /// Total due, fen.
    pub total: Option<Fen>,
}

impl FooterSums {
    fn is_some(&self) -> bool {
        [self.principal, self.interest, self.penalty, self.total].iter().any(Option::is_some)
    }
}

/// The stated totals beside the sums over all rows, rejected ones included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FooterCheck {
    /// The row of the totals.
    pub sheet_row: u32,
    /// What the list states.
    pub stated: FooterSums,
    /// What its rows add up to.
    pub listed: FooterSums,
    /// Rows with an amount that cannot be read; their sums cannot agree.
    pub unreadable_rows: u32,
    /// Whether every stated total equals its sum.
    pub agrees: bool,
}

/// Whether a row is a line of totals, and which kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TotalsLine {
    /// 合计: of the whole list.
    Whole,
    /// 小计: of a part.
    Part,
}

/// Recognises a line of totals by its first filled cell; a row that has an ID or contract number besides is never one.
pub(super) fn totals_line(row: &SheetRow, layout: &Layout) -> Option<TotalsLine> {
    let (first_at, first) = row.cells.first_key_value()?;
    let filled = |column| layout.positions(column).iter().any(|at| at != first_at && row.cells.contains_key(at));
    if filled(Column::BorrowerId) || filled(Column::ContractNo) {
        return None;
    }
    let first = folded(&text_of(first));
    if ["合计", "总计", "共计", "总合计"].iter().any(|word| first.starts_with(word)) {
        Some(TotalsLine::Whole)
    } else if first.starts_with("小计") {
        Some(TotalsLine::Part)
    } else {
        None
    }
}

const SUMMED: [Column; 4] = [Column::PrincipalDue, Column::InterestDue, Column::PenaltyDue, Column::TotalDue];

/// Sums over every row of the list, kept beside its own totals.
#[derive(Debug, Default)]
pub(super) struct Tally {
    sums: [i128; 4],
    unreadable_rows: u32,
    stated: Option<(u32, FooterSums)>,
}

impl Tally {
    /// Adds a row's amounts, whatever becomes of the row.
    pub(super) fn add(&mut self, row: &SheetRow, layout: &Layout) {
        let mut readable = true;
        for (sum, column) in self.sums.iter_mut().zip(SUMMED) {
            let cell = layout.positions(column).first().and_then(|at| row.cells.get(at));
            match cell.map(amount) {
                Some(Ok(fen)) => *sum = sum.saturating_add(i128::from(fen.get())),
                Some(Err(_)) => readable = false,
                None => {}
            }
        }
        if !readable {
            self.unreadable_rows = self.unreadable_rows.saturating_add(1);
        }
    }

    /// Keeps the totals a row states.
    pub(super) fn state(&mut self, row: &SheetRow, layout: &Layout) {
        let stated = |column| {
            let cell = layout.positions(column).first().and_then(|at| row.cells.get(at))?;
            amount(cell).ok()
        };
        let sums = FooterSums {
            principal: stated(Column::PrincipalDue),
            interest: stated(Column::InterestDue),
            penalty: stated(Column::PenaltyDue),
            total: stated(Column::TotalDue),
        };
        self.stated = Some((row.number, sums));
    }

    /// The comparison, when the list stated totals.
    pub(super) fn check(&self) -> Option<FooterCheck> {
        // A line of totals that states none is no total.
        let (sheet_row, stated) = self.stated.filter(|(_, stated)| stated.is_some())?;
        let [principal, interest, penalty, total] = self.sums.map(|sum| i64::try_from(sum).ok().map(Fen::new));
        let listed = FooterSums { principal, interest, penalty, total };
        let pairs = [
            (stated.principal, listed.principal),
            (stated.interest, listed.interest),
            (stated.penalty, listed.penalty),
            (stated.total, listed.total),
        ];
        let agrees = self.unreadable_rows == 0
            && pairs.iter().any(|(stated, _)| stated.is_some())
            && pairs.iter().all(|(stated, listed)| stated.is_none() || stated == listed);
        Some(FooterCheck { sheet_row, stated, listed, unreadable_rows: self.unreadable_rows, agrees })
    }
}

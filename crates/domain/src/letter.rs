//! Letters and their numbers: blocks of a hundred leased to a device, consumed at formal print, never used twice;
//! and the freshness rules that keep a false statement off the paper.

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};

use crate::ids::{JournalId, Sha};
use crate::money::Fen;
use crate::words::{DocKind, LetterState};

/// Numbers in a block.
pub const BLOCK: u32 = 100;

/// A block of numbers leased to one device: block 101 is 10100–10199.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct BlockLeased {
    /// Kind of document.
    pub kind: DocKind,
    /// Year.
    pub year: i32,
    /// Block number.
    pub block: u32,
    /// The journal whose greeting asked for it: a copy of that laptop that has parted ways does not print under it. None in
    /// leases of before this was told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub journal: Option<JournalId>,
}

impl BlockLeased {
    /// The first serial of the block.
    pub fn first(&self) -> u32 {
        self.block.saturating_mul(BLOCK)
    }

    /// One past the last serial.
    pub fn end(&self) -> u32 {
        self.first().saturating_add(BLOCK)
    }
}

/// A document's number: `{organ code}{kind word}〔{year}〕{serial}号`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct DocNo {
    /// The organ's code word, e.g. 青资助.
    pub organ: String,
    /// Kind.
    pub kind: DocKind,
    /// Year.
    pub year: i32,
    /// Serial, no leading zeros.
    pub serial: u32,
}

impl std::fmt::Display for DocNo {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}{}〔{}〕{}号", self.organ, self.kind.code_word(), self.year, self.serial)
    }
}

/// One sheet printed formally.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LetterPrinted {
    /// Its number.
    pub doc: DocNo,
    /// Template and version, e.g. `HT-2026.1`.
    pub template: String,
    /// Day printed on it.
    pub printed_on: NaiveDate,
    /// The bank's data it shows are as of.
    pub as_of: NaiveDate,
    /// Amount it shows, fen; 0 on a receipt.
    pub total: Fen,
    /// First eight hex digits of the hash over the letter's canonical facts: what its QR carries.
    pub hash8: String,
    /// The facts drawn on the sheet, whole, so that it can be drawn again byte for byte.
    pub sheet: serde_json::Value,
    /// SHA-256 of the sheet drawn alone.
    pub sha256: Sha,
    /// The other half: a notice's receipt, a receipt's notice.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pair: Option<DocNo>,
    /// Why it was printed on old data.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Printed without red.
    #[serde(default)]
    pub black: bool,
}

/// A sheet that no longer counts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LetterVoided {
    /// Its number.
    pub doc: DocNo,
    /// Why.
    pub reason: String,
}

/// May a repayment notice be printed formally on data of `as_of`?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Freshness {
    /// Five days or younger.
    Fresh,
    /// Six to ten days: print, but say so.
    Ageing {
        /// Age in days.
        days: i64,
    },
    /// Eleven to thirty days: a reason is needed.
    NeedsReason {
        /// Age in days.
        days: i64,
    },
    /// Over thirty days: blocked.
    TooOld {
        /// Age in days.
        days: i64,
    },
    /// Data from a day that has not come: the date of the file or the clock is wrong.
    FromTheFuture,
}

/// The freshness of data of `as_of` on `today` (domain.md §3.10).
pub fn freshness(as_of: NaiveDate, today: NaiveDate) -> Freshness {
    let days = today.signed_duration_since(as_of).num_days();
    match days {
        i64::MIN..=-1 => Freshness::FromTheFuture,
        0..=5 => Freshness::Fresh,
        6..=10 => Freshness::Ageing { days },
        11..=30 => Freshness::NeedsReason { days },
        31.. => Freshness::TooOld { days },
    }
}

/// Whether the bank re-prices between the data's day and today: old figures must not be printed across it.
// LAW: contracts re-price on 21 December (domain.md §3.4).
pub fn repriced_since(as_of: NaiveDate, today: NaiveDate) -> bool {
    use chrono::Datelike;
    (as_of.year()..=today.year())
        .filter_map(|year| NaiveDate::from_ymd_opt(year, 12, 21))
        .any(|day| as_of < day && day <= today)
}

/// The state of a sheet from what is known of it. VOID beats all before it was served.
pub fn state(voided: bool, handed_over: bool, complete: bool) -> LetterState {
    match (complete, voided, handed_over) {
        (true, ..) => LetterState::ReceiptBack,
        (false, true, _) => LetterState::Void,
        (false, false, true) => LetterState::Served,
        (false, false, false) => LetterState::Printed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn d(y: i32, m: u32, d: u32) -> NaiveDate {
        NaiveDate::from_ymd_opt(y, m, d).expect("a day")
    }

    #[test]
    fn freshness_has_sharp_edges() {
        let as_of = d(2026, 12, 5);
        assert_eq!(freshness(as_of, d(2026, 12, 10)), Freshness::Fresh);
        assert_eq!(freshness(as_of, d(2026, 12, 11)), Freshness::Ageing { days: 6 });
        assert_eq!(freshness(as_of, d(2026, 12, 15)), Freshness::Ageing { days: 10 });
        assert_eq!(freshness(as_of, d(2026, 12, 16)), Freshness::NeedsReason { days: 11 });
        assert_eq!(freshness(as_of, d(2027, 1, 4)), Freshness::NeedsReason { days: 30 });
        assert_eq!(freshness(as_of, d(2027, 1, 5)), Freshness::TooOld { days: 31 });
        assert_eq!(freshness(as_of, d(2026, 12, 4)), Freshness::FromTheFuture);
    }

    #[test]
    fn the_21st_re_prices() {
        assert!(repriced_since(d(2026, 12, 5), d(2026, 12, 21)));
        assert!(!repriced_since(d(2026, 12, 21), d(2026, 12, 31)));
        assert!(!repriced_since(d(2026, 11, 25), d(2026, 12, 20)));
    }

    #[test]
    fn numbers_read_as_the_rules_say() {
        let no = DocNo { organ: "青资助".to_owned(), kind: DocKind::RepaymentNotice, year: 2026, serial: 10123 };
        assert_eq!(no.to_string(), "青资助还通〔2026〕10123号");
        let block = BlockLeased { kind: DocKind::ServiceReceipt, year: 2026, block: 101, journal: None };
        assert_eq!((block.first(), block.end()), (10_100, 10_200));
    }
}

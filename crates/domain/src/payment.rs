//! Payments that staff saw a slip of. The furthest the field can go is "reported paid"; only the bank books.
//! Cash does not exist here, nor a card number beyond its last four.

use chrono::{NaiveDate, NaiveTime};
use serde::{Deserialize, Serialize};

use crate::money::Fen;
use crate::words::PayChannel;

/// A slip was seen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PaymentReported {
    /// How.
    pub channel: PayChannel,
    /// Amount on the slip, fen.
    pub amount: Fen,
    /// Day on the slip.
    pub on: NaiveDate,
    /// Time on the slip.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<NaiveTime>,
    /// Reference number.
    pub reference: String,
    /// Terminal number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub terminal: Option<String>,
    /// Last four of the card.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub card_tail: Option<String>,
    /// Who paid.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub payer: Option<String>,
}

/// A report was taken back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PaymentVoided {
    /// Why.
    pub reason: String,
}

/// What is wrong with a report. Each names its field.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PaymentFault {
    /// Zero or negative.
    #[error("the amount must be above zero")]
    Amount,
    /// No reference.
    #[error("the reference number is missing")]
    Reference,
    /// Not four digits.
    #[error("only the last four digits of the card, please")]
    CardTail,
    /// A day to come.
    #[error("the day lies in the future")]
    Future,
}

impl PaymentFault {
    /// The form field to go to.
    pub fn field(self) -> &'static str {
        match self {
            Self::Amount => "amount",
            Self::Reference => "reference",
            Self::CardTail => "card_tail",
            Self::Future => "on",
        }
    }
}

/// What is wrong with `report` on `today`; empty means it may be kept.
pub fn check(report: &PaymentReported, today: NaiveDate) -> Vec<PaymentFault> {
    let mut faults = Vec::new();
    if report.amount.get() <= 0 {
        faults.push(PaymentFault::Amount);
    }
    let reference = report.reference.trim();
    if reference.is_empty() || reference.chars().count() > 40 {
        faults.push(PaymentFault::Reference);
    }
    let four = |tail: &String| tail.len() == 4 && tail.bytes().all(|b| b.is_ascii_digit());
    if report.card_tail.as_ref().is_some_and(|tail| !four(tail)) {
        faults.push(PaymentFault::CardTail);
    }
    if report.on > today {
        faults.push(PaymentFault::Future);
    }
    faults
}

//! What a form states, as plain data: the facts of a notice, of a service receipt, of a payment
//! slip, and who issues them. Everything printed comes from here or from the versioned wording.
//! Nothing here may describe the act of printing (state, colour, reprint count): the hash in the
//! QR code is taken over these facts, and a reprint must carry the hash of the original.

use chrono::{NaiveDate, NaiveTime};
use domain::money::Fen;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::FormError;

/// The issuing organ, as it stands on its letters.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Letterhead {
    /// Full name, e.g. 青石县学生资助管理中心.
    pub organ_name: String,
    /// Short name that opens document numbers, e.g. 青资助.
    pub organ_code: String,
    /// Telephone for questions.
    pub hotline: String,
    /// Telephone for complaints; printed on every letter.
    pub complaint_line: String,
    /// Office address; empty if not to be printed.
    pub address: String,
    /// Handling bank (经办银行), the lender.
    pub bank_name: String,
    /// Settlement bank (代理结算银行), through whose app one may pay.
    pub settlement_bank: String,
    /// Nearest agency point with a POS terminal, if there is one.
    pub nearest_agency: Option<String>,
}

/// One contract in a notice. Amounts are the bank's, in fen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NoticeLine {
    /// The contract number or its tail; only the last six characters are ever printed.
    pub contract_tail: String,
    /// Principal due.
    pub principal_due: Fen,
    /// Interest due.
    pub interest_due: Fen,
    /// Principal and interest together; must be their sum.
    pub subtotal: Fen,
}

/// The facts of a 还款通知书.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NoticeFacts {
    /// Full number, e.g. 青资助还通〔2026〕10123号. May be empty in a sample only.
    pub doc_no: String,
    /// Date of the letter.
    pub printed_on: NaiveDate,
    /// Date up to which the bank's figures hold.
    pub as_of: NaiveDate,
    /// Last day to pay.
    pub due_on: NaiveDate,
    /// Borrower's true name.
    pub borrower: String,
    /// Co-borrower's true name.
    pub co_borrower: Option<String>,
    /// At least one contract.
    pub lines: Vec<NoticeLine>,
    /// Sum of the subtotals.
    pub total: Fen,
    /// Payment account with its middle already masked, e.g. `wan***.cdb@sina.cn`.
    pub account_hint: Option<String>,
    /// Who writes.
    pub letterhead: Letterhead,
}

/// What the served letters are about (案由).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ServiceCause {
    /// 还款告知.
    RepaymentNotice,
    /// 逾期提醒.
    OverdueReminder,
}

/// A letter named on a service receipt.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServedLetter {
    /// Its title, e.g. 生源地信用助学贷款还款通知书.
    pub name: String,
    /// Its full number.
    pub doc_no: String,
    /// Number of copies.
    pub copies: u32,
}

/// The facts of a 送达回证. It has no field for an amount or an ID number, and must get none: a
/// witness reads it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReceiptFacts {
    /// Full number, e.g. 青资助回证〔2026〕10088号. May be empty in a sample only.
    pub receipt_no: String,
    /// Date of printing.
    pub printed_on: NaiveDate,
    /// What the letters are about.
    pub cause: ServiceCause,
    /// One or two letters; more go on a further receipt.
    pub letters: Vec<ServedLetter>,
    /// True names of borrower and co-borrower; at least one.
    pub addressees: Vec<String>,
    /// Place of delivery; empty leaves room to write it by hand.
    pub address: String,
    /// Who serves.
    pub letterhead: Letterhead,
}

/// The facts of a 还款登记回执: staff saw the slip of a payment, and no more. It has no field for an
/// ID number, a contract number or what is left to pay, and must get none: what is paid off only
/// the bank can say, and the slip lies about in many hands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PaymentFacts {
    /// Reference number on the payment's own slip. The form has no number of its own.
    pub reference: String,
    /// Date of printing.
    pub printed_on: NaiveDate,
    /// Day of the payment.
    pub paid_on: NaiveDate,
    /// Time of the payment, to the minute, if its slip shows one.
    pub paid_at: Option<NaiveTime>,
    /// Borrower's true name.
    pub borrower: String,
    /// Who paid, if known.
    pub payer: Option<String>,
    /// Way of payment in Chinese words, e.g. POS机刷卡. Cash is none.
    pub channel: String,
    /// Amount on the slip; above zero.
    pub amount: Fen,
    /// Number of the terminal.
    pub terminal: Option<String>,
    /// The card's last four digits, never more of it.
    pub card_tail: Option<String>,
    /// True name of the member of staff who saw the slip.
    pub staff: String,
    /// Who acknowledges.
    pub letterhead: Letterhead,
}

/// One document to print.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Sheet {
    /// 还款通知书.
    Notice(NoticeFacts),
    /// 送达回证.
    Receipt(ReceiptFacts),
    /// 还款登记回执.
    Payment(PaymentFacts),
}

impl Sheet {
    /// The document's own number, for a payment slip the payment's; empty if it has none yet.
    pub fn doc_no(&self) -> &str {
        match self {
            Self::Notice(f) => &f.doc_no,
            Self::Receipt(f) => &f.receipt_no,
            Self::Payment(f) => &f.reference,
        }
    }

    /// The date of printing it carries.
    pub const fn printed_on(&self) -> NaiveDate {
        match self {
            Self::Notice(f) => f.printed_on,
            Self::Receipt(f) => f.printed_on,
            Self::Payment(f) => f.printed_on,
        }
    }
}

/// How far a printed sheet counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PrintState {
    /// 预览: carries the watermark 样张 and no QR code; has no legal value.
    Sample,
    /// 正式: the number is consumed.
    Formal,
    /// 补打: the same document again, for the n-th time (n ≥ 1).
    Reprint(u32),
}

/// The inks of the printer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Palette {
    /// Red letterhead and rules, the rest black.
    Red,
    /// Everything black, for field printers.
    Black,
}

/// The first eight hexadecimal digits of the SHA-256 over the sheet's facts in their JSON form:
/// what the QR code carries. Fails only if the facts cannot be written as JSON.
// FROZEN: letters already handed out carry this value.
pub fn facts_hash8(sheet: &Sheet) -> Result<String, FormError> {
    let bytes = serde_json::to_vec(sheet).map_err(FormError::Facts)?;
    let digest = Sha256::digest(&bytes);
    Ok(digest.iter().take(4).map(|b| format!("{b:02x}")).collect::<String>())
}

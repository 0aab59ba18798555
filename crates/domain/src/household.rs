//! A family on the bank's list: names, address, contacts, and the fields that people fill at the door.
//! The list's figures are the bank's and are only copied; what people find is added beside it, never over it.

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};

use crate::ids::FileId;
use crate::money::{Fen, MoneyError};
use crate::phone::PhoneNumber;
use crate::place::PlaceCode;
use crate::words::{ContactState, HouseholdField, Source};

/// The family as the bank's list names it. A later list replaces it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HouseholdListed {
    /// Borrower's name as printed on letters until a true name is found.
    pub borrower: String,
    /// The bank's own writing, for matching, where it differs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub borrower_as_bank: Option<String>,
    /// Last four of the borrower's ID number.
    pub id_tail: String,
    /// Co-borrower's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub co_borrower: Option<String>,
    /// Co-borrower's relation to the borrower.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub relation: Option<String>,
    /// Address on the list, raw.
    pub address: String,
    /// Graduation year.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grad_year: Option<i32>,
    /// Phones on the list.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub phones: Vec<ListedPhone>,
}

/// A phone on the bank's list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListedPhone {
    /// The number.
    pub number: PhoneNumber,
    /// Whose it is, in relation to the borrower; empty for the borrower's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub relation: Option<String>,
}

/// Full numbers, in the `ID` section only.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identified {
    /// Borrower's ID number.
    pub borrower_id: String,
    /// Co-borrower's ID number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub co_borrower_id: Option<String>,
    /// Repayment accounts, one a contract, in contract order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub accounts: Vec<String>,
}

/// Where the family belongs; its village's people may see it. A township's code means the village is not resolved.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Placed {
    /// Village (12 digits) or township (9 digits).
    pub place: PlaceCode,
}

/// What the bank's list says is due, whole. A later list replaces it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DueListed {
    /// The import that brought it.
    pub batch: String,
    /// The bank's data are as of this day.
    pub as_of: NaiveDate,
    /// The contracts with something due.
    pub contracts: Vec<Contract>,
    /// Repayment account, masked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account_hint: Option<String>,
}

/// One contract with what is due this year, as the bank says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Contract {
    /// Contract number; letters and pages show the last six.
    pub contract_no: String,
    /// Academic year borrowed for, e.g. `2018-2019`.
    #[serde(default)]
    pub academic_year: String,
    /// Principal due, fen.
    pub principal_due: Fen,
    /// Interest due, fen.
    pub interest_due: Fen,
    /// Penalty due, fen.
    #[serde(default)]
    pub penalty_due: Fen,
    /// Total due, fen: the bank's own figure.
    pub total_due: Fen,
    /// Principal left, fen.
    pub principal_left: Fen,
    /// Due date.
    pub due_on: NaiveDate,
    /// Maturity.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub maturity_on: Option<NaiveDate>,
    /// Rate in force, parts per million a year.
    #[serde(default)]
    pub rate_ppm: u32,
    /// Bank's word for the contract's status.
    #[serde(default)]
    pub status: String,
}

impl Contract {
    /// What may be shown of the number: its last six characters.
    pub fn tail(&self) -> String {
        let skip = self.contract_no.chars().count().saturating_sub(6);
        self.contract_no.chars().skip(skip).collect()
    }
}

impl DueListed {
    /// Total over the contracts: the rounded amounts are summed, the sum is never rounded.
    ///
    /// # Errors
    /// A sum beyond what fen can hold.
    pub fn total(&self) -> Result<Fen, MoneyError> {
        self.contracts.iter().map(|contract| contract.total_due).sum()
    }

    /// The due date of the list: the earliest of its contracts'.
    pub fn due_on(&self) -> Option<NaiveDate> {
        self.contracts.iter().map(|contract| contract.due_on).min()
    }
}

/// A field filled by somebody. One slot for each field.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FieldFilled {
    /// Which.
    pub field: HouseholdField,
    /// The value.
    pub text: String,
}

/// A number was told. Numbers are added, confirmed or marked, never taken away.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ContactAdded {
    /// The number.
    pub number: PhoneNumber,
    /// Owner's relation to the borrower, as told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub relation: Option<String>,
    /// From whom.
    pub source: Source,
    /// A short note.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// What state a number was found in. The latest by corrected time counts; all are kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ContactStated {
    /// The number.
    pub number: PhoneNumber,
    /// Its state.
    pub state: ContactState,
    /// On which day it was tried.
    pub on: NaiveDate,
}

/// The account as letters may print it: first three, three stars, domain; a bank account's last four.
pub fn mask_account(account: &str) -> String {
    match account.split_once('@') {
        Some((name, domain)) => {
            let head: String = name.chars().take(3).collect();
            // `xxxx.cdb@…`: the product suffix tells the reader which account, and nothing of the person.
            let suffix = if name.ends_with(".cdb") { ".cdb" } else { "" };
            format!("{head}***{suffix}@{domain}")
        }
        None => {
            let skip = account.chars().count().saturating_sub(4);
            format!("尾号{}", account.chars().skip(skip).collect::<String>())
        }
    }
}

/// Somebody at the centre says whether two files are one person's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SamePersonDecided {
    /// The two files, the smaller first.
    pub files: (FileId, FileId),
    /// They are.
    pub same: bool,
    /// Why.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub reason: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accounts_are_masked() {
        assert_eq!(mask_account("80000101.cdb@sina.cn"), "800***.cdb@sina.cn");
        assert_eq!(mask_account("6222020200112233"), "尾号2233");
    }
}

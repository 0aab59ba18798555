//! Imports by two persons: the operator proposes what a file of the bank's would change, the head decides, and only then does the
//! operator's desk load it. What is proposed is told in figures; nothing here changes a family.

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};

use crate::ids::{FactId, Sha};
use crate::money::Fen;
use crate::place::PlaceCode;
use crate::words::ProposedKind;

/// What a file would change, or what would be taken back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImportProposed {
    /// What it is.
    pub kind: ProposedKind,
    /// The name under which it is loaded; of what is to be taken back, the name under which that was loaded.
    pub batch: String,
    /// The file together with how it was understood: the same asked again is this proposal.
    pub asked: Sha,
    /// Data date.
    pub as_of: NaiveDate,
    /// Its file's name, or why it is to be taken back.
    pub words: String,
    /// Rows taken in.
    pub rows: u32,
    /// Rows refused.
    pub rejected: u32,
    /// Rows taken in with a warning.
    pub warned: u32,
    /// Families new to the county.
    #[serde(default)]
    pub new: u32,
    /// Families of which it says something else than before.
    #[serde(default)]
    pub changed: u32,
    /// Families of which nothing is due any more.
    #[serde(default)]
    pub gone: u32,
    /// Sum in it, fen: due in a list, booked in a feed.
    pub total: Fen,
    /// What was due on all families before, fen.
    pub before: Fen,
    /// What is due on all families afterwards, fen.
    pub after: Fen,
    /// By township, where something changes.
    #[serde(default)]
    pub townships: Vec<TownshipChange>,
}

/// What changes in a township.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TownshipChange {
    /// The township.
    pub place: PlaceCode,
    /// Families with something due before and afterwards.
    pub families: (u32, u32),
    /// What is due before and afterwards, fen.
    pub due: (Fen, Fen),
}

/// The head's word on a proposal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImportDecided {
    /// The proposal.
    pub proposal: FactId,
    /// It may be loaded.
    pub accepted: bool,
    /// Why, where it may not.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub reason: String,
}

/// A proposal was carried out. It is the first fact of what was written for it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImportLoaded {
    /// The proposal.
    pub proposal: FactId,
    /// Of what was taken back, the fact with which its loading began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub undoes: Option<FactId>,
}

//! What the log says about itself: decisions on held facts, erasures, revoked devices, closed journals, a restored county.
//! Of all bodies these and the rights are the only ones that the county master reads. None of them edits a fact.

use serde::{Deserialize, Serialize};

use crate::clock::Millis;
use crate::ids::{DeviceId, FactId, JournalId, LogId, Sha};
use crate::lost::Burnt;
use crate::rights::Position;

/// The head of the centre decided on facts that the county kept without letting them through.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeldDecided {
    /// Which; all of one file.
    pub facts: Vec<FactId>,
    /// Let through from now on, or kept for ever without effect.
    pub accept: bool,
    /// Why, for the author.
    #[serde(default)]
    pub reason: String,
}

/// Facts were erased: holders drop their bodies and papers, keep their leaves, and never take them again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Erased {
    /// Which; all of the file and section in which this stands.
    pub facts: Vec<FactId>,
    /// Papers of that section that go with them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub papers: Vec<Sha>,
    /// Why.
    pub reason: String,
}

/// A device may no longer speak to the county.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeviceRevoked {
    /// Which.
    pub device: DeviceId,
    /// It is lost, by the word of two persons: it is to be emptied when it comes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lost: Option<Burnt>,
}

/// Two desks wrote under one journal: it takes no more, both open new ones.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct JournalClosed {
    /// Which.
    pub journal: JournalId,
    /// Of which device.
    pub device: DeviceId,
}

/// The county was restored from a copy: what it once gave a place above `position` has come or comes again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogForked {
    /// The log.
    pub log: LogId,
    /// Last position that the copy and the lost history share, as far as known.
    pub position: Position,
    /// County clock when a desk first knew more than the county.
    pub at: Millis,
}

//! A laptop that is out of its person's hands. Two persons of the centre say so; what one alone says has no effect, so that
//! nobody turns a colleague out by a mistake or in anger. It must never name what lay on the laptop: that follows from the log.

use serde::{Deserialize, Serialize};

use crate::clock::Millis;
use crate::ids::DeviceId;
use crate::rights::Position;
use crate::words::DocKind;

/// Two persons' words count as of one loss within so many milliseconds: a week.
pub const TOGETHER: i64 = 7 * 86_400_000;

/// One of the two says that a laptop is lost (domain.md SC5). In the device's own file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LaptopLost {
    /// Which.
    pub device: DeviceId,
    /// Since when it is, as far as they know.
    pub since: Millis,
    /// What happened, in their words.
    pub how: String,
    /// Numbers leased to it under which no sheet is known: void from now on.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub void: Vec<NumberRange>,
}

/// Consecutive numbers of documents.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct NumberRange {
    /// Kind of document.
    pub kind: DocKind,
    /// Year.
    pub year: i32,
    /// The first.
    pub first: u32,
    /// The last.
    pub last: u32,
}

/// What the county knows of a laptop at the moment when the second person said that it is lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Burnt {
    /// Since when it is lost: the earlier of what the two said.
    pub since: Millis,
    /// When the county last spoke to it, and how long the log was of which it may hold a part; `None` if never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contact: Option<LastContact>,
}

/// The last contact of a device.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct LastContact {
    /// When, by the county's clock.
    pub at: Millis,
    /// The head of the log then.
    pub head: Position,
}

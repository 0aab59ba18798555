//! Who looked at what is masked. Such a record is written before the numbers are shown, stands in the same log as the work,
//! and is never erased. It must never hold what was shown.

use serde::{Deserialize, Serialize};

use crate::words::LookedAt;

/// Somebody was shown what is masked otherwise; in the family's file, in the section of its numbers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Looked {
    /// At what.
    pub at: LookedAt,
    /// Why, in their own words; a search tells by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

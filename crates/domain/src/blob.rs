//! A blob on its way, said alike by both ends: which part of it is meant, and how much of it is safe at the county.
//! Bytes travel from an offset that the receiver names; nothing here may be trusted before the whole has its hash.

use serde::{Deserialize, Serialize};

use crate::enrol::Refusal;
use crate::ids::{FileId, Sha};
use crate::words::Section;

/// Most bytes of a blob.
pub const MOST_BLOB: u64 = 20 * 1024 * 1024;
/// Most bytes of a photo's preview. A photo that is no larger needs none; so previews come before all photos that have one.
pub const MOST_PREVIEW: u64 = 40_000;

/// The rest of a blob, from an offset on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Piece {
    /// Hash of the whole.
    pub sha: Sha,
    /// The file it belongs to.
    pub file: FileId,
    /// The section.
    pub section: Section,
    /// Bytes of the whole.
    pub size: u64,
    /// Offset of the piece's first byte.
    pub from: u64,
}

/// What the county has of a blob. Travels as JSON, again and again while bytes arrive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Stand {
    /// Bytes from the first on that are safe there: where to go on.
    pub have: u64,
    /// It is whole, has its hash and is kept.
    #[serde(default)]
    pub kept: bool,
    /// Why what was sent was not taken.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refused: Option<Refusal>,
}

//! The county as an organisation: the centre's profile, staff with roles and areas, devices, who works which village,
//! the registries behind letterhead and work, and the imports and bulletins that the whole county shares.

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};

use crate::ids::{DeviceId, JournalId, PersonId, Sha};
use crate::money::Fen;
use crate::place::PlaceCode;
use crate::words::{Line, RegistrySheet, Role};

/// The centre's profile (M09): what letters print about the organ.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProfileSaved {
    /// Name of the organ.
    pub organ_name: String,
    /// Short name.
    #[serde(default)]
    pub organ_short: String,
    /// Code word before document numbers.
    pub organ_code: String,
    /// Unified social credit code.
    #[serde(default)]
    pub credit_code: String,
    /// Hotline.
    pub hotline: String,
    /// Complaint phone.
    #[serde(default)]
    pub complaint_line: String,
    /// Office address.
    #[serde(default)]
    pub address: String,
    /// Handling bank.
    pub bank_name: String,
    /// Settlement bank.
    #[serde(default)]
    pub settlement_bank: String,
    /// County's name.
    #[serde(default)]
    pub county_name: String,
}

/// A person has an account with this role and these areas. Written by the county master only.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RoleGiven {
    /// Account.
    pub person: PersonId,
    /// Name.
    pub name: String,
    /// Role.
    pub role: Role,
    /// Townships or villages whose families the role may see without assignment.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub areas: Vec<PlaceCode>,
}

/// A device was enrolled for a person, or opened a new journal. Written by the county master only.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeviceEnrolled {
    /// Device.
    pub device: DeviceId,
    /// Whose.
    pub person: PersonId,
    /// Its Ed25519 public key, hexadecimal.
    pub key: String,
    /// Its journal.
    pub journal: JournalId,
}

/// The place table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlacesLoaded {
    /// CSV `code,name,level,parent_code`.
    pub places: String,
    /// CSV `old_name,code,name,note`.
    #[serde(default)]
    pub old_names: String,
}

/// A person is responsible for a village in a line. In the village's file; the latest counts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct VillageAssigned {
    /// Village.
    pub village: PlaceCode,
    /// Line.
    pub line: Line,
    /// Who.
    pub person: PersonId,
}

/// A registry's rows; a later load of the same sheet replaces it, part by part.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RegistryLoaded {
    /// Which.
    pub sheet: RegistrySheet,
    /// Part, from 0: a large registry is several facts.
    pub part: u32,
    /// Column headings.
    pub columns: Vec<String>,
    /// Rows.
    pub rows: Vec<Vec<String>>,
}

/// A due list was imported, whole.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DueListImported {
    /// Its name: the first sixteen hex digits of the file's SHA-256.
    pub batch: String,
    /// The file's SHA-256.
    pub sha256: Sha,
    /// Data date.
    pub as_of: NaiveDate,
    /// Families.
    pub borrowers: u32,
    /// Contracts.
    pub contracts: u32,
    /// Principal due, fen.
    pub principal_due: Fen,
    /// Interest due, fen.
    pub interest_due: Fen,
    /// Penalty due, fen.
    pub penalty_due: Fen,
    /// Total due, fen.
    pub total_due: Fen,
    /// Rows refused.
    pub rejected: u32,
    /// It added to the list in use.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub supplement: bool,
}

/// A bulletin was issued: a frozen snapshot, as it was shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BulletinIssued {
    /// Number within the season.
    pub no: u32,
    /// The table as shown.
    pub table: serde_json::Value,
}

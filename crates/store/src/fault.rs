//! What can go wrong in the store. Causes are kept as sources; words for people are the desk's.

use domain::event::BodyFault;
use domain::fact::SealFault;
use domain::ids::JournalId;
use domain::wire::WireFault;

/// A failure of the store. Nothing was written.
#[derive(Debug, thiserror::Error)]
pub enum StoreFault {
    /// The database.
    #[error("the database failed")]
    Sqlite(#[from] rusqlite::Error),
    /// Opening it.
    #[error("the database did not open")]
    Open(#[from] crate::file::OpenFault),
    /// The head anchor's file.
    #[error("the head anchor failed")]
    Anchor(#[from] std::io::Error),
    /// What was written is in the file, and the head anchor does not know of it: it must not be called saved.
    #[error("the head anchor failed after the commit")]
    Unguarded(#[source] std::io::Error),
    /// A fact's body.
    #[error("a fact's body failed")]
    Body(#[from] BodyFault),
    /// JSON in a view.
    #[error("a view's body failed")]
    Json(#[from] serde_json::Error),
    /// A stored fact cannot be read.
    #[error("stored bytes cannot be read")]
    Wire(#[from] WireFault),
    /// A batch that is not to be believed.
    #[error("a batch does not verify")]
    Seal(#[from] SealFault),
    /// A batch of a journal whose key is not known here.
    #[error("journal {journal} is not known")]
    UnknownJournal {
        /// Which.
        journal: JournalId,
    },
    /// Two different facts under one name: a cloned or restored device.
    #[error("journal {journal} has two facts {seq}")]
    Forked {
        /// Which.
        journal: JournalId,
        /// Which.
        seq: u64,
    },
    /// A page that does not begin where this desk stands: late, of another laptop, or not the one that was asked for.
    #[error("the page does not begin where this desk stands")]
    OtherPage,
    /// A stored value that no version wrote.
    #[error("{what} holds a value that no version wrote")]
    Corrupt {
        /// Where.
        what: &'static str,
    },
    /// The file was made by a newer version.
    #[error("the file is of schema {found}, this version knows {known}")]
    Newer {
        /// Found.
        found: i64,
        /// Known.
        known: i64,
    },
}

/// SQLite says no more room, no right or a broken disk: the desk words these apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DiskTrouble {
    /// The disk is full.
    Full,
    /// It may only be read.
    ReadOnly,
    /// It fails.
    Broken,
}

impl StoreFault {
    /// What the disk has to do with it, if anything.
    pub fn disk(&self) -> Option<DiskTrouble> {
        use rusqlite::ErrorCode;
        match self {
            Self::Sqlite(rusqlite::Error::SqliteFailure(error, _))
            | Self::Open(crate::file::OpenFault::Sqlite(rusqlite::Error::SqliteFailure(error, _))) => {
                if error.code == ErrorCode::DiskFull {
                    Some(DiskTrouble::Full)
                } else if error.code == ErrorCode::ReadOnly {
                    Some(DiskTrouble::ReadOnly)
                } else if matches!(
                    error.code,
                    // A page whose MAC does not fit is no page of a database.
                    ErrorCode::SystemIoFailure | ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase
                ) {
                    Some(DiskTrouble::Broken)
                } else {
                    None
                }
            }
            Self::Anchor(error) => {
                let kind = error.kind();
                if kind == std::io::ErrorKind::StorageFull {
                    Some(DiskTrouble::Full)
                } else if matches!(kind, std::io::ErrorKind::ReadOnlyFilesystem | std::io::ErrorKind::PermissionDenied)
                {
                    Some(DiskTrouble::ReadOnly)
                } else {
                    Some(DiskTrouble::Broken)
                }
            }
            Self::Unguarded(_) => Some(DiskTrouble::Broken),
            Self::Sqlite(_)
            | Self::Open(_)
            | Self::Body(_)
            | Self::Json(_)
            | Self::Wire(_)
            | Self::Seal(_)
            | Self::UnknownJournal { .. }
            | Self::Forked { .. }
            | Self::OtherPage
            | Self::Corrupt { .. }
            | Self::Newer { .. } => None,
        }
    }
}

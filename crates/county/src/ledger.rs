//! Where the county keeps its log: what any database must be able to do, and the embedded one that does it.
//! Rules live above, in `push`, `pull` and `enrol`; a ledger must never decide what is allowed.
//! A second variant (PostgreSQL) adds one `impl Transaction` and an arm to `read` and `write`.

mod sqlite;

use std::path::Path;

use domain::clock::{Millis, Received};
use domain::exchange::{Cursor, Sum};
use domain::fact::SealFault;
use domain::ids::{DeviceId, FileId, JournalId, LogId, PersonId, Sha};
use domain::place::PlaceCode;
use domain::rights::{Entitled, Position};
use domain::wire::WireFault;
use domain::words::{DocKind, Role, Section};
use store::file::{FileKey, OpenFault};

use sqlite::SqliteLedger;

/// The county's own trouble: its disk, its database, its randomness. Never the fault of who asked.
#[derive(Debug, thiserror::Error)]
pub enum LedgerFault {
    /// The file does not open.
    #[error("the ledger does not open")]
    Open(#[from] OpenFault),
    /// The database fails.
    #[error("the ledger's database fails")]
    Sqlite(#[from] rusqlite::Error),
    /// A row that the county did not write so.
    #[error("the ledger is damaged: {0}")]
    Damaged(&'static str),
    /// A stored fact or batch that cannot be read.
    #[error("the ledger is damaged: stored bytes cannot be read")]
    Bytes(#[from] WireFault),
    /// A batch of the county's own that does not seal.
    #[error("the county's own batch does not seal")]
    Seal(#[from] SealFault),
    /// A fact of the county's own that cannot be written.
    #[error("the county's own fact cannot be written")]
    Body(#[from] domain::event::BodyFault),
    /// JSON of an area list.
    #[error("the ledger is damaged: a list of areas cannot be read")]
    Json(#[from] serde_json::Error),
    /// No randomness.
    #[error("the system gives no randomness")]
    Chance(#[from] getrandom::Error),
}

/// What the ledger says of itself.
#[derive(Debug, Clone)]
pub(crate) struct Meta {
    pub(crate) county: String,
    pub(crate) practice: bool,
    pub(crate) log: LogId,
    pub(crate) master_journal: JournalId,
    pub(crate) safe: Position,
}

/// A person as last enrolled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Account {
    pub(crate) person: PersonId,
    pub(crate) name: String,
    pub(crate) role: Role,
    pub(crate) areas: Vec<PlaceCode>,
}

/// An enrolled device.
#[derive(Debug, Clone)]
pub(crate) struct Device {
    pub(crate) id: DeviceId,
    pub(crate) person: PersonId,
    pub(crate) key: [u8; 32],
    pub(crate) certificate: Sha,
    /// Position of its enrolment.
    pub(crate) enrolled: Position,
    pub(crate) revoked: bool,
}

/// A journal and where it goes on.
#[derive(Debug, Clone)]
pub(crate) struct Journal {
    pub(crate) id: JournalId,
    /// `None` for the master's own.
    pub(crate) device: Option<DeviceId>,
    pub(crate) next_batch: u64,
    pub(crate) next_seq: u64,
    pub(crate) last_seal: Sha,
}

/// A batch with its place in the log.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    pub(crate) position: Position,
    pub(crate) journal: JournalId,
    pub(crate) batch: u64,
    pub(crate) received: Received,
    pub(crate) runs: u32,
    pub(crate) bytes: Vec<u8>,
}

/// A run of an entry.
#[derive(Debug, Clone)]
pub(crate) struct Run {
    pub(crate) position: Position,
    pub(crate) seq: u64,
    pub(crate) journal: JournalId,
    pub(crate) file: FileId,
    pub(crate) section: Section,
    pub(crate) held: bool,
    pub(crate) sum: Sum,
}

/// A batch before its predecessor.
#[derive(Debug, Clone)]
pub(crate) struct Waiting {
    pub(crate) journal: JournalId,
    pub(crate) batch: u64,
    pub(crate) at: Millis,
    pub(crate) offset: i64,
    pub(crate) bytes: Vec<u8>,
}

/// An invitation.
#[derive(Debug, Clone)]
pub(crate) struct Invitation {
    pub(crate) token_hash: Sha,
    pub(crate) account: Account,
    pub(crate) expires: Millis,
    pub(crate) used_by: Option<DeviceId>,
}

/// What has come of a blob that a device is sending.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Part {
    pub(crate) sha: Sha,
    /// Bytes of the whole, as the device says.
    pub(crate) size: u64,
    /// Bytes that are here, from the first on.
    pub(crate) have: u64,
}

/// How much there is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
pub(crate) struct Counts {
    pub(crate) entries: u64,
    pub(crate) facts: u64,
    pub(crate) held: u64,
    pub(crate) waiting: u64,
    pub(crate) people: u64,
    pub(crate) devices: u64,
    pub(crate) invitations_open: u64,
    pub(crate) blobs: u64,
}

type Kept<T> = Result<T, LedgerFault>;

/// One transaction: everything below is seen or done together or not at all.
pub(crate) trait Transaction {
    fn meta(&self) -> Kept<Meta>;
    fn head(&self) -> Kept<Position>;
    /// The next position, from a row that stays locked until the transaction ends.
    fn take_position(&self) -> Kept<Position>;
    /// County clock at a position; of position 0, the beginning of time.
    fn time_at(&self, position: Position) -> Kept<Millis>;

    fn account(&self, person: &PersonId) -> Kept<Option<Account>>;
    fn put_account(&self, account: &Account) -> Kept<()>;
    fn device(&self, id: DeviceId) -> Kept<Option<Device>>;
    fn device_by_certificate(&self, certificate: Sha) -> Kept<Option<Device>>;
    fn add_device(&self, device: &Device) -> Kept<()>;
    fn invitation(&self, token_hash: Sha) -> Kept<Option<Invitation>>;
    fn add_invitation(&self, invitation: &Invitation) -> Kept<()>;
    fn use_invitation(&self, token_hash: Sha, at: Millis, by: DeviceId) -> Kept<()>;
    fn last_block(&self, kind: DocKind, year: i32) -> Kept<Option<u32>>;
    fn add_lease(&self, kind: DocKind, year: i32, block: u32, device: DeviceId) -> Kept<()>;

    fn journal(&self, id: JournalId) -> Kept<Option<Journal>>;
    /// Adds a journal or moves it on.
    fn put_journal(&self, journal: &Journal) -> Kept<()>;
    fn entry(&self, position: Position) -> Kept<Option<Entry>>;
    fn entry_of(&self, journal: JournalId, batch: u64) -> Kept<Option<Entry>>;
    fn add_entry(&self, entry: &Entry) -> Kept<()>;
    fn add_run(&self, run: &Run) -> Kept<()>;
    /// Seqs of the facts of an entry that are held.
    fn held_in(&self, position: Position) -> Kept<Vec<u64>>;
    fn add_rights_fact(&self, position: Position, seq: u64, bytes: &[u8]) -> Kept<()>;
    /// Facts of rights after a position, up to another, in log order.
    fn rights_facts(&self, after: Position, upto: Position) -> Kept<Vec<(Position, Vec<u8>)>>;

    fn waiting(&self, journal: JournalId, batch: u64) -> Kept<Option<Waiting>>;
    fn waiting_numbers(&self, journal: JournalId) -> Kept<Vec<u64>>;
    fn add_waiting(&self, waiting: &Waiting) -> Kept<()>;
    fn drop_waiting(&self, journal: JournalId, batch: u64) -> Kept<()>;

    /// At most `most` runs that follow `cursor` in page order and are not held; of the desk's own journal only those
    /// whose section was opened after they came: lost once with their right, they come back with it.
    fn runs_after(&self, see: &Entitled, own: JournalId, cursor: Cursor, most: usize) -> Kept<Vec<(Cursor, Run)>>;
    /// Count and leaves of all that is seen up to a position and not held.
    fn sum(&self, see: &Entitled, upto: Position) -> Kept<Sum>;
    /// Sections that a journal has written into after a position, let through.
    fn written_after(&self, journal: JournalId, position: Position) -> Kept<Vec<(FileId, Section)>>;
    /// Every section that has a run.
    fn sections(&self) -> Kept<Vec<(FileId, Section)>>;
    /// Whether a device has a run in a section that is let through.
    fn wrote_in(&self, device: DeviceId, file: FileId, section: Section) -> Kept<bool>;

    fn blob_size(&self, sha: Sha) -> Kept<Option<u64>>;
    fn blob_bytes(&self, sha: Sha, from: u64, count: u64) -> Kept<Vec<u8>>;
    fn blob_places(&self, sha: Sha) -> Kept<Vec<(FileId, Section)>>;
    fn add_blob(&self, sha: Sha, at: Millis, bytes: &[u8]) -> Kept<()>;
    fn add_blob_place(&self, sha: Sha, file: FileId, section: Section, device: DeviceId) -> Kept<()>;

    /// The parts of a device's blobs, the longest untouched first.
    fn parts(&self, device: DeviceId) -> Kept<Vec<Part>>;
    /// Begins a part; there must be none of this blob from this device.
    fn begin_part(&self, device: DeviceId, sha: Sha, size: u64, now: Millis) -> Kept<()>;
    /// Adds the bytes that follow what is there.
    fn add_to_part(&self, device: DeviceId, part: &Part, bytes: &[u8], now: Millis) -> Kept<()>;
    /// All bytes of a part in their order.
    fn part_bytes(&self, device: DeviceId, sha: Sha) -> Kept<Vec<u8>>;
    fn drop_part(&self, device: DeviceId, sha: Sha) -> Kept<()>;
    /// Drops every part that nobody touched since `moment`.
    fn sweep_parts(&self, moment: Millis) -> Kept<()>;

    fn counts(&self, now: Millis) -> Kept<Counts>;
}

/// The county's database.
pub(crate) enum Ledger {
    Sqlite(SqliteLedger),
}

impl Ledger {
    /// A new embedded ledger.
    pub(crate) fn found(path: &Path, key: &FileKey, meta: &Meta) -> Kept<Self> {
        SqliteLedger::found(path, key, meta).map(Self::Sqlite)
    }

    /// The embedded ledger at `path`.
    pub(crate) fn open(path: &Path, key: &FileKey) -> Kept<Self> {
        SqliteLedger::open(path, key).map(Self::Sqlite)
    }

    /// Reads one state of the ledger.
    pub(crate) fn read<T, E: From<LedgerFault>>(
        &self,
        work: impl FnOnce(&dyn Transaction) -> Result<T, E>,
    ) -> Result<T, E> {
        match self {
            Self::Sqlite(ledger) => ledger.read(work),
        }
    }

    /// Writes; durable when it returns, undone if `work` fails. One writer at a time.
    pub(crate) fn write<T, E: From<LedgerFault>>(
        &self,
        work: impl FnOnce(&dyn Transaction) -> Result<T, E>,
    ) -> Result<T, E> {
        match self {
            Self::Sqlite(ledger) => ledger.write(work),
        }
    }
}

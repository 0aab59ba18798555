//! Where the county keeps its log: what any database must be able to do, and the embedded one that does it.
//! Rules live above, in `push`, `pull` and `enrol`; a ledger must never decide what is allowed.
//! A second variant (PostgreSQL) adds one `impl Transaction` and an arm to `read` and `write`.

mod pack;
mod sqlite;

use std::path::Path;

use chrono::NaiveDate;
use domain::clock::{Millis, Received};
use domain::exchange::{Cursor, Sum};
use domain::fact::SealFault;
use domain::ids::{BundleId, BundleKey, DeviceId, FactId, FileId, JournalId, KeyPrint, LogId, PersonId, Sha};
use domain::place::PlaceCode;
use domain::rights::{Entitled, Position};
use domain::wire::WireFault;
use domain::words::{DocKind, Role, Section};
use store::file::{FileKey, OpenFault};

use sqlite::SqliteLedger;

use crate::lost::Quarantined;

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
    /// A batch that does not inflate.
    #[error("the ledger is damaged: a batch does not inflate")]
    Packing(#[from] std::io::Error),
    /// The file that remembers where the log stands.
    #[error("the county's anchor cannot be read or written")]
    Anchor(#[source] std::io::Error),
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
    /// The master's present journal.
    pub(crate) master_journal: JournalId,
    pub(crate) safe: Position,
    /// Where it last said that it was restored; 0 if never.
    pub(crate) forked: Position,
    /// The lowest position above which history was ever lost.
    pub(crate) lost: Option<Position>,
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
    /// All zeros, which no certificate hashes to, until a device from a lost history presents itself.
    pub(crate) certificate: Sha,
    /// Position of its enrolment.
    pub(crate) enrolled: Position,
    pub(crate) revoked: bool,
    /// Not so for a device from a lost history whose enrolment the head has not let through.
    pub(crate) confirmed: bool,
}

/// A journal and where it goes on.
#[derive(Debug, Clone)]
pub(crate) struct Journal {
    pub(crate) id: JournalId,
    /// `None` for the master's own.
    pub(crate) device: Option<DeviceId>,
    /// Two desks have written under it: it takes nothing new.
    pub(crate) closed: bool,
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
    /// The running hash after it.
    pub(crate) chain: Sha,
    pub(crate) runs: u32,
    pub(crate) bytes: Vec<u8>,
}

/// A run of an entry: facts of one section that were let through together, or one fact that was not.
#[derive(Debug, Clone)]
pub(crate) struct Run {
    pub(crate) position: Position,
    pub(crate) seq: u64,
    /// Since when it is let through; its position while it is held.
    pub(crate) shown: Position,
    pub(crate) journal: JournalId,
    pub(crate) file: FileId,
    pub(crate) section: Section,
    pub(crate) held: bool,
    /// Also sent to the device whose journal it is.
    pub(crate) back: bool,
    pub(crate) sum: Sum,
}

impl Run {
    /// One past the seq of its last fact.
    pub(crate) fn end(&self) -> u64 {
        self.seq.saturating_add(self.sum.count)
    }
}

/// An erased fact.
#[derive(Debug, Clone)]
pub(crate) struct Erasure {
    pub(crate) fact: FactId,
    pub(crate) file: FileId,
    pub(crate) section: Section,
    /// Position of the erasure.
    pub(crate) at: Position,
    /// Since when it was let through, and the first eight bytes of its leaf, if it was there.
    pub(crate) counted: Option<(Position, u64)>,
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
    /// Its device comes in only after somebody has compared six words.
    pub(crate) words: bool,
    /// How often it was presented in vain.
    pub(crate) tries: u32,
}

/// A device that presented an invitation and waits until somebody has compared its words.
#[derive(Debug, Clone)]
pub(crate) struct Candidate {
    pub(crate) token_hash: Sha,
    pub(crate) key: [u8; 32],
    pub(crate) certificate: Sha,
    /// When it first asked.
    pub(crate) asked: Millis,
    pub(crate) confirmed: bool,
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
    /// Facts that are kept without being let through, and undecided.
    pub(crate) held: u64,
    pub(crate) erased: u64,
    pub(crate) waiting: u64,
    /// Journals under which two desks have written.
    pub(crate) closed: u64,
    /// Blocks of numbers that two devices have, after a restore.
    pub(crate) blocks_twice: u64,
    pub(crate) people: u64,
    pub(crate) devices: u64,
    pub(crate) invitations_open: u64,
    pub(crate) blobs: u64,
}

type Kept<T> = Result<T, LedgerFault>;

/// One transaction: everything below is seen or done together or not at all.
pub(crate) trait Transaction {
    fn meta(&self) -> Kept<Meta>;
    /// The county turned out to be restored: its new journal, where it says so, and above which position history is lost.
    fn set_fork(&self, master_journal: JournalId, forked: Position, lost: Position) -> Kept<()>;
    /// History is lost above this position too: above the lowest that is ever told.
    fn lose(&self, above: Position) -> Kept<()>;
    /// The last position in a verified backup; it never goes back.
    fn set_safe(&self, safe: Position) -> Kept<()>;
    fn head(&self) -> Kept<Position>;
    /// Facts that came up to a position.
    fn facts_upto(&self, position: Position) -> Kept<u64>;
    /// The running hash at a position; zeros at 0.
    fn chain_at(&self, position: Position) -> Kept<Sha>;
    /// The next position, from a row that stays locked until the transaction ends.
    fn take_position(&self) -> Kept<Position>;
    /// County clock at a position; of position 0, the beginning of time.
    fn time_at(&self, position: Position) -> Kept<Millis>;

    fn account(&self, person: &PersonId) -> Kept<Option<Account>>;
    fn put_account(&self, account: &Account) -> Kept<()>;
    fn device(&self, id: DeviceId) -> Kept<Option<Device>>;
    fn device_by_certificate(&self, certificate: Sha) -> Kept<Option<Device>>;
    fn add_device(&self, device: &Device) -> Kept<()>;
    fn confirm_device(&self, id: DeviceId) -> Kept<()>;
    fn set_certificate(&self, id: DeviceId, certificate: Sha) -> Kept<()>;
    /// Also of a device that is not known yet.
    fn revoke(&self, id: DeviceId) -> Kept<()>;
    /// When a device was last spoken to, and the log's head then.
    fn contact(&self, device: DeviceId) -> Kept<Option<(Millis, Position)>>;
    fn put_contact(&self, device: DeviceId, at: Millis, head: Position) -> Kept<()>;
    /// Who said of a device, from a moment on, that it is lost, and since when.
    fn lost(&self, device: DeviceId, said: Millis) -> Kept<Vec<(PersonId, Millis)>>;
    /// A later word of the same person takes the place of the earlier one.
    fn add_lost(&self, device: DeviceId, person: &PersonId, since: Millis, said: Millis) -> Kept<()>;
    /// Since when a device is lost, by the word of two.
    fn burnt(&self, device: DeviceId) -> Kept<Option<Millis>>;
    /// Also of a device that is not known yet; the first word counts.
    fn burn(&self, device: DeviceId, since: Millis) -> Kept<()>;
    /// What lies in quarantine, the oldest first.
    fn quarantined(&self) -> Kept<Vec<Quarantined>>;
    fn quarantined_bytes(&self, bundle: BundleId) -> Kept<Option<(DeviceId, Vec<u8>)>>;
    fn add_quarantined(&self, bundle: BundleId, device: DeviceId, at: Millis, bytes: &[u8]) -> Kept<()>;
    fn set_quarantined_taken(&self, bundle: BundleId) -> Kept<()>;
    /// What bundles to a device are sealed to, if it has said so.
    fn bundle_key(&self, device: DeviceId) -> Kept<Option<BundleKey>>;
    /// The device whose bundle key has this print.
    fn bundle_sender(&self, print: KeyPrint) -> Kept<Option<(DeviceId, BundleKey)>>;
    /// Sets it; nobody else may have that key.
    fn put_bundle_key(&self, device: DeviceId, key: &BundleKey) -> Kept<()>;
    /// What a device said when it was last given blocks, hashed.
    fn greeting(&self, device: DeviceId) -> Kept<Option<Sha>>;
    fn put_greeting(&self, device: DeviceId, said: Sha) -> Kept<()>;
    /// What a device last asked in a bundle, and in which one.
    fn asked(&self, device: DeviceId) -> Kept<Option<(BundleId, Vec<u8>)>>;
    /// Sets it, unless the device asked before from a place of the log further on and at a later time by its clock.
    fn put_asked(&self, device: DeviceId, bundle: &BundleId, at: (Position, Millis), bytes: &[u8]) -> Kept<()>;
    fn invitation(&self, token_hash: Sha) -> Kept<Option<Invitation>>;
    fn add_invitation(&self, invitation: &Invitation) -> Kept<()>;
    /// The invitation was presented in vain once more.
    fn tried_in_vain(&self, token_hash: Sha) -> Kept<()>;
    /// Nobody may use the invitation any more; whoever waits on it waits no longer.
    fn void_invitation(&self, token_hash: Sha, at: Millis) -> Kept<()>;
    /// The same of all unused ones of an account. Returns how many.
    fn void_invitations_of(&self, person: &PersonId, at: Millis) -> Kept<usize>;
    fn candidate(&self, token_hash: Sha) -> Kept<Option<Candidate>>;
    fn add_candidate(&self, candidate: &Candidate) -> Kept<()>;
    /// All that wait, in the order in which they came, and those that were confirmed and have not come again.
    fn candidates(&self) -> Kept<Vec<Candidate>>;
    fn confirm_candidate(&self, token_hash: Sha) -> Kept<()>;
    /// The devices of a person that may speak.
    fn devices_of(&self, person: &PersonId) -> Kept<Vec<DeviceId>>;
    /// When a person was trained and signed the undertaking of confidentiality (M17).
    fn undertaking(&self, person: &PersonId) -> Kept<Option<(NaiveDate, NaiveDate)>>;
    fn set_undertaking(&self, person: &PersonId, trained: NaiveDate, signed: NaiveDate) -> Kept<()>;
    fn use_invitation(&self, token_hash: Sha, at: Millis, by: DeviceId) -> Kept<()>;
    /// The highest block that this county journal gave, and the highest that any other did.
    fn last_blocks(&self, kind: DocKind, year: i32, master: JournalId) -> Kept<(Option<u32>, Option<u32>)>;
    /// A block for the device whose own file this is; told twice, it changes nothing.
    fn add_lease(&self, kind: DocKind, year: i32, block: u32, file: FileId, master: JournalId) -> Kept<()>;

    fn journal(&self, id: JournalId) -> Kept<Option<Journal>>;
    /// Adds a journal or moves it on.
    fn put_journal(&self, journal: &Journal) -> Kept<()>;
    /// Also a journal that is not known yet.
    fn close_journal(&self, id: JournalId) -> Kept<()>;
    fn entry(&self, position: Position) -> Kept<Option<Entry>>;
    /// The entries that hold a batch or parts of it, in log order.
    fn entries_of(&self, journal: JournalId, batch: u64) -> Kept<Vec<Entry>>;
    /// The clock offset that was measured when a journal's last entry came.
    fn last_offset(&self, journal: JournalId) -> Kept<Option<i64>>;
    fn add_entry(&self, entry: &Entry) -> Kept<()>;
    /// The same entry with facts closed.
    fn close_facts(&self, position: Position, bytes: &[u8]) -> Kept<()>;
    fn add_run(&self, run: &Run) -> Kept<()>;
    /// The runs of an entry, by seq.
    fn runs_of(&self, position: Position) -> Kept<Vec<Run>>;
    /// The runs of a journal that hold facts from `first` to before `end`, each with the number of its batch.
    fn runs_among(&self, journal: JournalId, first: u64, end: u64) -> Kept<Vec<(Run, u64)>>;
    /// Lets the held fact through that this run is, from `shown` on.
    fn release(&self, position: Position, seq: u64, shown: Position) -> Kept<()>;
    /// The held facts of a section.
    fn held_in(&self, file: FileId, section: Section) -> Kept<Vec<Run>>;
    /// The held facts of a journal, by seq.
    fn held_of(&self, journal: JournalId) -> Kept<Vec<Run>>;
    /// The held fact that this run is stands in pages from `shown` on, to who is shown what is held.
    fn put_off(&self, position: Position, seq: u64, shown: Position) -> Kept<()>;
    /// Decides against the held fact that this run is.
    fn reject(&self, position: Position, seq: u64) -> Kept<()>;
    fn decision(&self, fact: FactId) -> Kept<Option<bool>>;
    fn put_decision(&self, fact: FactId, accept: bool) -> Kept<()>;
    fn erasure(&self, fact: FactId) -> Kept<Option<Erasure>>;
    fn add_erasure(&self, erasure: &Erasure) -> Kept<()>;
    /// Takes effect at a position, after what has been added for it.
    fn add_rights_fact(&self, position: Position, bytes: &[u8]) -> Kept<()>;
    /// Facts of rights after a position, up to another, in the order in which they took effect.
    fn rights_facts(&self, after: Position, upto: Position) -> Kept<Vec<(Position, Vec<u8>)>>;

    fn waiting(&self, journal: JournalId, batch: u64) -> Kept<Option<Waiting>>;
    fn waiting_numbers(&self, journal: JournalId) -> Kept<Vec<u64>>;
    fn add_waiting(&self, waiting: &Waiting) -> Kept<()>;
    fn drop_waiting(&self, journal: JournalId, batch: u64) -> Kept<()>;

    /// At most `most` runs that follow `cursor` in page order and are let through, or held if these are seen; of the desk's
    /// own journal only those that it does not have as they are: their section was opened after they came (lost once with
    /// their right, they come back with it), they were let through later, or others brought them after a restore.
    fn runs_after(&self, see: &Entitled, own: JournalId, cursor: Cursor, most: usize) -> Kept<Vec<(Cursor, Run)>>;
    /// Count and leaves of all that is seen, let through and not erased as of a position.
    fn sum(&self, see: &Entitled, upto: Position) -> Kept<Sum>;
    /// Work of a device that was erased after a position, and where it stood.
    fn erased_after(&self, device: DeviceId, position: Position) -> Kept<Vec<(FileId, Section, FactId)>>;
    /// Sections that a device has written into after a position, under whichever of its journals, let through.
    fn written_after(&self, device: DeviceId, position: Position) -> Kept<Vec<(FileId, Section)>>;
    /// Every section that has a run.
    fn sections(&self) -> Kept<Vec<(FileId, Section)>>;
    /// Whether a device has a run in a section that is let through.
    fn wrote_in(&self, device: DeviceId, file: FileId, section: Section) -> Kept<bool>;

    fn blob_size(&self, sha: Sha) -> Kept<Option<u64>>;
    fn blob_bytes(&self, sha: Sha, from: u64, count: u64) -> Kept<Vec<u8>>;
    fn blob_places(&self, sha: Sha) -> Kept<Vec<(FileId, Section)>>;
    /// The papers of a section that other devices brought, with their sizes.
    fn papers_of_others(&self, file: FileId, section: Section, device: DeviceId) -> Kept<Vec<(Sha, u64)>>;
    fn add_blob(&self, sha: Sha, at: Millis, bytes: &[u8]) -> Kept<()>;
    fn add_blob_place(&self, sha: Sha, file: FileId, section: Section, device: DeviceId) -> Kept<()>;
    /// Drops a paper from a section for good; its bytes too if it belongs nowhere else.
    fn erase_paper(&self, sha: Sha, file: FileId, section: Section) -> Kept<()>;
    /// Whether a paper was erased from a section.
    fn paper_erased(&self, sha: Sha, file: FileId, section: Section) -> Kept<bool>;

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

    /// Copies the ledger, as it stands at one moment, into a new file under the same key.
    pub(crate) fn copy(&self, to: &Path) -> Kept<()> {
        match self {
            Self::Sqlite(ledger) => ledger.copy(to),
        }
    }

    /// Checks every page of the file, and every index against its table.
    pub(crate) fn sound(&self) -> Kept<()> {
        match self {
            Self::Sqlite(ledger) => ledger.sound(),
        }
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

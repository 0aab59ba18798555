//! What a fact says, by kind. The one list of kinds: a kind that is not here is from a newer version; it is kept,
//! counted and shown, never dropped. Bodies are JSON so that a reader of any age can look at them.

use serde::Serialize;

use crate::audit::Looked;
use crate::decision::{DeviceRevoked, Erased, HeldDecided, JournalClosed, LogForked};
use crate::feed::{BankTold, FeedImported};
use crate::household::{
    ContactAdded, ContactStated, DueListed, FieldFilled, HouseholdListed, Identified, Placed, SamePersonDecided,
};
use crate::letter::{BlockLeased, LetterPrinted, LetterVoided};
use crate::lost::LaptopLost;
use crate::org::{
    BulletinIssued, DeviceEnrolled, DueListImported, PlacesLoaded, ProfileSaved, RegistryLoaded, RoleGiven,
    VillageAssigned,
};
use crate::outreach::{ExportApproved, Exported, TextListed};
use crate::payment::{PaymentReported, PaymentVoided};
use crate::proposal::{ImportDecided, ImportLoaded, ImportProposed};
use crate::receipt::{ReceiptCompleted, ReceiptFiled};
use crate::recovery::{OfficerOffered, OfficersNamed, RecoveryHelped};
use crate::rules::RulesLoaded;
use crate::season::{HistoryLoaded, SeasonClosed};
use crate::visit::{VisitMade, VisitNoted};
use crate::words::Section;

/// A body that its kind cannot read or write.
#[derive(Debug, thiserror::Error)]
#[error("the body of a {kind} cannot be read or written")]
pub struct BodyFault {
    /// The kind.
    pub kind: String,
    /// Why.
    #[source]
    pub source: serde_json::Error,
}

macro_rules! events {
    ($($(#[$doc:meta])* $kind:ident in $writer:ident;)+) => {
        /// A fact's meaning.
        #[derive(Debug, Clone, PartialEq, Eq, Serialize)]
        pub enum Event { $($(#[$doc])* $kind($kind),)+ }

        impl Event {
            /// The kind's name, as facts carry it.
            pub fn kind(&self) -> &'static str {
                match self { $(Self::$kind(_) => stringify!($kind),)+ }
            }

            /// The body's bytes.
            ///
            /// # Errors
            /// A body that JSON cannot hold.
            pub fn body(&self) -> Result<Vec<u8>, BodyFault> {
                match self { $(Self::$kind(body) => serde_json::to_vec(body)
                    .map_err(|source| BodyFault { kind: stringify!($kind).to_owned(), source }),)+ }
            }

            /// The event of a kind and a body; `None` for a kind of a newer version.
            ///
            /// # Errors
            /// A known kind whose body cannot be read.
            pub fn read(kind: &str, body: &[u8]) -> Result<Option<Self>, BodyFault> {
                match kind {
                    $(stringify!($kind) => serde_json::from_slice(body)
                        .map(|body| Some(Self::$kind(body)))
                        .map_err(|source| BodyFault { kind: kind.to_owned(), source }),)+
                    _ => Ok(None),
                }
            }
        }

        /// Who may write a kind; an unknown kind is held until a version that knows it decides.
        pub fn writer(kind: &str) -> Option<Writer> {
            match kind { $(stringify!($kind) => Some(Writer::$writer),)+ _ => None }
        }
    };
}

/// Whether facts of a kind can be erased. Rights and what the log says of itself cannot: they name no borrower, and who
/// may see and do what follows from them. Nor can what tells who lifted a mask, gave a laptop up or
/// helped to open one. Desks and county must agree, or their sums differ.
pub fn erasable(kind: &str) -> bool {
    !crate::rights::Rights::reads(kind)
        && writer(kind) != Some(Writer::Master)
        && !matches!(
            kind,
            "HeldDecided"
                | "Erased"
                | "Looked"
                | "ExportApproved"
                | "Exported"
                | "SeasonClosed"
                | "ImportProposed"
                | "ImportDecided"
                | "ImportLoaded"
                | "LaptopLost"
                | "OfficerOffered"
                | "OfficersNamed"
                | "RecoveryHelped"
        )
}

/// Who may write a kind of fact (domain.md §5).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Writer {
    /// The county master itself.
    Master,
    /// The operator, never the head: imports.
    Operator,
    /// Head or operator of the centre.
    Centre,
    /// The head alone.
    Head,
    /// Whoever splits work: the centre, or a central-school director.
    Assigner,
    /// Whoever works the case.
    CaseWorker,
    /// Whoever sees everything: of what they looked at.
    Beholder,
    /// Head or auditor of the centre, who never work a case.
    Guard,
}

events! {
    /// The centre's profile.
    ProfileSaved in Centre;
    /// An account.
    RoleGiven in Master;
    /// A device.
    DeviceEnrolled in Master;
    /// A block of numbers.
    BlockLeased in Master;
    /// The place table.
    PlacesLoaded in Centre;
    /// A registry.
    RegistryLoaded in Centre;
    /// A village's person.
    VillageAssigned in Assigner;
    /// An import.
    DueListImported in Operator;
    /// A bulletin.
    BulletinIssued in Head;
    /// A family on the list.
    HouseholdListed in Operator;
    /// Full numbers.
    Identified in Operator;
    /// Where a family belongs.
    Placed in Operator;
    /// What is due.
    DueListed in Operator;
    /// What the bank's feed says.
    BankTold in Operator;
    /// A feed was imported.
    FeedImported in Operator;
    /// Whether two files are one person's.
    SamePersonDecided in Centre;
    /// A table of rules.
    RulesLoaded in Centre;
    /// The years before.
    HistoryLoaded in Centre;
    /// A season's end.
    SeasonClosed in Head;
    /// An import waits for the head.
    ImportProposed in Operator;
    /// The head decided on it.
    ImportDecided in Head;
    /// It was carried out.
    ImportLoaded in Operator;
    /// A family on a list of messages.
    TextListed in Centre;
    /// Lists may leave the bureau.
    ExportApproved in Head;
    /// A list left.
    Exported in Centre;
    /// A field filled.
    FieldFilled in CaseWorker;
    /// A number told.
    ContactAdded in CaseWorker;
    /// A number tried.
    ContactStated in CaseWorker;
    /// A visit.
    VisitMade in CaseWorker;
    /// A visit's notes.
    VisitNoted in CaseWorker;
    /// A sheet printed.
    LetterPrinted in CaseWorker;
    /// A sheet void.
    LetterVoided in CaseWorker;
    /// A photo of a receipt.
    ReceiptFiled in CaseWorker;
    /// A receipt complete.
    ReceiptCompleted in CaseWorker;
    /// A slip seen.
    PaymentReported in CaseWorker;
    /// A report taken back.
    PaymentVoided in CaseWorker;
    /// A mask lifted.
    Looked in Beholder;
    /// A laptop lost.
    LaptopLost in Guard;
    /// Somebody would help to open laptops.
    OfficerOffered in Beholder;
    /// Who does.
    OfficersNamed in Guard;
    /// Somebody did.
    RecoveryHelped in Beholder;
    /// Held facts decided on.
    HeldDecided in Head;
    /// Facts erased.
    Erased in Head;
    /// A device revoked.
    DeviceRevoked in Master;
    /// A journal closed.
    JournalClosed in Master;
    /// A county restored.
    LogForked in Master;
}

impl Event {
    /// The section that the kind belongs to; `own` is the author's line section, for a visit's notes, or that of an erasure's
    /// targets, or of what the bank told.
    pub fn section(&self, own: Section) -> Section {
        match self {
            Self::Identified(_)
            | Self::Looked(_)
            | Self::ExportApproved(_)
            | Self::Exported(_)
            | Self::ImportProposed(_)
            | Self::ImportDecided(_)
            | Self::ImportLoaded(_) => Section::Id,
            Self::VisitNoted(_) => own,
            Self::RegistryLoaded(loaded) => match loaded.sheet {
                crate::words::RegistrySheet::Directors => Section::Edu,
                crate::words::RegistrySheet::Liaisons => Section::Gov,
                crate::words::RegistrySheet::SchoolCentres | crate::words::RegistrySheet::AgencyPoints => Section::Core,
            },
            Self::ProfileSaved(_)
            | Self::RoleGiven(_)
            | Self::DeviceEnrolled(_)
            | Self::BlockLeased(_)
            | Self::PlacesLoaded(_)
            | Self::VillageAssigned(_)
            | Self::DueListImported(_)
            | Self::SamePersonDecided(_)
            | Self::RulesLoaded(_)
            | Self::HistoryLoaded(_)
            | Self::SeasonClosed(_)
            | Self::BulletinIssued(_)
            | Self::HouseholdListed(_)
            | Self::Placed(_)
            | Self::DueListed(_)
            | Self::FeedImported(_)
            | Self::TextListed(_)
            | Self::FieldFilled(_)
            | Self::ContactAdded(_)
            | Self::ContactStated(_)
            | Self::VisitMade(_)
            | Self::LetterPrinted(_)
            | Self::LetterVoided(_)
            | Self::ReceiptFiled(_)
            | Self::ReceiptCompleted(_)
            | Self::PaymentReported(_)
            | Self::PaymentVoided(_)
            | Self::HeldDecided(_)
            | Self::LaptopLost(_)
            | Self::OfficerOffered(_)
            | Self::OfficersNamed(_)
            | Self::RecoveryHelped(_)
            | Self::DeviceRevoked(_)
            | Self::JournalClosed(_)
            | Self::LogForked(_) => Section::Core,
            // Of a family beside what is due; in the county's own file, with what nobody else may see.
            Self::BankTold(_) | Self::Erased(_) => own,
        }
    }
}

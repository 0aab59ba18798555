//! Everything a person can do with Ruhu, once: the window, the browser and the command line carry this one type.
//! `calls!` below is the whole list. A call is an order (`RecordVisit`) or a noun to read (`Household`).
//! No tauri, axum or SQL type may appear here. Replies are made for a page: bounded, masked, in the words of the field.
//!
//! To follow "record a visit" from here: `RecordVisit` → `crate::Desk::handle` → `visits::record` (rules) →
//! `store::Store::write` (one transaction, log and views) → head anchor → `Reply` with the tags that went stale.

use chrono::{NaiveDate, NaiveTime};
use domain::ids::{DeviceId, FactId, FileId, PersonId, Sha};
use domain::money::Fen;
use domain::place::PlaceCode;
use domain::words::{
    ContactState, DocKind, DueStatus, HouseholdField, LetterState, Line, PayChannel, RegistrySheet, Role, ServiceMode,
    Situation, Source, VisitPurpose, VisitResult,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use ts_rs::TS;

pub use crate::failure::{Code, Failure};

/// Declares a plain type of the api with all that the api needs of it.
macro_rules! api_types {
    ($($(#[$doc:meta])* pub struct $name:ident { $($(#[$fdoc:meta])* pub $field:ident : $ty:ty,)* })+) => {
        $($(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema, TS)]
        #[serde(deny_unknown_fields)]
        #[ts(export)]
        pub struct $name { $($(#[$fdoc])* pub $field: $ty,)* })+
    };
}

/// Declares the calls: the enum, its replies, the catalogue for `desk calls`, and the road from a name and JSON.
macro_rules! calls {
    ($($(#[doc = $doc:literal])+ $name:ident($args:ty) -> $reply:ty;)+) => {
        /// One thing a person asks of the desk.
        #[derive(Debug, Clone, Serialize, Deserialize, TS)]
        #[serde(tag = "call", content = "with")]
        #[ts(export)]
        pub enum Call { $($(#[doc = $doc])+ $name($args),)+ }

        /// What the desk answers to the call of the same name.
        #[derive(Debug, Clone, Serialize, TS)]
        #[serde(tag = "call", content = "reply")]
        #[ts(export)]
        pub enum Reply { $(#[doc = concat!("Answer to ", stringify!($name), ".")] $name($reply),)+ }

        impl Call {
            /// The names of all calls.
            pub const NAMES: &'static [&'static str] = &[$(stringify!($name),)+];

            /// The call of this name with these arguments; a misspelt name or field is a failure that names it.
            ///
            /// # Errors
            /// `UnknownCall` with the nearest names, or `BadInput` with the field and what was expected.
            pub fn parse(name: &str, with: serde_json::Value) -> Result<Self, Failure> {
                match name {
                    $(stringify!($name) => crate::failure::arguments::<$args>(with).map(Self::$name),)+
                    other => Err(Failure::unknown_call(other, Self::NAMES)),
                }
            }

            /// This call's name.
            pub fn name(&self) -> &'static str {
                match self { $(Self::$name(_) => stringify!($name),)+ }
            }
        }

        impl Reply {
            /// The answer alone, without the call's name.
            ///
            /// # Errors
            /// A type that cannot be written as JSON, which no type of this file is.
            pub fn body(&self) -> Result<serde_json::Value, serde_json::Error> {
                match self { $(Self::$name(reply) => serde_json::to_value(reply),)+ }
            }
        }

        /// Every call with its words and the JSON schemas of both directions.
        pub fn catalogue() -> Vec<CallDoc> {
            vec![$(CallDoc {
                name: stringify!($name),
                about: [$($doc,)+].join(" ").trim().to_owned(),
                with: schemars::schema_for!($args),
                reply: schemars::schema_for!($reply),
            },)+]
        }

        /// The TypeScript map from a call's name to its arguments and its reply.
        pub fn typescript_map() -> String {
            let config = ts_rs::Config::default();
            let mut out = String::from("export type Calls = {\n");
            $(out.push_str(&format!(
                "  {}: {{ with: {}; reply: {} }};\n",
                stringify!($name), <$args as TS>::name(&config), <$reply as TS>::name(&config),
            ));)+
            out.push_str("};\n");
            out
        }
    };
}

/// One call as `desk calls` prints it.
#[derive(Debug, Serialize)]
pub struct CallDoc {
    /// The call's name.
    pub name: &'static str,
    /// What it does, in a sentence or two.
    pub about: String,
    /// JSON schema of its arguments.
    pub with: schemars::Schema,
    /// JSON schema of its reply.
    pub reply: schemars::Schema,
}

calls! {
    /// Whether there is a home here, and whether it is locked. Works before anything else.
    Home(Nothing) -> HomeView;
    /// Open the home with its passphrase.
    Unlock(Unlock) -> AboutView;
    /// Close the home; keys leave memory.
    Lock(Nothing) -> HomeView;
    /// Make this home: present an invitation to the county over the line, choose a passphrase.
    Join(Join) -> AboutView;
    /// Who and where this desk is: person, role, county, version, practice mark.
    About(Nothing) -> AboutView;
    /// What is only here, what the county has, how old the bank's data is, days left.
    Status(Nothing) -> StatusView;
    /// The day: numbers, villages in order, what changed.
    Today(Nothing) -> TodayView;

    /// County desk: keep the centre's profile that letters print (M09).
    SaveProfile(Profile) -> Saved;
    /// The centre's profile.
    ReadProfile(Nothing) -> ProfileView;
    /// County desk: load one registry from its sheet (XLSX, header row first); it replaces that registry.
    ImportRegistry(ImportRegistry) -> RegistryReport;
    /// One registry as far as this desk may see it.
    Registry(RegistryAsked) -> RegistryView;

    /// County desk: load the place table (CSV code,name,level,parent_code) with old names (CSV old_name,code,name,note).
    ImportPlaces(ImportPlaces) -> PlacesReport;
    /// The places below a parent (none: the county), with households known here.
    Places(PlacesAsked) -> PlacesView;
    /// County desk: import the bank's due list (XLSX). Whole or not at all; the same file twice changes nothing.
    ImportDueList(ImportDueList) -> ImportReport;
    /// The season's figures as this desk can see them: borrowers, contracts, principal, interest, total.
    Season(Nothing) -> SeasonView;

    /// The accounts that exist, with role and line.
    People(Nothing) -> PeopleView;
    /// Make a person responsible for villages in one line; the person's desk receives those families at its next sync.
    AssignVillages(AssignVillages) -> Assigned;
    /// Who is responsible for which village in each line.
    Assignments(AssignmentsAsked) -> AssignmentsView;

    /// Villages with families on this desk, in order, with what is done and left.
    Villages(VillagesAsked) -> VillagesView;
    /// Families of a village, a township or all, a page at a time.
    Households(HouseholdsAsked) -> HouseholdsView;
    /// One family, in the order it is needed at the door.
    Household(HouseholdAsked) -> HouseholdView;
    /// Find families by name, pinyin, village, phone, document number or last digits of an ID.
    Search(SearchAsked) -> SearchView;

    /// Keep one visit. Rules: not 22:00–08:00 without a word why, not in the future, co-resident adults only.
    RecordVisit(RecordVisit) -> VisitSaved;
    /// Correct a visit: the new one replaces the old, which stays in the log.
    CorrectVisit(CorrectVisit) -> VisitSaved;
    /// Visits recorded on or visible to this desk, newest first.
    Visits(VisitsAsked) -> VisitsView;

    /// Add a phone number to a family; a number that is there already gains a source.
    AddContact(AddContact) -> Saved;
    /// Say what state a number is in (confirmed, no answer, wrong person …).
    StateContact(StateContact) -> Saved;
    /// Fill a field of the family (address as found, whereabouts, true name). `shown` names the values the form showed.
    EditField(EditField) -> Saved;

    /// Draw letters as samples (样张): nothing is numbered, nothing is kept.
    DraftLetters(LettersAsked) -> Draft;
    /// Print letters formally: numbers are consumed, the PDF is kept, the ledger has a line for each sheet.
    PrintLetters(LettersAsked) -> PrintRun;
    /// Draw a printed letter again, byte for byte.
    ReadLetter(LetterAsked) -> LetterPdf;
    /// Void a spoiled sheet; its number is never used again.
    VoidLetter(VoidLetter) -> Saved;
    /// The ledger of sheets: printed, served, back, void.
    Letters(LedgerAsked) -> LedgerView;

    /// File a photo or scan of a signed receipt (JPEG, PNG or PDF) under its receipt number.
    FileReceipt(FileReceipt) -> ReceiptFiled;
    /// Complete a receipt by the rules of its mode; says what is missing.
    CompleteReceipt(CompleteReceipt) -> Saved;
    /// Receipts that are out, photographed or complete.
    Receipts(LedgerAsked) -> ReceiptsView;

    /// Report a payment whose slip was seen. Never counts as paid until the bank says so.
    ReportPayment(ReportPayment) -> PaymentSaved;
    /// Take back a reported payment with a reason.
    VoidPayment(VoidPayment) -> Saved;

    /// Exchange with the county now: send, receive, photos.
    Sync(Nothing) -> SyncReport;
    /// What waits here and why, and the last contacts.
    SyncState(Nothing) -> SyncStateView;
    /// Fields with more than one value: each with who and when.
    Conflicts(Nothing) -> ConflictsView;
    /// Decide a conflict: the chosen value replaces all that were shown.
    SettleConflict(SettleConflict) -> Saved;

    /// Today's ranked table of units, computed from what this desk holds, with its coverage.
    Bulletin(BulletinAsked) -> BulletinView;
    /// Centre head: issue the bulletin, a frozen and numbered snapshot.
    IssueBulletin(BulletinAsked) -> BulletinView;
    /// Bulletins issued so far.
    Bulletins(Nothing) -> BulletinsView;
}

/// State of the home folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[ts(export)]
pub enum HomeState {
    /// No home yet: join first.
    None,
    /// A home that wants its passphrase.
    Locked,
    /// Open.
    Open,
}

/// Parts of the screen that a call made stale; a page that shows one reads again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema, TS)]
#[ts(export)]
pub enum Tag {
    /// Numbers of the status line.
    Status,
    /// Families, their fields and contacts.
    Households,
    /// Visits.
    Visits,
    /// Letters and receipts.
    Letters,
    /// Reported payments.
    Payments,
    /// Registries, profile, places, people, assignments.
    Registries,
    /// Conflicts.
    Conflicts,
    /// Bulletins.
    Bulletins,
}

/// What goes over every courier: the reply and the tags, or the failure.
#[derive(Debug, Clone, Serialize, TS)]
#[serde(rename_all = "snake_case")]
#[ts(export)]
pub enum Answer {
    /// Done; after commit.
    Ok {
        /// The reply's body.
        reply: Box<Reply>,
        /// What to read again.
        stale: Vec<Tag>,
    },
    /// Not done; nothing has changed.
    Fail(Failure),
}

/// Bytes handed in: a path on this machine (headless and window) or the bytes themselves in base64 (browser).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
#[serde(untagged, deny_unknown_fields)]
#[ts(export)]
pub enum FileInput {
    /// A path on this machine.
    Path {
        /// The path.
        path: String,
    },
    /// The bytes themselves.
    Bytes {
        /// The file's name, for the report.
        name: String,
        /// The bytes in base64.
        base64: String,
    },
}

/// Which families: by file or by village. Exactly one of the two.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
#[ts(export)]
pub enum Which {
    /// These families.
    Households(Vec<FileId>),
    /// Every family of this village with something due.
    Village(PlaceCode),
}

/// One line of the season's figures.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema, TS)]
#[serde(deny_unknown_fields)]
#[ts(export)]
pub struct Figures {
    /// Borrowers (one household each).
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
}

api_types! {
    /// No arguments: `{}`.
    pub struct Nothing {}

    /// The home folder's state.
    pub struct HomeView {
        /// `NONE`, `LOCKED` or `OPEN`.
        pub state: HomeState,
        /// A practice or demo home.
        pub practice: bool,
        /// Whose home it is, by name, once there is one.
        pub name: Option<String>,
        /// Version of the program.
        pub version: String,
    }

    /// Open a home.
    pub struct Unlock {
        /// The passphrase.
        pub passphrase: String,
    }

    /// Enrol.
    pub struct Join {
        /// The invitation code that the county handed out.
        pub invitation: String,
        /// The passphrase to protect this home: 8 characters at least, not digits alone.
        pub passphrase: String,
    }

    /// A save that is on the disk.
    pub struct Saved {
        /// The facts that were sealed into this desk's journal.
        pub facts: Vec<FactId>,
        /// What the person should know, in plain words (may be empty).
        pub remarks: Vec<Remark>,
    }

    /// A remark that stops nothing.
    pub struct Remark {
        /// A stable code.
        pub code: String,
        /// The sentence in Chinese.
        pub zh: String,
        /// The sentence in English.
        pub en: String,
    }

    /// This desk.
    pub struct AboutView {
        /// Version of the program.
        pub version: String,
        /// Account name.
        pub person: PersonId,
        /// Name of the person.
        pub name: String,
        /// Role.
        pub role: Role,
        /// Line, where the role has one.
        pub line: Option<Line>,
        /// Device.
        pub device: DeviceId,
        /// County's name.
        pub county: String,
        /// A practice or demo home: invented people, own clock; the window says so.
        pub practice: bool,
        /// The desk's present moment, RFC 3339, Asia/Shanghai.
        pub now: String,
        /// Whether this desk may import, assign and issue.
        pub county_desk: bool,
    }

    /// The status line and the footer.
    pub struct StatusView {
        /// Facts that are only on this laptop.
        pub only_here: u32,
        /// Own facts that are on the county's disk.
        pub county_has: u32,
        /// Own facts that are in a verified backup of the county.
        pub backed_up: u32,
        /// When the county was last reached, RFC 3339, or never.
        pub last_contact: Option<String>,
        /// Why the last try failed, if it did.
        pub last_failure: Option<Failure>,
        /// The bank's data are as of this day.
        pub as_of: Option<NaiveDate>,
        /// Age of the bank's data in days.
        pub data_age_days: Option<i64>,
        /// The season's due date.
        pub due_on: Option<NaiveDate>,
        /// Days to the due date; negative after it.
        pub days_left: Option<i64>,
        /// Open conflicts.
        pub conflicts: u32,
        /// Facts not understood (from a newer version), kept.
        pub not_understood: u32,
        /// Own facts the county keeps but has not let through, for want of a right.
        pub held: u32,
        /// Today's civil date.
        pub today: NaiveDate,
        /// Chinese weekday of today.
        pub weekday: String,
        /// The desk's present moment, RFC 3339.
        pub now: String,
    }

    /// The day's page.
    pub struct TodayView {
        /// Families whose letter is not served.
        pub to_serve: u32,
        /// Printed receipts that are not home.
        pub receipts_out: u32,
        /// Open conflicts.
        pub to_check: u32,
        /// Families reported or confirmed paid.
        pub paid: u32,
        /// Villages with what is left, those with work first.
        pub villages: Vec<VillageRow>,
    }

    /// The centre's profile (M09). Letters print it; nothing of it is in code.
    pub struct Profile {
        /// Name of the organ, e.g. 青石县学生资助管理中心.
        pub organ_name: String,
        /// Short name for envelopes.
        pub organ_short: String,
        /// Code word before document numbers, e.g. 青资助.
        pub organ_code: String,
        /// Unified social credit code, or empty.
        pub credit_code: String,
        /// Hotline.
        pub hotline: String,
        /// Supervision and complaint phone.
        pub complaint_line: String,
        /// Office address.
        pub address: String,
        /// Handling bank, e.g. 国家开发银行.
        pub bank_name: String,
        /// Settlement bank whose app has the loan zone.
        pub settlement_bank: String,
        /// County's name, e.g. 青石县.
        pub county_name: String,
    }

    /// The profile, if there is one.
    pub struct ProfileView {
        /// The profile.
        pub profile: Option<Profile>,
    }

    /// Load a registry.
    pub struct ImportRegistry {
        /// Which.
        pub sheet: RegistrySheet,
        /// The workbook.
        pub file: FileInput,
    }

    /// What a registry import did.
    pub struct RegistryReport {
        /// Which.
        pub sheet: RegistrySheet,
        /// Rows taken.
        pub rows: u32,
        /// Rows refused, each with its reason.
        pub rejected: Vec<RejectedRow>,
    }

    /// Ask for a registry.
    pub struct RegistryAsked {
        /// Which.
        pub sheet: RegistrySheet,
    }

    /// A registry.
    pub struct RegistryView {
        /// Column headings.
        pub columns: Vec<String>,
        /// Rows, cells in column order.
        pub rows: Vec<Vec<String>>,
    }

    /// A row that was not taken.
    pub struct RejectedRow {
        /// Row in the sheet, from 1, headings included.
        pub sheet_row: u32,
        /// Column heading, where one is to blame.
        pub column: Option<String>,
        /// Why, in plain Chinese.
        pub reason: String,
    }

    /// Load places.
    pub struct ImportPlaces {
        /// CSV `code,name,level,parent_code`.
        pub places: FileInput,
        /// CSV `old_name,code,name,note`, if there are old names.
        #[serde(default)]
        pub old_names: Option<FileInput>,
    }

    /// What a place import did.
    pub struct PlacesReport {
        /// Townships and street offices.
        pub townships: u32,
        /// Villages and residents' committees.
        pub villages: u32,
    }

    /// Ask for places.
    pub struct PlacesAsked {
        /// The parent; none asks for the townships.
        #[serde(default)]
        pub parent: Option<PlaceCode>,
    }

    /// Places below a parent.
    pub struct PlacesView {
        /// The places.
        pub places: Vec<PlaceRow>,
    }

    /// One place.
    pub struct PlaceRow {
        /// Code, 9 digits for a township, 12 for a village.
        pub code: PlaceCode,
        /// Name.
        pub name: String,
        /// Families on this desk.
        pub households: u32,
        /// Amount due there, fen.
        pub total_due: Fen,
    }

    /// Import a due list.
    pub struct ImportDueList {
        /// The bank's workbook.
        pub file: FileInput,
        /// Data date for rows that carry none.
        #[serde(default)]
        pub as_of: Option<NaiveDate>,
        /// True: only say what would happen.
        #[serde(default)]
        pub dry_run: bool,
    }

    /// What an import did.
    pub struct ImportReport {
        /// Whether anything was written.
        pub written: bool,
        /// The same file had been imported before; nothing changed.
        pub already_imported: bool,
        /// Data date.
        pub as_of: NaiveDate,
        /// What was accepted.
        pub figures: Figures,
        /// Families new to this desk.
        pub new_households: u32,
        /// Families whose due list changed.
        pub changed_households: u32,
        /// Families of the former list that are not on this one.
        pub gone_households: u32,
        /// Rows refused.
        pub rejected: Vec<RejectedRow>,
        /// Rows accepted with a warning.
        pub warnings: Vec<RejectedRow>,
        /// The sheet's own total row, if it had one, in fen.
        pub footer_total: Option<Fen>,
        /// Whether the footer agrees with the rows.
        pub footer_agrees: Option<bool>,
    }

    /// The season as seen here.
    pub struct SeasonView {
        /// Bank data as of.
        pub as_of: Option<NaiveDate>,
        /// Due date.
        pub due_on: Option<NaiveDate>,
        /// All families on this desk.
        pub figures: Figures,
        /// By township.
        pub townships: Vec<SeasonRow>,
    }

    /// One township's figures.
    pub struct SeasonRow {
        /// Code.
        pub code: PlaceCode,
        /// Name.
        pub name: String,
        /// Figures.
        pub figures: Figures,
    }

    /// Accounts.
    pub struct PeopleView {
        /// The accounts.
        pub people: Vec<PersonRow>,
    }

    /// One account.
    pub struct PersonRow {
        /// Account name.
        pub person: PersonId,
        /// Name.
        pub name: String,
        /// Role.
        pub role: Role,
        /// Line.
        pub line: Option<Line>,
        /// Areas, for roles that have them.
        pub areas: Vec<PlaceCode>,
        /// Villages assigned.
        pub villages: u32,
    }

    /// Assign villages.
    pub struct AssignVillages {
        /// 12-digit village codes; a 9-digit township code stands for all its villages.
        pub villages: Vec<PlaceCode>,
        /// Which line; left out, the person's own line.
        #[serde(default)]
        pub line: Option<Line>,
        /// Who becomes responsible.
        pub person: PersonId,
    }

    /// What an assignment did.
    pub struct Assigned {
        /// Villages that changed hands.
        pub changed: u32,
        /// Villages that were this person's already.
        pub unchanged: u32,
    }

    /// Ask for assignments.
    pub struct AssignmentsAsked {
        /// Only this township's villages.
        #[serde(default)]
        pub township: Option<PlaceCode>,
    }

    /// Assignments.
    pub struct AssignmentsView {
        /// One row a village with families.
        pub rows: Vec<AssignmentRow>,
    }

    /// One village's responsible people.
    pub struct AssignmentRow {
        /// Village.
        pub village: PlaceCode,
        /// Village name.
        pub name: String,
        /// Township name.
        pub township: String,
        /// Families with something due.
        pub households: u32,
        /// Responsible in the government line.
        pub government: Option<PersonId>,
        /// Responsible in the education line.
        pub education: Option<PersonId>,
    }

    /// Ask for villages.
    pub struct VillagesAsked {
        /// Only this township's.
        #[serde(default)]
        pub township: Option<PlaceCode>,
    }

    /// Villages.
    pub struct VillagesView {
        /// Rows in code order.
        pub villages: Vec<VillageRow>,
    }

    /// One village's state.
    pub struct VillageRow {
        /// Code; a township's code for families whose village is not resolved.
        pub code: PlaceCode,
        /// Name.
        pub name: String,
        /// Township.
        pub township: String,
        /// Families with something due.
        pub households: u32,
        /// Families whose letter was served.
        pub served: u32,
        /// Families visited at least once and never met.
        pub not_met: u32,
        /// Families reported or confirmed paid.
        pub paid: u32,
        /// Printed receipts not yet home.
        pub receipts_out: u32,
        /// Day of the last visit.
        pub last_visit: Option<NaiveDate>,
    }

    /// Ask for families.
    pub struct HouseholdsAsked {
        /// Only this village's (12 digits) or township's (9).
        #[serde(default)]
        pub place: Option<PlaceCode>,
        /// Only these statuses; empty means all.
        #[serde(default)]
        pub statuses: Vec<DueStatus>,
        /// Rows to pass over.
        #[serde(default)]
        pub offset: u32,
        /// Rows at most; 0 means 200, at most 500.
        #[serde(default)]
        pub limit: u32,
    }

    /// A page of families.
    pub struct HouseholdsView {
        /// Families in all that fit the question.
        pub total: u32,
        /// Figures over all that fit.
        pub figures: Figures,
        /// The page.
        pub rows: Vec<HouseholdRow>,
    }

    /// One family in a list.
    pub struct HouseholdRow {
        /// Its file.
        pub file: FileId,
        /// Borrower.
        pub borrower: String,
        /// Co-borrower.
        pub co_borrower: Option<String>,
        /// Village code, or township code where unresolved.
        pub place: PlaceCode,
        /// Village name.
        pub village: String,
        /// Whereabouts (hamlet, landmark) or the address on the list.
        pub whereabouts: String,
        /// Amount due, fen.
        pub total_due: Fen,
        /// Contracts.
        pub contracts: u32,
        /// Status.
        pub status: DueStatus,
        /// Visits so far.
        pub visits: u32,
        /// Last visit.
        pub last_visit: Option<NaiveDate>,
        /// Result of the last visit.
        pub last_result: Option<VisitResult>,
        /// Open conflicts.
        pub conflicts: u32,
        /// Something of it is only on this laptop.
        pub only_here: bool,
    }

    /// Ask for a family.
    pub struct HouseholdAsked {
        /// Its file.
        pub household: FileId,
    }

    /// One family.
    pub struct HouseholdView {
        /// Its file.
        pub file: FileId,
        /// Borrower, as printed.
        pub borrower: String,
        /// Borrower's name as the bank writes it, where it differs.
        pub borrower_as_bank: Option<String>,
        /// Masked ID number, where this desk may hold it.
        pub id_masked: Option<String>,
        /// Last four of the ID number, from the list.
        pub id_tail: String,
        /// Graduation year.
        pub grad_year: Option<i32>,
        /// Co-borrower.
        pub co_borrower: Option<String>,
        /// Co-borrower's relation to the borrower.
        pub relation: Option<String>,
        /// Village or township code.
        pub place: PlaceCode,
        /// Township and village name.
        pub place_name: String,
        /// Whether the village is resolved.
        pub place_resolved: bool,
        /// Address on the bank's list.
        pub address_listed: String,
        /// Fields that people fill, each with all its values.
        pub fields: Vec<FieldView>,
        /// Phones with state and source.
        pub contacts: Vec<ContactView>,
        /// What is due.
        pub due: Option<DueView>,
        /// Status.
        pub status: DueStatus,
        /// What to say first at the door.
        pub say_first: Vec<String>,
        /// Letters and receipts.
        pub letters: Vec<LedgerRow>,
        /// Visits of both lines, newest first.
        pub visits: Vec<VisitRow>,
        /// Reported payments.
        pub payments: Vec<PaymentRow>,
        /// Responsible in the government line.
        pub government: Option<PersonId>,
        /// Responsible in the education line.
        pub education: Option<PersonId>,
    }

    /// A field with its values.
    pub struct FieldView {
        /// Which.
        pub field: HouseholdField,
        /// Its values; more than one is a conflict that waits for a decision.
        pub values: Vec<ValueView>,
    }

    /// One value with who and when.
    pub struct ValueView {
        /// The facts that say so.
        pub facts: Vec<FactId>,
        /// The value.
        pub text: String,
        /// Who.
        pub person: PersonId,
        /// Who, by name.
        pub name: String,
        /// When, corrected for wrong clocks, RFC 3339.
        pub at: String,
        /// Only on this laptop so far.
        pub only_here: bool,
    }

    /// A phone number of a family.
    pub struct ContactView {
        /// Normalised number.
        pub number: String,
        /// Number in groups, for the eye.
        pub grouped: String,
        /// Owners' relations, each claim once; two are a conflict.
        pub relations: Vec<String>,
        /// State.
        pub state: ContactState,
        /// Day of the state.
        pub state_on: Option<NaiveDate>,
        /// Where it comes from, each source once.
        pub sources: Vec<Source>,
        /// Notes, each once.
        pub notes: Vec<String>,
        /// Only on this laptop so far.
        pub only_here: bool,
    }

    /// What is due.
    pub struct DueView {
        /// Bank data as of.
        pub as_of: NaiveDate,
        /// Age of the data in days.
        pub age_days: i64,
        /// Due date.
        pub due_on: NaiveDate,
        /// Its weekday in Chinese.
        pub weekday: String,
        /// Total, fen.
        pub total: Fen,
        /// Total in capitals.
        pub capitals: String,
        /// Contracts.
        pub contracts: Vec<ContractView>,
        /// Repayment account, masked.
        pub account_hint: Option<String>,
    }

    /// One contract's line.
    pub struct ContractView {
        /// Last six of the contract number.
        pub tail: String,
        /// Academic year.
        pub academic_year: String,
        /// Principal due, fen.
        pub principal_due: Fen,
        /// Interest due, fen.
        pub interest_due: Fen,
        /// Penalty due, fen.
        pub penalty_due: Fen,
        /// Total, fen.
        pub total_due: Fen,
        /// Principal left, fen.
        pub principal_left: Fen,
        /// Maturity.
        pub maturity_on: Option<NaiveDate>,
    }

    /// Look for families.
    pub struct SearchAsked {
        /// What was typed.
        pub text: String,
        /// Hits at most; 0 means 20, at most 100.
        #[serde(default)]
        pub limit: u32,
    }

    /// Hits.
    pub struct SearchView {
        /// Families in all that fit.
        pub total: u32,
        /// The best.
        pub hits: Vec<SearchHit>,
    }

    /// One hit.
    pub struct SearchHit {
        /// Its file.
        pub file: FileId,
        /// Borrower.
        pub borrower: String,
        /// Co-borrower.
        pub co_borrower: Option<String>,
        /// Township and village.
        pub place_name: String,
        /// Why it matched, in words.
        pub why: String,
    }

    /// A visit to keep.
    pub struct RecordVisit {
        /// The family.
        pub household: FileId,
        /// The visit.
        pub visit: VisitForm,
    }

    /// What the visit form holds. Ticks before text.
    pub struct VisitForm {
        /// Day.
        pub on: NaiveDate,
        /// Arrival, `HH:MM:SS`.
        pub arrived: NaiveTime,
        /// Leave.
        #[serde(default)]
        pub left: Option<NaiveTime>,
        /// Why.
        pub purpose: VisitPurpose,
        /// What came of it.
        pub result: VisitResult,
        /// Who was met, by name, if anyone.
        #[serde(default)]
        pub met_name: Option<String>,
        /// Relation of who was met.
        #[serde(default)]
        pub met_relation: Option<String>,
        /// Only children were at home: leave at once, leave nothing.
        #[serde(default)]
        pub only_children: bool,
        /// What the family says, ticks.
        #[serde(default)]
        pub situations: Vec<Situation>,
        /// Day the family named for paying.
        #[serde(default)]
        pub pledged_on: Option<NaiveDate>,
        /// Full numbers of letters handed over.
        #[serde(default)]
        pub letters: Vec<String>,
        /// Others of the team, names.
        #[serde(default)]
        pub team: Vec<String>,
        /// Next step.
        #[serde(default)]
        pub next_step: Option<String>,
        /// Day of the next step.
        #[serde(default)]
        pub next_on: Option<NaiveDate>,
        /// Facts only, 100 characters.
        #[serde(default)]
        pub note: Option<String>,
        /// Why at this hour, needed between 22:00 and 08:00.
        #[serde(default)]
        pub odd_hour_reason: Option<String>,
    }

    /// A correction.
    pub struct CorrectVisit {
        /// The visit to replace.
        pub visit: FactId,
        /// As it should read.
        pub form: VisitForm,
        /// Why.
        pub reason: String,
    }

    /// A kept visit.
    pub struct VisitSaved {
        /// The visit's fact.
        pub visit: FactId,
        /// Facts written.
        pub facts: Vec<FactId>,
        /// The sentence the visit writes of itself.
        pub sentence: String,
        /// What the person should know.
        pub remarks: Vec<Remark>,
    }

    /// Ask for visits.
    pub struct VisitsAsked {
        /// Only this day.
        #[serde(default)]
        pub on: Option<NaiveDate>,
        /// Only my own.
        #[serde(default)]
        pub mine: bool,
        /// At most; 0 means 100, at most 500.
        #[serde(default)]
        pub limit: u32,
    }

    /// Visits.
    pub struct VisitsView {
        /// In all.
        pub total: u32,
        /// The newest.
        pub visits: Vec<VisitRow>,
    }

    /// One visit; details only for one's own line and the county.
    pub struct VisitRow {
        /// The fact.
        pub visit: FactId,
        /// The family.
        pub household: FileId,
        /// Borrower.
        pub borrower: String,
        /// Village.
        pub village: String,
        /// Day.
        pub on: NaiveDate,
        /// Arrival.
        pub arrived: NaiveTime,
        /// Why.
        pub purpose: VisitPurpose,
        /// Result.
        pub result: VisitResult,
        /// Who recorded it.
        pub person: PersonId,
        /// Who, by name.
        pub name: String,
        /// The sentence.
        pub sentence: String,
        /// The form, where this desk may see it.
        pub form: Option<VisitForm>,
        /// It corrects an earlier one.
        pub corrected: bool,
        /// Outside 08:00–22:00.
        pub odd_hour: bool,
        /// When it was recorded, RFC 3339, corrected.
        pub recorded_at: String,
        /// Only on this laptop so far.
        pub only_here: bool,
    }

    /// Add a phone.
    pub struct AddContact {
        /// The family.
        pub household: FileId,
        /// The number as told; it is normalised.
        pub number: String,
        /// Owner's relation to the borrower (父, 母, 姨 …).
        #[serde(default)]
        pub relation: Option<String>,
        /// Where it comes from.
        pub source: Source,
        /// A short note.
        #[serde(default)]
        pub note: Option<String>,
    }

    /// State a number.
    pub struct StateContact {
        /// The family.
        pub household: FileId,
        /// The number.
        pub number: String,
        /// Its state.
        pub state: ContactState,
        /// On which day; left out, today.
        #[serde(default)]
        pub on: Option<NaiveDate>,
    }

    /// Fill a field.
    pub struct EditField {
        /// The family.
        pub household: FileId,
        /// Which.
        pub field: HouseholdField,
        /// The value.
        pub text: String,
        /// The facts whose values the form showed; left out, those this desk holds now.
        #[serde(default)]
        pub shown: Option<Vec<FactId>>,
    }

    /// Which letters.
    pub struct LettersAsked {
        /// For whom.
        pub which: Which,
        /// Which kinds; empty means the notice with its receipt.
        #[serde(default)]
        pub kinds: Vec<DocKind>,
        /// Why, where the bank's data is older than 10 days.
        #[serde(default)]
        pub reason: Option<String>,
        /// Black only, for printers without colour.
        #[serde(default)]
        pub black: bool,
    }

    /// Samples.
    pub struct Draft {
        /// The PDF.
        pub pdf: BlobView,
        /// Families drawn.
        pub households: u32,
        /// Pages.
        pub pages: u32,
        /// Families not drawn, with the reason.
        pub skipped: Vec<Skipped>,
    }

    /// A formal run.
    pub struct PrintRun {
        /// The PDF of all sheets in order.
        pub pdf: BlobView,
        /// The ledger lines.
        pub letters: Vec<LedgerRow>,
        /// Pages.
        pub pages: u32,
        /// Families not printed, with the reason.
        pub skipped: Vec<Skipped>,
        /// Numbers left, notices.
        pub notices_left: u32,
        /// Numbers left, receipts.
        pub receipts_left: u32,
        /// What the person should know.
        pub remarks: Vec<Remark>,
    }

    /// A family that was passed over.
    pub struct Skipped {
        /// The family.
        pub household: FileId,
        /// Borrower.
        pub borrower: String,
        /// Why.
        pub why: Failure,
    }

    /// Bytes kept on this desk: read them with `desk blob SHA256`, the window's `blob` command, or `GET /blob/SHA256`.
    pub struct BlobView {
        /// Name.
        pub sha256: Sha,
        /// Size in bytes.
        pub bytes: u64,
        /// Media type.
        pub media: String,
    }

    /// Ask for a letter.
    pub struct LetterAsked {
        /// Full document number, e.g. 青资助还通〔2026〕10123号.
        pub doc_no: String,
    }

    /// A letter drawn again.
    pub struct LetterPdf {
        /// The PDF.
        pub pdf: BlobView,
        /// Its line.
        pub letter: LedgerRow,
    }

    /// Void a sheet.
    pub struct VoidLetter {
        /// Full document number.
        pub doc_no: String,
        /// Why.
        pub reason: String,
    }

    /// Ask for the ledger.
    pub struct LedgerAsked {
        /// Only this village's or township's.
        #[serde(default)]
        pub place: Option<PlaceCode>,
        /// Only this family's.
        #[serde(default)]
        pub household: Option<FileId>,
    }

    /// The ledger.
    pub struct LedgerView {
        /// Lines in number order.
        pub rows: Vec<LedgerRow>,
        /// Sheets printed.
        pub printed: u32,
        /// Sheets served or back.
        pub served: u32,
        /// Receipts home.
        pub back: u32,
        /// Sheets void.
        pub void: u32,
        /// Numbers left, notices.
        pub notices_left: u32,
        /// Numbers left, receipts.
        pub receipts_left: u32,
    }

    /// One sheet.
    pub struct LedgerRow {
        /// Full document number.
        pub doc_no: String,
        /// Kind.
        pub kind: DocKind,
        /// The family.
        pub household: FileId,
        /// Borrower.
        pub borrower: String,
        /// Co-borrower.
        pub co_borrower: Option<String>,
        /// Village.
        pub village: String,
        /// State.
        pub state: LetterState,
        /// Day of print.
        pub printed_on: NaiveDate,
        /// Bank data it shows.
        pub as_of: NaiveDate,
        /// Amount it shows, fen (0 on a receipt).
        pub total: Fen,
        /// The letter that a receipt proves, or the receipt of a letter.
        pub pair: Option<String>,
        /// Its PDF page blob.
        pub sha256: Sha,
        /// Who printed it.
        pub person: PersonId,
        /// Only on this laptop so far.
        pub only_here: bool,
    }

    /// File a receipt's photo.
    pub struct FileReceipt {
        /// The receipt's full number.
        pub receipt_no: String,
        /// JPEG, PNG or PDF, at most 4 MiB (PDF 20 MiB).
        pub file: FileInput,
    }

    /// A filed photo.
    pub struct ReceiptFiled {
        /// The fact.
        pub fact: FactId,
        /// The picture.
        pub picture: BlobView,
        /// What the person should know.
        pub remarks: Vec<Remark>,
    }

    /// Complete a receipt (domain.md §4.4).
    pub struct CompleteReceipt {
        /// The receipt's full number.
        pub receipt_no: String,
        /// How it was served.
        pub mode: ServiceMode,
        /// Day written on the paper by hand.
        pub served_on: NaiveDate,
        /// Time on the paper, if any.
        #[serde(default)]
        pub served_at: Option<NaiveTime>,
        /// Names of those who served.
        pub servers: Vec<String>,
        /// The addressee's or proxy's signature is on it.
        #[serde(default)]
        pub signed: bool,
        /// A fingerprint is on it.
        #[serde(default)]
        pub fingerprinted: bool,
        /// The date is hand-written.
        #[serde(default)]
        pub dated_by_hand: bool,
        /// Who took it instead of the addressee.
        #[serde(default)]
        pub proxy: Option<ProxyForm>,
        /// Witness names.
        #[serde(default)]
        pub witnesses: Vec<String>,
        /// Why it was refused.
        #[serde(default)]
        pub refusal_reason: Option<String>,
        /// The home is theirs, confirmed.
        #[serde(default)]
        pub home_confirmed: bool,
        /// Photo or video of leaving it exists.
        #[serde(default)]
        pub filmed: bool,
        /// Registered or EMS number.
        #[serde(default)]
        pub post_no: Option<String>,
        /// Return slip or tracking says delivered.
        #[serde(default)]
        pub post_delivered: bool,
        /// Address or number the written consent names.
        #[serde(default)]
        pub consent: Option<String>,
        /// Proof of arrival exists.
        #[serde(default)]
        pub arrival_proof: bool,
        /// The form differs from the day of recording by more than a day, knowingly.
        #[serde(default)]
        pub date_confirmed: bool,
    }

    /// A proxy who signed.
    pub struct ProxyForm {
        /// Name.
        pub name: String,
        /// Relation to the addressee.
        pub relation: String,
        /// Is of age.
        pub adult: bool,
        /// Lives there.
        pub lives_there: bool,
        /// The letter was in a sealed envelope.
        pub sealed: bool,
    }

    /// Receipts.
    pub struct ReceiptsView {
        /// Lines.
        pub rows: Vec<ReceiptRow>,
        /// Printed receipts.
        pub printed: u32,
        /// Complete.
        pub complete: u32,
        /// Photographed, not complete.
        pub filed: u32,
        /// Neither.
        pub missing: u32,
    }

    /// One receipt.
    pub struct ReceiptRow {
        /// The sheet.
        pub letter: LedgerRow,
        /// Photos.
        pub pictures: Vec<BlobView>,
        /// Mode, when complete.
        pub mode: Option<ServiceMode>,
        /// Day of service, when complete.
        pub served_on: Option<NaiveDate>,
        /// Whether this counts as reached.
        pub complete: bool,
    }

    /// Report a payment.
    pub struct ReportPayment {
        /// The family.
        pub household: FileId,
        /// How.
        pub channel: PayChannel,
        /// Amount on the slip, fen.
        pub amount: Fen,
        /// Day.
        pub on: NaiveDate,
        /// Time on the slip.
        #[serde(default)]
        pub at: Option<NaiveTime>,
        /// Reference number of the slip.
        pub reference: String,
        /// Terminal number, for POS.
        #[serde(default)]
        pub terminal: Option<String>,
        /// Last four of the card. Never more.
        #[serde(default)]
        pub card_tail: Option<String>,
        /// Who paid.
        #[serde(default)]
        pub payer: Option<String>,
    }

    /// A kept report.
    pub struct PaymentSaved {
        /// The fact.
        pub payment: FactId,
        /// Status of the family's due item now.
        pub status: DueStatus,
        /// What the person should know (more, less than due).
        pub remarks: Vec<Remark>,
    }

    /// Take back a report.
    pub struct VoidPayment {
        /// The report.
        pub payment: FactId,
        /// Why.
        pub reason: String,
    }

    /// One reported payment.
    pub struct PaymentRow {
        /// The fact.
        pub payment: FactId,
        /// How.
        pub channel: PayChannel,
        /// Amount, fen.
        pub amount: Fen,
        /// Day.
        pub on: NaiveDate,
        /// Reference.
        pub reference: String,
        /// Who reported it.
        pub person: PersonId,
        /// Only on this laptop so far.
        pub only_here: bool,
    }

    /// What a sync did.
    pub struct SyncReport {
        /// Facts sent.
        pub sent: u32,
        /// Facts received.
        pub received: u32,
        /// Photos and scans sent.
        pub blobs_sent: u32,
        /// Photos and scans received.
        pub blobs_received: u32,
        /// Case files that left this desk with a lost right.
        pub files_gone: u32,
        /// Own facts the county keeps but does not let through.
        pub held: u32,
        /// Bytes out.
        pub bytes_out: u64,
        /// Bytes in.
        pub bytes_in: u64,
        /// County time minus this desk's clock, in milliseconds.
        pub clock_offset_ms: i64,
        /// Both sides agree on what this desk may see.
        pub agreed: bool,
        /// What the person should know.
        pub remarks: Vec<Remark>,
    }

    /// The sync page.
    pub struct SyncStateView {
        /// The numbers.
        pub status: StatusView,
        /// What waits here, by family.
        pub waiting: Vec<WaitingRow>,
        /// Last contacts, newest first, at most ten.
        pub contacts: Vec<ContactLogRow>,
    }

    /// Something that waits.
    pub struct WaitingRow {
        /// The family, if it is about one.
        pub household: Option<FileId>,
        /// Its borrower.
        pub borrower: Option<String>,
        /// What it is, in words.
        pub what: String,
        /// Since when, RFC 3339.
        pub since: String,
        /// Why it waits, in words.
        pub why: String,
    }

    /// One contact with the county.
    pub struct ContactLogRow {
        /// When, RFC 3339.
        pub at: String,
        /// What happened, in words.
        pub what: String,
        /// Whether it went through.
        pub ok: bool,
    }

    /// Conflicts.
    pub struct ConflictsView {
        /// One card each.
        pub cards: Vec<ConflictCard>,
    }

    /// One question.
    pub struct ConflictCard {
        /// The family.
        pub household: FileId,
        /// Borrower.
        pub borrower: String,
        /// Village.
        pub village: String,
        /// The field.
        pub field: HouseholdField,
        /// The values side by side.
        pub values: Vec<ValueView>,
    }

    /// A decision.
    pub struct SettleConflict {
        /// The family.
        pub household: FileId,
        /// The field.
        pub field: HouseholdField,
        /// The value that counts; may be one shown or a new one.
        pub text: String,
        /// The facts that were shown and are decided.
        pub shown: Vec<FactId>,
    }

    /// Ask for a bulletin.
    pub struct BulletinAsked {
        /// Cut-off, RFC 3339; left out, now.
        #[serde(default)]
        pub cut_off: Option<String>,
    }

    /// A bulletin (domain.md §4.8). Units, never people.
    pub struct BulletinView {
        /// Number, once issued.
        pub no: Option<u32>,
        /// Title.
        pub title: String,
        /// Cut-off, RFC 3339.
        pub cut_off: String,
        /// Bank data as of.
        pub as_of: Option<NaiveDate>,
        /// Units ranked.
        pub rows: Vec<BulletinRow>,
        /// The county.
        pub county: BulletinRow,
        /// Townships heard of in the last 24 hours.
        pub synced_units: u32,
        /// Townships in all.
        pub units: u32,
        /// Units not synced in 24 hours.
        pub silent: Vec<SilentUnit>,
        /// The definitions, printed below the table.
        pub definitions: Vec<String>,
    }

    /// One unit's line.
    pub struct BulletinRow {
        /// Rank; none where nothing is due.
        pub rank: Option<u32>,
        /// Code.
        pub code: PlaceCode,
        /// Unit.
        pub name: String,
        /// Families due.
        pub households_due: u32,
        /// Contracts due.
        pub contracts_due: u32,
        /// Families fully paid per bank.
        pub households_paid: u32,
        /// Rate by head, two decimals, e.g. `87.50`, or `—`.
        pub head_rate: String,
        /// Principal due, fen.
        pub principal_due: Fen,
        /// Interest due, fen.
        pub interest_due: Fen,
        /// Amount due, fen.
        pub amount_due: Fen,
        /// Amount paid per bank, fen.
        pub amount_paid: Fen,
        /// Rate by amount, two decimals, or `—`.
        pub amount_rate: String,
        /// Reported by staff, not yet at the bank, fen.
        pub reported: Fen,
        /// Families whose letter was served.
        pub households_served: u32,
        /// Rate of service, two decimals, or `—`.
        pub served_rate: String,
        /// Families visited.
        pub households_visited: u32,
        /// Last time anything came from there, RFC 3339.
        pub heard_at: Option<String>,
    }

    /// A unit that was not heard of.
    pub struct SilentUnit {
        /// Code.
        pub code: PlaceCode,
        /// Name.
        pub name: String,
        /// Since when, RFC 3339, or never.
        pub since: Option<String>,
    }

    /// Bulletins issued.
    pub struct BulletinsView {
        /// Newest first.
        pub bulletins: Vec<BulletinView>,
    }
}

//! What a person can do at a desk: `api.rs` is the list, each module below is one noun with its use cases.
//! The desk knows rules of use and words for people; facts and their rules are `domain`'s, SQL is `store`'s, paper is
//! `forms`'. Every reply is sent after commit; no network is ever on the road of a save.

mod agency;
pub mod api;
mod away;
pub mod background;
mod backups;
mod bulletin;
mod bundles;
pub mod carry;
pub mod clock;
mod contacts;
pub mod courier;
pub mod door;
mod drafts;
mod exports;
pub mod failure;
mod feeds;
mod held;
pub mod home;
mod households;
mod imports;
mod incident;
pub mod keyring;
mod letters;
mod looks;
mod lost;
mod org;
mod passphrase;
mod payments;
mod proposals;
mod receipts;
mod recovery;
pub mod roster;
mod rules;
mod same;
mod season;
mod settled;
mod stick;
mod sync;
mod visits;
mod voices;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError, TryLockError};

use chrono::NaiveDate;
use domain::SigningKey;
use domain::clock::Millis;
use domain::event::Event;
use domain::ids::{FactId, FileId, PersonId};
use domain::words::{Role, Section};
pub use foreign::{Reader, serve_if_asked};
use store::{Pen, Standing, Store};
use zeroize::Zeroizing;

use crate::api::{AboutView, Call, FileInput, Nothing, Reply, Saved, StatusView, Tag};
use crate::clock::{Chance, Clock, Present};
use crate::failure::{Code, Failure};
use crate::home::Identity;

/// An open desk.
pub struct Desk {
    /// A fair lock: a contact that takes it again and again lets whoever waits with a save go first.
    store: parking_lot::Mutex<Store>,
    signing: SigningKey,
    identity: Identity,
    /// Key of household file ids, for desks of the centre.
    file_key: Option<Zeroizing<[u8; 32]>>,
    tls: Option<(Vec<u8>, Zeroizing<Vec<u8>>)>,
    /// Reads workbooks and pictures, in another process.
    reader: Reader,
    clock: Clock,
    chance: Chance,
    syncing: Mutex<()>,
    /// Set when the home is locked: a contact that runs then begins no further step.
    closed: AtomicBool,
    running: Mutex<Option<carry::Progress>>,
    places: Mutex<Option<std::sync::Arc<domain::place::PlaceTable>>>,
    copying: parking_lot::Mutex<backups::Copying>,
    lately: parking_lot::Mutex<looks::Lately>,
    /// Taken after the store, where both are.
    away: parking_lot::Mutex<away::Counting>,
    /// Keeps the home's lock while the desk is open.
    _lock: Option<std::fs::File>,
}

/// What an open desk is made of.
pub struct Parts {
    /// The database.
    pub store: Store,
    /// What its opening found.
    pub standing: Standing,
    /// The device's key.
    pub signing: SigningKey,
    /// Key of household file ids, for desks of the centre.
    pub file_key: Option<Zeroizing<[u8; 32]>>,
    /// Certificate and private key (DER) for HTTPS; without them the desk speaks over other couriers alone.
    pub tls: Option<(Vec<u8>, Zeroizing<Vec<u8>>)>,
    /// Where the time comes from.
    pub clock: Clock,
    /// Reads workbooks and pictures.
    pub reader: Reader,
    /// Where randomness comes from.
    pub chance: Chance,
    /// Held while the desk is open, so that two programs never write one journal; whoever brings none sees to that.
    pub lock: Option<std::fs::File>,
}

impl Desk {
    /// The desk of these parts.
    ///
    /// # Errors
    /// `HomeDamaged` for a database that does not say whose it is; what the store says; no randomness.
    pub fn of(parts: Parts) -> Result<Self, Failure> {
        let Parts { mut store, standing, signing, file_key, tls, reader, clock, chance, lock } = parts;
        let identity = home::identity(&store)?;
        if let Standing::Behind { .. } = standing {
            // What the database lacks is lost here, but its numbers must never be used again: a new journal begins, which
            // the county learns of at the next contact, and the person is told.
            let fresh = domain::ids::JournalId(chance.fresh().map_err(home::no_randomness)?);
            store.open_journal(fresh, identity.device, &signing.verifying_key())?;
            store.set_meta(home::WAS_BEHIND, &clock.wall())?;
        }
        Ok(Self {
            store: parking_lot::Mutex::new(store),
            signing,
            identity,
            file_key,
            tls,
            reader,
            clock,
            chance,
            syncing: Mutex::new(()),
            closed: AtomicBool::new(false),
            running: Mutex::new(None),
            places: Mutex::new(None),
            copying: parking_lot::Mutex::new(backups::Copying::begun()),
            lately: parking_lot::Mutex::default(),
            away: parking_lot::Mutex::default(),
            _lock: lock,
        })
    }

    /// The store, for one step. A step that panicked left nothing behind: its transaction was rolled back.
    pub(crate) fn store(&self) -> parking_lot::MutexGuard<'_, Store> {
        self.store.lock()
    }

    pub(crate) fn present_of(&self, store: &Store) -> Result<Present, Failure> {
        Ok(self.clock.present(store.meta::<i64>("offset")?.unwrap_or(0)))
    }

    pub(crate) fn present(&self) -> Result<Present, Failure> {
        let store = self.store();
        self.present_of(&store)
    }

    /// The person's present role: the latest word of the county, or that of the enrolment.
    pub(crate) fn role(&self, store: &Store) -> Result<Role, Failure> {
        Ok(store.people()?.get(&self.identity.person).map_or(self.identity.role, |given| given.role))
    }

    pub(crate) fn may(&self, store: &Store, allowed: impl Fn(Role) -> bool, what: &str) -> Result<Role, Failure> {
        let role = self.role(store)?;
        if allowed(role) {
            Ok(role)
        } else {
            Err(Failure::new(Code::NotAllowed, &[("role", role.zh()), ("what", what)]))
        }
    }

    /// Writes facts as this person, now.
    pub(crate) fn write<T>(
        &self,
        store: &mut Store,
        work: impl FnOnce(&mut Pen<'_>) -> Result<T, Failure>,
    ) -> Result<(T, Vec<FactId>), Failure> {
        // Locked meanwhile, perhaps because the disk failed under another call.
        if self.closed.load(Ordering::Relaxed) {
            return Err(Failure::new(Code::Locked, &[]));
        }
        self.may_write(store)?;
        store.write(&self.identity.person, self.clock.wall(), work)
    }

    /// Writes one fact into a file's core.
    pub(crate) fn write_one(
        &self,
        store: &mut Store,
        file: FileId,
        event: &Event,
        replaces: Vec<FactId>,
    ) -> Result<Saved, Failure> {
        let ((), facts) = self.write(store, |pen| {
            pen.record(file, event.section(Section::Core), event, replaces)?;
            Ok(())
        })?;
        Ok(Saved { facts, remarks: Vec::new() })
    }

    /// A person's name, or the account where the name is not known.
    pub(crate) fn name_of(
        people: &std::collections::BTreeMap<PersonId, domain::org::RoleGiven>,
        person: &PersonId,
    ) -> String {
        people.get(person).map_or_else(|| person.to_string(), |given| given.name.clone())
    }

    /// Answers a call.
    ///
    /// # Errors
    /// A [`Failure`]; nothing has changed.
    pub fn handle(&self, call: Call) -> Result<(Reply, Vec<Tag>), Failure> {
        use Tag::{Bulletins, Conflicts, Households, Letters, Payments, Registries, Status, Visits};
        let read = Vec::new;
        self.not_shut_for(&call)?;
        Ok(match call {
            Call::Home(_)
            | Call::Unlock(_)
            | Call::Lock(_)
            | Call::StayOpen(_)
            | Call::ChangePassphrase(_)
            | Call::Recovery(_)
            | Call::AskRecovery(_)
            | Call::Recover(_)
            | Call::LookAtBackup(_)
            | Call::RestoreBackup(_)
            | Call::Join(_) => {
                return Err(Failure::new(Code::HomeExists, &[]));
            }
            Call::About(_) => (Reply::About(self.about()?), read()),
            Call::Status(with) => (Reply::Status(self.status(with)?), read()),
            Call::Today(with) => (Reply::Today(self.today(with)?), read()),
            Call::SaveProfile(with) => (Reply::SaveProfile(self.save_profile(with)?), vec![Registries, Status]),
            Call::ReadProfile(with) => (Reply::ReadProfile(self.read_profile(with)?), read()),
            Call::ImportRegistry(with) => {
                (Reply::ImportRegistry(self.import_registry(with)?), vec![Registries, Status])
            }
            Call::Registry(with) => (Reply::Registry(self.registry(with)?), read()),
            Call::ImportPlaces(with) => {
                (Reply::ImportPlaces(self.import_places(with)?), vec![Registries, Households, Status])
            }
            Call::Places(with) => (Reply::Places(self.places_below(with)?), read()),
            Call::ImportDueList(with) => {
                (Reply::ImportDueList(self.import_due_list(with)?), vec![Households, Status, Bulletins, Registries])
            }
            Call::ImportFeed(with) => {
                (Reply::ImportFeed(self.import_feed(with)?), vec![Households, Payments, Status, Bulletins, Registries])
            }
            Call::Proposals(with) => (Reply::Proposals(self.proposals(with)?), read()),
            Call::DecideImport(with) => (Reply::DecideImport(self.decide_import(with)?), vec![Registries, Status]),
            Call::LoadImport(with) => (Reply::LoadImport(self.load_import(with)?), Tag::ALL.to_vec()),
            Call::UndoImport(with) => (Reply::UndoImport(self.undo_import(with)?), vec![Registries, Status]),
            Call::Repayments(with) => (Reply::Repayments(self.repayments(with)?), read()),
            Call::ExportRefused(with) => (Reply::ExportRefused(self.export_refused(with)?), vec![Registries]),
            Call::ApproveExport(with) => (Reply::ApproveExport(self.approve_export(with)?), vec![Registries, Status]),
            Call::Export(with) => (Reply::Export(self.export(with)?), vec![Households, Status]),
            Call::Exports(with) => (Reply::Exports(self.exports(with)?), read()),
            Call::SamePairs(with) => (Reply::SamePairs(self.same_pairs(with)?), read()),
            Call::DecideSame(with) => (Reply::DecideSame(self.decide_same(with)?), vec![Households, Status]),
            Call::Rules(with) => (Reply::Rules(self.rules_view(with)?), read()),
            Call::ImportRules(with) => (Reply::ImportRules(self.import_rules(with)?), vec![Registries, Status]),
            Call::Estimate(with) => (Reply::Estimate(self.estimate(with)?), read()),
            Call::CloseSeason(with) => (Reply::CloseSeason(self.close_season(with)?), vec![Registries, Status]),
            Call::SeasonCloses(with) => (Reply::SeasonCloses(self.season_closes(with)?), read()),
            Call::ImportHistory(with) => (Reply::ImportHistory(self.import_history(with)?), vec![Registries, Status]),
            Call::Statistics(with) => (Reply::Statistics(self.statistics(with)?), read()),
            Call::PaymentSlip(with) => (Reply::PaymentSlip(self.payment_slip(with)?), read()),
            Call::Season(with) => (Reply::Season(self.season(with)?), read()),
            Call::People(with) => (Reply::People(self.people(with)?), read()),
            Call::AssignVillages(with) => {
                (Reply::AssignVillages(self.assign_villages(with)?), vec![Registries, Households, Status])
            }
            Call::Assignments(with) => (Reply::Assignments(self.assignments(with)?), read()),
            Call::Villages(with) => (Reply::Villages(self.villages(with)?), read()),
            Call::Households(with) => (Reply::Households(self.households(with)?), read()),
            Call::Household(with) => (Reply::Household(self.household(with)?), read()),
            Call::Search(with) => (Reply::Search(self.search(with)?), read()),
            Call::RecordVisit(with) => {
                (Reply::RecordVisit(self.record_visit(with)?), vec![Visits, Households, Letters, Status])
            }
            Call::CorrectVisit(with) => {
                (Reply::CorrectVisit(self.correct_visit(with)?), vec![Visits, Households, Letters, Status])
            }
            Call::Visits(with) => (Reply::Visits(self.visits(with)?), read()),
            Call::AddContact(with) => (Reply::AddContact(self.add_contact(with)?), vec![Households, Status]),
            Call::StateContact(with) => (Reply::StateContact(self.state_contact(with)?), vec![Households, Status]),
            Call::EditField(with) => (Reply::EditField(self.edit_field(with)?), vec![Households, Conflicts, Status]),
            Call::KeepDraft(with) => (Reply::KeepDraft(self.keep_draft(with)?), vec![Tag::Drafts]),
            Call::Draft(with) => (Reply::Draft(self.draft(with)?), read()),
            Call::Drafts(with) => (Reply::Drafts(self.drafts(with)?), read()),
            Call::DropDraft(with) => (Reply::DropDraft(self.drop_draft(with)?), vec![Tag::Drafts]),
            Call::DraftLetters(with) => (Reply::DraftLetters(self.draft_letters(with)?), read()),
            Call::PrintLetters(with) => {
                (Reply::PrintLetters(self.print_letters(with)?), vec![Letters, Households, Status])
            }
            Call::ReadLetter(with) => (Reply::ReadLetter(self.read_letter(with)?), read()),
            Call::VoidLetter(with) => (Reply::VoidLetter(self.void_letter(with)?), vec![Letters, Households, Status]),
            Call::Letters(with) => (Reply::Letters(self.letters(with)?), read()),
            Call::FileReceipt(with) => {
                (Reply::FileReceipt(self.file_receipt(with)?), vec![Letters, Households, Status])
            }
            Call::CompleteReceipt(with) => {
                (Reply::CompleteReceipt(self.complete_receipt(with)?), vec![Letters, Households, Status])
            }
            Call::Receipts(with) => (Reply::Receipts(self.receipts(with)?), read()),
            Call::ReportPayment(with) => {
                (Reply::ReportPayment(self.report_payment(with)?), vec![Payments, Households, Status])
            }
            Call::VoidPayment(with) => {
                (Reply::VoidPayment(self.void_payment(with)?), vec![Payments, Households, Status])
            }
            Call::Sync(_) => (Reply::Sync(self.sync(None)?), Tag::ALL.to_vec()),
            Call::UpdateHousehold(with) => (Reply::UpdateHousehold(self.update_household(with)?), Tag::ALL.to_vec()),
            Call::SyncState(with) => (Reply::SyncState(self.sync_state(with)?), read()),
            Call::Sticks(with) => (Reply::Sticks(self.sticks(with)?), read()),
            Call::Stick(with) => (Reply::Stick(self.stick(with)?), read()),
            Call::BundleOut(with) => (Reply::BundleOut(self.bundle_out(with)?), vec![Status]),
            Call::BundleIn(with) => (Reply::BundleIn(self.bundle_in(with)?), Tag::ALL.to_vec()),
            Call::Backups(with) => (Reply::Backups(self.backups(with)?), read()),
            Call::BackUp(with) => (Reply::BackUp(self.back_up_now(with)?), vec![Status]),
            Call::Conflicts(with) => (Reply::Conflicts(self.conflicts(with)?), read()),
            Call::SettleConflict(with) => {
                (Reply::SettleConflict(self.settle_conflict(with)?), vec![Conflicts, Households, Status])
            }
            Call::Settled(with) => (Reply::Settled(self.settled(with)?), read()),
            Call::HeldFacts(with) => (Reply::HeldFacts(self.held_facts(with)?), read()),
            Call::DecideHeld(with) => (Reply::DecideHeld(self.decide_held(with)?), Tag::ALL.to_vec()),
            Call::EraseFacts(with) => (Reply::EraseFacts(self.erase_facts(with)?), Tag::ALL.to_vec()),
            Call::RevealIdentity(with) => (Reply::RevealIdentity(self.reveal_identity(with)?), vec![Status]),
            Call::Looks(with) => (Reply::Looks(self.looks(with)?), read()),
            Call::Laptops(with) => (Reply::Laptops(self.laptops(with)?), read()),
            Call::ReportLost(with) => (Reply::ReportLost(self.report_lost(with)?), vec![Registries, Status]),
            Call::LostLaptop(with) => (Reply::LostLaptop(self.lost_laptop(with)?), read()),
            Call::Officers(with) => (Reply::Officers(self.officers(with)?), read()),
            Call::OfferOfficer(with) => (Reply::OfferOfficer(self.offer_officer(with)?), vec![Registries, Status]),
            Call::NameOfficers(with) => (Reply::NameOfficers(self.name_officers(with)?), vec![Registries, Status]),
            Call::LookAtRecovery(with) => (Reply::LookAtRecovery(self.look_at_recovery(with)?), read()),
            Call::HelpRecovery(with) => (Reply::HelpRecovery(self.help_recovery(with)?), vec![Registries, Status]),
            Call::Bulletin(with) => (Reply::Bulletin(self.bulletin(with)?), read()),
            Call::IssueBulletin(with) => (Reply::IssueBulletin(self.issue_bulletin(with)?), vec![Bulletins, Status]),
            Call::Bulletins(with) => (Reply::Bulletins(self.bulletins(with)?), read()),
        })
    }

    /// Checks the whole home: pages, every fact, and that a rebuild of the views from the log gives the live ones.
    ///
    /// # Errors
    /// A [`Failure`]; a damaged file is one.
    pub fn check(&self) -> Result<Checked, Failure> {
        let mut store = self.store();
        let facts = store.check()?;
        let before = store.dump_views()?;
        store.rebuild()?;
        Ok(Checked { facts, views_equal: before == store.dump_views()? })
    }

    /// A contact that nobody asked for, unless one runs already.
    ///
    /// # Errors
    /// A disk that fails, or a laptop that is lost; of a line status tells.
    pub(crate) fn try_contact(&self) -> Result<background::Tried, Failure> {
        match self.syncing.try_lock() {
            Err(TryLockError::WouldBlock) => return Ok(background::Tried::Busy),
            Ok(_) | Err(TryLockError::Poisoned(_)) => {}
        }
        match self.sync(None) {
            Ok(_) => Ok(background::Tried::Done),
            Err(failure) if matches!(failure.code, Code::DiskBroken | Code::LaptopLost) => Err(failure),
            Err(_said_by_status) => Ok(background::Tried::Failed),
        }
    }

    /// The home is being locked: a contact or a copy that runs breaks off at its next step. Returns once none runs, if `wait`.
    pub(crate) fn close(&self, wait: bool) {
        self.closed.store(true, Ordering::Relaxed);
        if wait {
            drop(self.syncing.lock().unwrap_or_else(PoisonError::into_inner));
            drop(self.copying.lock());
        }
    }

    fn sync(&self, first: Option<FileId>) -> Result<api::SyncReport, Failure> {
        let Some((certificate, key)) = &self.tls else { return Err(Failure::new(Code::HomeDamaged, &[])) };
        let tls = (certificate.clone(), key.to_vec());
        let identity = &self.identity;
        let courier = courier::Https::new(&identity.address, identity.certificate, tls)
            .map_err(|fault| sync::worded(fault, &identity.address))?;
        self.sync_first(&courier, first)
    }

    pub(crate) fn about(&self) -> Result<AboutView, Failure> {
        let store = self.store();
        let present = self.present_of(&store)?;
        let role = self.role(&store)?;
        let people = store.people()?;
        Ok(AboutView {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            person: self.identity.person.clone(),
            name: people
                .get(&self.identity.person)
                .map_or_else(|| self.identity.name.clone(), |given| given.name.clone()),
            role,
            line: role.line(),
            device: self.identity.device,
            county: self.identity.county.clone(),
            practice: self.identity.practice,
            now: present.now.rfc3339(),
            county_desk: matches!(role, Role::CentreHead | Role::CentreOperator),
        })
    }

    pub(crate) fn status(&self, _: Nothing) -> Result<StatusView, Failure> {
        let mut store = self.store();
        let away = self.away_view(&mut store)?;
        let present = self.present_of(&store)?;
        let counts = store.counts()?;
        let safe: u64 = store.meta("safe")?.unwrap_or(0);
        let season = store.season_dates()?;
        let days = |day: NaiveDate| day.signed_duration_since(present.today).num_days();
        let (held_open, held_told) = self.held_counts(&store, present.now)?;
        let mut status = StatusView {
            only_here: counts.only_here,
            county_has: counts.county_has,
            backed_up: store.safe_count(safe)?,
            last_contact: store.meta::<Millis>("last_contact")?.map(Millis::rfc3339),
            last_failure: store.meta::<Option<Failure>>("last_failure")?.flatten(),
            as_of: season.0,
            data_age_days: season.0.map(|day| days(day).saturating_neg()),
            due_on: season.1,
            days_left: season.1.map(days),
            conflicts: u32::try_from(store.conflicted()?.len()).unwrap_or(u32::MAX),
            not_understood: counts.not_understood,
            held: counts.held,
            held_open,
            held_told,
            imports_open: self.imports_open(&store)?,
            today: present.today,
            weekday: domain::calendar::weekday_zh(present.today).to_owned(),
            backup_failure: None,
            away,
            now: present.now.rfc3339(),
        };
        if status.last_failure.is_none()
            && let Some(found) = home::was_behind(&store)?
            && present.wall.0.saturating_sub(found.0) < TOLD_MS
        {
            let at = found.civil().format("%m月%d日%H:%M").to_string();
            status.last_failure = Some(Failure::new(Code::HomeBehind, &[("at", &at)]));
        }
        drop(store);
        status.backup_failure = self.copying.try_lock().and_then(|copying| copying.failure());
        Ok(status)
    }
}

/// That a home was found behind is told for so long, milliseconds: a week.
const TOLD_MS: i64 = 7 * 24 * 3_600_000;

/// What a check of a home found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Checked {
    /// Facts, each readable and in its place.
    pub facts: u64,
    /// The live views equal a rebuild from the log.
    pub views_equal: bool,
}

/// The bytes of a file handed in, with its name; refused above `most` bytes before it is read.
pub(crate) fn bytes_of(input: &FileInput, most: u64, field: &str) -> Result<(String, Vec<u8>), Failure> {
    use base64::Engine;
    let too_large = |name: &str, size: u64| {
        let (size, most) = (megabytes(size), megabytes(most));
        Failure::new(Code::TooLarge, &[("file", name), ("size", &size), ("most", &most)]).at(field)
    };
    match input {
        FileInput::Path { path } => {
            let name = std::path::Path::new(path)
                .file_name()
                .map_or_else(|| path.clone(), |name| name.to_string_lossy().into_owned());
            let unreadable = |error: std::io::Error| {
                let kind = error.kind();
                let why = if kind == std::io::ErrorKind::NotFound {
                    "没有这个文件".to_owned()
                } else if kind == std::io::ErrorKind::PermissionDenied {
                    "没有读取的权限".to_owned()
                } else {
                    error.to_string()
                };
                Failure::new(Code::FileUnreadable, &[("file", &name), ("why", &why)]).at(field)
            };
            let size = std::fs::metadata(path).map_err(unreadable)?.len();
            if size > most {
                return Err(too_large(&name, size));
            }
            Ok((name.clone(), std::fs::read(path).map_err(unreadable)?))
        }
        FileInput::Bytes { name, base64 } => {
            let size = u64::try_from(base64.len()).unwrap_or(u64::MAX) / 4 * 3;
            if size > most {
                return Err(too_large(name, size));
            }
            let bytes =
                base64::engine::general_purpose::STANDARD.decode(base64.as_bytes()).map_err(|_told_otherwise| {
                    Failure::new(Code::FileUnreadable, &[("file", name), ("why", "内容不是base64")]).at(field)
                })?;
            Ok((name.clone(), bytes))
        }
    }
}

fn megabytes(bytes: u64) -> String {
    let tenths = bytes.saturating_mul(10) / 1_048_576;
    format!("{}.{}MB", tenths / 10, tenths % 10)
}

//! The county: its ledger, its keys, its clock, and what it knows of rights. Founding, opening, greeting and its own
//! facts (roles, devices, number blocks) are here; the other steps stand in `enrol`, `push`, `pull` and `blob`.
//! Nothing here opens a socket, and no lock is held while anybody is waited for.

use std::path::{Path, PathBuf};
use std::sync::{PoisonError, RwLock};

use domain::SigningKey;
use domain::clock::{Millis, Received};
use domain::enrol::Refusal;
use domain::event::Event;
use domain::exchange::{Hello, PAGE_BATCHES, PAGE_BYTES, Sum, Welcome};
use domain::fact::{Batch, Fact, Verified, seal};
use domain::ids::{DeviceId, FactId, FileId, JournalId, LogId, PersonId, Sha, hex};
use domain::letter::BlockLeased;
use domain::org::DeviceEnrolled;
use domain::rights::{Position, Rights};
use domain::words::{DocKind, Section};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use crate::chance;
use crate::clock::Clock;
use crate::keys::{self, Keys, KeysFault};
use crate::ledger::{Counts, Device, Entry, Journal, Ledger, LedgerFault, Meta, Run, Transaction};

/// The first block of numbers; those below belong to papers from before Ruhu.
const FIRST_BLOCK: u32 = 101;
/// Most blocks of one kind for one greeting.
const MOST_BLOCKS: u32 = 5;

/// Why a county cannot be founded, opened or told something.
#[derive(Debug, thiserror::Error)]
pub enum CountyFault {
    /// There is one already.
    #[error("there is a county in {} already", .0.display())]
    AlreadyThere(PathBuf),
    /// There is none.
    #[error("there is no county in {}: run `county init` first", .0.display())]
    NotThere(PathBuf),
    /// The home cannot be made.
    #[error("the folder {} cannot be made", .path.display())]
    Home {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The keys.
    #[error(transparent)]
    Keys(#[from] KeysFault),
    /// The ledger.
    #[error(transparent)]
    Ledger(#[from] LedgerFault),
    /// Another clock for a county that is not for practice.
    #[error("only a county made with --practice may be given a clock")]
    ClockOfRealCounty,
    /// The account name of the county master.
    #[error("the account name `county` is the county master's own")]
    ReservedAccount,
    /// An address that desks would not accept.
    #[error("the address must be where desks reach this county and start with https://")]
    Address,
    /// An invitation for no time or too long.
    #[error("an invitation is good for 1 to 365 days")]
    Days,
    /// No randomness.
    #[error("the system gives no randomness")]
    Chance(#[from] getrandom::Error),
}

/// What a new county is.
#[derive(Debug, Clone)]
pub struct Founding {
    /// Its name, e.g. 青石县.
    pub name: String,
    /// For practice or demo: such a county may be given a clock, and real homes refuse it.
    pub practice: bool,
    /// Names or addresses, besides localhost, that its certificate states.
    pub hosts: Vec<String>,
}

/// How large a page may be. Smaller ones are for tests and thin lines.
#[derive(Debug, Clone, Copy)]
pub struct PageLimits {
    /// Bytes of batches before compression; a single larger batch travels alone.
    pub bytes: usize,
    /// Batches.
    pub batches: usize,
}

impl Default for PageLimits {
    fn default() -> Self {
        Self { bytes: PAGE_BYTES, batches: PAGE_BATCHES }
    }
}

/// What the county says of itself.
#[derive(Debug, Clone, serde::Serialize)]
pub struct Status {
    county: String,
    practice: bool,
    log: LogId,
    head: Position,
    safe: Position,
    certificate: Sha,
    #[serde(flatten)]
    pub(crate) counts: Counts,
}

/// No: either for a reason that the desk is told, or for the county's own trouble.
#[derive(Debug)]
pub(crate) enum No {
    Refused(Refusal),
    Trouble(LedgerFault),
}

impl From<LedgerFault> for No {
    fn from(fault: LedgerFault) -> Self {
        Self::Trouble(fault)
    }
}

impl From<Refusal> for No {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

/// Rights as learnt from the log so far.
struct Standing {
    rights: Rights,
    upto: Position,
}

type Listener = Box<dyn Fn(&LedgerFault) + Send + Sync>;

/// A county master. Share it in an `Arc`: every step may be called from many threads.
pub struct County {
    pub(crate) ledger: Ledger,
    pub(crate) clock: Clock,
    pub(crate) meta: Meta,
    pub(crate) master: SigningKey,
    pub(crate) file_key: zeroize::Zeroizing<[u8; 32]>,
    pub(crate) certificate: Sha,
    pub(crate) limits: PageLimits,
    tls: (CertificateDer<'static>, PrivateKeyDer<'static>),
    standing: RwLock<Standing>,
    trouble: Listener,
}

impl County {
    /// Founds a county in `home`, which is made: `ledger.db`, `keys.json` (mode 0600), a new log.
    ///
    /// # Errors
    /// `AlreadyThere`, `ClockOfRealCounty`, or what the disk says.
    pub fn init(home: &Path, founding: &Founding, clock: Clock) -> Result<Self, CountyFault> {
        let (keys_at, ledger_at) = (home.join("keys.json"), home.join("ledger.db"));
        if keys_at.exists() || ledger_at.exists() {
            return Err(CountyFault::AlreadyThere(home.to_owned()));
        }
        if !founding.practice && !clock.is_system() {
            return Err(CountyFault::ClockOfRealCounty);
        }
        let mut folder = std::fs::DirBuilder::new();
        folder.recursive(true);
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut folder, 0o700);
        folder.create(home).map_err(|source| CountyFault::Home { path: home.to_owned(), source })?;
        let (keys, text) = Keys::fresh(&founding.hosts)?;
        keys::keep(&keys_at, &text)?;
        let meta = Meta {
            county: founding.name.clone(),
            practice: founding.practice,
            log: LogId(chance::fresh()?),
            master_journal: JournalId(chance::fresh()?),
            safe: 0,
        };
        let ledger = Ledger::found(&ledger_at, &keys.ledger, &meta)?;
        Ok(Self::with(ledger, keys, meta, clock))
    }

    /// The county in `home`.
    ///
    /// # Errors
    /// `NotThere`, `ClockOfRealCounty`, or what keys and ledger say.
    pub fn open(home: &Path, clock: Clock) -> Result<Self, CountyFault> {
        let (keys_at, ledger_at) = (home.join("keys.json"), home.join("ledger.db"));
        if !keys_at.exists() || !ledger_at.exists() {
            return Err(CountyFault::NotThere(home.to_owned()));
        }
        let keys = Keys::load(&keys_at)?;
        let ledger = Ledger::open(&ledger_at, &keys.ledger)?;
        let meta = ledger.read(|tx| tx.meta())?;
        if !meta.practice && !clock.is_system() {
            return Err(CountyFault::ClockOfRealCounty);
        }
        Ok(Self::with(ledger, keys, meta, clock))
    }

    fn with(ledger: Ledger, keys: Keys, meta: Meta, clock: Clock) -> Self {
        Self {
            ledger,
            clock,
            meta,
            certificate: keys.certificate(),
            master: keys.master,
            file_key: keys.file,
            limits: PageLimits::default(),
            tls: (keys.tls_certificate, keys.tls_key),
            standing: RwLock::new(Standing { rights: Rights::new(), upto: 0 }),
            trouble: Box::new(|_| {}),
        }
    }

    /// The same county with other page limits.
    #[must_use]
    pub fn with_limits(mut self, limits: PageLimits) -> Self {
        self.limits = limits;
        self
    }

    /// The same county, telling `listener` the cause whenever it answers with `CountyTrouble`.
    #[must_use]
    pub fn telling(mut self, listener: impl Fn(&LedgerFault) + Send + Sync + 'static) -> Self {
        self.trouble = Box::new(listener);
        self
    }

    /// Its log.
    pub fn log(&self) -> LogId {
        self.meta.log
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.meta.county
    }

    /// Whether it is for practice.
    pub fn practice(&self) -> bool {
        self.meta.practice
    }

    /// SHA-256 of its TLS certificate (DER): what desks pin.
    pub fn certificate(&self) -> Sha {
        self.certificate
    }

    pub(crate) fn tls(&self) -> (CertificateDer<'static>, PrivateKeyDer<'static>) {
        (self.tls.0.clone(), self.tls.1.clone_key())
    }

    /// Log, head and counts.
    ///
    /// # Errors
    /// What the ledger says.
    pub fn status(&self) -> Result<Status, CountyFault> {
        let now = self.clock.now();
        let (meta, head, counts) =
            self.ledger.read(|tx| Ok::<_, LedgerFault>((tx.meta()?, tx.head()?, tx.counts(now)?)))?;
        Ok(Status {
            county: meta.county,
            practice: meta.practice,
            log: meta.log,
            head,
            safe: meta.safe,
            certificate: self.certificate,
            counts,
        })
    }

    /// The enrolled device that uses this client certificate (SHA-256 of its DER).
    ///
    /// # Errors
    /// `DeviceUnknown`, also once revoked.
    pub fn device_of(&self, certificate: Sha) -> Result<DeviceId, Refusal> {
        self.settle(self.ledger.read(|tx| {
            let device = tx.device_by_certificate(certificate)?.filter(|device| !device.revoked);
            Ok(device.ok_or(Refusal::DeviceUnknown)?.id)
        }))
    }

    /// Greets a device: opens its journal if it is new, leases the blocks of numbers it wants (at most five of a kind,
    /// and only to those who work cases).
    ///
    /// # Errors
    /// `OtherLog`, `DeviceUnknown`, `NotAllowed` for a journal of somebody else, `Malformed` for an impossible year.
    pub fn hello(&self, device: DeviceId, hello: &Hello) -> Result<Welcome, Refusal> {
        self.settle(self.ledger.write(|tx| {
            let now = self.clock.now();
            let device = self.known(tx, device)?;
            if hello.log != self.meta.log {
                return Err(Refusal::OtherLog.into());
            }
            let mut facts = Vec::new();
            if self.opens(tx, hello.journal, device.id)? {
                facts.push((FileId::county(), Event::DeviceEnrolled(enrolment(&device, hello.journal))));
            }
            for (kind, year) in self.blocks(tx, &device, &hello.wants)? {
                let block = tx.last_block(kind, year)?.map_or(FIRST_BLOCK, |last| last.saturating_add(1));
                tx.add_lease(kind, year, block, device.id)?;
                facts.push((FileId::device(device.id), Event::BlockLeased(BlockLeased { kind, year, block })));
            }
            if !facts.is_empty() {
                self.state(tx, now, facts)?;
            }
            let journal = tx.journal(hello.journal)?.ok_or(LedgerFault::Damaged("a journal is missing"))?;
            Ok(Welcome {
                log: self.meta.log,
                head: tx.head()?,
                safe: self.meta.safe,
                now,
                batches: journal.next_batch.saturating_sub(1),
                last_seal: journal.last_seal,
            })
        }))
    }

    /// The blocks to lease for these wants, one by one.
    fn blocks(
        &self,
        tx: &dyn Transaction,
        device: &Device,
        wants: &[(DocKind, i32, u32)],
    ) -> Result<Vec<(DocKind, i32)>, No> {
        let head = tx.head()?;
        let works = self.with_rights(tx, head, |rights| {
            rights.role(&device.person, head).is_some_and(domain::words::Role::works_cases)
        })?;
        let mut out: Vec<(DocKind, i32)> = Vec::new();
        for (kind, year, count) in wants {
            if !(2000..=2100).contains(year) {
                return Err(Refusal::Malformed.into());
            }
            for _ in 0..(*count).min(MOST_BLOCKS) {
                let of_kind = out.iter().filter(|(other, _)| other == kind).count();
                if works && u32::try_from(of_kind).is_ok_and(|n| n < MOST_BLOCKS) {
                    out.push((*kind, *year));
                }
            }
        }
        Ok(out)
    }

    /// The device, if it may speak here.
    pub(crate) fn known(&self, tx: &dyn Transaction, device: DeviceId) -> Result<Device, No> {
        Ok(tx.device(device)?.filter(|device| !device.revoked).ok_or(Refusal::DeviceUnknown)?)
    }

    /// Whether this journal is new; then it is added as this device's.
    pub(crate) fn opens(&self, tx: &dyn Transaction, journal: JournalId, device: DeviceId) -> Result<bool, No> {
        match tx.journal(journal)? {
            Some(known) if known.device == Some(device) => Ok(false),
            Some(_) => Err(Refusal::NotAllowed.into()),
            None => {
                tx.put_journal(&Journal {
                    id: journal,
                    device: Some(device),
                    next_batch: 1,
                    next_seq: 1,
                    last_seal: Sha([0; 32]),
                })?;
                Ok(true)
            }
        }
    }

    /// Asks about rights as known at `head`, which must be committed: what a transaction has appended itself is learnt
    /// only once it can no longer be undone. Facts that another process appended are learnt first.
    pub(crate) fn with_rights<T>(
        &self,
        tx: &dyn Transaction,
        head: Position,
        ask: impl FnOnce(&Rights) -> T,
    ) -> Result<T, No> {
        {
            let standing = self.standing.read().unwrap_or_else(PoisonError::into_inner);
            if standing.upto >= head {
                return Ok(ask(&standing.rights));
            }
        }
        let mut standing = self.standing.write().unwrap_or_else(PoisonError::into_inner);
        if standing.upto < head {
            // Parsed before learnt: rights are never left half-way between two positions.
            let mut facts = Vec::new();
            for (position, bytes) in tx.rights_facts(standing.upto, head)? {
                facts.push((position, Fact::parse(&bytes).map_err(LedgerFault::from)?));
            }
            for (position, fact) in &facts {
                standing.rights.learn(*position, fact);
            }
            standing.upto = head;
        }
        Ok(ask(&standing.rights))
    }

    /// The county's own facts, sealed into one batch of its journal and appended. Returns the batch's position.
    pub(crate) fn state(
        &self,
        tx: &dyn Transaction,
        now: Millis,
        events: Vec<(FileId, Event)>,
    ) -> Result<Position, No> {
        let journal = tx.journal(self.meta.master_journal)?.ok_or(LedgerFault::Damaged("the master's journal"))?;
        let mut facts = Vec::new();
        for (seq, (file, event)) in (journal.next_seq..).zip(events) {
            facts.push(Fact {
                id: FactId { journal: journal.id, seq },
                file,
                section: Section::Core,
                wall: now,
                author: PersonId::county_master(),
                kind: event.kind().to_owned(),
                replaces: Vec::new(),
                body: event.body().map_err(LedgerFault::from)?,
            });
        }
        let previous = match tx.entry_of(journal.id, journal.next_batch.saturating_sub(1))? {
            Some(entry) => Some(Batch::parse(&entry.bytes).map_err(LedgerFault::from)?.seal),
            None => None,
        };
        let seen = tx.head()?;
        let seed = chance::fresh().map_err(LedgerFault::from)?;
        let batch = seal(&facts, previous.as_ref(), seen, &seed, &self.master).map_err(LedgerFault::from)?;
        let verified = batch.verify(&self.master.verifying_key()).map_err(LedgerFault::from)?;
        let received = Received { at: now, offset: 0, seen: tx.time_at(seen)? };
        let whole = Whole { bytes: batch.bytes(), batch, facts: verified };
        self.append(tx, &journal, &whole, received, |_| false)
    }

    /// Gives a verified batch its place and moves its journal on. `held` says which runs are kept back.
    pub(crate) fn append(
        &self,
        tx: &dyn Transaction,
        journal: &Journal,
        whole: &Whole,
        received: Received,
        held: impl Fn(&[Verified]) -> bool,
    ) -> Result<Position, No> {
        let seal = &whole.batch.seal;
        let position = tx.take_position()?;
        tx.add_entry(&Entry {
            position,
            journal: journal.id,
            batch: seal.batch,
            received,
            runs: seal.runs,
            bytes: whole.bytes.clone(),
        })?;
        let mut rest = whole.facts.as_slice();
        for run in whole.batch.runs() {
            let (facts, after) =
                rest.split_at_checked(run.facts.len()).ok_or(LedgerFault::Damaged("runs and facts disagree"))?;
            rest = after;
            let Some(first) = facts.first() else { continue };
            let mut sum = Sum::default();
            for verified in facts {
                sum.add(&verified.leaf);
            }
            let held = held(facts);
            tx.add_run(&Run {
                position,
                seq: first.fact.id.seq,
                journal: journal.id,
                file: run.file,
                section: run.section,
                held,
                sum,
            })?;
            for verified in facts.iter().filter(|verified| !held && Rights::reads(&verified.fact.kind)) {
                tx.add_rights_fact(position, verified.fact.id.seq, &verified.bytes)?;
            }
        }
        tx.put_journal(&Journal {
            next_batch: seal.batch.saturating_add(1),
            next_seq: seal.first.saturating_add(u64::from(seal.count)),
            last_seal: seal.hash(),
            ..journal.clone()
        })?;
        Ok(position)
    }

    /// Turns an inner no into what the desk is told; the cause of the county's own trouble goes to the listener.
    pub(crate) fn settle<T>(&self, result: Result<T, No>) -> Result<T, Refusal> {
        match result {
            Ok(done) => Ok(done),
            Err(No::Refused(refusal)) => Err(refusal),
            Err(No::Trouble(fault)) => {
                (self.trouble)(&fault);
                Err(Refusal::CountyTrouble)
            }
        }
    }
}

/// A whole batch that verified.
pub(crate) struct Whole {
    pub(crate) batch: Batch,
    pub(crate) facts: Vec<Verified>,
    /// As received.
    pub(crate) bytes: Vec<u8>,
}

/// What the log says of a device's journal.
pub(crate) fn enrolment(device: &Device, journal: JournalId) -> DeviceEnrolled {
    DeviceEnrolled { device: device.id, person: device.person.clone(), key: hex(&device.key), journal }
}

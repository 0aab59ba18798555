//! The county: its ledger, its keys, its clock, and what it knows of rights. Founding, opening, greeting and its own
//! questions about rights are here; the other steps stand in `enrol`, `push`, `pull` and `blob`, the log's own in `record`.
//! Nothing here opens a socket, and no lock is held while anybody is waited for.

use std::path::{Path, PathBuf};
use std::sync::{PoisonError, RwLock};

use chrono::Datelike as _;
use domain::SigningKey;
use domain::enrol::Refusal;
use domain::event::Event;
use domain::exchange::{Cursor, Hello, Mark, Message as _, PAGE_BATCHES, PAGE_BYTES, Welcome};
use domain::fact::Fact;
use domain::ids::{BundleId, DeviceId, FileId, JournalId, LogId, PersonId, Sha};
use domain::letter::BlockLeased;
use domain::rights::{Position, Rights};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use store::bundle::BundleSecret;
use store::stick::StickFault;

use crate::anchor::{Anchor, Stand};
use crate::chance::Chance;
use crate::clock::Clock;
use crate::keys::{self, Keys, KeysFault};
use crate::ledger::{Counts, Device, Ledger, LedgerFault, Meta, Transaction};
use crate::record::{enrolment, fresh_journal};

const ANCHOR: &str = "anchor";

/// The first block of numbers; those below belong to papers from before Ruhu.
const FIRST_BLOCK: u32 = 101;
/// How far behind the highest known block a restored county goes on: ten thousand numbers.
const BLOCKS_AFTER_RESTORE: u32 = 100;
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
    /// A folder cannot be made, read or written.
    #[error("the folder {} cannot be made, read or written", .path.display())]
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
    /// Its anchor, the small file that remembers where the log stands.
    #[error("the county's anchor cannot be read or written")]
    Anchor(#[source] std::io::Error),
    /// The ledger.
    #[error(transparent)]
    Ledger(#[from] LedgerFault),
    /// A copy that does not give the county back.
    #[error("备份未通过核验，不能使用 / the backup does not verify and must not be relied on")]
    Unsound(#[source] LedgerFault),
    /// Another clock, or randomness of one's own, for a county that is not for practice.
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
    /// The account opens before its person was trained and has signed (M17).
    #[error(
        "先登记培训和签保密承诺的日期（--trained、--undertaking），再开账号 / give the days on which {0} was trained and signed the undertaking of confidentiality first"
    )]
    Undertaking(PersonId),
    /// Nobody of that id waits to be let in.
    #[error("没有等待核对的电脑{0}，用 county waiting 查看 / no device {0} waits; see `county waiting`")]
    NotWaiting(DeviceId),
    /// The words on the two screens differ.
    #[error(
        "六个词对不上，没有放行。请再核对一遍；若确实不同，用 county dismiss 作废这个邀请 / the words differ, the device was not let in; if they do differ, dismiss it"
    )]
    WordsDiffer,
    /// Nobody has that account.
    #[error("没有账号{0} / there is no account {0}")]
    NoAccount(PersonId),
    /// No randomness.
    #[error("the system gives no randomness")]
    Chance(#[from] getrandom::Error),
    /// A stick.
    #[error(transparent)]
    Stick(#[from] StickFault),
    /// No such device, or it is revoked.
    #[error("the device {0} is not enrolled here, or no longer")]
    NoDevice(DeviceId),
    /// Nothing can be sealed to a device that has not said its key.
    #[error("the device {0} has not said its bundle key: it must sync once over the network first")]
    NoBundleKey(DeviceId),
    /// There is nothing to answer.
    #[error("no bundle of the device {0} has come yet")]
    NothingAsked(DeviceId),
    /// Nothing of that name lies in quarantine.
    #[error("隔离区里没有{0}，用 county quarantine 查看 / there is no {0} in quarantine; see `county quarantine`")]
    NotQuarantined(BundleId),
    /// A bundle of a laptop that is lost.
    #[error(
        "这是报失电脑{0}的数据包，已另存到隔离区，不算数；用 county quarantine 查看 / a bundle of {0}, which is lost: it lies in quarantine and does not count"
    )]
    OfLost(DeviceId),
    /// What a bundle says is not taken.
    #[error("what is in the bundle is not taken ({0:?})")]
    Refused(Refusal),
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
    pub(crate) chance: Chance,
    pub(crate) meta: Meta,
    pub(crate) master: SigningKey,
    pub(crate) file_key: zeroize::Zeroizing<[u8; 32]>,
    pub(crate) bundle: BundleSecret,
    pub(crate) certificate: Sha,
    pub(crate) limits: PageLimits,
    anchor: Anchor,
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
        Self::init_by(home, founding, clock, Chance::system())
    }

    /// As [`County::init`], with randomness of one's own: only for practice.
    ///
    /// # Errors
    /// As [`County::init`].
    pub fn init_by(home: &Path, founding: &Founding, clock: Clock, chance: Chance) -> Result<Self, CountyFault> {
        let (keys_at, ledger_at) = (home.join("keys.json"), home.join("ledger.db"));
        if keys_at.exists() || ledger_at.exists() {
            return Err(CountyFault::AlreadyThere(home.to_owned()));
        }
        if !(founding.practice || (clock.is_system() && chance.is_system())) {
            return Err(CountyFault::ClockOfRealCounty);
        }
        folder(home)?;
        let (keys, text) = Keys::fresh(&founding.hosts, &chance)?;
        keys::keep(&keys_at, &text)?;
        let meta = Meta {
            county: founding.name.clone(),
            practice: founding.practice,
            log: LogId(chance.fresh()?),
            master_journal: JournalId(chance.fresh()?),
            safe: 0,
            forked: 0,
            lost: None,
        };
        let ledger = Ledger::found(&ledger_at, &keys.ledger, &meta)?;
        let (anchor, _) = Anchor::open(&home.join(ANCHOR), &keys.master).map_err(CountyFault::Anchor)?;
        let county = Self::with(ledger, keys, anchor, meta, clock, chance);
        county.write(|_| Ok::<_, LedgerFault>(()))?;
        Ok(county)
    }

    /// The county in `home`.
    ///
    /// # Errors
    /// `NotThere`, `ClockOfRealCounty`, or what keys, anchor and ledger say.
    pub fn open(home: &Path, clock: Clock) -> Result<Self, CountyFault> {
        Self::open_by(home, clock, Chance::system())
    }

    /// As [`County::open`], with randomness of one's own: only for practice.
    ///
    /// # Errors
    /// As [`County::open`].
    pub fn open_by(home: &Path, clock: Clock, chance: Chance) -> Result<Self, CountyFault> {
        let (keys_at, ledger_at) = (home.join("keys.json"), home.join("ledger.db"));
        if !keys_at.exists() || !ledger_at.exists() {
            return Err(CountyFault::NotThere(home.to_owned()));
        }
        let keys = Keys::load(&keys_at)?;
        // Read before the ledger, which may be served meanwhile: what it is compared with is then never newer.
        let (anchor, last) = Anchor::open(&home.join(ANCHOR), &keys.master).map_err(CountyFault::Anchor)?;
        let ledger = Ledger::open(&ledger_at, &keys.ledger)?;
        let meta = ledger.read(|tx| tx.meta())?;
        if !(meta.practice || (clock.is_system() && chance.is_system())) {
            return Err(CountyFault::ClockOfRealCounty);
        }
        let county = Self::with(ledger, keys, anchor, meta, clock, chance);
        county.compare(last)?;
        Ok(county)
    }

    /// A ledger that does not lead to where the anchor last saw it was restored from a copy, and goes on as such.
    fn compare(&self, last: Option<Stand>) -> Result<(), CountyFault> {
        let leads = |tx: &dyn Transaction, last: Stand| -> Result<bool, LedgerFault> {
            Ok(last.head <= tx.head()? && tx.chain_at(last.head)? == last.chain)
        };
        let same = match last {
            Some(last) => self.ledger.read(|tx| leads(tx, last))?,
            None => false,
        };
        if same {
            return Ok(());
        }
        let forked = self.write(|tx| {
            let head = tx.head()?;
            self.fork(tx, head)
        });
        match forked {
            Ok(()) => Ok(()),
            Err(No::Trouble(fault)) => Err(fault.into()),
            Err(No::Refused(_)) => Err(LedgerFault::Damaged("a fork was refused").into()),
        }
    }

    fn with(ledger: Ledger, keys: Keys, anchor: Anchor, meta: Meta, clock: Clock, chance: Chance) -> Self {
        Self {
            ledger,
            clock,
            chance,
            meta,
            certificate: keys.certificate(),
            master: keys.master,
            file_key: keys.file,
            bundle: keys.bundle,
            limits: PageLimits::default(),
            anchor,
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
    /// `DeviceUnknown`, also once revoked; `DeviceLost`.
    pub fn device_of(&self, certificate: Sha) -> Result<DeviceId, Refusal> {
        self.settle(self.ledger.read(|tx| {
            let device = tx.device_by_certificate(certificate)?.ok_or(Refusal::DeviceUnknown)?;
            Ok(may_speak(tx, device)?.id)
        }))
    }

    /// Whose certificate it is, whether or not that device may speak still.
    pub(crate) fn known_by(&self, certificate: Sha) -> Option<DeviceId> {
        let found =
            self.ledger.read(|tx| Ok::<_, LedgerFault>(tx.device_by_certificate(certificate)?.map(|one| one.id)));
        found.ok().flatten()
    }

    /// Greets a device: opens its journal if it is new, leases the blocks of numbers it wants (at most five of a kind,
    /// only to those who work cases, and none to a greeting that is said twice), and says how far both know the same log.
    ///
    /// # Errors
    /// `OtherLog`, `DeviceUnknown`, `NotAllowed` for a journal of somebody else.
    pub fn hello(&self, device: DeviceId, hello: &Hello) -> Result<Welcome, Refusal> {
        self.settle(self.write(|tx| {
            let now = self.clock.now();
            let device = self.greeted(tx, device)?;
            if hello.log != self.meta.log {
                return Err(Refusal::OtherLog.into());
            }
            let before = tx.head()?;
            self.note_contact(tx, device.id, before)?;
            let agreed = agreed(tx, before, &hello.marks)?;
            let beyond =
                |of_lost: bool| hello.marks.iter().any(|mark| mark.position > agreed && mark.is_of_lost() == of_lost);
            let (elsewhere, of_lost) = (beyond(false), beyond(true));
            // Who knows more of this log than it, or other, knows a history that it lost. Who agrees with nothing since it
            // last found that out tells nothing new, unless more was lost than it found: it may have gone on for a while
            // before it did. One mark alone does not tell how far both agree; all that the desk has come next.
            if elsewhere && agreed >= tx.meta()?.forked {
                self.fork(tx, agreed)?;
            } else if (elsewhere || of_lost) && hello.marks.len() > 1 {
                // Who tells of a lost log's length alone has told, here or before this county was put back, what it knows
                // of it: from where positions are given again is all that is learnt.
                tx.lose(agreed)?;
            }
            let mut facts = Vec::new();
            if self.opens(tx, hello.journal, device.id)? {
                facts.push((FileId::county(), Event::DeviceEnrolled(enrolment(&device, hello.journal))));
            }
            let blocks = self.blocks(tx, before, &device, hello)?;
            facts.extend(blocks.into_iter().map(|block| (FileId::device(device.id), Event::BlockLeased(block))));
            let quiet = facts.is_empty() && !elsewhere && self.quiet(tx, before, &device, hello)?;
            if !facts.is_empty() {
                self.state(tx, now, facts)?;
            }
            let journal = tx.journal(hello.journal)?.ok_or(LedgerFault::Damaged("a journal is missing"))?;
            let head = tx.head()?;
            Ok(Welcome {
                log: self.meta.log,
                head: Mark::of(head, &tx.chain_at(head)?),
                agreed,
                safe: tx.meta()?.safe,
                now,
                batches: journal.next_batch.saturating_sub(1),
                last_seal: journal.last_seal,
                closed: journal.closed,
                quiet,
            })
        }))
    }

    /// The blocks to lease for a greeting, in the order of its wants.
    fn blocks(
        &self,
        tx: &dyn Transaction,
        head: Position,
        device: &Device,
        hello: &Hello,
    ) -> Result<Vec<BlockLeased>, No> {
        // A laptop that is years off asks for numbers of its own year. That is no reason to turn it away: it is told the
        // time with this answer and asks again.
        let year = self.clock.now().day().year();
        let near = |asked: i32| asked.abs_diff(year) <= 1;
        let works = self.with_rights(tx, head, |rights| {
            device.confirmed && rights.role(&device.person, head).is_some_and(domain::words::Role::works_cases)
        })?;
        // The answer may have been lost: what is said again, clock and all, was answered with blocks already.
        let said = Sha::of(&Hello { cursor: Cursor::default(), marks: Vec::new(), ..hello.clone() }.bytes());
        if hello.wants.is_empty() || !works || tx.greeting(device.id)? == Some(said) {
            return Ok(Vec::new());
        }
        let meta = tx.meta()?;
        let mut out: Vec<BlockLeased> = Vec::new();
        for (kind, year, count) in hello.wants.iter().filter(|(_, year, _)| near(*year)) {
            for _ in 0..(*count).min(MOST_BLOCKS) {
                let of_kind = out.iter().filter(|other| other.kind == *kind).count();
                if u32::try_from(of_kind).is_ok_and(|n| n < MOST_BLOCKS) {
                    let (own, others) = tx.last_blocks(*kind, *year, meta.master_journal)?;
                    let just = out.iter().filter(|other| (other.kind, other.year) == (*kind, *year));
                    let own = just.map(|block| block.block).chain(own).max();
                    let block = next_block(own, others, meta.forked > 0);
                    out.push(BlockLeased { kind: *kind, year: *year, block, journal: Some(hello.journal) });
                }
            }
        }
        if !out.is_empty() {
            tx.put_greeting(device.id, said)?;
        }
        Ok(out)
    }

    /// The device, if it may speak here.
    pub(crate) fn greeted(&self, tx: &dyn Transaction, device: DeviceId) -> Result<Device, No> {
        may_speak(tx, tx.device(device)?.ok_or(Refusal::DeviceUnknown)?)
    }

    /// The device, if its person's rights are its own: not so before the head has let through an enrolment that comes from
    /// a lost history.
    pub(crate) fn known(&self, tx: &dyn Transaction, device: DeviceId) -> Result<Device, No> {
        Ok(Some(self.greeted(tx, device)?).filter(|device| device.confirmed).ok_or(Refusal::NotAllowed)?)
    }

    /// Writes; durable when it returns, and the anchor knows of it. Undone if `work` fails.
    pub(crate) fn write<T, E: From<LedgerFault>>(
        &self,
        work: impl FnOnce(&dyn Transaction) -> Result<T, E>,
    ) -> Result<T, E> {
        let (done, stand) = self.ledger.write(|tx| {
            let done = work(tx)?;
            Ok::<_, E>((done, Stand::of(tx)?))
        })?;
        self.anchor.set(stand, &self.master).map_err(LedgerFault::Anchor)?;
        Ok(done)
    }

    /// Whether this journal is new; then it is added as this device's.
    pub(crate) fn opens(&self, tx: &dyn Transaction, journal: JournalId, device: DeviceId) -> Result<bool, No> {
        match tx.journal(journal)? {
            Some(known) if known.device == Some(device) => Ok(false),
            Some(_) => Err(Refusal::NotAllowed.into()),
            None => {
                tx.put_journal(&fresh_journal(journal, Some(device)))?;
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

/// Makes a folder for its owner alone.
pub(crate) fn folder(path: &Path) -> Result<(), CountyFault> {
    let mut folder = std::fs::DirBuilder::new();
    folder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut folder, 0o700);
    folder.create(path).map_err(|source| CountyFault::Home { path: path.to_owned(), source })
}

/// The block after those that this county journal gave; far behind those that another did, which may have given more.
fn next_block(own: Option<u32>, others: Option<u32>, restored: bool) -> u32 {
    let behind_own = own.map(|block| block.saturating_add(1));
    let behind_others = others.map(|block| block.saturating_add(BLOCKS_AFTER_RESTORE));
    let first = if restored { FIRST_BLOCK.saturating_add(BLOCKS_AFTER_RESTORE) } else { FIRST_BLOCK };
    behind_own.max(behind_others).unwrap_or(first)
}

/// The device, if it is not turned out.
fn may_speak(tx: &dyn Transaction, device: Device) -> Result<Device, No> {
    if !device.revoked {
        return Ok(device);
    }
    let lost = tx.burnt(device.id)?.is_some();
    Err(if lost { Refusal::DeviceLost } else { Refusal::DeviceUnknown }.into())
}

/// The highest of a desk's marks that is this log's own; position 0 is everybody's.
pub(crate) fn agreed(tx: &dyn Transaction, head: Position, marks: &[Mark]) -> Result<Position, LedgerFault> {
    let mut agreed = 0;
    for mark in marks {
        if mark.position > agreed
            && mark.position <= head
            && Mark::of(mark.position, &tx.chain_at(mark.position)?) == *mark
        {
            agreed = mark.position;
        }
    }
    Ok(agreed)
}

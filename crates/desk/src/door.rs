//! The door of a home: the one thing that every shell (window, browser, command line) holds. It knows whether there is a
//! home, whether it is locked, and hands calls to the open desk. It holds the lock while nobody is in.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use domain::clock::Millis;
use domain::enrol::{EnrolAsk, Invitation, Refusal};
use domain::ids::{DeviceId, Sha, hex, unhex};
use foreign::Reader;

use crate::api::{
    AboutView, Answer, BackupAsked, BackupRestored, BackupSeen, BackupsView, Call, HomeState, HomeView, Join, Reply,
    Tag, Unlock,
};
use crate::background::Tried;
use crate::backups::Restored;
use crate::clock::Clock;
use crate::courier::{Courier, CourierFault, Https};
use crate::failure::{Code, Failure};
use crate::home::{self, Identity, Ring};
use crate::keyring::Keyring;
use crate::sync::{offset_of, worded};
use crate::{Desk, backups, incident, recovery};

/// How often an own contact that breaks off is given ten milliseconds to let go of the home.
const LINGERING: u32 = 300;

/// A home that nobody has used for so long locks itself, milliseconds: ten minutes.
pub const IDLE_MS: i64 = 10 * 60 * 1000;

/// How a door is set up.
#[derive(Debug, Clone)]
pub struct DoorOptions {
    /// The home's folder.
    pub home: PathBuf,
    /// A practice clock's start; none means the machine's clock.
    pub clock: Option<Millis>,
    /// A home made now is for practice.
    pub practice: bool,
    /// Reads workbooks and pictures, in another process.
    pub reader: Reader,
    /// The machine's keyring, where there may be one.
    pub keyring: Option<Arc<dyn Keyring>>,
}

/// The door of a home.
pub struct Door {
    options: DoorOptions,
    clock: Clock,
    desk: Mutex<Option<Arc<Desk>>>,
    /// The desk that was locked last: a contact that still breaks off keeps the home's lock for that long.
    before: Mutex<Weak<Desk>>,
    presence: Mutex<Presence>,
}

/// Whether somebody sits here.
#[derive(Debug, Default)]
struct Presence {
    /// When the last call of a person ended, by the machine's clock and by one that nobody sets and that stands still while
    /// the machine sleeps. Each alone can be deceived: the first by whoever sets it back, the second by the lid.
    last: Option<(Millis, i64)>,
    /// Calls of a person that run: a sync over a bad line takes as long as it takes.
    running: u32,
}

impl Presence {
    fn begin(&mut self, wall: Millis, steady: i64) {
        self.running = self.running.saturating_add(1);
        self.last = Some((wall, steady));
    }

    fn end(&mut self, wall: Millis, steady: i64) {
        self.running = self.running.saturating_sub(1);
        self.last = Some((wall, steady));
    }

    fn gone(&self, wall: Millis, steady: i64) -> bool {
        let Some((last_wall, last_steady)) = self.last else { return false };
        let spans = [wall.0.saturating_sub(last_wall.0), steady.saturating_sub(last_steady)];
        self.running == 0 && spans.into_iter().any(|span| span >= IDLE_MS)
    }
}

impl Door {
    /// A door to the home of `options`; nothing is opened yet.
    pub fn new(options: DoorOptions) -> Self {
        incident::keep_in(options.home.clone());
        let clock = options.clock.map_or(Clock::System, Clock::practice);
        Self { options, clock, desk: Mutex::new(None), before: Mutex::default(), presence: Mutex::default() }
    }

    fn ring(&self) -> Ring<'_> {
        self.options.keyring.as_deref()
    }

    fn inside(&self) -> MutexGuard<'_, Option<Arc<Desk>>> {
        self.desk.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The open desk.
    ///
    /// # Errors
    /// `Locked` or `NoHome`.
    pub fn desk(&self) -> Result<Arc<Desk>, Failure> {
        match self.inside().as_ref() {
            Some(desk) => Ok(Arc::clone(desk)),
            None => match home::look(&self.options.home)? {
                Some(_) => Err(Failure::new(Code::Locked, &[])),
                None if home::forgotten(&self.options.home) => Err(Failure::new(Code::LaptopLost, &[])),
                None => Err(Failure::new(Code::NoHome, &[])),
            },
        }
    }

    /// Locks the home if nobody has been at it for [`IDLE_MS`] and nothing runs that somebody asked for. Returns whether.
    pub fn lock_if_idle(&self) -> bool {
        let gone = self.presence().gone(self.clock.wall(), Clock::steady());
        let open = self.inside().is_some();
        if gone && open {
            self.leave();
        }
        gone && open
    }

    fn presence(&self) -> MutexGuard<'_, Presence> {
        self.presence.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Answers a call by name. After a reply what it wrote is on the disk; after a failure nothing has changed.
    pub fn call(&self, name: &str, with: serde_json::Value) -> Answer {
        match Call::parse(name, with).and_then(|call| self.handle(call)) {
            Ok((reply, stale)) => Answer::Ok { reply: Box::new(reply), stale },
            Err(failure) => Answer::Fail(failure),
        }
    }

    /// Answers a call.
    ///
    /// # Errors
    /// A [`Failure`] with its sentence.
    pub fn handle(&self, call: Call) -> Result<(Reply, Vec<Tag>), Failure> {
        // A laptop that slept in a bag is locked before it shows anything, whoever opens its lid.
        self.lock_if_idle();
        if matches!(call, Call::Home(_) | Call::Status(_) | Call::SyncState(_)) {
            return self.answered(call);
        }
        self.presence().begin(self.clock.wall(), Clock::steady());
        let answer = self.answered(call);
        self.presence().end(self.clock.wall(), Clock::steady());
        answer
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "all calls but the door's own are the desk's, new ones too")]
    fn answered(&self, call: Call) -> Result<(Reply, Vec<Tag>), Failure> {
        match call {
            Call::Home(_) => Ok((Reply::Home(self.look()?), Vec::new())),
            Call::Unlock(unlock) => Ok((Reply::Unlock(self.unlock(&unlock)?), Tag::ALL.to_vec())),
            Call::Lock(_) => {
                self.leave();
                Ok((Reply::Lock(self.look()?), Tag::ALL.to_vec()))
            }
            Call::StayOpen(_) => Ok((Reply::StayOpen(self.look()?), Vec::new())),
            Call::ChangePassphrase(with) => {
                {
                    // Held while the keys are written: nobody opens the home by what is about to be replaced.
                    let _inside = self.inside();
                    home::change_passphrase(&self.options.home, &with.passphrase, &with.fresh, self.ring())?;
                }
                Ok((Reply::ChangePassphrase(self.look()?), Vec::new()))
            }
            Call::Recovery(_) => Ok((Reply::Recovery(recovery::view(&self.options.home)?), Vec::new())),
            Call::AskRecovery(with) => {
                let question = {
                    let _inside = self.inside();
                    recovery::question(&self.options.home, &with.fresh, &self.clock)?
                };
                // A stick may take its time.
                Ok((Reply::AskRecovery(question.put(with.folder.trim())?), Vec::new()))
            }
            Call::Recover(with) => {
                {
                    // As when the passphrase is changed.
                    let _inside = self.inside();
                    let bound = home::bound_by(&self.options.home);
                    recovery::recover(&self.options.home, &with)?;
                    self.unbind(bound);
                }
                Ok((Reply::Recover(self.look()?), Vec::new()))
            }
            Call::Backups(_) if self.inside().is_none() => {
                let copies = backups::listed(&self.options.home)?;
                Ok((Reply::Backups(BackupsView { copies, last_failure: None }), Vec::new()))
            }
            Call::LookAtBackup(asked) => Ok((Reply::LookAtBackup(self.look_at_backup(&asked)?), Vec::new())),
            Call::RestoreBackup(asked) => Ok((Reply::RestoreBackup(self.restore_backup(&asked)?), Tag::ALL.to_vec())),
            Call::Join(join) => Ok((Reply::Join(self.join(&join)?), Tag::ALL.to_vec())),
            other => {
                let answer = self.desk()?.handle(other);
                self.heed(answer)
            }
        }
    }

    /// After a disk that failed nothing more is confirmed: what the file holds in memory and what lies on the disk may differ
    /// from then on. It is closed, and read through before it is opened again.
    fn heed<T>(&self, answer: Result<T, Failure>) -> Result<T, Failure> {
        if answer.as_ref().is_err_and(|failure| failure.code == Code::DiskBroken) {
            home::distrust(&self.options.home);
            self.lock();
        }
        if answer.as_ref().is_err_and(|failure| failure.code == Code::LaptopLost) {
            self.give_up()?;
        }
        answer
    }

    /// The county says that this laptop is lost: what only it has is sealed for the county, and everything else is forgotten
    /// at once, whether or not the line lasts to hand that in.
    ///
    /// # Errors
    /// What the disk says: then it is locked and nothing was forgotten, and the next contact tries again.
    fn give_up(&self) -> Result<(), Failure> {
        let home = &self.options.home;
        let mut inside = self.inside();
        if let Some(desk) = inside.take() {
            desk.close(true);
            desk.seal_for_the_county(home)?;
            drop(desk);
            let bound = home::bound_by(home);
            home::forget(home)?;
            self.unbind(bound);
        }
        drop(inside);
        // What is left stays sealed and is tried again.
        self.hand_in();
        Ok(())
    }

    /// Nothing needs what the machine's keyring keeps under this name any more.
    fn unbind(&self, bound: Option<String>) {
        if let Some((ring, name)) = self.ring().zip(bound) {
            ring.remove(&name);
        }
    }

    /// Hands in what a laptop that forgot everything had sealed. Returns whether there was anything to try.
    fn hand_in(&self) -> Option<bool> {
        let home = &self.options.home;
        let line = home::LastLine::read(home)?;
        let courier = Https::new(&line.address, line.county, line.tls()?).ok()?;
        let folder = home::rescue_folder(home);
        let mut all = true;
        for listed in store::stick::list(&folder).ok()? {
            let Ok(sealed) = std::fs::read(&listed.path) else { continue };
            // One that is not taken must not keep the others back.
            let handed = courier.rescue(&sealed).is_ok();
            // Kept under another name, for only the county can open it: a county that is put back may ask for it once more.
            all &= handed && std::fs::rename(&listed.path, listed.path.with_extension("handed-in")).is_ok();
        }
        if all {
            home::LastLine::drop(home);
        }
        Some(all)
    }

    /// Somebody goes, or has gone.
    fn leave(&self) {
        let desk = self.inside().as_ref().map(Arc::clone);
        if let Some(desk) = desk {
            desk.note_away();
        }
        self.lock();
    }

    fn lock(&self) {
        if let Some(desk) = self.inside().take() {
            desk.close(false);
            *self.before.lock().unwrap_or_else(PoisonError::into_inner) = Arc::downgrade(&desk);
        }
    }

    /// A contact that nobody asked for, if the home is open and no other runs.
    pub(crate) fn try_contact(&self) -> Tried {
        // Not by `desk`, which looks at the disk when the home is locked.
        let desk = self.inside().as_ref().map(Arc::clone);
        if desk.is_none()
            && let Some(done) = self.hand_in()
        {
            return if done { Tried::Done } else { Tried::Failed };
        }
        let tried = desk.map_or(Ok(Tried::Locked), |desk| desk.try_contact());
        self.heed(tried).unwrap_or(Tried::Failed)
    }

    fn look(&self) -> Result<HomeView, Failure> {
        let version = env!("CARGO_PKG_VERSION").to_owned();
        let open = self.inside().is_some();
        Ok(match home::look(&self.options.home)? {
            Some(outside) => HomeView {
                state: if open { HomeState::Open } else { HomeState::Locked },
                practice: outside.practice,
                bound: outside.bound,
                name: outside.name,
                version,
            },
            None => {
                let erased = home::forgotten(&self.options.home);
                let state = if erased { HomeState::Erased } else { HomeState::None };
                HomeView { state, practice: self.options.practice, bound: false, name: None, version }
            }
        })
    }

    /// Does what wants the home's lock. The contact that broke off when the home was locked may still hold it for a moment.
    fn alone<T>(&self, work: impl Fn() -> Result<T, Failure>) -> Result<T, Failure> {
        let before = self.before.lock().unwrap_or_else(PoisonError::into_inner).upgrade();
        let mut tries = if before.is_some() { LINGERING } else { 0 };
        if let Some(desk) = before {
            desk.close(true);
        }
        loop {
            match work() {
                Err(failure) if failure.code == Code::HomeInUse && tries > 0 => {
                    tries = tries.saturating_sub(1);
                    std::thread::park_timeout(std::time::Duration::from_millis(10));
                }
                other => return other,
            }
        }
    }

    /// Copies the open home if it is time to. Returns whether it did.
    pub fn back_up_if_due(&self) -> bool {
        let desk = self.inside().as_ref().map(Arc::clone);
        let done = desk.map_or(Ok(false), |desk| desk.back_up_if_due());
        self.heed(done).unwrap_or(false)
    }

    fn look_at_backup(&self, asked: &BackupAsked) -> Result<BackupSeen, Failure> {
        // Held while it is looked: what is tried lies in one place, and a copy may be made there meanwhile.
        let inside = self.inside();
        let open = inside.as_ref().map(Arc::clone);
        let _no_copy = open.as_ref().map(|desk| desk.no_copy());
        self.alone(|| {
            let home = home::closed(&self.options.home, &asked.passphrase, &self.clock, open.is_none(), self.ring())?;
            let copy = backups::named(&home.copier, &asked.name)?;
            let parts = |store| home.parts(store, self.clock.clone(), self.options.reader.clone());
            backups::look(&home.copier, &copy, parts).map_err(backups::unusable)
        })
    }

    fn restore_backup(&self, asked: &BackupAsked) -> Result<BackupRestored, Failure> {
        let mut inside = self.inside();
        // Before anything is closed: who asks, and for what.
        let home = home::closed(&self.options.home, &asked.passphrase, &self.clock, false, self.ring())?;
        let copy = backups::named(&home.copier, &asked.name)?;
        if let Some(desk) = inside.take() {
            desk.close(false);
            *self.before.lock().unwrap_or_else(PoisonError::into_inner) = Arc::downgrade(&desk);
        }
        let home = home.with_lock(self.alone(|| home::lock(&self.options.home))?);
        backups::put_back(&home, &copy)?;
        let (desk, restored) = backups::open(home, self.clock.clone(), self.options.reader.clone(), self.ring(), true)?;
        let Restored { taken_over, read, kept_in } = restored.ok_or_else(|| Failure::new(Code::BackupUnusable, &[]))?;
        let about = desk.about()?;
        *inside = Some(Arc::new(desk));
        Ok(BackupRestored { about, taken_over, read, kept_in })
    }

    fn unlock(&self, unlock: &Unlock) -> Result<AboutView, Failure> {
        let mut inside = self.inside();
        if inside.is_none() {
            let (desk, _told_by_status_where_it_matters) = self.alone(|| {
                let home = home::closed(&self.options.home, &unlock.passphrase, &self.clock, true, self.ring())?;
                backups::open(home, self.clock.clone(), self.options.reader.clone(), self.ring(), false)
            })?;
            *inside = Some(Arc::new(desk));
        }
        match inside.as_ref() {
            Some(desk) => desk.about(),
            None => Err(Failure::new(Code::Locked, &[])),
        }
    }

    fn join(&self, join: &Join) -> Result<AboutView, Failure> {
        let invitation: Invitation = join
            .invitation
            .parse()
            .map_err(|_told_otherwise| Failure::new(Code::BadInvitation, &[]).at("invitation"))?;
        if self.options.clock.is_some() && !self.options.practice && home::look(&self.options.home)?.is_none() {
            return Err(Failure::new(Code::PracticeOnly, &[]));
        }
        let token_hash = Sha::of(&invitation.token);
        let secrets = home::prepare(&self.options.home, &join.passphrase, self.options.practice, token_hash)?;
        let (certificate, key) = home::tls_identity(&secrets)?;
        let courier = Https::new(&invitation.address, invitation.certificate, (certificate, key.to_vec()))
            .map_err(|fault| worded(fault, &invitation.address))?;
        self.join_over(&invitation, &join.passphrase, secrets, &courier)?;
        self.unlock(&Unlock { passphrase: join.passphrase.clone() })
    }

    fn join_over(
        &self,
        invitation: &Invitation,
        passphrase: &str,
        secrets: home::Secrets,
        courier: &dyn Courier,
    ) -> Result<(), Failure> {
        let key = home::public_key(&secrets)?;
        let (journal, proof) = home::proof(&secrets, &invitation.token)?;
        let ask = EnrolAsk {
            token: hex(&invitation.token),
            key: hex(&key),
            journal,
            proof,
            practice: self.options.practice,
            bundle_key: Some(home::bundle_key(&secrets)?),
        };
        let before = self.clock.wall();
        let answer = courier.enrol(&ask);
        if let Err(CourierFault::Refused(Refusal::NotConfirmed)) = answer {
            let words = home::words(&secrets, invitation.certificate, Sha::of(&invitation.token))?;
            return Err(Failure::new(Code::NotConfirmed, &[("words", &words)]));
        }
        let reply = answer.map_err(|fault| worded(fault, &invitation.address))?;
        let offset = offset_of(reply.now, before, self.clock.wall());
        let master = unhex::<32>(&reply.master_key)
            .and_then(|key| domain::VerifyingKey::from_bytes(&key).ok())
            .ok_or_else(|| Failure::new(Code::CountyNotTrusted, &[]))?;
        let identity = Identity {
            person: reply.person,
            name: reply.name,
            role: reply.role,
            device: DeviceId::of_key(&key),
            log: reply.log,
            county: reply.county,
            address: invitation.address.clone(),
            certificate: invitation.certificate,
            practice: reply.practice,
            bundle_key: reply.bundle_key,
            enrolment: reply.enrolment,
        };
        home::finish(
            &self.options.home,
            passphrase,
            secrets,
            &identity,
            (reply.master_journal, master),
            reply.file_key,
            offset,
        )
    }

    /// The bytes of a blob kept on this desk.
    ///
    /// # Errors
    /// `Locked`, `AwayShut`, `NotFound`.
    pub fn blob(&self, sha256: &str) -> Result<(String, Vec<u8>), Failure> {
        let not_found = || Failure::new(Code::NotFound, &[("what", "这份文件")]).at("sha256");
        let sha: Sha = sha256.parse().map_err(|_told_otherwise| not_found())?;
        let desk = self.desk()?;
        desk.not_shut()?;
        let blob = desk.store().blob(sha)?.ok_or_else(not_found)?;
        Ok((blob.media, blob.bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_home_that_nobody_uses_is_locked_and_a_long_call_is_somebody() {
        let mut here = Presence::default();
        assert!(!here.gone(Millis(0), 0), "nobody came yet");
        here.begin(Millis(1_000), 50);
        assert!(!here.gone(Millis(1_000 + 10 * IDLE_MS), 50 + 10 * IDLE_MS), "a call runs");
        here.end(Millis(2_000), 1_050);
        assert!(!here.gone(Millis(1_999 + IDLE_MS), 1_049 + IDLE_MS));
        assert!(here.gone(Millis(2_000 + IDLE_MS), 1_050), "the machine slept");
        assert!(here.gone(Millis(-IDLE_MS), 1_050 + IDLE_MS), "the clock was set back");
    }
}

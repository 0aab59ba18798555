//! The door of a home: the one thing that every shell (window, browser, command line) holds. It knows whether there is a
//! home, whether it is locked, and hands calls to the open desk. It holds the lock while nobody is in.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use domain::clock::Millis;
use domain::enrol::{EnrolAsk, Invitation};
use domain::ids::{DeviceId, Sha, hex, unhex};

use crate::api::{AboutView, Answer, Call, HomeState, HomeView, Join, Reply, Tag, Unlock};
use crate::background::Tried;
use crate::clock::Clock;
use crate::courier::{Courier, Https};
use crate::failure::{Code, Failure};
use crate::home::{self, Identity};
use crate::sync::{offset_of, worded};
use crate::{Desk, incident};

/// How often an own contact that breaks off is given ten milliseconds to let go of the home.
const LINGERING: u32 = 300;

/// How a door is set up.
#[derive(Debug, Clone)]
pub struct DoorOptions {
    /// The home's folder.
    pub home: PathBuf,
    /// A practice clock's start; none means the machine's clock.
    pub clock: Option<Millis>,
    /// A home made now is for practice.
    pub practice: bool,
}

/// The door of a home.
pub struct Door {
    options: DoorOptions,
    clock: Clock,
    desk: Mutex<Option<Arc<Desk>>>,
    /// The desk that was locked last: a contact that still breaks off keeps the home's lock for that long.
    before: Mutex<Weak<Desk>>,
}

impl Door {
    /// A door to the home of `options`; nothing is opened yet.
    pub fn new(options: DoorOptions) -> Self {
        incident::keep_in(options.home.clone());
        let clock = options.clock.map_or(Clock::System, Clock::practice);
        Self { options, clock, desk: Mutex::new(None), before: Mutex::default() }
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
                None => Err(Failure::new(Code::NoHome, &[])),
            },
        }
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
    #[expect(clippy::wildcard_enum_match_arm, reason = "all calls but the door's own are the desk's, new ones too")]
    pub fn handle(&self, call: Call) -> Result<(Reply, Vec<Tag>), Failure> {
        match call {
            Call::Home(_) => Ok((Reply::Home(self.look()?), Vec::new())),
            Call::Unlock(unlock) => Ok((Reply::Unlock(self.unlock(&unlock)?), Tag::ALL.to_vec())),
            Call::Lock(_) => {
                self.lock();
                Ok((Reply::Lock(self.look()?), Tag::ALL.to_vec()))
            }
            Call::Join(join) => Ok((Reply::Join(self.join(&join)?), Tag::ALL.to_vec())),
            other => self.desk()?.handle(other),
        }
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
        desk.map_or(Tried::Locked, |desk| desk.try_contact())
    }

    fn look(&self) -> Result<HomeView, Failure> {
        let version = env!("CARGO_PKG_VERSION").to_owned();
        let open = self.inside().is_some();
        Ok(match home::look(&self.options.home)? {
            Some(outside) => HomeView {
                state: if open { HomeState::Open } else { HomeState::Locked },
                practice: outside.practice,
                name: outside.name,
                version,
            },
            None => HomeView { state: HomeState::None, practice: self.options.practice, name: None, version },
        })
    }

    fn unlock(&self, unlock: &Unlock) -> Result<AboutView, Failure> {
        let mut inside = self.inside();
        if inside.is_none() {
            let before = self.before.lock().unwrap_or_else(PoisonError::into_inner).upgrade();
            let lingers = before.is_some();
            if let Some(desk) = before {
                desk.close(true);
            }
            let mut tries = if lingers { LINGERING } else { 0 };
            let opened = loop {
                match home::open(&self.options.home, &unlock.passphrase, self.clock.clone()) {
                    // The contact that broke off is about to let go of the home's lock.
                    Err(failure) if failure.code == Code::HomeInUse && tries > 0 => {
                        tries = tries.saturating_sub(1);
                        std::thread::park_timeout(std::time::Duration::from_millis(10));
                    }
                    other => break other?,
                }
            };
            *inside = Some(Arc::new(Desk::of(opened)?));
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
        let secrets = home::prepare(&self.options.home, &join.passphrase, self.options.practice)?;
        let courier = Https::new(&invitation.address, invitation.certificate, home::tls_identity(&secrets)?)
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
        let reply = courier.enrol(&ask).map_err(|fault| worded(fault, &invitation.address))?;
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
    /// `Locked`, `NotFound`.
    pub fn blob(&self, sha256: &str) -> Result<(String, Vec<u8>), Failure> {
        let not_found = || Failure::new(Code::NotFound, &[("what", "这份文件")]).at("sha256");
        let sha: Sha = sha256.parse().map_err(|_told_otherwise| not_found())?;
        let blob = self.desk()?.store().blob(sha)?.ok_or_else(not_found)?;
        Ok((blob.media, blob.bytes))
    }
}

//! Invitations and enrolment: how a device comes to be known. An invitation is used once, by one key and one
//! certificate; a lost answer may be asked for again by the same. Only the hash of an invitation's secret is kept.

use chrono::NaiveDate;
use domain::clock::Millis;
use domain::decision::DeviceRevoked;
use domain::enrol::{EnrolAsk, EnrolReply, Invitation, Refusal, proof_bytes, words};
use domain::event::Event;
use domain::ids::{DeviceId, FileId, PersonId, Sha, hex, unhex};
use domain::org::RoleGiven;
use domain::place::PlaceCode;
use domain::words::Role;
use ed25519_dalek::{Signature, VerifyingKey};

use crate::county::{County, CountyFault, No};
use crate::ledger::{self, Account, Candidate, Device, Transaction};
use crate::record::enrolment;

const DAY: i64 = 86_400_000;
/// An invitation that was presented in vain so often is good for nobody but the device that waits on it.
const MOST_TRIES: u32 = 5;

fn role_given(account: &Account) -> (FileId, Event) {
    let Account { person, name, role, areas } = account.clone();
    (FileId::county(), Event::RoleGiven(RoleGiven { person, name, role, areas }))
}

/// Whom to invite.
#[derive(Debug, Clone)]
pub struct Invite {
    /// Account.
    pub account: PersonId,
    /// Name.
    pub name: String,
    /// Role.
    pub role: Role,
    /// Townships or villages whose families the role sees without assignment.
    pub areas: Vec<PlaceCode>,
    /// Where desks reach this county, `https://…`.
    pub address: String,
    /// How long the invitation is good, days.
    pub days: u16,
    /// The device comes in only after somebody has compared the six words on both screens.
    pub words: bool,
    /// The days on which the person was trained and signed the undertaking of confidentiality (M17), unless both are on
    /// record. Outside practice no account opens without.
    pub undertaking: Option<(NaiveDate, NaiveDate)>,
}

/// A device that waits to be let in.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Waiting {
    /// Its id.
    pub device: DeviceId,
    /// For whom it was invited.
    pub account: PersonId,
    /// That person's name.
    pub name: String,
    /// What that person may do.
    pub role: Role,
    /// What must stand on its screen.
    pub words: String,
    /// Whether somebody has compared them. It is let in when it asks again.
    pub confirmed: bool,
    /// When it first asked, RFC 3339.
    pub asked: String,
}

/// An invitation that was made. The secret stands in `code` and nowhere else.
#[derive(Debug, Clone)]
pub struct Invited {
    /// What is handed over.
    pub code: Invitation,
    /// When it runs out.
    pub expires: Millis,
}

impl County {
    /// Makes an invitation.
    ///
    /// # Errors
    /// `ReservedAccount`, `Address`, `Days`, `Undertaking`, or what the ledger says.
    pub fn invite(&self, invite: &Invite) -> Result<Invited, CountyFault> {
        if invite.account == PersonId::county_master() {
            return Err(CountyFault::ReservedAccount);
        }
        let address = invite.address.trim().trim_end_matches('/');
        if address.strip_prefix("https://").is_none_or(str::is_empty) || address.contains(char::is_whitespace) {
            return Err(CountyFault::Address);
        }
        if !(1..=365).contains(&invite.days) {
            return Err(CountyFault::Days);
        }
        let account = &invite.account;
        if let Some((trained, signed)) = invite.undertaking {
            self.ledger.write(|tx| tx.set_undertaking(account, trained, signed))?;
        } else if !self.meta.practice && self.ledger.read(|tx| tx.undertaking(account))?.is_none() {
            return Err(CountyFault::Undertaking(account.clone()));
        }
        let token = self.chance.fresh::<16>()?;
        let expires = self.clock.now().plus(i64::from(invite.days).saturating_mul(DAY));
        let kept = ledger::Invitation {
            token_hash: Sha::of(&token),
            account: Account {
                person: invite.account.clone(),
                name: invite.name.clone(),
                role: invite.role,
                areas: invite.areas.clone(),
            },
            expires,
            used_by: None,
            words: invite.words,
            tries: 0,
        };
        self.ledger.write(|tx| tx.add_invitation(&kept))?;
        let code = Invitation { certificate: self.certificate, token, address: address.to_owned() };
        Ok(Invited { code, expires })
    }

    /// The devices that wait for their words to be compared, and those that were let in and have not come again.
    ///
    /// # Errors
    /// What the ledger says.
    pub fn waiting(&self) -> Result<Vec<Waiting>, CountyFault> {
        Ok(self.ledger.read(|tx| {
            let mut all = Vec::new();
            for candidate in tx.candidates()? {
                let Some(invitation) = tx.invitation(candidate.token_hash)? else { continue };
                let Account { person, name, role, .. } = invitation.account;
                all.push(Waiting {
                    device: DeviceId::of_key(&candidate.key),
                    account: person,
                    name,
                    role,
                    words: self.words_of(&candidate),
                    confirmed: candidate.confirmed,
                    asked: candidate.asked.rfc3339(),
                });
            }
            Ok::<_, ledger::LedgerFault>(all)
        })?)
    }

    fn words_of(&self, candidate: &Candidate) -> String {
        words(self.certificate, candidate.token_hash, &candidate.key, candidate.certificate)
    }

    /// Lets a waiting device in: whoever asks for it read these words from its screen.
    ///
    /// # Errors
    /// `NotWaiting`, `WordsDiffer`, or what the ledger says.
    pub fn confirm(&self, device: DeviceId, said: &str) -> Result<(), CountyFault> {
        let plain = |text: &str| -> String {
            text.chars().filter(|c| !c.is_whitespace() && *c != '、' && *c != '，').collect()
        };
        let candidate = self.candidate(device)?;
        if plain(said) != plain(&self.words_of(&candidate)) {
            return Err(CountyFault::WordsDiffer);
        }
        Ok(self.ledger.write(|tx| tx.confirm_candidate(candidate.token_hash))?)
    }

    /// Sends a waiting device away: its invitation is good for nobody any more.
    ///
    /// # Errors
    /// `NotWaiting`, or what the ledger says.
    pub fn dismiss(&self, device: DeviceId) -> Result<(), CountyFault> {
        let candidate = self.candidate(device)?;
        Ok(self.ledger.write(|tx| tx.void_invitation(candidate.token_hash, self.clock.now()))?)
    }

    fn candidate(&self, device: DeviceId) -> Result<Candidate, CountyFault> {
        let all = self.ledger.read(|tx| tx.candidates())?;
        let found = all.into_iter().find(|candidate| DeviceId::of_key(&candidate.key) == device);
        found.ok_or(CountyFault::NotWaiting(device))
    }

    /// Another role, or other areas, for a person who is here: a fact of the log, from which all desks learn. Invitations of
    /// theirs that are still open are good for nobody any more.
    ///
    /// # Errors
    /// `NoAccount`, or what the ledger says.
    pub fn give_role(&self, account: &PersonId, role: Role, areas: &[PlaceCode]) -> Result<(), CountyFault> {
        self.stated(|tx| {
            let now = self.clock.now();
            let Some(before) = tx.account(account)? else { return Ok(Err(CountyFault::NoAccount(account.clone()))) };
            let after = Account { role, areas: areas.to_vec(), ..before };
            tx.put_account(&after)?;
            // They would give the post of before.
            tx.void_invitations_of(account, now)?;
            self.state(tx, now, vec![role_given(&after)])?;
            Ok(Ok(()))
        })
    }

    /// A person leaves: none of their devices may speak any more, and no invitation of theirs is good. Returns which devices
    /// those were.
    ///
    /// # Errors
    /// `NoAccount` for a person with neither, or what the ledger says.
    pub fn revoke(&self, account: &PersonId) -> Result<Vec<DeviceId>, CountyFault> {
        self.stated(|tx| {
            let devices = tx.devices_of(account)?;
            let void = tx.void_invitations_of(account, self.clock.now())?;
            if devices.is_empty() && void == 0 {
                return Ok(Err(CountyFault::NoAccount(account.clone())));
            }
            let facts = devices.iter().map(|device| {
                tx.revoke(*device)?;
                Ok((FileId::county(), Event::DeviceRevoked(DeviceRevoked { device: *device, lost: None })))
            });
            let facts = facts.collect::<Result<Vec<_>, ledger::LedgerFault>>()?;
            if !facts.is_empty() {
                self.state(tx, self.clock.now(), facts)?;
            }
            Ok(Ok(devices))
        })
    }

    /// What the county itself says in its log.
    fn stated<T>(
        &self,
        work: impl FnOnce(&dyn Transaction) -> Result<Result<T, CountyFault>, No>,
    ) -> Result<T, CountyFault> {
        match self.write(work) {
            Ok(done) => done,
            Err(No::Trouble(fault)) => Err(fault.into()),
            Err(No::Refused(refusal)) => Err(CountyFault::Refused(refusal)),
        }
    }

    /// Enrols the device that speaks with this client certificate (SHA-256 of its DER).
    ///
    /// # Errors
    /// `Malformed`, `InvitationUnknown`, `InvitationUsed`, `InvitationExpired`, `PracticeMismatch`, `BadProof`;
    /// `NotConfirmed` until somebody has compared the device's words, where its invitation asks for that; `NotAllowed` if
    /// key, certificate, journal or bundle key are already somebody else's.
    pub fn enrol(&self, certificate: Sha, ask: &EnrolAsk) -> Result<EnrolReply, Refusal> {
        let token: [u8; 16] = unhex(&ask.token).ok_or(Refusal::Malformed)?;
        let answer = self.let_in(certificate, ask, token);
        if matches!(answer, Err(Refusal::BadProof | Refusal::InvitationUsed | Refusal::NotAllowed)) {
            // What was refused has left nothing behind; that it was tried is remembered.
            self.settle(self.write(|tx| Ok(tx.tried_in_vain(Sha::of(&token))?)))?;
        }
        answer
    }

    fn let_in(&self, certificate: Sha, ask: &EnrolAsk, token: [u8; 16]) -> Result<EnrolReply, Refusal> {
        let answer = self.settle(self.write(|tx| {
            let now = self.clock.now();
            let key: [u8; 32] = unhex(&ask.key).ok_or(Refusal::Malformed)?;
            let proof: [u8; 64] = unhex(&ask.proof).ok_or(Refusal::Malformed)?;
            let invitation = tx.invitation(Sha::of(&token))?.ok_or(Refusal::InvitationUnknown)?;
            if ask.practice != self.meta.practice {
                return Err(Refusal::PracticeMismatch.into());
            }
            let proven = VerifyingKey::from_bytes(&key).is_ok_and(|key| {
                key.verify_strict(&proof_bytes(&token, ask.journal), &Signature::from_bytes(&proof)).is_ok()
            });
            if !proven {
                return Err(Refusal::BadProof.into());
            }
            let account = &invitation.account;
            let id = DeviceId::of_key(&key);
            let known = tx.device(id)?;
            let same = |device: &Device| {
                device.key == key
                    && device.certificate == certificate
                    && device.person == account.person
                    && !device.revoked
            };
            if let Some(used_by) = invitation.used_by {
                // The answer may have been lost on the way: the same device is told the same again.
                return match known {
                    Some(device) if used_by == id && same(&device) => self.reply(tx, account, &device, now).map(Some),
                    Some(_) | None => Err(Refusal::InvitationUsed.into()),
                };
            }
            let candidate = tx.candidate(invitation.token_hash)?;
            let known_to_wait = candidate.as_ref().is_some_and(|one| one.key == key && one.certificate == certificate);
            if invitation.tries >= MOST_TRIES && !known_to_wait {
                return Err(Refusal::InvitationUsed.into());
            }
            // Whoever asked in time is not sent away because the centre telephones late.
            if now > invitation.expires && candidate.is_none() {
                return Err(Refusal::InvitationExpired.into());
            }
            if invitation.words {
                match candidate {
                    Some(_) if !known_to_wait => return Err(Refusal::InvitationUsed.into()),
                    Some(candidate) if !candidate.confirmed => return Ok(None),
                    Some(_) => {}
                    None => {
                        let (token_hash, asked) = (invitation.token_hash, now);
                        tx.add_candidate(&Candidate { token_hash, key, certificate, asked, confirmed: false })?;
                        return Ok(None);
                    }
                }
            }
            let device = match known {
                Some(device) if same(&device) => device,
                Some(_) => return Err(Refusal::NotAllowed.into()),
                None => {
                    if tx.device_by_certificate(certificate)?.is_some() {
                        return Err(Refusal::NotAllowed.into());
                    }
                    let enrolled = tx.head()?.saturating_add(1);
                    Device {
                        id,
                        person: account.person.clone(),
                        key,
                        certificate,
                        enrolled,
                        revoked: false,
                        confirmed: true,
                    }
                }
            };
            let mut facts = Vec::new();
            if tx.account(&account.person)?.as_ref() != Some(account) {
                tx.put_account(account)?;
                facts.push(role_given(account));
            }
            let new = tx.device(id)?.is_none();
            if new {
                tx.add_device(&device)?;
            }
            if let Some(key) = &ask.bundle_key {
                self.learn_bundle_key(tx, id, key)?;
            }
            if self.opens(tx, ask.journal, id)? {
                facts.push((FileId::county(), Event::DeviceEnrolled(enrolment(&device, ask.journal))));
            }
            if !facts.is_empty() {
                let position = self.state(tx, now, facts)?;
                if new && position != device.enrolled {
                    return Err(No::Trouble(ledger::LedgerFault::Damaged("a position was skipped")));
                }
            }
            tx.use_invitation(invitation.token_hash, now, id)?;
            self.reply(tx, account, &device, now).map(Some)
        }))?;
        answer.ok_or(Refusal::NotConfirmed)
    }

    fn reply(&self, tx: &dyn Transaction, account: &Account, device: &Device, now: Millis) -> Result<EnrolReply, No> {
        // Only those who bring lists in need to name a household by its ID number.
        let names_files = match account.role {
            Role::CentreHead | Role::CentreOperator => true,
            Role::LeadingGroup
            | Role::BureauLeader
            | Role::CentreAuditor
            | Role::SysAdmin
            | Role::AgencyStaff
            | Role::TownshipClerk
            | Role::CentralDirector
            | Role::SchoolDirector => false,
        };
        Ok(EnrolReply {
            person: account.person.clone(),
            name: account.name.clone(),
            role: account.role,
            areas: account.areas.clone(),
            log: self.meta.log,
            county: self.meta.county.clone(),
            practice: self.meta.practice,
            master_key: hex(self.master.verifying_key().as_bytes()),
            master_journal: tx.meta()?.master_journal,
            file_key: names_files.then(|| hex(self.file_key.as_slice())),
            now: now.0,
            bundle_key: Some(self.bundle_key()),
            enrolment: tx.entry(device.enrolled)?.map(|entry| hex(&entry.bytes)),
        })
    }
}

//! Invitations and enrolment: how a device comes to be known. An invitation is used once, by one key and one
//! certificate; a lost answer may be asked for again by the same. Only the hash of an invitation's secret is kept.

use domain::clock::Millis;
use domain::enrol::{EnrolAsk, EnrolReply, Invitation, Refusal, proof_bytes};
use domain::event::Event;
use domain::ids::{DeviceId, FileId, PersonId, Sha, hex, unhex};
use domain::org::RoleGiven;
use domain::place::PlaceCode;
use domain::words::Role;
use ed25519_dalek::{Signature, VerifyingKey};

use crate::county::{County, CountyFault, No};
use crate::ledger::{self, Account, Device, Transaction};
use crate::record::enrolment;

const DAY: i64 = 86_400_000;

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
    /// `ReservedAccount`, `Address`, `Days`, or what the ledger says.
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
        };
        self.ledger.write(|tx| tx.add_invitation(&kept))?;
        let code = Invitation { certificate: self.certificate, token, address: address.to_owned() };
        Ok(Invited { code, expires })
    }

    /// Enrols the device that speaks with this client certificate (SHA-256 of its DER).
    ///
    /// # Errors
    /// `Malformed`, `InvitationUnknown`, `InvitationUsed`, `InvitationExpired`, `PracticeMismatch`, `BadProof`;
    /// `NotAllowed` if key, certificate, journal or bundle key are already somebody else's.
    pub fn enrol(&self, certificate: Sha, ask: &EnrolAsk) -> Result<EnrolReply, Refusal> {
        self.settle(self.write(|tx| {
            let now = self.clock.now();
            let token: [u8; 16] = unhex(&ask.token).ok_or(Refusal::Malformed)?;
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
                    Some(device) if used_by == id && same(&device) => self.reply(tx, account, &device, now),
                    Some(_) | None => Err(Refusal::InvitationUsed.into()),
                };
            }
            if now > invitation.expires {
                return Err(Refusal::InvitationExpired.into());
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
                facts.push((
                    FileId::county(),
                    Event::RoleGiven(RoleGiven {
                        person: account.person.clone(),
                        name: account.name.clone(),
                        role: account.role,
                        areas: account.areas.clone(),
                    }),
                ));
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
            self.reply(tx, account, &device, now)
        }))
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

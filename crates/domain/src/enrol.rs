//! Joining a county: the invitation that is handed over, what a desk asks with it and what it is told.
//! An invitation names the county's certificate, so that no other server can answer it. It is used once.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

use crate::ids::{BundleKey, JournalId, LogId, PersonId, Sha, unhex};
use crate::place::PlaceCode;
use crate::words::Role;

/// An invitation: `RUHU1-{certificate SHA-256}-{token}-{address}`.
#[derive(Clone, PartialEq, Eq)]
pub struct Invitation {
    /// SHA-256 of the county's TLS certificate (DER).
    pub certificate: Sha,
    /// The secret, 16 bytes.
    pub token: [u8; 16],
    /// Where the county listens, e.g. `https://127.0.0.1:8443`.
    pub address: String,
}

/// A text that is no invitation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not an invitation code: it starts with RUHU1- and ends with the county's https address")]
pub struct InvitationSyntax;

impl fmt::Display for Invitation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RUHU1-{}-{}-{}", self.certificate, crate::ids::hex(&self.token), self.address)
    }
}

impl fmt::Debug for Invitation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Invitation(•••, {})", self.address)
    }
}

impl FromStr for Invitation {
    type Err = InvitationSyntax;
    fn from_str(text: &str) -> Result<Self, InvitationSyntax> {
        // Codes are copied out of messages: blanks and line breaks within are the messenger's, not the county's.
        let text: String = text.chars().filter(|c| !c.is_whitespace()).collect();
        let mut parts = text.splitn(4, '-');
        let parts = (parts.next(), parts.next(), parts.next(), parts.next());
        let (Some("RUHU1"), Some(certificate), Some(token), Some(address)) = parts else {
            return Err(InvitationSyntax);
        };
        let certificate = certificate.parse().or(Err(InvitationSyntax))?;
        let token = unhex(token).ok_or(InvitationSyntax)?;
        let address = address.trim_end_matches('/');
        if address.strip_prefix("https://").is_none_or(str::is_empty) {
            return Err(InvitationSyntax);
        }
        Ok(Self { certificate, token, address: address.to_owned() })
    }
}

/// What a desk asks with an invitation. Sent over TLS with the client certificate that the device will use from now on.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct EnrolAsk {
    /// The invitation's secret, hexadecimal.
    pub token: String,
    /// The device's Ed25519 public key, hexadecimal.
    pub key: String,
    /// The device's first journal.
    pub journal: JournalId,
    /// Signature of the device's key over `ruhu.enrol.1\0`, token bytes and journal bytes, hexadecimal.
    pub proof: String,
    /// The home was made for practice.
    pub practice: bool,
    /// What bundles to this device are sealed to; a desk of before there were bundles does not say.
    #[serde(default)]
    pub bundle_key: Option<BundleKey>,
}

/// The bytes that the proof signs.
pub fn proof_bytes(token: &[u8], journal: JournalId) -> Vec<u8> {
    let mut out = b"ruhu.enrol.1\0".to_vec();
    out.extend_from_slice(token);
    out.extend_from_slice(&journal.0);
    out
}

/// The bytes that a device signs to be known again by a county that was restored from before its enrolment: `certificate`
/// is the SHA-256 of the TLS certificate that it speaks with.
pub fn offer_bytes(log: LogId, certificate: Sha) -> Vec<u8> {
    let mut out = b"ruhu.offer.1\0".to_vec();
    out.extend_from_slice(&log.0);
    out.extend_from_slice(&certificate.0);
    out
}

/// Two of these make a word that nobody mishears on the telephone.
const HOW: [char; 16] =
    ['大', '小', '高', '矮', '红', '白', '黑', '绿', '新', '老', '长', '短', '冷', '热', '甜', '远'];
const WHAT: [char; 16] =
    ['山', '河', '树', '花', '马', '牛', '羊', '鸡', '桥', '井', '船', '门', '灯', '米', '茶', '锅'];

/// The six words that both screens show before a device is let in, 48 bits of what both sides took part in: the county's
/// certificate, the invitation (its secret's hash), the device's key and certificate. Who sits between the two has other
/// keys, and other words.
pub fn words(county: Sha, token_hash: Sha, key: &[u8; 32], certificate: Sha) -> String {
    let mut bytes = b"ruhu.words.1\0".to_vec();
    for part in [&county.0, &token_hash.0, key, &certificate.0] {
        bytes.extend_from_slice(part);
    }
    six_words(&bytes)
}

/// Six words for bytes that two screens are to have in common; who chooses the bytes must not be able to try many.
pub fn six_words(bytes: &[u8]) -> String {
    let of = |list: &[char; 16], at: u8| list.get(usize::from(at)).copied().unwrap_or_default();
    let word = |byte: &u8| -> String { [of(&HOW, byte >> 4), of(&WHAT, byte & 15)].iter().collect() };
    Sha::of(bytes).0.iter().take(6).map(word).collect::<Vec<_>>().join(" ")
}

/// What the county tells a new desk.
#[derive(Clone, Serialize, Deserialize)]
pub struct EnrolReply {
    /// Account.
    pub person: PersonId,
    /// Name.
    pub name: String,
    /// Role.
    pub role: Role,
    /// Areas.
    pub areas: Vec<PlaceCode>,
    /// The county log.
    pub log: LogId,
    /// County's name.
    pub county: String,
    /// The county is a practice or demo county.
    pub practice: bool,
    /// The master's Ed25519 public key, hexadecimal.
    pub master_key: String,
    /// The master's journal.
    pub master_journal: JournalId,
    /// The key of household file ids, hexadecimal: for desks of the county centre only.
    pub file_key: Option<String>,
    /// County clock, milliseconds.
    pub now: i64,
    /// What bundles to the county are sealed to; a county of before there were bundles does not say.
    #[serde(default)]
    pub bundle_key: Option<BundleKey>,
    /// The county's sealed word that this device was enrolled, hexadecimal: what the device shows if the county is ever
    /// restored from before. A county of before there were restores does not say.
    #[serde(default)]
    pub enrolment: Option<String>,
}

/// Why the county says no. Travels as JSON with the HTTP status.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Refusal {
    /// The invitation is unknown.
    InvitationUnknown,
    /// The invitation was used, or was tried too often.
    InvitationUsed,
    /// The county has not yet compared the six words of this device: see [`words`].
    NotConfirmed,
    /// The invitation has run out.
    InvitationExpired,
    /// A practice home and a real county, or the other way round.
    PracticeMismatch,
    /// The proof does not fit the key.
    BadProof,
    /// This device is not enrolled, or no longer.
    DeviceUnknown,
    /// This device is lost: what lies on it only is to be handed in, and everything on it forgotten.
    DeviceLost,
    /// Another log: the county was restored.
    OtherLog,
    /// Bytes that cannot be read.
    Malformed,
    /// A batch that does not verify.
    Unsealed,
    /// Two different batches under one number.
    Forked,
    /// Too much at once.
    TooLarge,
    /// Bytes of a blob that do not follow what is there of it.
    Gap,
    /// A blob that is whole and has another hash than its name.
    WrongBytes,
    /// Not this device's to see.
    NotAllowed,
    /// There is no such thing.
    NotFound,
    /// The county's own trouble: its disk, its database.
    CountyTrouble,
}

/// The JSON of a refusal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refused {
    /// Why.
    pub refused: Refusal,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_invitation_survives_being_copied() {
        let code =
            Invitation { certificate: Sha([9; 32]), token: [7; 16], address: "https://127.0.0.1:8443".to_owned() };
        let text = code.to_string();
        assert_eq!(text.parse(), Ok(code.clone()));
        let (head, tail) = text.split_at(40);
        assert_eq!(format!("  {head}\n{tail}/ ").parse(), Ok(code));
        assert!("RUHU1-12-34-https://x".parse::<Invitation>().is_err());
        assert!(text.replace("https", "http").parse::<Invitation>().is_err());
        assert!(text.replace("127.0.0.1:8443", "").parse::<Invitation>().is_err(), "nowhere");
    }

    #[test]
    fn six_words_follow_from_all_that_both_sides_took_part_in() {
        let (county, token, key, certificate) = (Sha([1; 32]), Sha([2; 32]), [3; 32], Sha([4; 32]));
        let said = words(county, token, &key, certificate);
        // FROZEN: desk and county may be of different versions.
        assert_eq!(said, "热门 远鸡 长树 大鸡 冷锅 远山");
        let other = Sha([9; 32]);
        for changed in [
            words(other, token, &key, certificate),
            words(county, other, &key, certificate),
            words(county, token, &other.0, certificate),
            words(county, token, &key, other),
        ] {
            assert_ne!(changed, said);
            assert_eq!(changed.split(' ').count(), 6);
        }
        let letters: std::collections::BTreeSet<char> = HOW.iter().chain(&WHAT).copied().collect();
        assert_eq!(letters.len(), 32);
    }

    #[test]
    fn what_an_older_desk_asks_is_understood() {
        let ask = r#"{"token":"00","key":"11","journal":"0101010101010101","proof":"22","practice":true"#;
        let old: EnrolAsk = serde_json::from_str(&format!("{ask}}}")).expect("understood");
        assert_eq!(old.bundle_key, None);
        let key = "ab".repeat(32);
        let new: EnrolAsk = serde_json::from_str(&format!(r#"{ask},"bundle_key":"{key}"}}"#)).expect("understood");
        assert_eq!(new.bundle_key, Some(BundleKey([0xab; 32])));
        assert!(serde_json::from_str::<EnrolAsk>(&format!(r#"{ask},"bundle_key":"abab"}}"#)).is_err());
    }
}

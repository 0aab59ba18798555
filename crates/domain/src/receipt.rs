//! Service receipts (送达回证): a photo of the signed paper, and the rules by which a receipt is complete.
//! Paper is the legal original: a photo alone proves nothing here, and no signature is ever judged by software.

use chrono::{NaiveDate, NaiveTime};
use serde::{Deserialize, Serialize};

use crate::ids::Sha;
use crate::letter::DocNo;
use crate::words::ServiceMode;

/// A photo or scan of a signed receipt was filed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReceiptFiled {
    /// The receipt.
    pub receipt: DocNo,
    /// The picture's SHA-256.
    pub sha256: Sha,
    /// Media type.
    pub media: String,
    /// Size, bytes.
    pub bytes: u64,
    /// The photo in small. None: it is small itself, is no photo, or could not be drawn.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub preview: Option<Preview>,
}

/// A photo drawn small (JPEG), that a bad line brings long before the photo: to see which paper it is, never as proof.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Preview {
    /// Its SHA-256.
    pub sha256: Sha,
    /// Size, bytes, at most [`crate::blob::MOST_PREVIEW`].
    pub bytes: u64,
}

impl Preview {
    /// Its media type.
    pub const MEDIA: &str = "image/jpeg";

    /// A drawn JPEG with the name of its original in a comment: two photos that look alike have two previews, each of which
    /// belongs where its photo does. None for what is no JPEG.
    pub fn naming(original: Sha, drawn: &[u8]) -> Option<Vec<u8>> {
        let (start, rest) = (drawn.get(..2)?, drawn.get(2..)?);
        let named = original.to_string();
        let length = u16::try_from(named.len()).ok()?.checked_add(2)?;
        if start != [0xff, 0xd8] {
            return None;
        }
        Some([start, &[0xff, 0xfe], &length.to_be_bytes(), named.as_bytes(), rest].concat())
    }
}

impl ReceiptFiled {
    /// All papers that it names.
    pub fn papers(&self) -> Vec<Sha> {
        std::iter::once(self.sha256).chain(self.preview.map(|preview| preview.sha256)).collect()
    }
}

/// A receipt completed by the rules of its mode: the letter counts as served.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReceiptCompleted {
    /// The receipt.
    pub receipt: DocNo,
    /// How it was served.
    pub mode: ServiceMode,
    /// Day on the paper: the date of service.
    pub served_on: NaiveDate,
    /// Time on the paper.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub served_at: Option<NaiveTime>,
    /// Who served.
    pub servers: Vec<String>,
    /// Signature seen.
    #[serde(default)]
    pub signed: bool,
    /// Fingerprint seen.
    #[serde(default)]
    pub fingerprinted: bool,
    /// The date is in the signer's hand.
    #[serde(default)]
    pub dated_by_hand: bool,
    /// Who took it for the addressee.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proxy: Option<Proxy>,
    /// Who stood by.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub witnesses: Vec<String>,
    /// Why it was refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refusal_reason: Option<String>,
    /// Confirmed to be their home.
    #[serde(default)]
    pub home_confirmed: bool,
    /// Photo or video of leaving it.
    #[serde(default)]
    pub filmed: bool,
    /// Registered or EMS number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub post_no: Option<String>,
    /// Slip or tracking says delivered.
    #[serde(default)]
    pub post_delivered: bool,
    /// Address or number of the written consent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub consent: Option<String>,
    /// Proof of arrival.
    #[serde(default)]
    pub arrival_proof: bool,
}

/// Who took a letter for the addressee.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Proxy {
    /// Name.
    pub name: String,
    /// Relation.
    pub relation: String,
    /// Of age.
    pub adult: bool,
    /// Lives there.
    pub lives_there: bool,
    /// Sealed envelope.
    pub sealed: bool,
}

/// What a receipt lacks. Each names its field.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ReceiptFault {
    /// Neither signature nor fingerprint.
    #[error("neither signed nor fingerprinted")]
    Unsigned,
    /// The date is not in the signer's hand.
    #[error("the date is not hand-written")]
    NotDatedByHand,
    /// Fewer servers than the mode needs.
    #[error("a server is missing")]
    Servers,
    /// No proxy named.
    #[error("who took it is missing")]
    NoProxy,
    /// The proxy is a minor.
    #[error("a minor may not take a letter")]
    MinorProxy,
    /// The proxy does not live there: a courtesy relay, not service.
    #[error("who does not live there cannot take a letter as service")]
    ProxyLivesElsewhere,
    /// The envelope was not sealed.
    #[error("the envelope must be sealed")]
    NotSealed,
    /// Refused, but nobody says why.
    #[error("the reason of the refusal is missing")]
    NoRefusalReason,
    /// Neither witness nor film.
    #[error("a witness or a photo is needed")]
    NoWitness,
    /// A witness who also served.
    #[error("a server cannot be the witness")]
    WitnessServed,
    /// Home not confirmed.
    #[error("the home is not confirmed as theirs")]
    HomeNotConfirmed,
    /// No post number.
    #[error("the post number is missing")]
    NoPostNo,
    /// Not delivered.
    #[error("the post has not delivered it")]
    NotDelivered,
    /// No consent.
    #[error("the written consent is missing")]
    NoConsent,
    /// No proof of arrival.
    #[error("the proof of arrival is missing")]
    NoArrivalProof,
    /// Served in the future.
    #[error("the date of service lies in the future")]
    Future,
    /// Served before it was printed.
    #[error("served before the letter was printed")]
    BeforePrint,
    /// More than a day between the paper's date and today: to be confirmed.
    #[error("the paper's date is more than a day away: confirm it")]
    DateFarAway,
    /// The photo is missing.
    #[error("the photo of the signed receipt is missing")]
    NoPicture,
}

impl ReceiptFault {
    /// The form field to go to.
    pub fn field(self) -> &'static str {
        match self {
            Self::Unsigned => "signed",
            Self::NotDatedByHand => "dated_by_hand",
            Self::Servers => "servers",
            Self::NoProxy | Self::MinorProxy | Self::ProxyLivesElsewhere | Self::NotSealed => "proxy",
            Self::NoRefusalReason => "refusal_reason",
            Self::NoWitness | Self::WitnessServed => "witnesses",
            Self::HomeNotConfirmed => "home_confirmed",
            Self::NoPostNo => "post_no",
            Self::NotDelivered => "post_delivered",
            Self::NoConsent => "consent",
            Self::NoArrivalProof => "arrival_proof",
            Self::Future | Self::BeforePrint => "served_on",
            Self::DateFarAway => "date_confirmed",
            Self::NoPicture => "receipt_no",
        }
    }
}

/// What `receipt` lacks by the rules of its mode (domain.md §4.4); empty means complete.
///
/// `printed_on` is the served letter's day, `pictured` whether a photo is filed, `date_confirmed` whether the person
/// confirmed a paper date more than a day away from `today`.
pub fn check(
    receipt: &ReceiptCompleted,
    printed_on: NaiveDate,
    pictured: bool,
    date_confirmed: bool,
    today: NaiveDate,
) -> Vec<ReceiptFault> {
    let mut faults = Vec::new();
    let servers = receipt.servers.iter().filter(|name| !name.trim().is_empty()).count();
    let told = |text: &Option<String>| text.as_deref().is_some_and(|text| !text.trim().is_empty());
    let marked = receipt.signed || receipt.fingerprinted;
    if !pictured {
        faults.push(ReceiptFault::NoPicture);
    }
    match receipt.mode {
        ServiceMode::Direct => {
            if !marked {
                faults.push(ReceiptFault::Unsigned);
            }
            if !receipt.dated_by_hand {
                faults.push(ReceiptFault::NotDatedByHand);
            }
        }
        ServiceMode::CoResident => {
            if !marked {
                faults.push(ReceiptFault::Unsigned);
            }
            match &receipt.proxy {
                None => faults.push(ReceiptFault::NoProxy),
                Some(proxy) => {
                    if proxy.name.trim().is_empty() || proxy.relation.trim().is_empty() {
                        faults.push(ReceiptFault::NoProxy);
                    }
                    // LAW: minors never receive or witness (domain.md L8).
                    if !proxy.adult {
                        faults.push(ReceiptFault::MinorProxy);
                    }
                    if !proxy.lives_there {
                        faults.push(ReceiptFault::ProxyLivesElsewhere);
                    }
                    if !proxy.sealed {
                        faults.push(ReceiptFault::NotSealed);
                    }
                }
            }
        }
        ServiceMode::LeftAtHome => {
            if !told(&receipt.refusal_reason) {
                faults.push(ReceiptFault::NoRefusalReason);
            }
            if receipt.witnesses.iter().all(|name| name.trim().is_empty()) && !receipt.filmed {
                faults.push(ReceiptFault::NoWitness);
            }
            if !receipt.home_confirmed {
                faults.push(ReceiptFault::HomeNotConfirmed);
            }
        }
        ServiceMode::Post => {
            if !told(&receipt.post_no) {
                faults.push(ReceiptFault::NoPostNo);
            }
            if !receipt.post_delivered {
                faults.push(ReceiptFault::NotDelivered);
            }
        }
        ServiceMode::Electronic => {
            if !told(&receipt.consent) {
                faults.push(ReceiptFault::NoConsent);
            }
            if !receipt.arrival_proof {
                faults.push(ReceiptFault::NoArrivalProof);
            }
        }
    }
    let needed = match receipt.mode {
        ServiceMode::LeftAtHome => 2,
        ServiceMode::Direct | ServiceMode::CoResident => 1,
        ServiceMode::Post | ServiceMode::Electronic => 0,
    };
    if servers < needed {
        faults.push(ReceiptFault::Servers);
    }
    let served_too =
        |name: &String| !name.trim().is_empty() && receipt.servers.iter().any(|server| server.trim() == name.trim());
    if receipt.witnesses.iter().any(served_too) {
        faults.push(ReceiptFault::WitnessServed);
    }
    if receipt.served_on > today {
        faults.push(ReceiptFault::Future);
    } else if receipt.served_on < printed_on {
        faults.push(ReceiptFault::BeforePrint);
    } else if today.signed_duration_since(receipt.served_on).num_days() > 1 && !date_confirmed {
        faults.push(ReceiptFault::DateFarAway);
    }
    faults
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::words::DocKind;

    fn day(d: u32) -> NaiveDate {
        NaiveDate::from_ymd_opt(2026, 12, d).expect("a day")
    }

    fn receipt(mode: ServiceMode) -> ReceiptCompleted {
        ReceiptCompleted {
            receipt: DocNo { organ: "青资助".to_owned(), kind: DocKind::ServiceReceipt, year: 2026, serial: 10301 },
            mode,
            served_on: day(8),
            served_at: None,
            servers: vec!["周启明".to_owned()],
            signed: true,
            fingerprinted: true,
            dated_by_hand: true,
            proxy: None,
            witnesses: Vec::new(),
            refusal_reason: None,
            home_confirmed: false,
            filmed: false,
            post_no: None,
            post_delivered: false,
            consent: None,
            arrival_proof: false,
        }
    }

    #[test]
    fn each_mode_has_its_rules() {
        let ok = |r: &ReceiptCompleted| check(r, day(7), true, false, day(8));
        assert_eq!(ok(&receipt(ServiceMode::Direct)), []);
        assert_eq!(check(&receipt(ServiceMode::Direct), day(7), false, false, day(8)), [ReceiptFault::NoPicture]);
        assert_eq!(ok(&receipt(ServiceMode::CoResident)), [ReceiptFault::NoProxy]);
        let minor = Proxy {
            name: "王小禾".to_owned(),
            relation: "妹".to_owned(),
            adult: false,
            lives_there: true,
            sealed: true,
        };
        let r = ReceiptCompleted { proxy: Some(minor), ..receipt(ServiceMode::CoResident) };
        assert_eq!(ok(&r), [ReceiptFault::MinorProxy]);
        let left =
            ReceiptCompleted { refusal_reason: Some("不肯接".to_owned()), ..receipt(ServiceMode::LeftAtHome) };
        assert_eq!(ok(&left), [ReceiptFault::NoWitness, ReceiptFault::HomeNotConfirmed, ReceiptFault::Servers]);
        let same = ReceiptCompleted {
            servers: vec!["周启明".to_owned(), "郝建国".to_owned()],
            witnesses: vec!["周启明".to_owned()],
            home_confirmed: true,
            ..left
        };
        assert_eq!(ok(&same), [ReceiptFault::WitnessServed]);
    }

    #[test]
    fn dates_are_asked_about() {
        let r = receipt(ServiceMode::Direct);
        assert_eq!(check(&r, day(7), true, false, day(7)), [ReceiptFault::Future]);
        assert_eq!(check(&r, day(9), true, false, day(9)), [ReceiptFault::BeforePrint]);
        assert_eq!(check(&r, day(7), true, false, day(9)), []);
        assert_eq!(check(&r, day(7), true, false, day(10)), [ReceiptFault::DateFarAway]);
        assert_eq!(check(&r, day(7), true, true, day(10)), []);
    }
}

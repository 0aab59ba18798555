//! Names of things: case files, journals, facts, devices, people, blobs.
//! Every id is a newtype that prints and travels as text, so that no number is mistaken for another.
//! Nothing here draws randomness: whoever makes an id brings the bytes.

use hmac::{Hmac, KeyInit, Mac};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};
use sha2::{Digest, Sha256};
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use crate::identity::IdNumber;
use crate::place::PlaceCode;

/// A text that is no id of the asked kind.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a {what}: expected {expected}")]
pub struct IdSyntax {
    /// The kind of id that was asked for.
    pub what: &'static str,
    /// The shape it should have had.
    pub expected: &'static str,
}

/// Lower-case hexadecimal of `bytes`.
pub fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    let mut out = String::with_capacity(bytes.len().saturating_mul(2));
    for byte in bytes {
        // Writing to a String cannot fail.
        if write!(out, "{byte:02x}").is_err() {
            break;
        }
    }
    out
}

/// The `N` bytes of a hexadecimal text of exactly `2 N` digits, else `None`.
pub fn unhex<const N: usize>(text: &str) -> Option<[u8; N]> {
    let digits = text.as_bytes();
    if digits.len() != N.saturating_mul(2) {
        return None;
    }
    let mut out = [0_u8; N];
    for (slot, pair) in out.iter_mut().zip(digits.chunks_exact(2)) {
        let pair = std::str::from_utf8(pair).ok()?;
        *slot = u8::from_str_radix(pair, 16).ok()?;
    }
    Some(out)
}

macro_rules! byte_id {
    ($(#[$doc:meta])* $name:ident, $len:literal, $what:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub [u8; $len]);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&hex(&self.0))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({})", stringify!($name), hex(&self.0))
            }
        }

        impl FromStr for $name {
            type Err = IdSyntax;
            fn from_str(text: &str) -> Result<Self, IdSyntax> {
                unhex(text).map(Self).ok_or(IdSyntax { what: $what, expected: concat!($len, " bytes in hexadecimal") })
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
                s.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
                String::deserialize(d)?.parse().map_err(D::Error::custom)
            }
        }

        text_in_api!($name);
    };
}

/// Says to the api's schema and TypeScript that an id is a plain string.
macro_rules! text_in_api {
    ($name:ident) => {
        #[cfg(feature = "api")]
        impl schemars::JsonSchema for $name {
            fn inline_schema() -> bool {
                true
            }
            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($name).into()
            }
            fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
                String::json_schema(generator)
            }
        }

        #[cfg(feature = "api")]
        impl ts_rs::TS for $name {
            type WithoutGenerics = Self;
            type OptionInnerType = Self;
            fn name(_: &ts_rs::Config) -> String {
                "string".to_owned()
            }
            fn inline(_: &ts_rs::Config) -> String {
                "string".to_owned()
            }
        }
    };
}

byte_id!(
    /// One case file: a household's, a village's, a device's or the county's own. The unit of delivery, permission and erasure.
    FileId, 8, "file id"
);
byte_id!(
    /// One device's unbroken series of facts. Random; never re-used, not even by the same device.
    JournalId, 8, "journal id"
);
byte_id!(
    /// One enrolled laptop: the first eight bytes of the SHA-256 of its signing key.
    DeviceId, 8, "device id"
);
byte_id!(
    /// The county log. A restored county opens a new one.
    LogId, 8, "log id"
);
byte_id!(
    /// One bundle that was once put on a stick. Random.
    BundleId, 16, "bundle id"
);
byte_id!(
    /// The X25519 public key that bundles to a desk or to the county are sealed to, and by which it is known as a sender.
    BundleKey, 32, "bundle key"
);
byte_id!(
    /// What a bundle's cleartext calls a bundle key: the first eight bytes of its SHA-256.
    KeyPrint, 8, "key print"
);
byte_id!(
    /// A SHA-256: of a blob, of a seal, of a leaf.
    Sha, 32, "SHA-256"
);

impl Sha {
    /// The SHA-256 of `bytes`.
    pub fn of(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).into())
    }
}

impl DeviceId {
    /// The device that holds the Ed25519 public key `key`.
    pub fn of_key(key: &[u8; 32]) -> Self {
        Self(first_eight(&Sha256::digest(key)))
    }
}

impl BundleKey {
    /// Its short name in the cleartext of a bundle.
    pub fn print(&self) -> KeyPrint {
        KeyPrint(first_eight(&Sha256::digest(self.0)))
    }
}

impl FileId {
    /// The county's own file: staff, places, imports, bulletins.
    pub fn county() -> Self {
        Self::named("county", "")
    }

    /// A village's file: who works it, in which line.
    pub fn village(code: &PlaceCode) -> Self {
        Self::named("village", code.as_str())
    }

    /// A device's own file: its number blocks.
    pub fn device(device: DeviceId) -> Self {
        Self::named("device", &device.to_string())
    }

    /// A household's file, from the borrower's ID number under the county's file key: two county desks never make
    /// two files for one borrower, and without the key nobody can tell whose file an id is.
    pub fn household(file_key: &[u8; 32], borrower: &IdNumber) -> Self {
        // An HMAC takes a key of any length, so this cannot fail; a zero id would be refused by every reader.
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(file_key) else { return Self([0; 8]) };
        mac.update(b"ruhu household\0");
        mac.update(borrower.expose().as_bytes());
        Self(first_eight(&mac.finalize().into_bytes()))
    }

    fn named(kind: &str, name: &str) -> Self {
        let mut hash = Sha256::new();
        hash.update(b"ruhu file\0");
        hash.update(kind.as_bytes());
        hash.update([0]);
        hash.update(name.as_bytes());
        Self(first_eight(&hash.finalize()))
    }
}

fn first_eight(hash: &[u8]) -> [u8; 8] {
    let mut out = [0; 8];
    for (slot, byte) in out.iter_mut().zip(hash) {
        *slot = *byte;
    }
    out
}

/// The name of one fact: the `seq`-th (from 1) of a journal. Written `journal:seq`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FactId {
    /// Whose fact it is.
    pub journal: JournalId,
    /// Its number in that journal, from 1, without gaps.
    pub seq: u64,
}

impl fmt::Display for FactId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.journal, self.seq)
    }
}

impl FromStr for FactId {
    type Err = IdSyntax;
    fn from_str(text: &str) -> Result<Self, IdSyntax> {
        let wrong = IdSyntax { what: "fact id", expected: "journal:number" };
        let (journal, seq) = text.split_once(':').ok_or_else(|| wrong.clone())?;
        match (journal.parse(), seq.parse()) {
            (Ok(journal), Ok(seq)) => Ok(Self { journal, seq }),
            (Err(_), _) | (_, Err(_)) => Err(wrong),
        }
    }
}

impl Serialize for FactId {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for FactId {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        String::deserialize(d)?.parse().map_err(D::Error::custom)
    }
}

text_in_api!(FactId);

/// A member of staff by account name: 1 to 32 of `a-z 0-9 . _ -`, starting with a letter. Every fact names one: a copy
/// shares the text.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PersonId(Arc<str>);

impl PersonId {
    /// The county master itself, which authors rights and number leases.
    pub fn county_master() -> Self {
        Self("county".into())
    }

    /// The account name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for PersonId {
    type Err = IdSyntax;
    fn from_str(text: &str) -> Result<Self, IdSyntax> {
        let good = (1..=32).contains(&text.len())
            && text.starts_with(|c: char| c.is_ascii_lowercase())
            && text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '.' | '_' | '-'));
        if good {
            Ok(Self(text.into()))
        } else {
            Err(IdSyntax { what: "account name", expected: "1-32 of a-z 0-9 . _ -, starting with a letter" })
        }
    }
}

impl Serialize for PersonId {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for PersonId {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        String::deserialize(d)?.parse().map_err(D::Error::custom)
    }
}

impl fmt::Display for PersonId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

text_in_api!(PersonId);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_travel_as_text() {
        let fact = FactId { journal: JournalId([0xab; 8]), seq: 17 };
        assert_eq!(fact.to_string(), "abababababababab:17");
        assert_eq!(fact.to_string().parse(), Ok(fact));
        assert!("abababababababab".parse::<FactId>().is_err());
        assert!("zz".parse::<FileId>().is_err());
        assert!("Zhou".parse::<PersonId>().is_err());
    }

    #[test]
    fn a_household_file_depends_on_the_key() {
        let id = "410490200203140011".parse::<IdNumber>().expect("a valid number");
        assert_ne!(FileId::household(&[1; 32], &id), FileId::household(&[2; 32], &id));
        assert_eq!(FileId::household(&[1; 32], &id), FileId::household(&[1; 32], &id));
    }
}

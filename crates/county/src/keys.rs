//! `keys.json`: the county's five secrets, readable by its owner alone (mode 0600).
//! It stands beside the ledger it opens, so the county's DISK must be protected: full-disk encryption, a locked room,
//! and backups under their own key. Losing this file loses the county; copying it gives the county away.
//! It must never be logged, printed or sent.

use std::io::Write as _;
use std::path::Path;

use domain::SigningKey;
use domain::ids::{Sha, hex, unhex};
use rcgen::{CertificateParams, DnType, KeyPair, PKCS_ECDSA_P256_SHA256};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use serde::{Deserialize, Serialize};
use store::bundle::BundleSecret;
use store::file::FileKey;
use zeroize::{Zeroize, Zeroizing};

use crate::chance::Chance;

const NOTE: &str = "Secrets of the Ruhu county master. Whoever can read this file can read the ledger and sign as the \
county: protect this disk and its backups. 县级主机密钥，请勿复制或外传。";

/// The file as it is written.
#[derive(Serialize, Deserialize)]
struct Written {
    /// Stands first, for whoever opens the file.
    note: String,
    ledger_key: String,
    master_key: String,
    file_key: String,
    tls_key: String,
    tls_certificate: String,
    /// Not there in a file of before there were bundles.
    #[serde(default)]
    bundle_key: Option<String>,
}

impl Drop for Written {
    fn drop(&mut self) {
        self.ledger_key.zeroize();
        self.master_key.zeroize();
        self.file_key.zeroize();
        self.tls_key.zeroize();
        self.bundle_key.zeroize();
    }
}

/// Why the keys cannot be made or read.
#[derive(Debug, thiserror::Error)]
pub enum KeysFault {
    /// The file.
    #[error("keys.json cannot be read or written")]
    File(#[from] std::io::Error),
    /// Not the JSON of a keys file.
    #[error("keys.json is not readable as JSON")]
    Json(#[from] serde_json::Error),
    /// A key of the wrong shape.
    #[error("keys.json: {0} is not what it should be")]
    Shape(&'static str),
    /// The TLS certificate could not be made.
    #[error("the TLS certificate cannot be made")]
    Certificate(#[from] rcgen::Error),
    /// No randomness.
    #[error("the system gives no randomness")]
    Chance(#[from] getrandom::Error),
}

/// The county's secrets.
pub(crate) struct Keys {
    pub(crate) ledger: FileKey,
    pub(crate) master: SigningKey,
    /// Key of household file ids.
    pub(crate) file: Zeroizing<[u8; 32]>,
    pub(crate) tls_key: PrivateKeyDer<'static>,
    pub(crate) tls_certificate: CertificateDer<'static>,
    /// What bundles on sticks are sealed to and from.
    pub(crate) bundle: BundleSecret,
}

impl Keys {
    /// Fresh keys and a self-signed certificate for localhost and `hosts`. The certificate's own key is always the system's.
    pub(crate) fn fresh(hosts: &[String], chance: &Chance) -> Result<(Self, Zeroizing<String>), KeysFault> {
        let pair = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?;
        let mut names: Vec<String> = ["localhost", "127.0.0.1", "::1"].map(str::to_owned).to_vec();
        names.extend(hosts.iter().filter(|host| !names.contains(host)).cloned().collect::<Vec<_>>());
        let mut params = CertificateParams::new(names)?;
        params.distinguished_name.push(DnType::CommonName, "Ruhu county master");
        // Devices pin this very certificate, and their clocks may be years off: its dates say nothing.
        params.not_before = rcgen::date_time_ymd(2000, 1, 1);
        params.not_after = rcgen::date_time_ymd(2120, 1, 1);
        let certificate = params.self_signed(&pair)?;
        let written = Written {
            note: NOTE.to_owned(),
            ledger_key: hex(&chance.fresh::<32>()?),
            master_key: hex(&chance.fresh::<32>()?),
            file_key: hex(&chance.fresh::<32>()?),
            tls_key: pair.serialize_pem(),
            tls_certificate: certificate.pem(),
            bundle_key: Some(hex(&chance.fresh::<32>()?)),
        };
        let text = Zeroizing::new(serde_json::to_string_pretty(&written)?);
        Ok((Self::read(&text)?, text))
    }

    /// The keys in the text of a keys file.
    fn read(text: &str) -> Result<Self, KeysFault> {
        let written: Written = serde_json::from_str(text)?;
        let key = |text: &str, what| unhex::<32>(text).map(Zeroizing::new).ok_or(KeysFault::Shape(what));
        let master = key(&written.master_key, "master_key")?;
        let bundle = match &written.bundle_key {
            Some(text) => BundleSecret::of_seed(&*key(text, "bundle_key")?),
            // The file is not written anew: two programs may have it open, and both must come to the same key.
            None => BundleSecret::following(&master, "county"),
        };
        Ok(Self {
            ledger: FileKey(key(&written.ledger_key, "ledger_key")?),
            master: SigningKey::from_bytes(&master),
            file: key(&written.file_key, "file_key")?,
            tls_key: PrivateKeyDer::from_pem_slice(written.tls_key.as_bytes())
                .ok()
                .ok_or(KeysFault::Shape("tls_key"))?,
            tls_certificate: CertificateDer::from_pem_slice(written.tls_certificate.as_bytes())
                .ok()
                .ok_or(KeysFault::Shape("tls_certificate"))?,
            bundle,
        })
    }

    /// The keys in the file at `path`.
    pub(crate) fn load(path: &Path) -> Result<Self, KeysFault> {
        Self::read(&Zeroizing::new(std::fs::read_to_string(path)?))
    }

    /// What devices pin.
    pub(crate) fn certificate(&self) -> Sha {
        Sha::of(&self.tls_certificate)
    }
}

/// Writes a new keys file for its owner alone; never over an old one.
pub(crate) fn keep(path: &Path, text: &str) -> Result<(), KeysFault> {
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_keys_file_of_before_there_were_bundles_has_a_key_all_the_same() {
        let (fresh, text) = Keys::fresh(&[], &Chance::system()).expect("keys");
        assert_eq!(Keys::read(&text).expect("keys").bundle.key(), fresh.bundle.key());
        let mut old: serde_json::Value = serde_json::from_str(&text).expect("JSON");
        old.as_object_mut().expect("an object").remove("bundle_key").expect("a key");
        let old = old.to_string();
        let key = Keys::read(&old).expect("keys").bundle.key();
        assert_eq!(Keys::read(&old).expect("keys").bundle.key(), key);
        assert_ne!(key, fresh.bundle.key());
        let spoilt = text.replace("bundle_key\": \"", "bundle_key\": \"x");
        assert!(matches!(Keys::read(&spoilt).err(), Some(KeysFault::Shape("bundle_key"))));
    }
}

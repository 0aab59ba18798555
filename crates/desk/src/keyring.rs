//! The keyring of the system that a laptop runs: a secret that lies in it takes part in opening a home, so that a disk without
//! its machine cannot even be guessed at. Only where two officers can open the home as well (`home::Closed::open`):
//! a keyring goes with a reinstalled system or a forgotten login, and must never be the only way in.

use std::fmt::Debug;
use std::sync::{Arc, mpsc};
use std::time::Duration;

use keyring_core::Error;
use keyring_core::api::CredentialStoreApi;
use zeroize::Zeroizing;

/// Under this the person finds it in the keyring, beside other programs.
const SERVICE: &str = "ruhu";
/// A keyring that is locked asks its person first.
const PATIENCE: Duration = Duration::from_secs(60);
/// Where the keyring is not needed yet an opening waits no longer.
const SHORT: Duration = Duration::from_secs(5);

/// There is no keyring, or it is locked, or it does not answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Silent;

/// Whatever keeps a machine's secrets.
pub trait Keyring: Debug + Send + Sync {
    /// Whether a home is to be bound to it that is not yet.
    fn binds(&self, practice: bool) -> bool;

    /// What lies under a name, if anything does.
    ///
    /// # Errors
    /// [`Silent`].
    fn get(&self, name: &str) -> Result<Option<Zeroizing<Vec<u8>>>, Silent>;

    /// Puts something under a name. It is for the caller to see whether it is there.
    ///
    /// # Errors
    /// [`Silent`].
    fn put(&self, name: &str, secret: &[u8]) -> Result<(), Silent>;

    /// Takes away what lies under a name. Where that fails, it opens nothing any more.
    fn remove(&self, name: &str);
}

/// The system's own: the Secret Service of a Linux desktop, the credentials of Windows.
#[derive(Debug, Clone, Copy)]
pub struct SystemKeyring {
    /// Practice homes are bound, too. They hold nobody's debt, and tests and demos must not fill a person's keyring.
    pub practice: bool,
}

impl SystemKeyring {
    /// As the machine's owner wants it: `RUHU_KEYRING=off` asks no keyring for anything, `all` binds practice homes, too.
    pub fn wanted() -> Option<Arc<dyn Keyring>> {
        match std::env::var("RUHU_KEYRING").as_deref() {
            Ok("off") => None,
            wanted => Some(Arc::new(Self { practice: wanted == Ok("all") })),
        }
    }

    /// Asks the keyring, on a thread of its own: one that shows its person a question may never answer.
    fn ask<T: Send + 'static>(
        name: &str,
        patience: Duration,
        what: impl FnOnce(&keyring_core::Entry) -> keyring_core::Result<T> + Send + 'static,
    ) -> Result<T, Silent> {
        let name = name.to_owned();
        let (tell, told) = mpsc::channel();
        let asked = std::thread::Builder::new().name("keyring".to_owned()).spawn(move || {
            let answer = entry(&name).and_then(|entry| what(&entry));
            // Nobody listens any more: too late.
            tell.send(answer.map_err(drop)).ok();
        });
        asked.map_err(|_told_otherwise| Silent)?;
        told.recv_timeout(patience).ok().and_then(Result::ok).ok_or(Silent)
    }
}

#[cfg(any(target_os = "linux", target_os = "windows"))]
fn entry(name: &str) -> keyring_core::Result<keyring_core::Entry> {
    // Anew each time: a keyring may start after us, and end before.
    #[cfg(target_os = "linux")]
    let store = zbus_secret_service_keyring_store::Store::new()?;
    #[cfg(target_os = "windows")]
    let store = windows_native_keyring_store::Store::new()?;
    store.build(SERVICE, name, None)
}

#[cfg(not(any(target_os = "linux", target_os = "windows")))]
fn entry(_name: &str) -> keyring_core::Result<keyring_core::Entry> {
    Err(Error::NoDefaultStore)
}

impl Keyring for SystemKeyring {
    fn binds(&self, practice: bool) -> bool {
        self.practice || !practice
    }

    fn get(&self, name: &str) -> Result<Option<Zeroizing<Vec<u8>>>, Silent> {
        Self::ask(name, PATIENCE, |entry| match entry.get_secret() {
            Ok(secret) => Ok(Some(Zeroizing::new(secret))),
            Err(Error::NoEntry) => Ok(None),
            Err(other) => Err(other),
        })
    }

    fn put(&self, name: &str, secret: &[u8]) -> Result<(), Silent> {
        let secret = Zeroizing::new(secret.to_vec());
        Self::ask(name, SHORT, move |entry| entry.set_secret(&secret))
    }

    fn remove(&self, name: &str) {
        Self::ask(name, SHORT, |entry| entry.delete_credential()).ok();
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use std::collections::BTreeMap;
    use std::sync::{Mutex, PoisonError};

    use super::*;

    /// A keyring in memory.
    #[derive(Debug, Default)]
    pub(crate) struct Pocket(Mutex<BTreeMap<String, Vec<u8>>>);

    impl Keyring for Pocket {
        fn binds(&self, _practice: bool) -> bool {
            true
        }

        fn get(&self, name: &str) -> Result<Option<Zeroizing<Vec<u8>>>, Silent> {
            let held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            Ok(held.get(name).cloned().map(Zeroizing::new))
        }

        fn put(&self, name: &str, secret: &[u8]) -> Result<(), Silent> {
            self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(name.to_owned(), secret.to_vec());
            Ok(())
        }

        fn remove(&self, name: &str) {
            self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(name);
        }
    }
}

//! A home: the folder with the encrypted database and the keys that open it.
//! The passphrase (Argon2id) unwraps the keys; without it nothing here can be read. Where officers could open the home as
//! well, a secret in the machine's keyring is needed too. The keys file is written before the county is asked and renamed
//! after it answered, so that a crash in between loses no invitation.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::Write;
use std::path::{Path, PathBuf};

use argon2::{Algorithm, Argon2, Params, Version};
use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use domain::SigningKey;
use domain::clock::Millis;
use domain::ids::{BundleKey, DeviceId, JournalId, LogId, PersonId, Sha, hex, unhex};
use domain::words::Role;
use foreign::Reader;
use serde::{Deserialize, Serialize};
use store::bundle::BundleSecret;
use store::file::FileKey;
use store::{Copier, Standing, Store};
use zeroize::{Zeroize, Zeroizing};

use crate::Parts;
use crate::clock::{Chance, Clock, random};
use crate::failure::{Code, Failure};
use crate::keyring::Keyring;
use crate::recovery::{RECOVERING, RECOVERY};

const KEYS: &str = "keys.json";
/// The encrypted file.
pub(crate) const DATABASE: &str = "ruhu.db";
/// When the home was last found behind its anchor.
pub(crate) const WAS_BEHIND: &str = "was_behind";
/// There since the disk failed under an open home, until that was read through.
const DOUBT: &str = "doubt";
const PENDING: &str = "keys.pending.json";
/// There while everything is forgotten, and from then on.
const FORGETTING: &str = "forgetting";
const FORGOTTEN: &str = "forgotten";
/// What is sealed for the county, and how to reach it.
const RESCUE: &str = "rescue";
const LINE: &str = "line.json";
/// What a guess must cost at least: OWASP's floor for Argon2id times three in memory. Practice homes, which hold nobody's
/// debt, stay at it.
const FLOOR: Cost = Cost { memory_kib: 64 * 1024, passes: 3 };
/// Twice the memory, on a machine that has time for it; of its 4 GB a thirtieth, for half a second.
const MORE: Cost = Cost { memory_kib: 128 * 1024, passes: 3 };
/// What opening a home should cost on this machine: long for a guesser, short for cold hands. Milliseconds.
const LEAST_MS: i64 = 500;
/// Passes at most: a machine of the future.
const MOST_PASSES: u32 = 12;

/// What is kept beside the wrapped keys, readable without the passphrase: no secret, no family.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct KeysFile {
    version: u32,
    practice: bool,
    /// Of a home that is bound to its machine, the name of the secret in the machine's keyring.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    machine: Option<String>,
    /// The person's name; before there is a home, which invitation it is for.
    name: Option<String>,
    memory_kib: u32,
    passes: u32,
    salt: String,
    nonce: String,
    sealed: String,
}

/// The name under which a home's machine keeps a secret for it.
pub(crate) fn bound_by(home: &Path) -> Option<String> {
    kept(home).ok()?.machine
}

/// The keys of a home. Forgotten from memory when dropped.
#[derive(Serialize, Deserialize, Zeroize)]
#[zeroize(drop)]
pub(crate) struct Secrets {
    /// Database key, 32 bytes hexadecimal.
    pub(crate) database: String,
    /// Anchor key, 32 bytes hexadecimal.
    pub(crate) anchor: String,
    /// Signing key, 32 bytes hexadecimal.
    pub(crate) signing: String,
    /// First journal, hexadecimal.
    pub(crate) journal: String,
    /// TLS certificate, DER, hexadecimal.
    pub(crate) certificate: String,
    /// Its private key, PKCS#8 DER, hexadecimal.
    pub(crate) certificate_key: String,
    /// Key of household file ids, hexadecimal, for desks of the centre.
    pub(crate) file_key: Option<String>,
}

/// Who this desk is and which county it joined; kept in the encrypted database.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// Account.
    pub person: PersonId,
    /// Name at enrolment.
    pub name: String,
    /// Role at enrolment; later ones come as facts.
    pub role: Role,
    /// Device.
    pub device: DeviceId,
    /// The county log.
    pub log: LogId,
    /// County's name.
    pub county: String,
    /// Where it listens.
    pub address: String,
    /// SHA-256 of its certificate.
    pub certificate: Sha,
    /// Practice or demo.
    pub practice: bool,
    /// What bundles to the county are sealed to; homes of before there were bundles learn it at the next contact.
    #[serde(default)]
    pub bundle_key: Option<BundleKey>,
    /// The county's sealed word that this device was enrolled, hexadecimal.
    #[serde(default)]
    pub enrolment: Option<String>,
}

/// What can be told of a home without its passphrase.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Outside {
    pub(crate) practice: bool,
    /// It opens only where the keyring of its machine is.
    pub(crate) bound: bool,
    pub(crate) name: Option<String>,
}

fn broken(what: &dyn std::error::Error) -> Failure {
    let noted = Failure::internal(what);
    Failure { incident: noted.incident, ..Failure::new(Code::HomeDamaged, &[]) }
}

pub(crate) fn no_randomness(error: getrandom::Error) -> Failure {
    Failure::internal(&error)
}

fn io(error: std::io::Error) -> Failure {
    Failure::from(store::StoreFault::Anchor(error))
}

/// Looks at a home from outside; `None` where there is none.
pub(crate) fn look(home: &Path) -> Result<Option<Outside>, Failure> {
    forget_the_rest(home)?;
    match fs::read(home.join(KEYS)) {
        Ok(bytes) => {
            let keys: KeysFile = serde_json::from_slice(&bytes).map_err(|error| broken(&error))?;
            Ok(Some(Outside { practice: keys.practice, bound: keys.machine.is_some(), name: keys.name }))
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(io(error)),
    }
}

/// Whether this was a home, of a laptop that was given up as lost.
pub(crate) fn forgotten(home: &Path) -> bool {
    home.join(FORGOTTEN).exists()
}

/// Forgets everything in the home but what is sealed for the county. The keys go first: without them the rest is noise.
/// Cut anywhere, it goes on at the next look.
///
/// # Errors
/// What the disk says.
pub(crate) fn forget(home: &Path) -> Result<(), Failure> {
    write_synced(&home.join(FORGETTING), b"")?;
    forget_the_rest(home)
}

fn forget_the_rest(home: &Path) -> Result<(), Failure> {
    if !home.join(FORGETTING).exists() {
        return Ok(());
    }
    for keys in [KEYS, PENDING, RECOVERY, RECOVERING] {
        erase(&home.join(keys))?;
    }
    for entry in fs::read_dir(home).map_err(io)? {
        let entry = entry.map_err(io)?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if [RESCUE, FORGETTING, FORGOTTEN, "lock"].contains(&name.as_str()) {
            continue;
        }
        let gone = match entry.file_type() {
            Ok(kind) if kind.is_dir() => fs::remove_dir_all(entry.path()),
            Ok(_) | Err(_) => fs::remove_file(entry.path()),
        };
        // What the window keeps of itself may be open and holds nothing of anybody; what is ours must go.
        let ours = name.starts_with("ruhu.")
            || name.starts_with("replaced-")
            || [store::COPIES, "carried"].contains(&name.as_str());
        if ours {
            gone.map_err(io)?;
        }
    }
    fs::rename(home.join(FORGETTING), home.join(FORGOTTEN)).map_err(io)?;
    sync_folder(&home.join(FORGOTTEN))
}

/// How a laptop that forgot everything reaches the county to hand in what is sealed: its certificate is good for nothing else.
#[derive(Serialize, Deserialize)]
pub(crate) struct LastLine {
    pub(crate) address: String,
    /// SHA-256 of the county's certificate.
    pub(crate) county: Sha,
    /// The laptop's own, DER, hexadecimal.
    pub(crate) certificate: String,
    /// Its key, PKCS#8 DER, hexadecimal.
    pub(crate) key: String,
}

/// The folder of what is to be handed in.
pub(crate) fn rescue_folder(home: &Path) -> PathBuf {
    home.join(RESCUE)
}

impl LastLine {
    /// # Errors
    /// What the disk says.
    pub(crate) fn keep(&self, home: &Path) -> Result<(), Failure> {
        let bytes = serde_json::to_vec(self).map_err(|error| broken(&error))?;
        write_synced(&rescue_folder(home).join(LINE), &bytes)
    }

    /// Everything is handed in.
    pub(crate) fn drop(home: &Path) {
        // Where it cannot be removed everything is handed in once more, which changes nothing.
        fs::remove_file(rescue_folder(home).join(LINE)).ok();
    }

    /// `None` where nothing is to be handed in.
    pub(crate) fn read(home: &Path) -> Option<Self> {
        serde_json::from_slice(&fs::read(rescue_folder(home).join(LINE)).ok()?).ok()
    }

    /// Certificate and key (DER).
    pub(crate) fn tls(&self) -> Option<(Vec<u8>, Vec<u8>)> {
        Some((unhex_all(&self.certificate)?, unhex_all(&self.key)?))
    }
}

/// What one guess costs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Cost {
    memory_kib: u32,
    passes: u32,
}

/// The cost that takes this machine half a second to a second, or the floor where even that takes longer. Measured when a
/// passphrase is chosen; a home that is carried to another machine keeps what it has.
fn calibrated() -> Result<Cost, Failure> {
    let took = |cost: Cost| -> Result<i64, Failure> {
        let begun = Clock::steady();
        stretch("measured", b"sixteen bytes 16", cost)?;
        Ok(Clock::steady().saturating_sub(begun).max(1))
    };
    // Once to have the memory there, then in earnest.
    took(FLOOR)?;
    let floor = took(FLOOR)?;
    Ok(fitting(floor))
}

/// The cost for a machine that needs so many milliseconds for the floor.
fn fitting(floor_ms: i64) -> Cost {
    if floor_ms >= LEAST_MS {
        return FLOOR;
    }
    let more_ms = floor_ms.saturating_mul(2);
    let takes = |passes: u32| more_ms.saturating_mul(i64::from(passes)) / i64::from(MORE.passes);
    let passes = (MORE.passes..MOST_PASSES).find(|passes| takes(*passes) >= LEAST_MS).unwrap_or(MOST_PASSES);
    Cost { passes, ..MORE }
}

fn stretch(passphrase: &str, salt: &[u8], cost: Cost) -> Result<Zeroizing<[u8; 32]>, Failure> {
    stretch_bytes(passphrase.as_bytes(), salt, cost)
}

fn stretch_bytes(secret: &[u8], salt: &[u8], cost: Cost) -> Result<Zeroizing<[u8; 32]>, Failure> {
    let params = Params::new(cost.memory_kib, cost.passes, 1, Some(32)).map_err(|error| broken(&error))?;
    let mut out = Zeroizing::new([0; 32]);
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
        .hash_password_into(secret, salt, out.as_mut_slice())
        .map_err(|error| broken(&error))?;
    Ok(out)
}

/// The two ways in which keys are wrapped: by the passphrase alone, and with a secret of the machine.
const UNBOUND: u32 = 1;
const BOUND: u32 = 2;

fn aad(practice: bool, machine: Option<&str>) -> Vec<u8> {
    match machine {
        None => format!("ruhu keys {UNBOUND} practice={practice}").into_bytes(),
        Some(name) => format!("ruhu keys {BOUND} practice={practice} machine={name}").into_bytes(),
    }
}

/// A secret in the machine's keyring, and its name there.
#[derive(Clone)]
struct Machine {
    name: String,
    secret: Zeroizing<[u8; 32]>,
}

/// The keyring that a home may need.
pub(crate) type Ring<'ring> = Option<&'ring dyn Keyring>;

impl Machine {
    /// A fresh one that the keyring kept: it is read again before anything depends on it.
    fn fresh(ring: &dyn Keyring) -> Result<Option<Self>, Failure> {
        let name = hex(&random::<8>().map_err(no_randomness)?);
        let secret = Zeroizing::new(random::<32>().map_err(no_randomness)?);
        // As text: there are keyrings that keep nothing else.
        let text = Zeroizing::new(hex(secret.as_slice()));
        let kept = ring.put(&name, text.as_bytes()).and_then(|()| ring.get(&name));
        if kept.is_ok_and(|kept| kept.is_some_and(|kept| kept.as_slice() == text.as_bytes())) {
            return Ok(Some(Self { name, secret }));
        }
        ring.remove(&name);
        Ok(None)
    }

    /// The one that a home is bound to.
    ///
    /// # Errors
    /// `KeyringSilent`, `KeyringEmpty`.
    fn of(name: &str, ring: Ring) -> Result<Self, Failure> {
        let kept = ring.ok_or(()).and_then(|ring| ring.get(name).map_err(drop));
        let kept = kept.map_err(|()| Failure::new(Code::KeyringSilent, &[]))?;
        let text = kept.and_then(|kept| String::from_utf8(kept.to_vec()).ok()).map(Zeroizing::new);
        let secret = text.and_then(|text| unhex::<32>(&text)).map(Zeroizing::new);
        let secret = secret.ok_or_else(|| Failure::new(Code::KeyringEmpty, &[]))?;
        Ok(Self { name: name.to_owned(), secret })
    }
}

/// The stretched passphrase, and with it the machine's secret, of which neither helps without the other.
fn mixed(stretched: &[u8; 32], machine: Option<&Machine>) -> Result<Zeroizing<[u8; 32]>, Failure> {
    let Some(machine) = machine else { return Ok(Zeroizing::new(*stretched)) };
    let mut out = Zeroizing::new([0; 32]);
    let derived = hkdf::Hkdf::<sha2::Sha256>::new(Some(machine.secret.as_slice()), stretched);
    derived.expand(b"ruhu keys 2", out.as_mut_slice()).map_err(|_too_long| sealing_failed())?;
    Ok(out)
}

fn wrap(secrets: &Secrets, passphrase: &str, practice: bool, name: Option<String>) -> Result<KeysFile, Failure> {
    wrap_with(secrets, passphrase, practice, name, None)
}

fn wrap_with(
    secrets: &Secrets,
    passphrase: &str,
    practice: bool,
    name: Option<String>,
    machine: Option<&Machine>,
) -> Result<KeysFile, Failure> {
    let salt: [u8; 16] = random().map_err(no_randomness)?;
    let cost = if practice { FLOOR } else { calibrated()? };
    let stretched = stretch(passphrase, &salt, cost)?;
    let keys = KeysFile {
        version: UNBOUND,
        practice,
        machine: None,
        name,
        memory_kib: cost.memory_kib,
        passes: cost.passes,
        salt: hex(&salt),
        nonce: String::new(),
        sealed: String::new(),
    };
    keys.sealing(secrets, &stretched, machine)
}

impl KeysFile {
    /// The same passphrase, with these keys, bound to this machine or to none.
    fn sealing(self, secrets: &Secrets, stretched: &[u8; 32], machine: Option<&Machine>) -> Result<Self, Failure> {
        let name = machine.map(|machine| machine.name.clone());
        let with = aad(self.practice, name.as_deref());
        let (nonce, sealed) = seal_secrets(&*mixed(stretched, machine)?, secrets, &with)?;
        let version = if name.is_some() { BOUND } else { UNBOUND };
        Ok(Self { version, machine: name, nonce, sealed, ..self })
    }
}

/// The keys under a key, with the nonce before them, both hexadecimal; `with` is bound to them.
pub(crate) fn seal_secrets(key: &[u8; 32], secrets: &Secrets, with: &[u8]) -> Result<(String, String), Failure> {
    seal_bytes(key, &Zeroizing::new(serde_json::to_vec(secrets).map_err(|error| broken(&error))?), with)
}

fn seal_bytes(key: &[u8; 32], plain: &[u8], with: &[u8]) -> Result<(String, String), Failure> {
    let nonce: [u8; 24] = random().map_err(no_randomness)?;
    let sealed = XChaCha20Poly1305::new(key.into())
        .encrypt(&XNonce::from(nonce), Payload { msg: plain, aad: with })
        .map_err(|_told_otherwise| sealing_failed())?;
    Ok((hex(&nonce), hex(&sealed)))
}

fn open_bytes(key: &[u8; 32], nonce: &str, sealed: &str, with: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let nonce: [u8; 24] = unhex(nonce)?;
    let sealed = unhex_all(sealed)?;
    let plain = XChaCha20Poly1305::new(key.into()).decrypt(&XNonce::from(nonce), Payload { msg: &sealed, aad: with });
    plain.ok().map(Zeroizing::new)
}

/// Bytes through Argon2id at the least cost: for what somebody could try very often.
pub(crate) fn slow(bytes: &[u8], salt: &[u8; 16]) -> Result<Zeroizing<[u8; 32]>, Failure> {
    stretch_bytes(bytes, salt, FLOOR)
}

/// Thirty-two secret bytes under a passphrase.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Guarded {
    memory_kib: u32,
    passes: u32,
    salt: String,
    nonce: String,
    sealed: String,
}

impl Guarded {
    const WITH: &'static [u8] = b"ruhu guarded 1";

    pub(crate) fn of(secret: &[u8; 32], passphrase: &str, practice: bool) -> Result<Self, Failure> {
        let salt: [u8; 16] = random().map_err(no_randomness)?;
        let cost = if practice { FLOOR } else { calibrated()? };
        let (nonce, sealed) = seal_bytes(&*stretch(passphrase, &salt, cost)?, secret, Self::WITH)?;
        let Cost { memory_kib, passes } = cost;
        Ok(Self { memory_kib, passes, salt: hex(&salt), nonce, sealed })
    }

    /// `None` for another passphrase, or a changed file.
    pub(crate) fn open(&self, passphrase: &str) -> Option<Zeroizing<[u8; 32]>> {
        let salt: [u8; 16] = unhex(&self.salt)?;
        let key = stretch(passphrase, &salt, Cost { memory_kib: self.memory_kib, passes: self.passes }).ok()?;
        let plain = open_bytes(&key, &self.nonce, &self.sealed, Self::WITH)?;
        Some(Zeroizing::new(plain.as_slice().try_into().ok()?))
    }
}

/// The keys that [`seal_secrets`] sealed. `None` for another key, or a changed file: from here both look the same.
pub(crate) fn open_secrets(key: &[u8; 32], nonce: &str, sealed: &str, with: &[u8]) -> Option<Secrets> {
    let plain = open_bytes(key, nonce, sealed, with)?;
    serde_json::from_slice(&plain).ok()
}

/// Wraps the keys of a home for a fresh passphrase, whatever it was before: whole or not at all. It is bound to no machine
/// then, for the keyring may have been what was lost; the next opening binds it to the one it is on.
///
/// # Errors
/// What the disk says.
pub(crate) fn wrap_anew(
    home: &Path,
    secrets: &Secrets,
    fresh: &str,
    practice: bool,
    name: String,
) -> Result<(), Failure> {
    // Whatever stands there now: it may be what cannot be read any more.
    replace(home, &wrap(secrets, fresh, practice, Some(name))?)
}

/// Puts another wrapping of the keys in the place of the one there is, whole or not at all, and writes over what was there: the
/// same keys under an earlier passphrase, or under one that needed no keyring.
fn replace(home: &Path, keys: &KeysFile) -> Result<(), Failure> {
    let path = home.join(KEYS);
    let before = OpenOptions::new().write(true).open(&path);
    write_json(&path, keys)?;
    // Not before what is under the name now lies on the disk, on systems that force no folder, too.
    OpenOptions::new().write(true).open(&path).and_then(|after| after.sync_all()).map_err(io)?;
    // Where it cannot be written over it is only no longer to be found.
    drop(before.and_then(wipe));
    Ok(())
}

fn wipe(mut file: File) -> std::io::Result<()> {
    let bytes = file.metadata()?.len();
    file.write_all(&vec![0; usize::try_from(bytes).unwrap_or(0)])?;
    file.sync_all()
}

/// Writes a small file whole or not at all.
pub(crate) fn write_json(path: &Path, what: &impl Serialize) -> Result<(), Failure> {
    write_synced(path, &serde_json::to_vec_pretty(what).map_err(|error| broken(&error))?)
}

/// Removes a file with keys, if it is there: what it held is written over before.
pub(crate) fn erase(path: &Path) -> Result<(), Failure> {
    match OpenOptions::new().write(true).open(path) {
        Ok(file) => wipe(file).map_err(io)?,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(io(error)),
    }
    fs::remove_file(path).map_err(io)?;
    sync_folder(path)
}

fn sealing_failed() -> Failure {
    Failure::new(Code::HomeDamaged, &[])
}

pub(crate) fn unhex_all(text: &str) -> Option<Vec<u8>> {
    let digits = text.as_bytes();
    if !digits.len().is_multiple_of(2) {
        return None;
    }
    digits.chunks_exact(2).map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()).collect()
}

/// What a passphrase opened, and what is needed to wrap it anew for the same.
struct Opened {
    secrets: Secrets,
    stretched: Zeroizing<[u8; 32]>,
    machine: Option<Machine>,
}

fn unwrap(keys: &KeysFile, passphrase: &str, ring: Ring) -> Result<Opened, Failure> {
    if ![UNBOUND, BOUND].contains(&keys.version) {
        return Err(Failure::new(Code::MadeByNewer, &[]));
    }
    let salt: [u8; 16] = unhex(&keys.salt).ok_or_else(sealing_failed)?;
    if unhex::<24>(&keys.nonce).is_none() || unhex_all(&keys.sealed).is_none() {
        return Err(sealing_failed());
    }
    let cost = Cost { memory_kib: keys.memory_kib, passes: keys.passes };
    let machine = keys.machine.as_deref().map(|name| Machine::of(name, ring)).transpose()?;
    let stretched = stretch(passphrase, &salt, cost)?;
    let with = aad(keys.practice, keys.machine.as_deref());
    // A wrong passphrase and a changed file look the same from here.
    let secrets = open_secrets(&*mixed(&stretched, machine.as_ref())?, &keys.nonce, &keys.sealed, &with)
        .ok_or_else(|| Failure::new(Code::WrongPassphrase, &[]).at("passphrase"))?;
    Ok(Opened { secrets, stretched, machine })
}

fn write_synced(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    let temporary = path.with_extension("tmp");
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(&temporary).map_err(io)?;
    file.write_all(bytes).map_err(io)?;
    file.sync_all().map_err(io)?;
    drop(file);
    fs::rename(&temporary, path).map_err(io)?;
    sync_folder(path)
}

fn sync_folder(path: &Path) -> Result<(), Failure> {
    store::stick::sync_folder(path).map_err(io)
}

/// The disk failed under this home: it is read through before it is opened again.
pub(crate) fn distrust(home: &Path) {
    // Where not even this can be written the anchor is all that is looked at, as at every opening.
    drop(write_synced(&home.join(DOUBT), b""));
}

/// The home's lock, for one program at a time.
pub(crate) fn lock(home: &Path) -> Result<File, Failure> {
    let file = OpenOptions::new().write(true).create(true).truncate(false).open(home.join("lock")).map_err(io)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(Failure::new(Code::HomeInUse, &[])),
        Err(TryLockError::Error(error)) => Err(io(error)),
    }
}

/// Fresh keys for a home about to be made, or those of an enrolment that was cut off or waits for the county's word.
///
/// # Errors
/// `WrongPassphrase` where the same invitation was begun under another one: other keys would be another device to the county.
pub(crate) fn prepare(home: &Path, passphrase: &str, practice: bool, token_hash: Sha) -> Result<Secrets, Failure> {
    crate::passphrase::check(passphrase, "passphrase")?;
    fs::create_dir_all(home).map_err(io)?;
    if look(home)?.is_some() {
        return Err(Failure::new(Code::HomeExists, &[]));
    }
    if let Ok(bytes) = fs::read(home.join(PENDING))
        && let Ok(keys) = serde_json::from_slice::<KeysFile>(&bytes)
        && keys.practice == practice
    {
        // Nothing is bound to a machine before it is a home.
        match unwrap(&keys, passphrase, None) {
            Ok(Opened { secrets, .. }) => {
                if keys.name.as_ref() != Some(&token_hash.to_string()) {
                    // The same keys present another invitation from now on.
                    let keys = KeysFile { name: Some(token_hash.to_string()), ..keys };
                    write_json(&home.join(PENDING), &keys)?;
                }
                return Ok(secrets);
            }
            Err(failure) if keys.name.as_ref() == Some(&token_hash.to_string()) => return Err(failure),
            // Of an invitation that was given up.
            Err(_) => {}
        }
    }
    let pair = rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).map_err(|error| broken(&error))?;
    let certificate = rcgen::CertificateParams::new(vec!["ruhu-desk".to_owned()])
        .and_then(|params| params.self_signed(&pair))
        .map_err(|error| broken(&error))?;
    let secrets = Secrets {
        database: hex(&random::<32>().map_err(no_randomness)?),
        anchor: hex(&random::<32>().map_err(no_randomness)?),
        signing: hex(&random::<32>().map_err(no_randomness)?),
        journal: hex(&random::<8>().map_err(no_randomness)?),
        certificate: hex(certificate.der()),
        certificate_key: hex(&pair.serialize_der()),
        file_key: None,
    };
    let keys = wrap(&secrets, passphrase, practice, Some(token_hash.to_string()))?;
    write_json(&home.join(PENDING), &keys)?;
    Ok(secrets)
}

/// Wraps the keys of a home anew. The keys themselves stay, so that no file of the home is written but this one, whole or
/// not at all: after a power cut one of the two passphrases opens it.
///
/// # Errors
/// `WrongPassphrase`, `WeakPassphrase` for the fresh one; what the keyring or the disk says.
pub(crate) fn change_passphrase(home: &Path, passphrase: &str, fresh: &str, ring: Ring) -> Result<(), Failure> {
    let keys = kept(home)?;
    let opened = unwrap(&keys, passphrase, ring)?;
    crate::passphrase::check(fresh, "fresh")?;
    replace(home, &wrap_with(&opened.secrets, fresh, keys.practice, keys.name, opened.machine.as_ref())?)
}

fn kept(home: &Path) -> Result<KeysFile, Failure> {
    forget_the_rest(home)?;
    let bytes = match fs::read(home.join(KEYS)) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Err(Failure::new(Code::NoHome, &[])),
        Err(error) => return Err(io(error)),
    };
    serde_json::from_slice(&bytes).map_err(|error| broken(&error))
}

/// Makes the home after the county answered.
pub(crate) fn finish(
    home: &Path,
    passphrase: &str,
    mut secrets: Secrets,
    identity: &Identity,
    master: (JournalId, domain::VerifyingKey),
    file_key: Option<String>,
    offset: i64,
) -> Result<(), Failure> {
    secrets.file_key = file_key;
    let signing = signing(&secrets)?;
    {
        let (mut store, _) = open_store(home, &secrets)?;
        begin(&mut store, journal(&secrets)?, identity, &signing.verifying_key(), (master.0, &master.1), offset)?;
    }
    let keys = wrap(&secrets, passphrase, identity.practice, Some(identity.name.clone()))?;
    write_json(&home.join(KEYS), &keys)?;
    // A left-over pending file holds the same secrets under the same passphrase: it goes at the next opening at the latest.
    erase(&home.join(PENDING)).unwrap_or_default();
    Ok(())
}

/// The first words of a new desk's database: its journal, who it is, whom it believes, and how far its clock is off.
///
/// # Errors
/// What the store says.
pub fn begin(
    store: &mut Store,
    journal: JournalId,
    identity: &Identity,
    key: &domain::VerifyingKey,
    master: (JournalId, &domain::VerifyingKey),
    offset: i64,
) -> Result<(), Failure> {
    store.open_journal(journal, identity.device, key)?;
    store.trust_master(master.0, master.1)?;
    store.set_meta("me", identity)?;
    store.set_meta("offset", &offset)?;
    Ok(())
}

/// Who the desk of this database is.
///
/// # Errors
/// `HomeDamaged` where it does not say.
pub fn identity(store: &Store) -> Result<Identity, Failure> {
    store.meta("me")?.ok_or_else(|| Failure::new(Code::HomeDamaged, &[]))
}

fn signing(secrets: &Secrets) -> Result<SigningKey, Failure> {
    let bytes: Zeroizing<[u8; 32]> = Zeroizing::new(unhex(&secrets.signing).ok_or_else(sealing_failed)?);
    Ok(SigningKey::from_bytes(&bytes))
}

fn journal(secrets: &Secrets) -> Result<JournalId, Failure> {
    secrets.journal.parse().map_err(|error: domain::ids::IdSyntax| broken(&error))
}

/// The public key that the device will be known by.
pub(crate) fn public_key(secrets: &Secrets) -> Result<[u8; 32], Failure> {
    Ok(signing(secrets)?.verifying_key().to_bytes())
}

/// The device's bundle key: it follows from the signing key, so that every home has one, also those of before there
/// were bundles.
pub fn bundle_secret(signing: &SigningKey) -> BundleSecret {
    BundleSecret::following(signing.as_bytes(), "desk")
}

/// What bundles to the device that is being enrolled are sealed to.
pub(crate) fn bundle_key(secrets: &Secrets) -> Result<BundleKey, Failure> {
    Ok(bundle_secret(&signing(secrets)?).key())
}

/// The first journal and a signature of the device's key over the enrolment's proof bytes.
pub(crate) fn proof(secrets: &Secrets, token: &[u8]) -> Result<(JournalId, String), Failure> {
    use domain::Signer;
    let journal = journal(secrets)?;
    let signature = signing(secrets)?.sign(&domain::enrol::proof_bytes(token, journal));
    Ok((journal, hex(&signature.to_bytes())))
}

/// The six words that the county must see of this device.
pub(crate) fn words(secrets: &Secrets, county: Sha, token_hash: Sha) -> Result<String, Failure> {
    let certificate = Sha::of(&unhex_all(&secrets.certificate).ok_or_else(sealing_failed)?);
    Ok(domain::enrol::words(county, token_hash, &public_key(secrets)?, certificate))
}

/// Certificate and private key (DER) for TLS.
pub(crate) fn tls_identity(secrets: &Secrets) -> Result<(Vec<u8>, Zeroizing<Vec<u8>>), Failure> {
    let certificate = unhex_all(&secrets.certificate).ok_or_else(sealing_failed)?;
    let key = Zeroizing::new(unhex_all(&secrets.certificate_key).ok_or_else(sealing_failed)?);
    Ok((certificate, key))
}

/// The key of household file ids, for desks of the centre.
pub(crate) fn file_key(secrets: &Secrets) -> Option<Zeroizing<[u8; 32]>> {
    secrets.file_key.as_deref().and_then(unhex).map(Zeroizing::new)
}

fn file_keys(secrets: &Secrets) -> Result<(FileKey, Zeroizing<[u8; 32]>), Failure> {
    let database = FileKey(Zeroizing::new(unhex(&secrets.database).ok_or_else(sealing_failed)?));
    let anchor = Zeroizing::new(unhex(&secrets.anchor).ok_or_else(sealing_failed)?);
    Ok((database, anchor))
}

fn open_store(home: &Path, secrets: &Secrets) -> Result<(Store, Standing), Failure> {
    let (database, anchor) = file_keys(secrets)?;
    Store::open(&home.join(DATABASE), &database, anchor).map_err(|fault| {
        // The keys came out of their wrapping, so a file that they do not open is another file or a damaged one.
        if let store::StoreFault::Open(store::file::OpenFault::WrongKey) = fault {
            broken(&fault)
        } else {
            Failure::from(fault)
        }
    })
}

/// A home whose keys are at hand and whose file is not open, not by this.
pub(crate) struct Closed {
    pub(crate) folder: PathBuf,
    pub(crate) copier: Copier,
    keys: KeysFile,
    opened: Opened,
    lock: Option<File>,
}

/// The home of a passphrase; alone, if `alone`.
///
/// # Errors
/// `NoHome`, `WrongPassphrase`, `PracticeOnly`, `KeyringSilent`, `KeyringEmpty`, and where it is to be alone `HomeInUse`.
pub(crate) fn closed(home: &Path, passphrase: &str, clock: &Clock, alone: bool, ring: Ring) -> Result<Closed, Failure> {
    let keys = kept(home)?;
    if !clock.is_system() && !keys.practice {
        return Err(Failure::new(Code::PracticeOnly, &[]));
    }
    let lock = if alone { Some(lock(home)?) } else { None };
    let opened = unwrap(&keys, passphrase, ring)?;
    let (database, anchor) = file_keys(&opened.secrets)?;
    let copier = Copier::new(home.join(DATABASE), database, anchor);
    Ok(Closed { folder: home.to_owned(), copier, keys, opened, lock })
}

impl Closed {
    /// The same, alone from now on.
    pub(crate) fn with_lock(self, lock: File) -> Self {
        Self { lock: Some(lock), ..self }
    }

    pub(crate) fn open(self, clock: Clock, reader: Reader, ring: Ring) -> Result<Parts, Failure> {
        let (store, standing) = self.sound_store().map_err(|failure| {
            // Nothing was to be saved yet: what fails is what was saved.
            if failure.code == Code::DiskBroken {
                Failure { incident: failure.incident, ..Failure::new(Code::HomeDamaged, &[]) }
            } else {
                failure
            }
        })?;
        if let Err(failure) = self.ways_in(&store, ring) {
            // Noted with its cause; the home opens without it, and the next opening tries again.
            drop(failure);
        }
        let parts = self.parts(store, clock, reader)?;
        Ok(Parts { standing, lock: self.lock, ..parts })
    }

    /// Keeps the other ways in as the log wants them: the officers' boxes, and while there are boxes the machine's secret as a
    /// second thing that the passphrase needs. In this order, so that at no moment the keyring is the only one.
    fn ways_in(&self, store: &Store, ring: Ring) -> Result<(), Failure> {
        // Where joining was cut off, a wrapping that needs no machine is left.
        erase(&self.folder.join(PENDING))?;
        let officers = crate::recovery::in_force(store)?;
        let two_can_open = crate::recovery::two_can_open(store, &officers)?;
        if let (false, Some(machine)) = (two_can_open, &self.opened.machine) {
            self.bind(None)?;
            if let Some(ring) = ring {
                ring.remove(&machine.name);
            }
        }
        crate::recovery::keep(&self.folder, &self.opened.secrets, store, officers)?;
        if let (true, None, Some(ring)) = (two_can_open, &self.opened.machine, ring)
            && ring.binds(self.keys.practice)
            && let Some(machine) = Machine::fresh(ring)?
        {
            self.bind(Some(&machine))?;
        }
        Ok(())
    }

    /// Wraps the keys for the same passphrase with this machine's secret, or with none: whole or not at all.
    fn bind(&self, machine: Option<&Machine>) -> Result<(), Failure> {
        replace(&self.folder, &self.keys.clone().sealing(&self.opened.secrets, &self.opened.stretched, machine)?)
    }

    /// The store, read through first if its disk failed when it was last open.
    fn sound_store(&self) -> Result<(Store, Standing), Failure> {
        let (store, standing) = open_store(&self.folder, &self.opened.secrets)?;
        let doubt = self.folder.join(DOUBT);
        if doubt.exists() {
            store.sound().map_err(|fault| broken(&fault))?;
            fs::remove_file(&doubt).map_err(io)?;
        }
        Ok((store, standing))
    }

    /// The parts of a desk over a store of this home's keys, for a look: it writes nowhere and speaks to nobody.
    pub(crate) fn parts(&self, store: Store, clock: Clock, reader: Reader) -> Result<Parts, Failure> {
        Ok(Parts {
            store,
            standing: Standing::Sound,
            signing: signing(&self.opened.secrets)?,
            file_key: file_key(&self.opened.secrets),
            tls: tls_identity(&self.opened.secrets).ok(),
            reader,
            clock,
            chance: Chance::system(),
            lock: None,
        })
    }
}

/// When the home was last found behind its anchor, if ever.
pub(crate) fn was_behind(store: &Store) -> Result<Option<Millis>, Failure> {
    Ok(store.meta::<Option<Millis>>(WAS_BEHIND)?.flatten())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_guess_costs_half_a_second_on_any_machine() {
        for floor in [1, 20, 60, 110, 225, 249, 400, 499] {
            let cost = fitting(floor);
            let ms = floor * 2 * i64::from(cost.passes) / 3;
            assert!(ms >= LEAST_MS || cost.passes == MOST_PASSES, "{floor}: {cost:?} takes {ms} ms");
            assert!(ms <= 1_000, "{floor}: {cost:?} takes {ms} ms");
        }
        // An old machine is not made to wait longer than the floor asks.
        for floor in [500, 900, 3_000] {
            assert_eq!(fitting(floor), FLOOR);
        }
    }

    #[test]
    fn an_older_home_reads_its_identity_and_has_a_bundle_key() {
        let old = r#"{"person":"zhou","name":"周启明","role":"SCHOOL_DIRECTOR","device":"0101010101010101",
            "log":"0202020202020202","county":"青石县","address":"https://127.0.0.1:1","certificate":"CERT","practice":true}"#
            .replace("CERT", &"03".repeat(32));
        let identity: Identity = serde_json::from_str(&old).expect("an identity");
        assert_eq!(identity.bundle_key, None);
        let signing = SigningKey::from_bytes(&[7; 32]);
        // FROZEN with `BundleSecret::following`: an older home must come to the same key at each start.
        assert_eq!(
            bundle_secret(&signing).key().to_string(),
            "f276f9e74bb111c749bdfcf286e56a4e05f6bfce0358d21f72093338a8915656"
        );
    }

    fn secrets() -> Secrets {
        Secrets {
            database: "d".into(),
            anchor: "a".into(),
            signing: "s".into(),
            journal: "j".into(),
            certificate: "c".into(),
            certificate_key: "k".into(),
            file_key: None,
        }
    }

    #[test]
    fn only_the_passphrase_opens_the_keys() {
        let secrets = secrets();
        let mut keys = wrap(&secrets, "老槐树往北第二家", true, None).expect("wraps");
        assert_eq!(unwrap(&keys, "老槐树往北第二家", None).expect("opens").secrets.database, "d");
        assert_eq!(unwrap(&keys, "老槐树往北第三家", None).err().map(|f| f.code), Some(Code::WrongPassphrase));
        // A practice home cannot be turned into a real one by editing the file.
        keys.practice = false;
        assert!(unwrap(&keys, "老槐树往北第二家", None).is_err());
    }

    #[test]
    fn a_wrapping_bound_to_a_machine_needs_both_and_says_which_is_missing() {
        let passphrase = "老槐树往北第二家";
        let ring = crate::keyring::tests::Pocket::default();
        let secrets = secrets();
        let machine = Machine::fresh(&ring).expect("random").expect("kept");
        let keys = wrap_with(&secrets, passphrase, true, None, Some(&machine)).expect("wraps");
        let opened =
            |keys: &KeysFile, ring: Ring| unwrap(keys, passphrase, ring).map(|opened| opened.secrets.database.clone());
        let code = |keys: &KeysFile, ring: Ring| opened(keys, ring).err().map(|failure| failure.code);
        assert_eq!(opened(&keys, Some(&ring)).expect("opens"), "d");
        assert_eq!(code(&keys, None), Some(Code::KeyringSilent));
        assert_eq!(code(&keys, Some(&crate::keyring::tests::Pocket::default())), Some(Code::KeyringEmpty));
        assert_eq!(
            unwrap(&keys, "老槐树往北第三家", Some(&ring)).err().map(|failure| failure.code),
            Some(Code::WrongPassphrase)
        );
        // The passphrase alone opens nothing, whatever the file is made to say.
        let said = KeysFile { version: UNBOUND, machine: None, ..keys.clone() };
        assert_eq!(code(&said, Some(&ring)), Some(Code::WrongPassphrase));
        // Another secret under the same name.
        ring.put(&machine.name, "07".repeat(32).as_bytes()).expect("put");
        assert_eq!(code(&keys, Some(&ring)), Some(Code::WrongPassphrase));
    }
}

//! A bundle: what crosses a gap without a line, sealed from one key to another, cut into chunks that are checked one by
//! one. Pure: bytes in, bytes out, no file, no clock, no randomness of its own. It must never hold a path, say in the
//! clear who owes or who works, nor hand out one byte that the sender did not put in.
//!
//! The library is `hpke` (RFC 9180: X25519, HKDF-SHA256, ChaCha20Poly1305) and not `age`, though age brings the chunks
//! ready made: age draws its randomness itself, so that neither frozen bytes nor a replayed simulation were possible,
//! and it does not say who sealed. HPKE's mode Auth does, and that counts: what a bundle from the county says is gone,
//! a desk erases. Facts carry their signatures besides; a greeting has no other proof than this.
//!
//! ```text
//! header  92 bytes in the clear: magic "RUHU-BUNDLE-1\n" · direction · suite · receiver's and sender's key print
//!         · bundle id · day made (from 1970) · encapsulated key · first 8 bytes of the SHA-256 of the 84 before
//! frames  u32: length of the plain bytes, topmost bit set on the last · sealed bytes · tag. All but the last are full
//! plain   items {kind u8, length u32, bytes}, then {0, 36, count u32, SHA-256 of all items}, then zeros
//! ```
//! Numbers are big-endian. The header up to the key goes into HPKE's `info`; the key itself and both public keys are in
//! its own derivation; a frame's number is in the nonce, its length and last bit are its associated data. So a frame
//! that is lost, doubled, moved, shortened or brought over from another bundle does not open. The zeros fill the file
//! up to the next 4 KiB, so that its length tells little.

use std::convert::Infallible;
use std::io::{Read, Write};
use std::num::NonZeroU8;

use chrono::{Datelike, NaiveDate};
use domain::ids::{BundleId, BundleKey, KeyPrint, Sha};
use hmac::{Hmac, KeyInit as _, Mac as _};
use hpke::aead::{AeadCtxR, AeadCtxS, AeadTag, ChaCha20Poly1305};
use hpke::kdf::HkdfSha256;
use hpke::kem::X25519HkdfSha256;
use hpke::rand_core::{TryCryptoRng, TryRng};
use hpke::{Deserializable as _, Kem as _, OpModeR, OpModeS, Serializable as _};
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

pub mod boxes;
#[cfg(test)]
mod tests;

/// Bytes of a whole bundle, at most: 2 GiB, which every file system of a stick can hold.
pub const MOST_BYTES: u64 = 2 << 30;
/// Items of a bundle, at most.
pub const MOST_ITEMS: u32 = 100_000;
/// Bytes of one item, at most: 40 MiB.
pub const MOST_ITEM: u32 = 40 << 20;
/// Fresh random bytes that one bundle takes: its id and the seed of its one-time key.
pub const CHANCE: usize = 48;

// FROZEN: everything below down to `MANIFEST` is format 1.
const FAMILY: &[u8; 12] = b"RUHU-BUNDLE-";
const MAGIC: &[u8; 14] = b"RUHU-BUNDLE-1\n";
const INFO: &[u8] = b"ruhu bundle 1\0";
/// X25519, HKDF-SHA256, ChaCha20Poly1305, mode Auth. 2 is kept for SM2 and SM4.
const SUITE: u8 = 1;
const KEYLESS: usize = 52;
const CHECKED: usize = 84;
const HEADER: usize = 92;
const FRAME: usize = 4;
const TAG: usize = 16;
/// Plain bytes of a full frame: with its length and tag it is 64 KiB.
const CHUNK: usize = 65_516;
const BUCKET: u64 = 4096;
const ITEM: usize = 5;
const MANIFEST: usize = 36;

const LAST: u32 = 1 << 31;
const BEFORE_1970: i32 = 719_163;

type Aead = ChaCha20Poly1305;
type Kdf = HkdfSha256;
type Kem = X25519HkdfSha256;

/// Why a bundle cannot be written or read.
#[derive(Debug, thiserror::Error)]
pub enum BundleFault {
    /// The bytes are no bundle.
    #[error("this is no bundle")]
    NotABundle,
    /// Of a format that this version does not know.
    #[error("the bundle is of a newer format ({version})")]
    Newer {
        /// Its number.
        version: u32,
    },
    /// Sealed to another key.
    #[error("the bundle is sealed to another key ({receiver})")]
    ForAnother {
        /// Whose.
        receiver: KeyPrint,
    },
    /// Nobody here knows the key that it says it is from.
    #[error("the bundle comes from an unknown key ({sender})")]
    UnknownSender {
        /// Whose.
        sender: KeyPrint,
    },
    /// The end is missing.
    #[error("the bundle ends after {at} bytes, before its end")]
    Cut {
        /// Bytes that are there.
        at: u64,
    },
    /// Bytes are not those that were sealed.
    #[error("the bundle is damaged at byte {at}")]
    Damaged {
        /// Where the first part begins that does not fit.
        at: u64,
    },
    /// More than a bundle may hold.
    #[error("the bundle would hold more than allowed: {0}")]
    TooLarge(Limit),
    /// The receiver's key is no key, or the library refused to seal.
    #[error("the bundle cannot be sealed to this key")]
    NotSealed,
    /// An earlier write failed; what is there so far is worth nothing.
    #[error("the bundle was given up after a failed write")]
    GivenUp,
    /// What is read from or written to.
    #[error("the bundle cannot be read or written")]
    Io(#[from] std::io::Error),
}

/// Which limit was met.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Limit {
    /// [`MOST_BYTES`].
    Bytes,
    /// [`MOST_ITEMS`].
    Items,
    /// [`MOST_ITEM`].
    Item,
}

impl std::fmt::Display for Limit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Bytes => "bytes",
            Self::Items => "items",
            Self::Item => "bytes of one item",
        })
    }
}

/// Which way a bundle goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Direction {
    /// From a desk to the county.
    Up,
    /// From the county to a desk.
    Down,
}

impl Direction {
    fn code(self) -> u8 {
        match self {
            Self::Up => 1,
            Self::Down => 2,
        }
    }

    fn of_code(code: u8) -> Option<Self> {
        match code {
            1 => Some(Self::Up),
            2 => Some(Self::Down),
            _ => None,
        }
    }
}

/// The secret half of a bundle key. Forgotten from memory when dropped.
pub struct BundleSecret {
    secret: <Kem as hpke::Kem>::PrivateKey,
    public: BundleKey,
}

impl BundleSecret {
    /// The key pair of these 32 secret bytes, always the same one (DeriveKeyPair of RFC 9180).
    pub fn of_seed(seed: &[u8; 32]) -> Self {
        let (secret, public) = Kem::derive_keypair(seed);
        Self { secret, public: BundleKey(public.to_bytes().0) }
    }

    /// The key pair that follows from another secret: for homes that were made before there were bundles. `purpose`
    /// keeps what follows from one secret for different ends apart.
    pub fn following(secret: &[u8; 32], purpose: &str) -> Self {
        let mut seed = Zeroizing::new([0; 32]);
        // An HMAC takes a key of any length, so this cannot fail.
        if let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret) {
            mac.update(b"ruhu bundle key 1\0");
            mac.update(purpose.as_bytes());
            seed.copy_from_slice(&mac.finalize().into_bytes());
        }
        Self::of_seed(&seed)
    }

    fn secret(&self) -> &<Kem as hpke::Kem>::PrivateKey {
        &self.secret
    }

    /// The half that others may know.
    pub fn key(&self) -> BundleKey {
        self.public
    }
}

impl std::fmt::Debug for BundleSecret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "BundleSecret(•••, {})", self.public.print())
    }
}

fn public(key: &BundleKey) -> Result<<Kem as hpke::Kem>::PublicKey, BundleFault> {
    <Kem as hpke::Kem>::PublicKey::from_bytes(&key.0).ok().ok_or(BundleFault::NotSealed)
}

/// From whom, to whom, when: what the header of a new bundle is made of.
#[derive(Debug, Clone, Copy)]
pub struct Envelope<'a> {
    /// Who seals.
    pub from: &'a BundleSecret,
    /// Who alone can open.
    pub to: BundleKey,
    /// Which way it goes.
    pub direction: Direction,
    /// The day it is made, by the sender's clock; for people to tell an old bundle from a new one.
    pub made_on: NaiveDate,
}

/// What a bundle says in the clear. Nothing of it is proven before the bundle is opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    /// Which way it goes.
    pub direction: Direction,
    /// Whose key opens it.
    pub receiver: KeyPrint,
    /// Whose key sealed it.
    pub sender: KeyPrint,
    /// Its id.
    pub id: BundleId,
    /// The day it was made, by the sender's clock.
    pub made_on: NaiveDate,
}

impl Header {
    /// Reads the header at the beginning of `input`.
    ///
    /// # Errors
    /// `NotABundle`, `Newer`, `Cut`, `Damaged`, `Io`.
    pub fn read(input: &mut impl Read) -> Result<Self, BundleFault> {
        Raw::read(input).map(|raw| raw.header)
    }

    /// The bytes before the encapsulated key.
    fn bytes(&self) -> Vec<u8> {
        let days = self.made_on.num_days_from_ce().saturating_sub(BEFORE_1970);
        let mut out = Vec::with_capacity(HEADER);
        out.extend_from_slice(MAGIC);
        out.push(self.direction.code());
        out.push(SUITE);
        out.extend_from_slice(&self.receiver.0);
        out.extend_from_slice(&self.sender.0);
        out.extend_from_slice(&self.id.0);
        out.extend_from_slice(&u32::try_from(days).unwrap_or(0).to_be_bytes());
        out
    }

    fn info(keyless: &[u8]) -> Vec<u8> {
        [INFO, keyless].concat()
    }
}

/// A header with its bytes.
struct Raw {
    header: Header,
    info: Vec<u8>,
    encapsulated: [u8; 32],
}

impl Raw {
    fn read(input: &mut impl Read) -> Result<Self, BundleFault> {
        let mut bytes = [0; HEADER];
        let there = read_up_to(input, &mut bytes)?;
        let seen = bytes.get(..there).unwrap_or_default();
        if !seen.iter().zip(FAMILY).all(|(found, wanted)| found == wanted) {
            return Err(BundleFault::NotABundle);
        }
        let cut = BundleFault::Cut { at: wide(there) };
        let Some(rest) = seen.get(FAMILY.len()..) else { return Err(cut) };
        // A later format may have a shorter header: its number is looked at first.
        match rest.iter().position(|byte| *byte == b'\n') {
            Some(end) => {
                let number = rest.get(..end).and_then(|digits| std::str::from_utf8(digits).ok());
                match number.and_then(|digits| digits.parse().ok()) {
                    Some(1_u32) if end == 1 => {}
                    Some(version) if version > 1 => return Err(BundleFault::Newer { version }),
                    Some(_) | None => return Err(BundleFault::NotABundle),
                }
            }
            None if rest.len() <= 1 && rest.iter().all(u8::is_ascii_digit) => return Err(cut),
            None => return Err(BundleFault::NotABundle),
        }
        if there < HEADER {
            return Err(cut);
        }
        let damaged = || BundleFault::Damaged { at: 0 };
        let (checked, check) = bytes.split_at_checked(CHECKED).ok_or_else(damaged)?;
        if Sha::of(checked).0.get(..check.len()) != Some(check) {
            return Err(damaged());
        }
        let keyless = checked.get(..KEYLESS).ok_or_else(damaged)?;
        let mut rest = checked.get(MAGIC.len()..).ok_or_else(damaged)?;
        let [direction, suite] = part(&mut rest).ok_or_else(damaged)?;
        let (Some(direction), SUITE) = (Direction::of_code(direction), suite) else {
            // Whoever wrote a whole header of this version with these knows something that this version does not.
            return Err(BundleFault::Newer { version: 1 });
        };
        let receiver = KeyPrint(part(&mut rest).ok_or_else(damaged)?);
        let sender = KeyPrint(part(&mut rest).ok_or_else(damaged)?);
        let id = BundleId(part(&mut rest).ok_or_else(damaged)?);
        let days = u32::from_be_bytes(part(&mut rest).ok_or_else(damaged)?);
        let made_on = i32::try_from(days)
            .ok()
            .and_then(|days| NaiveDate::from_num_days_from_ce_opt(days.saturating_add(BEFORE_1970)))
            .ok_or_else(damaged)?;
        let header = Header { direction, receiver, sender, id, made_on };
        Ok(Self { header, info: Header::info(keyless), encapsulated: part(&mut rest).ok_or_else(damaged)? })
    }
}

/// Takes the first `N` bytes off.
fn part<const N: usize>(bytes: &mut &[u8]) -> Option<[u8; N]> {
    let (now, later) = bytes.split_first_chunk()?;
    *bytes = later;
    Some(*now)
}

/// One thing in a bundle. What a kind means is the exchange's to say; a bundle carries them unread.
#[derive(Clone, PartialEq, Eq)]
pub struct Item {
    /// Its kind.
    pub kind: NonZeroU8,
    /// Its bytes.
    pub bytes: Vec<u8>,
}

impl std::fmt::Debug for Item {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Item({}, {} bytes)", self.kind, self.bytes.len())
    }
}

/// The randomness of one bundle as the library wants to have it: what was given, once.
struct Given<'a> {
    bytes: &'a [u8],
    /// The library asked for more than it was given.
    dry: bool,
}

impl<'a> Given<'a> {
    fn of(bytes: &'a [u8]) -> Self {
        Self { bytes, dry: false }
    }
}

impl TryRng for Given<'_> {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        let mut out = [0; 4];
        self.try_fill_bytes(&mut out)?;
        Ok(u32::from_be_bytes(out))
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        let mut out = [0; 8];
        self.try_fill_bytes(&mut out)?;
        Ok(u64::from_be_bytes(out))
    }

    fn try_fill_bytes(&mut self, out: &mut [u8]) -> Result<(), Infallible> {
        match self.bytes.split_at_checked(out.len()) {
            Some((now, later)) => {
                out.copy_from_slice(now);
                self.bytes = later;
            }
            None => self.dry = true,
        }
        Ok(())
    }
}

impl TryCryptoRng for Given<'_> {}

fn wide(n: usize) -> u64 {
    u64::try_from(n).unwrap_or(u64::MAX)
}

/// Bytes of the file once `plain` bytes are sealed in frames of `chunk` and filled up.
fn closed_size(plain: u64, chunk: usize) -> u64 {
    let frames = plain.div_ceil(wide(chunk)).max(1);
    let bare = wide(HEADER).saturating_add(plain).saturating_add(frames.saturating_mul(wide(FRAME + TAG)));
    bare.checked_next_multiple_of(BUCKET).unwrap_or(u64::MAX)
}

/// What the smallest bundle measures, bytes.
pub(crate) const LEAST_BYTES: u64 = BUCKET;

/// What the size of a file alone says against it.
pub(crate) fn size_fault(bytes: u64) -> Option<BundleFault> {
    if bytes > MOST_BYTES {
        Some(BundleFault::TooLarge(Limit::Bytes))
    } else if bytes < LEAST_BYTES || !bytes.is_multiple_of(BUCKET) {
        Some(BundleFault::Cut { at: bytes })
    } else {
        None
    }
}

/// Plain bytes in a file of this size: the other way round.
fn plain_size(file: u64, chunk: usize) -> u64 {
    let frames = file.saturating_sub(wide(HEADER)).div_ceil(wide(chunk + FRAME + TAG));
    file.saturating_sub(wide(HEADER)).saturating_sub(frames.saturating_mul(wide(FRAME + TAG)))
}

/// Writes one bundle, item by item; a bundle that is not [finished](Writer::finish) reads as cut.
pub struct Writer<W: Write> {
    out: W,
    sealing: AeadCtxS<Aead, Kdf, Kem>,
    header: Header,
    chunk: usize,
    /// The frame that is being filled.
    plain: Zeroizing<Vec<u8>>,
    /// Plain bytes so far, with those in `plain`.
    total: u64,
    items: u32,
    hash: Sha256,
    given_up: bool,
}

impl<W: Write> Writer<W> {
    /// Begins a bundle on `out` with its header. `chance` is fresh randomness and used for this one bundle alone: twice
    /// the same would seal two bundles under one key.
    ///
    /// # Errors
    /// `NotSealed` for a receiver's key that is none, `Io`.
    pub fn new(out: W, envelope: &Envelope<'_>, chance: &[u8; CHANCE]) -> Result<Self, BundleFault> {
        Self::sized(out, envelope, chance, CHUNK)
    }

    fn sized(mut out: W, envelope: &Envelope<'_>, chance: &[u8; CHANCE], chunk: usize) -> Result<Self, BundleFault> {
        let (id, seed) = chance.split_first_chunk::<16>().ok_or(BundleFault::NotSealed)?;
        let header = Header {
            direction: envelope.direction,
            receiver: envelope.to.print(),
            sender: envelope.from.public.print(),
            id: BundleId(*id),
            made_on: envelope.made_on,
        };
        let mut bytes = header.bytes();
        let from = OpModeS::Auth((envelope.from.secret.clone(), public(&envelope.from.public)?));
        let mut given = Given::of(seed);
        let (encapsulated, sealing) = hpke::setup_sender_with_rng::<Aead, Kdf, Kem>(
            &from,
            &public(&envelope.to)?,
            &Header::info(&bytes),
            &mut given,
        )
        .ok()
        .filter(|_| !given.dry)
        .ok_or(BundleFault::NotSealed)?;
        bytes.extend_from_slice(&encapsulated.to_bytes());
        let check = Sha::of(&bytes);
        bytes.extend_from_slice(check.0.get(..HEADER - CHECKED).unwrap_or_default());
        out.write_all(&bytes)?;
        let plain = Zeroizing::new(Vec::with_capacity(chunk));
        let hash = Sha256::new();
        Ok(Self { out, sealing, header, chunk, plain, total: 0, items: 0, hash, given_up: false })
    }

    /// Its header.
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// Items so far.
    pub fn items(&self) -> u32 {
        self.items
    }

    /// What the closed file would measure with one more item of `more` bytes.
    pub fn size_with(&self, more: u64) -> u64 {
        let plain = self.total.saturating_add(wide(ITEM)).saturating_add(more);
        closed_size(plain.saturating_add(wide(ITEM + MANIFEST)), self.chunk)
    }

    /// Whether one more item of `bytes` bytes may be put in.
    pub fn fits(&self, bytes: u64) -> bool {
        self.limit_met(bytes).is_none()
    }

    fn limit_met(&self, bytes: u64) -> Option<Limit> {
        if bytes > u64::from(MOST_ITEM) {
            Some(Limit::Item)
        } else if self.items >= MOST_ITEMS {
            Some(Limit::Items)
        } else if self.size_with(bytes) > MOST_BYTES {
            Some(Limit::Bytes)
        } else {
            None
        }
    }

    /// Puts an item in.
    ///
    /// # Errors
    /// `TooLarge`, after which the bundle is as it was before; `Io`, after which it must be given up.
    pub fn put(&mut self, kind: NonZeroU8, bytes: &[u8]) -> Result<(), BundleFault> {
        if self.given_up {
            return Err(BundleFault::GivenUp);
        }
        if let Some(limit) = self.limit_met(wide(bytes.len())) {
            return Err(BundleFault::TooLarge(limit));
        }
        let head = item_head(kind.get(), bytes.len())?;
        self.items = self.items.saturating_add(1);
        self.hash.update(head);
        self.hash.update(bytes);
        self.append(&head)?;
        self.append(bytes)
    }

    /// Closes the bundle and gives back what it was written to, with the number of bytes.
    ///
    /// # Errors
    /// `GivenUp` after a failed write, `Io`.
    pub fn finish(mut self) -> Result<(W, u64), BundleFault> {
        if self.given_up {
            return Err(BundleFault::GivenUp);
        }
        let mut manifest = self.items.to_be_bytes().to_vec();
        manifest.extend_from_slice(&std::mem::take(&mut self.hash).finalize());
        self.append(&item_head(0, manifest.len())?)?;
        self.append(&manifest)?;
        let size = closed_size(self.total, self.chunk);
        let mut lacking = plain_size(size, self.chunk).saturating_sub(self.total);
        let zeros = [0; 256];
        while lacking > 0 {
            let now = usize::try_from(lacking).unwrap_or(usize::MAX).min(zeros.len());
            self.append(zeros.get(..now).unwrap_or_default())?;
            lacking = lacking.saturating_sub(wide(now));
        }
        self.seal(true)?;
        self.out.flush()?;
        Ok((self.out, size))
    }

    fn append(&mut self, mut bytes: &[u8]) -> Result<(), BundleFault> {
        self.total = self.total.saturating_add(wide(bytes.len()));
        while !bytes.is_empty() {
            // A full frame waits for the byte after it: it may be the last one.
            if self.plain.len() >= self.chunk {
                self.seal(false)?;
            }
            let room = self.chunk.saturating_sub(self.plain.len()).min(bytes.len());
            let (now, later) = bytes.split_at_checked(room).unwrap_or((bytes, &[]));
            self.plain.extend_from_slice(now);
            bytes = later;
        }
        Ok(())
    }

    fn seal(&mut self, last: bool) -> Result<(), BundleFault> {
        self.given_up = true;
        let length = u32::try_from(self.plain.len()).ok().ok_or(BundleFault::NotSealed)?;
        let frame = (length | if last { LAST } else { 0 }).to_be_bytes();
        let sealed = self.sealing.seal_inout_detached(self.plain.as_mut_slice().into(), &frame);
        let tag = sealed.ok().ok_or(BundleFault::NotSealed)?.to_bytes();
        self.out.write_all(&frame)?;
        self.out.write_all(&self.plain)?;
        self.out.write_all(&tag)?;
        self.plain.clear();
        self.given_up = false;
        Ok(())
    }
}

fn item_head(kind: u8, length: usize) -> Result<[u8; ITEM], BundleFault> {
    let [a, b, c, d] = u32::try_from(length).ok().ok_or(BundleFault::TooLarge(Limit::Item))?.to_be_bytes();
    Ok([kind, a, b, c, d])
}

/// Reads one bundle, item by item, with one frame and one item in memory.
///
/// Every item that it gives was put in by the sender, at that place; that nothing is missing at the end is known once
/// it has given `None` and [`whole`](Reader::whole) says so. After a fault it gives nothing more.
pub struct Reader<R: Read> {
    input: R,
    opening: AeadCtxR<Aead, Kdf, Kem>,
    header: Header,
    chunk: usize,
    /// The frame that is being emptied, and how much of it has been given out.
    plain: Zeroizing<Vec<u8>>,
    given: usize,
    last: bool,
    /// Bytes of the input taken so far, and where the present frame began.
    at: u64,
    frame_at: u64,
    items: u32,
    hash: Sha256,
    state: State,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Reading,
    Whole,
    Failed,
}

impl<R: Read> Reader<R> {
    /// Opens the bundle on `input` with the receiver's secret; `sender` finds the whole key to a key print, if whoever
    /// holds it may send here.
    ///
    /// # Errors
    /// `NotABundle`, `Newer`, `ForAnother`, `UnknownSender`, `Cut`, `Damaged`, `Io`.
    pub fn new(
        input: R,
        secret: &BundleSecret,
        sender: impl FnOnce(KeyPrint) -> Option<BundleKey>,
    ) -> Result<Self, BundleFault> {
        Self::sized(input, secret, sender, CHUNK)
    }

    fn sized(
        mut input: R,
        secret: &BundleSecret,
        sender: impl FnOnce(KeyPrint) -> Option<BundleKey>,
        chunk: usize,
    ) -> Result<Self, BundleFault> {
        let Raw { header, info, encapsulated } = Raw::read(&mut input)?;
        if header.receiver != secret.public.print() {
            return Err(BundleFault::ForAnother { receiver: header.receiver });
        }
        let unknown = BundleFault::UnknownSender { sender: header.sender };
        let Some(from) = sender(header.sender).filter(|key| key.print() == header.sender) else { return Err(unknown) };
        let Ok(from) = public(&from) else { return Err(unknown) };
        let damaged = || BundleFault::Damaged { at: 0 };
        let encapsulated = <Kem as hpke::Kem>::EncappedKey::from_bytes(&encapsulated).ok().ok_or_else(damaged)?;
        let from = OpModeR::Auth(from);
        let opening = hpke::setup_receiver::<Aead, Kdf, Kem>(&from, &secret.secret, &encapsulated, &info)
            .ok()
            .ok_or_else(damaged)?;
        Ok(Self {
            input,
            opening,
            header,
            chunk,
            plain: Zeroizing::new(Vec::with_capacity(chunk)),
            given: 0,
            last: false,
            at: wide(HEADER),
            frame_at: wide(HEADER),
            items: 0,
            hash: Sha256::new(),
            state: State::Reading,
        })
    }

    /// Its header.
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// Whether every item has been given and the file ended where the sender ended it.
    pub fn whole(&self) -> bool {
        self.state == State::Whole
    }

    fn damaged(&self) -> BundleFault {
        BundleFault::Damaged { at: self.frame_at }
    }

    fn next_frame(&mut self) -> Result<(), BundleFault> {
        if self.last {
            // The sender's own stream ends within an item.
            return Err(self.damaged());
        }
        self.frame_at = self.at;
        let mut frame = [0; FRAME];
        self.take(&mut frame)?;
        let word = u32::from_be_bytes(frame);
        self.last = word & LAST != 0;
        let length = usize::try_from(word & !LAST).unwrap_or(usize::MAX);
        if length > self.chunk || (length < self.chunk && !self.last) {
            return Err(self.damaged());
        }
        if self.at.saturating_add(wide(length + TAG)) > MOST_BYTES {
            return Err(BundleFault::TooLarge(Limit::Bytes));
        }
        let mut plain = std::mem::take(&mut self.plain);
        plain.resize(length, 0);
        self.take(&mut plain)?;
        let mut tag = [0; TAG];
        self.take(&mut tag)?;
        let tag = AeadTag::from_bytes(&tag).ok().ok_or_else(|| self.damaged())?;
        self.opening
            .open_inout_detached(plain.as_mut_slice().into(), &frame, &tag)
            .ok()
            .ok_or_else(|| self.damaged())?;
        self.plain = plain;
        self.given = 0;
        if self.last && read_up_to(&mut self.input, &mut [0])? > 0 {
            return Err(BundleFault::Damaged { at: self.at });
        }
        Ok(())
    }

    /// Fills `out` from the input.
    fn take(&mut self, out: &mut [u8]) -> Result<(), BundleFault> {
        let there = read_up_to(&mut self.input, out)?;
        self.at = self.at.saturating_add(wide(there));
        if there < out.len() { Err(BundleFault::Cut { at: self.at }) } else { Ok(()) }
    }

    /// Plain bytes of the present frame that were not given yet.
    fn rest(&self) -> &[u8] {
        self.plain.get(self.given..).unwrap_or_default()
    }

    /// Gives the next `length` plain bytes to `out`, frame by frame.
    fn give(&mut self, mut length: usize, mut out: impl FnMut(&[u8])) -> Result<(), BundleFault> {
        while length > 0 {
            if self.rest().is_empty() {
                self.next_frame()?;
            }
            let now = self.rest().get(..length).unwrap_or_else(|| self.rest());
            out(now);
            let now = now.len();
            self.given = self.given.saturating_add(now);
            length = length.saturating_sub(now);
        }
        Ok(())
    }

    fn next_item(&mut self) -> Result<Option<Item>, BundleFault> {
        let mut head = Vec::with_capacity(ITEM);
        self.give(ITEM, |bytes| head.extend_from_slice(bytes))?;
        let [kind, a, b, c, d] = *head.as_slice() else { return Err(self.damaged()) };
        let length = u32::from_be_bytes([a, b, c, d]);
        let Some(kind) = NonZeroU8::new(kind) else { return self.close(length).map(|()| None) };
        if self.items >= MOST_ITEMS {
            return Err(BundleFault::TooLarge(Limit::Items));
        }
        if length > MOST_ITEM {
            return Err(BundleFault::TooLarge(Limit::Item));
        }
        let length = usize::try_from(length).ok().ok_or(BundleFault::TooLarge(Limit::Item))?;
        let mut bytes = Vec::new();
        bytes.try_reserve_exact(length).ok().ok_or(BundleFault::TooLarge(Limit::Item))?;
        self.give(length, |now| bytes.extend_from_slice(now))?;
        self.items = self.items.saturating_add(1);
        self.hash.update(&head);
        self.hash.update(&bytes);
        Ok(Some(Item { kind, bytes }))
    }

    /// The manifest, the zeros after it and the end of the input.
    fn close(&mut self, length: u32) -> Result<(), BundleFault> {
        if length != u32::try_from(MANIFEST).unwrap_or(0) {
            return Err(self.damaged());
        }
        let mut manifest = Vec::with_capacity(MANIFEST);
        self.give(MANIFEST, |bytes| manifest.extend_from_slice(bytes))?;
        let mut wanted = self.items.to_be_bytes().to_vec();
        wanted.extend_from_slice(&std::mem::take(&mut self.hash).finalize());
        if manifest != wanted {
            return Err(self.damaged());
        }
        loop {
            if self.rest().iter().any(|byte| *byte != 0) {
                return Err(self.damaged());
            }
            if self.last {
                return Ok(());
            }
            self.next_frame()?;
        }
    }
}

impl<R: Read> Iterator for Reader<R> {
    type Item = Result<Item, BundleFault>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.state != State::Reading {
            return None;
        }
        match self.next_item() {
            Ok(Some(item)) => Some(Ok(item)),
            Ok(None) => {
                self.state = State::Whole;
                None
            }
            Err(fault) => {
                self.state = State::Failed;
                Some(Err(fault))
            }
        }
    }
}

/// Fills as much of `out` as `input` still has.
fn read_up_to(input: &mut impl Read, out: &mut [u8]) -> std::io::Result<usize> {
    let mut there = 0_usize;
    while let Some(room) = out.get_mut(there..).filter(|room| !room.is_empty()) {
        match input.read(room) {
            Ok(0) => break,
            Ok(now) => there = there.saturating_add(now),
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(there)
}

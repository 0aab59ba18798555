//! Couriers carry the exchange: over HTTPS in `https`, by a function call in tests. A courier tries each step once and says
//! how it went; it knows no rule and keeps nothing. Whoever holds one repeats a step that broke, for as long as the courier
//! has patience: every step may be repeated.

mod https;
mod pace;

use domain::blob::{Piece, Stand};
use domain::enrol::{EnrolAsk, EnrolReply, Refusal};
use domain::exchange::{Acks, Hello, PAGE_BYTES, Page, Pull, Push, Sum, Welcome};
use domain::ids::{DeviceId, Sha};
use domain::wire::WireFault;

pub use https::Https;

/// What went wrong underneath.
pub type Cause = Box<dyn std::error::Error + Send + Sync>;

/// Why a message did not get through.
#[derive(Debug, thiserror::Error)]
pub enum CourierFault {
    /// Nobody answers there.
    #[error("the county is not reached")]
    Unreachable(#[source] Cause),
    /// It is not the county that was joined.
    #[error("the server's certificate is not the county's")]
    NotTrusted,
    /// The line broke.
    #[error("the line broke")]
    Broken(#[source] Cause),
    /// The county says no.
    #[error("the county refused: {0:?}")]
    Refused(Refusal),
    /// An answer that cannot be read.
    #[error("the answer cannot be read")]
    Wire(#[from] WireFault),
    /// TLS could not be set up.
    #[error("TLS cannot be set up")]
    Tls(#[from] rustls::Error),
}

/// Takes a blob's bytes as they arrive. False breaks off.
pub type Keeping<'a> = dyn FnMut(&[u8]) -> bool + 'a;

/// Signs for the certificate (SHA-256 of its DER) that a line speaks with.
pub type Prove<'a> = dyn Fn(Sha) -> [u8; 64] + 'a;

/// Carries the exchange's messages.
pub trait Courier: Send + Sync {
    /// Presents an invitation.
    ///
    /// # Errors
    /// [`CourierFault`].
    fn enrol(&self, ask: &EnrolAsk) -> Result<EnrolReply, CourierFault>;
    /// Presents a device that the county does not know, with its enrolment among the fragments. `prove` signs
    /// `domain::enrol::offer_bytes` over the certificate that this line speaks with.
    ///
    /// # Errors
    /// [`CourierFault`].
    fn offer(&self, device: DeviceId, prove: &Prove<'_>, push: &Push) -> Result<(), CourierFault>;
    /// Greets.
    ///
    /// # Errors
    /// [`CourierFault`].
    fn hello(&self, hello: &Hello) -> Result<Welcome, CourierFault>;
    /// Sends batches.
    ///
    /// # Errors
    /// [`CourierFault`].
    fn push(&self, push: &Push) -> Result<Acks, CourierFault>;
    /// Asks for a page.
    ///
    /// # Errors
    /// [`CourierFault`].
    fn pull(&self, pull: &Pull) -> Result<Page, CourierFault>;
    /// Compares sums.
    ///
    /// # Errors
    /// [`CourierFault`].
    fn close(&self, pull: &Pull) -> Result<Sum, CourierFault>;
    /// Asks how much of a blob is at the county.
    ///
    /// # Errors
    /// [`CourierFault`].
    fn blob_stand(&self, piece: &Piece) -> Result<Stand, CourierFault>;
    /// Sends a blob's bytes from `piece.from` to its end; `told` hears what is safe at the county, again and again. The
    /// last word is returned; a refusal of the bytes themselves (`Gap`, `WrongBytes`) is in it. If it is neither kept nor
    /// refused, the flow was given up for a new one, and the sending goes on at once from what the county has.
    ///
    /// # Errors
    /// [`CourierFault`]; then what was told last is safe at the county, and more may be.
    fn put_blob(&self, piece: &Piece, whole: &[u8], told: &mut dyn FnMut(u64)) -> Result<Stand, CourierFault>;
    /// Fetches a blob's bytes from an offset to its end. They are not checked against the hash.
    ///
    /// # Errors
    /// [`CourierFault`]; then what was kept so far goes on later.
    fn get_blob(&self, sha: Sha, from: u64, keep: &mut Keeping<'_>) -> Result<(), CourierFault>;
    /// Brings another's sealed bundle to the county and takes the sealed answer to it.
    ///
    /// # Errors
    /// [`CourierFault`].
    fn bundle(&self, sealed: &[u8]) -> Result<Vec<u8>, CourierFault>;
    /// Bytes out and in so far.
    fn traffic(&self) -> (u64, u64);
    /// Most bytes of batches, before compression, that should go in one push or page on this line now.
    fn page(&self) -> usize {
        PAGE_BYTES
    }
    /// Called after a step that broke, with the number of steps in a row that broke without moving anything (0 if this
    /// one moved something). Waits as long as is wise and says whether to try again. Unless told otherwise, never.
    fn rest(&self, fruitless: u32) -> bool {
        fruitless == u32::MAX
    }
}

//! Messages as they travel and as they lie on a stick: zstd with a dictionary that both sides ship, so that a single visit
//! is small too. Nothing here is hashed or signed: seals are over what is inside.
//! It must never inflate more than it is told to allow.

use std::io::Read as _;

use zstd::bulk::Compressor;

use crate::exchange::Message;
use crate::wire::WireFault;

/// FROZEN: dictionary 1, of every route under `/v1/` and of bundles of version 1. A newer one gets its own beside it.
const DICTIONARY: &[u8] = include_bytes!("../../../assets/wire/1.dict");
/// High enough for the dictionary to pay, low enough for an old laptop.
const LEVEL: i32 = 9;
/// Most bytes of a message, inflated.
pub const MOST_INFLATED: usize = 64 * 1024 * 1024;

/// Why bytes are no message.
#[derive(Debug, thiserror::Error)]
pub enum PackFault {
    /// Not zstd, or cut.
    #[error("the bytes do not inflate")]
    Zstd(#[from] std::io::Error),
    /// More than is allowed.
    #[error("the message is too large")]
    TooLarge,
    /// Not this message.
    #[error("the message cannot be read")]
    Wire(#[from] WireFault),
}

/// Bytes packed.
///
/// # Errors
/// What zstd says.
pub fn squeeze(bytes: &[u8]) -> Result<Vec<u8>, std::io::Error> {
    let mut compressor = Compressor::with_dictionary(LEVEL, DICTIONARY)?;
    // The dictionary is known and the frame's length is its content's: neither needs to be said.
    compressor.include_dictid(false)?;
    compressor.include_checksum(false)?;
    compressor.compress(bytes)
}

/// Packed bytes as they were, at most `most`.
///
/// # Errors
/// [`PackFault`].
pub fn swell(bytes: &[u8], most: usize) -> Result<Vec<u8>, PackFault> {
    let mut out = Vec::new();
    let limit = u64::try_from(most).unwrap_or(u64::MAX).saturating_add(1);
    zstd::stream::read::Decoder::with_dictionary(bytes, DICTIONARY)?.take(limit).read_to_end(&mut out)?;
    if out.len() > most { Err(PackFault::TooLarge) } else { Ok(out) }
}

/// A message as it travels.
///
/// # Errors
/// What zstd says.
pub fn pack<M: Message>(message: &M) -> Result<Vec<u8>, std::io::Error> {
    squeeze(&message.bytes())
}

/// The message in these bytes.
///
/// # Errors
/// [`PackFault`].
pub fn unpack<M: Message>(bytes: &[u8]) -> Result<M, PackFault> {
    Ok(M::parse(&swell(bytes, MOST_INFLATED)?)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exchange::Sum;

    #[test]
    fn what_is_packed_comes_out_and_a_bomb_does_not() {
        let sum = Sum { count: 9, leaves: 7 };
        assert_eq!(unpack::<Sum>(&pack(&sum).expect("packs")).expect("unpacks"), sum);
        let bomb = squeeze(&vec![0; 3_000_000]).expect("packs");
        assert!(bomb.len() < 1_000);
        assert!(matches!(swell(&bomb, 2_999_999), Err(PackFault::TooLarge)));
        assert_eq!(swell(&bomb, 3_000_000).expect("fits").len(), 3_000_000);
        for cut in 0..bomb.len() {
            assert!(swell(&bomb[..cut], 3_000_000).is_err(), "cut at {cut}");
        }
    }
}

//! Messages as they travel and as they lie on a stick: zstd with dictionaries that both sides ship, so that a single visit
//! is small too. Texts of facts have a frame of their own: a table of codes for words would fit nothing else. Nothing here
//! is hashed or signed: seals are over what is inside.
//! It must never inflate more than it is told to allow.

use std::cell::RefCell;
use std::io::Read as _;
use std::sync::LazyLock;

use zstd::bulk::{Compressor, Decompressor};
use zstd::dict::{DecoderDictionary, EncoderDictionary};

use crate::exchange::Message;
use crate::wire::{Reader, WireFault, Writer};

/// FROZEN: dictionary 1, of every route under `/v1/` and of bundles of version 1. A newer one gets its own beside it.
const DICTIONARY: &[u8] = include_bytes!("../../../assets/wire/1.dict");
/// FROZEN: that of texts.
const TEXTS: &[u8] = include_bytes!("../../../assets/wire/1-texts.dict");
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

/// A dictionary made ready once, for each direction when it is first needed: that costs more than a small message.
struct Ready {
    into: LazyLock<EncoderDictionary<'static>>,
    from: LazyLock<DecoderDictionary<'static>>,
}

static MAIN: Ready = Ready {
    into: LazyLock::new(|| EncoderDictionary::copy(DICTIONARY, LEVEL)),
    from: LazyLock::new(|| DecoderDictionary::copy(DICTIONARY)),
};
static WORDS: Ready = Ready {
    into: LazyLock::new(|| EncoderDictionary::copy(TEXTS, LEVEL)),
    from: LazyLock::new(|| DecoderDictionary::copy(TEXTS)),
};

thread_local! {
    /// Making one costs more than unpacking a small message.
    static UNPACKER: RefCell<Option<Decompressor<'static>>> = const { RefCell::new(None) };
}

/// Unpacks a frame that says how long it is.
fn inflated(bytes: &[u8], length: usize, dictionary: &'static Ready) -> Result<Vec<u8>, std::io::Error> {
    UNPACKER.with_borrow_mut(|kept| {
        let mut unpacker = match kept.take() {
            Some(unpacker) => unpacker,
            None => Decompressor::new()?,
        };
        unpacker.set_prepared_dictionary(&dictionary.from)?;
        let out = unpacker.decompress(bytes, length)?;
        // One that met an error is not used again.
        *kept = Some(unpacker);
        Ok(out)
    })
}

fn squeezed(bytes: &[u8], dictionary: &Ready) -> Result<Vec<u8>, std::io::Error> {
    let mut compressor = Compressor::with_prepared_dictionary(&dictionary.into)?;
    // The dictionary is known and the frame's length is its content's: neither needs to be said.
    compressor.include_dictid(false)?;
    compressor.include_checksum(false)?;
    compressor.compress(bytes)
}

fn swollen(bytes: &[u8], most: usize, dictionary: &'static Ready) -> Result<Vec<u8>, PackFault> {
    // Whoever packs says how long it was. What says so falsely does not fit, and is an error.
    if let Ok(Some(length)) = zstd::zstd_safe::get_frame_content_size(bytes) {
        let length = usize::try_from(length).ok().filter(|length| *length <= most).ok_or(PackFault::TooLarge)?;
        return Ok(inflated(bytes, length, dictionary)?);
    }
    let mut out = Vec::new();
    let limit = u64::try_from(most).unwrap_or(u64::MAX).saturating_add(1);
    zstd::stream::read::Decoder::with_prepared_dictionary(bytes, &dictionary.from)?
        .take(limit)
        .read_to_end(&mut out)?;
    if out.len() > most { Err(PackFault::TooLarge) } else { Ok(out) }
}

/// Bytes packed.
///
/// # Errors
/// What zstd says.
pub fn squeeze(bytes: &[u8]) -> Result<Vec<u8>, std::io::Error> {
    squeezed(bytes, &MAIN)
}

/// Packed bytes as they were, at most `most`.
///
/// # Errors
/// [`PackFault`].
pub fn swell(bytes: &[u8], most: usize) -> Result<Vec<u8>, PackFault> {
    swollen(bytes, most, &MAIN)
}

/// A message as it travels: its frame with its length, and that of its texts if it has any.
///
/// # Errors
/// What zstd says.
pub fn pack<M: Message>(message: &M) -> Result<Vec<u8>, std::io::Error> {
    let (main, texts) = message.both();
    let mut w = Writer::new();
    w.bytes(&squeeze(&main)?);
    if !texts.is_empty() {
        w.raw(&squeezed(&texts, &WORDS)?);
    }
    Ok(w.done())
}

/// The message in these bytes, of at most [`MOST_INFLATED`].
///
/// # Errors
/// [`PackFault`].
pub fn unpack<M: Message>(bytes: &[u8]) -> Result<M, PackFault> {
    let mut r = Reader::new(bytes);
    let main = swell(r.bytes(usize::MAX)?, MOST_INFLATED)?;
    let texts = match r.raw(r.left())? {
        [] => Vec::new(),
        some => swollen(some, MOST_INFLATED.saturating_sub(main.len()), &WORDS)?,
    };
    Ok(M::of(&main, &texts)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Millis;
    use crate::exchange::{Push, Sum};

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

    #[test]
    fn both_frames_together_stay_under_the_limit() {
        // A batch is what it says it is only to who reads it: here one byte, and texts behind it.
        let batch = |texts: usize| [vec![1, 7], vec![b'a'; texts]].concat();
        let push = |texts| Push { wall: Millis(5), batches: vec![batch(texts), vec![9; 3]], ..Push::default() };
        let packed = pack(&push(50)).expect("packs");
        assert_eq!(unpack::<Push>(&packed).expect("unpacks"), push(50));
        for cut in 0..packed.len() {
            assert!(unpack::<Push>(&packed[..cut]).is_err(), "cut at {cut}");
        }
        let mut bomb = Writer::new();
        bomb.bytes(&squeeze(&vec![0; MOST_INFLATED / 2]).expect("packs"));
        bomb.raw(&squeezed(&vec![0; MOST_INFLATED / 2 + 1], &WORDS).expect("packs"));
        let bomb = bomb.done();
        assert!(bomb.len() < 20_000);
        assert!(matches!(unpack::<Push>(&bomb), Err(PackFault::TooLarge)));
    }
}

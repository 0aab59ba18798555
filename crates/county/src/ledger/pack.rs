//! How the ledger keeps a batch's bytes: compressed where that makes them smaller. It must give back exactly what it was
//! given, and never believe a stored length further than a batch may be long.

use domain::exchange::MOST_BATCH;
use domain::wire::{Reader, Writer};

use super::{Kept, LedgerFault};

const PLAIN: u8 = 0;
const ZSTD: u8 = 1;
const LEVEL: i32 = 3;

/// The bytes as they are stored.
pub(super) fn pack(bytes: &[u8]) -> Kept<Vec<u8>> {
    let small = zstd::bulk::compress(bytes, LEVEL)?;
    let mut w = Writer::new();
    if small.len().saturating_add(4) < bytes.len() {
        w.u8(ZSTD).count(bytes.len()).raw(&small);
    } else {
        w.u8(PLAIN).raw(bytes);
    }
    Ok(w.done())
}

/// The bytes that were packed so.
pub(super) fn unpack(stored: &[u8]) -> Kept<Vec<u8>> {
    let mut r = Reader::new(stored);
    match r.u8()? {
        PLAIN => Ok(r.raw(r.left())?.to_vec()),
        ZSTD => {
            let size = usize::try_from(r.varint()?).unwrap_or(usize::MAX);
            if size > MOST_BATCH {
                return Err(LedgerFault::Damaged("a batch's length"));
            }
            Ok(zstd::bulk::decompress(r.raw(r.left())?, size)?)
        }
        _ => Err(LedgerFault::Damaged("the packing of a batch")),
    }
}

#[cfg(test)]
mod tests {
    use super::{pack, unpack};

    #[test]
    fn what_was_packed_comes_back_and_repetition_is_cheap() {
        for bytes in [vec![], vec![7], b"abc".repeat(1_000), (0..=255).collect()] {
            let stored = pack(&bytes).expect("packed");
            assert_eq!(unpack(&stored).expect("unpacked"), bytes);
            assert!(stored.len() <= bytes.len() + 1);
        }
        assert!(pack(&b"abc".repeat(1_000)).expect("packed").len() < 60);
        assert!(unpack(&[1, 0xff, 0xff, 0xff, 0x7f]).is_err(), "a length that no batch has");
        assert!(unpack(&[9]).is_err());
    }
}

//! Small boxes that one key opens: a few bytes sealed to a bundle key (HPKE, mode Base, the suite of bundles). Pure: bytes in,
//! bytes out. Who sealed one is not told; `purpose` keeps a box for one end from being taken for another's.

use domain::ids::BundleKey;
use hpke::{Deserializable as _, OpModeR, OpModeS, Serializable as _};
use zeroize::Zeroizing;

use super::{Aead, BundleFault, BundleSecret, Given, Kdf, Kem, public};

// FROZEN: the encapsulated key, 32 bytes, then the sealed bytes with their tag.
const INFO: &[u8] = b"ruhu box 1\0";
const KEY: usize = 32;

fn info(purpose: &[u8]) -> Vec<u8> {
    [INFO, purpose].concat()
}

/// Seals to a key. `seed`: fresh random bytes, for this box alone.
///
/// # Errors
/// `NotSealed` for a key that is none.
pub fn seal(to: &BundleKey, purpose: &[u8], plain: &[u8], seed: &[u8; 32]) -> Result<Vec<u8>, BundleFault> {
    let mut given = Given::of(seed);
    let (encapsulated, sealed) = hpke::single_shot_seal_with_rng::<Aead, Kdf, Kem>(
        &OpModeS::Base,
        &public(to)?,
        &info(purpose),
        plain,
        &[],
        &mut given,
    )
    .ok()
    .filter(|_| !given.dry)
    .ok_or(BundleFault::NotSealed)?;
    Ok([encapsulated.to_bytes().as_slice(), &sealed].concat())
}

/// What is in a box. `None` for one that is another's, for another purpose, or damaged.
pub fn open(secret: &BundleSecret, purpose: &[u8], sealed: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let (key, rest) = sealed.split_at_checked(KEY)?;
    let key = <Kem as hpke::Kem>::EncappedKey::from_bytes(key).ok()?;
    let plain =
        hpke::single_shot_open::<Aead, Kdf, Kem>(&OpModeR::Base, secret.secret(), &key, &info(purpose), rest, &[]);
    plain.ok().map(Zeroizing::new)
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::ids::hex;

    #[test]
    fn a_box_opens_for_its_key_and_purpose_alone() {
        let (one, other) = (BundleSecret::of_seed(&[1; 32]), BundleSecret::of_seed(&[2; 32]));
        let sealed = seal(&one.key(), b"end", b"few bytes", &[3; 32]).expect("sealed");
        assert_eq!(open(&one, b"end", &sealed).expect("opens").as_slice(), b"few bytes");
        assert!(open(&other, b"end", &sealed).is_none());
        assert!(open(&one, b"other end", &sealed).is_none());
        for at in 0..sealed.len() {
            let mut turned = sealed.clone();
            turned[at] ^= 1;
            assert!(open(&one, b"end", &turned).is_none(), "byte {at}");
            assert!(open(&one, b"end", &sealed[..at]).is_none(), "cut at {at}");
        }
        assert!(seal(&BundleKey([0; 32]), b"end", b"", &[3; 32]).is_err(), "no key");
    }

    #[test]
    fn the_bytes_of_a_box_are_frozen() {
        let one = BundleSecret::of_seed(&[1; 32]);
        let sealed = seal(&one.key(), b"end", b"few bytes", &[3; 32]).expect("sealed");
        assert_eq!(
            hex(&sealed),
            "90ab790ecbf0704232ffe9436faeccc913b66a60e99c688a40bba4d5e2e61450\
             0803f9f85c33142c3ee696655805a7335158a931f9085528f2"
        );
    }
}

//! What the county last knew of its log, in a small file beside its keys, outside the database: where the log ends and its
//! running hash. A ledger that ends before that, or otherwise, was restored from a copy.
//! It is written after the commit: the ledger may be ahead of it, never behind. It must never go into a backup.

use std::fs::{File, OpenOptions};
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use domain::ids::{JournalId, Sha};
use domain::rights::Position;
use domain::wire::{Reader, Writer};
use domain::{Signer as _, SigningKey};
use ed25519_dalek::Signature;

use crate::ledger::{LedgerFault, Transaction};

/// Two slots, each on its own sector: a torn write leaves the other.
const SLOT: usize = 4096;
const BODY: usize = 8 + 8 + 32 + 8;
const WORDS: &[u8] = b"ruhu.county.anchor.1\0";

/// Where the log stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stand {
    pub(crate) head: Position,
    pub(crate) chain: Sha,
    pub(crate) master: JournalId,
}

impl Stand {
    /// Where the log of a ledger stands.
    pub(crate) fn of(tx: &dyn Transaction) -> Result<Self, LedgerFault> {
        let head = tx.head()?;
        Ok(Self { head, chain: tx.chain_at(head)?, master: tx.meta()?.master_journal })
    }
}

struct Last {
    file: File,
    count: u64,
    stand: Option<Stand>,
}

/// The anchor's file.
pub(crate) struct Anchor {
    last: Mutex<Last>,
}

impl Anchor {
    /// Opens or makes the anchor, and says what it remembers under this key: nothing if it is new or not this county's.
    pub(crate) fn open(path: &Path, key: &SigningKey) -> std::io::Result<(Self, Option<Stand>)> {
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut file = options.open(path)?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)?;
        let found = bytes.chunks(SLOT).filter_map(|slot| read(slot, key)).max_by_key(|(count, _)| *count);
        let count = found.map_or(0, |(count, _)| count);
        let stand = found.map(|(_, stand)| stand);
        Ok((Self { last: Mutex::new(Last { file, count, stand: None }) }, stand))
    }

    /// Remembers where the log stands, on the disk when this returns. An older stand of the same county journal, which
    /// another thread has overtaken, changes nothing.
    pub(crate) fn set(&self, stand: Stand, key: &SigningKey) -> std::io::Result<()> {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if last.stand.is_some_and(|old| old.head >= stand.head) {
            return Ok(());
        }
        let count = last.count.saturating_add(1);
        let mut w = Writer::new();
        w.u64(count).u64(stand.head).raw(&stand.chain.0).raw(&stand.master.0);
        let mut slot = w.done();
        let signed = [WORDS, &slot].concat();
        slot.extend_from_slice(&key.sign(&signed).to_bytes());
        slot.resize(SLOT, 0);
        let at = if count.is_multiple_of(2) { 0 } else { u64::try_from(SLOT).unwrap_or(4096) };
        last.file.seek(SeekFrom::Start(at))?;
        last.file.write_all(&slot)?;
        last.file.sync_data()?;
        (last.count, last.stand) = (count, Some(stand));
        Ok(())
    }
}

fn read(slot: &[u8], key: &SigningKey) -> Option<(u64, Stand)> {
    let (body, rest) = slot.split_at_checked(BODY)?;
    let signature: [u8; 64] = rest.get(..64)?.try_into().ok()?;
    key.verifying_key().verify_strict(&[WORDS, body].concat(), &Signature::from_bytes(&signature)).ok()?;
    let mut r = Reader::new(body);
    let count = r.u64().ok()?;
    let (head, chain) = (r.u64().ok()?, Sha(r.array().ok()?));
    Some((count, Stand { head, chain, master: JournalId(r.array().ok()?) }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newer_slot_counts_a_torn_one_does_not_and_an_overtaken_stand_changes_nothing() {
        let path = std::env::temp_dir().join(format!("ruhu-county-anchor-{}", std::process::id()));
        std::fs::remove_file(&path).ok();
        let key = SigningKey::from_bytes(&[5; 32]);
        let stand = |head| Stand { head, chain: Sha([7; 32]), master: JournalId([1; 8]) };
        let (anchor, found) = Anchor::open(&path, &key).expect("opens");
        assert_eq!(found, None);
        for head in [1, 2, 4, 3] {
            anchor.set(stand(head), &key).expect("set");
        }
        assert_eq!(Anchor::open(&path, &key).expect("opens").1, Some(stand(4)));
        let mut bytes = std::fs::read(&path).expect("read");
        bytes[SLOT + 20] ^= 1;
        std::fs::write(&path, &bytes).expect("written");
        assert_eq!(Anchor::open(&path, &key).expect("opens").1, Some(stand(2)));
        assert_eq!(Anchor::open(&path, &SigningKey::from_bytes(&[6; 32])).expect("opens").1, None);
        std::fs::remove_file(&path).expect("removed");
    }
}

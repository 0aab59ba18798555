//! The head anchor: the journal's last fact, kept outside the database in two slots written in turn and synced.
//! A flipped bit in a write-ahead log silently drops commits while every check of SQLite says ok; the anchor notices.
//! It is written after the commit: the database may be one step ahead of it, never behind.

use std::fs::{File, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::Path;

use domain::ids::{JournalId, Sha};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use zeroize::Zeroizing;

const SLOT: usize = 4096;
const BODY: usize = 8 + 8 + 32 + 8;
const MAC: usize = 32;

/// What the anchor remembers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    /// The journal.
    pub journal: JournalId,
    /// Seq of its last fact.
    pub seq: u64,
    /// Hash of that fact's bytes.
    pub hash: Sha,
    /// Counts writes; the greater slot counts.
    pub count: u64,
}

/// The anchor's file.
pub(crate) struct Anchor {
    file: File,
    key: Zeroizing<[u8; 32]>,
    count: u64,
}

impl std::fmt::Debug for Anchor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Anchor({})", self.count)
    }
}

impl Anchor {
    /// Opens or makes the anchor and says what it remembers.
    ///
    /// # Errors
    /// The file's own.
    pub(crate) fn open(path: &Path, key: Zeroizing<[u8; 32]>) -> std::io::Result<(Self, Option<Head>)> {
        let mut file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path)?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)?;
        let head = bytes.chunks(SLOT).filter_map(|slot| read(slot, &key)).max_by_key(|head| head.count);
        let count = head.map_or(0, |head| head.count);
        Ok((Self { file, key, count }, head))
    }

    /// Remembers a head, on the disk when this returns.
    ///
    /// # Errors
    /// The file's own.
    pub(crate) fn set(&mut self, journal: JournalId, seq: u64, hash: Sha) -> std::io::Result<()> {
        let count = self.count.saturating_add(1);
        let mut slot = Vec::with_capacity(SLOT);
        slot.extend_from_slice(&journal.0);
        slot.extend_from_slice(&seq.to_be_bytes());
        slot.extend_from_slice(&hash.0);
        slot.extend_from_slice(&count.to_be_bytes());
        slot.extend_from_slice(&mac(&slot, &self.key));
        slot.resize(SLOT, 0);
        let at = if count.is_multiple_of(2) { 0 } else { u64::try_from(SLOT).unwrap_or(4096) };
        self.file.seek(SeekFrom::Start(at))?;
        self.file.write_all(&slot)?;
        self.file.sync_data()?;
        self.count = count;
        Ok(())
    }
}

fn mac(body: &[u8], key: &[u8; 32]) -> [u8; MAC] {
    let mut out = [0; MAC];
    // An HMAC takes a key of any length.
    if let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key) {
        mac.update(b"ruhu anchor\0");
        mac.update(body);
        out.copy_from_slice(&mac.finalize().into_bytes());
    }
    out
}

fn read(slot: &[u8], key: &[u8; 32]) -> Option<Head> {
    let (body, rest) = slot.split_at_checked(BODY)?;
    let (tag, _) = rest.split_at_checked(MAC)?;
    if mac(body, key) != tag {
        return None;
    }
    let mut r = domain::wire::Reader::new(body);
    Some(Head {
        journal: JournalId(r.array().ok()?),
        seq: r.u64().ok()?,
        hash: Sha(r.array().ok()?),
        count: r.u64().ok()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newer_slot_counts_and_a_torn_one_does_not() {
        let dir = std::env::temp_dir().join(format!("ruhu-anchor-{}", std::process::id()));
        let key = Zeroizing::new([5; 32]);
        drop(std::fs::remove_file(&dir));
        let (mut anchor, head) = Anchor::open(&dir, key.clone()).expect("opens");
        assert_eq!(head, None);
        for seq in 1..=5 {
            anchor.set(JournalId([1; 8]), seq, Sha([2; 32])).expect("sets");
        }
        let (_, head) = Anchor::open(&dir, key.clone()).expect("opens");
        assert_eq!(head.map(|head| head.seq), Some(5));
        // Tear the newer slot: the older one stands.
        let mut bytes = std::fs::read(&dir).expect("reads");
        bytes[SLOT + 10] ^= 1;
        std::fs::write(&dir, &bytes).expect("writes");
        let (_, head) = Anchor::open(&dir, key).expect("opens");
        assert_eq!(head.map(|head| head.seq), Some(4));
        let (_, head) = Anchor::open(&dir, Zeroizing::new([6; 32])).expect("opens");
        assert_eq!(head, None);
        std::fs::remove_file(&dir).expect("removes");
    }
}

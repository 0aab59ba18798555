//! Folders of laptops and of the county, in memory where the system has such a place: copied, put back, torn.
//! It must never touch a file while its program has a transaction open; a hot write-ahead log is copied as it stands.

use std::path::{Path, PathBuf};

/// Files of a desk's database, and of the county's.
const FILES: [&str; 8] =
    ["ruhu.db", "ruhu.db-wal", "ruhu.anchor", "ledger.db", "ledger.db-wal", "anchor", "keys.json", "ruhu.db-journal"];
/// What stands beside a database and knows how far it was.
const ANCHORS: [&str; 2] = ["ruhu.anchor", "anchor"];
/// Bytes of an anchor's slot.
const SLOT: usize = 4096;

/// A folder that is gone when dropped.
#[derive(Debug)]
pub struct Disk(PathBuf);

impl Disk {
    /// A new, empty one, named by `name`.
    pub fn fresh(name: &str) -> Self {
        let shared = Path::new("/dev/shm");
        let base = if shared.is_dir() { shared.to_owned() } else { std::env::temp_dir() };
        let path = base.join(format!("ruhu-sim-{}-{name}", std::process::id()));
        // Left by a process of the same number that was killed.
        std::fs::remove_dir_all(&path).ok();
        std::fs::create_dir_all(&path).expect("a folder");
        Self(path)
    }

    /// A folder within, made.
    pub fn folder(&self, name: &str) -> PathBuf {
        let path = self.0.join(name);
        std::fs::create_dir_all(&path).expect("a folder");
        path
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // Nothing can be done about a folder that stays; the next system start clears it.
        std::fs::remove_dir_all(&self.0).ok();
    }
}

/// Puts a copy of the databases in `from` into `to`, whatever was there.
pub fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("a folder");
    for name in FILES {
        put(from, to, name);
    }
    // An index of a log that is another one now.
    for name in ["ruhu.db-shm", "ledger.db-shm"] {
        std::fs::remove_file(to.join(name)).ok();
    }
}

/// Puts the database of `from` into `to` and leaves the anchor as it is.
pub fn copy_without_anchor(from: &Path, to: &Path) {
    for name in FILES.into_iter().filter(|name| !ANCHORS.contains(name)) {
        put(from, to, name);
    }
    for name in ["ruhu.db-shm", "ledger.db-shm"] {
        std::fs::remove_file(to.join(name)).ok();
    }
}

fn put(from: &Path, to: &Path, name: &str) {
    let (source, target) = (from.join(name), to.join(name));
    if source.exists() {
        std::fs::copy(&source, &target).expect("a copy");
    } else {
        std::fs::remove_file(&target).ok();
    }
}

/// Spoils one slot of the anchor, as a write that was cut does.
pub fn tear_anchor(home: &Path, slot: usize) {
    let path = home.join("ruhu.anchor");
    let Ok(mut bytes) = std::fs::read(&path) else { return };
    // With one slot alone nothing older would stand behind it.
    if bytes.len() >= 2 * SLOT {
        bytes[slot % 2 * SLOT + 3] ^= 0x55;
        std::fs::write(&path, bytes).expect("the anchor");
    }
}

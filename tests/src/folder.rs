//! A folder of one's own below the system's temporary folder, gone when dropped.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

static MADE: AtomicU32 = AtomicU32::new(0);

/// A temporary folder that removes itself.
#[derive(Debug)]
pub struct Folder(PathBuf);

impl Folder {
    /// A new, empty folder.
    pub fn fresh() -> Self {
        let number = MADE.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("ruhu-test-{}-{number}", std::process::id()));
        // Left by a process of the same number that was killed.
        std::fs::remove_dir_all(&path).ok();
        std::fs::create_dir_all(&path).expect("a temporary folder");
        Self(path)
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// A path within.
    pub fn join(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// Copies everything within into a new folder.
    pub fn copy(&self) -> Self {
        let copy = Self::fresh();
        copy_tree(&self.0, &copy.0);
        copy
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // Nothing can be done about a folder that stays; the next system start clears it.
        std::fs::remove_dir_all(&self.0).ok();
    }
}

/// Copies everything within one folder into another, which is made if it is not there.
///
/// # Panics
/// When something cannot be copied.
pub fn copy_tree(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("a folder");
    for entry in std::fs::read_dir(from).expect("a folder to read") {
        let entry = entry.expect("an entry");
        let (source, target) = (entry.path(), to.join(entry.file_name()));
        if entry.file_type().expect("a type").is_dir() {
            copy_tree(&source, &target);
        } else {
            std::fs::copy(&source, &target).expect("a copy");
        }
    }
}

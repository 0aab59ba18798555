//! A folder of a test's own, gone with the test, and the store in it.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};

use domain::fact::Fact;
use zeroize::Zeroizing;

use crate::file::FileKey;
use crate::log::{Standing, Store, bodies};

/// A file of today's schema as schema 9 had it.
pub(crate) const BACK_TO_9: &str = include_str!("folder/back_to_9.sql");

static MADE: AtomicU32 = AtomicU32::new(0);

/// Its path.
pub(crate) struct Folder(pub(crate) PathBuf);

impl Folder {
    pub(crate) fn fresh() -> Self {
        let number = MADE.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("ruhu-store-{}-{number}", std::process::id()));
        std::fs::remove_dir_all(&path).ok();
        std::fs::create_dir_all(&path).expect("a folder");
        Self(path)
    }

    /// Opens, or makes, the store in it.
    pub(crate) fn store(&self) -> (Store, Standing) {
        let key = FileKey(Zeroizing::new([9; 32]));
        Store::open(&self.0.join("ruhu.db"), &key, Zeroizing::new([8; 32])).expect("a store")
    }
}

/// The facts of a store whose rows meet a condition, by their numbers.
pub(crate) fn facts_where(store: &Store, condition: &str) -> Vec<Fact> {
    let numbers: Vec<i64> = store
        .conn
        .prepare(&format!("SELECT n FROM fact WHERE {condition} ORDER BY n"))
        .expect("a query")
        .query_map([], |row| row.get(0))
        .expect("rows")
        .collect::<Result<_, _>>()
        .expect("numbers");
    bodies(&store.conn, &numbers).expect("facts")
}

impl Drop for Folder {
    fn drop(&mut self) {
        std::fs::remove_dir_all(&self.0).ok();
    }
}

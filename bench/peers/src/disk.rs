//! Where documents and uploads lie: a plain SQLite file made durable as the product's is, and one zstd file an upload.
//! No library may be named here: all are written the same way.

use std::path::{Path, PathBuf};

use rusqlite::Connection;

use crate::library::{Failure, failure};

/// The level that uploads are compressed at.
const LEVEL: i32 = 3;

/// Opens the file of documents: WAL, and every commit on the disk before it is told.
pub(crate) fn open(file: &Path) -> Result<Connection, Failure> {
    let connection = Connection::open(file)?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.execute_batch("CREATE TABLE IF NOT EXISTS document (id INTEGER PRIMARY KEY, state BLOB NOT NULL)")?;
    Ok(connection)
}

/// The documents before the day.
pub(crate) fn baseline(folder: &Path) -> PathBuf {
    folder.join("baseline.db")
}

/// The file of one device's upload.
fn upload(folder: &Path, device: u32) -> PathBuf {
    folder.join(format!("upload-{device}"))
}

/// Keeps what a device sends; returns its size in bytes.
pub(crate) fn write_upload(folder: &Path, device: u32, updates: &[(u32, Vec<u8>)]) -> Result<usize, Failure> {
    let mut plain = Vec::new();
    for (document, update) in updates {
        plain.extend(document.to_le_bytes());
        plain.extend(u32::try_from(update.len())?.to_le_bytes());
        plain.extend(update);
    }
    let packed = zstd::encode_all(plain.as_slice(), LEVEL)?;
    std::fs::write(upload(folder, device), &packed)?;
    Ok(packed.len())
}

/// What a device sent, by document.
pub(crate) fn read_upload(folder: &Path, device: u32) -> Result<Vec<(u32, Vec<u8>)>, Failure> {
    let packed = std::fs::read(upload(folder, device))?;
    let plain = zstd::decode_all(packed.as_slice())?;
    let mut rest = plain.as_slice();
    let mut updates = Vec::new();
    while let Some((document, after)) = rest.split_first_chunk::<4>() {
        let (length, after) = after.split_first_chunk::<4>().ok_or_else(|| failure("an upload is cut"))?;
        let length = usize::try_from(u32::from_le_bytes(*length))?;
        let (update, after) = after.split_at_checked(length).ok_or_else(|| failure("an upload is cut"))?;
        updates.push((u32::from_le_bytes(*document), update.to_vec()));
        rest = after;
    }
    if rest.is_empty() { Ok(updates) } else { Err(failure("an upload is cut")) }
}

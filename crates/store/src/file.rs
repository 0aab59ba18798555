//! Opening an encrypted SQLite file, the one way: bundled SQLCipher, raw key, WAL with synchronous=FULL, pragmas asserted.
//! It must never open a file with a library older than the WAL fix, nor leave a pragma unasserted.

use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};
use zeroize::{Zeroize, Zeroizing};

/// SQLite 3.51.3: the first release without the WAL-reset corruption.
const LEAST_SQLITE: i32 = 3_051_003;

const FLAGS: OpenFlags =
    OpenFlags::SQLITE_OPEN_READ_WRITE.union(OpenFlags::SQLITE_OPEN_CREATE).union(OpenFlags::SQLITE_OPEN_NO_MUTEX);

static OPENING: Mutex<()> = Mutex::new(());

/// A raw 256-bit database key. Forgotten from memory when dropped.
#[derive(Clone)]
pub struct FileKey(pub Zeroizing<[u8; 32]>);

/// Why a file did not open.
#[derive(Debug, thiserror::Error)]
pub enum OpenFault {
    /// The library is too old to be trusted with a WAL.
    #[error("SQLite {found} is older than {LEAST_SQLITE}")]
    OldLibrary {
        /// Its number.
        found: i32,
    },
    /// The key does not fit, or the file is no database.
    #[error("the key does not open this file")]
    WrongKey,
    /// A pragma did not take.
    #[error("{pragma} is {found}")]
    Pragma {
        /// Which.
        pragma: &'static str,
        /// What it was.
        found: String,
    },
    /// Anything else.
    #[error("the database file cannot be opened")]
    Sqlite(#[from] rusqlite::Error),
}

/// Opens (or makes) the encrypted file at `path`.
///
/// # Errors
/// [`OpenFault`]; a wrong key is told apart from a broken disk.
pub fn open(path: &Path, key: &FileKey) -> Result<Connection, OpenFault> {
    let conn = open_keyed(path, key)?;
    set_up(&conn)?;
    Ok(conn)
}

fn open_keyed(path: &Path, key: &FileKey) -> Result<Connection, OpenFault> {
    let found = rusqlite::version_number();
    if found < LEAST_SQLITE {
        return Err(OpenFault::OldLibrary { found });
    }
    // SQLCipher sets itself up, and its guarded memory, at the first keys of a process, and not twice at once: two
    // threads that open at that moment can meet a half-made codec. Opening is rare, so it goes one by one.
    let _one_by_one = OPENING.lock().unwrap_or_else(PoisonError::into_inner);
    let conn = Connection::open_with_flags(path, FLAGS)?;
    let mut hex = domain::ids::hex(key.0.as_slice());
    let mut pragma = format!("PRAGMA key = \"x'{hex}'\"");
    let keyed = conn.execute_batch(&pragma);
    hex.zeroize();
    pragma.zeroize();
    keyed?;
    // cipher_memory_security stays off: it locks and unlocks memory at every allocation and made a day's merge nine times
    // slower (measured). SQLCipher wipes its keys without it.
    // The key is tried at the first page read.
    match conn.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get::<_, i64>(0)) {
        Ok(_) => {}
        Err(rusqlite::Error::SqliteFailure(error, _)) if error.code == rusqlite::ErrorCode::NotADatabase => {
            return Err(OpenFault::WrongKey);
        }
        Err(error) => return Err(error.into()),
    }
    Ok(conn)
}

/// Opens a fresh file that a backup is about to fill at one go. It is synced and read through by who fills it, so it needs
/// neither journal nor syncs of its own.
///
/// # Errors
/// [`OpenFault`].
pub(crate) fn open_for_copy(path: &Path, key: &FileKey) -> Result<Connection, OpenFault> {
    let conn = open_keyed(path, key)?;
    conn.execute_batch("PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF;")?;
    Ok(conn)
}

/// Opens a file without any protection, to measure what protection costs. No product code calls this.
///
/// # Errors
/// [`OpenFault`].
#[cfg(feature = "measure")]
pub(crate) fn open_unprotected(path: &Path) -> Result<Connection, OpenFault> {
    let conn = Connection::open_with_flags(path, FLAGS)?;
    set_up(&conn)?;
    Ok(conn)
}

fn set_up(conn: &Connection) -> Result<(), OpenFault> {
    conn.busy_timeout(Duration::from_secs(10))?;
    // One plan for a statement, whatever is bound: without this a prepared read is planned anew at every use.
    conn.set_db_config(rusqlite::config::DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    // A county's whole day fits the log that is written ahead (40 MB): copied into the file in its middle, each page that the
    // day touches again would be copied twice. It is copied when the file is closed.
    conn.execute_batch(
        "PRAGMA journal_mode = WAL;
         PRAGMA synchronous = FULL;
         PRAGMA foreign_keys = ON;
         PRAGMA secure_delete = ON;
         PRAGMA trusted_schema = OFF;
         PRAGMA cell_size_check = ON;
         PRAGMA temp_store = MEMORY;
         PRAGMA cache_size = -16000;
         PRAGMA wal_autocheckpoint = 10000;",
    )?;
    assert_pragma(conn, "journal_mode", "wal")?;
    assert_pragma(conn, "synchronous", "2")?;
    Ok(())
}

fn assert_pragma(conn: &Connection, pragma: &'static str, wanted: &str) -> Result<(), OpenFault> {
    let value: rusqlite::types::Value = conn.query_row(&format!("PRAGMA {pragma}"), [], |row| row.get(0))?;
    let found = if let rusqlite::types::Value::Text(text) = value {
        text
    } else if let rusqlite::types::Value::Integer(n) = value {
        n.to_string()
    } else {
        format!("{value:?}")
    };
    if found == wanted { Ok(()) } else { Err(OpenFault::Pragma { pragma, found }) }
}

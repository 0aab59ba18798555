//! Copies of a desk's file: made while others save, believed only after they were read back from the disk and read through;
//! looked at without touching them; and put in the file's place, from where the desk goes on under a new journal.
//! It must never name a copy that was not read through, nor put one in place of a file that is not kept aside.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

use domain::ids::Sha;
use rusqlite::Connection;
use rusqlite::backup::{Backup, StepResult};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use crate::fault::StoreFault;
use crate::file::{self, FileKey};
use crate::log::{Store, meta, set_meta};
use crate::stick::{forget_cached, sync_folder};

/// Pages copied between two looks at whether to go on: two megabytes.
const STEP: i32 = 512;
/// What SQLite and the anchor lay beside a file.
const BESIDE: [&str; 2] = ["-wal", "-shm"];

/// What a copy holds, as it was read from the copy itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Copied {
    /// Facts in its log.
    pub facts: u64,
    /// Over each of them, with its place, leaf and, where it is not sealed, its bytes.
    pub sum: Sha,
    /// How often something had been erased or had left by then: a copy with less holds what is to be gone.
    pub purged: u64,
}

/// The folder beside a desk's file in which its copies lie, and whatever is opened for a trial.
pub const FOLDER: &str = "backups";
/// What is opened for a trial. A folder of its own name's: an anchor of a trial must never be the desk's.
const TRIAL: &str = "trial.tmp";
/// Marks a folder with a file that was replaced, until what was only there is taken over.
const UNFINISHED: &str = "unfinished";
/// Marks one from which nothing could be taken over.
const UNREAD: &str = "unread";

/// Opens a desk's file beside the one who writes it. Forgets its keys when dropped.
#[derive(Clone)]
pub struct Copier {
    path: PathBuf,
    folder: PathBuf,
    key: FileKey,
    anchor_key: Zeroizing<[u8; 32]>,
}

impl std::fmt::Debug for Copier {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Copier({})", self.path.display())
    }
}

impl Store {
    /// What makes copies of this file; none of a file without encryption.
    pub fn copier(&self) -> Option<Copier> {
        self.copier.clone()
    }

    /// How often something was erased here or left.
    ///
    /// # Errors
    /// [`StoreFault`].
    pub fn purged(&self) -> Result<u64, StoreFault> {
        Ok(meta(&self.conn, PURGED)?.unwrap_or(0))
    }

    /// Reads the whole file through: the MAC of each page as it lies on the disk, each seal, each fact.
    ///
    /// # Errors
    /// [`StoreFault`]; `Corrupt` names what is wrong.
    pub fn sound(&self) -> Result<(), StoreFault> {
        // A file cut down to nothing opens as a fresh one, and a fresh one would be sound.
        self.journal()?;
        if self.conn.prepare("PRAGMA cipher_integrity_check")?.exists([])? {
            return Err(StoreFault::Corrupt { what: "the file's pages" });
        }
        self.check().map(drop)
    }

    /// Counts what was changed since this file was opened.
    pub fn changes(&self) -> u64 {
        self.conn.total_changes()
    }
}

const PURGED: &str = "purged";

/// Something is gone from this file that copies of before still hold.
pub(crate) fn purge(tx: &Connection) -> Result<(), StoreFault> {
    let purged: u64 = meta(tx, PURGED)?.unwrap_or(0);
    set_meta(tx, PURGED, &purged.saturating_add(1))
}

impl Copier {
    /// Of the file at `path`.
    pub fn new(path: PathBuf, key: FileKey, anchor_key: Zeroizing<[u8; 32]>) -> Self {
        let folder = path.with_file_name(FOLDER);
        Self { path, folder, key, anchor_key }
    }

    /// Where the copies lie.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    fn trial(&self) -> Result<Fleeting, StoreFault> {
        fs::create_dir_all(&self.folder)?;
        let fleeting = Fleeting(self.folder.join(TRIAL));
        fleeting.clear();
        Ok(fleeting)
    }

    /// Copies the file as it stands at one moment, while others save; reads the copy back from the disk, checks each page,
    /// seal and fact, and compares it with what was to be copied. Only then is it there, under `name` in the folder of copies.
    /// `None` if `go_on` said no.
    ///
    /// # Errors
    /// [`StoreFault`]; then there is nothing of that name.
    pub fn copy(
        &self,
        name: impl FnOnce(Copied) -> String,
        go_on: &dyn Fn() -> bool,
    ) -> Result<Option<Copied>, StoreFault> {
        let fleeting = self.trial()?;
        let wanted = {
            let source = file::open(&self.path, &self.key)?;
            // One state of the file from here on: of what is saved meanwhile the copy knows nothing.
            let source = source.unchecked_transaction()?;
            let wanted = figures(&source)?;
            let mut target = file::open_for_copy(&fleeting.0, &self.key)?;
            let backup = Backup::new(&source, &mut target)?;
            loop {
                if !go_on() {
                    return Ok(None);
                }
                if backup.step(STEP)? == StepResult::Done {
                    break;
                }
            }
            wanted
        };
        forget_cached(&force(&fleeting.0)?);
        if self.read_through(&fleeting.0)? != wanted {
            return Err(StoreFault::Corrupt { what: "a copy of this file" });
        }
        if !go_on() {
            return Ok(None);
        }
        let to = self.folder.join(name(wanted));
        fs::rename(&fleeting.0, &to)?;
        sync_folder(&to)?;
        Ok(Some(wanted))
    }

    /// Opens what nobody else has open, checks all of it and says what it holds.
    fn read_through(&self, path: &Path) -> Result<Copied, StoreFault> {
        let store = self.open_aside(path)?;
        store.sound()?;
        let found = figures(&store.conn)?;
        // Everything into the file itself, so that it is whole without anything beside it.
        store.conn.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?;
        drop(store);
        sweep(path);
        Ok(found)
    }

    /// A file that is not the desk's own, without the desk's anchor.
    fn open_aside(&self, path: &Path) -> Result<Store, StoreFault> {
        sweep(path);
        Ok(Store::open(path, &self.key, self.anchor_key.clone())?.0)
    }

    /// Looks into a copy, which stays as it was written: what is opened is a copy of it, gone afterwards.
    ///
    /// # Errors
    /// What `look` says, or [`StoreFault`].
    pub fn look<T, E: From<StoreFault>>(&self, copy: &Path, look: impl FnOnce(Store) -> Result<T, E>) -> Result<T, E> {
        let fleeting = self.trial()?;
        fs::copy(copy, &fleeting.0).map_err(StoreFault::from)?;
        let store = self.open_aside(&fleeting.0)?;
        // See `Store::sound`.
        store.journal()?;
        look(store)
    }

    /// Puts a copy in the file's place, after reading it through once more; the copy stays. The file of before, as far as
    /// there is one, lies in the new folder `aside` afterwards, marked as one from which something may be to be taken over.
    /// Nobody may have the file open. After a cut anywhere [`Copier::unfinished`] brings the one or the other into place.
    ///
    /// # Errors
    /// [`StoreFault`]; then the file is as it was, once [`Copier::unfinished`] was asked.
    pub fn put_back(&self, copy: &Path, aside: &Path) -> Result<(), StoreFault> {
        let fleeting = self.trial()?;
        fs::copy(copy, &fleeting.0)?;
        force(&fleeting.0)?;
        self.read_through(&fleeting.0)?;
        force(&fleeting.0)?;
        fs::create_dir_all(aside)?;
        File::create(aside.join(UNFINISHED))?.sync_all()?;
        sync_folder(&aside.join(UNFINISHED))?;
        sync_folder(aside)?;
        // What lies in the write-ahead log goes into the file, if the file still opens. If not, it is kept beside it; with
        // the copy it must never be found.
        if self.path.exists() {
            drop(file::open(&self.path, &self.key).ok());
        }
        for (here, there) in self.and_aside(aside) {
            if here.exists() {
                fs::rename(&here, &there)?;
            }
        }
        sync_folder(&aside.join(UNFINISHED))?;
        fs::rename(&fleeting.0, &self.path)?;
        sync_folder(&self.path)?;
        Ok(())
    }

    /// The file and what lies beside it, each with its place in a folder aside.
    fn and_aside(&self, aside: &Path) -> [(PathBuf, PathBuf); 3] {
        let kept = aside.join(self.path.file_name().unwrap_or_default());
        ["", "-wal", "-shm"].map(|end| (with_end(&self.path, end), with_end(&kept, end)))
    }

    /// Whether something may still be to be taken over from `aside`. A replacing that was cut off before the copy was in
    /// place is undone first. Nobody may have the file open.
    ///
    /// # Errors
    /// [`StoreFault`].
    pub fn unfinished(&self, aside: &Path) -> Result<bool, StoreFault> {
        if !aside.join(UNFINISHED).exists() {
            return Ok(false);
        }
        if self.path.exists() && aside.join(self.path.file_name().unwrap_or_default()).exists() {
            return Ok(true);
        }
        for (here, there) in self.and_aside(aside) {
            if there.exists() && !here.exists() {
                fs::rename(&there, &here)?;
            }
        }
        sync_folder(&self.path)?;
        drop_aside(aside)?;
        Ok(false)
    }

    /// What was to be taken over was, or, if it was not `read`, cannot be: then that is said beside it, for it may hold the
    /// only bytes of something.
    ///
    /// # Errors
    /// [`StoreFault`].
    pub fn finished(&self, aside: &Path, read: bool) -> Result<(), StoreFault> {
        let mark = aside.join(UNFINISHED);
        let done = if read { fs::remove_file(&mark) } else { fs::rename(&mark, aside.join(UNREAD)) };
        match done {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error.into()),
            Ok(()) | Err(_) => Ok(sync_folder(&mark)?),
        }
    }

    /// Opens a file that was put aside, if it opens at all, to take from it what is only there.
    ///
    /// # Errors
    /// [`StoreFault`], most likely: there was a reason to put it aside.
    pub fn open_put_aside(&self, aside: &Path) -> Result<Store, StoreFault> {
        let path = aside.join(self.path.file_name().unwrap_or_default());
        fs::remove_file(path.with_extension("anchor")).ok();
        let store = Store::open(&path, &self.key, self.anchor_key.clone())?.0;
        // See `Store::sound`.
        store.journal()?;
        Ok(store)
    }
}

/// Forces a file to the disk. Opened for writing, too: some systems force nothing else.
fn force(path: &Path) -> io::Result<File> {
    let file = OpenOptions::new().read(true).write(true).open(path)?;
    file.sync_all()?;
    Ok(file)
}

/// A file that is gone, with all that lies beside it, when this is dropped.
struct Fleeting(PathBuf);

impl Fleeting {
    fn clear(&self) {
        // What cannot be removed is in the way of the next one, which says so.
        fs::remove_file(&self.0).ok();
        sweep(&self.0);
    }
}

impl Drop for Fleeting {
    fn drop(&mut self) {
        self.clear();
    }
}

/// Removes what lies beside a file that nobody has open.
fn sweep(path: &Path) {
    for end in BESIDE {
        fs::remove_file(with_end(path, end)).ok();
    }
    fs::remove_file(path.with_extension("anchor")).ok();
}

fn with_end(path: &Path, end: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(end);
    PathBuf::from(name)
}

/// What a file holds: whatever is confirmed to a person is in it.
fn figures(conn: &Connection) -> Result<Copied, StoreFault> {
    let mut hash = Sha256::new();
    let mut facts = 0_u64;
    let mut find = conn.prepare("SELECT n, position, held, leaf FROM entry ORDER BY n")?;
    let mut rows = find.query([])?;
    while let Some(row) = rows.next()? {
        let (n, position, held, leaf): (i64, Option<i64>, i64, Option<i64>) =
            (row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?);
        for part in [n, position.unwrap_or(-1), held, i64::from(leaf.is_some()), leaf.unwrap_or(0)] {
            hash.update(part.to_be_bytes());
        }
        facts = facts.saturating_add(1);
    }
    for table in [
        "SELECT n, bytes FROM open_fact ORDER BY n",
        "SELECT size, sha FROM blob ORDER BY sha",
        "SELECT at, form || char(0) || file || char(0) || text FROM draft ORDER BY form, file",
    ] {
        let mut find = conn.prepare(table)?;
        let mut rows = find.query([])?;
        while let Some(row) = rows.next()? {
            hash.update(row.get::<_, i64>(0)?.to_be_bytes());
            let bytes = row.get_ref(1)?;
            hash.update(bytes.as_bytes().map_err(rusqlite::Error::from)?);
        }
    }
    Ok(Copied { facts, sum: Sha(hash.finalize().into()), purged: meta(conn, PURGED)?.unwrap_or(0) })
}

/// Whether a file that was put aside may hold what is nowhere else: it was not read, or not yet.
pub fn may_be_all_there_is(aside: &Path) -> bool {
    [UNFINISHED, UNREAD].iter().any(|mark| aside.join(mark).exists())
}

/// Whether it is still to be taken over from a file that was put aside.
pub fn is_unfinished(aside: &Path) -> bool {
    aside.join(UNFINISHED).exists()
}

/// Removes a file that was put aside, whole folder.
///
/// # Errors
/// The disk's.
pub fn drop_aside(aside: &Path) -> io::Result<()> {
    match fs::remove_dir_all(aside) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

#[cfg(test)]
mod tests;

//! Bundles on and off a stick. A stick is slow, full, locked, pulled out half-way, or lies about its size: a bundle gets
//! its name only after it has been read back from the stick itself, and whatever fails takes its temporary file along.
//! A stick is never trusted: nothing on it is executed, followed or opened but regular files of our own name, no path
//! is read out of them, and nothing is written to it but sealed bundles.

use std::ffi::OsStr;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, BufReader, ErrorKind, Read, Write};
use std::num::NonZeroU8;
use std::path::{Path, PathBuf};

use domain::ids::{BundleId, BundleKey, KeyPrint, hex};
use sha2::{Digest as _, Sha256};

use crate::bundle::{BundleFault, BundleSecret, CHANCE, Direction, Envelope, Header, Item, MOST_BYTES, Reader, Writer};

#[cfg(test)]
mod tests;

/// How the name of every bundle ends.
const ENDING: &str = "ruhu";
/// What is added to a name while the file is not yet proven.
const PART: &str = "part";
/// A stick that holds more bundles than this is no stick of ours; the rest is not looked at.
const MOST_LISTED: usize = 10_000;
const PIECE: usize = 1 << 16;

/// Why a stick could not be written or read.
#[derive(Debug, thiserror::Error)]
pub enum StickFault {
    /// Not enough room.
    #[error("the stick is full: {needed} bytes needed, {free:?} free")]
    Full {
        /// What the bundle would take, bytes.
        needed: u64,
        /// What there is, bytes, where the system tells.
        free: Option<u64>,
    },
    /// It may only be read.
    #[error("the stick cannot be written to")]
    ReadOnly,
    /// It is no longer there.
    #[error("the stick was pulled out")]
    Gone,
    /// There is no such folder.
    #[error("this is no folder")]
    NotAFolder,
    /// What was read back is not what was written: a broken stick, or one that has less room than it says.
    #[error("the stick gave back other bytes than were written")]
    ReadBack,
    /// What is in the file, or what was to be put into it.
    #[error(transparent)]
    Bundle(BundleFault),
    /// Anything else.
    #[error("the stick cannot be read or written")]
    Io(#[source] io::Error),
}

/// What became of a bundle that was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    /// Where it is.
    pub path: PathBuf,
    /// Its id.
    pub id: BundleId,
    /// Its size, bytes.
    pub bytes: u64,
    /// Items in it.
    pub items: u32,
}

/// A bundle on a stick as it looks from outside.
#[derive(Debug)]
pub struct Listed {
    /// Where it is.
    pub path: PathBuf,
    /// Its size, bytes.
    pub bytes: u64,
    /// What it says of itself, or why it cannot be read.
    pub header: Result<Header, StickFault>,
}

impl Direction {
    fn word(self) -> &'static str {
        match self {
            Self::Up => "上报",
            Self::Down => "下发",
        }
    }
}

/// The name of a bundle's file: no character that FAT or exFAT forbid, 19 characters with its ending.
fn name_of(header: &Header) -> String {
    let number = hex(header.id.0.first_chunk::<4>().unwrap_or(&[0; 4]));
    format!("入户-{}-{number}.{ENDING}", header.direction.word())
}

/// Whether a name is one that [`name_of`] gives, with `.part` behind it.
fn is_ours_unproven(name: &OsStr) -> bool {
    let Some(stem) = name.to_str().and_then(|name| name.strip_suffix(".ruhu.part")) else { return false };
    [Direction::Up, Direction::Down].iter().any(|direction| {
        stem.strip_prefix(&format!("入户-{}-", direction.word()))
            .is_some_and(|number| number.len() == 8 && number.bytes().all(|digit| digit.is_ascii_hexdigit()))
    })
}

/// The bundle that is being written, for whoever fills it.
pub struct Filler<'a> {
    writer: Writer<Sink>,
    folder: &'a Path,
}

impl Filler<'_> {
    /// Puts an item in.
    ///
    /// # Errors
    /// `Bundle(TooLarge)`, after which other items may still be put in; else what the stick says.
    pub fn put(&mut self, kind: NonZeroU8, bytes: &[u8]) -> Result<(), StickFault> {
        self.writer.put(kind, bytes).map_err(|fault| worded(fault, self.folder, Some(0)))
    }

    /// Whether one more item of `bytes` bytes may be put in; what does not fit goes into a bundle of its own.
    pub fn fits(&self, bytes: u64) -> bool {
        self.writer.fits(bytes)
    }

    /// Items so far.
    pub fn items(&self) -> u32 {
        self.writer.items()
    }

    /// What the file would measure with one more item of `bytes` bytes.
    pub fn size_with(&self, bytes: u64) -> u64 {
        self.writer.size_with(bytes)
    }
}

/// The file, with the hash of what it should hold. Once the stick is full it only counts on, so that a person is told
/// how much room is needed and not merely that there was too little.
struct Sink {
    file: File,
    hash: Sha256,
    bytes: u64,
    full: bool,
}

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.bytes = self.bytes.saturating_add(u64::try_from(bytes.len()).unwrap_or(u64::MAX));
        if !self.full {
            match self.file.write_all(bytes) {
                Ok(()) => self.hash.update(bytes),
                Err(error) if is_full(&error) => self.full = true,
                Err(error) => return Err(error),
            }
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A file that disappears unless it is kept.
struct Fleeting {
    path: PathBuf,
    kept: bool,
}

impl Drop for Fleeting {
    fn drop(&mut self) {
        if !self.kept {
            // A stick that was pulled out keeps its half file; it has no bundle's name and is swept next time.
            fs::remove_file(&self.path).ok();
        }
    }
}

/// Writes a bundle into `folder`: everything that `fill` puts in, or nothing. When this returns, the file has its name,
/// is on the stick, and was read back from there.
///
/// # Errors
/// [`StickFault`] as `E`, or whatever `fill` fails with. The folder is then as before.
pub fn write<E: From<StickFault>>(
    folder: &Path,
    envelope: &Envelope<'_>,
    chance: &[u8; CHANCE],
    fill: impl FnOnce(&mut Filler<'_>) -> Result<(), E>,
) -> Result<Written, E> {
    write_and(folder, envelope, chance, fill, |_| {})
}

/// The same, letting `meddle` at the file between the moment it is on the stick and the moment it is read back.
fn write_and<E: From<StickFault>>(
    folder: &Path,
    envelope: &Envelope<'_>,
    chance: &[u8; CHANCE],
    fill: impl FnOnce(&mut Filler<'_>) -> Result<(), E>,
    meddle: impl FnOnce(&Path),
) -> Result<Written, E> {
    must_be_folder(folder)?;
    sweep(folder);
    let (file, fleeting) = create(folder, envelope.direction, chance.first_chunk().unwrap_or(&[0; 4]))
        .map_err(|error| classify(error, folder, Some(crate::bundle::LEAST_BYTES)))?;
    let sink = Sink { file, hash: Sha256::new(), bytes: 0, full: false };
    let writer = Writer::new(sink, envelope, chance).map_err(|fault| worded(fault, folder, Some(0)))?;
    let mut filler = Filler { writer, folder };
    fill(&mut filler)?;
    let (header, items) = (*filler.writer.header(), filler.writer.items());
    let (sink, bytes) = filler.writer.finish().map_err(|fault| worded(fault, folder, Some(0)))?;
    let path = prove(sink, fleeting, &header, bytes, meddle)?;
    Ok(Written { path, id: header.id, bytes, items })
}

/// Copies a bundle unread into `folder`, under its name, as careful as [`write`]; one that lies there already is left.
///
/// # Errors
/// `Bundle` for a file that does not look like a bundle from outside; else as [`write`].
pub fn copy(from: &Path, folder: &Path) -> Result<PathBuf, StickFault> {
    let read = |error| classify(error, from, None);
    if !fs::symlink_metadata(from).map_err(read)?.is_file() {
        return Err(StickFault::Bundle(BundleFault::NotABundle));
    }
    let bytes = fs::metadata(from).map_err(read)?.len();
    let header = look(from, bytes)?;
    let mut source = File::open(from).map_err(read)?;
    put(&mut source, &header, folder)
}

/// Puts the bytes of a bundle that came over a line into `folder`, as careful as [`write`].
///
/// # Errors
/// As [`copy`].
pub fn put_bytes(bytes: &[u8], folder: &Path) -> Result<PathBuf, StickFault> {
    let header = Header::read(&mut &*bytes).map_err(|fault| worded(fault, folder, None))?;
    match crate::bundle::size_fault(u64::try_from(bytes.len()).unwrap_or(u64::MAX)) {
        Some(fault) => Err(StickFault::Bundle(fault)),
        None => put(&mut &*bytes, &header, folder),
    }
}

fn put(source: &mut impl Read, header: &Header, folder: &Path) -> Result<PathBuf, StickFault> {
    must_be_folder(folder)?;
    let path = folder.join(name_of(header));
    let there = |path: &Path| fs::metadata(path).ok().and_then(|found| look(path, found.len()).ok());
    if there(&path) == Some(*header) {
        return Ok(path);
    }
    sweep(folder);
    let number = header.id.0.first_chunk().unwrap_or(&[0; 4]);
    let written = |error| classify(error, folder, Some(crate::bundle::LEAST_BYTES));
    let (file, fleeting) = create(folder, header.direction, number).map_err(written)?;
    let mut sink = Sink { file, hash: Sha256::new(), bytes: 0, full: false };
    let mut piece = vec![0; PIECE];
    loop {
        let now = source.read(&mut piece).map_err(StickFault::Io)?;
        if now == 0 {
            break;
        }
        sink.write_all(piece.get(..now).unwrap_or_default()).map_err(written)?;
    }
    let bytes = sink.bytes;
    prove(sink, fleeting, header, bytes, |_| {})
}

/// Writes a file that is no bundle into `folder` under a name, in place of an earlier one: whole or not at all, and read
/// back from there.
///
/// # Errors
/// [`StickFault`]; an earlier one then stays.
pub fn put_named(bytes: &[u8], folder: &Path, name: &str) -> Result<PathBuf, StickFault> {
    must_be_folder(folder)?;
    let size = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
    let fault = |error| classify(error, folder, Some(size));
    let part = folder.join(format!("{name}.{PART}"));
    // Of a try that broke off, or a link that somebody put there: it is not followed.
    fs::remove_file(&part).ok();
    let mut file = OpenOptions::new().write(true).create_new(true).open(&part).map_err(fault)?;
    let mut fleeting = Fleeting { path: part, kept: false };
    file.write_all(bytes).and_then(|()| file.sync_all()).map_err(fault)?;
    forget_cached(&file);
    drop(file);
    if read_back(&fleeting.path).map_err(fault)? != (size, Sha256::digest(bytes).into()) {
        return Err(StickFault::ReadBack);
    }
    let path = folder.join(name);
    fs::rename(&fleeting.path, &path).map_err(fault)?;
    fleeting.kept = true;
    sync_folder(&path).map_err(fault)?;
    Ok(path)
}

/// Room left for us where `folder` is, bytes, where the system tells.
pub fn room(folder: &Path) -> Option<u64> {
    free(folder)
}

/// Puts a written file on the stick, reads it back from there, and gives it its name.
fn prove(
    sink: Sink,
    fleeting: Fleeting,
    header: &Header,
    bytes: u64,
    meddle: impl FnOnce(&Path),
) -> Result<PathBuf, StickFault> {
    let near = fleeting.path.clone();
    let folder = near.parent().unwrap_or(&near);
    let synced = if sink.full { Err(ErrorKind::StorageFull.into()) } else { sink.file.sync_all() };
    forget_cached(&sink.file);
    drop(sink.file);
    if let Err(error) = synced {
        // Gone first, so that what is said to be free is free.
        drop(fleeting);
        return Err(classify(error, folder, Some(bytes)));
    }
    meddle(&fleeting.path);
    let found = read_back(&fleeting.path).map_err(|error| classify(error, folder, Some(bytes)))?;
    if found != (bytes, sink.hash.finalize().into()) {
        return Err(StickFault::ReadBack);
    }
    let path = name(fleeting, header).map_err(|error| classify(error, folder, Some(bytes)))?;
    if !fs::metadata(&path).is_ok_and(|named| named.len() == bytes) {
        return Err(StickFault::Gone);
    }
    Ok(path)
}

fn must_be_folder(path: &Path) -> Result<(), StickFault> {
    match fs::metadata(path) {
        Ok(found) if found.is_dir() => Ok(()),
        Ok(_) => Err(StickFault::NotAFolder),
        Err(error) if error.kind() == ErrorKind::NotFound => Err(StickFault::NotAFolder),
        Err(error) => Err(classify(error, path, None)),
    }
}

/// A new file under its temporary name, locked for as long as it is open.
fn create(folder: &Path, direction: Direction, number: &[u8; 4]) -> io::Result<(File, Fleeting)> {
    let number = hex(number);
    let path = folder.join(format!("入户-{}-{number}.{ENDING}.{PART}", direction.word()));
    let file = OpenOptions::new().write(true).create_new(true).open(&path)?;
    let fleeting = Fleeting { path, kept: false };
    // Not every file system of a stick knows locks; without them only two programs on one stick at once are in doubt.
    file.try_lock().ok();
    Ok((file, fleeting))
}

/// Size and hash of a file, read anew.
fn read_back(path: &Path) -> io::Result<(u64, [u8; 32])> {
    let mut file = File::open(path)?;
    forget_cached(&file);
    let (mut hash, mut bytes, mut piece) = (Sha256::new(), 0_u64, vec![0; PIECE]);
    loop {
        let now = file.read(&mut piece)?;
        if now == 0 {
            return Ok((bytes, hash.finalize().into()));
        }
        hash.update(piece.get(..now).unwrap_or_default());
        bytes = bytes.saturating_add(u64::try_from(now).unwrap_or(u64::MAX));
    }
}

/// Gives a proven file its name, on the stick when this returns.
fn name(mut fleeting: Fleeting, header: &Header) -> io::Result<PathBuf> {
    let path = fleeting.path.with_file_name(name_of(header));
    if path.try_exists()? {
        return Err(ErrorKind::AlreadyExists.into());
    }
    fs::rename(&fleeting.path, &path)?;
    fleeting.path.clone_from(&path);
    sync_folder(&path)?;
    fleeting.kept = true;
    Ok(path)
}

/// Removes what an earlier write left when the stick was pulled out. What another program is writing now stays.
fn sweep(folder: &Path) {
    // A folder that cannot be read says so when it is written to.
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        if is_ours_unproven(&entry.file_name()) && entry.file_type().is_ok_and(|kind| kind.is_file()) {
            let held = |file: File| matches!(file.try_lock(), Err(TryLockError::WouldBlock));
            if !OpenOptions::new().write(true).open(entry.path()).is_ok_and(held) {
                fs::remove_file(entry.path()).ok();
            }
        }
    }
}

/// The bundles in `folder` (not below it), by name. Those that cannot be read are listed with the reason.
///
/// # Errors
/// `NotAFolder`, `Gone`, `Io`.
pub fn list(folder: &Path) -> Result<Vec<Listed>, StickFault> {
    must_be_folder(folder)?;
    let said = |error| classify(error, folder, None);
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).map_err(said)? {
        let entry = entry.map_err(said)?;
        let hidden = entry.file_name().to_string_lossy().starts_with('.');
        let path = entry.path();
        // A link may lead anywhere, so links are not bundles, whatever they are called.
        let regular = entry.file_type().is_ok_and(|kind| kind.is_file());
        if !hidden && regular && path.extension().is_some_and(|ending| ending.eq_ignore_ascii_case(ENDING)) {
            let bytes = entry.metadata().map_err(said)?.len();
            found.push(Listed { header: look(&path, bytes), path, bytes });
        }
        if found.len() >= MOST_LISTED {
            break;
        }
    }
    found.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(found)
}

/// The header of a file, and whether its size can be right.
fn look(path: &Path, bytes: u64) -> Result<Header, StickFault> {
    let mut file = File::open(path).map_err(|error| classify(error, path, None))?;
    let header = Header::read(&mut file).map_err(|fault| worded(fault, path, None))?;
    match crate::bundle::size_fault(bytes) {
        Some(fault) => Err(StickFault::Bundle(fault)),
        None => Ok(header),
    }
}

/// A bundle on a stick that was opened: its items, one after the other.
///
/// What [`Reader`] says of its items holds here too: each is genuine, and all are there once `None` came and
/// [`whole`](Opened::whole) is true.
pub struct Opened {
    reader: Reader<BufReader<File>>,
    path: PathBuf,
}

impl Opened {
    /// What it says of itself, proven by now as far as the keys prove it.
    pub fn header(&self) -> &Header {
        self.reader.header()
    }

    /// Whether every item has been given and nothing is missing.
    pub fn whole(&self) -> bool {
        self.reader.whole()
    }
}

impl Iterator for Opened {
    type Item = Result<Item, StickFault>;

    fn next(&mut self) -> Option<Self::Item> {
        self.reader.next().map(|item| item.map_err(|fault| worded(fault, &self.path, None)))
    }
}

/// Opens the bundle at `path` with the receiver's secret; `sender` finds the whole key to a key print, if whoever holds
/// it may send here.
///
/// # Errors
/// `Bundle` with `NotABundle`, `Newer`, `ForAnother`, `UnknownSender`, `Cut`, `Damaged` or `TooLarge`; `Gone`, `Io`.
pub fn open(
    path: &Path,
    secret: &BundleSecret,
    sender: impl FnOnce(KeyPrint) -> Option<BundleKey>,
) -> Result<Opened, StickFault> {
    let said = |error| classify(error, path, None);
    let not_a_bundle = || StickFault::Bundle(BundleFault::NotABundle);
    // Looked at before it is opened: opening a pipe would wait for ever.
    if !fs::symlink_metadata(path).map_err(said)?.is_file() {
        return Err(not_a_bundle());
    }
    let file = File::open(path).map_err(said)?;
    if file.metadata().map_err(said)?.len() > MOST_BYTES {
        let mut file = file;
        Header::read(&mut file).map_err(|fault| worded(fault, path, None))?;
        return Err(StickFault::Bundle(BundleFault::TooLarge(crate::bundle::Limit::Bytes)));
    }
    let reader = Reader::new(BufReader::with_capacity(PIECE, file), secret, sender)
        .map_err(|fault| worded(fault, path, None))?;
    Ok(Opened { reader, path: path.to_owned() })
}

/// Reads the bundle at `path` to its end without keeping it, and gives the number of its items.
///
/// # Errors
/// As [`open`].
pub fn check(
    path: &Path,
    secret: &BundleSecret,
    sender: impl FnOnce(KeyPrint) -> Option<BundleKey>,
) -> Result<u32, StickFault> {
    open(path, secret, sender)?.try_fold(0_u32, |items, item| item.map(|_| items.saturating_add(1)))
}

fn worded(fault: BundleFault, near: &Path, needed: Option<u64>) -> StickFault {
    if let BundleFault::Io(error) = fault { classify(error, near, needed) } else { StickFault::Bundle(fault) }
}

fn is_full(error: &io::Error) -> bool {
    // FAT says "too large" where a file would outgrow it.
    matches!(error.kind(), ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::FileTooLarge)
}

/// What an error at a folder or file on a stick means to a person; `needed` is what was to be written, bytes, or none
/// where it was read.
fn classify(error: io::Error, near: &Path, needed: Option<u64>) -> StickFault {
    let kind = error.kind();
    match needed {
        Some(needed) if is_full(&error) => return StickFault::Full { needed, free: free(near) },
        Some(_) if matches!(kind, ErrorKind::ReadOnlyFilesystem | ErrorKind::PermissionDenied) => {
            return StickFault::ReadOnly;
        }
        Some(_) | None => {}
    }
    if kind == ErrorKind::NotADirectory {
        StickFault::NotAFolder
    } else if matches!(kind, ErrorKind::NotFound | ErrorKind::NotConnected | ErrorKind::StaleNetworkFileHandle)
        || error.raw_os_error().is_some_and(|number| GONE.contains(&number))
        || !is_there(near)
    {
        StickFault::Gone
    } else {
        StickFault::Io(error)
    }
}

/// Error numbers of a device that is no longer there: ENXIO, ENODEV.
#[cfg(unix)]
const GONE: &[i32] = &[6, 19];
/// Error numbers of a device that is no longer there: NOT_READY, DEV_NOT_EXIST, NO_SUCH_DEVICE, FILE_INVALID,
/// DEVICE_NOT_CONNECTED.
#[cfg(not(unix))]
const GONE: &[i32] = &[21, 55, 433, 1006, 1167];

/// Whether the folder of (or at) `near` can still be read: a device that was pulled out answers every question with
/// "input or output error", a broken one only some.
fn is_there(near: &Path) -> bool {
    let folder = match fs::metadata(near) {
        Ok(found) if found.is_dir() => Some(near),
        Ok(_) => near.parent(),
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::PermissionDenied) => near.parent(),
        Err(_) => None,
    };
    folder.is_some_and(|folder| {
        fs::read_dir(folder).is_ok_and(|mut entries| entries.all(|entry| entry.is_ok())) && device_is_there(folder)
    })
}

/// Whether the disk of a folder is still plugged in: of one that is not, much is still to be read from memory.
#[cfg(target_os = "linux")]
fn device_is_there(folder: &Path) -> bool {
    use std::os::unix::fs::MetadataExt as _;
    let Ok(device) = fs::metadata(folder).map(|found| found.dev()) else { return false };
    let (major, minor) = (rustix::fs::major(device), rustix::fs::minor(device));
    // Major 0 is no disk: memory, a network, a program.
    major == 0
        || !Path::new("/sys/dev/block").is_dir()
        || Path::new(&format!("/sys/dev/block/{major}:{minor}")).exists()
}

#[cfg(not(target_os = "linux"))]
fn device_is_there(_: &Path) -> bool {
    true
}

/// Asks the system to drop what it keeps of a file in memory, so that it is read from the stick.
#[cfg(target_os = "linux")]
pub(crate) fn forget_cached(file: &File) {
    // Advice: a system that does not take it reads back from memory, which is no worse than not reading back.
    rustix::fs::fadvise(file, 0, None, rustix::fs::Advice::DontNeed).ok();
}

#[cfg(not(target_os = "linux"))]
pub(crate) fn forget_cached(_: &File) {}

/// Room left for us where `folder` is, bytes.
#[cfg(unix)]
fn free(folder: &Path) -> Option<u64> {
    let found = rustix::fs::statvfs(folder).ok()?;
    Some(found.f_bavail.saturating_mul(found.f_frsize))
}

#[cfg(not(unix))]
fn free(_: &Path) -> Option<u64> {
    None
}

/// Forces a new name in a folder to the disk. Some drivers do not know how to sync a folder and say so.
#[cfg(unix)]
pub fn sync_folder(path: &Path) -> io::Result<()> {
    let Some(folder) = path.parent() else { return Ok(()) };
    match File::open(folder)?.sync_all() {
        Err(error) if matches!(error.kind(), ErrorKind::InvalidInput | ErrorKind::Unsupported) => Ok(()),
        synced => synced,
    }
}

/// Windows writes names through by itself.
#[cfg(not(unix))]
pub fn sync_folder(_: &Path) -> io::Result<()> {
    Ok(())
}

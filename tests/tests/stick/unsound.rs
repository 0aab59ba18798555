//! A stick that is not sound: a small file system in this process that fills up, lies about its size, is locked, or is
//! pulled out at a moment of one's choice and plugged in again. It keeps one folder of plain files in memory.

use std::ffi::OsStr;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use fuser::{
    BackgroundSession, BsdFileFlags, Config, Errno, FileAttr, FileHandle, FileType, Filesystem, FopenFlags, Generation,
    INodeNo, InitFlags, KernelConfig, LockOwner, MountOption, OpenFlags, RenameFlags, ReplyAttr, ReplyCreate,
    ReplyData, ReplyDirectory, ReplyEmpty, ReplyEntry, ReplyOpen, ReplyStatfs, ReplyWrite, Request, TimeOrNow,
    WriteFlags,
};

const AT_ONCE: Duration = Duration::ZERO;

/// What is wrong with a stick; the default is a sound and endless one.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Nature {
    /// No room beyond so many bytes.
    pub(crate) room: Option<u64>,
    /// What is written beyond so many bytes is taken and lost.
    pub(crate) true_room: Option<u64>,
    /// Nothing can be written.
    pub(crate) locked: bool,
    /// Nothing of it stays in the system's memory once a file is opened anew.
    pub(crate) forgotten: bool,
    /// It is pulled out before the question of this number (from 0).
    pub(crate) pulled_out_at: Option<u64>,
}

#[derive(Debug, Default)]
struct Inside {
    nature: Nature,
    questions: u64,
    next: u64,
    files: Vec<(u64, String, Vec<u8>)>,
}

impl Inside {
    fn used(&self) -> u64 {
        self.files.iter().map(|(_, _, bytes)| bytes.len() as u64).sum()
    }

    fn named(&self, name: &OsStr) -> Option<usize> {
        self.files.iter().position(|(_, own, _)| name.to_str() == Some(own))
    }

    fn numbered(&self, number: INodeNo) -> Option<usize> {
        self.files.iter().position(|(own, _, _)| *own == u64::from(number))
    }

    fn attr(&self, at: usize) -> FileAttr {
        let (number, _, bytes) = &self.files[at];
        attr(*number, FileType::RegularFile, bytes.len() as u64)
    }
}

fn attr(number: u64, kind: FileType, size: u64) -> FileAttr {
    FileAttr {
        ino: INodeNo(number),
        size,
        blocks: size.div_ceil(512),
        atime: UNIX_EPOCH,
        mtime: UNIX_EPOCH,
        ctime: UNIX_EPOCH,
        crtime: UNIX_EPOCH,
        kind,
        perm: 0o777,
        nlink: 1,
        uid: 0,
        gid: 0,
        rdev: 0,
        blksize: 4096,
        flags: 0,
    }
}

struct Served {
    inside: Arc<Mutex<Inside>>,
    cached: bool,
}

impl Served {
    /// The stick, if it is plugged in.
    fn asked(&self) -> Result<MutexGuard<'_, Inside>, Errno> {
        let mut inside = self.inside.lock().unwrap_or_else(PoisonError::into_inner);
        let number = inside.questions;
        inside.questions += 1;
        if inside.nature.pulled_out_at.is_some_and(|at| number >= at) { Err(Errno::EIO) } else { Ok(inside) }
    }

    fn asked_to_write(&self) -> Result<MutexGuard<'_, Inside>, Errno> {
        self.asked().and_then(|inside| if inside.nature.locked { Err(Errno::EROFS) } else { Ok(inside) })
    }
}

impl Filesystem for Served {
    fn init(&mut self, _: &Request, config: &mut KernelConfig) -> std::io::Result<()> {
        if self.cached {
            config
                .add_capabilities(InitFlags::FUSE_WRITEBACK_CACHE)
                .map_err(|_unsupported| std::io::ErrorKind::Unsupported)?;
        }
        Ok(())
    }

    fn lookup(&self, _: &Request, _: INodeNo, name: &OsStr, reply: ReplyEntry) {
        match self.asked().map(|inside| inside.named(name).map(|at| inside.attr(at))) {
            Ok(Some(attr)) => reply.entry(&AT_ONCE, &attr, Generation(0)),
            Ok(None) => reply.error(Errno::ENOENT),
            Err(error) => reply.error(error),
        }
    }

    fn getattr(&self, _: &Request, number: INodeNo, _: Option<FileHandle>, reply: ReplyAttr) {
        match self.asked() {
            Ok(_) if number == INodeNo::ROOT => reply.attr(&AT_ONCE, &attr(1, FileType::Directory, 0)),
            Ok(inside) => match inside.numbered(number) {
                Some(at) => reply.attr(&AT_ONCE, &inside.attr(at)),
                None => reply.error(Errno::ENOENT),
            },
            Err(error) => reply.error(error),
        }
    }

    fn setattr(
        &self,
        request: &Request,
        number: INodeNo,
        _: Option<u32>,
        _: Option<u32>,
        _: Option<u32>,
        size: Option<u64>,
        _: Option<TimeOrNow>,
        _: Option<TimeOrNow>,
        _: Option<SystemTime>,
        handle: Option<FileHandle>,
        _: Option<SystemTime>,
        _: Option<SystemTime>,
        _: Option<SystemTime>,
        _: Option<BsdFileFlags>,
        reply: ReplyAttr,
    ) {
        assert_eq!(size, None, "nobody here shortens a file");
        self.getattr(request, number, handle, reply);
    }

    fn create(&self, _: &Request, _: INodeNo, name: &OsStr, _: u32, _: u32, _: i32, reply: ReplyCreate) {
        match self.asked_to_write() {
            Ok(mut inside) => {
                inside.next += 1;
                let number = inside.next + 1;
                inside.files.push((number, name.to_str().expect("a name").to_owned(), Vec::new()));
                let attr = attr(number, FileType::RegularFile, 0);
                reply.created(&AT_ONCE, &attr, Generation(0), FileHandle(0), FopenFlags::FOPEN_KEEP_CACHE);
            }
            Err(error) => reply.error(error),
        }
    }

    fn open(&self, _: &Request, _: INodeNo, _: OpenFlags, reply: ReplyOpen) {
        match self.asked() {
            Ok(inside) if inside.nature.forgotten => reply.opened(FileHandle(0), FopenFlags::empty()),
            // As with a disk, what the system still has in memory is read from there.
            Ok(_) => reply.opened(FileHandle(0), FopenFlags::FOPEN_KEEP_CACHE),
            Err(error) => reply.error(error),
        }
    }

    fn read(
        &self,
        _: &Request,
        number: INodeNo,
        _: FileHandle,
        offset: u64,
        size: u32,
        _: OpenFlags,
        _: Option<LockOwner>,
        reply: ReplyData,
    ) {
        match self.asked() {
            Ok(inside) => {
                let bytes = inside.numbered(number).map(|at| &inside.files[at].2[..]).unwrap_or_default();
                let from = usize::try_from(offset).expect("an offset").min(bytes.len());
                reply.data(&bytes[from..bytes.len().min(from + size as usize)]);
            }
            Err(error) => reply.error(error),
        }
    }

    fn write(
        &self,
        _: &Request,
        number: INodeNo,
        _: FileHandle,
        offset: u64,
        data: &[u8],
        _: WriteFlags,
        _: OpenFlags,
        _: Option<LockOwner>,
        reply: ReplyWrite,
    ) {
        let mut inside = match self.asked_to_write() {
            Ok(inside) => inside,
            Err(error) => return reply.error(error),
        };
        let Some(at) = inside.numbered(number) else { return reply.error(Errno::ENOENT) };
        let (used, nature) = (inside.used(), inside.nature);
        let bytes = &mut inside.files[at].2;
        let (from, before) = (usize::try_from(offset).expect("an offset"), bytes.len());
        let until = (from + data.len()).max(before);
        if nature.room.is_some_and(|room| used + (until - before) as u64 > room) {
            return reply.error(Errno::ENOSPC);
        }
        bytes.resize(until, 0);
        bytes[from..from + data.len()].copy_from_slice(data);
        if let Some(room) = nature.true_room {
            let kept = usize::try_from(room).expect("a size").min(until);
            bytes[kept..].fill(0);
        }
        reply.written(u32::try_from(data.len()).expect("a size"));
    }

    fn flush(&self, _: &Request, _: INodeNo, _: FileHandle, _: LockOwner, reply: ReplyEmpty) {
        done(self.asked().map(drop), reply);
    }

    fn fsync(&self, _: &Request, _: INodeNo, _: FileHandle, _: bool, reply: ReplyEmpty) {
        done(self.asked().map(drop), reply);
    }

    fn fsyncdir(&self, _: &Request, _: INodeNo, _: FileHandle, _: bool, reply: ReplyEmpty) {
        done(self.asked().map(drop), reply);
    }

    fn unlink(&self, _: &Request, _: INodeNo, name: &OsStr, reply: ReplyEmpty) {
        let removed = self.asked_to_write().and_then(|mut inside| {
            let at = inside.named(name).ok_or(Errno::ENOENT)?;
            inside.files.remove(at);
            Ok(())
        });
        done(removed, reply);
    }

    fn rename(
        &self,
        _: &Request,
        _: INodeNo,
        name: &OsStr,
        _: INodeNo,
        new: &OsStr,
        _: RenameFlags,
        reply: ReplyEmpty,
    ) {
        let renamed = self.asked_to_write().and_then(|mut inside| {
            let at = inside.named(name).ok_or(Errno::ENOENT)?;
            inside.files[at].1 = new.to_str().expect("a name").to_owned();
            Ok(())
        });
        done(renamed, reply);
    }

    fn readdir(&self, _: &Request, _: INodeNo, _: FileHandle, offset: u64, mut reply: ReplyDirectory) {
        match self.asked() {
            Ok(inside) => {
                let entries = inside.files.iter().enumerate().skip(usize::try_from(offset).expect("an offset"));
                for (at, (number, name, _)) in entries {
                    if reply.add(INodeNo(*number), at as u64 + 1, FileType::RegularFile, name) {
                        break;
                    }
                }
                reply.ok();
            }
            Err(error) => reply.error(error),
        }
    }

    fn statfs(&self, _: &Request, _: INodeNo, reply: ReplyStatfs) {
        match self.asked() {
            Ok(inside) => {
                let left = inside.nature.room.unwrap_or(1 << 40).saturating_sub(inside.used()) / 512;
                reply.statfs(left, left, left, 100, 100, 512, 255, 512);
            }
            Err(error) => reply.error(error),
        }
    }
}

fn done(result: Result<(), Errno>, reply: ReplyEmpty) {
    match result {
        Ok(()) => reply.ok(),
        Err(error) => reply.error(error),
    }
}

/// An unsound stick, plugged in.
pub(crate) struct Unsound {
    inside: Arc<Mutex<Inside>>,
    _session: BackgroundSession,
}

impl Unsound {
    /// Plugs one in at `folder`; `None` where this user may not. Where it is `cached`, the system keeps what is written
    /// to it in memory as it does with a disk.
    pub(crate) fn plugged_in(folder: &Path, cached: bool) -> Option<Self> {
        let inside = Arc::new(Mutex::new(Inside::default()));
        let mut config = Config::default();
        config.mount_options = vec![MountOption::FSName("unsound".to_owned()), MountOption::NoExec];
        let session = fuser::spawn_mount(Served { inside: Arc::clone(&inside), cached }, folder, &config).ok()?;
        Some(Self { inside, _session: session })
    }

    fn inside(&self) -> MutexGuard<'_, Inside> {
        self.inside.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// From now on it is like this, plugged in; questions are counted from here.
    pub(crate) fn becomes(&self, nature: Nature) {
        let mut inside = self.inside();
        inside.nature = nature;
        inside.questions = 0;
    }

    /// Takes everything off.
    pub(crate) fn emptied(&self) {
        self.inside().files.clear();
    }

    /// Names of the files on it.
    pub(crate) fn names(&self) -> Vec<String> {
        self.inside().files.iter().map(|(_, name, _)| name.clone()).collect()
    }
}

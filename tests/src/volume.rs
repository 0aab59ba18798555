//! A file system of its own in a file: ext4 on a loop device, mounted in a folder. It can be pulled out like a stick, and lose
//! its power: nothing reaches the disk from then on but what was forced there before.
//! It must never touch another file system than the one it made.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use crate::folder::Folder;

/// What is said where this user may not mount.
pub const SKIPPED: &str = "skipped: needs root";

/// `EXT4_IOC_SHUTDOWN` without flushing the journal, of a folder (linux/fs/ext4/ext4.h).
const SHUTDOWN: &str = "import fcntl, os, struct, sys
at = os.open(sys.argv[1], os.O_RDONLY)
print('ready', flush=True)
sys.stdin.readline()
fcntl.ioctl(at, 0x8004587D, struct.pack('I', 2))";

/// A mounted file system, gone when it is dropped.
pub struct Volume {
    folder: Folder,
    at: PathBuf,
}

impl Volume {
    /// Of so many bytes; none where this user may not mount.
    ///
    /// # Panics
    /// When there is no room for its file.
    pub fn mounted(bytes: u64) -> Option<Self> {
        let folder = Folder::fresh();
        let (image, at) = (folder.join("image"), folder.join("volume"));
        std::fs::File::create(&image).and_then(|file| file.set_len(bytes)).expect("an image");
        std::fs::create_dir(&at).expect("a folder");
        let made = quiet(Command::new("mkfs.ext4").args(["-q", "-F", "-m", "0"]).arg(&image));
        let volume = Self { folder, at };
        (made && volume.mount()).then_some(volume)
    }

    /// Where it is mounted.
    pub fn at(&self) -> &Path {
        &self.at
    }

    /// Mounts it again, which plays its journal back. Returns whether it could be.
    pub fn mount(&self) -> bool {
        quiet(Command::new("mount").args(["-o", "loop"]).arg(self.folder.join("image")).arg(&self.at))
    }

    /// Mounts it otherwise, e.g. `ro`. Returns whether it could be.
    pub fn remount(&self, how: &str) -> bool {
        quiet(Command::new("mount").args(["-o", &format!("remount,{how}")]).arg(&self.at))
    }

    /// As when a stick is pulled out: open files stay open and the path leads elsewhere. Returns whether it could be.
    pub fn pull_out(&self) -> bool {
        quiet(Command::new("umount").arg("-l").arg(&self.at))
    }

    /// Takes it away once nothing holds it any more. Returns whether it could be.
    pub fn unmount(&self) -> bool {
        quiet(Command::new("umount").arg(&self.at))
    }

    /// Forces all that was written there to the disk: what a test put there is not what is tried.
    ///
    /// # Panics
    /// When it cannot be forced.
    pub fn force(&self) {
        assert!(quiet(Command::new("sync").arg("-f").arg(&self.at)), "a disk that can be forced");
    }

    /// A hand on its switch.
    ///
    /// # Panics
    /// When nobody can be found to do it.
    pub fn switch(&self) -> Switch {
        let mut hand = Command::new("python3")
            .args(["-c", SHUTDOWN])
            .arg(&self.at)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("python3 (cargo xtask test installs it)");
        let mut ready = String::new();
        BufReader::new(hand.stdout.take().expect("its output")).read_line(&mut ready).expect("a line");
        Switch(hand)
    }
}

/// A hand on the switch of a [`Volume`], within a millisecond of turning it.
pub struct Switch(Child);

impl Switch {
    /// The power is gone: every write fails from here on, and what was not forced to the disk is lost.
    ///
    /// # Panics
    /// When the system does not know how.
    pub fn off(mut self) {
        self.0.stdin.take().expect("its input").write_all(b"off\n").expect("it listens");
        assert!(self.0.wait().expect("ended").success(), "ext4 that can be shut down");
    }
}

impl Drop for Volume {
    fn drop(&mut self) {
        self.pull_out();
    }
}

fn quiet(command: &mut Command) -> bool {
    command.stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok_and(|status| status.success())
}

//! The real programs, found beside the test that runs them, and the folders of the checkout that tests read.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, PoisonError};

/// The program `name` of this build.
///
/// # Panics
/// With the command that builds it, when it is not there.
pub fn program(name: &str) -> PathBuf {
    let beside = std::env::current_exe().expect("the test's own path");
    // A test stands in `deps`, a bench beside the programs.
    let found = beside.ancestors().skip(1).take(2).map(|folder| folder.join(name)).find(|path| path.is_file());
    match found {
        Some(path) => path,
        None => {
            panic!("the program {name} is not built: run `cargo build -p desk -p county` (the release needs --release)")
        }
    }
}

/// The folder of demo list, places and fonts.
pub fn assets() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../assets")
}

/// The folder of files that only tests read.
pub fn fixtures() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("fixtures")
}

/// Held while a program starts. Between fork and exec the new process holds a copy of every open file, a home's lock too:
/// who lets go of a lock then has not let go of it.
static STARTING: Mutex<()> = Mutex::new(());

/// Starts a program; when this returns it no longer holds any file of ours.
///
/// # Panics
/// When it does not start.
pub fn spawn(command: &mut Command) -> Child {
    let _one = STARTING.lock().unwrap_or_else(PoisonError::into_inner);
    command.spawn().expect("the program starts")
}

/// Does `work` while no program is starting.
pub(crate) fn while_none_starts<T>(work: impl FnOnce() -> T) -> T {
    let _one = STARTING.lock().unwrap_or_else(PoisonError::into_inner);
    work()
}

/// What a program said.
#[derive(Debug)]
pub struct Spoken {
    /// Exit code; none when a signal ended it.
    pub code: Option<i32>,
    /// Standard output.
    pub out: Vec<u8>,
    /// Standard error.
    pub err: String,
}

impl Spoken {
    /// Standard output as the one JSON value that it is.
    ///
    /// # Panics
    /// When it is none.
    pub fn json(&self) -> serde_json::Value {
        match serde_json::from_slice(&self.out) {
            Ok(value) => value,
            Err(error) => panic!("{error}: {}\n{}", String::from_utf8_lossy(&self.out), self.err),
        }
    }
}

/// Runs a program to its end with `input` on its standard input.
///
/// # Panics
/// When it does not start.
pub fn run(command: &mut Command, input: &str) -> Spoken {
    let mut child = spawn(command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()));
    let mut stdin = child.stdin.take().expect("its input");
    // A program that refuses early has closed its input, which is an answer too.
    stdin.write_all(input.as_bytes()).ok();
    drop(stdin);
    let output = child.wait_with_output().expect("the program ends");
    Spoken { code: output.status.code(), out: output.stdout, err: String::from_utf8_lossy(&output.stderr).into_owned() }
}

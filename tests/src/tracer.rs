//! A tracer on a running program, by strace: it counts system calls, or kills the program as it enters one of them.
//! It must never touch a program that was not given to it.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crate::program::{Spoken, run, spawn};

/// A strace that hangs on one process and all its threads.
pub struct Tracer {
    child: Child,
}

impl Tracer {
    /// Whether this machine lets one process trace another.
    pub fn possible() -> bool {
        let Ok(mut idle) = Command::new("sleep").arg("60").spawn() else { return false };
        let attached = Self::attach(idle.id(), &["-o", "/dev/null"]);
        let possible = attached.is_some();
        drop(attached);
        idle.kill().ok();
        idle.wait().ok();
        possible
    }

    fn attach(process: u32, words: &[&str]) -> Option<Self> {
        let mut command = Command::new("strace");
        command
            .args(["-f", "-p", &process.to_string()])
            .args(words)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped());
        let mut child = spawn_if_there(&mut command)?;
        let mut said = BufReader::new(child.stderr.take().expect("its words"));
        let mut line = String::new();
        said.read_line(&mut line).ok()?;
        let on = line.contains("attached");
        // Each new thread is told too; nobody may have to wait for a full pipe.
        std::thread::spawn(move || std::io::copy(&mut said, &mut std::io::sink()));
        if on {
            Some(Self { child })
        } else {
            child.kill().ok();
            child.wait().ok();
            None
        }
    }

    /// Writes every system call of the process into `file` until it is dropped.
    ///
    /// # Panics
    /// When it cannot hang on.
    pub fn listening(process: u32, file: &Path) -> Self {
        Self::attach(process, &["-o", &file.display().to_string()]).expect("a traced process")
    }

    /// Kills the process as one of its threads enters its `number`-th call of this name, counted from now and from 1.
    ///
    /// # Panics
    /// When it cannot hang on.
    pub fn killing(process: u32, call: &str, number: u32) -> Self {
        let [trace, inject] = strike(call, number);
        Self::attach(process, &["-o", "/dev/null", "-e", &trace, "-e", &inject]).expect("a traced process")
    }

    /// Lets each call of this name, from the `number`-th on that a thread makes, counted from now and from 1, fail with this
    /// error (`ENOSPC`); only that one, if `once`.
    ///
    /// # Panics
    /// When it cannot hang on.
    pub fn failing(process: u32, call: &str, number: u32, error: &str, once: bool) -> Self {
        let (trace, on) = (format!("trace={call}"), if once { "" } else { "+" });
        let inject = format!("inject={call}:error={error}:when={number}{on}");
        Self::attach(process, &["-o", "/dev/null", "-e", &trace, "-e", &inject]).expect("a traced process")
    }

    /// The system calls that a process makes during some work, told in `file`: see [`Tracer::counts`].
    ///
    /// # Panics
    /// When it cannot hang on.
    pub fn calls(process: u32, file: &Path, work: impl FnOnce()) -> BTreeMap<String, u32> {
        let tracer = Self::listening(process, file);
        work();
        drop(tracer);
        Self::counts(file)
    }

    /// Runs a program to its end and writes every system call of it into `file`. How it ended.
    ///
    /// # Panics
    /// When it does not start.
    pub fn listen(command: &Command, file: &Path) -> Spoken {
        run(&mut under(&["-o", &file.display().to_string()], command), "")
    }

    /// Runs a program, and kills it as one of its threads enters its `number`-th call of this name, counted from its start.
    /// How it ended: a program that was killed has no code.
    ///
    /// # Panics
    /// When it does not start.
    pub fn kill(command: &Command, call: &str, number: u32) -> Spoken {
        let [trace, inject] = strike(call, number);
        run(&mut under(&["-o", "/dev/null", "-e", &trace, "-e", &inject], command), "")
    }

    /// Of what [`Tracer::listening`] or [`Tracer::listen`] wrote: for each call's name the most that one thread made.
    ///
    /// # Panics
    /// When the file is not strace's.
    pub fn counts(file: &Path) -> BTreeMap<String, u32> {
        let mut each: BTreeMap<(String, String), u32> = BTreeMap::new();
        let words = std::fs::read(file).expect("what strace wrote");
        for line in String::from_utf8_lossy(&words).lines() {
            let Some((thread, rest)) = line.split_once(' ') else { continue };
            // Signals, ends and the second halves of calls begin otherwise.
            if let Some((name, _)) = rest.trim_start().split_once('(')
                && !name.is_empty()
                && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
            {
                *each.entry((thread.to_owned(), name.to_owned())).or_default() += 1;
            }
        }
        let mut most = BTreeMap::new();
        for ((_, name), count) in each {
            let slot: &mut u32 = most.entry(name).or_default();
            *slot = count.max(*slot);
        }
        most
    }
}

impl Drop for Tracer {
    fn drop(&mut self) {
        // Asked to end it lets go of the process; killed it might leave it standing.
        Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status().ok();
        for _ in 0..500 {
            if !matches!(self.child.try_wait(), Ok(None)) {
                return;
            }
            std::thread::park_timeout(Duration::from_millis(10));
        }
        // It can wait for ever for a thread that is dead already; then the process is dead too, and cannot be left standing.
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// What strace is told so that it kills at a call.
fn strike(call: &str, number: u32) -> [String; 2] {
    [format!("trace={call}"), format!("inject={call}:signal=KILL:when={number}")]
}

/// The program, started by strace.
fn under(words: &[&str], program: &Command) -> Command {
    let mut command = Command::new("strace");
    command.arg("-f").args(words).arg(program.get_program()).args(program.get_args());
    for (name, value) in program.get_envs() {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    command
}

fn spawn_if_there(command: &mut Command) -> Option<Child> {
    let there = Command::new("strace").arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
    there.is_ok().then(|| spawn(command))
}

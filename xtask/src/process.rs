//! Other programs: started, heard, and ended together with xtask.
//!
//! No child gets standard input, so none can wait for a person who is not there. A child that goes on
//! in the background asks the kernel to end it when xtask ends, however that happens; nothing here may
//! end a process it did not start.

use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};

use crate::halt::Halt;

/// A command in a folder, without standard input.
pub(crate) fn command(program: impl AsRef<OsStr>, folder: &Path) -> Command {
    let mut command = Command::new(program);
    command.current_dir(folder).stdin(Stdio::null());
    command
}

/// The cargo that started xtask, in a folder.
pub(crate) fn cargo(folder: &Path) -> Command {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = command(cargo, folder);
    // What cargo set for xtask alone must not reach the builds: it would recompile what reads it.
    for name in ["CARGO_MANIFEST_DIR", "CARGO_MANIFEST_PATH"] {
        command.env_remove(name);
    }
    command
}

fn name_of(command: &Command) -> String {
    command.get_program().to_string_lossy().into_owned()
}

/// Runs to the end with its output before the person's eyes.
pub(crate) fn status(command: &mut Command) -> Result<ExitStatus, Halt> {
    command.status().map_err(|source| Halt::Start { program: name_of(command), source })
}

/// Like [`status`], and a failure ends xtask; `what` names the work in the sentence.
pub(crate) fn must(command: &mut Command, what: &str) -> Result<(), Halt> {
    let status = status(command)?;
    if status.success() { Ok(()) } else { Err(Halt::Failed { what: what.to_owned(), code: status.code() }) }
}

/// What a quiet program prints, or `None` when it fails or is not there.
pub(crate) fn answer(command: &mut Command) -> Option<String> {
    let output = command.stderr(Stdio::null()).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned())
}

/// What a program prints on standard output; its failure ends xtask.
pub(crate) fn must_answer(command: &mut Command, what: &str) -> Result<String, Halt> {
    let output = command
        .stderr(Stdio::inherit())
        .output()
        .map_err(|source| Halt::Start { program: name_of(command), source })?;
    if output.status.success() {
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    } else {
        Err(Halt::Failed { what: what.to_owned(), code: output.status.code() })
    }
}

/// Runs to the end, prints each line of standard output as it comes and hands it to `hear`.
pub(crate) fn listen(command: &mut Command, mut hear: impl FnMut(&str)) -> Result<ExitStatus, Halt> {
    let program = name_of(command);
    let broken = |source| Halt::Start { program: program.clone(), source };
    let mut child = command.stdout(Stdio::piped()).spawn().map_err(broken)?;
    if let Some(stdout) = child.stdout.take() {
        each_line(stdout, |line| {
            println!("{line}");
            hear(line);
        })
        .map_err(broken)?;
    }
    child.wait().map_err(broken)
}

/// Every line of a stream, also those that are not UTF-8.
fn each_line(stream: impl Read, mut hear: impl FnMut(&str)) -> Result<(), std::io::Error> {
    let mut stream = BufReader::new(stream);
    let mut line = Vec::new();
    loop {
        line.clear();
        if stream.read_until(b'\n', &mut line)? == 0 {
            return Ok(());
        }
        hear(String::from_utf8_lossy(&line).trim_end_matches(['\n', '\r']));
    }
}

/// A child in the background, ended when this value is dropped.
#[derive(Debug)]
pub(crate) struct Companion {
    child: Child,
}

impl Companion {
    /// Starts `program` so that it cannot outlive xtask: `setpriv` is part of every Debian.
    pub(crate) fn start(
        program: impl AsRef<OsStr>,
        folder: &Path,
        prepare: impl FnOnce(&mut Command),
    ) -> Result<Self, Halt> {
        let mut command = command("setpriv", folder);
        command.args(["--pdeathsig", "TERM", "--"]).arg(&program);
        prepare(&mut command);
        let child = command
            .spawn()
            .map_err(|source| Halt::Start { program: program.as_ref().to_string_lossy().into_owned(), source })?;
        Ok(Self { child })
    }

    /// The first line it prints on its piped standard output; the rest is printed on by a thread, so
    /// that it never blocks on a full pipe.
    pub(crate) fn first_line(&mut self) -> Option<String> {
        let mut stdout = BufReader::new(self.child.stdout.take()?);
        let mut line = String::new();
        stdout.read_line(&mut line).ok()?;
        std::thread::spawn(move || {
            // The pipe ends with the child; an error here is that end.
            each_line(stdout, |line| println!("{line}")).ok();
        });
        let line = line.trim().to_owned();
        (!line.is_empty()).then_some(line)
    }

    /// Whether it has ended by itself.
    pub(crate) fn ended(&mut self) -> bool {
        !matches!(self.child.try_wait(), Ok(None))
    }

    /// Waits until it ends by itself.
    pub(crate) fn wait(&mut self) -> Result<ExitStatus, Halt> {
        self.child.wait().map_err(|source| Halt::Start { program: "a companion".to_owned(), source })
    }
}

impl Drop for Companion {
    fn drop(&mut self) {
        if !self.ended() {
            // TERM first, by its own id, so that a server closes its database; the wait is bounded.
            let id = self.child.id().to_string();
            Command::new("kill").args(["-TERM", &id]).status().ok();
            for _ in 0..50 {
                if self.ended() {
                    return;
                }
                std::thread::sleep(std::time::Duration::from_millis(100));
            }
            self.child.kill().ok();
            self.child.wait().ok();
        }
    }
}

/// Whether a program of this name is on the PATH.
pub(crate) fn on_path(name: &str) -> bool {
    std::env::var_os("PATH").is_some_and(|path| std::env::split_paths(&path).any(|folder| folder.join(name).is_file()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_come_one_by_one_and_bad_bytes_do_not_end_them() {
        let mut heard = Vec::new();
        each_line(&b"one\r\ntwo \xff\nlast"[..], |line| {
            heard.push(line.to_owned());
        })
        .unwrap();
        assert_eq!(heard, ["one", "two \u{fffd}", "last"]);
    }

    #[test]
    fn a_companion_ends_with_its_value() {
        let mut companion = Companion::start("sleep", Path::new("."), |command| {
            command.arg("600");
        })
        .unwrap();
        assert!(!companion.ended());
        let id = companion.child.id();
        drop(companion);
        assert!(!Path::new(&format!("/proc/{id}/stat")).exists());
    }

    #[test]
    fn a_failing_program_is_named_with_its_code() {
        let halt = must(command("false", Path::new(".")).arg("x"), "the trial").unwrap_err();
        assert!(matches!(halt, Halt::Failed { code: Some(1), .. }), "{halt}");
        assert!(halt.to_string().contains("the trial"));
    }
}

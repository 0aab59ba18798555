//! `desk session` as a test holds it: one home in a process of its own, lines of JSON in and out, and a kill at any moment.
//! A line without its end is no answer. It must never ask the process anything before it dies.

use std::io::{BufRead as _, BufReader, ErrorKind, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use serde_json::{Value, json};

use crate::program::{program, spawn};
use crate::seat::PASSPHRASE;

/// Longest that any answer is waited for.
const PATIENCE: Duration = Duration::from_secs(120);

/// A headless desk.
pub struct Session {
    child: Child,
    stdin: ChildStdin,
    answers: mpsc::Receiver<String>,
}

impl Session {
    /// Opens the home of a practice desk whose clock shows `clock` (RFC 3339) now.
    ///
    /// # Panics
    /// When it does not start.
    pub fn begin(home: &Path, clock: &str) -> Self {
        Self::with_temporary(home, clock, &std::env::temp_dir())
    }

    /// The same, with its temporary files in a folder.
    ///
    /// # Panics
    /// When it does not start.
    pub fn with_temporary(home: &Path, clock: &str, temporary: &Path) -> Self {
        let mut child = spawn(
            Command::new(program("desk"))
                .args(["session", "--clock", clock, "--home"])
                .arg(home)
                .env("RUHU_PASSPHRASE", PASSPHRASE)
                .envs(["TMPDIR", "SQLITE_TMPDIR"].map(|name| (name, temporary)))
                .stdin(Stdio::piped())
                .stdout(Stdio::piped()),
        );
        let stdin = child.stdin.take().expect("its input");
        let stdout = child.stdout.take().expect("its output");
        let (tell, answers) = mpsc::channel();
        std::thread::spawn(move || {
            // A line cut off by the kill has no end and is no answer.
            let mut reader = BufReader::new(stdout);
            loop {
                let mut line = String::new();
                match reader.read_line(&mut line) {
                    Ok(0) | Err(_) => return,
                    Ok(_) if line.ends_with('\n') => {
                        if tell.send(line).is_err() {
                            return;
                        }
                    }
                    Ok(_) => return,
                }
            }
        });
        Self { child, stdin, answers }
    }

    /// The process's number.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Sends a call and does not wait. A desk that died meanwhile is known by its silence: one that is killed at a read may be
    /// gone before it has the whole line.
    ///
    /// # Panics
    /// When the line cannot be written for another reason.
    pub fn send(&mut self, call: &str, with: &Value) {
        let line = format!("{}\n", json!({ "call": call, "with": with }));
        match self.stdin.write_all(line.as_bytes()).and_then(|()| self.stdin.flush()) {
            Err(error) if error.kind() == ErrorKind::BrokenPipe => {}
            written => written.expect("the desk listens"),
        }
    }

    /// The next answer as it stands, within a time.
    ///
    /// # Errors
    /// `Timeout`, or `Disconnected` once the process is dead and all it said was read.
    pub fn hear(&self, within: Duration) -> Result<String, mpsc::RecvTimeoutError> {
        self.answers.recv_timeout(within)
    }

    /// Calls `call`, which must be done; the reply's body.
    ///
    /// # Panics
    /// With the failure.
    pub fn ask(&mut self, call: &str, with: &Value) -> Value {
        self.send(call, with);
        let line = self.hear(PATIENCE).expect("an answer");
        reply(&line).unwrap_or_else(|| panic!("{call} {with}: {line}"))
    }

    /// Kills the process and waits until it is gone.
    ///
    /// # Panics
    /// When it cannot be killed.
    pub fn kill(&mut self) {
        self.child.kill().expect("killed");
        self.child.wait().expect("ended");
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        // It may be dead already.
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// The reply's body of an answer's line; none of a failure.
pub fn reply(line: &str) -> Option<Value> {
    let answer: Value = serde_json::from_str(line).ok()?;
    let body = answer["ok"]["reply"]["reply"].clone();
    answer["ok"].is_object().then_some(body)
}

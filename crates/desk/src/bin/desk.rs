//! The desk without a window: the same calls, JSON in and JSON out. A stable public interface, see `desk calls`.
//! Standard output carries answers and nothing else; what a person should read goes to standard error.
//! Exit codes: 0 done; 1 the call was refused (the failure is the answer); 2 the command line or the JSON is wrong;
//! 3 the home cannot be opened.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a terminal program")]

#[path = "desk/demo.rs"]
mod demo;
#[path = "desk/serve.rs"]
mod serve;

use std::io::{BufRead, Read, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};
use desk::Reader;
use desk::api::{Answer, Call, Join, Unlock};
use desk::door::{Door, DoorOptions};
use desk::failure::{Code, Failure};
use desk::keyring::SystemKeyring;
use domain::clock::Millis;

const REFUSED: u8 = 1;
const WRONG_WORDS: u8 = 2;
const NOT_OPENED: u8 = 3;

/// 入户通的命令行：和窗口做同样的事，JSON进、JSON出。
#[derive(Parser)]
#[command(name = "desk", version, about = "Ruhu's desk without a window: JSON in, JSON out. 入户通的命令行。")]
struct Line {
    #[command(subcommand)]
    what: What,
}

#[derive(Args, Clone)]
struct Home {
    /// The home's folder
    #[arg(long, env = "RUHU_HOME")]
    home: PathBuf,
    /// A file whose first line is the passphrase; else RUHU_PASSPHRASE is read
    #[arg(long)]
    passphrase_file: Option<PathBuf>,
    /// Practice homes only: the moment to begin at, RFC 3339, e.g. 2026-12-08T09:00:00+08:00
    #[arg(long)]
    clock: Option<String>,
}

#[derive(Subcommand)]
enum What {
    /// Make a home with an invitation of the county
    Join {
        #[command(flatten)]
        home: Home,
        /// The invitation code, RUHU1-…
        #[arg(long)]
        invitation: String,
        /// Make it a practice home (invented data, own clock, marked in the window)
        #[arg(long)]
        practice: bool,
    },
    /// Do one call: arguments as JSON on standard input (none: {}), the answer as JSON on standard output
    Call {
        #[command(flatten)]
        home: Home,
        /// The call's name, see `desk calls`
        name: String,
    },
    /// Do many calls in one process: a line {"call":NAME,"with":{…}} in, a line of answer out, flushed each time
    Session {
        #[command(flatten)]
        home: Home,
    },
    /// Every call with JSON schemas of arguments and reply
    Calls {
        /// Write the TypeScript types into this folder instead
        #[arg(long)]
        typescript: Option<PathBuf>,
    },
    /// Exchange with the county now
    Sync {
        #[command(flatten)]
        home: Home,
    },
    /// Write a kept blob (a letter's PDF, a photo) to a file or standard output
    Blob {
        #[command(flatten)]
        home: Home,
        /// Its SHA-256
        sha256: String,
        /// Where to; left out, standard output
        #[arg(long)]
        out: Option<PathBuf>,
    },
    /// Check the whole home: pages, facts, and that the views equal a rebuild from the log
    Check {
        #[command(flatten)]
        home: Home,
    },
    /// Show the ui in a browser of this machine, over loopback only
    Serve {
        #[command(flatten)]
        home: Home,
        /// Where to listen; only loopback addresses
        #[arg(long, default_value = "127.0.0.1:7878")]
        listen: String,
        /// The built ui
        #[arg(long, default_value = "ui/dist")]
        ui: PathBuf,
    },
    /// Make a demo: a county on loopback, its desk with the list imported, a school director with three villages
    Demo {
        /// The folder for all of it
        #[arg(long)]
        home: PathBuf,
        /// The county program
        #[arg(long)]
        county: PathBuf,
        /// The folder with places, list and registries
        #[arg(long, default_value = "assets")]
        assets: PathBuf,
        /// The county's port
        #[arg(long, default_value_t = 8443)]
        port: u16,
        /// The demo's moment
        #[arg(long, default_value = demo::MOMENT)]
        clock: String,
    },
}

/// What ends a command early.
enum Stop {
    /// An answer that says no: printed, with this exit code.
    Answer(Failure, u8),
    /// A sentence for standard error.
    Sentence(String, u8),
}

impl From<Failure> for Stop {
    fn from(failure: Failure) -> Self {
        Self::Answer(failure, REFUSED)
    }
}

fn main() -> ExitCode {
    desk::serve_if_asked();
    let line = Line::parse();
    match run(line.what) {
        Ok(()) => ExitCode::SUCCESS,
        Err(Stop::Answer(failure, code)) => {
            eprintln!("{}\n{}", failure.zh, failure.en);
            print_answer(&Answer::Fail(failure));
            ExitCode::from(code)
        }
        Err(Stop::Sentence(sentence, code)) => {
            eprintln!("{sentence}");
            ExitCode::from(code)
        }
    }
}

fn print_answer(answer: &Answer) {
    match serde_json::to_string(answer) {
        Ok(text) => println!("{text}"),
        Err(error) => eprintln!("{error}"),
    }
}

fn wrong(sentence: impl Into<String>) -> Stop {
    Stop::Sentence(sentence.into(), WRONG_WORDS)
}

fn moment(text: &str) -> Result<Millis, Stop> {
    chrono::DateTime::parse_from_rfc3339(text)
        .map(|at| Millis(at.timestamp_millis()))
        .map_err(|_told_otherwise| wrong(format!("--clock {text}: not a moment like 2026-12-08T09:00:00+08:00")))
}

impl Home {
    fn door(&self, practice: bool) -> Result<Door, Stop> {
        let clock = self.clock.as_deref().map(moment).transpose()?;
        let keyring = SystemKeyring::wanted();
        Ok(Door::new(DoorOptions { home: self.home.clone(), clock, practice, reader: Reader::own(), keyring }))
    }

    fn passphrase(&self) -> Result<String, Stop> {
        if let Some(path) = &self.passphrase_file {
            let text = std::fs::read_to_string(path)
                .map_err(|error| wrong(format!("--passphrase-file {}: {error}", path.display())))?;
            return Ok(text.lines().next().unwrap_or("").to_owned());
        }
        std::env::var("RUHU_PASSPHRASE")
            .map_err(|_told_otherwise| wrong("no passphrase: set RUHU_PASSPHRASE or give --passphrase-file"))
    }

    fn open(&self) -> Result<Door, Stop> {
        let door = self.door(false)?;
        let passphrase = self.passphrase()?;
        match door.handle(Call::Unlock(Unlock { passphrase })) {
            Ok(_) => Ok(door),
            Err(failure) => Err(Stop::Answer(failure, NOT_OPENED)),
        }
    }
}

/// Prints a call's answer; a refusal ends with its exit code.
fn answer(answer: Answer) -> Result<(), Stop> {
    match answer {
        Answer::Ok { .. } => {
            print_answer(&answer);
            Ok(())
        }
        Answer::Fail(failure) => {
            let code = if matches!(failure.code, Code::UnknownCall | Code::BadInput) { WRONG_WORDS } else { REFUSED };
            Err(Stop::Answer(failure, code))
        }
    }
}

fn run(what: What) -> Result<(), Stop> {
    match what {
        What::Join { home, invitation, practice } => {
            let door = home.door(practice)?;
            let passphrase = home.passphrase()?;
            let (reply, stale) = door.handle(Call::Join(Join { invitation, passphrase }))?;
            answer(Answer::Ok { reply: Box::new(reply), stale })
        }
        What::Call { home, name } => {
            let mut text = String::new();
            if !std::io::IsTerminal::is_terminal(&std::io::stdin()) {
                std::io::stdin()
                    .read_to_string(&mut text)
                    .map_err(|error| wrong(format!("standard input: {error}")))?;
            }
            let with = parse(&text)?;
            // A misspelt call or field is told before the home is opened.
            let call = Call::parse(&name, with).map_err(|failure| Stop::Answer(failure, WRONG_WORDS))?;
            // These bring what opens the home themselves, or ask what can be done for one that does not open.
            let outside = matches!(
                call,
                Call::Home(_)
                    | Call::Unlock(_)
                    | Call::Join(_)
                    | Call::Recovery(_)
                    | Call::AskRecovery(_)
                    | Call::Recover(_)
                    | Call::LookAtBackup(_)
                    | Call::RestoreBackup(_)
            );
            let door = if outside { home.door(false)? } else { home.open()? };
            let (reply, stale) = door.handle(call)?;
            answer(Answer::Ok { reply: Box::new(reply), stale })
        }
        What::Session { home } => session(&home),
        What::Calls { typescript: None } => {
            let text =
                serde_json::to_string_pretty(&desk::api::catalogue()).map_err(|error| wrong(error.to_string()))?;
            println!("{text}");
            Ok(())
        }
        What::Calls { typescript: Some(folder) } => {
            desk::api::write_typescript(&folder).map_err(|error| wrong(error.to_string()))
        }
        What::Sync { home } => answer(home.open()?.call("Sync", serde_json::json!({}))),
        What::Blob { home, sha256, out } => {
            let (_, bytes) = home.open()?.blob(&sha256)?;
            match out {
                Some(path) => {
                    std::fs::write(&path, bytes).map_err(|error| wrong(format!("{}: {error}", path.display())))
                }
                None => std::io::stdout().write_all(&bytes).map_err(|error| wrong(error.to_string())),
            }
        }
        What::Check { home } => {
            let checked = home.open()?.desk()?.check()?;
            println!("{}", serde_json::json!({ "facts": checked.facts, "views_equal_rebuild": checked.views_equal }));
            if checked.views_equal {
                Ok(())
            } else {
                Err(Stop::Sentence("the views differ from a rebuild".to_owned(), REFUSED))
            }
        }
        What::Serve { home, listen, ui } => {
            let door = home.door(false)?;
            // Without a passphrase at hand the browser asks for it.
            if let Ok(passphrase) = home.passphrase() {
                door.handle(Call::Unlock(Unlock { passphrase }))
                    .map_err(|failure| Stop::Answer(failure, NOT_OPENED))?;
            }
            serve::run(door, &listen, &ui).map_err(|error| wrong(error.to_string()))
        }
        What::Demo { home, county, assets, port, clock } => {
            moment(&clock)?;
            demo::make(&demo::Plan { home, county, assets, port, clock })
                .map_err(|sentence| Stop::Sentence(sentence, REFUSED))
        }
    }
}

fn parse(text: &str) -> Result<serde_json::Value, Stop> {
    if text.trim().is_empty() {
        return Ok(serde_json::json!({}));
    }
    serde_json::from_str(text).map_err(|error| {
        let failure = Failure::new(Code::BadInput, &[("problem", &error.to_string())]);
        Stop::Answer(failure, WRONG_WORDS)
    })
}

fn session(home: &Home) -> Result<(), Stop> {
    let door = home.open()?;
    for line in std::io::stdin().lock().lines() {
        let line = line.map_err(|error| wrong(error.to_string()))?;
        if line.trim().is_empty() {
            continue;
        }
        let asked = parse(&line).and_then(|mut asked| {
            let name = asked.get("call").and_then(|name| name.as_str()).map(str::to_owned);
            let with = asked.get_mut("with").map(serde_json::Value::take).unwrap_or_default();
            name.map(|name| (name, with)).ok_or_else(|| {
                Stop::Answer(
                    Failure::new(Code::BadInput, &[("problem", "a line is {\"call\":NAME,\"with\":{…}}")]),
                    WRONG_WORDS,
                )
            })
        });
        let told = match asked {
            Ok((name, with)) => door.call(&name, with),
            Err(Stop::Answer(failure, _)) => Answer::Fail(failure),
            Err(other) => return Err(other),
        };
        print_answer(&told);
        std::io::stdout().flush().map_err(|error| wrong(error.to_string()))?;
    }
    Ok(())
}

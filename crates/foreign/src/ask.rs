//! The asking side: starts a reader, gives it the bytes, takes what it says within limits, and ends it. It must never wait
//! for it longer than a person would, nor take more from it than a workbook may hold.

use std::io::{BufReader, Cursor, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::child::serve;
use crate::picture::{Format, Picture, PictureFault};
use crate::sheet::{SheetFault, SheetRow, Told};
use crate::text::{Encoding, Format as Kind};
use crate::words::{Question, ask, frame, heard};
use crate::{MAX_COLUMNS, MAX_ROWS, WORD};

/// A reader that has not ended by then is ended.
const PATIENCE: Duration = Duration::from_secs(60);
/// What is taken from a reader at most, bytes: what the largest workbook unpacks to, as JSON.
const MOST_TOLD: u64 = 512 * 1024 * 1024;

/// Where readers come from: a program that calls [`crate::serve_if_asked`] first.
#[derive(Debug, Clone)]
pub struct Reader(Where);

#[derive(Debug, Clone)]
enum Where {
    Program(PathBuf),
    /// This very process.
    Here,
    Nowhere,
}

impl Reader {
    /// Readers of this very program.
    pub fn own() -> Self {
        // On Linux also when the file was replaced under the running program: both sides stay of one version.
        let linux = Path::new("/proc/self/exe");
        let own = if linux.exists() { Some(linux.to_owned()) } else { std::env::current_exe().ok() };
        Self(own.map_or(Where::Nowhere, Where::Program))
    }

    /// Readers of another program.
    pub fn of(program: PathBuf) -> Self {
        Self(Where::Program(program))
    }

    /// Reads in this very process, without any border: for tests of what is read. No product code calls this.
    pub fn unconfined() -> Self {
        Self(Where::Here)
    }

    fn ask(&self, question: Question, bytes: &[u8]) -> Option<Asked> {
        let program = match &self.0 {
            Where::Program(program) => program,
            Where::Here => {
                let (mut asked, mut told) = (Vec::new(), Vec::new());
                ask(&mut asked, question, bytes).ok()?;
                serve(&mut asked.as_slice(), &mut told).ok()?;
                return Some(Asked { from: Box::new(Cursor::new(told)), _ending: None });
            }
            Where::Nowhere => return None,
        };
        let mut command = Command::new(program);
        command.arg(WORD).env_clear().stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        #[cfg(unix)]
        command.current_dir("/");
        #[cfg(windows)]
        {
            use std::os::windows::process::CommandExt as _;
            const CREATE_NO_WINDOW: u32 = 0x0800_0000;
            command
                .creation_flags(CREATE_NO_WINDOW)
                .envs(std::env::var_os("SystemRoot").map(|root| ("SystemRoot", root)));
        }
        let mut child = command.spawn().ok()?;
        let (to, from) = (child.stdin.take(), child.stdout.take());
        let ending = Ending::of(child);
        let mut to = to?;
        // A reader that ends before it has heard all says nothing either, and that is what is told.
        let _heard_all = ask(&mut to, question, bytes).is_ok();
        drop(to);
        Some(Asked { from: Box::new(BufReader::new(from?.take(MOST_TOLD))), _ending: Some(ending) })
    }

    /// A picture's kind and size.
    ///
    /// # Errors
    /// [`PictureFault`].
    pub fn picture(&self, bytes: &[u8]) -> Result<Picture, PictureFault> {
        let mut asked = self.ask(Question::Picture, bytes).ok_or(PictureFault::NoReader)?;
        let failed = PictureFault::ReaderFailed;
        let (kind, json) = heard(&mut asked.from).map_err(|_told_otherwise| failed)?;
        match kind {
            frame::PICTURE => serde_json::from_slice(&json).map_err(|_told_otherwise| failed),
            frame::FAULT => Err(serde_json::from_slice(&json).unwrap_or(failed)),
            _ => Err(failed),
        }
    }

    /// A picture drawn small, the right way up: a JPEG of at most [`crate::MOST_PREVIEW`] bytes. Ask [`Reader::picture`] for
    /// its size first: a reader has no room for the largest.
    ///
    /// # Errors
    /// [`PictureFault`].
    pub fn preview(&self, bytes: &[u8]) -> Result<Vec<u8>, PictureFault> {
        let mut asked = self.ask(Question::Preview, bytes).ok_or(PictureFault::NoReader)?;
        let failed = PictureFault::ReaderFailed;
        match heard(&mut asked.from).map_err(|_told_otherwise| failed)? {
            (frame::PREVIEW, drawn)
                if drawn.len() <= crate::MOST_PREVIEW && Format::of(&drawn) == Some(Format::Jpeg) =>
            {
                Ok(drawn)
            }
            (frame::FAULT, json) => Err(serde_json::from_slice(&json).unwrap_or(failed)),
            _ => Err(failed),
        }
    }

    /// The visible sheets of a list: of a workbook, of a web page, of a text. A text is read in the encoding that somebody
    /// `chose`, or in the one that it shows.
    ///
    /// # Errors
    /// [`SheetFault`].
    pub fn workbook(&self, bytes: &[u8], chose: Option<Encoding>) -> Result<Workbook, SheetFault> {
        if bytes.len() > crate::MAX_BYTES {
            return Err(SheetFault::TooLarge(crate::TooLarge::File));
        }
        let asked = self.ask(Question::Workbook(chose), bytes).ok_or(SheetFault::NoReader)?;
        let nothing = Told { names: Vec::new(), is_1904: false, format: Kind::Text, encoding: None };
        let mut book = Workbook { asked, told: nothing, ahead: None, rows: 0 };
        match book.frame()? {
            (frame::BOOK, json) => {
                book.told = serde_json::from_slice(&json).map_err(|_told_otherwise| SheetFault::ReaderFailed)?;
                Ok(book)
            }
            _ => Err(SheetFault::ReaderFailed),
        }
    }
}

/// A reader at work.
struct Asked {
    from: Box<dyn Read + Send>,
    _ending: Option<Ending>,
}

/// Ends a reader when it is no longer asked, or has taken too long.
struct Ending {
    child: Arc<Mutex<Child>>,
    done: Option<Sender<()>>,
}

impl Ending {
    fn of(child: Child) -> Self {
        let child = Arc::new(Mutex::new(child));
        let (done, over) = channel::<()>();
        let late = Arc::clone(&child);
        std::thread::spawn(move || {
            if over.recv_timeout(PATIENCE) == Err(RecvTimeoutError::Timeout) {
                end(&late);
            }
        });
        Self { child, done: Some(done) }
    }
}

impl Drop for Ending {
    fn drop(&mut self) {
        end(&self.child);
        drop(self.done.take());
    }
}

fn end(child: &Mutex<Child>) {
    let mut child = child.lock().unwrap_or_else(PoisonError::into_inner);
    // One that has ended already needs no more.
    if child.kill().is_ok() {
        let _ended = child.wait().is_ok();
    }
}

/// The sheets of a workbook, one after another, each row once.
pub struct Workbook {
    asked: Asked,
    told: Told,
    /// What the reader said that the last question did not want.
    ahead: Option<(u8, Vec<u8>)>,
    rows: usize,
}

impl std::fmt::Debug for Workbook {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // How many sheets, never what they say.
        write!(f, "Workbook({})", self.told.names.len())
    }
}

impl Workbook {
    /// The names of the sheets a person sees, in order; at least one.
    pub fn names(&self) -> &[String] {
        &self.told.names
    }

    /// Whether days count from 1904.
    pub fn is_1904(&self) -> bool {
        self.told.is_1904
    }

    /// What kind of file it is.
    pub fn format(&self) -> Kind {
        self.told.format
    }

    /// How a text's bytes were understood; none for a workbook.
    pub fn encoding(&self) -> Option<Encoding> {
        self.told.encoding
    }

    /// Goes on to the next sheet; the first time to the first. False after the last one.
    ///
    /// # Errors
    /// [`SheetFault`].
    pub fn next_sheet(&mut self) -> Result<bool, SheetFault> {
        loop {
            match self.frame()? {
                (frame::SHEET, _) => {
                    self.rows = 0;
                    return Ok(true);
                }
                // Of a sheet that nobody wants no fault matters.
                (frame::ROW | frame::SHEET_FAULT, _) => {}
                end @ (frame::END, _) => {
                    self.ahead = Some(end);
                    return Ok(false);
                }
                _ => return Err(SheetFault::ReaderFailed),
            }
        }
    }

    /// The next row of this sheet that has a filled cell, none after the last.
    ///
    /// # Errors
    /// [`SheetFault`].
    pub fn next_row(&mut self) -> Result<Option<SheetRow>, SheetFault> {
        match self.frame()? {
            (frame::ROW, json) => {
                self.rows = self.rows.saturating_add(1);
                let row: SheetRow =
                    serde_json::from_slice(&json).map_err(|_told_otherwise| SheetFault::ReaderFailed)?;
                let within = self.rows <= MAX_ROWS && row.cells.keys().all(|column| *column < MAX_COLUMNS);
                if within { Ok(Some(row)) } else { Err(SheetFault::ReaderFailed) }
            }
            (frame::SHEET_FAULT, json) => Err(serde_json::from_slice(&json).unwrap_or(SheetFault::ReaderFailed)),
            other @ (frame::SHEET | frame::END, _) => {
                self.ahead = Some(other);
                Ok(None)
            }
            _ => Err(SheetFault::ReaderFailed),
        }
    }

    /// What the reader says next.
    fn frame(&mut self) -> Result<(u8, Vec<u8>), SheetFault> {
        let (kind, json) = match self.ahead.take() {
            Some(ahead) => ahead,
            None => heard(&mut self.asked.from).map_err(|_told_otherwise| SheetFault::ReaderFailed)?,
        };
        if kind == frame::FAULT {
            return Err(serde_json::from_slice(&json).unwrap_or(SheetFault::ReaderFailed));
        }
        Ok((kind, json))
    }
}

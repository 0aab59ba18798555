//! The child: hears one question, gives up all it does not need, reads, answers, ends. It must never outlive its question.

use std::io::{self, BufWriter, Write};
use std::panic;

use crate::confine::confine;
use crate::picture::{self, PictureFault};
use crate::sheet::{self, SheetFault};
use crate::text::Encoding;
use crate::words::{Question, asked, frame, say, say_bytes};

/// The first word of a program's arguments that makes it a reader.
pub const WORD: &str = "read-foreign";

/// Reads what is asked on the standard input and ends the program, if it was started as a reader. Every program that has a
/// [`crate::Reader`] calls this before anything else.
pub fn serve_if_asked() {
    if std::env::args_os().nth(1).is_some_and(|word| word == WORD) {
        // What a bad file makes its reader say is nobody's to read.
        panic::set_hook(Box::new(|_| {}));
        confine();
        let code = i32::from(serve(&mut io::stdin().lock(), &mut BufWriter::new(io::stdout().lock())).is_err());
        std::process::exit(code);
    }
}

/// Hears one question and answers it.
pub(crate) fn serve(from: &mut impl io::Read, to: &mut impl Write) -> io::Result<()> {
    let (question, bytes) = asked(from)?;
    match question {
        Question::Picture => {
            let looked = panic::catch_unwind(|| picture::look(&bytes)).unwrap_or(Err(PictureFault::ReaderFailed));
            match looked {
                Ok(picture) => say(to, frame::PICTURE, &picture)?,
                Err(fault) => say(to, frame::FAULT, &fault)?,
            }
        }
        Question::Preview => {
            let drawn = panic::catch_unwind(|| picture::preview(&bytes)).unwrap_or(Err(PictureFault::ReaderFailed));
            match drawn {
                Ok(preview) => say_bytes(to, frame::PREVIEW, &preview)?,
                Err(fault) => say(to, frame::FAULT, &fault)?,
            }
        }
        Question::Workbook(chose) => {
            let told = panic::catch_unwind(panic::AssertUnwindSafe(|| workbook(&bytes, chose, to)));
            match told.unwrap_or(Ok(Err(SheetFault::ReaderFailed)))? {
                Ok(()) => say(to, frame::END, &())?,
                Err(fault) => say(to, frame::FAULT, &fault)?,
            }
        }
    }
    to.flush()
}

/// Says a list's rows one after another. The workbook's reader runs into arithmetic overflow on forged cell places such
/// as `A99999999999`: what was said before stands, and the fault follows.
fn workbook(bytes: &[u8], chose: Option<Encoding>, to: &mut impl Write) -> io::Result<Result<(), SheetFault>> {
    let mut book = match sheet::open(bytes, chose) {
        Ok(book) => book,
        Err(fault) => return Ok(Err(fault)),
    };
    let told = match book.told() {
        Ok(told) => told,
        Err(fault) => return Ok(Err(fault)),
    };
    say(to, frame::BOOK, &told)?;
    for name in &told.names {
        say(to, frame::SHEET, &())?;
        if let Err(fault) = sheet(&mut book, name, to)? {
            say(to, frame::SHEET_FAULT, &fault)?;
        }
    }
    Ok(Ok(()))
}

fn sheet(book: &mut sheet::Workbook<'_>, name: &str, to: &mut impl Write) -> io::Result<Result<(), SheetFault>> {
    let rows = match book.rows(name) {
        Ok(rows) => rows,
        Err(fault) => return Ok(Err(fault)),
    };
    for row in rows {
        match row {
            Ok(row) => say(to, frame::ROW, &row)?,
            Err(fault) => return Ok(Err(fault)),
        }
    }
    Ok(Ok(()))
}

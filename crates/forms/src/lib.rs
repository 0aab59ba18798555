//! Facts in, PDF bytes out: the printed forms of the county.
//! Pure: no file, clock, setting or randomness, so the same facts give the same bytes on every
//! desk, and a reprint can be compared with the original. The only crate that names printpdf.
//! It must never decide an amount, never shorten a name, and never print a character as a box.

mod canvas;
mod cell;
mod code;
mod facts;
mod fonts;
mod notice;
mod payment;
mod pdf;
mod receipt;
mod text;
mod wording;

pub use facts::{
    Letterhead, NoticeFacts, NoticeLine, Palette, PaymentFacts, PrintState, ReceiptFacts, ServedLetter, ServiceCause,
    Sheet, facts_hash8,
};
pub use fonts::{FontBytes, FontError, Fonts, embedded, missing_glyphs};
pub use wording::{WordingError, forbidden_words};

use domain::money::MoneyError;
use sha2::{Digest, Sha256};

use crate::canvas::Canvas;
use crate::wording::wordings;

/// Why nothing was drawn. No half-drawn file ever leaves this crate.
#[derive(Debug, thiserror::Error)]
pub enum FormError {
    /// No face can draw a character: the text needs another spelling or the program another face.
    #[error("no typeface has the character {ch:?} (U+{:04X})", u32::from(*.ch))]
    MissingGlyph {
        /// The character.
        ch: char,
        /// The text it stands in. May be a person's name: not for logs.
        text: String,
    },
    /// A fact that the form cannot do without is empty.
    #[error("the fact `{0}` is empty")]
    Empty(&'static str),
    /// Nothing was given to draw.
    #[error("there is no sheet to draw")]
    NoSheet,
    /// A notice without a single contract.
    #[error("the notice has no contract line")]
    NoLine,
    /// A receipt names no letter, or more than two.
    #[error("a receipt serves one or two letters, not {0}")]
    Letters(usize),
    /// Subtotals or the total are not the sums of their parts.
    #[error("the amounts of the notice do not add up")]
    Sum,
    /// A payment account without a masked part, or a card by anything but its last four digits.
    #[error("the payment account or card is not masked")]
    Unmasked,
    /// A text that looks as if it held an ID number.
    #[error("the fact `{0}` seems to hold an ID number")]
    IdNumber(&'static str),
    /// Reprints count from one.
    #[error("a reprint counts from one")]
    ReprintZero,
    /// An amount that no letter prints.
    #[error("an amount cannot be printed")]
    Money(#[from] MoneyError),
    /// A due date at the very edge of the calendar.
    #[error("the due date is out of range")]
    Date,
    /// A wording file is not usable.
    #[error("the wording of a form is not usable")]
    Wording(#[source] WordingError),
    /// A wording names a value that the form does not have.
    #[error("the wording asks for the unknown value `{0}`")]
    Placeholder(String),
    /// The facts cannot be written as JSON for the hash.
    #[error("the facts cannot be written down")]
    Facts(#[source] serde_json::Error),
    /// A typeface does not parse.
    #[error("a typeface is not usable")]
    Font(#[from] FontError),
    /// A typeface cannot be cut down to the glyphs used.
    #[error("a typeface cannot be reduced")]
    Subset(#[source] subsetter::Error),
    /// A glyph was drawn that the reduced typeface lacks: a fault of this crate.
    #[error("glyph {0} is missing in the reduced typeface")]
    GlyphLost(u16),
    /// The QR code cannot hold the number.
    #[error("the number does not fit the QR code")]
    Code(#[source] qrcodegen::DataTooLong),
    /// printpdf found fault with a page: a fault of this crate.
    #[error("printpdf refused the page: {0}")]
    Refused(String),
    /// The PDF lacks a part it must have: a fault of this crate.
    #[error("the PDF is incomplete")]
    Structure(#[source] lopdf::Error),
    /// The PDF cannot be written to memory.
    #[error("the PDF cannot be written")]
    Write(#[source] std::io::Error),
}

/// A drawn file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Drawn {
    /// The PDF file, A4 throughout.
    pub pdf: Vec<u8>,
    /// Pages in all.
    pub pages: u32,
    /// Pages of each sheet, in the order given.
    pub sheet_pages: Vec<u32>,
}

/// Draws sheets one after the other into one PDF file, with the faces that ship with the program.
/// Fails, drawing nothing, if any sheet cannot be printed as it stands.
pub fn draw(sheets: &[Sheet], state: PrintState, palette: Palette) -> Result<Drawn, FormError> {
    draw_with(embedded()?, sheets, state, palette)
}

/// [`draw`] with faces of the caller's choice, such as the county's own licensed ones.
pub fn draw_with(fonts: &Fonts<'_>, sheets: &[Sheet], state: PrintState, palette: Palette) -> Result<Drawn, FormError> {
    if state == PrintState::Reprint(0) {
        return Err(FormError::ReprintZero);
    }
    let words = wordings()?;
    let first = sheets.first().ok_or(FormError::NoSheet)?;
    let mut identity = Sha256::new();
    identity.update(serde_json::to_vec(&(state, palette)).map_err(FormError::Facts)?);
    let mut pages: Vec<Canvas> = Vec::new();
    let mut sheet_pages = Vec::new();
    for sheet in sheets {
        identity.update(serde_json::to_vec(sheet).map_err(FormError::Facts)?);
        let act = Act { fonts, state, palette, hash8: facts_hash8(sheet)? };
        let drawn = match sheet {
            Sheet::Notice(facts) => {
                identity.update(words.notice.template.as_bytes());
                notice::draw(&act, &words.notice, facts)?
            }
            Sheet::Receipt(facts) => {
                identity.update(words.receipt.template.as_bytes());
                receipt::draw(&act, &words.receipt, facts)?
            }
            Sheet::Payment(facts) => {
                identity.update(words.payment.template.as_bytes());
                payment::draw(&act, &words.payment, facts)?
            }
        };
        sheet_pages.push(u32::try_from(drawn.len()).unwrap_or(u32::MAX));
        pages.extend(drawn);
    }
    let title = match first {
        Sheet::Notice(_) => words.notice.title.as_str(),
        Sheet::Receipt(_) => words.receipt.title.as_str(),
        Sheet::Payment(_) => words.payment.title.as_str(),
    };
    let about = pdf::About {
        title: &title.replace('\u{3000}', ""),
        printed_on: first.printed_on(),
        identity: identity.finalize().into(),
    };
    Ok(Drawn { pdf: pdf::write(fonts, &pages, &about)?, pages: sheet_pages.iter().sum(), sheet_pages })
}

/// The template and version that a sheet is drawn by, as printed on it and in its QR code, if it has one.
pub fn template(sheet: &Sheet) -> Result<String, FormError> {
    let words = wordings()?;
    Ok(match sheet {
        Sheet::Notice(_) => words.notice.template.clone(),
        Sheet::Receipt(_) => words.receipt.template.clone(),
        Sheet::Payment(_) => words.payment.template.clone(),
    })
}

/// What is the same for every mark of one sheet.
pub(crate) struct Act<'a> {
    pub(crate) fonts: &'a Fonts<'a>,
    pub(crate) state: PrintState,
    pub(crate) palette: Palette,
    pub(crate) hash8: String,
}

/// Refuses an empty fact.
pub(crate) fn needed(name: &'static str, text: &str) -> Result<(), FormError> {
    if text.trim().is_empty() { Err(FormError::Empty(name)) } else { Ok(()) }
}

/// Refuses a fact that seems to hold an ID number: fifteen digits in a row are nothing else here.
// LAW: a sheet that passes through a witness's hands names no ID number.
pub(crate) fn no_id_number(name: &'static str, text: &str) -> Result<(), FormError> {
    let mut row = 0;
    for ch in text.chars() {
        row = if ch.is_ascii_digit() { row + 1 } else { 0 };
        if row >= 15 {
            return Err(FormError::IdNumber(name));
        }
    }
    Ok(())
}

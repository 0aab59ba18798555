//! Bytes from outside (workbooks, texts, web pages, pictures), read by a child process that can open no file and no line: bytes in, plain cells
//! and sizes out. Whatever a file does to its reader, the program goes on and has a sentence for it.
//! Nothing here may read such bytes in the asking process, nor believe a length that the child names.

mod ask;
mod child;
mod confine;
mod picture;
mod sheet;
mod text;
mod words;

pub use ask::{Reader, Workbook};
pub use child::{WORD, serve_if_asked};
pub use confine::confine;
pub use picture::{Format, Picture, PictureFault};
pub use sheet::{Cell, SheetFault, SheetRow, TooLarge, visible};
pub use text::{Encoding, Format as ListFormat};

/// The largest workbook that is read, in bytes as it lies on the disk.
pub const MAX_BYTES: usize = 24 * 1024 * 1024;
/// The largest workbook that is read, in bytes once unpacked.
pub const MAX_UNPACKED_BYTES: u64 = 200 * 1024 * 1024;
/// The most rows that are read: ten times the county's contracts, with room for titles and totals.
pub const MAX_ROWS: usize = 120_000;
/// The most columns that are read.
pub const MAX_COLUMNS: u32 = 64;
/// The most that a picture drawn small may have, bytes: what a preview may have, with room for a name.
pub const MOST_PREVIEW: usize = 39_900;
/// The most that is sent to a child: a photo or a workbook with room to spare, bytes.
pub const MOST_ASKED: usize = 32 * 1024 * 1024;

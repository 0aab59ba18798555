//! What is said through the pipes: a question is a kind, a length and bytes; an answer is frames, each a kind, a length and
//! JSON. It must never read more than a frame may have.

use std::io::{self, Read, Write};

use crate::text::Encoding;

/// The largest frame: a row of 64 cells of the most text that a cell can have, escaped.
const MOST_FRAME: u32 = 16 * 1024 * 1024;

/// What is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Question {
    /// The rows of all visible sheets; of a text in the encoding that somebody chose, or in the one that it shows.
    Workbook(Option<Encoding>),
    /// Kind and size of a picture.
    Picture,
    /// A picture drawn small.
    Preview,
}

impl Question {
    const ALL: [(u8, Self); 7] = [
        (1, Self::Workbook(None)),
        (2, Self::Picture),
        (3, Self::Preview),
        (4, Self::Workbook(Some(Encoding::Utf8))),
        (5, Self::Workbook(Some(Encoding::Gb18030))),
        (6, Self::Workbook(Some(Encoding::Utf16Le))),
        (7, Self::Workbook(Some(Encoding::Utf16Be))),
    ];

    fn code(self) -> u8 {
        Self::ALL.iter().find(|(_, it)| *it == self).map_or(0, |(code, _)| *code)
    }
}

/// Kinds of frames.
pub(crate) mod frame {
    /// What kind of list it is, and the names of its sheets.
    pub(crate) const BOOK: u8 = 1;
    /// A sheet begins.
    pub(crate) const SHEET: u8 = 2;
    /// A row of it.
    pub(crate) const ROW: u8 = 3;
    /// Why the rest of this sheet cannot be read.
    pub(crate) const SHEET_FAULT: u8 = 7;
    /// Nothing follows.
    pub(crate) const END: u8 = 4;
    /// Kind and size of the picture.
    pub(crate) const PICTURE: u8 = 5;
    /// Why it cannot be read.
    pub(crate) const FAULT: u8 = 6;
    /// The picture drawn small: bytes, not JSON.
    pub(crate) const PREVIEW: u8 = 8;
}

pub(crate) fn ask(to: &mut impl Write, question: Question, bytes: &[u8]) -> io::Result<()> {
    let length = u64::try_from(bytes.len()).map_err(io::Error::other)?;
    to.write_all(&[question.code()])?;
    to.write_all(&length.to_be_bytes())?;
    to.write_all(bytes)?;
    to.flush()
}

pub(crate) fn asked(from: &mut impl Read) -> io::Result<(Question, Vec<u8>)> {
    let (mut code, mut length) = ([0_u8; 1], [0_u8; 8]);
    from.read_exact(&mut code)?;
    from.read_exact(&mut length)?;
    let length = u64::from_be_bytes(length);
    let question = Question::ALL.iter().find(|(known, _)| [*known] == code).map(|(_, it)| *it);
    let question = question.filter(|_| length <= u64::try_from(crate::MOST_ASKED).unwrap_or(u64::MAX));
    let question = question.ok_or_else(|| io::Error::other("not a question"))?;
    let mut bytes = Vec::new();
    from.take(length).read_to_end(&mut bytes)?;
    Ok((question, bytes))
}

pub(crate) fn say(to: &mut impl Write, kind: u8, what: &impl serde::Serialize) -> io::Result<()> {
    say_bytes(to, kind, &serde_json::to_vec(what)?)
}

pub(crate) fn say_bytes(to: &mut impl Write, kind: u8, bytes: &[u8]) -> io::Result<()> {
    let length = u32::try_from(bytes.len()).ok().filter(|length| *length <= MOST_FRAME);
    let length = length.ok_or_else(|| io::Error::other("a frame too large"))?;
    to.write_all(&[kind])?;
    to.write_all(&length.to_be_bytes())?;
    to.write_all(bytes)
}

pub(crate) fn heard(from: &mut impl Read) -> io::Result<(u8, Vec<u8>)> {
    let (mut kind, mut length) = ([0_u8; 1], [0_u8; 4]);
    from.read_exact(&mut kind)?;
    from.read_exact(&mut length)?;
    let length = u32::from_be_bytes(length);
    if length > MOST_FRAME {
        return Err(io::Error::other("a frame too large"));
    }
    let mut json = Vec::new();
    from.take(length.into()).read_to_end(&mut json)?;
    if u32::try_from(json.len()) != Ok(length) {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    let [kind] = kind;
    Ok((kind, json))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::expect_used, reason = "a test that cannot go on stops")]
    use super::*;

    #[test]
    fn what_is_asked_is_heard_and_nothing_longer_than_it_may_be() {
        let mut pipe = Vec::new();
        ask(&mut pipe, Question::Picture, b"bytes").expect("said");
        assert_eq!(asked(&mut pipe.as_slice()).expect("heard"), (Question::Picture, b"bytes".to_vec()));
        let mut long = vec![1];
        long.extend(u64::MAX.to_be_bytes());
        assert!(asked(&mut long.as_slice()).is_err());
        let mut pipe = Vec::new();
        say(&mut pipe, frame::ROW, &(1, "一")).expect("said");
        assert_eq!(heard(&mut pipe.as_slice()).expect("heard"), (frame::ROW, "[1,\"一\"]".as_bytes().to_vec()));
        pipe.pop();
        assert!(heard(&mut pipe.as_slice()).is_err(), "cut short");
        let mut large = vec![frame::ROW];
        large.extend(u32::MAX.to_be_bytes());
        assert!(heard(&mut large.as_slice()).is_err());
    }
}

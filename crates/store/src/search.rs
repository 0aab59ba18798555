//! Finding families: names (characters, full pinyin, initials, mixed), villages, phones, last digits of an ID number,
//! document numbers. A scan over what is on the desk: a few thousand names take milliseconds, and nothing is indexed
//! outside the encrypted file. Place names come from the caller, who holds the place table.

use std::collections::BTreeMap;

use domain::ids::FileId;
use ib_matcher::matcher::{IbMatcher, PinyinMatchConfig};
use ib_matcher::pinyin::PinyinNotation;
use rusqlite::params;

use crate::fault::StoreFault;
use crate::log::Store;

/// Why a family matched, best reason first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Why {
    /// The borrower's name, from its start.
    Borrower,
    /// The co-borrower's name.
    CoBorrower,
    /// Last digits of the ID number.
    IdTail,
    /// A phone number.
    Phone,
    /// A document number.
    Document,
    /// Village, township or address.
    Place,
}

/// A family that matched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hit {
    /// Its file.
    pub file: FileId,
    /// Borrower.
    pub borrower: String,
    /// Co-borrower.
    pub co_borrower: Option<String>,
    /// Place code.
    pub place: String,
    /// Best reason.
    pub why: Why,
    /// What matched, where it is not the name: a number, an address.
    pub what: String,
}

impl Store {
    /// Families that match `text`, best first. `places` names the places by code.
    ///
    /// # Errors
    /// [`StoreFault`].
    pub fn search(&self, text: &str, places: &BTreeMap<String, String>) -> Result<Vec<Hit>, StoreFault> {
        let text = text.trim();
        if text.is_empty() {
            return Ok(Vec::new());
        }
        let digits: String = text.chars().filter(char::is_ascii_digit).collect();
        // A number is looked for as a number only where nothing but digits and their usual separators was typed.
        let numeric =
            digits.len() >= 3 && text.chars().all(|c| c.is_ascii_digit() || matches!(c, ' ' | '-' | 'x' | 'X'));
        let matcher = IbMatcher::builder(text)
            .pinyin(PinyinMatchConfig::notations(PinyinNotation::Ascii | PinyinNotation::AsciiFirstLetter))
            .build();
        let mut phones: BTreeMap<FileId, String> = BTreeMap::new();
        if numeric {
            let mut find = self
                .conn
                .prepare_cached("SELECT (SELECT g.id FROM file g WHERE g.no = phone.file), number FROM phone WHERE instr(replace(number, '-', ''), ?1) > 0")?;
            let mut rows = find.query(params![digits])?;
            while let Some(row) = rows.next()? {
                phones.insert(FileId(row.get(0)?), row.get(1)?);
            }
        }
        let mut documents: BTreeMap<FileId, String> = BTreeMap::new();
        if text.chars().any(|c| c.is_ascii_digit()) {
            let mut find = self.conn.prepare_cached(
                "SELECT (SELECT g.id FROM file g WHERE g.no = letter.file), doc_no FROM letter WHERE instr(doc_no, ?1) > 0 OR (?2 AND serial = CAST(?3 AS INTEGER))",
            )?;
            let mut rows = find.query(params![text, numeric, digits])?;
            while let Some(row) = rows.next()? {
                documents.insert(FileId(row.get(0)?), row.get(1)?);
            }
        }
        let id_tail = text.to_uppercase();
        let mut find = self.conn.prepare_cached(
            "SELECT (SELECT g.id FROM file g WHERE g.no = h.file), h.borrower,
               coalesce((SELECT CAST(s.body AS TEXT) FROM slot s JOIN fact f ON f.n = s.fact
    WHERE s.file = h.file AND s.slot = 18
      AND s.live ORDER BY f.at DESC, f.journal DESC, f.seq DESC LIMIT 1), h.borrower), h.co_borrower, h.id_tail, h.place, h.address,
               (SELECT s.body FROM slot s WHERE s.file = h.file AND s.slot = ?1
                 AND s.live LIMIT 1)
             FROM household h",
        )?;
        let mut rows = find.query([crate::views::slot::IDENTIFIED])?;
        let mut hits: Vec<(Why, bool, Hit)> = Vec::new();
        while let Some(row) = rows.next()? {
            let file = FileId(row.get(0)?);
            let (listed, borrower): (String, String) = (row.get(1)?, row.get(2)?);
            let co_borrower: Option<String> = row.get(3)?;
            let (tail, place, address): (String, String, String) = (row.get(4)?, row.get(5)?, row.get(6)?);
            let identified: Option<Vec<u8>> = row.get(7)?;
            let place_name = places.get(&place).map_or("", String::as_str);
            let starts = |name: &str| matcher.find(name).is_some_and(|found| found.start() == 0);
            let found = if starts(&borrower) || starts(&listed) {
                Some((Why::Borrower, true, String::new()))
            } else if matcher.is_match(borrower.as_str()) || matcher.is_match(listed.as_str()) {
                Some((Why::Borrower, false, String::new()))
            } else if co_borrower.as_deref().is_some_and(|name| matcher.is_match(name)) {
                Some((Why::CoBorrower, true, co_borrower.clone().unwrap_or_default()))
            } else if numeric && ends_id(&id_tail, &tail, identified.as_deref()) {
                Some((Why::IdTail, true, tail.clone()))
            } else if let Some(number) = phones.get(&file) {
                Some((Why::Phone, number.ends_with(&digits), number.clone()))
            } else if let Some(doc_no) = documents.get(&file) {
                Some((Why::Document, true, doc_no.clone()))
            } else if !numeric && (matcher.is_match(place_name) || address.contains(text)) {
                Some((Why::Place, false, place_name.to_owned()))
            } else {
                None
            };
            if let Some((why, exact, what)) = found {
                hits.push((why, exact, Hit { file, borrower, co_borrower, place, why, what }));
            }
        }
        hits.sort_by(|(a_why, a_exact, a), (b_why, b_exact, b)| {
            (a_why, !a_exact, &a.place, &a.borrower, a.file).cmp(&(b_why, !b_exact, &b.place, &b.borrower, b.file))
        });
        Ok(hits.into_iter().map(|(_, _, hit)| hit).collect())
    }
}

/// Whether an ID number ends in what was typed: four or fewer from the list's tail, more only where the desk may hold
/// the full number.
fn ends_id(typed: &str, tail: &str, identified: Option<&[u8]>) -> bool {
    if typed.len() <= 4 {
        return tail.ends_with(typed);
    }
    identified.and_then(|body| serde_json::from_slice::<domain::household::Identified>(body).ok()).is_some_and(
        |numbers| {
            numbers.borrower_id.ends_with(typed) || numbers.co_borrower_id.is_some_and(|number| number.ends_with(typed))
        },
    )
}

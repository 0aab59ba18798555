//! Finding families: names (characters, full pinyin, initials, mixed, `?` for a character that nobody can type), villages, phones,
//! last digits of an ID number, document numbers. Names lie in memory while the home is open (`index.rs`) and nowhere on the
//! disk outside the encrypted file. Place names come from the caller, who holds the place table.

mod index;

use std::collections::BTreeMap;

use domain::household::Identified;
use domain::ids::FileId;
use ib_matcher::matcher::{IbMatcher, PinyinMatchConfig};
use ib_matcher::pinyin::PinyinNotation;
use rusqlite::params;

use crate::fault::StoreFault;
use crate::log::Store;
use crate::views::{self, slot};
use index::Entry;
pub(crate) use index::Index;

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

/// What was found.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Found {
    /// All families that match.
    pub total: usize,
    /// The best of them, best first.
    pub hits: Vec<Hit>,
}

/// What was typed, as far as it can be prepared before any family is looked at.
struct Typed<'t> {
    text: &'t str,
    digits: String,
    /// A number is looked for as a number only where nothing but digits and their usual separators was typed.
    numeric: bool,
    id: String,
    matcher: IbMatcher<'t>,
    /// The characters of a name of which some are not known.
    gaps: Option<Vec<char>>,
    /// What a name has to have to be worth a look.
    needs: index::Needs,
}

impl<'t> Typed<'t> {
    fn of(text: &'t str) -> Self {
        let digits: String = text.chars().filter(char::is_ascii_digit).collect();
        let is_numeric = |c: char| c.is_ascii_digit() || matches!(c, ' ' | '-' | 'x' | 'X');
        let numeric = digits.len() >= 3 && text.chars().all(is_numeric);
        let matcher = IbMatcher::builder(text)
            .pinyin(PinyinMatchConfig::notations(PinyinNotation::Ascii | PinyinNotation::AsciiFirstLetter))
            .build();
        let gap = |c: char| matches!(c, '?' | '？');
        let gaps = text.chars().any(gap).then(|| text.chars().map(|c| if gap(c) { '?' } else { c }).collect());
        let id = text.chars().filter(|c| !c.is_whitespace()).collect::<String>().to_uppercase();
        Self { text, digits, numeric, id, matcher, gaps, needs: index::Needs::of(text) }
    }

    /// Whether a name matches, and whether from its start.
    fn name(&self, name: &str) -> Option<bool> {
        if let Some(gaps) = &self.gaps {
            return with_gaps(name, gaps).map(|at| at == 0);
        }
        self.matcher.find(name).map(|found| found.start() == 0)
    }
}

/// Where a name has these characters, of which `?` is any, if it does.
fn with_gaps(name: &str, gaps: &[char]) -> Option<usize> {
    let name: Vec<char> = name.chars().collect();
    // The roster's own placeholder is a character that nobody could type.
    let same = |(own, typed): (&char, &char)| *typed == '?' || own == typed;
    name.windows(gaps.len()).position(|window| window.iter().zip(gaps).all(same))
}

impl Store {
    /// The families that match `text`: how many, and the best `most` of them. `places` names the places by code. A search for
    /// nothing finds nothing, and the next one is quick.
    ///
    /// # Errors
    /// [`StoreFault`].
    pub fn search(&mut self, text: &str, places: &BTreeMap<String, String>, most: usize) -> Result<Found, StoreFault> {
        self.search_ready()?;
        let text = text.trim();
        if text.is_empty() {
            return Ok(Found::default());
        }
        let Some(index) = &self.index else { return Ok(Found::default()) };
        let typed = Typed::of(text);
        let documents = self.documents(&typed)?;
        let known: Vec<bool> = index
            .places()
            .map(|code| places.get(code).is_some_and(|name| typed.matcher.is_match(name.as_str())))
            .collect();
        let address = memchr::memmem::Finder::new(text.as_bytes());
        let mut found: Vec<(Why, bool, usize)> = Vec::new();
        for (at, entry) in index.entries().iter().enumerate() {
            if let Some((why, exact)) = self.looks_like(entry, &typed, &documents)? {
                found.push((why, !exact, at));
            } else if !typed.numeric
                && (known.get(entry.place) == Some(&true) || address.find(entry.address.as_bytes()).is_some())
            {
                found.push((Why::Place, true, at));
            }
        }
        let total = found.len();
        if total > most && most > 0 {
            // Entries stand in the order in which equals are shown.
            found.select_nth_unstable(most.saturating_sub(1));
            found.truncate(most);
        }
        found.sort_unstable();
        let hits = found.into_iter().take(most).filter_map(|(why, _, at)| {
            let entry = index.entries().get(at)?;
            let code = index.place(entry);
            let what = match why {
                Why::Borrower => String::new(),
                Why::CoBorrower => entry.co_borrower.clone().unwrap_or_default(),
                Why::IdTail => entry.tail.clone(),
                Why::Phone => entry.phone(&typed.digits).cloned().unwrap_or_default(),
                Why::Document => documents.get(&entry.no).cloned().unwrap_or_default(),
                Why::Place => places.get(code).cloned().unwrap_or_default(),
            };
            let (borrower, co_borrower) = (entry.borrower.clone(), entry.co_borrower.clone());
            Some(Hit { file: entry.file, borrower, co_borrower, place: code.to_owned(), why, what })
        });
        Ok(Found { total, hits: hits.collect() })
    }

    /// Why a family matches apart from its place, and whether it is the best kind of that reason.
    fn looks_like(
        &self,
        entry: &Entry,
        typed: &Typed<'_>,
        documents: &BTreeMap<i64, String>,
    ) -> Result<Option<(Why, bool)>, StoreFault> {
        if typed.needs.may_be(entry.borrowers) {
            let names = [Some(&entry.borrower), entry.listed.as_ref()];
            let best = names.into_iter().flatten().filter_map(|name| typed.name(name)).max();
            if let Some(starts) = best {
                return Ok(Some((Why::Borrower, starts)));
            }
        }
        if typed.needs.may_be(entry.co_borrowers)
            && entry.co_borrower.as_ref().is_some_and(|name| typed.name(name).is_some())
        {
            return Ok(Some((Why::CoBorrower, true)));
        }
        if typed.numeric {
            if self.ends_id(entry, &typed.id)? {
                return Ok(Some((Why::IdTail, true)));
            }
            if let Some(number) = entry.phone(&typed.digits) {
                return Ok(Some((Why::Phone, number.ends_with(&typed.digits))));
            }
        }
        Ok(documents.contains_key(&entry.no).then_some((Why::Document, true)))
    }

    /// Whether an ID number ends in what was typed: four or fewer from the list's tail, more only where the desk may hold the full
    /// number, which is looked up and not kept in memory.
    fn ends_id(&self, entry: &Entry, typed: &str) -> Result<bool, StoreFault> {
        if typed.len() <= 4 {
            return Ok(entry.tail.ends_with(typed));
        }
        let may = |tail: &str| !tail.is_empty() && typed.ends_with(tail);
        if !may(&entry.tail) && !entry.co_tail.as_deref().is_some_and(may) {
            return Ok(false);
        }
        let slots = views::slots(&self.conn, entry.no)?;
        let body = views::standing(&slots, slot::IDENTIFIED).last().map(|(_, entry)| entry.value.as_slice());
        let Some(body) = body else { return Ok(false) };
        let numbers: Identified = serde_json::from_slice(body)?;
        Ok(numbers.borrower_id.ends_with(typed) || numbers.co_borrower_id.is_some_and(|id| id.ends_with(typed)))
    }

    /// Document numbers that match, by family.
    fn documents(&self, typed: &Typed<'_>) -> Result<BTreeMap<i64, String>, StoreFault> {
        if !typed.text.chars().any(|c| c.is_ascii_digit()) {
            return Ok(BTreeMap::new());
        }
        let mut find = self.conn.prepare_cached(
            "SELECT file, doc_no FROM letter WHERE instr(doc_no, ?1) > 0 OR (?2 AND serial = CAST(?3 AS INTEGER))",
        )?;
        let rows =
            find.query_map(params![typed.text, typed.numeric, typed.digits], |row| Ok((row.get(0)?, row.get(1)?)))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Reads what searches look through, or what of it is no longer so: of a large county it takes a moment the first time.
    fn search_ready(&mut self) -> Result<(), StoreFault> {
        match &mut self.index {
            Some(index) if index::watched(&self.conn)? => index.renew(&self.conn)?,
            Some(_) | None => self.index = Some(Index::read(&self.conn)?),
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_a_gap_is_found_by_what_is_known_of_it() {
        let gaps = |text: &str| Typed::of(text).gaps.unwrap_or_default();
        assert_eq!(with_gaps("王\u{2cd02}", &gaps("王?")), Some(0));
        assert_eq!(with_gaps("王?", &gaps("王？")), Some(0));
        assert_eq!(with_gaps("欧阳\u{2cd02}禾", &gaps("阳?禾")), Some(1));
        assert_eq!(with_gaps("王", &gaps("王?")), None);
    }

    /// What a name has to have is had by every name that matches.
    #[test]
    fn nothing_that_matches_is_passed_over() {
        let names = [
            "王秋禾",
            "单雄信",
            "解晓东",
            "查良镛",
            "仇国霞",
            "欧阳小满",
            "王\u{2cd02}",
            "阿依古丽·买买提",
            "吕布",
            "翟志刚",
            "曾参",
            "LIN",
            "王LIN",
            "重阳",
            "朝晖",
            "尉迟恭",
        ];
        let typed = [
            "wang", "wqh", "王q", "shan", "danx", "xie", "jie", "zha", "cha", "qiu", "chou", "ouyang", "oyxm", "欧y",
            "wangf", "王f", "fei", "ayi", "maimaiti", "·", "lv", "lu", "di", "zhai", "zeng", "ceng", "lin", "LIN",
            "wanglin", "王l", "cy", "zy", "chaohui", "zhaohui", "yuchi", "禾", "秋h", "小", "不在", "xq", "y",
        ];
        for text in typed {
            let typed = Typed::of(text);
            for name in names {
                let may = typed.needs.may_be(index::Traits::of([name]));
                assert!(may || typed.name(name).is_none(), "{text} in {name}");
            }
        }
        let found = |text: &str, name: &str| Typed::of(text).name(name);
        for (text, name) in
            [("shan", "单雄信"), ("xie", "解晓东"), ("zha", "查良镛"), ("qiu", "仇国霞"), ("wang", "王\u{2cd02}")]
        {
            assert_eq!(found(text, name), Some(true), "{text}");
        }
        assert_eq!(found("王f", "王\u{2cd02}"), Some(true), "a character beyond the first plane has a reading");
    }
}

//! What searches look through, in memory while the home is open: a hundred thousand names are looked at within a few milliseconds,
//! for most are passed over by one number. It follows the views by triggers that only this connection has; whoever makes the views
//! anew takes these with them, and then all is read again. It must never be written to the disk.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::OnceLock;

use domain::household::Identified;
use domain::ids::FileId;
use ib_matcher::matcher::{IbMatcher, PinyinMatchConfig};
use ib_matcher::pinyin::PinyinNotation;
use rusqlite::Connection;

use crate::fault::StoreFault;

/// What names have in them: the letters with which the readings of their characters begin, and a trace of the characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Traits {
    /// One bit for each letter with which a reading of a character begins, or that is one itself.
    letters: u32,
    /// One bit of sixty-four for each character.
    characters: u64,
}

impl Traits {
    /// Of several names together.
    #[cfg(test)]
    pub(super) fn of<'n>(names: impl IntoIterator<Item = &'n str>) -> Self {
        let mut out = Self::default();
        for c in names.into_iter().flat_map(str::chars) {
            out.letters |= letters_of(c);
            out.characters |= trace(c);
        }
        out
    }
}

/// What a name has to have for a search to be worth a look at it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Needs(Traits);

impl Needs {
    /// What was typed begins with a letter, which begins a reading or is one itself; whatever else is typed and no letter must stand
    /// in the name as it is.
    pub(super) fn of(text: &str) -> Self {
        let mut needs = Traits::default();
        for (at, c) in text.chars().enumerate() {
            if c.is_ascii_alphabetic() {
                if at == 0 {
                    needs.letters |= letter(c);
                }
            } else if !matches!(c, '?' | '？') {
                needs.characters |= trace(c);
            }
        }
        Self(needs)
    }

    /// Whether a name with these traits may match.
    pub(super) fn may_be(self, traits: Traits) -> bool {
        traits.letters & self.0.letters == self.0.letters && traits.characters & self.0.characters == self.0.characters
    }
}

fn letter(c: char) -> u32 {
    let at = u32::from(c.to_ascii_lowercase()).wrapping_sub(u32::from('a'));
    if at < 26 { 1 << at } else { 0 }
}

/// A bit for a character, whatever its case.
fn trace(c: char) -> u64 {
    let folded: u32 = c.to_lowercase().map(u32::from).fold(0, u32::wrapping_add);
    // Fibonacci hashing: the upper six bits.
    1 << (folded.wrapping_mul(0x9e37_79b9) >> 26)
}

/// The letters with which a character's readings begin.
fn letters_of(c: char) -> u32 {
    if c.is_ascii() {
        return letter(c);
    }
    const LETTERS: [&str; 26] = [
        "a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l", "m", "n", "o", "p", "q", "r", "s", "t", "u", "v",
        "w", "x", "y", "z",
    ];
    static MATCHERS: OnceLock<Vec<IbMatcher<'static>>> = OnceLock::new();
    let matchers = MATCHERS.get_or_init(|| {
        let matcher = |letter: &'static str| {
            let pinyin = PinyinMatchConfig::notations(PinyinNotation::Ascii | PinyinNotation::AsciiFirstLetter);
            IbMatcher::builder(letter).pinyin(pinyin).build()
        };
        LETTERS.into_iter().map(matcher).collect()
    });
    let text = c.encode_utf8(&mut [0; 4]).to_owned();
    let bits = matchers.iter().enumerate().filter(|(_, matcher)| matcher.is_match(text.as_str()));
    bits.fold(0, |bits, (at, _)| bits | 1 << at)
}

/// A family as searches see it.
pub(super) struct Entry {
    /// Its number in this file.
    pub(super) no: i64,
    pub(super) file: FileId,
    /// Borrower as printed.
    pub(super) borrower: String,
    /// As the list has it, where that is another name.
    pub(super) listed: Option<String>,
    pub(super) co_borrower: Option<String>,
    /// Last four of the borrower's ID number.
    pub(super) tail: String,
    /// Of the co-borrower's, where this desk may hold it.
    pub(super) co_tail: Option<String>,
    pub(super) address: String,
    /// Which of the index's places.
    pub(super) place: usize,
    /// Numbers, digits alone.
    phones: Vec<String>,
    pub(super) borrowers: Traits,
    pub(super) co_borrowers: Traits,
}

impl Entry {
    /// The first of its numbers with these digits in it.
    pub(super) fn phone(&self, digits: &str) -> Option<&String> {
        self.phones.iter().find(|number| number.contains(digits))
    }
}

/// All families, in the order in which equals are shown: by place and name.
pub(crate) struct Index {
    entries: Vec<Entry>,
    places: Vec<String>,
    letters: BTreeMap<char, u32>,
}

const FAMILIES: &str = "
SELECT h.file, (SELECT g.id FROM file g WHERE g.no = h.file), h.borrower,
  (SELECT CAST(s.body AS TEXT) FROM slot s JOIN fact f ON f.n = s.fact
     WHERE s.file = h.file AND s.slot = 18 AND s.live ORDER BY f.at DESC, f.journal DESC, f.seq DESC LIMIT 1),
  h.co_borrower, h.id_tail, h.place, h.address,
  (SELECT s.body FROM slot s WHERE s.file = h.file AND s.slot = 3 AND s.live LIMIT 1)
FROM household h";

/// What tells that a family is no longer as it was read.
const WATCH: [(&str, &str); 6] = [
    (
        "ruhu_household_in",
        "AFTER INSERT ON main.household BEGIN INSERT OR IGNORE INTO searched_changed VALUES (new.file); END",
    ),
    (
        "ruhu_household_out",
        "AFTER DELETE ON main.household BEGIN INSERT OR IGNORE INTO searched_changed VALUES (old.file); END",
    ),
    ("ruhu_phone_in", "AFTER INSERT ON main.phone BEGIN INSERT OR IGNORE INTO searched_changed VALUES (new.file); END"),
    (
        "ruhu_phone_out",
        "AFTER DELETE ON main.phone BEGIN INSERT OR IGNORE INTO searched_changed VALUES (old.file); END",
    ),
    (
        "ruhu_name_in",
        "AFTER INSERT ON main.filed WHEN new.slot IN (3, 18) BEGIN INSERT OR IGNORE INTO searched_changed VALUES (new.file); END",
    ),
    (
        "ruhu_name_out",
        "AFTER UPDATE ON main.filed WHEN old.slot IN (3, 18) OR new.slot IN (3, 18)
         BEGIN INSERT OR IGNORE INTO searched_changed VALUES (new.file); END",
    ),
];

/// Whether what changes is still told.
pub(super) fn watched(conn: &Connection) -> Result<bool, StoreFault> {
    let count: u32 = conn
        .prepare_cached("SELECT count(*) FROM temp.sqlite_master WHERE type = 'trigger' AND name GLOB 'ruhu_*'")?
        .query_row([], |row| row.get(0))?;
    Ok(usize::try_from(count) == Ok(WATCH.len()))
}

impl std::fmt::Debug for Index {
    /// How many, and no name.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Index").field("families", &self.entries.len()).finish_non_exhaustive()
    }
}

impl Index {
    /// Reads all families, and has what changes told from now on. The table that it is told in has a name of its own: one of this
    /// connection alone hides one of the file.
    pub(super) fn read(conn: &Connection) -> Result<Self, StoreFault> {
        conn.execute_batch(
            "DROP TABLE IF EXISTS temp.searched_changed; CREATE TEMP TABLE searched_changed (file INTEGER PRIMARY KEY)",
        )?;
        for (name, what) in WATCH {
            conn.execute_batch(&format!("DROP TRIGGER IF EXISTS temp.{name}; CREATE TEMP TRIGGER {name} {what}"))?;
        }
        let mut out = Self { entries: Vec::new(), places: Vec::new(), letters: BTreeMap::new() };
        let mut phones: BTreeMap<i64, Vec<String>> = BTreeMap::new();
        let mut find = conn.prepare("SELECT file, number FROM phone")?;
        let mut rows = find.query([])?;
        while let Some(row) = rows.next()? {
            phones.entry(row.get(0)?).or_default().push(digits(&row.get::<_, String>(1)?));
        }
        let mut find = conn.prepare(FAMILIES)?;
        let mut rows = find.query([])?;
        let mut places: BTreeMap<String, usize> = BTreeMap::new();
        while let Some(row) = rows.next()? {
            let phones = phones.remove(&row.get(0)?).unwrap_or_default();
            let entry = out.entry(row, phones, &mut places)?;
            out.entries.push(entry);
        }
        out.sort();
        Ok(out)
    }

    /// Reads the families anew that are no longer as they were read.
    pub(super) fn renew(&mut self, conn: &Connection) -> Result<(), StoreFault> {
        let mut find = conn.prepare_cached("SELECT file FROM temp.searched_changed")?;
        let stale: BTreeSet<i64> = find.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?;
        if stale.is_empty() {
            return Ok(());
        }
        self.entries.retain(|entry| !stale.contains(&entry.no));
        let mut places: BTreeMap<String, usize> =
            self.places.iter().enumerate().map(|(at, code)| (code.clone(), at)).collect();
        for no in stale {
            let mut find = conn.prepare_cached("SELECT number FROM phone WHERE file = ?1")?;
            let numbers = find.query_map([no], |row| row.get::<_, String>(0))?;
            let phones = numbers.map(|number| number.map(|number| digits(&number))).collect::<Result<_, _>>()?;
            let mut find = conn.prepare_cached(&format!("{FAMILIES} WHERE h.file = ?1"))?;
            let mut rows = find.query([no])?;
            if let Some(row) = rows.next()? {
                let entry = self.entry(row, phones, &mut places)?;
                self.entries.push(entry);
            }
        }
        self.sort();
        conn.execute("DELETE FROM temp.searched_changed", [])?;
        Ok(())
    }

    fn entry(
        &mut self,
        row: &rusqlite::Row<'_>,
        phones: Vec<String>,
        places: &mut BTreeMap<String, usize>,
    ) -> Result<Entry, StoreFault> {
        let (listed, named): (String, Option<String>) = (row.get(2)?, row.get(3)?);
        let borrower = named.unwrap_or_else(|| listed.clone());
        let listed = (listed != borrower).then_some(listed);
        let co_borrower: Option<String> = row.get(4)?;
        let code: String = row.get(6)?;
        let place = match places.get(&code) {
            Some(at) => *at,
            None => {
                self.places.push(code.clone());
                places.insert(code, self.places.len().saturating_sub(1));
                self.places.len().saturating_sub(1)
            }
        };
        let identified: Option<Vec<u8>> = row.get(8)?;
        let numbers = identified.and_then(|body| serde_json::from_slice::<Identified>(&body).ok());
        let last_four = |number: String| {
            let skip = number.chars().count().saturating_sub(4);
            number.chars().skip(skip).collect::<String>()
        };
        let borrowers = self.traits([Some(borrower.as_str()), listed.as_deref()]);
        let co_borrowers = self.traits([co_borrower.as_deref(), None]);
        Ok(Entry {
            no: row.get(0)?,
            file: FileId(row.get(1)?),
            borrowers,
            co_borrowers,
            borrower,
            listed,
            co_borrower,
            tail: row.get(5)?,
            co_tail: numbers.and_then(|numbers| numbers.co_borrower_id).map(last_four),
            address: row.get(7)?,
            place,
            phones,
        })
    }

    /// Of several names together; what the readings of a character begin with is asked once.
    fn traits(&mut self, names: [Option<&str>; 2]) -> Traits {
        let mut out = Traits::default();
        for c in names.into_iter().flatten().flat_map(str::chars) {
            out.letters |= *self.letters.entry(c).or_insert_with(|| letters_of(c));
            out.characters |= trace(c);
        }
        out
    }

    fn sort(&mut self) {
        let places = &self.places;
        self.entries.sort_by(|a, b| {
            let code = |entry: &Entry| places.get(entry.place);
            (code(a), &a.borrower, a.file).cmp(&(code(b), &b.borrower, b.file))
        });
    }

    /// The families.
    pub(super) fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// The places' codes, as entries count them.
    pub(super) fn places(&self) -> impl Iterator<Item = &str> {
        self.places.iter().map(String::as_str)
    }

    /// The code of an entry's place.
    pub(super) fn place(&self, entry: &Entry) -> &str {
        self.places.get(entry.place).map_or("", String::as_str)
    }
}

fn digits(number: &str) -> String {
    number.chars().filter(char::is_ascii_digit).collect()
}

//! The county's divisions: codes of GB/T 2260 and the statistics office, names, and how a roster's words find them.
//! A name that fits two villages, or none, is left to a person: nothing here guesses.

use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::str::FromStr;

use crate::money::{half_width, is_blank};

/// A division code: 6 digits for a county, 9 for a township, 12 for a village.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
#[cfg_attr(feature = "api", derive(schemars::JsonSchema, ts_rs::TS))]
#[cfg_attr(feature = "api", ts(type = "string"))]
pub struct PlaceCode(String);

/// A text that is no division code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a division code has 6, 9 or 12 digits")]
pub struct PlaceCodeError;

/// The level of a division, the wider first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[cfg_attr(feature = "api", derive(schemars::JsonSchema, ts_rs::TS))]
pub enum PlaceLevel {
    /// 县.
    County,
    /// 乡、镇、街道.
    Township,
    /// 村、社区.
    Village,
}

/// One division.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "api", derive(schemars::JsonSchema, ts_rs::TS))]
pub struct Place {
    /// Its code.
    pub code: PlaceCode,
    /// Its full official name: `友谊社区居民委员会`.
    pub name: String,
    /// Its level, which its code's length states too.
    pub level: PlaceLevel,
    /// The division above it; `None` for the county.
    pub parent: Option<PlaceCode>,
}

/// What a roster's township and village found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum PlaceMatch {
    /// The village, by names in use.
    Exact(PlaceCode),
    /// By a former name: the village, or the township alone when the village is not found in it.
    ByOldName(PlaceCode),
    /// The township by a name in use; the village is not found in it.
    Township(PlaceCode),
    /// Not even the township.
    Nothing,
}

/// Why a table of divisions cannot be used. Lines count from 1.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PlaceError {
    /// The first line does not name the columns that are needed.
    #[error("the table of divisions needs the columns {needed}")]
    Header {
        /// The columns, separated by commas.
        needed: &'static str,
    },
    /// A line with too few fields.
    #[error("line {line}: too few fields")]
    Fields {
        /// The line.
        line: usize,
    },
    /// A code of the wrong shape.
    #[error("line {line}: {source}")]
    Code {
        /// The line.
        line: usize,
        /// What a code looks like.
        source: PlaceCodeError,
    },
    /// Level and code disagree, or the division above is not in the table before it.
    #[error("line {line}: level, code and parent do not agree")]
    Tree {
        /// The line.
        line: usize,
    },
    /// A code that stands in the table already.
    #[error("line {line}: this code stands twice")]
    Twice {
        /// The line.
        line: usize,
    },
    /// An old name for a code that is not in the table.
    #[error("old names, line {line}: there is no such code")]
    UnknownCode {
        /// The line.
        line: usize,
    },
    /// No county in the table, or more than one.
    #[error("the table of divisions must hold exactly one county")]
    OneCounty,
}

impl PlaceCode {
    /// The digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Its level.
    pub fn level(&self) -> PlaceLevel {
        match self.0.len() {
            6 => PlaceLevel::County,
            9 => PlaceLevel::Township,
            _ => PlaceLevel::Village,
        }
    }

    /// The county it lies in, or is.
    pub fn county(&self) -> Self {
        Self(self.0.chars().take(6).collect())
    }

    /// The township it lies in, or is; `None` for a county.
    pub fn township(&self) -> Option<Self> {
        self.0.get(..9).map(|code| Self(code.to_owned()))
    }

    /// The village it is; `None` for a county or a township.
    pub fn village(&self) -> Option<Self> {
        (self.level() == PlaceLevel::Village).then(|| self.clone())
    }

    /// The division directly above; `None` for a county.
    pub fn parent(&self) -> Option<Self> {
        match self.level() {
            PlaceLevel::County => None,
            PlaceLevel::Township => Some(self.county()),
            PlaceLevel::Village => self.township(),
        }
    }

    /// Whether `other` is this division or lies in it.
    pub fn contains(&self, other: &Self) -> bool {
        other.0.starts_with(&self.0)
    }
}

impl FromStr for PlaceCode {
    type Err = PlaceCodeError;
    fn from_str(text: &str) -> Result<Self, PlaceCodeError> {
        let good = matches!(text.len(), 6 | 9 | 12) && text.bytes().all(|b| b.is_ascii_digit());
        if good { Ok(Self(text.to_owned())) } else { Err(PlaceCodeError) }
    }
}

impl TryFrom<String> for PlaceCode {
    type Error = PlaceCodeError;
    fn try_from(text: String) -> Result<Self, PlaceCodeError> {
        text.parse()
    }
}

impl From<PlaceCode> for String {
    fn from(code: PlaceCode) -> Self {
        code.0
    }
}

impl fmt::Display for PlaceCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl PlaceMatch {
    /// The narrowest division found.
    pub fn code(&self) -> Option<&PlaceCode> {
        match self {
            Self::Exact(code) | Self::ByOldName(code) | Self::Township(code) => Some(code),
            Self::Nothing => None,
        }
    }

    /// The village, when one was found.
    pub fn village(&self) -> Option<PlaceCode> {
        self.code().and_then(PlaceCode::village)
    }

    /// The township, when one was found.
    pub fn township(&self) -> Option<PlaceCode> {
        self.code().and_then(PlaceCode::township)
    }
}

/// One county's divisions and their former names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlaceTable {
    places: BTreeMap<PlaceCode, Place>,
    county: PlaceCode,
    /// Township name in use → code.
    townships: BTreeMap<String, PlaceCode>,
    /// Former township name → code.
    old_townships: BTreeMap<String, PlaceCode>,
    /// Township → short village name → the villages it may mean.
    villages: BTreeMap<PlaceCode, BTreeMap<String, BTreeSet<PlaceCode>>>,
    /// As `villages`, for former names.
    old_villages: BTreeMap<PlaceCode, BTreeMap<String, BTreeSet<PlaceCode>>>,
}

impl PlaceTable {
    /// Reads the table (`code,name,level,parent_code`, levels county, township, village, the wider before the narrower)
    /// and the former names (`old_name,code,…`); both CSV with a header line.
    ///
    /// # Errors
    /// Missing columns, a broken line, a code without its parent, two counties.
    pub fn from_csv(places_csv: &str, old_names_csv: &str) -> Result<Self, PlaceError> {
        let places = read_places(places_csv)?;
        let mut counties = places.values().filter(|p| p.level == PlaceLevel::County);
        let county = match (counties.next(), counties.next()) {
            (Some(county), None) => county.code.clone(),
            (None, _) | (Some(_), Some(_)) => return Err(PlaceError::OneCounty),
        };
        let mut table = Self {
            places,
            county,
            townships: BTreeMap::new(),
            old_townships: BTreeMap::new(),
            villages: BTreeMap::new(),
            old_villages: BTreeMap::new(),
        };
        for place in table.places.values() {
            match (place.level, &place.parent) {
                (PlaceLevel::Township, _) => {
                    table.townships.insert(place.name.clone(), place.code.clone());
                }
                (PlaceLevel::Village, Some(township)) => {
                    let names = table.villages.entry(township.clone()).or_default();
                    names.entry(village_core(&place.name).to_owned()).or_default().insert(place.code.clone());
                }
                (PlaceLevel::County, _) | (PlaceLevel::Village, None) => {}
            }
        }
        table.read_old_names(old_names_csv)?;
        Ok(table)
    }

    fn read_old_names(&mut self, csv: &str) -> Result<(), PlaceError> {
        const NEEDED: &str = "old_name,code";
        let mut lines = csv_lines(csv);
        let header = lines.next().map(|(_, fields)| fields).unwrap_or_default();
        let (name_at, code_at) = match (column(&header, "old_name"), column(&header, "code")) {
            (Some(name), Some(code)) => (name, code),
            (None, _) | (_, None) => return Err(PlaceError::Header { needed: NEEDED }),
        };
        for (line, fields) in lines {
            let (Some(name), Some(code)) = (fields.get(name_at), fields.get(code_at)) else {
                return Err(PlaceError::Fields { line });
            };
            let code: PlaceCode = code.parse().map_err(|source| PlaceError::Code { line, source })?;
            let place = self.places.get(&code).ok_or(PlaceError::UnknownCode { line })?;
            let name = squeezed(name);
            match (place.level, &place.parent) {
                (PlaceLevel::Township, _) => {
                    self.old_townships.insert(name, code);
                }
                (PlaceLevel::Village, Some(township)) => {
                    let names = self.old_villages.entry(township.clone()).or_default();
                    names.entry(village_core(&name).to_owned()).or_default().insert(code);
                }
                (PlaceLevel::County, _) | (PlaceLevel::Village, None) => {
                    return Err(PlaceError::Tree { line });
                }
            }
        }
        Ok(())
    }

    /// The county's code.
    pub fn county(&self) -> &PlaceCode {
        &self.county
    }

    /// The division of a code.
    pub fn get(&self, code: &PlaceCode) -> Option<&Place> {
        self.places.get(code)
    }

    /// All divisions in the order of their codes, each after the one it lies in.
    pub fn iter(&self) -> impl Iterator<Item = &Place> {
        self.places.values()
    }

    /// The divisions directly within `code`, in the order of their codes.
    pub fn within<'a>(&'a self, code: &'a PlaceCode) -> impl Iterator<Item = &'a Place> {
        self.places.values().filter(move |place| place.parent.as_ref() == Some(code))
    }

    /// The place a roster means by its township and village. Villages are matched within their township only,
    /// with or without 村民委员会 and its like, because villages of different townships share names.
    pub fn resolve(&self, township_text: &str, village_text: &str) -> PlaceMatch {
        let (township, township_by_old_name) = match self.township_named(township_text) {
            Some(found) => found,
            None => return PlaceMatch::Nothing,
        };
        match self.village_named(&township, village_text) {
            Some((village, by_old_name)) if township_by_old_name || by_old_name => PlaceMatch::ByOldName(village),
            Some((village, _)) => PlaceMatch::Exact(village),
            None if township_by_old_name => PlaceMatch::ByOldName(township),
            None => PlaceMatch::Township(township),
        }
    }

    fn township_named(&self, text: &str) -> Option<(PlaceCode, bool)> {
        let name = squeezed(text);
        let county_name = self.places.get(&self.county).map(|county| county.name.as_str()).unwrap_or_default();
        let name = name.strip_prefix(county_name).filter(|rest| !rest.is_empty()).unwrap_or(&name);
        let spellings = [
            Some(name.to_owned()),
            name.strip_suffix("人民政府").map(str::to_owned),
            name.strip_suffix("办事处").map(str::to_owned),
            // 琴台办事处, 琴台街道办
            name.strip_suffix("街道办").or_else(|| name.strip_suffix("办事处")).map(|stem| format!("{stem}街道")),
        ];
        let spellings = || spellings.iter().flatten();
        let in_use = spellings().find_map(|name| self.townships.get(name)).map(|code| (code.clone(), false));
        in_use.or_else(|| spellings().find_map(|name| self.old_townships.get(name)).map(|code| (code.clone(), true)))
    }

    fn village_named(&self, township: &PlaceCode, text: &str) -> Option<(PlaceCode, bool)> {
        let name = squeezed(text);
        if name.is_empty() {
            return None;
        }
        if let Some(place) = self.within(township).find(|place| place.name == name) {
            return Some((place.code.clone(), false));
        }
        let only = |names: Option<&BTreeMap<String, BTreeSet<PlaceCode>>>| -> Option<PlaceCode> {
            let names = names?;
            let core = village_core(&name);
            // 杨北村 is 杨北村民委员会, 马村 is 马村村民委员会: both readings are tried, and two answers are none.
            let readings = [Some(core), core.strip_suffix('村'), core.strip_suffix("社区")];
            let mut found = readings.into_iter().flatten().filter_map(|name| names.get(name)).flatten();
            let first = found.next()?;
            found.all(|other| other == first).then(|| first.clone())
        };
        only(self.villages.get(township))
            .map(|code| (code, false))
            .or_else(|| only(self.old_villages.get(township)).map(|code| (code, true)))
    }
}

/// A village's name without what its committee is called.
fn village_core(name: &str) -> &str {
    ["社区居民委员会", "居民委员会", "村民委员会", "社区居委会", "居委会", "村委会"]
        .into_iter()
        .find_map(|suffix| name.strip_suffix(suffix).filter(|core| !core.is_empty()))
        .unwrap_or(name)
}

fn squeezed(text: &str) -> String {
    text.chars().map(half_width).filter(|c| !is_blank(*c)).collect()
}

fn read_places(csv: &str) -> Result<BTreeMap<PlaceCode, Place>, PlaceError> {
    const NEEDED: &str = "code,name,level,parent_code";
    let mut lines = csv_lines(csv);
    let header = lines.next().map(|(_, fields)| fields).unwrap_or_default();
    let at = |name| column(&header, name).ok_or(PlaceError::Header { needed: NEEDED });
    let (code_at, name_at, level_at, parent_at) = (at("code")?, at("name")?, at("level")?, at("parent_code")?);
    let mut places: BTreeMap<PlaceCode, Place> = BTreeMap::new();
    for (line, fields) in lines {
        let field = |at: usize| fields.get(at).map(String::as_str).ok_or(PlaceError::Fields { line });
        let code: PlaceCode = field(code_at)?.parse().map_err(|source| PlaceError::Code { line, source })?;
        let stated = match field(level_at)? {
            "county" => Some(PlaceLevel::County),
            "township" => Some(PlaceLevel::Township),
            "village" => Some(PlaceLevel::Village),
            _ => None,
        };
        let level = code.level();
        let parent = code.parent();
        let parent_fits = match &parent {
            // The county's parent is a prefecture, which the table does not hold.
            None => true,
            Some(parent) => field(parent_at)? == parent.as_str() && places.contains_key(parent),
        };
        if stated != Some(level) || !parent_fits {
            return Err(PlaceError::Tree { line });
        }
        let place = Place { code: code.clone(), name: squeezed(field(name_at)?), level, parent };
        if places.insert(code, place).is_some() {
            return Err(PlaceError::Twice { line });
        }
    }
    Ok(places)
}

fn column(header: &[String], name: &str) -> Option<usize> {
    header.iter().position(|field| field == name)
}

/// The non-empty lines of a CSV with their numbers; quotes hold commas, not line ends.
fn csv_lines(csv: &str) -> impl Iterator<Item = (usize, Vec<String>)> {
    let csv = csv.strip_prefix('\u{feff}').unwrap_or(csv);
    csv.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()).map(|(at, line)| {
        let mut fields = vec![String::new()];
        let mut quoted = false;
        for c in line.chars() {
            match (c, fields.last_mut()) {
                ('"', _) => quoted = !quoted,
                (',', _) if !quoted => fields.push(String::new()),
                (other, Some(field)) => field.push(other),
                (_, None) => {}
            }
        }
        (at.saturating_add(1), fields)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLACES: &str = include_str!("../../../assets/places/lushan-410423.csv");
    const OLD_NAMES: &str = include_str!("../../../assets/places/lushan-410423-old-names.csv");

    fn table() -> PlaceTable {
        PlaceTable::from_csv(PLACES, OLD_NAMES).expect("the table is good")
    }

    fn code(text: &str) -> PlaceCode {
        text.parse().expect("a code")
    }

    #[test]
    fn the_county_has_24_townships() {
        let table = table();
        assert_eq!(table.county(), &code("410423"));
        assert_eq!(table.within(table.county()).count(), 24);
        assert_eq!(table.iter().filter(|p| p.level == PlaceLevel::Village).count(), 556);
        assert_eq!(table.get(&code("410423001")).map(|p| p.name.as_str()), Some("露峰街道"));
    }

    #[test]
    fn every_village_is_found_by_each_of_its_names() {
        let table = table();
        for village in table.iter().filter(|p| p.level == PlaceLevel::Village) {
            let township = village.parent.as_ref().and_then(|code| table.get(code)).expect("a township");
            let core = village_core(&village.name);
            for name in [
                village.name.clone(),
                core.to_owned(),
                format!("{core}村"),
                format!("{core}村委会"),
                format!("{core}社区"),
            ] {
                let found = table.resolve(&township.name, &name);
                assert_eq!(found, PlaceMatch::Exact(village.code.clone()), "{} {name}", township.name);
            }
        }
    }

    #[test]
    fn the_township_decides_between_villages_of_one_name() {
        let table = table();
        let of = |township: &str| table.resolve(township, "董庄村").township();
        assert_eq!(of("滚子营乡"), Some(code("410423213")));
        assert_eq!(of("马楼乡"), Some(code("410423214")));
        assert_eq!(of(""), None);
        assert_eq!(table.resolve("某某乡", "董庄村"), PlaceMatch::Nothing);
    }

    #[test]
    fn old_and_long_names_are_understood() {
        let table = table();
        assert_eq!(table.resolve("二郎庙乡", "小团城村民委员会"), PlaceMatch::ByOldName(code("410423105")));
        let village = table.within(&code("410423107")).next().expect("a village").clone();
        assert_eq!(table.resolve("赵村乡", &village.name), PlaceMatch::ByOldName(village.code.clone()));
        assert_eq!(table.resolve("鲁山县赵村镇人民政府", &village.name), PlaceMatch::Exact(village.code));
        assert_eq!(table.resolve(" 琴台街道办事处\u{3000}", "友谊社区").township(), Some(code("410423002")));
        assert_eq!(table.resolve("琴台街道办", "不存在的村"), PlaceMatch::Township(code("410423002")));
        assert_eq!(table.resolve("琴台街道", ""), PlaceMatch::Township(code("410423002")));
    }

    #[test]
    fn two_readings_are_no_answer() {
        let csv = "code,name,level,parent_code\n410490,青石县,county,4104\n410490101,柳沟镇,township,410490\n\
                   410490101201,马村民委员会,village,410490101\n410490101202,马村村民委员会,village,410490101\n";
        let table = PlaceTable::from_csv(csv, "old_name,code\n牛村,410490101201\n").expect("good");
        assert_eq!(table.resolve("柳沟镇", "马村"), PlaceMatch::Township(code("410490101")));
        assert_eq!(table.resolve("柳沟镇", "马村村"), PlaceMatch::Exact(code("410490101202")));
        assert_eq!(table.resolve("柳沟镇", "马村村民委员会"), PlaceMatch::Exact(code("410490101202")));
        assert_eq!(table.resolve("柳沟镇", "牛村"), PlaceMatch::ByOldName(code("410490101201")));
    }

    #[test]
    fn codes_know_what_contains_them() {
        let village = code("410423001002");
        assert_eq!(village.county(), code("410423"));
        assert_eq!(village.township(), Some(code("410423001")));
        assert!(
            code("410423").contains(&village) && code("410423001").contains(&village) && village.contains(&village)
        );
        assert!(!code("410423002").contains(&village) && !village.contains(&code("410423001")));
        assert_eq!(code("410423").township(), None);
        for text in ["", "41042", "4104230010", "41042300100a", "４１０４２３"] {
            assert_eq!(text.parse::<PlaceCode>(), Err(PlaceCodeError), "{text}");
        }
        assert!(serde_json::from_str::<PlaceCode>("\"12\"").is_err());
    }

    #[test]
    fn broken_tables_are_refused_with_their_line() {
        let head = "code,name,level,parent_code\n410490,青石县,county,4104\n";
        let read = |more: &str, old: &str| PlaceTable::from_csv(&format!("{head}{more}"), old).map(|_| ());
        let old = "old_name,code\n";
        assert_eq!(read("410490101,柳沟镇,township,410491\n", old), Err(PlaceError::Tree { line: 3 }));
        assert_eq!(read("410490101001,某村,village,410490101\n", old), Err(PlaceError::Tree { line: 3 }));
        assert_eq!(read("410490101,柳沟镇,village,410490\n", old), Err(PlaceError::Tree { line: 3 }));
        assert_eq!(
            read("4104901,柳沟镇,township,410490\n", old),
            Err(PlaceError::Code { line: 3, source: PlaceCodeError })
        );
        assert_eq!(read("410490101\n", old), Err(PlaceError::Fields { line: 3 }));
        assert_eq!(read("410490,青石县,county,4104\n", old), Err(PlaceError::Twice { line: 3 }));
        assert_eq!(read("410491,另县,county,4104\n", old), Err(PlaceError::OneCounty));
        assert_eq!(read("", "old_name,code\n旧乡,410490109\n"), Err(PlaceError::UnknownCode { line: 2 }));
        assert!(matches!(read("", "name\n"), Err(PlaceError::Header { .. })));
        assert!(matches!(PlaceTable::from_csv("", old), Err(PlaceError::Header { .. })));
    }
}

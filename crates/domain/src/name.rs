//! People's names out of a roster: cleaned for printing, kept as the bank wrote them for matching.
//! Never folds case or width, never drops a character of the name, never decides what an unreadable one should be.

use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use unicode_normalization::UnicodeNormalization;

use crate::money::is_blank;

/// A name in its two readings and what is doubtful about it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "api", derive(schemars::JsonSchema, ts_rs::TS))]
pub struct CleanName {
    /// As the bank wrote it, only outer blanks and zero-width marks removed: for matching with the bank.
    pub name_as_bank: String,
    /// The best reading for printing until somebody has seen the identity card.
    pub name_true: String,
    /// What somebody should look at before a letter is printed.
    pub flags: BTreeSet<NameFlag>,
}

/// Something doubtful in a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "api", derive(schemars::JsonSchema, ts_rs::TS))]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum NameFlag {
    /// A stand-in for a character the bank could not write: `?`, `□`, `某`, `*`.
    Placeholder,
    /// Latin letters or digits, as in `王LONG`.
    Letters,
    /// Brackets, as in `王(龙天)`.
    Brackets,
    /// A private-use character nobody else can read.
    PrivateUse,
    /// Begins like a spreadsheet formula; must be quoted when exported.
    Formula,
    /// More than fifty characters.
    TooLong,
}

impl NameFlag {
    /// The doubt in words for the person at the desk.
    pub fn sentence_zh(self) -> &'static str {
        match self {
            Self::Placeholder => "姓名里有代替生僻字的符号，请对照身份证补正",
            Self::Letters => "姓名里有字母或数字，请对照身份证补正",
            Self::Brackets => "姓名里有括号，请对照身份证补正",
            Self::PrivateUse => "姓名里有别的电脑显示不出的自造字，请对照身份证补正",
            Self::Formula => "姓名像是表格公式，请对照身份证补正",
            Self::TooLong => "姓名超过50个字，请核对",
        }
    }
}

impl CleanName {
    /// Whether nothing of a name is left.
    pub fn is_empty(&self) -> bool {
        self.name_true.is_empty()
    }
}

/// Cleans one name cell. An empty cell gives an empty name without flags.
pub fn clean(raw: &str) -> CleanName {
    let name_as_bank = raw.trim_matches(is_blank).to_owned();
    let visible: String = composed(&name_as_bank)
        .chars()
        .map(standard_character)
        // Zero-width marks go; blanks stay for the moment, for they stand between the parts of foreign names.
        .filter(|c| c.is_whitespace() || !is_blank(*c))
        .collect();
    let name_true = settle_inner_marks(&visible);
    let flags = flags_of(&name_true);
    CleanName { name_as_bank, name_true, flags }
}

/// Composed characters for decomposed ones. The ideographs that Unicode keeps for the sake of older standards stay as they are:
/// GB 18030 has them, and composing would put others in their place.
fn composed(text: &str) -> String {
    let kept = |c: char| matches!(c, '\u{f900}'..='\u{faff}' | '\u{2f800}'..='\u{2fa1f}');
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(kept) {
        let (before, from) = rest.split_at(at);
        out.extend(before.nfc());
        let mut characters = from.chars();
        out.extend(characters.next());
        rest = characters.as_str();
    }
    out.extend(rest.nfc());
    out
}

/// The standard character for a private-use one of the 2005 table of GB 18030; all others unchanged.
fn standard_character(c: char) -> char {
    match c {
        '\u{e81e}' => '\u{9fb4}',
        '\u{e826}' => '\u{9fb5}',
        '\u{e82b}' => '\u{9fb6}',
        '\u{e82c}' => '\u{9fb7}',
        '\u{e832}' => '\u{9fb8}',
        '\u{e843}' => '\u{9fb9}',
        '\u{e854}' => '\u{9fba}',
        '\u{e864}' => '\u{9fbb}',
        other => other,
    }
}

/// Unifies the dot of ethnic names and takes out the blanks that only pad a name of two characters.
fn settle_inner_marks(text: &str) -> String {
    let characters: Vec<char> = text.chars().collect();
    let mut out = String::with_capacity(text.len());
    for (at, c) in characters.iter().copied().enumerate() {
        let before = at.checked_sub(1).and_then(|i| characters.get(i)).copied();
        let after = characters.get(at.saturating_add(1)).copied();
        let between_han = before.is_some_and(is_written_name) && after.is_some_and(is_written_name);
        match c {
            '•' | '‧' | '・' | '･' | '∙' | '⋅' => out.push('·'),
            // A point is the dot only between two characters of a name: 王LONG. keeps its point.
            '.' | '．' if between_han => out.push('·'),
            blank if blank.is_whitespace() => {
                let last = out.chars().next_back();
                let next = characters.iter().skip(at).copied().find(|c| !c.is_whitespace());
                let both_han = last.is_some_and(is_written_name) && next.is_some_and(is_written_name);
                let at_dot = last == Some('·') || next.is_some_and(|c| matches!(c, '·' | '•' | '‧' | '・'));
                if !both_han && !at_dot && last != Some(' ') {
                    out.push(' ');
                }
            }
            other => out.push(other),
        }
    }
    out
}

/// Whether `c` is written as part of a name in Chinese: any character beyond the symbols, private use included.
fn is_written_name(c: char) -> bool {
    matches!(c, '\u{2e80}'..='\u{2fdf}' | '\u{3005}'..='\u{3007}' | '\u{3400}'..='\u{9fff}' | '\u{e000}'..='\u{faff}' | '\u{20000}'..='\u{323af}')
}

fn flags_of(name: &str) -> BTreeSet<NameFlag> {
    let mut flags = BTreeSet::new();
    for (at, c) in name.chars().enumerate() {
        match c {
            '?' | '？' | '□' | '■' | '〓' | '*' | '＊' | '某' | '×' | '_' | '\u{fffd}' => {
                flags.insert(NameFlag::Placeholder);
            }
            '(' | ')' | '（' | '）' | '[' | ']' | '【' | '】' | '〔' | '〕' | '{' | '}' | '<' | '>' => {
                flags.insert(NameFlag::Brackets);
            }
            'a'..='z' | 'A'..='Z' | '0'..='9' | 'ａ'..='ｚ' | 'Ａ'..='Ｚ' | '０'..='９' => {
                flags.insert(NameFlag::Letters);
            }
            '\u{e000}'..='\u{f8ff}' | '\u{f0000}'..='\u{10ffff}' => {
                flags.insert(NameFlag::PrivateUse);
            }
            '=' | '+' | '-' | '@' | '＝' | '＋' | '－' | '＠' if at == 0 => {
                flags.insert(NameFlag::Formula);
            }
            _ => {}
        }
    }
    if name.chars().count() > 50 {
        flags.insert(NameFlag::TooLong);
    }
    flags
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flags(text: &str) -> Vec<NameFlag> {
        clean(text).flags.into_iter().collect()
    }

    #[test]
    fn good_names_pass_unchanged() {
        for name in ["张鹏", "王䶮", "李㛃", "王𬴂", "赵𫖯", "孙𣗋", "钱𰻝", "阿依古丽·买买提"]
        {
            let clean = clean(name);
            assert_eq!((clean.name_as_bank.as_str(), clean.name_true.as_str()), (name, name));
            assert!(clean.flags.is_empty(), "{name}");
        }
    }

    #[test]
    fn blanks_and_zero_width_marks_go() {
        assert_eq!(clean("\u{200b}李晓峰\u{3000}").name_true, "李晓峰");
        assert_eq!(clean("\u{200b}李晓峰\u{3000}").name_as_bank, "李晓峰");
        assert_eq!(clean("\u{a0}\u{feff}李\u{200d}晓峰\t").name_true, "李晓峰");
        assert_eq!(clean("张\u{3000}鹏").name_true, "张鹏");
        assert_eq!(clean("张\u{3000}鹏").name_as_bank, "张\u{3000}鹏");
        assert_eq!(clean("Anna  Wang").name_true, "Anna Wang");
        assert!(clean(" \u{3000}\u{200b}").is_empty());
    }

    #[test]
    fn the_ethnic_dot_has_one_form() {
        for raw in [
            "阿依古丽•买买提",
            "阿依古丽‧买买提",
            "阿依古丽・买买提",
            "阿依古丽.买买提",
            "阿依古丽．买买提",
            "阿依古丽 • 买买提",
        ] {
            let clean = clean(raw);
            assert_eq!(clean.name_true, "阿依古丽·买买提", "{raw}");
            assert_eq!(clean.name_as_bank, raw);
            assert!(clean.flags.is_empty());
        }
        assert_eq!(clean("王LONG.").name_true, "王LONG.");
    }

    #[test]
    fn private_use_characters_of_the_old_table_are_mapped() {
        let old = "\u{e81e}\u{e826}\u{e82b}\u{e82c}\u{e832}\u{e843}\u{e854}\u{e864}";
        let clean_name = clean(old);
        assert_eq!(clean_name.name_true, "\u{9fb4}\u{9fb5}\u{9fb6}\u{9fb7}\u{9fb8}\u{9fb9}\u{9fba}\u{9fbb}");
        assert_eq!(clean_name.name_as_bank, old);
        assert!(clean_name.flags.is_empty());
        assert_eq!(flags("王\u{e000}"), [NameFlag::PrivateUse]);
        assert_eq!(flags("王\u{f0000}"), [NameFlag::PrivateUse]);
    }

    #[test]
    fn doubtful_names_are_flagged() {
        for name in ["王?", "王？", "王□", "王某", "王*"] {
            assert_eq!(flags(name), [NameFlag::Placeholder], "{name}");
        }
        assert_eq!(flags("王(龙天)"), [NameFlag::Brackets]);
        assert_eq!(flags("王LONG"), [NameFlag::Letters]);
        assert_eq!(flags("=cmd|1"), [NameFlag::Letters, NameFlag::Formula]);
        assert_eq!(flags(&"王".repeat(51)), [NameFlag::TooLong]);
        assert_eq!(flags(&"王".repeat(50)), []);
    }

    #[test]
    fn composed_and_decomposed_are_one() {
        assert_eq!(clean("e\u{301}").name_true, "\u{e9}");
    }
}

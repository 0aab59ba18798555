//! Messages to families' phones (domain.md §4.9, §6.8), for a list that somebody else sends: which text a number gets, and how many
//! parts it is. Never an amount, an ID number, a link or the word 逾期; to a number whose owner is not confirmed, nothing of a loan.

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};

use crate::words::{ContactState, TextTopic};

/// A family was put on a list of messages. One message a borrower and topic within seven days.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TextListed {
    /// About what.
    pub topic: TextTopic,
    /// The list.
    pub batch: String,
    /// On which day.
    pub on: NaiveDate,
}

/// The head allows lists of a kind to leave the bureau.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExportApproved {
    /// Which kind, by its code.
    pub what: String,
    /// What for.
    pub reason: String,
    /// On which day.
    pub on: NaiveDate,
}

/// A list left the bureau.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Exported {
    /// Which kind, by its code.
    pub what: String,
    /// The list.
    pub batch: String,
    /// Rows in it.
    pub rows: u32,
    /// How it is written, by its code.
    pub format: String,
    /// The file's SHA-256.
    pub sha256: crate::ids::Sha,
}

/// Days for which the head's word holds.
pub const APPROVED_DAYS: i64 = 7;
/// Days within which a borrower gets one message of a topic.
pub const ONCE_IN_DAYS: i64 = 7;

/// Surnames of two characters that are met in central China; all others are one.
const DOUBLE: &[&str] = &[
    "欧阳", "司马", "上官", "诸葛", "东方", "皇甫", "尉迟", "公孙", "慕容", "令狐", "宇文", "长孙", "夏侯", "南宫",
    "司徒", "端木", "百里", "呼延", "东郭", "西门", "申屠", "轩辕", "澹台", "濮阳", "淳于", "单于", "闻人", "赫连",
    "太史", "钟离",
];

/// How somebody is called in a message: by surname, or by the first part of a name of several.
pub fn called(name: &str) -> String {
    if let Some((first, _)) = name.split_once('·') {
        return first.to_owned();
    }
    let two: String = name.chars().take(2).collect();
    if DOUBLE.contains(&two.as_str()) && name.chars().count() > 2 { two } else { name.chars().take(1).collect() }
}

/// What a message says.
#[derive(Debug, Clone, Copy)]
pub struct Sender<'a> {
    /// The signature: the centre's short name.
    pub organ: &'a str,
    /// Where to ask.
    pub hotline: &'a str,
}

/// The text for a number whose owner is the borrower and confirmed.
pub fn text(topic: TextTopic, name: &str, sender: Sender<'_>) -> String {
    let Sender { organ, hotline } = sender;
    match topic {
        TextTopic::InterestStart => format!(
            "【{organ}】您好，助学贷款利息将于9月1日起由本人承担，如需提前还款请于8月15日前登录学生在线系统申请。咨询{hotline}"
        ),
        TextTopic::Annual => format!(
            "【{organ}】{}同学，您今年有款项将于12月20日到期，请登录国家开发银行学生在线系统查询并办理。咨询{hotline}",
            called(name)
        ),
    }
}

/// The text for any other number: nothing of a loan.
pub fn neutral(name: &str, sender: Sender<'_>) -> String {
    format!("【{}】请{}同学与我中心联系", sender.organ, called(name))
}

/// How many parts a message is sent in: seventy characters of UCS-2 in one, else sixty-seven in each. A character beyond the first
/// plane is two.
pub fn parts(text: &str) -> u32 {
    let units = text.encode_utf16().count();
    if units <= 70 { 1 } else { u32::try_from(units.div_ceil(67)).unwrap_or(u32::MAX) }
}

/// Which text a number may get.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum May {
    /// The whole text: it is the borrower's, and somebody confirmed that.
    Whole,
    /// The neutral one.
    Neutral,
}

/// Whether and what a mobile number gets: nothing where nobody answers to it or wants to, or where it is some other person's and
/// nobody ever confirmed it.
pub fn may_get(state: ContactState, own: bool) -> Option<May> {
    match (state, own) {
        (ContactState::Confirmed, true) => Some(May::Whole),
        (ContactState::Confirmed, false) | (ContactState::Unverified | ContactState::NoAnswer, true) => {
            Some(May::Neutral)
        }
        (ContactState::Unverified | ContactState::NoAnswer, false)
        | (ContactState::WrongPerson | ContactState::OutOfService | ContactState::DoNotCall, _) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SENDER: Sender<'_> = Sender { organ: "青石县资助中心", hotline: "0375-1234567" };

    #[test]
    fn people_are_called_by_their_surname() {
        let called: Vec<String> =
            ["王\u{2cd02}", "欧阳小满", "欧阳", "阿依古丽·买买提", "王?"].into_iter().map(called).collect();
        assert_eq!(called, ["王", "欧阳", "欧", "阿依古丽", "王"]);
    }

    #[test]
    fn parts_are_counted_as_they_are_sent() {
        assert_eq!(parts(&"好".repeat(70)), 1);
        assert_eq!(parts(&"好".repeat(71)), 2);
        assert_eq!(parts(&"好".repeat(134)), 2);
        assert_eq!(parts(&"好".repeat(135)), 3);
        assert_eq!(parts(&format!("{}\u{2cd02}", "好".repeat(69))), 2, "two units");
    }

    #[test]
    fn no_message_says_what_it_may_not() {
        for topic in TextTopic::ALL {
            let whole = text(*topic, "王秋禾", SENDER);
            assert!(whole.starts_with("【青石县资助中心】"), "{whole}");
            for word in ["逾期", "http", "元", "身份证", "秋禾"] {
                assert!(!whole.contains(word), "{word} in {whole}");
            }
        }
        let plain = neutral("王秋禾", SENDER);
        assert!(!plain.contains("贷款") && !plain.contains("款"), "{plain}");
        assert_eq!(parts(&plain), 1);
        assert_eq!(may_get(ContactState::Unverified, false), None);
        assert_eq!(may_get(ContactState::DoNotCall, true), None);
        assert_eq!(may_get(ContactState::Confirmed, true), Some(May::Whole));
    }
}

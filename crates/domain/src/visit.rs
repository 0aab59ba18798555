//! A visit to a household, its rules, and the sentence it writes of itself.
//! The core part (day, kind, result) is for both lines; the notes belong to the author's line.
//! Nothing here decides whether a letter was served: that is the receipt's (receipt.rs).

use chrono::{NaiveDate, NaiveTime};
use serde::{Deserialize, Serialize};

use crate::ids::FactId;
use crate::words::{Situation, VisitPurpose, VisitResult};

/// What both lines may know of a visit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct VisitMade {
    /// Civil day.
    pub on: NaiveDate,
    /// Arrival.
    pub arrived: NaiveTime,
    /// Leave.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub left: Option<NaiveTime>,
    /// Why.
    pub purpose: VisitPurpose,
    /// What came of it.
    pub result: VisitResult,
    /// Full numbers of letters handed over.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub letters: Vec<String>,
    /// Day the family named for paying.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pledged_on: Option<NaiveDate>,
    /// Why it corrects an earlier record, if it does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub correction: Option<String>,
}

/// What only the author's line and the county may know.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct VisitNoted {
    /// The visit these notes belong to.
    pub visit: Option<FactId>,
    /// Who was met.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub met_name: Option<String>,
    /// Relation of who was met.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub met_relation: Option<String>,
    /// Only children at home.
    #[serde(default)]
    pub only_children: bool,
    /// Ticks.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub situations: Vec<Situation>,
    /// Others of the team.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub team: Vec<String>,
    /// Next step.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_step: Option<String>,
    /// Day of the next step.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_on: Option<NaiveDate>,
    /// Facts only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// Why at this hour.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub odd_hour_reason: Option<String>,
}

/// What is wrong with a visit as filled in. Each names its field.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum VisitFault {
    /// A day that has not come.
    #[error("the visit lies in the future")]
    Future,
    /// Left before arriving.
    #[error("left before arriving")]
    LeftBeforeArrival,
    /// Between 22:00 and 08:00 without a reason.
    #[error("between 22:00 and 08:00 a reason is needed")]
    OddHour,
    /// Only children were at home, yet somebody was met or a letter was left.
    #[error("with only children at home nobody is met and nothing is left")]
    OnlyChildren,
    /// A relative was met, but nothing says who.
    #[error("who was met is missing")]
    MetWho,
    /// A letter handed over although nobody of the family was met and nothing was left by refusal.
    #[error("a letter cannot be handed over when nobody was met")]
    LetterToNobody,
    /// A promise without a day, or a day without a promise.
    #[error("a promise needs its day")]
    PledgeDay,
    /// The note is longer than 100 characters.
    #[error("the note is longer than 100 characters")]
    NoteTooLong,
    /// A word that threatens (domain.md §4.2).
    #[error("the note threatens")]
    Threat,
}

impl VisitFault {
    /// The form field to go to.
    pub fn field(self) -> &'static str {
        match self {
            Self::Future => "on",
            Self::LeftBeforeArrival => "left",
            Self::OddHour => "odd_hour_reason",
            Self::OnlyChildren => "result",
            Self::MetWho => "met_relation",
            Self::LetterToNobody => "letters",
            Self::PledgeDay => "pledged_on",
            Self::NoteTooLong | Self::Threat => "note",
        }
    }
}

/// Whether a civil time lies between 22:00 and 08:00.
// LAW: GB/T 45251-2025 by analogy (domain.md L10): not between 22:00 and 08:00.
pub fn odd_hour(time: NaiveTime) -> bool {
    let [Some(early), Some(late)] = [NaiveTime::from_hms_opt(8, 0, 0), NaiveTime::from_hms_opt(22, 0, 0)] else {
        return false;
    };
    time < early || time >= late
}

/// Words that no record and no letter may contain (domain.md §4.2, L14).
pub const THREATS: &[&str] =
    &["拘留", "警察", "抓人", "坐牢", "最后通牒", "曝光", "丢工作", "不让上学", "不能参军", "全村通报"];

/// Whether a text contains a threat.
pub fn threatens(text: &str) -> bool {
    THREATS.iter().any(|word| text.contains(word))
}

/// Checks a visit before it is kept; `now` is the desk's civil day and time.
///
/// # Errors
/// Every fault, in the order of the form; empty means the visit may be kept.
pub fn check(made: &VisitMade, noted: &VisitNoted, today: NaiveDate, now: NaiveTime) -> Vec<VisitFault> {
    let mut faults = Vec::new();
    if made.on > today || (made.on == today && made.arrived > now) {
        faults.push(VisitFault::Future);
    }
    if made.left.is_some_and(|left| left < made.arrived) {
        faults.push(VisitFault::LeftBeforeArrival);
    }
    let reason = noted.odd_hour_reason.as_deref().unwrap_or("").trim();
    if odd_hour(made.arrived) && reason.is_empty() {
        faults.push(VisitFault::OddHour);
    }
    if noted.only_children && (made.result.met() || !made.letters.is_empty()) {
        faults.push(VisitFault::OnlyChildren);
    }
    let told = |text: &Option<String>| text.as_deref().is_some_and(|text| !text.trim().is_empty());
    if made.result == VisitResult::MetFamily && !told(&noted.met_name) && !told(&noted.met_relation) {
        faults.push(VisitFault::MetWho);
    }
    // A refused letter may be left at the home before a witness; otherwise somebody must have taken it.
    if !made.letters.is_empty() && !made.result.met() && made.result != VisitResult::Refused {
        faults.push(VisitFault::LetterToNobody);
    }
    if noted.situations.contains(&Situation::Pledged) != made.pledged_on.is_some() {
        faults.push(VisitFault::PledgeDay);
    }
    if let Some(note) = &noted.note {
        if note.chars().count() > 100 {
            faults.push(VisitFault::NoteTooLong);
        }
        if threatens(note) {
            faults.push(VisitFault::Threat);
        }
    }
    faults
}

/// The sentence a visit writes of itself, e.g. 12月8日10:20，见到共同借款人（王守田，父），交付文书1份。
pub fn sentence(made: &VisitMade, noted: Option<&VisitNoted>) -> String {
    let mut out = format!("{}{}，", made.on.format("%-m月%-d日"), made.arrived.format("%H:%M"));
    out.push_str(made.result.zh());
    if let Some(noted) = noted {
        let who: Vec<&str> = [&noted.met_name, &noted.met_relation]
            .into_iter()
            .filter_map(|text| text.as_deref())
            .map(str::trim)
            .filter(|text| !text.is_empty())
            .collect();
        if !who.is_empty() {
            out.push_str(&format!("（{}）", who.join("，")));
        }
        if noted.only_children {
            out.push_str("，家中只有孩子，随即离开");
        }
    }
    if !made.letters.is_empty() {
        out.push_str(&format!("，交付文书{}份", made.letters.len()));
    }
    if let Some(noted) = noted {
        let ticks: Vec<&str> =
            noted.situations.iter().filter(|tick| **tick != Situation::Pledged).map(|tick| tick.zh()).collect();
        if !ticks.is_empty() {
            out.push_str(&format!("，家里情况：{}", ticks.join("、")));
        }
    }
    if let Some(day) = made.pledged_on {
        out.push_str(&format!("，答应{}前还", day.format("%-m月%-d日")));
    }
    if let Some(step) = noted.and_then(|noted| noted.next_step.as_deref()).filter(|step| !step.trim().is_empty()) {
        match noted.and_then(|noted| noted.next_on) {
            Some(day) => out.push_str(&format!("，下一步：{}（{}）", step.trim(), day.format("%-m月%-d日"))),
            None => out.push_str(&format!("，下一步：{}", step.trim())),
        }
    }
    out.push('。');
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(d: u32) -> NaiveDate {
        NaiveDate::from_ymd_opt(2026, 12, d).expect("a day")
    }

    fn at(h: u32, m: u32, s: u32) -> NaiveTime {
        NaiveTime::from_hms_opt(h, m, s).expect("a time")
    }

    fn visit() -> VisitMade {
        VisitMade {
            on: day(8),
            arrived: at(10, 20, 0),
            left: None,
            purpose: VisitPurpose::Serve,
            result: VisitResult::MetCoBorrower,
            letters: vec!["青资助还通〔2026〕10123号".to_owned()],
            pledged_on: None,
            correction: None,
        }
    }

    #[test]
    fn the_hours_of_the_calendar() {
        assert!(
            odd_hour(at(22, 0, 0)) && odd_hour(at(7, 59, 59)) && !odd_hour(at(8, 0, 0)) && !odd_hour(at(21, 59, 59))
        );
    }

    #[test]
    fn rules_name_their_field() {
        let fine = VisitNoted::default();
        assert_eq!(check(&visit(), &fine, day(8), at(11, 0, 0)), []);
        assert_eq!(check(&visit(), &fine, day(8), at(10, 0, 0)), [VisitFault::Future]);
        let night = VisitMade { arrived: at(22, 0, 0), on: day(7), ..visit() };
        assert_eq!(check(&night, &fine, day(8), at(11, 0, 0)), [VisitFault::OddHour]);
        let nobody = VisitMade { result: VisitResult::NotMet, ..visit() };
        assert_eq!(check(&nobody, &fine, day(8), at(11, 0, 0)), [VisitFault::LetterToNobody]);
        let threat = VisitNoted { note: Some("再不还就曝光".to_owned()), ..VisitNoted::default() };
        assert_eq!(check(&visit(), &threat, day(8), at(11, 0, 0)), [VisitFault::Threat]);
    }

    #[test]
    fn a_visit_writes_its_sentence() {
        let noted = VisitNoted {
            met_name: Some("王守田".to_owned()),
            met_relation: Some("父".to_owned()),
            ..VisitNoted::default()
        };
        assert_eq!(sentence(&visit(), Some(&noted)), "12月8日10:20，见到共同借款人（王守田，父），交付文书1份。");
        assert_eq!(sentence(&visit(), None), "12月8日10:20，见到共同借款人，交付文书1份。");
    }
}

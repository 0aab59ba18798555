//! The rules of the field that change with a notice of the state or the bank: tables with dates and sources, delivered with the program
//! and replaced at the county by import. They serve estimates and hints; no letter prints what follows from them, and no table
//! changes what the bank said.

use std::str::FromStr;

use chrono::{Datelike as _, NaiveDate};
use serde::{Deserialize, Serialize};

use crate::estimate::{Waiver, waivers};
use crate::ids::Sha;
use crate::money::Fen;
use crate::words::RuleTable;

/// A table took the place of the one in use.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RulesLoaded {
    /// Which.
    pub table: RuleTable,
    /// The file's name.
    pub name: String,
    /// Its SHA-256.
    pub sha256: Sha,
    /// The table, as [`tidy`] writes it.
    pub csv: String,
}

/// Why a table cannot be used: the row, from 1 with the header, and what is wrong there.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("row {row}: {zh}")]
pub struct RuleFault {
    /// The row.
    pub row: usize,
    /// What is wrong, in words for people.
    pub zh: String,
}

impl RuleTable {
    /// The columns, in their order.
    pub fn columns(self) -> &'static [&'static str] {
        match self {
            Self::Lpr => &["published", "percent", "source"],
            Self::Spreads => &["from", "basis_points", "source"],
            Self::Caps => &["year", "undergraduate", "postgraduate", "source"],
            Self::Waivers => &["year", "graduates_through", "interest", "principal_deferrable", "notice", "source"],
            Self::Prepayment => {
                &["from", "apply_by", "deducted_on", "blocked_month", "least_yuan", "step_yuan", "source"]
            }
            Self::Calendar => &["task", "begins", "ends", "what", "source"],
        }
    }

    /// The table that comes with the program.
    pub fn built_in(self) -> &'static str {
        match self {
            Self::Lpr => include_str!("../../../assets/rules/lpr.csv"),
            Self::Spreads => include_str!("../../../assets/rules/spreads.csv"),
            Self::Caps => include_str!("../../../assets/rules/caps.csv"),
            Self::Waivers => include_str!("../../../assets/rules/waivers.csv"),
            Self::Prepayment => include_str!("../../../assets/rules/prepayment.csv"),
            Self::Calendar => include_str!("../../../assets/rules/calendar.csv"),
        }
    }
}

/// The cells of a table that was written by [`tidy`], its header first.
pub fn cells(csv: &str) -> Vec<Vec<String>> {
    let lines = csv.lines().filter(|line| !line.trim().is_empty());
    lines.map(|line| line.split(',').map(|cell| cell.trim().to_owned()).collect()).collect()
}

/// A table's rows, checked, as text with a header: what is kept of a file, whatever kind of file it was.
///
/// # Errors
/// The first row that cannot be used.
pub fn tidy(table: RuleTable, rows: &[Vec<String>]) -> Result<String, RuleFault> {
    let columns = table.columns();
    let fault = |row: usize, zh: String| RuleFault { row, zh };
    let header: Vec<&str> = rows.first().map(|row| row.iter().map(|cell| cell.trim()).collect()).unwrap_or_default();
    let places: Vec<usize> = columns
        .iter()
        .map(|name| {
            let at = header.iter().position(|cell| cell.eq_ignore_ascii_case(name));
            at.ok_or_else(|| fault(1, format!("表头没有“{name}”一列；要有的列：{}", columns.join("、"))))
        })
        .collect::<Result<_, _>>()?;
    let mut out = columns.join(",");
    out.push('\n');
    let mut any = false;
    for (at, row) in rows.iter().enumerate().skip(1) {
        let cell = |place: usize| row.get(place).map_or("", |cell| cell.trim());
        if places.iter().all(|place| cell(*place).is_empty()) {
            continue;
        }
        let mut line: Vec<String> = Vec::new();
        for (name, place) in columns.iter().zip(&places) {
            let text = cell(*place).replace([',', '\n', '\r'], "，");
            if text.is_empty() && *name != "blocked_month" {
                return Err(fault(at.saturating_add(1), format!("“{name}”是空的")));
            }
            line.push(text);
        }
        out.push_str(&line.join(","));
        out.push('\n');
        any = true;
        // Row by row, so that the first one that is wrong is named.
        check(table, &out).map_err(|zh| fault(at.saturating_add(1), zh))?;
    }
    if any { Ok(out) } else { Err(fault(1, "表里没有内容".to_owned())) }
}

/// Reads a table as it would be used.
fn check(table: RuleTable, csv: &str) -> Result<(), String> {
    match table {
        RuleTable::Lpr => Lpr::read(csv).map(drop),
        RuleTable::Spreads => Spreads::read(csv).map(drop),
        RuleTable::Caps => Caps::read(csv).map(drop),
        RuleTable::Waivers => waivers(csv).map(drop).map_err(|_told_otherwise| {
            "年份和毕业年份要是数字，免息和缓还填yes或no，通知不能空，一年只能有一行".to_owned()
        }),
        RuleTable::Prepayment => Prepayment::read(csv).map(drop),
        RuleTable::Calendar => Calendar::read(csv).map(drop),
    }
}

fn parsed<T: FromStr>(row: &[String], at: usize, what: &str) -> Result<T, String> {
    let text = row.get(at).map_or("", String::as_str);
    text.parse().map_err(|_told_otherwise| format!("“{text}”不是{what}"))
}

fn ascending<T: PartialOrd>(rows: &[T]) -> Result<(), String> {
    let orderly = rows.is_sorted_by(|a, b| a < b);
    orderly.then_some(()).ok_or_else(|| "日期要从早到晚，不能重复".to_owned())
}

/// The five-year LPR by the day of its publication, parts per million a year.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lpr(Vec<(NaiveDate, u32)>);

impl Lpr {
    /// # Errors
    /// What is wrong, in words for people.
    pub fn read(csv: &str) -> Result<Self, String> {
        let mut out = Vec::new();
        for row in cells(csv).iter().skip(1) {
            let percent = row.get(1).map_or("", String::as_str);
            let ppm = crate::money::parse_rate_ppm(&format!("{}%", percent.trim_end_matches('%')))
                .map_err(|_told_otherwise| format!("“{percent}”不是利率（百分数）"))?;
            // A spreadsheet keeps 3.5 % as 0.035: that is no rate of a year.
            if !(5_000..=150_000).contains(&ppm) {
                return Err(format!("“{percent}”不像年利率"));
            }
            out.push((parsed(row, 0, "日期（年-月-日）")?, ppm));
        }
        ascending(&out.iter().map(|(on, _)| *on).collect::<Vec<_>>())?;
        Ok(Self(out))
    }

    /// The value in force on a day.
    pub fn on(&self, day: NaiveDate) -> Option<u32> {
        self.0.iter().rfind(|(from, _)| *from <= day).map(|(_, ppm)| *ppm)
    }
}

/// What contracts with an LPR are above or below it, by the day from which it holds, basis points.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Spreads(Vec<(NaiveDate, i32)>);

impl Spreads {
    /// # Errors
    /// What is wrong, in words for people.
    pub fn read(csv: &str) -> Result<Self, String> {
        let mut out = Vec::new();
        for row in cells(csv).iter().skip(1) {
            let points: i32 = parsed(row, 1, "基点数")?;
            if !(-500..=500).contains(&points) {
                return Err(format!("{points}个基点太大了"));
            }
            out.push((parsed(row, 0, "日期（年-月-日）")?, points));
        }
        ascending(&out.iter().map(|(on, _)| *on).collect::<Vec<_>>())?;
        Ok(Self(out))
    }

    /// The spread in force on a day.
    pub fn on(&self, day: NaiveDate) -> Option<i32> {
        self.0.iter().rfind(|(from, _)| *from <= day).map(|(_, points)| *points)
    }
}

/// The rate from the re-pricing day (21 December) before a due date on, of a contract that follows the LPR: parts per million. The
/// bank's own figure counts; where the LPR was published around that day, it may have taken another.
pub fn expected_rate(lpr: &Lpr, spreads: &Spreads, due_on: NaiveDate) -> Option<u32> {
    let this_year = NaiveDate::from_ymd_opt(due_on.year(), 12, 21)?;
    let priced =
        if this_year <= due_on { this_year } else { NaiveDate::from_ymd_opt(due_on.year().checked_sub(1)?, 12, 21)? };
    let points = spreads.on(priced)?.checked_mul(100)?;
    lpr.on(priced)?.checked_add_signed(points)
}

/// The most that is lent for an academic year, whole yuan, by the year in whose autumn it begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caps(Vec<(i32, u32, u32)>);

impl Caps {
    /// # Errors
    /// What is wrong, in words for people.
    pub fn read(csv: &str) -> Result<Self, String> {
        let mut out = Vec::new();
        for row in cells(csv).iter().skip(1) {
            let year = parsed(row, 0, "年份")?;
            let (under, post): (u32, u32) = (parsed(row, 1, "金额（元）")?, parsed(row, 2, "金额（元）")?);
            if !(2000..2100).contains(&year) || under < 1_000 || post < under || post > 1_000_000 {
                return Err("年份或额度不对（研究生不少于本专科）".to_owned());
            }
            out.push((year, under, post));
        }
        ascending(&out.iter().map(|(year, ..)| *year).collect::<Vec<_>>())?;
        Ok(Self(out))
    }

    /// The most that anybody is lent for the academic year that begins in this one.
    pub fn most(&self, year: i32) -> Option<Fen> {
        let (_, _, post) = self.0.iter().rfind(|(from, ..)| *from <= year)?;
        Some(Fen::new(i64::from(*post).saturating_mul(100)))
    }
}

/// One period's rules for paying before it is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Window {
    from: NaiveDate,
    apply_by: u32,
    deducted_on: u32,
    blocked_month: Option<u32>,
    least: Fen,
    step: Fen,
}

/// When a prepayment can be applied for, and when it is deducted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prepayment(Vec<Window>);

/// The next chance to pay before it is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Chance {
    /// To be applied for by this day.
    pub apply_by: NaiveDate,
    /// Deducted on this one.
    pub deducted_on: NaiveDate,
    /// Not less than this.
    pub least: Fen,
    /// In multiples of this.
    pub step: Fen,
}

impl Prepayment {
    /// # Errors
    /// What is wrong, in words for people.
    pub fn read(csv: &str) -> Result<Self, String> {
        let mut out: Vec<Window> = Vec::new();
        for row in cells(csv).iter().skip(1) {
            let yuan =
                |at| parsed::<u32>(row, at, "金额（元）").map(|yuan| Fen::new(i64::from(yuan).saturating_mul(100)));
            let blocked = row.get(3).map_or("", String::as_str);
            let window = Window {
                from: parsed(row, 0, "日期（年-月-日）")?,
                apply_by: parsed(row, 1, "日")?,
                deducted_on: parsed(row, 2, "日")?,
                blocked_month: if blocked.is_empty() { None } else { Some(parsed(row, 3, "月份")?) },
                least: yuan(4)?,
                step: yuan(5)?,
            };
            let days = 1..=28;
            if !days.contains(&window.apply_by)
                || !days.contains(&window.deducted_on)
                || window.apply_by > window.deducted_on
                || window.blocked_month.is_some_and(|month| !(1..=12).contains(&month))
                || window.step.get() <= 0
            {
                return Err("日、月或金额不对（截止日不晚于扣款日，都在1到28之间）".to_owned());
            }
            out.push(window);
        }
        ascending(&out.iter().map(|window| window.from).collect::<Vec<_>>())?;
        Ok(Self(out))
    }

    /// The next chance from a day on. One that would fall into a blocked month goes to the month after it.
    pub fn next(&self, today: NaiveDate) -> Option<Chance> {
        let mut month = today.with_day(1)?;
        for _ in 0..14 {
            let window = self.0.iter().rfind(|window| window.from <= month.max(today))?;
            let apply_by = month.with_day(window.apply_by)?;
            if apply_by >= today && window.blocked_month != Some(month.month()) {
                let (deducted_on, least, step) = (month.with_day(window.deducted_on)?, window.least, window.step);
                return Some(Chance { apply_by, deducted_on, least, step });
            }
            month = month.checked_add_months(chrono::Months::new(1))?;
        }
        None
    }
}

/// A dated task of the year.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Task {
    /// Its name in the table.
    pub code: String,
    /// First day of each year, month and day.
    pub begins: (u32, u32),
    /// Last day.
    pub ends: (u32, u32),
    /// What is done.
    pub what: String,
}

/// The dated tasks of the year.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Calendar(Vec<Task>);

impl Calendar {
    /// # Errors
    /// What is wrong, in words for people.
    pub fn read(csv: &str) -> Result<Self, String> {
        let mut out: Vec<Task> = Vec::new();
        for row in cells(csv).iter().skip(1) {
            let day = |at: usize| -> Result<(u32, u32), String> {
                let text = row.get(at).map_or("", String::as_str);
                let told = text.split_once('-').and_then(|(month, day)| Some((month.parse().ok()?, day.parse().ok()?)));
                // A year with a 29 February in it.
                told.filter(|(month, day)| NaiveDate::from_ymd_opt(2024, *month, *day).is_some())
                    .ok_or_else(|| format!("“{text}”不是月-日"))
            };
            let text = |at: usize| row.get(at).cloned().unwrap_or_default();
            let task = Task { code: text(0), begins: day(1)?, ends: day(2)?, what: text(3) };
            if task.ends < task.begins {
                return Err(format!("{}的结束早于开始", task.code));
            }
            if out.iter().any(|known| known.code == task.code) {
                return Err(format!("“{}”有两行", task.code));
            }
            out.push(task);
        }
        Ok(Self(out))
    }

    /// The tasks, in the table's order.
    pub fn tasks(&self) -> &[Task] {
        &self.0
    }
}

/// All tables that estimates use, read.
#[derive(Debug, Clone)]
pub struct Rules {
    /// LPR.
    pub lpr: Lpr,
    /// Spreads.
    pub spreads: Spreads,
    /// Caps.
    pub caps: Caps,
    /// Waivers.
    pub waivers: Vec<Waiver>,
    /// Prepayment.
    pub prepayment: Prepayment,
}

impl Rules {
    /// From the tables that `csv` gives.
    ///
    /// # Errors
    /// The first table that cannot be read, and why.
    pub fn of(csv: impl Fn(RuleTable) -> String) -> Result<Self, String> {
        Ok(Self {
            lpr: Lpr::read(&csv(RuleTable::Lpr))?,
            spreads: Spreads::read(&csv(RuleTable::Spreads))?,
            caps: Caps::read(&csv(RuleTable::Caps))?,
            waivers: waivers(&csv(RuleTable::Waivers)).map_err(|error| error.to_string())?,
            prepayment: Prepayment::read(&csv(RuleTable::Prepayment))?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(year: i32, month: u32, day: u32) -> NaiveDate {
        NaiveDate::from_ymd_opt(year, month, day).expect("a day")
    }

    fn built_in() -> Rules {
        Rules::of(|table| table.built_in().to_owned()).expect("the tables of the program")
    }

    #[test]
    fn the_tables_of_the_program_are_what_an_import_of_them_would_be() {
        for table in RuleTable::ALL {
            let csv = table.built_in();
            assert_eq!(tidy(*table, &cells(csv)).as_deref(), Ok(csv), "{table:?}");
        }
        assert_eq!(Calendar::read(RuleTable::Calendar.built_in()).expect("a calendar").tasks().len(), 5);
    }

    #[test]
    fn rates_of_the_re_pricing_days_are_those_of_the_field() {
        let rules = built_in();
        for (year, ppm) in
            [(2021, 43_500), (2022, 43_500), (2023, 40_000), (2024, 36_000), (2025, 29_000), (2026, 28_000)]
        {
            assert_eq!(expected_rate(&rules.lpr, &rules.spreads, day(year, 12, 20)), Some(ppm), "{year}");
        }
        assert_eq!(expected_rate(&rules.lpr, &rules.spreads, day(2019, 12, 20)), None);
    }

    #[test]
    fn caps_and_prepayment_follow_their_dates() {
        let rules = built_in();
        assert_eq!(rules.caps.most(2020), Some(Fen::new(1_200_000)));
        assert_eq!(rules.caps.most(2025), Some(Fen::new(2_500_000)));
        assert_eq!(rules.caps.most(2006), None);
        let next = |on| rules.prepayment.next(on).map(|chance| (chance.apply_by, chance.deducted_on));
        assert_eq!(next(day(2026, 8, 15)), Some((day(2026, 8, 15), day(2026, 8, 20))));
        assert_eq!(next(day(2026, 8, 16)), Some((day(2026, 9, 15), day(2026, 9, 20))));
        assert_eq!(next(day(2026, 10, 16)), Some((day(2026, 12, 15), day(2026, 12, 20))), "none in November");
        assert_eq!(next(day(2020, 3, 11)), Some((day(2020, 4, 10), day(2020, 4, 20))));
    }

    #[test]
    fn a_wrong_row_is_named() {
        let rows = |csv: &str| cells(csv);
        let wrong = |table, csv: &str| tidy(table, &rows(csv)).expect_err("a wrong row");
        assert_eq!(wrong(RuleTable::Lpr, "published,percent,source\n2025-05-20,3.50,x\n2024-10-21,3.60,x\n").row, 3);
        assert_eq!(wrong(RuleTable::Lpr, "published,percent,source\n2025-05-20,abc,x\n").row, 2);
        assert_eq!(wrong(RuleTable::Lpr, "published,percent\n2025-05-20,3.5\n").row, 1);
        assert_eq!(wrong(RuleTable::Lpr, "published,percent,source\n2025-05-20,0.035,x\n").row, 2);
        assert_eq!(wrong(RuleTable::Caps, "year,undergraduate,postgraduate,source\n2024,20000,2500,x\n").row, 2);
        assert_eq!(
            wrong(
                RuleTable::Waivers,
                "year,graduates_through,interest,principal_deferrable,notice,source\n2026,2026,也许,yes,x,y\n"
            )
            .row,
            2
        );
        assert_eq!(wrong(RuleTable::Calendar, "task,begins,ends,what,source\nA,13-01,12-20,x,y\n").row, 2);
        assert_eq!(wrong(RuleTable::Spreads, "from,basis_points,source\n").row, 1);
        // Columns in another order, blanks, a comma within a cell.
        let mixed = vec![
            vec!["source".to_owned(), "percent".to_owned(), "published".to_owned()],
            vec!["公告, 一".to_owned(), " 3.45% ".to_owned(), "2026-12-21".to_owned()],
            vec![String::new(), String::new(), String::new()],
        ];
        assert_eq!(
            tidy(RuleTable::Lpr, &mixed).as_deref(),
            Ok("published,percent,source\n2026-12-21,3.45%,公告， 一\n")
        );
    }
}

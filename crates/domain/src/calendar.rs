//! Civil dates as letters write them. All dates are Asia/Shanghai days and come from outside.
//! A due date is never moved for weekends or holidays here or anywhere.

use chrono::{Datelike, NaiveDate, Weekday};

/// A day in the civil calendar of Asia/Shanghai.
pub type CivilDate = NaiveDate;

/// The weekday as letters write it: `星期日`.
pub fn weekday_zh(day: CivilDate) -> &'static str {
    match day.weekday() {
        Weekday::Mon => "星期一",
        Weekday::Tue => "星期二",
        Weekday::Wed => "星期三",
        Weekday::Thu => "星期四",
        Weekday::Fri => "星期五",
        Weekday::Sat => "星期六",
        Weekday::Sun => "星期日",
    }
}

/// The date as official letters write it, without leading zeros: `2026年12月3日`.
pub fn date_zh(day: CivilDate) -> String {
    format!("{}年{}月{}日", day.year(), day.month(), day.day())
}

/// Calendar days from `from` (not counted) to `to` (counted); negative when `to` is earlier. The days of interest.
pub fn days_between(from: CivilDate, to: CivilDate) -> i64 {
    to.signed_duration_since(from).num_days()
}

/// Whether the due date has ended: only from the day after it may a letter say 逾期.
pub fn is_after_due(today: CivilDate, due_on: CivilDate) -> bool {
    today > due_on
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(year: i32, month: u32, day: u32) -> CivilDate {
        NaiveDate::from_ymd_opt(year, month, day).expect("a date")
    }

    #[test]
    fn dates_are_written_as_in_letters() {
        assert_eq!(date_zh(day(2026, 12, 20)), "2026年12月20日");
        assert_eq!(date_zh(day(2027, 1, 4)), "2027年1月4日");
        assert_eq!(weekday_zh(day(2025, 12, 20)), "星期六");
        assert_eq!(weekday_zh(day(2026, 12, 20)), "星期日");
        assert_eq!(weekday_zh(day(2027, 12, 20)), "星期一");
    }

    #[test]
    fn interest_days_count_from_the_day_after() {
        assert_eq!(days_between(day(2027, 12, 20), day(2028, 12, 20)), 366);
        assert_eq!(days_between(day(2031, 12, 20), day(2032, 9, 20)), 275);
        for year in 2007..2060 {
            assert_eq!(days_between(day(year, 8, 31), day(year, 12, 20)), 111);
        }
        assert_eq!(days_between(day(2026, 12, 21), day(2026, 12, 20)), -1);
    }

    #[test]
    fn nobody_is_overdue_on_the_due_day() {
        let due = day(2026, 12, 20);
        assert!(!is_after_due(day(2026, 12, 19), due));
        assert!(!is_after_due(due, due));
        assert!(is_after_due(day(2026, 12, 21), due));
    }
}

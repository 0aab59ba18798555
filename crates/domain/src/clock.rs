//! Hybrid stamps: when something happened, on clocks that cannot be trusted.
//! A stamp never refuses work and never lets a wrong clock win: it is corrected by the offset measured at the last
//! contact, clamped between what the county is known to have seen, and never runs backwards within a journal.
//! No clock is read here: the moment is an argument.

use chrono::{DateTime, FixedOffset, NaiveDate, NaiveTime, TimeDelta};
use serde::{Deserialize, Serialize};

/// Milliseconds since 1970-01-01T00:00:00Z.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, Default)]
#[serde(transparent)]
pub struct Millis(pub i64);

/// The one civil time of the field: UTC+8, no daylight saving.
pub fn shanghai() -> FixedOffset {
    const EIGHT_HOURS_EAST: Option<FixedOffset> = FixedOffset::east_opt(8 * 3600);
    const { EIGHT_HOURS_EAST.unwrap() }
}

impl Millis {
    /// This moment plus `by` milliseconds.
    #[must_use]
    pub fn plus(self, by: i64) -> Self {
        Self(self.0.saturating_add(by))
    }

    /// The moment in Asia/Shanghai; moments beyond the calendar become its first.
    pub fn civil(self) -> DateTime<FixedOffset> {
        DateTime::from_timestamp_millis(self.0).unwrap_or_default().with_timezone(&shanghai())
    }

    /// The civil day in Asia/Shanghai.
    pub fn day(self) -> NaiveDate {
        self.civil().date_naive()
    }

    /// RFC 3339 in Asia/Shanghai, to the second.
    pub fn rfc3339(self) -> String {
        self.civil().to_rfc3339_opts(chrono::SecondsFormat::Secs, false)
    }

    /// The moment of a civil day and time in Asia/Shanghai.
    pub fn of_civil(day: NaiveDate, time: NaiveTime) -> Self {
        let utc = day.and_time(time).checked_sub_signed(TimeDelta::hours(8)).unwrap_or_default();
        Self(utc.and_utc().timestamp_millis())
    }
}

/// The corrected moment of a new fact.
///
/// `wall` is the device's clock, `offset` the county's clock minus the device's as last measured (0 before the first
/// contact), `seen` the county's clock at the last contact, `last` the stamp of the journal's last fact.
pub fn tick(wall: Millis, offset: i64, seen: Option<Millis>, last: Option<Millis>) -> Millis {
    let corrected = wall.plus(offset);
    let floor = match (seen, last) {
        (Some(seen), Some(last)) => seen.max(last),
        (Some(one), None) | (None, Some(one)) => one,
        (None, None) => return corrected,
    };
    corrected.max(floor)
}

/// What the county log says of the time of a batch, the same for every reader.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Received {
    /// County clock on arrival.
    pub at: Millis,
    /// County clock minus the device's, measured at that contact, milliseconds.
    pub offset: i64,
    /// County clock at the log position that the author had seen when sealing.
    pub seen: Millis,
}

/// The corrected moment of a fact that the county has: its own clock plus the measured offset, never after the county
/// received it and never before what its author had seen. A clock in 1980 or 2099 neither refuses work nor wins.
pub fn corrected(wall: Millis, received: Received) -> Millis {
    wall.plus(received.offset).min(received.at).max(received.seen)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrong_clock_neither_wins_nor_runs_backwards() {
        // Device in 1980, county saw it in 2026: the offset brings it home.
        let wall = Millis(315_532_800_000);
        let county = Millis::of_civil(NaiveDate::from_ymd_opt(2026, 12, 8).expect("a day"), NaiveTime::MIN);
        let offset = county.0 - wall.0;
        assert_eq!(tick(wall, offset, Some(county), None), county);
        // Clock jumps back an hour: the stamp stands still.
        let last = county.plus(5_000);
        assert_eq!(tick(wall.plus(-3_600_000), offset, Some(county), Some(last)), last);
        // A clock that was in 2099 when it wrote and right again at the contact is cut to the moment of arrival.
        let received = Received { at: county.plus(60_000), offset: 0, seen: county };
        assert_eq!(corrected(county.plus(1_000_000_000_000), received), county.plus(60_000));
        assert_eq!(corrected(wall, received), county);
    }

    #[test]
    fn civil_time_is_shanghai() {
        let noon = Millis::of_civil(NaiveDate::from_ymd_opt(2026, 12, 20).expect("a day"), NaiveTime::MIN);
        assert_eq!(noon.rfc3339(), "2026-12-20T00:00:00+08:00");
        assert_eq!(noon.plus(-1).day(), NaiveDate::from_ymd_opt(2026, 12, 19).expect("a day"));
    }
}

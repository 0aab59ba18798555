//! How long this laptop has been without a word from its county: after fifteen days it only shows, after thirty it is shut,
//! until a contact or the county's answer on a stick says that it still belongs to it (domain.md §5: offline login).
//! A laptop that was stolen, or kept by who left, goes blind by itself. It must never hold up a contact, a stick or a draft,
//! nor count what a clock says that cannot be true.
//!
//! No clock can be trusted for this. What is counted is the time that passed while the program ran, by a clock that nobody
//! sets, and the steps the machine's clock made meanwhile and in between, if they can be believed: forward, and not by more
//! than [`BELIEVED_MS`]. What was counted is never taken back, so setting the clock back gains nothing that was spent; where
//! the clock stands before what was believed, or further ahead, each opening counts five minutes at least. A clock in 1980 or
//! 2099 thus shuts nobody out. What passes with the machine off and its clock set back is not seen, and who destroys a file
//! and puts an old copy in its place goes on from what that copy had counted.

use domain::clock::Millis;
use domain::ids::BundleId;
use serde::{Deserialize, Serialize};
use store::Store;

use crate::Desk;
use crate::api::{AwayState, AwayView, Call};
use crate::failure::{Code, Failure};

/// Meta: what was counted.
const AWAY: &str = "away";
/// Meta: which bundles went out, each with what was counted then.
const ASKED: &str = "away_asked";

const DAY_MS: i64 = 24 * 60 * 60 * 1_000;
/// From here on the person is told.
const TOLD_MS: i64 = 12 * DAY_MS;
/// From here on it only shows.
const SHOWS_MS: i64 = 15 * DAY_MS;
/// From here on it is shut.
const SHUT_MS: i64 = 30 * DAY_MS;
/// A longer step of a clock is a clock that was set, and no time that passed.
const BELIEVED_MS: i64 = 62 * DAY_MS;
/// What an opening counts at least where the clock is not believed.
const OPENING_MS: i64 = 5 * 60 * 1_000;
/// Counted time is written down so often.
const WRITTEN_MS: i64 = 5 * 60 * 1_000;
/// Bundles that are remembered.
const MOST_ASKED: usize = 64;

/// What was counted, milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Away {
    /// In all, ever.
    spent: i64,
    /// Of that, until the county last said that this laptop belongs to it.
    since: i64,
    /// The latest time of the machine's clock that was believed.
    reached: Millis,
}

/// What was counted since the home was opened.
#[derive(Debug, Default)]
pub(crate) struct Counting {
    /// With when that was, by the clock that nobody sets; none before the first time.
    last: Option<(Away, i64)>,
    /// What had been spent when it was last written down.
    written: i64,
}

impl Away {
    /// A home that was made, upgraded or put back now.
    fn begun(wall: Millis) -> Self {
        Self { spent: 0, since: 0, reached: wall }
    }

    /// The clock shows `wall`; the program ran for `ran` since it was last asked, or was opened just now.
    fn pass(&mut self, wall: Millis, ran: Option<i64>) {
        let step = wall.0.saturating_sub(self.reached.0);
        let believed = (0..=BELIEVED_MS).contains(&step);
        let least = if believed { step } else { 0 };
        let counted = match ran {
            Some(ran) => least.max(ran),
            None if believed => least,
            None => OPENING_MS,
        };
        if believed {
            self.reached = wall;
        }
        self.spent = self.spent.saturating_add(counted.max(0));
    }

    /// The county has answered what was asked when so much was counted.
    fn answered(&mut self, spent: i64) {
        self.since = self.since.max(spent);
    }

    fn away(&self) -> i64 {
        self.spent.saturating_sub(self.since)
    }

    fn state(&self) -> AwayState {
        match self.away() {
            away if away >= SHUT_MS => AwayState::Shut,
            away if away >= SHOWS_MS => AwayState::Shows,
            away if away >= TOLD_MS => AwayState::Told,
            _ => AwayState::Near,
        }
    }

    fn view(&self) -> AwayView {
        let days = |ms: i64| u32::try_from(ms.max(0) / DAY_MS).unwrap_or(u32::MAX);
        // A day that has begun is a day that is left.
        let left = |ms: i64| days(ms.saturating_sub(self.away()).saturating_add(DAY_MS - 1));
        AwayView {
            state: self.state(),
            days: days(self.away()),
            days_to_show: left(SHOWS_MS),
            days_to_shut: left(SHUT_MS),
        }
    }
}

/// Whether a call is answered on a laptop that is shut: what brings the county's word, what tells that it is shut, and what
/// keeps work in hand.
fn answered_when_shut(call: &Call) -> bool {
    matches!(
        call,
        Call::About(_)
            | Call::Status(_)
            | Call::SyncState(_)
            | Call::Sync(_)
            | Call::Sticks(_)
            | Call::Stick(_)
            | Call::BundleOut(_)
            | Call::BundleIn(_)
            | Call::KeepDraft(_)
            | Call::Backups(_)
            | Call::BackUp(_)
    )
}

impl Desk {
    /// Counts on until now.
    fn counted(&self, store: &mut Store) -> Result<Away, Failure> {
        let mut counting = self.away.lock();
        let (wall, now) = (self.clock.wall(), self.clock.running());
        let (away, opened) = match counting.last {
            Some((mut away, looked)) => {
                away.pass(wall, Some(now.saturating_sub(looked)));
                (away, false)
            }
            None => match store.meta::<Away>(AWAY)? {
                Some(mut away) => {
                    away.pass(wall, None);
                    (away, true)
                }
                None => (Away::begun(wall), true),
            },
        };
        counting.last = Some((away, now));
        let due = away.spent.saturating_sub(counting.written) >= WRITTEN_MS;
        // A disk that is full shuts nobody out: it is counted on in memory, and written at a later call.
        if (opened || due) && store.set_meta(AWAY, &away).is_ok() {
            counting.written = away.spent;
        }
        Ok(away)
    }

    /// Keeps what was found out just now.
    fn keep_away(&self, store: &mut Store, away: Away) -> Result<(), Failure> {
        store.set_meta(AWAY, &away)?;
        let mut counting = self.away.lock();
        counting.last = counting.last.map(|(_, looked)| (away, looked));
        counting.written = away.spent;
        Ok(())
    }

    /// Writes down what was counted: the home is being locked.
    pub(crate) fn note_away(&self) {
        let mut store = self.store();
        if let Ok(away) = self.counted(&mut store) {
            // What could not be written is little, and the disk has said so to whoever saved.
            drop(self.keep_away(&mut store, away));
        }
    }

    /// How long this laptop has been alone.
    pub(crate) fn away_view(&self, store: &mut Store) -> Result<AwayView, Failure> {
        Ok(self.counted(store)?.view())
    }

    /// # Errors
    /// `AwayShut` for what would show or change records on a laptop that is shut.
    pub(crate) fn not_shut_for(&self, call: &Call) -> Result<(), Failure> {
        if answered_when_shut(call) {
            return Ok(());
        }
        self.not_shut()
    }

    /// The same for what is read otherwise than by a call.
    pub(crate) fn not_shut(&self) -> Result<(), Failure> {
        let away = self.counted(&mut self.store())?;
        if away.state() == AwayState::Shut { Err(shut(&away)) } else { Ok(()) }
    }

    /// Before anything is written as this person's.
    ///
    /// # Errors
    /// `AwayShows` and `AwayShut`.
    pub(crate) fn may_write(&self, store: &mut Store) -> Result<(), Failure> {
        let away = self.counted(store)?;
        match away.state() {
            AwayState::Shut => Err(shut(&away)),
            AwayState::Shows => {
                let days = away.view().days.to_string();
                Err(Failure::new(Code::AwayShows, &[("days", &days)]))
            }
            AwayState::Near | AwayState::Told => Ok(()),
        }
    }

    /// The county spoke with this laptop just now.
    pub(crate) fn met(&self, store: &mut Store) -> Result<(), Failure> {
        let mut away = self.counted(store)?;
        away.answered(away.spent);
        // Whatever it shows, the clock is believed from here on.
        away.reached = self.clock.wall();
        self.keep_away(store, away)
    }

    /// A bundle goes out, which the county may answer.
    pub(crate) fn asked(&self, store: &mut Store, bundle: BundleId) -> Result<(), Failure> {
        let away = self.counted(store)?;
        let mut asked: Vec<(BundleId, i64)> = store.meta(ASKED)?.unwrap_or_default();
        asked.push((bundle, away.spent));
        let surplus = asked.len().saturating_sub(MOST_ASKED);
        asked.drain(..surplus);
        Ok(store.set_meta(ASKED, &asked)?)
    }

    /// The county's answer to a bundle was read: when that was written it was still so.
    pub(crate) fn heard(&self, store: &mut Store, bundle: BundleId) -> Result<(), Failure> {
        let asked: Vec<(BundleId, i64)> = store.meta(ASKED)?.unwrap_or_default();
        let Some((_, spent)) = asked.into_iter().find(|(id, _)| *id == bundle) else { return Ok(()) };
        let mut away = self.counted(store)?;
        away.answered(spent);
        self.keep_away(store, away)
    }

    /// This home was put back to a copy and goes on from where the replaced one was: the copy's age is no time that it was
    /// alone, and what the replaced one counted is not forgotten.
    pub(crate) fn put_back_now(&self, replaced: &Store) -> Result<(), Failure> {
        let Some(mut away) = replaced.meta::<Away>(AWAY)? else { return Ok(()) };
        away.pass(self.clock.wall(), None);
        let mut store = self.store();
        self.counted(&mut store)?;
        self.keep_away(&mut store, away)
    }
}

fn shut(away: &Away) -> Failure {
    Failure::new(Code::AwayShut, &[("days", &away.view().days.to_string())])
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOON: Millis = Millis(1_796_702_400_000);

    fn after(steps: &[(i64, Option<i64>)]) -> Away {
        let mut away = Away::begun(NOON);
        for (wall, ran) in steps {
            away.pass(NOON.plus(*wall), *ran);
        }
        away
    }

    #[test]
    fn days_by_the_clock_count_and_the_county_s_word_ends_them() {
        for (day, state) in [
            (0, AwayState::Near),
            (11, AwayState::Near),
            (12, AwayState::Told),
            (14, AwayState::Told),
            (15, AwayState::Shows),
            (29, AwayState::Shows),
            (30, AwayState::Shut),
            (45, AwayState::Shut),
        ] {
            let away = after(&[(day * DAY_MS, None)]);
            assert_eq!(away.state(), state, "day {day}");
            assert_eq!(away.view().days, u32::try_from(day).expect("small"));
        }
        let mut away = after(&[(16 * DAY_MS, None)]);
        away.answered(away.spent);
        assert_eq!((away.state(), away.view().days_to_show), (AwayState::Near, 15));
        away.pass(NOON.plus(16 * DAY_MS + 1), None);
        assert_eq!(away.view().days_to_show, 15, "a day that has begun is left");
    }

    #[test]
    fn an_answer_on_a_stick_counts_from_when_it_was_asked() {
        let mut away = after(&[(10 * DAY_MS, None)]);
        let asked = away.spent;
        away.pass(NOON.plus(20 * DAY_MS), None);
        assert_eq!(away.state(), AwayState::Shows);
        away.answered(asked);
        assert_eq!((away.state(), away.view().days), (AwayState::Near, 10));
        away.answered(asked - 1);
        assert_eq!(away.view().days, 10, "an older answer takes nothing back");
    }

    #[test]
    fn a_clock_set_back_gains_nothing_and_running_time_counts_whatever_it_shows() {
        let hour = DAY_MS / 24;
        let away = after(&[(16 * DAY_MS, None), (0, None), (-365 * DAY_MS, Some(hour))]);
        assert_eq!((away.state(), away.view().days), (AwayState::Shows, 16));
        // A clock that is set to the same morning every day: what ran counts.
        let mut away = Away::begun(NOON);
        for _ in 0..31 {
            away.pass(NOON.plus(-DAY_MS), None);
            away.pass(NOON.plus(-DAY_MS), Some(12 * hour));
        }
        assert_eq!(away.state(), AwayState::Shows);
    }

    #[test]
    fn a_clock_that_cannot_be_right_shuts_nobody_out() {
        let (to_1980, to_2099) = (Millis(315_532_800_000).0 - NOON.0, Millis(4_070_908_800_000).0 - NOON.0);
        let mut away = Away::begun(NOON);
        for turn in 0..100_i64 {
            let wall = if turn % 2 == 0 { to_1980 } else { to_2099 };
            away.pass(NOON.plus(wall + turn * 1_000), None);
            away.pass(NOON.plus(wall + turn * 1_000 + 500), Some(500));
        }
        assert_eq!((away.state(), away.view().days), (AwayState::Near, 0));
        // Right again, it goes on from where it was right.
        away.pass(NOON.plus(3 * DAY_MS), None);
        assert_eq!(away.view().days, 3);
    }
}

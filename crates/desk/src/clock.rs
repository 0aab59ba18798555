//! The desk's clock: the machine's, or for practice homes one that starts where it is told. The only place in the desk
//! that reads a clock or draws randomness; everything else takes both as arguments.

use chrono::{NaiveDate, NaiveTime};
use domain::clock::Millis;

/// Where the time comes from.
#[derive(Debug, Clone, Copy)]
pub enum Clock {
    /// The machine's clock.
    System,
    /// A practice clock: it showed `from` at `start` and runs on from there.
    Practice {
        /// What it showed.
        from: Millis,
        /// When that was.
        start: std::time::Instant,
    },
}

/// The desk's civil present in Asia/Shanghai.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Present {
    /// The device's clock, uncorrected: what facts carry.
    pub wall: Millis,
    /// Corrected moment.
    pub now: Millis,
    /// Civil day of `now`.
    pub today: NaiveDate,
    /// Civil time of `now`.
    pub time: NaiveTime,
}

impl Clock {
    /// A practice clock that shows `from` now.
    #[expect(clippy::disallowed_methods, reason = "the one place that reads a clock")]
    pub fn practice(from: Millis) -> Self {
        Self::Practice { from, start: std::time::Instant::now() }
    }

    /// What the clock shows.
    #[expect(clippy::disallowed_methods, reason = "the one place that reads a clock")]
    pub fn wall(&self) -> Millis {
        match self {
            Self::System => {
                let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
                Millis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
            }
            Self::Practice { from, start } => from.plus(i64::try_from(start.elapsed().as_millis()).unwrap_or(i64::MAX)),
        }
    }

    /// The civil present: the machine's clock corrected by the offset last measured at the county. A practice clock is
    /// what somebody chose to see, so it is not corrected.
    pub fn present(&self, offset: i64) -> Present {
        let wall = self.wall();
        let now = match self {
            Self::System => wall.plus(offset),
            Self::Practice { .. } => wall,
        };
        let civil = now.civil();
        Present { wall, now, today: civil.date_naive(), time: civil.time() }
    }
}

/// Fresh randomness. Without any the program must stop: it could neither name nor seal anything.
///
/// # Errors
/// The machine gives none.
pub fn random<const N: usize>() -> Result<[u8; N], getrandom::Error> {
    let mut out = [0; N];
    getrandom::fill(&mut out)?;
    Ok(out)
}

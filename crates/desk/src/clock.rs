//! The desk's clock: the machine's, or for practice homes one that starts where it is told. The only place in the desk
//! that reads a clock or draws randomness; everything else takes both as arguments.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use chrono::{NaiveDate, NaiveTime};
use domain::clock::Millis;

/// Where the time comes from.
#[derive(Debug, Clone)]
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
    /// For practice homes in one process with their county: stands at these milliseconds until it is moved. Like the
    /// machine's clock it may be wrong, so it is corrected like that one.
    ByHand(Arc<AtomicI64>),
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
            Self::ByHand(cell) => Millis(cell.load(Ordering::SeqCst)),
        }
    }

    /// Whether this is the machine's own clock.
    pub fn is_system(&self) -> bool {
        matches!(self, Self::System)
    }

    /// What a moment of this clock is, corrected by the offset last measured at the county.
    pub(crate) fn shown(&self, wall: Millis, offset: i64) -> Millis {
        match self {
            Self::System | Self::ByHand(_) => wall.plus(offset),
            Self::Practice { .. } => wall,
        }
    }

    /// Milliseconds that passed beside this clock while the program ran, by one that nobody sets. One that is moved by hand
    /// is all the time there is.
    pub(crate) fn running(&self) -> i64 {
        match self {
            Self::System | Self::Practice { .. } => Self::steady(),
            Self::ByHand(_) => 0,
        }
    }

    /// Milliseconds since this program first asked, by a clock that nobody sets.
    #[expect(clippy::disallowed_methods, reason = "the one place that reads a clock")]
    pub(crate) fn steady() -> i64 {
        static FIRST: std::sync::OnceLock<std::time::Instant> = std::sync::OnceLock::new();
        let first = FIRST.get_or_init(std::time::Instant::now);
        i64::try_from(first.elapsed().as_millis()).unwrap_or(i64::MAX)
    }

    /// The civil present: the machine's clock corrected by the offset last measured at the county. A practice clock is
    /// what somebody chose to see, so it is not corrected.
    pub fn present(&self, offset: i64) -> Present {
        let wall = self.wall();
        let now = self.shown(wall, offset);
        let civil = now.civil();
        Present { wall, now, today: civil.date_naive(), time: civil.time() }
    }
}

/// Where a desk's fresh randomness comes from: the operating system's, unless whoever opens a practice home brings a
/// series of their own so that a run can be run again.
#[derive(Clone, Default)]
pub struct Chance(Option<Arc<Fill>>);

/// Fills a slice with random bytes.
type Fill = dyn Fn(&mut [u8]) + Send + Sync;

impl Chance {
    /// The operating system's.
    pub fn system() -> Self {
        Self(None)
    }

    /// A series that `fill` tells.
    pub fn told(fill: impl Fn(&mut [u8]) + Send + Sync + 'static) -> Self {
        Self(Some(Arc::new(fill)))
    }

    /// Whether this is the operating system's.
    pub fn is_system(&self) -> bool {
        self.0.is_none()
    }

    /// `N` fresh random bytes.
    ///
    /// # Errors
    /// The machine gives none.
    pub(crate) fn fresh<const N: usize>(&self) -> Result<[u8; N], getrandom::Error> {
        match &self.0 {
            None => random(),
            Some(fill) => {
                let mut out = [0; N];
                fill(&mut out);
                Ok(out)
            }
        }
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

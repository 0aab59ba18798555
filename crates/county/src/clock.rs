//! The county's clock: the only place that reads one. A practice county may start at any moment and runs on from there,
//! so that a demo in December can be shown in July. A real county must never be told another time.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use domain::clock::Millis;

#[derive(Debug, Clone)]
enum Source {
    System,
    Practice { base: Millis, since: Instant },
    Hand(Arc<AtomicI64>),
}

/// Where the county's time comes from.
#[derive(Debug, Clone)]
pub struct Clock(Source);

impl Clock {
    /// The machine's clock.
    pub fn system() -> Self {
        Self(Source::System)
    }

    /// For practice counties: `base` now, and running on.
    #[allow(clippy::disallowed_methods, reason = "this file is the clock that everything else is given")]
    pub fn practice(base: Millis) -> Self {
        Self(Source::Practice { base, since: Instant::now() })
    }

    /// For practice counties in one process with their desks: stands at `cell` (milliseconds) until it is moved.
    pub fn by_hand(cell: Arc<AtomicI64>) -> Self {
        Self(Source::Hand(cell))
    }

    /// Whether this is the machine's own clock.
    pub fn is_system(&self) -> bool {
        matches!(self.0, Source::System)
    }

    /// The moment.
    #[allow(clippy::disallowed_methods, reason = "this file is the clock that everything else is given")]
    pub fn now(&self) -> Millis {
        match &self.0 {
            Source::System => {
                let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
                Millis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
            }
            Source::Practice { base, since } => {
                base.plus(i64::try_from(since.elapsed().as_millis()).unwrap_or(i64::MAX))
            }
            Source::Hand(cell) => Millis(cell.load(Ordering::SeqCst)),
        }
    }
}

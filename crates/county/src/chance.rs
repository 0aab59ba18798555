//! Randomness of the county, in one place: the operating system's, unless whoever opens the county brings a series of
//! their own so that a run can be run again. Nothing else in the county draws any.

use std::sync::Arc;

/// Fills a slice with random bytes.
type Fill = dyn Fn(&mut [u8]) + Send + Sync;

/// Where fresh random bytes come from.
#[derive(Clone, Default)]
pub struct Chance(Option<Arc<Fill>>);

impl std::fmt::Debug for Chance {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(if self.0.is_some() { "Chance(told)" } else { "Chance(system)" })
    }
}

impl Chance {
    /// The operating system's.
    pub fn system() -> Self {
        Self(None)
    }

    /// A series that `fill` tells: for practice counties whose every run must be the same.
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
    /// The operating system gives none.
    pub(crate) fn fresh<const N: usize>(&self) -> Result<[u8; N], getrandom::Error> {
        let mut out = [0; N];
        match &self.0 {
            None => getrandom::fill(&mut out)?,
            Some(fill) => fill(&mut out),
        }
        Ok(out)
    }
}

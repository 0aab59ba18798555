//! The moments at which a program is killed: each system call that some work was seen to make. In an ordinary run as many of
//! them as a time allows, all of them with `RUHU_SLOW=1`. It must never favour a call: what a short run meets is a fair
//! sample of what a long one meets.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use crate::campaign::slow;
use crate::chance::Chance;

/// A call of a name by the count of it in one thread, both from 1.
type Moment = (String, u32);

/// The moments of some work, one after the other until the time is over.
pub struct Moments {
    left: Vec<Moment>,
    all: usize,
    begun: Instant,
    time: Duration,
}

impl Moments {
    /// Of what was counted during a quiet run of the work. `time` bounds an ordinary run.
    pub fn of(calls: &BTreeMap<String, u32>, time: Duration) -> Self {
        let mut left: Vec<Moment> =
            calls.iter().flat_map(|(call, count)| (1..=*count).map(|number| (call.clone(), number))).collect();
        // In an order in which every end is an even sample of all, rare calls as soon as frequent ones.
        let mut chance = Chance::of(20_261_125);
        for at in (1..left.len()).rev() {
            left.swap(at, chance.below(at + 1));
        }
        Self { all: left.len(), left, begun: Instant::now(), time }
    }

    /// How many there are in all.
    pub fn all(&self) -> usize {
        self.all
    }

    /// How many were given out.
    pub fn tried(&self) -> usize {
        self.all - self.left.len()
    }

    /// Seconds since the first could be tried.
    pub fn seconds(&self) -> f64 {
        self.begun.elapsed().as_secs_f64()
    }
}

impl Iterator for Moments {
    type Item = Moment;

    fn next(&mut self) -> Option<Moment> {
        (slow() || self.begun.elapsed() < self.time).then(|| self.left.pop()).flatten()
    }
}

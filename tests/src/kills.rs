//! The moments at which a program is killed: each system call that some work was seen to make. In an ordinary run as many of
//! them as a time allows, all of them with `RUHU_SLOW=1`. It must never favour a call: what a short run meets is a fair
//! sample of what a long one meets.

use std::collections::{BTreeMap, BTreeSet};
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

/// Kills at the moments of some work that writes and forces, and prints how far that came. `killed` tells whether the program
/// died there, and looks after all that must hold then.
///
/// # Panics
/// When the work is none of that kind, or most kills did not strike.
pub fn kill_at(work: &str, calls: &BTreeMap<String, u32>, time: Duration, mut killed: impl FnMut(&str, u32) -> bool) {
    let mut moments = Moments::of(calls, time);
    let all = moments.all();
    assert!(all > 30, "{work} makes more calls than {all}: {calls:?}");
    let forces = calls.keys().any(|kind| kind == "fsync" || kind == "fdatasync");
    assert!(forces && calls.contains_key("pwrite64"), "{work} writes and forces: {calls:?}");
    let mut struck = 0_usize;
    let mut kinds: BTreeSet<String> = BTreeSet::new();
    for (call, number) in moments.by_ref() {
        if killed(&call, number) {
            struck += 1;
            kinds.insert(call);
        }
    }
    let (tried, seconds) = (moments.tried(), moments.seconds());
    println!(
        "{work}: killed at {struck} of {all} system calls ({tried} tried in {seconds:.0} s, of {} kinds {}): 0 lost",
        calls.len(),
        kinds.len(),
    );
    // Some come in another number each time: whoever waits for a line waits once or thrice.
    assert!(struck * 2 > tried, "only {struck} of {tried} kills struck");
}

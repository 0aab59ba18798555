//! Clocks of a world: the true one, by which the county lives, and one for each laptop that may be off, drift, stand or
//! jump. They move only when they are told to.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

/// A laptop's clock.
#[derive(Debug)]
struct Watch {
    cell: Arc<AtomicI64>,
    /// Milliseconds beside the truth at `since`.
    offset: i64,
    /// Parts per million too fast.
    drift: i64,
    since: i64,
    frozen: bool,
    /// It was not right at some time.
    was_wrong: bool,
}

/// All clocks of a world.
#[derive(Debug)]
pub struct Clocks {
    /// The truth, in milliseconds; the county's clock.
    pub truth: Arc<AtomicI64>,
    watches: Vec<Watch>,
}

impl Clocks {
    /// Clocks of a world that begins at `start`.
    pub fn at(start: i64) -> Self {
        Self { truth: Arc::new(AtomicI64::new(start)), watches: Vec::new() }
    }

    /// What the true clock shows.
    pub fn now(&self) -> i64 {
        self.truth.load(Ordering::SeqCst)
    }

    /// Another laptop with a right clock. Returns its number and its clock.
    pub fn add(&mut self) -> (usize, Arc<AtomicI64>) {
        let cell = Arc::new(AtomicI64::new(self.now()));
        let watch =
            Watch { cell: Arc::clone(&cell), offset: 0, drift: 0, since: self.now(), frozen: false, was_wrong: false };
        self.watches.push(watch);
        (self.watches.len() - 1, cell)
    }

    /// Time goes on.
    pub fn pass(&mut self, milliseconds: i64) {
        self.truth.fetch_add(milliseconds, Ordering::SeqCst);
        self.show();
    }

    fn show(&self) {
        let now = self.now();
        for watch in self.watches.iter().filter(|watch| !watch.frozen) {
            let drifted = (now - watch.since) / 1_000 * watch.drift / 1_000;
            watch.cell.store(now + watch.offset + drifted, Ordering::SeqCst);
        }
    }

    /// The clock is put `offset` milliseconds beside the truth and runs.
    pub fn set(&mut self, number: usize, offset: i64) {
        self.drift(number, offset, 0);
    }

    /// The clock jumps by `by` from what it shows, and runs.
    pub fn jump(&mut self, number: usize, by: i64) {
        let shown = self.watches[number].cell.load(Ordering::SeqCst);
        self.drift(number, shown + by - self.now(), 0);
    }

    /// The clock stands.
    pub fn freeze(&mut self, number: usize) {
        (self.watches[number].frozen, self.watches[number].was_wrong) = (true, true);
    }

    /// The clock is `offset` beside the truth and runs `drift` parts per million too fast.
    pub fn drift(&mut self, number: usize, offset: i64, drift: i64) {
        let now = self.now();
        let watch = &mut self.watches[number];
        (watch.offset, watch.drift, watch.since, watch.frozen) = (offset, drift, now, false);
        watch.was_wrong |= (offset, drift) != (0, 0);
        self.show();
    }

    /// What the clock shows beside the truth.
    pub fn beside(&self, number: usize) -> i64 {
        self.watches[number].cell.load(Ordering::SeqCst) - self.now()
    }

    /// Whether a clock was not right at any time.
    pub fn was_wrong(&self, number: usize) -> bool {
        self.watches[number].was_wrong
    }

    /// All clocks are right and run.
    pub fn right(&mut self) {
        for number in 0..self.watches.len() {
            self.set(number, 0);
        }
    }
}

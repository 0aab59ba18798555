//! The crowd at the door: whose connections are kept, and how fast each may ask. Whoever comes is let in at once; where there
//! are too many of a kind the one that came first goes, for a new one may be an honest desk whose line broke, and an old one
//! that says nothing is none. It must never turn a device away for what others do, nor count by address: a whole county may
//! speak from one.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use domain::ids::Sha;
use tokio::sync::watch;
use tokio::time::Instant;

/// Connections of one device. A desk has two or three, and more that died on a bad line without a word.
const MOST_OF_ONE: usize = 16;
/// Connections of all those together whose certificate the county does not know: who joins has one.
const MOST_UNKNOWN: usize = 256;
/// Connections that have not said who they are yet, where the system allows for so many.
const MOST_STRANGERS: usize = 4_096;

/// Requests that a device may make at once; a first sync of a whole county takes a few hundred.
const BURST: u32 = 2_000;
/// Requests a second after that.
const A_SECOND: u32 = 50;

/// Connections of a kind: so many for each key.
pub(crate) struct Places<K> {
    most: usize,
    taken: Mutex<Taken<K>>,
}

struct Taken<K> {
    next: u64,
    by: BTreeMap<(K, u64), watch::Sender<bool>>,
}

/// A place. It is free again when this is dropped.
pub(crate) struct Place<K: Ord + Copy> {
    of: Arc<Places<K>>,
    key: (K, u64),
    ended: watch::Receiver<bool>,
}

impl<K: Ord + Copy> Places<K> {
    pub(crate) fn of(most: usize) -> Arc<Self> {
        Arc::new(Self { most, taken: Mutex::new(Taken { next: 0, by: BTreeMap::new() }) })
    }

    fn taken(&self) -> MutexGuard<'_, Taken<K>> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a place. Where there are too many of its key, the one that came first has to go.
    pub(crate) fn take(self: &Arc<Self>, key: K) -> Place<K> {
        let mut taken = self.taken();
        let key = (key, taken.next);
        taken.next = taken.next.saturating_add(1);
        let first = (key.0, 0);
        let there = taken.by.range(first..key).count();
        if there >= self.most {
            let oldest = taken.by.range(first..key).next().map(|(oldest, _)| *oldest);
            if let Some(end) = oldest.and_then(|oldest| taken.by.remove(&oldest)) {
                end.send_replace(true);
            }
        }
        let (end, ended) = watch::channel(false);
        taken.by.insert(key, end);
        Place { of: Arc::clone(self), key, ended }
    }
}

impl<K: Ord + Copy> Place<K> {
    /// Done when its place is needed for another.
    pub(crate) async fn lost(&mut self) {
        self.ended.wait_for(|end| *end).await.ok();
    }
}

impl<K: Ord + Copy> Drop for Place<K> {
    fn drop(&mut self) {
        self.of.taken().by.remove(&self.key);
    }
}

/// How many connections of each kind are kept.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    pub(crate) strangers: usize,
    pub(crate) unknown: usize,
    pub(crate) of_one: usize,
}

impl Limits {
    /// What this system has room for.
    pub(crate) fn here() -> Self {
        Self { strangers: strangers(room_for_all()), unknown: MOST_UNKNOWN, of_one: MOST_OF_ONE }
    }
}

/// How many strangers there is room for, with so many connections that the system lets be open.
fn strangers(open: u64) -> usize {
    usize::try_from(open / 4).unwrap_or(MOST_STRANGERS).clamp(64, MOST_STRANGERS)
}

/// Lets as many connections be open as the system allows this program. Returns how many.
#[cfg(unix)]
fn room_for_all() -> u64 {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let now = getrlimit(Resource::Nofile);
    let most = now.maximum.unwrap_or(u64::MAX).min(65_536);
    if now.current.is_some_and(|current| current < most)
        && setrlimit(Resource::Nofile, Rlimit { current: Some(most), maximum: now.maximum }).is_ok()
    {
        return most;
    }
    now.current.unwrap_or(most)
}

/// Elsewhere connections are not counted among files.
#[cfg(not(unix))]
fn room_for_all() -> u64 {
    65_536
}

/// How fast each peer asks.
#[derive(Default)]
pub(crate) struct Paces(Mutex<BTreeMap<Sha, Pace>>);

/// What a peer may still ask at once, and as of when.
#[derive(Debug, Clone, Copy)]
struct Pace {
    left: f64,
    at: Instant,
}

impl Pace {
    /// One request more: how long it has to wait.
    fn step(&mut self, now: Instant) -> Duration {
        let since = now.saturating_duration_since(self.at).as_secs_f64();
        self.left = (self.left + since * f64::from(A_SECOND)).min(f64::from(BURST)) - 1.0;
        self.at = now;
        Duration::from_secs_f64((-self.left).max(0.0) / f64::from(A_SECOND))
    }

    fn rested(&self, now: Instant) -> bool {
        let since = now.saturating_duration_since(self.at).as_secs_f64();
        self.left + since * f64::from(A_SECOND) >= f64::from(BURST)
    }
}

impl Paces {
    /// Waits until it is the peer's turn: at once for whoever asks as a desk does.
    pub(crate) async fn wait(&self, peer: Sha) {
        let pause = {
            let now = Instant::now();
            let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            if all.len() >= MOST_PACES {
                all.retain(|_, pace| !pace.rested(now));
            }
            all.entry(peer).or_insert(Pace { left: f64::from(BURST), at: now }).step(now)
        };
        if !pause.is_zero() {
            tokio::time::sleep(pause).await;
        }
    }
}

/// Paces remembered before those are forgotten that are as good as new.
const MOST_PACES: usize = 4_096;

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn of_too_many_the_first_goes_and_nobody_elses() {
        let places: Arc<Places<u8>> = Places::of(2);
        let (mut one, two, mut other) = (places.take(1), places.take(1), places.take(2));
        let is_lost = |place: &Place<u8>| *place.ended.borrow();
        assert!(!is_lost(&one));
        let three = places.take(1);
        one.lost().await;
        assert!(is_lost(&one) && !is_lost(&two) && !is_lost(&three) && !is_lost(&other));
        drop(two);
        let four = places.take(1);
        assert!(!is_lost(&three) && !is_lost(&four), "a place was free again");
        drop((one, three, four));
        let five = places.take(1);
        assert!(!is_lost(&five) && !is_lost(&other));
        let gone = tokio::time::timeout(Duration::from_millis(20), other.lost()).await;
        assert!(gone.is_err(), "it is kept");
        assert_eq!(places.taken().by.len(), 2);
    }

    #[test]
    fn whoever_asks_as_a_desk_does_never_waits() {
        let begun = Instant::now();
        let mut pace = Pace { left: f64::from(BURST), at: begun };
        assert!((0..BURST).all(|_| pace.step(begun).is_zero()));
        let waits: Vec<Duration> = (0..100).map(|_| pace.step(begun)).collect();
        assert_eq!(waits.last().map(Duration::as_millis), Some(2_000), "fifty a second");
        // After a minute at rest it is as before.
        let later = begun + Duration::from_secs(60);
        assert!(pace.rested(later));
        assert!((0..BURST).all(|_| pace.step(later).is_zero()));
    }

    #[test]
    fn there_is_room_for_strangers_whatever_the_system_allows() {
        assert_eq!([64, 1_024, 65_536].map(strangers), [64, 256, MOST_STRANGERS]);
        assert!(room_for_all() >= 64);
    }
}

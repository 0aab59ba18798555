//! Contacts that nobody asked for: a thread tries when a line may be there, in growing spans with jitter. It speaks to nobody
//! but the county that was joined, never while the home is locked, never beside another contact, and ends with its owner.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError, Weak};
use std::time::Duration;

use domain::blob::{Piece, Stand};
use domain::enrol::{EnrolAsk, EnrolReply};
use domain::exchange::{Acks, Hello, Page, Pull, Push, Sum, Welcome};
use domain::ids::{DeviceId, Sha};

use crate::clock::random;
use crate::courier::{Courier, CourierFault, Keeping, Prove};
use crate::door::Door;

/// After a home was opened: the person is let begin first.
const FIRST: Duration = Duration::from_secs(60);
/// Between contacts that went well.
const CALM: Duration = Duration::from_secs(15 * 60);
/// After the first try that reached nobody; doubled with each further one.
const AGAIN: Duration = Duration::from_secs(2 * 60);
/// Longest span between tries: a line that appears is found within it.
const MOST: Duration = Duration::from_secs(30 * 60);

/// How often it is looked whether anybody is still here.
const LOOK: Duration = Duration::from_secs(10);

/// How a try went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tried {
    /// The home is locked, or there is none.
    Locked,
    /// Another contact is under way, which serves as well.
    Busy,
    /// The contact came to its end.
    Done,
    /// It did not.
    Failed,
}

/// When to try next.
#[derive(Debug, Default, Clone, Copy)]
struct Plan {
    failed: u32,
}

impl Plan {
    /// The span until the next try. `dice` is any number: laptops that lost the same line do not come back in step.
    fn next(&mut self, tried: Tried, dice: u16) -> Duration {
        let span = match tried {
            Tried::Locked => {
                self.failed = 0;
                FIRST
            }
            Tried::Busy => FIRST,
            Tried::Done => {
                self.failed = 0;
                CALM
            }
            Tried::Failed => {
                let mut span = AGAIN;
                for _ in 0..self.failed {
                    span = span.saturating_mul(2).min(MOST);
                }
                self.failed = self.failed.saturating_add(1);
                span
            }
        };
        // Between three and five quarters of it.
        span.saturating_mul(u32::from(dice % 501).saturating_add(750)) / 1_000
    }
}

#[derive(Default)]
struct Ending {
    ended: Mutex<bool>,
    told: Condvar,
}

/// Tries while it lives.
pub struct Background {
    ending: Arc<Ending>,
}

impl Background {
    /// Begins for the home behind `door`.
    ///
    /// # Errors
    /// The system gives no thread.
    pub fn begin(door: &Arc<Door>) -> std::io::Result<Self> {
        let ending = Arc::new(Ending::default());
        let (theirs, door) = (Arc::clone(&ending), Arc::downgrade(door));
        std::thread::Builder::new().name("background".to_owned()).spawn(move || run(&theirs, &door))?;
        Ok(Self { ending })
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        // The thread is not waited for: a contact that runs may be cut anywhere.
        *self.ending.ended.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.ending.told.notify_all();
    }
}

fn run(ending: &Ending, door: &Weak<Door>) {
    let mut plan = Plan::default();
    let mut tried = Tried::Locked;
    loop {
        let mut span = plan.next(tried, random::<2>().map_or(250, u16::from_be_bytes));
        while !span.is_zero() {
            let part = span.min(LOOK);
            if ended_within(ending, part) {
                return;
            }
            span = span.saturating_sub(part);
            let Some(door) = door.upgrade() else { return };
            door.lock_if_idle();
            door.back_up_if_due();
        }
        let Some(door) = door.upgrade() else { return };
        tried = door.try_contact();
    }
}

/// Waits, unless the owner goes meanwhile.
fn ended_within(ending: &Ending, span: Duration) -> bool {
    let ended = ending.ended.lock().unwrap_or_else(PoisonError::into_inner);
    let waited = ending.told.wait_timeout_while(ended, span, |ended| !*ended);
    let (ended, _) = waited.unwrap_or_else(PoisonError::into_inner);
    *ended
}

/// A courier that stops as soon as the home is locked: no step begins after that, and none is tried again.
pub(crate) struct WhileOpen<'a> {
    pub(crate) courier: &'a dyn Courier,
    pub(crate) closed: &'a AtomicBool,
}

impl WhileOpen<'_> {
    fn open(&self) -> Result<&dyn Courier, CourierFault> {
        if self.closed.load(Ordering::Relaxed) {
            Err(CourierFault::Broken("the home was locked".into()))
        } else {
            Ok(self.courier)
        }
    }
}

impl Courier for WhileOpen<'_> {
    fn enrol(&self, ask: &EnrolAsk) -> Result<EnrolReply, CourierFault> {
        self.open()?.enrol(ask)
    }

    fn offer(&self, device: DeviceId, prove: &Prove<'_>, push: &Push) -> Result<(), CourierFault> {
        self.open()?.offer(device, prove, push)
    }

    fn hello(&self, hello: &Hello) -> Result<Welcome, CourierFault> {
        self.open()?.hello(hello)
    }

    fn bundle(&self, sealed: &[u8]) -> Result<Vec<u8>, CourierFault> {
        self.open()?.bundle(sealed)
    }

    fn push(&self, push: &Push) -> Result<Acks, CourierFault> {
        self.open()?.push(push)
    }

    fn pull(&self, pull: &Pull) -> Result<Page, CourierFault> {
        self.open()?.pull(pull)
    }

    fn close(&self, pull: &Pull) -> Result<Sum, CourierFault> {
        self.open()?.close(pull)
    }

    fn blob_stand(&self, piece: &Piece) -> Result<Stand, CourierFault> {
        self.open()?.blob_stand(piece)
    }

    fn put_blob(&self, piece: &Piece, whole: &[u8], told: &mut dyn FnMut(u64)) -> Result<Stand, CourierFault> {
        self.open()?.put_blob(piece, whole, told)
    }

    fn get_blob(&self, sha: Sha, from: u64, keep: &mut Keeping<'_>) -> Result<(), CourierFault> {
        self.open()?.get_blob(sha, from, &mut |bytes| !self.closed.load(Ordering::Relaxed) && keep(bytes))
    }

    fn traffic(&self) -> (u64, u64) {
        self.courier.traffic()
    }

    fn page(&self) -> usize {
        self.courier.page()
    }

    fn rest(&self, fruitless: u32) -> bool {
        !self.closed.load(Ordering::Relaxed) && self.courier.rest(fruitless)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tries_grow_apart_and_a_contact_brings_them_back() {
        let mut plan = Plan::default();
        let even = 250;
        assert_eq!(plan.next(Tried::Locked, even), FIRST);
        let spans: Vec<u64> = (0..6).map(|_| plan.next(Tried::Failed, even).as_secs() / 60).collect();
        assert_eq!(spans, [2, 4, 8, 16, 30, 30]);
        assert_eq!(plan.next(Tried::Busy, even), FIRST);
        assert_eq!(plan.next(Tried::Done, even), CALM);
        assert_eq!(plan.next(Tried::Failed, even), AGAIN);
    }

    #[test]
    fn laptops_do_not_come_back_in_step() {
        let spans: Vec<Duration> = (0..=u16::MAX).map(|dice| Plan::default().next(Tried::Done, dice)).collect();
        assert_eq!(spans.iter().min(), Some(&(CALM * 3 / 4)));
        assert_eq!(spans.iter().max(), Some(&(CALM * 5 / 4)));
    }
}

//! Bodies of requests as they arrive, piece by piece, and answers that are told line by line while they do.
//! A body that comes too slowly is given up; what has arrived of it is the caller's. Nothing here waits without an end.

use std::convert::Infallible;
use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody as _};
use hyper::body::Frame;
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout_at};

/// A body must bring [`LEAST`] bytes in each stretch of this length: 500 B/s, which a line of 64 kbit/s that loses every
/// second packet still does.
const STRETCH: Duration = Duration::from_secs(30);
const LEAST: usize = 15_000;

/// Why a body is not whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Cut {
    /// The line broke, or the peer went away.
    #[error("the body broke off")]
    Broken,
    /// Fewer than [`LEAST`] bytes in a [`STRETCH`].
    #[error("the body came too slowly")]
    Slow,
    /// More bytes than allowed.
    #[error("the body is too large")]
    TooLarge,
}

/// Whether bytes come fast enough.
#[derive(Debug, Clone, Copy)]
struct Meter {
    until: Instant,
    bytes: usize,
}

impl Meter {
    fn begin(now: Instant) -> Self {
        Self { until: now + STRETCH, bytes: 0 }
    }

    /// Counts what arrived now; false once a stretch has ended with too little.
    fn count(&mut self, bytes: usize, now: Instant) -> bool {
        self.bytes = self.bytes.saturating_add(bytes);
        if now < self.until {
            return true;
        }
        let enough = self.bytes >= LEAST;
        *self = Self::begin(now);
        enough
    }
}

/// What came next of a body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Next {
    /// Bytes.
    Bytes(Bytes),
    /// None until the asked moment.
    Nothing,
    /// There are no more.
    End,
}

/// A body that is read at the pace at which it arrives.
pub(crate) struct Arriving {
    body: Body,
    meter: Meter,
}

impl Arriving {
    pub(crate) fn of(body: Body) -> Self {
        Self { body, meter: Meter::begin(Instant::now()) }
    }

    /// The next bytes, waited for until `due` at most.
    pub(crate) async fn next(&mut self, due: Option<Instant>) -> Result<Next, Cut> {
        loop {
            let wake = due.map_or(self.meter.until, |due| due.min(self.meter.until));
            let frame = timeout_at(wake, poll_fn(|cx| Pin::new(&mut self.body).poll_frame(cx))).await;
            let now = Instant::now();
            match frame {
                Ok(Some(Ok(frame))) => {
                    let Ok(bytes) = frame.into_data() else { continue };
                    if !self.meter.count(bytes.len(), now) {
                        return Err(Cut::Slow);
                    }
                    return Ok(Next::Bytes(bytes));
                }
                Ok(Some(Err(_))) => return Err(Cut::Broken),
                Ok(None) => return Ok(Next::End),
                Err(_) => {
                    if !self.meter.count(0, now) {
                        return Err(Cut::Slow);
                    }
                    if due.is_some_and(|due| due <= now) {
                        return Ok(Next::Nothing);
                    }
                }
            }
        }
    }
}

/// The whole of a body that may have `most` bytes. One that has more is read a little further and dropped: who still
/// sends would not hear the refusal.
pub(crate) async fn whole(body: Body, most: usize) -> Result<Vec<u8>, Cut> {
    let heard = most.saturating_mul(2);
    if usize::try_from(body.size_hint().lower()).map_or(true, |stated| stated > heard) {
        return Err(Cut::TooLarge);
    }
    let mut arriving = Arriving::of(body);
    let mut out = Vec::new();
    let mut count = 0_usize;
    loop {
        match arriving.next(None).await? {
            Next::Bytes(bytes) => {
                count = count.saturating_add(bytes.len());
                if count <= most {
                    out.extend_from_slice(&bytes);
                } else if count > heard {
                    return Err(Cut::TooLarge);
                }
            }
            Next::Nothing => {}
            Next::End if count > most => return Err(Cut::TooLarge),
            Next::End => return Ok(out),
        }
    }
}

/// An answer that goes out line by line, as somebody says them, until they fall silent for good.
pub(crate) struct Lines(pub(crate) mpsc::Receiver<Bytes>);

impl hyper::body::Body for Lines {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        self.get_mut().0.poll_recv(cx).map(|line| line.map(|line| Ok(Frame::data(line))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn five_hundred_bytes_a_second_are_enough_and_less_is_not() {
        let begin = Instant::now();
        let at = |millis: u64| begin + Duration::from_millis(millis);
        let mut meter = Meter::begin(begin);
        // A minute at 500 B/s.
        assert!((1..=60).all(|second| meter.count(500, at(second * 1_000))));
        // Everything at once, then nothing for less than a stretch.
        let mut meter = Meter::begin(begin);
        assert!(meter.count(1_000_000, at(1)) && meter.count(0, at(29_999)) && meter.count(1, at(30_000)));
        // Quick before is no excuse for nothing now.
        assert!(!meter.count(0, at(60_000)));
        let mut meter = Meter::begin(begin);
        assert!((1..30).all(|second| meter.count(499, at(second * 1_000))));
        assert!(!meter.count(499, at(30_000)));
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_stops_is_given_up_and_one_that_trickles_is_not() {
        let (say, said) = mpsc::channel(1);
        let reading = tokio::spawn(whole(Body::new(Lines(said)), 100_000));
        for _ in 0..60 {
            say.send(Bytes::from_static(&[1; 1_000])).await.expect("read");
            tokio::time::sleep(Duration::from_secs(2)).await;
        }
        drop(say);
        assert_eq!(reading.await.expect("read").map(|bytes| bytes.len()), Ok(60_000));
        let (say, said) = mpsc::channel(1);
        let reading = tokio::spawn(whole(Body::new(Lines(said)), 100_000));
        say.send(Bytes::from_static(&[1; 14_999])).await.expect("read");
        assert_eq!(reading.await.expect("read"), Err(Cut::Slow));
        drop(say);
    }

    #[tokio::test]
    async fn no_body_grows_beyond_its_limit() {
        assert_eq!(whole(Body::from(vec![0; 100]), 99).await, Err(Cut::TooLarge));
        assert_eq!(whole(Body::from(vec![0; 99]), 99).await.map(|bytes| bytes.len()), Ok(99));
        let (say, said) = mpsc::channel(4);
        for _ in 0..4 {
            say.send(Bytes::from_static(&[0; 50])).await.expect("room");
        }
        assert_eq!(whole(Body::new(Lines(said)), 99).await, Err(Cut::TooLarge), "of a length it did not state");
    }
}

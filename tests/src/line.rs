//! A bad line on one machine: a way through loopback that is slow, far, loses segments as TCP suffers it, and forgets its
//! flows. It reaches nothing but the county it was made for, and draws its losses from a seed: the same seed loses the same
//! segments of a flow, while their moments are the machine's. What it carries it cannot read.
//!
//! It models TCP between its two ends: a window that grows and is halved at a loss, a lost segment holding back all that
//! came after it until it is sent again, acknowledgements that take their time. `tun` does the same with the real TCP.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::{Instant, sleep, sleep_until};

use crate::chance::Chance;

/// Payload of a segment, bytes.
const SEGMENT: usize = 1_360;
/// What a segment weighs besides its payload: IP and TCP headers.
const HEADERS: usize = 40;
/// Window at the beginning and at most, segments.
const FIRST_WINDOW: f64 = 10.0;
const MOST_WINDOW: f64 = 64.0;
/// What TCP waits at least for an acknowledgement.
const LEAST_WAIT: Duration = Duration::from_secs(1);

/// How bad a line is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Weather {
    /// Bytes a second, each way.
    pub rate: u64,
    /// There and back.
    pub round: Duration,
    /// Segments lost, in a hundred, each way.
    pub loss: usize,
    /// All flows die, without a word, when the line was up for so long; then it is down for the gap.
    pub up: Duration,
    /// How long it is down.
    pub gap: Duration,
}

impl Weather {
    /// 64 kbit/s, 800 ms, 10 % loss, every flow dead each 20 s, 3 s down in between.
    pub const BAD: Self = Self {
        rate: 8_000,
        round: Duration::from_millis(800),
        loss: 10,
        up: Duration::from_secs(20),
        gap: Duration::from_secs(3),
    };

    /// The stretch of up time at a moment of the line's own time, and whether the line is up.
    pub(crate) fn stretch(&self, at: Duration) -> (u128, bool) {
        let whole = (self.up + self.gap).as_micros();
        (at.as_micros() / whole, at.as_micros() % whole < self.up.as_micros())
    }

    /// Somewhere within a stretch, told by a seed: so that not every story begins with a fresh line.
    pub(crate) fn phase(&self, seed: u64) -> Duration {
        let parts = u32::try_from(Chance::of(seed ^ 0x1_1e).below(1_000)).expect("a small number");
        (self.up + self.gap) * parts / 1_000
    }

    /// How long so many bytes take to be put on the line.
    pub(crate) fn takes(&self, bytes: usize) -> Duration {
        Duration::from_micros(u64::try_from(bytes).expect("a length") * 1_000_000 / self.rate)
    }
}

/// What went over a line, by way.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Carried {
    /// Bytes of streams from desk to county, each once, all of TLS included.
    pub up: u64,
    /// Bytes of streams from county to desk.
    pub down: u64,
    /// Those of them that the county received: not what was on its way when a flow died.
    pub taken_up: u64,
    /// Bytes of packets from desk to county: headers and repetitions included.
    pub packets_up: u64,
    /// Bytes of packets from county to desk.
    pub packets_down: u64,
    /// Flows begun.
    pub flows: u64,
}

#[derive(Default)]
struct Counters {
    stream: [AtomicU64; 2],
    packets: [AtomicU64; 2],
    taken: AtomicU64,
    flows: AtomicU64,
}

/// Where a flow is cut: after so many stream bytes of one way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cut {
    /// After bytes from desk to county.
    Up(u64),
    /// After bytes from county to desk.
    Down(u64),
}

struct Shared {
    county: SocketAddr,
    seed: u64,
    /// The weather and when it began, less the phase.
    weather: Mutex<Option<(Weather, Instant)>>,
    /// For each way, until when the line is busy.
    busy: [Mutex<Option<Instant>>; 2],
    cuts: Mutex<VecDeque<Cut>>,
    counters: Counters,
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn size(bytes: usize) -> u64 {
    u64::try_from(bytes).expect("a length")
}

impl Shared {
    fn weather(&self) -> Option<(Weather, Instant)> {
        *locked(&self.weather)
    }
}

/// A line through this process.
pub struct Line {
    shared: Arc<Shared>,
    address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Line {
    /// A clear line to the county at an address of this machine.
    ///
    /// # Panics
    /// When there is no port, or the address is elsewhere.
    pub fn to(county: SocketAddr, seed: u64) -> Self {
        assert!(county.ip().is_loopback(), "a line stays on this machine");
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        listener.set_nonblocking(true).expect("a listener for tokio");
        let address = listener.local_addr().expect("an address");
        let shared = Arc::new(Shared {
            county,
            seed,
            weather: Mutex::new(None),
            busy: Default::default(),
            cuts: Mutex::new(VecDeque::new()),
            counters: Counters::default(),
        });
        let (stop, stopped) = oneshot::channel::<()>();
        let ours = Arc::clone(&shared);
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
            runtime.block_on(async {
                let listener = TcpListener::from_std(listener).expect("the listener");
                tokio::select! {
                    () = accept(ours, listener) => {}
                    _ = stopped => {}
                }
            });
        });
        Self { shared, address, stop: Some(stop), thread: Some(thread) }
    }

    /// Where desks reach the county over this line.
    pub fn address(&self) -> String {
        format!("https://{}", self.address)
    }

    /// Changes the weather; none is a clear line. Flows of the old weather live on in the new one.
    pub fn weather(&self, weather: Option<Weather>) {
        *locked(&self.shared.weather) = weather.map(|weather| {
            let now = Instant::now();
            (weather, now.checked_sub(weather.phase(self.shared.seed)).unwrap_or(now))
        });
    }

    /// The next flows are cut off there, one each, in this order.
    pub fn cut(&self, cuts: impl IntoIterator<Item = Cut>) {
        locked(&self.shared.cuts).extend(cuts);
    }

    /// Flows that will still be cut.
    pub fn cuts_left(&self) -> usize {
        locked(&self.shared.cuts).len()
    }

    /// Calls off the cuts.
    pub fn cut_no_more(&self) {
        locked(&self.shared.cuts).clear();
    }

    /// What it carried so far.
    pub fn carried(&self) -> Carried {
        let Counters { stream, packets, taken, flows } = &self.shared.counters;
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Carried {
            up: read(&stream[0]),
            down: read(&stream[1]),
            taken_up: read(taken),
            packets_up: read(&packets[0]),
            packets_down: read(&packets[1]),
            flows: read(flows),
        }
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        drop(self.stop.take());
        let ended = self.thread.take().is_none_or(|thread| thread.join().is_ok());
        assert!(ended || std::thread::panicking(), "the line panicked");
    }
}

async fn accept(shared: Arc<Shared>, listener: TcpListener) {
    loop {
        let Ok((desk, _)) = listener.accept().await else { continue };
        let number = shared.counters.flows.fetch_add(1, Ordering::Relaxed);
        tokio::spawn(flow(Arc::clone(&shared), desk, number));
    }
}

/// One flow from its first packet to its end.
async fn flow(shared: Arc<Shared>, desk: TcpStream, number: u64) {
    let mut chance = Chance::of(shared.seed.wrapping_mul(1_000_003).wrapping_add(number));
    if !connected(&shared, &mut chance).await {
        return;
    }
    let Ok(county) = TcpStream::connect(shared.county).await else { return };
    if desk.set_nodelay(true).is_err() || county.set_nodelay(true).is_err() {
        return;
    }
    let cut = locked(&shared.cuts).pop_front();
    let (desk_in, desk_out) = desk.into_split();
    let (county_in, county_out) = county.into_split();
    // Cut flows end at once on both sides; flows that the line forgot just hear nothing more.
    let (end, ended) = watch::channel(false);
    let stretch = shared.weather().map(|(weather, since)| weather.stretch(since.elapsed()).0);
    let way = |way: usize, after: Option<u64>, chance: Chance| Way {
        shared: Arc::clone(&shared),
        way,
        after,
        stretch,
        chance,
        end: end.clone(),
        ended: ended.clone(),
    };
    let (mut after_up, mut after_down) = (None, None);
    match cut {
        Some(Cut::Up(after)) => after_up = Some(after),
        Some(Cut::Down(after)) => after_down = Some(after),
        None => {}
    }
    let up = way(0, after_up, Chance::of(chance.draw()));
    let down = way(1, after_down, Chance::of(chance.draw()));
    tokio::join!(up.carry(desk_in, county_out), down.carry(county_in, desk_out));
}

/// Waits as long as TCP takes to open a connection: its first packet is sent again after 1, 3 and 7 seconds.
async fn connected(shared: &Shared, chance: &mut Chance) -> bool {
    for wait in [0, 1, 2, 4, 8] {
        sleep(Duration::from_secs(wait)).await;
        let Some((weather, since)) = shared.weather() else { return true };
        let lost = chance.percent(weather.loss) || chance.percent(weather.loss);
        if weather.stretch(since.elapsed()).1 && !lost {
            sleep(weather.round).await;
            return true;
        }
    }
    false
}

/// One way of a flow.
#[derive(Clone)]
struct Way {
    shared: Arc<Shared>,
    way: usize,
    after: Option<u64>,
    stretch: Option<u128>,
    chance: Chance,
    end: watch::Sender<bool>,
    ended: watch::Receiver<bool>,
}

/// What the sending side of TCP knows.
struct Sender {
    window: f64,
    threshold: f64,
    /// When each segment on its way will be acknowledged.
    flying: VecDeque<Instant>,
    /// Losses before this moment have been paid for.
    paid: Option<Instant>,
}

impl Way {
    /// Whether the line has forgotten this flow at a moment.
    fn forgotten(&self, at: Instant) -> bool {
        let Some((weather, since)) = self.shared.weather() else { return false };
        let Some(stretch) = self.stretch else { return false };
        weather.stretch(at.saturating_duration_since(since)) != (stretch, true)
    }

    async fn carry(mut self, mut from: OwnedReadHalf, to: OwnedWriteHalf) {
        let (deliver, delivered) = mpsc::unbounded_channel::<(Instant, Vec<u8>)>();
        let far = self.clone();
        let mut ended = self.ended.clone();
        tokio::select! {
            () = async { tokio::join!(self.send(&mut from, deliver), far.deliver(delivered, to)); } => {}
            _ = ended.wait_for(|ended| *ended) => {}
        }
        if self.after.is_none() && *ended.borrow() {
            // Read to its end: a socket that is closed with something unread throws away what it had still to send.
            let mut rest = vec![0; SEGMENT];
            while from.read(&mut rest).await.is_ok_and(|read| read > 0) {}
        }
    }

    /// Puts segments on the line as TCP would.
    async fn send(&mut self, from: &mut OwnedReadHalf, deliver: mpsc::UnboundedSender<(Instant, Vec<u8>)>) {
        let mut sender = Sender { window: FIRST_WINDOW, threshold: MOST_WINDOW, flying: VecDeque::new(), paid: None };
        let mut last = Instant::now();
        let mut count = 0_u64;
        loop {
            while sender.flying.front().is_some_and(|back| *back <= Instant::now()) {
                sender.flying.pop_front();
            }
            if sender.flying.len() >= whole(sender.window)
                && let Some(back) = sender.flying.front()
            {
                sleep_until(*back).await;
                continue;
            }
            let mut segment = vec![0; SEGMENT];
            let Ok(read) = from.read(&mut segment).await else { return };
            if read == 0 {
                return;
            }
            segment.truncate(read);
            if self.forgotten(Instant::now()) {
                // It goes nowhere, and nobody is told.
                continue;
            }
            if let Some(after) = self.after
                && count + size(segment.len()) >= after
            {
                segment.truncate(usize::try_from(after - count).expect("within the segment"));
            }
            count += size(segment.len());
            let cut = self.after == Some(count);
            self.shared.counters.stream[self.way].fetch_add(size(segment.len()), Ordering::Relaxed);
            let arrives = self.arrives(&mut sender, segment.len(), last);
            last = arrives;
            if deliver.send((arrives, segment)).is_err() || cut {
                return;
            }
        }
    }

    /// When a segment arrives that is sent now, in order after `last`, with all its repetitions.
    fn arrives(&mut self, sender: &mut Sender, bytes: usize, last: Instant) -> Instant {
        let Some((weather, _)) = self.shared.weather() else { return last.max(Instant::now()) };
        let weight = bytes + HEADERS;
        let mut wait = (weather.round * 2).max(LEAST_WAIT);
        let mut leaves = Instant::now();
        loop {
            {
                let mut busy = locked(&self.shared.busy[self.way]);
                leaves = busy.map_or(leaves, |busy| busy.max(leaves)) + weather.takes(weight);
                *busy = Some(leaves);
            }
            self.shared.counters.packets[self.way].fetch_add(size(weight), Ordering::Relaxed);
            if !self.chance.percent(weather.loss) {
                break;
            }
            if sender.paid.is_none_or(|paid| leaves > paid) {
                sender.threshold = (sender.window / 2.0).max(2.0);
                sender.window = sender.threshold;
                sender.paid = Some(leaves + weather.round);
            }
            // Three later segments tell of a loss within a round trip; without them TCP waits, twice as long each time.
            if sender.flying.len() >= 3 && wait <= weather.round * 2 {
                leaves += weather.round;
                wait *= 2;
            } else {
                leaves += wait;
                wait *= 2;
                sender.window = 2.0;
            }
        }
        let arrives = (leaves + weather.round / 2).max(last);
        sender.flying.push_back(leaves + weather.round);
        sender.flying.make_contiguous().sort();
        sender.window += if sender.window < sender.threshold { 1.0 } else { 1.0 / sender.window };
        sender.window = sender.window.min(MOST_WINDOW);
        arrives
    }

    /// Hands segments over when they arrive.
    async fn deliver(self, mut delivered: mpsc::UnboundedReceiver<(Instant, Vec<u8>)>, mut to: OwnedWriteHalf) {
        let mut count = 0_u64;
        while let Some((arrives, segment)) = delivered.recv().await {
            sleep_until(arrives).await;
            if self.forgotten(arrives) {
                continue;
            }
            count += size(segment.len());
            if self.way == 0 {
                self.shared.counters.taken.fetch_add(size(segment.len()), Ordering::Relaxed);
            }
            if to.write_all(&segment).await.is_err() {
                break;
            }
        }
        if self.after.is_some_and(|after| count >= after) {
            // What arrived before the cut has arrived.
            to.shutdown().await.ok();
            self.end.send_replace(true);
        } else if self.forgotten(Instant::now()) {
            // Whoever ended the flow, the other side is never told: its half stays open as long as the line.
            std::future::pending::<()>().await;
        }
    }
}

fn whole(window: f64) -> usize {
    // Windows are small and positive.
    (1..=64_u32).rev().find(|n| f64::from(*n) <= window).map_or(1, |n| usize::try_from(n).expect("small"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_up_and_down_by_its_own_time() {
        let at = |seconds: u64| Weather::BAD.stretch(Duration::from_secs(seconds));
        assert_eq!([at(0), at(19), at(20), at(22), at(23)], [(0, true), (0, true), (0, false), (0, false), (1, true)]);
        assert!((0..50).all(|seed| Weather::BAD.phase(seed) < Duration::from_secs(23)));
        assert_ne!(Weather::BAD.phase(1), Weather::BAD.phase(2));
        assert_eq!(Weather::BAD.takes(8_000), Duration::from_secs(1));
        assert_eq!([whole(0.5), whole(2.0), whole(3.9), whole(64.0)], [1, 2, 3, 64]);
    }

    /// Sends so many bytes over a line in this weather; how many arrive, and how long the last took.
    fn sent_over(weather: Weather, bytes: usize, patience: Duration) -> (usize, Duration, Carried) {
        use std::io::{Read as _, Write as _};
        let county = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        let line = Line::to(county.local_addr().expect("an address"), 7);
        line.weather(Some(weather));
        let begun = std::time::Instant::now();
        let mut desk = std::net::TcpStream::connect(line.address).expect("a line");
        desk.write_all(&vec![1; bytes]).expect("written");
        let (mut heard, _) = county.accept().expect("a flow");
        heard.set_read_timeout(Some(patience)).expect("a timeout");
        let (mut count, mut last) = (0, Duration::ZERO);
        let mut buffer = [0; 4_096];
        while count < bytes {
            match heard.read(&mut buffer) {
                Ok(read) if read > 0 => (count, last) = (count + read, begun.elapsed()),
                Ok(_) | Err(_) => break,
            }
        }
        (count, last, line.carried())
    }

    #[test]
    fn a_line_is_as_slow_as_it_says_loses_and_forgets() {
        let long = Duration::from_secs(60);
        let round = Duration::from_millis(40);
        let clear = Weather { rate: 100_000, round, loss: 0, up: long, gap: Duration::ZERO };
        let (count, took, carried) = sent_over(clear, 50_000, long);
        assert_eq!((count, carried.up, carried.taken_up, carried.flows), (50_000, 50_000, 50_000, 1));
        // Half a second of rate with headers, and a round and a half to begin and arrive.
        assert!(took > Duration::from_millis(570), "{took:?}");
        // Lost segments are sent again: all of it comes, later.
        let (count, slower, lossy) = sent_over(Weather { loss: 20, ..clear }, 50_000, long);
        assert_eq!(count, 50_000);
        assert!(slower > took && lossy.packets_up > carried.packets_up + 2 * 1_400, "{slower:?} {lossy:?}");
        // Its time is up: what is on its way is lost without a word, and the flow is never heard of again.
        let short = Weather { up: Duration::from_secs(3), gap: Duration::from_secs(1), ..clear };
        let (count, last, forgotten) = sent_over(short, 800_000, Duration::from_secs(2));
        assert!(count < 400_000 && last < Duration::from_secs(5), "{count} {last:?}");
        assert!(forgotten.up > forgotten.taken_up, "{forgotten:?}");
    }
}

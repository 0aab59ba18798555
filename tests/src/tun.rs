//! The bad line with the real TCP: packets of one network device, handed back to the same machine as if from far away, late,
//! at the line's rate, some of them never. It works only in a network namespace of its own, which `own_namespace` makes, so
//! that no other packet of the machine can meet it.
//!
//! The device has the address 10.77.N.1. What is sent to 10.77.N.2 comes back with the two addresses exchanged, which
//! leaves every checksum as it was: so desk and county meet over it in one process.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::os::unix::process::CommandExt as _;
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicU16, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::time::Duration;

use tokio::time::Instant;
use tun_rs::{DeviceBuilder, SyncDevice};

use crate::chance::Chance;
use crate::line::{Carried, Weather};

const PACKET: usize = 1_400;
/// How long a packet may wait to be put on the line before it is dropped: about a round trip's worth, as is the rule.
const QUEUE: Duration = Duration::from_millis(1_000);
const HERE: &str = "RUHU_OWN_NETWORK";

/// Whether this process may have the real line: it is root, and there are TUN devices and the tools to set them up.
pub fn possible() -> bool {
    std::fs::File::open("/dev/net/tun").is_ok()
        && Command::new("unshare").args(["--net", "ip", "link"]).output().is_ok_and(|done| done.status.success())
}

/// Starts this very program again in a network namespace of its own, unless it is there already.
///
/// # Panics
/// When it cannot be started; it is asked for only where [`possible`] said yes.
pub fn own_namespace() {
    if std::env::var_os(HERE).is_some() {
        ip(&["link", "set", "lo", "up"]);
        return;
    }
    let program = std::env::current_exe().expect("this program");
    let failed =
        Command::new("unshare").arg("--net").arg(program).args(std::env::args_os().skip(1)).env(HERE, "1").exec();
    panic!("the namespace: {failed}");
}

const CONTROL: &str = "/proc/sys/net/ipv4/tcp_congestion_control";

/// How TCP paces itself in this namespace, e.g. `bbr`.
pub fn congestion_control() -> String {
    std::fs::read_to_string(CONTROL).unwrap_or_default().trim().to_owned()
}

/// Lets TCP pace itself so, in this namespace alone.
///
/// # Panics
/// When the kernel does not know it, or this is not a namespace of one's own.
pub fn set_congestion_control(name: &str) {
    assert!(std::env::var_os(HERE).is_some(), "not in the machine's own network");
    std::fs::write(CONTROL, name).expect("a congestion control");
}

fn ip(arguments: &[&str]) {
    let done = Command::new("ip").args(arguments).output().expect("ip");
    assert!(done.status.success(), "ip {arguments:?}: {}", String::from_utf8_lossy(&done.stderr));
}

#[derive(Default)]
struct Counters {
    stream: [AtomicU64; 2],
    packets: [AtomicU64; 2],
    taken: AtomicU64,
    flows: AtomicU64,
}

struct Shared {
    device: SyncDevice,
    near: Ipv4Addr,
    far: Ipv4Addr,
    seed: u64,
    county: AtomicU16,
    weather: Mutex<Option<(Weather, Instant)>>,
    counters: Counters,
    stop: AtomicBool,
}

/// A line of real packets.
pub struct Tun(Arc<Shared>);

impl Tun {
    /// A clear line, the `number`th of this namespace.
    ///
    /// # Panics
    /// When there is no device, or this is not a namespace of one's own.
    pub fn new(number: u8, seed: u64) -> Self {
        assert!(std::env::var_os(HERE).is_some(), "not in the machine's own network");
        let name = format!("line{number}");
        let device = DeviceBuilder::new().name(&name).mtu(1_400).build_sync().expect("a device");
        ip(&["address", "replace", &format!("10.77.{number}.1/24"), "dev", &name]);
        ip(&["link", "set", &name, "up"]);
        let shared = Arc::new(Shared {
            device,
            near: Ipv4Addr::new(10, 77, number, 1),
            far: Ipv4Addr::new(10, 77, number, 2),
            seed,
            county: AtomicU16::new(0),
            weather: Mutex::new(None),
            counters: Counters::default(),
            stop: AtomicBool::new(false),
        });
        let ways = [0, 1].map(|_| {
            let (deliver, delivered) = mpsc::channel::<(Instant, Vec<u8>)>();
            let ours = Arc::clone(&shared);
            std::thread::spawn(move || {
                for (arrives, packet) in delivered {
                    std::thread::sleep(arrives.saturating_duration_since(Instant::now()));
                    // A device that is gone takes none.
                    if ours.device.send(&packet).is_err() {
                        return;
                    }
                }
            });
            deliver
        });
        let ours = Arc::clone(&shared);
        std::thread::spawn(move || ours.carry(&ways));
        Self(shared)
    }

    /// The host on which the county listens.
    pub fn host(&self) -> String {
        self.0.near.to_string()
    }

    /// Where desks reach the county that listens on this port.
    pub fn address(&self, port: u16) -> String {
        self.0.county.store(port, Ordering::Relaxed);
        format!("https://{}:{port}", self.0.far)
    }

    /// Changes the weather; none is a clear line.
    pub fn weather(&self, weather: Option<Weather>) {
        *self.0.weather.lock().unwrap_or_else(PoisonError::into_inner) = weather.map(|weather| {
            let now = Instant::now();
            (weather, now.checked_sub(weather.phase(self.0.seed)).unwrap_or(now))
        });
    }

    /// What it carried so far.
    pub fn carried(&self) -> Carried {
        let Counters { stream, packets, taken, flows } = &self.0.counters;
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

impl Drop for Tun {
    fn drop(&mut self) {
        self.0.stop.store(true, Ordering::Relaxed);
        // The reader waits for a packet: here is one.
        if let Ok(socket) = std::net::UdpSocket::bind((self.0.near, 0)) {
            socket.send_to(&[0], (self.0.far, 9)).ok();
        }
    }
}

/// What is known of a flow, which is named by the desk's port.
#[derive(Default)]
struct Flow {
    stretch: Option<u128>,
    /// First sequence number of each way, and how far the way has come.
    ways: [Option<(u32, u32)>; 2],
    /// How far the county says that it has come from the desk.
    taken: u32,
}

impl Shared {
    fn carry(&self, ways: &[mpsc::Sender<(Instant, Vec<u8>)>; 2]) {
        let mut chance = Chance::of(self.seed);
        let mut busy: [Option<Instant>; 2] = [None, None];
        let mut flows: BTreeMap<u16, Flow> = BTreeMap::new();
        let mut buffer = vec![0; PACKET + 100];
        while let Ok(length) = self.device.recv(&mut buffer) {
            if self.stop.load(Ordering::Relaxed) {
                return;
            }
            let mut packet = buffer[..length].to_vec();
            let Some(head) = Head::read(&packet) else { continue };
            packet[12..16].copy_from_slice(&self.far.octets());
            packet[16..20].copy_from_slice(&self.near.octets());
            let way = usize::from(head.to != self.county.load(Ordering::Relaxed));
            let flow = flows.entry(if way == 0 { head.from } else { head.to }).or_default();
            let now = Instant::now();
            let weather = *self.weather.lock().unwrap_or_else(PoisonError::into_inner);
            if head.begins && way == 0 {
                if flow.ways[0].is_none_or(|(first, _)| first != head.seq) {
                    *flow = Flow::default();
                    self.counters.flows.fetch_add(1, Ordering::Relaxed);
                }
                // Its first packet may be sent again after a gap: the flow is as old as the one that gets through.
                flow.stretch = weather.map(|(weather, since)| weather.stretch(now.saturating_duration_since(since)).0);
            }
            let Some((weather, since)) = weather else {
                self.count(way, length, flow, &head);
                if ways[way].send((now, packet)).is_err() {
                    return;
                }
                continue;
            };
            let leaves = busy[way].map_or(now, |busy| busy.max(now)) + weather.takes(length);
            if leaves.saturating_duration_since(now) > QUEUE {
                continue;
            }
            busy[way] = Some(leaves);
            self.count(way, length, flow, &head);
            let lost = chance.percent(weather.loss);
            let (stretch, up) = weather.stretch(leaves.saturating_duration_since(since));
            let forgotten = flow.stretch.is_some_and(|begun| begun != stretch);
            if !lost && up && !forgotten && ways[way].send((leaves + weather.round / 2, packet)).is_err() {
                return;
            }
        }
    }

    fn count(&self, way: usize, length: usize, flow: &mut Flow, head: &Head) {
        self.counters.packets[way].fetch_add(u64::try_from(length).expect("a length"), Ordering::Relaxed);
        if way == 1
            && let (Some((first, _)), Some(taken)) = (flow.ways[0], head.taken)
        {
            let taken = taken.wrapping_sub(first);
            if taken > flow.taken && taken < u32::MAX / 2 {
                self.counters.taken.fetch_add(u64::from(taken - flow.taken), Ordering::Relaxed);
                flow.taken = taken;
            }
        }
        let (first, far) = flow.ways[way].get_or_insert((head.seq, 1));
        let end = head.seq.wrapping_sub(*first).wrapping_add(head.payload);
        // Repetitions and probes lie before what was reached.
        if end > *far && end < u32::MAX / 2 {
            self.counters.stream[way].fetch_add(u64::from(end - *far), Ordering::Relaxed);
            *far = end;
        }
    }
}

/// What a TCP packet says of itself.
struct Head {
    from: u16,
    to: u16,
    seq: u32,
    payload: u32,
    begins: bool,
    /// The next byte that its sender waits for.
    taken: Option<u32>,
}

impl Head {
    fn read(packet: &[u8]) -> Option<Self> {
        let ip = usize::from(packet.first()? & 15) * 4;
        if packet[0] >> 4 != 4 || *packet.get(9)? != 6 {
            return None;
        }
        let tcp = packet.get(ip..)?;
        let pair = |at: usize| Some(u16::from_be_bytes([*tcp.get(at)?, *tcp.get(at + 1)?]));
        let header = usize::from(*tcp.get(12)? >> 4) * 4;
        let seq = u32::from_be_bytes([tcp[4], tcp[5], tcp[6], tcp[7]]);
        let payload = u32::try_from(tcp.len().checked_sub(header)?).ok()?;
        let begins = tcp[13] & 0x12 == 0x02;
        let taken = (tcp[13] & 0x10 != 0).then(|| u32::from_be_bytes([tcp[8], tcp[9], tcp[10], tcp[11]]));
        // The first packet's number counts as one byte.
        Some(Self {
            from: pair(0)?,
            to: pair(2)?,
            seq,
            payload: payload + u32::from(tcp[13] & 0x02 != 0),
            begins,
            taken,
        })
    }
}

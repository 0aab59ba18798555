//! The bad line measured: real desks and a real county over TLS, twenty lines side by side, each with its own seed, county
//! and desk. With the real TCP in a network namespace of its own where this process may make one, else over the line that
//! models TCP. It judges nothing; what is too slow, a person says.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Barrier, Mutex};
use std::time::{Duration, Instant};

use county::Clock;
use desk::carry::{Carrier, Stage};
use domain::blob::Piece;
use domain::ids::{FileId, Sha};
use domain::words::Section;
use serde_json::{Value, json};

use crate::chance::Chance;
use crate::envoy::Envoy;
use crate::line::{Carried, Cut, Line, Weather};
use crate::list::{List, places_in};
use crate::seat::{Seat, bytes, items, picture};
use crate::world::{World, moment};

const NOON: &str = "2026-12-08T12:00:00+08:00";
const SEEDS: u8 = 20;
/// The photo, bytes.
const PHOTO: usize = 200 * 1024;
const RECORDS: usize = 50;
const KIB: usize = 1_024;

/// One of the two kinds of line.
enum Way {
    Model(Line),
    #[cfg(target_os = "linux")]
    Real(crate::tun::Tun),
}

impl Way {
    fn world(real: bool, seed: u8) -> (World, Self) {
        let clock = || Clock::practice(moment(NOON));
        #[cfg(target_os = "linux")]
        if real {
            let tun = crate::tun::Tun::new(seed, u64::from(seed));
            let world = World::behind(NOON, clock(), &tun.host(), |at| tun.address(at.port()));
            return (world, Self::Real(tun));
        }
        assert!(!real, "no real line on this system");
        let mut line = None;
        let world =
            World::behind(NOON, clock(), "127.0.0.1", |at| line.insert(Line::to(at, u64::from(seed))).address());
        (world, Self::Model(line.expect("a line")))
    }

    fn weather(&self, weather: Option<Weather>) {
        match self {
            Self::Model(line) => line.weather(weather),
            #[cfg(target_os = "linux")]
            Self::Real(tun) => tun.weather(weather),
        }
    }

    fn carried(&self) -> Carried {
        match self {
            Self::Model(line) => line.carried(),
            #[cfg(target_os = "linux")]
            Self::Real(tun) => tun.carried(),
        }
    }
}

/// One contact, or as many as it took.
#[derive(Debug, Clone, Copy)]
struct Contact {
    took: Duration,
    /// How much of that went before the first photo.
    until_photos: Duration,
    contacts: u32,
    up: u64,
    taken_up: u64,
    packets_up: u64,
    flows: u64,
}

/// Syncs until everything is at the county.
fn contact(seat: &Seat, way: &Way) -> Contact {
    let (before, begun) = (way.carried(), Instant::now());
    let desk = seat.door().desk().expect("an open desk");
    let over = AtomicBool::new(false);
    let (contacts, until_photos) = std::thread::scope(|scope| {
        let watching = scope.spawn(|| {
            while !over.load(Ordering::Relaxed) {
                if desk.progress().is_some_and(|progress| progress.stage == Stage::PhotosOut) {
                    break;
                }
                std::thread::park_timeout(Duration::from_millis(10));
            }
            begun.elapsed()
        });
        let mut contacts = 0;
        while contacts < 20 {
            contacts += 1;
            match seat.call("Sync", json!({})) {
                Ok(_) => break,
                Err(failure) => eprintln!("a contact broke off: {:?}", failure.code),
            }
        }
        over.store(true, Ordering::Relaxed);
        (contacts, watching.join().expect("watched"))
    });
    let (took, after) = (begun.elapsed(), way.carried());
    Contact {
        took,
        until_photos: until_photos.min(took),
        contacts,
        up: after.up - before.up,
        taken_up: after.taken_up - before.taken_up,
        packets_up: after.packets_up - before.packets_up,
        flows: after.flows - before.flows,
    }
}

fn noise(seed: u64, bytes: usize) -> Vec<u8> {
    let mut chance = Chance::of(seed);
    (0..bytes.div_ceil(8)).flat_map(|_| chance.draw().to_be_bytes()).take(bytes).collect()
}

/// A desk at the end of a line, with a photo and, later, records to send.
fn seed(real: bool, seed: u8, setting_up: &Mutex<()>, together: &Barrier) -> (Contact, Contact) {
    let (world, way, op, files) = {
        let _one_by_one = setting_up.lock();
        let (world, way) = Way::world(real, seed);
        let village: Vec<String> = places_in("410423105").into_iter().take(1).map(|(code, _)| code).collect();
        let op = world.operator(&List::of(&village, RECORDS));
        let files = op.files(&village[0]);
        let run = op.ask("PrintLetters", json!({ "which": { "households": files[..1] } }));
        op.sync();
        let receipt = items(&run["letters"]).iter().find(|row| row["kind"] == "SERVICE_RECEIPT").expect("a receipt");
        let mut photo = picture(seed, image::ImageFormat::Jpeg);
        let pad = PHOTO - photo.len();
        photo.extend(noise(u64::from(seed), pad));
        op.ask("FileReceipt", json!({ "receipt_no": receipt["doc_no"], "file": bytes("photo.jpg", &photo) }));
        (world, way, op, files)
    };
    together.wait();
    way.weather(Some(Weather::BAD));
    let photo = contact(&op, &way);
    assert_eq!(op.ask("Status", json!({}))["only_here"], 0, "all is at the county");
    for (n, file) in files.iter().enumerate() {
        let form = json!({ "on": "2026-12-08", "arrived": format!("{:02}:{:02}:00", 8 + n / 60, n % 60),
            "purpose": "CHECK_DETAILS", "result": "NOT_MET",
            "note": format!("第{n}户，门锁着，邻居说全家去省城打工，春节前回来；已留联系卡，托村干部转告还款日。") });
        op.ask("RecordVisit", json!({ "household": file, "visit": form }));
    }
    let records = contact(&op, &way);
    assert_eq!(op.ask("Status", json!({}))["only_here"], 0, "all is at the county");
    way.weather(None);
    let head = world.join("head", "CENTRE_HEAD");
    assert_eq!(head.sync()["blobs_sent"], 0);
    assert_eq!(head.ask("SyncState", json!({}))["waiting"], json!([]));
    (photo, records)
}

/// A blob of 1 MiB, cut after each KiB in turn: how often it went on at the right byte and came whole, and how many bytes
/// were sent in all.
fn cuts() -> (usize, u64) {
    let (next, right) = (AtomicUsize::new(1), AtomicUsize::new(0));
    let sent = Mutex::new(0_u64);
    std::thread::scope(|scope| {
        for worker in 0..4_u8 {
            let (next, right, sent) = (&next, &right, &sent);
            scope.spawn(move || {
                let (world, Way::Model(line)) = Way::world(false, worker) else { panic!("a model line") };
                let mut envoy = Envoy::enrolled(&world.invite("op1", "CENTRE_OPERATOR"));
                loop {
                    let at = next.fetch_add(1, Ordering::Relaxed);
                    if at > KIB {
                        break;
                    }
                    let blob = noise(u64::try_from(at).expect("a number"), KIB * KIB);
                    let size = u64::try_from(blob.len()).expect("a size");
                    let (sha, file) = (Sha::of(&blob), FileId([7; 8]));
                    let piece = Piece { sha, file, section: Section::Core, size, from: 0 };
                    envoy = envoy.anew();
                    let before = line.carried().up;
                    // About 2 KiB go before the first byte of the body, and 22 bytes around each 1,318 of it.
                    let after = 2_048 + at * KIB + at * KIB / 1_318 * 22;
                    line.cut([Cut::Up(u64::try_from(after).expect("a size"))]);
                    let kept = Carrier::new(&envoy, &|_| {}).send_blob(&piece, &blob).is_ok();
                    let resumed = envoy.resumed();
                    let went_on = resumed.iter().all(|(stood, from)| stood == from);
                    // The last KiBs are on their way when the line is cut, unless the whole was there already.
                    let near = |have: u64| have.abs_diff(u64::try_from(at * KIB).expect("a size")) <= 4_096;
                    let as_cut = match resumed[..] {
                        [(0, 0), (have, _)] => near(have),
                        [(0, 0)] => at + 4 > KIB,
                        _ => false,
                    };
                    line.cut_no_more();
                    if kept && went_on && as_cut {
                        right.fetch_add(1, Ordering::Relaxed);
                    } else {
                        eprintln!("cut at {at} KiB: kept {kept}, {resumed:?}");
                    }
                    *sent.lock().expect("no panic") += line.carried().up - before;
                }
            });
        }
    });
    (right.into_inner(), sent.into_inner().expect("no panic"))
}

fn rounded(value: f64) -> Value {
    json!((value * 1_000.0).round() / 1_000.0)
}

fn series(figures: &mut Vec<(String, Value)>, name: &str, mut values: Vec<f64>) {
    values.sort_by(f64::total_cmp);
    for (part, hundredths) in [("p50", 50), ("p90", 90), ("most", 100)] {
        let value = values[(values.len() - 1) * hundredths / 100];
        figures.push((format!("{name}_{part}"), rounded(value)));
    }
}

/// All seeds side by side; the figures' names begin with `prefix`. `first` is the number of the first line.
fn weather(figures: &mut Vec<(String, Value)>, prefix: &str, real: bool, first: u8) {
    let (setting_up, together) = (Mutex::new(()), Barrier::new(usize::from(SEEDS)));
    let all: Vec<(Contact, Contact)> = std::thread::scope(|scope| {
        let (setting_up, together) = (&setting_up, &together);
        let run = |n: u8| scope.spawn(move || seed(real, first + n, setting_up, together));
        let running: Vec<_> = (0..SEEDS).map(run).collect();
        running.into_iter().map(|one| one.join().expect("a seed's story")).collect()
    });
    let photos = || all.iter().map(|(photo, _)| photo);
    let records = || all.iter().map(|(_, records)| records);
    let ratio = |bytes: u64| number(bytes) / number(u64::try_from(PHOTO).expect("a size"));
    let mut put = |name: &str, values: Vec<f64>| series(figures, &format!("{prefix}{name}"), values);
    // The photo alone, and with all that goes before it: greeting, records, comparing.
    put("photo_s", photos().map(|one| (one.took - one.until_photos).as_secs_f64()).collect());
    put("photo_contact_s", photos().map(|one| one.took.as_secs_f64()).collect());
    // Bytes of the whole contact for each of the photo's: those that the county received, all of TLS and what came twice
    // included; with those that died on the way; and with headers and repetitions of packets.
    put("photo_bytes_ratio", photos().map(|one| ratio(one.taken_up)).collect());
    put("photo_bytes_with_lost_ratio", photos().map(|one| ratio(one.up)).collect());
    put("photo_bytes_of_packets_ratio", photos().map(|one| ratio(one.packets_up)).collect());
    put("photo_flows", photos().map(|one| number(one.flows)).collect());
    put("records_s", records().map(|one| one.took.as_secs_f64()).collect());
    put("records_bytes_up", records().map(|one| number(one.up)).collect());
    let broken = all.iter().map(|(photo, records)| photo.contacts + records.contacts - 2).sum::<u32>();
    figures.push((format!("{prefix}contacts_broken_off"), json!(broken)));
}

/// A count as a figure; counts here are far below what a figure can tell apart.
fn number(count: u64) -> f64 {
    f64::from(u32::try_from(count / 1_024).expect("a count")) * 1_024.0
        + f64::from(u32::try_from(count % 1_024).expect("a count"))
}

/// The figures of the bad line, by name. With `RUHU_MODEL_LINE` in the environment, those of the line that models TCP even
/// where the real one could be had.
///
/// # Panics
/// When something did not come home.
pub fn measure() -> Vec<(String, Value)> {
    let mut figures = vec![("seeds".to_owned(), json!(SEEDS))];
    #[cfg(target_os = "linux")]
    let real = crate::tun::possible() && std::env::var_os("RUHU_MODEL_LINE").is_none();
    #[cfg(not(target_os = "linux"))]
    let real = false;
    #[cfg(target_os = "linux")]
    if real {
        crate::tun::own_namespace();
        figures.push(("_congestion_control".to_owned(), json!(crate::tun::congestion_control())));
    }
    figures.push(("_line".to_owned(), json!(if real { "TUN, real TCP" } else { "model of TCP" })));
    weather(&mut figures, "", real, 0);
    #[cfg(target_os = "linux")]
    if real {
        // The least that any laptop's TCP can do.
        crate::tun::set_congestion_control("reno");
        weather(&mut figures, "reno_", real, SEEDS);
    }
    let (right, sent) = cuts();
    figures.push(("cuts_resumed_right".to_owned(), json!(right)));
    figures.push(("cuts".to_owned(), json!(KIB)));
    let all = number(u64::try_from(KIB * KIB * KIB).expect("a size"));
    figures.push(("cut_bytes_ratio".to_owned(), rounded(number(sent) / all)));
    figures
}

//! Bits that turn over on the disk: in a desk's file, in what is written ahead of it, in its anchor; files cut short; files put
//! back to an older state. Each is found when the home is opened or read through, or does no harm: what is confirmed is there.
//! A bundle's flips are `store::bundle`'s own tests.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test that cannot go on stops, and this one tells what it saw"
)]

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use domain::SigningKey;
use domain::clock::Millis;
use domain::event::Event;
use domain::household::FieldFilled;
use domain::ids::{DeviceId, FileId, JournalId, PersonId};
use domain::words::{HouseholdField, Section};
use store::file::FileKey;
use store::{Standing, Store, StoreFault};
use tests::{Chance, Folder, slow};
use zeroize::Zeroizing;

/// Flips in all in an ordinary run; ten times as many with `RUHU_SLOW=1`.
const FLIPS: usize = 20_000;

/// How a desk's disk looks: name and bytes of each file.
type Disk = BTreeMap<&'static str, Vec<u8>>;

const FILES: [&str; 3] = ["ruhu.db", "ruhu.db-wal", "ruhu.anchor"];

/// What became of a harm.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Seen {
    /// The home did not open.
    Refused,
    /// It opened and said that it is behind its anchor.
    Behind,
    /// It opened and reading it through found it.
    ReadThrough,
    /// It opened and everything is there.
    Harmless,
}

struct Bench {
    folder: Folder,
    path: PathBuf,
}

impl Bench {
    fn new() -> Self {
        let folder = Folder::fresh();
        let path = folder.join("ruhu.db");
        Self { folder, path }
    }

    fn open(&self) -> Result<(Store, Standing), StoreFault> {
        Store::open(&self.path, &FileKey(Zeroizing::new([9; 32])), Zeroizing::new([8; 32]))
    }

    fn disk(&self) -> Disk {
        FILES.into_iter().filter_map(|name| Some((name, fs::read(self.folder.join(name)).ok()?))).collect()
    }

    fn lay(&self, disk: &Disk) {
        for name in FILES.into_iter().chain(["ruhu.db-shm"]) {
            fs::remove_file(self.folder.join(name)).ok();
        }
        for (name, bytes) in disk {
            fs::write(self.folder.join(name), bytes).expect("written");
        }
    }

    /// What is there when nothing was harmed.
    fn views(&self, disk: &Disk) -> String {
        self.lay(disk);
        let (store, standing) = self.open().expect("opens");
        assert_eq!(standing, Standing::Sound);
        store.sound().expect("sound");
        store.dump_views().expect("views")
    }

    /// What is seen of a harm. Panics when nothing is, and something is missing.
    fn see(&self, disk: &Disk, views: &str, harm: &str) -> Seen {
        self.lay(disk);
        let (store, standing) = match self.open() {
            Ok(opened) => opened,
            Err(_) => return Seen::Refused,
        };
        if let Standing::Behind { .. } = standing {
            return Seen::Behind;
        }
        if store.sound().is_err() {
            return Seen::ReadThrough;
        }
        assert_eq!(store.dump_views().expect("views"), views, "{harm}: nobody noticed");
        Seen::Harmless
    }
}

fn write(store: &mut Store, number: u32) {
    let author: PersonId = "zhou".parse().expect("an account");
    let text = format!("村东第{number}家");
    let event = Event::FieldFilled(FieldFilled { field: HouseholdField::Whereabouts, text });
    let file = FileId(u64::from(number).to_be_bytes());
    let wall = Millis(1_796_712_345_000 + i64::from(number) * 60_000);
    store
        .write(&author, wall, |pen| {
            pen.keep_blob(file, Section::Core, "image/png", &number.to_be_bytes().repeat(700))?;
            pen.record(file, Section::Core, &event, Vec::new())
        })
        .expect("written");
}

/// A disk as it stands under a desk that was cut off: what it did last lies in the log ahead. And one that was closed.
fn disks(bench: &Bench) -> [Disk; 2] {
    let key = SigningKey::from_bytes(&[5; 32]).verifying_key();
    let (mut store, _) = bench.open().expect("a new file");
    store.open_journal(JournalId([1; 8]), DeviceId([2; 8]), &key).expect("a journal");
    (1..=20).for_each(|number| write(&mut store, number));
    drop(store);
    let (mut store, _) = bench.open().expect("opens");
    (21..=30).for_each(|number| write(&mut store, number));
    let cut_off = bench.disk();
    drop(store);
    let closed = bench.disk();
    assert!(cut_off.get("ruhu.db-wal").is_some_and(|wal| wal.len() > 40_000) && !closed.contains_key("ruhu.db-wal"));
    [cut_off, closed]
}

#[test]
fn a_flipped_bit_is_found_or_does_no_harm() {
    let bench = Bench::new();
    let mut chance = Chance::of(20_261_129);
    let mut seen: BTreeMap<(&str, Seen), u32> = BTreeMap::new();
    let flips = if slow() { FLIPS * 10 } else { FLIPS };
    for disk in disks(&bench) {
        let views = bench.views(&disk);
        for name in disk.keys().copied() {
            let among = disk.len() * 2;
            for round in 0..flips / among {
                let mut harmed = disk.clone();
                let bytes = harmed.get_mut(name).expect("there");
                // Of the anchor only the first bytes of each slot are anything.
                let at = if name == "ruhu.anchor" {
                    chance.below(2) * 4096 + chance.below(100)
                } else if name == "ruhu.db-wal" && round % 4 == 0 {
                    // The heads of the log and of its pages more often than chance would.
                    let frame = chance.below((bytes.len() - 32) / 4120);
                    [chance.below(32), 32 + frame * 4120 + chance.below(24)][chance.below(2)]
                } else {
                    chance.below(bytes.len())
                };
                if let Some(byte) = bytes.get_mut(at) {
                    *byte ^= 1 << chance.below(8);
                }
                let found = bench.see(&harmed, &views, &format!("{name} at {at}"));
                *seen.entry((name, found)).or_default() += 1;
            }
        }
    }
    let all: u32 = seen.values().sum();
    println!("{all} flips, none unnoticed: {seen:?}");
    assert!(seen.contains_key(&("ruhu.db", Seen::Refused)) && seen.contains_key(&("ruhu.db", Seen::ReadThrough)));
    assert!(seen.contains_key(&("ruhu.db-wal", Seen::Behind)), "commits that are dropped from a log are missed");
    assert!(!seen.keys().any(|(name, found)| *name == "ruhu.anchor" && *found != Seen::Harmless), "{seen:?}");
}

#[test]
fn a_file_that_is_cut_short_is_found_or_does_no_harm() {
    let bench = Bench::new();
    let mut seen: BTreeMap<(&str, Seen), u32> = BTreeMap::new();
    for disk in disks(&bench) {
        let views = bench.views(&disk);
        for name in disk.keys().copied() {
            for length in (0..disk[name].len()).step_by(512) {
                let mut harmed = disk.clone();
                harmed.get_mut(name).expect("there").truncate(length);
                // An empty database is a new one: that is not a home, and the desk says so (`HOME_DAMAGED`).
                if name == "ruhu.db" && length == 0 {
                    continue;
                }
                let found = bench.see(&harmed, &views, &format!("{name} cut at {length}"));
                *seen.entry((name, found)).or_default() += 1;
            }
        }
    }
    println!("cuts at every 512 bytes, none unnoticed: {seen:?}");
    assert!(seen.contains_key(&("ruhu.db-wal", Seen::Behind)) && seen.contains_key(&("ruhu.db", Seen::Refused)));
}

#[test]
fn an_older_file_in_the_place_of_the_newer_is_found_at_every_opening() {
    let bench = Bench::new();
    let key = SigningKey::from_bytes(&[5; 32]).verifying_key();
    let (mut store, _) = bench.open().expect("a new file");
    store.open_journal(JournalId([1; 8]), DeviceId([2; 8]), &key).expect("a journal");
    drop(store);
    let mut states = Vec::new();
    for number in 1..=12 {
        let (mut store, _) = bench.open().expect("opens");
        write(&mut store, number);
        if number % 2 == 0 {
            // As after a crash: the log ahead goes along.
            states.push(bench.disk());
        }
        drop(store);
        states.push(bench.disk());
    }
    let newest = states.last().expect("one").clone();
    let views = bench.views(&newest);
    let mut found = 0;
    for old in states.iter().filter(|old| old["ruhu.anchor"] != newest["ruhu.anchor"]) {
        let mut disk = old.clone();
        disk.insert("ruhu.anchor", newest["ruhu.anchor"].clone());
        assert_eq!(bench.see(&disk, &views, "an older file"), Seen::Behind);
        found += 1;
    }
    assert!(found >= 15, "{found}");
}

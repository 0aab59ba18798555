//! Bundles on sticks that fail: full, locked, pulled out, lying about their size; and bundles far larger than the
//! memory they may take. The sticks are real file systems: ext4 on a megabyte, and one in this process that is unsound
//! on purpose. Where this user may not mount, a test says `skipped` and the plain folders of the store's own tests stand.
#![cfg(target_os = "linux")]
#![allow(
    clippy::as_conversions,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stderr,
    reason = "a test that cannot go on stops"
)]

#[path = "stick/unsound.rs"]
mod unsound;

use std::num::NonZeroU8;
use std::path::Path;
use std::process::Command;

use desk::failure::Code;
use domain::ids::{BundleKey, KeyPrint};
use serde_json::json;
use store::bundle::{BundleFault, BundleSecret, CHANCE, Direction, Envelope, Item};
use store::stick::{self, Filler, StickFault, Written};
use tests::{Folder, PASSPHRASE, SKIPPED, Volume, World, left_by_older};
use unsound::{Nature, Unsound};

fn desk_secret() -> BundleSecret {
    BundleSecret::of_seed(&[1; 32])
}

fn county_secret() -> BundleSecret {
    BundleSecret::of_seed(&[2; 32])
}

fn known(print: KeyPrint) -> Option<BundleKey> {
    Some(desk_secret().key()).filter(|key| key.print() == print)
}

fn kind(n: u8) -> NonZeroU8 {
    NonZeroU8::new(n).expect("a kind")
}

fn write(
    folder: &Path,
    chance: u8,
    fill: impl FnOnce(&mut Filler<'_>) -> Result<(), StickFault>,
) -> Result<Written, StickFault> {
    let from = desk_secret();
    let made_on = chrono::NaiveDate::from_ymd_opt(2026, 11, 20).expect("a day");
    let envelope = Envelope { from: &from, to: county_secret().key(), direction: Direction::Up, made_on };
    stick::write(folder, &envelope, &[chance; CHANCE], fill)
}

/// Two items of `bytes` bytes together.
fn of_bytes(bytes: usize) -> impl FnOnce(&mut Filler<'_>) -> Result<(), StickFault> {
    move |filler| {
        filler.put(kind(1), &vec![0x5a; bytes / 2])?;
        filler.put(kind(2), &vec![0xa5; bytes / 2])
    }
}

/// Every bundle with a name is whole.
fn all_whole(folder: &Path) -> usize {
    let listed = stick::list(folder).expect("a list");
    for bundle in &listed {
        assert_eq!(stick::check(&bundle.path, &county_secret(), known).expect("a whole bundle"), 2, "{bundle:?}");
    }
    listed.len()
}

#[test]
fn a_small_ext4_stick_is_full_read_only_and_pulled_out() {
    let Some(small) = Volume::mounted(1 << 20) else { return eprintln!("{SKIPPED}") };
    let folder = small.at();

    let result = write(folder, 1, of_bytes(3 << 20));
    let Err(StickFault::Full { needed, free: Some(free) }) = result else { panic!("{result:?}") };
    assert!(((3 << 20)..(3 << 20) + 8192).contains(&needed), "{needed} bytes are needed");
    assert!(free > 800_000 && free < 1 << 20, "{free} bytes are free");
    assert_eq!(all_whole(folder), 0);
    // What was said to be free is: the half file is gone.
    write(folder, 2, of_bytes(600_000)).expect("room");
    let result = write(folder, 3, of_bytes(600_000));
    assert!(matches!(result, Err(StickFault::Full { free: Some(left), .. }) if left < 400_000), "{result:?}");
    assert_eq!(all_whole(folder), 1);

    assert!(small.remount("ro"));
    assert!(matches!(write(folder, 4, of_bytes(1000)), Err(StickFault::ReadOnly)));
    assert_eq!(all_whole(folder), 1);
    assert!(small.remount("rw"));

    let result = write(folder, 5, |filler| {
        of_bytes(100_000)(filler)?;
        assert!(small.pull_out());
        Ok(())
    });
    assert!(matches!(result, Err(StickFault::Gone)), "{result:?}");
    assert_eq!(std::fs::read_dir(folder).expect("the folder beneath").count(), 0, "nothing was left on the own disk");
    assert!(small.mount());
    assert_eq!(all_whole(folder), 1);
    write(folder, 6, of_bytes(100_000)).expect("room");
    let halves = std::fs::read_dir(folder)
        .expect("a folder")
        .filter(|entry| entry.as_ref().expect("an entry").path().extension().is_some_and(|ending| ending == "part"));
    assert_eq!((all_whole(folder), halves.count()), (2, 0), "what the pull left was swept");
}

#[test]
fn a_stick_that_lies_about_its_size_is_caught_each_time() {
    let mount = Folder::fresh();
    let Some(stick) = Unsound::plugged_in(mount.path(), true) else { return eprintln!("{SKIPPED}") };
    let size = write(mount.path(), 1, of_bytes(200_000)).expect("a sound stick").bytes;
    assert_eq!(all_whole(mount.path()), 1);
    let mut caught = 0;
    for kept in (0..size).step_by(4096) {
        stick.emptied();
        stick.becomes(Nature { true_room: Some(kept), ..Nature::default() });
        let result = write(mount.path(), 1, of_bytes(200_000));
        assert!(matches!(result, Err(StickFault::ReadBack)), "{kept} of {size}: {result:?}");
        assert!(stick.names().is_empty());
        caught += 1;
    }
    stick.becomes(Nature { true_room: Some(size), ..Nature::default() });
    write(mount.path(), 1, of_bytes(200_000)).expect("just enough");
    assert_eq!(all_whole(mount.path()), 1);
    assert_eq!(caught, size / 4096);
}

#[test]
fn a_stick_pulled_out_at_any_moment_holds_no_half_bundle() {
    let mount = Folder::fresh();
    let Some(stick) = Unsound::plugged_in(mount.path(), false) else { return eprintln!("{SKIPPED}") };
    for moment in 0..1000 {
        stick.emptied();
        stick.becomes(Nature { pulled_out_at: Some(moment), ..Nature::default() });
        let result = write(mount.path(), 1, of_bytes(150_000));
        stick.becomes(Nature::default());
        match result {
            Ok(_) => {
                assert!(moment > 15, "{moment} questions make a bundle");
                assert_eq!(all_whole(mount.path()), 1);
                return;
            }
            // One that had its name already is whole; it was only not confirmed.
            Err(StickFault::Gone) => assert!(all_whole(mount.path()) <= 1),
            Err(other) => panic!("pulled out at {moment}: {other:?}"),
        }
        // Plugged in again, the next bundle finds a clean stick.
        write(mount.path(), 2, of_bytes(150_000)).expect("a sound stick");
        assert!(stick.names().iter().all(|name| name.ends_with(".ruhu")), "{:?}", stick.names());
    }
    panic!("a bundle was never finished");
}

#[test]
fn reading_from_a_stick_that_is_pulled_out_gives_a_beginning_and_says_so() {
    let mount = Folder::fresh();
    let Some(stick) = Unsound::plugged_in(mount.path(), false) else { return eprintln!("{SKIPPED}") };
    let made = write(mount.path(), 1, of_bytes(1_500_000)).expect("a sound stick");
    let mut beginnings = 0;
    for moment in 0..40 {
        stick.becomes(Nature { pulled_out_at: Some(moment), forgotten: true, ..Nature::default() });
        let fault = match stick::open(&made.path, &county_secret(), known) {
            Ok(mut opened) => {
                let items: Vec<Result<Item, StickFault>> = opened.by_ref().collect();
                beginnings += usize::from(items.len() > 1);
                assert_eq!(opened.whole(), items.iter().all(Result::is_ok));
                items.into_iter().find_map(Result::err)
            }
            Err(fault) => Some(fault),
        };
        assert!(matches!(fault, Some(StickFault::Gone) | None), "{moment}: {fault:?}");
        if fault.is_some() {
            assert!(matches!(stick::list(mount.path()), Err(StickFault::Gone)));
        }
    }
    stick.becomes(Nature::default());
    assert_eq!(all_whole(mount.path()), 1);
    assert!(beginnings > 0, "some were cut between two items");
}

#[test]
fn a_full_or_locked_stick_says_how_much_is_lacking() {
    let mount = Folder::fresh();
    let Some(stick) = Unsound::plugged_in(mount.path(), false) else { return eprintln!("{SKIPPED}") };
    for room in (0_u64..400_000).step_by(8192) {
        stick.emptied();
        stick.becomes(Nature { room: Some(room), ..Nature::default() });
        match write(mount.path(), 1, of_bytes(300_000)) {
            Ok(made) => assert!(made.bytes <= room && all_whole(mount.path()) == 1),
            Err(StickFault::Full { needed, free }) => {
                assert!(needed > room && needed == 303_104 && free == Some(room), "{needed} {free:?} {room}");
                assert!(stick.names().is_empty());
            }
            Err(other) => panic!("{room}: {other:?}"),
        }
    }
    stick.emptied();
    stick.becomes(Nature { locked: true, ..Nature::default() });
    assert!(matches!(write(mount.path(), 1, of_bytes(1000)), Err(StickFault::ReadOnly)));
}

/// Large enough that whoever holds it in memory is found out.
const LARGE: usize = 300 << 20;
const PHOTO: usize = 4 << 20;
const CHILD: &str = "RUHU_LARGE_BUNDLE";

#[test]
fn three_hundred_megabytes_pass_through_sixty_four() {
    // The measured part runs in a process of its own, which is this test again.
    if let Some(folder) = std::env::var_os(CHILD) {
        let folder = Path::new(&folder);
        let made = write(folder, 1, |filler| {
            let mut photo = vec![0; PHOTO];
            (0..LARGE / PHOTO).try_for_each(|n| {
                photo.fill(u8::try_from(n).expect("a number"));
                filler.put(kind(9), &photo)
            })
        });
        let made = made.expect("written");
        let mut opened = stick::open(&made.path, &county_secret(), known).expect("opens");
        for (n, item) in opened.by_ref().enumerate() {
            let item = item.expect("an item");
            assert!(item.bytes == vec![u8::try_from(n).expect("a number"); PHOTO]);
        }
        assert!(opened.whole() && made.bytes > LARGE as u64);
        let status = std::fs::read_to_string("/proc/self/status").expect("a status");
        let peak = status.lines().find(|line| line.starts_with("VmHWM")).expect("a peak");
        eprintln!("{peak}");
        return;
    }
    let folder = Folder::fresh();
    let out = Command::new(std::env::current_exe().expect("this program"))
        .args(["--exact", "three_hundred_megabytes_pass_through_sixty_four", "--nocapture"])
        .env(CHILD, folder.path())
        .output()
        .expect("a child");
    let said = String::from_utf8_lossy(&out.stderr);
    let peak = said.lines().find(|line| line.starts_with("VmHWM")).unwrap_or_else(|| panic!("{said}"));
    let kib: u64 = peak.split_whitespace().nth(1).and_then(|number| number.parse().ok()).expect("a number");
    eprintln!("300 MiB written, read back and read: {kib} KiB at the peak");
    assert!(kib <= 64 * 1024, "{peak}");
}

#[test]
fn a_carrier_sorts_bundles_that_it_cannot_read() {
    let folder = Folder::fresh();
    write(folder.path(), 1, of_bytes(100)).expect("written");
    let from = county_secret();
    let made_on = chrono::NaiveDate::from_ymd_opt(2026, 11, 21).expect("a day");
    let envelope = Envelope { from: &from, to: desk_secret().key(), direction: Direction::Down, made_on };
    stick::write(folder.path(), &envelope, &[2; CHANCE], of_bytes(100)).expect("written");
    // Moved to another stick, as a file and unread.
    let other = Folder::fresh();
    let listed = stick::list(folder.path()).expect("a list");
    let mut sorted: Vec<(Direction, KeyPrint)> = Vec::new();
    for bundle in &listed {
        let header = bundle.header.as_ref().expect("a header");
        sorted.push((header.direction, header.receiver));
        std::fs::copy(&bundle.path, other.path().join(bundle.path.file_name().expect("a name"))).expect("a copy");
        let carrier = BundleSecret::of_seed(&[7; 32]);
        let unread = stick::open(&bundle.path, &carrier, known).err();
        assert!(matches!(unread, Some(StickFault::Bundle(BundleFault::ForAnother { .. }))));
    }
    sorted.sort_unstable();
    assert_eq!(
        sorted,
        [(Direction::Up, county_secret().key().print()), (Direction::Down, desk_secret().key().print())]
    );
    let up = other.join("入户-上报-01010101.ruhu");
    assert_eq!(stick::check(&up, &county_secret(), known).expect("whole"), 2);
    let county_key = |_| Some(county_secret().key());
    assert_eq!(stick::check(&other.join("入户-下发-02020202.ruhu"), &desk_secret(), county_key).expect("whole"), 2);
}

#[test]
fn a_desk_and_its_county_hand_each_other_bundles_and_an_older_home_is_told_to_sync() {
    let clock = "2026-12-08T09:00:00+08:00";
    let world = World::at(clock);
    let (mut zhou, liang) = (world.join("zhou", "SCHOOL_DIRECTOR"), world.join("liang", "SCHOOL_DIRECTOR"));
    let stick = Folder::fresh();
    let desk = zhou.door().desk().expect("an open desk");
    let up = desk.write_bundle(stick.path(), |filler| Ok(filler.put(kind(1), "问候".as_bytes())?)).expect("written");
    let (device, items) = world.county().open_bundle(&up.path).expect("opens");
    assert_eq!(items.map(|item| item.expect("an item").bytes).collect::<Vec<_>>(), ["问候".as_bytes()]);
    let down = world.county().write_bundle(stick.path(), device, |filler| Ok(filler.put(kind(2), b"pages")?));
    let down = down.expect("written");
    let mut opened = desk.open_bundle(&down.path).expect("opens");
    assert_eq!(opened.by_ref().map(|item| item.expect("an item").bytes).collect::<Vec<_>>(), [b"pages"]);
    assert!(opened.whole() && opened.header().made_on.to_string() == "2026-12-08");

    // The other desk carries them unread, and its own never pass for the first one's.
    let other = liang.door().desk().expect("an open desk");
    assert_eq!(other.open_bundle(&down.path).err().map(|failure| failure.code), Some(Code::BundleNotOurs));
    let own = other.write_bundle(stick.path(), |filler| Ok(filler.put(kind(1), b"x")?)).expect("written");
    assert_ne!(world.county().open_bundle(&own.path).expect("opens").0, device);
    let bytes = std::fs::read(&up.path).expect("a file");
    std::fs::write(&up.path, &bytes[..2000]).expect("cut");
    let (_, mut items) = world.county().open_bundle(&up.path).expect("its beginning opens");
    assert!(matches!(items.next(), Some(Err(StickFault::Bundle(BundleFault::Cut { at: 2000 })))));
    // Sealed by the county of somebody else.
    let elsewhere = World::at(clock);
    let stranger = elsewhere.join("zhou", "SCHOOL_DIRECTOR").door().desk().expect("an open desk").bundle_key();
    assert_ne!((stranger, elsewhere.county().bundle_key()), (desk.bundle_key(), world.county().bundle_key()));

    // A home of before there were bundles still opens, with the same key of its own.
    let key = desk.bundle_key();
    drop(desk);
    zhou.ask("Lock", json!({}));
    left_by_older(zhou.home(), PASSPHRASE, "bundle_key");
    zhou.reopen(clock);
    let desk = zhou.door().desk().expect("an open desk");
    assert_eq!(desk.bundle_key(), key);
    for refused in [desk.open_bundle(&down.path).err(), desk.write_bundle(stick.path(), |_| Ok(())).err()] {
        let failure = refused.expect("refused");
        assert_eq!(failure.code, Code::BundleKeyMissing);
        assert!(failure.zh.contains("请先联网同步一次"), "{failure}");
    }
}

//! Honest desks in a crowd: each is answered, whatever others do, and a whole county may speak from one address. How long it
//! takes is measured by `bench crowd`.
#![allow(clippy::expect_used, clippy::print_stdout, reason = "a test that cannot go on stops, and says what it saw")]

use tests::World;
use tests::crowd::{behind_one_address, crowded, open_files};

const NOON: &str = "2026-12-08T12:00:00+08:00";

#[test]
fn two_thousand_idle_and_two_hundred_dribbling_connections_keep_no_honest_desk_out() {
    let world = World::at(NOON);
    // Where the system allows fewer open files than that, the crowd is as large as it allows.
    let measured = crowded(&world, 2_000.min(open_files() / 4), 200, 60);
    println!("{measured:?}");
    assert!(measured.idle > 200 && measured.dribbled >= 200, "there was no crowd: {measured:?}");
    assert!(measured.crowded.p99 < 10_000.0, "{measured:?}");
}

#[test]
fn nine_hundred_devices_behind_one_address_are_all_answered() {
    let world = World::at(NOON);
    // Each has about five files open in this one process.
    let devices = 900.min(open_files() / 8);
    assert_eq!(behind_one_address(&world, devices), devices);
}

//! The power goes, of the laptop or of the county: a real file system loses what was not forced to the disk, in the middle of
//! saves and contacts. Whatever was confirmed is there when it comes back, both open without help, and the contact goes on.
#![cfg(target_os = "linux")]
#![allow(
    clippy::expect_used,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a test that cannot go on stops, and tells what it came to"
)]

use std::time::Duration;

use serde_json::json;
use tests::{Begun, Chance, SKIPPED, Story, Volume, slow};

/// How often the power goes in an ordinary run, and in a long one.
const CUTS: (u32, u32) = (30, 200);
/// Bytes of each file system.
const ROOM: u64 = 256 << 20;
/// An answer comes within.
const PATIENCE: Duration = Duration::from_secs(120);
/// A contact is under way for about so long, microseconds.
const MOMENTS: usize = 15_000;
/// What is still open a moment after a kill is let go within so many tries, ten milliseconds each.
const TRIES: u32 = 500;

/// Off and on again: the journal is played back.
fn off_and_on(volume: &Volume) {
    let gone = (0..TRIES).any(|_| {
        let gone = volume.unmount();
        if !gone {
            std::thread::sleep(Duration::from_millis(10));
        }
        gone
    });
    assert!(gone && volume.mount(), "the disk can be mounted again");
}

#[test]
fn nothing_that_was_confirmed_is_lost_when_the_power_goes() {
    let Some((county, laptop)) = Volume::mounted(ROOM).zip(Volume::mounted(ROOM)) else {
        return println!("{SKIPPED}");
    };
    let (begun, cuts) = (Begun::now(), if slow() { CUTS.1 } else { CUTS.0 });
    let mut story = Story::begin();
    story.move_to(&county.at().join("home"), &laptop.at().join("home"));
    county.force();
    laptop.force();
    let mut chance = Chance::of(20_261_130);
    let (mut at_once, mut under_way) = (0_u32, 0_u32);
    for cut in 0..cuts {
        let counts = story.work();
        let at = format!("power cut {cut}");
        let switch = if cut % 2 == 0 { laptop.switch() } else { county.switch() };
        // Also at once after a save was confirmed, with no contact between.
        let quiet = cut % 3 == 0;
        if quiet {
            at_once += 1;
        } else {
            story.zhou.send("Sync", &json!({}));
            std::thread::sleep(Duration::from_micros(u64::try_from(chance.below(MOMENTS)).expect("microseconds")));
        }
        switch.off();
        let over = !quiet && story.zhou.hear(Duration::ZERO).is_ok();
        under_way += u32::from(!quiet && !over);
        if cut % 2 == 0 {
            story.zhou.kill();
            off_and_on(&laptop);
            story.open_again();
        } else {
            story.master.kill();
            off_and_on(&county);
            story.master.again();
            if !quiet && !over {
                story.zhou.hear(PATIENCE).expect("an answer");
            }
        }
        story.nothing_lost(counts, &at);
        story.zhou.ask("Sync", &json!({}));
        story.all_arrived(counts, &at);
    }
    // A run in which the power hardly went during a contact shows little of contacts.
    assert!(at_once >= cuts / 4 && under_way >= cuts / 6, "{at_once} at once, {under_way} in a contact");
    story.end();
    let bound = 300.0 / f64::from(cuts);
    let note = format!("laptop and county by turns, {at_once} right after a save, {under_way} in a contact");
    println!("power: 0 lost in {cuts} cuts ({note}); 95 % bound {bound:.1} %");
    if slow() {
        begun.record(
            "power cuts of ext4 (shutdown without flushing the journal)",
            &format!("{cuts} cuts"),
            &format!("0 failures, 95 % bound {bound:.2} %"),
            &note,
        );
    }
}

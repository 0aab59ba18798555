//! Bundles between the county and devices that it knows: sealed to one, opened from one, and from nobody else.

use std::num::NonZeroU8;
use std::path::PathBuf;

use domain::enrol::{EnrolAsk, Refusal};
use domain::ids::BundleKey;
use domain::words::Role;
use store::bundle::{BundleFault, BundleSecret, CHANCE, Direction, Envelope, Item};
use store::stick::{self, StickFault};

use super::{Desk, World};
use crate::{Clock, County, CountyFault};

fn kind(n: u8) -> NonZeroU8 {
    NonZeroU8::new(n).expect("a kind")
}

/// A folder beside the county's home, gone with it.
fn folder(world: &World) -> PathBuf {
    let folder = world.path().join("stick");
    std::fs::create_dir_all(&folder).expect("a folder");
    folder
}

/// A bundle from a device to the county.
fn up(world: &World, from: &BundleSecret, chance: u8) -> PathBuf {
    let made_on = chrono::NaiveDate::from_ymd_opt(2026, 12, 8).expect("a day");
    let envelope = Envelope { from, to: world.county.bundle_key(), direction: Direction::Up, made_on };
    let put = |filler: &mut stick::Filler<'_>| filler.put(kind(1), b"a greeting");
    stick::write::<StickFault>(&folder(world), &envelope, &[chance; CHANCE], put).expect("written").path
}

fn unknown(world: &World, path: &std::path::Path) -> bool {
    let fault = world.county.open_bundle(path).err();
    matches!(fault, Some(CountyFault::Stick(StickFault::Bundle(BundleFault::UnknownSender { .. }))))
}

#[test]
fn bundles_go_both_ways_between_the_county_and_a_device_that_it_knows() {
    let mut world = World::new("stick");
    let zhou = world.join("zhou", Role::SchoolDirector, &[]);
    let made = world.county.write_bundle(&folder(&world), zhou.device, |filler| Ok(filler.put(kind(9), b"a page")?));
    let made = made.expect("written");
    let name = made.path.file_name().expect("a name").to_string_lossy().into_owned();
    assert!(name.starts_with("入户-下发-"), "{name}");
    let county = world.county.bundle_key();
    let opened = stick::open(&made.path, &zhou.bundle(), |print| Some(county).filter(|key| key.print() == print));
    let mut opened = opened.expect("opens");
    assert_eq!(opened.header().made_on.to_string(), "2026-12-08");
    let items: Vec<Item> = opened.by_ref().map(|item| item.expect("an item")).collect();
    assert!(opened.whole() && items == [Item { kind: kind(9), bytes: b"a page".to_vec() }]);

    let (device, mut opened) = world.county.open_bundle(&up(&world, &zhou.bundle(), 1)).expect("opens");
    assert_eq!((device, opened.next().expect("an item").expect("whole").bytes), (zhou.device, b"a greeting".to_vec()));
    // Opened again by another process, the key is the same.
    let other = County::open(world.path(), Clock::by_hand(std::sync::Arc::clone(&world.time))).expect("a county");
    assert_eq!(other.bundle_key(), county);
    // What `fill` fails with undoes the file.
    let failed = world.county.write_bundle(&folder(&world), zhou.device, |_| Err(CountyFault::Days));
    assert!(matches!(failed, Err(CountyFault::Days)));
    assert_eq!(stick::list(&folder(&world)).expect("a list").len(), 2);
}

#[test]
fn a_device_that_is_unknown_revoked_or_has_said_no_key_gets_and_gives_no_bundle() {
    let mut world = World::new("stick-unknown");
    let write = |world: &World, desk: &Desk| {
        world.county.write_bundle(&folder(world), desk.device, |filler| Ok(filler.put(kind(9), b"a page")?))
    };
    let stranger = world.stranger("zhou");
    assert!(matches!(write(&world, &stranger), Err(CountyFault::NoDevice(device)) if device == stranger.device));
    assert!(unknown(&world, &up(&world, &stranger.bundle(), 1)));
    // An older desk, which does not say its key when it enrols.
    let token = world.token("zhou", Role::SchoolDirector, &[]);
    let old = EnrolAsk { bundle_key: None, ..stranger.ask(token) };
    world.county.enrol(stranger.certificate, &old).expect("enrolled");
    assert!(matches!(write(&world, &stranger), Err(CountyFault::NoBundleKey(device)) if device == stranger.device));
    assert!(unknown(&world, &up(&world, &stranger.bundle(), 2)));
    // It says it later.
    let learnt = world.county.ledger.write(|tx| {
        world.county.learn_bundle_key(tx, stranger.device, &stranger.bundle().key())?;
        world.county.learn_bundle_key(tx, stranger.device, &stranger.bundle().key())
    });
    assert!(learnt.is_ok());
    write(&world, &stranger).expect("written");
    assert_eq!(world.county.open_bundle(&up(&world, &stranger.bundle(), 3)).expect("opens").0, stranger.device);
    // And is revoked.
    world.county.ledger.write(|tx| tx.revoke(stranger.device)).expect("revoked");
    assert!(matches!(write(&world, &stranger), Err(CountyFault::NoDevice(_))));
    assert!(unknown(&world, &up(&world, &stranger.bundle(), 4)));
}

#[test]
fn nobody_takes_the_bundle_key_of_somebody_else() {
    let mut world = World::new("stick-taken");
    let zhou = world.join("zhou", Role::SchoolDirector, &[]);
    let liang = world.stranger("liang");
    let token = world.token("liang", Role::SchoolDirector, &[]);
    for taken in [zhou.bundle().key(), world.county.bundle_key()] {
        let ask = EnrolAsk { bundle_key: Some(taken), ..liang.ask(token) };
        assert_eq!(world.county.enrol(liang.certificate, &ask).err(), Some(Refusal::NotAllowed));
    }
    let reply = liang.enrol(&world.county, token).expect("enrolled");
    assert_eq!(reply.bundle_key, Some(world.county.bundle_key()));
    assert_ne!(reply.bundle_key, Some(BundleKey([0; 32])));
    assert_eq!(world.county.open_bundle(&up(&world, &liang.bundle(), 1)).expect("opens").0, liang.device);
    assert_eq!(world.county.open_bundle(&up(&world, &zhou.bundle(), 2)).expect("opens").0, zhou.device);
}

#[test]
fn the_county_opens_only_what_is_sealed_to_it() {
    let mut world = World::new("stick-other");
    let zhou = world.join("zhou", Role::SchoolDirector, &[]);
    let made = world.county.write_bundle(&folder(&world), zhou.device, |filler| Ok(filler.put(kind(9), b"a page")?));
    let fault = world.county.open_bundle(&made.expect("written").path).err();
    assert!(matches!(fault, Some(CountyFault::Stick(StickFault::Bundle(BundleFault::ForAnother { .. })))));
    let gone = world.county.open_bundle(&folder(&world).join("x.ruhu")).err();
    assert!(matches!(gone, Some(CountyFault::Stick(StickFault::Gone))));
}

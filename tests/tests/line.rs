//! The bad line: blobs go on at the right byte however they are cut and whoever is restarted, a county that is lost in
//! between costs a sentence and nothing else, and a photo comes home through weather in which no flow lives long.
#![allow(
    clippy::disallowed_methods,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test that cannot go on stops, and this one measures"
)]

use std::cell::Cell;
use std::time::{Duration, Instant};

use county::Clock;
use desk::carry::{Carrier, Progress};
use desk::courier::{Courier as _, CourierFault};
use domain::blob::{Piece, Stand};
use domain::enrol::Refusal;
use domain::ids::{FileId, Sha};
use domain::words::Section;
use serde_json::json;
use tests::line::{Cut, Line, Weather};
use tests::{Chance, Envoy, List, World, bytes, failure_code, items, moment, picture, places_in};

const NOON: &str = "2026-12-08T12:00:00+08:00";

/// A county behind a clear line.
fn county(seed: u64) -> (World, Line) {
    let mut line = None;
    let world =
        World::behind(NOON, Clock::practice(moment(NOON)), "127.0.0.1", |at| line.insert(Line::to(at, seed)).address());
    (world, line.expect("a line"))
}

fn noise(seed: u64, bytes: usize) -> Vec<u8> {
    let mut chance = Chance::of(seed);
    (0..bytes).map(|_| u8::try_from(chance.below(256)).expect("a byte")).collect()
}

fn whole(blob: &[u8]) -> Piece {
    let size = u64::try_from(blob.len()).expect("a size");
    Piece { sha: Sha::of(blob), file: FileId([7; 8]), section: Section::Core, size, from: 0 }
}

#[test]
fn a_blob_goes_on_at_the_right_byte_both_ways() {
    let (mut world, line) = county(1);
    let mut envoy = Envoy::enrolled(&world.invite("op1", "CENTRE_OPERATOR"));
    let blob = noise(1, 300 * 1024);
    let piece = whole(&blob);
    let mut chance = Chance::of(11);
    let last = Cell::new(0);
    let watch = |progress: Progress| {
        assert!(progress.done >= last.get(), "progress goes one way");
        last.set(progress.done);
    };
    // Up: 20 cuts at any byte, the county ended and opened again after each fifth.
    for round in 0..4_u64 {
        envoy = envoy.anew();
        line.cut((0..5).map(|_| Cut::Up(3_000 + u64::try_from(chance.below(12 * 1024)).expect("a number"))));
        // Then no flow lives to the end of its greeting.
        line.cut([Cut::Up(200); 40]);
        let broke = Carrier::new(&envoy, &watch).send_blob(&piece, &blob[..]);
        assert!(matches!(broke, Err(CourierFault::Broken(_))), "round {round}: {broke:?}");
        line.cut_no_more();
        last.set(0);
        world.restart();
    }
    let before = line.carried();
    Carrier::new(&envoy, &watch).send_blob(&piece, &blob).expect("sent");
    let resumed = envoy.resumed();
    assert!(resumed.len() > 20, "{resumed:?}");
    assert!(resumed.iter().all(|(stood, from)| stood == from), "{resumed:?}");
    assert!(resumed.iter().any(|(_, from)| *from > 0), "{resumed:?}");
    let rest = piece.size - resumed.last().expect("one").1;
    let sent = line.carried().up - before.up;
    assert!(sent < rest + rest / 20 + 6_000, "only the rest was sent again: {sent} of {rest}");
    assert_eq!(last.get(), piece.size);

    // Down: to another device, which keeps what came.
    line.cut((0..12).map(|_| Cut::Down(4_000 + u64::try_from(chance.below(24 * 1024)).expect("a number"))));
    let other = Envoy::enrolled(&world.invite("op2", "CENTRE_OPERATOR"));
    let here = std::cell::RefCell::new(Vec::new());
    last.set(0);
    let arrived = || Ok::<_, CourierFault>(u64::try_from(here.borrow().len()).expect("a size"));
    let keep = |at: u64, bytes: &[u8]| {
        assert_eq!(arrived().expect("a size"), at);
        here.borrow_mut().extend_from_slice(bytes);
        Ok(())
    };
    Carrier::new(&other, &watch).fetch_blob(piece.sha, arrived, keep).expect("fetched");
    assert_eq!(Sha::of(&here.borrow()), piece.sha);
    assert_eq!(last.get(), piece.size, "no byte came twice");
    assert!(other.resumed().len() > 8);
    assert_eq!(line.cuts_left(), 0);
}

#[test]
fn what_does_not_follow_is_refused_and_a_lying_hash_is_dropped() {
    let (world, line) = county(2);
    let envoy = Envoy::enrolled(&world.invite("op1", "CENTRE_OPERATOR"));
    let blob = noise(2, 50_000);
    let piece = whole(&blob);
    let put = |envoy: &Envoy, piece: &Piece| envoy.put_blob(piece, &blob, &mut |_| {}).expect("an answer");
    let gap = |have| Stand { have, refused: Some(Refusal::Gap), ..Stand::default() };
    assert_eq!(put(&envoy, &Piece { from: 10_000, ..piece }), gap(0));
    line.cut([Cut::Up(30_000)]);
    let envoy = envoy.anew();
    let broken = envoy.put_blob(&piece, &blob, &mut |_| {});
    assert!(broken.is_err(), "{broken:?}");
    let stand = envoy.blob_stand(&piece).expect("a stand");
    assert!((20_000..30_000).contains(&stand.have), "what arrived before the cut is kept: {stand:?}");
    assert_eq!(put(&envoy, &Piece { from: stand.have + 1, ..piece }), gap(stand.have));
    // All of it again does no harm.
    assert!(put(&envoy, &piece).kept);
    // A whole with another hash is dropped in plain words, and may begin again.
    let lie = Piece { sha: Sha::of(b"another"), ..piece };
    let refused = Carrier::new(&envoy, &|_| {}).send_blob(&lie, &blob);
    assert!(matches!(refused, Err(CourierFault::Refused(Refusal::WrongBytes))), "{refused:?}");
    assert_eq!(envoy.blob_stand(&lie).expect("a stand"), Stand::default());
    Carrier::new(&envoy, &|_| {}).send_blob(&Piece { size: 7, ..lie }, b"another").expect("kept");
    // Too large is said before a byte is sent.
    let huge = Piece { size: domain::blob::MOST_BLOB + 1, sha: Sha([9; 32]), ..piece };
    let refused = envoy.put_blob(&huge, &blob, &mut |_| {});
    assert!(matches!(refused, Err(CourierFault::Refused(Refusal::TooLarge))), "{refused:?}");
}

/// A desk of the centre with a family whose receipt is filed with a photo of so many bytes.
fn with_photo(world: &World, size: usize) -> tests::Seat {
    let village = places_in("410423105").into_iter().take(1).map(|(code, _)| code).collect::<Vec<_>>();
    let op = world.operator(&List::of(&village, 2));
    let run = op.ask("PrintLetters", json!({ "which": { "households": op.files(&village[0])[..1] } }));
    let receipt = items(&run["letters"]).iter().find(|row| row["kind"] == "SERVICE_RECEIPT").expect("a receipt");
    let mut photo = picture(1, image::ImageFormat::Jpeg);
    let pad = size - photo.len();
    photo.extend(noise(3, pad));
    op.ask("FileReceipt", json!({ "receipt_no": receipt["doc_no"], "file": bytes("photo.jpg", &photo) }));
    op
}

/// The photos of receipts that a desk knows.
fn photos(seat: &tests::Seat) -> Vec<serde_json::Value> {
    let view = seat.ask("Receipts", json!({}));
    items(&view["rows"]).iter().flat_map(|row| items(&row["pictures"]).clone()).collect()
}

#[test]
fn a_photo_that_broke_off_goes_on_at_the_next_contact() {
    let (mut world, line) = county(3);
    let head = world.enrol("head", "head", "CENTRE_HEAD");
    let op = with_photo(&world, 150_000);
    op.sync();
    // The line dies for good after part of the photo has come.
    line.cut([Cut::Down(60_000)]);
    line.cut([Cut::Down(200); 40]);
    let failure = head.refused("Sync", json!({}));
    assert_eq!(failure_code(&failure), "LINE_BROKEN");
    line.cut_no_more();
    let status = head.ask("Status", json!({}));
    assert_eq!(status["last_failure"]["code"], "LINE_BROKEN", "{status}");
    let photo = photos(&head)[0].clone();
    assert_eq!(photo["here"], false, "{photo}");
    let small = photo["preview"].as_str().expect("its preview came before it");
    let (media, drawn) = head.door().blob(small).expect("kept");
    assert_eq!((media.as_str(), image::guess_format(&drawn).ok()), ("image/jpeg", Some(image::ImageFormat::Jpeg)));
    world.restart();
    let before = line.carried();
    let report = head.sync();
    assert_eq!((&report["blobs_received"], &report["received"]), (&json!(1), &json!(0)), "{report}");
    let came = line.carried().down - before.down;
    assert!((80_000..120_000).contains(&came), "the rest and little more: {came}");
    assert_eq!(head.ask("SyncState", json!({}))["running"], json!(null));
    assert_eq!(photos(&head)[0]["here"], true);
    head.check();
}

#[test]
fn records_and_a_photo_come_home_in_bad_weather() {
    let (world, line) = county(4);
    let op = with_photo(&world, 24 * 1024);
    line.weather(Some(Weather::BAD));
    let begun = Instant::now();
    let desk = op.door().desk().expect("open");
    let watching = std::thread::spawn(move || {
        let mut seen = std::collections::BTreeSet::new();
        while begun.elapsed() < Duration::from_secs(80) {
            match desk.progress() {
                Some(progress) => {
                    assert!(progress.total == 0 || progress.done <= progress.total, "{progress:?}");
                    seen.insert(format!("{:?}", progress.stage));
                }
                None if seen.is_empty() => {}
                None => break,
            }
            std::thread::park_timeout(Duration::from_millis(20));
        }
        seen
    });
    let report = op.sync();
    let took = begun.elapsed();
    assert_eq!(report["blobs_sent"], 1, "{report}");
    let seen = watching.join().expect("watched");
    assert!(seen.contains("PhotosOut") && seen.contains("Greeting"), "{seen:?}");
    let carried = line.carried();
    assert!(took > Duration::from_secs(5), "it was a bad line: {took:?}");
    assert!(took < Duration::from_secs(70), "{took:?} {carried:?}");
    line.weather(None);
    let head = world.join("head", "CENTRE_HEAD");
    assert_eq!(head.sync()["agreed"], true);
}

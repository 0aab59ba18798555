//! How a laptop comes in, how its person changes post, and how both leave: invited, accepted, confirmed by six words that stand
//! on two screens; another role; revoked. Nothing is anybody's right before the county's word.
#![allow(clippy::expect_used, clippy::indexing_slicing, reason = "a test that cannot go on stops")]

use std::sync::Arc;
use std::sync::atomic::AtomicI64;

use chrono::NaiveDate;
use county::{Clock, County, CountyFault, Founding, Invite};
use domain::ids::PersonId;
use domain::words::Role;
use serde_json::{Value, json};
use tests::{Folder, NOON, PASSPHRASE, Seat, World, failure_code, field, items};

const DAY: i64 = 86_400_000;

fn account(name: &str) -> PersonId {
    name.parse().expect("an account")
}

/// An invitation whose device comes in only after its words were compared.
fn invitation(world: &World, name: &str) -> String {
    let invite = Invite {
        account: account(name),
        name: "周启明".to_owned(),
        role: Role::SchoolDirector,
        areas: Vec::new(),
        address: world.address().to_owned(),
        days: 14,
        words: true,
        undertaking: None,
    };
    world.county().invite(&invite).expect("an invitation").code.to_string()
}

fn with(invitation: &str) -> Value {
    json!({ "invitation": invitation, "passphrase": PASSPHRASE })
}

/// Joins in vain; the words that the person is told.
fn words(seat: &Seat, invitation: &str) -> String {
    let failure = seat.refused("Join", with(invitation));
    assert_eq!(failure_code(&failure), "NOT_CONFIRMED", "{failure:?}");
    let words = failure.facts["words"].clone();
    assert!(failure.zh.contains(&words) && words.split(' ').count() == 6, "{failure:?}");
    words
}

#[test]
fn a_laptop_comes_in_after_six_words_were_compared_and_has_no_right_before() {
    let world = World::at(NOON);
    let code = invitation(&world, "zhou");
    let seat = Seat::before(&world.folder().join("zhou"), NOON);
    let said = words(&seat, &code);
    let head = serde_json::to_value(world.county().status().expect("a status")).expect("JSON")["head"].clone();
    assert_eq!(seat.ask("Home", json!({}))["state"], "NONE");
    assert_eq!(failure_code(&seat.refused("Sync", json!({}))), "NO_HOME");
    assert_eq!(words(&seat, &code), said, "asked again it is told the same");

    let waiting = world.county().waiting().expect("a list");
    assert_eq!(waiting.len(), 1);
    assert_eq!((waiting[0].words.as_str(), waiting[0].confirmed), (said.as_str(), false));
    let device = waiting[0].device;
    // Others with the same code, or the same home under another passphrase, are not let in in its place.
    let other = Seat::before(&world.folder().join("other"), NOON);
    assert_eq!(failure_code(&other.refused("Join", with(&code))), "INVITATION_USED");
    let wrong = seat.refused("Join", json!({ "invitation": code, "passphrase": "another sentence of mine 7" }));
    assert_eq!((failure_code(&wrong).as_str(), field(&wrong)), ("WRONG_PASSPHRASE", "passphrase"));
    let five = said.rsplit_once(' ').expect("six words").0;
    for misheard in ["", "大山 大山 大山 大山 大山 大山", five] {
        assert!(matches!(world.county().confirm(device, misheard), Err(CountyFault::WordsDiffer)), "{misheard}");
    }
    assert_eq!(words(&seat, &code), said);
    let now = serde_json::to_value(world.county().status().expect("a status")).expect("JSON")["head"].clone();
    assert_eq!(now, head, "nothing is in the log, no right, no device");

    world.county().confirm(device, &said.replace(' ', "、")).expect("confirmed");
    let about = seat.ask("Join", with(&code));
    assert_eq!(about["person"], "zhou");
    seat.sync();
    assert!(world.county().waiting().expect("a list").is_empty());
    assert!(matches!(world.county().confirm(device, &said), Err(CountyFault::NotWaiting(_))));
    assert_eq!(failure_code(&other.refused("Join", with(&code))), "INVITATION_USED");
}

#[test]
fn a_laptop_that_is_sent_away_comes_not_in_and_a_code_that_was_tried_too_often_is_nobodys_but_whose_who_waits() {
    let world = World::at(NOON);
    let code = invitation(&world, "zhou");
    let seat = Seat::before(&world.folder().join("zhou"), NOON);
    let said = words(&seat, &code);
    let device = world.county().waiting().expect("a list")[0].device;
    world.county().dismiss(device).expect("dismissed");
    assert_eq!(failure_code(&seat.refused("Join", with(&code))), "INVITATION_USED");
    assert!(world.county().waiting().expect("a list").is_empty());
    // A new invitation has other words, also for the same laptop.
    let fresh = invitation(&world, "zhou");
    assert_ne!(words(&seat, &fresh), said);

    // Somebody found a code and tries: nobody but who waits on it gets in any more.
    let tried = invitation(&world, "lin");
    let lin = Seat::before(&world.folder().join("lin"), NOON);
    let said = words(&lin, &tried);
    for number in 0..6 {
        let finder = Seat::before(&world.folder().join(format!("finder{number}")), NOON);
        assert_eq!(failure_code(&finder.refused("Join", with(&tried))), "INVITATION_USED");
    }
    let device = world.county().waiting().expect("a list").iter().find(|one| one.words == said).expect("lin").device;
    world.county().confirm(device, &said).expect("confirmed");
    lin.ask("Join", with(&tried));
}

#[test]
fn whoever_asked_in_time_is_let_in_after_the_code_ran_out() {
    let cell = Arc::new(AtomicI64::new(tests::moment(NOON).0));
    let world = World::with(NOON, Clock::by_hand(Arc::clone(&cell)));
    let (late, code) = (invitation(&world, "lin"), invitation(&world, "zhou"));
    let seat = Seat::before(&world.folder().join("zhou"), NOON);
    let said = words(&seat, &code);
    cell.fetch_add(20 * DAY, std::sync::atomic::Ordering::SeqCst);
    let other = Seat::before(&world.folder().join("lin"), NOON);
    assert_eq!(failure_code(&other.refused("Join", with(&late))), "INVITATION_EXPIRED");
    let device = world.county().waiting().expect("a list")[0].device;
    world.county().confirm(device, &said).expect("confirmed");
    seat.ask("Join", with(&code));
}

#[test]
fn another_post_reaches_the_laptop_and_who_leaves_speaks_no_more() {
    let world = World::at(NOON);
    let (op, zhou, files, _) = world.village(2);
    let open = world.invite("zhou", "CENTRE_OPERATOR");
    world.county().give_role(&account("zhou"), Role::CentralDirector, &[]).expect("another role");
    let other = Seat::before(&world.folder().join("other"), NOON);
    assert_eq!(failure_code(&other.refused("Join", with(&open))), "INVITATION_USED", "it gave the post of before");
    zhou.sync();
    assert_eq!(zhou.ask("About", json!({}))["role"], "CENTRAL_DIRECTOR");
    assert_eq!(zhou.families(), 2, "what is assigned stays");
    assert!(matches!(
        world.county().give_role(&account("nobody"), Role::CentralDirector, &[]),
        Err(CountyFault::NoAccount(_))
    ));

    zhou.ask("EditField", json!({ "household": files[0], "field": "ADDRESS_FOUND", "text": "村东头" }));
    let second = world.invite("zhou", "CENTRE_OPERATOR");
    let revoked = world.county().revoke(&account("zhou")).expect("revoked");
    assert_eq!(revoked.len(), 1);
    assert_eq!(failure_code(&zhou.refused("Sync", json!({}))), "COUNTY_REFUSED");
    assert_eq!(zhou.ask("Status", json!({}))["only_here"], 1, "what it did not send it still has");
    assert!(matches!(world.county().revoke(&account("zhou")), Err(CountyFault::NoAccount(_))), "once is enough");
    let back = Seat::before(&world.folder().join("second"), NOON);
    assert_eq!(
        failure_code(&back.refused("Join", with(&second))),
        "INVITATION_USED",
        "no way back by an open invitation"
    );
    // A new laptop for the same person.
    let again = world.join_as("zhou-again", "zhou", "SCHOOL_DIRECTOR");
    assert_eq!(again.families(), 2);
    op.sync();
    let people = op.ask("People", json!({}));
    assert!(items(&people["people"]).iter().any(|row| row["person"] == "zhou"), "{people}");
}

#[test]
fn outside_practice_no_account_opens_before_training_and_undertaking_are_on_record() {
    let folder = Folder::fresh();
    let founding = Founding { name: "青石县".to_owned(), practice: false, hosts: Vec::new() };
    let county = County::init(&folder.join("county"), &founding, Clock::system()).expect("a county");
    let day = |n| NaiveDate::from_ymd_opt(2026, 11, n).expect("a day");
    let mut invite = Invite {
        account: account("zhou"),
        name: "周启明".to_owned(),
        role: Role::SchoolDirector,
        areas: Vec::new(),
        address: "https://127.0.0.1:1".to_owned(),
        days: 14,
        words: true,
        undertaking: None,
    };
    assert!(matches!(county.invite(&invite), Err(CountyFault::Undertaking(_))));
    invite.undertaking = Some((day(20), day(21)));
    county.invite(&invite).expect("an invitation");
    invite.undertaking = None;
    county.invite(&invite).expect("it is on record for a second laptop");
    let other = Invite { account: account("lin"), ..invite };
    assert!(matches!(county.invite(&other), Err(CountyFault::Undertaking(_))));
}

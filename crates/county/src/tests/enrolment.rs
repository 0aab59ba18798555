//! Invitations and certificates: once, in time, by whom they were meant for.

use domain::enrol::{Invitation, Refusal};
use domain::ids::{JournalId, Sha};
use domain::words::Role;

use super::World;
use crate::{Clock, County, CountyFault, Founding, Invite};

const DAY: i64 = 86_400_000;

#[test]
fn an_invitation_is_used_once_and_answered_again_to_whom_used_it() {
    let mut world = World::new("once");
    let token = world.token("zhou", Role::SchoolDirector, &["410490101"]);
    let zhou = world.stranger("zhou");
    let other = world.stranger("zhou");
    let reply = zhou.enrol(&world.county, token).expect("enrolled");
    assert_eq!((reply.role, reply.areas.len(), reply.file_key.is_none()), (Role::SchoolDirector, 1, true));
    let head = zhou.hello(&world.county).expect("welcome").head;
    // The answer was lost: asked again, even after it ran out, it is the same and changes nothing.
    world.pass(20 * DAY);
    let again = zhou.enrol(&world.county, token).expect("answered again");
    assert_eq!((again.person, again.log, again.master_key), (reply.person, reply.log, reply.master_key));
    assert_eq!(zhou.hello(&world.county).expect("welcome").head, head);
    assert_eq!(other.enrol(&world.county, token).err(), Some(Refusal::InvitationUsed));
    // The right key with another certificate is somebody else on the line.
    let wrong = world.county.enrol(other.certificate, &zhou.ask(token));
    assert_eq!(wrong.err(), Some(Refusal::InvitationUsed));
    assert_eq!(world.county.device_of(zhou.certificate), Ok(zhou.device));
    assert_eq!(world.county.device_of(other.certificate), Err(Refusal::DeviceUnknown));
    assert_eq!(other.hello(&world.county), Err(Refusal::DeviceUnknown));
}

#[test]
fn an_invitation_that_is_late_forged_or_for_another_kind_of_home_is_refused() {
    let mut world = World::new("refused");
    let token = world.token("zhou", Role::SchoolDirector, &[]);
    let zhou = world.stranger("zhou");
    assert_eq!(zhou.enrol(&world.county, [1; 16]).err(), Some(Refusal::InvitationUnknown));
    let ask = zhou.ask(token);
    let real = domain::enrol::EnrolAsk { practice: false, ..ask.clone() };
    assert_eq!(world.county.enrol(zhou.certificate, &real).err(), Some(Refusal::PracticeMismatch));
    let moved = domain::enrol::EnrolAsk { journal: JournalId([99; 8]), ..ask.clone() };
    assert_eq!(world.county.enrol(zhou.certificate, &moved).err(), Some(Refusal::BadProof));
    let cut = domain::enrol::EnrolAsk { key: "12".to_owned(), ..ask };
    assert_eq!(world.county.enrol(zhou.certificate, &cut).err(), Some(Refusal::Malformed));
    world.pass(15 * DAY);
    assert_eq!(zhou.enrol(&world.county, token).err(), Some(Refusal::InvitationExpired));
}

#[test]
fn a_second_device_is_enrolled_without_giving_the_same_role_again() {
    let mut world = World::new("second");
    let first = world.join("op1", Role::CentreOperator, &[]);
    let mut second = world.join("op1", Role::CentreOperator, &[]);
    assert_eq!(first.hello(&world.county).expect("welcome").head.position, 2);
    second.pull(&world);
    let kinds: Vec<&str> = second.holds.values().map(|known| known.fact.kind.as_str()).collect();
    assert_eq!(kinds, ["RoleGiven", "DeviceEnrolled", "DeviceEnrolled"]);
    // The key of household ids is for those who bring lists in.
    let token = world.token("op1", Role::CentreOperator, &[]);
    assert!(first.enrol(&world.county, token).expect("enrolled").file_key.is_some());
    // A laptop is one person's.
    let token = world.token("zhou", Role::SchoolDirector, &[]);
    assert_eq!(first.enrol(&world.county, token).err(), Some(Refusal::NotAllowed));
}

#[test]
fn a_county_is_founded_once_and_only_a_practice_county_takes_a_clock() {
    let world = World::new("founding");
    let founding = Founding { name: "青石县".to_owned(), practice: false, hosts: vec!["10.0.0.7".to_owned()] };
    let twice = County::init(world.path(), &founding, Clock::system());
    assert!(matches!(twice, Err(CountyFault::AlreadyThere(_))));
    let home = world.path().join("real");
    assert!(matches!(County::open(&home, Clock::system()), Err(CountyFault::NotThere(_))));
    let practice = Clock::practice(domain::clock::Millis(0));
    assert!(matches!(County::init(&home, &founding, practice.clone()), Err(CountyFault::ClockOfRealCounty)));
    let county = County::init(&home, &founding, Clock::system()).expect("a county");
    assert!(matches!(County::open(&home, practice), Err(CountyFault::ClockOfRealCounty)));
    let open = County::open(&home, Clock::system()).expect("the same county");
    assert_eq!((open.log(), open.certificate(), open.name()), (county.log(), county.certificate(), "青石县"));
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = std::fs::metadata(home.join("keys.json")).expect("keys").permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
    let ledger = std::fs::read(home.join("ledger.db")).expect("a ledger");
    assert!(!ledger.starts_with(b"SQLite format 3"), "the ledger is encrypted");
}

#[test]
fn invitations_are_checked_when_made_and_carry_the_certificate() {
    let world = World::new("inviting");
    let invite = Invite {
        account: "zhou".parse().expect("an account"),
        name: "周启明".to_owned(),
        role: Role::SchoolDirector,
        areas: vec![],
        address: "https://127.0.0.1:8443/".to_owned(),
        days: 14,
        words: false,
        undertaking: None,
    };
    // Made by another process while this one serves.
    let other = County::open(world.path(), Clock::by_hand(std::sync::Arc::clone(&world.time))).expect("a county");
    let made = other.invite(&invite).expect("an invitation");
    let code: Invitation = made.code.to_string().parse().expect("a code");
    assert_eq!((code.certificate, code.address.as_str()), (world.county.certificate(), "https://127.0.0.1:8443"));
    assert_eq!(made.expires.rfc3339(), "2026-12-22T09:00:00+08:00");
    assert_ne!(code.certificate, Sha([0; 32]));
    let county = Invite { account: "county".parse().expect("an account"), ..invite.clone() };
    assert!(matches!(world.county.invite(&county), Err(CountyFault::ReservedAccount)));
    let plain = Invite { address: "http://127.0.0.1".to_owned(), ..invite.clone() };
    assert!(matches!(world.county.invite(&plain), Err(CountyFault::Address)));
    let never = Invite { days: 0, ..invite };
    assert!(matches!(world.county.invite(&never), Err(CountyFault::Days)));
}

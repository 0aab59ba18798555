//! A save that was confirmed is on the disk: the headless desk is killed at random moments of a loop of saves, and every
//! save it had answered is there afterwards. So it is with the county, killed at random moments of contacts. Nothing is asked
//! of a process before it dies.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a test that cannot go on stops, and says what it came to"
)]

use std::collections::BTreeSet;
use std::process::Command;
use std::time::Duration;

use serde_json::{Value, json};
use tests::{Begun, Chance, PASSPHRASE, Seat, Session, Story, World, items, program, run, slow, text};

const NOON: &str = "2026-12-08T12:00:00+08:00";

/// How often the desk is killed, and the county; in an ordinary run and in a long one.
const KILLS: (u32, u32) = (200, 500);
const COUNTY_KILLS: (u32, u32) = (60, 500);

/// A contact takes about so long, microseconds.
const CONTACT_US: usize = 20_000;

fn kills((ordinary, long): (u32, u32)) -> u32 {
    if slow() { long } else { ordinary }
}

/// Prints the bound, and notes a long run.
fn tell(begun: &Begun, what: &str, kills: u32, note: &str) {
    let bound = 300.0 / f64::from(kills);
    println!("{what}: 0 lost in {kills} kills ({note}); 95 % bound: fewer than {bound:.1} of 100 kills lose anything");
    if slow() {
        begun.record(what, &format!("{kills} kills"), &format!("0 failures, 95 % bound {bound:.2} %"), note);
    }
}

/// The facts of an answer, all of which must be there from now on.
fn confirmed(line: &str, into: &mut BTreeSet<String>, phones: &mut BTreeSet<String>, number: &str) {
    let answer: Value = serde_json::from_str(line).expect("an answer");
    let reply = &answer["ok"]["reply"]["reply"];
    assert!(answer["ok"].is_object(), "a save was refused: {line}");
    match reply.get("visit") {
        Some(visit) => {
            into.insert(text(visit).to_owned());
        }
        None => {
            assert_eq!(items(&reply["facts"]).len(), 1, "{line}");
            phones.insert(number.to_owned());
        }
    }
}

#[test]
fn no_confirmed_save_is_lost_when_the_desk_is_killed() {
    let (begun, kills) = (Begun::now(), kills(KILLS));
    let world = World::at(NOON);
    let (_op, zhou, files, _list) = world.village(4);
    let home = zhou.home().to_owned();
    drop(zhou);

    let mut chance = Chance::of(20_261_220);
    let (mut visits, mut phones): (BTreeSet<String>, BTreeSet<String>) = Default::default();
    let mut saves = 0_u32;
    let mut asked = 0_u64;
    for _ in 0..kills {
        let mut session = Session::begin(&home, NOON);
        let mut sent: Vec<String> = Vec::new();
        let mut answered = 0;
        let until = 1 + chance.below(6);
        // Two calls are always under way, so that the kill falls into a save and not between two.
        while answered < until {
            while sent.len() < answered + 2 {
                asked += 1;
                let file = &files[chance.below(files.len())];
                let number = format!("137{asked:08}");
                if chance.percent(70) {
                    let form = json!({ "on": "2026-12-08", "arrived": format!("{:02}:{:02}:00", 8 + asked / 60 % 4, asked % 60),
                        "purpose": "SERVE", "result": "NOT_MET", "note": format!("第{asked}次") });
                    session.send("RecordVisit", &json!({ "household": file, "visit": form }));
                } else {
                    let with = json!({ "household": file, "number": number, "source": "VILLAGE" });
                    session.send("AddContact", &with);
                }
                sent.push(number);
            }
            let line = session.hear(Duration::from_secs(60)).expect("an answer");
            confirmed(&line, &mut visits, &mut phones, &sent[answered]);
            answered += 1;
        }
        std::thread::sleep(Duration::from_micros(u64::try_from(chance.below(12_000)).expect("microseconds")));
        session.kill();
        // What was answered before the kill and read after it counts too.
        while let Ok(line) = session.hear(Duration::from_secs(10)) {
            confirmed(&line, &mut visits, &mut phones, &sent[answered]);
            answered += 1;
        }
        saves += u32::try_from(answered).expect("a few");
    }

    let checked = run(
        Command::new(program("desk"))
            .args(["check", "--clock", NOON, "--home"])
            .arg(&home)
            .env("RUHU_PASSPHRASE", PASSPHRASE),
        "",
    );
    assert_eq!(checked.code, Some(0), "{}", checked.err);
    assert_eq!(checked.json()["views_equal_rebuild"], true);

    let zhou = Seat::before(&home, NOON);
    zhou.ask("Unlock", json!({ "passphrase": PASSPHRASE }));
    let mut there: (BTreeSet<String>, BTreeSet<String>) = Default::default();
    for file in &files {
        let page = zhou.household(file);
        there.0.extend(items(&page["visits"]).iter().map(|row| text(&row["visit"]).to_owned()));
        there.1.extend(items(&page["contacts"]).iter().map(|row| text(&row["number"]).to_owned()));
    }
    let lost = visits.difference(&there.0).count() + phones.difference(&there.1).count();
    assert_eq!(lost, 0);
    tell(&begun, "desk killed at random moments of saves", kills, &format!("{saves} saves confirmed"));
    assert_eq!(
        visits.len() + phones.len(),
        usize::try_from(saves).expect("a number"),
        "every answer names a fact of its own"
    );

    // And the county takes it all, in order, without a gap.
    zhou.sync();
    let report = zhou.sync();
    assert_eq!((&report["sent"], &report["received"]), (&json!(0), &json!(0)));
    zhou.check();
}

#[test]
fn no_acknowledged_work_is_lost_when_the_county_is_killed() {
    let (begun, kills) = (Begun::now(), kills(COUNTY_KILLS));
    let mut story = Story::begin();
    let mut chance = Chance::of(20_261_221);
    let mut under_way = 0_u32;
    for kill in 0..kills {
        let counts = story.work();
        story.zhou.send("Sync", &json!({}));
        std::thread::sleep(Duration::from_micros(u64::try_from(chance.below(CONTACT_US)).expect("microseconds")));
        story.master.kill();
        let over = story.zhou.hear(Duration::ZERO).is_ok();
        under_way += u32::from(!over);
        story.master.again();
        if !over {
            story.zhou.hear(Duration::from_secs(120)).expect("an answer");
        }
        let at = format!("kill {kill}");
        story.nothing_lost(counts, &at);
        story.zhou.ask("Sync", &json!({}));
        story.all_arrived(counts, &at);
    }
    story.end();
    // Of kills after a contact nothing is learned.
    assert!(under_way >= kills / 6, "{under_way} of {kills} kills fell into a contact");
    tell(&begun, "county killed at random moments of contacts", kills, &format!("{under_way} contacts were under way"));
}

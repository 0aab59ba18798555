//! Sticks: the product's own sealed bundles, written by desks, carried for hours to a month, plugged in twice, out of
//! order, damaged or at other people's laptops, answered by the county and brought back. It must never open a bundle: what
//! lies on a stick is the programs' to read.

use std::time::{Duration, UNIX_EPOCH};

use desk::api::{BundleIn, BundleOut, BundleState, Call, Reply};

use super::faults::Fault;
use super::truth::Ledger;
use super::world::Sim;

/// A stick with bundles on it.
#[derive(Debug, Clone)]
pub struct Stick {
    /// What lies on it.
    path: std::path::PathBuf,
    /// Whose it is.
    seat: usize,
    /// When it is plugged in next.
    due: i64,
    /// It was at the county and comes home.
    answered: bool,
}

impl Sim {
    /// How long a stick is on its way, milliseconds: hours to a month.
    fn way(&mut self) -> i64 {
        // Most within two days, or an answer would never find its laptop where it asked.
        let most = if self.chance.percent(65) { 48 } else { 30 * 24 };
        3_600_000 * i64::try_from(1 + self.chance.below(most)).expect("small")
    }

    /// Somebody writes what the county does not have on a stick, and it goes on its way.
    pub fn stick_out(&mut self, seat: usize) {
        let path = self.folder("stick");
        let carry = self.chance.percent(50);
        let way = self.way();
        let due = self.wire().clocks.now() + way;
        if self.write_stick(seat, &path, carry) {
            self.sticks.push(Stick { path, seat, due, answered: false });
        }
    }

    fn write_stick(&mut self, seat: usize, path: &std::path::Path, carry: bool) -> bool {
        let folder = path.to_str().expect("a path in letters").to_owned();
        let reply = self.ask(seat, Call::BundleOut(BundleOut { folder, most_mb: None, carry }));
        if let Some(Reply::BundleOut(sent)) = &reply {
            self.say(|| format!("laptop {seat} writes a stick: {} records", sent.records));
        }
        reply.is_some()
    }

    /// A stick is plugged in at a laptop, which takes what is for it and, where `carry`, the rest along.
    fn read_stick(&mut self, seat: usize, path: &std::path::Path, carry: bool) {
        let from = path.to_str().expect("a path in letters").to_owned();
        let device = self.seats[seat].device;
        {
            let mut wire = self.wire();
            let head = Ledger::head(&wire.home);
            wire.heard.length(head);
            wire.heard.stick(device);
        }
        let Some(Reply::BundleIn(taken)) = self.ask(seat, Call::BundleIn(BundleIn { from, carry })) else { return };
        let states: Vec<BundleState> = taken.rows.iter().map(|row| row.state).collect();
        self.say(|| format!("laptop {seat} reads a stick: {states:?}, received {}", taken.received));
        if states.contains(&BundleState::Taken) {
            self.wire().counts.note(Fault::AnswerCarried);
        }
        // What the county says by hand may be that it was restored; then work is only here again.
        self.seats[seat].only_here = None;
        self.date_what_is_carried(seat);
    }

    /// Sticks whose day has come are plugged in.
    pub fn sticks(&mut self) {
        let now = self.wire().clocks.now();
        let mut due: Vec<usize> = (0..self.sticks.len()).filter(|at| self.sticks[*at].due <= now).collect();
        if due.is_empty() {
            return;
        }
        let all: Vec<usize> = (0..self.sticks.len()).collect();
        let shuffled = all.len() > 1 && self.strikes(Fault::StickShuffled);
        if shuffled {
            // Whoever goes to the county takes all that lie there.
            due = all;
        }
        let mut carried: Vec<Stick> = due.iter().rev().map(|at| self.sticks.remove(*at)).collect();
        if !shuffled {
            carried.reverse();
        }
        for stick in carried {
            let times = if self.strikes(Fault::StickTwice) { 2 } else { 1 };
            if stick.answered {
                let carry = self.chance.percent(30);
                for _ in 0..times {
                    self.read_stick(stick.seat, &stick.path, carry);
                }
            } else {
                self.at_the_county(stick, times);
            }
        }
    }

    fn at_the_county(&mut self, mut stick: Stick, times: u32) {
        let damaged = self.strikes(Fault::StickDamaged) && self.damage(&stick.path);
        let mut answers = 0;
        for _ in 0..times {
            let report = self.wire().county().bundles_in(&stick.path, &stick.path);
            let report = report.unwrap_or_else(|fault| panic!("I0 the county and a stick: {fault:?}"));
            assert!(!damaged || !report.left.is_empty(), "I6 a damaged bundle was taken");
            answers = report.answers.len();
            self.say(|| {
                let left: Vec<&str> = report.left.iter().map(|left| left.why.as_str()).collect();
                format!("the county takes {} bundles of laptop {}, left {left:?}", report.taken.len(), stick.seat)
            });
        }
        if answers > 0 {
            let way = self.way();
            stick.due = self.wire().clocks.now() + way;
            stick.answered = true;
            self.sticks.push(stick);
        }
    }

    /// Spoils one of the bundles on a stick; its laptop still has what is in it.
    fn damage(&mut self, path: &std::path::Path) -> bool {
        let mut found: Vec<_> =
            std::fs::read_dir(path).expect("a stick").map(|entry| entry.expect("a file").path()).collect();
        found.sort();
        // An answer that lies there is none of the county's business.
        let up: Vec<_> = found
            .into_iter()
            .filter(|path| path.file_name().is_some_and(|name| name.to_string_lossy().contains("上报")))
            .collect();
        let Some(one) = (!up.is_empty()).then(|| self.chance.one(&up).clone()) else { return false };
        let mut bytes = std::fs::read(&one).expect("a bundle");
        let at = self.chance.below(bytes.len());
        if self.chance.percent(50) {
            bytes.truncate(at);
        } else {
            bytes[at] ^= 1 << self.chance.below(8);
        }
        std::fs::write(&one, bytes).expect("a bundle");
        true
    }

    /// Two people meet, and each takes along what the other has: bundles for the county, answers for whomever.
    pub fn two_meet(&mut self, one: usize) {
        let other = self.chance.below(self.seats.len());
        if other == one {
            return;
        }
        for (from, to) in [(one, other), (other, one)] {
            let path = self.folder("met");
            if self.write_stick(from, &path, true) {
                self.read_stick(to, &path, true);
            }
        }
    }

    /// What a laptop carries for others is told apart by when it came: by a clock of this world, not of the machine.
    pub fn date_what_is_carried(&mut self, seat: usize) {
        let Ok(entries) = std::fs::read_dir(self.seats[seat].home.join("carried")) else { return };
        let mut paths: Vec<_> = entries.map(|entry| entry.expect("a file").path()).collect();
        paths.sort();
        // No file is from before the year 2000 by itself.
        let own = UNIX_EPOCH + Duration::from_secs(946_684_800);
        for path in paths {
            let modified = std::fs::metadata(&path).and_then(|found| found.modified()).expect("a date");
            if modified > own {
                let serial = self.next();
                let file = std::fs::File::options().write(true).open(&path).expect("a bundle");
                file.set_modified(UNIX_EPOCH + Duration::from_secs(serial)).expect("a date");
            }
        }
    }

    /// All sticks that are still on their way arrive, and what the county says to them.
    pub fn all_sticks(&mut self) {
        for _ in 0..2 {
            for stick in &mut self.sticks {
                stick.due = 0;
            }
            self.sticks();
        }
        self.sticks.clear();
    }
}

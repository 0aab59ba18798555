//! The fault menu: what may go wrong, how often in this seed, and how often it did. A seed draws which kinds are on at
//! all (a swarm) and their rates, so that rare pairs meet. Nothing here does a fault: whoever it happens to does.

use crate::chance::Chance;

macro_rules! faults {
    ($($(#[$doc:meta])* $kind:ident = $name:literal;)+) => {
        /// A kind of fault.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Fault { $($(#[$doc])* $kind,)+ }

        impl Fault {
            /// Every kind.
            pub const ALL: &'static [Self] = &[$(Self::$kind,)+];
            /// Its name in summaries.
            pub fn name(self) -> &'static str {
                match self { $(Self::$kind => $name,)+ }
            }
        }
    };
}

faults! {
    /// A message never arrives.
    LostBefore = "lost_before";
    /// A message does its work and the answer never arrives.
    LostAfter = "lost_after";
    /// From one message on no answer comes back any more.
    OneWay = "one_way";
    /// A message arrives twice.
    Repeated = "repeated";
    /// A push of hours or weeks ago arrives again.
    Replayed = "replayed";
    /// An older push arrives just before a newer one.
    Reordered = "reordered";
    /// A byte is another.
    Corrupted = "corrupted";
    /// The end is missing.
    Truncated = "truncated";
    /// The line goes between two pages.
    CutBetweenPages = "cut_between_pages";
    /// The desk's program dies at a message, its database with a hot write-ahead log.
    DeskKilled = "desk_killed";
    /// The desk's program dies between two acts.
    DeskReopened = "desk_reopened";
    /// The county dies at a message, before or after its work.
    CountyKilled = "county_killed";
    /// A desk's folder is put back to an older copy.
    DeskRestored = "desk_restored";
    /// A desk's database is put back to an older copy, its anchor is not.
    DeskRolledBack = "desk_rolled_back";
    /// A desk's folder is copied to another laptop and both go on.
    DeskCloned = "desk_cloned";
    /// The county's ledger is put back to an older copy.
    CountyRestored = "county_restored";
    /// A slot of the anchor is torn.
    AnchorTorn = "anchor_torn";
    /// What a laptop has for the county goes there on a stick, sealed, for hours to a month.
    StickCarried = "stick_carried";
    /// The county's answer comes back by hand, and the laptop takes it.
    AnswerCarried = "answer_carried";
    /// A bundle is cut short, or a bit of it is another.
    StickDamaged = "stick_damaged";
    /// Two people meet and each takes the other's bundles along, unread.
    StickByOthers = "stick_by_others";
    /// A stick is plugged in twice.
    StickTwice = "stick_twice";
    /// The sticks are plugged in out of order.
    StickShuffled = "stick_shuffled";
    /// A clock is off by up to ten years.
    ClockOff = "clock_off";
    /// A clock jumps by up to a day, either way.
    ClockJumped = "clock_jumped";
    /// A clock stands.
    ClockFrozen = "clock_frozen";
    /// A clock runs fast or slow.
    ClockDrifted = "clock_drifted";
    /// A person clicks twice.
    DoubleClick = "double_click";
    /// A laptop's disk has no more room for a while, and something could not be saved.
    DiskFull = "disk_full";
}

/// Kinds of faults.
pub const KINDS: usize = Fault::ALL.len();

fn at(fault: Fault) -> usize {
    Fault::ALL.iter().position(|known| *known == fault).expect("every fault is in its list")
}

/// How often each kind of fault happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Counts(pub [u32; KINDS]);

impl Default for Counts {
    fn default() -> Self {
        Self([0; KINDS])
    }
}

impl Counts {
    /// Counts one.
    pub fn note(&mut self, fault: Fault) {
        self.0[at(fault)] += 1;
    }

    /// How often this kind did.
    pub fn of(&self, fault: Fault) -> u32 {
        self.0[at(fault)]
    }

    /// All together.
    pub fn sum(&self) -> u32 {
        self.0.iter().sum()
    }
}

/// Which kinds are on in this seed and how often, in ten thousand occasions.
#[derive(Debug, Clone)]
pub struct Swarm([u32; KINDS]);

impl Swarm {
    /// The swarm of a seed; kinds in `without` stay off and change no other draw.
    pub fn drawn(chance: &mut Chance, without: &[Fault]) -> Self {
        let mut rates = [0; KINDS];
        for (rate, fault) in rates.iter_mut().zip(Fault::ALL) {
            if chance.percent(45) {
                // Base rates: messages are many, steps fewer, and some faults weigh heavily.
                let base = match fault {
                    Fault::LostBefore | Fault::LostAfter => 400,
                    Fault::OneWay | Fault::Repeated | Fault::Corrupted | Fault::Truncated => 250,
                    Fault::Reordered => 900,
                    Fault::CutBetweenPages => 700,
                    Fault::DeskKilled | Fault::CountyKilled => 120,
                    Fault::StickCarried => 1_000,
                    // Counted when one is taken: how often is nobody's draw.
                    Fault::AnswerCarried => 0,
                    Fault::StickDamaged => 1_000,
                    Fault::StickByOthers => 150,
                    Fault::StickTwice | Fault::StickShuffled => 4_000,
                    Fault::DoubleClick => 500,
                    Fault::DeskReopened | Fault::AnchorTorn => 130,
                    Fault::DiskFull => 60,
                    Fault::Replayed => 150,
                    Fault::DeskRestored | Fault::DeskRolledBack | Fault::DeskCloned | Fault::CountyRestored => 45,
                    Fault::ClockOff | Fault::ClockJumped | Fault::ClockFrozen | Fault::ClockDrifted => 90,
                };
                let rate_drawn = base * u32::try_from(1 + chance.below(4)).expect("small") / 2;
                *rate = if without.contains(fault) { 0 } else { rate_drawn };
            }
        }
        Self(rates)
    }

    /// No faults at all.
    pub fn calm() -> Self {
        Self([0; KINDS])
    }

    /// Whether this kind strikes in this seed at all.
    pub fn has(&self, fault: Fault) -> bool {
        self.0[at(fault)] > 0
    }

    /// Whether this kind strikes now. The series of draws is the same whether it is on or not.
    pub fn strikes(&self, fault: Fault, chance: &mut Chance) -> bool {
        chance.below(10_000) < usize::try_from(self.0[at(fault)]).expect("small")
    }
}

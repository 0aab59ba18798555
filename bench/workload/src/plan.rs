//! What a device does in its day, before any text: which families it visits in which order, what it writes there, when.
//! Nothing here may draw a text: a plan is made again wherever one of its places is asked for.

use std::ops::Range;

use crate::dice::Dice;
use crate::{Size, Unfit};

/// What an edit will be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Task {
    /// A field of the family at hand.
    Field(u8),
    /// A field of somebody else's family, heard of on the way: one of two concurrent sets.
    Foreign,
    /// A number told at the door.
    Phone,
    /// The visit itself, begun at this second of the day.
    Visit { arrived_s: u32 },
}

/// One edit without its text, with the bits of the draws that placed it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Step {
    pub(crate) record: u32,
    pub(crate) at_s: u32,
    pub(crate) task: Task,
    pub(crate) bits: f64,
}

/// The morning starts at half past eight, and within an hour for everyone.
pub(crate) const MORNING_S: u32 = 30_600;
pub(crate) const STARTS_WITHIN_S: u32 = 3_600;
/// Seconds between two edits at one door, and on the way to the next, first–last.
pub(crate) const AT_DOOR_S: (u32, u32) = (5, 132);
pub(crate) const ON_WAY_S: (u32, u32) = (60, 571);
/// Houses from one door to the next that is worked: mostly the next, at most eight on, as weights.
pub(crate) const STRIDES: [u32; 8] = [64, 16, 8, 4, 4, 2, 1, 1];

/// How many visits, and how many of them bring a number, of so many edits: a quarter of the edits are visits, 15 % are
/// numbers, the rest are fields.
pub(crate) fn visits(edits_each: u32) -> (u32, u32) {
    let hundredths = |share: u32| u64::from(edits_each).saturating_mul(u64::from(share)) / 100;
    let [visits, phones] = [25, 15].map(|share| u32::try_from(hundredths(share)).unwrap_or(u32::MAX));
    (visits, phones)
}

/// The day of a device that works `families`, with a foreign edit at the beginning of the visits of these numbers.
pub(crate) fn plan(
    seed: u64,
    size: &Size,
    device: u32,
    families: Range<u32>,
    foreign: &[u32],
) -> Result<Vec<Step>, Unfit> {
    let mut dice = Dice::new(seed, [device, 0]);
    let (visits, phones) = visits(size.edits_each);
    let mut phones_left = phones;
    let mut steps: Vec<Step> = Vec::new();
    let mut doors: Vec<u32> = families.collect();
    let mut at = dice.of(u32::try_from(doors.len()).unwrap_or(u32::MAX));
    let mut now = MORNING_S.saturating_add(dice.of(STARTS_WITHIN_S));

    // What is left over of four edits a visit is said of one more family, without a visit.
    let rest = size.edits_each.saturating_sub(visits.saturating_mul(4));
    for visit in 0..visits.saturating_add(u32::from(rest > 0)) {
        let is_visit = visit < visits;
        if visit > 0 {
            at = at.saturating_add(dice.weighted(&STRIDES));
        }
        // Whoever reaches the last house goes on at the first; no door is knocked at twice.
        let place = at.checked_rem(u32::try_from(doors.len()).unwrap_or(u32::MAX)).ok_or(Unfit::Families)?;
        at = place;
        let record = doors.remove(usize::try_from(place).unwrap_or(0));
        let with_phone = is_visit && {
            let visits_left = visits.saturating_sub(visit);
            dice.chance(phones_left, visits_left)
        };
        phones_left = phones_left.saturating_sub(u32::from(with_phone));

        let mut tasks: Vec<Option<Task>> = Vec::new();
        let mut fields = match (is_visit, with_phone) {
            (true, true) => 2,
            (true, false) => 3,
            (false, _) => rest,
        };
        if foreign.contains(&visit) {
            tasks.push(Some(Task::Foreign));
            fields = fields.saturating_sub(1);
        }
        // Which field is drawn when its turn comes, so that the draw counts for its own edit.
        tasks.extend((0..fields).map(|_| None));
        tasks.extend(with_phone.then_some(Some(Task::Phone)));
        let mut fields_left: Vec<u8> = (0..size.fields).collect();
        let mut arrived_s = None;
        for (place, task) in (0_u32..).zip(tasks) {
            now = now.saturating_add(gap(&mut dice, visit, place));
            let task = match task {
                Some(task) => task,
                None => Task::Field(dice.take(&mut fields_left).ok_or(Unfit::Fields)?),
            };
            if task != Task::Foreign {
                arrived_s.get_or_insert(now);
            }
            steps.push(Step { record, at_s: now, task, bits: dice.bits() });
        }
        if is_visit {
            now = now.saturating_add(gap(&mut dice, visit, 1));
            let task = Task::Visit { arrived_s: arrived_s.unwrap_or(now) };
            steps.push(Step { record, at_s: now, task, bits: dice.bits() });
        }
    }
    Ok(steps)
}

/// Seconds since the edit before; the day's first has its time already.
fn gap(dice: &mut Dice, visit: u32, place: u32) -> u32 {
    match (visit, place) {
        (0, 0) => 0,
        (_, 0) => dice.within(ON_WAY_S.0, ON_WAY_S.1),
        _ => dice.within(AT_DOOR_S.0, AT_DOOR_S.1),
    }
}

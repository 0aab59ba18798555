//! One day of a county's field work, made from a seed: what the product and other libraries are measured on.
//!
//! 35,000 families in 556 villages, 300 devices with 100 edits each: fields (60 %), phone numbers (15 %) and visits with
//! a note (25 %), house by house; 600 of the field sets are pairs, two devices that have not seen each other setting one
//! field. The generator counts the Shannon bits of every draw it makes, so the entropy of the day is known, not
//! estimated: what every reader has beforehand (families, vocabulary, names of fields, who works where) counts nothing.
//! It must never lean on product code, a clock or the machine's randomness: the same seed is the same day everywhere.

mod dice;
mod plan;
mod text;
mod words;

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;

use dice::Dice;
use plan::{Step, Task, plan};
use words::{FIELDS, KIN};

/// How large the day is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Size {
    /// Families.
    pub records: u32,
    /// Devices, at most as many as villages; each works its own villages.
    pub devices: u32,
    /// Edits of each device.
    pub edits_each: u32,
    /// Fields of a family that are edited, 3 to 25: the first so many of [`field_name`].
    pub fields: u8,
}

impl Size {
    /// The day that figures are quoted for: 35,000 families, 300 devices, 100 edits each, 25 fields.
    pub const COUNTY: Self = Self { records: 35_000, devices: 300, edits_each: 100, fields: 25 };

    /// Edits of the whole day.
    pub fn edits(&self) -> u32 {
        self.devices.saturating_mul(self.edits_each)
    }
}

/// Why no day of this size can be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unfit {
    /// Fewer than 3 fields, or more than there are names for.
    Fields,
    /// No device, or more devices than villages.
    Devices,
    /// A device has more visits than families.
    Families,
    /// A pair of concurrent edits needs two devices.
    Pairs,
}

impl fmt::Display for Unfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Fields => "there must be 3 to 25 fields",
            Self::Devices => "there must be a device, and not more devices than villages",
            Self::Families => "a device has more visits to make than families",
            Self::Pairs => "two concurrent edits need two devices",
        })
    }
}

impl std::error::Error for Unfit {}

/// One thing that one person wrote on one device.
#[derive(Debug, Clone, PartialEq)]
pub struct Edit {
    /// The device.
    pub device: u32,
    /// The family.
    pub record: u32,
    /// The family's village.
    pub village: u32,
    /// When, in seconds since midnight.
    pub at_s: u32,
    /// What.
    pub what: What,
    /// Shannon bits of the draws that decided this edit.
    pub bits: f64,
}

/// What an edit says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum What {
    /// A field has this value; the last one counts, two concurrent ones are both kept by whoever can.
    FieldSet {
        /// The field's number, below [`Size::fields`].
        field: u8,
        /// The value.
        text: String,
    },
    /// A phone number, added to the family's set.
    PhoneAdded {
        /// Eleven digits.
        number: String,
        /// Whose it is, in relation to the borrower.
        relation: &'static str,
    },
    /// A visit, never changed later.
    VisitEvent(Visit),
}

/// A visit in plain pieces, about 200 bytes; numbers stand for words of the caller's own lists.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Visit {
    /// Arrival, in minutes since midnight.
    pub arrived_min: u16,
    /// Minutes until leaving.
    pub stayed_min: u8,
    /// Why, one of [`Visit::PURPOSES`].
    pub purpose: u8,
    /// What came of it, one of [`Visit::RESULTS`]; below 3 somebody was met.
    pub result: u8,
    /// What the family says of itself, one bit for each of [`Visit::SITUATIONS`]; bit 1 exactly with a promised day.
    pub situations: u16,
    /// Only children were at home; never when somebody was met.
    pub only_children: bool,
    /// Who was met, if somebody was: relation and name.
    pub met: Option<(&'static str, String)>,
    /// The day named for paying, in days from the visit.
    pub pledged_in_days: Option<u8>,
    /// What comes next, and in how many days.
    pub next: Option<(String, u8)>,
    /// The note, 40 to 66 characters.
    pub note: String,
}

impl Visit {
    /// Purposes there are.
    pub const PURPOSES: u8 = 4;
    /// Results there are: borrower, co-borrower or family met; nobody in, moved, no such address, refused.
    pub const RESULTS: u8 = 7;
    /// Situations there are.
    pub const SITUATIONS: u8 = 10;

    const PURPOSE_WEIGHTS: [u32; 4] = [8, 4, 3, 1];
    const RESULT_WEIGHTS: [u32; 7] = [3, 5, 4, 4, 2, 1, 1];
    const PLEDGED: u8 = 1;

    /// Pieces but for the note as one line, then the note: about 200 bytes for who keeps an event as plain bytes.
    pub fn line(&self) -> String {
        let number = |value: Option<u8>| value.map(|value| value.to_string()).unwrap_or_default();
        let (relation, name) = self.met.as_ref().map_or(("", ""), |(relation, name)| (relation, name.as_str()));
        let (step, days) = self.next.as_ref().map_or(("", None), |(step, days)| (step.as_str(), Some(*days)));
        format!(
            "{}|{}|{}|{}|{}|{}|{relation}|{name}|{}|{step}|{}|{}",
            self.arrived_min,
            self.stayed_min,
            self.purpose,
            self.result,
            self.situations,
            u8::from(self.only_children),
            number(self.pledged_in_days),
            number(days),
            self.note,
        )
    }
}

/// Two devices that set one field of one family without having seen each other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conflict {
    /// The family.
    pub record: u32,
    /// Its village.
    pub village: u32,
    /// The field.
    pub field: u8,
    /// Whose village it is, and who only heard something there.
    pub devices: [u32; 2],
    /// What each wrote; never the same.
    pub texts: [String; 2],
}

/// A pair with where its two halves stand in their devices' days, and what they cost.
#[derive(Debug, Clone)]
struct Pair {
    conflict: Conflict,
    places: [usize; 2],
    text_bits: [f64; 2],
    /// Of the draws that chose the family: they count for the device that is foreign there.
    choice_bits: f64,
}

/// A day of field work. It holds little; edits are made again from the seed each time they are asked for.
#[derive(Debug, Clone)]
pub struct Workload {
    seed: u64,
    size: Size,
    pairs: Vec<Pair>,
    /// (device, place in its day) → (pair, which half).
    halves: BTreeMap<(u32, usize), (usize, usize)>,
    bits: f64,
}

/// Families of a village, about.
const VILLAGE: u32 = 63;

/// Streams of draws that belong to no device stand beyond all of them.
const PAIRS: u32 = u32::MAX;
const BASELINE: u32 = u32::MAX - 1;

/// The name of a field, below 25.
pub fn field_name(field: u8) -> Option<&'static str> {
    FIELDS.get(usize::from(field)).map(|(name, _)| *name)
}

/// `part` of `parts` of `whole`, as the first one of it.
fn share(whole: u32, part: u32, parts: u32) -> u32 {
    let first = u64::from(whole).saturating_mul(u64::from(part)).checked_div(u64::from(parts)).unwrap_or(0);
    u32::try_from(first).unwrap_or(u32::MAX)
}

impl Workload {
    /// The day of this seed and size.
    ///
    /// # Errors
    /// A size that no day can have.
    pub fn new(seed: u64, size: Size) -> Result<Self, Unfit> {
        if size.fields < 3 || usize::from(size.fields) > FIELDS.len() {
            return Err(Unfit::Fields);
        }
        let mut day = Self { seed, size, pairs: Vec::new(), halves: BTreeMap::new(), bits: 0.0 };
        if day.size.devices == 0 || day.size.devices > day.villages() {
            return Err(Unfit::Devices);
        }
        day.pair_up()?;
        let mut bits = 0.0;
        for device in 0..day.size.devices {
            // Here every plan is made once, so that a size that does not fit is told before anybody measures.
            bits += day.day_of(device)?.iter().map(|edit| edit.bits).sum::<f64>();
        }
        day.bits = bits;
        Ok(day)
    }

    /// The size it was made with.
    pub fn size(&self) -> &Size {
        &self.size
    }

    /// Number of villages: about 63 families each, ids in village order.
    pub fn villages(&self) -> u32 {
        self.size.records.div_ceil(VILLAGE)
    }

    /// The families of a village.
    pub fn families(&self, village: u32) -> Range<u32> {
        let villages = self.villages();
        share(self.size.records, village, villages)..share(self.size.records, village.saturating_add(1), villages)
    }

    /// The village of a family.
    pub fn village_of(&self, record: u32) -> u32 {
        // The last village that does not begin behind the family.
        let product = u64::from(record).saturating_add(1).saturating_mul(u64::from(self.villages()));
        let village = product.saturating_sub(1).checked_div(u64::from(self.size.records)).unwrap_or(0);
        u32::try_from(village).unwrap_or(0)
    }

    /// The villages that a device works, one or two in the county's day.
    pub fn villages_of(&self, device: u32) -> Range<u32> {
        let (villages, devices) = (self.villages(), self.size.devices);
        share(villages, device, devices)..share(villages, device.saturating_add(1), devices)
    }

    /// Everything written that day, device by device, each in its own order.
    pub fn edits(&self) -> impl Iterator<Item = Edit> + '_ {
        (0..self.size.devices).flat_map(|device| self.edits_of(device))
    }

    /// What one device wrote, in its order; nothing for a device that is not there.
    pub fn edits_of(&self, device: u32) -> impl Iterator<Item = Edit> + use<> {
        // `new` has made every day once: none can fail any more.
        let day = if device < self.size.devices { self.day_of(device).unwrap_or_default() } else { Vec::new() };
        day.into_iter()
    }

    /// Shannon bits of the whole day.
    pub fn entropy_bits(&self) -> f64 {
        self.bits
    }

    /// The fields that two devices set concurrently: one of a hundred edits is the second half of such a pair.
    pub fn conflicts(&self) -> impl Iterator<Item = &Conflict> {
        self.pairs.iter().map(|pair| &pair.conflict)
    }

    /// What stands in a family's fields before the day, `None` where nobody wrote anything; about four of five are filled.
    /// Every reader has it: it counts no bits.
    pub fn baseline(&self, record: u32) -> Vec<Option<String>> {
        let mut dice = Dice::new(self.seed, [BASELINE, record]);
        let looks = FIELDS.iter().take(usize::from(self.size.fields));
        looks.map(|(_, look)| dice.chance(4, 5).then(|| text::value(&mut dice, *look))).collect()
    }

    fn families_of(&self, device: u32) -> Range<u32> {
        let villages = self.villages_of(device);
        self.families(villages.start).start..self.families(villages.end.saturating_sub(1)).end
    }

    /// The visits of a device that begin with a foreign edit.
    ///
    /// Every device hears equally often of somebody else's family: pair `n` is heard by device `n mod devices`.
    fn foreign_visits(&self, device: u32) -> Vec<(u32, f64)> {
        let pairs = self.size.edits() / 100;
        let heard = (0..pairs).filter(|pair| pair.checked_rem(self.size.devices) == Some(device)).count();
        let mut dice = Dice::new(self.seed, [device, 1]);
        let mut visits: Vec<u32> = (0..plan::visits(self.size.edits_each).0).collect();
        (0..heard).filter_map(|_| dice.take(&mut visits).map(|visit| (visit, dice.bits()))).collect()
    }

    fn plan_of(&self, device: u32) -> Result<Vec<Step>, Unfit> {
        let foreign: Vec<u32> = self.foreign_visits(device).into_iter().map(|(visit, _)| visit).collect();
        plan(self.seed, &self.size, device, self.families_of(device), &foreign)
    }

    /// Draws which fields are set twice, and what the two write.
    fn pair_up(&mut self) -> Result<(), Unfit> {
        let mut dice = Dice::new(self.seed, [PAIRS, 0]);
        for hearer in 0..self.size.devices {
            let mut visits = self.foreign_visits(hearer);
            // In the order of the day, as the plan has them.
            visits.sort_by_key(|(visit, _)| *visit);
            let places: Vec<usize> = (0..)
                .zip(self.plan_of(hearer)?)
                .filter(|(_, step)| step.task == Task::Foreign)
                .map(|(place, _)| place)
                .collect();
            for ((_, visit_bits), place) in visits.into_iter().zip(places) {
                let mut others: Vec<u32> = (0..self.size.devices).filter(|device| *device != hearer).collect();
                let owner = dice.take(&mut others).ok_or(Unfit::Pairs)?;
                let mut free: Vec<(usize, u32, u8)> = (0..)
                    .zip(self.plan_of(owner)?)
                    .filter(|(place, _)| !self.halves.contains_key(&(owner, *place)))
                    .filter_map(|(place, step)| match step.task {
                        Task::Field(field) => Some((place, step.record, field)),
                        Task::Foreign | Task::Phone | Task::Visit { .. } => None,
                    })
                    .collect();
                let (owner_place, record, field) = dice.take(&mut free).ok_or(Unfit::Pairs)?;
                let choice_bits = visit_bits + dice.bits();
                let (first, first_bits) = self.value(&mut dice, field)?;
                let (second, second_bits) = loop {
                    let (text, bits) = self.value(&mut dice, field)?;
                    if text != first {
                        break (text, bits);
                    }
                };
                for (device, place, half) in [(owner, owner_place, 0), (hearer, place, 1)] {
                    self.halves.insert((device, place), (self.pairs.len(), half));
                }
                self.pairs.push(Pair {
                    conflict: Conflict {
                        record,
                        village: self.village_of(record),
                        field,
                        devices: [owner, hearer],
                        texts: [first, second],
                    },
                    places: [owner_place, place],
                    text_bits: [first_bits, second_bits],
                    choice_bits,
                });
            }
        }
        Ok(())
    }

    fn value(&self, dice: &mut Dice, field: u8) -> Result<(String, f64), Unfit> {
        let (_, look) = FIELDS.get(usize::from(field)).ok_or(Unfit::Fields)?;
        let text = text::value(dice, *look);
        Ok((text, dice.bits()))
    }

    fn day_of(&self, device: u32) -> Result<Vec<Edit>, Unfit> {
        let mut dice = Dice::new(self.seed, [device, 2]);
        let mut edits = Vec::new();
        for (place, step) in (0_usize..).zip(self.plan_of(device)?) {
            let half = self
                .halves
                .get(&(device, place))
                .and_then(|(pair, half)| Some((self.pairs.get(*pair)?, *half)))
                .filter(|(pair, half)| pair.places.get(*half) == Some(&place));
            let (record, what, bits) = match (step.task, half) {
                (Task::Field(_) | Task::Foreign, Some((pair, half))) => {
                    let text = pair.conflict.texts.get(half).cloned().unwrap_or_default();
                    let bits = pair.text_bits.get(half).copied().unwrap_or_default()
                        + if half == 1 { pair.choice_bits } else { 0.0 };
                    (pair.conflict.record, What::FieldSet { field: pair.conflict.field, text }, bits)
                }
                (Task::Field(field), None) => {
                    let (text, bits) = self.value(&mut dice, field)?;
                    (step.record, What::FieldSet { field, text }, bits)
                }
                (Task::Foreign, None) => return Err(Unfit::Pairs),
                (Task::Phone, _) => {
                    let number = text::phone(&mut dice);
                    let relation = dice.pick(&KIN).copied().unwrap_or_default();
                    (step.record, What::PhoneAdded { number, relation }, dice.bits())
                }
                (Task::Visit { arrived_s }, _) => {
                    let visit = visit(&mut dice, arrived_s);
                    (step.record, What::VisitEvent(visit), dice.bits())
                }
            };
            let village = self.village_of(record);
            edits.push(Edit { device, record, village, at_s: step.at_s, what, bits: step.bits + bits });
        }
        Ok(edits)
    }
}

/// A number that a byte holds; every caller draws below 256.
fn byte(number: u32) -> u8 {
    u8::try_from(number).unwrap_or(u8::MAX)
}

fn visit(dice: &mut Dice, arrived_s: u32) -> Visit {
    let purpose = byte(dice.weighted(&Visit::PURPOSE_WEIGHTS));
    let result = byte(dice.weighted(&Visit::RESULT_WEIGHTS));
    let was_met = result < 3;
    let situations = (0..u16::from(Visit::SITUATIONS))
        .fold(0, |ticks, place| if dice.chance(1, 8) { ticks | 1_u16 << place } else { ticks });
    let pledged = situations & (1 << Visit::PLEDGED) != 0;
    Visit {
        // A day has 1,440 minutes.
        arrived_min: u16::try_from(arrived_s / 60).unwrap_or(u16::MAX),
        stayed_min: byte(dice.within(5, 36)),
        purpose,
        result,
        situations,
        only_children: !was_met && dice.chance(1, 16),
        met: was_met.then(|| (dice.pick(&KIN).copied().unwrap_or_default(), text::name(dice))),
        pledged_in_days: pledged.then(|| byte(dice.within(1, 28))),
        next: dice.chance(1, 2).then(|| (text::text(dice, 4, 10), byte(dice.within(1, 28)))),
        note: text::text(dice, 40, 66),
    }
}

#[cfg(test)]
mod tests;

//! The day keeps its numbers, is the same each time, and its bits can be found again in what it wrote.

use std::collections::{BTreeMap, BTreeSet};

use super::*;
use crate::text::read;

fn county() -> Workload {
    Workload::new(1, Size::COUNTY).unwrap()
}

#[test]
fn a_seed_is_a_day() {
    let small = Size { records: 1_000, devices: 10, ..Size::COUNTY };
    let day = |seed| Workload::new(seed, small.clone()).unwrap();
    let edits = |seed| day(seed).edits().collect::<Vec<_>>();
    assert_eq!(edits(1), edits(1));
    assert_ne!(edits(1), edits(2));
    assert_eq!(day(1).baseline(17), day(1).baseline(17));
    assert_ne!(day(1).baseline(17), day(1).baseline(18));
    assert_eq!(day(1).edits().count(), 1_000);
    assert_eq!(day(1).edits_of(10).count(), 0);
    let of_four: Vec<Edit> = day(1).edits().filter(|edit| edit.device == 4).collect();
    assert_eq!(day(1).edits_of(4).collect::<Vec<_>>(), of_four);
}

#[test]
fn the_county_has_its_numbers() {
    let day = county();
    assert_eq!((day.villages(), day.size().edits()), (556, 30_000));
    let mut kinds = [0_u32; 3];
    let mut notes = [u32::MAX, 0];
    let mut event_bytes = 0;
    for edit in day.edits() {
        match &edit.what {
            What::FieldSet { field, text } => {
                kinds[0] += 1;
                assert!(*field < 25 && !text.is_empty());
            }
            What::PhoneAdded { number, relation } => {
                kinds[1] += 1;
                assert!(number.len() == 11 && !relation.is_empty());
            }
            What::VisitEvent(visit) => {
                kinds[2] += 1;
                let length = u32::try_from(visit.note.chars().count()).unwrap();
                notes = [notes[0].min(length), notes[1].max(length)];
                event_bytes += visit.line().len();
            }
        }
        assert_eq!(day.village_of(edit.record), edit.village);
    }
    assert_eq!(kinds, [18_000, 4_500, 7_500]);
    assert_eq!(notes, [40, 66]);
    assert!((175..=225).contains(&(event_bytes / 7_500)), "{} bytes an event", event_bytes / 7_500);
    let bytes = day.entropy_bits() / 8.0 / 30_000.0;
    assert!((20.0..=22.0).contains(&bytes), "{bytes} bytes an edit");
}

#[test]
fn exactly_the_pairs_are_concurrent() {
    let day = county();
    let mut set: BTreeMap<(u32, u8), Vec<(u32, String)>> = BTreeMap::new();
    for edit in day.edits() {
        if let What::FieldSet { field, text } = edit.what {
            set.entry((edit.record, field)).or_default().push((edit.device, text));
        }
    }
    set.retain(|_, values| values.len() > 1);
    assert_eq!(set.len(), 300);
    let mut hearers = BTreeSet::new();
    for conflict in day.conflicts() {
        let mut values = set.remove(&(conflict.record, conflict.field)).unwrap();
        let mut told: Vec<(u32, String)> = conflict.devices.into_iter().zip(conflict.texts.clone()).collect();
        values.sort();
        told.sort();
        assert_eq!(values, told);
        let [owner, hearer] = conflict.devices;
        assert!(owner != hearer && conflict.texts[0] != conflict.texts[1]);
        assert!(day.villages_of(owner).contains(&conflict.village));
        assert!(!day.villages_of(hearer).contains(&conflict.village));
        hearers.insert(hearer);
    }
    assert!(set.is_empty());
    assert_eq!(hearers.len(), 300, "every device heard of one family elsewhere");
}

#[test]
fn a_day_goes_from_house_to_house() {
    let day = county();
    for device in [0, 7, 299] {
        let edits: Vec<Edit> = day.edits_of(device).collect();
        assert!(edits.windows(2).all(|two| two[0].at_s < two[1].at_s), "time passes");
        assert!(edits[0].at_s >= 30_600 && edits[99].at_s < 79_200, "between half past eight and ten at night");
        let own: Vec<u32> = edits
            .iter()
            .filter(|edit| day.villages_of(device).contains(&edit.village))
            .map(|edit| edit.record)
            .collect();
        assert_eq!(own.len(), 99, "one edit of a hundred is about somebody else's family");
        let mut visited = own.clone();
        visited.dedup();
        assert_eq!(visited.len(), 25, "a family is visited once, and all of it in a row");
        let next_door = visited.windows(2).filter(|two| two[1] == two[0] + 1).count();
        assert!(next_door >= 9, "mostly the next house: {visited:?}");
    }
}

#[test]
fn visits_keep_their_rules() {
    let day = county();
    let mut seen = BTreeSet::new();
    for edit in day.edits().take(6_000) {
        let What::VisitEvent(visit) = &edit.what else { continue };
        seen.insert(visit.result);
        assert!(visit.purpose < Visit::PURPOSES && visit.result < Visit::RESULTS);
        assert_eq!(visit.met.is_some(), visit.result < 3);
        assert!(!(visit.only_children && visit.met.is_some()));
        assert!(visit.situations < 1 << Visit::SITUATIONS);
        assert_eq!(visit.pledged_in_days.is_some(), visit.situations & 2 != 0);
        assert!(u32::from(visit.arrived_min) * 60 <= edit.at_s, "written after arriving");
    }
    assert_eq!(seen.len(), usize::from(Visit::RESULTS));
}

#[test]
fn villages_are_contiguous_and_about_even() {
    for records in [63, 64, 100, 1_000, 35_000] {
        let day = Workload::new(1, Size { records, devices: 1, edits_each: 4, fields: 3 }).unwrap();
        let mut next = 0;
        for village in 0..day.villages() {
            let families = day.families(village);
            assert_eq!(families.start, next);
            assert!(families.len() <= 63 && families.len() >= 32, "{families:?}");
            assert!(families.clone().all(|record| day.village_of(record) == village), "{families:?}");
            next = families.end;
        }
        assert_eq!(next, records);
    }
    let day = county();
    let worked: Vec<u32> = (0..300).flat_map(|device| day.villages_of(device)).collect();
    assert_eq!(worked, (0..556).collect::<Vec<_>>());
}

/// Bits of the pieces of a visit, from the visit alone.
fn visit_bits(visit: &Visit) -> f64 {
    let kin = 4.0;
    let purpose = [1.0, 2.0, (16.0_f64 / 3.0).log2(), 4.0][usize::from(visit.purpose)];
    let result = (20.0_f64 / [3.0, 5.0, 4.0, 4.0, 2.0, 1.0, 1.0][usize::from(visit.result)]).log2();
    let ticks = f64::from(visit.situations.count_ones());
    let situations = ticks * 3.0 + (10.0 - ticks) * (8.0_f64 / 7.0).log2();
    let children = match (&visit.met, visit.only_children) {
        (Some(_), _) => 0.0,
        (None, true) => 4.0,
        (None, false) => (16.0_f64 / 15.0).log2(),
    };
    5.0 + purpose
        + result
        + situations
        + children
        + if visit.met.is_some() { kin + read::name_bits() } else { 0.0 }
        + if visit.pledged_in_days.is_some() { 28.0_f64.log2() } else { 0.0 }
        + 1.0
        + visit.next.as_ref().map_or(0.0, |(step, _)| read::text_bits(step, 4, 10) + 28.0_f64.log2())
        + read::text_bits(&visit.note, 40, 66)
}

#[test]
fn the_bits_of_a_tiny_day_by_hand() {
    // One device, 50 families, 4 edits: one visit with three fields and no number.
    let day = Workload::new(5, Size { records: 50, devices: 1, edits_each: 4, fields: 25 }).unwrap();
    let edits: Vec<Edit> = day.edits().collect();
    let of_field = |edit: &Edit| match &edit.what {
        What::FieldSet { field, text } => read::value_bits(text, FIELDS[usize::from(*field)].1),
        What::PhoneAdded { .. } | What::VisitEvent(_) => panic!("{edit:?}"),
    };
    let What::VisitEvent(visit) = &edits[3].what else { panic!("{:?}", edits[3]) };
    let gap = 7.0;
    let by_hand = [
        // Which family, when the day began, which of 25 fields, what it says.
        50.0_f64.log2() + 3_600.0_f64.log2() + 25.0_f64.log2() + of_field(&edits[0]),
        gap + 24.0_f64.log2() + of_field(&edits[1]),
        gap + 23.0_f64.log2() + of_field(&edits[2]),
        gap + visit_bits(visit),
    ];
    for (edit, bits) in edits.iter().zip(by_hand) {
        assert!((edit.bits - bits).abs() < 1e-9, "{bits} by hand: {edit:?}");
    }
    assert!((day.entropy_bits() - by_hand.iter().sum::<f64>()).abs() < 1e-9);
}

#[test]
fn the_bits_of_numbers_strides_and_pairs_by_hand() {
    // Two devices, two villages of 50, 50 edits each: 12 visits, 7 of them with a number, 1 foreign set of each device.
    let day = Workload::new(9, Size { records: 100, devices: 2, edits_each: 50, fields: 25 }).unwrap();
    assert_eq!(day.conflicts().count(), 1, "one of a hundred edits is the second half of a pair");
    let conflict = day.conflicts().next().unwrap();
    let [owner, hearer] = conflict.devices;
    assert_eq!((owner, hearer), (1, 0));
    for device in [owner, hearer] {
        let edits: Vec<Edit> = day.edits_of(device).collect();
        let own = day.families(device);
        let mut doors: Vec<u32> = own.clone().collect();
        let mut at: Option<usize> = None;
        let mut family = None;
        let (mut visits_left, mut phones_left) = (12.0, 7.0);
        let mut fields_left = 25.0_f64;
        for (place, edit) in edits.iter().enumerate() {
            let foreign = !own.contains(&edit.record);
            // A foreign edit is heard on the way to the next door.
            let door = if foreign { edits[place + 1].record } else { edit.record };
            let mut by_hand = 0.0;
            if family == Some(door) {
                by_hand += 7.0;
            } else {
                by_hand += if place == 0 { 3_600.0_f64.log2() } else { 9.0 };
                let to = doors.iter().position(|record| *record == door).unwrap();
                by_hand += match at {
                    None => 50.0_f64.log2(),
                    Some(from) => {
                        let stride = (to + doors.len() - from) % doors.len();
                        (100.0 / f64::from([64, 16, 8, 4, 4, 2, 1, 1][stride])).log2()
                    }
                };
                doors.remove(to);
                at = Some(to);
                family = Some(door);
                fields_left = 25.0;
                let with_phone = edits[place..]
                    .iter()
                    .take_while(|edit| edit.record == door || !own.contains(&edit.record))
                    .any(|edit| matches!(edit.what, What::PhoneAdded { .. }));
                if visits_left > 0.0 {
                    let share: f64 = phones_left / visits_left;
                    by_hand -= if with_phone { share } else { 1.0 - share }.log2();
                    visits_left -= 1.0;
                    phones_left -= if with_phone { 1.0 } else { 0.0 };
                }
            }
            by_hand += match &edit.what {
                What::FieldSet { field, text } => {
                    let value = read::value_bits(text, FIELDS[usize::from(*field)].1);
                    let which = if foreign {
                        // Which of 12 visits it precedes; one other device; which of its field sets that is not foreign.
                        let sets =
                            day.edits_of(owner).filter(|edit| matches!(edit.what, What::FieldSet { .. })).count();
                        12.0_f64.log2() + f64::from(u32::try_from(sets).unwrap()).log2()
                    } else {
                        fields_left -= 1.0;
                        (fields_left + 1.0).log2()
                    };
                    value + which
                }
                What::PhoneAdded { .. } => 5.0_f64.log2() + 9.0 * 10.0_f64.log2() + 4.0,
                What::VisitEvent(visit) => visit_bits(visit),
            };
            assert!((edit.bits - by_hand).abs() < 1e-9, "{by_hand} by hand at {place} of {device}: {edit:?}");
        }
    }
}

#[test]
fn sizes_that_no_day_has_are_refused() {
    let refused = |size: Size| Workload::new(1, size).unwrap_err();
    assert_eq!(refused(Size { fields: 2, ..Size::COUNTY }), Unfit::Fields);
    assert_eq!(refused(Size { fields: 26, ..Size::COUNTY }), Unfit::Fields);
    assert_eq!(refused(Size { devices: 0, ..Size::COUNTY }), Unfit::Devices);
    assert_eq!(refused(Size { devices: 557, ..Size::COUNTY }), Unfit::Devices);
    assert_eq!(refused(Size { edits_each: 1_000, ..Size::COUNTY }), Unfit::Families);
    assert_eq!(refused(Size { devices: 1, ..Size::COUNTY }), Unfit::Pairs);
    assert!(Workload::new(1, Size { fields: 3, ..Size::COUNTY }).is_ok(), "as many fields as the product has");
    assert_eq!((field_name(0), field_name(24), field_name(25)), (Some("ADDRESS_FOUND"), Some("REMARK"), None));
}

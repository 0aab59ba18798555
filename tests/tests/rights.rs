//! What a laptop holds: the families of its person's lines and nothing else, no full ID number in the field, and
//! nothing at all that can be read without the passphrase.
#![allow(clippy::expect_used, clippy::indexing_slicing, reason = "a test that cannot go on stops")]

use std::path::Path;

use serde_json::{Value, json};
use tests::{Family, List, PASSPHRASE, Seat, World, failure_code, items, places_in, tables_with, text};

const NOON: &str = "2026-12-08T12:00:00+08:00";

/// Four villages of one township: shared, zhou's, lin's, nobody's.
fn villages() -> Vec<String> {
    places_in("410423105").into_iter().take(4).map(|(code, _)| code).collect()
}

fn assign(op: &Seat, person: &str, villages: &[String]) {
    op.ask("AssignVillages", json!({ "villages": villages, "person": person }));
    op.sync();
}

fn visit(seat: &Seat, file: &Value, arrived: &str) -> Value {
    let form = json!({ "on": "2026-12-08", "arrived": arrived, "purpose": "SERVE", "result": "NOT_MET",
        "next_step": "傍晚再去" });
    seat.ask("RecordVisit", json!({ "household": file, "visit": form }))
}

/// Every file below a folder that holds one of the texts, read as raw bytes in the two usual encodings.
fn files_with(folder: &Path, needles: &[String]) -> Vec<String> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            found.extend(files_with(&path, needles));
            continue;
        }
        let bytes = std::fs::read(&path).expect("a file");
        for needle in needles {
            let wide: Vec<u8> = needle.encode_utf16().flat_map(u16::to_le_bytes).collect();
            for form in [needle.as_bytes(), &wide] {
                if bytes.windows(form.len()).any(|part| part == form) {
                    found.push(format!("{needle} in {}", path.display()));
                }
            }
        }
    }
    found
}

fn ids(families: &[Family]) -> Vec<String> {
    families.iter().flat_map(|family| [family.id.clone(), family.co_id.clone()]).collect()
}

#[test]
fn a_field_desk_holds_its_own_families_and_no_full_id_number_even_for_who_has_its_key() {
    let world = World::at(NOON);
    let villages = villages();
    let mut list = List::of(&villages, 3);
    for (n, family) in (1..).zip(&mut list.families) {
        // Names and addresses that stand nowhere by accident.
        family.borrower = format!("欧阳试{}", ["甲", "乙", "丙", "丁", "戊", "己"][n % 6]);
        family.address = format!("试验路{}号院", 9_000 + n);
    }
    let op = world.operator(&list);
    let mut zhou = world.join("zhou", "SCHOOL_DIRECTOR");
    let mut lin = world.join("lin", "TOWNSHIP_CLERK");
    op.sync();
    assert_eq!((zhou.families(), lin.families()), (0, 0), "nothing before an assignment");
    assign(&op, "zhou", &villages[0..2]);
    assign(&op, "lin", &[villages[0].clone(), villages[2].clone()]);
    zhou.sync();
    lin.sync();
    assert_eq!((op.families(), zhou.families(), lin.families()), (12, 6, 6));

    let of = |codes: &[usize], own: bool| -> Vec<Family> {
        let inside = |family: &&Family| codes.iter().any(|code| villages[*code] == family.village) == own;
        list.families.iter().filter(inside).cloned().collect()
    };
    for (seat, own) in [(&mut zhou, [0, 1]), (&mut lin, [0, 2])] {
        for family in &list.families {
            let tail: String = family.id.chars().skip(14).collect();
            assert_eq!(
                op.ask("Search", json!({ "text": family.id }))["total"],
                1,
                "the centre finds by the full number"
            );
            assert_eq!(seat.ask("Search", json!({ "text": family.id }))["total"], 0, "the field does not");
            let mine = own.iter().any(|code| villages[*code] == family.village);
            let by_tail = seat.ask("Search", json!({ "text": tail }));
            let hit = items(&by_tail["hits"]).iter().any(|hit| text(&hit["why"]).contains(&tail));
            assert_eq!(hit, mine, "{tail} of {}", family.village);
        }
        for (at, village) in villages.iter().enumerate() {
            for file in op.files(village) {
                if own.contains(&at) {
                    let page = seat.household(&file);
                    assert_eq!(page["id_masked"], Value::Null);
                } else {
                    let refused = seat.refused("Household", json!({ "household": file }));
                    assert_eq!(failure_code(&refused), "NO_HOUSEHOLD");
                    let refused = seat.refused(
                        "AddContact",
                        json!({ "household": file, "number": "13900001111", "source": "VILLAGE" }),
                    );
                    assert_eq!(failure_code(&refused), "NO_HOUSEHOLD");
                }
            }
        }
        // Everything the desk can be asked to tell, in one text.
        let told: String = [
            ("Households", json!({})),
            ("Villages", json!({})),
            ("Today", json!({})),
            ("Season", json!({})),
            ("People", json!({})),
            ("Assignments", json!({})),
            ("Bulletin", json!({})),
            ("Letters", json!({})),
            ("Visits", json!({})),
            ("Conflicts", json!({})),
            ("SyncState", json!({})),
        ]
        .into_iter()
        .map(|(name, with)| seat.ask(name, with).to_string())
        .collect();
        for number in ids(&list.families) {
            assert!(!told.contains(&number), "a full ID number in a reply");
        }
        for family in of(&own, false) {
            assert!(!told.contains(&family.address) && !told.contains(&family.phone), "a foreign family in a reply");
        }

        // The files: nothing to read without the passphrase, nothing foreign with it.
        let home = seat.home().to_owned();
        seat.ask("Lock", json!({}));
        let every: Vec<String> = list
            .families
            .iter()
            .flat_map(|family| [family.id.clone(), family.co_id.clone(), family.address.clone(), family.phone.clone()])
            .chain(["欧阳试".to_owned()])
            .collect();
        assert_eq!(files_with(&home, &every), Vec::<String>::new(), "readable without the passphrase");
        assert_eq!(tables_with(&home, PASSPHRASE, &ids(&list.families)), [], "full ID numbers within");
        let foreign: Vec<String> =
            of(&own, false).iter().flat_map(|family| [family.address.clone(), family.phone.clone()]).collect();
        assert_eq!(tables_with(&home, PASSPHRASE, &foreign), [], "foreign families within");
        let own_addresses: Vec<String> = of(&own, true).iter().map(|family| family.address.clone()).collect();
        assert!(!tables_with(&home, PASSPHRASE, &own_addresses).is_empty(), "the search sees what is there");
    }
    // The same search finds the numbers where they may be, and no file of the centre is readable either.
    op.ask("Lock", json!({}));
    assert!(!tables_with(op.home(), PASSPHRASE, &ids(&list.families)).is_empty());
    assert_eq!(files_with(op.home(), &ids(&list.families)), Vec::<String>::new());
}

#[test]
fn a_village_given_to_another_leaves_the_desk_and_comes_back_whole() {
    let world = World::at(NOON);
    let villages = villages();
    let op = world.operator(&List::of(&villages, 2));
    let zhou = world.join("zhou", "SCHOOL_DIRECTOR");
    let hao = world.join("hao", "SCHOOL_DIRECTOR");
    op.sync();
    assign(&op, "zhou", &villages[0..2]);
    zhou.sync();
    let files = zhou.files(&villages[0]);
    let kept = zhou.files(&villages[1]);
    let first = visit(&zhou, &files[0], "09:00:00");
    zhou.ask(
        "AddContact",
        json!({ "household": files[0], "number": "13900001111", "source": "FAMILY", "relation": "母" }),
    );
    zhou.ask("EditField", json!({ "household": files[0], "field": "ADDRESS_FOUND", "text": "老槐树往北第二家" }));
    zhou.sync();
    let before = zhou.household(&files[0]);

    // Unsent work on the day of the change: it is sent first, then the families go.
    let unsent = visit(&zhou, &files[1], "10:00:00");
    let unsent_kept = visit(&zhou, &kept[0], "10:30:00");
    assign(&op, "hao", &villages[0..1]);
    let report = zhou.sync();
    assert!(report["files_gone"].as_u64().is_some_and(|gone| gone >= 2), "{report}");
    assert!(report["sent"].as_u64().is_some_and(|sent| sent >= 4), "{report}");
    assert_eq!(zhou.families(), 2);
    for file in &files {
        assert_eq!(failure_code(&zhou.refused("Household", json!({ "household": file }))), "NO_HOUSEHOLD");
    }
    assert_eq!(items(&zhou.household(&kept[0])["visits"]).len(), 1, "what stays is whole");
    zhou.check();
    // What others said of the family is gone from the file at once; own words stay sealed, out of sight, until a backup of
    // the county that was verified has them.
    let listed = |row: &&Value| items(&row["sources"]).contains(&json!("BANK"));
    let phone_of = |file: &Value| {
        let page = op.household(file);
        let row = items(&page["contacts"]).iter().find(listed).expect("a number of the list");
        text(&row["number"]).to_owned()
    };
    let others: Vec<String> = files.iter().map(phone_of).collect();
    assert_eq!(tables_with(zhou.home(), PASSPHRASE, &others), [], "gone from the file too");
    let own = ["13900001111".to_owned(), "老槐树往北第二家".to_owned()];
    let sealed = tables_with(zhou.home(), PASSPHRASE, &own);
    assert!(sealed.len() == 2 && sealed.iter().all(|(table, _)| table == "packed"), "{sealed:?}");
    world.county().backup(&world.folder().join("county"), &world.folder().join("copy")).expect("a backup");
    zhou.sync();
    assert_eq!(tables_with(zhou.home(), PASSPHRASE, &own), [], "and own words too");
    zhou.check();

    op.sync();
    let visits = |seat: &Seat, file: &Value| -> Vec<Value> {
        items(&seat.household(file)["visits"]).iter().map(|row| row["visit"].clone()).collect()
    };
    assert_eq!(visits(&op, &files[0]), [first["visit"].clone()]);
    assert_eq!(visits(&op, &kept[0]), [unsent_kept["visit"].clone()]);
    hao.sync();
    assert_eq!(hao.families(), 2);
    assert_eq!(visits(&hao, &files[0]), [first["visit"].clone()], "the line's next director sees the earlier visit");

    assign(&op, "zhou", &villages[0..1]);
    let back = zhou.sync();
    assert!(back["received"].as_u64().is_some_and(|received| received > 0), "{back}");
    hao.sync();
    assert_eq!((zhou.families(), hao.families()), (4, 0));
    assert_eq!(zhou.household(&files[0]), before, "back whole, own earlier visits included");
    zhou.check();
    hao.check();
    op.check();
    for seat in [&zhou, &hao, &op] {
        let report = seat.sync();
        assert_eq!((&report["sent"], &report["received"]), (&json!(0), &json!(0)));
    }
    // Written while zhou had the right, as far as his laptop knew: it counts.
    assert_eq!(zhou.ask("Status", json!({}))["held"], 0);
    for seat in [&zhou, &op] {
        assert_eq!(visits(seat, &files[1]), [unsent["visit"].clone()]);
    }
}

#[test]
fn numbers_printed_for_a_family_that_left_the_desk_are_never_used_again() {
    let world = World::at(NOON);
    let villages = villages();
    let op = world.operator(&List::of(&villages, 1));
    let zhou = world.join("zhou", "SCHOOL_DIRECTOR");
    op.sync();
    world.join("hao", "SCHOOL_DIRECTOR");
    op.sync();
    assign(&op, "zhou", &villages[0..3]);
    zhou.sync();
    let print = |village: &str| -> Vec<String> {
        let run = zhou.ask("PrintLetters", json!({ "which": { "village": village } }));
        items(&run["letters"]).iter().map(|row| text(&row["doc_no"]).to_owned()).collect()
    };
    let first = print(&villages[0]);
    let second = print(&villages[1]);
    assert_eq!((first.len(), second.len()), (2, 2));
    assign(&op, "hao", &villages[0..2]);
    zhou.sync();
    assert_eq!(zhou.families(), 1);
    let third = print(&villages[2]);
    for number in &third {
        assert!(!first.contains(number) && !second.contains(number), "{number} was printed before");
    }
    zhou.sync();
    op.sync();
    let ledger = op.ask("Letters", json!({}));
    let mut numbers: Vec<&str> = items(&ledger["rows"]).iter().map(|row| text(&row["doc_no"])).collect();
    assert_eq!(numbers.len(), 6);
    numbers.sort_unstable();
    numbers.dedup();
    assert_eq!(numbers.len(), 6, "no number twice in the county's ledger");
}

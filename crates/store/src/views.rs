//! From facts to tables: one function puts a fact in, one takes it out, one settles what several facts share (registers).
//! Order of arrival does not matter; a rebuild from the log gives the same tables. No screen writes here.

use std::collections::{BTreeMap, BTreeSet};

use domain::clock::Millis;
use domain::event::Event;
use domain::fact::Fact;
use domain::household::{ContactAdded, DueListed, FieldFilled, HouseholdListed, Placed};
use domain::ids::{FactId, FileId, JournalId};
use domain::merge::{Entry, members, register};
use domain::phone::PhoneNumber;
use domain::words::HouseholdField;
use rusqlite::{Connection, Transaction, params};

use crate::fault::StoreFault;
use crate::log::{int, uint};

/// Version of the views; a file with another one is rebuilt at opening.
pub(crate) const VERSION: i64 = 1;

/// Every view table, for a rebuild.
const TABLES: &[&str] = &[
    "household",
    "slot",
    "field",
    "phone",
    "contact_stated",
    "visit",
    "visit_note",
    "handed_over",
    "letter",
    "letter_void",
    "receipt_photo",
    "receipt_done",
    "payment",
    "person",
    "assignment",
    "number_block",
    "county_fact",
];

/// Tables that hold one row a fact, keyed by it.
const BY_FACT: &[&str] = &[
    "slot",
    "contact_stated",
    "visit",
    "visit_note",
    "handed_over",
    "letter",
    "letter_void",
    "receipt_photo",
    "receipt_done",
    "payment",
    "person",
    "assignment",
    "number_block",
    "county_fact",
];

fn text<T: std::fmt::Display>(value: T) -> String {
    value.to_string()
}

fn slot_name(event: &Event) -> Option<String> {
    match event {
        Event::HouseholdListed(_) => Some("listed".to_owned()),
        Event::Placed(_) => Some("placed".to_owned()),
        Event::DueListed(_) => Some("due".to_owned()),
        Event::Identified(_) => Some("identified".to_owned()),
        Event::ContactAdded(_) => Some("contact".to_owned()),
        Event::FieldFilled(filled) => Some(format!("field.{}", filled.field.code())),
        Event::ProfileSaved(_)
        | Event::RoleGiven(_)
        | Event::DeviceEnrolled(_)
        | Event::BlockLeased(_)
        | Event::PlacesLoaded(_)
        | Event::RegistryLoaded(_)
        | Event::VillageAssigned(_)
        | Event::DueListImported(_)
        | Event::BulletinIssued(_)
        | Event::ContactStated(_)
        | Event::VisitMade(_)
        | Event::VisitNoted(_)
        | Event::LetterPrinted(_)
        | Event::LetterVoided(_)
        | Event::ReceiptFiled(_)
        | Event::ReceiptCompleted(_)
        | Event::PaymentReported(_)
        | Event::PaymentVoided(_) => None,
    }
}

/// Takes a fact into the views: its row unless it is replaced already, and the end of what it replaces.
pub(crate) fn take(tx: &Transaction<'_>, n: i64, fact: &Fact, event: Option<&Event>) -> Result<(), StoreFault> {
    for id in &fact.replaces {
        tx.prepare_cached("INSERT OR IGNORE INTO replaced (journal, seq, n) VALUES (?1, ?2, ?3)")?.execute(params![
            id.journal.0,
            int(id.seq),
            n
        ])?;
        let gone: Option<i64> = {
            let mut find = tx.prepare_cached("SELECT n FROM fact WHERE journal = ?1 AND seq = ?2")?;
            let mut rows = find.query(params![id.journal.0, int(id.seq)])?;
            rows.next()?.map(|row| row.get(0)).transpose()?
        };
        if let Some(gone) = gone {
            retract(tx, gone)?;
        }
    }
    let Some(event) = event else { return Ok(()) };
    // Registers keep every fact: merge.rs needs the replaced ones to know what the others replace.
    if let Some(slot) = slot_name(event) {
        tx.prepare_cached("INSERT INTO slot (fact, file, slot, body) VALUES (?1, ?2, ?3, ?4)")?.execute(params![
            n,
            fact.file.0,
            slot,
            fact.body
        ])?;
        return Ok(());
    }
    let replaced: bool = tx
        .prepare_cached("SELECT EXISTS (SELECT 1 FROM replaced WHERE journal = ?1 AND seq = ?2)")?
        .query_row(params![fact.id.journal.0, int(fact.id.seq)], |row| row.get(0))?;
    if replaced { Ok(()) } else { put(tx, n, fact, event) }
}

/// The row of an event that stands on its own.
fn put(tx: &Transaction<'_>, n: i64, fact: &Fact, event: &Event) -> Result<(), StoreFault> {
    let file = fact.file.0;
    match event {
        Event::VisitMade(made) => {
            tx.prepare_cached(
                "INSERT INTO visit (fact, file, on_day, arrived, result, pledged_on, body) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
            )?
            .execute(params![
                n,
                file,
                text(made.on),
                text(made.arrived),
                made.result.code(),
                made.pledged_on.map(text),
                fact.body
            ])?;
            for doc_no in &made.letters {
                tx.prepare_cached("INSERT OR IGNORE INTO handed_over (fact, doc_no) VALUES (?1, ?2)")?
                    .execute(params![n, doc_no])?;
            }
        }
        Event::VisitNoted(noted) => {
            if let Some(visit) = noted.visit {
                tx.prepare_cached(
                    "INSERT INTO visit_note (fact, file, visit_journal, visit_seq, body) VALUES (?1, ?2, ?3, ?4, ?5)",
                )?
                .execute(params![n, file, visit.journal.0, int(visit.seq), fact.body])?;
            }
        }
        Event::ContactStated(stated) => {
            tx.prepare_cached(
                "INSERT INTO contact_stated (fact, file, number, state, on_day) VALUES (?1, ?2, ?3, ?4, ?5)",
            )?
            .execute(params![n, file, stated.number.as_str(), stated.state.code(), text(stated.on)])?;
        }
        Event::LetterPrinted(letter) => {
            tx.prepare_cached(
                "INSERT INTO letter (fact, file, doc_no, kind, year, serial, total, pair, body)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
            )?
            .execute(params![
                n,
                file,
                text(&letter.doc),
                letter.doc.kind.code(),
                letter.doc.year,
                letter.doc.serial,
                letter.total.get(),
                letter.pair.as_ref().map(text),
                fact.body
            ])?;
        }
        Event::LetterVoided(voided) => {
            tx.prepare_cached("INSERT INTO letter_void (fact, file, doc_no, reason) VALUES (?1, ?2, ?3, ?4)")?
                .execute(params![n, file, text(&voided.doc), voided.reason])?;
        }
        Event::ReceiptFiled(filed) => {
            tx.prepare_cached(
                "INSERT INTO receipt_photo (fact, file, doc_no, sha, media, size) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            )?
            .execute(params![
                n,
                file,
                text(&filed.receipt),
                filed.sha256.0,
                filed.media,
                int(filed.bytes)
            ])?;
        }
        Event::ReceiptCompleted(done) => {
            tx.prepare_cached(
                "INSERT INTO receipt_done (fact, file, doc_no, mode, served_on, body) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            )?
            .execute(params![
                n,
                file,
                text(&done.receipt),
                done.mode.code(),
                text(done.served_on),
                fact.body
            ])?;
        }
        Event::PaymentReported(paid) => {
            tx.prepare_cached("INSERT INTO payment (fact, file, amount, on_day, body) VALUES (?1, ?2, ?3, ?4, ?5)")?
                .execute(params![n, file, paid.amount.get(), text(paid.on), fact.body])?;
        }
        Event::RoleGiven(given) => {
            tx.prepare_cached("INSERT INTO person (fact, person, body) VALUES (?1, ?2, ?3)")?.execute(params![
                n,
                given.person.as_str(),
                fact.body
            ])?;
        }
        Event::VillageAssigned(assigned) => {
            tx.prepare_cached("INSERT INTO assignment (fact, village, line, person) VALUES (?1, ?2, ?3, ?4)")?
                .execute(params![n, assigned.village.as_str(), assigned.line.code(), assigned.person.as_str()])?;
        }
        Event::BlockLeased(leased) => {
            tx.prepare_cached("INSERT INTO number_block (fact, kind, year, block, file) VALUES (?1, ?2, ?3, ?4, ?5)")?
                .execute(params![n, leased.kind.code(), leased.year, leased.block, file])?;
        }
        Event::ProfileSaved(_)
        | Event::PlacesLoaded(_)
        | Event::RegistryLoaded(_)
        | Event::DueListImported(_)
        | Event::BulletinIssued(_) => {
            tx.prepare_cached("INSERT INTO county_fact (fact, kind, body) VALUES (?1, ?2, ?3)")?.execute(params![
                n,
                event.kind(),
                fact.body
            ])?;
        }
        // A voided payment is the end of the report it replaces; an enrolment is read from the log itself.
        Event::PaymentVoided(_) | Event::DeviceEnrolled(_) => {}
        // Registers: see `take`.
        Event::HouseholdListed(_)
        | Event::Placed(_)
        | Event::DueListed(_)
        | Event::Identified(_)
        | Event::ContactAdded(_)
        | Event::FieldFilled(_) => {}
    }
    Ok(())
}

/// Takes the row of a replaced fact out; a register's stays, it is folded.
fn retract(tx: &Transaction<'_>, n: i64) -> Result<(), StoreFault> {
    for table in BY_FACT.iter().filter(|table| **table != "slot") {
        tx.prepare_cached(&format!("DELETE FROM {table} WHERE fact = ?1"))?.execute(params![n])?;
    }
    Ok(())
}

/// Takes every row of an erased fact out.
pub(crate) fn drop_fact(tx: &Transaction<'_>, n: i64) -> Result<(), StoreFault> {
    for table in BY_FACT {
        tx.prepare_cached(&format!("DELETE FROM {table} WHERE fact = ?1"))?.execute(params![n])?;
    }
    Ok(())
}

/// The facts of a file's registers, slot by slot.
pub(crate) type Slots = BTreeMap<String, Vec<(i64, Entry<Vec<u8>>)>>;

/// Reads a file's registers with what they replace.
pub(crate) fn slots(conn: &Connection, file: FileId) -> Result<Slots, StoreFault> {
    let mut out = Slots::new();
    let mut find = conn.prepare_cached(
        "SELECT s.slot, s.fact, s.body, f.journal, f.seq, f.at,
                EXISTS (SELECT 1 FROM replaced r WHERE r.n = s.fact)
         FROM slot s JOIN fact f ON f.n = s.fact WHERE s.file = ?1 ORDER BY f.journal, f.seq",
    )?;
    let mut rows = find.query(params![file.0])?;
    while let Some(row) = rows.next()? {
        let (slot, n, body): (String, i64, Vec<u8>) = (row.get(0)?, row.get(1)?, row.get(2)?);
        let id = FactId { journal: JournalId(row.get(3)?), seq: uint(row.get(4)?) };
        let at = Millis(row.get(5)?);
        let replaces = if row.get::<_, bool>(6)? { replaced_by(conn, n)? } else { Vec::new() };
        out.entry(slot).or_default().push((n, Entry { id, replaces, at, value: body }));
    }
    Ok(out)
}

fn replaced_by(conn: &Connection, n: i64) -> Result<Vec<FactId>, StoreFault> {
    let mut find = conn.prepare_cached("SELECT journal, seq FROM replaced WHERE n = ?1")?;
    let ids = find
        .query_map(params![n], |row| Ok(FactId { journal: JournalId(row.get(0)?), seq: uint(row.get(1)?) }))?
        .collect::<Result<_, _>>()?;
    Ok(ids)
}

/// The values of a slot that stand, oldest first, each with its fact.
pub(crate) fn standing(slots: &Slots, slot: &str) -> Vec<(i64, Entry<Vec<u8>>)> {
    let Some(entries) = slots.get(slot) else { return Vec::new() };
    if entries.len() == 1 {
        return entries.clone();
    }
    let numbers: BTreeMap<FactId, i64> = entries.iter().map(|(n, entry)| (entry.id, *n)).collect();
    let all: Vec<Entry<Vec<u8>>> = entries.iter().map(|(_, entry)| entry.clone()).collect();
    register(&all).into_iter().filter_map(|entry| numbers.get(&entry.id).map(|n| (*n, entry))).collect()
}

fn latest<T: serde::de::DeserializeOwned>(slots: &Slots, slot: &str) -> Option<T> {
    standing(slots, slot).last().and_then(|(_, entry)| serde_json::from_slice(&entry.value).ok())
}

/// Makes the rows that several facts of a file share: the family's line, its fields, its phones.
pub(crate) fn settle(tx: &Transaction<'_>, file: FileId) -> Result<(), StoreFault> {
    let slots = slots(tx, file)?;
    for table in ["household", "field", "phone"] {
        tx.prepare_cached(&format!("DELETE FROM {table} WHERE file = ?1"))?.execute(params![file.0])?;
    }
    let mut conflicts = 0_u32;
    let mut told: BTreeMap<HouseholdField, String> = BTreeMap::new();
    for field in HouseholdField::ALL {
        let mut texts = BTreeSet::new();
        for (n, entry) in standing(&slots, &format!("field.{}", field.code())) {
            let Ok(filled) = serde_json::from_slice::<FieldFilled>(&entry.value) else { continue };
            tx.prepare_cached("INSERT INTO field (file, field, fact, text) VALUES (?1, ?2, ?3, ?4)")?
                .execute(params![file.0, field.code(), n, filled.text])?;
            texts.insert(filled.text.clone());
            told.insert(*field, filled.text);
        }
        // Two equal values settle themselves; a person is asked only where they differ.
        conflicts = conflicts.saturating_add(u32::from(texts.len() > 1));
    }
    let listed: Option<HouseholdListed> = latest(&slots, "listed");
    let placed: Option<Placed> = latest(&slots, "placed");
    for number in numbers(&slots, listed.as_ref()) {
        tx.prepare_cached("INSERT INTO phone (file, number) VALUES (?1, ?2)")?
            .execute(params![file.0, number.as_str()])?;
    }
    let (Some(listed), Some(placed)) = (listed, placed) else { return Ok(()) };
    let due: Option<DueListed> = latest(&slots, "due");
    let sum = |pick: fn(&domain::household::Contract) -> i64| {
        due.iter().flat_map(|due| &due.contracts).map(pick).fold(0_i64, i64::saturating_add)
    };
    tx.prepare_cached(
        "INSERT INTO household (file, borrower, borrower_as_bank, name_true, co_borrower, relation, id_tail, address,
           whereabouts, grad_year, place, as_of, due_on, account_hint, batch, contracts, principal_due, interest_due,
           penalty_due, total_due, conflicts)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21)",
    )?
    .execute(params![
        file.0,
        listed.borrower,
        listed.borrower_as_bank,
        told.get(&HouseholdField::NameTrue),
        listed.co_borrower,
        listed.relation,
        listed.id_tail,
        listed.address,
        told.get(&HouseholdField::Whereabouts),
        listed.grad_year,
        placed.place.as_str(),
        due.as_ref().map(|due| text(due.as_of)),
        due.as_ref().and_then(DueListed::due_on).map(text),
        due.as_ref().and_then(|due| due.account_hint.clone()),
        due.as_ref().map(|due| due.batch.clone()),
        due.as_ref().map_or(0, |due| i64::try_from(due.contracts.len()).unwrap_or(i64::MAX)),
        sum(|contract| contract.principal_due.get()),
        sum(|contract| contract.interest_due.get()),
        sum(|contract| contract.penalty_due.get()),
        sum(|contract| contract.total_due.get()),
        conflicts
    ])?;
    Ok(())
}

/// A family's numbers: the list's and those people told, as an add-wins set.
fn numbers(slots: &Slots, listed: Option<&HouseholdListed>) -> BTreeSet<PhoneNumber> {
    let mut entries = Vec::new();
    for (_, entry) in slots.get("contact").into_iter().flatten() {
        if let Ok(added) = serde_json::from_slice::<ContactAdded>(&entry.value) {
            entries.push(Entry {
                id: entry.id,
                replaces: entry.replaces.clone(),
                at: entry.at,
                value: Some(added.number),
            });
        }
    }
    let mut out = members(&entries);
    out.extend(listed.into_iter().flat_map(|listed| &listed.phones).map(|phone| phone.number.clone()));
    out
}

/// Drops all views and makes them from the log.
pub(crate) fn rebuild(tx: &Transaction<'_>) -> Result<(), StoreFault> {
    for table in TABLES {
        tx.execute_batch(&format!("DROP TABLE IF EXISTS {table}"))?;
    }
    tx.execute_batch("DELETE FROM replaced")?;
    tx.execute_batch(include_str!("views.sql"))?;
    let mut files = BTreeSet::new();
    {
        let mut find = tx.prepare("SELECT n, bytes FROM fact ORDER BY n")?;
        let mut rows = find.query([])?;
        while let Some(row) = rows.next()? {
            let (n, bytes): (i64, Vec<u8>) = (row.get(0)?, row.get(1)?);
            let fact = Fact::parse(&bytes)?;
            let event = Event::read(&fact.kind, &fact.body).ok().flatten();
            tx.prepare_cached("UPDATE fact SET known = ?2 WHERE n = ?1 AND known <> ?2")?
                .execute(params![n, event.is_some()])?;
            take(tx, n, &fact, event.as_ref())?;
            files.insert(fact.file);
        }
    }
    for file in files {
        settle(tx, file)?;
    }
    Ok(())
}

/// Every view's rows as text; facts by name instead of by row number.
pub(crate) fn dump(conn: &Connection) -> Result<String, StoreFault> {
    let mut out = String::new();
    for table in TABLES {
        let mut lines = Vec::new();
        let mut find = conn.prepare(&format!("SELECT * FROM {table}"))?;
        let columns: Vec<String> = find.column_names().map(str::to_owned).collect();
        let mut rows = find.query([])?;
        while let Some(row) = rows.next()? {
            let mut line = String::new();
            for (at, column) in columns.iter().enumerate() {
                let value: rusqlite::types::Value = row.get(at)?;
                if column == "fact" {
                    if let rusqlite::types::Value::Integer(n) = value {
                        let name: (Vec<u8>, i64) = conn
                            .prepare_cached("SELECT journal, seq FROM fact WHERE n = ?1")?
                            .query_row(params![n], |row| Ok((row.get(0)?, row.get(1)?)))?;
                        line.push_str(&format!("fact={}:{} ", domain::ids::hex(&name.0), name.1));
                    }
                } else {
                    line.push_str(&format!("{column}={value:?} "));
                }
            }
            lines.push(line);
        }
        lines.sort();
        out.push_str(&format!("# {table}\n{}\n", lines.join("\n")));
    }
    Ok(out)
}

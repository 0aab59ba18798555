//! From facts to tables, one row at a time: a fact that arrives puts its row in and takes the rows of what it replaces out,
//! and touches nothing else. Where that is not enough (a fact held, let through, erased or gone) the file is folded anew
//! from its facts, by `domain::merge`. Order of arrival does not matter; both ways give the same tables, which a rebuild
//! from the log proves. No screen writes here.

use std::collections::{BTreeMap, BTreeSet};

use domain::clock::Millis;
use domain::event::Event;
use domain::fact::Fact;
use domain::household::{ContactAdded, DueListed, FieldFilled, HouseholdListed, Placed};
use domain::ids::{FactId, JournalId};
use domain::merge::{Entry, register};
use rusqlite::{CachedStatement, Connection, Transaction, params};

use crate::fault::StoreFault;
use crate::log::{int, uint};
use crate::names::Names;

/// Version of the views; a file with another one is rebuilt at opening.
pub(crate) const VERSION: i64 = 2;

/// Every view table, for a rebuild.
const TABLES: &[&str] = &[
    "household",
    "slot",
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

/// Tables other than `slot` that hold one row a fact, keyed by it.
const BY_FACT: &[&str] = &[
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

/// Registers of a file, as `slot.slot` names them.
pub(crate) mod slot {
    /// The list's words.
    pub(crate) const LISTED: i64 = 0;
    /// Where the family belongs.
    pub(crate) const PLACED: i64 = 1;
    /// What is due.
    pub(crate) const DUE: i64 = 2;
    /// Full numbers.
    pub(crate) const IDENTIFIED: i64 = 3;
    /// Numbers told: a set, every live fact of it stands.
    pub(crate) const CONTACT: i64 = 4;
    /// The first of the fields that people fill.
    const FIELDS: i64 = 16;

    /// A field's slot.
    pub(crate) fn field(field: domain::words::HouseholdField) -> i64 {
        let at = domain::words::HouseholdField::ALL.iter().position(|known| *known == field).unwrap_or(0);
        FIELDS.saturating_add(i64::try_from(at).unwrap_or(0))
    }

    /// The field of a slot.
    pub(crate) fn field_of(slot: i64) -> Option<domain::words::HouseholdField> {
        let at = usize::try_from(slot.checked_sub(FIELDS)?).ok()?;
        domain::words::HouseholdField::ALL.get(at).copied()
    }
}

fn text<T: std::fmt::Display>(value: T) -> String {
    value.to_string()
}

fn slot_of(event: &Event) -> Option<i64> {
    match event {
        Event::HouseholdListed(_) => Some(slot::LISTED),
        Event::Placed(_) => Some(slot::PLACED),
        Event::DueListed(_) => Some(slot::DUE),
        Event::Identified(_) => Some(slot::IDENTIFIED),
        Event::ContactAdded(_) => Some(slot::CONTACT),
        Event::FieldFilled(filled) => Some(slot::field(filled.field)),
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
        | Event::PaymentVoided(_)
        | Event::HeldDecided(_)
        | Event::Erased(_)
        | Event::DeviceRevoked(_)
        | Event::JournalClosed(_)
        | Event::LogForked(_) => None,
    }
}

/// The statements that every fact goes through, looked up once for a whole page.
pub(crate) struct Hot<'c> {
    tx: &'c Connection,
    fact: CachedStatement<'c>,
    replaced: CachedStatement<'c>,
    replace: CachedStatement<'c>,
    in_slot: CachedStatement<'c>,
    live: CachedStatement<'c>,
    slot: CachedStatement<'c>,
    phone: CachedStatement<'c>,
}

impl<'c> Hot<'c> {
    /// Prepares them.
    pub(crate) fn new(tx: &'c Connection) -> Result<Self, StoreFault> {
        Ok(Self {
            tx,
            fact: tx.prepare_cached(
                "INSERT INTO fact (n, journal, seq, file, section, kind, author, at, position, held, known, batch, leaf)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)",
            )?,
            replaced: tx.prepare_cached("SELECT 1 FROM replaced WHERE target = ?1")?,
            replace: tx.prepare_cached("INSERT OR IGNORE INTO replaced (target, by) VALUES (?1, ?2)")?,
            in_slot: tx.prepare_cached("SELECT 1 FROM slot WHERE file = ?1 AND slot = ?2 AND fact = ?3")?,
            live: tx.prepare_cached(
                "SELECT count(*) FROM slot s WHERE s.file = ?1 AND s.slot = ?2
                   AND NOT EXISTS (SELECT 1 FROM replaced r WHERE r.target = s.fact)",
            )?,
            slot: tx.prepare_cached("INSERT OR IGNORE INTO slot (fact, file, slot, body) VALUES (?1, ?2, ?3, ?4)")?,
            phone: tx.prepare_cached("INSERT OR IGNORE INTO phone (file, number) VALUES (?1, ?2)")?,
        })
    }

    /// Puts a fact's row into the log. Views are another step. `sealed` is its batch's number and its leaf's bits.
    pub(crate) fn insert(
        &mut self,
        new: &Numbered<'_>,
        at: Millis,
        position: Option<u64>,
        held: bool,
        sealed: Option<(u64, i64)>,
    ) -> Result<(), StoreFault> {
        let fact = new.fact;
        self.fact.execute(params![
            new.n,
            fact.id.journal.0,
            int(fact.id.seq),
            new.file,
            fact.section.code(),
            fact.kind,
            fact.author.as_str(),
            at.0,
            position.map(int),
            held,
            new.event.is_some(),
            sealed.map(|(batch, _)| int(batch)),
            sealed.map(|(_, leaf)| leaf)
        ])?;
        Ok(())
    }

    fn is_replaced(&mut self, n: i64) -> Result<bool, StoreFault> {
        Ok(self.replaced.exists([n])?)
    }

    /// How many facts of a slot stand.
    fn live(&mut self, file: i64, slot: i64) -> Result<u32, StoreFault> {
        Ok(self.live.query_row([file, slot], |row| row.get(0))?)
    }

    /// Puts a register's row in, replaced or not: `domain::merge` needs them all.
    fn put_slot(&mut self, new: &Numbered<'_>, slot: i64, event: &Event, replaced: bool) -> Result<(), StoreFault> {
        self.slot.execute(params![new.n, new.file, slot, new.fact.body])?;
        if let (Event::ContactAdded(added), false) = (event, replaced) {
            self.phone.execute(params![new.file, added.number.as_str()])?;
        }
        Ok(())
    }
}

/// A fact with the numbers it has in this file.
pub(crate) struct Numbered<'a> {
    pub(crate) n: i64,
    pub(crate) file: i64,
    pub(crate) fact: &'a Fact,
    pub(crate) event: Option<&'a Event>,
}

/// Takes an effective fact into the views: its row unless it is replaced already, and the end of what it replaces.
/// Returns whether the family's line must be written anew.
pub(crate) fn take(hot: &mut Hot<'_>, names: &mut Names, new: &Numbered<'_>) -> Result<bool, StoreFault> {
    let tx = hot.tx;
    let slot = new.event.and_then(slot_of);
    // One value in the place of one other of its slot leaves the family's line as it was; anything else is looked at.
    let mut in_slot = 0_usize;
    let mut line = false;
    for id in &new.fact.replaces {
        let target = names.fact(tx, *id)?;
        hot.replace.execute([target, new.n])?;
        match slot {
            Some(slot) if hot.in_slot.exists([new.file, slot, target])? => in_slot = in_slot.saturating_add(1),
            Some(_) | None => line |= retract(tx, target)?,
        }
    }
    line |= in_slot > 1 || (in_slot > 0 && slot == Some(slot::CONTACT));
    let Some(event) = new.event else { return Ok(line) };
    let replaced = hot.is_replaced(new.n)?;
    let Some(slot) = slot else {
        if !replaced {
            put(tx, names, new, event)?;
        }
        return Ok(line);
    };
    hot.put_slot(new, slot, event, replaced)?;
    if replaced {
        // It comes after what took its place: what it replaced stood until now, and nothing stands instead.
        return Ok(line || in_slot > 0);
    }
    if slot == slot::CONTACT {
        return Ok(line);
    }
    Ok(line || matches!(slot, slot::LISTED | slot::PLACED | slot::DUE) || hot.live(new.file, slot)? > 1)
}

/// Takes the row of a replaced fact out, unless it is a register's: that one stays and is no longer live. Returns whether
/// it is a register's.
fn retract(tx: &Connection, target: i64) -> Result<bool, StoreFault> {
    if tx.prepare_cached("SELECT 1 FROM slot WHERE fact = ?1")?.exists([target])? {
        return Ok(true);
    }
    for table in BY_FACT {
        tx.prepare_cached(&format!("DELETE FROM {table} WHERE fact = ?1"))?.execute([target])?;
    }
    Ok(false)
}

/// The row of an event that stands on its own.
fn put(tx: &Connection, names: &mut Names, new: &Numbered<'_>, event: &Event) -> Result<(), StoreFault> {
    let Numbered { n, file, fact, .. } = *new;
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
                let visit = names.fact(tx, visit)?;
                tx.prepare_cached("INSERT INTO visit_note (fact, file, visit, body) VALUES (?1, ?2, ?3, ?4)")?
                    .execute(params![n, file, visit, fact.body])?;
            }
        }
        Event::ContactStated(stated) => {
            tx.prepare_cached(
                "INSERT INTO contact_stated (fact, file, number, state, on_day, body) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            )?
            .execute(params![
                n,
                file,
                stated.number.as_str(),
                stated.state.code(),
                text(stated.on),
                fact.body
            ])?;
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
                "INSERT INTO receipt_photo (fact, file, doc_no, sha, media, size, body) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
            )?
            .execute(params![
                n,
                file,
                text(&filed.receipt),
                filed.sha256.0,
                filed.media,
                int(filed.bytes),
                fact.body
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
        // A voided payment is the end of the report it replaces; the others say something of the log itself.
        Event::PaymentVoided(_)
        | Event::DeviceEnrolled(_)
        | Event::DeviceRevoked(_)
        | Event::JournalClosed(_)
        | Event::LogForked(_)
        | Event::HeldDecided(_)
        | Event::Erased(_) => {}
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

/// Takes every row of a file out, for a fold.
pub(crate) fn clear(tx: &Transaction<'_>, file: i64) -> Result<(), StoreFault> {
    for table in ["household", "slot", "phone"] {
        tx.prepare_cached(&format!("DELETE FROM {table} WHERE file = ?1"))?.execute([file])?;
    }
    for table in BY_FACT {
        tx.prepare_cached(&format!("DELETE FROM {table} WHERE fact IN (SELECT n FROM fact WHERE file = ?1)"))?
            .execute([file])?;
    }
    tx.prepare_cached("DELETE FROM replaced WHERE by IN (SELECT n FROM fact WHERE file = ?1)")?.execute([file])?;
    Ok(())
}

/// Takes every row of one fact out, wherever it is.
pub(crate) fn drop_fact(tx: &Transaction<'_>, file: i64, n: i64) -> Result<(), StoreFault> {
    tx.prepare_cached("DELETE FROM slot WHERE fact = ?2 AND file = ?1")?.execute([file, n])?;
    for table in BY_FACT {
        tx.prepare_cached(&format!("DELETE FROM {table} WHERE fact = ?1"))?.execute([n])?;
    }
    tx.prepare_cached("DELETE FROM replaced WHERE by = ?1")?.execute([n])?;
    Ok(())
}

/// The first half of a fold: the fact's row and what it replaces, without looking at anything else of its file.
pub(crate) fn lay(hot: &mut Hot<'_>, names: &mut Names, new: &Numbered<'_>) -> Result<(), StoreFault> {
    let tx = hot.tx;
    for id in &new.fact.replaces {
        let target = names.fact(tx, *id)?;
        hot.replace.execute([target, new.n])?;
    }
    let Some(event) = new.event else { return Ok(()) };
    match slot_of(event) {
        // The numbers are written with the family's line.
        Some(slot) => hot.put_slot(new, slot, event, true),
        None => put(tx, names, new, event),
    }
}

/// The second half of a fold: what is not a register goes once replaced; then the family's line.
pub(crate) fn fold(tx: &Transaction<'_>, file: i64) -> Result<(), StoreFault> {
    for table in BY_FACT {
        tx.prepare_cached(&format!(
            "DELETE FROM {table} WHERE fact IN
               (SELECT f.n FROM fact f JOIN replaced r ON r.target = f.n WHERE f.file = ?1)"
        ))?
        .execute([file])?;
    }
    line(tx, file)
}

/// A file's registers: what stands in each slot, oldest first, each with its fact's number.
pub(crate) type Slots = BTreeMap<i64, Vec<(i64, Entry<Vec<u8>>)>>;

/// Reads a file's registers: of each slot what `domain::merge` says stands.
pub(crate) fn slots(conn: &Connection, file: i64) -> Result<Slots, StoreFault> {
    // A fact's number, whether it is replaced, what it says.
    type Rows = Vec<(i64, bool, Entry<Vec<u8>>)>;
    let mut all: BTreeMap<i64, Rows> = BTreeMap::new();
    let mut find = conn.prepare_cached(
        "SELECT s.slot, s.fact, s.body, f.journal, f.seq, f.at,
                EXISTS (SELECT 1 FROM replaced r WHERE r.target = s.fact)
         FROM slot s JOIN fact f ON f.n = s.fact WHERE s.file = ?1 ORDER BY s.slot, f.at, f.journal, f.seq",
    )?;
    let mut rows = find.query([file])?;
    while let Some(row) = rows.next()? {
        let (slot, n, body): (i64, i64, Vec<u8>) = (row.get(0)?, row.get(1)?, row.get(2)?);
        let id = FactId { journal: JournalId(row.get(3)?), seq: uint(row.get(4)?) };
        let entry = Entry { id, replaces: Vec::new(), at: Millis(row.get(5)?), value: body };
        all.entry(slot).or_default().push((n, row.get(6)?, entry));
    }
    let mut out = Slots::new();
    for (slot, entries) in all {
        // A slot with one fact costs nothing.
        let stands: Option<BTreeSet<FactId>> = if entries.iter().any(|(_, replaced, _)| *replaced) {
            let known: Vec<Entry<()>> = entries
                .iter()
                .map(|(n, _, entry)| {
                    Ok(Entry { id: entry.id, replaces: replaced_by(conn, *n)?, at: entry.at, value: () })
                })
                .collect::<Result<_, StoreFault>>()?;
            Some(register(&known).into_iter().map(|entry| entry.id).collect())
        } else {
            None
        };
        // What replaces a fact may stand in another slot, or be a fact without one.
        let live: Vec<(i64, Entry<Vec<u8>>)> = entries
            .into_iter()
            .filter(|(_, replaced, entry)| !replaced && stands.as_ref().is_none_or(|ids| ids.contains(&entry.id)))
            .map(|(n, _, entry)| (n, entry))
            .collect();
        if !live.is_empty() {
            out.insert(slot, live);
        }
    }
    Ok(out)
}

fn put_phone(tx: &Connection, file: i64, number: &str) -> Result<(), StoreFault> {
    tx.prepare_cached("INSERT OR IGNORE INTO phone (file, number) VALUES (?1, ?2)")?.execute(params![file, number])?;
    Ok(())
}

fn replaced_by(conn: &Connection, n: i64) -> Result<Vec<FactId>, StoreFault> {
    let mut find = conn.prepare_cached(
        "SELECT f.journal, f.seq FROM replaced r JOIN fact f ON f.n = r.target WHERE r.by = ?1 ORDER BY f.n",
    )?;
    let ids = find
        .query_map([n], |row| Ok(FactId { journal: JournalId(row.get(0)?), seq: uint(row.get(1)?) }))?
        .collect::<Result<_, _>>()?;
    Ok(ids)
}

/// The values of a slot that stand, oldest first, each with its fact.
pub(crate) fn standing(slots: &Slots, slot: i64) -> &[(i64, Entry<Vec<u8>>)] {
    slots.get(&slot).map_or(&[], Vec::as_slice)
}

fn latest<T: serde::de::DeserializeOwned>(slots: &Slots, slot: i64) -> Option<T> {
    standing(slots, slot).last().and_then(|(_, entry)| serde_json::from_slice(&entry.value).ok())
}

/// Writes what several facts of a file share: the family's line, and its numbers.
pub(crate) fn line(tx: &Transaction<'_>, file: i64) -> Result<(), StoreFault> {
    let slots = slots(tx, file)?;
    for table in ["household", "phone"] {
        tx.prepare_cached(&format!("DELETE FROM {table} WHERE file = ?1"))?.execute([file])?;
    }
    let mut conflicts = 0_u32;
    for (slot, entries) in &slots {
        if slot::field_of(*slot).is_none() {
            continue;
        }
        let mut texts = BTreeSet::new();
        for (_, entry) in entries {
            let Ok(filled) = serde_json::from_slice::<FieldFilled>(&entry.value) else { continue };
            texts.insert(filled.text);
        }
        // Two equal values settle themselves; a person is asked only where they differ.
        conflicts = conflicts.saturating_add(u32::from(texts.len() > 1));
    }
    let listed: Option<HouseholdListed> = latest(&slots, slot::LISTED);
    let placed: Option<Placed> = latest(&slots, slot::PLACED);
    for phone in listed.iter().flat_map(|listed| &listed.phones) {
        put_phone(tx, file, phone.number.as_str())?;
    }
    // An add-wins set: a number stands while any fact that adds it does.
    for (_, entry) in standing(&slots, slot::CONTACT) {
        if let Ok(added) = serde_json::from_slice::<ContactAdded>(&entry.value) {
            put_phone(tx, file, added.number.as_str())?;
        }
    }
    let (Some(listed), Some(placed)) = (listed, placed) else { return Ok(()) };
    let due: Option<DueListed> = latest(&slots, slot::DUE);
    let sum = |pick: fn(&domain::household::Contract) -> i64| {
        due.iter().flat_map(|due| &due.contracts).map(pick).fold(0_i64, i64::saturating_add)
    };
    tx.prepare_cached(
        "INSERT INTO household (file, borrower, borrower_as_bank, co_borrower, relation, id_tail, address, grad_year, place,
           as_of, due_on, account_hint, batch, contracts, principal_due, interest_due, penalty_due, total_due, conflicts)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19)",
    )?
    .execute(params![
        file,
        listed.borrower,
        listed.borrower_as_bank,
        listed.co_borrower,
        listed.relation,
        listed.id_tail,
        listed.address,
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

/// Drops all view tables and makes them empty.
pub(crate) fn empty(tx: &Transaction<'_>) -> Result<(), StoreFault> {
    for table in TABLES {
        tx.execute_batch(&format!("DROP TABLE IF EXISTS {table}"))?;
    }
    tx.execute_batch("DELETE FROM replaced")?;
    tx.execute_batch(include_str!("views.sql"))?;
    Ok(())
}

/// Every view's rows as text; facts and files by name instead of by number.
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
                let number = if let rusqlite::types::Value::Integer(n) = value { Some(n) } else { None };
                if let (Some(n), "fact" | "visit") = (number, column.as_str()) {
                    let journal = crate::names::journal_id(conn, crate::names::journal_of(n))?;
                    line.push_str(&format!("{column}={journal}:{} ", crate::names::seq_of(n)));
                } else if let (Some(no), "file") = (number, column.as_str()) {
                    let id: [u8; 8] =
                        conn.prepare_cached("SELECT id FROM file WHERE no = ?1")?.query_row([no], |row| row.get(0))?;
                    line.push_str(&format!("file={} ", domain::ids::hex(&id)));
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

#[cfg(test)]
mod tests {
    use super::*;
    use domain::words::HouseholdField;

    /// `reads.rs` and `search.rs` name these two by their numbers.
    #[test]
    fn the_slots_that_sql_names_are_where_it_looks() {
        assert_eq!(slot::field(HouseholdField::Whereabouts), 17);
        assert_eq!(slot::field(HouseholdField::NameTrue), 18);
    }
}

//! From facts to tables, one row at a time: a fact that arrives puts its row in and takes the rows of what it replaces out,
//! and touches nothing else. Where that is not enough (a fact held, let through, erased or gone) the file is folded anew
//! from its facts, by `domain::merge`. Order of arrival does not matter; both ways give the same tables, which a rebuild
//! from the log proves. No screen writes here.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{Datelike as _, NaiveDate, NaiveTime, Timelike as _};
use domain::clock::Millis;
use domain::event::Event;
use domain::fact::{self, Fact, Told};
use domain::feed::{BankTold, FamilyAccount, family_account};
use domain::household::{ContactAdded, DueListed, HouseholdListed, Placed};
use domain::ids::{FactId, JournalId, PersonId};
use domain::merge::{Entry, register};
use domain::receipt::Preview;
use domain::words::{HouseholdField, Section, VisitResult};
use rusqlite::types::{Value, ValueRef};
use rusqlite::{CachedStatement, Connection, OptionalExtension as _, Transaction, params};

use crate::fault::StoreFault;
use crate::log::{int, uint};
use crate::names::{self, Names};

/// Version of the views; a file with another one is rebuilt at opening.
pub(crate) const VERSION: i64 = 12;

/// Every view, for a rebuild; `slot` shows rows of `filed`, which lies beside the log.
const TABLES: &[&str] = &[
    "household",
    "slot",
    "phone",
    "contact_stated",
    "visit",
    "handed_over",
    "letter",
    "letter_void",
    "receipt_photo",
    "paper",
    "receipt_done",
    "payment",
    "text_listed",
    "person",
    "assignment",
    "number_block",
    "county_fact",
];

/// Tables whose rows are found by their fact.
const BY_FACT: &[&str] = &[
    "contact_stated",
    "handed_over",
    "letter",
    "letter_void",
    "receipt_photo",
    "paper",
    "receipt_done",
    "payment",
    "text_listed",
    "person",
    "assignment",
    "number_block",
    "county_fact",
];

/// Registers of a file, as `slot.slot` names them.
pub(crate) mod slot {
    /// No register.
    pub(crate) const NONE: i64 = 0;
    /// No register either: what a line noted of a visit, found by its family.
    pub(crate) const NOTED: i64 = -1;
    /// The list's words.
    pub(crate) const LISTED: i64 = 5;
    /// Where the family belongs.
    pub(crate) const PLACED: i64 = 1;
    /// What is due.
    pub(crate) const DUE: i64 = 2;
    /// Full numbers.
    pub(crate) const IDENTIFIED: i64 = 3;
    /// Numbers told: a set, every live fact of it stands.
    pub(crate) const CONTACT: i64 = 4;
    /// What the bank's feeds say: a set, every live fact of it stands.
    pub(crate) const TOLD: i64 = 6;
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
        Event::BankTold(_) => Some(slot::TOLD),
        Event::ProfileSaved(_)
        | Event::RoleGiven(_)
        | Event::DeviceEnrolled(_)
        | Event::BlockLeased(_)
        | Event::PlacesLoaded(_)
        | Event::RegistryLoaded(_)
        | Event::VillageAssigned(_)
        | Event::DueListImported(_)
        | Event::FeedImported(_)
        | Event::BulletinIssued(_)
        | Event::ExportApproved(_)
        | Event::Exported(_)
        | Event::RulesLoaded(_)
        | Event::SamePersonDecided(_)
        | Event::HistoryLoaded(_)
        | Event::SeasonClosed(_)
        | Event::ImportProposed(_)
        | Event::ImportDecided(_)
        | Event::ImportLoaded(_)
        | Event::TextListed(_)
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
        | Event::LogForked(_)
        | Event::Looked(_)
        | Event::LaptopLost(_)
        | Event::OfficerOffered(_)
        | Event::OfficersNamed(_)
        | Event::RecoveryHelped(_) => None,
    }
}

/// Where a fact is found in its file: a register's slot, or what else is looked for by file.
fn place_of(event: &Event) -> i64 {
    if let Event::VisitNoted(noted) = event
        && noted.visit.is_some()
    {
        slot::NOTED
    } else {
        slot_of(event).unwrap_or(slot::NONE)
    }
}

/// The statements that every fact goes through, looked up once for a whole page.
pub(crate) struct Hot<'c> {
    tx: &'c Connection,
    entry: CachedStatement<'c>,
    filed: CachedStatement<'c>,
    say: CachedStatement<'c>,
    replace: CachedStatement<'c>,
    peers: CachedStatement<'c>,
    ended: CachedStatement<'c>,
    phone: CachedStatement<'c>,
    /// Of one slot, while it is looked at: the other facts, and what any of its facts replaces.
    others: Vec<i64>,
    over: Vec<i64>,
}

// `OR FAIL`: what a failed statement did goes with its transaction, always; else every page it touches is copied first.

/// The log's rows, of facts that are known and not held.
pub(crate) const INTO_ENTRY: &str = "INSERT OR FAIL INTO entry (position, batch, n, file, manner, at, leaf)";
/// Rows by file.
pub(crate) const INTO_FILED: &str = "INSERT OR FAIL INTO filed (file, slot, n, over, said)";
/// What lists read of what facts say; each stands one after the last. A number of its own would make SQLite keep a copy of
/// every page it touches until the statement ends.
pub(crate) const INTO_SAID: &str = "INSERT INTO said (body)";
/// What is replaced, by which of which file.
pub(crate) const INTO_REPLACED: &str = "INSERT OR IGNORE INTO replaced (target, by, file)";
/// Visits.
pub(crate) const INTO_VISIT: &str = "INSERT OR FAIL INTO visit (fact, file, on_day, arrived, result, met, pledged_on)";

/// What the log says of a fact besides the fact itself.
#[derive(Clone, Copy)]
pub(crate) struct Place {
    /// Its corrected time.
    pub(crate) at: Millis,
    /// Its position in the county's log.
    pub(crate) position: Option<u64>,
    /// Kept, and without effect.
    pub(crate) held: bool,
    /// Its batch's number and its leaf's bits.
    pub(crate) sealed: Option<(u64, i64)>,
}

impl<'c> Hot<'c> {
    /// Prepares them.
    pub(crate) fn new(tx: &'c Connection) -> Result<Self, StoreFault> {
        Ok(Self {
            tx,
            entry: tx.prepare_cached(
                "INSERT OR FAIL INTO entry (position, batch, n, file, manner, at, leaf, held, known)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
            )?,
            filed: tx.prepare_cached(&format!("{INTO_FILED} VALUES (?1, ?2, ?3, ?4, ?5)"))?,
            say: tx.prepare_cached("INSERT INTO said (body) VALUES (?1) RETURNING no")?,
            replace: tx.prepare_cached(&format!("{INTO_REPLACED} VALUES (?1, ?2, ?3)"))?,
            peers: tx.prepare_cached("SELECT n, over FROM filed WHERE file = ?1 AND slot = ?2")?,
            ended: tx.prepare_cached("SELECT 1 FROM replaced WHERE target = ?1 AND file = ?2")?,
            phone: tx.prepare_cached("INSERT OR IGNORE INTO phone (file, number) VALUES (?1, ?2)")?,
            others: Vec::new(),
            over: Vec::new(),
        })
    }

    /// Puts a fact's row into the log.
    pub(crate) fn log(
        &mut self,
        names: &mut Names,
        new: &Numbered<'_>,
        (section, kind, author): (Section, &str, &PersonId),
        place: Place,
    ) -> Result<(), StoreFault> {
        let manner = names.manner(self.tx, section, kind, author)?;
        self.entry.execute(params![
            place.position.map(int),
            place.sealed.map(|(batch, _)| int(batch)),
            new.n,
            new.file,
            manner,
            place.at.0,
            place.sealed.map(|(_, leaf)| leaf),
            place.held,
            new.event.is_some(),
        ])?;
        Ok(())
    }

    /// Files a fact: where it is found in its file, and what it replaces. Of one that is held only that it is there.
    pub(crate) fn file(
        &mut self,
        new: &Numbered<'_>,
        held: bool,
        targets: &[i64],
        body: Option<&[u8]>,
    ) -> Result<(), StoreFault> {
        let shown = new.event.filter(|_| !held);
        let said = match shown.zip(body) {
            Some((event, body)) => self.say(event, body)?,
            None => None,
        };
        self.filed.execute(params![
            new.file,
            shown.map_or(slot::NONE, place_of),
            new.n,
            if held { Value::Null } else { over(targets) },
            said
        ])?;
        Ok(())
    }

    /// Puts down what lists read of a fact, if they read it; returns where it lies.
    fn say(&mut self, event: &Event, body: &[u8]) -> Result<Option<i64>, StoreFault> {
        let said = if let Event::FieldFilled(filled) = event {
            filled.text.as_bytes()
        } else if listed(event) {
            body
        } else {
            return Ok(None);
        };
        Ok(Some(self.say.query_row([said], |row| row.get(0))?))
    }

    /// The other facts of a slot that stand, `targets` being replaced; and how many of `targets` are of this slot.
    fn beside(&mut self, n: i64, file: i64, slot: i64, targets: &[i64]) -> Result<(usize, usize), StoreFault> {
        let mut rows = self.peers.query([file, slot])?;
        let (peers, over) = (&mut self.others, &mut self.over);
        peers.clear();
        over.clear();
        let mut ended = 0_usize;
        while let Some(row) = rows.next()? {
            let peer: i64 = row.get(0)?;
            if targets.contains(&peer) {
                ended = ended.saturating_add(1);
            } else if peer != n {
                peers.push(peer);
            }
            over_in(row.get_ref(1)?, |target| over.push(target));
        }
        // Nearly all of a slot's history was replaced within the slot: only what was not is looked up.
        let mut live = 0_usize;
        for peer in &*peers {
            if !over.contains(peer) && !self.ended.exists([*peer, file])? {
                live = live.saturating_add(1);
            }
        }
        Ok((live, ended))
    }
}

/// Whether lists read the body of an event of this kind.
pub(crate) fn listed(event: &Event) -> bool {
    matches!(
        event,
        Event::Identified(_)
            | Event::RoleGiven(_)
            | Event::ProfileSaved(_)
            | Event::PlacesLoaded(_)
            | Event::RegistryLoaded(_)
            | Event::DueListImported(_)
            | Event::FeedImported(_)
            | Event::ExportApproved(_)
            | Event::Exported(_)
            | Event::RulesLoaded(_)
            | Event::SamePersonDecided(_)
            | Event::HistoryLoaded(_)
            | Event::SeasonClosed(_)
            | Event::ImportProposed(_)
            | Event::ImportDecided(_)
            | Event::ImportLoaded(_)
            | Event::BulletinIssued(_)
    )
}

/// What a fact replaces, as its row holds it: nothing, one number, or several of eight bytes each.
pub(crate) fn over(targets: &[i64]) -> Value {
    match targets {
        [] => Value::Null,
        [one] => Value::Integer(*one),
        several => Value::Blob(several.iter().flat_map(|n| n.to_be_bytes()).collect()),
    }
}

/// The numbers of [`over`].
pub(crate) fn targets_of(over: &Value) -> Vec<i64> {
    let mut out = Vec::new();
    over_in(over.into(), |target| out.push(target));
    out
}

/// Each of them, from where SQLite has them.
fn over_in(over: ValueRef<'_>, mut see: impl FnMut(i64)) {
    match over {
        ValueRef::Integer(one) => see(one),
        ValueRef::Blob(several) => several.as_chunks().0.iter().for_each(|bytes| see(i64::from_be_bytes(*bytes))),
        ValueRef::Null | ValueRef::Real(_) | ValueRef::Text(_) => {}
    }
}

/// The numbers of what a fact replaces.
pub(crate) fn targets(tx: &Connection, names: &mut Names, replaces: &[FactId]) -> Result<Vec<i64>, StoreFault> {
    replaces.iter().map(|id| names.fact(tx, *id)).collect()
}

/// A fact with the numbers it has in this file.
pub(crate) struct Numbered<'a> {
    pub(crate) n: i64,
    pub(crate) file: i64,
    pub(crate) event: Option<&'a Event>,
}

/// What views need to know of what a fact says. Many wait to be filed, so it is small.
pub(crate) enum Gist {
    /// A kind of a newer version.
    Unknown,
    /// A register's new value: its slot.
    Register(i64),
    /// A number told.
    Contact(Box<str>),
    /// A visit in which no letter was handed over: when it was and what came of it.
    Visit(NaiveDate, NaiveTime, VisitResult, Option<NaiveDate>),
    /// What a line noted of a visit.
    Noted,
    /// Anything else stands on its own.
    Alone(Box<Event>),
}

impl Gist {
    /// Of what a fact tells.
    pub(crate) fn of(told: Told) -> Self {
        match told {
            Told::Unknown => Self::Unknown,
            Told::Field(field, _) => Self::Register(slot::field(field)),
            Told::Number(number) => Self::Contact(number.as_str().into()),
            Told::Visit(on, arrived, result, pledged_on) => Self::Visit(on, arrived, result, pledged_on),
            Told::Event(event) => match place_of(&event) {
                slot::NOTED => Self::Noted,
                slot::NONE => Self::Alone(event),
                slot => Self::Register(slot),
            },
        }
    }

    /// Where it is found in its file.
    pub(crate) fn place(&self) -> i64 {
        match self {
            Self::Unknown | Self::Alone(_) | Self::Visit(..) => slot::NONE,
            Self::Register(slot) => *slot,
            Self::Contact(_) => slot::CONTACT,
            Self::Noted => slot::NOTED,
        }
    }

    /// Whether it takes the place of one other value of its slot, as nearly all do: if that one is here, the slot's own rows
    /// say so and `replaced` does not.
    pub(crate) fn takes_one_place(&self, targets: &[i64]) -> bool {
        matches!((self, targets), (Self::Register(_), [_]))
    }
}

/// Rows that go into one table, many with one statement: beginning and ending a statement costs more than a row does, and
/// where rows have numbers of their own SQLite keeps a copy of every page that a statement touches until it ends.
pub(crate) struct Bulk<'c> {
    tx: &'c Connection,
    into: &'static str,
    /// Made when they are first needed: a small page needs but the last.
    statements: [Option<CachedStatement<'c>>; BULKS.len()],
    /// How many values a row has.
    width: usize,
    values: Vec<Value>,
}

/// Rows of one statement, the most first: what is left takes few of them.
const BULKS: [usize; 4] = [128, 32, 8, 1];

impl<'c> Bulk<'c> {
    /// For `into`, all of the statement before `VALUES`: it names the columns, which tells how many values a row has.
    pub(crate) fn new(tx: &'c Connection, into: &'static str) -> Self {
        let width = into.matches(',').count().saturating_add(1);
        Self { tx, into, statements: BULKS.map(|_| None), width, values: Vec::new() }
    }

    /// One more row, of as many values as a row has.
    pub(crate) fn row(&mut self, row: impl IntoIterator<Item = Value>) -> Result<(), StoreFault> {
        self.values.extend(row);
        let [most, ..] = BULKS;
        if self.values.len() >= self.width.saturating_mul(most) { self.flush() } else { Ok(()) }
    }

    /// Writes what is there.
    pub(crate) fn flush(&mut self) -> Result<(), StoreFault> {
        let mut rows = self.values.as_slice();
        for (statement, count) in self.statements.iter_mut().zip(BULKS) {
            while let Some((now, rest)) = rows.split_at_checked(self.width.saturating_mul(count)) {
                let made = match statement {
                    Some(made) => made,
                    None => statement.insert(self.tx.prepare_cached(&many(self.into, self.width, count))?),
                };
                made.execute(rusqlite::params_from_iter(now))?;
                rows = rest;
            }
        }
        self.values.clear();
        Ok(())
    }

    /// The rows that are left.
    pub(crate) fn end(mut self) -> Result<(), StoreFault> {
        self.flush()
    }
}

/// The statement for so many rows.
fn many(into: &str, width: usize, rows: usize) -> String {
    let row = format!("({})", vec!["?"; width].join(","));
    format!("{into} VALUES {}", vec![row; rows].join(","))
}

/// What a fact changed that its file's line says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Change {
    /// Nothing.
    None,
    /// How many fields have several values.
    Conflicts,
    /// Anything.
    Line,
}

/// Takes an effective fact, whose rows are in log and file, into the views: notes the end of what it replaces and, unless it
/// is `replaced` already, puts its own row in. Returns what of the family's line must be written anew.
pub(crate) fn take(
    hot: &mut Hot<'_>,
    (n, file): (i64, i64),
    gist: &Gist,
    targets: &[i64],
    replaced: bool,
) -> Result<Change, StoreFault> {
    if !gist.takes_one_place(targets) {
        for target in targets {
            hot.replace.execute([*target, n, file])?;
        }
    }
    let mut visits = Bulk::new(hot.tx, INTO_VISIT);
    let change = show(hot, (n, file), gist, targets, replaced, &mut visits)?;
    visits.end()?;
    Ok(change)
}

/// As [`take`], where what it replaces is noted already, but for what [`Gist::takes_one_place`]; its visits are the
/// caller's to end.
pub(crate) fn show(
    hot: &mut Hot<'_>,
    (n, file): (i64, i64),
    gist: &Gist,
    targets: &[i64],
    replaced: bool,
    visits: &mut Bulk<'_>,
) -> Result<Change, StoreFault> {
    let tx = hot.tx;
    let slot = match gist {
        Gist::Register(slot) => Some(*slot),
        Gist::Contact(_) => Some(slot::CONTACT),
        Gist::Unknown | Gist::Noted | Gist::Alone(_) | Gist::Visit(..) => None,
    };
    let (live, ended) = match slot {
        Some(slot::CONTACT) | None if targets.is_empty() => (0, 0),
        Some(slot) => hot.beside(n, file, slot, targets)?,
        None => (0, 0),
    };
    let mut line = false;
    if ended < targets.len() {
        for target in targets {
            if gist.takes_one_place(targets) {
                hot.replace.execute([*target, n, file])?;
            }
            line |= retract(tx, file, slot, *target)?;
        }
    }
    // One value in the place of one other of its slot leaves the family's line as it was; anything else is looked at.
    line |= ended > 0 && slot == Some(slot::CONTACT);
    let several = ended > 1;
    let changed = |line: bool, several: bool| match (line, slot.and_then(slot::field_of)) {
        (false, _) if !several => Change::None,
        (false, Some(_)) => Change::Conflicts,
        (_, _) => Change::Line,
    };
    match gist {
        Gist::Contact(number) if !replaced => {
            hot.phone.execute(params![file, number.as_ref()])?;
            Ok(changed(line, several))
        }
        // It ends what it replaces for what came before it, which now stands alone.
        Gist::Contact(_) | Gist::Register(_) if replaced => Ok(changed(line, several || ended > 0)),
        Gist::Register(slot) => {
            let listed = matches!(*slot, slot::LISTED | slot::PLACED | slot::DUE | slot::TOLD);
            Ok(changed(line || listed, several || live > 0))
        }
        Gist::Visit(on, arrived, result, pledged_on) if !replaced => {
            visits.row(visit((n, file), *on, *arrived, *result, *pledged_on))?;
            Ok(changed(line, several))
        }
        Gist::Alone(event) if !replaced => {
            put(tx, (n, file), event, visits)?;
            Ok(changed(line, several))
        }
        Gist::Contact(_) | Gist::Visit(..) | Gist::Alone(_) | Gist::Noted | Gist::Unknown => Ok(changed(line, several)),
    }
}

/// Takes the row of a replaced fact of a file out, unless it is a register's: that one stays and is no longer live. Returns
/// whether it is a register's, of another slot than the one that is looked at anyway.
fn retract(tx: &Connection, file: i64, slot: Option<i64>, target: i64) -> Result<bool, StoreFault> {
    let here: Option<i64> = tx
        .prepare_cached(
            "SELECT x.slot FROM entry e JOIN filed x ON x.file = e.file AND x.n = e.n WHERE e.n = ?1 AND e.file = ?2",
        )?
        .query_row([target, file], |row| row.get(0))
        .optional()?;
    match here {
        Some(slot::NONE) => {
            drop_rows(tx, file, target)?;
            Ok(false)
        }
        Some(slot::NOTED) | None => Ok(false),
        Some(its) => Ok(Some(its) != slot),
    }
}

/// Takes the rows out that views keep beside a fact's own.
fn drop_rows(tx: &Connection, file: i64, n: i64) -> Result<(), StoreFault> {
    for table in BY_FACT {
        tx.prepare_cached(&format!("DELETE FROM {table} WHERE fact = ?1"))?.execute([n])?;
    }
    tx.prepare_cached("DELETE FROM visit WHERE file = ?1 AND fact = ?2")?.execute([file, n])?;
    Ok(())
}

/// The row of a visit.
fn visit(
    (n, file): (i64, i64),
    on: NaiveDate,
    arrived: NaiveTime,
    result: VisitResult,
    pledged_on: Option<NaiveDate>,
) -> [Value; 7] {
    let at = VisitResult::ALL.iter().position(|known| *known == result).unwrap_or(0);
    [
        Value::Integer(n),
        Value::Integer(file),
        Value::Integer(on.num_days_from_ce().into()),
        Value::Integer(arrived.num_seconds_from_midnight().into()),
        Value::Integer(i64::try_from(at).unwrap_or(i64::MAX)),
        Value::Integer(result.met().into()),
        pledged_on.map_or(Value::Null, |day| Value::Integer(day.num_days_from_ce().into())),
    ]
}

/// The day of a number that [`visit`] wrote.
pub(crate) fn day(number: i32) -> Result<NaiveDate, StoreFault> {
    NaiveDate::from_num_days_from_ce_opt(number).ok_or(StoreFault::Corrupt { what: "visit.on_day" })
}

/// The row of an event that stands on its own.
fn put(tx: &Connection, (n, file): (i64, i64), event: &Event, visits: &mut Bulk<'_>) -> Result<(), StoreFault> {
    match event {
        Event::VisitMade(made) => {
            visits.row(visit((n, file), made.on, made.arrived, made.result, made.pledged_on))?;
            for doc_no in &made.letters {
                tx.prepare_cached("INSERT OR IGNORE INTO handed_over (fact, doc_no) VALUES (?1, ?2)")?
                    .execute(params![n, doc_no])?;
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
                "INSERT INTO letter (fact, file, doc_no, kind, year, serial, total, pair)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
            )?
            .execute(params![
                n,
                file,
                text(&letter.doc),
                letter.doc.kind.code(),
                letter.doc.year,
                letter.doc.serial,
                letter.total.get(),
                letter.pair.as_ref().map(text)
            ])?;
        }
        Event::LetterVoided(voided) => {
            tx.prepare_cached("INSERT INTO letter_void (fact, file, doc_no, reason) VALUES (?1, ?2, ?3, ?4)")?
                .execute(params![n, file, text(&voided.doc), voided.reason])?;
        }
        Event::ReceiptFiled(filed) => {
            tx.prepare_cached("INSERT INTO receipt_photo (fact, file, doc_no) VALUES (?1, ?2, ?3)")?
                .execute(params![n, file, text(&filed.receipt)])?;
            let photo = (filed.sha256, filed.media.as_str(), filed.bytes, false);
            let small = filed.preview.map(|small| (small.sha256, Preview::MEDIA, small.bytes, true));
            for (sha, media, size, preview) in std::iter::once(photo).chain(small) {
                tx.prepare_cached(
                    "INSERT OR IGNORE INTO paper (fact, sha, file, media, size, preview) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
                )?
                .execute(params![n, sha.0, file, media, int(size), preview])?;
            }
        }
        Event::ReceiptCompleted(done) => {
            tx.prepare_cached(
                "INSERT INTO receipt_done (fact, file, doc_no, mode, served_on) VALUES (?1, ?2, ?3, ?4, ?5)",
            )?
            .execute(params![n, file, text(&done.receipt), done.mode.code(), text(done.served_on)])?;
        }
        Event::PaymentReported(paid) => {
            tx.prepare_cached("INSERT INTO payment (fact, file, amount, on_day) VALUES (?1, ?2, ?3, ?4)")?
                .execute(params![n, file, paid.amount.get(), text(paid.on)])?;
        }
        Event::TextListed(listed) => {
            tx.prepare_cached("INSERT INTO text_listed (fact, file, topic, on_day) VALUES (?1, ?2, ?3, ?4)")?
                .execute(params![n, file, listed.topic.code(), text(listed.on)])?;
        }
        Event::RoleGiven(given) => {
            tx.prepare_cached("INSERT INTO person (fact, person) VALUES (?1, ?2)")?
                .execute(params![n, given.person.as_str()])?;
        }
        Event::VillageAssigned(assigned) => {
            tx.prepare_cached("INSERT INTO assignment (fact, village, line, person) VALUES (?1, ?2, ?3, ?4)")?
                .execute(params![n, assigned.village.as_str(), assigned.line.code(), assigned.person.as_str()])?;
        }
        Event::BlockLeased(leased) => {
            tx.prepare_cached(
                "INSERT INTO number_block (fact, kind, year, block, file, journal) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            )?
            .execute(params![
                n,
                leased.kind.code(),
                leased.year,
                leased.block,
                file,
                leased.journal.map(|id| id.0)
            ])?;
        }
        Event::ProfileSaved(_)
        | Event::PlacesLoaded(_)
        | Event::RegistryLoaded(_)
        | Event::DueListImported(_)
        | Event::FeedImported(_)
        | Event::ExportApproved(_)
        | Event::Exported(_)
        | Event::RulesLoaded(_)
        | Event::SamePersonDecided(_)
        | Event::HistoryLoaded(_)
        | Event::SeasonClosed(_)
        | Event::ImportProposed(_)
        | Event::ImportDecided(_)
        | Event::ImportLoaded(_)
        | Event::BulletinIssued(_) => {
            tx.prepare_cached("INSERT INTO county_fact (fact, kind) VALUES (?1, ?2)")?
                .execute(params![n, event.kind()])?;
        }
        // A voided payment is the end of the report it replaces; a note is found by its slot; the others say something of
        // the log itself.
        Event::PaymentVoided(_)
        | Event::VisitNoted(_)
        | Event::DeviceEnrolled(_)
        | Event::DeviceRevoked(_)
        | Event::JournalClosed(_)
        | Event::LogForked(_)
        | Event::Looked(_)
        | Event::LaptopLost(_)
        | Event::OfficerOffered(_)
        | Event::OfficersNamed(_)
        | Event::RecoveryHelped(_)
        | Event::HeldDecided(_)
        | Event::Erased(_) => {}
        // Registers: see `take`.
        Event::HouseholdListed(_)
        | Event::Placed(_)
        | Event::DueListed(_)
        | Event::Identified(_)
        | Event::ContactAdded(_)
        | Event::BankTold(_)
        | Event::FieldFilled(_) => {}
    }
    Ok(())
}

/// Numbers of documents that were printed stay used, whatever becomes of what says so: it goes, it is held, it is erased.
fn spend(tx: &Transaction<'_>, which: &str, of: i64) -> Result<(), StoreFault> {
    tx.prepare_cached(&format!(
        "INSERT INTO spent (kind, year, block, serial)
         SELECT kind, year, serial / 100, max(serial) FROM letter WHERE {which} GROUP BY kind, year, serial / 100
         ON CONFLICT DO UPDATE SET serial = max(serial, excluded.serial)"
    ))?
    .execute([of])?;
    Ok(())
}

/// Takes every row of a file out, for a fold.
pub(crate) fn clear(tx: &Transaction<'_>, file: i64) -> Result<(), StoreFault> {
    spend(tx, "file = ?1", file)?;
    for table in ["household", "phone", "visit"] {
        tx.prepare_cached(&format!("DELETE FROM {table} WHERE file = ?1"))?.execute([file])?;
    }
    for table in BY_FACT {
        tx.prepare_cached(&format!("DELETE FROM {table} WHERE fact IN (SELECT n FROM filed WHERE file = ?1)"))?
            .execute([file])?;
    }
    let replacing: Vec<i64> = tx
        .prepare_cached("SELECT n FROM filed WHERE file = ?1 AND over IS NOT NULL")?
        .query_map([file], |row| row.get(0))?
        .collect::<Result<_, _>>()?;
    for n in replacing {
        forget_replaced(tx, file, n)?;
    }
    forget_said(tx, "file = ?1", &[file])?;
    tx.prepare_cached("UPDATE filed SET slot = 0, over = NULL, said = NULL WHERE file = ?1")?.execute([file])?;
    Ok(())
}

/// What facts say that lists read goes.
fn forget_said(tx: &Transaction<'_>, of: &str, with: &[i64]) -> Result<(), StoreFault> {
    tx.prepare_cached(&format!(
        "DELETE FROM said WHERE no IN (SELECT said FROM filed WHERE {of} AND said IS NOT NULL)"
    ))?
    .execute(rusqlite::params_from_iter(with))?;
    Ok(())
}

/// What a fact replaced is no longer replaced by it.
fn forget_replaced(tx: &Transaction<'_>, file: i64, n: i64) -> Result<(), StoreFault> {
    let over: Option<Value> = tx
        .prepare_cached("SELECT over FROM filed WHERE file = ?1 AND n = ?2")?
        .query_row([file, n], |row| row.get(0))
        .optional()?;
    for target in over.iter().flat_map(targets_of) {
        tx.prepare_cached("DELETE FROM replaced WHERE target = ?1 AND by = ?2")?.execute([target, n])?;
    }
    Ok(())
}

/// Takes everything that views have of one fact out.
pub(crate) fn drop_fact(tx: &Transaction<'_>, file: i64, n: i64) -> Result<(), StoreFault> {
    spend(tx, "fact = ?1", n)?;
    drop_rows(tx, file, n)?;
    forget_replaced(tx, file, n)?;
    forget_said(tx, "file = ?1 AND n = ?2", &[file, n])?;
    tx.prepare_cached("UPDATE filed SET slot = 0, over = NULL, said = NULL WHERE file = ?1 AND n = ?2")?
        .execute([file, n])?;
    Ok(())
}

/// The first half of a fold: the fact's row and what it replaces, without looking at anything else of its file.
pub(crate) fn lay(hot: &mut Hot<'_>, names: &mut Names, new: &Numbered<'_>, fact: &Fact) -> Result<(), StoreFault> {
    let tx = hot.tx;
    let targets = targets(tx, names, &fact.replaces)?;
    for target in &targets {
        hot.replace.execute([*target, new.n, new.file])?;
    }
    let slot = new.event.and_then(slot_of);
    let said = match new.event {
        Some(event) => hot.say(event, &fact.body)?,
        None => None,
    };
    // A file that is folded has all its rows at none.
    tx.prepare_cached("UPDATE filed SET slot = ?3, over = ?4, said = ?5 WHERE file = ?1 AND slot = 0 AND n = ?2")?
        .execute(params![new.file, new.n, new.event.map_or(slot::NONE, place_of), over(&targets), said])?;
    // The numbers are written with the family's line.
    match new.event {
        Some(event) if slot.is_none() => {
            let mut visits = Bulk::new(tx, INTO_VISIT);
            put(tx, (new.n, new.file), event, &mut visits)?;
            visits.end()
        }
        Some(_) | None => Ok(()),
    }
}

/// The second half of a fold: what is not a register goes once replaced; then the family's line.
pub(crate) fn fold(tx: &Transaction<'_>, file: i64) -> Result<(), StoreFault> {
    for table in BY_FACT {
        tx.prepare_cached(&format!(
            "DELETE FROM {table} WHERE fact IN
               (SELECT x.n FROM filed x JOIN replaced r ON r.target = x.n AND r.file = x.file WHERE x.file = ?1)"
        ))?
        .execute([file])?;
    }
    tx.prepare_cached(
        "DELETE FROM visit WHERE file = ?1
           AND EXISTS (SELECT 1 FROM replaced r WHERE r.target = visit.fact AND r.file = visit.file)",
    )?
    .execute([file])?;
    line(tx, file)
}

/// A file's registers: what stands in each slot, oldest first, each with its fact's number: of a field its text, of others
/// the body.
pub(crate) type Slots = BTreeMap<i64, Vec<(i64, Entry<Vec<u8>>)>>;

/// Reads a file's registers: of each slot what `domain::merge` says stands.
pub(crate) fn slots(conn: &Connection, file: i64) -> Result<Slots, StoreFault> {
    // A fact's number, whether it is replaced, what it says if that is filed.
    type Rows = Vec<(i64, bool, Entry<Option<Vec<u8>>>)>;
    let mut all: BTreeMap<i64, Rows> = BTreeMap::new();
    let mut find = conn.prepare_cached(
        "SELECT s.slot, s.fact, s.body, f.journal, f.seq, f.at, NOT s.live
         FROM slot s JOIN fact f ON f.n = s.fact WHERE s.file = ?1 ORDER BY s.slot, f.at, f.journal, f.seq",
    )?;
    let mut rows = find.query([file])?;
    while let Some(row) = rows.next()? {
        let (slot, n, body): (i64, i64, Option<Vec<u8>>) = (row.get(0)?, row.get(1)?, row.get(2)?);
        let id = FactId { journal: JournalId(row.get(3)?), seq: uint(row.get(4)?) };
        let entry = Entry { id, replaces: Vec::new(), at: Millis(row.get(5)?), value: body };
        all.entry(slot).or_default().push((n, row.get(6)?, entry));
    }
    let mut out = Slots::new();
    for (slot, entries) in all {
        // A slot with one fact costs nothing.
        let stands: Option<BTreeSet<FactId>> = if entries.iter().any(|(_, replaced, _)| *replaced) {
            let mut replaces: BTreeMap<i64, Vec<FactId>> = BTreeMap::new();
            for (n, replaced, entry) in &entries {
                if *replaced {
                    let mut find = conn.prepare_cached(
                        "SELECT by FROM replaced WHERE target = ?1 AND file = ?2
                         UNION SELECT n FROM filed WHERE file = ?2 AND slot = ?3 AND over = ?1",
                    )?;
                    let mut rows = find.query([*n, file, slot])?;
                    while let Some(row) = rows.next()? {
                        replaces.entry(row.get(0)?).or_default().push(entry.id);
                    }
                }
            }
            let known: Vec<Entry<()>> = entries
                .iter()
                .map(|(n, _, entry)| Entry {
                    id: entry.id,
                    replaces: replaces.remove(n).unwrap_or_default(),
                    at: entry.at,
                    value: (),
                })
                .collect();
            Some(register(&known).into_iter().map(|entry| entry.id).collect())
        } else {
            None
        };
        // What replaces a fact may stand in another slot, or be a fact without one.
        let mut live: Vec<(i64, Entry<Vec<u8>>)> = Vec::new();
        for (n, replaced, Entry { id, replaces, at, value }) in entries {
            if !replaced && stands.as_ref().is_none_or(|ids| ids.contains(&id)) {
                let value = value.map_or_else(|| body_of(conn, n), Ok)?;
                live.push((n, Entry { id, replaces, at, value }));
            }
        }
        if !live.is_empty() {
            out.insert(slot, live);
        }
    }
    Ok(out)
}

/// What a fact says that is open here, from its batch, or from where it stands alone.
pub(crate) fn body_of(conn: &Connection, n: i64) -> Result<Vec<u8>, StoreFault> {
    let lost = StoreFault::Corrupt { what: "a fact without its bytes" };
    let sealed: Option<Vec<u8>> = conn
        .prepare_cached(
            "SELECT b.bytes FROM entry e JOIN sealed b ON b.n = (e.n & ~4294967295) | e.batch WHERE e.n = ?1",
        )?
        .query_row([n], |row| row.get(0))
        .optional()?;
    if let Some(bytes) = sealed {
        return fact::body_in(&bytes, names::seq_of(n))?.ok_or(lost);
    }
    let alone: Option<Vec<u8>> =
        conn.prepare_cached("SELECT bytes FROM open_fact WHERE n = ?1")?.query_row([n], |row| row.get(0)).optional()?;
    Ok(Fact::parse(&alone.ok_or(lost)?)?.body)
}

fn put_phone(tx: &Connection, file: i64, number: &str) -> Result<(), StoreFault> {
    tx.prepare_cached("INSERT OR IGNORE INTO phone (file, number) VALUES (?1, ?2)")?.execute(params![file, number])?;
    Ok(())
}

/// The values of a slot that stand, oldest first, each with its fact.
pub(crate) fn standing(slots: &Slots, slot: i64) -> &[(i64, Entry<Vec<u8>>)] {
    slots.get(&slot).map_or(&[], Vec::as_slice)
}

fn latest<T: serde::de::DeserializeOwned>(slots: &Slots, slot: i64) -> Option<T> {
    standing(slots, slot).last().and_then(|(_, entry)| serde_json::from_slice(&entry.value).ok())
}

/// How many fields of a file have values that differ. Two equal ones settle themselves.
fn conflicts(tx: &Transaction<'_>, file: i64) -> Result<u32, StoreFault> {
    let first = HouseholdField::ALL.first().map_or(i64::MAX, |field| slot::field(*field));
    let mut find = tx.prepare_cached("SELECT slot, body FROM slot WHERE file = ?1 AND slot >= ?2 AND live")?;
    let mut rows = find.query([file, first])?;
    let mut texts: BTreeMap<i64, BTreeSet<Vec<u8>>> = BTreeMap::new();
    while let Some(row) = rows.next()? {
        texts.entry(row.get(0)?).or_default().insert(row.get(1)?);
    }
    Ok(u32::try_from(texts.values().filter(|texts| texts.len() > 1).count()).unwrap_or(u32::MAX))
}

/// Writes into a family's line how many of its fields have values that differ.
pub(crate) fn count_conflicts(tx: &Transaction<'_>, file: i64) -> Result<(), StoreFault> {
    let conflicts = conflicts(tx, file)?;
    tx.prepare_cached("UPDATE household SET conflicts = ?2 WHERE file = ?1")?.execute(params![file, conflicts])?;
    Ok(())
}

/// Writes what several facts of a file share: the family's line, and its numbers.
pub(crate) fn line(tx: &Transaction<'_>, file: i64) -> Result<(), StoreFault> {
    let slots = slots(tx, file)?;
    for table in ["household", "phone"] {
        tx.prepare_cached(&format!("DELETE FROM {table} WHERE file = ?1"))?.execute([file])?;
    }
    let conflicts = conflicts(tx, file)?;
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
    let told: Vec<BankTold> = standing(&slots, slot::TOLD)
        .iter()
        .filter_map(|(_, entry)| serde_json::from_slice(&entry.value).ok())
        .collect();
    let bank = due.as_ref().map_or_else(FamilyAccount::default, |due| family_account(&due.contracts, &told));
    let sum = |pick: fn(&domain::household::Contract) -> i64| {
        due.iter().flat_map(|due| &due.contracts).map(pick).fold(0_i64, i64::saturating_add)
    };
    tx.prepare_cached(
        "INSERT INTO household (file, borrower, borrower_as_bank, co_borrower, relation, id_tail, address, grad_year, place,
           as_of, due_on, account_hint, batch, contracts, principal_due, interest_due, penalty_due, total_due, conflicts,
           booked, pending, over, overdue, written_off, doubtful, heard_on)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21, ?22, ?23,
           ?24, ?25, ?26)",
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
        conflicts,
        bank.booked.get(),
        bank.pending.get(),
        bank.over.get(),
        bank.overdue,
        bank.written_off,
        bank.doubtful,
        bank.heard_on.map(text)
    ])?;
    Ok(())
}

/// Drops all view tables and makes them empty.
pub(crate) fn empty(tx: &Transaction<'_>) -> Result<(), StoreFault> {
    tx.execute_batch("DROP VIEW IF EXISTS slot")?;
    for table in TABLES.iter().filter(|table| **table != "slot") {
        tx.execute_batch(&format!("DROP TABLE IF EXISTS {table}"))?;
    }
    tx.execute_batch(
        "DROP TABLE IF EXISTS replaced; DELETE FROM unfiled; DELETE FROM said; DELETE FROM filed;
         INSERT INTO filed (file, n) SELECT file, n FROM entry ORDER BY file, n",
    )?;
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
                let value: Value = row.get(at)?;
                let number = if let Value::Integer(n) = value { Some(n) } else { None };
                if let (Some(n), "fact" | "visit") = (number, column.as_str()) {
                    let journal = names::journal_id(conn, names::journal_of(n))?;
                    line.push_str(&format!("{column}={journal}:{} ", names::seq_of(n)));
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

    #[test]
    fn the_results_of_visits_keep_their_places() {
        let codes: Vec<&str> = VisitResult::ALL.iter().map(|result| result.code()).collect();
        let known = ["MET_BORROWER", "MET_CO_BORROWER", "MET_FAMILY", "NOT_MET", "MOVED", "NO_SUCH_ADDRESS", "REFUSED"];
        assert_eq!(codes, known, "files name them by their places: another order needs another version of the views");
    }

    /// `reads.rs` and `search.rs` name these two by their numbers.
    #[test]
    fn the_slots_that_sql_names_are_where_it_looks() {
        assert_eq!(slot::field(HouseholdField::Whereabouts), 17);
        assert_eq!(slot::field(HouseholdField::NameTrue), 18);
    }
}

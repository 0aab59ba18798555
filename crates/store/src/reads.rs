//! What pages read, by noun. Each read is one or two statements over the views; nothing here decides or words anything.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::str::FromStr;

use chrono::{Datelike as _, NaiveDate};
use domain::clock::Millis;
use domain::feed::BankTold;
use domain::household::{ContactAdded, ContactStated, DueListed, HouseholdListed, Identified};
use domain::ids::{DeviceId, FactId, FileId, JournalId, PersonId, Sha};
use domain::letter::LetterPrinted;
use domain::money::Fen;
use domain::org::{RoleGiven, VillageAssigned};
use domain::payment::PaymentReported;
use domain::place::PlaceCode;
use domain::receipt::{ReceiptCompleted, ReceiptFiled};
use domain::visit::{VisitMade, VisitNoted};
use domain::words::{ContactState, HouseholdField, Line, Section, VisitResult};
use rusqlite::{OptionalExtension as _, Row, params};

use crate::fault::StoreFault;
use crate::leaving::papers;
use crate::log::{Pen, Store, bodies, int, uint};
use crate::views::{self, slot};

/// Who said something, when, and whether the county has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Said {
    /// The fact.
    pub id: FactId,
    /// Who.
    pub author: PersonId,
    /// When, corrected.
    pub at: Millis,
    /// Only on this laptop.
    pub only_here: bool,
    /// The county keeps it and lets nobody see it.
    pub held: bool,
}

/// A family's line with what its status depends on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Family {
    /// Its file.
    pub file: FileId,
    /// Borrower as printed: the true name where somebody found it.
    pub borrower: String,
    /// Co-borrower.
    pub co_borrower: Option<String>,
    /// Last four of the ID number.
    pub id_tail: String,
    /// Address on the list.
    pub address: String,
    /// Hamlet and landmark.
    pub whereabouts: Option<String>,
    /// Village or township.
    pub place: PlaceCode,
    /// Bank data as of.
    pub as_of: Option<NaiveDate>,
    /// Due date.
    pub due_on: Option<NaiveDate>,
    /// The import that brought the due list.
    pub batch: Option<String>,
    /// Contracts.
    pub contracts: u32,
    /// Principal due.
    pub principal_due: Fen,
    /// Interest due.
    pub interest_due: Fen,
    /// Penalty due.
    pub penalty_due: Fen,
    /// Total due.
    pub total_due: Fen,
    /// Fields with more than one value.
    pub conflicts: u32,
    /// Visits.
    pub visits: u32,
    /// Visits in which somebody was met.
    pub met: u32,
    /// Day of the last visit.
    pub last_visit: Option<NaiveDate>,
    /// Its result.
    pub last_result: Option<VisitResult>,
    /// A promise of the last visit.
    pub pledged: bool,
    /// A notice is printed and not void.
    pub notified: bool,
    /// A receipt is complete.
    pub served: bool,
    /// Receipts printed, not void, not complete.
    pub receipts_out: u32,
    /// Sum of reported payments.
    pub reported: Fen,
    /// Booked by the bank, of each contract at most what is due.
    pub booked: Fen,
    /// Pending at the bank, of each contract at most what is due beyond what is booked.
    pub pending: Fen,
    /// Booked beyond what is due.
    pub over: Fen,
    /// The bank says that something of it is overdue.
    pub overdue: bool,
    /// The bank gave up all that is open.
    pub written_off: bool,
    /// Somebody should look at what the bank says.
    pub doubtful: bool,
    /// The newest day of a bank's batch that says anything.
    pub told_on: Option<NaiveDate>,
    /// Something is only on this laptop.
    pub only_here: bool,
    /// When anything of it was last written in the field.
    pub heard_at: Option<Millis>,
}

/// A family's registers, for its page.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Registers {
    /// The list's words.
    pub listed: Option<HouseholdListed>,
    /// What is due.
    pub due: Option<DueListed>,
    /// What the bank's feeds say, in the order in which it was written.
    pub told: Vec<(Said, BankTold)>,
    /// Full numbers, where this desk may hold them.
    pub identified: Option<Identified>,
    /// Filled fields, each with the facts that stand.
    pub fields: BTreeMap<HouseholdField, Vec<(Said, String)>>,
    /// Numbers told.
    pub contacts: Vec<(Said, ContactAdded)>,
}

/// A visit with its notes where this desk may see them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Visit {
    /// Who, when.
    pub said: Said,
    /// The family.
    pub file: FileId,
    /// The core.
    pub made: VisitMade,
    /// The notes with their fact.
    pub noted: Option<(FactId, VisitNoted)>,
}

/// A sheet with what became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Letter {
    /// Who, when.
    pub said: Said,
    /// The family.
    pub file: FileId,
    /// The sheet.
    pub letter: LetterPrinted,
    /// Void.
    pub voided: bool,
    /// A visit says it was handed over.
    pub handed_over: bool,
    /// Its receipt is complete (a notice's receipt, or the receipt itself).
    pub complete: bool,
}

fn parse<T: FromStr>(text: &str, what: &'static str) -> Result<T, StoreFault> {
    text.parse().or(Err(StoreFault::Corrupt { what }))
}

fn maybe<T: FromStr>(text: Option<String>, what: &'static str) -> Result<Option<T>, StoreFault> {
    text.map(|text| parse(&text, what)).transpose()
}

/// Own facts, of all journals this desk ever wrote, that the county let through.
const OWN_EVER: &str =
    "SELECT count(*) FROM journal j JOIN fact f ON f.n BETWEEN j.no << 32 AND (j.no << 32) + 4294967295
 WHERE j.own = 1 AND f.position IS NOT NULL AND f.held = 0 AND ?1 < ?2";

/// Whether a fact is replaced, one that is not here too.
const REPLACED: &str = "SELECT 1 FROM replaced r WHERE r.target = ?1
   AND NOT EXISTS (SELECT 1 FROM entry e WHERE e.n = ?1 AND e.file <> r.file)
 UNION ALL SELECT 1 FROM entry e JOIN slot s ON s.file = e.file AND s.fact = e.n WHERE e.n = ?1 AND NOT s.live";

/// Columns of `fact` that make a [`Said`], in order.
pub(crate) const SAID: &str = "f.journal, f.seq, f.author, f.at, f.position, f.held";

pub(crate) fn said(row: &Row<'_>, from: usize) -> Result<Said, StoreFault> {
    let at = |k: usize| from.saturating_add(k);
    let position: Option<i64> = row.get(at(4))?;
    Ok(Said {
        id: FactId { journal: JournalId(row.get(at(0))?), seq: uint(row.get(at(1))?) },
        author: parse(&row.get::<_, String>(at(2))?, "fact.author")?,
        at: Millis(row.get(at(3))?),
        only_here: position.is_none(),
        held: row.get(at(5))?,
    })
}

const FAMILY: &str = "
SELECT (SELECT g.id FROM file g WHERE g.no = h.file), coalesce((SELECT CAST(s.body AS TEXT) FROM slot s JOIN fact f ON f.n = s.fact
    WHERE s.file = h.file AND s.slot = 18
      AND s.live ORDER BY f.at DESC, f.journal DESC, f.seq DESC LIMIT 1), h.borrower),
  h.co_borrower, h.id_tail, h.address,
  (SELECT CAST(s.body AS TEXT) FROM slot s JOIN fact f ON f.n = s.fact
    WHERE s.file = h.file AND s.slot = 17
      AND s.live ORDER BY f.at DESC, f.journal DESC, f.seq DESC LIMIT 1),
  h.place, h.as_of,
  h.due_on, h.batch, h.contracts, h.principal_due, h.interest_due, h.penalty_due, h.total_due, h.conflicts,
  (SELECT count(*) FROM visit v WHERE v.file = h.file),
  (SELECT count(*) FROM visit v WHERE v.file = h.file AND v.met),
  (SELECT v.on_day FROM visit v WHERE v.file = h.file ORDER BY v.on_day DESC, v.arrived DESC LIMIT 1),
  (SELECT v.result FROM visit v WHERE v.file = h.file ORDER BY v.on_day DESC, v.arrived DESC LIMIT 1),
  (SELECT v.pledged_on IS NOT NULL FROM visit v WHERE v.file = h.file ORDER BY v.on_day DESC, v.arrived DESC LIMIT 1),
  EXISTS (SELECT 1 FROM letter l WHERE l.file = h.file AND l.kind = 'REPAYMENT_NOTICE'
    AND NOT EXISTS (SELECT 1 FROM letter_void x WHERE x.doc_no = l.doc_no)),
  EXISTS (SELECT 1 FROM receipt_done r WHERE r.file = h.file),
  (SELECT count(*) FROM letter l WHERE l.file = h.file AND l.kind = 'SERVICE_RECEIPT'
    AND NOT EXISTS (SELECT 1 FROM letter_void x WHERE x.doc_no = l.doc_no)
    AND NOT EXISTS (SELECT 1 FROM receipt_done r WHERE r.doc_no = l.doc_no)),
  (SELECT coalesce(sum(p.amount), 0) FROM payment p WHERE p.file = h.file),
  EXISTS (SELECT 1 FROM filed x JOIN entry e ON e.n = x.n WHERE x.file = h.file AND e.position IS NULL),
  (SELECT max(f.at) FROM filed x JOIN fact f ON f.n = x.n WHERE x.file = h.file AND f.kind IN
    ('VisitMade', 'ContactAdded', 'ContactStated', 'FieldFilled', 'LetterPrinted', 'ReceiptFiled', 'ReceiptCompleted', 'PaymentReported')),
  h.booked, h.pending, h.over, h.overdue, h.written_off, h.doubtful, h.heard_on
FROM household h";

fn family(row: &Row<'_>) -> Result<Family, StoreFault> {
    Ok(Family {
        file: FileId(row.get(0)?),
        borrower: row.get(1)?,
        co_borrower: row.get(2)?,
        id_tail: row.get(3)?,
        address: row.get(4)?,
        whereabouts: row.get(5)?,
        place: parse(&row.get::<_, String>(6)?, "household.place")?,
        as_of: maybe(row.get(7)?, "household.as_of")?,
        due_on: maybe(row.get(8)?, "household.due_on")?,
        batch: row.get(9)?,
        contracts: row.get(10)?,
        principal_due: Fen::new(row.get(11)?),
        interest_due: Fen::new(row.get(12)?),
        penalty_due: Fen::new(row.get(13)?),
        total_due: Fen::new(row.get(14)?),
        conflicts: row.get(15)?,
        visits: row.get(16)?,
        met: row.get(17)?,
        last_visit: row.get::<_, Option<i32>>(18)?.map(views::day).transpose()?,
        last_result: row.get::<_, Option<u8>>(19)?.and_then(|at| VisitResult::ALL.get(usize::from(at))).copied(),
        pledged: row.get::<_, Option<bool>>(20)?.unwrap_or(false),
        notified: row.get(21)?,
        served: row.get(22)?,
        receipts_out: row.get(23)?,
        reported: Fen::new(row.get(24)?),
        only_here: row.get(25)?,
        heard_at: row.get::<_, Option<i64>>(26)?.map(Millis),
        booked: Fen::new(row.get(27)?),
        pending: Fen::new(row.get(28)?),
        over: Fen::new(row.get(29)?),
        overdue: row.get(30)?,
        written_off: row.get(31)?,
        doubtful: row.get(32)?,
        told_on: maybe(row.get(33)?, "household.heard_on")?,
    })
}

impl Store {
    /// The families of a place (none: all) with something due, in order of place and name.
    ///
    /// # Errors
    /// [`StoreFault`].
    pub fn families(&self, place: Option<&PlaceCode>) -> Result<Vec<Family>, StoreFault> {
        let mut find = self.conn.prepare_cached(&format!(
            "{FAMILY} WHERE h.contracts > 0 AND (?1 = '' OR substr(h.place, 1, length(?1)) = ?1)
             ORDER BY h.place, h.borrower, h.file"
        ))?;
        let mut rows = find.query(params![place.map_or("", PlaceCode::as_str)])?;
        let mut out = Vec::new();
        while let Some(row) = rows.next()? {
            out.push(family(row)?);
        }
        Ok(out)
    }

    /// All families that were ever on a list here, those of whom nothing is due any more, too; in the same order.
    ///
    /// # Errors
    /// [`StoreFault`].
    pub fn families_ever(&self) -> Result<Vec<Family>, StoreFault> {
        let mut find = self.conn.prepare_cached(&format!("{FAMILY} ORDER BY h.place, h.borrower, h.file"))?;
        let mut rows = find.query([])?;
        let mut out = Vec::new();
        while let Some(row) = rows.next()? {
            out.push(family(row)?);
        }
        Ok(out)
    }

    /// One family.
    ///
    /// # Errors
    /// [`StoreFault`].
    pub fn family(&self, file: FileId) -> Result<Option<Family>, StoreFault> {
        let mut find =
            self.conn.prepare_cached(&format!("{FAMILY} WHERE h.file = (SELECT no FROM file WHERE id = ?1)"))?;
        let mut rows = find.query(params![file.0])?;
        rows.next()?.map(family).transpose()
    }

    /// A family's registers.
    ///
    /// # Errors
    /// [`StoreFault`].
    pub fn registers(&self, file: FileId) -> Result<Registers, StoreFault> {
        let mut out = Registers::default();
        let Some(file) = self.names.known_file(file) else { return Ok(out) };
        let slots = views::slots(&self.conn, file)?;
        let last = |slot| views::standing(&slots, slot).last().map(|(_, entry)| entry.value.as_slice());
        if let Some(body) = last(slot::LISTED) {
            out.listed = Some(serde_json::from_slice(body)?);
        }
        if let Some(body) = last(slot::DUE) {
            out.due = Some(serde_json::from_slice(body)?);
        }
        if let Some(body) = last(slot::IDENTIFIED) {
            out.identified = Some(serde_json::from_slice(body)?);
        }
        for field in HouseholdField::ALL {
            let mut values = Vec::new();
            for (n, entry) in views::standing(&slots, slot::field(*field)) {
                values.push((self.said(*n)?, String::from_utf8_lossy(&entry.value).into_owned()));
            }
            if !values.is_empty() {
                out.fields.insert(*field, values);
            }
        }
        for (n, entry) in views::standing(&slots, slot::TOLD) {
            out.told.push((self.said(*n)?, serde_json::from_slice(&entry.value)?));
        }
        for (n, entry) in views::standing(&slots, slot::CONTACT) {
            out.contacts.push((self.said(*n)?, serde_json::from_slice(&entry.value)?));
        }
        Ok(out)
    }

    fn said(&self, n: i64) -> Result<Said, StoreFault> {
        let mut find = self.conn.prepare_cached(&format!("SELECT {SAID} FROM fact f WHERE f.n = ?1"))?;
        let mut rows = find.query(params![n])?;
        match rows.next()? {
            Some(row) => said(row, 0),
            None => Err(StoreFault::Corrupt { what: "a view's fact" }),
        }
    }

    /// What a fact says, looked up where it stands.
    fn told<T: serde::de::DeserializeOwned>(&self, n: i64) -> Result<T, StoreFault> {
        Ok(serde_json::from_slice(&views::body_of(&self.conn, n)?)?)
    }

    /// Of each number the last word, family by family, that it is somebody else's, asked not to be called, or is right. That nobody
    /// answered says nothing of these.
    ///
    /// # Errors
    /// [`StoreFault`].
    pub fn blocked_numbers(&self) -> Result<BTreeMap<String, BTreeMap<FileId, ContactState>>, StoreFault> {
        let mut find = self.conn.prepare_cached(
            "SELECT c.number, (SELECT i.id FROM file i WHERE i.no = c.file), c.state FROM contact_stated c
             JOIN fact f ON f.n = c.fact ORDER BY f.at, f.journal, f.seq",
        )?;
        let mut rows = find.query([])?;
        let mut out: BTreeMap<String, BTreeMap<FileId, ContactState>> = BTreeMap::new();
        while let Some(row) = rows.next()? {
            let state = ContactState::of_code(&row.get::<_, String>(2)?);
            if let Some(state @ (ContactState::WrongPerson | ContactState::DoNotCall | ContactState::Confirmed)) = state
            {
                out.entry(row.get(0)?).or_default().insert(FileId(row.get(1)?), state);
            }
        }
        Ok(out)
    }

    /// The latest day on which each family was put on a list of messages about something, by the topic's code.
    ///
    /// # Errors
    /// [`StoreFault`].
    pub fn text_listed(&self, topic: &str) -> Result<BTreeMap<FileId, NaiveDate>, StoreFault> {
        let mut find = self.conn.prepare_cached(
            "SELECT (SELECT i.id FROM file i WHERE i.no = t.file), max(t.on_day) FROM text_listed t WHERE t.topic = ?1 GROUP BY t.file",
        )?;
        let mut rows = find.query([topic])?;
        let mut out = BTreeMap::new();
        while let Some(row) = rows.next()? {
            out.insert(FileId(row.get(0)?), parse(&row.get::<_, String>(1)?, "text_listed.on_day")?);
        }
        Ok(out)
    }

    /// Which contract is whose, by the due lists that stand.
    ///
    /// # Errors
    /// [`StoreFault`].
    pub fn contracts(&self) -> Result<BTreeMap<String, FileId>, StoreFault> {
        let mut find = self.conn.prepare_cached("SELECT fact FROM slot WHERE slot = ?1 AND live ORDER BY fact")?;
        let numbers: Vec<i64> = find.query_map([slot::DUE], |row| row.get(0))?.collect::<Result<_, _>>()?;
        let mut out = BTreeMap::new();
        for fact in bodies(&self.conn, &numbers)? {
            let due: DueListed = serde_json::from_slice(&fact.body)?;
            out.extend(due.contracts.into_iter().map(|contract| (contract.contract_no, fact.file)));
        }
        Ok(out)
    }

    /// What is due by the lists that stand and what the bank's feeds say, by family.
    ///
    /// # Errors
    /// [`StoreFault`].
    pub fn bank_accounts(&self) -> Result<BTreeMap<FileId, (DueListed, Vec<BankTold>)>, StoreFault> {
        // What one import wrote stands together in few batches, and is read so. Of several lists the latest counts, as in the
        // family's line.
        let mut find = self.conn.prepare_cached(
            "SELECT x.fact FROM slot x JOIN fact f ON f.n = x.fact WHERE x.slot IN (?1, ?2) AND x.live
             ORDER BY f.at, f.journal, f.seq",
        )?;
        let numbers: Vec<i64> = find.query_map([slot::DUE, slot::TOLD], |row| row.get(0))?.collect::<Result<_, _>>()?;
        let mut out: BTreeMap<FileId, (DueListed, Vec<BankTold>)> = BTreeMap::new();
        for fact in bodies(&self.conn, &numbers)? {
            let of = out.entry(fact.file).or_insert_with(|| {
                let (batch, as_of, contracts) = (String::new(), NaiveDate::MIN, Vec::new());
                (DueListed { batch, as_of, contracts, account_hint: None }, Vec::new())
            });
            if fact.kind == "BankTold" {
                of.1.push(serde_json::from_slice(&fact.body)?);
            } else {
                of.0 = serde_json::from_slice(&fact.body)?;
            }
        }
        Ok(out)
    }

    /// The names that a family's borrower goes by: as printed from the list, and as the bank writes it.
    ///
    /// # Errors
    /// [`StoreFault`].
    pub fn bank_names(&self) -> Result<BTreeMap<FileId, [String; 2]>, StoreFault> {
        let mut find = self.conn.prepare_cached(
            "SELECT (SELECT i.id FROM file i WHERE i.no = h.file), h.borrower, coalesce(h.borrower_as_bank, h.borrower)
             FROM household h",
        )?;
        let rows = find.query_map([], |row| Ok((FileId(row.get(0)?), [row.get(1)?, row.get(2)?])))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// The states a family's numbers were found in, oldest first.
    ///
    /// # Errors
    /// [`StoreFault`].
    pub fn contact_states(&self, file: FileId) -> Result<Vec<(Said, ContactStated)>, StoreFault> {
        self.by_file("contact_stated", file)
    }

    /// A family's reported payments, oldest first.
    ///
    /// # Errors
    /// [`StoreFault`].
    pub fn payments(&self, file: FileId) -> Result<Vec<(Said, PaymentReported)>, StoreFault> {
        self.by_file("payment", file)
    }

    /// Facts of a file that have a row in `table`, all of one kind, oldest first by corrected time.
    fn by_file<T: serde::de::DeserializeOwned>(&self, table: &str, file: FileId) -> Result<Vec<(Said, T)>, StoreFault> {
        let mut find = self.conn.prepare_cached(&format!(
            "SELECT {SAID}, f.n FROM {table} t JOIN fact f ON f.n = t.fact
             WHERE t.file = (SELECT no FROM file WHERE id = ?1) ORDER BY f.at, f.journal, f.seq"
        ))?;
        let mut rows = find.query(params![file.0])?;
        let mut out = Vec::new();
        while let Some(row) = rows.next()? {
            out.push((said(row, 0)?, self.told(row.get(6)?)?));
        }
        Ok(out)
    }

    /// Visits, newest first: of a family, or of a day, or all.
    ///
    /// # Errors
    /// [`StoreFault`].
    pub fn visits(&self, file: Option<FileId>, on: Option<NaiveDate>) -> Result<Vec<Visit>, StoreFault> {
        let mut find = self.conn.prepare_cached(&format!(
            "SELECT {SAID}, (SELECT i.id FROM file i WHERE i.no = v.file), f.n, v.file
             FROM visit v JOIN fact f ON f.n = v.fact
             WHERE (?1 IS NULL OR v.file = (SELECT no FROM file WHERE id = ?1)) AND (?2 IS NULL OR v.on_day = ?2)
             ORDER BY v.on_day DESC, v.arrived DESC, f.journal, f.seq"
        ))?;
        let mut rows = find.query(params![file.map(|file| file.0), on.map(|day| day.num_days_from_ce())])?;
        let mut out = Vec::new();
        let mut noted: BTreeMap<i64, BTreeMap<FactId, (FactId, VisitNoted)>> = BTreeMap::new();
        while let Some(row) = rows.next()? {
            let said = said(row, 0)?;
            let no: i64 = row.get(8)?;
            let of_file = match noted.entry(no) {
                Entry::Occupied(known) => known.into_mut(),
                Entry::Vacant(new) => new.insert(self.notes(no)?),
            };
            let made = self.told(row.get(7)?)?;
            let noted = of_file.get(&said.id).cloned();
            out.push(Visit { said, file: FileId(row.get(6)?), made, noted });
        }
        Ok(out)
    }

    /// What stands noted of a family's visits, by visit.
    fn notes(&self, file: i64) -> Result<BTreeMap<FactId, (FactId, VisitNoted)>, StoreFault> {
        let mut find = self.conn.prepare_cached(
            "SELECT f.journal, f.seq, f.n FROM filed x JOIN fact f ON f.n = x.n WHERE x.file = ?1 AND x.slot = ?2
               AND NOT EXISTS (SELECT 1 FROM replaced r WHERE r.target = f.n AND r.file = x.file)",
        )?;
        let mut rows = find.query([file, slot::NOTED])?;
        let mut out = BTreeMap::new();
        while let Some(row) = rows.next()? {
            let id = FactId { journal: JournalId(row.get(0)?), seq: uint(row.get(1)?) };
            let noted: VisitNoted = self.told(row.get(2)?)?;
            let Some(visit) = noted.visit else { continue };
            // Of two that stand, every desk shows the same one.
            if out.get(&visit).is_none_or(|(other, _)| *other < id) {
                out.insert(visit, (id, noted));
            }
        }
        Ok(out)
    }

    /// Sheets in number order: of a family, of a document number, or all.
    ///
    /// # Errors
    /// [`StoreFault`].
    pub fn letters(&self, file: Option<FileId>, doc_no: Option<&str>) -> Result<Vec<Letter>, StoreFault> {
        let mut find = self.conn.prepare_cached(&format!(
            "SELECT {SAID}, (SELECT i.id FROM file i WHERE i.no = l.file), f.n,
               EXISTS (SELECT 1 FROM letter_void x WHERE x.doc_no = l.doc_no AND x.file = l.file),
               EXISTS (SELECT 1 FROM handed_over h JOIN entry e ON e.n = h.fact
                       WHERE h.doc_no IN (l.doc_no, l.pair) AND e.file = l.file),
               EXISTS (SELECT 1 FROM receipt_done r WHERE r.doc_no IN (l.doc_no, l.pair) AND r.file = l.file)
             FROM letter l JOIN fact f ON f.n = l.fact
             WHERE (?1 IS NULL OR l.file = (SELECT no FROM file WHERE id = ?1)) AND (?2 IS NULL OR l.doc_no = ?2)
             ORDER BY l.kind, l.year, l.serial, f.journal, f.seq"
        ))?;
        let mut rows = find.query(params![file.map(|file| file.0), doc_no])?;
        let mut out = Vec::new();
        while let Some(row) = rows.next()? {
            out.push(Letter {
                said: said(row, 0)?,
                file: FileId(row.get(6)?),
                letter: self.told(row.get(7)?)?,
                voided: row.get(8)?,
                handed_over: row.get(9)?,
                complete: row.get(10)?,
            });
        }
        Ok(out)
    }

    /// Photos of receipts: of a family's receipt number, or all, oldest first. A copied laptop may have printed one number
    /// for two families.
    ///
    /// # Errors
    /// [`StoreFault`].
    pub fn receipt_photos(&self, of: Option<(FileId, &str)>) -> Result<Vec<(Said, ReceiptFiled)>, StoreFault> {
        let mut find = self.conn.prepare_cached(&format!(
            "SELECT {SAID}, f.n FROM receipt_photo p JOIN fact f ON f.n = p.fact
             WHERE ?1 IS NULL OR (p.doc_no = ?1 AND p.file = (SELECT no FROM file WHERE id = ?2))
             ORDER BY p.doc_no, f.at, f.journal, f.seq"
        ))?;
        let mut rows = find.query(params![of.map(|(_, doc_no)| doc_no), of.map(|(file, _)| file.0)])?;
        let mut out = Vec::new();
        while let Some(row) = rows.next()? {
            out.push((said(row, 0)?, self.told(row.get(6)?)?));
        }
        Ok(out)
    }

    /// Completed receipts: of a family's receipt number, or all, oldest first.
    ///
    /// # Errors
    /// [`StoreFault`].
    pub fn receipts_done(&self, of: Option<(FileId, &str)>) -> Result<Vec<(Said, ReceiptCompleted)>, StoreFault> {
        let mut find = self.conn.prepare_cached(&format!(
            "SELECT {SAID}, f.n FROM receipt_done r JOIN fact f ON f.n = r.fact
             WHERE ?1 IS NULL OR (r.doc_no = ?1 AND r.file = (SELECT no FROM file WHERE id = ?2))
             ORDER BY r.doc_no, f.at, f.journal, f.seq"
        ))?;
        let mut rows = find.query(params![of.map(|(_, doc_no)| doc_no), of.map(|(file, _)| file.0)])?;
        let mut out = Vec::new();
        while let Some(row) = rows.next()? {
            out.push((said(row, 0)?, self.told(row.get(6)?)?));
        }
        Ok(out)
    }

    /// The accounts, each by its latest word, by account name.
    ///
    /// # Errors
    /// [`StoreFault`].
    pub fn people(&self) -> Result<BTreeMap<PersonId, RoleGiven>, StoreFault> {
        let mut find = self.conn.prepare_cached(
            "SELECT s.body FROM person p JOIN fact f ON f.n = p.fact
               JOIN filed x ON x.file = f.file AND x.slot = 0 AND x.n = f.n JOIN said s ON s.no = x.said
             ORDER BY coalesce(f.position, 9e18), f.seq",
        )?;
        let mut rows = find.query([])?;
        let mut out = BTreeMap::new();
        while let Some(row) = rows.next()? {
            let given: RoleGiven = serde_json::from_slice(&row.get::<_, Vec<u8>>(0)?)?;
            out.insert(given.person.clone(), given);
        }
        Ok(out)
    }

    /// Who works which village in which line, each by the latest word.
    ///
    /// # Errors
    /// [`StoreFault`].
    pub fn assignments(&self) -> Result<Assignments, StoreFault> {
        let mut find = self.conn.prepare_cached(
            "SELECT f.journal, f.seq, a.village, a.line, a.person FROM assignment a JOIN fact f ON f.n = a.fact
             ORDER BY coalesce(f.position, 9e18), f.at, f.seq",
        )?;
        let mut rows = find.query([])?;
        let mut out = BTreeMap::new();
        while let Some(row) = rows.next()? {
            let id = FactId { journal: JournalId(row.get(0)?), seq: uint(row.get(1)?) };
            let village: PlaceCode = parse(&row.get::<_, String>(2)?, "assignment.village")?;
            let line =
                Line::of_code(&row.get::<_, String>(3)?).ok_or(StoreFault::Corrupt { what: "assignment.line" })?;
            let assigned =
                VillageAssigned { village, line, person: parse(&row.get::<_, String>(4)?, "assignment.person")? };
            out.insert((assigned.village, assigned.line), (id, assigned.person));
        }
        Ok(out)
    }

    /// The facts of the county's own file of one kind, oldest first.
    ///
    /// # Errors
    /// [`StoreFault`].
    pub fn county_facts<T: serde::de::DeserializeOwned>(&self, kind: &str) -> Result<Vec<(Said, T)>, StoreFault> {
        let mut find = self.conn.prepare_cached(&format!(
            "SELECT {SAID}, s.body FROM county_fact c JOIN fact f ON f.n = c.fact
               JOIN filed x ON x.file = f.file AND x.slot = 0 AND x.n = f.n JOIN said s ON s.no = x.said WHERE c.kind = ?1
             ORDER BY f.at, coalesce(f.position, 9e18), f.journal, f.seq"
        ))?;
        let mut rows = find.query(params![kind])?;
        let mut out = Vec::new();
        while let Some(row) = rows.next()? {
            out.push((said(row, 0)?, serde_json::from_slice(&row.get::<_, Vec<u8>>(6)?)?));
        }
        Ok(out)
    }

    /// The newest data date and the earliest due date of all lists here.
    ///
    /// # Errors
    /// [`StoreFault`].
    pub fn season_dates(&self) -> Result<(Option<NaiveDate>, Option<NaiveDate>), StoreFault> {
        let mut find = self.conn.prepare_cached("SELECT max(as_of), min(due_on) FROM household WHERE contracts > 0")?;
        let (as_of, due_on): (Option<String>, Option<String>) =
            find.query_row([], |row| Ok((row.get(0)?, row.get(1)?)))?;
        Ok((maybe(as_of, "household.as_of")?, maybe(due_on, "household.due_on")?))
    }

    /// Families with open conflicts.
    ///
    /// # Errors
    /// [`StoreFault`].
    pub fn conflicted(&self) -> Result<Vec<FileId>, StoreFault> {
        let mut find = self.conn.prepare_cached(
            "SELECT f.id FROM household h JOIN file f ON f.no = h.file WHERE h.conflicts > 0 ORDER BY h.place, h.file",
        )?;
        Ok(find.query_map([], |row| Ok(FileId(row.get(0)?)))?.collect::<Result<_, _>>()?)
    }

    /// Own facts by how far they came: only here, with the county, held by it; and facts not understood.
    ///
    /// # Errors
    /// [`StoreFault`].
    pub fn counts(&self) -> Result<Counts, StoreFault> {
        let own = self.own()?;
        let count = |sql: &str| -> Result<u32, StoreFault> {
            Ok(self.conn.prepare_cached(sql)?.query_row(own, |row| row.get(0))?)
        };
        Ok(Counts {
            only_here: self.only_here()?,
            county_has: count(OWN_EVER)?,
            held: count(
                "SELECT count(*) FROM fact WHERE held = 1 AND (n >> 32) IN (SELECT no FROM journal WHERE own = 1) AND ?1 < ?2",
            )?,
            not_understood: count("SELECT count(*) FROM fact WHERE known = 0 AND ?1 < ?2")?,
            position: self
                .conn
                .prepare_cached("SELECT coalesce(max(position), 0) FROM fact WHERE n BETWEEN ?1 AND ?2")?
                .query_row(own, |row| row.get::<_, i64>(0))
                .map(uint)?,
        })
    }

    /// How many own facts the county does not have.
    ///
    /// # Errors
    /// [`StoreFault`].
    pub fn only_here(&self) -> Result<u32, StoreFault> {
        let mut find =
            self.conn.prepare_cached("SELECT count(*) FROM entry WHERE n BETWEEN ?1 AND ?2 AND position IS NULL")?;
        Ok(find.query_row(self.own()?, |row| row.get(0))?)
    }

    /// Own facts up to a safe position of the county log.
    ///
    /// # Errors
    /// [`StoreFault`].
    pub fn safe_count(&self, safe: u64) -> Result<u32, StoreFault> {
        let mut count = 0_u32;
        let mut own = self.conn.prepare_cached("SELECT no FROM journal WHERE own = 1")?;
        let mut of =
            self.conn.prepare_cached("SELECT count(*) FROM fact WHERE n BETWEEN ?1 AND ?2 AND position <= ?3")?;
        let journals: Vec<i64> = own.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?;
        for no in journals {
            let (first, last) = crate::names::span(no);
            count = count.saturating_add(of.query_row(params![first, last, int(safe)], |row| row.get::<_, u32>(0))?);
        }
        Ok(count)
    }

    /// Own facts that wait here or are held: file, kind, when, held.
    ///
    /// # Errors
    /// [`StoreFault`].
    pub fn waiting(&self, most: u32) -> Result<Vec<(FileId, String, Said)>, StoreFault> {
        let mut find = self.conn.prepare_cached(&format!(
            "SELECT {SAID}, (SELECT i.id FROM file i WHERE i.no = f.file), f.kind FROM fact f
             WHERE f.n IN (SELECT n FROM fact WHERE position IS NULL UNION SELECT n FROM fact WHERE held = 1)
               AND (f.n >> 32) IN (SELECT no FROM journal WHERE own = 1)
             ORDER BY f.at, f.n LIMIT ?1"
        ))?;
        let mut rows = find.query(params![most])?;
        let mut out = Vec::new();
        while let Some(row) = rows.next()? {
            out.push((FileId(row.get(6)?), row.get(7)?, said(row, 0)?));
        }
        Ok(out)
    }

    /// Facts that are held: file, kind, who and when; oldest first.
    ///
    /// # Errors
    /// [`StoreFault`].
    pub fn held(&self, most: u32) -> Result<Vec<(FileId, String, Said)>, StoreFault> {
        let mut find = self.conn.prepare_cached(&format!(
            "SELECT {SAID}, (SELECT i.id FROM file i WHERE i.no = f.file), f.kind FROM fact f
             WHERE f.held = 1 ORDER BY f.at, f.n LIMIT ?1"
        ))?;
        let mut rows = find.query(params![most])?;
        let mut out = Vec::new();
        while let Some(row) = rows.next()? {
            out.push((FileId(row.get(6)?), row.get(7)?, said(row, 0)?));
        }
        Ok(out)
    }

    /// The file and section of a fact that is here.
    ///
    /// # Errors
    /// [`StoreFault`].
    pub fn place_of(&self, id: FactId) -> Result<Option<(FileId, Section)>, StoreFault> {
        let Some(n) = self.names.known_fact(id) else { return Ok(None) };
        let found: Option<([u8; 8], String)> = self
            .conn
            .prepare_cached("SELECT i.id, f.section FROM fact f JOIN file i ON i.no = f.file WHERE f.n = ?1")?
            .query_row([n], |row| Ok((row.get(0)?, row.get(1)?)))
            .optional()?;
        let Some((file, section)) = found else { return Ok(None) };
        Ok(Some((FileId(file), Section::of_code(&section).ok_or(StoreFault::Corrupt { what: "fact.section" })?)))
    }

    /// The device that writes a journal, if this desk was told.
    ///
    /// # Errors
    /// [`StoreFault`].
    pub fn device_of(&self, journal: JournalId) -> Result<Option<DeviceId>, StoreFault> {
        let found: Option<Option<[u8; 8]>> = self
            .conn
            .prepare_cached("SELECT device FROM journal WHERE id = ?1")?
            .query_row(params![journal.0], |row| row.get(0))
            .optional()?;
        Ok(found.flatten().map(DeviceId))
    }

    /// The papers that these facts name, and no other.
    ///
    /// # Errors
    /// [`StoreFault`].
    pub fn papers_of(&self, facts: &[FactId]) -> Result<Vec<Sha>, StoreFault> {
        let numbers: BTreeSet<i64> = facts.iter().filter_map(|id| self.names.known_fact(*id)).collect();
        let mut others: BTreeSet<Sha> = BTreeSet::new();
        let mut find = self.conn.prepare_cached("SELECT fact, sha FROM paper")?;
        let mut rows = find.query([])?;
        while let Some(row) = rows.next()? {
            let (n, sha): (i64, [u8; 32]) = (row.get(0)?, row.get(1)?);
            if !numbers.contains(&n) {
                others.insert(Sha(sha));
            }
        }
        // Of what is held no row names its papers.
        let numbers: Vec<i64> = numbers.into_iter().collect();
        let own: BTreeSet<Sha> = bodies(&self.conn, &numbers)?.iter().flat_map(papers).collect();
        Ok(own.difference(&others).copied().collect())
    }

    /// The file, place and time of a fact that is here.
    ///
    /// # Errors
    /// [`StoreFault`].
    pub fn fact(&self, id: FactId) -> Result<Option<(Said, FileId, String)>, StoreFault> {
        let mut find = self.conn.prepare_cached(&format!(
            "SELECT {SAID}, (SELECT i.id FROM file i WHERE i.no = f.file), f.kind FROM fact f WHERE f.n = ?1"
        ))?;
        let Some(n) = self.names.known_fact(id) else { return Ok(None) };
        let mut rows = find.query([n])?;
        match rows.next()? {
            Some(row) => Ok(Some((said(row, 0)?, FileId(row.get(6)?), row.get(7)?))),
            None => Ok(None),
        }
    }

    /// Whether a fact has been replaced by one that is here.
    ///
    /// # Errors
    /// [`StoreFault`].
    pub fn is_replaced(&self, id: FactId) -> Result<bool, StoreFault> {
        let Some(n) = self.names.known_fact(id) else { return Ok(false) };
        Ok(self.conn.prepare_cached(REPLACED)?.exists([n])?)
    }

    /// Notes a contact with the county; the last twenty are kept.
    ///
    /// # Errors
    /// [`StoreFault`].
    pub fn note_contact(&mut self, at: Millis, ok: bool, what: &str) -> Result<(), StoreFault> {
        self.conn.execute("INSERT INTO contact_log (at, ok, what) VALUES (?1, ?2, ?3)", params![at.0, ok, what])?;
        self.conn.execute(
            "DELETE FROM contact_log WHERE n NOT IN (SELECT n FROM contact_log ORDER BY n DESC LIMIT 20)",
            [],
        )?;
        Ok(())
    }

    /// The last contacts, newest first: when, whether it went through, what.
    ///
    /// # Errors
    /// [`StoreFault`].
    pub fn contacts_with_county(&self) -> Result<Vec<(Millis, bool, String)>, StoreFault> {
        let mut find = self.conn.prepare_cached("SELECT at, ok, what FROM contact_log ORDER BY n DESC LIMIT 10")?;
        let rows =
            find.query_map([], |row| Ok((Millis(row.get(0)?), row.get(1)?, row.get(2)?)))?.collect::<Result<_, _>>()?;
        Ok(rows)
    }
}

/// Who works which village in which line, with the fact that says so.
pub type Assignments = BTreeMap<(PlaceCode, Line), (FactId, PersonId)>;

/// Counts of own facts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Counts {
    /// Only on this laptop.
    pub only_here: u32,
    /// On the county's disk.
    pub county_has: u32,
    /// Kept by the county, not let through.
    pub held: u32,
    /// Of any journal, from a newer version.
    pub not_understood: u32,
    /// The last position of an own fact.
    pub position: u64,
}

impl Pen<'_> {
    /// The facts that stand in a family's registers: what a write replaces when its form showed the present state.
    ///
    /// # Errors
    /// [`StoreFault`].
    pub fn standing(&self, file: FileId) -> Result<StandingFacts, StoreFault> {
        let Some(file) = self.file_no(file) else { return Ok(StandingFacts::default()) };
        let slots = views::slots(self.tx(), file)?;
        let of = |slot| -> Vec<(FactId, Vec<u8>)> {
            views::standing(&slots, slot).iter().map(|(_, entry)| (entry.id, entry.value.clone())).collect()
        };
        Ok(StandingFacts {
            listed: of(slot::LISTED),
            placed: of(slot::PLACED),
            due: of(slot::DUE),
            told: of(slot::TOLD),
            identified: of(slot::IDENTIFIED),
            fields: HouseholdField::ALL
                .iter()
                .map(|field| {
                    let ids = of(slot::field(*field)).into_iter().map(|(id, _)| id).collect();
                    (*field, ids)
                })
                .collect(),
        })
    }
}

/// The facts that stand in a family's registers, each with its body.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct StandingFacts {
    /// The list's words.
    pub listed: Vec<(FactId, Vec<u8>)>,
    /// Its place.
    pub placed: Vec<(FactId, Vec<u8>)>,
    /// What is due.
    pub due: Vec<(FactId, Vec<u8>)>,
    /// What the bank's feeds say.
    pub told: Vec<(FactId, Vec<u8>)>,
    /// Full numbers.
    pub identified: Vec<(FactId, Vec<u8>)>,
    /// Fields people fill.
    pub fields: BTreeMap<HouseholdField, Vec<FactId>>,
}

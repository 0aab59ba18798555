//! Letters: who may get one on which day, their numbers, the print run and its ledger.
//! A sheet exists only with its line in the ledger: numbers, facts and the PDF are written in one transaction before
//! anything is handed out. A false statement is refused here, before a number is used.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{Datelike, NaiveDate};
use domain::due::status;
use domain::event::Event;
use domain::ids::{FileId, Sha};
use domain::letter::{DocNo, Freshness, LetterPrinted, LetterVoided, freshness, repriced_since, state};
use domain::money::Fen;
use domain::org::ProfileSaved;
use domain::place::PlaceCode;
use domain::words::{DocKind, DueStatus, HouseholdField, LetterState, Section};
use forms::{
    FormError, Letterhead, NoticeFacts, NoticeLine, Palette, PrintState, ReceiptFacts, ServedLetter, ServiceCause,
    Sheet,
};
use store::{Family, Letter, Pen, Store};

use crate::Desk;
use crate::api::{
    BlobView, Draft, LedgerAsked, LedgerRow, LedgerView, LetterAsked, LetterPdf, LettersAsked, PrintRun, Remark, Saved,
    Skipped, VoidLetter, Which,
};
use crate::contacts::tidy;
use crate::failure::{Code, Failure};
use crate::households::{is_paid, known};
use crate::visits::remark;

pub(crate) const PDF: &str = "application/pdf";

/// A drawing that failed, in words. The text of a missing glyph may be a name: it is shown, never noted.
fn undrawn(error: &FormError) -> Failure {
    match error {
        FormError::MissingGlyph { ch, text } => {
            Failure::new(Code::MissingGlyph, &[("name", text), ("char", &ch.to_string())])
        }
        FormError::Empty(field) => Failure::new(Code::CannotDraw, &[("why", &format!("缺少“{field}”"))]),
        FormError::Sum => Failure::new(Code::CannotDraw, &[("why", "名单里的金额加起来对不上")]),
        FormError::Unmasked => Failure::new(Code::CannotDraw, &[("why", "还款账号没有遮挡")]),
        FormError::IdNumber(field) => {
            Failure::new(Code::CannotDraw, &[("why", &format!("“{field}”里像是写了身份证号，请先改掉"))])
        }
        FormError::Letters(_)
        | FormError::NoSheet
        | FormError::NoLine
        | FormError::ReprintZero
        | FormError::Money(_)
        | FormError::Date
        | FormError::Wording(_)
        | FormError::Placeholder(_)
        | FormError::Facts(_)
        | FormError::Font(_)
        | FormError::Subset(_)
        | FormError::GlyphLost(_)
        | FormError::Code(_)
        | FormError::Refused(_)
        | FormError::Structure(_)
        | FormError::Write(_) => Failure::internal(error),
    }
}

fn palette(black: bool) -> Palette {
    if black { Palette::Black } else { Palette::Red }
}

/// Why no repayment notice may be drawn for this family today; `reasoned` says that a reason was given.
fn refusal(family: &Family, today: NaiveDate, formal: bool, reasoned: bool) -> Option<Failure> {
    let (Some(as_of), Some(due_on)) = (family.as_of, family.due_on) else {
        return Some(Failure::new(Code::NothingDue, &[]));
    };
    let as_of_text = domain::calendar::date_zh(as_of);
    if family.contracts == 0 || family.total_due.get() <= 0 {
        return Some(Failure::new(Code::NothingDue, &[]));
    }
    // LAW: before the due date nobody is late, after it "will fall due" is false (domain.md §0.8).
    if domain::calendar::is_after_due(today, due_on) {
        return Some(Failure::new(Code::AfterDue, &[("due_on", &domain::calendar::date_zh(due_on))]));
    }
    let status = status(&known(family), today);
    if is_paid(status) {
        return Some(Failure::new(Code::AlreadyPaid, &[]));
    }
    if matches!(status, DueStatus::PartiallyPaid | DueStatus::Overdue | DueStatus::WrittenOff) {
        return Some(Failure::new(Code::BankMoved, &[]));
    }
    if repriced_since(as_of, today) {
        return Some(Failure::new(Code::Repriced, &[("as_of", &as_of_text)]));
    }
    match freshness(as_of, today) {
        Freshness::FromTheFuture => Some(Failure::new(Code::DataFromFuture, &[("as_of", &as_of_text)])),
        Freshness::TooOld { days } => {
            Some(Failure::new(Code::DataTooOld, &[("as_of", &as_of_text), ("days", &days.to_string())]))
        }
        Freshness::NeedsReason { days } if formal && !reasoned => {
            let facts = [("as_of", as_of_text.as_str()), ("days", &days.to_string())];
            Some(Failure::new(Code::NeedsReason, &facts).at("reason"))
        }
        Freshness::NeedsReason { .. } | Freshness::Ageing { .. } | Freshness::Fresh => None,
    }
}

/// What one family gets in a run.
struct Plan {
    family: Family,
    kinds: Vec<DocKind>,
    /// The notice that a receipt alone is for.
    serves: Option<Letter>,
}

/// Everything that sheets share.
struct Desktop {
    profile: ProfileSaved,
    agencies: BTreeMap<PlaceCode, Option<String>>,
    today: NaiveDate,
}

impl Desktop {
    fn letterhead(&self, family: &Family) -> Letterhead {
        let agency = family.place.township().and_then(|code| self.agencies.get(&code).cloned().flatten());
        let profile = &self.profile;
        Letterhead {
            organ_name: profile.organ_name.clone(),
            organ_code: profile.organ_code.clone(),
            hotline: profile.hotline.clone(),
            complaint_line: if profile.complaint_line.trim().is_empty() {
                profile.hotline.clone()
            } else {
                profile.complaint_line.clone()
            },
            address: profile.address.clone(),
            bank_name: profile.bank_name.clone(),
            settlement_bank: profile.settlement_bank.clone(),
            nearest_agency: agency,
        }
    }
}

impl Desk {
    /// The families asked for and why others are passed over.
    fn plan(
        &self,
        store: &Store,
        with: &LettersAsked,
        today: NaiveDate,
        formal: bool,
    ) -> Result<(Vec<Plan>, Vec<Skipped>), Failure> {
        let families = match &with.which {
            Which::Households(files) => files
                .iter()
                .map(|file| store.family(*file)?.ok_or_else(|| Failure::new(Code::NoHousehold, &[]).at("which")))
                .collect::<Result<Vec<_>, Failure>>()?,
            Which::Village(place) => store.families(Some(place))?,
        };
        if families.is_empty() {
            return Err(Failure::new(Code::NoHousehold, &[]).at("which"));
        }
        let kinds = if with.kinds.is_empty() {
            vec![DocKind::RepaymentNotice, DocKind::ServiceReceipt]
        } else {
            with.kinds.clone()
        };
        let reasoned = with.reason.as_deref().is_some_and(|reason| !reason.trim().is_empty());
        let mut plans = Vec::new();
        let mut skipped = Vec::new();
        for family in families {
            let printed = store.letters(Some(family.file), None)?;
            let standing = |kind| printed.iter().rev().find(move |l| l.letter.doc.kind == kind && !l.voided).cloned();
            let notice = standing(DocKind::RepaymentNotice);
            let why = if kinds.contains(&DocKind::RepaymentNotice) {
                // The same figures twice would be two papers for one debt; newer figures make a new notice.
                let again = notice.as_ref().filter(|l| Some(l.letter.as_of) == family.as_of && formal);
                refusal(&family, today, formal, reasoned).or_else(|| {
                    again.map(|l| Failure::new(Code::AlreadyPrinted, &[("doc_no", &l.letter.doc.to_string())]))
                })
            } else {
                match &notice {
                    None => Some(Failure::new(Code::NotFound, &[("what", "要送达的通知书")])),
                    Some(notice) => standing(DocKind::ServiceReceipt)
                        .filter(|l| formal && l.letter.pair.as_ref() == Some(&notice.letter.doc))
                        .map(|l| Failure::new(Code::AlreadyPrinted, &[("doc_no", &l.letter.doc.to_string())])),
                }
            };
            match why {
                Some(why) => skipped.push(Skipped { household: family.file, borrower: family.borrower, why }),
                None => plans.push(Plan { family, kinds: kinds.clone(), serves: notice }),
            }
        }
        if plans.is_empty()
            && let Some(first) = skipped.first()
        {
            // Nobody at all: the reason is the answer, not an empty run.
            return Err(first.why.clone());
        }
        Ok((plans, skipped))
    }

    fn desktop<'f>(
        &self,
        store: &Store,
        families: impl Iterator<Item = &'f Family>,
        today: NaiveDate,
    ) -> Result<Desktop, Failure> {
        let profile = Self::profile(store)?.ok_or_else(|| Failure::new(Code::NoProfile, &[]))?;
        let names = self.place_names(store)?;
        let mut agencies = BTreeMap::new();
        for family in families {
            if let Some(township) = family.place.township()
                && !agencies.contains_key(&township)
            {
                let name = names.get(township.as_str()).map_or("", String::as_str);
                let agency = Self::agency_for(store, name)?;
                agencies.insert(township, agency);
            }
        }
        Ok(Desktop { profile, agencies, today })
    }

    /// Who writes to a family, and where its nearest agency is.
    pub(crate) fn letterhead_of(
        &self,
        store: &Store,
        family: &Family,
        today: NaiveDate,
    ) -> Result<Letterhead, Failure> {
        Ok(self.desktop(store, std::iter::once(family), today)?.letterhead(family))
    }

    /// Draws a sheet that has no number and stands in no ledger.
    pub(crate) fn slip(&self, sheet: Sheet, black: bool) -> Result<forms::Drawn, Failure> {
        forms::draw(&[sheet], PrintState::Formal, palette(black)).map_err(|error| undrawn(&error))
    }

    pub(crate) fn draft_letters(&self, with: LettersAsked) -> Result<Draft, Failure> {
        let mut store = self.store();
        self.may(&store, |role| role.works_cases(), "印文书")?;
        let today = self.present_of(&store)?.today;
        let (plans, skipped) = self.plan(&store, &with, today, false)?;
        let desktop = self.desktop(&store, plans.iter().map(|plan| &plan.family), today)?;
        let mut sheets = Vec::new();
        for plan in &plans {
            let notice_no = plan.serves.as_ref().map_or_else(String::new, |l| l.letter.doc.to_string());
            for kind in &plan.kinds {
                sheets.push(match kind {
                    DocKind::RepaymentNotice => notice(&store, &desktop, &plan.family, String::new())?,
                    DocKind::ServiceReceipt => receipt(&store, &desktop, &plan.family, String::new(), &notice_no)?,
                });
            }
        }
        let drawn = forms::draw(&sheets, PrintState::Sample, palette(with.black)).map_err(|error| undrawn(&error))?;
        let pdf = blob_view(store.keep_local(PDF, &drawn.pdf)?, &drawn.pdf);
        Ok(Draft { pdf, households: count(plans.len()), pages: drawn.pages, skipped })
    }

    pub(crate) fn print_letters(&self, with: LettersAsked) -> Result<PrintRun, Failure> {
        let mut store = self.store();
        self.may(&store, |role| role.works_cases(), "印文书")?;
        let reason = tidy(with.reason.as_deref(), 100, "reason")?;
        let today = self.present_of(&store)?.today;
        let (plans, skipped) = self.plan(&store, &with, today, true)?;
        let desktop = self.desktop(&store, plans.iter().map(|plan| &plan.family), today)?;
        let device = FileId::device(self.identity.device);
        let year = today.year();
        for kind in DocKind::ALL {
            let needed = count(plans.iter().filter(|plan| plan.kinds.contains(kind)).count());
            let left = store.numbers(device, *kind, year)?.left;
            if needed > left {
                let facts = [("kind", kind.zh()), ("needed", &needed.to_string()), ("left", &left.to_string())];
                return Err(Failure::new(Code::NoNumbers, &facts));
            }
        }
        let mut facts_of = BTreeMap::new();
        for plan in &plans {
            facts_of.insert(plan.family.file, FamilySheets::read(&store, &desktop, &plan.family)?);
        }
        let black = with.black;
        let organ = desktop.profile.organ_code.clone();
        let ((pdf, pages, docs), _) = self.write(&mut store, |pen| {
            let mut sheets = Vec::new();
            let mut docs = Vec::new();
            for plan in &plans {
                let Some(of) = facts_of.get(&plan.family.file) else { continue };
                // Numbers are taken for the pair first: each sheet prints the other's.
                let mut numbers = BTreeMap::new();
                for kind in &plan.kinds {
                    let serial = pen.numbers(device, *kind, year)?.next;
                    let serial = serial.ok_or_else(|| {
                        Failure::new(Code::NoNumbers, &[("kind", kind.zh()), ("needed", "1"), ("left", "0")])
                    })?;
                    let doc = DocNo { organ: organ.clone(), kind: *kind, year, serial };
                    numbers.insert(*kind, doc.clone());
                    docs.push(doc);
                }
                let notice_doc = numbers
                    .get(&DocKind::RepaymentNotice)
                    .cloned()
                    .or_else(|| plan.serves.as_ref().map(|l| l.letter.doc.clone()));
                for kind in &plan.kinds {
                    let Some(doc) = numbers.get(kind).cloned() else { continue };
                    let sheet = match kind {
                        DocKind::RepaymentNotice => of.notice(doc.to_string()),
                        DocKind::ServiceReceipt => {
                            of.receipt(doc.to_string(), &notice_doc.as_ref().map_or_else(String::new, DocNo::to_string))
                        }
                    };
                    let pair = match kind {
                        DocKind::RepaymentNotice => numbers.get(&DocKind::ServiceReceipt).cloned(),
                        DocKind::ServiceReceipt => notice_doc.clone(),
                    };
                    record_sheet(pen, &plan.family, doc, pair, &sheet, black, reason.clone())?;
                    sheets.push(sheet);
                }
            }
            let drawn = forms::draw(&sheets, PrintState::Formal, palette(black)).map_err(|error| undrawn(&error))?;
            let sha = pen.keep_run(PDF, &drawn.pdf)?;
            Ok((blob_view(sha, &drawn.pdf), drawn.pages, docs))
        })?;
        let mut rows = Vec::new();
        for doc in docs {
            let letters = store.letters(None, Some(&doc.to_string()))?;
            rows.extend(self.ledger_rows(&store, letters)?);
        }
        let mut remarks: Vec<Remark> = Vec::new();
        let oldest = plans.iter().filter_map(|plan| plan.family.as_of).min();
        if let Some(as_of) = oldest
            && let Freshness::Ageing { days } = freshness(as_of, today)
        {
            let zh = format!("银行数据已经{days}天，最好先同步。");
            remarks.push(remark("DATA_AGEING", &zh, "The bank data are getting old; sync if you can."));
        }
        Ok(PrintRun {
            pdf,
            letters: rows,
            pages,
            skipped,
            notices_left: store.numbers(device, DocKind::RepaymentNotice, year)?.left,
            receipts_left: store.numbers(device, DocKind::ServiceReceipt, year)?.left,
            remarks,
        })
    }

    pub(crate) fn read_letter(&self, with: LetterAsked) -> Result<LetterPdf, Failure> {
        let mut store = self.store();
        let letter = one_letter(&store, &with.doc_no, with.household)?;
        let sheet: Sheet =
            serde_json::from_value(letter.letter.sheet.clone()).map_err(|error| Failure::internal(&error))?;
        let drawn =
            forms::draw(&[sheet], PrintState::Formal, palette(letter.letter.black)).map_err(|error| undrawn(&error))?;
        if Sha::of(&drawn.pdf) != letter.letter.sha256 {
            return Err(Failure::new(Code::DrawnDifferently, &[("doc_no", &with.doc_no)]));
        }
        let pdf = blob_view(store.keep_local(PDF, &drawn.pdf)?, &drawn.pdf);
        let mut rows = self.ledger_rows(&store, vec![letter])?;
        match rows.pop() {
            Some(letter) => Ok(LetterPdf { pdf, letter }),
            None => Err(Failure::new(Code::NoHousehold, &[])),
        }
    }

    pub(crate) fn void_letter(&self, with: VoidLetter) -> Result<Saved, Failure> {
        let mut store = self.store();
        self.may(&store, |role| role.works_cases(), "作废文书")?;
        let reason =
            tidy(Some(&with.reason), 100, "reason")?.ok_or_else(|| Failure::new(Code::EmptyText, &[]).at("reason"))?;
        let letter = one_letter(&store, &with.doc_no, with.household)?;
        if letter.voided {
            return Err(Failure::new(Code::LetterVoid, &[("doc_no", &with.doc_no)]).at("doc_no"));
        }
        if letter.complete {
            return Err(Failure::new(Code::LetterServed, &[("doc_no", &with.doc_no)]).at("doc_no"));
        }
        if letter.said.author != self.identity.person {
            self.may(&store, |role| role.sees_all(), "作废别人印的文书")?;
        }
        let event = Event::LetterVoided(LetterVoided { doc: letter.letter.doc, reason });
        self.write_one(&mut store, letter.file, &event, Vec::new())
    }

    pub(crate) fn letters(&self, with: LedgerAsked) -> Result<LedgerView, Failure> {
        let store = self.store();
        let year = self.present_of(&store)?.today.year();
        let rows = self.ledger(&store, &with)?;
        let device = FileId::device(self.identity.device);
        let in_state = |wanted: LetterState| count(rows.iter().filter(|row| row.state == wanted).count());
        let (served, back, void) =
            (in_state(LetterState::Served), in_state(LetterState::ReceiptBack), in_state(LetterState::Void));
        Ok(LedgerView {
            printed: count(rows.len()),
            served: served.saturating_add(back),
            back,
            void,
            rows,
            notices_left: store.numbers(device, DocKind::RepaymentNotice, year)?.left,
            receipts_left: store.numbers(device, DocKind::ServiceReceipt, year)?.left,
        })
    }

    /// The ledger's lines of a place, a family or all.
    pub(crate) fn ledger(&self, store: &Store, with: &LedgerAsked) -> Result<Vec<LedgerRow>, Failure> {
        let mut rows = self.ledger_rows(store, store.letters(with.household, None)?)?;
        if let Some(place) = &with.place {
            let mut inside = Vec::new();
            for row in rows {
                if store.family(row.household)?.is_some_and(|family| place.contains(&family.place)) {
                    inside.push(row);
                }
            }
            rows = inside;
        }
        Ok(rows)
    }

    fn ledger_rows(&self, store: &Store, letters: Vec<Letter>) -> Result<Vec<LedgerRow>, Failure> {
        let names = self.place_names(store)?;
        let mut rows = Vec::with_capacity(letters.len());
        for letter in letters {
            let family = store.family(letter.file)?;
            rows.push(LedgerRow {
                doc_no: letter.letter.doc.to_string(),
                kind: letter.letter.doc.kind,
                household: letter.file,
                borrower: family.as_ref().map_or_else(String::new, |family| family.borrower.clone()),
                co_borrower: family.as_ref().and_then(|family| family.co_borrower.clone()),
                village: family
                    .as_ref()
                    .and_then(|family| names.get(family.place.as_str()).cloned())
                    .unwrap_or_default(),
                state: state(letter.voided, letter.handed_over, letter.complete),
                printed_on: letter.letter.printed_on,
                as_of: letter.letter.as_of,
                total: letter.letter.total,
                pair: letter.letter.pair.map(|doc| doc.to_string()),
                sha256: letter.letter.sha256,
                person: letter.said.author,
                only_here: letter.said.only_here,
            });
        }
        Ok(rows)
    }
}

/// The one letter of this number. Where a copied laptop printed the number for two families, the family must be named: what
/// is said of the one must not be written down for the other.
pub(crate) fn one_letter(store: &Store, doc_no: &str, household: Option<FileId>) -> Result<Letter, Failure> {
    let letters = store.letters(household, Some(doc_no.trim()))?;
    let Some(first) = letters.first().cloned() else {
        return Err(Failure::new(Code::NotFound, &[("what", doc_no)]).at("doc_no"));
    };
    if letters.iter().all(|letter| letter.file == first.file) {
        return Ok(first);
    }
    let mut names = BTreeSet::new();
    for letter in &letters {
        names.extend(store.family(letter.file)?.map(|family| family.borrower));
    }
    let names: Vec<String> = names.into_iter().collect();
    Err(Failure::new(Code::NumberTwice, &[("doc_no", doc_no), ("names", &names.join("、"))]).at("doc_no"))
}

/// What a family's sheets say, read before the write begins.
struct FamilySheets {
    notice: NoticeFacts,
    receipt: ReceiptFacts,
}

impl FamilySheets {
    fn read(store: &Store, desktop: &Desktop, family: &Family) -> Result<Self, Failure> {
        let (Sheet::Notice(notice), Sheet::Receipt(receipt)) =
            (notice(store, desktop, family, String::new())?, receipt(store, desktop, family, String::new(), "")?)
        else {
            return Err(Failure::new(Code::NothingDue, &[]));
        };
        Ok(Self { notice, receipt })
    }

    fn notice(&self, doc_no: String) -> Sheet {
        Sheet::Notice(NoticeFacts { doc_no, ..self.notice.clone() })
    }

    fn receipt(&self, receipt_no: String, served: &str) -> Sheet {
        let mut facts = ReceiptFacts { receipt_no, ..self.receipt.clone() };
        for letter in &mut facts.letters {
            served.clone_into(&mut letter.doc_no);
        }
        Sheet::Receipt(facts)
    }
}

fn notice(store: &Store, desktop: &Desktop, family: &Family, doc_no: String) -> Result<Sheet, Failure> {
    let registers = store.registers(family.file)?;
    let due = registers.due.ok_or_else(|| Failure::new(Code::NothingDue, &[]))?;
    let due_on = due.due_on().unwrap_or(desktop.today);
    let total = due.total().map_err(|error| Failure::internal(&error))?;
    Ok(Sheet::Notice(NoticeFacts {
        doc_no,
        printed_on: desktop.today,
        as_of: due.as_of,
        due_on,
        borrower: family.borrower.clone(),
        co_borrower: family.co_borrower.clone(),
        lines: due
            .contracts
            .iter()
            .map(|contract| NoticeLine {
                contract_tail: contract.tail(),
                principal_due: contract.principal_due,
                interest_due: Fen::new(contract.interest_due.get().saturating_add(contract.penalty_due.get())),
                subtotal: contract.total_due,
            })
            .collect(),
        total,
        account_hint: due.account_hint.clone(),
        letterhead: desktop.letterhead(family),
    }))
}

fn receipt(
    store: &Store,
    desktop: &Desktop,
    family: &Family,
    receipt_no: String,
    served: &str,
) -> Result<Sheet, Failure> {
    let registers = store.registers(family.file)?;
    // Where the family was really found, if that is not in dispute; else the list's address.
    let address = match registers.fields.get(&HouseholdField::AddressFound).map(Vec::as_slice) {
        Some([(_, one)]) => one.clone(),
        Some(_) | None => family.address.clone(),
    };
    let mut addressees = vec![family.borrower.clone()];
    addressees.extend(family.co_borrower.clone());
    Ok(Sheet::Receipt(ReceiptFacts {
        receipt_no,
        printed_on: desktop.today,
        cause: ServiceCause::RepaymentNotice,
        letters: vec![ServedLetter {
            name: DocKind::RepaymentNotice.zh().to_owned(),
            doc_no: served.to_owned(),
            copies: 1,
        }],
        addressees,
        address,
        letterhead: desktop.letterhead(family),
    }))
}

fn record_sheet(
    pen: &mut Pen<'_>,
    family: &Family,
    doc: DocNo,
    pair: Option<DocNo>,
    sheet: &Sheet,
    black: bool,
    reason: Option<String>,
) -> Result<(), Failure> {
    let alone = forms::draw(std::slice::from_ref(sheet), PrintState::Formal, palette(black))
        .map_err(|error| undrawn(&error))?;
    let (total, as_of, printed_on) = match sheet {
        Sheet::Notice(facts) => (facts.total, facts.as_of, facts.printed_on),
        Sheet::Receipt(facts) => (Fen::ZERO, family.as_of.unwrap_or(facts.printed_on), facts.printed_on),
        // It stands in no ledger: nobody asks for it here.
        Sheet::Payment(facts) => (Fen::ZERO, facts.paid_on, facts.printed_on),
    };
    let printed = LetterPrinted {
        doc,
        template: forms::template(sheet).map_err(|error| undrawn(&error))?,
        printed_on,
        as_of,
        total,
        hash8: forms::facts_hash8(sheet).map_err(|error| undrawn(&error))?,
        sheet: serde_json::to_value(sheet).map_err(|error| Failure::internal(&error))?,
        sha256: Sha::of(&alone.pdf),
        pair,
        reason,
        black,
    };
    pen.record(family.file, Section::Core, &Event::LetterPrinted(printed), Vec::new())?;
    Ok(())
}

pub(crate) fn blob_view(sha256: Sha, bytes: &[u8]) -> BlobView {
    BlobView { sha256, bytes: u64::try_from(bytes.len()).unwrap_or(u64::MAX), media: PDF.to_owned() }
}

fn count(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}

//! The bank's feeds at the county desk: taken in whole or not at all, told family by family, and what they come to. Only an
//! import sets what the bank says; nothing here decides that anybody has paid.

use std::collections::{BTreeMap, BTreeSet};

use chrono::NaiveDate;
use domain::event::Event;
use domain::feed::{BankTold, Doubt, FeedImported, FeedLine, account_of, doubts, family_account, meets};
use domain::household::{Contract, DueListed};
use domain::ids::{FactId, FileId, Sha};
use domain::money::Fen;
use domain::proposal::ImportProposed;
use domain::words::{BankState, ProposalState, ProposedKind, Role, Section};
use store::{Family, Pen, StoreFault};

use crate::Desk;
use crate::api::{
    DoubtKind, DoubtRow, FeedReport, ImportFeed, Nothing, RejectedRow, RepaymentsView, ReportedRow, StrayLine,
};
use crate::failure::{Code, Failure};
use crate::imports::{bytes_of_list, meta_of, read_columns, unread};
use crate::proposals::{Asking, Stage, begin, stage};
use crate::roster::feed::{Feed, FooterAmount, ReadLine};
use crate::roster::{Column, Kind, RowFault, Warning, WarningKind};

/// Lines of contracts that no list has, in one fact.
const MOST_LINES: usize = 200;
/// Days after which a report that no line of the bank's meets is late.
const LATE_AFTER: i64 = 10;

/// What a feed says, by whom it says it of.
struct Sorted {
    families: BTreeMap<FileId, Vec<FeedLine>>,
    unmatched: Vec<FeedLine>,
    unmatched_rows: Vec<RejectedRow>,
    other_names: Vec<Warning>,
    not_named: u32,
    names_all: bool,
}

fn sort(
    feed: &Feed,
    whole: bool,
    contracts: &BTreeMap<String, FileId>,
    names: &BTreeMap<FileId, [String; 2]>,
) -> Sorted {
    let mut out = Sorted {
        families: BTreeMap::new(),
        unmatched: Vec::new(),
        unmatched_rows: Vec::new(),
        other_names: Vec::new(),
        not_named: 0,
        names_all: false,
    };
    let mut named: BTreeSet<&str> = BTreeSet::new();
    for ReadLine { sheet_row, name, line } in &feed.lines {
        let Some(file) = contracts.get(&line.contract_no) else {
            out.unmatched.push(line.clone());
            let column = Some(Column::ContractNo.title_zh().to_owned());
            let reason = format!("第{sheet_row}行：{}。", RowFault::ContractNotListed.sentence_zh());
            out.unmatched_rows.push(RejectedRow { sheet_row: *sheet_row, column, reason });
            continue;
        };
        named.insert(&line.contract_no);
        let other = !name.is_empty() && names.get(file).is_some_and(|known| !known.contains(name));
        if other {
            out.other_names.push(Warning { sheet_row: *sheet_row, kind: WarningKind::OtherName });
        }
        out.families.entry(*file).or_default().push(line.clone());
    }
    // Of a refused row nobody knows what the bank says: its contract is not taken for unpaid, and none is where one cannot be read.
    named.extend(feed.refused_contracts.iter().flatten().map(String::as_str));
    let unread = feed.refused_contracts.iter().any(Option::is_none);
    let absent: Vec<(&String, &FileId)> = contracts.iter().filter(|(no, _)| !named.contains(no.as_str())).collect();
    out.names_all = absent.is_empty();
    if whole && !unread {
        out.not_named = u32::try_from(absent.len()).unwrap_or(u32::MAX);
        for (contract_no, file) in absent {
            out.families.entry(*file).or_default().push(unpaid(contract_no, feed.as_of));
        }
    }
    out
}

/// What a snapshot says of a contract that it does not name.
fn unpaid(contract_no: &str, on: NaiveDate) -> FeedLine {
    FeedLine {
        contract_no: contract_no.to_owned(),
        on,
        state: BankState::Unpaid,
        amount: Fen::ZERO,
        principal: Fen::ZERO,
        interest: Fen::ZERO,
        penalty: Fen::ZERO,
        booked_on: None,
        channel: String::new(),
        reference: String::new(),
        left: None,
    }
}

/// Puts down what a feed says of one file, in the place of what the same feed was understood to say before. Returns whether that
/// is something new.
pub(crate) fn tell(
    pen: &mut Pen<'_>,
    file: FileId,
    section: Section,
    parts: &[BankTold],
    batch: &str,
) -> Result<bool, Failure> {
    let before: Vec<(FactId, Vec<u8>)> = pen
        .standing(file)?
        .told
        .into_iter()
        .filter(|(_, body)| serde_json::from_slice::<BankTold>(body).is_ok_and(|told| told.batch == batch))
        .collect();
    let events: Vec<Event> = parts.iter().cloned().map(Event::BankTold).collect();
    let bodies: Vec<Vec<u8>> =
        events.iter().map(|event| event.body().map_err(StoreFault::from)).collect::<Result<_, _>>()?;
    let same = bodies.iter().collect::<BTreeSet<_>>() == before.iter().map(|(_, body)| body).collect::<BTreeSet<_>>();
    if same {
        return Ok(false);
    }
    let mut replaces: Vec<FactId> = before.into_iter().map(|(id, _)| id).collect();
    for event in &events {
        pen.record(file, section, event, std::mem::take(&mut replaces))?;
    }
    if !replaces.is_empty() {
        // Understood otherwise, it says nothing of this family.
        let nothing = Event::BankTold(BankTold { batch: batch.to_owned(), whole: false, lines: Vec::new() });
        pen.record(file, section, &nothing, replaces)?;
    }
    Ok(true)
}

impl Desk {
    pub(crate) fn import_feed(&self, with: ImportFeed) -> Result<FeedReport, Failure> {
        self.may(&self.store(), |role| role == Role::CentreOperator, "导入还款明细")?;
        let (name, bytes) = bytes_of_list(&with.file)?;
        let how = Asking {
            kind: if with.whole == Some(true) { ProposedKind::Snapshot } else { ProposedKind::Feed },
            name,
            as_of: with.as_of,
            encoding: with.encoding,
            columns: self.columns_said(with.columns.as_deref(), Kind::Feed)?,
        };
        self.feed(&bytes, &how, with.whole, with.dry_run)
    }

    /// A feed on its way in: tried, proposed to the head, or loaded under the head's word.
    pub(crate) fn feed(
        &self,
        bytes: &[u8],
        how: &Asking,
        whole: Option<bool>,
        dry_run: bool,
    ) -> Result<FeedReport, Failure> {
        let whole = match whole {
            Some(whole) => whole,
            None if dry_run => false,
            None => {
                let problem = "请说明这份明细是全部合同的快照（true），还是只有新增的还款（false）";
                return Err(Failure::new(Code::BadInput, &[("problem", problem)]).at("whole"));
            }
        };
        let wish = how.wish();
        let feed = crate::roster::feed::read(&self.reader, bytes, &wish).map_err(unread)?;
        if feed.lines.is_empty() {
            return Err(Failure::new(Code::NothingToImport, &[]).at("file"));
        }
        let sha256 = Sha::of(bytes);
        let batch: String = sha256.to_string().chars().take(16).collect();
        let mut store = self.store();
        let contracts = store.contracts()?;
        if contracts.is_empty() {
            return Err(Failure::new(Code::NoDueList, &[]).at("file"));
        }
        let names = store.bank_names()?;
        let sorted = sort(&feed, whole, &contracts, &names);
        let mut report = report_of(&feed, &sorted, whole);
        if !dry_run && let Some(footer) = feed.footer.filter(|footer| footer.agrees() == Some(false)) {
            return Err(Failure::new(Code::TotalsDiffer, &[("row", &footer.sheet_row.to_string())]).at("file"));
        }
        let import = FeedImported {
            batch: batch.clone(),
            sha256,
            as_of: feed.as_of,
            whole,
            lines: report.lines,
            booked: report.booked,
            pending: report.pending,
            unmatched: u32::try_from(sorted.unmatched.len()).unwrap_or(u32::MAX),
            rejected: u32::try_from(report.rejected.len()).unwrap_or(u32::MAX),
        };
        let imports: Vec<(FactId, FeedImported)> = store
            .county_facts::<FeedImported>("FeedImported")?
            .into_iter()
            .map(|(said, import)| (said.id, import))
            .filter(|(_, known)| known.batch == batch)
            .collect();
        let told = |lines: &[FeedLine]| BankTold { batch: batch.clone(), whole, lines: lines.to_vec() };
        let mut files: BTreeSet<FileId> = sorted.families.keys().copied().collect();
        if !imports.is_empty() {
            // Understood otherwise before, it may have said something of others.
            files.extend(contracts.values());
        }
        let stage = stage(&store, how.sha(bytes), dry_run)?;
        // What was changed in how many families, and whether anything is to be written at all.
        let work = |pen: &mut Pen<'_>| -> Result<(u32, bool), Failure> {
            begin(pen, stage)?;
            let mut changed = 0_u32;
            for file in &files {
                let parts: Vec<BankTold> = sorted.families.get(file).map(|lines| told(lines)).into_iter().collect();
                changed = changed.saturating_add(u32::from(tell(pen, *file, Section::Core, &parts, &batch)?));
            }
            let parts: Vec<BankTold> = sorted.unmatched.chunks(MOST_LINES).map(told).collect();
            let more = tell(pen, FileId::county(), Section::Id, &parts, &batch)?;
            let same = imports.iter().any(|(_, known)| *known == import);
            let news = changed > 0 || more || !same;
            if news {
                let replaces = imports.iter().map(|(id, _)| *id).collect();
                pen.record(FileId::county(), Section::Core, &Event::FeedImported(import.clone()), replaces)?;
            }
            Ok((changed, news))
        };
        let (changed, news) = match stage {
            Stage::Load(_) => self.write(&mut store, work)?.0,
            Stage::Try | Stage::Propose | Stage::Waits(_) => self.tried(&mut store, work)?,
        };
        report.changed_households = changed;
        match stage {
            Stage::Try => {}
            Stage::Load(proposal) => {
                // The import stands whatever becomes of this: then the next one asks again.
                store.set_meta(meta_of(Kind::Feed), &wish.columns).unwrap_or_default();
                report.written = true;
                (report.proposal, report.state) = (Some(proposal), Some(ProposalState::Loaded));
            }
            Stage::Waits(proposal) => {
                (report.proposal, report.state) = (Some(proposal), Some(ProposalState::Waiting));
            }
            Stage::Propose if !news => report.already_imported = true,
            Stage::Propose => {
                let (before, after) = booked(&store.bank_accounts()?, &sorted, &told(&[]));
                let proposed = ImportProposed {
                    kind: how.kind,
                    batch: batch.clone(),
                    asked: how.sha(bytes),
                    as_of: feed.as_of,
                    words: how.name.clone(),
                    rows: report.lines,
                    rejected: import.rejected,
                    warned: u32::try_from(report.warnings.len()).unwrap_or(u32::MAX),
                    new: 0,
                    changed,
                    gone: 0,
                    total: report.booked,
                    before,
                    after,
                    townships: Vec::new(),
                };
                let proposal = self.propose(&mut store, proposed, Some((bytes, how.clone())))?;
                store.set_meta(meta_of(Kind::Feed), &wish.columns).unwrap_or_default();
                (report.proposal, report.state) = (Some(proposal), Some(ProposalState::Waiting));
            }
        }
        Ok(report)
    }

    pub(crate) fn repayments(&self, _: Nothing) -> Result<RepaymentsView, Failure> {
        let store = self.store();
        self.may(&store, Role::sees_all, "看还款入账")?;
        let today = self.present_of(&store)?.today;
        let names = self.place_names(&store)?;
        let families: BTreeMap<FileId, Family> =
            store.families(None)?.into_iter().map(|family| (family.file, family)).collect();
        let village = |family: &Family| names.get(family.place.as_str()).cloned().unwrap_or_default();
        let mut sums = Sums::default();
        let mut out_doubts = Vec::new();
        let mut reported = Vec::new();
        let accounts = store.bank_accounts()?;
        // Village by village, as somebody works through them.
        let mut order: Vec<(&FileId, &Family)> = families.iter().collect();
        order.sort_by(|a, b| (&a.1.place, &a.1.borrower, a.0).cmp(&(&b.1.place, &b.1.borrower, b.0)));
        for (file, family) in order {
            let Some((due, told)) = accounts.get(file) else { continue };
            sums.add(due, told);
            for (contract_no, doubt) in doubts(&due.contracts, told) {
                let (doubt, amount) = doubt_of(doubt);
                out_doubts.push(DoubtRow {
                    household: *file,
                    borrower: family.borrower.clone(),
                    village: village(family),
                    tail: tail(&contract_no),
                    doubt,
                    amount,
                });
            }
            if family.reported.get() == 0 {
                continue;
            }
            for (said, paid) in store.payments(*file)? {
                let met = told.iter().flat_map(|told| &told.lines).any(|line| meets(paid.amount, paid.on, line));
                if !met {
                    reported.push(ReportedRow {
                        household: *file,
                        borrower: family.borrower.clone(),
                        village: village(family),
                        payment: said.id,
                        amount: paid.amount,
                        on: paid.on,
                        late: today.signed_duration_since(paid.on).num_days() > LATE_AFTER,
                        reference: paid.reference,
                    });
                }
            }
        }
        let stray = |line: FeedLine| StrayLine {
            contract_no: line.contract_no,
            state: line.state,
            amount: line.amount,
            booked_on: line.booked_on,
            reference: line.reference,
            on: line.on,
        };
        let county = store.registers(FileId::county())?.told;
        let unmatched = county.into_iter().flat_map(|(_, told)| told.lines).map(stray).collect();
        let imports = store.county_facts::<FeedImported>("FeedImported")?;
        Ok(RepaymentsView {
            as_of: imports.iter().map(|(_, import)| import.as_of).max(),
            due: Fen::new(sums.due),
            booked: Fen::new(sums.booked),
            pending: Fen::new(sums.pending),
            over: Fen::new(sums.over),
            contracts: sums.contracts,
            contracts_booked: sums.full,
            contracts_part: sums.part,
            contracts_pending: sums.waiting,
            contracts_reversed: sums.reversed,
            contracts_overdue: sums.overdue,
            doubts: out_doubts,
            unmatched,
            reported,
        })
    }
}

/// What is booked on all families before and after a feed, fen. `like` is what the feed says of nobody.
fn booked(accounts: &BTreeMap<FileId, (DueListed, Vec<BankTold>)>, sorted: &Sorted, like: &BankTold) -> (Fen, Fen) {
    let (mut before, mut after) = (0_i64, 0_i64);
    for (file, (due, told)) in accounts {
        let was = family_account(&due.contracts, told).booked.get();
        let mut told: Vec<BankTold> = told.iter().filter(|told| told.batch != like.batch).cloned().collect();
        let lines = sorted.families.get(file).cloned();
        told.extend(lines.map(|lines| BankTold { lines, ..like.clone() }));
        before = before.saturating_add(was);
        after = after.saturating_add(family_account(&due.contracts, &told).booked.get());
    }
    (Fen::new(before), Fen::new(after))
}

/// What all accounts come to.
#[derive(Default)]
struct Sums {
    due: i64,
    booked: i64,
    pending: i64,
    over: i64,
    contracts: u32,
    full: u32,
    part: u32,
    waiting: u32,
    reversed: u32,
    overdue: u32,
}

impl Sums {
    fn add(&mut self, due: &DueListed, told: &[BankTold]) {
        let count = |of: &mut u32, is: bool| *of = of.saturating_add(u32::from(is));
        let family = family_account(&due.contracts, told);
        self.booked = self.booked.saturating_add(family.booked.get());
        self.pending = self.pending.saturating_add(family.pending.get());
        self.over = self.over.saturating_add(family.over.get());
        for Contract { contract_no, due_on, total_due, .. } in &due.contracts {
            let account = account_of(contract_no, *due_on, told);
            let (booked, due) = (account.booked.get(), total_due.get());
            self.due = self.due.saturating_add(due);
            count(&mut self.contracts, due > 0);
            count(&mut self.full, due > 0 && booked >= due);
            count(&mut self.part, booked > 0 && booked < due);
            count(&mut self.waiting, account.pending.get() > 0);
            count(&mut self.reversed, account.reversed);
            count(
                &mut self.overdue,
                booked < due && account.state.is_some_and(|(_, state)| state == BankState::Overdue),
            );
        }
    }
}

fn tail(contract_no: &str) -> String {
    let skip = contract_no.chars().count().saturating_sub(6);
    contract_no.chars().skip(skip).collect()
}

fn doubt_of(doubt: Doubt) -> (DoubtKind, Option<Fen>) {
    match doubt {
        Doubt::Over(by) => (DoubtKind::Over, Some(by)),
        Doubt::Part(missing) => (DoubtKind::Part, Some(missing)),
        Doubt::Reversed => (DoubtKind::Reversed, None),
        Doubt::PaidShort => (DoubtKind::PaidShort, None),
        Doubt::UnpaidFull => (DoubtKind::UnpaidFull, None),
        Doubt::NothingDue(booked) => (DoubtKind::NothingDue, Some(booked)),
    }
}

fn report_of(feed: &Feed, sorted: &Sorted, whole: bool) -> FeedReport {
    let small = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    let sum = |state: BankState| {
        let of = feed.lines.iter().filter(|read| read.line.state == state).map(|read| read.line.amount.get());
        Fen::new(of.fold(0, i64::saturating_add))
    };
    let mut warnings: Vec<&Warning> = feed.warnings.iter().chain(&sorted.other_names).collect();
    warnings.sort_by_key(|warning| warning.sheet_row);
    let warned =
        |warning: &&Warning| RejectedRow { sheet_row: warning.sheet_row, column: None, reason: warning.sentence_zh() };
    let source = &feed.source;
    FeedReport {
        written: false,
        already_imported: false,
        format: source.format.into(),
        encoding: source.encoding.map(Into::into),
        sheet: source.sheet.clone(),
        other_sheets: source.other_sheets.clone(),
        columns: read_columns(&source.columns),
        as_of: feed.as_of,
        whole,
        names_all: sorted.names_all,
        lines: small(feed.lines.len()),
        booked: sum(BankState::Booked),
        pending: sum(BankState::Pending),
        reversals: small(feed.lines.iter().filter(|read| read.line.amount.is_negative()).count()),
        not_named: sorted.not_named,
        changed_households: 0,
        proposal: None,
        state: None,
        unmatched: sorted.unmatched_rows.clone(),
        rejected: feed
            .rejected
            .iter()
            .map(|rejected| RejectedRow {
                sheet_row: rejected.sheet_row,
                column: Some(rejected.column.title_zh().to_owned()),
                reason: rejected.sentence_zh(),
            })
            .collect(),
        warnings: warnings.iter().map(warned).collect(),
        footer_total: feed.footer.map(|footer| footer.stated),
        footer_agrees: feed.footer.and_then(FooterAmount::agrees),
    }
}

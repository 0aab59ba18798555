//! The county desk's imports: places and the bank's due list. Whole or not at all, in one transaction; the same file
//! twice changes nothing; what is unchanged writes nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::convert::Infallible;

use domain::estimate::{Standing, Terms, compare, is_waived, usual_subsidy_end};
use domain::event::Event;
use domain::feed::{BankTold, FeedLine};
use domain::household::{Contract, DueListed, HouseholdListed, Identified, ListedPhone, Placed, mask_account};
use domain::ids::{FactId, FileId, Sha};
use domain::money::Fen;
use domain::org::{DueListImported, PlacesLoaded};
use domain::place::{PlaceLevel, PlaceTable};
use domain::proposal::ImportProposed;
use domain::rules::{Rules, expected_rate};
use domain::words::{ProposalState, ProposedKind, Role, Section};
use store::{Pen, Store, StoreFault};

use crate::api::{
    ChangeKind, ColumnChoice, ColumnRead, EstimateCheck, EstimateRow, Figures, FileInput, ImportDueList, ImportPlaces,
    ImportReport, PlacesReport, RejectedRow,
};
use crate::failure::{Code, Failure};
use crate::proposals::{self, Asking, Change, Stage, begin, shown, stage, sum_of};
use crate::roster::{self, Chosen, Kind, ReadColumn, Roster, RosterContract, RosterError, RosterHousehold};
use crate::rules::rules;
use crate::{Desk, bytes_of};

/// Most bytes of a place table.
const MOST_CSV: u64 = 2 * 1024 * 1024;

fn text_of(name: &str, bytes: Vec<u8>, field: &str) -> Result<String, Failure> {
    String::from_utf8(bytes).map(|text| text.trim_start_matches('\u{feff}').to_owned()).map_err(|_told_otherwise| {
        Failure::new(Code::FileUnreadable, &[("file", name), ("why", "不是UTF-8文本")]).at(field)
    })
}

impl Desk {
    pub(crate) fn import_places(&self, with: ImportPlaces) -> Result<PlacesReport, Failure> {
        let mut store = self.store();
        self.may(&store, |role| matches!(role, Role::CentreOperator | Role::CentreHead), "载入行政区划")?;
        let (name, bytes) = bytes_of(&with.places, MOST_CSV, "places")?;
        let places = text_of(&name, bytes, "places")?;
        let old_names = match &with.old_names {
            Some(input) => {
                let (name, bytes) = bytes_of(input, MOST_CSV, "old_names")?;
                text_of(&name, bytes, "old_names")?
            }
            None => String::new(),
        };
        let unreadable = |error: domain::place::PlaceError| {
            Failure::new(Code::PlacesUnreadable, &[("why", &error.to_string())]).at("places")
        };
        let table = PlaceTable::from_csv(&places, &old_names).map_err(unreadable)?;
        let levels =
            |level| u32::try_from(table.iter().filter(|place| place.level == level).count()).unwrap_or(u32::MAX);
        let report = PlacesReport { townships: levels(PlaceLevel::Township), villages: levels(PlaceLevel::Village) };
        let loaded = PlacesLoaded { places, old_names };
        let before = store.county_facts::<PlacesLoaded>("PlacesLoaded")?;
        if before.last().is_none_or(|(_, last)| *last != loaded) {
            let replaces = before.into_iter().map(|(said, _)| said.id).collect();
            self.write_one(&mut store, FileId::county(), &Event::PlacesLoaded(loaded), replaces)?;
        }
        self.forget_places();
        Ok(report)
    }

    pub(crate) fn import_due_list(&self, with: ImportDueList) -> Result<ImportReport, Failure> {
        self.may(&self.store(), |role| role == Role::CentreOperator, "导入应还款名单")?;
        let (name, bytes) = bytes_of_list(&with.file)?;
        let how = Asking {
            kind: if with.supplement { ProposedKind::Supplement } else { ProposedKind::DueList },
            name,
            as_of: with.as_of,
            encoding: with.encoding,
            columns: self.columns_said(with.columns.as_deref(), Kind::DueList)?,
        };
        self.due_list(&bytes, &how, with.dry_run)
    }

    /// A due list on its way in: tried, proposed to the head, or loaded under the head's word.
    pub(crate) fn due_list(&self, bytes: &[u8], how: &Asking, dry_run: bool) -> Result<ImportReport, Failure> {
        let supplement = how.kind == ProposedKind::Supplement;
        let no_key = || Failure::new(Code::NotAllowed, &[("role", "本机"), ("what", "导入应还款名单")]);
        let file_key = self.file_key.clone().ok_or_else(no_key)?;
        let places = {
            let store = self.store();
            self.place_table(&store)?.ok_or_else(|| Failure::new(Code::NoPlaces, &[]))?
        };
        let wish = how.wish();
        // Reading a large workbook takes a second; the store is free meanwhile.
        let roster = roster::read(&self.reader, bytes, &places, &wish).map_err(unread)?;
        let sha256 = name_of(bytes, &roster);
        let rules = rules(&self.store())?;
        let mut report = report_of(&roster, &rules);
        if roster.households.is_empty() {
            return Err(Failure::new(Code::NothingToImport, &[]).at("file"));
        }
        let mut store = self.store();
        let imports = store.county_facts::<DueListImported>("DueListImported")?;
        report.already_imported = imports.iter().any(|(_, import)| import.sha256 == sha256);
        if report.already_imported {
            return Ok(report);
        }
        let lists = imports.iter().filter(|(_, import)| !import.supplement);
        if let Some(newest) = lists.map(|(_, import)| import.as_of).max()
            && roster.as_of < newest
        {
            let (as_of, current) = (roster.as_of.to_string(), newest.to_string());
            return Err(Failure::new(Code::OlderList, &[("as_of", &as_of), ("current", &current)]).at("file"));
        }
        let batch: String = sha256.to_string().chars().take(16).collect();
        let before = proposals::families(&store)?;
        let county = places.county().clone();
        let import = DueListImported {
            batch: batch.clone(),
            sha256,
            as_of: roster.as_of,
            borrowers: report.figures.borrowers,
            contracts: report.figures.contracts,
            principal_due: report.figures.principal_due,
            interest_due: report.figures.interest_due,
            penalty_due: report.figures.penalty_due,
            total_due: report.figures.total_due,
            rejected: u32::try_from(report.rejected.len()).unwrap_or(u32::MAX),
            supplement,
        };
        if let Some(footer) = roster.footer.filter(|footer| !footer.agrees && footer.unreadable_rows == 0)
            && !dry_run
        {
            return Err(Failure::new(Code::TotalsDiffer, &[("row", &footer.sheet_row.to_string())]).at("file"));
        }
        let contracts: BTreeMap<String, FileId> = roster
            .households
            .iter()
            .flat_map(|household| {
                let file = FileId::household(&file_key, &household.id);
                household.contracts.iter().map(move |contract| (contract.contract_no.clone(), file))
            })
            .collect();
        if supplement {
            let standing = store.contracts()?;
            let elsewhere = contracts.iter().find(|(no, file)| standing.get(*no).is_some_and(|other| other != *file));
            if let Some((contract_no, _)) = elsewhere {
                return Err(Failure::new(Code::ContractElsewhere, &[("contract", contract_no)]).at("file"));
            }
        }
        let stage = stage(&store, how.sha(bytes), dry_run)?;
        let work = |pen: &mut Pen<'_>| -> Result<Vec<Change>, Failure> {
            begin(pen, stage)?;
            let mut changes = Vec::new();
            let mut present = BTreeSet::new();
            for household in &roster.households {
                let file = FileId::household(&file_key, &household.id);
                present.insert(file);
                let mut facts = facts_of(household, &batch, roster.as_of, &county);
                if supplement {
                    add_standing(&mut facts, &pen.standing(file)?);
                }
                let news = renew(pen, file, &facts)?;
                let kind = match before.contains_key(&file) {
                    false => ChangeKind::New,
                    true if news.words || news.due => ChangeKind::Changed,
                    true => continue,
                };
                let (borrower, place) = (facts.listed.borrower, facts.placed.place);
                changes.push(Change { file, kind, borrower, place, after: sum_due(&facts.due), words: news.words });
            }
            for (file, family) in before.iter().filter(|(file, _)| !supplement && !present.contains(*file)) {
                // Not on the newer list: nothing is due by the bank's word, and no letter may say otherwise.
                let empty =
                    DueListed { batch: batch.clone(), as_of: roster.as_of, contracts: Vec::new(), account_hint: None };
                let replaces = pen.standing(*file)?.due.into_iter().map(|(id, _)| id).collect();
                pen.record(*file, Section::Core, &Event::DueListed(empty), replaces)?;
                let (borrower, place) = (family.borrower.clone(), family.place.clone());
                let (kind, after) = (ChangeKind::Gone, Fen::ZERO);
                changes.push(Change { file: *file, kind, borrower, place, after, words: false });
            }
            find_owners(pen, &contracts)?;
            pen.record(FileId::county(), Section::Core, &Event::DueListImported(import.clone()), Vec::new())?;
            Ok(changes)
        };
        let changes = match stage {
            Stage::Load(_) => self.write(&mut store, work)?.0,
            Stage::Try | Stage::Propose | Stage::Waits(_) => self.tried(&mut store, work)?,
        };
        let sum = sum_of(&before, &changes);
        (report.new_households, report.changed_households, report.gone_households) = (sum.new, sum.changed, sum.gone);
        match stage {
            Stage::Try => {}
            Stage::Load(proposal) => {
                // The import stands whatever becomes of this: then the next one asks again.
                store.set_meta(meta_of(Kind::DueList), &wish.columns).unwrap_or_default();
                report.written = true;
                (report.proposal, report.state) = (Some(proposal), Some(ProposalState::Loaded));
                return Ok(report);
            }
            Stage::Waits(proposal) => {
                (report.proposal, report.state) = (Some(proposal), Some(ProposalState::Waiting));
            }
            Stage::Propose => {
                let proposed = ImportProposed {
                    kind: how.kind,
                    batch: batch.clone(),
                    asked: how.sha(bytes),
                    as_of: roster.as_of,
                    words: how.name.clone(),
                    rows: report.figures.contracts,
                    rejected: import.rejected,
                    warned: u32::try_from(report.warnings.len()).unwrap_or(u32::MAX),
                    new: sum.new,
                    changed: sum.changed,
                    gone: sum.gone,
                    total: import.total_due,
                    before: sum.before,
                    after: sum.after,
                    townships: sum.townships,
                };
                let proposal = self.propose(&mut store, proposed, Some((bytes, how.clone())))?;
                store.set_meta(meta_of(Kind::DueList), &wish.columns).unwrap_or_default();
                (report.proposal, report.state) = (Some(proposal), Some(ProposalState::Waiting));
            }
        }
        report.changes = shown(&before, &changes, &self.place_names(&store)?);
        Ok(report)
    }
}

/// All that is due by a list, fen.
fn sum_due(due: &DueListed) -> Fen {
    Fen::new(due.contracts.iter().fold(0, |sum, contract| sum.saturating_add(contract.total_due.get())))
}

impl Desk {
    /// What a person said now that headers mean, or at the last import.
    pub(crate) fn columns_said(&self, said: Option<&[ColumnChoice]>, kind: Kind) -> Result<Vec<Chosen>, Failure> {
        match said {
            Some(said) => Ok(said.iter().map(chosen).collect()),
            None => Ok(self.store().meta(meta_of(kind))?.unwrap_or_default()),
        }
    }

    /// Does the same work and rolls it back: what is told is what would happen.
    pub(crate) fn tried<T>(
        &self,
        store: &mut Store,
        work: impl FnOnce(&mut Pen<'_>) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        let dry: Result<(Infallible, Vec<FactId>), DryRun<T>> =
            store.write(&self.identity.person, self.clock.wall(), |pen| {
                Err(work(pen).map_or_else(DryRun::Failed, DryRun::Done))
            });
        match dry {
            Ok((never, _)) => match never {},
            Err(DryRun::Done(told)) => Ok(told),
            Err(DryRun::Failed(failure)) => Err(failure),
        }
    }
}

/// The name and bytes of a list that a person chose.
pub(crate) fn bytes_of_list(file: &FileInput) -> Result<(String, Vec<u8>), Failure> {
    let most = u64::try_from(foreign::MAX_BYTES).unwrap_or(u64::MAX);
    bytes_of(file, most, "file")
}

/// Where is kept what the headers of a kind of list were said to mean, for the next one.
pub(crate) fn meta_of(kind: Kind) -> &'static str {
    match kind {
        Kind::DueList => "list_columns",
        Kind::Feed => "feed_columns",
    }
}

/// Why a list cannot be read; where headers are not understood, with all that there are, so that a person can say what they mean.
pub(crate) fn unread(error: RosterError) -> Failure {
    let why = error.sentence_zh();
    let columns = match &error {
        RosterError::NoHeader(lacking) => serde_json::to_string(&read_columns(&lacking.columns)).unwrap_or_default(),
        RosterError::Sheet(_)
        | RosterError::AmountsTooLarge
        | RosterError::SeveralLists
        | RosterError::Empty
        | RosterError::NoDataDate => String::new(),
    };
    Failure::new(Code::WorkbookUnreadable, &[("why", &why), ("columns", &columns)]).at("file")
}

fn chosen(choice: &ColumnChoice) -> Chosen {
    Chosen { column: choice.column, header: choice.header.clone(), nth: choice.nth }
}

/// What an import is known by: the file, and where a person said so, how it was understood. The same file understood otherwise is
/// another import, for the first one may have been wrong.
fn name_of(bytes: &[u8], roster: &Roster) -> Sha {
    if !roster.by_choice {
        return Sha::of(bytes);
    }
    let columns: Vec<String> = roster.columns.iter().map(|read| format!("{:?}", (read.at, read.column))).collect();
    Sha::of(&[bytes, columns.join(" ").as_bytes()].concat())
}

pub(crate) fn read_columns(columns: &[ReadColumn]) -> Vec<ColumnRead> {
    let read = |read: &ReadColumn| {
        let (letters, header) = (letters(read.at), read.header.clone());
        ColumnRead { letters, header, nth: read.nth, column: read.column }
    };
    columns.iter().map(read).collect()
}

/// A column's letters: A to Z, then AA.
fn letters(at: u32) -> String {
    let letter = |of: u32| char::from_u32(u32::from('A').saturating_add(of % 26)).unwrap_or_default();
    if at < 26 { letter(at).to_string() } else { format!("{}{}", letter((at / 26).saturating_sub(1)), letter(at)) }
}

/// How a dry run ends: always without a commit.
enum DryRun<T> {
    Done(T),
    Failed(Failure),
}

impl<T> From<StoreFault> for DryRun<T> {
    fn from(fault: StoreFault) -> Self {
        Self::Failed(fault.into())
    }
}

fn report_of(roster: &Roster, rules: &Rules) -> ImportReport {
    let small = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    ImportReport {
        written: false,
        already_imported: false,
        format: roster.format.into(),
        encoding: roster.encoding.map(Into::into),
        sheet: roster.sheet.clone(),
        other_sheets: roster.other_sheets.clone(),
        columns: read_columns(&roster.columns),
        as_of: roster.as_of,
        figures: Figures {
            borrowers: small(roster.totals.borrowers),
            contracts: small(roster.totals.contracts),
            principal_due: roster.totals.principal_due,
            interest_due: roster.totals.interest_due,
            penalty_due: roster.totals.penalty_due,
            total_due: roster.totals.total_due,
        },
        new_households: 0,
        changed_households: 0,
        gone_households: 0,
        changes: Vec::new(),
        proposal: None,
        state: None,
        rejected: roster
            .rejected
            .iter()
            .map(|rejected| RejectedRow {
                sheet_row: rejected.sheet_row,
                column: Some(rejected.column.title_zh().to_owned()),
                reason: rejected.sentence_zh(),
            })
            .collect(),
        warnings: roster
            .warnings
            .iter()
            .map(|warning| RejectedRow { sheet_row: warning.sheet_row, column: None, reason: warning.sentence_zh() })
            .collect(),
        footer_total: roster.footer.and_then(|footer| footer.stated.total),
        footer_agrees: roster.footer.map(|footer| footer.agrees),
        estimate: estimated(roster, rules),
    }
}

/// Rows of a difference that are shown.
const MOST_DIFFERENT: usize = 200;

/// Holds the list's interest against our own estimate, where the list says enough for one.
fn estimated(roster: &Roster, rules: &Rules) -> EstimateCheck {
    let ours = |household: &RosterHousehold, contract: &RosterContract| -> Option<Fen> {
        let grad_year = household.grad_year?;
        if is_waived(&rules.waivers, contract.due_on, grad_year) {
            return Some(Fen::ZERO);
        }
        let (principal, rate_ppm) = (contract.principal_left?, contract.rate_ppm?);
        let subsidy_end = usual_subsidy_end(grad_year)?;
        Terms { principal, rate_ppm, subsidy_end, due_on: contract.due_on }.interest().ok()
    };
    let mut check = EstimateCheck { compared: 0, differ: 0, rows: Vec::new(), other_rate: 0, above_cap: 0 };
    let began = |contract: &RosterContract| contract.academic_year.as_deref()?.get(..4)?.parse::<i32>().ok();
    for household in &roster.households {
        for contract in &household.contracts {
            let usual = expected_rate(&rules.lpr, &rules.spreads, contract.due_on);
            let other = contract.rate_ppm.zip(usual).is_some_and(|(rate, usual)| rate != usual);
            check.other_rate = check.other_rate.saturating_add(u32::from(other));
            let most = began(contract).and_then(|year| rules.caps.most(year));
            let above = contract.principal_orig.zip(most).is_some_and(|(signed, most)| signed > most);
            check.above_cap = check.above_cap.saturating_add(u32::from(above));
            let Some(estimated) = ours(household, contract) else { continue };
            check.compared = check.compared.saturating_add(1);
            if compare(contract.interest_due, estimated) != Standing::Agrees {
                check.differ = check.differ.saturating_add(1);
                if check.rows.len() < MOST_DIFFERENT {
                    let (sheet_row, listed) = (contract.sheet_row, contract.interest_due);
                    check.rows.push(EstimateRow { sheet_row, listed, estimated });
                }
            }
        }
    }
    check.rows.sort_by_key(|row| row.sheet_row);
    check
}

/// What the list says of one family.
struct ListFacts {
    listed: HouseholdListed,
    placed: Placed,
    due: DueListed,
    identified: Identified,
}

fn facts_of(
    household: &RosterHousehold,
    batch: &str,
    as_of: chrono::NaiveDate,
    county: &domain::place::PlaceCode,
) -> ListFacts {
    let co = household.co_borrowers.first();
    let mut phones: Vec<ListedPhone> = Vec::new();
    let own = household.phones.iter().map(|finding| (finding, None));
    let theirs = household.co_borrowers.iter().flat_map(|co| {
        // Never without a word whose it is: it would be taken for the borrower's own.
        let whose = co.relation.clone().or_else(|| Some("共同借款人".to_owned()));
        co.phones.iter().map(move |finding| (finding, whose.clone()))
    });
    for (finding, relation) in own.chain(theirs) {
        let Some(number) = &finding.number else { continue };
        if phones.iter().all(|phone| phone.number != *number) {
            phones.push(ListedPhone { number: number.clone(), relation: finding.relation.clone().or(relation) });
        }
    }
    let name = &household.borrower;
    let accounts: Vec<String> =
        household.contracts.iter().map(|contract| contract.repay_account.clone().unwrap_or_default()).collect();
    let mut hints: BTreeSet<String> =
        accounts.iter().filter(|account| !account.is_empty()).map(|account| mask_account(account)).collect();
    ListFacts {
        listed: HouseholdListed {
            borrower: name.name_true.clone(),
            borrower_as_bank: (name.name_as_bank != name.name_true).then(|| name.name_as_bank.clone()),
            id_tail: household.id.tail(),
            co_borrower: co.map(|co| co.name.name_true.clone()).filter(|name| !name.is_empty()),
            relation: co.and_then(|co| co.relation.clone()),
            address: household.address_raw.clone(),
            grad_year: household.grad_year,
            phones,
        },
        placed: Placed { place: household.place.code().unwrap_or(county).clone() },
        due: DueListed {
            batch: batch.to_owned(),
            as_of,
            contracts: household
                .contracts
                .iter()
                .map(|contract| Contract {
                    contract_no: contract.contract_no.clone(),
                    academic_year: contract.academic_year.clone().unwrap_or_default(),
                    principal_due: contract.principal_due,
                    interest_due: contract.interest_due,
                    penalty_due: contract.penalty_due,
                    total_due: contract.total_due,
                    principal_left: contract.principal_left.unwrap_or_default(),
                    due_on: contract.due_on,
                    maturity_on: contract.maturity_on,
                    rate_ppm: contract.rate_ppm.unwrap_or(0),
                    status: contract.status.clone().unwrap_or_default(),
                })
                .collect(),
            // Several accounts cannot be told apart under their masks: then the letter says nothing of them.
            account_hint: if hints.len() == 1 { hints.pop_first() } else { None },
        },
        identified: Identified {
            borrower_id: household.id.expose().to_owned(),
            co_borrower_id: co.and_then(|co| co.id.as_ref()).map(|id| id.expose().to_owned()),
            accounts,
        },
    }
}

/// Lines of the bank's on contracts that no list had before go to the families that have them now.
fn find_owners(pen: &mut Pen<'_>, contracts: &BTreeMap<String, FileId>) -> Result<(), Failure> {
    for (id, body) in pen.standing(FileId::county())?.told {
        let Ok(told) = serde_json::from_slice::<BankTold>(&body) else { continue };
        let (found, left): (Vec<FeedLine>, Vec<FeedLine>) =
            told.lines.into_iter().partition(|line| contracts.contains_key(&line.contract_no));
        if found.is_empty() {
            continue;
        }
        let mut families: BTreeMap<FileId, Vec<FeedLine>> = BTreeMap::new();
        for line in found {
            if let Some(file) = contracts.get(&line.contract_no) {
                families.entry(*file).or_default().push(line);
            }
        }
        for (file, mut lines) in families {
            // What the same feed said of the family's other contracts stays beside it.
            let mut replaces = Vec::new();
            for (before, body) in pen.standing(file)?.told {
                if let Ok(known) = serde_json::from_slice::<BankTold>(&body)
                    && known.batch == told.batch
                {
                    lines.splice(0..0, known.lines);
                    replaces.push(before);
                }
            }
            let event = Event::BankTold(BankTold { batch: told.batch.clone(), whole: told.whole, lines });
            pen.record(file, Section::Core, &event, replaces)?;
        }
        let rest = Event::BankTold(BankTold { batch: told.batch, whole: told.whole, lines: left });
        pen.record(FileId::county(), Section::Id, &rest, vec![id])?;
    }
    Ok(())
}

/// Of a family that the list only adds to: the contracts that stand and are not in it, each with its account.
fn add_standing(facts: &mut ListFacts, standing: &store::StandingFacts) {
    let due: Option<DueListed> = standing.due.last().and_then(|(_, body)| serde_json::from_slice(body).ok());
    let known: Option<Identified> = standing.identified.last().and_then(|(_, body)| serde_json::from_slice(body).ok());
    let listed: Option<HouseholdListed> =
        standing.listed.last().and_then(|(_, body)| serde_json::from_slice(body).ok());
    // What the rows of the supplement do not say stays as it was said.
    if let Some(before) = listed {
        for phone in before.phones {
            if facts.listed.phones.iter().all(|known| known.number != phone.number) {
                facts.listed.phones.push(phone);
            }
        }
        if facts.listed.co_borrower.is_none() {
            facts.listed.co_borrower = before.co_borrower;
            facts.listed.relation = before.relation;
        }
        facts.listed.grad_year = facts.listed.grad_year.or(before.grad_year);
    }
    if facts.identified.co_borrower_id.is_none() {
        facts.identified.co_borrower_id = known.as_ref().and_then(|known| known.co_borrower_id.clone());
    }
    let (mut contracts, mut accounts) = (Vec::new(), Vec::new());
    // Letters say of when the amounts are: of the oldest among them.
    let older = due.as_ref().map(|due| due.as_of);
    for (at, contract) in due.into_iter().flat_map(|due| due.contracts).enumerate() {
        if facts.due.contracts.iter().all(|new| new.contract_no != contract.contract_no) {
            let account = known.as_ref().and_then(|known| known.accounts.get(at)).cloned().unwrap_or_default();
            contracts.push(contract);
            accounts.push(account);
        }
    }
    if let Some(older) = older.filter(|_| !contracts.is_empty()) {
        facts.due.as_of = facts.due.as_of.min(older);
    }
    contracts.append(&mut facts.due.contracts);
    accounts.append(&mut facts.identified.accounts);
    let all: BTreeSet<String> = accounts.iter().filter(|one| !one.is_empty()).map(|one| mask_account(one)).collect();
    facts.due.account_hint = if all.len() == 1 { all.into_iter().next() } else { None };
    facts.due.contracts = contracts;
    facts.identified.accounts = accounts;
}

/// What of a family's list facts says something new.
struct News {
    /// Who it is, where it belongs, or its numbers.
    words: bool,
    /// What is due, apart from the batch's name and day.
    due: bool,
}

/// Writes those of a family's list facts that say something new.
fn renew(pen: &mut Pen<'_>, file: FileId, facts: &ListFacts) -> Result<News, Failure> {
    let standing = pen.standing(file)?;
    let mut words = false;
    let same = |old: &[(FactId, Vec<u8>)], event: &Event| -> Result<bool, Failure> {
        let body = event.body().map_err(StoreFault::from)?;
        Ok(matches!(old, [(_, one)] if *one == body))
    };
    let ids = |old: &[(FactId, Vec<u8>)]| old.iter().map(|(id, _)| *id).collect::<Vec<_>>();
    let events = [
        (Event::Placed(facts.placed.clone()), Section::Core, &standing.placed),
        (Event::HouseholdListed(facts.listed.clone()), Section::Core, &standing.listed),
        (Event::Identified(facts.identified.clone()), Section::Id, &standing.identified),
    ];
    for (event, section, old) in events {
        if !same(old, &event)? {
            pen.record(file, section, &event, ids(old))?;
            words = true;
        }
    }
    // A newer data date is news even where the figures are the same: letters print it.
    let due_before: Option<DueListed> = standing.due.last().and_then(|(_, body)| serde_json::from_slice(body).ok());
    let due = due_before.is_none_or(|before| before.contracts != facts.due.contracts);
    pen.record(file, Section::Core, &Event::DueListed(facts.due.clone()), ids(&standing.due))?;
    Ok(News { words, due })
}

#[cfg(test)]
mod tests {
    use domain::place::PlaceTable;
    use foreign::Reader;

    use super::*;
    use crate::roster::Wish;

    #[test]
    fn the_banks_interest_is_what_we_reckon_and_what_is_not_is_listed() {
        let places = PlaceTable::from_csv(
            include_str!("../../../assets/places/lushan-410423.csv"),
            include_str!("../../../assets/places/lushan-410423-old-names.csv"),
        );
        let list = include_bytes!("../../../assets/demo/roster-2026-12-05.xlsx");
        let places = places.expect("the table");
        let rules = Rules::of(|table| table.built_in().to_owned()).expect("the tables of the program");
        let mut roster = roster::read(&Reader::unconfined(), list, &places, &Wish::default()).expect("the list");
        let check = estimated(&roster, &rules);
        assert_eq!((check.compared, check.differ, check.rows.len()), (9_405, 0, 0));
        let spoil = |contract: &mut RosterContract, by: i64| {
            contract.interest_due = Fen::new(contract.interest_due.get().saturating_add(by));
            (contract.sheet_row, contract.interest_due)
        };
        let mut contracts = roster.households.iter_mut().flat_map(|household| &mut household.contracts);
        let first = spoil(contracts.next().expect("a contract"), 7);
        let second = spoil(contracts.next().expect("a contract"), -7);
        contracts.next().expect("a contract").rate_ppm = None;
        let check = estimated(&roster, &rules);
        assert_eq!((check.compared, check.differ), (9_404, 2));
        let listed: Vec<(u32, Fen)> = check.rows.iter().map(|row| (row.sheet_row, row.listed)).collect();
        assert_eq!(listed, [first, second]);
        // A year of a waiver, in which the list has it built in.
        for contract in roster.households.iter_mut().flat_map(|household| &mut household.contracts) {
            contract.due_on = chrono::NaiveDate::from_ymd_opt(2025, 12, 20).expect("a day");
            contract.interest_due = Fen::ZERO;
        }
        for household in &mut roster.households {
            household.grad_year = household.grad_year.map(|year| year.min(2025));
        }
        assert_eq!(estimated(&roster, &rules).differ, 0);
    }
}

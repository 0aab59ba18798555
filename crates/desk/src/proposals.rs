//! Imports by two persons. The operator's desk tries a file and proposes what it would change; the head decides on another laptop;
//! then the operator's desk loads just that file, whose bytes it kept. A whole import can be taken back, in the same way. Nothing
//! is loaded without the word of somebody else than who proposed it.

use std::collections::{BTreeMap, BTreeSet};

use domain::event::Event;
use domain::fact::Fact;
use domain::feed::{BankTold, FeedImported};
use domain::household::DueListed;
use domain::ids::{FactId, FileId, Sha};
use domain::money::Fen;
use domain::org::DueListImported;
use domain::place::PlaceCode;
use domain::proposal::{ImportDecided, ImportLoaded, ImportProposed, TownshipChange};
use domain::words::{ProposalState, ProposedKind, Role, Section};
use serde::{Deserialize, Serialize};
use store::{Family, Pen, Said, Store, StoreFault};

use crate::Desk;
use crate::api::{
    ChangeKind, DecideImport, FamilyChange, LoadImport, LoadedView, Nothing, ProposalRow, ProposalsView, Saved,
    TextEncoding, TownshipRow, UndoImport,
};
use crate::contacts::tidy;
use crate::failure::{Code, Failure};
use crate::feeds::tell;
use crate::roster::{Chosen, Wish};

/// Where is kept how the files that wait here are to be understood.
const KEPT: &str = "kept_imports";
/// Families of each kind of a difference that are shown.
const MOST_SHOWN: usize = 200;
/// Characters of a reason.
const MOST_REASON: usize = 200;

/// A file on its way in, and how it is to be understood.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Asking {
    /// What it is.
    pub(crate) kind: ProposedKind,
    /// The file's name.
    pub(crate) name: String,
    /// The data date of rows that state none.
    pub(crate) as_of: Option<chrono::NaiveDate>,
    /// How a text's bytes mean characters.
    pub(crate) encoding: Option<TextEncoding>,
    /// What headers mean.
    pub(crate) columns: Vec<Chosen>,
}

impl Asking {
    /// As a reader wants it.
    pub(crate) fn wish(&self) -> Wish {
        Wish { as_of: self.as_of, encoding: self.encoding.map(Into::into), columns: self.columns.clone() }
    }

    /// The same for the same file, understood in the same way.
    pub(crate) fn sha(&self, bytes: &[u8]) -> Sha {
        let how = format!("{} {:?} {:?} {:?}", self.kind.code(), self.as_of, self.encoding, self.columns);
        Sha::of(&[Sha::of(bytes).0.as_slice(), how.as_bytes()].concat())
    }
}

/// A file that waits here for the head's word.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Kept {
    asked: Sha,
    bytes: Sha,
    how: Asking,
}

/// What is to be done with a file now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stage {
    /// Only to be tried.
    Try,
    /// To be proposed.
    Propose,
    /// It is proposed and waits.
    Waits(FactId),
    /// The head agreed: to be loaded.
    Load(FactId),
}

/// A proposal with all that became of it.
#[derive(Debug, Clone)]
pub(crate) struct Known {
    pub(crate) said: Said,
    pub(crate) proposed: ImportProposed,
    pub(crate) state: ProposalState,
    decided: Option<(Said, ImportDecided)>,
    /// The fact with which its loading began.
    loaded: Option<Said>,
}

/// What becomes of one family.
#[derive(Debug, Clone)]
pub(crate) struct Change {
    pub(crate) file: FileId,
    pub(crate) kind: ChangeKind,
    pub(crate) borrower: String,
    pub(crate) place: PlaceCode,
    pub(crate) after: Fen,
    /// Besides what is due: place, person, numbers.
    pub(crate) words: bool,
}

/// What a change of many families comes to, as it is proposed.
#[derive(Debug, Clone, Default)]
pub(crate) struct Sum {
    pub(crate) new: u32,
    pub(crate) changed: u32,
    pub(crate) gone: u32,
    pub(crate) before: Fen,
    pub(crate) after: Fen,
    pub(crate) townships: Vec<TownshipChange>,
}

fn township(place: &PlaceCode) -> PlaceCode {
    place.as_str().get(..9).and_then(|code| code.parse().ok()).unwrap_or_else(|| place.clone())
}

/// Sums the changes up against the families that stand.
pub(crate) fn sum_of(before: &BTreeMap<FileId, Family>, changes: &[Change]) -> Sum {
    let mut sum = Sum::default();
    let mut of: BTreeMap<PlaceCode, [(i64, u32); 2]> = BTreeMap::new();
    let mut add = |place: &PlaceCode, at: usize, due: Fen| {
        let row = of.entry(township(place)).or_default();
        if let Some((total, families)) = row.get_mut(at) {
            *total = total.saturating_add(due.get());
            *families = families.saturating_add(u32::from(due.get() > 0));
        }
    };
    let changed: BTreeMap<FileId, &Change> = changes.iter().map(|change| (change.file, change)).collect();
    for (file, family) in before {
        add(&family.place, 0, family.total_due);
        if !changed.contains_key(file) {
            add(&family.place, 1, family.total_due);
        }
    }
    for change in changed.values() {
        add(&change.place, 1, change.after);
        let count = match change.kind {
            ChangeKind::New => &mut sum.new,
            ChangeKind::Changed => &mut sum.changed,
            ChangeKind::Gone => &mut sum.gone,
        };
        *count = count.saturating_add(1);
    }
    let total = |at: usize| {
        Fen::new(of.values().filter_map(|row| row.get(at)).fold(0, |all, (due, _)| all.saturating_add(*due)))
    };
    (sum.before, sum.after) = (total(0), total(1));
    sum.townships = of
        .into_iter()
        .filter(|(_, [before, after])| before != after)
        .map(|(place, [before, after])| TownshipChange {
            place,
            families: (before.1, after.1),
            due: (Fen::new(before.0), Fen::new(after.0)),
        })
        .collect();
    sum
}

/// The changes as a list, the largest amounts first within each kind.
pub(crate) fn shown(
    before: &BTreeMap<FileId, Family>,
    changes: &[Change],
    names: &BTreeMap<String, String>,
) -> Vec<FamilyChange> {
    let mut rows: Vec<FamilyChange> = changes
        .iter()
        .map(|change| FamilyChange {
            household: change.file,
            kind: change.kind,
            borrower: change.borrower.clone(),
            village: names.get(change.place.as_str()).cloned().unwrap_or_default(),
            before: before.get(&change.file).map_or(Fen::ZERO, |family| family.total_due),
            after: change.after,
            details: change.words,
        })
        .collect();
    let by = |row: &FamilyChange| std::cmp::Reverse(row.after.get().saturating_sub(row.before.get()).unsigned_abs());
    rows.sort_by(|a, b| (a.kind, by(a), &a.borrower, a.household).cmp(&(b.kind, by(b), &b.borrower, b.household)));
    // Of each kind some: a first list would leave no room for who is gone.
    let mut left: BTreeMap<ChangeKind, usize> = BTreeMap::new();
    rows.retain(|row| {
        let count = left.entry(row.kind).or_default();
        *count = count.saturating_add(1);
        *count <= MOST_SHOWN
    });
    rows
}

/// The families of this desk.
pub(crate) fn families(store: &Store) -> Result<BTreeMap<FileId, Family>, Failure> {
    Ok(store.families(None)?.into_iter().map(|family| (family.file, family)).collect())
}

/// All proposals, oldest first.
pub(crate) fn known(store: &Store) -> Result<Vec<Known>, Failure> {
    let decided = store.county_facts::<ImportDecided>("ImportDecided")?;
    let loaded = store.county_facts::<ImportLoaded>("ImportLoaded")?;
    let undone: BTreeSet<FactId> = loaded.iter().filter_map(|(_, loaded)| loaded.undoes).collect();
    let mut out = Vec::new();
    for (said, proposed) in store.county_facts::<ImportProposed>("ImportProposed")? {
        // Never by who proposed it, whatever that person's office was later.
        let decided = decided.iter().rfind(|(by, word)| word.proposal == said.id && by.author != said.author).cloned();
        let loaded = loaded.iter().find(|(_, loaded)| loaded.proposal == said.id).map(|(said, _)| said.clone());
        let state = match (&loaded, &decided) {
            (Some(first), _) if undone.contains(&first.id) => ProposalState::Undone,
            (Some(_), _) => ProposalState::Loaded,
            (None, Some((_, word))) if word.accepted => ProposalState::Accepted,
            (None, Some(_)) => ProposalState::Refused,
            (None, None) => ProposalState::Waiting,
        };
        out.push(Known { said, proposed, state, decided, loaded });
    }
    Ok(out)
}

/// What is to be done with a file that is asked for in this way.
pub(crate) fn stage(store: &Store, asked: Sha, dry_run: bool) -> Result<Stage, Failure> {
    if dry_run {
        return Ok(Stage::Try);
    }
    let last = known(store)?.into_iter().rfind(|known| known.proposed.asked == asked);
    Ok(match last {
        Some(Known { said, state: ProposalState::Waiting, .. }) => Stage::Waits(said.id),
        Some(Known { said, state: ProposalState::Accepted, .. }) => Stage::Load(said.id),
        _ => Stage::Propose,
    })
}

/// Begins the loading of a proposal.
pub(crate) fn begin(pen: &mut Pen<'_>, stage: Stage) -> Result<(), Failure> {
    if let Stage::Load(proposal) = stage {
        let loaded = Event::ImportLoaded(ImportLoaded { proposal, undoes: None });
        pen.record(FileId::county(), Section::Core, &loaded, Vec::new())?;
    }
    Ok(())
}

impl Desk {
    /// Puts a proposal down, and keeps the file for the day on which it may be loaded.
    pub(crate) fn propose(
        &self,
        store: &mut Store,
        proposed: ImportProposed,
        file: Option<(&[u8], Asking)>,
    ) -> Result<FactId, Failure> {
        if let Some((bytes, how)) = &file {
            let mut kept = keep_what_waits(store)?;
            kept.push(Kept { asked: proposed.asked, bytes: Sha::of(bytes), how: how.clone() });
            // First this: were the power cut between, the file is only asked for once more.
            store.set_meta(KEPT, &kept)?;
        }
        let (id, _) = self.write(store, |pen| {
            if let Some((bytes, _)) = &file {
                pen.keep_run("application/octet-stream", bytes)?;
            }
            Ok(pen.record(FileId::county(), Section::Id, &Event::ImportProposed(proposed), Vec::new())?)
        })?;
        Ok(id)
    }

    /// Proposals on which it is this person's turn.
    pub(crate) fn imports_open(&self, store: &Store) -> Result<u32, Failure> {
        let turn = match store.people()?.get(&self.identity.person).map(|given| given.role) {
            Some(Role::CentreHead) => ProposalState::Waiting,
            Some(Role::CentreOperator) => ProposalState::Accepted,
            _ => return Ok(0),
        };
        Ok(u32::try_from(known(store)?.iter().filter(|one| one.state == turn).count()).unwrap_or(u32::MAX))
    }

    pub(crate) fn proposals(&self, _: Nothing) -> Result<ProposalsView, Failure> {
        let store = self.store();
        self.may(&store, |role| role.sees_all() || role == Role::CentreOperator, "看导入的确认")?;
        let people = store.people()?;
        let names = self.place_names(&store)?;
        let kept: Vec<Kept> = store.meta(KEPT)?.unwrap_or_default();
        let known = known(&store)?;
        let last = newest_list(&store)?.map(|(said, _)| said.id);
        let mut rows = Vec::new();
        for one in known.iter().rev() {
            let here = kept.iter().any(|kept| kept.asked == one.proposed.asked);
            let asks_back = |other: &Known| {
                other.proposed.kind == ProposedKind::Undo
                    && other.proposed.asked == undo_of(one.said.id)
                    && matches!(other.state, ProposalState::Waiting | ProposalState::Accepted)
            };
            rows.push(ProposalRow {
                proposal: one.said.id,
                kind: one.proposed.kind,
                state: one.state,
                words: one.proposed.words.clone(),
                who: Self::name_of(&people, &one.said.author),
                at: one.said.at.rfc3339(),
                batch: one.proposed.batch.clone(),
                as_of: one.proposed.as_of,
                rows: one.proposed.rows,
                rejected: one.proposed.rejected,
                warned: one.proposed.warned,
                new_households: one.proposed.new,
                changed_households: one.proposed.changed,
                gone_households: one.proposed.gone,
                total: one.proposed.total,
                before: one.proposed.before,
                after: one.proposed.after,
                townships: one
                    .proposed
                    .townships
                    .iter()
                    .map(|row| TownshipRow {
                        place: row.place.clone(),
                        name: names.get(row.place.as_str()).cloned().unwrap_or_default(),
                        families_before: row.families.0,
                        families_after: row.families.1,
                        before: row.due.0,
                        after: row.due.1,
                    })
                    .collect(),
                decided_by: one.decided.as_ref().map(|(said, _)| Self::name_of(&people, &said.author)),
                reason: one.decided.as_ref().map(|(_, word)| word.reason.clone()).filter(|reason| !reason.is_empty()),
                // What is to be taken back needs no file.
                file_here: here || one.proposed.kind == ProposedKind::Undo,
                can_undo: one.state == ProposalState::Loaded
                    && !known.iter().any(asks_back)
                    && match one.proposed.kind {
                        ProposedKind::Undo => false,
                        ProposedKind::Feed | ProposedKind::Snapshot => true,
                        ProposedKind::DueList | ProposedKind::Supplement => {
                            list_of(&store, one)?.is_some_and(|(said, _)| Some(said.id) == last)
                        }
                    },
            });
        }
        Ok(ProposalsView { rows })
    }

    pub(crate) fn decide_import(&self, with: DecideImport) -> Result<Saved, Failure> {
        let mut store = self.store();
        self.may(&store, |role| role == Role::CentreHead, "确认导入")?;
        let reason = tidy(with.reason.as_deref(), MOST_REASON, "reason")?.unwrap_or_default();
        if !with.accept && reason.is_empty() {
            let problem = "不同意的，请写明为什么";
            return Err(Failure::new(Code::BadInput, &[("problem", problem)]).at("reason"));
        }
        let one = this(&store, with.proposal)?;
        if one.said.author == self.identity.person {
            return Err(Failure::new(Code::OwnProposal, &[]).at("proposal"));
        }
        if matches!(one.state, ProposalState::Loaded | ProposalState::Undone) {
            return Err(Failure::new(Code::ProposalSettled, &[("state", one.state.zh())]).at("proposal"));
        }
        let standing = store.county_facts::<ImportDecided>("ImportDecided")?;
        let replaces =
            standing.into_iter().filter(|(_, word)| word.proposal == with.proposal).map(|(said, _)| said.id).collect();
        let word = ImportDecided { proposal: with.proposal, accepted: with.accept, reason };
        self.write_one(&mut store, FileId::county(), &Event::ImportDecided(word), replaces)
    }

    pub(crate) fn load_import(&self, with: LoadImport) -> Result<LoadedView, Failure> {
        let (one, kept) = {
            let store = self.store();
            self.may(&store, |role| role == Role::CentreOperator, "载入")?;
            let one = this(&store, with.proposal)?;
            if one.state != ProposalState::Accepted {
                return Err(Failure::new(Code::ProposalNotAccepted, &[("state", one.state.zh())]).at("proposal"));
            }
            let kept: Vec<Kept> = store.meta(KEPT)?.unwrap_or_default();
            (one, kept)
        };
        let mut out = LoadedView { list: None, feed: None, undone_households: 0 };
        if one.proposed.kind == ProposedKind::Undo {
            out.undone_households = self.undo(&one)?;
        } else {
            let not_here = || Failure::new(Code::ImportNotKept, &[("file", &one.proposed.words)]).at("proposal");
            let kept = kept.into_iter().find(|kept| kept.asked == one.proposed.asked).ok_or_else(not_here)?;
            let blob = self.store().blob(kept.bytes)?.ok_or_else(not_here)?;
            match one.proposed.kind {
                ProposedKind::Feed | ProposedKind::Snapshot => {
                    out.feed = Some(self.feed(
                        &blob.bytes,
                        &kept.how,
                        Some(kept.how.kind == ProposedKind::Snapshot),
                        false,
                    )?);
                }
                ProposedKind::DueList | ProposedKind::Supplement | ProposedKind::Undo => {
                    out.list = Some(self.due_list(&blob.bytes, &kept.how, false)?);
                }
            }
        }
        self.forget_what_was_loaded()?;
        Ok(out)
    }

    /// Files that nobody waits for any more need not lie here.
    pub(crate) fn forget_what_was_loaded(&self) -> Result<(), Failure> {
        let mut store = self.store();
        let kept = keep_what_waits(&mut store)?;
        Ok(store.set_meta(KEPT, &kept)?)
    }

    pub(crate) fn undo_import(&self, with: UndoImport) -> Result<Saved, Failure> {
        let mut store = self.store();
        self.may(&store, |role| role == Role::CentreOperator, "撤销导入")?;
        let reason = tidy(Some(&with.reason), MOST_REASON, "reason")?.unwrap_or_default();
        if reason.is_empty() {
            return Err(Failure::new(Code::BadInput, &[("problem", "请写明为什么撤销")]).at("reason"));
        }
        let one = this(&store, with.proposal)?;
        let asked = undo_of(one.said.id);
        if let Stage::Waits(id) | Stage::Load(id) = stage(&store, asked, false)? {
            return Ok(Saved { facts: vec![id], remarks: Vec::new() });
        }
        let before = families(&store)?;
        let plan = plan(&store, &one)?;
        let (rows, changes) = self.tried(&mut store, |pen| take_back(pen, &plan, &before))?;
        let sum = sum_of(&before, &changes);
        let proposed = ImportProposed {
            kind: ProposedKind::Undo,
            batch: one.proposed.batch.clone(),
            asked,
            as_of: one.proposed.as_of,
            words: reason,
            rows,
            rejected: 0,
            warned: 0,
            new: sum.new,
            changed: sum.changed,
            gone: sum.gone,
            total: one.proposed.total,
            before: sum.before,
            after: sum.after,
            townships: sum.townships,
        };
        let id = self.propose(&mut store, proposed, None)?;
        Ok(Saved { facts: vec![id], remarks: Vec::new() })
    }

    /// Takes a whole import back, under the head's word. Returns in how many files something was.
    fn undo(&self, undo: &Known) -> Result<u32, Failure> {
        let mut store = self.store();
        let one = known(&store)?.into_iter().find(|known| undo_of(known.said.id) == undo.proposed.asked);
        let one = one.ok_or_else(|| Failure::new(Code::NoSuchProposal, &[]).at("proposal"))?;
        let before = families(&store)?;
        let plan = plan(&store, &one)?;
        let ((count, _), _) = self.write(&mut store, |pen| {
            let done = take_back(pen, &plan, &before)?;
            let loaded = Event::ImportLoaded(ImportLoaded { proposal: undo.said.id, undoes: Some(plan.first) });
            pen.record(FileId::county(), Section::Core, &loaded, plan.imported)?;
            Ok(done)
        })?;
        Ok(count)
    }
}

/// What has to be done to take an import back.
struct Plan {
    feed: bool,
    batch: String,
    /// The fact with which its loading began.
    first: FactId,
    /// The fact with which it ended.
    last: FactId,
    /// The facts that say that it was imported.
    imported: Vec<FactId>,
    /// Of a feed, the families that it says something of.
    files: Vec<FileId>,
}

fn plan(store: &Store, one: &Known) -> Result<Plan, Failure> {
    let (ProposalState::Loaded, Some(loaded)) = (one.state, &one.loaded) else {
        return Err(Failure::new(Code::ProposalSettled, &[("state", one.state.zh())]).at("proposal"));
    };
    let batch = one.proposed.batch.clone();
    let (feed, first) = (matches!(one.proposed.kind, ProposedKind::Feed | ProposedKind::Snapshot), loaded.id);
    match one.proposed.kind {
        ProposedKind::Undo => {
            let problem = "撤销不能再撤销；请把原来的文件重新导入";
            Err(Failure::new(Code::BadInput, &[("problem", problem)]).at("proposal"))
        }
        ProposedKind::Feed | ProposedKind::Snapshot => {
            let imports = store.county_facts::<FeedImported>("FeedImported")?;
            let imported = imports.into_iter().filter(|(_, one)| one.batch == batch).map(|(said, _)| said.id).collect();
            let told = |told: &BankTold| told.batch == batch;
            let accounts = store.bank_accounts()?.into_iter();
            let files = accounts.filter(|(_, (_, lines))| lines.iter().any(told)).map(|(file, _)| file).collect();
            Ok(Plan { feed, batch, first, last: first, imported, files })
        }
        ProposedKind::DueList | ProposedKind::Supplement => {
            let newest = newest_list(store)?.map(|(said, _)| said.id);
            match list_of(store, one)? {
                Some((said, _)) if Some(said.id) == newest => {
                    Ok(Plan { feed, batch, first, last: said.id, imported: vec![said.id], files: Vec::new() })
                }
                _ => Err(Failure::new(Code::UndoNewestFirst, &[]).at("proposal")),
            }
        }
    }
}

/// Puts every register that an import wrote, and nobody since, back to what it said before. Returns in how many files, and what
/// becomes of the families.
fn take_back(pen: &mut Pen<'_>, plan: &Plan, before: &BTreeMap<FileId, Family>) -> Result<(u32, Vec<Change>), Failure> {
    let mut count = 0_u32;
    if plan.feed {
        for (file, section) in
            plan.files.iter().map(|file| (*file, Section::Core)).chain([(FileId::county(), Section::Id)])
        {
            let told = tell(pen, file, section, &[], &plan.batch)?;
            count = count.saturating_add(u32::from(told && file != FileId::county()));
        }
        return Ok((count, Vec::new()));
    }
    let mut of: BTreeMap<FileId, Vec<Fact>> = BTreeMap::new();
    for fact in pen.facts_between(plan.first, plan.last)? {
        of.entry(fact.file).or_default().push(fact);
    }
    let mut changes = Vec::new();
    for (file, facts) in of {
        let standing = pen.standing(file)?;
        let family = before.get(&file);
        let due_before = family.map_or(Fen::ZERO, |family| family.total_due);
        let (mut after, mut words, mut any) = (due_before, false, false);
        let (mut borrower, mut place) = family.map(|family| (family.borrower.clone(), family.place.clone())).unzip();
        for fact in facts {
            let slot = match fact.kind.as_str() {
                "HouseholdListed" => &standing.listed,
                "Placed" => &standing.placed,
                "DueListed" => &standing.due,
                "BankTold" => &standing.told,
                "Identified" => &standing.identified,
                _ => continue,
            };
            if !slot.iter().any(|(id, _)| *id == fact.id) {
                continue;
            }
            let former = pen.facts(&fact.replaces)?.into_iter().rfind(|former| former.kind == fact.kind);
            let event = match former {
                Some(former) => Event::read(&former.kind, &former.body).map_err(StoreFault::from)?,
                None => nothing_instead(&fact)?,
            };
            let Some(event) = event else { continue };
            if let Event::DueListed(due) = &event {
                after = Fen::new(due.contracts.iter().fold(0, |sum, one| sum.saturating_add(one.total_due.get())));
            } else {
                words = true;
            }
            if let Event::HouseholdListed(listed) = &event {
                borrower = Some(listed.borrower.clone());
            }
            if let Event::Placed(placed) = &event {
                place = Some(placed.place.clone());
            }
            pen.record(file, fact.section, &event, vec![fact.id])?;
            any = true;
        }
        if !any {
            continue;
        }
        count = count.saturating_add(u32::from(file != FileId::county()));
        if let (Some(borrower), Some(place)) = (borrower, place)
            && (words || after != due_before)
        {
            let kind = match (due_before == Fen::ZERO, after == Fen::ZERO) {
                (true, false) => ChangeKind::New,
                (false, true) => ChangeKind::Gone,
                _ => ChangeKind::Changed,
            };
            changes.push(Change { file, kind, borrower, place, after, words });
        }
    }
    Ok((count, changes))
}

/// What stands in a register that said nothing before: who a family is and where it belongs stays known, what it owes does not.
fn nothing_instead(fact: &Fact) -> Result<Option<Event>, Failure> {
    let event = Event::read(&fact.kind, &fact.body).map_err(StoreFault::from)?;
    if let Some(Event::DueListed(DueListed { batch, as_of, .. })) = event {
        return Ok(Some(Event::DueListed(DueListed { batch, as_of, contracts: Vec::new(), account_hint: None })));
    }
    if let Some(Event::BankTold(BankTold { batch, .. })) = event {
        return Ok(Some(Event::BankTold(BankTold { batch, whole: false, lines: Vec::new() })));
    }
    Ok(None)
}

/// The newest list or supplement in use.
fn newest_list(store: &Store) -> Result<Option<(Said, DueListImported)>, Failure> {
    Ok(store.county_facts::<DueListImported>("DueListImported")?.into_iter().next_back())
}

/// With which fact the loading of a list ended.
fn list_of(store: &Store, one: &Known) -> Result<Option<(Said, DueListImported)>, Failure> {
    let Some(first) = one.loaded.as_ref().map(|said| said.id) else { return Ok(None) };
    let ended = |(said, list): &(Said, DueListImported)| {
        said.id.journal == first.journal && said.id.seq > first.seq && list.batch == one.proposed.batch
    };
    Ok(store.county_facts::<DueListImported>("DueListImported")?.into_iter().find(ended))
}

/// What the taking back of a proposal is asked as: for each proposal one.
fn undo_of(proposal: FactId) -> Sha {
    Sha::of(format!("undo {proposal}").as_bytes())
}

fn this(store: &Store, proposal: FactId) -> Result<Known, Failure> {
    let found = known(store)?.into_iter().find(|known| known.said.id == proposal);
    found.ok_or_else(|| Failure::new(Code::NoSuchProposal, &[]).at("proposal"))
}

/// Forgets the bytes of files that wait for nobody any more. Returns what still waits.
fn keep_what_waits(store: &mut Store) -> Result<Vec<Kept>, Failure> {
    let kept: Vec<Kept> = store.meta(KEPT)?.unwrap_or_default();
    let waits = |asked: Sha| -> Result<bool, Failure> {
        Ok(known(store)?.iter().any(|one| {
            one.proposed.asked == asked && matches!(one.state, ProposalState::Waiting | ProposalState::Accepted)
        }))
    };
    let mut left = Vec::new();
    let mut gone = Vec::new();
    for one in kept {
        if waits(one.asked)? { left.push(one) } else { gone.push(one) }
    }
    for one in gone {
        if !left.iter().any(|kept| kept.bytes == one.bytes) {
            store.drop_local(one.bytes)?;
        }
    }
    Ok(left)
}

//! The rules of the field as tables: what is in use, a table's replacement by import, and estimates (试算) of one family by them. An
//! estimate is always labelled as one and never comes near a letter.

use chrono::Datelike as _;
use domain::estimate::{Standing, Terms, compare, is_waived, penalty, usual_subsidy_end};
use domain::event::Event;
use domain::feed::account_of;
use domain::ids::{FileId, Sha};
use domain::money::{Fen, interest};
use domain::rules::{Rules, RulesLoaded, cells, tidy};
use domain::words::{Role, RuleTable};
use store::Store;

use crate::Desk;
use crate::api::{
    EstimateAsked, EstimateView, EstimatedContract, ImportRules, Nothing, PrepaymentChance, RuleTableView, RulesReport,
    RulesView,
};
use crate::failure::{Code, Failure};
use crate::{bytes_of, roster};

/// Most bytes of a table.
const MOST_BYTES: u64 = 2 * 1024 * 1024;

/// The table in use: the county's, else the program's.
fn in_use(store: &Store, table: RuleTable) -> Result<Option<(store::Said, RulesLoaded)>, Failure> {
    Ok(store.county_facts::<RulesLoaded>("RulesLoaded")?.into_iter().rfind(|(_, loaded)| loaded.table == table))
}

/// All tables that estimates use. One that a newer version wrote and this one cannot read is taken from the program.
pub(crate) fn rules(store: &Store) -> Result<Rules, Failure> {
    let loaded = store.county_facts::<RulesLoaded>("RulesLoaded")?;
    let of = |table: RuleTable| {
        let own = loaded.iter().rfind(|(_, loaded)| loaded.table == table).map(|(_, loaded)| loaded.csv.clone());
        own.filter(|csv| tidy(table, &cells(csv)).is_ok()).unwrap_or_else(|| table.built_in().to_owned())
    };
    // Each was read before it was kept, and the program's own by a test.
    Rules::of(of).map_err(|why| Failure::new(Code::RulesUnreadable, &[("row", "1"), ("why", &why)]))
}

impl Desk {
    pub(crate) fn rules_view(&self, _: Nothing) -> Result<RulesView, Failure> {
        let store = self.store();
        let people = store.people()?;
        let mut tables = Vec::new();
        for table in RuleTable::ALL {
            let own = in_use(&store, *table)?;
            let csv = own.as_ref().map_or(table.built_in(), |(_, loaded)| loaded.csv.as_str());
            let mut rows = cells(csv);
            let columns = if rows.is_empty() { Vec::new() } else { rows.remove(0) };
            tables.push(RuleTableView {
                table: *table,
                columns,
                rows,
                name: own.as_ref().map(|(_, loaded)| loaded.name.clone()),
                who: own.as_ref().map(|(said, _)| Self::name_of(&people, &said.author)),
                at: own.as_ref().map(|(said, _)| said.at.rfc3339()),
            });
        }
        Ok(RulesView { tables })
    }

    pub(crate) fn import_rules(&self, with: ImportRules) -> Result<RulesReport, Failure> {
        self.may(&self.store(), |role| matches!(role, Role::CentreOperator | Role::CentreHead), "更新政策表")?;
        let (name, bytes) = bytes_of(&with.file, MOST_BYTES, "file")?;
        let read = roster::table(&self.reader, &bytes).map_err(|error| {
            Failure::new(Code::WorkbookUnreadable, &[("why", &error.sentence_zh()), ("columns", "")]).at("file")
        })?;
        // Empty rows above and between are no rows of the table; what is named is the sheet's own row.
        let numbers: Vec<u32> = read.iter().map(|(number, _)| *number).collect();
        let rows: Vec<Vec<String>> = read.into_iter().map(|(_, cells)| cells).collect();
        let csv = tidy(with.table, &rows).map_err(|fault| {
            let row = numbers.get(fault.row.saturating_sub(1)).copied().unwrap_or(1).to_string();
            Failure::new(Code::RulesUnreadable, &[("row", &row), ("why", &fault.zh)]).at("file")
        })?;
        let count = u32::try_from(cells(&csv).len().saturating_sub(1)).unwrap_or(u32::MAX);
        let mut store = self.store();
        let before = in_use(&store, with.table)?;
        let same = before.as_ref().map_or(with.table.built_in(), |(_, loaded)| loaded.csv.as_str()) == csv;
        let mut report = RulesReport { written: false, already_in_use: same, rows: count };
        if same || with.dry_run {
            return Ok(report);
        }
        let loaded = RulesLoaded { table: with.table, name, sha256: Sha::of(&bytes), csv };
        let replaces = before.into_iter().map(|(said, _)| said.id).collect();
        self.write_one(&mut store, FileId::county(), &Event::RulesLoaded(loaded), replaces)?;
        report.written = true;
        Ok(report)
    }

    /// What should fall due on a family's contracts by the rules, beside what the bank says; what is late so far; what paying early would
    /// save.
    pub(crate) fn estimate(&self, with: EstimateAsked) -> Result<EstimateView, Failure> {
        let store = self.store();
        self.family_here(&store, with.household)?;
        let today = self.present_of(&store)?.today;
        let rules = rules(&store)?;
        let registers = store.registers(with.household)?;
        let due = registers.due.filter(|due| !due.contracts.is_empty());
        let due = due.ok_or_else(|| Failure::new(Code::NothingDue, &[]))?;
        let told: Vec<_> = registers.told.into_iter().map(|(_, told)| told).collect();
        let grad_year = registers.listed.and_then(|listed| listed.grad_year);
        let chance = rules.prepayment.next(today);
        if let (Some(amount), Some(chance)) = (with.prepay, chance)
            && (amount < chance.least || amount.get() % chance.step.get() != 0)
        {
            let problem = format!("提前还款每次不少于{}元，按{}元的整数倍", chance.least.yuan(), chance.step.yuan());
            return Err(Failure::new(Code::BadInput, &[("problem", &problem)]).at("prepay"));
        }
        let mut contracts = Vec::new();
        for contract in &due.contracts {
            let ours = grad_year.and_then(|year| {
                if contract.rate_ppm == 0 || contract.principal_left.get() <= 0 {
                    return None;
                }
                if is_waived(&rules.waivers, contract.due_on, year) {
                    return Some(Fen::ZERO);
                }
                let terms = Terms {
                    principal: contract.principal_left,
                    rate_ppm: contract.rate_ppm,
                    subsidy_end: usual_subsidy_end(year)?,
                    due_on: contract.due_on,
                };
                terms.interest().ok()
            });
            let booked = account_of(&contract.contract_no, contract.due_on, &told).booked.get();
            let open = Fen::new(contract.total_due.get().saturating_sub(booked).max(0));
            let late = u32::try_from(today.signed_duration_since(contract.due_on).num_days().max(0)).unwrap_or(0);
            let days_to = |day: chrono::NaiveDate| {
                u32::try_from(domain::calendar::days_between(day, contract.due_on).max(0)).unwrap_or(0)
            };
            let saved = with.prepay.zip(chance).and_then(|(amount, chance)| {
                let fits = amount <= contract.principal_left;
                fits.then(|| interest(amount, contract.rate_ppm, days_to(chance.deducted_on)).ok()).flatten()
            });
            let expected = domain::rules::expected_rate(&rules.lpr, &rules.spreads, contract.due_on);
            contracts.push(EstimatedContract {
                tail: contract.tail(),
                bank_interest: contract.interest_due,
                interest: ours,
                agrees: ours.map(|ours| compare(contract.interest_due, ours) == Standing::Agrees),
                rate_ppm: contract.rate_ppm,
                expected_rate_ppm: expected,
                open,
                days_late: late,
                penalty: penalty(open, contract.rate_ppm, late).unwrap_or(Fen::ZERO),
                saved,
            });
        }
        Ok(EstimateView {
            label: "试算，以银行数据为准".to_owned(),
            label_en: "Estimate; the bank's figures count".to_owned(),
            as_of: due.as_of,
            contracts,
            prepayment: chance.map(|chance| PrepaymentChance {
                apply_by: chance.apply_by,
                deducted_on: chance.deducted_on,
                least: chance.least,
                step: chance.step,
            }),
            year: today.year(),
        })
    }
}

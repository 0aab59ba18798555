//! A season's end from booked money alone, sealed (M04), and the year's figures beside those of the years before (M03, M46). Nothing
//! here can be corrected by hand: what the bank booked later makes another issue.

use std::collections::BTreeMap;

use chrono::{Datelike as _, NaiveDate};
use domain::event::Event;
use domain::feed::{FeedImported, account_of};
use domain::ids::{FileId, Sha};
use domain::money::Fen;
use domain::org::DueListImported;
use domain::place::PlaceCode;
use domain::season::{CloseRow, HistoryLoaded, SeasonClosed, YearFigures, streak, suppressed};
use domain::words::{BankState, ProposalState, Role};
use store::Store;

use crate::Desk;
use crate::api::{
    CloseLine, CloseSeason, HistoryReport, ImportHistory, Nothing, RejectedRow, SeasonCloseView, SeasonClosesView,
    StatisticsView, TownshipYear, YearView,
};
use crate::failure::{Code, Failure};
use crate::{bytes_of, proposals, roster};

/// Most bytes of a table of years.
const MOST_BYTES: u64 = 2 * 1024 * 1024;
/// Yuan of a 万元.
const TEN_THOUSAND: i64 = 10_000;

/// The season's figures from booked money: the county's and the townships'.
fn booked(store: &Store) -> Result<(CloseRow, Vec<CloseRow>), Failure> {
    let accounts = store.bank_accounts()?;
    let mut of: BTreeMap<PlaceCode, CloseRow> = BTreeMap::new();
    for family in store.families(None)? {
        let Some((due, told)) = accounts.get(&family.file) else { continue };
        let mut row = CloseRow::default();
        for contract in due.contracts.iter().filter(|contract| contract.total_due.get() > 0) {
            let account = account_of(&contract.contract_no, contract.due_on, told);
            let (due, booked) = (contract.total_due.get(), account.booked.get());
            let paid = booked >= due;
            let overdue = !paid && account.state.is_some_and(|(_, state)| state == BankState::Overdue);
            row.add(&CloseRow {
                contracts: 1,
                contracts_paid: u32::from(paid),
                contracts_overdue: u32::from(overdue),
                due: contract.total_due,
                booked: Fen::new(booked.clamp(0, due)),
                over: Fen::new(booked.saturating_sub(due).max(0)),
                ..CloseRow::default()
            });
        }
        if row.contracts == 0 {
            continue;
        }
        row.households = 1;
        row.households_paid = u32::from(row.contracts_paid == row.contracts);
        let township = family.place.township().unwrap_or_else(|| family.place.clone());
        of.entry(township).or_default().add(&row);
    }
    let mut county = CloseRow::default();
    let mut townships = Vec::new();
    for (place, row) in of {
        county.add(&row);
        townships.push(CloseRow { place: Some(place), ..row });
    }
    Ok((county, townships))
}

/// The day on which the season falls due: that of most contracts with something due. A single contract that ends earlier moves no
/// season; the later one of two that are as many.
fn season_due(store: &Store) -> Result<Option<NaiveDate>, Failure> {
    let mut days: BTreeMap<NaiveDate, u32> = BTreeMap::new();
    for (due, _) in store.bank_accounts()?.values() {
        for contract in due.contracts.iter().filter(|contract| contract.total_due.get() > 0) {
            let count = days.entry(contract.due_on).or_default();
            *count = count.saturating_add(1);
        }
    }
    Ok(days.into_iter().max_by_key(|(day, count)| (*count, *day)).map(|(day, _)| day))
}

fn closes(store: &Store) -> Result<Vec<(store::Said, SeasonClosed)>, Failure> {
    Ok(store.county_facts::<SeasonClosed>("SeasonClosed")?)
}

impl Desk {
    pub(crate) fn close_season(&self, with: CloseSeason) -> Result<SeasonCloseView, Failure> {
        let mut store = self.store();
        self.may(&store, |role| role == Role::CentreHead, "年度结账")?;
        let present = self.present_of(&store)?;
        let due_on = season_due(&store)?.ok_or_else(|| Failure::new(Code::NoDueList, &[]))?;
        if present.today <= due_on {
            let due_on = domain::calendar::date_zh(due_on);
            return Err(Failure::new(Code::SeasonNotOver, &[("due_on", &due_on)]));
        }
        let feeds = store.county_facts::<FeedImported>("FeedImported")?;
        let feed_as_of = feeds.iter().map(|(_, feed)| feed.as_of).max().filter(|as_of| *as_of > due_on);
        let feed_as_of = feed_as_of
            .ok_or_else(|| Failure::new(Code::NoFeedAfterDue, &[("due_on", &domain::calendar::date_zh(due_on))]))?;
        let waiting = proposals::known(&store)?
            .iter()
            .any(|one| matches!(one.state, ProposalState::Waiting | ProposalState::Accepted));
        if waiting {
            return Err(Failure::new(Code::ImportsWait, &[]));
        }
        let (county, townships) = booked(&store)?;
        let lists = store.county_facts::<DueListImported>("DueListImported")?;
        let batches =
            lists.into_iter().map(|(_, list)| list.batch).chain(feeds.into_iter().map(|(_, feed)| feed.batch));
        let batches = batches.collect();
        let year = due_on.year();
        let before = closes(&store)?;
        let last = before.iter().filter(|(_, close)| close.year == year).map(|(_, close)| close.issue).max();
        let issue = last.unwrap_or(0).saturating_add(1);
        let mut close =
            SeasonClosed { year, issue, due_on, feed_as_of, batches, county, townships, seal: Sha([0; 32]) };
        close.seal = close.seal_of().map_err(|error| Failure::internal(&error))?;
        let same = before.iter().rfind(|(_, old)| old.year == year).is_some_and(|(_, old)| {
            (&old.county, &old.townships, &old.batches) == (&close.county, &close.townships, &close.batches)
        });
        if same {
            return Err(Failure::new(Code::ClosedAlready, &[("year", &year.to_string())]));
        }
        if !with.dry_run {
            self.write_one(&mut store, FileId::county(), &Event::SeasonClosed(close.clone()), Vec::new())?;
        }
        let names = self.place_names(&store)?;
        let at = present.now.rfc3339();
        Ok(self.close_view(&names, &close, at, self.identity.person.to_string(), !with.dry_run))
    }

    fn close_view(
        &self,
        names: &BTreeMap<String, String>,
        close: &SeasonClosed,
        at: String,
        who: String,
        written: bool,
    ) -> SeasonCloseView {
        let line = |row: &CloseRow| CloseLine {
            place: row.place.clone(),
            name: row.place.as_ref().and_then(|place| names.get(place.as_str())).cloned().unwrap_or_default(),
            households: row.households,
            households_paid: row.households_paid,
            contracts: row.contracts,
            contracts_paid: row.contracts_paid,
            contracts_overdue: row.contracts_overdue,
            due: row.due,
            booked: row.booked,
            over: row.over,
            rate: domain::bulletin::percent(row.booked.get(), row.due.get()),
        };
        SeasonCloseView {
            written,
            year: close.year,
            issue: close.issue,
            due_on: close.due_on,
            feed_as_of: close.feed_as_of,
            who,
            at,
            county: line(&close.county),
            townships: close.townships.iter().map(line).collect(),
            clear: close.is_clear(),
            seal: close.seal.to_string(),
            seal_holds: close.seal_of().is_ok_and(|seal| seal == close.seal),
        }
    }

    pub(crate) fn season_closes(&self, _: Nothing) -> Result<SeasonClosesView, Failure> {
        let store = self.store();
        self.may(&store, Role::sees_all, "看年度结账")?;
        let names = self.place_names(&store)?;
        let people = store.people()?;
        let all = closes(&store)?;
        let streak = streak(all.iter().map(|(_, close)| close).filter(|close| {
            // One whose words are not those that were sealed proves nothing.
            close.seal_of().is_ok_and(|seal| seal == close.seal)
        }));
        let view = |(said, close): &(store::Said, SeasonClosed)| {
            self.close_view(&names, close, said.at.rfc3339(), Self::name_of(&people, &said.author), true)
        };
        Ok(SeasonClosesView { streak, closes: all.iter().rev().map(view).collect() })
    }

    pub(crate) fn import_history(&self, with: ImportHistory) -> Result<HistoryReport, Failure> {
        self.may(&self.store(), |role| role == Role::CentreOperator, "导入历年情况")?;
        let (name, bytes) = bytes_of(&with.file, MOST_BYTES, "file")?;
        let unreadable =
            |why: &str| Failure::new(Code::WorkbookUnreadable, &[("why", why), ("columns", "")]).at("file");
        let rows = roster::table(&self.reader, &bytes).map_err(|error| unreadable(&error.sentence_zh()))?;
        let mut store = self.store();
        let this_year = self.present_of(&store)?.today.year();
        let (years, rejected) = years_of(&rows, this_year).map_err(|why| unreadable(&why))?;
        let mut report = HistoryReport {
            written: false,
            already_imported: false,
            years: u32::try_from(years.len()).unwrap_or(u32::MAX),
            rejected,
        };
        if years.is_empty() && report.rejected.is_empty() {
            return Err(Failure::new(Code::NothingToImport, &[]).at("file"));
        }
        let before = store.county_facts::<HistoryLoaded>("HistoryLoaded")?;
        report.already_imported = before.last().is_some_and(|(_, last)| last.years == years);
        // Whole or not at all: a year that is missing among them would make every sum false.
        if with.dry_run || report.already_imported || !report.rejected.is_empty() {
            return Ok(report);
        }
        let loaded = HistoryLoaded { name, sha256: Sha::of(&bytes), years };
        let replaces = before.into_iter().map(|(said, _)| said.id).collect();
        self.write_one(&mut store, FileId::county(), &Event::HistoryLoaded(loaded), replaces)?;
        report.written = true;
        Ok(report)
    }

    pub(crate) fn statistics(&self, _: Nothing) -> Result<StatisticsView, Failure> {
        let store = self.store();
        self.may(&store, Role::sees_all, "看历年情况")?;
        self.year_figures(&store)
    }

    fn year_figures(&self, store: &Store) -> Result<StatisticsView, Failure> {
        let mut years: BTreeMap<i32, (YearFigures, bool)> = BTreeMap::new();
        if let Some((_, history)) = store.county_facts::<HistoryLoaded>("HistoryLoaded")?.pop() {
            years.extend(history.years.into_iter().map(|figures| (figures.year, (figures, false))));
        }
        let mut townships = Vec::new();
        if let Some(due_on) = season_due(store)? {
            let names = self.place_names(store)?;
            let (county, rows) = booked(store)?;
            let mut recoveries = 0_u32;
            for (due, told) in store.bank_accounts()?.values() {
                let some = due
                    .contracts
                    .iter()
                    .filter(|contract| account_of(&contract.contract_no, contract.due_on, told).booked.get() > 0);
                recoveries = recoveries.saturating_add(u32::try_from(some.count()).unwrap_or(u32::MAX));
            }
            // What the season says itself takes the place of what a table says of it; what was lent is only in the table.
            let known = years.remove(&due_on.year()).map(|(known, _)| known).unwrap_or_default();
            let figures = YearFigures {
                year: due_on.year(),
                due: Some(county.due),
                recovered: Some(county.booked),
                recoveries: Some(recoveries),
                overdue: Some(county.contracts_overdue),
                ..known
            };
            years.insert(due_on.year(), (figures, true));
            for row in rows {
                let name = row.place.as_ref().and_then(|place| names.get(place.as_str())).cloned();
                townships.push(TownshipYear {
                    name: name.unwrap_or_default(),
                    place: row.place,
                    households: row.households,
                    households_paid: row.households_paid,
                    due: row.due,
                    recovered: row.booked,
                });
            }
        }
        let all: Vec<&YearFigures> = years.values().map(|(figures, _)| figures).collect();
        let money = |of: fn(&YearFigures) -> Option<Fen>| {
            let known = all.iter().filter_map(|figures| of(figures));
            Fen::new(known.fold(0_i64, |sum, fen| sum.saturating_add(fen.get())))
        };
        let count = |of: fn(&YearFigures) -> Option<u32>| {
            let known = all.iter().filter_map(|figures| of(figures));
            known.fold(0_u32, u32::saturating_add)
        };
        let mean =
            |sum: Fen, times: u32| (times > 0).then(|| Fen::new(sum.get().checked_div(i64::from(times)).unwrap_or(0)));
        let (lent, loans) = (money(|figures| figures.lent), count(|figures| figures.loans));
        let (recovered, recoveries) = (money(|figures| figures.recovered), count(|figures| figures.recoveries));
        Ok(StatisticsView {
            lent,
            loans,
            due: money(|figures| figures.due),
            recovered,
            recoveries,
            mean_loan: mean(lent, loans),
            mean_recovery: mean(recovered, recoveries),
            years: years
                .into_values()
                .map(|(figures, current)| YearView {
                    year: figures.year,
                    current,
                    lent: figures.lent,
                    loans: figures.loans,
                    borrowers: figures.borrowers,
                    due: figures.due,
                    recovered: figures.recovered,
                    recoveries: figures.recoveries,
                    overdue: figures.overdue,
                })
                .collect(),
            townships,
        })
    }

    /// 年度情况表 as it leaves the bureau: what is about one to four persons is not in it. Returns titles and rows.
    pub(crate) fn statistics_table(&self, store: &Store) -> Result<(Vec<String>, Vec<Vec<String>>), Failure> {
        let view = self.year_figures(store)?;
        let number = |count: Option<u32>| count.map(|count| count.to_string()).unwrap_or_default();
        let yuan = |fen: Option<Fen>| fen.map(Fen::yuan).unwrap_or_default();
        let mut rows = Vec::new();
        let persons: Vec<u32> =
            view.years.iter().map(|year| year.borrowers.or(year.loans).or(year.recoveries).unwrap_or(0)).collect();
        for (year, hidden) in view.years.iter().zip(suppressed(&persons)) {
            let few = |text: String| if hidden { FEW_ZH.to_owned() } else { text };
            rows.push(vec![
                year.year.to_string(),
                "全县".to_owned(),
                few(yuan(year.lent)),
                few(number(year.loans)),
                few(number(year.borrowers)),
                few(yuan(year.due)),
                few(yuan(year.recovered)),
                few(number(year.recoveries)),
                few(number(year.overdue)),
            ]);
        }
        let persons: Vec<u32> = view.townships.iter().map(|row| row.households).collect();
        let year = view.years.iter().find(|year| year.current).map(|year| year.year.to_string()).unwrap_or_default();
        for (row, hidden) in view.townships.iter().zip(suppressed(&persons)) {
            let few = |text: String| if hidden { FEW_ZH.to_owned() } else { text };
            rows.push(vec![
                year.clone(),
                row.name.clone(),
                String::new(),
                String::new(),
                few(row.households.to_string()),
                few(row.due.yuan()),
                few(row.recovered.yuan()),
                String::new(),
                String::new(),
            ]);
        }
        let titles = [
            "年度",
            "范围",
            "发放金额（元）",
            "发放人次",
            "借款学生人数（有到期的）",
            "应还本息（元）",
            "回收本息（元）",
            "回收人次",
            "逾期合同",
        ];
        Ok((titles.map(str::to_owned).to_vec(), rows))
    }
}

/// Instead of what is about fewer than five persons.
const FEW_ZH: &str = "少于5人，不列";

/// The years of a table, and the rows that cannot be used.
fn years_of(rows: &[(u32, Vec<String>)], this_year: i32) -> Result<(Vec<YearFigures>, Vec<RejectedRow>), String> {
    const NAMES: [&str; 8] = ["年度", "发放金额", "发放人次", "借款人数", "应还", "回收金额", "回收人次", "逾期"];
    let is = |cell: &str, name: &str| cell.contains(name) || (name == "年度" && cell.contains("年份"));
    let head = rows.iter().position(|(_, cells)| {
        cells.iter().any(|cell| is(cell, "年度")) && cells.iter().any(|cell| is(cell, "回收金额"))
    });
    let head = head.ok_or(
        "没有找到表头，要有“年度”“回收金额”两列，可以有“发放金额”“发放人次”“借款人数”“应还金额”“回收人次”“逾期合同”",
    )?;
    let titles: Vec<String> = rows.get(head).map(|(_, cells)| cells.clone()).unwrap_or_default();
    let place = |name: &str| titles.iter().position(|cell| is(cell, name));
    let [year_at, lent_at, loans_at, borrowers_at, due_at, recovered_at, recoveries_at, overdue_at] = NAMES.map(place);
    let times = |at: Option<usize>| {
        let ten_thousand = at.and_then(|at| titles.get(at)).is_some_and(|title| title.contains("万元"));
        if ten_thousand { TEN_THOUSAND } else { 1 }
    };
    let mut years: Vec<YearFigures> = Vec::new();
    let mut rejected = Vec::new();
    for (number, cells) in rows.iter().skip(head.saturating_add(1)) {
        let cell = |at: Option<usize>| at.and_then(|at| cells.get(at)).map_or("", |cell| cell.trim());
        if cells.iter().all(|cell| cell.trim().is_empty()) || ["合计", "总计", "累计"].contains(&cell(year_at)) {
            continue;
        }
        let money = |at: Option<usize>| -> Result<Option<Fen>, String> {
            let text = cell(at);
            if text.is_empty() {
                return Ok(None);
            }
            let fen = Fen::parse_yuan(text).map_err(|_told_otherwise| format!("“{text}”不是金额"))?;
            Ok(Some(Fen::new(fen.get().saturating_mul(times(at)))))
        };
        let count = |at: Option<usize>| -> Result<Option<u32>, String> {
            let text = cell(at).replace([',', '，'], "");
            if text.is_empty() {
                return Ok(None);
            }
            text.parse().map(Some).map_err(|_told_otherwise| format!("“{text}”不是人数"))
        };
        let read = || -> Result<YearFigures, String> {
            let text = cell(year_at).trim_end_matches(['年', '度']).to_owned();
            let year: i32 = text.parse().map_err(|_told_otherwise| format!("“{text}”不是年份"))?;
            if !(2007..=this_year).contains(&year) {
                return Err(format!("年份要在2007到{this_year}之间"));
            }
            let figures = YearFigures {
                year,
                lent: money(lent_at)?,
                loans: count(loans_at)?,
                borrowers: count(borrowers_at)?,
                due: money(due_at)?,
                recovered: money(recovered_at)?,
                recoveries: count(recoveries_at)?,
                overdue: count(overdue_at)?,
            };
            if figures.recovered.is_none() && figures.lent.is_none() {
                return Err("发放和回收都是空的".to_owned());
            }
            if figures.borrowers.zip(figures.loans).is_some_and(|(persons, times)| persons > times) {
                return Err("借款人数比发放人次多".to_owned());
            }
            Ok(figures)
        };
        match read() {
            Ok(figures) if years.iter().any(|known| known.year == figures.year) => rejected.push(RejectedRow {
                sheet_row: *number,
                column: Some("年度".to_owned()),
                reason: format!("第{number}行：{}年有两行。", figures.year),
            }),
            Ok(figures) => years.push(figures),
            Err(why) => rejected.push(RejectedRow {
                sheet_row: *number,
                column: None,
                reason: format!("第{number}行：{why}。"),
            }),
        }
    }
    years.sort_by_key(|figures| figures.year);
    Ok((years, rejected))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(text: &str) -> Vec<(u32, Vec<String>)> {
        (1_u32..).zip(text.lines().map(|line| line.split(',').map(str::to_owned).collect())).collect()
    }

    #[test]
    fn a_table_of_years_is_read_with_its_units_and_wrong_rows_are_named() {
        let table = rows(
            "历年情况,,\n年度,发放金额（万元）,发放人次,借款人数,应还金额（元）,回收金额（元）,回收人次\n\
             2013年,1520.5,2100,1900,,1200000.00,330\n2014,100,20,30,,1.00,1\n2013,1,1,1,,1,1\n2030,1,1,1,,1,1\n合计,,,,,,\n",
        );
        let (years, rejected) = years_of(&table, 2026).expect("a header");
        assert_eq!(years.len(), 1);
        let first = years.first().expect("2013");
        assert_eq!((first.lent, first.loans), (Some(Fen::new(1_520_500_000)), Some(2_100)));
        assert_eq!((first.recovered, first.due), (Some(Fen::new(120_000_000)), None));
        assert_eq!(rejected.iter().map(|row| row.sheet_row).collect::<Vec<_>>(), [4, 5, 6]);
        assert!(years_of(&rows("a,b\n"), 2026).is_err());
    }
}

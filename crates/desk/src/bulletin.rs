//! The daily bulletin: a ranked table of units, with what it does not know said beside it. Units, never people.
//! The arithmetic is `domain::bulletin`'s; an issued bulletin is a frozen fact.

use std::collections::BTreeMap;

use domain::bulletin::{Standing, percent, rank};
use domain::calendar::date_zh;
use domain::clock::Millis;
use domain::due::status;
use domain::event::Event;
use domain::ids::FileId;
use domain::money::Fen;
use domain::org::BulletinIssued;
use domain::place::{PlaceCode, PlaceLevel};
use domain::words::{DueStatus, Role, Section};
use store::{Family, Store};

use crate::Desk;
use crate::api::{BulletinAsked, BulletinRow, BulletinView, BulletinsView, Nothing, SilentUnit};
use crate::failure::{Code, Failure};
use crate::households::known;

/// A unit is silent after a day without anything from it.
const SILENT_MS: i64 = 24 * 3600 * 1000;

/// What is summed for a unit.
#[derive(Debug, Clone, Default)]
struct Sums {
    households: i64,
    contracts: u32,
    principal: i64,
    interest: i64,
    due: i64,
    paid: i64,
    households_paid: i64,
    reported: i64,
    served: i64,
    visited: i64,
    heard: Option<Millis>,
}

impl Sums {
    fn add(&mut self, family: &Family, today: chrono::NaiveDate) {
        let known = known(family);
        let bank = known.booked.get().saturating_add(known.pending.get());
        let due = known.due.get();
        self.households = self.households.saturating_add(1);
        self.contracts = self.contracts.saturating_add(family.contracts);
        self.principal = self.principal.saturating_add(family.principal_due.get());
        self.interest = self.interest.saturating_add(family.interest_due.get());
        self.due = self.due.saturating_add(due);
        self.paid = self.paid.saturating_add(bank.min(due));
        let fully = matches!(status(&known, today), DueStatus::BankConfirmed | DueStatus::BankPending);
        self.households_paid = self.households_paid.saturating_add(i64::from(fully));
        // What the bank has seen already is not "waiting" any more.
        self.reported = self.reported.saturating_add(known.reported.get().saturating_sub(bank).max(0));
        self.served = self.served.saturating_add(i64::from(family.served));
        self.visited = self.visited.saturating_add(i64::from(family.visits > 0));
        self.heard = self.heard.max(family.heard_at);
    }

    fn row(&self, rank: Option<u32>, code: PlaceCode, name: String) -> BulletinRow {
        let heads = |n: i64| u32::try_from(n).unwrap_or(u32::MAX);
        BulletinRow {
            rank,
            code,
            name,
            households_due: heads(self.households),
            contracts_due: self.contracts,
            households_paid: heads(self.households_paid),
            head_rate: percent(self.households_paid, self.households),
            principal_due: Fen::new(self.principal),
            interest_due: Fen::new(self.interest),
            amount_due: Fen::new(self.due),
            amount_paid: Fen::new(self.paid),
            amount_rate: percent(self.paid, self.due),
            reported: Fen::new(self.reported),
            households_served: heads(self.served),
            served_rate: percent(self.served, self.households),
            households_visited: heads(self.visited),
            heard_at: self.heard.map(Millis::rfc3339),
        }
    }
}

impl Desk {
    pub(crate) fn bulletin(&self, with: BulletinAsked) -> Result<BulletinView, Failure> {
        let store = self.store();
        self.compute(&store, &with)
    }

    fn compute(&self, store: &Store, with: &BulletinAsked) -> Result<BulletinView, Failure> {
        let present = self.present_of(store)?;
        let cut_off = match &with.cut_off {
            None => present.now,
            Some(text) => {
                let at = chrono::DateTime::parse_from_rfc3339(text).map_err(|_told_otherwise| {
                    Failure::new(Code::BadInput, &[("problem", "截止时间要写成2026-12-08T17:00:00+08:00的样子")])
                        .at("cut_off")
                })?;
                Millis(at.timestamp_millis())
            }
        };
        let table = self.place_table(store)?.ok_or_else(|| Failure::new(Code::NoPlaces, &[]))?;
        let names = self.place_names(store)?;
        let mut units: BTreeMap<PlaceCode, Sums> = table
            .iter()
            .filter(|place| place.level == PlaceLevel::Township)
            .map(|place| (place.code.clone(), Sums::default()))
            .collect();
        let unit_count = units.len();
        let mut county = Sums::default();
        for family in store.families(None)? {
            county.add(&family, present.today);
            // Families without even a township stand in a line of their own under the county's code.
            let unit = family.place.township().unwrap_or_else(|| table.county().clone());
            units.entry(unit).or_default().add(&family, present.today);
        }
        let standings = units
            .iter()
            .map(|(code, sums)| Standing {
                unit: code.clone(),
                paid: sums.paid,
                due: sums.due,
                heads_paid: sums.households_paid,
                heads_due: sums.households,
            })
            .collect();
        let name_of = |code: &PlaceCode| match names.get(code.as_str()) {
            Some(_) if code.level() == PlaceLevel::County => "乡镇未查明".to_owned(),
            Some(name) => name.clone(),
            None => code.to_string(),
        };
        let mut rows = Vec::new();
        let mut silent = Vec::new();
        for (rank, standing) in rank(standings) {
            let Some(sums) = units.get(&standing.unit) else { continue };
            let quiet = sums.heard.is_none_or(|heard| cut_off.0.saturating_sub(heard.0) > SILENT_MS);
            if quiet && standing.unit.level() == PlaceLevel::Township {
                silent.push(SilentUnit {
                    code: standing.unit.clone(),
                    name: name_of(&standing.unit),
                    since: sums.heard.map(Millis::rfc3339),
                });
            }
            rows.push(sums.row(rank, standing.unit.clone(), name_of(&standing.unit)));
        }
        let issued = store.county_facts::<BulletinIssued>("BulletinIssued")?.len();
        // A desk that sees a few villages must not pass its sums off as the county's.
        let whole = self.role(store)?.sees_all();
        let title = if whole {
            format!("{}生源地信用助学贷款回收情况日通报（草稿，已发{issued}期）", self.identity.county)
        } else {
            "本机负责的住户（不是全县数字）".to_owned()
        };
        let (as_of, _) = store.season_dates()?;
        let small = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        Ok(BulletinView {
            no: None,
            title,
            cut_off: cut_off.rfc3339(),
            as_of,
            rows,
            county: county.row(None, table.county().clone(), if whole { "全县" } else { "本机合计" }.to_owned()),
            synced_units: small(unit_count.saturating_sub(silent.len())),
            units: small(unit_count),
            silent,
            definitions: definitions(as_of.map(date_zh).as_deref()),
        })
    }

    pub(crate) fn issue_bulletin(&self, with: BulletinAsked) -> Result<BulletinView, Failure> {
        let mut store = self.store();
        self.may(&store, |role| role == Role::CentreHead, "发通报")?;
        let mut view = self.compute(&store, &with)?;
        let issued = store.county_facts::<BulletinIssued>("BulletinIssued")?;
        let no = issued.iter().map(|(_, bulletin)| bulletin.no).max().unwrap_or(0).saturating_add(1);
        view.no = Some(no);
        view.title = format!("{}生源地信用助学贷款回收情况日通报 第{no}期", self.identity.county);
        let table = serde_json::to_value(&view).map_err(|error| Failure::internal(&error))?;
        let event = Event::BulletinIssued(BulletinIssued { no, table });
        self.write(&mut store, |pen| Ok(pen.record(FileId::county(), Section::Core, &event, Vec::new())?))?;
        Ok(view)
    }

    pub(crate) fn bulletins(&self, _: Nothing) -> Result<BulletinsView, Failure> {
        let store = self.store();
        let mut bulletins = Vec::new();
        for (_, issued) in store.county_facts::<BulletinIssued>("BulletinIssued")? {
            bulletins.push(serde_json::from_value(issued.table).map_err(|error| Failure::internal(&error))?);
        }
        bulletins.reverse();
        Ok(BulletinsView { bulletins })
    }
}

/// The definitions that stand under the table (domain.md §4.8).
fn definitions(as_of: Option<&str>) -> Vec<String> {
    vec![
        format!("银行数据截至{}。", as_of.unwrap_or("（还没有名单）")),
        "已还金额＝银行已入账＋扣款审批中，每户不超过应还；工作人员登记的刷卡单列，不计入回收率。".to_owned(),
        "名次按金额回收率（精确比值）排，相同再按户数回收率；两率都相同的名次并列。".to_owned(),
        "百分数保留两位，只有全部还清才写100.00。".to_owned(),
        "“24小时未同步”指一天内没有收到该乡镇任何走访、回证或联系信息。".to_owned(),
    ]
}

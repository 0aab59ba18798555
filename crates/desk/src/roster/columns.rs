//! Which column of a list or feed holds what: as a person chose, else by the known headers. Never by what a header might mean: a list has the
//! amounts of other periods beside those of this one.
//! Columns the work does not need (sex, people, subject, bank branch) have no entry here and are never read.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use ts_rs::TS;

use super::cells::{folded, text_of};
use foreign::SheetRow;

/// The header is looked for in this many filled rows from the top.
pub(super) const HEADER_WITHIN: usize = 30;

/// What a column of the due list holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema, TS)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[ts(rename = "ListColumn")]
#[schemars(rename = "ListColumn")]
pub enum Column {
    /// 借款学生姓名.
    BorrowerName,
    /// 身份证号.
    BorrowerId,
    /// 共同借款人姓名.
    CoBorrowerName,
    /// 与学生关系.
    CoBorrowerRelation,
    /// 共同借款人身份证号.
    CoBorrowerId,
    /// 乡镇.
    Township,
    /// 村.
    Village,
    /// 家庭住址.
    Address,
    /// 联系电话; a list may have several.
    Phone,
    /// 共同借款人电话; a list may have several.
    CoBorrowerPhone,
    /// 毕业年份.
    GradYear,
    /// 合同编号.
    ContractNo,
    /// 学年.
    AcademicYear,
    /// 合同金额.
    PrincipalOrig,
    /// 剩余本金.
    PrincipalLeft,
    /// 执行利率.
    Rate,
    /// 本期应还本金.
    PrincipalDue,
    /// 本期应还利息.
    InterestDue,
    /// 本期应还罚息.
    PenaltyDue,
    /// 本期应还合计.
    TotalDue,
    /// 还款日.
    DueOn,
    /// 到期日.
    MaturityOn,
    /// 还款账号.
    RepayAccount,
    /// 合同状态.
    Status,
    /// 数据日期.
    AsOf,
    /// 状态, of a line of a feed.
    State,
    /// 入账日期.
    BookedOn,
    /// 金额, of a payment.
    Amount,
    /// 本金, of a payment.
    Principal,
    /// 利息, of a payment.
    Interest,
    /// 罚息, of a payment.
    Penalty,
    /// 渠道.
    Channel,
    /// 流水号.
    Reference,
    /// 还款后余额.
    BalanceAfter,
    /// 批次日期.
    BatchOn,
}

/// A kind of list: which columns it may have, and which it must.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The bank's due list.
    DueList,
    /// The bank's feed of payments.
    Feed,
}

impl Kind {
    /// What its headers may mean.
    fn columns(self) -> &'static [Column] {
        match self {
            Self::DueList => &Column::OF_LIST,
            Self::Feed => &Column::OF_FEED,
        }
    }

    /// Without these it cannot be read.
    pub(crate) fn required(self) -> &'static [Column] {
        match self {
            Self::DueList => &Column::REQUIRED,
            Self::Feed => &[Column::ContractNo, Column::State, Column::Amount],
        }
    }

    /// Columns by which a row that repeats the header is known.
    fn telling(self) -> [Column; 2] {
        match self {
            Self::DueList => [Column::BorrowerId, Column::ContractNo],
            Self::Feed => [Column::ContractNo, Column::Amount],
        }
    }
}

impl Column {
    /// Without these a row says neither who owes nor what nor when.
    pub const REQUIRED: [Self; 7] = [
        Self::BorrowerName,
        Self::BorrowerId,
        Self::ContractNo,
        Self::PrincipalDue,
        Self::InterestDue,
        Self::TotalDue,
        Self::DueOn,
    ];

    const OF_LIST: [Self; 25] = [
        Self::BorrowerName,
        Self::BorrowerId,
        Self::CoBorrowerName,
        Self::CoBorrowerRelation,
        Self::CoBorrowerId,
        Self::Township,
        Self::Village,
        Self::Address,
        Self::Phone,
        Self::CoBorrowerPhone,
        Self::GradYear,
        Self::ContractNo,
        Self::AcademicYear,
        Self::PrincipalOrig,
        Self::PrincipalLeft,
        Self::Rate,
        Self::PrincipalDue,
        Self::InterestDue,
        Self::PenaltyDue,
        Self::TotalDue,
        Self::DueOn,
        Self::MaturityOn,
        Self::RepayAccount,
        Self::Status,
        Self::AsOf,
    ];

    const OF_FEED: [Self; 13] = [
        Self::ContractNo,
        Self::BorrowerName,
        Self::BorrowerId,
        Self::State,
        Self::BookedOn,
        Self::Amount,
        Self::Principal,
        Self::Interest,
        Self::Penalty,
        Self::Channel,
        Self::Reference,
        Self::BalanceAfter,
        Self::BatchOn,
    ];

    /// The header people know the column by.
    pub fn title_zh(self) -> &'static str {
        self.headers().first().copied().unwrap_or_default()
    }

    /// The headers it is known to stand under, the usual one first; without blanks, units and brackets around units.
    fn headers(self) -> &'static [&'static str] {
        match self {
            Self::BorrowerName => {
                &["借款学生姓名", "姓名", "学生姓名", "借款人姓名", "借款学生", "借款人", "申请人", "申请人姓名"]
            }
            Self::BorrowerId => &[
                "身份证号",
                "身份证号码",
                "身份证",
                "公民身份号码",
                "证件号码",
                "借款学生身份证号",
                "借款学生身份证号码",
                "学生身份证号",
                "学生身份证号码",
                "借款人身份证号",
                "借款人身份证号码",
            ],
            Self::CoBorrowerName => &["共同借款人姓名", "共同借款人", "共借人姓名", "共借人"],
            Self::CoBorrowerRelation => &[
                "与学生关系",
                "与借款学生关系",
                "与借款人关系",
                "共同借款人与学生关系",
                "共同借款人关系",
                "共同借款人与学生的关系",
                "与学生的关系",
                "关系",
            ],
            Self::CoBorrowerId => &[
                "共同借款人身份证号",
                "共同借款人身份证号码",
                "共同借款人身份证",
                "共同借款人证件号码",
                "共借人身份证号",
                "共借人身份证号码",
            ],
            Self::Township => &[
                "乡镇",
                "乡(镇)",
                "乡镇街道",
                "乡镇(街道)",
                "乡镇/街道",
                "乡(镇、街道)",
                "乡镇办",
                "所属乡镇",
                "所在乡镇",
                "户籍乡镇",
            ],
            Self::Village => {
                &["村", "行政村", "村(社区)", "村/社区", "村社区", "村居", "村(居)", "村委会", "所属村", "所在村"]
            }
            Self::Address => &[
                "家庭住址",
                "户籍地址",
                "家庭地址",
                "家庭详细地址",
                "家庭详细住址",
                "详细地址",
                "住址",
                "地址",
                "通讯地址",
            ],
            Self::Phone => &[
                "联系电话",
                "手机",
                "手机号",
                "手机号码",
                "电话",
                "联系方式",
                "学生电话",
                "学生联系电话",
                "学生手机",
                "学生手机号",
                "借款学生电话",
                "借款学生联系电话",
                "借款人电话",
                "借款人联系电话",
                "本人电话",
                "家庭电话",
                "其他联系电话",
                "备用电话",
            ],
            Self::CoBorrowerPhone => &[
                "共同借款人电话",
                "共同借款人联系电话",
                "共同借款人手机",
                "共同借款人手机号",
                "共同借款人手机号码",
                "共同借款人联系方式",
                "共借人电话",
                "共借人联系电话",
            ],
            Self::GradYear => &["毕业年份", "毕业时间", "毕业年月", "毕业日期", "毕业年度"],
            Self::ContractNo => &["合同编号", "合同号", "借款合同编号", "借款合同号", "贷款合同编号", "贷款合同号"],
            Self::AcademicYear => &["学年", "贷款学年", "借款学年"],
            Self::PrincipalOrig => &["合同金额", "贷款金额", "借款金额", "合同本金", "贷款本金"],
            Self::PrincipalLeft => &["剩余本金", "贷款余额", "本金余额", "剩余贷款本金", "贷款本金余额"],
            Self::Rate => &["执行利率", "利率", "年利率", "贷款利率", "合同利率"],
            Self::PrincipalDue => &["本期应还本金", "应还本金", "本年应还本金", "当期应还本金"],
            Self::InterestDue => &["本期应还利息", "应还利息", "本年应还利息", "当期应还利息"],
            Self::PenaltyDue => &["本期应还罚息", "应还罚息", "罚息", "当期应还罚息"],
            Self::TotalDue => &[
                "本期应还合计",
                "应还合计",
                "本期应还本息",
                "应还本息",
                "应还本息合计",
                "本期应还总额",
                "应还总额",
                "本期应还金额",
                "应还金额",
                "当期应还合计",
                "合计",
            ],
            Self::DueOn => &["还款日", "还款日期", "应还日期", "应还款日", "本期还款日", "最后还款日"],
            Self::MaturityOn => &["到期日", "到期日期", "贷款到期日", "合同到期日", "贷款到期日期"],
            Self::RepayAccount => &["还款账号", "还款账户", "还款帐号", "支付宝账号", "支付宝账户"],
            Self::Status => &["合同状态", "贷款状态", "状态"],
            Self::AsOf => &["数据日期", "数据截至日期", "数据截止日期", "截至日期", "统计日期"],
            Self::State => &["状态", "还款状态", "合同还款状态", "扣款状态", "入账状态"],
            Self::BookedOn => &["入账日期", "入账日", "入账时间", "还款日期", "扣款日期", "实际还款日期", "记账日期"],
            Self::Amount => {
                &["金额", "还款金额", "实还金额", "交易金额", "入账金额", "还款总额", "实还合计", "实还总额"]
            }
            Self::Principal => &["本金", "实还本金", "还款本金", "其中本金"],
            Self::Interest => &["利息", "实还利息", "还款利息", "其中利息"],
            Self::Penalty => &["罚息", "实还罚息", "还款罚息", "其中罚息"],
            Self::Channel => &["渠道", "还款渠道", "还款方式", "交易渠道", "支付渠道"],
            Self::Reference => &["流水号", "交易流水号", "还款流水号", "参考号", "交易参考号", "业务流水号", "流水"],
            Self::BalanceAfter => &["还款后余额", "剩余本金", "贷款余额", "本金余额", "余额"],
            Self::BatchOn => &["批次日期", "批次", "数据日期", "导出日期", "统计日期"],
        }
    }

    /// A list may have several of these.
    fn may_repeat(self) -> bool {
        matches!(self, Self::Phone | Self::CoBorrowerPhone)
    }

    /// Of these a list may say several things under known headers, of this period and of others: which one is meant nobody
    /// but a person can say.
    fn must_be_one(self) -> bool {
        matches!(
            self,
            Self::BorrowerId
                | Self::ContractNo
                | Self::PrincipalLeft
                | Self::PrincipalDue
                | Self::InterestDue
                | Self::PenaltyDue
                | Self::TotalDue
                | Self::DueOn
                | Self::AsOf
                | Self::State
                | Self::BookedOn
                | Self::Amount
                | Self::Principal
                | Self::Interest
                | Self::Penalty
                | Self::Reference
                | Self::BatchOn
        )
    }

    /// The co-borrower's column that a repeated borrower's header means, to the right of the co-borrower's name.
    fn of_co_borrower(self) -> Option<Self> {
        match self {
            Self::BorrowerName => Some(Self::CoBorrowerName),
            Self::BorrowerId => Some(Self::CoBorrowerId),
            Self::Phone => Some(Self::CoBorrowerPhone),
            Self::CoBorrowerName
            | Self::CoBorrowerRelation
            | Self::CoBorrowerId
            | Self::Township
            | Self::Village
            | Self::Address
            | Self::CoBorrowerPhone
            | Self::GradYear
            | Self::ContractNo
            | Self::AcademicYear
            | Self::PrincipalOrig
            | Self::PrincipalLeft
            | Self::Rate
            | Self::PrincipalDue
            | Self::InterestDue
            | Self::PenaltyDue
            | Self::TotalDue
            | Self::DueOn
            | Self::MaturityOn
            | Self::RepayAccount
            | Self::Status
            | Self::AsOf
            | Self::State
            | Self::BookedOn
            | Self::Amount
            | Self::Principal
            | Self::Interest
            | Self::Penalty
            | Self::Channel
            | Self::Reference
            | Self::BalanceAfter
            | Self::BatchOn => None,
        }
    }

    fn under(header: &str, kind: Kind) -> Option<Self> {
        let header = ["(元)", "(%)", "*"].into_iter().fold(header, |h, unit| h.strip_suffix(unit).unwrap_or(h));
        kind.columns().iter().copied().find(|column| column.headers().contains(&header))
    }
}

/// Where the header stands and which columns it names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Layout {
    kind: Kind,
    /// The first row of the header, from 1; rows above it are the title.
    pub(crate) first_header_row: u32,
    /// The last row of the header, from 1.
    pub(crate) header_row: u32,
    columns: BTreeMap<Column, Vec<u32>>,
    titles: Vec<Title>,
}

/// A header as it was compared.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Title {
    at: u32,
    header: String,
    /// How many of the same name stand before it.
    nth: u32,
    /// What it is known to mean.
    known: Option<Column>,
}

/// Every header of a row, or of two rows of which the upper one groups the lower.
fn titles(row: &SheetRow, above: Option<&SheetRow>, kind: Kind) -> Vec<Title> {
    let mut out: Vec<Title> = Vec::new();
    let mut group = String::new();
    let end = row.cells.keys().chain(above.into_iter().flat_map(|a| a.cells.keys())).max().copied();
    for at in 0..=end.unwrap_or(0) {
        let own = row.cells.get(&at).map(|cell| folded(&text_of(cell))).unwrap_or_default();
        let upper = above.and_then(|a| a.cells.get(&at)).map(|cell| folded(&text_of(cell)));
        if let Some(upper) = upper {
            group = upper;
        }
        let (header, known) = if above.is_none() {
            (own.clone(), Column::under(&own, kind))
        } else if own.is_empty() {
            (group.clone(), above.and_then(|a| a.cells.get(&at)).and_then(|_| Column::under(&group, kind)))
        } else {
            let joined = format!("{group}{own}");
            let known = Column::under(&joined, kind).or_else(|| Column::under(&own, kind));
            (joined, known)
        };
        if !header.is_empty() {
            let nth = u32::try_from(out.iter().filter(|title| title.header == header).count()).unwrap_or(u32::MAX);
            out.push(Title { at, header, nth, known });
        }
    }
    out
}

/// What a person said that a header means.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Chosen {
    /// What its column holds; `None`: nothing that is wanted.
    pub column: Option<Column>,
    /// The header.
    pub header: String,
    /// How many of the same name stand before it.
    #[serde(default)]
    pub nth: u32,
}

/// A header of a list, and what its column was taken for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReadColumn {
    /// Its place, from 0.
    pub at: u32,
    /// The header, without blanks.
    pub header: String,
    /// How many of the same name stand before it.
    pub nth: u32,
    /// What it holds; `None`: nothing that is wanted.
    pub column: Option<Column>,
}

impl Layout {
    /// Finds the header among the first rows: one row, or two where the upper groups the lower.
    ///
    /// # Errors
    /// What the row that looks most like a header lacks, and what stands in it.
    pub(crate) fn find(head: &[SheetRow], chosen: &[Chosen], kind: Kind) -> Result<Self, Lacking> {
        let mut best: Option<(usize, usize, Self)> = None;
        let mut above: Option<&SheetRow> = None;
        for row in head {
            let single = Self::of(row, None, chosen, kind);
            let double = above
                .filter(|a| a.number.saturating_add(1) == row.number)
                .map(|a| Self::of(row, Some(a), chosen, kind));
            for layout in [Some(single), double].into_iter().flatten() {
                let required = kind.required().len().saturating_sub(layout.missing().len());
                let all = layout.columns.len();
                if best.as_ref().is_none_or(|(r, a, _)| (required, all) > (*r, *a)) {
                    best = Some((required, all, layout));
                }
            }
            above = Some(row);
        }
        let nothing = || Lacking { missing: kind.required().to_vec(), columns: Vec::new() };
        let layout = best.map(|(.., layout)| layout).ok_or_else(nothing)?;
        let missing = layout.missing();
        if missing.is_empty() {
            return Ok(layout);
        }
        Err(Lacking { missing, columns: layout.read() })
    }

    /// Every header and what its column was taken for, in the order of the sheet.
    pub(crate) fn read(&self) -> Vec<ReadColumn> {
        let of = |at: u32| self.columns.iter().find(|(_, places)| places.contains(&at)).map(|(column, _)| *column);
        let read = |title: &Title| {
            let Title { at, nth, .. } = *title;
            ReadColumn { at, header: title.header.clone(), nth, column: of(at) }
        };
        self.titles.iter().map(read).collect()
    }

    fn of(row: &SheetRow, above: Option<&SheetRow>, chosen: &[Chosen], kind: Kind) -> Self {
        let titles = titles(row, above, kind);
        // What was said of headers that are not here says nothing of those that are.
        let said = |title: &Title| chosen.iter().find(|one| one.header == title.header && one.nth == title.nth);
        let said_of = |column: Column| titles.iter().filter_map(said).any(|one| one.column == Some(column));
        let mut columns: BTreeMap<Column, Vec<u32>> = BTreeMap::new();
        let mut heads: BTreeMap<Column, Vec<&str>> = BTreeMap::new();
        for title in &titles {
            if let Some(one) = said(title) {
                if let Some(column) = one.column {
                    columns.entry(column).or_default().push(title.at);
                }
                continue;
            }
            let Some(mut column) = title.known else { continue };
            // Where a person chose another header for it, this one is not it.
            if !column.may_repeat() && said_of(column) {
                continue;
            }
            let repeated = heads.get(&column).is_some_and(|known| known.contains(&title.header.as_str()));
            if repeated && columns.contains_key(&Column::CoBorrowerName) {
                match column.of_co_borrower() {
                    Some(other) => column = other,
                    None => continue,
                }
            }
            heads.entry(column).or_default().push(&title.header);
            columns.entry(column).or_default().push(title.at);
        }
        let first_header_row = above.map_or(row.number, |a| a.number);
        Self { kind, first_header_row, header_row: row.number, columns, titles }
    }

    /// What no header names, and what several name though only one can be meant.
    fn missing(&self) -> Vec<Column> {
        let lacks = |column: &Column| self.kind.required().contains(column) && !self.columns.contains_key(column);
        let several = |column: &Column| column.must_be_one() && self.positions(*column).len() > 1;
        self.kind.columns().iter().copied().filter(|column| lacks(column) || several(column)).collect()
    }

    /// The positions of a column, from 0; empty when the list has none.
    pub(crate) fn positions(&self, column: Column) -> &[u32] {
        self.columns.get(&column).map(Vec::as_slice).unwrap_or_default()
    }

    /// Whether a row repeats the header, as page breaks of printed lists do.
    pub(crate) fn is_repeated_by(&self, row: &SheetRow) -> bool {
        self.kind.telling().into_iter().all(|column| {
            let cell = self.positions(column).first().and_then(|at| row.cells.get(at));
            let at = self.positions(column).first();
            let own = self.titles.iter().find(|title| Some(&title.at) == at).map(|title| &title.header);
            cell.is_some_and(|cell| {
                let text = folded(&text_of(cell));
                Column::under(&text, self.kind) == Some(column) || own == Some(&text)
            })
        })
    }
}

/// What keeps a list from being read: needed columns that no header names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lacking {
    /// The columns.
    pub missing: Vec<Column>,
    /// The headers that there are, and what they were taken for.
    pub columns: Vec<ReadColumn>,
}

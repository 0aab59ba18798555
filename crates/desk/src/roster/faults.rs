//! Everything that can be wrong with a due list, with a sentence for each that a person at a desk can act on.
//! No sentence repeats an identity number, an account or an amount, so a report of faults may be kept and shown.

use domain::identity::IdError;
use domain::money::MoneyError;
use domain::name::NameFlag;
use domain::phone::PhoneFault;
use foreign::{SheetFault, TooLarge};

use super::columns::{Column, Lacking};

/// Why a whole file is not taken in. Nothing of it is.
#[derive(Debug, thiserror::Error)]
pub enum RosterError {
    /// The workbook cannot be read.
    #[error(transparent)]
    Sheet(#[from] SheetFault),
    /// Amounts that add up to more than any county is owed.
    #[error("amounts that add up to more than any county is owed")]
    AmountsTooLarge,
    /// No visible sheet has a header row with the columns that are needed.
    #[error("no header row with all needed columns; missing: {:?}", .0.missing)]
    NoHeader(Lacking),
    /// More than one sheet, or table of a web page, has the columns that are needed.
    #[error("several sheets have the columns that are needed")]
    SeveralLists,
    /// A header and no rows under it.
    #[error("there is no row under the header")]
    Empty,
    /// Neither the rows nor the title nor the caller say up to which day the figures are true.
    #[error("no data date: the list does not say up to which day its figures are true")]
    NoDataDate,
}

impl RosterError {
    /// What happened and what to do, for the person at the desk.
    pub fn sentence_zh(&self) -> String {
        match self {
            Self::Sheet(fault) => sentence_of(*fault).to_owned(),
            Self::AmountsTooLarge => "金额合计大得不合常理，不能导入。请核对金额列。".to_owned(),
            Self::NoHeader(lacking) => {
                let titles: Vec<&str> = lacking.missing.iter().map(|column| column.title_zh()).collect();
                format!("没有找到表头，或表头里认不出这些列：{}。请指明是哪几列，或改好表头再导入。", titles.join("、"))
            }
            Self::SeveralLists => {
                "有几张工作表（或网页里的几张表）都像是名单，只读一张会漏人。请合到一张表里再导入。".to_owned()
            }
            Self::Empty => "表头下面一行数据也没有。".to_owned(),
            Self::NoDataDate => "名单里没有“数据日期”。请填写这份数据截至哪一天，再导入。".to_owned(),
        }
    }
}

fn sentence_of(fault: SheetFault) -> String {
    let sentence = match fault {
        SheetFault::NotAWorkbook => "这不是表格，也不是文本文件。请用WPS或Excel打开它，另存为“.xlsx”后再导入。",
        SheetFault::Locked => "这个表格设了打开密码。请用WPS或Excel打开，去掉密码，另存为“.xlsx”后再导入。",
        SheetFault::Undecodable { line } => {
            return format!(
                "这个文本文件第{line}行有读不出的字。请换一种文字编码再读，或用WPS打开，另存为“.xlsx”后再导入。"
            );
        }
        SheetFault::OpenQuote { row } => {
            return format!(
                "这个文本文件第{row}行有一个引号没有收尾，后面的行都会被吞掉。请用WPS打开，另存为“.xlsx”后再导入。"
            );
        }
        SheetFault::Container | SheetFault::Damaged | SheetFault::ReaderFailed | SheetFault::RowsOutOfOrder => {
            "这个表格文件坏了，读不出来。请重新拷贝或向银行重新要一份。"
        }
        SheetFault::TooLarge(TooLarge::File) => "文件超过24MB，不能导入。请分成几个文件。",
        SheetFault::TooLarge(TooLarge::Unpacked) => "文件展开后太大，不能导入。请确认它真是银行给的名单。",
        SheetFault::TooLarge(TooLarge::Rows) => "表格超过12万行，不能导入。请分成几个文件。",
        SheetFault::TooLarge(TooLarge::Columns) => "表格超过64列，不能导入。请删去不用的列。",
        SheetFault::Empty => "表格里没有看得见的工作表。",
        SheetFault::NoReader => "读文件的部分没有启动起来。请关掉入户通再打开，然后再导入一次。",
    };
    sentence.to_owned()
}

/// Why one row is not taken in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RowFault {
    /// No name.
    NameEmpty,
    /// More than fifty characters of name.
    NameTooLong,
    /// The borrower's identity number cannot be used.
    Id(IdError),
    /// The identity number stands as a quantity: its last digits are lost whatever the cell shows.
    IdIsQuantity,
    /// Borrower and co-borrower have one identity number.
    SamePerson,
    /// No contract number.
    ContractEmpty,
    /// The contract number is not 10 to 40 letters and digits.
    ContractShape,
    /// The contract number stands as a quantity or as `4.1042E+12`: digits are lost.
    ContractIsQuantity,
    /// The contract stands in an earlier row that was taken in.
    ContractTwice {
        /// That row.
        first_row: u32,
    },
    /// An amount is missing or cannot be read.
    Amount(MoneyError),
    /// Principal, interest and penalty do not add up to the total.
    TotalDiffers,
    /// The rate cannot be read or is above 10 %.
    Rate,
    /// A needed date is missing.
    DateEmpty,
    /// A date that is none.
    NoSuchDay,
    /// A word of the bank's for a payment's state that is not known.
    StateUnknown,
    /// A reference number that stands as a quantity: its digits are lost.
    ReferenceIsQuantity,
    /// A feed's line on a contract that no list has.
    ContractNotListed,
}

/// A row that is not taken in, and why.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rejected {
    /// The row, counted from 1 with title and header.
    pub sheet_row: u32,
    /// The first fault found in it.
    pub reason: RowFault,
    /// The column of the fault.
    pub column: Column,
}

impl Rejected {
    /// Row, column and reason in words.
    pub fn sentence_zh(&self) -> String {
        format!("第{}行没有导入（{}）：{}。", self.sheet_row, self.column.title_zh(), self.reason.sentence_zh())
    }
}

impl RowFault {
    /// The reason in words, without row and column.
    pub fn sentence_zh(&self) -> String {
        match self {
            Self::NameEmpty => "没有填姓名".to_owned(),
            Self::NameTooLong => "姓名超过50个字".to_owned(),
            Self::Id(fault) => fault.sentence_zh().to_owned(),
            Self::IdIsQuantity => IdError::ExcelDamaged.sentence_zh().to_owned(),
            Self::SamePerson => "借款学生和共同借款人是同一个身份证号".to_owned(),
            Self::ContractEmpty => "没有填合同编号".to_owned(),
            Self::ContractShape => "合同编号应是10到40位的数字和字母".to_owned(),
            Self::ContractIsQuantity => {
                "合同编号被表格软件当成数字存了，有几位已经丢失，请向银行重新要这一行（该列设为文本）".to_owned()
            }
            Self::ContractTwice { first_row } => format!("这份合同在第{first_row}行已经有了"),
            Self::Amount(fault) => match fault {
                MoneyError::Empty => "没有填金额",
                MoneyError::TooManyDecimals => "金额的小数超过两位",
                MoneyError::Negative => "金额是负数",
                MoneyError::TooLarge => "金额大得不合常理",
                MoneyError::Malformed | MoneyError::NotARate => "看不懂这个金额",
            }
            .to_owned(),
            Self::TotalDiffers => "本金、利息、罚息相加不等于合计".to_owned(),
            Self::Rate => "利率看不懂，或者超过10%".to_owned(),
            Self::DateEmpty => "没有填日期".to_owned(),
            Self::NoSuchDay => "没有这个日期".to_owned(),
            Self::StateUnknown => "看不懂这个状态，应是已还款、扣款审批中、未还款、逾期、核销之一".to_owned(),
            Self::ReferenceIsQuantity => {
                "流水号被表格软件当成数字存了，有几位可能已经丢失，请向银行重新要（该列设为文本）".to_owned()
            }
            Self::ContractNotListed => "名单里没有这份合同".to_owned(),
        }
    }
}

/// What somebody should look at in a row that is taken in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WarningKind {
    /// Something doubtful in the borrower's name.
    BorrowerName(NameFlag),
    /// Something doubtful in the co-borrower's name.
    CoBorrowerName(NameFlag),
    /// The co-borrower's identity number cannot be used and was left out.
    CoBorrowerId(IdError),
    /// The borrower is younger than 15 or older than 60.
    BorrowerAge,
    /// The co-borrower is younger than 22 or older than 85.
    CoBorrowerAge,
    /// The township is not in the table of divisions.
    TownshipUnknown,
    /// The village is not in the table of divisions, within its township.
    VillageUnknown,
    /// Township or village stand under a former name.
    OldPlaceName,
    /// Text in a phone column that nobody can call; kept as written.
    Phone {
        /// Whose column.
        column: Column,
        /// What is wrong with it.
        fault: PhoneFault,
    },
    /// One number under three or more families at different addresses: probably a teacher's or a shop's.
    SharedPhone {
        /// How many addresses.
        addresses: usize,
    },
    /// The contract's amount is not 1 000 to 25 000 whole yuan.
    PrincipalUnusual,
    /// More principal outstanding than was lent.
    PrincipalAboveOriginal,
    /// The contract does not end on 20 September or 31 August.
    MaturityUnusual,
    /// The year of graduation cannot be read or lies outside 2007 to eight years ahead; it was left out.
    GradYear,
    /// The row says otherwise than an earlier row of the same identity number; the earlier stands.
    DiffersFromEarlierRow(Column),
    /// Same name, place and birth date as an earlier borrower under another identity number.
    PossibleDuplicate {
        /// The earlier borrower's first row.
        other_row: u32,
    },
    /// The row's data date is not the list's.
    DataDateDiffers,
    /// The name is not the one that the list has for this contract.
    OtherName,
    /// The same payment stands in an earlier row; it counts once.
    PaymentTwice {
        /// That row.
        first_row: u32,
    },
}

/// A row that is taken in and should be looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Warning {
    /// The row, counted from 1 with title and header.
    pub sheet_row: u32,
    /// What to look at.
    pub kind: WarningKind,
}

impl Warning {
    /// Row and doubt in words.
    pub fn sentence_zh(&self) -> String {
        format!("第{}行：{}。", self.sheet_row, self.kind.sentence_zh())
    }
}

impl WarningKind {
    /// The doubt in words, without the row.
    pub fn sentence_zh(&self) -> String {
        match self {
            Self::BorrowerName(flag) => format!("借款学生{}", flag.sentence_zh()),
            Self::CoBorrowerName(flag) => format!("共同借款人{}", flag.sentence_zh()),
            Self::CoBorrowerId(fault) => format!("共同借款人证件没有导入：{}", fault.sentence_zh()),
            Self::BorrowerAge => "借款学生不到15岁或超过60岁，请核对身份证号".to_owned(),
            Self::CoBorrowerAge => "共同借款人不到22岁或超过85岁，请核对身份证号".to_owned(),
            Self::TownshipUnknown => "区划表里没有这个乡镇，请手工指定".to_owned(),
            Self::VillageUnknown => "这个乡镇里没有这个村，请手工指定".to_owned(),
            Self::OldPlaceName => "用的是旧地名，已按现在的名称对应，请核对".to_owned(),
            Self::Phone { column, fault } => {
                format!("{}{}，原样保留", column.title_zh(), fault.sentence_zh())
            }
            Self::SharedPhone { addresses } => {
                format!("同一个电话出现在{addresses}个不同的住址，可能是老师、商店或联络员的")
            }
            Self::PrincipalUnusual => "合同金额不在1000至25000元之间，或不是整元，请核对".to_owned(),
            Self::PrincipalAboveOriginal => "剩余本金比合同金额还多，请核对".to_owned(),
            Self::MaturityUnusual => "到期日不是9月20日或8月31日，请核对".to_owned(),
            Self::GradYear => "毕业年份看不懂或不合常理，没有导入".to_owned(),
            Self::DiffersFromEarlierRow(column) => {
                format!("同一身份证号的前面一行，{}与本行不同，暂按前面的，请核对", column.title_zh())
            }
            Self::PossibleDuplicate { other_row } => {
                format!("与第{other_row}行同名、同村、同生日但身份证号不同，可能是同一人")
            }
            Self::DataDateDiffers => "本行数据日期与整份名单不同，请核对".to_owned(),
            Self::OtherName => "姓名与名单上这份合同的不同，按合同编号对上了，请核对".to_owned(),
            Self::PaymentTwice { first_row } => format!("与第{first_row}行是同一笔还款，只算一次"),
        }
    }
}

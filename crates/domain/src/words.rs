//! The closed lists of the field: lines, roles, results, modes, states. One word each, the same in facts, SQL and api.
//! Adding a word is a change of format: older desks keep what they do not know and show it as unknown.

use serde::{Deserialize, Serialize};

/// Declares a closed list that travels as SCREAMING text and is written in Chinese for people.
macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $variant:ident = $text:literal, $zh:literal;)+ }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
        #[cfg_attr(feature = "api", derive(schemars::JsonSchema, ts_rs::TS))]
        pub enum $name {
            $($(#[$vdoc])* #[serde(rename = $text)] $variant,)+
        }

        impl $name {
            /// Every word of the list, in its order.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// The word as it travels and is stored.
            pub fn code(self) -> &'static str {
                match self { $(Self::$variant => $text,)+ }
            }

            /// The word as people read it.
            pub fn zh(self) -> &'static str {
                match self { $(Self::$variant => $zh,)+ }
            }

            /// The word of this code, if it is known.
            pub fn of_code(code: &str) -> Option<Self> {
                match code { $($text => Some(Self::$variant),)+ _ => None }
            }
        }
    };
}

words!(
    /// The two lines of responsibility (双线联动, M08).
    Line {
        /// 县—乡—村.
        Government = "GOVERNMENT", "县—乡—村";
        /// 教体局—中心校—学校.
        Education = "EDUCATION", "教体局—中心校—学校";
    }
);

words!(
    /// What an account may do (domain.md §5).
    Role {
        /// Sees aggregates only.
        LeadingGroup = "LEADING_GROUP", "领导小组";
        /// Supervises a zone, sees aggregates.
        BureauLeader = "BUREAU_LEADER", "局领导";
        /// Decides at the county centre; does not import.
        CentreHead = "CENTRE_HEAD", "中心主任";
        /// Imports, assigns, prints in batch at the county centre.
        CentreOperator = "CENTRE_OPERATOR", "中心经办";
        /// Reads the audit trail.
        CentreAuditor = "CENTRE_AUDITOR", "中心审计";
        /// Runs accounts and devices, sees no borrower.
        SysAdmin = "SYS_ADMIN", "系统管理";
        /// Works an agency point's counter.
        AgencyStaff = "AGENCY_STAFF", "代理点人员";
        /// Works one township of the government line.
        TownshipClerk = "TOWNSHIP_CLERK", "乡镇经办";
        /// Leads the school line in one township.
        CentralDirector = "CENTRAL_DIRECTOR", "中心校资助主任";
        /// Works the cases assigned to one school.
        SchoolDirector = "SCHOOL_DIRECTOR", "学校资助主任";
    }
);

impl Role {
    /// The line whose notes the role reads and writes; the county centre stands above both.
    pub fn line(self) -> Option<Line> {
        match self {
            Self::TownshipClerk => Some(Line::Government),
            Self::CentralDirector | Self::SchoolDirector => Some(Line::Education),
            Self::LeadingGroup
            | Self::BureauLeader
            | Self::CentreHead
            | Self::CentreOperator
            | Self::CentreAuditor
            | Self::SysAdmin
            | Self::AgencyStaff => None,
        }
    }

    /// Whether the role may see every file of the county.
    pub fn sees_all(self) -> bool {
        match self {
            Self::CentreHead | Self::CentreOperator | Self::CentreAuditor => true,
            Self::LeadingGroup
            | Self::BureauLeader
            | Self::SysAdmin
            | Self::AgencyStaff
            | Self::TownshipClerk
            | Self::CentralDirector
            | Self::SchoolDirector => false,
        }
    }

    /// Whether the role watches over the others: laptops that are lost, masks that were lifted.
    pub fn guards(self) -> bool {
        matches!(self, Self::CentreHead | Self::CentreAuditor)
    }

    /// Whether the role goes to doors or sits at the centre's counter: visits, papers, contacts, payments.
    pub fn works_cases(self) -> bool {
        match self {
            Self::CentreHead
            | Self::CentreOperator
            | Self::TownshipClerk
            | Self::CentralDirector
            | Self::SchoolDirector => true,
            Self::LeadingGroup | Self::BureauLeader | Self::CentreAuditor | Self::SysAdmin | Self::AgencyStaff => false,
        }
    }
}

words!(
    /// The sections of a case file: the unit of need-to-know within a family.
    Section {
        /// What every person entitled to the file may see.
        Core = "CORE", "基本";
        /// Full ID and account numbers: county centre only.
        Id = "ID", "证件";
        /// The care flag and hardship reasons: county centre only.
        Care = "CARE", "关怀";
        /// The government line's own notes.
        Gov = "GOV", "乡镇线";
        /// The education line's own notes.
        Edu = "EDU", "学校线";
    }
);

impl Section {
    /// The section that holds the own notes of a line.
    pub fn of_line(line: Line) -> Self {
        match line {
            Line::Government => Self::Gov,
            Line::Education => Self::Edu,
        }
    }
}

words!(
    /// Kinds of numbered documents (domain.md §4.0.2).
    DocKind {
        /// 还款通知书.
        RepaymentNotice = "REPAYMENT_NOTICE", "还款通知书";
        /// 送达回证.
        ServiceReceipt = "SERVICE_RECEIPT", "送达回证";
    }
);

impl DocKind {
    /// The kind's code word within a document number.
    pub fn code_word(self) -> &'static str {
        match self {
            Self::RepaymentNotice => "还通",
            Self::ServiceReceipt => "回证",
        }
    }
}

words!(
    /// How a letter was served (domain.md §4.4).
    ServiceMode {
        /// Into the hands of the borrower or co-borrower.
        Direct = "DIRECT", "直接送达";
        /// By a co-resident adult relative.
        CoResident = "CO_RESIDENT", "同住成年家属代收";
        /// Refused, left at the home before a witness or on photo.
        LeftAtHome = "LEFT_AT_HOME", "留置送达";
        /// Registered post or EMS.
        Post = "POST", "邮寄送达";
        /// With prior written consent.
        Electronic = "ELECTRONIC", "电子送达";
    }
);

words!(
    /// Why the team went (domain.md §4.5).
    VisitPurpose {
        /// To serve letters.
        Serve = "SERVE", "送达";
        /// To check contacts and address.
        CheckDetails = "CHECK_DETAILS", "核对信息";
        /// To explain how to repay.
        Advise = "ADVISE", "还款辅导";
        /// To find the dwelling; nothing of the debt is said.
        Locate = "LOCATE", "查找住址";
    }
);

words!(
    /// What came of a visit (domain.md §4.5).
    VisitResult {
        /// 见到学生.
        MetBorrower = "MET_BORROWER", "见到学生";
        /// 见到共同借款人.
        MetCoBorrower = "MET_CO_BORROWER", "见到共同借款人";
        /// 见到同住家属.
        MetFamily = "MET_FAMILY", "见到同住家属";
        /// 无人.
        NotMet = "NOT_MET", "无人在家";
        /// 已搬离.
        Moved = "MOVED", "已搬离";
        /// 地址不存在.
        NoSuchAddress = "NO_SUCH_ADDRESS", "地址不存在";
        /// 拒绝.
        Refused = "REFUSED", "拒绝";
    }
);

impl VisitResult {
    /// Whether somebody of the family was met.
    pub fn met(self) -> bool {
        match self {
            Self::MetBorrower | Self::MetCoBorrower | Self::MetFamily => true,
            Self::NotMet | Self::Moved | Self::NoSuchAddress | Self::Refused => false,
        }
    }
}

words!(
    /// What the family says of its situation; ticks only (domain.md §4.5).
    Situation {
        /// 已还.
        AlreadyPaid = "ALREADY_PAID", "已还";
        /// 承诺日前还.
        Pledged = "PLEDGED", "承诺还款";
        /// 继续读书.
        StillStudying = "STILL_STUDYING", "继续读书";
        /// 服役.
        InService = "IN_SERVICE", "服兵役";
        /// 重病.
        Illness = "ILLNESS", "重病";
        /// 受灾.
        Disaster = "DISASTER", "受灾";
        /// 失业.
        OutOfWork = "OUT_OF_WORK", "失业";
        /// 金额有异议.
        DisputesAmount = "DISPUTES_AMOUNT", "金额有异议";
        /// 本人称非本人贷款.
        NotTheirLoan = "NOT_THEIR_LOAN", "称非本人贷款";
        /// 其他.
        Other = "OTHER", "其他";
    }
);

words!(
    /// State of a contact number (domain.md §6.4).
    ContactState {
        /// Nobody has tried it.
        Unverified = "UNVERIFIED", "未核实";
        /// Somebody answered and is the right person.
        Confirmed = "CONFIRMED", "已确认";
        /// Rang, nobody answered.
        NoAnswer = "NO_ANSWER", "无人接听";
        /// Belongs to somebody else: blocked for all further lists.
        WrongPerson = "WRONG_PERSON", "不是本人家";
        /// 停机、空号.
        OutOfService = "OUT_OF_SERVICE", "停机空号";
        /// The person asked not to be called.
        DoNotCall = "DO_NOT_CALL", "请勿再打";
    }
);

words!(
    /// Where a contact or an address comes from.
    Source {
        /// The bank's list.
        Bank = "BANK", "银行名单";
        /// The borrower or co-borrower in person.
        Family = "FAMILY", "本人或家属";
        /// The village committee.
        Village = "VILLAGE", "村委会";
        /// A neighbour or relative elsewhere.
        Neighbour = "NEIGHBOUR", "邻居亲友";
        /// The school.
        School = "SCHOOL", "学校";
        /// The county centre's own call.
        County = "COUNTY", "县资助中心";
    }
);

words!(
    /// How a payment was made that staff saw a slip of (domain.md §3.8). Cash does not exist.
    PayChannel {
        /// POS terminal, debit card only.
        Pos = "POS", "POS机刷卡";
        /// 支付宝.
        Alipay = "ALIPAY", "支付宝";
        /// The settlement bank's app.
        BankApp = "BANK_APP", "手机银行";
        /// 云闪付.
        UnionpayApp = "UNIONPAY_APP", "云闪付";
    }
);

words!(
    /// What a message to a family's phone is about (domain.md §4.9).
    TextTopic {
        /// The treasury stops paying the interest.
        InterestStart = "INTEREST_START", "利息开始自付";
        /// Something falls due this year.
        Annual = "ANNUAL", "年度到期";
    }
);

words!(
    /// What a line of the bank's feed says (domain.md §6.2), the gravest last.
    BankState {
        /// Booked.
        Booked = "BOOKED", "已还款";
        /// Seen, not booked.
        Pending = "PENDING", "扣款审批中";
        /// Nothing came.
        Unpaid = "UNPAID", "未还款";
        /// Nothing came in time, by the bank's own word.
        Overdue = "OVERDUE", "逾期";
        /// Given up.
        WrittenOff = "WRITTEN_OFF", "核销";
    }
);

words!(
    /// Why two files of one name may be one person's.
    SameWhy {
        /// A phone number in common.
        Phone = "PHONE", "同名，电话相同";
        /// The same co-borrower.
        CoBorrower = "CO_BORROWER", "同名，共同借款人相同";
        /// One is gone from the list, the other is of the same village.
        Village = "VILLAGE", "同名同村，一份已不在名单里";
    }
);

words!(
    /// A table of the field's rules.
    RuleTable {
        /// The five-year LPR.
        Lpr = "LPR", "贷款市场报价利率（五年期以上）";
        /// What contracts are above or below it.
        Spreads = "SPREADS", "助学贷款加减点";
        /// The most that is lent in a year.
        Caps = "CAPS", "每学年贷款额度上限";
        /// Years in which the state waived interest.
        Waivers = "WAIVERS", "免息和缓还本金";
        /// When one may pay early.
        Prepayment = "PREPAYMENT", "提前还款申请";
        /// The dated tasks.
        Calendar = "CALENDAR", "全年任务日期";
    }
);

words!(
    /// What is proposed to the head (imports by two persons).
    ProposedKind {
        /// The bank's list of all that is due.
        DueList = "DUE_LIST", "应还款名单";
        /// Rows that are added to it.
        Supplement = "SUPPLEMENT", "名单补充";
        /// The bank's feed of what is new.
        Feed = "FEED", "还款明细";
        /// The bank's feed of all contracts.
        Snapshot = "SNAPSHOT", "还款快照";
        /// Something loaded is taken back.
        Undo = "UNDO", "撤销导入";
    }
);

words!(
    /// How far a proposal is.
    ProposalState {
        /// The head has not decided.
        Waiting = "WAITING", "等主任确认";
        /// The head agreed; it is not loaded yet.
        Accepted = "ACCEPTED", "主任已同意，待载入";
        /// The head did not agree.
        Refused = "REFUSED", "主任没有同意";
        /// It was carried out.
        Loaded = "LOADED", "已载入";
        /// It was carried out and taken back.
        Undone = "UNDONE", "已撤销";
    }
);

words!(
    /// Status of a due item (domain.md §3.11), furthest first reached last.
    DueStatus {
        /// On the bank's list.
        Listed = "LISTED", "待通知";
        /// A notice was printed or told.
        Notified = "NOTIFIED", "已通知";
        /// A letter was served by the rules of its mode.
        Served = "SERVED", "已送达";
        /// The family named a day.
        Pledged = "PLEDGED", "已承诺";
        /// Staff saw a slip; the bank has not said anything.
        ReportedPaid = "REPORTED_PAID", "已报还款";
        /// 扣款审批中 in a bank export.
        BankPending = "BANK_PENDING", "扣款审批中";
        /// Confirmed or pending sum below the amount due.
        PartiallyPaid = "PARTIALLY_PAID", "部分还款";
        /// Booked by the bank.
        BankConfirmed = "BANK_CONFIRMED", "已入账";
        /// Not to be collected now.
        Exempt = "EXEMPT", "免于催收";
        /// The bank says so, after the due date.
        Overdue = "OVERDUE", "逾期";
        /// Past the due date without a booked payment in the data at hand; not the same as overdue.
        NotSeen = "NOT_SEEN", "未见入账";
        /// The bank gave it up.
        WrittenOff = "WRITTEN_OFF", "核销";
    }
);

words!(
    /// Where a letter is on its way (domain.md §6.9).
    LetterState {
        /// Printed, number consumed.
        Printed = "PRINTED", "已打印，未送达";
        /// A visit says it was handed over; the receipt is not yet home.
        Served = "SERVED", "已送达，回证未收";
        /// The signed receipt is filed and complete.
        ReceiptBack = "RECEIPT_BACK", "回证已收";
        /// Spoiled or withdrawn; the number is never used again.
        Void = "VOID", "作废";
    }
);

words!(
    /// The registries behind letterhead and work, each with an import sheet.
    RegistrySheet {
        /// 学校资助中心 and 中心校 (M13).
        SchoolCentres = "SCHOOL_CENTRES", "学校资助中心";
        /// 资助中心主任 (M14).
        Directors = "DIRECTORS", "资助中心主任";
        /// 村级联络员 (M16); paper only, no login.
        Liaisons = "LIAISONS", "村级联络员";
        /// 代理点 (M20).
        AgencyPoints = "AGENCY_POINTS", "代理点";
    }
);

words!(
    /// What somebody was shown although it is masked otherwise.
    LookedAt {
        /// The full ID numbers of a family.
        Identity = "IDENTITY", "看了完整身份证号";
        /// A search by a full number found the family.
        SearchById = "SEARCH_BY_ID", "按身份证号查找";
    }
);

words!(
    /// Fields of a household that several people may fill, each a register with all its values kept.
    HouseholdField {
        /// Where the family was really found.
        AddressFound = "ADDRESS_FOUND", "实际住址";
        /// Hamlet, group and landmark, in the words of the village.
        Whereabouts = "WHEREABOUTS", "组和路标";
        /// The name as on the ID card.
        NameTrue = "NAME_TRUE", "姓名（证件）";
    }
);

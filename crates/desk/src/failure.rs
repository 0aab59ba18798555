//! Why something was not done, in words for people. A code exists only if a screen branches on it or words it.
//! The sentences stand here and not in the ui, because the window, the browser and the command line say the same.
//! Causes never reach a person: they go to the log of incidents under their number.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use store::bundle::BundleFault;
use store::stick::StickFault;
use store::{DiskTrouble, StoreFault};
use ts_rs::TS;

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $code:literal, $zh:literal, $en:literal;)+) => {
        /// What kind of failure.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema, TS)]
        pub enum Code { $($(#[$doc])* #[serde(rename = $code)] $name,)+ }

        impl Code {
            /// Every code.
            pub const ALL: &'static [Self] = &[$(Self::$name,)+];
            fn words(self) -> (&'static str, &'static str) {
                match self { $(Self::$name => ($zh, $en),)+ }
            }
        }
    };
}

codes! {
    /// No such call.
    UnknownCall = "UNKNOWN_CALL", "没有叫“{call}”的操作。相近的有：{near}。", "There is no call named “{call}”. Near: {near}.";
    /// Arguments that do not fit.
    BadInput = "BAD_INPUT", "填写的内容不对：{problem}。", "The input does not fit: {problem}.";
    /// No home yet.
    NoHome = "NO_HOME", "这台电脑还没有加入县里。请先用邀请码加入。", "This computer has not joined a county yet. Join with an invitation first.";
    /// A home is there already.
    HomeExists = "HOME_EXISTS", "这台电脑已经加入过了。", "There is a home here already.";
    /// Locked.
    Locked = "LOCKED", "已锁上。请输入口令打开。", "It is locked. Open it with the passphrase.";
    /// Wrong passphrase.
    WrongPassphrase = "WRONG_PASSPHRASE", "口令不对，没有打开。请再输一次；忘了口令请联系县资助中心。", "The passphrase is wrong; nothing was opened. Try again, or ask the county centre if it is forgotten.";
    /// The machine's keyring does not answer.
    KeyringSilent = "KEYRING_SILENT", "这份数据只能在这台电脑上打开，一半钥匙收在电脑自带的钥匙串里，钥匙串现在没有应答，所以没有打开。请先解开钥匙串（注销后重新登录电脑也行）再试；还是不行，点“口令忘了”，请两位指定的人帮忙。数据没有丢。", "This home opens on this machine alone: half of its key is in the system's keyring, which does not answer, so nothing was opened. Unlock the keyring (or log out of the machine and in again) and try once more; if that does not help, choose “Forgotten” and have two of the named persons help. Nothing is lost.";
    /// The machine's keyring has not got this home's secret.
    KeyringEmpty = "KEYRING_EMPTY", "这台电脑的钥匙串里没有这份数据的那一半钥匙，所以没有打开：可能重装过系统，也可能数据是从别的电脑拷来的。请在原来那台电脑上打开，或点“口令忘了”，请两位指定的人帮忙。数据没有丢。", "This machine's keyring does not hold this home's half of the key, so nothing was opened: the system was installed anew, or the folder comes from another machine. Open it on that machine, or choose “Forgotten” and have two of the named persons help. Nothing is lost.";
    /// Weak passphrase.
    WeakPassphrase = "WEAK_PASSPHRASE", "口令太容易被猜到。请用一句只有您自己知道的话，至少8个字，例如家里的一件事；不要用生日、电话、名字或常见的口令。", "The passphrase is too easy to guess. Take a sentence that only you know, 8 characters at least; no birthday, phone number, name or common one.";
    /// Another program has the home open.
    HomeInUse = "HOME_IN_USE", "这份数据正被另一个窗口使用。请先关掉那个窗口。", "This home is in use by another window. Close it first.";
    /// The home's files are damaged.
    HomeDamaged = "HOME_DAMAGED", "本机的数据文件有损坏，没有打开。请不要删除任何文件；可以换上本机的一份备份接着用，或联系县资助中心。", "The home's files are damaged and were not opened. Delete nothing; go on from a backup on this laptop, or ask the county centre.";
    /// Not an invitation.
    BadInvitation = "BAD_INVITATION", "这不是有效的邀请码。请把县里发来的整段复制进来，以RUHU1-开头。", "This is not an invitation code. Copy the whole text the county sent, from RUHU1- on.";
    /// Unknown invitation.
    InvitationUnknown = "INVITATION_UNKNOWN", "县里没有发过这个邀请码。请向县资助中心再要一个。", "The county does not know this invitation. Ask the centre for another.";
    /// Used invitation.
    InvitationUsed = "INVITATION_USED", "这个邀请码已经用过了，一个邀请码只能用一次。请向县资助中心再要一个。", "This invitation has been used; each works once. Ask the centre for another.";
    /// Expired invitation.
    InvitationExpired = "INVITATION_EXPIRED", "这个邀请码已过期。请向县资助中心再要一个。", "This invitation has run out. Ask the centre for another.";
    /// The county has not compared this laptop's words yet.
    NotConfirmed = "NOT_CONFIRMED", "县里还没有放行这台电脑。请给县资助中心打电话，把这六个词念给他们：{words}。对上以后，用同一个邀请码和口令再点一次“加入”。", "The county has not let this laptop in yet. Call the centre and read them these six words: {words}. Once they match, join again with the same code and passphrase.";
    /// Practice home, real county or the other way round.
    PracticeMismatch = "PRACTICE_MISMATCH", "演练用的数据只能加入演练县，正式的只能加入正式的县。", "A practice home joins a practice county only, a real one a real county only.";
    /// The county is not there.
    CountyUnreachable = "COUNTY_UNREACHABLE", "没有连上县里。记录都在本机，连上后再送。", "The county was not reached. Everything is kept here and is sent when it is.";
    /// It is not the county that was joined.
    CountyNotTrusted = "COUNTY_NOT_TRUSTED", "对方不是加入时的那台县服务器，没有交换任何数据。请联系县资助中心。", "The server is not the county that was joined; nothing was exchanged. Ask the centre.";
    /// The line broke.
    LineBroken = "LINE_BROKEN", "和县里的连接中断了。已收到的都保存好了，下次接着送。", "The line to the county broke. What arrived is kept; it goes on next time.";
    /// The county refused.
    CountyRefused = "COUNTY_REFUSED", "县里没有接受：{why}。本机的记录都还在。", "The county refused: {why}. Everything here is kept.";
    /// The county's log is another.
    CountyRestored = "COUNTY_RESTORED", "县里的数据库换过了，暂时不能同步。本机的记录都还在，请联系县资助中心。", "The county's log is another one; no sync for now. Everything here is kept, ask the centre.";
    /// Both sides do not agree.
    SumsDiffer = "SUMS_DIFFER", "同步后两边的数目对不上，已从头核对一遍仍不一致。记录都在，没有丢失，请联系县资助中心。", "After the sync both sides count differently, even after everything was read again. Nothing is lost; ask the centre.";
    /// No right.
    NotAllowed = "NOT_ALLOWED", "您的岗位（{role}）不能做这一步：{what}。", "Your role ({role}) may not do this: {what}.";
    /// No such family here.
    NoHousehold = "NO_HOUSEHOLD", "本机没有这一户。可能不归您负责，或还没有同步。", "This family is not on this desk: not yours, or not synced yet.";
    /// No such thing.
    NotFound = "NOT_FOUND", "没有找到{what}。", "{what} was not found.";
    /// Changed meanwhile.
    AlreadyReplaced = "ALREADY_REPLACED", "这条记录已经被更正过了，请看最新的一条。", "This record has been corrected already; look at the newest.";
    /// File not readable.
    FileUnreadable = "FILE_UNREADABLE", "读不了文件“{file}”：{why}。", "The file “{file}” cannot be read: {why}.";
    /// Not the workbook wanted.
    WorkbookUnreadable = "WORKBOOK_UNREADABLE", "这个工作簿读不了：{why}", "The workbook cannot be read: {why}";
    /// A place table with a fault.
    PlacesUnreadable = "PLACES_UNREADABLE", "行政区划表读不了：{why}。", "The place table cannot be read: {why}.";
    /// Places first.
    NoPlaces = "NO_PLACES", "还没有行政区划表。请先在“导入”里载入乡镇和村的名单。", "There is no place table yet. Load the townships and villages first.";
    /// No word of the head.
    ExportNotApproved = "EXPORT_NOT_APPROVED", "“{what}”还没有经负责人批准（批准管七天）。请中心主任先批准，再导出。", "The head has not approved this list ({what}) within the last seven days. Ask the head first.";
    /// A list with nobody on it.
    NothingToExport = "NOTHING_TO_EXPORT", "没有一户要列进这份名单，没有导出。", "There is nobody to put on this list; nothing was exported.";
    /// A name that an encoding lacks.
    NotInEncoding = "NOT_IN_ENCODING", "“{name}”一行里有{encoding}写不出的字，写出去会变成问号，没有导出。请换成国标GB18030、UTF-8或表格。", "The row of {name} has a character that {encoding} lacks; it would become a question mark, so nothing was exported. Choose GB18030, UTF-8 or a workbook.";
    /// No such folder.
    NoFolder = "NO_FOLDER", "找不到文件夹“{folder}”，请另选一个。", "There is no folder “{folder}”. Choose another.";
    /// A folder that takes no file.
    NotExported = "NOT_EXPORTED", "写不进“{file}”：{why}。请换一个文件夹再导出。", "“{file}” cannot be written: {why}. Choose another folder.";
    /// A list or feed whose own totals are not its sums.
    TotalsDiffer = "TOTALS_DIFFER", "表尾第{row}行的合计和各行加起来不一样，可能少了行或者有人改过数，什么都没有导入。请向银行重新要一份。", "The totals in row {row} are not what the rows add up to; rows may be missing. Nothing was imported. Ask the bank for the file again.";
    /// A contract of somebody else's.
    ContractElsewhere = "CONTRACT_ELSEWHERE", "合同{contract}在现在的名单里是另一户的，没有补充。请先核对这份合同的身份证号，再用全部名单导入。", "Contract {contract} is another family's in the list in use; nothing was added. Check its ID number, then import the whole list.";
    /// A table of rules that cannot be used.
    RulesUnreadable = "RULES_UNREADABLE", "这张表不能用，第{row}行：{why}。什么都没有改。", "This table cannot be used, row {row}: {why}. Nothing was changed.";
    /// Too early to close.
    SeasonNotOver = "SEASON_NOT_OVER", "{due_on}还没有过，不能结账。", "The season ends after {due_on}; it cannot be closed yet.";
    /// Only what the bank booked closes a season.
    NoFeedAfterDue = "NO_FEED_AFTER_DUE", "还没有{due_on}以后的银行还款明细，不能结账。请先导入。", "No feed of the bank's after {due_on} is here; import one before closing.";
    /// Something is half way in.
    ImportsWait = "IMPORTS_WAIT", "还有导入在等确认或者等载入，处理完再结账。", "Imports are still waiting to be decided or loaded; finish them before closing.";
    /// Nothing changed since.
    ClosedAlready = "CLOSED_ALREADY", "{year}年已经结账，之后数据没有变化。", "{year} is closed, and nothing has changed since.";
    /// Cash.
    CashRefused = "CASH_REFUSED", "我们不收现金，现金也不能登记成还款：钱只有进了借款学生的还款账号，银行才算还。请当面用POS机刷银行卡，或者教家里人用支付宝、手机银行、云闪付还。已经有人收了现金的，马上告诉县资助中心。", "Cash is not taken and cannot be recorded: only what reaches the repayment account counts. Use the POS terminal, or show the family how to pay by Alipay, bank app or UnionPay. If anybody has taken cash, tell the county centre at once.";
    /// A proposal that is not here.
    NoSuchProposal = "NO_SUCH_PROPOSAL", "没有这份待确认的导入，可能还没有同步过来。请先同步。", "There is no such proposed import here; it may not have come yet. Sync first.";
    /// Nobody agrees to what they proposed.
    OwnProposal = "OWN_PROPOSAL", "自己提出的导入要由另一个人确认。", "Somebody else must agree to what you proposed yourself.";
    /// It was carried out.
    ProposalSettled = "PROPOSAL_SETTLED", "这份导入的状态是“{state}”，不能再改。", "This import is already settled ({state}) and cannot be changed.";
    /// The head's word is missing.
    ProposalNotAccepted = "PROPOSAL_NOT_ACCEPTED", "这份导入的状态是“{state}”，要主任同意以后才能载入。同步以后再看。", "This import can be loaded once the head has agreed ({state}). Sync and look again.";
    /// The file is on another laptop.
    ImportNotKept = "IMPORT_NOT_KEPT", "文件《{file}》没有存在这台电脑上。请再选一次同一份文件，主任同意过的会直接载入。", "The file “{file}” is not kept on this laptop. Choose the same file once more; since the head agreed, it is loaded at once.";
    /// A newer list was loaded since.
    UndoNewestFirst = "UNDO_NEWEST_FIRST", "后面又载入过名单，要先撤销最后载入的那一份。", "A later list was loaded since; take that one back first.";
    /// A feed before there is a list.
    NoDueList = "NO_DUE_LIST", "还没有应还款名单，还款明细对不上人。请先导入名单。", "There is no due list yet for payments to belong to. Import the list first.";
    /// What the bank says since the list.
    BankMoved = "BANK_MOVED", "银行的还款记录里，这一户已经入账一部分，或者有逾期、核销，名单上的应还数不能再印。请等银行的新名单。", "By the bank's payment records this family has paid a part, or is overdue or written off; the list's amount may not be printed. Wait for a newer list.";
    /// An older list than the one in use.
    OlderList = "OLDER_LIST", "这份名单的数据截至{as_of}，比现在用的（{current}）还旧，没有导入。", "This list is of {as_of}, older than the one in use ({current}); it was not imported.";
    /// Nothing to import.
    NothingToImport = "NOTHING_TO_IMPORT", "表里没有一行可以导入，什么都没有改动。", "No row of the sheet can be imported; nothing was changed.";
    /// Profile first.
    NoProfile = "NO_PROFILE", "县中心的单位资料还没有填（名称、电话），不能印文书。请县里先填好并同步。", "The centre's profile (name, phone) is missing; no letter can be printed. The county fills it first.";
    /// Nothing due.
    NothingDue = "NOTHING_DUE", "这一户本期没有应还款，不印通知书。", "Nothing is due for this family; no notice is printed.";
    /// After the due date.
    AfterDue = "AFTER_DUE", "还款日{due_on}已过，再印还款通知书就不属实了。请改用逾期提醒。", "The due date {due_on} has passed; a repayment notice would be a false statement now.";
    /// Data from the future.
    DataFromFuture = "DATA_FROM_FUTURE", "银行数据的日期（{as_of}）比今天还晚。请核对电脑日期或名单日期，先不印。", "The bank data's date ({as_of}) lies after today. Check the clock or the list; nothing is printed.";
    /// A reason is needed.
    NeedsReason = "NEEDS_REASON", "银行数据截至{as_of}，已经{days}天。要印请写明原因；最好先同步新数据。", "The bank data are of {as_of}, {days} days old. Give a reason to print; better sync first.";
    /// Too old.
    DataTooOld = "DATA_TOO_OLD", "银行数据截至{as_of}，已经{days}天，超过30天，不能印。请先取得新数据。", "The bank data are of {as_of}, {days} days old, over 30: no print. Get new data first.";
    /// Re-priced meanwhile.
    Repriced = "REPRICED", "银行数据截至{as_of}，之后12月21日利率已经调整，旧数字不能印。请先取得新数据。", "The bank data are of {as_of}; rates were re-set on 21 December since. Old figures are not printed.";
    /// Paid already.
    AlreadyPaid = "ALREADY_PAID", "这一户已报还款或已入账，不再印通知书。", "This family has reported or booked its payment; no notice is printed.";
    /// A sheet of this kind is out.
    AlreadyPrinted = "ALREADY_PRINTED", "这一户已经印过{doc_no}。要重印请先把那一张作废。", "{doc_no} has been printed for this family. Void it first to print again.";
    /// No numbers.
    NoNumbers = "NO_NUMBERS", "本机的{kind}文号不够（要{needed}个，剩{left}个）。请先同步领取号段。", "Not enough numbers for {kind} here (need {needed}, left {left}). Sync to lease a block.";
    /// A glyph that no font has.
    MissingGlyph = "MISSING_GLYPH", "“{name}”里的字“{char}”没有字库，不能印出来。请用手写补打单。", "No font has “{char}” of “{name}”; it cannot be printed. Use the hand-written form.";
    /// Drawing failed.
    CannotDraw = "CANNOT_DRAW", "这份文书印不出来：{why}。", "The letter cannot be drawn: {why}.";
    /// Drawn differently from before.
    DrawnDifferently = "DRAWN_DIFFERENTLY", "重画出来的{doc_no}和当时印的不一样，没有给出。请联系县资助中心。", "{doc_no} draws differently from when it was printed; it is not shown. Ask the centre.";
    /// A document's number stands on the sheets of several families.
    NumberTwice = "NUMBER_TWICE", "{doc_no}这个文号印在了几户的文书上（{names}）。请从这一户的文书里点开再办。", "{doc_no} was printed for several families ({names}). Open it from the family's own list.";
    /// Void already.
    LetterVoid = "LETTER_VOID", "{doc_no}已经作废。", "{doc_no} is void.";
    /// Served: not voidable.
    LetterServed = "LETTER_SERVED", "{doc_no}的回证已经收全，不能作废。", "The receipt of {doc_no} is complete; it cannot be voided.";
    /// What reads foreign files cannot be started.
    NoReader = "NO_READER", "读“{file}”的部分没有启动起来。请关掉入户通再打开，然后再试一次。", "The part that reads “{file}” could not be started. Close the program, open it again and try once more.";
    /// Not a picture.
    NotAPicture = "NOT_A_PICTURE", "“{file}”不是照片或扫描件。请用JPEG、PNG或PDF。", "“{file}” is no photo or scan. Use JPEG, PNG or PDF.";
    /// Too large.
    TooLarge = "TOO_LARGE", "“{file}”太大（{size}），最多{most}。", "“{file}” is too large ({size}), at most {most}.";
    /// The picture was filed under another receipt.
    PictureReused = "PICTURE_REUSED", "这张照片已经用在{doc_no}上了，请换一张。", "This picture is filed under {doc_no}; take another.";
    /// Rules of the visit.
    VisitRule = "VISIT_RULE", "{why}", "{why_en}";
    /// Rules of the receipt.
    ReceiptRule = "RECEIPT_RULE", "回证还不完整：{why}", "The receipt is not complete: {why_en}";
    /// Rules of the payment.
    PaymentRule = "PAYMENT_RULE", "{why}", "{why_en}";
    /// A phone number that is none.
    BadPhone = "BAD_PHONE", "“{number}”不是能用的电话号码：{why}。", "“{number}” is no usable phone number.";
    /// Empty text.
    EmptyText = "EMPTY_TEXT", "还没有填内容。", "Nothing was filled in.";
    /// More masks lifted than a person needs.
    TooManyLooks = "TOO_MANY_LOOKS", "一分钟里看得太多了，请稍等再看。每次查看都有记录。", "Too many numbers were shown within a minute; wait a little. Each look is on record.";
    /// No such laptop.
    NoLaptop = "NO_LAPTOP", "没有这台电脑。请先同步，再从名单里选。", "There is no such laptop. Sync first, then choose from the list.";
    /// The one in front of the person.
    OwnLaptop = "OWN_LAPTOP", "这就是您正在用的电脑，不能报失。", "This is the laptop in front of you; it is not lost.";
    /// Said already.
    SaidLost = "SAID_LOST", "这台电脑您已经报过失，或者已经停用。要另一位（负责人或审计）在自己的电脑上也报一次才生效。", "You have said so already, or it is turned out. Another person (head or auditor) must say so at their own desk.";
    /// A time to come.
    NotYet = "NOT_YET", "丢失的时间还没有到，请核对日期和时间。", "That time has not come yet; check day and time.";
    /// Nobody was named to help with a forgotten passphrase.
    NoOfficers = "NO_OFFICERS", "这台电脑上还没有能帮忙找回口令的人：县里指定三个人以后，这台电脑要同步、再用口令打开过一次才行。请再想想口令；没送出的记录都还在本机。", "Nobody can help with this laptop's passphrase yet: after the county has named three persons it must have synced and been opened once. Try to remember; what was not sent is still here.";
    /// Three of three.
    ThreeOfficers = "THREE_OFFICERS", "要选三个人，三台不同的电脑；要取消，就一个也不选。", "Choose three persons with three laptops, or nobody to have none.";
    /// Not one of the three.
    NotOfficer = "NOT_OFFICER", "这个文件不是请您帮忙的：它认的三个人里没有这台电脑。", "This file does not ask you: this laptop is none of its three.";
    /// Not your turn.
    RecoveryTurn = "RECOVERY_TURN", "您这一道已经开过了，接下来请{officers}开；两道都开了就拿回那台电脑。", "You have done your part; next is {officers}. Once two have helped it goes back to the laptop.";
    /// The words differ.
    RecoveryWords = "RECOVERY_WORDS", "六个词对不上。请让那台电脑前的本人一个一个念给您听；对不上就不要开，可能有人换了文件。", "The six words differ. Have the person at that laptop say them one by one; if they still differ do not help: the file may have been exchanged.";
    /// Some other file.
    RecoveryFile = "RECOVERY_FILE", "“{file}”不是找回口令的文件，或者有损坏。请选名字以“找回口令”开头的那个。", "“{file}” is no file for a forgotten passphrase, or is damaged. Choose the one whose name begins with 找回口令.";
    /// Of another county.
    RecoveryOther = "RECOVERY_OTHER", "这个文件不是本县的电脑写的。", "This file was not written by a laptop of this county.";
    /// A lost laptop asks.
    RecoveryLost = "RECOVERY_LOST", "这台电脑已经报失或者停用，不能帮它找回口令。", "This laptop was reported lost or turned out; nobody may open it.";
    /// Only one has helped.
    RecoveryHalf = "RECOVERY_HALF", "还差一个人：请再拿给{officers}（任一位）开一道，然后拿回这台电脑。", "One more has to help: take it to any of {officers}, then back to this laptop.";
    /// Nobody has helped yet.
    RecoveryNone = "RECOVERY_NONE", "这个文件还没有人帮过：请{officers}里任意两位先后帮忙，再拿第二位写的那个文件回来。", "Nobody has helped with this file yet: any two of {officers} do so, one after the other; then bring the file that the second one wrote.";
    /// Another passphrase than was chosen.
    RecoveryFresh = "RECOVERY_FRESH", "和写到U盘时定的新口令不一样。请输那时定的那个；也忘了的话，重新写一次，再请两位帮忙。", "This is not the new passphrase that was chosen when it was written to the stick. Enter that one; if it is forgotten, too, write once more and have two persons help again.";
    /// It fits no longer.
    RecoveryOpen = "RECOVERY_OPEN", "“{file}”和这台电脑现在问的对不上，打不开。请在这台电脑上重新写一次，再请两位开。", "“{file}” does not fit what this laptop asks now. Write the question once more here and have two persons help again.";
    /// This laptop is lost.
    LaptopLost = "LAPTOP_LOST", "县里已把这台电脑报失停用。没有送出的记录已封存，只有县里打得开；其余资料已从这台电脑上清除。捡到这台电脑的，请交给县资助中心。", "The county has given this laptop up as lost. What was not sent is sealed for the county alone; everything else was erased here. Please hand it in at the county's student-aid centre.";
    /// Too long without a word from the county: it only shows.
    AwayShows = "AWAY_SHOWS", "这台电脑已经{days}天没有和县里联系，现在只能看、不能记。请同步一次，或用U盘交一趟、把县里的回复拿回来；写了一半的表都留着。", "This laptop has been without a word from the county for {days} days: it only shows now. Sync once, or take a stick there and bring the answer back; unfinished forms are kept.";
    /// Much too long: it is shut.
    AwayShut = "AWAY_SHUT", "这台电脑已经{days}天没有和县里联系，资料先合上了，一条也没有丢。请到“同步”里同步一次，或用U盘交一趟、把县里的回复拿回来。", "This laptop has been without a word from the county for {days} days and is shut; nothing is lost. Sync once on the sync page, or take a stick there and bring the answer back.";
    /// Over-long text.
    TextTooLong = "TEXT_TOO_LONG", "太长了，最多{most}个字。", "Too long, at most {most} characters.";
    /// A threat.
    ThreateningWords = "THREATENING_WORDS", "文字里有“{word}”一类吓唬人的话，不能记。只写事实。", "The text threatens (“{word}”); write facts only.";
    /// Not a known person.
    NoPerson = "NO_PERSON", "这台电脑上还没有账号“{person}”。对方加入县里以后，这边先同步一次再试。", "There is no account “{person}” here yet. Once they have joined, sync and try again.";
    /// Person has no line.
    NoLine = "NO_LINE", "“{person}”不在任何一条线上，请指定乡镇线或学校线。", "“{person}” belongs to no line; name the line.";
    /// Disk full.
    DiskFull = "DISK_FULL", "硬盘满了，这一条没有存上。请腾出空间后再试；已存的都在。", "The disk is full; this was not saved. Make room and try again; what was saved is safe.";
    /// Disk read-only.
    DiskReadOnly = "DISK_READ_ONLY", "硬盘不让写入，这一条没有存上。已存的都在。", "The disk does not let us write; this was not saved. What was saved is safe.";
    /// Disk broken.
    DiskBroken = "DISK_BROKEN", "硬盘读写出错，说不准这一条存上没有。资料已锁上，请用口令再打开，打开时会全部核对一遍；看看这一条在不在，不在再记一次，然后尽快同步，并联系县资助中心。", "The disk failed; whether this was saved is not certain. The home is locked: open it again, it is read through first. See whether this is there and enter it once more if not; then sync soon and ask the centre.";
    /// A copy of this home that cannot be read through.
    BackupUnusable = "BACKUP_UNUSABLE", "这份备份读不通，没有用它，现在的资料没有动。请换一份更早的备份再试。", "This backup cannot be read through; it was not used and nothing was changed. Try an earlier one.";
    /// The home stands at an earlier state than this laptop confirmed.
    HomeBehind = "HOME_BEHIND", "这台电脑的资料回到了以前的样子（{at}发现的，硬盘出过错或恢复过）。送到过县里的，同步后自动补回；没送过的请对照纸面核对补记。", "This laptop's records went back to an earlier state (found {at}: a disk fault or a restore). What the county has comes back by syncing; compare the rest with your papers.";
    /// The stick has no room.
    StickFull = "STICK_FULL", "U盘空间不够，这次要写{needed}。请删掉U盘上不用的文件，或换一个U盘；本机的记录都还在。", "The stick has too little room: {needed} are to be written. Delete files on it or take another; everything here is kept.";
    /// The stick is locked.
    StickReadOnly = "STICK_READ_ONLY", "U盘不让写入。请看看U盘侧面的写保护开关，或换一个U盘；本机的记录都还在。", "The stick does not let us write. Look for its lock switch or take another; everything here is kept.";
    /// The stick was pulled out.
    StickGone = "STICK_GONE", "U盘拔出来了，或者没有插稳，这一步没有做完。请插好再来一次；本机的记录都还在。", "The stick was pulled out or is loose; this was not finished. Plug it in and try again; everything here is kept.";
    /// The stick is broken or lies about its size.
    StickBad = "STICK_BAD", "这个U盘靠不住：读写出错，或读出来的和写进去的不一样（坏了，或容量是假的）。请换一个U盘；本机的记录都还在。", "This stick is not reliable: it fails, or gives back other bytes than were written (broken, or smaller than it says). Take another; everything here is kept.";
    /// No such folder on the stick.
    StickNoFolder = "STICK_NO_FOLDER", "找不到U盘上的这个文件夹。请插好U盘，再选一次。", "This folder of the stick is not there. Plug the stick in and choose again.";
    /// Nothing on the stick is for this desk.
    NoBundleHere = "NO_BUNDLE_HERE", "U盘里没有县里写给这台电脑的数据包。请先用U盘送出，交给县里（或代理点）收取后，再拿回来收取。", "The stick holds no bundle for this computer. First write yours, let the county (or an agency point) take it, then read the answer.";
    /// Some other file.
    NotABundle = "NOT_A_BUNDLE", "这个文件不是入户的数据包，没有读入。请选名字以.ruhu结尾的文件。", "This file is no bundle of Ruhu and was not read. Choose one whose name ends in .ruhu.";
    /// Sealed to somebody else.
    BundleNotOurs = "BUNDLE_NOT_OURS", "这个数据包不是给这台电脑的，只有收件的一方打得开。", "This bundle is not for this computer; only its receiver can open it.";
    /// Sealed by somebody who is not known here.
    BundleSenderUnknown = "BUNDLE_SENDER_UNKNOWN", "这个数据包不是本县发来的，没有读入。请联系县资助中心。", "This bundle does not come from this county and was not read. Ask the centre.";
    /// Its end is missing.
    BundleCut = "BUNDLE_CUT", "这个数据包不完整，后面少了一截，多半是U盘拔早了。请让对方重新写一次。", "This bundle is not whole, its end is missing; the stick was probably pulled out early. Have it written again.";
    /// Its bytes were changed.
    BundleDamaged = "BUNDLE_DAMAGED", "这个数据包有损坏（第{at}字节起）。请让对方换一个U盘重新写一次。", "This bundle is damaged (from byte {at} on). Have it written again on another stick.";
    /// Of a newer version.
    BundleNewer = "BUNDLE_NEWER", "这个数据包是更新的版本写的，请先升级程序，再读一次。", "This bundle was written by a newer version. Upgrade first, then read it again.";
    /// More than a bundle may hold.
    BundleTooLarge = "BUNDLE_TOO_LARGE", "数据包超过了上限（2GB，十万件，每件40MB），没有读写。", "The bundle is over its limits (2 GB, 100,000 items, 40 MB each); nothing was read or written.";
    /// The county's key is not known yet.
    BundleKeyMissing = "BUNDLE_KEY_MISSING", "这台电脑还没有拿到县里的U盘密钥，暂时用不了U盘。请先联网同步一次。", "This computer does not have the county's key for sticks yet. Sync once over the network first.";
    /// Newer file.
    MadeByNewer = "MADE_BY_NEWER", "这份数据是更新的版本写的，请先升级程序。", "The home was written by a newer version. Upgrade first.";
    /// Practice only.
    PracticeOnly = "PRACTICE_ONLY", "自定时间只能用在演练数据上。", "A clock of one's own is for practice homes only.";
    /// Ours.
    Internal = "INTERNAL", "程序出了问题，这一步没有做成，已存的都在。编号{incident}。", "Something went wrong in the program; this was not done, what was saved is safe. Incident {incident}.";
}

/// Why a call was not done. Nothing has changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
pub struct Failure {
    /// What kind.
    pub code: Code,
    /// The argument to go to, where one is to blame.
    pub field: Option<String>,
    /// The sentence in Chinese.
    pub zh: String,
    /// The sentence in English.
    pub en: String,
    /// Number under which the cause was noted.
    pub incident: Option<String>,
    /// What the sentence names.
    pub facts: BTreeMap<String, String>,
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.zh)
    }
}

impl std::error::Error for Failure {}

impl Failure {
    /// A failure with what its sentence names.
    pub fn new(code: Code, facts: &[(&str, &str)]) -> Self {
        let (mut zh, mut en) = (code.words().0.to_owned(), code.words().1.to_owned());
        for (name, value) in facts {
            let hole = format!("{{{name}}}");
            zh = zh.replace(&hole, value);
            en = en.replace(&hole, value);
        }
        let facts = facts.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Self { code, field: None, zh, en, incident: None, facts }
    }

    /// The same, naming the argument to go to.
    #[must_use]
    pub fn at(mut self, field: &str) -> Self {
        self.field = Some(field.to_owned());
        self
    }

    /// A call that does not exist, with the nearest names.
    pub fn unknown_call(call: &str, names: &[&str]) -> Self {
        let mut near: Vec<(usize, &str)> = names.iter().map(|name| (distance(call, name), *name)).collect();
        near.sort_unstable();
        let near: Vec<&str> = near.into_iter().take(3).map(|(_, name)| name).collect();
        Self::new(Code::UnknownCall, &[("call", call), ("near", &near.join("、"))])
    }

    /// Something of ours: the cause is noted under a number, the person sees the number.
    pub fn internal(cause: &dyn std::error::Error) -> Self {
        let mut chain = cause.to_string();
        let mut next = cause.source();
        while let Some(source) = next {
            chain.push_str(": ");
            chain.push_str(&source.to_string());
            next = source.source();
        }
        let hash = domain::ids::Sha::of(chain.as_bytes()).to_string();
        let incident: String = hash.chars().take(6).collect();
        crate::incident::note(&incident, &chain);
        let mut failure = Self::new(Code::Internal, &[("incident", &incident)]);
        failure.incident = Some(incident);
        failure
    }
}

/// Edits that turn one name into another (Levenshtein), ignoring case.
fn distance(a: &str, b: &str) -> usize {
    let (a, b) = (a.to_lowercase(), b.to_lowercase());
    let mut row: Vec<usize> = (0..=b.chars().count()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut before = i;
        let mut next = vec![i.saturating_add(1)];
        for (j, y) in b.chars().enumerate() {
            let above = row.get(j.saturating_add(1)).copied().unwrap_or(0);
            let left = next.get(j).copied().unwrap_or(0);
            let cost = before.saturating_add(usize::from(x != y));
            next.push(cost.min(above.saturating_add(1)).min(left.saturating_add(1)));
            before = above;
        }
        row = next;
    }
    row.last().copied().unwrap_or(0)
}

/// Reads a call's arguments; a misspelt or missing field is named.
///
/// # Errors
/// `BadInput`.
pub fn arguments<T: serde::de::DeserializeOwned>(with: serde_json::Value) -> Result<T, Failure> {
    // No arguments at all may be left out.
    let with = if with.is_null() { serde_json::json!({}) } else { with };
    serde_path_to_error::deserialize(with).map_err(|error| {
        let path = error.path().to_string();
        let problem = error.inner().to_string();
        let failure = Failure::new(Code::BadInput, &[("problem", &problem)]);
        if path == "." { failure } else { failure.at(&path) }
    })
}

impl From<StoreFault> for Failure {
    fn from(fault: StoreFault) -> Self {
        match (fault.disk(), &fault) {
            (Some(DiskTrouble::Full), _) => Self::new(Code::DiskFull, &[]),
            (Some(DiskTrouble::ReadOnly), _) => Self::new(Code::DiskReadOnly, &[]),
            (Some(DiskTrouble::Broken), _) => {
                let noted = Self::internal(&fault);
                Self { incident: noted.incident, ..Self::new(Code::DiskBroken, &[]) }
            }
            (None, StoreFault::Newer { .. }) => Self::new(Code::MadeByNewer, &[]),
            (None, StoreFault::OtherPage) => Self::new(Code::CountyRefused, &[("why", "送来的不是接着上次的那一页")]),
            (None, _) => Self::internal(&fault),
        }
    }
}

impl From<StickFault> for Failure {
    fn from(fault: StickFault) -> Self {
        let bad = |fault: &StickFault| {
            let noted = Self::internal(fault);
            Self { incident: noted.incident, ..Self::new(Code::StickBad, &[]) }
        };
        match &fault {
            StickFault::Full { needed, free } => {
                // Rounded up: whoever frees exactly this much has enough.
                let needed = crate::megabytes(needed.saturating_add(104_857));
                let free = free.map(crate::megabytes);
                match &free {
                    Some(free) => Self::new(Code::StickFull, &[("needed", &needed), ("free", free)]),
                    None => Self::new(Code::StickFull, &[("needed", &needed)]),
                }
            }
            StickFault::ReadOnly => Self::new(Code::StickReadOnly, &[]),
            StickFault::Gone => Self::new(Code::StickGone, &[]),
            StickFault::NotAFolder => Self::new(Code::StickNoFolder, &[]),
            StickFault::ReadBack | StickFault::Io(_) => bad(&fault),
            StickFault::Bundle(within) => match within {
                BundleFault::NotABundle => Self::new(Code::NotABundle, &[]),
                BundleFault::Newer { .. } => Self::new(Code::BundleNewer, &[]),
                BundleFault::ForAnother { .. } => Self::new(Code::BundleNotOurs, &[]),
                BundleFault::UnknownSender { .. } => Self::new(Code::BundleSenderUnknown, &[]),
                BundleFault::Cut { .. } => Self::new(Code::BundleCut, &[]),
                BundleFault::Damaged { at } => Self::new(Code::BundleDamaged, &[("at", &at.to_string())]),
                BundleFault::TooLarge(_) => Self::new(Code::BundleTooLarge, &[]),
                BundleFault::Io(_) => bad(&fault),
                BundleFault::NotSealed | BundleFault::GivenUp => Self::internal(&fault),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_hole_of_a_sentence_can_be_filled_in_both_languages() {
        let holes = |text: &str| -> Vec<String> {
            text.split('{').skip(1).filter_map(|rest| rest.split_once('}')).map(|(name, _)| name.to_owned()).collect()
        };
        for code in Code::ALL {
            let (zh, en) = code.words();
            let mut names = holes(zh);
            names.extend(holes(en));
            let facts: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), "x")).collect();
            let failure = Failure::new(*code, &facts);
            assert!(!failure.zh.contains('{') && !failure.en.contains('{'), "{code:?}");
            assert!(!failure.zh.contains('!') && !failure.zh.contains('！'), "no exclamation marks: {code:?}");
        }
    }

    #[test]
    fn what_goes_wrong_with_a_stick_has_its_own_sentence() {
        use domain::ids::KeyPrint;
        let print = KeyPrint([1; 8]);
        let io = || std::io::Error::from(std::io::ErrorKind::Other);
        for (fault, code) in [
            (StickFault::ReadOnly, Code::StickReadOnly),
            (StickFault::Gone, Code::StickGone),
            (StickFault::NotAFolder, Code::StickNoFolder),
            (StickFault::ReadBack, Code::StickBad),
            (StickFault::Io(io()), Code::StickBad),
            (StickFault::Bundle(BundleFault::NotABundle), Code::NotABundle),
            (StickFault::Bundle(BundleFault::Newer { version: 2 }), Code::BundleNewer),
            (StickFault::Bundle(BundleFault::ForAnother { receiver: print }), Code::BundleNotOurs),
            (StickFault::Bundle(BundleFault::UnknownSender { sender: print }), Code::BundleSenderUnknown),
            (StickFault::Bundle(BundleFault::Cut { at: 1 }), Code::BundleCut),
            (StickFault::Bundle(BundleFault::Damaged { at: 65_628 }), Code::BundleDamaged),
            (StickFault::Bundle(BundleFault::TooLarge(store::bundle::Limit::Item)), Code::BundleTooLarge),
            (StickFault::Bundle(BundleFault::NotSealed), Code::Internal),
            (StickFault::Bundle(BundleFault::GivenUp), Code::Internal),
        ] {
            let failure = Failure::from(fault);
            assert_eq!(failure.code, code);
            assert!(!failure.zh.contains(['{', '}']) && !failure.en.contains(['{', '}']), "{}", failure.zh);
        }
        let full = |free| Failure::from(StickFault::Full { needed: 3_145_729, free });
        assert!(full(Some(1_048_576)).zh.contains("要写3.1MB"), "{}", full(None).zh);
        assert_eq!(full(Some(1_048_576)).facts.get("free").map(String::as_str), Some("1.0MB"));
        assert_eq!((full(None).code, full(None).facts.get("free")), (Code::StickFull, None));
        assert!(Failure::from(StickFault::Bundle(BundleFault::Damaged { at: 92 })).zh.contains("第92字节"));
    }

    #[test]
    fn a_misspelt_call_names_its_neighbours() {
        let failure = Failure::unknown_call("RecordVist", &["RecordVisit", "Sync", "Status"]);
        assert!(failure.zh.contains("RecordVist") && failure.zh.contains("RecordVisit"));
    }
}

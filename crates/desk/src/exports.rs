//! Lists that leave the bureau: the season's list, whom to call, messages for a provider. Only under the head's word, each on record;
//! a name that the chosen encoding does not have stops the list, and no cell is ever a formula. Nothing is sent from here.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use chrono::Datelike as _;
use domain::event::Event;
use domain::household::{DueListed, Identified, mask_account};
use domain::ids::{FileId, Sha};
use domain::outreach::{
    APPROVED_DAYS, ExportApproved, Exported, May, ONCE_IN_DAYS, Sender, TextListed, may_get, neutral, parts, text,
};
use domain::words::{ContactState, DueStatus, HouseholdField, Role, Section, TextTopic};
use store::{Family, Registers, Store};

use crate::Desk;
use crate::api::{
    ApproveExport, Excluded, ExportApprovalRow, ExportAsked, ExportDone, ExportFormat, ExportKind, ExportLeft,
    ExportReason, ExportsView, Nothing, RefusedRows, Saved,
};
use crate::contacts::tidy;
use crate::failure::{Code, Failure};
use crate::households::{is_paid, known, mask};
use crate::imports::{bytes_of_list, unread};
use crate::roster::{Kind, Wish};

/// A table on its way out.
struct Table {
    titles: Vec<String>,
    /// Each row with where it comes from, for a message that names it.
    rows: Vec<(String, Vec<String>)>,
}

impl ExportKind {
    fn code(self) -> &'static str {
        match self {
            Self::DueList => "DUE_LIST",
            Self::Calls => "CALLS",
            Self::TextsAnnual => "TEXTS_ANNUAL",
            Self::TextsInterest => "TEXTS_INTEREST",
            Self::Statistics => "STATISTICS",
            Self::Refused => "REFUSED",
        }
    }

    fn zh(self) -> &'static str {
        match self {
            Self::DueList => "应还款名单",
            Self::Calls => "电话名单",
            Self::TextsAnnual => "短信名单（年度到期）",
            Self::TextsInterest => "短信名单（利息开始自付）",
            Self::Statistics => "年度情况表",
            Self::Refused => "没有收下的行",
        }
    }

    fn topic(self) -> Option<TextTopic> {
        match self {
            Self::DueList | Self::Calls | Self::Statistics | Self::Refused => None,
            Self::TextsAnnual => Some(TextTopic::Annual),
            Self::TextsInterest => Some(TextTopic::InterestStart),
        }
    }
}

impl ExportFormat {
    fn code(self) -> &'static str {
        match self {
            Self::Xlsx => "XLSX",
            Self::CsvUtf8 => "CSV_UTF8",
            Self::CsvGb18030 => "CSV_GB18030",
            Self::CsvGbk => "CSV_GBK",
        }
    }

    fn ending(self) -> &'static str {
        match self {
            Self::Xlsx => "xlsx",
            Self::CsvUtf8 | Self::CsvGb18030 | Self::CsvGbk => "csv",
        }
    }
}

/// Counts why families are not on a list.
#[derive(Default)]
struct Left(BTreeMap<ExportReason, u32>);

impl Left {
    fn out(&mut self, why: ExportReason) {
        let count = self.0.entry(why).or_default();
        *count = count.saturating_add(1);
    }

    fn rows(self) -> Vec<Excluded> {
        self.0.into_iter().map(|(why, households)| Excluded { why, households }).collect()
    }
}

/// Whether a message is true for a family: interest begins in September of the year of graduation, and the yearly one names
/// 20 December.
fn is_about(topic: TextTopic, family: &Family, store: &Store, today: chrono::NaiveDate) -> Result<bool, Failure> {
    let year = today.year();
    Ok(match topic {
        TextTopic::Annual => {
            let december = chrono::NaiveDate::from_ymd_opt(year, 12, 20);
            family.total_due.get() > 0 && family.due_on == december && december.is_some_and(|due_on| today <= due_on)
        }
        TextTopic::InterestStart => {
            let listed = store.registers(family.file)?.listed;
            listed.and_then(|listed| listed.grad_year) == Some(year) && today.month() < 9
        }
    })
}

/// A family's numbers: digits, whose they are, how they were found. What was found at one door counts at all: a number that is
/// somebody else's, or that asked not to be called, is that under every family until somebody confirms it.
fn numbers(
    store: &Store,
    file: FileId,
    registers: &Registers,
    blocked: &BTreeMap<String, BTreeMap<FileId, ContactState>>,
) -> Result<Vec<(String, Option<String>, ContactState)>, Failure> {
    let mut out: Vec<(String, Option<String>, ContactState)> = Vec::new();
    let mut add = |number: &str, relation: Option<&String>| {
        let relation = relation.filter(|relation| !relation.is_empty() && relation.as_str() != "本人").cloned();
        match out.iter_mut().find(|(known, ..)| known == number) {
            // Told by anybody to be some other person's, it is not taken for the borrower's.
            Some((_, whose, _)) => *whose = whose.take().or(relation),
            None => out.push((number.to_owned(), relation, ContactState::Unverified)),
        }
    };
    for phone in registers.listed.iter().flat_map(|listed| &listed.phones) {
        add(phone.number.as_str(), phone.relation.as_ref());
    }
    for (_, added) in &registers.contacts {
        add(added.number.as_str(), added.relation.as_ref());
    }
    // Oldest first: the last one stands.
    for (_, stated) in store.contact_states(file)? {
        if let Some((.., state)) = out.iter_mut().find(|(known, ..)| known == stated.number.as_str()) {
            *state = stated.state;
        }
    }
    for (number, _, state) in &mut out {
        let Some(decided) = blocked.get(number) else { continue };
        let own = decided.get(&file).copied();
        let elsewhere = |which| decided.iter().any(|(other, state)| *other != file && *state == which);
        if own == Some(ContactState::DoNotCall) || elsewhere(ContactState::DoNotCall) {
            *state = ContactState::DoNotCall;
        } else if own == Some(ContactState::WrongPerson)
            || (elsewhere(ContactState::WrongPerson) && own != Some(ContactState::Confirmed))
        {
            *state = ContactState::WrongPerson;
        }
    }
    Ok(out)
}

impl Desk {
    /// The head's word that lists of a kind may leave.
    pub(crate) fn approve_export(&self, with: ApproveExport) -> Result<Saved, Failure> {
        let mut store = self.store();
        self.may(&store, |role| role == Role::CentreHead, "批准导出名单")?;
        let reason =
            tidy(Some(&with.reason), 100, "reason")?.ok_or_else(|| Failure::new(Code::EmptyText, &[]).at("reason"))?;
        let on = self.present_of(&store)?.today;
        let event = Event::ExportApproved(ExportApproved { what: with.what.code().to_owned(), reason, on });
        let ((), facts) = self.write(&mut store, |pen| {
            pen.record(FileId::county(), Section::Id, &event, Vec::new())?;
            Ok(())
        })?;
        Ok(Saved { facts, remarks: Vec::new() })
    }

    /// What may leave, and what did.
    pub(crate) fn exports(&self, _: Nothing) -> Result<ExportsView, Failure> {
        let store = self.store();
        self.may(&store, Role::sees_all, "看导出记录")?;
        let today = self.present_of(&store)?.today;
        let people = store.people()?;
        let mut approvals = Vec::new();
        for (said, approved) in store.county_facts::<ExportApproved>("ExportApproved")? {
            let Some(what) = ExportKind::of_code(&approved.what) else { continue };
            approvals.push(ExportApprovalRow {
                what,
                who: Self::name_of(&people, &said.author),
                on: approved.on,
                holds: (0..APPROVED_DAYS).contains(&today.signed_duration_since(approved.on).num_days()),
                reason: approved.reason,
            });
        }
        approvals.reverse();
        let mut exported = Vec::new();
        for (said, left) in store.county_facts::<Exported>("Exported")? {
            let Some(what) = ExportKind::of_code(&left.what) else { continue };
            exported.push(ExportLeft {
                what,
                who: Self::name_of(&people, &said.author),
                at: said.at.rfc3339(),
                rows: left.rows,
                batch: left.batch,
            });
        }
        exported.reverse();
        Ok(ExportsView { approvals, exported })
    }

    pub(crate) fn export(&self, with: ExportAsked) -> Result<ExportDone, Failure> {
        let mut store = self.store();
        self.may(&store, |role| matches!(role, Role::CentreOperator | Role::CentreHead), "导出名单")?;
        let today = self.present_of(&store)?.today;
        let approved = store.county_facts::<ExportApproved>("ExportApproved")?.into_iter().any(|(_, approved)| {
            approved.what == with.what.code()
                && (0..APPROVED_DAYS).contains(&today.signed_duration_since(approved.on).num_days())
        });
        if !approved {
            return Err(Failure::new(Code::ExportNotApproved, &[("what", with.what.zh())]));
        }
        let families = store.families(with.place.as_ref())?;
        let mut left = Left::default();
        let (table, listed, segments) = match with.what {
            ExportKind::DueList => (self.due_list_table(&store, &families)?, Vec::new(), 0),
            ExportKind::Calls => (self.calls_table(&store, &families, today, &mut left)?, Vec::new(), 0),
            ExportKind::TextsAnnual | ExportKind::TextsInterest => {
                self.texts_table(&store, &families, today, with.what, &mut left)?
            }
            ExportKind::Statistics => {
                let (titles, rows) = self.statistics_table(&store)?;
                let rows = rows.into_iter().map(|cells| (String::new(), cells)).collect();
                (Table { titles, rows }, Vec::new(), 0)
            }
            ExportKind::Refused => return Err(Failure::new(Code::NothingToExport, &[]).at("what")),
        };
        if table.rows.is_empty() {
            return Err(Failure::new(Code::NothingToExport, &[]));
        }
        let (file, batch, rows) = self.leave(&mut store, with.what, with.format, &with.folder, &table, &listed)?;
        Ok(ExportDone { file, rows, segments, batch, excluded: left.rows() })
    }

    /// The rows of a list or feed that are refused, as a workbook in their own columns.
    pub(crate) fn export_refused(&self, with: RefusedRows) -> Result<ExportDone, Failure> {
        {
            let store = self.store();
            self.may(&store, |role| role == Role::CentreOperator, "导出没有收下的行")?;
        }
        let (_, bytes) = bytes_of_list(&with.file)?;
        let kind = if with.feed { Kind::Feed } else { Kind::DueList };
        let columns = self.columns_said(with.columns.as_deref(), kind)?;
        let wish = Wish { as_of: with.as_of, encoding: with.encoding.map(Into::into), columns };
        let reasons: BTreeMap<u32, String> = if with.feed {
            let feed = crate::roster::feed::read(&self.reader, &bytes, &wish).map_err(unread)?;
            feed.rejected.iter().map(|row| (row.sheet_row, row.sentence_zh())).collect()
        } else {
            let places = {
                let store = self.store();
                self.place_table(&store)?.ok_or_else(|| Failure::new(Code::NoPlaces, &[]))?
            };
            let roster = crate::roster::read(&self.reader, &bytes, &places, &wish).map_err(unread)?;
            roster.rejected.iter().map(|row| (row.sheet_row, row.sentence_zh())).collect()
        };
        let crate::roster::Picked { mut titles, rows } =
            crate::roster::rows(&self.reader, &bytes, &wish, kind, &reasons).map_err(unread)?;
        titles.push("没有收下的原因".to_owned());
        let rows = rows.into_iter().map(|(at, mut cells)| {
            cells.push(reasons.get(&at).cloned().unwrap_or_default());
            (String::new(), cells)
        });
        let table = Table { titles, rows: rows.collect() };
        if table.rows.is_empty() {
            return Err(Failure::new(Code::NothingToExport, &[]).at("file"));
        }
        let mut store = self.store();
        let (what, format) = (ExportKind::Refused, ExportFormat::Xlsx);
        let (file, batch, rows) = self.leave(&mut store, what, format, &with.folder, &table, &[])?;
        Ok(ExportDone { file, rows, segments: 0, batch, excluded: Vec::new() })
    }

    /// Writes a table into a folder and puts on record that it left.
    fn leave(
        &self,
        store: &mut Store,
        what: ExportKind,
        format: ExportFormat,
        folder: &str,
        table: &Table,
        listed: &[FileId],
    ) -> Result<(String, String, u32), Failure> {
        let folder = PathBuf::from(folder.trim());
        if folder.as_os_str().is_empty() || !folder.is_dir() {
            return Err(Failure::new(Code::NoFolder, &[("folder", &folder.display().to_string())]).at("folder"));
        }
        let today = self.present_of(store)?.today;
        let stamp = format!("{}{}", self.identity.person, self.clock.wall().rfc3339());
        let batch: String =
            Sha::of(format!("{stamp}{}", what.code()).as_bytes()).to_string().chars().take(12).collect();
        let bytes = match format {
            ExportFormat::Xlsx => workbook(table, what, &self.identity.person.to_string(), &batch)?,
            ExportFormat::CsvUtf8 => [&[0xef, 0xbb, 0xbf], text_of(table).as_bytes()].concat(),
            ExportFormat::CsvGb18030 => encoded(table, encoding_rs::GB18030)?,
            ExportFormat::CsvGbk => encoded(table, encoding_rs::GBK)?,
        };
        let rows = u32::try_from(table.rows.len()).unwrap_or(u32::MAX);
        let name = format!("{}-{today}-{batch}.{}", what.zh(), format.ending());
        let path = folder.join(&name);
        // Whole on the disk, then on record, then under its name: no list lies anywhere that nobody knows of.
        let part = part_of(&path, &bytes)?;
        let sha256 = Sha::of(&bytes);
        let left_now = Exported {
            what: what.code().to_owned(),
            batch: batch.clone(),
            rows,
            format: format.code().to_owned(),
            sha256,
        };
        let topic = what.topic();
        let recorded = self.write(store, |pen| {
            pen.record(FileId::county(), Section::Id, &Event::Exported(left_now), Vec::new())?;
            for file in listed {
                let Some(topic) = topic else { break };
                let event = Event::TextListed(TextListed { topic, batch: batch.clone(), on: today });
                pen.record(*file, Section::Core, &event, Vec::new())?;
            }
            Ok(())
        });
        if let Err(failure) = recorded {
            drop(std::fs::remove_file(&part));
            return Err(failure);
        }
        if let Err(error) = std::fs::rename(&part, &path) {
            drop(std::fs::remove_file(&part));
            return Err(unwritten(&path, &error));
        }
        Ok((path.display().to_string(), batch, rows))
    }

    /// The season's list as it stands, in the columns of the bank's own; ID numbers and accounts never leave in clear (domain.md §5).
    fn due_list_table(&self, store: &Store, families: &[Family]) -> Result<Table, Failure> {
        let names = self.place_names_full(store)?;
        let mut rows = Vec::new();
        for family in families {
            let registers = store.registers(family.file)?;
            let (Some(listed), Some(due)) = (&registers.listed, &registers.due) else { continue };
            let numbers = registers.identified.clone().unwrap_or(Identified {
                borrower_id: String::new(),
                co_borrower_id: None,
                accounts: Vec::new(),
            });
            let phones = |own: bool| {
                let of = listed.phones.iter().filter(|phone| phone.relation.is_none() == own);
                of.map(|phone| phone.number.as_str().to_owned()).collect::<Vec<_>>().join("、")
            };
            let township = family.place.township();
            let place = |code: Option<&str>| code.and_then(|code| names.get(code)).cloned().unwrap_or_default();
            let DueListed { contracts, as_of, .. } = due;
            let true_name = registers.fields.get(&HouseholdField::NameTrue).and_then(|values| values.last());
            let borrower = true_name.map_or_else(|| listed.borrower.clone(), |(_, name)| name.clone());
            for (at, contract) in contracts.iter().enumerate() {
                let rate = format!("{}.{:04}%", contract.rate_ppm / 10_000, contract.rate_ppm % 10_000);
                let cells = vec![
                    borrower.clone(),
                    mask(&numbers.borrower_id),
                    listed.co_borrower.clone().unwrap_or_default(),
                    listed.relation.clone().unwrap_or_default(),
                    numbers.co_borrower_id.as_deref().map(mask).unwrap_or_default(),
                    place(township.as_ref().map(|code| code.as_str())),
                    if family.place.as_str().len() > 9 { place(Some(family.place.as_str())) } else { String::new() },
                    listed.address.clone(),
                    phones(true),
                    phones(false),
                    listed.grad_year.map(|year| year.to_string()).unwrap_or_default(),
                    contract.contract_no.clone(),
                    contract.academic_year.clone(),
                    contract.principal_left.yuan(),
                    rate,
                    contract.principal_due.yuan(),
                    contract.interest_due.yuan(),
                    contract.penalty_due.yuan(),
                    contract.total_due.yuan(),
                    contract.due_on.to_string(),
                    contract.maturity_on.map(|day| day.to_string()).unwrap_or_default(),
                    numbers
                        .accounts
                        .get(at)
                        .filter(|one| !one.is_empty())
                        .map(|one| mask_account(one))
                        .unwrap_or_default(),
                    contract.status.clone(),
                    as_of.to_string(),
                ];
                rows.push((borrower.clone(), cells));
            }
        }
        let titles = [
            "借款学生姓名",
            "身份证号",
            "共同借款人姓名",
            "与学生关系",
            "共同借款人身份证号",
            "乡镇",
            "村",
            "家庭住址",
            "联系电话",
            "共同借款人电话",
            "毕业年份",
            "合同编号",
            "学年",
            "剩余本金",
            "执行利率",
            "本期应还本金",
            "本期应还利息",
            "本期应还罚息",
            "本期应还合计",
            "还款日",
            "到期日",
            "还款账号",
            "合同状态",
            "数据日期",
        ];
        let titles = titles.map(str::to_owned).to_vec();
        Ok(Table { titles, rows })
    }

    /// Whom to call, number by number; no amount stands in it.
    fn calls_table(
        &self,
        store: &Store,
        families: &[Family],
        today: chrono::NaiveDate,
        left: &mut Left,
    ) -> Result<Table, Failure> {
        let names = self.place_names(store)?;
        let blocked = store.blocked_numbers()?;
        let mut rows = Vec::new();
        for family in families {
            let status = domain::due::status(&known(family), today);
            if is_paid(status) || status == DueStatus::Exempt || family.total_due.get() <= 0 {
                left.out(ExportReason::Paid);
                continue;
            }
            let registers = store.registers(family.file)?;
            let callable = |state: ContactState| match state {
                ContactState::Unverified | ContactState::Confirmed | ContactState::NoAnswer => true,
                ContactState::WrongPerson | ContactState::OutOfService | ContactState::DoNotCall => false,
            };
            let all = numbers(store, family.file, &registers, &blocked)?;
            if all.is_empty() {
                left.out(ExportReason::NoNumber);
                continue;
            }
            let some: Vec<_> = all.into_iter().filter(|(.., state)| callable(*state)).collect();
            if some.is_empty() {
                left.out(ExportReason::Blocked);
            }
            let village = names.get(family.place.as_str()).cloned().unwrap_or_default();
            for (number, relation, state) in some {
                let whose = relation.unwrap_or_else(|| "本人".to_owned());
                let cells = vec![village.clone(), family.borrower.clone(), whose, number, state.zh().to_owned()];
                rows.push((family.borrower.clone(), cells));
            }
        }
        let titles = ["村", "借款学生", "谁的电话", "电话", "核实情况"].map(str::to_owned).to_vec();
        Ok(Table { titles, rows })
    }

    /// One message a borrower.
    fn texts_table(
        &self,
        store: &Store,
        families: &[Family],
        today: chrono::NaiveDate,
        kind: ExportKind,
        left: &mut Left,
    ) -> Result<(Table, Vec<FileId>, u32), Failure> {
        let topic = kind.topic().unwrap_or(TextTopic::Annual);
        let profile = Self::profile(store)?.ok_or_else(|| Failure::new(Code::NoProfile, &[]))?;
        let organ = if profile.organ_short.is_empty() { &profile.organ_name } else { &profile.organ_short };
        let sender = Sender { organ, hotline: &profile.hotline };
        let before = store.text_listed(topic.code())?;
        let blocked = store.blocked_numbers()?;
        let (mut rows, mut listed, mut segments) = (Vec::new(), Vec::new(), 0_u32);
        for family in families {
            let status = domain::due::status(&known(family), today);
            if is_paid(status) || status == DueStatus::Exempt {
                left.out(ExportReason::Paid);
                continue;
            }
            if !is_about(topic, family, store, today)? {
                left.out(ExportReason::NotAbout);
                continue;
            }
            let lately = before.get(&family.file).map(|on| today.signed_duration_since(*on).num_days());
            if lately.is_some_and(|days| days < ONCE_IN_DAYS) {
                left.out(ExportReason::Lately);
                continue;
            }
            let registers = store.registers(family.file)?;
            let mut mobiles = numbers(store, family.file, &registers, &blocked)?;
            mobiles.retain(|(number, ..)| number.starts_with('1') && number.len() == 11);
            if mobiles.is_empty() {
                left.out(ExportReason::NoNumber);
                continue;
            }
            let best = mobiles
                .into_iter()
                .filter_map(|(number, relation, state)| may_get(state, relation.is_none()).map(|may| (may, number)))
                .min_by_key(|(may, _)| *may);
            let Some((may, number)) = best else {
                left.out(ExportReason::Blocked);
                continue;
            };
            let words = match may {
                May::Whole => text(topic, &family.borrower, sender),
                May::Neutral => neutral(&family.borrower, sender),
            };
            let count = parts(&words);
            segments = segments.saturating_add(count);
            listed.push(family.file);
            rows.push((family.borrower.clone(), vec![number, words, count.to_string()]));
        }
        let titles = ["手机号", "短信内容", "条数"].map(str::to_owned).to_vec();
        Ok((Table { titles, rows }, listed, segments))
    }

    /// Names of places as the bank's list writes them.
    fn place_names_full(&self, store: &Store) -> Result<BTreeMap<String, String>, Failure> {
        let Some(table) = self.place_table(store)? else { return Ok(BTreeMap::new()) };
        Ok(table.iter().map(|place| (place.code.as_str().to_owned(), place.name.clone())).collect())
    }
}

/// A cell that a spreadsheet would take for a formula is marked as text; an import takes the mark off again.
fn inert(cell: &str) -> String {
    if cell.starts_with(['=', '+', '-', '@', '\t', '\r', '＝', '＋', '－', '＠']) {
        format!("'{cell}")
    } else {
        cell.to_owned()
    }
}

fn text_of(table: &Table) -> String {
    let mut writer = csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(Vec::new());
    // Into memory: nothing can fail.
    writer.write_record(&table.titles).unwrap_or_default();
    for (_, row) in &table.rows {
        writer.write_record(row.iter().map(|cell| inert(cell))).unwrap_or_default();
    }
    String::from_utf8(writer.into_inner().unwrap_or_default()).unwrap_or_default()
}

/// The table in an encoding that has all of its characters: never one in place of another.
fn encoded(table: &Table, encoding: &'static encoding_rs::Encoding) -> Result<Vec<u8>, Failure> {
    let text = text_of(table);
    // What comes back is what went in, and in GBK no character takes four bytes.
    let has = |c: char| {
        let mut buffer = [0; 4];
        let one = c.encode_utf8(&mut buffer);
        let (bytes, _, lossy) = encoding.encode(one);
        let wide = encoding == encoding_rs::GBK && bytes.len() > 2;
        !lossy && !wide && encoding.decode_without_bom_handling(&bytes).0 == *one
    };
    for (who, row) in &table.rows {
        if row.iter().flat_map(|cell| cell.chars()).any(|c| !c.is_ascii() && !has(c)) {
            let facts = [("name", who.as_str()), ("encoding", encoding.name())];
            return Err(Failure::new(Code::NotInEncoding, &facts).at("format"));
        }
    }
    Ok(encoding.encode(&text).0.into_owned())
}

fn workbook(table: &Table, kind: ExportKind, who: &str, batch: &str) -> Result<Vec<u8>, Failure> {
    let failed = |error: rust_xlsxwriter::XlsxError| Failure::internal(&error);
    let mut book = rust_xlsxwriter::Workbook::new();
    let sheet = book.add_worksheet();
    sheet.set_name("名单").map_err(failed)?;
    // Whoever prints it sees whose copy it is.
    sheet.set_footer(format!("&L{} 内部资料 不得外传&R{who} {batch} &P/&N", kind.zh()));
    let columns = |at: usize| u16::try_from(at).unwrap_or(u16::MAX);
    for (at, title) in table.titles.iter().enumerate() {
        sheet.write_string(0, columns(at), title).map_err(failed)?;
    }
    for (row, (_, cells)) in (1_u32..).zip(&table.rows) {
        for (at, cell) in cells.iter().enumerate() {
            // As text: neither a formula nor a number that loses digits.
            sheet.write_string(row, columns(at), cell).map_err(failed)?;
        }
    }
    book.save_to_buffer().map_err(failed)
}

/// The file whole on the disk beside its place, or not at all.
fn part_of(path: &Path, bytes: &[u8]) -> Result<PathBuf, Failure> {
    let part = path.with_extension("part");
    let kept = std::fs::File::create(&part).and_then(|mut file| {
        file.write_all(bytes)?;
        file.sync_all()
    });
    if let Err(error) = kept {
        drop(std::fs::remove_file(&part));
        return Err(unwritten(path, &error));
    }
    Ok(part)
}

fn unwritten(path: &Path, error: &std::io::Error) -> Failure {
    let facts = [("file", path.display().to_string()), ("why", error.to_string())];
    let facts: Vec<(&str, &str)> = facts.iter().map(|(name, value)| (*name, value.as_str())).collect();
    Failure::new(Code::NotExported, &facts).at("folder")
}

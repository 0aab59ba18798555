//! The two sample lists to the fen and to the row, and small workbooks made here for every other turn a file can take.

use chrono::NaiveDate;
use domain::identity::IdError;
use domain::money::{Fen, MoneyError};
use domain::place::{PlaceMatch, PlaceTable};
use foreign::{Encoding, ListFormat, MAX_BYTES, MAX_ROWS, MAX_UNPACKED_BYTES, SheetFault, TooLarge};
use std::io::{Cursor, Write as _};

use super::*;

const GOOD: &[u8] = include_bytes!("../../../../assets/demo/roster-2026-12-05.xlsx");
const DIRTY: &[u8] = include_bytes!("../../../../tests/fixtures/roster-dirty.xlsx");
const DIRTY_EXPECTED: &str = include_str!("../../../../tests/fixtures/roster-dirty.expected.csv");

/// What is read here is the list; that it is read in another process is shown in tests/tests/foreign.rs.
fn read(bytes: &[u8], places: &PlaceTable, as_of: Option<NaiveDate>) -> Result<Roster, RosterError> {
    super::read(&Reader::unconfined(), bytes, places, &Wish { as_of, ..Wish::default() })
}

fn places() -> PlaceTable {
    PlaceTable::from_csv(
        include_str!("../../../../assets/places/lushan-410423.csv"),
        include_str!("../../../../assets/places/lushan-410423-old-names.csv"),
    )
    .expect("the table is good")
}

fn date(year: i32, month: u32, day: u32) -> NaiveDate {
    NaiveDate::from_ymd_opt(year, month, day).expect("a date")
}

#[test]
fn the_season_counts_exactly() {
    let roster = read(GOOD, &places(), None).expect("a good list");
    let expected = RosterTotals {
        borrowers: 3_917,
        contracts: 9_405,
        principal_due: Fen::new(445_601_809),
        interest_due: Fen::new(203_426_877),
        penalty_due: Fen::ZERO,
        total_due: Fen::new(649_028_686),
    };
    assert_eq!(roster.totals, expected);
    assert_eq!(roster.as_of, date(2026, 12, 5));
    assert_eq!(roster.rejected, []);
    let footer = roster.footer.expect("the list states totals");
    assert!(footer.agrees, "{footer:?}");
    assert_eq!((footer.sheet_row, footer.stated.total), (9_408, Some(Fen::new(649_028_686))));
    assert!(roster.households.iter().all(|h| matches!(h.place, PlaceMatch::Exact(_))));
    assert!(roster.households.iter().all(|h| h.co_borrowers.len() == 1 && !h.phones.is_empty()));
    let first = roster.households.first().expect("a household");
    assert_eq!(first.borrower.name_true, "张鹏");
    assert_eq!(first.place.township().map(String::from).as_deref(), Some("410423002"));
    assert_eq!(first.co_borrowers[0].relation.as_deref(), Some("母"));
    assert_eq!(first.contracts.len(), 2);
    let contract = &first.contracts[0];
    assert_eq!(contract.contract_no, "410420180000101");
    assert_eq!(contract.principal_left, Some(Fen::new(463_746)));
    assert_eq!(contract.rate_ppm, Some(28_000));
    assert_eq!((contract.due_on, contract.maturity_on), (date(2026, 12, 20), Some(date(2035, 9, 20))));
    assert_eq!(contract.status.as_deref(), Some("正常"));
}

#[test]
fn every_dirty_row_has_its_outcome() {
    let places = places();
    let outcome = |roster: &Roster, row: u32| {
        let rejected = roster.rejected.iter().any(|r| r.sheet_row == row);
        let taken = roster.households.iter().flat_map(|h| &h.contracts).any(|c| c.sheet_row == row);
        let warned = roster.warnings.iter().any(|w| w.sheet_row == row);
        assert_ne!(rejected, taken, "row {row} must be in exactly one place");
        assert!(!(rejected && warned), "row {row} is rejected and warned of");
        match (rejected, warned) {
            (true, _) => "rejected",
            (false, true) => "accepted with warning",
            (false, false) => "accepted",
        }
    };
    let without = read(DIRTY, &places, None).expect("a list");
    let with = read(DIRTY, &places, Some(date(2026, 12, 4))).expect("a list");
    let mut rows = 0;
    for line in DIRTY_EXPECTED.lines().skip(1) {
        let mut fields = line.split(',');
        let row: u32 = fields.next().and_then(|f| f.parse().ok()).expect("a row");
        let (defect, expected) = (fields.next().expect("a defect"), fields.next().expect("an outcome"));
        rows += 1;
        let found = outcome(&without, row);
        if expected == "rejected unless a data date is given for the file" {
            assert_eq!((found, outcome(&with, row)), ("rejected", "accepted with warning"), "{row} {defect}");
        } else {
            assert_eq!((found, outcome(&with, row)), (expected, expected), "{row} {defect}");
        }
    }
    assert_eq!(rows, 28);
    // What the file says of itself is not overridden.
    assert_eq!(with.as_of, date(2026, 12, 5));
    assert!(with.warnings.contains(&Warning { sheet_row: 30, kind: WarningKind::DataDateDiffers }));
}

#[test]
fn dirty_rows_say_what_is_wrong_with_them() {
    let roster = read(DIRTY, &places(), None).expect("a list");
    let reasons: Vec<(u32, RowFault)> = roster.rejected.iter().map(|r| (r.sheet_row, r.reason)).collect();
    let expected = [
        (4, RowFault::Id(IdError::CheckDigit)),
        (5, RowFault::Id(IdError::ExcelDamaged)),
        (6, RowFault::Id(IdError::ExcelDamaged)),
        (9, RowFault::SamePerson),
        (10, RowFault::ContractTwice { first_row: 3 }),
        (11, RowFault::TotalDiffers),
        (12, RowFault::Amount(MoneyError::Negative)),
        (14, RowFault::Amount(MoneyError::TooManyDecimals)),
        (18, RowFault::NameEmpty),
        (26, RowFault::NoSuchDay),
        (29, RowFault::ContractIsQuantity),
        (30, RowFault::DateEmpty),
    ];
    assert_eq!(reasons, expected);
    assert_eq!(roster.rejected[5].sentence_zh(), "第11行没有导入（本期应还合计）：本金、利息、罚息相加不等于合计。");
    for row in &roster.rejected {
        assert!(!row.sentence_zh().contains("410490"), "a sentence repeats an identity number");
    }
    let at = |row| roster.households.iter().find(|h| h.contracts[0].sheet_row == row).expect("taken in");
    assert_eq!(at(7).id.expose(), "41049019780412010X");
    assert_eq!(at(8).co_borrowers[0].id, None);
    assert_eq!(at(13).contracts[0].total_due, Fen::new(123_360));
    assert_eq!(at(17).borrower.name_true, "阿依古丽·买买提");
    assert_eq!(at(19).borrower.name_true, "李晓峰");
    assert_eq!(at(22).phones.len(), 2);
    assert_eq!(at(22).phones[1].relation.as_deref(), Some("姨"));
    assert_eq!(at(27).contracts[0].maturity_on, Some(date(2039, 9, 20)));
    assert_eq!(roster.footer, None);
}

/// One cell of a made workbook.
enum Put<'a> {
    Text(&'a str),
    Number(&'a str),
    Nothing,
}
use Put::{Nothing, Number, Text};

/// A workbook of one sheet, with `rows` from the first row on.
fn workbook(rows: &[Vec<Put<'_>>]) -> Vec<u8> {
    let mut sheet = String::from("<sheetData>");
    for (at, row) in rows.iter().enumerate() {
        sheet.push_str(&format!("<row r=\"{}\">", at + 1));
        for (column, cell) in (b'A'..).zip(row) {
            let place = format!("{}{}", char::from(column), at + 1);
            match cell {
                Text(text) => sheet.push_str(&format!("<c r=\"{place}\" t=\"inlineStr\"><is><t>{text}</t></is></c>")),
                Number(number) => sheet.push_str(&format!("<c r=\"{place}\"><v>{number}</v></c>")),
                Nothing => {}
            }
        }
        sheet.push_str("</row>");
    }
    sheet.push_str("</sheetData>");
    workbook_of(&sheet)
}

fn workbook_of(sheet_data: &str) -> Vec<u8> {
    const MAIN: &str = "http://schemas.openxmlformats.org/spreadsheetml/2006/main";
    const DOC: &str = "http://schemas.openxmlformats.org/officeDocument/2006/relationships";
    const PACKAGE: &str = "http://schemas.openxmlformats.org/package/2006";
    let files = [
        (
            "[Content_Types].xml",
            format!(
                "<Types xmlns=\"{PACKAGE}/content-types\"><Default Extension=\"xml\" ContentType=\"application/xml\"/></Types>"
            ),
        ),
        (
            "_rels/.rels",
            format!(
                "<Relationships xmlns=\"{PACKAGE}/relationships\"><Relationship Id=\"r1\" Type=\"{DOC}/officeDocument\" Target=\"xl/workbook.xml\"/></Relationships>"
            ),
        ),
        (
            "xl/_rels/workbook.xml.rels",
            format!(
                "<Relationships xmlns=\"{PACKAGE}/relationships\"><Relationship Id=\"r1\" Type=\"{DOC}/worksheet\" Target=\"worksheets/sheet1.xml\"/></Relationships>"
            ),
        ),
        (
            "xl/workbook.xml",
            format!(
                "<workbook xmlns=\"{MAIN}\" xmlns:r=\"{DOC}\"><sheets><sheet name=\"名单\" sheetId=\"1\" r:id=\"r1\"/></sheets></workbook>"
            ),
        ),
        ("xl/worksheets/sheet1.xml", format!("<worksheet xmlns=\"{MAIN}\">{sheet_data}</worksheet>")),
    ];
    let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
    let options = zip::write::SimpleFileOptions::default().compression_method(zip::CompressionMethod::Deflated);
    for (name, text) in files {
        zip.start_file(name, options).expect("starts");
        zip.write_all(text.as_bytes()).expect("writes");
    }
    zip.finish().expect("finishes").into_inner()
}

const HEADER: [&str; 9] = ["姓名", "身份证号", "合同编号", "应还本金", "应还利息", "应还合计", "还款日", "乡镇", "村"];

fn header() -> Vec<Put<'static>> {
    HEADER.into_iter().map(Text).collect()
}

fn row<'a>(name: &'a str, id: &'a str, contract: &'a str) -> Vec<Put<'a>> {
    vec![
        Text(name),
        Text(id),
        Text(contract),
        Text("10.00"),
        Text("0.50"),
        Text("10.50"),
        Text("2026-12-20"),
        Text("马楼乡"),
        Text("董庄村"),
    ]
}

const ZHANG: &str = "410490200203140011";
const LI: &str = "410490200109090038";

fn read_made(rows: &[Vec<Put<'_>>]) -> Result<Roster, RosterError> {
    read(&workbook(rows), &places(), Some(date(2026, 12, 1)))
}

#[test]
fn numbers_of_the_spreadsheet_are_amounts_but_never_codes() {
    let mut numeric = row("张三", ZHANG, "410420180001");
    // 0.1 + 0.2 as a spreadsheet stores it: noise beyond the fifteenth digit is not a third decimal.
    numeric[3] = Number("0.30000000000000004");
    numeric[4] = Number("1234.5");
    numeric[5] = Number("1234.8");
    numeric[6] = Number("46376");
    let mut id = row("李四", LI, "410420180002");
    id[1] = Number("410490200109090038");
    let mut contract = row("李四", LI, "410420180003");
    contract[2] = Number("410420180003");
    let mut decimals = row("李四", LI, "410420180004");
    decimals[3] = Number("10.005");
    let roster = read_made(&[header(), numeric, id, contract, decimals]).expect("a list");
    let good = &roster.households[0].contracts[0];
    assert_eq!((good.principal_due, good.interest_due), (Fen::new(30), Fen::new(123_450)));
    assert_eq!(good.due_on, date(2026, 12, 20));
    let reasons: Vec<RowFault> = roster.rejected.iter().map(|r| r.reason).collect();
    assert_eq!(
        reasons,
        [RowFault::IdIsQuantity, RowFault::ContractIsQuantity, RowFault::Amount(MoneyError::TooManyDecimals)]
    );
}

#[test]
fn numbers_ending_in_zeros_are_trusted_only_in_a_sound_column() {
    let zeros = "410490200207028000";
    let sound = read_made(&[header(), row("张三", zeros, "410420180001"), row("李四", LI, "410420180002")]);
    assert_eq!(sound.expect("a list").totals.contracts, 2);
    // The damage may stand below.
    let damaged = read_made(&[
        header(),
        row("张三", zeros, "410420180001"),
        row("李四", LI, "410420180002"),
        row("王五", "4.10490E+17", "410420180003"),
    ])
    .expect("a list");
    let reasons: Vec<(u32, RowFault)> = damaged.rejected.iter().map(|r| (r.sheet_row, r.reason)).collect();
    let lost = RowFault::Id(IdError::ExcelDamaged);
    assert_eq!(reasons, [(2, lost), (4, lost)]);
}

#[test]
fn one_identity_number_is_one_household() {
    let roster = read_made(&[
        header(),
        row("张三", ZHANG, "410420180001"),
        row("张叁", ZHANG, "410420180002"),
        row("李四", LI, "410420180003"),
    ])
    .expect("a list");
    assert_eq!((roster.totals.borrowers, roster.totals.contracts), (2, 3));
    let kind = WarningKind::DiffersFromEarlierRow(Column::BorrowerName);
    assert_eq!(roster.warnings, [Warning { sheet_row: 3, kind }]);
    assert_eq!(roster.households[0].borrower.name_true, "张三");
}

#[test]
fn title_footer_and_notes_are_no_rows() {
    let title = vec![Text("应还款明细表（数据截至2026年11月30日）")];
    let total = vec![Text("合 计"), Nothing, Nothing, Text("20.00"), Text("1.00"), Text("21.01")];
    let note = vec![Nothing, Nothing, Nothing, Nothing, Nothing, Nothing, Nothing, Text("制表人：王五")];
    let roster = read_made(&[
        title,
        header(),
        row("张三", ZHANG, "410420180001"),
        header(),
        row("李四", "410490200109090039", "410420180003"),
        total,
        note,
    ])
    .expect("a list");
    assert_eq!((roster.totals.contracts, roster.rejected.len()), (1, 1));
    assert_eq!(roster.as_of, date(2026, 11, 30));
    let footer = roster.footer.expect("totals");
    assert!(!footer.agrees);
    assert_eq!(footer.listed.principal, Some(Fen::new(2_000)));
    assert_eq!((footer.stated.total, footer.listed.total), (Some(Fen::new(2_101)), Some(Fen::new(2_100))));
}

#[test]
fn a_header_of_two_rows_is_understood() {
    let upper = vec![
        Text("借款学生"),
        Nothing,
        Text("共同借款人"),
        Nothing,
        Text("合同编号"),
        Text("本期应还"),
        Nothing,
        Nothing,
        Text("还款日"),
    ];
    let lower = vec![
        Text("姓名"),
        Text("身份证号"),
        Text("姓名"),
        Text("身份证号"),
        Nothing,
        Text("本金"),
        Text("利息"),
        Text("合计"),
        Nothing,
    ];
    let data = vec![
        Text("张三"),
        Text(ZHANG),
        Text("张母"),
        Text("410490197408220029"),
        Text("410420180001"),
        Text("10"),
        Text("0.5"),
        Text("10.5"),
        Text("2026年12月20日"),
    ];
    let roster = read_made(&[upper, lower, data]).expect("a list");
    assert_eq!(roster.rejected, []);
    assert_eq!(roster.households[0].borrower.name_true, "张三");
    assert_eq!(roster.households[0].co_borrowers[0].name.name_true, "张母");
    assert!(roster.households[0].co_borrowers[0].id.is_some());
}

#[test]
fn a_repeated_header_right_of_the_co_borrower_is_theirs() {
    let header = [
        "姓名",
        "身份证号",
        "电话",
        "共同借款人",
        "身份证号",
        "电话",
        "合同编号",
        "应还本金",
        "应还利息",
        "合计",
        "还款日",
    ];
    let data = [
        "张三",
        ZHANG,
        "13911110001",
        "张母",
        "410490197408220029",
        "13911110002",
        "410420180001",
        "10",
        "0.5",
        "10.5",
        "2026-12-20",
    ];
    let rows: Vec<Vec<Put<'_>>> = [header, data].into_iter().map(|row| row.into_iter().map(Text).collect()).collect();
    let roster = read_made(&rows).expect("a list");
    let household = &roster.households[0];
    assert_eq!((household.id.expose(), household.phones.len()), (ZHANG, 1));
    let co = &household.co_borrowers[0];
    assert_eq!(co.id.as_ref().map(|id| id.expose()), Some("410490197408220029"));
    assert_eq!(co.phones[0].raw, "13911110002");
}

#[test]
fn shared_numbers_and_look_alike_people_are_pointed_out() {
    let header = ["姓名", "身份证号", "合同编号", "应还本金", "应还利息", "应还合计", "还款日", "家庭住址", "联系电话"];
    let line = |id: &'static str, contract: &'static str, address: &'static str| {
        ["张三", id, contract, "10", "0", "10", "2026-12-20", address, "13911110001"]
    };
    let rows: Vec<Vec<Put<'_>>> = [
        header,
        line(ZHANG, "410420180001", "董庄1组"),
        line("410490200203140206", "410420180002", "董庄2组"),
        line(LI, "410420180003", "董庄3组"),
    ]
    .into_iter()
    .map(|row| row.into_iter().map(Text).collect())
    .collect();
    let roster = read_made(&rows).expect("a list");
    assert_eq!(roster.rejected, []);
    let of = |row: u32| -> Vec<WarningKind> {
        let kinds = roster.warnings.iter().filter(|w| w.sheet_row == row).map(|w| w.kind);
        kinds.filter(|kind| *kind != WarningKind::TownshipUnknown).collect()
    };
    assert_eq!(of(2), [WarningKind::SharedPhone { addresses: 3 }]);
    assert_eq!(of(3), [WarningKind::SharedPhone { addresses: 3 }, WarningKind::PossibleDuplicate { other_row: 2 }]);
}

#[test]
fn files_that_are_no_list_say_so() {
    let places = places();
    let read = |bytes: &[u8]| read(bytes, &places, None);
    assert!(matches!(read(b""), Err(RosterError::NoHeader(_))));
    assert!(matches!(read("姓名,身份证号\n".as_bytes()), Err(RosterError::NoHeader(_))));
    assert!(matches!(read(b"<html><table>"), Err(RosterError::Sheet(SheetFault::Empty))));
    assert!(matches!(read(b"\x89PNG\r\n\x1a\n\0\0"), Err(RosterError::Sheet(SheetFault::NotAWorkbook))));
    assert!(matches!(read(&[0xd0, 0xcf, 0x11, 0xe0, 0xa1]), Err(RosterError::Sheet(SheetFault::Damaged))));
    assert!(matches!(read(b"a,b\n\xff\xff"), Err(RosterError::Sheet(SheetFault::Undecodable { line: 2 }))));
    assert!(matches!(read(b"PK\x03\x04 cut short"), Err(RosterError::Sheet(SheetFault::Container))));
    assert!(matches!(read(&GOOD[..GOOD.len() / 2]), Err(RosterError::Sheet(SheetFault::Container))));
    assert!(matches!(read(&workbook(&[])), Err(RosterError::NoHeader(_))));
    assert!(matches!(read(&workbook(&[header()])), Err(RosterError::Empty)));
    let undated = workbook(&[header(), row("张三", ZHANG, "410420180001")]);
    assert!(matches!(read(&undated), Err(RosterError::NoDataDate)));
    let mut short = header();
    short[5] = Text("别的");
    match read(&workbook(&[short])) {
        Err(fault @ RosterError::NoHeader(_)) => {
            assert_eq!(
                fault.sentence_zh(),
                "没有找到表头，或表头里认不出这些列：本期应还合计。请指明是哪几列，或改好表头再导入。"
            );
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_damaged_good_list_never_passes_silently() {
    let places = places();
    // One byte in each of forty places: either the reader refuses, or the byte did not matter.
    let whole = read(&workbook(&[header(), row("张三", ZHANG, "410420180001")]), &places, Some(date(2026, 12, 1)))
        .expect("a list");
    let bytes = workbook(&[header(), row("张三", ZHANG, "410420180001")]);
    let mut refused = 0;
    for at in (0..bytes.len()).step_by((bytes.len() / 40).max(1)) {
        let mut bad = bytes.clone();
        bad[at] ^= 0x55;
        match read(&bad, &places, Some(date(2026, 12, 1))) {
            Ok(roster) => assert_eq!(roster.totals, whole.totals, "byte {at}"),
            Err(_) => refused += 1,
        }
    }
    assert!(refused > 20, "only {refused} of the damaged lists were refused");
}

#[test]
fn limits_hold_before_anything_is_built() {
    let places = places();
    let read = |bytes: &[u8]| read(bytes, &places, None);
    let mut long = GOOD.to_vec();
    long.resize(MAX_BYTES + 1, 0);
    assert!(matches!(read(&long), Err(RosterError::Sheet(SheetFault::TooLarge(TooLarge::File)))));

    let bomb = workbook_of(&" ".repeat(usize::try_from(MAX_UNPACKED_BYTES).expect("fits")));
    assert!(bomb.len() < 1_000_000);
    assert!(matches!(read(&bomb), Err(RosterError::Sheet(SheetFault::TooLarge(TooLarge::Unpacked)))));

    // A container that declares less than it holds is measured all the same.
    let mut liar = bomb;
    let central = liar.windows(4).rposition(|w| w == b"PK\x01\x02").expect("a directory");
    let local = liar.windows(4).rposition(|w| w == b"PK\x03\x04").expect("an entry");
    liar[central + 24..central + 28].copy_from_slice(&1_000_u32.to_le_bytes());
    liar[local + 22..local + 26].copy_from_slice(&1_000_u32.to_le_bytes());
    assert!(matches!(
        read(&liar),
        Err(RosterError::Sheet(SheetFault::TooLarge(TooLarge::Unpacked)) | RosterError::Sheet(SheetFault::Container))
    ));

    let far = workbook_of("<sheetData><row r=\"1048576\"><c r=\"XFD1048576\"><v>1</v></c></row></sheetData>");
    assert!(matches!(read(&far), Err(RosterError::Sheet(SheetFault::TooLarge(TooLarge::Columns)))));
    let forged = workbook_of("<sheetData><row r=\"1\"><c r=\"A99999999999\"><v>1</v></c></row></sheetData>");
    assert!(read(&forged).is_err());
    let cell = |row: u32| format!("<row r=\"{row}\"><c r=\"A{row}\"><v>1</v></c></row>");
    let backwards = workbook_of(&format!("<sheetData>{}{}</sheetData>", cell(2), cell(1)));
    assert!(matches!(read(&backwards), Err(RosterError::Sheet(SheetFault::RowsOutOfOrder))));
}

#[test]
fn more_rows_than_the_limit_are_refused() {
    let head: String = ('A'..)
        .zip(HEADER)
        .map(|(column, title)| format!("<c r=\"{column}1\" t=\"inlineStr\"><is><t>{title}</t></is></c>"))
        .collect();
    let rows: String =
        (2..=MAX_ROWS + 1).map(|row| format!("<row r=\"{row}\"><c r=\"A{row}\"><v>1</v></c></row>")).collect();
    let long = workbook_of(&format!("<sheetData><row r=\"1\">{head}</row>{rows}</sheetData>"));
    assert!(matches!(read(&long, &places(), None), Err(RosterError::Sheet(SheetFault::TooLarge(TooLarge::Rows)))));
}

#[test]
fn every_sentence_is_a_sentence() {
    let roster = read(DIRTY, &places(), Some(date(2026, 12, 5))).expect("a list");
    for sentence in
        roster.rejected.iter().map(Rejected::sentence_zh).chain(roster.warnings.iter().map(Warning::sentence_zh))
    {
        assert!(sentence.starts_with('第') && sentence.ends_with('。'), "{sentence}");
        assert!(!sentence.contains("。。") && !sentence.contains("，。"), "{sentence}");
    }
}

/// The good list's cells as text, as other programs would show them.
fn good_as_text() -> Vec<Vec<String>> {
    let rows = table(&Reader::unconfined(), GOOD).expect("a workbook");
    rows.into_iter().map(|(_, cells)| cells).collect()
}

fn between(rows: &[Vec<String>], mark: &str) -> String {
    let quoted = |cell: &String| match cell.contains([',', '"', '\n']) {
        true => format!("\"{}\"", cell.replace('"', "\"\"")),
        false => cell.clone(),
    };
    rows.iter().map(|row| row.iter().map(quoted).collect::<Vec<_>>().join(mark) + "\r\n").collect()
}

#[test]
fn the_seasons_list_is_the_same_from_a_workbook_a_text_and_a_web_page() {
    let places = places();
    let workbook = read(GOOD, &places, None).expect("a good list");
    let rows = good_as_text();
    let header = rows.iter().position(|row| row.iter().any(|cell| cell == "合同编号")).expect("a header");
    // Other names in another order, and amounts as people write them.
    let renamed = |title: &str| match title {
        "借款学生姓名" => "姓名".to_owned(),
        "身份证号" => "公民身份号码".to_owned(),
        "合同编号" => "借款合同号".to_owned(),
        "本期应还合计" => "应还本息(元)".to_owned(),
        other => other.to_owned(),
    };
    let mut shuffled: Vec<Vec<String>> = rows[header..rows.len() - 1].to_vec();
    shuffled[0] = shuffled[0].iter().map(|title| renamed(title)).collect();
    let wide = shuffled[0].len();
    for row in &mut shuffled {
        row.resize(wide, String::new());
        row.reverse();
        row.rotate_left(5);
    }
    let gb = encoding_rs::GB18030.encode(&between(&shuffled, ",")).0.into_owned();
    let units = std::iter::once(0xfeff).chain(between(&rows, "\t").encode_utf16().collect::<Vec<u16>>());
    let utf16: Vec<u8> = units.flat_map(u16::to_le_bytes).collect();
    let cell = |cell: &String| format!("<td>{}</td>", cell.replace('&', "&amp;").replace('<', "&lt;"));
    let page: String =
        rows.iter().map(|row| format!("<tr>{}</tr>", row.iter().map(cell).collect::<String>())).collect();
    let page = format!("<html><head><meta charset=\"gb2312\"></head><body><table>{page}</table></body></html>");
    let page = encoding_rs::GB18030.encode(&page).0.into_owned();
    let as_of = Some(workbook.as_of);
    for (bytes, format, encoding) in [
        (gb, ListFormat::Text, Encoding::Gb18030),
        (utf16, ListFormat::Text, Encoding::Utf16Le),
        (page, ListFormat::Html, Encoding::Gb18030),
    ] {
        let roster = read(&bytes, &places, as_of).expect("a list");
        assert_eq!((roster.format, roster.encoding), (format, Some(encoding)));
        assert_eq!((roster.totals, roster.rejected.len()), (workbook.totals, 0), "{format:?}");
        let people = |roster: &Roster| -> Vec<(String, String, String, usize)> {
            let of = |h: &RosterHousehold| {
                let place = format!("{:?}", h.place.code());
                (h.borrower.name_true.clone(), h.id.expose().to_owned(), place, h.contracts.len())
            };
            roster.households.iter().map(of).collect()
        };
        assert_eq!(people(&roster), people(&workbook), "{format:?}");
    }
}

#[test]
fn a_workbook_of_the_old_kind_is_read_by_what_it_is() {
    let places = places();
    let old = read(include_bytes!("../../../../tests/fixtures/roster-old.xls"), &places, None).expect("a list");
    assert_eq!((old.format, old.encoding, old.as_of), (ListFormat::Xls, None, date(2026, 12, 5)));
    assert_eq!((old.other_sheets.len(), old.rejected.len()), (0, 0), "the hidden sheet is not seen");
    let new = read(GOOD, &places, None).expect("a list");
    let (contracts, rows) = (old.totals.contracts, 3..43_u32);
    let of_new =
        |row: &u32| new.households.iter().flat_map(|h| &h.contracts).find(|contract| contract.sheet_row == *row);
    let same: Vec<&RosterContract> = rows.clone().filter_map(|row| of_new(&row)).collect();
    assert_eq!((contracts, same.len()), (40, 40));
    let mut of_old: Vec<&RosterContract> = old.households.iter().flat_map(|household| &household.contracts).collect();
    of_old.sort_by_key(|contract| contract.sheet_row);
    assert_eq!(of_old, same);
}

/// The good list as text, with other headers.
fn with_headers(rename: impl Fn(&str) -> String) -> Vec<u8> {
    let mut rows = good_as_text();
    let header = rows.iter().position(|row| row.iter().any(|cell| cell == "合同编号")).expect("a header");
    for cell in &mut rows[header] {
        *cell = rename(cell);
    }
    between(&rows, ",").into_bytes()
}

fn chosen(column: Option<Column>, header: &str, nth: u32) -> Chosen {
    Chosen { column, header: header.to_owned(), nth }
}

#[test]
fn what_a_header_means_that_nobody_knows_is_for_a_person_to_say() {
    let places = places();
    let odd = with_headers(|title| match title {
        "本期应还合计" => "金额甲".to_owned(),
        "本期应还本金" => "金额乙".to_owned(),
        other => other.to_owned(),
    });
    let lacking = match read(&odd, &places, None) {
        Err(RosterError::NoHeader(lacking)) => lacking,
        other => panic!("{:?}", other.map(|roster| roster.totals)),
    };
    assert_eq!(lacking.missing, [Column::PrincipalDue, Column::TotalDue]);
    let known = |header: &str| lacking.columns.iter().find(|read| read.header == header).map(|read| read.column);
    assert_eq!((known("金额甲"), known("学年")), (Some(None), Some(Some(Column::AcademicYear))));
    let say =
        |columns: Vec<Chosen>| super::read(&Reader::unconfined(), &odd, &places, &Wish { columns, ..Wish::default() });
    let said = vec![chosen(Some(Column::TotalDue), " 金额甲", 0), chosen(Some(Column::PrincipalDue), "金额 乙", 0)];
    let good = read(GOOD, &places, None).expect("a list");
    assert_eq!(say(said.clone()).expect("a list").totals, good.totals);
    // The wrong way round no row's sum is right, and none is taken.
    let swapped = vec![chosen(Some(Column::TotalDue), "金额乙", 0), chosen(Some(Column::PrincipalDue), "金额甲", 0)];
    let wrong = say(swapped).expect("a list");
    assert!(wrong.totals.contracts < good.totals.contracts, "{:?}", wrong.totals);
    // Also of a header that is known: what a person says counts.
    let over = [said, vec![chosen(Some(Column::Address), "村", 0), chosen(None, "学年", 0)]].concat();
    let roster = say(over).expect("a list");
    let read_as = |header: &str| roster.columns.iter().find(|read| read.header == header).expect("a header").column;
    assert_eq!((read_as("村"), read_as("家庭住址"), read_as("学年")), (Some(Column::Address), None, None));
}

#[test]
fn known_headers_of_two_periods_are_never_one_for_the_other() {
    let places = places();
    let mut rows = vec![header(), row("张三", ZHANG, "410420180001")];
    // The arrears stand before what is due now, and add up as well.
    for (at, (title, arrears)) in
        [("应还本金", "3.00"), ("应还利息", "1.00"), ("应还合计", "4.00")].into_iter().enumerate()
    {
        rows[0].insert(at, Text(title));
        rows[1].insert(at, Text(arrears));
    }
    let list = workbook(&rows);
    let as_of = Some(date(2026, 12, 1));
    let lacking = match read(&list, &places, as_of) {
        Err(RosterError::NoHeader(lacking)) => lacking,
        other => panic!("{:?}", other.map(|roster| roster.totals)),
    };
    assert_eq!(lacking.missing, [Column::PrincipalDue, Column::InterestDue, Column::TotalDue]);
    let said: Vec<Chosen> = ["应还本金", "应还利息", "应还合计"].map(|title| chosen(None, title, 0)).into();
    let wish = Wish { as_of, columns: said, ..Wish::default() };
    let roster = super::read(&Reader::unconfined(), &list, &places, &wish).expect("a list");
    assert_eq!((roster.totals.total_due, roster.by_choice), (Fen::new(1_050), true));
    // What was said of headers that a list has not got says nothing of those that it has.
    let other = vec![chosen(Some(Column::Village), "行政村", 0), chosen(Some(Column::TotalDue), "合计金额", 0)];
    let plain = workbook(&[header(), row("张三", ZHANG, "410420180001")]);
    let wish = Wish { as_of, columns: other, ..Wish::default() };
    let roster = super::read(&Reader::unconfined(), &plain, &places, &wish).expect("a list");
    assert!(!roster.by_choice && roster.households[0].place.village().is_some());
}

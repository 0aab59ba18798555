//! Small due lists in the bank's own columns: invented people of area code 410490 in real villages.

use rust_xlsxwriter::Workbook;

use crate::program::assets;

const HEADER: [&str; 24] = [
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
    "合同金额",
    "剩余本金",
    "执行利率",
    "本期应还本金",
    "本期应还利息",
    "本期应还合计",
    "还款日",
    "到期日",
    "还款账号",
    "合同状态",
    "数据日期",
];

/// One family of a list.
#[derive(Debug, Clone)]
pub struct Family {
    /// Borrower's name.
    pub borrower: String,
    /// Borrower's ID number.
    pub id: String,
    /// Co-borrower's name.
    pub co_borrower: String,
    /// Co-borrower's ID number.
    pub co_id: String,
    /// Village, its code.
    pub village: String,
    /// Address on the list.
    pub address: String,
    /// Borrower's phone.
    pub phone: String,
    /// Co-borrower's phone.
    pub co_phone: String,
    /// Principal and interest due of each contract, fen.
    pub contracts: Vec<(i64, i64)>,
}

/// A due list.
#[derive(Debug, Clone)]
pub struct List {
    /// Data date.
    pub as_of: String,
    /// Due date.
    pub due_on: String,
    /// Its families.
    pub families: Vec<Family>,
}

/// The villages of a township as code and name, in code order.
///
/// # Panics
/// When the place table cannot be read.
pub fn places_in(township: &str) -> Vec<(String, String)> {
    let table = std::fs::read_to_string(assets().join("places/lushan-410423.csv")).expect("the place table");
    let cells = |line: &str| line.split(',').map(str::to_owned).collect::<Vec<_>>();
    let rows = table.lines().map(cells).filter(|row| row.get(3).is_some_and(|parent| parent == township));
    rows.map(|row| (row[0].clone(), row[1].clone())).collect()
}

/// A valid invented ID number: area 410490, this birth date (`20020314`), this serial, its check digit.
pub fn id_number(birth: &str, serial: u32) -> String {
    const WEIGHTS: [u32; 17] = [7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2];
    let body = format!("410490{birth}{serial:03}");
    let sum: u32 = body.chars().zip(WEIGHTS).map(|(digit, weight)| digit.to_digit(10).expect("a digit") * weight).sum();
    let check = ["1", "0", "X", "9", "8", "7", "6", "5", "4", "3", "2"][usize::try_from(sum % 11).expect("below 11")];
    format!("{body}{check}")
}

impl List {
    /// A list as of 5 December 2026, due on the 20th: `each` families in each of these villages (codes).
    pub fn of(villages: &[String], each: usize) -> Self {
        const SURNAMES: [&str; 8] = ["王", "李", "张", "刘", "陈", "杨", "赵", "黄"];
        const GIVEN: [&str; 7] = ["秋禾", "晓峰", "春生", "玉兰", "志远", "小满", "守田"];
        let mut families = Vec::new();
        for village in villages {
            for _ in 0..each {
                let n = families.len();
                let number = u32::try_from(n).expect("a small list");
                let surname = SURNAMES[n % SURNAMES.len()];
                families.push(Family {
                    borrower: format!("{surname}{}", GIVEN[n % GIVEN.len()]),
                    id: id_number(&format!("{}0314", 2002 - number / 1_000), number % 1_000),
                    co_borrower: format!("{surname}{}", GIVEN[(n + 3) % GIVEN.len()]),
                    co_id: id_number(&format!("{}0822", 1974 - number / 1_000), number % 1_000),
                    village: village.clone(),
                    address: format!("{}组{}号", n % 9 + 1, n + 1),
                    phone: format!("139{:08}", 10_000 + n),
                    co_phone: format!("158{:08}", 20_000 + n),
                    contracts: vec![(64_026 + 100 * i64::from(number), 13_165), (98_502, 18_648 + i64::from(number))],
                });
            }
        }
        Self { as_of: "2026-12-05".to_owned(), due_on: "2026-12-20".to_owned(), families }
    }

    /// The list as a workbook.
    ///
    /// # Panics
    /// When it cannot be written, or a village is not in the place table.
    pub fn workbook(&self) -> Vec<u8> {
        self.workbook_from(10_000_000)
    }

    /// The list as a workbook whose contracts are numbered from here on.
    ///
    /// # Panics
    /// As [`List::workbook`].
    pub fn workbook_from(&self, first: u64) -> Vec<u8> {
        let table = std::fs::read_to_string(assets().join("places/lushan-410423.csv")).expect("the place table");
        let name = |code: &str| {
            let row = table.lines().find(|line| line.split(',').next() == Some(code)).expect("a known place");
            row.split(',').nth(1).expect("a name").to_owned()
        };
        let yuan = |fen: i64| format!("{}.{:02}", fen / 100, fen % 100);
        let mut book = Workbook::new();
        let sheet = book.add_worksheet();
        for (column, title) in (0_u16..).zip(HEADER) {
            sheet.write_string(0, column, title).expect("a cell");
        }
        let mut row = 0_u32;
        for family in &self.families {
            let (township, village) = (name(&family.village[..9]), name(&family.village));
            for (principal, interest) in &family.contracts {
                row += 1;
                let contract = format!("410420{:09}", 200_000_000 + first + u64::from(row));
                let cells = [
                    &family.borrower,
                    &family.id,
                    &family.co_borrower,
                    "父",
                    &family.co_id,
                    &township,
                    &village,
                    &family.address,
                    &family.phone,
                    &family.co_phone,
                    "2024",
                    &contract,
                    "2021-2022",
                    "8000.00",
                    "6568.94",
                    "2.80%",
                    &yuan(*principal),
                    &yuan(*interest),
                    &yuan(principal + interest),
                    &self.due_on,
                    "2037-09-20",
                    "90000102.cdb@sina.cn",
                    "正常",
                    &self.as_of,
                ];
                for (column, cell) in (0_u16..).zip(cells) {
                    sheet.write_string(row, column, cell).expect("a cell");
                }
            }
        }
        book.save_to_buffer().expect("a workbook")
    }
}

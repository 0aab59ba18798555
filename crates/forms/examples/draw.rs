//! Draws the forms for invented people into a folder, to be looked at: `draw FOLDER`.
//! Every name, number and village is invented; county 青石县 (410490) does not exist.

use std::path::PathBuf;

use chrono::{NaiveDate, NaiveTime};
use domain::money::Fen;
use forms::{
    Letterhead, NoticeFacts, NoticeLine, Palette, PaymentFacts, PrintState, ReceiptFacts, ServedLetter, ServiceCause,
    Sheet, draw,
};

fn day(month: u32, day: u32) -> NaiveDate {
    NaiveDate::from_ymd_opt(2026, month, day).unwrap_or(NaiveDate::MIN)
}

fn letterhead() -> Letterhead {
    Letterhead {
        organ_name: "青石县学生资助管理中心".into(),
        organ_code: "青资助".into(),
        hotline: "0375-1234567".into(),
        complaint_line: "0375-7654321".into(),
        address: "青石县文化路1号教育局一楼".into(),
        bank_name: "国家开发银行".into(),
        settlement_bank: "青石农商银行".into(),
        nearest_agency: Some("柳沟代理点".into()),
    }
}

fn line(tail: &str, principal: i64, interest: i64) -> NoticeLine {
    NoticeLine {
        contract_tail: tail.into(),
        principal_due: Fen::new(principal),
        interest_due: Fen::new(interest),
        subtotal: Fen::new(principal + interest),
    }
}

fn notice(serial: u32, borrower: &str, co_borrower: Option<&str>, lines: Vec<NoticeLine>) -> Sheet {
    let total = lines.iter().map(|l| l.subtotal.get()).sum();
    Sheet::Notice(NoticeFacts {
        doc_no: format!("青资助还通〔2026〕{serial}号"),
        printed_on: day(12, 3),
        as_of: day(12, 1),
        due_on: day(12, 20),
        borrower: borrower.into(),
        co_borrower: co_borrower.map(Into::into),
        lines,
        total: Fen::new(total),
        account_hint: Some("wan***.cdb@sina.cn".into()),
        letterhead: letterhead(),
    })
}

fn receipt(letters: usize, addressees: &[&str]) -> Sheet {
    let all = [
        ("生源地信用助学贷款还款通知书", "青资助还通〔2026〕10123号"),
        ("贷款逾期风险责任书", "青资助风责〔2026〕10045号"),
    ];
    Sheet::Receipt(ReceiptFacts {
        receipt_no: "青资助回证〔2026〕10088号".into(),
        printed_on: day(12, 3),
        cause: ServiceCause::RepaymentNotice,
        letters: all
            .into_iter()
            .take(letters)
            .map(|(name, doc_no)| ServedLetter { name: name.into(), doc_no: doc_no.into(), copies: 1 })
            .collect(),
        addressees: addressees.iter().map(|&n| n.into()).collect(),
        address: "青石县柳沟镇王家庄村三组12号".into(),
        letterhead: letterhead(),
    })
}

fn payment() -> PaymentFacts {
    PaymentFacts {
        reference: "034512887721".into(),
        printed_on: day(12, 3),
        paid_on: day(12, 3),
        paid_at: NaiveTime::from_hms_opt(10, 25, 0),
        borrower: "王秋禾".into(),
        payer: Some("王守田".into()),
        channel: "POS机刷卡".into(),
        amount: Fen::new(36_337),
        terminal: Some("31020877".into()),
        card_tail: Some("0029".into()),
        staff: "李青".into(),
        letterhead: letterhead(),
    }
}

/// A payment by phone: no terminal, no card, a reference of twenty-eight digits.
fn phone_payment() -> PaymentFacts {
    PaymentFacts {
        reference: "2026120322001412341408765432".into(),
        paid_at: None,
        payer: None,
        channel: "支付宝".into(),
        terminal: None,
        card_tail: None,
        ..payment()
    }
}

/// As long as names and numbers get.
fn long_payment() -> PaymentFacts {
    PaymentFacts {
        reference: "1234567890".repeat(4),
        borrower: "买买提吐尔逊·阿卜杜热合曼·艾山江·阿布都外力".into(),
        payer: Some("阿依古丽·买买提吐尔逊".into()),
        amount: Fen::new(99_999_999_999_999),
        terminal: Some("12345678901234".into()),
        staff: "迪丽努尔·阿卜杜热合曼".into(),
        letterhead: Letterhead {
            organ_name: "巴音郭楞蒙古自治州和静县学生资助管理服务中心".into(),
            hotline: "0996-1234567、0996-1234568".into(),
            complaint_line: "0996-7654321、12345".into(),
            ..letterhead()
        },
        ..payment()
    }
}

fn lines(n: u32) -> Vec<NoticeLine> {
    (0..n)
        .map(|i| {
            let step = i64::from(i);
            line(&format!("{:06}", 40_217 + i * 1_111), 120_000 + step * 50_000, 34_337 + step * 1_717)
        })
        .collect()
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = PathBuf::from(std::env::args().nth(1).ok_or("usage: draw FOLDER")?);
    std::fs::create_dir_all(&folder)?;
    let both = Some("王守田");
    let small = || vec![line("GK0040217", 0, 36_337)];
    let files: Vec<(&str, Vec<Sheet>, PrintState, Palette)> = vec![
        ("notice", vec![notice(10123, "王秋禾", both, small())], PrintState::Formal, Palette::Red),
        ("notice-black", vec![notice(10123, "王秋禾", both, lines(2))], PrintState::Formal, Palette::Black),
        ("notice-four", vec![notice(10124, "王秋禾", both, lines(4))], PrintState::Formal, Palette::Red),
        ("notice-rare-name", vec![notice(10125, "王𬴂", None, lines(1))], PrintState::Reprint(2), Palette::Red),
        (
            "notice-sample",
            vec![notice(10126, "买买提·艾山江", Some("阿依古丽·买买提"), lines(3))],
            PrintState::Sample,
            Palette::Red,
        ),
        ("notice-many", vec![notice(10127, "王秋禾", both, lines(24))], PrintState::Formal, Palette::Red),
        ("notice-two-pages", vec![notice(10128, "王秋禾", both, lines(10))], PrintState::Formal, Palette::Red),
        ("receipt", vec![receipt(1, &["王秋禾", "王守田"])], PrintState::Formal, Palette::Red),
        ("receipt-two", vec![receipt(2, &["王𬴂"])], PrintState::Reprint(1), Palette::Black),
        ("payment", vec![Sheet::Payment(payment())], PrintState::Formal, Palette::Red),
        ("payment-phone", vec![Sheet::Payment(phone_payment())], PrintState::Reprint(1), Palette::Black),
        ("payment-long", vec![Sheet::Payment(long_payment())], PrintState::Formal, Palette::Red),
        ("payment-sample", vec![Sheet::Payment(payment())], PrintState::Sample, Palette::Red),
        ("receipt-sample", vec![receipt(2, &["王秋禾", "王守田"])], PrintState::Sample, Palette::Red),
    ];
    for (name, sheets, state, palette) in files {
        let drawn = draw(&sheets, state, palette)?;
        std::fs::write(folder.join(format!("{name}.pdf")), drawn.pdf)?;
    }
    Ok(())
}

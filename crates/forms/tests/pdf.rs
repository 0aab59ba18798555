//! The drawn files as other programs see them: text, faces, structure, and the same bytes twice.
//! Needs poppler-utils and qpdf on the machine. All people, numbers and places are invented.

#![allow(clippy::expect_used, clippy::panic, reason = "helpers of tests fail like tests")]

use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use chrono::{NaiveDate, NaiveTime};
use domain::money::Fen;
use forms::{
    FormError, Letterhead, NoticeFacts, NoticeLine, Palette, PaymentFacts, PrintState, ReceiptFacts, ServedLetter,
    ServiceCause, Sheet, draw, facts_hash8, missing_glyphs, template,
};

fn day(month: u32, day: u32) -> NaiveDate {
    NaiveDate::from_ymd_opt(2026, month, day).expect("a date")
}

fn letterhead() -> Letterhead {
    Letterhead {
        organ_name: "青石县学生资助管理中心".into(),
        organ_code: "青资助".into(),
        hotline: "0375-1234567".into(),
        complaint_line: "0375-7654321".into(),
        address: "青石县文化路1号".into(),
        bank_name: "国家开发银行".into(),
        settlement_bank: "青石农商银行".into(),
        nearest_agency: Some("柳沟代理点".into()),
    }
}

fn contract(tail: &str, principal: i64, interest: i64) -> NoticeLine {
    NoticeLine {
        contract_tail: tail.into(),
        principal_due: Fen::new(principal),
        interest_due: Fen::new(interest),
        subtotal: Fen::new(principal + interest),
    }
}

fn facts(lines: Vec<NoticeLine>) -> NoticeFacts {
    NoticeFacts {
        doc_no: "青资助还通〔2026〕10123号".into(),
        printed_on: day(12, 3),
        as_of: day(12, 1),
        due_on: day(12, 20),
        borrower: "王秋禾".into(),
        co_borrower: Some("王守田".into()),
        total: Fen::new(lines.iter().map(|l| l.subtotal.get()).sum()),
        lines,
        account_hint: Some("wan***.cdb@sina.cn".into()),
        letterhead: letterhead(),
    }
}

fn small() -> NoticeFacts {
    facts(vec![contract("GK20190040217", 0, 36_337)])
}

fn many(n: i64) -> NoticeFacts {
    facts((0..n).map(|i| contract(&format!("{:06}", 40_217 + i), 120_000 + i, 34_337)).collect())
}

fn receipt_facts() -> ReceiptFacts {
    ReceiptFacts {
        receipt_no: "青资助回证〔2026〕10088号".into(),
        printed_on: day(12, 3),
        cause: ServiceCause::RepaymentNotice,
        letters: vec![ServedLetter {
            name: "生源地信用助学贷款还款通知书".into(),
            doc_no: "青资助还通〔2026〕10123号".into(),
            copies: 1,
        }],
        addressees: vec!["王秋禾".into(), "王守田".into()],
        address: "青石县柳沟镇王家庄村三组12号".into(),
        letterhead: letterhead(),
    }
}

fn payment_facts() -> PaymentFacts {
    PaymentFacts {
        reference: "034512887721".into(),
        printed_on: day(12, 4),
        paid_on: day(12, 3),
        paid_at: NaiveTime::from_hms_opt(9, 5, 30),
        borrower: "王秋禾".into(),
        payer: Some("王守田".into()),
        channel: "POS机刷卡".into(),
        amount: Fen::new(136_337),
        terminal: Some("31020877".into()),
        card_tail: Some("0029".into()),
        staff: "李青".into(),
        letterhead: letterhead(),
    }
}

fn formal(facts: NoticeFacts) -> forms::Drawn {
    draw(&[Sheet::Notice(facts)], PrintState::Formal, Palette::Red).expect("drawn")
}

/// Runs a program on a PDF through a file and gives what it prints.
fn run(program: &str, before: &[&str], pdf: &[u8], after: &[&str]) -> String {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let file = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!(
        "forms-{}-{}.pdf",
        std::process::id(),
        COUNT.fetch_add(1, Ordering::Relaxed)
    ));
    std::fs::write(&file, pdf).expect("written");
    let out =
        Command::new(program).args(before).arg(&file).args(after).stderr(Stdio::inherit()).output().unwrap_or_else(
            |e| panic!("{program} does not start ({e}): install poppler-utils and qpdf to test the forms"),
        );
    std::fs::remove_file(&file).expect("removed");
    assert!(out.status.success(), "{program} failed: {out:?}");
    String::from_utf8(out.stdout).expect("UTF-8")
}

/// The text of a PDF without any white space: layout programs put it where they like.
fn text(pdf: &[u8]) -> String {
    let text = run("pdftotext", &["-layout", "-enc", "UTF-8"], pdf, &["-"]);
    text.split_whitespace().collect()
}

#[test]
fn a_notice_says_what_the_facts_say() {
    let drawn = formal(small());
    assert_eq!((drawn.pages, drawn.sheet_pages.as_slice()), (1, [1].as_slice()));
    let text = text(&drawn.pdf);
    for part in [
        "青石县学生资助管理中心",
        "青资助还通〔2026〕10123号",
        "生源地信用助学贷款还款通知书",
        "王秋禾、王守田：",
        "数据截至2026年12月1日。",
        "最后还款日：2026年12月20日（星期日），遇节假日也不推后。请尽量在12月15日前",
        "040217",
        "¥363.37",
        "人民币叁佰陆拾叁元叁角柒分",
        "账号wan***.cdb@sina.cn，",
        "或柳沟代理点刷POS机",
        "请打0375-1234567核实",
        "投诉监督电话：0375-7654321",
        "个人信息告知：",
        "2026年12月3日",
        "HT-2026.1",
    ] {
        assert!(text.contains(part), "{part} is missing in {text}");
    }
    assert!(!text.contains("GK2019"), "more than the tail of a contract number");
    assert!(!text.contains("逾期") && !text.contains("样张") && !text.contains("补打"));
}

#[test]
fn one_borrower_is_spoken_to_as_one() {
    let drawn = formal(NoticeFacts { co_borrower: None, account_hint: None, ..small() });
    let text = text(&drawn.pdf);
    assert!(text.contains("王秋禾：你与国家开发银行签订"), "{text}");
    assert!(!text.contains("你们") && !text.contains("账号"), "{text}");
}

#[test]
fn up_to_four_contracts_fit_one_page_and_many_overflow_with_their_head() {
    for n in 1..=4 {
        assert_eq!(formal(many(n)).pages, 1, "{n} contracts");
    }
    for n in 5..70 {
        let drawn = formal(many(n));
        let first = drawn.pages;
        assert!(first >= 1 && i64::from(first) <= 2 + n / 20, "{first} pages for {n}");
    }
    let drawn = formal(many(60));
    let text = text(&drawn.pdf);
    assert_eq!(drawn.pages, 3);
    assert_eq!(text.matches("应还本金（元）").count(), 3, "{text}");
    for part in ["第1页共3页", "第2页共3页", "第3页共3页", "合计（大写）"] {
        assert_eq!(text.matches(part).count(), 1, "{part}");
    }
    for n in 0..60 {
        let tail = format!("{:06}", 40_217 + n);
        assert_eq!(text.matches(&tail).count(), 1, "{tail}");
    }
}

#[test]
fn the_same_facts_give_the_same_bytes() {
    let sheets = [Sheet::Notice(many(30)), Sheet::Receipt(receipt_facts())];
    let once = draw(&sheets, PrintState::Formal, Palette::Red).expect("drawn");
    // A print in between must leave no trace.
    formal(small());
    let again = draw(&sheets, PrintState::Formal, Palette::Red).expect("drawn");
    assert_eq!(once, again);
    let other = draw(&sheets, PrintState::Formal, Palette::Black).expect("drawn");
    assert_ne!(once.pdf, other.pdf);
}

#[test]
fn the_hash_in_the_code_is_of_the_facts_alone() {
    let sheet = Sheet::Notice(small());
    assert_eq!(facts_hash8(&sheet).expect("hash"), "b41ad8bd");
    let changed = Sheet::Notice(NoticeFacts { due_on: day(12, 19), ..small() });
    assert_ne!(facts_hash8(&sheet).expect("hash"), facts_hash8(&changed).expect("hash"));
}

#[test]
fn every_face_is_embedded_cut_down_and_readable() {
    let rare = NoticeFacts { borrower: "王𬴂".into(), co_borrower: Some("李𠀋".into()), ..small() };
    let drawn =
        draw(&[Sheet::Notice(rare), Sheet::Receipt(receipt_facts())], PrintState::Formal, Palette::Red).expect("drawn");
    let list = run("pdffonts", &[], &drawn.pdf, &[]);
    let faces: Vec<&str> = list.lines().skip(2).collect();
    assert_eq!(faces.len(), 4, "{list}");
    for face in faces {
        let name = face.split_whitespace().next().unwrap_or_default();
        assert_eq!(name.find('+'), Some(6), "{face}");
        assert!(face.contains("yes yes yes"), "{face}");
    }
    assert!(drawn.pdf.len() < 400_000, "{} bytes", drawn.pdf.len());
    assert!(text(&drawn.pdf).contains("王𬴂、李𠀋："));
    run("qpdf", &["--check"], &drawn.pdf, &[]);
    let size = run("pdfinfo", &[], &drawn.pdf, &[]);
    assert!(size.contains("(A4)"), "{size}");
}

#[test]
fn samples_and_reprints_are_marked() {
    let sheets = [
        Sheet::Notice(NoticeFacts { doc_no: String::new(), ..small() }),
        Sheet::Receipt(ReceiptFacts { receipt_no: String::new(), ..receipt_facts() }),
    ];
    let sample = draw(&sheets, PrintState::Sample, Palette::Red).expect("drawn");
    let text_of_sample = text(&sample.pdf);
    assert!(text_of_sample.matches('样').count() >= 4, "{text_of_sample}");
    assert!(text_of_sample.contains("青资助还通〔2026〕号"), "{text_of_sample}");
    assert!(matches!(draw(&sheets, PrintState::Formal, Palette::Red), Err(FormError::Empty("doc_no"))));

    let sheets = [Sheet::Notice(small()), Sheet::Receipt(receipt_facts())];
    let again = draw(&sheets, PrintState::Reprint(2), Palette::Red).expect("drawn");
    let text_of_reprint = text(&again.pdf);
    assert_eq!(text_of_reprint.matches("补打第2次").count(), 2);
    assert!(!text_of_reprint.contains("样张"));
    assert!(matches!(draw(&sheets, PrintState::Reprint(0), Palette::Red), Err(FormError::ReprintZero)));
}

#[test]
fn a_receipt_has_its_rows_and_neither_amount_nor_id_number() {
    let drawn = draw(&[Sheet::Receipt(receipt_facts())], PrintState::Formal, Palette::Black).expect("drawn");
    assert_eq!(drawn.pages, 1);
    let text = text(&drawn.pdf);
    for part in [
        "送达回证",
        "青资助回证〔2026〕10088号",
        "案由",
        "生源地信用助学贷款还款告知",
        "青资助还通〔2026〕10123号",
        "1份",
        "王秋禾、王守田",
        "青石县柳沟镇王家庄村三组12号",
        "□直接送达",
        "□同住成年家属代收",
        "□留置送达",
        "□邮寄送达（单号",
        "□电子送达（已同意）",
        "送达时间",
        "受送达人签名或捺印",
        "代收人签名或捺印",
        "拒收事由和日期",
        "见证人签名",
        "送达人签名（一）",
        "送达人签名（二）",
        "备考",
        "填写说明",
        "三日内",
        "一式一份",
        "投诉监督电话：0375-7654321",
        "HZ-2026.1",
    ] {
        assert!(text.contains(part), "{part} is missing in {text}");
    }
    assert!(!text.contains('¥') && !text.contains('元') && !text.contains("人民币"));

    let with_id = ReceiptFacts { addressees: vec!["王秋禾410490199001011234".into()], ..receipt_facts() };
    assert!(matches!(
        draw(&[Sheet::Receipt(with_id)], PrintState::Formal, Palette::Black),
        Err(FormError::IdNumber("addressees"))
    ));
    let three = ReceiptFacts { letters: vec![receipt_facts().letters.remove(0); 3], ..receipt_facts() };
    assert!(matches!(draw(&[Sheet::Receipt(three)], PrintState::Formal, Palette::Black), Err(FormError::Letters(3))));
}

#[test]
fn a_payment_slip_says_twice_what_was_seen_and_that_the_bank_decides() {
    let sheet = Sheet::Payment(payment_facts());
    assert_eq!((sheet.doc_no(), sheet.printed_on()), ("034512887721", day(12, 4)));
    assert_eq!(template(&sheet).expect("template"), "HD-2026.1");
    let drawn = draw(&[sheet], PrintState::Formal, Palette::Red).expect("drawn");
    assert_eq!((drawn.pages, drawn.sheet_pages.as_slice()), (1, [1].as_slice()));
    let text = text(&drawn.pdf);
    for part in [
        "青石县学生资助管理中心",
        "还款登记回执",
        "借款学生",
        "王秋禾",
        "付款人",
        "王守田",
        "POS机刷卡",
        "2026年12月3日09:05",
        "¥1,363.37",
        "人民币壹仟叁佰陆拾叁元叁角柒分",
        "终端号31020877",
        "参考号034512887721",
        "银行卡尾号****0029",
        "本回执只证明我们看到了这笔付款的凭据，是否还清以银行入账为准。",
        "本回执不是发票，也不是收据；我们不收现金。",
        "一般在扣款日（每月20日）后入账，届时可以打电话或在手机上查询。",
        "联系电话：0375-1234567",
        "投诉监督电话：0375-7654321",
        "经办人（李青）签字：",
        "打印日期：2026年12月4日",
        "HD-2026.1",
    ] {
        assert_eq!(text.matches(part).count(), 2, "{part} in {text}");
    }
    for part in ["上联家庭留存", "下联经办留存", "沿虚线裁开"] {
        assert_eq!(text.matches(part).count(), 1, "{part} in {text}");
    }
    for part in ["身份证", "合同", "欠", "逾期", "样张", "补打"] {
        assert!(!text.contains(part), "{part} in {text}");
    }
    let digits = text.split(|c: char| !c.is_ascii_digit()).map(str::len).max();
    assert_eq!(digits, Some(12), "the reference is the longest number on the slip");
    let info = run("pdfinfo", &[], &drawn.pdf, &[]);
    assert!(info.contains("(A4)") && info.contains("还款登记回执"), "{info}");
    run("qpdf", &["--check"], &drawn.pdf, &[]);
}

#[test]
fn a_payment_by_phone_has_neither_terminal_nor_card() {
    let facts = PaymentFacts {
        reference: "2026120322001412341408765432".into(),
        paid_at: None,
        payer: None,
        channel: "支付宝".into(),
        terminal: None,
        card_tail: None,
        ..payment_facts()
    };
    let drawn = draw(&[Sheet::Payment(facts.clone())], PrintState::Formal, Palette::Black).expect("drawn");
    let bare = text(&drawn.pdf);
    for part in ["支付宝付款时间2026年12月3日金额", "付款人—", "参考号2026120322001412341408765432"]
    {
        assert_eq!(bare.matches(part).count(), 2, "{part} in {bare}");
    }
    assert!(!bare.contains("终端号") && !bare.contains("卡尾号"), "{bare}");

    let facts = PaymentFacts { terminal: Some("  ".into()), card_tail: Some("0029".into()), ..facts };
    let drawn = draw(&[Sheet::Payment(facts)], PrintState::Formal, Palette::Black).expect("drawn");
    assert_eq!(text(&drawn.pdf).matches("终端号—银行卡尾号****0029").count(), 2);
}

#[test]
fn payment_slips_are_the_same_bytes_twice_and_marked_as_others_are() {
    let sheets = [Sheet::Payment(payment_facts())];
    let once = draw(&sheets, PrintState::Formal, Palette::Red).expect("drawn");
    formal(small());
    assert_eq!(once, draw(&sheets, PrintState::Formal, Palette::Red).expect("drawn"));
    let again = draw(&sheets, PrintState::Reprint(3), Palette::Red).expect("drawn");
    assert_eq!(text(&again.pdf).matches("补打第3次").count(), 2);
    let sample = draw(&sheets, PrintState::Sample, Palette::Red).expect("drawn");
    let sample = text(&sample.pdf);
    assert!(sample.matches('样').count() >= 4 && !text(&once.pdf).contains("样张"), "{sample}");
    let kept = serde_json::to_value(&sheets).expect("JSON");
    assert_eq!(kept.pointer("/0/kind").and_then(|k| k.as_str()), Some("payment"));
    let back: Vec<Sheet> = serde_json::from_value(kept).expect("sheets");
    assert_eq!(back, sheets);
}

#[test]
fn the_longest_names_fit_a_payment_slip() {
    let long = "买买提吐尔逊·阿卜杜热合曼·艾山江·阿布都外力";
    let facts = PaymentFacts {
        reference: "1234567890".repeat(4),
        borrower: long.into(),
        payer: Some(long.into()),
        staff: long.into(),
        amount: Fen::new(99_999_999_999_999),
        ..payment_facts()
    };
    let drawn = draw(&[Sheet::Payment(facts)], PrintState::Formal, Palette::Red).expect("drawn");
    assert_eq!(drawn.pages, 1);
    // In the order of drawing: lines of one cell follow each other.
    let raw = run("pdftotext", &["-raw", "-enc", "UTF-8"], &drawn.pdf, &["-"]);
    let raw: String = raw.split_whitespace().collect();
    assert_eq!(raw.matches(long).count(), 6, "{raw}");
    assert_eq!(raw.matches(&"1234567890".repeat(4)).count(), 2, "{raw}");
    let capitals = "人民币玖仟玖佰玖拾玖亿玖仟玖佰玖拾玖万玖仟玖佰玖拾玖元玖角玖分";
    assert_eq!(raw.matches(capitals).count(), 2, "{raw}");

    let rare = PaymentFacts { borrower: "王𬴂".into(), ..payment_facts() };
    let drawn = draw(&[Sheet::Payment(rare)], PrintState::Formal, Palette::Red).expect("drawn");
    assert_eq!(text(&drawn.pdf).matches("王𬴂").count(), 2);
}

#[test]
fn a_payment_slip_without_its_facts_or_with_too_much_is_refused() {
    type Change = fn(&mut PaymentFacts);
    let refuse = |change: Change| {
        let mut facts = payment_facts();
        change(&mut facts);
        draw(&[Sheet::Payment(facts)], PrintState::Formal, Palette::Red).expect_err("refused")
    };
    let empty: [(&str, Change); 8] = [
        ("borrower", |f| f.borrower = " ".into()),
        ("reference", |f| f.reference.clear()),
        ("organ_name", |f| f.letterhead.organ_name.clear()),
        ("hotline", |f| f.letterhead.hotline.clear()),
        ("complaint_line", |f| f.letterhead.complaint_line.clear()),
        ("channel", |f| f.channel.clear()),
        ("staff", |f| f.staff.clear()),
        ("amount", |f| f.amount = Fen::ZERO),
    ];
    for (name, change) in empty {
        let error = refuse(change);
        assert!(matches!(error, FormError::Empty(n) if n == name), "{name}: {error:?}");
    }
    assert!(matches!(refuse(|f| f.amount = Fen::new(-1)), FormError::Money(_)));
    let with_id: [(&str, Change); 6] = [
        ("borrower", |f| f.borrower = "王秋禾410490199001011234".into()),
        ("payer", |f| f.payer = Some("41049019900101123X".into())),
        ("channel", |f| f.channel = "刷卡410490199001011234".into()),
        ("terminal", |f| f.terminal = Some("410490199001011234".into())),
        ("reference", |f| f.reference = "410490199001011234".into()),
        ("staff", |f| f.staff = "李青410490199001011234".into()),
    ];
    for (name, change) in with_id {
        let error = refuse(change);
        assert!(matches!(error, FormError::IdNumber(n) if n == name), "{name}: {error:?}");
    }
    for tail in ["", "029", "00290", "６２２８", "*029", "6228480402564890018"] {
        let facts = PaymentFacts { card_tail: Some(tail.into()), ..payment_facts() };
        let refused = draw(&[Sheet::Payment(facts)], PrintState::Formal, Palette::Red);
        assert!(matches!(refused, Err(FormError::Unmasked)), "{tail}");
    }
}

#[test]
fn a_character_without_a_glyph_stops_the_print() {
    // U+E863 is a private-use character, as old rosters hold them.
    assert_eq!(missing_glyphs("王\u{E863}田").expect("fonts"), ['\u{E863}']);
    assert!(missing_glyphs("王𬴂䶮㛃𫖯𣗋·买买提").expect("fonts").is_empty());
    let refused = draw(
        &[Sheet::Notice(NoticeFacts { borrower: "王\u{E863}".into(), ..small() })],
        PrintState::Formal,
        Palette::Red,
    );
    assert!(
        matches!(&refused, Err(FormError::MissingGlyph { ch: '\u{E863}', text }) if text == "王\u{E863}"),
        "{refused:?}"
    );
}

#[test]
fn every_han_character_of_gb18030_2022_can_be_drawn() {
    let blocks = [
        (0x3400, 0x4DBF),
        (0x4E00, 0x9FFF),
        (0x2_0000, 0x2_A6D6),
        (0x2_A700, 0x2_B734),
        (0x2_B740, 0x2_B81D),
        (0x2_B820, 0x2_CEA1),
        (0x2_CEB0, 0x2_EBE0),
    ];
    for (first, last) in blocks {
        let text: String = (first..=last).filter_map(char::from_u32).collect();
        assert_eq!(missing_glyphs(&text).expect("fonts"), [], "{first:X}");
    }
}

#[test]
fn amounts_that_do_not_add_up_or_show_too_much_are_refused() {
    let refuse =
        |facts: NoticeFacts| draw(&[Sheet::Notice(facts)], PrintState::Formal, Palette::Red).expect_err("refused");
    let total = NoticeFacts { total: Fen::new(36_338), ..small() };
    assert!(matches!(refuse(total), FormError::Sum));
    assert!(matches!(refuse(facts(Vec::new())), FormError::NoLine));
    for open in ["wangqiuhe.cdb@sina.cn", "6228480000123"] {
        let account = NoticeFacts { account_hint: Some(open.into()), ..small() };
        assert!(matches!(refuse(account), FormError::Unmasked), "{open}");
    }
}

//! Letters and receipts as they leave the printer and come home: text, fonts and bytes of the PDF, the days on which a
//! letter may be printed, numbers, and what makes a receipt complete.
#![allow(clippy::expect_used, clippy::indexing_slicing, reason = "a test that cannot go on stops")]

use std::path::PathBuf;
use std::process::Command;

use serde_json::{Value, json};
use tests::{Folder, List, Seat, World, bytes, failure_code, field, items, picture, places_in, run, text};

const MORNING: &str = "2026-12-08T09:00:00+08:00";

fn villages(count: usize) -> Vec<String> {
    places_in("410423105").into_iter().take(count).map(|(code, _)| code).collect()
}

/// A world with an operator and zhou, who is responsible for all villages of the list.
fn world_of(list: &List, clock: &str) -> (World, Seat, Seat) {
    let world = World::at(clock);
    let op = world.operator(list);
    let zhou = world.join("zhou", "SCHOOL_DIRECTOR");
    op.sync();
    let mut codes: Vec<&str> = list.families.iter().map(|family| family.village.as_str()).collect();
    codes.dedup();
    op.ask("AssignVillages", json!({ "villages": codes, "person": "zhou" }));
    op.sync();
    zhou.sync();
    (world, op, zhou)
}

fn one(file: &Value) -> Value {
    json!({ "which": { "households": [file] } })
}

fn row<'a>(run: &'a Value, kind: &str) -> &'a Value {
    items(&run["letters"]).iter().find(|row| row["kind"] == kind).expect("a sheet of this kind")
}

fn serial(row: &Value) -> u32 {
    let number: String = text(&row["doc_no"]).chars().skip_while(|c| *c != '〕').filter(char::is_ascii_digit).collect();
    number.parse().expect("a serial")
}

/// A PDF on the disk, for the tools that look at it.
struct Paper {
    folder: Folder,
    path: PathBuf,
}

impl Paper {
    fn new(pdf: &[u8]) -> Self {
        let folder = Folder::fresh();
        let path = folder.join("paper.pdf");
        std::fs::write(&path, pdf).expect("a file");
        Self { folder, path }
    }

    fn text(&self) -> String {
        let told = run(Command::new("pdftotext").args(["-layout", "-enc", "UTF-8"]).arg(&self.path).arg("-"), "");
        assert_eq!(told.code, Some(0), "{}", told.err);
        String::from_utf8(told.out).expect("UTF-8")
    }

    /// Name, embedded and subset of each font.
    fn fonts(&self) -> Vec<(String, bool, bool)> {
        let told = run(Command::new("pdffonts").arg(&self.path), "");
        assert_eq!(told.code, Some(0), "{}", told.err);
        let table = String::from_utf8(told.out).expect("UTF-8");
        table
            .lines()
            .skip(2)
            .map(|line| {
                let cells: Vec<&str> = line.split_whitespace().collect();
                // From the right: object, generation, uni, sub, emb.
                let yes = |from_right: usize| cells[cells.len() - from_right] == "yes";
                (cells[0].to_owned(), yes(5), yes(4))
            })
            .collect()
    }

    /// The pages as pictures of 100 dots to the inch.
    fn pages(&self) -> Vec<image::RgbImage> {
        let told =
            run(Command::new("pdftoppm").args(["-r", "100", "-png"]).arg(&self.path).arg(self.folder.join("page")), "");
        assert_eq!(told.code, Some(0), "{}", told.err);
        let mut files: Vec<PathBuf> = std::fs::read_dir(self.folder.path())
            .expect("the folder")
            .map(|entry| entry.expect("an entry").path())
            .filter(|path| path.extension().is_some_and(|end| end == "png"))
            .collect();
        files.sort();
        files.iter().map(|file| image::open(file).expect("a picture").to_rgb8()).collect()
    }
}

fn grouped(fen: i64) -> String {
    let yuan = (fen / 100).to_string();
    let (head, rest) = yuan.split_at(yuan.len() % 3);
    let mut out = head.to_owned();
    for group in rest.as_bytes().chunks(3) {
        if !out.is_empty() {
            out.push(',');
        }
        out.push_str(std::str::from_utf8(group).expect("digits"));
    }
    format!("{out}.{:02}", fen % 100)
}

/// Without the blanks that a layout needs.
fn dense(text: &str) -> String {
    text.chars().filter(|c| !c.is_whitespace()).collect()
}

#[test]
fn a_printed_pair_says_what_it_must_in_embedded_fonts_and_always_the_same_bytes() {
    let mut list = List::of(&villages(1), 2);
    list.families[0].borrower = "王\u{2cd02}".to_owned();
    list.families[0].contracts = vec![(1_234_567, 36_337), (87_180, 273)];
    let total = 1_234_567 + 36_337 + 87_180 + 273;
    assert_eq!(grouped(total), "13,583.57");
    let (_world, op, zhou) = world_of(&list, MORNING);
    let hit = zhou.ask("Search", json!({ "text": "王\u{2cd02}" }));
    let file = hit["hits"][0]["file"].clone();

    let sample = zhou.ask("DraftLetters", one(&file));
    let again = zhou.ask("DraftLetters", one(&file));
    let sample_pdf = zhou.blob(&sample["pdf"]);
    assert_eq!(sample_pdf, zhou.blob(&again["pdf"]), "the same sample twice");
    assert!(dense(&Paper::new(&sample_pdf).text()).contains("样张"));
    assert_eq!(zhou.ask("Letters", json!({}))["rows"], json!([]), "a sample uses no number");

    let printed = zhou.ask("PrintLetters", one(&file));
    assert_eq!((&printed["skipped"], &printed["remarks"]), (&json!([]), &json!([])));
    let (notice, receipt) = (row(&printed, "REPAYMENT_NOTICE"), row(&printed, "SERVICE_RECEIPT"));
    assert_eq!((&notice["pair"], &receipt["pair"]), (&receipt["doc_no"], &notice["doc_no"]));
    assert_eq!(notice["total"], json!(total));
    let paper = Paper::new(&zhou.blob(&printed["pdf"]));
    let told = dense(&paper.text());
    let capitals = "人民币壹万叁仟伍佰捌拾叁元伍角柒分";
    assert_eq!(zhou.household(&file)["due"]["capitals"], capitals);
    for must in [
        "王\u{2cd02}",
        &list.families[0].co_borrower,
        &grouped(1_234_567),
        &grouped(36_337),
        &grouped(87_180 + 273),
        &grouped(total),
        capitals,
        "2026年12月20日（星期日）",
        "数据截至",
        "2026年12月5日",
        text(&notice["doc_no"]),
        text(&receipt["doc_no"]),
        "还款通知书",
        "送达回证",
        "鲁山县学生资助管理中心",
        "0375-1234567",
    ] {
        assert!(told.contains(must), "{must} is not in\n{told}");
    }
    for number in [&list.families[0].id, &list.families[0].co_id] {
        assert!(!told.contains(number.as_str()), "a full ID number on paper");
    }
    let fonts = paper.fonts();
    assert!(!fonts.is_empty());
    for (name, embedded, subset) in &fonts {
        assert!(*embedded && *subset, "{name}: {fonts:?}");
    }
    // A red head, dark text, mostly white; without red where the printer has none.
    let pages = paper.pages();
    assert_eq!(json!(pages.len()), printed["pages"]);
    let share = |page: &image::RgbImage, fits: fn(&image::Rgb<u8>) -> bool| {
        1_000 * page.pixels().filter(|pixel| fits(pixel)).count() / page.pixels().len()
    };
    let red = |pixel: &image::Rgb<u8>| pixel.0[0] > 150 && pixel.0[1] < 90 && pixel.0[2] < 90;
    let dark = |pixel: &image::Rgb<u8>| pixel.0.iter().all(|part| *part < 90);
    let white = |pixel: &image::Rgb<u8>| pixel.0.iter().all(|part| *part > 240);
    let page = &pages[0];
    assert!(
        share(page, red) >= 2 && share(page, dark) >= 10 && share(page, white) >= 700,
        "does not look like a letter"
    );

    // Drawn again, here and at the centre: byte for byte.
    let read = |seat: &Seat, number: &Value| seat.blob(&seat.ask("ReadLetter", json!({ "doc_no": number }))["pdf"]);
    let first = read(&zhou, &notice["doc_no"]);
    assert_eq!(first, read(&zhou, &notice["doc_no"]));
    zhou.sync();
    op.sync();
    assert_eq!(first, read(&op, &notice["doc_no"]), "the centre draws the same bytes");
    let alone = Paper::new(&read(&op, &receipt["doc_no"]));
    assert!(dense(&alone.text()).contains(text(&receipt["doc_no"])));
    let other = zhou.files(&list.families[1].village).into_iter().find(|other| *other != file).expect("another family");
    let black = zhou.ask("PrintLetters", json!({ "which": { "households": [other] }, "black": true }));
    for page in Paper::new(&zhou.blob(&black["pdf"])).pages() {
        assert_eq!(page.pixels().filter(|pixel| red(pixel)).count(), 0);
    }
}

#[test]
fn a_whole_village_prints_in_one_run_and_passes_over_who_must_not_get_a_letter() {
    let list = List::of(&villages(1), 4);
    let (_world, _op, zhou) = world_of(&list, MORNING);
    let village = &list.families[0].village;
    let files = zhou.files(village);
    let due = zhou.household(&files[3])["due"]["total"].clone();
    zhou.ask("ReportPayment", json!({ "household": files[3], "channel": "POS", "amount": due, "on": "2026-12-07", "reference": "123456789012" }));
    zhou.ask("PrintLetters", one(&files[0]));
    let run = zhou.ask("PrintLetters", json!({ "which": { "village": village } }));
    let whys: Vec<&str> = items(&run["skipped"]).iter().map(|one| text(&one["why"]["code"])).collect();
    assert_eq!(whys, ["ALREADY_PRINTED", "ALREADY_PAID"], "{}", run["skipped"]);
    let letters = items(&run["letters"]);
    assert_eq!((letters.len(), &run["pages"]), (4, &json!(4)));
    let paper = Paper::new(&zhou.blob(&run["pdf"]));
    let told = dense(&paper.text());
    assert!(letters.iter().all(|row| told.contains(text(&row["doc_no"]))));
    let all = zhou.refused("PrintLetters", one(&files[3]));
    assert_eq!(failure_code(&all), "ALREADY_PAID");
}

/// Today, what the bank's data are of, and what becomes of a print.
#[test]
fn a_letter_is_printed_only_on_days_when_it_is_true() {
    let codes = villages(1);
    let mut list = List::of(&codes, 6);
    list.as_of = "2026-11-01".to_owned();
    let (world, op, mut zhou) = world_of(&list, MORNING);
    let files = zhou.files(&codes[0]);
    let reason = |file: &Value| json!({ "which": { "households": [file] }, "reason": "雪天断网，先送到" });
    let import = |as_of: &str| {
        let newer = List { as_of: as_of.to_owned(), ..list.clone() };
        world.import(&op, "ImportDueList", json!({ "file": bytes("list.xlsx", &newer.workbook()) }));
        op.sync();
    };

    // 37 days old: blocked, reason or not. 30 days old: a reason is asked for.
    for with in [one(&files[0]), reason(&files[0])] {
        let refused = zhou.refused("PrintLetters", with);
        assert_eq!(failure_code(&refused), "DATA_TOO_OLD");
        assert!(refused.zh.contains("2026年11月1日") && refused.zh.contains("37天"), "{}", refused.zh);
    }
    import("2026-11-08");
    zhou.sync();
    assert_eq!(failure_code(&zhou.refused("PrintLetters", one(&files[0]))), "NEEDS_REASON");
    import("2026-12-05");
    zhou.sync();

    // The season's data, as of 5 December, day by day.
    let refused = |zhou: &Seat, with: Value, code: &str, at: &str| {
        let failure = zhou.refused("PrintLetters", with);
        assert_eq!((failure_code(&failure).as_str(), field(&failure)), (code, at));
    };
    let printed = |zhou: &Seat, with: Value, remarks: &[&str]| {
        let run = zhou.ask("PrintLetters", with);
        let codes: Vec<&str> = items(&run["remarks"]).iter().map(|remark| text(&remark["code"])).collect();
        assert_eq!(codes, remarks);
        run
    };
    zhou.reopen("2026-12-10T09:00:00+08:00");
    printed(&zhou, one(&files[0]), &[]);
    zhou.reopen("2026-12-15T09:00:00+08:00");
    printed(&zhou, one(&files[1]), &["DATA_AGEING"]);
    zhou.reopen("2026-12-16T09:00:00+08:00");
    refused(&zhou, one(&files[2]), "NEEDS_REASON", "reason");
    refused(&zhou, json!({ "which": { "households": [files[2]] }, "reason": "  " }), "NEEDS_REASON", "reason");
    zhou.ask("DraftLetters", one(&files[2]));
    printed(&zhou, reason(&files[2]), &[]);
    zhou.reopen("2026-12-20T21:00:00+08:00");
    refused(&zhou, one(&files[3]), "NEEDS_REASON", "reason");
    printed(&zhou, reason(&files[3]), &[]);
    zhou.reopen("2026-12-21T09:00:00+08:00");
    for with in [one(&files[4]), reason(&files[4])] {
        refused(&zhou, with, "AFTER_DUE", "");
    }
    let late = zhou.refused("DraftLetters", one(&files[4]));
    assert_eq!(failure_code(&late), "AFTER_DUE", "not even a sample says what is not true");
    assert!(late.zh.contains("2026年12月20日"), "{}", late.zh);
    // A clock before the data's own day.
    zhou.reopen("2026-12-04T09:00:00+08:00");
    refused(&zhou, one(&files[4]), "DATA_FROM_FUTURE", "");
}

#[test]
fn numbers_come_in_blocks_and_none_is_used_twice() {
    let codes = villages(1);
    let list = List::of(&codes, 3);
    // A desk that has fewer numbers than sheets to print: it says so and writes nothing.
    let world = World::at(MORNING);
    let many = World::at(MORNING);
    let busy = many.operator(&List::of(&codes, 201));
    let none = busy.refused("PrintLetters", json!({ "which": { "village": codes[0] } }));
    assert_eq!(failure_code(&none), "NO_NUMBERS");
    assert_eq!(busy.ask("Letters", json!({}))["rows"], json!([]));
    drop((busy, many));
    let op = world.operator_unsynced(&list);
    let file = op.files(&codes[0])[0].clone();
    assert!(none.zh.contains("同步"), "{}", none.zh);
    assert_eq!(op.ask("Letters", json!({}))["rows"], json!([]));
    op.sync();
    let zhou = world.join("zhou", "SCHOOL_DIRECTOR");
    let lin = world.join("lin", "TOWNSHIP_CLERK");
    op.sync();
    for person in ["zhou", "lin"] {
        op.ask("AssignVillages", json!({ "villages": codes, "person": person }));
    }
    op.sync();
    zhou.sync();
    lin.sync();

    let left = |seat: &Seat| seat.ask("Letters", json!({}))["notices_left"].as_u64().expect("a number");
    assert_eq!((left(&zhou), left(&lin)), (200, 200), "two blocks of a hundred");
    let first = zhou.ask("PrintLetters", one(&file));
    let notice = row(&first, "REPAYMENT_NOTICE");
    assert!(serial(notice) >= 10_100 && serial(notice).is_multiple_of(100), "the first of a block: {notice}");
    assert_eq!(text(&notice["doc_no"]), format!("鲁资助还通〔2026〕{}号", serial(notice)));
    let twice = zhou.refused("PrintLetters", one(&file));
    assert_eq!(failure_code(&twice), "ALREADY_PRINTED");
    zhou.ask("VoidLetter", json!({ "doc_no": notice["doc_no"], "reason": "印坏了" }));
    assert_eq!(
        failure_code(&zhou.refused("VoidLetter", json!({ "doc_no": notice["doc_no"], "reason": "再来" }))),
        "LETTER_VOID"
    );
    let second = zhou.ask("PrintLetters", one(&file));
    assert_eq!(serial(row(&second, "REPAYMENT_NOTICE")), serial(notice) + 1, "a void number stays used");
    assert_eq!(left(&zhou), 198);
    let ledger = zhou.ask("Letters", json!({}));
    assert_eq!((&ledger["printed"], &ledger["void"]), (&json!(4), &json!(1)));
    let others = lin.ask("PrintLetters", one(&zhou.files(&codes[0])[1]));
    let other = serial(row(&others, "REPAYMENT_NOTICE"));
    assert!(other.abs_diff(serial(notice)) >= 100, "another block: {other}");

    for seat in [&zhou, &lin, &op, &zhou] {
        seat.sync();
    }
    assert_eq!(left(&zhou), 298, "topped up before it goes out again");
    let all = op.ask("Letters", json!({}));
    let mut numbers: Vec<&str> = items(&all["rows"]).iter().map(|row| text(&row["doc_no"])).collect();
    assert_eq!(numbers.len(), 6);
    numbers.dedup();
    assert_eq!(numbers.len(), 6, "in order and none twice");
    op.check();
}

#[test]
fn a_receipt_is_complete_by_the_rules_of_its_mode_and_only_with_its_picture() {
    let codes = villages(1);
    let list = List::of(&codes, 2);
    let (_world, op, mut zhou) = world_of(&list, MORNING);
    let files = zhou.files(&codes[0]);
    let run = zhou.ask("PrintLetters", json!({ "which": { "village": codes[0] } }));
    let of = |file: &Value, kind: &str| -> Value {
        let row = items(&run["letters"]).iter().find(|row| row["household"] == *file && row["kind"] == kind);
        row.expect("a sheet")["doc_no"].clone()
    };
    let (number, notice) = (of(&files[0], "SERVICE_RECEIPT"), of(&files[0], "REPAYMENT_NOTICE"));
    assert_eq!(zhou.household(&files[0])["status"], "NOTIFIED");
    let form = json!({ "on": "2026-12-08", "arrived": "08:20:00", "purpose": "SERVE", "result": "MET_CO_BORROWER", "letters": [notice] });
    zhou.ask("RecordVisit", json!({ "household": files[0], "visit": form }));
    let state = |seat: &Seat, doc_no: &Value| -> String {
        let ledger = seat.ask("Letters", json!({}));
        let row = items(&ledger["rows"]).iter().find(|row| row["doc_no"] == *doc_no).cloned();
        text(&row.expect("a line")["state"]).to_owned()
    };
    assert_eq!(state(&zhou, &notice), "SERVED", "handed over, receipt out");

    let direct = json!({ "receipt_no": number, "mode": "DIRECT", "served_on": "2026-12-08", "served_at": "08:20:00",
        "servers": ["周启明"], "signed": true, "fingerprinted": true, "dated_by_hand": true });
    let refused = |zhou: &Seat, changes: Value, at: &str| {
        let mut with = direct.clone();
        for (name, value) in changes.as_object().expect("changes") {
            with[name] = value.clone();
        }
        let failure = zhou.refused("CompleteReceipt", with);
        assert_eq!((failure_code(&failure).as_str(), field(&failure)), ("RECEIPT_RULE", at), "{changes}");
    };
    refused(&zhou, json!({}), "receipt_no");

    // The picture: of a kind that is one, not too large, not another receipt's.
    let photo = picture(1, image::ImageFormat::Jpeg);
    let file_it =
        |number: &Value, name: &str, content: &[u8]| json!({ "receipt_no": number, "file": bytes(name, content) });
    let no_picture = zhou.refused("FileReceipt", file_it(&number, "note.jpg", "就是几个字".as_bytes()));
    assert_eq!((failure_code(&no_picture).as_str(), field(&no_picture)), ("NOT_A_PICTURE", "file"));
    let mut large = photo.clone();
    large.resize(4 * 1024 * 1024 + 1, 0);
    assert_eq!(failure_code(&zhou.refused("FileReceipt", file_it(&number, "large.jpg", &large))), "TOO_LARGE");
    let notices = zhou.refused("FileReceipt", file_it(&notice, "photo.jpg", &photo));
    assert_eq!(field(&notices), "receipt_no", "a notice is no receipt");
    let filed = zhou.ask("FileReceipt", file_it(&number, "photo.jpg", &photo));
    assert_eq!(filed["picture"]["media"], "image/jpeg");
    assert_eq!(zhou.blob(&filed["picture"]), photo, "kept as it came");
    let other = of(&files[1], "SERVICE_RECEIPT");
    let reused = zhou.refused("FileReceipt", file_it(&other, "photo.jpg", &photo));
    assert_eq!(failure_code(&reused), "PICTURE_REUSED");
    zhou.ask("FileReceipt", file_it(&other, "photo.png", &picture(2, image::ImageFormat::Png)));

    let proxy = |changes: Value| {
        let mut proxy =
            json!({ "name": "王小禾", "relation": "妹", "adult": true, "lives_there": true, "sealed": true });
        for (name, value) in changes.as_object().expect("changes") {
            proxy[name] = value.clone();
        }
        json!({ "mode": "CO_RESIDENT", "proxy": proxy })
    };
    let left = |changes: Value| {
        let mut form = json!({ "mode": "LEFT_AT_HOME", "refusal_reason": "不肯接", "servers": ["周启明", "郝建国"],
            "witnesses": ["宋某"], "home_confirmed": true });
        for (name, value) in changes.as_object().expect("changes") {
            form[name] = value.clone();
        }
        form
    };
    for (changes, at) in [
        (json!({ "signed": false, "fingerprinted": false }), "signed"),
        (json!({ "dated_by_hand": false }), "dated_by_hand"),
        (json!({ "servers": [" "] }), "servers"),
        (json!({ "served_on": "2026-12-09" }), "served_on"),
        (json!({ "served_on": "2026-12-07" }), "served_on"),
        (json!({ "mode": "CO_RESIDENT" }), "proxy"),
        (proxy(json!({ "adult": false })), "proxy"),
        (proxy(json!({ "lives_there": false })), "proxy"),
        (proxy(json!({ "sealed": false })), "proxy"),
        (left(json!({ "refusal_reason": null })), "refusal_reason"),
        (left(json!({ "witnesses": [] })), "witnesses"),
        (left(json!({ "witnesses": ["郝建国"] })), "witnesses"),
        (left(json!({ "servers": ["周启明"] })), "servers"),
        (left(json!({ "home_confirmed": false })), "home_confirmed"),
        (json!({ "mode": "POST", "post_delivered": true }), "post_no"),
        (json!({ "mode": "POST", "post_no": "EMS1234567890" }), "post_delivered"),
        (json!({ "mode": "ELECTRONIC", "arrival_proof": true }), "consent"),
        (json!({ "mode": "ELECTRONIC", "consent": "13900001111" }), "arrival_proof"),
    ] {
        refused(&zhou, changes, at);
    }
    assert_eq!(state(&zhou, &notice), "SERVED", "nothing of that counted");
    zhou.ask("CompleteReceipt", direct.clone());
    assert_eq!((state(&zhou, &number).as_str(), state(&zhou, &notice).as_str()), ("RECEIPT_BACK", "RECEIPT_BACK"));
    assert_eq!(zhou.household(&files[0])["status"], "SERVED");
    let served = zhou.refused("VoidLetter", json!({ "doc_no": notice, "reason": "印坏了" }));
    assert_eq!(failure_code(&served), "LETTER_SERVED");

    // Three days later the other one: the paper's date is asked about, and a refused letter left with a witness counts.
    zhou.reopen("2026-12-11T10:00:00+08:00");
    let mut late = left(json!({ "receipt_no": other, "served_on": "2026-12-08" }));
    let asked = zhou.refused("CompleteReceipt", late.clone());
    assert_eq!((failure_code(&asked).as_str(), field(&asked)), ("RECEIPT_RULE", "date_confirmed"));
    late["date_confirmed"] = json!(true);
    zhou.ask("CompleteReceipt", late);
    let receipts = zhou.ask("Receipts", json!({}));
    assert_eq!((&receipts["printed"], &receipts["complete"], &receipts["missing"]), (&json!(2), &json!(2), &json!(0)));
    assert_eq!(zhou.ask("Today", json!({}))["receipts_out"], 0);
    zhou.sync();
    op.sync();
    assert_eq!(op.ask("Receipts", json!({}))["complete"], 2);
    let bulletin = op.ask("Bulletin", json!({}));
    assert_eq!(
        (&bulletin["county"]["households_served"], &bulletin["county"]["served_rate"]),
        (&json!(2), &json!("100.00"))
    );
}

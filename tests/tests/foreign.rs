//! What comes from outside is read in another process: what that process gives up, and that no file takes the program down
//! with it. Every hostile file is made here.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "a test that cannot go on stops, and says how long a hostile file took"
)]

use std::io::{Cursor, Write as _};
use std::net::TcpListener;
use std::process::Command;
use std::time::{Duration, Instant};

use foreign::{MAX_BYTES, PictureFault, Reader, SheetFault};
use serde_json::{Value, json};
use tests::{Folder, World, assets, bytes, failure_code, fixtures, items, picture, program};
use zip::write::SimpleFileOptions;

const NOON: &str = "2026-12-08T12:00:00+08:00";

fn reader() -> Reader {
    Reader::of(program("desk"))
}

/// What the child of a taken-over reader could do; `free`: of one that was not confined.
fn went_through(free: bool) -> Vec<String> {
    let folder = Folder::fresh();
    let file = folder.join("secret");
    std::fs::write(&file, b"a family's debt").expect("a file");
    let door = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = door.local_addr().expect("its address").port().to_string();
    let mut command = Command::new(program("hostile"));
    command.arg(&file).arg(port).args(free.then_some("free"));
    let told = command.output().expect("it ends");
    assert!(told.status.success(), "{told:?}");
    String::from_utf8(told.stdout).expect("words").split_whitespace().map(str::to_owned).collect()
}

#[test]
fn a_reader_that_was_taken_over_opens_no_file_reaches_nobody_and_starts_nothing() {
    assert_eq!(went_through(false), Vec::<String>::new());
    // The tries are real: without the border all go through, but for calling itself for ever.
    let free = went_through(true);
    for word in
        ["read", "write", "list", "mode", "remove", "proc", "connect", "listen", "send", "run", "thread", "memory"]
    {
        assert!(free.contains(&word.to_owned()), "{word} of {free:?}");
    }
}

const TYPES: &str = r#"<?xml version="1.0"?><Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"><Default Extension="xml" ContentType="application/xml"/><Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/><Override PartName="/xl/workbook.xml" ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml"/></Types>"#;
const RELS: &str = r#"<?xml version="1.0"?><Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="rId1" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument" Target="xl/workbook.xml"/></Relationships>"#;
const BOOK: &str = r#"<?xml version="1.0"?><workbook xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main" xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships"><sheets><sheet name="Sheet1" sheetId="1" r:id="rId1"/></sheets></workbook>"#;
const BOOK_RELS: &str = r#"<?xml version="1.0"?><Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="rId1" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/worksheet" Target="worksheets/sheet1.xml"/><Relationship Id="rId2" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/sharedStrings" Target="sharedStrings.xml"/></Relationships>"#;

/// A workbook of these parts; what is not given is as it should be.
fn workbook(parts: &[(&str, &[u8])]) -> Vec<u8> {
    let usual: [(&str, &[u8]); 4] = [
        ("[Content_Types].xml", TYPES.as_bytes()),
        ("_rels/.rels", RELS.as_bytes()),
        ("xl/workbook.xml", BOOK.as_bytes()),
        ("xl/_rels/workbook.xml.rels", BOOK_RELS.as_bytes()),
    ];
    let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
    let options = SimpleFileOptions::default().compression_method(zip::CompressionMethod::Deflated);
    let given = |name: &str| parts.iter().any(|(given, _)| *given == name);
    for (name, body) in usual.iter().filter(|(name, _)| !given(name)).chain(parts) {
        zip.start_file(*name, options).expect("a part");
        zip.write_all(body).expect("its bytes");
    }
    zip.finish().expect("a workbook").into_inner()
}

fn sheet(inner: &str) -> Vec<u8> {
    let body = format!(
        r#"<?xml version="1.0"?><worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main">{inner}</worksheet>"#
    );
    workbook(&[("xl/worksheets/sheet1.xml", body.as_bytes())])
}

fn with_strings(strings: &str) -> Vec<u8> {
    let body = r#"<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData><row r="1"><c r="A1" t="s"><v>0</v></c></row></sheetData></worksheet>"#;
    workbook(&[("xl/worksheets/sheet1.xml", body.as_bytes()), ("xl/sharedStrings.xml", strings.as_bytes())])
}

/// Hostile workbooks, each with what it tries.
fn hostile() -> Vec<(String, Vec<u8>)> {
    let good = std::fs::read(assets().join("demo/roster-2026-12-05.xlsx")).expect("the demo list");
    let cell = |place: &str| format!(r#"<sheetData><row r="1"><c r="{place}"><v>1</v></c></row></sheetData>"#);
    let nested = |name: &str, depth: usize| {
        format!("{}{}", format!("<{name}>").repeat(depth), format!("</{name}>").repeat(depth))
    };
    let mut all: Vec<(String, Vec<u8>)> = vec![
        ("nothing".to_owned(), Vec::new()),
        ("a web page of tables within tables".to_owned(), "<table><tr><td>".repeat(700_000).into_bytes()),
        ("a web page of cells".to_owned(), format!("<table>{}</table>", "<tr><td>1".repeat(1_000_000)).into_bytes()),
        ("a web page that covers everything".to_owned(), format!("<table>{}</table>", "<tr><td rowspan=4294967295 colspan=4294967295>1".repeat(20_000)).into_bytes()),
        ("a web page that never ends".to_owned(), format!("<table><tr><td {}", "a=b ".repeat(2_000_000)).into_bytes()),
        ("a text of commas".to_owned(), vec![b','; 10_000_000]),
        ("a text in one value".to_owned(), format!("\"{}", "长\n".repeat(2_500_000)).into_bytes()),
        ("a text of lines".to_owned(), "a,b\n".repeat(2_500_000).into_bytes()),
        ("a text of halves".to_owned(), vec![0x81; 1_000_001]),
        ("a text of quotes".to_owned(), vec![b'"'; 9_999_999]),
        ("a wide text that ends within a character".to_owned(), vec![0xff, 0xfe, 0x00]),
        ("an old workbook".to_owned(), vec![0xd0, 0xcf, 0x11, 0xe0, 0xa1, 0xb1, 0x1a, 0xe1]),
        ("a picture".to_owned(), picture(3, image::ImageFormat::Png)),
        ("a head alone".to_owned(), b"PK\x03\x04".to_vec()),
        ("an empty container".to_owned(), b"PK\x05\x06\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0".to_vec()),
        ("a bomb".to_owned(), sheet(&" ".repeat(210 << 20))),
        ("a bomb of strings".to_owned(), with_strings(&format!("<sst>{}</sst>", "<si><t>一</t></si>".repeat(8_000_000)))),
        ("strings that claim to be many".to_owned(), with_strings(r#"<sst count="4294967295" uniqueCount="4294967295"><si><t>a</t></si></sst>"#)),
        ("one string of a great length".to_owned(), with_strings(&format!("<sst><si><t>{}</t></si></sst>", "长".repeat(20_000_000)))),
        ("a string that is not there".to_owned(), with_strings("<sst></sst>")),
        ("a range of everything".to_owned(), sheet(r#"<dimension ref="A1:XFD1048576"/><sheetData/>"#)),
        ("a range beyond".to_owned(), sheet(r#"<dimension ref="A1:ZZZZZZZ99999999999"/><sheetData/>"#)),
        ("rows backwards".to_owned(), sheet(r#"<sheetData><row r="2"><c r="A2"><v>1</v></c></row><row r="1"><c r="A1"><v>1</v></c></row></sheetData>"#)),
        ("no end".to_owned(), sheet("<sheetData><row r=\"1\"><c r=\"A1\"><v>1")),
        ("depth".to_owned(), sheet(&nested("a", 2_000_000))),
        ("an entity of entities".to_owned(), workbook(&[("xl/worksheets/sheet1.xml", br#"<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;"><!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;"><!ENTITY d "&c;&c;&c;&c;&c;&c;&c;&c;">]><worksheet><sheetData><row r="1"><c r="A1" t="str"><v>&d;&d;&d;&d;</v></c></row></sheetData></worksheet>"#)])),
        ("a file of the machine".to_owned(), workbook(&[("xl/worksheets/sheet1.xml", br#"<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]><worksheet><sheetData><row r="1"><c r="A1" t="str"><v>&a;</v></c></row></sheetData></worksheet>"#)])),
        ("a sheet from elsewhere".to_owned(), workbook(&[("xl/_rels/workbook.xml.rels", BOOK_RELS.replace("worksheets/sheet1.xml", "../../../../etc/passwd").as_bytes())])),
        ("no sheet".to_owned(), workbook(&[("xl/workbook.xml", BOOK.replace(r#"<sheet name="Sheet1" sheetId="1" r:id="rId1"/>"#, "").as_bytes())])),
        ("a thousand sheets".to_owned(), workbook(&[("xl/workbook.xml", BOOK.replace("</sheets>", &r#"<sheet name="X" sheetId="2" r:id="rId1"/>"#.repeat(100_000).replace("</sheets>", "")).as_bytes())])),
        ("a book of itself".to_owned(), workbook(&[("xl/_rels/workbook.xml.rels", BOOK_RELS.replace("worksheets/sheet1.xml", "workbook.xml").as_bytes())])),
        ("a hundred thousand parts".to_owned(), {
            let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
            for at in 0..60_000 {
                zip.start_file(format!("xl/{at}"), SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored)).expect("a part");
            }
            zip.finish().expect("a container").into_inner()
        }),
        ("too long".to_owned(), { let mut long = good.clone(); long.resize(MAX_BYTES + 1, 0); long }),
    ];
    for place in
        ["A99999999999", "XFD1048576", "AAAAAAAAAAAAA1", "A0", "A-1", "1A", "", "A18446744073709551616", "ZZZ1"]
    {
        all.push((format!("a cell at {place:?}"), sheet(&cell(place))));
    }
    for (what, style) in [("a style beyond", "4294967295"), ("a style below", "-1")] {
        all.push((
            what.to_owned(),
            sheet(&format!(r#"<sheetData><row r="1"><c r="A1" s="{style}"><v>45000</v></c></row></sheetData>"#)),
        ));
    }
    for number in ["1e999", "-1e999", "NaN", "9999999999999999999999", "0x10", "1,5"] {
        all.push((
            format!("the number {number}"),
            sheet(&format!(r#"<sheetData><row r="1"><c r="A1"><v>{number}</v></c></row></sheetData>"#)),
        ));
    }
    // Good lists, spoilt at even places, and cut.
    let old = std::fs::read(fixtures().join("roster-old.xls")).expect("the list as an old workbook");
    for (name, good) in [("new", good), ("old", old)] {
        for at in 1..12 {
            let mut spoilt = good.clone();
            let place = spoilt.len() / 12 * at;
            for byte in &mut spoilt[place..place + 64] {
                *byte ^= 0x5a;
            }
            all.push((format!("{name} spoilt at {place}"), spoilt));
            all.push((format!("{name} cut at {place}"), good[..place].to_vec()));
        }
    }
    all
}

#[test]
fn no_hostile_workbook_takes_the_program_down_or_keeps_it_waiting() {
    let reader = reader();
    let all = hostile();
    assert!(all.len() >= 60, "{}", all.len());
    let (mut refused, mut longest) = (0, (Duration::ZERO, String::new()));
    for (what, file) in all {
        let begun = Instant::now();
        let read = reader.workbook(&file, None).and_then(|mut book| {
            let mut rows = 0_u32;
            while book.next_sheet()? {
                while book.next_row()?.is_some() {
                    rows += 1;
                }
            }
            Ok(rows)
        });
        let took = begun.elapsed();
        longest = longest.max((took, what.clone()));
        // Never for want of a reader: it was there, and what it said or did not say is told.
        assert_ne!(read, Err(SheetFault::NoReader), "{what}");
        assert!(read.is_err() || read.as_ref().is_ok_and(|rows| *rows < 20_000), "{what}: {read:?}");
        refused += u32::from(read.is_err());
        assert!(took < Duration::from_secs(60), "{what} took {took:?}");
    }
    println!("{refused} refused; the longest, {}, took {:?}", longest.1, longest.0);
    assert!(refused > 30, "only {refused}");
    // And it reads on.
    let good = std::fs::read(assets().join("demo/roster-2026-12-05.xlsx")).expect("the demo list");
    let mut book = reader.workbook(&good, None).expect("a workbook");
    assert!(book.next_sheet().expect("a sheet") && book.next_row().expect("a row").is_some());
}

#[test]
fn what_is_wrong_with_a_sheet_that_nobody_wants_does_not_matter() {
    let second = r#"<sheet name="Sheet2" sheetId="2" r:id="rId3"/></sheets>"#;
    let link = r#"<Relationship Id="rId3" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/worksheet" Target="worksheets/sheet2.xml"/></Relationships>"#;
    let row = |inner: &str| format!("<worksheet><sheetData>{inner}</sheetData></worksheet>");
    let far = row(r#"<row r="1"><c r="A1"><v>1</v></c></row><row r="2"><c r="XFD2"><v>1</v></c></row>"#);
    let good = row(r#"<row r="1"><c r="A1"><v>7</v></c></row>"#);
    let file = workbook(&[
        ("xl/workbook.xml", BOOK.replace("</sheets>", second).as_bytes()),
        ("xl/_rels/workbook.xml.rels", BOOK_RELS.replace("</Relationships>", link).as_bytes()),
        ("xl/worksheets/sheet1.xml", far.as_bytes()),
        ("xl/worksheets/sheet2.xml", good.as_bytes()),
    ]);
    let read = |wanted: usize| -> Result<Vec<u32>, SheetFault> {
        let mut book = reader().workbook(&file, None)?;
        for _ in 0..wanted {
            assert!(book.next_sheet()?);
        }
        let mut rows = Vec::new();
        while let Some(row) = book.next_row()? {
            rows.push(row.number);
        }
        Ok(rows)
    };
    assert_eq!(read(1), Err(SheetFault::TooLarge(foreign::TooLarge::Columns)));
    assert_eq!(read(2), Ok(vec![1]));
}

#[test]
fn a_picture_is_measured_by_its_head_and_never_unpacked() {
    let reader = reader();
    let png = picture(3, image::ImageFormat::Png);
    let seen = reader.picture(&png).expect("a picture");
    assert_eq!(seen.format.media(), "image/png");
    assert!(seen.dots() > 0);
    // Fifty thousand by fifty thousand dots in a few bytes.
    let mut giant = png.clone();
    giant[16..24].copy_from_slice(&[0, 0, 0xc3, 0x50, 0, 0, 0xc3, 0x50]);
    let read = reader.picture(&giant);
    assert!(read.is_err() || read.is_ok_and(|picture| picture.dots() == 2_500_000_000), "{read:?}");
    for hostile in [&b""[..], b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", &png[..20], b"GIF89a", b"%PDF-1.7"] {
        assert_eq!(reader.picture(hostile), Err(PictureFault::NotAPicture));
    }
    assert_eq!(Reader::of("/nowhere/desk".into()).picture(&png), Err(PictureFault::NoReader));
    // A program that is no reader says something else, or nothing.
    assert_eq!(Reader::of("/bin/echo".into()).picture(&png), Err(PictureFault::ReaderFailed));
    assert_eq!(Reader::of("/bin/false".into()).workbook(&png, None).err(), Some(SheetFault::ReaderFailed));
}

#[test]
fn a_preview_is_small_upright_and_on_white_and_a_hostile_picture_has_none() {
    let reader = reader();
    let drawn = |bytes: &[u8]| {
        let small = reader.preview(bytes).expect("a preview");
        assert!(small.len() <= foreign::MOST_PREVIEW, "{}", small.len());
        image::load_from_memory_with_format(&small, image::ImageFormat::Jpeg).expect("a JPEG").to_rgb8()
    };
    let encoded = |picture: &image::DynamicImage, format| {
        let mut out = std::io::Cursor::new(Vec::new());
        picture.write_to(&mut out, format).expect("a picture");
        out.into_inner()
    };
    // A wide photo, red on the left, that the camera says is to be turned: red is above then.
    let wide = image::RgbImage::from_fn(1600, 900, |x, _| {
        if x < 800 { image::Rgb([220, 20, 20]) } else { image::Rgb([20, 20, 220]) }
    });
    let mut photo = encoded(&wide.into(), image::ImageFormat::Jpeg);
    assert!(drawn(&photo).width() > drawn(&photo).height());
    // APP1 with one entry: orientation, turn right.
    let exif = b"\xff\xe1\x00\x22Exif\x00\x00MM\x00\x2a\x00\x00\x00\x08\x00\x01\x01\x12\x00\x03\x00\x00\x00\x01\x00\x06\x00\x00\x00\x00\x00\x00";
    photo.splice(2..2, exif.iter().copied());
    let turned = drawn(&photo);
    assert!(turned.width() < turned.height(), "{}x{}", turned.width(), turned.height());
    let (above, below) =
        (turned.get_pixel(turned.width() / 2, 9), turned.get_pixel(turned.width() / 2, turned.height() - 9));
    assert!(above[0] > 180 && below[2] > 180, "{above:?} {below:?}");
    // Noise cannot be told in few bytes: it is drawn smaller. What is clear is white.
    let mut state = 7_u32;
    let noise = image::RgbImage::from_fn(1500, 1100, |_, _| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let [a, b, c, _] = state.to_be_bytes();
        image::Rgb([a, b, c])
    });
    assert!(drawn(&encoded(&noise.into(), image::ImageFormat::Png)).width() < 1_000);
    let clear = image::RgbaImage::from_pixel(300, 200, image::Rgba([0, 0, 0, 0]));
    assert!(
        drawn(&encoded(&clear.into(), image::ImageFormat::Png)).get_pixel(150, 100).0.iter().all(|shade| *shade > 250)
    );
    // A sheet as long as the largest allowed, and lines a dot wide.
    let long = image::RgbImage::from_pixel(20_000, 1_200, image::Rgb([200, 200, 200]));
    assert_eq!(drawn(&encoded(&long.into(), image::ImageFormat::Png)).width(), 1_200);
    for (width, height) in [(1, 30_000), (30_000, 1), (1, 1)] {
        let line = image::RgbImage::from_pixel(width, height, image::Rgb([9, 9, 9]));
        drawn(&encoded(&line.into(), image::ImageFormat::Png));
    }
    let png = picture(3, image::ImageFormat::Png);
    let mut giant = png.clone();
    giant[16..24].copy_from_slice(&[0, 0, 0xc3, 0x50, 0, 0, 0xc3, 0x50]);
    for hostile in [&b""[..], b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", &png[..60], &giant, b"GIF89a", b"%PDF-1.7"] {
        assert!(reader.preview(hostile).is_err());
    }
}

#[test]
fn a_photo_that_cannot_be_drawn_is_kept_and_said_and_pictures_that_look_alike_have_previews_of_their_own() {
    let world = World::at(NOON);
    let (_, zhou, files, _) = world.village(2);
    let run = zhou.ask("PrintLetters", json!({ "which": { "households": files } }));
    let rows: Vec<&Value> = items(&run["letters"]).iter().filter(|row| row["kind"] == "SERVICE_RECEIPT").collect();
    let file = |row: &Value, photo: &[u8]| {
        zhou.ask(
            "FileReceipt",
            json!({ "receipt_no": row["doc_no"], "household": row["household"], "file": bytes("p.jpg", photo) }),
        )
    };
    let photo = |last: u8| {
        let mut photo = picture(7, image::ImageFormat::Jpeg);
        photo.resize(50_000, 0);
        photo.push(last);
        photo
    };
    let small = file(rows[0], &picture(9, image::ImageFormat::Jpeg));
    assert_eq!(
        (&small["picture"]["here"], &small["picture"]["preview"], &small["remarks"]),
        (&json!(true), &json!(null), &json!([]))
    );
    let (one, two) = (file(rows[0], &photo(1)), file(rows[1], &photo(2)));
    assert!(one["picture"]["preview"].is_string() && two["picture"]["preview"].is_string(), "{one} {two}");
    assert_ne!(one["picture"]["preview"], two["picture"]["preview"]);
    let (media, bytes) = zhou.door().blob(one["picture"]["preview"].as_str().expect("a name")).expect("kept");
    assert_eq!(media, "image/jpeg");
    assert!(bytes.len() <= 40_000);
    // A head and nothing behind it, and much of that.
    let mut broken = picture(5, image::ImageFormat::Png)[..57].to_vec();
    broken.resize(60_000, 7);
    let kept = file(rows[1], &broken);
    assert_eq!((&kept["remarks"][0]["code"], &kept["picture"]["preview"]), (&json!("NOT_DRAWN"), &json!(null)));
    assert_eq!(zhou.sync()["blobs_sent"], 4, "previews are not counted");
    zhou.check();
}

#[test]
fn a_hostile_file_gets_a_sentence_and_nothing_is_changed() {
    let world = World::at(NOON);
    let op = world.join("op1", "CENTRE_OPERATOR");
    world.furnish(&op);
    let forged = sheet(r#"<sheetData><row r="1"><c r="A99999999999"><v>1</v></c></row></sheetData>"#);
    let failure = op.refused("ImportDueList", json!({ "file": bytes("名单.xlsx", &forged) }));
    assert_eq!(failure_code(&failure), "WORKBOOK_UNREADABLE");
    assert!(failure.to_string().contains("这个表格文件坏了，读不出来"), "{failure}");
    assert_eq!(op.families(), 0);
    op.check();
}

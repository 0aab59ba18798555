//! 送达回证: the form that comes back signed. A table with room for handwriting, for two finger
//! prints of 30 × 30 mm, and the rules of filling in at its foot; always one page.
//! A witness reads it: it must never carry an amount, an ID number or a word about the debt
//! beyond the title of the letter.

use chrono::Datelike;

use crate::canvas::{Align, Canvas, Ink, PAGE_WIDTH, count, mm};
use crate::cell::{self, Area, fitting, middle};
use crate::facts::{PrintState, ReceiptFacts};
use crate::text::{Glyph, Line, Voice, shape, single};
use crate::wording::{Piece, ReceiptWording, Value, fill};
use crate::{Act, FormError, code, needed, no_id_number};

const LEFT: i32 = mm(150);
const WIDTH: i32 = mm(1800);
const RIGHT: i32 = LEFT + WIDTH;
const TOP: i32 = mm(340);
/// The paper's lower margin is 10 mm; the foot ends there.
const END: i32 = mm(2870);
const FOOT_PITCH: i32 = mm(48);
/// Four columns in the proportion 35 : 43 : 35 : 43.
const LABEL: i32 = mm(404);
const FIELD: i32 = mm(496);
const CONTENT: i32 = WIDTH - LABEL;
const SIZE: i32 = 1200;
const THIN: i32 = 60;
const PRINT_BOX: i32 = mm(300);

/// The table's rows from top to bottom.
struct Form<'a> {
    act: &'a Act<'a>,
    page: Canvas,
    y: i32,
    /// Per thousand of the height of rows that may shrink.
    shrink: i32,
}

/// Draws one receipt.
pub(crate) fn draw(act: &Act<'_>, words: &ReceiptWording, facts: &ReceiptFacts) -> Result<Vec<Canvas>, FormError> {
    check(facts, act.state)?;
    let letters = count(facts.letters.len());
    // Heights in tenths of a millimetre: fixed rows, and rows 4, 9, 10 and 13, which may shrink.
    let fixed = mm(100 + 100 * letters + 100 + 150 + 100 + 320 + 320 + 200 + 150);
    let soft = mm(150 + 150 + 200 + 200);
    let foot = FOOT_PITCH * (count(words.instructions.len()) + 1) + mm(15);
    let shrink = ((END - TOP - foot - fixed) * 1000 / soft).clamp(700, 1000);
    let mut form = Form { act, page: Canvas::default(), y: TOP, shrink };
    if act.state == PrintState::Sample {
        form.page.watermark(act.fonts, &words.sample)?;
    }
    form.head(words, facts)?;
    form.rows(words, facts)?;
    form.foot(words, facts)?;
    Ok(vec![form.page])
}

fn check(facts: &ReceiptFacts, state: PrintState) -> Result<(), FormError> {
    if state != PrintState::Sample {
        needed("receipt_no", &facts.receipt_no)?;
    }
    needed("organ_name", &facts.letterhead.organ_name)?;
    needed("organ_code", &facts.letterhead.organ_code)?;
    needed("complaint_line", &facts.letterhead.complaint_line)?;
    if !(1..=2).contains(&facts.letters.len()) {
        return Err(FormError::Letters(facts.letters.len()));
    }
    for letter in &facts.letters {
        needed("letter name", &letter.name)?;
        if state != PrintState::Sample {
            needed("letter number", &letter.doc_no)?;
        }
    }
    if facts.addressees.is_empty() {
        return Err(FormError::Empty("addressees"));
    }
    for name in &facts.addressees {
        needed("addressees", name)?;
        no_id_number("addressees", name)?;
    }
    no_id_number("address", &facts.address)
}

impl Form<'_> {
    fn body(&self, text: &str) -> Result<Vec<Glyph>, FormError> {
        shape(self.act.fonts, &Piece::plain(text), Voice::Body)
    }

    fn bold(&self, text: &str) -> Result<Line, FormError> {
        let glyphs = shape(self.act.fonts, &Piece::strong(text), Voice::Title)?;
        Ok(single(&glyphs))
    }

    fn head(&mut self, words: &ReceiptWording, facts: &ReceiptFacts) -> Result<(), FormError> {
        let middle_x = PAGE_WIDTH / 2;
        let organ = self.bold(&facts.letterhead.organ_name)?;
        let size = fitting(&organ, mm(1200), 1500);
        let page = &mut self.page;
        page.aligned(&organ, middle_x, mm(165), size, Align::Centre, Ink::Black);
        let title = self.bold(&words.title)?;
        let page = &mut self.page;
        page.aligned(&title, middle_x, mm(265), 2200, Align::Centre, Ink::Black);
        let number = if facts.receipt_no.is_empty() {
            let year = facts.printed_on.year();
            let organ = &facts.letterhead.organ_code;
            format!("{organ}{}〔{year}〕\u{3000}\u{3000}\u{3000}号", words.code)
        } else {
            facts.receipt_no.clone()
        };
        let number = single(&self.body(&number)?);
        let size = fitting(&number, mm(600), SIZE);
        self.page.aligned(&number, RIGHT, mm(320), size, Align::Right, Ink::Black);
        let side = mm(180);
        match self.act.state {
            PrintState::Sample => {
                let area = Area { x: LEFT, y: mm(110), width: side, height: side };
                let glyphs = self.body(&words.sample)?;
                self.page.frame(area.x, area.y, side, side, 50, Ink::Grey);
                cell::label(&mut self.page, &glyphs, area, 1050);
            }
            PrintState::Formal | PrintState::Reprint(_) => {
                let text = code::payload(&facts.receipt_no, &words.template, &self.act.hash8);
                code::draw(&mut self.page, &text, LEFT, mm(110), side)?;
            }
        }
        if let PrintState::Reprint(n) = self.act.state {
            let mark = fill(&words.reprint, &[("n", Value::Whole(n.to_string()))])?;
            let line = single(&shape(self.act.fonts, &mark, Voice::Body)?);
            self.page.stamp(&line, RIGHT, mm(120));
        }
        Ok(())
    }

    /// A row's box right of its label; draws the label and the lines around both.
    fn row(&mut self, label: &str, height: i32) -> Result<Area, FormError> {
        let glyphs = self.body(label)?;
        let area = Area { x: LEFT, y: self.y, width: LABEL, height };
        cell::label(&mut self.page, &glyphs, area, SIZE);
        self.page.across(LEFT, self.y, WIDTH, THIN, Ink::Black);
        self.page.down(LEFT + LABEL, self.y, height, THIN, Ink::Black);
        self.y += height;
        Ok(area.slice(LABEL, CONTENT))
    }

    const fn soft(&self, tenths: i32) -> i32 {
        mm(tenths) * self.shrink / 1000
    }

    fn write(&mut self, glyphs: &[Glyph], area: Area) {
        cell::text(&mut self.page, glyphs, area, SIZE, Align::Left);
    }

    fn spread(&mut self, lines: &[String], area: Area) -> Result<(), FormError> {
        let set = lines.iter().map(|t| Ok(single(&self.body(t)?))).collect::<Result<Vec<_>, FormError>>()?;
        cell::spread(&mut self.page, &set, area, SIZE);
        Ok(())
    }

    fn rows(&mut self, words: &ReceiptWording, facts: &ReceiptFacts) -> Result<(), FormError> {
        let area = self.row(&words.cause_label, mm(100))?;
        let cause = self.body(words.cause.of(facts.cause))?;
        self.write(&cause, area);

        self.letters(words, facts)?;

        let area = self.row(&words.addressee_label, mm(100))?;
        let mut names = Vec::new();
        for name in &facts.addressees {
            if !names.is_empty() {
                names.extend(Piece::plain("、"));
            }
            names.push(Piece::name(name));
        }
        let names = shape(self.act.fonts, &names, Voice::Body)?;
        self.write(&names, area);

        let area = self.row(&words.address_label, self.soft(150))?;
        let address = self.body(&facts.address)?;
        self.write(&address, area);

        let area = self.row(&words.mode_label, mm(150))?;
        let modes: Vec<String> = words.modes.iter().map(|m| m.join("\u{3000}")).collect();
        self.spread(&modes, area)?;

        let area = self.row(&words.time_label, mm(100))?;
        let time = self.body(&words.time)?;
        self.write(&time, area);

        self.signature(&words.signature_label, &words.signature_lines, &words.fingerprint)?;
        self.signature(&words.proxy_label, &words.proxy_lines, &words.fingerprint)?;

        let area = self.row(&words.relation_label, self.soft(150))?;
        self.spread(&words.relation_lines, area)?;
        let area = self.row(&words.refusal_label, self.soft(200))?;
        self.spread(&words.refusal_lines, area)?;

        self.witnesses(words)?;
        self.servers(words)?;

        let area = self.row(&words.remarks_label, self.soft(200))?;
        self.spread(&words.remarks_lines, area)?;
        self.page.frame(LEFT, TOP, WIDTH, self.y - TOP, 100, Ink::Black);
        Ok(())
    }

    fn letters(&mut self, words: &ReceiptWording, facts: &ReceiptFacts) -> Result<(), FormError> {
        let (name, number) = (mm(640), mm(570));
        let area = self.row(&words.letters_label, mm(100) * count(facts.letters.len()))?;
        let mut line = Area { height: mm(100), ..area };
        for (at, letter) in facts.letters.iter().enumerate() {
            if at > 0 {
                self.page.across(line.x, line.y, line.width, THIN, Ink::Black);
            }
            let title = self.body(&letter.name)?;
            self.write(&title, line.slice(0, name));
            let doc_no =
                shape(self.act.fonts, &fill("{no}", &[("no", Value::Whole(letter.doc_no.clone()))])?, Voice::Body)?;
            self.write(&doc_no, line.slice(name, number));
            let copies = fill(&words.copies, &[("n", Value::Whole(letter.copies.to_string()))])?;
            let copies = shape(self.act.fonts, &copies, Voice::Body)?;
            let rest = line.slice(name + number, CONTENT - name - number);
            cell::text(&mut self.page, &copies, rest, SIZE, Align::Centre);
            line.y += line.height;
        }
        for x in [area.x + name, area.x + name + number] {
            self.page.down(x, area.y, area.height, THIN, Ink::Black);
        }
        Ok(())
    }

    fn signature(&mut self, label: &str, lines: &[String], fingerprint: &str) -> Result<(), FormError> {
        let area = self.row(label, mm(320))?;
        let inset = (area.height - PRINT_BOX) / 2;
        let print = Area { x: RIGHT - PRINT_BOX - inset, y: area.y + inset, width: PRINT_BOX, height: PRINT_BOX };
        self.spread(lines, area.slice(0, print.x - area.x))?;
        self.page.frame(print.x, print.y, print.width, print.height, THIN, Ink::Black);
        let hint = single(&self.body(fingerprint)?);
        self.page.aligned(
            &hint,
            print.x + print.width / 2,
            print.y + print.height - mm(16),
            900,
            Align::Centre,
            Ink::Grey,
        );
        Ok(())
    }

    fn witnesses(&mut self, words: &ReceiptWording) -> Result<(), FormError> {
        let area = self.row(&words.witness_label, mm(200))?;
        let widths = [mm(440), mm(540), CONTENT - mm(980)];
        for half in 0..2 {
            let mut line = Area { y: area.y + half * area.height / 2, height: area.height / 2, ..area };
            if half > 0 {
                self.page.across(line.x, line.y, line.width, THIN, Ink::Black);
            }
            for (text, width) in words.witness_cells.iter().zip(widths) {
                let glyphs = self.body(text)?;
                self.write(&glyphs, line.slice(0, width));
                line = line.slice(width, line.width - width);
                if line.x < RIGHT {
                    self.page.down(line.x, line.y, line.height, THIN, Ink::Black);
                }
            }
        }
        Ok(())
    }

    fn servers(&mut self, words: &ReceiptWording) -> Result<(), FormError> {
        let [first, second] = &words.server_labels;
        let area = self.row(first, mm(150))?;
        let label = area.slice(FIELD, LABEL);
        let glyphs = self.body(second)?;
        cell::label(&mut self.page, &glyphs, label, SIZE);
        for x in [label.x, label.x + label.width] {
            self.page.down(x, area.y, area.height, THIN, Ink::Black);
        }
        Ok(())
    }

    fn foot(&mut self, words: &ReceiptWording, facts: &ReceiptFacts) -> Result<(), FormError> {
        const SMALL: i32 = 1050;
        let head = &facts.letterhead;
        let values = [
            ("organ_name", Value::Words(head.organ_name.clone())),
            ("complaint_line", Value::Whole(head.complaint_line.clone())),
            ("template", Value::Whole(words.template.clone())),
        ];
        let mut y = self.y + mm(10);
        let title = self.bold(&words.instructions_title)?;
        let base = middle(y, FOOT_PITCH, SMALL);
        self.page.line(&title, LEFT, base, SMALL, Ink::Black);
        let mut right = fill(&words.complaint, &values)?;
        right.extend(Piece::plain("\u{3000}\u{3000}"));
        right.extend(fill(&words.template_line, &values)?);
        let right = single(&shape(self.act.fonts, &right, Voice::Body)?);
        self.page.aligned(&right, RIGHT, base, 900, Align::Right, Ink::Black);
        for text in &words.instructions {
            y += FOOT_PITCH;
            let line = single(&shape(self.act.fonts, &fill(text, &values)?, Voice::Body)?);
            let size = fitting(&line, WIDTH, SMALL);
            self.page.line(&line, LEFT, middle(y, FOOT_PITCH, size), size, Ink::Black);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::canvas::{Mark, PAGE_HEIGHT};
    use crate::facts::{Letterhead, Palette, ServedLetter, ServiceCause};

    fn page(letters: usize) -> Canvas {
        let facts = ReceiptFacts {
            receipt_no: "青资助回证〔2026〕10088号".into(),
            printed_on: chrono::NaiveDate::from_ymd_opt(2026, 12, 3).expect("a date"),
            cause: ServiceCause::OverdueReminder,
            letters: vec![
                ServedLetter {
                    name: "贷款逾期提醒通知书".into(),
                    doc_no: "青资助逾提〔2026〕10001号".into(),
                    copies: 1,
                };
                letters
            ],
            addressees: vec!["王秋禾".into()],
            address: String::new(),
            letterhead: Letterhead {
                organ_name: "青石县学生资助管理中心".into(),
                organ_code: "青资助".into(),
                hotline: "0375-1234567".into(),
                complaint_line: "0375-7654321".into(),
                address: String::new(),
                bank_name: "国家开发银行".into(),
                settlement_bank: "青石农商银行".into(),
                nearest_agency: None,
            },
        };
        let act = Act {
            fonts: crate::embedded().expect("fonts"),
            state: PrintState::Formal,
            palette: Palette::Black,
            hash8: "0a1b2c3d".into(),
        };
        let words = crate::wording::wordings().expect("wording");
        draw(&act, &words.receipt, &facts).expect("drawn").remove(0)
    }

    #[test]
    fn the_finger_boxes_measure_thirty_millimetres() {
        let boxes = page(1)
            .marks
            .iter()
            .filter(|m| matches!(m, Mark::Bar { width, height, .. } if *width == THIN && *height == PRINT_BOX))
            .count();
        assert_eq!(boxes, 4, "two upright edges each");
    }

    #[test]
    fn nothing_leaves_the_margins() {
        for letters in 1..=2 {
            for mark in page(letters).marks {
                let (x, bottom) = match mark {
                    Mark::Text(run) => (run.x, run.baseline),
                    Mark::Bar { x, y, height, .. } => (x, y + height),
                };
                assert!((LEFT - 100..RIGHT + 100).contains(&x), "{x}");
                assert!(bottom <= PAGE_HEIGHT - mm(100), "{bottom}");
            }
        }
    }
}

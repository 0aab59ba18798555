//! 还款登记回执: what staff hand over when they have seen the slip of a payment. Two copies of one
//! text on a page, to be cut apart. No number of its own and no QR code: it stands in no ledger,
//! and there is nothing to look up.
//! It acknowledges and must never settle: no word that a debt is paid, no debt left, no cash.

use chrono::{Datelike, NaiveDate};
use domain::calendar::date_zh;
use domain::money::MoneyError;

use crate::canvas::{Align, Canvas, Ink, PAGE_HEIGHT, PAGE_WIDTH, count, from_ems, mm, to_ems};
use crate::cell::{self, Area, fitting, middle};
use crate::facts::{PaymentFacts, PrintState};
use crate::text::{Glyph, Line, Voice, ragged, set, shape, single};
use crate::wording::{PaymentWording, Piece, Value, fill};
use crate::{Act, FormError, needed, no_id_number};

const LEFT: i32 = mm(150);
const WIDTH: i32 = mm(1800);
const RIGHT: i32 = LEFT + WIDTH;
/// The paper is cut here; all heights below are measured from a copy's upper edge.
const CUT: i32 = PAGE_HEIGHT / 2;
const ORGAN: i32 = mm(165);
const TITLE: i32 = mm(268);
const TABLE: i32 = mm(315);
/// All the room the table may take, and what its rows may be.
const ROOM: i32 = mm(590);
const LOWEST: i32 = mm(80);
const HIGHEST: i32 = mm(105);
const NOTES: i32 = mm(25);
const PITCH: i32 = mm(68);
const SIGNATURE: i32 = mm(1230);
/// The baseline of the last line: the paper's lower margin is 10 mm, for the lower copy too.
const FOOT: i32 = mm(1380);

const LABEL: i32 = mm(310);
/// Values give way to the words for them, [`BODY`], before a second line is begun.
const VALUE: i32 = 1400;
const BODY: i32 = 1200;
const NOTE: i32 = 1300;
const THIN: i32 = 60;

/// One fact with its label.
struct Entry<'a> {
    label: &'a str,
    value: Vec<Glyph>,
}

/// One row: facts side by side, as wide as each other.
type Row<'a> = Vec<Entry<'a>>;

struct Form<'a> {
    act: &'a Act<'a>,
    words: &'a PaymentWording,
    facts: &'a PaymentFacts,
    page: Canvas,
}

/// Draws one payment slip: one page with both copies.
pub(crate) fn draw(act: &Act<'_>, words: &PaymentWording, facts: &PaymentFacts) -> Result<Vec<Canvas>, FormError> {
    check(facts)?;
    let mut form = Form { act, words, facts, page: Canvas::default() };
    let copies = [0, CUT];
    if act.state == PrintState::Sample {
        for top in copies {
            form.page.watermark_at(act.fonts, &words.sample, top + CUT / 2, 13_000)?;
        }
    }
    for (name, top) in words.copies.iter().zip(copies) {
        form.head(name, top)?;
        let end = form.table(top)?;
        form.notes(end)?;
        form.signature(top)?;
    }
    form.cut()?;
    Ok(vec![form.page])
}

fn check(facts: &PaymentFacts) -> Result<(), FormError> {
    let head = &facts.letterhead;
    for (name, text) in [
        ("organ_name", &head.organ_name),
        ("hotline", &head.hotline),
        ("complaint_line", &head.complaint_line),
        ("borrower", &facts.borrower),
        ("channel", &facts.channel),
        ("staff", &facts.staff),
    ] {
        needed(name, text)?;
        no_id_number(name, text)?;
    }
    needed("reference", &facts.reference)?;
    if names_a_person(&facts.reference, facts.printed_on) {
        return Err(FormError::IdNumber("reference"));
    }
    for (name, text) in [("payer", &facts.payer), ("terminal", &facts.terminal)] {
        no_id_number(name, text.as_deref().unwrap_or_default())?;
    }
    let four = |tail: &str| tail.len() == 4 && tail.bytes().all(|b| b.is_ascii_digit());
    if facts.card_tail.as_deref().is_some_and(|tail| !four(tail)) {
        return Err(FormError::Unmasked);
    }
    if facts.amount.is_negative() {
        return Err(FormError::Money(MoneyError::Negative));
    }
    if facts.amount.get() == 0 { Err(FormError::Empty("amount")) } else { Ok(()) }
}

/// Whether a reference holds an ID number. The rule for all other texts is too strict here: the
/// references of phone payments are rows of up to thirty digits, with the day of the payment in them.
/// An ID number stands alone and tells the birth of somebody of 15 to 99 years.
fn names_a_person(reference: &str, today: NaiveDate) -> bool {
    reference.split(|c: char| !c.is_ascii_digit()).any(|row| {
        let born = match row.len() {
            // The eighteenth character may be an X.
            17 | 18 => row.get(6..14).map(str::to_owned),
            15 => row.get(6..12).map(|day| format!("19{day}")),
            _ => None,
        };
        let born = born.and_then(|day| NaiveDate::parse_from_str(&day, "%Y%m%d").ok());
        born.is_some_and(|day| (15..100).contains(&(today.year() - day.year())))
    })
}

/// The heights of rows that want at least so much: room to spare is shared out, room that lacks
/// is taken from the tall ones, whose text then shrinks.
fn heights(wanted: &[i32]) -> Vec<i32> {
    let rows = count(wanted.len()).max(1);
    let extra = |want: i32| (want - LOWEST).max(0);
    let spare = (ROOM - LOWEST * rows).max(0);
    let over: i32 = wanted.iter().map(|&w| extra(w)).sum();
    if over > spare {
        return wanted.iter().map(|&w| LOWEST + extra(w) * spare / over).collect();
    }
    let each = (spare - over) / rows;
    wanted.iter().map(|&w| (LOWEST + extra(w) + each).min(w.max(HIGHEST))).collect()
}

impl<'a> Form<'a> {
    fn glyphs(&self, text: &str) -> Result<Vec<Glyph>, FormError> {
        shape(self.act.fonts, &Piece::plain(text), Voice::Body)
    }

    fn bold(&self, text: &str) -> Result<Vec<Glyph>, FormError> {
        shape(self.act.fonts, &Piece::strong(text), Voice::Title)
    }

    fn name(&self, text: &str) -> Result<Vec<Glyph>, FormError> {
        shape(self.act.fonts, &[Piece::name(text)], Voice::Body)
    }

    fn filled(&self, template: &str, key: &str, value: Value) -> Result<Line, FormError> {
        Ok(single(&shape(self.act.fonts, &fill(template, &[(key, value)])?, Voice::Body)?))
    }

    fn head(&mut self, copy: &str, top: i32) -> Result<(), FormError> {
        let middle_x = PAGE_WIDTH / 2;
        let organ = single(&self.bold(&self.facts.letterhead.organ_name)?);
        let size = fitting(&organ, mm(1200), 1500);
        self.page.aligned(&organ, middle_x, top + ORGAN, size, Align::Centre, Ink::Black);
        let title = single(&self.bold(&self.words.title)?);
        self.page.aligned(&title, middle_x, top + TITLE, 2200, Align::Centre, Ink::Black);
        let copy = single(&self.glyphs(copy)?);
        let size = fitting(&copy, mm(550), BODY);
        self.page.aligned(&copy, RIGHT, top + TITLE, size, Align::Right, Ink::Black);
        if let PrintState::Reprint(n) = self.act.state {
            let mark = self.filled(&self.words.reprint, "n", Value::Whole(n.to_string()))?;
            self.page.stamp(&mark, RIGHT, top + mm(95));
        }
        Ok(())
    }

    /// The rows from top to bottom. Long values have a row to themselves.
    fn rows(&self) -> Result<Vec<Row<'a>>, FormError> {
        let (words, facts) = (self.words, self.facts);
        let given = |text: &'a Option<String>| text.as_deref().filter(|t| !t.trim().is_empty());
        let absent = || self.glyphs(&words.absent);
        let payer = given(&facts.payer).map_or_else(absent, |name| self.name(name))?;
        let time = facts.paid_at.map_or_else(String::new, |at| at.format("\u{3000}%H:%M").to_string());
        let time = format!("{}{time}", date_zh(facts.paid_on));
        let mut rows = vec![
            vec![
                Entry { label: &words.borrower_label, value: self.name(&facts.borrower)? },
                Entry { label: &words.payer_label, value: payer },
            ],
            vec![
                Entry { label: &words.channel_label, value: self.glyphs(&facts.channel)? },
                Entry { label: &words.time_label, value: self.glyphs(&time)? },
            ],
            vec![Entry { label: &words.figures_label, value: self.bold(&format!("¥{}", facts.amount.grouped()))? }],
            vec![Entry { label: &words.capitals_label, value: self.bold(&facts.amount.capitals()?)? }],
            vec![Entry { label: &words.reference_label, value: self.glyphs(&facts.reference)? }],
        ];
        let (terminal, card) = (given(&facts.terminal), given(&facts.card_tail));
        // Payments by phone have neither.
        if terminal.is_some() || card.is_some() {
            rows.push(vec![
                Entry {
                    label: &words.terminal_label,
                    value: terminal.map_or_else(absent, |number| self.glyphs(number))?,
                },
                Entry {
                    label: &words.card_label,
                    value: card.map_or_else(absent, |tail| self.glyphs(&format!("****{tail}")))?,
                },
            ]);
        }
        Ok(rows)
    }

    /// Draws the table and gives its lower edge.
    fn table(&mut self, top: i32) -> Result<i32, FormError> {
        let rows = self.rows()?;
        let wanted: Vec<i32> =
            rows.iter().map(|row| row.iter().map(|e| high(e, row.len())).max().unwrap_or(0)).collect();
        let mut y = top + TABLE;
        for (row, height) in rows.iter().zip(heights(&wanted)) {
            let width = WIDTH / count(row.len()).max(1);
            let mut area = Area { x: LEFT, y, width, height };
            if y > top + TABLE {
                self.page.across(LEFT, y, WIDTH, THIN, Ink::Black);
            }
            for entry in row {
                if area.x > LEFT {
                    self.page.down(area.x, y, height, THIN, Ink::Black);
                }
                let label = self.glyphs(entry.label)?;
                cell::label(&mut self.page, &label, Area { width: LABEL, ..area }, BODY);
                self.page.down(area.x + LABEL, y, height, THIN, Ink::Black);
                cell::text(&mut self.page, &entry.value, area.slice(LABEL, width - LABEL), VALUE, Align::Left);
                area.x += width;
            }
            y += height;
        }
        self.page.frame(LEFT, top + TABLE, WIDTH, y - top - TABLE, 100, Ink::Black);
        Ok(y)
    }

    /// What the slip is and is not, and whom to ask.
    fn notes(&mut self, table_end: i32) -> Result<(), FormError> {
        let head = &self.facts.letterhead;
        let mut y = table_end + NOTES;
        for text in &self.words.notes {
            let glyphs = shape(self.act.fonts, &fill(text, &[])?, Voice::Body)?;
            for line in set(&glyphs, to_ems(WIDTH, NOTE), 0) {
                self.page.line(&line, LEFT, middle(y, PITCH, NOTE), NOTE, Ink::Black);
                y += PITCH;
            }
        }
        let values = [
            ("hotline", Value::Whole(head.hotline.clone())),
            // LAW: complaint telephone on every letter.
            ("complaint_line", Value::Whole(head.complaint_line.clone())),
        ];
        let phones = single(&shape(self.act.fonts, &fill(&self.words.phones, &values)?, Voice::Body)?);
        let size = fitting(&phones, WIDTH, NOTE);
        self.page.line(&phones, LEFT, middle(y, PITCH, size), size, Ink::Black);
        Ok(())
    }

    /// Room to sign by hand, and the small print below it.
    fn signature(&mut self, top: i32) -> Result<(), FormError> {
        let words = self.words;
        let y = top + SIGNATURE;
        let height = mm(100);
        let base = middle(y, height, BODY);
        let values = [("staff", Value::Name(self.facts.staff.clone()))];
        let staff = shape(self.act.fonts, &fill(&words.signature, &values)?, Voice::Body)?;
        // A box without lines: its padding hangs over the edge.
        let room = mm(740);
        let area = Area { x: LEFT - cell::PADDING, y, width: room + 2 * cell::PADDING, height };
        cell::text(&mut self.page, &staff, area, BODY, Align::Left);
        let start = LEFT + from_ems(single(&staff).width, BODY).min(room) + mm(15);
        self.page.bar(start, base + mm(12), LEFT + mm(1080) - start, THIN, Ink::Black);
        let date = single(&self.glyphs(&words.date)?);
        let size = fitting(&date, mm(680), BODY);
        self.page.aligned(&date, RIGHT, base, size, Align::Right, Ink::Black);

        let template = self.filled(&words.template_line, "template", Value::Whole(words.template.clone()))?;
        self.page.line(&template, LEFT, top + FOOT, 900, Ink::Black);
        let printed = self.filled(&words.printed, "printed_on", Value::Whole(date_zh(self.facts.printed_on)))?;
        self.page.aligned(&printed, RIGHT, top + FOOT, 900, Align::Right, Ink::Black);
        Ok(())
    }

    /// The dashes along which the copies are cut apart, with the word for it between them.
    fn cut(&mut self) -> Result<(), FormError> {
        const SIZE: i32 = 900;
        const DASH: i32 = mm(30);
        const STEP: i32 = mm(50);
        let hint = single(&self.glyphs(&self.words.cut)?);
        let gap = from_ems(hint.width, SIZE) / 2 + mm(30);
        let centre = PAGE_WIDTH / 2;
        self.page.aligned(&hint, centre, CUT + SIZE * 38 / 100, SIZE, Align::Centre, Ink::Grey);
        // From the middle outwards, so that both sides look alike.
        let mut out = gap;
        while centre + out + DASH <= RIGHT {
            self.page.across(centre + out, CUT, DASH, THIN, Ink::Grey);
            self.page.across(centre - out - DASH, CUT, DASH, THIN, Ink::Grey);
            out += STEP;
        }
        Ok(())
    }
}

/// The height at which a value can be read without becoming smaller than the words around it.
fn high(entry: &Entry<'_>, beside: usize) -> i32 {
    let room = WIDTH / count(beside).max(1) - LABEL - 2 * cell::PADDING;
    let lines = count(ragged(&entry.value, to_ems(room, BODY)).len());
    (lines.min(100) * BODY * 125 / 100 + mm(20)).clamp(LOWEST, ROOM)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::canvas::Mark;
    use crate::facts::{Letterhead, Palette};
    use domain::money::Fen;

    fn facts() -> PaymentFacts {
        PaymentFacts {
            reference: "034512887721".into(),
            printed_on: NaiveDate::from_ymd_opt(2026, 12, 3).expect("a date"),
            paid_on: NaiveDate::from_ymd_opt(2026, 12, 3).expect("a date"),
            paid_at: chrono::NaiveTime::from_hms_opt(9, 5, 30),
            borrower: "王秋禾".into(),
            payer: Some("王守田".into()),
            channel: "POS机刷卡".into(),
            amount: Fen::new(36_337),
            terminal: Some("31020877".into()),
            card_tail: Some("0029".into()),
            staff: "李青".into(),
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
        }
    }

    /// Everything as long as the desk lets people write it, and longer.
    fn longest() -> PaymentFacts {
        let name = "买买提吐尔逊·阿卜杜热合曼·艾山江·阿布都外力·".repeat(3).chars().take(50).collect::<String>();
        PaymentFacts {
            reference: "1234567890".repeat(4),
            borrower: name.clone(),
            payer: Some(name.clone()),
            channel: "用亲友的银联借记卡在柳沟代理点的POS机上刷卡".into(),
            amount: Fen::new(99_999_999_999_999),
            terminal: Some("WWWWWWWWWWWWWWWWWWWW".into()),
            staff: name,
            letterhead: Letterhead {
                organ_name: "青石县教育体育局家庭经济情况和学生资助管理服务中心".into(),
                hotline: "0375-1234567、0375-1234568".into(),
                complaint_line: "0375-7654321、12345".into(),
                ..facts().letterhead
            },
            ..facts()
        }
    }

    fn page(facts: &PaymentFacts, state: PrintState) -> Canvas {
        let act =
            Act { fonts: crate::embedded().expect("fonts"), state, palette: Palette::Black, hash8: "0a1b2c3d".into() };
        let words = crate::wording::wordings().expect("wording");
        let mut pages = draw(&act, &words.payment, facts).expect("drawn");
        assert_eq!(pages.len(), 1);
        pages.remove(0)
    }

    #[test]
    fn nothing_leaves_the_margins_or_lies_on_another_text() {
        let bare = PaymentFacts { payer: None, paid_at: None, terminal: None, card_tail: None, ..facts() };
        let tall = PaymentFacts { borrower: longest().borrower, ..facts() };
        for facts in [facts(), longest(), bare, tall] {
            let page = page(&facts, PrintState::Reprint(12));
            let fonts = crate::embedded().expect("fonts");
            // The room each text takes: left, right, top of the ink, bottom of the ink.
            let mut texts: Vec<(i32, i32, i32, i32)> = Vec::new();
            for mark in &page.marks {
                match mark {
                    Mark::Text(run) => {
                        let width: i32 =
                            run.glyphs.iter().map(|&(_, id, air)| fonts.cut(run.face).advance(id) + air).sum();
                        let right = run.x + from_ems(width, run.size);
                        // The air of an opening mark hangs over the edge.
                        let hangs = run.glyphs.first().is_some_and(|&(ch, _, _)| ch == '（');
                        let left = run.x + if hangs { run.size / 2 } else { 0 };
                        texts.push((left, right, run.baseline - run.size * 80 / 100, run.baseline + run.size / 10));
                    }
                    Mark::Bar { x, y, width, height, .. } => {
                        assert!(*x >= LEFT - 100 && x + width <= RIGHT + 100 && *width > 0, "{x} {width}");
                        assert!(*y >= 0 && y + height <= PAGE_HEIGHT - mm(100), "{y} {height}");
                    }
                }
            }
            for (at, a) in texts.iter().enumerate() {
                assert!(a.0 >= LEFT - 100 && a.1 <= RIGHT + 100, "{a:?}");
                assert!(a.2 >= mm(80) && a.3 <= PAGE_HEIGHT - mm(100), "{a:?}");
                for b in texts.iter().skip(at + 1) {
                    let apart = a.1 <= b.0 + 100 || b.1 <= a.0 + 100 || a.3 <= b.2 || b.3 <= a.2;
                    assert!(apart, "{a:?} {b:?}");
                }
            }
        }
    }

    #[test]
    fn ordinary_facts_are_set_large() {
        let words = page(&facts(), PrintState::Formal).marks.into_iter().filter_map(|m| match m {
            // The small print and the word at the cut.
            Mark::Text(run) if run.size == 900 => None,
            Mark::Text(run) => Some(run.size),
            Mark::Bar { .. } => None,
        });
        assert!(words.min() >= Some(BODY));
    }

    #[test]
    fn each_copy_of_a_sample_has_its_own_watermark() {
        let pale = page(&facts(), PrintState::Sample).marks.into_iter().filter_map(|m| match m {
            Mark::Text(run) if run.ink == Ink::Pale => Some(run.baseline),
            Mark::Text(_) | Mark::Bar { .. } => None,
        });
        let (upper, lower): (Vec<_>, Vec<_>) = pale.partition(|&y| y < CUT);
        assert_eq!((upper.len(), lower.len()), (2, 2));
    }

    #[test]
    fn rows_share_the_room_there_is() {
        assert_eq!(heights(&[LOWEST; 2]), [HIGHEST; 2]);
        for wanted in [[LOWEST; 6].as_slice(), &[mm(140), LOWEST, LOWEST, LOWEST, LOWEST, LOWEST], &[ROOM; 6]] {
            let heights = heights(wanted);
            assert!(heights.iter().sum::<i32>() <= ROOM && heights.iter().all(|&h| h >= LOWEST), "{heights:?}");
        }
        assert!(heights(&[mm(140), LOWEST, LOWEST]).first() >= Some(&mm(140)), "a tall row gets what it wants");
    }

    #[test]
    fn a_long_reference_is_no_id_number() {
        let today = facts().printed_on;
        for good in ["034512887721", "2026120322001412341408765432", "123456202612030001", "参考号20261203", ""] {
            assert!(!names_a_person(good, today), "{good}");
        }
        for id in [
            "410490199001011234",
            "41049019900101123X",
            "王41049019900101123x",
            "410490900101123",
            "卡号 410490195503070029",
        ] {
            assert!(names_a_person(id, today), "{id}");
        }
    }
}

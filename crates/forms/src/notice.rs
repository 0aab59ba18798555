//! 还款通知书: the yearly notice, in the letter format (信函格式) of GB/T 9704. One page whenever
//! the family's contracts allow it: type and line pitch give way step by step, down to 14 pt and
//! no further, before a second page is begun.
//! It states only what the bank's feed states, and must never say 逾期: the day has not come.

use chrono::{Datelike, Days};
use domain::calendar::{date_zh, weekday_zh};
use domain::money::{Fen, MoneyError};

use crate::canvas::{Align, Canvas, Ink, PAGE_WIDTH, count, from_ems, mm, to_ems};
use crate::cell::{Area, fitting, middle, put};
use crate::facts::{NoticeFacts, Palette, PrintState};
use crate::text::{Glyph, Line, Voice, ems, set, shape, single, tabular};
use crate::wording::{NoticeWording, Piece, Value, fill};
use crate::{Act, FormError, cell, code, needed, no_id_number};

/// The type area (版心): 156 mm wide, binding margin 28 mm, top margin 37 mm.
const LEFT: i32 = mm(280);
const WIDTH: i32 = mm(1560);
const RIGHT: i32 = LEFT + WIDTH;
const TOP: i32 = mm(370);
/// Rules of the letter format: 170 mm long, the lower one 20 mm above the paper's edge.
const RULE_LEFT: i32 = mm(200);
const RULE_WIDTH: i32 = mm(1700);
const LOWER_RULE: i32 = mm(2770);
/// Where body text ends: above the code on the first page, at the type area's end on later ones.
const FIRST_END: i32 = mm(2510);
const LATER_END: i32 = mm(2620);
/// Where the closing with its seal must end.
const FIRST_CLOSING_END: i32 = mm(2745);
const LATER_CLOSING_END: i32 = mm(2640);
/// Room for signature, date and a round seal of 42 mm over them.
const SEAL: i32 = mm(420);

const COLUMNS: [i32; 5] = [mm(140), mm(320), mm(360), mm(360), mm(380)];
const THIN: i32 = 60;

/// One way to set the letter.
#[derive(Clone, Copy)]
struct Grid {
    size: i32,
    pitch: i32,
    row: i32,
}

const fn grid(size: i32, pitch: i32, row: i32) -> Grid {
    Grid { size, pitch, row }
}

/// From the standard's 28 × 22 grid to the tightest that is still easy to read.
const GRIDS: [Grid; 11] = [
    grid(1575, 2899, mm(90)),
    grid(1575, 2700, mm(85)),
    grid(1575, 2550, mm(80)),
    grid(1575, 2400, mm(78)),
    grid(1575, 2300, mm(76)),
    grid(1575, 2200, mm(74)),
    grid(1575, 2110, mm(72)),
    grid(1500, 2030, mm(70)),
    grid(1450, 1960, mm(68)),
    grid(1400, 1900, mm(66)),
    TIGHTEST,
];
const TIGHTEST: Grid = grid(1400, 1840, mm(64));

struct Row {
    ordinal: Line,
    tail: Line,
    amounts: [Line; 3],
}

/// The letter's words as glyphs: shaped once, set at many sizes.
struct Content {
    /// The organ's name for the letterhead, and for the signature.
    organ: Line,
    signed: Line,
    number: Line,
    title: Line,
    salutation: Vec<Glyph>,
    before: Vec<Vec<Glyph>>,
    heads: Vec<Line>,
    rows: Vec<Row>,
    totals: [(Line, Line); 2],
    after: Vec<Vec<Glyph>>,
    date: Line,
}

/// Draws one notice.
pub(crate) fn draw(act: &Act<'_>, words: &NoticeWording, facts: &NoticeFacts) -> Result<Vec<Canvas>, FormError> {
    check(facts, act.state)?;
    let number = number(words, facts);
    let content = content(act, words, facts, &number)?;
    let fewest = compose(act, &content, TIGHTEST).len();
    let mut pages =
        GRIDS.iter().map(|&g| compose(act, &content, g)).find(|pages| pages.len() == fewest).unwrap_or_default();
    let all = pages.len();
    for (at, page) in pages.iter_mut().enumerate() {
        margins(act, words, facts, &number, page, at, all)?;
    }
    foot(act, words, facts, &mut pages)?;
    Ok(pages)
}

fn check(facts: &NoticeFacts, state: PrintState) -> Result<(), FormError> {
    let head = &facts.letterhead;
    if state != PrintState::Sample {
        needed("doc_no", &facts.doc_no)?;
    }
    needed("organ_name", &head.organ_name)?;
    needed("organ_code", &head.organ_code)?;
    needed("hotline", &head.hotline)?;
    needed("complaint_line", &head.complaint_line)?;
    needed("bank_name", &head.bank_name)?;
    needed("settlement_bank", &head.settlement_bank)?;
    needed("borrower", &facts.borrower)?;
    no_id_number("borrower", &facts.borrower)?;
    if let Some(name) = &facts.co_borrower {
        needed("co_borrower", name)?;
        no_id_number("co_borrower", name)?;
    }
    if facts.account_hint.as_deref().is_some_and(unmasked) {
        return Err(FormError::Unmasked);
    }
    if facts.lines.is_empty() {
        return Err(FormError::NoLine);
    }
    for line in &facts.lines {
        let parts: Result<Fen, MoneyError> = [line.principal_due, line.interest_due].iter().sum();
        if parts? != line.subtotal {
            return Err(FormError::Sum);
        }
    }
    let sum: Result<Fen, MoneyError> = facts.lines.iter().map(|l| l.subtotal).sum();
    if sum? == facts.total { Ok(()) } else { Err(FormError::Sum) }
}

/// An account that shows more than a masked address or a four-digit tail.
fn unmasked(hint: &str) -> bool {
    if hint.contains('*') {
        return false;
    }
    let longest = hint.split(|c: char| !c.is_ascii_digit()).map(str::len).max().unwrap_or(0);
    hint.contains('@') || longest > 4
}

/// The document number; in a sample without one, the number with a gap.
fn number(words: &NoticeWording, facts: &NoticeFacts) -> String {
    if facts.doc_no.is_empty() {
        let code = &facts.letterhead.organ_code;
        let year = facts.printed_on.year();
        format!("{code}{}〔{year}〕\u{3000}\u{3000}\u{3000}号", words.code)
    } else {
        facts.doc_no.clone()
    }
}

fn content(act: &Act<'_>, words: &NoticeWording, facts: &NoticeFacts, number: &str) -> Result<Content, FormError> {
    let head = &facts.letterhead;
    let body = |pieces: &[Piece]| shape(act.fonts, pieces, Voice::Body);
    let bold = |text: &str| shape(act.fonts, &Piece::strong(text), Voice::Title);
    let values = values(words, facts)?;
    let paragraphs =
        |list: &[String]| list.iter().map(|t| body(&fill(t, &values)?)).collect::<Result<Vec<_>, FormError>>();
    let salutation = match facts.co_borrower {
        Some(_) => &words.salutation.both,
        None => &words.salutation.one,
    };
    let money = |fen: Fen| {
        if fen.is_negative() {
            return Err(FormError::Money(MoneyError::Negative));
        }
        Ok(tabular(&body(&Piece::plain(fen.grouped()))?))
    };
    let rows = facts
        .lines
        .iter()
        .enumerate()
        .map(|(at, line)| {
            let tail: Vec<char> = line.contract_tail.chars().rev().take(6).collect();
            let tail: String = tail.into_iter().rev().collect();
            Ok(Row {
                ordinal: single(&body(&Piece::plain((at + 1).to_string()))?),
                tail: tabular(&body(&Piece::plain(tail))?),
                amounts: [money(line.principal_due)?, money(line.interest_due)?, money(line.subtotal)?],
            })
        })
        .collect::<Result<_, FormError>>()?;
    Ok(Content {
        organ: single(&bold(&head.organ_name)?),
        signed: single(&body(&Piece::plain(&head.organ_name))?),
        number: single(&body(&Piece::plain(number))?),
        title: single(&bold(&words.title)?),
        salutation: body(&fill(salutation, &values)?)?,
        before: paragraphs(&words.before_table)?,
        heads: words.columns.iter().map(|t| Ok(single(&body(&Piece::plain(t))?))).collect::<Result<_, FormError>>()?,
        rows,
        totals: [
            (single(&bold(&words.total_in_figures)?), single(&bold(&format!("¥{}", facts.total.grouped()))?)),
            (single(&bold(&words.total_in_words)?), single(&bold(&facts.total.capitals()?)?)),
        ],
        after: paragraphs(&words.after_table)?,
        date: single(&body(&Piece::plain(date_zh(facts.printed_on)))?),
    })
}

fn values(words: &NoticeWording, facts: &NoticeFacts) -> Result<Vec<(&'static str, Value)>, FormError> {
    let head = &facts.letterhead;
    let ready = facts.due_on.checked_sub_days(Days::new(5)).ok_or(FormError::Date)?;
    let you = match facts.co_borrower {
        Some(_) => &words.you.both,
        None => &words.you.one,
    };
    let due = format!("{}（{}）", date_zh(facts.due_on), weekday_zh(facts.due_on));
    // Optional stretches of a sentence: their own words, or nothing.
    let optional = |template: &str, key: &str, value: Option<&String>| {
        value.map_or_else(String::new, |v| template.replace(&format!("{{{key}}}"), v))
    };
    let address = Some(&head.address).filter(|a| !a.is_empty());
    Ok(vec![
        ("borrower", Value::Name(facts.borrower.clone())),
        ("co_borrower", Value::Name(facts.co_borrower.clone().unwrap_or_default())),
        ("you", Value::Words(you.clone())),
        ("bank_name", Value::Words(head.bank_name.clone())),
        ("settlement_bank", Value::Words(head.settlement_bank.clone())),
        ("organ_name", Value::Words(head.organ_name.clone())),
        ("hotline", Value::Whole(head.hotline.clone())),
        ("complaint_line", Value::Whole(head.complaint_line.clone())),
        ("as_of", Value::Words(date_zh(facts.as_of))),
        ("due_on", Value::Words(due)),
        ("ready_by", Value::Whole(format!("{}月{}日", ready.month(), ready.day()))),
        ("account", Value::Words(optional(&words.account, "account_hint", facts.account_hint.as_ref()))),
        ("agency", Value::Words(optional(&words.agency, "nearest_agency", head.nearest_agency.as_ref()))),
        ("address", Value::Words(optional(&words.foot_address, "address", address))),
    ])
}

/// The letter being poured onto pages.
struct Flow {
    pages: Vec<Canvas>,
    page: Canvas,
    y: i32,
}

impl Flow {
    fn end(&self) -> i32 {
        if self.pages.is_empty() { FIRST_END } else { LATER_END }
    }

    fn closing_end(&self) -> i32 {
        if self.pages.is_empty() { FIRST_CLOSING_END } else { LATER_CLOSING_END }
    }

    fn turn(&mut self) {
        self.pages.push(std::mem::take(&mut self.page));
        self.y = TOP;
    }

    fn paragraph(&mut self, lines: &[Line], grid: Grid) {
        let mut rest = lines;
        while !rest.is_empty() {
            let fits = usize::try_from((self.end() - self.y) / grid.pitch).unwrap_or(0);
            let mut now = fits.min(rest.len());
            // Neither the first nor the last line of a paragraph stands alone on a page.
            if now + 1 == rest.len() && now > 0 {
                now -= 1;
            }
            if now == 1 && rest.len() > 1 {
                now = 0;
            }
            let (here, later) = rest.split_at(now);
            for line in here {
                let base = middle(self.y, grid.pitch, grid.size);
                self.page.line(line, LEFT, base, grid.size, Ink::Black);
                self.y += grid.pitch;
            }
            rest = later;
            if !rest.is_empty() {
                self.turn();
            }
        }
    }
}

fn compose(act: &Act<'_>, content: &Content, grid: Grid) -> Vec<Canvas> {
    let mut flow = Flow { pages: Vec::new(), page: Canvas::default(), y: 0 };
    letterhead(act, content, &mut flow);

    let wide = to_ems(WIDTH, grid.size);
    let paragraph = |glyphs: &[Glyph]| set(glyphs, wide, ems(2));
    flow.paragraph(&set(&content.salutation, wide, 0), grid);
    if let Some((intro, others)) = content.before.split_last() {
        for glyphs in others {
            flow.paragraph(&paragraph(glyphs), grid);
        }
        // The sentence before the table stays with the table's head and first row.
        let lines = paragraph(intro);
        let high = grid.pitch * count(lines.len()) + rows_high(grid, content, 0) + grid.row;
        if flow.y + high > flow.end() {
            flow.turn();
        }
        flow.paragraph(&lines, grid);
    }
    table(content, grid, &mut flow);
    if let Some((last, others)) = content.after.split_last() {
        for glyphs in others {
            flow.paragraph(&paragraph(glyphs), grid);
        }
        // A signature never stands on a page without a word of the letter.
        let lines = paragraph(last);
        let high = grid.pitch * count(lines.len()) + SEAL;
        if flow.y + high > flow.closing_end() {
            flow.turn();
        }
        flow.paragraph(&lines, grid);
    }
    closing(content, grid, &mut flow);
    flow.turn();
    flow.pages
}

const fn official(act: &Act<'_>) -> Ink {
    match act.palette {
        Palette::Red => Ink::Red,
        Palette::Black => Ink::Black,
    }
}

fn letterhead(act: &Act<'_>, content: &Content, flow: &mut Flow) {
    let ink = official(act);
    let page = &mut flow.page;
    let size = fitting(&content.organ, mm(1500), 3300);
    // The characters' upper edge stands 30 mm below the paper's edge.
    let base = mm(300) + size * 85 / 100;
    page.aligned(&content.organ, PAGE_WIDTH / 2, base, size, Align::Centre, ink);
    let rule = base + size * 8 / 100 + mm(40);
    page.bar(RULE_LEFT, rule, RULE_WIDTH, 170, ink);
    page.bar(RULE_LEFT, rule + 270, RULE_WIDTH, 60, ink);
    page.bar(RULE_LEFT, LOWER_RULE - 330, RULE_WIDTH, 60, ink);
    page.bar(RULE_LEFT, LOWER_RULE - 170, RULE_WIDTH, 170, ink);

    let base = rule + 330 + mm(72);
    let size = fitting(&content.number, WIDTH, 1575);
    page.aligned(&content.number, RIGHT, base, size, Align::Right, Ink::Black);
    let base = base + mm(133);
    let size = fitting(&content.title, WIDTH, 2200);
    page.aligned(&content.title, LEFT + WIDTH / 2, base, size, Align::Centre, Ink::Black);
    flow.y = base + mm(48);
}

/// The height of the table's head and of the rows that must follow row `at` on its page.
fn rows_high(grid: Grid, content: &Content, at: usize) -> i32 {
    let last = at + 1 >= content.rows.len();
    grid.row * if last { 4 } else { 2 }
}

fn table(content: &Content, grid: Grid, flow: &mut Flow) {
    let size = grid.size.min(1400);
    flow.y += mm(8);
    let mut top = flow.y;
    heads(content, grid, flow, size);
    for (at, row) in content.rows.iter().enumerate() {
        // The last row takes the totals with it.
        let high = rows_high(grid, content, at) - grid.row;
        if flow.y + high.max(grid.row) > flow.end() {
            uprights(flow, top);
            flow.turn();
            top = flow.y;
            heads(content, grid, flow, size);
        }
        let base = middle(flow.y, grid.row, size);
        let [first, second, third, fourth, fifth] = cells(flow.y, grid.row);
        put(&mut flow.page, &row.ordinal, first, base, size, Align::Centre);
        put(&mut flow.page, &row.tail, second, base, size, Align::Centre);
        let [principal, interest, subtotal] = &row.amounts;
        for (line, area) in [(principal, third), (interest, fourth), (subtotal, fifth)] {
            let size = fitting(line, area.width - 2 * cell::PADDING, size);
            put(&mut flow.page, line, area, base, size, Align::Right);
        }
        flow.y += grid.row;
        flow.page.across(LEFT, flow.y, WIDTH, THIN, Ink::Black);
    }
    uprights(flow, top);
    let [first, second, ..] = COLUMNS;
    for (label, amount) in &content.totals {
        let row = Area { x: LEFT, y: flow.y, width: WIDTH, height: grid.row };
        let base = middle(flow.y, grid.row, size);
        let area = row.slice(0, first + second);
        put(&mut flow.page, label, area, base, size, Align::Centre);
        let area = row.slice(first + second, WIDTH - first - second);
        let fit = fitting(amount, area.width - 2 * cell::PADDING, size);
        put(&mut flow.page, amount, area, base, fit, Align::Left);
        flow.page.down(LEFT, flow.y, grid.row, THIN, Ink::Black);
        flow.page.down(area.x, flow.y, grid.row, THIN, Ink::Black);
        flow.page.down(RIGHT, flow.y, grid.row, THIN, Ink::Black);
        flow.y += grid.row;
        flow.page.across(LEFT, flow.y, WIDTH, THIN, Ink::Black);
    }
    flow.y += mm(14);
}

fn cells(y: i32, height: i32) -> [Area; 5] {
    let mut x = LEFT;
    COLUMNS.map(|width| {
        let area = Area { x, y, width, height };
        x += width;
        area
    })
}

fn heads(content: &Content, grid: Grid, flow: &mut Flow, size: i32) {
    flow.page.across(LEFT, flow.y, WIDTH, THIN, Ink::Black);
    let base = middle(flow.y, grid.row, size);
    for (line, area) in content.heads.iter().zip(cells(flow.y, grid.row)) {
        let size = fitting(line, area.width - cell::PADDING, size);
        put(&mut flow.page, line, area, base, size, Align::Centre);
    }
    flow.y += grid.row;
    flow.page.across(LEFT, flow.y, WIDTH, THIN, Ink::Black);
}

/// The upright lines of the table from `top` to the pen.
fn uprights(flow: &mut Flow, top: i32) {
    let high = flow.y - top;
    let mut x = LEFT;
    for width in COLUMNS {
        flow.page.down(x, top, high, THIN, Ink::Black);
        x += width;
    }
    flow.page.down(RIGHT, top, high, THIN, Ink::Black);
}

/// Organ and date, with the paper around them left free for the seal.
fn closing(content: &Content, grid: Grid, flow: &mut Flow) {
    let size = grid.size;
    let date = from_ems(content.date.width, size);
    // The date ends four characters before the edge, and the organ stands centred above it.
    let centre = RIGHT - 4 * size - date / 2;
    let fit = fitting(&content.signed, 2 * (RIGHT - centre), size);
    let base = flow.y + mm(250);
    flow.page.aligned(&content.signed, centre, base, fit, Align::Centre, Ink::Black);
    let base = base + grid.pitch.max(mm(90));
    flow.page.aligned(&content.date, centre, base, size, Align::Centre, Ink::Black);
    flow.y += SEAL;
}

/// What stands outside the letter on every page: code, number, template, page, print state.
fn margins(
    act: &Act<'_>,
    words: &NoticeWording,
    facts: &NoticeFacts,
    number: &str,
    page: &mut Canvas,
    at: usize,
    all: usize,
) -> Result<(), FormError> {
    let body = |text: &str| shape(act.fonts, &Piece::plain(text), Voice::Body);
    let top = if at == 0 { mm(2545) } else { mm(2660) };
    let side = mm(170);
    match act.state {
        PrintState::Sample => {
            let mut under = Canvas::default();
            under.watermark(act.fonts, &words.sample)?;
            under.marks.append(&mut page.marks);
            *page = under;
            page.frame(LEFT, top, side, side, 50, Ink::Grey);
            let area = Area { x: LEFT, y: top, width: side, height: side };
            cell::label(page, &body(&words.sample)?, area, 1050);
        }
        PrintState::Formal | PrintState::Reprint(_) => {
            let text = code::payload(&facts.doc_no, &words.template, &act.hash8);
            code::draw(page, &text, LEFT, top, side)?;
        }
    }
    if let PrintState::Reprint(n) = act.state {
        let mark = fill(&words.reprint, &[("n", Value::Whole(n.to_string()))])?;
        let line = single(&shape(act.fonts, &mark, Voice::Body)?);
        page.stamp(&line, RIGHT, mm(190));
    }
    let template = fill(&words.template_line, &[("template", Value::Whole(words.template.clone()))])?;
    let x = LEFT + side + mm(25);
    let number = single(&body(number)?);
    let fit = fitting(&number, mm(420), 850);
    page.line(&number, x, top + mm(110), fit, Ink::Black);
    let template = single(&shape(act.fonts, &template, Voice::Body)?);
    page.line(&template, x, top + mm(155), 850, Ink::Black);
    if all > 1 {
        let label = fill(
            &words.page,
            &[("page", Value::Whole((at + 1).to_string())), ("pages", Value::Whole(all.to_string()))],
        )?;
        let line = single(&shape(act.fonts, &label, Voice::Body)?);
        page.aligned(&line, RIGHT, top + mm(155), 1200, Align::Right, Ink::Black);
    }
    Ok(())
}

/// Telephones and the privacy notice under the lower rule of the first page.
// LAW: personal information protection, notice to the person; complaint telephone on every letter.
fn foot(act: &Act<'_>, words: &NoticeWording, facts: &NoticeFacts, pages: &mut [Canvas]) -> Result<(), FormError> {
    let Some(page) = pages.first_mut() else {
        return Ok(());
    };
    let values = values(words, facts)?;
    let paragraphs = words
        .foot
        .iter()
        .map(|t| shape(act.fonts, &fill(t, &values)?, Voice::Body))
        .collect::<Result<Vec<_>, FormError>>()?;
    let mut size = 900;
    loop {
        let lines: Vec<Line> = paragraphs.iter().flat_map(|glyphs| set(glyphs, to_ems(RULE_WIDTH, size), 0)).collect();
        if lines.len() <= 3 || size <= 650 {
            let mut base = LOWER_RULE + mm(47);
            for line in &lines {
                page.line(line, RULE_LEFT, base, size, Ink::Black);
                base += mm(39);
            }
            return Ok(());
        }
        size -= 25;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_masked_accounts_are_printed() {
        for shown in ["wan***.cdb@sina.cn", "尾号1234", "1234"] {
            assert!(!unmasked(shown), "{shown}");
        }
        for hidden in ["wang.cdb@sina.cn", "6228480402564890018", "13800000000"] {
            assert!(unmasked(hidden), "{hidden}");
        }
    }

    #[test]
    fn type_never_falls_below_fourteen_points() {
        assert!(GRIDS.iter().all(|g| g.size >= 1400));
        assert!(GRIDS.iter().zip(GRIDS.iter().skip(1)).all(|(a, b)| a.pitch > b.pitch && a.size >= b.size));
    }
}

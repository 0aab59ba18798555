//! Chinese line setting: which face draws what, where a line may break, and where the slack goes.
//! Our own instead of a line-break crate: the cases that matter here (no break inside an amount,
//! a document number, between a number and its unit; 标点挤压) are exactly the ones a general
//! table gets wrong, and the rest is a page of rules.
//! All arithmetic is in whole thousandths of an em, so that line breaks never depend on rounding.

use ttf_parser::GlyphId;

use crate::FormError;
use crate::fonts::{FaceId, Fonts, clean, is_silent};
use crate::wording::{Piece, Role};

const EM: i32 = 1000;
const HALF: i32 = 500;
/// Air between Han and Latin or digits: below a tenth of an em, from which on readers of a PDF take it for a blank.
const SEAM: i32 = 70;
/// Beyond this much air in one gap a line is left ragged rather than torn apart.
const WIDEST_GAP: i32 = 450;

/// A glyph to be set, with everything line setting needs to know of it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Glyph {
    pub(crate) ch: char,
    pub(crate) face: FaceId,
    pub(crate) id: GlyphId,
    pub(crate) advance: i32,
    /// A line may begin with this glyph.
    may_break: bool,
    kind: Kind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Han,
    /// Full-width closing mark: ink at the left, air at the right.
    Close,
    /// Full-width opening mark: air at the left, ink at the right.
    Open,
    /// Marks that never begin a line but carry no air to squeeze.
    Mid,
    Western,
    Space,
}

const fn kind_of(ch: char) -> Kind {
    match ch {
        '。' | '，' | '、' | '：' | '；' | '？' | '！' | '）' | '》' | '」' | '』' | '〕' | '】' | '”' | '’' => {
            Kind::Close
        }
        '（' | '《' | '「' | '『' | '〔' | '【' | '“' | '‘' => Kind::Open,
        '·' | '—' | '…' | '～' | '％' | '℃' => Kind::Mid,
        ' ' | '\u{3000}' => Kind::Space,
        '\u{21}'..='\u{24F}' => Kind::Western,
        _ => Kind::Han,
    }
}

/// Units that stay with the number before them.
const UNITS: &str = "年月日时分秒号元角点条份次岁个万亿页期";

/// Which faces a text may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Voice {
    /// 仿宋, with Latin and digits from the serif.
    Body,
    /// Bold 宋体 throughout.
    Title,
}

impl Voice {
    /// The order in which faces are asked; with `serif` the serif pair comes before the body.
    const fn chain(self, serif: bool) -> [FaceId; 4] {
        match (self, serif) {
            (Self::Body, true) => [FaceId::Fallback, FaceId::Rare, FaceId::Body, FaceId::Title],
            (Self::Body, false) => [FaceId::Body, FaceId::Fallback, FaceId::Rare, FaceId::Title],
            (Self::Title, _) => [FaceId::Title, FaceId::Fallback, FaceId::Rare, FaceId::Body],
        }
    }
}

/// Turns pieces of text into glyphs, or names the first character no face can draw.
pub(crate) fn shape(fonts: &Fonts<'_>, pieces: &[Piece], voice: Voice) -> Result<Vec<Glyph>, FormError> {
    let mut out: Vec<Glyph> = Vec::new();
    let mut before: Option<char> = None;
    for piece in pieces {
        let text = clean(&piece.text);
        let voice = if piece.strong { Voice::Title } else { voice };
        // A name in two faces looks like a forgery: one missing character moves the whole name,
        // and if no face has all of it, it is made up from the two that look alike.
        let (one_face, patched) = match piece.role {
            Role::Name => {
                let whole = fonts.whole(&voice.chain(false), &text);
                (whole, whole.is_none())
            }
            Role::Plain | Role::Whole => (None, false),
        };
        for (at, ch) in text.chars().enumerate() {
            if is_silent(ch) {
                continue;
            }
            let kind = kind_of(ch);
            let chain = voice.chain(kind == Kind::Western || patched);
            let found = match one_face {
                Some(id) => fonts.cut(id).glyph(ch).map(|g| (id, g)),
                None => fonts.first(&chain, ch),
            };
            let (face, id) = found.ok_or_else(|| FormError::MissingGlyph { ch, text: piece.text.clone() })?;
            let inside = matches!(piece.role, Role::Name | Role::Whole) && at > 0;
            out.push(Glyph {
                ch,
                face,
                id,
                advance: fonts.cut(face).advance(id),
                may_break: !inside && before.is_some_and(|b| allowed(b, ch)),
                kind,
            });
            before = Some(ch);
        }
    }
    Ok(out)
}

fn allowed(before: char, ch: char) -> bool {
    let (b, k) = (kind_of(before), kind_of(ch));
    if matches!(k, Kind::Close | Kind::Mid | Kind::Space) || matches!(b, Kind::Open) {
        return false;
    }
    if before == '·' || before == '第' && ch.is_ascii_digit() {
        return false;
    }
    match (b, k) {
        (Kind::Western, Kind::Western) => false,
        (Kind::Western, Kind::Han) => !(before.is_ascii_digit() && UNITS.contains(ch)),
        (
            Kind::Han | Kind::Close | Kind::Open | Kind::Mid | Kind::Western | Kind::Space,
            Kind::Han | Kind::Close | Kind::Open | Kind::Mid | Kind::Western | Kind::Space,
        ) => true,
    }
}

/// Air to add (or take, if negative) between two neighbours on one line.
const fn between(b: Kind, k: Kind) -> i32 {
    match (b, k) {
        (Kind::Close, Kind::Close | Kind::Open) | (Kind::Open, Kind::Open) => -HALF,
        (Kind::Han, Kind::Western) | (Kind::Western, Kind::Han) => SEAM,
        (
            Kind::Han | Kind::Close | Kind::Open | Kind::Mid | Kind::Western | Kind::Space,
            Kind::Han | Kind::Close | Kind::Open | Kind::Mid | Kind::Western | Kind::Space,
        ) => 0,
    }
}

/// Natural width of a run of glyphs on one line, in thousandths of an em.
fn natural(glyphs: &[Glyph]) -> i32 {
    let mut width = 0;
    let mut before: Option<Kind> = None;
    for g in glyphs {
        width += g.advance + before.map_or(0, |b| between(b, g.kind));
        before = Some(g.kind);
    }
    width
}

/// A glyph with the place of its left edge, in thousandths of an em from the line's start.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Placed {
    pub(crate) glyph: Glyph,
    pub(crate) x: i32,
}

/// One set line.
#[derive(Clone, Debug, Default)]
pub(crate) struct Line {
    pub(crate) glyphs: Vec<Placed>,
    /// Right edge of the last glyph.
    pub(crate) width: i32,
}

/// Sets one line without breaking it, from its left edge, at natural width.
pub(crate) fn single(glyphs: &[Glyph]) -> Line {
    place(glyphs, 0, None)
}

/// Breaks glyphs into lines of `width`, the first one indented, all but the last justified.
pub(crate) fn set(glyphs: &[Glyph], width: i32, indent: i32) -> Vec<Line> {
    let mut lines = Vec::new();
    let mut rest = glyphs;
    let mut left = indent;
    while !rest.is_empty() {
        let taken = fit(rest, width - left);
        let (now, later) = rest.split_at(taken.clamp(1, rest.len()));
        let now = trim(now);
        let last = later.is_empty();
        lines.push(place(now, left, (!last).then_some(width)));
        rest = later;
        left = 0;
    }
    lines
}

/// Breaks glyphs into lines no wider than `width`, none justified: for narrow cells.
pub(crate) fn ragged(glyphs: &[Glyph], width: i32) -> Vec<Line> {
    let mut lines = Vec::new();
    let mut rest = glyphs;
    while !rest.is_empty() {
        let (now, later) = rest.split_at(fit(rest, width).clamp(1, rest.len()));
        lines.push(place(trim(now), 0, None));
        rest = later;
    }
    lines
}

fn trim(glyphs: &[Glyph]) -> &[Glyph] {
    let mut out = glyphs;
    while let [init @ .., last] = out {
        if last.kind != Kind::Space {
            break;
        }
        out = init;
    }
    out
}

/// The air an opening mark leaves at the left edge, which a line is pulled back by.
fn overhang(glyphs: &[Glyph]) -> i32 {
    if glyphs.first().is_some_and(|g| g.kind == Kind::Open) { HALF } else { 0 }
}

/// How many glyphs go on a line of this width.
fn fit(glyphs: &[Glyph], width: i32) -> usize {
    let mut pen = -overhang(glyphs);
    let mut before: Option<Kind> = None;
    let mut good = 0;
    for (at, g) in glyphs.iter().enumerate() {
        if at > 0 && g.may_break {
            good = at;
        }
        if let Some(b) = before {
            pen += between(b, g.kind);
        }
        pen += g.advance;
        // The air of a closing mark may hang over the edge.
        let ink = if g.kind == Kind::Close { pen - HALF } else { pen };
        if ink > width && g.kind != Kind::Space {
            // Nothing may break: an unbroken value longer than the line is cut where it must be.
            return if good > 0 { good } else { at };
        }
        before = Some(g.kind);
    }
    glyphs.len()
}

/// Whether slack may go between two neighbours: never beside digits, a date or an amount stays together.
const fn elastic(b: Kind, k: Kind) -> bool {
    !matches!(b, Kind::Western) && !matches!(k, Kind::Western)
}

fn place(glyphs: &[Glyph], left: i32, justify_to: Option<i32>) -> Line {
    let left = if left == 0 { -overhang(glyphs) } else { left };
    let mut width = natural(glyphs);
    if justify_to.is_some_and(|w| left + width > w) && glyphs.last().is_some_and(|g| g.kind == Kind::Close) {
        width -= HALF;
    }
    let gaps = glyphs.iter().zip(glyphs.iter().skip(1)).filter(|(a, b)| elastic(a.kind, b.kind)).count();
    let gaps = i32::try_from(gaps).unwrap_or(i32::MAX);
    let slack = justify_to.map_or(0, |w| w - left - width);
    let (each, mut odd) =
        if gaps == 0 || slack / gaps > WIDEST_GAP { (0, 0) } else { (slack.div_euclid(gaps), slack.rem_euclid(gaps)) };
    let mut pen = left;
    let mut before: Option<Kind> = None;
    let mut out = Vec::with_capacity(glyphs.len());
    for g in glyphs {
        if let Some(b) = before {
            pen += between(b, g.kind);
            if elastic(b, g.kind) {
                pen += each;
                if odd > 0 {
                    pen += 1;
                    odd -= 1;
                }
            }
        }
        out.push(Placed { glyph: *g, x: pen });
        pen += g.advance;
        before = Some(g.kind);
    }
    Line { glyphs: out, width: pen }
}

/// Gives every digit the same room, so that a column of amounts stands in line.
pub(crate) fn tabular(glyphs: &[Glyph]) -> Line {
    const DIGIT: i32 = 560;
    let mut pen = 0;
    let mut out = Vec::with_capacity(glyphs.len());
    for g in glyphs {
        let room = if g.ch.is_ascii_digit() { DIGIT } else { g.advance };
        out.push(Placed { glyph: *g, x: pen + (room - g.advance) / 2 });
        pen += room;
    }
    Line { glyphs: out, width: pen }
}

/// The width of one full character, in the units of this file.
pub(crate) const fn ems(n: i32) -> i32 {
    n * EM
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::embedded;
    use crate::wording::{Value, fill};

    fn lines(template: &str, values: &[(&str, Value)], ems_wide: i32) -> Vec<String> {
        let pieces = fill(template, values).expect("filled");
        let glyphs = shape(embedded().expect("fonts"), &pieces, Voice::Body).expect("shaped");
        set(&glyphs, ems(ems_wide), 0).iter().map(|l| l.glyphs.iter().map(|p| p.glyph.ch).collect()).collect()
    }

    #[test]
    fn no_line_begins_with_a_closing_mark_or_ends_with_an_opening_one() {
        let text = "带银联借记卡到青石县学生资助管理中心（一楼大厅）刷“银联”标志的《终端》，亲友的卡也可以。";
        for wide in 4..20 {
            let set = lines(text, &[], wide);
            assert_eq!(set.concat(), text);
            for line in set {
                let (first, last) = (line.chars().next(), line.chars().last());
                assert!(first.is_some_and(|c| !"。，、：；）》”".contains(c)), "{line}");
                assert!(last.is_some_and(|c| !"（《“".contains(c)), "{line}");
            }
        }
    }

    #[test]
    fn numbers_amounts_and_document_numbers_stay_whole() {
        for wide in 14..24 {
            let set = lines(
                "依据{no}，请在2026年12月20日前还¥1,640,902.35元，电话0375-1234567。",
                &[("no", Value::Whole("青资助还通〔2026〕10123号".into()))],
                wide,
            );
            for whole in ["青资助还通〔2026〕10123号", "2026年", "12月", "20日", "¥1,640,902.35元", "0375-1234567"]
            {
                assert!(set.iter().any(|l| l.contains(whole)), "{whole} at {wide}: {set:?}");
            }
        }
    }

    #[test]
    fn justified_lines_end_at_the_edge() {
        let pieces = Piece::plain("下列数字由经办银行提供，数据截至2026年12月1日，遇节假日也不推后，请尽量提前准备。");
        let glyphs = shape(embedded().expect("fonts"), &pieces, Voice::Body).expect("shaped");
        let set = set(&glyphs, ems(12), ems(2));
        let (last, full) = set.split_last().expect("lines");
        assert!(full.len() >= 2 && last.width < ems(12));
        for line in full {
            let hangs = line.glyphs.last().is_some_and(|p| p.glyph.kind == Kind::Close);
            assert!(line.width == ems(12) || hangs && line.width == ems(12) + HALF, "{}", line.width);
        }
    }

    #[test]
    fn a_name_with_one_rare_character_is_set_in_one_face() {
        let fonts = embedded().expect("fonts");
        let face_of = |name: &str| {
            let glyphs = shape(fonts, &[Piece::name(name)], Voice::Body).expect("shaped");
            let mut faces: Vec<_> = glyphs.iter().map(|g| g.face).collect();
            faces.dedup();
            faces
        };
        assert_eq!(face_of("王秋禾"), [FaceId::Body]);
        assert_eq!(face_of("王𬴂"), [FaceId::Fallback]);
        assert_eq!(face_of("李玥堃"), [FaceId::Fallback]);
        assert_eq!(face_of("王𠀋"), [FaceId::Fallback, FaceId::Rare]);
    }

    #[test]
    fn a_radical_is_drawn_as_the_character() {
        let glyphs = shape(embedded().expect("fonts"), &Piece::plain("⽟⼈"), Voice::Body).expect("shaped");
        let text: String = glyphs.iter().map(|g| g.ch).collect();
        assert_eq!(text, "玉人");
    }
}

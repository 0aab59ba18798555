//! A page being drawn: text runs and filled bars, measured from the top left corner as people
//! measure paper. All lengths and sizes are whole hundredths of a point, so that a page is the
//! same on every processor. Knows nothing of forms and nothing of PDF.
//! Every line on paper is a filled bar, never a stroke: strokes grow and vanish with the printer.

use ttf_parser::GlyphId;

use crate::FormError;
use crate::fonts::{FaceId, Fonts};
use crate::text::{Line, Voice, shape, single};
use crate::wording::Piece;

/// A4.
pub(crate) const PAGE_WIDTH: i32 = 59_528;
/// A4.
pub(crate) const PAGE_HEIGHT: i32 = 84_189;

/// Tenths of a millimetre as a length.
pub(crate) const fn mm(tenths: i32) -> i32 {
    tenths * 7200 / 254
}

/// A small count as a factor.
pub(crate) fn count(n: usize) -> i32 {
    i32::try_from(n).unwrap_or(i32::MAX)
}

/// A length in thousandths of an em at a size, rounded down.
pub(crate) const fn to_ems(length: i32, size: i32) -> i32 {
    length * 1000 / size
}

/// Thousandths of an em as a length at a size.
pub(crate) const fn from_ems(thousandths: i32, size: i32) -> i32 {
    thousandths * size / 1000
}

/// A length's part along either axis when laid at 45°.
const fn slanted(length: i32) -> i32 {
    length * 7071 / 10_000
}

/// Ink colours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ink {
    Black,
    Red,
    Pale,
    Grey,
}

/// Glyphs of one face on one baseline.
#[derive(Clone, Debug)]
pub(crate) struct Run {
    pub(crate) face: FaceId,
    pub(crate) size: i32,
    pub(crate) x: i32,
    pub(crate) baseline: i32,
    pub(crate) ink: Ink,
    /// Character, glyph, and the air after it in thousandths of an em.
    pub(crate) glyphs: Vec<(char, GlyphId, i32)>,
    /// Set at 45° rising to the right.
    pub(crate) slanted: bool,
}

/// One mark on the paper.
#[derive(Clone, Debug)]
pub(crate) enum Mark {
    Text(Run),
    Bar { x: i32, y: i32, width: i32, height: i32, ink: Ink },
}

/// Where a text stands relative to its given x.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Align {
    Left,
    Centre,
    Right,
}

/// One page.
#[derive(Default)]
pub(crate) struct Canvas {
    pub(crate) marks: Vec<Mark>,
}

impl Canvas {
    /// A filled bar by its upper left corner.
    pub(crate) fn bar(&mut self, x: i32, y: i32, width: i32, height: i32, ink: Ink) {
        self.marks.push(Mark::Bar { x, y, width, height, ink });
    }

    /// A horizontal line centred on `y`.
    pub(crate) fn across(&mut self, x: i32, y: i32, width: i32, thick: i32, ink: Ink) {
        self.bar(x, y - thick / 2, width, thick, ink);
    }

    /// A vertical line centred on `x`.
    pub(crate) fn down(&mut self, x: i32, y: i32, height: i32, thick: i32, ink: Ink) {
        self.bar(x - thick / 2, y, thick, height, ink);
    }

    /// An empty box whose lines are centred on its edges.
    pub(crate) fn frame(&mut self, x: i32, y: i32, width: i32, height: i32, thick: i32, ink: Ink) {
        self.across(x - thick / 2, y, width + thick, thick, ink);
        self.across(x - thick / 2, y + height, width + thick, thick, ink);
        self.down(x, y, height, thick, ink);
        self.down(x + width, y, height, thick, ink);
    }

    /// A set line with its left edge at `x`.
    pub(crate) fn line(&mut self, line: &Line, x: i32, baseline: i32, size: i32, ink: Ink) {
        let mut glyphs = line.glyphs.iter().peekable();
        while let Some(first) = glyphs.next() {
            let mut run = Run {
                face: first.glyph.face,
                size,
                x: x + from_ems(first.x, size),
                baseline,
                ink,
                glyphs: Vec::new(),
                slanted: false,
            };
            let mut current = first;
            loop {
                let next = glyphs.next_if(|n| n.glyph.face == run.face);
                let air = next.map_or(0, |n| n.x - current.x - current.glyph.advance);
                run.glyphs.push((current.glyph.ch, current.glyph.id, air));
                match next {
                    Some(n) => current = n,
                    None => break,
                }
            }
            self.marks.push(Mark::Text(run));
        }
    }

    /// A line placed by its left edge, middle or right edge.
    pub(crate) fn aligned(&mut self, line: &Line, x: i32, baseline: i32, size: i32, align: Align, ink: Ink) {
        let width = from_ems(line.width, size);
        let left = match align {
            Align::Left => x,
            Align::Centre => x - width / 2,
            Align::Right => x - width,
        };
        self.line(line, left, baseline, size, ink);
    }

    /// A line in a small box that ends at `right`, such as the mark of a reprint.
    pub(crate) fn stamp(&mut self, line: &Line, right: i32, y: i32) {
        const SIZE: i32 = 1200;
        let width = from_ems(line.width, SIZE) + mm(40);
        let height = mm(70);
        self.frame(right - width, y, width, height, 75, Ink::Black);
        let baseline = y + height / 2 + SIZE * 38 / 100;
        self.aligned(line, right - width / 2, baseline, SIZE, Align::Centre, Ink::Black);
    }

    /// The watermark across the middle of the page. Draw it first: the text lies over it.
    pub(crate) fn watermark(&mut self, fonts: &Fonts<'_>, text: &str) -> Result<(), FormError> {
        self.watermark_at(fonts, text, PAGE_HEIGHT / 2, 17_000)
    }

    /// The watermark across the part of the page whose middle is at `y`: each part that is cut off needs its own.
    pub(crate) fn watermark_at(&mut self, fonts: &Fonts<'_>, text: &str, y: i32, size: i32) -> Result<(), FormError> {
        let line = single(&shape(fonts, &Piece::strong(text), Voice::Title)?);
        let reach = slanted(from_ems(line.width, size) / 2);
        // The baseline runs below the middle, so that the ink is centred.
        let sink = slanted(size * 38 / 100);
        for p in &line.glyphs {
            let along = slanted(from_ems(p.x, size));
            self.marks.push(Mark::Text(Run {
                face: p.glyph.face,
                size,
                x: PAGE_WIDTH / 2 - reach + along + sink,
                baseline: y + reach - along + sink,
                ink: Ink::Pale,
                glyphs: vec![(p.glyph.ch, p.glyph.id, 0)],
                slanted: true,
            }));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn millimetres_points_and_ems_agree() {
        assert_eq!(mm(2100), PAGE_WIDTH - 1);
        assert_eq!(mm(2970), PAGE_HEIGHT - 1);
        assert_eq!(mm(254), 7200);
        assert_eq!(to_ems(44_100, 1575), 28_000);
        assert_eq!(from_ems(28_000, 1575), 44_100);
    }
}

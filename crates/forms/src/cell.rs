//! Text inside boxes: one line shrunk a little if it must, several lines if it still does not
//! fit. Used by the tables of every form. Must never let a text cross the edge of its box without
//! having tried all of that.

use crate::canvas::{Align, Canvas, Ink, count, from_ems, mm, to_ems};
use crate::text::{Glyph, Line, ragged, single};

/// Air between a cell's edge and its text.
pub(crate) const PADDING: i32 = mm(18);
const SMALLEST: i32 = 800;
const STEP: i32 = 25;

/// A box on the page.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Area {
    pub(crate) x: i32,
    pub(crate) y: i32,
    pub(crate) width: i32,
    pub(crate) height: i32,
}

impl Area {
    /// The part of the box right of `left` and `width` wide.
    pub(crate) const fn slice(self, left: i32, width: i32) -> Self {
        Self { x: self.x + left, width, ..self }
    }
}

/// The baseline of a line whose ink is to stand in the middle of a strip.
pub(crate) const fn middle(y: i32, height: i32, size: i32) -> i32 {
    y + height / 2 + size * 38 / 100
}

/// The largest size, not above `size`, at which a line fits a width.
pub(crate) fn fitting(line: &Line, width: i32, size: i32) -> i32 {
    let mut now = size;
    while now > SMALLEST && from_ems(line.width, now) > width {
        now -= STEP;
    }
    now
}

/// Puts a text into a box, in the middle of its height.
pub(crate) fn text(canvas: &mut Canvas, glyphs: &[Glyph], area: Area, size: i32, align: Align) {
    let room = area.width - 2 * PADDING;
    let line = single(glyphs);
    // A little smaller is better than two lines, two lines are better than much smaller.
    let now = fitting(&line, room, size);
    if now >= size * 85 / 100 {
        stack(canvas, &[line], area, now, align);
        return;
    }
    let mut now = size;
    loop {
        let lines = ragged(glyphs, to_ems(room, now));
        let high = count(lines.len()) * now * 125 / 100;
        if high <= area.height || now <= SMALLEST {
            stack(canvas, &lines, area, now, align);
            return;
        }
        now -= STEP;
    }
}

/// A label in its cell: centred, in lines of about equal length.
pub(crate) fn label(canvas: &mut Canvas, glyphs: &[Glyph], area: Area, size: i32) {
    const EDGE: i32 = mm(8);
    let mut size = size;
    loop {
        let room = to_ems(area.width - 2 * EDGE, size);
        let whole = single(glyphs).width;
        let wanted = (whole + room - 1) / room.max(1);
        let even = ragged(glyphs, whole / wanted.max(1) + 500);
        let lines = if count(even.len()) <= wanted { even } else { ragged(glyphs, room) };
        let high = count(lines.len()) * size * 125 / 100;
        if high <= area.height - EDGE || size <= SMALLEST {
            stack(canvas, &lines, area, size, Align::Centre);
            return;
        }
        size -= STEP;
    }
}

fn stack(canvas: &mut Canvas, lines: &[Line], area: Area, size: i32, align: Align) {
    let pitch = size * 125 / 100;
    let high = pitch * count(lines.len());
    let mut y = area.y + (area.height - high) / 2;
    for line in lines {
        put(canvas, line, area, middle(y, pitch, size), size, align);
        y += pitch;
    }
}

/// Spreads lines over the height of a box, for filling in by hand.
pub(crate) fn spread(canvas: &mut Canvas, lines: &[Line], area: Area, size: i32) {
    let pitch = area.height / count(lines.len()).max(1);
    let mut y = area.y;
    for line in lines {
        let now = fitting(line, area.width - 2 * PADDING, size);
        put(canvas, line, area, middle(y, pitch, now), now, Align::Left);
        y += pitch;
    }
}

/// Puts a set line into a box at a given baseline.
pub(crate) fn put(canvas: &mut Canvas, line: &Line, area: Area, baseline: i32, size: i32, align: Align) {
    let x = match align {
        Align::Left => area.x + PADDING,
        Align::Centre => area.x + area.width / 2,
        Align::Right => area.x + area.width - PADDING,
    };
    canvas.aligned(line, x, baseline, size, align, Ink::Black);
}

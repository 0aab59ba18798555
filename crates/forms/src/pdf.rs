//! From marks to PDF bytes: cuts each face down to the glyphs used, hands everything to printpdf,
//! and settles what printpdf leaves to chance or to the clock. The only file that names printpdf.
//! Without its layout engine printpdf embeds faces whole and says nothing, so the cutting is ours;
//! its file identifier is a process-wide counter, so we replace it.
//! Nothing in here may depend on the order of a hash map, on the clock, or on an earlier print.

use std::collections::BTreeMap;

use chrono::{Datelike, NaiveDate};
use lopdf::{Dictionary, Object, StringFormat};
use printpdf::{
    Codepoint, Color, FontId, FontMetrics, FontType, Greyscale, Mm, OffsetDateTime, Op, PaintMode, ParsedFont,
    PdfDocument, PdfFont, PdfFontHandle, PdfFontMetricsStub, PdfPage, PdfSaveOptions, Pt, Rect, Rgb, TextItem,
    TextMatrix,
};
use sha2::{Digest, Sha256};
use subsetter::GlyphRemapper;

use crate::FormError;
use crate::canvas::{Canvas, Ink, Mark, PAGE_HEIGHT, Run};
use crate::fonts::{Cut, FaceId, Fonts};

/// What the file says about itself.
pub(crate) struct About<'a> {
    pub(crate) title: &'a str,
    pub(crate) printed_on: NaiveDate,
    /// Digest of everything that went into the file; becomes its identifier.
    pub(crate) identity: [u8; 32],
}

/// Writes the pages as one PDF file.
pub(crate) fn write(fonts: &Fonts<'_>, pages: &[Canvas], about: &About<'_>) -> Result<Vec<u8>, FormError> {
    let mut document = PdfDocument::new(about.title);
    let midnight = midnight(about.printed_on);
    let info = &mut document.metadata.info;
    info.creation_date = midnight;
    info.modification_date = midnight;
    info.metadata_date = midnight;
    info.producer = format!("forms {}", env!("CARGO_PKG_VERSION"));

    let mut maps = BTreeMap::new();
    for (face, used) in used_glyphs(pages) {
        let (font, map) = cut_down(fonts.cut(face), &used)?;
        document.resources.fonts.map.insert(FontId(face.resource().to_owned()), PdfFont::new(font));
        maps.insert(face, map);
    }
    document.pages = pages
        .iter()
        .map(|page| Ok(PdfPage::new(Mm(210.0), Mm(297.0), ops(page, &maps)?)))
        .collect::<Result<_, FormError>>()?;

    let mut warnings = Vec::new();
    let mut file = document.to_lopdf_document(&PdfSaveOptions::default(), &mut warnings);
    if let Some(first) = warnings.first() {
        return Err(FormError::Refused(format!("{first:?}")));
    }
    settle(&mut file, about.identity)?;
    file.compress();
    let mut out = Vec::new();
    file.save_to(&mut out).map_err(FormError::Write)?;
    Ok(out)
}

fn midnight(day: NaiveDate) -> OffsetDateTime {
    let mut at = OffsetDateTime::epoch();
    at.date.year = day.year();
    at.date.month = u8::try_from(day.month()).unwrap_or(1);
    at.date.day = u8::try_from(day.day()).unwrap_or(1);
    at
}

/// Glyphs used of each face, each with the one character it copies as.
fn used_glyphs(pages: &[Canvas]) -> BTreeMap<FaceId, BTreeMap<u16, char>> {
    let mut out: BTreeMap<FaceId, BTreeMap<u16, char>> = BTreeMap::new();
    for mark in pages.iter().flat_map(|p| &p.marks) {
        let Mark::Text(run) = mark else { continue };
        let face = out.entry(run.face).or_default();
        for &(ch, id, _) in &run.glyphs {
            // Two characters may share a glyph: it copies as the ordinary one of them.
            face.entry(id.0).and_modify(|seen| *seen = ordinary(*seen, ch)).or_insert(ch);
        }
    }
    out
}

fn ordinary(a: char, b: char) -> char {
    let plain = |c: char| ('\u{4E00}'..='\u{9FFF}').contains(&c);
    match (plain(a), plain(b)) {
        (true, false) => a,
        (false, true) => b,
        (true, true) | (false, false) => a.min(b),
    }
}

/// The face with only the used glyphs in it, and the new number of each.
fn cut_down(cut: &Cut<'_>, used: &BTreeMap<u16, char>) -> Result<(ParsedFont, BTreeMap<u16, u16>), FormError> {
    let mut mapper = GlyphRemapper::new();
    let map: BTreeMap<u16, u16> = used.keys().map(|&g| (g, mapper.remap(g))).collect();
    let bytes = subsetter::subset(cut.bytes, 0, &mapper).map_err(FormError::Subset)?;
    let mut codepoints = BTreeMap::new();
    let mut widths = BTreeMap::new();
    for (old, &new) in &map {
        if let Some(&ch) = used.get(old) {
            codepoints.insert(u32::from(ch), new);
        }
        let glyph = ttf_parser::GlyphId(*old);
        widths.insert(new, cut.face.glyph_hor_advance(glyph).unwrap_or(0));
    }
    let face = &cut.face;
    let mut font = ParsedFont::with_glyph_data(
        bytes,
        0,
        Some(format!("{}+{}", tag(&map), cut.name)),
        codepoints,
        widths,
        face.units_per_em(),
        FontMetrics { ascent: face.ascender(), descent: face.descender() },
    );
    font.font_type = if cut.cff { FontType::OpenTypeCFF(()) } else { FontType::TrueType };
    let bounds = face.global_bounding_box();
    font.pdf_font_metrics = PdfFontMetricsStub {
        units_per_em: face.units_per_em(),
        x_min: bounds.x_min,
        y_min: bounds.y_min,
        x_max: bounds.x_max,
        y_max: bounds.y_max,
        us_weight_class: face.weight().to_number(),
        ..PdfFontMetricsStub::default()
    };
    Ok((font, map))
}

/// The six letters that mark a cut-down face: the same glyphs, the same letters.
fn tag(map: &BTreeMap<u16, u16>) -> String {
    let mut hash = Sha256::new();
    for glyph in map.keys() {
        hash.update(glyph.to_be_bytes());
    }
    hash.finalize().iter().take(6).map(|b| char::from(b'A' + b % 26)).collect()
}

/// Hundredths of a point as printpdf's floating points: the only place where a float appears.
fn pt(hundredths: i32) -> Pt {
    let whole = i16::try_from(hundredths.div_euclid(100)).unwrap_or(i16::MAX);
    let part = i16::try_from(hundredths.rem_euclid(100)).unwrap_or(0);
    Pt(f32::from(whole) + f32::from(part) / 100.0)
}

fn colour(ink: Ink) -> Color {
    match ink {
        Ink::Black => Color::Greyscale(Greyscale::new(0.0, None)),
        Ink::Grey => Color::Greyscale(Greyscale::new(0.45, None)),
        Ink::Pale => Color::Greyscale(Greyscale::new(0.9, None)),
        Ink::Red => Color::Rgb(Rgb::new(0.82, 0.07, 0.1, None)),
    }
}

fn ops(page: &Canvas, maps: &BTreeMap<FaceId, BTreeMap<u16, u16>>) -> Result<Vec<Op>, FormError> {
    let mut out = Vec::new();
    let mut ink = None;
    let mut font = None;
    let mut open = false;
    for mark in &page.marks {
        let wanted = match mark {
            Mark::Text(run) => run.ink,
            Mark::Bar { ink, .. } => *ink,
        };
        let text = matches!(mark, Mark::Text(_));
        if open && !text {
            out.push(Op::EndTextSection);
            open = false;
        }
        if ink != Some(wanted) {
            out.push(Op::SetFillColor { col: colour(wanted) });
            ink = Some(wanted);
        }
        match mark {
            Mark::Text(run) => {
                if !open {
                    out.push(Op::StartTextSection);
                    open = true;
                }
                if font != Some((run.face, run.size)) {
                    out.push(Op::SetFont {
                        font: PdfFontHandle::External(FontId(run.face.resource().to_owned())),
                        size: pt(run.size),
                    });
                    font = Some((run.face, run.size));
                }
                show(run, maps, &mut out)?;
            }
            Mark::Bar { x, y, width, height, .. } => out.push(Op::DrawRectangle {
                rectangle: Rect {
                    x: pt(*x),
                    y: pt(PAGE_HEIGHT - y - height),
                    width: pt(*width),
                    height: pt(*height),
                    mode: Some(PaintMode::Fill),
                    winding_order: None,
                },
            }),
        }
    }
    if open {
        out.push(Op::EndTextSection);
    }
    Ok(out)
}

fn show(run: &Run, maps: &BTreeMap<FaceId, BTreeMap<u16, u16>>, out: &mut Vec<Op>) -> Result<(), FormError> {
    let (x, y) = (pt(run.x), pt(PAGE_HEIGHT - run.baseline));
    out.push(Op::SetTextMatrix {
        matrix: if run.slanted {
            let s = std::f32::consts::FRAC_1_SQRT_2;
            TextMatrix::Raw([s, s, -s, s, x.0, y.0])
        } else {
            TextMatrix::Translate(x, y)
        },
    });
    let map = maps.get(&run.face);
    let glyphs = run
        .glyphs
        .iter()
        .map(|&(ch, id, air)| {
            let new = map.and_then(|m| m.get(&id.0)).copied().ok_or(FormError::GlyphLost(id.0))?;
            // PDF counts a push to the left as positive.
            let air = i16::try_from(-air).map_or(0.0, f32::from);
            Ok(Codepoint::with_cid(new, air, ch.to_string()))
        })
        .collect::<Result<Vec<_>, FormError>>()?;
    out.push(Op::ShowText { items: vec![TextItem::GlyphIds(glyphs)] });
    Ok(())
}

/// Puts right what printpdf fills with defaults: identifier, version, language, print scaling.
fn settle(file: &mut lopdf::Document, identity: [u8; 32]) -> Result<(), FormError> {
    file.version = "1.7".to_owned();
    let id = Object::String(identity.into_iter().take(16).collect(), StringFormat::Hexadecimal);
    file.trailer.set("ID", Object::Array(vec![id.clone(), id]));
    if let Ok(info) = file.trailer.get(b"Info").and_then(Object::as_reference) {
        let info = file.get_object_mut(info).and_then(Object::as_dict_mut).map_err(FormError::Structure)?;
        for key in ["Trapped", "GTS_PDFXVersion", "Identifier", "Author", "Creator", "Subject", "Keywords"] {
            info.remove(key.as_bytes());
        }
    }
    // The boxes are measured on paper: a printer must not shrink the page "to fit".
    let mut viewer = Dictionary::new();
    viewer.set("PrintScaling", Object::Name(b"None".to_vec()));
    viewer.set("DisplayDocTitle", Object::Boolean(true));
    let catalog = file.catalog_mut().map_err(FormError::Structure)?;
    catalog.set("Lang", Object::string_literal("zh-CN"));
    catalog.set("ViewerPreferences", Object::Dictionary(viewer));
    Ok(())
}

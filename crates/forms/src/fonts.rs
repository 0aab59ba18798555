//! The four faces a form may be set in, and the one decision made with them: which face draws a
//! character. A character that no face can draw stops the whole print: an empty box on an
//! official letter is worse than no letter.
//! The bytes are parsed once per process. This file must never look for fonts on the machine:
//! two desks must draw the same bytes from the same facts.

use std::sync::OnceLock;

use ttf_parser::{Face, GlyphId, Tag};

use crate::FormError;

/// The bytes of the faces, as OpenType files with one face each (not collections).
#[derive(Clone, Copy)]
pub struct FontBytes<'a> {
    /// Body text: 仿宋.
    pub body: &'a [u8],
    /// Titles and lead-ins: 宋体 bold.
    pub title: &'a [u8],
    /// Digits, Latin, and every character of the basic plane the body lacks.
    pub fallback: &'a [u8],
    /// Rare characters beyond the basic plane (CJK extensions B to F).
    pub rare: &'a [u8],
}

/// One of the four faces.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum FaceId {
    Body,
    Title,
    Fallback,
    Rare,
}

impl FaceId {
    pub(crate) const ALL: [Self; 4] = [Self::Body, Self::Title, Self::Fallback, Self::Rare];

    /// The PDF resource name. Not `F1`…`F14`: those belong to the built-in faces.
    pub(crate) const fn resource(self) -> &'static str {
        match self {
            Self::Body => "Fang",
            Self::Title => "Song",
            Self::Fallback => "Noto",
            Self::Rare => "Hana",
        }
    }
}

/// A parsed face together with the bytes it was parsed from.
pub(crate) struct Cut<'a> {
    pub(crate) face: Face<'a>,
    pub(crate) bytes: &'a [u8],
    /// The face's PostScript name, for the PDF's font dictionary.
    pub(crate) name: String,
    pub(crate) cff: bool,
}

impl<'a> Cut<'a> {
    fn parse(which: &'static str, bytes: &'a [u8]) -> Result<Self, FontError> {
        let face = Face::parse(bytes, 0).map_err(|source| FontError { which, source })?;
        let name = face
            .names()
            .into_iter()
            .filter(|n| n.name_id == ttf_parser::name_id::POST_SCRIPT_NAME)
            .find_map(|n| n.to_string())
            .unwrap_or_else(|| which.to_owned());
        let cff = face.raw_face().table(Tag::from_bytes(b"CFF ")).is_some();
        Ok(Self { face, bytes, name, cff })
    }

    /// The glyph of a character; never glyph 0, which is the empty box.
    pub(crate) fn glyph(&self, ch: char) -> Option<GlyphId> {
        self.face.glyph_index(ch).filter(|g| g.0 != 0)
    }

    /// Advance in thousandths of an em, cut down the way the PDF's width table cuts it, so that
    /// our pen and the viewer's never drift apart.
    pub(crate) fn advance(&self, glyph: GlyphId) -> i32 {
        let raw = i32::from(self.face.glyph_hor_advance(glyph).unwrap_or(0));
        raw * 1000 / i32::from(self.face.units_per_em())
    }
}

/// The four faces, parsed. Immutable, so one value may serve every thread.
pub struct Fonts<'a> {
    body: Cut<'a>,
    title: Cut<'a>,
    fallback: Cut<'a>,
    rare: Cut<'a>,
}

impl<'a> Fonts<'a> {
    /// Parses the four faces. Fails, naming the face, if one is not an OpenType face.
    pub fn load(bytes: FontBytes<'a>) -> Result<Self, FontError> {
        Ok(Self {
            body: Cut::parse("body", bytes.body)?,
            title: Cut::parse("title", bytes.title)?,
            fallback: Cut::parse("fallback", bytes.fallback)?,
            rare: Cut::parse("rare", bytes.rare)?,
        })
    }

    pub(crate) const fn cut(&self, id: FaceId) -> &Cut<'a> {
        match id {
            FaceId::Body => &self.body,
            FaceId::Title => &self.title,
            FaceId::Fallback => &self.fallback,
            FaceId::Rare => &self.rare,
        }
    }

    /// The first face of the chain that has the character.
    pub(crate) fn first(&self, chain: &[FaceId], ch: char) -> Option<(FaceId, GlyphId)> {
        chain.iter().find_map(|&id| self.cut(id).glyph(ch).map(|g| (id, g)))
    }

    /// The first face of the chain that has every character of the text.
    pub(crate) fn whole(&self, chain: &[FaceId], text: &str) -> Option<FaceId> {
        chain.iter().copied().find(|&id| text.chars().all(|c| is_silent(c) || self.cut(id).glyph(c).is_some()))
    }

    /// The characters of a text that no face can draw, each once, in order of appearance.
    pub fn missing(&self, text: &str) -> Vec<char> {
        let mut out = Vec::new();
        for ch in clean(text).chars() {
            if !is_silent(ch) && self.first(&FaceId::ALL, ch).is_none() && !out.contains(&ch) {
                out.push(ch);
            }
        }
        out
    }
}

/// U+2060 forbids a line break and draws nothing.
pub(crate) const JOINER: char = '\u{2060}';

/// Characters that take no ink and no room.
pub(crate) const fn is_silent(ch: char) -> bool {
    matches!(ch, JOINER | '\u{200B}' | '\u{FEFF}')
}

/// Replaces the Kangxi and CJK radicals that look like ordinary characters by those characters.
/// One radical left in would make every same-looking character of the file copy and search as
/// the radical, for a PDF maps a glyph back to one character only.
pub(crate) fn clean(text: &str) -> String {
    use unicode_normalization::UnicodeNormalization;
    text.chars()
        .flat_map(|ch| match ch {
            '\u{2E80}'..='\u{2FDF}' => ch.to_string().nfkc().collect::<Vec<_>>(),
            _ => vec![ch],
        })
        .collect()
}

/// Which face does not parse, and what the parser says.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("the {which} typeface is not usable")]
pub struct FontError {
    which: &'static str,
    source: ttf_parser::FaceParsingError,
}

static EMBEDDED: OnceLock<Result<Fonts<'static>, FontError>> = OnceLock::new();

/// The faces that ship with the program, parsed at the first call and kept. Fails only if the
/// build put something else than fonts under `assets/fonts`.
pub fn embedded() -> Result<&'static Fonts<'static>, FormError> {
    let parsed = EMBEDDED.get_or_init(|| {
        Fonts::load(FontBytes {
            body: include_bytes!("../../../assets/fonts/FandolFang-Regular.otf"),
            title: include_bytes!("../../../assets/fonts/FandolSong-Bold.otf"),
            fallback: include_bytes!("../../../assets/fonts/NotoSerifSC-Regular.ttf"),
            rare: include_bytes!("../../../assets/fonts/HanaMinB.ttf"),
        })
    });
    parsed.as_ref().map_err(|&e| FormError::Font(e))
}

/// The characters of a text that the embedded faces cannot draw, each once, in order: the check
/// to run on a name before a letter is promised. Fails only as [`embedded`] does.
pub fn missing_glyphs(text: &str) -> Result<Vec<char>, FormError> {
    Ok(embedded()?.missing(text))
}

//! Pictures: what kind they are and how large, by their heads; and drawn small. Nothing of what they show is judged.

use std::io::Cursor;

use image::codecs::jpeg::JpegEncoder;
use image::metadata::Orientation;
use image::{DynamicImage, ImageDecoder as _, ImageReader, Limits};
use serde::{Deserialize, Serialize};

/// A kind of picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Format {
    /// A photo of a phone.
    Jpeg,
    /// A scan or a picture of a screen.
    Png,
}

impl Format {
    /// The kind that the first bytes tell.
    pub fn of(bytes: &[u8]) -> Option<Self> {
        if bytes.starts_with(&[0xff, 0xd8, 0xff]) {
            Some(Self::Jpeg)
        } else if bytes.starts_with(b"\x89PNG\r\n\x1a\n") {
            Some(Self::Png)
        } else {
            None
        }
    }

    /// Its media type.
    pub fn media(self) -> &'static str {
        match self {
            Self::Jpeg => "image/jpeg",
            Self::Png => "image/png",
        }
    }
}

/// What a picture's head says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Picture {
    /// Its kind.
    pub format: Format,
    /// Its width, in dots.
    pub width: u32,
    /// Its height, in dots.
    pub height: u32,
}

impl Picture {
    /// How many dots it has.
    pub fn dots(self) -> u64 {
        u64::from(self.width).saturating_mul(u64::from(self.height))
    }
}

/// Why a picture is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub enum PictureFault {
    /// Neither a JPEG nor a PNG, or damaged.
    #[error("not a picture")]
    NotAPicture,
    /// Its reader ended without an answer, or took too long.
    #[error("the picture's reader broke off")]
    ReaderFailed,
    /// The reader could not be started.
    #[error("no reader could be started")]
    NoReader,
}

fn reader(bytes: &[u8], format: Format) -> ImageReader<Cursor<&[u8]>> {
    let read_as = match format {
        Format::Jpeg => image::ImageFormat::Jpeg,
        Format::Png => image::ImageFormat::Png,
    };
    ImageReader::with_format(Cursor::new(bytes), read_as)
}

pub(crate) fn look(bytes: &[u8]) -> Result<Picture, PictureFault> {
    let format = Format::of(bytes).ok_or(PictureFault::NotAPicture)?;
    let size = reader(bytes, format).into_dimensions();
    let (width, height) = size.map_err(|_told_otherwise| PictureFault::NotAPicture)?;
    Ok(Picture { format, width, height })
}

/// What a decoder may take, bytes: a photo of the most dots with room for its own tables, within the child's memory.
const ROOM: u64 = 200 * 1024 * 1024;

/// Longest side in dots and quality, best first: a sheet of paper on which a signature is still seen, then whatever fits.
const SMALLER: [(u32, u8); 10] = [
    (1_200, 60),
    (1_000, 50),
    (1_000, 30),
    (800, 40),
    (800, 25),
    (640, 40),
    (640, 25),
    (480, 30),
    (320, 30),
    (160, 30),
];

/// The picture in small, as a JPEG. It is turned as the camera held it: what says so is lost in small.
pub(crate) fn preview(bytes: &[u8]) -> Result<Vec<u8>, PictureFault> {
    let damaged = |_told_otherwise| PictureFault::NotAPicture;
    let mut reader = reader(bytes, Format::of(bytes).ok_or(PictureFault::NotAPicture)?);
    let mut limits = Limits::default();
    limits.max_alloc = Some(ROOM);
    reader.limits(limits);
    let mut decoder = reader.into_decoder().map_err(damaged)?;
    // One that is not told, or told wrongly, is upright.
    let turned = decoder.orientation().unwrap_or(Orientation::NoTransforms);
    let whole = DynamicImage::from_decoder(decoder).map_err(damaged)?;
    let mut small = on_white(&fitted(whole, SMALLER.iter().map(|(side, _)| *side).max().unwrap_or(1)));
    small.apply_orientation(turned);
    for (side, quality) in SMALLER {
        // Each is drawn from the one before: the whole is gone through once.
        small = fitted(small, side);
        let mut drawn = Vec::new();
        JpegEncoder::new_with_quality(&mut drawn, quality)
            .encode_image(&small)
            .map_err(|_told_otherwise| PictureFault::ReaderFailed)?;
        if drawn.len() <= crate::MOST_PREVIEW {
            return Ok(drawn);
        }
    }
    Err(PictureFault::ReaderFailed)
}

fn fitted(picture: DynamicImage, side: u32) -> DynamicImage {
    if picture.width().max(picture.height()) > side { picture.thumbnail(side, side) } else { picture }
}

/// As on paper: what is clear in a picture is white.
fn on_white(picture: &DynamicImage) -> DynamicImage {
    let mut paper = image::RgbaImage::from_pixel(picture.width(), picture.height(), image::Rgba([u8::MAX; 4]));
    image::imageops::overlay(&mut paper, &picture.to_rgba8(), 0, 0);
    DynamicImage::ImageRgba8(paper).to_rgb8().into()
}

//! Pictures: what kind they are and how large, by their heads. It draws nothing.

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

pub(crate) fn look(bytes: &[u8]) -> Result<Picture, PictureFault> {
    let format = Format::of(bytes).ok_or(PictureFault::NotAPicture)?;
    let read_as = match format {
        Format::Jpeg => image::ImageFormat::Jpeg,
        Format::Png => image::ImageFormat::Png,
    };
    let size = image::ImageReader::with_format(std::io::Cursor::new(bytes), read_as).into_dimensions();
    let (width, height) = size.map_err(|_told_otherwise| PictureFault::NotAPicture)?;
    Ok(Picture { format, width, height })
}

//! The formats that pictures are written in.

use image::ImageFormat;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A format to write.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Format {
    /// Lossy, small, no transparency (laid on white), 8 bits: photographs.
    #[serde(alias = "jpg")]
    Jpeg,
    /// Without loss, transparency, 8 or 16 bits.
    Png,
    /// Without loss (lossy WebP is not offered), transparency, 8 bits; smaller than PNG.
    Webp,
    /// 256 colours, one frame.
    Gif,
    /// Without loss, uncompressed, transparency, 8 or 16 bits.
    #[serde(alias = "tif")]
    Tiff,
    /// Uncompressed, 8 bits.
    Bmp,
}

impl Format {
    /// The format to write a picture in that was read as `read`, where the call names none.
    pub(super) fn like(read: ImageFormat) -> Self {
        match read {
            ImageFormat::Jpeg => Self::Jpeg,
            ImageFormat::WebP => Self::Webp,
            ImageFormat::Gif => Self::Gif,
            ImageFormat::Tiff => Self::Tiff,
            ImageFormat::Bmp => Self::Bmp,
            _ => Self::Png,
        }
    }

    /// Its media type.
    pub(super) fn mime(self) -> &'static str {
        match self {
            Self::Jpeg => "image/jpeg",
            Self::Png => "image/png",
            Self::Webp => "image/webp",
            Self::Gif => "image/gif",
            Self::Tiff => "image/tiff",
            Self::Bmp => "image/bmp",
        }
    }

    /// The endings its files bear, the usual one first.
    pub(super) fn endings(self) -> &'static [&'static str] {
        match self {
            Self::Jpeg => &["jpg", "jpeg", "jpe", "jfif"],
            Self::Png => &["png"],
            Self::Webp => &["webp"],
            Self::Gif => &["gif"],
            Self::Tiff => &["tiff", "tif"],
            Self::Bmp => &["bmp", "dib"],
        }
    }

    /// The most pixels on a side that a file can say; our own limits are mostly lower.
    pub(super) fn max_side(self) -> u32 {
        match self {
            Self::Jpeg | Self::Gif => 65_535,
            Self::Webp => 16_384,
            Self::Png | Self::Tiff | Self::Bmp => i32::MAX.unsigned_abs(),
        }
    }
}

//! From a [`Picture`] to the bytes of a file, in samples that the format can hold.

use image::codecs::{bmp::BmpEncoder, gif::GifEncoder, png::PngEncoder, tiff::TiffEncoder, webp::WebPEncoder};
use image::{ColorType, DynamicImage, ImageEncoder, ImageError};
use std::io::Cursor;

use super::format::Format;
use super::ops::Background;
use super::picture::Picture;
use crate::ToolError;

/// What `picture`, which will be called `name`, is as a file of `format`.
///
/// `quality` (1 to 100) is for JPEG; the others do not know it.
///
/// # Errors
/// `Unsupported` when the format cannot hold a picture of this size.
pub(super) fn encode(picture: Picture, format: Format, quality: u8, name: &str) -> Result<Vec<u8>, ToolError> {
    let (width, height) = (picture.width(), picture.height());
    let most = format.max_side();
    if width > most || height > most {
        return Err(ToolError::unsupported(format!(
            "{name} would be {width} × {height} pixels; {format:?} holds at most {most} on a side"
        )));
    }
    let pixels = storable(picture.pixels, format);
    let icc = picture.icc.filter(|icc| fits(icc, &pixels));
    let mut file = Vec::new();
    let result = match format {
        Format::Jpeg => return jpeg(&pixels, icc.as_deref(), quality, name),
        Format::Png => write(PngEncoder::new(&mut file), &pixels, icc),
        Format::Webp => write(WebPEncoder::new_lossless(&mut file), &pixels, icc),
        Format::Gif => write(GifEncoder::new(&mut file), &pixels, icc),
        Format::Tiff => write(TiffEncoder::new(Cursor::new(&mut file)), &pixels, icc),
        Format::Bmp => write(BmpEncoder::new(&mut file), &pixels, icc),
    };
    result.map_err(|error| failed(name, &error))?;
    Ok(file)
}

/// `pixels` in the nearest kind of sample that `format` has.
fn storable(pixels: DynamicImage, format: Format) -> DynamicImage {
    use ColorType::{L8, L16, La8, La16, Rgb16, Rgba16};
    match (format, pixels.color()) {
        (Format::Jpeg, _) => opaque(pixels),
        (Format::Tiff, La8) => pixels.into_rgba8().into(),
        (Format::Tiff, La16) => pixels.into_rgba16().into(),
        (Format::Webp | Format::Bmp, L16) => pixels.into_luma8().into(),
        (Format::Webp, La16) => pixels.into_luma_alpha8().into(),
        (Format::Gif, L8 | L16) | (Format::Webp | Format::Gif | Format::Bmp, Rgb16) => pixels.into_rgb8().into(),
        (Format::Gif | Format::Bmp, La8 | La16) | (Format::Webp | Format::Gif | Format::Bmp, Rgba16) => {
            pixels.into_rgba8().into()
        }
        _ => pixels,
    }
}

/// 8-bit `pixels` without alpha, laid on white.
fn opaque(pixels: DynamicImage) -> DynamicImage {
    let pixels = if pixels.has_alpha() { Background::WHITE.under(pixels) } else { pixels };
    if pixels.color().has_color() { pixels.into_rgb8().into() } else { pixels.into_luma8().into() }
}

/// Whether an ICC profile still describes these pixels: one for RGB is wrong once they are gray.
fn fits(icc: &[u8], pixels: &DynamicImage) -> bool {
    let space: &[u8] = if pixels.color().has_color() { b"RGB " } else { b"GRAY" };
    icc.get(16..20) == Some(space)
}

fn write(mut encoder: impl ImageEncoder, pixels: &DynamicImage, icc: Option<Vec<u8>>) -> Result<(), ImageError> {
    if let Some(icc) = icc {
        // Formats without a place for a profile say so; the picture is worth writing all the same.
        let _ = encoder.set_icc_profile(icc);
    }
    encoder.write_image(pixels.as_bytes(), pixels.width(), pixels.height(), pixels.color().into())
}

fn jpeg(pixels: &DynamicImage, icc: Option<&[u8]>, quality: u8, name: &str) -> Result<Vec<u8>, ToolError> {
    let mut file = Vec::new();
    let mut encoder = jpeg_encoder::Encoder::new(&mut file, quality);
    if let Some(icc) = icc {
        let _ = encoder.add_icc_profile(icc); // fails for profiles beyond 16 MB; the picture matters more
    }
    let side = |pixels: u32| u16::try_from(pixels).expect("`encode` checked the sides");
    let colour = if pixels.color().has_color() { jpeg_encoder::ColorType::Rgb } else { jpeg_encoder::ColorType::Luma };
    let done = encoder.encode(pixels.as_bytes(), side(pixels.width()), side(pixels.height()), colour);
    done.map_err(|error| failed(name, &error))?;
    Ok(file)
}

fn failed(name: &str, error: &dyn std::error::Error) -> ToolError {
    ToolError::internal(format!("{name} could not be encoded: {}", error.to_string().trim_end_matches('.')))
}

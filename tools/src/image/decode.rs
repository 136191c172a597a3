//! From a file to a [`Picture`], upright. The only door for bytes that a caller sent.

use std::fs::{self, File};
use std::io::{self, BufReader, Read, Take};

use image::metadata::Orientation;
use image::{DynamicImage, ImageDecoder, ImageError, ImageFormat, ImageReader};

use super::jpeg;
use super::picture::Picture;
use crate::guard::guarded;
use crate::{Input, Limits, ToolError};

const READABLE: &str = "JPEG, PNG, WebP, GIF, TIFF, BMP, ICO, PNM and QOI";

/// What kind of picture `input` is, by its first bytes; its name does not count.
///
/// # Errors
/// `BadInput` when it is none; `Unsupported` when it is one that cannot be read here.
pub(super) fn sniff(input: &Input) -> Result<ImageFormat, ToolError> {
    let name = &input.path;
    let start = first_bytes(input).map_err(|error| reading(input, &error))?;
    if start.is_empty() {
        return Err(ToolError::bad_input(format!("{name} is empty")));
    }
    let Ok(format) = image::guess_format(&start) else {
        return Err(ToolError::bad_input(format!("{name} is not a picture by its content; {READABLE} can be read")));
    };
    if !format.reading_enabled() {
        return Err(ToolError::unsupported(format!(
            "{name} is {format:?}, which cannot be read here; convert it to one of {READABLE}"
        )));
    }
    Ok(format)
}

fn first_bytes(input: &Input) -> io::Result<Vec<u8>> {
    let mut start = Vec::new();
    let mut file: Take<File> = File::open(&input.local)?.take(32);
    file.read_to_end(&mut start)?;
    Ok(start)
}

/// Decodes `input`, which is of `format`: the first frame or page of several, turned as its EXIF orientation says.
///
/// # Errors
/// `TooLarge` before anything is allocated when its header is over the limits; `BadInput` when it is damaged or cut short.
pub(super) fn decode(input: &Input, format: ImageFormat, limits: &Limits) -> Result<Picture, ToolError> {
    check_size(input, limits)?;
    if format == ImageFormat::Bmp {
        check_bmp(input, limits)?;
    }
    if format == ImageFormat::Jpeg && !is_whole(input)? {
        return Err(ToolError::bad_input(format!("{} could not be decoded: the file is cut short", input.path)));
    }
    let panicked = || ToolError::bad_input(format!("{} could not be decoded: its bytes upset the decoder", input.path));
    guarded(panicked, || read(input, format, limits))
}

/// Refuses a file that no picture within the limits can need: some codecs read all of it into memory first.
fn check_size(input: &Input, limits: &Limits) -> Result<(), ToolError> {
    limits.check_input(input.path.as_str(), input.bytes)?;
    let most = memory(limits);
    if input.bytes <= most {
        return Ok(());
    }
    Err(ToolError::too_large(format!("{} has {} bytes; a picture may have {most}", input.path, input.bytes)))
}

/// Checks the size that a BMP's header says: its decoder knows a limit of its own and then calls the file damaged.
fn check_bmp(input: &Input, limits: &Limits) -> Result<(), ToolError> {
    let start = first_bytes(input).map_err(|error| reading(input, &error))?;
    let number = |at: usize| start.get(at..at + 4).and_then(|bytes| bytes.try_into().ok()).map(i32::from_le_bytes);
    match (number(14), number(18), number(22)) {
        // Headers before Windows 3 have 12 bytes and small numbers. A negative height means "from the top".
        (Some(header), Some(width), Some(height)) if header > 12 => {
            limits.check_picture(input.path.as_str(), width.unsigned_abs(), height.unsigned_abs())
        }
        _ => Ok(()),
    }
}

/// Bytes that the largest allowed picture takes, at four 16-bit samples a pixel, with room for a codec's tables.
fn memory(limits: &Limits) -> u64 {
    limits.max_pixels.saturating_mul(8).saturating_add(64 << 20)
}

fn is_whole(input: &Input) -> Result<bool, ToolError> {
    let file = fs::read(&input.local).map_err(|error| reading(input, &error))?;
    Ok(jpeg::is_whole(&file))
}

fn read(input: &Input, format: ImageFormat, limits: &Limits) -> Result<Picture, ToolError> {
    let fault = |error: ImageError| fault(input, &error);
    let file = File::open(&input.local).map_err(|error| reading(input, &error))?;
    let mut reader = ImageReader::with_format(BufReader::with_capacity(1 << 16, file), format);
    let mut allowed = image::Limits::no_limits();
    allowed.max_alloc = Some(memory(limits));
    reader.limits(allowed.clone());

    // The sides are set only after our own check, whose message says how large the picture is.
    let mut decoder = reader.into_decoder().map_err(fault)?;
    let (width, height) = decoder.dimensions();
    limits.check_picture(input.path.as_str(), width, height)?;
    if width == 0 || height == 0 {
        return Err(ToolError::bad_input(format!("{} has no pixels", input.path)));
    }
    allowed.max_image_width = Some(limits.max_side);
    allowed.max_image_height = Some(limits.max_side);
    decoder.set_limits(allowed).map_err(fault)?;

    let orientation = decoder.orientation().unwrap_or(Orientation::NoTransforms);
    let icc = decoder.icc_profile().ok().flatten();
    let mut pixels = DynamicImage::from_decoder(decoder).map_err(fault)?;
    pixels.apply_orientation(orientation);
    Ok(Picture::new(pixels, icc))
}

fn fault(input: &Input, error: &ImageError) -> ToolError {
    let name = &input.path;
    let text = error.to_string();
    let text = text.trim_end_matches('.');
    match error {
        ImageError::Limits(_) => ToolError::too_large(format!("{name} is larger than allowed: {text}")),
        ImageError::Unsupported(_) => ToolError::unsupported(format!("{name} cannot be read here: {text}")),
        _ => ToolError::bad_input(format!("{name} could not be decoded: {text}")),
    }
}

fn reading(input: &Input, error: &io::Error) -> ToolError {
    ToolError::io(&format!("reading {}", input.path), error)
}

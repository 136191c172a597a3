//! A decoded picture, and its samples as plain slices for the operations that compute on them.

use image::{ColorType, DynamicImage};

use crate::{Cancel, Limits, ToolError};

/// A picture in memory: gray or RGB, with or without alpha, 8 or 16 bits a sample. Alpha is straight, not premultiplied.
#[derive(Clone, Debug)]
pub(super) struct Picture {
    /// The pixels; never floating point.
    pub(super) pixels: DynamicImage,
    /// The ICC profile that came with them.
    pub(super) icc: Option<Vec<u8>>,
}

impl Picture {
    /// A picture of `pixels`; floating-point samples become 16 bits.
    pub(super) fn new(pixels: DynamicImage, icc: Option<Vec<u8>>) -> Self {
        let pixels = match pixels.color() {
            ColorType::Rgb32F => pixels.into_rgb16().into(),
            ColorType::Rgba32F => pixels.into_rgba16().into(),
            _ => pixels,
        };
        Self { pixels, icc }
    }

    pub(super) fn width(&self) -> u32 {
        self.pixels.width()
    }

    pub(super) fn height(&self) -> u32 {
        self.pixels.height()
    }

    /// The same picture with other pixels.
    pub(super) fn with(self, pixels: DynamicImage) -> Self {
        Self { pixels, icc: self.icc }
    }
}

/// Which picture an operation works on and what it may grow to.
#[derive(Clone, Copy)]
pub(super) struct Bounds<'a> {
    /// The picture's name, for messages.
    pub(super) name: &'a str,
    /// What the job may use.
    pub(super) limits: &'a Limits,
    /// The flag that stops the job; an operation that works for long asks between bands of rows.
    pub(super) cancel: &'a Cancel,
}

impl Bounds<'_> {
    /// To be asked before a picture of this size is allocated.
    ///
    /// # Errors
    /// `TooLarge` when the limits forbid it.
    pub(super) fn check(&self, width: u32, height: u32) -> Result<(), ToolError> {
        self.limits.check_picture(&format!("the new {}", self.name), width, height)
    }
}

/// One channel's value of one pixel.
pub(super) trait Sample: Copy + Into<f32> + Send + Sync + 'static {
    /// Full intensity.
    const FULL: f32;

    /// The nearest sample.
    fn nearest(value: f32) -> Self;
}

impl Sample for u8 {
    const FULL: f32 = 255.0;

    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "such a cast saturates, as is wanted")]
    fn nearest(value: f32) -> Self {
        (value + 0.5) as Self
    }
}

impl Sample for u16 {
    const FULL: f32 = 65_535.0;

    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "such a cast saturates, as is wanted")]
    fn nearest(value: f32) -> Self {
        (value + 0.5) as Self
    }
}

/// The samples of a picture, pixel by pixel, row by row.
pub(super) enum Samples<'a> {
    /// 8 bits each.
    Bytes(&'a mut [u8]),
    /// 16 bits each.
    Words(&'a mut [u16]),
}

impl<'a> Samples<'a> {
    /// The samples of `pixels`.
    pub(super) fn of(pixels: &'a mut DynamicImage) -> Self {
        match pixels {
            DynamicImage::ImageLuma8(buffer) => Self::Bytes(buffer),
            DynamicImage::ImageLumaA8(buffer) => Self::Bytes(buffer),
            DynamicImage::ImageRgb8(buffer) => Self::Bytes(buffer),
            DynamicImage::ImageRgba8(buffer) => Self::Bytes(buffer),
            DynamicImage::ImageLuma16(buffer) => Self::Words(buffer),
            DynamicImage::ImageLumaA16(buffer) => Self::Words(buffer),
            DynamicImage::ImageRgb16(buffer) => Self::Words(buffer),
            DynamicImage::ImageRgba16(buffer) => Self::Words(buffer),
            _ => unreachable!("`Picture::new` leaves no floating-point samples"),
        }
    }
}

/// How samples lie: `channels` a pixel, the last of them alpha if `alpha`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Layout {
    pub(super) width: usize,
    pub(super) height: usize,
    pub(super) channels: usize,
    pub(super) alpha: bool,
}

impl Layout {
    /// How the samples of `pixels` lie.
    pub(super) fn of(pixels: &DynamicImage) -> Self {
        Self {
            width: pixels.width() as usize,
            height: pixels.height() as usize,
            channels: pixels.color().channel_count().into(),
            alpha: pixels.color().has_alpha(),
        }
    }

    /// Samples in a row.
    pub(super) fn stride(self) -> usize {
        self.width * self.channels
    }
}

/// Weighs colours by their alpha, so that sums of pixels come out right. Nothing to do without alpha.
pub(super) fn premultiply<T: Sample>(samples: &mut [T], layout: Layout) {
    weigh(samples, layout, |colour, alpha| colour * alpha / T::FULL);
}

/// Undoes [`premultiply`].
pub(super) fn unpremultiply<T: Sample>(samples: &mut [T], layout: Layout) {
    weigh(samples, layout, |colour, alpha| if alpha > 0.0 { colour * T::FULL / alpha } else { 0.0 });
}

fn weigh<T: Sample>(samples: &mut [T], layout: Layout, change: impl Fn(f32, f32) -> f32) {
    if !layout.alpha {
        return;
    }
    for pixel in samples.chunks_exact_mut(layout.channels) {
        let [colours @ .., alpha] = pixel else { return };
        let alpha: f32 = (*alpha).into();
        for colour in colours.iter_mut().filter(|_| alpha < T::FULL) {
            *colour = T::nearest(change((*colour).into(), alpha));
        }
    }
}

//! The colour of what an operation adds around a picture, and of what shows through a transparent one.

use std::borrow::Cow;
use std::str::FromStr;

use image::DynamicImage;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;

use crate::image::picture::{Layout, Sample, Samples};

/// A colour: red, green, blue, alpha.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Background([u8; 4]);

impl Background {
    /// Opaque white.
    pub(in crate::image) const WHITE: Self = Self([255; 4]);
    /// Nothing: what is added can be seen through, where the format allows it.
    pub(in crate::image) const TRANSPARENT: Self = Self([0; 4]);

    /// `pixels` in a colour type that can show this colour too.
    pub(in crate::image) fn admit(self, pixels: DynamicImage) -> DynamicImage {
        let [red, green, blue, alpha] = self.0;
        let colour = pixels.color().has_color() || red != green || green != blue;
        let see_through = pixels.has_alpha() || alpha < u8::MAX;
        let wide = pixels.color().bits_per_pixel() / u16::from(pixels.color().channel_count()) > 8;
        match (colour, see_through, wide) {
            (false, false, _) => pixels,
            (false, true, false) => pixels.into_luma_alpha8().into(),
            (false, true, true) => pixels.into_luma_alpha16().into(),
            (true, false, false) => pixels.into_rgb8().into(),
            (true, false, true) => pixels.into_rgb16().into(),
            (true, true, false) => pixels.into_rgba8().into(),
            (true, true, true) => pixels.into_rgba16().into(),
        }
    }

    /// The samples of one pixel of this colour, in a picture that [`Self::admit`] gave.
    pub(in crate::image) fn pixel<T: Sample>(self, layout: Layout) -> Vec<T> {
        let [red, green, blue, alpha] = self.0;
        let samples: &[u8] = match layout.channels {
            1 => &[red],
            2 => &[red, alpha],
            3 => &[red, green, blue],
            _ => &[red, green, blue, alpha],
        };
        samples.iter().map(|sample| T::nearest(f32::from(*sample) / 255.0 * T::FULL)).collect()
    }

    /// A picture of `width` × `height` in this colour with `pixels` on it, their left upper corner at `x`, `y`.
    pub(in crate::image) fn around(self, pixels: DynamicImage, size: (u32, u32), (x, y): (u32, u32)) -> DynamicImage {
        let mut picture = self.admit(pixels);
        let mut canvas = DynamicImage::new(size.0, size.1, picture.color());
        let (from, to) = (Layout::of(&picture), Layout::of(&canvas));
        let start = y as usize * to.stride() + x as usize * to.channels;
        match (Samples::of(&mut picture), Samples::of(&mut canvas)) {
            (Samples::Bytes(picture), Samples::Bytes(canvas)) => lay(picture, from, canvas, to, start, &self.pixel(to)),
            (Samples::Words(picture), Samples::Words(canvas)) => lay(picture, from, canvas, to, start, &self.pixel(to)),
            _ => unreachable!("the canvas has the picture's colour type"),
        }
        canvas
    }

    /// Transparent `pixels` laid on this colour; they keep their colour type.
    pub(in crate::image) fn under(self, pixels: DynamicImage) -> DynamicImage {
        let mut pixels = pixels;
        let layout = Layout::of(&pixels);
        match Samples::of(&mut pixels) {
            Samples::Bytes(samples) => flatten(samples, layout, &self.pixel(layout)),
            Samples::Words(samples) => flatten(samples, layout, &self.pixel(layout)),
        }
        pixels
    }
}

fn lay<T: Sample>(picture: &[T], from: Layout, canvas: &mut [T], to: Layout, start: usize, background: &[T]) {
    for pixel in canvas.chunks_exact_mut(to.channels) {
        pixel.copy_from_slice(background);
    }
    for (row, pixels) in picture.chunks_exact(from.stride()).enumerate() {
        let at = start + row * to.stride();
        canvas[at..at + pixels.len()].copy_from_slice(pixels);
    }
}

fn flatten<T: Sample>(samples: &mut [T], layout: Layout, background: &[T]) {
    for pixel in samples.chunks_exact_mut(layout.channels) {
        let [colours @ .., alpha] = pixel else { return };
        let part = (*alpha).into() / T::FULL;
        for (colour, behind) in colours.iter_mut().zip(background) {
            *colour = T::nearest((*colour).into() * part + (*behind).into() * (1.0 - part));
        }
        *alpha = T::nearest(T::FULL);
    }
}

impl Default for Background {
    fn default() -> Self {
        Self::TRANSPARENT
    }
}

impl FromStr for Background {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.to_ascii_lowercase().as_str() {
            "transparent" => return Ok(Self::TRANSPARENT),
            "white" => return Ok(Self::WHITE),
            "black" => return Ok(Self([0, 0, 0, 255])),
            _ => {}
        }
        let fault = || format!("{text:?} is no colour; give \"#rrggbb\", \"#rrggbbaa\", white, black or transparent");
        let digits = text.strip_prefix('#').ok_or_else(fault)?;
        if !matches!(digits.len(), 6 | 8) || !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
            return Err(fault());
        }
        let mut colour = [255; 4];
        for (part, value) in colour.iter_mut().zip((0..digits.len()).step_by(2)) {
            *part = u8::from_str_radix(&digits[value..value + 2], 16).map_err(|_| fault())?;
        }
        Ok(Self(colour))
    }
}

impl TryFrom<String> for Background {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl JsonSchema for Background {
    fn schema_name() -> Cow<'static, str> {
        "Background".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "pattern": "^(#[0-9a-fA-F]{6}([0-9a-fA-F]{2})?|white|black|transparent)$",
        })
    }
}

#[cfg(test)]
mod tests {
    use image::ColorType;

    use super::*;

    #[test]
    fn colours_are_read_and_faults_named() {
        assert_eq!("#ff800040".parse(), Ok(Background([255, 128, 0, 64])));
        assert_eq!("#FF8000".parse(), Ok(Background([255, 128, 0, 255])));
        assert_eq!("White".parse(), Ok(Background::WHITE));
        for bad in ["red", "#12345", "#gggggg", "ff8000", "#ffé"] {
            let error = bad.parse::<Background>().expect_err(bad);
            assert!(error.contains("is no colour"), "{error}");
        }
    }

    fn admitted(background: &str, from: ColorType) -> ColorType {
        let background: Background = background.parse().expect("a colour");
        background.admit(DynamicImage::new(1, 1, from)).color()
    }

    #[test]
    fn a_picture_changes_its_colour_type_only_as_far_as_the_colour_needs() {
        use ColorType::{L8, L16, La8, Rgb8, Rgb16, Rgba8, Rgba16};
        assert_eq!(admitted("#808080", L16), L16);
        assert_eq!(admitted("transparent", L8), La8);
        assert_eq!(admitted("#ff0000", L8), Rgb8);
        assert_eq!(admitted("#ff0000", Rgba8), Rgba8);
        assert_eq!(admitted("#ff000080", Rgb16), Rgba16);
        assert_eq!(admitted("#ff0000", Rgb16), Rgb16);
    }
}

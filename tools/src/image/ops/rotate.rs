//! Rotate: quarter turns exactly, any other angle by interpolation on a larger canvas.

use image::DynamicImage;
use schemars::JsonSchema;
use serde::Deserialize;

use super::{Background, Step};
use crate::image::picture::{Bounds, Layout, Picture, Sample, Samples, premultiply, unpremultiply};
use crate::{Cancel, ToolError};

/// Turns the picture clockwise. Other angles than quarter turns make it larger, so that no corner is lost.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Rotate {
    /// Degrees clockwise, -360 to 360; 90, 180 and 270 lose nothing.
    #[schemars(range(min = -360, max = 360))]
    pub degrees: f64,
    /// The colour of the new corners: `#rrggbb`, `#rrggbbaa`, `white`, `black` or `transparent` (the default; white in JPEG).
    #[serde(default)]
    pub background: Background,
}

impl Step for Rotate {
    fn name(&self) -> &'static str {
        "rotate"
    }

    fn check(&self) -> Result<(), String> {
        if (-360.0..=360.0).contains(&self.degrees) {
            return Ok(());
        }
        Err(format!("degrees is {}; give -360 to 360", self.degrees))
    }

    fn apply(&self, picture: Picture, bounds: Bounds<'_>) -> Result<Picture, ToolError> {
        let pixels = match quarter_turns(self.degrees) {
            Some(0) => return Ok(picture),
            Some(1) => picture.pixels.rotate90(),
            Some(2) => picture.pixels.rotate180(),
            Some(_) => picture.pixels.rotate270(),
            None => return self.turn(picture, bounds),
        };
        Ok(picture.with(pixels))
    }
}

impl Rotate {
    fn turn(&self, mut picture: Picture, bounds: Bounds<'_>) -> Result<Picture, ToolError> {
        let turn @ (sin, cos) = self.degrees.to_radians().sin_cos();
        let (width, height) = (f64::from(picture.width()), f64::from(picture.height()));
        let size = (pixels(width * cos.abs() + height * sin.abs()), pixels(width * sin.abs() + height * cos.abs()));
        bounds.check(size.0, size.1)?;
        let mut from = self.background.admit(std::mem::take(&mut picture.pixels));
        let mut to = DynamicImage::new(size.0, size.1, from.color());
        let (source, target) = (Layout::of(&from), Layout::of(&to));
        match (Samples::of(&mut from), Samples::of(&mut to)) {
            (Samples::Bytes(from), Samples::Bytes(to)) => {
                self.resample((from, source), (to, target), turn, bounds.cancel)
            }
            (Samples::Words(from), Samples::Words(to)) => {
                self.resample((from, source), (to, target), turn, bounds.cancel)
            }
            _ => unreachable!("both have one colour type"),
        }?;
        Ok(picture.with(to))
    }

    fn resample<T: Sample>(
        &self,
        (from, source): (&mut [T], Layout),
        (to, target): (&mut [T], Layout),
        turn: (f64, f64),
        cancel: &Cancel,
    ) -> Result<(), ToolError> {
        let mut background = self.background.pixel::<T>(source);
        premultiply(&mut background, source);
        premultiply(from, source);
        match source.channels {
            1 => Surrounded::<T, 1>::new(from, source, &background).turned(to, target, turn, cancel),
            2 => Surrounded::<T, 2>::new(from, source, &background).turned(to, target, turn, cancel),
            3 => Surrounded::<T, 3>::new(from, source, &background).turned(to, target, turn, cancel),
            _ => Surrounded::<T, 4>::new(from, source, &background).turned(to, target, turn, cancel),
        }?;
        unpremultiply(to, target);
        Ok(())
    }
}

/// A picture of `CHANNELS` that goes on for ever in its background.
struct Surrounded<'a, T, const CHANNELS: usize> {
    pixels: &'a [[T; CHANNELS]],
    width: usize,
    height: usize,
    background: [T; CHANNELS],
}

impl<'a, T: Sample, const CHANNELS: usize> Surrounded<'a, T, CHANNELS> {
    fn new(samples: &'a [T], layout: Layout, background: &[T]) -> Self {
        let background = *background.first_chunk().expect("the background has the picture's channels");
        Self { pixels: samples.as_chunks().0, width: layout.width, height: layout.height, background }
    }

    /// Fills `to` with this picture, turned about its middle.
    ///
    /// # Errors
    /// `Cancelled` between two rows.
    fn turned(&self, to: &mut [T], target: Layout, (sin, cos): (f64, f64), cancel: &Cancel) -> Result<(), ToolError> {
        let (middle_x, middle_y) = (self.width as f64 / 2.0 - 0.5, self.height as f64 / 2.0 - 0.5);
        for (row, line) in to.chunks_exact_mut(target.stride()).enumerate() {
            cancel.check()?;
            let down = row as f64 + 0.5 - target.height as f64 / 2.0;
            for (column, pixel) in line.as_chunks_mut().0.iter_mut().enumerate() {
                let across = column as f64 + 0.5 - target.width as f64 / 2.0;
                *pixel = self.between(across * cos + down * sin + middle_x, down * cos - across * sin + middle_y);
            }
        }
        Ok(())
    }

    /// What is at `x`, `y`, between four pixels, whose centres are whole numbers.
    #[expect(clippy::cast_possible_truncation, reason = "a picture's sides are far below both types' ends")]
    fn between(&self, x: f64, y: f64) -> [T; CHANNELS] {
        let (left, top) = (x.floor(), y.floor());
        let (right_part, lower_part) = ((x - left) as f32, (y - top) as f32);
        let (left, top) = (left as i64, top as i64);
        let corners = [(0, 0), (1, 0), (0, 1), (1, 1)].map(|(across, down)| self.at(left + across, top + down));
        let mix = |one: f32, other: f32, part: f32| one + (other - one) * part;
        std::array::from_fn(|channel| {
            let [upper_left, upper_right, lower_left, lower_right] = corners.map(|pixel| pixel[channel].into());
            let (upper, lower) = (mix(upper_left, upper_right, right_part), mix(lower_left, lower_right, right_part));
            T::nearest(mix(upper, lower, lower_part))
        })
    }

    fn at(&self, x: i64, y: i64) -> [T; CHANNELS] {
        match (usize::try_from(x), usize::try_from(y)) {
            (Ok(x), Ok(y)) if x < self.width && y < self.height => self.pixels[y * self.width + x],
            _ => self.background,
        }
    }
}

/// How many quarter turns `degrees` is, if it is a whole number of them.
fn quarter_turns(degrees: f64) -> Option<u8> {
    let turns = degrees.rem_euclid(360.0) / 90.0;
    (0..4).find(|whole| (turns - f64::from(*whole)).abs() < 1e-9)
}

/// The whole pixels that hold a length; sines are never quite exact.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "saturates; the limits are asked next")]
fn pixels(length: f64) -> u32 {
    (length - 1e-6).ceil() as u32
}

#[cfg(test)]
mod tests {
    use image::ColorType;

    use super::*;
    use crate::image::testing::{apply, difference, gradient, pixel, try_apply};

    fn rotate(degrees: f64) -> Rotate {
        Rotate { degrees, background: Background::TRANSPARENT }
    }

    #[test]
    fn a_quarter_turn_moves_the_corners_clockwise() {
        let picture = gradient(7, 5, ColorType::Rgb8);
        let corner = pixel(&picture, 0, 0);
        let at = |degrees, x, y| pixel(&apply(&rotate(degrees), picture.clone()), x, y);
        assert_eq!((at(90.0, 4, 0), at(180.0, 6, 4), at(270.0, 0, 6)), (corner, corner, corner));
        assert_eq!((at(-90.0, 0, 6), at(-270.0, 4, 0)), (corner, corner));
        let turned = apply(&rotate(90.0), picture.clone());
        assert_eq!((turned.width(), turned.height()), (5, 7));
        assert_eq!(apply(&rotate(360.0), picture.clone()), picture);
    }

    #[test]
    fn another_angle_makes_room_for_the_corners() {
        let turned = apply(&rotate(45.0), gradient(100, 100, ColorType::Rgb8));
        assert_eq!((turned.width(), turned.height(), turned.color()), (142, 142, ColorType::Rgba8));
        assert_eq!((pixel(&turned, 2, 2)[3], pixel(&turned, 71, 71)[3]), (0, 255));
        let red = Rotate { degrees: 45.0, background: "#ff0000".parse().expect("a colour") };
        let turned = apply(&red, gradient(100, 100, ColorType::Rgb16));
        assert_eq!((turned.color(), pixel(&turned, 0, 0)), (ColorType::Rgb16, [255, 0, 0, 255]));
    }

    #[test]
    fn the_direction_is_clockwise_at_any_angle() {
        let picture = gradient(60, 60, ColorType::Rgb8);
        let nearly = apply(&rotate(89.9), picture.clone());
        let inner =
            |picture: &DynamicImage| picture.crop_imm((picture.width() - 40) / 2, (picture.height() - 40) / 2, 40, 40);
        assert!(difference(&inner(&nearly), &inner(&apply(&rotate(90.0), picture.clone()))) < 4.0);
        assert!(difference(&inner(&nearly), &inner(&apply(&rotate(270.0), picture))) > 10.0);
    }

    #[test]
    fn an_angle_that_would_make_it_too_large_is_refused() {
        let error = try_apply(&rotate(45.0), gradient(32_768, 1, ColorType::L8)).expect_err("too large");
        assert!(error.message.contains("23172 × 23172"), "{error}");
    }

    #[test]
    fn a_wild_angle_is_refused() {
        assert!(rotate(f64::NAN).check().is_err() && rotate(361.0).check().is_err() && rotate(-360.0).check().is_ok());
    }
}

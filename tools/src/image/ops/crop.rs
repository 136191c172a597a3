//! Crop: a rectangle of the picture.

use schemars::JsonSchema;
use serde::Deserialize;

use super::Step;
use crate::ToolError;
use crate::image::picture::{Bounds, Picture};

/// Cuts out a rectangle, which must lie within the picture as the operations before left it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Crop {
    /// Pixels from the picture's left edge to the rectangle's.
    pub x: u32,
    /// Pixels from the picture's top edge to the rectangle's.
    pub y: u32,
    /// The rectangle's width in pixels.
    #[schemars(range(min = 1))]
    pub width: u32,
    /// The rectangle's height in pixels.
    #[schemars(range(min = 1))]
    pub height: u32,
}

impl Step for Crop {
    fn name(&self) -> &'static str {
        "crop"
    }

    fn check(&self) -> Result<(), String> {
        if self.width == 0 || self.height == 0 {
            return Err("width and height are at least 1 pixel".into());
        }
        Ok(())
    }

    fn apply(&self, picture: Picture, bounds: Bounds<'_>) -> Result<Picture, ToolError> {
        let (width, height) = (picture.width(), picture.height());
        let within = |start: u32, length: u32, side: u32| u64::from(start) + u64::from(length) <= u64::from(side);
        if !within(self.x, self.width, width) || !within(self.y, self.height, height) {
            return Err(ToolError::bad_input(format!(
                "{} is {width} × {height} pixels there, so a rectangle of {} × {} at x {}, y {} is not within it",
                bounds.name, self.width, self.height, self.x, self.y
            )));
        }
        let pixels = picture.pixels.crop_imm(self.x, self.y, self.width, self.height);
        Ok(picture.with(pixels))
    }
}

#[cfg(test)]
mod tests {
    use image::ColorType;

    use super::*;
    use crate::image::testing::{apply, gradient, pixel, try_apply};

    #[test]
    fn the_rectangle_is_cut_out() {
        let picture = gradient(20, 10, ColorType::Rgba16);
        let cut = apply(&Crop { x: 3, y: 2, width: 17, height: 8 }, picture.clone());
        assert_eq!((cut.width(), cut.height(), cut.color()), (17, 8, ColorType::Rgba16));
        assert_eq!(cut, picture.crop_imm(3, 2, 17, 8));
        assert_eq!(pixel(&cut, 0, 0), pixel(&picture, 3, 2));
    }

    #[test]
    fn a_rectangle_that_reaches_out_is_refused() {
        for (x, y, width, height) in [(4, 0, 17, 1), (0, 1, 1, 10), (u32::MAX, 0, u32::MAX, 1)] {
            let error = try_apply(&Crop { x, y, width, height }, gradient(20, 10, ColorType::L8)).expect_err("outside");
            assert!(error.message.contains("20 × 10"), "{error}");
        }
    }
}

//! Flip: a mirror image.

use schemars::JsonSchema;
use serde::Deserialize;

use super::Step;
use crate::ToolError;
use crate::image::picture::{Bounds, Picture};

/// The way in which pixels move.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum FlipAxis {
    /// Left and right change places.
    Horizontal,
    /// Top and bottom change places.
    Vertical,
}

/// Mirrors the picture.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Flip {
    /// `horizontal` swaps left and right, `vertical` swaps top and bottom.
    pub axis: FlipAxis,
}

impl Step for Flip {
    fn name(&self) -> &'static str {
        "flip"
    }

    fn check(&self) -> Result<(), String> {
        Ok(())
    }

    fn apply(&self, mut picture: Picture, _: Bounds<'_>) -> Result<Picture, ToolError> {
        use image::metadata::Orientation::{FlipHorizontal, FlipVertical};
        // The two orientations that are done in place.
        picture.pixels.apply_orientation(match self.axis {
            FlipAxis::Horizontal => FlipHorizontal,
            FlipAxis::Vertical => FlipVertical,
        });
        Ok(picture)
    }
}

#[cfg(test)]
mod tests {
    use image::ColorType;

    use super::*;
    use crate::image::testing::{apply, gradient, pixel};

    #[test]
    fn corners_change_places() {
        let picture = gradient(7, 5, ColorType::Rgb8);
        let across = apply(&Flip { axis: FlipAxis::Horizontal }, picture.clone());
        let down = apply(&Flip { axis: FlipAxis::Vertical }, picture.clone());
        assert_eq!(pixel(&across, 6, 0), pixel(&picture, 0, 0));
        assert_eq!(pixel(&down, 0, 4), pixel(&picture, 0, 0));
        assert_ne!(pixel(&across, 0, 0), pixel(&picture, 0, 0));
        assert_eq!(apply(&Flip { axis: FlipAxis::Vertical }, down), picture);
    }
}

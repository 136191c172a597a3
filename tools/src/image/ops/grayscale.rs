//! Grayscale: one channel of luma (BT.709) instead of three of colour; alpha stays.

use schemars::JsonSchema;
use serde::Deserialize;

use super::Step;
use crate::ToolError;
use crate::image::picture::{Bounds, Picture};

/// Takes the colour away; transparency stays.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Grayscale {}

impl Step for Grayscale {
    fn name(&self) -> &'static str {
        "grayscale"
    }

    fn check(&self) -> Result<(), String> {
        Ok(())
    }

    fn apply(&self, picture: Picture, _: Bounds<'_>) -> Result<Picture, ToolError> {
        if !picture.pixels.color().has_color() {
            return Ok(picture);
        }
        let pixels = picture.pixels.grayscale();
        Ok(picture.with(pixels))
    }
}

#[cfg(test)]
mod tests {
    use image::{ColorType, DynamicImage};

    use super::*;
    use crate::image::testing::{apply, gradient};

    #[test]
    fn colour_becomes_one_channel_and_the_rest_stays() {
        for (from, to) in [
            (ColorType::Rgb8, ColorType::L8),
            (ColorType::Rgba8, ColorType::La8),
            (ColorType::Rgb16, ColorType::L16),
            (ColorType::Rgba16, ColorType::La16),
            (ColorType::L8, ColorType::L8),
        ] {
            assert_eq!(apply(&Grayscale {}, gradient(8, 4, from)).color(), to);
        }
    }

    #[test]
    fn green_weighs_most_and_channels_come_out_equal() {
        let gray = |pixel: [u8; 3]| {
            let picture = DynamicImage::from(image::RgbImage::from_pixel(1, 1, image::Rgb(pixel)));
            let [red, green, blue] = apply(&Grayscale {}, picture).to_rgb8().get_pixel(0, 0).0;
            assert!(red == green && green == blue);
            red
        };
        assert!(gray([0, 200, 0]) > gray([200, 0, 0]) && gray([200, 0, 0]) > gray([0, 0, 200]));
        assert_eq!(gray([77, 77, 77]), 77);
    }
}

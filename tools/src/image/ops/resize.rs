//! Resize: fit a picture into a box.

mod geometry;

use fast_image_resize::{FilterType, ResizeAlg, ResizeOptions, Resizer};
use image::DynamicImage;
use schemars::JsonSchema;
use serde::Deserialize;

use super::{Background, Step};
use crate::ToolError;
use crate::image::picture::{Bounds, Picture};
use geometry::Geometry;

/// How a picture meets its box. Names and meaning follow CSS `object-fit`, and sharp for the two that CSS lacks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Fit {
    /// Fill the box exactly, keep the proportions, cut off what is over (from both sides alike).
    Cover,
    /// Fit within the box, keep the proportions, add background to fill the box exactly.
    Contain,
    /// Fill the box exactly, distorting.
    Fill,
    /// The largest that fits within the box, in proportion: at most this wide and this high.
    #[default]
    Inside,
    /// The smallest that covers the box, in proportion: at least this wide and this high.
    Outside,
}

/// Scales the picture. With only one of width and height the other follows in proportion.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Resize {
    /// Width of the box in pixels.
    #[serde(default)]
    #[schemars(range(min = 1))]
    pub width: Option<u32>,
    /// Height of the box in pixels.
    #[serde(default)]
    #[schemars(range(min = 1))]
    pub height: Option<u32>,
    /// How the picture meets a box of both width and height; default `inside`, which neither cuts nor distorts.
    #[serde(default)]
    pub fit: Fit,
    /// Whether a picture smaller than the box is scaled up; default true.
    #[serde(default = "yes")]
    pub enlarge: bool,
    /// The colour that `contain` adds: `#rrggbb`, `#rrggbbaa`, `white`, `black` or `transparent` (the default; white in JPEG).
    #[serde(default)]
    pub background: Background,
}

fn yes() -> bool {
    true
}

impl Step for Resize {
    fn name(&self) -> &'static str {
        "resize"
    }

    fn check(&self) -> Result<(), String> {
        match (self.width, self.height) {
            (None, None) => Err("give a width, a height or both, in pixels".into()),
            (Some(0), _) | (_, Some(0)) => Err("width and height are at least 1 pixel".into()),
            _ => Ok(()),
        }
    }

    fn apply(&self, picture: Picture, bounds: Bounds<'_>) -> Result<Picture, ToolError> {
        let geometry = Geometry::of(self, (picture.width(), picture.height()));
        for (width, height) in [geometry.scaled, geometry.canvas] {
            bounds.check(width, height)?;
        }
        let scaled = scale(&picture.pixels, &geometry)?;
        Ok(picture.with(self.pad(scaled, &geometry)))
    }
}

impl Resize {
    fn pad(&self, scaled: DynamicImage, geometry: &Geometry) -> DynamicImage {
        let (width, height) = geometry.scaled;
        if geometry.canvas == geometry.scaled {
            return scaled;
        }
        let corner = ((geometry.canvas.0 - width) / 2, (geometry.canvas.1 - height) / 2);
        self.background.around(scaled, geometry.canvas, corner)
    }
}

fn scale(pixels: &DynamicImage, geometry: &Geometry) -> Result<DynamicImage, ToolError> {
    let (width, height) = geometry.scaled;
    let [left, top, part_width, part_height] = geometry.part;
    // Lanczos keeps detail in a smaller picture; in a larger one it rings, and Catmull-Rom does less.
    let shrinks = part_width >= f64::from(width) && part_height >= f64::from(height);
    let filter = if shrinks { FilterType::Lanczos3 } else { FilterType::CatmullRom };
    let options = ResizeOptions::new()
        .resize_alg(ResizeAlg::Convolution(filter))
        .crop(left, top, part_width, part_height)
        .use_alpha(pixels.has_alpha());
    let mut scaled = DynamicImage::new(width, height, pixels.color());
    let done = Resizer::new().resize(pixels, &mut scaled, &options);
    done.map_err(|error| ToolError::internal(format!("resizing failed: {error}")))?;
    Ok(scaled)
}

#[cfg(test)]
mod tests;

//! Blur: a Gaussian. A small one by its kernel, a larger one by three passes of a running mean in each direction, so that any
//! sigma costs the same.
//!
//! The mean's window has a fractional edge (Gwosdek and others, "Theoretical foundations of Gaussian convolution by extended
//! box filtering", 2011), which makes its variance exact; `image`'s own fast blur knows only some sigmas.

use schemars::JsonSchema;
use serde::Deserialize;

use super::Step;
use crate::image::picture::{Bounds, Layout, Picture, Sample, Samples, premultiply, unpremultiply};
use crate::{Cancel, ToolError};

const MAX_SIGMA: f32 = 1_000.0;
const PASSES: usize = 3;
/// Up to here three means are no good Gaussian, and its kernel is short.
const MAX_KERNEL_SIGMA: f32 = 2.0;
/// Rows or columns taken through the passes side by side, times their channels: enough for SIMD, little enough for the cache.
const LANES: usize = 48;

/// Gaussian blur; edges are continued outwards.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Blur {
    /// Standard deviation in pixels, over 0 to 1000: 1 softens, 5 hides text, 20 hides faces.
    #[schemars(extend("exclusiveMinimum" = 0), range(max = 1000))]
    pub sigma: f32,
}

impl Step for Blur {
    fn name(&self) -> &'static str {
        "blur"
    }

    fn check(&self) -> Result<(), String> {
        if self.sigma > 0.0 && self.sigma <= MAX_SIGMA {
            return Ok(());
        }
        Err(format!("sigma is {}; give more than 0 and at most {MAX_SIGMA} pixels", self.sigma))
    }

    fn apply(&self, mut picture: Picture, bounds: Bounds<'_>) -> Result<Picture, ToolError> {
        let layout = Layout::of(&picture.pixels);
        let filter = Filter::of(self.sigma);
        match Samples::of(&mut picture.pixels) {
            Samples::Bytes(samples) => blur(samples, layout, &filter, bounds.cancel),
            Samples::Words(samples) => blur(samples, layout, &filter, bounds.cancel),
        }?;
        Ok(picture)
    }
}

/// The way to blur lines by one sigma.
enum Filter {
    /// By the weights from the middle outwards.
    Kernel(Vec<f32>),
    /// By [`PASSES`] running means.
    Means(Window),
}

impl Filter {
    fn of(sigma: f32) -> Self {
        if sigma > MAX_KERNEL_SIGMA { Self::Means(Window::of(sigma)) } else { Self::Kernel(kernel(sigma)) }
    }

    /// Blurs `lanes` lines that lie side by side in `sharp` into `blurred`; `sharp` is spoilt.
    fn run(&self, sharp: &mut [f32], blurred: &mut [f32], lanes: usize) {
        match self {
            Self::Kernel(kernel) => convolve(sharp, blurred, lanes, kernel),
            Self::Means(window) => {
                mean(sharp, blurred, lanes, *window);
                mean(blurred, sharp, lanes, *window);
                mean(sharp, blurred, lanes, *window);
            }
        }
    }
}

/// A Gaussian's weights from the middle outwards; with their mirror image they add up to one.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "four times a small sigma")]
fn kernel(sigma: f32) -> Vec<f32> {
    let weights: Vec<f32> =
        (0..=(sigma * 4.0).ceil() as usize).map(|at| (-(at as f32 / sigma).powi(2) / 2.0).exp()).collect();
    let total = 2.0 * weights.iter().sum::<f32>() - weights[0];
    weights.into_iter().map(|weight| weight / total).collect()
}

/// A running mean's window: `2 × radius + 1` whole samples and `edge` of one more on either side.
#[derive(Clone, Copy)]
struct Window {
    radius: usize,
    edge: f32,
}

impl Window {
    /// The window that, applied [`PASSES`] times, has the variance of a Gaussian.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a root of at most 12 × 1000² is small"
    )]
    fn of(sigma: f32) -> Self {
        let variance = f64::from(sigma) * f64::from(sigma) / PASSES as f64;
        let radius = (((12.0 * variance + 1.0).sqrt() - 1.0) / 2.0).floor();
        let next = radius + 1.0;
        let edge = (2.0 * radius + 1.0) * (radius * next - 3.0 * variance) / (6.0 * (variance - next * next));
        Self { radius: radius as usize, edge: edge as f32 }
    }

    fn weight(self) -> f32 {
        1.0 / ((2 * self.radius + 1) as f32 + 2.0 * self.edge)
    }
}

fn blur<T: Sample>(samples: &mut [T], layout: Layout, filter: &Filter, cancel: &Cancel) -> Result<(), ToolError> {
    let (channels, stride) = (layout.channels, layout.stride());
    premultiply(samples, layout);
    let rows: Vec<usize> = (0..layout.height).map(|row| row * stride).collect();
    let mut lines = Lines { length: layout.width, step: channels, filter, buffers: <[Vec<f32>; 2]>::default() };
    for rows in rows.chunks(LANES / channels) {
        cancel.check()?;
        lines.smooth(samples, rows, channels);
    }
    (lines.length, lines.step) = (layout.height, stride);
    for column in (0..stride).step_by(LANES) {
        cancel.check()?;
        lines.smooth(samples, &[column], LANES.min(stride - column));
    }
    unpremultiply(samples, layout);
    Ok(())
}

/// Lines of `length` samples, `step` apart, and room to work on as many as go side by side.
struct Lines<'a> {
    length: usize,
    step: usize,
    filter: &'a Filter,
    buffers: [Vec<f32>; 2],
}

impl Lines<'_> {
    /// Smooths the `run` neighbouring lines that begin at each of `starts`.
    fn smooth<T: Sample>(&mut self, samples: &mut [T], starts: &[usize], run: usize) {
        let lanes = starts.len() * run;
        let [sharp, blurred] = &mut self.buffers;
        sharp.resize(self.length * lanes, 0.0);
        blurred.resize(self.length * lanes, 0.0);
        for (index, values) in sharp.chunks_exact_mut(lanes).enumerate() {
            for (values, start) in values.chunks_exact_mut(run).zip(starts) {
                let from = &samples[start + index * self.step..][..run];
                values.iter_mut().zip(from).for_each(|(value, sample)| *value = (*sample).into());
            }
        }
        self.filter.run(sharp, blurred, lanes);
        for (index, values) in blurred.chunks_exact(lanes).enumerate() {
            for (values, start) in values.chunks_exact(run).zip(starts) {
                let to = &mut samples[start + index * self.step..][..run];
                values.iter().zip(to).for_each(|(value, sample)| *sample = T::nearest(*value));
            }
        }
    }
}

/// The weighted sum around every sample of `lanes` lines that lie side by side.
fn convolve(from: &[f32], to: &mut [f32], lanes: usize, kernel: &[f32]) {
    let last = from.len() / lanes - 1;
    let at = |index: usize| &from[index.min(last) * lanes..][..lanes];
    for (index, results) in to.chunks_exact_mut(lanes).enumerate() {
        results.iter_mut().zip(at(index)).for_each(|(result, value)| *result = value * kernel[0]);
        for (distance, weight) in kernel.iter().enumerate().skip(1) {
            let (before, after) = (at(index.saturating_sub(distance)), at(index + distance));
            for lane in 0..lanes {
                results[lane] += weight * (before[lane] + after[lane]);
            }
        }
    }
}

/// One pass of the running mean over `lanes` lines that lie side by side.
fn mean(from: &[f32], to: &mut [f32], lanes: usize, window: Window) {
    let last = from.len() / lanes - 1;
    let at = |index: usize| &from[index.min(last) * lanes..][..lanes];
    let before = |index: usize, back: usize| at(index.saturating_sub(back));
    let (radius, edge, weight) = (window.radius, window.edge, window.weight());
    let mut sums: Vec<f32> = at(0).iter().map(|value| value * (radius + 1) as f32).collect();
    for ahead in 1..=radius {
        sums.iter_mut().zip(at(ahead)).for_each(|(sum, value)| *sum += value);
    }
    for (index, results) in to.chunks_exact_mut(lanes).enumerate() {
        let (next, previous, oldest) = (at(index + radius + 1), before(index, radius + 1), before(index, radius));
        for lane in 0..lanes {
            results[lane] = (sums[lane] + edge * (next[lane] + previous[lane])) * weight;
            sums[lane] += next[lane] - oldest[lane];
        }
    }
}

#[cfg(test)]
mod tests {
    use image::{ColorType, DynamicImage, GrayImage, Luma, Rgba, RgbaImage};

    use super::*;
    use crate::image::testing::{apply, difference, gradient, noise};

    fn moments(picture: &DynamicImage) -> (f64, f64) {
        let values: Vec<f64> = picture.to_luma8().iter().map(|value| f64::from(*value)).collect();
        let mean = values.iter().sum::<f64>() / values.len() as f64;
        (mean, values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / values.len() as f64)
    }

    #[test]
    fn the_mean_stays_and_the_variance_goes() {
        let picture = noise(128, 96);
        let (mean, variance) = moments(&picture);
        let mut before = variance;
        for sigma in [0.4, 1.0, 3.0, 10.0] {
            let (blurred, left) = moments(&apply(&Blur { sigma }, picture.clone()));
            assert!((blurred - mean).abs() < 1.5, "sigma {sigma}: mean {mean} became {blurred}");
            assert!(left < before, "sigma {sigma}: variance {before} became {left}");
            before = left;
        }
        assert!(before < variance / 100.0);
    }

    #[test]
    fn a_point_spreads_as_a_gaussian_of_that_sigma() {
        for sigma in [0.7_f32, 2.0, 5.0] {
            let mut point = image::ImageBuffer::<Luma<u16>, _>::new(81, 81);
            point.put_pixel(40, 40, Luma([u16::MAX]));
            let spread = apply(&Blur { sigma }, point.into()).to_luma16();
            let row: Vec<f64> = (0..81).map(|x| (0..81).map(|y| f64::from(spread.get_pixel(x, y)[0])).sum()).collect();
            let total: f64 = row.iter().sum();
            let variance =
                row.iter().enumerate().map(|(x, part)| (x as f64 - 40.0).powi(2) * part).sum::<f64>() / total;
            assert!(
                (variance.sqrt() - f64::from(sigma)).abs() < 0.05 * f64::from(sigma),
                "{sigma}: {}",
                variance.sqrt()
            );
            assert!((total / 65_535.0 - 1.0).abs() < 0.02, "{total}");
        }
    }

    #[test]
    fn it_is_close_to_a_true_gaussian() {
        let picture = noise(90, 70);
        for sigma in [0.8, 2.5, 6.0] {
            let off = difference(&apply(&Blur { sigma }, picture.clone()), &picture.blur(sigma));
            assert!(off < 2.0, "sigma {sigma}: {off}");
        }
    }

    #[test]
    fn an_even_picture_stays_even_to_its_edges() {
        let even = DynamicImage::from(GrayImage::from_pixel(33, 3, Luma([201])));
        for sigma in [0.3, 4.0, 1_000.0] {
            assert_eq!(apply(&Blur { sigma }, even.clone()), even, "sigma {sigma}");
        }
        for color in [ColorType::L8, ColorType::La16, ColorType::Rgba8, ColorType::Rgb16] {
            assert_eq!(apply(&Blur { sigma: 2.0 }, gradient(5, 1, color)).color(), color);
        }
    }

    #[test]
    fn colour_under_full_transparency_does_not_bleed() {
        let picture =
            RgbaImage::from_fn(40, 8, |x, _| if x < 20 { Rgba([255, 0, 0, 255]) } else { Rgba([0, 255, 0, 0]) });
        let blurred = apply(&Blur { sigma: 3.0 }, picture.into()).to_rgba8();
        assert!(blurred.get_pixel(22, 4)[3] < 255 && blurred.get_pixel(22, 4)[3] > 0);
        for pixel in blurred.pixels().filter(|pixel| pixel[3] > 8) {
            assert!(pixel[0] > 240 && pixel[1] < 16, "{pixel:?}");
        }
    }

    #[test]
    fn sigma_has_its_range() {
        for bad in [0.0, -1.0, f32::NAN, f32::INFINITY, 1_001.0] {
            assert!(Blur { sigma: bad }.check().is_err(), "{bad}");
        }
        assert!(Blur { sigma: 0.01 }.check().is_ok());
    }
}

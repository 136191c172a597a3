//! The arithmetic of [`Resize`]: which part of a picture goes where. Knows no pixels.

use super::{Fit, Resize};

/// What to scale to what.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Geometry {
    /// The part of the source that is used: left, top, width, height, in pixels and parts of them.
    pub(super) part: [f64; 4],
    /// The size to which that part is scaled.
    pub(super) scaled: (u32, u32),
    /// The size of the whole result; what is scaled stands in its middle.
    pub(super) canvas: (u32, u32),
}

impl Geometry {
    /// How `resize` treats a picture of `source` pixels.
    pub(super) fn of(resize: &Resize, source: (u32, u32)) -> Self {
        let (width, height) = (f64::from(source.0), f64::from(source.1));
        let across = resize.width.map(|wanted| f64::from(wanted) / width);
        let down = resize.height.map(|wanted| f64::from(wanted) / height);
        let (fit, across, down) = match (across, down) {
            (Some(across), Some(down)) => (resize.fit, across, down),
            (Some(only), None) | (None, Some(only)) => (Fit::Inside, only, only),
            (None, None) => (Fit::Inside, 1.0, 1.0),
        };
        let most = if resize.enlarge { f64::INFINITY } else { 1.0 };
        let larger = across.max(down).min(most);
        let smaller = across.min(down).min(most);
        let whole = |scaled: (u32, u32), canvas: (u32, u32)| Self { part: [0.0, 0.0, width, height], scaled, canvas };
        let by = |scale: f64| (pixels(width * scale), pixels(height * scale));
        let in_box = (resize.width.unwrap_or(source.0), resize.height.unwrap_or(source.1));
        match fit {
            Fit::Inside => whole(by(smaller), by(smaller)),
            Fit::Outside => whole(by(larger), by(larger)),
            Fit::Contain => whole(by(smaller), in_box),
            Fit::Fill => {
                let scaled = (pixels(width * across.min(most)), pixels(height * down.min(most)));
                whole(scaled, scaled)
            }
            Fit::Cover => {
                let (covers_width, covers_height) = by(larger);
                let canvas = (in_box.0.min(covers_width), in_box.1.min(covers_height));
                Self { part: middle((width, height), canvas, larger), scaled: canvas, canvas }
            }
        }
    }
}

/// The middle of a picture of `size` that becomes `canvas` when scaled by `scale`.
fn middle((width, height): (f64, f64), canvas: (u32, u32), scale: f64) -> [f64; 4] {
    let part_width = (f64::from(canvas.0) / scale).min(width);
    let part_height = (f64::from(canvas.1) / scale).min(height);
    let (left, top) = ((width - part_width) / 2.0, (height - part_height) / 2.0);
    // Unscaled pixels are cut at whole ones, not smeared over two.
    let unscaled = (scale - 1.0).abs() < f64::EPSILON;
    if unscaled { [left.floor(), top.floor(), part_width, part_height] } else { [left, top, part_width, part_height] }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "saturates; the limits are asked next")]
fn pixels(length: f64) -> u32 {
    length.round().max(1.0) as u32
}

//! What can be done to a picture, one operation a file. A new one is a file here and a line in each list below.

mod background;
mod blur;
mod crop;
mod flip;
mod grayscale;
mod resize;
mod rotate;

use schemars::JsonSchema;
use serde::Deserialize;

use super::picture::{Bounds, Picture};
use crate::ToolError;

pub use background::Background;
pub use blur::Blur;
pub use crop::Crop;
pub use flip::{Flip, FlipAxis};
pub use grayscale::Grayscale;
pub use resize::{Fit, Resize};
pub use rotate::Rotate;

/// One thing to do to a picture; `op` says which.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(tag = "op", rename_all = "snake_case")]
pub enum Operation {
    /// Scale to a width, a height or a box.
    Resize(Resize),
    /// Cut out a rectangle.
    Crop(Crop),
    /// Turn clockwise.
    Rotate(Rotate),
    /// Mirror.
    Flip(Flip),
    /// Take the colour away.
    Grayscale(Grayscale),
    /// Gaussian blur.
    Blur(Blur),
}

impl Operation {
    /// What it is called in a call.
    pub(super) fn name(&self) -> &'static str {
        self.step().name()
    }

    /// See [`Step::check`].
    pub(super) fn check(&self) -> Result<(), String> {
        self.step().check()
    }

    /// See [`Step::apply`].
    pub(super) fn apply(&self, picture: Picture, bounds: Bounds<'_>) -> Result<Picture, ToolError> {
        self.step().apply(picture, bounds)
    }

    fn step(&self) -> &dyn Step {
        match self {
            Self::Resize(step) => step,
            Self::Crop(step) => step,
            Self::Rotate(step) => step,
            Self::Flip(step) => step,
            Self::Grayscale(step) => step,
            Self::Blur(step) => step,
        }
    }
}

/// What every operation is.
///
/// # Contract
/// It keeps the colour type where it can, never opens files, asks [`Bounds::check`] before it allocates a larger picture, and
/// polls [`Bounds::cancel`] where it may work for long.
pub(super) trait Step {
    /// What it is called in a call.
    fn name(&self) -> &'static str;

    /// Finds the faults that no picture could make good.
    fn check(&self) -> Result<(), String>;

    /// Does it.
    fn apply(&self, picture: Picture, bounds: Bounds<'_>) -> Result<Picture, ToolError>;
}

#[test]
fn a_stop_is_heard_inside_an_operation_that_may_take_long() {
    use crate::image::testing::{apply_unless, gradient};
    use crate::{Cancel, ToolErrorKind};
    let cancel = Cancel::default();
    cancel.cancel();
    let steps: [&dyn Step; 2] = [&Blur { sigma: 3.0 }, &Rotate { degrees: 10.0, background: Background::default() }];
    for step in steps {
        let stopped = apply_unless(&cancel, step, gradient(16, 16, image::ColorType::Rgb8));
        assert_eq!(stopped.expect_err(step.name()).kind, ToolErrorKind::Cancelled);
    }
}

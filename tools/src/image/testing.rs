//! Pictures and contexts for the tests of this folder.

use std::fs;
use std::io::Cursor;
use std::path::Path;

use image::{ColorType, DynamicImage, ImageFormat, Rgb, RgbImage};
use tempfile::TempDir;

use super::ops::Step;
use super::picture::{Bounds, Picture};
use crate::{Cancel, Context, Input, Limits, ToolError};

/// A smooth picture without symmetry, alike at every size.
pub(super) fn gradient(width: u32, height: u32, color: ColorType) -> DynamicImage {
    let part = |at: u32, of: u32| (f64::from(at) + 0.5) / f64::from(of);
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the parts are 0 to 1")]
    let picture = RgbImage::from_fn(width, height, |x, y| {
        let (x, y) = (part(x, width), part(y, height));
        Rgb([(x * 255.0) as u8, (y * 255.0) as u8, ((1.0 - x) * (1.0 - y) * 255.0) as u8])
    });
    in_color(picture.into(), color)
}

/// Reproducible noise.
pub(super) fn noise(width: u32, height: u32) -> DynamicImage {
    let mut state = 1_u32;
    let picture = image::GrayImage::from_fn(width, height, |_, _| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        image::Luma([state.to_be_bytes()[0]])
    });
    picture.into()
}

/// `picture` in another colour type.
pub(super) fn in_color(picture: DynamicImage, color: ColorType) -> DynamicImage {
    match color {
        ColorType::L8 => picture.into_luma8().into(),
        ColorType::La8 => picture.into_luma_alpha8().into(),
        ColorType::Rgb8 => picture.into_rgb8().into(),
        ColorType::Rgba8 => picture.into_rgba8().into(),
        ColorType::L16 => picture.into_luma16().into(),
        ColorType::La16 => picture.into_luma_alpha16().into(),
        ColorType::Rgb16 => picture.into_rgb16().into(),
        ColorType::Rgba16 => picture.into_rgba16().into(),
        other => panic!("no test uses {other:?}"),
    }
}

/// One pixel of any picture, in 8 bits.
pub(super) fn pixel(picture: &DynamicImage, x: u32, y: u32) -> [u8; 4] {
    picture.to_rgba8().get_pixel(x, y).0
}

/// The mean difference of two pictures' samples, of 255.
pub(super) fn difference(one: &DynamicImage, other: &DynamicImage) -> f64 {
    let (one, other) = (one.to_rgba8(), other.to_rgba8());
    assert_eq!(one.dimensions(), other.dimensions());
    let sum: f64 = one.iter().zip(other.iter()).map(|(one, other)| f64::from(one.abs_diff(*other))).sum();
    sum / one.len() as f64
}

/// What an operation makes of `pixels`.
pub(super) fn try_apply(step: &dyn Step, pixels: DynamicImage) -> Result<DynamicImage, ToolError> {
    apply_unless(&Cancel::default(), step, pixels)
}

/// As [`try_apply`], in a job that `cancel` stops.
pub(super) fn apply_unless(cancel: &Cancel, step: &dyn Step, pixels: DynamicImage) -> Result<DynamicImage, ToolError> {
    step.check().expect("the operation is sound");
    let bounds = Bounds { name: "test.png", limits: &Limits::default(), cancel };
    Ok(step.apply(Picture::new(pixels, None), bounds)?.pixels)
}

/// As [`try_apply`], for what must succeed.
pub(super) fn apply(step: &dyn Step, pixels: DynamicImage) -> DynamicImage {
    try_apply(step, pixels).expect("the operation succeeds")
}

/// `picture` as a file of `format`.
pub(super) fn file(picture: &DynamicImage, format: ImageFormat) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    picture.write_to(&mut bytes, format).expect("the format takes the picture");
    bytes.into_inner()
}

/// A workspace of files, ready to be run on. Ends with the value.
pub(super) struct Workspace {
    folder: TempDir,
    inputs: Vec<Input>,
}

impl Workspace {
    pub(super) fn new() -> Self {
        Self { folder: tempfile::tempdir().expect("temporary folder"), inputs: Vec::new() }
    }

    /// Adds a file.
    pub(super) fn with(mut self, path: &str, bytes: &[u8]) -> Self {
        let local = self.folder.path().join("inputs").join(path);
        fs::create_dir_all(local.parent().expect("below a folder")).expect("folder");
        fs::write(&local, bytes).expect("file");
        let bytes = bytes.len() as u64;
        self.inputs.push(Input { name: path.into(), path: path.parse().expect("a path"), local, bytes });
        self
    }

    /// Adds a PNG of a gradient.
    pub(super) fn with_png(self, path: &str, width: u32, height: u32) -> Self {
        let picture = gradient(width, height, ColorType::Rgb8);
        self.with(path, &file(&picture, ImageFormat::Png))
    }

    pub(super) fn inputs(&self) -> &[Input] {
        &self.inputs
    }

    pub(super) fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub(super) fn context(&self) -> Context {
        Context::detached(self.inputs.clone(), self.folder.path()).expect("context")
    }

    /// The picture that was made under this name.
    pub(super) fn made(&self, artifact: &str) -> DynamicImage {
        let bytes = fs::read(self.folder.path().join("output").join(artifact)).expect("the artifact exists");
        image::load_from_memory(&bytes).expect("the artifact is a picture")
    }
}

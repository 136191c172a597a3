//! Each fit has its size and its pixels; colour types are kept; nothing too large is made.

use image::{ColorType, DynamicImage, Rgba, RgbaImage};

use super::*;
use crate::ToolErrorKind;
use crate::image::testing::{apply, difference, gradient, pixel, try_apply};

fn resize(width: impl Into<Option<u32>>, height: impl Into<Option<u32>>, fit: Fit) -> Resize {
    Resize { width: width.into(), height: height.into(), fit, enlarge: true, background: Background::TRANSPARENT }
}

fn size_of(resize: &Resize, from: (u32, u32)) -> (u32, u32) {
    let made = apply(resize, gradient(from.0, from.1, ColorType::Rgb8));
    (made.width(), made.height())
}

#[test]
fn each_fit_has_its_size() {
    let from = (400, 200);
    assert_eq!(size_of(&resize(100, 100, Fit::Cover), from), (100, 100));
    assert_eq!(size_of(&resize(100, 100, Fit::Contain), from), (100, 100));
    assert_eq!(size_of(&resize(100, 100, Fit::Fill), from), (100, 100));
    assert_eq!(size_of(&resize(100, 100, Fit::Inside), from), (100, 50));
    assert_eq!(size_of(&resize(100, 100, Fit::Outside), from), (200, 100));
    assert_eq!(size_of(&resize(100, None, Fit::Cover), from), (100, 50));
    assert_eq!(size_of(&resize(None, 100, Fit::Fill), from), (200, 100));
    assert_eq!(size_of(&resize(1, 1, Fit::Inside), (4000, 2)), (1, 1));
}

#[test]
fn without_enlarge_nothing_grows() {
    let small = |width, height, fit| Resize { enlarge: false, ..resize(width, height, fit) };
    let from = (40, 20);
    assert_eq!(size_of(&small(100, 100, Fit::Inside), from), (40, 20));
    assert_eq!(size_of(&small(100, 100, Fit::Outside), from), (40, 20));
    assert_eq!(size_of(&small(100, 10, Fit::Fill), from), (40, 10));
    assert_eq!(size_of(&small(100, 10, Fit::Cover), from), (40, 10));
    assert_eq!(size_of(&small(100, 100, Fit::Contain), from), (100, 100));
    assert_eq!(size_of(&resize(100, 100, Fit::Inside), from), (100, 50));
}

#[test]
fn cover_shows_the_middle_and_cuts_the_sides() {
    let picture = gradient(400, 200, ColorType::Rgb8);
    let made = apply(&resize(100, 100, Fit::Cover), picture.clone());
    let expected = apply(&resize(100, 100, Fit::Fill), picture.crop_imm(100, 0, 200, 200));
    assert!(difference(&made, &expected) < 1.0);
    assert!(difference(&made, &apply(&resize(100, 100, Fit::Fill), picture)) > 10.0);
}

#[test]
fn cover_without_scaling_only_cuts() {
    let picture = gradient(31, 20, ColorType::Rgb8);
    let made = apply(&resize(20, 20, Fit::Cover), picture.clone());
    assert_eq!(made, picture.crop_imm(5, 0, 20, 20));
}

#[test]
fn contain_adds_bars_in_the_background() {
    let picture = gradient(400, 200, ColorType::Rgb8);
    let clear = apply(&resize(100, 100, Fit::Contain), picture.clone());
    assert_eq!(clear.color(), ColorType::Rgba8);
    assert_eq!((pixel(&clear, 50, 24)[3], pixel(&clear, 50, 25)[3], pixel(&clear, 50, 75)[3]), (0, 255, 0));

    let red = Resize { background: "#ff0000".parse().expect("a colour"), ..resize(100, 100, Fit::Contain) };
    let red = apply(&red, picture);
    assert_eq!((red.color(), pixel(&red, 0, 0)), (ColorType::Rgb8, [255, 0, 0, 255]));
}

#[test]
fn a_smooth_picture_stays_what_it_was_in_every_colour_type() {
    use ColorType::{L8, L16, La8, La16, Rgb8, Rgb16, Rgba8, Rgba16};
    for color in [L8, La8, Rgb8, Rgba8, L16, La16, Rgb16, Rgba16] {
        let made = apply(&resize(64, 64, Fit::Fill), gradient(256, 256, color));
        assert_eq!(made.color(), color);
        let off = difference(&made, &gradient(64, 64, color));
        assert!(off < 3.0, "{color:?}: {off}");
    }
}

#[test]
fn colour_under_full_transparency_does_not_bleed() {
    let picture = RgbaImage::from_fn(64, 64, |x, _| if x < 32 { Rgba([255, 0, 0, 255]) } else { Rgba([0, 255, 0, 0]) });
    let made = apply(&resize(9, 9, Fit::Fill), DynamicImage::from(picture)).to_rgba8();
    for pixel in made.pixels().filter(|pixel| pixel[3] > 8) {
        assert!(pixel[0] > 240 && pixel[1] < 16, "{pixel:?}");
    }
}

#[test]
fn what_would_be_too_large_is_refused_before_it_is_made() {
    for step in [
        resize(100_000, None, Fit::Inside),
        resize(u32::MAX, u32::MAX, Fit::Fill),
        resize(32_000, 32_000, Fit::Contain),
        resize(None, 30_000, Fit::Cover),
    ] {
        let error = try_apply(&step, gradient(10, 1, ColorType::L8)).expect_err("too large");
        assert_eq!(error.kind, ToolErrorKind::TooLarge, "{error}");
    }
}

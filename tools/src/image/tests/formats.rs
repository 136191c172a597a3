//! Every format in, every format out; what a file says besides its pixels.

use image::{ColorType, DynamicImage, ImageDecoder, ImageEncoder, ImageFormat, ImageReader};
use serde_json::json;
use std::fs;
use std::io::Cursor;

use super::process;
use crate::image::testing::{Workspace, difference, file, gradient, pixel};

const WRITTEN: [(&str, &str, ImageFormat); 6] = [
    ("jpeg", "image/jpeg", ImageFormat::Jpeg),
    ("png", "image/png", ImageFormat::Png),
    ("webp", "image/webp", ImageFormat::WebP),
    ("gif", "image/gif", ImageFormat::Gif),
    ("tiff", "image/tiff", ImageFormat::Tiff),
    ("bmp", "image/bmp", ImageFormat::Bmp),
];

fn colors() -> [ColorType; 8] {
    use ColorType::{L8, L16, La8, La16, Rgb8, Rgb16, Rgba8, Rgba16};
    [L8, La8, Rgb8, Rgba8, L16, La16, Rgb16, Rgba16]
}

#[test]
fn every_format_takes_every_colour_type() {
    for color in colors() {
        let source = gradient(40, 30, color);
        let workspace = Workspace::new().with("a.png", &file(&source, ImageFormat::Png));
        for (format, mime, kind) in WRITTEN {
            let outcome = process(&workspace, json!({"format": format}));
            let artifact = &outcome.artifacts[0];
            let bytes = fs::read(&artifact.local).expect("artifact");
            assert_eq!((artifact.mime.as_str(), image::guess_format(&bytes).expect("a picture")), (mime, kind));
            let off = difference(&workspace.made(&artifact.name), &source);
            assert!(off < 8.0, "{color:?} as {format}: {off}");
        }
    }
}

#[test]
fn lossless_formats_keep_16_bits_and_alpha() {
    for color in [ColorType::L16, ColorType::Rgb16, ColorType::Rgba16] {
        let source = gradient(16, 9, color);
        let workspace = Workspace::new().with("a.tif", &file(&source, ImageFormat::Tiff));
        process(&workspace, json!({"format": "png"}));
        assert_eq!(workspace.made("a.png"), source);
        process(&workspace, json!({"format": "tiff"}));
        assert_eq!(workspace.made("a.tif"), source);
    }
}

#[test]
fn a_picture_keeps_its_own_format_where_that_can_be_written() {
    let picture = gradient(32, 24, ColorType::Rgb8);
    let mut workspace = Workspace::new();
    for (name, _, kind) in WRITTEN {
        workspace = workspace.with(&format!("{name}.bin"), &file(&picture, kind));
    }
    workspace = workspace
        .with("pnm.ppm", &file(&picture, ImageFormat::Pnm))
        .with("qoi.qoi", &file(&picture, ImageFormat::Qoi))
        .with("ico.ico", &file(&gradient(32, 24, ColorType::Rgba8), ImageFormat::Ico));
    let outcome = process(&workspace, json!({"operations": [{"op": "flip", "axis": "vertical"}]}));
    let names: Vec<&str> = outcome.artifacts.iter().map(|artifact| artifact.name.as_str()).collect();
    let expected =
        ["jpeg.jpg", "png.png", "webp.webp", "gif.gif", "tiff.tiff", "bmp.bmp", "pnm.png", "qoi.png", "ico.png"];
    assert_eq!(names, expected);
    for name in names {
        assert!(difference(&workspace.made(name), &picture.flipv()) < 8.0, "{name}");
    }
}

#[test]
fn the_content_decides_and_not_the_name() {
    let picture = gradient(20, 20, ColorType::Rgb8);
    let workspace = Workspace::new().with("really-a-jpeg.png", &file(&picture, ImageFormat::Jpeg));
    let outcome = process(&workspace, json!({"operations": [{"op": "grayscale"}]}));
    assert_eq!(
        (outcome.artifacts[0].name.as_str(), outcome.artifacts[0].mime.as_str()),
        ("really-a-jpeg.jpg", "image/jpeg")
    );
    assert_eq!(workspace.made("really-a-jpeg.jpg").color(), ColorType::L8);
}

#[test]
fn transparency_becomes_white_in_jpeg() {
    let clear = DynamicImage::new_rgba8(32, 32);
    let gray = DynamicImage::new_luma_a16(32, 32);
    let workspace = Workspace::new()
        .with("clear.png", &file(&clear, ImageFormat::Png))
        .with("gray.png", &file(&gray, ImageFormat::Png))
        .with_png("wide.png", 64, 32);
    let contain = json!({"op": "resize", "width": 32, "height": 32, "fit": "contain"});
    process(&workspace, json!({"format": "jpeg", "operations": [contain]}));
    assert!(pixel(&workspace.made("clear.jpg"), 16, 16)[..3].iter().all(|sample| *sample > 250));
    assert!(pixel(&workspace.made("gray.jpg"), 16, 16)[..3].iter().all(|sample| *sample > 250));
    assert!(pixel(&workspace.made("wide.jpg"), 16, 1)[..3].iter().all(|sample| *sample > 245));
}

#[test]
fn quality_makes_jpeg_larger_and_nearer() {
    let picture = gradient(200, 200, ColorType::Rgb8);
    let workspace = Workspace::new().with("a.png", &file(&picture, ImageFormat::Png));
    let at = |quality: u32| {
        let outcome = process(&workspace, json!({"format": "jpeg", "quality": quality}));
        (outcome.artifacts[0].bytes, difference(&workspace.made("a.jpg"), &picture))
    };
    let (poor, good) = (at(5), at(95));
    assert!(poor.0 < good.0 && poor.1 > good.1, "{poor:?} {good:?}");
    let outcome = process(&workspace, json!({"quality": 50}));
    assert!(outcome.report.guidance[0].contains("quality had no effect"), "{:?}", outcome.report.guidance);
}

/// `jpeg` with an EXIF segment that holds nothing but an orientation.
fn oriented(jpeg: &[u8], orientation: u8) -> Vec<u8> {
    let mut exif = b"Exif\0\0II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0".to_vec();
    exif.extend([orientation, 0, 0, 0, 0, 0, 0, 0]);
    let length = u16::try_from(exif.len() + 2).expect("short").to_be_bytes();
    [&jpeg[..2], &[0xFF, 0xE1], &length, &exif, &jpeg[2..]].concat()
}

#[test]
fn exif_orientation_is_applied_once() {
    let picture = gradient(64, 32, ColorType::Rgb8);
    let jpeg = file(&picture, ImageFormat::Jpeg);
    let workspace = Workspace::new()
        .with("1.jpg", &oriented(&jpeg, 1))
        .with("3.jpg", &oriented(&jpeg, 3))
        .with("6.jpg", &oriented(&jpeg, 6))
        .with("8.jpg", &oriented(&jpeg, 8));
    process(&workspace, json!({"quality": 95}));
    for (name, upright) in [
        ("1.jpg", picture.clone()),
        ("3.jpg", picture.rotate180()),
        ("6.jpg", picture.rotate90()),
        ("8.jpg", picture.rotate270()),
    ] {
        let bytes = fs::read(workspace.folder().join("output").join(name)).expect("artifact");
        let mut decoder =
            ImageReader::with_format(Cursor::new(bytes), ImageFormat::Jpeg).into_decoder().expect("a JPEG");
        assert_eq!(decoder.orientation().expect("readable"), image::metadata::Orientation::NoTransforms);
        assert!(difference(&workspace.made(name), &upright) < 4.0, "{name}");
    }
}

fn profile_of(bytes: Vec<u8>) -> Option<Vec<u8>> {
    let reader = ImageReader::new(Cursor::new(bytes)).with_guessed_format().expect("readable");
    reader.into_decoder().expect("a picture").icc_profile().expect("readable")
}

#[test]
fn a_colour_profile_is_kept_as_long_as_it_fits() {
    let mut profile = vec![0; 128];
    profile[16..20].copy_from_slice(b"RGB ");
    let mut png = Vec::new();
    let mut encoder = image::codecs::png::PngEncoder::new(&mut png);
    encoder.set_icc_profile(profile.clone()).expect("PNG has profiles");
    let picture = gradient(8, 8, ColorType::Rgb8);
    encoder.write_image(picture.as_bytes(), 8, 8, ColorType::Rgb8.into()).expect("a PNG");
    let workspace = Workspace::new().with("a.png", &png);
    for format in ["png", "jpeg", "webp"] {
        let outcome = process(&workspace, json!({"format": format}));
        let bytes = fs::read(&outcome.artifacts[0].local).expect("artifact");
        assert_eq!(profile_of(bytes).as_ref(), Some(&profile), "{format}");
    }
    let outcome = process(&workspace, json!({"format": "tiff"}));
    let tiff = fs::read(&outcome.artifacts[0].local).expect("artifact");
    assert!(tiff.windows(profile.len()).any(|part| part == profile), "the reader does not find what the writer wrote");
    let outcome = process(&workspace, json!({"operations": [{"op": "grayscale"}]}));
    assert_eq!(profile_of(fs::read(&outcome.artifacts[0].local).expect("artifact")), None);
}

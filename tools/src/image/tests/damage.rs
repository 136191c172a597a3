//! Files that are no pictures, or broken ones, or bombs: each is an error with a reason, and the others are done.

use image::{ColorType, ImageFormat};
use serde_json::json;

use super::{process, run};
use crate::ToolErrorKind;
use crate::image::testing::{Workspace, file, gradient, noise};

fn chunk(kind: [u8; 4], data: &[u8]) -> Vec<u8> {
    let body = [&kind[..], data].concat();
    let mut crc = flate2::Crc::new();
    crc.update(&body);
    let length = u32::try_from(data.len()).expect("short").to_be_bytes();
    [&length[..], &body, &crc.sum().to_be_bytes()].concat()
}

/// A PNG whose header is right and says this size.
fn png_header(width: u32, height: u32) -> Vec<u8> {
    let header = [&width.to_be_bytes()[..], &height.to_be_bytes(), &[8, 2, 0, 0, 0]].concat();
    [&b"\x89PNG\r\n\x1a\n"[..], &chunk(*b"IHDR", &header), &chunk(*b"IDAT", &[0; 16]), &chunk(*b"IEND", &[])].concat()
}

/// A BMP whose header says this size.
fn bmp_header(width: u32, height: u32) -> Vec<u8> {
    let mut bytes = b"BM\0\0\0\0\0\0\0\0\x36\0\0\0\x28\0\0\0".to_vec();
    bytes.extend([width.to_le_bytes(), height.to_le_bytes()].concat());
    bytes.extend([1, 0, 24, 0]);
    bytes.resize(54 + 64, 0);
    bytes
}

/// The error of a call on this file alone.
fn alone(name: &str, bytes: &[u8]) -> (ToolErrorKind, String) {
    let workspace = Workspace::new().with(name, bytes);
    let error = run(&mut workspace.context(), json!({"format": "png"})).expect_err(name);
    (error.kind, error.message)
}

#[test]
fn a_text_called_png_is_named_for_what_it_is() {
    let (kind, message) = alone("notes.png", b"these are only words");
    assert_eq!(kind, ToolErrorKind::BadInput);
    assert!(message.starts_with("notes.png is not a picture"), "{message}");
    assert_eq!(alone("empty.png", b""), (ToolErrorKind::BadInput, "empty.png is empty".into()));
    let (kind, message) = alone("a.dds", b"DDS |\0\0\0................................");
    assert_eq!(kind, ToolErrorKind::Unsupported);
    assert!(message.contains("cannot be read here"), "{message}");
}

#[test]
fn a_huge_header_is_refused_before_anything_is_allocated() {
    for (name, bytes) in [
        ("bomb.png", png_header(100_000, 100_000)),
        ("side.png", png_header(40_000, 2)),
        ("area.png", png_header(30_000, 30_000)),
        ("bomb.bmp", bmp_header(100_000, 100_000)),
        ("area.bmp", bmp_header(30_000, 30_000)),
    ] {
        let (kind, message) = alone(name, &bytes);
        assert_eq!(kind, ToolErrorKind::TooLarge, "{message}");
        assert!(message.starts_with(name), "{message}");
    }
    assert!(alone("bomb.png", &png_header(100_000, 100_000)).1.contains("100000 × 100000 pixels"));
}

#[test]
fn a_file_cut_short_is_refused_in_every_format() {
    let picture = noise(64, 64);
    for format in [
        ImageFormat::Jpeg,
        ImageFormat::Png,
        ImageFormat::WebP,
        ImageFormat::Gif,
        ImageFormat::Tiff,
        ImageFormat::Bmp,
        ImageFormat::Pnm,
        ImageFormat::Qoi,
    ] {
        let color = if format == ImageFormat::Pnm { ColorType::L8 } else { ColorType::Rgb8 };
        let whole = file(&crate::image::testing::in_color(picture.clone(), color), format);
        for part in [whole.len() / 2, whole.len() * 9 / 10] {
            let (kind, message) = alone("cut.bin", &whole[..part]);
            assert_eq!(kind, ToolErrorKind::BadInput, "{format:?}: {message}");
            assert!(message.starts_with("cut.bin could not be decoded"), "{message}");
        }
    }
}

#[test]
fn one_bad_picture_does_not_fail_the_others() {
    let workspace = Workspace::new()
        .with_png("a.png", 30, 20)
        .with("b.png", b"words")
        .with("c.png", &png_header(100_000, 100_000))
        .with_png("d.png", 30, 20);
    let outcome = process(&workspace, json!({"operations": [{"op": "resize", "width": 15}]}));
    assert_eq!(outcome.report.summary, "2 pictures processed, 2 failed");
    let names: Vec<&str> = outcome.artifacts.iter().map(|artifact| artifact.name.as_str()).collect();
    assert_eq!(names, ["a.png", "d.png"]);
    let details = &outcome.report.details;
    assert_eq!((&details["processed"], &details["failed"]), (&json!(2), &json!(2)));
    assert_eq!((&details["failures"][0]["file"], &details["failures"][1]["file"]), (&json!("b.png"), &json!("c.png")));
    assert!(details["failures"][1]["error"].as_str().expect("text").contains("100000"));
    let statuses: Vec<_> = outcome.report.rows.iter().map(|row| row[1].clone()).collect();
    assert_eq!(statuses, [json!("processed"), json!("failed"), json!("failed"), json!("processed")]);
}

#[test]
fn when_all_fail_the_call_fails_with_the_first_reasons() {
    let mut workspace = Workspace::new();
    for number in 1..=5 {
        workspace = workspace.with(&format!("{number}.png"), b"words");
    }
    let error = run(&mut workspace.context(), json!({"format": "png"})).expect_err("all fail");
    assert_eq!(error.kind, ToolErrorKind::BadInput);
    assert!(error.message.starts_with("none of the 5 pictures could be processed: 1.png is not"), "{error}");
    assert!(error.message.ends_with("; and 2 more"), "{error}");

    let bombs = Workspace::new().with("a.png", &png_header(50_000, 1)).with("b.png", &png_header(1, 50_000));
    let error = run(&mut bombs.context(), json!({"format": "png"})).expect_err("all fail");
    assert_eq!(error.kind, ToolErrorKind::TooLarge);
}

#[test]
fn an_operation_that_cannot_be_done_is_named_with_the_picture() {
    let workspace = Workspace::new().with_png("small.png", 10, 10).with_png("large.png", 100, 100);
    let crop = json!({"op": "crop", "x": 50, "y": 0, "width": 10, "height": 10});
    let outcome = process(&workspace, json!({"operations": [{"op": "grayscale"}, crop]}));
    let error = outcome.report.details["failures"][0]["error"].as_str().expect("text").to_owned();
    assert!(error.starts_with("operation 2 (crop): small.png is 10 × 10 pixels there"), "{error}");
}

#[test]
fn the_server_limits_count_for_what_an_operation_makes() {
    let workspace = Workspace::new().with_png("a.png", 10, 10);
    let mut ctx = workspace.context();
    ctx.set_limits(crate::Limits { max_pixels: 10_000, ..ctx.limits().clone() });
    let grow = json!({"operations": [{"op": "resize", "width": 101, "height": 100, "fit": "fill"}]});
    let error = run(&mut ctx, grow).expect_err("too large");
    assert_eq!(error.kind, ToolErrorKind::TooLarge);
    assert!(error.message.contains("operation 1 (resize): the new a.png is 101 × 100 pixels"), "{error}");
}

#[test]
fn a_webp_has_a_longest_side() {
    let wide = file(&gradient(16_400, 1, ColorType::L8), ImageFormat::Png);
    let workspace = Workspace::new().with("wide.png", &wide);
    let error = run(&mut workspace.context(), json!({"format": "webp"})).expect_err("too wide");
    assert_eq!(error.kind, ToolErrorKind::Unsupported);
    assert!(error.message.contains("at most 16384"), "{error}");
}

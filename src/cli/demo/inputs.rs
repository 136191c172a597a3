//! The demo's inputs, made on the spot: an orders table and landscapes at the size of photographs.

use std::fs::File;
use std::io::{self, BufWriter, Write as _};
use std::path::Path;

use image::codecs::jpeg::JpegEncoder;
use image::imageops::FilterType;
use image::{DynamicImage, Rgb, RgbImage};
use rand::rngs::SmallRng;
use rand::{RngExt as _, SeedableRng as _};

/// Rows of the table.
pub(super) const ROWS: u32 = 2_000_000;
/// How many pictures there are.
const PICTURES: u32 = 24;
/// Width and height of each: 12 megapixels.
pub(super) const PICTURE: (u32, u32) = (4000, 3000);
/// The size at which a landscape is painted before it is enlarged.
const PAINTED: (u32, u32) = (800, 600);

/// A file that was made, by its path in the workspace and below the folder.
pub(super) struct Made {
    pub(super) path: String,
    pub(super) bytes: u64,
}

/// Makes all inputs below `folder`; the table comes first.
pub(super) fn make(folder: &Path) -> io::Result<Vec<Made>> {
    std::fs::create_dir_all(folder.join("photos"))?;
    let names: Vec<String> = (1..=PICTURES).map(|number| format!("photos/{number:02}.jpg")).collect();
    std::thread::scope(|scope| {
        let table = scope.spawn(|| make_table(&folder.join("orders.csv")));
        // Two painters are enough to keep the demo short, and leave the machine usable.
        let painters: Vec<_> = (0..2)
            .map(|turn| {
                scope.spawn({
                    let names = &names;
                    move || {
                        names
                            .iter()
                            .enumerate()
                            .skip(turn)
                            .step_by(2)
                            .try_for_each(|(seed, name)| make_picture(&folder.join(name), seed))
                    }
                })
            })
            .collect();
        let died = |_| io::Error::other("a thread ended early");
        table.join().map_err(died)??;
        painters.into_iter().try_for_each(|painter| painter.join().map_err(died)?)
    })?;
    let all = std::iter::once("orders.csv".to_owned()).chain(names);
    all.map(|path| Ok(Made { bytes: folder.join(&path).metadata()?.len(), path })).collect()
}

fn make_table(path: &Path) -> io::Result<()> {
    const REGIONS: [&str; 5] = ["north", "east", "south", "west", "overseas"];
    const PRODUCTS: [&str; 6] = ["apples", "bread", "cheese", "dates", "eggs", "figs"];
    let mut rng = SmallRng::seed_from_u64(7);
    let mut file = BufWriter::with_capacity(1 << 20, File::create(path)?);
    writeln!(file, "order_id,day,region,product,quantity,price")?;
    for order in 0..ROWS {
        let (month, day) = (rng.random_range(1..=12), rng.random_range(1..=28));
        let (region, product) = (REGIONS[rng.random_range(0..5)], PRODUCTS[rng.random_range(0..6)]);
        let (quantity, cents) = (rng.random_range(1..=20), rng.random_range(50..=2_500));
        let (whole, rest) = (cents / 100, cents % 100);
        writeln!(file, "{order},2025-{month:02}-{day:02},{region},{product},{quantity},{whole}.{rest:02}")?;
    }
    file.into_inner()?.sync_all()
}

fn make_picture(path: &Path, seed: usize) -> io::Result<()> {
    let (width, height) = PICTURE;
    let picture = DynamicImage::ImageRgb8(paint(seed)).resize_exact(width, height, FilterType::Triangle);
    let file = BufWriter::new(File::create(path)?);
    JpegEncoder::new_with_quality(file, 90).encode_image(&picture).map_err(io::Error::other)
}

/// Hills in three rows before a sky with a sun; the seed moves hills, sun and hour of the day.
fn paint(seed: usize) -> RgbImage {
    let mut rng = SmallRng::seed_from_u64(seed as u64);
    let (width, height) = PAINTED;
    let sun = (rng.random_range(0.1..0.9) * f64::from(width), rng.random_range(0.1..0.35) * f64::from(height));
    let dusk: f64 = rng.random_range(0.0..1.0);
    let waves: Vec<(f64, f64)> = (0..3).map(|_| (rng.random_range(0.006..0.016), rng.random_range(0.0..6.0))).collect();
    let mut picture = RgbImage::new(width, height);
    for (x, y, pixel) in picture.enumerate_pixels_mut() {
        let (across, down) = (f64::from(x), f64::from(y) / f64::from(height));
        let far = ((across - sun.0).powi(2) + (f64::from(y) - sun.1).powi(2)).sqrt();
        let glow = (1.0 - far / 260.0).max(0.0).powi(2);
        let mut colour =
            [90.0 + 120.0 * dusk + 90.0 * down, 140.0 + 60.0 * down - 40.0 * dusk, 220.0 - 120.0 * dusk * down];
        colour = colour.map(|channel| channel + glow * (255.0 - channel));
        if far < 22.0 {
            colour = [255.0, 246.0, 214.0];
        }
        for (row, (pace, shift)) in waves.iter().enumerate() {
            let depth = row as f64;
            let ridge =
                0.5 + 0.14 * depth + 0.06 * (across * pace + shift).sin() + 0.02 * (across * pace * 3.7 + shift).sin();
            if down > ridge {
                let shade = 1.0 - 0.25 * depth;
                colour = [70.0 * shade + 30.0 * dusk, 110.0 * shade, 80.0 * shade];
            }
        }
        let grain = rng.random_range(-6.0..6.0);
        *pixel = Rgb(colour.map(|channel| to_byte(channel + grain)));
    }
    picture
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to a byte just before")]
fn to_byte(channel: f64) -> u8 {
    channel.clamp(0.0, 255.0) as u8
}

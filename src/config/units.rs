//! Sizes and times as people write them: `8GiB`, `7days`.

use std::ops::RangeInclusive;
use std::time::Duration;

const UNITS: [(&str, u64); 9] = [
    ("kib", 1 << 10),
    ("mib", 1 << 20),
    ("gib", 1 << 30),
    ("tib", 1 << 40),
    ("kb", 1_000),
    ("mb", 1_000_000),
    ("gb", 1_000_000_000),
    ("tb", 1_000_000_000_000),
    ("b", 1),
];

/// A number of bytes: `1048576`, `512MiB`, `1.5 GB`.
///
/// # Errors
/// A sentence that quotes `text` and shows what a size looks like.
pub fn parse_bytes(text: &str) -> Result<u64, String> {
    let wrong = || format!("{text:?} is not a size; write a number of bytes or one like 512MiB or 8GiB");
    let lower = text.trim().to_ascii_lowercase();
    let unit = UNITS.iter().find_map(|(name, factor)| Some((lower.strip_suffix(name)?, *factor)));
    let (number, factor) = unit.unwrap_or((&lower, 1));
    let number = number.trim();
    if let Ok(whole) = number.parse::<u64>() {
        return whole.checked_mul(factor).ok_or_else(wrong);
    }
    let (whole, decimals) = number.split_once('.').ok_or_else(wrong)?;
    if factor == 1 || decimals.is_empty() || decimals.len() > 6 || !decimals.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(wrong());
    }
    let whole: u64 = whole.parse().map_err(|_| wrong())?;
    let decimals: u64 = format!("{decimals:0<6}").parse().map_err(|_| wrong())?;
    let part = u128::from(decimals) * u128::from(factor) / 1_000_000;
    let whole = whole.checked_mul(factor).ok_or_else(wrong)?;
    u64::try_from(part).ok().and_then(|part| whole.checked_add(part)).ok_or_else(wrong)
}

/// `bytes` for people: `512 B`, `1.5 MiB`.
pub fn show_bytes(bytes: u64) -> String {
    let mut value = bytes as f64;
    let mut unit = "B";
    for larger in ["KiB", "MiB", "GiB", "TiB"] {
        if value < 1024.0 {
            break;
        }
        value /= 1024.0;
        unit = larger;
    }
    if unit == "B" { format!("{bytes} B") } else { format!("{value:.1} {unit}") }
}

/// A span of time like `30s`, `1h 30m` or `7days`, inside `range`.
pub(super) fn parse_duration(text: &str, range: &RangeInclusive<Duration>) -> Result<Duration, String> {
    let span = humantime::parse_duration(text.trim());
    let span = span.map_err(|_| format!("{text:?} is not a time; write one like 30s, 5m, 1h or 7days"))?;
    if range.contains(&span) {
        return Ok(span);
    }
    let (least, most) = (humantime::format_duration(*range.start()), humantime::format_duration(*range.end()));
    Err(format!("{text} is out of range; give a time from {least} to {most}"))
}

/// A whole number inside `range`.
pub(super) fn parse_number(text: &str, range: &RangeInclusive<u64>) -> Result<u64, String> {
    let (least, most) = (range.start(), range.end());
    let remedy = format!("give a number from {least} to {most}");
    let number: u64 = text.trim().parse().map_err(|_| format!("{text:?} is not a whole number; {remedy}"))?;
    if range.contains(&number) { Ok(number) } else { Err(format!("{number} is out of range; {remedy}")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_as_people_write_them() {
        for (text, bytes) in [
            ("0", 0),
            ("12", 12),
            ("8GiB", 8 << 30),
            ("1 kb", 1000),
            ("1.5MiB", 1_572_864),
            ("2B", 2),
            ("0.1gb", 100_000_000),
        ] {
            assert_eq!(parse_bytes(text), Ok(bytes), "{text}");
        }
        for text in ["", "GiB", "-1", "1.5", "1.GiB", "1e3", "99999999999TiB", "8 Gigs", ".5GiB"] {
            assert!(parse_bytes(text).is_err(), "{text}");
        }
        assert_eq!(show_bytes(1_572_864), "1.5 MiB");
        assert_eq!(show_bytes(1023), "1023 B");
    }

    #[test]
    fn times_have_bounds() {
        let range = Duration::from_secs(1)..=Duration::from_secs(18);
        assert_eq!(parse_duration("15s", &range), Ok(Duration::from_secs(15)));
        assert_eq!(parse_duration("1m", &range), Err("1m is out of range; give a time from 1s to 18s".to_owned()));
        assert!(parse_duration("soon", &range).is_err());
    }
}

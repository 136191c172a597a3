//! Whether a JPEG file is whole.
//!
//! Its decoder fills what is missing with gray and says nothing, so `decode` asks here first.

const END: u8 = 0xD9;
const SCAN: u8 = 0xDA;

/// Whether `file` holds the end marker of its own picture (not of a thumbnail within).
pub(super) fn is_whole(file: &[u8]) -> bool {
    let mut rest = file.get(2..).unwrap_or_default(); // past the start marker
    while let Some((marker, after)) = next_marker(rest) {
        match marker {
            END => return true,
            SCAN => rest = skip_scan(skip_segment(after)),
            0x01 | 0xD0..=0xD7 => rest = after,
            _ => rest = skip_segment(after),
        }
    }
    false
}

/// The next marker's code and what comes after it.
fn next_marker(bytes: &[u8]) -> Option<(u8, &[u8])> {
    let start = bytes.iter().position(|byte| *byte == 0xFF)?;
    let code = start + bytes[start..].iter().position(|byte| *byte != 0xFF)?;
    Some((bytes[code], &bytes[code + 1..]))
}

/// What follows a segment that begins with its length.
fn skip_segment(bytes: &[u8]) -> &[u8] {
    let Some(length) = bytes.first_chunk::<2>() else { return &[] };
    bytes.get(usize::from(u16::from_be_bytes(*length))..).unwrap_or_default()
}

/// What follows entropy-coded data, in which 0xFF stands before 0x00 or a restart marker only.
fn skip_scan(bytes: &[u8]) -> &[u8] {
    let marker = bytes.windows(2).position(|pair| pair[0] == 0xFF && !matches!(pair[1], 0x00 | 0xD0..=0xD7 | 0xFF));
    marker.map_or(&[], |at| &bytes[at..])
}

#[cfg(test)]
mod tests {
    use super::*;

    const WHOLE: &[u8] = &[
        0xFF, 0xD8, 0xFF, 0xE1, 0, 6, 0xFF, 0xD8, 0xFF, 0xD9, // a thumbnail's end is not ours
        0xFF, 0xDA, 0, 3, 1, 0x12, 0xFF, 0x00, 0x34, 0xFF, 0xD3, 0x56, // a scan with a stuffed byte and a restart
        0xFF, 0xC4, 0, 3, 9, 0xFF, 0xDA, 0, 2, 0x77, 0xFF, 0xFF, 0xD9, 0xAA, 0xBB,
    ];

    #[test]
    fn a_file_is_whole_once_its_own_end_marker_is_there() {
        assert!(is_whole(WHOLE));
        assert!(is_whole(&WHOLE[..WHOLE.len() - 2]), "what follows the end does not matter");
        for length in 0..WHOLE.len() - 2 {
            assert!(!is_whole(&WHOLE[..length]), "{length} bytes");
        }
    }
}

//! Encodings told apart by their bytes.

use super::*;

fn decoded(bytes: &[u8], encoding: &'static Encoding) -> Result<String, ToolError> {
    let mut out = Vec::new();
    transcode("t.csv", bytes, encoding, &mut out, 1 << 20, &Cancel::default())?;
    Ok(String::from_utf8(out).expect("UTF-8"))
}

fn guessed(bytes: &[u8]) -> Result<Option<&'static Encoding>, ToolError> {
    guess("t.csv", bytes, &Cancel::default())
}

#[test]
fn marks_decide() {
    assert_eq!(judge("t", b"\xef\xbb\xbfa,b"), Ok(Verdict::Utf8));
    assert_eq!(judge("t", b"\xff\xfea\0,\0"), Ok(Verdict::Is(UTF_16LE)));
    assert_eq!(judge("t", b"\0a\0,\0b\0\n"), Ok(Verdict::Is(UTF_16BE)));
    assert!(judge("t", b"abc\0def,ghi\n").is_err());
}

#[test]
fn western_text_is_found_and_rewritten() {
    let bytes = b"name,city\nM\xfcller,K\xf6ln\nJos\xe9,Bogot\xe1\n";
    assert_eq!(judge("t", bytes), Ok(Verdict::LookAtAll));
    let encoding = guessed(bytes).expect("a guess").expect("not UTF-8");
    assert_eq!(decoded(bytes, encoding).expect("text"), "name,city\nMüller,Köln\nJosé,Bogotá\n");
}

#[test]
fn a_character_across_chunks_is_whole() {
    let text = format!("{}é{}", "x".repeat(CHUNK - 1), "y".repeat(10));
    assert_eq!(guessed(text.as_bytes()), Ok(None));
    let sixteen: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
    assert_eq!(decoded(&sixteen, UTF_16LE).expect("text"), text);
}

#[test]
fn mostly_utf8_with_a_broken_byte_is_refused_by_line() {
    let mut bytes = "ä,ö\nü,ß\n".as_bytes().to_vec();
    bytes.extend_from_slice(b"x,\xff\n");
    let error = guessed(&bytes).expect_err("broken");
    assert_eq!(error.message, "t.csv is UTF-8 but for 1 bytes, the first in line 3; save it as UTF-8 throughout");
}

#[test]
fn a_broken_surrogate_is_refused_by_line() {
    let bytes: Vec<u8> = [0x61_u16, 0x0a, 0xd800, 0x62].iter().flat_map(|unit| unit.to_le_bytes()).collect();
    let error = decoded(&bytes, UTF_16LE).expect_err("broken");
    assert_eq!(error.message, "t.csv is not valid UTF-16LE at line 2; save it as UTF-8");
}

#[test]
fn valid_utf8_wins_a_tie() {
    let error = guessed(b"\xc3\xa4,1\nx,\xff\n").expect_err("one character, one broken byte");
    assert_eq!(error.message, "t.csv is UTF-8 but for 1 bytes, the first in line 2; save it as UTF-8 throughout");
    let error = guessed(b"\xc3\xa4,1\nx,\xe2\x82\n").expect_err("one character, half of another");
    assert!(error.message.starts_with("t.csv is UTF-8 but for 2 bytes"), "{error}");
}

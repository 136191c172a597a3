//! Records told apart where quotes and line ends meet.

use super::*;

fn count(text: &str, separator: u8) -> (Vec<(u64, usize)>, Result<(), u64>) {
    let mut records = Vec::new();
    let mut counter = Counter::new(separator);
    for byte in text.as_bytes() {
        counter.feed(std::slice::from_ref(byte), |record| records.push((record.line, record.fields)));
    }
    let end = counter.finish(|record| records.push((record.line, record.fields)));
    (records, end)
}

#[test]
fn quotes_hide_separators_and_line_ends() {
    let (records, end) = count("a,b\n\"x,\ny\",\"say \"\"hi\"\", ok\"\nlast,1", b',');
    assert_eq!(records, [(1, 2), (2, 2), (4, 2)]);
    assert_eq!(end, Ok(()));
}

#[test]
fn all_line_ends_count_once_and_blank_lines_are_nothing() {
    for text in ["a,b\n\n1,2\n", "a,b\r\n\r\n1,2\r\n", "a,b\r\r1,2\r"] {
        assert_eq!(count(text, b',').0, [(1, 2), (3, 2)], "{text:?}");
    }
}

#[test]
fn a_quote_that_never_ends_is_named_by_the_line_it_began_in() {
    assert_eq!(count("a,b\n\"x,1\n2,3\n", b',').1, Err(2));
}

#[test]
fn a_quote_inside_a_plain_field_is_a_character() {
    assert_eq!(count("5\" pipe,1\n6,2\n", b',').0, [(1, 2), (2, 2)]);
}

#[test]
fn text_behind_a_closing_quote_is_seen() {
    let stray = |text: &str| {
        let mut found = Vec::new();
        let mut counter = Counter::new(b',');
        counter.feed(text.as_bytes(), |record| found.push(record.stray));
        found
    };
    assert_eq!(stray("\"a\"b,1\n\"a\" ,1\n\"a\"\"b\",1\na\"b,1\n\"a\" b,1\n"), [true, false, false, false, true]);
}

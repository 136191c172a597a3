//! Where in a text: line and column of a byte offset, for people.

/// `line 2, column 5` of the byte `offset` in `text`.
pub(in crate::data) fn place(text: &str, offset: usize) -> String {
    let before = &text[..text.floor_char_boundary(offset.min(text.len()))];
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or(before).chars().count() + 1;
    format!("line {line}, column {column}")
}

#[test]
fn lines_and_columns_count_from_one_and_in_characters() {
    assert_eq!(place("select ä,\n b", 0), "line 1, column 1");
    assert_eq!(place("select ä, b", 11), "line 1, column 11");
    assert_eq!(place("select ä,\n b", 12), "line 2, column 2");
    assert_eq!(place("ab", 99), "line 1, column 3");
}

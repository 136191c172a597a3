//! Names and texts as SQL literals.

/// `"name"`, its quotes doubled.
pub(in crate::data) fn ident(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// `'text'`, its quotes doubled.
pub(in crate::data) fn text(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

#[test]
fn quotes_cannot_end_a_literal() {
    assert_eq!(ident(r#"a"b"#), r#""a""b""#);
    assert_eq!(text("a'; DROP"), "'a''; DROP'");
}

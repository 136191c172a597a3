//! How deep brackets nest in a SQL text. Asked before DuckDB's parser, whose time grows steeply with the depth.

use crate::ToolError;

/// Deeper than any query that people or models write.
const MAX_DEPTH: usize = 200;

/// # Errors
/// `BadQuery` when brackets nest deeper than DuckDB's parser should be asked to follow.
pub(super) fn check(sql: &str) -> Result<(), ToolError> {
    if depth(sql) <= MAX_DEPTH {
        return Ok(());
    }
    Err(ToolError::bad_query(format!("the SQL nests brackets more than {MAX_DEPTH} deep; write it flatter")))
}

/// The deepest nesting outside comments and quoted text.
fn depth(sql: &str) -> usize {
    let (mut now, mut most) = (0_usize, 0);
    let mut rest = sql;
    while let Some(c) = rest.chars().next() {
        match c {
            '(' | '[' | '{' => now += 1,
            ')' | ']' | '}' => now = now.saturating_sub(1),
            _ => {}
        }
        most = most.max(now);
        rest = &rest[skip(rest, c)..];
    }
    most
}

/// How many bytes belong to what begins at the start of `rest`: a comment, a quoted text or one character.
fn skip(rest: &str, first: char) -> usize {
    let until = |end: &str, from: usize| rest[from..].find(end).map_or(rest.len(), |at| from + at + end.len());
    match first {
        '\'' | '"' => until(&rest[..1], 1),
        '-' if rest.starts_with("--") => until("\n", 2),
        '/' if rest.starts_with("/*") => until("*/", 2),
        'e' | 'E' if rest[1..].starts_with('\'') => escaped(rest),
        c if c.is_alphabetic() || c == '_' => word(rest), // whole, lest the e of DATE'…' begin an e'…'
        '$' => match dollar_tag(rest) {
            Some(tag) => until(tag, tag.len()),
            None => 1,
        },
        c => c.len_utf8(),
    }
}

/// The length of the name or keyword that `rest` begins with.
fn word(rest: &str) -> usize {
    rest.find(|c: char| !c.is_alphanumeric() && c != '_' && c != '$').unwrap_or(rest.len())
}

/// The length of `e'…'`, in which a backslash takes the next character's meaning away.
fn escaped(rest: &str) -> usize {
    let mut chars = rest.char_indices().skip(2);
    while let Some((at, c)) = chars.next() {
        match c {
            '\\' => drop(chars.next()),
            '\'' => return at + 1,
            _ => {}
        }
    }
    rest.len()
}

/// `$tag$` at the start of `rest`.
fn dollar_tag(rest: &str) -> Option<&str> {
    let end = rest[1..].find('$')? + 2;
    let tag = &rest[..end];
    tag[1..end - 1].chars().all(|c| c.is_alphanumeric() || c == '_').then_some(tag)
}

#[test]
fn depth_counts_brackets_but_not_quoted_ones() {
    assert_eq!(depth("f(g([1, 2]), h(3))"), 3);
    assert_eq!(depth(r#"'((((' || "((" || e'\'((' || $$((($$ || $a$(($a$ /* ((( */ || (1) -- (((("#), 1);
    assert_eq!(depth(r"date'\' || ((1))"), 2);
    assert_eq!(depth(r"type'\' || e'\'((' || name || (1)"), 1);
    assert_eq!(depth("-- it's\n((1))"), 2);
    assert!(check(&format!("select {}1", "(".repeat(201))).is_err());
}

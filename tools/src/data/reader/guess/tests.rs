//! A guess is what a look at all rows finds, or none.

use std::fmt::Write as _;

use proptest::prelude::*;

use super::*;
use crate::data::samples::Workspace;

const GIVEN: &str =
    "delim = ',', quote = '\"', escape = '\"', comment = '', skip = 0, compression = 'none', strict_mode = true";
/// More rows than are looked at for a guess.
const ROWS: usize = 30_000;

/// A table whose column `x` says `usual` in every row but one far down, which says `late`.
fn table(usual: &str, late: &str) -> String {
    let mut csv = "n,x,y\n".to_owned();
    for row in 0..ROWS {
        let x = if row == ROWS - 5 { late } else { usual };
        writeln!(csv, "{row},{x},some text").expect("writing to a string cannot fail");
    }
    csv
}

/// The columns as guessed and as found in all rows.
fn both(csv: &str) -> (Option<Vec<Column>>, Vec<Column>) {
    let workspace = Workspace::new();
    let input = workspace.put("t.csv", csv);
    let local = text(&input.local.to_string_lossy());
    let connection = Connection::open_in_memory().expect("open");
    let guessed = guess(&connection, &local, GIVEN).expect("readable").map(|dialect| dialect.columns);
    (guessed, Dialect::find(&connection, &local, GIVEN).expect("readable").columns)
}

#[test]
fn what_holds_to_the_end_is_guessed() {
    for (usual, dtype) in [
        ("7", "BIGINT"),
        ("-12", "BIGINT"),
        ("1.5", "DOUBLE"),
        ("true", "BOOLEAN"),
        ("2024-02-29", "DATE"),
        ("29.02.2024", "DATE"),
        ("2024-02-29 12:30:00", "TIMESTAMP"),
        ("12:30:00", "TIME"),
        ("words", "VARCHAR"),
    ] {
        let (guessed, found) = both(&table(usual, usual));
        assert_eq!(found[1].dtype, dtype, "{usual}");
        assert_eq!(guessed, Some(found), "{usual}");
    }
}

#[test]
fn what_changes_late_is_not() {
    for (usual, late) in [
        ("7", "1.5"),
        ("7", "n/a"),
        ("7", "12345678901234567890"),
        ("1.5", "one and a half"),
        ("true", "1"),
        ("2024-02-29", "2024-02-29 10:00:00"),
        ("2024-02-29", "29.02.2024"),
        ("2024-02-29 12:30:00", "2024-02-29 12:30:00+02"),
        ("2024-02-29 12:30:00", "2024-02-29T12:30:00Z"),
        ("12:30:00", "2024-02-29 12:30:00"),
        ("", "7"),
    ] {
        let (guessed, found) = both(&table(usual, late));
        assert!(guessed.is_none_or(|guessed| guessed == found), "{usual}, then {late}: {found:?}");
    }
}

#[test]
fn a_late_gap_changes_nothing() {
    for usual in ["7", "1.5", "2024-02-29", "words"] {
        let (guessed, found) = both(&table(usual, ""));
        assert_eq!(guessed, Some(found), "{usual}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn a_guess_is_what_all_rows_say(usual in cell(), late in cell()) {
        let (guessed, found) = both(&table(&usual, &late));
        prop_assert!(guessed.is_none_or(|guessed| guessed == found), "{usual:?}, then {late:?}: {found:?}");
    }
}

/// A cell as people write them.
fn cell() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<i32>().prop_map(|number| number.to_string()),
        any::<f32>().prop_filter("finite", |number| number.is_finite()).prop_map(|number| number.to_string()),
        "[0-9]{1,3}\\.[0-9]{0,3}",
        "(19|20)[0-9]{2}-(0[1-9]|1[0-2])-(0[1-9]|2[0-8])",
        "(0[1-9]|2[0-8])[./](0[1-9]|1[0-2])[./](19|20)[0-9]{2}",
        "20[0-9]{2}-(0[1-9]|1[0-2])-(0[1-9]|2[0-8])[ T](0[0-9]|1[0-9]):[0-5][0-9](:[0-5][0-9](\\.[0-9]{1,6})?)?(Z|[+-]0[0-9](:00)?)?",
        "(true|false|TRUE|yes|no|t|f|0|1)",
        "[ ]?[0-9]{1,2}[ ]?",
        "[a-z]{0,4}",
        "[+-]?[0-9]{1,3}(e[0-9])?",
    ]
}

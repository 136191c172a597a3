//! `file_preview`: a look inside one file, without reading it whole.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use super::preview::preview_file;
use crate::{Context, InputSpec, Report, Tool, ToolError, WorkspacePath};

/// Shows the beginning of a table or text, or what a picture's header says.
pub struct Look;

/// What to look at.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Params {
    /// The file, like `sales.csv`, `photos/a.jpg` or `jobs/<job_id>/result.parquet`.
    file: WorkspacePath,
    /// How many rows or lines to show, up to 1,000. Default 20.
    #[schemars(range(min = 1, max = 1000))]
    rows: Option<usize>,
}

impl Tool for Look {
    type Params = Params;
    type Details = Value;
    const NAME: &'static str = "file_preview";
    const TITLE: &'static str = "Look inside a file";
    const DESCRIPTION: &'static str = "Shows the first rows of a table with its columns and types, the first lines of a text, or a \
        picture's format and size. Use it before data_query to learn the columns. It reads only the beginning of the file.";

    fn inputs(&self, params: &Params) -> Result<Vec<InputSpec>, ToolError> {
        if params.rows == Some(0) {
            return Err(ToolError::invalid("file_preview, parameter rows: at least 1"));
        }
        Ok(vec![InputSpec::Path { name: params.file.to_string(), path: params.file.clone() }])
    }

    fn run(&self, params: Params, ctx: &mut Context) -> Result<Report, ToolError> {
        preview_file(ctx.input(params.file.as_str())?, params.rows.unwrap_or(20), ctx)
    }
}

#[test]
fn a_look_shows_the_beginning() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let local = folder.path().join("in");
    std::fs::write(&local, "a,b\n1,x\n2,y\n3,z\n").expect("write");
    let path: WorkspacePath = "t.csv".parse().expect("a path");
    let input = crate::Input { name: "t.csv".to_owned(), path: path.clone(), local, bytes: 16 };
    let mut ctx = Context::detached(vec![input], folder.path()).expect("context");
    let report = Look.run(Params { file: path, rows: Some(2) }, &mut ctx).expect("a look");
    assert_eq!(report.rows, vec![vec![1.into(), "x".into()], vec![Value::from(2), "y".into()]]);
    assert!(report.truncated);
}

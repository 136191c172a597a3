//! `explore_table`: what a table holds, what is odd about it, and the questions it can answer.

use async_trait::async_trait;
use rmcp::model::{ArgumentInfo, CompletionContext, GetPromptRequestParams, GetPromptResponse, Prompt as Listed};

use super::arguments::{Arguments, argument, fill, in_json, in_sql, said};
use crate::mcp::candidates::{self, Kind};
use crate::mcp::surface::{CallError, Caller, Prompt};
use crate::view;

pub(super) struct ExploreTable;

const TEXT: &str = r#"Find out what the table {path} in my Heavylift workspace holds ({bytes} bytes, written {modified}).{focus}

Go about it like this:
1. Call `file_preview` with {"file": {path}} to see its columns, their types and the first rows.
2. Call `data_profile` with {"file": {path}} for every column's nulls, distinct values, range and quartiles, and for rows that repeat.
3. Think of three to five questions that this table can answer and that somebody who owns it would ask. Answer each with one `data_query`: {"sql": "SELECT … FROM {table} …"}, written for DuckDB. Aggregate in SQL instead of fetching rows; the whole result of a query stays as a file (its `artifacts`) that a later query can read.

If a call answers with `status` "running" or "queued", go on with `job_wait` and its `job_id` until it is done.

Then tell me, in this order and briefly: what one row stands for; which columns matter and what they mean; what looks wrong (nulls, repeated rows, impossible values, mixed spellings); the answers, each with its figures; what you would look at next. Every figure must come from a call's result."#;

#[async_trait]
impl Prompt for ExploreTable {
    fn listed(&self) -> Listed {
        let path = "The table's path in the workspace: CSV, TSV, JSON, NDJSON, Parquet or Arrow.";
        let arguments = vec![
            argument("path", "Table", path, true),
            argument("column", "Column", "A column to look at most closely.", false),
        ];
        let description = "Looks at a table, profiles it and answers the questions that it can answer.";
        Listed::new("explore_table", Some(description), Some(arguments)).with_title("Explore a table")
    }

    async fn get(&self, caller: &Caller<'_>, request: GetPromptRequestParams) -> Result<GetPromptResponse, CallError> {
        let arguments = Arguments::of(&self.listed(), request)?;
        let found = arguments.file(caller, "path").await?;
        let focus = arguments.get("column").map(|column| format!(" Look most closely at its column {column:?}."));
        let values = [
            ("path", in_json(&found.path)),
            ("table", in_sql(&found.path)),
            ("bytes", found.meta.bytes.to_string()),
            ("modified", view::text(found.meta.modified)),
            ("focus", focus.unwrap_or_default()),
        ];
        let text = fill(TEXT, &values);
        Ok(said(text, format!("Explore {}", found.path)))
    }

    async fn complete(
        &self,
        caller: &Caller<'_>,
        argument: &ArgumentInfo,
        context: Option<&CompletionContext>,
    ) -> Result<Vec<String>, CallError> {
        let path = context.and_then(|context| context.get_argument("path"));
        Ok(match (argument.name.as_str(), path) {
            ("path", _) => candidates::files(caller, &argument.value, Kind::Table).await?,
            ("column", Some(path)) => candidates::columns(caller, path, &argument.value).await?,
            _ => Vec::new(),
        })
    }
}

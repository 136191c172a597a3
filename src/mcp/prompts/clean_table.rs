//! `clean_table`: find a table's faults, agree on rules, write a clean copy and show that it is clean.

use async_trait::async_trait;
use rmcp::model::{ArgumentInfo, CompletionContext, GetPromptRequestParams, GetPromptResponse, Prompt as Listed};

use super::arguments::{Arguments, argument, fill, in_json, in_sql, said};
use crate::mcp::candidates::{self, Kind};
use crate::mcp::surface::{CallError, Caller, Prompt};

pub(super) struct CleanTable;

const TEXT: &str = r#"Make a clean copy of the table {path} in my Heavylift workspace ({bytes} bytes). The original stays as it is.

1. Find the faults. Call `data_profile` with {"file": {path}}: look at nulls, repeated rows, columns of text that hold numbers or dates, ranges that cannot be. Where a text column has few distinct values, list them with `data_query` ({"sql": "SELECT column, count(*) FROM {table} GROUP BY ALL ORDER BY 2 DESC"}) to find spellings that mean the same.
2. Tell me what you found, and for each fault the rule that you propose: drop the row, keep it, fill it (with what), change its type, unify its spelling. Say how many rows each rule touches. Never guess a value that the table does not give. Wait for my word where a rule drops rows or fills values.
3. Write the copy with one `data_query`: {"sql": "SELECT … FROM {table} …", "output": "parquet"}, naming every column, with TRY_CAST for types, trim and a CASE for spellings, SELECT DISTINCT or QUALIFY for repeated rows. Its artifact `jobs/<job_id>/result.parquet` is the clean table.
4. Check it: `data_profile` with {"file": "jobs/<job_id>/result.parquet"}. Compare rows, nulls and types with the original's, and go back to 3 if something is off.

If a call answers with `status` "running" or "queued", go on with `job_wait` and its `job_id` until it is done.

At the end give me the path and the download link of the clean table, the SQL that made it, and a table of rule, rows touched, rows before and after."#;

#[async_trait]
impl Prompt for CleanTable {
    fn listed(&self) -> Listed {
        let path = "The table's path in the workspace: CSV, TSV, JSON, NDJSON, Parquet or Arrow.";
        let arguments = vec![argument("path", "Table", path, true)];
        let description = "Finds what is wrong with a table, proposes rules and writes a clean copy.";
        Listed::new("clean_table", Some(description), Some(arguments)).with_title("Clean a table")
    }

    async fn get(&self, caller: &Caller<'_>, request: GetPromptRequestParams) -> Result<GetPromptResponse, CallError> {
        let found = Arguments::of(&self.listed(), request)?.file(caller, "path").await?;
        let bytes = found.meta.bytes.to_string();
        let text = fill(TEXT, &[("path", in_json(&found.path)), ("table", in_sql(&found.path)), ("bytes", bytes)]);
        Ok(said(text, format!("Clean {}", found.path)))
    }

    async fn complete(
        &self,
        caller: &Caller<'_>,
        argument: &ArgumentInfo,
        _: Option<&CompletionContext>,
    ) -> Result<Vec<String>, CallError> {
        Ok(candidates::files(caller, &argument.value, Kind::Table).await?)
    }
}

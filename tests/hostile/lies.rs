//! A tool whose result is not true: what it says it wrote is not there, or somebody else's.

use std::path::PathBuf;

use serde_json::{Value, json};
use tools::{AnyTool, ArtifactFile, Context, InputSpec, Outcome, Report, ToolError, ToolSpec};

pub(crate) struct Lie;

impl AnyTool for Lie {
    fn spec(&self) -> ToolSpec {
        ToolSpec {
            name: "lie".to_owned(),
            title: "Lie".to_owned(),
            description: "Says it wrote the file called name, which is really at path.".to_owned(),
            input_schema: json!({"type": "object"}),
            details_schema: json!({"type": "object"}),
        }
    }

    fn inputs(&self, _: &Value) -> Result<Vec<InputSpec>, ToolError> {
        Ok(Vec::new())
    }

    fn run(&self, params: &Value, _: &mut Context) -> Result<Outcome, ToolError> {
        let text = |name: &str| params[name].as_str().unwrap_or_default().to_owned();
        let artifact = ArtifactFile {
            name: text("name"),
            mime: "text/plain".to_owned(),
            local: PathBuf::from(text("path")),
            bytes: params["bytes"].as_u64().unwrap_or_default(),
            sha256: "0".repeat(64),
        };
        Ok(Outcome {
            report: Report { summary: "it is all there".to_owned(), ..Report::default() },
            artifacts: vec![artifact],
        })
    }
}

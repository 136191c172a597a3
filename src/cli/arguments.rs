//! A tool's parameters from the command line.

use rmcp::model::JsonObject;
use serde_json::Value;

/// The parameters of `--args` (JSON, or `@file` with JSON) with each `--arg name=value` laid over them.
pub(super) fn collect(whole: Option<&str>, single: &[String]) -> Result<JsonObject, String> {
    let mut arguments = whole.map(object).transpose()?.unwrap_or_default();
    for text in single {
        let (name, value) = text
            .split_once('=')
            .filter(|(name, _)| !name.is_empty())
            .ok_or_else(|| format!("{text:?} is not a parameter; write --arg name=value"))?;
        arguments.insert(name.to_owned(), value_of(value));
    }
    Ok(arguments)
}

fn object(text: &str) -> Result<JsonObject, String> {
    let read = |path: &str| std::fs::read_to_string(path).map_err(|error| format!("--args @{path}: {error}"));
    let text = text.strip_prefix('@').map_or_else(|| Ok(text.to_owned()), read)?;
    serde_json::from_str(&text).map_err(|error| format!("--args is not a JSON object: {error}"))
}

/// JSON where it parses as anything but a string (`5`, `true`, `["a.jpg"]`), else the text as it stands.
fn value_of(text: &str) -> Value {
    match serde_json::from_str(text) {
        Ok(Value::String(_)) | Err(_) => Value::String(text.to_owned()),
        Ok(value) => value,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn collect_value(whole: Option<&str>, single: &[&str]) -> Result<Value, String> {
        let single: Vec<_> = single.iter().map(|text| (*text).to_owned()).collect();
        collect(whole, &single).map(Value::Object)
    }

    #[test]
    fn values_are_json_unless_they_are_text() {
        let single = ["sql=select 1 = 1", "preview_rows=5", "files=[\"a.csv\"]", "quoted=\"x\"", "on=true", "empty="];
        let expected = json!({
            "sql": "select 1 = 1", "preview_rows": 5, "files": ["a.csv"], "quoted": "\"x\"", "on": true, "empty": ""
        });
        assert_eq!(collect_value(None, &single), Ok(expected));
    }

    #[test]
    fn single_parameters_lie_over_the_whole() {
        let folder = tempfile::tempdir().expect("temporary folder");
        let path = folder.path().join("args.json");
        std::fs::write(&path, r#"{"sql": "select 1", "output": "csv"}"#).expect("write");
        let whole = format!("@{}", path.display());
        let expected = json!({"sql": "select 2", "output": "csv"});
        assert_eq!(collect_value(Some(&whole), &["sql=select 2"]), Ok(expected));
    }

    #[test]
    fn what_is_no_parameter_is_named() {
        assert!(collect_value(None, &["sql"]).expect_err("no =").contains("\"sql\""));
        assert!(collect_value(None, &["=x"]).is_err());
        assert!(collect_value(Some("[1]"), &[]).is_err());
        assert!(collect_value(Some("@/nonexistent.json"), &[]).expect_err("no file").contains("/nonexistent.json"));
    }
}

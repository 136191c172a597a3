//! What a call may say, and how a wrong one is answered before any job exists.

use serde_json::{Value, json};

use crate::image::Process;
use crate::{AnyTool, InputSpec, ToolErrorKind};

fn fault(params: &Value) -> String {
    let error = AnyTool::inputs(&Process, params).expect_err("refused");
    assert_eq!(error.kind, ToolErrorKind::InvalidParams);
    error.message
}

fn operation_fault(operation: &Value) -> String {
    fault(&json!({"files": ["a.png"], "operations": [{"op": "grayscale"}, operation]}))
}

#[test]
fn paths_and_globs_become_inputs() {
    let params = json!({"files": ["./a.png", "photos/**/*.jpg", "b?.png"], "format": "webp"});
    let inputs = AnyTool::inputs(&Process, &params).expect("inputs");
    assert_eq!(
        inputs,
        [
            InputSpec::Path { name: "./a.png".into(), path: "a.png".parse().expect("a path") },
            InputSpec::Glob("photos/**/*.jpg".into()),
            InputSpec::Glob("b?.png".into()),
        ]
    );
}

#[test]
fn bad_files_are_named_by_number() {
    assert!(fault(&json!({"files": [], "format": "png"})).contains("files is empty"));
    assert!(fault(&json!({"files": ["a.png", "../b.png"], "format": "png"})).contains("entry 2 of files"));
    assert!(fault(&json!({"files": ["a[.png"], "format": "png"})).contains("entry 1 of files"));
    assert!(fault(&json!({"files": vec!["a.png"; 10_001], "format": "png"})).contains("10001 entries"));
}

#[test]
fn a_call_that_does_nothing_is_refused() {
    assert!(fault(&json!({"files": ["a.png"]})).contains("nothing to do"));
    assert!(fault(&json!({"files": ["a.png"], "operations": []})).contains("nothing to do"));
}

#[test]
fn quality_and_format_have_their_range() {
    assert_eq!(fault(&json!({"files": ["a.png"], "quality": 0})), "quality is 0; give 1 to 100");
    assert_eq!(fault(&json!({"files": ["a.png"], "quality": 300})), "quality is 300; give 1 to 100");
    let unknown = fault(&json!({"files": ["a.png"], "format": "heic"}));
    assert!(unknown.contains("parameter format") && unknown.contains("`heic`"), "{unknown}");
    assert!(AnyTool::inputs(&Process, &json!({"files": ["a.png"], "format": "jpg"})).is_ok());
}

#[test]
fn unsound_operations_are_named_by_number() {
    for (operation, fault) in [
        (json!({"op": "resize"}), "operation 2 (resize): give a width"),
        (json!({"op": "resize", "width": 0}), "operation 2 (resize): width and height are at least 1"),
        (json!({"op": "crop", "x": 0, "y": 0, "width": 5, "height": 0}), "operation 2 (crop): width and height"),
        (json!({"op": "rotate", "degrees": 1e9}), "operation 2 (rotate): degrees is 1000000000"),
        (json!({"op": "blur", "sigma": 0}), "operation 2 (blur): sigma is 0"),
        (json!({"op": "blur", "sigma": 5000}), "operation 2 (blur): sigma is 5000"),
    ] {
        let message = operation_fault(&operation);
        assert!(message.contains(fault), "{message}");
    }
    let many = vec![json!({"op": "grayscale"}); 51];
    assert!(fault(&json!({"files": ["a.png"], "operations": many})).contains("51 operations"));
}

#[test]
fn misspelt_operations_are_named_by_place_and_word() {
    for (operation, word) in [
        (json!({"op": "resize", "widht": 5}), "`widht`"),
        (json!({"op": "grayscale", "amount": 5}), "`amount`"),
        (json!({"op": "sharpen"}), "`sharpen`"),
        (json!({"op": "crop", "x": 0, "y": 0, "width": 5}), "`height`"),
        (json!({"op": "flip", "axis": "diagonal"}), "`diagonal`"),
        (json!({"op": "resize", "width": -5}), "-5"),
        (json!({"op": "resize", "width": 5, "fit": "contain", "background": "red"}), "\"red\""),
        (json!({"width": 5}), "`op`"),
    ] {
        let message = operation_fault(&operation);
        assert!(message.contains("image_process, parameter operations[1]") && message.contains(word), "{message}");
    }
}

#[test]
fn the_schema_tells_a_model_each_operation() {
    let schema = AnyTool::spec(&Process).input_schema;
    assert!(!schema.to_string().contains("$ref"), "{schema}");
    let operations = schema["properties"]["operations"]["items"]["oneOf"].as_array().expect("a list of kinds");
    let names: Vec<&str> = operations.iter().filter_map(|kind| kind["properties"]["op"]["const"].as_str()).collect();
    assert_eq!(names, ["resize", "crop", "rotate", "flip", "grayscale", "blur"]);
    for kind in operations {
        assert_eq!(kind["additionalProperties"], json!(false), "{kind}");
        for (name, field) in kind["properties"].as_object().expect("fields") {
            assert!(name == "op" || field["description"].is_string(), "{name} of {kind}");
        }
    }
}

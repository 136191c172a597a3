//! Progress goes on rising where another server takes over: there the job begins again, and its numbers with it.

use std::collections::HashMap;

use serde_json::{Value, json};

/// What a line must hold to be looked at.
const METHOD: &[u8] = b"\"notifications/progress\"";
/// What a number that would fall or stand rises by instead, of the total.
const STEP: f64 = 1e-9;

/// The highest number that was told, by token.
#[derive(Default)]
pub(super) struct Rising(HashMap<String, f64>);

impl Rising {
    /// The line as the client may hear it.
    pub(super) fn raise(&mut self, line: Vec<u8>) -> Vec<u8> {
        // The method stands near the beginning, so long answers cost nothing here.
        let start = &line[..line.len().min(100)];
        if !start.windows(METHOD.len()).any(|part| part == METHOD) {
            return line;
        }
        let Ok(mut note) = serde_json::from_slice::<Value>(&line) else { return line };
        let params = &mut note["params"];
        let Some(number) = params["progress"].as_f64() else { return line };
        let step = params["total"].as_f64().unwrap_or(1.0).abs().max(f64::MIN_POSITIVE) * STEP;
        let told = self.0.entry(params["progressToken"].to_string()).or_insert(f64::NEG_INFINITY);
        let rises = number > *told;
        *told = if rises { number } else { *told + step };
        if rises {
            return line;
        }
        params["progress"] = json!(*told);
        format!("{note}\n").into_bytes()
    }

    /// Nothing is open any more.
    pub(super) fn forget(&mut self) {
        self.0.clear();
    }
}

#[test]
fn numbers_rise_for_each_token_whatever_comes() {
    let mut rising = Rising::default();
    let mut told = |token: &str, number: f64| {
        let params = json!({"progressToken": token, "progress": number, "total": 100.0});
        let line = json!({"jsonrpc": "2.0", "method": "notifications/progress", "params": params});
        let raised = rising.raise(format!("{line}\n").into_bytes());
        serde_json::from_slice::<Value>(&raised).expect("JSON")["params"]["progress"].as_f64().expect("a number")
    };
    let numbers = [0.0, 40.0, 0.0, 10.0, 50.0].map(|number| told("a", number));
    assert!(numbers.windows(2).all(|pair| pair[1] > pair[0]), "{numbers:?}");
    assert!(numbers[3] < 40.001 && (numbers[4] - 50.0).abs() < f64::EPSILON, "{numbers:?}");
    assert!(told("b", 1.0) < 2.0, "another's numbers are its own");
    let other = b"{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{}}\n".to_vec();
    assert_eq!(rising.raise(other.clone()), other);
}

//! What a conversation would need at another server, should its own end: how the session began, and what is not answered yet.

use std::borrow::Cow;
use std::collections::HashSet;

use serde::Deserialize;
use serde_json::{Value, json};

use super::progress::Rising;

/// How many requests may be open at once.
const MOST_OPEN: usize = 1024;
/// How many requests that made the session what it is are remembered.
const MOST_STANDING: usize = 256;
/// What a session, of the eras that have one, would not be the same without.
const STANDING: [&str; 4] = ["initialize", "logging/setLevel", "resources/subscribe", "resources/unsubscribe"];

/// JSON-RPC's own codes, and the first of those that are left to servers.
const PARSE: i32 = -32700;
const INVALID: i32 = -32600;
const SERVER: i32 = -32000;

/// What of a server's message decides its way.
#[derive(Deserialize)]
struct Head<'a> {
    #[serde(borrow)]
    method: Option<Cow<'a, str>>,
    id: Option<Value>,
}

/// A request, by its id as JSON, and its line.
type Asked = (String, Vec<u8>);

/// What is remembered of one client's conversation.
#[derive(Default)]
pub(super) struct Memory {
    /// In the order in which they were asked.
    open: Vec<Asked>,
    standing: Vec<Asked>,
    /// The client's word that it is ready.
    initialized: Option<Vec<u8>>,
    /// Answers that the client has had from an earlier server.
    known: HashSet<String>,
    progress: Rising,
}

impl Memory {
    /// Takes note of a client's line.
    ///
    /// # Errors
    /// The line to answer in place of a server, to whom this one is not to be passed on.
    pub(super) fn asked(&mut self, line: &[u8]) -> Result<(), Vec<u8>> {
        let message = read(line)?;
        match (message["method"].as_str(), &message["id"]) {
            (Some("notifications/initialized"), Value::Null) => self.initialized = Some(line.to_vec()),
            (Some("notifications/cancelled"), Value::Null) => self.forget(&message["params"]["requestId"].to_string()),
            (Some(_), Value::Null) | (None, _) => {}
            (Some(method), id) => return self.request(method, id, line),
        }
        Ok(())
    }

    fn request(&mut self, method: &str, id: &Value, line: &[u8]) -> Result<(), Vec<u8>> {
        if self.open.len() >= MOST_OPEN {
            let message = format!("{MOST_OPEN} requests wait for their answers already; ask again when some have come");
            return Err(refusal(id, SERVER, &message));
        }
        let asked = (id.to_string(), line.to_vec());
        if STANDING.contains(&method) && self.standing.len() < MOST_STANDING {
            self.standing.push(asked.clone());
        }
        self.open.push(asked);
        Ok(())
    }

    /// Takes note of a server's line, and gives what the client is to hear; nothing where it has heard it before.
    pub(super) fn answered(&mut self, line: Vec<u8>) -> Option<Vec<u8>> {
        let Ok(Head { method: None, id: Some(id) }) = serde_json::from_slice(&line) else {
            return Some(self.progress.raise(line));
        };
        let id = id.to_string();
        self.forget(&id);
        if self.open.is_empty() {
            self.progress.forget();
        }
        (!self.known.remove(&id)).then_some(line)
    }

    fn forget(&mut self, id: &str) {
        self.open.retain(|(open, _)| open != id);
    }

    /// What to tell a server that takes the conversation over. Nothing at its beginning.
    pub(super) fn again(&mut self) -> Vec<Vec<u8>> {
        let is_open = |id: &str| self.open.iter().any(|(open, _)| open == id);
        let had: Vec<&Asked> = self.standing.iter().filter(|(id, _)| !is_open(id)).collect();
        self.known = had.iter().map(|(id, _)| id.clone()).collect();
        let mut lines: Vec<Vec<u8>> = had.into_iter().map(|(_, line)| line.clone()).collect();
        // Its place is after the first, which began the session.
        let at = lines.len().min(1);
        lines.splice(at..at, self.initialized.clone());
        lines.extend(self.open.iter().map(|(_, line)| line.clone()));
        lines
    }
}

/// The answer to a line that is longer than any message may be.
pub(super) fn too_long(most: usize) -> Vec<u8> {
    refusal(&Value::Null, INVALID, &format!("a message has at most {most} bytes; bigger files go by file_upload_link"))
}

/// The whole message: what is nested too deeply for a server must not get there, where nobody would answer it.
fn read(line: &[u8]) -> Result<Value, Vec<u8>> {
    if line.trim_ascii().is_empty() {
        return Ok(Value::Null); // says nothing
    }
    match serde_json::from_slice(line) {
        Ok(message @ Value::Object(_)) => Ok(message),
        Ok(_) => {
            let message = "a message is one JSON object on a line of its own; batches are not taken";
            Err(refusal(&Value::Null, INVALID, message))
        }
        Err(error) => Err(refusal(&Value::Null, PARSE, &format!("this is no JSON: {error}"))),
    }
}

fn refusal(id: &Value, code: i32, message: &str) -> Vec<u8> {
    let error = json!({"jsonrpc": "2.0", "id": id, "error": {"code": code, "message": message}});
    format!("{error}\n").into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(message: &Value) -> Vec<u8> {
        format!("{message}\n").into_bytes()
    }

    fn request(id: i64, method: &str) -> Vec<u8> {
        line(&json!({"jsonrpc": "2.0", "id": id, "method": method}))
    }

    fn response(id: i64) -> Vec<u8> {
        line(&json!({"jsonrpc": "2.0", "id": id, "result": {}}))
    }

    #[test]
    fn the_next_server_hears_how_it_began_and_what_is_open() {
        let mut memory = Memory::default();
        assert!(memory.again().is_empty());
        let ready = line(&json!({"jsonrpc": "2.0", "method": "notifications/initialized"}));
        let level = request(1, "logging/setLevel");
        for said in [&request(0, "initialize"), &ready, &level, &request(2, "tools/call"), &request(3, "tools/call")] {
            memory.asked(said).expect("passed on");
        }
        for id in [0, 1, 3] {
            assert_eq!(memory.answered(response(id)), Some(response(id)));
        }
        let told = [request(0, "initialize"), ready.clone(), level.clone(), request(2, "tools/call")];
        assert_eq!(memory.again(), told);
        assert_eq!([0, 1].map(|id| memory.answered(response(id))), [None, None], "the client has had these");
        assert!(memory.answered(response(2)).is_some());
        assert_eq!(memory.again(), told[..3]);
    }

    #[test]
    fn what_is_cancelled_is_not_asked_again() {
        let mut memory = Memory::default();
        memory.asked(&request(7, "tools/call")).expect("passed on");
        let cancel = json!({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 7}});
        memory.asked(&line(&cancel)).expect("passed on");
        assert!(memory.again().is_empty());
    }

    #[test]
    fn a_session_that_had_not_begun_begins_anew() {
        let mut memory = Memory::default();
        memory.asked(&request(0, "initialize")).expect("passed on");
        assert_eq!(memory.again(), [request(0, "initialize")]);
        assert!(memory.answered(response(0)).is_some(), "the client has not had it yet");
    }

    #[test]
    fn nonsense_is_answered_here() {
        let code = |text: &[u8]| {
            let answer = Memory::default().asked(text).expect_err("an answer");
            serde_json::from_slice::<Value>(&answer).expect("JSON")["error"]["code"].as_i64()
        };
        let deep = format!("{{\"id\": 1, \"method\": \"x\", \"params\": {}{}}}\n", "[".repeat(200), "]".repeat(200));
        for nonsense in [b"nonsense\n".as_slice(), b"{\n", b"\xff\xfe\n", b"{\"id\": \n", deep.as_bytes()] {
            assert_eq!(code(nonsense), Some(-32700), "{}", String::from_utf8_lossy(nonsense));
        }
        for batch in [b"[]\n".as_slice(), b"[{\"jsonrpc\": \"2.0\"}]\n", b"5\n"] {
            assert_eq!(code(batch), Some(-32600));
        }
        assert!(Memory::default().asked(b"\r\n").is_ok());
    }
}

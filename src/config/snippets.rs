//! What to paste into an AI client so that it finds the server.

use serde_json::{Value, json};

/// The snippets for one server. They never hold a key: clients ask for it or take it from the environment.
#[derive(Clone, Debug)]
pub struct Snippets {
    mcp_url: String,
    needs_key: bool,
}

impl Snippets {
    /// For the server at `base_url`; `needs_key` where it asks for API keys.
    pub fn new(base_url: &str, needs_key: bool) -> Self {
        Self { mcp_url: format!("{}/mcp", base_url.trim_end_matches('/')), needs_key }
    }

    /// The address of the MCP endpoint.
    pub fn mcp_url(&self) -> &str {
        &self.mcp_url
    }

    /// `.vscode/mcp.json`. VS Code asks for the key once and keeps it safe.
    pub fn vscode(&self) -> Value {
        let mut server = json!({"type": "http", "url": self.mcp_url});
        if !self.needs_key {
            return json!({"servers": {"heavylift": server}});
        }
        server["headers"] = json!({"X-API-Key": "${input:heavylift-key}"});
        let input = json!({"type": "promptString", "id": "heavylift-key", "description": "Heavylift API key", "password": true});
        json!({"inputs": [input], "servers": {"heavylift": server}})
    }

    /// `.mcp.json` of Claude Code and others that read `mcpServers`. The key comes from the environment.
    pub fn claude(&self) -> Value {
        let mut server = json!({"type": "http", "url": self.mcp_url});
        if self.needs_key {
            server["headers"] = json!({"X-API-Key": "${HEAVYLIFT_API_KEY}"});
        }
        json!({"mcpServers": {"heavylift": server}})
    }

    /// The command that adds the server to Claude Code.
    pub fn claude_command(&self) -> String {
        let header = if self.needs_key { " --header \"X-API-Key: $HEAVYLIFT_API_KEY\"" } else { "" };
        format!("claude mcp add --transport http heavylift {}{header}", self.mcp_url)
    }

    /// `mcpServers` of clients that start the server themselves and speak to it over its standard streams.
    pub fn started() -> Value {
        json!({"mcpServers": {"heavylift": {"command": "heavylift", "args": ["serve", "--stdio"]}}})
    }

    /// The command that has Claude Code start the server itself.
    pub const STARTED_BY_CLAUDE: &str = "claude mcp add heavylift -- heavylift serve --stdio";

    /// All of it, as `serve` and `demo` show it.
    pub fn page(&self) -> String {
        format!(
            "MCP endpoint: {}\n\nVS Code, .vscode/mcp.json:\n{:#}\n\nClaude Code:\n{}\n\nClaude and others, mcpServers:\n{:#}\n\n\
             Clients that start the server themselves:\n{}\n{:#}\n",
            self.mcp_url,
            self.vscode(),
            self.claude_command(),
            self.claude(),
            Self::STARTED_BY_CLAUDE,
            Self::started()
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn snippets_are_json_that_names_the_endpoint() {
        for needs_key in [false, true] {
            let snippets = Snippets::new("http://127.0.0.1:8000/", needs_key);
            let page = snippets.page();
            let from = page.find('{').expect("JSON");
            let first = serde_json::Deserializer::from_str(&page[from..]).into_iter::<Value>().next();
            let vscode = first.expect("a value").expect("valid JSON");
            assert_eq!(vscode["servers"]["heavylift"]["url"], "http://127.0.0.1:8000/mcp");
            assert_eq!(vscode["servers"]["heavylift"]["type"], "http");
            assert_eq!(vscode["servers"]["heavylift"].get("headers").is_some(), needs_key);
            assert_eq!(snippets.claude()["mcpServers"]["heavylift"]["url"], "http://127.0.0.1:8000/mcp");
            assert_eq!(snippets.claude_command().contains("X-API-Key"), needs_key);
        }
    }
}

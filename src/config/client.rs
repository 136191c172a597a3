//! Where the client commands find the server.

use clap::Args;

/// Options of every command that talks to a running server.
#[derive(Args, Clone)]
pub struct ClientArgs {
    /// The server's address
    #[arg(long, global = true, env = "HEAVYLIFT_URL", default_value = "http://127.0.0.1:8000", value_name = "URL")]
    pub url: String,

    /// The API key to send, where the server asks for one
    #[arg(long, global = true, env = "HEAVYLIFT_API_KEY", value_name = "KEY", hide_env_values = true)]
    pub api_key: Option<String>,
}

/// The key stays out of logs and panics.
impl std::fmt::Debug for ClientArgs {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ClientArgs").field("url", &self.url).finish_non_exhaustive()
    }
}

//! MCP over a pair of byte streams, one message a line: what a client speaks to a server that it started.
//!
//! `stdio` brings the streams; whoever holds their other end is `local`.

use actors::model::Owner;
use rmcp::transport::async_rw::AsyncRwTransport;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_util::sync::CancellationToken;

use super::{Endpoint, MOST_BODY_BYTES};
use crate::auth::Principal;

/// The longest line, as for a request's body over HTTP.
pub const MOST_LINE_BYTES: usize = MOST_BODY_BYTES;

impl Endpoint {
    /// Serves `local` over these streams until `from` ends, what was asked by then is answered, and the server's own end at
    /// the latest.
    pub async fn serve_pipe<R, W>(&self, from: R, to: W)
    where
        R: AsyncRead + Send + Unpin + 'static,
        W: AsyncWrite + Send + Unpin + 'static,
    {
        let transport = AsyncRwTransport::new_server(from, to).with_max_line_length(MOST_LINE_BYTES + 1);
        let principal = Principal { owner: Owner::local() };
        self.talks.serve(principal, transport, &CancellationToken::new()).await;
    }
}

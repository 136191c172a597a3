//! Who calls, and how to speak to them meanwhile.

use rmcp::RoleServer;
use rmcp::model::ProtocolVersion;
use rmcp::service::RequestContext;

use crate::app::App;
use crate::auth::Principal;
use crate::mcp::handler::Handler;
use crate::mcp::sessions::Ticket;

/// One request's caller.
pub struct Caller<'a> {
    /// The server.
    pub app: &'a App,
    /// Whose request it is.
    pub principal: &'a Principal,
    /// The request: its id, its `_meta`, its cancellation, and the peer that it came from.
    pub context: &'a RequestContext<RoleServer>,
    /// Knows the conversation's actor, for the tools that need it.
    pub(in crate::mcp) handler: &'a Handler,
}

impl Caller<'_> {
    /// Whether the request stands for itself, as from 2026-07-28 on: no session remembers what was said before.
    #[must_use]
    pub fn is_sessionless(&self) -> bool {
        self.context.protocol_version().is_some_and(|version| version >= ProtocolVersion::V_2026_07_28)
    }

    /// Ends the connection that waits for this request's answer. The request goes on, and a client of a session comes again
    /// for its answer (SEP-1699). Does nothing where there is no session to come back to.
    pub fn let_poll(&self) {
        if let Some(ticket) = self.context.extensions.get::<Ticket>() {
            ticket.let_poll();
        }
    }
}

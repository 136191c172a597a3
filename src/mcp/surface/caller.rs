//! Who calls, and how to speak to them meanwhile.

use rmcp::RoleServer;
use rmcp::model::{CallToolResponse, JsonObject};
use rmcp::service::RequestContext;

use super::CallError;
use crate::app::App;
use crate::auth::Principal;
use crate::mcp::handler::{Handler, is_sessionless};
use crate::mcp::sessions::Ticket;
use crate::mcp::{call, tasks};

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
        is_sessionless(self.context)
    }

    /// Whether it takes a task for an answer: it declared the extension with this very request.
    #[must_use]
    pub fn speaks_tasks(&self) -> bool {
        self.is_sessionless() && self.context.client_capabilities().is_some_and(|declared| declared.supports_tasks())
    }

    /// For a tool that cannot do without tasks.
    ///
    /// # Errors
    /// The protocol's own -32021 for a client that did not declare them.
    pub fn require_tasks(&self) -> Result<(), CallError> {
        if self.speaks_tasks() { Ok(()) } else { Err(CallError::Protocol(tasks::missing())) }
    }

    /// Runs a compute tool of the catalogue as a job, as a call of it would: answered at once, with a task or with a handle,
    /// whatever the client understands and its `arguments` (`wait_seconds` and the like among them) say.
    ///
    /// # Errors
    /// What kept the call from becoming a job.
    pub async fn run_job(&self, tool: &str, arguments: JsonObject) -> Result<CallToolResponse, CallError> {
        let request = call::Request { tool: tool.to_owned(), arguments, always_a_task: false };
        Ok(call::run(request, self).await?)
    }

    /// As [`run_job`](Self::run_job), but the answer is always a task, however soon the job is over.
    ///
    /// # Errors
    /// As [`require_tasks`](Self::require_tasks) and [`run_job`](Self::run_job).
    pub async fn run_task(&self, tool: &str, arguments: JsonObject) -> Result<CallToolResponse, CallError> {
        self.require_tasks()?;
        let request = call::Request { tool: tool.to_owned(), arguments, always_a_task: true };
        Ok(call::run(request, self).await?)
    }

    /// Ends the connection that waits for this request's answer. The request goes on, and a client of a session comes again
    /// for its answer (SEP-1699). Does nothing where there is no session to come back to.
    pub fn let_poll(&self) {
        if let Some(ticket) = self.context.extensions.get::<Ticket>() {
            ticket.let_poll();
        }
    }
}

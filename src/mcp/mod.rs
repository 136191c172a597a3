//! The MCP front door at `/mcp`, in both eras of the protocol, on rmcp through rmcp-actix-web.
//!
//! The only module that knows rmcp.
//!
//! | to find | look in |
//! |---|---|
//! | what is offered, and how to offer more | [`surface`] |
//! | which request is answered where | [`handler`] |
//! | a compute tool's call as a job | [`call`], with [`calls`] and [`extras`] |
//! | tasks | [`tasks`] |
//! | tools that answer at once | [`service`] |
//! | what `tools/list` shows | [`listing`] |
//! | prompts, resources, completion | [`prompts`], [`resources`], [`completion`] |
//! | following a job for who waits | [`follow`] |
//! | sessions of the older protocols | [`sessions`] |
//! | requests that never become one | [`refusals`] |
//! | the last word before a restart | [`restart`] |

mod call;
mod calls;
mod completion;
mod cursor;
mod extras;
mod follow;
mod handler;
mod listing;
mod prompts;
mod refusals;
mod resources;
mod restart;
mod service;
mod sessions;
pub mod surface;
mod tasks;

use std::sync::Arc;
use std::time::Duration;

use actix_web::body::{BoxBody, EitherBody};
use actix_web::middleware::from_fn;
use actix_web::{HttpMessage as _, HttpRequest, Scope, web};
use rmcp_actix_web::transport::StreamableHttpService;

use crate::app::App;
use crate::auth::{Principal, SourceRules};
use handler::{Handler, Offer};
use refusals::speak_json_rpc;
use restart::tell_restart;
use sessions::{Sessions, for_principal};
use surface::Surface;

/// A comment on every silent stream this often: well below the 230 s after which Azure's front ends cut.
const KEEP_ALIVE: Duration = Duration::from_secs(15);
/// The largest request body; big files go to `/files`.
const MOST_BODY_BYTES: usize = 4 << 20;

/// rmcp's answer, or one of the middlewares' around it: the principal's, the refusals', the restart's.
type Answer = EitherBody<EitherBody<EitherBody<BoxBody>>>;

/// The endpoint, to be mounted in every worker of the server.
#[derive(Clone)]
pub struct Endpoint {
    service: StreamableHttpService<Handler, Sessions>,
}

impl Endpoint {
    /// The endpoint of `app` that offers `surface`, for the hosts and origins that `rules` allow.
    pub fn new(app: web::Data<App>, surface: Surface, rules: &SourceRules) -> Self {
        let hang_up = app.hang_up.clone();
        let offer = Arc::new(Offer::new(&app, surface));
        let sessions = Sessions::new(Arc::clone(&app));
        let service = StreamableHttpService::builder()
            .service_factory(Arc::new(move || Ok(Handler::new(app.clone(), Arc::clone(&offer)))))
            .session_manager(Arc::clone(&sessions))
            .session_store(sessions)
            .disable_sse_retry() // our streams say it, under names that other replicas know
            .allowed_hosts(rules.hosts().to_vec())
            .allowed_origins(rules.origins().to_vec())
            .max_request_body_bytes(MOST_BODY_BYTES)
            .sse_keep_alive(KEEP_ALIVE)
            .cancellation_token(hang_up.child_token())
            .on_request_fn(carry_principal)
            .build();
        Self { service }
    }

    /// The routes below `path`.
    pub fn scope(
        &self,
        path: &'static str,
    ) -> Scope<
        impl actix_web::dev::ServiceFactory<
            actix_web::dev::ServiceRequest,
            Config = (),
            Response = actix_web::dev::ServiceResponse<Answer>,
            Error = actix_web::Error,
            InitError = (),
        > + use<>,
    > {
        self.service
            .clone()
            .scope_with_path(path)
            .wrap(from_fn(for_principal))
            .wrap(from_fn(speak_json_rpc))
            .wrap(from_fn(tell_restart))
    }
}

/// Hands the principal, found by `auth`, to the protocol's handlers.
fn carry_principal(request: &HttpRequest, extensions: &mut rmcp::model::Extensions) {
    if let Some(principal) = request.extensions().get::<Principal>() {
        extensions.insert(principal.clone());
    }
}

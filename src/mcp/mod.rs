//! The MCP front door at `/mcp`, in both eras of the protocol, on rmcp.
//!
//! The only module that knows rmcp.
//!
//! | to find | look in |
//! |---|---|
//! | what is offered, and how to offer more | [`surface`] |
//! | which request is answered where | [`handler`], with [`offer`] and [`memory`] |
//! | a compute tool's call as a job | [`call`], with [`calls`] and [`extras`] |
//! | jobs as tasks, and what jobs ask | [`tasks`], [`questions`] |
//! | tools that answer at once | [`service`] |
//! | what `tools/list` shows | [`listing`] |
//! | following a job for who waits | [`follow`] |
//! | sessions of the older protocols | [`sessions`] |
//! | prompts, resources, completion | [`prompts`], [`resources`], [`completion`] with [`candidates`] |
//! | who hears of which change | [`subscriptions`] |
//! | what is asked back, what is told besides | [`ask`], [`logging`] |
//! | lists in pages, and how long they may be kept | [`cursor`], [`freshness`] |
//! | the way from actix-web to rmcp and back | [`door`], with [`patience`] and [`refusals`] |
//! | other transports: standard streams, HTTP+SSE of 2024-11-05 | [`pipe`], [`sse`], over [`talk`] |

mod ask;
mod call;
mod calls;
mod candidates;
mod completion;
mod cursor;
mod door;
mod extras;
mod follow;
mod freshness;
mod handler;
mod listing;
mod logging;
mod memory;
mod offer;
mod patience;
pub mod pipe;
mod prompts;
mod questions;
mod refusals;
mod resources;
mod service;
mod sessions;
mod sse;
mod subscriptions;
pub mod surface;
mod talk;
mod tasks;

use std::sync::Arc;
use std::time::Duration;

use actix_web::web;
use rmcp::transport::streamable_http_server::{StreamableHttpServerConfig, StreamableHttpService};

use crate::app::App;
use crate::auth::SourceRules;
use door::Door;
use offer::Offer;
use sessions::Sessions;
use sse::Streams;
use subscriptions::looker;
use surface::Surface;
use talk::Talks;

/// A comment on every silent stream this often: well below the 230 s after which Azure's front ends cut.
const KEEP_ALIVE: Duration = Duration::from_secs(15);
/// The largest request body; big files go to `/files`.
const MOST_BODY_BYTES: usize = 4 << 20;

/// The endpoint, to be mounted in every worker of the server.
#[derive(Clone)]
pub struct Endpoint {
    door: web::Data<Door>,
    talks: Talks,
    streams: Arc<Streams>,
}

impl Endpoint {
    /// The endpoint of `app` that offers `surface`, for the hosts and origins that `rules` allow.
    pub fn new(app: web::Data<App>, surface: Surface, rules: &SourceRules) -> Self {
        let app = app.into_inner();
        let mut config = StreamableHttpServerConfig::default()
            .with_sse_retry(None) // our streams say it, under names that other replicas know
            .with_sse_keep_alive(Some(KEEP_ALIVE))
            .with_allowed_hosts(rules.hosts().to_vec())
            .with_allowed_origins(rules.origins().to_vec())
            .with_max_request_body_bytes(MOST_BODY_BYTES)
            .with_cancellation_token(app.hang_up.child_token());
        let sessions = Sessions::new(Arc::clone(&app));
        config.session_store = Some(Arc::clone(&sessions) as _);
        let offer = Arc::new(Offer::new(&app, surface));
        app.changes.look_by(looker(&app, &offer));
        let talks = Talks { app: Arc::clone(&app), offer };
        let of_talks = talks.clone();
        let service = StreamableHttpService::new(move || Ok(of_talks.handler()), sessions, config);
        Self { door: web::Data::new(Door { app, talks: talks.clone(), service }), talks, streams: Arc::default() }
    }

    /// Adds the endpoint's routes.
    pub fn routes(&self, config: &mut web::ServiceConfig) {
        let answer = || web::route().to(door::answer);
        config.service(web::resource(["/mcp", "/mcp/"]).app_data(self.door.clone()).route(answer()));
    }
}

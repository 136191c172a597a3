//! The HTTP+SSE transport of protocol 2024-11-05, for clients that know no newer: `GET /sse` opens a stream whose first event
//! says where to post, `POST /messages?session_id=…` says something, and every answer comes on the stream.
//!
//! Off unless `--legacy-sse` says otherwise. The end of a stream ends its session and cancels no job.

mod post;
mod streams;

use std::convert::Infallible;
use std::sync::Arc;

use actix_web::{HttpResponse, web};
use actors::CoreError;
use bytes::Bytes;
use futures_util::stream;
use rmcp::model::ServerJsonRpcMessage;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::sync::PollSender;

use super::talk::Talks;
use super::{Endpoint, KEEP_ALIVE, MOST_BODY_BYTES};
use crate::app::App;
use crate::auth::Principal;
use crate::error::AppError;
use crate::event_stream;
use streams::Opened;
pub(super) use streams::Streams;

/// How many messages may wait in each direction.
const BUFFER: usize = 64;

impl Endpoint {
    /// Adds the routes.
    pub fn legacy_sse(&self, routes: &mut web::ServiceConfig) {
        routes
            .app_data(web::Data::new(self.talks.clone()))
            .app_data(web::Data::from(Arc::clone(&self.streams)))
            .service(web::resource("/sse").get(open))
            .service(web::resource("/messages").app_data(web::PayloadConfig::new(MOST_BODY_BYTES)).post(post::post));
    }
}

/// `GET /sse`.
async fn open(
    talks: web::Data<Talks>,
    streams: web::Data<Streams>,
    principal: Principal,
) -> Result<HttpResponse, AppError> {
    let app = &talks.app;
    if app.shutdown.is_cancelled() {
        return Err(CoreError::Draining.into());
    }
    let (to_server, from_client) = mpsc::channel(BUFFER);
    let (to_client, said) = mpsc::channel(BUFFER);
    let opened = streams.into_inner().open(&principal.owner, to_server)?;
    let path = url::Url::parse(&app.base_url).map(|url| url.path().trim_end_matches('/').to_owned());
    let endpoint = format!("{}/messages?session_id={}", path.unwrap_or_default(), opened.id);
    let first = Bytes::from(format!("event: endpoint\ndata: {endpoint}\n\n"));
    let over = opened.over.clone();
    let speaking = talks.clone();
    tokio::spawn(async move {
        let transport = (PollSender::new(to_client), ReceiverStream::new(from_client));
        speaking.serve(principal, transport, &over).await;
    });
    let spoken = Spoken { said, app: Arc::clone(app), _opened: opened };
    let rest = stream::unfold(Some(spoken), |spoken| async move {
        let mut spoken = spoken?;
        let frame = spoken.next().await?;
        Some((Ok::<_, Infallible>(frame), Some(spoken)))
    });
    let frames = futures_util::StreamExt::chain(stream::iter([Ok(first)]), rest);
    Ok(event_stream::response().streaming(frames))
}

/// What one stream still has to say. Dropped with the connection, which ends its session.
struct Spoken {
    said: mpsc::Receiver<ServerJsonRpcMessage>,
    app: Arc<App>,
    _opened: Opened,
}

impl Spoken {
    /// The next event, or a comment when there is nothing to say for a while.
    async fn next(&mut self) -> Option<Bytes> {
        let silence = self.app.core.ports.clock.sleep(KEEP_ALIVE);
        tokio::select! {
            message = self.said.recv() => {
                let text = serde_json::to_string(&message?).expect("messages are JSON");
                Some(Bytes::from(format!("event: message\ndata: {text}\n\n")))
            }
            () = silence => Some(event_stream::ALIVE),
        }
    }
}

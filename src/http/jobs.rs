//! `/jobs`: the same jobs as over MCP, for scripts, the console and people.

use std::convert::Infallible;
use std::time::Duration;

use actix_web::web::Bytes;
use actix_web::{HttpResponse, web};
use actors::model::JobId;
use actors::{FollowJob, Note, OpenSession};
use futures_util::stream;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::mpsc::Receiver;

use super::AppData;
use crate::auth::Principal;
use crate::error::AppError;
use crate::{event_stream, wait};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ListQuery {
    after: Option<String>,
    limit: Option<usize>,
}

/// `GET /jobs?after=&limit=`: newest first, at most 100 at once.
pub(super) async fn list(
    app: AppData,
    principal: Principal,
    query: web::Query<ListQuery>,
) -> Result<HttpResponse, AppError> {
    let after = query.after.as_deref().map(str::parse::<JobId>).transpose()?;
    let limit = query.limit.unwrap_or(20).clamp(1, 100);
    let (records, more) = app.core.records.list(&principal.owner, after.as_ref(), limit).await?;
    let jobs: Vec<_> = records.iter().map(|record| app.viewer().brief(record)).collect();
    Ok(HttpResponse::Ok().json(json!({"jobs": jobs, "more": more})))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct GetQuery {
    #[serde(default)]
    wait_seconds: u64,
}

/// `GET /jobs/{id}?wait_seconds=`: the job now, or as soon as it ends within that time.
pub(super) async fn get(
    app: AppData,
    principal: Principal,
    id: web::Path<String>,
    query: web::Query<GetQuery>,
) -> Result<HttpResponse, AppError> {
    let job: JobId = id.parse()?;
    let budget = Duration::from_secs(query.wait_seconds.min(wait::MOST_SECONDS));
    let record = wait::end_of(&app, &principal, &job, budget).await?;
    Ok(HttpResponse::Ok().json(app.viewer().view(&record)))
}

/// `DELETE /jobs/{id}`: asks for its end; the answer is the job as it is then.
pub(super) async fn cancel(
    app: AppData,
    principal: Principal,
    id: web::Path<String>,
) -> Result<HttpResponse, AppError> {
    let record = app.core.cancel(&principal.owner, &id.parse()?).await?;
    Ok(HttpResponse::Accepted().json(app.viewer().view(&record)))
}

/// `GET /jobs/{id}/events`: server-sent events `progress` (at most 10 a second), `input_required` when its tool asks, then one `end`; `progress`
/// again when all is still.
pub(super) async fn events(
    app: AppData,
    principal: Principal,
    id: web::Path<String>,
) -> Result<HttpResponse, AppError> {
    let job: JobId = id.parse()?;
    let session = app.supervisor.send(OpenSession::with(principal.owner)).await.map_err(actors::CoreError::from)?;
    let notes = session.send(FollowJob(job)).await.map_err(actors::CoreError::from)??;
    let frames = stream::unfold(Some((notes, app)), |state| async move {
        let (mut notes, app) = state?;
        let (frame, over) = next_frame(&mut notes, &app).await;
        Some((Ok::<_, Infallible>(frame), (!over).then_some((notes, app))))
    });
    Ok(event_stream::response().streaming(frames))
}

async fn next_frame(notes: &mut Receiver<Note>, app: &AppData) -> (Bytes, bool) {
    tokio::select! {
        note = notes.recv() => match note {
            Some(Note::Progress(progress) | Note::Heartbeat(progress)) => (frame("progress", &json!(progress)), false),
            Some(Note::Asks(record)) => (frame("input_required", &json!(app.viewer().view(&record))), false),
            Some(Note::Ended(record)) => (frame("end", &json!(app.viewer().view(&record))), true),
            None => (Bytes::from_static(b": the job went out of sight; ask again\n\n"), true),
        },
        () = app.shutdown.cancelled() => (Bytes::from_static(b": the server is restarting; ask again\n\n"), true),
    }
}

fn frame(event: &str, data: &Value) -> Bytes {
    Bytes::from(format!("event: {event}\ndata: {data}\n\n"))
}

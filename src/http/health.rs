//! Whether the process lives, and whether it can do its work.

use actix_web::HttpResponse;
use actors::layout;
use serde_json::json;

use super::AppData;
use crate::lane::Lanes;

/// `GET /healthz`: 200 while the process answers.
pub(super) async fn alive() -> HttpResponse {
    HttpResponse::Ok().json(json!({"status": "ok"}))
}

/// `GET /readyz`: 200 while store and queue answer and work is taken, else 503 with what is wrong.
pub(super) async fn ready(app: AppData) -> HttpResponse {
    let core = &app.core;
    let store = core.ports.store.head(&layout::sweeper()).await.map(|_| ()).map_err(|error| error.to_string());
    let depth = core.ports.queue.depth().await.map_err(|error| error.to_string());
    let draining = core.is_draining();
    let lanes = app.lanes.as_ref().and_then(Lanes::fault).map_or(Ok(()), Err);
    let ready = store.is_ok() && depth.is_ok() && lanes.is_ok() && !draining;
    let said = |result: Result<(), String>| result.err().unwrap_or_else(|| "ok".to_owned());
    let body = json!({
        "status": if ready { "ready" } else { "not ready" },
        "store": said(store),
        "queue": said(depth.clone().map(|_| ())),
        "waiting": depth.map(|depth| depth.waiting).ok(),
        "running": core.board.running(),
        "lanes": said(lanes),
        "sandbox": app.lanes.as_ref().map(|lanes| lanes.offered().map_or("not known yet".to_owned(), |offered| offered.to_string())),
        "draining": draining,
    });
    if ready { HttpResponse::Ok().json(body) } else { HttpResponse::ServiceUnavailable().json(body) }
}

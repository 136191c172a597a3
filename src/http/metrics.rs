//! Numbers for Prometheus: what waits, what runs, what happened here since the start.

use actix_web::HttpResponse;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::{Registry, Unit};

use super::AppData;
use crate::error::{AppError, ErrorKind};

/// The media type of what [`encode`] writes.
const OPENMETRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// `GET /metrics`: the numbers, in the `OpenMetrics` text format. What the queue does not tell now is left out.
pub(super) async fn metrics(app: AppData) -> Result<HttpResponse, AppError> {
    let mut registry = Registry::with_prefix("heavylift");
    of_queue(&mut registry, &app).await;
    of_replica(&mut registry, &app);
    let mut text = String::new();
    encode(&mut text, &registry).map_err(|error| AppError::new(ErrorKind::Internal, error.to_string()))?;
    Ok(HttpResponse::Ok().content_type(OPENMETRICS).body(text))
}

async fn of_queue(registry: &mut Registry, app: &AppData) {
    let ports = &app.core.ports;
    if let Ok(depth) = ports.queue.depth().await {
        gauge(
            registry,
            "jobs_waiting",
            "Messages in the queue; a shared queue also counts those of running jobs",
            depth.waiting,
        );
    }
    if let Ok(oldest) = ports.queue.oldest().await {
        let waited = oldest.map_or(0.0, |sent| (ports.clock.now() - sent).as_seconds_f64().max(0.0));
        let help = "Age of the job that has waited longest";
        registry.register_with_unit("oldest_waiting_age", help, Unit::Seconds, ConstGauge::new(waited));
    }
}

fn of_replica(registry: &mut Registry, app: &AppData) {
    let core = &app.core;
    gauge(registry, "jobs_running", "Jobs that run on this replica", core.board.running());
    gauge(registry, "slots", "Jobs that can run on this replica at once", core.compute.slots());
    gauge(registry, "slots_free", "Slots of this replica that are free", core.compute.free());
    let (started, lost) = app.lanes.as_ref().map_or((0, 0), crate::lane::Lanes::counts);
    registry.register("lanes_started", "Processes for jobs that were started", ConstCounter::new(started));
    registry.register("lanes_lost", "Processes that ended under their job", ConstCounter::new(lost));
    for (name, help, value) in core.counters.all() {
        registry.register(name, help, ConstCounter::new(value));
    }
}

fn gauge(registry: &mut Registry, name: &str, help: &str, value: usize) {
    registry.register(name, help, ConstGauge::new(i64::try_from(value).unwrap_or(i64::MAX)));
}

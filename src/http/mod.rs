//! Plain HTTP: workspace files, jobs, and what a platform asks of a server.
//!
//! Every route sees a principal (`auth`) and the shared [`App`]; none computes.

pub mod files;
mod health;
pub mod jobs;
mod links;
mod metrics;
mod range;
#[cfg(test)]
mod tests;
pub mod upload;

use actix_web::{HttpRequest, HttpResponse, web};

use crate::app::App;
use crate::error::AppError;

/// Adds what a platform asks of any process.
pub fn probes(config: &mut web::ServiceConfig) {
    config
        .service(web::resource("/healthz").get(health::alive))
        .service(web::resource("/readyz").get(health::ready))
        .service(web::resource("/metrics").get(metrics::metrics));
}

/// Adds what callers ask of a server that takes calls.
pub fn routes(config: &mut web::ServiceConfig) {
    config
        .app_data(web::QueryConfig::default().error_handler(|error, _| AppError::invalid(error.to_string()).into()))
        .service(web::resource("/files").get(files::list))
        .service(
            web::resource("/files/{path:.+}").get(files::get).head(files::get).put(upload::put).delete(files::delete),
        )
        .service(web::resource("/u/{token}/{path:.*}").get(links::page).head(links::page).put(links::put))
        .service(web::resource("/jobs").get(jobs::list))
        .service(web::resource("/jobs/{id}").get(jobs::get).delete(jobs::cancel))
        .service(web::resource("/jobs/{id}/events").get(jobs::events));
}

/// What answers when no route does.
///
/// # Errors
/// `NotFound`, always.
pub async fn no_route(request: HttpRequest) -> Result<HttpResponse, AppError> {
    Err(AppError::not_found(format!(
        "there is nothing at {}; see /mcp, /files, /jobs, /healthz, /metrics",
        request.path()
    )))
}

/// The app as a handler's argument.
pub type AppData = web::Data<App>;

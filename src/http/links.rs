//! `/u/{token}/{path}`: putting files by a link, from a program or from the page behind the same address.
//!
//! The gate has checked the link and left a [`Grant`]; without one nothing here answers.

use actix_web::{HttpRequest, HttpResponse, web};
use serde_json::json;

use super::{AppData, upload};
use crate::auth::Principal;
use crate::error::AppError;
use crate::links::{Grant, Target};
use crate::{pages, view};

/// `GET`: the page that puts files here.
pub(super) async fn page(grant: web::ReqData<Grant>) -> HttpResponse {
    pages::upload(&json!({
        "path": grant.target.to_string(),
        "folder": matches!(grant.target, Target::Folder(_)),
        "max_bytes": grant.max_bytes,
        "expires_at": view::text(grant.until),
    }))
}

/// `PUT`: stores the body as the file that the address names.
pub(super) async fn put(
    app: AppData,
    principal: Principal,
    grant: web::ReqData<Grant>,
    request: HttpRequest,
    body: web::Payload,
) -> Result<HttpResponse, AppError> {
    let Grant { target, max_bytes, .. } = grant.into_inner();
    let Target::File(path) = target else {
        let message = "this link is for a folder; put the file's name behind it, as curl -T FILE does by itself";
        return Err(AppError::invalid(message));
    };
    let most = max_bytes.min(app.config.max_upload_bytes);
    upload::store(&app, &principal, &request, path, body, most).await
}

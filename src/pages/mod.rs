//! What a browser is shown: the page for uploads, and an error as a page for people who clicked a link.
//!
//! Each page is one file without anything from elsewhere, under a policy that lets nothing else in. Used by the gate and by
//! the routes that a link leads to.

use actix_web::http::StatusCode;
use actix_web::http::header::{
    ACCEPT, CACHE_CONTROL, CONTENT_SECURITY_POLICY, HeaderMap, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
};
use actix_web::{HttpResponse, ResponseError as _};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rand::RngExt as _;
use serde_json::Value;

use crate::error::AppError;

const MESSAGE: &str = include_str!("message.html");
const UPLOAD: &str = include_str!("upload.html");

/// The answer to a request with these `headers` that failed: a page for a browser, JSON for everyone else.
pub fn refusal(headers: &HeaderMap, error: &AppError) -> HttpResponse {
    if !wants_page(headers) {
        return error.error_response();
    }
    let mut said = error.message.clone();
    if let Some(first) = said.get_mut(..1) {
        first.make_ascii_uppercase();
    }
    show(error.status_code(), &MESSAGE.replace("{{message}}", &escaped(&said)))
}

/// The page that puts files where its own address says; `terms` is what it reads of them.
pub fn upload(terms: &Value) -> HttpResponse {
    // Within a script element only "<" could end it.
    show(StatusCode::OK, &UPLOAD.replace("{{terms}}", &terms.to_string().replace('<', "\\u003c")))
}

/// Whether a browser asks, on behalf of a person who will read the answer.
fn wants_page(headers: &HeaderMap) -> bool {
    headers.get(ACCEPT).and_then(|accept| accept.to_str().ok()).is_some_and(|accept| accept.contains("text/html"))
}

/// Shows a page: its own style and script run by a word that changes each time, and speak to this server alone.
fn show(status: StatusCode, page: &str) -> HttpResponse {
    let nonce = STANDARD.encode(rand::rng().random::<[u8; 16]>());
    let policy = format!(
        "default-src 'none'; style-src 'nonce-{nonce}'; script-src 'nonce-{nonce}'; connect-src 'self'; base-uri 'none'; \
         form-action 'none'; frame-ancestors 'none'"
    );
    HttpResponse::build(status)
        .content_type("text/html; charset=utf-8")
        .insert_header((CONTENT_SECURITY_POLICY, policy))
        .insert_header((CACHE_CONTROL, "no-store"))
        // The address is the right to upload: it goes to nobody.
        .insert_header((REFERRER_POLICY, "no-referrer"))
        .insert_header((X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .body(page.replace("{{nonce}}", &nonce))
}

/// `text` as it stands between two tags.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use actix_web::body::to_bytes;
    use actix_web::test::TestRequest;

    use super::*;

    async fn text(response: HttpResponse) -> String {
        String::from_utf8(to_bytes(response.into_body()).await.expect("a body").to_vec()).expect("text")
    }

    #[actix_web::test]
    async fn a_browser_gets_a_page_and_a_program_json() {
        let error = AppError::not_found("there is no \"<b>&\"");
        let ask = |accept: &str| TestRequest::get().insert_header((ACCEPT, accept)).to_http_request();
        let page = refusal(ask("text/html,*/*;q=0.8").headers(), &error);
        assert_eq!(page.status(), StatusCode::NOT_FOUND);
        let policy = page.headers().get(CONTENT_SECURITY_POLICY).and_then(|value| value.to_str().ok());
        let policy = policy.expect("a policy").to_owned();
        let page = text(page).await;
        assert!(page.contains("There is no \"&lt;b&gt;&amp;\""), "{page}");
        let nonce = policy.split("'nonce-").nth(1).and_then(|rest| rest.split('\'').next()).expect("a nonce");
        assert!(page.contains(&format!("<style nonce=\"{nonce}\">")), "{policy}");
        let json = refusal(ask("*/*").headers(), &error);
        assert!(text(json).await.contains("\"kind\":\"not_found\""));
    }

    #[actix_web::test]
    async fn the_upload_page_is_whole_and_asks_nobody_else() {
        let page = text(upload(&serde_json::json!({"path": "</script><script>alert(1)"}))).await;
        assert!(page.contains(r"\u003c/script>") && !page.contains("{{"), "{page}");
        for elsewhere in ["http://", "https://", "//cdn", "src=", "@import", "url("] {
            assert!(!page.contains(elsewhere), "{elsewhere}");
        }
    }
}

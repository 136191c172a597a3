//! A stream of server-sent events, as every edge begins it: <https://html.spec.whatwg.org/multipage/server-sent-events.html>.

use actix_web::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use actix_web::web::Bytes;
use actix_web::{HttpResponse, HttpResponseBuilder};

/// A comment, which every reader of events skips: a sign of life.
pub(crate) const ALIVE: Bytes = Bytes::from_static(b":\n\n");

/// The answer that such a stream is the body of.
pub(crate) fn response() -> HttpResponseBuilder {
    let mut response = HttpResponse::Ok();
    response.insert_header((CONTENT_TYPE, "text/event-stream")).insert_header((CACHE_CONTROL, "no-cache"));
    // Proxies in front would otherwise hold events back until they have a buffer full.
    response.insert_header(("X-Accel-Buffering", "no"));
    response
}

//! What part of a file a request asks for (RFC 9110, section 14) and whether it needs it at all (section 13).

use std::ops::Range;

use actix_web::HttpRequest;
use actix_web::http::header::{ETag, EntityTag, Header as _, IF_RANGE, IfMatch, IfNoneMatch, RANGE};
use actors::ports::{Etag, Expect};

use crate::error::{AppError, ErrorKind};

/// What to answer.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Wanted {
    /// All of it.
    Whole,
    /// One part.
    Part(Range<u64>),
    /// A part that is not there: 416.
    Nothing,
}

/// The version as HTTP spells it.
pub(super) fn header(etag: &Etag) -> ETag {
    ETag(EntityTag::new_strong(etag.0.clone()))
}

/// Whether the client holds this very version already (`If-None-Match`).
pub(super) fn is_known(request: &HttpRequest, etag: &Etag) -> bool {
    let ETag(own) = header(etag);
    match IfNoneMatch::parse(request) {
        Ok(IfNoneMatch::Any) => request.headers().contains_key("if-none-match"),
        Ok(IfNoneMatch::Items(items)) => items.iter().any(|item| item.weak_eq(&own)),
        Err(_) => false,
    }
}

/// What `If-Match` and `If-None-Match: *` demand of a write where `current` stands now.
///
/// # Errors
/// `Conflict` when none of the versions that `If-Match` names stands there; `InvalidParams` when it names none.
pub(super) fn expectation(request: &HttpRequest, current: Option<&Etag>) -> Result<Expect, AppError> {
    if request.headers().get("if-none-match").is_some_and(|value| value == "*") {
        return Ok(Expect::Absent);
    }
    if !request.headers().contains_key("if-match") {
        return Ok(Expect::Any);
    }
    let wanted = IfMatch::parse(request).map_err(|_| AppError::invalid("If-Match is neither * nor quoted versions"))?;
    let fits = |etag: &&Etag| match &wanted {
        IfMatch::Any => true,
        IfMatch::Items(items) => items.iter().any(|item| item.strong_eq(&header(etag).0)),
    };
    let changed = || AppError::new(ErrorKind::Conflict, "the file is not a version that If-Match names; read it again");
    current.filter(fits).map(|etag| Expect::Etag(etag.clone())).ok_or_else(changed)
}

/// The one part that is asked for. Several parts at once are answered with the whole, as the standard allows.
pub(super) fn wanted(request: &HttpRequest, bytes: u64, etag: &Etag) -> Wanted {
    let Some(range) = request.headers().get(RANGE).and_then(|value| value.to_str().ok()) else { return Wanted::Whole };
    if let Some(condition) = request.headers().get(IF_RANGE) {
        let ETag(own) = header(etag);
        let holds = condition.to_str().ok().and_then(|text| text.parse::<EntityTag>().ok());
        if !holds.is_some_and(|tag| tag.strong_eq(&own)) {
            return Wanted::Whole;
        }
    }
    match http_range::HttpRange::parse(range, bytes) {
        Ok(parts) if parts.len() == 1 => Wanted::Part(parts[0].start..parts[0].start + parts[0].length),
        Ok(_) | Err(http_range::HttpRangeParseError::InvalidRange) => Wanted::Whole,
        Err(http_range::HttpRangeParseError::NoOverlap) => Wanted::Nothing,
    }
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    fn ask(range: &str) -> Wanted {
        let request = TestRequest::get().insert_header((RANGE, range)).to_http_request();
        wanted(&request, 100, &Etag("v1".to_owned()))
    }

    #[test]
    fn ranges_are_read_as_the_standard_says() {
        assert_eq!(ask("bytes=0-9"), Wanted::Part(0..10));
        assert_eq!(ask("bytes=-10"), Wanted::Part(90..100));
        assert_eq!(ask("bytes=90-200"), Wanted::Part(90..100));
        assert_eq!(ask("bytes=100-"), Wanted::Nothing);
        assert_eq!(ask("bytes=0-1,5-6"), Wanted::Whole);
        assert_eq!(ask("lines=1-2"), Wanted::Whole);
    }

    #[test]
    fn a_changed_file_is_sent_whole() {
        let request = |tag: &'static str| {
            let request = TestRequest::get().insert_header((RANGE, "bytes=0-9")).insert_header((IF_RANGE, tag));
            wanted(&request.to_http_request(), 100, &Etag("v2".to_owned()))
        };
        assert_eq!(request("\"v1\""), Wanted::Whole);
        assert_eq!(request("\"v2\""), Wanted::Part(0..10));
    }
}

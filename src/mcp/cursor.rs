//! Where a list goes on: the cursor of the protocol's pagination.
//!
//! To a client it is opaque. It names the last thing shown, so that a page neither repeats nor misses what did not change.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rmcp::model::PaginatedRequestParams;

use crate::error::AppError;

/// How many things a page holds.
pub(super) const PAGE: usize = 100;

/// What a request's cursor names; nothing for the first page.
///
/// # Errors
/// `InvalidParams` for one that was never given out.
pub(super) fn read(request: Option<&PaginatedRequestParams>) -> Result<Option<String>, AppError> {
    let Some(cursor) = request.and_then(|request| request.cursor.as_ref()) else { return Ok(None) };
    let bytes = URL_SAFE_NO_PAD.decode(cursor).ok();
    let after = bytes.and_then(|bytes| String::from_utf8(bytes).ok());
    after.map(Some).ok_or_else(unknown)
}

/// The answer to a cursor that this list never gave out, or that leads nowhere any more.
pub(super) fn unknown() -> AppError {
    AppError::invalid("the cursor is none of this list's, or what it names has gone; begin the list anew without one")
}

/// The cursor that names `last`.
pub(super) fn write(last: &str) -> String {
    URL_SAFE_NO_PAD.encode(last)
}

/// The page of `all`, which are in order of `name`, that the request asks for, and the cursor of the next.
///
/// # Errors
/// As [`read`].
pub(super) fn page<T>(
    all: Vec<T>,
    request: Option<&PaginatedRequestParams>,
    name: impl Fn(&T) -> String,
) -> Result<(Vec<T>, Option<String>), AppError> {
    let after = read(request)?;
    let mut rest: Vec<T> =
        all.into_iter().filter(|item| after.as_ref().is_none_or(|after| name(item) > *after)).collect();
    let more = rest.len() > PAGE;
    rest.truncate(PAGE);
    let next = rest.last().filter(|_| more).map(|last| write(&name(last)));
    Ok((rest, next))
}

#[test]
fn pages_give_everything_once() {
    let all: Vec<String> = (0..250).map(|number| format!("{number:03}")).collect();
    let (mut seen, mut request) = (Vec::new(), None);
    loop {
        let (page, next) = page(all.clone(), request.as_ref(), Clone::clone).expect("a page");
        seen.extend(page);
        let Some(next) = next else { break };
        request = Some(PaginatedRequestParams::default().with_cursor(Some(next)));
    }
    assert_eq!(seen, all);
    assert!(read(Some(&PaginatedRequestParams::default().with_cursor(Some("?".into())))).is_err());
}

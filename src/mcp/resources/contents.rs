//! A file's bytes as the contents of a resource: text where they are text, else base64. Only small ones.

use actors::FoundFile;
use actors::model::Owner;
use actors::ports::StoreErrorKind;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures_util::StreamExt as _;
use rmcp::model::ResourceContents;
use tools::WorkspacePath;

use super::if_there;
use crate::app::App;
use crate::error::{AppError, ErrorKind};
use crate::mcp::surface::CallError;

/// The most that is read as a resource: what goes into a conversation is to be small.
pub(super) const MOST_BYTES: usize = 1 << 20;

/// The contents of `found`, whose resource is at `uri`. Nothing where it went meanwhile.
///
/// # Errors
/// `TooLarge`; a store that does not answer.
pub(super) async fn read(
    app: &App,
    found: &FoundFile,
    uri: &str,
    mime: String,
) -> Result<Option<ResourceContents>, AppError> {
    check(found, found.meta.bytes)?;
    let Some(store) = app.core.workspace.store(found.mount.as_deref()) else { return Ok(None) };
    let mut stream = match store.read(&found.key, None).await {
        Ok((_, stream)) => stream,
        Err(error) if error.kind == StoreErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    let mut bytes = Vec::new();
    while let Some(chunk) = stream.next().await {
        bytes.extend_from_slice(&chunk?);
        check(found, bytes.len() as u64)?; // it may have been replaced by a larger one
    }
    Ok(Some(contents(bytes, uri, mime)))
}

/// The version of the file at `path`, if it is there.
///
/// # Errors
/// A store that does not answer.
pub(super) async fn version(app: &App, owner: &Owner, path: &WorkspacePath) -> Result<Option<String>, CallError> {
    let found = if_there(app.core.workspace.find(owner, path).await)?.flatten();
    Ok(found.map(|found| found.meta.etag.0))
}

fn check(found: &FoundFile, bytes: u64) -> Result<(), AppError> {
    if bytes <= MOST_BYTES as u64 {
        return Ok(());
    }
    // No link stands here: errors are logged.
    let message = format!(
        "{} has more than {MOST_BYTES} bytes, the most that is read as a resource; look inside with file_preview, work on it \
         with the tools, or have it downloaded: file_list with links: true gives a link",
        found.path
    );
    Err(AppError::new(ErrorKind::TooLarge, message))
}

fn contents(bytes: Vec<u8>, uri: &str, mime: String) -> ResourceContents {
    let contents = match String::from_utf8(bytes) {
        Ok(text) if !text.contains('\0') => ResourceContents::text(text, uri),
        Ok(text) => ResourceContents::blob(STANDARD.encode(text), uri),
        Err(error) => ResourceContents::blob(STANDARD.encode(error.as_bytes()), uri),
    };
    contents.with_mime_type(mime)
}

#[test]
fn text_is_text_and_the_rest_is_not() {
    let text = contents("größer\n".into(), "u", "text/plain".to_owned());
    assert!(matches!(text, ResourceContents::TextResourceContents { text, .. } if text == "größer\n"));
    for bytes in [vec![0xff, 0xfe], vec![b'a', 0, b'b']] {
        let blob = contents(bytes.clone(), "u", "image/png".to_owned());
        let ResourceContents::BlobResourceContents { blob, mime_type, .. } = blob else { panic!("a blob") };
        assert_eq!((STANDARD.decode(blob).expect("base64"), mime_type.as_deref()), (bytes, Some("image/png")));
    }
    assert!(matches!(contents(Vec::new(), "u", String::new()), ResourceContents::TextResourceContents { .. }));
}

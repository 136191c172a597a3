//! `pictures_for_web`: pictures, scaled down and in a format that browsers like.

use std::num::NonZeroU32;

use async_trait::async_trait;
use rmcp::model::{ArgumentInfo, CompletionContext, GetPromptRequestParams, GetPromptResponse, Prompt as Listed};
use serde_json::json;

use super::arguments::{Arguments, argument, fill, said};
use crate::error::AppError;
use crate::mcp::candidates::{self, Kind};
use crate::mcp::surface::{CallError, Caller, Prompt};

pub(super) struct PicturesForWeb;

/// Wide enough for a picture over a whole page.
const USUAL_WIDTH: u32 = 1600;
/// Offered while somebody types.
const WIDTHS: [&str; 6] = ["320", "640", "1024", "1600", "1920", "2560"];

const TEXT: &str = r#"Prepare the pictures {pattern} in my Heavylift workspace for a web site: {count} {files}, {bytes} bytes together.

1. Call `file_preview` with {"file": {first}} for the size and format of one of them.
2. Photographs become JPEG: call `image_process` with {"files": [{pattern}], "operations": [{"op": "resize", "width": {width}, "enlarge": false}], "format": "jpeg", "quality": 80}. What has transparency or few colours (logos, drawings, screenshots) is better as PNG: process those in a call of their own with "format": "png". The originals stay as they are.
3. If a call answers with `status` "running" or "queued", go on with `job_wait` and its `job_id` until it is done. A picture that could not be processed is listed with its reason.

Then tell me, for each picture, its size in pixels and bytes before and after and its download link (in `artifacts`), and for all of them together how much smaller they have become. Name those that failed, and why. For pages that show the pictures on small screens too, offer a second run at half the width."#;

fn width(arguments: &Arguments) -> Result<u32, AppError> {
    let Some(text) = arguments.get("max_width") else { return Ok(USUAL_WIDTH) };
    let width = text.parse::<NonZeroU32>().map(NonZeroU32::get);
    width.map_err(|_| arguments.fault("max_width", "give a whole number of pixels, like 1600"))
}

#[async_trait]
impl Prompt for PicturesForWeb {
    fn listed(&self) -> Listed {
        let pattern = "The pictures: a workspace path or a glob like photos/**/*.jpg.";
        let arguments = vec![
            argument("pattern", "Pictures", pattern, true),
            argument("max_width", "Greatest width", "The greatest width in pixels; 1600 when left out.", false),
        ];
        let description = "Scales pictures down, writes them in a format for the web and shows what was saved.";
        Listed::new("pictures_for_web", Some(description), Some(arguments)).with_title("Prepare pictures for the web")
    }

    async fn get(&self, caller: &Caller<'_>, request: GetPromptRequestParams) -> Result<GetPromptResponse, CallError> {
        let arguments = Arguments::of(&self.listed(), request)?;
        let width = width(&arguments)?;
        let pattern = arguments.get("pattern").unwrap_or_default();
        let found = caller.app.core.workspace.matching(&caller.principal.owner, pattern).await?;
        let first = found.first().map(|file| file.path.as_str()).unwrap_or_default();
        let bytes: u64 = found.iter().map(|file| file.meta.bytes).sum();
        let values = [
            ("pattern", json!(pattern).to_string()),
            ("count", found.len().to_string()),
            ("files", if found.len() == 1 { "file" } else { "files" }.to_owned()),
            ("bytes", bytes.to_string()),
            ("width", width.to_string()),
            ("first", json!(first).to_string()),
        ];
        let text = fill(TEXT, &values);
        Ok(said(text, format!("Prepare {pattern} for the web")))
    }

    async fn complete(
        &self,
        caller: &Caller<'_>,
        argument: &ArgumentInfo,
        _: Option<&CompletionContext>,
    ) -> Result<Vec<String>, CallError> {
        let typed = argument.value.as_str();
        if argument.name == "max_width" {
            return Ok(WIDTHS.iter().filter(|width| width.starts_with(typed)).map(ToString::to_string).collect());
        }
        Ok(candidates::patterns(caller, typed, Kind::Picture).await?)
    }
}

//! Engines and codecs as they are, without the product's look at a file's header first.

use std::fs::File;
use std::io::{BufReader, Read as _};

use image::AnimationDecoder as _;
use polars::prelude::{LazyFrame, PlRefPath, ScanArgsParquet};
use schemars::JsonSchema;
use serde::Deserialize;
use tools::{Context, InputSpec, Report, Tool, ToolError, WorkspacePath};

/// Reads a file with an engine that trusts it.
pub(crate) struct Bare;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Params {
    file: WorkspacePath,
    engine: Engine,
}

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Engine {
    Polars,
    Image,
    Gif,
    Gzip,
}

impl Tool for Bare {
    type Params = Params;
    type Details = ();
    const NAME: &'static str = "bare";
    const TITLE: &'static str = "Bare engine";
    const DESCRIPTION: &'static str = "Reads a file with an engine that trusts it.";

    fn inputs(&self, params: &Params) -> Result<Vec<InputSpec>, ToolError> {
        Ok(vec![InputSpec::Path { name: "file".to_owned(), path: params.file.clone() }])
    }

    fn run(&self, params: Params, ctx: &mut Context) -> Result<Report, ToolError> {
        let input = ctx.input("file")?;
        let file = File::open(&input.local).map_err(|error| ToolError::io("opening the file", &error))?;
        let bad = |error: &dyn std::fmt::Display| ToolError::bad_input(error.to_string());
        let summary = match params.engine {
            Engine::Polars => {
                let path = PlRefPath::try_from_path(&input.local).map_err(|error| bad(&error))?;
                let frame = LazyFrame::scan_parquet(path, ScanArgsParquet::default()).and_then(LazyFrame::collect);
                format!("{} rows", frame.map_err(|error| bad(&error))?.height())
            }
            Engine::Image => {
                let mut reader = image::ImageReader::new(BufReader::new(file));
                reader.set_format(image::ImageFormat::Png);
                reader.no_limits();
                format!("{} pixels wide", reader.decode().map_err(|error| bad(&error))?.width())
            }
            Engine::Gif => {
                let decoder = image::codecs::gif::GifDecoder::new(BufReader::new(file)).map_err(|error| bad(&error))?;
                format!("{} frames", decoder.into_frames().collect_frames().map_err(|error| bad(&error))?.len())
            }
            Engine::Gzip => {
                let mut all = Vec::new();
                let read = flate2::read::MultiGzDecoder::new(file).read_to_end(&mut all);
                format!("{} bytes", read.map_err(|error| bad(&error))?)
            }
        };
        Ok(Report { summary, ..Report::default() })
    }
}

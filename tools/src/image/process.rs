//! The tool `image_process`: what a call may say, and the order of the work.

use std::collections::HashSet;

use schemars::JsonSchema;
use serde::Deserialize;

use super::batch::{self, Recipe, Task};
use super::decode::sniff;
use super::format::Format;
use super::names::Names;
use super::ops::Operation;
use super::summary::{Details, Entry, summarise};
use crate::{Context, Input, InputSpec, Pattern, Report, Tool, ToolError};

const MAX_ENTRIES: usize = 10_000;
const MAX_OPERATIONS: usize = 50;
const DEFAULT_QUALITY: u8 = 80;

/// Takes pictures through a list of operations and writes one picture for each.
pub struct Process;

/// The parameters of `image_process`.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Params {
    /// The pictures: workspace paths (`photos/a.jpg`) or globs (`photos/**/*.jpg`). Their content says what they are, not their names.
    #[schemars(length(min = 1, max = 10_000))]
    pub files: Vec<String>,
    /// What to do to each picture, in this order. May be empty to convert to `format` only.
    #[serde(default)]
    #[schemars(length(max = 50))]
    pub operations: Vec<Operation>,
    /// The format to write; default: each picture's own, or PNG where that cannot be written.
    #[serde(default)]
    pub format: Option<Format>,
    /// JPEG quality, 1 (smallest) to 100 (best); default 80. The other formats written are without loss and ignore it.
    #[serde(default)]
    #[schemars(range(min = 1, max = 100))]
    pub quality: Option<u32>,
}

impl Tool for Process {
    type Params = Params;
    type Details = Details;

    const NAME: &'static str = "image_process";
    const TITLE: &'static str = "Process pictures";
    const DESCRIPTION: &'static str = "Takes one or many pictures (JPEG, PNG, WebP, GIF, TIFF, BMP, ICO, PNM, QOI) through a \
        list of operations (resize, crop, rotate, flip, grayscale, blur) and writes each as JPEG, PNG, WebP, GIF, TIFF or BMP. \
        Use it for thumbnails, format conversion and batches over a glob. EXIF orientation is applied first; of an animation \
        the first frame is used. Returns one artifact for each picture, named like its source; a picture that cannot be \
        processed is listed with its reason and does not stop the others.";

    fn inputs(&self, params: &Params) -> Result<Vec<InputSpec>, ToolError> {
        params.check()?;
        params.files.iter().enumerate().map(|(index, entry)| spec(index + 1, entry)).collect()
    }

    fn run(&self, params: Params, ctx: &mut Context) -> Result<Report, ToolError> {
        params.check()?;
        check_count(ctx)?;
        let recipe = Recipe { operations: &params.operations, quality: params.quality() };
        let (tasks, mut entries) = plan(ctx, params.format)?;
        entries.extend(batch::run(&tasks, &recipe, ctx, entries.len())?);
        let ignored = params.quality.is_some() && !tasks.iter().any(|task| task.format == Format::Jpeg);
        summarise(entries, ignored, ctx.limits())
    }
}

impl Params {
    /// Finds what no file could make good.
    fn check(&self) -> Result<(), ToolError> {
        let invalid = |fault: String| Err(ToolError::invalid(fault));
        if self.files.is_empty() {
            return invalid("files is empty; name at least one picture or glob".into());
        }
        if self.files.len() > MAX_ENTRIES {
            let count = self.files.len();
            return invalid(format!("files has {count} entries; at most {MAX_ENTRIES} are allowed, use a glob"));
        }
        if self.operations.len() > MAX_OPERATIONS {
            let count = self.operations.len();
            return invalid(format!("there are {count} operations; at most {MAX_OPERATIONS} are allowed"));
        }
        if self.operations.is_empty() && self.format.is_none() && self.quality.is_none() {
            return invalid("there is nothing to do; give operations, or a format to convert to".into());
        }
        if let Some(quality) = self.quality.filter(|quality| !(1..=100).contains(quality)) {
            return invalid(format!("quality is {quality}; give 1 to 100"));
        }
        for (index, operation) in self.operations.iter().enumerate() {
            operation
                .check()
                .or_else(|fault| invalid(format!("operation {} ({}): {fault}", index + 1, operation.name())))?;
        }
        Ok(())
    }

    fn quality(&self) -> u8 {
        self.quality.and_then(|quality| u8::try_from(quality).ok()).unwrap_or(DEFAULT_QUALITY)
    }
}

/// What the entry of `files` with this number asks for.
fn spec(number: usize, entry: &str) -> Result<InputSpec, ToolError> {
    let fault = |message: &str| ToolError::invalid(format!("entry {number} of files: {message}"));
    if Pattern::is_glob(entry) {
        Pattern::parse(entry).map_err(|error| fault(&error.message))?;
        return Ok(InputSpec::Glob(entry.to_owned()));
    }
    let path = entry.parse().map_err(|error: ToolError| fault(&error.message))?;
    Ok(InputSpec::Path { name: entry.to_owned(), path })
}

fn check_count(ctx: &Context) -> Result<(), ToolError> {
    let (count, most) = (ctx.inputs().len(), ctx.limits().max_files);
    if count == 0 {
        return Err(ToolError::not_found("no picture matches files; list the workspace to see what there is"));
    }
    if count > most {
        return Err(ToolError::too_large(format!(
            "files match {count} pictures; at most {most} are allowed in a call"
        )));
    }
    Ok(())
}

/// Looks at each picture's first bytes and names its artifact: the tasks to run and the pictures already known to fail.
///
/// Apart from the work, since beginning an artifact needs the context for itself.
fn plan(ctx: &mut Context, wanted: Option<Format>) -> Result<(Vec<Task>, Vec<Entry>), ToolError> {
    let (mut tasks, mut failed) = (Vec::new(), Vec::new());
    let mut names = Names::default();
    let mut seen = HashSet::new();
    let inputs: Vec<Input> = ctx.inputs().to_vec();
    for (position, input) in inputs.into_iter().enumerate() {
        ctx.cancel().check()?;
        if !seen.insert(input.path.clone()) {
            continue; // matched by two entries: one picture all the same
        }
        let file = input.path.to_string();
        match begin(ctx, position, input, wanted, &mut names) {
            Ok(task) => tasks.push(task),
            Err(error) if batch::ends_the_job(&error) => return Err(error),
            Err(error) => failed.push(Entry { position, file, outcome: Err(error) }),
        }
    }
    Ok((tasks, failed))
}

fn begin(
    ctx: &mut Context,
    position: usize,
    input: Input,
    wanted: Option<Format>,
    names: &mut Names,
) -> Result<Task, ToolError> {
    let read = sniff(&input)?;
    let format = wanted.unwrap_or_else(|| Format::like(read));
    let artifact = names.give(&input.path, format);
    let output = ctx.output(&artifact, format.mime())?;
    Ok(Task { position, input, read, format, artifact, output })
}

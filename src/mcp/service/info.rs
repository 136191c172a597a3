//! What this server is and what it allows.

use async_trait::async_trait;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::ServiceTool;
use crate::error::AppError;
use crate::mcp::surface::Caller;

pub(super) struct Info;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct InfoParams {}

#[derive(Serialize, JsonSchema)]
pub(super) struct InfoOutput {
    name: &'static str,
    version: &'static str,
    /// Whom the caller is taken for; everything it makes is theirs alone.
    principal: String,
    /// Where the server is reached; files are below /files.
    base_url: String,
    /// How many jobs run at once, and how many do now.
    slots: usize,
    running: usize,
    /// How many jobs wait, and how many may.
    waiting: usize,
    max_waiting: usize,
    /// Folders of existing data that are in everyone's workspace, to be read only.
    mounts: Vec<String>,
    limits: LimitsView,
    table_formats: [&'static str; 6],
    picture_formats: [&'static str; 9],
}

/// What one job of the caller's may use.
#[derive(Serialize, JsonSchema)]
struct LimitsView {
    threads: usize,
    memory_bytes: u64,
    /// Processor time over all threads; null for as much as it takes.
    cpu_seconds: Option<u64>,
    max_input_bytes: u64,
    max_output_bytes: u64,
    max_open_files: u64,
    max_upload_bytes: u64,
    max_pixels: u64,
    max_side: u32,
    max_files: usize,
    job_deadline_seconds: u64,
    result_ttl_seconds: u64,
    wait_seconds: u64,
}

#[async_trait]
impl ServiceTool for Info {
    type Params = InfoParams;
    type Output = InfoOutput;
    const NAME: &'static str = "server_info";
    const TITLE: &'static str = "About this server";
    const DESCRIPTION: &'static str = "Shows the server's version, limits, formats and how busy it is.";
    const READ_ONLY: bool = true;

    async fn call(&self, caller: &Caller<'_>, _: InfoParams) -> Result<InfoOutput, AppError> {
        let core = &caller.app.core;
        Ok(InfoOutput {
            name: "heavylift",
            version: env!("CARGO_PKG_VERSION"),
            principal: caller.principal.owner.to_string(),
            base_url: caller.app.base_url.clone(),
            slots: core.compute.slots(),
            running: core.board.running(),
            waiting: core.ports.queue.depth().await?.waiting,
            max_waiting: core.ports.queue.capacity(),
            mounts: core.workspace.mounts().names().map(|name| format!("{name}/")).collect(),
            limits: limits(caller),
            table_formats: ["csv", "tsv", "parquet", "json", "ndjson", "arrow"],
            picture_formats: ["jpeg", "png", "webp", "gif", "tiff", "bmp", "ico", "pnm", "qoi"],
        })
    }
}

fn limits(caller: &Caller<'_>) -> LimitsView {
    let (core, config, owner) = (&caller.app.core.config, &caller.app.config, &caller.principal.owner);
    let own = caller.app.core.limits_of(owner);
    LimitsView {
        threads: own.threads,
        memory_bytes: own.memory_bytes,
        cpu_seconds: own.cpu_seconds,
        max_input_bytes: own.max_input_bytes,
        max_output_bytes: own.max_output_bytes,
        max_open_files: own.max_open_files,
        max_upload_bytes: config.max_upload_bytes,
        max_pixels: own.max_pixels,
        max_side: own.max_side,
        max_files: own.max_files,
        job_deadline_seconds: caller.app.core.deadline_of(owner).as_secs(),
        result_ttl_seconds: core.result_ttl.as_secs(),
        wait_seconds: config.wait.as_secs(),
    }
}

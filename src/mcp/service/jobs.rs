//! The job tools: the way back to a job for every client, whatever became of its connection.

use std::time::Duration;

use actors::model::JobId;
use async_trait::async_trait;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::ServiceTool;
use crate::error::AppError;
use crate::mcp::call;
use crate::mcp::surface::Caller;
use crate::view::JobView;
use crate::wait;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct JobParams {
    /// The job, as the call that began it or `job_list` named it.
    job_id: JobId,
}

pub(super) struct Status;

#[async_trait]
impl ServiceTool for Status {
    type Params = JobParams;
    type Output = JobView;
    const NAME: &'static str = "job_status";
    const TITLE: &'static str = "Look at a job";
    const DESCRIPTION: &'static str =
        "Shows a job as it is now: progress, or the whole result once it is done. To wait for the end use job_wait.";
    const READ_ONLY: bool = true;

    async fn call(&self, caller: &Caller<'_>, params: JobParams) -> Result<JobView, AppError> {
        let record = caller.app.core.find(&caller.principal.owner, &params.job_id).await?;
        Ok(caller.app.viewer().view(&record))
    }
}

pub(super) struct Wait;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct WaitParams {
    /// The job, as the call that began it or `job_list` named it.
    job_id: JobId,
    /// How many seconds to wait at most, up to 3,600. Default 50; choose less than your client's own time-out.
    #[schemars(range(min = 0, max = 3600))]
    wait_seconds: Option<u64>,
}

#[async_trait]
impl ServiceTool for Wait {
    type Params = WaitParams;
    type Output = JobView;
    const NAME: &'static str = super::WAIT;
    const TITLE: &'static str = "Wait for a job";
    const DESCRIPTION: &'static str = "Waits until a job ends and gives its result; if it does not end in time, says how far it \
        is. Call it again until status is succeeded, failed or cancelled; input_required means that somebody has to answer first.";
    const READ_ONLY: bool = true;

    async fn call(&self, caller: &Caller<'_>, params: WaitParams) -> Result<JobView, AppError> {
        let app = caller.app;
        let budget =
            params.wait_seconds.map_or(app.config.wait, |seconds| Duration::from_secs(seconds.min(wait::MOST_SECONDS)));
        let record = call::end_of(&params.job_id, budget, caller).await?;
        Ok(app.viewer().view(&record))
    }
}

pub(super) struct List;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ListParams {
    /// Only jobs older than this one, to go on with a listing.
    after: Option<JobId>,
    /// How many at most, up to 100. Default 20.
    #[schemars(range(min = 1, max = 100))]
    limit: Option<usize>,
}

#[derive(Serialize, JsonSchema)]
pub(super) struct ListOutput {
    /// Newest first; without rows and details, which `job_status` shows.
    jobs: Vec<JobView>,
    /// Whether there are older ones: go on with `after`.
    more: bool,
}

#[async_trait]
impl ServiceTool for List {
    type Params = ListParams;
    type Output = ListOutput;
    const NAME: &'static str = "job_list";
    const TITLE: &'static str = "List jobs";
    const DESCRIPTION: &'static str =
        "Lists jobs, newest first, with their state and summary. Use it to find a job again after a lost connection.";
    const READ_ONLY: bool = true;

    async fn call(&self, caller: &Caller<'_>, params: ListParams) -> Result<ListOutput, AppError> {
        let limit = params.limit.unwrap_or(20).clamp(1, 100);
        let records = &caller.app.core.records;
        let (found, more) = records.list(&caller.principal.owner, params.after.as_ref(), limit).await?;
        let jobs = found.iter().map(|record| caller.app.viewer().brief(record)).collect();
        Ok(ListOutput { jobs, more })
    }
}

pub(super) struct Cancel;

#[async_trait]
impl ServiceTool for Cancel {
    type Params = JobParams;
    type Output = JobView;
    const NAME: &'static str = "job_cancel";
    const TITLE: &'static str = "Cancel a job";
    const DESCRIPTION: &'static str =
        "Stops a job that waits or runs. A finished job stays as it is. Ask with job_status whether it has stopped.";
    const READ_ONLY: bool = false;
    const DESTRUCTIVE: bool = true;

    async fn call(&self, caller: &Caller<'_>, params: JobParams) -> Result<JobView, AppError> {
        let record = caller.app.core.cancel(&caller.principal.owner, &params.job_id).await?;
        Ok(caller.app.viewer().view(&record))
    }
}

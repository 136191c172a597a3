//! Jobs as resources: `heavylift://jobs/<job>` is what `job_status` shows, `heavylift://jobs/<job>/<name>` a file that it left.

use std::sync::Arc;

use actors::model::{Artifact, JobId, JobOutcome, JobRecord, Owner};
use async_trait::async_trait;
use rmcp::model::{
    ArgumentInfo, CompletionContext, ReadResourceRequestParams, ReadResourceResponse, ReadResourceResult, Resource,
    ResourceContents, ResourceTemplate,
};
use serde_json::json;

use super::{contents, if_there, written};
use crate::app::App;
use crate::changes::uri::{Target, of_file};
use crate::changes::version_of;
use crate::mcp::candidates;
use crate::mcp::cursor;
use crate::mcp::freshness::{OF_GOOD, OF_NOW, fresh};
use crate::mcp::surface::{CallError, Caller, Resources};

const JOB: &str = "heavylift://jobs/{job_id}";
const ARTIFACT: &str = "heavylift://jobs/{job_id}/{+name}";
const JSON: &str = "application/json";

/// The family.
pub(super) struct Jobs;

/// What `uri` names, if it names one of this family.
fn named(uri: &str) -> Option<Target> {
    Target::parse(uri).filter(|target| match target {
        Target::Job(_) => true,
        Target::File(path) => path.as_str().starts_with("jobs/"),
    })
}

fn artifacts(record: &JobRecord) -> &[Artifact] {
    match &record.outcome {
        Some(JobOutcome::Succeeded { artifacts, .. }) => artifacts,
        _ => &[],
    }
}

fn job(app: &App, record: &JobRecord) -> Resource {
    Resource::new(Target::Job(record.id.clone()).uri(), record.id.as_str())
        .with_title(format!("{} {}", record.tool, json!(record.state).as_str().unwrap_or_default()))
        .with_description(app.viewer().brief(record).summary)
        .with_mime_type(JSON)
        .with_annotations(written(record.finished_at.unwrap_or(record.submitted_at)))
}

fn artifact(record: &JobRecord, artifact: &Artifact) -> Option<Resource> {
    let path = format!("jobs/{}/{}", record.id, artifact.name).parse().ok()?;
    let resource = Resource::new(of_file(&path), path.as_str()).with_mime_type(&artifact.mime);
    let at = record.finished_at.unwrap_or(record.submitted_at);
    Some(resource.with_size(artifact.bytes).with_annotations(written(at)))
}

/// Where a list goes on: after a job, or within one after some of its files.
struct Place {
    job: JobId,
    files: Option<usize>,
}

impl Place {
    fn read(text: &str) -> Option<Self> {
        let (job, files) = match text.split_once('/') {
            Some((job, files)) => (job, Some(files.parse().ok()?)),
            None => (text, None),
        };
        Some(Self { job: job.parse().ok()?, files })
    }
}

/// Some of what is listed, and where to go on.
#[derive(Default)]
struct Part {
    shown: Vec<Resource>,
    next: Option<String>,
}

impl Part {
    /// Adds the files of `record` from number `from` on. False when there is no room for all.
    fn add_files(&mut self, record: &JobRecord, from: usize, most: usize) -> bool {
        for (number, file) in artifacts(record).iter().enumerate().skip(from) {
            if self.shown.len() >= most {
                self.next = Some(format!("{}/{number}", record.id));
                return false;
            }
            self.shown.extend(artifact(record, file));
        }
        true
    }
}

impl Jobs {
    async fn read_artifact(
        &self,
        caller: &Caller<'_>,
        path: &tools::WorkspacePath,
        uri: &str,
    ) -> Result<Option<ReadResourceResult>, CallError> {
        let core = &caller.app.core;
        let Some(found) = if_there(core.workspace.find(&caller.principal.owner, path).await)?.flatten() else {
            return Ok(None);
        };
        let mut parts = path.as_str().splitn(3, '/').skip(1);
        let (job, name) = (parts.next().unwrap_or_default().parse::<JobId>()?, parts.next().unwrap_or_default());
        let Some(record) = if_there(core.find(&caller.principal.owner, &job).await)? else { return Ok(None) };
        let mime = artifacts(&record).iter().find(|artifact| artifact.name == name);
        let mime = mime.map_or_else(|| "application/octet-stream".to_owned(), |artifact| artifact.mime.clone());
        let contents = contents::read(caller.app, &found, uri, mime).await?;
        Ok(contents.map(|contents| fresh!(ReadResourceResult::new(vec![contents]), OF_GOOD)))
    }

    async fn found(app: &App, owner: &Owner, job: &JobId) -> Result<Option<Arc<JobRecord>>, CallError> {
        Ok(if_there(app.core.find(owner, job).await)?)
    }
}

#[async_trait]
impl Resources for Jobs {
    fn templates(&self) -> Vec<ResourceTemplate> {
        let job = "A job as job_status shows it: its state and progress, and its result once it is done.";
        let artifact = "A file that a finished job left; the job's artifacts name them. At most 1 MiB is read.";
        vec![
            ResourceTemplate::new(JOB, "job").with_title("Job").with_description(job).with_mime_type(JSON),
            ResourceTemplate::new(ARTIFACT, "artifact").with_title("Job's file").with_description(artifact),
        ]
    }

    fn canonical(&self, uri: &str) -> Option<String> {
        named(uri).map(|target| target.uri())
    }

    /// Those that are over, newest first, each followed by its files.
    async fn list(
        &self,
        caller: &Caller<'_>,
        after: Option<&str>,
        most: usize,
    ) -> Result<(Vec<Resource>, Option<String>), CallError> {
        let (app, owner) = (caller.app, &caller.principal.owner);
        let after = after.map(|after| Place::read(after).ok_or_else(cursor::unknown)).transpose()?;
        let mut part = Part::default();
        if let Some(Place { job, files: Some(from) }) = &after {
            let record = Self::found(app, owner, job).await?.ok_or_else(cursor::unknown)?;
            if !part.add_files(&record, *from, most) {
                return Ok((part.shown, part.next));
            }
        }
        let after = after.map(|place| place.job);
        if part.shown.len() >= most {
            return Ok((part.shown, after.map(|job| job.to_string())));
        }
        let records = app.core.records.list(owner, after.as_ref(), most - part.shown.len()).await;
        let (records, more) = if_there(records)?.ok_or_else(cursor::unknown)?;
        for record in &records {
            if part.shown.len() >= most {
                return Ok((part.shown, part.next));
            }
            if record.state.is_terminal() {
                part.shown.push(job(app, record));
            }
            if !part.add_files(record, 0, most) {
                return Ok((part.shown, part.next));
            }
            part.next = Some(record.id.to_string());
        }
        Ok((part.shown, part.next.filter(|_| more)))
    }

    async fn read(
        &self,
        caller: &Caller<'_>,
        request: &ReadResourceRequestParams,
    ) -> Result<Option<ReadResourceResponse>, CallError> {
        let job = match named(&request.uri) {
            None => return Ok(None),
            Some(Target::File(path)) => {
                let result = self.read_artifact(caller, &path, &request.uri).await?;
                return Ok(result.map(Into::into));
            }
            Some(Target::Job(job)) => job,
        };
        let Some(record) = Self::found(caller.app, &caller.principal.owner, &job).await? else { return Ok(None) };
        let text = json!(caller.app.viewer().view(&record)).to_string();
        let contents = ResourceContents::text(text, &request.uri).with_mime_type(JSON);
        // Its links end by themselves, so that it is another one before long even when it is over.
        Ok(Some(fresh!(ReadResourceResult::new(vec![contents]), OF_NOW).into()))
    }

    async fn version(&self, app: &App, owner: &Owner, uri: &str) -> Result<Option<String>, CallError> {
        match named(uri) {
            None => Ok(None),
            Some(Target::Job(job)) => Ok(Self::found(app, owner, &job).await?.map(|record| version_of(&record))),
            Some(Target::File(path)) => contents::version(app, owner, &path).await,
        }
    }

    async fn complete(
        &self,
        caller: &Caller<'_>,
        uri_template: &str,
        argument: &ArgumentInfo,
        context: Option<&CompletionContext>,
    ) -> Result<Vec<String>, CallError> {
        let typed = argument.value.as_str();
        match (uri_template, argument.name.as_str()) {
            (JOB | ARTIFACT, "job_id") => Ok(candidates::jobs(caller, typed).await?),
            (ARTIFACT, "name") => {
                let job = context.and_then(|context| context.get_argument("job_id")).and_then(|job| job.parse().ok());
                let Some(job) = job else { return Ok(Vec::new()) };
                let record = Self::found(caller.app, &caller.principal.owner, &job).await?;
                let names = record.iter().flat_map(|record| artifacts(record)).map(|artifact| &artifact.name);
                Ok(names.filter(|name| name.starts_with(typed)).cloned().collect())
            }
            _ => Ok(Vec::new()),
        }
    }
}

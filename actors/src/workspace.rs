//! A principal's files: finding what a call names, before it becomes a job.
//!
//! Used by `Session` and by the server's file routes and tools. `jobs/<job>/<artifact>` is a file like any other, only that
//! nobody writes it but its job. `NAME/…` of a mount is a file of everyone's that nobody writes; what a principal kept under
//! such a name before it was mounted is not seen meanwhile, and not touched.

mod list;
mod resolve;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use tools::suggest::did_you_mean;
use tools::{ToolError, WorkspacePath};

use crate::error::CoreError;
use crate::layout;
use crate::model::{JobId, JobOutcome, Owner};
use crate::mounts::Mounts;
use crate::ports::{BlobStore, Key, Meta};
use crate::records::Records;

/// Where the files of finished jobs begin.
const JOBS: &str = "jobs/";
/// How many files' names are compared with a misspelt one.
const MOST_HINTS: usize = 5_000;

/// All principals' files.
#[derive(Clone)]
pub struct Workspace {
    store: Arc<dyn BlobStore>,
    records: Records,
    mounts: Mounts,
}

/// A file that exists.
#[derive(Clone, Debug)]
pub struct FoundFile {
    /// Its name.
    pub path: WorkspacePath,
    /// The mount in whose store it is; `None` for the server's own.
    pub mount: Option<String>,
    /// Where its bytes are there.
    pub key: Key,
    /// Its version and size.
    pub meta: Meta,
}

/// Where a file's bytes are, or would be.
struct Place {
    mount: Option<String>,
    key: Key,
}

impl Workspace {
    /// The workspaces in `store`.
    pub fn new(store: Arc<dyn BlobStore>, records: Records) -> Self {
        Self { store, records, mounts: Mounts::default() }
    }

    /// The same with `mounts` in each of them.
    #[must_use]
    pub fn with_mounts(self, mounts: Mounts) -> Self {
        Self { mounts, ..self }
    }

    /// What is mounted.
    pub fn mounts(&self) -> &Mounts {
        &self.mounts
    }

    /// The store behind a mount, or the server's own; `None` for a mount that is not there any more.
    pub fn store(&self, mount: Option<&str>) -> Option<&Arc<dyn BlobStore>> {
        mount.map_or(Some(&self.store), |name| self.mounts.store(name))
    }

    /// Where `owner`'s file `path` is written.
    ///
    /// # Errors
    /// `InvalidParams` for what only jobs write, or nobody.
    pub fn writable(&self, owner: &Owner, path: &WorkspacePath) -> Result<Key, ToolError> {
        let first = path.as_str().split('/').next().unwrap_or_default();
        if first == "jobs" {
            let message = format!("{path} cannot be written: jobs/ holds what jobs made; choose another name");
            return Err(ToolError::invalid(message));
        }
        if self.mounts.split(path.as_str()).is_some() {
            let message = format!("{path} cannot be written: {first}/ is mounted to be read only; choose another name");
            return Err(ToolError::invalid(message));
        }
        Ok(layout::file(owner, path))
    }

    /// Where a file's bytes are, or would be; `None` where none can be.
    async fn place(&self, owner: &Owner, path: &WorkspacePath) -> Result<Option<Place>, CoreError> {
        if let Some((mount, below)) = self.mounts.split(path.as_str()) {
            let key = Key::parse(below);
            return Ok(key.map(|key| Place { mount: Some(mount.to_owned()), key }));
        }
        let key = match path.as_str().strip_prefix(JOBS) {
            Some(below) => self.artifact(owner, path, below).await?,
            None => layout::file(owner, path),
        };
        Ok(Some(Place { mount: None, key }))
    }

    /// Where a job's artifact is, by its record.
    async fn artifact(&self, owner: &Owner, path: &WorkspacePath, below: &str) -> Result<Key, CoreError> {
        let missing =
            || ToolError::not_found(format!("there is no file {path}; job_list shows the jobs and their files"));
        let (job, name) = below.split_once('/').ok_or_else(missing)?;
        let job: JobId = job.parse().map_err(|_| missing())?;
        let record = match self.records.load_owned(owner, &job).await {
            Ok(found) => found.record,
            Err(CoreError::NoSuchJob(_)) => return Err(missing().into()),
            Err(error) => return Err(error),
        };
        let Some(JobOutcome::Succeeded { artifacts, .. }) = &record.outcome else {
            let why =
                if record.state.is_terminal() { "ended without files" } else { "is not done; wait with job_wait" };
            return Err(ToolError::not_found(format!("{path} is not there: job {job} {why}")).into());
        };
        if !artifacts.iter().any(|artifact| artifact.name == name) {
            let hint = did_you_mean(name, artifacts.iter().map(|artifact| artifact.name.as_str()));
            return Err(ToolError::not_found(format!("job {job} has no file {name:?}{hint}")).into());
        }
        Ok(layout::artifact(&job, record.attempt, &name.parse()?))
    }

    /// The file called `path`, if there is one.
    ///
    /// # Errors
    /// `NotFound` when the path names a job's file that is not there; `Store`.
    pub async fn find(&self, owner: &Owner, path: &WorkspacePath) -> Result<Option<FoundFile>, CoreError> {
        let Some(Place { mount, key }) = self.place(owner, path).await? else { return Ok(None) };
        let Some(store) = self.store(mount.as_deref()) else { return Ok(None) };
        let meta = store.head(&key).await?;
        Ok(meta.map(|meta| FoundFile { path: path.clone(), mount, key, meta }))
    }

    /// The file called `path`.
    ///
    /// # Errors
    /// `NotFound`, with the nearest names there are; `Store`.
    pub async fn get(&self, owner: &Owner, path: &WorkspacePath) -> Result<FoundFile, CoreError> {
        match self.find(owner, path).await? {
            Some(found) => Ok(found),
            None => Err(self.missing(owner, path.as_str()).await?.into()),
        }
    }

    async fn missing(&self, owner: &Owner, wanted: &str) -> Result<ToolError, CoreError> {
        let (files, _) = self.list(owner, "", None, MOST_HINTS).await?;
        if files.is_empty() {
            return Ok(ToolError::not_found(format!(
                "there is no file {wanted:?}; the workspace is empty, put files there with file_put or `heavylift put`"
            )));
        }
        let name = wanted.to_owned();
        let hint = move || {
            let names = files.iter().flat_map(|file| [file.path.as_str(), file.path.stem()]);
            did_you_mean(&name, names)
        };
        let hint = off_thread(hint).await?;
        Ok(ToolError::not_found(format!("there is no file {wanted:?}{hint}")))
    }
}

/// Does what takes a while with many files where no actor waits for it.
async fn off_thread<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, CoreError> {
    let done = tokio::task::spawn_blocking(work).await;
    Ok(done.map_err(|_| ToolError::internal("the workspace could not be searched; try again"))?)
}

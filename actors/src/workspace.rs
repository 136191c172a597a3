//! A principal's files: finding what a call names, before it becomes a job.
//!
//! Used by `Session` and by the server's file routes and tools. `jobs/<job>/<artifact>` is a file like any other, only that
//! nobody writes it but its job.

use std::collections::HashSet;
use std::sync::Arc;

use tools::suggest::did_you_mean;
use tools::{InputSpec, Limits, Pattern, ToolError, WorkspacePath};

use crate::error::CoreError;
use crate::layout;
use crate::model::{JobId, JobInput, JobOutcome, Owner};
use crate::ports::{BlobStore, Entry, Key, Meta, Page};
use crate::records::Records;

/// Where the files of finished jobs begin.
const JOBS: &str = "jobs/";
/// How many files are looked through for a name or a pattern.
const MOST_FILES: usize = 200_000;
/// How many files are listed at a time while looking through them.
const PAGE: usize = 10_000;
/// How many files' names are compared with a misspelt one.
const MOST_HINTS: usize = 5_000;

/// All principals' files.
#[derive(Clone)]
pub struct Workspace {
    store: Arc<dyn BlobStore>,
    records: Records,
}

/// A file that exists.
#[derive(Clone, Debug)]
pub struct FoundFile {
    /// Its name.
    pub path: WorkspacePath,
    /// Where its bytes are.
    pub key: Key,
    /// Its version and size.
    pub meta: Meta,
}

impl Workspace {
    /// The workspaces in `store`.
    pub fn new(store: Arc<dyn BlobStore>, records: Records) -> Self {
        Self { store, records }
    }

    /// Where a file's bytes are, or would be. A job's artifact is looked up in its record.
    ///
    /// # Errors
    /// `NotFound` when the path names a job's file that is not there.
    pub async fn key(&self, owner: &Owner, path: &WorkspacePath) -> Result<Key, CoreError> {
        let Some(below) = path.as_str().strip_prefix(JOBS) else { return Ok(layout::file(owner, path)) };
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
    /// `NotFound` as [`key`](Self::key); `Store`.
    pub async fn find(&self, owner: &Owner, path: &WorkspacePath) -> Result<Option<FoundFile>, CoreError> {
        let key = self.key(owner, path).await?;
        let meta = self.store.head(&key).await?;
        Ok(meta.map(|meta| FoundFile { path: path.clone(), key, meta }))
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

    /// At most `limit` of an owner's own files below `prefix` after `after`, in order of name.
    ///
    /// # Errors
    /// `Store`.
    pub async fn list(
        &self,
        owner: &Owner,
        prefix: &str,
        after: Option<&WorkspacePath>,
        limit: usize,
    ) -> Result<(Vec<FoundFile>, bool), CoreError> {
        let root = layout::files_prefix(owner);
        let after = after.map(|path| layout::file(owner, path));
        let Page { entries, more } = self.store.list(&format!("{root}{prefix}"), after.as_ref(), limit).await?;
        let found = entries.into_iter().filter_map(|entry| found_below(&root, entry)).collect();
        Ok((found, more))
    }

    /// Every file that `pattern` matches, in order of name. `*` and `?` stay within a folder, `**` does not.
    ///
    /// # Errors
    /// `InvalidParams` for a broken pattern; `TooLarge` when there are too many files to look through; `Store`.
    pub async fn glob(&self, owner: &Owner, pattern: &str) -> Result<Vec<FoundFile>, CoreError> {
        let pattern = Pattern::parse(pattern)?;
        let files = match pattern.literal_prefix().strip_prefix(JOBS) {
            Some(below) => self.of_job(owner, below).await?,
            None => self.all(owner, pattern.literal_prefix()).await?,
        };
        off_thread(move || files.into_iter().filter(|file| pattern.matches(file.path.as_str())).collect()).await
    }

    /// The files of the job whose id `below` begins with.
    async fn of_job(&self, owner: &Owner, below: &str) -> Result<Vec<FoundFile>, CoreError> {
        let Some(job) = below.split('/').next().and_then(|id| id.parse::<JobId>().ok()) else { return Ok(Vec::new()) };
        let record = self.records.load_owned(owner, &job).await?.record;
        let Some(JobOutcome::Succeeded { artifacts, .. }) = &record.outcome else { return Ok(Vec::new()) };
        let mut files = Vec::with_capacity(artifacts.len());
        for artifact in artifacts {
            let key = layout::artifact(&job, record.attempt, &artifact.name.parse()?);
            let path = format!("{JOBS}{job}/{}", artifact.name).parse()?;
            files.extend(self.store.head(&key).await?.map(|meta| FoundFile { path, key, meta }));
        }
        files.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(files)
    }

    /// Turns what a call asks for into the files there are, in the order in which it asked.
    ///
    /// # Errors
    /// `NotFound`, naming the nearest, when something matches nothing; `InvalidParams` when a table's name fits several
    /// files; `TooLarge` over the limits; `Store`.
    pub async fn resolve(
        &self,
        owner: &Owner,
        specs: &[InputSpec],
        limits: &Limits,
    ) -> Result<Vec<JobInput>, CoreError> {
        let mut inputs: Vec<JobInput> = Vec::new();
        let mut names = HashSet::new();
        for spec in specs {
            let found = self.resolve_one(owner, spec).await?;
            if inputs.len() + found.len() > limits.max_files {
                let message = format!("the call names more than {} files; split it", limits.max_files);
                return Err(ToolError::too_large(message).into());
            }
            for (name, file) in found {
                limits.check_input(file.path.as_str(), file.meta.bytes)?;
                if names.insert(name.clone()) {
                    inputs.push(input(name, file));
                }
            }
        }
        Ok(inputs)
    }

    async fn resolve_one(&self, owner: &Owner, spec: &InputSpec) -> Result<Vec<(String, FoundFile)>, CoreError> {
        match spec {
            InputSpec::Path { name, path } => Ok(vec![(name.clone(), self.get(owner, path).await?)]),
            InputSpec::Table { name, place } => {
                Ok(vec![(name.clone(), self.table(owner, name, place.as_deref()).await?)])
            }
            InputSpec::Glob(pattern) => {
                // A file's own name may look like a pattern.
                if let Ok(path) = pattern.parse()
                    && let Some(file) = self.find(owner, &path).await?
                {
                    return Ok(vec![(file.path.to_string(), file)]);
                }
                let found = self.glob(owner, pattern).await?;
                if found.is_empty() {
                    return Err(self.missing(owner, pattern).await?.into());
                }
                Ok(found.into_iter().map(|file| (file.path.to_string(), file)).collect())
            }
        }
    }

    async fn table(&self, owner: &Owner, name: &str, place: Option<&str>) -> Result<FoundFile, CoreError> {
        if let Ok(path) = name.parse::<WorkspacePath>()
            && let Some(found) = self.find(owner, &path).await?
        {
            return Ok(found);
        }
        let files = self.all(owner, "").await?;
        let stem = name.to_owned();
        let fits = move |file: &FoundFile| file.path.stem().eq_ignore_ascii_case(&stem);
        let mut fitting: Vec<FoundFile> = off_thread(move || files.into_iter().filter(fits).collect()).await?;
        match fitting.len() {
            0 => Err(self.missing(owner, name).await?.at(place).into()),
            1 => Ok(fitting.remove(0)),
            _ => {
                let names: Vec<String> = fitting.iter().take(5).map(|file| format!("\"{}\"", file.path)).collect();
                let message = format!("table {name:?} could be {}; name one of them in quotes", names.join(" or "));
                Err(ToolError::invalid(message).at(place).into())
            }
        }
    }

    async fn all(&self, owner: &Owner, prefix: &str) -> Result<Vec<FoundFile>, CoreError> {
        let mut files: Vec<FoundFile> = Vec::new();
        loop {
            let after = files.last().map(|file| file.path.clone());
            let (page, more) = self.list(owner, prefix, after.as_ref(), PAGE).await?;
            files.extend(page);
            if !more {
                return Ok(files);
            }
            if files.len() >= MOST_FILES {
                let message =
                    format!("there are more than {MOST_FILES} files to look through; name the files by their paths");
                return Err(ToolError::too_large(message).into());
            }
        }
    }

    async fn missing(&self, owner: &Owner, wanted: &str) -> Result<ToolError, CoreError> {
        let files = self.all(owner, "").await?;
        if files.is_empty() {
            return Ok(ToolError::not_found(format!(
                "there is no file {wanted:?}; the workspace is empty, put files there with file_put or `heavylift put`"
            )));
        }
        let name = wanted.to_owned();
        let hint = move || {
            let names = files.iter().take(MOST_HINTS).flat_map(|file| [file.path.as_str(), file.path.stem()]);
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

fn found_below(root: &str, entry: Entry) -> Option<FoundFile> {
    let path = entry.key.after(root)?.parse().ok()?;
    Some(FoundFile { path, key: entry.key, meta: entry.meta })
}

fn input(name: String, file: FoundFile) -> JobInput {
    let FoundFile { path, key, meta } = file;
    JobInput { name, path, key: key.as_str().to_owned(), etag: meta.etag, bytes: meta.bytes }
}

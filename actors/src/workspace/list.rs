//! Listing: a principal's own files and those of all mounts, as one workspace in order of name.

use tools::{Pattern, ToolError, WorkspacePath};

use super::{FoundFile, JOBS, Workspace, off_thread};
use crate::error::CoreError;
use crate::layout;
use crate::model::{JobId, JobOutcome, Owner};
use crate::ports::{Entry, Key, Page};

/// How many files are looked through for a name or a pattern.
const MOST_FILES: usize = 200_000;
/// How many files are listed at a time while looking through them.
const PAGE: usize = 10_000;

/// How many are asked for at least where some of them may be hidden.
const LEAST_PAGE: usize = 1_000;

/// Some files in order of name, and whether there are more.
type Part = (Vec<FoundFile>, bool);

impl Workspace {
    /// At most `limit` of the files of an owner's workspace below `prefix` after `after`, in order of name; without those of
    /// jobs.
    ///
    /// # Errors
    /// `Store`.
    pub async fn list(
        &self,
        owner: &Owner,
        prefix: &str,
        after: Option<&WorkspacePath>,
        limit: usize,
    ) -> Result<Part, CoreError> {
        let after = after.map(WorkspacePath::as_str);
        let (mut files, mut more) = self.list_own(owner, prefix, after, limit).await?;
        for name in self.mounts.names() {
            let (mounted, more_here) = self.list_mount(name, prefix, after, limit).await?;
            files.extend(mounted);
            more |= more_here;
        }
        files.sort_by(|a, b| a.path.cmp(&b.path));
        more |= files.len() > limit;
        files.truncate(limit);
        Ok((files, more))
    }

    /// The same of the owner's own files, but for those that a mount hides.
    async fn list_own(
        &self,
        owner: &Owner,
        prefix: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Part, CoreError> {
        if prefix.contains('/') && self.mounts.split(prefix).is_some() {
            return Ok((Vec::new(), false));
        }
        let root = layout::files_prefix(owner);
        let mut after = after.and_then(|after| Key::parse(&format!("{root}{after}")));
        let mut files = Vec::new();
        // With many hidden ones a small part would be gathered from many still smaller.
        let page = if self.mounts.names().next().is_some() { limit.max(LEAST_PAGE) } else { limit };
        loop {
            let Page { entries, more } = self.store.list(&format!("{root}{prefix}"), after.as_ref(), page).await?;
            after = entries.last().map(|entry| entry.key.clone());
            let seen = entries.into_iter().filter_map(|entry| found(entry, &root, None));
            files.extend(seen.filter(|file| self.mounts.split(file.path.as_str()).is_none()));
            if !more || files.len() >= limit {
                let rest = more || files.len() > limit;
                files.truncate(limit);
                return Ok((files, rest));
            }
        }
    }

    /// The same of the files of the mount called `name`.
    async fn list_mount(&self, name: &str, prefix: &str, after: Option<&str>, limit: usize) -> Result<Part, CoreError> {
        let root = format!("{name}/");
        let below = match prefix.strip_prefix(&root) {
            Some(below) => below,
            None if root.starts_with(prefix) => "",
            None => return Ok((Vec::new(), false)),
        };
        let mut after_below = match after {
            Some(after) if after.starts_with(&root) => Key::parse(&after[root.len()..]),
            Some(after) if after > root.as_str() => return Ok((Vec::new(), false)),
            _ => None,
        };
        let Some(store) = self.mounts.store(name) else { return Ok((Vec::new(), false)) };
        let mut files = Vec::new();
        loop {
            let Page { entries, more } = store.list(below, after_below.as_ref(), limit).await?;
            after_below = entries.last().map(|entry| entry.key.clone());
            // Others chose these names; a part without one that a path can have is not the last for that.
            files.extend(entries.into_iter().filter_map(|entry| found(entry, "", Some(name))));
            if !more || files.len() >= limit {
                let rest = more || files.len() > limit;
                files.truncate(limit);
                return Ok((files, rest));
            }
        }
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
            files.extend(self.store.head(&key).await?.map(|meta| FoundFile { path, mount: None, key, meta }));
        }
        files.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(files)
    }

    /// Every file of the workspace below `prefix`.
    pub(super) async fn all(&self, owner: &Owner, prefix: &str) -> Result<Vec<FoundFile>, CoreError> {
        let mut files: Vec<FoundFile> = Vec::new();
        loop {
            let after = files.last().map(|file| file.path.clone());
            let (page, more) = self.list(owner, prefix, after.as_ref(), PAGE).await?;
            files.extend(page);
            if !more {
                return Ok(files);
            }
            check_number(&files)?;
        }
    }

    /// Every file of the owner's own.
    pub(super) async fn all_own(&self, owner: &Owner) -> Result<Vec<FoundFile>, CoreError> {
        let mut files: Vec<FoundFile> = Vec::new();
        loop {
            let after = files.last().map(|file| file.path.clone());
            let after = after.as_ref().map(WorkspacePath::as_str);
            let (page, more) = self.list_own(owner, "", after, PAGE).await?;
            files.extend(page);
            if !more {
                return Ok(files);
            }
            check_number(&files)?;
        }
    }
}

fn check_number(files: &[FoundFile]) -> Result<(), ToolError> {
    if files.len() < MOST_FILES {
        return Ok(());
    }
    let message = format!("there are more than {MOST_FILES} files to look through; name the files by their paths");
    Err(ToolError::too_large(message))
}

/// The file of a store's `entry` whose key is `root` and the path below; `None` for what no path can name.
fn found(entry: Entry, root: &str, mount: Option<&str>) -> Option<FoundFile> {
    let below = entry.key.after(root)?;
    let path = match mount {
        Some(mount) => format!("{mount}/{below}").parse().ok()?,
        None => below.parse().ok()?,
    };
    Some(FoundFile { path, mount: mount.map(str::to_owned), key: entry.key, meta: entry.meta })
}

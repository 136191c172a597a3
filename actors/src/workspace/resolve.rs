//! From what a call asks for to the files there are: paths, patterns, tables by their names.

use std::collections::HashSet;

use tools::{InputSpec, Limits, ToolError, WorkspacePath};

use super::{FoundFile, Workspace, off_thread};
use crate::error::CoreError;
use crate::model::{JobInput, Owner};

impl Workspace {
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
                let found = self.matching(owner, pattern).await?;
                Ok(found.into_iter().map(|file| (file.path.to_string(), file)).collect())
            }
        }
    }

    /// The files that `pattern` means: the one of that name, else all that it matches, in order of name.
    ///
    /// # Errors
    /// `NotFound`, naming the nearest, where it means none; as [`glob`](Self::glob).
    pub async fn matching(&self, owner: &Owner, pattern: &str) -> Result<Vec<FoundFile>, CoreError> {
        // A file's own name may look like a pattern.
        if let Ok(path) = pattern.parse()
            && let Some(file) = self.find(owner, &path).await?
        {
            return Ok(vec![file]);
        }
        let found = self.glob(owner, pattern).await?;
        if found.is_empty() {
            return Err(self.missing(owner, pattern).await?.into());
        }
        Ok(found)
    }

    /// The file that `name` stands for in SQL. An owner's own come before those of mounts, which may be very many.
    async fn table(&self, owner: &Owner, name: &str, place: Option<&str>) -> Result<FoundFile, CoreError> {
        if let Ok(path) = name.parse::<WorkspacePath>()
            && let Some(found) = self.find(owner, &path).await?
        {
            return Ok(found);
        }
        let mut fitting = called(name, self.all_own(owner).await?).await?;
        if fitting.is_empty() && self.mounts.names().next().is_some() {
            fitting = called(name, self.all(owner, "").await?).await?;
        }
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
}

/// Those of `files` that are called `name` without their ending, in any case of letters.
async fn called(name: &str, files: Vec<FoundFile>) -> Result<Vec<FoundFile>, CoreError> {
    let name = name.to_owned();
    let fits = move |file: &FoundFile| file.path.stem().eq_ignore_ascii_case(&name);
    off_thread(move || files.into_iter().filter(fits).collect()).await
}

fn input(name: String, file: FoundFile) -> JobInput {
    let FoundFile { path, mount, key, meta } = file;
    JobInput { name, path, mount, key: key.as_str().to_owned(), etag: meta.etag, bytes: meta.bytes }
}

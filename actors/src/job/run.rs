//! The three stages of an attempt, each a plain future without the actor's state.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};
use tempfile::TempDir;
use tools::{ArtifactFile, Cancel, Folders, Input, Outcome, ProgressSink, ToolError, ToolErrorKind};

use crate::cache::{Brought, Held, Version};
use crate::compute::{Panicked, Slot};
use crate::core::Core;
use crate::error::CoreError;
use crate::layout;
use crate::model::{Artifact, Cause, JobError, JobInput, JobRecord};
use crate::ports::{BlobStore, Expect, Key, Run, RunFault, StoreError, StoreErrorKind};
use crate::retry;

/// How many files are brought from or to the store at once: each waits for the disk, not for a processor.
const AT_ONCE: usize = 8;

/// What a tool needs on local disk. The folder goes when the last holder of it does.
pub(super) struct Ready {
    pub(super) folder: Arc<TempDir>,
    inputs: Vec<Input>,
    folders: Folders,
    /// Keeps the inputs that are in the cache where they are.
    held: Vec<Held>,
}

/// Why a stage of an attempt does not lead to the next.
pub(super) enum Unfinished {
    Cancelled,
    Failed(JobError),
    /// The store did not answer for longer than a lease: another attempt may fare better.
    StoreAway,
}

/// Makes the job's folders and brings its inputs there.
pub(super) async fn prepare(core: Core, record: JobRecord) -> Result<Ready, Unfinished> {
    // Asked only after the board knows who runs the job: whoever cancels writes first and looks there second. On a store that
    // others use, too, it is asked again and again anyway.
    if core.config.exclusive {
        let asked =
            retry::until(&*core.ports.clock, patience(&core), || core.records.cancel_requested(&record.id)).await;
        if asked.map_err(|error| store_failed(&error))? {
            return Err(Unfinished::Cancelled);
        }
    }
    let scratch = core.config.scratch.clone();
    let made = tokio::task::spawn_blocking(move || make_folders(&scratch)).await;
    let (folder, folders) = made
        .map_err(|_| failed(ToolError::internal("the job's folder could not be made")))?
        .map_err(|error| failed(ToolError::io("making the job's folder", &error)))?;
    let fetches = record.inputs.iter().enumerate().map(|(number, input)| {
        let own = folder.path().join("inputs").join(number.to_string());
        fetch(&core, input, own)
    });
    let brought: Vec<(Input, Option<Held>)> = stream::iter(fetches).buffered(AT_ONCE).try_collect().await?;
    let (inputs, held): (Vec<_>, Vec<_>) = brought.into_iter().unzip();
    let held = held.into_iter().flatten().collect();
    Ok(Ready { folder: Arc::new(folder), inputs, folders, held })
}

fn failed(error: ToolError) -> Unfinished {
    Unfinished::Failed(error.into())
}

fn make_folders(scratch: &Path) -> std::io::Result<(TempDir, Folders)> {
    std::fs::create_dir_all(scratch)?;
    let folder = tempfile::Builder::new().prefix("job-").tempdir_in(scratch)?;
    let folders = Folders { output: folder.path().join("output"), scratch: folder.path().join("scratch") };
    for path in [&folders.output, &folders.scratch, &folder.path().join("inputs")] {
        std::fs::create_dir(path)?;
    }
    Ok((folder, folders))
}

/// Brings an input to local disk: into the cache, or to the job's own file `own` where it is no matter for the cache.
async fn fetch(core: &Core, input: &JobInput, own: PathBuf) -> Result<(Input, Option<Held>), Unfinished> {
    let changed = |what: &str| {
        let message = format!("{} {what} after the call was accepted; call again", input.path);
        Unfinished::Failed(JobError { cause: Cause::InputChanged, kind: ToolErrorKind::NotFound, message })
    };
    let key = Key::parse(&input.key).ok_or_else(|| changed("became unreadable"))?;
    let version = Version { mount: input.mount.clone(), key, etag: input.etag.clone() };
    let store = core.workspace.store(input.mount.as_deref()).ok_or_else(|| changed("went with its mount"))?;
    let brought =
        retry::until(&*core.ports.clock, patience(core), || bring(core, store, &version, input.bytes, &own)).await;
    let held = match brought {
        Ok(Brought::Held(held)) => Some(held),
        Ok(Brought::NoRoom) => None,
        Ok(Brought::Changed) => return Err(changed("changed")),
        Err(CoreError::Store(StoreError { kind: StoreErrorKind::NotFound, .. })) => return Err(changed("was deleted")),
        Err(error) => return Err(store_failed(&error)),
    };
    let local = held.as_ref().map_or(own, |held| held.path().to_owned());
    Ok((Input { name: input.name.clone(), path: input.path.clone(), local, bytes: input.bytes }, held))
}

/// One try; what is no matter for the cache is at `own` afterwards.
async fn bring(
    core: &Core,
    store: &Arc<dyn BlobStore>,
    version: &Version,
    bytes: u64,
    own: &Path,
) -> Result<Brought, CoreError> {
    if !store.is_local() {
        match core.cache.hold(store, version, bytes).await {
            Ok(Brought::NoRoom) => {}
            Err(error) if error.kind == StoreErrorKind::Conflict => return Ok(Brought::Changed),
            settled => return Ok(settled?),
        }
    }
    match store.fetch(&version.key, own).await {
        Ok(meta) if meta.etag == version.etag => Ok(Brought::NoRoom),
        Err(error) if error.kind != StoreErrorKind::Conflict => Err(error.into()),
        _ => Ok(Brought::Changed),
    }
}

/// Runs the tool in `slot`.
pub(super) fn compute(
    core: &Core,
    slot: Slot,
    record: &JobRecord,
    ready: Ready,
    progress: ProgressSink,
    cancel: Cancel,
) -> impl Future<Output = Result<Result<Outcome, RunFault>, Panicked>> + use<> {
    let runner = Arc::clone(&core.runner);
    let Ready { folder, inputs, folders, held } = ready;
    let run = Run {
        owner: record.owner.clone(),
        tool: record.tool.clone(),
        params: record.params.clone(),
        inputs,
        folders,
        limits: core.limits_of(&record.owner),
        answers: record.answers.clone(),
        progress,
        cancel,
    };
    let span = tracing::Span::current();
    slot.run(move || {
        let outcome = span.in_scope(|| runner.run(run));
        // The actor may have gone; what the tool reads and writes must not go before it is done.
        drop((folder, held));
        outcome
    })
}

/// Brings what the tool wrote to the store, below this attempt's own prefix.
pub(super) async fn keep(core: Core, record: JobRecord, files: Vec<ArtifactFile>) -> Result<Vec<Artifact>, Unfinished> {
    let puts = files.into_iter().map(|file| keep_one(&core, &record, file));
    stream::iter(puts).buffered(AT_ONCE).try_collect().await
}

async fn keep_one(core: &Core, record: &JobRecord, file: ArtifactFile) -> Result<Artifact, Unfinished> {
    let name = file.name.parse().map_err(failed)?;
    let key = layout::artifact(&record.id, record.attempt, &name);
    let put = retry::until(&*core.ports.clock, patience(core), || async {
        Ok(core.ports.store.put_file(&key, &file.local, Expect::Any).await?)
    });
    put.await.map_err(|error| store_failed(&error))?;
    Ok(Artifact { name: file.name, mime: file.mime, bytes: file.bytes, sha256: file.sha256 })
}

/// How long one passing fault of the store is borne: as long as a lease, which goes on being renewed meanwhile.
fn patience(core: &Core) -> time::OffsetDateTime {
    core.ports.clock.now() + core.config.lease
}

fn store_failed(error: &CoreError) -> Unfinished {
    let kind = if let CoreError::Store(store) = error { Some(store.kind) } else { None };
    match kind {
        Some(StoreErrorKind::Full) => {
            let message = "no room on the server for the job's files; try again later";
            failed(ToolError::new(ToolErrorKind::NoSpace, message))
        }
        Some(StoreErrorKind::Unavailable) => {
            tracing::warn!(%error, "store did not answer, the attempt is given up");
            Unfinished::StoreAway
        }
        _ => {
            tracing::error!(%error, "store failed under a job");
            failed(ToolError::internal("the server's store failed while the job ran; try again later"))
        }
    }
}

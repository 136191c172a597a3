//! The folders of one lane. It reads below one and writes below the other, and for the time of a job the job's own folders are
//! moved there: that way one set of rules, fixed when the lane starts, fits every job.
//!
//! Everything lies on the scratch folder's disk, so that moving is renaming.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use tempfile::TempDir;
use tools::{Folders, Input, Outcome, ToolError, WorkspacePath};

/// One lane's folders, removed with it.
pub(super) struct LaneFolders {
    folder: TempDir,
}

/// A job's files while a lane has them.
pub(super) struct Moved {
    pub(super) inputs: Vec<Input>,
    pub(super) folders: Folders,
    /// Where output and scratch came from.
    pub(super) home: Folders,
}

impl LaneFolders {
    pub(super) fn new(scratch: &Path) -> io::Result<Self> {
        fs::create_dir_all(scratch)?;
        let lane = Self { folder: tempfile::Builder::new().prefix("lane-").tempdir_in(scratch)? };
        fs::create_dir(lane.read())?;
        fs::create_dir(lane.write())?;
        Ok(lane)
    }

    pub(super) fn path(&self) -> &Path {
        self.folder.path()
    }

    pub(super) fn read(&self) -> PathBuf {
        self.path().join("read")
    }

    pub(super) fn write(&self) -> PathBuf {
        self.path().join("write")
    }

    /// Brings a job's files where the lane can use them. Inputs get a second name: they may be in the cache.
    ///
    /// # Errors
    /// When the disk refuses.
    pub(super) fn take_in(&self, inputs: &[Input], home: &Folders) -> io::Result<Moved> {
        let linked = inputs.iter().enumerate().map(|(number, input)| {
            let local = self.read().join(number.to_string());
            link(&input.local, &local).map(|()| Input { local, ..input.clone() })
        });
        let inputs = linked.collect::<io::Result<_>>()?;
        let folders = Folders { output: self.write().join("output"), scratch: self.write().join("scratch") };
        fs::rename(&home.output, &folders.output)?;
        fs::rename(&home.scratch, &folders.scratch)?;
        Ok(Moved { inputs, folders, home: home.clone() })
    }

    /// Takes a job's files out of the lane's reach again; what else it left there is removed.
    ///
    /// # Errors
    /// When the disk refuses: then the lane is not fit for another job.
    pub(super) fn take_out(&self, moved: &Moved) -> io::Result<()> {
        fs::rename(&moved.folders.output, &moved.home.output)?;
        fs::rename(&moved.folders.scratch, &moved.home.scratch)?;
        for input in &moved.inputs {
            fs::remove_file(&input.local)?;
        }
        if fs::read_dir(self.write())?.next().is_some() {
            return Err(io::Error::other("the lane wrote beside its job's folders"));
        }
        Ok(())
    }
}

impl Moved {
    /// The outcome with its files where they are now, in the job's own folder again.
    ///
    /// # Errors
    /// `Internal` for an artifact that is not there as it was said to be: a plain file below the output folder, of that size.
    pub(super) fn bring_home(&self, mut outcome: Outcome) -> Result<Outcome, ToolError> {
        if !fs::symlink_metadata(&self.home.output).is_ok_and(|folder| folder.is_dir()) {
            return Err(ToolError::internal("the output folder is none any more; call again"));
        }
        let output = self.home.output.canonicalize().map_err(|error| ToolError::io("reading the output", &error))?;
        for artifact in &mut outcome.artifacts {
            let name: WorkspacePath = artifact.name.parse()?;
            let local = output.join(name.as_str());
            let plain = fs::symlink_metadata(&local).is_ok_and(|file| file.is_file() && file.len() == artifact.bytes);
            // No link on the way to it either.
            if !plain || local.canonicalize().ok().as_ref() != Some(&local) {
                return Err(ToolError::internal(format!("{name} is not there as the tool said; call again")));
            }
            artifact.local = local;
        }
        Ok(outcome)
    }
}

fn link(from: &Path, to: &Path) -> io::Result<()> {
    match fs::hard_link(from, to) {
        Ok(()) => Ok(()),
        // A disk without second names, or another disk.
        Err(_) => fs::copy(from, to).map(drop),
    }
}

#[cfg(test)]
mod tests {
    use tools::{ArtifactFile, Report};

    use super::*;

    fn job(root: &Path) -> (Input, Folders) {
        let folders = Folders { output: root.join("output"), scratch: root.join("scratch") };
        fs::create_dir(&folders.output).expect("folder");
        fs::create_dir(&folders.scratch).expect("folder");
        let local = root.join("in.csv");
        fs::write(&local, "a\n1\n").expect("write");
        let path = "in.csv".parse().expect("a path");
        (Input { name: "in".to_owned(), path, local, bytes: 4 }, folders)
    }

    fn artifact(name: &str, bytes: u64) -> Outcome {
        let local = PathBuf::from("/etc/passwd");
        let file = ArtifactFile { name: name.to_owned(), mime: String::new(), local, bytes, sha256: String::new() };
        Outcome { report: Report::default(), artifacts: vec![file] }
    }

    #[test]
    fn a_job_comes_and_goes() {
        let root = tempfile::tempdir().expect("temporary folder");
        let (input, folders) = job(root.path());
        let lane = LaneFolders::new(&root.path().join("scratch-root")).expect("a place");
        let moved = lane.take_in(std::slice::from_ref(&input), &folders).expect("taken in");
        assert_eq!(fs::read(&moved.inputs[0].local).expect("read"), b"a\n1\n");
        assert!(!folders.output.exists(), "it is the lane's now");
        fs::write(moved.folders.output.join("out.csv"), "12345").expect("write");
        lane.take_out(&moved).expect("taken out");
        assert!(input.local.exists() && !moved.inputs[0].local.exists());
        let outcome = moved.bring_home(artifact("out.csv", 5)).expect("as it was said");
        assert_eq!(fs::read(&outcome.artifacts[0].local).expect("read"), b"12345");
    }

    #[test]
    fn what_is_not_as_it_was_said_is_refused() {
        let root = tempfile::tempdir().expect("temporary folder");
        let (_, folders) = job(root.path());
        let lane = LaneFolders::new(&root.path().join("scratch-root")).expect("a place");
        let moved = lane.take_in(&[], &folders).expect("taken in");
        fs::write(moved.folders.output.join("short"), "123").expect("write");
        std::os::unix::fs::symlink("/etc/passwd", moved.folders.output.join("link")).expect("link");
        std::os::unix::fs::symlink("/etc", moved.folders.output.join("folder")).expect("link");
        lane.take_out(&moved).expect("taken out");
        let passwd = fs::metadata("/etc/passwd").expect("it is there").len();
        for (name, bytes) in [
            ("none", 0),
            ("short", 5),
            ("link", passwd),
            ("folder/passwd", passwd),
            ("../in.csv", 4),
            ("/etc/passwd", passwd),
        ] {
            assert!(moved.bring_home(artifact(name, bytes)).is_err(), "{name}");
        }
        let (_, folders) = job(&tempfile::tempdir_in(root.path()).expect("temporary folder").keep());
        let moved = lane.take_in(&[], &folders).expect("taken in");
        fs::write(lane.write().join("left"), "behind").expect("write");
        assert!(lane.take_out(&moved).is_err(), "it wrote beside its job's folders");
    }
}

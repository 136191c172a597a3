//! All that a running tool may use of the world: its inputs, its two folders, its limits, a way to report and to be stopped.

use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::suggest::did_you_mean;
use crate::{
    Answers, ArtifactFile, Cancel, Input, Limits, Progress, ProgressSink, Questions, ToolError, WorkspacePath,
};

/// The two folders of one job. Both exist and are empty when the tool starts; whoever runs the tool removes them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Folders {
    /// Where artifacts are written.
    pub output: PathBuf,
    /// For whatever the tool wants to put down meanwhile (spills, conversions).
    pub scratch: PathBuf,
}

/// What a tool is run with.
pub struct Context {
    inputs: Vec<Input>,
    folders: Folders,
    limits: Limits,
    progress: ProgressSink,
    cancel: Cancel,
    answers: Answers,
    begun: Vec<(String, String)>,
}

impl Context {
    /// A context for one run.
    #[must_use]
    pub fn new(inputs: Vec<Input>, folders: Folders, limits: Limits, progress: ProgressSink, cancel: Cancel) -> Self {
        Self { inputs, folders, limits, progress, cancel, answers: Answers::new(), begun: Vec::new() }
    }

    /// The same with what was answered so far.
    #[must_use]
    pub fn with_answers(mut self, answers: Answers) -> Self {
        self.answers = answers;
        self
    }

    /// A context without inputs' origin or listener, below `folder`: for tests and benchmarks.
    ///
    /// # Errors
    /// When the two folders cannot be made.
    pub fn detached(inputs: Vec<Input>, folder: &Path) -> io::Result<Self> {
        let folders = Folders { output: folder.join("output"), scratch: folder.join("scratch") };
        fs::create_dir_all(&folders.output)?;
        fs::create_dir_all(&folders.scratch)?;
        Ok(Self::new(inputs, folders, Limits::default(), Arc::new(|_| {}), Cancel::default()))
    }

    /// The input files, in the order in which the call named them.
    #[must_use]
    pub fn inputs(&self) -> &[Input] {
        &self.inputs
    }

    /// The input called `name`.
    ///
    /// # Errors
    /// `NotFound` when the call has no such input.
    pub fn input(&self, name: &str) -> Result<&Input, ToolError> {
        let found = self.inputs.iter().find(|input| input.name == name);
        found.ok_or_else(|| {
            let hint = did_you_mean(name, self.inputs.iter().map(|input| input.name.as_str()));
            ToolError::not_found(format!("no input is called {name:?}{hint}"))
        })
    }

    /// Begins an artifact: gives the path to write it to, its folder made. The same name twice is one artifact.
    ///
    /// # Errors
    /// `InvalidParams` for a name that is no workspace path; `NoSpace` or `Internal` when its folder cannot be made.
    pub fn output(&mut self, name: &str, mime: &str) -> Result<PathBuf, ToolError> {
        let name: WorkspacePath = name.parse()?;
        let path = self.folders.output.join(name.as_str());
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent).map_err(|error| ToolError::io("making an output folder", &error))?;
        }
        if !self.begun.iter().any(|(begun, _)| begun == name.as_str()) {
            self.begun.push((name.into(), mime.to_owned()));
        }
        Ok(path)
    }

    /// The job's scratch folder.
    #[must_use]
    pub fn scratch(&self) -> &Path {
        &self.folders.scratch
    }

    /// What this job may use.
    #[must_use]
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Says how far the work is.
    pub fn report(&self, progress: Progress) {
        (self.progress)(progress);
    }

    /// Where progress goes, for threads that outlive a borrow of this context.
    #[must_use]
    pub fn progress(&self) -> ProgressSink {
        Arc::clone(&self.progress)
    }

    /// The flag that says "stop"; poll it at least every 100 ms of work.
    #[must_use]
    pub fn cancel(&self) -> &Cancel {
        &self.cancel
    }

    /// The answers to `questions`, once there is one to each.
    ///
    /// Until then the run ends here: pass the error on as it is. When all is answered the tool runs again from its beginning
    /// and comes past this line with the answers, so ask before the work that takes long. A name stands for the same question
    /// whenever it is asked.
    ///
    /// # Errors
    /// `InputRequired`, with the questions that have no answer yet.
    pub fn ask(&self, questions: Questions) -> Result<Answers, ToolError> {
        let known: Answers =
            self.answers.clone().into_iter().filter(|(name, _)| questions.contains_key(name)).collect();
        let open: Questions = questions.into_iter().filter(|(name, _)| !known.contains_key(name)).collect();
        if open.is_empty() { Ok(known) } else { Err(ToolError::input_required(open)) }
    }

    /// Replaces the limits, for tests.
    pub fn set_limits(&mut self, limits: Limits) {
        self.limits = limits;
    }

    /// The artifacts that were begun and exist, measured and hashed. Called once, by whoever ran the tool.
    ///
    /// # Errors
    /// `Internal` when one cannot be read; `TooLarge` when together they are over the limit.
    pub fn artifacts(&self) -> Result<Vec<ArtifactFile>, ToolError> {
        let mut files = Vec::new();
        for (name, mime) in &self.begun {
            let local = self.folders.output.join(name);
            if local.is_file() {
                files.push(measure(name, mime, local)?);
            }
        }
        let total: u64 = files.iter().map(|file| file.bytes).sum();
        if total > self.limits.max_output_bytes {
            let most = self.limits.max_output_bytes;
            return Err(ToolError::too_large(format!("the result has {total} bytes; at most {most} are allowed")));
        }
        Ok(files)
    }
}

fn measure(name: &str, mime: &str, local: PathBuf) -> Result<ArtifactFile, ToolError> {
    let (bytes, sha256) = hash(&local).map_err(|error| ToolError::io(&format!("reading {name}"), &error))?;
    Ok(ArtifactFile { name: name.to_owned(), mime: mime.to_owned(), local, bytes, sha256 })
}

fn hash(path: &Path) -> io::Result<(u64, String)> {
    let mut file = fs::File::open(path)?;
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; 256 * 1024];
    let mut bytes = 0;
    loop {
        let read = file.read(&mut buffer)?;
        if read == 0 {
            break;
        }
        hasher.update(&buffer[..read]);
        bytes += read as u64;
    }
    Ok((bytes, hex(&hasher.finalize())))
}

/// Lower-case hex of `bytes`.
#[must_use]
pub fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        write!(text, "{byte:02x}").expect("writing to a string cannot fail");
        text
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::{Answer, Question};

    #[test]
    fn artifacts_are_what_was_begun_and_written() {
        let folder = tempfile::tempdir().expect("temporary folder");
        let mut ctx = Context::detached(Vec::new(), folder.path()).expect("context");
        let path = ctx.output("tables/result.csv", "text/csv").expect("output");
        fs::write(path, "abc").expect("write");
        ctx.output("never-written.csv", "text/csv").expect("output");
        let artifacts = ctx.artifacts().expect("artifacts");
        assert_eq!(artifacts.len(), 1);
        assert_eq!((artifacts[0].name.as_str(), artifacts[0].bytes), ("tables/result.csv", 3));
        assert!(artifacts[0].sha256.starts_with("ba7816bf"), "FIPS 180-2, the example \"abc\"");
    }

    #[test]
    fn an_output_cannot_leave_its_folder() {
        let folder = tempfile::tempdir().expect("temporary folder");
        let mut ctx = Context::detached(Vec::new(), folder.path()).expect("context");
        assert!(ctx.output("../x", "text/plain").is_err());
    }

    #[test]
    fn a_question_ends_the_run_until_it_is_answered() {
        let folder = tempfile::tempdir().expect("temporary folder");
        let ctx = Context::detached(Vec::new(), folder.path()).expect("context");
        let question = |message: &str| Question { message: message.to_owned(), schema: json!({"type": "object"}) };
        let questions: Questions =
            [("a", "first?"), ("b", "second?")].map(|(name, text)| (name.to_owned(), question(text))).into();
        let open = ctx.ask(questions.clone()).expect_err("nothing is answered").questions.expect("questions");
        assert_eq!(*open, questions);
        let first = ("a".to_owned(), Answer::Given(json!({"x": 1})));
        let stray = ("z".to_owned(), Answer::Declined);
        let ctx = ctx.with_answers([first.clone(), stray.clone()].into());
        let open = ctx.ask(questions.clone()).expect_err("one is open").questions.expect("questions");
        assert_eq!(open.keys().collect::<Vec<_>>(), ["b"]);
        let second = ("b".to_owned(), Answer::Dismissed);
        let ctx = ctx.with_answers([first.clone(), second.clone(), stray].into());
        assert_eq!(ctx.ask(questions), Ok([first, second].into()));
    }
}

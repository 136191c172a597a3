//! Files made on the spot and tools run on them, for the tests of this family.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};

use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::{Catalogue, Context, Input, InputSpec, Limits, Outcome, ToolError};

/// A workspace in a temporary folder.
pub(super) struct Workspace {
    folder: TempDir,
}

impl Workspace {
    pub(super) fn new() -> Self {
        Self { folder: tempfile::tempdir().expect("temporary folder") }
    }

    /// Puts a file there; its local name has nothing to do with its workspace path, as in the server's cache.
    pub(super) fn put(&self, path: &str, bytes: impl AsRef<[u8]>) -> Input {
        let local = self.local(path);
        fs::write(&local, bytes.as_ref()).expect("write");
        self.input(path)
    }

    pub(super) fn put_gzipped(&self, path: &str, bytes: impl AsRef<[u8]>) -> Input {
        let mut gzip = GzEncoder::new(File::create(self.local(path)).expect("create"), Compression::fast());
        gzip.write_all(bytes.as_ref()).expect("write");
        gzip.finish().expect("finish");
        self.input(path)
    }

    /// A table made by DuckDB itself: `sql` copied to `path` as `options` say.
    pub(super) fn put_copy(&self, path: &str, sql: &str, options: &str) -> Input {
        let connection = duckdb::Connection::open_in_memory().expect("open");
        let local = self.local(path);
        connection
            .execute_batch(&format!("COPY ({sql}) TO '{}' ({options})", local.to_string_lossy().replace('\'', "''")))
            .expect("copy");
        self.input(path)
    }

    pub(super) fn local(&self, path: &str) -> PathBuf {
        self.folder.path().join(format!("cached [{}]'s", path.replace('/', "~")))
    }

    pub(super) fn input(&self, path: &str) -> Input {
        let local = self.local(path);
        let bytes = fs::metadata(&local).map_or(0, |file| file.len());
        Input { name: path.to_owned(), path: path.parse().expect("workspace path"), local, bytes }
    }

    pub(super) fn root(&self) -> &Path {
        self.folder.path()
    }

    /// Resolves what a call asks for, as the server does.
    fn resolve(&self, spec: InputSpec) -> Input {
        match spec {
            InputSpec::Path { name, path } => Input { name, ..self.input(path.as_str()) },
            InputSpec::Glob(glob) => panic!("no tool here asks for {glob}"),
            InputSpec::Table { name, .. } => {
                let files = fs::read_dir(self.root()).expect("list").filter_map(Result::ok);
                let names = files.filter_map(|file| {
                    let name = file.file_name().into_string().expect("UTF-8");
                    Some(name.strip_prefix("cached [")?.strip_suffix("]'s")?.replace('~', "/"))
                });
                let fits = |path: &String| {
                    let stem = self.input(path).path.stem().to_lowercase();
                    path.to_lowercase() == name.to_lowercase() || stem == name.to_lowercase()
                };
                let path = names.into_iter().find(fits).unwrap_or_else(|| panic!("no file is called {name}"));
                Input { name, ..self.input(&path) }
            }
        }
    }

    /// A context for `tool` called with `params`.
    pub(super) fn context(&self, tool: &str, params: &Value) -> Result<Context, ToolError> {
        let specs = Catalogue::standard().get(tool)?.inputs(params)?;
        let inputs = specs.into_iter().map(|spec| self.resolve(spec)).collect();
        let job = tempfile::tempdir_in(self.root()).expect("temporary folder").keep();
        Ok(Context::detached(inputs, &job).expect("context"))
    }

    pub(super) fn run(&self, tool: &str, params: &Value) -> Result<Outcome, ToolError> {
        self.run_in(tool, params, &mut self.context(tool, params)?)
    }

    pub(super) fn run_in(&self, tool: &str, params: &Value, ctx: &mut Context) -> Result<Outcome, ToolError> {
        let result = Catalogue::standard().get(tool)?.run(params, ctx);
        if let Err(error) = &result {
            let root = self.root().to_string_lossy();
            assert!(!error.message.contains(root.as_ref()), "a host path leaked: {error}");
            assert!(!error.message.ends_with('.'), "a message ends without a period: {error}");
        }
        result
    }

    /// Runs one query with everything else by default.
    pub(super) fn query(&self, sql: &str) -> Result<Outcome, ToolError> {
        self.run("data_query", &json!({"sql": sql}))
    }

    /// The rows of a query, as JSON.
    pub(super) fn rows(&self, sql: &str) -> Value {
        json!(self.query(sql).expect("a query that runs").report.rows)
    }

    /// The message of a query that fails.
    pub(super) fn fault(&self, sql: &str) -> String {
        self.query(sql).expect_err("a query that fails").message
    }
}

/// Limits with a few values changed.
pub(super) fn limits(change: impl FnOnce(&mut Limits)) -> Limits {
    let mut limits = Limits::default();
    change(&mut limits);
    limits
}

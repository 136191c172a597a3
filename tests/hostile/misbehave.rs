//! A tool that does what no tool may. What the sandbox keeps it from it reports: the summary says what the kernel answered.

use std::fs::{File, Permissions};
use std::hint::black_box;
use std::io::{self, Write as _};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;
use std::sync::mpsc;
use std::time::SystemTime;

use rustix::process::{Pid, Signal, getpid, getppid, kill_process};
use schemars::JsonSchema;
use serde::Deserialize;
use tools::{Context, InputSpec, Progress, Report, Tool, ToolError, WorkspacePath};

pub(crate) struct Misbehave;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Params {
    /// What to do.
    how: How,
    /// With what: a path of the host, an address.
    #[serde(default)]
    what: String,
    /// A file to have as an input.
    file: Option<WorkspacePath>,
    /// Tells calls apart.
    #[serde(default)]
    #[expect(dead_code, reason = "only its being another counts")]
    label: u32,
}

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum How {
    Abort,
    OverflowStack,
    Segfault,
    Panic,
    Spin,
    Wait,
    Allocate,
    Fill,
    FillOneFile,
    OpenMany,
    FloodProgress,
    PrintNonsense,
    Fork,
    Connect,
    KillServer,
    Read,
    Write,
    ChangeMode,
    ChangeInput,
    TouchInput,
    LeaveGroup,
    LeaveBehind,
}

impl Tool for Misbehave {
    type Params = Params;
    type Details = ();
    const NAME: &'static str = "misbehave";
    const TITLE: &'static str = "Misbehave";
    const DESCRIPTION: &'static str = "Does what no tool may.";

    fn inputs(&self, params: &Params) -> Result<Vec<InputSpec>, ToolError> {
        let file = |path: &WorkspacePath| InputSpec::Path { name: "file".to_owned(), path: path.clone() };
        Ok(params.file.iter().map(file).collect())
    }

    fn run(&self, params: Params, ctx: &mut Context) -> Result<Report, ToolError> {
        ctx.report(Progress::of(0.0, 1.0, "about to misbehave"));
        let what = params.what.as_str();
        let said = match params.how {
            How::Abort => std::process::abort(),
            How::OverflowStack => overflow(0).to_string(),
            How::Segfault => segfault(),
            How::Panic => panic!("as it was asked to"),
            How::Spin => spin(),
            How::Wait => wait(),
            How::Allocate => allocate(),
            How::Fill => fill(ctx)?,
            How::FillOneFile => fill_one_file(ctx)?,
            How::OpenMany => open_many(ctx)?,
            How::FloodProgress => flood(ctx),
            How::PrintNonsense => print(),
            How::Fork => said(Command::new("/bin/true").status()),
            How::Connect => said(TcpStream::connect(what)),
            How::KillServer => said(kill_process(getppid().unwrap_or(Pid::INIT), Signal::TERM)),
            How::Read => read(what),
            How::Write => said(std::fs::write(what, "was here")),
            How::ChangeMode => said(change_mode(what)),
            How::ChangeInput => said(std::fs::write(&ctx.input("file")?.local, "changed")),
            How::TouchInput => said(touch(&ctx.input("file")?.local)),
            How::LeaveGroup => said(rustix::process::setsid()),
            How::LeaveBehind => said(std::fs::write(ctx.scratch().join("../left-behind"), "for the next")),
        };
        Ok(Report { summary: said, ..Report::default() })
    }
}

/// What came of something, in words.
fn said<T, E: Into<io::Error>>(result: Result<T, E>) -> String {
    match result {
        Ok(_) => "it worked".to_owned(),
        Err(error) => Into::<io::Error>::into(error).to_string(),
    }
}

fn read(path: &str) -> String {
    let read = std::fs::read(path).map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    read.unwrap_or_else(|error| error.to_string())
}

/// Calls itself until there is no stack any more.
#[expect(unconditional_recursion, reason = "that is its purpose")]
fn overflow(depth: u64) -> u64 {
    black_box([depth; 64]);
    overflow(black_box(depth + 1)) + 1
}

/// Again and again: the first is taken by the handler that looks for overflown stacks.
fn segfault() -> ! {
    loop {
        let _ = kill_process(getpid(), Signal::SEGV);
    }
}

fn spin() -> ! {
    loop {
        black_box(());
    }
}

fn wait() -> ! {
    let (_open, never) = mpsc::channel::<()>();
    loop {
        let _ = never.recv(); // nothing ever comes
    }
}

fn allocate() -> ! {
    let mut all = Vec::new();
    loop {
        all.push(black_box(vec![1_u8; 8 << 20]));
    }
}

/// Writes one small file after another.
fn fill(ctx: &Context) -> Result<String, ToolError> {
    let block = vec![7; 256 << 10];
    for number in 0.. {
        let written = std::fs::write(ctx.scratch().join(format!("{number}")), &block);
        written.map_err(|error| ToolError::io("filling the disk", &error))?;
    }
    Ok("the disk has no end".to_owned())
}

fn fill_one_file(ctx: &Context) -> Result<String, ToolError> {
    let failed = |error| ToolError::io("filling the disk", &error);
    let block = vec![7; 64 << 10];
    let mut file = File::create(ctx.scratch().join("one")).map_err(failed)?;
    loop {
        file.write_all(&block).map_err(failed)?;
    }
}

fn open_many(ctx: &Context) -> Result<String, ToolError> {
    let mut open = Vec::new();
    for number in 0..100_000 {
        match File::create(ctx.scratch().join(format!("{number}"))) {
            Ok(file) => open.push(file),
            Err(error) => return Ok(format!("{error} after {number}")),
        }
    }
    Err(ToolError::internal("there is no end to open files"))
}

fn flood(ctx: &Context) -> String {
    const TIMES: u32 = 5_000_000;
    for time in 0..TIMES {
        ctx.report(Progress::of(f64::from(time), f64::from(TIMES), "on and on"));
    }
    "all was said".to_owned()
}

fn print() -> String {
    for _ in 0..100_000 {
        let _ = writeln!(io::stdout(), "\u{0}\u{0}\u{0}\u{1}nonsense between the words");
    }
    "nobody minded".to_owned()
}

/// Changes when a file was last written: a part of its version in the store. Through the file, which may be read.
fn touch(path: &Path) -> io::Result<()> {
    File::open(path)?.set_modified(SystemTime::UNIX_EPOCH)
}

fn change_mode(path: &str) -> io::Result<()> {
    std::fs::set_permissions(path, Permissions::from_mode(0o777))
}

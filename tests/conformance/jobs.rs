//! The suite's slow tools: jobs in the real core, on its real threads.

use std::sync::mpsc;
use std::time::Duration;

use schemars::JsonSchema;
use serde::Deserialize;
use tools::{Catalogue, Context, InputSpec, Progress, Report, Tool, ToolError};

use crate::questions::{ConfirmDelete, MultiInput};
use crate::tool::Nothing;

/// How often a second of work looks up from it.
const BEATS: u32 = 20;
/// A little more than its share of a second: what is to take one must not fit into the second in which a call may still be
/// answered without a task.
const BEAT: Duration = Duration::from_millis(60);

/// The jobs.
pub(crate) fn catalogue() -> Catalogue {
    let plain = Catalogue::default().with(SlowCompute).with(FailingJob).with(ProtocolErrorJob);
    plain.with(Steps).with(GreetLater).with(ConfirmDelete).with(MultiInput)
}

/// Works for so many seconds, and a little more.
fn work(seconds: u32, ctx: &Context) -> Result<(), ToolError> {
    let (_open, never) = mpsc::channel::<()>();
    let beats = seconds * BEATS;
    for beat in 0..beats {
        ctx.cancel().check()?;
        ctx.report(Progress::of(f64::from(beat), f64::from(beats), "computing"));
        let _ = never.recv_timeout(BEAT); // nothing ever comes
    }
    ctx.cancel().check()
}

pub(crate) fn done(summary: impl Into<String>) -> Report {
    Report { summary: summary.into(), ..Report::default() }
}

struct SlowCompute;

#[derive(Deserialize, JsonSchema)]
pub(crate) struct SlowParams {
    /// How long it takes.
    #[schemars(range(max = 600))]
    seconds: u32,
    /// What stands in the result.
    label: String,
}

impl Tool for SlowCompute {
    type Params = SlowParams;
    type Details = ();
    const NAME: &'static str = "slow_compute";
    const TITLE: &'static str = "Slow compute";
    const DESCRIPTION: &'static str = "Takes as many seconds as asked.";

    fn inputs(&self, params: &SlowParams) -> Result<Vec<InputSpec>, ToolError> {
        if params.seconds > 600 {
            return Err(ToolError::invalid("slow_compute, parameter seconds: at most 600"));
        }
        Ok(Vec::new())
    }

    fn run(&self, params: SlowParams, ctx: &mut Context) -> Result<Report, ToolError> {
        work(params.seconds, ctx)?;
        Ok(done(format!("computed {} for {} s", params.label, params.seconds)))
    }
}

struct FailingJob;

impl Tool for FailingJob {
    type Params = Nothing;
    type Details = ();
    const NAME: &'static str = "failing_job";
    const TITLE: &'static str = "Failing job";
    const DESCRIPTION: &'static str = "Works for a second and then fails as a tool fails.";

    fn inputs(&self, _: &Nothing) -> Result<Vec<InputSpec>, ToolError> {
        Ok(Vec::new())
    }

    fn run(&self, _: Nothing, ctx: &mut Context) -> Result<Report, ToolError> {
        work(1, ctx)?;
        Err(ToolError::bad_input("this job always fails"))
    }
}

struct ProtocolErrorJob;

impl Tool for ProtocolErrorJob {
    type Params = Nothing;
    type Details = ();
    const NAME: &'static str = "protocol_error_job";
    const TITLE: &'static str = "Protocol error job";
    const DESCRIPTION: &'static str = "Breaks as a faulty server breaks.";

    fn inputs(&self, _: &Nothing) -> Result<Vec<InputSpec>, ToolError> {
        Ok(Vec::new())
    }

    fn run(&self, _: Nothing, _: &mut Context) -> Result<Report, ToolError> {
        panic!("this job breaks, as it should")
    }
}

struct Steps;

impl Tool for Steps {
    type Params = Nothing;
    type Details = ();
    const NAME: &'static str = "test_tool_with_progress";
    const TITLE: &'static str = "Steps";
    const DESCRIPTION: &'static str = "Tells of its progress three times.";

    fn inputs(&self, _: &Nothing) -> Result<Vec<InputSpec>, ToolError> {
        Ok(Vec::new())
    }

    fn run(&self, _: Nothing, ctx: &mut Context) -> Result<Report, ToolError> {
        let (_open, never) = mpsc::channel::<()>();
        for percent in [0.0, 50.0, 100.0] {
            ctx.cancel().check()?;
            ctx.report(Progress::of(percent, 100.0, "going step by step"));
            let _ = never.recv_timeout(3 * BEAT); // nothing ever comes; a note of its own for each step
        }
        Ok(done("three steps were made"))
    }
}

/// The second half of `test_tool_with_task`.
struct GreetLater;

/// Its name.
pub(crate) const GREET_LATER: &str = "greet_later";

#[derive(Deserialize, JsonSchema)]
struct GreetParams {
    /// Whom to greet.
    name: String,
}

impl Tool for GreetLater {
    type Params = GreetParams;
    type Details = ();
    const NAME: &'static str = GREET_LATER;
    const TITLE: &'static str = "Greet later";
    const DESCRIPTION: &'static str = "Greets somebody, after a second.";

    fn inputs(&self, _: &GreetParams) -> Result<Vec<InputSpec>, ToolError> {
        Ok(Vec::new())
    }

    fn run(&self, params: GreetParams, ctx: &mut Context) -> Result<Report, ToolError> {
        work(1, ctx)?;
        Ok(done(format!("Hello, {}!", params.name)))
    }
}

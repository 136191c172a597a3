//! All that the suite asks for, one family a file.

use std::sync::Arc;

use heavylift::mcp::surface::{DirectTool, Surface};
use tools::Catalogue;

use crate::{changes, content, input, jobs, notes, peer, prompts, resources, rounds, schemas, tasks};

/// The tools that are jobs.
pub(crate) fn catalogue() -> Catalogue {
    jobs::catalogue()
}

/// The product's own tools for jobs: `tests/it` waits with one.
fn job_tools() -> impl Iterator<Item = Arc<dyn DirectTool>> {
    Surface::standard().tools.into_iter().filter(|tool| tool.listed().name.starts_with("job_"))
}

/// The rest.
pub(crate) fn surface() -> Surface {
    let families = [
        changes::all(),
        content::all(),
        input::all(),
        notes::all(),
        peer::all(),
        rounds::all(),
        schemas::all(),
        tasks::all(),
    ];
    let tools = families.into_iter().flatten().chain(job_tools()).collect();
    Surface { tools, prompts: prompts::all(), resources: resources::all() }
}

//! All that the suite asks for, one family a file.

use heavylift::mcp::surface::Surface;
use tools::Catalogue;

use crate::{changes, content, input, jobs, notes, peer, prompts, resources, rounds, schemas, tasks};

/// The tools that are jobs.
pub(crate) fn catalogue() -> Catalogue {
    jobs::catalogue()
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
    Surface { tools: families.into_iter().flatten().collect(), prompts: prompts::all(), resources: resources::all() }
}

//! What is offered, with the list that clients see: made once, the same for all.

use std::collections::HashMap;
use std::sync::Arc;

use rmcp::model::Tool;

use super::listing;
use super::surface::{DirectTool, Surface};
use crate::app::App;

/// What is offered, with the list that clients see. The same for all.
pub(super) struct Offer {
    pub(super) surface: Surface,
    pub(super) tools: Vec<Tool>,
    pub(super) direct: HashMap<String, Arc<dyn DirectTool>>,
}

impl Offer {
    pub(super) fn new(app: &App, surface: Surface) -> Self {
        let named = |tool: &Arc<dyn DirectTool>| (tool.listed().name.into_owned(), Arc::clone(tool));
        let direct = surface.tools.iter().rev().map(named).collect(); // the first of a name wins
        Self { tools: listing::all(&app.core.catalogue, &surface.tools), direct, surface }
    }
}

//! The list of tools. A new tool is one new file and one line in [`Catalogue::standard`].

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::suggest::did_you_mean;
use crate::{AnyTool, ToolError, data, image};

/// Tools by name, in order of name, so that a listing is the same every time.
#[derive(Clone, Default)]
pub struct Catalogue(BTreeMap<String, Arc<dyn AnyTool>>);

impl Catalogue {
    /// Every tool that Heavylift has.
    #[must_use]
    pub fn standard() -> Self {
        Self::default().with(data::Look).with(data::Profile).with(data::Query).with(image::Process)
    }

    /// This catalogue and `tool`.
    #[must_use]
    pub fn with(mut self, tool: impl AnyTool + 'static) -> Self {
        self.0.insert(tool.spec().name, Arc::new(tool));
        self
    }

    /// The tool called `name`.
    ///
    /// # Errors
    /// `NotFound`, with the nearest name there is.
    pub fn get(&self, name: &str) -> Result<&Arc<dyn AnyTool>, ToolError> {
        self.0.get(name).ok_or_else(|| {
            let hint = did_you_mean(name, self.0.keys().map(String::as_str));
            ToolError::not_found(format!("there is no tool called {name:?}{hint}"))
        })
    }

    /// Every tool, in order of name.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<dyn AnyTool>> {
        self.0.values()
    }
}

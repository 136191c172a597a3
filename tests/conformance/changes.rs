//! Tools that change what is offered, as far as listeners can tell. The change is a new version in the store, so that all servers
//! which share it tell their listeners, whichever of them had the call.

use std::sync::Arc;
use std::time::Duration;

use actors::ports::{Etag, Expect, Key};
use bytes::Bytes;
use futures_util::FutureExt as _;
use heavylift::app::App;
use heavylift::changes::List;
use heavylift::mcp::surface::{Caller, DirectTool};
use rmcp::model::CallToolRequestParams;

use crate::tool::{Answer, Nothing, function, text};

const TOOLS: (&str, List<'static>) = ("conformance/tools", List::Tools);
const PROMPTS: (&str, List<'static>) = ("conformance/prompts", List::Prompts);
/// How often each server looks.
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// The tools.
pub(crate) fn all() -> Vec<Arc<dyn DirectTool>> {
    vec![
        function::<Nothing>("test_trigger_tool_change", "Changes the list of tools.", change_tools),
        function::<Nothing>("test_trigger_prompt_change", "Changes the list of prompts.", change_prompts),
    ]
}

fn change_tools<'a>(caller: &'a Caller<'a>, _: CallToolRequestParams) -> Answer<'a> {
    change(caller, TOOLS.0)
}

fn change_prompts<'a>(caller: &'a Caller<'a>, _: CallToolRequestParams) -> Answer<'a> {
    change(caller, PROMPTS.0)
}

fn change<'a>(caller: &'a Caller<'a>, list: &'static str) -> Answer<'a> {
    async move {
        let now = caller.app.core.ports.clock.now().unix_timestamp_nanos().to_string();
        caller.app.core.ports.store.put(&Key::new(list), Bytes::from(now), Expect::Any).await?;
        Ok(text("The list is another one.").into())
    }
    .boxed()
}

/// Tells this server's listeners of changes, for as long as it runs.
pub(crate) async fn tell(app: Arc<App>) {
    let mut known = [seen(&app, TOOLS.0).await, seen(&app, PROMPTS.0).await];
    let mut beat = tokio::time::interval(LOOK_EVERY);
    loop {
        beat.tick().await;
        for (known, (place, list)) in known.iter_mut().zip([TOOLS, PROMPTS]) {
            let latest = seen(&app, place).await;
            if latest != *known {
                *known = latest;
                app.changes.list(list);
            }
        }
    }
}

/// Which version of a list is the latest. A store that does not answer now is asked again.
async fn seen(app: &App, place: &str) -> Option<Etag> {
    app.core.ports.store.head(&Key::new(place)).await.ok().flatten().map(|meta| meta.etag)
}

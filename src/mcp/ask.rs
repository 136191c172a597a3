//! Asks back before a call that is unusually large, where the client can ask its user.
//!
//! A session of an older protocol is asked on the call's own stream; a request of 2026-07-28 is answered with what is wanted,
//! and comes again with it. Nothing is a job before that. What is asked guards the user's patience, not the server: a client
//! that says yes unasked is taken at its word.

use std::collections::BTreeMap;
use std::time::Duration;

use actors::Call;
use rmcp::model::{
    ElicitRequest, ElicitRequestParams, ElicitResult, ElicitationAction, ElicitationSchema, InputRequest,
    InputRequiredResult, InputResponses, JsonObject,
};
use rmcp::service::ServiceError;
use serde_json::Value;

use super::extras::Extras;
use super::surface::Caller;
use crate::config::units::show_bytes;
use crate::error::{AppError, ErrorKind};

/// Under which key the answer comes.
const KEY: &str = "large_call";
/// What the user ticks.
const RUN: &str = "run";
/// How long a person may think.
const PATIENCE: Duration = Duration::from_mins(5);
/// How long it may take to find out how large a call is; one that is not known to be large is not asked about.
const WEIGHING: Duration = Duration::from_secs(10);

/// Asks, if there is something to ask. With a result the call is to be answered by it, to come again.
///
/// # Errors
/// `Cancelled` where the user did not want it.
pub(super) async fn before_large(
    tool: &str,
    arguments: &JsonObject,
    answers: Option<&InputResponses>,
    caller: &Caller<'_>,
) -> Result<Option<InputRequiredResult>, AppError> {
    let most = caller.app.config.ask_above_bytes;
    if most == 0 || !caller.can_be_asked() {
        return Ok(None);
    }
    let answer = answers.and_then(|answers| answers.get(KEY)).cloned();
    if let Some(answer) = answer.and_then(|answer| serde_json::from_value::<ElicitResult>(answer).ok()) {
        return is_yes(&answer).then_some(None).ok_or_else(|| refused(tool, "its user did not want that"));
    }
    let clock = &caller.app.core.ports.clock;
    let bytes = tokio::select! {
        bytes = weigh(tool, arguments, caller) => bytes.unwrap_or(0),
        () = clock.sleep(WEIGHING) => 0,
    };
    if bytes <= most {
        return Ok(None);
    }
    let question = question(tool, bytes, most);
    if caller.is_sessionless() {
        let request = InputRequest::Elicitation(ElicitRequest::new(question));
        return Ok(Some(InputRequiredResult::from_input_requests(BTreeMap::from([(KEY.to_owned(), request)]))));
    }
    ask(tool, question, caller).await.map(|()| None)
}

/// The bytes that the call would read. Nothing for what cannot become a job: that is told by the call itself.
async fn weigh(tool: &str, arguments: &JsonObject, caller: &Caller<'_>) -> Option<u64> {
    let mut own = arguments.clone();
    let extras = Extras::take(tool, &mut own).ok()?;
    let call = Call {
        tool: tool.to_owned(),
        params: Value::Object(own),
        idempotency_key: extras.idempotency_key,
        fresh: extras.fresh,
        id: None,
        trace: None,
    };
    caller.app.core.weigh(&caller.principal.owner, &call).await.ok()
}

fn question(tool: &str, bytes: u64, most: u64) -> ElicitRequestParams {
    let (bytes, most) = (show_bytes(bytes), show_bytes(most));
    let message = format!(
        "This {tool} call would read {bytes} of files, more than the {most} above which this server asks. Run it?"
    );
    let schema = ElicitationSchema::builder()
        .optional_bool_with(RUN, |run| {
            run.title("Run it").description("Whether to run the call as it is.").with_default(true)
        })
        .build_unchecked();
    ElicitRequestParams::FormElicitationParams { meta: None, message, requested_schema: schema }
}

async fn ask(tool: &str, question: ElicitRequestParams, caller: &Caller<'_>) -> Result<(), AppError> {
    let asked = caller.context.peer.create_elicitation_with_timeout(question, Some(PATIENCE));
    let answer = tokio::select! {
        biased;
        () = caller.context.ct.cancelled() => return Err(refused(tool, "the request was cancelled")),
        () = caller.app.shutdown.cancelled() => return Err(actors::CoreError::Restarting.into()),
        answer = asked => answer,
    };
    match answer {
        Ok(answer) if is_yes(&answer) => Ok(()),
        Ok(_) => Err(refused(tool, "its user did not want that")),
        Err(ServiceError::Timeout { .. }) => Err(refused(tool, "nobody answered the question for five minutes")),
        Err(error) => {
            tracing::debug!(%error, "a client could not be asked about a large call");
            Err(refused(tool, "the question did not come through to its user"))
        }
    }
}

fn is_yes(answer: &ElicitResult) -> bool {
    let ticked = answer.content.as_ref().and_then(|content| content.get(RUN)).and_then(Value::as_bool);
    answer.action == ElicitationAction::Accept && ticked != Some(false)
}

fn refused(tool: &str, why: &str) -> AppError {
    let message = format!(
        "nothing was run: {why}; to go on call {tool} again and have the question accepted, or give it fewer or smaller files \
         (data_query can make a smaller table of a large one)"
    );
    AppError::new(ErrorKind::Cancelled, message)
}

#[test]
fn only_a_yes_is_one() {
    use serde_json::json;
    let yes = |value: Value| is_yes(&serde_json::from_value(value).expect("an answer"));
    assert!(yes(json!({"action": "accept", "content": {"run": true}})) && yes(json!({"action": "accept"})));
    assert!(!yes(json!({"action": "accept", "content": {"run": false}})));
    assert!(!yes(json!({"action": "decline"})) && !yes(json!({"action": "cancel", "content": {"run": true}})));
}

//! What a job's tool asks, as the protocol spells it: elicitation in form mode.
//!
//! `tasks` shows the questions and takes the answers of those who speak tasks, `call` those of everyone else: on the open stream
//! of a session, or by the call made again with the answers ([`again`], from 2026-07-28 on).

use std::sync::Arc;
use std::time::Duration;

use actors::model::{JobId, JobRecord, JobState};
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use rmcp::model::{
    CallToolRequestParams, ElicitRequest, ElicitRequestParams, ElicitResult, ElicitationAction, ElicitationSchema,
    ErrorData, InputRequest, InputRequests, InputRequiredResult, InputResponses,
};
use serde_json::{Value, json};
use tools::{Answer, Answers, Question, Questions};

use super::surface::{CallError, Caller};
use crate::app::App;
use crate::error::{AppError, ErrorKind};

/// How long a question may stand before a client that does not answer gets the job's handle instead.
const PATIENCE: Duration = Duration::from_mins(10);
/// The longest answer, as JSON.
const MOST_BYTES: usize = 64 << 10;
/// What the state of a call begins with that waits for answers.
const JOB: &str = "job:";

/// The open questions as requests for the client.
///
/// # Errors
/// `Internal` for one that no form can ask: the tool's fault.
pub(super) fn requests(open: &Questions) -> Result<InputRequests, AppError> {
    let request = |(name, question): (&String, &Question)| {
        Ok((name.clone(), InputRequest::Elicitation(ElicitRequest::new(form(name, question)?))))
    };
    open.iter().map(request).collect()
}

fn form(name: &str, question: &Question) -> Result<ElicitRequestParams, AppError> {
    let requested_schema: ElicitationSchema = serde_json::from_value(question.schema.clone())
        .map_err(|error| AppError::internal(format!("the question {name:?} cannot be asked as a form: {error}")))?;
    Ok(ElicitRequestParams::FormElicitationParams { meta: None, message: question.message.clone(), requested_schema })
}

/// The answers in `responses` to questions that are open; others are passed over.
///
/// # Errors
/// `InvalidParams` or `TooLarge`, naming the one that is no answer.
pub(super) fn answers(open: &Questions, responses: &InputResponses) -> Result<Answers, AppError> {
    let mut answers = Answers::new();
    for (name, question) in open {
        if let Some(response) = responses.get(name) {
            answers.insert(name.clone(), answer(name, question, response.clone())?);
        }
    }
    Ok(answers)
}

fn answer(name: &str, question: &Question, response: Value) -> Result<Answer, AppError> {
    if response.to_string().len() > MOST_BYTES {
        let message = format!("the answer to {name:?} is too long; at most {MOST_BYTES} bytes");
        return Err(AppError::new(ErrorKind::TooLarge, message));
    }
    let result: ElicitResult = serde_json::from_value(response).map_err(|error| {
        AppError::invalid(format!("the answer to {name:?} is no result of elicitation/create: {error}"))
    })?;
    taken(name, question, result)
}

fn taken(name: &str, question: &Question, result: ElicitResult) -> Result<Answer, AppError> {
    match result.action {
        ElicitationAction::Accept => {
            let content = result.content.unwrap_or_else(|| json!({}));
            check(name, &question.schema, &content)?;
            Ok(Answer::Given(content))
        }
        ElicitationAction::Decline => Ok(Answer::Declined),
        _ => Ok(Answer::Dismissed),
    }
}

/// Whether `content` has what a form of `schema` gives: all that is required, each of its type.
fn check(name: &str, schema: &Value, content: &Value) -> Result<(), AppError> {
    let Some(fields) = content.as_object() else {
        return Err(AppError::invalid(format!("the answer to {name:?} is to be an object")));
    };
    let required = schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str);
    if let Some(missing) = required.into_iter().find(|field| !fields.contains_key(*field)) {
        return Err(AppError::invalid(format!("the answer to {name:?} lacks {missing:?}")));
    }
    for (field, value) in fields {
        let wanted = schema["properties"][field]["type"].as_str().unwrap_or_default();
        if !is_a(wanted, value) {
            return Err(AppError::invalid(format!("the answer to {name:?} has a {field:?} that is no {wanted}")));
        }
    }
    Ok(())
}

fn is_a(wanted: &str, value: &Value) -> bool {
    match wanted {
        "string" => value.is_string(),
        "boolean" => value.is_boolean(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        "array" => value.is_array(),
        _ => true,
    }
}

impl Caller<'_> {
    pub(super) fn can_be_asked(&self) -> bool {
        let declared = self.context.client_capabilities().and_then(|declared| declared.elicitation);
        // A client that names no mode means forms.
        declared.is_some_and(|modes| modes.form.is_some() || modes.url.is_none())
    }

    /// Whether a question can be put to the client on the stream of its call.
    pub(super) fn can_be_asked_on_its_stream(&self) -> bool {
        !self.is_sessionless() && self.can_be_asked()
    }

    /// Whether the client takes questions for an answer, and makes the call again with what they brought.
    pub(super) fn can_be_asked_to_call_again(&self) -> bool {
        self.is_sessionless() && self.can_be_asked()
    }
}

/// The questions that are being put to a client on the stream of its call.
pub(super) struct Asking<'a> {
    caller: &'a Caller<'a>,
    /// The job as it asks, and whether the client answered.
    now: Option<(Arc<JobRecord>, BoxFuture<'a, bool>)>,
    /// The job as it asked meanwhile: fewer questions, or the next ones.
    later: Option<Arc<JobRecord>>,
}

impl<'a> Asking<'a> {
    pub(super) fn new(caller: &'a Caller<'a>) -> Self {
        Self { caller, now: None, later: None }
    }

    pub(super) fn is_idle(&self) -> bool {
        self.now.is_none()
    }

    /// Begins to ask, once what is asked now is answered.
    pub(super) fn ask(&mut self, record: Arc<JobRecord>) {
        if self.now.is_some() {
            self.later = Some(record);
            return;
        }
        let (caller, asked) = (self.caller, Arc::clone(&record));
        self.now = Some((record, async move { put(caller, &asked).await }.boxed()));
    }

    /// Waits until what is asked is answered, for ever where nothing is.
    ///
    /// # Errors
    /// The job whose questions the client did not answer.
    pub(super) async fn answered(&mut self) -> Result<(), Arc<JobRecord>> {
        let Some((record, asking)) = &mut self.now else { return std::future::pending().await };
        let (record, answered) = (Arc::clone(record), asking.await);
        self.now = None;
        if !answered {
            return Err(record);
        }
        if let Some(later) = self.later.take() {
            self.ask(later);
        }
        Ok(())
    }
}

/// Puts one open question of `record`'s job after the other to the client, on the stream of its call, and the answers to the
/// job. False when the client does not answer, or not what was asked.
async fn put(caller: &Caller<'_>, record: &JobRecord) -> bool {
    for (name, question) in record.open_questions() {
        match put_one(caller, record, &name, &question).await {
            Ok(true) => {}
            Ok(false) => return false,
            Err(error) => {
                tracing::debug!(job = %record.id, question = name, %error, "question not answered on the stream");
                return false;
            }
        }
    }
    true
}

async fn put_one(caller: &Caller<'_>, record: &JobRecord, name: &str, question: &Question) -> Result<bool, AppError> {
    let Caller { app, principal, context, .. } = *caller;
    let latest = app.core.find(&principal.owner, &record.id).await?;
    if !latest.open_questions().contains_key(name) {
        return Ok(true); // somebody else was faster
    }
    let form = form(name, question)?;
    let asked = tokio::select! {
        asked = context.peer.create_elicitation(form) => asked,
        () = app.core.ports.clock.sleep(PATIENCE) => return Ok(false),
    };
    let result = asked.map_err(|error| AppError::invalid(format!("the client cannot be asked: {error}")))?;
    let answer = taken(name, question, result)?;
    app.core.answer(&principal.owner, &record.id, [(name.to_owned(), answer)].into()).await?;
    Ok(true)
}

/// The answer to a call whose job asks: the questions, and what to bring back with the answers.
pub(super) async fn instead(app: &App, record: &JobRecord) -> Result<InputRequiredResult, AppError> {
    app.core.keep(record).await; // the client may take its time
    let requests = requests(&record.open_questions())?;
    let state = app.links.seal(&record.owner, &format!("{JOB}{}", record.id));
    Ok(InputRequiredResult::new(Some(requests), Some(state)))
}

/// The job that a call was made again for, if it was.
pub(super) fn job_of(caller: &Caller<'_>, request: &CallToolRequestParams) -> Option<JobId> {
    let words = caller.app.links.unseal(&caller.principal.owner, request.request_state.as_deref()?)?;
    words.strip_prefix(JOB)?.parse().ok()
}

/// What a compute tool's call hears whose state is not as we gave it.
pub(super) fn bad_state() -> CallError {
    let message = "the requestState is none that this server gave you; make the call anew without it";
    CallError::Protocol(ErrorData::invalid_params(message, None))
}

/// Gives `responses` to the job that waits for them.
///
/// # Errors
/// As [`answers`]; `NotFound` for a job that is gone.
pub(super) async fn again(caller: &Caller<'_>, job: &JobId, responses: &InputResponses) -> Result<(), AppError> {
    let (core, owner) = (&caller.app.core, &caller.principal.owner);
    let record = core.find(owner, job).await?;
    if record.state == JobState::InputRequired {
        let answers = answers(&record.open_questions(), responses)?;
        core.answer(owner, job, answers).await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open() -> Questions {
        let schema = json!({
            "type": "object",
            "properties": {"sure": {"type": "boolean"}, "times": {"type": "integer"}},
            "required": ["sure"],
        });
        [("sure".to_owned(), Question { message: "sure?".to_owned(), schema })].into()
    }

    fn read(response: Value) -> Result<Answers, AppError> {
        answers(&open(), &[("sure".to_owned(), response), ("other".to_owned(), json!(7))].into())
    }

    #[test]
    fn a_question_becomes_a_form() {
        let requests = serde_json::to_value(requests(&open()).expect("a form")).expect("JSON");
        assert_eq!(requests["sure"]["method"], "elicitation/create");
        assert_eq!(requests["sure"]["params"]["mode"], "form");
        assert_eq!(requests["sure"]["params"]["requestedSchema"]["properties"]["sure"]["type"], "boolean");
        let nested = json!({"type": "object", "properties": {"deep": {"type": "object"}}});
        let bad = [("x".to_owned(), Question { message: String::new(), schema: nested })].into();
        assert_eq!(super::requests(&bad).expect_err("no form").kind, ErrorKind::Internal);
    }

    #[test]
    fn what_fits_is_an_answer() {
        let content = json!({"sure": true, "times": 2, "more": "words"});
        let given = read(json!({"action": "accept", "content": content})).expect("fits");
        assert_eq!(given, [("sure".to_owned(), Answer::Given(content))].into());
        let declined = read(json!({"action": "decline"})).expect("fits");
        assert_eq!(declined["sure"], Answer::Declined);
        assert_eq!(read(json!({"action": "cancel"})).expect("fits")["sure"], Answer::Dismissed);
    }

    #[test]
    fn what_does_not_fit_is_refused_by_name() {
        for bad in [
            json!(12345),
            json!({"action": "perhaps"}),
            json!({"action": "accept"}),
            json!({"action": "accept", "content": [true]}),
            json!({"action": "accept", "content": {"sure": "yes"}}),
            json!({"action": "accept", "content": {"sure": true, "times": 1.5}}),
            json!({"action": "accept", "content": {"sure": true, "more": "x".repeat(MOST_BYTES)}}),
        ] {
            let refused = read(bad.clone()).expect_err("does not fit");
            assert!(refused.message.contains("sure"), "{bad}: {refused}");
        }
    }
}

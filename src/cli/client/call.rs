//! A whole tool call: the request, the waiting, the broken connections in between, the cancel.
//!
//! The job is the truth, a connection only a way to hear of it. Once a job's id is known every further question is
//! `job_wait`; before that the identical call is sent again, and the server joins it to the job that the first one made.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use rmcp::model::JsonObject;
use serde_json::json;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::{Answer, ClientError, Connection, Envelope, Era, ProgressView, Server};

/// One call of a tool.
#[derive(Clone, Debug, Default)]
pub struct CallRequest {
    /// Which tool.
    pub tool: String,
    /// Its parameters.
    pub arguments: JsonObject,
    /// How long the server keeps one request open; its own default where it is `None`.
    pub wait_seconds: Option<u64>,
    /// Whether an earlier job's result will not do.
    pub fresh: bool,
    /// A key under which the job is found again.
    pub idempotency_key: Option<String>,
    /// Which protocol to speak.
    pub era: Era,
    /// How many times in a row to connect again before giving up; 0 for never.
    pub reconnects: u32,
}

/// What happens during a call, for whoever shows it.
#[derive(Clone, Debug, PartialEq)]
pub enum CallEvent {
    /// It is further.
    Progress(ProgressView),
    /// The job's id became known.
    Job(String),
    /// A request's time was over; the job goes on.
    StillRunning(Box<Envelope>),
    /// The connection broke off; this is the attempt to connect again.
    Lost {
        /// From 1.
        attempt: u32,
        /// What happened.
        why: String,
    },
}

/// Hears of events.
pub type OnEvent<'a> = &'a mut (dyn FnMut(CallEvent) + Send);

/// Calls a tool and stays with it until its job has ended, over as many connections as it takes. When `stop` fires the job is
/// cancelled, and its end awaited.
///
/// # Errors
/// `Unreachable` when the first connection fails or all later ones do; `Refused`; `Cancelled` when `stop` fired before a
/// job was known.
pub async fn call(
    server: &Server,
    mut request: CallRequest,
    stop: &CancellationToken,
    on: OnEvent<'_>,
) -> Result<Answer, ClientError> {
    // A second fresh call would be a second job; the key makes the repetition after a lost connection the same one.
    if request.fresh && request.idempotency_key.is_none() {
        request.idempotency_key = Some(format!("cli-{}", actors::model::JobId::random()));
    }
    let job = Arc::default();
    Call { server, request, stop, on, connection: None, was_connected: false, job, failures: 0, stopping: false }
        .run()
        .await
}

/// Waits for the end of the job `id`, as [`call`] does.
///
/// # Errors
/// As [`call`].
pub async fn wait_for_job(
    server: &Server,
    id: &str,
    request: CallRequest,
    stop: &CancellationToken,
    on: OnEvent<'_>,
) -> Result<Answer, ClientError> {
    let job = Arc::new(Mutex::new(Some(id.to_owned())));
    Call { server, request, stop, on, connection: None, was_connected: false, job, failures: 0, stopping: false }
        .run()
        .await
}

struct Call<'a> {
    server: &'a Server,
    request: CallRequest,
    stop: &'a CancellationToken,
    on: OnEvent<'a>,
    connection: Option<Connection>,
    was_connected: bool,
    job: Arc<Mutex<Option<String>>>,
    /// Broken connections since the server last said something.
    failures: u32,
    /// Whether the server knows that we want the job to end.
    stopping: bool,
}

impl Call<'_> {
    async fn run(mut self) -> Result<Answer, ClientError> {
        loop {
            let begun = Instant::now();
            match Box::pin(self.step()).await {
                Ok(answer) if answer.envelope.is_pending() => self.note(&answer.envelope, begun.elapsed()).await,
                Err(error) if error.is_unreachable() && self.may_reconnect() => self.pause(&error).await,
                end => {
                    if let Some(connection) = self.connection.take() {
                        connection.close().await;
                    }
                    return end;
                }
            }
        }
    }

    /// One request on a connection, which is made where there is none.
    async fn step(&mut self) -> Result<Answer, ClientError> {
        if self.stop.is_cancelled() && self.job.lock().is_none() {
            return Err(ClientError::Cancelled);
        }
        let connection = match self.connection.take() {
            Some(connection) => connection,
            None => self.server.connect(self.request.era).await?,
        };
        self.was_connected = true;
        let answer = self.ask(&connection).await;
        if !answer.as_ref().is_err_and(ClientError::is_unreachable) {
            self.connection = Some(connection);
        }
        answer
    }

    async fn ask(&mut self, connection: &Connection) -> Result<Answer, ClientError> {
        let (tool, arguments) = self.question();
        let (job, on, failures) = (Arc::clone(&self.job), &mut *self.on, &mut self.failures);
        let mut hear = |progress, id: Option<String>| {
            *failures = 0;
            if let Some(id) = id
                && job.lock().replace(id.clone()).is_none()
            {
                on(CallEvent::Job(id));
            }
            on(CallEvent::Progress(progress));
        };
        let quit = CancellationToken::new();
        let mut answer = Box::pin(connection.call_tool(&tool, arguments, &mut hear, &quit));
        tokio::select! {
            biased;
            answer = &mut answer => return answer,
            () = self.stop.cancelled(), if !self.stopping => {}
        }
        let known = self.job.lock().clone();
        match known {
            // Where the connection broke off the cancel is sent again on the next one.
            Some(id) => self.stopping = !cancel(connection, id).await.is_err_and(|error| error.is_unreachable()),
            None => quit.cancel(),
        }
        answer.await
    }

    /// What to ask next: for the job where it is known, else the call itself.
    fn question(&self) -> (String, JsonObject) {
        let mut arguments = JsonObject::new();
        let tool = if let Some(id) = &*self.job.lock() {
            arguments.insert("job_id".to_owned(), json!(id));
            "job_wait".to_owned()
        } else {
            arguments.clone_from(&self.request.arguments);
            if self.request.fresh {
                arguments.insert("fresh".to_owned(), json!(true));
            }
            if let Some(key) = &self.request.idempotency_key {
                arguments.insert("idempotency_key".to_owned(), json!(key));
            }
            self.request.tool.clone()
        };
        if let Some(seconds) = self.request.wait_seconds {
            arguments.insert("wait_seconds".to_owned(), json!(seconds));
        }
        (tool, arguments)
    }

    /// A request ended before its job did.
    async fn note(&mut self, envelope: &Envelope, took: Duration) {
        self.failures = 0;
        if let Some(id) = envelope.job_id.clone()
            && self.job.lock().replace(id.clone()).is_none()
        {
            (self.on)(CallEvent::Job(id));
        }
        (self.on)(CallEvent::StillRunning(Box::new(envelope.clone())));
        // A server that answered at once was not asked to wait, and would be asked again at once for ever.
        if took < Duration::from_secs(1) {
            let seconds = envelope.poll_after_seconds.filter(|seconds| (0.1..60.0).contains(seconds)).unwrap_or(1.0);
            self.sleep(Duration::from_secs_f64(seconds)).await;
        }
    }

    fn may_reconnect(&self) -> bool {
        self.was_connected && self.failures < self.request.reconnects
    }

    async fn pause(&mut self, error: &ClientError) {
        self.failures += 1;
        (self.on)(CallEvent::Lost { attempt: self.failures, why: error.to_string() });
        let longer = Duration::from_millis(250 << self.failures.min(5));
        self.sleep(longer.min(Duration::from_secs(3))).await;
    }

    /// Sleeps, but not through the first wish to stop.
    async fn sleep(&self, time: Duration) {
        tokio::select! {
            () = self.stop.cancelled(), if !self.stopping => {}
            () = tokio::time::sleep(time) => {}
        }
    }
}

async fn cancel(connection: &Connection, id: String) -> Result<Answer, ClientError> {
    let mut arguments = JsonObject::new();
    arguments.insert("job_id".to_owned(), json!(id));
    connection.call_tool("job_cancel", arguments, &mut |_, _| (), &CancellationToken::new()).await
}

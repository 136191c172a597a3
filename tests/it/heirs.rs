//! Two servers on one store behind a proxy that gives requests to each in turn. The one that runs a job is killed; whoever
//! waits for it at the other gets the answer, through every front door.

use std::time::Duration;

use reqwest::{RequestBuilder, Response};
use serde_json::{Value, json};

use crate::harness::{Caller, Server};
use crate::proxy::Proxy;
use crate::site::Site;
use crate::wire::{Events, Session, call, declaring, job_of, messages, newest, reply, said};

/// How long a job takes: long enough for all that is done before its server is killed.
const SECONDS: u32 = 8;
/// An heir comes soon.
const FLAGS: [&str; 4] = ["--workers", "1", "--lease", "2s"];

struct Pair {
    servers: [Server; 2],
    proxy: Proxy,
    /// Somebody who knows the proxy alone.
    caller: Caller,
}

impl Pair {
    async fn start() -> Self {
        let site = Site::new().await;
        let servers = [site.fixture(&FLAGS).await, site.fixture(&FLAGS).await];
        let proxy = Proxy::before_all(&[&servers[0].url, &servers[1].url]).await;
        let caller = servers[0].caller().at(&format!("http://127.0.0.1:{}", proxy.port));
        Self { servers, proxy, caller }
    }

    /// Which server runs a job.
    async fn runner(&self) -> usize {
        let mut runners = Vec::new();
        for (number, server) in self.servers.iter().enumerate() {
            let metrics = server.caller().get("/metrics").await.text().await.expect("text");
            if metrics.contains("heavylift_jobs_running 1\n") {
                runners.push(number);
            }
        }
        assert_eq!(runners.len(), 1, "one server runs the job");
        runners[0]
    }

    /// Makes a request until the server that gets it is not the one that runs the job: then it waits at the other.
    async fn at_other(&self, runner: usize, request: impl Fn() -> RequestBuilder) -> Response {
        loop {
            let response = request().send().await.expect("an answer");
            if !self.proxy.gave_to(&self.servers[runner].url) {
                return response;
            }
        }
    }

    /// SIGKILL for the server that runs the job. The proxy gives it nothing more.
    async fn kill(self, runner: usize) -> Survivor {
        let [one, other] = self.servers;
        let (killed, heir) = if runner == 0 { (one, other) } else { (other, one) };
        self.proxy.forget(&killed.url);
        killed.kill().await;
        Survivor { _heir: heir, _proxy: self.proxy, caller: self.caller }
    }
}

/// What is left of a pair.
struct Survivor {
    _heir: Server,
    _proxy: Proxy,
    caller: Caller,
}

impl Survivor {
    /// The answer is right, the job's second attempt gave it, and there is no other job.
    async fn check(&self, view: &Value, label: &str) {
        let expected = format!("computed {label} for {SECONDS} s");
        assert_eq!(view["summary"], json!(expected), "{view}");
        // The kill cost one; a machine that starves a lease may cost another, which is no fault of what is tried here.
        assert!(view["attempt"].as_u64().is_some_and(|attempt| (2..=3).contains(&attempt)), "{view}");
        let jobs = self.caller.jobs().await;
        assert_eq!((jobs.len(), &jobs[0]["job_id"]), (1, &view["job_id"]));
    }
}

fn slow(label: &str, wait_seconds: u32) -> Value {
    json!({"seconds": SECONDS, "label": label, "wait_seconds": wait_seconds})
}

#[tokio::test]
async fn a_killed_servers_answer_comes_by_replay() {
    let pair = Pair::start().await;
    let session = Session::open(&pair.caller).await;
    let called = session.request(7, "tools/call", &call("long_compute", &slow("replay", 600), Some("t"))).send();
    let mut events = Events::of(called.await.expect("an answer"));
    let note = events.next().await.expect("a note");
    let (job, last) = (job_of(&note.data), events.last_id.clone().expect("an id"));
    pair.caller.until_running(&job).await;
    let runner = pair.runner().await;
    drop(events);
    let waiting = pair.at_other(runner, || session.resume_by(&pair.caller, &last)).await;
    let survivor = pair.kill(runner).await;
    let said = messages(waiting).await;
    let answer = said.last().expect("an answer");
    assert_eq!((&answer["id"], &answer["result"]["structuredContent"]["job_id"]), (&json!(7), &json!(job)), "{answer}");
    let progress: Vec<_> = said.iter().filter_map(|note| note["params"]["progress"].as_f64()).collect();
    assert!(progress.is_sorted_by(|one, next| one < next), "{progress:?}");
    survivor.check(&answer["result"]["structuredContent"], "replay").await;
}

#[tokio::test]
async fn a_killed_servers_answer_comes_by_task() {
    let pair = Pair::start().await;
    let caller = pair.caller.clone();
    let created = with_tasks(&caller, "tools/call", call("long_compute", &slow("task", 600), None)).send().await;
    let task = reply(created.expect("an answer")).await;
    assert_eq!(
        (&task["result"]["resultType"], &task["result"]["status"]),
        (&json!("task"), &json!("working")),
        "{task}"
    );
    let id = task["result"]["taskId"].as_str().expect("an id").to_owned();
    let runner = pair.runner().await;
    let get = || with_tasks(&caller, "tasks/get", json!({"taskId": id}));
    let at_other = reply(pair.at_other(runner, get).await).await;
    assert_eq!(at_other["result"]["status"], "working", "{at_other}");
    let survivor = pair.kill(runner).await;
    let ended = until_completed(get).await;
    survivor.check(&ended["result"]["structuredContent"], "task").await;
}

/// A request by a client that understands tasks.
fn with_tasks(caller: &Caller, method: &str, params: Value) -> RequestBuilder {
    declaring(caller, &json!({"extensions": {"io.modelcontextprotocol/tasks": {}}}), method, params)
}

/// Asks for a task as often as its server wishes until it is completed; gives the task.
async fn until_completed(get: impl Fn() -> RequestBuilder) -> Value {
    loop {
        let task = reply(get().send().await.expect("an answer")).await["result"].take();
        if task["status"] == "completed" {
            return task;
        }
        assert_eq!(task["status"], "working", "{task}");
        let pause = Duration::from_millis(task["pollIntervalMs"].as_u64().expect("milliseconds"));
        let mut polls = tokio::time::interval(pause);
        polls.tick().await; // the first one is now
        polls.tick().await;
    }
}

#[tokio::test]
async fn a_killed_servers_answer_comes_by_job_wait() {
    let pair = Pair::start().await;
    let called = newest(&pair.caller, "tools/call", call("long_compute", &slow("wait", 0), None)).send().await;
    let handle = said(&reply(called.expect("an answer")).await);
    let job = handle["job_id"].as_str().expect("a job");
    pair.caller.until_running(job).await;
    let runner = pair.runner().await;
    // With a token the answer's head comes at once, and tells who gives it.
    let wait = call("job_wait", &json!({"job_id": job, "wait_seconds": 600}), Some("t"));
    let waiting = pair.at_other(runner, || newest(&pair.caller, "tools/call", wait.clone())).await;
    let survivor = pair.kill(runner).await;
    survivor.check(&said(&reply(waiting).await), "wait").await;
}

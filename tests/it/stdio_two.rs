//! Two AI clients, each with a server of its own on the same store: one holds it, the other goes through that one, and takes
//! over when it ends.

use std::sync::Arc;

use serde_json::json;

use crate::harness::{ERAS, LONG, LONG_ANSWER, Server, signal};
use crate::stdio::Started;

#[tokio::test]
async fn both_see_the_same_files_and_jobs() {
    for era in ERAS {
        let mut first = Started::new(&[]);
        first.begin(era).await;
        first.called(era, 1, "file_put", json!({"path": "a.csv", "content": "n\n1\n2\n"})).await;
        let mut second = Started::in_folder(first.folder(), &[]);
        second.begin(era).await;
        let answer = second.called(era, 1, "data_query", json!({"sql": "select sum(n) from a"})).await;
        assert_eq!(answer["rows"], json!([[3]]), "{answer}");
        let again = first.called(era, 2, "data_query", json!({"sql": "select sum(n) from a"})).await;
        assert_eq!((&again["job_id"], &again["reused"]), (&answer["job_id"], &json!(true)), "{again}");
        // Whoever went through another leaves without a trace.
        second.leave();
        assert_eq!(second.end().await.1.code(), Some(0), "{era:?}");
        assert_eq!(first.called(era, 3, "file_list", json!({})).await["files"][0]["path"], "a.csv");
    }
}

#[tokio::test]
async fn a_server_by_http_is_gone_through_too() {
    let first = Server::start(&[]).await;
    first.caller().put("a.csv", "n\n1\n2\n").await;
    for era in ERAS {
        let mut second = Started::in_folder(Arc::clone(&first.folder), &[]);
        second.begin(era).await;
        assert_eq!(second.called(era, 1, "file_list", json!({})).await["files"][0]["path"], "a.csv", "{era:?}");
        signal("TERM", second.id());
        assert_eq!(second.end().await.1.code(), Some(0), "{era:?}");
    }
    assert_eq!(first.caller().get("/healthz").await.status(), 200);
}

#[tokio::test]
async fn a_killed_holder_costs_the_other_client_nothing() {
    for era in ERAS {
        let mut first = Started::new(&[]);
        first.begin(era).await;
        first.called(era, 1, "file_list", json!({})).await;
        let mut second = Started::in_folder(first.folder(), &[]);
        second.begin(era).await;
        let job = second.begin_call(era, 5, LONG).await;
        first.caller().until_running(&job).await;
        signal("KILL", first.id());
        let (answer, told) = second.answer(5).await;
        let view = &answer["result"]["structuredContent"];
        assert_eq!(view["rows"], json!([[LONG_ANSWER]]), "{era:?}: {answer}");
        assert_eq!((&view["job_id"], &view["attempt"]), (&json!(job), &json!(2)), "{answer}");
        assert!(told.iter().all(|note| note["method"] == "notifications/progress"), "nothing comes twice: {told:?}");
        let numbers: Vec<_> = told.iter().map(|note| note["params"]["progress"].as_f64().expect("a number")).collect();
        assert!(numbers.windows(2).all(|pair| pair[1] > pair[0]), "they rise through it all: {numbers:?}");
        // It holds the store now, and lets others in.
        let mut third = Started::in_folder(second.folder(), &[]);
        third.begin(era).await;
        let seen = third.called(era, 1, "job_status", json!({"job_id": job})).await;
        assert_eq!(seen["status"], "succeeded", "{seen}");
        assert_eq!(first.end().await.1.code(), None, "killed");
    }
}

#[tokio::test]
async fn a_holder_that_ends_in_order_hands_its_jobs_over() {
    for era in ERAS {
        let mut first = Started::new(&["--drain-grace", "0s"]);
        first.begin(era).await;
        first.called(era, 1, "file_list", json!({})).await;
        let mut second = Started::in_folder(first.folder(), &[]);
        second.begin(era).await;
        let job = second.begin_call(era, 5, LONG).await;
        first.caller().until_running(&job).await;
        first.leave();
        assert_eq!(first.end().await.1.code(), Some(0), "{era:?}");
        // The holder's last word, or the answer itself where it came sooner.
        let (answer, _) = second.answer(5).await;
        assert_eq!(answer["result"]["structuredContent"]["job_id"], json!(job), "{era:?}: {answer}");
        let ended = second.called(era, 6, "job_wait", json!({"job_id": job, "wait_seconds": 600})).await;
        assert_eq!(ended["rows"], json!([[LONG_ANSWER]]), "{era:?}: {ended}");
    }
}

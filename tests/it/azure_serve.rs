//! Servers on Azurite, seen from outside: one alone, one after another, two at once.

use serde_json::json;

use crate::azurite::{self, by_way_of};
use crate::harness::{LONG, LONG_ANSWER, complained, run, said};
use crate::proxy::Proxy;
use crate::site::Site;

#[tokio::test]
async fn a_job_runs_on_azure_from_end_to_end() {
    let site = Site::new().await;
    let server = site.server(&[]).await;
    let caller = server.caller();
    assert_eq!(caller.get("/readyz").await.status(), 200);
    caller.put("in/sales.csv", "region,amount\nnorth,10\nsouth,20\nnorth,30\n").await;
    let sql = "select region, sum(amount) as total from 'in/sales.csv' group by region order by region";
    let answer = caller.call("data_query", json!({"sql": sql, "output": "csv"})).await;
    assert!(!answer.is_error, "{}", answer.raw);
    assert_eq!(answer.raw["rows"], json!([["north", 40], ["south", 20]]), "{}", answer.raw);
    let path = answer.raw["artifacts"][0]["path"].as_str().expect("an artifact").to_owned();
    assert_eq!(String::from_utf8_lossy(&caller.file(&path).await), "region,total\nnorth,40\nsouth,20\n");
    let again = caller.call("data_query", json!({"sql": sql, "output": "csv"})).await;
    assert_eq!(again.raw["reused"], true, "{}", again.raw);
    let (_, listed) = caller.json("/files?prefix=in/").await;
    assert_eq!(listed["files"][0]["path"], "in/sales.csv", "{listed}");
    assert_eq!(caller.delete("/files/in/sales.csv").await.status(), 204);
    assert_eq!(caller.get("/files/in/sales.csv").await.status(), 404);
    assert_eq!(caller.call("server_info", json!({})).await.raw["waiting"], 0, "nothing is left in the queue");

    // The same to the next server, with another way to it.
    drop(server);
    let server = site.server(&[]).await;
    assert_eq!(String::from_utf8_lossy(&server.caller().file(&path).await), "region,total\nnorth,40\nsouth,20\n");
}

#[tokio::test]
async fn another_server_finishes_what_a_killed_one_began() {
    let site = Site::new().await;
    let flags = ["--lease", "2s"];
    let first = site.server(&flags).await;
    let job = first.caller().submit(LONG).await;
    first.caller().until_running(&job).await;
    let second = site.server(&flags).await;
    assert_eq!(second.caller().json(&format!("/jobs/{job}")).await.1["status"], "running", "seen by both");
    first.kill().await;
    let view = second.caller().end_of(&job).await;
    assert_eq!((&view["status"], &view["rows"]), (&json!("succeeded"), &json!([[LONG_ANSWER]])), "{view}");
}

#[tokio::test]
async fn no_signature_is_ever_shown() {
    let site = Site::new().await;
    let server = site.server(&["--log-filter", "trace"]).await;
    let caller = server.caller();
    caller.put("a.csv", "a\n1\n").await;
    caller.call("data_query", json!({"sql": "select * from 'a.csv'"})).await;
    let shown = run(&["config", "show", "--store", &site.store, "--queue", &site.queue]).await;
    assert!(said(&shown).contains("devstoreaccount1"), "{}", said(&shown));
    let dead = Proxy::before("http://127.0.0.1:9").await;
    let away = by_way_of(&site.store, dead.port);
    let failed = run(&["doctor", "--store", &away, "--addr", "127.0.0.1:0"]).await;
    assert!(!failed.status.success(), "no Azurite is there");
    let (log, signature) = (server.log(), azurite::signature());
    let secret = signature.split("sig=").nth(1).expect("a signature");
    for text in [log, said(&shown), complained(&shown), said(&failed), complained(&failed)] {
        assert!(!text.contains(secret), "the signature is shown:\n{text}");
    }
}

#[tokio::test]
async fn the_doctor_looks_at_azure() {
    let site = Site::new().await;
    let flags = ["--store", &site.store, "--queue", &site.queue, "--addr", "127.0.0.1:0"];
    let found = run(&[&["doctor"], &flags[..]].concat()).await;
    assert!(found.status.success(), "{}{}", said(&found), complained(&found));
    assert!(
        said(&found).contains("written, read and deleted") && said(&found).contains("0 jobs wait"),
        "{}",
        said(&found)
    );
    let wrong = site.store.replacen("sig=", "sig=x", 1);
    let found = run(&["doctor", "--store", &wrong, "--addr", "127.0.0.1:0"]).await;
    assert!(!found.status.success() && said(&found).contains("refused access"), "{}", said(&found));
}

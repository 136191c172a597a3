//! A disk without room, a real one: a few megabytes of memory, which only root may mount.

use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use serde_json::json;
use tempfile::TempDir;

use crate::harness::{Caller, ERAS, Server, status_and_json};

/// A mounted disk of eight megabytes, unmounted when dropped.
struct SmallDisk(Arc<TempDir>);

impl SmallDisk {
    /// `None` where this process may not mount. CI may, and fails instead.
    fn mount() -> Option<Self> {
        let folder = Arc::new(tempfile::tempdir().expect("temporary folder"));
        let options = ["-t", "tmpfs", "-o", "size=8m", "heavylift-test"];
        let store = folder.path().join("store");
        std::fs::create_dir(&store).expect("a folder");
        let mounted = Command::new("mount").args(options).arg(&store).output();
        if mounted.is_ok_and(|output| output.status.success()) {
            return Some(Self(folder));
        }
        assert!(option_env!("CI").is_none(), "CI must be able to mount a small disk");
        eprintln!("not checked: a full disk needs root to mount one");
        None
    }

    fn store(&self) -> std::path::PathBuf {
        self.0.path().join("store")
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        Command::new("umount").arg("--lazy").arg(self.store()).status().ok();
    }
}

/// Takes up all room there is.
fn fill(store: &Path) -> std::path::PathBuf {
    let path = store.join("ballast");
    let mut size = 1 << 20;
    let mut ballast = std::fs::File::create(&path).expect("a file");
    while size > 0 {
        if std::io::Write::write_all(&mut ballast, &vec![1; size]).is_err() {
            size /= 2;
        }
    }
    path
}

async fn works(caller: &Caller) {
    let answer = caller.call("data_query", json!({"sql": "select sum(a) from t", "fresh": true})).await;
    assert_eq!(answer.raw["rows"], json!([[6]]), "{}", answer.raw);
}

#[tokio::test]
async fn a_full_disk_refuses_for_a_while_and_loses_nothing() {
    let Some(disk) = SmallDisk::mount() else { return };
    let scratch = tempfile::tempdir().expect("temporary folder");
    let scratch = scratch.path().display().to_string();
    for flags in [vec![], vec!["--scratch", scratch.as_str()]] {
        let server = Server::start_in(Arc::clone(&disk.0), &flags).await;
        let caller = server.caller();
        caller.put("t.csv", "a\n1\n2\n3\n").await;
        works(&caller).await;
        let before = caller.jobs().await;
        let ballast = fill(&disk.store());

        let put = caller.try_put("new.csv", vec![b'x'; 1 << 20]).await;
        assert!(put.headers().contains_key("retry-after"));
        let (status, body) = status_and_json(put).await;
        assert_eq!((status, &body["error"]["kind"]), (507, &json!("no_space")), "{body}");
        assert_eq!(body["error"]["retryable"], true);
        for era in ERAS {
            let mcp = caller.connect(era).await;
            let call = mcp.call("data_query", json!({"sql": "select sum(a) from t", "fresh": true})).await;
            let error = &call.raw["error"];
            assert_eq!((call.is_error, &error["kind"], &error["retryable"]), (true, &json!("no_space"), &json!(true)));
            let small = mcp.call("file_put", json!({"path": "s.txt", "content": "x".repeat(10_000)})).await;
            assert_eq!(small.raw["error"]["kind"], "no_space", "{}", small.raw);
        }
        assert_eq!(caller.file("t.csv").await, b"a\n1\n2\n3\n", "what is there is read");
        assert_eq!(caller.jobs().await, before, "and no job came of it");
        assert_eq!(caller.get("/healthz").await.status(), 200);

        std::fs::remove_file(ballast).expect("room again");
        caller.put("new.csv", vec![b'x'; 1 << 20]).await;
        works(&caller).await;
        assert_eq!(caller.delete("/files/new.csv").await.status(), 204);
        drop(server);
    }
}

#[tokio::test]
async fn a_job_that_fills_the_disk_fails_alone() {
    let Some(disk) = SmallDisk::mount() else { return };
    let server = Server::start_in(Arc::clone(&disk.0), &[]).await;
    let caller = server.caller();
    caller.put("t.csv", "a\n1\n2\n3\n").await;
    let sql = "select x, md5(x::varchar) as y from range(2000000) t(x)";
    let call = caller.call("data_query", json!({"sql": sql, "output": "csv"})).await;
    assert_eq!((call.is_error, &call.raw["error"]["kind"]), (true, &json!("no_space")), "{}", call.raw);
    works(&caller).await;
}

//! Own files and mounts as one workspace: the order of its listing, what hides what, and what nobody may write.

use std::time::Duration;

use bytes::Bytes;
use tools::{InputSpec, Limits, ToolErrorKind};

use super::*;
use crate::ports::memory::MemoryStore;
use crate::ports::{Expect, SystemClock};

/// Ada's workspace with the mounts `data` and `more`.
struct World {
    own: Arc<MemoryStore>,
    workspace: Workspace,
    ada: Owner,
}

async fn filled(keys: &[&str]) -> Arc<MemoryStore> {
    let store = Arc::new(MemoryStore::default());
    for key in keys {
        let value = Bytes::copy_from_slice(key.as_bytes());
        store.put(&Key::new(*key), value, Expect::Any).await.expect("put");
    }
    store
}

impl World {
    async fn new(own: &[&str], data: &[&str], more: &[&str]) -> Self {
        let ada: Owner = "ada".parse().expect("a name");
        let own: Vec<String> = own.iter().map(|path| format!("owners/ada/files/{path}")).collect();
        let own = filled(&own.iter().map(String::as_str).collect::<Vec<_>>()).await;
        let store = Arc::clone(&own) as Arc<dyn BlobStore>;
        let records = Records::new(Arc::clone(&store), Arc::new(SystemClock), Duration::from_hours(1));
        let mounts = [("data", filled(data).await), ("more", filled(more).await)];
        let mounts = mounts.map(|(name, store)| (name.parse().expect("a name"), store as Arc<dyn BlobStore>));
        Self { own, workspace: Workspace::new(store, records).with_mounts(Mounts::new(mounts)), ada }
    }

    /// The listing, in parts of `limit`.
    async fn listed(&self, prefix: &str, limit: usize) -> Vec<String> {
        let mut all: Vec<FoundFile> = Vec::new();
        loop {
            let after = all.last().map(|file| file.path.clone());
            let (files, more) = self.workspace.list(&self.ada, prefix, after.as_ref(), limit).await.expect("listed");
            assert!(files.len() <= limit && (files.len() == limit || !more), "a part is full or the last");
            all.extend(files);
            if !more {
                return all.iter().map(|file| file.path.to_string()).collect();
            }
        }
    }

    async fn resolved(&self, spec: InputSpec) -> Result<Vec<(String, Option<String>, String)>, CoreError> {
        let inputs = self.workspace.resolve(&self.ada, &[spec], &Limits::default()).await?;
        Ok(inputs.into_iter().map(|input| (input.path.to_string(), input.mount, input.key)).collect())
    }
}

#[tokio::test]
async fn names_that_no_path_can_have_end_no_listing() {
    let data = ["a", "b /1", "b /2", "b /3", "b /4", "c", "d", "e./1", "e./2"];
    let world = World::new(&["z"], &data, &[]).await;
    for limit in 1..5 {
        assert_eq!(world.listed("", limit).await, ["data/a", "data/c", "data/d", "z"], "{limit}");
    }
}

fn path(text: &str) -> WorkspacePath {
    text.parse().expect("a path")
}

#[tokio::test]
async fn a_listing_goes_through_all_in_order_of_name() {
    let world = World::new(&["a.csv", "data-2.csv", "e/f", "z"], &["b", "c/d"], &["x"]).await;
    let all = ["a.csv", "data-2.csv", "data/b", "data/c/d", "e/f", "more/x", "z"];
    for limit in 1..10 {
        assert_eq!(world.listed("", limit).await, all, "{limit} at a time");
        assert_eq!(world.listed("data/c", limit).await, ["data/c/d"]);
        assert_eq!(world.listed("da", limit).await, ["data-2.csv", "data/b", "data/c/d"]);
        assert_eq!(world.listed("z", limit).await, ["z"]);
    }
}

#[tokio::test]
async fn a_mount_hides_what_was_there_and_leaves_it_alone() {
    let world = World::new(&["data", "data/old.csv", "data/b", "dat"], &["b"], &[]).await;
    assert_eq!(world.listed("", 1).await, ["dat", "data/b"]);
    let found = world.workspace.get(&world.ada, &path("data/b")).await.expect("found");
    assert_eq!((found.mount.as_deref(), found.key.as_str()), (Some("data"), "b"));
    for hidden in ["data/old.csv", "data"] {
        assert!(world.workspace.find(&world.ada, &path(hidden)).await.expect("asked").is_none(), "{hidden}");
    }
    let kept = Key::new("owners/ada/files/data/old.csv");
    assert!(world.own.head(&kept).await.expect("asked").is_some());
}

#[tokio::test]
async fn nobody_writes_to_a_mount() {
    let world = World::new(&[], &["b"], &[]).await;
    for refused in ["data/b", "data/new.csv", "data", "jobs/x", "jobs"] {
        let error = world.workspace.writable(&world.ada, &path(refused)).expect_err("refused");
        assert_eq!(error.kind, ToolErrorKind::InvalidParams, "{refused}");
    }
    let key = world.workspace.writable(&world.ada, &path("data2/b")).expect("its own");
    assert_eq!(key.as_str(), "owners/ada/files/data2/b");
}

#[tokio::test]
async fn inputs_remember_their_mount() {
    let world = World::new(&["own.csv", "b.csv"], &["b.csv", "in/sales.parquet"], &["in/sales.csv"]).await;
    let mounted = |name: &str, key: &str| (format!("{name}/{key}"), Some(name.to_owned()), key.to_owned());
    let glob = world.resolved(InputSpec::Glob("data/**/*.parquet".to_owned())).await.expect("resolved");
    assert_eq!(glob, [mounted("data", "in/sales.parquet")]);
    let path = InputSpec::Path { name: "x".to_owned(), path: path("more/in/sales.csv") };
    assert_eq!(world.resolved(path).await.expect("resolved"), [mounted("more", "in/sales.csv")]);
    // A table by its bare name: an own file comes before a mounted one, two mounted ones are one too many.
    let own = world.resolved(table("B")).await.expect("resolved");
    assert_eq!(own, [("b.csv".to_owned(), None, "owners/ada/files/b.csv".to_owned())]);
    let error = world.resolved(table("sales")).await.expect_err("which?").to_string();
    assert!(error.contains("\"data/in/sales.parquet\" or \"more/in/sales.csv\""), "{error}");
    let error = world.resolved(table("sale")).await.expect_err("none").to_string();
    assert!(error.contains("sales"), "{error}");
}

fn table(name: &str) -> InputSpec {
    InputSpec::Table { name: name.to_owned(), place: None }
}

#[test]
fn an_input_of_an_older_record_is_read() {
    let older = r#"{"name": "a", "path": "a.csv", "key": "owners/ada/files/a.csv", "etag": "1", "bytes": 3}"#;
    let input: crate::model::JobInput = serde_json::from_str(older).expect("read");
    assert_eq!(input.mount, None);
    assert!(!serde_json::to_string(&input).expect("written").contains("mount"), "and written as it was");
}

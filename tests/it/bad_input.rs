//! What is wrong is named: before a job exists where that can be, in its result where not; and nothing else is harmed.

use serde_json::{Value, json};

use crate::harness::{Caller, ERAS, Mcp, Server, png};
use crate::wire::{messages, newest};

/// A good job, which works whatever happened before.
async fn still_works(mcp: &Mcp) {
    let answer = mcp.call("data_query", json!({"sql": "select 6 * 7", "fresh": true})).await;
    assert_eq!(answer.raw["rows"], json!([[42]]), "{}", answer.raw);
}

/// Calls with something wrong; the kind and the message of the error, wherever it stands.
async fn fault(mcp: &Mcp, tool: &str, arguments: Value) -> (String, String) {
    match mcp.try_call(tool, arguments).await {
        Ok(answer) => {
            assert!(answer.is_error, "{tool}: {}", answer.raw);
            let error = &answer.raw["error"];
            let text =
                |name: &str| error[name].as_str().unwrap_or_else(|| panic!("no {name}: {}", answer.raw)).to_owned();
            (text("kind"), text("message"))
        }
        Err(heavylift::cli::client::ClientError::Refused { kind, message }) => (kind.unwrap_or_default(), message),
        Err(error) => panic!("{tool}: {error}"),
    }
}

#[tokio::test]
async fn a_bad_call_becomes_no_job() {
    let server = Server::start(&[]).await;
    let caller = server.caller();
    caller.put("sales.csv", "region,amount\nnorth,1\n").await;
    caller.put("other/prices.csv", "price\n1\n").await;
    for era in ERAS {
        let mcp = caller.connect(era).await;
        for (tool, arguments, kind, named) in [
            ("data_qery", json!({}), "unknown_tool", "data_query"),
            ("data_query", json!({"sql": "select 1", "sqll": 1}), "invalid_params", "sqll"),
            ("data_query", json!({}), "invalid_params", "sql"),
            ("data_query", json!({"sql": 5}), "invalid_params", "sql"),
            ("data_query", json!({"sql": "select 1", "output": "xlsx"}), "invalid_params", "xlsx"),
            ("data_query", json!({"sql": "select 1", "wait_seconds": "soon"}), "invalid_params", "wait_seconds"),
            ("data_query", json!({"sql": "select 1", "wait_seconds": 99_999}), "invalid_params", "wait_seconds"),
            ("data_query", json!({"sql": "select 1", "idempotency_key": ""}), "invalid_params", "idempotency_key"),
            ("data_query", json!({"sql": "select 1", "fresh": "yes"}), "invalid_params", "fresh"),
            ("data_query", json!({"sql": "select * from sale"}), "not_found", "sales"),
            ("data_query", json!({"sql": "select * from x", "files": {"x": "sales.cvs"}}), "not_found", "sales.csv"),
            ("data_profile", json!({"file": "other/price.csv"}), "not_found", "other/prices.csv"),
            ("file_preview", json!({"file": "sales.tsv"}), "not_found", "sales.csv"),
            ("image_process", json!({"files": ["*.jpg"], "format": "png"}), "not_found", "*.jpg"),
            ("image_process", json!({"files": ["a.jpg"], "operations": [{"op": "melt"}]}), "invalid_params", "melt"),
            ("image_process", json!({"files": "a.jpg"}), "invalid_params", "files"),
            ("job_status", json!({"job_id": "x"}), "invalid_params", "job_id"),
            ("job_wait", json!({"job_id": "0".repeat(26)}), "not_found", "00000"),
            ("file_put", json!({"path": "x"}), "invalid_params", "content"),
            ("file_delete", json!({"path": "sale.csv"}), "not_found", "sales.csv"),
            ("server_info", json!({"verbose": true}), "invalid_params", "verbose"),
        ] {
            let (got, message) = fault(&mcp, tool, arguments.clone()).await;
            assert_eq!(got, kind, "{tool} {arguments}: {message}");
            assert!(message.contains(named), "{tool} {arguments} does not name {named}: {message}");
        }
        let jobs = caller.jobs().await;
        assert!(jobs.iter().all(|job| job["status"] == "succeeded"), "no job came of it: {jobs:?}");
        still_works(&mcp).await;
    }
}

#[tokio::test]
async fn sql_that_is_no_question_is_refused() {
    let server = Server::start(&[]).await;
    let caller = server.caller();
    caller.put("sales.csv", "region,price\nnorth,1\n").await;
    let mcp = caller.connect(ERAS[0]).await;
    for (sql, named) in [
        ("drop table sales", "SELECT"),
        ("create table x as select 1", "SELECT"),
        ("insert into sales values (1)", "SELECT"),
        ("copy sales to '/tmp/x.csv'", "SELECT"),
        ("attach '/tmp/x.db'", "SELECT"),
        ("pragma version", "SELECT"),
        ("set memory_limit = '1GB'", "SELECT"),
        ("install httpfs", "SELECT"),
        ("", "SELECT"),
        ("select 1; select 2", "one"),
        ("select 1; drop table sales", "one"),
        ("selec 1", "selec"),
        ("select prise from sales", "prise"),
        ("select price from sales where regoin = 'x'", "regoin"),
        ("select no_such_function(price) from sales", "no_such_function"),
        ("select * from read_csv('/etc/passwd')", "read_csv"),
        ("select * from read_text('/etc/passwd')", "read_text"),
        ("select * from glob('/etc/*')", "glob"),
        ("select * from sales where price in (select 1 from read_parquet('x'))", "read_parquet"),
        ("select getenv('HOME')", "getenv"),
    ] {
        let (kind, message) = fault(&mcp, "data_query", json!({"sql": sql})).await;
        assert!(["bad_query", "invalid_params", "not_found"].contains(&kind.as_str()), "{sql}: {kind}: {message}");
        assert!(message.to_lowercase().contains(&named.to_lowercase()), "{sql}: {message}");
        assert!(!message.contains("root:") && !message.contains("/store/"), "{sql}: {message}");
    }
    let (_, message) = fault(&mcp, "data_query", json!({"sql": "select prise from sales"})).await;
    assert!(message.contains("price"), "the nearest column: {message}");
    still_works(&mcp).await;
}

/// A PNG that claims to be of this size, and holds nothing.
fn claims(width: u32, height: u32) -> Vec<u8> {
    let mut bytes = png(1, 1);
    bytes[16..20].copy_from_slice(&width.to_be_bytes());
    bytes[20..24].copy_from_slice(&height.to_be_bytes());
    let crc = crc32(&bytes[12..29]).to_be_bytes();
    bytes[29..33].copy_from_slice(&crc);
    bytes
}

/// The sum that PNG ends a chunk with.
fn crc32(bytes: &[u8]) -> u32 {
    let step = |crc: u32| if crc & 1 == 1 { (crc >> 1) ^ 0xEDB8_8320 } else { crc >> 1 };
    let all = bytes.iter().fold(u32::MAX, |crc, byte| (0..8).fold(crc ^ u32::from(*byte), |crc, _| step(crc)));
    !all
}

async fn truncated_parquet(caller: &Caller) -> Vec<u8> {
    let sql = "select x, x * x as y from range(1000) t(x)";
    let made = caller.call("data_query", json!({"sql": sql, "output": "parquet"})).await;
    let whole = caller.file(&made.envelope.artifacts[0].path).await;
    whole[..whole.len() / 2].to_vec()
}

#[tokio::test]
async fn a_damaged_table_is_a_typed_error() {
    let server = Server::start(&[]).await;
    let caller = server.caller();
    let parquet = truncated_parquet(&caller).await;
    let broken = [b"a,b\n".as_slice(), "Größe,ä\n".repeat(50).as_bytes(), b"\xff\xfe,1\n"].concat();
    let files = [
        ("ragged.csv", b"a,b\n1,2\n3,4,5,6\n7\n".to_vec()),
        ("empty.csv", Vec::new()),
        ("cut.parquet", parquet),
        ("text.parquet", b"this is no table".to_vec()),
        ("binary.csv", vec![0, 159, 146, 150, 0, 1, 2, 255, 254, 0, 0, 0]),
        ("broken-utf8.csv", broken),
        ("broken.json", b"{\"a\": [1, 2".to_vec()),
        ("broken.csv.gz", b"\x1f\x8b\x08\x00nonsense".to_vec()),
        ("picture.csv", png(8, 8)),
    ];
    let mcp = caller.connect(ERAS[0]).await;
    for (name, bytes) in files {
        caller.put(name, bytes).await;
        let sql = format!("select * from \"{name}\"");
        for (tool, arguments) in [("data_query", json!({"sql": sql})), ("data_profile", json!({"file": name}))] {
            let (kind, message) = fault(&mcp, tool, arguments).await;
            assert!(["bad_input", "unsupported"].contains(&kind.as_str()), "{tool} {name}: {kind}: {message}");
            assert!(message.contains(name), "{tool} does not name {name}: {message}");
            assert!(!message.contains("/store") && !message.contains("/tmp"), "{message}");
        }
    }
    still_works(&mcp).await;
}

#[tokio::test]
async fn another_encoding_is_read_for_what_it_is() {
    let server = Server::start(&[]).await;
    let caller = server.caller();
    caller.put("latin.csv", b"name,n\nM\xfcller,1\nJ\xf6rg,2\nStra\xdfe,3\n".to_vec()).await;
    let utf16: Vec<u8> = "name,n\nMüller,1\nJörg,2\nStraße,3\n".encode_utf16().flat_map(u16::to_be_bytes).collect();
    caller.put("wide.csv", utf16).await;
    for table in ["latin", "wide"] {
        let answer = caller.call("data_query", json!({"sql": format!("select name from {table}")})).await;
        assert_eq!(answer.raw["rows"], json!([["Müller"], ["Jörg"], ["Straße"]]), "{table}: {}", answer.raw);
    }
}

#[tokio::test]
async fn a_damaged_picture_is_a_typed_error() {
    let server = Server::start(&[]).await;
    let caller = server.caller();
    caller.put("text.png", "this is no picture").await;
    caller.put("huge.png", claims(100_000, 100_000)).await;
    caller.put("cut.png", png(64, 64)[..60].to_vec()).await;
    caller.put("empty.png", "").await;
    let mcp = caller.connect(ERAS[0]).await;
    let shrink = json!([{"op": "resize", "width": 10, "height": 10, "fit": "inside"}]);
    for (name, wanted) in
        [("text.png", "bad_input"), ("huge.png", "too_large"), ("cut.png", "bad_input"), ("empty.png", "bad_input")]
    {
        let (kind, message) = fault(&mcp, "image_process", json!({"files": [name], "operations": shrink})).await;
        assert_eq!(kind, wanted, "{name}: {message}");
        assert!(message.contains(name), "{message}");
    }
    caller.put("good.png", png(20, 20)).await;
    let mixed = mcp.call("image_process", json!({"files": ["*.png"], "operations": shrink})).await;
    let details = &mixed.raw["details"];
    assert_eq!((&details["processed"], &details["failed"]), (&json!(1), &json!(4)), "{}", mixed.raw);
    let failures = details["failures"].as_array().expect("failures");
    assert!(failures.iter().all(|failure| failure["error"].as_str().is_some_and(|text| !text.is_empty())));
    still_works(&mcp).await;
}

#[tokio::test]
async fn too_much_or_no_json_is_turned_away() {
    let server = Server::start(&[]).await;
    let caller = server.caller();
    let post = |body: String| {
        let request = caller.request(reqwest::Method::POST, "/mcp").header("Content-Type", "application/json");
        request.header("Accept", "application/json, text/event-stream").body(body).send()
    };
    for nonsense in [
        "",
        "nonsense",
        "{",
        "[]",
        "{}",
        "[1, 2]",
        "\"x\"",
        "{\"jsonrpc\": \"2.0\"}",
        "{\"jsonrpc\": \"1.0\", \"id\": 1}",
    ] {
        let status = post(nonsense.to_owned()).await.expect("an answer").status();
        assert!(status.is_client_error(), "{nonsense}: {status}");
    }
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    assert!(post(deep).await.expect("an answer").status().is_client_error());
    let big = format!("{{\"x\": \"{}\"}}", "y".repeat(5 << 20));
    assert_eq!(post(big).await.expect("an answer").status(), 413);
    let unknown = newest(&caller, "no/such/method", json!({})).send().await.expect("an answer");
    let said = messages(unknown).await;
    assert_eq!(said[0]["error"]["code"], -32601, "{said:?}");
    still_works(&caller.connect(ERAS[0]).await).await;
}

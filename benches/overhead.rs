//! Guards: the server adds at most 20 ms or 5 % to a job, whichever is more.
//!
//! Peer in the same run: the bare tool on the same input, limits and disk, without queue, store, MCP and HTTP. Both take turns.
//! The server's time is what its client sees: from the call to the result, over a connection that is there already.

mod support;

use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use heavylift::app;
use heavylift::cli::client::{Connection, Era, Server};
use heavylift::config::ServeConfig;
use heavylift::mcp::surface::Surface;
use image::codecs::jpeg::JpegEncoder;
use image::{Rgb, RgbImage};
use rmcp::model::JsonObject;
use serde_json::{Value, json};
use support::{Times, now, print, timed, verdict};
use tokio_util::sync::CancellationToken;
use tools::{Catalogue, Context, Input, Limits};

const ROWS: u32 = 2_000_000;
const THREADS: usize = 2;
const MOST_ROUNDS: usize = 30;
const MOST_TIME: Duration = Duration::from_secs(20);
const ALLOWED_MS: f64 = 20.0;
const ALLOWED_SHARE: f64 = 0.05;

fn main() -> ExitCode {
    support::main(measure_all)
}

#[actix_web::main]
async fn measure_all() {
    if !support::is_wanted() {
        return;
    }
    let folder = tempfile::tempdir().expect("temporary folder");
    make_table(folder.path());
    make_picture(&folder.path().join("photo.jpg"));
    let server = start(folder.path()).await;
    for name in ["orders.parquet", "photo.jpg"] {
        server.put_file(&folder.path().join(name), name, |_| ()).await.expect("uploaded");
    }
    let sql = "SELECT region, count(*) AS orders, sum(amount) AS amount FROM orders GROUP BY region ORDER BY region";
    let query = Job { tool: "data_query", params: json!({"sql": sql}), name: "orders", path: "orders.parquet" };
    let resize = json!({"files": ["photo.jpg"], "operations": [{"op": "resize", "width": 512}]});
    let picture = Job { tool: "image_process", params: resize, name: "photo.jpg", path: "photo.jpg" };
    let connection = server.connect(Era::Newest).await.expect("connected");
    let measured =
        [measure(&query, &connection, folder.path()).await, measure(&picture, &connection, folder.path()).await];
    show(&measured);
}

/// One call, and the only input it has.
struct Job {
    tool: &'static str,
    params: Value,
    name: &'static str,
    path: &'static str,
}

struct Measured {
    tool: &'static str,
    bare: Times,
    served: Times,
}

async fn measure(job: &Job, connection: &Connection, folder: &Path) -> Measured {
    let mut measured = Measured { tool: job.tool, bare: Times::default(), served: Times::default() };
    let begun = now();
    for round in 0..=MOST_ROUNDS {
        let bare = bare(job, folder);
        let served = served(job, connection).await;
        if round > 0 {
            measured.bare.add(bare);
            measured.served.add(served);
        }
        if begun.elapsed() > MOST_TIME && round > 2 {
            break;
        }
    }
    measured
}

/// The tool alone, with as many threads as the server gives it.
fn bare(job: &Job, folder: &Path) -> Duration {
    let tool = std::sync::Arc::clone(Catalogue::standard().get(job.tool).expect("there is such a tool"));
    let local = folder.join(job.path);
    let bytes = std::fs::metadata(&local).expect("the input is there").len();
    let input = Input { name: job.name.to_owned(), path: job.path.parse().expect("a path"), local, bytes };
    let work = tempfile::tempdir_in(folder).expect("a folder");
    let mut ctx = Context::detached(vec![input], work.path()).expect("a context");
    ctx.set_limits(Limits { threads: THREADS, ..Limits::default() });
    let (time, ran) = timed(|| tool.run(&job.params, &mut ctx));
    ran.expect("the tool works");
    time
}

async fn served(job: &Job, connection: &Connection) -> Duration {
    let mut arguments: JsonObject = job.params.as_object().cloned().expect("an object");
    arguments.insert("fresh".to_owned(), json!(true));
    let begun = now();
    let answer = connection.call_tool(job.tool, arguments, &mut |_, _| (), &CancellationToken::new()).await;
    let took = begun.elapsed();
    let answer = answer.expect("answered");
    assert_eq!(answer.envelope.status.as_deref(), Some("succeeded"), "{}", answer.text);
    assert!(!answer.envelope.reused, "run anew");
    took
}

/// The real server, on a free port, in a thread of its own that ends with this process.
async fn start(folder: &Path) -> Server {
    let store = format!("file://{}", folder.join("store").display());
    let (tell, told) = tokio::sync::oneshot::channel();
    std::thread::spawn(move || {
        actix_web::rt::System::new().block_on(async move {
            let threads = THREADS.to_string();
            let flags = ["--addr", "127.0.0.1:0", "--store", &store, "--threads-per-job", &threads];
            let config = ServeConfig::from_flags(flags).expect("settings");
            let running =
                app::start(config, Catalogue::standard(), Surface::standard()).await.expect("the server starts");
            let _ = tell.send(running.addr); // somebody waits for it
            running.serve_until(std::future::pending()).await.expect("serves");
        });
    });
    let address = told.await.expect("the server listens");
    Server::new(&format!("http://{address}"), None).expect("an address")
}

/// Two million orders as Parquet, made by the tool itself.
fn make_table(folder: &Path) {
    let sql = format!(
        "SELECT range AS order_id, 'region ' || (range * 7919 % 13) AS region, (range * 104729 % 100003) / 100 AS amount \
         FROM range({ROWS})"
    );
    let work = folder.join("table");
    let mut ctx = Context::detached(Vec::new(), &work).expect("a context");
    let tool = std::sync::Arc::clone(Catalogue::standard().get("data_query").expect("there is such a tool"));
    let made = tool.run(&json!({"sql": sql}), &mut ctx).expect("the table is made");
    std::fs::rename(&made.artifacts[0].local, folder.join("orders.parquet")).expect("moved");
}

/// 12 megapixels with something to see, as a JPEG.
fn make_picture(path: &Path) {
    let wave = |at: u32, pace: f64| ((f64::from(at) * pace).sin() * 100.0 + 128.0).clamp(0.0, 255.0);
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to a byte just before")]
    let picture = RgbImage::from_fn(4000, 3000, |x, y| {
        Rgb([wave(x, 0.01), wave(y, 0.013), wave(x + y, 0.007)].map(|channel| channel as u8))
    });
    let file = std::io::BufWriter::new(std::fs::File::create(path).expect("a file"));
    JpegEncoder::new_with_quality(file, 90).encode_image(&picture).expect("encoded");
}

fn show(measured: &[Measured]) {
    let row = |of: &Measured| {
        let (bare, served) = (of.bare.median(), of.served.median());
        [
            of.tool.to_owned(),
            format!("{bare:.1}"),
            format!("{served:.1}"),
            format!("{:.1}", served - bare),
            format!("{:.3}", served / bare),
            of.bare.count().to_string(),
        ]
    };
    let rows: Vec<_> = measured.iter().map(row).collect();
    print(["median, ms", "bare tool", "through the server", "difference", "ratio", "runs"], &rows);
    for of in measured {
        let (bare, served) = (of.bare.median(), of.served.median());
        let allowed = ALLOWED_MS.max(bare * ALLOWED_SHARE);
        verdict(&format!("{}: at most {allowed:.1} ms more", of.tool), served - bare <= allowed);
    }
}

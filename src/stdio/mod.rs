//! `heavylift serve --stdio`: MCP on standard input and output, for the AI client that started this process.
//!
//! Whoever runs two such clients has two such processes, and one store, which belongs to one of them. The other passes every
//! line on to it through the store's [`door`], so both see the same files and jobs. When the one that holds the store ends, the
//! other takes the store over, and asks again there what its client still waits for; the store still has the jobs.
//!
//! | to find | look in |
//! |---|---|
//! | lines in and out of this process | [`lines`] |
//! | what a conversation needs at its next server | [`memory`], [`progress`] |
//! | the way of a line to the server and back | [`relay`] |
//! | how processes on one store find each other | [`door`] |

pub(crate) mod door;
mod lines;
mod memory;
mod progress;
mod relay;

use std::time::Duration;

use actors::ports::{Clock as _, SystemClock};
use futures_util::{FutureExt as _, future};
use tokio::net::UnixStream;
use tokio_util::sync::CancellationToken;
use tools::Catalogue;

use crate::app::{self, Running};
use crate::config::{ServeConfig, StoreConfig};
use crate::mcp::surface::Surface;
use crate::store::OpenError;
use lines::Lines;
use relay::{Ended, Relay};

/// How often a store is asked for that somebody else is about to leave, or about to open up.
const PAUSE: Duration = Duration::from_millis(50);
/// How long a server that ends may take: its grace, and time to tidy up.
const PATIENCE: Duration = Duration::from_secs(20);
/// How long the last answers may take to get to the client.
const LAST_LINES: Duration = Duration::from_secs(1);
/// How often in a row a server may end without a word before it counts as one that lets this process not in.
const MOST_UNHEARD: u32 = 40;
const SHUT_OUT: &str = "the server that holds the store hangs up on this one: it runs as another user, or has as many clients as it \
                        takes; give another --store, or connect to it over HTTP";
/// Room for what one side said and the other has not read.
const BUFFER: usize = 64 << 10;

/// The server that a line goes to.
enum Server {
    /// In this process.
    Own(Box<Running>),
    /// In another one, which holds the store.
    Other(UnixStream),
}

/// Serves until the client closes standard input or `asked_to_end` ends.
///
/// # Errors
/// As [`app::start`]; a store that another server holds which lets nobody in by its door.
pub(crate) async fn serve(config: ServeConfig, asked_to_end: impl Future<Output = ()> + 'static) -> anyhow::Result<()> {
    let stop = CancellationToken::new();
    let stopped = stop.clone();
    actix_web::rt::spawn(async move {
        asked_to_end.await;
        stopped.cancel();
    });
    let lines = Lines::of_this_process();
    let mut relay = Relay::new(lines);
    let mut unheard = 0;
    loop {
        let server = tokio::select! {
            server = reach(&config) => server?,
            () = stop.cancelled() => return Ok(()),
        };
        match server {
            Server::Own(running) => {
                Box::pin(serve_own(*running, &mut relay, &stop)).await?;
                relay.close().await;
                return Ok(());
            }
            Server::Other(stream) => {
                tracing::info!("another server holds the store; going through it, by its settings");
                let (from, to) = stream.into_split();
                let ended = tokio::select! {
                    ended = relay.run(from, to) => ended,
                    () = stop.cancelled() => Ended::Client,
                };
                if ended == Ended::Client {
                    relay.close().await;
                    return Ok(());
                }
                tracing::info!("the server that held the store has ended");
                unheard = if ended == Ended::Unheard { unheard + 1 } else { 0 };
                anyhow::ensure!(unheard < MOST_UNHEARD, SHUT_OUT);
                SystemClock.sleep(PAUSE).await;
            }
        }
    }
}

/// Serves here: as `heavylift serve` does, and the client besides.
async fn serve_own(running: Running, relay: &mut Relay, stop: &CancellationToken) -> anyhow::Result<()> {
    tracing::info!(
        url = running.app.base_url,
        "speaking MCP on standard input and output, for the client that started this"
    );
    let (near, far) = tokio::io::duplex(BUFFER);
    let (app, endpoint) = (running.app.clone(), running.endpoint.clone());
    actix_web::rt::spawn(async move {
        let (from, to) = tokio::io::split(far);
        endpoint.serve_pipe(from, to).await;
    });
    let gone = CancellationToken::new();
    let talking = async {
        let (from, to) = tokio::io::split(near);
        relay.run(from, to).await;
        gone.cancel();
    };
    let serving = async {
        let end = future::select(Box::pin(gone.cancelled()), Box::pin(stop.cancelled()));
        let served = running.serve_until(end.map(drop)).await;
        app.hang_up.cancel(); // also where the listener failed
        served
    };
    tokio::pin!(talking, serving);
    tokio::select! {
        served = &mut serving => {
            // A client that does not read keeps nobody from ending.
            drop(tokio::time::timeout(LAST_LINES, talking).await);
            served
        }
        () = &mut talking => serving.await,
    }
}

/// The store's server: this process if the store is free, else the one that holds it.
async fn reach(config: &ServeConfig) -> anyhow::Result<Server> {
    let mut left = PATIENCE;
    loop {
        let started = Box::pin(app::start(config.clone(), Catalogue::standard(), Surface::standard())).await;
        let error = match started {
            Ok(running) => return Ok(Server::Own(Box::new(running))),
            Err(error) => error,
        };
        let (Some(OpenError::InUse { listens, .. }), StoreConfig::Local(folder)) =
            (error.downcast_ref::<OpenError>(), &config.store)
        else {
            return Err(error);
        };
        if let Ok(stream) = door::knock(folder).await {
            return Ok(Server::Other(stream));
        }
        // Its door opens before it says that it listens, and stays in sight until it has ended.
        if (*listens && !door::is_there(folder)) || left.is_zero() {
            return Err(error.context(
                "there is no way in beside it; give your client that server's URL instead (heavylift config clients), \
                 or this command a folder of its own by --store file:///path",
            ));
        }
        SystemClock.sleep(PAUSE).await;
        left = left.saturating_sub(PAUSE);
    }
}

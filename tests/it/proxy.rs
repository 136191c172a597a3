//! A way to Azurite on which things go wrong: answers that never were, answers that never come, connections that break. Or a
//! way to several servers, each of which gets the next request.
//!
//! It passes HTTP/1.1 on, request by request, and does to some of them what a test planned. `cut` makes it a black hole,
//! for what is under way as for what comes, until `heal`.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, VecDeque};
use std::io;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// How much is passed on at once.
const PIECE: usize = 64 * 1024;

/// What goes wrong with one request.
#[derive(Clone, Debug)]
pub(crate) enum Fault {
    /// It is not passed on; this is the answer, with these headers and no body.
    Answer(u16, &'static str, &'static str),
    /// It is not passed on; the connection is reset.
    Reset,
    /// It is passed on and carried out; the answer is thrown away and the connection reset.
    LoseAnswer,
    /// As `LoseAnswer`, once the test has done something else in between.
    LoseAnswerAfter(Arc<tokio::sync::Notify>),
    /// The answer's body ends after so many bytes, and the connection with it.
    Truncate(u64),
    /// It is swallowed; nothing ever comes back.
    Swallow,
}

/// A fault for requests whose first line contains a text.
struct Plan {
    wanted: String,
    fault: Fault,
}

struct Shared {
    /// Whose turn it is: the first.
    services: Mutex<VecDeque<String>>,
    plans: Mutex<VecDeque<Plan>>,
    /// The heads of all requests that came, first line first.
    seen: Mutex<Vec<String>>,
    /// Nothing passes while it is set.
    cut: watch::Sender<bool>,
}

/// A proxy before one service. Dropped, it closes its port.
pub(crate) struct Proxy {
    pub(crate) port: u16,
    shared: Arc<Shared>,
    accepting: tokio::task::JoinHandle<()>,
}

impl Proxy {
    /// A proxy before the service at `http://HOST:PORT`.
    pub(crate) async fn before(service: &str) -> Self {
        Self::before_all(&[service]).await
    }

    /// A proxy before several services at `http://HOST:PORT` that gives each request to the next one in turn, whichever
    /// connection it came on.
    pub(crate) async fn before_all(services: &[&str]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let shared = Arc::new(Shared {
            services: Mutex::new(services.iter().map(|service| address(service)).collect()),
            plans: Mutex::default(),
            seen: Mutex::default(),
            cut: watch::Sender::new(false),
        });
        let accepting = tokio::spawn(accept(listener, Arc::clone(&shared)));
        Self { port, shared, accepting }
    }

    /// Lets the next request whose first line contains `wanted` go wrong; plans for the same requests come in turn.
    pub(crate) fn plan(&self, wanted: &str, fault: Fault) {
        self.shared.plans.lock().push_back(Plan { wanted: wanted.to_owned(), fault });
    }

    /// How many planned faults have not come to pass.
    pub(crate) fn left(&self) -> usize {
        self.shared.plans.lock().len()
    }

    /// Gives no more requests to a service.
    pub(crate) fn forget(&self, service: &str) {
        self.shared.services.lock().retain(|known| *known != address(service));
    }

    /// Whether a service got the latest request.
    pub(crate) fn gave_to(&self, service: &str) -> bool {
        self.shared.services.lock().back() == Some(&address(service))
    }

    /// Forgets what was planned and seen.
    pub(crate) fn clear(&self) {
        self.shared.plans.lock().clear();
        self.shared.seen.lock().clear();
    }

    /// The heads of the requests seen so far whose first line contains `wanted`.
    pub(crate) fn seen(&self, wanted: &str) -> Vec<String> {
        let is_wanted = |head: &&String| head.lines().next().is_some_and(|line| line.contains(wanted));
        self.shared.seen.lock().iter().filter(is_wanted).cloned().collect()
    }

    /// From now on nothing passes, in either direction.
    pub(crate) fn cut(&self) {
        self.shared.cut.send_replace(true);
    }

    /// How many connections wait for the proxy to be healed.
    pub(crate) fn waiting(&self) -> usize {
        self.shared.cut.receiver_count()
    }

    /// From now on everything passes again, also what waited.
    pub(crate) fn heal(&self) {
        self.shared.cut.send_replace(false);
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

impl Shared {
    /// Whose turn it is; then it is the next one's.
    fn next(&self) -> String {
        let mut services = self.services.lock();
        services.rotate_left(1);
        services.back().expect("a proxy has a service").clone()
    }
}

/// `HOST:PORT` of a service.
fn address(service: &str) -> String {
    service.trim_start_matches("http://").to_owned()
}

async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    while let Ok((client, _)) = listener.accept().await {
        let shared = Arc::clone(&shared);
        // A broken connection is what this is for.
        tokio::spawn(async move { serve(client, &shared).await.ok() });
    }
}

async fn serve(client: TcpStream, shared: &Shared) -> io::Result<()> {
    client.set_nodelay(true)?;
    let mut client = Side::new(client);
    let mut servers = HashMap::new();
    while let Some(request) = client.head(Kind::Request, shared).await? {
        shared.seen.lock().push(String::from_utf8_lossy(&request.text).into_owned());
        let fault = planned(shared, &request);
        match fault {
            Some(Fault::Answer(status, code, headers)) => {
                client.skip(request.body, shared).await?;
                let head =
                    format!("HTTP/1.1 {status} .\r\nx-ms-error-code: {code}\r\n{headers}content-length: 0\r\n\r\n");
                client.send(head.as_bytes(), shared).await?;
                continue;
            }
            Some(Fault::Reset) => return client.reset(),
            Some(Fault::Swallow) => return std::future::pending().await,
            _ => {}
        }
        let server = match servers.entry(shared.next()) {
            Entry::Occupied(server) => server.into_mut(),
            Entry::Vacant(none) => {
                let server = TcpStream::connect(none.key()).await?;
                none.insert(Side::new(server))
            }
        };
        server.send(&request.text, shared).await?;
        client.pass(request.body, server, shared).await?;
        let answer = server.head(Kind::Answer { to: request.method() }, shared).await?;
        let answer = answer.ok_or(io::ErrorKind::UnexpectedEof)?;
        match fault {
            Some(Fault::LoseAnswer) => return client.reset(),
            Some(Fault::LoseAnswerAfter(done)) => {
                done.notified().await;
                return client.reset();
            }
            Some(Fault::Truncate(bytes)) => {
                client.send(&answer.text, shared).await?;
                server.pass(answer.body.shortened(bytes), &mut client, shared).await?;
                return Ok(());
            }
            _ => {
                client.send(&answer.text, shared).await?;
                server.pass(answer.body, &mut client, shared).await?;
            }
        }
    }
    Ok(())
}

fn planned(shared: &Shared, request: &Head) -> Option<Fault> {
    let line = request.first_line();
    let mut plans = shared.plans.lock();
    let at = plans.iter().position(|plan| line.contains(&plan.wanted))?;
    plans.remove(at).map(|plan| plan.fault)
}

/// How long a body is.
#[derive(Clone, Copy)]
enum Body {
    Bytes(u64),
    Chunked,
}

impl Body {
    fn shortened(self, bytes: u64) -> Self {
        match self {
            Self::Bytes(whole) => Self::Bytes(whole.min(bytes)),
            Self::Chunked => Self::Bytes(bytes),
        }
    }
}

/// A request's or an answer's lines up to the empty one.
struct Head {
    text: Vec<u8>,
    body: Body,
}

impl Head {
    fn first_line(&self) -> String {
        String::from_utf8_lossy(self.text.split(|byte| *byte == b'\r').next().unwrap_or_default()).into_owned()
    }

    fn method(&self) -> String {
        self.first_line().split(' ').next().unwrap_or_default().to_owned()
    }
}

/// What a head is to be read as.
enum Kind {
    Request,
    Answer { to: String },
}

/// One side's connection, and what came of it and was not yet used.
struct Side {
    stream: TcpStream,
    buffer: Vec<u8>,
}

impl Side {
    fn new(stream: TcpStream) -> Self {
        Self { stream, buffer: Vec::new() }
    }

    /// The next head; `None` at the connection's end.
    async fn head(&mut self, kind: Kind, shared: &Shared) -> io::Result<Option<Head>> {
        loop {
            if let Some((length, body)) = parse(&self.buffer, &kind) {
                return Ok(Some(Head { text: self.buffer.drain(..length).collect(), body }));
            }
            if self.fill(shared).await? == 0 {
                return Ok(None);
            }
        }
    }

    async fn fill(&mut self, shared: &Shared) -> io::Result<usize> {
        let mut piece = vec![0; PIECE];
        let read = self.stream.read(&mut piece).await?;
        self.buffer.extend_from_slice(&piece[..read]);
        uncut(shared).await;
        Ok(read)
    }

    async fn send(&mut self, bytes: &[u8], shared: &Shared) -> io::Result<()> {
        uncut(shared).await;
        self.stream.write_all(bytes).await
    }

    /// Passes a body on as it is.
    async fn pass(&mut self, body: Body, to: &mut Side, shared: &Shared) -> io::Result<()> {
        match body {
            Body::Bytes(mut left) => {
                while left > 0 {
                    let piece = self.piece(left, shared).await?;
                    left -= piece.len() as u64;
                    to.send(&piece, shared).await?;
                }
                Ok(())
            }
            Body::Chunked => self.pass_chunks(to, shared).await,
        }
    }

    /// The next of at most `most` bytes.
    async fn piece(&mut self, most: u64, shared: &Shared) -> io::Result<Vec<u8>> {
        if self.buffer.is_empty() && self.fill(shared).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let most = usize::try_from(most).unwrap_or(usize::MAX).min(self.buffer.len());
        Ok(self.buffer.drain(..most).collect())
    }

    async fn pass_chunks(&mut self, to: &mut Side, shared: &Shared) -> io::Result<()> {
        loop {
            let line = loop {
                if let Some(end) = self.buffer.windows(2).position(|pair| pair == b"\r\n") {
                    break self.buffer.drain(..end + 2).collect::<Vec<u8>>();
                }
                if self.fill(shared).await? == 0 {
                    return Err(io::ErrorKind::UnexpectedEof.into());
                }
            };
            to.send(&line, shared).await?;
            let digits = String::from_utf8_lossy(&line).trim().to_owned();
            let size = u64::from_str_radix(&digits, 16).map_err(io::Error::other)?;
            // The chunk and the line's end after it; the last one is empty.
            Box::pin(self.pass(Body::Bytes(size + 2), to, shared)).await?;
            if size == 0 {
                return Ok(());
            }
        }
    }

    async fn skip(&mut self, body: Body, shared: &Shared) -> io::Result<()> {
        let Body::Bytes(mut left) = body else { return Err(io::ErrorKind::Unsupported.into()) };
        while left > 0 {
            left -= self.piece(left, shared).await?.len() as u64;
        }
        Ok(())
    }

    fn reset(&mut self) -> io::Result<()> {
        self.stream.set_zero_linger()
    }
}

/// Returns once nothing is cut.
async fn uncut(shared: &Shared) {
    let mut cut = shared.cut.subscribe();
    cut.wait_for(|cut| !cut).await.expect("the proxy lives");
}

/// How long the head at the beginning of `bytes` is, and how long the body after it.
fn parse(bytes: &[u8], kind: &Kind) -> Option<(usize, Body)> {
    let mut headers = [httparse::EMPTY_HEADER; 96];
    let (status, length, headers) = match kind {
        Kind::Request => {
            let mut request = httparse::Request::new(&mut headers);
            let length = request.parse(bytes).expect("HTTP");
            (None, length, request.headers)
        }
        Kind::Answer { .. } => {
            let mut answer = httparse::Response::new(&mut headers);
            let length = answer.parse(bytes).expect("HTTP");
            (answer.code, length, answer.headers)
        }
    };
    let httparse::Status::Complete(length) = length else { return None };
    let header = |name: &str| headers.iter().find(|header| header.name.eq_ignore_ascii_case(name));
    let bodiless = matches!(kind, Kind::Answer { to } if to == "HEAD") || matches!(status, Some(204 | 304));
    let said = header("content-length").and_then(|header| str::from_utf8(header.value).ok()?.trim().parse().ok());
    let body = match said {
        _ if bodiless => Body::Bytes(0),
        _ if header("transfer-encoding").is_some() => Body::Chunked,
        said => Body::Bytes(said.unwrap_or(0)),
    };
    Some((length, body))
}

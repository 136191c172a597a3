//! The way of every line: from the client to a server, and back.

use parking_lot::Mutex;
use tokio::io::{AsyncBufReadExt as _, AsyncRead, AsyncWrite, AsyncWriteExt as _, BufReader};
use tokio::sync::mpsc;

use super::lines::{Line, Lines};
use super::memory::{Memory, too_long};
use crate::mcp::pipe::MOST_LINE_BYTES;

/// Who ended a conversation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ended {
    /// The client, for good.
    Client,
    /// The server; another one may go on.
    Server,
    /// The server, and it had not said a word.
    Unheard,
}

/// One client's lines, and what is remembered of them.
pub(super) struct Relay {
    lines: Lines,
    memory: Mutex<Memory>,
}

impl Relay {
    pub(super) fn new(lines: Lines) -> Self {
        Self { lines, memory: Mutex::default() }
    }

    /// Passes lines on until the server's last has come: it closes its end when the client has closed its own, too.
    pub(super) async fn run(&mut self, from: impl AsyncRead + Unpin, to: impl AsyncWrite + Unpin) -> Ended {
        let Self { lines: Lines { input, output, .. }, memory } = self;
        let up = up(input, output, memory, to);
        tokio::pin!(up);
        let down = down(output, memory, from);
        tokio::pin!(down);
        tokio::select! {
            ended = &mut down => return ended,
            () = &mut up => {}
        }
        down.await;
        Ended::Client
    }

    /// Waits until the client has read everything.
    pub(super) async fn close(self) {
        self.lines.close().await;
    }
}

/// Passes the client's lines on; ends when it says no more.
async fn up(
    input: &mut mpsc::Receiver<Line>,
    output: &mpsc::Sender<Vec<u8>>,
    memory: &Mutex<Memory>,
    mut to: impl AsyncWrite + Unpin,
) {
    let again = memory.lock().again();
    for line in again {
        write(&mut to, &line).await;
    }
    while let Some(line) = input.recv().await {
        let refused = match &line {
            Line::Whole(line) => memory.lock().asked(line),
            Line::TooLong => Err(too_long(MOST_LINE_BYTES)),
        };
        match (refused, line) {
            (Ok(()), Line::Whole(line)) => write(&mut to, &line).await,
            // Whoever reads no more is noticed on the way back.
            (Err(answer), _) => drop(output.send(answer).await),
            (Ok(()), Line::TooLong) => {}
        }
    }
    // A server that has gone is noticed on the way back.
    drop(to.shutdown().await);
}

/// Writes a line. To a server that has gone it never ends, since only the way back knows what it said before.
async fn write(to: &mut (impl AsyncWrite + Unpin), line: &[u8]) {
    if to.write_all(line).await.is_err() {
        std::future::pending::<()>().await;
    }
}

/// Passes the server's lines on; ends when it says no more, or nobody listens.
async fn down(output: &mpsc::Sender<Vec<u8>>, memory: &Mutex<Memory>, from: impl AsyncRead + Unpin) -> Ended {
    let (mut from, mut ended) = (BufReader::new(from), Ended::Unheard);
    loop {
        let mut line = Vec::new();
        let read = from.read_until(b'\n', &mut line).await;
        if read.is_err() || !line.ends_with(b"\n") {
            return ended; // in the middle of a line it was killed
        }
        ended = Ended::Server;
        let news = memory.lock().answered(line);
        if let Some(line) = news
            && output.send(line).await.is_err()
        {
            return Ended::Client;
        }
    }
}

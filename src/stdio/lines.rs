//! The lines that come into this process and go out of it.
//!
//! Each direction is a thread of its own: a read of standard input cannot be called off, and must keep nothing else from ending.

use std::io::{self, BufRead, Read as _, Write as _};
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};

use crate::mcp::pipe::MOST_LINE_BYTES;

/// How many lines may wait in each direction.
const BUFFER: usize = 16;
/// How long the last lines may take to go out.
const LAST_LINES: Duration = Duration::from_secs(1);

/// What came in.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Line {
    /// A line with its end.
    Whole(Vec<u8>),
    /// One that is longer than any message may be; it was passed over.
    TooLong,
}

/// Both directions.
pub(super) struct Lines {
    /// Closed when the client closes its end.
    pub(super) input: mpsc::Receiver<Line>,
    /// Closed when the client reads no more.
    pub(super) output: mpsc::Sender<Vec<u8>>,
    written: oneshot::Receiver<()>,
}

impl Lines {
    /// Standard input and output. Nothing else in this process may use them from here on.
    pub(super) fn of_this_process() -> Self {
        let (heard, input) = mpsc::channel(BUFFER);
        std::thread::spawn(move || {
            let mut from = io::stdin().lock();
            while let Ok(Some(line)) = next(&mut from) {
                if heard.blocking_send(line).is_err() {
                    return;
                }
            }
        });
        let (output, mut said) = mpsc::channel::<Vec<u8>>(BUFFER);
        let (done, written) = oneshot::channel();
        std::thread::spawn(move || {
            let mut to = io::stdout().lock();
            while let Some(line) = said.blocking_recv() {
                if to.write_all(&line).and_then(|()| to.flush()).is_err() {
                    break;
                }
            }
            let _ = done.send(()); // nobody waits any more
        });
        Self { input, output, written }
    }

    /// Waits until everything has gone out, or the client does not read it.
    pub(super) async fn close(self) {
        drop(self.output);
        drop(tokio::time::timeout(LAST_LINES, self.written).await);
    }
}

/// The next line; `None` at the end.
fn next(from: &mut impl BufRead) -> io::Result<Option<Line>> {
    let mut line = Vec::new();
    from.by_ref().take(MOST_LINE_BYTES as u64 + 1).read_until(b'\n', &mut line)?;
    if line.is_empty() {
        return Ok(None);
    }
    if line.ends_with(b"\n") {
        return Ok(Some(Line::Whole(line)));
    }
    if line.len() > MOST_LINE_BYTES {
        from.skip_until(b'\n')?;
        return Ok(Some(Line::TooLong));
    }
    line.push(b'\n'); // the last one, whose end was left out
    Ok(Some(Line::Whole(line)))
}

#[test]
fn lines_are_told_apart_whatever_their_length() {
    let long = vec![b'x'; MOST_LINE_BYTES + 1];
    let fits = vec![b'y'; MOST_LINE_BYTES];
    let all = [b"a\n".as_slice(), &long, b"\n", &fits, b"\n\nlast"].concat();
    let mut from = all.as_slice();
    let mut read = || next(&mut from).expect("memory can be read");
    assert_eq!(read(), Some(Line::Whole(b"a\n".to_vec())));
    assert_eq!(read(), Some(Line::TooLong));
    assert_eq!(read(), Some(Line::Whole([fits.as_slice(), b"\n"].concat())));
    assert_eq!(read(), Some(Line::Whole(b"\n".to_vec())));
    assert_eq!(read(), Some(Line::Whole(b"last\n".to_vec())));
    assert_eq!(read(), None);
}

//! One lane as the server holds it: a child process, its pipes, and its end.
//!
//! Nothing here waits longer than it is told to: the process may be stuck, stopped or hostile.

use std::io::{self, Read as _, Write as _};
use std::os::fd::AsFd as _;
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command, ExitStatus, Stdio};
use std::time::Duration;

use bytes::{Buf as _, Bytes};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};
use rustix::process::{Pid, Signal, kill_process_group};
use serde::Serialize;

use super::wire::{Frames, Reply, frame};

/// How much of a lane's last words is kept, in bytes.
const STDERR_TAIL: usize = 4096;

/// How a lane's program is started.
#[derive(Clone, Debug)]
pub(super) struct Program {
    pub(super) path: PathBuf,
    pub(super) args: Vec<String>,
    pub(super) env: Vec<(&'static str, String)>,
}

/// A child process and its pipes. It ends with this value.
pub(super) struct Process {
    child: Child,
    stdin: ChildStdin,
    stdout: ChildStdout,
    /// Until it closes it.
    stderr: Option<ChildStderr>,
    heard: Frames,
    outgoing: Bytes,
    /// The end of what it wrote to standard error.
    stderr_tail: Vec<u8>,
    ended: Option<ExitStatus>,
    /// It said what is no word.
    garbled: bool,
}

/// What comes of listening for a while.
#[derive(Debug)]
pub(super) enum Event {
    Reply(Box<Reply>),
    Nothing,
    /// It has ended, or can no longer be understood.
    Gone,
}

/// What is in the pipe that a lane speaks through.
#[derive(Clone, Copy, PartialEq, Eq)]
enum PipeState {
    More,
    Nothing,
    End,
}

impl Process {
    /// Starts `program` with `folder` as its working folder, nothing in its environment but what is said, and no part in the
    /// terminal's signals.
    pub(super) fn start(program: &Program, folder: &std::path::Path) -> io::Result<Self> {
        let mut child = Command::new(&program.path)
            .arg0("heavylift")
            .args(&program.args)
            .env_clear()
            .envs(program.env.iter().cloned())
            .current_dir(folder)
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()?;
        let missing = || io::Error::other("a pipe is missing");
        let stdin = child.stdin.take().ok_or_else(missing)?;
        let stdout = child.stdout.take().ok_or_else(missing)?;
        let stderr = child.stderr.take().ok_or_else(missing)?;
        for pipe in [stdin.as_fd(), stdout.as_fd(), stderr.as_fd()] {
            fcntl_setfl(pipe, fcntl_getfl(pipe)? | OFlags::NONBLOCK)?;
        }
        let (heard, outgoing) = (Frames::new(), Bytes::new());
        Ok(Self {
            child,
            stdin,
            stdout,
            stderr: Some(stderr),
            heard,
            outgoing,
            stderr_tail: Vec::new(),
            ended: None,
            garbled: false,
        })
    }

    pub(super) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Whether all is said and heard: a lane that says more than it was asked is not to be trusted with another job.
    pub(super) fn is_quiet(&self) -> bool {
        self.outgoing.is_empty() && self.heard.is_empty()
    }

    /// Says `message`, as far as the pipe takes it; the rest goes while it is listened to.
    pub(super) fn say(&mut self, message: &impl Serialize) -> io::Result<()> {
        self.stderr_tail.clear();
        self.outgoing = frame(message)?;
        self.push();
        Ok(())
    }

    /// Listens until something is said, but no longer than `patience`.
    pub(super) fn hear(&mut self, patience: Duration) -> Event {
        if let Some(heard) = self.next() {
            return heard;
        }
        self.wait(patience);
        self.push();
        let there = self.pull();
        if let Some(heard) = self.next() {
            return heard;
        }
        let over = there == PipeState::End
            || (there == PipeState::Nothing && self.has_ended() && self.pull() != PipeState::More);
        if over { Event::Gone } else { Event::Nothing }
    }

    fn next(&mut self) -> Option<Event> {
        match self.heard.next() {
            Ok(Some(word)) => Some(Event::Reply(Box::new(word))),
            Ok(None) => None,
            Err(_) => {
                self.garbled = true;
                Some(Event::Gone)
            }
        }
    }

    /// Waits until a pipe can be used. A signal may end that early, which does no harm.
    fn wait(&self, patience: Duration) {
        let mut pipes = vec![PollFd::new(&self.stdout, PollFlags::IN)];
        pipes.extend(self.stderr.iter().map(|pipe| PollFd::new(pipe, PollFlags::IN)));
        if !self.outgoing.is_empty() {
            pipes.push(PollFd::new(&self.stdin, PollFlags::OUT));
        }
        let patience = Timespec::try_from(patience).ok();
        let _ = poll(&mut pipes, patience.as_ref());
    }

    /// What cannot be said to a process that has gone shows when it is heard.
    fn push(&mut self) {
        while !self.outgoing.is_empty() {
            match self.stdin.write(&self.outgoing) {
                Ok(written) => self.outgoing.advance(written),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                Err(_) => self.outgoing.clear(),
            }
        }
    }

    /// Takes what is in the pipes, at most a buffer of each.
    fn pull(&mut self) -> PipeState {
        let mut buffer = [0; 16 * 1024];
        match self.stderr.as_mut().map(|pipe| pipe.read(&mut buffer)) {
            Some(Ok(0)) => self.stderr = None,
            Some(Ok(read)) => {
                self.stderr_tail.extend_from_slice(&buffer[..read]);
                let old = self.stderr_tail.len().saturating_sub(STDERR_TAIL);
                self.stderr_tail.drain(..old);
            }
            _ => {}
        }
        match self.stdout.read(&mut buffer) {
            Ok(0) => PipeState::End,
            Ok(read) => {
                self.heard.feed(&buffer[..read]);
                PipeState::More
            }
            Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted) => {
                PipeState::Nothing
            }
            Err(_) => PipeState::End,
        }
    }

    /// Whether it is gone, by itself or by another's hand.
    pub(super) fn has_ended(&mut self) -> bool {
        self.ended = self.ended.or_else(|| self.child.try_wait().ok().flatten());
        self.ended.is_some()
    }

    /// Ends the process and whatever it started, and waits until it is gone. Tells how it ended, which is how it had ended
    /// before where it had.
    pub(super) fn end(&mut self) -> Option<ExitStatus> {
        if !self.has_ended() {
            self.kill();
            self.ended = self.child.wait().ok();
        }
        // What was still in the pipes: no more than they hold.
        let _ = (0..8).all(|_| self.pull() == PipeState::More);
        self.ended
    }

    fn kill(&mut self) {
        let group = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw);
        // It is not waited for yet, so the number is still its own.
        let _ = group.map(|group| kill_process_group(group, Signal::KILL));
        // Itself by its own number: it may have left its group.
        let _ = self.child.kill();
    }

    /// Whether it said what is no word.
    pub(super) fn is_garbled(&self) -> bool {
        self.garbled
    }

    /// The end of what it wrote to standard error since it was last spoken to.
    pub(super) fn stderr_tail(&self) -> String {
        String::from_utf8_lossy(&self.stderr_tail).trim().to_owned()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.end();
    }
}

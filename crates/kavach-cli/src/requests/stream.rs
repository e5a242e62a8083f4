//! A stream of requests, many in flight, answered in order.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::io::{self, BufRead};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::Poll;

use kavach::{Authorization, CannotDecide, Kavach, Reason};
use tokio::sync::mpsc;
use tokio::task::{JoinError, JoinHandle};

use super::{Answer, Asked, Content, Line, Lines, Manner, Wrong};
use crate::console::Console;
use crate::failure::{Exit, Failure};
use crate::limits::{IN_FLIGHT_BYTES_MAX, IN_FLIGHT_MAX, READ_AHEAD_LINES, REQUEST_LINE_BYTES_MAX};

/// Requests as they come in, read by a thread of their own.
#[derive(Debug)]
pub(crate) struct Input {
    parsed: mpsc::Receiver<io::Result<Parsed>>,
    /// Bytes that were read so far.
    pub(crate) bytes: Arc<AtomicU64>,
}

#[derive(Debug)]
struct Parsed {
    number: u64,
    bytes: usize,
    asked: Result<Asked, String>,
}

impl Input {
    /// Reads requests from `input` until it ends or nobody wants them any more.
    pub(crate) fn read(input: impl BufRead + Send + 'static, manner: Manner) -> Self {
        let (sender, parsed) = mpsc::channel(READ_AHEAD_LINES);
        let bytes = Arc::new(AtomicU64::new(0));
        let counted = Arc::clone(&bytes);
        // Not a task: it may wait for a person for ever, and must not keep the program from ending.
        std::thread::spawn(move || {
            for line in Lines::new(input) {
                let line = line.map(|line| Parsed::of(line, manner));
                let read = line.as_ref().map_or(0, |line| line.bytes as u64 + 1);
                counted.fetch_add(read, Ordering::Relaxed);
                let ended = line.is_err();
                if sender.blocking_send(line).is_err() || ended {
                    return;
                }
            }
        });
        Self { parsed, bytes }
    }
}

impl Parsed {
    fn of(line: Line, manner: Manner) -> Self {
        let (bytes, asked) = match line.content {
            Content::Whole(text) => (text.len(), Asked::parse(&text, manner)),
            Content::TooLong => {
                let words = format!("it is longer than {REQUEST_LINE_BYTES_MAX} bytes; shorten it");
                (REQUEST_LINE_BYTES_MAX, Err(words))
            }
            Content::Blank => (
                0,
                Err("it is blank; write one request to a line".to_owned()),
            ),
        };
        Self {
            number: line.number,
            bytes,
            asked,
        }
    }
}

/// Requests that are being decided, the earliest first.
#[derive(Debug)]
pub(crate) struct Stream<'a> {
    kavach: &'a Kavach,
    manner: Manner,
    waiting: VecDeque<Waiting>,
    /// Bytes of all that wait.
    bytes: usize,
    exit: Exit,
    /// Denied because they could not be recorded.
    unrecorded: u64,
}

#[derive(Debug)]
struct Waiting {
    number: u64,
    bytes: usize,
    state: State,
}

#[derive(Debug)]
enum State {
    Wrong(String),
    Answered(Box<Result<Authorization, CannotDecide>>),
    Deciding(JoinHandle<Result<Authorization, CannotDecide>>),
}

impl<'a> Stream<'a> {
    pub(crate) fn new(kavach: &'a Kavach, manner: Manner) -> Self {
        Self {
            kavach,
            manner,
            waiting: VecDeque::new(),
            bytes: 0,
            exit: Exit::Done,
            unrecorded: 0,
        }
    }

    /// Answers everything that comes in, in order; `progress` gets a call after each answer.
    pub(crate) async fn answer_all(
        mut self,
        mut input: Input,
        console: &mut Console,
        mut progress: impl FnMut(u64),
    ) -> Result<Exit, Failure> {
        let result = self.run(&mut input, console, &mut progress).await;
        // What was begun is recorded all the same: let it come to its end.
        for waiting in self.waiting {
            if let State::Deciding(task) = waiting.state {
                let _ = task.await;
            }
        }
        if self.unrecorded > 0 {
            console.complain(unrecorded(self.unrecorded));
        }
        result.map(|()| self.exit)
    }

    async fn run(
        &mut self,
        input: &mut Input,
        console: &mut Console,
        progress: &mut impl FnMut(u64),
    ) -> Result<(), Failure> {
        let mut open = true;
        let mut interrupted = std::pin::pin!(tokio::signal::ctrl_c());
        while open || !self.waiting.is_empty() {
            let has_room = self.waiting.len() < IN_FLIGHT_MAX && self.bytes < IN_FLIGHT_BYTES_MAX;
            let nothing_to_read = !has_room || input.parsed.is_empty();
            if nothing_to_read && !self.front_is_answered() {
                // About to wait: whoever waits for answers gets those that there are.
                console.flush()?;
            }
            tokio::select! {
                biased;
                (number, answer) = first_answer(&mut self.waiting), if !self.waiting.is_empty() => {
                    self.print(number, answer, console)?;
                    progress(input.bytes.load(Ordering::Relaxed));
                }
                next = input.parsed.recv(), if open && has_room => match next {
                    Some(Ok(parsed)) => self.decide(parsed),
                    Some(Err(error)) => {
                        open = false;
                        self.exit = Exit::Erred;
                        console.complain(format_args!("the requests cannot be read: {error}"));
                    }
                    None => open = false,
                },
                // Whoever stops a stream of requests wants the answers to those that went in.
                Ok(()) = &mut interrupted, if open => open = false,
            }
        }
        Ok(())
    }

    fn front_is_answered(&self) -> bool {
        self.waiting
            .front()
            .is_some_and(|waiting| match &waiting.state {
                State::Wrong(_) | State::Answered(_) => true,
                State::Deciding(task) => task.is_finished(),
            })
    }

    fn decide(&mut self, parsed: Parsed) {
        let state = match (parsed.asked, self.manner) {
            (Err(words), _) => State::Wrong(words),
            (Ok(asked), Manner::Simulate) => {
                State::Answered(Box::new(self.kavach.simulate(&asked.call, asked.at)))
            }
            (Ok(asked), Manner::Record) => {
                let kavach = self.kavach.clone();
                State::Deciding(tokio::spawn(async move {
                    kavach.authorize_call(asked.call).await
                }))
            }
        };
        self.bytes += parsed.bytes;
        self.waiting.push_back(Waiting {
            number: parsed.number,
            bytes: parsed.bytes,
            state,
        });
    }

    fn print(
        &mut self,
        number: u64,
        answer: Result<Authorization, String>,
        console: &mut Console,
    ) -> Result<(), Failure> {
        let done = self.waiting.pop_front();
        self.bytes -= done.map_or(0, |done| done.bytes);
        match answer {
            Ok(given) => {
                if !given.is_allowed() {
                    self.exit = self.exit.max(Exit::Denied);
                }
                self.unrecorded += u64::from(given.reason() == Reason::AuditUnavailable);
                console.object(&match self.manner {
                    Manner::Record => Answer::recorded(&given),
                    Manner::Simulate => Answer::simulated(&given),
                })
            }
            Err(error) => {
                self.exit = Exit::Erred;
                let line = Some(number);
                console.object(&Wrong { error, line })
            }
        }
    }
}

/// Waits for the answer to the earliest request. It stays in its place until it is printed.
async fn first_answer(waiting: &mut VecDeque<Waiting>) -> (u64, Result<Authorization, String>) {
    poll_fn(|context| {
        let Some(first) = waiting.front_mut() else {
            return Poll::Pending;
        };
        let number = first.number;
        let answer = match &mut first.state {
            State::Wrong(words) => Err(std::mem::take(words)),
            State::Answered(answer) => said(answer.as_ref().as_ref()),
            State::Deciding(task) => match Pin::new(task).poll(context) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Ok(answer)) => said(answer.as_ref()),
                Poll::Ready(Err(stopped)) => Err(lost(&stopped)),
            },
        };
        Poll::Ready((number, answer))
    })
    .await
}

fn said(answer: Result<&Authorization, &CannotDecide>) -> Result<Authorization, String> {
    answer.cloned().map_err(ToString::to_string)
}

/// What to do about decisions that could not be recorded.
pub(crate) fn unrecorded(count: u64) -> String {
    let (decisions, were) = if count == 1 {
        ("decision", "was")
    } else {
        ("decisions", "were")
    };
    format!(
        "{count} {decisions} could not be recorded, and {were} denied for that; see to the disk of the data \
         folder"
    )
}

fn lost(stopped: &JoinError) -> String {
    format!("the decision was lost ({stopped}); see the trail for whether it was recorded")
}

//! `/stream`: a text comes back character by character, then backwards, then with the count of its last character.
//!
//! Answers are paced by the intended time, so a long text does not drift; a peer that does not read stops the pace, and
//! nothing piles up for it. Texts that arrive meanwhile wait their turn, in a queue with bounds.

mod answer;

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

use serde::{Deserialize, Serialize};
use wigwag_net::{CloseCode, Message, Service, Socket, Timer};

use self::answer::Answer;
use crate::shortened;

/// Answers a text with its characters, one by one. See `docs/services/stream.md`.
#[derive(Debug)]
pub struct Stream {
    interval: Duration,
    /// What a connection has only while it is being answered.
    busy: Option<Box<Busy>>,
    draining: bool,
}

#[derive(Debug)]
struct Busy {
    answer: Answer,
    /// When the next item is due.
    due: Instant,
    /// The peer does not read: `on_writable` goes on, and no timer does.
    blocked: bool,
    waiting: VecDeque<Answer>,
    waiting_bytes: usize,
}

impl Stream {
    /// Time from one character to the next unless told otherwise.
    pub const INTERVAL: Duration = Duration::from_millis(100);
    /// Texts that wait while another is being answered. One more is refused with `queue_full`.
    pub const WAITING_MAX: usize = 1024;
    /// Bytes of the texts that wait, together. A text that would exceed it is refused with `queue_full`.
    pub const WAITING_BYTES_MAX: usize = 1 << 20;

    /// Answers with `interval` from one character to the next; zero is as fast as the peer reads.
    #[must_use]
    pub const fn new(interval: Duration) -> Self {
        Self { interval, busy: None, draining: false }
    }

    fn handle(&mut self, socket: &mut Socket<'_>, message: Message<'_>) -> Result<(), Problem> {
        let text = parse(message)?;
        if self.draining {
            return Err(Problem::Stopping);
        }
        let Some(answer) = Answer::new(text) else { return Ok(()) };
        match &mut self.busy {
            Some(busy) => busy.enqueue(answer),
            None => {
                self.busy = Some(Box::new(Busy::new(answer, socket.now())));
                self.advance(socket);
                Ok(())
            }
        }
    }

    /// Says what is due, and sees to it that something calls again when more is.
    fn advance(&mut self, socket: &mut Socket<'_>) {
        let Some(busy) = &mut self.busy else { return };
        if !socket.is_open() {
            self.busy = None;
            return;
        }
        let high_water = socket.net().limits().out_queue_high_water;
        for _ in 0..ITEMS_PER_TURN {
            if busy.due > socket.now() {
                break;
            }
            if socket.queued_bytes() > high_water {
                busy.blocked = true;
                return;
            }
            if let Some(item) = busy.answer.next() {
                busy.due += self.interval;
                socket.send(Message::Text(&to_json(&item)));
            } else if !busy.take_waiting() {
                self.busy = None;
                return self.close_if_draining(socket);
            }
        }
        socket.timer_at(busy.due);
    }

    fn close_if_draining(&self, socket: &mut Socket<'_>) {
        if self.draining && self.busy.is_none() {
            socket.close(CloseCode::GOING_AWAY, "the server is stopping");
        }
    }
}

impl Default for Stream {
    fn default() -> Self {
        Self::new(Self::INTERVAL)
    }
}

/// A clone serves another connection: it has the pace, and none of the texts.
impl Clone for Stream {
    fn clone(&self) -> Self {
        Self::new(self.interval)
    }
}

impl Service for Stream {
    fn on_message(&mut self, socket: &mut Socket<'_>, message: Message<'_>) {
        if let Err(problem) = self.handle(socket, message) {
            socket.send(Message::Text(&problem.to_json()));
        }
    }

    fn on_timer(&mut self, socket: &mut Socket<'_>, _: Timer) {
        self.advance(socket);
    }

    fn on_writable(&mut self, socket: &mut Socket<'_>) {
        if let Some(busy) = self.busy.as_mut().filter(|busy| busy.blocked) {
            busy.blocked = false;
            // What was missed is not made up for in a burst: the pace begins anew. By a timer, because a peer that
            // reads as fast as we write would otherwise keep the worker to itself.
            busy.due = busy.due.max(socket.now());
            socket.timer_at(busy.due);
        }
    }

    /// The answer that has begun is finished; texts that wait are refused.
    fn on_drain(&mut self, socket: &mut Socket<'_>) {
        self.draining = true;
        if let Some(busy) = &mut self.busy {
            for _ in 0..busy.drop_waiting() {
                socket.send(Message::Text(&Problem::Stopping.to_json()));
            }
        }
        self.close_if_draining(socket);
    }
}

impl Busy {
    /// The first character is due at once.
    fn new(answer: Answer, now: Instant) -> Self {
        Self { answer, due: now, blocked: false, waiting: VecDeque::new(), waiting_bytes: 0 }
    }

    fn enqueue(&mut self, answer: Answer) -> Result<(), Problem> {
        let bytes = self.waiting_bytes + answer.text_bytes();
        if self.waiting.len() >= Stream::WAITING_MAX || bytes > Stream::WAITING_BYTES_MAX {
            return Err(Problem::QueueFull);
        }
        self.waiting_bytes = bytes;
        self.waiting.push_back(answer);
        Ok(())
    }

    /// Goes on to the next text; `false` if none waits.
    fn take_waiting(&mut self) -> bool {
        let Some(answer) = self.waiting.pop_front() else { return false };
        self.waiting_bytes -= answer.text_bytes();
        self.answer = answer;
        true
    }

    /// Forgets the texts that wait, and says how many there were.
    fn drop_waiting(&mut self) -> usize {
        self.waiting_bytes = 0;
        std::mem::take(&mut self.waiting).len()
    }
}

/// Why a message is not answered with its characters.
#[derive(Debug)]
enum Problem {
    Binary,
    Unusable(serde_json::Error),
    QueueFull,
    Stopping,
}

/// Why a message is not answered with its characters, as it is told.
#[derive(Serialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(rename = "StreamError"))]
#[serde(tag = "type", rename_all = "snake_case")]
enum ErrorMessage {
    Error {
        /// For programs.
        code: ErrorCode,
        /// For people.
        message: String,
    },
}

/// What is wrong, in a word; docs/services/stream.md explains each.
#[derive(Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(rename = "StreamErrorCode"))]
#[serde(rename_all = "snake_case")]
enum ErrorCode {
    Binary,
    InvalidMessage,
    InvalidJson,
    QueueFull,
    Stopping,
}

impl Problem {
    fn to_json(&self) -> String {
        let (code, message) = match self {
            Self::Binary => (ErrorCode::Binary, String::from("send text, not binary")),
            Self::Unusable(error) if error.is_data() => (ErrorCode::InvalidMessage, usage(error)),
            Self::Unusable(error) => (ErrorCode::InvalidJson, usage(error)),
            Self::QueueFull => {
                let (count, bytes) = (Stream::WAITING_MAX, Stream::WAITING_BYTES_MAX >> 20);
                let message = format!("at most {count} texts of {bytes} MiB together may wait: send this one later");
                (ErrorCode::QueueFull, message)
            }
            Self::Stopping => {
                (ErrorCode::Stopping, String::from("the server is stopping: connect again and send it anew"))
            }
        };
        to_json(&ErrorMessage::Error { code, message })
    }
}

fn usage(error: &serde_json::Error) -> String {
    format!("{}; send {{\"message\":\"some text\"}}", shortened(&error.to_string(), 200))
}

/// What a client sends.
#[derive(Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(rename = "StreamRequest"))]
struct Request {
    /// The text to be answered.
    message: String,
}

fn parse(message: Message<'_>) -> Result<String, Problem> {
    let Message::Text(text) = message else { return Err(Problem::Binary) };
    serde_json::from_str(text).map(|request: Request| request.message).map_err(Problem::Unusable)
}

fn to_json(value: &impl Serialize) -> String {
    serde_json::to_string(value).expect("strings and numbers can be written as JSON")
}

/// Items said in one go, where many are due. Without an interval all are, and other connections want their turn.
const ITEMS_PER_TURN: usize = 1024;

#[cfg(test)]
mod tests {
    use super::*;

    fn check_problem(message: Message<'_>, code: &str) {
        let json = parse(message).expect_err(code).to_json();
        let start = format!(r#"{{"type":"error","code":"{code}","message":""#);
        assert!(json.starts_with(&start), "{json}");
        assert!(json.len() < 600, "{json}");
    }

    #[test]
    fn wire_types_of_the_pages_are_fresh() {
        let mut module = crate::wire::Module::new("crates/wigwag-services/src/stream.rs", "wigwag-services");
        module.add::<Request>();
        module.add::<answer::Item<'_>>();
        module.add::<ErrorMessage>();
        module.add::<ErrorCode>();
        module.check("stream.ts");
    }

    #[test]
    fn unusable_messages_say_why() {
        check_problem(Message::Binary(br#"{"message":"a"}"#), "binary");
        check_problem(Message::Text(""), "invalid_json");
        check_problem(Message::Text("hello"), "invalid_json");
        check_problem(Message::Text(r#"{"message":"a""#), "invalid_json");
        check_problem(Message::Text(r#"{"message":"\ud800"}"#), "invalid_json");
        check_problem(Message::Text("{}"), "invalid_message");
        check_problem(Message::Text(r#"{"message":1}"#), "invalid_message");
        check_problem(Message::Text(r#"{"message":null}"#), "invalid_message");
        check_problem(Message::Text(&format!("{:?}", "x".repeat(100_000))), "invalid_message");
        check_problem(Message::Text(&"[".repeat(100_000)), "invalid_message");
    }

    #[test]
    fn unknown_fields_pass() {
        let text = parse(Message::Text(r#"{"id":[1,{}],"message":"a\u00e9"}"#)).expect("a usable message");
        assert_eq!(text, "aé");
    }

    #[test]
    fn idle_connection_keeps_next_to_nothing() {
        assert!(size_of::<Stream>() <= 32, "{} bytes", size_of::<Stream>());
    }

    mod waiting {
        use super::*;

        fn answer(text: &str) -> Answer {
            Answer::new(text.to_owned()).expect("not empty")
        }

        #[test]
        fn texts_beyond_the_count_are_refused() {
            let mut busy = Busy::new(answer("a"), Instant::now());
            for _ in 0..Stream::WAITING_MAX {
                busy.enqueue(answer("b")).expect("room");
            }
            assert!(matches!(busy.enqueue(answer("c")), Err(Problem::QueueFull)));
            assert!(busy.take_waiting());
            busy.enqueue(answer("c")).expect("room again");
        }

        #[test]
        fn texts_beyond_the_bytes_are_refused() {
            let mut busy = Busy::new(answer("a"), Instant::now());
            busy.enqueue(answer(&"b".repeat(Stream::WAITING_BYTES_MAX))).expect("room");
            assert!(matches!(busy.enqueue(answer("c")), Err(Problem::QueueFull)));
            assert!(busy.take_waiting());
            busy.enqueue(answer("c")).expect("room again");
        }
    }
}

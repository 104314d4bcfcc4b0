//! The session: a state machine without terminal, socket or clock. It says what a line means, what an arrival prints, and
//! when it is over.
//!
//! Events and the time go in, actions come out ([`Session::poll_action`]), and so does the time of its next interest
//! ([`Session::poll_timeout`]). In `ending` it judges whether answers are missing, in `slash` it carries out commands.

mod ending;
mod slash;
#[cfg(test)]
mod tests;

use std::{
    collections::VecDeque,
    path::PathBuf,
    time::{Duration, Instant, SystemTime},
};

use regex::bytes::Regex;
use wigwag_net::{CloseCause, CloseCode, Closed, OwnedMessage, url::WsUrl};

use super::{
    args::Replies,
    format::{Circumstances, View, counted, duration},
    link::Opened,
    mailbox::{Arrival, Input},
    record::{Direction, Entry, Stamp},
    tally::Tally,
    words,
};

/// What a session is to do; fixed.
pub(super) struct Options {
    pub(super) url: WsUrl,
    /// The opening request, for `/headers`.
    pub(super) request: Vec<String>,
    /// A person types at a terminal: lines may be commands, and the session outlives its connection.
    pub(super) interactive: bool,
    /// A person types, though not at a prompt: that more could follow is no sign that something is missing.
    pub(super) person: bool,
    pub(super) binary: bool,
    pub(super) wait: Duration,
    pub(super) replies: Replies,
    pub(super) until: Option<Regex>,
    pub(super) reconnect: bool,
    pub(super) ping_interval: Option<Duration>,
    pub(super) record: bool,
    /// Keep the conversation for `/save`.
    pub(super) keep: bool,
    /// For the pauses before attempts to reconnect.
    pub(super) seed: u64,
}

/// The time at which something happens.
#[derive(Clone, Copy, Debug)]
pub(super) struct Now {
    pub(super) instant: Instant,
    pub(super) wall: SystemTime,
}

/// What is to be done.
#[derive(Debug, PartialEq)]
pub(super) enum Action {
    /// Open the connection.
    Connect,
    Send(OwnedMessage),
    Ping(Vec<u8>),
    Pong(Vec<u8>),
    /// Close the connection when all before is out.
    Close(CloseCode, String),
    /// To standard output.
    Answer(Vec<u8>),
    /// To standard error, as a line.
    Note(Level, String),
    /// A line of the record.
    Record(String),
    /// Read this file and send it ([`Session::send_file`]).
    ReadFile(PathBuf),
    WriteFile(PathBuf, Vec<u8>),
    /// End, with this exit code.
    Exit(u8),
}

/// How much a note matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Level {
    Info,
    Warning,
    Error,
}

pub(super) struct Session {
    options: Options,
    view: View,
    phase: Phase,
    start: Instant,
    actions: VecDeque<Action>,
    tally: Tally,
    /// What was typed while there was no connection, for the next one.
    held: VecDeque<OwnedMessage>,
    /// The input has ended.
    ended: bool,
    /// A message has matched `--until`.
    matched: bool,
    interrupted: bool,
    /// When to stop waiting for answers.
    give_up_at: Option<Instant>,
    /// When to say that the connection takes its time.
    announce_at: Option<Instant>,
    next_ping: Option<Instant>,
    pings: u64,
    /// Attempts to reconnect since the last success.
    attempts: u32,
    random: fastrand::Rng,
    /// The headers of the server's response.
    response: Vec<(String, String)>,
    transcript: VecDeque<String>,
    transcript_bytes: usize,
    typed: VecDeque<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// The connection is being opened.
    Opening,
    Open,
    /// Our Close is on its way.
    Closing(Then),
    /// Until the next attempt.
    Waiting(Instant),
    /// Without a connection, until a person wants one.
    Down,
    Over,
}

/// What follows a Close of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Then {
    Leave(u8),
    /// Leave with an exit code that says whether answers are missing.
    Judge,
    Stay,
    Reopen,
}

impl Session {
    /// A session that begins by connecting. `typed` is what was typed in earlier ones.
    pub(super) fn new(options: Options, view: View, typed: Vec<String>, now: Now) -> Self {
        let random = fastrand::Rng::with_seed(options.seed);
        Self {
            view,
            phase: Phase::Opening,
            start: now.instant,
            actions: VecDeque::from([Action::Connect]),
            tally: Tally::default(),
            held: VecDeque::new(),
            ended: false,
            matched: false,
            interrupted: false,
            give_up_at: None,
            announce_at: options.interactive.then(|| now.instant + ANNOUNCE_AFTER),
            next_ping: None,
            pings: 0,
            attempts: 0,
            random,
            response: Vec::new(),
            transcript: VecDeque::new(),
            transcript_bytes: 0,
            typed: typed.into(),
            options,
        }
    }

    pub(super) fn poll_action(&mut self) -> Option<Action> {
        self.actions.pop_front()
    }

    /// When [`Self::handle_timeout`] wants to be called, if nothing else happens.
    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        let attempt = if let Phase::Waiting(at) = self.phase { Some(at) } else { None };
        let announce = self.announce_at.filter(|_| self.phase == Phase::Opening);
        let ping = self.next_ping.filter(|_| self.phase == Phase::Open);
        let give_up = self.give_up_at.filter(|_| !matches!(self.phase, Phase::Closing(_) | Phase::Over));
        [attempt, announce, ping, give_up].into_iter().flatten().min()
    }

    /// Whether lines are welcome. A person's always are; a pipe is not read on without a connection.
    pub(super) fn takes_input(&self) -> bool {
        self.options.interactive || self.phase == Phase::Open
    }

    pub(super) fn view(&self) -> View {
        self.view
    }

    pub(super) fn handle_arrival(&mut self, arrival: Arrival, now: Now) {
        match arrival {
            Arrival::Opened(opened) => self.handle_opened(opened, now),
            Arrival::Message(message) => self.handle_message(&message, now),
            Arrival::Pong(payload) => self.handle_pong(&payload, now),
            Arrival::Closed(closed) => self.handle_closed(&closed, now),
        }
    }

    pub(super) fn handle_input(&mut self, input: Input, now: Now) {
        match input {
            Input::Line(line) if self.options.binary => self.send(OwnedMessage::Binary(line), now),
            Input::Line(line) => match String::from_utf8(line) {
                Ok(text) => self.send(OwnedMessage::Text(text), now),
                Err(_) => self.fail("the input has a line that is not UTF-8: send it with --binary".to_owned()),
            },
            Input::Typed(line) => self.handle_typed(&line, now),
            Input::Replayed(message) => self.send(message, now),
            Input::Broken(why) => self.fail(why),
            Input::End if self.options.interactive => self.leave(0, now),
            Input::End => {
                self.ended = true;
                self.consider_end(now);
            }
        }
    }

    /// Ctrl-c: closes properly, and at once the second time.
    pub(super) fn handle_interrupt(&mut self, now: Now) {
        let again = std::mem::replace(&mut self.interrupted, true);
        let person_leaves = self.options.interactive && self.tally.connections > 0;
        if again {
            self.phase = Phase::Over;
            return self.actions.push_back(Action::Exit(EXIT_INTERRUPTED));
        }
        self.leave(if person_leaves { 0 } else { EXIT_INTERRUPTED }, now);
    }

    pub(super) fn handle_timeout(&mut self, now: Now) {
        let due = |at: Option<Instant>| at.is_some_and(|at| at <= now.instant);
        if due(self.give_up_at) && !matches!(self.phase, Phase::Closing(_) | Phase::Over) {
            self.give_up_at = None;
            let code = self.judge(true);
            return self.leave(code, now);
        }
        if let Phase::Waiting(at) = self.phase
            && due(Some(at))
        {
            self.open();
        }
        if due(self.announce_at) && self.phase == Phase::Opening {
            self.announce_at = None;
            let url = words::shown_url(&self.options.url);
            self.note(Level::Info, format!("connecting to {url}; ctrl-c gives up"));
        }
        if due(self.next_ping) && self.phase == Phase::Open {
            self.next_ping = self.options.ping_interval.map(|interval| now.instant + interval);
            self.ping(String::new(), false, now);
        }
    }

    /// Messages that an ended connection had not taken yet.
    pub(super) fn handle_unsent(&mut self, messages: Vec<OwnedMessage>) {
        for message in messages.into_iter().rev() {
            self.tally.unsent(message.as_bytes().len());
            self.held.push_front(message);
        }
    }

    /// A message that was not taken because too many wait already.
    pub(super) fn handle_overflow(&mut self, message: &OwnedMessage) {
        self.tally.unsent(message.as_bytes().len());
        self.note(Level::Warning, "not sent: too much waits already, for the server takes nothing".to_owned());
    }

    /// What became of [`Action::ReadFile`].
    pub(super) fn send_file(&mut self, file: Result<Vec<u8>, String>, now: Now) {
        let bytes = match file {
            Ok(bytes) => bytes,
            Err(why) => return self.wrong(why),
        };
        let message = match String::from_utf8(bytes) {
            Ok(text) if !self.options.binary => OwnedMessage::Text(text),
            Ok(text) => OwnedMessage::Binary(text.into_bytes()),
            Err(error) => OwnedMessage::Binary(error.into_bytes()),
        };
        self.send(message, now);
    }

    pub(super) fn note(&mut self, level: Level, note: String) {
        self.actions.push_back(Action::Note(level, note));
    }

    fn handle_opened(&mut self, opened: Opened, now: Now) {
        self.phase = Phase::Open;
        self.announce_at = None;
        self.tally.connections += 1;
        let url = words::shown_url(&self.options.url);
        self.log(Entry::event(self.stamp(now), Direction::In, "open", &url, None));
        if self.options.interactive || self.tally.connections > 1 || self.attempts > 0 {
            let protocol = opened.protocol.map(|name| format!(", subprotocol {name}")).unwrap_or_default();
            let first = self.options.interactive && self.tally.connections == 1;
            let help = if first { " (/help lists commands, ctrl-d leaves)" } else { "" };
            self.note(Level::Info, format!("connected to {url}{protocol}{help}"));
        }
        self.response = opened.headers;
        self.next_ping = self.options.ping_interval.map(|interval| now.instant + interval);
        for message in std::mem::take(&mut self.held) {
            self.send(message, now);
        }
        self.consider_end(now);
    }

    fn handle_message(&mut self, message: &OwnedMessage, now: Now) {
        let rtt = self.tally.arrived(message.as_bytes().len(), now.instant);
        self.attempts = 0;
        self.log(Entry::message(self.stamp(now), Direction::In, message));
        // Who has pressed ctrl-c wants quiet: a server that sends on until it has read our Close is only counted.
        if !self.interrupted {
            let shown = self.view.message(message, Circumstances { wall: now.wall, rtt });
            self.actions.push_back(Action::Answer(shown));
        }
        self.matched |= self.options.until.as_ref().is_some_and(|until| until.is_match(message.as_bytes()));
        self.consider_arrival(now);
    }

    fn handle_pong(&mut self, payload: &[u8], now: Now) {
        match self.tally.ponged(payload, now.instant) {
            Some((rtt, asked)) => {
                if asked || self.view.rtt {
                    self.note(Level::Info, format!("pong after {}", duration(rtt)));
                }
                let words = String::from_utf8_lossy(payload);
                self.log(Entry::event(self.stamp(now), Direction::In, "pong", &words, None));
                self.consider_end(now);
            }
            // The workers' own Pings are empty.
            None if payload.is_empty() || !self.options.interactive => {}
            None => {
                let payload = super::format::for_terminal(&String::from_utf8_lossy(payload));
                self.note(Level::Info, format!("a pong that nobody asked for: {payload}"));
            }
        }
    }

    fn handle_closed(&mut self, closed: &Closed, now: Now) {
        let phase = std::mem::replace(&mut self.phase, Phase::Down);
        if let CloseCause::NotOpened(error) = &closed.cause {
            let why = words::not_opened(&self.options.url, error);
            let briefly = words::not_opened_yet(&self.options.url, error);
            return match phase {
                Phase::Closing(Then::Leave(code)) => self.finish(code, now),
                _ if self.options.reconnect && words::is_passing(error) => self.schedule(&briefly, now),
                _ if self.options.interactive && self.tally.connections > 0 => self.note(Level::Error, why),
                _ => {
                    self.note(Level::Error, why);
                    self.finish(EXIT_FAILED, now);
                }
            };
        }
        let how = words::closed(closed);
        self.log(Entry::event(self.stamp(now), Direction::In, "close", &how, Some(closed.code())));
        self.tally.lost();
        match phase {
            Phase::Closing(then) => {
                if self.options.interactive {
                    self.note(Level::Info, how);
                }
                match then {
                    Then::Leave(code) => self.finish(code, now),
                    Then::Judge => {
                        let code = self.judge(false);
                        self.finish(code, now);
                    }
                    Then::Stay => {}
                    Then::Reopen => self.open(),
                }
            }
            _ if self.options.reconnect => self.schedule(&how, now),
            _ if self.options.interactive => {
                self.note(Level::Warning, format!("{how}; /reconnect opens it again, ctrl-d leaves"));
            }
            _ => self.end_with_connection(closed, how, now),
        }
    }

    fn send(&mut self, message: OwnedMessage, now: Now) {
        match self.phase {
            Phase::Open => {
                self.tally.sent(message.as_bytes().len(), now.instant);
                self.log(Entry::message(self.stamp(now), Direction::Out, &message));
                self.actions.push_back(Action::Send(message));
            }
            Phase::Opening | Phase::Waiting(_) | Phase::Closing(Then::Reopen) if self.held.len() < HELD_MAX => {
                self.held.push_back(message);
                self.note(Level::Info, "kept until the connection is open".to_owned());
            }
            Phase::Opening | Phase::Waiting(_) | Phase::Closing(Then::Reopen) => {
                self.note(Level::Warning, format!("not sent: {HELD_MAX} messages wait for the connection already"));
            }
            _ => {
                self.note(Level::Warning, "not sent: the connection is closed; /reconnect opens it again".to_owned());
            }
        }
    }

    fn ping(&mut self, payload: String, asked: bool, now: Now) {
        self.pings += 1;
        // Unlike the workers' own, and unlike each other.
        let payload = if payload.is_empty() { format!("wigwag {}", self.pings) } else { payload }.into_bytes();
        self.tally.pinged(payload.clone(), asked, now.instant);
        self.actions.push_back(Action::Ping(payload));
    }

    fn open(&mut self) {
        self.phase = Phase::Opening;
        self.actions.push_back(Action::Connect);
    }

    /// Plans the next attempt: each pause is twice the last, up to a bound, and a little off, so that many clients of one
    /// server do not come back together.
    fn schedule(&mut self, why: &str, now: Now) {
        let pause = RECONNECT_FIRST.saturating_mul(1 << self.attempts.min(16)).min(RECONNECT_MAX);
        let pause = pause.mul_f64(0.75 + 0.5 * self.random.f64());
        self.attempts += 1;
        let attempt = self.attempts;
        self.note(Level::Warning, format!("{why}; reconnecting in {} (attempt {attempt})", duration(pause)));
        self.phase = Phase::Waiting(now.instant + pause);
    }

    /// Keeps what happened, for `--record` and `/save`.
    fn log(&mut self, entry: Entry) {
        if !self.options.record && !self.options.keep {
            return;
        }
        let line = entry.line();
        if self.options.record {
            self.actions.push_back(Action::Record(line.clone()));
        }
        if self.options.keep {
            self.transcript_bytes += line.len();
            self.transcript.push_back(line);
            while self.transcript_bytes > TRANSCRIPT_BYTES_MAX
                && let Some(oldest) = self.transcript.pop_front()
            {
                self.transcript_bytes -= oldest.len();
            }
        }
    }

    fn stamp(&self, now: Now) -> Stamp {
        Stamp { wall: now.wall, at: now.instant.duration_since(self.start) }
    }

    fn report(&mut self, now: Now) {
        let lasted = now.instant.duration_since(self.start);
        for line in self.tally.report(lasted) {
            self.note(Level::Info, line);
        }
        if !self.held.is_empty() {
            let held = counted(self.held.len() as u64, "message");
            self.note(Level::Warning, format!("{held} not sent"));
        }
    }
}

pub(super) const EXIT_FAILED: u8 = 1;
/// As a shell reports a process that ctrl-c ended.
pub(super) const EXIT_INTERRUPTED: u8 = 130;

/// A connection that opens faster needs no announcement.
const ANNOUNCE_AFTER: Duration = Duration::from_millis(500);
const RECONNECT_FIRST: Duration = Duration::from_millis(500);
const RECONNECT_MAX: Duration = Duration::from_secs(30);
/// Messages that wait for a connection.
const HELD_MAX: usize = 1_000;
/// What `/save` can write; the oldest lines go first.
const TRANSCRIPT_BYTES_MAX: usize = 32 << 20;

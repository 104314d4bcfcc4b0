//! Where everything meets that happens to a session: arrivals from the worker, lines from whoever types or pipes, ctrl-c.
//!
//! Each lane is bounded, and full lanes hold up who fills them: the worker then reads no more, and so slows the server
//! down; a pipe is read no further. Interrupts overtake everything.

use std::{
    collections::VecDeque,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    task::Wake,
    time::Instant,
};

use wigwag_net::{Closed, OwnedMessage};

use super::link::Opened;

/// Shared by the session's thread, which takes, and all others, which put.
#[derive(Default)]
pub(super) struct Mailbox {
    lanes: Mutex<Lanes>,
    /// For the session: there is something to take.
    news: Condvar,
    /// For the others: there is room again.
    room: Condvar,
}

#[derive(Default)]
struct Lanes {
    arrivals: VecDeque<Arrival>,
    arrival_bytes: usize,
    inputs: VecDeque<Input>,
    input_bytes: usize,
    interrupts: usize,
    writable: bool,
    /// The session is over: nothing is taken any more.
    closed: bool,
}

/// What the connection says.
#[derive(Debug)]
pub(super) enum Arrival {
    Opened(Opened),
    Message(OwnedMessage),
    Pong(Vec<u8>),
    Closed(Closed),
}

/// What is to be done with the connection.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Input {
    /// A line of a pipe, as it is.
    Line(Vec<u8>),
    /// A line of a person: a message or a command.
    Typed(String),
    /// What a record has as sent.
    Replayed(OwnedMessage),
    /// The input cannot be read any further.
    Broken(String),
    /// Nothing follows.
    End,
}

/// What the session takes.
#[derive(Debug)]
pub(super) enum Taken {
    Interrupt,
    /// The connection's queue has room again.
    Writable,
    Arrival(Arrival),
    Input(Input),
    /// The deadline is reached, and nothing is there.
    Nothing,
}

impl Mailbox {
    /// From the worker: waits while too much is there already.
    pub(super) fn deliver(&self, arrival: Arrival) {
        let mut lanes = self.lock();
        while !lanes.closed && (lanes.arrivals.len() >= ARRIVALS_MAX || lanes.arrival_bytes >= LANE_BYTES_MAX) {
            lanes = self.room.wait(lanes).unwrap_or_else(PoisonError::into_inner);
        }
        lanes.arrival_bytes += arrival.bytes();
        lanes.arrivals.push_back(arrival);
        self.news.notify_one();
    }

    /// From a pipe: waits while too much is there already. `false` once the session is over.
    pub(super) fn feed(&self, input: Input) -> bool {
        let mut lanes = self.lock();
        while !lanes.closed && (lanes.inputs.len() >= INPUTS_MAX || lanes.input_bytes >= LANE_BYTES_MAX) {
            lanes = self.room.wait(lanes).unwrap_or_else(PoisonError::into_inner);
        }
        self.push_input(lanes, input)
    }

    /// From a person: never waits, for the session may be waiting for the line editor. `false` if there is no room.
    pub(super) fn type_in(&self, input: Input) -> bool {
        let lanes = self.lock();
        lanes.inputs.len() < TYPED_MAX && self.push_input(lanes, input)
    }

    pub(super) fn interrupt(&self) {
        self.lock().interrupts += 1;
        self.news.notify_one();
    }

    /// What comes next, until `deadline`; inputs only if `inputs`.
    pub(super) fn take(&self, deadline: Option<Instant>, inputs: bool) -> Taken {
        let mut lanes = self.lock();
        loop {
            if let Some(taken) = lanes.take(inputs) {
                self.room.notify_all();
                return taken;
            }
            lanes = match deadline {
                None => self.news.wait(lanes).unwrap_or_else(PoisonError::into_inner),
                Some(deadline) => {
                    let left = deadline.saturating_duration_since(Instant::now());
                    if left.is_zero() {
                        return Taken::Nothing;
                    }
                    self.news.wait_timeout(lanes, left).unwrap_or_else(PoisonError::into_inner).0
                }
            };
        }
    }

    /// What is there already.
    pub(super) fn take_now(&self, inputs: bool) -> Option<Taken> {
        let taken = self.lock().take(inputs);
        if taken.is_some() {
            self.room.notify_all();
        }
        taken
    }

    /// Nothing is taken any more, and nobody has to wait.
    pub(super) fn close(&self) {
        self.lock().closed = true;
        self.room.notify_all();
    }

    fn push_input(&self, mut lanes: MutexGuard<'_, Lanes>, input: Input) -> bool {
        let open = !lanes.closed;
        lanes.input_bytes += input.bytes();
        lanes.inputs.push_back(input);
        self.news.notify_one();
        open
    }

    fn lock(&self) -> MutexGuard<'_, Lanes> {
        self.lanes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Lanes {
    fn take(&mut self, inputs: bool) -> Option<Taken> {
        if self.interrupts > 0 {
            self.interrupts -= 1;
            return Some(Taken::Interrupt);
        }
        if std::mem::take(&mut self.writable) {
            return Some(Taken::Writable);
        }
        if let Some(arrival) = self.arrivals.pop_front() {
            self.arrival_bytes -= arrival.bytes();
            return Some(Taken::Arrival(arrival));
        }
        if !inputs {
            return None;
        }
        let input = self.inputs.pop_front()?;
        self.input_bytes -= input.bytes();
        Some(Taken::Input(input))
    }
}

impl Arrival {
    fn bytes(&self) -> usize {
        match self {
            Self::Message(message) => message.as_bytes().len(),
            _ => 0,
        }
    }
}

impl Input {
    fn bytes(&self) -> usize {
        match self {
            Self::Line(line) => line.len(),
            Self::Typed(line) => line.len(),
            Self::Replayed(message) => message.as_bytes().len(),
            Self::Broken(_) | Self::End => 0,
        }
    }
}

/// Rung by a connection whose queue has room again.
impl Wake for Mailbox {
    fn wake(self: Arc<Self>) {
        self.lock().writable = true;
        self.news.notify_one();
    }
}

const ARRIVALS_MAX: usize = 1024;
const INPUTS_MAX: usize = 256;
/// Of arrivals, and of a pipe's lines; one of either may go beyond it.
const LANE_BYTES_MAX: usize = 4 << 20;
/// Nobody types that fast; a paste without brackets may.
const TYPED_MAX: usize = 10_000;

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn message(bytes: usize) -> Arrival {
        Arrival::Message(OwnedMessage::Binary(vec![0; bytes]))
    }

    #[test]
    fn interrupts_come_first_and_inputs_only_when_asked_for() {
        let mailbox = Mailbox::default();
        assert!(mailbox.feed(Input::End));
        mailbox.deliver(message(1));
        mailbox.interrupt();
        assert!(matches!(mailbox.take(None, false), Taken::Interrupt));
        assert!(matches!(mailbox.take(None, false), Taken::Arrival(_)));
        assert!(matches!(mailbox.take(Some(Instant::now()), false), Taken::Nothing));
        assert!(matches!(mailbox.take(None, true), Taken::Input(Input::End)));
        assert!(mailbox.take_now(true).is_none());
    }

    #[test]
    fn full_lanes_hold_up_who_fills_them_until_something_is_taken_or_the_session_ends() {
        let mailbox = Arc::new(Mailbox::default());
        mailbox.deliver(message(LANE_BYTES_MAX));
        let filling = {
            let mailbox = mailbox.clone();
            std::thread::spawn(move || {
                for _ in 0..INPUTS_MAX + 1 {
                    mailbox.feed(Input::End);
                }
                mailbox.deliver(message(1));
                mailbox.feed(Input::End)
            })
        };
        assert!(matches!(mailbox.take(None, false), Taken::Arrival(_)));
        assert!(matches!(mailbox.take(None, true), Taken::Input(Input::End)));
        mailbox.close();
        assert!(!filling.join().expect("it ends"), "told that nobody listens");
    }

    #[test]
    fn long_lines_hold_up_a_pipe_before_many_do() {
        let mailbox = Arc::new(Mailbox::default());
        assert!(mailbox.feed(Input::Line(vec![0; LANE_BYTES_MAX])));
        let feeding = {
            let mailbox = mailbox.clone();
            std::thread::spawn(move || mailbox.feed(Input::Line(vec![0; LANE_BYTES_MAX])))
        };
        assert!(matches!(mailbox.take(None, true), Taken::Input(Input::Line(_))));
        assert!(feeding.join().expect("it ends"), "there is room again");
        assert_eq!(mailbox.lock().input_bytes, LANE_BYTES_MAX);
    }

    #[test]
    fn who_types_never_waits() {
        let mailbox = Mailbox::default();
        assert!((0..TYPED_MAX).all(|_| mailbox.type_in(Input::End)));
        assert!(!mailbox.type_in(Input::End));
    }

    #[test]
    fn a_waker_is_news() {
        let mailbox = Arc::new(Mailbox::default());
        std::task::Waker::from(mailbox.clone()).wake();
        let deadline = Instant::now() + Duration::from_secs(10);
        assert!(matches!(mailbox.take(Some(deadline), false), Taken::Writable));
    }
}

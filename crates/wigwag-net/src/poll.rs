//! The one file that calls mio's poll: waiting for readiness, and saying what to wait for.

#[cfg(target_os = "linux")]
mod alarm;

use std::{
    io,
    sync::Arc,
    time::{Duration, Instant},
};

use mio::{
    Events, Interest, Poll, Token, Waker,
    event::Source,
    net::{TcpListener, TcpStream},
};

/// The waker's token; connections and listeners have others.
const WAKER: Token = Token(usize::MAX);
/// Listeners are numbered downwards from here.
const LISTENERS: usize = usize::MAX - 1 - u16::MAX as usize;
/// The alarm's token.
#[cfg(target_os = "linux")]
const ALARM: Token = Token(LISTENERS - 1);
/// Enough for a few of the largest groups in which connections are read, few enough that timers and commands of other threads
/// wait for milliseconds at most.
const EVENTS_PER_TURN: usize = 512;

/// An operating-system poll with its waker.
pub(crate) struct Poller {
    poll: Poll,
    events: Events,
    waker: Arc<Waker>,
    /// Made when it is first needed, and what it is set to.
    #[cfg(target_os = "linux")]
    alarm: Option<(alarm::Alarm, Instant)>,
}

/// Something is ready.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Ready {
    /// A listener has connections.
    Listener(u16),
    /// A connection's readiness changed.
    Connection { slot: u32, generation: u32, readable: bool, writable: bool, ended: bool, failed: bool },
}

impl Poller {
    pub(crate) fn new() -> io::Result<Self> {
        let poll = Poll::new()?;
        let waker = Arc::new(Waker::new(poll.registry(), WAKER)?);
        Ok(Self {
            poll,
            events: Events::with_capacity(EVENTS_PER_TURN),
            waker,
            #[cfg(target_os = "linux")]
            alarm: None,
        })
    }

    /// The poll alone, without what was made on the worker's thread.
    pub(crate) fn into_poll(self) -> Poll {
        self.poll
    }

    pub(crate) fn waker(&self) -> Arc<Waker> {
        self.waker.clone()
    }

    /// Has a wait end at this time, to the microsecond where the system can; elsewhere its time-out must do, to the
    /// millisecond. Costs a system call where the time is a new one.
    #[cfg(target_os = "linux")]
    pub(crate) fn wake_at(&mut self, at: Instant) {
        if matches!(&self.alarm, Some((_, set)) if *set == at) {
            return;
        }
        let alarm = match self.alarm.take() {
            Some((alarm, _)) => Ok(alarm),
            None => alarm::Alarm::new(self.poll.registry(), ALARM),
        };
        let set = alarm.and_then(|alarm| alarm.set(at.saturating_duration_since(Instant::now())).map(|()| alarm));
        // Without it the time-out wakes, a little later.
        self.alarm = set.ok().map(|alarm| (alarm, at));
    }

    #[cfg(not(target_os = "linux"))]
    pub(crate) fn wake_at(&mut self, _: Instant) {}

    /// Waits; a signal that interrupts the wait is no error. At most [`EVENTS_PER_TURN`] happenings are reported.
    pub(crate) fn wait(&mut self, timeout: Option<Duration>, ready: &mut Vec<Ready>) -> io::Result<()> {
        if let Err(error) = self.poll.poll(&mut self.events, timeout)
            && error.kind() != io::ErrorKind::Interrupted
        {
            return Err(error);
        }
        ready.clear();
        for event in &self.events {
            match event.token() {
                WAKER => {}
                #[cfg(target_os = "linux")]
                ALARM => {}
                Token(token) if token >= LISTENERS => ready.push(Ready::Listener((token - LISTENERS) as u16)),
                Token(token) => ready.push(Ready::Connection {
                    slot: token as u32,
                    generation: (token >> 32) as u32,
                    readable: event.is_readable(),
                    writable: event.is_writable(),
                    ended: event.is_read_closed() || event.is_error(),
                    failed: event.is_error(),
                }),
            }
        }
        Ok(())
    }

    pub(crate) fn add_listener(&self, listener: &mut TcpListener, number: u16) -> io::Result<()> {
        self.poll.registry().register(listener, Token(LISTENERS + usize::from(number)), Interest::READABLE)
    }

    /// Reports when `socket` becomes readable (edge-triggered).
    pub(crate) fn add(&self, socket: &mut TcpStream, slot: u32, generation: u32) -> io::Result<()> {
        self.poll.registry().register(socket, token(slot, generation), Interest::READABLE)
    }

    /// Reports also when `socket` becomes writable: only for those that once had to wait, for it costs a system call.
    pub(crate) fn add_writable(&self, socket: &mut TcpStream, slot: u32, generation: u32) -> io::Result<()> {
        let both = Interest::READABLE | Interest::WRITABLE;
        self.poll.registry().reregister(socket, token(slot, generation), both)
    }

    /// As [`Self::add`], for a socket that is still connecting.
    pub(crate) fn add_connecting(&self, socket: &mut TcpStream, slot: u32, generation: u32) -> io::Result<()> {
        let both = Interest::READABLE | Interest::WRITABLE;
        self.poll.registry().register(socket, token(slot, generation), both)
    }

    pub(crate) fn remove(&self, source: &mut impl Source) -> io::Result<()> {
        self.poll.registry().deregister(source)
    }
}

/// Slot and generation in one token, so that a late event of a closed connection never reaches its successor.
fn token(slot: u32, generation: u32) -> Token {
    Token((generation as usize) << 32 | slot as usize)
}

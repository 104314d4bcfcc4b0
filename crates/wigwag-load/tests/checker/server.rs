//! The faulty server: for each message it decides by its own dice what to do, does it, and counts it.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BinaryHeap},
    io::{BufReader, Write as _},
    net::{Shutdown, SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    thread,
    time::{Duration, Instant},
};

use crate::wire::{CLOSE, TEXT, frame, read_frame, shake_hands};

/// What a server may do wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Deed {
    Answer,
    Drop,
    Double,
    Reorder,
    Alter,
    Misroute,
    Late,
}

/// How a server is faulty.
#[derive(Clone, Debug)]
pub(crate) struct Faults {
    /// Each of these happens to so many messages of a hundred.
    pub(crate) percent: BTreeMap<Deed, u32>,
    /// So many connections of a hundred are cut in the middle.
    pub(crate) cut_percent: u32,
    /// So many connections of a hundred are greeted before anything was sent.
    pub(crate) greet_percent: u32,
    /// How long a late answer takes.
    pub(crate) late: Duration,
    /// Messages that each connection will send: the last ones are not kept back to be overtaken.
    pub(crate) messages_each: u32,
    pub(crate) connections: usize,
    /// What is appended to each answer.
    pub(crate) suffix: &'static str,
}

/// What a server did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Done {
    pub(crate) received: u64,
    pub(crate) answered: u64,
    pub(crate) dropped: u64,
    pub(crate) doubled: u64,
    pub(crate) reordered: u64,
    pub(crate) altered: u64,
    pub(crate) misrouted: u64,
    pub(crate) late: u64,
    /// Received on a connection that was cut before they were answered.
    pub(crate) cut_off: u64,
    pub(crate) greeted: u64,
    pub(crate) cuts: u64,
}

pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    hall: Arc<Hall>,
}

/// All connections of the server.
struct Hall {
    faults: Faults,
    done: Mutex<Done>,
    guests: Mutex<Vec<Arc<Guest>>>,
    /// Connections that are being served.
    present: AtomicUsize,
    /// Answers to be given later.
    later: Mutex<BinaryHeap<Reverse<Later>>>,
    news: Condvar,
}

/// When to send, to whom, and what.
type Later = (Instant, usize, Vec<u8>);

/// One connection.
struct Guest {
    out: Mutex<Out>,
    /// Will be cut: no answer that must arrive goes this way.
    is_mortal: bool,
}

struct Out {
    stream: TcpStream,
    is_cut: bool,
    /// Late answers that are not sent yet.
    waiting: u64,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Server {
    pub(crate) fn start(faults: Faults) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("bound");
        let hall = Arc::new(Hall {
            faults,
            done: Mutex::default(),
            guests: Mutex::default(),
            present: AtomicUsize::new(0),
            later: Mutex::default(),
            news: Condvar::new(),
        });
        let (serving, postman) = (hall.clone(), hall.clone());
        thread::spawn(move || serving.accept(&listener));
        thread::spawn(move || postman.deliver());
        Self { address, hall }
    }

    /// What was done, once every connection is over.
    pub(crate) fn done(&self) -> Done {
        let deadline = Instant::now() + Duration::from_secs(30);
        while self.hall.present.load(Relaxed) > 0 {
            assert!(Instant::now() < deadline, "connections are still there");
            thread::yield_now();
        }
        *lock(&self.hall.done)
    }
}

impl Hall {
    fn accept(self: &Arc<Self>, listener: &TcpListener) {
        for (number, stream) in listener.incoming().flatten().enumerate() {
            let hall = self.clone();
            hall.present.fetch_add(1, Relaxed);
            let serve = move || {
                hall.serve(stream, number);
                hall.present.fetch_sub(1, Relaxed);
            };
            thread::Builder::new().stack_size(256 << 10).spawn(serve).expect("a thread");
        }
    }

    /// Late answers, when their time has come.
    fn deliver(&self) {
        let mut later = lock(&self.later);
        loop {
            let due = later.peek().map(|Reverse((due, ..))| *due);
            let now = Instant::now();
            match due {
                Some(due) if due <= now => {
                    let Some(Reverse((_, number, answer))) = later.pop() else { continue };
                    drop(later);
                    let guest = lock(&self.guests)[number].clone();
                    let mut out = lock(&guest.out);
                    if !out.is_cut {
                        out.waiting -= 1;
                        out.send(&answer);
                        self.count(|done| done.late += 1);
                    }
                    drop(out);
                    later = lock(&self.later);
                }
                due => {
                    let patience = due.map_or(Duration::from_secs(1), |due| due - now);
                    later = self.news.wait_timeout(later, patience).unwrap_or_else(PoisonError::into_inner).0;
                }
            }
        }
    }

    fn serve(&self, stream: TcpStream, number: usize) {
        let mut dice = fastrand::Rng::with_seed(number as u64 * 7919 + 13);
        let is_mortal = dice.u32(..100) < self.faults.cut_percent;
        let cut_at = if is_mortal { dice.u32(1..self.faults.messages_each) } else { u32::MAX };
        stream.set_nodelay(true).expect("a socket");
        let mut input = BufReader::new(stream.try_clone().expect("a socket"));
        let mut shaking = stream.try_clone().expect("a socket");
        if shake_hands(&mut shaking).is_err() {
            return;
        }
        let guest = Arc::new(Guest { out: Mutex::new(Out { stream, is_cut: false, waiting: 0 }), is_mortal });
        let place = {
            let mut guests = lock(&self.guests);
            guests.push(guest.clone());
            guests.len() - 1
        };
        if dice.u32(..100) < self.faults.greet_percent {
            lock(&guest.out).send(&frame(TEXT, b"welcome"));
            self.count(|done| done.greeted += 1);
        }
        let mut visit = Visit { hall: self, guest: &guest, place, dice, held: None, unanswered: 0, seen: 0 };
        while let Ok((opcode, payload)) = read_frame(&mut input) {
            match opcode {
                TEXT => visit.receive(payload),
                CLOSE => {
                    lock(&guest.out).send(&frame(CLOSE, &payload));
                    break;
                }
                _ => {}
            }
            if visit.seen >= cut_at {
                return visit.cut(&mut input);
            }
        }
        let _ = lock(&guest.out).stream.shutdown(Shutdown::Both);
    }

    fn count(&self, change: impl FnOnce(&mut Done)) {
        change(&mut lock(&self.done));
    }
}

/// One connection while it is served.
struct Visit<'a> {
    hall: &'a Hall,
    guest: &'a Arc<Guest>,
    place: usize,
    dice: fastrand::Rng,
    /// An answer that waits to be overtaken.
    held: Option<Vec<u8>>,
    /// Messages that got no answer and will get none.
    unanswered: u64,
    seen: u32,
}

impl Visit<'_> {
    fn receive(&mut self, message: Vec<u8>) {
        self.seen += 1;
        self.hall.count(|done| done.received += 1);
        let answer = [&message[..], self.hall.faults.suffix.as_bytes()].concat();
        let deed = if self.held.is_some() { Deed::Answer } else { self.decide() };
        match deed {
            Deed::Answer => self.answer(&answer),
            Deed::Drop => self.unanswered += 1,
            Deed::Double => {
                self.answer(&answer);
                self.send(&frame(TEXT, &answer));
                self.hall.count(|done| done.doubled += 1);
            }
            Deed::Reorder => self.held = Some(answer),
            Deed::Alter => {
                let mut altered = answer;
                let at = self.dice.usize(..message.len());
                altered[at] ^= 1 << self.dice.u32(..5);
                self.send(&frame(TEXT, &altered));
                self.hall.count(|done| done.altered += 1);
            }
            Deed::Misroute => self.misroute(&answer),
            Deed::Late => {
                let due = Instant::now() + self.hall.faults.late;
                lock(&self.guest.out).waiting += 1;
                lock(&self.hall.later).push(Reverse((due, self.place, frame(TEXT, &answer))));
                self.hall.news.notify_one();
            }
        }
    }

    /// A right answer; one that was held back follows it.
    fn answer(&mut self, answer: &[u8]) {
        self.send(&frame(TEXT, answer));
        self.hall.count(|done| done.answered += 1);
        if let Some(held) = self.held.take() {
            self.send(&frame(TEXT, &held));
            self.hall.count(|done| done.reordered += 1);
        }
    }

    fn misroute(&mut self, answer: &[u8]) {
        let guests = lock(&self.hall.guests);
        let others: Vec<_> = guests.iter().filter(|one| !one.is_mortal && !Arc::ptr_eq(one, self.guest)).collect();
        let other = others[self.dice.usize(..others.len())].clone();
        drop(guests);
        lock(&other.out).send(&frame(TEXT, answer));
        self.hall.count(|done| done.misrouted += 1);
    }

    fn send(&self, frame: &[u8]) {
        lock(&self.guest.out).send(frame);
    }

    fn decide(&mut self) -> Deed {
        let mut dice = self.dice.u32(..100);
        for (deed, percent) in &self.hall.faults.percent {
            if dice < *percent {
                let last = self.seen >= self.hall.faults.messages_each;
                let alone = self.hall.faults.connections == 1;
                return match deed {
                    Deed::Reorder if last => Deed::Answer,
                    Deed::Misroute if alone => Deed::Answer,
                    deed => *deed,
                };
            }
            dice -= percent;
        }
        Deed::Answer
    }

    /// Ends the stream without a Close, and reads on: what the peer had sent by then is in doubt.
    fn cut(&mut self, input: &mut BufReader<TcpStream>) {
        let mut out = lock(&self.guest.out);
        out.is_cut = true;
        let _ = out.stream.shutdown(Shutdown::Write);
        let mut cut_off = self.unanswered + out.waiting + u64::from(self.held.take().is_some());
        self.unanswered = 0;
        drop(out);
        while let Ok((opcode, _)) = read_frame(input) {
            if opcode == TEXT {
                cut_off += 1;
                self.hall.count(|done| done.received += 1);
            }
        }
        self.hall.count(|done| {
            done.cut_off += cut_off;
            done.cuts += 1;
        });
    }
}

impl Drop for Visit<'_> {
    fn drop(&mut self) {
        let dropped = self.unanswered;
        self.hall.count(|done| done.dropped += dropped);
    }
}

impl Out {
    fn send(&mut self, frame: &[u8]) {
        // The tester is the one that is judged: where it has gone, its account will show it.
        let _ = self.stream.write_all(frame);
    }
}

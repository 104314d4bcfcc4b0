//! Several connections that are read and written to in one turn: what each says and gets is its own, whether the reads and
//! writes are made one by one or many at a time (`Limits::io_uring`).

use std::{
    io::Read,
    net::TcpStream,
    sync::{Arc, Mutex, mpsc},
    time::{Duration, Instant},
};

use wigwag_net::{CloseCause, CloseCode, ConnectionId, Limits, Message, Socket};

use crate::support::*;

/// Runs a test with reads and writes made one by one, and together where the system can; with so many connections that they
/// are dealt with in small groups, and with so many that the groups are large.
fn all(test: impl Fn(Limits, usize)) {
    for io_uring in [false, true] {
        for crowd in [75, 300] {
            test(Limits { io_uring, ..Limits::default() }, crowd);
        }
    }
}

/// What keeps the worker from its work until what is sent meanwhile has arrived: then it finds all of it in one turn.
struct Gate {
    client: Client,
    entered: mpsc::Receiver<()>,
    open: mpsc::Sender<()>,
}

impl Gate {
    /// The worker stands still while `meanwhile` runs.
    fn hold(&mut self, meanwhile: impl FnOnce()) {
        self.client.send("gate");
        self.entered.recv_timeout(PATIENCE).expect("the worker comes to the gate");
        meanwhile();
        self.open.send(()).expect("it waits there");
    }
}

/// One worker that can be held at a gate; other messages are `answer`ed by what `script` makes of them.
fn serve_gated(
    limits: Limits,
    script: impl Fn() -> Script + Send + Sync + 'static,
    answer: impl Fn(&mut Socket<'_>, &str) + Send + Sync + Clone + 'static,
) -> (Server, Gate) {
    let (entered_in, entered) = mpsc::channel();
    let (open, opened) = mpsc::channel::<()>();
    let opened = Arc::new(Mutex::new(opened));
    let server = serve_each(limits, move || {
        let (entered, opened, answer) = (entered_in.clone(), opened.clone(), answer.clone());
        script().on_message(move |socket, message| match message {
            Message::Text("gate") => {
                entered.send(()).expect("the test waits");
                opened.lock().expect("one worker").recv_timeout(PATIENCE).expect("the test opens the gate");
            }
            Message::Text(text) => answer(socket, text),
            Message::Binary(_) => {}
        })
    });
    let client = Client::connect(server.address);
    (server, Gate { client, entered, open })
}

fn connect_all(server: &Server, count: usize) -> Vec<Client> {
    (0..count).map(|_| Client::connect(server.address)).collect()
}

#[test]
fn each_gets_its_own_answers_in_order() {
    all(|limits, crowd| {
        let (server, mut gate) = serve_gated(limits, Script::new, |socket, text| socket.send(Message::Text(text)));
        let mut clients = connect_all(&server, crowd);
        for round in 0..20 {
            gate.hold(|| {
                for (place, client) in clients.iter_mut().enumerate() {
                    (0..=place % 3).for_each(|message| client.send(&format!("{place} {round} {message}")));
                }
            });
            for (place, client) in clients.iter_mut().enumerate() {
                for message in 0..=place % 3 {
                    assert_eq!(client.read_text(), format!("{place} {round} {message}"));
                }
            }
        }
        assert!(clients.iter_mut().all(|client| ask_for_close(client) == 1000), "and nothing more came");
    });
}

#[test]
fn messages_of_all_lengths_are_read_whole() {
    // Around what is read at once in a large group, and such that a message ends in the next part.
    for length in [1000, 2048 - 8, 2048 - 7, 2048, 5000, 20_000] {
        let text = |place: usize| format!("{place:03} ").repeat(length / 4);
        all(|limits, crowd| {
            let (server, mut gate) = serve_gated(limits, Script::new, |socket, text| socket.send(Message::Text(text)));
            let mut clients = connect_all(&server, crowd);
            gate.hold(|| {
                for (place, client) in clients.iter_mut().enumerate() {
                    client.send(&text(place));
                    client.send("and on");
                }
            });
            for (place, client) in clients.iter_mut().enumerate() {
                assert!(client.read_text() == text(place), "{length} bytes of {place}");
                assert_eq!(client.read_text(), "and on");
            }
        });
    }
}

/// The connections that there are, in the order in which they were opened.
type Ids = Mutex<Vec<ConnectionId>>;

/// As [`serve_gated`], where answers may reach other connections.
fn serve_knowing(
    limits: Limits,
    answer: impl Fn(&mut Socket<'_>, &str, &Ids) + Send + Sync + Clone + 'static,
) -> (Server, Gate) {
    let ids = Arc::new(Ids::default());
    let noted = ids.clone();
    let script = move || {
        let noted = noted.clone();
        Script::new().on_open(move |socket| noted.lock().expect("no panic").push(socket.id()))
    };
    serve_gated(limits, script, move |socket, text| answer(socket, text, &ids))
}

/// Calls `act` for every other connection.
fn for_others(socket: &mut Socket<'_>, ids: &Ids, act: impl Fn(&mut Socket<'_>)) {
    let own = socket.id();
    for id in ids.lock().expect("no panic").iter().filter(|id| **id != own) {
        if let Some(mut other) = socket.other(*id) {
            act(&mut other);
        }
    }
}

#[test]
fn what_another_pauses_hears_nothing_and_loses_nothing() {
    all(|limits, crowd| {
        let (heard_in, heard) = mpsc::channel();
        let answer = move |socket: &mut Socket<'_>, text: &str, ids: &Ids| match text {
            "pause" => for_others(socket, ids, |other| other.pause()),
            "resume" => for_others(socket, ids, |other| other.resume()),
            _ => {
                heard_in.send(text.to_owned()).expect("the test listens");
                socket.send(Message::Text(text));
            }
        };
        let (server, mut gate) = serve_knowing(limits, answer);
        let mut first = Client::connect(server.address);
        let mut clients = connect_all(&server, crowd);
        eventually("all are open", || server.opened() == crowd as u64 + 2);
        gate.hold(|| {
            // It is ready first, so it has its turn before the others.
            first.send("pause");
            for (place, client) in clients.iter_mut().enumerate() {
                client.send(&format!("{place} one"));
                client.send(&format!("{place} two"));
            }
        });
        first.send("after");
        assert_eq!(first.read_text(), "after");
        assert_eq!(heard.try_iter().collect::<Vec<_>>(), ["after"], "nobody else was heard");
        first.send("resume");
        for (place, client) in clients.iter_mut().enumerate() {
            assert_eq!(client.read_text(), format!("{place} one"));
            assert_eq!(client.read_text(), format!("{place} two"));
        }
    });
}

#[test]
fn what_another_closes_ends_in_order() {
    all(|limits, crowd| {
        let answer = move |socket: &mut Socket<'_>, text: &str, ids: &Ids| match text {
            "close" => for_others(socket, ids, |other| other.close(CloseCode::NORMAL, "enough")),
            _ => socket.send(Message::Text(text)),
        };
        let (server, mut gate) = serve_knowing(limits, answer);
        let mut first = Client::connect(server.address);
        let mut clients = connect_all(&server, crowd);
        eventually("all are open", || server.opened() == crowd as u64 + 2);
        gate.hold(|| {
            first.send("close");
            for (place, client) in clients.iter_mut().enumerate() {
                client.send(&format!("{place} comes too late"));
            }
        });
        for client in &mut clients {
            assert_eq!(client.read_close(), 1000);
            client.send_close(1000);
            client.assert_end();
        }
        drop((first, clients, gate));
        server.assert_empty();
    });
}

#[test]
fn who_is_reset_after_it_was_read_harms_nobody() {
    all(|limits, crowd| {
        let (reached_in, reached) = mpsc::channel();
        let (go_on, may_go_on) = mpsc::channel::<()>();
        let may_go_on = Arc::new(Mutex::new(may_go_on));
        let answer = move |socket: &mut Socket<'_>, text: &str, ids: &Ids| match text {
            "flood" => {
                let last = *ids.lock().expect("no panic").last().expect("somebody");
                // More than both ends' sockets hold.
                socket.other(last).expect("it is open").send(Message::Binary(&vec![7; 32 << 20]));
            }
            "wait" => {
                reached_in.send(()).expect("the test waits");
                may_go_on.lock().expect("one worker").recv_timeout(PATIENCE).expect("the test goes on");
            }
            _ => socket.send(Message::Text(text)),
        };
        let (server, mut gate) = serve_knowing(limits, answer);
        let mut first = Client::connect(server.address);
        let mut clients = connect_all(&server, crowd);
        let mut flooded = Client::connect(server.address);
        eventually("all are open", || server.opened() == crowd as u64 + 3);
        first.send("flood");
        eventually("its socket is full", || server.sum(|metrics| metrics.out_queue_bytes.get()) > 0);
        gate.hold(|| {
            first.send("wait");
            // It has something to say, and room for more: both are seen at once.
            drain(&mut flooded.stream);
            flooded.send("I am here");
            clients.iter_mut().for_each(|client| client.send("soon"));
        });
        reached.recv_timeout(PATIENCE).expect("the turn of the first one");
        socket2::SockRef::from(&flooded.stream).set_linger(Some(Duration::ZERO)).expect("a reset at the end");
        drop(flooded);
        go_on.send(()).expect("it waits");
        for client in &mut clients {
            assert_eq!(client.read_text(), "soon");
        }
        first.send("still there");
        assert_eq!(first.read_text(), "still there");
    });
}

/// Reads what has arrived.
fn drain(stream: &mut TcpStream) {
    stream.set_nonblocking(true).expect("a mode");
    let mut buffer = vec![0; 1 << 20];
    while stream.read(&mut buffer).is_ok_and(|count| count > 0) {}
    stream.set_nonblocking(false).expect("a mode");
}

fn ask_for_close(client: &mut Client) -> u16 {
    client.send_close(1000);
    client.read_close()
}

#[test]
fn a_socket_that_takes_a_part_gets_the_rest_later_and_the_service_hears_of_it() {
    all(|limits, crowd| {
        let large = limits.out_queue_high_water * 4;
        let (told_in, told) = mpsc::channel();
        let script = move || {
            let told = told_in.clone();
            Script::new().on_writable(move |_| told.send(()).expect("the test listens"))
        };
        let answer = move |socket: &mut Socket<'_>, text: &str| {
            let filler = text.repeat(large / text.len());
            socket.send(Message::Text(&filler));
            socket.send(Message::Text(text));
        };
        let (server, mut gate) = serve_gated(limits, script, answer);
        let mut clients = connect_all(&server, crowd);
        gate.hold(|| (0..).zip(&mut clients).for_each(|(place, client)| client.send(&format!("{place:4}"))));
        for (place, client) in clients.iter_mut().enumerate() {
            let text = format!("{place:4}");
            assert!(client.read_text() == text.repeat(large / 4), "the large message of {place}");
            assert_eq!(client.read_text(), text);
        }
        for _ in 0..crowd {
            told.recv_timeout(PATIENCE).expect("each service may write again");
        }
        eventually("nothing is queued", || server.sum(|metrics| metrics.out_queue_bytes.get()) == 0);
    });
}

#[test]
fn an_answer_does_not_wait_for_the_slow_work_that_others_make() {
    all(|limits, crowd| {
        let (waited_in, waited) = mpsc::channel();
        let (go_on, may_go_on) = mpsc::channel::<()>();
        let may_go_on = Arc::new(Mutex::new(may_go_on));
        let answer = move |socket: &mut Socket<'_>, text: &str| match text {
            "work" => {
                let began = Instant::now();
                while began.elapsed() < Duration::from_millis(5) {}
            }
            "wait" => {
                let in_time = may_go_on.lock().expect("one worker").recv_timeout(PATIENCE).is_ok();
                waited_in.send(in_time).expect("the test listens");
            }
            _ => socket.send(Message::Text(text)),
        };
        let (server, mut gate) = serve_gated(limits, Script::new, answer);
        let mut clients = connect_all(&server, crowd);
        gate.hold(|| {
            for (place, client) in clients.iter_mut().enumerate() {
                client.send(match place {
                    // In the first group, be it small or large.
                    3 => "work",
                    12 => "wait",
                    _ => "soon",
                });
            }
        });
        assert_eq!(clients[0].read_text(), "soon");
        go_on.send(()).expect("the server is there");
        assert!(next(&waited), "the first answer came while another connection's callback ran");
        assert_eq!(clients[crowd - 1].read_text(), "soon");
    });
}

#[test]
fn a_ping_among_them_is_answered_ahead_and_harms_no_data() {
    all(|limits, crowd| {
        let (server, mut gate) = serve_gated(limits, Script::new, |socket, text| socket.send(Message::Text(text)));
        let mut clients = connect_all(&server, crowd);
        gate.hold(|| {
            for client in &mut clients {
                client.write(&[frame(TEXT, b"one"), frame(PING, b"life"), frame(TEXT, b"two")].concat());
            }
        });
        for client in &mut clients {
            let frames: Vec<_> = (0..3).map(|_| client.read_frame()).collect();
            let expected = [(PONG, &b"life"[..]), (TEXT, b"one"), (TEXT, b"two")];
            assert!(frames.iter().map(|(opcode, payload)| (*opcode, &payload[..])).eq(expected), "{frames:?}");
        }
    });
}

#[test]
fn who_is_gone_ends_alone() {
    all(|limits, crowd| {
        let (closes_in, closes) = mpsc::channel();
        let script = move || Script::new().closes_to(&closes_in);
        // More than fits into a socket at once: some of the writes come after the reset.
        let answer = |socket: &mut Socket<'_>, text: &str| socket.send(Message::Text(&text.repeat(20_000)));
        let (server, mut gate) = serve_gated(limits, script, answer);
        let mut clients = connect_all(&server, crowd);
        let mut staying = Vec::new();
        gate.hold(|| {
            for (place, mut client) in clients.drain(..).enumerate() {
                client.send("x");
                if place % 3 == 0 {
                    let linger = Some(std::time::Duration::ZERO);
                    socket2::SockRef::from(&client.stream).set_linger(linger).expect("a reset at the end");
                } else {
                    staying.push(client);
                }
            }
        });
        for client in &mut staying {
            assert_eq!(client.read_text().len(), 20_000);
        }
        for _ in 0..crowd - staying.len() {
            let closed = closes.recv_timeout(PATIENCE).expect("the service hears of it");
            assert!(matches!(closed.cause, CloseCause::Io(_)), "{closed:?}");
        }
        drop((staying, gate));
        server.assert_empty();
    });
}

#[test]
#[cfg(target_os = "linux")]
fn a_ring_is_made_when_there_is_a_use_for_it_and_only_if_it_may() {
    let rings = || {
        let links = std::fs::read_dir("/proc/self/fd").expect("our descriptors");
        let targets = links.filter_map(|link| std::fs::read_link(link.ok()?.path()).ok());
        targets.filter(|target| target.to_string_lossy().contains("io_uring")).count()
    };
    all(|limits, _| {
        let allowed = limits.io_uring && may_make_a_ring();
        let (server, mut gate) = serve_gated(limits, Script::new, |socket, text| socket.send(Message::Text(text)));
        let mut clients = connect_all(&server, 2);
        for client in &mut clients {
            client.send("alone");
            assert_eq!(client.read_text(), "alone");
        }
        assert_eq!(rings(), 0, "one write at a time needs none");
        gate.hold(|| clients.iter_mut().for_each(|client| client.send("together")));
        assert!(clients.iter_mut().all(|client| client.read_text() == "together"));
        assert_eq!(rings(), usize::from(allowed));
        drop((gate, clients, server));
        eventually("it goes with its worker", || rings() == 0);
    });
}

/// Whether the system lets anybody: a container's filter or a setting of the kernel may forbid it.
#[cfg(target_os = "linux")]
fn may_make_a_ring() -> bool {
    <io_uring::IoUring>::builder().setup_single_issuer().setup_defer_taskrun().build(1).is_ok()
}

//! Connections reached from other threads.

use std::{
    pin::pin,
    sync::{Arc, mpsc},
    task::{Context, Wake, Waker},
    thread::Thread,
    time::Instant,
};

use wigwag_net::{CloseCode, Limits, Message, Remote, SendError};

use crate::support::*;

/// Gives each connection's remote away.
fn serve_remotes() -> (Server, mpsc::Receiver<Remote>) {
    let (remotes_in, remotes) = mpsc::channel();
    let server = serve_each(Limits::default(), move || {
        let remotes = remotes_in.clone();
        Script::new().on_open(move |socket| drop(remotes.send(socket.remote())))
    });
    (server, remotes)
}

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// Waits for readiness as a task would: woken, not polling.
fn wait_ready(remote: &Remote) {
    let waker = Waker::from(Arc::new(Unpark(std::thread::current())));
    let mut ready = pin!(remote.ready());
    let deadline = Instant::now() + PATIENCE;
    while ready.as_mut().poll(&mut Context::from_waker(&waker)).is_pending() {
        std::thread::park_timeout(PATIENCE);
        assert!(Instant::now() < deadline, "never woken");
    }
}

#[test]
fn what_threads_send_arrives_in_the_order_of_each() {
    let (server, remotes) = serve_remotes();
    let mut client = Client::connect(server.address);
    let remote = next(&remotes);
    let threads: Vec<_> = (0..4)
        .map(|thread| {
            let remote = remote.clone();
            std::thread::spawn(move || {
                for number in 0..1000 {
                    let text = format!("{thread} {number}");
                    while let Err(error) = remote.send(Message::Text(&text)) {
                        assert_eq!(error, SendError::Full);
                        wait_ready(&remote);
                    }
                }
            })
        })
        .collect();
    let mut expected = [0; 4];
    for _ in 0..4000 {
        let text = client.read_text();
        let (thread, number) = text.split_once(' ').expect("two numbers");
        let thread: usize = thread.parse().expect("a number");
        assert_eq!(number, expected[thread].to_string(), "of thread {thread}");
        expected[thread] += 1;
    }
    threads.into_iter().for_each(|thread| thread.join().expect("all sent"));
}

#[test]
fn a_remote_is_bounded_while_the_peer_does_not_read_and_wakes_when_it_does() {
    let (server, remotes) = serve_remotes();
    let mut client = Client::connect(server.address);
    let remote = next(&remotes);
    let high = server.net.handle().limits().out_queue_high_water;
    let message = vec![b'm'; 10_000];
    let mut sent = 0;
    // Many times more than the queue may hold, if it were not for the bound.
    for _ in 0..5000 {
        match remote.send(Message::Binary(&message)) {
            Ok(()) => sent += 1,
            Err(error) => {
                assert_eq!(error, SendError::Full);
                std::thread::yield_now();
            }
        }
    }
    let queued = || server.sum(|metrics| metrics.out_queue_bytes.get()) as usize;
    eventually("what was sent is queued", || remote.queued_bytes() > high && queued() > high);
    assert!(queued() <= 2 * high, "{} bytes are queued", queued());
    let reading = std::thread::spawn(move || {
        for _ in 0..sent {
            assert_eq!(client.read_frame().1.len(), 10_000);
        }
        client
    });
    wait_ready(&remote);
    assert_eq!(remote.send(Message::Text("last")), Ok(()));
    let mut client = reading.join().expect("all arrived");
    assert_eq!(client.read_text(), "last");
}

#[test]
fn a_remote_of_a_closed_connection_says_so_and_wakes_who_waits() {
    let (server, remotes) = serve_remotes();
    let mut client = Client::connect(server.address);
    let remote = next(&remotes);
    client.send("hello");
    assert_eq!(client.read_text(), "hello");
    remote.close(CloseCode::NORMAL, "bye");
    assert_eq!(client.read_close(), 1000);
    client.send_close(1000);
    client.assert_end();
    eventually("it is closed", || remote.is_closed());
    wait_ready(&remote);
    assert_eq!(remote.send(Message::Text("late")), Err(SendError::Closed));
    drop(client);
    server.assert_empty();
}

#[test]
fn a_remote_pings_and_its_pong_is_told_to_the_service() {
    let (remotes_in, remotes) = mpsc::channel();
    let (pongs_in, pongs) = mpsc::channel();
    let server = serve_each(Limits::default(), move || {
        let (remotes, pongs) = (remotes_in.clone(), pongs_in.clone());
        Script::new()
            .on_open(move |socket| drop(remotes.send(socket.remote())))
            .on_pong(move |_, payload| drop(pongs.send(payload.to_vec())))
    });
    let mut client = Client::connect(server.address);
    let remote = next(&remotes);
    remote.ping(b"are you there");
    assert_eq!(client.read_frame(), (PING, b"are you there".to_vec()));
    client.write(&frame(PONG, b"are you there"));
    assert_eq!(next(&pongs), b"are you there");
    remote.pong(&[b'x'; 200]);
    assert_eq!(client.read_frame(), (PONG, vec![b'x'; 125]), "cut to what a control frame holds");
    remote.close(CloseCode::NORMAL, "");
    remote.ping(b"too late");
    assert_eq!(client.read_close(), 1000);
}

#[test]
fn a_remote_of_an_ended_net_is_closed() {
    let (server, remotes) = serve_remotes();
    let _client = Client::connect(server.address);
    let remote = next(&remotes);
    drop(server);
    assert!(remote.is_closed());
    assert_eq!(remote.send(Message::Text("late")), Err(SendError::Closed));
}

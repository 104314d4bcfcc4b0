//! Backpressure: a side that does not read slows the other down, in bounded memory, and nothing is lost.

use std::{
    io::{ErrorKind, Write},
    sync::atomic::{AtomicUsize, Ordering},
    thread,
};

use wigwag_gateway::RelayConfig;

use super::support::*;

/// What a pair may hold for a side that does not read: the queue's high-water mark, what one read of the other side brought
/// beyond it, and what was read of it and waits.
const HELD_BYTES_MAX: u64 = 512 << 10;

const MESSAGE_BYTES: usize = 1000;
const TOTAL: usize = 32 << 20;

/// Sends until the other side takes no more for good; then the other side reads all of it.
fn check(from_client: bool) {
    let (rig, _upstream, client, server) = pair(RelayConfig::default());
    let (from, mut to) = if from_client { (client, server) } else { (server, client) };
    let sent = AtomicUsize::new(0);
    let count = TOTAL / MESSAGE_BYTES;
    thread::scope(|scope| {
        scope.spawn(|| {
            let mut stream = &from.stream;
            for number in 0..count {
                let payload = payload(number);
                stream.write_all(&from.frame(BINARY, &payload)).expect("a peer that reads again");
                sent.store(number + 1, Ordering::Relaxed);
            }
        });
        // Nobody reads: the sender stands still, long before it is done.
        let metrics = rig.server.handle().metrics();
        let held = || metrics.iter().map(|one| one.out_queue_bytes.get() + one.unfinished_bytes.get()).sum::<u64>();
        let mut before = usize::MAX;
        eventually("the sender is slowed down", || {
            thread::park_timeout(std::time::Duration::from_millis(200));
            let now = sent.load(Ordering::Relaxed);
            // Nothing held is a sender that waits for a core, not for a reader.
            std::mem::replace(&mut before, now) == now && held() > 0
        });
        assert!(before < count, "everything was taken, although nobody reads");
        assert!(held() <= HELD_BYTES_MAX, "{} bytes are held", held());
        for number in 0..count {
            let (first, received) = to.read();
            assert!(first == BINARY && received == payload(number), "message {number} as it was sent");
        }
    });
    assert_eq!(sent.load(Ordering::Relaxed), count);
    let metrics = rig.server.handle().metrics();
    eventually("nothing is held any longer", || {
        metrics.iter().all(|one| one.out_queue_bytes.get() == 0 && one.unfinished_bytes.get() == 0)
    });
}

fn payload(number: usize) -> Vec<u8> {
    let mut payload = vec![b'x'; MESSAGE_BYTES];
    payload[..8].copy_from_slice(&(number as u64).to_be_bytes());
    payload
}

#[test]
fn a_slow_upstream_slows_the_client() {
    check(true);
}

#[test]
fn a_slow_client_slows_the_upstream() {
    check(false);
}

#[test]
fn a_side_that_does_not_read_does_not_keep_what_it_says_from_the_other() {
    let (_rig, _upstream, mut client, mut server) = pair(RelayConfig::default());
    server.stream.set_nonblocking(true).expect("a socket");
    let frame = server.frame(BINARY, &[0; 60_000]);
    let mut stuck = 0;
    // Far more than the client's side takes: it is backed up for sure.
    while stuck < 200 {
        match server.stream.write(&frame) {
            Ok(_) => stuck = 0,
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                stuck += 1;
                thread::park_timeout(std::time::Duration::from_millis(1));
            }
            Err(error) => panic!("{error}"),
        }
    }
    server.stream.set_nonblocking(false).expect("a socket");
    client.text("I do not read, but I speak");
    assert_eq!(server.read_text(), "I do not read, but I speak");
}

//! Both ways are bounded: a peer that never reads stops `send`, a future that never receives stops the peer.

use std::{
    io::{ErrorKind, Write},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
        mpsc,
    },
    time::Duration,
};

use tungstenite::Message;
use wigwag_server::{
    async_service,
    async_service::{AsyncLimits, AsyncService},
};

use crate::support::{DEADLINE, peer, serve, text};

/// What loopback sockets hold at most, both sides together, and a margin.
const KERNEL_BYTES_MAX: usize = 16 << 20;

#[test]
fn send_waits_for_a_peer_that_does_not_read_and_goes_on_when_it_does() {
    const BYTES: usize = 8 << 10;
    let sent = Arc::new(AtomicUsize::new(0));
    let (waits, waiting) = mpsc::channel();
    let counter = sent.clone();
    let (_net, address) = serve(async_service(move |socket| {
        let (sent, waits) = (counter.clone(), waits.clone());
        async move {
            for number in 0..KERNEL_BYTES_MAX * 2 / BYTES {
                let message = format!("{number:0BYTES$}");
                let sending = socket.send(message.clone());
                // A send that is not done at its first poll waits for the peer.
                if tokio::time::timeout(Duration::from_millis(200), sending).await.is_err() {
                    waits.send(())?;
                    socket.send(message).await?;
                }
                sent.fetch_add(1, SeqCst);
            }
            Ok(())
        }
    }));
    let mut peer = peer(address);
    waiting.recv_timeout(DEADLINE).unwrap();
    let bytes = sent.load(SeqCst) * BYTES;
    assert!(bytes < KERNEL_BYTES_MAX, "{bytes} bytes were taken for a peer that reads nothing");
    // Cancelled sends left nothing behind: each number comes once.
    for number in 0..KERNEL_BYTES_MAX * 2 / BYTES {
        assert_eq!(peer.read().unwrap(), text(format!("{number:0BYTES$}")));
    }
    assert!(matches!(peer.read().unwrap(), Message::Close(_)));
}

#[test]
fn many_senders_share_the_bound_and_all_come_through() {
    const BYTES: usize = 4 << 10;
    const TASKS: usize = 32;
    const EACH: usize = 100;
    let (_net, address) = serve(async_service(|socket| async move {
        let mut tasks = tokio::task::JoinSet::new();
        for _ in 0..TASKS {
            let sender = socket.sender();
            tasks.spawn(async move {
                for _ in 0..EACH {
                    sender.send(vec![1; BYTES]).await?;
                }
                Ok::<(), wigwag_server::async_service::SocketClosed>(())
            });
        }
        while let Some(task) = tasks.join_next().await {
            task??;
        }
        Ok(())
    }));
    let mut peer = peer(address);
    for _ in 0..TASKS * EACH {
        assert_eq!(peer.read().unwrap().len(), BYTES);
    }
    assert!(matches!(peer.read().unwrap(), Message::Close(_)));
}

#[test]
fn a_future_that_does_not_receive_stops_its_peer_and_loses_nothing() {
    const MESSAGE: [u8; 6] = [0x82, 0x80, 0, 0, 0, 0]; // an empty binary message, masked with zeroes
    let (open, gate) = tokio::sync::watch::channel(false);
    let (counted, total) = mpsc::channel();
    let service = async_service(move |mut socket| {
        let (mut gate, counted) = (gate.clone(), counted.clone());
        async move {
            gate.wait_for(|open| *open).await?;
            let mut count = 0_usize;
            while socket.recv().await?.is_some() {
                count += 1;
            }
            counted.send(count)?;
            Ok(())
        }
    });
    let (_net, address) = serve(with_small_inbox(service));
    let peer = peer(address);
    let mut socket = peer.get_ref().try_clone().unwrap();
    socket.set_write_timeout(Some(Duration::from_millis(500))).unwrap();

    // Empty messages count too: they fill the inbox by what they cost, and then the socket buffers.
    let block = MESSAGE.repeat(10_000);
    let (mut written, mut stopped) = (0, false);
    while written < 2 * KERNEL_BYTES_MAX && !stopped {
        match socket.write(&block[written % MESSAGE.len()..]) {
            Ok(count) => written += count,
            Err(error) => {
                assert!(matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut), "{error}");
                stopped = true;
            }
        }
    }
    assert!(stopped, "a peer was let write {written} bytes that nobody received");

    open.send(true).unwrap();
    socket.set_write_timeout(Some(DEADLINE)).unwrap();
    let rest = (MESSAGE.len() - written % MESSAGE.len()) % MESSAGE.len();
    socket.write_all(&MESSAGE[MESSAGE.len() - rest..]).unwrap();
    socket.write_all(&[0x88, 0x80, 0, 0, 0, 0]).unwrap();
    assert_eq!(total.recv_timeout(DEADLINE).unwrap(), (written + rest) / MESSAGE.len());
}

#[test]
fn a_dropped_receiver_leaves_the_sender_working_and_the_close_seen() {
    let (_net, address) = serve(with_small_inbox(async_service(|socket| async move {
        let (receiver, sender) = socket.split();
        drop(receiver);
        sender.send("ready").await?;
        sender.closed().await;
        Ok(())
    })));
    let mut peer = peer(address);
    assert_eq!(peer.read().unwrap(), text("ready"));
    // Far more than the inbox holds: it is thrown away, so the Close behind it is seen.
    for _ in 0..100 {
        peer.send(Message::binary(vec![0; 10_000])).unwrap();
    }
    peer.close(None).unwrap();
    assert!(matches!(peer.read().unwrap(), Message::Close(_)));
}

fn with_small_inbox<F>(service: AsyncService<F>) -> AsyncService<F> {
    service.limits(AsyncLimits { inbox_bytes_max: 4 << 10, ..AsyncLimits::default() })
}

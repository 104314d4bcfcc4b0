//! A drain: what has arrived is answered, then the connection is closed with 1001.

use std::sync::mpsc;

use tungstenite::Message;
use wigwag_server::async_service;

use crate::support::{DEADLINE, close_code, peer, serve, text};

#[test]
fn what_had_arrived_is_answered_then_1001() {
    let (arrived, arrivals) = mpsc::channel();
    let (net, address) = serve(async_service(move |mut socket| {
        let arrived = arrived.clone();
        async move {
            let first = socket.recv().await?;
            arrived.send(())?;
            socket.draining().await;
            assert!(socket.is_draining());
            let mut next = first;
            while let Some(message) = next {
                socket.send(message).await?;
                next = socket.recv().await?;
            }
            Ok(())
        }
    }));
    let mut peer = peer(address);
    for number in 0..3 {
        peer.write(text(number.to_string())).unwrap();
    }
    peer.flush().unwrap(); // one write, one read: all three are in the inbox when the first is received
    arrivals.recv_timeout(DEADLINE).unwrap();
    let drain = std::thread::spawn(move || net.drain(DEADLINE));
    for number in 0..3 {
        assert_eq!(peer.read().unwrap(), text(number.to_string()));
    }
    assert_eq!(close_code(&mut peer), 1001);
    drop(peer);
    let report = drain.join().unwrap();
    assert_eq!((report.closed, report.cut), (1, 0));
}

#[test]
fn an_idle_echo_loop_ends_by_itself() {
    let (net, address) = serve(async_service(|mut socket| async move {
        while let Some(message) = socket.recv().await? {
            socket.send(message).await?;
        }
        Ok(())
    }));
    let mut peer = peer(address);
    peer.send(text("a")).unwrap();
    assert_eq!(peer.read().unwrap(), text("a"));
    let drain = std::thread::spawn(move || net.drain(DEADLINE));
    let closing = peer.read().unwrap();
    assert!(matches!(&closing, Message::Close(Some(frame)) if u16::from(frame.code) == 1001), "{closing:?}");
    let _ = peer.flush();
    drop(peer);
    assert_eq!(drain.join().unwrap().cut, 0);
}

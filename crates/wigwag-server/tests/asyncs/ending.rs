//! Every way in which a connection and its future can end, and what the other one learns.

use std::{sync::mpsc, time::Duration};

use tungstenite::{
    Message,
    protocol::{CloseFrame, frame::coding::CloseCode as Code},
};
use wigwag_net::{CloseCause, CloseCode, Closed};
use wigwag_server::{async_service, async_service::AsyncLimits};

use crate::support::{DEADLINE, close_code, peer, serve, text};

#[test]
fn a_future_that_ends_well_closes_with_1000() {
    let (_net, address) = serve(async_service(|socket| async move {
        socket.send("bye").await?;
        Ok(())
    }));
    let mut peer = peer(address);
    assert_eq!(peer.read().unwrap(), text("bye"));
    assert_eq!(close_code(&mut peer), 1000);
}

#[test]
fn a_future_that_fails_closes_with_1011() {
    let (_net, address) = serve(async_service(|mut socket| async move {
        socket.recv().await?;
        Err("out of luck".into())
    }));
    let mut peer = peer(address);
    peer.send(text("go")).unwrap();
    assert_eq!(close_code(&mut peer), 1011);
}

#[test]
fn a_panic_closes_its_connection_with_1011_is_counted_and_harms_no_other() {
    let (net, address) = serve(async_service(|mut socket| async move {
        while let Some(message) = socket.recv().await? {
            assert_ne!(message.as_text(), Some("panic"), "as asked for");
            socket.send(message).await?;
        }
        Ok(())
    }));
    let (mut good, mut bad) = (peer(address), peer(address));
    bad.send(text("panic")).unwrap();
    assert_eq!(close_code(&mut bad), 1011);
    good.send(text("still there")).unwrap();
    assert_eq!(good.read().unwrap(), text("still there"));
    assert_eq!(net.handle().metrics().iter().map(|worker| worker.panics.get()).sum::<u64>(), 1);
}

#[test]
fn a_handler_that_panics_before_its_future_closes_with_1011() {
    let (_net, address) = serve(async_service(|socket| {
        assert!(socket.is_draining(), "never at once");
        async move { Ok(()) }
    }));
    assert_eq!(close_code(&mut peer(address)), 1011);
}

#[test]
fn a_clean_close_is_the_end_of_messages_and_no_error() {
    let (_net, address, ends) = ends();
    let mut peer = peer(address);
    peer.close(Some(CloseFrame { code: Code::Library(4001), reason: "enough".into() })).unwrap();
    let (clean, closed) = ends.recv_timeout(DEADLINE).unwrap();
    assert!(clean);
    assert_eq!((closed.code(), closed.cause), (4001, CloseCause::Peer));
}

#[test]
fn an_end_without_a_close_is_an_error_that_says_so() {
    let (_net, address, ends) = ends();
    drop(peer(address));
    let (clean, closed) = ends.recv_timeout(DEADLINE).unwrap();
    assert!(!clean);
    assert_eq!(closed.code(), 1006);
}

/// A service that says how `recv` ended: whether cleanly, and the connection's end.
fn ends() -> (wigwag_net::Net, std::net::SocketAddr, mpsc::Receiver<(bool, Closed)>) {
    let (ended, ends) = mpsc::channel();
    let (net, address) = serve(async_service(move |mut socket| {
        let ended = ended.clone();
        async move {
            let clean = socket.recv().await.is_ok_and(|message| message.is_none());
            // The end stays the end, however often one asks.
            assert_eq!(socket.recv().await.is_ok(), clean);
            assert!(socket.send("too late").await.is_err());
            ended.send((clean, socket.closed().await))?;
            Ok(())
        }
    }));
    (net, address, ends)
}

#[test]
fn close_waits_for_the_answer_and_throws_away_what_comes_before_it() {
    let (ended, ends) = mpsc::channel();
    let service = async_service(move |mut socket| {
        let ended = ended.clone();
        async move {
            socket.recv().await?;
            ended.send(socket.close(CloseCode::new(4002).unwrap(), "done").await)?;
            Ok(())
        }
    });
    let service = service.limits(AsyncLimits { inbox_bytes_max: 1 << 10, ..AsyncLimits::default() });
    let (_net, address) = serve(service);
    let mut peer = peer(address);
    // More than the inbox holds, ahead of the Close's answer.
    for _ in 0..200 {
        peer.write(Message::binary(vec![0; 1000])).unwrap();
    }
    peer.flush().unwrap();
    assert_eq!(close_code(&mut peer), 4002);
    let closed = ends.recv_timeout(DEADLINE).unwrap();
    assert_eq!((closed.code(), closed.cause), (4002, CloseCause::Local));
}

#[test]
fn a_future_is_not_dropped_in_an_await_when_its_connection_ends() {
    let (done, dones) = mpsc::channel();
    let (open, gate) = tokio::sync::watch::channel(false);
    let (_net, address) = serve(async_service(move |socket| {
        let (done, mut gate) = (done.clone(), gate.clone());
        async move {
            socket.closed().await;
            done.send("closed")?;
            gate.wait_for(|open| *open).await?;
            done.send("went on")?;
            Ok(())
        }
    }));
    drop(peer(address));
    assert_eq!(dones.recv_timeout(DEADLINE).unwrap(), "closed");
    open.send(true).unwrap();
    assert_eq!(dones.recv_timeout(DEADLINE).unwrap(), "went on");
}

#[test]
fn a_future_that_outlives_its_connection_by_the_grace_is_dropped() {
    struct SaysWhenDropped(mpsc::Sender<()>);
    impl Drop for SaysWhenDropped {
        fn drop(&mut self) {
            let _ = self.0.send(());
        }
    }
    let (dropped, drops) = mpsc::channel();
    let service = async_service(move |socket| {
        let guard = SaysWhenDropped(dropped.clone());
        async move {
            let _held = (guard, socket);
            std::future::pending().await
        }
    });
    let (_net, address) =
        serve(service.limits(AsyncLimits { grace: Duration::from_millis(1), ..AsyncLimits::default() }));
    drop(peer(address));
    drops.recv_timeout(DEADLINE).unwrap();
}

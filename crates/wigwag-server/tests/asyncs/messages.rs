//! What passes through an async service arrives whole, once and in order.

use tungstenite::Message;
use wigwag_server::async_service;

use crate::support::{peer, serve, text};

#[test]
fn an_echo_gives_texts_and_binaries_back_in_order() {
    let (_net, address) = serve(async_service(|mut socket| async move {
        while let Some(message) = socket.recv().await? {
            socket.send(message).await?;
        }
        Ok(())
    }));
    let mut peer = peer(address);
    let sent: Vec<Message> = (0..500)
        .map(|number| if number % 3 == 0 { Message::binary(vec![7; number]) } else { text(number.to_string()) })
        .collect();
    for message in &sent {
        peer.write(message.clone()).unwrap();
    }
    peer.flush().unwrap();
    for message in sent {
        assert_eq!(peer.read().unwrap(), message);
    }
}

#[test]
fn halves_work_in_two_tasks_and_senders_are_shared() {
    let (_net, address) = serve(async_service(|socket| async move {
        let (mut receiver, sender) = socket.split();
        while let Some(message) = receiver.recv().await? {
            let sender = sender.clone();
            tokio::spawn(async move { sender.send(message).await }).await??;
        }
        Ok(())
    }));
    let mut peer = peer(address);
    for number in 0..50 {
        peer.send(text(number.to_string())).unwrap();
        assert_eq!(peer.read().unwrap(), text(number.to_string()));
    }
}

#[test]
fn a_message_larger_than_the_inbox_passes() {
    let (_net, address) = serve(async_service(|mut socket| async move {
        while let Some(message) = socket.recv().await? {
            socket.send(message.as_bytes().len().to_string()).await?;
        }
        Ok(())
    }));
    let mut peer = peer(address);
    for _ in 0..2 {
        peer.send(Message::binary(vec![1; 4 << 20])).unwrap();
        assert_eq!(peer.read().unwrap(), text("4194304"));
    }
}

#[test]
fn what_had_arrived_before_the_end_is_still_received() {
    let (ended, rest) = std::sync::mpsc::channel();
    let (open, gate) = tokio::sync::watch::channel(false);
    let (_net, address) = serve(async_service(move |mut socket| {
        let (ended, mut gate) = (ended.clone(), gate.clone());
        async move {
            socket.closed().await;
            gate.wait_for(|open| *open).await?;
            let mut received = Vec::new();
            while let Some(message) = socket.recv().await? {
                received.push(message.as_text().unwrap_or_default().to_owned());
            }
            ended.send(received)?;
            Ok(())
        }
    }));
    let mut peer = peer(address);
    for number in 0..10 {
        peer.send(text(number.to_string())).unwrap();
    }
    peer.close(None).unwrap();
    assert!(matches!(peer.read().unwrap(), Message::Close(_)));
    open.send(true).unwrap();
    let received = rest.recv_timeout(crate::support::DEADLINE).unwrap();
    assert_eq!(received, (0..10).map(|number| number.to_string()).collect::<Vec<_>>());
}

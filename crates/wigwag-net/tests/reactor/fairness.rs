//! One busy connection does not starve another.

use std::{
    io::Write,
    sync::{Mutex, mpsc},
};

use wigwag_net::{Limits, Message};

use crate::support::*;

#[test]
fn a_flooding_connection_is_cut_off_after_a_few_reads() {
    let (order_in, order) = mpsc::channel();
    let (go, wait) = mpsc::channel::<()>();
    let wait = std::sync::Arc::new(Mutex::new(wait));
    let server = serve_each(Limits::default(), move || {
        let (order, wait) = (order_in.clone(), wait.clone());
        Script::new().on_message(move |_, message| match message {
            // Holds the worker until both peers' bytes lie in their sockets.
            Message::Text("wait") => drop(wait.lock().map(|wait| wait.recv())),
            Message::Text(_) => drop(order.send(None)),
            Message::Binary(bytes) => drop(order.send(Some(bytes.len()))),
        })
    });
    let mut flood = Client::connect(server.address);
    let mut victim = Client::connect(server.address);
    flood.send("wait");
    let mut writer = flood.stream.try_clone().expect("a second handle");
    let messages = 20_000;
    let flooding = std::thread::spawn(move || {
        let message = frame(BINARY, &[0; 1000]).repeat(messages);
        writer.write_all(&message)
    });
    victim.send("me too");
    go.send(()).expect("the worker waits");
    let before = order.iter().take_while(Option::is_some).count();
    // Reads of 64 KiB, four in a turn, two turns at the very most.
    assert!(before <= 2 * 4 * (64 << 10) / 1000, "{before} messages of the flood came first");
    let after = order.iter().take(messages - before).count();
    assert_eq!(before + after, messages);
    flooding.join().expect("no panic").expect("sent");
}

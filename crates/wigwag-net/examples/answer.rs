//! The smallest server on the bare reactor: answers each message with itself, a space and a number from 1 to 100.
//! `cargo run --release -p wigwag-net --example answer -- 8765`

use std::{net::TcpListener, sync::Arc, time::Duration};

use wigwag_net::{Accept, Acceptor, Limits, Listener, Message, Net, Peer, Service, Socket, Transport, Verdict};
use wigwag_proto::{
    Config,
    handshake::{
        extensions::DeflatePolicy,
        server::{Request, Upgrade},
    },
};

struct Answer;

impl Service for Answer {
    fn on_message(&mut self, socket: &mut Socket<'_>, message: Message<'_>) {
        if let Message::Text(text) = message {
            socket.send_text(&[text, " ", &fastrand::u8(1..=100).to_string()]);
        }
    }
}

struct Everyone(Arc<Config>);

impl Acceptor for Everyone {
    fn judge(&self, _: &Request<'_>, _: &Upgrade<'_>, _: &Peer) -> Verdict {
        Verdict::Accept(Accept {
            service: Box::new(Answer),
            route: 0,
            config: self.0.clone(),
            deflate: DeflatePolicy::default(),
            protocol: None,
            headers: Vec::new(),
            permit: None,
            hold: None,
        })
    }

    fn http(&self, _: Transport, _: Peer) {}
}

fn main() -> std::io::Result<()> {
    let port = std::env::args().nth(1).and_then(|port| port.parse().ok()).unwrap_or(0);
    let socket = TcpListener::bind(("127.0.0.1", port))?;
    println!("ws://{}", socket.local_addr()?);
    let listeners = vec![Listener { socket, tls: None }];
    let net = Net::start(1, Limits::default(), listeners, Arc::new(Everyone(Arc::default())))?;
    loop {
        std::thread::sleep(Duration::from_secs(3600));
        println!("{} connections", net.handle().connections());
    }
}

//! A service of one's own: it answers each text in capitals.
//!
//! `cargo run -p wigwag-examples --bin shout [ADDRESS:PORT]`

use std::{env, error::Error};

use wigwag_net::{Message, Service, Socket};
use wigwag_server::Server;

#[derive(Clone)]
struct Shout;

impl Service for Shout {
    fn on_message(&mut self, socket: &mut Socket<'_>, message: Message<'_>) {
        if let Message::Text(text) = message {
            socket.send(Message::Text(&text.to_uppercase()));
        }
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let address = env::args().nth(1).unwrap_or_else(|| "127.0.0.1:8765".to_owned());
    let server = Server::builder().route("/shout", Shout).bind(address)?;
    println!("ws://{}/shout", server.local_addrs()[0]);
    println!("{}", server.serve_until(async { drop(tokio::signal::ctrl_c().await) })?);
    Ok(())
}

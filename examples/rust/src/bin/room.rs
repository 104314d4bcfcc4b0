//! Rooms: what one member says, all members of the room hear, the speaker too. The room is a part of the path.
//!
//! `cargo run -p wigwag-examples --bin room [ADDRESS:PORT]`

use std::{env, error::Error};

use wigwag_net::{Lag, Message, Prepared, Refusal, Service, Socket};
use wigwag_server::{Handshake, Server};

/// A fixed list, for a topic lives as long as the server: strangers must not be able to make ever more of them.
const ROOMS: [&str; 3] = ["garden", "kitchen", "study"];

struct Member {
    room: &'static str,
}

impl Member {
    fn enter(handshake: &Handshake<'_>) -> Result<Self, Refusal> {
        let room = ROOMS.into_iter().find(|room| *room == handshake.param("room"));
        room.map(|room| Self { room }).ok_or_else(|| Refusal {
            status: 404,
            label: "no_such_room",
            headers: Vec::new(),
            body: format!("there are these rooms: {}", ROOMS.join(", ")),
        })
    }
}

impl Service for Member {
    fn on_open(&mut self, socket: &mut Socket<'_>) {
        let room = socket.net().topic(self.room);
        // A member who does not keep up is sent away: gaps in a conversation are worse than a new connection.
        socket.subscribe(room, Lag::Close);
        socket.send(Message::Text(&format!("welcome to the {}", self.room)));
    }

    fn on_message(&mut self, socket: &mut Socket<'_>, message: Message<'_>) {
        let room = socket.net().topic(self.room);
        socket.net().publish(room, &Prepared::new(message));
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let address = env::args().nth(1).unwrap_or_else(|| "127.0.0.1:8765".to_owned());
    let server = Server::builder().route("/rooms/{room}", Member::enter).bind(address)?;
    println!("ws://{}/rooms/garden", server.local_addrs()[0]);
    println!("{}", server.serve_until(async { drop(tokio::signal::ctrl_c().await) })?);
    Ok(())
}

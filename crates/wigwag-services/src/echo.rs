//! `/echo`: every message comes back as it is, text as text and binary as binary.

use wigwag_net::{Message, Service, Socket};

/// Sends every message back. See `docs/services/echo.md`.
#[derive(Clone, Copy, Debug, Default)]
pub struct Echo;

impl Service for Echo {
    fn on_message(&mut self, socket: &mut Socket<'_>, message: Message<'_>) {
        socket.send(message);
    }
}

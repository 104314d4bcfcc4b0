//! `/echo`: every message comes back as it is, text as text and binary as binary.

use wigwag_net::{Message, Messages, Service, Socket};

/// Sends every message back. See `docs/services/echo.md`.
#[derive(Clone, Copy, Debug, Default)]
pub struct Echo;

impl Service for Echo {
    fn on_message(&mut self, socket: &mut Socket<'_>, message: Message<'_>) {
        socket.send(message);
    }

    fn on_messages(&mut self, messages: &mut Messages<'_, '_>) {
        while let Some((mut socket, kind, bytes)) = messages.take_next_bytes() {
            socket.send_bytes(kind, bytes);
        }
    }
}

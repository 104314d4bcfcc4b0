//! tokio-websockets: limits as the library sets them. Answers are fed in batches, but the library flushes what is
//! queued each time it is asked for the next message, so every answer is a write all the same.

use tokio_websockets::{Message, ServerBuilder};
use wigwag_bench::{answer, answer_batches, answer_text, serve};

fn main() -> std::io::Result<()> {
    serve(|stream| async move {
        if let Ok((_request, socket)) = ServerBuilder::new().accept(stream).await {
            answer_batches(socket, reply).await;
        }
    })
}

fn reply(message: Message) -> Option<Message> {
    if let Some(text) = message.as_text() {
        Some(Message::text(answer_text(text)))
    } else if message.is_binary() {
        Some(Message::binary(answer(message.as_payload())))
    } else {
        None
    }
}

//! tokio-tungstenite: `tokio-tungstenite PORT [READ_BUFFER_SIZE]`. Answers are flushed once per batch.

use tokio_tungstenite::tungstenite::protocol::{Message, WebSocketConfig};
use wigwag_bench::{answer, answer_batches, answer_text, serve};

fn main() -> std::io::Result<()> {
    // Without the second argument the library's own defaults hold (128 KiB of read buffer per connection).
    let mut config = WebSocketConfig::default();
    if let Some(bytes) = std::env::args().nth(2).and_then(|word| word.parse().ok()) {
        config = config.read_buffer_size(bytes);
    }
    serve(move |stream| async move {
        if let Ok(socket) = tokio_tungstenite::accept_async_with_config(stream, Some(config)).await {
            answer_batches(socket, reply).await;
        }
    })
}

fn reply(message: Message) -> Option<Message> {
    match message {
        Message::Text(text) => Some(Message::text(answer_text(text.as_str()))),
        Message::Binary(bytes) => Some(Message::binary(answer(&bytes))),
        _ => None,
    }
}

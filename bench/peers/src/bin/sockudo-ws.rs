//! sockudo-ws over tokio with its default configuration: answers are fed and flushed once per batch.

use sockudo_ws::handshake::server_handshake;
use sockudo_ws::{Config, Message, WebSocketStream};
use wigwag_bench::{answer, answer_batches, serve};

fn main() -> std::io::Result<()> {
    serve(|mut stream| async move {
        if server_handshake(&mut stream).await.is_ok() {
            answer_batches(WebSocketStream::server(stream, Config::default()), reply).await;
        }
    })
}

fn reply(message: Message) -> Option<Message> {
    match message {
        Message::Text(text) => Some(Message::Text(answer(&text).into())),
        Message::Binary(bytes) => Some(Message::Binary(answer(&bytes).into())),
        _ => None,
    }
}

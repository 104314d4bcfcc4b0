//! What the Rust peers share: the answer, the accept loop and the batch loop.
//!
//! Every peer answers a message with the same bytes, a space and a random whole number from 1 to 100, on one
//! thread, with TCP_NODELAY. Nothing here knows a WebSocket library.

use std::future::Future;

use futures_util::{FutureExt, Sink, SinkExt, Stream, StreamExt};
use tokio::net::{TcpListener, TcpStream};

/// The answer to `message`: the message, a space, a number from 1 to 100.
pub fn answer(message: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(message.len() + 4);
    out.extend_from_slice(message);
    push_number(&mut out);
    out
}

/// The answer to `message` as text.
pub fn answer_text(message: &str) -> String {
    let mut out = String::with_capacity(message.len() + 4);
    out.push_str(message);
    out.push_str(NUMBERS[fastrand::usize(..NUMBERS.len())]);
    out
}

/// Accepts on 127.0.0.1 at the port named by the first argument, for ever; one task per connection, one thread.
pub fn serve<F>(handle: impl Fn(TcpStream) -> F) -> std::io::Result<()>
where
    F: Future<Output = ()> + 'static,
{
    let port = std::env::args().nth(1).and_then(|word| word.parse::<u16>().ok()).ok_or_else(|| {
        std::io::Error::new(std::io::ErrorKind::InvalidInput, "the first argument must be a port number")
    })?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let tasks = tokio::task::LocalSet::new();
    tasks.block_on(&runtime, async {
        let listener = TcpListener::bind(("127.0.0.1", port)).await?;
        loop {
            // A failed accept (the peer is gone already) concerns that connection alone.
            if let Ok((stream, _)) = listener.accept().await {
                let _ = stream.set_nodelay(true);
                tokio::task::spawn_local(handle(stream));
            }
        }
    })
}

/// Answers until the connection ends: feeds the answer of every message which is ready, then flushes once.
///
/// One flush per message would cost these libraries ten times as much CPU with 16 messages in flight.
pub async fn answer_batches<S, M, E>(mut socket: S, reply: impl Fn(M) -> Option<M>)
where
    S: Stream<Item = Result<M, E>> + Sink<M> + Unpin,
{
    while let Some(Ok(first)) = socket.next().await {
        let mut next = Some(first);
        while let Some(message) = next {
            if let Some(message) = reply(message)
                && socket.feed(message).await.is_err()
            {
                return;
            }
            next = match socket.next().now_or_never() {
                Some(Some(Ok(message))) => Some(message),
                Some(_) => return,
                None => None,
            };
        }
        if socket.flush().await.is_err() {
            return;
        }
    }
}

fn push_number(out: &mut Vec<u8>) {
    out.extend_from_slice(NUMBERS[fastrand::usize(..NUMBERS.len())].as_bytes());
}

/// A space and the number, ready to be appended.
const NUMBERS: [&str; 100] = [
    " 1", " 2", " 3", " 4", " 5", " 6", " 7", " 8", " 9", " 10", " 11", " 12", " 13", " 14", " 15", " 16", " 17",
    " 18", " 19", " 20", " 21", " 22", " 23", " 24", " 25", " 26", " 27", " 28", " 29", " 30", " 31", " 32", " 33",
    " 34", " 35", " 36", " 37", " 38", " 39", " 40", " 41", " 42", " 43", " 44", " 45", " 46", " 47", " 48", " 49",
    " 50", " 51", " 52", " 53", " 54", " 55", " 56", " 57", " 58", " 59", " 60", " 61", " 62", " 63", " 64", " 65",
    " 66", " 67", " 68", " 69", " 70", " 71", " 72", " 73", " 74", " 75", " 76", " 77", " 78", " 79", " 80", " 81",
    " 82", " 83", " 84", " 85", " 86", " 87", " 88", " 89", " 90", " 91", " 92", " 93", " 94", " 95", " 96", " 97",
    " 98", " 99", " 100",
];

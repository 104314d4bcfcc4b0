//! A client as an async function: it sends a few texts at once, and prints an answer for each.
//!
//! `cargo run -p wigwag-examples --bin client ws://127.0.0.1:8765/shout hello world`

use std::{env, error::Error};

use wigwag_net::CloseCode;
use wigwag_server::async_client::{ClientOptions, connect, start_client};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut args = env::args().skip(1);
    let url = args.next().unwrap_or_else(|| "ws://127.0.0.1:8765/shout".to_owned());
    let net = start_client(1)?;
    let mut socket = connect(&net.handle(), ClientOptions::from_url(&url)?.into_connect()?).await?;
    let texts: Vec<String> = args.collect();
    for text in &texts {
        socket.send(text.as_str()).await?;
    }
    for _ in &texts {
        match socket.recv().await? {
            Some(answer) => println!("{}", answer.as_text().unwrap_or("(binary)")),
            None => return Err("the server closed before it had answered".into()),
        }
    }
    socket.close(CloseCode::NORMAL, "").await;
    Ok(())
}

//! The same service as an async loop, one future per connection: for services that wait for other things than messages.
//!
//! `cargo run -p wigwag-examples --bin shout_async [ADDRESS:PORT]`

use std::{env, error::Error};

use wigwag_server::{Server, async_service};

fn main() -> Result<(), Box<dyn Error>> {
    let address = env::args().nth(1).unwrap_or_else(|| "127.0.0.1:8765".to_owned());
    let shout = async_service(|mut socket| async move {
        while let Some(message) = socket.recv().await? {
            if let Some(text) = message.as_text() {
                socket.send(text.to_uppercase()).await?;
            }
        }
        Ok(())
    });
    let server = Server::builder().route("/shout", shout).bind(address)?;
    println!("ws://{}/shout", server.local_addrs()[0]);
    println!("{}", server.serve_until(async { drop(tokio::signal::ctrl_c().await) })?);
    Ok(())
}

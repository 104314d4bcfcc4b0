//! A relay and nothing else, for measurements: `relay LISTEN UPSTREAM_URL [WORKERS]`.

use wigwag_gateway::{Gateway, RelayConfig};
use wigwag_server::Server;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [listen, upstream, rest @ ..] = args.as_slice() else {
        return Err("usage: relay LISTEN UPSTREAM_URL [WORKERS]".into());
    };
    let workers = rest.first().map_or(Ok(1), |workers| workers.parse())?;
    let relay = Gateway::new().relay("/ws", upstream.parse()?, RelayConfig::default())?;
    let server = Server::builder().workers(workers).route("/ws", relay).default_route("ws").bind(listen)?;
    println!("{}", server.local_addrs()[0]);
    println!("{}", server.serve_until(std::future::pending())?);
    Ok(())
}

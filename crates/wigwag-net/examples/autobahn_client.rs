//! The client under test for the Autobahn test-suite: asks how many cases there are, runs each by echoing what comes, and
//! has the report written. `autobahn_client 127.0.0.1:9001 [AGENT]`

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        mpsc::{self, Receiver, Sender},
    },
    time::Duration,
};

use wigwag_net::{Closed, Connect, Handle, Limits, Message, Net, Service, Socket};
use wigwag_proto::{Config, handshake::extensions::DeflatePolicy};

/// Echoes until the connection ends, then says what the last message was.
struct Case {
    echoes: bool,
    last: String,
    done: Sender<(String, Closed)>,
}

impl Service for Case {
    fn on_message(&mut self, socket: &mut Socket<'_>, message: Message<'_>) {
        if self.echoes {
            socket.send(message);
        } else if let Message::Text(text) = message {
            text.clone_into(&mut self.last);
        }
    }

    fn on_close(&mut self, closed: &Closed) {
        // The receiver is gone only where the program is ending.
        let _ = self.done.send((std::mem::take(&mut self.last), closed.clone()));
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut args = std::env::args().skip(1);
    let server: SocketAddr = args.next().ok_or("usage: autobahn_client ADDR:PORT [AGENT]")?.parse()?;
    let agent = args.next().unwrap_or_else(|| "wigwag".to_owned());
    // The suite counts every frame: no Pings of our own, and slow cases are waited for.
    let patience = Duration::from_secs(600);
    let limits = Limits { ping_interval: patience, idle_timeout: 2 * patience, ..Limits::default() };
    let net = Net::client(1, limits)?;
    let handle = net.handle();
    let (count, _) = run(&handle, server, "/getCaseCount".to_owned(), false).recv()?;
    let count: u32 = count.trim().parse().map_err(|_| format!("no case count, but {count:?}"))?;
    for case in 1..=count {
        run(&handle, server, format!("/runCase?case={case}&agent={agent}"), true).recv()?;
    }
    run(&handle, server, format!("/updateReports?agent={agent}"), false).recv()?;
    println!("{count} cases run");
    Ok(())
}

fn run(handle: &Handle, server: SocketAddr, target: String, echoes: bool) -> Receiver<(String, Closed)> {
    let (done, wait) = mpsc::channel();
    let config = Config { message_bytes_max: 64 << 20, ..Config::default() };
    let connect = Connect {
        config: Arc::new(config),
        deflate: DeflatePolicy {
            server_no_context_takeover: false,
            client_no_context_takeover: false,
            ..DeflatePolicy::default()
        },
        ..Connect::new(server.ip().to_string(), server.port(), target)
    };
    handle.connect(connect, Case { echoes, last: String::new(), done });
    wait
}

//! A small server: echo, random, stream, letters and the feed, as much of each as the window asks for.

use std::{
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{Arc, Mutex},
    thread,
};

use tungstenite::{
    Message, WebSocket, accept_hdr,
    handshake::server::{ErrorResponse, Request, Response},
};

/// Listens until it is dropped; its connections live as long as their clients.
pub(super) struct Peer {
    pub(super) address: SocketAddr,
    headers: Arc<Mutex<Vec<(String, String)>>>,
}

impl Peer {
    pub(super) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("bound");
        let headers = Arc::new(Mutex::new(Vec::new()));
        let kept = headers.clone();
        thread::spawn(move || {
            for socket in listener.incoming().flatten() {
                let kept = kept.clone();
                thread::spawn(move || serve(socket, &kept));
            }
        });
        Self { address, headers }
    }

    /// The last value of a header that a client sent.
    pub(super) fn header(&self, name: &str) -> Option<String> {
        let headers = self.headers.lock().expect("no panic");
        headers.iter().rev().find(|(other, _)| other == name).map(|(_, value)| value.clone())
    }
}

fn serve(socket: TcpStream, kept: &Mutex<Vec<(String, String)>>) {
    let mut path = String::new();
    #[expect(clippy::result_large_err, reason = "the library's own type")]
    let judge = |request: &Request, mut response: Response| -> Result<Response, ErrorResponse> {
        request.uri().path().clone_into(&mut path);
        let headers = request.headers().iter();
        let headers = headers.filter_map(|(name, value)| Some((name.to_string(), value.to_str().ok()?.to_owned())));
        kept.lock().expect("no panic").extend(headers);
        if let Some(wanted) = request.headers().get("sec-websocket-protocol").and_then(|value| value.to_str().ok())
            && let Some(last) = wanted.split(',').map(str::trim).next_back()
        {
            response.headers_mut().insert("sec-websocket-protocol", last.parse().expect("a token"));
        }
        Ok(response)
    };
    let Ok(mut socket) = accept_hdr(socket, judge) else { return };
    if path == "/metrics/live" {
        let feed = r#"{"uptime_seconds":7.5,"version":"9.9.9","workers":2,"all":{"connections":4321}}"#;
        let _ = socket.send(Message::text(feed));
    }
    // It fails when the client is gone.
    while let Ok(message) = socket.read() {
        if !(message.is_text() || message.is_binary()) {
            continue;
        }
        let answered = match path.as_str() {
            "/random" => message.into_text().is_ok_and(|text| say(&mut socket, &format!("{text} 17"))),
            "/stream" => STREAM.iter().all(|message| say(&mut socket, message)),
            "/letters" => say(&mut socket, r#"{"A":1234}"#),
            _ => socket.send(message).is_ok(),
        };
        if !answered {
            return;
        }
    }
}

fn say(socket: &mut WebSocket<TcpStream>, text: &str) -> bool {
    socket.send(Message::text(text)).is_ok()
}

/// What `/stream` says to "añ".
const STREAM: [&str; 5] = [
    r#"{"type":"stream","data":"a"}"#,
    r#"{"type":"stream","data":"ñ"}"#,
    r#"{"type":"stream_reverse","data":"ñ"}"#,
    r#"{"type":"stream_reverse","data":"a"}"#,
    r#"{"type":"count","last_char":"ñ","count":0}"#,
];

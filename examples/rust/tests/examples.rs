//! Each example runs as a person runs it, on a free port, and does what it says.

use std::{
    io::{BufRead, BufReader},
    process::{Child, Command, Stdio},
    time::Duration,
};

use wigwag_server::{
    AsyncSocket,
    async_client::{ClientOptions, ConnectError, connect, start_client},
};

/// An example that serves; it ends with the test.
struct Running {
    child: Child,
    url: String,
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill(); // it may have ended already
        let _ = self.child.wait();
    }
}

fn start(program: &str) -> Running {
    let mut child = Command::new(program).arg("127.0.0.1:0").stdout(Stdio::piped()).spawn().unwrap();
    let mut url = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut url).unwrap();
    Running { child, url: url.trim().to_owned() }
}

/// What the client example prints for these arguments.
fn client(url: &str, texts: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_client")).arg(url).args(texts).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

fn run(future: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async { tokio::time::timeout(Duration::from_secs(20), future).await.expect("in time") });
}

#[test]
fn shout_answers_in_capitals() {
    let shout = start(env!("CARGO_BIN_EXE_shout"));
    assert_eq!(client(&shout.url, &["hello", "straße"]), "HELLO\nSTRASSE\n");
}

#[test]
fn shout_async_does_the_same() {
    let shout = start(env!("CARGO_BIN_EXE_shout_async"));
    assert_eq!(client(&shout.url, &["hello", "straße"]), "HELLO\nSTRASSE\n");
}

#[test]
fn room_members_hear_each_other_and_no_other_room() {
    let room = start(env!("CARGO_BIN_EXE_room"));
    run(async {
        let net = start_client(1).unwrap();
        let enter = async |name: &str| -> Result<AsyncSocket, ConnectError> {
            let url = room.url.replace("garden", name);
            connect(&net.handle(), ClientOptions::from_url(&url).unwrap().into_connect().unwrap()).await
        };
        let mut members = [enter("garden").await.unwrap(), enter("garden").await.unwrap()];
        let mut stranger = enter("kitchen").await.unwrap();
        for member in &mut members {
            assert_eq!(hear(member).await, "welcome to the garden");
        }
        assert_eq!(hear(&mut stranger).await, "welcome to the kitchen");
        members[0].send("hello").await.unwrap();
        for member in &mut members {
            assert_eq!(hear(member).await, "hello");
        }
        stranger.send("anyone?").await.unwrap();
        assert_eq!(hear(&mut stranger).await, "anyone?");
        let error = enter("cellar").await.unwrap_err().to_string();
        assert!(error.contains("404") && error.contains("garden, kitchen, study"), "{error}");
    });
}

async fn hear(socket: &mut AsyncSocket) -> String {
    let message = socket.recv().await.unwrap().expect("still open");
    message.as_text().expect("rooms speak text").to_owned()
}

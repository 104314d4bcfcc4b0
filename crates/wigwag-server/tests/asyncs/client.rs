//! The async client against the async service, and against what can go wrong while opening.

use std::{net::TcpListener, time::Duration};

use wigwag_net::{CloseCode, Connect, Handle};
use wigwag_server::{
    async_client::{ConnectError, connect, start_client},
    async_service,
    async_service::AsyncSocket,
};

use crate::support::{DEADLINE, serve};

fn run<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async { tokio::time::timeout(DEADLINE, future).await.expect("in time") })
}

async fn open(net: &Handle, port: u16) -> Result<AsyncSocket, ConnectError> {
    connect(net, Connect::new("127.0.0.1", port, "/")).await
}

#[test]
fn messages_go_both_ways_and_the_close_is_clean() {
    let (_server, address) = serve(async_service(|mut socket| async move {
        while let Some(message) = socket.recv().await? {
            socket.send(message).await?;
        }
        Ok(())
    }));
    let client = start_client(1).unwrap();
    run(async {
        let mut socket = open(&client.handle(), address.port()).await.unwrap();
        for number in 0..1000 {
            socket.send(number.to_string()).await.unwrap();
        }
        for number in 0..1000 {
            let answer = socket.recv().await.unwrap().unwrap();
            assert_eq!(answer.as_text(), Some(&*number.to_string()));
        }
        assert_eq!(socket.close(CloseCode::NORMAL, "").await.code(), 1000);
    });
}

#[test]
fn nobody_listening_is_an_error_that_names_the_address() {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let client = start_client(1).unwrap();
    let error = run(open(&client.handle(), port)).unwrap_err().to_string();
    assert!(error.starts_with(&format!("cannot open ws://127.0.0.1:{port}/: ")), "{error}");
    assert!(error.contains("refused"), "{error}");
}

#[test]
fn a_server_that_never_answers_costs_no_more_than_the_time_out() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = silent.local_addr().unwrap().port();
    let client = start_client(1).unwrap();
    let request = Connect { timeout: Duration::from_millis(50), ..Connect::new("127.0.0.1", port, "/") };
    let error = run(connect(&client.handle(), request)).unwrap_err();
    assert_eq!(error.why, "no answer within 50ms");
}

#[test]
fn connecting_by_stopped_workers_is_an_error_and_no_hang() {
    let client = start_client(1).unwrap();
    let handle = client.handle();
    client.drain(Duration::ZERO);
    assert_eq!(run(open(&handle, 1)).unwrap_err().why, "the workers have stopped");
}

#[test]
fn a_dropped_socket_closes_its_connection() {
    let (ended, ends) = std::sync::mpsc::channel();
    let (_server, address) = serve(async_service(move |mut socket| {
        let ended = ended.clone();
        async move {
            assert!(socket.recv().await?.is_none());
            ended.send(socket.closed().await.code())?;
            Ok(())
        }
    }));
    let client = start_client(1).unwrap();
    drop(run(open(&client.handle(), address.port())).unwrap());
    assert_eq!(ends.recv_timeout(DEADLINE).unwrap(), 1000);
}

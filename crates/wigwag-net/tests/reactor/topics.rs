//! One message to many connections.

use std::sync::mpsc;

use wigwag_net::{Handle, Lag, Limits, Message, Socket, Verdict};
use wigwag_proto::connection::Prepared;

use crate::support::*;

/// "+NAME" subscribes (answered with the newest publication, or "none"), "-NAME" unsubscribes; other texts are echoed.
fn subscriber(lag: Lag) -> Script {
    Script::new().on_message(move |socket, message| {
        let Message::Text(text) = message else { return };
        let topic = |socket: &Socket<'_>, name: &str| socket.net().topic(name);
        if let Some(name) = text.strip_prefix('+') {
            let topic = topic(socket, name);
            let newest = socket.subscribe(topic, lag);
            let newest = newest.as_ref().map_or("none".into(), |newest| String::from_utf8_lossy(newest.payload()));
            socket.send(Message::Text(&newest));
        } else if let Some(name) = text.strip_prefix('-') {
            let topic = topic(socket, name);
            let ended = socket.unsubscribe(topic);
            socket.send(Message::Text(&ended.to_string()));
        } else {
            socket.send(message);
        }
    })
}

fn serve_topics(workers: usize, limits: Limits, lag: Lag) -> Server {
    serve_with(workers, limits, None, move |_| -> Verdict { accept(subscriber(lag)) })
}

fn ask(client: &mut Client, text: &str) -> String {
    client.send(text);
    client.read_text()
}

fn publish(handle: &Handle, name: &str, text: &str) {
    handle.publish(handle.topic(name), &Prepared::new(Message::Text(text)));
}

#[test]
fn every_subscriber_of_every_worker_gets_each_publication_once_and_in_order() {
    let server = serve_topics(2, Limits::default(), Lag::Close);
    let mut clients: Vec<_> = (0..20).map(|_| Client::connect(server.address)).collect();
    for client in &mut clients {
        assert_eq!(ask(client, "+news"), "none");
        assert_eq!(ask(client, "+news"), "none", "subscribing again changes nothing");
    }
    let handle = server.net.handle();
    (0..500).for_each(|number| publish(&handle, "news", &number.to_string()));
    for client in &mut clients {
        for number in 0..500 {
            assert_eq!(client.read_text(), number.to_string());
        }
        assert_eq!(ask(client, "nothing else came"), "nothing else came");
    }
    assert_eq!(ask(&mut Client::connect(server.address), "+news"), "499");
}

#[test]
fn who_leaves_a_topic_takes_nobody_elses_place() {
    let server = serve_topics(1, Limits::default(), Lag::Newest);
    let handle = server.net.handle();
    let mut clients: Vec<Option<Client>> = (0..10).map(|_| Some(Client::connect(server.address))).collect();
    for client in clients.iter_mut().flatten() {
        assert_eq!(ask(client, "+a"), "none");
        assert_eq!(ask(client, "+b"), "none");
    }
    // From the front, the middle and the end; by word and by going.
    for index in [0, 5, 9] {
        let client = clients[index].as_mut().expect("still there");
        assert_eq!([ask(client, "-a"), ask(client, "-a")], ["true", "false"]);
    }
    for index in [1, 5, 8] {
        clients[index] = None;
    }
    eventually("three are gone", || handle.connections() == 7);
    publish(&handle, "a", "news of a");
    publish(&handle, "b", "news of b");
    for index in [2, 3, 4, 6, 7] {
        let client = clients[index].as_mut().expect("still there");
        assert_eq!([client.read_text(), client.read_text()], ["news of a", "news of b"], "client {index}");
    }
    for index in [0, 9] {
        assert_eq!(clients[index].as_mut().expect("still there").read_text(), "news of b", "client {index}");
    }
    drop(clients);
    server.assert_empty();
    publish(&handle, "a", "to nobody");
}

#[test]
fn a_subscriber_that_does_not_keep_up_gets_the_newest_in_the_end() {
    let server = serve_topics(1, Limits::default(), Lag::Newest);
    let handle = server.net.handle();
    let mut slow = Client::connect(server.address);
    let mut quick = Client::connect(server.address);
    assert_eq!(ask(&mut slow, "+news"), "none");
    assert_eq!(ask(&mut quick, "+news"), "none");
    let last = 2000;
    for number in 0..=last {
        publish(&handle, "news", &format!("{number:05000}"));
        // In step with one reader, so that the other alone falls behind.
        assert_eq!(quick.read_text().parse(), Ok(number));
    }
    assert!(server.sum(|metrics| metrics.out_queue_bytes.get()) < 1 << 20, "a slow subscriber costs little");
    let skipped = server.sum(|metrics| metrics.publications_skipped.get());
    assert!(skipped > 0, "none was skipped");
    let mut before = -1;
    let mut received = 0;
    while before < last {
        let number: i32 = slow.read_text().parse().expect("a number");
        assert!(number > before, "{number} after {before}");
        before = number;
        received += 1;
    }
    assert_eq!(received + skipped as i32, last + 1, "each publication arrived or was counted as skipped");
    publish(&handle, "news", "live again");
    assert_eq!(slow.read_text(), "live again");
}

#[test]
fn a_subscriber_that_must_not_miss_any_is_closed_with_1013() {
    let server = serve_topics(1, Limits::default(), Lag::Close);
    let handle = server.net.handle();
    let mut slow = Client::connect(server.address);
    assert_eq!(ask(&mut slow, "+news"), "none");
    let news = "n".repeat(50_000);
    (0..100).for_each(|_| publish(&handle, "news", &news));
    let mut received = 0;
    let code = loop {
        match slow.read_frame() {
            (TEXT, text) => {
                assert_eq!(text.len(), news.len());
                received += 1;
            }
            (_, close) => break u16::from_be_bytes([close[0], close[1]]),
        }
    };
    assert_eq!(code, 1013);
    assert!(received >= (1 << 20) / 50_000, "only {received} were queued");
}

#[test]
fn a_burst_within_one_turn_does_not_count_as_lag() {
    let limits = Limits { out_queue_high_water: 4000, out_queue_low_water: 1000, ..Limits::default() };
    let (go, wait) = mpsc::channel::<()>();
    let wait = std::sync::Arc::new(std::sync::Mutex::new(wait));
    let server = serve(limits, move |path| {
        let wait = wait.clone();
        accept(match path {
            "/wait" => Script::new().on_message(move |_, _| drop(wait.lock().map(|wait| wait.recv()))),
            _ => subscriber(Lag::Newest),
        })
    });
    let mut client = Client::connect(server.address);
    assert_eq!(ask(&mut client, "+news"), "none");
    Client::connect_to(server.address, "/wait").send("now");
    let handle = server.net.handle();
    (0..10).for_each(|number| publish(&handle, "news", &format!("{number:01000}")));
    go.send(()).expect("the worker waits");
    for number in 0..10 {
        assert_eq!(client.read_text().parse(), Ok(number));
    }
    assert_eq!(server.sum(|metrics| metrics.publications_skipped.get()), 0);
}

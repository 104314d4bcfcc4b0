//! The services as a client meets them: over real sockets on loopback, with another implementation as the client.

mod letters;
mod python;
mod random;
mod stream;
mod support;

use support::{Client, Message, Running};
use wigwag_services::Echo;

#[test]
fn echo_gives_text_as_text_and_binary_as_binary() {
    let server = Running::start(|| Box::new(Echo));
    let mut client = server.connect();
    for message in
        [Message::text("h\u{e9}llo"), Message::text(""), Message::binary(vec![0, 255]), Message::binary(vec![])]
    {
        client.send(message.clone());
        assert_eq!(client.read(), message);
    }
}

#[test]
fn answers_come_in_the_order_of_the_questions() {
    let server = Running::start(|| Box::new(Echo));
    let mut client: Client = server.connect();
    for number in 0..1000 {
        client.queue(Message::text(number.to_string()));
    }
    client.flush();
    for number in 0..1000 {
        assert_eq!(client.read_text(), number.to_string());
    }
}

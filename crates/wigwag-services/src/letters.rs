//! `/letters`: a number per letter, renewed all the time, pushed to whoever has subscribed to the letter.
//!
//! The numbers are one state for all connections and workers. Each letter is a topic: a ticker renews the numbers and
//! publishes each, encoded once. What a new subscriber is told is the topic's newest publication, so no answer can
//! contradict an update, and none is repeated.

use std::{
    collections::BTreeMap,
    sync::{Arc, OnceLock},
    time::Duration,
};

use serde::{Deserialize, Serialize};
use wigwag_net::{Handle, Lag, Message, OnFull, Prepared, Service, Socket, Topic};

use crate::shortened;

/// Pushes the numbers of letters to their subscribers; clones share the numbers. See `docs/services/letters.md`.
///
/// A value and its clones belong to one [`wigwag_net::Net`].
#[derive(Clone, Debug)]
pub struct Letters {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    interval: Duration,
    /// The topics of A to Z, once the ticker runs.
    topics: OnceLock<[Topic; LETTERS]>,
}

impl Letters {
    /// How often the numbers change unless told otherwise.
    pub const INTERVAL: Duration = Duration::from_secs(1);

    /// Letters whose numbers change every `interval` (1 ms at least).
    #[must_use]
    pub fn new(interval: Duration) -> Self {
        Self { shared: Arc::new(Shared { interval, topics: OnceLock::new() }) }
    }

    /// Draws the first numbers and starts the ticker. Only the first call does something; without any, the first
    /// subscriber starts it.
    pub fn start(&self, net: &Handle) {
        self.topics(net);
    }

    fn topics(&self, net: &Handle) -> &[Topic; LETTERS] {
        self.shared.topics.get_or_init(|| {
            let topics = std::array::from_fn(|index| net.topic(&format!("letters/{}", name(index))));
            renew(net, &topics);
            net.every(self.shared.interval, move |net| {
                renew(net, &topics);
                true
            });
            topics
        })
    }

    fn handle(&self, socket: &mut Socket<'_>, text: &str) -> Result<(), String> {
        let request = Request::parse(text)?;
        let topic = self.topics(socket.net())[request.letter];
        match request.action {
            Action::Subscribe => {
                // Without a newest publication the first one is on its way to this worker: it will be the answer.
                if let Some(newest) = socket.subscribe(topic, Lag::Newest) {
                    socket.push(&newest, OnFull::Close);
                }
            }
            Action::Unsubscribe => {
                if !socket.unsubscribe(topic) {
                    socket.send(Message::Text(&Answer::refused(request.letter).to_json()));
                }
            }
        }
        Ok(())
    }
}

impl Default for Letters {
    fn default() -> Self {
        Self::new(Self::INTERVAL)
    }
}

impl Service for Letters {
    fn on_message(&mut self, socket: &mut Socket<'_>, message: Message<'_>) {
        let outcome = match message {
            Message::Text(text) => self.handle(socket, text),
            Message::Binary(_) => Err(String::from("send text, not binary")),
        };
        if let Err(why) = outcome {
            socket.send(Message::Text(&Answer::Error { error: why }.to_json()));
        }
    }
}

/// What a client asks for, understood.
#[derive(Debug, PartialEq, Eq)]
struct Request {
    action: Action,
    /// 0 is A, 25 is Z.
    letter: usize,
}

#[derive(Debug, PartialEq, Eq)]
enum Action {
    Subscribe,
    Unsubscribe,
}

/// What a client sends.
#[derive(Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(rename = "LettersRequest"))]
struct Fields {
    #[cfg_attr(test, ts(type = "\"subscribe\" | \"unsubscribe\""))]
    action: String,
    /// A to Z, in any case.
    letter: String,
}

/// What a client is told. The keys are letters, A to Z, but for `error`.
#[derive(Serialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(rename = "LettersMessage"))]
#[serde(untagged)]
enum Answer {
    /// A letter's number, at once on subscribing and at each renewal.
    Update(BTreeMap<char, u16>),
    /// Why the request for a letter changes nothing.
    Refused(BTreeMap<char, &'static str>),
    /// Why a message is no request.
    Error { error: String },
}

impl Answer {
    fn update(letter: usize, number: u16) -> Self {
        Self::Update(BTreeMap::from([(name(letter), number)]))
    }

    fn refused(letter: usize) -> Self {
        Self::Refused(BTreeMap::from([(name(letter), "You need to subscribe before un-subscribing")]))
    }

    fn to_json(&self) -> String {
        serde_json::to_string(self).expect("letters, strings and numbers can be written as JSON")
    }
}

impl Request {
    fn parse(text: &str) -> Result<Self, String> {
        let fields: Fields = serde_json::from_str(text).map_err(|error| {
            let error = error.to_string();
            format!("{}; send {{\"action\":\"subscribe\",\"letter\":\"A\"}}, for example", shortened(&error, 200))
        })?;
        let action = match fields.action.as_str() {
            "subscribe" => Action::Subscribe,
            "unsubscribe" => Action::Unsubscribe,
            other => return Err(format!("unknown action {:?}: subscribe or unsubscribe", shortened(other, 20))),
        };
        match fields.letter.as_bytes() {
            [letter] if letter.is_ascii_alphabetic() => {
                Ok(Self { action, letter: usize::from(letter.to_ascii_uppercase() - b'A') })
            }
            _ => Err(format!("unknown letter {:?}: one of A to Z", shortened(&fields.letter, 20))),
        }
    }
}

/// Draws a new number for each letter and publishes it.
fn renew(net: &Handle, topics: &[Topic; LETTERS]) {
    for (index, topic) in topics.iter().enumerate() {
        let update = Answer::update(index, fastrand::u16(1000..=9999));
        net.publish(*topic, &Prepared::new(Message::Text(&update.to_json())));
    }
}

fn name(letter: usize) -> char {
    char::from(b'A' + letter as u8)
}

const LETTERS: usize = 26;

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn wire_types_of_the_pages_are_fresh() {
        let mut module = crate::wire::Module::new("crates/wigwag-services/src/letters.rs", "wigwag-services");
        module.add::<Fields>();
        module.add::<Answer>();
        module.check("letters.ts");
    }

    #[test]
    fn formats_are_exact() {
        assert_eq!(Answer::update(0, 1234).to_json(), r#"{"A":1234}"#);
        assert_eq!(Answer::update(25, 9999).to_json(), r#"{"Z":9999}"#);
        assert_eq!(Answer::refused(0).to_json(), r#"{"A":"You need to subscribe before un-subscribing"}"#);
    }

    mod requests {
        use super::*;

        #[test]
        fn letters_are_taken_in_any_case() {
            for (text, letter) in [("a", 0), ("A", 0), ("z", 25), ("Q", 16)] {
                let json = json!({ "action": "subscribe", "letter": text }).to_string();
                assert_eq!(Request::parse(&json), Ok(Request { action: Action::Subscribe, letter }));
            }
        }

        #[test]
        fn fields_in_any_order_and_unknown_ones_pass() {
            let request = Request::parse(r#" {"letter":"b", "id": [1], "action":"unsubscribe"} "#);
            assert_eq!(request, Ok(Request { action: Action::Unsubscribe, letter: 1 }));
        }

        #[test]
        fn unusable_ones_say_why() {
            for (text, word) in [
                ("", "EOF"),
                ("subscribe", "expected value"),
                ("[]", "invalid length"),
                ("{}", "action"),
                (r#"{"action":"subscribe"}"#, "letter"),
                (r#"{"action":"subscribe","letter":1}"#, "invalid type"),
                (r#"{"action":"subscribe","letter":""}"#, "A to Z"),
                (r#"{"action":"subscribe","letter":"AB"}"#, "A to Z"),
                (r#"{"action":"subscribe","letter":"é"}"#, "A to Z"),
                (r#"{"action":"subscribe","letter":"1"}"#, "A to Z"),
                (r#"{"action":"publish","letter":"A"}"#, "subscribe or unsubscribe"),
            ] {
                let why = Request::parse(text).expect_err(text);
                assert!(why.contains(word), "{text}: {why}");
            }
        }

        #[test]
        fn long_nonsense_is_not_sent_back() {
            let long = "é".repeat(10_000);
            for json in [json!(long), json!({ "action": long, "letter": "A" }), json!({ "action": 1, "letter": long })]
            {
                let why = Request::parse(&json.to_string()).expect_err("not a request");
                assert!(why.len() < 600, "{why}");
            }
        }
    }
}

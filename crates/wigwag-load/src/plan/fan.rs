//! Fan-out: how many publish and subscribe to how many topics ([`FanOut`], as `--fan-out` takes it), and how that is said to the
//! server ([`Broadcast`], the scenario's `[subscribe]`, `[publish]` and `[delivery]`).

use std::{fmt, str::FromStr};

use regex::bytes::Regex;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{JsonPath, Matcher, PayloadError, Template};

/// Topics, and for each of them so many publishers and subscribers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FanOut {
    /// At least 1.
    pub topics: u32,
    /// Of each topic. 0: the server publishes by itself, and its updates are compared across subscribers.
    pub publishers: u32,
    /// Of each topic; at least 1.
    pub subscribers: u32,
}

/// What one connection of a fan-out does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// Publishes to this topic.
    Publisher(u32),
    /// Hears this topic, as the subscriber of this number.
    Subscriber(u32, u32),
}

impl FanOut {
    /// Connections in all.
    #[must_use]
    pub const fn connections(&self) -> u64 {
        self.topics as u64 * (self.publishers as u64 + self.subscribers as u64)
    }

    /// Publishers come first, so that every worker has some; topics take turns.
    pub(crate) fn role(&self, connection: u32) -> Role {
        match connection.checked_sub(self.topics * self.publishers) {
            None => Role::Publisher(connection % self.topics),
            Some(number) => Role::Subscriber(number % self.topics, number / self.topics),
        }
    }
}

impl FromStr for FanOut {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || "use TOPICS:PUBLISHERS:SUBSCRIBERS, the last two of each topic, such as 10:1:100".to_owned();
        let numbers: Vec<u32> = text.split(':').map(str::parse).collect::<Result<_, _>>().map_err(|_| wrong())?;
        match numbers[..] {
            [topics @ 1..=100_000, publishers @ 0..=100_000, subscribers @ 1..=1_000_000] => {
                Ok(Self { topics, publishers, subscribers })
            }
            _ => Err(wrong()),
        }
    }
}

impl fmt::Display for FanOut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.topics, self.publishers, self.subscribers)
    }
}

/// How one subscribes and publishes, and what a delivery says.
#[derive(Clone, Debug, Default)]
pub struct Broadcast {
    /// The topics' names; without, `topic-0` and on.
    pub topics: Vec<String>,
    /// What a subscriber sends; without, a connection is a subscription.
    pub subscribe: Option<TopicMessage>,
    /// What confirms that. Without, half a second is waited before anything is published.
    pub confirm: Option<Matcher>,
    /// What a publisher sends.
    pub publish: Option<TopicMessage>,
    /// What subscribers get.
    pub delivery: Delivery,
}

/// A template with `{topic}` besides the usual placeholders.
#[derive(Clone, Debug)]
pub struct TopicMessage {
    /// As written.
    pub text: String,
    /// Sent as binary.
    pub binary: bool,
}

impl TopicMessage {
    /// The template for one topic.
    ///
    /// # Errors
    /// An unknown placeholder.
    pub fn template(&self, topic: &str) -> Result<Template, PayloadError> {
        self.text.replace("{topic}", topic).parse()
    }
}

/// Where a delivery says what it is. What is not given is not asked for; the publication is named by the `{ledger}` in it unless
/// `sequence` is given.
#[derive(Clone, Debug, Default)]
pub struct Delivery {
    /// A delivery matches this; its groups `topic`, `publisher`, `sequence` and `value` say the same as the places below.
    pub regex: Option<Regex>,
    /// The topic's name.
    pub topic: Option<JsonPath>,
    /// The publisher's `{connection}`; needed where a topic has several.
    pub publisher: Option<JsonPath>,
    /// The publication's `{sequence}`.
    pub sequence: Option<JsonPath>,
    /// What is compared where the server publishes by itself.
    pub value: Option<JsonPath>,
}

/// What a delivery says of itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Told {
    pub(crate) topic: Option<String>,
    pub(crate) publisher: Option<u32>,
    pub(crate) sequence: Option<u32>,
    pub(crate) value: Option<String>,
}

impl Delivery {
    /// Whether a delivery says the publication's number, so that it needs no `{ledger}`.
    #[must_use]
    pub fn has_sequence(&self) -> bool {
        self.sequence.is_some() || self.has_group("sequence")
    }

    /// Whether a delivery says a value that can be compared.
    #[must_use]
    pub fn has_value(&self) -> bool {
        self.value.is_some() || self.has_group("value")
    }

    /// Whether a group says the publisher.
    pub(crate) fn has_publisher(&self) -> bool {
        self.publisher.is_some() || self.has_group("publisher")
    }

    fn has_group(&self, name: &str) -> bool {
        self.regex.iter().flat_map(Regex::capture_names).flatten().any(|group| group == name)
    }

    /// What the message says; `None` if it is no delivery.
    pub(crate) fn read(&self, content: &[u8]) -> Option<Told> {
        let mut told = Told::default();
        if let Some(regex) = &self.regex {
            let found = regex.captures(content)?;
            let text = |name| found.name(name).map(|group| String::from_utf8_lossy(group.as_bytes()).into_owned());
            told.topic = text("topic");
            told.publisher = text("publisher").and_then(|text| text.parse().ok());
            told.sequence = text("sequence").and_then(|text| text.parse().ok());
            told.value = text("value");
        }
        let places = [&self.topic, &self.publisher, &self.sequence, &self.value];
        if places.iter().any(|place| place.is_some()) {
            let json: Value = serde_json::from_slice(content).ok()?;
            let text = |place: &Option<JsonPath>| match place {
                None => Some(None),
                Some(path) => path.find(&json).map(|value| Some(plain(value))),
            };
            let [topic, publisher, sequence, value] =
                [text(places[0])?, text(places[1])?, text(places[2])?, text(places[3])?];
            told.topic = topic.or(told.topic);
            told.publisher = publisher.and_then(|text| text.parse().ok()).or(told.publisher);
            told.sequence = sequence.and_then(|text| text.parse().ok()).or(told.sequence);
            told.value = value.or(told.value);
        }
        Some(told)
    }
}

fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn publishers_come_first_and_topics_take_turns() {
        let fan: FanOut = "2:1:2".parse().expect("a fan-out");
        assert_eq!(fan.connections(), 6);
        let roles: Vec<Role> = (0..6).map(|connection| fan.role(connection)).collect();
        use Role::{Publisher, Subscriber};
        let expected =
            [Publisher(0), Publisher(1), Subscriber(0, 0), Subscriber(1, 0), Subscriber(0, 1), Subscriber(1, 1)];
        assert_eq!(roles, expected);
        for text in ["", "1:1", "0:1:1", "1:1:0", "1:1:1:1", "a:1:1"] {
            assert!(text.parse::<FanOut>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_delivery_says_what_it_is_by_groups_or_by_places() {
        let regex = Regex::new(r#"^\{"(?<topic>[A-Z])":(?<value>\d+)\}$"#).expect("a regex");
        let letters = Delivery { regex: Some(regex), ..Delivery::default() };
        let told = letters.read(br#"{"A":1234}"#).expect("a delivery");
        assert_eq!((told.topic.as_deref(), told.value.as_deref()), (Some("A"), Some("1234")));
        assert_eq!(letters.read(b"hello"), None);
        let path = |text: &str| text.parse().ok();
        let json = Delivery { topic: path("t"), sequence: path("data.n"), ..Delivery::default() };
        let told = json.read(br#"{"t":"x","data":{"n":7}}"#).expect("a delivery");
        assert_eq!((told.topic.as_deref(), told.sequence), (Some("x"), Some(7)));
        assert_eq!(json.read(br#"{"t":"x"}"#), None);
        assert_eq!(Delivery::default().read(b"anything"), Some(Told::default()));
    }
}
